/* SPDX-License-Identifier: MIT */
/* stage_cut.c - faults that count bytes: slicer, limit_data; and noop. */
#include "fault/stage.h"

/* The piece that holds offset. Every second cut is a multiple of twice the average: see decide_cut(). */
static uint64_t
slicer_end(const struct stage_turn *t, const struct chain_stage *s, uint64_t offset, uint64_t *ret_bytes)
{
	uint64_t pair_bytes = 2 * (uint64_t)s->fault->values[SLICER_AVERAGE_SIZE].i;
	uint64_t pair = offset / pair_bytes, start = pair * pair_bytes;
	uint64_t first_bytes = decide_cut(s->fault, t->conn, 2 * pair);
	bool first = offset < start + first_bytes;

	*ret_bytes = first ? first_bytes : pair_bytes - first_bytes;
	return first ? start + first_bytes : start + pair_bytes;
}

/* Make the head end where its piece does, or earlier when the rest has not arrived. false: no memory. */
static bool
slicer_cut(struct stage_turn *t, struct chain_stage *s, bool *ret_cut)
{
	struct chain_seg *seg = s->queue.head;
	uint64_t bytes, end = slicer_end(t, s, seg->offset, &bytes), left = end - seg->offset;

	*ret_cut = left <= seg->len;
	if (!*ret_cut)
		return true;
	if (!stage_cut_head(t, s, (uint32_t)left))
		return false;
	seg->cut = true;
	s->hits++;
	stage_tell(t, s, "cut", end, (int64_t)bytes);
	return true;
}

static fl_ns
slicer_run(struct stage_turn *t, struct chain_stage *s)
{
	fl_ns delay = s->fault->values[SLICER_DELAY].i * FL_US;

	while (s->queue.head != NULL) {
		bool cut = false;

		if (s->slicer.ready_at > t->now)
			return s->slicer.ready_at;
		if (!stage_room(t, s))
			return FL_NEVER;
		if (s->queue.head->kind == SEG_DATA && !slicer_cut(t, s, &cut))
			return FL_NEVER;
		stage_pass(t, s, FL_MAX(s->queue.head->at, s->slicer.ready_at));
		/* Reckoned from now, not from when it was due: pieces stay apart even when a timer was late. */
		if (cut && delay > 0)
			s->slicer.ready_at = stage_time_add(t->now, delay);
	}
	return FL_NEVER;
}

static void
slicer_change(struct stage_turn *t, struct chain_stage *s, const struct fault_spec *old)
{
	(void)old;
	s->slicer.ready_at = FL_MIN(s->slicer.ready_at, stage_time_add(t->now, s->fault->values[SLICER_DELAY].i * FL_US));
}

const struct stage_ops stage_cut_slicer = { .change = slicer_change, .run = slicer_run };

/* The end travels behind the last byte, so that whatever lies below delays both alike. */
static void
limit_data_strike(struct stage_turn *t, struct chain_stage *s, struct chain_seg *mark)
{
	s->limit_data.struck = true;
	s->shut = true;
	s->hits++;
	stage_tell(t, s, "limit", mark->offset, (int64_t)s->limit_data.passed);
	stage_give(t, s, mark);
}

/* Some bytes may still pass: all of them, or the last ones and the end. false: wait. */
static bool
limit_data_pass(struct stage_turn *t, struct chain_stage *s, uint64_t left)
{
	struct chain_seg *seg = s->queue.head, *mark = NULL;
	fl_ns at = seg->at;
	uint32_t n = left < seg->len ? (uint32_t)left : seg->len;

	if (!stage_room(t, s))
		return false;
	if (n == left) {
		mark = seg_new(t->env->mem, SEG_CLOSE, 0);
		if (mark == NULL) {
			t->starved = true;
			return false;
		}
		mark->fault_id = s->fault->id;
		mark->offset = seg->offset + n;
		mark->at = FL_MAX(at, s->open_at);
	}
	if (!stage_cut_head(t, s, n)) {
		if (mark != NULL)
			seg_free(t->env->mem, mark);
		return false;
	}
	stage_pass(t, s, at);
	s->limit_data.passed += n;
	if (mark != NULL) {
		t->c->segs++;
		limit_data_strike(t, s, mark);
	}
	return true;
}

static fl_ns
limit_data_run(struct stage_turn *t, struct chain_stage *s)
{
	uint64_t limit = (uint64_t)s->fault->values[LIMIT_DATA_BYTES].i;

	while (s->queue.head != NULL) {
		struct chain_seg *seg = s->queue.head;

		if (s->limit_data.struck) {
			stage_drop(t, s);
		} else if (seg->kind != SEG_DATA) {
			if (!stage_room(t, s))
				return FL_NEVER;
			stage_pass(t, s, seg->at);
		} else if (s->limit_data.passed < limit) {
			if (!limit_data_pass(t, s, limit - s->limit_data.passed))
				return FL_NEVER;
		} else {
			t->c->held_bytes -= seg_counted(seg);
			seg_pop(&s->queue);
			seg_to_close(t->env->mem, seg, s->fault->id);
			limit_data_strike(t, s, seg);
		}
	}
	return FL_NEVER;
}

const struct stage_ops stage_cut_limit_data = { .run = limit_data_run };

const struct stage_ops stage_cut_noop = { .run = stage_pass_all };
