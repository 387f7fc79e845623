/* SPDX-License-Identifier: MIT */
/*
 * limiter.c - generic cell rate algorithm: one word, the theoretical arrival time.
 *
 * Invariant: the word only grows, by a CAS that has checked it, but for a change of the rate, which keeps what is owed in calls.
 *
 * Reading a word that a locked instruction has just written costs a good part of that instruction. So what the CAS expects is not read from the
 * word but from a plain copy of it: if that is out of date the CAS says so, and tells what is there. Nobody is refused by the copy.
 */
#include "faultline/limiter.h"
#include "policy/common.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct fl_limiter {
	_Alignas(64) _Atomic int64_t tat;       /* theoretical arrival time of the next call */
	_Atomic int64_t guess;                  /* what it was when somebody wrote it last; may be out of date */
	_Atomic int64_t interval;               /* ns between two calls at the rate */
	_Atomic int64_t slack;                  /* (burst - 1) intervals */
	struct fl_limiter_opts o;
	char name[FL_NAME_MAX];
	_Atomic bool limiting;                  /* as it was told */
	_Alignas(64) _Atomic uint64_t refused, drawn, would_refuse;
	_Atomic uint64_t refused_before;        /* it began to refuse */
	_Atomic int64_t refused_at;             /* last */
	_Atomic double rate, burst;
};

void
fl_limiter_opts_init_size(struct fl_limiter_opts *o, size_t size)
{
	struct fl_limiter_opts d = { .size = size, .name = "", .burst = 1, .enforce = 1 };
	memcpy(o, &d, size < sizeof(d) ? size : sizeof(d));
}

#define WAIT_MAX INT64_C(1000000000000000000)   /* longer reservations could overflow the word */

static bool
tune(struct fl_limiter *l, double rate, double burst)
{
	double interval = 1e9 / rate, slack = (burst - 1) * interval;
	if (slack > 9e17)
		return false;
	atomic_store(&l->interval, FL_MAX((int64_t)(interval + 0.5), 1));
	atomic_store(&l->slack, (int64_t)(slack + 0.5));
	atomic_store(&l->rate, rate);
	atomic_store(&l->burst, burst);
	return true;
}

static bool
good(double rate, double burst, const char **f)
{
	return common_check(rate >= 0.001 && rate <= 1e9, "rate", f) && common_check(burst >= 1 && burst <= 1e9, "burst", f);
}

int
fl_limiter_new(const struct fl_limiter_opts *opts, struct fl_limiter **ret_limiter, const char **f)
{
	struct fl_limiter_opts o;
	fl_limiter_opts_init(&o);
	memcpy(&o, opts, FL_MIN(opts->size, sizeof(o)));
	if (!good(o.rate, o.burst, f) || !common_check(o.enforce >= 0 && o.enforce <= 1, "enforce", f))
		return -EINVAL;
	struct fl_limiter *l = common_take(o.alloc, sizeof(*l));
	if (l == NULL)
		return -ENOMEM;
	l->o = o;
	common_name(l->name, o.name);
	l->o.name = l->name;
	atomic_store(&l->tat, INT64_MIN / 2);
	if (!tune(l, o.rate, o.burst)) {
		common_check(false, "burst", f);
		fl_limiter_free(l);
		return -EINVAL;
	}
	*ret_limiter = l;
	return 0;
}

void
fl_limiter_free(struct fl_limiter *l)
{
	if (l != NULL)
		common_give(l->o.alloc, l);
}

/* ---- events ---- */

#define QUIET FL_SEC            /* without a refusal: it limits no more */

COMMON_APART static void
begin(struct fl_limiter *l, fl_ns now)
{
	char why[96];
	if (atomic_exchange(&l->limiting, true))
		return;
	atomic_store(&l->refused_before, common_get(&l->refused));
	snprintf(why, sizeof(why), "more than %.6g a second, and %.0f at once", atomic_load(&l->rate), atomic_load(&l->burst));
	struct fl_event e = { FL_WHO_RATE_LIMIT, l->name, "passing", "limiting", why, now };
	l->o.listener.event(l->o.listener.ud, &e);
}

COMMON_APART static void
end(struct fl_limiter *l, fl_ns now)
{
	char why[96], t[32];
	if (now - atomic_load(&l->refused_at) < QUIET || !atomic_exchange(&l->limiting, false))
		return;
	snprintf(why, sizeof(why), "none was refused for %s, %llu before", common_time(QUIET, t, sizeof(t)),
	    (unsigned long long)(common_get(&l->refused) - common_get(&l->refused_before)));
	struct fl_event e = { FL_WHO_RATE_LIMIT, l->name, "limiting", "passing", why, now };
	l->o.listener.event(l->o.listener.ud, &e);
}

COMMON_APART static int
refuse(struct fl_limiter *l, fl_ns wait, fl_ns now, struct fl_refusal *why)
{
	if (l->o.enforce < 1) {
		uint64_t nth = atomic_fetch_add_explicit(&l->drawn, 1, memory_order_relaxed);
		if (!common_enforced(l->o.enforce, l->o.seed, nth)) {
			atomic_fetch_add_explicit(&l->would_refuse, 1, memory_order_relaxed);
			return 0;
		}
	}
	if (l->o.listener.event != NULL) {
		atomic_store_explicit(&l->refused_at, now, memory_order_relaxed);
		if (!atomic_load_explicit(&l->limiting, memory_order_relaxed))
			begin(l, now);
	}
	atomic_fetch_add_explicit(&l->refused, 1, memory_order_relaxed);
	common_refuse(why, FL_WHO_RATE_LIMIT, FL_REASON_RATE, l->name, wait, atomic_load(&l->rate), atomic_load(&l->burst), 0, 0, 0);
	return -EAGAIN;
}

/* Take a place at most wait_max from now. 0 with the wait; else the wait that would be needed. */
static inline fl_ns
take(struct fl_limiter *l, double cost, fl_ns wait_max, fl_ns now, bool *ret_taken)
{
	int64_t interval = atomic_load_explicit(&l->interval, memory_order_relaxed);
	int64_t slack = atomic_load_explicit(&l->slack, memory_order_relaxed);
	wait_max = FL_MIN(wait_max, WAIT_MAX);
	int64_t step = cost == 1 ? interval : (int64_t)((double)interval * cost + 0.5);
	int64_t tat = atomic_load_explicit(&l->guess, memory_order_relaxed);
	for (;;) {
		int64_t from = FL_MAX(tat, now);
		/* A call of cost c conforms when from + (c - 1) intervals is at most slack ahead of now. */
		fl_ns wait = from + (step - interval) - slack - now;
		if (COMMON_RARE(wait > wait_max)) {
			int64_t told = tat;
			tat = atomic_load_explicit(&l->tat, memory_order_relaxed);
			if (tat != told)
				continue;
			*ret_taken = false;
			return wait;
		}
		if (atomic_compare_exchange_weak_explicit(&l->tat, &tat, from + step, memory_order_relaxed, memory_order_relaxed)) {
			atomic_store_explicit(&l->guess, from + step, memory_order_relaxed);
			*ret_taken = true;
			return FL_MAX(wait, 0);
		}
	}
}

COMMON_HOT int
fl_limiter_admit(struct fl_limiter *l, double cost, fl_ns now, struct fl_refusal *why)
{
	bool taken;
	if (cost != 1 && !(cost > 0 && cost <= atomic_load(&l->burst)))
		return -EINVAL;
	fl_ns wait = take(l, cost, 0, now, &taken);
	if (COMMON_RARE(!taken))
		return refuse(l, wait, now, why);
	if (COMMON_RARE(atomic_load_explicit(&l->limiting, memory_order_relaxed)))
		end(l, now);
	return 0;
}

int
fl_limiter_reserve(struct fl_limiter *l, double cost, fl_ns wait_max, fl_ns now, fl_ns *ret_wait, struct fl_refusal *why)
{
	bool taken;
	if (!(cost > 0 && cost <= atomic_load(&l->burst)) || wait_max < 0)
		return -EINVAL;
	fl_ns wait = take(l, cost, wait_max, now, &taken);
	int r = taken ? 0 : refuse(l, wait, now, why);
	if (taken && atomic_load_explicit(&l->limiting, memory_order_relaxed))
		end(l, now);
	if (r == 0)
		*ret_wait = taken ? wait : 0;
	return r;
}

int
fl_limiter_retune(struct fl_limiter *l, double rate, double burst, fl_ns now)
{
	int64_t before = atomic_load(&l->interval), tat = atomic_load(&l->tat), to;
	if (!good(rate, burst, NULL) || !tune(l, rate, burst))
		return -EINVAL;
	do {
		/* What was admitted and not yet paid for is paid at the new rate. */
		if (tat <= now)
			return 0;
		to = now + (int64_t)((double)(tat - now) / (double)before * (double)atomic_load(&l->interval));
	} while (!atomic_compare_exchange_weak(&l->tat, &tat, to));
	return 0;
}

void
fl_limiter_counters(const struct fl_limiter *l, struct fl_limiter_counters *ret)
{
	*ret = (struct fl_limiter_counters){ .refused = common_get(&l->refused), .would_refuse = common_get(&l->would_refuse),
		.rate = atomic_load(&l->rate), .burst = atomic_load(&l->burst) };
}

char *
fl_limiter_explain(const struct fl_limiter *l, fl_ns now, char *buf, size_t buf_bytes)
{
	double ahead = (double)(atomic_load(&l->tat) - now) / (double)atomic_load(&l->interval);
	double burst = atomic_load(&l->burst);
	snprintf(buf, buf_bytes, "%.6g a second, %.0f at once; %.1f of these are free now; %llu refused", atomic_load(&l->rate), burst,
	    FL_MAX(0.0, burst - FL_MAX(ahead, 0.0)), (unsigned long long)common_get(&l->refused));
	return buf;
}
