/* SPDX-License-Identifier: MIT */
/*
 * breaker.c - circuit breaker: generations, leases, sliding buckets per cell.
 *
 * The state is one word, {generation, state}. While closed, a call touches that word (read only) and its cell (written by nobody
 * else). Everything rarer happens under a lock of a few instructions.
 *
 * Invariants
 *  (1) The generation grows with each change of state; a cell's buckets count for one generation, which is written in it, and
 *      are cleared by the cell's own thread when it sees another.
 *  (2) At most opts.probes slots are taken at once; a slot is free, or has a lease.
 *  (3) until is written before the word that says OPEN.
 */
#include "faultline/breaker.h"
#include "policy/common.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STATE_BITS 3
#define AGES (FL_BREAKER_BUCKETS + 1)   /* in flight by bucket of their start, and older ones */
#define OLDER FL_BREAKER_BUCKETS

struct bucket {
	_Atomic uint32_t number;        /* which bucket of time this is */
	_Atomic uint32_t calls, failed, slow;
};

/* One thread's. */
struct cell {
	_Alignas(64) fl_ns bucket_end;          /* of the current bucket; owner only, like the next two */
	uint32_t bucket;
	uint32_t generation_seen;
	_Atomic uint32_t generation;            /* which the buckets count for */
	_Atomic int32_t flying[AGES];           /* by number % 10 of the bucket they started in; may be negative: ends elsewhere */
	struct bucket buckets[FL_BREAKER_BUCKETS];
	_Atomic uint64_t admitted, refused, would_refuse, ok, failed, slow, cancelled, overloaded, stale;
};

struct probe {
	fl_ns lease_end;                /* 0: free */
};

struct fl_breaker {
	_Alignas(64) _Atomic uint64_t word;
	_Atomic int64_t until;          /* OPEN: when probes may pass */
	struct cell *cells;
	fl_ns width;                    /* of a bucket */
	double sigmas;
	struct fl_breaker_opts o;
	char name[FL_NAME_MAX];
	_Alignas(64) atomic_flag lock;
	struct probe probes[FL_BREAKER_PROBES_MAX];     /* under lock, like all below */
	unsigned good;                  /* probes that succeeded */
	unsigned openings;
	fl_ns closed_at;
	double why[5];                  /* the numbers it opened on */
	_Atomic uint64_t opened, closed, probed, leases_expired, would_refuse;
	/* count window: a ring of outcomes, 1 failed, 2 slow, 4 there */
	_Atomic uint32_t ring_at, ring_calls, ring_failed, ring_slow;
	_Atomic uint8_t *ring;
};

static enum fl_breaker_state state_of(uint64_t word) { return (enum fl_breaker_state)(word & ((1u << STATE_BITS) - 1)); }
static uint32_t generation_of(uint64_t word) { return (uint32_t)(word >> STATE_BITS); }

const char *
fl_breaker_state_name(enum fl_breaker_state s)
{
	static const char *const names[] = { "closed", "open", "half-open", "forced-open", "disabled" };
	return (unsigned)s < FL_ARRAY_LEN(names) ? names[s] : "?";
}

void
fl_breaker_opts_init_size(struct fl_breaker_opts *o, size_t size)
{
	struct fl_breaker_opts d = { .size = size, .name = "", .cells = 1, .window = 10 * FL_SEC, .failure_rate = 0.5, .slow_rate = 0.8,
		.volume_min = 10, .confidence = 0.95, .open = 5 * FL_SEC, .open_max = 60 * FL_SEC, .jitter = 0.1, .stable = 60 * FL_SEC,
		.probes = 1, .successes = 1, .enforce = 1 };
	memcpy(o, &d, size < sizeof(d) ? size : sizeof(d));
}

static bool
opts_good(const struct fl_breaker_opts *o, const char **f)
{
	return common_check(o->cells >= 1 && o->cells <= FL_CELLS_MAX, "cells", f) &&
	    common_check(o->window >= FL_BREAKER_BUCKETS && o->window <= 86400 * FL_SEC, "window", f) &&
	    common_check(o->count <= FL_BREAKER_COUNT_MAX, "count", f) && common_check(o->failure_rate > 0, "failure_rate", f) &&
	    common_check(o->slow_rate > 0, "slow_rate", f) && common_check(o->slow_after >= 0, "slow_after", f) &&
	    common_check(o->volume_min >= 1, "volume_min", f) &&
	    common_check(o->confidence >= 0 && o->confidence < 1, "confidence", f) && common_check(o->open > 0, "open", f) &&
	    common_check(o->open_max >= o->open, "open_max", f) && common_check(o->jitter >= 0 && o->jitter <= 1, "jitter", f) &&
	    common_check(o->stable >= 0, "stable", f) && common_check(o->probes >= 1 && o->probes <= FL_BREAKER_PROBES_MAX, "probes", f) &&
	    common_check(o->successes >= 1, "successes", f) && common_check(o->lease >= 0, "lease", f) &&
	    common_check(o->enforce >= 0 && o->enforce <= 1, "enforce", f);
}

int
fl_breaker_new(const struct fl_breaker_opts *opts, struct fl_breaker **ret_breaker, const char **ret_field)
{
	struct fl_breaker_opts o;
	fl_breaker_opts_init(&o);
	memcpy(&o, opts, FL_MIN(opts->size, sizeof(o)));
	if (!opts_good(&o, ret_field))
		return -EINVAL;
	struct fl_breaker *b = common_take(o.alloc, sizeof(*b));
	if (b == NULL)
		return -ENOMEM;
	b->o = o;
	common_name(b->name, o.name);
	b->o.name = b->name;
	b->width = o.window / FL_BREAKER_BUCKETS;
	b->sigmas = o.confidence > 0 ? common_sigmas(o.confidence) : 0;
	b->cells = common_take(o.alloc, o.cells * sizeof(*b->cells));
	if (o.count > 0)
		b->ring = common_take(o.alloc, o.count);
	if (b->cells == NULL || (o.count > 0 && b->ring == NULL)) {
		fl_breaker_free(b);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < o.cells; i++)
		b->cells[i].bucket_end = INT64_MIN;
	atomic_store(&b->word, (uint64_t)1 << STATE_BITS | FL_BREAKER_CLOSED);
	*ret_breaker = b;
	return 0;
}

void
fl_breaker_free(struct fl_breaker *b)
{
	if (b == NULL)
		return;
	const struct fl_alloc *a = b->o.alloc;
	common_give(a, (void *)b->ring);
	common_give(a, b->cells);
	common_give(a, b);
}

/* ---- the window ---- */

static void
set32(_Atomic uint32_t *c, uint32_t v)
{
	atomic_store_explicit(c, v, memory_order_relaxed);
}

static uint32_t
get32(const _Atomic uint32_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

static void
add32(_Atomic uint32_t *c, uint32_t n)
{
	set32(c, get32(c) + n);
}

static void
fly(struct cell *c, uint32_t age, int32_t n)
{
	atomic_store_explicit(&c->flying[age], atomic_load_explicit(&c->flying[age], memory_order_relaxed) + n, memory_order_relaxed);
}

struct window {
	double calls, failed, slow, overdue;
};

/* Calls in flight that started before now - slow_after, by whole buckets: never too many. */
static double
overdue(const struct fl_breaker *b, uint32_t generation, uint32_t bucket, fl_ns now)
{
	int64_t late = 0;
	if (b->o.slow_after <= 0)
		return 0;
	for (unsigned i = 0; i < b->o.cells; i++) {
		const struct cell *c = &b->cells[i];
		if (get32(&c->generation) != generation)
			continue;
		for (uint32_t age = 1; age < FL_BREAKER_BUCKETS; age++) {
			uint32_t number = bucket - age;
			fl_ns end = ((fl_ns)number + 1) * b->width;             /* the latest that one of them began */
			if (number < bucket && end + b->o.slow_after <= now)
				late += atomic_load_explicit(&c->flying[number % FL_BREAKER_BUCKETS], memory_order_relaxed);
		}
		/* Older than all buckets: overdue unless slow_after is longer than the window, when it is told by the results. */
		if (b->o.slow_after <= b->o.window - b->width)
			late += atomic_load_explicit(&c->flying[OLDER], memory_order_relaxed);
	}
	return late > 0 ? (double)late : 0;
}

static struct window
window_sum(const struct fl_breaker *b, uint32_t generation, fl_ns now)
{
	struct window w = { 0 };
	uint32_t bucket = (uint32_t)(now / b->width);
	w.overdue = overdue(b, generation, bucket, now);
	if (b->o.count > 0) {
		w.calls = get32(&b->ring_calls);
		w.failed = get32(&b->ring_failed);
		w.slow = get32(&b->ring_slow);
	} else {
		for (unsigned i = 0; i < b->o.cells; i++) {
			const struct cell *c = &b->cells[i];
			if (get32(&c->generation) != generation)
				continue;
			for (unsigned k = 0; k < FL_BREAKER_BUCKETS; k++) {
				const struct bucket *u = &c->buckets[k];
				if (bucket - get32(&u->number) >= FL_BREAKER_BUCKETS)
					continue;
				w.calls += get32(&u->calls);
				w.failed += get32(&u->failed);
				w.slow += get32(&u->slow);
			}
		}
	}
	w.calls += w.overdue;
	w.failed += w.overdue;
	w.slow += w.overdue;
	return w;
}

static bool
too_many(const struct fl_breaker *b, double hits, double calls, double limit)
{
	if (limit > 1 || calls < b->o.volume_min || calls <= 0)
		return false;
	if (b->sigmas <= 0)
		return hits / calls >= limit;
	/* With every call failed the bound only nears 1: a limit of 100 % means all of at least volume_min. */
	return limit >= 1 ? hits >= calls : common_wilson_low(hits, calls, b->sigmas) >= limit;
}

/* ---- changes of state, under the lock ---- */

static void
tell(const struct fl_breaker *b, enum fl_breaker_state from, enum fl_breaker_state to, const char *why, fl_ns now)
{
	if (b->o.listener.event == NULL)
		return;
	struct fl_event e = { FL_WHO_BREAKER, b->name, fl_breaker_state_name(from), fl_breaker_state_name(to), why, now };
	b->o.listener.event(b->o.listener.ud, &e);
}

static void
change(struct fl_breaker *b, enum fl_breaker_state to)
{
	uint32_t generation = generation_of(atomic_load_explicit(&b->word, memory_order_relaxed)) + 1;
	if (generation == 0 || generation >= UINT32_MAX)
		generation = 1;
	atomic_store_explicit(&b->word, (uint64_t)generation << STATE_BITS | to, memory_order_release);
}

static fl_ns
open_time(const struct fl_breaker *b)
{
	fl_ns t = b->o.open;
	for (unsigned i = 1; i < b->openings && t < b->o.open_max; i++)
		t *= 2;
	t = FL_MIN(t, b->o.open_max);
	double spread = 2 * rng_unit(rng_draw(b->o.seed, common_get(&b->opened), 0x6f70656e)) - 1;
	t += (fl_ns)((double)t * b->o.jitter * spread);
	return FL_MAX(t, 1);
}

static void
open_it(struct fl_breaker *b, fl_ns now)
{
	if (b->closed_at != 0 && now - b->closed_at >= b->o.stable)
		b->openings = 0;
	b->openings++;
	atomic_store_explicit(&b->until, now + open_time(b), memory_order_relaxed);      /* (3) */
	common_add(&b->opened, 1);
	change(b, FL_BREAKER_OPEN);
}

static void
close_it(struct fl_breaker *b, fl_ns now)
{
	b->closed_at = now == 0 ? 1 : now;
	set32(&b->ring_at, 0);
	set32(&b->ring_calls, 0);
	set32(&b->ring_failed, 0);
	set32(&b->ring_slow, 0);
	for (unsigned i = 0; i < b->o.count; i++)
		atomic_store_explicit(&b->ring[i], 0, memory_order_relaxed);
	common_add(&b->closed, 1);
	change(b, FL_BREAKER_CLOSED);
}

static void
half_open(struct fl_breaker *b)
{
	for (unsigned i = 0; i < b->o.probes; i++)
		b->probes[i].lease_end = 0;
	b->good = 0;
	change(b, FL_BREAKER_HALF_OPEN);
}

/* Trip if the window says so. */
static void
evaluate(struct fl_breaker *b, uint32_t generation, fl_ns now)
{
	struct window w = window_sum(b, generation, now);
	bool failed = too_many(b, w.failed, w.calls, b->o.failure_rate), slow = too_many(b, w.slow, w.calls, b->o.slow_rate);
	char why[192];
	if (!failed && !slow)
		return;
	double hits = failed ? w.failed : w.slow, limit = failed ? b->o.failure_rate : b->o.slow_rate;
	common_lock(&b->lock);
	if (atomic_load_explicit(&b->word, memory_order_relaxed) != ((uint64_t)generation << STATE_BITS | FL_BREAKER_CLOSED)) {
		common_unlock(&b->lock);
		return;
	}
	b->why[0] = hits;
	b->why[1] = w.calls;
	b->why[2] = 100 * hits / w.calls;
	b->why[3] = 100 * common_wilson_low(hits, w.calls, b->sigmas);
	b->why[4] = 100 * limit;
	open_it(b, now);
	common_unlock(&b->lock);
	snprintf(why, sizeof(why), "%.0f of %.0f calls %s (%.0f %%, limit %.0f %%)%s", hits, w.calls, failed ? "failed" : "were too slow",
	    100 * hits / w.calls, 100 * limit, w.overdue > 0 ? ", some of them still in flight" : "");
	tell(b, FL_BREAKER_CLOSED, FL_BREAKER_OPEN, why, now);
}

/* ---- cells ---- */

/* The cell counts for another generation from now on (1). */
static void
renew(struct cell *c, uint32_t generation)
{
	for (unsigned k = 0; k < FL_BREAKER_BUCKETS; k++) {
		set32(&c->buckets[k].calls, 0);
		set32(&c->buckets[k].failed, 0);
		set32(&c->buckets[k].slow, 0);
	}
	for (unsigned k = 0; k < AGES; k++)
		atomic_store_explicit(&c->flying[k], 0, memory_order_relaxed);
	c->generation_seen = generation;
	atomic_store_explicit(&c->generation, generation, memory_order_relaxed);
}

/* Bring the cell to the bucket of now, and to the generation. returns whether a bucket ended. */
static bool
turn(struct fl_breaker *b, struct cell *c, uint32_t generation, fl_ns now)
{
	if (c->generation_seen != generation)
		renew(c, generation);
	if (now < c->bucket_end)
		return false;
	uint32_t to = (uint32_t)(now / b->width), from = c->bucket;
	bool first = c->bucket_end == INT64_MIN;
	for (uint32_t n = first || to - from > FL_BREAKER_BUCKETS ? to - FL_BREAKER_BUCKETS + 1 : from + 1; n != to + 1; n++) {
		struct bucket *u = &c->buckets[n % FL_BREAKER_BUCKETS];
		uint32_t age = n % FL_BREAKER_BUCKETS;
		fly(c, OLDER, atomic_load_explicit(&c->flying[age], memory_order_relaxed));
		atomic_store_explicit(&c->flying[age], 0, memory_order_relaxed);
		set32(&u->calls, 0);
		set32(&u->failed, 0);
		set32(&u->slow, 0);
		set32(&u->number, n);
	}
	c->bucket = to;
	c->bucket_end = ((fl_ns)to + 1) * b->width;
	return !first;
}

/* ---- admitting ---- */

static void
permit_closed(struct cell *c, uint32_t generation, struct fl_permit *p)
{
	*p = (struct fl_permit){ .generation = generation, .bucket = c->bucket };
	fly(c, c->bucket % FL_BREAKER_BUCKETS, 1);
	common_add(&c->admitted, 1);
}

static int
refuse(struct fl_breaker *b, struct cell *c, enum fl_breaker_state s, fl_ns now, struct fl_permit *ret_permit, struct fl_refusal *why)
{
	if (b->o.enforce < 1) {
		uint64_t nth = atomic_fetch_add_explicit(&b->would_refuse, 1, memory_order_relaxed);
		if (!common_enforced(b->o.enforce, b->o.seed, nth)) {
			common_add(&c->would_refuse, 1);
			*ret_permit = (struct fl_permit){ .generation = 0 };
			return 0;
		}
	}
	common_add(&c->refused, 1);
	if (why == NULL)
		return -EAGAIN;
	fl_ns left = atomic_load_explicit(&b->until, memory_order_relaxed) - now;
	if (s == FL_BREAKER_FORCED_OPEN)
		common_refuse(why, FL_WHO_BREAKER, FL_REASON_BREAKER_FORCED, b->name, 0, 0, 0, 0, 0, 0);
	else if (s == FL_BREAKER_HALF_OPEN)
		common_refuse(why, FL_WHO_BREAKER, FL_REASON_BREAKER_PROBING, b->name, b->o.open / 8, b->o.probes, b->o.probes, 0, 0, 0);
	else
		common_refuse(why, FL_WHO_BREAKER, FL_REASON_BREAKER_OPEN, b->name, FL_MAX(left, 0), b->why[0], b->why[1], b->why[2],
		    b->why[3], b->why[4]);
	return -EAGAIN;
}

/* Half-open: take a slot. Under the lock. returns its number + 1; 0: none is free; -1: a lease ended, it is open again. */
static int
take_slot(struct fl_breaker *b, fl_ns now)
{
	unsigned in_use = 0, free_slot = b->o.probes;
	for (unsigned i = 0; i < b->o.probes; i++) {
		if (b->probes[i].lease_end != 0 && now >= b->probes[i].lease_end) {
			common_add(&b->leases_expired, 1);
			open_it(b, now);
			return -1;
		}
		if (b->probes[i].lease_end != 0)
			in_use++;
		else if (free_slot == b->o.probes)
			free_slot = i;
	}
	if (free_slot == b->o.probes || in_use + b->good >= FL_MAX(b->o.probes, b->o.successes))
		return 0;
	fl_ns lease = b->o.lease > 0 ? b->o.lease : open_time(b);
	b->probes[free_slot].lease_end = now + lease;
	common_add(&b->probed, 1);
	return (int)free_slot + 1;
}

static int
admit_slow(struct fl_breaker *b, struct cell *c, fl_ns now, struct fl_permit *ret_permit, struct fl_refusal *why)
{
	uint64_t word = atomic_load_explicit(&b->word, memory_order_acquire);
	enum fl_breaker_state s = state_of(word), was = s;
	int slot = 0;
	if (s == FL_BREAKER_DISABLED) {
		*ret_permit = (struct fl_permit){ .generation = 0 };
		common_add(&c->admitted, 1);
		return 0;
	}
	if (s == FL_BREAKER_FORCED_OPEN || (s == FL_BREAKER_OPEN && now < atomic_load_explicit(&b->until, memory_order_relaxed)))
		return refuse(b, c, s, now, ret_permit, why);
	common_lock(&b->lock);
	word = atomic_load_explicit(&b->word, memory_order_relaxed);
	s = state_of(word);
	if (s == FL_BREAKER_OPEN && now >= atomic_load_explicit(&b->until, memory_order_relaxed)) {
		half_open(b);
		s = FL_BREAKER_HALF_OPEN;
	}
	if (s == FL_BREAKER_HALF_OPEN)
		slot = take_slot(b, now);
	word = atomic_load_explicit(&b->word, memory_order_relaxed);
	common_unlock(&b->lock);
	if (was == FL_BREAKER_OPEN && s == FL_BREAKER_HALF_OPEN)
		tell(b, FL_BREAKER_OPEN, FL_BREAKER_HALF_OPEN, "the open time is over", now);
	if (slot < 0)
		tell(b, FL_BREAKER_HALF_OPEN, FL_BREAKER_OPEN, "a probe did not report before its lease ended", now);
	if (slot > 0) {
		*ret_permit = (struct fl_permit){ .generation = generation_of(word), .slot = (uint32_t)slot };
		common_add(&c->admitted, 1);
		return 0;
	}
	if (s == FL_BREAKER_CLOSED) {
		turn(b, c, generation_of(word), now);
		permit_closed(c, generation_of(word), ret_permit);
		return 0;
	}
	return refuse(b, c, state_of(word), now, ret_permit, why);
}

int
fl_breaker_admit(struct fl_breaker *b, unsigned cell, fl_ns now, struct fl_permit *ret_permit, struct fl_refusal *ret_why)
{
	struct cell *c = &b->cells[cell];
	uint64_t word = atomic_load_explicit(&b->word, memory_order_acquire);
	if (state_of(word) != FL_BREAKER_CLOSED)
		return admit_slow(b, c, now, ret_permit, ret_why);
	uint32_t generation = generation_of(word);
	if (c->generation_seen != generation || now >= c->bucket_end) {
		if (turn(b, c, generation, now) && b->o.slow_after > 0) {
			/* Nothing may have been reported for long: look at what is in flight. */
			evaluate(b, generation, now);
			if (atomic_load_explicit(&b->word, memory_order_acquire) != word)
				return admit_slow(b, c, now, ret_permit, ret_why);
		}
	}
	permit_closed(c, generation, ret_permit);
	return 0;
}

/* ---- recording ---- */

/* A probe's outcome. */
static int
record_probe(struct fl_breaker *b, const struct fl_permit *p, bool failed, bool votes, fl_ns now)
{
	enum fl_breaker_state to = FL_BREAKER_HALF_OPEN;
	common_lock(&b->lock);
	uint64_t word = atomic_load_explicit(&b->word, memory_order_relaxed);
	struct probe *slot = &b->probes[p->slot - 1];
	if (state_of(word) != FL_BREAKER_HALF_OPEN || generation_of(word) != p->generation || slot->lease_end == 0) {
		common_unlock(&b->lock);
		return -ESTALE;
	}
	slot->lease_end = 0;
	if (votes && failed) {
		open_it(b, now);
		to = FL_BREAKER_OPEN;
	} else if (votes && ++b->good >= b->o.successes) {
		close_it(b, now);
		to = FL_BREAKER_CLOSED;
	}
	common_unlock(&b->lock);
	if (to == FL_BREAKER_OPEN)
		tell(b, FL_BREAKER_HALF_OPEN, to, "a probe failed", now);
	else if (to == FL_BREAKER_CLOSED)
		tell(b, FL_BREAKER_HALF_OPEN, to, "the probes succeeded", now);
	return 0;
}

/* Count window: put an outcome into the ring in place of the oldest. */
static void
ring_put(struct fl_breaker *b, bool failed, bool slow)
{
	uint32_t at = atomic_fetch_add_explicit(&b->ring_at, 1, memory_order_relaxed) % b->o.count;
	uint8_t mine = (uint8_t)(4 | (failed ? 1 : 0) | (slow ? 2 : 0));
	uint8_t old = atomic_exchange_explicit(&b->ring[at], mine, memory_order_relaxed);
	if (!(old & 4))
		atomic_fetch_add_explicit(&b->ring_calls, 1, memory_order_relaxed);
	if (failed != ((old & 1) != 0))
		atomic_fetch_add_explicit(&b->ring_failed, failed ? 1 : (uint32_t)-1, memory_order_relaxed);
	if (slow != ((old & 2) != 0))
		atomic_fetch_add_explicit(&b->ring_slow, slow ? 1 : (uint32_t)-1, memory_order_relaxed);
}

static void
count_outcome(struct cell *c, enum fl_outcome o, bool slow)
{
	common_add(o == FL_OK ? &c->ok : o == FL_FAILED ? &c->failed : o == FL_OVERLOADED ? &c->overloaded : &c->cancelled, 1);
	if (slow)
		common_add(&c->slow, 1);
}

int
fl_breaker_record(struct fl_breaker *b, unsigned cell, const struct fl_permit *p, enum fl_outcome outcome, fl_ns latency, fl_ns now)
{
	struct cell *c = &b->cells[cell];
	uint64_t word = atomic_load_explicit(&b->word, memory_order_acquire);
	bool failed = outcome == FL_FAILED || (outcome == FL_OVERLOADED && b->o.overload_fails);
	bool votes = outcome == FL_OK || failed;
	bool slow = votes && b->o.slow_after > 0 && latency >= b->o.slow_after;
	count_outcome(c, outcome, slow);
	if (p->slot > 0) {
		int r = record_probe(b, p, failed || (slow && b->o.slow_rate <= 1), votes, now);
		if (r < 0)
			common_add(&c->stale, 1);
		return r;
	}
	if (p->generation != generation_of(word) || state_of(word) != FL_BREAKER_CLOSED) {
		common_add(&c->stale, 1);
		return -ESTALE;
	}
	if (c->generation_seen != p->generation || now >= c->bucket_end)
		turn(b, c, p->generation, now);
	fly(c, c->bucket - p->bucket < FL_BREAKER_BUCKETS ? p->bucket % FL_BREAKER_BUCKETS : OLDER, -1);
	if (!votes)
		return 0;
	if (b->o.count > 0) {
		ring_put(b, failed, slow);
	} else {
		struct bucket *u = &c->buckets[c->bucket % FL_BREAKER_BUCKETS];
		add32(&u->calls, 1);
		if (failed)
			add32(&u->failed, 1);
		if (slow)
			add32(&u->slow, 1);
	}
	if (failed || slow)
		evaluate(b, p->generation, now);
	return 0;
}

/* ---- from outside ---- */

bool
fl_breaker_ready(const struct fl_breaker *b, fl_ns now)
{
	enum fl_breaker_state s = state_of(atomic_load_explicit(&b->word, memory_order_acquire));
	if (s == FL_BREAKER_OPEN)
		return now >= atomic_load_explicit(&b->until, memory_order_relaxed);
	return s != FL_BREAKER_FORCED_OPEN;
}

enum fl_breaker_state
fl_breaker_state(const struct fl_breaker *b)
{
	return state_of(atomic_load_explicit(&b->word, memory_order_acquire));
}

void
fl_breaker_force(struct fl_breaker *b, enum fl_breaker_state s, fl_ns now)
{
	common_lock(&b->lock);
	enum fl_breaker_state from = state_of(atomic_load_explicit(&b->word, memory_order_relaxed));
	switch (s) {
	case FL_BREAKER_OPEN: open_it(b, now); break;
	case FL_BREAKER_HALF_OPEN: half_open(b); break;
	case FL_BREAKER_CLOSED: b->openings = 0; close_it(b, now); break;
	case FL_BREAKER_FORCED_OPEN: case FL_BREAKER_DISABLED: change(b, s); break;
	}
	common_unlock(&b->lock);
	tell(b, from, s, "somebody said so", now);
}

void
fl_breaker_counters(const struct fl_breaker *b, struct fl_breaker_counters *ret)
{
	struct fl_breaker_counters r = { .opened = common_get(&b->opened), .closed = common_get(&b->closed),
		.probes = common_get(&b->probed), .leases_expired = common_get(&b->leases_expired) };
	for (unsigned i = 0; i < b->o.cells; i++) {
		const struct cell *c = &b->cells[i];
		r.admitted += common_get(&c->admitted);
		r.refused += common_get(&c->refused);
		r.would_refuse += common_get(&c->would_refuse);
		r.ok += common_get(&c->ok);
		r.failed += common_get(&c->failed);
		r.slow += common_get(&c->slow);
		r.cancelled += common_get(&c->cancelled);
		r.overloaded += common_get(&c->overloaded);
		r.stale += common_get(&c->stale);
	}
	*ret = r;
}

void
fl_breaker_view(struct fl_breaker *b, fl_ns now, struct fl_breaker_view *ret)
{
	uint64_t word = atomic_load_explicit(&b->word, memory_order_acquire);
	struct window w = window_sum(b, generation_of(word), now);
	common_lock(&b->lock);
	*ret = (struct fl_breaker_view){ .state = state_of(word), .until = FL_NEVER, .calls = w.calls, .failed = w.failed, .slow = w.slow,
		.overdue = w.overdue, .openings = b->openings };
	common_unlock(&b->lock);
	if (ret->state == FL_BREAKER_OPEN)
		ret->until = atomic_load_explicit(&b->until, memory_order_relaxed);
	if (w.calls > 0) {
		ret->failure_rate = w.failed / w.calls;
		ret->slow_rate = w.slow / w.calls;
	}
}

char *
fl_breaker_explain(struct fl_breaker *b, fl_ns now, char *buf, size_t buf_bytes)
{
	struct fl_breaker_view v;
	char left[32] = "";
	fl_breaker_view(b, now, &v);
	if (v.until != FL_NEVER)
		common_time(FL_MAX(v.until - now, 0), left, sizeof(left));
	snprintf(buf, buf_bytes, "%s%s%s: %.0f of %.0f calls in the window failed, %.0f were slow, %.0f have been in flight for too long",
	    fl_breaker_state_name(v.state), left[0] != '\0' ? " for another " : "", left, v.failed, v.calls, v.slow, v.overdue);
	return buf;
}
