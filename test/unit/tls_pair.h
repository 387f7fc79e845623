/* SPDX-License-Identifier: MIT */
/* tls_pair.h - two ends of a connection in one struct io, either of them TLS or plain. */
#ifndef TEST_TLS_PAIR_H
#define TEST_TLS_PAIR_H

#include "io/io.h"
#include "tls_rig.h"

/* Two ends in one struct io; a connected, b was accepted. Their uds are "a" and "b". */
struct pair {
	struct io *io;
	struct io_sock *listener, *a, *b;
	int a_res, b_res;               /* of their handshakes; 1: not over */
	struct io_addr addr;
};

struct ends {
	struct tls_ctx *client, *server;        /* NULL: that end speaks plain */
	const char *name;               /* that the client asks for */
	const char *where;              /* NULL: 127.0.0.1 */
	int buffer;                     /* of the sockets; 0: the system's */
};

static inline struct io_event
any(struct io *io)
{
	struct io_event ev;
	while (!io_next(io, &ev))
		io_wait(io, FL_NEVER);
	return ev;
}

static inline struct io_event
next(struct io *io, enum io_kind kind)
{
	struct io_event ev = any(io);
	if (ev.kind != kind)
		fail_msg("event %d with %d of %s, expected %d", ev.kind, ev.res, (char *)ev.ud, kind);
	return ev;
}

static inline void
nothing(struct io *io)
{
	struct io_event ev;
	fl_ns until = io_clock(io) + 2 * FL_MS;
	while (io_clock(io) < until) {
		io_wait(io, until);
		if (io_next(io, &ev))
			fail_msg("event %d with %d of %s", ev.kind, ev.res, (char *)ev.ud);
	}
}

static inline void
listen_on(struct pair *p, const struct ends *e)
{
	struct io_opts opts = { .socks_max = 16, .tls_handshakes_max = 4 };
	int token;
	*p = (struct pair){ .a_res = 1, .b_res = 1 };
	assert_int_equal(io_new(&opts, &p->io), 0);
	assert_int_equal(addr_parse(e->where != NULL ? e->where : "127.0.0.1:0", &p->addr), 0);
	assert_int_equal(io_bind(&p->addr, &token, &p->addr), 0);
	if (e->buffer > 0) {            /* inherited by the accepted one; the other end's comes from the window it is offered */
		setsockopt(token, SOL_SOCKET, SO_SNDBUF, &e->buffer, sizeof(e->buffer));
		setsockopt(token, SOL_SOCKET, SO_RCVBUF, &e->buffer, sizeof(e->buffer));
	}
	assert_int_equal(io_listen(p->io, token, "l", &p->listener), 0);
}

static inline void
take_accept(struct pair *p, const struct ends *e, const struct io_event *ev)
{
	assert_true(ev->res >= 0);
	if (e->server != NULL) {
		assert_int_equal(io_attach_tls(p->io, ev->res, e->server, "b", &p->b), 0);
	} else {
		assert_int_equal(io_attach(p->io, ev->res, "b", &p->b), 0);
		p->b_res = 0;
	}
}

/* Connect and shake hands, until both ends know how it went. */
static inline void
open_pair(struct pair *p, struct ends e)
{
	listen_on(p, &e);
	if (e.client != NULL)
		assert_int_equal(io_connect_tls(p->io, &p->addr, e.client, e.name, "a", &p->a), 0);
	else
		assert_int_equal(io_connect(p->io, &p->addr, "a", &p->a), 0);
	while (p->a_res == 1 || p->b == NULL || p->b_res == 1) {
		struct io_event ev = any(p->io);
		if (ev.kind == IO_ACCEPT)
			take_accept(p, &e, &ev);
		else if (ev.kind == IO_CONNECT && ev.sock == p->a)
			p->a_res = ev.res;
		else if (ev.kind == IO_CONNECT)
			p->b_res = ev.res;
		else if (ev.kind != IO_RECV || ev.res >= 0)
			fail_msg("event %d with %d of %s", ev.kind, ev.res, (char *)ev.ud);
		else
			break;                  /* an end broke, and the other's handshake was over */
	}
}

static inline void
close_pair(struct pair *p)
{
	int open = 1 + (p->a != NULL) + (p->b != NULL);
	io_close(p->io, p->listener, false);
	if (p->a != NULL)
		io_close(p->io, p->a, true);
	if (p->b != NULL)
		io_close(p->io, p->b, true);
	while (open > 0)
		open -= any(p->io).kind == IO_CLOSED;           /* others' as well, where there are more */
	assert_int_equal(io_tls_handshakes(p->io), 0);
	io_free(p->io);
}

static inline void
good_pair(struct pair *p, struct ends e)
{
	open_pair(p, e);
	if (p->a_res != 0 || p->b_res != 0)
		fail_msg("handshake: client %d %s, server %d %s", p->a_res, io_tls_error(p->a), p->b_res, io_tls_error(p->b));
	assert_string_equal(io_tls_error(p->a), "");
	assert_string_equal(io_tls_error(p->b), "");
}

static inline struct ends
ends_of(const struct rig *r)
{
	return (struct ends){ .client = r->client_ctx, .server = r->server_ctx, .name = "server.example" };
}

#endif
