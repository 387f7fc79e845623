/* SPDX-License-Identifier: MIT */
/*
 * call.c - one call through all policies: a state machine that is asked what to do next.
 *
 *      NEW -> QUEUED -> READY -> RUNNING <-> BACKOFF -> FALLBACK -> OVER -> FREE
 *
 * Invariants
 *  (1) Every permit that was taken is given back once: adaptive and bulkhead at FREE, when no attempt is flying any more; the plan's
 *      breaker when its attempt is reported.
 *  (2) `end` is set once; nothing is started after that but the fallback.
 *  (3) flying counts attempts that were asked for and not reported.
 *  (4) A token of the budget that was paid for a retry which did not begin is given back.
 */
#include "faultline/call.h"
#include "policy/common.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NEW, QUEUED, READY, RUNNING, BACKOFF, FALL_BACK, FALLING, OVER, FREE };
enum { TRY_NONE, TRY_FLYING, TRY_STOPPING, TRY_DONE };

const char *
fl_end_name(enum fl_end e)
{
	static const char *const names[] = {
#define FL_END_ROW(id, word, text) word,
		FL_ENDS(FL_END_ROW)
#undef FL_END_ROW
	};
	return (unsigned)e < FL_END_COUNT ? names[e] : "open";
}

void
fl_plan_init_size(struct fl_plan *p, size_t size)
{
	struct fl_plan d = { .size = size, .name = "",
		.timeouts = { .total = 15 * FL_SEC, .queue = FL_SEC, .connect = FL_SEC, .idle = 30 * FL_SEC } };
	fl_retry_opts_init(&d.retry);
	d.retry.attempts_max = 1;
	memcpy(p, &d, size < sizeof(d) ? size : sizeof(d));
}

/* ---- ends ---- */

/* Ask all attempts but one to stop. */
static void
stop_others(struct fl_call *c, unsigned but)
{
	for (unsigned i = 0; i < c->attempts; i++)
		if (i != but && c->tries[i].state == TRY_FLYING)
			c->tries[i].state = TRY_STOPPING;
}

static void
over(struct fl_call *c, enum fl_end end)
{
	if (c->paid)
		fl_budget_refund(c->plan->budget);      /* (4) */
	c->paid = false;
	if (c->end == FL_END_OPEN)
		c->end = (uint8_t)end;          /* (2) */
	c->state = OVER;
}

/* It has come to nothing: fall back if that is provided for this. */
static void
come_to_nothing(struct fl_call *c, enum fl_end end)
{
	const struct fl_plan *p = c->plan;
	unsigned on = end == FL_END_TIMED_OUT ? FL_FALLBACK_TIMED_OUT : end == FL_END_REFUSED ? FL_FALLBACK_REFUSED : FL_FALLBACK_FAILED;
	stop_others(c, FL_CALL_ATTEMPTS_MAX);
	struct fl_refusal why;
	if (end != FL_END_ABANDONED && p->fallback != NULL && !c->rehearsal && fl_fallback_admit(p->fallback, on, false, &why) == 0) {
		if (c->paid)
			fl_budget_refund(p->budget);    /* (4) */
		c->paid = false;
		c->fallback_on = true;
		c->failed_once = true;
		c->end = FL_END_OPEN;
		c->state = FALL_BACK;
		c->limit = end == FL_END_TIMED_OUT ? c->limit : FL_LIMIT_NONE;
		return;
	}
	over(c, end);
}

static void
time_is_over(struct fl_call *c, enum fl_limit limit)
{
	c->limit = (uint8_t)limit;
	come_to_nothing(c, FL_END_TIMED_OUT);
}

/* ---- admission ---- */

static void
refused(struct fl_call *c)
{
	come_to_nothing(c, c->refusal.by == FL_WHO_DEADLINE ? FL_END_TIMED_OUT : FL_END_REFUSED);
}

static void
waiter_answered(struct fl_waiter *w, int res, const struct fl_refusal *why, fl_ns now)
{
	struct fl_call *c = FL_CONTAINER_OF(w, struct fl_call, waiter);
	c->granted(c, res, why, now);
}

static int
enter_bulkhead(struct fl_call *c, fl_ns now)
{
	const struct fl_plan *p = c->plan;
	if (c->granted == NULL)
		return fl_bulkhead_acquire(p->bulkhead, now, &c->refusal);
	memset(&c->waiter, 0, sizeof(c->waiter));
	c->waiter.answered = waiter_answered;
	c->waiter.deadline = c->deadline.at == FL_NEVER ? 0 : c->deadline.at;
	c->waiter.priority = (uint8_t)FL_MIN(c->info.priority / (FL_SHEDDER_LEVELS / FL_BULKHEAD_PRIORITIES), FL_BULKHEAD_PRIORITIES - 1u);
	return fl_bulkhead_enter(p->bulkhead, &c->waiter, now, &c->refusal);
}

/* All that is asked before the first attempt. The state says what came of it. */
static void
admit(struct fl_call *c, fl_ns now)
{
	const struct fl_plan *p = c->plan;
	double cost = c->info.cost > 0 ? c->info.cost : 1;
	/* Once: after one that failed we are here again. */
	if (p->fallback != NULL && !c->rehearsal && fl_fallback_rehearses(p->fallback, c->info.key)) {
		c->rehearsal = fl_fallback_admit(p->fallback, 0, true, NULL) == 0;
		c->fallback_on = c->rehearsal;
		if (c->rehearsal) {
			c->state = FALL_BACK;
			return;
		}
	}
	if (fl_deadline_check(c->deadline, p->expected, now, &c->refusal) != 0) {
		c->limit = (uint8_t)c->deadline.limit;
		refused(c);
		return;
	}
	if ((p->limiter != NULL && fl_limiter_admit(p->limiter, cost, now, &c->refusal) != 0) ||
	    (p->shedder != NULL && fl_shedder_admit(p->shedder, c->info.cell, c->info.priority, c->info.key, now, &c->refusal) != 0) ||
	    (p->adaptive != NULL && fl_adaptive_admit(p->adaptive, now, &c->epoch, &c->refusal) != 0)) {
		refused(c);
		return;
	}
	c->has_adaptive = p->adaptive != NULL;
	c->state = READY;
	if (p->bulkhead == NULL)
		return;
	c->queued_at = now;
	c->state = QUEUED;
	c->waiting = true;                      /* before entering: the answer may come at once */
	int r = enter_bulkhead(c, now);
	if (r == -EINPROGRESS)
		return;
	c->waiting = false;
	if (r == 0) {
		c->has_bulkhead = true;
		c->state = READY;
		if (p->shedder != NULL)
			fl_shedder_sojourn(p->shedder, c->info.cell, 0, now);
	} else {
		refused(c);
	}
}

void
fl_call_start(struct fl_call *c, const struct fl_plan *plan, const struct fl_call_info *info,
    void (*granted)(struct fl_call *c, int res, const struct fl_refusal *why, fl_ns now), fl_ns now)
{
	c->plan = plan;
	c->info = *info;
	c->start = now;
	c->granted = granted;
	c->queued_at = c->retry_at = c->last_wait = 0;
	c->hedge_at = FL_NEVER;
	c->epoch = 0;
	c->state = NEW;
	c->attempts = c->flying = c->hedges = c->winner = 0;
	c->end = FL_END_OPEN;
	c->limit = FL_LIMIT_NONE;
	c->has_adaptive = c->has_bulkhead = c->waiting = c->finish_told = c->rehearsal = c->fallback_on = c->failed_once = false;
	c->paid = c->overloaded = c->abandoned = false;
	c->latency = 0;
	c->verdict = FL_RETRY_YES;
	c->refusal.by = FL_WHO_NONE;
	c->deadline = fl_deadline_of(&plan->timeouts, now, info->deadline);
}

void
fl_call_granted(struct fl_call *c, int res, const struct fl_refusal *why, fl_ns now)
{
	const struct fl_plan *p = c->plan;
	c->waiting = false;
	if (p->shedder != NULL)
		fl_shedder_sojourn(p->shedder, c->info.cell, now - c->queued_at, now);
	if (c->state != QUEUED) {
		/* It was given up while the answer was under way. */
		if (res == 0)
			fl_bulkhead_release(p->bulkhead, now);
		return;
	}
	if (res == 0) {
		c->has_bulkhead = true;
		c->state = READY;
		return;
	}
	c->refusal = *why;
	refused(c);
}

/* ---- attempts ---- */

static enum fl_do
start_attempt(struct fl_call *c, bool hedge, fl_ns now, struct fl_todo *todo)
{
	const struct fl_plan *p = c->plan;
	struct fl_call_try *t = &c->tries[c->attempts];
	enum fl_limit limit;
	*t = (struct fl_call_try){ .state = TRY_FLYING, .hedge = hedge, .at = now };
	if (p->breaker != NULL) {
		if (fl_breaker_admit(p->breaker, c->info.cell, now, &t->permit, &c->refusal) != 0)
			return FL_DO_WAIT;
		t->voted = true;                /* owes a vote */
	}
	*todo = (struct fl_todo){ .what = FL_DO_ATTEMPT, .attempt = c->attempts, .hedge = hedge,
		.until = fl_deadline_next(&p->timeouts, c->deadline, FL_PHASE_SEND, now, now, now, &limit) };
	c->attempts++;
	c->flying++;
	c->state = RUNNING;
	c->paid = false;
	c->limit = FL_LIMIT_NONE;               /* of an earlier attempt */
	c->hedge_at = FL_NEVER;
	if (p->hedge != NULL && c->info.idempotent && c->hedges < p->hedges_max && c->attempts < FL_CALL_ATTEMPTS_MAX) {
		fl_ns delay = fl_hedge_delay(p->hedge);
		if (delay != FL_NEVER)
			c->hedge_at = now + delay;
	}
	return FL_DO_ATTEMPT;
}

/* May a hedge start now? Pays for it. */
static bool
may_hedge(struct fl_call *c, fl_ns now)
{
	const struct fl_plan *p = c->plan;
	c->hedge_at = FL_NEVER;
	if (!c->info.idempotent || (p->breaker != NULL && fl_breaker_state(p->breaker) != FL_BREAKER_CLOSED))
		return false;                   /* the owner may have changed its mind since the attempt began */
	if (p->adaptive != NULL && fl_adaptive_full(p->adaptive))
		return false;                   /* there is no room for more of the same */
	if (!fl_hedge_enforced(p->hedge) || (p->budget != NULL && fl_budget_withdraw(p->budget, now, &c->refusal) != 0))
		return false;
	return true;
}

/* The attempt's result, to the policies that judge it. */
static void
vote(struct fl_call *c, struct fl_call_try *t, const struct fl_attempt_result *r, fl_ns now)
{
	const struct fl_plan *p = c->plan;
	fl_ns latency = r->latency > 0 ? r->latency : now - t->at;
	if (t->voted)
		fl_breaker_record(p->breaker, c->info.cell, &t->permit, r->refused ? FL_CANCELLED : r->outcome, latency, now);
	t->voted = false;
	if (r->refused)
		return;
	if (p->hedge != NULL && (r->outcome == FL_OK || r->outcome == FL_CANCELLED || c->limit != FL_LIMIT_NONE))
		fl_hedge_record(p->hedge, c->info.cell, latency, r->outcome != FL_OK, now);
	if (p->shedder != NULL && (r->outcome == FL_OK || (r->outcome == FL_FAILED && r->sent == FL_ANSWERED)))
		fl_shedder_accepted(p->shedder, c->info.cell, now);
}

static void
try_again(struct fl_call *c, const struct fl_attempt_result *r, fl_ns now)
{
	const struct fl_plan *p = c->plan;
	struct fl_retry_ask ask = { .attempts = c->attempts, .sent = r->sent, .retryable = r->retryable, .idempotent = c->info.idempotent,
		.no_retry = r->no_retry || c->info.no_retry,
		.breaker_open = r->breaker_open || (p->breaker != NULL && !fl_breaker_ready(p->breaker, now)),
		.other_instance = p->other_instances, .retry_after = r->retry_after, .deadline = c->deadline.at, .expected = p->expected,
		.last_wait = c->last_wait, .key = c->info.key };
	struct fl_refusal why;
	fl_ns wait = 0;
	enum fl_retry_verdict v = c->attempts >= FL_CALL_ATTEMPTS_MAX ? FL_RETRY_ATTEMPTS :
	    fl_retry_next(&p->retry, p->budget, &ask, now, &wait, &why);
	c->verdict = (uint8_t)v;
	if (v == FL_RETRY_BUDGET)
		c->refusal = r->refused && r->why != NULL ? *r->why : why;
	if (v == FL_RETRY_YES) {
		c->paid = p->budget != NULL;
		c->last_wait = wait;
		c->retry_at = now + wait;
		c->state = BACKOFF;
	} else {
		come_to_nothing(c, r->refused ? FL_END_REFUSED : FL_END_FAILED);
	}
}

void
fl_call_done(struct fl_call *c, unsigned attempt, const struct fl_attempt_result *r, fl_ns now)
{
	struct fl_call_try *t = &c->tries[attempt];
	const struct fl_plan *p = c->plan;
	fl_assert(attempt < c->attempts && (t->state == TRY_FLYING || t->state == TRY_STOPPING) && c->flying > 0);      /* (3) */
	bool stopping = t->state == TRY_STOPPING;
	struct fl_attempt_result mine = *r;
	if (stopping && mine.outcome != FL_CANCELLED && c->end == FL_END_ANSWERED)
		mine.outcome = FL_CANCELLED;            /* it lost */
	bool late = c->state == RUNNING && now >= c->deadline.at && mine.outcome == FL_CANCELLED;      /* the owner saw to it */
	if ((stopping && c->limit != FL_LIMIT_NONE && mine.outcome == FL_CANCELLED) || late)
		mine.outcome = FL_FAILED;               /* it was too slow */
	vote(c, t, &mine, now);
	c->overloaded |= r->outcome == FL_OVERLOADED;
	c->latency = attempt == c->winner || !stopping ? (r->latency > 0 ? r->latency : now - t->at) : c->latency;
	t->state = TRY_DONE;
	c->flying--;
	if (p->hedge != NULL && c->hedges > 0 && r->outcome == FL_OK && !stopping)
		fl_hedge_won(p->hedge, t->hedge);
	if (c->state != RUNNING && c->state != BACKOFF) {
		/* The committed one has ended: the last word on the adaptive limit is its. */
		if (c->state == OVER && attempt == c->winner && r->outcome != FL_OK && c->end == FL_END_ANSWERED)
			c->failed_once = true;
		return;
	}
	if (r->refused && r->why != NULL)
		c->refusal = *r->why;
	if (r->outcome == FL_OK) {
		c->winner = (uint8_t)attempt;
		stop_others(c, attempt);
		over(c, FL_END_ANSWERED);
		if (p->budget != NULL)
			fl_budget_deposit(p->budget, c->info.cell);
		return;
	}
	if (c->flying > 0)
		return;                                 /* another one may still answer */
	c->winner = (uint8_t)attempt;
	if (late)
		time_is_over(c, c->deadline.limit);
	else
		try_again(c, r, now);
}

void
fl_call_commit(struct fl_call *c, unsigned attempt, fl_ns now)
{
	const struct fl_plan *p = c->plan;
	(void)now;
	if (c->state != RUNNING || c->tries[attempt].state != TRY_FLYING)
		return;
	c->winner = (uint8_t)attempt;
	stop_others(c, attempt);
	over(c, FL_END_ANSWERED);
	if (p->budget != NULL)
		fl_budget_deposit(p->budget, c->info.cell);
	if (p->hedge != NULL && c->hedges > 0)
		fl_hedge_won(p->hedge, c->tries[attempt].hedge);
}

void
fl_call_fallback_done(struct fl_call *c, bool good, fl_ns now)
{
	const struct fl_plan *p = c->plan;
	fl_assert(c->fallback_on);
	fl_fallback_done(p->fallback, good, now);
	c->fallback_on = false;
	if (c->state != FALLING)
		return;
	if (good) {
		over(c, FL_END_FALLBACK);
	} else if (c->rehearsal) {
		c->state = NEW;                         /* the rehearsal failed: the call goes the usual way */
	} else {
		over(c, c->limit != FL_LIMIT_NONE ? FL_END_TIMED_OUT : c->refusal.by != FL_WHO_NONE && c->attempts == 0 ? FL_END_REFUSED
		    : FL_END_FAILED);
	}
}

void
fl_call_abandon(struct fl_call *c, fl_ns now)
{
	if (c->state == OVER || c->state == FREE) {
		stop_others(c, FL_CALL_ATTEMPTS_MAX);
		return;
	}
	if (c->waiting && fl_bulkhead_leave(c->plan->bulkhead, &c->waiter, now) == 0)
		c->waiting = false;             /* else fl_call_granted() comes, and gives it back */
	if (c->fallback_on && c->state == FALL_BACK) {
		fl_fallback_leave(c->plan->fallback);
		c->fallback_on = false;
	}
	stop_others(c, FL_CALL_ATTEMPTS_MAX);
	over(c, FL_END_ABANDONED);
}

void
fl_call_limit(struct fl_call *c, enum fl_limit limit)
{
	c->limit = (uint8_t)limit;
}

/* ---- what next ---- */

/* Give back what the call holds (1). */
static enum fl_do
release(struct fl_call *c, fl_ns now, struct fl_todo *todo)
{
	const struct fl_plan *p = c->plan;
	if (c->has_bulkhead && c->abandoned)
		fl_bulkhead_release_abandoned(p->bulkhead, now);
	else if (c->has_bulkhead)
		fl_bulkhead_release(p->bulkhead, now);
	if (c->has_adaptive) {
		enum fl_outcome o = c->overloaded ? FL_OVERLOADED : c->end == FL_END_ANSWERED && !c->failed_once ? FL_OK : FL_CANCELLED;
		fl_adaptive_release(p->adaptive, c->epoch, o, c->limit != FL_LIMIT_NONE && c->attempts > 0, c->latency, now);
	}
	c->has_bulkhead = c->has_adaptive = false;
	c->state = FREE;
	todo->what = FL_DO_RELEASE;
	return FL_DO_RELEASE;
}

static enum fl_do
finish(struct fl_call *c, fl_ns now, struct fl_todo *todo)
{
	if (!c->finish_told) {
		c->finish_told = true;
		*todo = (struct fl_todo){ .what = FL_DO_FINISH, .end = (enum fl_end)c->end, .attempt = c->winner };
		return FL_DO_FINISH;
	}
	if (c->flying == 0 && !c->fallback_on && !c->waiting)
		return release(c, now, todo);
	if (c->has_bulkhead && !c->abandoned && c->flying > 0 && c->tries[c->winner].state != TRY_FLYING) {
		c->abandoned = true;                    /* else the winner's answer is still on its way */
		fl_bulkhead_abandon(c->plan->bulkhead);
	}
	*todo = (struct fl_todo){ .what = FL_DO_WAIT, .until = FL_NEVER };
	return FL_DO_WAIT;
}

/* The earliest time at which something is due while attempts run. */
static enum fl_do
run(struct fl_call *c, fl_ns now, struct fl_todo *todo)
{
	const struct fl_plan *p = c->plan;
	if (c->hedge_at <= now && may_hedge(c, now)) {
		c->hedges++;
		if (start_attempt(c, true, now, todo) == FL_DO_ATTEMPT) {
			fl_hedge_started(p->hedge);
			return FL_DO_ATTEMPT;
		}
		c->hedges--;
		if (p->budget != NULL)
			fl_budget_refund(p->budget);    /* (4) */
	}
	*todo = (struct fl_todo){ .what = FL_DO_WAIT, .until = FL_MIN(c->deadline.at, c->hedge_at) };
	return FL_DO_WAIT;
}

/* It waited for as long as it may. */
static void
left_queue(struct fl_call *c, enum fl_limit limit, fl_ns now)
{
	const struct fl_plan *p = c->plan;
	struct fl_bulkhead_counters k;
	c->waiting = false;
	if (p->shedder != NULL)
		fl_shedder_sojourn(p->shedder, c->info.cell, now - c->queued_at, now);
	if (limit != FL_LIMIT_QUEUE) {
		time_is_over(c, limit);
		return;
	}
	fl_bulkhead_counters(p->bulkhead, &k);
	common_refuse(&c->refusal, FL_WHO_BULKHEAD, FL_REASON_BULKHEAD_TIMEOUT, p->name, 0, (double)(now - c->queued_at) / 1e6, k.inflight,
	    k.max, 0, 0);
	refused(c);
}

/* In the queue. returns whether it stays there. */
static bool
wait_in_queue(struct fl_call *c, fl_ns now, struct fl_todo *todo)
{
	const struct fl_plan *p = c->plan;
	enum fl_limit limit;
	fl_ns at = fl_deadline_next(&p->timeouts, c->deadline, FL_PHASE_QUEUE, c->queued_at, c->queued_at, c->queued_at, &limit);
	fl_ns patience = c->queued_at + fl_bulkhead_patience(p->bulkhead);
	*todo = (struct fl_todo){ .what = FL_DO_WAIT, .until = FL_MIN(at, patience) };
	if (now < todo->until)
		return true;
	todo->until = FL_NEVER;                 /* -EALREADY below: the answer is on its way */
	if (now >= at && fl_bulkhead_leave(p->bulkhead, &c->waiter, now) == 0) {
		left_queue(c, limit, now);
		return false;
	}
	if (now >= at || fl_bulkhead_expire(p->bulkhead, &c->waiter, now, &c->refusal) != -EAGAIN)
		return true;
	c->waiting = false;
	if (p->shedder != NULL)
		fl_shedder_sojourn(p->shedder, c->info.cell, now - c->queued_at, now);
	refused(c);
	return false;
}

/* One step. returns false when the state changed and the next step is to be made. */
static bool
step(struct fl_call *c, fl_ns now, struct fl_todo *todo)
{
	switch (c->state) {
	case NEW:
		admit(c, now);
		return false;
	case QUEUED:
		return wait_in_queue(c, now, todo);
	case READY:
	case BACKOFF:
		if (now >= c->deadline.at) {
			time_is_over(c, c->deadline.limit);
			return false;
		}
		if (c->state == BACKOFF && now < c->retry_at) {
			*todo = (struct fl_todo){ .what = FL_DO_WAIT, .until = FL_MIN(c->retry_at, c->deadline.at) };
			return true;
		}
		if (start_attempt(c, false, now, todo) == FL_DO_ATTEMPT)
			return true;
		refused(c);
		return false;
	case RUNNING:
		if (now >= c->deadline.at) {
			time_is_over(c, c->deadline.limit);
			return false;
		}
		run(c, now, todo);
		return true;
	case FALL_BACK:
		c->state = FALLING;
		*todo = (struct fl_todo){ .what = FL_DO_FALLBACK };
		return true;
	case FALLING:
		*todo = (struct fl_todo){ .what = FL_DO_WAIT, .until = FL_NEVER };
		return true;
	case OVER:
		finish(c, now, todo);
		return true;
	default:
		*todo = (struct fl_todo){ .what = FL_DO_RELEASE };
		return true;
	}
}

enum fl_do
fl_call_next(struct fl_call *c, fl_ns now, struct fl_todo *ret_todo)
{
	for (unsigned i = 0; i < c->attempts && c->flying > 0; i++) {
		struct fl_call_try *t = &c->tries[i];
		if (t->state != TRY_STOPPING || t->cancel_told)
			continue;
		t->cancel_told = true;
		*ret_todo = (struct fl_todo){ .what = FL_DO_CANCEL, .attempt = i };
		return FL_DO_CANCEL;
	}
	for (int n = 0; !step(c, now, ret_todo); n++)
		fl_assert(n < 16);
	/* A step may have asked attempts to stop: those come first. */
	for (unsigned i = 0; i < c->attempts && c->flying > 0; i++) {
		struct fl_call_try *t = &c->tries[i];
		if (t->state == TRY_STOPPING && !t->cancel_told && ret_todo->what == FL_DO_WAIT)
			return fl_call_next(c, now, ret_todo);
	}
	return ret_todo->what;
}

/* ---- for one thread that waits ---- */

enum fl_end
fl_call_run(const struct fl_plan *plan, const struct fl_call_info *info, const struct fl_call_work *work, struct fl_call *c)
{
	struct fl_plan alone = *plan;
	alone.hedge = NULL;
	struct fl_todo todo;
	enum fl_end end = FL_END_OPEN;
	fl_call_start(c, &alone, info, NULL, work->clock(work->ud));
	for (;;) {
		struct fl_attempt_result r = { .outcome = FL_CANCELLED };
		switch (fl_call_next(c, work->clock(work->ud), &todo)) {
		case FL_DO_ATTEMPT:
			work->attempt(work->ud, todo.attempt, todo.until, &r);
			/* fallthrough */
		case FL_DO_CANCEL:
			fl_call_done(c, todo.attempt, &r, work->clock(work->ud));
			break;
		case FL_DO_FALLBACK:
			fl_call_fallback_done(c, work->fallback != NULL && work->fallback(work->ud, c), work->clock(work->ud));
			break;
		case FL_DO_WAIT:
			work->sleep_until(work->ud, todo.until);
			break;
		case FL_DO_FINISH:
			end = todo.end;
			break;
		case FL_DO_RELEASE:
			c->plan = plan;
			return end;
		}
	}
}

char *
fl_call_explain(const struct fl_call *c, char *buf, size_t buf_bytes)
{
	char say[320] = "";
	const char *s = c->attempts == 1 ? "" : "s";
	if (c->refusal.by != FL_WHO_NONE)
		fl_refusal_say(&c->refusal, say, sizeof(say));
	switch ((enum fl_end)c->end) {
	case FL_END_REFUSED:
		snprintf(buf, buf_bytes, "%s", say);
		break;
	case FL_END_TIMED_OUT:
		snprintf(buf, buf_bytes, "%s, after %u attempt%s", fl_limit_text((enum fl_limit)c->limit), c->attempts, s);
		break;
	case FL_END_FAILED:
		snprintf(buf, buf_bytes, "attempt %u failed; %s", c->attempts, fl_retry_text((enum fl_retry_verdict)c->verdict));
		break;
	default:
		snprintf(buf, buf_bytes, "%s, %u attempt%s", fl_end_name((enum fl_end)c->end), c->attempts, s);
	}
	return buf;
}
