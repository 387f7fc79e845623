/* SPDX-License-Identifier: MIT */
/* test_http_policy.c - what the policies of an HTTP line do to calls, seen from real sockets at both ends. */
#include "http_rig.h"

#define TWO "upstreams: ['$0', '$1']\nbalance: round_robin\n"
#define FAST "backoff: {base: 1ms, max: 2ms}"

/* Take the next request at either of two servers; ret_which says where. */
static int
take_either(const struct rig_bed *b, int *ret_which)
{
	struct pollfd p[2] = { { .fd = b->servers[0], .events = POLLIN }, { .fd = b->servers[1], .events = POLLIN } };
	if (poll(p, 2, RIG_PATIENCE_S * 1000) < 1)
		fail_msg("nobody connects");
	*ret_which = p[0].revents != 0 ? 0 : 1;
	return rig_take(b, *ret_which);
}

/* An instance that nobody listens at. */
static void
deaf(struct rig_bed *b, int server)
{
	close(b->servers[server]);
	b->servers[server] = -1;
}

static void
test_refused_connection(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, "upstream: $0\n");
	deaf(&b, 0);
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/1"));
	rig_expect_field(c, 502, "connection", NULL);
	/* The client's connection is none the worse. */
	rig_say(c, "POST /2 HTTP/1.1\r\nhost: test\r\ncontent-length: 3\r\n\r\nabc");
	rig_expect(c, 502, NULL);
	close(c);
	rig_closed(&b, LINE_CLOSE_FINISHED, 1);
	struct http_sum sum = rig_sum(&b, 0);
	assert_int_equal(sum.status[5], 2);
	assert_int_equal(sum.ends[FL_END_FAILED], 2);
	rig_end(&b);
}

/* Nobody has seen the request: it goes to the other instance, a POST too. */
static void
test_retry_connect(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, TWO "policies: {retry: {attempts: 2, " FAST "}}\n");
	deaf(&b, 0);
	int c = rig_dial(&b), s = -1;
	for (int i = 0; i < 4; i++) {
		rig_say(c, "POST /p HTTP/1.1\r\nhost: test\r\ncontent-length: 3\r\n\r\nabc");
		if (s < 0)
			s = rig_take(&b, 1);
		struct rig_msg *m = rig_request(s);
		assert_string_equal(m->body, "abc");
		rig_msg_free(m);
		rig_say(s, RIG_OK(2, "ok"));
		rig_expect(c, 200, "ok");
	}
	struct http_sum sum = rig_sum(&b, 0);
	assert_int_equal(sum.attempts, 4);      /* who could not be reached does not count */
	assert_int_equal(sum.retries, 0);
	assert_in_range(sum.resent, 1, 4);
	close(c);
	close(s);
	rig_end(&b);
}

/* A 503 is repeated when that was asked for; a POST that was answered is not. */
static void
test_retry_status(void **state)
{
	struct rig_bed b;
	int which;
	(void)state;
	rig_begin(&b, TWO "policies: {retry: {attempts: 2, on: [503], " FAST "}}\n");
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/1"));
	int s = take_either(&b, &which);
	rig_serve(s, "GET /1 ", "HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy");
	int z = rig_take(&b, !which);                   /* elsewhere */
	struct rig_msg *m = rig_request(z);
	rig_is(m, "x-faultline-attempt", "2");
	rig_msg_free(m);
	rig_say(z, RIG_OK(2, "ok"));
	rig_expect(c, 200, "ok");
	/* Both fail: the client gets the last answer. */
	rig_say(c, RIG_GET("/2"));
	struct pollfd p[2] = { { .fd = s, .events = POLLIN }, { .fd = z, .events = POLLIN } };
	assert_true(poll(p, 2, RIG_PATIENCE_S * 1000) > 0);
	int first = p[0].revents ? s : z, second = p[0].revents ? z : s;
	rig_serve(first, "GET /2 ", "HTTP/1.1 503 Busy\r\ncontent-length: 1\r\n\r\n1");
	rig_serve(second, "GET /2 ", "HTTP/1.1 503 Busy\r\ncontent-length: 1\r\n\r\n2");
	rig_expect(c, 503, "2");
	rig_say(c, "POST /3 HTTP/1.1\r\nhost: test\r\ncontent-length: 3\r\n\r\nabc");
	assert_true(poll(p, 2, RIG_PATIENCE_S * 1000) > 0);
	first = p[0].revents ? s : z;
	rig_serve(first, "POST /3 ", "HTTP/1.1 503 Busy\r\ncontent-length: 1\r\n\r\n3");
	rig_expect(c, 503, "3");
	struct http_record r;
	for (int i = 0; i < 3; i++)
		r = rig_record(&b);
	assert_int_equal(r.attempts, 1);
	assert_int_equal(r.verdict, FL_RETRY_NOT_IDEMPOTENT);
	close(c);
	close(s);
	close(z);
	rig_end(&b);
}

/* The connection breaks before the answer: a GET is repeated, a POST is not. */
static void
test_retry_reset(void **state)
{
	struct rig_bed b;
	int which;
	(void)state;
	rig_begin(&b, TWO "policies: {retry: {attempts: 2, on: [reset], " FAST "}}\n");
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/1"));
	int s = take_either(&b, &which);
	rig_msg_free(rig_request(s));
	close(s);
	s = rig_take(&b, !which);
	rig_serve(s, "GET /1 ", RIG_OK(2, "ok"));
	rig_expect(c, 200, "ok");
	close(s);
	rig_say(c, "POST /2 HTTP/1.1\r\nhost: test\r\ncontent-length: 3\r\n\r\nabc");
	s = take_either(&b, &which);
	rig_msg_free(rig_request(s));
	close(s);
	rig_expect(c, 502, NULL);
	close(c);
	assert_true(rig_idle(&b, 0) && rig_idle(&b, 1));
	rig_end(&b);
}

/* A kept connection that the server has closed is no failure of the call: it goes over another one. */
static void
test_stale_connection(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, "upstream: $0\n");
	int c = rig_dial(&b);
	for (int i = 0; i < 5; i++) {
		rig_say(c, RIG_GET("/1"));
		int s = rig_take(&b, 0);
		rig_serve(s, "GET /1 ", RIG_OK(2, "ok"));
		rig_expect(c, 200, "ok");
		close(s);
	}
	assert_int_equal(rig_sum(&b, 0).status[2], 5);
	close(c);
	rig_end(&b);
}

/* No budget, no retry; the answer says why not. */
static void
test_budget(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, "upstream: $0\npolicies: {retry: {attempts: 3, on: [503], " FAST ", budget: {share: 0%, reserve_per_second: 0, max: 2}}}\n");
	int c = rig_dial(&b), n = 0;
	int s = -1;
	for (int i = 0; i < 5; i++) {
		rig_say(c, RIG_GET("/"));
		if (s < 0)
			s = rig_take(&b, 0);
		int tries = i == 0 ? 3 : 1;             /* the bucket had two tokens */
		for (int k = 0; k < tries; k++, n++)
			rig_serve(s, "GET / ", "HTTP/1.1 503 Busy\r\ncontent-length: 1\r\n\r\n1");
		rig_expect(c, 503, "1");
	}
	struct http_sum sum = rig_sum(&b, 0);
	assert_int_equal(sum.retries, 2);
	assert_int_equal(sum.retry_stops[FL_RETRY_BUDGET], 4);
	close(c);
	close(s);
	rig_end(&b);
}

/* The first instance is slow: another is asked, and its answer counts; the slow one's connection is closed. */
static void
test_hedge(void **state)
{
	struct rig_bed b;
	int which;
	(void)state;
	rig_begin(&b, TWO "policies: {hedge: 5ms}\n");
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/1"));
	int s = take_either(&b, &which);
	rig_msg_free(rig_request(s));
	int z = rig_take(&b, !which);
	rig_serve(z, "GET /1 ", RIG_OK(5, "hedge"));
	rig_expect(c, 200, "hedge");
	rig_hear_broken(s);
	struct http_sum sum = rig_sum(&b, 0);
	assert_int_equal(sum.hedges, 1);
	close(s);
	/* A POST is not hedged. */
	rig_say(c, "POST /2 HTTP/1.1\r\nhost: test\r\ncontent-length: 3\r\n\r\nabc");
	struct pollfd p[3] = { { .fd = b.servers[which], .events = POLLIN }, { .fd = z, .events = POLLIN },
		{ .fd = b.servers[!which], .events = POLLIN } };
	assert_true(poll(p, 3, RIG_PATIENCE_S * 1000) > 0);
	s = p[0].revents ? rig_take(&b, which) : z;
	rig_msg_free(rig_request(s));
	assert_int_equal(poll(p + (s == z ? 0 : 1), 1, 30), 0);
	rig_say(s, RIG_OK(4, "post"));
	rig_expect(c, 200, "post");
	struct http_record r = rig_record(&b);
	assert_true(r.hedged && r.attempts == 2);
	close(c);
	close(z);
	if (s != z)
		close(s);
	rig_end(&b);
}

/* Failures open the instance's breaker: calls are refused at once, with who refused and when to come back. */
static void
test_breaker(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, "upstream: $0\npolicies: {breaker: {min_calls: 3, failure_rate: 50%, open: 1h, open_max: 1h}}\n");
	int c = rig_dial(&b), n = 0;
	int s = -1;
	for (; n < 100; n++) {
		rig_say(c, RIG_GET("/"));
		struct pollfd p[2] = { { .fd = c, .events = POLLIN }, { .fd = s < 0 ? b.servers[0] : s, .events = POLLIN } };
		assert_true(poll(p, 2, RIG_PATIENCE_S * 1000) > 0);
		if (p[0].revents)
			break;
		if (s < 0)
			s = rig_take(&b, 0);
		rig_serve(s, "GET / ", "HTTP/1.1 500 Oops\r\ncontent-length: 1\r\n\r\n1");
		rig_expect(c, 500, "1");
	}
	assert_in_range(n, 3, 50);
	struct rig_msg *m = rig_answer_to(c, false);
	assert_int_equal(m->status, 503);
	rig_is(m, "x-faultline-refused", "breaker");
	assert_non_null(rig_field(m, "retry-after"));
	rig_msg_free(m);
	/* The client's connection is fine. */
	rig_say(c, RIG_GET("/"));
	rig_expect_field(c, 503, "x-faultline-refused", "breaker");
	struct http_sum sum = rig_sum(&b, 0);
	assert_int_equal(sum.refused[FL_WHO_BREAKER], 2);
	close(c);
	close(s);
	rig_end(&b);
}

/* The attempt that opens the breaker is the last: nobody waits for what will be refused, whatever retries are left. */
static void
test_breaker_ends_retries(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, "upstream: $0\npolicies: {retry: {attempts: 8, on: [5xx, refused], backoff: {base: 1h, max: 1h}}, budget: false, "
	    "timeout: {total: 0}, breaker: {min_calls: 1, confidence: 0, failure_rate: 1%, open: 1h, open_max: 1h}}\n");
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/"));
	int s = rig_take(&b, 0);
	rig_serve(s, "GET / ", "HTTP/1.1 500 Oops\r\ncontent-length: 1\r\n\r\n1");
	rig_expect(c, 500, "1");
	rig_say(c, RIG_GET("/"));
	rig_expect_field(c, 503, "x-faultline-refused", "breaker");
	struct http_sum sum = rig_sum(&b, 0);
	assert_int_equal(sum.retries, 0);
	assert_int_equal(sum.retry_stops[FL_RETRY_BREAKER], 2);
	close(c);
	close(s);
	rig_end(&b);
}

/* One permit, one place in the queue: the third is refused, the second goes when the first is done. */
static void
bulkhead(unsigned workers)
{
	struct rig_bed b = { .specs = NULL };
	rig_start(&b, &(struct proxy_opts){ .workers = workers }, "upstream: $0\n"
	    "policies: {bulkhead: {max: 1, queue: 1, interval: 1h, target: 1h, lifo_after: 1h}, timeout: {queue: 1m, total: 2m}}\n");
	int c[3], s[2];
	struct fl_bulkhead *bulk = b.conf->http->routes[0].policies->plan.bulkhead;
	struct fl_bulkhead_counters k;
	for (int i = 0; i < 3; i++)
		c[i] = rig_dial(&b);
	for (int round = 0; round < 10; round++) {
		rig_say(c[0], RIG_GET("/0"));
		if (round == 0)
			s[0] = rig_take(&b, 0);
		/* The request has its permit when the server sees it. */
		struct rig_msg *m = NULL;
		if (round == 0 || workers == 1)
			m = rig_request(s[0]);
		else
			goto next;
		rig_msg_free(m);
		rig_say(c[1], RIG_GET("/1"));
		do {
			fl_bulkhead_counters(bulk, &k);
		} while (k.waiting == 0);
		rig_say(c[2], RIG_GET("/2"));
		rig_expect_field(c[2], 503, "x-faultline-refused", "bulkhead");
		rig_say(s[0], RIG_OK(1, "0"));
		rig_expect(c[0], 200, "0");
		struct pollfd p[2] = { { .fd = s[0], .events = POLLIN }, { .fd = b.servers[0], .events = POLLIN } };
		assert_true(poll(p, 2, RIG_PATIENCE_S * 1000) > 0);
		s[1] = p[0].revents ? s[0] : rig_take(&b, 0);
		rig_serve(s[1], "GET /1 ", RIG_OK(1, "1"));
		rig_expect(c[1], 200, "1");
		if (s[1] != s[0])
			break;
next:
		;
	}
	do {
		fl_bulkhead_counters(bulk, &k);
	} while (k.inflight > 0);
	assert_int_equal(k.inflight_most, 1);
	for (int i = 0; i < 3; i++)
		close(c[i]);
	if (s[1] != s[0])
		close(s[1]);
	close(s[0]);
	rig_closed(&b, LINE_CLOSE_FINISHED, 3);
	rig_end(&b);
}

static void
test_bulkhead(void **state)
{
	(void)state;
	bulkhead(1);
}

static void
test_bulkhead_workers(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		bulkhead(2);
}

/* Clients leave while they wait for a permit, and while they have one: no permit is lost. */
static void
test_bulkhead_left(void **state)
{
	struct rig_bed b = { .specs = NULL };
	struct fl_bulkhead_counters k;
	(void)state;
	rig_start(&b, &(struct proxy_opts){ .workers = 2 }, "upstream: $0\n"
	    "policies: {bulkhead: {max: 2, queue: 50, interval: 1h, target: 1h, lifo_after: 1h}, timeout: {queue: 1m, total: 2m}}\n");
	struct fl_bulkhead *bulk = b.conf->http->routes[0].policies->plan.bulkhead;
	int c[20], s[2];
	for (int i = 0; i < 20; i++) {
		c[i] = rig_dial(&b);
		rig_say(c[i], RIG_GET("/"));
	}
	for (int i = 0; i < 2; i++) {
		s[i] = rig_take(&b, 0);
		rig_msg_free(rig_request(s[i]));
	}
	do {
		fl_bulkhead_counters(bulk, &k);
	} while (k.waiting < 18);
	/* Resets: those who wait leave, those who have one give it back and others get it, who are gone too in the end. */
	struct linger l = { 1, 0 };
	for (int i = 0; i < 20; i++) {
		setsockopt(c[i], SOL_SOCKET, SO_LINGER, &l, sizeof(l));
		close(c[i]);
	}
	rig_closed(&b, LINE_CLOSE_CLIENT_RESET, 20);
	do {
		fl_bulkhead_counters(bulk, &k);
	} while (k.inflight > 0 || k.waiting > 0);
	assert_true(k.inflight_most <= 2);
	close(s[0]);
	close(s[1]);
	rig_end(&b);
}

static void
test_rate_limit(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, "upstream: $0\npolicies: {rate_limit: {rate: 1/m, burst: 2}}\n");
	int c = rig_dial(&b), s = -1;
	for (int i = 0; i < 4; i++) {
		rig_say(c, "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 3\r\n\r\nabc");
		if (i < 2) {
			if (s < 0)
				s = rig_take(&b, 0);
			rig_serve(s, "POST / ", RIG_OK(1, "1"));
			rig_expect(c, 200, "1");
		} else {
			rig_expect_field(c, 429, "x-faultline-refused", "rate-limit");
		}
	}
	assert_int_equal(rig_sum(&b, 0).refused[FL_WHO_RATE_LIMIT], 2);
	close(c);
	close(s);
	rig_end(&b);
}

/* The total time is over: 504, and the server's connection is closed, since its answer is for nobody. */
static void
test_timeouts(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, "upstream: $0\npolicies: {timeout: {total: 500ms}}\n");
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/1"));
	int s = rig_take(&b, 0);
	rig_msg_free(rig_request(s));
	rig_expect(c, 504, NULL);
	rig_hear_broken(s);
	close(s);
	rig_change(&b, "upstream: $0\npolicies: {timeout: {first_byte: 500ms}}\n");
	rig_say(c, RIG_GET("/2"));
	s = rig_take(&b, 0);
	rig_msg_free(rig_request(s));
	rig_expect(c, 504, NULL);
	rig_hear_broken(s);
	close(s);
	/* A deadline of the client that is shorter counts. */
	rig_change(&b, "upstream: $0\n");
	rig_say(c, "GET /3 HTTP/1.1\r\nhost: test\r\nx-faultline-deadline: 500\r\n\r\n");
	s = rig_take(&b, 0);
	struct rig_msg *m = rig_request(s);
	assert_in_range(strtol(rig_field(m, "x-faultline-deadline"), NULL, 10), 0, 500);
	rig_msg_free(m);
	rig_expect(c, 504, NULL);
	rig_hear_broken(s);
	close(s);
	/* What is late already is not begun. */
	rig_say(c, "GET /4 HTTP/1.1\r\nhost: test\r\ngrpc-timeout: 0m\r\n\r\n");
	rig_expect_field(c, 504, "x-faultline-refused", "deadline");
	assert_true(rig_idle(&b, 0));
	/* The answer's body stops: nobody can be told but by the end of the connection. */
	rig_change(&b, "upstream: $0\npolicies: {timeout: {idle: 500ms}}\n");
	rig_say(c, RIG_GET("/5"));
	s = rig_take(&b, 0);
	rig_serve(s, "GET /5 ", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
	struct rig_msg a;
	assert_true(rig_head(c, &a));
	rig_hear(c, "half");
	rig_hear_broken(c);
	rig_hear_broken(s);
	close(s);
	close(c);
	struct http_sum sum = rig_sum(&b, 0);
	assert_int_equal(sum.limits[FL_LIMIT_TOTAL], 1);
	assert_int_equal(sum.limits[FL_LIMIT_FIRST_BYTE], 1);
	assert_int_equal(sum.limits[FL_LIMIT_CALLER], 2);
	assert_int_equal(sum.limits[FL_LIMIT_IDLE], 1);
	rig_end(&b);
}

/* An attempt takes too long: the next instance is asked. */
static void
test_per_try(void **state)
{
	struct rig_bed b;
	int which;
	(void)state;
	rig_begin(&b, TWO "policies: {timeout: {per_try: 1s}, retry: {attempts: 2, on: [timeout], " FAST "}}\n");
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/1"));
	int s = take_either(&b, &which);
	rig_msg_free(rig_request(s));
	int z = rig_take(&b, !which);
	rig_serve(z, "GET /1 ", RIG_OK(2, "ok"));
	rig_expect(c, 200, "ok");
	rig_hear_broken(s);
	close(s);
	close(z);
	close(c);
	rig_end(&b);
}

static void
test_fallback_static(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, "upstream: $0\npolicies: {fallback: {status: 203, body: instead, headers: {x-from: us}}}\n");
	deaf(&b, 0);
	int c = rig_dial(&b);
	for (int i = 0; i < 2; i++) {
		rig_say(c, RIG_GET("/1"));
		struct rig_msg *m = rig_answer_to(c, false);
		assert_int_equal(m->status, 203);
		assert_string_equal(m->body, "instead");
		rig_is(m, "x-from", "us");
		assert_non_null(rig_field(m, "x-faultline-degraded"));
		rig_msg_free(m);
	}
	struct http_sum sum = rig_sum(&b, 0);
	assert_int_equal(sum.fallbacks, 2);
	assert_int_equal(sum.degraded, 2);
	close(c);
	rig_end(&b);
}

/* The last good answer; of the same request line only. */
static void
test_fallback_stale(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, "upstream: $0\npolicies: {fallback: {stale: true}}\n");
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/1"));
	int s = rig_take(&b, 0);
	rig_serve(s, "GET /1 ", "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nx-a: b\r\n\r\ngood");
	rig_expect(c, 200, "good");
	rig_say(c, RIG_GET("/2"));
	rig_serve(s, "GET /2 ", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
	rig_expect(c, 200, "abcdef");
	close(s);
	deaf(&b, 0);
	rig_say(c, RIG_GET("/1"));
	struct rig_msg *m = rig_answer_to(c, false);
	assert_int_equal(m->status, 200);
	assert_string_equal(m->body, "good");
	rig_is(m, "x-a", "b");
	rig_is(m, "x-faultline-degraded", "stale");
	rig_msg_free(m);
	rig_say(c, RIG_GET("/2"));
	rig_expect(c, 200, "abcdef");
	rig_say(c, RIG_GET("/3"));
	rig_expect(c, 502, NULL);
	close(c);
	rig_end(&b);
}

static void
test_fallback_cluster(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, "upstream: $0\npolicies: {fallback: {upstreams: ['$1']}}\n");
	deaf(&b, 0);
	int c = rig_dial(&b), s = -1;
	for (int i = 0; i < 3; i++) {
		rig_say(c, "POST /1 HTTP/1.1\r\nhost: test\r\ncontent-length: 3\r\n\r\nabc");
		if (s < 0)
			s = rig_take(&b, 1);
		struct rig_msg *m = rig_request(s);
		assert_string_equal(m->body, "abc");
		rig_msg_free(m);
		rig_say(s, RIG_OK(5, "other"));
		rig_expect_field(c, 200, "x-faultline-degraded", "fallback");
	}
	/* It fails as well. */
	close(s);
	deaf(&b, 1);
	rig_say(c, RIG_GET("/2"));
	rig_expect(c, 502, NULL);
	close(c);
	rig_end(&b);
}

/* Each route has its own policies and upstreams. */
static void
test_routes(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, "upstream: $0\nroutes:\n"
	    "  - {name: pay, match: {method: POST, path_prefix: /pay}, upstream: '$1', policies: {rate_limit: {rate: 1/m, burst: 1}}}\n"
	    "  - {name: host, match: {host: '*.x.test'}, upstream: '$2'}\n");
	int c = rig_dial(&b);
	rig_say(c, "POST /pay/1 HTTP/1.1\r\nhost: test\r\ncontent-length: 1\r\n\r\na");
	int pay = rig_take(&b, 1);
	rig_serve(pay, "POST /pay/1 ", RIG_OK(3, "pay"));
	rig_expect(c, 200, "pay");
	rig_say(c, "POST /pay/2 HTTP/1.1\r\nhost: test\r\ncontent-length: 1\r\n\r\na");
	rig_expect(c, 429, NULL);
	rig_say(c, RIG_GET("/pay/3"));
	int rest = rig_take(&b, 0);
	rig_serve(rest, "GET /pay/3 ", RIG_OK(4, "rest"));
	rig_expect(c, 200, "rest");
	rig_say(c, "GET / HTTP/1.1\r\nhost: a.x.test:80\r\n\r\n");
	int host = rig_take(&b, 2);
	rig_serve(host, "GET / ", RIG_OK(4, "host"));
	rig_expect(c, 200, "host");
	assert_int_equal(rig_sum(&b, 0).requests, 2);
	assert_int_equal(rig_sum(&b, 1).requests, 1);
	assert_int_equal(rig_sum(&b, 2).requests, 1);
	close(c);
	close(pay);
	close(rest);
	close(host);
	rig_end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_connection),
		cmocka_unit_test(test_retry_connect),
		cmocka_unit_test(test_retry_status),
		cmocka_unit_test(test_retry_reset),
		cmocka_unit_test(test_stale_connection),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_hedge),
		cmocka_unit_test(test_breaker),
		cmocka_unit_test(test_breaker_ends_retries),
		cmocka_unit_test(test_bulkhead),
		cmocka_unit_test(test_bulkhead_workers),
		cmocka_unit_test(test_bulkhead_left),
		cmocka_unit_test(test_rate_limit),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_per_try),
		cmocka_unit_test(test_fallback_static),
		cmocka_unit_test(test_fallback_stale),
		cmocka_unit_test(test_fallback_cluster),
		cmocka_unit_test(test_routes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
