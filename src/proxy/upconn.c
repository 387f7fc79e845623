/* SPDX-License-Identifier: MIT */
/* upconn.c - connections to instances. */
#include "proxy/upconn.h"
#include "base/assert.h"
#include "io/tls.h"
#include "proto/proxy_header.h"

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
	*ret_upools = p;
	return 0;
}

void
upconn_pools_free(struct upconn_pools *p)
{
	if (p == NULL)
		return;
	for (uint32_t i = 0; i < p->conns.touched; i++) {
		struct upconn *c = pool_at(&p->conns, i);
		if (c != NULL)
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
	io_close(w->io, c->sock, reset);
}

static void
upconn_event(struct worker *w, struct sink *sink, const struct io_event *ev)
{
	struct upconn *c = FL_CONTAINER_OF(sink, struct upconn, sink);
	if (ev->kind == IO_CLOSED) {
		atomic_fetch_sub_explicit(&c->instance->conns, 1, memory_order_relaxed);
		cluster_let_go(c->instance);
		http_out_free(w, &c->out);
		pool_give(&w->upools->conns, c);
		return;
	}
	if (c->closing)
		return;
	if (ev->kind == IO_CONNECT && ev->res == 0)
		c->connecting = false;
	struct io_event told = *ev;
	if (ev->kind == IO_SENT)
		told.res = http_out_sent(w, &c->out, c->sock, ev->res);
	if (c->user != NULL)
		c->user->event(w, c->user, c, &told);
	else
		upconn_drop(w, c, false);               /* (2) */
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
		    atomic_load_explicit(&c->instance->draining, memory_order_relaxed) || !cluster_used(w, c->instance->cluster))
			upconn_drop(w, c, false);
	}
	worker_timer(w, t, p->idle_count > 0 ? now + SWEEP_EVERY : FL_NEVER);
}

/* The PROXY header for a new connection. Small enough for any socket's buffer. */
static int
send_header(struct worker *w, struct upconn *c, const struct io_addr *client, unsigned version)
{
	uint8_t out[PROXY_HEADER_WRITE_MAX];
	struct proxy_header h = { .family = PROXY_HEADER_NONE };
	if (client->sa.sa_family == AF_INET && c->instance->addr.sa.sa_family == AF_INET) {
		h.family = PROXY_HEADER_IP4;
		memcpy(h.client.ip, &client->in.sin_addr, 4);
		memcpy(h.server.ip, &c->instance->addr.in.sin_addr, 4);
		h.client.port = addr_port(client);
		h.server.port = addr_port(&c->instance->addr);
	} else if (client->sa.sa_family == AF_INET6 && c->instance->addr.sa.sa_family == AF_INET6) {
		h.family = PROXY_HEADER_IP6;
		memcpy(h.client.ip, &client->in6.sin6_addr, 16);
		memcpy(h.server.ip, &c->instance->addr.in6.sin6_addr, 16);
		h.client.port = addr_port(client);
		h.server.port = addr_port(&c->instance->addr);
	}
	size_t n = proxy_header_write(&h, version, out);
	int64_t k = io_push(w->io, c->sock, out, n);
	return k == (int64_t)n ? 0 : -EPIPE;
}

static int
connect_new(struct worker *w, struct instance *i, struct upconn_user *user, struct upconn **ret_conn)
{
	const struct cluster_conf *conf = cluster_conf_of(i->cluster);
	if (i->conns_max > 0) {
		int_fast32_t n = atomic_load_explicit(&i->conns, memory_order_relaxed);
		do {
			if (n >= (int_fast32_t)i->conns_max)
				return -EAGAIN;
		} while (!atomic_compare_exchange_weak(&i->conns, &n, n + 1));
	} else {
		atomic_fetch_add_explicit(&i->conns, 1, memory_order_relaxed);
	}
	struct upconn *c = pool_take(&w->upools->conns, NULL);
	int r = -ENFILE;
	if (c != NULL) {
		list_init(&c->link);
		list_init(&c->age);
		c->sink.event = upconn_event;
		if (conf->tls != NULL && conf->send_proxy == 0)
			r = io_connect_tls(w->io, &i->addr, conf->tls, conf->tls_name, worker_sink_ud(&c->sink), &c->sock);
		else
			r = io_connect(w->io, &i->addr, worker_sink_ud(&c->sink), &c->sock);
	}
	if (r < 0) {
		if (c != NULL)
			pool_give(&w->upools->conns, c);
		atomic_fetch_sub_explicit(&i->conns, 1, memory_order_relaxed);
		return r;
	}
	c->instance = cluster_hold(i);
	c->user = user;
	c->opened = io_now(w->io);
	c->requests = 1;
	c->connecting = true;
	*ret_conn = c;
	return 0;
}

/* ---- a PROXY header before anything else: the connection's first user is this ---- */

struct greeting {
	struct upconn_user user;
	struct upconn_user *after;
	struct io_addr client;
};

static void
greeting_event(struct worker *w, struct upconn_user *u, struct upconn *c, const struct io_event *ev)
{
	struct greeting *g = FL_CONTAINER_OF(u, struct greeting, user);
	struct upconn_user *after = g->after;
	const struct cluster_conf *conf = cluster_conf_of(c->instance->cluster);
	struct io_event told = *ev;
	if (ev->kind == IO_CONNECT && ev->res == 0) {
		told.res = send_header(w, c, &g->client, conf->send_proxy);
		if (told.res == 0 && conf->tls != NULL) {
			c->user = after;
			c->connecting = true;
			slab_give(w->mem, g, sizeof(*g));
			int r = io_start_tls_client(w->io, c->sock, conf->tls, conf->tls_name);
			if (r == 0)
				return;                 /* another IO_CONNECT follows */
			told.res = r;
			after->event(w, after, c, &told);
			return;
		}
	}
	c->user = after;
	slab_give(w->mem, g, sizeof(*g));
	after->event(w, after, c, &told);
}

int
upconn_get(struct worker *w, struct instance *i, struct upconn_user *user, const struct io_addr *client, struct upconn **ret_conn)
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
	if (r == 0 && conf->send_proxy != 0 && client != NULL) {
		struct greeting *g = slab_alloc(w->mem, sizeof(*g));
		if (g == NULL) {
			upconn_drop(w, *ret_conn, true);
			return -ENOMEM;
		}
		*g = (struct greeting){ { greeting_event }, user, *client };
		(*ret_conn)->user = &g->user;
	}
	return r;
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
	    (pool->lifetime > 0 && now - c->opened >= pool->lifetime) || atomic_load_explicit(&i->draining, memory_order_relaxed)) {
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
