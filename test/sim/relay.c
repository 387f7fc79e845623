/* SPDX-License-Identifier: MIT */
/*
 * relay.c - see relay.h.
 *
 * Invariants
 *  (1) A side receives only while the other side has nothing left to send.
 *  (2) A connection is freed when both of its sockets are closed.
 */
#include "relay.h"
#include "base/assert.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RELAY_UNIT 16384
#define RELAY_REST (2 * RELAY_UNIT)     /* one unit may come behind a stop */
#define RELAY_LINES 16

struct relay_conn;
struct relay_side {
	struct relay_conn *conn;
	struct io_sock *sock;
	uint8_t *rest;                  /* what is being sent to this side */
	size_t rest_bytes;              /* in rest, the first flight_bytes of them lent to io */
	size_t flight_bytes;
	bool eof_in;                    /* this side ended its stream */
	bool eof_due;                   /* it is to be told that the other side did */
	bool closing;
};
struct relay_conn {
	struct relay *relay;
	struct relay_side side[2];      /* client, server */
};
struct relay_listener {
	struct io_sock *sock;
	struct io_addr upstream;
};
struct relay {
	struct io *io;
	struct relay_listener lines[RELAY_LINES];
	unsigned line_count;
	uint32_t conns;
};

struct relay *
relay_new(uint32_t socks_max)
{
	struct relay *r = calloc(1, sizeof(*r));
	struct io_opts opts = { .socks_max = socks_max };

	fl_assert(r != NULL);
	fl_assert(io_new(&opts, &r->io) == 0);
	return r;
}

int
relay_line(struct relay *r, int token, const struct io_addr *upstream)
{
	struct relay_listener *l = &r->lines[r->line_count];
	int res;

	fl_assert(r->line_count < RELAY_LINES);
	l->upstream = *upstream;
	res = io_listen(r->io, token, l, &l->sock);
	r->line_count += res == 0;
	return res;
}

uint32_t
relay_conns(const struct relay *r)
{
	return r->conns;
}

bool
relay_mate(void *server_ud, void *client_ud)
{
	struct relay_side *s = server_ud, *c = client_ud;

	return s->conn == c->conn;
}

static bool
relay_is_listener(const struct relay *r, const void *ud)
{
	return ud >= (const void *)r->lines && ud < (const void *)(r->lines + RELAY_LINES);
}

static struct relay_side *
other(struct relay_side *s)
{
	return &s->conn->side[s == &s->conn->side[0]];
}

static void
side_close(struct relay_side *s, bool reset)
{
	if (s->sock == NULL || s->closing)
		return;
	s->closing = true;
	io_close(s->conn->relay->io, s->sock, reset);
}

static void
conn_close(struct relay_conn *c, bool reset)
{
	side_close(&c->side[0], reset);
	side_close(&c->side[1], reset);
}

static void
side_closed(struct relay_side *s)
{
	struct relay_conn *c = s->conn;

	s->sock = NULL;
	if (c->side[0].sock != NULL || c->side[1].sock != NULL)
		return;
	free(c->side[0].rest);
	free(c->side[1].rest);
	c->relay->conns--;
	free(c);
}

static void
on_accept(struct relay *r, struct relay_listener *l, int token)
{
	struct relay_conn *c;
	int res;

	if (token < 0)
		return;
	c = calloc(1, sizeof(*c));
	fl_assert(c != NULL);
	c->relay = r;
	c->side[0].conn = c->side[1].conn = c;
	res = io_attach(r->io, token, &c->side[0], &c->side[0].sock);
	if (res < 0) {
		io_discard(token, true);
		free(c);
		return;
	}
	r->conns++;
	if (io_connect(r->io, &l->upstream, &c->side[1], &c->side[1].sock) < 0)
		conn_close(c, true);
}

/* Everything for side `to` was sent; let the other side go on. */
static void
side_drained(struct relay_side *to)
{
	struct io *io = to->conn->relay->io;
	struct relay_side *from = other(to);

	if (from->eof_in) {
		if (to->eof_due) {
			to->eof_due = false;
			io_shutdown(io, to->sock);
		}
		if (to->eof_in && from->flight_bytes == 0 && !from->eof_due)
			conn_close(to->conn, false);
		return;
	}
	io_recv_start(io, from->sock, RELAY_UNIT);
}

/* Send what is in rest. */
static void
side_send(struct relay_side *to)
{
	to->flight_bytes = to->rest_bytes;
	io_send(to->conn->relay->io, to->sock, to->rest, to->flight_bytes);
}

static void
on_data(struct relay_side *from, const uint8_t *p, size_t n)
{
	struct io *io = from->conn->relay->io;
	struct relay_side *to = other(from);
	int64_t pushed = 0;

	if (to->flight_bytes == 0)
		pushed = io_push(io, to->sock, p, n);
	if (pushed < 0) {
		conn_close(from->conn, true);
		return;
	}
	n -= (size_t)pushed;
	if (n == 0)
		return;
	if (to->rest == NULL)
		to->rest = malloc(RELAY_REST);
	fl_assert(to->rest != NULL && to->rest_bytes + n <= RELAY_REST);
	memcpy(to->rest + to->rest_bytes, p + pushed, n);
	to->rest_bytes += n;
	io_recv_stop(io, from->sock);
	if (to->flight_bytes == 0)
		side_send(to);
}

static void
on_sent(struct relay_side *to, int res)
{
	if (res < 0) {
		conn_close(to->conn, true);
		return;
	}
	to->rest_bytes -= to->flight_bytes;
	memmove(to->rest, to->rest + to->flight_bytes, to->rest_bytes);
	to->flight_bytes = 0;
	if (to->rest_bytes > 0)
		side_send(to);
	else
		side_drained(to);
}

static void
on_recv(struct relay_side *from, const uint8_t *p, int res)
{
	struct relay_side *to = other(from);

	if (res < 0) {
		conn_close(from->conn, true);
	} else if (res > 0) {
		on_data(from, p, (size_t)res);
	} else {
		from->eof_in = to->eof_due = true;
		if (to->flight_bytes == 0)
			side_drained(to);
	}
}

static void
on_connect(struct relay_side *s, int res)
{
	struct io *io = s->conn->relay->io;

	if (res < 0) {
		conn_close(s->conn, true);
		return;
	}
	io_recv_start(io, s->conn->side[0].sock, RELAY_UNIT);
	io_recv_start(io, s->sock, RELAY_UNIT);
}

void
relay_turn(struct relay *r)
{
	struct io_event ev;

	io_wait(r->io, FL_NEVER);
	while (io_next(r->io, &ev)) {
		switch (ev.kind) {
		case IO_ACCEPT:
			on_accept(r, ev.ud, ev.res);
			break;
		case IO_CONNECT:
			on_connect(ev.ud, ev.res);
			break;
		case IO_RECV:
			on_recv(ev.ud, ev.data, ev.res);
			break;
		case IO_SENT:
			on_sent(ev.ud, ev.res);
			break;
		case IO_CLOSED:
			if (!relay_is_listener(r, ev.ud))
				side_closed(ev.ud);
			break;
		}
	}
}

void
relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	io_free(r->io);
	free(r);
}
