/* SPDX-License-Identifier: MIT */
/* linear_both.c - see linear_both.h. */
#include "audit/linear_both.h"

#include "audit/depth.h"

#include <errno.h>

#define FIRST_SHARE UINT64_C(2000000)
#define SHARE_GROWTH 16

/* The state is the number of the value. A call's kind is the operation's; a: what it saw, b: what it set. */
static int
step(const void *self, const struct calls *all, const struct calls_one *c, const int64_t *state, uint32_t n, struct frontier_row *out)
{
	(void)self;
	(void)all;
	(void)n;
	if (c->kind == KEYHIST_READ)
		return state[0] == c->a;
	if (c->kind == KEYHIST_REFUSED)
		return state[0] != c->a;
	if (c->kind == KEYHIST_CAS && state[0] != c->a)
		return 0;
	if (!frontier_room(out, 1))
		return -ENOMEM;
	out->at[0] = c->b;
	out->count = 1;
	return 1;
}

static int
make_calls(const struct keyhist *k, struct calls *ret)
{
	for (uint32_t i = 0; i < k->op_count; i++) {
		const struct keyhist_op *o = &k->ops[i];
		bool writes = keyhist_writes(o);
		struct calls_one one = { .id = i, .inv = o->inv, .ret = keyhist_required(o) ? o->ret : CALLS_NEVER, .kind = (uint16_t)o->kind,
			.looks = !writes, .group = CALLS_NONE, .a = o->kind == KEYHIST_WRITE ? 0 : o->expect, .b = writes ? o->value : 0 };

		if (calls_add(ret, &one) != 0)
			return -ENOMEM;
	}
	return 0;
}

static void
by_depth(const struct calls *calls, struct linear_budget *budget, struct linear_result *ret)
{
	static const int64_t nil[] = { 0 };
	static const enum linear_answer answers[] = { [FRONTIER_LEGAL] = LINEAR_LEGAL, [FRONTIER_ILLEGAL] = LINEAR_ILLEGAL,
		[FRONTIER_SPENT] = LINEAR_SPENT, [FRONTIER_NO_MEMORY] = LINEAR_NO_MEMORY };
	struct frontier_ask ask = { .calls = calls, .step = step, .start = nil, .start_count = 1 };
	struct frontier_budget part = { budget->configs, budget->bytes_max };
	struct frontier_result found;

	depth_check(&ask, &part, &found);
	budget->configs = part.configs;
	*ret = (struct linear_result){ .answer = answers[found.answer], .culprit = found.culprit };
	frontier_fini(&found);
}

void
linear_both_check(const struct keyhist *k, struct linear_budget *budget, struct linear_result *ret)
{
	struct linear_result breadth = { .answer = LINEAR_SPENT };
	struct calls calls = { 0 };
	uint64_t share = FIRST_SHARE;

	*ret = breadth;
	for (unsigned turn = 0; budget->configs > 0; turn++, share *= turn % 2 == 0 ? SHARE_GROWTH : 1) {
		uint64_t given = FL_MIN(share, budget->configs);
		struct linear_budget part = { given, budget->bytes_max };

		linear_fini(ret);
		if (turn == 1 && make_calls(k, &calls) != 0)
			break;
		if (turn % 2 == 0)
			linear_check(k, &part, false, ret);
		else
			by_depth(&calls, &part, ret);
		budget->configs -= given - part.configs;
		if (turn % 2 == 0)
			breadth = (struct linear_result){ .answer = ret->answer, .culprit = ret->culprit, .pending = ret->pending };
		if (ret->answer == LINEAR_LEGAL || ret->answer == LINEAR_ILLEGAL)
			break;
		/* Out of memory with little spent will be so again. */
		if (turn >= 3 && ret->answer == LINEAR_NO_MEMORY)
			break;
	}
	/* Where breadth was tells more than where depth was. */
	if (ret->answer != LINEAR_LEGAL && ret->answer != LINEAR_ILLEGAL)
		*ret = breadth;
	calls_fini(&calls);
}
