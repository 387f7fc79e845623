/* SPDX-License-Identifier: MIT */
/* upconn.c - connections to instances. */
#include "proxy/upconn.h"
#include "base/assert.h"
#include "io/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_EVERY FL_SEC
#define IDLE_RECV 64            /* nothing is expected */

struct upconn_pools {
	struct pool conns;
	struct list idle;       /* all of the worker, the oldest first */
	struct wtimer sweep;
	uint32_t idle_count;
	uint32_t used, enough;  /* connections there are; when there are so many, an idle one ends for each new one */
};

int
upconn_pools_new(uint32_t conns_max, struct upconn_pools **ret_upools)
{
	struct upconn_pools *p = calloc(1, sizeof(*p));
	if (p == NULL || pool_init(&p->conns, sizeof(struct upconn), conns_max) < 0) {
		free(p);
		return -ENOMEM;
	}
	list_init(&p->idle);
	p->enough = conns_max - conns_max / 8;
	*ret_upools = p;
	return 0;
}

void
upconn_pools_free(struct worker *w)
{
	struct upconn_pools *p = w->upools;
	if (p == NULL)
		return;
	for (uint32_t i = 0; i < p->conns.touched; i++) {
		struct upconn *c = pool_at(&p->conns, i);
		if (c == NULL)
			continue;
		http_out_free(w, &c->out);
		cluster_let_go(c->instance);
	}
	pool_fini(&p->conns);
	free(p);
}

static void
unidle(struct worker *w, struct upconn *c)
{
	list_del(&c->link);
	list_del(&c->age);
	c->instance->seats[w->index].idle_count--;
	w->upools->idle_count--;
	atomic_fetch_sub_explicit(&c->instance->idle, 1, memory_order_relaxed);
}

struct upconn_greeting {
	size_t n;
	uint8_t bytes[PROXY_HEADER_WRITE_MAX];
};

static void
greeting_free(struct worker *w, struct upconn *c)
{
	if (c->greeting != NULL)
		slab_give(w->mem, c->greeting, sizeof(*c->greeting));
	c->greeting = NULL;
}

static bool
is_idle(const struct upconn *c)
{
	return c->user == NULL && !c->closing;
}

void
upconn_drop(struct worker *w, struct upconn *c, bool reset)
{
	fl_assert(!c->closing);
	if (is_idle(c))
		unidle(w, c);
	c->user = NULL;
	c->closing = true;
	http_out_stop(w, &c->out);
	if (c->sock != NULL && !c->turning)
		io_close(w->io, c->sock, reset);
}

/* Connected: the PROXY header goes first, then TLS begins. 0, 1: and another IO_CONNECT follows; -errno. */
static int
greet(struct worker *w, struct upconn *c)
{
	const struct cluster_conf *conf = cluster_conf_of(c->instance->cluster);
	if (c->greeting == NULL)
		return 0;
	size_t n = c->greeting->n;
	int64_t k = io_push(w->io, c->sock, c->greeting->bytes, n);     /* small enough for any socket's buffer */
	greeting_free(w, c);
	if (k != (int64_t)n)
		return -EPIPE;
	int r = conf->tls != NULL ? io_start_tls_client(w->io, c->sock, conf->tls, cluster_tls_name(c->instance)) : 0;
	return r < 0 || conf->tls == NULL ? r : 1;
}

static int
connect_sock(struct worker *w, struct upconn *c)
{
	const struct cluster_conf *conf = cluster_conf_of(c->instance->cluster);
	const struct io_addr *at = cluster_address(c->instance, c->second);
	c->at = at;
	if (conf->tls != NULL && conf->send_proxy == 0)
		return io_connect_tls(w->io, at, conf->tls, cluster_tls_name(c->instance), worker_sink_ud(&c->sink), &c->sock);
	return io_connect(w->io, at, worker_sink_ud(&c->sink), &c->sock);
}

static void
conn_free(struct worker *w, struct upconn *c)
{
	atomic_fetch_sub_explicit(&c->instance->conns, 1, memory_order_relaxed);
	cluster_let_go(c->instance);
	http_out_free(w, &c->out);
	greeting_free(w, c);
	pool_give(&w->upools->conns, c);
	w->upools->used--;
}

/* The first socket is closed: the instance's other address (3). */
static void
turn(struct worker *w, struct upconn *c)
{
	struct io_event told = { .kind = IO_CONNECT };
	c->turning = false;
	told.res = connect_sock(w, c);
	if (told.res == 0)
		return;
	c->sock = NULL;
	c->user->event(w, c->user, c, &told);
	fl_assert(c->closing);                          /* a connection that is none can only be given up */
	conn_free(w, c);
}

/* Could not connect. May the other address be tried? Not if it is the other end's certificate that is wrong. */
static bool
turns(struct worker *w, struct upconn *c)
{
	if (c->second || cluster_address(c->instance, true) == NULL || io_tls_error(c->sock)[0] != '\0')
		return false;
	c->second = c->turning = true;
	io_close(w->io, c->sock, true);
	return true;
}

/* returns the result for the user; > 0: there is none yet. */
static int
connected(struct worker *w, struct upconn *c, int res)
{
	if (res < 0 && turns(w, c))
		return 1;
	int r = res < 0 ? res : greet(w, c);
	if (r == 0) {
		cluster_reached(c->instance, c->at);
		c->connecting = false;
	}
	return r;
}

static void
upconn_event(struct worker *w, struct sink *sink, const struct io_event *ev)
{
	struct upconn *c = FL_CONTAINER_OF(sink, struct upconn, sink);
	struct io_event told = *ev;
	if (ev->kind == IO_CLOSED) {
		if (c->turning && !c->closing)
			turn(w, c);
		else
			conn_free(w, c);
		return;
	}
	if (c->closing || c->turning)
		return;
	if (ev->kind == IO_CONNECT && (told.res = connected(w, c, ev->res)) > 0)
		return;
	if (ev->kind == IO_SENT)
		told.res = http_out_sent(w, &c->out, c->sock, ev->res);
	if (c->user != NULL)
		c->user->event(w, c->user, c, &told);
	else
		upconn_drop(w, c, false);               /* (2) */
}

/* No more calls go to it from here: it is drained, its name stands for others now, or the configuration is another one. */
static bool
is_unwanted(const struct worker *w, const struct instance *i)
{
	return atomic_load_explicit(&i->draining, memory_order_relaxed) || atomic_load_explicit(&i->gone, memory_order_relaxed) ||
	    !cluster_used(w, i->cluster);
}

bool
upconn_has_idle(const struct worker *w, const struct instance *i)
{
	return !list_empty(&i->seats[w->index].idle);
}

/* What held bytes back has let them go, or a fault ends the connection: as though the network had said so. */
static void
faults_told(struct worker *w, void *ud, int res)
{
	struct upconn *c = ud;
	struct io_event ev = { .kind = res < 0 ? IO_RECV : IO_SENT, .res = res };
	if (c->closing)
		return;
	if (c->user != NULL)
		c->user->event(w, c->user, c, &ev);
	else if (res < 0)
		upconn_drop(w, c, res == -ECONNRESET);
}

int
upconn_faults(struct worker *w, struct upconn *c, struct fault_set *set, const struct decide_conn *key, const struct http_who *who)
{
	return http_out_faults(w, &c->out, c->sock, set, FL_C2S, key, who, faults_told, c);
}

/* Close what has been idle for too long. */
static void
sweep(struct worker *w, struct wtimer *t, fl_ns now)
{
	struct upconn_pools *p = w->upools;
	list_for_safe(l, &p->idle) {
		struct upconn *c = list_entry(l, struct upconn, age);
		const struct cluster_pool_conf *pool = &cluster_conf_of(c->instance->cluster)->pool;
		if (now - c->idle_since >= pool->idle_timeout || (pool->lifetime > 0 && now - c->opened >= pool->lifetime) ||
		    is_unwanted(w, c->instance))
			upconn_drop(w, c, false);
	}
	worker_timer(w, t, p->idle_count > 0 ? now + SWEEP_EVERY : FL_NEVER);
}

/* Another worker would use a connection that is idle here. */
static void
shed_message(void *owner, const struct message *m)
{
	struct worker *w = owner;
	struct instance *i = (struct instance *)(uintptr_t)m->words[0];
	struct instance_seat *seat = &i->seats[w->index];
	if (!list_empty(&seat->idle) && atomic_load_explicit(&i->conns, memory_order_relaxed) >= (int_fast32_t)i->conns_max)
		upconn_drop(w, list_entry(seat->idle.prev, struct upconn, link), false);
	cluster_let_go(i);
}

/* -EBUSY: somebody was asked; -EAGAIN: all of them are in use. */
static int
shed(struct worker *w, struct instance *i)
{
	const struct crew *crew = w->crew;
	bool asked = false;
	for (unsigned k = 0; k < crew->count && atomic_load_explicit(&i->idle, memory_order_relaxed) > 0; k++) {
		struct message m = { .call = shed_message, .words = { (uint64_t)(uintptr_t)i } };
		if (k == w->index)
			continue;
		cluster_hold(i);
		if (mailbox_post(&crew->workers[k]->mail, &m))
			asked = true;
		else
			cluster_let_go(i);
	}
	return asked ? -EBUSY : -EAGAIN;
}

static int
connect_new(struct worker *w, struct instance *i, struct upconn_user *user, struct upconn **ret_conn)
{
	if (i->conns_max > 0) {
		int_fast32_t n = atomic_load_explicit(&i->conns, memory_order_relaxed);
		do {
			if (n >= (int_fast32_t)i->conns_max)
				return shed(w, i);
		} while (!atomic_compare_exchange_weak(&i->conns, &n, n + 1));
	} else {
		atomic_fetch_add_explicit(&i->conns, 1, memory_order_relaxed);
	}
	struct upconn_pools *p = w->upools;
	if (p->used >= p->enough && p->idle_count > 0)
		upconn_drop(w, list_entry(p->idle.next, struct upconn, age), false);
	struct upconn *c = pool_take(&p->conns, NULL);
	int r = -ENFILE;
	if (c != NULL) {
		list_init(&c->link);
		list_init(&c->age);
		c->sink.event = upconn_event;
		c->instance = i;
		r = connect_sock(w, c);
		if (r < 0 && cluster_address(i, true) != NULL) {
			c->second = true;
			r = connect_sock(w, c);
		}
		if (r == -EAGAIN || r == -EBUSY)        /* the system is out of something; those two are our own words */
			r = -ENOBUFS;
	}
	if (r < 0) {
		if (c != NULL)
			pool_give(&w->upools->conns, c);
		atomic_fetch_sub_explicit(&i->conns, 1, memory_order_relaxed);
		return r;
	}
	p->used++;
	cluster_hold(i);
	c->user = user;
	c->opened = io_now(w->io);
	c->requests = 1;
	c->connecting = true;
	*ret_conn = c;
	return 0;
}

int
upconn_get(struct worker *w, struct instance *i, struct upconn_user *user, const struct proxy_header *header, struct upconn **ret_conn)
{
	struct instance_seat *seat = &i->seats[w->index];
	const struct cluster_conf *conf = cluster_conf_of(i->cluster);
	if (!list_empty(&seat->idle)) {
		struct upconn *c = list_entry(seat->idle.next, struct upconn, link);
		unidle(w, c);
		c->user = user;
		c->requests++;
		c->reused = true;
		*ret_conn = c;
		return 1;
	}
	int r = connect_new(w, i, user, ret_conn);
	if (r < 0 || conf->send_proxy == 0)
		return r;
	struct proxy_header own = { .family = PROXY_HEADER_NONE };
	struct upconn_greeting *g = slab_alloc(w->mem, sizeof(*g));
	if (g == NULL) {
		upconn_drop(w, *ret_conn, true);
		return -ENOMEM;
	}
	g->n = proxy_header_write(header != NULL ? header : &own, conf->send_proxy, g->bytes);
	(*ret_conn)->greeting = g;
	return 0;
}

void
upconn_release(struct worker *w, struct upconn *c, bool reusable)
{
	struct instance *i = c->instance;
	struct instance_seat *seat = &i->seats[w->index];
	const struct cluster_conf *conf = cluster_conf_of(i->cluster);
	const struct cluster_pool_conf *pool = &conf->pool;
	struct upconn_pools *p = w->upools;
	fl_ns now = io_now(w->io);
	/* A connection that tells of its client may only carry that client's requests. */
	if (!reusable || conf->send_proxy != 0 || seat->idle_count >= pool->idle_max ||
	    (pool->requests_max > 0 && c->requests >= pool->requests_max) ||
	    (pool->lifetime > 0 && now - c->opened >= pool->lifetime) || is_unwanted(w, i)) {
		upconn_drop(w, c, false);
		return;
	}
	c->user = NULL;
	c->idle_since = now;
	list_add_head(&seat->idle, &c->link);
	list_add_tail(&p->idle, &c->age);
	seat->idle_count++;
	p->idle_count++;
	atomic_fetch_add_explicit(&i->idle, 1, memory_order_relaxed);
	io_recv_start(w->io, c->sock, IDLE_RECV);
	if (!heap_armed(&p->sweep.node)) {
		p->sweep.fire = sweep;
		worker_timer(w, &p->sweep, now + SWEEP_EVERY);
	}
}
