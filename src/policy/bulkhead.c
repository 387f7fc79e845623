/* SPDX-License-Identifier: MIT */
/*
 * bulkhead.c - permits by one addition, a queue under a lock.
 *
 * Reading a word that was just written by a locked instruction costs as much as the instruction, so a permit is taken by adding
 * first and looking at what was there: whoever finds max or more takes it back. Such a ghost in the count is never a permit, but may hide
 * a free one for a moment; so `full` keeps newcomers from making ghosts, and whoever took one back serves the queue, as a release does.
 *
 * Invariants
 *  (1) A permit is out only if inflight was below max when it was counted, except under observation (enforce < 1).
 *  (2) waiting is stored before inflight is looked at by whoever queues, and inflight is lowered before waiting is looked at by
 *      whoever releases (both sequentially consistent): at least one of the two sees the other.
 *  (3) A waiter leaves the queue under the lock, once; answered() is called without the lock.
 */
#include "faultline/bulkhead.h"
#include "policy/common.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { IDLE, WAITING, ANSWERED };

struct line_up {
	struct fl_waiter *head, *tail;  /* head: first in */
};

struct fl_bulkhead {
	_Alignas(64) _Atomic int64_t inflight;
	_Atomic uint32_t waiting;
	_Atomic uint32_t max;
	_Atomic bool full;              /* somebody found no permit since the last release: look before adding */
	_Atomic bool may_exceed;                /* inflight may be above max for good reason: observation, or max was lowered */
	_Atomic int64_t most;           /* inflight at most, so far */
	_Alignas(64) atomic_flag lock;
	_Atomic uint32_t queue_max;
	bool standing;                  /* last in, first out, as the listener knows it */
	struct line_up lines[FL_BULKHEAD_PRIORITIES];
	fl_ns empty_at;                 /* when the queue was empty last; under the lock */
	struct fl_bulkhead_opts o;
	char name[FL_NAME_MAX];
	_Atomic uint64_t queued, refused_full, refused_delay, refused_deadline, left, drawn, would_refuse;
	_Atomic int64_t abandoned;
};

void
fl_bulkhead_opts_init_size(struct fl_bulkhead_opts *o, size_t size)
{
	struct fl_bulkhead_opts d = { .size = size, .name = "", .max = 64, .interval = 100 * FL_MS, .target = 5 * FL_MS,
		.lifo_after = 100 * FL_MS, .enforce = 1 };
	memcpy(o, &d, size < sizeof(d) ? size : sizeof(d));
}

int
fl_bulkhead_new(const struct fl_bulkhead_opts *opts, struct fl_bulkhead **ret_bulkhead, const char **f)
{
	struct fl_bulkhead_opts o;
	fl_bulkhead_opts_init(&o);
	memcpy(&o, opts, FL_MIN(opts->size, sizeof(o)));
	if (!common_check(o.max >= 1 && o.max <= INT32_MAX, "max", f) || !common_check(o.queue <= INT32_MAX, "queue", f) ||
	    !common_check(o.interval > 0 && o.interval <= COMMON_TIME_MAX, "interval", f) ||
	    !common_check(o.target > 0 && o.target <= o.interval, "target", f) || !common_check(o.lifo_after > 0, "lifo_after", f) ||
	    !common_check(o.expected >= 0 && o.expected <= COMMON_TIME_MAX, "expected", f) ||
	    !common_check(o.enforce >= 0 && o.enforce <= 1, "enforce", f))
		return -EINVAL;
	struct fl_bulkhead *b = common_take(o.alloc, sizeof(*b));
	if (b == NULL)
		return -ENOMEM;
	b->o = o;
	common_name(b->name, o.name);
	b->o.name = b->name;
	atomic_store(&b->max, o.max);
	atomic_store(&b->queue_max, o.queue);
	atomic_store(&b->may_exceed, o.enforce < 1);
	b->empty_at = INT64_MIN / 2;
	*ret_bulkhead = b;
	return 0;
}

void
fl_bulkhead_free(struct fl_bulkhead *b)
{
	if (b != NULL)
		common_give(b->o.alloc, b);
}

/* ---- permits ---- */

static void
note_most(struct fl_bulkhead *b, int64_t n)
{
	if (n > atomic_load_explicit(&b->most, memory_order_relaxed))
		atomic_store_explicit(&b->most, n, memory_order_relaxed);
}

/* A permit, having looked first. */
static bool
take(struct fl_bulkhead *b)
{
	int64_t n = atomic_load(&b->inflight);
	do {
		if (n >= (int64_t)atomic_load_explicit(&b->max, memory_order_relaxed)) {
			atomic_store(&b->full, true);
			return false;
		}
	} while (!atomic_compare_exchange_weak(&b->inflight, &n, n + 1));        /* (1) */
	note_most(b, n + 1);
	return true;
}

static void serve(struct fl_bulkhead *b, fl_ns now);

/* Found no permit in `inflight` after adding to it: take that back. */
COMMON_APART static bool
take_back(struct fl_bulkhead *b, fl_ns now)
{
	atomic_store(&b->full, true);
	atomic_fetch_sub(&b->inflight, 1);
	if (atomic_load(&b->waiting) > 0)
		serve(b, now);                  /* a release may have found this ghost instead of a free permit */
	return atomic_load(&b->waiting) == 0 && take(b);
}

/* A permit at once, without overtaking those who wait. */
static inline bool
take_first(struct fl_bulkhead *b, fl_ns now)
{
	if (COMMON_RARE(atomic_load_explicit(&b->waiting, memory_order_relaxed) > 0))
		return false;
	if (COMMON_RARE(atomic_load_explicit(&b->full, memory_order_relaxed)))
		return take(b);
	int64_t n = atomic_fetch_add(&b->inflight, 1) + 1;                       /* (1) */
	if (COMMON_RARE(n > (int64_t)atomic_load_explicit(&b->max, memory_order_relaxed)))
		return take_back(b, now);
	if (COMMON_RARE(n > atomic_load_explicit(&b->most, memory_order_relaxed)))
		note_most(b, n);
	return true;
}

static void
count(_Atomic uint64_t *c)
{
	atomic_fetch_add_explicit(c, 1, memory_order_relaxed);
}

/* Without ghosts. */
static int64_t
inflight(const struct fl_bulkhead *b)
{
	int64_t n = atomic_load(&b->inflight), max = (int64_t)atomic_load(&b->max);
	return atomic_load(&b->may_exceed) ? n : FL_MIN(n, max);
}

/* Only observed: this one is let through, whatever stands in its way. */
COMMON_APART static bool
observed(struct fl_bulkhead *b)
{
	if (b->o.enforce >= 1)
		return false;
	uint64_t nth = atomic_fetch_add_explicit(&b->drawn, 1, memory_order_relaxed);
	if (common_enforced(b->o.enforce, b->o.seed, nth))
		return false;
	count(&b->would_refuse);
	atomic_fetch_add(&b->inflight, 1);
	return true;
}

COMMON_APART static int
refuse_full(struct fl_bulkhead *b, struct fl_refusal *why)
{
	count(&b->refused_full);
	common_refuse(why, FL_WHO_BULKHEAD, FL_REASON_BULKHEAD_FULL, b->name, b->o.target, (double)inflight(b),
	    atomic_load(&b->max), atomic_load(&b->waiting), atomic_load(&b->queue_max), 0);
	return -EAGAIN;
}

/* ---- the queue, under the lock ---- */

static void
push(struct fl_bulkhead *b, struct fl_waiter *w)
{
	struct line_up *l = &b->lines[w->priority];
	w->next = NULL;
	w->prev = l->tail;
	if (l->tail != NULL)
		l->tail->next = w;
	else
		l->head = w;
	l->tail = w;
	w->state = WAITING;
	atomic_fetch_add(&b->waiting, 1);
}

static void
take_out(struct fl_bulkhead *b, struct fl_waiter *w)
{
	struct line_up *l = &b->lines[w->priority];
	if (w->prev != NULL)
		w->prev->next = w->next;
	else
		l->head = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	else
		l->tail = w->prev;
	w->next = w->prev = NULL;
	w->state = ANSWERED;
	atomic_fetch_sub(&b->waiting, 1);
}

/* Has the queue been standing, not draining, for long? */
static bool
is_lifo(const struct fl_bulkhead *b, fl_ns now)
{
	return b->o.lifo_after != FL_NEVER && now - b->empty_at > b->o.lifo_after;
}

/* Who is next: first in while the queue drains, last in when it has not for long. NULL: nobody. */
static struct fl_waiter *
next_of(const struct fl_bulkhead *b, fl_ns now)
{
	for (unsigned i = 0; i < FL_BULKHEAD_PRIORITIES; i++)
		if (b->lines[i].head != NULL)
			return is_lifo(b, now) ? b->lines[i].tail : b->lines[i].head;
	return NULL;
}

/* Whose place in a full queue a newcomer takes: of the least important, if they are less so than he; of his equals only last in, first out. */
static struct fl_waiter *
victim(const struct fl_bulkhead *b, unsigned priority, fl_ns now)
{
	bool lifo = is_lifo(b, now);
	for (unsigned i = FL_BULKHEAD_PRIORITIES; i-- > priority;)
		if (b->lines[i].head != NULL && (lifo || i > priority))
			return lifo ? b->lines[i].head : b->lines[i].tail;
	return NULL;
}

/* Is there too little time left for the work? */
static bool
is_late(const struct fl_bulkhead *b, const struct fl_waiter *w, fl_ns now, struct fl_refusal *why)
{
	if (w->deadline == 0 || w->deadline - now >= FL_MAX(b->o.expected, 1))
		return false;
	common_refuse(why, FL_WHO_BULKHEAD, FL_REASON_BULKHEAD_DEADLINE, b->name, 0, (double)(w->deadline - now) / 1e6,
	    (double)b->o.expected / 1e6, 0, 0, 0);
	return true;
}

/* Has the waiter lost its chance? */
static bool
is_lost(const struct fl_bulkhead *b, const struct fl_waiter *w, fl_ns now, struct fl_refusal *why)
{
	fl_ns allowed = now - b->empty_at > b->o.interval ? b->o.target : b->o.interval, waited = now - w->since;
	if (is_late(b, w, now, why))
		return true;
	if (waited <= allowed)
		return false;
	common_refuse(why, FL_WHO_BULKHEAD, FL_REASON_BULKHEAD_DELAY, b->name, allowed, (double)waited / 1e6, (double)allowed / 1e6, 0, 0, 0);
	return true;
}

/* The first waiter in any line that has lost its chance: with LIFO the old ones stand at the other end. */
static struct fl_waiter *
lost_one(struct fl_bulkhead *b, fl_ns now, struct fl_refusal *why)
{
	for (unsigned i = 0; i < FL_BULKHEAD_PRIORITIES; i++)
		if (b->lines[i].head != NULL && is_lost(b, b->lines[i].head, now, why))
			return b->lines[i].head;
	return NULL;
}

static void
note_empty(struct fl_bulkhead *b, fl_ns now)
{
	if (atomic_load_explicit(&b->waiting, memory_order_relaxed) == 0)
		b->empty_at = now;
}

/* Under the lock: has the queue's order changed since it was told? */
static bool
turned(struct fl_bulkhead *b, fl_ns now)
{
	bool standing = atomic_load_explicit(&b->waiting, memory_order_relaxed) > 0 && is_lifo(b, now);
	bool changed = standing != b->standing;
	b->standing = standing;
	return changed;
}

static void
tell(const struct fl_bulkhead *b, bool standing, fl_ns now)
{
	static const char *const names[] = { "draining", "standing" };
	char why[96], t[32];
	if (b->o.listener.event == NULL)
		return;
	snprintf(why, sizeof(why), "the queue %s %s%s", standing ? "has not been empty for" : "is empty",
	    standing ? common_time(b->o.lifo_after, t, sizeof(t)) : "again", standing ? ": last in, first out" : "");
	struct fl_event e = { FL_WHO_BULKHEAD, b->name, names[!standing], names[standing], why, now };
	b->o.listener.event(b->o.listener.ud, &e);
}

/* Grant and refuse what can be. One waiter a turn, so that answered() is called without the lock (3). */
COMMON_APART static void
serve(struct fl_bulkhead *b, fl_ns now)
{
	while (atomic_load(&b->waiting) > 0) {
		struct fl_refusal why = { .by = FL_WHO_NONE };
		int res = -EAGAIN;
		common_lock(&b->lock);
		bool was = turned(b, now), is;
		struct fl_waiter *w = lost_one(b, now, &why);
		if (w == NULL && (w = next_of(b, now)) != NULL) {
			if (is_lost(b, w, now, &why))
				res = -EAGAIN;
			else if (take(b))
				res = 0;
			else
				w = NULL;
		}
		if (w != NULL) {
			take_out(b, w);
			note_empty(b, now);
		}
		is = b->standing;
		common_unlock(&b->lock);
		if (was)
			tell(b, is, now);
		if (w == NULL)
			return;
		if (res != 0)
			count(why.reason == FL_REASON_BULKHEAD_DEADLINE ? &b->refused_deadline : &b->refused_delay);
		w->answered(w, res, &why, now);
	}
	common_lock(&b->lock);
	bool was = turned(b, now), is = b->standing;
	common_unlock(&b->lock);
	if (was)
		tell(b, is, now);
}

/* ---- for callers ---- */

COMMON_HOT int
fl_bulkhead_acquire(struct fl_bulkhead *b, fl_ns now, struct fl_refusal *why)
{
	return take_first(b, now) || observed(b) ? 0 : refuse_full(b, why);
}

/* A place in the queue, somebody else's if need be, who is then in *ret_out. returns whether there was one. */
static bool
queue_up(struct fl_bulkhead *b, struct fl_waiter *w, fl_ns now, struct fl_waiter **ret_out)
{
	bool room = true;
	*ret_out = NULL;
	common_lock(&b->lock);
	if (atomic_load_explicit(&b->waiting, memory_order_relaxed) >= atomic_load_explicit(&b->queue_max, memory_order_relaxed)) {
		*ret_out = victim(b, w->priority, now);
		room = *ret_out != NULL;
		if (room)
			take_out(b, *ret_out);
	} else {
		note_empty(b, now);
	}
	if (room)
		push(b, w);
	common_unlock(&b->lock);
	return room;
}

int
fl_bulkhead_enter(struct fl_bulkhead *b, struct fl_waiter *w, fl_ns now, struct fl_refusal *why)
{
	struct fl_waiter *out;
	struct fl_refusal full = { .by = FL_WHO_NONE };
	if (take_first(b, now) || observed(b))
		return 0;
	w->since = now;
	w->priority = (uint8_t)FL_MIN(w->priority, FL_BULKHEAD_PRIORITIES - 1);
	if (is_late(b, w, now, why)) {
		count(&b->refused_deadline);
		return -EAGAIN;
	}
	uint32_t places = atomic_load_explicit(&b->queue_max, memory_order_relaxed);
	if (places > 0 && atomic_load_explicit(&b->waiting, memory_order_relaxed) >= places) {
		serve(b, now);                  /* whoever stands there may have lost its chance already */
		if (take_first(b, now))
			return 0;
	}
	if (places == 0 || !queue_up(b, w, now, &out))
		return refuse_full(b, why);
	if (out != NULL) {
		refuse_full(b, &full);
		out->answered(out, -EAGAIN, &full, now);
	}
	count(&b->queued);
	serve(b, now);                          /* (2) a permit may have come back meanwhile */
	return -EINPROGRESS;
}

int
fl_bulkhead_leave(struct fl_bulkhead *b, struct fl_waiter *w, fl_ns now)
{
	common_lock(&b->lock);
	bool waiting = w->state == WAITING;
	if (waiting) {
		take_out(b, w);
		note_empty(b, now);
	}
	common_unlock(&b->lock);
	if (!waiting)
		return -EALREADY;
	w->state = IDLE;
	count(&b->left);
	return 0;
}

fl_ns
fl_bulkhead_patience(const struct fl_bulkhead *b)
{
	return b->o.interval;
}

int
fl_bulkhead_expire(struct fl_bulkhead *b, struct fl_waiter *w, fl_ns now, struct fl_refusal *why)
{
	int r = fl_bulkhead_leave(b, w, now);
	if (r != 0)
		return r;
	atomic_fetch_sub_explicit(&b->left, 1, memory_order_relaxed);
	count(&b->refused_delay);
	common_refuse(why, FL_WHO_BULKHEAD, FL_REASON_BULKHEAD_TIMEOUT, b->name, b->o.target, (double)(now - w->since) / 1e6, (double)inflight(b),
	    atomic_load(&b->max), 0, 0);
	return -EAGAIN;
}

COMMON_HOT void
fl_bulkhead_release(struct fl_bulkhead *b, fl_ns now)
{
	int64_t before = atomic_fetch_sub(&b->inflight, 1);
	fl_assert(before > 0);
	if (COMMON_RARE(atomic_load_explicit(&b->full, memory_order_relaxed)))
		atomic_store(&b->full, false);
	if (COMMON_RARE(atomic_load(&b->waiting) > 0))
		serve(b, now);
}

void
fl_bulkhead_abandon(struct fl_bulkhead *b)
{
	atomic_fetch_add_explicit(&b->abandoned, 1, memory_order_relaxed);
}

void
fl_bulkhead_release_abandoned(struct fl_bulkhead *b, fl_ns now)
{
	atomic_fetch_sub_explicit(&b->abandoned, 1, memory_order_relaxed);
	fl_bulkhead_release(b, now);
}

void
fl_bulkhead_tick(struct fl_bulkhead *b, fl_ns now)
{
	serve(b, now);
}

int
fl_bulkhead_retune(struct fl_bulkhead *b, unsigned max, unsigned queue, fl_ns now)
{
	if (max < 1 || max > INT32_MAX || queue > INT32_MAX)
		return -EINVAL;
	common_lock(&b->lock);
	if (max < atomic_load(&b->max))
		atomic_store(&b->may_exceed, true);
	atomic_store(&b->max, max);
	atomic_store(&b->queue_max, queue);
	common_unlock(&b->lock);
	serve(b, now);
	return 0;
}

void
fl_bulkhead_counters(const struct fl_bulkhead *b, struct fl_bulkhead_counters *ret)
{
	*ret = (struct fl_bulkhead_counters){ .queued = common_get(&b->queued),
		.refused_full = common_get(&b->refused_full), .refused_delay = common_get(&b->refused_delay),
		.refused_deadline = common_get(&b->refused_deadline), .left = common_get(&b->left),
		.would_refuse = common_get(&b->would_refuse), .inflight = (unsigned)inflight(b),
		.waiting = atomic_load(&b->waiting), .abandoned = (unsigned)atomic_load(&b->abandoned), .max = atomic_load(&b->max),
		.queue = atomic_load(&b->queue_max), .inflight_most = (unsigned)atomic_load(&b->most) };
}

char *
fl_bulkhead_explain(const struct fl_bulkhead *b, char *buf, size_t buf_bytes)
{
	struct fl_bulkhead_counters c;
	fl_bulkhead_counters(b, &c);
	snprintf(buf, buf_bytes, "%u of %u in flight (%u for nobody), %u of %u waiting; %llu refused as full, %llu for waiting too long",
	    c.inflight, c.max, c.abandoned, c.waiting, c.queue, (unsigned long long)c.refused_full, (unsigned long long)c.refused_delay);
	return buf;
}
