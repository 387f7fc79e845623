/* SPDX-License-Identifier: MIT */
/* window.c - turning a breaker's cells to the time, and summing them. */
#include "policy/window.h"

static uint32_t
get32(const _Atomic uint32_t *c)
{
	return atomic_load_explicit(c, memory_order_acquire);
}

static int32_t
get_flying(const _Atomic int32_t *c)
{
	return atomic_load_explicit(c, memory_order_acquire);
}

static int64_t
get_number(const _Atomic int64_t *c)
{
	return atomic_load_explicit(c, memory_order_acquire);
}

static uint64_t
get64(const _Atomic uint64_t *c)
{
	return atomic_load_explicit(c, memory_order_acquire);
}

/* One writer: a plain addition, in order with the writes before it. */
static void
add32(_Atomic uint32_t *c, uint32_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_release);
}

static void
add_flying(_Atomic int32_t *c, int32_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_release);
}

/* Rounded down, for times before zero too. */
static int64_t
number_of(const struct window *w, fl_ns now)
{
	return now >= 0 ? now / w->width : -((-(now + 1)) / w->width) - 1;
}

static struct window_bucket *
bucket_of(struct window_cell *c, int64_t number)
{
	int64_t at = number % WINDOW_BUCKETS;
	return &c->buckets[at < 0 ? at + WINDOW_BUCKETS : at];
}

void
window_init(struct window *w, struct window_cell *cells, unsigned n, fl_ns length, fl_ns slow_after)
{
	*w = (struct window){ .width = length / WINDOW_BUCKETS, .slow_after = slow_after, .cells_n = n, .cells = cells };
	for (unsigned i = 0; i < n; i++) {
		cells[i].bucket_end = INT64_MIN;
		cells[i].current = &cells[i].buckets[0];
	}
}

/* What was counted since the current bucket began goes into it. Good calls first, calls in flight last (3). */
static void
settle(struct window_cell *c)
{
	uint64_t admitted = common_get(&c->admitted), ok = common_get(&c->ok);
	uint64_t good = ok - common_get(&c->ok_before), began = admitted - common_get(&c->admitted_before);
	add32(&c->current->calls, (uint32_t)good);
	atomic_store_explicit(&c->ok_before, ok, memory_order_release);
	atomic_store_explicit(&c->admitted_before, admitted, memory_order_release);
	add_flying(&c->current->flying, (int32_t)(uint32_t)(began - good));
}

static void
clear(struct window_bucket *u)
{
	atomic_store_explicit(&u->calls, 0, memory_order_relaxed);
	atomic_store_explicit(&u->failed, 0, memory_order_relaxed);
	atomic_store_explicit(&u->slow, 0, memory_order_relaxed);
	atomic_store_explicit(&u->flying, 0, memory_order_relaxed);
}

/* The cell counts for another epoch from now on (1). */
static void
renew(struct window_cell *c, uint64_t epoch)
{
	settle(c);
	for (unsigned k = 0; k < WINDOW_BUCKETS; k++)
		clear(&c->buckets[k]);
	atomic_store_explicit(&c->older, 0, memory_order_relaxed);
	c->epoch = epoch;
	c->skip = 0;
	atomic_store_explicit(&c->epoch_told, epoch, memory_order_release);
}

bool
window_turn(const struct window *w, struct window_cell *c, uint64_t epoch, fl_ns now)
{
	if (c->epoch != epoch)
		renew(c, epoch);
	if (now < c->bucket_end)
		return false;
	int64_t to = number_of(w, now), from = get_number(&c->number);
	bool first = c->bucket_end == INT64_MIN;
	settle(c);
	for (int64_t n = first || to - from > WINDOW_BUCKETS ? to - WINDOW_BUCKETS + 1 : from + 1; n <= to; n++) {
		struct window_bucket *u = bucket_of(c, n);
		int32_t rest = get_flying(&u->flying);
		clear(u);
		atomic_store_explicit(&u->number, n, memory_order_release);
		add_flying(&c->older, rest);            /* when it is no longer to be seen there (3) */
	}
	c->current = bucket_of(c, to);
	c->bucket_end = (to + 1) * w->width;
	c->skip = 0;
	atomic_store_explicit(&c->number, to, memory_order_release);
	return !first;
}

void
window_ended(struct window_cell *c, uint32_t number)
{
	int64_t at = get_number(&c->number);
	uint32_t age = (uint32_t)at - number;
	if (age < WINDOW_BUCKETS)
		add_flying(&bucket_of(c, at - (int64_t)age)->flying, -1);
	else
		add_flying(&c->older, -1);
}

void
window_vote(struct window_cell *c, bool failed, bool slow)
{
	add32(&c->current->calls, 1);
	if (failed)
		add32(&c->current->failed, 1);
	if (slow)
		add32(&c->current->slow, 1);
}

/* Calls of the current bucket that are not in it yet, in flight; 0 when the cell turns meanwhile. */
static int64_t
unsettled(const struct window_cell *c, int64_t number)
{
	uint64_t admitted_before = get64(&c->admitted_before), ok_before = get64(&c->ok_before);
	uint64_t admitted = get64(&c->admitted), ok = get64(&c->ok);
	return get_number(&c->number) == number ? (int64_t)((admitted - admitted_before) - (ok - ok_before)) : 0;
}

/* Calls of a cell that are in flight and started before now - slow_after, by whole buckets. */
static int64_t
overdue(const struct window *w, const struct window_cell *c, int64_t number, fl_ns now)
{
	/* What is older than the buckets can be told from what is just long only when slow_after is within the window. */
	bool all = w->slow_after <= w->width * (WINDOW_BUCKETS - 1);
	int64_t late = all ? get_flying(&c->older) : 0;
	for (unsigned k = 0; k < WINDOW_BUCKETS; k++) {
		const struct window_bucket *u = &c->buckets[k];
		int64_t mine = get_number(&u->number);
		fl_ns end = (mine + 1) * w->width;              /* the latest that one of them began */
		if (mine >= number || now - end < w->slow_after || (!all && number - mine >= WINDOW_BUCKETS))
			continue;
		late += get_flying(&u->flying);
		if (mine == get_number(&c->number))
			late += unsettled(c, mine);
	}
	return late;
}

/* Add what a cell's buckets say of the window that ends now. */
static void
add_cell(struct window_sum *s, const struct window_cell *c, int64_t number)
{
	uint64_t before = get64(&c->ok_before);
	int64_t current = get_number(&c->number);
	for (unsigned k = 0; k < WINDOW_BUCKETS; k++) {
		const struct window_bucket *u = &c->buckets[k];
		int64_t mine = get_number(&u->number);
		if (number - mine >= WINDOW_BUCKETS)            /* another thread's clock may be a bucket ahead */
			continue;
		s->failed += get32(&u->failed);
		s->slow += get32(&u->slow);
		s->calls += get32(&u->calls);
		if (mine == current)
			s->calls += (double)(get64(&c->ok) - before);
	}
}

struct window_sum
window_read(const struct window *w, uint64_t epoch, fl_ns now)
{
	struct window_sum s = { 0 };
	int64_t number = number_of(w, now), late = 0;
	for (unsigned i = 0; i < w->cells_n; i++) {
		const struct window_cell *c = &w->cells[i];
		if (get64(&c->epoch_told) != epoch)
			continue;
		if (w->slow_after > 0)
			late += overdue(w, c, number, now);
		add_cell(&s, c, number);
	}
	s.overdue = late > 0 ? (double)late : 0;
	return s;
}
