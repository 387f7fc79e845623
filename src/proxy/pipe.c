/* SPDX-License-Identifier: MIT */
/* pipe.c - one direction of a session: receive, faults, send. */
#include "proxy/pipe.h"
#include "base/assert.h"
#include "proxy/trace_tap.h"

#include <errno.h>
#include <string.h>

#define RECV_PRESSED 4096               /* what is read at once when memory is short */
#define STARVED_MAX FL_SEC              /* a connection that gets no memory for so long is shed */
#define RECV_FAULTED (32 * 1024)        /* with faults: Toxiproxy's chunks are at most this */

struct decide_conn
pipe_identity(const struct session *s, bool with_ip)
{
	struct decide_conn c = { .key = s->key, .ordinal = s->ordinal };
	struct io_addr a;
	if (with_ip && session_client(s, &a))
		c.has_ip = addr_ip16(&a, c.ip);
	return c;
}

static struct pipe *
pipe_new(struct worker *w, struct session *s, enum fl_dir d, uint64_t offset)
{
	struct pipe *p = slab_alloc(w->mem, sizeof(*p));
	if (p == NULL)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->chain.dir = (uint8_t)d;
	p->chain.in_bytes = offset;
	p->next = FL_NEVER;
	s->pipes[d] = p;
	worker_trim_later(w, io_now(w->io));
	return p;
}

void
pipe_free(struct worker *w, struct session *s, enum fl_dir d)
{
	struct pipe *p = s->pipes[d];
	if (p == NULL)
		return;
	w->env.ud = s;
	chain_fini(&p->chain, &w->env);
	spec_set_unref(p->set);
	slab_give(w->mem, p, sizeof(*p));
	s->pipes[d] = NULL;
}

fl_ns
pipe_next(const struct session *s, enum fl_dir d)
{
	return s->pipes[d] == NULL || (s->flags[d] & (DIR_DONE | DIR_DISCARD)) ? FL_NEVER : s->pipes[d]->next;
}

/* n bytes at p, which are still there, were sent. */
static void
count_sent(struct worker *w, struct session *s, enum fl_dir d, const uint8_t *p, size_t n)
{
	if (s->traced)
		trace_tap_bytes(w, s, d, true, p, n);
	s->sent[d] += n;
	line_count(&s->wline->cell->sent_bytes[d], n);
}

void
pipe_flow(struct worker *w, struct session *s, enum fl_dir d)
{
	struct io_sock *from = s->socks[side_from(d)];
	const struct pipe *p = s->pipes[d];
	if (from == NULL || s->closing[side_from(d)] || (s->flags[d] & DIR_EOF_IN))
		return;
	bool want;
	uint32_t max = w->pressed ? RECV_PRESSED : IO_SCRATCH_BYTES;
	if (s->flags[d] & DIR_DISCARD) {
		want = (s->flags[d] & DIR_BROKEN_FROM) || s->half_opened;
	} else if (p == NULL) {
		want = true;
	} else if (p->chain.stages == NULL) {
		want = p->chain.held_bytes == 0;
	} else {
		want = !w->pressed && chain_wants(&p->chain, &w->env);
		max = RECV_FAULTED;
	}
	if (want)
		io_recv_start(w->io, from, max);
	else
		io_recv_stop(w->io, from);
}

/* Send what may be sent. returns false when the receiver's connection is broken. */
static bool
send_ready(struct worker *w, struct session *s, enum fl_dir d, bool *ret_moved)
{
	struct pipe *p = s->pipes[d];
	struct io_sock *to = s->socks[side_to(d)];
	const uint8_t *bytes;
	size_t n;

	*ret_moved = false;
	while (p->inflight_bytes == 0 && (n = chain_peek(&p->chain, &bytes)) > 0) {
		int64_t k = io_push(w->io, to, bytes, n);
		if (k < 0)
			return false;
		if (k > 0) {
			count_sent(w, s, d, bytes, (size_t)k);
			chain_sent(&p->chain, &w->env, (size_t)k);
			*ret_moved = true;
		}
		if ((size_t)k < n) {
			n = chain_peek(&p->chain, &bytes);
			fl_assert(n > 0 && n <= UINT32_MAX);
			p->inflight_bytes = (uint32_t)n;        /* (1) */
			io_send(w->io, to, bytes, n);
		}
	}
	return true;
}

static enum pipe_result
verdict_result(const struct chain *c)
{
	switch ((enum chain_verdict)c->verdict) {
	case CHAIN_CLOSE: return PIPE_CLOSE;
	case CHAIN_RESET: return PIPE_RESET;
	case CHAIN_HALF_OPEN: return PIPE_HALF_OPEN;
	case CHAIN_OPEN: break;
	}
	return PIPE_OK;
}

/* Has a fault waited for memory for too long? Connections that hold all of it may be waiting for more: one must go. */
static bool
is_starved(struct pipe *p, fl_ns now)
{
	if (!p->chain.starved)
		p->starved_at = 0;
	else if (p->starved_at == 0)
		p->starved_at = now;
	return p->chain.starved && now - p->starved_at >= STARVED_MAX;
}

enum pipe_result
pipe_run(struct worker *w, struct session *s, enum fl_dir d, fl_ns now)
{
	struct pipe *p = s->pipes[d];
	if (p == NULL || (s->flags[d] & (DIR_DONE | DIR_DISCARD)))
		return PIPE_OK;
	fl_assert(s->socks[side_to(d)] != NULL && !s->closing[side_to(d)]);
	struct decide_conn conn = pipe_identity(s, false);
	bool moved;
	w->env.ud = s;
	do {
		p->next = chain_run(&p->chain, &w->env, &conn, now);
		if (!send_ready(w, s, d, &moved))
			return PIPE_TO_BROKEN;
	} while (moved && p->chain.stages != NULL && p->chain.segs > 0 && p->inflight_bytes == 0);
	if (p->chain.verdict != CHAIN_OPEN && !s->half_opened)
		return verdict_result(&p->chain);
	if (p->chain.eof_out && p->inflight_bytes == 0)
		return PIPE_FINISHED;
	if (is_starved(p, now))
		return PIPE_OVERLOAD;
	if (chain_idle(&p->chain) && !p->chain.eof_in)
		pipe_free(w, s, d);                             /* (2) */
	pipe_flow(w, s, d);
	return PIPE_OK;
}

enum pipe_result
pipe_data(struct worker *w, struct session *s, enum fl_dir d, const uint8_t *p, size_t n, fl_ns now)
{
	fl_assert(n > 0 && !(s->flags[d] & DIR_EOF_IN));
	uint64_t offset = s->received[d];
	s->received[d] += n;
	line_count(&s->wline->cell->received_bytes[d], n);
	if (s->traced)
		trace_tap_bytes(w, s, d, false, p, n);
	if (s->flags[d] & (DIR_DISCARD | DIR_DONE))
		return PIPE_OK;
	struct pipe *pipe = s->pipes[d];
	if (pipe == NULL) {
		int64_t k = io_push(w->io, s->socks[side_to(d)], p, n);
		if (k < 0)
			return PIPE_TO_BROKEN;
		count_sent(w, s, d, p, (size_t)k);
		if ((size_t)k == n)
			return PIPE_OK;
		p += k;
		n -= (size_t)k;
		pipe = pipe_new(w, s, d, offset + (uint64_t)k);
		if (pipe == NULL)
			return PIPE_OVERLOAD;
	}
	w->env.ud = s;
	if (chain_put(&pipe->chain, &w->env, p, n, now) < 0)
		return PIPE_OVERLOAD;
	return pipe_run(w, s, d, now);
}

enum pipe_result
pipe_eof(struct worker *w, struct session *s, enum fl_dir d, fl_ns now)
{
	fl_assert(!(s->flags[d] & DIR_EOF_IN));
	s->flags[d] |= DIR_EOF_IN;
	if (s->flags[d] & (DIR_DISCARD | DIR_DONE))
		return s->flags[d] & DIR_DONE ? PIPE_OK : PIPE_FINISHED;
	if (s->pipes[d] == NULL)
		return PIPE_FINISHED;
	w->env.ud = s;
	if (chain_put_eof(&s->pipes[d]->chain, &w->env, now) < 0)
		return PIPE_OVERLOAD;
	return pipe_run(w, s, d, now);
}

enum pipe_result
pipe_sent(struct worker *w, struct session *s, enum fl_dir d, fl_ns now)
{
	struct pipe *p = s->pipes[d];
	fl_assert(p != NULL && p->inflight_bytes > 0);          /* (1) */
	const uint8_t *bytes = NULL;
	size_t n = p->inflight_bytes;
	p->inflight_bytes = 0;
	w->env.ud = s;
	if (s->traced) {
		size_t there = chain_peek(&p->chain, &bytes);
		fl_assert(there >= n);                          /* (1) */
	}
	count_sent(w, s, d, bytes, n);
	chain_sent(&p->chain, &w->env, n);
	return pipe_run(w, s, d, now);
}

static bool
has_stream_faults(const struct fault_set *set, enum fl_dir d, bool *ret_by_client)
{
	bool any = false;
	for (uint32_t i = 0; i < set->count; i++) {
		const struct fault_spec *f = &set->specs[i];
		if (f->dir != d || kind_info(f->kind)->place != KIND_STREAM)
			continue;
		any = true;
		*ret_by_client |= f->scope.has_client;
	}
	return any;
}
/*
 * Give the chain the faults of the line. The pipe keeps a reference: a direction that has ended is not told of later
 * changes, but may still be reported.
 */
static enum pipe_result
install(struct worker *w, struct session *s, struct pipe *p, bool by_client, fl_ns now)
{
	struct fault_set *set = s->wline->conf->faults;
	struct decide_conn conn = pipe_identity(s, by_client);
	if (conn.has_ip) {
		p->has_ip = true;
		memcpy(p->ip, conn.ip, sizeof(p->ip));
	} else if (p->has_ip) {
		conn.has_ip = true;
		memcpy(conn.ip, p->ip, sizeof(conn.ip));
	}
	w->env.ud = s;
	if (chain_set(&p->chain, &w->env, set, &conn, s->opened, now) < 0)
		return PIPE_OVERLOAD;
	spec_set_unref(p->set);
	p->set = spec_set_ref(set);
	return PIPE_OK;
}

/* The sender was taken away by a fault: when that fault goes, so does what is left of the connection. */
static enum pipe_result
half_open_conf(struct worker *w, struct session *s, enum fl_dir d, fl_ns now)
{
	const struct fault_set *set = s->wline->conf->faults;
	struct pipe *p = s->pipes[d];
	if (p == NULL || p->chain.verdict != CHAIN_HALF_OPEN || p->chain.verdict_by == NULL)
		return PIPE_OK;
	uint64_t id = p->chain.verdict_by->id;
	for (uint32_t i = 0; i < set->count; i++) {
		if (set->specs[i].id != id)
			continue;
		enum pipe_result r = install(w, s, p, true, now);
		/* Another fault, or a share that no longer takes this connection in, may have ended it. */
		return r == PIPE_OK && p->chain.verdict != CHAIN_HALF_OPEN ? verdict_result(&p->chain) : r;
	}
	return PIPE_CLOSE;
}

enum pipe_result
pipe_conf(struct worker *w, struct session *s, enum fl_dir d, fl_ns now)
{
	const struct fault_set *set = s->wline->conf->faults;
	bool by_client = false;
	if (s->flags[d] & DIR_DONE)
		return s->half_opened ? half_open_conf(w, s, d, now) : PIPE_OK;
	if (!has_stream_faults(set, d, &by_client) && s->pipes[d] == NULL)
		return PIPE_OK;
	if (s->pipes[d] == NULL && pipe_new(w, s, d, s->received[d]) == NULL)
		return PIPE_OVERLOAD;
	enum pipe_result r = install(w, s, s->pipes[d], by_client, now);
	return r == PIPE_OK ? pipe_run(w, s, d, now) : r;
}
