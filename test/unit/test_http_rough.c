/* SPDX-License-Identifier: MIT */
/*
 * test_http_rough.c - HTTP lines when things go wrong or last long: ends that vanish, slow ones, big bodies, changes of the
 * configuration under way, draining.
 */
#include "http_rig.h"

#include "base/slab.h"

#include <pthread.h>
#include <sched.h>

#define PLAIN "upstream: $0\n"

/* An end that closes with a RST. */
static void
reset(int fd)
{
	struct linger l = { 1, 0 };
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
}

/* The server goes in the middle of its answer: the client cannot take it for whole. */
static void
test_cut_answer(void **state)
{
	static const char *const heads[] = { "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
		"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\nhalf" };
	struct rig_bed b;
	struct rig_msg m;
	(void)state;
	rig_begin(&b, PLAIN);
	for (int i = 0; i < 4; i++) {
		int c = rig_dial(&b);
		rig_say(c, RIG_GET("/"));
		int s = rig_take(&b, 0);
		rig_serve(s, "GET / ", heads[i % 2]);
		assert_true(rig_head(c, &m));
		rig_hear(c, i % 2 == 0 ? "half" : "8\r\nhalf");
		if (i < 2)
			close(s);
		else
			reset(s);
		rig_hear_broken(c);
		close(c);
	}
	/* And before its head. */
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/"));
	int s = rig_take(&b, 0);
	rig_msg_free(rig_request(s));
	rig_say(s, "HTTP/1.1 20");
	close(s);
	rig_expect(c, 502, NULL);
	/* What is no HTTP at all. */
	rig_say(c, RIG_GET("/"));
	s = rig_take(&b, 0);
	rig_serve(s, "GET / ", "SSH-2.0-OpenSSH_9.2\r\n\r\n");
	rig_expect(c, 502, NULL);
	rig_hear_broken(s);
	close(s);
	close(c);
	rig_closed(&b, LINE_CLOSE_SERVER_ERROR, 4);
	assert_int_equal(rig_sum(&b, 0).upstream_broke, 4);
	rig_end(&b);
}

/* The client goes: what was done for it ends. */
static void
test_client_gone(void **state)
{
	struct rig_bed b;
	struct rig_msg m;
	(void)state;
	rig_begin(&b, PLAIN);
	/* While the server works. */
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/1"));
	int s = rig_take(&b, 0);
	rig_msg_free(rig_request(s));
	reset(c);
	rig_hear_broken(s);
	close(s);
	rig_closed(&b, LINE_CLOSE_CLIENT_RESET, 1);
	/* In the middle of its request: by an end and by a reset. */
	for (int i = 0; i < 2; i++) {
		c = rig_dial(&b);
		rig_say(c, "POST /2 HTTP/1.1\r\nhost: test\r\ncontent-length: 100000\r\n\r\nabc");
		s = rig_take(&b, 0);
		assert_true(rig_head(s, &m));
		rig_hear(s, "abc");
		if (i == 0)
			close(c);
		else
			reset(c);
		rig_hear_broken(s);
		close(s);
	}
	/* In the middle of the answer. */
	c = rig_dial(&b);
	rig_say(c, RIG_GET("/3"));
	s = rig_take(&b, 0);
	rig_serve(s, "GET /3 ", "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\nhalf");
	assert_true(rig_head(c, &m));
	reset(c);
	char chunk[65536] = { 0 };
	while (send(s, chunk, sizeof(chunk), MSG_NOSIGNAL) > 0)
		;
	close(s);
	/* A client that sends no more waits for its answer. */
	c = rig_dial(&b);
	rig_say(c, RIG_GET("/4"));
	shutdown(c, SHUT_WR);
	s = rig_take(&b, 0);
	rig_serve(s, "GET /4 ", RIG_OK(2, "ok"));
	rig_expect(c, 200, "ok");
	rig_hear_end(c);
	close(c);
	close(s);
	/* One that goes in the middle of its head, and one that only looks. */
	c = rig_dial(&b);
	rig_say(c, "GET / HT");
	shutdown(c, SHUT_WR);
	rig_expect(c, 400, NULL);
	rig_hear_end(c);
	close(c);
	c = rig_dial(&b);
	close(c);
	rig_closed(&b, LINE_CLOSE_FINISHED, 3);
	struct http_sum sum = rig_sum(&b, 0);
	assert_int_equal(sum.active, 0);
	assert_true(sum.client_gone >= 3);
	rig_end(&b);
}

/* The answer comes before the request is whole. */
static void
test_early_answer(void **state)
{
	struct rig_bed b;
	struct rig_msg m;
	(void)state;
	rig_begin(&b, PLAIN);
	int c = rig_dial(&b);
	rig_say(c, "POST /1 HTTP/1.1\r\nhost: test\r\ncontent-length: 100000\r\n\r\nabc");
	int s = rig_take(&b, 0);
	assert_true(rig_head(s, &m));
	rig_hear(s, "abc");
	rig_say(s, "HTTP/1.1 413 Too much\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno");
	rig_expect_field(c, 413, "connection", "close");
	/* The client sends the rest all the same, and then reads: its answer is not lost to a reset. */
	char rest[100000 - 3] = { 0 };
	(void)!send(c, rest, sizeof(rest), MSG_NOSIGNAL);
	rig_hear_end(c);
	close(c);
	close(s);
	rig_end(&b);
}

struct pump {
	int fd;
	size_t bytes;
	unsigned seed;
	pthread_t thread;
};

static char
pattern(const struct pump *p, size_t at)
{
	return (char)((at * 2654435761u >> 13) + p->seed);
}

static void *
pump_out(void *arg)
{
	struct pump *p = arg;
	char chunk[50000];
	for (size_t at = 0; at < p->bytes;) {
		size_t n = FL_MIN(sizeof(chunk), p->bytes - at);
		for (size_t i = 0; i < n; i++)
			chunk[i] = pattern(p, at + i);
		rig_say_bytes(p->fd, chunk, n);
		at += n;
	}
	return NULL;
}

static void
pump_in(struct pump *p)
{
	char chunk[30000];
	for (size_t at = 0; at < p->bytes;) {
		ssize_t n = recv(p->fd, chunk, FL_MIN(sizeof(chunk), p->bytes - at), 0);
		if (n <= 0)
			fail_msg("%zu of %zu bytes", at, p->bytes);
		for (ssize_t i = 0; i < n; i++)
			if (chunk[i] != pattern(p, at + (size_t)i))
				fail_msg("byte %zu is wrong", at + (size_t)i);
		at += (size_t)n;
	}
}

static void
weigh(void *owner, const struct message *m)
{
	struct worker *w = owner;
	atomic_store((atomic_size_t *)(uintptr_t)m->words[0], slab_used(w->mem));
}

/* The worker is asked what it holds, a little later. */
static void
assert_little_waits(struct rig_bed *b)
{
	struct worker *w = proxy_worker(b->proxy, 0);
	atomic_size_t used = SIZE_MAX;
	struct message m = { .call = weigh, .words = { (uint64_t)(uintptr_t)&used } };
	poll(NULL, 0, 1);
	assert_true(mailbox_post(&w->mail, &m));
	while (atomic_load(&used) == SIZE_MAX)
		sched_yield();
	assert_true(atomic_load(&used) < 2 * 1024 * 1024);
}

/* Big bodies both ways, as they were sent; a reader that is slow costs a bounded amount of memory. */
static void
test_big(void **state)
{
	enum { BIG = 20 * 1000 * 1000 };
	struct rig_bed b;
	struct rig_msg m;
	char head[200];
	(void)state;
	rig_begin(&b, PLAIN "policies: {retry: 2, timeout: {total: 10m}}\n");
	int c = rig_dial(&b);
	snprintf(head, sizeof(head), "POST /big HTTP/1.1\r\nhost: test\r\ncontent-length: %d\r\n\r\n", BIG);
	struct pump up = { .fd = c, .bytes = BIG, .seed = 1 }, down = { .bytes = BIG, .seed = 2 };
	rig_say(c, head);
	assert_int_equal(pthread_create(&up.thread, NULL, pump_out, &up), 0);
	int s = rig_take(&b, 0);
	assert_true(rig_head(s, &m));
	/* Nobody reads: what waits in the proxy stays bounded, while the kernel's buffers fill up. */
	for (int i = 0; i < 200; i++)
		assert_little_waits(&b);
	struct pump in = { .fd = s, .bytes = BIG, .seed = 1 };
	pump_in(&in);
	pthread_join(up.thread, NULL);
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n", BIG);
	down.fd = s;
	rig_say(s, head);
	assert_int_equal(pthread_create(&down.thread, NULL, pump_out, &down), 0);
	assert_true(rig_head(c, &m));
	for (int i = 0; i < 200; i++)
		assert_little_waits(&b);
	in = (struct pump){ .fd = c, .bytes = BIG, .seed = 2 };
	pump_in(&in);
	pthread_join(down.thread, NULL);
	/* And the connections go on. */
	rig_say(c, RIG_GET("/after"));
	rig_serve(s, "GET /after ", RIG_OK(2, "ok"));
	rig_expect(c, 200, "ok");
	close(c);
	close(s);
	rig_closed(&b, LINE_CLOSE_FINISHED, 1);
	struct http_sum sum = rig_sum(&b, 0);
	assert_true(sum.request_bytes > BIG && sum.response_bytes > BIG);
	rig_end(&b);
	assert_int_equal(sum.active, 0);
}

/* Many pipelined requests from a client that does not read: it is not read either. */
static void
test_unread_answers(void **state)
{
	struct rig_bed b;
	char big[100000];
	(void)state;
	rig_begin(&b, PLAIN);
	int c = rig_dial(&b);
	for (int i = 0; i < 200; i++)
		rig_say(c, RIG_GET("/"));
	int s = rig_take(&b, 0);
	memset(big, 'x', sizeof(big));
	struct rig_msg m;
	int served = 0;
	struct pollfd p = { .fd = s, .events = POLLIN };
	while (served < 200 && poll(&p, 1, 50) > 0) {
		assert_true(rig_head(s, &m));
		rig_say(s, "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
		rig_say_bytes(s, big, sizeof(big));
		served++;
		assert_little_waits(&b);
	}
	assert_true(served < 200);
	for (int i = 0; i < 200; i++) {
		while (served < 200 && poll(&p, 1, 0) > 0) {
			assert_true(rig_head(s, &m));
			rig_say(s, "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
			rig_say_bytes(s, big, sizeof(big));
			served++;
		}
		struct pollfd q[2] = { { .fd = c, .events = POLLIN }, { .fd = s, .events = POLLIN } };
		assert_true(poll(q, served < 200 ? 2 : 1, RIG_PATIENCE_S * 1000) > 0);
		if (q[0].revents == 0) {
			i--;
			continue;
		}
		struct rig_msg *a = rig_answer_to(c, false);
		assert_int_equal(a->body_bytes, 100000);
		rig_msg_free(a);
	}
	close(c);
	close(s);
	rig_end(&b);
}

/* Another configuration: the request under way ends under the one it began with, the next one goes elsewhere. */
static void
test_change(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, PLAIN);
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/1"));
	int s = rig_take(&b, 0);
	rig_msg_free(rig_request(s));
	rig_change(&b, "upstream: $1\nvia: new\n");
	rig_say(s, RIG_OK(3, "old"));
	rig_expect_field(c, 200, "via", NULL);
	rig_say(c, RIG_GET("/2"));
	int z = rig_take(&b, 1);
	rig_serve(z, "GET /2 ", RIG_OK(3, "new"));
	struct rig_msg *m = rig_answer_to(c, false);
	assert_string_equal(m->body, "new");
	assert_non_null(rig_field(m, "via"));
	rig_msg_free(m);
	/* Nobody uses the old instance: its connection is closed. */
	rig_hear_end(s);
	close(s);
	/* Many changes under load. */
	for (int i = 0; i < 50; i++) {
		rig_say(c, RIG_GET("/x"));
		rig_change(&b, i % 2 ? "upstream: $1\n" : "upstream: $1\npolicies: {bulkhead: 3, retry: 2}\n");
		rig_serve(z, "GET /x ", RIG_OK(1, "x"));
		rig_expect(c, 200, "x");
	}
	close(c);
	close(z);
	rig_closed(&b, LINE_CLOSE_FINISHED, 1);
	rig_end(&b);
}

static void *
drain_it(void *arg)
{
	struct rig_bed *b = arg;
	assert_int_equal(proxy_drain(b->proxy, 60 * FL_SEC), 0);
	return NULL;
}

/* Draining: idle connections are closed, an answer under way says that it is the last. */
static void
test_drain(void **state)
{
	struct rig_bed b;
	pthread_t t;
	(void)state;
	rig_begin(&b, PLAIN);
	int c = rig_dial(&b), idle = rig_dial(&b);
	rig_say(idle, RIG_GET("/0"));
	int s = rig_take(&b, 0);
	rig_serve(s, "GET /0 ", RIG_OK(1, "0"));
	rig_expect(idle, 200, "0");
	rig_say(c, RIG_GET("/1"));
	rig_msg_free(rig_request(s));
	assert_int_equal(pthread_create(&t, NULL, drain_it, &b), 0);
	rig_hear_end(idle);
	close(idle);
	rig_say(s, RIG_OK(1, "1"));
	rig_expect_field(c, 200, "connection", "close");
	rig_hear_end(c);
	close(c);
	close(s);
	pthread_join(t, NULL);
	rig_end(&b);
}

/* A line that is closed with a request under way and an idle connection. */
static void
test_close_line(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, PLAIN "policies: {bulkhead: 1}\n");
	int c = rig_dial(&b), idle = rig_dial(&b);
	rig_say(c, RIG_GET("/1"));
	int s = rig_take(&b, 0);
	rig_msg_free(rig_request(s));
	proxy_line_close(b.proxy, b.line);
	rig_hear_broken(c);
	rig_hear_broken(idle);
	rig_hear_broken(s);
	struct fl_bulkhead_counters k;
	do {
		fl_bulkhead_counters(b.conf->http->routes[0].policies->plan.bulkhead, &k);
	} while (k.inflight > 0);
	close(c);
	close(idle);
	close(s);
	rig_end(&b);
}

/* The proxy stops with everything in progress. */
static void
test_stop(void **state)
{
	struct rig_bed b = { .specs = NULL };
	(void)state;
	rig_start(&b, &(struct proxy_opts){ .workers = 2 }, "upstreams: ['$0', '$1']\nhealth: {http: /}\n"
	    "policies: {bulkhead: {max: 2, queue: 9, interval: 9s, target: 9s}, hedge: 1ms, retry: 3, fallback: {upstreams: ['$2']}}\n");
	int c[8];
	for (int i = 0; i < 8; i++) {
		c[i] = rig_dial(&b);
		rig_say(c[i], i % 2 ? "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nabc" : RIG_GET("/"));
	}
	int s = rig_take(&b, 0);
	rig_end(&b);
	for (int i = 0; i < 8; i++)
		close(c[i]);
	close(s);
}

/* The proxy stops while a permit passes from a connection that is let go to one that waits. */
static void
test_stop_queue(void **state)
{
	struct rig_bed b;
	int c[2];
	struct fl_bulkhead_counters k;
	(void)state;
	for (int first = 0; first < 2; first++) {
		rig_begin(&b, PLAIN "policies: {bulkhead: {max: 1, queue: 9, interval: 9s, target: 9s}}\n");
		c[0] = rig_dial(&b);
		c[1] = rig_dial(&b);
		rig_say(c[first], RIG_GET("/"));
		int s = rig_take(&b, 0);
		rig_say(c[!first], RIG_GET("/"));
		do
			fl_bulkhead_counters(b.conf->http->routes[0].policies->plan.bulkhead, &k);
		while (k.waiting == 0);
		rig_end(&b);
		close(c[0]);
		close(c[1]);
		close(s);
	}
}

/* Clients that say nothing, or not all of it. */
static void
test_slow_clients(void **state)
{
	struct rig_bed b;
	struct rig_msg m;
	(void)state;
	rig_begin(&b, PLAIN "limits: {head_timeout: 500ms, idle_timeout: 500ms, body_timeout: 500ms}\n");
	int c = rig_dial(&b);
	rig_hear_end(c);
	close(c);
	c = rig_dial(&b);
	rig_say(c, "GET / HTTP/1.1\r\nho");
	rig_expect_field(c, 408, "connection", "close");
	rig_hear_end(c);
	close(c);
	c = rig_dial(&b);
	rig_say(c, "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 100000\r\n\r\nabc");
	int s = rig_take(&b, 0);
	assert_true(rig_head(s, &m));
	rig_hear(s, "abc");
	rig_expect_field(c, 408, "connection", "close");
	rig_hear_end(c);
	rig_hear_broken(s);
	close(c);
	close(s);
	rig_closed(&b, LINE_CLOSE_FINISHED, 3);
	rig_end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_answer),
		cmocka_unit_test(test_client_gone),
		cmocka_unit_test(test_early_answer),
		cmocka_unit_test(test_big),
		cmocka_unit_test(test_unread_answers),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_close_line),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_stop_queue),
		cmocka_unit_test(test_slow_clients),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
