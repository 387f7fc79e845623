/* SPDX-License-Identifier: MIT */
/* test_http_client.c - one request, one answer, against servers that answer well, badly, too much or not at all. */
#include "control/http_client.h"
#include "base/types.h"
#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

enum ending { CLOSE, RESET, HOLD, FLOOD, DRIP };

/* A server for one connection. */
struct server {
	int listener;
	uint16_t port;
	pthread_t thread;
	const char *answer;
	size_t answer_bytes;    /* 0: strlen */
	bool bytewise, early;   /* early: answer without having read */
	enum ending ending;
	char request[65536];
	size_t request_bytes;
};

static void
read_request(struct server *s, int fd)
{
	size_t body = 0;

	while (s->request_bytes < sizeof(s->request) - 1) {
		char *end = strstr(s->request, "\r\n\r\n"), *length = strstr(s->request, "Content-Length: ");

		if (end != NULL) {
			body = length != NULL ? strtoul(length + 16, NULL, 10) : 0;
			if (s->request_bytes >= (size_t)(end + 4 - s->request) + body)
				return;
		}
		ssize_t n = recv(fd, s->request + s->request_bytes, sizeof(s->request) - 1 - s->request_bytes, 0);

		if (n <= 0)
			return;
		s->request_bytes += (size_t)n;
	}
}

static bool
put(int fd, const void *p, size_t n)
{
	return send(fd, p, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static void *
serve(void *ud)
{
	struct server *s = ud;
	int fd = accept(s->listener, NULL, NULL);
	size_t n = s->answer_bytes > 0 ? s->answer_bytes : strlen(s->answer);
	char drop[4096];

	if (fd < 0)
		return NULL;
	if (!s->early)
		read_request(s, fd);
	for (size_t i = 0; s->bytewise && i < n; i++)
		put(fd, s->answer + i, 1);
	if (!s->bytewise)
		put(fd, s->answer, n);
	if (s->ending == FLOOD) {
		memset(drop, 'x', sizeof(drop));
		while (put(fd, drop, sizeof(drop)))
			continue;
	}
	while (s->ending == DRIP && put(fd, "x", 1))
		continue;
	if (s->ending == RESET)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
	while (s->ending == HOLD && recv(fd, drop, sizeof(drop), 0) > 0)
		continue;
	close(fd);
	return NULL;
}

static void
server_start(struct server *s, bool v6)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	socklen_t len = v6 ? sizeof(in6) : sizeof(in);

	s->listener = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	assert_true(s->listener >= 0);
	assert_int_equal(bind(s->listener, v6 ? (void *)&in6 : (void *)&in, len), 0);
	assert_int_equal(listen(s->listener, 1), 0);
	assert_int_equal(getsockname(s->listener, v6 ? (void *)&in6 : (void *)&in, &len), 0);
	s->port = ntohs(v6 ? in6.sin6_port : in.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void
server_stop(struct server *s)
{
	shutdown(s->listener, SHUT_RDWR);
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	close(s->listener);
}

static struct http_client
client_for(uint16_t port, const char *host, const char *token)
{
	struct http_client c;
	char url[128];
	const char *error;

	snprintf(url, sizeof(url), "http://%s:%u/base/", host, port);
	assert_int_equal(http_client_init(&c, url, token, "tester/1", &error), 0);
	return c;
}

/* Serve `answer` to one GET. returns what the call returned. */
static int
get(struct server *s, size_t body_max, fl_ns limit, struct http_answer *a)
{
	server_start(s, false);
	struct http_client c = client_for(s->port, "127.0.0.1", NULL);
	c.body_max = body_max;
	c.answer_timeout = limit;
	int r = http_client_call(&c, "GET", "/x", NULL, 0, a);
	server_stop(s);
	return r;
}

static void
test_good_answers(void **state)
{
	static const struct { const char *answer; enum ending ending; unsigned status; const char *body; bool json; } cases[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json;charset=utf-8\r\n\r\n{}", HOLD, 200,
		  "{}", true },
		{ "HTTP/1.1 204 No Content\r\n\r\n", HOLD, 204, "", false },
		{ "HTTP/1.0 200 OK\r\n\r\nuntil the end", CLOSE, 200, "until the end", false },
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n", HOLD, 404, "no\n", false },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n", HOLD, 200,
		  "abcde", false },
		{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 201 "
		    "Created\r\nContent-Length: 1\r\n\r\n!", HOLD, 201, "!", false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabehind it", HOLD, 200, "a", false },
	};

	(void)state;
	for (size_t i = 0; i < 2 * FL_ARRAY_LEN(cases); i++) {
		static struct server s;
		struct http_answer a;

		s = (struct server){ .answer = cases[i / 2].answer, .ending = cases[i / 2].ending, .bytewise = i % 2 == 1 };
		assert_int_equal(get(&s, 1000, 20 * FL_SEC, &a), 0);
		assert_int_equal(a.stage, HTTP_STAGE_DONE);
		assert_int_equal(a.status, cases[i / 2].status);
		assert_string_equal(buf_str(&a.body), cases[i / 2].body);
		assert_int_equal(a.json, cases[i / 2].json);
		http_answer_fini(&a);
	}
}

static void
test_hostile_answers(void **state)
{
	static const struct { const char *answer; size_t bytes; enum ending ending; int r; const char *error; } cases[] = {
		{ "", 0, CLOSE, -EPIPE, "EOF" },
		{ "", 0, HOLD, -ETIMEDOUT, "timeout" },
		{ "HTTP/1.1 200 OK\r\n", 0, HOLD, -ETIMEDOUT, "timeout" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", 0, HOLD, -ETIMEDOUT, "timeout" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", 0, CLOSE, -EPROTO, "malformed" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n", 0, FLOOD, -EPROTO, "too large" },
		{ "HTTP/1.1 200 OK\r\n\r\n", 0, FLOOD, -EPROTO, "too large" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", 0, FLOOD, -EPROTO, "too large" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0, HOLD, -EPROTO, "malformed" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 0, HOLD, -EPROTO, "Content-Length" },
		{ "HTTP/1.1 200 OK\r\nX: ", 0, FLOOD, -EPROTO, "too large" },
		{ "HTTP/1.1 200 OK\r\nX: ", 0, DRIP, -EPROTO, "too large" },
		{ "HTTP/1.1 200 OK\r\n", 0, RESET, -ECONNRESET, "reset" },
		{ "SSH-2.0-OpenSSH_9.2\r\n\r\n", 0, HOLD, -EPROTO, "malformed" },
		{ "HTTP/1.1 2\0 0 OK\r\n\r\n", 20, HOLD, -EPROTO, "NUL" },
		{ "HTTP/1.1 101 Switching\r\n\r\n", 0, HOLD, -EPROTO, "101" },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		static struct server s;
		struct http_answer a;

		s = (struct server){ .answer = cases[i].answer, .answer_bytes = cases[i].bytes, .ending = cases[i].ending };
		/* Only those that are to run out of time get little of it. */
		assert_int_equal(get(&s, 1000, cases[i].r == -ETIMEDOUT ? 30 * FL_MS : 60 * FL_SEC, &a), cases[i].r);
		assert_int_equal(a.stage, HTTP_STAGE_ANSWER);
		assert_non_null(strstr(a.error, cases[i].error));
		assert_int_equal(buf_len(&a.body), 0);
		http_answer_fini(&a);
	}
}

static void
test_endless_interim(void **state)
{
	static struct server s;
	static char answer[64 * 32];
	struct http_answer a;

	(void)state;
	for (size_t i = 0, n = 0; i < 32; i++)
		n += (size_t)snprintf(answer + n, sizeof(answer) - n, "HTTP/1.1 102 Processing\r\n\r\n");
	s = (struct server){ .answer = answer, .ending = HOLD };
	assert_int_equal(get(&s, 1000, 60 * FL_SEC, &a), -EPROTO);
	assert_non_null(strstr(a.error, "102"));
	http_answer_fini(&a);
}

static void
test_request(void **state)
{
	static struct server s;
	struct http_answer a;

	(void)state;
	s = (struct server){ .answer = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", .ending = HOLD };
	server_start(&s, false);
	struct http_client c = client_for(s.port, "127.0.0.1", "secret");
	assert_int_equal(http_client_call(&c, "POST", "/proxies", "{\"a\":1}", 7, &a), 0);
	assert_int_equal(a.status, 201);
	http_answer_fini(&a);
	server_stop(&s);
	char expected[512];
	snprintf(expected, sizeof(expected),
	    "POST /base/proxies HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: tester/1\r\nAuthorization: Bearer secret\r\n"
	    "Content-Type: application/json\r\nContent-Length: 7\r\nAccept: application/json\r\nConnection: close\r\n\r\n{\"a\":1}", s.port);
	assert_string_equal(s.request, expected);
}

static void
test_v6_and_names(void **state)
{
	static struct server s;
	struct http_answer a;

	(void)state;
	s = (struct server){ .answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .ending = HOLD };
	server_start(&s, true);
	struct http_client c = client_for(s.port, "[::1]", NULL);
	assert_int_equal(http_client_call(&c, "GET", "/", NULL, 0, &a), 0);
	http_answer_fini(&a);
	server_stop(&s);
	assert_non_null(strstr(s.request, "\r\nHost: [::1]:"));
	s = (struct server){ .answer = s.answer, .ending = HOLD };
	server_start(&s, false);
	c = client_for(s.port, "localhost", NULL);
	assert_int_equal(http_client_call(&c, "GET", "/", NULL, 0, &a), 0);
	http_answer_fini(&a);
	server_stop(&s);
	assert_non_null(strstr(s.request, "\r\nHost: localhost:"));
}

/* A port that was bound a moment ago and is not any more. */
static void
test_nobody_there(void **state)
{
	static struct server s;
	struct http_answer a;
	char expected[128];

	(void)state;
	s = (struct server){ .answer = "" };
	server_start(&s, false);
	server_stop(&s);
	struct http_client c = client_for(s.port, "127.0.0.1", NULL);
	assert_int_equal(http_client_call(&c, "GET", "/", NULL, 0, &a), -ECONNREFUSED);
	assert_int_equal(a.stage, HTTP_STAGE_CONNECT);
	snprintf(expected, sizeof(expected), "dial tcp 127.0.0.1:%u: connect: connection refused", s.port);
	assert_string_equal(a.error, expected);
	http_answer_fini(&a);
	c = client_for(1, "a..b", NULL);
	assert_true(http_client_call(&c, "GET", "/", NULL, 0, &a) < 0);
	assert_int_equal(a.stage, HTTP_STAGE_RESOLVE);
	http_answer_fini(&a);
}

/* A server that refuses before it has read everything: what it said counts, not that writing failed. */
static void
test_early_refusal(void **state)
{
	static struct server s;
	static char body[4 << 20];
	struct http_answer a;

	(void)state;
	memset(body, ' ', sizeof(body));
	s = (struct server){ .answer = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", .early = true, .ending = HOLD };
	server_start(&s, false);
	struct http_client c = client_for(s.port, "127.0.0.1", NULL);
	assert_int_equal(http_client_call(&c, "POST", "/", body, sizeof(body), &a), 0);
	assert_int_equal(a.status, 413);
	http_answer_fini(&a);
	server_stop(&s);
}

static void
test_bad_clients(void **state)
{
	static const struct { const char *url, *token, *error; } cases[] = {
		{ "https://localhost:8474", NULL, "https" },
		{ "http://", NULL, "expected a server" },
		{ "localhost:http", NULL, "expected a server" },
		{ "http://localhost:8474", "a b", "token" },
		{ "http://localhost:8474", "a\r\nX: y", "token" },
	};
	struct http_client c = { .body_max = 1 };
	const char *error;

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		error = NULL;
		assert_int_equal(http_client_init(&c, cases[i].url, cases[i].token, "t", &error), -EINVAL);
		assert_non_null(strstr(error, cases[i].error));
		assert_int_equal(c.body_max, 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_answers),
		cmocka_unit_test(test_hostile_answers),
		cmocka_unit_test(test_endless_interim),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_v6_and_names),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_early_refusal),
		cmocka_unit_test(test_bad_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
