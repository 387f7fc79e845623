/* SPDX-License-Identifier: MIT */
/* pile_stack.c - see pile_stack.h. */
#include "audit/pile_stack.h"

#include "audit/mintree.h"
#include "audit/model_pile.h"
#include "audit/pile_items.h"

#include <errno.h>
#include <stdlib.h>

#define NEVER INT64_MAX
#define DUES_WORK_MAX UINT64_C(300000000)

/* A value that surely is on the stack for a while: from the return of its push to the invocation of its pop. */
struct layer {
	int64_t push_inv, push_ret, pop_inv, pop_ret;
	uint32_t push;                  /* call */
	uint32_t from, to;              /* the cells between ends that it covers: [from, to) */
	bool left, right;               /* it can begin before, and end after, all others that are left around it */
	bool gone;
};

struct stack {
	const struct calls *calls;
	struct pile_items items;
	struct layer *layers;           /* in order of push_ret */
	uint32_t count;
	int64_t *ends;                  /* every push_ret and pop_inv, in order; a cell is between two of them */
	uint32_t end_count;
	struct mintree inv, ret, last;  /* least push_inv of those not left; least -pop_ret of those not right; least -pop_inv */
	struct mintree_cover cover;
	uint32_t *next;                 /* the next layer that is not gone, by steps that get longer */
	struct pile_items_span *spans;
	struct model_finding *finding;
};

static void
stack_fini(struct stack *s)
{
	pile_items_fini(&s->items);
	free(s->layers);
	free(s->ends);
	free(s->next);
	free(s->spans);
	mintree_fini(&s->inv);
	mintree_fini(&s->ret);
	mintree_fini(&s->last);
	mintree_cover_fini(&s->cover);
}

static int
compare_layers(const void *pa, const void *pb)
{
	const struct layer *a = pa, *b = pb;

	return (a->push_ret > b->push_ret) - (a->push_ret < b->push_ret);
}

static int
compare_ends(const void *pa, const void *pb)
{
	const int64_t *a = pa, *b = pb;

	return (*a > *b) - (*a < *b);
}

static uint32_t
end_place(const struct stack *s, int64_t end)
{
	uint32_t lo = 0, hi = s->end_count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (s->ends[mid] < end)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* open: values that nobody surely popped count as well. Values whose push and pop overlap can be anywhere and do not. */
static void
fill_layers(struct stack *s, bool open)
{
	s->count = s->end_count = 0;
	for (uint32_t i = 0; i < s->items.count; i++) {
		const struct pile_items_one *item = &s->items.at[i];
		const struct calls_one *add = &s->calls->at[item->add], *take = item->take == CALLS_NONE ? NULL : &s->calls->at[item->take];
		struct layer l = { .push_inv = add->inv, .push_ret = calls_required(add) ? add->ret : NEVER,
			.pop_inv = take == NULL ? NEVER : take->inv, .pop_ret = take == NULL ? NEVER : take->ret, .push = item->add };

		if ((take == NULL && !open) || l.push_ret >= l.pop_inv)
			continue;
		s->ends[s->end_count++] = l.push_ret;
		s->ends[s->end_count++] = l.pop_inv;
		s->layers[s->count++] = l;
	}
	qsort(s->layers, s->count, sizeof(s->layers[0]), compare_layers);
	qsort(s->ends, s->end_count, sizeof(s->ends[0]), compare_ends);
}

static int
build_trees(struct stack *s)
{
	int rc = mintree_init(&s->inv, s->count);

	if (rc == 0)
		rc = mintree_init(&s->ret, s->count);
	if (rc == 0)
		rc = mintree_init(&s->last, s->count);
	if (rc == 0)
		rc = mintree_cover_init(&s->cover, s->end_count);
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < s->count; i++) {
		struct layer *l = &s->layers[i];

		s->inv.keys[i] = l->push_inv;
		s->ret.keys[i] = -l->pop_ret;
		s->last.keys[i] = -l->pop_inv;
		s->next[i] = i;
		l->from = end_place(s, l->push_ret);
		l->to = end_place(s, l->pop_inv);
		mintree_cover_add(&s->cover, l->from, l->to, 1);
	}
	s->next[s->count] = s->count;
	mintree_build(&s->inv);
	mintree_build(&s->ret);
	mintree_build(&s->last);
	return 0;
}

/* The first layer from i on that is not gone. */
static uint32_t
next_layer(struct stack *s, uint32_t i)
{
	while (s->next[i] != i) {
		s->next[i] = s->next[s->next[i]];
		i = s->next[i];
	}
	return i;
}

/* Take the layer out if it can lie below all others. */
static bool
take_out(struct stack *s, uint32_t i)
{
	struct layer *l = &s->layers[i];

	if (!l->left || !l->right)
		return false;
	l->gone = true;
	s->next[i] = i + 1;
	mintree_set(&s->last, i, NEVER);
	mintree_cover_add(&s->cover, l->from, l->to, -1);
	return true;
}

/* Mark all layers of [x, y) that can begin before `low` and end after `high`. Was one taken out? */
static bool
lower(struct stack *s, uint32_t x, uint32_t y, int64_t low, int64_t high)
{
	bool out = false;
	uint32_t i;

	while ((i = mintree_least(&s->inv, x, y)) != MINTREE_NONE && s->inv.keys[i] <= low) {
		mintree_set(&s->inv, i, NEVER);
		s->layers[i].left = true;
		out |= take_out(s, i);
	}
	while ((i = mintree_least(&s->ret, x, y)) != MINTREE_NONE && s->ret.keys[i] <= -high) {
		mintree_set(&s->ret, i, NEVER);
		s->layers[i].right = true;
		out |= take_out(s, i);
	}
	return out;
}

/*
 * The layers of [x, y). Each round halves them at a moment at which nothing is surely on the stack, or takes some out.
 * *ret_y: where to go on; below x + 1 there is nothing left. false: neither can be done.
 */
static bool
reduce(struct stack *s, uint32_t *ret_x, uint32_t y, uint32_t *ret_cut)
{
	uint32_t x = *ret_x = next_layer(s, *ret_x);

	*ret_cut = y;
	if (x >= y)
		return true;
	uint32_t last = mintree_least(&s->last, x, y);
	int64_t high = -s->last.keys[last];
	uint32_t gap = mintree_cover_zero(&s->cover, s->layers[x].from, s->layers[last].to);

	if (gap == MINTREE_NONE)
		return lower(s, x, y, s->layers[x].push_ret, high);
	uint32_t lo = x, hi = y;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (s->layers[mid].from <= gap)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_cut = lo;
	return true;
}

/* Groups still to be looked at, from the last to the first: each ends where the one before it begins. */
static bool
conquer(struct stack *s, uint32_t *ends)
{
	uint32_t depth = 0, x = 0, cut;

	ends[depth++] = s->count;
	while (depth > 0) {
		uint32_t y = ends[depth - 1];

		if (!reduce(s, &x, y, &cut)) {
			pile_items_illegal(s->finding, "of these values none can lie below the others",
					   (uint32_t[]){ s->layers[x].push }, 1);
			s->finding->enough = false;
			return false;
		}
		if (cut < y)
			ends[depth++] = cut;
		else if (x >= y)
			depth--;
	}
	return true;
}

static int
judge(struct stack *s, bool open, bool *ret_legal)
{
	uint32_t n = 0;

	fill_layers(s, open);
	for (uint32_t i = 0; i < s->count; i++)
		s->spans[n++] = (struct pile_items_span){ (uint32_t)s->layers[i].push_ret,
			(uint32_t)FL_MIN(s->layers[i].pop_inv, (int64_t)CALLS_NEVER), i };
	*ret_legal = pile_items_empties(&s->items, s->calls, s->spans, n, s->finding);
	if (!*ret_legal || s->count == 0)
		return 0;
	uint32_t *ends = malloc(((size_t)s->count + 2) * sizeof(ends[0]));
	int rc = ends == NULL ? -ENOMEM : build_trees(s);

	if (rc == 0)
		*ret_legal = conquer(s, ends);
	free(ends);
	mintree_fini(&s->inv);
	mintree_fini(&s->ret);
	mintree_fini(&s->last);
	mintree_cover_fini(&s->cover);
	return rc;
}

static int
stack_init(struct stack *s)
{
	int rc = pile_items_init(&s->items, s->calls);
	size_t n = (size_t)s->items.count + 1;

	if (rc != 0)
		return rc;
	s->layers = malloc(n * sizeof(s->layers[0]));
	s->ends = malloc(n * 2 * sizeof(s->ends[0]));
	s->next = malloc(n * sizeof(s->next[0]));
	s->spans = malloc(n * sizeof(s->spans[0]));
	return s->layers == NULL || s->ends == NULL || s->next == NULL || s->spans == NULL ? -ENOMEM : 0;
}

/* A value that nobody surely took, and by when it must be gone. */
struct due {
	uint32_t deadline, item;
};

static int
compare_dues(const void *pa, const void *pb)
{
	const struct due *a = pa, *b = pb;

	if (a->deadline != b->deadline)
		return a->deadline < b->deadline ? -1 : 1;
	return (a->item > b->item) - (a->item < b->item);
}

/*
 * By when an item is gone, if it must be: before a value that surely lies below it is taken, and before the stack is empty.
 * CALLS_NEVER: it may stay.
 */
static uint32_t
deadline(const struct stack *s, const struct calls_one *add)
{
	uint32_t least = CALLS_NEVER;

	for (uint32_t i = 0; i < s->items.count; i++) {
		const struct pile_items_one *b = &s->items.at[i];

		if (b->take == CALLS_NONE || s->calls->at[b->take].ret >= least)
			continue;
		if (s->calls->at[b->add].ret < add->inv && s->calls->at[b->take].inv > add->ret)
			least = s->calls->at[b->take].ret;
	}
	for (uint32_t i = 0; s->items.empties > 0 && i < s->calls->count; i++)
		if (s->calls->at[i].kind == MODEL_PILE_EMPTY && s->calls->at[i].inv > add->ret)
			least = FL_MIN(least, s->calls->at[i].ret);
	return least;
}

/* Items that must be gone though nobody surely took them, the most urgent first. Dues has room for all. */
static uint32_t
find_dues(const struct stack *s, struct due *dues)
{
	uint64_t work = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->items.count; i++) {
		const struct pile_items_one *a = &s->items.at[i];

		if (a->take != CALLS_NONE || !calls_required(&s->calls->at[a->add]))
			continue;
		work += s->calls->count;
		if (work > DUES_WORK_MAX)
			return UINT32_MAX;
		dues[n] = (struct due){ deadline(s, &s->calls->at[a->add]), i };
		n += dues[n].deadline != CALLS_NEVER;
	}
	qsort(dues, n, sizeof(dues[0]), compare_dues);
	return n;
}

/*
 * Give each of them a take of which nobody knows what it took, the most urgent the first (see pile_queue.c). Where it fits then, it
 * is legal; where not, others may have been taken, and a search has to tell.
 */
static int
judge_wild(struct stack *s, bool *ret_legal)
{
	struct due *dues = malloc(((size_t)s->items.count + 1) * sizeof(dues[0]));
	uint32_t n = dues == NULL ? UINT32_MAX : find_dues(s, dues), call = 0;
	bool given = n != UINT32_MAX;
	int rc = dues == NULL ? -ENOMEM : 0;

	for (uint32_t i = 0; given && i < n; i++, call++) {
		while (call < s->calls->count && !s->calls->at[call].any_result)
			call++;
		given = call < s->calls->count && s->calls->at[call].inv < dues[i].deadline;
		if (given)
			s->items.at[dues[i].item].take = call;
	}
	if (given)
		rc = judge(s, true, ret_legal);
	free(dues);
	return rc;
}

int
pile_stack_check(const struct calls *calls, struct model_finding *ret)
{
	struct model_finding finding = { .answer = MODEL_UNSURE };
	struct stack s = { .calls = calls, .finding = &finding };
	int rc = stack_init(&s);
	bool legal = false;

	if (rc == 0 && pile_items_sound(&s.items, calls, &finding) && s.items.repeated == 0) {
		rc = judge(&s, true, &legal);
		if (rc == 0 && legal)
			finding.answer = MODEL_LEGAL;
		else if (rc == 0 && s.items.wild > 0) {
			/* Without what unknown pops may have taken it may still be illegal; else what they took is tried. */
			finding.answer = MODEL_UNSURE;
			rc = judge(&s, false, &legal);
			if (rc == 0 && legal) {
				legal = false;
				rc = judge_wild(&s, &legal);
				finding = (struct model_finding){ .answer = legal ? MODEL_LEGAL : MODEL_UNSURE };
			}
		}
	}
	if (rc == 0)
		*ret = finding;
	stack_fini(&s);
	return rc;
}
