/* SPDX-License-Identifier: MIT */
/* test_http_conn.c - what crosses an HTTP line, seen from real sockets at both ends: messages, their bodies, their connections. */
#include "http_rig.h"

#define PLAIN "upstream: $0\n"

static void
test_plain(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, PLAIN);
	int c = rig_dial(&b);
	rig_say(c, "GET /a?b=1 HTTP/1.1\r\nHost: x.test\r\nX-One: 1\r\nConnection: keep-alive, x-two\r\nX-Two: 2\r\n\r\n");
	int s = rig_take(&b, 0);
	struct rig_msg *m = rig_request(s);
	assert_int_equal(strncmp(m->head, "GET /a?b=1 HTTP/1.1\r\n", 21), 0);
	rig_is(m, "host", "x.test");
	rig_is(m, "x-one", "1");
	assert_null(rig_field(m, "x-two"));             /* named by Connection: not for the next hop */
	assert_non_null(rig_field(m, "traceparent"));
	assert_non_null(rig_field(m, "x-faultline-deadline"));
	rig_msg_free(m);
	rig_say(s, "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-Three: 3\r\nKeep-Alive: timeout=5\r\n\r\nhello");
	struct rig_msg *a = rig_answer_to(c, false);
	assert_int_equal(strncmp(a->head, "HTTP/1.1 200 Fine\r\n", 19), 0);
	assert_string_equal(a->body, "hello");
	rig_is(a, "x-three", "3");
	assert_null(rig_field(a, "keep-alive"));
	assert_null(rig_field(a, "connection"));
	rig_msg_free(a);
	/* Both connections go on. */
	rig_say(c, RIG_GET("/second"));
	rig_serve(s, "GET /second ", RIG_OK(2, "ok"));
	rig_expect(c, 200, "ok");
	/* And another client's request goes over the same connection to the server. */
	int d = rig_dial(&b);
	rig_say(d, RIG_GET("/third"));
	rig_serve(s, "GET /third ", RIG_OK(2, "ok"));
	rig_expect(d, 200, "ok");
	assert_true(rig_idle(&b, 0));
	close(c);
	close(d);
	rig_closed(&b, LINE_CLOSE_FINISHED, 2);
	struct http_sum sum = rig_sum(&b, 0);
	assert_int_equal(sum.requests, 3);
	assert_int_equal(sum.status[2], 3);
	assert_int_equal(sum.active, 0);
	assert_int_equal(sum.attempts, 3);
	close(s);
	rig_end(&b);
}

/* Several requests at once: each is answered in its turn, whatever the server's pace. */
static void
test_pipelined(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, PLAIN);
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/1") "POST /2 HTTP/1.1\r\nhost: test\r\ncontent-length: 3\r\n\r\nabc" RIG_GET("/3")
	    "POST /4 HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n" "GET /5 HTTP/1.1\r\nho");
	int s = rig_take(&b, 0);
	rig_serve(s, "GET /1 ", RIG_OK(1, "1"));
	struct rig_msg *m = rig_request(s);
	assert_string_equal(m->body, "abc");
	rig_msg_free(m);
	rig_say(s, RIG_OK(1, "2"));
	rig_serve(s, "GET /3 ", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n3\r\n0\r\n\r\n");
	m = rig_request(s);
	assert_true(m->chunked);
	assert_string_equal(m->body, "xy");
	rig_msg_free(m);
	rig_say(s, RIG_OK(1, "4"));
	rig_expect(c, 200, "1");
	rig_expect(c, 200, "2");
	rig_expect(c, 200, "3");
	rig_expect(c, 200, "4");
	rig_say(c, "st: test\r\n\r\n");
	rig_serve(s, "GET /5 ", RIG_OK(1, "5"));
	rig_expect(c, 200, "5");
	close(c);
	close(s);
	rig_closed(&b, LINE_CLOSE_FINISHED, 1);
	rig_end(&b);
}

/* A client that sends all it has to say, the last in a piece with the end of a body, and no more: it is answered to the last. */
static void
test_pipelined_end(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, PLAIN);
	int c = rig_dial(&b);
	rig_say(c, "POST /1 HTTP/1.1\r\nhost: test\r\ncontent-length: 3\r\n\r\na");
	int s = rig_take(&b, 0);
	struct rig_msg m;
	assert_true(rig_head(s, &m));
	rig_hear(s, "a");
	rig_say(c, "bc" RIG_GET("/2") RIG_GET("/3"));
	shutdown(c, SHUT_WR);
	rig_hear(s, "bc");
	rig_say(s, RIG_OK(1, "1"));
	rig_serve(s, "GET /2 ", RIG_OK(1, "2"));
	rig_serve(s, "GET /3 ", RIG_OK(1, "3"));
	rig_expect(c, 200, "1");
	rig_expect(c, 200, "2");
	rig_expect(c, 200, "3");
	rig_hear_end(c);
	close(c);
	close(s);
	rig_end(&b);
}

/* A request in pieces of one byte, and an answer in pieces of one byte. */
static void
test_in_pieces(void **state)
{
	static const char request[] = "POST /p HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n"
	    "3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nx-t: 1\r\n\r\n";
	static const char answer[] = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nwxyz\r\n0\r\n\r\n";
	struct rig_bed b;
	(void)state;
	rig_begin(&b, PLAIN);
	int c = rig_dial(&b), one = 1;
	setsockopt(c, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof(one));
	for (size_t i = 0; i < sizeof(request) - 1; i++)
		rig_say_bytes(c, request + i, 1);
	int s = rig_take(&b, 0);
	setsockopt(s, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof(one));
	struct rig_msg *m = rig_request(s);
	assert_string_equal(m->body, "abcd");
	rig_msg_free(m);
	for (size_t i = 0; i < sizeof(answer) - 1; i++)
		rig_say_bytes(s, answer + i, 1);
	rig_expect(c, 200, "wxyz");
	close(c);
	close(s);
	rig_end(&b);
}

/* Answers without a body, and one that ends with the connection. */
static void
test_framings(void **state)
{
	struct rig_bed b;
	struct rig_msg *m;
	(void)state;
	rig_begin(&b, PLAIN);
	int c = rig_dial(&b);
	rig_say(c, "HEAD /h HTTP/1.1\r\nhost: test\r\n\r\n");
	int s = rig_take(&b, 0);
	rig_serve(s, "HEAD /h ", "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
	m = rig_answer_to(c, true);
	assert_int_equal(m->status, 200);
	rig_is(m, "content-length", "1000");
	rig_msg_free(m);
	rig_say(c, RIG_GET("/204"));
	rig_serve(s, "GET /204 ", "HTTP/1.1 204 No Content\r\n\r\n");
	rig_expect(c, 204, "");
	rig_say(c, RIG_GET("/304"));
	rig_serve(s, "GET /304 ", "HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\ncontent-length: 77\r\n\r\n");
	rig_expect(c, 304, "");
	rig_say(c, RIG_GET("/0"));
	rig_serve(s, "GET /0 ", RIG_OK(0, ""));
	rig_expect(c, 200, "");
	/* The end of the answer is the end of both connections. */
	rig_say(c, RIG_GET("/close"));
	rig_serve(s, "GET /close ", "HTTP/1.1 200 OK\r\n\r\nuntil the end");
	close(s);
	m = rig_answer_to(c, false);
	assert_string_equal(m->body, "until the end");
	assert_true(m->closed);
	rig_is(m, "connection", "close");
	rig_msg_free(m);
	close(c);
	rig_closed(&b, LINE_CLOSE_FINISHED, 1);
	rig_end(&b);
}

/* The server's "Connection: close": the client's goes on. The client's: the server's goes on. */
static void
test_one_side_closes(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, PLAIN);
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/1"));
	int s = rig_take(&b, 0);
	rig_serve(s, "GET /1 ", "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\n1");
	rig_expect_field(c, 200, "connection", NULL);
	rig_hear_end(s);
	close(s);
	rig_say(c, "GET /2 HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
	s = rig_take(&b, 0);
	rig_serve(s, "GET /2 ", RIG_OK(1, "2"));
	rig_expect_field(c, 200, "connection", "close");
	rig_hear_end(c);
	close(c);
	c = rig_dial(&b);
	rig_say(c, RIG_GET("/3"));
	rig_serve(s, "GET /3 ", RIG_OK(1, "3"));
	rig_expect(c, 200, "3");
	close(c);
	close(s);
	rig_closed(&b, LINE_CLOSE_FINISHED, 2);
	rig_end(&b);
}

/* Clients and servers of HTTP/1.0. */
static void
test_old(void **state)
{
	struct rig_bed b;
	struct rig_msg *m;
	(void)state;
	rig_begin(&b, PLAIN);
	int c = rig_dial(&b);
	rig_say(c, "GET /1 HTTP/1.0\r\n\r\n");
	int s = rig_take(&b, 0);
	m = rig_request(s);
	assert_int_equal(strncmp(m->head, "GET /1 HTTP/1.1\r\n", 17), 0);
	assert_non_null(rig_field(m, "host"));
	rig_msg_free(m);
	rig_say(s, RIG_OK(1, "1"));
	rig_expect_field(c, 200, "connection", "close");
	rig_hear_end(c);
	close(c);
	/* One that keeps its connection. */
	c = rig_dial(&b);
	rig_say(c, "GET /2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	rig_serve(s, "GET /2 ", RIG_OK(1, "2"));
	rig_expect_field(c, 200, "connection", "keep-alive");
	/* It knows no chunks. */
	rig_say(c, "GET /3 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	rig_serve(s, "GET /3 ", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
	m = rig_answer_to(c, false);
	assert_string_equal(m->body, "abcde");
	assert_true(m->closed);
	assert_null(rig_field(m, "transfer-encoding"));
	rig_msg_free(m);
	close(c);
	/* A server of HTTP/1.0 closes, unless it says otherwise. */
	c = rig_dial(&b);
	rig_say(c, RIG_GET("/4"));
	rig_serve(s, "GET /4 ", "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n4");
	rig_expect(c, 200, "4");
	rig_hear_end(s);
	close(s);
	rig_say(c, RIG_GET("/5"));
	s = rig_take(&b, 0);
	rig_serve(s, "GET /5 ", "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\n5");
	rig_expect(c, 200, "5");
	rig_say(c, RIG_GET("/6"));
	rig_serve(s, "GET /6 ", RIG_OK(1, "6"));
	rig_expect(c, 200, "6");
	close(c);
	close(s);
	rig_end(&b);
}

/* 1xx pass, in order; not to a client of HTTP/1.0. */
static void
test_interim(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, PLAIN);
	int c = rig_dial(&b);
	rig_say(c, "POST /1 HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n");
	int s = rig_take(&b, 0);
	struct rig_msg m;
	assert_true(rig_head(s, &m));
	rig_is(&m, "expect", "100-continue");
	rig_say(s, "HTTP/1.1 100 Continue\r\n\r\n");
	assert_true(rig_head(c, &m));
	assert_int_equal(m.status, 100);
	rig_say(c, "body");
	rig_hear(s, "body");
	rig_say(s, "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" RIG_OK(4, "done"));
	assert_true(rig_head(c, &m));
	assert_int_equal(m.status, 103);
	rig_is(&m, "link", "</a>");
	assert_true(rig_head(c, &m));
	assert_int_equal(m.status, 102);
	rig_expect(c, 200, "done");
	/* The server refuses: the body was not sent, and the connection can go on only without it. */
	rig_say(c, "POST /2 HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n");
	assert_true(rig_head(s, &m));
	rig_say(s, "HTTP/1.1 417 No\r\ncontent-length: 0\r\n\r\n");
	rig_expect_field(c, 417, "connection", "close");
	rig_hear_end(c);
	close(c);
	close(s);
	c = rig_dial(&b);
	rig_say(c, "GET /3 HTTP/1.0\r\n\r\n");
	s = rig_take(&b, 0);
	rig_serve(s, "GET /3 ", "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" RIG_OK(1, "3"));
	rig_expect(c, 200, "3");
	close(c);
	close(s);
	rig_end(&b);
}

/* 101: from then on bytes, both ways, with a half-close. */
static void
test_upgrade(void **state)
{
	struct rig_bed b;
	struct rig_msg m;
	(void)state;
	rig_begin(&b, PLAIN);
	int c = rig_dial(&b);
	rig_say(c, "GET /ws HTTP/1.1\r\nhost: test\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: k\r\n\r\n");
	int s = rig_take(&b, 0);
	assert_true(rig_head(s, &m));
	rig_is(&m, "upgrade", "websocket");
	rig_is(&m, "connection", "upgrade");
	rig_say(s, "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nfirst");
	assert_true(rig_head(c, &m));
	assert_int_equal(m.status, 101);
	rig_is(&m, "upgrade", "websocket");
	rig_hear(c, "first");
	for (int i = 0; i < 3; i++) {
		rig_say(c, "question");
		rig_hear(s, "question");
		rig_say(s, "answer");
		rig_hear(c, "answer");
	}
	shutdown(c, SHUT_WR);
	rig_hear_end(s);
	rig_say(s, "still");
	rig_hear(c, "still");
	close(s);
	rig_hear_end(c);
	close(c);
	rig_closed(&b, LINE_CLOSE_FINISHED, 1);
	/* The server ends first. */
	c = rig_dial(&b);
	rig_say(c, "GET /ws HTTP/1.1\r\nhost: test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nearly");
	s = rig_take(&b, 0);
	assert_true(rig_head(s, &m));
	rig_say(s, "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
	assert_true(rig_head(c, &m));
	rig_hear(s, "early");
	shutdown(s, SHUT_WR);
	rig_hear_end(c);
	rig_say(c, "more");
	rig_hear(s, "more");
	close(c);
	rig_hear_end(s);
	close(s);
	rig_closed(&b, LINE_CLOSE_FINISHED, 2);
	/* The server does not want to: an ordinary answer, and the connection goes on. */
	c = rig_dial(&b);
	rig_say(c, "GET /no HTTP/1.1\r\nhost: test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n");
	s = rig_take(&b, 0);
	rig_serve(s, "GET /no ", RIG_OK(2, "no"));
	rig_expect(c, 200, "no");
	rig_say(c, RIG_GET("/yes"));
	rig_serve(s, "GET /yes ", RIG_OK(3, "yes"));
	rig_expect(c, 200, "yes");
	close(c);
	close(s);
	rig_end(&b);
}

/* What is no request, and what is none for us: an answer that says so, and the end. */
static void
test_refused(void **state)
{
	static const struct { const char *say; int status; } rows[] = {
		{ "GET / HTTP/1.1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\nhost: test\n\n", 400 },
		{ "GET / HTTP/1.1\r\nhost: test\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nhost: test\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400 },
		{ "CONNECT x.test:443 HTTP/1.1\r\nhost: x.test:443\r\n\r\n", 501 },
		{ "GET / HTTP/2.0\r\nhost: test\r\n\r\n", 505 },
		{ "GET / HTTP/1.1\r\nhost: test\r\nx: " , 431 },
		{ "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 101\r\n\r\n", 413 },
		{ "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400 },
	};
	struct rig_bed b;
	(void)state;
	rig_begin(&b, PLAIN "limits: {head: 4KB, body: 100}\n");
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		int c = rig_dial(&b);
		rig_say(c, rows[i].say);
		if (rows[i].status == 431) {
			char big[8192];
			memset(big, 'a', sizeof(big));
			rig_say_bytes(c, big, sizeof(big));
		}
		struct rig_msg *m = rig_answer_to(c, false);
		if (m->status != rows[i].status)
			fail_msg("row %zu: %s%s", i, m->head, m->body);
		rig_is(m, "connection", "close");
		rig_msg_free(m);
		rig_hear_end(c);
		close(c);
	}
	assert_true(rig_idle(&b, 0));
	rig_closed(&b, LINE_CLOSE_FINISHED, 1);
	rig_end(&b);
}

/* A chunked body that is not one, or grows over the limit, after the head went on. */
static void
test_bad_body(void **state)
{
	struct rig_bed b;
	struct rig_msg m;
	(void)state;
	rig_begin(&b, PLAIN "limits: {body: 100}\n");
	int c = rig_dial(&b);
	rig_say(c, "POST /1 HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
	int s = rig_take(&b, 0);
	assert_true(rig_head(s, &m));
	rig_hear(s, "3\r\nabc\r\n");
	rig_say(c, "zz\r\n");
	rig_expect_field(c, 400, "connection", "close");
	rig_hear_end(c);
	rig_hear_broken(s);
	close(c);
	close(s);
	c = rig_dial(&b);
	rig_say(c, "POST /2 HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
	s = rig_take(&b, 0);
	assert_true(rig_head(s, &m));
	rig_hear(s, "3\r\nabc\r\n");
	rig_say(c, "62\r\n");
	rig_expect_field(c, 413, "connection", "close");
	rig_hear_end(c);
	rig_hear_broken(s);
	close(c);
	close(s);
	rig_closed(&b, LINE_CLOSE_FINISHED, 2);
	assert_int_equal(rig_sum(&b, 0).active, 0);
	rig_end(&b);
}

/* An absolute-form target goes on in origin-form. */
static void
test_absolute(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, PLAIN);
	int c = rig_dial(&b);
	rig_say(c, "GET http://there.test:81/x?y HTTP/1.1\r\nhost: here.test\r\n\r\n");
	int s = rig_take(&b, 0);
	struct rig_msg *m = rig_request(s);
	assert_int_equal(strncmp(m->head, "GET /x?y HTTP/1.1\r\n", 19), 0);
	rig_is(m, "host", "there.test:81");
	rig_msg_free(m);
	rig_say(s, RIG_OK(1, "x"));
	rig_expect(c, 200, "x");
	close(c);
	close(s);
	rig_end(&b);
}

/* What is said of the request's way: X-Forwarded-*, Via, traceparent continued. */
static void
test_way(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, PLAIN "forwarded: true\nvia: fl\nserver_timing: true\n");
	int c = rig_dial(&b);
	rig_say(c, "GET / HTTP/1.1\r\nhost: x.test\r\nx-forwarded-for: 1.2.3.4\r\nvia: 1.0 old\r\n"
	    "traceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-00\r\ntracestate: a=b\r\nx-faultline: exp\r\n\r\n");
	int s = rig_take(&b, 0);
	struct rig_msg *m = rig_request(s);
	rig_is(m, "x-forwarded-for", "1.2.3.4, 127.0.0.1");
	rig_is(m, "x-forwarded-proto", "http");
	rig_is(m, "x-forwarded-host", "x.test");
	assert_non_null(strstr(rig_field(m, "via"), "1.0 old, "));
	rig_is(m, "tracestate", "a=b");
	rig_is(m, "x-faultline", "exp");
	const char *t = rig_field(m, "traceparent");
	assert_int_equal(strncmp(t, "00-0123456789abcdef0123456789abcdef-", 36), 0);
	assert_int_not_equal(strncmp(t + 36, "0123456789abcdef", 16), 0);       /* ours */
	assert_string_equal(t + 52, "-00");
	rig_msg_free(m);
	rig_say(s, RIG_OK(0, ""));
	m = rig_answer_to(c, false);
	assert_non_null(rig_field(m, "server-timing"));
	assert_non_null(rig_field(m, "via"));
	rig_msg_free(m);
	struct http_record r = rig_record(&b);
	assert_int_equal(r.trace[0], 0x01);
	assert_int_equal(r.parent[7], 0xef);
	assert_string_equal(r.method, "GET");
	assert_string_equal(r.path, "/");
	assert_int_equal(r.status, 200);
	assert_int_equal(strncmp(r.client, "127.0.0.1:", 10), 0);
	assert_string_equal(r.instance, b.server[0]);
	close(c);
	close(s);
	rig_end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_pipelined_end),
		cmocka_unit_test(test_in_pieces),
		cmocka_unit_test(test_framings),
		cmocka_unit_test(test_one_side_closes),
		cmocka_unit_test(test_old),
		cmocka_unit_test(test_interim),
		cmocka_unit_test(test_upgrade),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bad_body),
		cmocka_unit_test(test_absolute),
		cmocka_unit_test(test_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
