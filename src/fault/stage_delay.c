/* SPDX-License-Identifier: MIT */
/*
 * stage_delay.c - faults that make bytes later: latency, bandwidth, slow_close.
 *
 * Invariants
 *  (1) Delays are reckoned from arrival times, not from when run() was called: lateness of timers does not add up.
 *  (2) bandwidth passes no more than LATE_MAX worth of bytes at once, however late it runs.
 */
#include "fault/stage.h"

/* With jitter, chunks end at multiples of this, so that decisions meet again however read() cut the stream. */
#define LATENCY_GRID 32768
#define LATE_MAX (10 * FL_MS)
#define PIECE_MIN 64
#define PIECE_MAX 65536
/* From here on bytes cost less than the clock can tell. */
#define RATE_MAX INT64_C(1000000000000)

static bool
latency_random(const struct fault_spec *f)
{
	return f->values[LATENCY_JITTER].i > 0 || f->values[LATENCY_DISTRIBUTION].i == DIST_SAMPLES;
}

static bool
latency_plan(struct stage_turn *t, struct chain_stage *s)
{
	const struct chain_seg *seg = s->queue.head;
	uint32_t edge = LATENCY_GRID - (uint32_t)(seg->offset % LATENCY_GRID);
	/* One read() that lies in two blocks is still one chunk. */
	bool same = seg->at == s->latency.at && seg->offset == s->latency.end && edge != LATENCY_GRID;

	if (seg->len > edge && latency_random(s->fault) && !stage_cut_head(t, s, edge))
		return false;
	if (seg->kind != SEG_DATA) {
		s->latency.due = FL_MAX(s->latency.last, seg->at);
	} else if (same) {
		s->latency.due = s->latency.last;
	} else {
		fl_ns delay = decide_latency(s->fault, t->conn, seg->offset);

		s->hits++;
		stage_tell(t, s, "delay", seg->offset, delay);
		s->latency.due = FL_MAX(s->latency.last, stage_time_add(seg->at, delay));
	}
	s->latency.at = seg->at;
	s->latency.end = seg->offset + seg->len;
	return s->latency.planned = true;
}

static fl_ns
latency_run(struct stage_turn *t, struct chain_stage *s)
{
	while (s->queue.head != NULL) {
		if (!s->latency.planned && !latency_plan(t, s))
			return FL_NEVER;
		if (s->latency.due > t->now)
			return s->latency.due;
		if (!stage_room(t, s))
			return FL_NEVER;
		s->latency.last = s->latency.due;
		s->latency.planned = false;
		stage_pass(t, s, s->latency.due);
	}
	return FL_NEVER;
}

static void
latency_start(struct stage_turn *t, struct chain_stage *s)
{
	(void)t;
	s->cap = UINT32_MAX;            /* the bound of the chain is its bound */
	s->latency.planned = false;
}

static void
latency_change(struct stage_turn *t, struct chain_stage *s, const struct fault_spec *old)
{
	(void)t;
	(void)old;
	s->latency.planned = false;
}

const struct stage_ops stage_delay_latency = { .start = latency_start, .change = latency_change, .run = latency_run };

static int64_t
rate_of(const struct fault_spec *f)
{
	return FL_MIN(f->values[BANDWIDTH_RATE].i, RATE_MAX);
}

/* 5 ms worth; of a rate that is shared 1 ms worth, so that connections take turns. */
static uint32_t
piece_bytes(const struct fault_spec *f)
{
	int64_t bytes = rate_of(f) * (f->shared != NULL ? 1 : 5);

	return (uint32_t)FL_MIN(FL_MAX(bytes, PIECE_MIN), PIECE_MAX);
}

/* Reserve the time that a piece takes, from `floor` at the earliest, on the clock of the whole line. returns its end. */
static fl_ns
shared_reserve(struct spec_shared *shared, fl_ns floor, fl_ns cost)
{
	int64_t free_at = atomic_load_explicit(&shared->free_at_ns, memory_order_relaxed);
	fl_ns end;

	do
		end = stage_time_add(FL_MAX(free_at, floor), cost);
	while (!atomic_compare_exchange_weak_explicit(&shared->free_at_ns, &free_at, end, memory_order_relaxed, memory_order_relaxed));
	return end;
}

/* rate is KB/s: a byte takes 10^6 / rate ns. What the division leaves over is charged to the next piece. */
static void
bandwidth_plan(struct stage_turn *t, struct chain_stage *s)
{
	const struct chain_seg *seg = s->queue.head;
	uint64_t rate = (uint64_t)rate_of(s->fault), cost;
	fl_ns floor = t->now - LATE_MAX, gap = seg->at - s->bandwidth.free_at;

	s->bandwidth.piece = FL_MIN(seg->len, piece_bytes(s->fault));
	cost = (uint64_t)s->bandwidth.piece * 1000000 + s->bandwidth.rest;
	s->bandwidth.rest = cost % rate;
	cost /= rate;
	/* A sender whom we held back cannot help a short gap before its next bytes: go on as if they had been here. */
	if (!s->bandwidth.throttled || gap > LATE_MAX)
		floor = FL_MAX(floor, seg->at);
	if (gap > 0)
		s->bandwidth.throttled = false;
	if (seg->kind != SEG_DATA)
		s->bandwidth.due = FL_MAX(s->bandwidth.free_at, seg->at);
	else if (s->fault->shared != NULL)
		s->bandwidth.due = s->bandwidth.free_at = shared_reserve(s->fault->shared, floor, (fl_ns)cost);
	else
		s->bandwidth.due = s->bandwidth.free_at = FL_MAX(s->bandwidth.free_at, floor) + (fl_ns)cost;
	s->bandwidth.planned = true;
}

static fl_ns
bandwidth_run(struct stage_turn *t, struct chain_stage *s)
{
	if (seg_queue_cost(&s->queue) >= s->cap || stage_chain_full(t->c, t->env))
		s->bandwidth.throttled = true;
	while (s->queue.head != NULL && rate_of(s->fault) > 0) {
		if (!s->bandwidth.planned)
			bandwidth_plan(t, s);
		if (s->bandwidth.due > t->now)
			return s->bandwidth.due;
		if (!stage_room(t, s))
			return FL_NEVER;
		if (s->queue.head->kind == SEG_DATA && !stage_cut_head(t, s, s->bandwidth.piece))
			return FL_NEVER;
		s->bandwidth.planned = false;
		s->hits++;
		stage_pass(t, s, s->bandwidth.due);
	}
	return FL_NEVER;
}

/* Holds 20 ms worth, so that the sender feels the rate. */
static void
bandwidth_size(struct stage_turn *t, struct chain_stage *s)
{
	int64_t bytes = rate_of(s->fault) * 20;

	s->cap = (uint32_t)FL_MIN(FL_MAX(bytes, STAGE_CAP_BYTES), t->env->bound_bytes);
}

static void
bandwidth_start(struct stage_turn *t, struct chain_stage *s)
{
	bandwidth_size(t, s);
	s->bandwidth.planned = false;
	s->bandwidth.free_at = t->now;
	s->bandwidth.rest = 0;
}

static fl_ns
rescale(fl_ns at, fl_ns now, int64_t rate_old, int64_t rate_new)
{
	double left = (double)(at - now) * ((double)rate_old / (double)rate_new);

	return at <= now ? at : stage_time_add(now, left < 0x1p62 ? (fl_ns)left : FL_NEVER / 2);
}

/* The first connection to learn of an update moves what is promised on the shared clock. */
static void
shared_rescale(struct spec_shared *shared, const struct fault_spec *f, fl_ns now, int64_t rate_old, int64_t rate_new)
{
	uint32_t version = atomic_load_explicit(&shared->version, memory_order_relaxed);
	int64_t free_at;

	if (version == f->version ||
	    !atomic_compare_exchange_strong_explicit(&shared->version, &version, f->version, memory_order_relaxed, memory_order_relaxed))
		return;
	free_at = atomic_load_explicit(&shared->free_at_ns, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&shared->free_at_ns, &free_at,
	    rate_old > 0 ? rescale(free_at, now, rate_old, rate_new) : FL_MIN(free_at, now), memory_order_relaxed, memory_order_relaxed))
		;
}

/* What is left to wait for the piece in hand shrinks and grows with the rate. */
static void
bandwidth_change(struct stage_turn *t, struct chain_stage *s, const struct fault_spec *old)
{
	int64_t rate_old = rate_of(old), rate_new = rate_of(s->fault);

	bandwidth_size(t, s);
	s->bandwidth.rest = 0;
	if (rate_new > 0 && s->fault->shared != NULL && s->fault->shared == old->shared)
		shared_rescale(s->fault->shared, s->fault, t->now, rate_old, rate_new);
	if (rate_old == 0 || s->fault->shared != old->shared) {
		s->bandwidth.planned = false;
		s->bandwidth.free_at = t->now;
	} else if (rate_new > 0 && s->bandwidth.planned) {
		s->bandwidth.due = s->bandwidth.free_at = rescale(s->bandwidth.due, t->now, rate_old, rate_new);
	}
}

const struct stage_ops stage_delay_bandwidth = { .start = bandwidth_start, .change = bandwidth_change, .run = bandwidth_run };

static fl_ns
slow_close_run(struct stage_turn *t, struct chain_stage *s)
{
	while (s->queue.head != NULL) {
		fl_ns due = s->queue.head->at;

		if (s->queue.head->kind != SEG_DATA) {
			fl_ns delay = s->fault->values[SLOW_CLOSE_DELAY].i * FL_MS;

			due = stage_time_add(due, delay);
			if (!s->slow_close.told) {
				s->slow_close.told = true;
				s->hits++;
				stage_tell(t, s, "hold", s->queue.head->offset, delay);
			}
			if (due > t->now)
				return due;
		}
		if (!stage_room(t, s))
			return FL_NEVER;
		stage_pass(t, s, due);
	}
	return FL_NEVER;
}

const struct stage_ops stage_delay_slow_close = { .run = slow_close_run };
