/* SPDX-License-Identifier: MIT */
/* test_trace_file.c - a trace store as it is written: whole blocks whatever happens, a bounded tail, a disk that is full, a kill -9. */
#include "trace_rig.h"

#include "base/assert.h"
#include "run/trace_file.h"
#include "run/trace_recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define MEMORY ((size_t)64 << 20)

static char dir[64], path[96];

static int
group_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/faultline-trace-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/trace.bin", dir);
	return 0;
}

static int
group_down(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

static void
put(struct trace_file *f, uint64_t n)
{
	struct trace_event e = { .at = (fl_ns)n, .kind = TRACE_IN, .line = rig_text("orders"), .conn = 1, .number = n, .hash = n };

	trace_file_put(f, &e);
}

static void
assert_store(uint64_t events, uint64_t files, bool whole)
{
	struct trace_map m;

	assert_int_equal(trace_map_open(&m, path, MEMORY), 0);
	assert_int_equal(m.store.events, events);
	assert_int_equal(m.store.files, files);
	assert_int_equal(m.store.torn_bytes == 0 && m.store.damaged_bytes == 0 && m.store.missing == 0, whole);
	trace_map_fini(&m);
	assert_int_equal(trace_map_open(&m, dir, MEMORY), 0);           /* trace.bin of the directory */
	trace_map_fini(&m);
}

static void
test_append(void **state)
{
	struct trace_file *f;

	(void)state;
	(void)unlink(path);
	for (unsigned run = 1; run <= 2; run++) {
		assert_int_equal(trace_file_new(path, 0, &f), 0);
		for (uint64_t n = 1; n <= 10000; n++)
			put(f, n);
		assert_int_equal(trace_file_free(f), 0);
		assert_store(10000ull * run, run, true);
	}
}

/* What waits long enough is on disk; a kill -9 takes the rest, and readers find all before it. */
static void
test_killed(void **state)
{
	struct trace_file *f;
	pid_t child;
	int status;

	(void)state;
	(void)unlink(path);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (trace_file_new(path, 0, &f) != 0)
			_exit(1);
		for (uint64_t n = 1; n <= 100; n++)
			put(f, n);
		(void)trace_file_kick(f, 0, FL_SEC);
		(void)trace_file_kick(f, 0, FL_SEC + TRACE_FILE_WAIT);
		put(f, 101);
		(void)trace_file_kick(f, 0, 2 * FL_SEC);
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_store(100, 1, true);
}

/* Killed in the middle of write(): the torn end is told, what is appended behind it is read. */
static void
test_torn_then_appended(void **state)
{
	struct trace_file *f;
	struct stat st;
	struct trace_map m;

	(void)state;
	(void)unlink(path);
	for (unsigned run = 0; run < 2; run++) {
		assert_int_equal(trace_file_new(path, 0, &f), 0);
		for (uint64_t n = 1; n <= 10; n++)
			put(f, n);
		assert_int_equal(trace_file_flush(f), 0);
		put(f, 11);
		assert_int_equal(trace_file_free(f), 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(truncate(path, st.st_size - 5), 0);
	}
	assert_int_equal(trace_map_open(&m, path, MEMORY), 0);
	assert_true(m.store.events == 20 && m.store.damaged_bytes > 0 && m.store.torn_bytes > 0 && m.store.files == 2);
	trace_map_fini(&m);
}

/* A file that may not grow: nothing is half written, what is lost is counted and told once; when it may, that is told and it goes on. */
static void
grow_limit(void *unused)
{
	struct trace_file *f;
	struct rlimit limit = { .rlim_cur = 3000, .rlim_max = RLIM_INFINITY };
	struct stat st;
	uint64_t n = 0;
	off_t before;

	(void)unused;
	signal(SIGXFSZ, SIG_IGN);
	(void)unlink(path);
	fl_assert(trace_file_new(path, 0, &f) == 0);
	put(f, ++n);
	fl_assert(trace_file_flush(f) == 0 && stat(path, &st) == 0);
	before = st.st_size;
	fl_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	while (n < 20001)
		put(f, ++n);
	fl_assert(trace_file_flush(f) == -EFBIG);
	fl_assert(trace_file_kick(f, 0, FL_SEC) == -EFBIG && trace_file_kick(f, 7, FL_SEC) == 0);
	fl_assert(trace_file_lost(f) == 20007 && stat(path, &st) == 0 && st.st_size == before);
	limit.rlim_cur = RLIM_INFINITY;
	fl_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	put(f, ++n);
	fl_assert(trace_file_flush(f) == -EFBIG);       /* the first error there was */
	fl_assert(trace_file_kick(f, 0, FL_SEC) == 1 && trace_file_kick(f, 0, FL_SEC) == 0);
	(void)trace_file_free(f);
}

static void
test_full_disk(void **state)
{
	struct trace_map m;

	(void)state;
	assert_false(unit_aborts(grow_limit, NULL));
	assert_int_equal(trace_map_open(&m, path, MEMORY), 0);
	assert_true(m.store.events == 2 && m.store.lost == 20007 && m.store.torn_bytes == 0 && m.store.damaged_bytes == 0);
	trace_map_fini(&m);
}

/* In memory: the latest, whole blocks, never more than was asked for. */
static void
test_tail(void **state)
{
	const size_t max = 4 * (size_t)TRACE_BLOCK_BYTES;
	struct trace_file *f;
	struct trace_map m;
	const uint8_t *p;
	size_t n = 0;

	(void)state;
	assert_int_equal(trace_file_new(NULL, max, &f), 0);
	for (uint64_t k = 1; k <= 200000; k++) {
		put(f, k);
		n = trace_file_tail(f, &p);
		assert_true(n <= max);
	}
	assert_int_equal(trace_file_flush(f), 0);
	n = trace_file_tail(f, &p);
	assert_true(n > max / 4);
	assert_int_equal(trace_map_bytes(&m, "memory", (void *)(uintptr_t)p, n, MEMORY), 0);
	assert_true(m.store.events > 1000 && m.store.damaged_bytes == 0 && m.store.torn_bytes == 0);
	assert_int_equal(m.store.time_max, 200000);
	trace_map_fini(&m);
	assert_int_equal(trace_file_free(f), 0);
}

static void
test_refused(void **state)
{
	struct trace_map m;
	struct trace_file *f = NULL;
	int fd;

	(void)state;
	(void)unlink(path);
	assert_int_equal(trace_map_open(&m, path, MEMORY), -ENOENT);
	trace_map_fini(&m);
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	assert_true(fd >= 0);
	assert_int_equal(trace_map_open(&m, path, MEMORY), -EBADMSG);
	trace_map_fini(&m);
	assert_int_equal(write(fd, "no trace at all", 15), 15);
	close(fd);
	assert_int_equal(trace_map_open(&m, path, MEMORY), -EBADMSG);
	trace_map_fini(&m);
	assert_int_equal(trace_file_new("/nonexistent/trace.bin", 0, &f), -ENOENT);
	assert_null(f);
}

/* What a recorder is given: only lines that it was told of; each life of a line has numbers of its own. */
static void
test_recorder(void **state)
{
	struct trace_conf conf = { .from = "shop", .to = "billing" };
	struct trace_recorder *r;
	struct http_record call = { .conn = 1, .number = 1, .status = 200, .method = "GET", .path = "/", .line = "front", .id = "o-1" };
	struct proxy_event ev = { .conn_ordinal = 1, .what = "close", .line = "front" };
	struct trace_map m;
	struct arena mem;
	struct lineage l;
	const struct trace_query all = { .kinds = 0 };

	(void)state;
	(void)unlink(path);
	assert_int_equal(trace_recorder_new(path, 0, 0, &r), 0);
	trace_recorder_call(r, &call);                  /* not yet a line */
	trace_recorder_event(r, &ev);
	trace_recorder_line(r, "front", &conf, true, 0);
	trace_recorder_call(r, &call);
	trace_recorder_event(r, &ev);
	trace_recorder_line(r, "front", &conf, true, 0);
	trace_recorder_call(r, &call);
	trace_recorder_fault(r, "kill", true, 5);
	assert_int_equal(trace_recorder_events(r), 2 + 4 + 1 + 1);
	assert_int_equal(trace_recorder_free(r), 0);
	assert_int_equal(trace_map_open(&m, path, MEMORY), 0);
	arena_init(&mem, MEMORY);
	assert_int_equal(lineage_build(&l, &m.store, &all, &mem), 0);
	assert_true(l.count == 2 && l.line_count == 1 && l.round_count == 1 && l.close_count == 1);
	assert_int_not_equal(lineage_find(&l, rig_text("front"), 1, 1, 0), LINEAGE_NONE);
	assert_int_not_equal(lineage_find(&l, rig_text("front"), 1ull << TRACE_LIFE_SHIFT | 1, 1, 0), LINEAGE_NONE);
	assert_true(trace_text_is(lineage_from(&l, 0), "shop") && trace_text_is(lineage_to(&l, 0), "billing"));
	arena_fini(&mem);
	trace_map_fini(&m);
	trace_recorder_call(NULL, &call);
	assert_int_equal(trace_recorder_free(NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append), cmocka_unit_test(test_killed), cmocka_unit_test(test_torn_then_appended),
		    cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_tail), cmocka_unit_test(test_refused), cmocka_unit_test(test_recorder),
	};
	return cmocka_run_group_tests(tests, group_up, group_down);
}
