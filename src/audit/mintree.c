/* SPDX-License-Identifier: MIT */
/* mintree.c - see mintree.h. */
#include "audit/mintree.h"

#include <errno.h>
#include <stdlib.h>

static uint32_t
power_of_two(uint32_t n)
{
	uint32_t size = 1;

	while (size < n)
		size *= 2;
	return size;
}

int
mintree_init(struct mintree *t, uint32_t count)
{
	*t = (struct mintree){ .count = count, .size = power_of_two(count) };
	t->keys = malloc(((size_t)count + 1) * sizeof(t->keys[0]));
	t->best = malloc((size_t)t->size * 2 * sizeof(t->best[0]));
	if (t->keys != NULL && t->best != NULL)
		return 0;
	mintree_fini(t);
	return -ENOMEM;
}

void
mintree_fini(struct mintree *t)
{
	free(t->keys);
	free(t->best);
	t->keys = NULL;
	t->best = NULL;
}

static inline uint32_t
better(const struct mintree *t, uint32_t a, uint32_t b)
{
	if (a == MINTREE_NONE || b == MINTREE_NONE)
		return a == MINTREE_NONE ? b : a;
	return t->keys[b] < t->keys[a] ? b : a;
}

void
mintree_build(struct mintree *t)
{
	for (uint32_t i = 0; i < t->size; i++)
		t->best[t->size + i] = i < t->count ? i : MINTREE_NONE;
	for (uint32_t i = t->size - 1; i > 0; i--)
		t->best[i] = better(t, t->best[2 * i], t->best[2 * i + 1]);
}

void
mintree_set(struct mintree *t, uint32_t place, int64_t key)
{
	t->keys[place] = key;
	for (uint32_t i = (t->size + place) / 2; i > 0; i /= 2)
		t->best[i] = better(t, t->best[2 * i], t->best[2 * i + 1]);
}

uint32_t
mintree_least(const struct mintree *t, uint32_t from, uint32_t to)
{
	uint32_t least = MINTREE_NONE;

	for (uint32_t lo = t->size + from, hi = t->size + to; lo < hi; lo /= 2, hi /= 2) {
		if (lo & 1)
			least = better(t, least, t->best[lo++]);
		if (hi & 1)
			least = better(t, least, t->best[--hi]);
	}
	return least;
}

int
mintree_cover_init(struct mintree_cover *c, uint32_t count)
{
	*c = (struct mintree_cover){ .count = count, .size = power_of_two(count) };
	c->least = calloc((size_t)c->size * 2, sizeof(c->least[0]));
	c->added = calloc((size_t)c->size * 2, sizeof(c->added[0]));
	if (c->least != NULL && c->added != NULL)
		return 0;
	mintree_cover_fini(c);
	return -ENOMEM;
}

void
mintree_cover_fini(struct mintree_cover *c)
{
	free(c->least);
	free(c->added);
	c->least = NULL;
	c->added = NULL;
}

/* least[i] holds what is below node i, with what was added to the node itself. */
static void
raise_from(struct mintree_cover *c, uint32_t i)
{
	for (i /= 2; i > 0; i /= 2)
		c->least[i] = FL_MIN(c->least[2 * i], c->least[2 * i + 1]) + c->added[i];
}

void
mintree_cover_add(struct mintree_cover *c, uint32_t from, uint32_t to, int32_t delta)
{
	if (from >= to)
		return;
	for (uint32_t lo = c->size + from, hi = c->size + to; lo < hi; lo /= 2, hi /= 2) {
		if (lo & 1) {
			c->least[lo] += delta;
			c->added[lo++] += delta;
		}
		if (hi & 1) {
			c->least[--hi] += delta;
			c->added[hi] += delta;
		}
	}
	raise_from(c, c->size + from);
	raise_from(c, c->size + to - 1);
}

/* What was added to the nodes above node i. */
static int32_t
above(const struct mintree_cover *c, uint32_t i)
{
	int32_t sum = 0;

	for (i /= 2; i > 0; i /= 2)
		sum += c->added[i];
	return sum;
}

/* A leaf below node i that is 0, when what was added above it comes to sum and there is one. */
static uint32_t
descend(const struct mintree_cover *c, uint32_t i, int32_t sum)
{
	while (i < c->size) {
		sum += c->added[i];
		i = 2 * i + (c->least[2 * i] + sum == 0 ? 0 : 1);
	}
	return i - c->size;
}

uint32_t
mintree_cover_zero(const struct mintree_cover *c, uint32_t from, uint32_t to)
{
	for (uint32_t lo = c->size + from, hi = c->size + to; from < to && lo < hi; lo /= 2, hi /= 2) {
		if (lo & 1) {
			int32_t sum = above(c, lo);

			if (c->least[lo] + sum == 0)
				return descend(c, lo, sum);
			lo++;
		}
		if (hi & 1) {
			int32_t sum = above(c, --hi);

			if (c->least[hi] + sum == 0)
				return descend(c, hi, sum);
		}
	}
	return MINTREE_NONE;
}
