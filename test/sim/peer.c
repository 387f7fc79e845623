/* SPDX-License-Identifier: MIT */
/* peer.c - see peer.h. */
#include "peer.h"
#include "stream.h"
#include <errno.h>

#define CHUNK_MAX (64 * 1024)

static void schedule(struct peer *p, fl_ns at);

static void
over(struct peer *p)
{
	p->over = true;
}

static void
peer_close(struct peer *p)
{
	end_close(p->end);
	over(p);
}

static void
take_reset(struct peer *p)
{
	p->reset_got = true;
	world_note(p->net->world, "peer %lld: reset after %lld bytes", p->id, (long long)p->got, 0);
	if (p->on_got != NULL)
		p->on_got(p, NULL, 0);
	peer_close(p);
}

static void
do_read(struct peer *p)
{
	uint8_t bytes[CHUNK_MAX];
	size_t n = FL_MIN(end_readable(p->end), (size_t)CHUNK_MAX);
	fl_ns now = p->net->world->now;

	if (!p->finishing) {
		if (now < p->read_at || p->got >= p->plan.stall_at)
			return;
		size_t part = (size_t)rnd_log(&p->rnd, 1, p->plan.read_bytes_max);

		n = FL_MIN(n, part);
		if (n > 0 && p->plan.read_gap_ns_max > 0)
			p->read_at = now + rnd_log(&p->rnd, 0, p->plan.read_gap_ns_max);
	}
	n = end_read(p->end, bytes, n);
	if (n > 0 && p->on_got != NULL)
		p->on_got(p, bytes, n);
	p->got += n;
	if (!p->eof_got && end_at_eof(p->end)) {
		p->eof_got = true;
		world_note(p->net->world, "peer %lld: end of stream after %lld bytes", p->id, (long long)p->got, 0);
		if (p->on_got != NULL)
			p->on_got(p, bytes, 0);
	}
}

/* How much more the plan lets it send now. */
static uint64_t
may_send(const struct peer *p)
{
	uint64_t limit = p->plan.send_bytes;

	if (p->fin_sent)
		return 0;
	if (p->plan.reply_share != 0 && !p->finishing && !p->eof_got)
		limit = FL_MIN(limit, p->got * p->plan.reply_share / 16);
	return limit > p->sent ? limit - p->sent : 0;
}

static bool
do_write(struct peer *p)
{
	uint8_t bytes[CHUNK_MAX];
	uint64_t n = FL_MIN(may_send(p), (uint64_t)end_room(p->end));

	n = FL_MIN(n, (uint64_t)CHUNK_MAX);
	if (n > 0 && !p->finishing) {
		uint64_t part = (uint64_t)rnd_log(&p->rnd, 1, p->plan.chunk_bytes_max);

		n = FL_MIN(n, part);
	}
	stream_fill(p->key, p->sent, bytes, (size_t)n);
	end_write(p->end, bytes, (size_t)n);
	p->sent += n;
	return n > 0;
}

static void
send_fin(struct peer *p)
{
	p->fin_sent = true;
	world_note(p->net->world, "peer %lld: FIN after %lld bytes", p->id, (long long)p->sent, 0);
	end_fin(p->end);
}

/* End as the plan says. returns whether the peer is over. */
static bool
do_ending(struct peer *p)
{
	bool sent = p->sent >= p->plan.send_bytes;

	if (p->sent >= p->plan.reset_at || (sent && p->plan.ending == PEER_RESET_WHEN_SENT)) {
		p->reset_sent = true;
		p->reset_sent_at = p->net->world->now;
		world_note(p->net->world, "peer %lld: RST after %lld bytes", p->id, (long long)p->sent, 0);
		end_reset(p->end);
		over(p);
		return true;
	}
	if (sent && p->plan.ending == PEER_CLOSE_WHEN_SENT) {
		world_note(p->net->world, "peer %lld: closes after %lld bytes", p->id, (long long)p->sent, 0);
		p->closed_early = !p->eof_got;
		peer_close(p);
		return true;
	}
	if (!p->fin_sent && ((sent && (p->plan.ending == PEER_FIN_WHEN_SENT || p->finishing)) ||
	                     (p->eof_got && p->plan.ending == PEER_FIN_AFTER_EOF)))
		send_fin(p);
	if (p->fin_sent && p->eof_got) {
		peer_close(p);
		return true;
	}
	return false;
}

static bool
can_read(const struct peer *p)
{
	if (!p->finishing && p->got >= p->plan.stall_at)
		return false;
	return end_readable(p->end) > 0 || (!p->eof_got && end_at_eof(p->end));
}

static void
peer_step(void *obj, uint64_t arg)
{
	struct peer *p = obj;
	bool wrote;

	(void)arg;
	p->scheduled = false;
	if (p->over || p->end->state == END_CONNECTING)
		return;
	if (p->end->state == END_FAILED) {
		p->connect_failed = true;
		peer_close(p);
		return;
	}
	do_read(p);
	if (p->end->err != 0 && !can_read(p)) {
		take_reset(p);
		return;
	}
	wrote = do_write(p);
	if (do_ending(p))
		return;
	if (wrote || (may_send(p) > 0 && end_room(p->end) > 0))
		schedule(p, p->net->world->now + (p->finishing ? 0 : rnd_log(&p->rnd, 0, p->plan.gap_ns_max)));
	else if (can_read(p))
		schedule(p, p->finishing ? p->net->world->now : p->read_at);
}

static void
schedule(struct peer *p, fl_ns at)
{
	if (p->scheduled || p->over)
		return;
	p->scheduled = true;
	world_at(p->net->world, at, peer_step, p, 0);
}

static void
peer_notify(void *owner)
{
	struct peer *p = owner;

	schedule(p, p->net->world->now);
}

static struct peer *
peer_new(struct net *n, uint64_t key, const struct peer_plan *plan)
{
	struct peer *p = world_alloc(n->world, sizeof(*p));

	p->net = n;
	p->key = key;
	p->plan = *plan;
	p->rnd = rnd_init(key, 0x9ee5);
	return p;
}

struct peer *
peer_connect(struct net *n, const struct io_addr *from, const struct io_addr *to, uint64_t key, const struct peer_plan *plan)
{
	struct peer *p = peer_new(n, key, plan);

	p->end = net_connect(n, from, to, peer_notify, p);
	p->id = p->end->wire->id;
	return p;
}

struct peer *
peer_accept(struct net *n, struct end *e, uint64_t key, const struct peer_plan *plan)
{
	struct peer *p = peer_new(n, key, plan);

	p->server = true;
	p->end = e;
	p->id = e->wire->id;
	e->notify = peer_notify;
	e->owner = p;
	peer_notify(p);
	return p;
}

void
peer_finish(struct peer *p)
{
	p->finishing = true;
	p->plan.reset_at = UINT64_MAX;
	if (p->plan.ending == PEER_RESET_WHEN_SENT || p->plan.ending == PEER_STAYS)
		p->plan.ending = PEER_FIN_WHEN_SENT;
	if (!p->over && !p->scheduled)
		peer_notify(p);
}

struct peer *
peer_at(const struct end *e)
{
	return e->notify == peer_notify ? e->owner : NULL;
}

struct peer *
peer_far(const struct peer *p)
{
	struct end *e = end_other(p->end);

	while (e->mate != NULL) {
		e = end_other(e->mate);
		if (peer_at(e) != NULL)
			return peer_at(e);
	}
	return NULL;
}
