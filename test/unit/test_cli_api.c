/* SPDX-License-Identifier: MIT */
/* test_cli_api.c - what a command makes of a daemon's answer, and of no answer. */
#include "control/cli_api.h"
#include "proto/json.h"
#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

static void
test_getters(void **state)
{
	static const char text[] = "{\"s\":\"x\",\"i\":7,\"f\":1.5,\"b\":true,\"l\":[1,2],\"m\":{\"a\":1},\"n\":null,\"big\":1e300}";
	char error[JSON_ERROR_MAX];
	struct doc *doc;

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), error, &doc), 0);
	assert_string_equal(cli_api_text(doc->root, "s"), "x");
	assert_string_equal(cli_api_text(doc->root, "i"), "7");
	assert_string_equal(cli_api_text(doc->root, "l"), "");
	assert_string_equal(cli_api_text(doc->root, "n"), "");
	assert_string_equal(cli_api_text(doc->root, "none"), "");
	assert_int_equal(cli_api_int(doc->root, "i"), 7);
	assert_int_equal(cli_api_int(doc->root, "f"), 0);
	assert_int_equal(cli_api_int(doc->root, "big"), 0);
	assert_true(cli_api_float(doc->root, "f") == 1.5);
	assert_true(cli_api_float(doc->root, "s") == 0);
	assert_true(cli_api_bool(doc->root, "b"));
	assert_false(cli_api_bool(doc->root, "s"));
	assert_int_equal(cli_api_items(doc->root, "l")->count, 2);
	assert_int_equal(cli_api_items(doc->root, "m")->count, 1);
	assert_int_equal(cli_api_items(doc->root, "s")->count, 0);
	assert_int_equal(cli_api_items(NULL, "s")->count, 0);
	assert_string_equal(cli_api_text(NULL, "s"), "");
	doc_free(doc);
}

static void
test_target(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	cli_api_target(&out, "proxies", "a/b c", "toxics", "?", NULL);
	assert_string_equal(buf_str(&out), "/proxies/a%2Fb%20c/toxics/%3F");
	buf_fini(&out);
}

/* One answer on a port of its own. */
struct server {
	int fd;
	const char *answer;
};

static void *
serve(void *ud)
{
	struct server *s = ud;
	int fd = accept(s->fd, NULL, NULL);
	char drop[4096];

	assert_true(recv(fd, drop, sizeof(drop), 0) > 0);
	assert_int_equal(send(fd, s->answer, strlen(s->answer), MSG_NOSIGNAL), strlen(s->answer));
	close(fd);
	return NULL;
}

static bool
ask(const char *answer, struct cli_answer *ret)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct server s = { .fd = socket(AF_INET, SOCK_STREAM, 0), .answer = answer };
	socklen_t len = sizeof(in);
	struct http_client c;
	const char *error;
	pthread_t thread;
	char url[64];

	assert_int_equal(bind(s.fd, (void *)&in, len), 0);
	assert_int_equal(listen(s.fd, 1), 0);
	assert_int_equal(getsockname(s.fd, (void *)&in, &len), 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, &s), 0);
	snprintf(url, sizeof(url), "127.0.0.1:%u", ntohs(in.sin_port));
	assert_int_equal(http_client_init(&c, url, NULL, "test", &error), 0);
	bool ok = cli_api_ask(&c, "GET", "/", NULL, ret);
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(s.fd);
	return ok;
}

static void
test_answers(void **state)
{
	static const struct { const char *answer; bool ok; const char *error; enum doc_kind root; } cases[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", true, "", DOC_MAP },
		{ "HTTP/1.1 204 No Content\r\n\r\n", true, "", DOC_NULL },
		{ "HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\n[1]", true, "", DOC_LIST },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", false, "the answer is not JSON: invalid character '<'",
		  DOC_NULL },
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n\r\n{\"error\":\"x\"}", false, "x", DOC_MAP },
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n404 ", false, "Unexpected response code 404", DOC_SCALAR },
		{ "HTTP/1.1 500 Oh\r\nContent-Length: 11\r\n\r\n{\"error\":5,", false, "Unexpected response code 500", DOC_NULL },
		{ "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", false, "Unexpected response code 302",
		  DOC_NULL },
		{ "nonsense\r\n\r\n", false, "malformed HTTP response", DOC_NULL },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		struct cli_answer a;

		assert_int_equal(ask(cases[i].answer, &a), cases[i].ok);
		assert_int_equal(a.ok, cases[i].ok);
		assert_memory_equal(a.error, cases[i].error, strlen(cases[i].error));
		assert_int_equal(cli_answer_root(&a)->kind, cases[i].root);
		cli_answer_fini(&a);
		cli_answer_fini(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_getters),
		cmocka_unit_test(test_target),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
