/* SPDX-License-Identifier: MIT */
/*
 * import_sockets.c - see import_sockets.h. Sockets and tracked connections are collected; in the end each becomes a connection between
 * two addresses, the same connection seen twice is one, addresses become names, and what joins two names is a line.
 */
#include "graph/import_sockets.h"
#include "base/assert.h"
#include "graph/import_hosts.h"
#include "graph/import_image.h"
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
	return import_hosts_listener(all, h, a) != NULL;
}

/* Which end opened it? */
static enum role
role_of(const struct import_sockets *all, const struct host_socket *x)
{
	const struct import_socket *s = &x->s;
	const struct import_host *peer = import_hosts_of(all, x->host, &s->peer);

	if (s->opened)
		return ROLE_CLIENT;
	if (is_listening(all, x->host, &s->local))
		return ROLE_SERVER;
	if ((peer != NULL && is_listening(all, peer, &s->peer)) || x->host->listeners > 0)
		return ROLE_CLIENT;
	if ((s->local.port < EPHEMERAL_MIN) != (s->peer.port < EPHEMERAL_MIN))
		return s->local.port < EPHEMERAL_MIN ? ROLE_SERVER : ROLE_CLIENT;
	return s->local.port < s->peer.port ? ROLE_SERVER : ROLE_CLIENT;
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

/* One connection between two ends whose addresses are real ones. h: who saw it. */
static void
tell_connection(struct import *im, struct import_host *h, const struct import_addr *client, const struct import_addr *server, bool udp, bool failed,
    uint32_t count, int64_t when, struct import_at at)
{
	struct import_sockets *all = im->parts->sockets;
	struct host_end from, to;
	struct sight s = import_sight(SIGHT_LINE, h->source);

	import_hosts_end(im, h, client, false, &from);
	import_hosts_end(im, h, server, true, &to);
	if (from.name == NULL || to.name == NULL)
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
		role = role_of(all, x);
		if (role == ROLE_CLIENT)
			peer = import_hosts_tracked(all, local, behind_nat(all, x->host, local, peer), true);
		else
			peer = import_hosts_tracked(all, peer, local, false);
		if (role == ROLE_CLIENT)
			tell_connection(im, x->host, local, peer, false, x->s.failed, count, x->when, x->at);
		else
			tell_connection(im, x->host, peer, local, false, false, count, x->when, x->at);
	}
}

static void
each_track(struct import *im, struct import_sockets *all)
{
	for (struct host_track *x = all->tracks; x != NULL && im->failed == 0; x = x->next) {
		int64_t when = x->t.when != 0 ? x->t.when : x->when;

		tell_connection(im, x->host, &x->t.from, &x->t.reached, x->t.udp, !x->t.answered, 1, when, x->at);
	}
}

int
import_sockets_finish(struct import *im)
{
	struct import_sockets *all = im->parts->sockets;

	if (all == NULL || im->failed != 0)
		return im->failed;
	import_hosts_learn(im);
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
