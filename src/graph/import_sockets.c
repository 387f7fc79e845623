/* SPDX-License-Identifier: MIT */
/*
 * import_sockets.c - see import_sockets.h. Sockets and tracked connections are collected; in the end each becomes a connection between
 * two addresses, the same connection seen twice is one, addresses become names, and what joins two names is a line.
 */
#include "graph/import_sockets.h"
#include "base/assert.h"
#include "graph/import_hosts.h"
#include "graph/import_image.h"
#include "graph/import_programs.h"
#include "graph/import_ref.h"
#include "graph/import_tally.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define EPHEMERAL_MIN 32768     /* net.ipv4.ip_local_port_range of Linux */

/* The role of this end, where it can be said. */
enum role { ROLE_UNKNOWN, ROLE_CLIENT, ROLE_SERVER };

static bool
is_listening(const struct import_sockets *all, const struct import_host *h, const struct import_addr *a)
{
	return h != NULL && import_hosts_listener(all, h, a) != NULL;
}

static bool
is_store(enum sight_kind kind)
{
	return kind == SIGHT_DATASTORE || kind == SIGHT_BROKER;
}

/* How much the number of an end's port says that it is a server's. */
static int
port_weight(const struct import_host *h, uint16_t port)
{
	if (h != NULL && h->wide)
		return 0;
	return (port < EPHEMERAL_MIN ? 2 : 0) + (import_protocol("", port) != NULL ? 2 : 0);
}

static int
fan_weight(uint32_t n)
{
	return n >= 8 ? 4 : n >= 4 ? 3 : n >= 2 ? 2 : 0;
}

/*
 * Nobody says that it listens on either port: the listener is gone, or was not dumped. Positive: this end is the server. Ports are the clearest
 * word, unless the host's clients are seen to use such ports, too; then that many connections share an end; then that a dump which shows
 * listeners does not show this one.
 */
static int
weigh(struct import *im, const struct host_socket *x, const struct import_host *peer)
{
	const struct import_socket *s = &x->s;
	int w = port_weight(x->host, s->local.port) - port_weight(peer, s->peer.port);

	w += fan_weight(import_hosts_fan(im, x->host, &s->local)) - fan_weight(import_hosts_fan(im, NULL, &s->peer));
	w -= x->host->listeners > 0;
	w += peer != NULL && peer->listeners > 0;
	if (import_programs_is_tool(s->process))
		w -= 8;
	else if (s->process[0] != '\0' && is_store(import_process_kind(s->process, s->local.port)) &&
	    is_store(import_process_kind("", s->local.port)))
		w += 4;
	return w;
}

/* Which end opened it? */
static enum role
role_of(struct import *im, const struct host_socket *x)
{
	const struct import_sockets *all = im->parts->sockets;
	const struct import_socket *s = &x->s;
	const struct import_host *peer = import_hosts_of(all, x->host, &s->peer);
	bool here, there;
	int w;

	if (s->opened || s->accepted)
		return s->opened ? ROLE_CLIENT : ROLE_SERVER;
	here = is_listening(all, x->host, &s->local);
	there = is_listening(all, peer, &s->peer);
	if (here != there)
		return here ? ROLE_SERVER : ROLE_CLIENT;
	w = -import_hosts_opener(all, &s->local, &s->peer);
	if (w == 0)
		w = weigh(im, x, peer);
	if (w == 0)
		w = s->local.port < s->peer.port ? 1 : -1;
	return w > 0 ? ROLE_SERVER : ROLE_CLIENT;
}

/* A host whose clients have low ports was told to use them (net.ipv4.ip_local_port_range): ports say nothing there. */
static void
learn_wide(const struct import_sockets *all)
{
	for (const struct host_socket *x = all->sockets; x != NULL; x = x->next) {
		const struct import_socket *s = &x->s;
		bool low = !s->listening && s->local.port < EPHEMERAL_MIN;

		if (low && (s->opened || (is_listening(all, import_hosts_of(all, x->host, &s->peer), &s->peer) &&
		    !is_listening(all, x->host, &s->local))))
			x->host->wide = true;
	}
}

struct conn_key {
	struct import_addr client, server;
	uint32_t host;          /* of a loopback connection: its host's number */
};

/* Was this connection told already? */
static bool
is_new(struct import_sockets *all, const struct import_addr *client, const struct import_addr *server, const struct import_host *h)
{
	struct conn_key k;

	memset(&k, 0, sizeof(k));
	k.client = *client;
	k.server = *server;
	k.host = import_addr_is_loopback(server) ? h->number + 1 : 0;
	/* Whose port is not known is one of many, and was put together by whoever saw them. */
	if (client->port == 0)
		return true;
	if (map_getn(&all->conns, &k, sizeof(k)) != NULL)
		return false;
	(void)map_putn(&all->conns, &k, sizeof(k), all, NULL);
	return true;
}

static const char *
protocol_of(const struct import_addr *server, const struct host_end *to, bool udp)
{
	const char *p = import_protocol("", server->port);
	enum sight_kind kind = to->kind;

	/* A service of a known name may listen on a store's port. */
	if (p != NULL && (to->process[0] == '\0' || kind != SIGHT_SERVICE || strcmp(p, "http") == 0 || strcmp(p, "rpc") == 0))
		return p;
	return kind == SIGHT_DATASTORE ? "db" : kind == SIGHT_BROKER ? "messaging" : udp ? "udp" : "tcp";
}

/* Docker's forwarder is nobody: the container that it leads to is the server. */
static const struct import_addr *
behind_forwarder(const struct import_sockets *all, const struct import_host *h, const struct import_addr *server, struct import_addr *out)
{
	const struct import_host *o = import_hosts_of(all, h, server);
	const struct host_socket *x = o != NULL ? import_hosts_listener(all, o, server) : NULL;

	if (x == NULL || x->s.app == NULL || strcmp(x->s.process, "docker-proxy") != 0)
		return server;
	return import_addr_end(x->s.app, strlen(x->s.app), out) ? out : server;
}

/* One connection between two ends whose addresses are real ones. h: who saw it; caller: the client's own socket, NULL. */
static void
tell_connection(struct import *im, struct import_host *h, const struct import_addr *client, const struct import_addr *server,
    const struct host_socket *caller, bool udp, bool failed, uint32_t count, int64_t when, struct import_at at)
{
	struct import_sockets *all = im->parts->sockets;
	struct host_end from, to;
	struct sight s = import_sight(SIGHT_LINE, h->source);
	struct import_addr forwarded;

	server = behind_forwarder(all, h, server, &forwarded);
	import_hosts_end(im, h, client, server, caller, false, &from);
	import_hosts_end(im, h, server, client, NULL, true, &to);
	if (from.name == NULL || to.name == NULL || strcmp(from.process, "docker-proxy") == 0)
		return;
	/* Whose it was is not known, and the forwarder's would look the same. */
	if (from.process[0] == '\0' && server != &forwarded && import_hosts_forwards(all, from.host, server))
		return;
	if (!is_new(all, client, server, h))
		return;
	s.from = from.name;
	s.from_kind = from.kind;
	s.to = to.name;
	s.to_kind = to.kind;
	s.protocol = protocol_of(server, &to, udp);
	s.first = when;
	s.count = count;
	s.errors = failed ? count : 0;
	/* A cluster lives on when one of its members does not. */
	if (import_hosts_gossip(&from, &to, server))
		s.strength = SIGHT_SOFT;
	import_tally_add(im, &s, at);
	import_hosts_met(im, &from, &to, server);
}

/* A connection to an address that is nobody's, which the other end saw under its own address: a NAT stands between. */
static const struct import_addr *
behind_nat(const struct import_sockets *all, const struct import_host *h, const struct import_addr *client, const struct import_addr *server)
{
	const struct host_socket *other;

	if (import_hosts_of(all, h, server) != NULL)
		return server;
	other = import_hosts_by_peer(all, client);
	return other != NULL && other->host != h ? &other->s.local : server;
}

static void
each_socket(struct import *im, struct import_sockets *all)
{
	for (struct host_socket *x = all->sockets; x != NULL && im->failed == 0; x = x->next) {
		const struct import_addr *local = &x->s.local, *peer = &x->s.peer;
		uint32_t count = x->s.count != 0 ? x->s.count : 1;
		enum role role;

		if (x->s.listening || peer->port == 0)
			continue;
		role = role_of(im, x);
		if (role == ROLE_CLIENT)
			peer = import_hosts_tracked(all, local, behind_nat(all, x->host, local, peer), true);
		else
			peer = import_hosts_tracked(all, peer, local, false);
		if (peer == NULL)
			continue;
		if (role == ROLE_CLIENT)
			tell_connection(im, x->host, local, peer, x, false, x->s.failed, count, x->when, x->at);
		else
			tell_connection(im, x->host, peer, local, NULL, false, false, count, x->when, x->at);
	}
}

static void
each_track(struct import *im, struct import_sockets *all)
{
	for (struct host_track *x = all->tracks; x != NULL && im->failed == 0; x = x->next) {
		int64_t when = x->t.when != 0 ? x->t.when : x->when;

		if (x->t.hint)
			continue;
		tell_connection(im, x->host, &x->t.from, &x->t.reached, NULL, x->t.udp, !x->t.answered, 1, when, x->at);
	}
}

int
import_sockets_finish(struct import *im)
{
	struct import_sockets *all = im->parts->sockets;

	if (all == NULL || im->failed != 0)
		return im->failed;
	import_hosts_learn(im);
	learn_wide(all);
	/* Trackers first: they know both ends of what sockets see half of. */
	each_track(im, all);
	each_socket(im, all);
	import_hosts_tell(im);
	return im->failed;
}

void
import_sockets_fini(struct import *im)
{
	import_hosts_fini(im->parts->sockets);
}
