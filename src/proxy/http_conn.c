/* SPDX-License-Identifier: MIT */
/*
 * http_conn.c - a client's connection on an HTTP line, and the exchanges on it.
 *
 *      client bytes -> conn_input() -> http_call_begin() -> http_call_drive() -> tries -> ops -> forward() -> client
 *
 * An exchange asks its struct fl_call what to do (drive()), and tells it what happened. Everything that ends an exchange only marks
 * it; http_conn_settle() frees it when the event is over, so nothing is freed underfoot.
 *
 * Invariants
 *  (1) One exchange at a time: bytes behind a request wait in `held`, unread or here, until its answer is out.
 *  (2) An exchange is freed when its call was released and its answer is in the out queue whole, or will never be.
 *  (3) A connection is freed when IO_CLOSED was seen and its exchange is gone.
 */
#include "proxy/http_conn.h"
#include "base/assert.h"
#include "io/tls.h"
#include "proto/proxy_header.h"
#include "proxy/http_call.h"
#include "proxy/http_end.h"
#include "proxy/http_gate.h"
#include "proxy/http_peer.h"
#include "proxy/http_reply.h"

#include <errno.h>
#include <string.h>

#define LINGER_BYTES (1 << 20)          /* dropped at most, before the connection is closed all the same */

/* Nothing but line ends, which some send behind a body (RFC 9112 2.2)? */
static bool
is_blank(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != '\r' && p[i] != '\n')
			return false;
	return true;
}

/* Use bytes from the client. returns how many were used. */
static size_t
conn_input(struct worker *w, struct http_conn *c, const char *p, size_t n)
{
	struct http_worker *h = w->http;
	size_t at = 0;
	while (at < n) {
		if (c->state == AT_LINGER || c->state >= AT_CLOSING)
			return n;
		if (c->state == AT_EXCHANGE) {
			size_t k = http_call_body(w, c->ex, p + at, n - at);
			if (k == 0)
				return at;
			at += k;
			continue;
		}
		if (!http_out_idle(&c->out))
			return at;                      /* the client is to read its answers first */
		const struct http_limits *l = &c->wline->http->conf->limits;
		struct h1_limits lim = { .head_bytes_max = l->head_bytes_max, .fields_max = l->fields_max, .body_bytes_max = l->body_bytes_max };
		h->head_of = NULL;
		enum h1_verdict v = h1_request(p + at, n - at, &lim, &c->scan, &h->head);
		if (v == H1_MORE)
			return at;
		c->scan = (struct h1_scan){ 0 };
		if (v == H1_BAD) {
			http_reply_bad(w, c, h->head.status, h->head.error, false);
			return n;
		}
		c->behind = (uint32_t)(n - at) - h->head.head_bytes;
		at += http_call_begin(w, c, p + at, n - at);
		c->behind = 0;
	}
	return at;
}

/* The client has said all it will, and what could be used of it was. */
static void
conn_no_more(struct worker *w, struct http_conn *c)
{
	const struct http_exchange *ex = c->ex;
	bool tunnel = ex != NULL && ex->winner != NULL && ex->winner->tunnel;
	if (c->state == AT_EXCHANGE && !ex->body_done && !ex->answered && c->held_n == 0 && !tunnel) {
		/* It will never be whole. */
		http_side_count(&ex->cell->client_gone, 1);
		http_side_close(w, c, LINE_CLOSE_FINISHED, true);
	} else if (c->state == AT_READING && is_blank(c->held, c->held_n)) {
		c->close_next = true;
		c->state = AT_LINGER;                   /* until its last answer is out */
	} else if (c->state == AT_READING && http_out_idle(&c->out)) {
		http_reply_bad(w, c, 400, "the request ended early", false);
	}
}

/* Use what is held, as far as possible. */
static void
conn_advance(struct worker *w, struct http_conn *c)
{
	if (c->held_n > 0 && c->state < AT_CLOSING) {
		char *p = c->held;
		uint32_t n = c->held_n, room = c->held_room;
		c->held = NULL;
		c->held_n = c->held_room = 0;
		size_t used = conn_input(w, c, p, n);
		if (used < n && c->held == NULL && c->state < AT_LINGER) {
			memmove(p, p + used, n - used);
			c->held = p;
			c->held_n = (uint32_t)(n - used);
			c->held_room = room;
		} else {
			slab_give(w->mem, p, room);
		}
	}
	if (c->eof && c->state < AT_LINGER)
		conn_no_more(w, c);
}

static void
conn_free(struct worker *w, struct http_conn *c)
{
	struct line_cell *cell = c->wline->cell;
	line_count(&cell->closed[c->reason], 1);
	line_count(&cell->active, (uint64_t)-1);
	atomic_fetch_sub_explicit(&c->wline->line->open, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&w->crew->open, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&w->active, 1, memory_order_relaxed);
	heap_del(&w->wtimers, &c->timer.node);
	list_del(&c->link);
	list_del(&c->settle);
	http_out_free(w, &c->out);
	if (c->held != NULL)
		slab_give(w->mem, c->held, c->held_room);
	if (c->peer != NULL)
		slab_give(w->mem, c->peer, sizeof(*c->peer));
	if (c->said != NULL)
		slab_give(w->mem, c->said, sizeof(*c->said));
	pool_give(&w->http->conns, c);
}

/* The answer is out: the next request, or the end. */
static void
exchange_over(struct worker *w, struct http_conn *c)
{
	struct http_exchange *ex = c->ex;
	bool close_after = ex->close_after, last = ex->body_done && !ex->client_keeps;
	http_end_exchange(w, ex);
	if (c->state >= AT_CLOSING)
		return;
	c->since = http_now(w);
	c->state = AT_READING;
	if (close_after || c->close_next) {
		c->state = AT_LINGER;
		if (last && c->held_n == 0)
			c->dropped = LINGER_BYTES;      /* the client has nothing more to say: no need to wait */
	}
}

/* Say that no more comes, when all of it is sent; then drop what the client still sends, so that it can read the answer. */
static void
linger(struct worker *w, struct http_conn *c)
{
	if (!c->shut && !http_out_end(w, &c->out, c->sock)) {
		c->since = http_now(w);
		return;
	}
	if (http_out_struck(&c->out) || c->dropped >= LINGER_BYTES || c->eof) {
		http_side_close(w, c, http_out_struck(&c->out) ? LINE_CLOSE_FAULT_CLOSED : LINE_CLOSE_FINISHED, false);
		return;
	}
	if (!c->shut) {
		c->shut = true;
		io_shutdown(w->io, c->sock);
	}
}

static void
settle_one(struct worker *w, struct http_conn *c)
{
	/* A connection that is gone takes its exchange along: what still runs is called off. */
	if (c->ex != NULL && c->state >= AT_CLOSING && !c->ex->released) {
		c->ex->holds = false;
		http_call_abandon(w, c->ex);
	}
	if (c->ex != NULL && c->ex->released && c->ex->answered && (c->state >= AT_CLOSING || c->ex->gate == NULL || http_gate_over(c->ex->gate)))
		exchange_over(w, c);                    /* (2) */
	if (c->state == AT_GONE && c->ex == NULL) {
		conn_free(w, c);                        /* (3) */
		return;
	}
	if (c->state < AT_CLOSING)
		conn_advance(w, c);
	/* The last bytes of a tunnel have gone on: its end may follow. */
	if (c->state == AT_EXCHANGE && c->eof && c->held_n == 0 && c->ex->winner != NULL && c->ex->winner->tunnel && c->ex->winner->conn != NULL)
		http_call_tunnel(w, c->ex);
	if (c->state == AT_LINGER)
		linger(w, c);
	if (c->state < AT_CLOSING) {
		http_side_flow(w, c);
		http_side_arm(w, c, 0);
	}
}

void
http_conn_settle(struct worker *w)
{
	struct http_worker *h = w->http;
	if (h == NULL)
		return;
	if (atomic_load_explicit(&h->grants_lost, memory_order_relaxed))
		http_call_find_grants(w);
	for (unsigned n = 0; !list_empty(&h->settle) && n < 1024; n++) {
		struct http_conn *c = list_entry(h->settle.next, struct http_conn, settle);
		list_del(&c->settle);
		settle_one(w, c);
	}
}

/* After the PROXY header, or at once: TLS, or the first request. */
static void
greeted(struct worker *w, struct http_conn *c, const char *p, size_t n)
{
	const struct line_wire *wire = c->wline->conf->wire;
	if (wire != NULL && wire->tls_server != NULL && !c->tls) {
		c->tls = true;
		io_recv_stop(w->io, c->sock);
		int r = io_start_tls_server(w->io, c->sock, wire->tls_server, p, n);
		if (r < 0)
			http_side_close(w, c, r == -EBUSY ? LINE_CLOSE_FULL : LINE_CLOSE_OVERLOAD, true);
		return;
	}
	c->state = AT_READING;
	c->since = http_now(w);
	http_side_hold(w, c, p, n);
	http_side_later(w, c);
}

static void
read_proxy_header(struct worker *w, struct http_conn *c, const char *p, size_t n)
{
	struct proxy_header head;
	size_t bytes;
	http_side_hold(w, c, p, n);
	if (c->state >= AT_CLOSING)
		return;
	switch (proxy_header_parse((const uint8_t *)c->held, c->held_n, &head, &bytes)) {
	case PROXY_HEADER_MORE:
		return;
	case PROXY_HEADER_BAD:
		http_side_close(w, c, LINE_CLOSE_BAD_PROXY_HEADER, true);
		return;
	case PROXY_HEADER_OK:
		break;
	}
	if (head.family == PROXY_HEADER_IP4 || head.family == PROXY_HEADER_IP6) {
		const struct io_addr *a = http_peer(w, c);
		if (a != NULL) {
			struct io_addr any = { .len = sizeof(any.in), .in.sin_family = AF_INET };
			if (head.family == PROXY_HEADER_IP4) {
				memcpy(&any.in.sin_addr, head.client.ip, 4);
				any.in.sin_port = htons(head.client.port);
			} else {
				addr_from_ip16(head.client.ip, head.client.port, &any);
			}
			*c->peer = any;
		}
	}
	http_peer_said(w, c, &head);
	c->spoken = true;
	char *held = c->held;
	uint32_t room = c->held_room, rest = c->held_n - (uint32_t)bytes;
	c->held = NULL;
	c->held_n = c->held_room = 0;
	greeted(w, c, held + bytes, rest);
	slab_give(w->mem, held, room);
}

static void
conn_ended(struct worker *w, struct http_conn *c, int res)
{
	struct http_exchange *ex = c->ex;
	c->eof = true;
	c->since = http_now(w);
	if (res < 0) {
		if (ex != NULL)
			http_side_count(&ex->cell->client_gone, 1);
		http_side_close(w, c, res == -ECONNRESET || res == -EPIPE ? LINE_CLOSE_CLIENT_RESET : LINE_CLOSE_CLIENT_ERROR, true);
		return;
	}
	if (c->state == AT_EXCHANGE && ex->winner != NULL && ex->winner->tunnel) {
		http_call_tunnel(w, ex);
		return;
	}
	/* A client that sends no more may still want its answers: also those to what is held. */
	if (c->state == AT_GREETING)
		http_side_close(w, c, LINE_CLOSE_FINISHED, false);
	else
		conn_advance(w, c);
	http_side_later(w, c);
}

static void
conn_received(struct worker *w, struct http_conn *c, const struct io_event *ev)
{
	const char *p = (const char *)ev->data;
	size_t n = (size_t)ev->res;
	if (ev->res <= 0) {
		conn_ended(w, c, ev->res);
		return;
	}
	line_count(&c->wline->cell->received_bytes[FL_C2S], n);
	if (c->state == AT_LINGER) {
		c->dropped += (uint32_t)n;
		http_side_later(w, c);
		return;
	}
	if (c->state == AT_GREETING) {
		read_proxy_header(w, c, p, n);
		return;
	}
	if (c->state == AT_READING && c->held_n == 0)
		c->since = http_now(w);
	if (c->state == AT_EXCHANGE)
		c->since = http_now(w);
	if (c->held_n > 0) {
		http_side_hold(w, c, p, n);
		conn_advance(w, c);
	} else {
		size_t used = conn_input(w, c, p, n);
		if (used < n && c->state < AT_CLOSING && c->state != AT_LINGER)
			http_side_hold(w, c, p + used, n - used);
	}
	if (c->state == AT_LINGER)
		http_side_later(w, c);
}

/* Some was sent, or let go by a fault; or a fault ends the connection, or it is broken. */
static void
conn_sent(struct worker *w, struct http_conn *c, int res)
{
	struct http_exchange *ex = c->ex;
	if (res < 0) {
		bool struck = http_out_struck(&c->out);
		http_side_close(w, c, !struck ? LINE_CLOSE_CLIENT_RESET : res == -ECONNRESET ? LINE_CLOSE_FAULT_RESET : LINE_CLOSE_FAULT_CLOSED,
		    !struck || res == -ECONNRESET);
		return;
	}
	if (http_out_busy(&c->out))
		return;
	if (c->state == AT_READING || c->state == AT_LINGER)
		c->since = http_now(w);                 /* until now the client had its answers to read */
	if (ex != NULL && ex->gate != NULL)
		http_gate_run(w, ex->gate);
	if (c->state >= AT_CLOSING)
		return;                                 /* a fault has ended it */
	if (ex != NULL && ex->winner != NULL && ex->winner->conn != NULL && !http_side_busy(c)) {
		http_try_flow(w, ex->winner, true);
		if (ex->winner->tunnel)
			http_call_tunnel(w, ex);
	}
	http_side_later(w, c);
}

static void
conn_faults_told(struct worker *w, void *ud, int res)
{
	struct http_conn *c = ud;
	if (c->state >= AT_CLOSING)
		return;
	conn_sent(w, c, res);
	if (c->state < AT_CLOSING) {
		http_side_flow(w, c);
		http_side_arm(w, c, 0);
	}
}

/* Faults of the line's stream towards the client. */
static void
conn_bend(struct worker *w, struct http_conn *c)
{
	struct fault_set *set = c->wline->conf->faults;
	struct http_who who = { c->wline, c->ordinal, c->key, 0 };
	struct decide_conn key = { .key = c->key, .ordinal = c->ordinal };
	if (c->out.bend == NULL && !http_out_has_faults(set, FL_S2C))
		return;
	const struct io_addr *peer = http_peer(w, c);
	key.has_ip = peer != NULL && addr_ip16(peer, key.ip);
	int r = http_out_faults(w, &c->out, c->sock, set, FL_S2C, &key, &who, conn_faults_told, c);
	if (r < 0)
		http_side_close(w, c, r == -ENOMEM ? LINE_CLOSE_OVERLOAD : LINE_CLOSE_FAULT_CLOSED, r == -ECONNRESET);
}

void
http_conn_faults(struct worker *w, struct http_conn *c)
{
	if (c->state >= AT_CLOSING)
		return;
	conn_bend(w, c);
	if (c->ex != NULL && c->state == AT_EXCHANGE)
		http_call_faults(w, c->ex);
	if (c->state < AT_CLOSING)
		conn_sent(w, c, 0);                     /* what waited for a fault that is gone goes on */
	http_side_later(w, c);
}

static void
tell_tls_failed(struct worker *w, const struct http_conn *c)
{
	struct proxy_event e = { .at = http_now(w), .conn_ordinal = c->ordinal, .conn_key = c->key, .dir = FL_C2S, .what = "tls_failed",
		.worker = (uint8_t)w->index };
	record_add(w->record, &e, c->wline->line->name, io_tls_error(c->sock));
}

static void
conn_event(struct worker *w, struct sink *sink, const struct io_event *ev)
{
	struct http_conn *c = FL_CONTAINER_OF(sink, struct http_conn, sink);
	switch (ev->kind) {
	case IO_CLOSED:
		c->state = AT_GONE;
		c->sock = NULL;
		http_side_later(w, c);
		return;
	case IO_CONNECT:                                /* the TLS handshake */
		if (ev->res < 0) {
			tell_tls_failed(w, c);
			http_side_close(w, c, LINE_CLOSE_CLIENT_TLS, true);
			return;
		}
		c->state = AT_READING;
		c->since = http_now(w);
		break;
	case IO_RECV:
		if (c->state < AT_CLOSING)
			conn_received(w, c, ev);
		break;
	case IO_SENT:
		if (c->state >= AT_CLOSING)
			return;
		conn_sent(w, c, http_out_sent(w, &c->out, c->sock, ev->res));
		break;
	default:
		fl_assert(!"event of a client's connection");
	}
	if (c->state < AT_CLOSING) {
		http_side_flow(w, c);
		http_side_arm(w, c, 0);
	}
}

static void
conn_timer(struct worker *w, struct wtimer *timer, fl_ns now)
{
	struct http_conn *c = FL_CONTAINER_OF(timer, struct http_conn, timer);
	if (c->state >= AT_CLOSING)
		return;
	if (http_side_due(c) <= now) {
		switch (c->state) {
		case AT_GREETING:
			http_side_close(w, c, LINE_CLOSE_GREETING_TIMEOUT, true);
			break;
		case AT_READING:
			if (c->held_n > 0 && http_out_idle(&c->out))
				http_reply_bad(w, c, 408, "the request's head did not come in time", false);
			else
				http_side_close(w, c, LINE_CLOSE_FINISHED, !http_out_idle(&c->out));
			break;
		case AT_EXCHANGE:
			if (http_side_gone_due(c->ex) <= now) {
				http_side_count(&c->ex->cell->client_gone, 1);
				http_side_close(w, c, LINE_CLOSE_FINISHED, true);
			} else {
				http_call_timer(w, c, now);
			}
			break;
		default:                                /* not by a reset: what was sent may not have arrived */
			http_side_close(w, c, LINE_CLOSE_FINISHED, http_out_busy(&c->out));
		}
		http_side_later(w, c);
	}
	if (c->state < AT_CLOSING)
		http_side_arm(w, c, now + FL_MS);
}

int
http_conn_worker(struct worker *w, uint32_t conns_max, uint32_t records_max)
{
	int r = http_line_worker_new(conns_max, sizeof(struct http_conn), records_max, &w->http);
	if (r == 0)
		w->http->ops = &http_call_ops;
	return r;
}

struct http_conn *
http_conn_of(struct list *link)
{
	return list_entry(link, struct http_conn, link);
}

static void
refuse(struct worker *w, struct wline *wl, int token, enum line_close reason)
{
	line_count(&wl->cell->closed[reason], 1);
	atomic_fetch_sub_explicit(&wl->line->open, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&w->crew->open, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&w->active, 1, memory_order_relaxed);
	io_discard(token, true);
}

void
http_conn_open(struct worker *w, struct wline *wl, int token, uint64_t ordinal, uint64_t key)
{
	const struct line_wire *wire = wl->conf->wire;
	struct http_conn *c = pool_take(&w->http->conns, NULL);
	bool tls = wire != NULL && wire->tls_server != NULL && !wire->accept_proxy;
	int r = -ENFILE;
	if (c != NULL) {
		c->sink.event = conn_event;
		c->timer.fire = conn_timer;
		r = tls ? io_attach_tls(w->io, token, wire->tls_server, worker_sink_ud(&c->sink), &c->sock)
		        : io_attach(w->io, token, worker_sink_ud(&c->sink), &c->sock);
	}
	if (r < 0) {
		if (c != NULL)
			pool_give(&w->http->conns, c);
		refuse(w, wl, token, c == NULL || r == -EBUSY ? LINE_CLOSE_FULL : LINE_CLOSE_OVERLOAD);
		return;
	}
	c->wline = wl;
	c->ordinal = ordinal;
	c->key = key;
	c->opened = c->since = http_now(w);
	c->tls = tls;
	c->state = tls || (wire != NULL && wire->accept_proxy) ? AT_GREETING : AT_READING;
	list_init(&c->settle);
	list_add_tail(&wl->https, &c->link);
	line_count(&wl->cell->active, 1);
	conn_bend(w, c);
	if (c->state >= AT_CLOSING)
		return;
	if (!tls)
		http_side_flow(w, c);
	http_side_arm(w, c, 0);
}

void
http_conn_stop(struct worker *w, struct http_conn *c, enum line_close reason, bool reset)
{
	/* Where the end of the connection is the end of the answer, an end would say that it is whole. */
	http_side_close(w, c, reason, reset || (c->till_end && (c->ex != NULL || !http_out_idle(&c->out))));
}

void
http_conn_drain(struct worker *w, struct http_conn *c)
{
	c->close_next = true;
	if (c->state == AT_READING && c->held_n == 0)
		http_side_close(w, c, LINE_CLOSE_DRAINED, false);
}

void
http_conn_report(struct worker *w, struct http_conn *c, struct proxy_conn *ret)
{
	static const char *const names[] = { "greeting", "idle", "exchange", "lingering", "closing", "closing" };
	*ret = (struct proxy_conn){ .ordinal = c->ordinal, .key = c->key, .opened_ns = c->opened, .state = names[c->state] };
	if (c->sock == NULL)
		return;
	io_peer_addr(c->sock, &ret->client);
	io_local_addr(c->sock, &ret->proxy_client_side);
	ret->held_bytes[FL_C2S] = c->held_n;
	ret->held_bytes[FL_S2C] = c->out.bytes;
	struct chain_report r;
	fl_ns now = http_now(w);
	for (unsigned i = 0; ret->fault_count < PROXY_REPORT_FAULTS && http_out_report(&c->out, i, now, &r); i++)
		ret->faults[ret->fault_count++] = (struct proxy_conn_fault){ .fault_id = r.fault->id, .dir = FL_S2C,
			.active = r.active, .in_bytes = r.in_bytes, .hits = r.hits, .held_bytes = r.held_bytes };
}

void
http_conn_abandon(struct worker *w, struct http_conn *c)
{
	c->state = AT_CLOSING;
	c->reason = LINE_CLOSE_LINE_STOPPED;
	for (int n = 0; n < 64 && c->ex != NULL; n++) {
		settle_one(w, c);
		if (c->ex != NULL)
			http_call_take_grant(w, c->ex); /* no turn follows that would bring the message */
	}
	c->state = AT_GONE;
	conn_free(w, c);
}
