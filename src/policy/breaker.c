/* SPDX-License-Identifier: MIT */
/*
 * breaker.c - circuit breaker: generations, leases, sliding buckets per cell.
 *
 * The state is one word, {generation, state}. While closed, a call touches that word (read only) and its cell (written by nobody
 * else). Everything rarer happens under a lock of a few instructions.
 *
 * Invariants
 *  (1) The generation grows with each change of state.
 *  (2) At most opts.probes slots are taken at once; a slot is free, or has a lease.
 *  (3) until is written before the word that says OPEN or HALF_OPEN: before it, the answer is no, and nobody needs the lock to know.
 *  (4) Time that passed unseen counts: a lease that ended long ago opened the breaker when it ended, not when somebody looked.
 */
#include "faultline/breaker.h"
#include "policy/common.h"
#include "policy/window.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STATE_BITS 3
#define SKIP_MAX 15             /* failures of a cell between two looks at the whole window, at most */
_Static_assert(FL_BREAKER_BUCKETS == WINDOW_BUCKETS, "one window");
_Static_assert(FL_BREAKER_CLOSED == 0 && offsetof(struct fl_permit, bucket) == 4 && sizeof(struct fl_permit) == 16, "the fast path relies on it");

struct fl_breaker {
	_Alignas(64) _Atomic uint64_t word;
	_Atomic int64_t until;          /* OPEN, HALF_OPEN: when the next probe may pass, as far as is known */
	struct window window;
	fl_ns slow_from;                /* a latency that is slow; FL_NEVER: none is */
	bool enforced;                  /* always */
	double sigmas;
	struct fl_breaker_opts o;
	char name[FL_NAME_MAX];
	_Alignas(64) atomic_flag lock;
	fl_ns leases[FL_BREAKER_PROBES_MAX];    /* ends of the probes' leases, 0: free slot; under the lock, like all below */
	unsigned good;                  /* probes that succeeded */
	unsigned openings;
	fl_ns closed_at;
	bool was_closed;                /* at closed_at, since it opened last */
	_Atomic int why_reason;         /* enum fl_reason: why it opened last */
	_Atomic double why[5];          /* and on what numbers */
	_Atomic unsigned probing;
	_Atomic uint64_t opened, closed, probed, leases_expired, would_refuse;
	/* count window: a ring of outcomes, 1 failed, 2 slow, 4 there */
	uint32_t ring_at, ring_calls, ring_failed, ring_slow;
	uint8_t *ring;
};

static enum fl_breaker_state state_of(uint64_t word) { return (enum fl_breaker_state)(word & ((1u << STATE_BITS) - 1)); }
static uint32_t generation_of(uint64_t word) { return (uint32_t)(word >> STATE_BITS); }
static uint64_t word_of(uint32_t generation, enum fl_breaker_state s) { return (uint64_t)generation << STATE_BITS | s; }

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
	    common_check(o->window >= FL_BREAKER_BUCKETS && o->window <= COMMON_TIME_MAX, "window", f) &&
	    common_check(o->count <= FL_BREAKER_COUNT_MAX, "count", f) && common_check(o->failure_rate > 0, "failure_rate", f) &&
	    common_check(o->slow_rate > 0, "slow_rate", f) &&
	    common_check(o->slow_after >= 0 && o->slow_after <= COMMON_TIME_MAX, "slow_after", f) &&
	    common_check(o->volume_min >= 1, "volume_min", f) &&
	    common_check(o->confidence >= 0 && o->confidence < 1, "confidence", f) &&
	    common_check(o->open > 0 && o->open <= COMMON_TIME_MAX, "open", f) &&
	    common_check(o->open_max >= o->open && o->open_max <= COMMON_TIME_MAX, "open_max", f) &&
	    common_check(o->jitter >= 0 && o->jitter <= 1, "jitter", f) && common_check(o->stable >= 0, "stable", f) &&
	    common_check(o->probes >= 1 && o->probes <= FL_BREAKER_PROBES_MAX, "probes", f) &&
	    common_check(o->successes >= 1, "successes", f) &&
	    common_check(o->lease >= 0 && o->lease <= COMMON_TIME_MAX, "lease", f) &&
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
	b->enforced = o.enforce >= 1;
	b->sigmas = o.confidence > 0 ? common_sigmas(o.confidence) : 0;
	b->window.cells = common_take(o.alloc, o.cells * sizeof(*b->window.cells));
	if (o.count > 0)
		b->ring = common_take(o.alloc, o.count);
	if (b->window.cells == NULL || (o.count > 0 && b->ring == NULL)) {
		fl_breaker_free(b);
		return -ENOMEM;
	}
	b->slow_from = o.slow_after > 0 ? o.slow_after : FL_NEVER;
	window_init(&b->window, b->window.cells, o.cells, o.window, o.slow_after);
	atomic_store(&b->word, word_of(1, FL_BREAKER_CLOSED));
	*ret_breaker = b;
	return 0;
}

void
fl_breaker_free(struct fl_breaker *b)
{
	if (b == NULL)
		return;
	const struct fl_alloc *a = b->o.alloc;
	common_give(a, b->ring);
	common_give(a, b->window.cells);
	common_give(a, b);
}

static uint64_t
word_now(const struct fl_breaker *b)
{
	return atomic_load_explicit(&b->word, memory_order_acquire);
}

static fl_ns
until_of(const struct fl_breaker *b)
{
	return atomic_load_explicit(&b->until, memory_order_relaxed);
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
change(struct fl_breaker *b, enum fl_breaker_state to, fl_ns until)
{
	uint32_t generation = generation_of(atomic_load_explicit(&b->word, memory_order_relaxed)) + 1;
	atomic_store_explicit(&b->until, until, memory_order_relaxed);                                  /* (3) */
	atomic_store_explicit(&b->word, word_of(generation == 0 ? 1 : generation, to), memory_order_release);   /* (1) */
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
set_why(struct fl_breaker *b, enum fl_reason reason, double n0, double n1, double n2, double n3, double n4)
{
	const double n[FL_ARRAY_LEN(b->why)] = { n0, n1, n2, n3, n4 };
	atomic_store_explicit(&b->why_reason, (int)reason, memory_order_relaxed);
	for (size_t i = 0; i < FL_ARRAY_LEN(n); i++)
		atomic_store_explicit(&b->why[i], n[i], memory_order_relaxed);
}

static void
open_it(struct fl_breaker *b, fl_ns now)
{
	if (b->was_closed && now - b->closed_at >= b->o.stable)
		b->openings = 0;
	b->was_closed = false;
	b->openings++;
	change(b, FL_BREAKER_OPEN, now + open_time(b));
	common_add(&b->opened, 1);
}

/* A probe has told nothing good. */
static void
open_again(struct fl_breaker *b, fl_ns now)
{
	open_it(b, now);
	set_why(b, FL_REASON_BREAKER_PROBE, b->openings, 0, 0, 0, 0);
}

static void
close_it(struct fl_breaker *b, fl_ns now)
{
	b->closed_at = now;
	b->was_closed = true;
	b->ring_at = b->ring_calls = b->ring_failed = b->ring_slow = 0;
	if (b->ring != NULL)
		memset(b->ring, 0, b->o.count);
	common_add(&b->closed, 1);
	change(b, FL_BREAKER_CLOSED, FL_NEVER);
}

static void
half_open(struct fl_breaker *b)
{
	memset(b->leases, 0, sizeof(b->leases));
	b->good = 0;
	atomic_store_explicit(&b->probing, 0, memory_order_relaxed);
	change(b, FL_BREAKER_HALF_OPEN, INT64_MIN);
}

/* ---- tripping ---- */

static struct window_sum
sum(struct fl_breaker *b, uint64_t word, fl_ns now)
{
	struct window_sum w = window_read(&b->window, word, now);
	if (b->ring != NULL) {
		common_lock(&b->lock);
		w.calls = b->ring_calls;
		w.failed = b->ring_failed;
		w.slow = b->ring_slow;
		common_unlock(&b->lock);
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

/* How many more failures it takes at least, so that most of them need not look at every cell. */
static double
missing(double hits, double calls, double limit)
{
	if (limit >= 1)
		return limit > 1 || hits < calls ? SKIP_MAX + 1 : 1;
	return (limit * calls - hits) / (1 - limit);
}

/* Trip if the window says so. */
static void
evaluate(struct fl_breaker *b, struct window_cell *c, uint64_t word, fl_ns now)
{
	struct window_sum w = sum(b, word, now);
	bool failed = too_many(b, w.failed, w.calls, b->o.failure_rate), slow = too_many(b, w.slow, w.calls, b->o.slow_rate);
	char why[192];
	if (!failed && !slow) {
		double more = FL_MIN(missing(w.failed, w.calls, b->o.failure_rate), missing(w.slow, w.calls, b->o.slow_rate));
		c->skip = more < 2 || b->ring != NULL || b->o.slow_after > 0 ? 0 : (uint32_t)FL_MIN((more - 1) / b->o.cells, SKIP_MAX);
		return;
	}
	double hits = failed ? w.failed : w.slow, limit = failed ? b->o.failure_rate : b->o.slow_rate;
	common_lock(&b->lock);
	if (word_now(b) != word) {
		common_unlock(&b->lock);
		return;
	}
	set_why(b, FL_REASON_BREAKER_OPEN, hits, w.calls, 100 * hits / w.calls, 100 * common_wilson_low(hits, w.calls, b->sigmas), 100 * limit);
	open_it(b, now);
	common_unlock(&b->lock);
	snprintf(why, sizeof(why), "%.0f of %.0f calls %s (%.0f %%, limit %.0f %%)%s", hits, w.calls, failed ? "failed" : "were too slow",
	    100 * hits / w.calls, 100 * limit, w.overdue > 0 ? ", some of them still in flight" : "");
	tell(b, FL_BREAKER_CLOSED, FL_BREAKER_OPEN, why, now);
}

/* ---- admitting ---- */

static void
say_refused(const struct fl_breaker *b, enum fl_breaker_state s, fl_ns now, struct fl_refusal *why)
{
	fl_ns left = FL_MAX(until_of(b) - now, 0);
	enum fl_reason reason = (enum fl_reason)atomic_load_explicit(&b->why_reason, memory_order_relaxed);
	double n[FL_ARRAY_LEN(b->why)];
	for (size_t i = 0; i < FL_ARRAY_LEN(n); i++)
		n[i] = atomic_load_explicit(&b->why[i], memory_order_relaxed);
	if (s == FL_BREAKER_FORCED_OPEN)
		common_refuse(why, FL_WHO_BREAKER, FL_REASON_BREAKER_FORCED, b->name, 0, 0, 0, 0, 0, 0);
	else if (s == FL_BREAKER_HALF_OPEN)
		common_refuse(why, FL_WHO_BREAKER, FL_REASON_BREAKER_PROBING, b->name, b->o.open / 8,
		    atomic_load_explicit(&b->probing, memory_order_relaxed), b->o.probes, 0, 0, 0);
	else
		common_refuse(why, FL_WHO_BREAKER, reason, b->name, left, n[0], n[1], n[2], n[3], n[4]);
}

COMMON_APART static int
refuse(struct fl_breaker *b, struct window_cell *c, enum fl_breaker_state s, fl_ns now, struct fl_permit *ret_permit, struct fl_refusal *why)
{
	if (!b->enforced) {
		uint64_t nth = atomic_fetch_add_explicit(&b->would_refuse, 1, memory_order_relaxed);
		if (!common_enforced(b->o.enforce, b->o.seed, nth)) {
			common_add(&c->would_refuse, 1);
			*ret_permit = (struct fl_permit){ .generation = 0 };
			return 0;
		}
	}
	common_add(&c->refused, 1);
	if (why != NULL)
		say_refused(b, s, now, why);
	return -EAGAIN;
}

/* When the next slot may become free, for those who ask without the lock. */
static void
set_next(struct fl_breaker *b)
{
	unsigned taken = 0;
	fl_ns first = FL_NEVER;
	for (unsigned i = 0; i < b->o.probes; i++) {
		if (b->leases[i] == 0)
			continue;
		taken++;
		first = FL_MIN(first, b->leases[i]);
	}
	bool full = taken == b->o.probes || taken + b->good >= FL_MAX(b->o.probes, b->o.successes);
	atomic_store_explicit(&b->probing, taken, memory_order_relaxed);
	atomic_store_explicit(&b->until, full ? first : INT64_MIN, memory_order_relaxed);
}

/* The end of the lease that ended first; 0: none did. */
static fl_ns
lease_over(const struct fl_breaker *b, fl_ns now)
{
	fl_ns first = 0;
	for (unsigned i = 0; i < b->o.probes; i++)
		if (b->leases[i] != 0 && now >= b->leases[i] && (first == 0 || b->leases[i] < first))
			first = b->leases[i];
	return first;
}

/* Half-open: take a slot. returns its number + 1; 0: none is free. */
static unsigned
take_slot(struct fl_breaker *b, fl_ns now)
{
	if (now < until_of(b))
		return 0;
	for (unsigned i = 0; i < b->o.probes; i++) {
		if (b->leases[i] != 0)
			continue;
		fl_ns end = now + (b->o.lease > 0 ? b->o.lease : open_time(b));
		b->leases[i] = end != 0 ? end : 1;
		common_add(&b->probed, 1);
		set_next(b);
		return i + 1;
	}
	return 0;
}

/* What time has done, up to now (4). Under the lock. returns when a lease ended, or 0; *ret_half: it became half-open. */
static fl_ns
catch_up(struct fl_breaker *b, fl_ns now, bool *ret_half)
{
	fl_ns ended = 0;
	*ret_half = false;
	if (state_of(word_now(b)) == FL_BREAKER_HALF_OPEN && (ended = lease_over(b, now)) != 0) {
		common_add(&b->leases_expired, 1);
		open_again(b, ended);
	}
	if (state_of(word_now(b)) == FL_BREAKER_OPEN && now >= until_of(b)) {
		half_open(b);
		*ret_half = true;
	}
	return ended;
}

COMMON_APART static int
admit_slow(struct fl_breaker *b, struct window_cell *c, fl_ns now, struct fl_permit *ret_permit, struct fl_refusal *why)
{
	uint64_t word = word_now(b);
	enum fl_breaker_state s = state_of(word);
	unsigned slot = 0;
	bool half;
	if (s == FL_BREAKER_DISABLED) {
		*ret_permit = (struct fl_permit){ .generation = 0 };
		common_add(&c->admitted, 1);
		return 0;
	}
	if (s != FL_BREAKER_CLOSED && (s == FL_BREAKER_FORCED_OPEN || now < until_of(b)))
		return refuse(b, c, s, now, ret_permit, why);
	common_lock(&b->lock);
	fl_ns ended = catch_up(b, now, &half);
	word = word_now(b);
	s = state_of(word);
	if (s == FL_BREAKER_HALF_OPEN)
		slot = take_slot(b, now);
	common_unlock(&b->lock);
	if (ended != 0)
		tell(b, FL_BREAKER_HALF_OPEN, FL_BREAKER_OPEN, "a probe did not report before its lease ended", ended);
	if (half)
		tell(b, FL_BREAKER_OPEN, FL_BREAKER_HALF_OPEN, "the open time is over", now);
	if (slot > 0) {
		*ret_permit = (struct fl_permit){ .generation = generation_of(word), .slot = slot };
		common_add(&c->admitted, 1);
		return 0;
	}
	if (s == FL_BREAKER_CLOSED || s == FL_BREAKER_DISABLED)
		return fl_breaker_admit(b, (unsigned)(c - b->window.cells), now, ret_permit, why);
	return refuse(b, c, s, now, ret_permit, why);
}

/* Bring a cell to now while the breaker is closed with this word. returns whether a bucket ended. */
static bool
turn(struct fl_breaker *b, struct window_cell *c, uint64_t word, fl_ns now)
{
	bool ended = window_turn(&b->window, c, word, now);
	const struct fl_permit p = { .generation = generation_of(word), .bucket = (uint32_t)atomic_load_explicit(&c->number, memory_order_relaxed) };
	c->epoch_fast = b->ring == NULL ? word : 0;
	memcpy(c->stamp, &p, sizeof(p));
	return ended;
}

static void
permit_closed(struct window_cell *c, struct fl_permit *p)
{
	memcpy(p, c->stamp, sizeof(*p));
	common_add(&c->admitted, 1);
}

/* Closed, but the cell is not of now. */
COMMON_APART static int
admit_turned(struct fl_breaker *b, struct window_cell *c, uint64_t word, fl_ns now, struct fl_permit *ret_permit, struct fl_refusal *why)
{
	if (turn(b, c, word, now) && b->o.slow_after > 0) {
		/* Nothing may have been reported for long: look at what is in flight. */
		evaluate(b, c, word, now);
		if (word_now(b) != word)
			return admit_slow(b, c, now, ret_permit, why);
	}
	permit_closed(c, ret_permit);
	return 0;
}

/* Not closed, or not of now. */
COMMON_APART static int
admit_apart(struct fl_breaker *b, struct window_cell *c, fl_ns now, struct fl_permit *ret_permit, struct fl_refusal *why)
{
	uint64_t word = word_now(b);
	if (state_of(word) == FL_BREAKER_CLOSED)
		return admit_turned(b, c, word, now, ret_permit, why);
	if (state_of(word) == FL_BREAKER_OPEN && now < until_of(b))
		return refuse(b, c, FL_BREAKER_OPEN, now, ret_permit, why);
	return admit_slow(b, c, now, ret_permit, why);
}

COMMON_HOT int
fl_breaker_admit(struct fl_breaker *b, unsigned cell, fl_ns now, struct fl_permit *ret_permit, struct fl_refusal *ret_why)
{
	uint64_t word = word_now(b);
	if (COMMON_RARE(cell >= b->window.cells_n))
		return -EINVAL;
	struct window_cell *c = window_cell(&b->window, cell);
	if (!COMMON_RARE(word != c->epoch) && !COMMON_RARE(now >= c->bucket_end)) {
		permit_closed(c, ret_permit);
		return 0;
	}
	if (COMMON_RARE(state_of(word) != FL_BREAKER_OPEN) || COMMON_RARE(!b->enforced) || ret_why != NULL || COMMON_RARE(now >= until_of(b)))
		return admit_apart(b, c, now, ret_permit, ret_why);
	common_add(&c->refused, 1);
	return -EAGAIN;
}

/* ---- recording ---- */

/* A probe's outcome. */
static int
record_probe(struct fl_breaker *b, const struct fl_permit *p, bool failed, bool votes, fl_ns now)
{
	enum fl_breaker_state to = FL_BREAKER_HALF_OPEN;
	if (p->slot > b->o.probes)
		return -EINVAL;
	common_lock(&b->lock);
	fl_ns *lease = &b->leases[p->slot - 1];
	if (word_now(b) != word_of(p->generation, FL_BREAKER_HALF_OPEN) || *lease == 0) {
		common_unlock(&b->lock);
		return -ESTALE;
	}
	fl_ns ended = lease_over(b, now);
	if (ended != 0) {
		common_add(&b->leases_expired, 1);
		open_again(b, ended);
		to = FL_BREAKER_OPEN;
	} else {
		*lease = 0;
		if (votes && failed) {
			open_again(b, now);
			to = FL_BREAKER_OPEN;
		} else if (votes && ++b->good >= b->o.successes) {
			close_it(b, now);
			to = FL_BREAKER_CLOSED;
		} else {
			set_next(b);
		}
	}
	common_unlock(&b->lock);
	if (ended != 0)
		tell(b, FL_BREAKER_HALF_OPEN, to, "a probe did not report before its lease ended", ended);
	else if (to == FL_BREAKER_OPEN)
		tell(b, FL_BREAKER_HALF_OPEN, to, "a probe failed", now);
	else if (to == FL_BREAKER_CLOSED)
		tell(b, FL_BREAKER_HALF_OPEN, to, "the probes succeeded", now);
	return ended != 0 ? -ESTALE : 0;
}

/* Count window: put an outcome into the ring in place of the oldest, unless the generation has changed meanwhile. */
static void
ring_put(struct fl_breaker *b, uint32_t generation, bool failed, bool slow)
{
	uint8_t mine = (uint8_t)(4 | (failed ? 1 : 0) | (slow ? 2 : 0));
	common_lock(&b->lock);
	if (word_now(b) == word_of(generation, FL_BREAKER_CLOSED)) {
		uint8_t old = b->ring[b->ring_at];
		b->ring[b->ring_at] = mine;
		b->ring_at = b->ring_at + 1 == b->o.count ? 0 : b->ring_at + 1;
		b->ring_calls += (old & 4) == 0;
		b->ring_failed += (uint32_t)failed - (old & 1);
		b->ring_slow += (uint32_t)slow - (old >> 1 & 1);
	}
	common_unlock(&b->lock);
}

/* An outcome that is counted, whether it votes or not. */
static void
count_outcome(struct window_cell *c, enum fl_outcome o, bool slow)
{
	common_add(o == FL_OK ? &c->ok_else : o == FL_FAILED ? &c->failed : o == FL_OVERLOADED ? &c->overloaded : &c->cancelled, 1);
	if (slow)
		common_add(&c->slow, 1);
}

COMMON_APART static int
record_slow(struct fl_breaker *b, struct window_cell *c, const struct fl_permit *p, enum fl_outcome outcome, fl_ns latency, fl_ns now)
{
	bool failed = outcome == FL_FAILED || (outcome == FL_OVERLOADED && b->o.overload_fails);
	bool votes = outcome == FL_OK || failed;
	bool slow = latency >= b->slow_from && votes;
	count_outcome(c, outcome, slow);
	if (p->generation == 0)
		return 0;                               /* not admitted by any state that counts */
	int r = 0;
	if (p->slot > 0)
		r = record_probe(b, p, failed || (slow && b->o.slow_rate <= 1), votes, now);
	else if (word_now(b) != word_of(p->generation, FL_BREAKER_CLOSED))
		r = -ESTALE;
	if (r == -ESTALE)
		common_add(&c->stale, 1);
	if (r < 0 || p->slot > 0)
		return r;
	uint64_t word = word_of(p->generation, FL_BREAKER_CLOSED);
	if (!window_fits(c, word, now))
		turn(b, c, word, now);
	window_ended(c, p->bucket);
	if (!votes)
		return 0;
	if (b->ring != NULL)
		ring_put(b, p->generation, failed, slow);
	else
		window_vote(c, failed, slow);
	if (failed || slow) {
		if (c->skip > 0)
			c->skip--;
		else
			evaluate(b, c, word, now);
	}
	return 0;
}

COMMON_HOT int
fl_breaker_record(struct fl_breaker *b, unsigned cell, const struct fl_permit *p, enum fl_outcome outcome, fl_ns latency, fl_ns now)
{
	if (COMMON_RARE(cell >= b->window.cells_n))
		return -EINVAL;
	struct window_cell *c = window_cell(&b->window, cell);
	uint64_t mine, theirs;                  /* generation and bucket */
	memcpy(&mine, c->stamp, sizeof(mine));
	memcpy(&theirs, p, sizeof(theirs));
	/* A good one, of the current bucket (a probe's stamp has another generation): everything else has time. */
	if (COMMON_RARE(outcome != FL_OK || theirs != mine || word_now(b) != c->epoch_fast || now >= c->bucket_end || latency >= b->slow_from))
		return record_slow(b, c, p, outcome, latency, now);
	common_add(&c->ok, 1);
	return 0;
}

/* ---- from outside ---- */

bool
fl_breaker_ready(const struct fl_breaker *b, fl_ns now)
{
	enum fl_breaker_state s = state_of(word_now(b));
	return s == FL_BREAKER_CLOSED || s == FL_BREAKER_DISABLED || !(b->o.enforce > 0) || (s != FL_BREAKER_FORCED_OPEN && now >= until_of(b));
}

enum fl_breaker_state
fl_breaker_state(const struct fl_breaker *b)
{
	return state_of(word_now(b));
}

void
fl_breaker_force(struct fl_breaker *b, enum fl_breaker_state s, fl_ns now)
{
	common_lock(&b->lock);
	enum fl_breaker_state from = state_of(word_now(b));
	switch (s) {
	case FL_BREAKER_OPEN:
		open_it(b, now);
		set_why(b, FL_REASON_BREAKER_FORCED, 0, 0, 0, 0, 0);
		break;
	case FL_BREAKER_HALF_OPEN: half_open(b); break;
	case FL_BREAKER_CLOSED: b->openings = 0; close_it(b, now); break;
	case FL_BREAKER_FORCED_OPEN: case FL_BREAKER_DISABLED: change(b, s, FL_NEVER); break;
	default: s = from; break;
	}
	common_unlock(&b->lock);
	if (from != s)
		tell(b, from, s, "somebody said so", now);
}

void
fl_breaker_counters(const struct fl_breaker *b, struct fl_breaker_counters *ret)
{
	struct fl_breaker_counters r = { .opened = common_get(&b->opened), .closed = common_get(&b->closed),
		.probes = common_get(&b->probed), .leases_expired = common_get(&b->leases_expired) };
	for (unsigned i = 0; i < b->o.cells; i++) {
		const struct window_cell *c = &b->window.cells[i];
		r.admitted += common_get(&c->admitted);
		r.refused += common_get(&c->refused);
		r.would_refuse += common_get(&c->would_refuse);
		r.ok += common_get(&c->ok) + common_get(&c->ok_else);
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
	uint64_t word = word_now(b);
	struct window_sum w = sum(b, word, now);
	common_lock(&b->lock);
	*ret = (struct fl_breaker_view){ .state = state_of(word), .until = FL_NEVER, .calls = w.calls, .failed = w.failed, .slow = w.slow,
		.overdue = w.overdue, .openings = b->openings };
	common_unlock(&b->lock);
	if (ret->state == FL_BREAKER_OPEN)
		ret->until = until_of(b);
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
