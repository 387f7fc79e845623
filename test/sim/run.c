/* SPDX-License-Identifier: MIT */
/* run.c - see run.h. */
#include "run.h"
#include "io_sim.h"
#include "base/assert.h"
#include <stdio.h>
#include <string.h>

#define CALM_NS_MAX (600 * FL_SEC)
#define SLOW_NS_MAX (1000000 * FL_SEC)
#define CLIENT_STREAM 0xc11e
#define SERVER_STREAM 0x5e7e

/* ---- addresses ---- */

static struct io_addr
addr_v4(unsigned net, unsigned host, uint16_t port)
{
	struct io_addr a = { .len = sizeof(a.in) };

	a.in.sin_family = AF_INET;
	a.in.sin_port = htons(port);
	a.in.sin_addr.s_addr = htonl(10u << 24 | net << 16 | host);
	return a;
}

static struct io_addr
addr_v6(unsigned net, unsigned host, uint16_t port)
{
	struct io_addr a = { .len = sizeof(a.in6) };

	a.in6.sin6_family = AF_INET6;
	a.in6.sin6_port = htons(port);
	a.in6.sin6_addr.s6_addr[0] = 0xfd;
	a.in6.sin6_addr.s6_addr[13] = (uint8_t)net;
	a.in6.sin6_addr.s6_addr[15] = (uint8_t)host;
	return a;
}

static struct io_addr
addr_unix(const char *name, unsigned number)
{
	struct io_addr a = { .len = offsetof(struct sockaddr_un, sun_path) };

	a.un.sun_family = AF_UNIX;
	if (name != NULL)
		a.len += (socklen_t)snprintf(a.un.sun_path, sizeof(a.un.sun_path), "/sim/%s%u", name, number) + 1;
	return a;
}

/* Where a client of this line comes from. */
static struct io_addr
client_addr(const struct sim_line *l, unsigned host)
{
	if (l->listen.sa.sa_family == AF_UNIX)
		return addr_unix(NULL, 0);
	return l->listen.sa.sa_family == AF_INET6 ? addr_v6(2, host + 1, 0) : addr_v4(2, host + 1, 0);
}

/* ---- servers ---- */

/* A server's stream and plan belong to the client it serves, so that they do not depend on who came first. */
static void
server_take(void *obj, uint64_t arg)
{
	struct sim_server *s = obj;
	struct run *r = s->run;
	struct end *e = s->listener != NULL ? listener_accept(s->listener) : NULL;
	struct end *mate = e != NULL ? end_other(e)->mate : NULL;
	struct peer *client = mate != NULL ? peer_at(end_other(mate)) : NULL;
	struct peer *p;

	(void)arg;
	if (e == NULL)
		return;
	if (client == NULL)
		world_fail(r->world, "server's connection %u belongs to no client", e->wire->id);
	struct rnd dice = rnd_init(client->key, SERVER_STREAM);
	struct peer_plan plan = swarm_plan(r->swarm, &dice, true);
	p = peer_accept(r->net, e, rnd_u64(&dice), &plan);
	conn_accepted(r, p);
	if (r->calm)
		peer_finish(p);
}

static void
server_notify(void *owner)
{
	struct sim_server *s = owner;

	world_at(s->run->world, s->run->world->now + net_delay(s->run->net), server_take, s, 0);
}

static void
server_up(struct sim_server *s)
{
	if (s->listener != NULL)
		return;
	fl_assert(net_listen(s->run->net, &s->addr, &s->listener) == 0);
	s->listener->notify = server_notify;
	s->listener->owner = s;
}

/* Go down and come back later. */
static void
server_toggle(void *obj, uint64_t arg)
{
	struct sim_server *s = obj;
	struct run *r = s->run;
	fl_ns part = r->swarm->trouble_ns / 8;
	unsigned down = r->swarm->server_down;

	(void)arg;
	if (r->calm)
		return;
	if (s->listener == NULL) {
		server_up(s);
		world_at(r->world, r->world->now + rnd_range(&r->ops, 0, part * (1000 - down) / 1000), server_toggle, s, 0);
	} else {
		world_note(r->world, "server %lld goes down", s - r->servers, 0, 0);
		listener_close(s->listener);
		s->listener = NULL;
		world_at(r->world, r->world->now + rnd_range(&r->ops, 0, part * down / 1000), server_toggle, s, 0);
	}
}

/* ---- clients ---- */

/* What a client does is drawn from its number alone. */
static void
client_start(void *obj, uint64_t number)
{
	struct run *r = obj;
	struct rnd dice = rnd_init(r->swarm->traffic_seed + number, CLIENT_STREAM);
	struct sim_line *l = &r->lines[rnd_below(&dice, r->swarm->lines)];
	struct io_addr from = client_addr(l, (unsigned)rnd_below(&dice, r->swarm->client_ips));
	struct peer_plan plan = swarm_plan(r->swarm, &dice, false);

	if (r->calm)
		return;
	struct conn *c = conn_open(r, l, &from, rnd_u64(&dice), &plan);
	world_note(r->world, "client %lld connects to line %lld by wire %lld", (long long)number, l->number, c->client->id);
}

/* ---- setting up ---- */

static void
line_plan(struct run *r, unsigned i)
{
	struct sim_line *l = &r->lines[i];
	const struct swarm *s = r->swarm;
	struct rnd *dice = &r->traffic;

	l->number = i;
	l->server = &r->servers[rnd_below(dice, s->lines)];
	if (rnd_chance(dice, s->dead_upstream))
		l->server = NULL;
	l->named = rnd_chance(dice, s->named_upstream);
	l->half_close = rnd_chance(dice, s->half_close);
	l->wanted = rnd_chance(dice, s->unix_lines) ? addr_unix("line", i) :
	    rnd_chance(dice, s->v6_lines) ? addr_v6(1, i + 1, 0) : addr_v4(1, i + 1, 0);
}

static void
set_up(struct run *r)
{
	const struct swarm *s = r->swarm;

	for (unsigned i = 0; i < s->lines; i++) {
		struct sim_server *server = &r->servers[i];

		server->run = r;
		server->addr = rnd_chance(&r->traffic, s->unix_lines) ? addr_unix("server", i) :
		    rnd_chance(&r->traffic, s->v6_lines) ? addr_v6(9, i + 1, 9000) : addr_v4(9, i + 1, 9000);
		server_up(server);
		if (s->server_down > 0)
			world_at(r->world, r->world->now + rnd_range(&r->ops, 0, s->trouble_ns / 4), server_toggle, server, 0);
	}
	r->subject->start(r);
	for (unsigned i = 0; i < s->lines; i++) {
		line_plan(r, i);
		fl_assert(r->subject->line_open(r, &r->lines[i]) == 0);
	}
	for (unsigned i = 0; i < s->conns; i++)
		world_at(r->world, r->world->now + (s->spacing_ns > 0 ? i * s->spacing_ns : rnd_range(&r->traffic, 0, s->trouble_ns / 10 * 9)),
		    client_start, r, i);
}

static void
operate(void *obj, uint64_t arg)
{
	struct run *r = obj;

	(void)arg;
	if (!r->calm && r->subject->operate != NULL)
		r->subject->operate(r);
}

/* ---- the scheduler ---- */

static void
turn(void *ud, unsigned worker)
{
	struct run *r = ud;

	r->subject->turn(r, worker);
}

static bool
all_over(struct run *r)
{
	if (r->subject->open_conns(r) > 0)
		return false;
	for (struct conn *c = r->conns; c != NULL; c = c->next)
		if (conn_alive(c))
			return false;
	return true;
}

/* Let it run until everything is over, or for a time. */
static void
run_down(struct run *r, fl_ns limit)
{
	fl_ns end = r->world->now + limit;

	while (!all_over(r) && r->world->now < end)
		while (sched_step(&r->sched, FL_MIN(r->world->now + FL_SEC, end)))
			;
}

/* The trouble on the network ends, the peers do what they can to come to an end. */
static void
phase_calm(struct run *r)
{
	world_note(r->world, "---- calm ----", 0, 0, 0);
	r->calm = true;
	r->sched.lag = 0;
	r->net->trouble = swarm_calm(r->swarm);
	for (unsigned i = 0; i < r->swarm->lines; i++)
		server_up(&r->servers[i]);
	for (struct conn *c = r->conns; c != NULL; c = c->next) {
		peer_finish(c->client);
		if (c->server != NULL)
			peer_finish(c->server);
	}
}

static void
check_over(struct run *r, const char *when)
{
	for (struct conn *c = r->conns; c != NULL; c = c->next)
		if (conn_alive(c))
			world_fail(r->world, "%s connection %u (server's %d) does not end: client %s, sent %llu got %llu; "
			    "server %s, sent %llu got %llu", when, c->client->id, c->server ? (int)c->server->id : -1,
			    c->client->over ? "over" : "waits",
			    (unsigned long long)c->client->sent, (unsigned long long)c->client->got,
			    c->server == NULL ? "none" : c->server->over ? "over" : "waits",
			    (unsigned long long)(c->server ? c->server->sent : 0), (unsigned long long)(c->server ? c->server->got : 0));
	if (!all_over(r))
		world_fail(r->world, "%s %s keeps %llu connections whose peers are gone", when, r->subject->name,
		    (unsigned long long)r->subject->open_conns(r));
}

static void
phases(struct run *r)
{
	fl_ns end = r->world->now + r->swarm->trouble_ns;

	sched_run(&r->sched, end);
	r->over_before_calm = r->conn_count == r->swarm->conns && all_over(r);
	if (rnd_chance(&r->ops, r->swarm->stop_at_once))
		return;
	phase_calm(r);
	if (r->subject->unblock != NULL && rnd_chance(&r->ops, 500)) {
		r->subject->unblock(r);
		run_down(r, SLOW_NS_MAX);
		check_over(r, "with faults still there,");
	}
	if (r->subject->calm != NULL)
		r->subject->calm(r);
	run_down(r, CALM_NS_MAX);
	check_over(r, "without faults");
	while (sched_step(&r->sched, r->world->now + FL_SEC))   /* sockets that are closing */
		;
	for (struct conn *c = r->conns; c != NULL; c = c->next)
		conn_check_end(c);
	if (r->subject->audit != NULL)
		r->subject->audit(r);
}

uint64_t
run_closed(struct run *r, struct sim_line *l, enum line_close reason)
{
	return r->subject->closed == NULL ? 0 : r->subject->closed(r, l, reason);
}

bool
run_identity(struct run *r, struct conn *c, struct decide_conn *ret_conn)
{
	return r->subject->identity != NULL && r->subject->identity(r, c, ret_conn);
}

struct run_result
run_seed(const struct swarm *s, const struct subject *subject, const struct run_opts *opts)
{
	struct world *w = world_new(s->net_seed, opts->verbose, opts->repeat);
	struct run *r = world_alloc(w, sizeof(*r));
	fl_ns start = w->now;

	w->seed = s->seed;
	r->world = w;
	r->swarm = s;
	r->subject = subject;
	r->on_event = opts->on_event;
	r->on_event_ud = opts->on_event_ud;
	r->net = net_new(w, s->net_seed);
	r->net->on_moved = conn_moved;
	r->sched = (struct sched){ .world = w, .net = r->net, .turn = turn, .ud = r, .lag = s->lag, .lag_ns_max = s->lag_ns_max,
		.cpu_ns_max = s->cpu_ns_max };
	r->traffic = rnd_init(s->traffic_seed, 0x7a);
	r->ops = rnd_init(s->ops_seed, 0x09);
	r->net->trouble = swarm_calm(s);
	io_sim_set_mate(subject->mate);
	set_up(r);
	r->net->trouble = s->trouble;
	r->net->trouble.lose_a_byte = opts->lose_a_byte;
	for (unsigned i = 0; i < s->ops; i++)
		world_at(w, start + rnd_range(&r->ops, 0, s->trouble_ns), operate, r, 0);
	phases(r);
	subject->finish(r);
	if (net_tokens_open(r->net) > 0)
		world_fail(w, "%u accepted connections or listeners were neither attached nor discarded", net_tokens_open(r->net));
	struct run_result res = { .hash = w->hash, .notes = w->note_count, .took = w->now - start, .over_before_calm = r->over_before_calm };
	net_free(r->net);
	world_free(w);
	return res;
}
