/* SPDX-License-Identifier: MIT */
/* test_report.c - reports of runs of all kinds: well formed whatever the texts, complete, and never outside of their pictures. */
#include "audit/register.h"
#include "run/report.h"
#include "run/words.h"

#include "markup.h"
#include <errno.h>
#include <jansson.h>

#define EVIL "<script>alert('x')</script>\"&\x01\xff]]>--\xf0\x9f\x98\x80"
#define EVIL_SHOWN "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;\xef\xbf\xbd\xef\xbf\xbd]]&gt;--\xf0\x9f\x98\x80"

struct fixture {
	struct history h;
	struct verdict_outcome audit;
	struct hist latency;
	struct result_bucket *buckets;
	struct run_result r;
};

static void
put_op(struct history *h, int64_t process, enum history_f f, const char *key, int value, fl_ns from, fl_ns to)
{
	struct history_value v = value == 0 ? history_nil() : history_int(value);
	uint32_t i;

	assert_int_equal(history_invoke(h, &(struct history_call){ .process = process, .f = f, .key = key, .value = v, .at = from }, &i), 0);
	assert_int_equal(history_complete(h, i, &(struct history_answer){ .outcome = HISTORY_OK, .value = v, .at = to }), 0);
}

/* A run that found something; every text of it is `text`. */
static struct fixture *
make(const char *text, uint32_t bucket_count, bool bad)
{
	static struct result_pair pairs[2];
	static struct result_fault faults[4];
	static struct result_mark marks[3];
	static struct result_sample samples[3];
	static struct result_probe probes[2];
	static struct result_tolerance tolerances[2];
	static struct result_close closes[1];
	static struct result_line lines[1];
	static struct result_process processes[1];
	static const char *reasons[2];
	struct fixture *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	x->buckets = calloc((size_t)bucket_count + 1, sizeof(x->buckets[0]));
	assert_non_null(x->buckets);
	hist_init(&x->latency);
	history_init(&x->h, 1u << 20);
	put_op(&x->h, 3, HISTORY_WRITE, text, 17, 12001 * FL_MS, 12003 * FL_MS);
	put_op(&x->h, 1, HISTORY_READ, text, bad ? 0 : 17, 12940 * FL_MS, 12950 * FL_MS);
	assert_int_equal(register_check(&x->h, NULL, &x->audit), 0);
	for (uint32_t i = 0; i < bucket_count; i++) {
		x->buckets[i] = (struct result_bucket){ .at = i * 100 * FL_MS, .ok = 5, .fail = i % 3, .info = i % 7 == 0,
		    .p50 = FL_MS, .p95 = 2 * FL_MS,
			.p99 = 3 * FL_MS, .max = 4 * FL_MS };
		hist_record(&x->latency, FL_MS);
	}
	pairs[0] = pairs[1] = (struct result_pair){ text, text };
	faults[0] = (struct result_fault){ .name = text, .place = text, .kind = text, .text = text, .from = 0, .to = FL_SEC,
	    .landed = true, .times = 3,
		.connections = 2, .did = pairs, .did_count = 2 };
	faults[1] = (struct result_fault){ .name = "instant", .place = text, .kind = "kill", .from = FL_SEC, .to = FL_SEC, .landed = true };
	faults[2] = (struct result_fault){ .name = "for ever", .from = FL_SEC, .to = FL_NEVER };
	faults[3] = (struct result_fault){ .name = "long after the end", .from = 900000 * FL_SEC, .to = 900001 * FL_SEC };
	marks[0] = (struct result_mark){ 12500 * FL_MS, text, true };
	marks[1] = (struct result_mark){ 12600 * FL_MS, "up again", false };
	marks[2] = (struct result_mark){ -5, "before the beginning", false };
	for (int i = 0; i < 3; i++)
		samples[i] = (struct result_sample){ i * FL_SEC, i != 1, text };
	probes[0] = (struct result_probe){ .name = text, .want = text, .when = text, .worst = text, .known = true, .samples
	    = samples, .sample_count = 3 };
	probes[1] = (struct result_probe){ .name = "silent" };
	tolerances[0] = (struct result_tolerance){ text, text, text, false, true };
	tolerances[1] = (struct result_tolerance){ .name = "unknown" };
	closes[0] = (struct result_close){ text, text, 5, true };
	lines[0] = (struct result_line){ text, text, text, text, NULL, 1, 2, 3, pairs, 2 };
	processes[0] = (struct result_process){ text, text, text, text, text, strlen(text), 99 };
	reasons[0] = text;
	reasons[1] = "audit: in short";
	x->r = (struct run_result){
		.name = text, .description = text, .experiment_path = text, .run_dir = text, .command = text, .replay = text, .seed = INT64_MAX,
		.start_wall_ns = INT64_C(1767323045) * FL_SEC, .duration_ns = 20 * FL_SEC, .versions = pairs, .version_count = 2,
		.verdict = bad ? RESULT_FINDING : RESULT_HELD, .exit_code = bad, .reasons = reasons, .reason_count = 2,
		.load = { .what = text, .bucket_ns = 100 * FL_MS, .buckets = x->buckets, .bucket_count = bucket_count, .ok = 5, .fail = 1, .info = 2,
			.latency = &x->latency, .errors = pairs, .error_count = 1 },
		.lines = lines, .line_count = 1, .faults = faults, .fault_count = 4, .marks = marks, .mark_count = 3,
		    .probes = probes, .probe_count = 2,
		.tolerances = tolerances, .tolerance_count = 2, .audit = &x->audit, .closes = closes, .close_count = 1, .processes = processes,
		.process_count = 1, .files = pairs, .file_count = 1,
	};
	return x;
}

static void
drop(struct fixture *x)
{
	verdict_fini(&x->audit);
	history_fini(&x->h);
	free(x->buckets);
	free(x);
}

/* Every coordinate of the pictures is a finite number. */
static void
check_numbers(const char *page)
{
	static const char *const never[] = { "\"nan", "nan\"", "\"inf", "inf\"", "-nan", "Lnan", "Mnan", " nan", "Linf" };

	for (size_t i = 0; i < FL_ARRAY_LEN(never); i++)
		assert_null(strstr(page, never[i]));
}

static size_t
check_html(const struct run_result *r)
{
	struct buf out;

	buf_init(&out, 16u << 20);
	assert_int_equal(report_html(r, &out), 0);
	assert_in_range(markup_check(buf_str(&out)), 10, 1000000);
	check_numbers(buf_str(&out));
	/* Self-contained: nothing is fetched. */
	assert_null(strstr(buf_str(&out), "http://"));
	assert_null(strstr(buf_str(&out), "https://"));
	assert_null(strstr(buf_str(&out), "<script>alert"));
	size_t n = buf_len(&out);
	buf_fini(&out);
	return n;
}

static json_t *
parse_json(const struct run_result *r)
{
	json_error_t error;
	struct buf out;

	buf_init(&out, 16u << 20);
	assert_int_equal(report_json(r, &out), 0);
	json_t *root = json_loadb(buf_str(&out), buf_len(&out), 0, &error);
	if (root == NULL)
		fail_msg("%s", error.text);
	buf_fini(&out);
	return root;
}

static void
test_hostile(void **state)
{
	(void)state;
	for (int bad = 0; bad < 2; bad++) {
		struct fixture *x = make(EVIL, 50, bad != 0);
		struct buf out;

		check_html(&x->r);
		buf_init(&out, 1u << 20);
		assert_int_equal(report_html(&x->r, &out), 0);
		assert_non_null(strstr(buf_str(&out), EVIL_SHOWN));
		buf_clear(&out);
		assert_int_equal(report_junit(&x->r, &out), 0);
		markup_check(buf_str(&out));
		assert_non_null(strstr(buf_str(&out), EVIL_SHOWN));
		buf_clear(&out);
		/* A terminal gets no control characters but our own. */
		assert_int_equal(report_text(&x->r, &(struct report_text_options){ .columns = 60 }, &out), 0);
		for (const char *p = buf_str(&out); *p != '\0'; p++)
			assert_true((unsigned char)*p >= 0x20 || *p == '\n');
		buf_fini(&out);
		json_decref(parse_json(&x->r));
		drop(x);
	}
}

static void
test_empty(void **state)
{
	struct run_result r = { .name = "empty", .verdict = RESULT_UNKNOWN, .exit_code = 4 };
	struct buf out;

	(void)state;
	check_html(&r);
	json_t *root = parse_json(&r);
	assert_string_equal(json_string_value(json_object_get(root, "verdict")), "unknown");
	assert_true(json_is_null(json_object_get(root, "audit")));
	json_decref(root);
	buf_init(&out, 1u << 20);
	assert_int_equal(report_junit(&r, &out), 0);
	markup_check(buf_str(&out));
	assert_non_null(strstr(buf_str(&out), "tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"1\""));
	buf_clear(&out);
	assert_int_equal(report_text(&r, NULL, &out), 0);
	assert_string_equal(buf_str(&out), "COULD NOT JUDGE  The run could not be judged\n");
	buf_fini(&out);
}

static void
test_sizes(void **state)
{
	static const uint32_t counts[] = { 0, 1, 2, 899, 900, 901, 10000 };
	size_t before = 0;

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(counts); i++) {
		struct fixture *x = make("plain", counts[i], true);
		size_t n;

		x->r.duration_ns = counts[i] * 100 * FL_MS;
		n = check_html(&x->r);
		/* However long the run, the page stays small. */
		assert_true(n < 400000);
		assert_true(n > before / 2);
		before = n;
		drop(x);
	}
}

static void
test_extreme_values(void **state)
{
	struct fixture *x = make("plain", 4, true);

	(void)state;
	x->buckets[0].ok = UINT32_MAX;
	x->buckets[1].max = INT64_MAX;
	x->buckets[1].p99 = INT64_MAX;
	x->buckets[2] = (struct result_bucket){ .at = 200 * FL_MS };
	x->buckets[3].p50 = -1;
	check_html(&x->r);
	x->r.duration_ns = INT64_MAX;
	check_html(&x->r);
	x->r.duration_ns = -1;
	x->r.load.bucket_ns = 0;
	check_html(&x->r);
	drop(x);
}

/* What a program reads in report.json. */
static void
test_json(void **state)
{
	struct fixture *x = make("name", 3, true);
	json_t *root = parse_json(&x->r), *evidence, *op;
	static const char *const members[] = { "schema", "verdict", "exit_code", "headline", "reasons", "name", "description", "seed", "experiment",
		"command", "replay", "run_dir", "started", "duration", "versions", "load", "faults", "marks", "probes",
		    "tolerances", "audit", "audits", "lines",
		"closes", "processes", "files", "metrics", "counters", "variant" };

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(members); i++)
		if (json_object_get(root, members[i]) == NULL)
			fail_msg("%s is missing", members[i]);
	assert_int_equal(json_object_size(root), FL_ARRAY_LEN(members));
	assert_string_equal(json_string_value(json_object_get(root, "verdict")), "finding");
	assert_string_equal(json_string_value(json_object_get(root, "started")), "2026-01-02T03:04:05Z");
	assert_true(json_is_null(json_object_get(json_array_get(json_object_get(root, "faults"), 2), "to")));
	assert_int_equal(json_array_size(json_object_get(json_array_get(json_object_get(root, "probes"), 0), "failures")), 1);
	evidence = json_array_get(json_object_get(json_object_get(root, "audit"), "evidence"), 0);
	assert_string_equal(json_string_value(json_object_get(evidence, "key")), "name");
	assert_int_equal(json_array_size(json_object_get(evidence, "operations")), 2);
	op = json_array_get(json_object_get(evidence, "operations"), 1);
	assert_true(json_is_true(json_object_get(op, "culprit")));
	assert_true(json_is_null(json_object_get(op, "value")));
	assert_int_equal(json_integer_value(json_object_get(op, "completed")), 12950 * FL_MS);
	json_decref(root);
	drop(x);
}

static void
test_junit(void **state)
{
	struct fixture *x = make("a & b", 3, true);
	struct buf out;

	(void)state;
	buf_init(&out, 1u << 20);
	assert_int_equal(report_junit(&x->r, &out), 0);
	assert_non_null(strstr(buf_str(&out), "<testsuite name=\"a &amp; b\" tests=\"5\" failures=\"3\" errors=\"0\" skipped=\"2\" time=\"20.000\" "
		"timestamp=\"2026-01-02T03:04:05\""));
	assert_non_null(strstr(buf_str(&out), "classname=\"a &amp; b.audit\" name=\"register\""));
	assert_non_null(strstr(buf_str(&out), "the acknowledged write was lost"));
	buf_clear(&out);
	/* A run that was stopped is not green because all that was judged held. */
	x->r.verdict = RESULT_ABORTED;
	x->r.audit = NULL;
	x->r.probe_count = x->r.tolerance_count = 0;
	assert_int_equal(report_junit(&x->r, &out), 0);
	assert_non_null(strstr(buf_str(&out), "tests=\"1\" failures=\"1\""));
	buf_fini(&out);
	drop(x);
}

static void
test_text(void **state)
{
	struct fixture *x = make("k5", 3, true);
	struct buf plain, colour;

	(void)state;
	buf_init(&plain, 1u << 20);
	buf_init(&colour, 1u << 20);
	x->r.reasons = (const char *const[]){ "audit: in short" };
	x->r.reason_count = 1;
	assert_int_equal(report_text(&x->r, NULL, &plain), 0);
	assert_int_equal(report_text(&x->r, &(struct report_text_options){ .colour = true }, &colour), 0);
	assert_null(strchr(buf_str(&plain), '\033'));
	assert_non_null(strchr(buf_str(&colour), '\033'));
	assert_non_null(strstr(buf_str(&plain), "FINDING  1 of 1 keys gave answers that contradict each other\n"
		"  - audit: key k5: client 3 wrote 17 to k5 (acknowledged at 12.003 s); nobody overwrote it; client 1\n"
		"    read nil at 12.950 s: the acknowledged write was lost\n"));
	assert_non_null(strstr(buf_str(&plain), "    > client 1   read nil              12.940 s .. 12.950 s  ok\n"));
	buf_fini(&plain);
	buf_fini(&colour);
	drop(x);
}

/* No room: said, and nothing else. */
static void
test_full(void **state)
{
	struct fixture *x = make("k", 100, true);

	(void)state;
	for (size_t max = 1; max < 200000; max = max * 3 + 1) {
		struct buf out;

		buf_init(&out, max);
		assert_int_equal(report_html(&x->r, &out), max < 60000 ? -ENOBUFS : out.overflowed ? -ENOBUFS : 0);
		buf_clear(&out);
		(void)report_json(&x->r, &out);
		buf_clear(&out);
		(void)report_junit(&x->r, &out);
		buf_clear(&out);
		(void)report_text(&x->r, NULL, &out);
		buf_fini(&out);
	}
	drop(x);
}

static void
test_words(void **state)
{
	static const struct { fl_ns t; const char *text; } rows[] = { { 0, "0.00 µs" }, { 1500, "1.50 µs" }, { 45 * FL_US, "45.0 µs" },
		{ 999 * FL_US, "999 µs" }, { 4500 * FL_US, "4.50 ms" }, { 12 * FL_SEC, "12.0 s" }, { 1000 * FL_SEC, "16 min 40 s" } };
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		buf_clear(&out);
		words_duration(rows[i].t, &out);
		assert_string_equal(buf_str(&out), rows[i].text);
	}
	buf_clear(&out);
	words_count(1234567, &out);
	words_count(0, &out);
	words_count(999, &out);
	assert_string_equal(buf_str(&out), "1,234,5670999");
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_empty), cmocka_unit_test(test_sizes), cmocka_unit_test(test_extreme_values),
		cmocka_unit_test(test_json), cmocka_unit_test(test_junit), cmocka_unit_test(test_text), cmocka_unit_test(test_full),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
