/* SPDX-License-Identifier: MIT */
/*
 * stage_damage.c - faults that change the stream: corrupt, duplicate_chunk, drop_chunk.
 *
 * Invariants
 *  (1) What is damaged is a function of stream offsets alone.
 *  (2) Bytes that another segment refers to are never written.
 */
#include "fault/stage.h"

/*
 * Gaps between corrupted bytes are geometric, hence without memory: they may start anew at each multiple of this, and a
 * fault that joins a long stream need not count from its start. Ordinals of a cell start at its first offset.
 */
#define FLIP_CELL 65536

/* The first byte to hit at or after offset in its cell, or the cell's end. Draws on from the last call where it can. */
static uint64_t
flip_find(const struct stage_turn *t, struct chain_stage *s, uint64_t offset)
{
	uint64_t cell = offset / FLIP_CELL, start = cell * FLIP_CELL, gap;

	if (!s->corrupt.valid || s->corrupt.cell != cell || offset < s->corrupt.from) {
		s->corrupt.valid = true;
		s->corrupt.cell = cell;
		s->corrupt.ordinal = start;
		gap = decide_flip_gap(s->fault, t->conn, start);
		s->corrupt.pos = start + FL_MIN(gap, FLIP_CELL);
	}
	while (s->corrupt.pos < offset) {
		gap = decide_flip_gap(s->fault, t->conn, ++s->corrupt.ordinal);
		s->corrupt.pos += 1 + FL_MIN(gap, FLIP_CELL);
	}
	s->corrupt.from = offset;
	return FL_MIN(s->corrupt.pos, start + FLIP_CELL);
}

/* false: no memory; nothing was changed */
static bool
corrupt_segment(struct stage_turn *t, struct chain_stage *s, struct chain_seg *seg)
{
	uint64_t first = (uint64_t)s->fault->values[CORRUPT_OFFSET].i, length = (uint64_t)s->fault->values[CORRUPT_LENGTH].i;
	uint64_t from = FL_MAX(seg->offset, first), end = seg->offset + seg->len, pos;

	if (length > 0)
		end = FL_MIN(end, first + length);
	if (!(s->fault->values[CORRUPT_RATE].f > 0))
		return true;
	for (; from < end; from = pos + 1) {
		uint8_t mask;

		pos = flip_find(t, s, from);
		if (pos >= end)
			break;
		if (pos / FLIP_CELL != from / FLIP_CELL) {
			pos--;          /* none up to the end of the cell */
			continue;
		}
		if (seg->shared && seg_unshare(t->env->mem, seg) != 0) {
			t->starved = true;
			return false;
		}
		mask = decide_flip_mask(s->fault, t->conn, s->corrupt.ordinal);
		seg->p[pos - seg->offset] ^= mask;
		s->hits++;
		stage_tell(t, s, "flip", pos, mask);
	}
	return true;
}

static fl_ns
corrupt_run(struct stage_turn *t, struct chain_stage *s)
{
	while (s->queue.head != NULL) {
		struct chain_seg *seg = s->queue.head;

		if (!stage_room(t, s))
			return FL_NEVER;
		if (seg->kind == SEG_DATA && !corrupt_segment(t, s, seg))
			return FL_NEVER;
		stage_pass(t, s, seg->at);
	}
	return FL_NEVER;
}

static void
corrupt_change(struct stage_turn *t, struct chain_stage *s, const struct fault_spec *old)
{
	(void)t;
	(void)old;
	s->corrupt.valid = false;
}

const struct stage_ops stage_damage_corrupt = { .change = corrupt_change, .run = corrupt_run };

/* The cell that is passing has ended: its copy follows. Room is not asked for: a cell is small. */
static void
duplicate_end_cell(struct stage_turn *t, struct chain_stage *s, fl_ns at)
{
	s->duplicate.open = false;
	while (s->copies.head != NULL) {
		struct chain_seg *copy = seg_pop(&s->copies);

		copy->at = FL_MAX(at, s->open_at);
		t->c->segs++;
		stage_give(t, s, copy);
	}
}

/* Bytes from offset on that meet the same fate: to the end of their cell, or through all cells that pass but once. */
static uint32_t
duplicate_run_bytes(const struct stage_turn *t, struct chain_stage *s, const struct chain_seg *seg)
{
	uint64_t size = (uint64_t)s->fault->values[DUPLICATE_SIZE].i;
	uint64_t end = (s->duplicate.cell + 1) * size;

	while (!s->duplicate.twice && end < seg->offset + seg->len && !decide_duplicate(s->fault, t->conn, s->duplicate.cell + 1)) {
		s->duplicate.cell++;
		end += size;
	}
	return (uint32_t)FL_MIN(end - seg->offset, seg->len);
}

static void
duplicate_open_cell(struct stage_turn *t, struct chain_stage *s, uint64_t cell)
{
	s->duplicate.open = true;
	s->duplicate.cell = cell;
	s->duplicate.twice = decide_duplicate(s->fault, t->conn, cell);
	if (s->duplicate.twice) {
		uint64_t size = (uint64_t)s->fault->values[DUPLICATE_SIZE].i;

		s->hits++;
		stage_tell(t, s, "duplicate", cell * size, (int64_t)size);
	}
}

/*
 * Pass the part of the head that lies in one cell, or in several that are not duplicated. false: wait. Copies that wait for the
 * end of their cell do not count against the chain's bound: full of them, it would take in no more bytes, and the cell would
 * never end.
 */
static bool
duplicate_pass(struct stage_turn *t, struct chain_stage *s)
{
	struct chain_seg *seg = s->queue.head;
	uint64_t size = (uint64_t)s->fault->values[DUPLICATE_SIZE].i, cell = seg->offset / size;
	uint64_t end;
	fl_ns at = seg->at;

	if (s->duplicate.open && (cell != s->duplicate.cell || seg->offset != s->duplicate.expect))
		duplicate_end_cell(t, s, at);
	if (!stage_room(t, s))
		return false;
	if (!s->duplicate.open)
		duplicate_open_cell(t, s, cell);
	s->duplicate.expect = seg->offset;
	if (!stage_cut_head(t, s, duplicate_run_bytes(t, s, seg)))
		return false;
	if (s->duplicate.twice && seg_keep_copy(t->env->mem, &s->copies, seg) != 0) {
		t->starved = true;
		return false;
	}
	end = seg->offset + seg->len;
	stage_pass(t, s, at);
	s->duplicate.expect = end;
	if (end == (s->duplicate.cell + 1) * size)
		duplicate_end_cell(t, s, at);
	return true;
}

static fl_ns
duplicate_run(struct stage_turn *t, struct chain_stage *s)
{
	while (s->queue.head != NULL) {
		if (s->queue.head->kind == SEG_DATA) {
			if (!duplicate_pass(t, s))
				return FL_NEVER;
			continue;
		}
		duplicate_end_cell(t, s, s->queue.head->at);
		if (!stage_room(t, s))
			return FL_NEVER;
		stage_pass(t, s, s->queue.head->at);
	}
	return FL_NEVER;
}

/* A copy that has not been sent yet never will. */
static void
duplicate_stop(struct stage_turn *t, struct chain_stage *s, bool gone)
{
	(void)gone;
	s->duplicate.open = false;
	seg_free_all(t->env->mem, &s->copies);
}

static void
duplicate_change(struct stage_turn *t, struct chain_stage *s, const struct fault_spec *old)
{
	(void)old;
	duplicate_stop(t, s, false);
}

const struct stage_ops stage_damage_duplicate = { .change = duplicate_change, .stop = duplicate_stop, .run = duplicate_run };

/* A cell that arrives in several parts is told once. */
static void
drop_tell(struct stage_turn *t, struct chain_stage *s, uint64_t cell, uint64_t size)
{
	if (s->drop.told == cell + 1)
		return;
	s->drop.told = cell + 1;
	s->hits++;
	stage_tell(t, s, "drop", cell * size, (int64_t)size);
}

static bool
drop_or_pass(struct stage_turn *t, struct chain_stage *s)
{
	const struct chain_seg *seg = s->queue.head;
	uint64_t size = (uint64_t)s->fault->values[DROP_SIZE].i, cell = seg->offset / size, end = (cell + 1) * size;
	bool drop = decide_drop(s->fault, t->conn, cell);

	if (!drop && !stage_room(t, s))
		return false;
	for (uint64_t next = cell + 1; end < seg->offset + seg->len && decide_drop(s->fault, t->conn, next) == drop; next++)
		end += size;
	if (!stage_cut_head(t, s, (uint32_t)FL_MIN(end - seg->offset, seg->len)))
		return false;
	if (!drop) {
		stage_pass(t, s, seg->at);
		return true;
	}
	end = seg->offset + seg->len;
	for (; cell * size < end; cell++)
		drop_tell(t, s, cell, size);
	stage_drop(t, s);
	return true;
}

static fl_ns
drop_run(struct stage_turn *t, struct chain_stage *s)
{
	while (s->queue.head != NULL) {
		if (s->queue.head->kind == SEG_DATA) {
			if (!drop_or_pass(t, s))
				return FL_NEVER;
			continue;
		}
		if (!stage_room(t, s))
			return FL_NEVER;
		stage_pass(t, s, s->queue.head->at);
	}
	return FL_NEVER;
}

const struct stage_ops stage_damage_drop = { .run = drop_run };
