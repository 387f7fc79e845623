/* SPDX-License-Identifier: MIT */
/* http_run.c - see http_run.h and http_sim.h. */
#include "http_run.h"
#include "http_audit.h"
#include "http_caller.h"
#include "http_control.h"
#include "http_origin.h"
#include "io_sim.h"
#include "mark.h"
#include "proxy/proxy.h"
#include "proxy/worker.h"
#include "base/assert.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define REPEAT_EVERY 8
#define CALM_NS_MAX (400 * FL_SEC)
#define HEAL_EVERY (2 * FL_SEC)
#define HEAL_PROBES 300
#define HEAL_ENOUGH 6
#define CLOSE_NS_MAX (30 * FL_SEC)

struct outcome {
	uint64_t hash, notes;
	fl_ns took;
};

static void
turn(void *ud, unsigned worker)
{
	const struct web *x = ud;

	worker_turn(proxy_worker(x->proxy, worker), FL_NEVER);
}

/* ---- setting up ---- */

static void
start_client(void *obj, uint64_t number)
{
	struct web *x = obj;

	if (!x->calm)
		caller_new(x, &x->lines[number % x->swarm->lines], (unsigned)number, false);
}

static void
operate(void *obj, uint64_t arg)
{
	struct web *x = obj;

	(void)arg;
	if (!x->calm)
		http_control_operate(x);
}

/* A server falls sick or recovers, goes down or comes back. */
static void
toggle(void *obj, uint64_t number)
{
	struct web *x = obj;
	const struct http_swarm *s = x->swarm;
	struct web_server *server = &x->servers[number];

	if (x->calm)
		return;
	server->sick = rnd_chance(&x->behaviour, s->sick);
	if (server->listener == NULL) {
		origin_up(server);
	} else if (rnd_chance(&x->behaviour, s->down)) {
		origin_down(server, rnd_chance(&x->behaviour, 500));
		mark_hit(MARK_WEB_CRASHES, 1);
	}
	world_at(x->world, x->world->now + rnd_log(&x->behaviour, 1, s->trouble_ns / 2), toggle, x, number);
}

static struct io_addr
line_address(struct web *x, unsigned i)
{
	struct io_addr a = { .len = sizeof(a.in) };

	if (rnd_chance(&x->traffic, 150)) {
		a = (struct io_addr){ .len = offsetof(struct sockaddr_un, sun_path), .un = { .sun_family = AF_UNIX } };
		a.len += (socklen_t)snprintf(a.un.sun_path, sizeof(a.un.sun_path), "/sim/http%u", i) + 1;
		return a;
	}
	a.in.sin_family = AF_INET;
	a.in.sin_port = htons((uint16_t)(8000 + i));
	a.in.sin_addr.s_addr = htonl(10u << 24 | 1u << 16 | 1);
	return a;
}

static void
set_up(struct web *x)
{
	const struct http_swarm *s = x->swarm;

	x->servers = world_alloc(x->world, s->servers * sizeof(*x->servers));
	for (unsigned i = 0; i < s->servers; i++) {
		origin_init(x, &x->servers[i], i);
		world_at(x->world, x->world->now + rnd_range(&x->behaviour, 0, s->trouble_ns / 4), toggle, x, i);
	}
	http_control_start(x);
	for (unsigned i = 0; i < s->lines; i++) {
		struct web_line *l = &x->lines[i];

		l->number = i;
		snprintf(l->name, sizeof(l->name), "line%u", i);
		l->wanted = line_address(x, i);
		http_control_open(x, l);
		fl_assert(l->line != NULL);
	}
	for (unsigned i = 0; i < s->conns; i++)
		world_at(x->world, x->world->now + rnd_range(&x->traffic, 0, s->trouble_ns / 10 * (s->crowded ? 1 : 9)), start_client, x, i);
	for (unsigned i = 0; i < s->ops; i++)
		world_at(x->world, x->world->now + rnd_range(&x->ops, 0, s->trouble_ns), operate, x, 0);
}

/* ---- phases ---- */

static bool
all_over(const struct web *x)
{
	for (const struct web_client *c = x->clients; c != NULL; c = c->next)
		if (!c->over)
			return false;
	return proxy_conns(x->proxy) == 0;
}

static void
phase_calm(struct web *x)
{
	fl_ns end = x->world->now + CALM_NS_MAX;

	world_note(x->world, "---- calm ----", 0, 0, 0);
	x->calm = true;
	x->sched.lag = 0;
	x->net->trouble = http_swarm_calm(x->swarm);
	http_control_calm(x);
	for (unsigned i = 0; i < x->swarm->servers; i++)
		origin_finish(&x->servers[i]);
	for (struct web_client *c = x->clients; c != NULL; c = c->next)
		caller_finish(c);
	while (!all_over(x) && x->world->now < end)
		sched_run(&x->sched, x->world->now + FL_SEC);
	for (const struct web_client *c = x->clients; c != NULL; c = c->next)
		if (!c->over)
			world_fail(x->world, "client %u on wire %u does not come to an end: %u requests wait for answers, the first is %llu; "
			    "%llu bytes sent, %llu got", c->number, c->end->wire->id, c->waiting_count,
			    (unsigned long long)(c->waiting_count > 0 ? c->waiting[0]->id : 0), (unsigned long long)c->sent,
			    (unsigned long long)c->got);
	if (proxy_conns(x->proxy) > 0)
		world_fail(x->world, "the proxy keeps %llu connections whose clients are gone", (unsigned long long)proxy_conns(x->proxy));
}

static void
probe(struct web *x, struct web_line *l, unsigned n)
{
	x->probing++;
	caller_new(x, l, 1000000 + n, true);
}

/* Request after request, until so many in a row were served on every line. */
static void
phase_heal(struct web *x)
{
	bool well = false;

	world_note(x->world, "---- healing ----", 0, 0, 0);
	x->healing = true;
	for (unsigned n = 0; n < HEAL_PROBES && !well; n++) {
		well = true;
		for (unsigned i = 0; i < x->swarm->lines; i++) {
			if (x->lines[i].served_in_a_row >= HEAL_ENOUGH)
				continue;
			well = false;
			probe(x, &x->lines[i], n * HTTP_SWARM_LINES_MAX + i);
		}
		sched_run(&x->sched, x->world->now + HEAL_EVERY + rnd_range(&x->traffic, 0, FL_SEC));
	}
	for (unsigned i = 0; i < x->swarm->lines; i++) {
		if (x->lines[i].served_in_a_row < HEAL_ENOUGH)
			world_fail(x->world, "line %u does not heal: all is well, and of its last requests %u were served in a row", i,
			    x->lines[i].served_in_a_row);
		mark_hit(MARK_WEB_HEALED, 1);
	}
	sched_run(&x->sched, x->world->now + 25 * FL_SEC);
	if (x->probing > 0)
		world_fail(x->world, "%u probes have got no answer", x->probing);
}

/* Close or drain, and see what is left. */
static void
phase_end(struct web *x)
{
	fl_ns end = x->world->now + CLOSE_NS_MAX;
	uint32_t open = 0;

	for (unsigned i = 0; i < x->swarm->lines; i++)
		http_control_close(x, &x->lines[i]);
	do {
		struct io *io;

		sched_run(&x->sched, x->world->now + FL_SEC);
		open = 0;
		for (unsigned i = 0; (io = io_sim_at(i)) != NULL; i++)
			open += io_sim_open(io);
	} while ((open > 0 || proxy_conns(x->proxy) > 0) && x->world->now < end);
	sched_run(&x->sched, x->world->now + 5 * FL_SEC);
	http_audit_end(x);
}

static void
phases(struct web *x)
{
	sched_run(&x->sched, x->world->now + x->swarm->trouble_ns);
	if (rnd_chance(&x->ops, x->swarm->stop_at_once)) {
		http_audit_records(x);
		return;
	}
	phase_calm(x);
	http_audit_records(x);
	phase_heal(x);
	phase_end(x);
}

/* ---- a seed ---- */

static struct outcome
run(const struct http_swarm *s, const char *repeat, const struct check_opts *o)
{
	struct world *w = world_new(s->net_seed, o->verbose, repeat);
	struct web *x = world_alloc(w, sizeof(*x));
	fl_ns start = w->now;

	w->seed = s->seed;
	x->world = w;
	x->swarm = s;
	x->net = net_new(w, s->net_seed);
	x->traffic = rnd_init(s->traffic_seed, 0x7a);
	x->ops = rnd_init(s->ops_seed, 0x09);
	x->behaviour = rnd_init(s->behaviour_seed, 0xbe);
	x->sched = (struct sched){ .world = w, .net = x->net, .turn = turn, .ud = x, .lag = s->lag, .lag_ns_max = s->lag_ns_max,
		.cpu_ns_max = s->cpu_ns_max };
	x->net->trouble = http_swarm_calm(s);
	io_sim_set_mate(NULL);
	set_up(x);
	x->net->trouble = s->trouble;
	x->net->trouble.lose_a_byte = o->lose_a_byte;
	phases(x);
	http_control_stop(x);
	if (net_tokens_open(x->net) > 0)
		world_fail(w, "%u accepted connections or listeners were neither attached nor discarded", net_tokens_open(x->net));
	struct outcome out = { .hash = w->hash, .notes = w->note_count, .took = w->now - start };
	free(x->requests);
	free(x->answers);
	net_free(x->net);
	world_free(w);
	return out;
}

static void
repeat_command(uint64_t seed, const struct check_opts *o, char *buf, size_t buf_bytes)
{
	int n = snprintf(buf, buf_bytes, "%s --http --seed %llu --verbose%s", o->program, (unsigned long long)seed,
	    o->lose_a_byte ? " --canary --seeds 1" : "");

	if (o->ops != SWARM_OPS_AUTO)
		snprintf(buf + n, buf_bytes - (size_t)n, " --ops %u", o->ops);
}

void
http_run_check(uint64_t seed, const struct check_opts *o)
{
	struct http_swarm s;
	char repeat[512];

	repeat_command(seed, o, repeat, sizeof(repeat));
	http_swarm_draw(&s, seed, o->ops);
	if (o->verbose)
		http_swarm_print(&s);
	struct outcome a = run(&s, repeat, o);
	if (o->verbose)
		fprintf(stderr, "seed %llu: %llu events in %.3f virtual s\n", (unsigned long long)seed, (unsigned long long)a.notes,
		    (double)a.took / 1e9);
	if (seed % REPEAT_EVERY != 0)
		return;
	struct outcome b = run(&s, repeat, o);
	if (a.hash == b.hash && a.notes == b.notes)
		return;
	fprintf(stderr, "FAILED seed %llu: two runs of it differ (%llu and %llu events, hashes %016llx and %016llx)\nrepeat: %s\n",
	    (unsigned long long)seed, (unsigned long long)a.notes, (unsigned long long)b.notes, (unsigned long long)a.hash,
	    (unsigned long long)b.hash, repeat);
	_exit(WORLD_EXIT_FAILED);
}
