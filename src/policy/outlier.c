/* SPDX-License-Identifier: MIT */
/*
 * outlier.c - outlier ejection over a set of instances.
 *
 * Invariants
 *  (1) ejected counts the hosts of the set that are so; it and out[] change under the lock. No host is both ejected and unhealthy.
 *  (2) After an ejection at most max_share of the hosts are ejected (one of two or more always may be).
 *  (3) A result of a call that began before the host's last turn (out, or back) does not vote, and what was counted before a return
 *      is forgotten: nobody is ejected for what he has been ejected for.
 */
#include "faultline/outlier.h"
#include "policy/common.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define BUCKETS 5
#define OVERPROVISION 1.4               /* what a group can carry more than its share, as in balance.h */
#define SIGMAS_95 1.96
#define TURNS 16                        /* hosts that one tick may turn */

enum cause { NO_CAUSE, IN_A_ROW, SHARE, PEERS };

struct host {
	_Atomic uint32_t in_a_row;
	_Atomic uint32_t ejections;             /* in a row: with less than their time between */
	_Atomic int64_t until;                  /* 0: not ejected */
	_Atomic int64_t back_at;
	_Atomic int64_t since;                  /* its last turn (3) */
	_Atomic uint32_t unhealthy;
	struct { _Atomic uint32_t number, results, failures; } buckets[BUCKETS];
	uint8_t group, cause;                   /* of its last ejection; under the lock, as are these */
	float numbers[2];
	char name[72];
};
_Static_assert(sizeof(struct host) <= sizeof(((struct fl_outlier_host *)0)->opaque), "the public struct holds it");

struct fl_outlier {
	_Alignas(64) _Atomic uint32_t hosts, ejected, all_out;  /* all_out: of out[], for readers without the lock */
	_Atomic uint32_t panic;                 /* a bit a group */
	atomic_flag lock;
	uint32_t of_group[FL_OUTLIER_GROUPS_MAX], out[FL_OUTLIER_GROUPS_MAX];
	struct fl_outlier_host *first;
	struct fl_outlier_opts o;
	char name[FL_NAME_MAX];
	_Atomic uint64_t asked, ejections, would_eject, spared, returned, stale, panics;
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

/* ---- panic ---- */

/* What a group can carry of the whole, 0..1. Under the lock. */
static double
carries(const struct fl_outlier *o, unsigned g)
{
	if (o->of_group[g] == 0)
		return 0;
	return FL_MIN(1.0, OVERPROVISION * (o->of_group[g] - o->out[g]) / o->of_group[g]);
}

/*
 * The groups that panic, after something changed: too many of theirs are out, and all groups together cannot carry the whole. One
 * without any left does not, as long as another has some. Under the lock; true when none did before and some do now, or the other
 * way round.
 */
static bool
panic_anew(struct fl_outlier *o)
{
	uint32_t was = atomic_load_explicit(&o->panic, memory_order_relaxed), now = 0;
	double all = 0;
	uint32_t groups = 0, all_out = 0;
	for (unsigned g = 0; g < FL_OUTLIER_GROUPS_MAX; g++) {
		all_out += o->out[g];
		all += carries(o, g);
		groups += o->of_group[g] > 0;
	}
	for (unsigned g = 0; g < FL_OUTLIER_GROUPS_MAX; g++) {
		bool many = o->out[g] >= o->of_group[g] || (double)o->out[g] > o->o.panic_share * o->of_group[g] + 1e-9;
		bool some = o->out[g] < o->of_group[g];
		if (o->of_group[g] > 0 && many && (groups == 1 || all < 1 - 1e-9) && (some || all == 0))
			now |= 1u << g;
	}
	atomic_store_explicit(&o->all_out, all_out, memory_order_relaxed);
	atomic_store_explicit(&o->panic, now, memory_order_relaxed);
	if (was == 0 && now != 0)
		atomic_fetch_add_explicit(&o->panics, 1, memory_order_relaxed);
	return (was != 0) != (now != 0);
}

/* What there is to tell when the lock is free again. */
struct news {
	const struct host *host;                /* NULL: nothing of a host */
	bool out;
	const char *why;
	bool panic_moved, panics;
	unsigned hosts, all_out;
};

/* Something changed: see about panic. Under the lock. */
static void
changed(struct fl_outlier *o, struct news *n)
{
	n->panic_moved = panic_anew(o);
	n->panics = atomic_load_explicit(&o->panic, memory_order_relaxed) != 0;
	n->hosts = n->all_out = 0;
	for (unsigned g = 0; g < FL_OUTLIER_GROUPS_MAX; g++) {
		n->hosts += o->of_group[g];
		n->all_out += o->out[g];
	}
}

static void
tell(const struct fl_outlier *o, const struct news *n, fl_ns now)
{
	char why[96];
	if (o->o.listener.event == NULL)
		return;
	if (n->host != NULL) {
		struct fl_event e = { FL_WHO_OUTLIER, n->host->name, n->out ? "usable" : "out", n->out ? "out" : "usable", n->why, now };
		o->o.listener.event(o->o.listener.ud, &e);
	}
	if (!n->panic_moved)
		return;
	snprintf(why, sizeof(why), "%u of %u instances are out", n->all_out, n->hosts);
	struct fl_event e = { FL_WHO_OUTLIER, o->name, n->panics ? "choosing" : "panic", n->panics ? "panic" : "choosing", why, now };
	o->o.listener.event(o->o.listener.ud, &e);
}

/* ---- the set ---- */

void
fl_outlier_add(struct fl_outlier *o, struct fl_outlier_host *h, const char *name, unsigned group)
{
	struct host *p = host_of(h);
	memset(p, 0, sizeof(*p));
	atomic_store(&p->back_at, INT64_MIN);
	atomic_store(&p->since, INT64_MIN);
	p->group = (uint8_t)FL_MIN(group, FL_OUTLIER_GROUPS_MAX - 1u);
	snprintf(p->name, sizeof(p->name), "%s", name);
	common_lock(&o->lock);
	h->prev = NULL;
	h->next = o->first;
	if (o->first != NULL)
		o->first->prev = h;
	o->first = h;
	atomic_fetch_add(&o->hosts, 1);
	o->of_group[p->group]++;
	panic_anew(o);
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
	if (atomic_load(&p->until) != 0 || atomic_load(&p->unhealthy))
		o->out[p->group]--;
	o->of_group[p->group]--;
	panic_anew(o);
	common_unlock(&o->lock);
}

/* ---- out and back ---- */

static void
say_cause(enum cause cause, const float n[2], char *buf, size_t bytes)
{
	static const char *const sentences[] = { [NO_CAUSE] = "nothing", [IN_A_ROW] = "%.0f failures in a row",
		[SHARE] = "%.0f of %.0f calls failed", [PEERS] = "%.1f %% of its calls succeeded, others make at least %.1f %%" };
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
	snprintf(buf, bytes, sentences[cause], (double)n[0], (double)n[1]);
#pragma GCC diagnostic pop
}

/* How long the nth ejection in a row lasts, before jitter. */
static fl_ns
lasts(const struct fl_outlier *o, uint32_t n)
{
	return n == 0 ? 0 : o->o.base > o->o.max / n ? o->o.max : o->o.base * n;
}

/* Under the lock: is there a place among the ejected, and is it enforced? */
static bool
may_eject(struct fl_outlier *o, const struct host *p)
{
	uint32_t hosts = atomic_load(&o->hosts), most = (uint32_t)(o->o.max_share * hosts + 1e-9);
	if (atomic_load(&p->until) != 0 || atomic_load(&p->unhealthy))
		return false;
	if (most == 0 && hosts > 1 && o->o.max_share > 0)
		most = 1;
	if (atomic_load(&o->ejected) + 1 > most) {                                                              /* (2) */
		atomic_fetch_add_explicit(&o->spared, 1, memory_order_relaxed);
		return false;
	}
	if (common_enforced(o->o.enforce, o->o.seed, atomic_fetch_add(&o->asked, 1)))
		return true;
	atomic_fetch_add_explicit(&o->would_eject, 1, memory_order_relaxed);
	return false;
}

static void
eject(struct fl_outlier *o, struct host *p, enum cause cause, const float n[2], fl_ns now)
{
	char why[96];
	struct news news = { .host = p, .out = true, .why = why };
	say_cause(cause, n, why, sizeof(why));
	common_lock(&o->lock);
	bool may = may_eject(o, p);
	if (may) {
		fl_ns back = atomic_load(&p->back_at);
		uint32_t times = atomic_load(&p->ejections);
		/* Back for longer than it was away: its sins are forgotten. */
		if (back != INT64_MIN && now - back > lasts(o, times))
			times = 0;
		times++;
		fl_ns t = lasts(o, times);
		double spread = 2 * rng_unit(rng_draw(o->o.seed, atomic_fetch_add(&o->ejections, 1), 0x656a)) - 1;
		t = FL_MIN(t + (fl_ns)(spread * o->o.jitter * (double)t), o->o.max);
		atomic_store(&p->ejections, times);
		atomic_store(&p->since, now);
		atomic_store(&p->until, FL_MAX(now + t, 1));
		p->cause = (uint8_t)cause;
		memcpy(p->numbers, n, sizeof(p->numbers));
		atomic_fetch_add(&o->ejected, 1);
		o->out[p->group]++;
		changed(o, &news);
	}
	atomic_store(&p->in_a_row, 0);
	common_unlock(&o->lock);
	if (may)
		tell(o, &news, now);
}

/* It takes calls again, with a clean slate (3). Under the lock. */
static void
come_back(struct fl_outlier *o, struct host *p, fl_ns now)
{
	atomic_store(&p->back_at, now);
	atomic_store(&p->since, now);
	atomic_store(&p->in_a_row, 0);
	for (unsigned i = 0; i < BUCKETS; i++) {
		atomic_store_explicit(&p->buckets[i].results, 0, memory_order_relaxed);
		atomic_store_explicit(&p->buckets[i].failures, 0, memory_order_relaxed);
	}
	o->out[p->group]--;
	atomic_fetch_add_explicit(&o->returned, 1, memory_order_relaxed);
}

/* due: only if its time is over. */
static void
uneject(struct fl_outlier *o, struct host *p, bool due, const char *why, fl_ns now)
{
	struct news news = { .host = p, .why = why };
	common_lock(&o->lock);
	fl_ns until = atomic_load(&p->until);
	bool was = until != 0 && (!due || now >= until);
	if (was) {
		atomic_store(&p->until, 0);
		atomic_fetch_sub(&o->ejected, 1);
		come_back(o, p, now);
		changed(o, &news);
	}
	common_unlock(&o->lock);
	if (was)
		tell(o, &news, now);
}

/* ---- results ---- */

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
fl_outlier_record(struct fl_outlier *o, struct fl_outlier_host *h, enum fl_outcome outcome, fl_ns began, fl_ns now)
{
	struct host *p = host_of(h);
	if (outcome != FL_OK && outcome != FL_FAILED)
		return;
	if (began < atomic_load_explicit(&p->since, memory_order_relaxed)) {
		atomic_fetch_add_explicit(&o->stale, 1, memory_order_relaxed);
		return;                                                                                         /* (3) */
	}
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
	if (o->o.consecutive > 0 && n >= o->o.consecutive && atomic_load_explicit(&p->until, memory_order_relaxed) == 0)
		eject(o, p, IN_A_ROW, (float[2]){ (float)n, 0 }, now);
}

void
fl_outlier_health(struct fl_outlier *o, struct fl_outlier_host *h, bool healthy, fl_ns now)
{
	struct host *p = host_of(h);
	struct news news = { .host = p, .out = !healthy, .why = healthy ? "health checks succeed" : "health checks fail" };
	common_lock(&o->lock);
	bool was = atomic_load(&p->unhealthy) == 0;
	if (was != healthy) {
		atomic_store(&p->unhealthy, healthy ? 0 : 1);
		if (healthy)
			come_back(o, p, now);
		else if (atomic_exchange(&p->until, 0) != 0)
			atomic_fetch_sub(&o->ejected, 1);       /* (1); it is out as before */
		else
			o->out[p->group]++;
		atomic_store(&p->since, now);
		changed(o, &news);
	}
	common_unlock(&o->lock);
	if (was != healthy)
		tell(o, &news, now);
	if (healthy && was)
		uneject(o, p, false, "health checks succeed", now);
}

bool
fl_outlier_panics(const struct fl_outlier *o)
{
	return atomic_load_explicit(&o->panic, memory_order_relaxed) != 0;
}

bool
fl_outlier_usable(struct fl_outlier *o, struct fl_outlier_host *h, fl_ns now)
{
	struct host *p = host_of(h);
	fl_ns until = atomic_load_explicit(&p->until, memory_order_relaxed);
	if (until != 0 && now >= until) {
		uneject(o, p, true, "its time is over", now);
		until = atomic_load_explicit(&p->until, memory_order_relaxed);
	}
	if (until == 0 && atomic_load_explicit(&p->unhealthy, memory_order_relaxed) == 0)
		return true;
	return (atomic_load_explicit(&o->panic, memory_order_relaxed) >> p->group & 1) != 0;
}

fl_ns
fl_outlier_back_at(const struct fl_outlier_host *h)
{
	return atomic_load_explicit(&host_at(h)->back_at, memory_order_relaxed);
}

/* ---- by shares ---- */

/* Mean and standard deviation of the success rates of the hosts that are in and have enough results; how many they are. */
static unsigned
spread_of(const struct fl_outlier *o, fl_ns now, double *ret_mean, double *ret_deviation)
{
	double sum = 0, squares = 0, results, failures;
	unsigned n = 0;
	for (const struct fl_outlier_host *h = o->first; h != NULL; h = h->next) {
		window_of(o, host_at(h), now, &results, &failures);
		if (results < FL_MAX(o->o.volume_min, 1) || atomic_load(&host_at(h)->until) != 0)
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

/* Is the host's share of failures too large, by itself, or against the others and not by chance? */
static enum cause
is_bad(const struct fl_outlier *o, const struct host *p, unsigned n, double limit, fl_ns now, float ret_numbers[2])
{
	double results, failures;
	window_of(o, p, now, &results, &failures);
	if (results < FL_MAX(o->o.volume_min, 1) || atomic_load(&p->until) != 0)
		return NO_CAUSE;
	if (failures / results >= o->o.failure_share) {
		ret_numbers[0] = (float)failures;
		ret_numbers[1] = (float)results;
		return SHARE;
	}
	if (o->o.sigmas <= 0 || n < FL_MAX(o->o.hosts_min, 2) || common_wilson_low(failures, results, SIGMAS_95) <= 1 - limit)
		return NO_CAUSE;
	ret_numbers[0] = (float)(100 * (1 - failures / results));
	ret_numbers[1] = (float)(100 * limit);
	return PEERS;
}

void
fl_outlier_tick(struct fl_outlier *o, fl_ns now)
{
	struct fl_outlier_host *turn[TURNS];
	enum cause causes[TURNS];
	float numbers[TURNS][2];
	unsigned count = 0;
	double mean, deviation;
	common_lock(&o->lock);
	unsigned n = spread_of(o, now, &mean, &deviation);
	for (struct fl_outlier_host *h = o->first; h != NULL && count < TURNS; h = h->next) {
		fl_ns until = atomic_load(&host_of(h)->until);
		memset(numbers[count], 0, sizeof(numbers[0]));
		causes[count] = is_bad(o, host_of(h), n, mean - o->o.sigmas * deviation - 1e-9, now, numbers[count]);
		if (causes[count] != NO_CAUSE || (until != 0 && now >= until))
			turn[count++] = h;
	}
	common_unlock(&o->lock);
	for (unsigned i = 0; i < count; i++) {
		if (causes[i] == NO_CAUSE)
			uneject(o, host_of(turn[i]), true, "its time is over", now);
		else
			eject(o, host_of(turn[i]), causes[i], numbers[i], now);
	}
}

/* ---- what there is to see ---- */

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
	*ret_hosts = atomic_load_explicit(&o->hosts, memory_order_relaxed);
	*ret_out = atomic_load_explicit(&o->all_out, memory_order_relaxed);
}

void
fl_outlier_counters(const struct fl_outlier *o, struct fl_outlier_counters *ret)
{
	struct fl_outlier *s = (struct fl_outlier *)(uintptr_t)o;       /* the lock is no part of what is const */
	common_lock(&s->lock);
	*ret = (struct fl_outlier_counters){ .ejections = common_get(&o->ejections), .would_eject = common_get(&o->would_eject),
		.spared = common_get(&o->spared), .returned = common_get(&o->returned), .stale = common_get(&o->stale),
		.panics = common_get(&o->panics), .hosts = atomic_load(&o->hosts), .ejected = atomic_load(&o->ejected) };
	ret->unhealthy = atomic_load(&o->all_out) - ret->ejected;
	common_unlock(&s->lock);
}

char *
fl_outlier_explain(const struct fl_outlier *o, const struct fl_outlier_host *h, fl_ns now, char *buf, size_t buf_bytes)
{
	struct fl_outlier *s = (struct fl_outlier *)(uintptr_t)o;
	const struct host *p = host_at(h);
	struct fl_outlier_view v;
	char why[96], when[32];
	fl_outlier_view(o, h, now, &v);
	common_lock(&s->lock);
	say_cause((enum cause)p->cause, p->numbers, why, sizeof(why));
	common_unlock(&s->lock);
	const char *panic = fl_outlier_panics(o) ? "; used all the same, too many are out" : "";
	if (!v.healthy)
		snprintf(buf, buf_bytes, "out: health checks fail%s", panic);
	else if (v.ejected)
		snprintf(buf, buf_bytes, "out for %s more, ejection %u in a row: %s%s", common_time(v.until - now, when, sizeof(when)),
		    v.ejections, why, panic);
	else
		snprintf(buf, buf_bytes, "in: %.0f of %.0f calls failed, %u in a row", v.failures, v.results, v.in_a_row);
	return buf;
}
