/* SPDX-License-Identifier: MIT */
/* test_client_hello.c - what is read from the first bytes of a TLS client, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/client_hello.h"

/* A ClientHello under construction: one handshake message, cut into records at the end. */
struct hello {
	uint8_t body[20000];
	size_t n;
	uint8_t ext[20000];
	size_t ext_n;
	uint8_t wire[60000];
	size_t wire_n;
};

static void
put(uint8_t *to, size_t *n, const void *p, size_t bytes)
{
	memcpy(to + *n, p, bytes);
	*n += bytes;
}

static void
put16(uint8_t *to, size_t *n, size_t v)
{
	uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };
	put(to, n, b, 2);
}

static void
put_ext(struct hello *h, unsigned type, const void *p, size_t bytes)
{
	put16(h->ext, &h->ext_n, type);
	put16(h->ext, &h->ext_n, bytes);
	put(h->ext, &h->ext_n, p, bytes);
}

static void
put_sni(struct hello *h, const char *name)
{
	uint8_t e[600];
	size_t n = 0, bytes = strlen(name);
	put16(e, &n, bytes + 3);
	put(e, &n, "", 1);
	put16(e, &n, bytes);
	put(e, &n, name, bytes);
	put_ext(h, 0, e, n);
}

static void
put_alpn(struct hello *h, const char *const *names)
{
	uint8_t list[2000], e[2002];
	size_t list_n = 0, n = 0;
	for (; *names != NULL; names++) {
		uint8_t len = (uint8_t)strlen(*names);
		put(list, &list_n, &len, 1);
		put(list, &list_n, *names, len);
	}
	put16(e, &n, list_n);
	put(e, &n, list, list_n);
	put_ext(h, 16, e, n);
}

/* Make the wire form, in records of at most `record` bytes. */
static void
finish(struct hello *h, size_t record)
{
	uint8_t zero[64] = { 0 };
	size_t inner;
	h->n = 4;
	put(h->body, &h->n, "\3\3", 2);
	put(h->body, &h->n, zero, 32);
	put(h->body, &h->n, "\x20", 1);
	put(h->body, &h->n, zero, 32);
	put(h->body, &h->n, "\0\2\x13\1", 4);
	put(h->body, &h->n, "\1\0", 2);
	if (h->ext_n > 0) {
		put16(h->body, &h->n, h->ext_n);
		put(h->body, &h->n, h->ext, h->ext_n);
	}
	inner = h->n - 4;
	memcpy(h->body, (uint8_t[]){ 1, (uint8_t)(inner >> 16), (uint8_t)(inner >> 8), (uint8_t)inner }, 4);
	h->wire_n = 0;
	for (size_t at = 0; at < h->n; at += record) {
		size_t step = FL_MIN(record, h->n - at);
		put(h->wire, &h->wire_n, "\x16\3\1", 3);
		put16(h->wire, &h->wire_n, step);
		put(h->wire, &h->wire_n, h->body + at, step);
	}
}

/* Every beginning of it wants more, whatever it is cut into, and the whole is as said. */
static void
expect(struct hello *h, const char *sni, size_t record)
{
	struct client_hello got = { .sni = "untouched" };
	finish(h, record);
	for (size_t n = 0; n < h->wire_n; n++)
		assert_int_equal(client_hello_parse(h->wire, n, &got), CLIENT_HELLO_MORE);
	assert_string_equal(got.sni, "untouched");
	assert_int_equal(client_hello_parse(h->wire, h->wire_n, &got), CLIENT_HELLO_OK);
	assert_string_equal(got.sni, sni);
}

static struct hello *
fresh(struct hello *h)
{
	memset(h, 0, sizeof(*h));
	return h;
}

static struct hello *
hello_new(void)
{
	struct hello *h = malloc(sizeof(*h));
	assert_non_null(h);
	return fresh(h);
}

static void
names_and_protocols(void **state)
{
	(void)state;
	struct hello *h = hello_new();
	struct client_hello got;
	static const size_t cuts[] = { 16384, 100, 7, 1 };
	for (size_t i = 0; i < FL_ARRAY_LEN(cuts); i++) {
		fresh(h);
		put_ext(h, 0x0a0a, "", 0);
		put_sni(h, "WWW.Example.org.");
		put_ext(h, 43, "\2\3\4", 3);
		put_alpn(h, (const char *const[]){ "h2", "http/1.1", NULL });
		expect(h, "www.example.org", cuts[i]);
		assert_int_equal(client_hello_parse(h->wire, h->wire_n, &got), CLIENT_HELLO_OK);
		assert_true(client_hello_offers(&got, "h2") && client_hello_offers(&got, "http/1.1"));
		assert_false(client_hello_offers(&got, "h") || client_hello_offers(&got, "http/1.0") || client_hello_offers(&got, ""));
		/* What follows the hello does not matter. */
		put(h->wire, &h->wire_n, "\x17garbage", 8);
		assert_int_equal(client_hello_parse(h->wire, h->wire_n, &got), CLIENT_HELLO_OK);
	}
	fresh(h);
	expect(h, "", 16384);                                   /* no extensions at all */
	fresh(h);
	put_ext(h, 43, "\2\3\4", 3);
	expect(h, "", 16384);
	free(h);
}

static void
long_lists_are_cut_not_refused(void **state)
{
	(void)state;
	struct hello *h = hello_new();
	struct client_hello got;
	char big[256];
	memset(big, 'x', 255);
	big[255] = '\0';
	put_alpn(h, (const char *const[]){ "h2", big, big, "spdy/1", NULL });
	finish(h, 16384);
	assert_int_equal(client_hello_parse(h->wire, h->wire_n, &got), CLIENT_HELLO_OK);
	assert_true(client_hello_offers(&got, "h2") && client_hello_offers(&got, "spdy/1") && !client_hello_offers(&got, big));
	free(h);
}

static void
not_a_hello(void **state)
{
	(void)state;
	struct client_hello got;
	static const char *const bad[] = { "GET / HTTP/1.1\r\n", "SSH-2.0-x\r\n", "\x16\2", "\x16\3\5", "\x17\3\1", "\x16\3\1\0\0",
		"\x16\3\1\x40\1", "\x16\3\1\0\4\2", "\x80\x2e\1\3\1" };
	static const size_t bytes[] = { 16, 11, 2, 3, 3, 5, 5, 6, 5 };
	for (size_t i = 0; i < FL_ARRAY_LEN(bad); i++)
		assert_int_equal(client_hello_parse((const uint8_t *)bad[i], bytes[i], &got), CLIENT_HELLO_BAD);
	assert_int_equal(client_hello_parse((const uint8_t *)"", 0, &got), CLIENT_HELLO_MORE);
}

/* Lengths that lie, and lists that say something twice. */
static void
wrong_inside(void **state)
{
	(void)state;
	struct hello *h = hello_new();
	struct client_hello got;
	put_sni(h, "a.example");
	put_sni(h, "b.example");
	finish(h, 16384);
	assert_int_equal(client_hello_parse(h->wire, h->wire_n, &got), CLIENT_HELLO_BAD);
	static const struct { unsigned type; const char *p; size_t n; } exts[] = {
		{ 0, "", 0 }, { 0, "\0\0", 2 }, { 0, "\0\4\0\0\1a\0", 7 }, { 0, "\0\4\0\0\2a", 6 }, { 0, "\0\3\0\0\0", 5 },
		{ 0, "\0\x8\0\0\1a\0\0\1b", 10 }, { 0, "\0\6\0\0\3a b", 8 }, { 0, "\0\6\0\0\3a\0b", 8 }, { 0, "\0\4\0\0\1a", 7 },
		{ 16, "\0\0", 2 }, { 16, "\0\2\0a", 4 }, { 16, "\0\3\3h2", 5 }, { 16, "\0\4\2h2", 5 }, { 16, "\1", 1 },
	};
	for (size_t i = 0; i < FL_ARRAY_LEN(exts); i++) {
		fresh(h);
		put_ext(h, exts[i].type, exts[i].p, exts[i].n);
		finish(h, 16384);
		if (client_hello_parse(h->wire, h->wire_n, &got) != CLIENT_HELLO_BAD)
			fail_msg("extension %zu was taken", i);
	}
	/* The list of extensions is longer or shorter than the rest of the message. */
	for (int d = -1; d <= 1; d += 2) {
		fresh(h);
		put_ext(h, 43, "\2\3\4", 3);
		finish(h, 16384);
		h->wire[h->wire_n - 8] = (uint8_t)(h->wire[h->wire_n - 8] + d);
		assert_int_equal(client_hello_parse(h->wire, h->wire_n, &got), CLIENT_HELLO_BAD);
	}
	/* Another record between two of the hello. */
	fresh(h);
	put_sni(h, "a.example");
	finish(h, 50);
	h->wire[55] = 21;
	assert_int_equal(client_hello_parse(h->wire, h->wire_n, &got), CLIENT_HELLO_BAD);
	free(h);
}

static void
bounded(void **state)
{
	(void)state;
	struct hello *h = hello_new();
	struct client_hello got;
	uint8_t *fill = calloc(1, 16384);
	assert_non_null(fill);
	/* A large one that just fits, and one that does not, in large records and in tiny ones. */
	put_ext(h, 21, fill, 16000);
	put_sni(h, "a.example");
	expect(h, "a.example", 16384);
	finish(h, 100);
	assert_true(h->wire_n > CLIENT_HELLO_BYTES_MAX);
	assert_int_equal(client_hello_parse(h->wire, CLIENT_HELLO_BYTES_MAX - 1, &got), CLIENT_HELLO_MORE);
	for (size_t n = CLIENT_HELLO_BYTES_MAX; n < CLIENT_HELLO_BYTES_MAX + 10; n++)
		assert_int_equal(client_hello_parse(h->wire, n, &got), CLIENT_HELLO_BAD);
	fresh(h);
	put_ext(h, 21, fill, 16384);
	finish(h, 16384);
	assert_int_equal(client_hello_parse(h->wire, 100, &got), CLIENT_HELLO_BAD);
	free(fill);
	free(h);
}

static void
patterns(void **state)
{
	(void)state;
	static const struct { const char *pattern, *name; bool fits; } rows[] = {
		{ "a.example", "a.example", true }, { "A.Example", "a.eXample", true }, { "a.example", "b.example", false },
		{ "a.example", "x.a.example", false }, { "*.example", "a.example", true }, { "*.example", "example", false },
		{ "*.example", "a.b.example", false }, { "*.b.example", "a.B.example", true }, { "*.example", ".example", false },
		{ "*", "anything", true }, { "*", "", true }, { "", "", false }, { "a.example", "", false }, { "*.example", "", false },
	};
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++)
		if (client_hello_matches(rows[i].pattern, rows[i].name) != rows[i].fits)
			fail_msg("%s and %s", rows[i].pattern, rows[i].name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_protocols),
		cmocka_unit_test(long_lists_are_cut_not_refused),
		cmocka_unit_test(not_a_hello),
		cmocka_unit_test(wrong_inside),
		cmocka_unit_test(bounded),
		cmocka_unit_test(patterns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
