/* SPDX-License-Identifier: MIT */
/* depth.c - see depth.h. */
#include "audit/depth.h"

#include "base/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define SEEN_COUNT_MAX (UINT32_C(1) << 30)

/* The invocations and returns that are not done, in order of position, as a list with two ends; node 0 is its head. */
struct node {
	uint32_t prev, next;
	uint32_t call;
	uint32_t match;                 /* of an invocation: its return, or NONE; of a return: NONE and is_ret */
	bool is_ret;
};

/* What was seen: 128 bits of the calls that are done, and of the state. Both 0: a free place. */
struct seen {
	uint64_t lo, hi;
};

/* One call of the order that is being tried. States are on a stack of their own. */
struct level {
	uint32_t node;                  /* the invocation */
	uint32_t state_count;           /* of the state before it */
	size_t state_at;
	uint64_t lo, hi;
	bool forced;                    /* it only looks: there is no other way to try here */
};

struct search {
	const struct frontier_ask *ask;
	struct frontier_budget *budget;
	struct node *nodes;
	int64_t *words;                 /* the states on the way, one behind the other */
	size_t word_cap, state_at;      /* of the state at hand */
	uint32_t state_count;
	struct frontier_row made;
	struct seen *seen;
	uint32_t seen_count, seen_cap;
	size_t bytes;
	struct level *stack;
	uint32_t depth;
	uint64_t lo, hi;
	uint32_t required_left;
	uint32_t *best;                 /* the longest order there was */
	uint32_t best_count, best_stop; /* the call whose return it could not pass */
};

static void
search_fini(struct search *s)
{
	free(s->nodes);
	free(s->seen);
	free(s->stack);
	free(s->best);
	free(s->made.at);
	free(s->words);
}

/* The state at hand is that of n numbers, put at `at` on the stack of states. */
static int
set_state(struct search *s, size_t at, const int64_t *words, uint32_t n)
{
	if (at + n + 1 > s->word_cap) {
		size_t cap = (at + n + 1) * 2;
		size_t extra = (cap - s->word_cap) * sizeof(s->words[0]);
		int64_t *more = extra + s->bytes > s->budget->bytes_max ? NULL : realloc(s->words, cap * sizeof(more[0]));

		if (more == NULL)
			return -ENOMEM;
		s->bytes += extra;
		s->words = more;
		s->word_cap = cap;
	}
	if (n > 0)
		memcpy(s->words + at, words, n * sizeof(words[0]));
	s->state_at = at;
	s->state_count = n;
	return 0;
}

static int
search_init(struct search *s, const struct frontier_ask *ask, struct frontier_budget *budget)
{
	size_t n = (size_t)ask->calls->count + 1;
	struct calls_event *events = NULL;
	uint32_t count = 0;

	*s = (struct search){ .ask = ask, .budget = budget };
	s->stack = malloc(n * sizeof(s->stack[0]));
	s->best = malloc(n * sizeof(s->best[0]));
	s->nodes = malloc((2 * n + 1) * sizeof(s->nodes[0]));
	uint32_t *call_node = malloc(n * sizeof(call_node[0]));
	int rc = s->stack == NULL || s->best == NULL || s->nodes == NULL || call_node == NULL ? -ENOMEM : calls_events(ask->calls, &events, &count);

	for (uint32_t e = 0; rc == 0 && e < count; e++) {
		const struct calls_one *c = &ask->calls->at[events[e].call];

		s->nodes[e + 1] = (struct node){ .prev = e, .call = events[e].call, .match = NONE, .is_ret = events[e].ret };
		s->nodes[e].next = e + 1;
		if (!events[e].ret)
			call_node[events[e].call] = e + 1;
		else
			s->nodes[call_node[events[e].call]].match = e + 1;
		s->required_left += events[e].ret && calls_required(c);
	}
	if (rc == 0) {
		s->nodes[0].prev = s->nodes[0].call = NONE;
		s->nodes[count].next = NONE;
		rc = set_state(s, 0, ask->start, ask->start_count);
	}
	free(events);
	free(call_node);
	return rc;
}

static void
unlink_node(struct search *s, uint32_t i)
{
	struct node *n = &s->nodes[i];

	s->nodes[n->prev].next = n->next;
	if (n->next != NONE)
		s->nodes[n->next].prev = n->prev;
}

static void
relink_node(struct search *s, uint32_t i)
{
	struct node *n = &s->nodes[i];

	s->nodes[n->prev].next = i;
	if (n->next != NONE)
		s->nodes[n->next].prev = i;
}

static int
grow_seen(struct search *s)
{
	uint32_t cap = s->seen_cap == 0 ? 1024 : s->seen_cap * 2;
	size_t more = (size_t)(cap - s->seen_cap) * sizeof(s->seen[0]);

	if (cap > SEEN_COUNT_MAX || s->bytes + more > s->budget->bytes_max)
		return -ENOMEM;
	struct seen *seen = calloc(cap, sizeof(seen[0]));

	if (seen == NULL)
		return -ENOMEM;
	for (uint32_t k = 0; k < s->seen_cap; k++) {
		if (s->seen[k].lo == 0 && s->seen[k].hi == 0)
			continue;
		uint32_t i = (uint32_t)s->seen[k].lo & (cap - 1);

		while (seen[i].lo != 0 || seen[i].hi != 0)
			i = (i + 1) & (cap - 1);
		seen[i] = s->seen[k];
	}
	free(s->seen);
	s->seen = seen;
	s->seen_cap = cap;
	s->bytes += more;
	return 0;
}

/* 128 bits of what is done and the state that was made. 1: it is new and now remembered; 0: it was seen. */
static int
remember(struct search *s, uint64_t lo, uint64_t hi)
{
	for (uint32_t i = 0; i < s->made.count; i++) {
		lo = (lo ^ (uint64_t)s->made.at[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hi = (hi ^ (uint64_t)s->made.at[i]) * UINT64_C(0xff51afd7ed558ccd);
		lo ^= lo >> 32;
		hi ^= hi >> 29;
	}
	lo += s->made.count + 1;
	if (2 * ((uint64_t)s->seen_count + 1) > s->seen_cap && grow_seen(s) != 0)
		return -ENOMEM;
	uint32_t i = (uint32_t)lo & (s->seen_cap - 1);

	for (; s->seen[i].lo != 0 || s->seen[i].hi != 0; i = (i + 1) & (s->seen_cap - 1))
		if (s->seen[i].lo == lo && s->seen[i].hi == hi)
			return 0;
	s->seen[i] = (struct seen){ lo, hi };
	s->seen_count++;
	return 1;
}

/* Is a call with the same effect open that returns before this one? Then that goes first. from: the first that is not done. */
static bool
another_first(const struct search *s, uint32_t node)
{
	const struct calls_one *c = &s->ask->calls->at[s->nodes[node].call];

	for (uint32_t i = s->nodes[0].next; i != node && i != NONE && !s->nodes[i].is_ret; i = s->nodes[i].next) {
		const struct calls_one *o = &s->ask->calls->at[s->nodes[i].call];

		if (o->ret <= c->ret && calls_same_effect(s->ask->calls, o, c))
			return true;
	}
	/* Those invoked later but open now: up to the first return. */
	for (uint32_t i = s->nodes[node].next; i != NONE && !s->nodes[i].is_ret; i = s->nodes[i].next) {
		const struct calls_one *o = &s->ask->calls->at[s->nodes[i].call];

		if (o->ret < c->ret && calls_same_effect(s->ask->calls, o, c))
			return true;
	}
	return false;
}

/*
 * Try the call of a node. 1: it is done now; 0: it cannot be, or leads to what was seen; negative: failure.
 */
static int
try_node(struct search *s, uint32_t node)
{
	uint32_t call = s->nodes[node].call;
	const struct calls_one *c = &s->ask->calls->at[call];
	const int64_t *at = s->words + s->state_at;
	bool required = calls_required(c);

	if (!c->looks && another_first(s, node))
		return 0;
	s->budget->configs -= FL_MIN(s->budget->configs, 1 + (uint64_t)s->state_count / 16);
	int rc = s->ask->step(s->ask->self, s->ask->calls, c, at, s->state_count, &s->made);

	if (rc <= 0)
		return rc;
	if (!required && s->made.count == s->state_count && memcmp(s->made.at, at, s->state_count * sizeof(at[0])) == 0)
		return 0;
	struct rng128 bits = rng_block(UINT64_C(0x6f72646572), call, 0);

	if (!c->looks && (rc = remember(s, s->lo + bits.lo, s->hi + bits.hi)) <= 0)
		return rc;
	s->stack[s->depth++] = (struct level){ node, s->state_count, s->state_at, s->lo, s->hi, c->looks };
	s->lo += bits.lo;
	s->hi += bits.hi;
	s->required_left -= required;
	unlink_node(s, node);
	if (s->nodes[node].match != NONE)
		unlink_node(s, s->nodes[node].match);
	if (!c->looks && (rc = set_state(s, s->state_at + s->state_count, s->made.at, s->made.count)) != 0)
		return rc;
	return 1;
}

/* Undo the last call; where to go on. NONE: there is nothing left to undo. */
static uint32_t
back(struct search *s)
{
	while (s->depth > 0) {
		struct level l = s->stack[--s->depth];

		if (s->nodes[l.node].match != NONE)
			relink_node(s, s->nodes[l.node].match);
		relink_node(s, l.node);
		s->required_left += calls_required(&s->ask->calls->at[s->nodes[l.node].call]);
		s->lo = l.lo;
		s->hi = l.hi;
		s->state_at = l.state_at;
		s->state_count = l.state_count;
		if (!l.forced)
			return s->nodes[l.node].next;
	}
	return NONE;
}

static void
note_best(struct search *s, uint32_t stop)
{
	if (s->best_count > 0 && s->depth <= s->best_count)
		return;
	for (uint32_t i = 0; i < s->depth; i++)
		s->best[i] = s->nodes[s->stack[i].node].call;
	s->best_count = s->depth;
	s->best_stop = stop;
}

/* What only looks goes first, whatever stands before it. 1: one did. */
static int
look_first(struct search *s)
{
	for (uint32_t i = s->nodes[0].next; i != NONE && !s->nodes[i].is_ret; i = s->nodes[i].next) {
		const struct calls_one *c = &s->ask->calls->at[s->nodes[i].call];

		if (!c->looks || !calls_required(c))
			continue;
		int rc = try_node(s, i);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static enum frontier_answer
run(struct search *s)
{
	uint32_t at = NONE;             /* NONE: a call was just done, begin at the front */
	int rc;

	while (s->required_left > 0) {
		if (s->budget->configs == 0)
			return FRONTIER_SPENT;
		if (at == NONE) {
			rc = look_first(s);
			if (rc < 0)
				return FRONTIER_NO_MEMORY;
			if (rc == 1)
				continue;
			at = s->nodes[0].next;
		}
		if (at != NONE && !s->nodes[at].is_ret) {
			rc = s->ask->calls->at[s->nodes[at].call].looks ? 0 : try_node(s, at);
			if (rc < 0)
				return FRONTIER_NO_MEMORY;
			at = rc == 1 ? NONE : s->nodes[at].next;
			if (rc == 1 || at != NONE)
				continue;
		}
		if (at != NONE)
			note_best(s, s->nodes[at].call);
		do
			at = back(s);
		while (at == NONE && s->depth > 0);
		if (at == NONE)
			return FRONTIER_ILLEGAL;
	}
	note_best(s, s->best_stop);
	return FRONTIER_LEGAL;
}

void
depth_check(const struct frontier_ask *ask, struct frontier_budget *budget, struct frontier_result *ret)
{
	struct search s;

	*ret = (struct frontier_result){ .answer = FRONTIER_NO_MEMORY };
	if (search_init(&s, ask, budget) == 0) {
		ret->answer = run(&s);
		ret->culprit = s.best_stop;
		if (ask->want_order) {
			ret->order = s.best;
			ret->order_count = s.best_count;
			s.best = NULL;
		}
	}
	search_fini(&s);
}
