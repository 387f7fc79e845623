/* SPDX-License-Identifier: MIT */
/* test_stream_file.c - logs on disk: cut anywhere, damaged, imported from text; and the matcher over them with any amount of memory. */
#include "stream/matcher.h"
#include "stream/stream_import.h"

#include "unit.h"

#include "io/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define PATH_MAX_OWN 64

static void
temporary(char *path)
{
	int fd;

	snprintf(path, PATH_MAX_OWN, "/tmp/test-stream-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
}

static struct match_rec
rec(enum match_kind kind, uint64_t n)
{
	return (struct match_rec){ .kind = kind, .flow = 1, .key = (uint32_t)(n % 5), .n = n, .value = (int64_t)n,
		.hash = (uint32_t)n * 7, .at = clock_mono() };
}

static void
write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* What a log that was cut at a byte still gives. Returns the records. */
static uint64_t
read_cut(const char *path, off_t bytes, bool *ret_cut)
{
	struct stream_reader r;
	struct match_rec back;
	uint64_t n = 0, place;
	int rc;

	assert_int_equal(truncate(path, bytes), 0);
	rc = stream_reader_open(&r, path);
	if (bytes < MATCH_LOG_HEAD_BYTES) {
		assert_int_equal(rc, -EINVAL);
		stream_reader_close(&r);
		*ret_cut = true;
		return 0;
	}
	assert_int_equal(rc, 0);
	while ((rc = stream_reader_next(&r, &back, &place)) == 1) {
		assert_int_equal(place, n);
		if (back.kind != MATCH_END)
			assert_int_equal(back.n, ++n);
	}
	assert_int_equal(rc, 0);
	*ret_cut = r.cut;
	stream_reader_close(&r);
	return n;
}

static void
test_cut_anywhere(void **state)
{
	struct match_log_head head = { .side = MATCH_SIDE_SENT };
	uint64_t flushed[8], last = UINT64_MAX;
	off_t ends[8], size;
	char path[PATH_MAX_OWN];
	struct stream_writer w;
	struct stat st;
	bool cut;

	(void)state;
	temporary(path);
	assert_int_equal(stream_writer_open(&w, path, &head), 0);
	for (uint64_t n = 1, k = 0; k < 8; k++) {
		for (uint64_t i = 0; i <= k * k; i++, n++) {
			struct match_rec r = rec(MATCH_SENT, n);

			assert_int_equal(stream_writer_put(&w, &r), 0);
		}
		assert_int_equal(stream_writer_flush(&w), 0);
		assert_int_equal(fstat(w.fd, &st), 0);
		flushed[k] = n - 1;
		ends[k] = st.st_size;           /* this is what a process killed here leaves behind */
	}
	assert_int_equal(stream_writer_close(&w), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(read_cut(path, st.st_size, &cut), flushed[7]);
	assert_false(cut);
	for (size = st.st_size - 1; size >= 0; size--) {
		uint64_t n = read_cut(path, size, &cut), expected = 0;

		for (int k = 0; k < 8; k++)
			if (ends[k] <= size)
				expected = flushed[k];
		assert_true(cut);
		assert_int_equal(n, expected);
		assert_true(n <= last);
		last = n;
	}
	unlink(path);
}

static void
test_damage(void **state)
{
	struct match_log_head head = { .side = MATCH_SIDE_SENT };
	struct dice d = { .seed = 3 };
	char path[PATH_MAX_OWN];
	struct stream_writer w;
	struct stat st;
	int fd;

	(void)state;
	temporary(path);
	assert_int_equal(stream_writer_open(&w, path, &head), 0);
	for (uint64_t n = 1; n <= 20000; n++) {
		struct match_rec r = rec(MATCH_SENT, n);

		assert_int_equal(stream_writer_put(&w, &r), 0);
	}
	assert_int_equal(stream_writer_close(&w), 0);
	assert_int_equal(stat(path, &st), 0);
	fd = open(path, O_RDWR);
	for (int k = 0; k < 200; k++) {
		off_t at = (off_t)dice_roll(&d, (uint32_t)st.st_size);
		struct stream_reader r;
		struct match_rec back;
		uint64_t place;
		uint8_t byte, other;
		int rc;

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		other = (uint8_t)(byte ^ (1u << dice_roll(&d, 8)));
		assert_int_equal(pwrite(fd, &other, 1, at), 1);
		rc = stream_reader_open(&r, path);
		while (rc == 0 && (rc = stream_reader_next(&r, &back, &place)) == 1)
			rc = 0;
		/* Noticed, or (a length that reaches behind the end) taken for a cut; never believed. */
		assert_true(rc < 0 || r.cut);
		assert_true(rc == 0 || r.error[0] != '\0');
		stream_reader_close(&r);
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	close(fd);
	unlink(path);
}

static bool
go_on(void)
{
	return false;
}

static void
test_import(void **state)
{
	char path[PATH_MAX_OWN], error[STREAM_IMPORT_ERROR];
	struct stream_reader r;
	struct match_rec back;
	uint64_t place;

	(void)state;
	temporary(path);
	write_text(path, "{\"type\":\"sent\",\"n\":1}\n\n{\"type\":\"ack\",\"n\":1}\n{\"type\":\"sent\",\"n\":");
	assert_int_equal(stream_import_open(&r, path, MATCH_SIDE_SENT, false, go_on, error), 0);
	assert_true(r.cut && r.head.acks);
	assert_int_equal(stream_reader_next(&r, &back, &place), 1);
	assert_true(back.kind == MATCH_SENT && back.n == 1 && back.at == 0);
	assert_int_equal(stream_reader_next(&r, &back, &place), 1);
	assert_true(back.kind == MATCH_ACK && place == 1);
	assert_int_equal(stream_reader_next(&r, &back, &place), 1);
	assert_int_equal(back.kind, MATCH_END);
	stream_reader_close(&r);
	write_text(path, "{\"type\":\"sent\",\"n\":1}\n{\"type\":\"sent\",\"n\":x}\n");
	assert_int_equal(stream_import_open(&r, path, MATCH_SIDE_SENT, false, go_on, error), -EINVAL);
	assert_non_null(strstr(error, ":2:"));
	stream_reader_close(&r);
	assert_int_equal(stream_import_open(&r, "/nonexistent", MATCH_SIDE_SENT, false, go_on, error), -ENOENT);
	stream_reader_close(&r);
	unlink(path);
}

struct planted {
	uint64_t lost, twice, behind;
};

/* Messages of a stream with defects here and there, a hundred to a block so that slices can leave blocks out. */
static void
write_stream(const char *sent, const char *received, uint64_t count, struct planted *ret)
{
	struct match_log_head head = { .side = MATCH_SIDE_SENT, .acks = true };
	struct dice d = { .seed = 8 };
	struct stream_writer s, g;

	assert_int_equal(stream_writer_open(&s, sent, &head), 0);
	head.side = MATCH_SIDE_RECEIVED;
	assert_int_equal(stream_writer_open(&g, received, &head), 0);
	for (uint64_t n = 1; n <= count; n++) {
		struct match_rec r = rec(MATCH_SENT, n), a = rec(MATCH_ACK, n), got = rec(MATCH_GOT, n), later = rec(MATCH_GOT, n + 5);
		uint32_t what = dice_roll(&d, 1000);

		(void)stream_writer_put(&s, &r);
		(void)stream_writer_put(&s, &a);
		if (what == 1 && n + 5 <= count) {
			(void)stream_writer_put(&g, &later);
			ret->twice++;
			ret->behind++;
		}
		ret->lost += what == 0;
		ret->twice += what == 2;
		for (uint32_t i = what == 0 ? 1 : 0; i < (what == 2 ? 2u : 1u); i++)
			(void)stream_writer_put(&g, &got);
		if (n % 100 == 0)
			assert_true(stream_writer_flush(&s) == 0 && stream_writer_flush(&g) == 0);
	}
	assert_int_equal(stream_writer_close(&s), 0);
	assert_int_equal(stream_writer_close(&g), 0);
}

static uint32_t
match_files(const char *sent, const char *received, size_t memory, struct match_result *result)
{
	struct matcher *m = calloc(1, sizeof(*m));
	struct stream_reader s, g;
	uint32_t slices;

	assert_int_equal(stream_reader_open(&s, sent), 0);
	assert_int_equal(stream_reader_open(&g, received), 0);
	*m = (struct matcher){
		.sent_count = 1, .received_count = 1, .sent = &s, .received = &g, .memory_bytes = memory, .late = FL_NEVER, .result = result,
	};
	assert_int_equal(matcher_run(m), 0);
	assert_true(m->acks && m->clocks);
	slices = m->slices;
	matcher_fini(m);
	stream_reader_close(&s);
	stream_reader_close(&g);
	free(m);
	return slices;
}

static void
test_slices(void **state)
{
	struct match_result *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));
	char sent[PATH_MAX_OWN], received[PATH_MAX_OWN];
	struct planted p = { .lost = 0 };

	(void)state;
	temporary(sent);
	temporary(received);
	write_stream(sent, received, 300000, &p);
	assert_int_equal(match_files(sent, received, 64u << 20, a), 1);
	assert_int_equal(match_files(sent, received, 1u << 20, b), 5);
	assert_int_equal(a->sent, 300000);
	assert_int_equal(a->defects[MATCH_DEFECT_LOST], p.lost);
	assert_int_equal(a->defects[MATCH_DEFECT_DUPLICATE] + (a->sent - a->first), p.twice + p.lost);
	assert_true(a->defects[MATCH_DEFECT_REORDERED] > p.behind / 2 && p.behind > 100);
	assert_memory_equal(a, b, sizeof(*a));
	unlink(sent);
	unlink(received);
	free(a);
	free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_anywhere), cmocka_unit_test(test_damage), cmocka_unit_test(test_import), cmocka_unit_test(test_slices),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
