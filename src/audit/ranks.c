/* SPDX-License-Identifier: MIT */
/* ranks.c - see ranks.h. */
#include "audit/ranks.h"

#include "audit/model_list.h"
#include "audit/model_set.h"
#include "audit/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BEHIND_ALL UINT64_MAX
#define NOT_SEEN 0

struct ranks {
	const struct calls *calls;
	uint16_t kind_add, kind_read;
	struct places places;
	uint32_t *adder;                /* by place of the element; CALLS_NONE */
	uint64_t *seen;                 /* by place of the element: its rank, or NOT_SEEN */
	uint32_t *seer;                 /* by place of the element: the read of the fewest that saw it */
	uint32_t *reads;                /* by how much they saw */
	uint64_t *rank;                 /* of each call */
	uint32_t read_count;
	struct model_finding *finding;
};

static bool
illegal(struct ranks *r, const char *say, uint32_t a, uint32_t b)
{
	*r->finding = (struct model_finding){ .answer = MODEL_ILLEGAL, .say = say, .enough = true, .witness = { a, b },
		.witness_count = b == CALLS_NONE ? 1 : 2 };
	return false;
}

static void
ranks_fini(struct ranks *r)
{
	places_fini(&r->places);
	free(r->adder);
	free(r->seen);
	free(r->seer);
	free(r->reads);
	free(r->rank);
}

static int
ranks_init(struct ranks *r)
{
	size_t n = (size_t)r->calls->count + 1, values = 0;
	int64_t *numbers = malloc(n * sizeof(numbers[0]));

	if (numbers == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->calls->count; i++)
		if (r->calls->at[i].kind == r->kind_add)
			numbers[values++] = r->calls->at[i].a;
	int rc = places_init(&r->places, numbers, values);

	if (rc != 0)
		return rc;
	r->adder = malloc(((size_t)r->places.count + 1) * sizeof(r->adder[0]));
	r->seen = calloc((size_t)r->places.count + 1, sizeof(r->seen[0]));
	r->seer = calloc((size_t)r->places.count + 1, sizeof(r->seer[0]));
	r->reads = malloc(n * sizeof(r->reads[0]));
	r->rank = calloc(n, sizeof(r->rank[0]));
	if (r->adder == NULL || r->seen == NULL || r->seer == NULL || r->reads == NULL || r->rank == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->places.count; i++)
		r->adder[i] = CALLS_NONE;
	return 0;
}

/* Who added what, and the reads. false: this is not for us. */
static bool
sort_out(struct ranks *r)
{
	for (uint32_t i = 0; i < r->calls->count; i++) {
		const struct calls_one *c = &r->calls->at[i];

		if (c->kind == r->kind_read) {
			r->reads[r->read_count++] = i;
			continue;
		}
		if (c->kind != r->kind_add || c->looks)
			return false;
		uint32_t *adder = &r->adder[places_of(&r->places, c->a)];

		if (*adder != CALLS_NONE)
			return false;
		*adder = i;
	}
	return true;
}

struct by_size {
	uint32_t size, read;
};

static int
compare_sizes(const void *pa, const void *pb)
{
	const struct by_size *a = pa, *b = pb;

	if (a->size != b->size)
		return a->size < b->size ? -1 : 1;
	return (a->read > b->read) - (a->read < b->read);
}

static int
order_reads(struct ranks *r)
{
	struct by_size *sizes = malloc(((size_t)r->read_count + 1) * sizeof(sizes[0]));

	if (sizes == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->read_count; i++)
		sizes[i] = (struct by_size){ r->calls->at[r->reads[i]].list_count, r->reads[i] };
	qsort(sizes, r->read_count, sizeof(sizes[0]), compare_sizes);
	for (uint32_t i = 0; i < r->read_count; i++)
		r->reads[i] = sizes[i].read;
	free(sizes);
	return 0;
}

/* The place of an element that a read saw; false: nobody added it. */
static bool
element(struct ranks *r, uint32_t read, int64_t a, uint32_t *ret)
{
	*ret = places_of(&r->places, a);
	if (*ret != PLACES_NONE && r->adder[*ret] != CALLS_NONE)
		return true;
	return illegal(r, "an element was seen that nobody put there", read, CALLS_NONE);
}

/*
 * Lists: each read is the beginning of the next longer one. Comparing neighbours is enough, and each element is new once.
 */
static bool
rank_lists(struct ranks *r)
{
	const struct calls_one *before = NULL;
	uint32_t place;

	for (uint32_t i = 0; i < r->read_count; i++) {
		const struct calls_one *c = &r->calls->at[r->reads[i]];
		uint32_t known = before == NULL ? 0 : before->list_count;

		if (known > 0 && memcmp(r->calls->lists + before->list_at, r->calls->lists + c->list_at, known * sizeof(int64_t)) != 0)
			return illegal(r, "two reads saw different beginnings of the list", r->reads[i - 1], r->reads[i]);
		for (uint32_t k = known; k < c->list_count; k++) {
			if (!element(r, r->reads[i], r->calls->lists[c->list_at + k], &place))
				return false;
			if (r->seen[place] != NOT_SEEN)
				return illegal(r, "an element was seen twice that was put there once", r->adder[place], r->reads[i]);
			r->seen[place] = 2 * (uint64_t)k + 1;
			r->seer[place] = r->reads[i];
		}
		r->rank[r->reads[i]] = 2 * (uint64_t)c->list_count;
		before = c;
	}
	return true;
}

/* Sets: each read holds all of the one before it: as many known elements as that has. */
static bool
rank_sets(struct ranks *r)
{
	uint32_t known = 0, place;
	uint64_t level = 0;

	for (uint32_t i = 0; i < r->read_count; i++) {
		const struct calls_one *c = &r->calls->at[r->reads[i]];
		uint32_t old = 0;

		level += c->list_count > known;
		for (uint32_t k = 0; k < c->list_count; k++) {
			if (!element(r, r->reads[i], r->calls->lists[c->list_at + k], &place))
				return false;
			if (r->seen[place] != NOT_SEEN) {
				old++;
				continue;
			}
			r->seen[place] = 2 * level - 1;
			r->seer[place] = r->reads[i];
		}
		if (old < known)
			return illegal(r, "of two reads each saw something that the other did not", r->reads[i - 1], r->reads[i]);
		known = c->list_count;
		r->rank[r->reads[i]] = 2 * level;
	}
	return true;
}

/* `later` was put there after `sooner` had been, and a read saw it without `sooner` before it. */
static bool
unseen(struct ranks *r, uint32_t sooner, uint32_t later)
{
	(void)illegal(r, "an element was seen without one that had been put there before it", sooner, later);
	r->finding->witness[r->finding->witness_count++] = r->seer[places_of(&r->places, r->calls->at[later].a)];
	return false;
}

/* Does a call that returned before another was invoked stand behind it? */
static bool
in_time(struct ranks *r, const struct calls_event *events, uint32_t n)
{
	uint32_t last = CALLS_NONE;

	for (uint32_t e = 0; e < n; e++) {
		uint32_t i = events[e].call;
		const struct calls_one *c = &r->calls->at[i];

		if (events[e].ret) {
			if (last == CALLS_NONE || r->rank[i] > r->rank[last])
				last = i;
			continue;
		}
		if (last == CALLS_NONE || r->rank[last] <= r->rank[i] || (!calls_required(c) && r->rank[i] == BEHIND_ALL))
			continue;
		if (c->kind == r->kind_add && r->calls->at[last].kind == r->kind_add)
			return unseen(r, last, i);
		if (r->rank[last] == BEHIND_ALL)
			return illegal(r, "what had been put there was not seen afterwards", last, i);
		return illegal(r, c->kind == r->kind_read ? "a later read saw less than was there before" :
			       "an element was seen before it was put there", last, i);
	}
	return true;
}

static int
check(struct ranks *r, bool sets)
{
	struct calls_event *events = NULL;
	uint32_t n = 0;
	int rc = ranks_init(r);

	if (rc != 0 || !sort_out(r))
		return rc;
	rc = order_reads(r);
	if (rc != 0 || !(sets ? rank_sets(r) : rank_lists(r)))
		return rc;
	for (uint32_t i = 0; i < r->places.count; i++)
		if (r->adder[i] != CALLS_NONE)
			r->rank[r->adder[i]] = r->seen[i] == NOT_SEEN ? BEHIND_ALL : r->seen[i];
	rc = calls_events(r->calls, &events, &n);
	if (rc == 0 && in_time(r, events, n))
		r->finding->answer = MODEL_LEGAL;
	free(events);
	return rc;
}

int
ranks_set_check(const struct calls *calls, struct model_finding *ret)
{
	struct model_finding finding = { .answer = MODEL_UNSURE };
	struct ranks r = { .calls = calls, .kind_add = MODEL_SET_ADD, .kind_read = MODEL_SET_READ, .finding = &finding };
	int rc = check(&r, true);

	if (rc == 0)
		*ret = finding;
	ranks_fini(&r);
	return rc;
}

int
ranks_list_check(const struct calls *calls, struct model_finding *ret)
{
	struct model_finding finding = { .answer = MODEL_UNSURE };
	struct ranks r = { .calls = calls, .kind_add = MODEL_LIST_APPEND, .kind_read = MODEL_LIST_READ, .finding = &finding };
	int rc = check(&r, false);

	if (rc == 0)
		*ret = finding;
	ranks_fini(&r);
	return rc;
}
