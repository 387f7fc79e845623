/* SPDX-License-Identifier: MIT */
/*
 * cluster.c - sets of instances, and the choice among them.
 *
 * Invariants
 *  (1) A set is immutable, and counted: one reference for the cluster (under its lock), one for each worker's seat.
 *  (2) A seat is touched by its worker alone; a new set comes to it as a message.
 *  (3) refs counts those who use the cluster; when it falls to 0 its set goes. parts counts its instances and, while there are
 *      users, one: when that falls to 0 its memory goes.
 */
#include "proxy/cluster.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/rng.h"
#include "io/tls.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct set {
	atomic_uint refs;
	unsigned count;
	struct fl_balance *balance;
	struct instance *items[];
};

struct seat {
	struct set *set;
	unsigned users;
};

/* Addresses that an upstream stands for now. */
struct stands {
	unsigned count;
	struct io_addr addrs[RESOLVE_ADDRS_MAX];
};

struct cluster {
	atomic_uint refs, parts;                /* (3) */
	struct cluster_conf conf;
	struct cluster_upstream *upstreams;
	struct stands *stands;                  /* home worker, once attached */
	struct fl_outlier *outlier;
	pthread_mutex_t lock;                   /* of set: control side and home worker */
	struct set *set;
	struct cluster_watch *watch;            /* home worker */
	struct seat seats[];
};

void
cluster_conf_init(struct cluster_conf *c, const char *name)
{
	*c = (struct cluster_conf){ .workers = 1, .dns_refresh = 30 * FL_SEC, .ewma_half_life = 10 * FL_SEC, .panic = 0.5,
		.pool = { .idle_max = 256, .idle_timeout = 60 * FL_SEC },
		.health = { .interval = 2 * FL_SEC, .timeout = FL_SEC, .rise = 2, .fall = 3, .status_min = 200, .status_max = 399 } };
	snprintf(c->name, sizeof(c->name), "%s", name);
	fl_balance_opts_init(&c->balance);
	fl_outlier_opts_init(&c->outlier);
	fl_breaker_opts_init(&c->breaker);
}

/* ---- instances ---- */

static void
part_unref(struct cluster *c)
{
	if (atomic_fetch_sub_explicit(&c->parts, 1, memory_order_acq_rel) > 1)
		return;
	fl_outlier_free(c->outlier);
	tls_ctx_unref(c->conf.tls);
	pthread_mutex_destroy(&c->lock);
	free(c->stands);
	free(c->upstreams);
	free(c);
}

static void
core_unref(struct instance_core *k)
{
	if (k == NULL || atomic_fetch_sub(&k->refs, 1) > 1)
		return;
	fl_breaker_free(k->breaker);
	free(k);
}

static void
instance_free(struct instance *i)
{
	if (i == NULL)
		return;
	if (i->has_host)
		fl_outlier_remove(i->cluster->outlier, &i->host);
	core_unref(i->core);
	free(i);
}

struct instance *
cluster_hold(struct instance *i)
{
	atomic_fetch_add_explicit(&i->refs, 1, memory_order_relaxed);
	return i;
}

void
cluster_let_go(struct instance *i)
{
	struct cluster *c = i->cluster;
	if (atomic_fetch_sub_explicit(&i->refs, 1, memory_order_acq_rel) > 1)
		return;
	instance_free(i);
	part_unref(c);
}

static struct instance_core *
core_new(struct cluster *c, const char *text)
{
	struct instance_core *k = calloc(1, sizeof(*k));
	char name[FL_NAME_MAX];
	if (k == NULL)
		return NULL;
	atomic_init(&k->refs, 1);
	if (!c->conf.breaker_on)
		return k;
	struct fl_breaker_opts o = c->conf.breaker;
	snprintf(name, sizeof(name), "%.60s %.60s", c->conf.name, text);
	o.name = name;
	o.cells = c->conf.workers;
	o.seed = rng_key(c->conf.seed, hash_bytes(0, 0, text, strlen(text)));
	o.listener = c->conf.listener;
	if (fl_breaker_new(&o, &k->breaker, NULL) < 0) {
		free(k);
		return NULL;
	}
	return k;
}

/* Instances of one cluster in another one's core: the same breaker is asked for. */
static bool
same_breaker(const struct cluster_conf *a, const struct cluster_conf *b)
{
	if (a->breaker_on != b->breaker_on || a->workers != b->workers)
		return false;
	struct fl_breaker_opts x = a->breaker, y = b->breaker;
	x.name = y.name = NULL;
	return !a->breaker_on || memcmp(&x, &y, sizeof(x)) == 0;
}

static struct instance *
instance_new(struct cluster *c, const struct cluster_upstream *u, const struct io_addr *addr, struct instance_core *core)
{
	struct instance *i = aligned_alloc(64, (sizeof(*i) + c->conf.workers * sizeof(i->seats[0]) + 63) & ~(size_t)63);
	if (i == NULL)
		return NULL;
	memset(i, 0, sizeof(*i) + c->conf.workers * sizeof(i->seats[0]));
	atomic_init(&i->refs, 1);
	i->cluster = c;
	i->addr = *addr;
	addr_format(addr, i->text, sizeof(i->text));
	i->id = hash_bytes(0, 0, i->text, strlen(i->text));
	i->weight = u->weight;
	i->priority = u->priority;
	i->local = u->local;
	i->conns_max = u->connections_max > 0 ? u->connections_max : c->conf.pool.connections_max;
	atomic_store(&i->back_at, INT64_MIN);
	for (unsigned w = 0; w < c->conf.workers; w++)
		list_init(&i->seats[w].idle);
	if (core != NULL) {
		atomic_fetch_add(&core->refs, 1);
		i->core = core;
	} else {
		i->core = core_new(c, i->text);
	}
	if (i->core == NULL) {
		instance_free(i);
		return NULL;
	}
	if (c->outlier != NULL) {
		char name[FL_NAME_MAX];
		snprintf(name, sizeof(name), "%.60s %.60s", c->conf.name, i->text);     /* as its breaker's: of which line it is */
		fl_outlier_add(c->outlier, &i->host, name, u->priority);
		i->has_host = true;
	}
	atomic_fetch_add(&c->parts, 1);
	return i;
}

/* ---- sets ---- */

static void
set_unref(struct set *s)
{
	if (s == NULL || atomic_fetch_sub(&s->refs, 1) > 1)
		return;
	for (unsigned i = 0; i < s->count; i++)
		cluster_let_go(s->items[i]);
	fl_balance_free(s->balance);
	free(s);
}

static struct set *
set_ref(struct set *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

static struct instance *
set_find(const struct set *s, const struct io_addr *addr)
{
	for (unsigned i = 0; s != NULL && i < s->count; i++)
		if (addr_equal(&s->items[i]->addr, addr))
			return s->items[i];
	return NULL;
}

/* A set of what the upstreams stand for now. Instances come from `now` as they are, cores from `before`. */
static struct set *
set_new(struct cluster *c, const struct set *now, const struct set *before)
{
	unsigned total = 0;
	for (unsigned u = 0; u < c->conf.count; u++)
		total += c->stands[u].count;
	total = FL_MIN(total, CLUSTER_INSTANCES_MAX);
	struct set *s = calloc(1, sizeof(*s) + (total + 1) * sizeof(s->items[0]));
	uint64_t *ids = calloc(total + 1, sizeof(*ids));
	double *weights = calloc(total + 1, sizeof(*weights));
	if (s == NULL || ids == NULL || weights == NULL)
		goto fail;
	atomic_init(&s->refs, 1);
	for (unsigned u = 0; u < c->conf.count; u++) {
		for (unsigned k = 0; k < c->stands[u].count && s->count < total; k++) {
			const struct io_addr *a = &c->stands[u].addrs[k];
			struct instance *i = set_find(now, a), *old = set_find(before, a);
			if (set_find(s, a) != NULL)
				continue;
			i = i != NULL ? cluster_hold(i) : instance_new(c, &c->upstreams[u], a, old != NULL ? old->core : NULL);
			if (i == NULL)
				goto fail;
			if (set_find(now, a) == NULL && old == NULL && (now != NULL || before != NULL))
				atomic_store(&i->back_at, INT64_MAX);   /* it joins those that are there */
			ids[s->count] = i->id;
			weights[s->count] = i->weight;
			s->items[s->count++] = i;
		}
	}
	if (fl_balance_new(&c->conf.balance, ids, weights, s->count, &s->balance, NULL) < 0)
		goto fail;
	free(ids);
	free(weights);
	return s;
fail:
	free(ids);
	free(weights);
	if (s != NULL)
		set_unref(s);
	return NULL;
}

/* ---- life ---- */

int
cluster_new(const struct cluster_conf *conf, struct cluster *before, struct cluster **ret_cluster)
{
	fl_assert(conf->workers >= 1 && conf->workers <= LINE_WORKERS_MAX);
	struct cluster *c = calloc(1, sizeof(*c) + conf->workers * sizeof(c->seats[0]));
	int r = -ENOMEM;
	if (c == NULL)
		return r;
	atomic_init(&c->refs, 1);
	atomic_init(&c->parts, 1);
	pthread_mutex_init(&c->lock, NULL);
	c->conf = *conf;
	c->conf.tls = conf->tls != NULL ? tls_ctx_ref(conf->tls) : NULL;
	c->upstreams = calloc(conf->count + 1, sizeof(*c->upstreams));
	c->stands = calloc(conf->count + 1, sizeof(*c->stands));
	if (c->upstreams == NULL || c->stands == NULL)
		goto fail;
	for (unsigned u = 0; u < conf->count; u++) {
		c->upstreams[u] = conf->upstreams[u];
		c->stands[u].count = addr_parse(c->upstreams[u].address, &c->stands[u].addrs[0]) == 0 ? 1 : 0;
	}
	c->conf.upstreams = c->upstreams;
	if (conf->outlier_on || conf->health.on) {
		struct fl_outlier_opts o = conf->outlier;
		char name[FL_NAME_MAX];
		snprintf(name, sizeof(name), "%.100s", conf->name);
		o.name = name;
		o.listener = conf->listener;
		o.panic_share = 1 - conf->panic;
		o.seed = conf->seed;
		if (!conf->outlier_on) {
			o.consecutive = 0;
			o.failure_share = 2;
			o.sigmas = 0;
		}
		if ((r = fl_outlier_new(&o, &c->outlier, NULL)) < 0)
			goto fail;
	}
	if (before != NULL)
		pthread_mutex_lock(&before->lock);
	c->set = set_new(c, NULL, before != NULL && same_breaker(conf, &before->conf) ? before->set : NULL);
	if (before != NULL)
		pthread_mutex_unlock(&before->lock);
	r = -ENOMEM;
	if (c->set == NULL)
		goto fail;
	*ret_cluster = c;
	return 0;
fail:
	cluster_unref(c);
	return r;
}

struct cluster *
cluster_ref(struct cluster *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void
cluster_unref(struct cluster *c)
{
	if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1)
		return;
	struct set *s = c->set;
	c->set = NULL;
	set_unref(s);
	part_unref(c);
}

const struct cluster_conf *
cluster_conf_of(const struct cluster *c)
{
	return &c->conf;
}

/* ---- workers ---- */

/* Take a set for this worker. What is no longer in it drains: its idle connections are closed by the next sweep. */
static void
seat_set(struct worker *w, struct cluster *c, struct set *s)
{
	struct seat *seat = &c->seats[w->index];
	struct set *old = seat->set;
	seat->set = s;
	for (unsigned i = 0; old != NULL && i < old->count; i++)
		if (s == NULL || set_find(s, &old->items[i]->addr) != old->items[i])
			atomic_store(&old->items[i]->draining, s != NULL || atomic_load(&old->items[i]->draining));
	set_unref(old);
}

static void
set_message(void *owner, const struct message *m)
{
	struct worker *w = owner;
	struct cluster *c = (struct cluster *)(uintptr_t)m->words[0];
	struct set *s = (struct set *)(uintptr_t)m->words[1];
	if (c->seats[w->index].users > 0)
		seat_set(w, c, s);
	else
		set_unref(s);
	cluster_unref(c);
}

bool
cluster_attach(struct worker *w, struct cluster *c)
{
	struct seat *seat = &c->seats[w->index];
	if (seat->users++ > 0)
		return false;
	pthread_mutex_lock(&c->lock);
	struct set *s = set_ref(c->set);
	pthread_mutex_unlock(&c->lock);
	seat_set(w, c, s);
	cluster_ref(c);
	return true;
}

void
cluster_detach(struct worker *w, struct cluster *c)
{
	struct seat *seat = &c->seats[w->index];
	fl_assert(seat->users > 0);
	if (--seat->users > 0)
		return;
	seat_set(w, c, NULL);
	cluster_unref(c);
}

bool
cluster_used(const struct worker *w, const struct cluster *c)
{
	return c->seats[w->index].users > 0;
}

struct cluster_watch **
cluster_watch_of(struct cluster *c)
{
	return &c->watch;
}

int
cluster_set_addresses(struct worker *home, struct cluster *c, unsigned u, const struct io_addr *addrs, unsigned count)
{
	struct stands *st = &c->stands[u];
	bool same = st->count == count;
	for (unsigned i = 0; same && i < count; i++)
		same = addr_equal(&st->addrs[i], &addrs[i]);
	if (same || count == 0)
		return 0;
	struct stands was = *st;
	st->count = FL_MIN(count, RESOLVE_ADDRS_MAX);
	memcpy(st->addrs, addrs, st->count * sizeof(addrs[0]));
	pthread_mutex_lock(&c->lock);
	struct set *old = c->set, *s = set_new(c, old, NULL);
	if (s != NULL)
		c->set = s;
	pthread_mutex_unlock(&c->lock);
	if (s == NULL) {
		*st = was;
		return -ENOMEM;
	}
	for (unsigned i = 0; i < c->conf.workers && i < home->crew->count; i++) {
		struct message m = { .call = set_message, .words = { (uint64_t)(uintptr_t)cluster_ref(c), (uint64_t)(uintptr_t)set_ref(s) } };
		if (i != home->index && mailbox_post(&home->crew->workers[i]->mail, &m))
			continue;
		if (i == home->index) {
			set_message(home, &m);
		} else {
			/* Its mailbox is full: it keeps the old set until the next change. */
			set_unref(s);
			cluster_unref(c);
		}
	}
	set_unref(old);
	return 0;
}

struct fl_outlier *
cluster_outlier(const struct cluster *c)
{
	return c->outlier;
}

unsigned
cluster_instances(struct worker *w, struct cluster *c, struct instance ***ret_items)
{
	struct set *s = c->seats[w->index].set;
	*ret_items = s->items;
	return s->count;
}

/* ---- the choice ---- */

struct view {
	const struct cluster *c;
	const struct set *set;
	fl_ns now;
	bool breakers;                          /* an open breaker makes an instance unusable */
	uint32_t panic;                         /* groups where it does not */
};

static bool
is_usable(const struct cluster *c, struct instance *i, fl_ns now)
{
	return !atomic_load_explicit(&i->draining, memory_order_relaxed) &&
	    (c->outlier == NULL || fl_outlier_usable(c->outlier, &i->host, now));
}

static bool
breaker_ready(const struct instance *i, fl_ns now)
{
	return i->core->breaker == NULL || fl_breaker_ready(i->core->breaker, now);
}

static unsigned
group_of(const struct instance *i)
{
	return FL_MIN(i->priority, FL_BALANCE_PRIORITIES_MAX - 1u);
}

/* Since when it takes calls, for slow start: it joined, or came back from an ejection. Only kept where that is asked for. */
static fl_ns
back_at(const struct cluster *c, struct instance *i, fl_ns now)
{
	fl_ns back = atomic_load_explicit(&i->back_at, memory_order_relaxed);
	if (c->conf.balance.slow_start == 0)
		return INT64_MIN;
	if (back == INT64_MAX)                  /* seen for the first time */
		atomic_store_explicit(&i->back_at, back = now, memory_order_relaxed);
	return c->outlier != NULL ? FL_MAX(back, fl_outlier_back_at(&i->host)) : back;
}

static void
see(void *ud, unsigned n, struct fl_instance_view *ret)
{
	const struct view *v = ud;
	struct instance *i = v->set->items[n];
	bool ready = (v->panic >> group_of(i) & 1) != 0 || !v->breakers || breaker_ready(i, v->now);
	*ret = (struct fl_instance_view){ .weight = i->weight, .inflight = (unsigned)atomic_load_explicit(&i->inflight, memory_order_relaxed),
		.latency = atomic_load_explicit(&i->core->latency, memory_order_relaxed), .priority = i->priority, .local = i->local,
		.usable = ready && is_usable(v->c, i, v->now), .back_at = back_at(v->c, i, v->now) };
	if (v->c->conf.balance.kind == FL_EWMA)
		ret->latency = fl_balance_faded(ret->latency, atomic_load_explicit(&i->core->latency_at, memory_order_relaxed), v->now,
		    v->c->conf.ewma_half_life);
}

/*
 * The groups in which fewer than `panic` of the instances have a breaker that is ready, but some: the few that are closed cannot carry
 * everything, so all carry, unless all groups together can. All of them open is what a breaker is for: the call is refused.
 */
static uint32_t
breakers_panic(const struct cluster *c, const struct set *s, fl_ns now)
{
	unsigned all[FL_BALANCE_PRIORITIES_MAX] = { 0 }, fit[FL_BALANCE_PRIORITIES_MAX] = { 0 };
	unsigned ready = 0, groups = 0;
	double together = 0;
	uint32_t panic = 0;
	if (!c->conf.breaker_on || s->count < 2)
		return 0;
	for (unsigned i = 0; i < s->count; i++) {
		bool is = breaker_ready(s->items[i], now);
		all[group_of(s->items[i])]++;
		fit[group_of(s->items[i])] += is;
		ready += is;
	}
	if (ready == 0 || ready == s->count)
		return 0;
	for (unsigned g = 0; g < FL_BALANCE_PRIORITIES_MAX; g++) {
		groups += all[g] > 0;
		together += all[g] > 0 ? FL_MIN(1.0, c->conf.balance.overprovision * fit[g] / all[g]) : 0;
	}
	for (unsigned g = 0; g < FL_BALANCE_PRIORITIES_MAX; g++)
		if (fit[g] > 0 && fit[g] < c->conf.panic * all[g] && (groups == 1 || together < 1))
			panic |= 1u << g;
	return panic;
}

static void
refuse_all(const struct set *s, const struct cluster *c, unsigned asked, fl_ns soonest, struct fl_refusal *why)
{
	if (asked > 0 && why->by != FL_WHO_NONE) {
		why->retry_after = soonest == FL_NEVER ? 0 : soonest;
		return;
	}
	*why = (struct fl_refusal){ .by = FL_WHO_NO_INSTANCE, .reason = asked > 0 ? FL_REASON_ALL_REFUSED : FL_REASON_ALL_OUT,
		.n = { asked > 0 ? asked : s->count, 0 }, .retry_after = FL_SEC };
	snprintf(why->name, sizeof(why->name), "%s", c->conf.name);
}

/* Ask the chosen one: its connections, its breaker. */
static int
take(struct worker *w, struct instance *i, bool panic, fl_ns now, struct fl_permit *ret_permit, struct fl_refusal *why)
{
	int conns = (int)atomic_load_explicit(&i->conns, memory_order_relaxed);
	if (i->conns_max > 0 && conns >= (int)i->conns_max && list_empty(&i->seats[w->index].idle)) {
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

int
cluster_pick(struct worker *w, struct cluster *c, const struct cluster_ask *ask, struct fl_permit *ret_permit,
    struct instance **ret_instance, struct fl_refusal *ret_why)
{
	const struct set *s = c->seats[w->index].set;
	struct fl_refusal why = { .by = FL_WHO_NONE };
	unsigned tried[CLUSTER_TRIED_MAX * 2], count = 0, asked = 0;
	fl_ns soonest = FL_NEVER;
	struct view v = { c, s, ask->now, true, breakers_panic(c, s, ask->now) };
	for (unsigned k = 0; k < ask->tried_count; k++)
		for (unsigned i = 0; i < s->count && count < CLUSTER_TRIED_MAX; i++)
			if (s->items[i] == ask->tried[k])
				tried[count++] = i;
	struct fl_balance_ask b = { .draw = ask->draw, .hash = ask->hash, .now = ask->now, .tried = tried };
	for (unsigned n = 0; n < s->count && n < CLUSTER_TRIED_MAX; n++) {
		b.tried_count = count;
		int i = fl_balance_pick(s->balance, s->count, see, &v, &b);
		if (i < 0 && v.breakers) {
			/* None has a breaker that is ready: ask one, for what it says. */
			v.breakers = false;
			i = fl_balance_pick(s->balance, s->count, see, &v, &b);
		}
		if (i < 0)
			break;
		asked++;
		if (take(w, s->items[i], (v.panic >> group_of(s->items[i]) & 1) != 0, ask->now, ret_permit, &why) == 0) {
			struct instance *it = cluster_hold(s->items[i]);
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
	refuse_all(s, c, asked, soonest, &why);
	*ret_why = why;
	return -EAGAIN;
}

void
cluster_done(struct worker *w, struct instance *i, const struct fl_permit *permit, const struct cluster_result *r, fl_ns now)
{
	struct instance_core *k = i->core;
	struct cluster *c = i->cluster;
	if (k->breaker != NULL && permit->generation != 0)
		fl_breaker_record(k->breaker, w->index, permit, r->outcome, r->latency, now);
	if (c->outlier != NULL)
		fl_outlier_record(c->outlier, &i->host, r->outcome, r->began, now);
	if (r->outcome == FL_OK) {
		double was = atomic_load_explicit(&k->latency, memory_order_relaxed);
		fl_ns at = atomic_load_explicit(&k->latency_at, memory_order_relaxed);
		if (c->conf.balance.kind == FL_EWMA || now - at > 100 * FL_MS || was == 0) {
			atomic_store_explicit(&k->latency, fl_balance_ewma(was, r->latency, at, now, c->conf.ewma_half_life), memory_order_relaxed);
			atomic_store_explicit(&k->latency_at, now, memory_order_relaxed);
		}
	} else if (r->outcome == FL_FAILED) {
		atomic_fetch_add_explicit(&k->failures, 1, memory_order_relaxed);
		if (r->connect_failed)
			atomic_fetch_add_explicit(&k->connect_failures, 1, memory_order_relaxed);
		if (r->timed_out)
			atomic_fetch_add_explicit(&k->timeouts, 1, memory_order_relaxed);
	}
	atomic_fetch_sub_explicit(&i->inflight, 1, memory_order_relaxed);
	cluster_let_go(i);
}

/* ---- reports ---- */

static struct set *
current(struct cluster *c)
{
	pthread_mutex_lock(&c->lock);
	struct set *s = set_ref(c->set);
	pthread_mutex_unlock(&c->lock);
	return s;
}

static void
report(struct cluster *c, struct instance *i, fl_ns now, struct cluster_report *r)
{
	*r = (struct cluster_report){ .weight = i->weight, .priority = i->priority, .local = i->local, .usable = is_usable(c, i, now),
		.draining = atomic_load(&i->draining), .health = atomic_load(&i->health_state), .health_status = atomic_load(&i->health_status),
		.health_at = atomic_load(&i->health_at), .inflight = (int)atomic_load(&i->inflight), .conns = (int)atomic_load(&i->conns),
		.idle = (int)atomic_load(&i->idle), .failures = atomic_load(&i->core->failures),
		.connect_failures = atomic_load(&i->core->connect_failures), .timeouts = atomic_load(&i->core->timeouts),
		.latency = atomic_load(&i->core->latency), .has_breaker = i->core->breaker != NULL };
	snprintf(r->address, sizeof(r->address), "%s", i->text);
	for (unsigned w = 0; w < c->conf.workers; w++)
		r->requests += atomic_load_explicit(&i->seats[w].picked, memory_order_relaxed);
	if (c->outlier != NULL) {
		struct fl_outlier_view v;
		fl_outlier_view(c->outlier, &i->host, now, &v);
		r->ejected = v.ejected;
		r->ejected_until = v.until;
	}
	if (r->has_breaker) {
		fl_breaker_view(i->core->breaker, now, &r->breaker);
		fl_breaker_counters(i->core->breaker, &r->counters);
	}
}

unsigned
cluster_reports(struct cluster *c, fl_ns now, struct cluster_report *ret, unsigned max)
{
	struct set *s = current(c);
	unsigned n = s->count;
	for (unsigned i = 0; i < n && i < max; i++)
		report(c, s->items[i], now, &ret[i]);
	set_unref(s);
	return n;
}

static struct instance *
find(const struct set *s, const char *address)
{
	for (unsigned i = 0; i < s->count; i++)
		if (strcmp(s->items[i]->text, address) == 0)
			return s->items[i];
	return NULL;
}

int
cluster_drain(struct cluster *c, const char *address, bool drain)
{
	struct set *s = current(c);
	struct instance *i = find(s, address);
	if (i != NULL)
		atomic_store(&i->draining, drain);
	set_unref(s);
	return i != NULL ? 0 : -ENOENT;
}

int
cluster_force(struct cluster *c, const char *address, enum fl_breaker_state state, fl_ns now)
{
	struct set *s = current(c);
	struct instance *i = find(s, address);
	int r = i == NULL ? -ENOENT : i->core->breaker == NULL ? -ENOTSUP : 0;
	if (r == 0)
		fl_breaker_force(i->core->breaker, state, now);
	set_unref(s);
	return r;
}
