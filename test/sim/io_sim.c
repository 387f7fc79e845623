/* SPDX-License-Identifier: MIT */
/*
 * io_sim.c - io.h on the virtual network, for the real proxy.
 *
 * Whatever io.h leaves open is decided by dice: the order of events of different sockets, how much a read brings and a push
 * takes, how late an event is told, whether one more IO_RECV follows a stop, which call gets to see a reset first. Every
 * rule of io.h that binds the caller is checked; breaking one ends the run (world_fail).
 *
 * Invariants
 *  (1) A socket with queued set is in io->ready exactly once.
 *  (2) After IO_CLOSED a socket is dead for ever; its memory stays until the end of the run, so use of it is recognised.
 *  (3) Memory lent by io_send() has the same sum from the call to IO_SENT or IO_CLOSED.
 */
#include "io_sim.h"
#include "mark.h"
#include "base/assert.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum sock_kind { SOCK_LISTENER, SOCK_CONN };
enum sock_phase { SOCK_LIVE, SOCK_CLOSING, SOCK_DEAD };

struct io_sock {
	struct io *io;
	void *ud;
	uint32_t id;
	enum sock_kind kind;
	enum sock_phase phase;
	struct listener *listener;
	struct end *end;
	bool queued, paused;
	bool accepted;                  /* by the proxy; else it connected */
	bool connecting;                /* IO_CONNECT was not told yet */
	bool receiving, one_more, eof_told, error_told, shut;
	bool unnoticed;                 /* a reset is not told while receiving is stopped */
	bool mated;
	uint32_t recv_max;
	const uint8_t *send_p;
	size_t send_n, send_at;
	uint64_t send_sum;
	bool sending;
	int send_res;
	bool send_done;
	fl_ns event_at;                 /* nothing is told before */
	struct io_sock *next;           /* all of the io */
};

struct io {
	struct net *net;
	unsigned number;
	bool open;
	fl_ns now, deadline, lag_until;
	bool woken, busy;
	struct io_sock **ready;
	uint32_t ready_count, ready_cap;
	struct io_sock *socks;
	uint32_t sock_count, socks_max;
	uint32_t next_id;
	uint8_t *scratch;
	size_t scratch_lent;
	struct io *next;
};

static struct {
	struct net *net;
	struct io *first;
	unsigned count;
	io_sim_mate_fn *mate;
	struct io_sim_stats stats;
	bool ending;                    /* IO_CLOSED is there at once */
} sim;

#define rule(s, cond, text) \
	do { \
		if (!(cond)) \
			world_fail((s)->io->net->world, "io.h: %s (socket %u.%u)", text, (s)->io->number, (s)->id); \
	} while (0)

static void
note(struct io_sock *s, const char *what, long long value)
{
	world_note(s->io->net->world, what, s->io->number, s->id, value);
}

/* Tell the one who checks. */
static void
moved(struct io_sock *s, bool received, size_t n)
{
	if (n > 0 && s->io->net->on_moved != NULL)
		s->io->net->on_moved(s->end, received, n);
}

static struct rnd *
dice(struct io *io)
{
	return &io->net->rnd;
}

/* ---- for the harness ---- */

struct io *
io_sim_at(unsigned i)
{
	struct io *io = sim.net == net_current() ? sim.first : NULL;

	while (io != NULL && i-- > 0)
		io = io->next;
	return io;
}

bool
io_sim_runnable(const struct io *io)
{
	fl_ns now = io->net->world->now;

	return io->open && now >= io->lag_until && (io->woken || io->busy || io->ready_count > 0 || io->deadline <= now);
}

fl_ns
io_sim_due(const struct io *io)
{
	if (!io->open)
		return FL_NEVER;
	if (io->woken || io->busy || io->ready_count > 0)
		return FL_MAX(io->lag_until, io->net->world->now);
	return FL_MAX(io->deadline, io->lag_until);
}

void
io_sim_lag(struct io *io, fl_ns until)
{
	io->lag_until = until;
}

uint32_t
io_sim_open(const struct io *io)
{
	return io->sock_count;
}

void
io_sim_set_mate(io_sim_mate_fn *fn)
{
	sim.mate = fn;
}

void
io_sim_end(void)
{
	sim.ending = true;
	sim.net->trouble.early_end = 0;
}

struct io_sim_stats
io_sim_stats(void)
{
	return sim.stats;
}

/* ---- the ready list ---- */

static void
queue(struct io_sock *s)
{
	struct io *io = s->io;

	if (s->queued || s->phase == SOCK_DEAD || !io->open)
		return;
	if (io->ready_count == io->ready_cap) {
		io->ready_cap = io->ready_cap ? io->ready_cap * 2 : 64;
		io->ready = realloc(io->ready, io->ready_cap * sizeof(struct io_sock *));
		fl_assert(io->ready != NULL);
	}
	io->ready[io->ready_count++] = s;
	s->queued = true;
}

static void
queue_late(void *obj, uint64_t arg)
{
	(void)arg;
	queue(obj);
}

/* Something may have happened on the socket: have it looked at, perhaps later. */
static void
kick(struct io_sock *s)
{
	struct net_trouble *t = &s->io->net->trouble;

	if (rnd_chance(dice(s->io), t->late))
		world_at(s->io->net->world, s->io->net->world->now + rnd_log(dice(s->io), 0, t->late_ns_max), queue_late, s, 0);
	else
		queue(s);
}

static void
on_net(void *owner)
{
	kick(owner);
}

/* ---- life ---- */

int
io_new(const struct io_opts *opts, struct io **ret_io)
{
	struct net *n = net_current();
	struct io *io, **link;

	fl_assert(n != NULL && opts->socks_max > 0);
	if (sim.net != n || sim.first == NULL) {
		sim.net = n;
		sim.first = NULL;
		sim.count = 0;
		sim.ending = false;
	}
	io = world_alloc(n->world, sizeof(*io));
	io->net = n;
	io->open = true;
	io->busy = true;
	io->deadline = FL_NEVER;
	io->socks_max = opts->socks_max;
	io->number = sim.count++;
	io->now = n->world->now;
	io->scratch = malloc(IO_SCRATCH_BYTES);
	fl_assert(io->scratch != NULL);
	for (link = &sim.first; *link != NULL; link = &(*link)->next)
		;
	*link = io;
	*ret_io = io;
	return 0;
}

void
io_free(struct io *io)
{
	struct io **link;

	if (io == NULL)
		return;
	for (struct io_sock *s = io->socks; s != NULL; s = s->next) {
		if (s->phase != SOCK_LIVE)
			continue;
		if (s->kind == SOCK_LISTENER)
			listener_close(s->listener);
		else
			end_close(s->end);
		s->phase = SOCK_DEAD;
	}
	for (link = &sim.first; *link != io; link = &(*link)->next)
		;
	*link = io->next;
	io->open = false;
	free(io->ready);
	free(io->scratch);
}

fl_ns
io_now(const struct io *io)
{
	return io->now;
}

fl_ns
io_clock(struct io *io)
{
	return io->now = io->net->world->now;
}

void
io_wake(struct io *io)
{
	io->woken = true;
}

/* What was lent ends here; spoil it, so that a caller who kept the pointer reads rubbish. */
static void
lend_back(struct io *io)
{
	memset(io->scratch, 0xdb, io->scratch_lent);
	io->scratch_lent = 0;
}

void
io_wait(struct io *io, fl_ns deadline)
{
	lend_back(io);
	sim.stats.waits++;
	io_clock(io);
	io->busy = io->woken || io->ready_count > 0 || deadline <= io->now;
	io->woken = false;
	io->deadline = deadline;
}

/* ---- events ---- */

static bool
tell(struct io_event *ev, enum io_kind kind, struct io_sock *s, int res)
{
	static const char *const names[] = {
		"io %lld: accept on %lld: %lld", "io %lld: connect %lld: %lld", "io %lld: recv %lld: %lld",
		"io %lld: sent %lld: %lld", "io %lld: closed %lld: %lld",
	};

	*ev = (struct io_event){ .kind = kind, .res = res, .ud = s->ud, .sock = s };
	s->io->busy = true;
	sim.stats.events++;
	note(s, names[kind], res);
	return true;
}

static bool
next_accept(struct io_sock *s, struct io_event *ev)
{
	static const int errors[] = { -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM };
	struct net *n = s->io->net;
	struct end *e;

	if (s->paused || s->listener->count == 0)
		return false;
	queue(s);
	if (rnd_chance(&n->rnd, n->trouble.accept_fails)) {
		mark_hit(MARK_ACCEPT_FAILED, 1);
		return tell(ev, IO_ACCEPT, s, errors[rnd_below(&n->rnd, FL_ARRAY_LEN(errors))]);
	}
	e = listener_accept(s->listener);
	return tell(ev, IO_ACCEPT, s, net_token_add(n, NULL, e));
}

static bool
next_connect(struct io_sock *s, struct io_event *ev)
{
	if (s->end->state == END_CONNECTING)
		return false;
	s->connecting = false;
	s->end->told = s->end->state == END_OPEN;
	queue(s);
	return tell(ev, IO_CONNECT, s, s->end->state == END_FAILED ? s->end->err : 0);
}

static uint64_t
sum(const uint8_t *p, size_t n)
{
	uint64_t h = n;

	for (; n >= 8; p += 8, n -= 8) {
		uint64_t w;

		memcpy(&w, p, 8);
		h = (h ^ w) * UINT64_C(0x9fb21c651e98df25);
		h ^= h >> 32;
	}
	while (n-- > 0)
		h = (h ^ *p++) * UINT64_C(0x100000001b3);
	return h;
}

static void
check_lent(struct io_sock *s)
{
	if (s->send_p != NULL)
		rule(s, sum(s->send_p, s->send_n) == s->send_sum, "(3) memory lent to io_send() was changed");
}

/* Move what fits of the send in flight; when all of it is gone, or the connection is broken, it is done. */
static void
send_more(struct io_sock *s)
{
	size_t n = FL_MIN(s->send_n - s->send_at, end_room(s->end));

	if (!s->sending || s->send_done)
		return;
	if (s->end->err != 0) {
		s->send_res = end_take_error(s->end);
		s->send_done = true;
		return;
	}
	if (n > 0) {
		if (s->send_at > 0)
			mark_hit(MARK_SLOW_SENDS, 1);
		end_write(s->end, s->send_p + s->send_at, n);
		moved(s, false, n);
	}
	s->send_at += n;
	s->end->unsent += n;
	s->send_done = s->send_at == s->send_n;
}

static bool
next_sent(struct io_sock *s, struct io_event *ev)
{
	send_more(s);
	if (!s->sending || !s->send_done)
		return false;
	check_lent(s);
	if (s->send_res == 0)
		s->end->unsent -= s->send_n;
	s->sending = false;
	s->send_p = NULL;
	return tell(ev, IO_SENT, s, s->send_res);
}

static bool
next_data(struct io_sock *s, struct io_event *ev)
{
	struct io *io = s->io;
	size_t n = FL_MIN(end_readable(s->end), s->recv_max);

	if (n > 1 && rnd_chance(dice(io), io->net->trouble.short_recv))
		n = (size_t)rnd_log(dice(io), 1, (int64_t)n);
	mark_hit(MARK_SHORT_RECV, n < end_readable(s->end) && n < s->recv_max);
	mark_hit(MARK_EXTRA_RECV, s->one_more);
	n = end_read(s->end, io->scratch, n);
	moved(s, true, n);
	io->scratch_lent = n;
	s->one_more = false;
	tell(ev, IO_RECV, s, (int)n);
	ev->data = io->scratch;
	return true;
}

static bool
next_recv(struct io_sock *s, struct io_event *ev)
{
	struct end *e = s->end;
	bool on = (s->receiving || s->one_more) && !s->eof_told;
	int err;

	if (s->error_told)
		return false;
	if (on && end_readable(e) > 0)
		return next_data(s, ev);
	if (on && end_at_eof(e)) {
		s->eof_told = true;
		s->one_more = s->receiving = false;
		return tell(ev, IO_RECV, s, 0);
	}
	if (e->err == 0 || (!on && s->unnoticed))
		return false;
	err = end_take_error(e);
	if (err == -EPIPE && !end_in(e)->fin_arrived) { /* another call was told of the reset; a read finds the end */
		if (!on)
			return false;
		err = 0;
		mark_hit(MARK_RESET_AS_EOF, 1);
	}
	mark_hit(MARK_RESET_STOPPED, !on);
	s->error_told = true;
	s->one_more = s->receiving = false;
	return tell(ev, IO_RECV, s, err);
}

static bool
next_of_conn(struct io_sock *s, struct io_event *ev)
{
	if (s->connecting)
		return next_connect(s, ev);
	if (rnd_chance(dice(s->io), 500))
		return next_sent(s, ev) || next_recv(s, ev);
	return next_recv(s, ev) || next_sent(s, ev);
}

static bool
next_of(struct io_sock *s, struct io_event *ev)
{
	if (s->phase == SOCK_CLOSING) {
		if (s->event_at > s->io->net->world->now)
			return false;
		check_lent(s);
		s->phase = SOCK_DEAD;
		s->io->sock_count--;
		return tell(ev, IO_CLOSED, s, 0);
	}
	if (s->kind == SOCK_LISTENER)
		return next_accept(s, ev);
	if (!next_of_conn(s, ev))
		return false;
	queue(s);
	return true;
}

bool
io_next(struct io *io, struct io_event *ret_ev)
{
	lend_back(io);
	while (io->ready_count > 0) {
		uint32_t i = (uint32_t)rnd_below(dice(io), io->ready_count);
		struct io_sock *s = io->ready[i];

		if (rnd_chance(dice(io), io->net->trouble.early_end))
			return false;
		io->ready[i] = io->ready[--io->ready_count];
		s->queued = false;
		if (s->phase != SOCK_DEAD && next_of(s, ret_ev))
			return true;
	}
	return false;
}

/* ---- operations ---- */

static struct io_sock *
sock_new(struct io *io, enum sock_kind kind, void *ud)
{
	struct io_sock *s = world_alloc(io->net->world, sizeof(*s));

	s->io = io;
	s->ud = ud;
	s->kind = kind;
	s->id = io->next_id++;
	s->next = io->socks;
	io->socks = s;
	io->sock_count++;
	return s;
}

static void
check_live(const struct io_sock *s, enum sock_kind kind, const char *call)
{
	if (s->phase != SOCK_LIVE || s->kind != kind)
		world_fail(s->io->net->world, "io.h: (6) %s on a socket that is %s (socket %u.%u)", call,
		    s->phase == SOCK_LIVE ? "of another kind" : s->phase == SOCK_CLOSING ? "closing" : "closed", s->io->number, s->id);
}

int
io_bind(const struct io_addr *addr, int *ret_token, struct io_addr *ret_bound)
{
	struct net *n = net_current();
	struct listener *l;
	int r = net_listen(n, addr, &l);

	if (r < 0)
		return r;
	*ret_token = net_token_add(n, l, NULL);
	if (ret_bound != NULL)
		*ret_bound = l->addr;
	return 0;
}

int
io_listen(struct io *io, int token, void *ud, struct io_sock **ret_sock)
{
	struct listener *l;
	struct end *e;
	struct io_sock *s;

	net_token_get(io->net, token, &l, &e);
	if (l == NULL)
		world_fail(io->net->world, "io.h: io_listen() of token %d, which is no listener", token);
	if (io->sock_count >= io->socks_max || rnd_chance(dice(io), io->net->trouble.attach_fails))
		return -ENFILE;
	s = sock_new(io, SOCK_LISTENER, ud);
	s->listener = l;
	l->notify = on_net;
	l->owner = s;
	net_token_drop(io->net, token);
	kick(s);
	*ret_sock = s;
	return 0;
}

void
io_accept_pause(struct io *io, struct io_sock *s, bool pause)
{
	(void)io;
	check_live(s, SOCK_LISTENER, "io_accept_pause");
	s->paused = pause;
	kick(s);
}

int
io_attach(struct io *io, int token, void *ud, struct io_sock **ret_sock)
{
	struct listener *l;
	struct end *e;
	struct io_sock *s;

	net_token_get(io->net, token, &l, &e);
	if (e == NULL)
		world_fail(io->net->world, "io.h: io_attach() of token %d, which is no connection", token);
	if (io->sock_count >= io->socks_max || rnd_chance(dice(io), io->net->trouble.attach_fails)) {
		mark_hit(MARK_ATTACH_FAILED, 1);
		return -ENFILE;
	}
	s = sock_new(io, SOCK_CONN, ud);
	s->end = e;
	s->accepted = true;
	s->unnoticed = rnd_chance(dice(io), io->net->trouble.rst_unnoticed);
	e->notify = on_net;
	e->owner = s;
	net_token_drop(io->net, token);
	note(s, "io %lld: attach %lld to wire %lld", e->wire->id);
	kick(s);
	*ret_sock = s;
	return 0;
}

void
io_discard(int token, bool reset)
{
	struct net *n = net_current();
	struct listener *l;
	struct end *e;

	net_token_get(n, token, &l, &e);
	if (l == NULL && e == NULL)
		world_fail(n->world, "io.h: io_discard() of token %d, which is not one", token);
	if (l != NULL)
		listener_close(l);
	else if (reset)
		end_reset(e);
	else
		end_close(e);
	net_token_drop(n, token);
}

int
io_token_peer(int token, struct io_addr *ret_addr)
{
	struct listener *l;
	struct end *e;

	net_token_get(net_current(), token, &l, &e);
	if (e == NULL)
		world_fail(net_current()->world, "io.h: io_token_peer() of token %d, which is no connection", token);
	if (e->rst_seen && rnd_chance(&net_current()->rnd, 500))
		return -ENOTCONN;
	*ret_addr = end_other(e)->addr;
	return 0;
}

/* The client connection of the same session. */
static void
find_mate(struct io_sock *s)
{
	for (struct io_sock *c = s->io->socks; c != NULL && sim.mate != NULL; c = c->next) {
		if (c->kind != SOCK_CONN || !c->accepted || c->phase != SOCK_LIVE || !sim.mate(s->ud, c->ud))
			continue;
		s->end->mate = c->end;
		c->end->mate = s->end;
		return;
	}
}

int
io_connect(struct io *io, const struct io_addr *addr, void *ud, struct io_sock **ret_sock)
{
	static const int errors[] = { -EMFILE, -EADDRNOTAVAIL, -ENETUNREACH, -EAGAIN };
	struct io_addr from = *addr;
	struct io_sock *s;

	if (io->sock_count >= io->socks_max)
		return -ENFILE;
	if (rnd_chance(dice(io), io->net->trouble.connect_fails_now)) {
		mark_hit(MARK_CONNECT_FAILED, 1);
		return errors[rnd_below(dice(io), FL_ARRAY_LEN(errors))];
	}
	if (from.sa.sa_family == AF_INET)
		from.in.sin_port = 0;
	else if (from.sa.sa_family == AF_INET6)
		from.in6.sin6_port = 0;
	s = sock_new(io, SOCK_CONN, ud);
	s->connecting = true;
	s->unnoticed = rnd_chance(dice(io), io->net->trouble.rst_unnoticed);
	s->end = net_connect(io->net, &from, addr, on_net, s);
	note(s, "io %lld: connect %lld by wire %lld", s->end->wire->id);
	find_mate(s);
	*ret_sock = s;
	return 0;
}

void
io_recv_start(struct io *io, struct io_sock *s, uint32_t bytes_max)
{
	(void)io;
	check_live(s, SOCK_CONN, "io_recv_start");
	rule(s, bytes_max >= 1 && bytes_max <= IO_SCRATCH_BYTES, "io_recv_start() with bytes_max out of range");
	rule(s, !s->connecting, "io_recv_start() before IO_CONNECT");
	s->recv_max = bytes_max;
	if (s->receiving || s->eof_told || s->error_told)
		return;
	s->receiving = true;
	s->one_more = false;
	kick(s);
}

void
io_recv_stop(struct io *io, struct io_sock *s)
{
	check_live(s, SOCK_CONN, "io_recv_stop");
	s->one_more = s->receiving && rnd_chance(dice(io), io->net->trouble.extra_recv);
	s->receiving = false;
	if (s->one_more)
		kick(s);
}

int64_t
io_push(struct io *io, struct io_sock *s, const void *p, size_t n)
{
	struct net_trouble *t = &io->net->trouble;
	size_t room = FL_MIN(n, end_room(s->end));

	check_live(s, SOCK_CONN, "io_push");
	rule(s, !s->sending, "(3) io_push() while a send is in flight");
	rule(s, !s->connecting, "io_push() before IO_CONNECT");
	rule(s, !s->shut, "io_push() after io_shutdown()");
	sim.stats.pushes++;
	if (s->end->err != 0) {
		int err = end_take_error(s->end);

		note(s, "io %lld: push %lld fails: %lld", err);
		return err;
	}
	if (rnd_chance(dice(io), t->zero_push))
		room = 0;
	else if (room > 1 && rnd_chance(dice(io), t->short_push))
		room = (size_t)rnd_log(dice(io), 1, (int64_t)room);
	mark_hit(MARK_SHORT_PUSH, room > 0 && room < n);
	mark_hit(MARK_ZERO_PUSH, room == 0);
	end_write(s->end, p, room);
	moved(s, false, room);
	note(s, "io %lld: push %lld takes %lld", (long long)room);
	return (int64_t)room;
}

void
io_send(struct io *io, struct io_sock *s, const void *p, size_t n)
{
	(void)io;
	check_live(s, SOCK_CONN, "io_send");
	rule(s, n > 0, "io_send() of nothing");
	rule(s, !s->sending, "(3) io_send() while a send is in flight");
	rule(s, !s->connecting, "io_send() before IO_CONNECT");
	rule(s, !s->shut, "io_send() after io_shutdown()");
	sim.stats.sends++;
	s->sending = true;
	s->send_done = false;
	s->send_res = 0;
	s->send_p = p;
	s->send_n = n;
	s->send_at = 0;
	s->send_sum = sum(p, n);
	note(s, "io %lld: send %lld of %lld", (long long)n);
	kick(s);
}

void
io_shutdown(struct io *io, struct io_sock *s)
{
	(void)io;
	check_live(s, SOCK_CONN, "io_shutdown");
	rule(s, !s->sending, "io_shutdown() while a send is in flight");
	rule(s, !s->connecting, "io_shutdown() before IO_CONNECT");
	rule(s, !s->shut, "io_shutdown() twice");
	s->shut = true;
	note(s, "io %lld: shutdown %lld", 0);
	end_fin(s->end);
}

void
io_close(struct io *io, struct io_sock *s, bool reset)
{
	struct net_trouble *t = &io->net->trouble;

	rule(s, s->phase == SOCK_LIVE, "(6) io_close() twice");
	note(s, "io %lld: close %lld reset %lld", reset);
	s->phase = SOCK_CLOSING;
	mark_hit(MARK_SEND_CUT, s->sending);
	if (s->kind == SOCK_LISTENER)
		listener_close(s->listener);
	else if (reset)
		end_reset(s->end);
	else
		end_close(s->end);
	if (sim.ending) {
		queue(s);
		return;
	}
	if (rnd_chance(dice(io), t->late))
		s->event_at = io->net->world->now + rnd_log(dice(io), 0, t->late_ns_max);
	world_at(io->net->world, s->event_at, queue_late, s, 0);
}

int
io_peer_addr(const struct io_sock *s, struct io_addr *ret_addr)
{
	if (s->phase == SOCK_DEAD)
		check_live(s, SOCK_CONN, "io_peer_addr");
	if (s->connecting || s->phase != SOCK_LIVE)
		return -ENOTCONN;
	*ret_addr = end_other(s->end)->addr;
	return 0;
}

int
io_local_addr(const struct io_sock *s, struct io_addr *ret_addr)
{
	if (s->phase != SOCK_LIVE)
		return -ENOTCONN;
	*ret_addr = s->kind == SOCK_LISTENER ? s->listener->addr : s->end->addr;
	return 0;
}

/* ---- TLS is not simulated: lines of the simulator never ask for it ---- */

int
io_attach_tls(struct io *io, int token, struct tls_ctx *ctx, void *ud, struct io_sock **ret_sock)
{
	(void)io, (void)token, (void)ctx, (void)ud, (void)ret_sock;
	return -ENOTSUP;
}

int
io_connect_tls(struct io *io, const struct io_addr *addr, struct tls_ctx *ctx, const char *server_name, void *ud, struct io_sock **ret_sock)
{
	(void)io, (void)addr, (void)ctx, (void)server_name, (void)ud, (void)ret_sock;
	return -ENOTSUP;
}

int
io_start_tls_server(struct io *io, struct io_sock *s, struct tls_ctx *ctx, const void *already, size_t n)
{
	(void)io, (void)s, (void)ctx, (void)already, (void)n;
	return -ENOTSUP;
}

int
io_start_tls_client(struct io *io, struct io_sock *s, struct tls_ctx *ctx, const char *server_name)
{
	(void)io, (void)s, (void)ctx, (void)server_name;
	return -ENOTSUP;
}

const char *
io_tls_error(const struct io_sock *s)
{
	(void)s;
	return "";
}

bool
io_tls_truncated(const struct io_sock *s)
{
	(void)s;
	return false;
}

int
io_tls_info(const struct io_sock *s, struct tls_info *ret_info)
{
	(void)s, (void)ret_info;
	return -ENOTCONN;
}

uint32_t
io_tls_handshakes(const struct io *io)
{
	(void)io;
	return 0;
}
