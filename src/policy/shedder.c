/* SPDX-License-Identifier: MIT */
/*
 * shedder.c - load shedding by queue sojourn and priority, and by accepts.
 *
 * The level is a number in [0, 128]: priorities below its whole part are admitted, the priority at it with the probability of its
 * fraction, none above. How far it moves depends on how the work is spread over the priorities: one step takes away, or gives back,
 * a share of what was seen in the last window.
 *
 * A window in which work was admitted and none left the queue says nothing good: the level stays. One in which nobody asked gives
 * back a step, so that what was learned before a pause is forgotten.
 */
#include "faultline/shedder.h"
#include "policy/common.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define TENTHS 12               /* buckets of the throttle's window */

struct tenth {
	_Atomic uint32_t number;
	_Atomic uint32_t requests, accepts;
};

struct cell {
	_Alignas(64) _Atomic uint32_t seen[FL_SHEDDER_LEVELS];  /* by priority; only grows */
	_Atomic uint64_t waits;
	_Atomic uint64_t waited;        /* ns, all together */
	struct tenth tenths[TENTHS];
	_Atomic uint64_t admitted, refused, would_refuse;
};

struct fl_shedder {
	_Alignas(64) _Atomic double level;
	_Atomic int64_t window_end;
	struct cell *cells;
	atomic_flag lock;
	uint32_t seen_before[FL_SHEDDER_LEVELS];        /* under the lock, as are these */
	uint64_t waits_before, waited_before, admitted_before;
	bool shedding;
	_Atomic double mean;                            /* ns, of the last window in which work left the queue */
	_Atomic uint64_t would;
	struct fl_shedder_opts o;
	char name[FL_NAME_MAX];
};

void
fl_shedder_opts_init_size(struct fl_shedder_opts *o, size_t size)
{
	struct fl_shedder_opts d = { .size = size, .name = "", .cells = 1, .target = 20 * FL_MS, .window = 500 * FL_MS, .step_down = 0.05,
		.step_up = 0.01, .k_window = 120 * FL_SEC, .enforce = 1 };
	memcpy(o, &d, size < sizeof(d) ? size : sizeof(d));
}

int
fl_shedder_new(const struct fl_shedder_opts *opts, struct fl_shedder **ret_shedder, const char **f)
{
	struct fl_shedder_opts o;
	fl_shedder_opts_init(&o);
	memcpy(&o, opts, FL_MIN(opts->size, sizeof(o)));
	if (!common_check(o.cells >= 1 && o.cells <= FL_CELLS_MAX, "cells", f) || !common_check(o.target >= 0, "target", f) ||
	    !common_check(o.window > 0, "window", f) || !common_check(o.step_down > 0 && o.step_down <= 1, "step_down", f) ||
	    !common_check(o.step_up > 0 && o.step_up <= 1, "step_up", f) || !common_check(o.k == 0 || o.k >= 1, "k", f) ||
	    !common_check(o.k_window >= TENTHS, "k_window", f) || !common_check(o.enforce >= 0 && o.enforce <= 1, "enforce", f))
		return -EINVAL;
	struct fl_shedder *s = common_take(o.alloc, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	s->o = o;
	common_name(s->name, o.name);
	s->o.name = s->name;
	atomic_store(&s->level, FL_SHEDDER_LEVELS);
	atomic_store(&s->window_end, INT64_MIN);
	s->cells = common_take(o.alloc, o.cells * sizeof(*s->cells));
	if (s->cells == NULL) {
		fl_shedder_free(s);
		return -ENOMEM;
	}
	*ret_shedder = s;
	return 0;
}

void
fl_shedder_free(struct fl_shedder *s)
{
	if (s == NULL)
		return;
	common_give(s->o.alloc, s->cells);
	common_give(s->o.alloc, s);
}

static void
add32(_Atomic uint32_t *c, uint32_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

/* ---- the throttle ---- */

static struct tenth *
tenth_of(const struct fl_shedder *s, struct cell *c, fl_ns now)
{
	uint32_t number = (uint32_t)(now / (s->o.k_window / TENTHS));
	struct tenth *t = &c->tenths[number % TENTHS];
	if (atomic_load_explicit(&t->number, memory_order_relaxed) != number) {
		atomic_store_explicit(&t->requests, 0, memory_order_relaxed);
		atomic_store_explicit(&t->accepts, 0, memory_order_relaxed);
		atomic_store_explicit(&t->number, number, memory_order_release);
	}
	return t;
}

static void
throttle_sums(const struct fl_shedder *s, fl_ns now, double *ret_requests, double *ret_accepts)
{
	uint32_t number = (uint32_t)(now / (s->o.k_window / TENTHS));
	uint64_t requests = 0, accepts = 0;
	for (unsigned i = 0; i < s->o.cells; i++) {
		for (unsigned k = 0; k < TENTHS; k++) {
			const struct tenth *t = &s->cells[i].tenths[k];
			if (number - atomic_load_explicit(&t->number, memory_order_acquire) >= TENTHS)
				continue;
			requests += atomic_load_explicit(&t->requests, memory_order_relaxed);
			accepts += atomic_load_explicit(&t->accepts, memory_order_relaxed);
		}
	}
	*ret_requests = (double)requests;
	*ret_accepts = (double)accepts;
}

/* The probability of refusing. */
static double
throttle_chance(const struct fl_shedder *s, double requests, double accepts)
{
	return FL_MAX((requests - s->o.k * accepts) / (requests + 1), 0.0);
}

/* ---- the level ---- */

/* Take away (share < 0) or give back a share of the work seen in the window, by moving the level over the priorities. */
static double
move(const uint32_t seen[FL_SHEDDER_LEVELS], double level, double share)
{
	double total = 0, work = 0;
	for (unsigned i = 0; i < FL_SHEDDER_LEVELS; i++)
		total += seen[i];
	if (total <= 0)
		return level;
	for (unsigned i = 0; i < FL_SHEDDER_LEVELS; i++)
		work += seen[i] * FL_MIN(FL_MAX(level - i, 0.0), 1.0);
	double want = share < 0 ? work * (1 + share) : work + total * share;
	if (want >= total - 1e-9)
		return FL_SHEDDER_LEVELS;
	want = FL_MAX(want, total * 0.001);             /* never all of it: something must tell that it is over */
	for (unsigned i = 0; i < FL_SHEDDER_LEVELS; i++) {
		if (want <= seen[i])
			return i + (seen[i] > 0 ? want / seen[i] : 0);
		want -= seen[i];
	}
	return FL_SHEDDER_LEVELS;
}

/* What the window saw: how much of each priority asked, and how many were admitted, left the queue, and waited how long. */
struct seen {
	uint32_t by_priority[FL_SHEDDER_LEVELS];
	uint64_t admitted, left, waited;
};

/* Under the lock. */
static void
gather(struct fl_shedder *s, struct seen *ret)
{
	uint64_t waits = 0, waited = 0, admitted = 0;
	for (unsigned p = 0; p < FL_SHEDDER_LEVELS; p++) {
		uint32_t n = 0;
		for (unsigned i = 0; i < s->o.cells; i++)
			n += atomic_load_explicit(&s->cells[i].seen[p], memory_order_relaxed);
		ret->by_priority[p] = n - s->seen_before[p];
		s->seen_before[p] = n;
	}
	for (unsigned i = 0; i < s->o.cells; i++) {
		waits += common_get(&s->cells[i].waits);
		waited += common_get(&s->cells[i].waited);
		admitted += common_get(&s->cells[i].admitted);
	}
	ret->admitted = admitted - s->admitted_before;
	ret->left = waits - s->waits_before;
	ret->waited = waited - s->waited_before;
	s->admitted_before = admitted;
	s->waits_before = waits;
	s->waited_before = waited;
}

/* Windows that passed without anybody asking: there was no queue. Under the lock. */
static double
forget(const struct fl_shedder *s, double level, fl_ns since, fl_ns now)
{
	if (since == INT64_MIN || level >= FL_SHEDDER_LEVELS)
		return level;
	double idle = floor((double)(now - since) / (double)s->o.window);
	return FL_MIN(level + idle * FL_SHEDDER_LEVELS * s->o.step_up, FL_SHEDDER_LEVELS);
}

/* The window has ended: look at what waited and move the level. */
static void
window(struct fl_shedder *s, fl_ns now)
{
	struct seen seen;
	char why[128] = "";
	common_lock(&s->lock);
	fl_ns end = atomic_load_explicit(&s->window_end, memory_order_relaxed);
	if (now < end) {
		common_unlock(&s->lock);
		return;
	}
	atomic_store_explicit(&s->window_end, now + s->o.window, memory_order_relaxed);
	gather(s, &seen);
	double level = atomic_load_explicit(&s->level, memory_order_relaxed);
	double mean = seen.left > 0 ? (double)seen.waited / (double)seen.left : seen.admitted > 0 ? atomic_load(&s->mean) : 0;
	atomic_store_explicit(&s->mean, mean, memory_order_relaxed);
	if (seen.left > 0 || seen.admitted == 0)
		level = move(seen.by_priority, level, mean > (double)s->o.target ? -s->o.step_down : s->o.step_up);
	level = forget(s, level, end, now);
	atomic_store_explicit(&s->level, level, memory_order_relaxed);
	bool shedding = level < FL_SHEDDER_LEVELS, moved = shedding != s->shedding;
	s->shedding = shedding;
	if (moved)
		snprintf(why, sizeof(why), "queued for %.1f ms on average, target %.1f ms", mean / 1e6, (double)s->o.target / 1e6);
	common_unlock(&s->lock);
	if (moved && s->o.listener.event != NULL) {
		struct fl_event e = { FL_WHO_SHEDDER, s->name, shedding ? "admitting" : "shedding", shedding ? "shedding" : "admitting", why, now };
		s->o.listener.event(s->o.listener.ud, &e);
	}
}

/* ---- for callers ---- */

static int
judge(struct fl_shedder *s, unsigned priority, uint64_t key, fl_ns now, struct fl_refusal *why)
{
	double level = atomic_load_explicit(&s->level, memory_order_relaxed);
	if (s->o.target > 0 && level < FL_SHEDDER_LEVELS && level < priority + 1.0) {
		double chance = level - priority;
		if (chance <= 0 || rng_unit(rng_draw(s->o.seed, key, 0x73686564)) >= chance) {
			common_refuse(why, FL_WHO_SHEDDER, FL_REASON_SHED_PRIORITY, s->name, s->o.window, priority, floor(level),
			    atomic_load_explicit(&s->mean, memory_order_relaxed) / 1e6, (double)s->o.target / 1e6, 0);
			return -EAGAIN;
		}
	}
	if (s->o.k > 0) {
		double requests, accepts;
		throttle_sums(s, now, &requests, &accepts);
		double p = throttle_chance(s, requests, accepts);
		if (p > 0 && rng_unit(rng_draw(s->o.seed, key, 0x74687274)) < p) {
			common_refuse(why, FL_WHO_SHEDDER, FL_REASON_SHED_ACCEPTS, s->name, FL_SEC, requests, accepts, 100 * p, 0, 0);
			return -EAGAIN;
		}
	}
	return 0;
}

int
fl_shedder_admit(struct fl_shedder *s, unsigned cell, unsigned priority, uint64_t key, fl_ns now, struct fl_refusal *why)
{
	struct cell *c = &s->cells[cell];
	priority = FL_MIN(priority, FL_SHEDDER_LEVELS - 1);
	if (s->o.target > 0) {
		add32(&c->seen[priority], 1);
		if (now >= atomic_load_explicit(&s->window_end, memory_order_relaxed))
			window(s, now);
	}
	struct fl_refusal mine;
	int r = judge(s, priority, key, now, &mine);
	/* The throttle counts at the time of sending, refused ones too: else it would let in more the more it refuses. */
	if (s->o.k > 0)
		add32(&tenth_of(s, c, now)->requests, 1);
	if (r != 0 && s->o.enforce < 1) {
		uint64_t nth = atomic_fetch_add_explicit(&s->would, 1, memory_order_relaxed);
		if (!common_enforced(s->o.enforce, s->o.seed, nth)) {
			common_add(&c->would_refuse, 1);
			r = 0;
		}
	}
	common_add(r == 0 ? &c->admitted : &c->refused, 1);
	if (r != 0 && why != NULL)
		*why = mine;
	return r;
}

void
fl_shedder_sojourn(struct fl_shedder *s, unsigned cell, fl_ns waited, fl_ns now)
{
	struct cell *c = &s->cells[cell];
	common_add(&c->waits, 1);
	common_add(&c->waited, (uint64_t)FL_MAX(waited, 0));
	if (s->o.target > 0 && now >= atomic_load_explicit(&s->window_end, memory_order_relaxed))
		window(s, now);
}

void
fl_shedder_accepted(struct fl_shedder *s, unsigned cell, fl_ns now)
{
	if (s->o.k > 0)
		add32(&tenth_of(s, &s->cells[cell], now)->accepts, 1);
}

void
fl_shedder_counters(struct fl_shedder *s, fl_ns now, struct fl_shedder_counters *ret)
{
	*ret = (struct fl_shedder_counters){ .level = atomic_load(&s->level) };
	for (unsigned i = 0; i < s->o.cells; i++) {
		ret->admitted += common_get(&s->cells[i].admitted);
		ret->refused += common_get(&s->cells[i].refused);
		ret->would_refuse += common_get(&s->cells[i].would_refuse);
	}
	throttle_sums(s, now, &ret->requests, &ret->accepts);
	ret->sojourn = (fl_ns)atomic_load_explicit(&s->mean, memory_order_relaxed);
}

char *
fl_shedder_explain(struct fl_shedder *s, fl_ns now, char *buf, size_t buf_bytes)
{
	struct fl_shedder_counters c;
	char queue[160] = "", accepts[160] = "";
	fl_shedder_counters(s, now, &c);
	if (s->o.target > 0 && c.level >= FL_SHEDDER_LEVELS)
		snprintf(queue, sizeof(queue), "admits every priority; queued for %.1f ms on average, target %.1f; ", (double)c.sojourn / 1e6,
		    (double)s->o.target / 1e6);
	else if (s->o.target > 0)
		snprintf(queue, sizeof(queue), "sheds priorities from %.1f on; queued for %.1f ms on average, target %.1f; ", c.level,
		    (double)c.sojourn / 1e6, (double)s->o.target / 1e6);
	if (s->o.k > 0)
		snprintf(accepts, sizeof(accepts), "of %.0f requests %.0f were accepted, %.0f %% are refused here; ", c.requests, c.accepts,
		    100 * throttle_chance(s, c.requests, c.accepts));
	snprintf(buf, buf_bytes, "%s%s%llu refused so far", queue, accepts, (unsigned long long)c.refused);
	return buf;
}
