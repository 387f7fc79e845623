/* SPDX-License-Identifier: MIT */
/*
 * adaptive.c - a limit on concurrency by the gradient of latency.
 *
 * Invariants
 *  (1) limit, baseline and the window's samples change under the lock; readers of the limit see one word.
 *  (2) The epoch grows when the limit falls; a sample of an earlier epoch does not enter, nor does one taken before the fall
 *      stay in the window.
 */
#include "faultline/adaptive.h"
#include "policy/common.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES 128             /* kept of a window: a reservoir of the first, then every nth */
#define BASELINE_RISE 1.05      /* a window, while at the minimum and still slow */
#define PROBE_AFTER 50          /* windows in a row in which the limit was reached and calls queued: then look lower for one */
#define QUEUES 1.2              /* times the baseline */
#define SAME 0.9                /* of the latency before, at half the limit: it is not our queue */
#define LOOK_RISE 1.5           /* of the baseline, at most, with one look */
#define LATENCY_MIN FL_US       /* a cached tick may see no time pass at all */

struct fl_adaptive {
	_Alignas(64) _Atomic int64_t inflight;
	_Alignas(64) _Atomic uint32_t limit;    /* whole calls */
	_Atomic uint32_t epoch;
	_Atomic uint64_t stale, refused, would_refuse, asked;
	atomic_flag lock;
	double limit_exact, baseline, latency;  /* ns */
	fl_ns window_at, backed_off;
	uint64_t seen, windows, overloads;
	int64_t most;                           /* in flight within the window */
	uint32_t queued;                        /* windows in a row, for PROBE_AFTER */
	double resume, before;                  /* limit after a look lower, latency before; 0: there is none under way */
	fl_ns samples[SAMPLES];
	bool at_min;
	struct fl_adaptive_opts o;
	char name[FL_NAME_MAX];
};

void
fl_adaptive_opts_init_size(struct fl_adaptive_opts *o, size_t size)
{
	struct fl_adaptive_opts d = { .size = size, .name = "", .initial = 20, .min = 4, .max = 1000, .tolerance = 1.5, .window = 100 * FL_MS,
		.samples_min = 10, .backoff = 0.9, .smoothing = 0.3, .enforce = 1 };
	memcpy(o, &d, size < sizeof(d) ? size : sizeof(d));
}

int
fl_adaptive_new(const struct fl_adaptive_opts *opts, struct fl_adaptive **ret_adaptive, const char **f)
{
	struct fl_adaptive_opts o;
	fl_adaptive_opts_init(&o);
	memcpy(&o, opts, FL_MIN(opts->size, sizeof(o)));
	if (!common_check(o.min >= 1, "min", f) || !common_check(o.max >= o.min && o.max <= 1000000, "max", f) ||
	    !common_check(o.initial >= o.min && o.initial <= o.max, "initial", f) || !common_check(o.tolerance >= 1, "tolerance", f) ||
	    !common_check(o.window > 0, "window", f) || !common_check(o.samples_min >= 1 && o.samples_min <= SAMPLES, "samples_min", f) ||
	    !common_check(o.backoff > 0 && o.backoff < 1, "backoff", f) || !common_check(o.smoothing > 0 && o.smoothing <= 1, "smoothing", f) ||
	    !common_check(o.enforce >= 0 && o.enforce <= 1, "enforce", f))
		return -EINVAL;
	struct fl_adaptive *a = common_take(o.alloc, sizeof(*a));
	if (a == NULL)
		return -ENOMEM;
	a->o = o;
	common_name(a->name, o.name);
	a->o.name = a->name;
	a->limit_exact = o.initial;
	atomic_store(&a->limit, o.initial);
	a->window_at = INT64_MIN;
	a->backed_off = INT64_MIN;
	a->at_min = o.initial == o.min;
	*ret_adaptive = a;
	return 0;
}

void
fl_adaptive_free(struct fl_adaptive *a)
{
	if (a != NULL)
		common_give(a->o.alloc, a);
}

int
fl_adaptive_admit(struct fl_adaptive *a, fl_ns now, uint32_t *ret_epoch, struct fl_refusal *why)
{
	(void)now;
	int64_t n = atomic_load_explicit(&a->inflight, memory_order_relaxed);
	bool waved = false;                     /* over the limit, and let in all the same */
	do {
		if (waved || n < (int64_t)atomic_load_explicit(&a->limit, memory_order_relaxed))
			continue;
		uint64_t nth = a->o.enforce < 1 ? atomic_fetch_add_explicit(&a->asked, 1, memory_order_relaxed) : 0;
		if (common_enforced(a->o.enforce, a->o.seed, nth)) {
			atomic_fetch_add_explicit(&a->refused, 1, memory_order_relaxed);
			common_refuse(why, FL_WHO_ADAPTIVE, FL_REASON_ADAPTIVE_FULL, a->name, a->o.window, (double)n,
			    atomic_load(&a->limit), 0, 0, 0);
			return -EAGAIN;
		}
		waved = true;
		atomic_fetch_add_explicit(&a->would_refuse, 1, memory_order_relaxed);
	} while (!atomic_compare_exchange_weak_explicit(&a->inflight, &n, n + 1, memory_order_acquire, memory_order_relaxed));
	*ret_epoch = atomic_load_explicit(&a->epoch, memory_order_relaxed);
	return 0;
}

bool
fl_adaptive_full(const struct fl_adaptive *a)
{
	return atomic_load_explicit(&a->inflight, memory_order_relaxed) >= (int64_t)atomic_load_explicit(&a->limit, memory_order_relaxed);
}

static int
by_size(const void *x, const void *y)
{
	fl_ns a = *(const fl_ns *)x, b = *(const fl_ns *)y;
	return (a > b) - (a < b);
}

/* Under the lock. */
static void
begin_window(struct fl_adaptive *a, fl_ns now)
{
	a->seen = 0;
	a->most = 0;
	a->window_at = now;
}

/* Under the lock. */
static void
set_limit(struct fl_adaptive *a, double to, fl_ns now)
{
	to = FL_MIN(FL_MAX(to, (double)a->o.min), (double)a->o.max);
	if ((uint32_t)(to + 0.5) < (uint32_t)(a->limit_exact + 0.5)) {
		atomic_fetch_add_explicit(&a->epoch, 1, memory_order_relaxed);       /* (2) */
		begin_window(a, now);
	}
	a->limit_exact = to;
	atomic_store_explicit(&a->limit, (uint32_t)(to + 0.5), memory_order_relaxed);
}

static void
tell(const struct fl_adaptive *a, bool at_min, const char *why, fl_ns now)
{
	if (a->o.listener.event == NULL)
		return;
	struct fl_event e = { FL_WHO_ADAPTIVE, a->name, at_min ? "adapting" : "minimum", at_min ? "minimum" : "adapting", why, now };
	a->o.listener.event(a->o.listener.ud, &e);
}

/*
 * Who begins under overload has never seen the service without a queue; and a service may become slower for good. After so many windows
 * with what looks like a queue, half the limit shows for one window whether it is our own: then latency falls, and the baseline may.
 * If it does not, the baseline rises. Then all is as before. Under the lock; true: nothing more to do.
 */
static bool
look_lower(struct fl_adaptive *a, double latency, double surely, fl_ns at)
{
	double was = a->resume;
	if (was > 0) {
		if (latency > SAME * a->before)
			a->baseline = FL_MAX(a->baseline, FL_MIN(surely, a->baseline * LOOK_RISE));
		a->resume = 0;
		set_limit(a, was, at);
		begin_window(a, at);
		return true;
	}
	a->queued = latency > QUEUES * a->baseline && a->most >= (int64_t)a->limit_exact ? a->queued + 1 : 0;
	if (a->queued < PROBE_AFTER || a->limit_exact < a->o.min + 1.0)
		return false;
	a->queued = 0;
	a->resume = a->limit_exact;
	a->before = latency;
	set_limit(a, a->limit_exact / 2, at);
	begin_window(a, at);
	return true;
}

/* A window has ended. Under the lock. */
static void
adapt(struct fl_adaptive *a, fl_ns at)
{
	/* Bounds between which the true median is with a probability of 95 %: few samples shall not make it seem to jump. */
	unsigned n = (unsigned)FL_MIN(a->seen, SAMPLES), middle = n / 2, off = (unsigned)sqrt(n);
	qsort(a->samples, n, sizeof(a->samples[0]), by_size);
	double surely = (double)a->samples[middle - FL_MIN(off, middle)], at_most = (double)a->samples[FL_MIN(middle + off, n - 1)];
	double limit = a->limit_exact;
	a->latency = (double)a->samples[middle];
	a->windows++;
	if (a->baseline == 0 || at_most < a->baseline)
		a->baseline = at_most;
	if (look_lower(a, a->latency, surely, at))
		return;
	double gradient = a->o.tolerance * a->baseline / surely;
	gradient = FL_MIN(FL_MAX(gradient, 0.5), 1.0);
	if (gradient < 1) {
		/* (1) of the header. More than the minimum in flight, as when the limit is not enforced, may well be our own queue. */
		if (limit <= a->o.min + 0.5 && a->most <= (int64_t)a->o.min)
			a->baseline = FL_MIN(a->baseline * BASELINE_RISE, a->latency);
		set_limit(a, limit + a->o.smoothing * (limit * gradient - limit), at);
	} else if ((double)a->most >= limit / 2) {
		set_limit(a, limit + a->o.smoothing * sqrt(limit), at);
	}
	begin_window(a, at);
}

/* Has the limit come to its minimum, or left it for good? Under the lock; true with the sentence for the event. */
static bool
turned(struct fl_adaptive *a, char *why, size_t why_bytes)
{
	double leave = a->o.min * 1.25 + 1;
	bool at_min = a->limit_exact <= a->o.min + 0.5 || (a->at_min && a->limit_exact < leave && leave < a->o.max);
	if (at_min == a->at_min)
		return false;
	a->at_min = at_min;
	snprintf(why, why_bytes, "limit %.0f; median latency %.1f ms, baseline %.1f ms; %llu overloads so far", a->limit_exact, a->latency / 1e6,
	    a->baseline / 1e6, (unsigned long long)a->overloads);
	return true;
}

void
fl_adaptive_release(struct fl_adaptive *a, uint32_t epoch, enum fl_outcome outcome, bool timed_out, fl_ns latency, fl_ns now)
{
	int64_t was = atomic_fetch_sub_explicit(&a->inflight, 1, memory_order_release);
	bool overload = timed_out || outcome == FL_OVERLOADED;
	char why[160];
	fl_assert(was > 0);
	if (!overload && outcome != FL_OK)
		return;                                                         /* (3) of the header */
	if (epoch != atomic_load_explicit(&a->epoch, memory_order_relaxed)) {
		atomic_fetch_add_explicit(&a->stale, 1, memory_order_relaxed);
		return;
	}
	common_lock(&a->lock);
	a->most = FL_MAX(a->most, was);
	if (a->window_at == INT64_MIN)
		a->window_at = now;
	if (overload) {
		a->overloads++;
		if (a->backed_off == INT64_MIN || now - a->backed_off >= a->o.window) {
			a->backed_off = now;
			a->resume *= a->o.backoff;
			set_limit(a, a->limit_exact * a->o.backoff, now);
		}
	} else {
		/* The first SAMPLES, then each in place of a drawn one: a sample of the whole window (Vitter's algorithm R). */
		uint64_t k = a->seen++;
		uint64_t at = k < SAMPLES ? k : rng_below(rng_draw(a->o.seed, k, a->windows), k + 1);
		if (at < SAMPLES)
			a->samples[at] = FL_MAX(latency, LATENCY_MIN);
		if (now - a->window_at >= a->o.window && a->seen >= a->o.samples_min)
			adapt(a, now);
	}
	bool moved = turned(a, why, sizeof(why)), at_min = a->at_min;
	common_unlock(&a->lock);
	if (moved)
		tell(a, at_min, why, now);
}

void
fl_adaptive_counters(struct fl_adaptive *a, struct fl_adaptive_counters *ret)
{
	common_lock(&a->lock);
	*ret = (struct fl_adaptive_counters){ .refused = common_get(&a->refused), .would_refuse = common_get(&a->would_refuse),
		.stale = common_get(&a->stale), .overloads = a->overloads, .windows = a->windows, .inflight = (unsigned)atomic_load(&a->inflight),
		.limit = a->limit_exact, .baseline = (fl_ns)a->baseline, .latency = (fl_ns)a->latency };
	common_unlock(&a->lock);
}

char *
fl_adaptive_explain(struct fl_adaptive *a, char *buf, size_t buf_bytes)
{
	struct fl_adaptive_counters c;
	fl_adaptive_counters(a, &c);
	snprintf(buf, buf_bytes, "%u in flight, limit %.1f; median latency %.2f ms, baseline %.2f ms; %llu refused", c.inflight, c.limit,
	    (double)c.latency / 1e6, (double)c.baseline / 1e6, (unsigned long long)c.refused);
	return buf;
}
