/* SPDX-License-Identifier: MIT */
/* test_http_match.c - patterns against a plain reader of patterns, and requests against conditions. */
#include "unit.h"

#include "fault/http_match.h"

/* By definition: every way to spend the stars is tried. */
static bool
fits(const char *pattern, const char *s)
{
	if (*pattern == '\0')
		return *s == '\0';
	if (pattern[0] == '*' && pattern[1] == '*')
		return fits(pattern + 2, s) || (*s != '\0' && fits(pattern, s + 1));
	if (pattern[0] == '*')
		return fits(pattern + 1, s) || (*s != '\0' && *s != '/' && fits(pattern, s + 1));
	if (*s == '\0' || (pattern[0] == '?' ? *s == '/' : pattern[0] != *s))
		return false;
	return fits(pattern + 1, s + 1);
}

static void
globs(void **state)
{
	static const char letters[] = "ab/*?";
	struct dice d = { 3, 0 };
	unsigned yes = 0;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		char pattern[9], s[11];
		unsigned m = dice_roll(&d, 9), n = dice_roll(&d, 11);
		bool want;

		for (unsigned i = 0; i < m; i++)
			pattern[i] = letters[dice_roll(&d, 5)];
		for (unsigned i = 0; i < n; i++)
			s[i] = letters[dice_roll(&d, 3)];
		pattern[m] = s[n] = '\0';
		want = fits(pattern, s);
		if (http_match_glob(pattern, m, s, n, false) != want)
			fail_msg("\"%s\" against \"%s\" is %d", pattern, s, want);
		yes += want;
	}
	assert_true(yes > 1000);
	assert_true(http_match_glob("*.B.c", 5, "a.b.C", 5, true));
	assert_false(http_match_glob("*.B.c", 5, "a.b.C", 5, false));
}

static struct h1_head head;

static bool
hits(const char *key, const char *condition, const char *request)
{
	static const struct h1_limits lim;
	struct spec_scope scope = { 0 };
	struct h1_scan scan = { 0 };
	struct http_match m;
	char error[SPEC_ERROR_MAX];

	assert_int_equal(spec_set_http(&scope, key, condition, error), 0);
	assert_int_equal(h1_request(request, strlen(request), &lim, &scan, &head), H1_OK);
	http_match_init(&m, &scope.http);
	return http_match_request(&m, request, &head);
}

static void
methods(void **state)
{
	(void)state;
	assert_true(hits("method", "GET", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_false(hits("method", "POST,PUT", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_true(hits("method", "POST,GET", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_true(hits("method", "GET,BREW", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_false(hits("method", "GET,BREW", "BREWX / HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_false(hits("method", "GET", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_false(hits("method", "BREW", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_true(hits("method", "", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
}

static void
paths(void **state)
{
	(void)state;
	assert_true(hits("path", "/a", "GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_false(hits("path", "/a", "GET /a/ HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_true(hits("path", "/a/**", "GET /a/b/c HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_true(hits("path", "/a/**", "GET /a/ HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_false(hits("path", "/a/**", "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_true(hits("path", "/a/*/c", "GET /a/b/c HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_false(hits("path", "/a/*/c", "GET /a/b/b/c HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_true(hits("path", "**", "GET /a/b/b/c HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_true(hits("path", "/", "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_true(hits("path", "/x", "GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n"));
}

static void
hosts(void **state)
{
	(void)state;
	assert_true(hits("host", "a.example", "GET / HTTP/1.1\r\nHost: A.example\r\n\r\n"));
	assert_true(hits("host", "a.example", "GET / HTTP/1.1\r\nHost: a.example:80\r\n\r\n"));
	assert_false(hits("host", "a.example:81", "GET / HTTP/1.1\r\nHost: a.example:80\r\n\r\n"));
	assert_false(hits("host", "a.example:80", "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"));
	assert_true(hits("host", "*.example", "GET / HTTP/1.1\r\nHost: a.b.example\r\n\r\n"));
	assert_false(hits("host", "*.example", "GET / HTTP/1.1\r\nHost: example\r\n\r\n"));
	assert_true(hits("host", "[::1]", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"));
	assert_true(hits("host", "[::1]", "GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n"));
	assert_true(hits("host", "[::1]:80", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"));
	assert_false(hits("host", "a", "GET / HTTP/1.0\r\n\r\n"));
}

static void
headers(void **state)
{
	(void)state;
	assert_true(hits("header", "x-a", "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\r\n"));
	assert_false(hits("header", "x-b", "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\r\n"));
	assert_true(hits("header", "x-a: 2", "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nX-a: 2\r\n\r\n"));
	assert_false(hits("header", "x-a: 2", "GET / HTTP/1.1\r\nHost: a\r\nX-A: 22\r\n\r\n"));
	assert_true(hits("header", "x-a:", "GET / HTTP/1.1\r\nHost: a\r\nX-A:\r\n\r\n"));
	assert_false(hits("header", "x-a:", "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\r\n"));
	assert_true(hits("header", "cookie: a=b", "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\n\r\n"));
	assert_false(hits("header", "cookie", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
}

static void
experiments(void **state)
{
	(void)state;
	assert_true(hits("experiment", "b", "GET / HTTP/1.1\r\nHost: a\r\nx-faultline: a, b ,c\r\n\r\n"));
	assert_true(hits("experiment", "b", "GET / HTTP/1.1\r\nHost: a\r\nX-Faultline: a\r\nX: b\r\nx-faultline: b\r\n\r\n"));
	assert_false(hits("experiment", "b", "GET / HTTP/1.1\r\nHost: a\r\nx-faultline: bb, a\r\n\r\n"));
	assert_false(hits("experiment", "b", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_false(hits("experiment", "b", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\r\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(globs), cmocka_unit_test(methods), cmocka_unit_test(paths), cmocka_unit_test(hosts), cmocka_unit_test(headers),
		cmocka_unit_test(experiments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
