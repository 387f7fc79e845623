/* SPDX-License-Identifier: MIT */
/* http_side.c - the client's side of an HTTP line: sending, receiving, time limits. */
#include "proxy/http_side.h"
#include "proxy/http_try.h"

#include <errno.h>
#include <string.h>

#define HELD_EARLY 4096                 /* bytes of a request that came before the answer to the one before it; the rest stays in the kernel */

void
http_side_later(struct worker *w, struct http_conn *c)
{
	if (list_empty(&c->settle))
		list_add_tail(&w->http->settle, &c->settle);
}

void
http_side_close(struct worker *w, struct http_conn *c, enum line_close reason, bool reset)
{
	if (c->state >= AT_CLOSING)
		return;
	c->state = AT_CLOSING;
	c->reason = (uint8_t)reason;
	http_out_stop(w, &c->out);
	if (c->ex != NULL)
		http_gate_stop(w, c->ex->gate);
	io_close(w->io, c->sock, reset);
	http_side_later(w, c);
}

/* Bytes for the client. A broken connection shows itself when it is read. */
void
http_side_put(struct worker *w, struct http_conn *c, const void *p, size_t n)
{
	if (c->state >= AT_CLOSING || n == 0)
		return;
	int r = http_out_put(w, &c->out, c->sock, p, n);
	line_count(&c->wline->cell->sent_bytes[FL_S2C], n);
	if (http_out_struck(&c->out))
		http_side_close(w, c, r == -ECONNRESET ? LINE_CLOSE_FAULT_RESET : LINE_CLOSE_FAULT_CLOSED, r == -ECONNRESET);
	else if (r == -ENOMEM)
		http_side_close(w, c, LINE_CLOSE_OVERLOAD, true);
	else if (r < 0)
		http_side_close(w, c, r == -EPIPE || r == -ECONNRESET ? LINE_CLOSE_CLIENT_RESET : LINE_CLOSE_CLIENT_ERROR, true);
}

bool
http_side_busy(const struct http_conn *c)
{
	return http_out_busy(&c->out) || (c->ex != NULL && c->ex->gate != NULL && http_gate_busy(c->ex->gate));
}

bool
http_side_idle(const struct http_conn *c)
{
	return http_out_idle(&c->out) && (c->ex == NULL || c->ex->gate == NULL || http_gate_idle(c->ex->gate));
}

fl_ns
http_side_body_due(const struct http_exchange *ex)
{
	const struct http_conn *c = ex->conn;
	fl_ns limit = ex->line->conf->limits.body_timeout;
	return ex->body_done || limit == 0 || !c->reading ? FL_NEVER : c->since + limit;
}

fl_ns
http_side_gone_due(const struct http_exchange *ex)
{
	const struct http_conn *c = ex->conn;
	fl_ns limit = ex->line->conf->limits.half_closed;
	return !c->eof || !ex->body_done || ex->answering || limit == 0 ? FL_NEVER : c->since + limit;
}

static fl_ns
exchange_due(const struct http_exchange *ex)
{
	enum fl_limit limit;
	fl_ns due = ex->finished ? FL_NEVER : ex->until;
	if (ex->released)
		return FL_NEVER;                        /* it is about to be freed */
	/* The fallback may be what answers when the call's own time is over. */
	if (ex->answering && !ex->answered && ex->winner != NULL && !ex->winner->tunnel && !ex->winner->fallback && !http_side_held(ex))
		due = FL_MIN(due, ex->call.deadline.at);
	for (unsigned i = 0; i < ex->call.attempts; i++)
		if (ex->tries[i] != NULL)
			due = FL_MIN(due, http_try_due(ex->tries[i], &limit));
	if (ex->fallback != NULL)
		due = FL_MIN(due, http_try_due(ex->fallback, &limit));
	return FL_MIN(due, FL_MIN(http_side_body_due(ex), http_side_gone_due(ex)));
}

/* Until the client has read its answer it has the time that a client may be idle; then it may say a little more. */
static fl_ns
linger_due(const struct http_conn *c)
{
	fl_ns idle = c->wline->http->conf->limits.idle_timeout;
	if (c->out.bend != NULL && !http_out_idle(&c->out))
		return FL_NEVER;
	if (http_out_busy(&c->out))
		return idle > 0 ? c->since + FL_MAX(idle, HTTP_SIDE_LINGER) : FL_NEVER;
	return c->since + HTTP_SIDE_LINGER;
}

fl_ns
http_side_due(const struct http_conn *c)
{
	const struct http_limits *l = &c->wline->http->conf->limits;
	switch (c->state) {
	case AT_GREETING: return c->opened + (c->wline->conf->wire != NULL ? c->wline->conf->wire->greeting_timeout : 10 * FL_SEC);
	case AT_READING:
		if (c->held_n > 0 && http_out_idle(&c->out))
			return c->since + l->head_timeout;
		return l->idle_timeout > 0 ? c->since + l->idle_timeout : FL_NEVER;
	case AT_EXCHANGE: return exchange_due(c->ex);
	case AT_LINGER: return linger_due(c);
	default: return FL_NEVER;
	}
}

/* Lazily: a timer that is early asks again when it fires. */
void
http_side_arm(struct worker *w, struct http_conn *c, fl_ns least)
{
	fl_ns due = FL_MAX(http_side_due(c), least);
	if (!heap_armed(&c->timer.node) || due < c->timer.node.at)
		worker_timer(w, &c->timer, due);
}

/* Receive while there is use for it. */
void
http_side_flow(struct worker *w, struct http_conn *c)
{
	const struct http_exchange *ex = c->ex;
	bool want = true;
	uint32_t bytes = HTTP_RECV_BYTES;
	if (c->state >= AT_CLOSING)
		return;
	if (c->state == AT_READING) {
		want = http_out_idle(&c->out) && c->held_n < HTTP_SIDE_HELD_MAX;
	} else if (c->state == AT_EXCHANGE) {
		bool relays = ex->winner != NULL && ex->winner->tunnel;
		/* While it waits for its answer a little is read all the same: it may leave. */
		bool early = !relays && ex->body_done;
		bytes = early ? HELD_EARLY : HTTP_RECV_BYTES;
		want = early ? c->held_n < HELD_EARLY : c->held_n == 0;
	}
	want = want && !c->eof;
	if (want && !c->reading && c->state == AT_EXCHANGE)
		c->since = http_now(w);                 /* time while we did not want to hear it does not count */
	c->reading = want;
	if (want)
		io_recv_start(w->io, c->sock, bytes);
	else
		io_recv_stop(w->io, c->sock);
}

/* Keep what could not be used yet, in place of what was held. */
void
http_side_hold(struct worker *w, struct http_conn *c, const char *p, size_t n)
{
	if (n == 0)
		return;
	if (c->held_n + n > c->held_room) {
		size_t room = FL_MAX(512, c->held_room);
		while (room < c->held_n + n)
			room *= 2;
		char *more = room <= SLAB_BLOCK_MAX ? slab_alloc(w->mem, room) : NULL;
		if (more == NULL) {
			http_side_close(w, c, LINE_CLOSE_OVERLOAD, true);
			return;
		}
		if (c->held_n > 0)
			memcpy(more, c->held, c->held_n);
		if (c->held != NULL)
			slab_give(w->mem, c->held, c->held_room);
		c->held = more;
		c->held_room = (uint32_t)room;
		worker_trim_later(w, io_now(w->io));
	}
	memcpy(c->held + c->held_n, p, n);
	c->held_n += (uint32_t)n;
}

/* After this answer the connection ends: what the client still sends is not wanted. */
bool
http_side_must_close(const struct http_exchange *ex)
{
	const struct http_conn *c = ex->conn;
	const struct http_limits *l = &c->wline->http->conf->limits;
	bool last = c->eof && c->held_n + c->behind == 0;
	return !ex->client_keeps || !ex->body_done || c->close_next || last || c->wline->draining || c->wline->closing ||
	    (l->requests_max > 0 && c->requests >= l->requests_max);
}
