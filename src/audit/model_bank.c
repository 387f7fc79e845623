/* SPDX-License-Identifier: MIT */
/* model_bank.c - see model_bank.h. */
#include "audit/model_bank.h"

#include <errno.h>

enum { BANK_READ, BANK_TRANSFER };
enum { BANK_FINE, BANK_DEBT, BANK_MISSING };

static const struct model_word words[] = {
	{ "read", BANK_READ }, { "transfer", BANK_TRANSFER }, { "deposit", BANK_TRANSFER }, { NULL, 0 },
};

/* The sum of the balances, each a number of at most 62 bits, fits. */
static int
add(struct model_input *in, struct tape_value balance, struct calls_one *one)
{
	if (balance.type == TAPE_NIL) {
		one->b = BANK_MISSING;
		return 0;
	}
	if (balance.type != TAPE_INT || __builtin_add_overflow(one->a, balance.i, &one->a))
		return model_refuse(in, "a balance is a whole number");
	if (balance.i < 0 && one->b == BANK_FINE)
		one->b = BANK_DEBT;
	return 0;
}

/* a: the total a read found; b: what else is wrong with it. */
static int
translate(struct model_input *in, const struct model_deed *d)
{
	struct calls_one one = model_call(d);
	int rc = 0;

	if (d->kind == BANK_TRANSFER || d->outcome != TAPE_OK)
		return 0;
	if (!d->has_result || (d->result.type != TAPE_MAP && !tape_is_list(d->result)))
		return model_refuse(in, "a completed read of a bank needs its accounts: {account: balance}, or a list of balances");
	for (uint32_t i = 0; rc == 0 && i < d->result.count; i++)
		rc = add(in, d->result.type == TAPE_MAP ? tape_pair(in->tape, d->result, i)[1] : tape_item(in->tape, d->result, i), &one);
	one.looks = true;
	one.group = CALLS_ALONE(d->id);
	return rc != 0 ? rc : calls_add(in->calls, &one);
}

/* How many reads found the same total as read i. */
static uint32_t
agree(const struct calls *calls, int64_t total)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < calls->count; i++)
		n += calls->at[i].a == total;
	return n;
}

static int
check(const struct calls *calls, struct model_finding *ret)
{
	*ret = (struct model_finding){ .answer = MODEL_LEGAL, .enough = true };
	for (uint32_t i = 0; i < calls->count; i++) {
		const struct calls_one *c = &calls->at[i];

		if (c->b == BANK_FINE && c->a == calls->at[0].a)
			continue;
		ret->answer = MODEL_ILLEGAL;
		ret->witness[ret->witness_count++] = i;
		ret->say = c->b == BANK_DEBT ? "a balance is below zero" : "a balance is missing";
		if (c->b != BANK_FINE)
			break;
		/* The one that fewer agree with is where it shows. */
		bool first = agree(calls, calls->at[0].a) < agree(calls, c->a);

		ret->witness[0] = first ? i : 0;
		ret->witness[ret->witness_count++] = first ? 0 : i;
		ret->say = "two reads found different totals";
		break;
	}
	return 0;
}

const struct model model_bank_accounts = {
	.name = "bank", .is = "bank that keeps its money", .help = "accounts: transfer, read ({account: balance}); every read has the same total",
	.words = words, .split = MODEL_WHOLE, .translate = translate, .monitor = check,
};
