/* SPDX-License-Identifier: MIT */
/* shrink.c - see shrink.h. */
#include "audit/shrink.h"

#include "audit/writers.h"
#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_MIN 8
#define NUMBER(x) ((x) & ~KEYHIST_WEAK)

/* Some operations of k, in growing order, perhaps KEYHIST_WEAK. Room for all of k's. */
struct part {
	uint32_t *ops;
	uint32_t n;
};

enum { OUT, WEAK, STRONG };

struct shrink {
	const struct history *h;
	const struct keyhist *k;
	struct writers writers;
	struct linear_budget *budget;
	uint8_t *state;                 /* per operation, all OUT between calls */
	uint32_t *mem;
	struct part best, trial, closed;
	uint32_t *found;                /* scratch for writers_of(), then for lists */
	uint32_t culprit;               /* of the last part that was found contradictory: history index */
	bool all;                       /* refused and unknown cas take part with all they saw; few contradictions need that */
	bool spent;
};

static int
compare_numbers(const void *a, const void *b)
{
	uint32_t x = NUMBER(*(const uint32_t *)a), y = NUMBER(*(const uint32_t *)b);

	return (x > y) - (x < y);
}

static void
include(struct shrink *s, struct part *to, uint32_t number, bool weak)
{
	const struct keyhist_op *o = &s->k->ops[number];

	if (o->kind == KEYHIST_CAS && !keyhist_required(o) && !s->all)
		weak = true;
	if (s->state[number] == OUT)
		to->ops[to->n++] = number;
	if (s->state[number] != STRONG)
		s->state[number] = weak ? WEAK : STRONG;
}

/* The writes that a refused cas needs: any that can have been the last before it, whatever they wrote. */
static void
include_all_writers(struct shrink *s, struct part *to, const struct keyhist_op *observer)
{
	uint32_t newest = writers_newest(&s->writers, observer->inv);

	for (uint32_t i = 0; i < s->k->op_count && s->k->ops[i].inv < observer->ret; i++) {
		const struct keyhist_op *o = &s->k->ops[i];

		if (keyhist_writes(o) && o != observer && o->value != observer->expect &&
		    (newest == KEYHIST_NONE || o->ret >= s->k->ops[newest].inv))
			include(s, to, i, o->kind == KEYHIST_CAS);
	}
}

static void
include_writers(struct shrink *s, struct part *to, const struct keyhist_op *observer)
{
	uint32_t stale, n;

	if (observer->kind == KEYHIST_REFUSED) {
		include_all_writers(s, to, observer);
		return;
	}
	n = writers_of(&s->writers, observer, s->found, s->k->op_count, &stale);
	if (n == 0 && stale != KEYHIST_NONE)
		s->found[n++] = stale;
	for (uint32_t i = 0; i < n; i++)
		include(s, to, s->found[i], s->k->ops[s->found[i]].kind == KEYHIST_CAS);
}

/* s->closed = what is in `in`, and every write that it needs to count. */
static void
close_part(struct shrink *s, const struct part *in)
{
	struct part *to = &s->closed;

	to->n = 0;
	for (uint32_t i = 0; i < in->n; i++)
		include(s, to, NUMBER(in->ops[i]), (in->ops[i] & KEYHIST_WEAK) != 0);
	/* What is added is a write, or counts only as one: it needs nothing itself. */
	for (uint32_t i = 0; i < in->n; i++) {
		const struct keyhist_op *o = &s->k->ops[NUMBER(in->ops[i])];

		if (s->state[NUMBER(in->ops[i])] == STRONG && o->kind != KEYHIST_WRITE)
			include_writers(s, to, o);
	}
	qsort(to->ops, to->n, sizeof(to->ops[0]), compare_numbers);
	for (uint32_t i = 0; i < to->n; i++) {
		uint32_t number = to->ops[i];

		if (s->state[number] == WEAK && s->k->ops[number].kind == KEYHIST_CAS)
			to->ops[i] |= KEYHIST_WEAK;
		s->state[number] = OUT;
	}
}

/* The history indexes of a part, as keyhist_build() takes them. */
static void
list_of(const struct shrink *s, const struct part *p, uint32_t *ret)
{
	for (uint32_t i = 0; i < p->n; i++)
		ret[i] = s->k->ops[NUMBER(p->ops[i])].id | (p->ops[i] & KEYHIST_WEAK);
}

/* Is s->closed contradictory? */
static bool
contradicts(struct shrink *s)
{
	struct linear_result r;
	struct keyhist sub;

	list_of(s, &s->closed, s->found);
	if (keyhist_build(s->h, s->found, s->closed.n, &sub) != 0) {
		s->spent = true;
		return false;
	}
	s->budget->configs -= FL_MIN(s->budget->configs, (uint64_t)s->closed.n);
	linear_check(&sub, s->budget, false, &r);
	if (r.answer == LINEAR_ILLEGAL)
		s->culprit = sub.ops[r.culprit].id;
	else if (r.answer != LINEAR_LEGAL)
		s->spent = true;
	linear_fini(&r);
	keyhist_fini(&sub);
	return r.answer == LINEAR_ILLEGAL;
}

static void
copy(struct part *to, const struct part *from)
{
	memcpy(to->ops, from->ops, from->n * sizeof(to->ops[0]));
	to->n = from->n;
}

static uint32_t
weight(const struct part *p)
{
	uint32_t w = p->n * 2;

	for (uint32_t i = 0; i < p->n; i++)
		w -= (p->ops[i] & KEYHIST_WEAK) != 0;
	return w;
}

/* Is s->trial, with what it needs, a smaller contradiction than the best one? Then it becomes the best one. */
static bool
improve(struct shrink *s)
{
	if (s->spent || s->budget->configs == 0) {
		s->spent = true;
		return false;
	}
	close_part(s, &s->trial);
	if (s->best.n > 0 && weight(&s->closed) >= weight(&s->best))
		return false;
	if (!contradicts(s))
		return false;
	copy(&s->best, &s->closed);
	return true;
}

static void
add_trial(struct shrink *s, uint32_t number, bool by_hand)
{
	bool out = s->k->ops[number].kind == KEYHIST_REFUSED && !s->all && !by_hand;

	for (uint32_t i = 0; i < s->trial.n; i++)
		if (by_hand && s->trial.ops[i] == number)
			return;
	if (!out)
		s->trial.ops[s->trial.n++] = number;
}

/* The operations pointed out, and the write that overwrote what they saw. */
static bool
try_hint(struct shrink *s, const uint32_t *hint, uint32_t n)
{
	s->trial.n = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t newest = writers_newest(&s->writers, s->k->ops[hint[i]].inv);

		add_trial(s, hint[i], true);
		if (newest != KEYHIST_NONE)
			add_trial(s, newest, true);
	}
	return improve(s);
}

/* The last operations invoked before the culprit returned, and it itself: more and more of them. */
static bool
try_windows(struct shrink *s, uint32_t culprit)
{
	uint32_t end = s->k->op_count;

	while (end > 0 && s->k->ops[end - 1].inv > s->k->ops[culprit].ret)
		end--;
	for (uint32_t size = WINDOW_MIN; !s->spent; size *= 2) {
		uint32_t from = end > size ? end - size : 0;

		s->trial.n = 0;
		if (culprit < from)
			add_trial(s, culprit, true);
		for (uint32_t i = from; i < end; i++)
			add_trial(s, i, i == culprit);
		if (improve(s))
			return true;
		if (from == 0)
			return false;
	}
	return false;
}

/* Delta debugging: leave out one chunk of n at a time. */
static bool
leave_chunks(struct shrink *s)
{
	bool any = false;

	for (uint32_t n = 2; s->best.n >= 2 && n <= s->best.n && !s->spent;) {
		bool better = false;

		for (uint32_t c = 0; c < n && !better && !s->spent; c++) {
			uint32_t from = (uint32_t)((uint64_t)s->best.n * c / n), to = (uint32_t)((uint64_t)s->best.n * (c + 1) / n);

			copy(&s->trial, &s->best);
			memmove(&s->trial.ops[from], &s->trial.ops[to], (s->best.n - to) * sizeof(s->trial.ops[0]));
			s->trial.n -= to - from;
			better = improve(s);
		}
		any |= better;
		if (!better && n == s->best.n)
			break;
		n = better ? FL_MAX(n - 1, 2u) : FL_MIN(n * 2, s->best.n);
	}
	return any;
}

/* Leave out one value: its writes and everything that saw it. */
static bool
leave_values(struct shrink *s)
{
	bool any = false;

	for (uint32_t i = 0; i < s->best.n && !s->spent; i++) {
		const struct keyhist_op *w = &s->k->ops[NUMBER(s->best.ops[i])];

		if (!keyhist_writes(w))
			continue;
		s->trial.n = 0;
		for (uint32_t j = 0; j < s->best.n; j++) {
			const struct keyhist_op *o = &s->k->ops[NUMBER(s->best.ops[j])];
			bool wrote = keyhist_writes(o) && o->value == w->value;
			bool saw = o->kind != KEYHIST_WRITE && o->expect == w->value && !(s->best.ops[j] & KEYHIST_WEAK);

			if (!wrote && !saw)
				s->trial.ops[s->trial.n++] = s->best.ops[j];
		}
		any |= improve(s);
	}
	return any;
}

/* Let a cas count only for what it wrote. */
static bool
weaken(struct shrink *s)
{
	bool any = false;

	for (uint32_t i = 0; i < s->best.n && !s->spent; i++) {
		if ((s->best.ops[i] & KEYHIST_WEAK) || s->k->ops[s->best.ops[i]].kind != KEYHIST_CAS)
			continue;
		copy(&s->trial, &s->best);
		s->trial.ops[i] |= KEYHIST_WEAK;
		any |= improve(s);
	}
	return any;
}

/* All at once first: with long chains of cas, one by one would take long. */
static void
weaken_all(struct shrink *s)
{
	copy(&s->trial, &s->best);
	for (uint32_t i = 0; i < s->trial.n; i++)
		if (s->k->ops[NUMBER(s->trial.ops[i])].kind == KEYHIST_CAS)
			s->trial.ops[i] |= KEYHIST_WEAK;
	(void)improve(s);
}

static int
shrink_init(struct shrink *s, const struct history *h, const struct keyhist *k, struct linear_budget *budget)
{
	size_t n = (size_t)k->op_count + 32;

	*s = (struct shrink){ .h = h, .k = k, .budget = budget };
	s->state = calloc(n, 1);
	s->mem = malloc(n * 4 * sizeof(s->mem[0]));
	if (s->state == NULL || s->mem == NULL || writers_init(&s->writers, k) != 0)
		return -ENOMEM;
	s->best.ops = s->mem;
	s->trial.ops = s->mem + n;
	s->closed.ops = s->mem + 2 * n;
	s->found = s->mem + 3 * n;
	return 0;
}

static void
shrink_fini(struct shrink *s)
{
	free(s->state);
	free(s->mem);
	writers_fini(&s->writers);
}

/* Any contradictory part at all. */
static bool
find_part(struct shrink *s, const uint32_t *hint, uint32_t hint_count)
{
	if (try_hint(s, hint, 1) || try_hint(s, hint, hint_count) || try_windows(s, hint[0]))
		return true;
	s->all = true;
	return try_windows(s, hint[0]);
}

int
shrink_run(const struct history *h, const struct keyhist *k, const uint32_t *hint, uint32_t hint_count, struct linear_budget *budget,
	   struct shrink_result *ret)
{
	struct shrink s;
	int rc = shrink_init(&s, h, k, budget);

	fl_assert(hint_count > 0);
	if (rc != 0)
		goto end;
	rc = -EAGAIN;
	if (!find_part(&s, hint, hint_count))
		goto end;
	weaken_all(&s);
	while (leave_chunks(&s) || leave_values(&s) || weaken(&s))
		continue;

	rc = -ENOMEM;
	ret->list = malloc((s.best.n + 1) * sizeof(ret->list[0]));
	if (ret->list == NULL)
		goto end;
	rc = 0;
	list_of(&s, &s.best, ret->list);
	ret->count = s.best.n;
	ret->culprit = s.culprit;
	ret->minimal = !s.spent;
end:
	shrink_fini(&s);
	return rc;
}
