/* SPDX-License-Identifier: MIT */
/* test_contrast.c - runs side by side: the verdict of all, and reports that are well formed whatever the texts and the numbers. */
#include "unit.h"

#include "run/gauge.h"
#include "run/page_contrast.h"
#include "run/report_contrast.h"

#include "markup.h"
#include <jansson.h>
#include <math.h>

#define EVIL "<script>alert('x')</script>\"&\x01\xff]]>--"
#define BUCKETS 300

static struct run_result runs[3];
static struct result_bucket buckets[3][BUCKETS];
static struct result_fault faults[3];
static struct result_counter counters[1];
static struct contrast c;

static void
make_run(struct run_result *r, struct result_bucket *b, uint32_t good, const char *text)
{
	static const char *const members[] = { "requests" };
	static const fl_ns at[] = { 5 * FL_SEC, 10 * FL_SEC, 15 * FL_SEC };
	static const double values[] = { 10, 50, 20 }, increase[] = { 60 };
	static struct result_pair errors[9];
	static struct result_tolerance tolerances[1];
	static const char *reasons[1];

	for (size_t i = 0; i < FL_ARRAY_LEN(errors); i++)
		errors[i] = (struct result_pair){ text, text };
	tolerances[0] = (struct result_tolerance){ text, text, text, false, true };
	reasons[0] = text;
	faults[0] = (struct result_fault){ .name = text, .text = text, .from = 10 * FL_SEC, .to = 12 * FL_SEC, .landed = true };
	faults[1] = (struct result_fault){ .name = "instant", .from = 14 * FL_SEC, .to = 14 * FL_SEC };
	faults[2] = (struct result_fault){ .name = "for ever", .from = 30 * FL_SEC, .to = FL_NEVER };
	counters[0] = (struct result_counter){ .name = text, .url = text, .members = members, .member_count = 1, .at = at, .values = values,
		.increase = increase, .highest = increase, .sample_count = 3, .requests = 60, .worked = NAN, .wasted = NAN };
	*r = (struct run_result){ .name = text, .run_dir = text, .duration_ns = 40 * FL_SEC, .verdict = RESULT_HELD, .faults = faults,
		.fault_count = 3, .counters = counters, .counter_count = 1, .tolerances = tolerances, .tolerance_count = 1, .reasons = reasons,
		.reason_count = 1 };
	r->load = (struct result_load){ .open = true, .what = text, .start = 5 * FL_SEC, .length = 30 * FL_SEC, .bucket_ns = 100 * FL_MS,
		.buckets = b, .bucket_count = BUCKETS, .asked = BUCKETS * 10, .attempts = BUCKETS * 11, .errors = errors, .error_count = 9,
		.ok = BUCKETS * good, .fail = BUCKETS * (10 - good) };
	for (uint32_t i = 0; i < BUCKETS; i++)
		b[i] = (struct result_bucket){ .at = 5 * FL_SEC + i * 100 * FL_MS, .asked = 10, .asked_ok = good, .ok = good, .fail = 10 - good,
			.refused = (10 - good) / 2, .p50 = FL_MS, .p95 = 2 * FL_MS, .p99 = 3 * FL_MS, .max = 4 * FL_MS };
	gauge_fill(r, &r->metrics);
}

static void
make(const char *text)
{
	make_run(&runs[0], buckets[0], 3, text);
	make_run(&runs[1], buckets[1], 10, text);
	c = (struct contrast){ .name = text, .description = text, .run_dir = text, .command = text, .replay = text, .count = 3, .claim_count = 2,
		.sides = { { "bare", &runs[0], NULL }, { text, &runs[1], NULL }, { "gone", NULL, text } },
		.claims = { { text, { .held = true, .known = true } }, { "b > a", { .held = false, .known = false } } } };
	contrast_judge(&c);
}

static void
check_pages(void)
{
	static const char *const never[] = { "\"nan", "nan\"", "\"inf", "inf\"", "-nan", "Lnan", "Mnan", " nan", "Linf" };
	struct buf out;
	json_error_t e;
	json_t *root;

	buf_init(&out, 16u << 20);
	assert_int_equal(page_contrast(&c, &out), 0);
	assert_in_range(markup_check(buf_str(&out)), 10, 1000000);
	for (size_t i = 0; i < FL_ARRAY_LEN(never); i++)
		assert_null(strstr(buf_str(&out), never[i]));
	assert_null(strstr(buf_str(&out), "<script>alert"));
	assert_null(strstr(buf_str(&out), "http://"));
	buf_clear(&out);
	assert_int_equal(report_contrast_junit(&c, &out), 0);
	assert_in_range(markup_check(buf_str(&out)), 3, 1000);
	buf_clear(&out);
	assert_int_equal(report_contrast_json(&c, &out), 0);
	root = json_loads(buf_str(&out), 0, &e);
	assert_non_null(root);
	assert_int_equal(json_array_size(json_object_get(root, "variants")), c.count);
	assert_int_equal(json_array_size(json_object_get(root, "compare")), c.claim_count);
	json_decref(root);
	buf_clear(&out);
	assert_int_equal(report_contrast_text(&c, false, &out), 0);
	assert_null(strchr(buf_str(&out), 1));
	buf_fini(&out);
}

static void
test_reports_of_all_kinds(void **state)
{
	struct buf small;

	(void)state;
	make("plain");
	check_pages();
	make(EVIL);
	check_pages();
	c.count = 1;                    /* one that left nothing */
	c.sides[0] = c.sides[2];
	check_pages();
	make("plain");
	runs[0].load = (struct result_load){ .open = true };
	runs[1].load.bucket_count = 1;
	gauge_fill(&runs[0], &runs[0].metrics);
	check_pages();
	buf_init(&small, 1000);
	assert_int_not_equal(page_contrast(&c, &small), 0);
	buf_fini(&small);
}

static void
test_verdicts(void **state)
{
	(void)state;
	make("t");
	assert_int_equal(c.exit_code, 4);       /* one did not run */
	c.count = 2;
	contrast_judge(&c);
	assert_int_equal(c.exit_code, 4);       /* a comparison cannot be told */
	c.claim_count = 1;
	contrast_judge(&c);
	assert_int_equal(c.exit_code, 0);
	c.claims[0].outcome.held = false;
	contrast_judge(&c);
	assert_int_equal(c.exit_code, 1);
	c.claims[0].outcome.held = true;
	runs[1].verdict = RESULT_FINDING;
	contrast_judge(&c);
	assert_int_equal(c.exit_code, 1);
	runs[0].verdict = RESULT_ABORTED;
	contrast_judge(&c);
	assert_int_equal(c.exit_code, 3);
	runs[0].verdict = runs[1].verdict = RESULT_HELD;
	runs[1].exit_code = 4;                  /* it held, but could not be written down */
	contrast_judge(&c);
	assert_int_equal(c.exit_code, 4);
}

static void
test_what_is_best(void **state)
{
	(void)state;
	make("t");
	assert_int_equal(contrast_best(&c, METRIC_GOODPUT), 1);
	assert_int_equal(contrast_best(&c, METRIC_ERRORS), 1);
	assert_int_equal(contrast_best(&c, METRIC_P99), -1);
	assert_false(contrast_known(&c, METRIC_P99));
	runs[0].metrics.of[METRIC_HEAL] = INFINITY;
	runs[1].metrics.of[METRIC_HEAL] = INFINITY;
	assert_int_equal(contrast_best(&c, METRIC_HEAL), -1);
	runs[0].metrics.of[METRIC_HEAL] = 1.0 * FL_SEC;
	assert_int_equal(contrast_best(&c, METRIC_HEAL), 0);
	runs[1].metrics.of[METRIC_HEAL] = 1.01 * FL_SEC;
	assert_int_equal(contrast_best(&c, METRIC_HEAL), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reports_of_all_kinds),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_what_is_best),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
