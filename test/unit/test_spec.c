/* SPDX-License-Identifier: MIT */
/* test_spec.c - the table of kinds, setting and checking values, sets, and doc/faults.md against the table. */
#include "fault/spec.h"
#include "unit.h"

#include <errno.h>
#include <math.h>

static struct spec_value
vint(int64_t i)
{
	return (struct spec_value){ .type = VALUE_INT, .i = i };
}

static struct spec_value
vfloat(double f)
{
	return (struct spec_value){ .type = VALUE_FLOAT, .f = f };
}

static struct spec_value
vtext(const char *s)
{
	return (struct spec_value){ .type = VALUE_TEXT, .text = s };
}

static struct spec_value
vbool(bool b)
{
	return (struct spec_value){ .type = VALUE_BOOL, .b = b };
}

static void
test_table(void **state)
{
	(void)state;
	assert_int_equal(kind_find("latency"), FAULT_LATENCY);
	assert_int_equal(kind_find("Latency"), FAULT_KIND_COUNT);
	assert_int_equal(kind_find("down"), FAULT_KIND_COUNT);
	assert_null(kind_info(FAULT_KIND_COUNT));
	assert_null(kind_names()[FAULT_KIND_COUNT]);
	for (unsigned k = 0; k < FAULT_KIND_COUNT; k++) {
		const struct kind_info *info = kind_info((enum fault_kind)k);

		assert_int_equal(kind_find(info->name), k);
		assert_string_equal(kind_names()[k], info->name);
		assert_true(info->attr_count <= KIND_ATTRS_MAX);
		assert_true(info->doc[0] != '\0');
		for (size_t i = 0; i < info->attr_count; i++) {
			const struct kind_attr *a = &info->attrs[i];

			assert_true(a->doc[0] != '\0' && a->min <= a->max);
			assert_true((a->type == ATTR_ENUM) == (a->values != NULL));
			assert_true(info->go_type[0] != '\0' || !a->always);
			assert_int_equal(spec_attr_index((enum fault_kind)k, a->name), i);
		}
	}
	assert_string_equal(kind_info(FAULT_LATENCY)->attrs[LATENCY_SAMPLES].name, "samples");
	assert_string_equal(kind_info(FAULT_SLICER)->attrs[SLICER_DELAY].name, "delay");
	assert_string_equal(kind_info(FAULT_CORRUPT)->attrs[CORRUPT_LENGTH].name, "length");
	assert_string_equal(kind_info(FAULT_RESET_PEER)->go_type, "ResetToxic");
}

static void
test_defaults(void **state)
{
	struct fault_spec f;
	char error[SPEC_ERROR_MAX];

	(void)state;
	for (unsigned k = 0; k < FAULT_KIND_COUNT; k++) {
		spec_init(&f, (enum fault_kind)k);
		assert_int_equal(f.dir, FL_S2C);
		assert_string_equal(f.stream_text, "downstream");
		assert_true(f.toxicity == 1);
		assert_int_equal(spec_check(&f, error),
		    k == FAULT_SLICER || k == FAULT_HTTP_HEADER || k == FAULT_HTTP_LENGTH ? -EINVAL : 0);
	}
	spec_init(&f, FAULT_CORRUPT);
	assert_true(f.values[CORRUPT_RATE].f > 0);
	assert_int_equal(f.values[CORRUPT_BITS].i, 1);
}

/* Set, and check the answer; on refusal nothing changed and the error names the attribute. */
static void
try_set(struct fault_spec *f, const char *name, struct spec_value v, int expected)
{
	struct fault_spec before = *f;
	char error[SPEC_ERROR_MAX] = "";

	assert_int_equal(spec_set_attr(f, name, &v, error), expected);
	if (expected != 0) {
		assert_memory_equal(f, &before, sizeof(before));
		assert_non_null(strstr(error, name));
	}
}

static void
test_set_attr(void **state)
{
	struct fault_spec f;
	char error[SPEC_ERROR_MAX];
	struct spec_value v;

	(void)state;
	spec_init(&f, FAULT_LATENCY);
	try_set(&f, "latency", vint(100), 0);
	try_set(&f, "LATENCY", vint(120), 0);
	assert_int_equal(f.values[LATENCY_LATENCY].i, 120);
	try_set(&f, "latency", vint(INT64_MIN), 0);
	try_set(&f, "latency", vint(INT64_MAX), -ERANGE);
	try_set(&f, "jitter", vint(INT64_C(1) << 62), -ERANGE);
	try_set(&f, "jitter", vint(3153600000000), 0);
	try_set(&f, "jitter", vint(3153600000001), -ERANGE);
	try_set(&f, "latency", vfloat(12.0), -EINVAL);
	try_set(&f, "latency", vtext("12"), -EINVAL);
	try_set(&f, "latency", vbool(true), -EINVAL);
	try_set(&f, "latency", (struct spec_value){ .type = VALUE_OTHER }, -EINVAL);
	try_set(&f, "latency", (struct spec_value){ .type = VALUE_NULL }, 0);
	assert_int_equal(f.values[LATENCY_LATENCY].i, INT64_MIN);
	try_set(&f, "distribution", vtext("pareto"), 0);
	assert_int_equal(f.values[LATENCY_DISTRIBUTION].i, DIST_PARETO);
	try_set(&f, "distribution", vtext("Pareto"), -EINVAL);
	try_set(&f, "distribution", vint(1), -EINVAL);
	try_set(&f, "shape", vint(2), 0);
	assert_true(f.values[LATENCY_SHAPE].f == 2);
	try_set(&f, "shape", vfloat(NAN), -ERANGE);
	try_set(&f, "shape", vfloat(-0.5), -ERANGE);
	try_set(&f, "samples", vtext("/etc/passwd"), -EINVAL);
	try_set(&f, "nonsense", vint(1), -ENOENT);
	v = vint(1);
	assert_int_equal(spec_set_attr(&f, "latencyy", &v, error), -ENOENT);
	assert_non_null(strstr(error, "did you mean \"latency\""));
	v = vtext("normall");
	assert_int_equal(spec_set_attr(&f, "distribution", &v, error), -EINVAL);
	assert_non_null(strstr(error, "did you mean \"normal\""));
	v = vtext("zzz");
	assert_int_equal(spec_set_attr(&f, "distribution", &v, error), -EINVAL);
	assert_non_null(strstr(error, "uniform, normal, pareto, lognormal, samples"));
}

static void
test_hostile_values(void **state)
{
	static const struct {
		enum fault_kind kind;
		const char *name;
		int64_t bad;
	} bad[] = {
		{ FAULT_BANDWIDTH, "rate", -1 }, { FAULT_SLICER, "average_size", 0 }, { FAULT_SLICER, "average_size", -5 },
		{ FAULT_SLICER, "size_variation", -1 }, { FAULT_SLICER, "delay", -1 }, { FAULT_SLICER, "delay", INT64_MAX },
		{ FAULT_LIMIT_DATA, "bytes", -1 }, { FAULT_TIMEOUT, "timeout", -1 }, { FAULT_TIMEOUT, "timeout", INT64_MAX },
		{ FAULT_RESET_PEER, "timeout", -1 }, { FAULT_SLOW_CLOSE, "delay", -1 }, { FAULT_SLOW_CLOSE, "delay", INT64_MAX },
		{ FAULT_LIMIT_TIME, "time", -1 }, { FAULT_CORRUPT, "bits", 0 }, { FAULT_CORRUPT, "bits", 9 },
		{ FAULT_CORRUPT, "rate", 2 }, { FAULT_CORRUPT, "rate", -1 }, { FAULT_CORRUPT, "offset", -1 },
		{ FAULT_DROP_CHUNK, "size", 0 }, { FAULT_DUPLICATE_CHUNK, "size", 65537 }, { FAULT_STALL, "after", -1 },
		{ FAULT_HALF_OPEN, "after", -1 }, { FAULT_CONNECT_DELAY, "delay", -1 }, { FAULT_CONNECT_DELAY, "jitter", -1 },
	};
	struct fault_spec f;

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(bad); i++) {
		char error[SPEC_ERROR_MAX];
		int n;

		spec_init(&f, bad[i].kind);
		try_set(&f, bad[i].name, vint(bad[i].bad), -ERANGE);
		/* Put there by other means, the check finds it too. */
		spec_init(&f, bad[i].kind);
		if (f.kind == FAULT_SLICER)
			f.values[SLICER_AVERAGE_SIZE].i = 10;
		n = spec_attr_index(bad[i].kind, bad[i].name);
		if (kind_info(bad[i].kind)->attrs[n].type == ATTR_FLOAT)
			f.values[n].f = (double)bad[i].bad;
		else
			f.values[n].i = bad[i].bad;
		assert_int_equal(spec_check(&f, error), -EINVAL);
	}
	spec_init(&f, FAULT_CONNECT_REFUSE);
	try_set(&f, "reset", vint(1), -EINVAL);
	try_set(&f, "reset", vbool(true), 0);
	assert_int_equal(f.values[CONNECT_REFUSE_RESET].i, 1);
	spec_init(&f, FAULT_LIMIT_DATA);
	try_set(&f, "bytes", vint(INT64_MAX), 0);
}

static void
test_check(void **state)
{
	struct fault_spec f;
	char error[SPEC_ERROR_MAX];
	fl_ns one = 1;

	(void)state;
	spec_init(&f, FAULT_SLICER);
	f.values[SLICER_AVERAGE_SIZE].i = 10;
	f.values[SLICER_SIZE_VARIATION].i = 10;
	assert_int_equal(spec_check(&f, error), 0);
	f.values[SLICER_SIZE_VARIATION].i = 11;
	assert_int_equal(spec_check(&f, error), -EINVAL);
	assert_non_null(strstr(error, "size_variation"));

	spec_init(&f, FAULT_LATENCY);
	f.values[LATENCY_DISTRIBUTION].i = DIST_SAMPLES;
	assert_int_equal(spec_check(&f, error), -EINVAL);
	f.samples = spec_samples_new("x", &one, 1);
	assert_int_equal(spec_check(&f, error), 0);
	spec_samples_unref(f.samples);
	f.values[LATENCY_DISTRIBUTION].i = DIST_PARETO;
	f.values[LATENCY_SHAPE].f = 1;
	assert_int_equal(spec_check(&f, error), -EINVAL);
	f.values[LATENCY_SHAPE].f = 1.5;
	assert_int_equal(spec_check(&f, error), 0);

	f.toxicity = 7;
	assert_int_equal(spec_check(&f, error), 0);
	f.toxicity = -1;
	assert_int_equal(spec_check(&f, error), 0);
	f.toxicity = NAN;
	assert_int_equal(spec_check(&f, error), -EINVAL);
	f.toxicity = 1;

	f.scope.window_from = 5;
	f.scope.window_to = 5;
	assert_int_equal(spec_check(&f, error), -EINVAL);
	f.scope.window_to = 6;
	assert_int_equal(spec_check(&f, error), 0);
	f.scope.window_from = -1;
	assert_int_equal(spec_check(&f, error), -EINVAL);
	f.scope.window_from = 0;
	f.scope.duty_on = 1;
	assert_int_equal(spec_check(&f, error), -EINVAL);
	f.scope.duty_period = 1;
	assert_int_equal(spec_check(&f, error), 0);
	f.scope.duty_period = INT64_MAX;
	assert_int_equal(spec_check(&f, error), -EINVAL);
	f.scope.duty_period = 1;
	f.ttl_ns = -1;
	assert_int_equal(spec_check(&f, error), -EINVAL);
}

static void
test_client(void **state)
{
	static const char *const bad[] = {
		"", "/", "10.0.0.0/", "10.0.0.0/33", "::1/129", "10.0.0/8", "10.0.0.0/-1", "10.0.0.0/ 8", "10.0.0.0/8x", "host",
		"10.0.0.0/99999999999999999999",
		"1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21.22.23.24.25.26.27.28.29.30",
	};
	struct spec_scope s = { 0 }, zero = { 0 };
	char error[SPEC_ERROR_MAX];

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(bad); i++) {
		assert_int_equal(spec_set_client(&s, bad[i], error), -EINVAL);
		assert_memory_equal(&s, &zero, sizeof(s));
	}
	assert_int_equal(spec_set_client(&s, "10.1.2.3", error), 0);
	assert_int_equal(s.client_prefix, 128);
	assert_int_equal(s.client_ip[12], 10);
	assert_string_equal(s.client_text, "10.1.2.3");
	assert_int_equal(spec_set_client(&s, "10.0.0.0/8", error), 0);
	assert_int_equal(s.client_prefix, 104);
	assert_int_equal(spec_set_client(&s, "0.0.0.0/0", error), 0);
	assert_int_equal(s.client_prefix, 96);
	assert_int_equal(spec_set_client(&s, "fd00::/8", error), 0);
	assert_int_equal(s.client_prefix, 8);
	assert_int_equal(s.client_ip[0], 0xfd);
	assert_int_equal(s.client_ip[11], 0);
}

static void
test_sets_hold_references(void **state)
{
	struct fault_spec f[2];
	struct fault_set *a, *b;
	fl_ns values[] = { 5, 3, 9 };

	(void)state;
	spec_init(&f[0], FAULT_LATENCY);
	spec_init(&f[1], FAULT_BANDWIDTH);
	f[0].samples = spec_samples_new("file", values, 3);
	assert_int_equal(f[0].samples->values[0], 3);
	assert_int_equal(f[0].samples->values[2], 9);
	f[1].shared = spec_shared_new();
	a = spec_set_new(f, 2);
	b = spec_set_new(f, 2);
	assert_int_equal(f[0].samples->refs, 3);
	spec_samples_unref(f[0].samples);
	spec_shared_unref(f[1].shared);
	assert_ptr_equal(spec_set_ref(a), a);
	spec_set_unref(a);
	assert_int_equal(a->count, 2);
	spec_set_unref(a);
	assert_int_equal(b->specs[0].samples->refs, 1);
	assert_int_equal(b->specs[1].shared->refs, 1);
	spec_set_unref(b);
	spec_set_unref(NULL);
	a = spec_set_new(NULL, 0);
	assert_int_equal(a->count, 0);
	spec_set_unref(a);
}

static void
test_keys(void **state)
{
	uint64_t k = spec_key(1, "redis", "cut");

	(void)state;
	assert_int_equal(k, spec_key(1, "redis", "cut"));
	assert_int_not_equal(k, spec_key(2, "redis", "cut"));
	assert_int_not_equal(k, spec_key(1, "redi", "scut"));
	assert_int_not_equal(k, spec_key(1, "cut", "redis"));
	assert_true(k == UINT64_C(0x56C51493C1742022));          /* a run of today is repeatable tomorrow */
}

/* A heading for the kind and a table row per attribute, with the default of the table. */
static void
has_kind(const char *page, const char *text, const struct kind_info *info)
{
	char want[128];
	const char *at, *end;
	size_t rows = 0;

	snprintf(want, sizeof(want), "\n### %s\n", info->name);
	at = strstr(text, want);
	if (at == NULL)
		fail_msg("%s has no heading for %s", page, info->name);
	end = strstr(at + 1, "\n### ");
	end = end == NULL ? text + strlen(text) : end;
	for (size_t i = 0; i < info->attr_count; i++) {
		const struct kind_attr *a = &info->attrs[i];
		char def[32];
		const char *row;

		if (a->type == ATTR_FLOAT || a->type == ATTR_INT)
			snprintf(def, sizeof(def), "%g", a->def);
		else
			snprintf(def, sizeof(def), "%s", a->type == ATTR_ENUM ? a->values[0] : a->type == ATTR_BOOL ? "false" : "none");
		snprintf(want, sizeof(want), "\n| `%s` | %s |", a->name, def);
		row = strstr(at, want);
		if (row == NULL || row > end)
			fail_msg("%s has no row %s in %s", page, want + 1, info->name);
	}
	for (const char *p = at; (p = strstr(p, "\n| `")) != NULL && p < end; p++)
		rows++;
	assert_int_equal(rows, info->attr_count);
}

static void
test_manual(void **state)
{
	static const char *const pages[] = { "doc/faults.md", "doc/http-faults.md" };
	static char text[200000];

	(void)state;
	for (int page = 0; page < 2; page++) {
		FILE *f = fopen(pages[page], "r");
		size_t n;

		assert_non_null(f);
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
		text[n] = '\0';
		for (unsigned k = 0; k < FAULT_KIND_COUNT; k++) {
			const struct kind_info *info = kind_info((enum fault_kind)k);

			if ((info->place == KIND_HTTP) == (page == 1))
				has_kind(pages[page], text, info);
		}
	}
}

static void
try_http(const char *key, const char *text, int expected, const char *kept)
{
	struct spec_scope s = { .every = 1 }, before = s;
	char error[SPEC_ERROR_MAX] = "", buf[SPEC_HTTP_TEXT_MAX];

	assert_int_equal(spec_set_http(&s, key, text, error), expected);
	if (expected != 0) {
		assert_memory_equal(&s, &before, sizeof(s));
		assert_true(error[0] != '\0');
		return;
	}
	if (kept == NULL)
		assert_null(spec_http_text(&s, key, buf));
	else
		assert_string_equal(spec_http_text(&s, key, buf), kept);
	assert_int_equal(spec_http_any(&s), kept != NULL);
	assert_int_equal(spec_set_http(&s, key, "", error), 0);
	assert_false(spec_http_any(&s));
}

static void
test_http_scope(void **state)
{
	char longest[300];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	try_http("method", "GET", 0, "GET");
	try_http("method", " GET , HEAD,BREW", 0, "GET,HEAD,BREW");
	try_http("method", "get", -EINVAL, NULL);
	try_http("method", "GET HEAD", -EINVAL, NULL);
	try_http("method", ",", -EINVAL, NULL);
	try_http("method", longest + 1, -EINVAL, NULL);
	try_http("path", "/a/*/b", 0, "/a/*/b");
	try_http("path", "**", 0, "**");
	try_http("path", "a", -EINVAL, NULL);
	try_http("path", "/a b", -EINVAL, NULL);
	try_http("path", longest, -EINVAL, NULL);
	try_http("host", "*.example.com:80", 0, "*.example.com:80");
	try_http("host", "a/b", -EINVAL, NULL);
	try_http("header", "X-A", 0, "X-A");
	try_http("header", "X-A:", 0, "X-A: ");
	try_http("header", "X-A:  b c", 0, "X-A: b c");
	try_http("header", "X A: b", -EINVAL, NULL);
	try_http("header", "X-A: b\r\nc: d", -EINVAL, NULL);
	try_http("header", ": b", -EINVAL, NULL);
	try_http("experiment", "checkout-slow.1", 0, "checkout-slow.1");
	try_http("experiment", "a, b", -EINVAL, NULL);
	try_http("key", "trace", 0, "trace");
	try_http("key", "request", 0, NULL);
	try_http("key", "span", -EINVAL, NULL);
	try_http("cookie", "a", -ENOENT, NULL);
}

static void
refused(const struct fault_spec *f, const char *says)
{
	char error[SPEC_ERROR_MAX] = "";

	assert_int_equal(spec_check(f, error), -EINVAL);
	if (strstr(error, says) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", error, says);
}

static void
test_http_check(void **state)
{
	static const char *const not_editable[] = { "Host", "connection", "Transfer-Encoding", "TE", "Upgrade", "Keep-Alive" };
	struct fault_spec f;
	char error[SPEC_ERROR_MAX];

	(void)state;
	spec_init(&f, FAULT_LATENCY);
	assert_int_equal(spec_set_http(&f.scope, "path", "/a", error), 0);
	refused(&f, "latency acts on connections");
	spec_init(&f, FAULT_HTTP_HEADER);
	refused(&f, "name");
	try_set(&f, "name", vtext("X-A"), 0);
	assert_int_equal(spec_check(&f, error), 0);
	try_set(&f, "value", vtext("a\r\nB: c"), 0);
	refused(&f, "value");
	try_set(&f, "value", vtext("b"), 0);
	try_set(&f, "name", vtext("content-length"), 0);
	refused(&f, "http_length");
	for (size_t i = 0; i < FL_ARRAY_LEN(not_editable); i++) {
		try_set(&f, "name", vtext(not_editable[i]), 0);
		refused(&f, not_editable[i]);
	}
	spec_init(&f, FAULT_HTTP_ABORT);
	try_set(&f, "status", vint(199), -ERANGE);
	try_set(&f, "status", vint(204), 0);
	assert_int_equal(spec_check(&f, error), 0);
	try_set(&f, "body", vtext("x"), 0);
	refused(&f, "204");
	assert_string_equal(spec_text(&f, HTTP_ABORT_BODY), "x");
	spec_init(&f, FAULT_HTTP_LENGTH);
	refused(&f, "one of delta and value");
	try_set(&f, "delta", vint(-3), 0);
	assert_int_equal(spec_check(&f, error), 0);
	try_set(&f, "value", vint(3), 0);
	refused(&f, "one of delta and value");
	spec_init(&f, FAULT_HTTP_DELAY);
	try_set(&f, "distribution", vtext("samples"), 0);
	refused(&f, "samples");
}

static void
test_texts(void **state)
{
	struct fault_spec f;
	char longest[KIND_TEXT_BYTES + 2];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[KIND_TEXT_BYTES + 1] = '\0';
	spec_init(&f, FAULT_HTTP_BODY);
	try_set(&f, "body", vtext(longest), -ERANGE);
	longest[KIND_TEXT_BYTES] = '\0';
	try_set(&f, "body", vtext(longest), 0);
	try_set(&f, "content_type", vtext("text/html"), 0);
	assert_string_equal(spec_text(&f, HTTP_BODY_BODY), longest);
	assert_string_equal(spec_text(&f, HTTP_BODY_TYPE), "text/html");
	try_set(&f, "body", (struct spec_value){ .type = VALUE_INT, .i = 5, .text = "5" }, 0);
	assert_string_equal(f.text, "5");
	try_set(&f, "body", (struct spec_value){ .type = VALUE_NULL }, 0);
	assert_string_equal(f.text, "5");
	try_set(&f, "body", (struct spec_value){ .type = VALUE_OTHER, .text = "" }, -EINVAL);
	try_set(&f, "body", vint(5), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_set_attr),
		cmocka_unit_test(test_hostile_values),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_sets_hold_references),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_manual), cmocka_unit_test(test_http_scope), cmocka_unit_test(test_http_check),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
