/* SPDX-License-Identifier: MIT */
/* subject_proxy.c - the real proxy as the subject of a run. */
#include "audit_line.h"
#include "control.h"
#include "io/resolve.h"
#include "proxy/worker.h"
#include "base/assert.h"

#define DRAIN_NS (10 * FL_MS)

/* Somebody wants every event: take them before the ring is full. */
static void
drain(void *obj, uint64_t arg)
{
	struct run *r = obj;

	(void)arg;
	if (r->calm)
		return;
	control_take_events(r);
	world_at(r->world, r->world->now + DRAIN_NS, drain, r, 0);
}

static void
start(struct run *r)
{
	struct control *c = world_alloc(r->world, sizeof(*c));
	struct proxy_opts opts = {
		.workers = r->swarm->workers,
		.conns_max = r->swarm->conns_max,
		.lines_max = 2 * SWARM_LINES_MAX,
		.buffer_bytes = r->swarm->buffer_bytes,
		.pipe_bytes = r->swarm->pipe_bytes,
		.events_max = r->swarm->events_max,
		.no_threads = true,
	};

	fl_assert(resolver_new(1, &c->resolver) == 0);
	opts.resolver = c->resolver;
	fl_assert(proxy_new(&opts, &c->proxy) == 0);
	c->on_event = r->on_event;
	c->on_event_ud = r->on_event_ud;
	r->state = c;
	if (c->on_event != NULL)
		world_at(r->world, r->world->now + DRAIN_NS, drain, r, 0);
}

static void
turn(struct run *r, unsigned worker)
{
	worker_turn(proxy_worker(control_of(r)->proxy, worker), FL_NEVER);
}

/* Bytes may wait for this fault until it goes. */
static bool
holds_for_ever(const struct fault_spec *f)
{
	return (f->kind == FAULT_BANDWIDTH && f->values[BANDWIDTH_RATE].i == 0) ||
	    (f->kind == FAULT_TIMEOUT && f->values[TIMEOUT_TIMEOUT].i == 0) ||
	    f->kind == FAULT_HALF_OPEN || (f->kind == FAULT_STALL && f->values[STALL_DURATION].i == 0);
}

static bool
any(const struct fault_spec *f)
{
	(void)f;
	return true;
}

/* Lines that lose no fault are left alone: a timer that was forgotten must not be made up for. */
static void
unblock(struct run *r)
{
	for (unsigned i = 0; i < r->swarm->lines; i++)
		if (control_forget_faults(&r->lines[i], holds_for_ever) > 0)
			control_line_set(r, &r->lines[i]);
}

/* The faults go, one line after the other; closed lines open again. */
static void
calm(struct run *r)
{
	for (unsigned i = 0; i < r->swarm->lines; i++) {
		struct sim_line *l = &r->lines[i];

		control_forget_faults(l, any);
		control_line_set(r, l);
		if (!l->open && control_line_open(r, l) < 0)
			world_fail(r->world, "line %u cannot be opened again", i);
	}
}

static uint64_t
open_conns(struct run *r)
{
	return proxy_conns(control_of(r)->proxy);
}

static void
audit(struct run *r)
{
	struct control *c = control_of(r);

	control_take_events(r);
	if (c->on_event != NULL && c->events_lost > 0)
		world_fail(r->world, "%llu events were lost though the ring is large", (unsigned long long)c->events_lost);
	if (c->events_lost == 0 && c->opens != c->closes)
		world_fail(r->world, "%llu connections were told to open and %llu to close", (unsigned long long)c->opens,
		    (unsigned long long)c->closes);
	audit_end(r);
}

/* Half of the lines are closed first. */
static void
finish(struct run *r)
{
	struct control *c = control_of(r);

	if (rnd_chance(&r->ops, 300))
		proxy_drain(c->proxy, 0);
	for (unsigned i = 0; i < r->swarm->lines; i++) {
		struct control_line *cl = r->lines[i].subject;

		if (i % 2 == 0 && cl->line != NULL)
			control_line_close(r, &r->lines[i]);
		control_forget_faults(&r->lines[i], any);
		line_conf_unref(cl->conf);
		spec_set_unref(r->lines[i].faults);
	}
	resolver_free(c->resolver);
	proxy_free(c->proxy);
}

static uint64_t
closed(struct run *r, struct sim_line *l, enum line_close reason)
{
	struct line_counters lc;

	control_counters(r, l, &lc);
	return lc.closed[reason];
}

/* worker.c gives a session's address as ud, the side in its lowest bit. */
static bool
mate(void *server_ud, void *client_ud)
{
	return ((uintptr_t)server_ud & ~(uintptr_t)1) == ((uintptr_t)client_ud & ~(uintptr_t)1);
}

const struct subject subject_proxy = {
	.name = "the proxy",
	.start = start,
	.line_open = control_line_open,
	.turn = turn,
	.operate = control_operate,
	.unblock = unblock,
	.calm = calm,
	.open_conns = open_conns,
	.audit = audit,
	.finish = finish,
	.closed = closed,
	.identity = audit_identity,
	.mate = mate,
};
