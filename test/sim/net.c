/* SPDX-License-Identifier: MIT */
/* net.c - see net.h. */
#include "net.h"
#include "base/assert.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SYN_TRIES 5
#define SYN_RETRY_NS FL_SEC
/* Tokens look like nothing else, so that a mixed-up number is noticed. */
#define TOKEN_FIRST 5000

struct net_token {
	struct listener *listener;
	struct end *end;
};

/* io_bind(), io_discard() and io_token_peer() have no argument that says where they are. */
static struct net *the_net;

static void flow_kick(struct wire *w, unsigned from);

struct net *
net_new(struct world *w, uint64_t seed)
{
	struct net *n = world_alloc(w, sizeof(*n));

	n->world = w;
	n->rnd = rnd_init(seed, 0x4e7);
	n->next_port = 20000;
	n->trouble.snd_bytes_min = n->trouble.snd_bytes_max = 65536;
	n->trouble.rcv_bytes_min = n->trouble.rcv_bytes_max = 65536;
	fl_assert(the_net == NULL);
	the_net = n;
	return n;
}

void
net_free(struct net *n)
{
	fl_assert(n == the_net);
	free(n->tokens);
	the_net = NULL;
}

struct net *
net_current(void)
{
	return the_net;
}

fl_ns
net_delay(struct net *n)
{
	return n->trouble.delay_ns_max ? rnd_log(&n->rnd, 0, n->trouble.delay_ns_max) : 0;
}

static void
set_port(struct io_addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET)
		a->in.sin_port = htons(port);
	else if (a->sa.sa_family == AF_INET6)
		a->in6.sin6_port = htons(port);
}

static struct listener *
find_listener(struct net *n, const struct io_addr *addr)
{
	for (struct listener *l = n->listeners; l != NULL; l = l->next)
		if (l->open && addr_equal(&l->addr, addr))
			return l;
	return NULL;
}

int
net_listen(struct net *n, const struct io_addr *addr, struct listener **ret_listener)
{
	struct listener *l;
	struct io_addr bound = *addr;

	if (addr->sa.sa_family != AF_UNIX && addr_port(addr) == 0)
		set_port(&bound, n->next_port++);
	if (find_listener(n, &bound) != NULL)
		return -EADDRINUSE;
	l = world_alloc(n->world, sizeof(*l));
	l->net = n;
	l->id = n->listener_count++;
	l->addr = bound;
	l->open = true;
	l->next = n->listeners;
	n->listeners = l;
	*ret_listener = l;
	return 0;
}

struct end *
listener_accept(struct listener *l)
{
	struct end *e;

	if (l->count == 0)
		return NULL;
	e = l->backlog[0];
	e->accepted_by = l;
	e->accept_number = ++l->accepted;
	memmove(l->backlog, l->backlog + 1, --l->count * sizeof(l->backlog[0]));
	return e;
}

void
listener_close(struct listener *l)
{
	fl_assert(l->open);
	l->open = false;
	while (l->count > 0)
		end_reset(l->backlog[--l->count]);
}

static void
notify(struct end *e)
{
	if (e->notify != NULL)
		e->notify(e->owner);
}

static void
rst_arrive(void *obj, uint64_t side)
{
	struct wire *w = obj;
	struct end *e = &w->end[side];
	struct flow *in = &w->flow[!side];
	struct net *n = w->net;

	w->flow[side].dead = true;
	if (e->state != END_OPEN || e->rst_seen) {
		in->dead = true;
		return;
	}
	if (!in->dead) { /* the data before it came first, as far as there was room */
		in->arrived += FL_MIN(in->written - in->arrived, in->rcv_max - (in->arrived - in->read));
		in->fin_arrived = in->fin_arrived || (in->fin && in->arrived == in->written);
		in->dead = true;
	}
	if (rnd_chance(&n->rnd, n->trouble.rst_purges)) {
		in->purged += in->arrived - in->read;
		in->read = in->arrived;
	}
	e->rst_seen = true;
	e->err = w->broken && w->broken_err != -ECONNRESET ? w->broken_err :
	    in->fin_arrived && in->purged == 0 ? -EPIPE : -ECONNRESET;
	world_note(n->world, "net: reset arrives at end %lld.%lld", w->id, (long long)side, 0);
	notify(e);
}

/* End `from` tells the other that there is no connection. */
static void
rst_send(struct wire *w, unsigned from)
{
	struct net *n = w->net;

	if (w->end[from].rst_sent)
		return;
	w->end[from].rst_sent = true;
	if (rnd_chance(&n->rnd, n->trouble.rst_overtakes))
		w->flow[from].dead = true;
	w->flow[!from].dead = true;
	world_at(n->world, n->world->now + net_delay(n), rst_arrive, w, !from);
}

void
wire_break(struct wire *w)
{
	if (w->broken || w->end[0].state == END_CONNECTING || w->end[0].state == END_FAILED)
		return;
	w->broken = true;
	w->broken_err = -ECONNRESET;
	if (rnd_chance(&w->net->rnd, w->net->trouble.rst_other))
		w->broken_err = rnd_chance(&w->net->rnd, 500) ? -ETIMEDOUT : -EHOSTUNREACH;
	rst_send(w, 0);
	rst_send(w, 1);
}

/* Deliver what is under way from end `from`. */
static void
flow_deliver(void *obj, uint64_t from)
{
	struct wire *w = obj;
	struct flow *f = &w->flow[from];
	struct end *to = &w->end[!from];
	struct net *n = w->net;
	uint64_t bytes = f->written - f->arrived;
	uint64_t room = f->rcv_max - (f->arrived - f->read);
	bool news;

	f->moving = false;
	if (f->dead || to->state == END_CONNECTING)
		return;
	if (to->state == END_CLOSED) {
		if (bytes > 0)
			rst_send(w, !from);
		return;
	}
	if (rnd_chance(&n->rnd, n->trouble.rst)) {
		wire_break(w);
		return;
	}
	bytes = FL_MIN(bytes, room);
	if (n->trouble.segment_bytes_max && bytes > 0) {
		uint64_t segment = (uint64_t)rnd_range(&n->rnd, 1, n->trouble.segment_bytes_max);

		bytes = FL_MIN(bytes, segment);
	}
	f->arrived += bytes;
	news = bytes > 0;
	if (f->fin && !f->fin_arrived && f->arrived == f->written)
		news = f->fin_arrived = true;
	if (news) {
		world_note(n->world, "net: %lld bytes arrive at end %lld.%lld", (long long)bytes, w->id, (long long)!from);
		notify(to);
		notify(&w->end[from]);
	}
	flow_kick(w, (unsigned)from);
}

/* See to it that what can be delivered will be. */
static void
flow_kick(struct wire *w, unsigned from)
{
	struct flow *f = &w->flow[from];
	struct end *to = &w->end[!from];
	bool data = f->arrived < f->written && (to->state == END_CLOSED || f->arrived - f->read < f->rcv_max);
	bool fin = f->fin && !f->fin_arrived && f->arrived == f->written && to->state != END_CLOSED;

	if (f->moving || f->dead || to->state == END_CONNECTING || (!data && !fin))
		return;
	f->moving = true;
	world_at(w->net->world, w->net->world->now + net_delay(w->net), flow_deliver, w, from);
}

static void
flow_init(struct net *n, struct flow *f)
{
	f->snd_max = (uint32_t)rnd_log(&n->rnd, n->trouble.snd_bytes_min, n->trouble.snd_bytes_max);
	f->rcv_max = (uint32_t)rnd_log(&n->rnd, n->trouble.rcv_bytes_min, n->trouble.rcv_bytes_max);
	f->ring_bytes = f->snd_max + f->rcv_max;
}

static void
connect_failed(void *obj, uint64_t err)
{
	struct wire *w = obj;

	if (w->end[0].state != END_CONNECTING)
		return;
	w->end[0].state = END_FAILED;
	w->end[0].err = -(int)err;
	world_note(w->net->world, "net: connection %lld failed, errno %lld", w->id, (long long)err, 0);
	notify(&w->end[0]);
}

/* The server's answer reached the client. */
static void
connect_done(void *obj, uint64_t arg)
{
	struct wire *w = obj;

	(void)arg;
	if (w->end[0].state != END_CONNECTING) {
		rst_send(w, 0);
		return;
	}
	if (w->end[1].rst_sent) {
		connect_failed(w, ECONNREFUSED);
		return;
	}
	w->end[0].state = END_OPEN;
	world_note(w->net->world, "net: connection %lld established", w->id, 0, 0);
	notify(&w->end[0]);
	flow_kick(w, 1);
}

static void
syn_arrive(void *obj, uint64_t arg)
{
	struct wire *w = obj;
	struct net *n = w->net;
	struct listener *l = find_listener(n, &w->end[1].addr);

	(void)arg;
	if (w->end[0].state != END_CONNECTING)
		return;
	if (l != NULL && (l->count == LISTENER_BACKLOG || rnd_chance(&n->rnd, n->trouble.syn_lost))) {
		if (++w->syn_tries == SYN_TRIES)
			connect_failed(w, ETIMEDOUT);
		else
			world_at(n->world, n->world->now + SYN_RETRY_NS, syn_arrive, w, 0);
		return;
	}
	if (l == NULL || rnd_chance(&n->rnd, n->trouble.connect_refused)) {
		world_at(n->world, n->world->now + net_delay(n), connect_failed, w, ECONNREFUSED);
		return;
	}
	if (rnd_chance(&n->rnd, n->trouble.connect_silent)) {
		world_at(n->world, n->world->now + 130 * FL_SEC, connect_failed, w, ETIMEDOUT);
		return;
	}
	w->end[1].state = END_OPEN;
	l->backlog[l->count++] = &w->end[1];
	if (l->notify != NULL)
		l->notify(l->owner);
	world_at(n->world, n->world->now + net_delay(n), connect_done, w, 0);
}

struct end *
net_connect(struct net *n, const struct io_addr *from, const struct io_addr *to, net_notify_fn *fn, void *owner)
{
	struct wire *w = world_alloc(n->world, sizeof(*w));

	w->net = n;
	w->id = n->wire_count++;
	flow_init(n, &w->flow[0]);
	flow_init(n, &w->flow[1]);
	for (uint8_t i = 0; i < 2; i++)
		w->end[i] = (struct end){ .wire = w, .side = i, .state = END_CONNECTING };
	w->end[0].addr = *from;
	w->end[1].addr = *to;
	if (from->sa.sa_family != AF_UNIX && addr_port(from) == 0)
		set_port(&w->end[0].addr, n->next_port++);
	w->end[0].notify = fn;
	w->end[0].owner = owner;
	world_at(n->world, n->world->now + net_delay(n), syn_arrive, w, 0);
	return &w->end[0];
}

size_t
end_readable(const struct end *e)
{
	return e->state == END_OPEN ? (size_t)(end_in(e)->arrived - end_in(e)->read) : 0;
}

bool
end_at_eof(const struct end *e)
{
	const struct flow *f = end_in(e);

	return e->state == END_OPEN && f->fin_arrived && f->read == f->arrived && f->purged == 0;
}

size_t
end_read(struct end *e, uint8_t *p, size_t n)
{
	struct flow *f = end_in(e);
	size_t at, run;

	n = FL_MIN(n, end_readable(e));
	at = (size_t)(f->read % f->ring_bytes);
	run = FL_MIN(n, f->ring_bytes - at);
	if (n > 0) {
		memcpy(p, f->ring + at, run);
		memcpy(p + run, f->ring, n - run);
	}
	f->read += n;
	if (e->wire->net->trouble.lose_a_byte && !e->wire->net->byte_lost && n > 1) {
		e->wire->net->byte_lost = true;
		n--;
	}
	flow_kick(e->wire, !e->side);
	return n;
}

size_t
end_room(const struct end *e)
{
	const struct flow *f = end_out(e);

	if (e->state != END_OPEN || f->dead || f->fin)
		return 0;
	return f->snd_max - (size_t)(f->written - f->arrived);
}

void
end_write(struct end *e, const uint8_t *p, size_t n)
{
	struct flow *f = end_out(e);
	size_t at, run;

	fl_assert(n <= end_room(e));
	if (n == 0)
		return;
	if (f->ring == NULL)
		f->ring = world_alloc(e->wire->net->world, f->ring_bytes);
	at = (size_t)(f->written % f->ring_bytes);
	run = FL_MIN(n, f->ring_bytes - at);
	memcpy(f->ring + at, p, run);
	memcpy(f->ring, p + run, n - run);
	f->written += n;
	flow_kick(e->wire, e->side);
}

int
end_take_error(struct end *e)
{
	struct net *n = e->wire->net;

	if (e->err == 0)
		return 0;
	if (e->err_told && rnd_chance(&n->rnd, n->trouble.rst_error_once))
		return -EPIPE;
	e->err_told = true;
	return e->err;
}

void
end_fin(struct end *e)
{
	if (e->state != END_OPEN)
		return;
	end_out(e)->fin = true;
	flow_kick(e->wire, e->side);
}

void
end_close(struct end *e)
{
	bool open = e->state == END_OPEN;
	bool unread = end_readable(e) > 0;

	e->state = END_CLOSED;
	if (!open || e->rst_seen)
		return;
	if (unread) {
		rst_send(e->wire, e->side);
		return;
	}
	end_out(e)->fin = true;
	flow_kick(e->wire, e->side);
	flow_kick(e->wire, !e->side);
}

void
end_reset(struct end *e)
{
	bool open = e->state == END_OPEN;

	e->state = END_CLOSED;
	if (open && !e->rst_seen)
		rst_send(e->wire, e->side);
}

int
net_token_add(struct net *n, struct listener *l, struct end *e)
{
	if (n->token_count == n->token_cap) {
		n->token_cap = n->token_cap ? n->token_cap * 2 : 64;
		n->tokens = realloc(n->tokens, n->token_cap * sizeof(*n->tokens));
		fl_assert(n->tokens != NULL);
	}
	n->tokens[n->token_count] = (struct net_token){ l, e };
	return TOKEN_FIRST + (int)n->token_count++;
}

void
net_token_get(const struct net *n, int token, struct listener **ret_l, struct end **ret_e)
{
	int64_t i = (int64_t)token - TOKEN_FIRST;
	bool known = i >= 0 && i < n->token_count;

	*ret_l = known ? n->tokens[i].listener : NULL;
	*ret_e = known ? n->tokens[i].end : NULL;
}

void
net_token_drop(struct net *n, int token)
{
	fl_assert(token >= TOKEN_FIRST && (uint32_t)(token - TOKEN_FIRST) < n->token_count);
	n->tokens[token - TOKEN_FIRST] = (struct net_token){ NULL, NULL };
}

uint32_t
net_tokens_open(const struct net *n)
{
	uint32_t open = 0;

	for (uint32_t i = 0; i < n->token_count; i++)
		open += n->tokens[i].listener != NULL || n->tokens[i].end != NULL;
	return open;
}
