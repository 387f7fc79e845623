/* SPDX-License-Identifier: MIT */
/* test_txn_bank.c - the bank's invariant: the same accounts, the same total, nothing below zero. */
#include "audit/tape_read.h"
#include "audit/txn_bank.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define READ(map) "{:process 0, :type :invoke, :f :read}\n{:process 0, :type :ok, :f :read, :value " map "}\n"
#define TRANSFER "{:process 1, :type :invoke, :f :transfer, :value {:from 0, :to 1, :amount 5}}\n"

static void
judge(const char *text, const struct txn_bank_options *options, int rc, const char *verdict, const char *say)
{
	struct tape tape;
	struct tape_read_info info;
	struct txn_bank bank;
	struct buf out;
	struct jsonw w;
	uint32_t line = 0;

	tape_init(&tape, (size_t)1 << 20);
	if (tape_read_all(&tape, &(struct tape_read_options){ .lone_completions = true }, text, strlen(text), &info) != 0)
		fail_msg("%s", info.error);
	assert_int_equal(txn_bank_check(&tape, options, &bank, &line), rc);
	if (rc == 0) {
		assert_string_equal(txn_bank_verdict(&bank, NULL), verdict);
		buf_init(&out, (size_t)1 << 20);
		txn_bank_text(&bank, NULL, &out);
		if (strstr(buf_str(&out), say) == NULL)
			fail_msg("%s", buf_str(&out));
		buf_clear(&out);
		jsonw_init(&w, &out);
		txn_bank_json(&bank, "serializable", &w);
		assert_int_equal(w.depth, 0);
		assert_true((strstr(buf_str(&out), "\"verdict\":\"invalid\"") != NULL) == (bank.counts[TXN_BANK_TOTAL] > 0));
		buf_fini(&out);
	} else {
		assert_int_equal(line, 1);
	}
	tape_fini(&tape);
}

static void
recognised(void **state)
{
	static const struct {
		const char *text;
		bool is;
	} cases[] = { { TRANSFER, true }, { READ("{0 10, 1 -3}"), true }, { READ("[0 10]"), false },
		{ "{:process 0 :type :invoke :f :txn :value [[:r 1 nil]]}", false }, { "", false } };
	struct tape_read_info info;
	struct tape tape;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tape_init(&tape, (size_t)1 << 20);
		assert_int_equal(tape_read_all(&tape, NULL, cases[i].text, strlen(cases[i].text), &info), 0);
		assert_true(txn_bank_is(&tape) == cases[i].is);
		tape_fini(&tape);
	}
}

static void
invariant(void **state)
{
	struct txn_bank_options none = { 0 }, twenty = { .has_total = true, .total = 20 }, debts = { .negative_allowed = true };

	(void)state;
	judge(READ("{0 10, 1 10}") TRANSFER READ("{0 5, 1 15}"), &none, 0, "valid", "20 in all");
	judge(READ("{0 10, 1 10}") READ("{1 15, 0 5}"), &twenty, 0, "valid", "20 in all");
	judge(READ("{0 10, 1 10}") READ("{0 5, 1 10}"), &none, 0, "invalid", "wrong-total");
	judge(READ("{0 5, 1 10}"), &twenty, 0, "invalid", "wrong-total");
	judge(READ("{0 10, 1 10}") READ("{0 -5, 1 25}"), &none, 0, "invalid", "negative-balance");
	judge(READ("{0 10, 1 10}") READ("{0 -5, 1 25}"), &debts, 0, "valid", "in all");
	judge(READ("{0 10, 1 10}") READ("{0 nil, 1 20}"), &none, 0, "invalid", "nil-balance");
	judge(READ("{0 10, 1 10}") READ("{0 10, 2 10}"), &none, 0, "invalid", "unexpected-accounts");
	judge(READ("{0 10, 1 10}") READ("{0 20}"), &none, 0, "invalid", "unexpected-accounts");
	judge(TRANSFER, &none, 0, "unknown", "no read was answered");
	judge(READ("17"), &none, -EINVAL, NULL, NULL);
	judge(READ("{0 x}"), &none, -EINVAL, NULL, NULL);
	judge(READ("{0 9223372036854775807, 1 1}"), &none, -EINVAL, NULL, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(recognised), cmocka_unit_test(invariant) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
