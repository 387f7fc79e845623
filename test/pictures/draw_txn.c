/* SPDX-License-Identifier: MIT */
/* draw_txn.c - the pictures of doc/audit-transactions.md: small histories, audited. */
#include "draw_txn.h"

#include "audit/tape_read.h"
#include "audit/txn_check.h"
#include "audit/txn_draw.h"
#include "audit/txn_read.h"
#include "base/assert.h"

#include <string.h>

#define TXNS_MAX 4
#define MEMORY ((size_t)64 << 20)

enum { ALL_AT_ONCE, ONE_BY_ONE };

static const struct history {
	const char *name, *anomaly;
	int when;
	struct {
		int process;
		const char *outcome, *mops;     /* NULL: no more */
	} txns[TXNS_MAX];
} all[] = {
	{ "txn-g0.svg", "G0", ALL_AT_ONCE, { { 0, "ok", "[:append :x 1] [:append :y 1]" }, { 1, "ok", "[:append :x 2] [:append :y 2]" },
		{ 2, "ok", "[:r :x [1 2]] [:r :y [2 1]]" } } },
	{ "txn-garbage-read.svg", "garbage-read", ONE_BY_ONE, { { 0, "ok", "[:append :x 1]" }, { 1, "ok", "[:r :x [1 99]]" } } },
	{ "txn-duplicate-elements.svg", "duplicate-elements", ONE_BY_ONE, { { 0, "ok", "[:append :x 1]" }, { 1, "ok", "[:r :x [1 1]]" } } },
	{ "txn-cyclic-versions.svg", "cyclic-versions", ALL_AT_ONCE, { { 0, "ok", "[:r :x 1] [:w :x 2]" }, { 1, "ok", "[:r :x 2] [:w :x 1]" } } },
	{ "txn-g1a.svg", "G1a", ONE_BY_ONE, { { 0, "fail", "[:append :x 1]" }, { 1, "ok", "[:r :x [1]]" } } },
	{ "txn-dirty-update.svg", "dirty-update", ONE_BY_ONE, { { 0, "fail", "[:append :x 1]" }, { 1, "ok", "[:append :x 2]" },
		{ 2, "ok", "[:r :x [1 2]]" } } },
	{ "txn-g1b.svg", "G1b", ALL_AT_ONCE, { { 0, "ok", "[:append :x 1] [:append :x 2]" }, { 1, "ok", "[:r :x [1]]" },
		{ 2, "ok", "[:r :x [1 2]]" } } },
	{ "txn-g1c.svg", "G1c", ALL_AT_ONCE, { { 0, "ok", "[:append :x 1] [:r :y [1]]" }, { 1, "ok", "[:append :y 1] [:r :x [1]]" } } },
	{ "txn-future-read.svg", "future-read", ALL_AT_ONCE, { { 0, "ok", "[:r :x [1]] [:append :x 1]" } } },
	{ "txn-incompatible-order.svg", "incompatible-order", ALL_AT_ONCE, { { 0, "ok", "[:append :x 1]" }, { 1, "ok", "[:append :x 2]" },
		{ 2, "ok", "[:r :x [1 2]]" }, { 3, "ok", "[:r :x [2]]" } } },
	{ "txn-non-monotonic-read.svg", "non-monotonic-read", ALL_AT_ONCE, { { 0, "ok", "[:w :x 1]" }, { 1, "ok", "[:r :x 1] [:w :x 2] [:w :y 2]" },
		{ 2, "ok", "[:r :y 2] [:r :x 1]" } } },
	{ "txn-internal.svg", "internal", ALL_AT_ONCE, { { 0, "ok", "[:append :x 1] [:r :x []]" } } },
	{ "txn-non-repeatable-read.svg", "non-repeatable-read", ALL_AT_ONCE, { { 0, "ok", "[:r :x []] [:r :x [1]]" },
		{ 1, "ok", "[:append :x 1]" } } },
	{ "txn-fractured-read.svg", "fractured-read", ALL_AT_ONCE, { { 0, "ok", "[:append :x 1] [:append :y 1]" },
		{ 1, "ok", "[:r :x []] [:r :y [1]]" } } },
	{ "txn-causality-violation.svg", "causality-violation", ALL_AT_ONCE, { { 0, "ok", "[:w :x 1]" }, { 1, "ok", "[:r :x 1] [:w :y 1]" },
		{ 2, "ok", "[:r :y 1] [:r :x nil]" } } },
	{ "txn-lost-update.svg", "lost-update", ALL_AT_ONCE, { { 0, "ok", "[:r :x []] [:append :x 1]" }, { 1, "ok", "[:r :x []] [:append :x 2]" } } },
	{ "txn-g-single.svg", "G-single", ALL_AT_ONCE, { { 0, "ok", "[:append :x 1] [:append :y 1]" }, { 1, "ok", "[:append :x 2] [:r :y []]" },
		{ 2, "ok", "[:r :x [1 2]]" } } },
	{ "txn-long-fork.svg", "long-fork", ALL_AT_ONCE, { { 0, "ok", "[:append :x 1]" }, { 1, "ok", "[:r :x [1]] [:r :y []]" },
		{ 2, "ok", "[:append :y 1]" }, { 3, "ok", "[:r :y [1]] [:r :x []]" } } },
	{ "txn-write-skew.svg", "write-skew", ALL_AT_ONCE, { { 0, "ok", "[:r :x []] [:append :y 1]" }, { 1, "ok", "[:r :y []] [:append :x 1]" } } },
	{ "txn-g-single-process.svg", "G-single-process", ONE_BY_ONE, { { 0, "ok", "[:append :x 1]" }, { 0, "ok", "[:r :x []]" } } },
	{ "txn-g-single-realtime.svg", "G-single-realtime", ONE_BY_ONE, { { 0, "ok", "[:append :x 1]" }, { 1, "ok", "[:r :x []]" } } },
};

static void
put(const struct history *h, int i, const char *type, struct buf *out)
{
	buf_printf(out, "{:process %d, :type :%s, :f :txn, :value [%s]}\n", h->txns[i].process, type, h->txns[i].mops);
}

/* The history in EDN: all invoked first, or each when the one before has completed. */
static void
write_history(const struct history *h, struct buf *out)
{
	int n = 0;

	for (; n < TXNS_MAX && h->txns[n].mops != NULL; n++) {
		put(h, n, "invoke", out);
		if (h->when == ONE_BY_ONE)
			put(h, n, h->txns[n].outcome, out);
	}
	for (int i = 0; i < n && h->when == ALL_AT_ONCE; i++)
		put(h, i, h->txns[i].outcome, out);
}

const char *
draw_txn_name(unsigned i)
{
	return i < sizeof(all) / sizeof(all[0]) ? all[i].name : NULL;
}

void
draw_txn(unsigned i, struct buf *out)
{
	struct tape_read_options options = { .lone_completions = false };
	struct tape_read_info info;
	struct txn_read_info read_info;
	struct txn_outcome_of outcome;
	struct txn_hist hist;
	struct tape tape;
	struct buf text;

	buf_init(&text, 1u << 20);
	write_history(&all[i], &text);
	tape_init(&tape, MEMORY);
	fl_assert(tape_read_all(&tape, &options, buf_data(&text), buf_len(&text), &info) == 0);
	txn_hist_init(&hist, txn_read_model(&tape), MEMORY);
	fl_assert(txn_read_tape(&hist, &tape, &read_info) == 0);
	fl_assert(txn_check(&hist, &(struct txn_options){ .memory_bytes_max = MEMORY }, &outcome) == 0);
	txn_draw_type(&outcome, all[i].anomaly, out);
	txn_check_fini(&outcome);
	txn_hist_fini(&hist);
	tape_fini(&tape);
	buf_fini(&text);
}
