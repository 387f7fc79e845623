/* SPDX-License-Identifier: MIT */
/* txn_why.c - why one transaction must come before another, in a sentence. */
#include "audit/txn_why.h"

#include <inttypes.h>

/* "append 17 to x", in the past: appended 17 to x, wrote 17 to x, added 17 to x. */
static void
put_write(const struct txn_core *c, uint32_t v, struct buf *out)
{
	static const char *const verbs[] = { "appended ", "wrote ", "added " };

	buf_puts(out, verbs[c->h->model]);
	txn_hist_put_code(c->h, c->versions[v].value, out);
	buf_puts(out, " to ");
	txn_hist_put_key(c->h, c->versions[v].key, out);
}

/* What a version is to those who read it: "x without 17", "x = nil", "x up to 17". */
static void
put_version(const struct txn_core *c, uint32_t v, struct buf *out)
{
	const struct txn_version *ver = &c->versions[v];

	txn_hist_put_key(c->h, ver->key, out);
	if (c->h->model == TXN_SET_ADD)
		buf_puts(out, (ver->flags & TXN_VER_ABSENT) != 0 ? " without " : " with ");
	else if (ver->txn == TXN_NONE)
		buf_puts(out, c->h->model == TXN_LIST_APPEND ? " as it was before any append" : " as it was before any write");
	else
		buf_puts(out, c->h->model == TXN_LIST_APPEND ? " up to " : " = ");
	if (c->h->model == TXN_SET_ADD || ver->txn != TXN_NONE)
		txn_hist_put_code(c->h, ver->value, out);
}

/* Is b the writer of what follows version v, by v's chain or because v ends the root chain? The version it wrote; TXN_NONE: no. */
static uint32_t
follows(const struct txn_core *c, uint32_t v, uint32_t b)
{
	uint32_t key = c->versions[v].key;
	uint32_t next = c->versions[v].next == TXN_NONE ? TXN_NONE : txn_core_live(c, c->versions[v].next);

	if (next != TXN_NONE)
		return c->versions[next].node == b ? next : TXN_NONE;
	uint32_t root = key, last = v;

	while (c->versions[last].next != TXN_NONE)
		last = c->versions[last].next;
	if (last != c->root_tail[root] || c->forked[key] != 0)
		return TXN_NONE;
	for (uint32_t i = c->head_first[key]; i < c->head_first[key + 1]; i++) {
		uint32_t head = txn_core_live(c, c->heads[i]);

		if (c->versions[head].node == b)
			return head;
	}
	return TXN_NONE;
}

static bool
why_ww(const struct txn_core *c, uint32_t a, uint32_t b, const char *name_a, const char *name_b, struct buf *out)
{
	for (uint32_t i = c->write_first[a]; i < c->write_first[a + 1]; i++) {
		uint32_t v = follows(c, c->writes[i], b);

		if (v == TXN_NONE)
			continue;
		buf_printf(out, "%s ", name_a);
		put_write(c, c->writes[i], out);
		buf_printf(out, ", %s ", name_b);
		put_write(c, v, out);
		buf_puts(out, c->versions[c->writes[i]].next != TXN_NONE ? " right after it" : " after it");
		return true;
	}
	return false;
}

static bool
why_wr(const struct txn_core *c, uint32_t a, uint32_t b, const char *name_a, const char *name_b, struct buf *out)
{
	for (uint32_t i = c->read_first[b]; i < c->read_first[b + 1]; i++) {
		uint32_t v = c->reads[i].version;

		if (c->versions[v].node != a)
			continue;
		buf_printf(out, "%s ", name_a);
		put_write(c, v, out);
		buf_printf(out, ", and %s read that", name_b);
		return true;
	}
	return false;
}

static bool
why_rw(const struct txn_core *c, uint32_t a, uint32_t b, const char *name_a, const char *name_b, struct buf *out)
{
	for (uint32_t i = c->read_first[a]; i < c->read_first[a + 1]; i++) {
		uint32_t v = c->reads[i].version, next = follows(c, v, b);

		if (next == TXN_NONE)
			continue;
		buf_printf(out, "%s read ", name_a);
		put_version(c, v, out);
		buf_printf(out, ", not yet what %s did to it: it ", name_b);
		put_write(c, next, out);
		return true;
	}
	return false;
}

void
txn_why_edge(const struct txn_core *c, uint32_t a, uint32_t b, uint8_t type, const char *name_a, const char *name_b, struct buf *out)
{
	const struct txn_hist *h = c->h;
	bool said = false;

	if (type == TXN_WW)
		said = why_ww(c, a, b, name_a, name_b, out);
	else if (type == TXN_WR)
		said = why_wr(c, a, b, name_a, name_b, out);
	else if (type == TXN_RW)
		said = why_rw(c, a, b, name_a, name_b, out);
	else if (type == TXN_PROCESS)
		buf_printf(out, "process %" PRId64 " did %s, then %s", h->processes[h->txns[c->txn_of[a]].process], name_a, name_b);
	else if (type == TXN_REALTIME)
		buf_printf(out, "%s had completed before %s was invoked", name_a, name_b);
	else
		buf_printf(out, "%s happened before %s, by a chain of reads and of what processes did", name_a, name_b);
	if (!said && (type & TXN_DEPENDENCIES) != 0 && c->h->model == TXN_RW_REGISTER)
		buf_printf(out, "%s comes before %s in this order of their writes", name_a, name_b);
	else if (!said && (type & TXN_DEPENDENCIES) != 0)
		buf_printf(out, "%s must precede %s, whatever the order of versions", name_a, name_b);
}

static void
put_value_of_key(const struct txn_core *c, const struct txn_oddity *o, struct buf *out)
{
	txn_hist_put_code(c->h, o->value, out);
	buf_puts(out, c->h->model == TXN_RW_REGISTER ? " as the value of " : " in ");
	txn_hist_put_key(c->h, o->key, out);
}

static void
put_mop(const struct txn_core *c, uint32_t mop, struct buf *out)
{
	if (mop == TXN_NONE)
		buf_puts(out, "?");
	else
		txn_hist_put_mop(c->h, &c->h->mops[mop], out);
}

void
txn_why_odd(const struct txn_core *c, enum txn_odd kind, const struct txn_oddity *o, const char *name, const char *other, struct buf *out)
{
	static const char *const ends[TXN_ODDS] = {
		[TXN_ODD_GARBAGE] = ", which nobody wrote", [TXN_ODD_DUPLICATE] = " more than once",
		[TXN_ODD_G1A] = ", which was written by a transaction that failed: ",
		[TXN_ODD_G1B] = ", which was not the last write there of ", [TXN_ODD_FUTURE_READ] = " before it wrote that itself",
	};

	switch (kind) {
	case TXN_ODD_GARBAGE: case TXN_ODD_DUPLICATE: case TXN_ODD_G1A: case TXN_ODD_G1B: case TXN_ODD_FUTURE_READ:
		buf_printf(out, "%s read ", name);
		put_value_of_key(c, o, out);
		buf_puts(out, ends[kind]);
		if (kind == TXN_ODD_G1A || kind == TXN_ODD_G1B)
			buf_puts(out, other);
		break;
	case TXN_ODD_DIRTY_UPDATE:
		buf_printf(out, "%s wrote ", name);
		put_value_of_key(c, o, out);
		buf_printf(out, " on top of what %s wrote, which failed", other);
		break;
	case TXN_ODD_INCOMPATIBLE:
		buf_printf(out, "%s saw ", name);
		put_mop(c, o->mop, out);
		if (o->other_mop != TXN_NONE && txn_is_write(&c->h->mops[o->other_mop])) {
			buf_printf(out, ", but %s did ", other);
			put_mop(c, o->other_mop, out);
			buf_puts(out, " and then appended ");
			txn_hist_put_code(c->h, o->value, out);
			buf_puts(out, ", so that the first must stand before the second");
			break;
		}
		buf_printf(out, ", but %s saw ", other);
		put_mop(c, o->other_mop, out);
		buf_puts(out, ": neither begins with the other, so no one order of appends gives both");
		break;
	case TXN_ODD_INTERNAL: case TXN_ODD_OWN_WRITE: case TXN_ODD_UNREPEATED:
		buf_printf(out, "%s did ", name);
		put_mop(c, o->other_mop, out);
		buf_puts(out, " and then saw ");
		put_mop(c, o->mop, out);
		break;
	case TXN_ODD_CYCLIC:
		buf_printf(out, "%s and %s each replaced, of key ", name, other);
		txn_hist_put_key(c->h, o->key, out);
		buf_puts(out, ", what had come from the other: their versions follow each other in a circle");
		break;
	case TXN_ODD_LOST_UPDATE: case TXN_ODDS:
		buf_printf(out, "%s and %s both read ", other, name);
		txn_hist_put_key(c->h, o->key, out);
		buf_puts(out, " = ");
		txn_hist_put_code(c->h, o->value, out);
		buf_puts(out, " and both replaced it: one of the updates is lost");
		break;
	}
}
