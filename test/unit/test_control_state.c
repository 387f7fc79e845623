/* SPDX-License-Identifier: MIT */
/* test_control_state.c - the state file: what is saved comes back; what cannot be written harms nothing. */
#include "control/state.h"
#include "control_rig.h"
#include "io/file.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

static struct rig rig;
static struct buf text;
static char dir[] = "/tmp/faultline-unit-XXXXXX";
static char path[64];

static int
start(void **state)
{
	(void)state;
	rig_start(&rig);
	buf_init(&text, 1 << 20);
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/state.json", dir);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	unlink(path);
	rmdir(dir);
	buf_fini(&text);
	rig_stop(&rig);
	return 0;
}

/* Save what the table holds now, all the way to the disk. */
static void
save(const char *to)
{
	struct state *s = NULL;

	assert_int_equal(state_new(to, &rig.log, &s), 0);
	state_save(s, &rig.lines, io_clock(rig.io));
	state_free(s);
}

/* Forget all lines (the proxy's stay until the end) and load them from the file. */
static int
load(void)
{
	struct doc *doc = NULL;
	int rc;

	list_for_safe(link, &rig.lines.order)
		lines_delete(&rig.lines, list_entry(link, struct lines_line, link));
	buf_clear(&text);
	rc = state_load(path, &text, &doc);
	if (rc != 0)
		return rc;
	while ((rc = state_apply(doc, &rig.lines, &text)) == -EINPROGRESS)
		rig_wait(&rig);
	doc_free(doc);
	return rc;
}

static void
test_round_trip(void **state)
{
	struct lines_line *a = NULL, *b = NULL;
	struct lines_toxic *x;
	uint64_t seed = 0;
	struct doc *doc;
	char *before_a, *before_b;
	struct stat st;

	(void)state;
	assert_int_equal(rig_create(&rig, "{\"name\":\"a <&> \\u20ac\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"u:1\",\"half_close\":true,"
	    "\"toxics\":[{\"type\":\"latency\",\"attributes\":{\"latency\":5},\"scope\":{\"client\":\"10.0.0.0/8\","
	    "\"window\":{\"from\":1,\"to\":\"2s\"}}}]}", &a), 0);
	assert_int_equal(rig_toxic(&rig, a, "{\"type\":\"timeout\",\"ttl\":\"1h\",\"toxicity\":1e-7,\"stream\":\"UPSTREAM\"}", &x), 0);
	assert_int_equal(rig_create(&rig, "{\"name\":\"b\",\"listen\":\"localhost:1\",\"upstream\":\"u:2\",\"enabled\":false,"
	    "\"key\":\"client\"}", &b), 0);
	a->origin = strdup("0123");
	before_a = strdup(rig_show(a, &text));
	before_b = strdup(rig_show(b, &text));
	save(path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(load(), 0);
	a = lines_find(&rig.lines, "a <&> \xe2\x82\xac");
	b = lines_find(&rig.lines, "b");
	assert_string_equal(rig_show(a, &text), before_a);
	assert_string_equal(rig_show(b, &text), before_b);
	assert_string_equal(a->origin, "0123");
	assert_null(b->origin);
	x = lines_toxic_find(a, "timeout_UPSTREAM");
	assert_true(x->expires > io_clock(rig.io) + 3500 * FL_SEC && x->expires < io_clock(rig.io) + 3700 * FL_SEC);
	assert_int_equal(state_load(path, &text, &doc), 0);
	assert_true(state_seed(doc, &seed) && seed == 42);
	doc_free(doc);
	free(before_a);
	free(before_b);
}

static void
test_lease_that_ran_out(void **state)
{
	struct lines_line *a = NULL;
	struct lines_toxic *x;

	(void)state;
	assert_int_equal(rig_create(&rig, "{\"name\":\"a\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"u:1\"}", &a), 0);
	assert_int_equal(rig_toxic(&rig, a, "{\"type\":\"noop\",\"ttl\":\"1h\"}", &x), 0);
	lines_toxic_expire(&rig.lines, x, io_clock(rig.io) - FL_SEC);
	save(path);
	assert_int_equal(load(), 0);
	lines_tick(&rig.lines, io_clock(rig.io));
	assert_int_equal(lines_find(&rig.lines, "a")->toxic_count, 0);
}

static void
test_port_taken_meanwhile(void **state)
{
	struct lines_line *a = NULL;
	struct io_addr addr;
	char listen[LINES_ADDRESS_MAX];
	int fd;

	(void)state;
	assert_int_equal(rig_create(&rig, "{\"name\":\"a\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"u:1\"}", &a), 0);
	memcpy(listen, a->listen, sizeof(listen));
	save(path);
	lines_delete(&rig.lines, a);
	assert_int_equal(addr_parse(listen, &addr), 0);
	assert_int_equal(io_bind(&addr, &fd, NULL), 0);
	assert_int_equal(load(), 0);
	a = lines_find(&rig.lines, "a");
	assert_false(a->enabled);
	assert_string_equal(a->listen, listen);
	close(fd);
}

static void
test_bad_files(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "{\"version\":2}", "{\"version\":1,\"lines\":[{\"name\":\"a\"}]}",
		"{\"version\":1,\"lines\":[{\"name\":\"a\",\"upstream\":\"u:1\",\"toxics\":[{\"type\":\"slicer\"}]}]}",
		    "{\"version\":1,\"lines\":[5]}" };
	struct doc *doc;

	(void)state;
	assert_int_equal(state_load(path, &text, &doc), -ENOENT);
	for (size_t i = 0; i < FL_ARRAY_LEN(texts); i++) {
		assert_int_equal(file_replace(path, texts[i], strlen(texts[i]), 0600), 0);
		assert_int_not_equal(load(), 0);
		assert_true(buf_len(&text) > 0);
	}
	assert_int_equal(file_replace(path, "{\"version\":1}", 13, 0600), 0);
	assert_int_equal(load(), 0);
}

static void
test_unwritable(void **state)
{
	struct lines_line *a = NULL;
	struct state *s = NULL;
	fl_ns now = io_clock(rig.io);

	(void)state;
	assert_int_equal(rig_create(&rig, "{\"name\":\"a\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"u:1\"}", &a), 0);
	save(path);
	assert_int_equal(state_new("/nonexistent/state.json", &rig.log, &s), 0);
	state_save(s, &rig.lines, now);
	while (state_next(s) == FL_NEVER)       /* until the writer's failure was seen */
		state_save(s, &rig.lines, now);
	assert_true(state_next(s) > now);
	state_free(s);
	assert_int_equal(load(), 0);            /* the other file is as it was */
	assert_non_null(lines_find(&rig.lines, "a"));
}

static void
test_replace(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(file_replace(path, "one", 3, 0600), 0);
	assert_int_equal(file_replace(path, "second", 6, 0600), 0);
	assert_int_equal(file_read(path, &b), 0);
	assert_string_equal(buf_str(&b), "second");
	assert_int_equal(file_read_regular("/dev/zero", &b), -EINVAL);
	assert_int_equal(file_read("/dev/zero", &b), -EFBIG);
	assert_string_equal(buf_str(&b), "second");
	assert_int_equal(file_replace(dir, "x", 1, 0600), -EISDIR);

	/* A pipe stays one, and gets what was to be written. */
	char pipe_path[PATH_MAX], got[8] = "";
	struct stat st;

	snprintf(pipe_path, sizeof(pipe_path), "%s/pipe", dir);
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	int fd = open(pipe_path, O_RDONLY | O_NONBLOCK);

	assert_true(fd >= 0);
	assert_int_equal(file_replace(pipe_path, "three", 5, 0600), 0);
	assert_int_equal(read(fd, got, sizeof(got)), 5);
	assert_memory_equal(got, "three", 5);
	close(fd);
	assert_true(lstat(pipe_path, &st) == 0 && S_ISFIFO(st.st_mode));
	unlink(pipe_path);
	snprintf(path, sizeof(path), "%s.tmp", dir);
	assert_true(access(path, F_OK) != 0);
	snprintf(path, sizeof(path), "%s/state.json", dir);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, start, stop),
		cmocka_unit_test_setup_teardown(test_lease_that_ran_out, start, stop),
		cmocka_unit_test_setup_teardown(test_port_taken_meanwhile, start, stop),
		cmocka_unit_test_setup_teardown(test_bad_files, start, stop),
		cmocka_unit_test_setup_teardown(test_unwritable, start, stop),
		cmocka_unit_test_setup_teardown(test_replace, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
