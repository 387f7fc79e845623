/* SPDX-License-Identifier: MIT */
/* test_txn_foreign.c - histories in the formats of other checkers: one and the same, in each of them; and what is none. */
#include "audit/txn_check.h"
#include "audit/txn_foreign.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MEMORY ((size_t)64 << 20)

/* Write skew: a transaction wrote both, then two each read one and wrote the other. A third one failed, a fourth saw the initial 9. */
static const char plume[] = "w(1,11,0,0)\nw(2,12,0,0)\nr(2,12,1,1)\nr(1,11,2,2)\nw(1,13,1,1)\nw(2,14,2,2)\r\nw(3,15,2,-1)\n\nr(9,0,3,3)\n";
static const char awdit[] = "w 1 11\nw 2 12\n=====\nr 2 12\nw 1 13\n=====\nr 1 11\nw 2 14\n=====\nr 9 0\n";
static const char dbcop_text[] = "// both\n[a:=11 b:=12]\n---\n[b==12 a:=13]\n---\n[a==11 b:=14] [c:=15 a==99]!\n--- // none\n[ d==? ]\n";
static const char dbcop_json[] = "{\"params\":{\"id\":0},\"info\":\"x\",\"data\":["
	"[{\"events\":[{\"Write\":{\"variable\":1,\"version\":11}},[\"w\",2,12]],\"committed\":true}],"
	"[{\"events\":[{\"Read\":{\"variable\":2,\"version\":12}},"
	"{\"Write\":{\"variable\":1,\"version\":13}}],\"committed\":true}],"
	"\n[{\"events\":[{\"Read\":{\"variable\":1,\"version\":11}},{\"Write\":{\"variable\":2,\"version\":14}}],\"committed\":true},"
	"{\"events\":[{\"Write\":{\"variable\":3,\"version\":15}},[\"r\",1,99]],\"committed\":false}],"
	"[{\"events\":[{\"Read\":{\"variable\":\"d\",\"version\":null}}],\"committed\":true}]]}\n";

static void
put(struct buf *b, uint64_t x, bool big)
{
	for (int i = 0; i < 8; i++)
		buf_putc(b, (char)(x >> (big ? 56 - 8 * i : 8 * i)));
}

static void
put_event(struct buf *b, bool write, uint64_t key, uint64_t value)
{
	buf_putc(b, write);
	put(b, key, false);
	put(b, value, false);
	buf_putc(b, 1);
}

static void
dbcop_binary(struct buf *b)
{
	static const char *const texts[] = { "made up", "2020", "2021" };

	for (int i = 0; i < 5; i++)
		put(b, 3, false);
	for (int i = 0; i < 3; i++) {
		put(b, strlen(texts[i]), false);
		buf_puts(b, texts[i]);
	}
	put(b, 4, false);
	for (uint64_t s = 0; s < 4; s++) {
		put(b, s == 2 ? 2 : 1, false);
		put(b, s == 3 ? 1 : 2, false);
		put_event(b, s == 0, s == 0 || s == 2 ? 1 : s == 1 ? 2 : 9, s == 0 || s == 2 ? 11 : s == 1 ? 12 : 0);
		if (s < 3)
			put_event(b, true, s == 1 ? 1 : 2, 12 + s);
		buf_putc(b, 1);
		if (s != 2)
			continue;
		put(b, 2, false);
		put_event(b, true, 3, 15);
		put_event(b, false, 1, 99);
		buf_putc(b, 0);
	}
}

static void
cobra_record(struct buf *b, char kind, uint64_t a, uint64_t key, size_t stamp)
{
	buf_putc(b, kind);
	if (kind == 'R')
		put(b, 7, true);
	put(b, a, true);
	if (kind == 'R' || kind == 'W') {
		put(b, key, true);
		put(b, 0, true);
	} else if (stamp > 0) {
		put(b, 0x77, true);
	}
}

static void
cobra_log(struct buf *b, uint64_t session, size_t stamp)
{
	buf_clear(b);
	cobra_record(b, 'S', 100 + session, 0, stamp);
	cobra_record(b, session == 0 ? 'W' : 'R', session == 0 || session == 2 ? 11 : session == 1 ? 12 : 0xbebeebee,
	    session == 0 || session == 2 ? UINT64_C(0xf000000000000001) : session == 1 ? 2 : 9, stamp);
	if (session < 3)
		cobra_record(b, 'W', 12 + session, session == 1 ? UINT64_C(0xf000000000000001) : 2, stamp);
	cobra_record(b, 'C', 100 + session, 0, stamp);
	if (session != 2)
		return;
	cobra_record(b, 'S', 110, 0, stamp);
	cobra_record(b, 'W', 15, 3, stamp);
	cobra_record(b, 'A', 110, 0, stamp);
	cobra_record(b, 'S', 111, 0, stamp);            /* broke off */
	cobra_record(b, 'W', 16, 3, stamp);
	buf_puts(b, "W123");
}

static void
read_as(struct txn_hist *h, enum txn_foreign format, int64_t session, const char *text, size_t n)
{
	struct txn_read_info info;

	assert_int_equal(txn_foreign_of(text, n), format);
	if (txn_foreign_read(h, format, session, text, n, &info) != 0)
		fail_msg("%d: %s", (int)info.line, info.error);
}

/* Write skew, and nothing else. */
static void
expect_write_skew(const struct txn_hist *h, uint32_t count)
{
	struct txn_outcome_of o;
	bool found = false;

	assert_int_equal(h->count, count);
	assert_int_equal(txn_check(h, &(struct txn_options){ .memory_bytes_max = MEMORY }, &o), 0);
	for (uint32_t i = 0; i < o.anomaly_count; i++)
		found |= strcmp(o.anomalies[i].type, "write-skew") == 0;
	assert_true(found);
	assert_int_equal(o.status[TXN_SER], TXN_BROKEN);
	assert_int_equal(o.status[TXN_STRONG_SI], TXN_HOLDS);
	assert_int_equal(o.committed, 4);
	txn_check_fini(&o);
}

static void
one_text(enum txn_foreign format, const char *text, size_t n, uint32_t count)
{
	struct txn_hist h;

	txn_hist_init(&h, TXN_RW_REGISTER, MEMORY);
	read_as(&h, format, 0, text, n);
	expect_write_skew(&h, count);
	txn_hist_fini(&h);
}

static void
same_history(void **state)
{
	struct buf b;

	(void)state;
	one_text(TXN_FOREIGN_PLUME, plume, sizeof(plume) - 1, 5);
	one_text(TXN_FOREIGN_AWDIT, awdit, sizeof(awdit) - 1, 4);
	one_text(TXN_FOREIGN_DBCOP_TEXT, dbcop_text, sizeof(dbcop_text) - 1, 5);
	one_text(TXN_FOREIGN_DBCOP_JSON, dbcop_json, sizeof(dbcop_json) - 1, 5);
	buf_init(&b, 1u << 20);
	dbcop_binary(&b);
	one_text(TXN_FOREIGN_DBCOP, buf_data(&b), buf_len(&b), 5);
	for (size_t stamp = 0; stamp <= 8; stamp += 8) {
		struct txn_hist h;

		txn_hist_init(&h, TXN_RW_REGISTER, MEMORY);
		for (uint64_t s = 0; s < 4; s++) {
			cobra_log(&b, s, stamp);
			read_as(&h, TXN_FOREIGN_COBRA, (int64_t)s, buf_data(&b), buf_len(&b));
		}
		expect_write_skew(&h, 6);
		txn_hist_fini(&h);
	}
	buf_fini(&b);
}

static void
refused(const char *text, size_t n, enum txn_foreign format, uint32_t line, const char *what)
{
	struct txn_read_info info;
	struct txn_hist h;

	txn_hist_init(&h, TXN_RW_REGISTER, MEMORY);
	assert_int_equal(txn_foreign_of(text, n), format);
	assert_int_equal(txn_foreign_read(&h, format, 0, text, n, &info), -EINVAL);
	assert_int_equal(info.line, line);
	if (strstr(info.error, what) == NULL)
		fail_msg("%s", info.error);
	txn_hist_fini(&h);
}

#define REFUSED(text, format, line, what) refused(text, strlen(text), format, line, what)

static void
bad_input(void **state)
{
	struct buf b;

	(void)state;
	REFUSED("w(1,1,0,0)\nr(1,x,0,0)\n", TXN_FOREIGN_PLUME, 2, "expected r(key");
	REFUSED("w(1,1,0,0)\nr(1,1,0,0\n", TXN_FOREIGN_PLUME, 2, "expected r(key");
	REFUSED("w(1,1,0,0)\nr(1,99999999999999999999999,0,0)\n", TXN_FOREIGN_PLUME, 2, "expected r(key");
	REFUSED("w 1 1\nx 1 1\n", TXN_FOREIGN_AWDIT, 2, "expected");
	REFUSED("w 1 1\nr 1\n", TXN_FOREIGN_AWDIT, 2, "expected");
	REFUSED("[a:=1]\n[b=1]\n", TXN_FOREIGN_DBCOP_TEXT, 2, "expected key");
	REFUSED("[a:=1]\n[b==x]\n", TXN_FOREIGN_DBCOP_TEXT, 2, "whole number");
	REFUSED("[a:=1]\n[b==1\n", TXN_FOREIGN_DBCOP_TEXT, 3, "has no ]");
	REFUSED("[a:=1]\nb\n", TXN_FOREIGN_DBCOP_TEXT, 2, "expected a transaction");
	REFUSED("[[{\"events\":[\n{\"Read\":3}]}]]", TXN_FOREIGN_DBCOP_JSON, 2, "an object");
	REFUSED("[[{\"events\":[[\"x\",1,1]]}]]", TXN_FOREIGN_DBCOP_JSON, 1, "expected");
	REFUSED("[[{\"events\":[]}]", TXN_FOREIGN_DBCOP_JSON, 1, "expected");
	REFUSED("{\"params\":{}}", TXN_FOREIGN_DBCOP_JSON, 1, "no \"data\"");
	buf_init(&b, 1u << 20);
	dbcop_binary(&b);
	for (size_t n = 64; n < buf_len(&b); n++)
		refused(buf_data(&b), n, TXN_FOREIGN_DBCOP, 0, "binary history");
	buf_clear(&b);
	cobra_record(&b, 'S', 1, 0, 0);
	cobra_record(&b, 'x', 2, 0, 0);
	refused(buf_data(&b), buf_len(&b), TXN_FOREIGN_NONE, 1, "known format");
	buf_clear(&b);
	cobra_record(&b, 'S', 1, 0, 0);
	cobra_record(&b, 'C', 2, 0, 0);
	refused(buf_data(&b), buf_len(&b), TXN_FOREIGN_COBRA, 0, "another transaction ends here");
	buf_clear(&b);
	cobra_record(&b, 'S', 1, 0, 0);
	cobra_record(&b, 'S', 2, 0, 0);
	refused(buf_data(&b), buf_len(&b), TXN_FOREIGN_COBRA, 0, "inside another");
	buf_fini(&b);
}

static void
not_foreign(void **state)
{
	static const char *const texts[] = { "", "{:type :ok}", "[{:type :ok}]", "{\"type\":\"ok\"}", "[{\"type\":\"ok\"}]", "; comment\n{:type :ok}",
		"write", "[", "INFO  jepsen" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(txn_foreign_of(texts[i], strlen(texts[i])), TXN_FOREIGN_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(same_history), cmocka_unit_test(bad_input), cmocka_unit_test(not_foreign) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
