/* SPDX-License-Identifier: MIT */
/*
 * test_http_doc_build.c - HTTP lines made of what files ask for, and made again: what is the same is taken over with all that it
 * has learnt, limits are changed in place, the rest is new.
 */
#include "proto/yaml.h"
#include "proxy/cluster_report.h"
#include "conf/http_ask.h"
#include "conf/http_doc.h"
#include "conf/http_keep.h"
#include "unit.h"

static struct http_keep *keep;

static int
start(void **state)
{
	(void)state;
	return http_keep_new(&keep);
}

static int
stop(void **state)
{
	(void)state;
	http_keep_free(keep);
	return 0;
}

static struct http_conf *
build(const char *yaml)
{
	struct http_doc_env env = { .keep = keep, .seed = 7, .workers = 2, .now = FL_SEC };
	struct http_conf *conf = NULL;
	struct doc *doc = NULL;
	struct doc_diag d;

	doc_diag_init(&d, "f.yaml");
	assert_int_equal(yaml_parse(yaml, strlen(yaml), &d, &doc), 0);
	if (http_doc_read(doc->root, "cart", NULL, &env, &d, &conf) != 0)
		fail_msg("%s", buf_str(&d.text));
	doc_diag_fini(&d);
	doc_free(doc);
	return conf;
}

#define HEAD "protocol: http\nupstreams: [127.0.0.1:1, 127.0.0.1:2]\n"
#define PAY "routes: [{name: pay, match: {method: POST, path_prefix: /pay, host: x.test, header: {x-a: b}}"

static void
test_plain(void **state)
{
	struct http_conf *c = build(HEAD "forwarded: true\nvia: me\nlimits: {head: 8KB, body_timeout: 3s}\nrecord_share: 50%\n" PAY "}]\n");
	const struct http_route *r = &c->routes[0];

	(void)state;
	assert_int_equal(c->route_count, 2);
	assert_true(c->forwarded && c->trace);
	assert_string_equal(c->via, "me");
	assert_int_equal(c->limits.head_bytes_max, 8000);
	assert_int_equal(c->limits.body_timeout, 3 * FL_SEC);
	assert_int_equal(c->record_share, 32768);
	assert_int_equal(c->log_share, 0);
	assert_string_equal(r->name, "pay");
	assert_string_equal(r->methods[0], "POST");
	assert_int_equal(r->path_kind, HTTP_MATCH_PREFIX);
	assert_string_equal(r->path, "/pay");
	assert_string_equal(r->host, "x.test");
	assert_string_equal(r->header, "x-a");
	assert_string_equal(r->header_value, "b");
	assert_string_equal(r->policies->name, "cart/pay");
	assert_string_equal(c->routes[1].policies->name, "cart");
	assert_int_equal(r->policies->plan.timeouts.total, 15 * FL_SEC);
	assert_int_equal(r->policies->plan.retry.attempts_max, 1);
	assert_true(r->policies->plan.other_instances);
	assert_true(r->policies->plan.budget == NULL && r->policies->plan.limiter == NULL && r->policies->plan.breaker == NULL);
	assert_ptr_equal(r->cluster, c->routes[1].cluster);
	assert_ptr_not_equal(r->stats, c->routes[1].stats);
	assert_int_equal(cluster_conf_of(r->cluster)->count, 2);
	http_conf_unref(c);
}

#define ALL HEAD "policies: {timeout: 2s, retry: {attempts: 4, on: [503, reset]}, hedge: 20ms, breaker: {per: route, open: 1s}, bulkhead: 9,\n" \
	"  rate_limit: 50/s, adaptive: true, shed: true, priority: 3,\n" \
	"  fallback: {stale: {max_bytes: 128KB, max_entry: 8KB}, status: 203, body: hi, headers: {a: b}, upstreams: ['127.0.0.1:9']}}\n"

static void
test_everything(void **state)
{
	struct http_conf *c = build(ALL PAY ", policies: {bulkhead: 3}}]\n");
	const struct http_policies *pay = c->routes[0].policies, *rest = c->routes[1].policies;
	struct fl_bulkhead_counters n;

	(void)state;
	assert_true(rest->plan.limiter != NULL && rest->plan.shedder != NULL && rest->plan.adaptive != NULL && rest->plan.bulkhead != NULL &&
	    rest->plan.breaker != NULL && rest->plan.budget != NULL && rest->plan.hedge != NULL && rest->plan.fallback != NULL);
	assert_int_equal(rest->plan.timeouts.total, 2 * FL_SEC);
	assert_int_equal(rest->plan.retry.attempts_max, 4);
	assert_int_equal(rest->retry_on, HTTP_RETRY_STATUS | HTTP_RETRY_RESET);
	assert_int_equal(rest->retry_status[0], 503);
	assert_int_equal(rest->plan.hedges_max, 1);
	assert_int_equal(fl_hedge_delay(rest->plan.hedge), 20 * FL_MS);
	assert_int_equal(rest->priority, 3);
	assert_non_null(rest->stale);
	assert_int_equal(rest->canned->status, 203);
	assert_string_equal(rest->canned->body, "hi");
	assert_string_equal(rest->canned->names[0], "a");
	assert_int_equal(cluster_conf_of(rest->fallback_cluster)->count, 1);
	/* What the route has not named is the line's own, but for its breaker. */
	assert_ptr_equal(pay->plan.limiter, rest->plan.limiter);
	assert_ptr_equal(pay->plan.budget, rest->plan.budget);
	assert_ptr_equal(pay->stale, rest->stale);
	assert_ptr_not_equal(pay->plan.bulkhead, rest->plan.bulkhead);
	assert_ptr_not_equal(pay->plan.breaker, rest->plan.breaker);
	fl_bulkhead_counters(pay->plan.bulkhead, &n);
	assert_int_equal(n.max, 3);
	http_conf_unref(c);
}

/* The same again: the same objects, with what they have counted. */
static void
test_again(void **state)
{
	struct http_conf *a = build(ALL), *b;
	const struct fl_plan before = a->routes[0].policies->plan;
	struct cluster *cluster = a->routes[0].cluster;
	struct http_stats *stats = a->routes[0].stats;

	(void)state;
	b = build(ALL PAY "}]\n");
	assert_ptr_equal(b->routes[1].policies->plan.limiter, before.limiter);
	assert_ptr_equal(b->routes[1].policies->plan.shedder, before.shedder);
	assert_ptr_equal(b->routes[1].policies->plan.adaptive, before.adaptive);
	assert_ptr_equal(b->routes[1].policies->plan.bulkhead, before.bulkhead);
	assert_ptr_equal(b->routes[1].policies->plan.breaker, before.breaker);
	assert_ptr_equal(b->routes[1].policies->plan.budget, before.budget);
	assert_ptr_equal(b->routes[1].policies->plan.hedge, before.hedge);
	assert_ptr_equal(b->routes[1].policies->plan.fallback, before.fallback);
	assert_ptr_equal(b->routes[1].cluster, cluster);
	assert_ptr_equal(b->routes[1].stats, stats);
	http_conf_unref(a);
	http_conf_unref(b);
}

static void
test_retune(void **state)
{
	struct http_conf *a = build(HEAD "policies: {bulkhead: 2, rate_limit: {rate: 5/s, burst: 2}}\n"), *b;
	struct fl_bulkhead *bulkhead = a->routes[0].policies->plan.bulkhead;
	struct fl_limiter *limiter = a->routes[0].policies->plan.limiter;
	struct fl_bulkhead_counters n;
	struct fl_limiter_counters l;

	(void)state;
	assert_int_equal(fl_bulkhead_acquire(bulkhead, FL_SEC, NULL), 0);
	b = build(HEAD "policies: {bulkhead: {max: 1, queue: 7}, rate_limit: {rate: 9/s, burst: 3}}\n");
	assert_ptr_equal(b->routes[0].policies->plan.bulkhead, bulkhead);
	assert_ptr_equal(b->routes[0].policies->plan.limiter, limiter);
	fl_bulkhead_counters(bulkhead, &n);
	assert_int_equal(n.max, 1);
	assert_int_equal(n.queue, 7);
	assert_int_equal(n.inflight, 1);
	assert_int_equal(fl_bulkhead_acquire(bulkhead, FL_SEC, NULL), -11);
	fl_limiter_counters(limiter, &l);
	assert_true(l.rate > 8.9 && l.rate < 9.1 && l.burst > 2.9 && l.burst < 3.1);
	http_conf_unref(a);
	fl_bulkhead_release(bulkhead, FL_SEC);
	/* Another target is another bulkhead. */
	a = build(HEAD "policies: {bulkhead: {max: 1, queue: 7, target: 9ms}}\n");
	assert_ptr_not_equal(a->routes[0].policies->plan.bulkhead, bulkhead);
	assert_null(a->routes[0].policies->plan.limiter);
	http_conf_unref(a);
	http_conf_unref(b);
}

static unsigned
reports(struct cluster *c, struct cluster_report *ret)
{
	return cluster_reports(c, FL_SEC, ret, 4);
}

/* Another set of instances: those that stay keep their breakers. */
static void
test_instances(void **state)
{
	struct cluster_report r[4];
	struct http_conf *a = build(HEAD "policies: {breaker: true}\n"), *b;

	(void)state;
	assert_int_equal(cluster_force(a->routes[0].cluster, "127.0.0.1:2", FL_BREAKER_FORCED_OPEN, FL_SEC), 0);
	b = build("protocol: http\nupstreams: [{address: '127.0.0.1:2', weight: 3}, 127.0.0.1:3]\npolicies: {breaker: true}\n");
	assert_ptr_not_equal(a->routes[0].cluster, b->routes[0].cluster);
	assert_int_equal(reports(b->routes[0].cluster, r), 2);
	assert_string_equal(r[0].address, "127.0.0.1:2");
	assert_int_equal(r[0].breaker.state, FL_BREAKER_FORCED_OPEN);
	assert_int_equal(r[1].breaker.state, FL_BREAKER_CLOSED);
	http_conf_unref(a);
	/* Another breaker is another breaker. */
	a = build("protocol: http\nupstreams: [127.0.0.1:2]\npolicies: {breaker: {open: 9s}}\n");
	assert_int_equal(reports(a->routes[0].cluster, r), 1);
	assert_int_equal(r[0].breaker.state, FL_BREAKER_CLOSED);
	http_conf_unref(a);
	http_conf_unref(b);
}

static void
test_forced(void **state)
{
	struct http_conf *c = build(HEAD "policies: {breaker: {per: route, mode: forced_open}}\n");

	(void)state;
	assert_int_equal(fl_breaker_state(c->routes[0].policies->plan.breaker), FL_BREAKER_FORCED_OPEN);
	http_conf_unref(c);
	c = build(HEAD "policies: {breaker: {mode: disabled}}\n");
	assert_false(cluster_conf_of(c->routes[0].cluster)->breaker_on);
	http_conf_unref(c);
}

/* A configuration outlives the registry's forgetting. */
static void
test_forgotten(void **state)
{
	struct http_conf *c = build(ALL);

	(void)state;
	http_keep_forget(keep, "cart");
	assert_int_equal(fl_breaker_state(c->routes[0].policies->plan.breaker), FL_BREAKER_CLOSED);
	http_conf_unref(c);
}

/* The widest and the narrowest that the reader lets pass, the engines take. */
static void
test_bounds(void **state)
{
	static const char *const rows[] = {
		"breaker: {per: route, window: 100ms, window_calls: 65536, failure_rate: 0.1%, min_calls: 1, confidence: 99.99%, slow_rate: 0.1%, "
		"open: 1ms, open_max: 1ms, jitter: 100%, stable: 0, probes: 64, successes: 1000, lease: 24h}",
		"breaker: {per: route, window: 24h, failure_rate: 1, confidence: 0, slow: 24h, slow_rate: 1, open: 24h, open_max: 24h}",
		"bulkhead: {max: 1, queue: 1000000, target: 1us, interval: 1ms, lifo_after: 1ms, expected: 24h}",
		"bulkhead: {max: 1000000, target: 24h, interval: 24h, lifo_after: 24h}",
		"rate_limit: {rate: 0.001, burst: 1}", "rate_limit: {rate: 1e9, burst: 1e9}",
		"adaptive: {min: 1, initial: 1, max: 1, tolerance: 1, window: 1ms, min_samples: 1, backoff: 1%, smoothing: 1%}",
		"adaptive: {min: 1000000, initial: 1000000, max: 1000000, tolerance: 100, window: 24h, min_samples: 64, backoff: 99%, smoothing: 1}",
		"shed: {target: 0, window: 1ms, step_down: 0.1%, step_up: 0.1%, accepts: 1000, accepts_window: 1s}",
		"shed: {target: 24h, window: 24h, step_down: 1, step_up: 1, accepts: 1, accepts_window: 24h}",
		"{retry: 8, budget: {share: 0, reserve_per_second: 0, max: 1}}", "{retry: 2, budget: {share: 1, reserve_per_second: 1e6, max: 1e9}}",
		"hedge: {after: p1, max: 7, min_delay: 0, max_delay: 1ms, min_samples: 1, window: 1s}",
		"hedge: {after: p99.99, min_delay: 24h, max_delay: 24h, min_samples: 1000000, window: 24h}", "hedge: {after: 24h}",
		"fallback: {stale: {max_bytes: 65536, max_entry: 1024, max_stale: 1ms}, max: 1, rehearse: 0}",
		"fallback: {status: 599, max: 1000000, rehearse: 1}",
	};
	char yaml[1024];

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		snprintf(yaml, sizeof(yaml), HEAD "policies: %s%s%s\n", rows[i][0] == '{' ? "" : "{", rows[i], rows[i][0] == '{' ? "" : "}");
		http_conf_unref(build(yaml));
	}
	http_conf_unref(build(HEAD "outlier: {consecutive: 0, failure_rate: 0.1%, deviations: 100, min_calls: 1, min_instances: 1, window: 100ms, "
	    "ejection: 1ms, ejection_max: 1ms, jitter: 1, max_ejected: 0}\npanic: 0\nslow_start: 24h\n"
	    "balance: {kind: ring_hash, overprovision: 1, zone_share: 0, load_bound: 1.01, points: 1}\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plain, start, stop),
		cmocka_unit_test_setup_teardown(test_everything, start, stop),
		cmocka_unit_test_setup_teardown(test_again, start, stop),
		cmocka_unit_test_setup_teardown(test_retune, start, stop),
		cmocka_unit_test_setup_teardown(test_instances, start, stop),
		cmocka_unit_test_setup_teardown(test_forced, start, stop),
		cmocka_unit_test_setup_teardown(test_forgotten, start, stop),
		cmocka_unit_test_setup_teardown(test_bounds, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
