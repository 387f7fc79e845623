/* SPDX-License-Identifier: MIT */
/* cluster_pick.c - the choice among the instances of a cluster. */
#include "proxy/cluster_pick.h"
#include "base/rng.h"

#include <errno.h>
#include <stdio.h>

struct view {
	const struct cluster *c;
	struct instance *const *items;
	fl_ns now;
	bool breakers;                          /* an open breaker makes an instance unusable */
	unsigned panics;                        /* priorities, as bits, whose instances are all used */
	unsigned opens;                         /* likewise, though their breakers are open */
};

static bool
is_drained(const struct instance *i)
{
	return atomic_load_explicit(&i->draining, memory_order_relaxed);
}

/* Do ejection and checks let it be used? */
static bool
is_fit(const struct instance *i, fl_ns now)
{
	return i->judge == NULL || fl_outlier_usable(cluster_outlier_of(i), &i->judge->host, now);
}

static bool
breaker_ready(const struct instance *i, fl_ns now)
{
	return i->core->breaker == NULL || fl_breaker_ready(i->core->breaker, now);
}

/* When it came to be used, for slow start. */
static fl_ns
back_at(const struct cluster *c, const struct instance *i, fl_ns now)
{
	fl_ns at = atomic_load_explicit(&i->back_at, memory_order_relaxed);
	struct fl_outlier_view v;
	if (cluster_conf_of(c)->balance.slow_start <= 0 || i->judge == NULL)
		return at;
	fl_outlier_view(cluster_outlier_of(i), &i->judge->host, now, &v);
	return FL_MAX(at, v.back_at);
}

static unsigned
bit_of(const struct instance *i)
{
	return 1u << FL_MIN(i->priority, FL_BALANCE_PRIORITIES_MAX - 1u);
}

bool
cluster_pick_usable(const struct instance *i, unsigned panics, fl_ns now)
{
	return !is_drained(i) && ((panics & bit_of(i)) != 0 || is_fit(i, now));
}

static void
see(void *ud, unsigned n, struct fl_instance_view *ret)
{
	const struct view *v = ud;
	const struct instance *i = v->items[n];
	*ret = (struct fl_instance_view){ .weight = i->weight, .inflight = (unsigned)atomic_load_explicit(&i->inflight, memory_order_relaxed),
		.latency = atomic_load_explicit(&i->core->latency, memory_order_relaxed), .priority = i->priority, .local = i->local,
		.usable = cluster_pick_usable(i, v->panics, v->now) &&
		    (!v->breakers || (v->opens & bit_of(i)) != 0 || breaker_ready(i, v->now)),
		.back_at = back_at(v->c, i, v->now) };
	if (cluster_conf_of(v->c)->balance.kind == FL_EWMA)
		ret->latency = fl_balance_faded(ret->latency, atomic_load_explicit(&i->core->latency_at, memory_order_relaxed), v->now,
		    cluster_conf_of(v->c)->ewma_half_life);
}

/*
 * The priorities whose instances are all used, for so many of them are out that those that are left could not carry their calls; as
 * long as priorities together have enough that are fit, none is: that is what backups are for.
 */
unsigned
cluster_pick_panics(const struct cluster *c, struct instance *const *items, unsigned count, fl_ns now)
{
	const struct cluster_conf *conf = cluster_conf_of(c);
	double all[FL_BALANCE_PRIORITIES_MAX] = { 0 }, fit[FL_BALANCE_PRIORITIES_MAX] = { 0 }, carried = 0;
	unsigned hosts, out, panics = 0;
	if (cluster_outlier(c) == NULL)
		return 0;
	fl_outlier_counts(cluster_outlier(c), &hosts, &out);
	if (out == 0)
		return 0;
	for (unsigned i = 0; i < count; i++) {
		const struct instance *it = items[i];
		unsigned p = FL_MIN(it->priority, FL_BALANCE_PRIORITIES_MAX - 1u);
		if (is_drained(it) || it->weight <= 0)
			continue;
		all[p] += it->weight;
		fit[p] += is_fit(it, now) ? it->weight : 0;
	}
	for (unsigned p = 0; p < FL_BALANCE_PRIORITIES_MAX; p++) {
		if (all[p] <= 0)
			continue;
		carried += FL_MIN(1.0, conf->balance.overprovision * fit[p] / all[p]);
		if (fit[p] < conf->panic * all[p] || fit[p] <= 0)
			panics |= 1u << p;
	}
	return carried >= 1 - 1e-9 ? 0 : panics;
}

/*
 * The priorities of which less than `panic` of the breakers are closed, but some: those cannot carry everything, so all carry, unless
 * other priorities can. All of them open is what a breaker is for: the call is refused.
 */
static unsigned
breakers_panic(const struct cluster *c, struct instance *const *items, unsigned count, fl_ns now)
{
	const struct cluster_conf *conf = cluster_conf_of(c);
	unsigned all[FL_BALANCE_PRIORITIES_MAX] = { 0 }, open[FL_BALANCE_PRIORITIES_MAX] = { 0 }, out = 0, groups = 0, panics = 0;
	double carried = 0;
	if (!conf->breaker_on || count < 2)
		return 0;
	for (unsigned i = 0; i < count; i++) {
		unsigned p = FL_MIN(items[i]->priority, FL_BALANCE_PRIORITIES_MAX - 1u);
		bool is = !breaker_ready(items[i], now);
		all[p]++;
		open[p] += is;
		out += is;
	}
	if (out == 0)
		return 0;
	for (unsigned p = 0; p < FL_BALANCE_PRIORITIES_MAX; p++) {
		if (all[p] == 0)
			continue;
		groups++;
		carried += FL_MIN(1.0, conf->balance.overprovision * (all[p] - open[p]) / all[p]);
		if (open[p] < all[p] && all[p] - open[p] < conf->panic * all[p])
			panics |= 1u << p;
	}
	return groups > 1 && carried >= 1 - 1e-9 ? 0 : panics;
}

static void
refuse_all(const struct cluster *c, unsigned count, unsigned asked, fl_ns soonest, struct fl_refusal *why)
{
	if (asked > 0 && why->by != FL_WHO_NONE) {
		why->retry_after = soonest == FL_NEVER ? 0 : soonest;
		return;
	}
	*why = (struct fl_refusal){ .by = FL_WHO_NO_INSTANCE, .reason = asked > 0 ? FL_REASON_ALL_REFUSED : FL_REASON_ALL_OUT,
		.n = { asked > 0 ? asked : count, 0 }, .retry_after = FL_SEC };
	snprintf(why->name, sizeof(why->name), "%s", cluster_conf_of(c)->name);
}

/* Ask the chosen one: its connections, its breaker. */
static int
take(struct worker *w, struct instance *i, bool panic, fl_ns now, struct fl_permit *ret_permit, struct fl_refusal *why)
{
	int conns = (int)atomic_load_explicit(&i->conns, memory_order_relaxed);
	/* Idle ones of other workers count, but give way. */
	if (i->conns_max > 0 && conns >= (int)i->conns_max && list_empty(&i->seats[w->index].idle) &&
	    atomic_load_explicit(&i->idle, memory_order_relaxed) == 0) {
		*why = (struct fl_refusal){ .by = FL_WHO_POOL, .reason = FL_REASON_POOL_FULL, .n = { conns, i->conns_max } };
		snprintf(why->name, sizeof(why->name), "%.100s", i->text);
		return -EAGAIN;
	}
	*ret_permit = (struct fl_permit){ .generation = 0 };
	if (i->core->breaker == NULL || fl_breaker_admit(i->core->breaker, w->index, now, ret_permit, why) == 0)
		return 0;
	if (!panic)
		return -EAGAIN;
	*ret_permit = (struct fl_permit){ .generation = 0 };
	return 0;
}

static bool
was_tried(const struct cluster_ask *ask, const struct instance *i)
{
	for (unsigned k = 0; k < ask->tried_count; k++)
		if (ask->tried[k] == i)
			return true;
	return false;
}

bool
cluster_pick_ready(struct worker *w, struct cluster *c, fl_ns now)
{
	struct instance **items;
	unsigned total = cluster_instances(w, c, &items);
	for (unsigned i = 0; i < total; i++)
		if (!is_drained(items[i]) && breaker_ready(items[i], now))
			return true;
	return false;
}

/* Panic began or ended: told once, by whoever finds out first. */
static void
note_panic(struct cluster *c, unsigned panics, fl_ns now)
{
	const struct fl_listener *l = &cluster_conf_of(c)->listener;
	unsigned hosts, out;
	char why[96];
	if (cluster_outlier(c) == NULL)
		return;
	fl_outlier_counts(cluster_outlier(c), &hosts, &out);
	bool panic = panics != 0 || (out > 0 && out >= hosts);          /* when all are out, is_fit() says that all are in */
	if (cluster_note_panic(c, panic) == panic || l->event == NULL)
		return;
	snprintf(why, sizeof(why), "%u of %u instances are out: %s", out, hosts, panic ? "all are used" : "the others carry it");
	struct fl_event e = { .who = FL_WHO_OUTLIER, .name = cluster_conf_of(c)->name, .why = why, .at = now };
	e.from = panic ? "choosing" : "panic";
	e.to = panic ? "panic" : "choosing";
	l->event(l->ud, &e);
}

int
cluster_pick(struct worker *w, struct cluster *c, const struct cluster_ask *ask, struct fl_permit *ret_permit,
    struct instance **ret_instance, struct fl_refusal *ret_why)
{
	struct instance **items;
	unsigned total = cluster_instances(w, c, &items);
	struct fl_refusal why = { .by = FL_WHO_NONE };
	unsigned tried[CLUSTER_TRIED_MAX * 2], count = 0, asked = 0;
	fl_ns soonest = FL_NEVER;
	struct view v = { c, items, ask->now, true, cluster_pick_panics(c, items, total, ask->now), breakers_panic(c, items, total, ask->now) };
	note_panic(c, v.panics, ask->now);
	for (unsigned k = 0; k < ask->tried_count; k++)
		for (unsigned i = 0; i < total && count < CLUSTER_TRIED_MAX; i++)
			if (items[i] == ask->tried[k])
				tried[count++] = i;
	struct fl_balance_ask b = { .draw = ask->draw, .hash = ask->hash, .now = ask->now, .tried = tried };
	for (unsigned n = 0; n < total && n < CLUSTER_TRIED_MAX; n++) {
		b.tried_count = count;
		int i = fl_balance_pick(cluster_balance(w, c), total, see, &v, &b);
		if (i < 0 && v.breakers) {
			/* None has a breaker that is ready: ask one, for what it says. */
			v.breakers = false;
			i = fl_balance_pick(cluster_balance(w, c), total, see, &v, &b);
		}
		if (i < 0 || (ask->others && was_tried(ask, items[i])))
			break;
		asked++;
		if (take(w, items[i], (v.opens & bit_of(items[i])) != 0, ask->now, ret_permit, &why) == 0) {
			struct instance *it = cluster_hold(items[i]);
			atomic_fetch_add_explicit(&it->inflight, 1, memory_order_relaxed);
			line_count(&it->seats[w->index].picked, 1);
			*ret_instance = it;
			return 0;
		}
		soonest = FL_MIN(soonest, why.retry_after > 0 ? why.retry_after : FL_NEVER);
		if (count >= FL_ARRAY_LEN(tried))
			break;
		tried[count++] = (unsigned)i;
		b.draw = rng_key(b.draw, n);
	}
	refuse_all(c, total, asked, soonest, &why);
	*ret_why = why;
	return -EAGAIN;
}
