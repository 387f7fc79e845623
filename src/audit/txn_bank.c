/* SPDX-License-Identifier: MIT */
/* txn_bank.c - a bank: each read shows the same accounts with the same total. */
#include "audit/txn_bank.h"

#include "audit/tape_value.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define BALANCES_SHOWN 400              /* columns */

bool
txn_bank_is(const struct tape *t)
{
	uint32_t transfer = tape_find(t, "transfer"), read = tape_find(t, "read");

	for (uint32_t i = 0; i < t->count; i++) {
		const struct tape_op *op = &t->ops[i];

		if ((op->f == transfer && transfer != TAPE_NONE) || (op->f == read && !op->has_key && op->result.type == TAPE_MAP))
			return true;
	}
	return false;
}

static void
add_error(struct txn_bank *b, enum txn_bank_error error, uint32_t op, int64_t found, struct tape_value account)
{
	b->counts[error]++;
	if (b->error_count == TXN_BANK_KEPT)
		return;
	b->errors[b->error_count].error = error;
	b->errors[b->error_count].op = op;
	b->errors[b->error_count].found = found;
	b->errors[b->error_count++].account = account;
}

/* The accounts a read shows, whatever their order. */
static uint64_t
accounts(const struct tape *t, struct tape_value map)
{
	uint64_t sum = map.count;

	for (uint32_t i = 0; i < map.count; i++)
		sum += tape_value_hash(t, *tape_pair(t, map, i)) * UINT64_C(0x9e3779b97f4a7c15);
	return sum;
}

static int
check_read(struct txn_bank *b, uint32_t op, const struct txn_bank_options *options)
{
	const struct tape *t = b->tape;
	struct tape_value map = t->ops[op].result;
	uint64_t before = b->counts[0] + b->counts[1] + b->counts[2] + b->counts[3];
	int64_t total = 0;
	bool whole = true;

	if (map.type != TAPE_MAP)
		return -EINVAL;
	b->reads++;
	for (uint32_t i = 0; i < map.count; i++) {
		const struct tape_value *pair = tape_pair(t, map, i);

		if (pair[1].type == TAPE_NIL) {
			add_error(b, TXN_BANK_NIL, op, 0, pair[0]);
			whole = false;
			continue;
		}
		if (pair[1].type != TAPE_INT || __builtin_add_overflow(total, pair[1].i, &total))
			return -EINVAL;
		if (pair[1].i < 0 && !options->negative_allowed)
			add_error(b, TXN_BANK_NEGATIVE, op, pair[1].i, pair[0]);
	}
	if (b->first == TAPE_NONE && whole) {
		b->first = op;
		b->accounts = accounts(t, map);
		if (!b->total_given)
			b->total = total;
	} else if (b->first != TAPE_NONE && accounts(t, map) != b->accounts) {
		add_error(b, TXN_BANK_ACCOUNTS, op, 0, tape_nil());
	}
	if (whole && total != b->total)
		add_error(b, TXN_BANK_TOTAL, op, total, tape_nil());
	b->wrong += b->counts[0] + b->counts[1] + b->counts[2] + b->counts[3] != before;
	return 0;
}

int
txn_bank_check(const struct tape *t, const struct txn_bank_options *options, struct txn_bank *ret, uint32_t *ret_line)
{
	struct txn_bank b = { .tape = t, .first = TAPE_NONE, .total_given = options->has_total, .total = options->total };
	uint32_t read = tape_find(t, "read");

	for (uint32_t i = 0; i < t->count; i++) {
		const struct tape_op *op = &t->ops[i];

		if (op->f != read || op->outcome != TAPE_OK || !op->has_result)
			continue;
		if (check_read(&b, i, options) != 0) {
			*ret_line = op->line;
			return -EINVAL;
		}
	}
	*ret = b;
	return 0;
}

const char *const *
txn_bank_violated(const struct txn_bank *b)
{
	static const char *const none[] = { NULL };
	static const char *const snapshots[] = { "snapshot-isolation", "repeatable-read", "serializable", "strong-session-serializable",
		"strict-serializable", NULL };

	return b->counts[TXN_BANK_TOTAL] > 0 ? snapshots : none;
}

static bool
breaks(const struct txn_bank *b, const char *level)
{
	const char *const *violated = txn_bank_violated(b);

	for (size_t i = 0; violated[i] != NULL; i++)
		if (strcmp(violated[i], level) == 0)
			return true;
	return *violated != NULL && strstr(level, "snapshot-isolation") != NULL;        /* its variants */
}

const char *
txn_bank_verdict(const struct txn_bank *b, const char *level)
{
	if (level == NULL)
		return b->wrong > 0 ? "invalid" : b->reads == 0 ? "unknown" : "valid";
	return breaks(b, level) ? "invalid" : "unknown";
}

static const char *
error_name(enum txn_bank_error error)
{
	static const char *const names[] = { "wrong-total", "negative-balance", "nil-balance", "unexpected-accounts" };

	return names[error];
}

static void
put_error(const struct txn_bank *b, uint32_t i, struct buf *out)
{
	const struct tape *t = b->tape;
	const struct tape_op *op = &t->ops[b->errors[i].op];

	buf_printf(out, "the read of process %" PRId64 ", line %" PRIu32 ", ", op->process, op->line);
	switch (b->errors[i].error) {
	case TXN_BANK_TOTAL:
		buf_printf(out, "shows %" PRId64 " in all, but there is %" PRId64, b->errors[i].found, b->total);
		if (!b->total_given)
			buf_printf(out, " by the first read, line %" PRIu32, t->ops[b->first].line);
		break;
	case TXN_BANK_NEGATIVE: case TXN_BANK_NIL:
		buf_puts(out, "shows account ");
		tape_value_put(t, b->errors[i].account, 80, out);
		if (b->errors[i].error == TXN_BANK_NIL)
			buf_puts(out, " without a balance");
		else
			buf_printf(out, " at %" PRId64, b->errors[i].found);
		break;
	case TXN_BANK_ACCOUNTS: case TXN_BANK_ERRORS:
		buf_puts(out, "shows other accounts than the first read");
		break;
	}
	buf_puts(out, ": ");
	tape_value_put(t, op->result, BALANCES_SHOWN, out);
}

static void
put_reason(const struct txn_bank *b, const char *level, struct buf *out)
{
	if (b->reads == 0)
		buf_puts(out, "no read was answered");
	else if (b->wrong > 0)
		buf_printf(out, "%" PRIu32 " of %" PRIu32 " reads break the invariant", b->wrong, b->reads);
	else if (level != NULL)
		buf_printf(out, "all %" PRIu32 " reads keep the invariant, which does not prove %s", b->reads, level);
	else
		buf_printf(out, "all %" PRIu32 " reads show the same accounts and %" PRId64 " in all", b->reads, b->total);
}

void
txn_bank_text(const struct txn_bank *b, const char *level, struct buf *out)
{
	buf_printf(out, "%s: ", txn_bank_verdict(b, level));
	put_reason(b, level, out);
	buf_putc(out, '\n');
	for (uint32_t i = 0; i < b->error_count; i++) {
		buf_printf(out, "\n%s: ", error_name(b->errors[i].error));
		put_error(b, i, out);
		buf_putc(out, '\n');
	}
}

void
txn_bank_json(const struct txn_bank *b, const char *level, struct jsonw *w)
{
	const char *const *violated = txn_bank_violated(b);
	struct buf text;

	buf_init(&text, (size_t)1 << 20);
	put_reason(b, level, &text);
	jsonw_object(w);
	jsonw_str(w, "verdict", txn_bank_verdict(b, level));
	jsonw_str(w, "model", "bank");
	if (level != NULL)
		jsonw_str(w, "level", level);
	jsonw_str(w, "reason", buf_str(&text));
	jsonw_key(w, "strongest");
	jsonw_null(w);
	jsonw_key(w, "violated");
	jsonw_array(w);
	for (size_t i = 0; violated[i] != NULL; i++)
		jsonw_string(w, violated[i]);
	jsonw_end(w);
	jsonw_num(w, "reads", b->reads);
	jsonw_num(w, "reads_wrong", b->wrong);
	jsonw_num(w, "total", b->total);
	jsonw_key(w, "anomalies");
	jsonw_array(w);
	for (uint32_t i = 0; i < b->error_count; i++) {
		buf_clear(&text);
		put_error(b, i, &text);
		jsonw_object(w);
		jsonw_str(w, "type", error_name(b->errors[i].error));
		jsonw_str(w, "say", buf_str(&text));
		jsonw_num(w, "process", b->tape->ops[b->errors[i].op].process);
		jsonw_num(w, "line", b->tape->ops[b->errors[i].op].line);
		jsonw_end(w);
	}
	jsonw_end(w);
	jsonw_end(w);
	buf_fini(&text);
}
