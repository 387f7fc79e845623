/* SPDX-License-Identifier: MIT */
/* test_http_doc.c - HTTP lines in files: what is read, and what is said about what cannot be. */
#include "proto/yaml.h"
#include "conf/http_ask.h"
#include "conf/http_doc.h"
#include "conf/http_field.h"
#include "unit.h"

#include <errno.h>

static const char *const extra[] = { "listen", "enabled", NULL };
static struct doc *tree;
static struct doc_diag diag;
static struct http_doc *line;

static void
done(void)
{
	http_doc_free(line);
	line = NULL;
	doc_free(tree);
	tree = NULL;
	doc_diag_fini(&diag);
}

static int
parse(const char *yaml)
{
	doc_diag_init(&diag, "f.yaml");
	assert_int_equal(yaml_parse(yaml, strlen(yaml), &diag, &tree), 0);
	return http_doc_parse(tree->root, "cart", extra, "f.yaml", &diag, &line);
}

static const struct http_doc *
reads(const char *yaml)
{
	int rc = parse(yaml);

	if (rc != 0)
		print_error("%s\n", buf_str(&diag.text));
	assert_int_equal(rc, 0);
	assert_int_equal(diag.count, 0);
	return line;
}

static void
refuses(const char *yaml, const char *complaints)
{
	assert_int_equal(parse(yaml), -EINVAL);
	assert_null(line);
	assert_string_equal(buf_str(&diag.text), complaints);
	done();
}

static void
test_least(void **state)
{
	const struct http_doc *h = reads("protocol: http\nlisten: 127.0.0.1:1\nupstream: 127.0.0.1:8080\n");
	const struct http_ask_route *r = &h->routes[0];

	(void)state;
	assert_string_equal(h->name, "cart");
	assert_int_equal(h->upstreams_count, 1);
	assert_int_equal(h->upstreams[0].count, 1);
	assert_string_equal(h->upstreams[0].instances[0].address, "127.0.0.1:8080");
	assert_int_equal(h->upstreams[0].instances[0].weight, 1);
	assert_false(h->upstreams[0].breaker.on || h->upstreams[0].health.on || h->upstreams[0].outlier.on);
	assert_int_equal(h->route_count, 1);
	assert_string_equal(r->name, "default");
	assert_string_equal(r->policies.name, "cart");
	assert_int_equal(r->policies.timeouts.total, 15 * FL_SEC);
	assert_false(r->policies.retry.on || r->policies.hedge.on || r->policies.rate.on || r->policies.bulkhead.on || r->policies.fallback.on);
	assert_true(r->policies.budget.on && r->policies.pass_deadline && h->trace.context);
	done();
}

static void
test_upstreams(void **state)
{
	const struct http_doc *h = reads("protocol: http\n"
	    "upstreams:\n"
	    "  - 10.0.0.1:80\n"
	    "  - {address: cart.internal:8080, weight: 3, zone: b, max_connections: 7}\n"
	    "  - {address: 'unix:/run/c.sock', backup: true}\n"
	    "  - {address: '[::1]:80', priority: 2}\n"
	    "dns: {refresh: 500ms}\n"
	    "balance: {kind: ring_hash, header: x-user}\n"
	    "zone: b\nslow_start: 30s\npanic: 25%\n"
	    "pool: {idle: 3, idle_timeout: 1m, lifetime: 1h, requests: 1000, max_connections: 50}\n"
	    "health: {http: /healthz, host: cart.test, interval: 2s, timeout: 250ms, rise: 1, fall: 4, status: 200-204}\n"
	    "outlier: {consecutive: 3, deviations: 1.9, ejection: 10s, ejection_max: 1m, max_ejected: 30%, enforce: observe}\n");
	const struct http_ask_upstreams *u = &h->upstreams[0];

	(void)state;
	assert_int_equal(u->count, 4);
	assert_int_equal(u->instances[1].weight, 3);
	assert_string_equal(u->instances[1].zone, "b");
	assert_int_equal(u->instances[1].connections_max, 7);
	assert_int_equal(u->instances[1].at.line, 4);
	assert_int_equal(u->instances[2].priority, 1);
	assert_int_equal(u->instances[3].priority, 2);
	assert_int_equal(u->dns_refresh, 500 * FL_MS);
	assert_int_equal(u->balance.o.kind, FL_RING_HASH);
	assert_string_equal(u->balance.header, "x-user");
	assert_int_equal(u->balance.o.slow_start, 30 * FL_SEC);
	assert_true(u->panic > 0.2499 && u->panic < 0.2501);
	assert_int_equal(u->pool.idle_max, 3);
	assert_int_equal(u->pool.connections_max, 50);
	assert_true(u->health.on && !u->health.tcp);
	assert_int_equal(u->health.status_min, 200);
	assert_int_equal(u->health.status_max, 204);
	assert_int_equal(u->health.fall, 4);
	assert_true(u->outlier.on && u->outlier.o.enforce < 0.001 && u->outlier.o.sigmas > 1.89);
	done();
}

static const char policies[] = "protocol: http\nupstream: a:1\n"
    "policies:\n"
    "  timeout: {total: 3s, queue: 100ms, connect: 200ms, first_byte: 1s, per_try: 900ms, idle: 5s}\n"
    "  pass_deadline: false\n"
    "  priority: 2\n"
    "  retry:\n"
    "    attempts: 4\n"
    "    on: [connect, gateway, 429, 500]\n"
    "    unsafe: true\n"
    "    backoff: {base: 10ms, max: 1s, jitter: decorrelated}\n"
    "    replay: 16KB\n"
    "    budget: {share: 20%, reserve_per_second: 3, max: 50}\n"
    "  hedge: {after: p99.5, max: 2, min_delay: 5ms, enforce: 30%}\n"
    "  breaker: {window: 30s, failure_rate: 40%, min_calls: 50, slow: 2s, slow_rate: 80%, open: 2s, open_max: 20s, probes: 5, successes: 4,\n"
    "    jitter: 20%}\n"
    "  bulkhead: {max: 100, queue: 50, target: 5ms, interval: 100ms, lifo_after: 200ms}\n"
    "  rate_limit: {rate: 600/m, burst: 20}\n"
    "  adaptive: {min: 2, initial: 10, max: 200}\n"
    "  shed: 10ms\n"
    "  fallback: {status: 203, body: hi, headers: {content-type: text/plain}, on: [refused, failed], max: 7, rehearse: 0.1%}\n"
    "routes:\n"
    "  - {name: pay, match: {method: [post, PUT], path: /pay}, policies: {retry: false, timeout: {total: 9s}, rate_limit: {burst: 5}}}\n"
    "  - name: static\n"
    "    match: {path_glob: '/s/*.js', host: shop.test, header: {x-canary: '1'}}\n"
    "    upstreams: [b:1, c:1]\n"
    "    policies: {fallback: {upstreams: [d:1]}, enforce: observe}\n";

static void
check_policies(const struct http_ask_policies *p)
{
	assert_int_equal(p->timeouts.first_byte, FL_SEC);
	assert_int_equal(p->timeouts.per_try, 900 * FL_MS);
	assert_false(p->pass_deadline);
	assert_int_equal(p->priority, 2);
	assert_true(p->retry.on && p->retry.o.unsafe && p->retry.o.decorrelated);
	assert_int_equal(p->retry.o.attempts_max, 4);
	assert_int_equal(p->retry.conditions, HTTP_RETRY_CONNECT | HTTP_RETRY_GATEWAY | HTTP_RETRY_429 | HTTP_RETRY_STATUS);
	assert_int_equal(p->retry.status_count, 1);
	assert_int_equal(p->retry.status[0], 500);
	assert_int_equal(p->retry.replay_bytes, 16000);
	assert_true(p->budget.o.ratio > 0.19 && p->budget.o.ratio < 0.21);
	assert_true(p->hedge.on && p->hedge.o.quantile > 0.9949 && p->hedge.o.quantile < 0.9951 && p->hedge.o.enforce < 0.31);
	assert_true(p->breaker.on && p->breaker.per == HTTP_ASK_PER_INSTANCE);
	assert_int_equal(p->breaker.o.volume_min, 50);
	assert_int_equal(p->bulkhead.o.max, 100);
	assert_true(p->rate.o.rate > 9.99 && p->rate.o.rate < 10.01);
	assert_int_equal(p->adaptive.o.max, 200);
	assert_true(p->shed.on && p->shed.o.target == 10 * FL_MS);
	assert_true(p->fallback.on && p->fallback.is_static && !p->fallback.is_stale);
	assert_string_equal(p->fallback.body, "hi");
	assert_int_equal(p->fallback.o.on, FL_FALLBACK_REFUSED | FL_FALLBACK_FAILED);
}

static void
test_policies(void **state)
{
	const struct http_doc *h = reads(policies);
	const struct http_ask_route *pay = &h->routes[0], *files = &h->routes[1], *rest = &h->routes[2];

	(void)state;
	check_policies(&h->policies);
	assert_true(h->upstreams[0].breaker.on);
	assert_int_equal(h->upstreams[0].breaker.o.volume_min, 50);
	assert_int_equal(h->route_count, 3);
	assert_string_equal(pay->methods[0], "POST");
	assert_string_equal(pay->methods[1], "PUT");
	assert_int_equal(pay->path_kind, HTTP_MATCH_EXACT);
	assert_string_equal(pay->policies.name, "cart/pay");
	assert_false(pay->policies.retry.on);
	assert_true(pay->policies.rate.own && !pay->policies.bulkhead.own);
	assert_int_equal(pay->policies.timeouts.total, 9 * FL_SEC);
	assert_int_equal(pay->policies.timeouts.connect, 200 * FL_MS);
	assert_int_equal((int)pay->policies.rate.o.burst, 5);
	assert_true(pay->policies.rate.o.rate > 9.99);
	assert_int_equal(pay->upstreams, 0);
	assert_int_equal(files->path_kind, HTTP_MATCH_GLOB);
	assert_string_equal(files->host, "shop.test");
	assert_string_equal(files->header, "x-canary");
	assert_string_equal(files->header_value, "1");
	assert_string_equal(h->upstreams[files->upstreams].name, "cart/static");
	assert_int_equal(h->upstreams[files->upstreams].count, 2);
	assert_true(h->upstreams[files->upstreams].breaker.on && h->upstreams[files->upstreams].breaker.o.enforce < 0.001);
	assert_string_equal(h->upstreams[files->policies.fallback.upstreams].name, "cart/static fallback");
	assert_false(files->policies.fallback.is_static);
	assert_true(files->policies.bulkhead.own && files->policies.bulkhead.o.enforce < 0.001);
	assert_string_equal(rest->name, "default");
	check_policies(&rest->policies);
	assert_false(rest->policies.rate.own);
	done();
}

static void
test_short_forms(void **state)
{
	const struct http_doc *h = reads("protocol: http\nupstream: a:1\naccess_log: a.jsonl\nbalance: peak_ewma\n"
	    "policies: {timeout: 2s, retry: 2, hedge: 20ms, breaker: true, bulkhead: 9, rate_limit: 5/s, adaptive: true, budget: 5%, "
	    "fallback: {stale: true}}\n");
	const struct http_ask_policies *p = &h->routes[0].policies;

	(void)state;
	assert_string_equal(h->log_path, "a.jsonl");
	assert_int_equal(h->log_share, 65536);
	assert_int_equal(h->upstreams[0].balance.o.kind, FL_EWMA);
	assert_int_equal(p->timeouts.total, 2 * FL_SEC);
	assert_int_equal(p->retry.o.attempts_max, 2);
	assert_true(p->hedge.on && p->hedge.o.fixed == 20 * FL_MS);
	assert_true(p->breaker.on && p->adaptive.on);
	assert_int_equal(p->bulkhead.o.max, 9);
	assert_true(p->budget.o.ratio < 0.051 && p->budget.o.ratio > 0.049);
	assert_true(p->fallback.is_stale && !p->fallback.is_static);
	done();
}

#define HEAD "protocol: http\nupstream: a:1\n"

static void
test_complaints_line(void **state)
{
	(void)state;
	refuses("protocol: http\n", "f.yaml:1:1: found no upstream, expected one such as upstream: 127.0.0.1:8080, or a list of upstreams");
	refuses("protocol: http\nupstream: a:1\nupstreams: [b:1]\n", "f.yaml:2:11: found upstream beside upstreams, expected one of them");
	refuses("protocol: http\nupstream: nonsense\n",
	    "f.yaml:2:11: found \"nonsense\", expected an address such as 10.0.0.1:8080 or unix:/run/x.sock");
	refuses("protocol: http\nupstreams: [a:1, a:1]\n", "f.yaml:2:18: found a:1 a second time, expected addresses that differ");
	refuses("protocol: http\nupstreams: [{address: a:1, backup: true}]\n",
	    "f.yaml:2:12: found none but backups, expected at least one instance of priority 0");
	refuses("protocol: http\nupstreams: [{weight: 2}]\n",
	    "f.yaml:2:13: found an instance without address, expected one such as address: 10.0.0.1:8080");
	refuses(HEAD "limits: {head: 12, fieldz: 3}\n",
	    "f.yaml:3:20: found the key \"fieldz\", expected one of head, fields, body, requests, head_timeout, idle_timeout, "
	    "body_timeout, half_closed; did you mean \"fields\"?\n"
	    "f.yaml:3:16: found the number 12, expected 1024 to 1048576 bytes");
	refuses(HEAD "health: {interval: 5s}\n", "f.yaml:3:9: found neither http nor tcp, expected either http: /PATH or tcp: true");
	refuses(HEAD "health: {http: /h, status: 700}\n",
	    "f.yaml:3:28: found the number 700, expected a status such as 200, or a range such as \"200-399\"");
	refuses(HEAD "balance: least_requests\n", "f.yaml:3:10: found \"least_requests\", expected one of least_request, round_robin, peak_ewma, "
	    "ring_hash, random; did you mean \"least_request\"?");
	refuses(HEAD "panic: 120%\n", "f.yaml:3:8: found \"120%\", expected a share such as 30% or 0.3");
	refuses(HEAD "slow_start: 5\n", "f.yaml:3:13: found the number 5, expected a duration such as 250ms, 5s or 1m30s");
	refuses(HEAD "access_log: {share: 1%}\n", "f.yaml:3:13: found an access log without path, expected one such as path: access.jsonl");
}

static void
test_complaints_policies(void **state)
{
	(void)state;
	refuses(HEAD "policies:\n  retry: {attempts: 9, on: [conect]}\n  breaker: {failure_rate: 2}\n  bulkhead: {}\n",
	    "f.yaml:5:27: found the number 2, expected a share from 0.1% to 100%\n"
	    "f.yaml:6:13: found a bulkhead without max, expected one such as max: 100\n"
	    "f.yaml:4:21: found the number 9, expected a whole number from 1 to 8\n"
	    "f.yaml:4:29: found \"conect\", expected one of connect, reset, timeout, 5xx, gateway, 429, status, refused; did you mean \"connect\"?");
	refuses(HEAD "policies: {rate_limit: fast}\n",
	    "f.yaml:3:24: found \"fast\", expected a rate such as 100/s or 5/m, from 0.001 to 1e+09 a second");
	refuses(HEAD "policies: {rate_limit: true}\n", "f.yaml:3:24: found true, expected a rate such as 100/s, or a map");
	refuses(HEAD "policies: {hedge: p100}\n",
	    "f.yaml:3:19: found \"p100\", expected a quantile such as p95 (p1 to p99.99), or a duration such as 20ms");
	refuses(HEAD "policies: {breaker: {open: 2m}}\n", "f.yaml:3:21: found open longer than open_max, expected at most that");
	refuses(HEAD "policies: {adaptive: {min: 50}}\n",
	    "f.yaml:3:22: found min 50, initial 20, max 1000, expected them in this order");
	refuses(HEAD "policies: {enforce: maybe}\n",
	    "f.yaml:3:21: found \"maybe\", expected observe, enforce, or the share of calls it is enforced for, such as 30%");
	refuses(HEAD "policies: {fallback: {max: 3}}\n",
	    "f.yaml:3:22: found a fallback to nothing, expected status, body, file, stale or upstreams");
	refuses(HEAD "policies: {fallback: {headers: {Content-Length: 3}}}\n", "f.yaml:3:33: found the header \"Content-Length\", expected a name of "
	    "letters and digits that says nothing of the body's length, and a value on one line");
	refuses(HEAD "policies: {fallback: {file: nowhere.json}}\n", "f.yaml:3:29: nowhere.json: No such file or directory");
}

static void
test_complaints_routes(void **state)
{
	(void)state;
	refuses(HEAD "routes: [{match: {path: /a}}]\n", "f.yaml:3:10: found a route without name, expected one such as name: checkout");
	refuses(HEAD "routes: [{name: a}, {name: b, match: {path: /b}}]\n",
	    "f.yaml:3:10: found a route that matches everything before others, expected it to be the last");
	refuses(HEAD "routes: [{name: a, match: {path: /a}}, {name: a, match: {path: /b}}]\n",
	    "f.yaml:3:47: found a second route called \"a\", expected names that differ");
	refuses(HEAD "routes: [{name: a, match: {path: /a, path_prefix: /b}}]\n",
	    "f.yaml:3:51: found a second condition on the path, expected one of path, path_prefix, path_glob");
	refuses(HEAD "routes: [{name: a, match: {path: a}}]\n", "f.yaml:3:34: found \"a\", expected a path that begins with /");
	refuses(HEAD "routes: [{name: a, match: {header: {a: b, c: d}}}]\n", "f.yaml:3:36: found 2 headers, expected one");
	refuses(HEAD "policies: {breaker: true}\nroutes: [{name: a, match: {path: /a}, policies: {breaker: {per: instance, open: 1s}}}]\n",
	    "f.yaml:4:65: found per: instance on a route that shares the line's instances, expected per: route, or upstreams of its own");
	refuses(HEAD "policies: {breaker: true}\nroutes: [{name: a, match: {path: /a}, policies: {breaker: false}}]\n",
	    "f.yaml:4:59: found breaker: false, but the breakers of the line's instances hold for all routes; "
	    "expected upstreams of the route's own beside it");
	refuses(HEAD "routes: [{name: a, retry: 3}]\n", "f.yaml:3:20: found the key \"retry\", expected one of name, match, policies, upstream, "
	    "upstreams, dns, balance, zone, slow_start, panic, pool, health, outlier");
}

static void
test_names_and_files(void **state)
{
	static const char yaml[] = "protocol: http\nupstream: a:1\npolicies: {fallback: {file: /etc/passwd}}\n";
	char name[80];

	(void)state;
	doc_diag_init(&diag, "body");
	assert_int_equal(yaml_parse(yaml, strlen(yaml), &diag, &tree), 0);
	assert_int_equal(http_doc_parse(tree->root, "x", NULL, NULL, &diag, &line), -EINVAL);
	assert_string_equal(buf_str(&diag.text), "body:3:29: found a file, expected body: only the configuration file may name files");
	memset(name, 'a', sizeof(name));
	name[70] = '\0';
	assert_int_equal(http_doc_parse(tree->root, name, NULL, "f.yaml", &diag, &line), -EINVAL);
	assert_non_null(strstr(buf_str(&diag.text), "found a name of 70 bytes"));
	done();
}

/* What is shown can be read again, and says the same. */
static void
test_json_again(void **state)
{
	struct buf first, second;
	struct jsonw w;

	(void)state;
	reads("protocol: http\nupstreams: [a:1, {address: b:1, weight: 2}]\nhealth: {tcp: true}\noutlier: true\n"
	    "policies: {timeout: 1500ms, retry: 3, hedge: p99.9, breaker: true, bulkhead: 9, rate_limit: 0.5/s, enforce: 12.5%}\n"
	    "routes: [{name: a, match: {path: /a}, policies: {retry: {on: [503, reset]}}}]\n");
	buf_init(&first, 1 << 20);
	buf_init(&second, 1 << 20);
	jsonw_init(&w, &first);
	jsonw_object(&w);
	http_doc_json(&w, line);
	jsonw_end(&w);
	done();
	reads(buf_str(&first));
	jsonw_init(&w, &second);
	jsonw_object(&w);
	http_doc_json(&w, line);
	jsonw_end(&w);
	assert_string_equal(buf_str(&first), buf_str(&second));
	done();
	buf_fini(&first);
	buf_fini(&second);
}

static void
test_durations(void **state)
{
	static const struct { fl_ns ns; const char *text; } rows[] = {
		{ 0, "0" }, { 1, "1ns" }, { 1500, "1500ns" }, { 2000, "2us" }, { 250 * FL_MS, "250ms" }, { 90 * FL_SEC, "90s" },
		{ 60 * FL_SEC, "1m" }, { 120 * FL_SEC, "2m" }, { 3600 * FL_SEC, "1h" }, { 7200 * FL_SEC, "2h" }, { 1500 * FL_MS, "1500ms" },
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++)
		assert_string_equal(http_field_duration(text, rows[i].ns), rows[i].text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_upstreams),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_short_forms),
		cmocka_unit_test(test_complaints_line),
		cmocka_unit_test(test_complaints_policies),
		cmocka_unit_test(test_complaints_routes),
		cmocka_unit_test(test_names_and_files),
		cmocka_unit_test(test_json_again),
		cmocka_unit_test(test_durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
