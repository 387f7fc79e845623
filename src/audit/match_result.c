/* SPDX-License-Identifier: MIT */
/* match_result.c - keeping examples, and the verdict. */
#include "audit/match_result.h"

#include "base/assert.h"
#include <string.h>

static const char *const names[] = {
#define X(id, name, say) name,
	MATCH_DEFECTS(X)
#undef X
};
static const char *const sentences[] = {
#define X(id, name, say) say,
	MATCH_DEFECTS(X)
#undef X
};

void
match_result_init(struct match_result *r)
{
	memset(r, 0, sizeof(*r));
	hist_init(&r->latency);
}

void
match_result_add(struct match_result *r, enum match_defect defect, const struct match_example *example)
{
	struct match_example *list = r->examples[defect];
	uint32_t n = r->example_counts[defect], at;

	r->defects[defect]++;
	if (n == MATCH_EXAMPLES_MAX && example->rank >= list[n - 1].rank)
		return;
	if (n < MATCH_EXAMPLES_MAX)
		n = ++r->example_counts[defect];
	for (at = n - 1; at > 0 && list[at - 1].rank > example->rank; at--)
		list[at] = list[at - 1];
	list[at] = *example;
}

const char *
match_result_name(enum match_defect defect)
{
	fl_assert(defect < MATCH_DEFECT_COUNT);
	return names[defect];
}

const char *
match_result_say(enum match_defect defect)
{
	fl_assert(defect < MATCH_DEFECT_COUNT);
	return sentences[defect];
}

bool
match_result_set(const char *text, uint32_t *ret_bits, char *ret_word)
{
	uint32_t bits = 0;

	for (;;) {
		size_t n = strcspn(text, ",");
		int found = -1;

		for (int i = 0; i < MATCH_DEFECT_COUNT; i++)
			if (strlen(names[i]) == n && memcmp(names[i], text, n) == 0)
				found = i;
		if (found < 0) {
			n = FL_MIN(n, (size_t)31);
			memcpy(ret_word, text, n);
			ret_word[n] = '\0';
			return false;
		}
		bits |= 1u << found;
		if (text[n] == '\0')
			break;
		text += n + 1;
	}
	*ret_bits = bits;
	return true;
}

uint32_t
match_result_breaks(enum match_delivery delivery, enum match_ordering order)
{
	static const uint32_t by_delivery[] = {
		[MATCH_AT_MOST_ONCE] = MATCH_BIT(DUPLICATE) | MATCH_BIT(REFUSED),
		[MATCH_AT_LEAST_ONCE] = MATCH_BIT(LOST),
		[MATCH_EXACTLY_ONCE] = MATCH_BIT(LOST) | MATCH_BIT(DUPLICATE) | MATCH_BIT(REFUSED),
		[MATCH_ANY_DELIVERY] = 0,
	};
	static const uint32_t by_order[] = {
		[MATCH_ORDER_NONE] = 0, [MATCH_ORDER_KEY] = MATCH_BIT(REORDERED), [MATCH_ORDER_TOTAL] = MATCH_BIT(REORDERED) | MATCH_BIT(OVERTAKEN),
	};
	return by_delivery[delivery] | by_order[order] | MATCH_BIT(CORRUPT) | MATCH_BIT(CHANGED) | MATCH_BIT(PHANTOM) | MATCH_BIT(LATE) |
	       MATCH_BIT(VALUE);
}

uint32_t
match_result_found(const struct match_result *r)
{
	uint32_t bits = 0;

	for (int i = 0; i < MATCH_DEFECT_COUNT; i++)
		if (r->defects[i] > 0)
			bits |= 1u << i;
	return bits;
}

/* A constant sentence on what stands in the way of saying that all is well; NULL: nothing. */
static const char *
doubt(const struct match_result *r, const struct match_expect *e, uint32_t counted)
{
	if (e->values && r->outputs == 0)
		return "there is not one result";
	if (r->promised == 0 && r->values_checked == 0)
		return "nothing was promised: not one message was acknowledged, so nothing has been put to the test";
	if (e->late_blind)
		return "there is a bound on latency, but the clocks of the two sides cannot be compared";
	if (e->sent_doubt && r->defects[MATCH_DEFECT_LOST] > 0 && (counted & MATCH_BIT(LOST)) != 0)
		return "the sender's log was cut off, and nothing was acknowledged: what is missing may never have been sent";
	if (e->received_cut && r->defects[MATCH_DEFECT_LOST] > 0 && (counted & MATCH_BIT(LOST)) != 0)
		return "the receiver's log was cut off: what is missing may have arrived after its last block";
	if (r->keys_overflowed && (counted & MATCH_BIT(REORDERED)) != 0)
		return "there are more keys than fit into the memory: the order per key is not known; give more --memory, or --order none";
	if (r->values_open > 0)
		return "some results could not be judged: too many orders of messages in doubt would explain them";
	return NULL;
}

enum match_verdict
match_result_judge(const struct match_result *r, const struct match_expect *e, uint32_t *ret_findings, const char **ret_say)
{
	uint32_t counted = match_result_breaks(e->delivery, e->order) & ~e->allowed;
	uint32_t findings = match_result_found(r) & counted;
	const char *why = doubt(r, e, counted);
	bool fired;

	if (e->received_cut || e->sent_doubt)
		findings &= ~MATCH_BIT(LOST);
	fired = e->nomatch ? findings == 0 || (findings & e->these) != e->these : findings != 0;
	*ret_findings = findings;
	*ret_say = NULL;
	if (why != NULL && (e->nomatch ? fired : !fired)) {
		*ret_say = why;
		return MATCH_UNKNOWN;
	}
	return fired ? MATCH_FINDING : MATCH_HELD;
}
