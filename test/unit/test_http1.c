/* SPDX-License-Identifier: MIT */
/* test_http1.c - every message is fed whole, byte by byte and cut in two at each place: the outcome must be the same. */
#include "proto/http1.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct http1 parser;

static size_t
feed(const char *p, size_t n, size_t first)
{
	size_t used = 0, took;

	while (used < n) {
		size_t piece = first == 0 ? 1 : used == 0 ? FL_MIN(first, n) : n - used;

		took = http1_feed(&parser, p + used, piece);
		used += took;
		if (took < piece)
			break;
	}
	return used;
}

/* What came out, as text: for comparing. */
static void
outcome(char *out, size_t out_bytes, size_t used)
{
	int n = snprintf(out, out_bytes, "%d %u %s used=%zu", parser.state, parser.status, parser.error != NULL ? parser.error : "-", used);

	if (parser.state == HTTP1_DONE || parser.state == HTTP1_BODY)
		snprintf(out + n, out_bytes - (size_t)n, " %s %s 1.%d ka=%d ec=%d body=%s", parser.method, parser.target,
		    parser.version_minor, parser.keep_alive, parser.expect_continue, buf_str(&parser.body));
}

/* Feed in all ways; the parser is left as after the last. */
static size_t
feed_all_ways(enum http1_kind kind, const char *p, size_t body_max)
{
	size_t n = strlen(p), used = 0;
	char want[1024], got[1024];

	for (size_t first = n; first != SIZE_MAX; first--) {
		http1_fini(&parser);
		http1_init(&parser, kind, body_max);
		used = feed(p, n, first);
		outcome(got, sizeof(got), used);
		if (first == n)
			memcpy(want, got, sizeof(want));
		if (parser.state != HTTP1_BAD)
			assert_string_equal(got, want);
		else
			assert_memory_equal(got, want, strcspn(want, "="));
	}
	return used;
}

static void
accepts(const char *p, const char *method, const char *target, const char *body, bool keep_alive)
{
	size_t used = feed_all_ways(HTTP1_REQUEST, p, 4096);

	if (parser.state != HTTP1_DONE)
		print_error("%s: %s\n", p, parser.error);
	assert_int_equal(parser.state, HTTP1_DONE);
	assert_string_equal(parser.method, method);
	assert_string_equal(parser.target, target);
	assert_string_equal(buf_str(&parser.body), body);
	assert_int_equal(parser.keep_alive, keep_alive);
	assert_int_equal(used, strlen(p));
}

static void
refuses(const char *p, unsigned status, const char *error)
{
	feed_all_ways(HTTP1_REQUEST, p, 64);
	assert_int_equal(parser.state, HTTP1_BAD);
	assert_string_equal(parser.error, error);
	assert_int_equal(parser.status, status);
}

static void
test_requests(void **state)
{
	(void)state;
	accepts("GET /version HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/version", "", true);
	accepts("GET /version HTTP/1.0\r\n\r\n", "GET", "/version", "", false);
	accepts("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET", "/", "", true);
	accepts("GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n", "GET", "/", "", false);
	accepts("\r\n\r\nGET / HTTP/1.1\nHost:x\n\n", "GET", "/", "", true);
	accepts("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "POST", "/a", "hello", true);
	accepts("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "POST", "/a", "", true);
	accepts("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n5;x=y\r\nhello\r\nA\r\n, world123\r\n0\r\n\r\n", "POST", "/a",
	    "hello, world123", true);
	accepts("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: 1\r\nY: 2\r\n\r\n", "POST", "/a", "a", true);
	accepts("GET /%c3%a9 HTTP/1.7\r\nHost: x\r\nA: \t b\xff \r\nC:\r\n\r\n", "GET", "/%c3%a9", "", true);
	assert_string_equal(http1_field(&parser, "a"), "b\xff");
	assert_string_equal(http1_field(&parser, "c"), "");
	assert_null(http1_field(&parser, "b"));
}

static void
test_refusals(void **state)
{
	(void)state;
	refuses("GET / HTTP/1.1\r\n\r\n", 400, "missing required Host header");
	refuses("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "too many Host headers");
	refuses("GET /\r\n\r\n", 400, "malformed request line");
	refuses("GET / FOO/1.1\r\n\r\n", 400, "malformed request line");
	refuses("G@T / HTTP/1.1\r\n\r\n", 400, "malformed request line");
	refuses("GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid character in the request target");
	refuses("GET / HTTP/2.0\r\n\r\n", 505, "unsupported protocol version");
	refuses("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "unsupported protocol version");
	refuses("GET / x HTTP/1.1\r\n\r\n", 400, "invalid character in the request target");
	refuses("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400,
	    "white space in or after a header's name");
	refuses("GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400, "folded header line");
	refuses("GET / HTTP/1.1\r\nHost: x\r\nnocolon\r\n\r\n", 400, "header without a colon");
	refuses("GET / HTTP/1.1\r\nHost: x\r\nA: b\001\r\n\r\n", 400, "control byte in the head");
	refuses("GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400, "bare CR in the head");
	refuses("P / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400, "more than one Content-Length");
	refuses("P / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400, "malformed Content-Length");
	refuses("P / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\n", 400, "malformed Content-Length");
	refuses("P / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999999999\r\n\r\n", 400, "Content-Length out of range");
	refuses("P / HTTP/1.1\r\nHost: x\r\nContent-Length: 65\r\n\r\n", 413, "body too large");
	refuses("P / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
	    "both Transfer-Encoding and Content-Length");
	refuses("P / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "Transfer-Encoding in HTTP/1.0");
	refuses("P / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501, "unsupported transfer coding");
	refuses("P / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
	    "more than one Transfer-Encoding");
	refuses("P / HTTP/1.1\r\nHost: x\r\nExpect: 200-maybe\r\n\r\n", 417, "unknown expectation");
	refuses("P / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n41\r\n", 413, "body too large");
	refuses("P / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 413, "body too large");
	refuses("P / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", 400, "malformed chunk size");
	refuses("P / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n", 400, "malformed chunk size");
	refuses("P / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n", 400, "chunk without its end");
	refuses("P / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1x\r\nx\r\n", 400, "malformed chunk size");
	refuses("P / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: 1\n\r\n", 400, "malformed trailer");
}

static void
test_nul_in_head(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n";

	(void)state;
	http1_fini(&parser);
	http1_init(&parser, HTTP1_REQUEST, 10);
	http1_feed(&parser, text, sizeof(text) - 1);
	assert_int_equal(parser.state, HTTP1_BAD);
	http1_fini(&parser);
}

static void
test_expect(void **state)
{
	(void)state;
	feed_all_ways(HTTP1_REQUEST, "P / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n", 64);
	assert_int_equal(parser.state, HTTP1_BODY);
	assert_true(parser.expect_continue);
	feed_all_ways(HTTP1_REQUEST, "P / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n", 64);
	assert_int_equal(parser.state, HTTP1_DONE);
	assert_false(parser.expect_continue);
}

static void
test_pipelining(void **state)
{
	const char *p = "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nabGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGE";
	size_t n = strlen(p), used;

	(void)state;
	http1_fini(&parser);
	http1_init(&parser, HTTP1_REQUEST, 64);
	assert_false(http1_started(&parser));
	used = http1_feed(&parser, p, n);
	assert_int_equal(parser.state, HTTP1_DONE);
	assert_string_equal(parser.target, "/1");
	assert_int_equal(http1_feed(&parser, p + used, n - used), 0);
	http1_next(&parser);
	assert_false(http1_started(&parser));
	used += http1_feed(&parser, p + used, n - used);
	assert_int_equal(parser.state, HTTP1_DONE);
	assert_string_equal(parser.target, "/2");
	http1_next(&parser);
	used += http1_feed(&parser, p + used, n - used);
	assert_int_equal(used, n);
	assert_true(http1_started(&parser));
	http1_eof(&parser);
	assert_int_equal(parser.state, HTTP1_BAD);
}

static void
test_bounds(void **state)
{
	char *text = malloc(HTTP1_HEAD_MAX + 100);
	char field[64];
	size_t used;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', HTTP1_HEAD_MAX + 100);
	memcpy(text, "GET / HTTP/1.1\r\nX: ", 19);
	http1_fini(&parser);
	http1_init(&parser, HTTP1_REQUEST, 64);
	used = feed(text, HTTP1_HEAD_MAX + 100, 1000);
	assert_true(used <= HTTP1_HEAD_MAX);
	assert_int_equal(parser.state, HTTP1_BAD);
	assert_int_equal(parser.status, 431);
	free(text);

	http1_fini(&parser);
	http1_init(&parser, HTTP1_REQUEST, 64);
	http1_feed(&parser, "GET / HTTP/1.1\r\n", 16);
	for (int i = 0; i < HTTP1_FIELDS_MAX + 1; i++) {
		int n = snprintf(field, sizeof(field), "F%d: x\r\n", i);

		http1_feed(&parser, field, (size_t)n);
	}
	http1_feed(&parser, "\r\n", 2);
	assert_int_equal(parser.state, HTTP1_BAD);
	assert_int_equal(parser.status, 431);
}

static void
test_many_chunks(void **state)
{
	const char *head = "P / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

	(void)state;
	http1_fini(&parser);
	http1_init(&parser, HTTP1_REQUEST, 1 << 20);
	http1_feed(&parser, head, strlen(head));
	for (int i = 0; i < 20000; i++)
		assert_int_equal(http1_feed(&parser, "0001\r\nz\r\n", 9), 9);
	http1_feed(&parser, "0\r\nT: 1\r\n\r\n", 11);
	assert_int_equal(parser.state, HTTP1_DONE);
	assert_int_equal(buf_len(&parser.body), 20000);
}

static void
test_responses(void **state)
{
	(void)state;
	feed_all_ways(HTTP1_RESPONSE, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 64);
	assert_int_equal(parser.state, HTTP1_DONE);
	assert_int_equal(parser.status, 200);
	assert_string_equal(buf_str(&parser.body), "ok");
	assert_true(parser.keep_alive);
	feed_all_ways(HTTP1_RESPONSE, "HTTP/1.1 204\r\n\r\n", 64);
	assert_int_equal(parser.state, HTTP1_DONE);
	feed_all_ways(HTTP1_RESPONSE, "HTTP/1.0 200 OK\r\n\r\nrest", 64);
	assert_int_equal(parser.state, HTTP1_BODY);
	http1_eof(&parser);
	assert_int_equal(parser.state, HTTP1_DONE);
	assert_string_equal(buf_str(&parser.body), "rest");
	assert_false(parser.keep_alive);
	feed_all_ways(HTTP1_RESPONSE, "HTTP/1.1 20x OK\r\n\r\n", 64);
	assert_int_equal(parser.state, HTTP1_BAD);
	feed_all_ways(HTTP1_RESPONSE, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", 64);
	http1_eof(&parser);
	assert_int_equal(parser.state, HTTP1_BAD);
	feed_all_ways(HTTP1_RESPONSE, "HTTP/1.1 101 Switching Protocols\r\n\r\n\x81", 64);
	assert_int_equal(parser.state, HTTP1_DONE);
}

static int
cleanup(void **state)
{
	(void)state;
	http1_fini(&parser);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests), cmocka_unit_test(test_refusals), cmocka_unit_test(test_nul_in_head), cmocka_unit_test(test_expect),
		cmocka_unit_test(test_pipelining), cmocka_unit_test(test_bounds), cmocka_unit_test(test_many_chunks),
		cmocka_unit_test(test_responses),
	};

	return cmocka_run_group_tests(tests, NULL, cleanup);
}
