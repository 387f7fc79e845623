/* SPDX-License-Identifier: MIT */
/* conn.c - see conn.h. */
#include "conn.h"
#include "mark.h"
#include "run.h"

/* What one read of the proxy may bring, on a direction with faults; without, no more than one read is held. */
#define UNIT_BYTES_MAX (256 * 1024)

static struct world *
world_of(const struct conn *c)
{
	return c->run->world;
}

/* A fault or an operation may have ended it before its time. */
static bool
may_be_cut(const struct conn *c)
{
	return c->cut_off || c->oracle[FL_C2S].cutting || c->oracle[FL_S2C].cutting;
}

/* The proxy got to relay between the two. It may have given up on connecting just when the connection was made. */
static bool
was_relayed(const struct conn *c)
{
	return c->server != NULL && (c->client->got > 0 || c->server->got > 0);
}

static void
mark_bytes(const struct oracle *o, size_t n)
{
	if (o->mode == ORACLE_EXACT)
		mark_hit(MARK_EXACT_BYTES, n);
	else if (o->mode == ORACLE_DAMAGE)
		mark_hit(o->fault.kind == FAULT_CORRUPT ? MARK_CORRUPT_BYTES :
		    o->fault.kind == FAULT_DROP_CHUNK ? MARK_DROP_BYTES : MARK_DUPLICATE_BYTES, n);
}

static void
check_bytes(struct conn *c, enum fl_dir d, struct peer *from, struct peer *to, const uint8_t *bytes, size_t n)
{
	struct oracle *o = &c->oracle[d];
	size_t good;

	o->end = from->fin_sent || from->over ? from->sent : UINT64_MAX;
	o->broken = end_other(from->end)->rst_seen || !c->half_close || may_be_cut(c);
	mark_bytes(o, n);
	if (from->eof_got)
		mark_hit(MARK_HALF_CLOSED, 1);
	good = oracle_check(o, from->key, bytes, n);
	if (good < n)
		world_fail(world_of(c), "(1) wrong byte %llu in %s of connection %u (server's %u): got %02x, oracle mode %d",
		    (unsigned long long)(to->got + good), d == FL_C2S ? "c2s" : "s2c", c->client->id,
		    c->server ? c->server->id : 0, bytes[good], (int)o->mode);
	if (o->mode == ORACLE_EXACT && to->got + n > from->sent)
		world_fail(world_of(c), "(1) more bytes than were sent on connection %u", c->client->id);
}

/* Somebody but the proxy reset it. */
static bool
was_reset(const struct peer *p)
{
	return p->end->rst_sent || p->end->wire->broken;
}

/* Nothing but a limit could end it: then not a byte less or more than that came through. */
static void
check_limit(struct conn *c, enum fl_dir d, const struct peer *from, const struct peer *to)
{
	const struct oracle *o = &c->oracle[d];
	uint64_t want = FL_MIN(o->limit, from->sent);

	if (!o->only_limit || c->cut_off || !c->half_close || was_reset(from) || was_reset(to) || o->limit == 0)
		return;
	mark_hit(MARK_LIMITS_EXACT, 1);
	if (to->got != want)
		world_fail(world_of(c), "(5) connection %u (server's %u): %llu bytes came through a limit of %llu, %llu were sent",
		    c->client->id, c->server->id, (unsigned long long)to->got, (unsigned long long)o->limit,
		    (unsigned long long)from->sent);
}

static void
check_eof(struct conn *c, enum fl_dir d, struct peer *from, struct peer *to)
{
	uint64_t total;

	if (!was_relayed(c) || from == NULL)
		return;
	check_limit(c, d, from, to);
	if (may_be_cut(c))
		return;
	if (from->reset_sent && !from->fin_sent && !(!c->half_close && to->fin_sent))
		world_fail(world_of(c), "(3) connection %u (server's %u): the %s's reset came as an orderly end", c->client->id,
		    c->server->id, d == FL_C2S ? "client" : "server");
	total = oracle_total(&c->oracle[d], from->sent);
	if ((from->fin_sent || (from->over && !from->reset_sent)) && (total == to->got || total == UINT64_MAX)) {
		mark_hit(MARK_COMPLETE_ENDS, 1);
		return;
	}
	if (!c->half_close && (to->fin_sent || to->over))
		return;
	world_fail(world_of(c), "(2) connection %u (server's %u): %s ended after %llu of %llu bytes%s", c->client->id, c->server->id,
	    d == FL_C2S ? "c2s" : "s2c", (unsigned long long)to->got, (unsigned long long)total,
	    from->fin_sent ? "" : ", but the sender did not end it");
}

static void
on_got(struct peer *p, const uint8_t *bytes, size_t n)
{
	struct conn *c = p->conn;
	enum fl_dir d = p->server ? FL_C2S : FL_S2C;
	struct peer *from = p->server ? c->client : c->server;

	if (bytes == NULL) {
		if (from != NULL && from->reset_sent)
			mark_hit(MARK_RESETS_PASSED, 1);
		return;
	}
	if (n == 0)
		check_eof(c, d, from, p);
	else if (from == NULL)
		world_fail(world_of(c), "(1) connection %u got bytes from no server", p->id);
	else
		check_bytes(c, d, from, p, bytes, n);
}

static void
attach(struct conn *c, struct peer *p)
{
	p->conn = c;
	p->on_got = on_got;
}

struct conn *
conn_open(struct run *run, struct sim_line *line, const struct io_addr *from, uint64_t key, const struct peer_plan *plan)
{
	struct conn *c = world_alloc(run->world, sizeof(*c));

	c->run = run;
	c->line = line;
	c->half_close = line->half_close;
	c->client = peer_connect(run->net, from, &line->listen, key, plan);
	attach(c, c->client);
	c->timing[FL_C2S].bound = c->timing[FL_S2C].bound = run->swarm->pipe_bytes + 2 * (uint64_t)UNIT_BYTES_MAX;
	c->oracle[FL_C2S].limit = c->oracle[FL_S2C].limit = UINT64_MAX;
	c->next = run->conns;
	run->conns = c;
	run->conn_count++;
	conn_faults(c);
	return c;
}

void
conn_accepted(struct run *run, struct peer *server)
{
	struct peer *client = peer_far(server);
	struct conn *c = client != NULL ? client->conn : NULL;

	if (c == NULL)
		world_fail(run->world, "server's connection %u belongs to no client", server->id);
	if (c->server != NULL && !end_other(c->server->end)->told && c->server->got == 0)
		c->server->conn = NULL;         /* an earlier try that came to nothing */
	else if (c->server != NULL)
		world_fail(run->world, "connection %u has two servers", client->id);
	c->server = server;
	attach(c, server);
	for (enum fl_dir d = FL_C2S; d <= FL_S2C; d++)
		if (oracle_needs_conn(&c->oracle[d]))
			c->oracle[d].has_conn = run_identity(run, c, &c->oracle[d].conn);
}

bool
conn_alive(const struct conn *c)
{
	return !c->client->over || (c->server != NULL && !c->server->over);
}

bool
conn_done(const struct conn *c)
{
	return c->client->over && c->server != NULL && c->server->over;
}

void
conn_faults(struct conn *c)
{
	c->half_close = c->half_close && c->line->half_close;
	for (enum fl_dir d = FL_C2S; d <= FL_S2C && c->line->faults != NULL; d++) {
		oracle_faults(&c->oracle[d], c->line->faults, d);
		timing_faults(&c->timing[d], c->line->faults, d);
	}
}

/* After the end of the other side, what is still read is thrown away. */
static void
check_held(const struct conn *c, enum fl_dir d)
{
	const struct timing *t = &c->timing[d];
	const struct end *near = end_other(c->client->end);

	if (near->rst_seen || near->state != END_OPEN || (near->mate != NULL && (near->mate->rst_seen || near->mate->state != END_OPEN)))
		return;
	world_fail(world_of(c), "(7) connection %u (server's %u): %s holds %llu bytes, more than %llu", c->client->id,
	    c->server ? c->server->id : 0, d == FL_C2S ? "c2s" : "s2c", (unsigned long long)(t->received - t->sent),
	    (unsigned long long)t->bound);
}

void
conn_moved(struct end *e, bool received, size_t n)
{
	const struct peer *near = peer_at(end_other(e));
	struct conn *c = near != NULL ? near->conn : NULL;
	enum fl_dir d;

	/* A server's connection may not be accepted yet: then the client's is known. */
	if (c == NULL && e->mate != NULL && peer_at(end_other(e->mate)) != NULL)
		c = peer_at(end_other(e->mate))->conn;
	if (c == NULL)
		return;
	d = (e->side == 1) == received ? FL_C2S : FL_S2C;
	if (received) {
		if (!timing_received(&c->timing[d], world_of(c), n) && !may_be_cut(c))
			check_held(c, d);
	} else if (!timing_sent(&c->timing[d], world_of(c), n))
		world_fail(world_of(c), "(6) connection %u (server's %u): %s passes bytes on too early: %llu received, %llu sent, "
		    "delay %lld ns, rate %lld KB/s", c->client->id, c->server ? c->server->id : 0, d == FL_C2S ? "c2s" : "s2c",
		    (unsigned long long)c->timing[d].received, (unsigned long long)c->timing[d].sent,
		    (long long)c->timing[d].delay_min, (long long)c->timing[d].rate);
}

void
conn_check_end(struct conn *c)
{
	const struct peer *client = c->client, *server = c->server;

	if (may_be_cut(c) || !c->half_close || !was_relayed(c) || was_reset(client) || was_reset(server) ||
	    run_closed(c->run, c->line, LINE_CLOSE_OVERLOAD) > 0)
		return;
	if (client->reset_got || server->reset_got)
		world_fail(world_of(c), "(4) connection %u (server's %u) was reset by nobody", client->id, server->id);
	if ((!client->eof_got && !client->closed_early) || (!server->eof_got && !server->closed_early))
		world_fail(world_of(c), "(4) connection %u ended without the end of a stream", client->id);
	mark_hit(MARK_WHOLE_CONNS, 1);
}
