/* SPDX-License-Identifier: MIT */
/* test_url.c - targets of requests and addresses of servers. */
#include "proto/url.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void
test_paths(void **state)
{
	static const struct { const char *target; int rc; const char *joined, *query, *clean; } cases[] = {
		{ "/proxies", 0, "proxies", "", NULL },
		{ "/proxies/a%2fb/toxics?x=%20", 0, "proxies|a/b|toxics", "x=%20", NULL },
		{ "/", 0, "", "", NULL },
		{ "/proxies/", 0, "proxies|", "", NULL },
		{ "//proxies", 0, "|proxies", "", "/proxies" },
		{ "/a/../b", 0, "a|..|b", "", "/b" },
		{ "/a/%2e%2E/../b/?q=1", 0, "a|..|..|b|", "q=1", "/b/?q=1" },
		{ "/a/.", 0, "a|.", "", "/a" },
		{ "/..", 0, "..", "", "/" },
		{ "/a//b%25%20%e2%82%ac", 0, "a||b% \xe2\x82\xac", "", "/a/b%25%20%E2%82%AC" },
		{ "http://h:1/a?b", 0, "a", "b", NULL },
		{ "http://h", 0, "", "", NULL },
		{ "http://h?q", 0, "", "q", NULL },
		{ "/a#b?c", 0, "a", "", NULL },
		{ "/x?y=http://z", 0, "x", "y=http://z", NULL },
		{ "*", -EINVAL, NULL, NULL, NULL }, { "h:80", -EINVAL, NULL, NULL, NULL }, { "", -EINVAL, NULL, NULL, NULL },
		{ "/%", -EINVAL, NULL, NULL, NULL }, { "/%4", -EINVAL, NULL, NULL, NULL }, { "/%zz", -EINVAL, NULL, NULL, NULL },
		{ "/%00", -EINVAL, NULL, NULL, NULL }, { "/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7", -E2BIG, NULL, NULL, NULL },
	};
	static struct url_path p;
	struct buf b;

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		assert_int_equal(url_path_parse(cases[i].target, &p), cases[i].rc);
		if (cases[i].rc != 0)
			continue;
		buf_init(&b, 1000);
		for (unsigned k = 0; k < p.count; k++)
			buf_printf(&b, "%s%s", k > 0 ? "|" : "", p.segments[k]);
		assert_string_equal(buf_str(&b), cases[i].joined);
		assert_string_equal(p.query, cases[i].query);
		assert_int_equal(url_path_dirty(&p), cases[i].clean != NULL);
		buf_clear(&b);
		url_path_clean(&p, &b);
		if (cases[i].clean != NULL)
			assert_string_equal(buf_str(&b), cases[i].clean);
		buf_fini(&b);
	}
}

static void
test_long_target(void **state)
{
	static struct url_path p;
	static char text[URL_TARGET_MAX + 10];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[0] = '/';
	assert_int_equal(url_path_parse(text, &p), -E2BIG);
	text[URL_TARGET_MAX - 2] = '\0';
	assert_int_equal(url_path_parse(text, &p), 0);
}

static void
test_servers(void **state)
{
	static const struct { const char *text, *joined; } cases[] = {
		{ "http://localhost:8474", "localhost|8474|" }, { "localhost:8474", "localhost|8474|" }, { "HTTP://h/", "h|80|" },
		{ "http://[::1]:99/x/y/", "::1|99|/x/y" }, { "[::1]", "::1|80|" }, { "h", "h|80|" },
		{ "https://h", NULL }, { "", NULL }, { "http://", NULL }, { "h:", NULL }, { "h:x", NULL }, { "[::1", NULL }, { "http://h/?x", NULL },
		{ "h:123456789", NULL },
	};
	struct url_server s;
	const char *error;
	char joined[600];

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		if (cases[i].joined == NULL) {
			assert_int_equal(url_server_parse(cases[i].text, &s, &error), -EINVAL);
			continue;
		}
		assert_int_equal(url_server_parse(cases[i].text, &s, &error), 0);
		snprintf(joined, sizeof(joined), "%s|%s|%s", s.host, s.port, s.base);
		assert_string_equal(joined, cases[i].joined);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths), cmocka_unit_test(test_long_target), cmocka_unit_test(test_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
