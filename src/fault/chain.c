/* SPDX-License-Identifier: MIT */
/* chain.c - the faults of one direction of one connection, and the bytes they hold. See chain.h for the invariants. */
#include "fault/chain.h"
#include "base/assert.h"
#include "fault/stage.h"
#include <errno.h>
#include <string.h>

/* When memory for a split was missing: somebody else's bytes will have gone by then. */
#define STARVED_RETRY FL_MS

static bool
ended(const struct chain *c)
{
	return c->verdict == CHAIN_CLOSE || c->verdict == CHAIN_RESET;
}

bool
chain_wants(const struct chain *c, const struct chain_env *env)
{
	(void)env;
	if (c->stages == NULL && c->segs == 0)
		return c->verdict == CHAIN_OPEN && !c->eof_in;
	return c->wants;
}

/* Room behind the last byte of the queue, in its block, that nobody else uses. */
static uint32_t
tail_room(const struct chain_seg *tail)
{
	const struct seg_block *b;

	if (tail == NULL || tail->kind != SEG_DATA || tail->copy)
		return 0;
	b = tail->block;
	return tail->p + tail->len == b->data + b->used ? b->size - b->used : 0;
}

/* Segments for n bytes at p, of which the first `room` fit behind the tail. 0 or -ENOMEM. */
static int
make_segments(struct chain *c, const struct chain_env *env, const struct chain_seg *tail, uint32_t room, size_t n, struct seg_queue *q)
{
	/* Bytes that wait come together in larger blocks. */
	uint32_t block_min = FL_MIN(c->held_bytes, 4096 - (uint32_t)sizeof(struct seg_block));
	struct chain_seg *seg;

	if (room > 0) {
		seg = seg_refer(env->mem, tail, tail->p + tail->len, (uint32_t)FL_MIN(n, room));
		if (seg == NULL)
			return -ENOMEM;
		seg->shared = seg->cut = false;
		seg_push(q, seg);
		n -= seg->len;
	}
	while (n > 0) {
		uint32_t len = (uint32_t)FL_MIN(n, SEG_BLOCK_MAX);

		seg = seg_new(env->mem, SEG_DATA, FL_MAX(len, block_min));
		if (seg == NULL)
			return -ENOMEM;
		seg->len = len;
		seg_push(q, seg);
		n -= len;
	}
	return 0;
}

int
chain_put(struct chain *c, const struct chain_env *env, const uint8_t *p, size_t n, fl_ns now)
{
	struct seg_queue q = { 0 };
	struct chain_seg *tail = c->stages == NULL ? c->out.tail : c->stages->queue.tail;

	fl_assert(!c->eof_in && n <= INT32_MAX);
	if (n == 0 || c->verdict != CHAIN_OPEN) {
		c->in_bytes += n;
		return 0;
	}
	if (make_segments(c, env, tail, tail_room(tail), n, &q) != 0) {
		seg_free_all(env->mem, &q);
		return -ENOMEM;
	}
	while (q.head != NULL) {
		struct chain_seg *seg = seg_pop(&q);

		seg->at = now;
		seg->offset = c->in_bytes;
		memcpy(seg->p, p, seg->len);
		seg->block->used += seg->len;
		p += seg->len;
		c->in_bytes += seg->len;
		c->held_bytes += seg->len;
		c->segs++;
		stage_take(c, env, c->stages, seg);
	}
	stage_refresh_wants(c, env);
	return 0;
}

int
chain_put_eof(struct chain *c, const struct chain_env *env, fl_ns now)
{
	struct chain_seg *seg;

	fl_assert(!c->eof_in);
	if (c->verdict != CHAIN_OPEN || (c->stages == NULL && c->out.head == NULL)) {
		c->eof_in = true;
		c->eof_out = c->verdict == CHAIN_OPEN;
		c->wants = false;
		return 0;
	}
	seg = seg_new(env->mem, SEG_EOF, 0);
	if (seg == NULL)
		return -ENOMEM;
	seg->at = now;
	seg->offset = c->in_bytes;
	c->eof_in = true;
	c->segs++;
	stage_take(c, env, c->stages, seg);
	stage_refresh_wants(c, env);
	return 0;
}

size_t
chain_peek(const struct chain *c, const uint8_t **ret_p)
{
	if (c->out.head == NULL || ended(c))
		return 0;
	*ret_p = c->out.head->p;
	return c->out.head->len;
}

void
chain_sent(struct chain *c, const struct chain_env *env, size_t n)
{
	struct chain_seg *seg = c->out.head;

	if (n == 0)
		return;
	fl_assert(seg != NULL && n <= seg->len);
	if (!seg->copy) {
		c->held_bytes -= (uint32_t)n;
		c->out.bytes -= (uint32_t)n;
	}
	seg->p += n;
	seg->offset += n;
	seg->len -= (uint32_t)n;
	if (seg->len == 0) {
		seg_free(env->mem, seg_pop(&c->out));
		c->segs--;
		stage_settle(c, env);
	}
	stage_refresh_wants(c, env);
}

fl_ns
chain_run(struct chain *c, const struct chain_env *env, const struct decide_conn *conn, fl_ns now)
{
	struct stage_turn t = { .c = c, .env = env, .conn = conn, .now = now };
	fl_ns next;

	if (c->stages == NULL)
		return FL_NEVER;
	do {
		next = FL_NEVER;
		t.moved = t.blocked = t.starved = false;
		for (struct chain_stage *s = c->stages; s != NULL && !ended(c); s = s->next) {
			fl_ns wake;

			stage_window(&t, s);
			wake = s->active ? s->ops->run(&t, s) : stage_pass_all(&t, s);
			next = FL_MIN(next, FL_MIN(wake, s->until));
		}
	} while (t.blocked && t.moved && !ended(c));
	stage_refresh_wants(c, env);
	c->starved = t.starved && !ended(c);
	if (ended(c))
		return FL_NEVER;
	return t.starved ? FL_MIN(next, stage_time_add(now, STARVED_RETRY)) : next;
}

void
chain_fini(struct chain *c, const struct chain_env *env)
{
	while (c->stages != NULL) {
		struct chain_stage *s = c->stages;

		c->stages = s->next;
		stage_free(env->mem, s);
	}
	seg_free_all(env->mem, &c->out);
	memset(c, 0, sizeof(*c));
}

bool
chain_report(const struct chain *c, unsigned i, fl_ns now, struct chain_report *ret)
{
	const struct chain_stage *s = c->stages;

	for (; s != NULL && i > 0; i--)
		s = s->next;
	if (s == NULL)
		return false;
	*ret = (struct chain_report){
		.fault = s->fault,
		.active = decide_active(s->fault, now, NULL),
		.in_bytes = s->in_bytes,
		.hits = s->hits,
		.held_bytes = s->queue.bytes,
	};
	return true;
}
