/* SPDX-License-Identifier: MIT */
/*
 * outlier.c - outlier ejection over a set of instances.
 *
 * Invariants
 *  (1) ejected and unhealthy count the hosts of the set that are so; both change under the lock. No host is both.
 *  (2) After an ejection at most max_share of the hosts are ejected (one of two or more always may be).
 */
#include "faultline/outlier.h"
#include "policy/common.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define BUCKETS 5

struct host {
	_Atomic uint32_t in_a_row;
	_Atomic uint32_t ejections;             /* in a row: with less than their time between */
	_Atomic int64_t until;                  /* 0: not ejected */
	_Atomic int64_t back_at;
	_Atomic uint32_t unhealthy;
	struct { _Atomic uint32_t number, results, failures; } buckets[BUCKETS];
	char name[72];
};
_Static_assert(sizeof(struct host) <= sizeof(((struct fl_outlier_host *)0)->opaque), "the public struct holds it");

struct fl_outlier {
	_Alignas(64) _Atomic uint32_t hosts, ejected, unhealthy;
	atomic_flag lock;
	struct fl_outlier_host *first;
	struct fl_outlier_opts o;
	char name[FL_NAME_MAX];
	_Atomic uint64_t total, would;
};

static struct host *host_of(struct fl_outlier_host *h) { return (struct host *)(void *)h->opaque; }
static const struct host *host_at(const struct fl_outlier_host *h) { return (const struct host *)(const void *)h->opaque; }

void
fl_outlier_opts_init_size(struct fl_outlier_opts *o, size_t size)
{
	struct fl_outlier_opts d = { .size = size, .name = "", .consecutive = 5, .failure_share = 0.85, .volume_min = 20, .sigmas = 1.9,
		.hosts_min = 5, .window = 10 * FL_SEC, .base = 5 * FL_SEC, .max = 300 * FL_SEC, .jitter = 0.1, .max_share = 0.5,
		.panic_share = 0.5, .enforce = 1 };
	memcpy(o, &d, size < sizeof(d) ? size : sizeof(d));
}

int
fl_outlier_new(const struct fl_outlier_opts *opts, struct fl_outlier **ret_outlier, const char **f)
{
	struct fl_outlier_opts o;
	fl_outlier_opts_init(&o);
	memcpy(&o, opts, FL_MIN(opts->size, sizeof(o)));
	if (!common_check(o.failure_share > 0, "failure_share", f) || !common_check(o.sigmas >= 0, "sigmas", f) ||
	    !common_check(o.window >= BUCKETS, "window", f) || !common_check(o.base > 0, "base", f) || !common_check(o.max >= o.base, "max", f) ||
	    !common_check(o.jitter >= 0 && o.jitter <= 1, "jitter", f) || !common_check(o.max_share >= 0 && o.max_share <= 1, "max_share", f) ||
	    !common_check(o.panic_share >= 0 && o.panic_share <= 1, "panic_share", f) ||
	    !common_check(o.enforce >= 0 && o.enforce <= 1, "enforce", f))
		return -EINVAL;
	struct fl_outlier *s = common_take(o.alloc, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	s->o = o;
	common_name(s->name, o.name);
	s->o.name = s->name;
	*ret_outlier = s;
	return 0;
}

void
fl_outlier_free(struct fl_outlier *o)
{
	if (o == NULL)
		return;
	fl_assert(o->first == NULL);
	common_give(o->o.alloc, o);
}

void
fl_outlier_add(struct fl_outlier *o, struct fl_outlier_host *h, const char *name)
{
	struct host *p = host_of(h);
	memset(p, 0, sizeof(*p));
	atomic_store(&p->back_at, INT64_MIN);
	snprintf(p->name, sizeof(p->name), "%s", name);
	common_lock(&o->lock);
	h->prev = NULL;
	h->next = o->first;
	if (o->first != NULL)
		o->first->prev = h;
	o->first = h;
	atomic_fetch_add(&o->hosts, 1);
	common_unlock(&o->lock);
}

void
fl_outlier_remove(struct fl_outlier *o, struct fl_outlier_host *h)
{
	struct host *p = host_of(h);
	common_lock(&o->lock);
	if (h->prev != NULL)
		h->prev->next = h->next;
	else
		o->first = h->next;
	if (h->next != NULL)
		h->next->prev = h->prev;
	atomic_fetch_sub(&o->hosts, 1);
	if (atomic_load(&p->until) != 0)
		atomic_fetch_sub(&o->ejected, 1);
	if (atomic_load(&p->unhealthy))
		atomic_fetch_sub(&o->unhealthy, 1);
	common_unlock(&o->lock);
}

static void
tell(const struct fl_outlier *o, const struct host *p, bool out, const char *why, fl_ns now)
{
	if (o->o.listener.event == NULL)
		return;
	struct fl_event e = { FL_WHO_OUTLIER, p->name, out ? "usable" : "out", out ? "out" : "usable", why, now };
	o->o.listener.event(o->o.listener.ud, &e);
}

static void
eject(struct fl_outlier *o, struct host *p, const char *why, fl_ns now)
{
	common_lock(&o->lock);
	uint32_t hosts = atomic_load(&o->hosts), out = atomic_load(&o->ejected);
	uint32_t most = (uint32_t)(o->o.max_share * hosts);
	if (most == 0 && hosts > 1 && o->o.max_share > 0)
		most = 1;
	bool may = atomic_load(&p->until) == 0 && !atomic_load(&p->unhealthy) && out + 1 <= most;              /* (2) */
	if (may && o->o.enforce < 1)
		may = common_enforced(o->o.enforce, o->o.seed, atomic_fetch_add(&o->would, 1));
	if (may) {
		fl_ns back = atomic_load(&p->back_at);
		uint32_t n = atomic_load(&p->ejections);
		/* Back for longer than it was away: its sins are forgotten. */
		if (back != INT64_MIN && now - back > o->o.base * FL_MAX(n, 1u))
			n = 0;
		n++;
		fl_ns t = o->o.base > o->o.max / n ? o->o.max : o->o.base * n;
		double spread = 2 * rng_unit(rng_draw(o->o.seed, atomic_fetch_add(&o->total, 1), 0x656a)) - 1;
		t += (fl_ns)(spread * o->o.jitter * (double)t);
		atomic_store(&p->ejections, n);
		atomic_store(&p->until, FL_MAX(now + t, 1));
		atomic_fetch_add(&o->ejected, 1);
	}
	atomic_store(&p->in_a_row, 0);
	common_unlock(&o->lock);
	if (may)
		tell(o, p, true, why, now);
}

static void
uneject(struct fl_outlier *o, struct host *p, const char *why, fl_ns now)
{
	common_lock(&o->lock);
	bool was = atomic_load(&p->until) != 0;
	if (was) {
		atomic_store(&p->until, 0);
		atomic_store(&p->back_at, now);
		atomic_fetch_sub(&o->ejected, 1);
	}
	common_unlock(&o->lock);
	if (was)
		tell(o, p, false, why, now);
}

static void
window_of(const struct fl_outlier *o, const struct host *p, fl_ns now, double *ret_results, double *ret_failures)
{
	uint32_t number = (uint32_t)(now / (o->o.window / BUCKETS)), results = 0, failures = 0;
	for (unsigned i = 0; i < BUCKETS; i++) {
		if (number - atomic_load_explicit(&p->buckets[i].number, memory_order_relaxed) >= BUCKETS)
			continue;
		results += atomic_load_explicit(&p->buckets[i].results, memory_order_relaxed);
		failures += atomic_load_explicit(&p->buckets[i].failures, memory_order_relaxed);
	}
	*ret_results = results;
	*ret_failures = failures;
}

void
fl_outlier_record(struct fl_outlier *o, struct fl_outlier_host *h, enum fl_outcome outcome, fl_ns now)
{
	struct host *p = host_of(h);
	char why[96];
	if (outcome != FL_OK && outcome != FL_FAILED)
		return;
	uint32_t number = (uint32_t)(now / (o->o.window / BUCKETS)), was;
	unsigned i = number % BUCKETS;
	was = atomic_load_explicit(&p->buckets[i].number, memory_order_relaxed);
	if (was != number && atomic_compare_exchange_strong(&p->buckets[i].number, &was, number)) {
		atomic_store_explicit(&p->buckets[i].results, 0, memory_order_relaxed);
		atomic_store_explicit(&p->buckets[i].failures, 0, memory_order_relaxed);
	}
	atomic_fetch_add_explicit(&p->buckets[i].results, 1, memory_order_relaxed);
	if (outcome == FL_OK) {
		if (atomic_load_explicit(&p->in_a_row, memory_order_relaxed) != 0)
			atomic_store_explicit(&p->in_a_row, 0, memory_order_relaxed);
		return;
	}
	atomic_fetch_add_explicit(&p->buckets[i].failures, 1, memory_order_relaxed);
	uint32_t n = atomic_fetch_add_explicit(&p->in_a_row, 1, memory_order_relaxed) + 1;
	if (o->o.consecutive > 0 && n >= o->o.consecutive && atomic_load_explicit(&p->until, memory_order_relaxed) == 0) {
		snprintf(why, sizeof(why), "%u failures in a row", n);
		eject(o, p, why, now);
	}
}

void
fl_outlier_health(struct fl_outlier *o, struct fl_outlier_host *h, bool healthy, fl_ns now)
{
	struct host *p = host_of(h);
	common_lock(&o->lock);
	bool was = atomic_load(&p->unhealthy) == 0;
	if (was != healthy) {
		atomic_store(&p->unhealthy, healthy ? 0 : 1);
		if (healthy) {
			atomic_fetch_sub(&o->unhealthy, 1);
			atomic_store(&p->back_at, now);
		} else {
			atomic_fetch_add(&o->unhealthy, 1);
			if (atomic_exchange(&p->until, 0) != 0)
				atomic_fetch_sub(&o->ejected, 1);       /* (1) */
		}
	}
	common_unlock(&o->lock);
	if (was != healthy)
		tell(o, p, !healthy, healthy ? "health checks succeed" : "health checks fail", now);
	if (healthy && was)
		uneject(o, p, "health checks succeed", now);
}

bool
fl_outlier_panics(const struct fl_outlier *o)
{
	uint32_t hosts = atomic_load_explicit(&o->hosts, memory_order_relaxed);
	uint32_t out = atomic_load_explicit(&o->ejected, memory_order_relaxed) + atomic_load_explicit(&o->unhealthy, memory_order_relaxed);
	return hosts > 0 && (out >= hosts || (double)out > o->o.panic_share * hosts);
}

bool
fl_outlier_usable(struct fl_outlier *o, struct fl_outlier_host *h, fl_ns now)
{
	struct host *p = host_of(h);
	fl_ns until = atomic_load_explicit(&p->until, memory_order_relaxed);
	if (until != 0 && now >= until) {
		uneject(o, p, "its time is over", now);
		until = 0;
	}
	if (until == 0 && atomic_load_explicit(&p->unhealthy, memory_order_relaxed) == 0)
		return true;
	return fl_outlier_panics(o);
}

/* Mean and standard deviation of the success rates of the hosts with enough results; how many they are. */
static unsigned
spread_of(const struct fl_outlier *o, fl_ns now, double *ret_mean, double *ret_deviation)
{
	double sum = 0, squares = 0, results, failures;
	unsigned n = 0;
	for (const struct fl_outlier_host *h = o->first; h != NULL; h = h->next) {
		window_of(o, host_at(h), now, &results, &failures);
		if (results < o->o.volume_min)
			continue;
		double rate = 1 - failures / results;
		sum += rate;
		squares += rate * rate;
		n++;
	}
	*ret_mean = n > 0 ? sum / n : 0;
	*ret_deviation = n > 0 ? sqrt(FL_MAX(squares / n - *ret_mean * *ret_mean, 0.0)) : 0;
	return n;
}

/* Is the host's share of failures too large, by itself or against the others? */
static bool
is_bad(const struct fl_outlier *o, const struct host *p, unsigned n, double limit, fl_ns now, char *why, size_t why_bytes)
{
	double results, failures;
	window_of(o, p, now, &results, &failures);
	if (results < o->o.volume_min || atomic_load(&p->until) != 0)
		return false;
	if (failures / results >= o->o.failure_share) {
		snprintf(why, why_bytes, "%.0f of %.0f calls failed", failures, results);
		return true;
	}
	if (o->o.sigmas <= 0 || n < FL_MAX(o->o.hosts_min, 2) || 1 - failures / results >= limit)
		return false;
	snprintf(why, why_bytes, "%.1f %% of its calls succeeded, others make at least %.1f %%", 100 * (1 - failures / results), 100 * limit);
	return true;
}

void
fl_outlier_tick(struct fl_outlier *o, fl_ns now)
{
	struct fl_outlier_host *bad[16];
	char whys[16][96];
	unsigned count = 0;
	double mean, deviation;
	common_lock(&o->lock);
	unsigned n = spread_of(o, now, &mean, &deviation);
	for (struct fl_outlier_host *h = o->first; h != NULL && count < FL_ARRAY_LEN(bad); h = h->next)
		if (is_bad(o, host_of(h), n, mean - o->o.sigmas * deviation - 1e-9, now, whys[count], sizeof(whys[0])))
			bad[count++] = h;
	common_unlock(&o->lock);
	for (unsigned i = 0; i < count; i++)
		eject(o, host_of(bad[i]), whys[i], now);
}

void
fl_outlier_view(const struct fl_outlier *o, const struct fl_outlier_host *h, fl_ns now, struct fl_outlier_view *ret)
{
	const struct host *p = host_at(h);
	*ret = (struct fl_outlier_view){ .until = atomic_load(&p->until), .healthy = atomic_load(&p->unhealthy) == 0,
		.back_at = atomic_load(&p->back_at), .ejections = atomic_load(&p->ejections), .in_a_row = atomic_load(&p->in_a_row) };
	ret->ejected = ret->until != 0 && now < ret->until;
	window_of(o, p, now, &ret->results, &ret->failures);
}

void
fl_outlier_counts(const struct fl_outlier *o, unsigned *ret_hosts, unsigned *ret_out)
{
	*ret_hosts = atomic_load(&o->hosts);
	*ret_out = atomic_load(&o->ejected) + atomic_load(&o->unhealthy);
}
