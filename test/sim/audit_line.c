/* SPDX-License-Identifier: MIT */
/* audit_line.c - see audit_line.h. */
#include "audit_line.h"
#include "io_sim.h"
#include "mark.h"
#include "base/assert.h"
#include "proxy/session.h"
#include "proxy/worker.h"
#include <stdlib.h>
#include <string.h>

#define CONNS_MAX 512

/* The proxy's ends of a client's connection: towards the client, and towards the server (NULL: none yet). */
static struct end *
near_end(const struct conn *c)
{
	return end_other(c->client->end);
}

static struct end *
far_end(const struct conn *c)
{
	return near_end(c)->mate;
}

static uint64_t
bytes_received(const struct end *e)
{
	return e == NULL ? 0 : end_in(e)->read - end_in(e)->purged;
}

/* What the proxy counts as sent: a send that was cut off does not count. */
static uint64_t
bytes_sent(const struct end *e)
{
	return e == NULL ? 0 : end_out(e)->written - e->unsent;
}

static void
same(struct run *r, struct sim_line *l, const char *what, uint64_t counted, uint64_t seen)
{
	if (counted != seen)
		world_fail(r->world, "line %u counts %llu %s, the network saw %llu", l->number, (unsigned long long)counted, what,
		    (unsigned long long)seen);
}

void
audit_counters(struct run *r, struct sim_line *l)
{
	uint64_t received[2] = { 0, 0 }, sent[2] = { 0, 0 }, accepted = 0, ended = 0;
	struct line_counters lc;

	control_counters(r, l, &lc);
	for (struct conn *c = r->conns; c != NULL; c = c->next) {
		if (c->line != l || near_end(c)->accepted_by == NULL)
			continue;
		accepted++;
		received[FL_C2S] += bytes_received(near_end(c));
		received[FL_S2C] += bytes_received(far_end(c));
		sent[FL_C2S] += bytes_sent(far_end(c));
		sent[FL_S2C] += bytes_sent(near_end(c));
	}
	for (int i = 0; i < LINE_CLOSE_COUNT; i++)
		ended += lc.closed[i];
	world_note(r->world, "control: counters of line %lld: %lld accepted, %lld ended", l->number, (long long)lc.accepted,
	    (long long)ended);
	same(r, l, "connections", lc.accepted, accepted);
	same(r, l, "bytes received c2s", lc.received_bytes[FL_C2S], received[FL_C2S]);
	same(r, l, "bytes received s2c", lc.received_bytes[FL_S2C], received[FL_S2C]);
	same(r, l, "bytes sent c2s", lc.sent_bytes[FL_C2S], sent[FL_C2S]);
	same(r, l, "bytes sent s2c", lc.sent_bytes[FL_S2C], sent[FL_S2C]);
	if (ended + lc.active > lc.accepted)
		world_fail(r->world, "line %u: %llu accepted, but %llu active and %llu ended", l->number,
		    (unsigned long long)lc.accepted, (unsigned long long)lc.active, (unsigned long long)ended);
}

/* The connection with this number on the line as it is open now. */
static struct conn *
find_conn(struct run *r, struct sim_line *l, const struct proxy_conn *pc)
{
	for (struct conn *c = r->conns; c != NULL; c = c->next)
		if (c->line == l && near_end(c)->accept_number == pc->ordinal && near_end(c)->accepted_by == control_listener(l))
			return c;
	return NULL;
}

static void
audit_conn(struct run *r, struct sim_line *l, const struct proxy_conn *pc)
{
	struct conn *c = find_conn(r, l, pc);
	uint64_t bound = (uint64_t)r->swarm->pipe_bytes + IO_SCRATCH_BYTES;

	if (c == NULL)
		world_fail(r->world, "line %u lists a connection %llu that nobody made", l->number, (unsigned long long)pc->ordinal);
	if (pc->client.len > 0 && !addr_equal(&pc->client, &c->client->end->addr))
		world_fail(r->world, "connection %llu of line %u is listed with another client's address",
		    (unsigned long long)pc->ordinal, l->number);
	if (control_conf(l)->key == LINE_KEY_ORDINAL && pc->key != pc->ordinal)
		world_fail(r->world, "connection %llu of line %u has key %llu", (unsigned long long)pc->ordinal, l->number,
		    (unsigned long long)pc->key);
	same(r, l, "bytes received c2s of a connection", pc->received_bytes[FL_C2S], bytes_received(near_end(c)));
	same(r, l, "bytes sent c2s of a connection", pc->sent_bytes[FL_C2S], bytes_sent(far_end(c)));
	same(r, l, "bytes received s2c of a connection", pc->received_bytes[FL_S2C], bytes_received(far_end(c)));
	same(r, l, "bytes sent s2c of a connection", pc->sent_bytes[FL_S2C], bytes_sent(near_end(c)));
	for (int d = 0; d < 2; d++)
		if (pc->held_bytes[d] > bound)
			world_fail(r->world, "connection %llu of line %u holds %u bytes, more than %llu",
			    (unsigned long long)pc->ordinal, l->number, pc->held_bytes[d], (unsigned long long)bound);
}

static uint64_t
list(struct run *r, struct sim_line *l, struct proxy_conn *ret_conns)
{
	control_wake(r);
	return proxy_line_conns(control_of(r)->proxy, ((struct control_line *)l->subject)->line, ret_conns, CONNS_MAX);
}

void
audit_conns(struct run *r, struct sim_line *l)
{
	struct proxy_conn *conns = calloc(CONNS_MAX, sizeof(*conns));
	uint64_t n;

	fl_assert(conns != NULL);
	n = list(r, l, conns);
	world_note(r->world, "control: line %lld lists %lld connections", l->number, (long long)n, 0);
	for (uint64_t i = 0; i < FL_MIN(n, CONNS_MAX); i++) {
		if (i > 0 && conns[i].ordinal <= conns[i - 1].ordinal)
			world_fail(r->world, "line %u lists connections out of order", l->number);
		audit_conn(r, l, &conns[i]);
		mark_hit(MARK_CONNS_LISTED, 1);
	}
	free(conns);
}

bool
audit_identity(struct run *r, struct conn *c, struct decide_conn *ret_conn)
{
	uint64_t ordinal = near_end(c)->accept_number, n;
	struct proxy_conn *conns;
	bool found = false;

	if (!c->line->open || near_end(c)->accepted_by != control_listener(c->line))
		return false;
	*ret_conn = (struct decide_conn){ .key = ordinal, .ordinal = ordinal };
	ret_conn->has_ip = addr_ip16(&c->client->end->addr, ret_conn->ip);
	if (control_conf(c->line)->key == LINE_KEY_ORDINAL)
		return true;
	conns = calloc(CONNS_MAX, sizeof(*conns));
	fl_assert(conns != NULL);
	n = list(r, c->line, conns);
	for (uint64_t i = 0; i < FL_MIN(n, CONNS_MAX) && !found; i++) {
		found = conns[i].ordinal == ordinal;
		ret_conn->key = found ? conns[i].key : 0;
	}
	free(conns);
	return found;
}

static void
audit_worker(struct run *r, unsigned i)
{
	const struct worker *w = proxy_worker(control_of(r)->proxy, i);

	if (slab_used(w->mem) != 0)
		world_fail(r->world, "worker %u holds %zu bytes after the last connection ended", i, slab_used(w->mem));
	if (w->sessions.count != 0)
		world_fail(r->world, "worker %u holds %u sessions after the last connection ended", i, w->sessions.count);
	if (heap_next(&w->timers) != FL_NEVER)
		world_fail(r->world, "worker %u has a timer armed after the last connection ended", i);
	if (atomic_load(&w->active) != 0)
		world_fail(r->world, "worker %u says it has %llu connections after the last one ended", i,
		    (unsigned long long)atomic_load(&w->active));
}

void
audit_end(struct run *r)
{
	uint32_t open = 0, listeners = 0;
	struct io *io;

	for (unsigned i = 0; i < r->swarm->lines; i++) {
		struct line_counters lc;
		uint64_t ended = 0;

		audit_counters(r, &r->lines[i]);
		control_counters(r, &r->lines[i], &lc);
		for (unsigned k = 0; k < LINE_CLOSE_COUNT; k++) {
			ended += lc.closed[k];
			mark_hit(MARK_CLOSE + k, lc.closed[k]);
		}
		if (lc.active != 0 || ended != lc.accepted)
			world_fail(r->world, "line %u at the end: %llu accepted, %llu ended, %llu active", i,
			    (unsigned long long)lc.accepted, (unsigned long long)ended, (unsigned long long)lc.active);
		listeners += r->lines[i].open;
	}
	for (unsigned i = 0; i < proxy_workers(control_of(r)->proxy); i++)
		audit_worker(r, i);
	for (unsigned i = 0; (io = io_sim_at(i)) != NULL; i++)
		open += io_sim_open(io);
	if (open != listeners)
		world_fail(r->world, "%u sockets are open at the end, %u of them listeners", open, listeners);
}
