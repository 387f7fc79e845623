/* SPDX-License-Identifier: MIT */
/* retry.c - whether and when a failed attempt is repeated: a pure function of the question, the seed and the budget. */
#include "faultline/retry.h"
#include "policy/common.h"

#include <string.h>

const char *
fl_retry_text(enum fl_retry_verdict v)
{
	static const char *const texts[] = {
#define FL_RETRY_ROW(id, text) text,
		FL_RETRIES(FL_RETRY_ROW)
#undef FL_RETRY_ROW
	};
	return (unsigned)v < FL_RETRY_COUNT ? texts[v] : "";
}

void
fl_retry_opts_init_size(struct fl_retry_opts *o, size_t size)
{
	struct fl_retry_opts d = { .size = size, .attempts_max = 3, .base = 25 * FL_MS, .max = FL_SEC, .retry_after_max = 5 * FL_SEC };
	memcpy(o, &d, size < sizeof(d) ? size : sizeof(d));
}

static fl_ns
backoff(const struct fl_retry_opts *o, const struct fl_retry_ask *a)
{
	double u = rng_unit(rng_draw(rng_key(o->seed, a->key), a->attempts, 0x6261636b));
	unsigned n = a->attempts > 0 ? a->attempts - 1 : 0;
	fl_ns top = o->base;
	if (o->backoff != NULL)
		return FL_MIN(FL_MAX(o->backoff(o->backoff_ud, n + 1, u), 0), COMMON_TIME_MAX);
	if (a->other_instance && n == 0)
		return 0;
	if (o->decorrelated) {
		top = a->last_wait > o->base ? a->last_wait : o->base;
		top = top > o->max / 3 ? o->max : top * 3;
		return FL_MIN(o->base, o->max) + (fl_ns)(u * (double)FL_MAX(top - o->base, 0));
	}
	for (unsigned i = 0; i < n && top < o->max; i++)
		top = top > o->max / 2 ? o->max : top * 2;
	return (fl_ns)(u * (double)FL_MIN(top, o->max));
}

enum fl_retry_verdict
fl_retry_next(const struct fl_retry_opts *o, struct fl_budget *budget, const struct fl_retry_ask *a, fl_ns now, fl_ns *ret_wait,
    struct fl_refusal *why)
{
	if (a->attempts >= o->attempts_max)
		return o->attempts_max <= 1 ? FL_RETRY_NOT_RETRYABLE : FL_RETRY_ATTEMPTS;
	if (!a->retryable)
		return FL_RETRY_NOT_RETRYABLE;
	if (a->no_retry)
		return FL_RETRY_LOWER_LAYER;
	if (a->sent != FL_NEVER_SENT && !a->idempotent && !o->unsafe)
		return FL_RETRY_NOT_IDEMPOTENT;
	if (a->breaker_open)
		return FL_RETRY_BREAKER;
	fl_ns wait = backoff(o, a);
	if (a->retry_after > 0) {
		if (a->retry_after > o->retry_after_max)
			return FL_RETRY_RETRY_AFTER;
		wait += a->retry_after;         /* not all at that moment */
	}
	if (a->deadline != FL_NEVER && (wait >= a->deadline - now || a->expected > a->deadline - now - wait))
		return a->retry_after > 0 ? FL_RETRY_RETRY_AFTER : FL_RETRY_DEADLINE;
	if (budget != NULL && fl_budget_withdraw(budget, now, why) != 0)
		return FL_RETRY_BUDGET;
	*ret_wait = wait;
	return FL_RETRY_YES;
}
