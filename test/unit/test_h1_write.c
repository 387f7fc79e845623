/* SPDX-License-Identifier: MIT */
/* test_h1_write.c - heads for the next hop and heads of our own, byte for byte. */
#include "unit.h"

#include "base/types.h"
#include "proto/h1_write.h"

static struct h1_head head;
static char out[4096];

static void
read_request(const char *s)
{
	static const struct h1_limits lim;
	struct h1_scan scan = { 0 };

	assert_int_equal(h1_request(s, strlen(s), &lim, &scan, &head), H1_OK);
}

static void
read_response(const char *s, enum h1_method m)
{
	static const struct h1_limits lim;
	struct h1_scan scan = { 0 };

	assert_int_equal(h1_response(s, strlen(s), &lim, &scan, m, &head), H1_OK);
}

/* Written whole; and with any smaller room nothing is written beyond it, and the same size is asked for. */
static void
request_is(const char *s, const struct h1_out *o, const char *want)
{
	size_t n = strlen(want);

	memset(out, 0x55, sizeof(out));
	assert_int_equal(h1_write_request(s, &head, o, out, sizeof(out)), n);
	assert_memory_equal(out, want, n);
	assert_int_equal((unsigned char)out[n], 0x55);
	for (size_t cap = 0; cap < n; cap++) {
		memset(out, 0x55, n + 1);
		assert_int_equal(h1_write_request(s, &head, o, out, cap), n);
		assert_int_equal((unsigned char)out[cap], 0x55);
	}
}

static void
response_is(const char *s, const struct h1_out *o, const char *want)
{
	size_t n = h1_write_response(s, &head, o, out, sizeof(out));

	assert_int_equal(n, strlen(want));
	assert_memory_equal(out, want, n);
}

static struct h1_edit
edit(enum h1_edit_op op, const char *name, const char *value)
{
	struct h1_edit e;

	assert_true(h1_edit_init(&e, op, name, value));
	return e;
}

static void
hop_by_hop(void **state)
{
	static const char s[] = "GET /p?q HTTP/1.0\r\nX-A: 1\r\nConnection: keep-alive, x-b\r\nHost: a\r\nX-B: 2\r\nKeep-Alive: 5\r\n"
	    "TE: trailers\r\nX-C:  3 \r\nUpgrade: y\r\n\r\n";

	(void)state;
	read_request(s);
	request_is(s, &(struct h1_out){ 0 }, "GET /p?q HTTP/1.1\r\nX-A: 1\r\nHost: a\r\nX-C:  3 \r\n\r\n");
	request_is(s, &(struct h1_out){ .close = true }, "GET /p?q HTTP/1.1\r\nX-A: 1\r\nHost: a\r\nX-C:  3 \r\nConnection: close\r\n\r\n");
	request_is(s, &(struct h1_out){ .target = "/z", .target_len = 2, .host = "b:1", .host_len = 3 },
	    "GET /z HTTP/1.1\r\nHost: b:1\r\nX-A: 1\r\nX-C:  3 \r\n\r\n");
}

static void
absolute(void **state)
{
	static const char *const rows[][2] = {
		{ "http://b:8/p?q", "/p?q" }, { "http://b:8", "/" }, { "http://b:8?q=1", "/?q=1" }, { "https://b:8/", "/" },
	};
	char s[128], want[128];

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		snprintf(s, sizeof(s), "GET %s HTTP/1.1\r\nHost: other\r\nX: y\r\n\r\n", rows[i][0]);
		snprintf(want, sizeof(want), "GET %s HTTP/1.1\r\nHost: b:8\r\nX: y\r\n\r\n", rows[i][1]);
		read_request(s);
		request_is(s, &(struct h1_out){ 0 }, want);
	}
	snprintf(s, sizeof(s), "OPTIONS http://b HTTP/1.1\r\nHost: b\r\n\r\n");
	read_request(s);
	request_is(s, &(struct h1_out){ 0 }, "OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n");
}

static void
framing(void **state)
{
	static const char length[] = "POST / HTTP/1.1\r\nHost: a\r\ncontent-length:  007 \r\n\r\n";
	static const char chunked[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:CHUNKED\r\nTE: trailers\r\nConnection: TE\r\n\r\n";
	static const char empty[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";

	(void)state;
	read_request(length);
	request_is(length, &(struct h1_out){ 0 }, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n");
	request_is(length, &(struct h1_out){ .reframe = true, .framing = H1_CHUNKED },
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	request_is(length, &(struct h1_out){ .reframe = true, .framing = H1_LENGTH, .length = 0 },
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
	request_is(length, &(struct h1_out){ .reframe = true, .framing = H1_NONE }, "POST / HTTP/1.1\r\nHost: a\r\n\r\n");
	read_request(chunked);
	request_is(chunked, &(struct h1_out){ 0 },
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: TE\r\nTE: trailers\r\n\r\n");
	request_is(chunked, &(struct h1_out){ .drop = H1_BIT(H1_ID_TE) },
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	read_request(empty);
	request_is(empty, &(struct h1_out){ .close = true }, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

static void
upgrades(void **state)
{
	static const char s[] = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nX: y\r\n\r\n";

	(void)state;
	read_request(s);
	assert_true(head.upgrade);
	request_is(s, &(struct h1_out){ .upgrade = true },
	    "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
	request_is(s, &(struct h1_out){ 0 }, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n");
}

static void
edits(void **state)
{
	static const char s[] = "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nVia: 1.1 p\r\nCookie: c\r\nx-a: 2\r\nX-B:\r\n\r\n";
	struct h1_edit e[3];
	struct h1_out o = { .edits = e, .edit_count = 1 };

	(void)state;
	read_request(s);
	e[0] = edit(H1_EDIT_ADD, "X-A", "3");
	request_is(s, &o, "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nVia: 1.1 p\r\nCookie: c\r\nx-a: 2\r\nX-B:\r\nX-A: 3\r\n\r\n");
	e[0] = edit(H1_EDIT_SET, "X-A", "3");
	request_is(s, &o, "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 p\r\nCookie: c\r\nX-B:\r\nX-A: 3\r\n\r\n");
	e[0] = edit(H1_EDIT_REMOVE, "x-A", NULL);
	request_is(s, &o, "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 p\r\nCookie: c\r\nX-B:\r\n\r\n");
	e[0] = edit(H1_EDIT_SET, "COOKIE", "d");
	request_is(s, &o, "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nVia: 1.1 p\r\nx-a: 2\r\nX-B:\r\nCOOKIE: d\r\n\r\n");
	e[0] = edit(H1_EDIT_DEFAULT, "Cookie", "d");
	request_is(s, &o, "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nVia: 1.1 p\r\nCookie: c\r\nx-a: 2\r\nX-B:\r\n\r\n");
	e[0] = edit(H1_EDIT_DEFAULT, "Date", "d");
	request_is(s, &o, "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nVia: 1.1 p\r\nCookie: c\r\nx-a: 2\r\nX-B:\r\nDate: d\r\n\r\n");
	e[0] = edit(H1_EDIT_APPEND, "Via", "1.1 q");
	e[1] = edit(H1_EDIT_APPEND, "X-a", "9");
	e[2] = edit(H1_EDIT_APPEND, "x-b", "8");
	o.edit_count = 3;
	request_is(s, &o, "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nVia: 1.1 p, 1.1 q\r\nCookie: c\r\nx-a: 2, 9\r\nX-B:8\r\n\r\n");
	e[0] = edit(H1_EDIT_APPEND, "X-Forwarded-For", "1.2.3.4");
	e[1] = edit(H1_EDIT_SET, "Accept", "*/*");
	o.edit_count = 2;
	o.drop = H1_BIT(H1_ID_COOKIE) | H1_BIT(H1_ID_VIA);
	request_is(s, &o, "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 2\r\nX-B:\r\nX-Forwarded-For: 1.2.3.4\r\nAccept: */*\r\n\r\n");
}

static void
edits_refused(void **state)
{
	static const char *const names[] = { "Host", "content-LENGTH", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "TE",
		"Proxy-Connection", "HTTP2-Settings", "", "a b", "a:", "a\r\n", "\xc3\xa9" };
	struct h1_edit e;

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(names); i++)
		assert_false(h1_edit_init(&e, H1_EDIT_SET, names[i], "x"));
	assert_false(h1_edit_init(&e, H1_EDIT_SET, "X", "a\r\nY: b"));
	assert_false(h1_edit_init(&e, H1_EDIT_SET, "X", " a"));
	assert_true(h1_edit_init(&e, H1_EDIT_SET, "X", ""));
	assert_true(h1_edit_init(&e, H1_EDIT_REMOVE, "X", NULL));
}

static void
responses(void **state)
{
	static const char s[] = "HTTP/1.0 200 Fine\r\nConnection: keep-alive\r\nContent-Length: 5\r\nX: y\r\n\r\n";
	static const char none[] = "HTTP/1.1 204\r\nContent-Length: 5\r\n\r\n";
	static const char to_head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	static const char open[] = "HTTP/1.1 200 OK\r\n\r\n";

	(void)state;
	read_response(s, H1_GET);
	response_is(s, &(struct h1_out){ 0 }, "HTTP/1.1 200 Fine\r\nX: y\r\nContent-Length: 5\r\n\r\n");
	response_is(s, &(struct h1_out){ .keep_alive = true },
	    "HTTP/1.1 200 Fine\r\nX: y\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n");
	response_is(s, &(struct h1_out){ .status = 503, .close = true },
	    "HTTP/1.1 503 Service Unavailable\r\nX: y\r\nContent-Length: 5\r\nConnection: close\r\n\r\n");
	response_is(s, &(struct h1_out){ .status = 200 }, "HTTP/1.1 200 Fine\r\nX: y\r\nContent-Length: 5\r\n\r\n");
	read_response(none, H1_GET);
	response_is(none, &(struct h1_out){ 0 }, "HTTP/1.1 204 \r\n\r\n");
	read_response(s, H1_HEAD);
	response_is(s, &(struct h1_out){ 0 }, "HTTP/1.1 200 Fine\r\nX: y\r\nContent-Length: 5\r\n\r\n");
	read_response(to_head, H1_HEAD);
	response_is(to_head, &(struct h1_out){ 0 }, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	read_response(open, H1_GET);
	response_is(open, &(struct h1_out){ .close = true }, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
	response_is(open, &(struct h1_out){ .reframe = true, .framing = H1_CHUNKED }, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

static void
answer_is(unsigned status, const struct h1_out *o, const char *want)
{
	size_t n = h1_write_answer(status, o, out, sizeof(out));

	assert_int_equal(n, strlen(want));
	assert_memory_equal(out, want, n);
}

static void
answers(void **state)
{
	struct h1_edit e[2];

	(void)state;
	e[0] = edit(H1_EDIT_ADD, "Retry-After", "1");
	e[1] = edit(H1_EDIT_DEFAULT, "Content-Type", "text/plain");
	answer_is(503, &(struct h1_out){ .edits = e, .edit_count = 2, .framing = H1_LENGTH, .length = 12, .close = true },
	    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 12\r\nConnection: close\r\nRetry-After: 1\r\nContent-Type: text/plain\r\n\r\n");
	answer_is(404, &(struct h1_out){ 0 }, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
	answer_is(100, &(struct h1_out){ 0 }, "HTTP/1.1 100 Continue\r\n\r\n");
	answer_is(204, &(struct h1_out){ 0 }, "HTTP/1.1 204 No Content\r\n\r\n");
	answer_is(304, &(struct h1_out){ 0 }, "HTTP/1.1 304 Not Modified\r\n\r\n");
	answer_is(299, &(struct h1_out){ .framing = H1_CHUNKED }, "HTTP/1.1 299 Success\r\nTransfer-Encoding: chunked\r\n\r\n");
	assert_string_equal(h1_reason(418), "Client Error");
	assert_string_equal(h1_reason(0), "Unknown");
	assert_string_equal(h1_reason(777), "Unknown");
}

static void
questions(void **state)
{
	struct h1_edit e = edit(H1_EDIT_ADD, "User-Agent", "faultline");
	struct h1_out o = { .edits = &e, .edit_count = 1, .target = "/health", .target_len = 7, .host = "a:80", .host_len = 4, .close = true };
	size_t n = h1_write_ask("GET", &o, out, sizeof(out));
	static const char want[] = "GET /health HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\nUser-Agent: faultline\r\n\r\n";

	(void)state;
	assert_int_equal(n, sizeof(want) - 1);
	assert_memory_equal(out, want, n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hop_by_hop), cmocka_unit_test(absolute), cmocka_unit_test(framing), cmocka_unit_test(upgrades),
		cmocka_unit_test(edits), cmocka_unit_test(edits_refused), cmocka_unit_test(responses), cmocka_unit_test(answers),
		cmocka_unit_test(questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
