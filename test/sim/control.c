/* SPDX-License-Identifier: MIT */
/* control.c - see control.h. */
#include "control.h"
#include "audit_line.h"
#include "fault_draw.h"
#include "io_sim.h"
#include "mark.h"
#include "resolve_sim.h"
#include "base/assert.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_BATCH 256

static struct control_line *
state(struct sim_line *l)
{
	return l->subject;
}

void
control_wake(struct run *r)
{
	struct io *io;

	(void)r;
	for (unsigned i = 0; (io = io_sim_at(i)) != NULL; i++) {
		io_clock(io);
		io_wake(io);
	}
}

/* ---- configurations ---- */

/* The line's faults as a set: c2s first, each in order of insertion. */
static struct fault_set *
make_set(const struct control_line *cl)
{
	struct fault_spec specs[CONTROL_FAULTS_MAX];
	uint32_t n = 0;
	struct fault_set *set;

	for (enum fl_dir d = FL_C2S; d <= FL_S2C; d++)
		for (uint32_t i = 0; i < cl->fault_count; i++)
			if (cl->faults[i].dir == d)
				specs[n++] = cl->faults[i];
	set = spec_set_new(specs, n);
	fl_assert(set != NULL);
	return set;
}

/* A copy of the line's configuration with its present faults; it replaces the old one. */
static void
renew_conf(struct sim_line *l)
{
	struct control_line *cl = state(l);
	struct line_conf *c = line_conf_new(cl->conf->name), *old = cl->conf;

	fl_assert(c != NULL);
	memcpy(c->host, old->host, sizeof(c->host));
	memcpy(c->port, old->port, sizeof(c->port));
	c->upstream = old->upstream;
	c->half_close = old->half_close;
	c->key = old->key;
	c->connect_timeout = old->connect_timeout;
	c->conns_max = old->conns_max;
	c->faults = make_set(cl);
	cl->conf = c;
	line_conf_unref(old);
	spec_set_unref(l->faults);
	l->faults = spec_set_ref(c->faults);
	l->half_close = c->half_close;
}

static void
first_conf(struct run *r, struct sim_line *l)
{
	struct io_addr nowhere = { .len = sizeof(nowhere.in), .in = { .sin_family = AF_INET, .sin_port = htons(1) } };
	struct control_line *cl = state(l);
	char name[32];

	snprintf(name, sizeof(name), "line%u", l->number);
	cl->conf = line_conf_new(name);
	fl_assert(cl->conf != NULL);
	cl->conf->half_close = l->half_close;
	cl->conf->key = rnd_chance(&r->traffic, r->swarm->key_client) ? LINE_KEY_CLIENT : LINE_KEY_ORDINAL;
	cl->conf->connect_timeout = r->swarm->connect_timeout;
	cl->conf->conns_max = r->swarm->line_conns_max;
	if (!l->named) {
		cl->conf->upstream = l->server != NULL ? l->server->addr : nowhere;
	} else {
		snprintf(cl->conf->host, sizeof(cl->conf->host), "nobody.example");
		snprintf(cl->conf->port, sizeof(cl->conf->port), "80");
		if (l->server != NULL)
			resolve_sim_name(r->net, &l->server->addr, (unsigned)rnd_log(&r->traffic, 0, RESOLVE_ADDRS_MAX - 1),
			    cl->conf->host, sizeof(cl->conf->host));
	}
	for (unsigned i = 0; i < r->swarm->faults_at_start; i++)
		control_fault_add(r, l);
	renew_conf(l);
}

static void
faults_changed(struct run *r, struct sim_line *l)
{
	for (struct conn *c = r->conns; c != NULL; c = c->next)
		if (c->line == l)
			conn_faults(c);
}

void
control_line_set(struct run *r, struct sim_line *l)
{
	struct control_line *cl = state(l);

	renew_conf(l);
	faults_changed(r, l);
	if (cl->line != NULL) {
		control_wake(r);
		fl_assert(proxy_line_set(control_of(r)->proxy, cl->line, cl->conf) == 0);
	}
}

/* ---- lines ---- */

int
control_line_open(struct run *r, struct sim_line *l)
{
	struct control_line *cl = state(l);
	struct end *none;
	int token, res;

	if (cl == NULL) {
		cl = l->subject = world_alloc(r->world, sizeof(*cl));
		first_conf(r, l);
	}
	fl_assert(cl->line == NULL);
	res = io_bind(cl->opened == 0 ? &l->wanted : &l->listen, &token, &l->listen);
	if (res < 0)
		return res;
	net_token_get(r->net, token, &cl->listener, &none);
	control_wake(r);
	res = proxy_line_open(control_of(r)->proxy, cl->conf, token, &cl->line);
	world_note(r->world, "control: opens line %lld: %lld", l->number, res, 0);
	if (res < 0) {
		io_discard(token, false);
		cl->line = NULL;
		return res;
	}
	mark_hit(MARK_LINE_REOPENS, cl->opened > 0);
	cl->opened++;
	l->open = true;
	return 0;
}

/* Every connection of the line is about to end. */
static void
cut_off(struct run *r, struct sim_line *l)
{
	for (struct conn *c = r->conns; c != NULL; c = c->next)
		if (c->line == l && !conn_done(c))
			c->cut_off = true;
}

static void
add_counters(struct line_counters *to, const struct line_counters *from)
{
	to->accepted += from->accepted;
	for (int d = 0; d < 2; d++) {
		to->received_bytes[d] += from->received_bytes[d];
		to->sent_bytes[d] += from->sent_bytes[d];
	}
	for (int i = 0; i < LINE_CLOSE_COUNT; i++)
		to->closed[i] += from->closed[i];
	to->active += from->active;
}

void
control_line_close(struct run *r, struct sim_line *l)
{
	struct control_line *cl = state(l);
	struct line_counters last;

	world_note(r->world, "control: closes line %lld", l->number, 0, 0);
	control_wake(r);
	cut_off(r, l);
	proxy_line_counters(cl->line, &last);
	mark_hit(MARK_LINE_CLOSES, last.active > 0);
	proxy_line_close(control_of(r)->proxy, cl->line);
	/* Those that were open are not seen again: take them as stopped. */
	uint64_t ended = 0;
	for (int i = 0; i < LINE_CLOSE_COUNT; i++)
		ended += last.closed[i];
	last.closed[LINE_CLOSE_LINE_STOPPED] += last.accepted - ended;
	last.active = 0;
	add_counters(&cl->before, &last);
	cl->line = NULL;
	l->open = false;
}

void
control_counters(struct run *r, struct sim_line *l, struct line_counters *ret)
{
	struct control_line *cl = state(l);

	(void)r;
	*ret = cl->before;
	if (cl->line != NULL) {
		struct line_counters now;

		proxy_line_counters(cl->line, &now);
		add_counters(ret, &now);
	}
}

/* ---- faults ---- */

static struct fault_spec *
find_fault(struct control_line *cl, uint64_t id)
{
	for (uint32_t i = 0; i < cl->fault_count; i++)
		if (cl->faults[i].id == id)
			return &cl->faults[i];
	return NULL;
}

static void
fault_forget(struct control_line *cl, struct fault_spec *f)
{
	size_t i = (size_t)(f - cl->faults);

	spec_samples_unref(f->samples);
	spec_shared_unref(f->shared);
	memmove(f, f + 1, (--cl->fault_count - i) * sizeof(*f));
}

unsigned
control_forget_faults(struct sim_line *l, bool (*which)(const struct fault_spec *f))
{
	struct control_line *cl = state(l);
	unsigned n = 0;

	for (uint32_t i = cl->fault_count; i-- > 0;) {
		if (!which(&cl->faults[i]))
			continue;
		fault_forget(cl, &cl->faults[i]);
		n++;
	}
	return n;
}

struct lease {
	struct run *run;
	struct sim_line *line;
};

static void
lease_ends(void *obj, uint64_t id)
{
	struct lease *e = obj;
	struct fault_spec *f = find_fault(state(e->line), id);

	if (f == NULL)
		return;
	world_note(e->run->world, "control: lease of fault %lld on line %lld ends", (long long)id, e->line->number, 0);
	mark_hit(MARK_LEASES, 1);
	fault_forget(state(e->line), f);
	control_line_set(e->run, e->line);
}

bool
control_fault_add(struct run *r, struct sim_line *l)
{
	struct control_line *cl = state(l);
	struct fault_spec *f = &cl->faults[cl->fault_count];

	if (cl->fault_count == CONTROL_FAULTS_MAX)
		return false;
	fault_draw(r->swarm, &r->ops, f);
	f->id = ++control_of(r)->next_fault_id;
	f->version = 1;
	if (f->id < FL_ARRAY_LEN(control_of(r)->fault_kind))
		control_of(r)->fault_kind[f->id] = (uint8_t)f->kind;
	f->since_ns = r->world->now;
	snprintf(f->name, sizeof(f->name), "fault%llu", (unsigned long long)f->id);
	f->key = spec_key(r->swarm->seed, cl->conf->name, f->name);
	cl->fault_count++;
	if (f->ttl_ns > 0) {
		struct lease *e = world_alloc(r->world, sizeof(*e));

		*e = (struct lease){ r, l };
		world_at(r->world, r->world->now + f->ttl_ns, lease_ends, e, f->id);
	}
	world_note(r->world, "control: line %lld gets fault %lld of kind %lld", l->number, (long long)f->id, f->kind);
	if (r->world->verbose)
		fault_print(f);
	return true;
}

/* ---- operations ---- */

static void
fault_update(struct run *r, struct sim_line *l)
{
	struct control_line *cl = state(l);

	if (cl->fault_count == 0)
		return;
	struct fault_spec *f = &cl->faults[rnd_below(&r->ops, cl->fault_count)];
	fault_redraw(r->swarm, &r->ops, f);
	f->version++;
	mark_hit(MARK_FAULT_UPDATES, 1);
	world_note(r->world, "control: line %lld changes fault %lld", l->number, (long long)f->id, 0);
	if (r->world->verbose)
		fault_print(f);
	control_line_set(r, l);
}

static void
fault_remove(struct run *r, struct sim_line *l)
{
	struct control_line *cl = state(l);

	if (cl->fault_count == 0)
		return;
	struct fault_spec *f = &cl->faults[rnd_below(&r->ops, cl->fault_count)];
	world_note(r->world, "control: line %lld loses fault %lld", l->number, (long long)f->id, 0);
	mark_hit(MARK_FAULT_REMOVALS, 1);
	fault_forget(cl, f);
	control_line_set(r, l);
}

static void
change_conf(struct run *r, struct sim_line *l)
{
	struct line_conf *c = state(l)->conf;

	if (rnd_chance(&r->ops, 300))
		c->half_close = !c->half_close;
	if (rnd_chance(&r->ops, 500))
		c->connect_timeout = rnd_log(&r->ops, FL_MS, 20 * FL_SEC);
	if (rnd_chance(&r->ops, 500))
		c->conns_max = (uint32_t)rnd_log(&r->ops, 0, 20);
	world_note(r->world, "control: line %lld is changed", l->number, 0, 0);
	control_line_set(r, l);
}

static void
cut(struct run *r, struct sim_line *l)
{
	bool reset = rnd_chance(&r->ops, 500);
	uint64_t n;

	cut_off(r, l);
	control_wake(r);
	n = proxy_line_cut(control_of(r)->proxy, state(l)->line, reset);
	mark_hit(MARK_CUTS, n);
	world_note(r->world, "control: cuts %lld connections of line %lld, reset %lld", (long long)n, l->number, reset);
}

static void
mark_event(struct control *c, const struct proxy_event *e)
{
	bool applied = strcmp(e->what, "applies") == 0 || strcmp(e->what, "refuse") == 0 || strcmp(e->what, "connect_delay") == 0;

	if (e->fault_id > 0 && e->fault_id < FL_ARRAY_LEN(c->fault_kind) && applied)
		mark_hit(MARK_FAULT + c->fault_kind[e->fault_id], 1);
	if (e->fault_id == 0 && strcmp(e->what, "open") == 0)
		c->opens++;
	if (e->fault_id == 0 && strcmp(e->what, "close") == 0)
		c->closes++;
}

void
control_take_events(struct run *r)
{
	struct control *c = control_of(r);
	struct proxy_event batch[EVENTS_BATCH];
	uint64_t lost;
	size_t n;

	do {
		n = proxy_events(c->proxy, batch, EVENTS_BATCH, &lost);
		c->events += n;
		c->events_lost += lost;
		mark_hit(MARK_EVENTS, n);
		mark_hit(MARK_EVENTS_LOST, lost);
		for (size_t i = 0; i < n; i++) {
			mark_event(c, &batch[i]);
			if (c->on_event != NULL)
				c->on_event(c->on_event_ud, &batch[i]);
		}
	} while (n > 0);
}

static enum swarm_op
draw_op(struct run *r)
{
	uint64_t sum = 0, x;
	unsigned i;

	for (i = 0; i < OP_COUNT; i++)
		sum += r->swarm->op_weight[i];
	x = rnd_below(&r->ops, sum);
	for (i = 0; x >= r->swarm->op_weight[i]; i++)
		x -= r->swarm->op_weight[i];
	return (enum swarm_op)i;
}

void
control_operate(struct run *r)
{
	struct sim_line *l = &r->lines[rnd_below(&r->ops, r->swarm->lines)];
	enum swarm_op op = draw_op(r);

	if (op == OP_OPEN_LINE && !l->open)
		control_line_open(r, l);
	if (!l->open)
		return;
	switch (op) {
	case OP_FAULT_ADD:
		if (control_fault_add(r, l))
			control_line_set(r, l);
		break;
	case OP_FAULT_UPDATE: fault_update(r, l); break;
	case OP_FAULT_REMOVE: fault_remove(r, l); break;
	case OP_CONF: change_conf(r, l); break;
	case OP_CUT: cut(r, l); break;
	case OP_CLOSE_LINE: control_line_close(r, l); break;
	case OP_COUNTERS: audit_counters(r, l); break;
	case OP_CONNS: audit_conns(r, l); break;
	case OP_EVENTS: control_take_events(r); break;
	case OP_OPEN_LINE: case OP_COUNT: break;
	}
}
