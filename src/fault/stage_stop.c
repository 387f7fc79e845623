/* SPDX-License-Identifier: MIT */
/* stage_stop.c - faults that end or freeze a connection: timeout, reset_peer, limit_time, stall, half_open. */
#include "fault/stage.h"

static void
timeout_start(struct stage_turn *t, struct chain_stage *s)
{
	s->timeout.last = t->now;
}

static void
timeout_change(struct stage_turn *t, struct chain_stage *s, const struct fault_spec *old)
{
	(void)old;
	s->timeout.last = t->now;
}

/* The stream has a hole: as Toxiproxy, end it rather than let it go on. */
static void
timeout_stop(struct stage_turn *t, struct chain_stage *s, bool gone)
{
	if (!gone || (!s->active && s->hits == 0))
		return;
	stage_tell(t, s, "close", t->c->in_bytes, 0);
	stage_verdict(t, s, CHAIN_CLOSE);
}

static fl_ns
timeout_run(struct stage_turn *t, struct chain_stage *s)
{
	fl_ns timeout = s->fault->values[TIMEOUT_TIMEOUT].i * FL_MS, deadline;

	while (s->queue.head != NULL && s->queue.head->kind == SEG_DATA) {
		s->timeout.last = FL_MAX(s->timeout.last, s->queue.head->at);
		s->hits++;
		stage_drop(t, s);
	}
	if (timeout == 0 || t->c->verdict != CHAIN_OPEN)
		return FL_NEVER;
	deadline = stage_time_add(s->timeout.last, timeout);
	if (t->now < deadline)
		return deadline;
	stage_tell(t, s, "close", t->c->in_bytes, timeout);
	stage_verdict(t, s, CHAIN_CLOSE);
	return FL_NEVER;
}

const struct stage_ops stage_stop_timeout = {
	.start = timeout_start, .change = timeout_change, .stop = timeout_stop, .run = timeout_run,
};

static void
reset_peer_strike(struct stage_turn *t, struct chain_stage *s)
{
	s->hits++;
	stage_tell(t, s, "reset", s->reset_peer.offset, s->fault->values[RESET_PEER_TIMEOUT].i * FL_MS);
	stage_verdict(t, s, CHAIN_RESET);
}

static fl_ns
reset_peer_run(struct stage_turn *t, struct chain_stage *s)
{
	fl_ns deadline;

	while (s->queue.head != NULL) {
		if (!s->reset_peer.struck) {
			s->reset_peer.struck = true;
			s->reset_peer.at = s->queue.head->at;
			s->reset_peer.offset = s->queue.head->offset;
		}
		stage_drop(t, s);
	}
	if (!s->reset_peer.struck || t->c->verdict == CHAIN_RESET)
		return FL_NEVER;
	deadline = stage_time_add(s->reset_peer.at, s->fault->values[RESET_PEER_TIMEOUT].i * FL_MS);
	if (t->now < deadline)
		return deadline;
	reset_peer_strike(t, s);
	return FL_NEVER;
}

/* What it waited with was dropped: there is no way back. */
static void
reset_peer_stop(struct stage_turn *t, struct chain_stage *s, bool gone)
{
	(void)gone;
	if (s->reset_peer.struck && t->c->verdict != CHAIN_RESET)
		reset_peer_strike(t, s);
}

const struct stage_ops stage_stop_reset_peer = { .stop = reset_peer_stop, .run = reset_peer_run };

static fl_ns
limit_time_run(struct stage_turn *t, struct chain_stage *s)
{
	fl_ns time = s->fault->values[LIMIT_TIME_TIME].i * FL_MS, deadline = stage_time_add(s->since, time);

	stage_pass_all(t, s);
	if (t->c->verdict != CHAIN_OPEN)
		return FL_NEVER;
	if (t->now < deadline)
		return deadline;
	s->hits++;
	stage_tell(t, s, "close", t->c->in_bytes, time);
	stage_verdict(t, s, CHAIN_CLOSE);
	return FL_NEVER;
}

const struct stage_ops stage_stop_limit_time = { .run = limit_time_run };

static void
stall_strike(struct stage_turn *t, struct chain_stage *s, uint64_t offset)
{
	s->stall.struck = s->shut = true;
	s->stall.at = t->now;
	s->hits++;
	stage_tell(t, s, "stall", offset, s->fault->values[STALL_DURATION].i * FL_MS);
}

static bool
stall_due(const struct chain_stage *s)
{
	return !s->stall.over && s->stall.passed >= (uint64_t)s->fault->values[STALL_AFTER].i;
}

static void
stall_start(struct stage_turn *t, struct chain_stage *s)
{
	s->stall.over = false;
	if (stall_due(s))
		stall_strike(t, s, t->c->in_bytes - s->queue.bytes);
}

/* Those above may have been waiting for this: moved, though nothing did. */
static void
stall_over(struct stage_turn *t, struct chain_stage *s)
{
	s->stall.struck = s->shut = false;
	t->moved = true;
}

static void
stall_stop(struct stage_turn *t, struct chain_stage *s, bool gone)
{
	(void)gone;
	stall_over(t, s);
}

static void
stall_change(struct stage_turn *t, struct chain_stage *s, const struct fault_spec *old)
{
	(void)old;
	if (s->stall.struck && !stall_due(s))
		stall_over(t, s);
	else if (!s->stall.struck && stall_due(s))
		stall_strike(t, s, t->c->in_bytes - s->queue.bytes);
}

/* returns when the stall ends, or 0 when it has */
static fl_ns
stall_end(struct stage_turn *t, struct chain_stage *s)
{
	fl_ns duration = s->fault->values[STALL_DURATION].i * FL_MS;
	fl_ns end = duration == 0 ? FL_NEVER : stage_time_add(s->stall.at, duration);

	if (t->now < end)
		return end;
	s->stall.over = true;
	stall_over(t, s);
	return 0;
}

static fl_ns
stall_run(struct stage_turn *t, struct chain_stage *s)
{
	fl_ns wake;

	if (s->stall.struck && (wake = stall_end(t, s)) != 0)
		return wake;
	while (s->queue.head != NULL) {
		const struct chain_seg *seg = s->queue.head;
		uint64_t end, left = (uint64_t)s->fault->values[STALL_AFTER].i - s->stall.passed;
		uint32_t n = seg->len;

		if (!stage_room(t, s))
			return FL_NEVER;
		if (seg->kind == SEG_DATA && !s->stall.over && left < n)
			n = (uint32_t)left;
		if (seg->kind == SEG_DATA && !stage_cut_head(t, s, n))
			return FL_NEVER;
		s->stall.passed += n;
		end = seg->offset + n;
		stage_pass(t, s, seg->at);
		if (stall_due(s)) {
			stall_strike(t, s, end);
			return stall_end(t, s);
		}
	}
	return FL_NEVER;
}

const struct stage_ops stage_stop_stall = { .start = stall_start, .change = stall_change, .stop = stall_stop, .run = stall_run };

static void
half_open_start(struct stage_turn *t, struct chain_stage *s)
{
	bool always = s->fault->scope.window_from == 0 && s->fault->scope.duty_period == 0;

	s->half_open.from = always ? FL_MAX(s->fault->since_ns, s->since) : t->now;
}

/* After the end of the sender its bytes may still arrive, but never the end of its stream. */
static fl_ns
half_open_run(struct stage_turn *t, struct chain_stage *s)
{
	fl_ns after = s->fault->values[HALF_OPEN_AFTER].i * FL_MS, deadline = stage_time_add(s->half_open.from, after);

	while (s->queue.head != NULL && !(s->half_open.struck && s->queue.head->kind != SEG_DATA) && stage_room(t, s))
		stage_pass(t, s, s->queue.head->at);
	if (s->half_open.struck || t->c->verdict != CHAIN_OPEN)
		return FL_NEVER;
	if (t->now < deadline)
		return deadline;
	s->half_open.struck = true;
	s->hits++;
	stage_tell(t, s, "half_open", t->c->in_bytes, after);
	stage_verdict(t, s, CHAIN_HALF_OPEN);
	return FL_NEVER;
}

/* The sender does not come back: the receiver learns of it now. */
static void
half_open_stop(struct stage_turn *t, struct chain_stage *s, bool gone)
{
	(void)gone;
	if (!s->half_open.struck || t->c->verdict == CHAIN_RESET)
		return;
	stage_tell(t, s, "reset", t->c->in_bytes, 0);
	stage_verdict(t, s, CHAIN_RESET);
}

const struct stage_ops stage_stop_half_open = { .start = half_open_start, .stop = half_open_stop, .run = half_open_run };
