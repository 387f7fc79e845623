/* SPDX-License-Identifier: MIT */
/* sequence.c - see sequence.h. */
#include "audit/sequence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * A configuration is a row of numbers in `seen`: how far each process has come, then the state's number. The stack holds those
 * on the way, each with the call that was tried last. Calls are tried in order of their return: most histories nearly keep real time.
 */
struct level {
	uint32_t config;
	uint64_t tried;                 /* return and process of what was tried last, from 1; 0: nothing */
	bool leave_out;                 /* next is the same call again, left out */
	uint32_t done, required;        /* calls in the order when it was made, and those that must be there */
};
struct search {
	const struct frontier_ask *ask;
	struct frontier_budget *budget;
	uint32_t *calls;                /* by process, in order */
	uint32_t *from;                 /* process -> its first in calls; processes + 1 of them */
	uint32_t processes;
	uint32_t required;              /* how many must be done */
	struct states states, seen;
	struct frontier_row made;
	int64_t *row;                   /* of the configuration being made */
	struct level *stack;
	uint32_t depth, depth_cap;
	uint32_t *order, *best;         /* the calls done on the way; the longest there was */
	uint32_t done, required_done, best_count;
};

struct by_process {
	int64_t process;
	uint32_t call;
};

static int
compare(const void *pa, const void *pb)
{
	const struct by_process *a = pa, *b = pb;

	if (a->process != b->process)
		return a->process < b->process ? -1 : 1;
	return (a->call > b->call) - (a->call < b->call);
}

static int
sort_out(struct search *s)
{
	uint32_t n = s->ask->calls->count;
	struct by_process *list = malloc(((size_t)n + 1) * sizeof(list[0]));

	if (list == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		list[i] = (struct by_process){ s->ask->calls->at[i].process, i };
	qsort(list, n, sizeof(list[0]), compare);
	for (uint32_t i = 0; i < n; i++) {
		if (i == 0 || list[i].process != list[i - 1].process)
			s->from[s->processes++] = i;
		s->calls[i] = list[i].call;
		s->required += calls_required(&s->ask->calls->at[list[i].call]);
	}
	s->from[s->processes] = n;
	free(list);
	return 0;
}

static void
search_fini(struct search *s)
{
	free(s->calls);
	free(s->row);
	free(s->stack);
	free(s->made.at);
	states_fini(&s->states);
	states_fini(&s->seen);
}

static int
search_init(struct search *s, const struct frontier_ask *ask, struct frontier_budget *budget)
{
	size_t n = (size_t)ask->calls->count + 2;

	*s = (struct search){ .ask = ask, .budget = budget };
	states_init(&s->states, budget->bytes_max / 4);
	states_init(&s->seen, budget->bytes_max / 4 * 3);
	s->calls = malloc(n * 4 * sizeof(s->calls[0]));
	s->row = malloc(n * sizeof(s->row[0]));
	if (s->calls == NULL || s->row == NULL)
		return -ENOMEM;
	s->from = s->calls + n;
	s->order = s->from + n;
	s->best = s->order + n;
	return sort_out(s);
}

/* The next call of a process in the configuration at hand; CALLS_NONE: it has come to its end. */
static uint32_t
next_call(const struct search *s, uint32_t process)
{
	uint32_t at = s->from[process] + (uint32_t)s->row[process];

	return at == s->from[process + 1] ? CALLS_NONE : s->calls[at];
}

static int
try_call(struct search *s, uint32_t call)
{
	uint32_t n;
	const int64_t *state = states_row(&s->states, (uint32_t)s->row[s->processes], &n);

	return s->ask->step(s->ask->self, s->ask->calls, &s->ask->calls->at[call], state, n, &s->made);
}

static void
take(struct search *s, uint32_t process, uint32_t call)
{
	s->row[process]++;
	s->order[s->done++] = call;
	s->required_done += calls_required(&s->ask->calls->at[call]);
}

/* In the configuration at hand everything that only looks goes as far as it can. */
static int
look(struct search *s)
{
	for (uint32_t p = 0; p < s->processes; p++) {
		uint32_t call;

		while ((call = next_call(s, p)) != CALLS_NONE && s->ask->calls->at[call].looks) {
			int rc = try_call(s, call);

			if (rc < 0)
				return rc;
			if (rc == 0)
				break;
			take(s, p, call);
		}
	}
	return 0;
}

/* Go on with the configuration at hand, unless it was seen. 1: everything is done. */
static int
enter(struct search *s)
{
	uint32_t before = s->seen.count, config;
	int rc = look(s);

	if (rc != 0 || (rc = states_put(&s->seen, s->row, s->processes + 1, &config)) != 0)
		return rc;
	if (s->done > s->best_count) {
		memcpy(s->best, s->order, s->done * sizeof(s->order[0]));
		s->best_count = s->done;
	}
	if (s->required_done == s->required)
		return 1;
	if (s->seen.count == before)
		return 0;
	if (s->depth == s->depth_cap) {
		uint32_t cap = FL_MAX(2 * s->depth_cap, 64u);
		struct level *more = realloc(s->stack, cap * sizeof(more[0]));

		if (more == NULL)
			return -ENOMEM;
		s->stack = more;
		s->depth_cap = cap;
	}
	s->stack[s->depth++] = (struct level){ config, 0, false, s->done, s->required_done };
	return 0;
}

/* The configuration of the top of the stack becomes that at hand. */
static void
recall(struct search *s)
{
	uint32_t n;
	const int64_t *row = states_row(&s->seen, s->stack[s->depth - 1].config, &n);

	memcpy(s->row, row, n * sizeof(row[0]));
	s->done = s->stack[s->depth - 1].done;
	s->required_done = s->stack[s->depth - 1].required;
}

/* The process whose next call returns first, of those behind the one that was tried last. CALLS_NONE: all were. */
static uint32_t
choose(struct search *s, struct level *top)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t p = 0; p < s->processes; p++) {
		uint32_t call = next_call(s, p);

		if (call == CALLS_NONE || s->ask->calls->at[call].looks)
			continue;
		uint64_t place = ((uint64_t)s->ask->calls->at[call].ret << 32 | p) + 1;

		if (place > top->tried && place < least)
			least = place;
	}
	if (least == UINT64_MAX)
		return CALLS_NONE;
	top->tried = least;
	return (uint32_t)(least - 1);
}

/* Try the next call of the top of the stack. 1: everything is done. */
static int
advance(struct search *s)
{
	struct level *top = &s->stack[s->depth - 1];
	uint32_t p, state;

	recall(s);
	if (top->leave_out) {
		top->leave_out = false;
		s->row[(uint32_t)(top->tried - 1)]++;
		return enter(s);
	}
	p = choose(s, top);
	if (p == CALLS_NONE) {
		s->depth--;
		return 0;
	}
	uint32_t call = next_call(s, p);

	top->leave_out = !calls_required(&s->ask->calls->at[call]);
	int rc = try_call(s, call);

	if (rc <= 0 || (rc = states_put(&s->states, s->made.at, s->made.count, &state)) != 0)
		return rc;
	take(s, p, call);
	s->row[s->processes] = state;
	return enter(s);
}

static int
run(struct search *s)
{
	uint32_t state;
	int rc = states_put(&s->states, s->ask->start, s->ask->start_count, &state);

	memset(s->row, 0, s->processes * sizeof(s->row[0]));
	s->row[s->processes] = state;
	if (rc == 0)
		rc = enter(s);
	while (rc == 0 && s->depth > 0) {
		if (s->budget->configs == 0)
			return -EAGAIN;
		s->budget->configs -= FL_MIN(s->budget->configs, 1 + (uint64_t)s->processes / 8);
		rc = advance(s);
	}
	return rc;
}

/* The first call that the longest order leaves out. */
static uint32_t
left_out(const struct search *s)
{
	uint32_t n = s->ask->calls->count, least = 0;
	bool *done = calloc((size_t)n + 1, sizeof(done[0]));

	for (uint32_t i = 0; done != NULL && i < s->best_count; i++)
		done[s->best[i]] = true;
	for (uint32_t i = n; done != NULL && i-- > 0;)
		if (!done[i] && calls_required(&s->ask->calls->at[i]))
			least = i;
	free(done);
	return least;
}

void
sequence_check(const struct frontier_ask *ask, struct frontier_budget *budget, struct frontier_result *ret)
{
	struct search s;
	int rc = search_init(&s, ask, budget);

	*ret = (struct frontier_result){ .answer = FRONTIER_NO_MEMORY };
	if (rc == 0)
		rc = run(&s);
	if (rc == 1)
		ret->answer = FRONTIER_LEGAL;
	else if (rc == 0)
		ret->answer = FRONTIER_ILLEGAL;
	else if (rc == -EAGAIN)
		ret->answer = FRONTIER_SPENT;
	if (rc >= 0 && s.calls != NULL) {
		ret->culprit = left_out(&s);
		ret->order = ask->want_order ? malloc(((size_t)s.best_count + 1) * sizeof(ret->order[0])) : NULL;
		if (ret->order != NULL) {
			memcpy(ret->order, s.best, s.best_count * sizeof(ret->order[0]));
			ret->order_count = s.best_count;
		}
	}
	search_fini(&s);
}
