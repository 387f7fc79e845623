/* SPDX-License-Identifier: MIT */
/*
 * cluster_watch.c - the home worker's part of a cluster.
 *
 * One timer a cluster looks names up anew and lets outlier ejection judge by rates; each instance that is checked has a timer and at
 * most one connection of its own.
 *
 * Invariants
 *  (1) A check ends by its time limit: checks of one instance never overlap.
 *  (2) The watch lives until its last check's connection has seen IO_CLOSED; stopped ones do nothing any more.
 */
#include "proxy/cluster_watch.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/rng.h"
#include "io/tls.h"
#include "proto/h1.h"
#include "proto/h1_write.h"
#include "proto/proxy_header.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK FL_SEC
#define TICK_LEAST (50 * FL_MS)
#define ANSWER_MAX 16384        /* bytes of a check's answer that are looked at: its head */

struct cluster_watch {
	struct cluster *cluster;        /* a reference */
	struct worker *worker;
	struct wtimer tick;
	fl_ns judged;                   /* when ejection judges by rates next */
	unsigned refs;                  /* itself, its checks, look-ups under way */
	bool stopped;
	struct list checks;
	fl_ns *looked;                  /* per upstream */
};

/* One instance's checks. */
struct health {
	struct sink sink;
	struct wtimer timer;
	struct list link;
	struct cluster_watch *watch;
	struct instance *instance;      /* a reference */
	struct io_sock *sock;           /* of the check under way; NULL: none */
	bool closing, over;
	bool greeted;                   /* the PROXY header is out */
	bool second, turning;           /* at the instance's other address; its first socket closes, then that is tried */
	const struct io_addr *at;
	bool gone;                      /* freed when its connection is */
	uint64_t number;
	unsigned in_a_row;              /* results that say otherwise than the state */
	fl_ns started;
	uint32_t got;
	struct h1_scan scan;
	char answer[ANSWER_MAX];
};

static void
watch_unref(struct cluster_watch *x)
{
	if (--x->refs > 0)
		return;
	fl_assert(list_empty(&x->checks));
	cluster_unref(x->cluster);
	free(x->looked);
	free(x);
}

/* ---- health checks ---- */

static void
health_free(struct health *h)
{
	struct cluster_watch *x = h->watch;
	list_del(&h->link);
	h->instance->health = NULL;
	cluster_let_go(h->instance);
	free(h);
	watch_unref(x);
}

static fl_ns
next_check(const struct health *h, fl_ns now)
{
	const struct cluster_health_conf *conf = &cluster_conf_of(h->watch->cluster)->health;
	double u = rng_unit(rng_draw(cluster_conf_of(h->watch->cluster)->seed ^ h->instance->id, h->number, 0x6865616c));
	return now + (fl_ns)((double)conf->interval * (0.9 + 0.2 * u));
}

/* A check has its result. */
static void
health_result(struct worker *w, struct health *h, bool good, int status, fl_ns now)
{
	const struct cluster_health_conf *conf = &cluster_conf_of(h->watch->cluster)->health;
	struct instance *i = h->instance;
	struct instance_judge *j = i->judge;
	int state = atomic_load(&j->health_state);
	if (h->over)
		return;
	h->over = true;
	atomic_store(&j->health_status, status);
	atomic_store(&j->health_at, now);
	h->in_a_row = (state >= 0) == good && state != 0 ? 0 : h->in_a_row + 1;
	/* The first result counts at once; after that it takes rise or fall of them. */
	if (state == 0 || h->in_a_row >= (good ? conf->rise : conf->fall)) {
		atomic_store(&j->health_state, good ? 1 : -1);
		h->in_a_row = 0;
		fl_outlier_health(cluster_outlier(h->watch->cluster), &j->host, good, now);
	}
	if (h->sock != NULL && !h->closing) {
		h->closing = true;
		if (!h->turning)
			io_close(w->io, h->sock, !good);
	}
	worker_timer(w, &h->timer, h->watch->stopped ? FL_NEVER : next_check(h, now));
}

static void
health_ask(struct worker *w, struct health *h, fl_ns now)
{
	const struct cluster_health_conf *conf = &cluster_conf_of(h->watch->cluster)->health;
	char out[1024];
	struct h1_edit agent;
	const char *host = conf->host[0] != '\0' ? conf->host : h->instance->addr.sa.sa_family == AF_UNIX ? "localhost" : h->instance->text;
	h1_edit_init(&agent, H1_EDIT_ADD, "user-agent", "faultline-health");
	struct h1_out o = { .edits = &agent, .edit_count = 1, .target = conf->path, .target_len = (uint32_t)strlen(conf->path), .host = host,
		.host_len = (uint32_t)strlen(host), .close = true, .reframe = true, .framing = H1_NONE };
	size_t n = h1_write_ask("GET", &o, out, sizeof(out));
	if (n > sizeof(out) || io_push(w->io, h->sock, out, n) != (int64_t)n)
		health_result(w, h, false, -EPIPE, now);
	else
		io_recv_start(w->io, h->sock, 4096);
}

static void
health_answer(struct worker *w, struct health *h, const struct io_event *ev, fl_ns now)
{
	const struct cluster_health_conf *conf = &cluster_conf_of(h->watch->cluster)->health;
	struct h1_head head;
	struct h1_limits lim = { .head_bytes_max = ANSWER_MAX };
	if (ev->res <= 0) {
		health_result(w, h, false, ev->res < 0 ? ev->res : -ECONNRESET, now);
		return;
	}
	size_t n = FL_MIN((size_t)ev->res, sizeof(h->answer) - h->got);
	memcpy(h->answer + h->got, ev->data, n);
	h->got += (uint32_t)n;
	enum h1_verdict v = h1_response(h->answer, h->got, &lim, &h->scan, H1_GET, &head);
	if (v == H1_OK)
		health_result(w, h, head.status >= conf->status_min && head.status <= conf->status_max, head.status, now);
	else if (v == H1_BAD || h->got == sizeof(h->answer))
		health_result(w, h, false, -EBADMSG, now);
}

/* Where connections begin with a PROXY header: one that says that this one is our own. 0, 1: and TLS begins now; -errno. */
static int
health_greet(struct worker *w, struct health *h)
{
	const struct cluster_conf *conf = cluster_conf_of(h->watch->cluster);
	struct proxy_header own = { .family = PROXY_HEADER_NONE };
	uint8_t out[PROXY_HEADER_WRITE_MAX];
	if (conf->send_proxy == 0 || h->greeted)
		return 0;
	h->greeted = true;
	size_t n = proxy_header_write(&own, conf->send_proxy, out);
	if (io_push(w->io, h->sock, out, n) != (int64_t)n)
		return -EPIPE;
	if (conf->tls == NULL || conf->health.tcp)
		return 0;
	int r = io_start_tls_client(w->io, h->sock, conf->tls, cluster_tls_name(h->instance));
	return r < 0 ? r : 1;
}

/* There is no socket, not even one that closes. */
static void
health_refused(struct worker *w, struct health *h, int r, fl_ns now)
{
	h->sock = NULL;
	health_result(w, h, false, r, now);
}

static int
health_connect(struct worker *w, struct health *h)
{
	const struct cluster_conf *conf = cluster_conf_of(h->watch->cluster);
	h->at = cluster_address(h->instance, h->second);
	if (conf->tls != NULL && !conf->health.tcp && conf->send_proxy == 0)
		return io_connect_tls(w->io, h->at, conf->tls, cluster_tls_name(h->instance), worker_sink_ud(&h->sink), &h->sock);
	return io_connect(w->io, h->at, worker_sink_ud(&h->sink), &h->sock);
}

static void
health_connected(struct worker *w, struct health *h, int res, fl_ns now)
{
	if (res < 0 && !h->second && cluster_address(h->instance, true) != NULL && io_tls_error(h->sock)[0] == '\0') {
		h->second = h->turning = true;
		io_close(w->io, h->sock, true);
		return;
	}
	int r = res < 0 ? res : health_greet(w, h);
	if (r == 0)
		cluster_reached(h->instance, h->at);
	if (r < 0)
		health_result(w, h, false, r, now);
	else if (r == 0 && cluster_conf_of(h->watch->cluster)->health.tcp)
		health_result(w, h, true, 0, now);
	else if (r == 0)
		health_ask(w, h, now);
}

static void
health_event(struct worker *w, struct sink *sink, const struct io_event *ev)
{
	struct health *h = FL_CONTAINER_OF(sink, struct health, sink);
	fl_ns now = io_now(w->io);
	int r;
	if (ev->kind == IO_CLOSED) {
		bool turns = h->turning && !h->closing;
		h->sock = NULL;
		h->closing = h->turning = false;
		if (h->watch->stopped || h->gone)
			health_free(h);
		else if (turns && (r = health_connect(w, h)) < 0)
			health_refused(w, h, r, now);
		return;
	}
	if (h->closing || h->over || h->turning)
		return;
	if (ev->kind == IO_CONNECT) {
		health_connected(w, h, ev->res, now);
	} else if (ev->kind == IO_RECV) {
		health_answer(w, h, ev, now);
	}
}

static void
health_begin(struct worker *w, struct health *h, fl_ns now)
{
	const struct cluster_conf *conf = cluster_conf_of(h->watch->cluster);
	h->number++;
	h->over = h->greeted = false;
	h->got = 0;
	h->scan = (struct h1_scan){ 0 };
	h->started = now;
	h->second = h->turning = false;
	int r = health_connect(w, h);
	if (r < 0 && cluster_address(h->instance, true) != NULL) {
		h->second = true;
		r = health_connect(w, h);
	}
	if (r < 0) {
		health_refused(w, h, r, now);
		return;
	}
	worker_timer(w, &h->timer, now + conf->health.timeout);
}

static void
health_timer(struct worker *w, struct wtimer *t, fl_ns now)
{
	struct health *h = FL_CONTAINER_OF(t, struct health, timer);
	if (h->watch->stopped || h->gone)
		return;
	if (!h->over)
		health_result(w, h, false, -ETIMEDOUT, now);
	else if (h->sock == NULL)
		health_begin(w, h, now);
	else
		worker_timer(w, t, now + FL_MS);        /* its last connection is still closing */
}

static void
health_start(struct cluster_watch *x, struct instance *i, fl_ns now)
{
	struct health *h = calloc(1, sizeof(*h));
	if (h == NULL)
		return;
	h->sink.event = health_event;
	h->timer.fire = health_timer;
	h->watch = x;
	h->over = true;
	h->instance = cluster_hold(i);
	list_add_tail(&x->checks, &h->link);
	i->health = h;
	x->refs++;
	worker_timer(x->worker, &h->timer, now);
}

static void
health_stop(struct worker *w, struct health *h)
{
	h->gone = true;
	heap_del(&w->wtimers, &h->timer.node);
	if (h->sock == NULL) {
		health_free(h);
	} else if (!h->closing) {
		h->closing = true;
		if (!h->turning)
			io_close(w->io, h->sock, true);
	}
}

/* Checks for instances that are new, none for those that have gone. */
static void
health_match(struct cluster_watch *x, fl_ns now)
{
	struct instance **items;
	unsigned n = cluster_instances(x->worker, x->cluster, &items);
	if (!cluster_conf_of(x->cluster)->health.on)
		return;
	list_for_safe(l, &x->checks) {
		struct health *h = list_entry(l, struct health, link);
		bool there = false;
		for (unsigned i = 0; i < n; i++)
			there |= items[i] == h->instance;
		if (!there && !h->gone)
			health_stop(x->worker, h);
	}
	for (unsigned i = 0; i < n; i++)
		if (items[i]->health == NULL)
			health_start(x, items[i], now);
}

/* ---- names ---- */

struct looked {
	struct cluster_watch *watch;
	unsigned upstream;
	struct resolve_answer answer;
};

static void
looked_message(void *owner, const struct message *m)
{
	struct looked *l = (struct looked *)(uintptr_t)m->words[0];
	struct cluster_watch *x = l->watch;
	(void)owner;
	fl_ns now = io_now(x->worker->io);
	/* A name that stands for nothing yet is not waited for as long as one that is looked up anew. */
	bool again = l->answer.res <= 0 && cluster_stands(x->cluster, l->upstream) == 0;
	x->looked[l->upstream] = again ? now : now + cluster_conf_of(x->cluster)->dns_refresh;
	if (!x->stopped && l->answer.res > 0) {
		cluster_set_addresses(x->worker, x->cluster, l->upstream, l->answer.addrs, (unsigned)l->answer.res);
		health_match(x, now);
	}
	free(l);
	watch_unref(x);
}

/* On a thread of the resolver. */
static void
looked_up(void *ud, uint64_t ticket, const struct resolve_answer *answer)
{
	struct looked *l = ud;
	(void)ticket;
	l->answer = *answer;
	struct message m = { .call = looked_message, .words = { (uint64_t)(uintptr_t)l } };
	while (!mailbox_post(&l->watch->worker->mail, &m))
		;                       /* the worker empties it every turn */
}

static void
look_up(struct cluster_watch *x, unsigned u)
{
	const struct cluster_conf *conf = cluster_conf_of(x->cluster);
	char host[256], port[32];
	struct looked *l;
	if (x->worker->crew->resolver == NULL || addr_split(conf->upstreams[u].address, host, sizeof(host), port, sizeof(port)) < 0)
		return;
	if ((l = malloc(sizeof(*l))) == NULL) {
		x->looked[u] = io_now(x->worker->io);
		return;
	}
	*l = (struct looked){ .watch = x, .upstream = u };
	x->refs++;
	int r = resolver_ask(x->worker->crew->resolver, host[0] != '\0' ? host : "localhost", port, looked_up, l, 0, &l->answer);
	if (r == 0)
		return;
	struct message m = { .words = { (uint64_t)(uintptr_t)l } };
	if (r < 0)
		l->answer.res = r;
	looked_message(x->worker, &m);
}

static void
tick(struct worker *w, struct wtimer *t, fl_ns now)
{
	struct cluster_watch *x = FL_CONTAINER_OF(t, struct cluster_watch, tick);
	const struct cluster_conf *conf = cluster_conf_of(x->cluster);
	struct io_addr addr;
	x->refs++;                      /* looking up may answer at once */
	for (unsigned u = 0; u < conf->count; u++) {
		if (addr_parse(conf->upstreams[u].address, &addr) == 0 || now < x->looked[u])
			continue;
		x->looked[u] = FL_NEVER;        /* until there is an answer: a slow server is not asked over and over */
		look_up(x, u);
	}
	if (cluster_outlier(x->cluster) != NULL && now >= x->judged) {
		x->judged = now + TICK;
		fl_outlier_tick(cluster_outlier(x->cluster), now);
	}
	cluster_tell_again(w, x->cluster);
	health_match(x, now);
	/* Names may be looked up more often than that. */
	worker_timer(w, t, now + FL_MIN(TICK, FL_MAX(conf->dns_refresh, TICK_LEAST)));
	watch_unref(x);
}

/* ---- life ---- */

struct cluster_watch *
cluster_watch_start(struct worker *w, struct cluster *c)
{
	struct cluster_watch *x = calloc(1, sizeof(*x));
	if (x == NULL)
		return NULL;
	x->looked = calloc(cluster_conf_of(c)->count + 1, sizeof(*x->looked));
	if (x->looked == NULL) {
		free(x);
		return NULL;
	}
	x->cluster = cluster_ref(c);
	x->worker = w;
	x->refs = 1;
	x->tick.fire = tick;
	list_init(&x->checks);
	/* What has its addresses, from the look-up at its making or from the cluster before, is looked up in due time. */
	for (unsigned u = 0; u < cluster_conf_of(c)->count; u++)
		x->looked[u] = cluster_stands(c, u) > 0 ? io_now(w->io) + cluster_conf_of(c)->dns_refresh : INT64_MIN;
	worker_timer(w, &x->tick, io_now(w->io));
	return x;
}

void
cluster_watch_stop(struct worker *w, struct cluster_watch *x)
{
	if (x == NULL)
		return;
	x->stopped = true;
	heap_del(&w->wtimers, &x->tick.node);
	list_for_safe(l, &x->checks)
		health_stop(w, list_entry(l, struct health, link));
	watch_unref(x);
}
