/* SPDX-License-Identifier: MIT */
/*
 * cluster.c - sets of instances, and the choice among them.
 *
 * Invariants
 *  (1) A set is immutable, and counted: one reference for the cluster (under its lock), one for each worker's seat.
 *  (2) A seat is touched by its worker alone; a new set comes to it as a message.
 *  (3) refs counts those who use the cluster; when it falls to 0 its set goes. parts counts its instances and, while there are
 *      users, one: when that falls to 0 its memory goes.
 *  (4) Sets of a cluster are numbered; a seat never goes back to an older one.
 */
#include "proxy/cluster.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/rng.h"
#include "io/tls.h"
#include "proxy/cluster_names.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKUP_WAIT (250 * FL_MS)       /* at most, for a new cluster's names */

struct set {
	atomic_uint refs;
	unsigned count;
	uint64_t number;                        /* (4) */
	struct fl_balance *balance;
	uint32_t *slots;                        /* 1 + index by the hash of the address; 0: free */
	uint32_t mask;
	struct instance *items[];
};

/* Ejection: shared by clusters that follow one another, if the same is asked of it. */
struct cluster_jury {
	atomic_uint refs;
	struct fl_outlier *outlier;
	struct fl_listener listener;            /* whom to tell */
};

struct seat {
	struct set *set;
	unsigned users;
};

struct cluster {
	atomic_uint refs, parts;                /* (3) */
	atomic_bool panic;                      /* as told last */
	struct cluster_conf conf;
	struct cluster_upstream *upstreams;
	struct cluster_names *stands;           /* what each upstream stands for now; home worker, once attached */
	struct cluster_jury *jury;              /* NULL: none */
	pthread_mutex_t lock;                   /* of set: control side and home worker */
	struct set *set;
	bool behind;                            /* some worker was not told of it; home worker */
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
jury_unref(struct cluster_jury *y)
{
	if (y == NULL || atomic_fetch_sub(&y->refs, 1) > 1)
		return;
	fl_outlier_free(y->outlier);
	free(y);
}

static void
part_unref(struct cluster *c)
{
	if (atomic_fetch_sub_explicit(&c->parts, 1, memory_order_acq_rel) > 1)
		return;
	jury_unref(c->jury);
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
judge_unref(struct instance_judge *j)
{
	if (j == NULL || atomic_fetch_sub(&j->refs, 1) > 1)
		return;
	fl_outlier_remove(j->jury->outlier, &j->host);
	jury_unref(j->jury);
	free(j);
}

static void
instance_free(struct instance *i)
{
	if (i == NULL)
		return;
	judge_unref(i->judge);
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

static struct instance_judge *
judge_new(struct cluster *c, const char *text)
{
	struct instance_judge *j = calloc(1, sizeof(*j));
	char name[FL_NAME_MAX];
	if (j == NULL)
		return NULL;
	atomic_init(&j->refs, 1);
	j->jury = c->jury;
	atomic_fetch_add(&c->jury->refs, 1);
	snprintf(name, sizeof(name), "%.60s %.60s", c->conf.name, text);        /* as its breaker's: of which line it is */
	fl_outlier_add(c->jury->outlier, &j->host, name, 0);
	return j;
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

static bool
same_health(const struct cluster_health_conf *a, const struct cluster_health_conf *b)
{
	return a->on == b->on && (!a->on || (a->tcp == b->tcp && strcmp(a->path, b->path) == 0 && strcmp(a->host, b->host) == 0 &&
	    a->interval == b->interval && a->timeout == b->timeout && a->rise == b->rise && a->fall == b->fall &&
	    a->status_min == b->status_min && a->status_max == b->status_max));
}

/* Is the same asked of ejection and checks? */
static bool
same_jury(const struct cluster_conf *a, const struct cluster_conf *b)
{
	const struct fl_outlier_opts *x = &a->outlier, *y = &b->outlier;
	return a->outlier_on == b->outlier_on && same_health(&a->health, &b->health) && a->seed == b->seed &&
	    a->listener.event == b->listener.event && a->listener.ud == b->listener.ud &&
	    x->consecutive == y->consecutive && x->failure_share == y->failure_share && x->volume_min == y->volume_min &&
	    x->sigmas == y->sigmas && x->hosts_min == y->hosts_min && x->window == y->window && x->base == y->base && x->max == y->max &&
	    x->jitter == y->jitter && x->max_share == y->max_share && x->enforce == y->enforce;
}

/* What an instance takes over from one that was there before with the same address. */
static void
inherit(struct instance *i, const struct instance *old, fl_ns joined)
{
	const struct cluster *c = i->cluster;
	atomic_init(&i->back_at, joined);
	if (old == NULL)
		return;
	atomic_init(&i->back_at, atomic_load(&old->back_at));
	atomic_init(&i->other_first, i->other.len > 0 && atomic_load(&old->other_first));
	atomic_init(&i->draining, atomic_load(&old->draining));
	if (same_breaker(&c->conf, &old->cluster->conf)) {
		atomic_fetch_add(&old->core->refs, 1);
		i->core = old->core;
	}
	if (old->judge != NULL && c->jury == old->judge->jury) {
		atomic_fetch_add(&old->judge->refs, 1);
		i->judge = old->judge;
	}
}

/* old: with the same address, of the cluster before; NULL: none. joined: for slow start. */
static struct instance *
instance_new(struct cluster *c, unsigned upstream, const struct io_addr *addr, const struct io_addr *other, const struct instance *old,
    fl_ns joined)
{
	const struct cluster_upstream *u = &c->upstreams[upstream];
	size_t bytes = (sizeof(struct instance) + c->conf.workers * sizeof(struct instance_seat) + 63) & ~(size_t)63;
	struct instance *i = aligned_alloc(64, bytes);
	if (i == NULL)
		return NULL;
	memset(i, 0, bytes);
	atomic_init(&i->refs, 1);
	i->cluster = c;
	i->addr = *addr;
	i->other = *other;
	addr_format(addr, i->text, sizeof(i->text));
	i->id = hash_bytes(0, 0, i->text, strlen(i->text));
	i->upstream = upstream;
	i->weight = u->weight;
	i->priority = u->priority;
	i->local = u->local;
	i->conns_max = u->connections_max > 0 ? u->connections_max : c->conf.pool.connections_max;
	for (unsigned w = 0; w < c->conf.workers; w++)
		list_init(&i->seats[w].idle);
	inherit(i, old, joined);
	if ((i->core == NULL && (i->core = core_new(c, i->text)) == NULL) ||
	    (c->jury != NULL && i->judge == NULL && (i->judge = judge_new(c, i->text)) == NULL)) {
		instance_free(i);
		return NULL;
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
	free(s->slots);
	free(s);
}

static struct set *
set_ref(struct set *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

/* The cluster's, with a reference. */
static struct set *
current(struct cluster *c)
{
	pthread_mutex_lock(&c->lock);
	struct set *s = set_ref(c->set);
	pthread_mutex_unlock(&c->lock);
	return s;
}

/* Where the address is in the table, or would be. */
static uint32_t *
slot_of(const struct set *s, const struct io_addr *addr)
{
	uint8_t ip[16];
	uint64_t h = addr_ip16(addr, ip) ? hash_bytes(addr_port(addr), 0, ip, sizeof(ip)) : hash_bytes(0, 1, &addr->sa, addr->len);
	for (uint32_t k = (uint32_t)h;; k++) {
		uint32_t *slot = &s->slots[k & s->mask];
		if (*slot == 0 || addr_equal(&s->items[*slot - 1]->addr, addr))
			return slot;
	}
}

static struct instance *
set_find(const struct set *s, const struct io_addr *addr)
{
	uint32_t at = s != NULL ? *slot_of(s, addr) : 0;
	return at > 0 ? s->items[at - 1] : NULL;
}

static bool
same_other(const struct instance *i, const struct io_addr *other)
{
	return i->other.len == other->len && (other->len == 0 || addr_equal(&i->other, other));
}

/* Room for total instances, none there yet. */
static struct set *
set_room(unsigned total)
{
	struct set *s = calloc(1, sizeof(*s) + (total + 1) * sizeof(s->items[0]));
	uint32_t slots = 4;
	while (slots < 2 * total + 2)
		slots *= 2;
	if (s == NULL)
		return NULL;
	atomic_init(&s->refs, 1);
	s->mask = slots - 1;
	s->slots = calloc(slots, sizeof(*s->slots));
	if (s->slots == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

static int
set_balance(struct set *s, const struct cluster *c)
{
	uint64_t *ids = calloc(s->count + 1, sizeof(*ids));
	double *weights = calloc(s->count + 1, sizeof(*weights));
	int r = -ENOMEM;
	for (unsigned i = 0; ids != NULL && weights != NULL && i < s->count; i++) {
		ids[i] = s->items[i]->id;
		weights[i] = s->items[i]->weight;
	}
	if (ids != NULL && weights != NULL)
		r = fl_balance_new(&c->conf.balance, ids, weights, s->count, &s->balance, NULL);
	free(ids);
	free(weights);
	return r;
}

/*
 * A set of what the upstreams stand for now. Instances come from `now` as they are; new ones take over what there is in `before`.
 * at: who joins instances that are there begins slowly.
 */
static struct set *
set_new(struct cluster *c, const struct set *now, const struct set *before, fl_ns at)
{
	bool joins = (now != NULL && now->count > 0) || (before != NULL && before->count > 0);
	unsigned total = 0;
	for (unsigned u = 0; u < c->conf.count; u++)
		total += c->stands[u].count;
	total = FL_MIN(total, CLUSTER_INSTANCES_MAX);
	struct set *s = set_room(total);
	if (s == NULL)
		return NULL;
	s->number = now != NULL ? now->number + 1 : 1;
	for (unsigned u = 0; u < c->conf.count; u++) {
		for (unsigned k = 0; k < c->stands[u].count && s->count < total; k++) {
			const struct io_addr *a = &c->stands[u].addrs[k];
			const struct io_addr *other = &c->stands[u].others[k];
			struct instance *i = set_find(now, a), *old = now != NULL ? i : set_find(before, a);
			if (set_find(s, a) != NULL)
				continue;
			if (i != NULL && same_other(i, other))
				cluster_hold(i);
			else
				i = instance_new(c, u, a, other, old, joins ? at : INT64_MIN);
			if (i == NULL)
				goto fail;
			s->items[s->count] = i;
			*slot_of(s, a) = ++s->count;
		}
	}
	if (set_balance(s, c) == 0)
		return s;
fail:
	set_unref(s);
	return NULL;
}

/* Names that stood for something before go on standing for it until they are looked up. */
static void
stand_as_before(struct cluster *c, const struct cluster *before, const struct set *was)
{
	for (unsigned i = 0; i < was->count; i++) {
		const struct instance *old = was->items[i];
		const char *name = before->upstreams[old->upstream].address;
		for (unsigned u = 0; u < c->conf.count; u++)
			if (c->stands[u].is_name && strcmp(c->upstreams[u].address, name) == 0)
				cluster_names_more(&c->stands[u], &old->addr, &old->other);
	}
}

/* ---- life ---- */

/* What becomes of instances. That all of them are out is no news of the jury's: panic is by priority and weight (cluster_pick.c). */
static void
tell_of_instance(void *ud, const struct fl_event *e)
{
	const struct cluster_jury *y = ud;
	if (y->listener.event != NULL && strcmp(e->from, "panic") != 0 && strcmp(e->to, "panic") != 0)
		y->listener.event(y->listener.ud, e);
}

/* The jury of the cluster before, if the same is asked of it. */
static int
take_jury(struct cluster *c, const struct cluster *before)
{
	const struct cluster_conf *conf = &c->conf;
	if (!conf->outlier_on && !conf->health.on)
		return 0;
	if (before != NULL && before->jury != NULL && same_jury(conf, &before->conf)) {
		c->jury = before->jury;
		atomic_fetch_add(&c->jury->refs, 1);
		return 0;
	}
	struct fl_outlier_opts o = conf->outlier;
	char name[FL_NAME_MAX];
	snprintf(name, sizeof(name), "%.100s", conf->name);
	o.name = name;
	o.panic_share = 1;
	o.seed = conf->seed;
	if (!conf->outlier_on) {
		o.consecutive = 0;
		o.failure_share = 2;
		o.sigmas = 0;
	}
	struct cluster_jury *y = calloc(1, sizeof(*y));
	o.listener = (struct fl_listener){ tell_of_instance, y };
	if (y != NULL)
		y->listener = conf->listener;
	int r = y != NULL ? fl_outlier_new(&o, &y->outlier, NULL) : -ENOMEM;
	if (r < 0) {
		free(y);
		return r;
	}
	atomic_init(&y->refs, 1);
	c->jury = y;
	return 0;
}

static void
read_upstream(const struct cluster_upstream *from, struct cluster_upstream *u, struct cluster_names *stands)
{
	char port[32];
	struct io_addr a;
	*u = *from;
	u->host[0] = '\0';
	if (addr_parse(u->address, &a) == 0) {
		addr_host(&a, u->host, sizeof(u->host));
		cluster_names_add(stands, &a);
	} else if (addr_split(u->address, u->host, sizeof(u->host), port, sizeof(port)) == 0) {
		stands->is_name = true;
	}
}

int
cluster_new(const struct cluster_conf *conf, struct cluster *before, struct cluster **ret_cluster)
{
	fl_assert(conf->workers >= 1 && conf->workers <= LINE_WORKERS_MAX);
	struct cluster *c = aligned_alloc(64, (sizeof(*c) + conf->workers * sizeof(c->seats[0]) + 63) & ~(size_t)63);
	int r = -ENOMEM;
	if (c == NULL)
		return -ENOMEM;
	memset(c, 0, sizeof(*c) + conf->workers * sizeof(c->seats[0]));
	atomic_init(&c->refs, 1);
	atomic_init(&c->parts, 1);
	pthread_mutex_init(&c->lock, NULL);
	c->conf = *conf;
	c->conf.tls = conf->tls != NULL ? tls_ctx_ref(conf->tls) : NULL;
	c->upstreams = calloc(conf->count + 1, sizeof(*c->upstreams));
	c->stands = calloc(conf->count + 1, sizeof(*c->stands));
	if (c->upstreams == NULL || c->stands == NULL || (r = take_jury(c, before)) < 0)
		goto fail;
	for (unsigned u = 0; u < conf->count; u++)
		read_upstream(&conf->upstreams[u], &c->upstreams[u], &c->stands[u]);
	c->conf.upstreams = c->upstreams;
	struct set *was = before != NULL ? current(before) : NULL;
	if (was != NULL)
		stand_as_before(c, before, was);
	cluster_names_wait(conf->resolver, c->upstreams, c->stands, conf->count, LOOKUP_WAIT);
	c->set = set_new(c, NULL, was, conf->now);
	set_unref(was);
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

bool
cluster_note_panic(struct cluster *c, bool panic)
{
	bool before = atomic_load_explicit(&c->panic, memory_order_relaxed);
	return before == panic ? panic : atomic_exchange_explicit(&c->panic, panic, memory_order_relaxed);
}

const char *
cluster_tls_name(const struct instance *i)
{
	const struct cluster *c = i->cluster;
	return c->conf.tls_name[0] != '\0' ? c->conf.tls_name : c->upstreams[i->upstream].host;
}

const struct io_addr *
cluster_address(const struct instance *i, bool second)
{
	if (i->other.len == 0)
		return second ? NULL : &i->addr;
	return atomic_load_explicit(&i->other_first, memory_order_relaxed) != second ? &i->other : &i->addr;
}

void
cluster_reached(struct instance *i, const struct io_addr *at)
{
	bool other = at == &i->other;
	if (atomic_load_explicit(&i->other_first, memory_order_relaxed) != other)
		atomic_store_explicit(&i->other_first, other, memory_order_relaxed);
}

/* ---- workers ---- */

/* Take a set for this worker. */
static void
seat_set(struct worker *w, struct cluster *c, struct set *s)
{
	struct seat *seat = &c->seats[w->index];
	struct set *old = seat->set;
	seat->set = s;
	set_unref(old);
}

static void
set_message(void *owner, const struct message *m)
{
	struct worker *w = owner;
	struct cluster *c = (struct cluster *)(uintptr_t)m->words[0];
	struct set *s = (struct set *)(uintptr_t)m->words[1];
	const struct seat *seat = &c->seats[w->index];
	if (seat->users > 0 && s->number > seat->set->number)           /* (4) */
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
	seat_set(w, c, current(c));
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

unsigned
cluster_stands(const struct cluster *c, unsigned u)
{
	return c->stands[u].count;
}

/* Tell all workers of the set. Whose mailbox is full is told again by the watch. */
static void
tell_set(struct worker *home, struct cluster *c)
{
	struct set *s = current(c);
	c->behind = false;
	for (unsigned i = 0; i < c->conf.workers && i < home->crew->count; i++) {
		struct message m = { .call = set_message, .words = { (uint64_t)(uintptr_t)cluster_ref(c), (uint64_t)(uintptr_t)set_ref(s) } };
		if (i == home->index) {
			set_message(home, &m);
		} else if (!mailbox_post(&home->crew->workers[i]->mail, &m)) {
			c->behind = true;
			set_unref(s);
			cluster_unref(c);
		}
	}
	set_unref(s);
}

void
cluster_tell_again(struct worker *home, struct cluster *c)
{
	if (c->behind)
		tell_set(home, c);
}

int
cluster_set_addresses(struct worker *home, struct cluster *c, unsigned u, const struct io_addr *addrs, unsigned count)
{
	struct cluster_names *st = &c->stands[u], was = *st;
	if (count == 0)
		return 0;
	cluster_names_set(st, addrs, count);
	if (cluster_names_equal(st, &was))
		return 0;
	struct set *old = current(c), *s = set_new(c, old, NULL, io_now(home->io));
	if (s == NULL) {
		*st = was;
		set_unref(old);
		return -ENOMEM;
	}
	pthread_mutex_lock(&c->lock);
	c->set = s;
	pthread_mutex_unlock(&c->lock);
	set_unref(old);                         /* the cluster's; ours goes last */
	tell_set(home, c);
	for (unsigned i = 0; i < old->count; i++)
		if (set_find(s, &old->items[i]->addr) != old->items[i])
			atomic_store(&old->items[i]->gone, true);
	set_unref(old);
	return 0;
}

struct fl_outlier *
cluster_outlier(const struct cluster *c)
{
	return c->jury != NULL ? c->jury->outlier : NULL;
}

struct fl_outlier *
cluster_outlier_of(const struct instance *i)
{
	return i->judge != NULL ? i->judge->jury->outlier : NULL;
}

unsigned
cluster_instances(struct worker *w, struct cluster *c, struct instance ***ret_items)
{
	struct set *s = c->seats[w->index].set;
	*ret_items = s->items;
	return s->count;
}

struct fl_balance *
cluster_balance(const struct worker *w, const struct cluster *c)
{
	return c->seats[w->index].set->balance;
}

unsigned
cluster_look(struct cluster *c, struct cluster_sight *ret_sight)
{
	struct set *s = current(c);
	*ret_sight = (struct cluster_sight){ s, s->items, s->count };
	return s->count;
}

void
cluster_look_away(struct cluster_sight *s)
{
	set_unref(s->set);
}

/* ---- what became of calls ---- */

void
cluster_done(struct worker *w, struct instance *i, const struct fl_permit *permit, const struct cluster_result *r, fl_ns now)
{
	struct instance_core *k = i->core;
	struct cluster *c = i->cluster;
	if (k->breaker != NULL && permit->generation != 0)
		fl_breaker_record(k->breaker, w->index, permit, r->outcome, r->latency, now);
	if (i->judge != NULL)
		fl_outlier_record(i->judge->jury->outlier, &i->judge->host, r->outcome, r->began, now);
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

/* ---- by hand ---- */

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
