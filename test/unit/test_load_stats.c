/* SPDX-License-Identifier: MIT */
/* test_load_stats.c - counting requests: in which piece of time, as what, merged, kept as samples, and told as a result. */
#include "unit.h"

#include "run/load_stats.h"
#include <jansson.h>

static void
make(struct load_stats *s, fl_ns duration, double requests)
{
	struct load_stats_conf c = { .origin = 5 * FL_SEC, .duration = duration, .seed = 3, .requests = requests };

	assert_int_equal(load_stats_init(s, &c), 0);
}

static void
ended(struct load_stats *s, uint64_t n, fl_ns due, fl_ns latency, enum load_outcome o, unsigned status, const char *by)
{
	struct load_ended e = { .n = n, .due = due, .at = due + latency, .outcome = o, .status = status, .attempts = 1, .refused_by = by };

	load_stats_asked(s, due);
	load_stats_attempt(s, due);
	load_stats_done(s, &e);
}

static void
test_buckets_and_outcomes(void **state)
{
	struct load_stats *s = malloc(sizeof(*s));
	struct result_load r;
	struct arena mem;

	(void)state;
	assert_non_null(s);
	arena_init(&mem, 1u << 20);
	make(s, 20 * FL_SEC, 100);
	assert_int_equal(s->bucket_ns, 100 * FL_MS);
	ended(s, 0, 5 * FL_SEC, 10 * FL_MS, LOAD_OK, 200, NULL);
	ended(s, 1, 5 * FL_SEC + 50 * FL_MS, 100 * FL_MS, LOAD_OK, 200, NULL);          /* due in the first bucket, answered in the second */
	ended(s, 2, 5 * FL_SEC + 150 * FL_MS, FL_MS, LOAD_STATUS, 500, NULL);
	ended(s, 3, 5 * FL_SEC + 150 * FL_MS, FL_MS, LOAD_REFUSED, 503, "breaker");
	ended(s, 4, 5 * FL_SEC + 150 * FL_MS, FL_MS, LOAD_REFUSED, 429, NULL);
	ended(s, 5, 5 * FL_SEC + 250 * FL_MS, FL_MS, LOAD_TIMEOUT, 0, NULL);
	ended(s, 6, 5 * FL_SEC + 250 * FL_MS, 90 * FL_SEC, LOAD_LATE, 200, NULL);       /* beyond the last bucket: in it */
	assert_int_equal(load_stats_result(s, &mem, &r), 0);
	assert_int_equal(r.asked, 7);
	assert_int_equal(r.attempts, 7);
	assert_int_equal(r.ok, 2);
	assert_int_equal(r.fail, 4);
	assert_int_equal(r.info, 1);
	assert_int_equal(r.late, 1);
	assert_int_equal(r.refused, 2);
	assert_int_equal(r.buckets[0].at, 5 * FL_SEC);
	assert_int_equal(r.buckets[0].asked, 2);
	assert_int_equal(r.buckets[0].asked_ok, 2);
	assert_int_equal(r.buckets[0].ok, 1);
	assert_int_equal(r.buckets[1].ok, 1);
	assert_int_equal(r.buckets[1].asked, 3);
	assert_int_equal(r.buckets[1].asked_ok, 0);
	assert_int_equal(r.buckets[1].fail, 3);
	assert_int_equal(r.buckets[1].refused, 2);
	assert_int_equal(r.buckets[2].info, 1);
	assert_int_equal(r.buckets[r.bucket_count - 1].late, 1);
	assert_int_equal(r.latency->total, 7);
	assert_int_equal(r.latency_ok->total, 2);
	assert_int_equal(r.error_count, 5);
	for (uint32_t i = 0; i < r.error_count; i++)
		assert_string_equal(r.errors[i].text, "1 time");
	load_stats_fini(s);
	arena_fini(&mem);
	free(s);
}

static void
test_merged_is_as_one(void **state)
{
	struct load_stats *s = calloc(3, sizeof(*s));
	struct dice d = { .seed = 8 };
	static const char *const names[] = { "a", "b", NULL };
	struct result_load one, merged;
	struct arena mem;

	(void)state;
	assert_non_null(s);
	arena_init(&mem, 4u << 20);
	for (int i = 0; i < 3; i++)
		make(&s[i], 10 * FL_SEC, 2000);
	for (uint64_t n = 0; n < 2000; n++) {
		fl_ns due = 5 * FL_SEC + dice_roll(&d, 9000) * FL_MS, latency = dice_roll(&d, 900) * FL_MS;
		enum load_outcome o = (enum load_outcome)dice_roll(&d, LOAD_OUTCOME_COUNT);
		const char *by = o == LOAD_REFUSED ? names[dice_roll(&d, 3)] : NULL;
		unsigned status = o == LOAD_STATUS ? 500 + dice_roll(&d, 3) : 0;
		ended(&s[0], n, due, latency, o, status, by);
		ended(&s[1 + n % 2], n, due, latency, o, status, by);
	}
	load_stats_merge(&s[1], &s[2]);
	assert_int_equal(load_stats_result(&s[0], &mem, &one), 0);
	assert_int_equal(load_stats_result(&s[1], &mem, &merged), 0);
	assert_int_equal(one.bucket_count, merged.bucket_count);
	assert_memory_equal(one.buckets, merged.buckets, one.bucket_count * sizeof(one.buckets[0]));
	assert_int_equal(one.error_count, merged.error_count);
	assert_int_equal(one.ok + one.fail + one.info, 2000);
	assert_int_equal(merged.ok + merged.fail + merged.info, 2000);
	assert_int_equal(hist_quantile(one.latency, 0.9), hist_quantile(merged.latency, 0.9));
	assert_int_equal(s[0].sample_count, s[1].sample_count);
	for (int i = 0; i < 3; i++)
		load_stats_fini(&s[i]);
	arena_fini(&mem);
	free(s);
}

/* Which requests are kept depends on the seed and their number alone; there are never more than there is room for. */
static void
test_samples(void **state)
{
	static const char *const paths[] = { "/a" };
	struct load_stats *s = malloc(sizeof(*s));
	struct buf out;
	const char *line;
	uint64_t last = 0;
	unsigned lines = 0;

	(void)state;
	assert_non_null(s);
	make(s, 10 * FL_SEC, 40000);
	for (uint64_t n = 40000; n > 0; n--)
		ended(s, n, 6 * FL_SEC, FL_MS, n % 2 == 0 ? LOAD_OK : LOAD_REFUSED, 200, n % 2 == 0 ? NULL : "who \"else\"");
	assert_in_range(s->sample_count, 9500, 10500);
	buf_init(&out, 64u << 20);
	assert_int_equal(load_stats_put_samples(s, paths, &out), 0);
	for (line = buf_str(&out); *line != '\0'; line = strchr(line, '\n') + 1, lines++) {
		json_error_t e;
		json_t *j = json_loadb(line, (size_t)(strchr(line, '\n') - line), 0, &e);
		json_int_t n = 0;
		const char *outcome = NULL;
		assert_int_equal(json_unpack(j, "{s:I,s:s}", "n", &n, "outcome", &outcome), 0);
		assert_true((uint64_t)n > last);
		assert_string_equal(outcome, n % 2 == 0 ? "ok" : "refused");
		last = (uint64_t)n;
		json_decref(j);
	}
	assert_int_equal(lines, s->sample_count);
	for (uint64_t n = 0; n < 1000000; n++)
		ended(s, n, 6 * FL_SEC, FL_MS, LOAD_OK, 200, NULL);
	assert_int_equal(s->sample_count, s->sample_max);
	buf_fini(&out);
	load_stats_fini(s);
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets_and_outcomes),
		cmocka_unit_test(test_merged_is_as_one),
		cmocka_unit_test(test_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
