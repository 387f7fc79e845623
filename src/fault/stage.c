/* SPDX-License-Identifier: MIT */
/* stage.c - what all stages have in common: moving segments on, dropping them, verdicts, time windows. */
#include "fault/stage.h"
#include "base/assert.h"

/* Bytes with equal arrival times travel as one, but the head of a stage may be planned already. In out, time means nothing. */
void
stage_take(struct chain *c, const struct chain_env *env, struct chain_stage *s, struct chain_seg *seg)
{
	struct seg_queue *q = s == NULL ? &c->out : &s->queue;

	if (s != NULL)
		s->in_bytes += seg->len;
	if (seg_joins(q, seg) && (s == NULL || (q->tail != q->head && q->tail->at == seg->at))) {
		seg_join(env->mem, q, seg);
		c->segs--;
		return;
	}
	seg_push(q, seg);
	if (s == NULL)
		stage_settle(c, env);
}

static const struct fault_spec *
fault_by_id(const struct chain *c, uint64_t id)
{
	for (const struct chain_stage *s = c->stages; s != NULL; s = s->next)
		if (s->fault->id == id)
			return s->fault;
	return NULL;
}

static void
verdict(struct chain *c, const struct fault_spec *by, enum chain_verdict v)
{
	if (c->verdict != CHAIN_OPEN && (v != CHAIN_RESET || c->verdict == CHAIN_RESET))
		return;
	c->verdict = (uint8_t)v;
	c->verdict_by = by;
}

void
stage_settle(struct chain *c, const struct chain_env *env)
{
	while (c->out.head != NULL && c->out.head->kind != SEG_DATA) {
		struct chain_seg *seg = seg_pop(&c->out);

		if (seg->kind == SEG_EOF)
			c->eof_out = true;
		else
			verdict(c, fault_by_id(c, seg->fault_id), CHAIN_CLOSE);
		c->segs--;
		seg_free(env->mem, seg);
	}
}

void
stage_verdict(struct stage_turn *t, struct chain_stage *s, enum chain_verdict v)
{
	verdict(t->c, s->fault, v);
}

static bool
below_has_room(const struct stage_turn *t, const struct chain_stage *s)
{
	const struct seg_queue *out = &t->c->out;

	if (s->next != NULL)
		return !s->next->shut && seg_queue_cost(&s->next->queue) < s->next->cap;
	return out->head == NULL || seg_queue_cost(out) < t->env->bound_bytes || s->queue.head->kind != SEG_DATA;
}

bool
stage_room(struct stage_turn *t, struct chain_stage *s)
{
	bool room = below_has_room(t, s);

	if (!room)
		t->blocked = true;
	else if (s->blocked)
		s->open_at = t->now;
	s->blocked = !room;
	return room;
}

void
stage_give(struct stage_turn *t, struct chain_stage *s, struct chain_seg *seg)
{
	t->moved = true;
	stage_take(t->c, t->env, s->next, seg);
}

void
stage_pass(struct stage_turn *t, struct chain_stage *s, fl_ns due)
{
	struct chain_seg *seg = seg_pop(&s->queue);

	seg->at = FL_MAX(due, s->open_at);
	stage_give(t, s, seg);
}

void
stage_drop(struct stage_turn *t, struct chain_stage *s)
{
	struct chain_seg *seg = seg_pop(&s->queue);

	fl_assert(t->c->held_bytes >= seg_counted(seg) && t->c->segs > 0);
	t->c->held_bytes -= seg_counted(seg);
	t->c->segs--;
	t->moved = true;
	seg_free(t->env->mem, seg);
}

bool
stage_cut_head(struct stage_turn *t, struct chain_stage *s, uint32_t n)
{
	if (s->queue.head->len == n)
		return true;
	if (seg_split_head(t->env->mem, &s->queue, n) != 0) {
		t->starved = true;
		return false;
	}
	t->c->segs++;
	return true;
}

fl_ns
stage_pass_all(struct stage_turn *t, struct chain_stage *s)
{
	while (s->queue.head != NULL && stage_room(t, s))
		stage_pass(t, s, s->queue.head->at);
	return FL_NEVER;
}

void
stage_window(struct stage_turn *t, struct chain_stage *s)
{
	bool active;

	if (t->now < s->until)
		return;
	active = decide_active(s->fault, t->now, &s->until);
	if (active == s->active)
		return;
	s->active = active;
	if (active && s->ops->start != NULL)
		s->ops->start(t, s);
	if (!active && s->ops->stop != NULL)
		s->ops->stop(t, s, false);
}

void
stage_flush(struct stage_turn *t, struct chain_stage *s)
{
	while (s->queue.head != NULL)
		stage_pass(t, s, t->now);
}

void
stage_refresh_wants(struct chain *c, const struct chain_env *env)
{
	const struct chain_stage *first = c->stages;

	c->wants = c->verdict == CHAIN_OPEN && !c->eof_in && !stage_chain_full(c, env) &&
	    (first == NULL || seg_queue_cost(&first->queue) < first->cap);
	for (const struct chain_stage *s = first; s != NULL && c->wants; s = s->next)
		c->wants = !s->shut;
}

void
stage_free(struct slab *mem, struct chain_stage *s)
{
	seg_free_all(mem, &s->queue);
	seg_free_all(mem, &s->copies);
	slab_give(mem, s, sizeof(*s));
}
