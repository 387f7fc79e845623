/* SPDX-License-Identifier: MIT */
/* test_proxy_header.c - PROXY headers: what is taken, what is refused, and that what is written is read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/types.h"
#include "proto/proxy_header.h"

static enum proxy_header_got
parse(const void *p, size_t n, struct proxy_header *h, size_t *bytes)
{
	/* In memory that ends where the input does. */
	uint8_t *copy = malloc(n + 1);
	assert_non_null(copy);
	memmove(copy + 1, p, n);
	enum proxy_header_got got = proxy_header_parse(copy + 1, n, h, bytes);
	free(copy);
	return got;
}

/* All beginnings want more; the whole, with anything behind it, is taken. */
static struct proxy_header
good(const void *p, size_t n)
{
	struct proxy_header h;
	size_t bytes = 77;
	uint8_t more[1000];
	for (size_t k = 0; k < n; k++)
		if (parse(p, k, &h, &bytes) != PROXY_HEADER_MORE)
			fail_msg("%zu of %zu bytes: not MORE", k, n);
	assert_int_equal(bytes, 77);
	assert_true(n + 5 <= sizeof(more));
	memcpy(more, p, n);
	memcpy(more + n, "\r\nxyz", 5);
	assert_int_equal(parse(p, n, &h, &bytes), PROXY_HEADER_OK);
	assert_int_equal(bytes, n);
	assert_int_equal(parse(more, n + 5, &h, &bytes), PROXY_HEADER_OK);
	assert_int_equal(bytes, n);
	return h;
}

static void
bad(const void *p, size_t n)
{
	struct proxy_header h;
	size_t bytes;
	if (parse(p, n, &h, &bytes) != PROXY_HEADER_BAD)
		fail_msg("taken: %.*s", (int)n, (const char *)p);
}

static void
version_1(void **state)
{
	(void)state;
	const char *text = "PROXY TCP4 192.0.2.1 198.51.100.255 65535 1\r\n";
	struct proxy_header h = good(text, strlen(text));
	assert_int_equal(h.family, PROXY_HEADER_IP4);
	assert_memory_equal(h.client.ip, ((uint8_t[]){ 192, 0, 2, 1 }), 4);
	assert_memory_equal(h.server.ip, ((uint8_t[]){ 198, 51, 100, 255 }), 4);
	assert_int_equal(h.client.port, 65535);
	assert_int_equal(h.server.port, 1);
	text = "PROXY TCP6 2001:db8::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 0 443\r\n";
	h = good(text, strlen(text));
	assert_int_equal(h.family, PROXY_HEADER_IP6);
	assert_memory_equal(h.client.ip, ((uint8_t[16]){ 0x20, 1, 0xd, 0xb8, [15] = 1 }), 16);
	assert_int_equal(h.server.port, 443);
	static const char *const none[] = { "PROXY UNKNOWN\r\n",
		"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n",
		"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n" };
	for (size_t i = 0; i < FL_ARRAY_LEN(none); i++)
		assert_int_equal(good(none[i], strlen(none[i])).family, PROXY_HEADER_NONE);
}

static void
version_1_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"GET / HTTP/1.1\r\n", "PROXX", "proxy TCP4", "PROXY\r\n", "PROXY \r\n", "PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r1", "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4  1 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n",
		"PROXY TCP4 1.2.3 1.2.3.4 1 1\r\n", "PROXY TCP4 1.2.3.04 1.2.3.4 1 1\r\n", "PROXY TCP4 ::1 ::1 1 1\r\n",
		"PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n", "PROXY TCP6 ::g ::1 1 1\r\n", "PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n",
		"PROXY TCP 1.2.3.4 1.2.3.4 1 1\r\n", "PROXY UNKNOWNX\r\n", "PROXY UNKNOWN a\nb\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 100000\r\n",
		"PROXY TCP4\t1.2.3.4 1.2.3.4 1 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 1x\r\n", "\r\nGET", "X",
	};
	for (size_t i = 0; i < FL_ARRAY_LEN(texts); i++)
		bad(texts[i], strlen(texts[i]));
	bad("PROXY TCP4 1.2.3.4\0 1.2.3.4 1 1\r\n", 34);
	char longest[200];
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "PROXY UNKNOWN ", 14);
	bad(longest, 106);
	memcpy(longest + 105, "\r\n", 2);
	good(longest, 107);
	longest[105] = 'x';
	memcpy(longest + 106, "\r\n", 2);
	bad(longest, 108);
}

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static size_t
v2(uint8_t *out, unsigned command, unsigned family, unsigned bytes, const void *p, size_t n)
{
	memcpy(out, SIGNATURE, 12);
	out[12] = (uint8_t)command;
	out[13] = (uint8_t)family;
	out[14] = (uint8_t)(bytes >> 8);
	out[15] = (uint8_t)bytes;
	if (n > 0)
		memcpy(out + 16, p, n);
	return 16 + n;
}

static void
version_2(void **state)
{
	(void)state;
	uint8_t b[600], ends[300] = { 192, 0, 2, 1, 198, 51, 100, 2, 0x12, 0x34, 0, 80, 4, 0, 1, 'x', 1, 0, 0 };
	struct proxy_header h = good(b, v2(b, 0x21, 0x11, 12, ends, 12));
	assert_int_equal(h.family, PROXY_HEADER_IP4);
	assert_memory_equal(h.client.ip, ends, 4);
	assert_memory_equal(h.server.ip, ends + 4, 4);
	assert_int_equal(h.client.port, 0x1234);
	assert_int_equal(h.server.port, 80);
	assert_int_equal(good(b, v2(b, 0x21, 0x11, 19, ends, 19)).family, PROXY_HEADER_IP4);    /* with two TLVs */
	memset(ends, 0, sizeof(ends));
	ends[15] = 1;
	ends[33] = 9;
	h = good(b, v2(b, 0x21, 0x21, 36, ends, 36));
	assert_int_equal(h.family, PROXY_HEADER_IP6);
	assert_int_equal(h.client.ip[15], 1);
	assert_int_equal(h.client.port, 9);
	memset(ends, 0, sizeof(ends));
	memcpy(ends, "/run/a", 6);
	memcpy(ends + 108, "/run/b", 6);
	h = good(b, v2(b, 0x21, 0x31, 216, ends, 216));
	assert_int_equal(h.family, PROXY_HEADER_UNIX);
	assert_string_equal((char *)h.client.path, "/run/a");
	assert_string_equal((char *)h.server.path, "/run/b");
	assert_int_equal(good(b, v2(b, 0x20, 0x00, 0, NULL, 0)).family, PROXY_HEADER_NONE);
	assert_int_equal(good(b, v2(b, 0x20, 0x11, 5, "junk.", 5)).family, PROXY_HEADER_NONE);
	assert_int_equal(good(b, v2(b, 0x21, 0x00, 3, "abc", 3)).family, PROXY_HEADER_NONE);
}

static void
version_2_refused(void **state)
{
	(void)state;
	uint8_t b[5000], ends[300] = { 1 };
	static const unsigned commands[] = { 0x22, 0x2f, 0x11, 0x01, 0x00, 0x31 };
	for (size_t i = 0; i < FL_ARRAY_LEN(commands); i++)
		bad(b, v2(b, commands[i], 0x11, 12, ends, 12));
	static const unsigned families[] = { 0x12, 0x22, 0x32, 0x10, 0x01, 0x41, 0x13, 0xff };
	for (size_t i = 0; i < FL_ARRAY_LEN(families); i++)
		bad(b, v2(b, 0x21, families[i], 216, ends, 216));
	bad(b, v2(b, 0x21, 0x11, 11, ends, 11));
	bad(b, v2(b, 0x21, 0x21, 35, ends, 35));
	bad(b, v2(b, 0x21, 0x31, 215, ends, 215));
	/* TLVs that are cut off or too long. */
	bad(b, v2(b, 0x21, 0x11, 13, ends, 13));
	memcpy(ends + 12, "\4\0\2x", 4);
	bad(b, v2(b, 0x21, 0x11, 16, ends, 16));
	/* As long as allowed, and one more. */
	memset(b, 0, sizeof(b));
	v2(b, 0x20, 0, PROXY_HEADER_BYTES_MAX - 16, NULL, 0);
	struct proxy_header h;
	size_t bytes;
	assert_int_equal(parse(b, PROXY_HEADER_BYTES_MAX, &h, &bytes), PROXY_HEADER_OK);
	assert_int_equal(bytes, PROXY_HEADER_BYTES_MAX);
	bad(b, v2(b, 0x20, 0, PROXY_HEADER_BYTES_MAX - 15, NULL, 0));
	/* Each byte of the signature counts. */
	for (size_t i = 1; i < 12; i++) {
		v2(b, 0x20, 0, 0, NULL, 0);
		b[i] ^= 1;
		bad(b, i + 1);
	}
}

static void
written_is_read(void **state)
{
	(void)state;
	uint8_t out[PROXY_HEADER_WRITE_MAX];
	struct proxy_header h = { .family = PROXY_HEADER_IP4, .client = { .ip = { 10, 0, 0, 1 }, .port = 12345 },
		.server = { .ip = { 255, 255, 255, 255 }, .port = 65535 } };
	for (unsigned version = 1; version <= 2; version++) {
		struct proxy_header got = good(out, proxy_header_write(&h, version, out));
		assert_memory_equal(&got, &h, sizeof(h));
	}
	memset(h.client.ip, 0xfe, 16);
	memset(h.server.ip, 0xdd, 16);
	h.family = PROXY_HEADER_IP6;
	for (unsigned version = 1; version <= 2; version++) {
		struct proxy_header got = good(out, proxy_header_write(&h, version, out));
		assert_memory_equal(&got, &h, sizeof(h));
	}
	h = (struct proxy_header){ .family = PROXY_HEADER_UNIX, .client.path = "/a", .server.path = "/b" };
	struct proxy_header got = good(out, proxy_header_write(&h, 2, out));
	assert_memory_equal(&got, &h, sizeof(h));
	assert_int_equal(good(out, proxy_header_write(&h, 1, out)).family, PROXY_HEADER_NONE);
	h.family = PROXY_HEADER_NONE;
	for (unsigned version = 1; version <= 2; version++)
		assert_int_equal(good(out, proxy_header_write(&h, version, out)).family, PROXY_HEADER_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1),
		cmocka_unit_test(version_1_refused),
		cmocka_unit_test(version_2),
		cmocka_unit_test(version_2_refused),
		cmocka_unit_test(written_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
