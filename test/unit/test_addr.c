/* SPDX-License-Identifier: MIT */
/* test_addr.c - addresses as text and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "io/addr.h"

static void
round_trip(void **state)
{
	(void)state;
	static const char *const same[] = { "127.0.0.1:80", "[::1]:443", "[::]:0", "unix:/run/x.sock", "unix:@name", "0.0.0.0:65535" };
	char text[ADDR_TEXT_MAX];
	for (size_t i = 0; i < FL_ARRAY_LEN(same); i++) {
		struct io_addr a, b;
		assert_int_equal(addr_parse(same[i], &a), 0);
		assert_string_equal(addr_format(&a, text, sizeof(text)), same[i]);
		assert_int_equal(addr_parse(text, &b), 0);
		assert_true(addr_equal(&a, &b));
	}
	struct io_addr any;
	assert_int_equal(addr_parse(":81", &any), 0);
	assert_string_equal(addr_format(&any, text, sizeof(text)), "[::]:81");
	assert_int_equal(addr_port(&any), 81);
}

static void
refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:8x", "localhost:80", "::1:80",
		"[::1]", "[::1]80", "unix:", "unix:@", "256.1.1.1:1", "1.2.3.4:-1" };
	for (size_t i = 0; i < FL_ARRAY_LEN(bad); i++) {
		struct io_addr a = { .len = 7 };
		assert_int_equal(addr_parse(bad[i], &a), -EINVAL);
		assert_int_equal(a.len, 7);
	}
	char long_path[300] = "unix:/";
	memset(long_path + 6, 'a', sizeof(long_path) - 7);
	struct io_addr a;
	assert_int_equal(addr_parse(long_path, &a), -EINVAL);
}

static void
split(void **state)
{
	(void)state;
	char host[16], port[8];
	assert_int_equal(addr_split("db:6379", host, sizeof(host), port, sizeof(port)), 0);
	assert_string_equal(host, "db");
	assert_string_equal(port, "6379");
	assert_int_equal(addr_split("[fe80::1]:http", host, sizeof(host), port, sizeof(port)), 0);
	assert_string_equal(host, "fe80::1");
	assert_string_equal(port, "http");
	assert_int_equal(addr_split("nonsense", host, sizeof(host), port, sizeof(port)), -EINVAL);
	assert_int_equal(addr_split("a:b:c", host, sizeof(host), port, sizeof(port)), -E2BIG);
	assert_int_equal(addr_split("a-name-that-is-too-long:1", host, sizeof(host), port, sizeof(port)), -E2BIG);
}

static void
ip16(void **state)
{
	(void)state;
	static const uint8_t v4[16] = { [10] = 0xff, 0xff, 10, 1, 2, 3 }, v6[16] = { 0xfd, [15] = 9 };
	struct io_addr a;
	uint8_t ip[16];
	assert_int_equal(addr_parse("10.1.2.3:1", &a), 0);
	assert_true(addr_ip16(&a, ip));
	assert_memory_equal(ip, v4, 16);
	assert_int_equal(addr_parse("[fd00::9]:1", &a), 0);
	assert_true(addr_ip16(&a, ip));
	assert_memory_equal(ip, v6, 16);
	assert_int_equal(addr_parse("unix:/x", &a), 0);
	assert_false(addr_ip16(&a, ip));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(round_trip), cmocka_unit_test(refused), cmocka_unit_test(split),
		cmocka_unit_test(ip16) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
