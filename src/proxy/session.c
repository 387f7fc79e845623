/* SPDX-License-Identifier: MIT */
/*
 * session.c - one connection on a line, from accept to close.
 *
 * A session stands at a step; session_run() calls the step's function until it waits. The steps, and their functions
 * below, are in the order in which a connection passes through them.
 *
 * Invariants
 *  (1) Only step functions and session_end() change the step, and it only moves forward.
 *  (2) A session is freed when its step is CLOSING and IO_CLOSED was seen for every socket it had; so memory lent to io is
 *      never freed under it.
 *  (3) Every session is counted once as active and once under its close reason.
 */
#include "proxy/session.h"
#include "base/assert.h"
#include "proxy/greet.h"
#include "proxy/pipe.h"
#include "proxy/trace_tap.h"

#include <errno.h>
#include <stdlib.h>

/* What is only needed until the session relays. */
struct dial {
	fl_ns start_at;                         /* a connect_delay fault holds it until then */
	fl_ns deadline;
	struct greet *greet;                    /* NULL: a plain line */
	struct resolve_answer *answer;          /* NULL: the upstream is a literal, or not answered yet */
	int next;                               /* address to try next */
	int result;                             /* of the last IO_CONNECT of the server; 1: none yet */
	bool asked;
};

enum step { STEP_MORE, STEP_WAIT, STEP_DONE };
typedef enum step session_step_fn(struct worker *w, struct session *s, fl_ns now);

static session_step_fn session_greeting, session_delayed, session_resolving, session_connecting, session_heading, session_securing,
    session_relaying, session_closing;

/* A plain line has no greeting, heading and securing: those are of lines with a struct line_wire. */
enum { AT_GREETING, AT_DELAYED, AT_RESOLVING, AT_CONNECTING, AT_HEADING, AT_SECURING, AT_RELAYING, AT_CLOSING, STEP_COUNT };

static const struct {
	session_step_fn *run;
	const char *name;
} steps[STEP_COUNT] = {
	[AT_GREETING] = { session_greeting, "greeting" },
	[AT_DELAYED] = { session_delayed, "delayed" },
	[AT_RESOLVING] = { session_resolving, "resolving" },
	[AT_CONNECTING] = { session_connecting, "connecting" },
	[AT_HEADING] = { session_heading, "heading" },
	[AT_SECURING] = { session_securing, "securing" },
	[AT_RELAYING] = { session_relaying, "relaying" },
	[AT_CLOSING] = { session_closing, "closing" },
};

/* ---- small parts ---- */

/* Note what happened to the connection: by a fault, or (f NULL) as such. */
static void
note(struct worker *w, const struct session *s, const struct fault_spec *f, const char *what, int64_t value, const char *name)
{
	struct proxy_event e = { .at = io_now(w->io), .conn_ordinal = s->ordinal, .conn_key = s->key,
		.fault_id = f == NULL ? 0 : f->id, .dir = (uint8_t)(f == NULL ? FL_C2S : f->dir), .value = value, .what = what,
		.worker = (uint8_t)w->index };
	record_add(w->record, &e, s->wline->line->name, name);
}

static void
dial_free(struct worker *w, struct session *s)
{
	if (!s->dialing)
		return;
	if (s->dial->answer != NULL)
		slab_give(w->mem, s->dial->answer, sizeof(*s->dial->answer));
	greet_free(w->mem, s->dial->greet);
	slab_give(w->mem, s->dial, sizeof(*s->dial));
	s->dialing = false;
	s->pipes[FL_C2S] = s->pipes[FL_S2C] = NULL;
}

static void
close_side(struct worker *w, struct session *s, enum session_side side, bool reset)
{
	if (s->socks[side] == NULL || s->closing[side])
		return;
	s->closing[side] = true;
	io_close(w->io, s->socks[side], reset);
}

/* Close what is open and wait for the IO_CLOSED events. Safe to call twice: the first reason stays. */
static void
session_end(struct worker *w, struct session *s, enum line_close reason, bool reset)
{
	if (s->step != AT_CLOSING) {
		s->step = AT_CLOSING;
		s->reason = (uint8_t)reason;
		note(w, s, NULL, "close", reason, line_close_name(reason));
	}
	close_side(w, s, SIDE_CLIENT, reset);
	close_side(w, s, SIDE_SERVER, reset);
}

static void
session_free(struct worker *w, struct session *s)
{
	fl_assert(s->socks[SIDE_CLIENT] == NULL && s->socks[SIDE_SERVER] == NULL);        /* (2) */
	struct line_cell *cell = s->wline->cell;
	line_count(&cell->closed[s->reason], 1);                                        /* (3) */
	line_count(&cell->active, (uint64_t)-1);
	atomic_fetch_sub_explicit(&s->wline->line->open, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&w->crew->open, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&w->active, 1, memory_order_relaxed);
	heap_del(&w->timers, &s->timer);
	list_del(&s->link);
	if (s->traced)
		trace_tap_close(w, s);
	dial_free(w, s);
	pipe_free(w, s, FL_C2S);
	pipe_free(w, s, FL_S2C);
	pool_give(&w->sessions, s);
}

static void
arm(struct worker *w, struct session *s)
{
	fl_ns at = FL_NEVER;
	if (s->step == AT_GREETING)
		at = s->dial->greet->deadline;
	else if (s->step == AT_DELAYED)
		at = s->dial->start_at;
	else if (s->step < AT_RELAYING)
		at = s->dial->deadline;
	else if (s->step == AT_RELAYING)
		at = FL_MIN(pipe_next(s, FL_C2S), pipe_next(s, FL_S2C));
	if (at == FL_NEVER && !heap_armed(&s->timer))
		return;
	heap_set(&w->timers, &s->timer, at);
}

static void
session_run(struct worker *w, struct session *s, fl_ns now)
{
	enum step next = STEP_MORE;
	for (int n = 0; next == STEP_MORE; n++) {
		fl_assert(n < STEP_COUNT + RESOLVE_ADDRS_MAX);
		fl_assert(s->step < STEP_COUNT);
		next = steps[s->step].run(w, s, now);
	}
	if (next == STEP_DONE)
		session_free(w, s);
	else
		arm(w, s);
}

/* ---- what the pipes say ---- */

/* The connection of one side broke. Its end travels on through the faults, and is passed on as a RST. */
static void
side_broken(struct worker *w, struct session *s, enum session_side side, int err, fl_ns now)
{
	enum fl_dir from = side == SIDE_CLIENT ? FL_C2S : FL_S2C, to = dir_other(from);
	bool was_reset = err == -ECONNRESET || err == -EPIPE;
	enum line_close reason = side == SIDE_CLIENT ? (was_reset ? LINE_CLOSE_CLIENT_RESET : LINE_CLOSE_CLIENT_ERROR)
	                                             : (was_reset ? LINE_CLOSE_SERVER_RESET : LINE_CLOSE_SERVER_ERROR);
	enum session_side other = side == SIDE_CLIENT ? SIDE_SERVER : SIDE_CLIENT;

	close_side(w, s, side, true);
	s->flags[to] |= DIR_DISCARD | DIR_DONE;
	s->flags[from] |= DIR_RESET;
	s->reason = (uint8_t)reason;
	enum pipe_result r = PIPE_OK;
	if (!(s->flags[from] & DIR_EOF_IN))
		r = pipe_eof(w, s, from, now);
	if (r != PIPE_OK || (s->flags[from] & (DIR_DONE | DIR_DISCARD)) || s->socks[other] == NULL || s->closing[other])
		session_end(w, s, reason, true);
	else
		pipe_flow(w, s, to);
}

/* A pipe delivered the end of its stream. */
static void
finished(struct worker *w, struct session *s, enum fl_dir d, fl_ns now)
{
	enum fl_dir back = dir_other(d);
	enum session_side to = side_to(d);

	if (s->flags[d] & DIR_RESET) {
		session_end(w, s, s->reason, true);
		return;
	}
	s->flags[d] |= DIR_DONE;
	if (s->flags[back] & DIR_DONE) {
		session_end(w, s, LINE_CLOSE_FINISHED, false);
		return;
	}
	if (s->wline->conf->half_close) {
		io_shutdown(w->io, s->socks[to]);
		return;
	}
	/* Toxiproxy's way: the receiving connection is closed at once, and its other direction ends with it. */
	close_side(w, s, to, false);
	if (s->flags[back] & DIR_EOF_IN)
		return;
	enum pipe_result r = pipe_eof(w, s, back, now);
	if (r == PIPE_OK)
		return;
	fl_assert(r == PIPE_FINISHED || r == PIPE_TO_BROKEN || r == PIPE_OVERLOAD || r == PIPE_CLOSE || r == PIPE_RESET ||
	    r == PIPE_HALF_OPEN);
	session_end(w, s, LINE_CLOSE_FINISHED, r == PIPE_RESET);
}

/* The receiver cannot be sent to. It may still have sent bytes that wait to be read: the end comes when they are. */
static void
to_broken(struct worker *w, struct session *s, enum fl_dir d, fl_ns now)
{
	enum fl_dir back = dir_other(d);
	s->flags[d] |= DIR_DISCARD;
	if (s->flags[back] & DIR_EOF_IN) {
		side_broken(w, s, side_to(d), -EPIPE, now);
		return;
	}
	s->flags[back] |= DIR_BROKEN_FROM;
	pipe_flow(w, s, d);
	pipe_flow(w, s, back);
}

/* A fault took the sender of d away; the receiver goes on believing in the connection. */
static void
half_open(struct worker *w, struct session *s, enum fl_dir d)
{
	s->half_opened = true;
	s->flags[d] |= DIR_DONE | DIR_DISCARD;
	s->flags[dir_other(d)] |= DIR_DISCARD;
	close_side(w, s, side_from(d), true);
	pipe_flow(w, s, dir_other(d));
}

static void
handle(struct worker *w, struct session *s, enum fl_dir d, enum pipe_result r, fl_ns now)
{
	switch (r) {
	case PIPE_OK: break;
	case PIPE_FINISHED: finished(w, s, d, now); break;
	case PIPE_TO_BROKEN: to_broken(w, s, d, now); break;
	case PIPE_CLOSE: session_end(w, s, LINE_CLOSE_FAULT_CLOSED, false); break;
	case PIPE_RESET: session_end(w, s, LINE_CLOSE_FAULT_RESET, true); break;
	case PIPE_HALF_OPEN: half_open(w, s, d); break;
	case PIPE_OVERLOAD: session_end(w, s, LINE_CLOSE_OVERLOAD, true); break;
	}
}

/* ---- the steps, in order ---- */

/* Ask the line's connect faults. true: refused. */
static bool
connect_faults(struct worker *w, struct session *s, fl_ns now)
{
	const struct fault_set *set = s->wline->conf->faults;
	if (set->count == 0)
		return false;
	struct decide_conn conn = pipe_identity(s, true);
	struct decide_connect c = decide_connect(set, &conn, now);
	if (c.refuse) {
		note(w, s, c.refuse_by, "refuse", c.refuse_reset, c.refuse_by->name);
		session_end(w, s, LINE_CLOSE_FAULT_REFUSED, c.refuse_reset);
		return true;
	}
	if (c.delay_ns > 0) {
		note(w, s, c.delay_by, "connect_delay", c.delay_ns, c.delay_by->name);
		s->dial->start_at = now + c.delay_ns;
	}
	return false;
}

/* A handshake failed: end the connection, and say why. */
static enum step
tls_failed(struct worker *w, struct session *s, enum session_side side)
{
	note(w, s, NULL, "tls_failed", side, io_tls_error(s->socks[side]));
	session_end(w, s, side == SIDE_CLIENT ? LINE_CLOSE_CLIENT_TLS : LINE_CLOSE_SERVER_TLS, false);
	return STEP_MORE;
}

static enum step
session_greeting(struct worker *w, struct session *s, fl_ns now)
{
	struct greet *g = s->dial->greet;
	if (now >= g->deadline) {
		session_end(w, s, LINE_CLOSE_GREETING_TIMEOUT, false);
		return STEP_MORE;
	}
	enum line_close bad = greet_run(g, w->mem, w->io, s->socks[SIDE_CLIENT]);
	if (bad == LINE_CLOSE_CLIENT_TLS)
		return tls_failed(w, s, SIDE_CLIENT);
	if (bad != LINE_CLOSE_NONE) {
		session_end(w, s, bad, false);
		return STEP_MORE;
	}
	if (!greet_over(g))
		return STEP_WAIT;
	s->has_peer = greet_client(g, session_peer(s)->ip, &session_peer(s)->port);
	if (g->wire->route_count > 0)
		note(w, s, NULL, "route", g->target != NULL, g->sni);
	if (!g->wire->accept_proxy || !connect_faults(w, s, now))       /* only now is it known whose it is */
		s->step = AT_DELAYED;
	return STEP_MORE;
}

/* Where it leads: a name and a port to be looked up, or an address. */
struct where {
	const char *host, *port;
	const struct io_addr *addr;
};

static struct where
where_to(const struct session *s)
{
	const struct line_conf *conf = s->wline->conf;
	const struct line_target *t = s->dial->greet != NULL ? s->dial->greet->target : NULL;
	if (t != NULL)
		return (struct where){ t->host, t->port, &t->addr };
	return (struct where){ conf->host, conf->port, &conf->upstream };
}

static enum step
session_delayed(struct worker *w, struct session *s, fl_ns now)
{
	struct dial *dial = s->dial;
	if (now < dial->start_at)
		return STEP_WAIT;
	dial->deadline = now + s->wline->conf->connect_timeout;
	s->step = where_to(s).addr->len > 0 ? AT_CONNECTING : AT_RESOLVING;
	(void)w;
	return STEP_MORE;
}

static void
dial_answer(struct worker *w, struct session *s, const struct resolve_answer *answer)
{
	struct dial *dial = s->dial;
	dial->answer = slab_alloc(w->mem, sizeof(*answer));
	if (dial->answer != NULL)
		*dial->answer = *answer;
}

/* On the resolver's thread: bring the answer to the worker. */
static void resolved_message(void *owner, const struct message *m);

static void
resolved(void *ud, uint64_t ticket, const struct resolve_answer *answer)
{
	struct worker *w = ud;
	struct resolve_answer *copy = malloc(sizeof(*copy));
	if (copy == NULL)
		return;                 /* the session runs into its deadline */
	*copy = *answer;
	struct message m = { .call = resolved_message, .words = { ticket, (uint64_t)(uintptr_t)copy } };
	if (!mailbox_post(&w->mail, &m))
		free(copy);
}

static void
resolved_message(void *owner, const struct message *m)
{
	struct worker *w = owner;
	struct resolve_answer *answer = (struct resolve_answer *)(uintptr_t)m->words[1];
	struct session *s = pool_get(&w->sessions, m->words[0]);
	if (s != NULL && s->step == AT_RESOLVING && s->dial->answer == NULL) {
		dial_answer(w, s, answer);
		session_run(w, s, io_now(w->io));
	}
	free(answer);
}

static enum step
session_resolving(struct worker *w, struct session *s, fl_ns now)
{
	struct dial *dial = s->dial;
	struct where to = where_to(s);
	if (!dial->asked) {
		struct resolve_answer answer = { .res = -EAGAIN };
		int r = 1;
		dial->asked = true;
		if (to.host[0] == '\0' && to.port[0] == '\0')
			answer.res = -EINVAL;
		else if (w->crew->resolver == NULL)
			answer.res = -ENOENT;
		else
			r = resolver_ask(w->crew->resolver, to.host, to.port, resolved, w,
			    pool_handle(&w->sessions, s), &answer);
		if (r != 0)
			dial_answer(w, s, &answer);
	}
	if (dial->answer == NULL) {
		if (now < dial->deadline)
			return STEP_WAIT;
		session_end(w, s, LINE_CLOSE_RESOLVE_FAILED, false);
		return STEP_MORE;
	}
	if (dial->answer->res <= 0)
		session_end(w, s, LINE_CLOSE_RESOLVE_FAILED, false);
	else
		s->step = AT_CONNECTING;
	return STEP_MORE;
}

/* Connect; with TLS at once, unless a header goes first. */
static int
connect_to(struct worker *w, struct session *s, const struct io_addr *a)
{
	const struct greet *g = s->dial->greet;
	char name[INET6_ADDRSTRLEN];
	void *ud = (char *)s + SIDE_SERVER;
	if (g == NULL || g->wire->tls_client == NULL || g->wire->send_proxy != 0)
		return io_connect(w->io, a, ud, &s->socks[SIDE_SERVER]);
	return io_connect_tls(w->io, a, g->wire->tls_client, greet_tls_name(g, where_to(s).host, a, name, sizeof(name)), ud,
	    &s->socks[SIDE_SERVER]);
}

/* Start connecting to the next address there is. false: none is left. */
static bool
connect_next(struct worker *w, struct session *s)
{
	struct dial *dial = s->dial;
	int count = dial->answer == NULL ? 1 : dial->answer->res;
	while (dial->next < count) {
		const struct io_addr *a = dial->answer == NULL ? where_to(s).addr : &dial->answer->addrs[dial->next];
		dial->next++;
		dial->result = 1;
		s->closing[SIDE_SERVER] = false;
		if (connect_to(w, s, a) == 0)
			return true;
		s->socks[SIDE_SERVER] = NULL;
	}
	return false;
}

/* Both ends are there: the pipes begin, with what the client sent after its greeting. */
static enum step
relay(struct worker *w, struct session *s, fl_ns now)
{
	struct greet *g = s->dial->greet;
	s->dial->greet = NULL;
	dial_free(w, s);
	s->step = AT_RELAYING;
	trace_tap_open(w, s);
	for (enum fl_dir d = FL_C2S; d <= FL_S2C && s->step == AT_RELAYING; d++) {
		pipe_flow(w, s, d);
		handle(w, s, d, pipe_conf(w, s, d, now), now);
	}
	if (g != NULL && g->n > 0 && s->step == AT_RELAYING)
		handle(w, s, FL_C2S, pipe_data(w, s, FL_C2S, g->bytes + g->at, g->n, now), now);
	if (g != NULL && g->eof && s->step == AT_RELAYING && !(s->flags[FL_C2S] & DIR_EOF_IN))
		handle(w, s, FL_C2S, pipe_eof(w, s, FL_C2S, now), now);
	greet_free(w->mem, g);
	return STEP_MORE;
}

static enum step
session_connecting(struct worker *w, struct session *s, fl_ns now)
{
	struct dial *dial = s->dial;
	if (now >= dial->deadline) {
		session_end(w, s, LINE_CLOSE_CONNECT_TIMEOUT, false);
		return STEP_MORE;
	}
	if (s->socks[SIDE_SERVER] == NULL) {
		if (connect_next(w, s))
			return STEP_WAIT;
		session_end(w, s, LINE_CLOSE_CONNECT_FAILED, false);
		return STEP_MORE;
	}
	if (s->closing[SIDE_SERVER] || dial->result == 1)
		return STEP_WAIT;
	if (dial->result < 0 && io_tls_error(s->socks[SIDE_SERVER])[0] != '\0')
		return tls_failed(w, s, SIDE_SERVER);
	if (dial->result < 0) {
		close_side(w, s, SIDE_SERVER, false);           /* on to the next address at IO_CLOSED */
		return STEP_WAIT;
	}
	if (dial->greet == NULL || dial->greet->wire->send_proxy == 0)
		return relay(w, s, now);
	greet_header(dial->greet, s->socks[SIDE_CLIENT]);
	io_send(w->io, s->socks[SIDE_SERVER], dial->greet->out, dial->greet->out_n);
	s->step = AT_HEADING;
	return STEP_WAIT;
}

/* A PROXY header is on its way to the server. */
static enum step
session_heading(struct worker *w, struct session *s, fl_ns now)
{
	struct dial *dial = s->dial;
	const struct greet *g = dial->greet;
	struct io_sock *server = s->socks[SIDE_SERVER];
	char name[INET6_ADDRSTRLEN];
	struct io_addr a = { .len = 0 };
	if (!g->sent && now < dial->deadline)
		return STEP_WAIT;
	if (!g->sent) {
		session_end(w, s, LINE_CLOSE_CONNECT_TIMEOUT, false);
		return STEP_MORE;
	}
	if (g->wire->tls_client == NULL)
		return relay(w, s, now);
	io_peer_addr(server, &a);
	if (io_start_tls_client(w->io, server, g->wire->tls_client, greet_tls_name(g, where_to(s).host, &a, name, sizeof(name))) < 0) {
		session_end(w, s, LINE_CLOSE_OVERLOAD, false);
		return STEP_MORE;
	}
	dial->result = 1;
	s->step = AT_SECURING;
	return STEP_WAIT;
}

static enum step
session_securing(struct worker *w, struct session *s, fl_ns now)
{
	if (s->dial->result == 0)
		return relay(w, s, now);
	if (s->dial->result < 0)
		return tls_failed(w, s, SIDE_SERVER);
	if (now < s->dial->deadline)
		return STEP_WAIT;
	session_end(w, s, LINE_CLOSE_CONNECT_TIMEOUT, false);
	return STEP_MORE;
}

static enum step
session_relaying(struct worker *w, struct session *s, fl_ns now)
{
	for (enum fl_dir d = FL_C2S; d <= FL_S2C && s->step == AT_RELAYING; d++)
		if (pipe_next(s, d) <= now)
			handle(w, s, d, pipe_run(w, s, d, now), now);
	return s->step == AT_RELAYING ? STEP_WAIT : STEP_MORE;
}

static enum step
session_closing(struct worker *w, struct session *s, fl_ns now)
{
	(void)w;
	(void)now;
	return s->socks[SIDE_CLIENT] == NULL && s->socks[SIDE_SERVER] == NULL ? STEP_DONE : STEP_WAIT;
}

/* ---- what the worker calls ---- */

static void
refuse(struct worker *w, struct wline *wl, int token, enum line_close reason)
{
	line_count(&wl->cell->closed[reason], 1);
	atomic_fetch_sub_explicit(&wl->line->open, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&w->crew->open, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&w->active, 1, memory_order_relaxed);
	io_discard(token, true);
}

/* What a session needs to begin with. 0, or why there is none. */
static enum line_close
session_new(struct worker *w, const struct wline *wl, int token, fl_ns now, struct session **ret_session)
{
	struct line_wire *wire = wl->conf->wire;
	struct session *s = pool_take(&w->sessions, NULL);
	if (s == NULL)
		return LINE_CLOSE_FULL;
	int r = -ENOMEM;
	void *ud = (char *)s + SIDE_CLIENT;
	s->dial = slab_alloc(w->mem, sizeof(*s->dial));
	if (s->dial != NULL) {
		s->dialing = true;
		*s->dial = (struct dial){ .start_at = now, .result = 1 };
		if (wire == NULL)
			r = io_attach(w->io, token, ud, &s->socks[SIDE_CLIENT]);
		else if ((s->dial->greet = greet_new(w->mem, wire, now)) != NULL)
			r = greet_attach(wire, w->io, token, ud, &s->socks[SIDE_CLIENT]);
	}
	if (r < 0) {
		dial_free(w, s);
		pool_give(&w->sessions, s);
		return r == -EBUSY ? LINE_CLOSE_FULL : LINE_CLOSE_OVERLOAD;
	}
	s->step = wire == NULL ? AT_DELAYED : AT_GREETING;
	*ret_session = s;
	return LINE_CLOSE_NONE;
}

void
session_open(struct worker *w, struct wline *wl, int token, uint64_t ordinal, uint64_t key)
{
	fl_ns now = io_now(w->io);
	struct session *s;
	enum line_close bad = session_new(w, wl, token, now, &s);
	if (bad != LINE_CLOSE_NONE) {
		refuse(w, wl, token, bad);
		return;
	}
	worker_trim_later(w, now);
	s->wline = wl;
	s->ordinal = ordinal;
	s->key = key;
	s->opened = now;
	list_add_tail(&wl->sessions, &s->link);
	line_count(&wl->cell->active, 1);
	note(w, s, NULL, "open", (int64_t)ordinal, "");
	if (s->dial->greet == NULL || !s->dial->greet->wire->accept_proxy)
		connect_faults(w, s, now);
	session_run(w, s, now);
}

static void
received(struct worker *w, struct session *s, enum session_side side, const struct io_event *ev, fl_ns now)
{
	enum fl_dir d = side == SIDE_CLIENT ? FL_C2S : FL_S2C;
	struct greet *g = s->step < AT_RELAYING ? s->dial->greet : NULL;
	if (g != NULL && side == SIDE_CLIENT && ev->res >= 0) {
		if (greet_data(g, w->mem, ev->data, (size_t)ev->res) < 0)
			session_end(w, s, LINE_CLOSE_OVERLOAD, true);
	} else if (s->step < AT_RELAYING) {
		fl_assert(ev->res < 0);         /* receiving is stopped: only a broken connection is told */
		session_end(w, s, side == SIDE_CLIENT ? LINE_CLOSE_CLIENT_RESET : LINE_CLOSE_SERVER_RESET, false);
	} else if (ev->res > 0) {
		handle(w, s, d, pipe_data(w, s, d, ev->data, (size_t)ev->res, now), now);
	} else if (s->half_opened) {
		session_end(w, s, LINE_CLOSE_FINISHED, false);
	} else if (ev->res < 0 || (s->flags[d] & DIR_BROKEN_FROM)) {
		side_broken(w, s, side, ev->res < 0 ? ev->res : -ECONNRESET, now);
	} else {
		handle(w, s, d, pipe_eof(w, s, d, now), now);
	}
}

static void
sent(struct worker *w, struct session *s, enum session_side side, int res, fl_ns now)
{
	enum fl_dir d = side == SIDE_SERVER ? FL_C2S : FL_S2C;
	if (s->step != AT_HEADING)
		handle(w, s, d, res < 0 ? PIPE_TO_BROKEN : pipe_sent(w, s, d, now), now);
	else if (res < 0)
		session_end(w, s, LINE_CLOSE_SERVER_RESET, false);
	else
		s->dial->greet->sent = true;
}

void
session_event(struct worker *w, struct session *s, enum session_side side, const struct io_event *ev)
{
	fl_ns now = io_now(w->io);
	fl_assert(s->socks[side] == ev->sock);
	if (ev->kind == IO_CLOSED) {
		s->socks[side] = NULL;
		if (s->step == AT_CONNECTING || s->step == AT_CLOSING)
			session_run(w, s, now);
		return;
	}
	fl_assert(!s->closing[side]);
	switch (ev->kind) {
	case IO_CONNECT:
		fl_assert(side == SIDE_SERVER ? s->step == AT_CONNECTING || s->step == AT_SECURING : s->step == AT_GREETING);
		*(side == SIDE_SERVER ? &s->dial->result : &s->dial->greet->shaken) = ev->res;
		break;
	case IO_SENT:
		sent(w, s, side, ev->res, now);
		break;
	case IO_RECV:
		received(w, s, side, ev, now);
		break;
	default:
		fl_assert(!"event of a connection");
	}
	if (s->step == AT_RELAYING)
		arm(w, s);
	else
		session_run(w, s, now);
}

void
session_timer(struct worker *w, struct session *s)
{
	session_run(w, s, io_now(w->io));
}

void
session_conf(struct worker *w, struct session *s)
{
	fl_ns now = io_now(w->io);
	if (s->step != AT_RELAYING)
		return;
	for (enum fl_dir d = FL_C2S; d <= FL_S2C && s->step == AT_RELAYING; d++)
		handle(w, s, d, pipe_conf(w, s, d, now), now);
	session_run(w, s, now);
}

void
session_stop(struct worker *w, struct session *s, enum line_close reason, bool reset)
{
	session_end(w, s, reason, reset);
	session_run(w, s, io_now(w->io));
}

void
session_pressure(struct worker *w, struct session *s)
{
	if (s->step != AT_RELAYING)
		return;
	pipe_flow(w, s, FL_C2S);
	pipe_flow(w, s, FL_S2C);
}

void
session_abandon(struct worker *w, struct session *s)
{
	s->socks[SIDE_CLIENT] = s->socks[SIDE_SERVER] = NULL;
	s->reason = LINE_CLOSE_LINE_STOPPED;
	session_free(w, s);
}

static void
report_faults(const struct session *s, fl_ns now, struct proxy_conn *ret)
{
	for (enum fl_dir d = FL_C2S; d <= FL_S2C; d++) {
		struct chain_report r;
		for (unsigned i = 0; !s->dialing && s->pipes[d] != NULL && ret->fault_count < PROXY_REPORT_FAULTS &&
		     chain_report(&s->pipes[d]->chain, i, now, &r); i++)
			ret->faults[ret->fault_count++] = (struct proxy_conn_fault){ .fault_id = r.fault->id, .dir = d,
				.active = r.active, .in_bytes = r.in_bytes, .hits = r.hits, .held_bytes = r.held_bytes };
	}
}

void
session_report(struct worker *w, struct session *s, struct proxy_conn *ret)
{
	*ret = (struct proxy_conn){ .ordinal = s->ordinal, .key = s->key, .opened_ns = s->opened, .state = steps[s->step].name };
	struct { struct io_addr *peer, *local; } to[2] = {
		[SIDE_CLIENT] = { &ret->client, &ret->proxy_client_side },
		[SIDE_SERVER] = { &ret->server, &ret->proxy_server_side },
	};
	for (int side = 0; side < 2; side++) {
		if (s->socks[side] == NULL || s->closing[side])
			continue;
		if (side != SIDE_CLIENT || !session_client(s, to[side].peer))
			io_peer_addr(s->socks[side], to[side].peer);
		io_local_addr(s->socks[side], to[side].local);
	}
	for (int d = 0; d < 2; d++) {
		ret->received_bytes[d] = s->received[d];
		ret->sent_bytes[d] = s->sent[d];
		ret->held_bytes[d] = s->dialing || s->pipes[d] == NULL ? 0 : s->pipes[d]->chain.held_bytes;
		ret->eof[d] = (s->flags[d] & (DIR_EOF_IN | DIR_DONE)) != 0;
	}
	report_faults(s, io_now(w->io), ret);
}
