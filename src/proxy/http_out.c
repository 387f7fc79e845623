/* SPDX-License-Identifier: MIT */
/* http_out.c - bytes on their way to a socket. */
#include "proxy/http_out.h"
#include "base/assert.h"

#include <errno.h>
#include <string.h>

#define RUN_BYTES (64 * 1024)           /* taken from a chain at a time */

/* What stands between whoever feeds and the socket. */
struct http_bend {
	struct wtimer timer;
	struct chain chain;
	struct fault_set *set;                  /* a reference: of the chain's stages */
	struct http_out *out;
	struct io_sock *sock;
	struct decide_conn key;
	struct http_who who;
	http_out_told *told;
	void *ud;
	fl_ns opened;
	bool struck;                            /* it was told that the connection ends */
	bool dead;                              /* half open: nobody hears what is said */
};

struct http_blob {
	struct http_blob *next;
	uint32_t n, room;               /* room: what was asked of the slab */
	char bytes[];
};

static int
keep(struct worker *w, struct http_out *o, const char *p, size_t n)
{
	while (n > 0) {
		size_t take = FL_MIN(n, SLAB_BLOCK_MAX - sizeof(struct http_blob));
		uint32_t room = (uint32_t)(sizeof(struct http_blob) + take);
		struct http_blob *b = slab_alloc(w->mem, room);
		if (b == NULL)
			return -ENOMEM;
		*b = (struct http_blob){ .n = (uint32_t)take, .room = room };
		memcpy(b->bytes, p, take);
		if (o->last != NULL)
			o->last->next = b;
		else
			o->first = b;
		o->last = b;
		o->bytes += (uint32_t)take;
		p += take;
		n -= take;
	}
	worker_trim_later(w, io_now(w->io));
	return 0;
}

/* Send, or keep, what no fault holds. */
static int
put_now(struct worker *w, struct http_out *o, struct io_sock *sock, const void *p, size_t n)
{
	const char *at = p;
	bool idle = o->first == NULL;
	if (n == 0)
		return 0;
	if (idle) {
		int64_t k = io_push(w->io, sock, at, n);
		if (k < 0)
			return (int)k;
		at += k;
		n -= (size_t)k;
		if (n == 0)
			return 0;
	}
	int r = keep(w, o, at, n);
	if (r == 0 && idle)
		io_send(w->io, sock, o->first->bytes, o->first->n);     /* (1) */
	return r;
}

/* ---- faults of the stream ---- */

void
http_out_tell(struct worker *w, const struct http_who *who, const struct fault_spec *f, const char *what, enum fl_dir dir, uint64_t offset,
    int64_t value)
{
	struct proxy_event e = { .at = io_now(w->io), .conn_ordinal = who->ordinal, .conn_key = who->key, .fault_id = f->id, .offset = offset,
		.request = who->number, .value = value, .what = what, .dir = (uint8_t)dir, .worker = (uint8_t)w->index };
	record_add(w->record, &e, who->wline->line->name, f->name);
}

static void
on_event(void *ud, const struct chain_event *ev)
{
	const struct http_who *who = ud;
	http_out_tell(who->wline->worker, who, ev->fault, ev->what, ev->dir, ev->offset, ev->value);
}

struct chain_env
http_out_env(struct worker *w, const struct http_who *who)
{
	struct chain_env env = w->env;
	env.on_event = env.on_event != NULL ? on_event : NULL;
	env.ud = (void *)(uintptr_t)who;
	return env;
}

bool
http_out_bend_busy(const struct http_bend *b)
{
	/* Behind the end nothing is fed any more: there is no room to wait for. */
	return !b->dead && !b->struck && !b->chain.eof_in && !chain_wants(&b->chain, NULL);
}

bool
http_out_bend_idle(const struct http_bend *b)
{
	return b->dead || (b->chain.held_bytes == 0 && b->chain.segs == 0);
}

bool
http_out_struck(const struct http_out *o)
{
	return o->bend != NULL && o->bend->struck;
}

bool
http_out_report(const struct http_out *o, unsigned i, fl_ns now, struct chain_report *ret)
{
	return o->bend != NULL && chain_report(&o->bend->chain, i, now, ret);
}

/* What the chain ends, it ends when all that it let pass was sent. */
static int
verdict(struct http_bend *b)
{
	switch ((enum chain_verdict)b->chain.verdict) {
	case CHAIN_OPEN:
		return 0;
	case CHAIN_HALF_OPEN:
		b->dead = true;
		return 0;
	case CHAIN_CLOSE: case CHAIN_RESET:
		break;
	}
	b->struck = true;                               /* (3) */
	return b->chain.verdict == CHAIN_RESET ? -ECONNRESET : -EPIPE;
}

/* Move what is due. 0, or -errno. */
static int
run(struct worker *w, struct http_out *o, fl_ns now)
{
	struct http_bend *b = o->bend;
	struct chain_env env = http_out_env(w, &b->who);
	const uint8_t *p;
	size_t n;
	fl_ns next;
	bool moved;
	if (b->dead || b->struck)
		return 0;
	do {
		next = chain_run(&b->chain, &env, &b->key, now);
		moved = false;
		while (o->first == NULL && (n = chain_peek(&b->chain, &p)) > 0) {
			n = FL_MIN(n, RUN_BYTES);
			int r = put_now(w, o, b->sock, p, n);
			if (r < 0)
				return r;
			chain_sent(&b->chain, &env, n);
			moved = true;
		}
	} while (moved && b->chain.segs > 0 && o->first == NULL);
	if (o->first == NULL && b->chain.verdict != CHAIN_OPEN)
		return verdict(b);
	worker_timer(w, &b->timer, next);
	return 0;
}

static void
bend_timer(struct worker *w, struct wtimer *t, fl_ns now)
{
	struct http_bend *b = FL_CONTAINER_OF(t, struct http_bend, timer);
	int r = run(w, b->out, now);
	if (r < 0 || !http_out_busy(b->out))
		b->told(w, b->ud, r);
}

bool
http_out_has_faults(const struct fault_set *set, enum fl_dir dir)
{
	for (uint32_t i = 0; i < set->count; i++)
		if (set->specs[i].dir == dir && kind_info(set->specs[i].kind)->place == KIND_STREAM)
			return true;
	return false;
}

static struct http_bend *
bend_new(struct worker *w, struct http_out *o, struct io_sock *sock, enum fl_dir dir, const struct decide_conn *key, const struct http_who *who)
{
	struct http_bend *b = slab_alloc(w->mem, sizeof(*b));
	if (b == NULL)
		return NULL;
	memset(b, 0, sizeof(*b));
	b->timer.fire = bend_timer;
	b->chain.dir = (uint8_t)dir;
	b->out = o;
	b->sock = sock;
	b->key = *key;
	b->who = *who;
	b->opened = io_now(w->io);
	return b;
}

static void
bend_free(struct worker *w, struct http_out *o)
{
	struct http_bend *b = o->bend;
	if (b == NULL)
		return;
	struct chain_env env = http_out_env(w, &b->who);
	heap_del(&w->wtimers, &b->timer.node);
	chain_fini(&b->chain, &env);
	spec_set_unref(b->set);
	slab_give(w->mem, b, sizeof(*b));
	o->bend = NULL;
}

int
http_out_faults(struct worker *w, struct http_out *o, struct io_sock *sock, struct fault_set *set, enum fl_dir dir, const struct decide_conn *key,
    const struct http_who *who, http_out_told *told, void *ud)
{
	fl_ns now = io_now(w->io);
	if (o->bend == NULL && !http_out_has_faults(set, dir))
		return 0;
	if (o->bend == NULL && (o->bend = bend_new(w, o, sock, dir, key, who)) == NULL)
		return -ENOMEM;
	struct http_bend *b = o->bend;
	b->who = *who;
	b->told = told;
	b->ud = ud;
	if (b->set == set)
		return 0;
	struct chain_env env = http_out_env(w, &b->who);
	if (chain_set(&b->chain, &env, set, &b->key, b->opened, now) < 0)
		return -ENOMEM;
	spec_set_unref(b->set);
	b->set = spec_set_ref(set);
	if (b->dead) {
		/* What was said meanwhile is lost: without the fault the connection is as good as broken. */
		for (uint32_t i = 0; b->chain.verdict == CHAIN_HALF_OPEN && b->chain.verdict_by != NULL && i < set->count; i++)
			if (set->specs[i].id == b->chain.verdict_by->id)
				return 0;
		b->struck = true;
		return -EPIPE;
	}
	int r = run(w, o, now);
	if (r == 0 && chain_idle(&b->chain) && !b->chain.eof_in && b->chain.verdict == CHAIN_OPEN)
		bend_free(w, o);
	return r;
}

int
http_out_put(struct worker *w, struct http_out *o, struct io_sock *sock, const void *p, size_t n)
{
	struct http_bend *b = o->bend;
	if (b == NULL)
		return put_now(w, o, sock, p, n);
	if (n == 0 || b->dead || b->struck || b->chain.eof_in)
		return 0;
	struct chain_env env = http_out_env(w, &b->who);
	fl_ns now = io_now(w->io);
	worker_trim_later(w, now);
	int r = chain_put(&b->chain, &env, p, n, now);
	return r < 0 ? r : run(w, o, now);
}

bool
http_out_end(struct worker *w, struct http_out *o, struct io_sock *sock)
{
	struct http_bend *b = o->bend;
	(void)sock;
	if (b == NULL || b->struck)
		return o->first == NULL;
	if (b->dead)
		return false;
	struct chain_env env = http_out_env(w, &b->who);
	fl_ns now = io_now(w->io);
	if (!b->chain.eof_in && chain_put_eof(&b->chain, &env, now) < 0)
		return o->first == NULL;
	if (run(w, o, now) < 0)
		return true;
	return o->first == NULL && b->chain.eof_out;
}

int
http_out_sent(struct worker *w, struct http_out *o, struct io_sock *sock, int res)
{
	struct http_blob *b = o->first;
	fl_assert(b != NULL);
	o->first = b->next;
	o->bytes -= b->n;
	if (o->first == NULL)
		o->last = NULL;
	slab_give(w->mem, b, b->room);
	if (res < 0)
		return res;
	if (o->first != NULL)
		io_send(w->io, sock, o->first->bytes, o->first->n);
	return o->first == NULL && o->bend != NULL ? run(w, o, io_now(w->io)) : 0;
}

void
http_out_stop(struct worker *w, struct http_out *o)
{
	if (o->bend == NULL)
		return;
	o->bend->struck = true;
	heap_del(&w->wtimers, &o->bend->timer.node);
}

void
http_out_free(struct worker *w, struct http_out *o)
{
	while (o->first != NULL) {
		struct http_blob *b = o->first;
		o->first = b->next;
		slab_give(w->mem, b, b->room);
	}
	o->last = NULL;
	o->bytes = 0;
	bend_free(w, o);
}
