/* SPDX-License-Identifier: MIT */
/* test_txn.c - each anomaly of transactions with a small history: its name, its cycle, and the levels it breaks. */
#include "audit/tape_read.h"
#include "audit/txn_check.h"
#include "audit/txn_draw.h"
#include "audit/txn_read.h"
#include "audit/txn_say.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MEMORY ((size_t)64 << 20)

/* A history in EDN, judged. */
struct judged {
	struct tape tape;
	struct txn_hist hist;
	struct txn_outcome_of outcome;
};

static void
judge(struct judged *j, const char *text)
{
	struct tape_read_info info;
	struct txn_read_info read_info;

	tape_init(&j->tape, MEMORY);
	if (tape_read_all(&j->tape, &(struct tape_read_options){ .lone_completions = true }, text, strlen(text), &info) != 0)
		fail_msg("%s\n%s", info.error, text);
	txn_hist_init(&j->hist, txn_read_model(&j->tape), MEMORY);
	if (txn_read_tape(&j->hist, &j->tape, &read_info) != 0)
		fail_msg("%s\n%s", read_info.error, text);
	assert_int_equal(txn_check(&j->hist, &(struct txn_options){ .memory_bytes_max = MEMORY }, &j->outcome), 0);
}

static void
fini(struct judged *j)
{
	txn_check_fini(&j->outcome);
	txn_hist_fini(&j->hist);
	tape_fini(&j->tape);
}

static const struct txn_anomaly *
find(const struct judged *j, const char *type)
{
	for (uint32_t i = 0; i < j->outcome.anomaly_count; i++)
		if (strcmp(j->outcome.anomalies[i].type, type) == 0)
			return &j->outcome.anomalies[i];
	return NULL;
}

#define OK(process, mops) "{:process " #process ", :type :ok, :f :txn, :value [" mops "]}\n"
#define INVOKE(process, mops) "{:process " #process ", :type :invoke, :f :txn, :value [" mops "]}\n"
#define FAIL(process, mops) "{:process " #process ", :type :fail, :f :txn, :value [" mops "]}\n"
#define INFO(process, mops) "{:process " #process ", :type :info, :f :txn, :value [" mops "]}\n"
/* One after the other. */
#define ALONE(process, mops) INVOKE(process, mops) OK(process, mops)

static const struct row {
	const char *name, *history, *anomaly;
	uint32_t length;                        /* of its cycle; 0: it has none */
	enum txn_level strongest, weakest;      /* that holds, that is broken; TXN_LEVELS: none */
} rows[] = {
	{ "nothing wrong", ALONE(0, "[:append :x 1]") ALONE(1, "[:r :x [1]] [:append :x 2]") ALONE(0, "[:r :x [1 2]]"), NULL, 0,
		TXN_STRICT, TXN_LEVELS },
	{ "dirty write", OK(0, "[:append :x 1] [:append :y 1]") OK(1, "[:append :x 2] [:append :y 2]") OK(2, "[:r :x [1 2]] [:r :y [2 1]]"),
		"G0", 2, TXN_LEVELS, TXN_RU },
	{ "aborted read", FAIL(0, "[:append :x 1]") OK(1, "[:r :x [1]]"), "G1a", 0, TXN_RU, TXN_RC },
	{ "dirty update", FAIL(0, "[:append :x 1]") OK(1, "[:append :x 2]") OK(2, "[:r :x [1 2]]"), "dirty-update", 0, TXN_RU, TXN_RC },
	{ "intermediate read", OK(0, "[:append :x 1] [:append :x 2]") OK(1, "[:r :x [1]]") OK(2, "[:r :x [1 2]]"), "G1b", 0, TXN_RU, TXN_RC },
	{ "circular information flow", OK(0, "[:append :x 1] [:r :y [1]]") OK(1, "[:append :y 1] [:r :x [1]]"), "G1c", 2, TXN_RU, TXN_RC },
	{ "future read", OK(0, "[:r :x [1]] [:append :x 1]"), "future-read", 0, TXN_RU, TXN_RC },
	{ "incompatible order", OK(0, "[:append :x 1]") OK(1, "[:append :x 2]") OK(2, "[:r :x [1 2]]") OK(3, "[:r :x [2]]"),
		"incompatible-order", 0, TXN_RU, TXN_RC },
	{ "an append lost from within its transaction", OK(0, "[:append :x 1] [:append :x 2]") OK(1, "[:r :x [2]]"),
		"incompatible-order", 0, TXN_RU, TXN_RC },
	{ "duplicate elements", OK(0, "[:append :x 1]") OK(1, "[:r :x [1 1]]"), "duplicate-elements", 0, TXN_LEVELS, TXN_RU },
	{ "a value nobody wrote", OK(0, "[:append :x 1]") OK(1, "[:r :x [1 99]]"), "garbage-read", 0, TXN_LEVELS, TXN_RU },
	{ "a value nobody wrote, alone", OK(1, "[:r :x [99]]"), "garbage-read", 0, TXN_LEVELS, TXN_RU },
	{ "own append not seen", OK(0, "[:append :x 1] [:r :x []]"), "internal", 0, TXN_RR, TXN_RA },
	{ "read differs from the one before", OK(0, "[:r :x []] [:r :x [1]]") OK(1, "[:append :x 1]"), "non-repeatable-read", 0, TXN_RC,
		TXN_RA },
	{ "read skew", OK(0, "[:append :x 1] [:append :y 1]") OK(1, "[:r :x []] [:r :y [1]]"), "G-single", 2, TXN_RC, TXN_RA },
	{ "lost update", OK(0, "[:r :x []] [:append :x 1]") OK(1, "[:r :x []] [:append :x 2]") OK(2, "[:r :x [1 2]]"), "lost-update", 0,
		TXN_CC, TXN_PSI },
	{ "lost update, neither read", OK(0, "[:r :x []] [:append :x 1]") OK(1, "[:r :x []] [:append :x 2]"), "lost-update", 0,
		TXN_CC, TXN_PSI },
	{ "long fork", OK(0, "[:append :x 1]") OK(1, "[:append :y 1]") OK(2, "[:r :x [1]] [:r :y []]") OK(3, "[:r :x []] [:r :y [1]]"),
		"long-fork", 4, TXN_PSI, TXN_RR },
	{ "long fork by its cycle", OK(0, "[:append :x 1]") OK(1, "[:append :y 1]") OK(2, "[:r :x [1]] [:r :y []]")
		OK(3, "[:r :x []] [:r :y [1]]"), "G-nonadjacent", 4, TXN_PSI, TXN_RR },
	{ "write skew", OK(0, "[:r :x []] [:append :y 1]") OK(1, "[:r :y []] [:append :x 1]"), "write-skew", 2, TXN_STRONG_SI, TXN_RR },
	{ "write skew of three", OK(0, "[:r :x []] [:append :y 1]") OK(1, "[:r :y []] [:append :z 1]") OK(2, "[:r :z []] [:append :x 1]"),
		"G2-item", 3, TXN_STRONG_SI, TXN_RR },
	{ "stale read", ALONE(0, "[:append :x 1]") ALONE(1, "[:r :x []]"), "G-single-realtime", 2, TXN_SESSION_SER, TXN_STRONG_SI },
	{ "own write of the session not read", OK(0, "[:append :x 1]") OK(0, "[:r :x []]"), "G-single-process", 2, TXN_SER, TXN_CC },
	{ "reads of a transaction that never answered", INVOKE(0, "[:append :x 1] [:append :y 1]") INFO(0, "[:append :x 1] [:append :y 1]")
		ALONE(1, "[:r :x [1]] [:r :y []]"), "G-single", 2, TXN_RC, TXN_RA },
	{ "no answer, no effect", INVOKE(0, "[:append :x 1]") ALONE(1, "[:r :x []]") ALONE(1, "[:r :x nil]"), NULL, 0, TXN_STRICT, TXN_LEVELS },
	{ "an early reading of one that answered nothing", INVOKE(0, "[:append :x 1]") ALONE(1, "[:r :x [1]]") ALONE(1, "[:r :x []]"),
		"G-single-process", 3, TXN_SER, TXN_CC },

	{ "registers: nothing wrong", ALONE(0, "[:w :x 1]") ALONE(1, "[:r :x 1] [:w :x 2]") ALONE(0, "[:r :x 2]"), NULL, 0, TXN_STRICT,
		TXN_LEVELS },
	{ "registers: aborted read", FAIL(0, "[:w :x 1]") OK(1, "[:r :x 1]"), "G1a", 0, TXN_RU, TXN_RC },
	{ "registers: intermediate read", OK(0, "[:w :x 1] [:w :x 2]") OK(1, "[:r :x 1]"), "G1b", 0, TXN_RU, TXN_RC },
	{ "registers: garbage", OK(0, "[:w :x 1]") OK(1, "[:r :x 7]"), "garbage-read", 0, TXN_LEVELS, TXN_RU },
	{ "registers: circular information flow", OK(0, "[:w :x 1] [:r :y 1]") OK(1, "[:w :y 1] [:r :x 1]"), "G1c", 2, TXN_RU, TXN_RC },
	{ "registers: non-monotonic read", OK(0, "[:w :x 1]") OK(1, "[:r :x 1] [:w :x 2] [:w :y 2]") OK(2, "[:r :y 2] [:r :x 1]"),
		"non-monotonic-read", 2, TXN_RU, TXN_RC },
	{ "registers: fractured read", OK(0, "[:w :x 1]") OK(1, "[:r :x 1] [:w :x 2] [:w :y 2]") OK(2, "[:r :x 1] [:r :y 2]"),
		"fractured-read", 2, TXN_RC, TXN_RA },
	{ "registers: causality", OK(0, "[:r :z nil] [:w :x 1]") OK(1, "[:r :x 1] [:w :y 1]") OK(2, "[:r :y 1] [:r :x nil]"),
		"causality-violation", 3, TXN_RA, TXN_CC },
	{ "registers: lost update", OK(0, "[:r :x nil] [:w :x 1]") OK(1, "[:r :x nil] [:w :x 2]"), "lost-update", 0, TXN_CC, TXN_PSI },
	{ "registers: circle of versions", OK(0, "[:r :x 1] [:w :x 2]") OK(1, "[:r :x 2] [:w :x 1]"), "cyclic-versions", 0, TXN_LEVELS, TXN_RU },
	{ "registers: write skew", OK(0, "[:r :x nil] [:w :y 1]") OK(1, "[:r :y nil] [:w :x 1]"), "write-skew", 2, TXN_STRONG_SI, TXN_RR },
	{ "registers: long fork", OK(0, "[:w :x 1]") OK(1, "[:w :y 1]") OK(2, "[:r :x 1] [:r :y nil]") OK(3, "[:r :x nil] [:r :y 1]"),
		"long-fork", 4, TXN_PSI, TXN_RR },
	{ "registers: own write not read", OK(0, "[:w :x 1] [:r :x nil]"), "internal", 0, TXN_RU, TXN_RC },
	{ "registers: keys that begin as 0", ALONE(0, "[:r :x 0] [:w :x 1]") ALONE(1, "[:r :x 1] [:r :y 0]"), NULL, 0, TXN_STRICT, TXN_LEVELS },
	{ "registers: stale read", ALONE(0, "[:w :x 1]") ALONE(1, "[:r :x nil]"), "G-single-realtime", 2, TXN_SESSION_SER, TXN_STRONG_SI },

	{ "sets: nothing wrong", ALONE(0, "[:add :s 1]") ALONE(1, "[:add :s 2] [:r :s [2 1]]"), NULL, 0, TXN_STRICT, TXN_LEVELS },
	{ "sets: long fork", OK(0, "[:add :s 1]") OK(1, "[:add :s 2]") OK(2, "[:r :s [1]]") OK(3, "[:r :s [2]]"), "long-fork", 4, TXN_PSI,
		TXN_RR },
	{ "sets: aborted read", FAIL(0, "[:add :s 1]") OK(2, "[:r :s [1]]"), "G1a", 0, TXN_RU, TXN_RC },
	{ "sets: garbage", OK(0, "[:add :s 1]") OK(2, "[:r :s [5]]"), "garbage-read", 0, TXN_LEVELS, TXN_RU },
	{ "sets: an element that went away", ALONE(0, "[:add :s 1]") ALONE(1, "[:r :s #{1}]") ALONE(1, "[:r :s #{}]"), "G-single-process", 3,
		TXN_SER, TXN_CC },
};

/* Of all levels, variants too: the last that holds, the first that is broken. */
static enum txn_level
last_held(const struct txn_outcome_of *o)
{
	unsigned level = TXN_LEVELS;

	while (level > 0 && o->status[level - 1] != TXN_HOLDS)
		level--;
	return level == 0 ? TXN_LEVELS : (enum txn_level)(level - 1);
}

static enum txn_level
first_broken(const struct txn_outcome_of *o)
{
	unsigned level = 0;

	while (level < TXN_LEVELS && o->status[level] != TXN_BROKEN)
		level++;
	return (enum txn_level)level;
}

/* What a summary says of each. */
static void
summaries(void **state)
{
	static const struct {
		const char *history;
		enum txn_level strongest, held_too, weakest, broken_too;
	} sums[] = {
		{ OK(0, "[:r :x []] [:append :y 1]") OK(1, "[:r :y []] [:append :x 1]"), TXN_SI, TXN_STRONG_SI, TXN_RR, TXN_LEVELS },
		{ OK(0, "[:append :x 1]") OK(1, "[:append :y 1]") OK(2, "[:r :x [1]] [:r :y []]") OK(3, "[:r :x []] [:r :y [1]]"),
			TXN_CC, TXN_PSI, TXN_SI, TXN_LEVELS },
		{ OK(0, "[:r :x []] [:append :x 1]") OK(1, "[:r :x []] [:append :x 2]"), TXN_CC, TXN_LEVELS, TXN_SI, TXN_PSI },
		{ ALONE(0, "[:append :x 1]") ALONE(1, "[:r :x []]"), TXN_SESSION_SER, TXN_LEVELS, TXN_STRICT, TXN_STRONG_SI },
		{ ALONE(0, "[:append :x 1]"), TXN_STRICT, TXN_LEVELS, TXN_LEVELS, TXN_LEVELS },
		{ OK(1, "[:r :x [99]]"), TXN_LEVELS, TXN_LEVELS, TXN_RU, TXN_LEVELS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
		struct judged j;

		judge(&j, sums[i].history);
		assert_int_equal(txn_check_strongest(&j.outcome), sums[i].strongest);
		assert_int_equal(txn_check_variant(&j.outcome, true), sums[i].held_too);
		assert_int_equal(txn_check_weakest_broken(&j.outcome), sums[i].weakest);
		assert_int_equal(txn_check_variant(&j.outcome, false), sums[i].broken_too);
		fini(&j);
	}
}

static void
each_anomaly(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct judged j;

		judge(&j, r->history);
		const struct txn_anomaly *a = r->anomaly == NULL ? NULL : find(&j, r->anomaly);

		if (r->anomaly == NULL ? j.outcome.anomaly_count > 0 : a == NULL)
			fail_msg("%s: %s", r->name, r->anomaly == NULL ? j.outcome.anomalies[0].say : "the anomaly is missing");
		if (a != NULL && (a->steps == NULL ? 0 : a->count) != r->length)
			fail_msg("%s: %s", r->name, a->say);
		if (last_held(&j.outcome) != r->strongest || first_broken(&j.outcome) != r->weakest)
			fail_msg("%s: strongest %d, weakest broken %d", r->name, (int)last_held(&j.outcome), (int)first_broken(&j.outcome));
		for (unsigned level = 0; level < TXN_LEVELS; level++)
			if (j.outcome.status[level] == TXN_UNKNOWN)
				fail_msg("%s: %s is unknown", r->name, txn_level_name((enum txn_level)level));
		fini(&j);
	}
}

/* What is said must be whole: each step of each cycle has its reason, in text, JSON and the picture. */
static void
what_is_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct judged j;
		struct buf out;
		struct jsonw w;

		judge(&j, rows[i].history);
		buf_init(&out, MEMORY);
		for (uint32_t a = 0; a < j.outcome.anomaly_count; a++)
			for (uint32_t s = 0; j.outcome.anomalies[a].steps != NULL && s < j.outcome.anomalies[a].count; s++)
				if (strlen(j.outcome.anomalies[a].steps[s].why) < 10 ||
				    strstr(j.outcome.anomalies[a].steps[s].why, "whatever the order") != NULL)
					fail_msg("%s: %s", rows[i].name, j.outcome.anomalies[a].steps[s].why);
		txn_say_text(&j.outcome, TXN_STRICT, &out);
		assert_true(strncmp(buf_str(&out), rows[i].anomaly == NULL ? "valid" : "invalid", 5) == 0);
		if (rows[i].anomaly != NULL)
			assert_non_null(strstr(buf_str(&out), rows[i].anomaly));
		buf_clear(&out);
		jsonw_init(&w, &out);
		txn_say_json(&j.outcome, TXN_STRICT, &w);
		assert_int_equal(w.depth, 0);
		assert_non_null(strstr(buf_str(&out), rows[i].anomaly == NULL ? "\"verdict\":\"valid\"" : "\"verdict\":\"invalid\""));
		buf_clear(&out);
		txn_draw_all(&j.outcome, &out);
		assert_true(strncmp(buf_str(&out), "<svg", 4) == 0 && !out.overflowed);
		buf_fini(&out);
		fini(&j);
	}
}

/* A value written twice: nobody can say whose was read. What is refuted without it stays refuted. */
static void
written_twice(void **state)
{
	struct judged j;

	(void)state;
	judge(&j, OK(0, "[:w :x 1]") OK(1, "[:w :x 1]") OK(2, "[:r :x 1]"));
	assert_int_equal(j.outcome.status[TXN_SER], TXN_UNKNOWN);
	assert_non_null(j.outcome.unknown);
	fini(&j);
	judge(&j, OK(0, "[:w :x 1]") OK(1, "[:w :x 1]") OK(2, "[:r :x 1] [:r :y 5]"));
	assert_int_equal(j.outcome.status[TXN_SER], TXN_BROKEN);
	fini(&j);
	/* tried again after a failure: that one counts */
	judge(&j, FAIL(0, "[:w :x 1]") OK(0, "[:w :x 1]") OK(2, "[:r :x 1]"));
	assert_int_equal(j.outcome.status[TXN_STRICT], TXN_HOLDS);
	fini(&j);
}

/* Versions whose order only a search finds, and one that no order explains. */
static void
open_orders(void **state)
{
	struct judged j;

	(void)state;
	judge(&j, OK(0, "[:w :x 1] [:w :y 1]") OK(1, "[:w :x 2] [:w :y 2]") OK(2, "[:r :x 1]") OK(3, "[:r :y 2]") OK(4, "[:r :x 2] [:r :y 2]"));
	assert_int_equal(j.outcome.status[TXN_STRICT], TXN_HOLDS);
	fini(&j);
	judge(&j, OK(0, "[:w :x 1] [:w :y 1]") OK(1, "[:w :x 2] [:w :y 2]") OK(2, "[:r :x 1] [:r :y 2]"));
	assert_int_equal(j.outcome.status[TXN_SER], TXN_BROKEN);
	assert_int_equal(j.outcome.status[TXN_SI], TXN_BROKEN);
	assert_int_equal(j.outcome.status[TXN_RA], TXN_BROKEN);
	fini(&j);
	/* two readers that each overwrite what the other one read: only with one of two orders, and then the other way round */
	judge(&j, OK(0, "[:w :x 1]") OK(1, "[:w :x 2]") OK(2, "[:r :x 1] [:w :a 1]") OK(3, "[:r :x 2] [:w :b 1]")
	    OK(4, "[:r :a 1] [:r :b nil]") OK(5, "[:r :a nil] [:r :b 1]"));
	assert_int_equal(j.outcome.status[TXN_SER], TXN_BROKEN);
	fini(&j);
}

static void
refused(void **state)
{
	static const char *const bad[] = {
		OK(0, "[:append :x 1]") OK(0, "[:w :x 1]"), OK(0, "[:append :x 1] [:r :x 5]"), OK(0, "[:jump :x 1]"), OK(0, "17"), OK(0, "[:w]"),
		"{:process 0, :type :ok, :f :txn, :value 5}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tape tape;
		struct tape_read_info info;
		struct txn_read_info read_info;
		struct txn_hist hist;

		tape_init(&tape, MEMORY);
		assert_int_equal(tape_read_all(&tape, &(struct tape_read_options){ .lone_completions = true }, bad[i], strlen(bad[i]), &info), 0);
		txn_hist_init(&hist, txn_read_model(&tape), MEMORY);
		if (txn_read_tape(&hist, &tape, &read_info) != -EINVAL || read_info.error[0] == '\0')
			fail_msg("%s", bad[i]);
		txn_hist_fini(&hist);
		tape_fini(&tape);
	}
}

static void
little_memory(void **state)
{
	struct judged j;

	(void)state;
	judge(&j, rows[0].history);
	for (size_t bytes = 64; bytes < 8192; bytes += 64) {
		struct txn_outcome_of o;
		int rc = txn_check(&j.hist, &(struct txn_options){ .memory_bytes_max = bytes }, &o);

		assert_true(rc == -ENOBUFS || (rc == 0 && o.status[TXN_STRICT] == TXN_HOLDS));
		txn_check_fini(&o);
	}
	fini(&j);
}

/* What a history is of shows in what was asked or in what was done. */
static void
test_kind(void **state)
{
	struct judged j;

	(void)state;
	judge(&j, INVOKE(0, "[:r x nil]") OK(0, "[:r x nil] [:append x 1]") "{:process 1 :type :invoke :f :txn :value nil}" OK(1, "[:r x [1]]"));
	assert_int_equal(j.hist.model, TXN_LIST_APPEND);
	assert_int_equal(j.outcome.anomaly_count, 0);
	fini(&j);
	judge(&j, INVOKE(0, "[:r x nil]") OK(0, "[:r x []]"));
	assert_int_equal(j.hist.model, TXN_LIST_APPEND);
	assert_int_equal(j.outcome.anomaly_count, 0);
	fini(&j);
	judge(&j, INVOKE(0, "[:r x nil]") OK(0, "[:r x 7]") INVOKE(1, "[:w x 7]"));
	assert_int_equal(j.hist.model, TXN_RW_REGISTER);
	fini(&j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kind), cmocka_unit_test(each_anomaly), cmocka_unit_test(summaries),
		cmocka_unit_test(what_is_said), cmocka_unit_test(written_twice), cmocka_unit_test(open_orders),
		cmocka_unit_test(refused), cmocka_unit_test(little_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
