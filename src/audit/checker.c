/* SPDX-License-Identifier: MIT */
/* checker.c - see checker.h. */
#include "audit/checker.h"

#include "audit/causal.h"
#include "audit/deeds.h"
#include "audit/model_register.h"
#include "audit/model_set.h"
#include "audit/object.h"
#include "audit/origin.h"
#include "audit/product.h"
#include "audit/ruling_ends.h"
#include "audit/tape_register.h"
#include "audit/tape_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CONFIGS_MAX_DEFAULT UINT64_C(1000000000)
#define MINIMISE_DEFAULT UINT64_C(50000000)
#define MEMORY_DEFAULT ((size_t)512 << 20)
#define STALE_MAX_DEFAULT 64
#define SAY_MAX 16384
#define PARTS_OPS_MIN 5000
#define FIRST_CONFIGS_MAX UINT64_C(20000000)
#define SHARE_MIN UINT64_C(1000000)     /* of the configurations, for one object */

struct check {
	const struct tape *tape;
	const struct model *model;
	struct checker_options opt;
	struct values values;
	struct deeds deeds;
	struct frontier_budget budget, minimise;
	struct ruling *r;
	uint32_t objects_left;          /* to share the budget between */
	struct buf unknown;             /* the first key without a verdict, and why */
};

static const char *const order_names[] = { [CHECKER_LINEARIZABLE] = "linearizable", [CHECKER_SEQUENTIAL] = "sequentially consistent",
	[CHECKER_STALE] = "of any staleness k that was tried", [CHECKER_CONVERGENT] = "causally convergent",
	[CHECKER_CAUSAL] = "causally consistent" };

static void
put_key(const struct check *c, const struct deeds_object *o, struct buf *out)
{
	if (o->has_key) {
		(void)buf_puts(out, "key ");
		tape_value_put_plain(c->tape, o->key, 80, out);
		(void)buf_puts(out, ": ");
	}
}

static void
note_unknown(struct check *c, const struct deeds_object *o, const struct calls *calls, const struct object_result *res)
{
	c->r->keys_unknown++;
	if (buf_len(&c->unknown) > 0)
		return;
	put_key(c, o, &c->unknown);
	if (res->answer == OBJECT_GUESSED)
		(void)buf_puts(&c->unknown, "no order was found, but operations of which nobody knows what they took may have taken any of several");
	else
		(void)buf_printf(&c->unknown,
				 "the %s was spent at operation %" PRIu32 " of %" PRIu32 ", when %" PRIu32 " operations were open at once",
				 res->answer == OBJECT_SPENT ? "budget of configurations" : "memory for configurations", res->at + 1, calls->count,
				 res->pending);
}

/* Is each object judged alone? */
static bool
by_object(const struct model *m, const struct checker_options *opt)
{
	return m->split == MODEL_BY_KEY && !opt->whole && (opt->order == CHECKER_LINEARIZABLE || opt->order == CHECKER_STALE);
}

/* "client 3 got dequeue -> 5, from 1.200 s to 1.300 s" */
static void
put_deed(const struct check *c, uint32_t op, struct buf *out)
{
	const struct tape_op *o = &c->tape->ops[op];

	(void)buf_printf(out, "client %" PRId64 " did ", o->process);
	ruling_put_op(c->tape, o, !by_object(c->model, &c->opt), out);
	if (o->complete_ns == FL_NEVER)
		(void)buf_printf(out, " from %.3f s on", (double)o->invoke_ns / (double)FL_SEC);
	else
		(void)buf_printf(out, " from %.3f s to %.3f s", (double)o->invoke_ns / (double)FL_SEC, (double)o->complete_ns / (double)FL_SEC);
}

static const char *
sentence(struct check *c, const struct calls *calls, const struct object_result *res)
{
	struct buf say;

	buf_init(&say, SAY_MAX);
	if (res->say != NULL) {
		(void)buf_printf(&say, "%s: ", res->say);
		for (uint32_t i = 0; i < res->call_count && i < 4; i++) {
			(void)buf_puts(&say, i == 0 ? "" : i + 1 == res->call_count ? ", and " : ", ");
			put_deed(c, calls->at[res->calls[i]].id, &say);
		}
	} else {
		(void)buf_puts(&say, c->opt.order == CHECKER_SEQUENTIAL ? "no order that each client agrees with explains that " :
			       "no order explains that ");
		put_deed(c, calls->at[res->calls[res->culprit]].id, &say);
		if (res->call_count > 1)
			(void)buf_printf(&say, ", given the other %" PRIu32 " operation%s shown", res->call_count - 1,
					 res->call_count == 2 ? "" : "s");
	}
	const char *text = arena_strdup(&c->r->mem, buf_str(&say));

	buf_fini(&say);
	return text;
}

static int
compare_u32(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Calls become operations, in order and each once. */
static int
take_ops(struct check *c, const struct calls *calls, const struct object_result *res, struct ruling_evidence *e)
{
	uint32_t *ops = arena_alloc(&c->r->mem, ((size_t)res->call_count + 1) * sizeof(ops[0]));
	uint32_t culprit = calls->at[res->calls[res->culprit]].id;

	if (ops == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < res->call_count; i++)
		ops[i] = calls->at[res->calls[i]].id;
	qsort(ops, res->call_count, sizeof(ops[0]), compare_u32);
	for (uint32_t i = 0; i < res->call_count; i++)
		if (e->op_count == 0 || ops[e->op_count - 1] != ops[i])
			ops[e->op_count++] = ops[i];
	while (ops[e->culprit] != culprit)
		e->culprit++;
	e->ops = ops;
	e->minimal = res->minimal;
	return 0;
}

static int
add_evidence(struct check *c, const struct deeds_object *o, const struct calls *calls, const struct object_result *res)
{
	struct ruling_evidence e = { .op_count = 0 };
	uint32_t n = FL_MIN(res->order_count, (uint32_t)VERDICT_PREFIX_MAX);
	uint32_t *prefix = arena_alloc(&c->r->mem, ((size_t)n + 1) * sizeof(prefix[0]));
	struct buf key;

	if (c->r->evidence_count == VERDICT_EVIDENCE_MAX)
		return 0;
	if (prefix == NULL || take_ops(c, calls, res, &e) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		prefix[i] = calls->at[res->order[res->order_count - n + i]].id;
	e.prefix = prefix;
	e.prefix_count = n;
	e.prefix_total = res->order_count;
	e.say = sentence(c, calls, res);
	if (o->has_key) {
		buf_init(&key, 4096);
		tape_value_put_plain(c->tape, o->key, 200, &key);
		e.key = arena_strdup(&c->r->mem, buf_str(&key));
		buf_fini(&key);
	}
	if (e.say == NULL || (o->has_key && e.key == NULL))
		return -ENOMEM;
	c->r->evidence[c->r->evidence_count++] = e;
	return 0;
}

/* Judge calls that are one object. ret: what became of it. */
static int
judge_asked(struct check *c, const struct deeds_object *o, const struct object_ask *ask, const struct calls *calls, enum object_answer *ret)
{
	uint64_t share = FL_MIN(c->budget.configs, FL_MAX(c->budget.configs / FL_MAX(c->objects_left, 1u), SHARE_MIN));
	struct frontier_budget part = { share, c->budget.bytes_max };
	struct object_result res;
	int rc = 0;

	object_check(ask, calls, &part, &c->minimise, &res);
	c->budget.configs -= share - part.configs;
	c->r->configs += share - part.configs;
	*ret = res.answer;
	if (res.answer == OBJECT_ILLEGAL)
		rc = add_evidence(c, o, calls, &res);
	else if (res.answer != OBJECT_LEGAL)
		note_unknown(c, o, calls, &res);
	object_fini(&res);
	return rc;
}

static const void *
self_of(const struct check *c)
{
	return c->model->self != NULL ? c->model->self : &c->values;
}

static int
judge(struct check *c, const struct deeds_object *o, const struct calls *calls, enum object_answer *ret)
{
	struct object_ask ask = { .model = c->model, .self = self_of(c), .depth_first = c->opt.depth_first };

	return judge_asked(c, o, &ask, calls, ret);
}

struct by_element {
	int64_t a;
	uint32_t call;
};

static int
compare_elements(const void *pa, const void *pb)
{
	const struct by_element *a = pa, *b = pb;

	if (a->a != b->a)
		return a->a < b->a ? -1 : 1;
	return (a->call > b->call) - (a->call < b->call);
}

/* Each element is an object of its own. */
static int
judge_elements(struct check *c, const struct deeds_object *o, const struct calls *calls, enum object_answer *ret)
{
	struct by_element *list = malloc(((size_t)calls->count + 1) * sizeof(list[0]));
	struct calls one = { .lists = calls->lists };
	enum object_answer answer = OBJECT_LEGAL;
	int rc = list == NULL ? -ENOMEM : 0;

	*ret = OBJECT_LEGAL;
	for (uint32_t i = 0; rc == 0 && i < calls->count; i++)
		list[i] = (struct by_element){ calls->at[i].a, i };
	if (rc == 0)
		qsort(list, calls->count, sizeof(list[0]), compare_elements);
	for (uint32_t i = 0; rc == 0 && i < calls->count && *ret != OBJECT_ILLEGAL;) {
		uint32_t to = i;

		one.count = 0;
		while (rc == 0 && to < calls->count && list[to].a == list[i].a)
			rc = calls_add(&one, &calls->at[list[to++].call]);
		if (rc == 0)
			rc = judge(c, o, &one, &answer);
		if (answer != OBJECT_LEGAL)
			*ret = answer;
		i = to;
	}
	free(list);
	free(one.at);
	return rc;
}

/* Do all calls see but one element? Else only calls that look may be left out of it. */
static bool
by_elements(const struct model *m, struct calls *calls)
{
	bool whole = false;

	if (!m->elements)
		return false;
	for (uint32_t i = 0; i < calls->count; i++)
		whole |= calls->at[i].kind == MODEL_SET_READ;
	for (uint32_t i = 0; whole && i < calls->count; i++)
		calls->at[i].group = calls->at[i].looks ? CALLS_ALONE(calls->at[i].id) : CALLS_NONE;
	return !whole;
}

static int
translate(struct check *c, const struct deeds_object *o, struct calls *calls)
{
	struct model_input in = { .self = c->model->self, .tape = c->tape, .values = &c->values, .calls = calls };

	for (uint32_t i = 0; i < o->count; i++) {
		struct model_deed d;
		int rc = deeds_get(&c->deeds, c->deeds.list[o->from + i], &d);

		if (rc != 0)
			return rc;
		c->r->ops++;
		c->r->unknown_ops += d.outcome == TAPE_INFO;
		bool tells = c->model->failures ||
			(c->model->registers && d.kind == MODEL_REGISTER_CAS && model_register_mismatch(c->tape, d.op));

		if (d.outcome == TAPE_FAIL && !tells)
			continue;
		rc = c->model->translate(&in, &d);
		if (rc != 0) {
			c->deeds.line = d.op->line;
			memcpy(c->deeds.error, in.error, sizeof(in.error));
			return rc;
		}
	}
	return 0;
}

static int
judge_object(struct check *c, const struct deeds_object *o)
{
	struct calls calls = { 0 };
	enum object_answer answer = OBJECT_LEGAL;
	int rc = translate(c, o, &calls);

	if (rc == 0 && by_elements(c->model, &calls))
		rc = judge_elements(c, o, &calls, &answer);
	else if (rc == 0)
		rc = judge(c, o, &calls, &answer);
	c->r->keys_invalid += answer == OBJECT_ILLEGAL;
	calls_fini(&calls);
	return rc;
}

static int
compare_calls(const void *pa, const void *pb)
{
	const struct calls_one *a = pa, *b = pb;

	if (a->inv != b->inv)
		return a->inv < b->inv ? -1 : 1;
	return (a->object > b->object) - (a->object < b->object);
}

static const struct deeds_object no_key = { .has_key = false };

/* The calls of all objects, in order of invocation. */
static int
all_calls(struct check *c, struct calls *calls)
{
	int rc = 0;

	c->r->ops = c->r->unknown_ops = 0;

	for (uint32_t k = 0; rc == 0 && k < c->deeds.object_count; k++) {
		uint32_t before = calls->count;

		rc = translate(c, &c->deeds.objects[k], calls);
		for (uint32_t i = before; i < calls->count; i++) {
			calls->at[i].object = k;
			/* Groups are of one object; across them only what looks may be left out. */
			calls->at[i].group = calls->at[i].looks ? CALLS_ALONE(calls->at[i].id) : CALLS_NONE;
		}
	}
	if (rc == 0 && calls->count > 0)
		qsort(calls->at, calls->count, sizeof(calls->at[0]), compare_calls);
	return rc;
}

/* What causal_check() says of all calls. */
static int
judge_by_clocks(struct check *c, const struct calls *calls, enum causal_kind kind, enum causal_answer *ret)
{
	struct frontier_budget budget = c->budget;
	struct object_result shown = { .answer = OBJECT_ILLEGAL };
	struct causal_result res;
	int rc = causal_check(calls, kind, &budget, &res);

	if (rc != 0)
		return rc;
	c->r->configs += c->budget.configs - FL_MIN(c->budget.configs, budget.configs);
	if (res.answer == CAUSAL_ILLEGAL) {
		shown.say = res.say;
		shown.calls = res.calls;
		shown.call_count = res.call_count;
		shown.culprit = res.culprit;
		shown.minimal = res.minimal;
		c->r->keys_invalid = 1;
		rc = add_evidence(c, &no_key, calls, &shown);
	} else if (res.answer != CAUSAL_LEGAL) {
		(void)buf_puts(&c->unknown, res.answer == CAUSAL_SPENT ? "the budget was spent" : res.say);
	}
	object_fini(&shown);
	*ret = res.answer;
	return rc;
}

/* Causality is not local. */
static int
judge_causal(struct check *c)
{
	enum causal_answer answer = CAUSAL_LEGAL;
	struct calls calls = { 0 };
	int rc = all_calls(c, &calls);

	if (rc == 0)
		rc = judge_by_clocks(c, &calls, c->opt.order == CHECKER_CAUSAL ? CAUSAL_MEMORY : CAUSAL_CONVERGENCE, &answer);
	c->r->keys_unknown = answer == CAUSAL_UNSURE || answer == CAUSAL_SPENT;
	calls_fini(&calls);
	return rc;
}

/* What is not causally convergent is not sequential, and that is soon found. */
static bool
refuted(struct check *c, const struct calls *calls)
{
	enum causal_answer answer = CAUSAL_LEGAL;

	if (c->opt.order != CHECKER_SEQUENTIAL || !c->model->registers || c->opt.depth_first)
		return false;
	bool illegal = judge_by_clocks(c, calls, CAUSAL_CONVERGENCE, &answer) == 0 && answer == CAUSAL_ILLEGAL;

	if (!illegal)
		buf_clear(&c->unknown);
	return illegal;
}

/* Sequential consistency is not local: all objects are judged as one. */
static int
judge_together(struct check *c)
{
	enum object_answer answer = OBJECT_LEGAL;
	struct calls calls = { 0 };
	struct model model = *c->model;
	struct product product;
	int rc = product_init(&product, c->model, self_of(c), c->deeds.object_count);

	if (rc == 0)
		rc = all_calls(c, &calls);
	model.start = product.start;
	model.start_count = product.start_count;
	if (rc == 0 && !refuted(c, &calls)) {
		struct object_ask ask = { .model = &model, .step = product_step, .self = &product,
			.sequential = c->opt.order == CHECKER_SEQUENTIAL };

		rc = judge_asked(c, &no_key, &ask, &calls, &answer);
	}
	c->r->keys_invalid += answer == OBJECT_ILLEGAL;
	calls_fini(&calls);
	product_fini(&product);
	return rc;
}

/* The smallest k for which every read returned one of the last k values. */
static int
judge_stale(struct check *c, const struct deeds_object *o)
{
	static const int64_t nil[] = { 0 };
	struct model model = *c->model;
	struct calls calls = { 0 };
	uint32_t k = FL_MAX(c->r->bound, 1u);
	int rc = translate(c, o, &calls);

	model.start = nil;
	model.start_count = 1;
	/* What was written and all that read it may be left out together. */
	for (uint32_t i = 0; i < calls.count; i++)
		calls.at[i].group = (uint32_t)calls.at[i].a;
	for (uint32_t i = 0; rc == 0 && i < calls.count; i++)
		if (calls.at[i].kind != MODEL_REGISTER_READ && calls.at[i].kind != MODEL_REGISTER_WRITE) {
			c->deeds.line = c->tape->ops[calls.at[i].id].line;
			memcpy(c->deeds.error, "staleness is of reads and writes only", sizeof("staleness is of reads and writes only"));
			rc = -EINVAL;
		}
	for (; rc == 0; k++) {
		struct object_ask ask = { .model = &model, .step = model_register_stale_step, .self = &k };
		struct object_result res;
		uint64_t before = c->budget.configs;
		bool last = k >= c->opt.stale_max;

		object_check(&ask, &calls, &c->budget, &c->minimise, &res);
		c->r->configs += before - c->budget.configs;
		if (res.answer == OBJECT_ILLEGAL && last) {
			rc = add_evidence(c, o, &calls, &res);
			c->r->keys_invalid++;
		} else if (res.answer != OBJECT_LEGAL && res.answer != OBJECT_ILLEGAL) {
			note_unknown(c, o, &calls, &res);
		}
		enum object_answer answer = res.answer;

		object_fini(&res);
		if (answer != OBJECT_ILLEGAL || last)
			break;
	}
	c->r->bound = k;
	calls_fini(&calls);
	return rc;
}

/* The verdict and its reason, from what was counted. */
static void
conclude(struct ruling *r, const struct model *m, enum checker_order order)
{
	const char *kind = order_names[order], *say = r->evidence_count > 0 ? r->evidence[0].say : "no memory for more";
	const char *unknown = r->unknown != NULL ? r->unknown : "no memory for more";
	bool together = order != CHECKER_LINEARIZABLE && order != CHECKER_STALE;

	r->verdict = r->keys_invalid > 0 ? VERDICT_INVALID : r->keys_unknown > 0 ? VERDICT_UNKNOWN : VERDICT_VALID;
	if (r->verdict != VERDICT_VALID)
		r->bound = 0;
	if (r->keys_invalid > 0)
		r->reason = r->keys == 1 || together ? arena_printf(&r->mem, "it is %s; %s", r->is_not, say) :
			arena_printf(&r->mem, "%" PRIu32 " of %" PRIu32 " keys %s %s; %s", r->keys_invalid, r->keys,
				     r->keys_invalid == 1 ? "is" : "are", r->is_not, say);
	else if (r->keys_unknown > 0 && together)
		r->reason = arena_printf(&r->mem, "whether it is %s could not be judged; %s", kind, unknown);
	else if (r->keys_unknown > 0)
		r->reason = arena_printf(&r->mem, "%" PRIu32 " of %" PRIu32 " keys could not be judged; %s", r->keys_unknown, r->keys, unknown);
	else if (r->ops == 0)
		r->reason = "the history has no operations";
	else if (order == CHECKER_STALE)
		r->reason = arena_printf(&r->mem, "every read returned one of the last %" PRIu32 " values: %" PRIu32 " operations", r->bound, r->ops);
	else
		r->reason = arena_printf(&r->mem, "%s%s: %" PRIu32 " operations, %" PRIu32 " of them with unknown outcome",
					 m->step == NULL ? "it holds" : kind, r->zero ? ", beginning as 0" : "", r->ops, r->unknown_ops);
	if (r->reason == NULL)
		r->reason = "no memory for the reason";
}

/* Registers, and stores whose values are not appended to, have a checker of their own. */
static bool
plain_registers(const struct check *c)
{
	if (!c->model->registers || c->opt.order != CHECKER_LINEARIZABLE || c->opt.depth_first || c->opt.whole)
		return false;
	for (uint32_t i = 0; i < c->tape->count; i++) {
		const char *f = tape_chars(c->tape, c->tape->ops[i].f);

		if ((*f == 'a' || *f == 'A') && strlen(f) == 6)
			return false;
	}
	return true;
}

static struct checker_options
defaults(const struct checker_options *opt)
{
	struct checker_options o = opt == NULL ? (struct checker_options){ 0 } : *opt;

	o.configs_max = o.configs_max == 0 ? CONFIGS_MAX_DEFAULT : o.configs_max;
	o.minimise_configs_max = o.minimise_configs_max == 0 ? MINIMISE_DEFAULT : o.minimise_configs_max;
	o.memory_bytes_max = o.memory_bytes_max == 0 ? MEMORY_DEFAULT : o.memory_bytes_max;
	o.stale_max = o.stale_max == 0 ? STALE_MAX_DEFAULT : o.stale_max;
	return o;
}

static int
compare_objects(const void *pa, const void *pb)
{
	const struct deeds_object *a = pa, *b = pb;

	if (a->count != b->count)
		return a->count < b->count ? -1 : 1;
	return (a->from > b->from) - (a->from < b->from);
}

static int
check_objects(struct check *c)
{
	int rc = 0;

	c->r->keys = c->deeds.object_count;
	if (c->opt.order == CHECKER_SEQUENTIAL || c->opt.order == CHECKER_CAUSAL || c->opt.order == CHECKER_CONVERGENT || c->opt.whole) {
		rc = c->opt.order == CHECKER_CAUSAL || c->opt.order == CHECKER_CONVERGENT ? judge_causal(c) : judge_together(c);
		return rc;
	}
	c->objects_left = c->deeds.object_count;
	for (uint32_t k = 0; rc == 0 && k < c->deeds.object_count; k++, c->objects_left--)
		rc = c->opt.order == CHECKER_STALE ? judge_stale(c, &c->deeds.objects[k]) : judge_object(c, &c->deeds.objects[k]);
	return rc;
}

/* Short ones first, so that hard ones get all that is left. Of several parts each takes its share. */
static void
sort_objects(struct check *c)
{
	struct deeds *d = &c->deeds;
	uint32_t kept = 0;

	if (!by_object(c->model, &c->opt))
		return;
	if (d->object_count > 0)
		qsort(d->objects, d->object_count, sizeof(d->objects[0]), compare_objects);
	for (uint32_t k = 0; k < d->object_count; k++)
		if (c->opt.parts <= 1 || k % c->opt.parts == c->opt.part)
			d->objects[kept++] = d->objects[k];
	d->object_count = kept;
}

uint32_t
checker_parts(const struct tape *t, const struct model *m, const struct checker_options *opt, uint32_t parts_max)
{
	if (t->count < PARTS_OPS_MIN || !by_object(m, opt))
		return 1;
	/* There is more than one key, as far as that is soon seen. */
	for (uint32_t i = 1; i < t->count; i++)
		if (t->ops[i].has_key ? !tape_value_same(t, t->ops[i].key, t->ops[0].key) : tape_is_list(t->ops[i].call))
			return FL_MAX(parts_max, 1u);
	return 1;
}

static int
compare_evidence(const void *pa, const void *pb)
{
	const struct ruling_evidence *a = pa, *b = pb;

	return (a->ops[a->culprit] > b->ops[b->culprit]) - (a->ops[a->culprit] < b->ops[b->culprit]);
}

void
checker_merge(const struct ruling *parts, uint32_t n, const struct model *m, const struct checker_options *opt, struct ruling *ret)
{
	ruling_init(ret, parts[0].tape);
	ret->model = parts[0].model;
	ret->is = parts[0].is;
	ret->is_not = parts[0].is_not;
	for (uint32_t i = 0; i < n; i++) {
		const struct ruling *p = &parts[i];

		for (uint32_t k = 0; k < p->evidence_count && ret->evidence_count < VERDICT_EVIDENCE_MAX; k++)
			ret->evidence[ret->evidence_count++] = p->evidence[k];
		ret->keys += p->keys;
		ret->keys_invalid += p->keys_invalid;
		ret->keys_unknown += p->keys_unknown;
		ret->ops += p->ops;
		ret->unknown_ops += p->unknown_ops;
		ret->bound = FL_MAX(ret->bound, p->bound);
		ret->zero |= p->zero;
		ret->configs += p->configs;
		ret->unknown = ret->unknown == NULL ? p->unknown : ret->unknown;
	}
	qsort(ret->evidence, ret->evidence_count, sizeof(ret->evidence[0]), compare_evidence);
	conclude(ret, m, opt->order);
}

struct by_process {
	int64_t process;
	uint32_t op;
};

static int
compare_processes(const void *pa, const void *pb)
{
	const struct by_process *a = pa, *b = pb;

	if (a->process != b->process)
		return a->process < b->process ? -1 : 1;
	return (a->op > b->op) - (a->op < b->op);
}

/* Is an operation of unknown outcome the last of its process? Where it is not, it may take effect after what its process did next. */
static bool
unknown_are_last(const struct tape *t)
{
	struct by_process *list = malloc(((size_t)t->count + 1) * sizeof(list[0]));
	bool last = list != NULL;

	for (uint32_t i = 0; last && i < t->count; i++)
		list[i] = (struct by_process){ t->ops[i].process, i };
	if (last)
		qsort(list, t->count, sizeof(list[0]), compare_processes);
	for (uint32_t i = 0; last && i + 1 < t->count; i++)
		last = list[i].process != list[i + 1].process || t->ops[list[i].op].outcome != TAPE_INFO;
	free(list);
	return last;
}

/* What is linearizable is sequential, and causal: that is soon found, each key alone. true: it is. */
static bool
is_linearizable(struct check *c)
{
	struct checker_options opt = { .configs_max = FL_MIN(c->opt.configs_max / 4, FIRST_CONFIGS_MAX), .minimise_configs_max = 1,
		.begin = c->deeds.zero ? CHECKER_BEGIN_ZERO : CHECKER_BEGIN_NIL,
		.memory_bytes_max = c->opt.memory_bytes_max };
	struct ruling r;

	if (c->opt.order == CHECKER_LINEARIZABLE || c->opt.order == CHECKER_STALE || c->opt.depth_first || c->model->step == NULL ||
	    !unknown_are_last(c->tape))
		return false;
	int rc = checker_run(c->tape, c->model, &opt, &r);
	bool valid = rc == 0 && r.verdict == VERDICT_VALID;

	c->r->configs += r.configs;
	c->r->keys = r.keys;
	if (valid) {
		c->r->ops = r.ops;
		c->r->unknown_ops = r.unknown_ops;
	}
	ruling_fini(&r);
	return valid;
}

static int
begin(struct check *c)
{
	struct deeds *d = &c->deeds;
	int rc = 0;

	d->zero = c->opt.begin == CHECKER_BEGIN_ZERO && origin_is_of(c->model);
	if (c->opt.begin == CHECKER_BEGIN_FOUND)
		rc = origin_is_zero(d, &d->zero);
	c->values.zero = c->r->zero = d->zero;
	return rc;
}

int
checker_run(const struct tape *t, const struct model *m, const struct checker_options *opt, struct ruling *ret)
{
	struct check c = { .tape = t, .model = m, .opt = defaults(opt), .r = ret };
	int rc;

	ruling_init(ret, t);
	ret->model = m->name;
	ret->is = m->is;
	ret->is_not = arena_printf(&ret->mem, c.opt.order == CHECKER_LINEARIZABLE ? "no %s" : "not %s",
				   c.opt.order == CHECKER_LINEARIZABLE ? m->is : order_names[c.opt.order]);
	if (ret->is_not == NULL)
		ret->is_not = "not that";
	c.budget = (struct frontier_budget){ c.opt.configs_max, c.opt.memory_bytes_max };
	c.minimise = (struct frontier_budget){ c.opt.minimise_configs_max, c.opt.memory_bytes_max };
	buf_init(&c.unknown, 4096);
	rc = values_init(&c.values, t);
	if (rc == 0)
		rc = deeds_init(&c.deeds, t, m, &c.values, false);
	if (rc == 0)
		rc = begin(&c);
	if (rc == 0)
		sort_objects(&c);
	if (rc == 0 && !is_linearizable(&c))
		rc = plain_registers(&c) ? tape_register_check(&c.deeds, &c.opt, ret) : check_objects(&c);
	if (rc == 0) {
		ret->unknown = buf_len(&c.unknown) == 0 ? ret->unknown : arena_strdup(&ret->mem, buf_str(&c.unknown));
		conclude(ret, m, c.opt.order);
	}
	if (rc == 0 && c.opt.order == CHECKER_LINEARIZABLE && !c.opt.whole)
		rc = ruling_ends_add(ret, &c.deeds, &c.values, self_of(&c));
	if (rc == -EINVAL) {
		ret->refused_line = c.deeds.line;
		ret->reason = arena_strdup(&ret->mem, c.deeds.error);
		if (ret->reason == NULL)
			rc = -ENOMEM;
	}
	deeds_fini(&c.deeds);
	values_fini(&c.values);
	buf_fini(&c.unknown);
	return rc;
}
