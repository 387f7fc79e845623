/* SPDX-License-Identifier: MIT */
/* test_http_fault.c - plans drawn from sets of HTTP faults: who is hit, by what, in which order; chains for bodies and heads. */
#include "unit.h"

#include "fault/chain.h"
#include "fault/http_fault.h"

#define FAULTS_MAX 70

static struct fault_spec specs[FAULTS_MAX];
static uint32_t count;
static struct http_fault_set *set;
static struct h1_head head;
static const char *request;
static struct http_fault_view view;

static int
begin(void **state)
{
	static const struct h1_limits lim;
	struct h1_scan scan = { 0 };

	(void)state;
	count = 0;
	set = NULL;
	request = "GET /cart/7 HTTP/1.1\r\nHost: shop.example\r\nX-Faultline: tagged\r\n\r\n";
	assert_int_equal(h1_request(request, strlen(request), &lim, &scan, &head), H1_OK);
	view = (struct http_fault_view){ .p = request, .head = &head, .conn_key = 5, .number = 1, .ordinal = 1 };
	return 0;
}

static int
end(void **state)
{
	(void)state;
	http_fault_set_unref(set);
	return 0;
}

static struct fault_spec *
add(enum fault_kind kind, enum fl_dir dir)
{
	struct fault_spec *f = &specs[count++];

	spec_init(f, kind);
	f->dir = dir;
	f->id = count;
	f->version = 1;
	snprintf(f->name, sizeof(f->name), "f%u", count);
	f->key = spec_key(1, "line", f->name);
	return f;
}

static void
build(void)
{
	struct fault_set *all;
	char error[SPEC_ERROR_MAX];

	for (uint32_t i = 0; i < count; i++) {
		if (spec_check(&specs[i], error) != 0)
			fail_msg("%s", error);
	}
	all = spec_set_new(specs, count);
	http_fault_set_unref(set);
	assert_int_equal(http_fault_set_new(all, &set), 0);
	spec_set_unref(all);
}

static struct http_fault_plan
plan(enum fl_dir dir)
{
	struct http_fault_plan p;

	http_fault_plan(set, &view, dir, 0, &p);
	assert_int_equal(p.dir, dir);
	assert_true(p.key.members == p.acting);
	return p;
}

static void
scope(struct fault_spec *f, const char *key, const char *text)
{
	char error[SPEC_ERROR_MAX];

	assert_int_equal(spec_set_http(&f->scope, key, text, error), 0);
}

static void
nothing(void **state)
{
	struct h1_edit edits[HTTP_FAULT_EDITS_MAX];
	struct http_fault_plan p;
	uint64_t length;

	(void)state;
	add(FAULT_LATENCY, FL_S2C)->values[LATENCY_LATENCY].i = 100;
	build();
	assert_null(set);
	p = plan(FL_S2C);
	assert_int_equal(p.acting, 0);
	assert_int_equal(p.end, HTTP_FAULT_END_NONE);
	assert_null(http_fault_body_set(&p));
	assert_null(http_fault_head_set(&p));
	assert_int_equal(http_fault_edits(&p, edits), 0);
	assert_true(http_fault_end_bytes(&p, &head) == UINT64_MAX);
	assert_false(http_fault_length(&p, 5, &length));
	assert_false(http_fault_counts_requests(set));
	assert_null(http_fault_spec(set, 0));
}

static void
sides(void **state)
{
	(void)state;
	add(FAULT_HTTP_ABORT, FL_C2S);
	add(FAULT_CORRUPT, FL_S2C);
	add(FAULT_HTTP_DELAY, FL_S2C)->values[HTTP_DELAY_DELAY].i = 7;
	build();
	assert_int_equal(plan(FL_C2S).acting, 1);
	assert_non_null(plan(FL_C2S).abort);
	assert_int_equal(plan(FL_S2C).acting, 2);
	assert_null(plan(FL_S2C).abort);
	assert_int_equal(plan(FL_S2C).head_delay, 7 * FL_MS);
	assert_int_equal(http_fault_spec(set, 1)->id, 3);
	assert_null(http_fault_spec(set, 2));
}

static void
conditions(void **state)
{
	(void)state;
	scope(add(FAULT_HTTP_ABORT, FL_S2C), "path", "/cart/*");
	scope(add(FAULT_HTTP_ABORT, FL_S2C), "path", "/other");
	scope(add(FAULT_HTTP_ABORT, FL_S2C), "experiment", "tagged");
	scope(add(FAULT_HTTP_ABORT, FL_S2C), "experiment", "another");
	add(FAULT_HTTP_ABORT, FL_S2C)->scope.window_from = 10;
	add(FAULT_HTTP_ABORT, FL_S2C)->scope.every = 2;
	add(FAULT_HTTP_ABORT, FL_S2C)->scope.first = 1;
	add(FAULT_HTTP_ABORT, FL_S2C)->toxicity = 0;
	build();
	assert_true(http_fault_counts_requests(set));
	assert_int_equal(plan(FL_S2C).acting, 1 | 4 | 64);
	view.ordinal = 2;
	assert_int_equal(plan(FL_S2C).acting, 1 | 4 | 32);
	count = 5;
	build();
	assert_false(http_fault_counts_requests(set));
}

/* The share is met, requests differ, and the same request is hit again. */
static void
shares(void **state)
{
	unsigned hits = 0, again = 0, attempts[2] = { 0, 0 };

	(void)state;
	add(FAULT_HTTP_ABORT, FL_S2C)->toxicity = 0.25f;
	add(FAULT_HTTP_ABORT, FL_C2S)->toxicity = 0.25f;
	build();
	for (unsigned i = 0; i < 4000; i++) {
		bool hit, tried;

		view.number = 1 + i % 40;
		view.conn_key = i / 40;
		view.attempt = 0;
		hit = plan(FL_S2C).acting != 0;
		tried = plan(FL_C2S).acting != 0;
		hits += hit;
		again += hit == (plan(FL_S2C).acting != 0);
		view.attempt = 1;
		attempts[0] += hit != (plan(FL_S2C).acting != 0);
		attempts[1] += tried != (plan(FL_C2S).acting != 0);
	}
	assert_in_range(hits, 900, 1100);
	assert_int_equal(again, 4000);
	assert_int_equal(attempts[0], 0);               /* the client's side knows no attempts */
	assert_in_range(attempts[1], 1350, 1650);       /* independent: 2 * 0.25 * 0.75 */
}

static void
traces(void **state)
{
	unsigned hits = 0;

	(void)state;
	add(FAULT_HTTP_ABORT, FL_C2S)->toxicity = 0.5f;
	scope(&specs[0], "key", "trace");
	build();
	view.has_trace = true;
	for (unsigned i = 0; i < 1000; i++) {
		bool hit;

		view.trace[0] = (uint8_t)i;
		view.trace[15] = (uint8_t)(i >> 8);
		hit = plan(FL_C2S).acting != 0;
		hits += hit;
		view.conn_key++;
		view.number++;
		view.attempt = i;
		assert_int_equal(plan(FL_C2S).acting != 0, hit);
	}
	assert_in_range(hits, 430, 570);
}

static void
aborts(void **state)
{
	struct http_fault_plan p;
	struct http_fault_body b;

	(void)state;
	add(FAULT_HTTP_ABORT, FL_S2C)->values[HTTP_ABORT_WHEN].i = HTTP_WHEN_AFTER;
	add(FAULT_HTTP_ABORT, FL_S2C)->values[HTTP_ABORT_STATUS].i = 429;
	specs[1].values[HTTP_ABORT_RETRY_AFTER].i = 3;
	snprintf(specs[1].text, sizeof(specs[1].text), "no");
	add(FAULT_HTTP_ABORT, FL_S2C);
	build();
	p = plan(FL_S2C);
	assert_int_equal(p.abort->id, 2);
	assert_int_equal(p.abort_when, HTTP_FAULT_BEFORE);
	assert_int_equal(p.abort_status, 429);
	assert_int_equal(p.retry_after, 3);
	b = http_fault_body(p.abort);
	assert_string_equal(b.text, "no");
	assert_int_equal(b.bytes, 2);
	assert_string_equal(b.type, "text/plain");
	count = 1;
	build();
	p = plan(FL_S2C);
	assert_int_equal(p.abort_when, HTTP_FAULT_AFTER);
	assert_int_equal(p.abort_status, 503);
	assert_int_equal(http_fault_body(p.abort).bytes, 0);
	assert_string_equal(http_fault_body(p.abort).type, "");
}

static void
delays(void **state)
{
	struct http_fault_plan p;
	fl_ns least = FL_NEVER, most = 0;

	(void)state;
	add(FAULT_HTTP_DELAY, FL_S2C)->values[HTTP_DELAY_DELAY].i = 100;
	specs[0].values[HTTP_DELAY_JITTER].i = 20;
	add(FAULT_HTTP_DELAY, FL_S2C)->values[HTTP_DELAY_DELAY].i = 5;
	add(FAULT_HTTP_DELAY, FL_S2C)->values[HTTP_DELAY_DELAY].i = 7;
	specs[2].values[HTTP_DELAY_AT].i = HTTP_AT_BODY;
	build();
	for (view.number = 1; view.number < 500; view.number++) {
		p = plan(FL_S2C);
		least = FL_MIN(least, p.head_delay);
		most = FL_MAX(most, p.head_delay);
		assert_int_equal(p.body_delay, 7 * FL_MS);
		assert_false(p.body_chain || p.head_chain);
	}
	assert_true(least >= 85 * FL_MS && least < 88 * FL_MS);
	assert_true(most <= 125 * FL_MS && most > 122 * FL_MS);
	/* 100 years twice are not less than nothing. */
	specs[0].values[HTTP_DELAY_DELAY].i = specs[1].values[HTTP_DELAY_DELAY].i = 3153600000000;
	build();
	assert_true(plan(FL_S2C).head_delay > 0);
}

static void
check_end(enum http_fault_end place, uint64_t bytes, uint64_t by, bool rst)
{
	struct http_fault_plan p = plan(FL_S2C);

	assert_int_equal(p.end, place);
	assert_int_equal(p.end_by->id, by);
	assert_int_equal(p.end_rst, rst);
	assert_true(http_fault_end_bytes(&p, &head) == (place == HTTP_FAULT_END_BODY ? bytes : UINT64_MAX));
}

static void
ends(void **state)
{
	(void)state;
	head.framing = H1_LENGTH;
	head.length = 1000;
	add(FAULT_HTTP_TRUNCATE, FL_S2C)->values[HTTP_TRUNCATE_SHARE].f = 0.5;
	build();
	check_end(HTTP_FAULT_END_BODY, 500, 1, false);
	assert_true(plan(FL_S2C).end_cut);
	head.framing = H1_CHUNKED;
	check_end(HTTP_FAULT_END_BODY, 8192, 1, false);
	add(FAULT_HTTP_RESET, FL_S2C)->values[HTTP_RESET_AT].i = HTTP_RESET_IN_BODY;
	specs[1].values[HTTP_RESET_BYTES].i = 100;
	build();
	check_end(HTTP_FAULT_END_BODY, 100, 2, true);
	add(FAULT_HTTP_TRUNCATE, FL_S2C)->values[HTTP_TRUNCATE_BYTES].i = 99;
	build();
	check_end(HTTP_FAULT_END_BODY, 99, 3, false);
	add(FAULT_HTTP_RESET, FL_S2C)->values[HTTP_RESET_AT].i = HTTP_RESET_AFTER_HEAD;
	specs[3].values[HTTP_RESET_HOW].i = HTTP_HOW_FIN;
	build();
	check_end(HTTP_FAULT_END_BODY, 0, 4, false);
	assert_false(plan(FL_S2C).end_cut);
	add(FAULT_HTTP_RESET, FL_S2C);
	build();
	check_end(HTTP_FAULT_END_HEAD, 0, 5, true);
}

static void
edits(void **state)
{
	struct h1_edit e[HTTP_FAULT_EDITS_MAX];
	struct http_fault_plan p;
	struct h1_out o = { .edits = e };
	char out[512];
	size_t n;

	(void)state;
	add(FAULT_HTTP_HEADER, FL_C2S)->values[HTTP_HEADER_OP].i = HTTP_OP_REMOVE;
	snprintf(specs[0].label, sizeof(specs[0].label), "x-faultline");
	add(FAULT_HTTP_HEADER, FL_C2S);
	snprintf(specs[1].label, sizeof(specs[1].label), "Accept");
	snprintf(specs[1].text, sizeof(specs[1].text), "text/odd");
	add(FAULT_HTTP_HEADER, FL_S2C);
	snprintf(specs[2].label, sizeof(specs[2].label), "Via");
	build();
	p = plan(FL_C2S);
	o.edit_count = http_fault_edits(&p, e);
	assert_int_equal(o.edit_count, 2);
	n = h1_write_request(request, &head, &o, out, sizeof(out));
	out[n] = '\0';
	assert_string_equal(out, "GET /cart/7 HTTP/1.1\r\nHost: shop.example\r\nAccept: text/odd\r\n\r\n");
}

static void
bodies(void **state)
{
	struct h1_edit e[HTTP_FAULT_EDITS_MAX];
	struct http_fault_plan p;
	struct http_fault_body b;

	(void)state;
	add(FAULT_HTTP_BODY, FL_S2C)->values[HTTP_BODY_BYTES].i = 1000000;
	snprintf(specs[0].text, sizeof(specs[0].text), "abc");
	snprintf(specs[0].label, sizeof(specs[0].label), "text/x");
	add(FAULT_HTTP_BODY, FL_S2C);
	add(FAULT_HTTP_TRUNCATE, FL_S2C)->values[HTTP_TRUNCATE_SHARE].f = 0.1;
	build();
	p = plan(FL_S2C);
	assert_int_equal(p.body->id, 1);
	b = http_fault_body(p.body);
	assert_int_equal(b.text_len, 3);
	assert_int_equal(b.bytes, 1000000);
	assert_int_equal(http_fault_end_bytes(&p, &head), 100000);
	assert_int_equal(http_fault_edits(&p, e), 2);
	assert_int_equal(e[0].id, H1_ID_CONTENT_ENCODING);
	assert_int_equal(e[0].op, H1_EDIT_REMOVE);
	assert_string_equal(e[1].value, "text/x");
	specs[0].text[0] = '\0';
	build();
	assert_int_equal(http_fault_body(plan(FL_S2C).body).bytes, 0);
}

static void
lengths(void **state)
{
	static const struct { int64_t delta, value; uint64_t length, lie; } rows[] = {
		{ 5, -1, 10, 15 }, { -5, -1, 10, 5 }, { -50, -1, 10, 0 }, { 0, 0, 10, 0 }, { 0, 3, 10, 3 }, { 5, -1, UINT64_MAX, INT64_MAX },
	};

	(void)state;
	add(FAULT_HTTP_LENGTH, FL_S2C);
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		struct http_fault_plan p;
		uint64_t lie = 0;

		specs[0].values[HTTP_LENGTH_DELTA].i = rows[i].delta;
		specs[0].values[HTTP_LENGTH_VALUE].i = rows[i].value;
		build();
		p = plan(FL_S2C);
		assert_true(http_fault_length(&p, rows[i].length, &lie));
		assert_true(lie == rows[i].lie);
	}
}

/* ---- chains ---- */

/* Send n bytes through the chain for the body (or the head), `piece` at a time; returns when the last came out. */
static fl_ns
send(const struct http_fault_plan *p, bool of_head, uint8_t *bytes, size_t n, size_t piece)
{
	struct chain c = { .dir = (uint8_t)p->dir };
	struct chain_env env = { .bound_bytes = 1 << 20 };
	fl_ns now = 1000 * FL_SEC, start = now;
	size_t in = 0, out = 0;

	assert_int_equal(slab_new(8 << 20, &env.mem), 0);
	assert_int_equal(chain_set(&c, &env, of_head ? http_fault_head_set(p) : http_fault_body_set(p), &p->key, now, now), 0);
	for (unsigned turns = 0; out < n; turns++) {
		const uint8_t *run;
		fl_ns next;
		size_t len;

		assert_true(turns < 1000000);
		while (in < n && chain_wants(&c, &env)) {
			size_t take = FL_MIN(piece, n - in);

			assert_int_equal(chain_put(&c, &env, bytes + in, take, now), 0);
			in += take;
		}
		next = chain_run(&c, &env, &p->key, now);
		while ((len = chain_peek(&c, &run)) > 0) {
			memmove(bytes + out, run, len);         /* what came in there was copied by then */
			out += len;
			chain_sent(&c, &env, len);
		}
		if (out < n && !(in < n && chain_wants(&c, &env))) {
			assert_true(next != FL_NEVER);
			now = FL_MAX(now, next);
		}
	}
	chain_fini(&c, &env);
	slab_free_all(env.mem);
	return now - start;
}

static void
fill(uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * 7);
}

static void
corrupts(void **state)
{
	static uint8_t a[100000], b[100000], plain[100000];
	struct http_fault_plan p;
	unsigned hits = 0;

	(void)state;
	add(FAULT_HTTP_CORRUPT, FL_S2C)->values[HTTP_CORRUPT_RATE].f = 0.01;
	specs[0].values[HTTP_CORRUPT_OFFSET].i = 500;
	scope(add(FAULT_HTTP_CORRUPT, FL_S2C), "path", "/other");
	specs[1].values[HTTP_CORRUPT_RATE].f = 1;
	build();
	p = plan(FL_S2C);
	assert_int_equal(p.acting, 1);
	assert_true(p.body_chain && !p.head_chain);
	fill(plain, sizeof(plain));
	memcpy(a, plain, sizeof(a));
	memcpy(b, plain, sizeof(b));
	send(&p, false, a, sizeof(a), sizeof(a));
	send(&p, false, b, sizeof(b), 777);
	assert_memory_equal(a, b, sizeof(a));
	assert_memory_equal(a, plain, 500);
	for (size_t i = 0; i < sizeof(a); i++)
		hits += a[i] != plain[i];
	assert_in_range(hits, 850, 1150);
	view.number++;                                  /* another request: other bytes */
	p = plan(FL_S2C);
	memcpy(b, plain, sizeof(b));
	send(&p, false, b, sizeof(b), sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	send(&p, true, memcpy(b, plain, sizeof(b)), sizeof(b), 1000);
	assert_memory_equal(b, plain, sizeof(b));       /* heads are left alone */
}

static void
paces(void **state)
{
	static const struct { int64_t pace; size_t n; fl_ns want; } rows[] = {
		{ 100, 200, 2 * FL_SEC }, { 7, 70, 10 * FL_SEC }, { 1, 5, 5 * FL_SEC }, { 12345, 24690, 2 * FL_SEC },
		{ 100000, 400000, 4 * FL_SEC }, { 5000000, 900000, 180 * FL_MS }, { 64000, 64000, FL_SEC },
	};
	static uint8_t bytes[1000000];

	(void)state;
	add(FAULT_HTTP_DELAY, FL_C2S);
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		struct http_fault_plan p;
		fl_ns took;

		specs[0].values[HTTP_DELAY_PACE].i = rows[i].pace;
		build();
		p = plan(FL_C2S);
		assert_true(p.body_chain);
		took = send(&p, false, bytes, rows[i].n, 65536);
		/* The first piece goes at once; a piece is 10 ms worth, or a byte. */
		if (took > rows[i].want + 2 * FL_MS || took < rows[i].want - FL_MAX(20 * FL_MS, FL_SEC / rows[i].pace) - FL_MS)
			fail_msg("pace %lld: %lld ns", (long long)rows[i].pace, (long long)took);
	}
}

static void
slows(void **state)
{
	static uint8_t bytes[64];
	struct http_fault_plan p;

	(void)state;
	add(FAULT_HTTP_SLOW, FL_S2C);
	build();
	p = plan(FL_S2C);
	assert_true(p.head_chain && p.body_chain);
	assert_int_equal(send(&p, true, bytes, 21, 64), 2 * FL_SEC);
	assert_int_equal(send(&p, false, bytes, 21, 64), 2 * FL_SEC);
	specs[0].values[HTTP_SLOW_PART].i = HTTP_PART_HEAD;
	specs[0].values[HTTP_SLOW_PIECE].i = 5;
	build();
	p = plan(FL_S2C);
	assert_true(p.head_chain && !p.body_chain);
	assert_int_equal(send(&p, true, bytes, 20, 64), 1500 * FL_MS);
	assert_int_equal(send(&p, false, bytes, 20, 64), 0);
	specs[0].values[HTTP_SLOW_PART].i = HTTP_PART_BODY;
	build();
	p = plan(FL_S2C);
	assert_true(!p.head_chain && p.body_chain);
}

/* A fault goes while a request is under way: its chain and its parts of the plan go, others stay. */
static void
renews(void **state)
{
	struct http_fault_set *old;
	struct http_fault_plan p;
	static uint8_t bytes[64];

	(void)state;
	add(FAULT_HTTP_SLOW, FL_S2C);
	add(FAULT_HTTP_TRUNCATE, FL_S2C)->values[HTTP_TRUNCATE_BYTES].i = 9;
	add(FAULT_HTTP_CORRUPT, FL_S2C);
	add(FAULT_HTTP_BODY, FL_S2C);
	build();
	p = plan(FL_S2C);
	assert_int_equal(p.acting, 15);
	old = http_fault_set_ref(set);
	specs[0] = specs[2];                            /* slow and truncate are gone, the others have other places */
	specs[1] = specs[3];
	count = 2;
	build();
	http_fault_renew(&p, set);
	http_fault_set_unref(old);
	assert_int_equal(p.acting, 3);
	assert_true(p.body_chain && !p.head_chain && p.end == HTTP_FAULT_END_NONE && p.end_by == NULL);
	assert_int_equal(p.body->id, 4);
	assert_int_equal(send(&p, false, bytes, 60, 64), 0);
	http_fault_renew(&p, NULL);
	assert_int_equal(p.acting, 0);
	assert_true(p.set == NULL && p.body == NULL && !p.body_chain);
}

/* More than a set can hold: those behind are passed over. */
static void
too_many(void **state)
{
	(void)state;
	while (count < FAULTS_MAX)
		add(FAULT_HTTP_DELAY, FL_S2C)->values[HTTP_DELAY_DELAY].i = 1;
	build();
	assert_true(plan(FL_S2C).acting == UINT64_MAX);
	assert_int_equal(plan(FL_S2C).head_delay, HTTP_FAULTS_MAX * FL_MS);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(nothing), TEST(sides), TEST(conditions), TEST(shares), TEST(traces), TEST(aborts), TEST(delays), TEST(ends), TEST(edits),
		TEST(bodies), TEST(lengths), TEST(corrupts), TEST(paces), TEST(slows), TEST(renews), TEST(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
