/* SPDX-License-Identifier: MIT */
/* txn_say.c - the outcome of an audit of transactions for programs and for people. */
#include "audit/txn_say.h"

#include <inttypes.h>
#include <string.h>

#define TXNS_SHOWN 64
#define MOPS_SHOWN 40

const char *
txn_say_verdict(enum txn_holds status)
{
	static const char *const verdicts[] = { [TXN_HOLDS] = "valid", [TXN_BROKEN] = "invalid", [TXN_UNKNOWN] = "unknown" };

	return verdicts[status];
}

static const char *
level_or_none(enum txn_level level)
{
	return level == TXN_LEVELS ? "none" : txn_level_name(level);
}

static void
put_txn(const struct txn_hist *h, uint32_t txn, struct buf *out)
{
	const struct txn *t = &h->txns[txn];

	txn_hist_put_who(h, txn, out);
	if (t->outcome != TXN_OK)
		buf_printf(out, ", %s", txn_outcome_name((enum txn_outcome)t->outcome));
	buf_putc(out, ':');
	for (uint32_t i = 0; i < t->count && i < MOPS_SHOWN; i++) {
		buf_puts(out, i == 0 ? " " : ", ");
		txn_hist_put_mop(h, &txn_mops(h, txn)[i], out);
	}
	if (t->count > MOPS_SHOWN)
		buf_printf(out, ", and %" PRIu32 " more", t->count - MOPS_SHOWN);
}

static void
anomaly_text(const struct txn_outcome_of *o, const struct txn_anomaly *a, struct buf *out)
{
	buf_printf(out, "\n%s: %s\n", a->type, a->say);
	for (uint32_t i = 0; i < a->count && i < TXNS_SHOWN; i++) {
		buf_printf(out, "  T%" PRIu32 "  ", i + 1);
		put_txn(o->history, a->txns[i], out);
		buf_putc(out, '\n');
	}
	for (uint32_t i = 0; a->steps != NULL && i < a->count && i < TXNS_SHOWN; i++)
		buf_printf(out, "  T%" PRIu32 " -%s-> T%" PRIu32 ": %s\n", i + 1, a->steps[i].edge, (i + 1) % a->count + 1, a->steps[i].why);
	if (a->count > TXNS_SHOWN)
		buf_printf(out, "  and %" PRIu32 " more\n", a->count - TXNS_SHOWN);
	if (a->more > 0)
		buf_printf(out, "  (%" PRIu64 " more of this kind)\n", a->more);
}

static void
put_summary(struct buf *out, const char *what, enum txn_level level, enum txn_level variant)
{
	buf_printf(out, "  %s: %s", what, level_or_none(level));
	if (variant != TXN_LEVELS)
		buf_printf(out, " (%s as well)", txn_level_name(variant));
	buf_putc(out, '\n');
}

void
txn_say_text(const struct txn_outcome_of *o, enum txn_level level, struct buf *out)
{
	static const char *const ends[] = { [TXN_HOLDS] = "holds", [TXN_BROKEN] = "is broken", [TXN_UNKNOWN] = "could not be decided" };

	buf_printf(out, "%s: %s %s\n", txn_say_verdict(o->status[level]), txn_level_name(level), ends[o->status[level]]);
	put_summary(out, "strongest level that holds", txn_check_strongest(o), txn_check_variant(o, true));
	put_summary(out, "weakest level that is broken", txn_check_weakest_broken(o), txn_check_variant(o, false));
	buf_printf(out, "  %s, %" PRIu32 " transactions, %" PRIu32 " of them committed, %" PRIu32 " keys, %" PRIu64 " dependencies\n",
	    txn_model_name(o->history->model), o->history->count, o->committed, o->history->key_count, o->edges);
	if (o->unknown != NULL) {
		buf_puts(out, "  not decided:");
		for (unsigned i = 0; i < TXN_LEVELS; i++)
			if (o->status[i] == TXN_UNKNOWN)
				buf_printf(out, " %s", txn_level_name((enum txn_level)i));
		buf_printf(out, " (%s)\n", o->unknown);
	}
	for (uint32_t i = 0; i < o->anomaly_count; i++)
		anomaly_text(o, &o->anomalies[i], out);
}

static void
code_json(const struct txn_hist *h, int32_t code, struct buf *scratch, struct jsonw *w)
{
	if (code == TXN_NIL) {
		jsonw_null(w);
	} else if (code >= TXN_CODE_INT_MIN) {
		jsonw_int(w, code);
	} else {
		buf_clear(scratch);
		txn_hist_put_code(h, code, scratch);
		jsonw_stringn(w, buf_data(scratch), buf_len(scratch));
	}
}

static void
txn_json(const struct txn_hist *h, uint32_t txn, uint32_t name, struct buf *scratch, struct jsonw *w)
{
	static const char *const fs[] = { "r", "r", "w", "append", "add" };
	const struct txn *t = &h->txns[txn];

	jsonw_object(w);
	jsonw_key(w, "name");
	jsonw_printf(w, "T%" PRIu32, name);
	if (h->processes[t->process] < TXN_NOBODY)
		jsonw_num(w, "process", h->processes[t->process]);
	jsonw_num(w, "line", t->line);
	jsonw_str(w, "type", txn_outcome_name((enum txn_outcome)t->outcome));
	jsonw_key(w, "value");
	jsonw_array(w);
	for (uint32_t i = 0; i < t->count; i++) {
		const struct txn_mop *m = &txn_mops(h, txn)[i];

		jsonw_array(w);
		jsonw_string(w, fs[m->f]);
		code_json(h, h->keys[m->key], scratch, w);
		if (m->f == TXN_L) {
			jsonw_array(w);
			for (uint32_t e = 0; e < m->count; e++)
				code_json(h, txn_elems(h, m)[e], scratch, w);
			jsonw_end(w);
		} else {
			code_json(h, m->value, scratch, w);
		}
		jsonw_end(w);
	}
	jsonw_end(w);
	jsonw_end(w);
}

static void
anomaly_json(const struct txn_outcome_of *o, const struct txn_anomaly *a, struct buf *scratch, struct jsonw *w)
{
	jsonw_object(w);
	jsonw_str(w, "type", a->type);
	jsonw_str(w, "say", a->say);
	jsonw_key(w, "transactions");
	jsonw_array(w);
	for (uint32_t i = 0; i < a->count; i++)
		txn_json(o->history, a->txns[i], i + 1, scratch, w);
	jsonw_end(w);
	if (a->steps != NULL) {
		jsonw_key(w, "cycle");
		jsonw_array(w);
		for (uint32_t i = 0; i < a->count; i++) {
			jsonw_object(w);
			jsonw_key(w, "from");
			jsonw_printf(w, "T%" PRIu32, i + 1);
			jsonw_str(w, "edge", a->steps[i].edge);
			jsonw_key(w, "to");
			jsonw_printf(w, "T%" PRIu32, (i + 1) % a->count + 1);
			jsonw_str(w, "why", a->steps[i].why);
			jsonw_end(w);
		}
		jsonw_end(w);
	}
	jsonw_num(w, "more", (int64_t)a->more);
	jsonw_end(w);
}

static void
reason_json(const struct txn_outcome_of *o, enum txn_level level, struct jsonw *w)
{
	jsonw_key(w, "reason");
	if (o->status[level] == TXN_UNKNOWN && o->unknown != NULL)
		jsonw_string(w, o->unknown);
	else
		jsonw_printf(w, "%s %s", txn_level_name(level), o->status[level] == TXN_HOLDS ? "holds" : o->status[level] == TXN_BROKEN ?
		    "is broken" : "could not be decided");
}

void
txn_say_json(const struct txn_outcome_of *o, enum txn_level level, struct jsonw *w)
{
	static const char *const words[] = { [TXN_HOLDS] = "holds", [TXN_BROKEN] = "broken", [TXN_UNKNOWN] = "unknown" };
	enum txn_level strongest = txn_check_strongest(o), weakest = txn_check_weakest_broken(o);
	struct buf scratch;

	buf_init(&scratch, (size_t)16 << 20);
	jsonw_object(w);
	jsonw_str(w, "verdict", txn_say_verdict(o->status[level]));
	jsonw_str(w, "model", txn_model_name(o->history->model));
	jsonw_str(w, "level", txn_level_name(level));
	reason_json(o, level, w);
	jsonw_key(w, "strongest");
	if (strongest == TXN_LEVELS)
		jsonw_null(w);
	else
		jsonw_string(w, txn_level_name(strongest));
	jsonw_key(w, "weakest_broken");
	if (weakest == TXN_LEVELS)
		jsonw_null(w);
	else
		jsonw_string(w, txn_level_name(weakest));
	jsonw_key(w, "violated");
	jsonw_array(w);
	for (const enum txn_level *l = txn_level_main(); *l != TXN_LEVELS; l++)
		if (o->status[*l] == TXN_BROKEN)
			jsonw_string(w, txn_level_name(*l));
	jsonw_end(w);
	jsonw_key(w, "levels");
	jsonw_object(w);
	for (unsigned i = 0; i < TXN_LEVELS; i++)
		jsonw_str(w, txn_level_name((enum txn_level)i), words[o->status[i]]);
	jsonw_end(w);
	jsonw_num(w, "transactions", o->history->count);
	jsonw_num(w, "committed", o->committed);
	jsonw_key(w, "anomalies");
	jsonw_array(w);
	for (uint32_t i = 0; i < o->anomaly_count; i++)
		anomaly_json(o, &o->anomalies[i], &scratch, w);
	jsonw_end(w);
	jsonw_end(w);
	buf_fini(&scratch);
}
