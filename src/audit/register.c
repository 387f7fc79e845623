/* SPDX-License-Identifier: MIT */
/* register.c - see register.h. */
#include "audit/register.h"

#include "audit/linear_both.h"
#include "audit/say.h"
#include "audit/shrink.h"
#include "audit/zones.h"
#include "base/assert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CONFIGS_MAX_DEFAULT UINT64_C(1000000000)
#define MINIMISE_DEFAULT UINT64_C(50000000)
#define MEMORY_DEFAULT ((size_t)512 << 20)
#define OUTCOME_BYTES_MAX ((size_t)256 << 20)
#define SAY_MAX 16384
#define SEARCH_OPS_MAX 50000u

/* The operations of one key, a run of the list of all operations sorted by key. */
struct keyrange {
	uint32_t key, from, count;
};

struct audit {
	const struct history *h;
	struct register_options opt;
	uint32_t *list;
	struct keyrange *ranges;
	uint64_t configs_left, minimise_left;
	uint32_t unknown_key;           /* the first key without a verdict; KEYHIST_NONE */
	struct buf unknown;             /* and why */
	struct verdict_outcome *out;
};

static int
compare_ranges(const void *a, const void *b)
{
	const struct keyrange *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? -1 : 1;
	return (x->key > y->key) - (x->key < y->key);
}

/* Sort the operations by key, keeping their order. Short keys are checked first, so that hard ones get all that is left. */
static int
group(struct audit *a)
{
	uint32_t keys = history_key_count(a->h);

	a->list = malloc(((size_t)a->h->count + 1) * sizeof(a->list[0]));
	a->ranges = calloc((size_t)keys + 1, sizeof(a->ranges[0]));
	if (a->list == NULL || a->ranges == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < a->h->count; i++)
		a->ranges[a->h->ops[i].key].count++;
	for (uint32_t k = 0, at = 0; k < keys; k++) {
		a->ranges[k].key = k;
		a->ranges[k].from = at;
		at += a->ranges[k].count;
		a->ranges[k].count = 0;
	}
	for (uint32_t i = 0; i < a->h->count; i++) {
		struct keyrange *r = &a->ranges[a->h->ops[i].key];

		a->list[r->from + r->count++] = i;
	}
	qsort(a->ranges, keys, sizeof(a->ranges[0]), compare_ranges);
	return 0;
}

/* What linear_check() could not say, in words. */
static void
note_unknown(struct audit *a, const struct keyrange *r, const struct keyhist *k, const struct linear_result *l)
{
	a->out->keys_unknown++;
	if (a->unknown_key != KEYHIST_NONE)
		return;
	a->unknown_key = r->key;
	buf_printf(&a->unknown, "key %s: ", history_key(a->h, r->key));
	if (k == NULL) {
		buf_puts(&a->unknown, "no memory to look at its operations");
		return;
	}
	buf_printf(&a->unknown, "the %s was spent at operation %" PRIu32 " of %" PRIu32 ", when %" PRIu32 " operations were open at once",
		   l->answer == LINEAR_SPENT ? "budget of configurations" : "memory for configurations", l->culprit + 1, k->op_count, l->pending);
}

/* Copy the operations of a contradiction into the outcome. */
static int
take_ops(struct audit *a, const struct shrink_result *core, struct verdict_evidence *e)
{
	struct history_op *ops = arena_alloc(&a->out->mem, (core->count + 1) * sizeof(ops[0]));

	if (ops == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < core->count; i++) {
		ops[i] = a->h->ops[core->list[i] & ~KEYHIST_WEAK];
		if (ops[i].index == core->culprit)
			e->culprit = i;
	}
	e->ops = ops;
	e->op_count = core->count;
	e->minimal = core->minimal;
	return 0;
}

/* The end of the longest legal order, and the value it leaves. */
static void
take_prefix(struct audit *a, const struct linear_result *l, struct verdict_evidence *e)
{
	uint32_t n = l->order == NULL ? 0 : FL_MIN(l->order_count, (uint32_t)VERDICT_PREFIX_MAX);
	uint32_t *prefix = arena_alloc(&a->out->mem, (n + 1) * sizeof(prefix[0]));

	if (prefix == NULL || l->order == NULL)
		return;
	memcpy(prefix, l->order + (l->order_count - n), n * sizeof(prefix[0]));
	e->prefix = prefix;
	e->prefix_count = n;
	e->prefix_total = l->order_count;
	for (uint32_t i = l->order_count; i-- > 0;) {
		const struct history_op *op = &a->h->ops[l->order[i]];

		if (op->f == HISTORY_READ || op->outcome == HISTORY_FAIL)
			continue;
		e->state = op->value;
		break;
	}
}

static int
say(struct audit *a, const struct keyrange *r, struct verdict_evidence *e)
{
	struct say_subject subject = { .h = a->h, .ops = e->ops, .count = e->op_count, .culprit = e->culprit,
		.key_ops = a->list + r->from, .key_op_count = r->count };
	struct buf text;

	buf_init(&text, SAY_MAX);
	(void)say_contradiction(&subject, &text);
	e->say = arena_strdup(&a->out->mem, buf_str(&text));
	buf_fini(&text);
	return e->say == NULL ? -ENOMEM : 0;
}

/* No part was found within the budget: all there is to say is which operation has no place. */
static int
culprit_only(struct audit *a, const struct keyhist *k, uint32_t culprit, struct verdict_evidence *e)
{
	struct history_op *op = arena_alloc(&a->out->mem, sizeof(*op));

	if (op == NULL)
		return -ENOMEM;
	*op = a->h->ops[k->ops[culprit].id];
	e->ops = op;
	e->op_count = 1;
	e->say = arena_printf(&a->out->mem, "no order explains what client %" PRId64 " got from its %s of %s at %.3f s; which operations it "
			      "contradicts was not found within the budget", op->process, history_f_name(op->f), e->key,
			      (double)op->complete_ns / (double)FL_SEC);
	return e->say == NULL ? -ENOMEM : 0;
}

/* Build the evidence against a key. l: how the search ended, with its order when it has one. */
static int
add_evidence(struct audit *a, const struct keyrange *r, const struct keyhist *k, const uint32_t *hint, uint32_t hint_count,
	     const struct linear_result *l)
{
	struct linear_budget budget = { a->minimise_left, a->opt.memory_bytes_max };
	struct verdict_evidence e = { .key = history_key(a->h, r->key) };
	struct shrink_result core = { 0 };
	int rc = shrink_run(a->h, k, hint, hint_count, &budget, &core);

	a->out->configs += a->minimise_left - budget.configs;
	a->minimise_left = budget.configs;
	take_prefix(a, l, &e);
	if (rc == -EAGAIN) {
		rc = culprit_only(a, k, hint[0], &e);
	} else if (rc == 0) {
		rc = take_ops(a, &core, &e);
		if (rc == 0)
			rc = say(a, r, &e);
	}
	free(core.list);
	if (rc == 0)
		a->out->evidence[a->out->evidence_count++] = e;
	return rc;
}

/* Where to look for the contradiction: first where the search found nothing left, else what returned last at the heart of it. */
static uint32_t
gather_hints(const struct keyhist *k, const struct zones_result *z, const struct linear_result *l, uint32_t hint[ZONES_WITNESS_MAX + 1])
{
	uint32_t n = 0;

	if (l->answer == LINEAR_ILLEGAL)
		hint[n++] = l->culprit;
	for (uint32_t i = 0; i < z->witness_count; i++) {
		uint32_t number = z->witness[i], ret = k->ops[number].ret;

		hint[n++] = number;
		if (l->answer != LINEAR_ILLEGAL && ret != KEYHIST_NEVER &&
		    (k->ops[hint[0]].ret == KEYHIST_NEVER || ret > k->ops[hint[0]].ret)) {
			hint[n - 1] = hint[0];
			hint[0] = number;
		}
	}
	return n;
}

/* The key is illegal (found: by the search, or else by zones): search once more for the order that gets farthest. */
static int
convict(struct audit *a, const struct keyrange *r, const struct keyhist *k, const struct zones_result *z, const struct linear_result *found)
{
	struct linear_budget budget = { a->minimise_left, a->opt.memory_bytes_max };
	struct linear_result l = { .answer = LINEAR_SPENT };
	uint32_t hint[ZONES_WITNESS_MAX + 1];
	/* Of a long history the longest order would cost more than the verdict. */
	bool search = z->answer != ZONES_ILLEGAL || k->op_count <= SEARCH_OPS_MAX;

	a->out->keys_invalid++;
	if (a->out->evidence_count == VERDICT_EVIDENCE_MAX)
		return 0;
	if (search)
		linear_check(k, &budget, true, &l);
	a->out->configs += a->minimise_left - budget.configs;
	a->minimise_left = budget.configs;
	fl_assert(l.answer != LINEAR_LEGAL);
	uint32_t n = gather_hints(k, z, l.answer == LINEAR_ILLEGAL ? &l : found, hint);
	int rc = add_evidence(a, r, k, hint, n, &l);
	linear_fini(&l);
	return rc;
}

static int
check_key(struct audit *a, const struct keyrange *r, uint32_t keys_left)
{
	struct keyhist k = { 0 };
	struct zones_result z = { .answer = ZONES_UNSURE };
	struct linear_result l = { .answer = LINEAR_NO_MEMORY };
	int rc = 0;

	if (keyhist_build(a->h, a->list + r->from, r->count, &k) != 0) {
		note_unknown(a, r, NULL, NULL);
		return 0;
	}
	(void)zones_check(&k, &z);
	if (z.answer == ZONES_UNSURE) {
		uint64_t share = FL_MAX(a->configs_left / keys_left, FL_MIN(a->configs_left, UINT64_C(1000000)));
		struct linear_budget budget = { share, a->opt.memory_bytes_max };

		linear_both_check(&k, &budget, &l);
		a->configs_left -= share - budget.configs;
		a->out->configs += share - budget.configs;
	}
	if (z.answer == ZONES_ILLEGAL || l.answer == LINEAR_ILLEGAL)
		rc = convict(a, r, &k, &z, &l);
	else if (z.answer == ZONES_UNSURE && l.answer != LINEAR_LEGAL)
		note_unknown(a, r, &k, &l);
	linear_fini(&l);
	keyhist_fini(&k);
	return rc;
}

static void
conclude(struct audit *a)
{
	struct verdict_outcome *o = a->out;
	uint32_t unknown_ops = 0;

	for (uint32_t i = 0; i < a->h->count; i++)
		unknown_ops += a->h->ops[i].outcome == HISTORY_INFO;
	if (o->keys_invalid > 0) {
		o->verdict = VERDICT_INVALID;
		o->reason = arena_printf(&o->mem, "%" PRIu32 " of %" PRIu32 " keys %s no linearizable register; %s", o->keys_invalid, o->keys,
					 o->keys_invalid == 1 ? "is" : "are", o->evidence_count > 0 ? o->evidence[0].say : "no memory for more");
	} else if (o->keys_unknown > 0) {
		o->verdict = VERDICT_UNKNOWN;
		o->unknown = arena_strdup(&o->mem, buf_str(&a->unknown));
		o->reason = arena_printf(&o->mem, "%" PRIu32 " of %" PRIu32 " keys could not be judged; %s", o->keys_unknown, o->keys,
					 buf_str(&a->unknown));
	} else {
		o->verdict = VERDICT_VALID;
		o->reason = o->ops == 0 ? "the history has no operations" :
			arena_printf(&o->mem, "%s %" PRIu32 " %s linearizable: %" PRIu32 " operations, %" PRIu32 " of them with unknown outcome",
				     o->keys == 1 ? "the" : "all", o->keys, o->keys == 1 ? "key is" : "keys are", o->ops, unknown_ops);
	}
	if (o->reason == NULL)
		o->reason = "no memory for the reason";
}

static int
compare_evidence(const void *a, const void *b)
{
	const struct verdict_evidence *x = a, *y = b;
	uint32_t p = x->ops[x->culprit].complete_pos, q = y->ops[y->culprit].complete_pos;

	return (p > q) - (p < q);
}

int
register_check(const struct history *h, const struct register_options *opt, struct verdict_outcome *ret)
{
	struct verdict_outcome out = { .model = "register", .history = h, .ops = h->count, .keys = history_key_count(h) };
	struct audit a = { .h = h, .opt = opt != NULL ? *opt : (struct register_options){ 0 }, .unknown_key = KEYHIST_NONE, .out = &out };

	arena_init(&out.mem, OUTCOME_BYTES_MAX);
	buf_init(&a.unknown, SAY_MAX);
	a.configs_left = a.opt.configs_max != 0 ? a.opt.configs_max : CONFIGS_MAX_DEFAULT;
	a.minimise_left = a.opt.minimise_configs_max != 0 ? a.opt.minimise_configs_max : MINIMISE_DEFAULT;
	a.opt.memory_bytes_max = a.opt.memory_bytes_max != 0 ? a.opt.memory_bytes_max : MEMORY_DEFAULT;
	for (uint32_t i = 0; i < h->count; i++)
		if (h->ops[i].f == HISTORY_CAS)
			out.model = "cas-register";
	int rc = group(&a);
	for (uint32_t k = 0; rc == 0 && k < out.keys; k++)
		rc = check_key(&a, &a.ranges[k], out.keys - k);
	if (rc == 0) {
		qsort(out.evidence, out.evidence_count, sizeof(out.evidence[0]), compare_evidence);
		conclude(&a);
		*ret = out;
	} else {
		verdict_fini(&out);
	}
	buf_fini(&a.unknown);
	free(a.list);
	free(a.ranges);
	return rc;
}
