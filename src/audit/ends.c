/* SPDX-License-Identifier: MIT */
/* ends.c - see ends.h. */
#include "audit/ends.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SEEN_BYTES_MAX ((size_t)16 << 20)
#define STEPS_MAX 200000u

struct search {
	const struct calls *calls;
	const struct model *model;
	const void *self;
	struct states states, seen;     /* seen: what is done, and the number of the state */
	struct frontier_row made;
	struct ends *ends;
	uint32_t path[ENDS_CALLS_MAX], depth, steps;
	bool legal;                     /* there is an order of all */
};

void
ends_fini(struct ends *e)
{
	for (uint32_t i = 0; i < e->count; i++)
		free(e->at[i].state);
	e->count = 0;
}

/* The calls that may be next, whether or not the state allows them. */
static uint32_t
candidates(const struct search *s, uint64_t done, uint32_t next[ENDS_CALLS_MAX])
{
	uint32_t first = CALLS_NEVER, n = 0;

	for (uint32_t i = 0; i < s->calls->count; i++)
		if ((done >> i & 1) == 0)
			first = FL_MIN(first, s->calls->at[i].ret);
	for (uint32_t i = 0; i < s->calls->count; i++) {
		const struct calls_one *c = &s->calls->at[i];

		if ((done >> i & 1) == 0 && c->inv < first && (calls_required(c) || !c->looks))
			next[n++] = i;
	}
	return n;
}

/* Nothing goes on from here: is it one of the longest? Those that leave the same to be done in the same state are one. */
static int
note(struct search *s, const int64_t *state, uint32_t state_count, const uint32_t *next, uint32_t next_count)
{
	struct ends *e = s->ends;

	if (e->count > 0 && s->depth < e->at[0].order_count)
		return 0;
	if (e->count > 0 && s->depth > e->at[0].order_count) {
		ends_fini(e);
		e->more = false;
	}
	for (uint32_t i = 0; i < e->count; i++)
		if (e->at[i].next_count == next_count && memcmp(e->at[i].next, next, next_count * sizeof(next[0])) == 0 &&
		    e->at[i].state_count == state_count && memcmp(e->at[i].state, state, state_count * sizeof(state[0])) == 0)
			return 0;
	if (e->count == ENDS_MAX) {
		e->more = true;
		return 0;
	}
	struct ends_one *one = &e->at[e->count];

	one->state = malloc(((size_t)state_count + 1) * sizeof(state[0]));
	if (one->state == NULL)
		return -ENOMEM;
	memcpy(one->state, state, state_count * sizeof(state[0]));
	memcpy(one->order, s->path, s->depth * sizeof(s->path[0]));
	memcpy(one->next, next, next_count * sizeof(next[0]));
	one->state_count = state_count;
	one->order_count = s->depth;
	one->next_count = next_count;
	e->count++;
	return 0;
}

static int explore(struct search *s, uint64_t done, uint32_t state);

/* Call i is next. 1: the state allows it; 0: not; negative: failure. */
static int
go_on(struct search *s, uint64_t done, uint32_t state, uint32_t i)
{
	const struct calls_one *c = &s->calls->at[i];
	uint32_t n, after = state;
	const int64_t *at = states_row(&s->states, state, &n);
	int rc = s->model->step(s->self, s->calls, c, at, n, &s->made);

	if (rc <= 0)
		return rc;
	if (!c->looks && (rc = states_put(&s->states, s->made.at, s->made.count, &after)) != 0)
		return rc;
	/* An unknown one that changes nothing is no step ahead. */
	if (!calls_required(c) && after == state)
		return 0;
	s->path[s->depth++] = i;
	rc = explore(s, done | UINT64_C(1) << i, after);
	s->depth--;
	return rc != 0 ? rc : 1;
}

static int
explore(struct search *s, uint64_t done, uint32_t state)
{
	int64_t row[2] = { (int64_t)done, state };
	uint32_t next[ENDS_CALLS_MAX], count = candidates(s, done, next), before = s->seen.count, which;
	bool any = false, left = false;
	int rc = states_put(&s->seen, row, 2, &which);

	if (rc != 0 || s->seen.count == before)
		return rc;
	for (uint32_t i = 0; i < s->calls->count; i++)
		left |= (done >> i & 1) == 0 && calls_required(&s->calls->at[i]);
	if (!left || ++s->steps > STEPS_MAX) {
		s->legal = true;
		return -EAGAIN;
	}
	for (uint32_t i = 0; i < count; i++) {
		rc = go_on(s, done, state, next[i]);
		if (rc < 0)
			return rc;
		any |= rc == 1;
	}
	if (any)
		return 0;
	uint32_t n;
	const int64_t *at = states_row(&s->states, state, &n);

	return note(s, at, n, next, count);
}

int
ends_find(const struct calls *calls, const struct model *m, const void *self, struct ends *ret)
{
	struct search s = { .calls = calls, .model = m, .self = self, .ends = ret };
	uint32_t start;

	*ret = (struct ends){ .count = 0 };
	if (calls->count > ENDS_CALLS_MAX || m->step == NULL)
		return 0;
	states_init(&s.states, SEEN_BYTES_MAX);
	states_init(&s.seen, SEEN_BYTES_MAX);
	int rc = states_put(&s.states, m->start, m->start_count, &start);

	if (rc == 0)
		rc = explore(&s, 0, start);
	states_fini(&s.states);
	states_fini(&s.seen);
	free(s.made.at);
	if (rc != 0 || s.legal)
		ends_fini(ret);
	return rc == -ENOMEM ? rc : 0;
}
