/* SPDX-License-Identifier: MIT */
/* greet.c - what happens on a connection before its bytes are relayed. */
#include "proxy/greet.h"
#include "base/assert.h"
#include "io/tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BYTES_FIRST 2048                /* most headers and hellos are smaller */
#define UNIT 64                         /* io_recv_start() rounds up to this */

enum { AT_HEADER, AT_HELLO, AT_START_TLS, AT_SHAKING, AT_ROUTE, AT_OVER };

_Static_assert(GREET_BYTES_MAX >= PROXY_HEADER_BYTES_MAX + CLIENT_HELLO_BYTES_MAX + 2 * UNIT, "both fit");

/* ---- life ---- */

static uint8_t
after_header(const struct line_wire *wire)
{
	return wire->tls_server != NULL ? AT_START_TLS : wire->route_count > 0 ? AT_HELLO : AT_OVER;
}

struct greet *
greet_new(struct slab *mem, struct line_wire *wire, fl_ns now)
{
	struct greet *g = slab_alloc(mem, sizeof(*g));
	if (g == NULL)
		return NULL;
	*g = (struct greet){ .wire = line_wire_ref(wire), .deadline = now + wire->greeting_timeout, .shaken = 1 };
	g->state = wire->accept_proxy ? AT_HEADER : wire->tls_server != NULL ? AT_SHAKING : after_header(wire);
	return g;
}

static void
drop_bytes(struct greet *g, struct slab *mem)
{
	if (g->bytes != NULL)
		slab_give(mem, g->bytes, g->room);
	g->bytes = NULL;
	g->at = g->n = g->room = 0;
}

void
greet_free(struct slab *mem, struct greet *g)
{
	if (g == NULL)
		return;
	drop_bytes(g, mem);
	line_wire_unref(g->wire);
	slab_give(mem, g, sizeof(*g));
}

int
greet_attach(const struct line_wire *wire, struct io *io, int token, void *ud, struct io_sock **ret_sock)
{
	if (wire->tls_server != NULL && !wire->accept_proxy)
		return io_attach_tls(io, token, wire->tls_server, ud, ret_sock);
	return io_attach(io, token, ud, ret_sock);
}

/* ---- bytes ---- */

/* Room for n more bytes and a unit, by moving and growing. */
static int
make_room(struct greet *g, struct slab *mem, size_t n)
{
	size_t need = g->n + n + UNIT;
	if (g->at > 0)
		memmove(g->bytes, g->bytes + g->at, g->n);
	g->at = 0;
	if (need <= g->room)
		return 0;
	if (need > GREET_BYTES_MAX)
		return -ENOBUFS;                /* (1) */
	uint32_t room = g->room == 0 ? BYTES_FIRST : g->room;
	while (room < need)
		room *= 2;
	fl_assert(room <= GREET_BYTES_MAX);
	uint8_t *more = slab_alloc(mem, room);
	if (more == NULL)
		return -ENOMEM;
	if (g->n > 0)
		memcpy(more, g->bytes, g->n);
	if (g->bytes != NULL)
		slab_give(mem, g->bytes, g->room);
	g->bytes = more;
	g->room = room;
	return 0;
}

int
greet_data(struct greet *g, struct slab *mem, const uint8_t *p, size_t n)
{
	if (n == 0) {
		g->eof = true;
		return 0;
	}
	int r = make_room(g, mem, n);
	if (r < 0)
		return r;
	fl_assert(g->at + g->n + n <= g->room);
	memcpy(g->bytes + g->at + g->n, p, n);
	g->n += (uint32_t)n;
	return 0;
}

/* Ask for more bytes, no more than there will be room for. */
static enum line_close
want_bytes(struct greet *g, struct slab *mem, struct io *io, struct io_sock *client, enum line_close bad)
{
	if (g->eof)
		return g->n == 0 ? LINE_CLOSE_FINISHED : bad;
	if (make_room(g, mem, UNIT) < 0)
		return LINE_CLOSE_OVERLOAD;
	io_recv_start(io, client, (g->room - g->n - UNIT) / UNIT * UNIT);
	return LINE_CLOSE_NONE;
}

/* ---- the states, in order ---- */

static enum line_close
run_header(struct greet *g, struct slab *mem, struct io *io, struct io_sock *client)
{
	size_t bytes;
	switch (g->n == 0 ? PROXY_HEADER_MORE : proxy_header_parse(g->bytes + g->at, g->n, &g->client, &bytes)) {
	case PROXY_HEADER_MORE:
		return want_bytes(g, mem, io, client, LINE_CLOSE_BAD_PROXY_HEADER);
	case PROXY_HEADER_BAD:
		return LINE_CLOSE_BAD_PROXY_HEADER;
	case PROXY_HEADER_OK:
		break;
	}
	g->at += (uint32_t)bytes;
	g->n -= (uint32_t)bytes;
	g->state = after_header(g->wire);
	io_recv_stop(io, client);               /* (2) */
	return LINE_CLOSE_NONE;
}

static enum line_close
run_hello(struct greet *g, struct slab *mem, struct io *io, struct io_sock *client)
{
	struct client_hello h;
	switch (g->n == 0 ? CLIENT_HELLO_MORE : client_hello_parse(g->bytes + g->at, g->n, &h)) {
	case CLIENT_HELLO_MORE:
		return want_bytes(g, mem, io, client, LINE_CLOSE_BAD_HELLO);
	case CLIENT_HELLO_BAD:
		return LINE_CLOSE_BAD_HELLO;
	case CLIENT_HELLO_OK:
		break;
	}
	memcpy(g->sni, h.sni, sizeof(g->sni));
	g->state = AT_ROUTE;
	io_recv_stop(io, client);               /* (2) */
	return LINE_CLOSE_NONE;
}

static enum line_close
run_start_tls(struct greet *g, struct slab *mem, struct io *io, struct io_sock *client)
{
	int r = io_start_tls_server(io, client, g->wire->tls_server, g->n > 0 ? g->bytes + g->at : NULL, g->n);
	if (r < 0)
		return r == -EBUSY ? LINE_CLOSE_FULL : LINE_CLOSE_OVERLOAD;
	drop_bytes(g, mem);
	g->state = AT_SHAKING;
	return LINE_CLOSE_NONE;
}

static enum line_close
run_shaking(struct greet *g, const struct io_sock *client)
{
	struct tls_info info;
	if (g->shaken < 0)
		return LINE_CLOSE_CLIENT_TLS;
	if (io_tls_info(client, &info) == 0)
		memcpy(g->sni, info.sni, sizeof(g->sni));
	g->state = g->wire->route_count > 0 ? AT_ROUTE : AT_OVER;
	return LINE_CLOSE_NONE;
}

static enum line_close
run_route(struct greet *g)
{
	g->target = line_wire_route(g->wire, g->sni);
	g->state = AT_OVER;
	return g->target == NULL && g->wire->no_default ? LINE_CLOSE_NO_ROUTE : LINE_CLOSE_NONE;
}

enum line_close
greet_run(struct greet *g, struct slab *mem, struct io *io, struct io_sock *client)
{
	enum line_close r = LINE_CLOSE_NONE;
	uint8_t before = AT_OVER;
	while (r == LINE_CLOSE_NONE && g->state != before) {
		before = g->state;
		switch (g->state) {
		case AT_HEADER: r = run_header(g, mem, io, client); break;
		case AT_HELLO: r = run_hello(g, mem, io, client); break;
		case AT_START_TLS: r = run_start_tls(g, mem, io, client); break;
		case AT_SHAKING: r = g->shaken == 1 ? LINE_CLOSE_NONE : run_shaking(g, client); break;
		case AT_ROUTE: r = run_route(g); break;
		default: fl_assert(g->state == AT_OVER);
		}
	}
	return r;
}

bool
greet_over(const struct greet *g)
{
	return g->state == AT_OVER;
}

/* ---- whose connection it is ---- */

static const uint8_t v4_mapped[12] = { [10] = 0xff, [11] = 0xff };

bool
greet_client(const struct greet *g, uint8_t ret_ip[16], uint16_t *ret_port)
{
	if (g->client.family != PROXY_HEADER_IP4 && g->client.family != PROXY_HEADER_IP6)
		return false;
	if (g->client.family == PROXY_HEADER_IP4) {
		memcpy(ret_ip, v4_mapped, sizeof(v4_mapped));
		memcpy(ret_ip + sizeof(v4_mapped), g->client.client.ip, 4);
	} else {
		memcpy(ret_ip, g->client.client.ip, 16);
	}
	*ret_port = g->client.client.port;
	return true;
}

static void
path_of(const struct io_addr *a, uint8_t ret_path[108])
{
	_Static_assert(sizeof(a->un.sun_path) == 108, "as in the header");
	size_t head = offsetof(struct sockaddr_un, sun_path);
	if (a->len > head)                      /* else it has no name */
		memcpy(ret_path, a->un.sun_path, FL_MIN(a->len - head, sizeof(a->un.sun_path)));
}

/* Dual-stack sockets have IPv4 addresses in IPv6's form. */
void
greet_ends(const struct io_addr *client, const struct io_addr *server, struct proxy_header *ret_header)
{
	uint8_t c[16], s[16];
	*ret_header = (struct proxy_header){ .family = PROXY_HEADER_NONE };
	if (client->sa.sa_family == AF_UNIX && server->sa.sa_family == AF_UNIX) {
		ret_header->family = PROXY_HEADER_UNIX;
		path_of(client, ret_header->client.path);
		path_of(server, ret_header->server.path);
		return;
	}
	if (!addr_ip16(client, c) || !addr_ip16(server, s))
		return;
	bool v4 = memcmp(c, v4_mapped, sizeof(v4_mapped)) == 0 && memcmp(s, v4_mapped, sizeof(v4_mapped)) == 0;
	ret_header->family = v4 ? PROXY_HEADER_IP4 : PROXY_HEADER_IP6;
	memcpy(ret_header->client.ip, v4 ? c + 12 : c, v4 ? 4 : 16);
	memcpy(ret_header->server.ip, v4 ? s + 12 : s, v4 ? 4 : 16);
	ret_header->client.port = addr_port(client);
	ret_header->server.port = addr_port(server);
}

void
greet_header(struct greet *g, const struct io_sock *client)
{
	struct proxy_header own = { .family = PROXY_HEADER_NONE };
	struct io_addr peer, local;
	if (g->client.family == PROXY_HEADER_NONE && io_peer_addr(client, &peer) == 0 && io_local_addr(client, &local) == 0)
		greet_ends(&peer, &local, &own);
	g->out_n = (uint32_t)proxy_header_write(g->client.family != PROXY_HEADER_NONE ? &g->client : &own, g->wire->send_proxy, g->out);
}

const char *
greet_tls_name(const struct greet *g, const char *host, const struct io_addr *addr, char *buf, size_t buf_bytes)
{
	if (g->wire->tls_name[0] != '\0')
		return g->wire->tls_name;
	if (host[0] != '\0' || addr->len == 0)
		return host;
	return addr_host(addr, buf, buf_bytes);
}
