/* SPDX-License-Identifier: MIT */
/*
 * policy.c - what a policy costs a call, in nanoseconds: --rounds rounds of --calls calls, by one thread and by two at once.
 *
 * Time is a cached tick, as a program with an event loop has it. Two threads use the same objects, each its own cell; a round begins
 * for both at the same moment and lasts until the slower one is through. The best round counts: whatever else happens on the machine
 * can only make one worse. Allocations are counted by standing in for malloc() itself.
 *
 * locked1 and locked2 are one and two locked additions to one word, without a call: the processor's part of what a limiter and a bulkhead
 * cost that threads share. called1 and called2 are the same, each in a function that is called, and nothing else: what no limiter and no bulkhead of
 * a library can be faster than.
 */
#include "lib.h"

#include <faultline/faultline.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define THREADS_MAX 2
#define TICK_CALLS 64           /* calls of a turn, which have the same time */

extern void *__libc_malloc(size_t n);
static _Atomic uint64_t mallocs;

void *
malloc(size_t n)
{
	atomic_fetch_add_explicit(&mallocs, 1, memory_order_relaxed);
	return __libc_malloc(n);
}

/* What is measured works on one of these; both threads on the same. */
struct rig {
	struct fl_breaker *breaker, *watching, *open;
	struct fl_bulkhead *bulkhead;
	struct fl_limiter *limiter;
	struct fl_budget *budget;
	struct fl_plan plan;
};

/* n calls by the thread with this cell, beginning at `now`. */
typedef void work_fn(struct rig *r, unsigned cell, int n, fl_ns now);

static void
need(int r, const char *what)
{
	if (r != 0)
		die("%s: %d", what, r);
}

/* n calls, the time at going on with every turn. */
#define CALLS(at, n) \
	for (int turn_ = 0; turn_ < (n); turn_ += TICK_CALLS, (at) += FL_US) \
		for (int call_ = 0; call_ < TICK_CALLS; call_++)

static void
closed(struct fl_breaker *b, unsigned cell, int n, fl_ns now)
{
	struct fl_permit p;
	int bad = 0;
	CALLS(now, n) {
		bad |= fl_breaker_admit(b, cell, now, &p, NULL);
		bad |= fl_breaker_record(b, cell, &p, FL_OK, FL_US, now);
	}
	need(bad, "the breaker is not closed");
}

static void
work_breaker(struct rig *r, unsigned cell, int n, fl_ns now)
{
	closed(r->breaker, cell, n, now);
}

static void
work_watching(struct rig *r, unsigned cell, int n, fl_ns now)
{
	closed(r->watching, cell, n, now);
}

static void
work_open(struct rig *r, unsigned cell, int n, fl_ns now)
{
	struct fl_permit p;
	CALLS(now, n)
		if (fl_breaker_admit(r->open, cell, now, &p, NULL) != -EAGAIN)
			die("the breaker is not open");
}

static void
work_open_why(struct rig *r, unsigned cell, int n, fl_ns now)
{
	struct fl_permit p;
	struct fl_refusal why;
	CALLS(now, n)
		if (fl_breaker_admit(r->open, cell, now, &p, &why) != -EAGAIN)
			die("the breaker is not open");
}

static _Alignas(64) _Atomic int64_t word;

static void
work_locked1(struct rig *r, unsigned cell, int n, fl_ns now)
{
	(void)r;
	(void)cell;
	CALLS(now, n)
		need(atomic_fetch_add(&word, 1) < 0, "less than nothing");
}

static void
work_locked2(struct rig *r, unsigned cell, int n, fl_ns now)
{
	(void)r;
	(void)cell;
	CALLS(now, n) {
		need(atomic_fetch_add(&word, 1) < 0, "less than nothing");
		need(atomic_fetch_sub(&word, 1) < 0, "less than nothing");
	}
}

static __attribute__((noinline)) int64_t
locked_add(_Atomic int64_t *w, int64_t n)
{
	return atomic_fetch_add(w, n);
}

static void
work_called1(struct rig *r, unsigned cell, int n, fl_ns now)
{
	(void)r;
	(void)cell;
	CALLS(now, n)
		need(locked_add(&word, 1) < 0, "less than nothing");
}

static void
work_called2(struct rig *r, unsigned cell, int n, fl_ns now)
{
	(void)r;
	(void)cell;
	CALLS(now, n) {
		need(locked_add(&word, 1) < 0, "less than nothing");
		need(locked_add(&word, -1) < 0, "less than nothing");
	}
}

static void
work_bulkhead(struct rig *r, unsigned cell, int n, fl_ns now)
{
	(void)cell;
	CALLS(now, n) {
		need(fl_bulkhead_acquire(r->bulkhead, now, NULL), "bulkhead");
		fl_bulkhead_release(r->bulkhead, now);
	}
}

static void
work_limiter(struct rig *r, unsigned cell, int n, fl_ns now)
{
	(void)cell;
	CALLS(now, n)
		need(fl_limiter_admit(r->limiter, 1, now, NULL), "limiter");
}

static void
work_budget(struct rig *r, unsigned cell, int n, fl_ns now)
{
	(void)now;
	CALLS(now, n)
		fl_budget_deposit(r->budget, cell);
}

/* The policies one after the other, as a program of its own would call them. */
static void
work_stack(struct rig *r, unsigned cell, int n, fl_ns now)
{
	struct fl_permit p;
	struct fl_refusal why;
	CALLS(now, n) {
		struct fl_deadline d = fl_deadline_of(&r->plan.timeouts, now, 0);
		need(fl_deadline_check(d, r->plan.expected, now, &why), "deadline");
		need(fl_limiter_admit(r->limiter, 1, now, &why), "limiter");
		need(fl_bulkhead_acquire(r->bulkhead, now, &why), "bulkhead");
		need(fl_breaker_admit(r->breaker, cell, now, &p, &why), "breaker");
		need(fl_breaker_record(r->breaker, cell, &p, FL_OK, FL_US, now), "record");
		fl_budget_deposit(r->budget, cell);
		fl_bulkhead_release(r->bulkhead, now);
	}
}

/* The same through the state machine of a call. */
static void
work_call(struct rig *r, unsigned cell, int n, fl_ns now)
{
	struct fl_call c;
	struct fl_todo todo;
	struct fl_call_info info = { .cell = cell, .idempotent = true };
	struct fl_attempt_result good = { .outcome = FL_OK, .sent = FL_ANSWERED, .latency = FL_US };
	CALLS(now, n) {
		info.key++;
		fl_call_start(&c, &r->plan, &info, NULL, now);
		if (fl_call_next(&c, now, &todo) != FL_DO_ATTEMPT)
			die("no attempt");
		fl_call_done(&c, todo.attempt, &good, now);
		if (fl_call_next(&c, now, &todo) != FL_DO_FINISH || todo.end != FL_END_ANSWERED || fl_call_next(&c, now, &todo) != FL_DO_RELEASE)
			die("the call did not end");
	}
}

static const struct { const char *name; work_fn *work; } measures[] = { { "breaker", work_breaker }, { "watching", work_watching },
	{ "open", work_open }, { "open_why", work_open_why }, { "locked1", work_locked1 }, { "locked2", work_locked2 },
	{ "called1", work_called1 }, { "called2", work_called2 }, { "bulkhead", work_bulkhead }, { "limiter", work_limiter },
	{ "budget", work_budget }, { "stack", work_stack }, { "call", work_call } };

static void
rig_new(struct rig *r)
{
	struct fl_breaker_opts b;
	struct fl_bulkhead_opts k;
	struct fl_limiter_opts l;
	struct fl_budget_opts t;
	fl_breaker_opts_init(&b);
	b.cells = THREADS_MAX;
	need(fl_breaker_new(&b, &r->breaker, NULL), "breaker");
	need(fl_breaker_new(&b, &r->open, NULL), "breaker");
	b.slow_after = FL_SEC;
	need(fl_breaker_new(&b, &r->watching, NULL), "breaker");
	fl_breaker_force(r->open, FL_BREAKER_OPEN, INT64_C(1) << 60);
	fl_bulkhead_opts_init(&k);
	need(fl_bulkhead_new(&k, &r->bulkhead, NULL), "bulkhead");
	fl_limiter_opts_init(&l);
	l.rate = 1e9;
	l.burst = 1e8;
	need(fl_limiter_new(&l, &r->limiter, NULL), "limiter");
	fl_budget_opts_init(&t);
	t.cells = THREADS_MAX;
	need(fl_budget_new(&t, &r->budget, NULL), "budget");
	fl_plan_init(&r->plan);
	r->plan.breaker = r->breaker;
	r->plan.bulkhead = r->bulkhead;
	r->plan.limiter = r->limiter;
	r->plan.budget = r->budget;
	r->plan.retry.attempts_max = 3;
	r->plan.expected = FL_MS;
}

static void
rig_free(struct rig *r)
{
	fl_breaker_free(r->breaker);
	fl_breaker_free(r->watching);
	fl_breaker_free(r->open);
	fl_bulkhead_free(r->bulkhead);
	fl_limiter_free(r->limiter);
	fl_budget_free(r->budget);
}

/* ---- rounds ---- */

struct race {
	struct rig *rig;
	work_fn *work;
	int calls, rounds;
	unsigned threads;
	_Atomic uint64_t arrived;               /* at the start of a round, all rounds together */
	int64_t began[THREADS_MAX], ended[THREADS_MAX];         /* of the round */
	double best;                            /* ns a call */
	uint64_t mallocs;
};

struct runner {
	struct race *race;
	unsigned cell;
};

/* Wait until all threads have come this far. */
static void
meet(struct race *r, uint64_t times)
{
	atomic_fetch_add(&r->arrived, 1);
	for (unsigned spins = 0; atomic_load(&r->arrived) < times * r->threads; spins++)
		if (spins > 100000)
			sched_yield();
}

static void *
run(void *arg)
{
	struct runner *u = arg;
	struct race *r = u->race;
	uint64_t met = 0;
	place(u->cell);
	for (int i = 0; i < r->rounds; i++) {
		meet(r, ++met);
		uint64_t before = atomic_load(&mallocs);
		r->began[u->cell] = now_ns();
		r->work(r->rig, u->cell, r->calls, r->began[u->cell]);
		r->ended[u->cell] = now_ns();
		if (i > 0)
			r->mallocs += u->cell == 0 ? atomic_load(&mallocs) - before : 0;
		meet(r, ++met);
		if (u->cell != 0)
			continue;
		int64_t from = r->began[0], to = r->ended[0];
		for (unsigned k = 1; k < r->threads; k++) {
			from = r->began[k] < from ? r->began[k] : from;
			to = r->ended[k] > to ? r->ended[k] : to;
		}
		double ns = (double)(to - from) / r->calls;
		if (i == 0 || ns < r->best)
			r->best = ns;
	}
	return NULL;
}

static void
measure(struct race *r)
{
	pthread_t other;
	struct runner mine = { r, 0 }, theirs = { r, 1 };
	if (r->threads > 1 && pthread_create(&other, NULL, run, &theirs) != 0)
		die("cannot create a thread");
	run(&mine);
	if (r->threads > 1)
		pthread_join(other, NULL);
}

int
main(int argc, char **argv)
{
	int rounds = (int)opt_num(argc, argv, "--rounds", 200), calls = (int)opt_num(argc, argv, "--calls", 20032);
	const char *only = opt_text(argc, argv, "--only", "");
	uint64_t allocated = 0;
	struct rig rig = { 0 };
	rig_new(&rig);
	printf("{");
	for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++) {
		for (unsigned threads = 1; threads <= THREADS_MAX && (*only == '\0' || strcmp(only, measures[i].name) == 0); threads++) {
			struct race r = { .rig = &rig, .work = measures[i].work, .calls = calls, .rounds = rounds, .threads = threads };
			measure(&r);
			printf("\"%s%u_ns\":%.2f,", measures[i].name, threads, r.best);
			allocated += r.mallocs;
		}
	}
	printf("\"allocations\":%llu}\n", (unsigned long long)allocated);
	rig_free(&rig);
	return 0;
}
