/* SPDX-License-Identifier: MIT */
/* test_http_explain.c - what calls cost at worst, which compositions are doubted, and that both are told. */
#include "proto/yaml.h"
#include "conf/http_doc.h"
#include "conf/http_doubt.h"
#include "conf/http_explain.h"
#include "unit.h"

#include "proto/json.h"

#define LINES_MAX 4

/* Lines read from texts, each with where it listens. */
static struct rig {
	struct doc *docs[LINES_MAX];
	struct http_doc *http[LINES_MAX];
	struct http_cost_line lines[LINES_MAX];
	struct http_cost_set set;
} rig;

static void
add(const char *name, const char *listen, const char *yaml)
{
	struct doc_diag d;
	unsigned i = rig.set.count;

	doc_diag_init(&d, "f.yaml");
	assert_int_equal(yaml_parse(yaml, strlen(yaml), &d, &rig.docs[i]), 0);
	if (http_doc_parse(rig.docs[i]->root, name, NULL, "f.yaml", &d, &rig.http[i]) != 0)
		fail_msg("%s", buf_str(&d.text));
	doc_diag_fini(&d);
	rig.lines[i] = (struct http_cost_line){ rig.http[i], listen };
	rig.set = (struct http_cost_set){ rig.lines, i + 1 };
}

static int
drop(void **state)
{
	(void)state;
	for (unsigned i = 0; i < rig.set.count; i++) {
		http_doc_free(rig.http[i]);
		doc_free(rig.docs[i]);
	}
	memset(&rig, 0, sizeof(rig));
	return 0;
}

static struct http_cost
cost(unsigned line)
{
	struct http_cost c;

	http_cost_of(&rig.set, line, 0, &c);
	return c;
}

#define CALM "protocol: http\nupstreams: [a:1, b:1]\n"

static void
test_cost_plain(void **state)
{
	struct http_cost c;

	(void)state;
	add("a", NULL, CALM);
	c = cost(0);
	assert_int_equal(c.attempts, 1);
	assert_int_equal(c.time, 15 * FL_SEC);
	assert_true(c.attempt == FL_NEVER && c.phases == FL_NEVER);
	assert_true(c.healthy > 0.999 && c.healthy < 1.001 && c.outage < 1.001);
	assert_int_equal(c.depth, 0);
}

static void
test_cost_phases(void **state)
{
	struct http_cost c;

	(void)state;
	add("a", NULL, CALM "policies: {timeout: {total: 10s, per_try: 1s, queue: 500ms}, bulkhead: {max: 9, queue: 5},\n"
	    "  retry: {attempts: 3, backoff: {base: 100ms, max: 150ms}}, hedge: {max: 2}}\n");
	c = cost(0);
	assert_int_equal(c.attempt, FL_SEC);
	assert_int_equal(c.waits, 250 * FL_MS);
	assert_int_equal(c.phases, 3350 * FL_MS);
	assert_int_equal(c.time, 3350 * FL_MS);
	assert_int_equal(c.attempts, 8);        /* 9, but no call has more than 8 */
	assert_true(c.healthy > 1.0999 && c.healthy < 1.1001);
	assert_true(c.outage < 1.001 && c.reserve_per_second > 0.09);
}

static void
test_cost_unbounded(void **state)
{
	struct http_cost c;

	(void)state;
	add("a", NULL, CALM "policies: {timeout: 0, retry: {attempts: 4, budget: false}}\n");
	c = cost(0);
	assert_true(c.time == FL_NEVER);
	assert_true(c.healthy > 3.99 && c.outage > 3.99);
	assert_true(c.reserve_per_second < 0.001);
}

static void
test_cost_nested(void **state)
{
	struct http_cost c;

	(void)state;
	add("front", ":1000", "protocol: http\nupstream: localhost:1001\npolicies: {retry: {attempts: 3, budget: false}}\n");
	add("mid", "127.0.0.1:1001", "protocol: http\nupstream: 127.0.0.1:1002\npolicies: {retry: {attempts: 2, budget: false}}\n");
	add("back", "0.0.0.0:1002", "protocol: http\nupstream: 10.0.0.1:80\nroutes: [{name: x, match: {path: /x}, policies: {retry: 4}}]\n");
	c = cost(0);
	assert_int_equal(c.depth, 2);
	assert_true(c.attempts_nested > 23.99 && c.attempts_nested < 24.01);
	assert_true(c.outage_nested > 5.99 && c.outage_nested < 6.01);
}

/* Lines that lead in a circle end. */
static void
test_cost_circle(void **state)
{
	(void)state;
	add("a", "127.0.0.1:1", "protocol: http\nupstream: 127.0.0.1:2\npolicies: {retry: 2}\n");
	add("b", "127.0.0.1:2", "protocol: http\nupstream: 127.0.0.1:1\npolicies: {retry: 2}\n");
	assert_int_equal(cost(0).depth, HTTP_COST_DEPTH_MAX);
}

static void
test_places(void **state)
{
	(void)state;
	assert_true(http_cost_same_place("127.0.0.1:80", "127.0.0.1:80"));
	assert_true(http_cost_same_place(":80", "localhost:80"));
	assert_true(http_cost_same_place("[::]:80", "127.0.0.1:80"));
	assert_true(http_cost_same_place("cart:80", "cart:80"));
	assert_true(http_cost_same_place("unix:/x", "unix:/x"));
	assert_false(http_cost_same_place("127.0.0.1:80", "127.0.0.1:81"));
	assert_false(http_cost_same_place("127.0.0.1:80", "10.0.0.1:80"));
	assert_false(http_cost_same_place("127.0.0.1:0", "127.0.0.1:0"));
	assert_false(http_cost_same_place("unix:/x", "unix:/y"));
	assert_false(http_cost_same_place("nonsense", "127.0.0.1:80"));
}

/* ---- doubts ---- */

static bool
doubted(unsigned route, enum http_doubt_kind kind)
{
	static struct http_doubts d;

	http_doubt_route(&rig.set, 0, route, &d);
	for (unsigned i = 0; i < d.count; i++) {
		assert_true(d.items[i].what[0] != '\0' && d.items[i].fix[0] != '\0');
		if (d.items[i].kind == kind)
			return true;
	}
	return false;
}

/* Each kind of doubt: what raises it, and the nearest thing that does not. */
static const struct {
	enum http_doubt_kind kind;
	const char *bad, *good;
} rows[] = {
	{ HTTP_DOUBT_NO_TOTAL, CALM "policies: {timeout: 0}\n", CALM "policies: {timeout: 1s}\n" },
	{ HTTP_DOUBT_TRY_OVER_TOTAL, CALM "policies: {retry: 2, timeout: {total: 1s, per_try: 1s}}\n",
		CALM "policies: {retry: 2, timeout: {total: 3s, per_try: 1s}}\n" },
	{ HTTP_DOUBT_TRIES_OVER_TOTAL, CALM "policies: {retry: 3, timeout: {total: 3s, per_try: 1s}}\n",
		CALM "policies: {retry: 3, timeout: {total: 3300ms, per_try: 1s}}\n" },
	{ HTTP_DOUBT_TIMEOUT_UNUSED, CALM "policies: {timeout: {total: 1s, connect: 2s}}\n",
		CALM "policies: {timeout: {total: 1s, connect: 1s}}\n" },
	{ HTTP_DOUBT_TIMEOUT_UNUSED, CALM "policies: {timeout: {total: 5s, first_byte: 2s, per_try: 1s}}\n",
		CALM "policies: {timeout: {total: 5s, first_byte: 1s, per_try: 1s}}\n" },
	{ HTTP_DOUBT_QUEUE_OVER_TOTAL, CALM "policies: {timeout: {total: 2s, queue: 3s}}\n", CALM "policies: {timeout: {total: 2s, queue: 2s}}\n" },
	{ HTTP_DOUBT_NO_BUDGET, CALM "policies: {retry: 3, budget: false}\n", CALM "policies: {retry: 3}\n" },
	{ HTTP_DOUBT_NO_BUDGET, CALM "policies: {hedge: p95, budget: {enforce: observe}}\n", CALM "policies: {hedge: p95}\n" },
	{ HTTP_DOUBT_UNSAFE_RETRY, CALM "policies: {retry: {unsafe: true}}\n",
		CALM "routes: [{name: a, match: {method: [GET, PUT]}, policies: {retry: {unsafe: true}}}]\n" },
	{ HTTP_DOUBT_UNSAFE_HEDGE, CALM "policies: {retry: {unsafe: true}, hedge: p95}\n", CALM "policies: {retry: 2, hedge: p95}\n" },
	{ HTTP_DOUBT_HEDGE_UNUSED, CALM "routes: [{name: a, match: {method: POST}, policies: {hedge: p95}}]\n",
		CALM "routes: [{name: a, match: {method: [POST, GET]}, policies: {hedge: p95}}]\n" },
	{ HTTP_DOUBT_HEDGE_LATE, CALM "policies: {timeout: 1s, hedge: 1s}\n", CALM "policies: {timeout: 1s, hedge: 999ms}\n" },
	{ HTTP_DOUBT_RETRY_ALONE, "protocol: http\nupstream: 10.0.0.1:1\npolicies: {retry: {on: [refused]}}\n",
		CALM "policies: {retry: {on: [refused]}}\n" },
	{ HTTP_DOUBT_BREAKER_WINDOW, CALM "policies: {timeout: 20s, breaker: {window: 10s}}\n",
		CALM "policies: {timeout: {total: 20s, per_try: 2s}, breaker: {window: 10s}}\n" },
	{ HTTP_DOUBT_BREAKER_VOLUME, CALM "policies: {timeout: 5s, bulkhead: 9, breaker: {min_calls: 20}}\n",
		CALM "policies: {timeout: 5s, bulkhead: 20, breaker: {min_calls: 20}}\n" },
	{ HTTP_DOUBT_BREAKER_VOLUME, CALM "policies: {timeout: 5s, rate_limit: {rate: 0.5/s}, breaker: {per: route}}\n",
		CALM "policies: {timeout: 5s, rate_limit: {rate: 2/s}, breaker: {per: route}}\n" },
	{ HTTP_DOUBT_BREAKER_VOLUME, CALM "policies: {timeout: 5s, breaker: {window_calls: 10, min_calls: 11}}\n",
		CALM "policies: {timeout: 5s, breaker: {window_calls: 10, min_calls: 10}}\n" },
	{ HTTP_DOUBT_BREAKER_SLOW, CALM "policies: {timeout: 5s, breaker: {slow: 5s}}\n", CALM "policies: {timeout: 5s, breaker: {slow: 4s}}\n" },
	{ HTTP_DOUBT_BREAKER_FORCED, CALM "policies: {breaker: {mode: forced_open, per: route}}\n", CALM "policies: {breaker: {mode: auto}}\n" },
	{ HTTP_DOUBT_BULKHEAD_CONNECTIONS, CALM "pool: {max_connections: 5}\npolicies: {bulkhead: 11}\n",
		CALM "pool: {max_connections: 5}\npolicies: {bulkhead: 10}\n" },
	{ HTTP_DOUBT_HEALTH_SLOW, CALM "outlier: {ejection: 10s}\nhealth: {http: /h, interval: 6s, rise: 2}\n",
		CALM "outlier: {ejection: 10s}\nhealth: {http: /h, interval: 5s, rise: 2}\n" },
	{ HTTP_DOUBT_OUTLIER_ALONE, "protocol: http\nupstream: 10.0.0.1:1\noutlier: true\n", CALM "outlier: true\n" },
	{ HTTP_DOUBT_FALLBACK_SAME, CALM "policies: {fallback: {upstreams: [c:1, b:1]}}\n", CALM "policies: {fallback: {upstreams: [c:1]}}\n" },
	{ HTTP_DOUBT_FALLBACK_UNTRIED, CALM "policies: {fallback: {upstreams: [c:1]}}\n",
		CALM "policies: {fallback: {upstreams: [c:1], rehearse: 1%}}\n" },
	{ HTTP_DOUBT_OBSERVE_ONLY, CALM "policies: {bulkhead: {max: 3, enforce: observe}}\n", CALM "policies: {bulkhead: {max: 3, enforce: 1%}}\n" },
	{ HTTP_DOUBT_OBSERVE_ONLY, CALM "outlier: {enforce: observe}\n", CALM "outlier: true\n" },
};

static void
test_doubts(void **state)
{
	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		add("a", NULL, rows[i].bad);
		if (!doubted(0, rows[i].kind))
			fail_msg("row %zu: no %s in %s", i, http_doubt_word(rows[i].kind), rows[i].bad);
		drop(NULL);
		add("a", NULL, rows[i].good);
		if (doubted(0, rows[i].kind))
			fail_msg("row %zu: %s in %s", i, http_doubt_word(rows[i].kind), rows[i].good);
		drop(NULL);
	}
}

static void
test_doubts_nested(void **state)
{
	(void)state;
	add("front", NULL, "protocol: http\nupstream: 127.0.0.1:2\npolicies: {timeout: 2s, pass_deadline: false, retry: 2}\n");
	add("back", "127.0.0.1:2", "protocol: http\nupstream: 10.0.0.1:2\npolicies: {timeout: 3s, retry: 3}\n");
	assert_true(doubted(0, HTTP_DOUBT_NESTED_RETRIES));
	assert_true(doubted(0, HTTP_DOUBT_BEHIND_OUTLIVES));
	drop(NULL);
	add("front", NULL, "protocol: http\nupstream: 127.0.0.1:2\npolicies: {timeout: 2s, retry: 2}\n");
	add("back", "127.0.0.1:2", "protocol: http\nupstream: 10.0.0.1:2\npolicies: {timeout: 3s}\n");
	assert_false(doubted(0, HTTP_DOUBT_NESTED_RETRIES));
	assert_false(doubted(0, HTTP_DOUBT_BEHIND_OUTLIVES));
}

/* Each kind is raised by some row above. */
static void
test_doubts_all(void **state)
{
	bool seen[HTTP_DOUBT_COUNT] = { [HTTP_DOUBT_NESTED_RETRIES] = true, [HTTP_DOUBT_BEHIND_OUTLIVES] = true };

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++)
		seen[rows[i].kind] = true;
	for (int k = 0; k < HTTP_DOUBT_COUNT; k++) {
		if (!seen[k])
			fail_msg("no row for %s", http_doubt_word((enum http_doubt_kind)k));
		assert_true(http_doubt_text((enum http_doubt_kind)k)[0] != '\0');
	}
}

static void
test_doubts_of_a_line(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 16);
	add("a", NULL, CALM "policies: {timeout: 3s, retry: 3, budget: false}\nroutes: [{name: x, match: {path: /x}}]\n");
	assert_int_equal(http_doubt_line(&rig.set, 0, "f.yaml", &out), 1);
	assert_string_equal(buf_str(&out), "f.yaml:3:43: line a, route x: no_budget: without a budget an outage multiplies the load by 3, just "
	    "when those behind can bear it least; leave budget: false out; its default lets through one more attempt for ten calls that succeed\n");
	buf_fini(&out);
}

/* ---- words ---- */

static void
test_text(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	add("cart", NULL, CALM "health: {http: /h}\noutlier: true\n"
	    "policies: {timeout: {total: 3s, per_try: 900ms}, retry: 2, hedge: p95, breaker: true, bulkhead: {max: 9, queue: 3}, rate_limit: 100/s,\n"
	    "  adaptive: true, shed: true, fallback: {stale: true, status: 200, body: x}}\n");
	http_explain_text(&rig.set, 0, 0, 100, &out);
	assert_false(out.overflowed);
	assert_non_null(strstr(buf_str(&out), "A call on line cart, route default\n"));
	assert_non_null(strstr(buf_str(&out), "100 a second are let in, 10 at once; beyond that 429 with Retry-After."));
	assert_non_null(strstr(buf_str(&out), "At most 9 calls are at work at once"));
	assert_non_null(strstr(buf_str(&out), "There are up to 2 attempts:"));
	assert_non_null(strstr(buf_str(&out), "  attempts       4 for one call, hedges included\n"));
	assert_non_null(strstr(buf_str(&out), "  amplification  1.10 times the calls while most succeed, 1.00 times when none does, "
	    "and 0.1 a second"));
	for (const char *p = buf_str(&out); *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n')
		assert_true(strcspn(p, "\n") <= 101);
	buf_fini(&out);
}

static void
test_json(void **state)
{
	char error[JSON_ERROR_MAX];
	struct doc *doc = NULL;
	const struct doc_node *warnings, *worst;
	struct jsonw w;
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	add("cart", NULL, CALM "policies: {timeout: 0, retry: {attempts: 2, budget: false}}\n");
	jsonw_init(&w, &out);
	http_explain_json(&rig.set, 0, 0, &w);
	assert_int_equal(json_parse(buf_data(&out), buf_len(&out), error, &doc), 0);
	warnings = doc_get(doc->root, "warnings");
	worst = doc_get(doc->root, "worst");
	assert_int_equal(warnings->count, 2);
	assert_string_equal(doc_get(warnings->items[0], "code")->text, "no_total");
	assert_string_equal(doc_get(warnings->items[1], "code")->text, "no_budget");
	assert_string_equal(doc_get(warnings->items[1], "line")->text, "3");
	assert_int_equal(doc_get(worst, "time_ms")->kind, DOC_NULL);
	assert_string_equal(doc_get(worst, "attempts")->text, "2");
	assert_true(doc_get(doc->root, "steps")->count > 4);
	doc_free(doc);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_cost_plain, drop),
		cmocka_unit_test_teardown(test_cost_phases, drop),
		cmocka_unit_test_teardown(test_cost_unbounded, drop),
		cmocka_unit_test_teardown(test_cost_nested, drop),
		cmocka_unit_test_teardown(test_cost_circle, drop),
		cmocka_unit_test_teardown(test_places, drop),
		cmocka_unit_test_teardown(test_doubts, drop),
		cmocka_unit_test_teardown(test_doubts_nested, drop),
		cmocka_unit_test_teardown(test_doubts_all, drop),
		cmocka_unit_test_teardown(test_doubts_of_a_line, drop),
		cmocka_unit_test_teardown(test_text, drop),
		cmocka_unit_test_teardown(test_json, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
