/* SPDX-License-Identifier: MIT */
/* test_bulkhead.c - never more than N at once, whoever loses patience; and a queue that forgets nobody. */
#include "policy_rig.h"

#include <faultline/bulkhead.h>

struct guest {
	struct fl_waiter w;
	int n;                          /* answers */
	int res;
	struct fl_refusal why;
	fl_ns at;
};

static void
answered(struct fl_waiter *w, int res, const struct fl_refusal *why, fl_ns now)
{
	struct guest *g = (struct guest *)(void *)w;
	g->n++;
	g->res = res;
	g->why = *why;
	g->at = now;
}

static int
enter(struct fl_bulkhead *b, struct guest *g, unsigned priority, fl_ns deadline, fl_ns now)
{
	memset(g, 0, sizeof(*g));
	g->w.answered = answered;
	g->w.priority = (uint8_t)priority;
	g->w.deadline = deadline;
	g->res = 77;
	return fl_bulkhead_enter(b, &g->w, now, &g->why);
}

static struct fl_bulkhead_opts
opts(unsigned max, unsigned queue)
{
	struct fl_bulkhead_opts o;
	fl_bulkhead_opts_init(&o);
	o.name = "k";
	o.max = max;
	o.queue = queue;
	return o;
}

static struct fl_bulkhead *
make(const struct fl_bulkhead_opts *o)
{
	struct fl_bulkhead *b = NULL;
	assert_int_equal(fl_bulkhead_new(o, &b, NULL), 0);
	return b;
}

static struct fl_bulkhead *
simple(unsigned max, unsigned queue)
{
	struct fl_bulkhead_opts o = opts(max, queue);
	return make(&o);
}

static struct fl_bulkhead_counters
counters(const struct fl_bulkhead *b)
{
	struct fl_bulkhead_counters c;
	fl_bulkhead_counters(b, &c);
	return c;
}

static void
test_options(void **state)
{
	struct fl_bulkhead_opts o;
	struct fl_bulkhead *b = NULL;
	(void)state;
#define BAD(field, value) RIG_BAD(fl_bulkhead_new, fl_bulkhead_opts_init, o, b, field, value)
	BAD(max, 0);
	BAD(max, UINT32_MAX);
	BAD(queue, UINT32_MAX);
	BAD(interval, 0);
	BAD(interval, FL_NEVER);
	BAD(target, 0);
	BAD(target, S);
	BAD(lifo_after, 0);
	BAD(expected, -1);
	BAD(enforce, -0.5);
#undef BAD
	o = opts(1, 1);
	RIG_NO_MEMORY(fl_bulkhead_new, fl_bulkhead_free, o, b);
	b = simple(1, 0);
	assert_int_equal(fl_bulkhead_retune(b, 0, 0, S), -EINVAL);
	assert_int_equal(fl_bulkhead_retune(b, 1, UINT32_MAX, S), -EINVAL);
	fl_bulkhead_free(b);
}

static void
test_limit(void **state)
{
	struct fl_bulkhead *b = simple(3, 0);
	struct fl_refusal why;
	struct guest g;
	char say[256];
	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3; i++)
			assert_int_equal(fl_bulkhead_acquire(b, S, NULL), 0);
		assert_int_equal(fl_bulkhead_acquire(b, S, &why), -EAGAIN);
		assert_int_equal(enter(b, &g, 0, 0, S), -EAGAIN);
		assert_int_equal(g.n, 0);
		assert_string_equal(fl_refusal_say(&why, say, sizeof(say)),
		    "the bulkhead \"k\" is full: 3 of 3 in flight, 0 of 0 waiting; try again in 5ms");
		for (int i = 0; i < 3; i++)
			fl_bulkhead_release(b, S);
	}
	struct fl_bulkhead_counters c = counters(b);
	assert_true(c.inflight == 0 && c.inflight_most == 3 && c.refused_full == 6 && c.queued == 0);
	assert_string_equal(fl_bulkhead_explain(b, say, sizeof(say)),
	    "0 of 3 in flight (0 for nobody), 0 of 0 waiting; 6 refused as full, 0 for waiting too long");
	fl_bulkhead_free(b);
}

static void
one_too_many(void *b)
{
	fl_bulkhead_release(b, S);
}

static void
test_release_is_owed(void **state)
{
	struct fl_bulkhead *b = simple(3, 0);
	(void)state;
	assert_true(unit_aborts(one_too_many, b));
	fl_bulkhead_free(b);
}

/* The trap of others: callers give up, the work goes on, and no more of it is let in. */
static void
test_bound_to_the_work(void **state)
{
	struct fl_bulkhead *b = simple(2, 0);
	(void)state;
	for (int i = 0; i < 20; i++) {
		int r = fl_bulkhead_acquire(b, i * 50 * MS, NULL);
		assert_int_equal(r, i < 2 ? 0 : -EAGAIN);
		if (r == 0)
			fl_bulkhead_abandon(b);         /* its caller's time-out */
	}
	struct fl_bulkhead_counters c = counters(b);
	assert_true(c.inflight == 2 && c.abandoned == 2);
	fl_bulkhead_release_abandoned(b, 2 * S);
	fl_bulkhead_release_abandoned(b, 2 * S);
	c = counters(b);
	assert_true(c.inflight == 0 && c.abandoned == 0);
	fl_bulkhead_free(b);
}

/* ---- the queue ---- */

static void
test_fifo_and_priorities(void **state)
{
	struct fl_bulkhead *b = simple(1, 8);
	struct guest g[6];
	static const unsigned priority[] = { 3, 3, 0, 99, 0, 3 };       /* 99: the last class */
	static const int order[] = { 2, 4, 0, 1, 5, 3 };
	(void)state;
	assert_int_equal(fl_bulkhead_acquire(b, S, NULL), 0);
	for (int i = 0; i < 6; i++)
		assert_int_equal(enter(b, &g[i], priority[i], 0, S + i), -EINPROGRESS);
	assert_int_equal(fl_bulkhead_acquire(b, S, NULL), -EAGAIN);
	for (int i = 0; i < 6; i++) {
		fl_bulkhead_release(b, S + MS + i);
		for (int k = 0; k < 6; k++)
			assert_int_equal(g[order[k]].n, k <= i);
		assert_int_equal(g[order[i]].res, 0);
		assert_int_equal(g[order[i]].at, S + MS + i);
	}
	struct fl_bulkhead_counters c = counters(b);
	assert_true(c.inflight == 1 && c.waiting == 0 && c.queued == 6 && c.inflight_most == 1);
	fl_bulkhead_free(b);
}

/* Nobody overtakes: a permit that comes back goes to who waits, not to who comes. */
static void
test_no_overtaking(void **state)
{
	struct fl_bulkhead *b = simple(2, 4);
	struct guest a, z;
	(void)state;
	assert_int_equal(fl_bulkhead_acquire(b, S, NULL), 0);
	assert_int_equal(fl_bulkhead_acquire(b, S, NULL), 0);
	assert_int_equal(enter(b, &a, 0, 0, S), -EINPROGRESS);
	fl_bulkhead_release(b, S);
	assert_int_equal(a.res, 0);
	assert_int_equal(enter(b, &z, 0, 0, S), -EINPROGRESS);
	assert_int_equal(fl_bulkhead_leave(b, &a.w, S), -EALREADY);     /* it has its answer */
	assert_int_equal(fl_bulkhead_leave(b, &z.w, S), 0);
	assert_int_equal(fl_bulkhead_leave(b, &z.w, S), -EALREADY);
	fl_bulkhead_release(b, S);
	assert_int_equal(z.n, 0);                                       /* left: no answer any more */
	fl_bulkhead_release(b, S);
	struct fl_bulkhead_counters c = counters(b);
	assert_true(c.inflight == 0 && c.left == 1);
	fl_bulkhead_free(b);
}

/* While the queue empties now and then one may wait for the interval; once it stands, for the target. */
static void
test_controlled_delay(void **state)
{
	struct fl_bulkhead_opts o = opts(1, 8);
	struct guest g[4];
	char say[128];
	(void)state;
	o.interval = 100 * MS;
	o.target = 5 * MS;
	o.lifo_after = FL_NEVER;
	struct fl_bulkhead *b = make(&o);
	assert_int_equal(fl_bulkhead_acquire(b, S, NULL), 0);
	assert_int_equal(enter(b, &g[0], 0, 0, S), -EINPROGRESS);
	assert_int_equal(enter(b, &g[1], 0, 0, S + MS), -EINPROGRESS);
	fl_bulkhead_release(b, S + 100 * MS);                           /* just within */
	assert_int_equal(g[0].res, 0);
	assert_int_equal(enter(b, &g[2], 0, 0, S + 100 * MS), -EINPROGRESS);
	assert_int_equal(enter(b, &g[3], 0, 0, S + 106 * MS), -EINPROGRESS);
	fl_bulkhead_release(b, S + 110 * MS);                           /* not empty for 110 ms: 5 ms are allowed */
	assert_int_equal(g[1].res, -EAGAIN);
	assert_int_equal(g[2].res, -EAGAIN);
	assert_int_equal(g[3].res, 0);
	assert_string_equal(fl_refusal_say(&g[2].why, say, sizeof(say)),
	    "the bulkhead \"k\" let it wait too long: 6.0 ms where 5.0 are allowed; try again in 5ms");
	assert_int_equal(counters(b).refused_delay, 2);
	fl_bulkhead_release(b, S + 110 * MS);
	/* It is empty again: as at first. */
	assert_int_equal(fl_bulkhead_acquire(b, 2 * S, NULL), 0);
	assert_int_equal(enter(b, &g[0], 0, 0, 2 * S), -EINPROGRESS);
	fl_bulkhead_tick(b, 2 * S + 100 * MS);
	assert_int_equal(g[0].n, 0);
	fl_bulkhead_tick(b, 2 * S + 101 * MS);                          /* nothing was released */
	assert_int_equal(g[0].res, -EAGAIN);
	fl_bulkhead_free(b);
}

static void
test_adaptive_lifo(void **state)
{
	struct fl_bulkhead_opts o = opts(1, 3);
	struct rig_news news = { 0 };
	struct guest g[6];
	fl_ns t = S;
	(void)state;
	o.interval = o.target = 10 * S;
	o.lifo_after = 100 * MS;
	o.listener = RIG_LISTENER(&news);
	struct fl_bulkhead *b = make(&o);
	assert_int_equal(fl_bulkhead_acquire(b, t, NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(enter(b, &g[i], 0, 0, t + i), -EINPROGRESS);
	assert_int_equal(enter(b, &g[3], 0, 0, t + 3), -EAGAIN);        /* full, and drains: the newest has to go */
	fl_bulkhead_release(b, t + 50 * MS);
	assert_int_equal(g[0].res, 0);
	assert_int_equal(enter(b, &g[3], 0, 0, t + 60 * MS), -EINPROGRESS);
	assert_int_equal(enter(b, &g[4], 0, 0, t + 150 * MS), -EINPROGRESS);    /* full, and stands: the oldest has to go */
	assert_true(g[1].n == 1 && g[1].res == -EAGAIN && g[1].why.reason == FL_REASON_BULKHEAD_FULL);
	fl_bulkhead_release(b, t + 160 * MS);
	assert_true(g[4].res == 0 && g[3].n == 0 && g[2].n == 0);       /* last in, first out */
	fl_bulkhead_release(b, t + 161 * MS);
	assert_true(g[3].res == 0 && g[2].n == 0);
	fl_bulkhead_release(b, t + 162 * MS);
	assert_int_equal(g[2].res, 0);
	assert_int_equal(news.n, 2);
	assert_string_equal(news.e[0].change, "draining>standing");
	assert_string_equal(news.e[0].why, "the queue has not been empty for 100ms: last in, first out");
	assert_string_equal(news.e[1].change, "standing>draining");
	assert_int_equal(news.e[1].who, FL_WHO_BULKHEAD);
	fl_bulkhead_free(b);
}

/* A full queue gives way to the more important, and to them only. */
static void
test_full_queue(void **state)
{
	struct fl_bulkhead *b = simple(1, 2);
	struct guest g[5];
	(void)state;
	assert_int_equal(fl_bulkhead_acquire(b, S, NULL), 0);
	assert_int_equal(enter(b, &g[0], 5, 0, S), -EINPROGRESS);
	assert_int_equal(enter(b, &g[1], 5, 0, S + 1), -EINPROGRESS);
	assert_int_equal(enter(b, &g[2], 5, 0, S + 2), -EAGAIN);
	assert_int_equal(enter(b, &g[2], 6, 0, S + 2), -EAGAIN);
	assert_int_equal(enter(b, &g[3], 4, 0, S + 3), -EINPROGRESS);
	assert_true(g[1].res == -EAGAIN && g[0].n == 0);                /* the last of them */
	assert_int_equal(enter(b, &g[4], 0, 0, S + 4), -EINPROGRESS);
	assert_true(g[0].res == -EAGAIN && g[3].n == 0);
	assert_int_equal(counters(b).waiting, 2);
	fl_bulkhead_release(b, S + 5);
	assert_int_equal(g[4].res, 0);
	fl_bulkhead_release(b, S + 5);
	assert_int_equal(g[3].res, 0);
	fl_bulkhead_free(b);
}

static void
test_deadlines(void **state)
{
	struct fl_bulkhead_opts o = opts(1, 8);
	struct guest g[3];
	char say[128];
	(void)state;
	o.expected = 20 * MS;
	struct fl_bulkhead *b = make(&o);
	assert_int_equal(fl_bulkhead_acquire(b, S, NULL), 0);
	assert_int_equal(enter(b, &g[0], 0, S + 19 * MS, S), -EAGAIN);  /* no use in waiting */
	assert_string_equal(fl_refusal_say(&g[0].why, say, sizeof(say)),
	    "the bulkhead \"k\" cannot serve it in time: 19.0 ms are left, 20.0 needed");
	assert_int_equal(enter(b, &g[0], 0, S + 50 * MS, S), -EINPROGRESS);
	assert_int_equal(enter(b, &g[1], 0, 0, S), -EINPROGRESS);
	assert_int_equal(enter(b, &g[2], 7, S + 40 * MS, S), -EINPROGRESS);
	fl_bulkhead_release(b, S + 31 * MS);                            /* 19 ms are left for the first, 9 for the third */
	assert_true(g[0].res == -EAGAIN && g[0].why.reason == FL_REASON_BULKHEAD_DEADLINE);
	assert_true(g[2].res == -EAGAIN && g[1].res == 0);
	assert_int_equal(counters(b).refused_deadline, 3);
	fl_bulkhead_free(b);
}

static void
test_retune(void **state)
{
	struct fl_bulkhead *b = simple(1, 4);
	struct guest g[2];
	(void)state;
	assert_int_equal(fl_bulkhead_acquire(b, S, NULL), 0);
	assert_int_equal(enter(b, &g[0], 0, 0, S), -EINPROGRESS);
	assert_int_equal(fl_bulkhead_retune(b, 3, 4, S), 0);            /* serves at once */
	assert_int_equal(g[0].res, 0);
	assert_int_equal(fl_bulkhead_acquire(b, S, NULL), 0);
	assert_int_equal(fl_bulkhead_retune(b, 1, 0, S), 0);
	assert_int_equal(counters(b).inflight, 3);                      /* more than max are out, and said to be */
	fl_bulkhead_release(b, S);
	fl_bulkhead_release(b, S);
	assert_int_equal(fl_bulkhead_acquire(b, S, NULL), -EAGAIN);
	assert_int_equal(enter(b, &g[1], 0, 0, S), -EAGAIN);
	fl_bulkhead_release(b, S);
	assert_int_equal(fl_bulkhead_acquire(b, S, NULL), 0);
	fl_bulkhead_free(b);
}

/* Observed: nobody is refused, and nobody waits. */
static void
test_observe(void **state)
{
	struct fl_bulkhead_opts o = opts(2, 8);
	struct guest g;
	(void)state;
	o.enforce = 0;
	struct fl_bulkhead *b = make(&o);
	for (int i = 0; i < 10; i++)
		assert_int_equal(i % 2 ? fl_bulkhead_acquire(b, S, NULL) : enter(b, &g, 0, 0, S), 0);
	struct fl_bulkhead_counters c = counters(b);
	assert_true(c.inflight == 10 && c.would_refuse == 8 && c.refused_full == 0 && c.queued == 0);
	for (int i = 0; i < 10; i++)
		fl_bulkhead_release(b, S);
	assert_int_equal(counters(b).inflight, 0);
	fl_bulkhead_free(b);
	o.enforce = 0.5;
	b = make(&o);
	for (int i = 0; i < 1002; i++)
		fl_bulkhead_acquire(b, S, NULL);
	c = counters(b);
	assert_in_range(c.refused_full, 430, 570);
	assert_int_equal(c.refused_full + c.would_refuse, 1000);
	fl_bulkhead_free(b);
}

/* ---- a walk: whatever happens, the books balance ---- */

#define GUESTS 60

enum place { OUT, WAITS, IN };

/* Whoever still waits is served or refused when all the others have gone: nobody is forgotten. */
static void
drain(struct fl_bulkhead *b, const struct guest *g, enum place *is, fl_ns now)
{
	for (int j = 0; j < GUESTS; j++)
		if (is[j] == IN)
			fl_bulkhead_release(b, now);
	for (int rounds = 0; rounds < GUESTS; rounds++)
		for (int j = 0; j < GUESTS; j++)
			if (is[j] == WAITS && g[j].n > 0) {
				is[j] = OUT;
				if (g[j].res == 0)
					fl_bulkhead_release(b, now);
			}
}

static void
walk(uint64_t seed)
{
	struct dice d = { .seed = seed };
	struct guest g[GUESTS];
	enum place is[GUESTS] = { OUT };
	struct fl_bulkhead_opts o = opts(1 + dice_roll(&d, 6), dice_roll(&d, 12));
	o.interval = (1 + dice_roll(&d, 50)) * MS;
	o.target = 1 + dice_roll(&d, (uint32_t)o.interval);
	o.lifo_after = dice_roll(&d, 3) == 0 ? FL_NEVER : 1 + dice_roll(&d, 30) * MS;
	o.expected = dice_roll(&d, 5) * MS;
	struct fl_bulkhead *b = make(&o);
	fl_ns now = dice_roll(&d, 1000000);
	unsigned max = o.max, queue = o.queue;
	memset(g, 0, sizeof(g));
	for (int i = 0; i < 3000; i++) {
		now += dice_roll(&d, 4) == 0 ? dice_roll(&d, 20) * MS : dice_roll(&d, 1000);
		int k = (int)dice_roll(&d, GUESTS);
		if (is[k] == OUT) {
			int r = enter(b, &g[k], dice_roll(&d, 9), dice_roll(&d, 3) ? 0 : now + dice_roll(&d, 40) * MS, now);
			if (r == 0)
				is[k] = IN;
			else if (r == -EINPROGRESS)
				is[k] = WAITS;
			else
				assert_true(g[k].n == 0 && g[k].why.by == FL_WHO_BULKHEAD);
		} else if (is[k] == IN) {
			is[k] = OUT;
			fl_bulkhead_release(b, now);
		} else if (dice_roll(&d, 4) == 0) {
			if (fl_bulkhead_leave(b, &g[k].w, now) == 0)
				is[k] = OUT;
			else
				assert_int_equal(g[k].n, 1);
		}
		if (dice_roll(&d, 200) == 0) {
			max = 1 + dice_roll(&d, 6);
			queue = dice_roll(&d, 12);
			assert_int_equal(fl_bulkhead_retune(b, max, queue, now), 0);
		}
		unsigned in = 0, waits = 0;
		for (int j = 0; j < GUESTS; j++) {
			if (is[j] == WAITS && g[j].n > 0) {
				assert_int_equal(g[j].n, 1);
				is[j] = g[j].res == 0 ? IN : OUT;
				if (g[j].res == 0 && g[j].w.deadline != 0)
					assert_true(g[j].w.deadline - now >= o.expected);
				if (g[j].res == 0)
					assert_true(now - g[j].w.since <= o.interval);
			}
			in += is[j] == IN;
			waits += is[j] == WAITS;
		}
		struct fl_bulkhead_counters c = counters(b);
		assert_true(c.inflight == in && c.waiting == waits);
		assert_true(in <= 6 && (waits == 0 || in >= max));      /* never too many, and nobody waits beside a free permit */
	}
	drain(b, g, is, now);
	struct fl_bulkhead_counters c = counters(b);
	assert_true(c.inflight == 0 && c.waiting == 0);
	fl_bulkhead_free(b);
}

static void
test_walk(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++)
		walk(seed);
}

/* ---- threads ---- */

struct mob {
	struct fl_bulkhead *b;
	int max;
	_Atomic int in, worst;
	_Atomic uint64_t granted, refused, left;
};

struct mob_guest {
	struct fl_waiter w;
	_Atomic int answer;             /* 0 none yet, 1 granted, 2 refused */
};

static void
mob_answered(struct fl_waiter *w, int res, const struct fl_refusal *why, fl_ns now)
{
	struct mob_guest *g = (struct mob_guest *)(void *)w;
	(void)why;
	(void)now;
	atomic_store(&g->answer, res == 0 ? 1 : 2);
}

static void
mob_in(struct mob *m, fl_ns now)
{
	int n = atomic_fetch_add(&m->in, 1) + 1, worst = atomic_load(&m->worst);
	while (n > worst && !atomic_compare_exchange_weak(&m->worst, &worst, n))
		;
	atomic_fetch_add(&m->granted, 1);
	if (n % 2 == 0)
		sched_yield();
	atomic_fetch_sub(&m->in, 1);
	fl_bulkhead_release(m->b, now);
}

static void
mob_work(void *subject, unsigned cell)
{
	struct mob *m = subject;
	struct dice d = { .seed = cell };
	for (int i = 0; i < 3000; i++) {
		struct mob_guest g = { .w = { .answered = mob_answered, .priority = (uint8_t)dice_roll(&d, 3) } };
		fl_ns now = S + i * MS;
		if (dice_roll(&d, 3) == 0) {
			if (fl_bulkhead_acquire(m->b, now, NULL) == 0)
				mob_in(m, now);
			else
				atomic_fetch_add(&m->refused, 1);
			continue;
		}
		int r = fl_bulkhead_enter(m->b, &g.w, now, NULL);
		if (r == -EINPROGRESS) {
			bool patient = dice_roll(&d, 4) > 0;
			while (atomic_load(&g.answer) == 0 && (patient || fl_bulkhead_leave(m->b, &g.w, now) != 0))
				sched_yield();
			int answer = atomic_load(&g.answer);
			if (answer == 0) {
				atomic_fetch_add(&m->left, 1);
				continue;
			}
			r = answer == 1 ? 0 : -EAGAIN;
		}
		if (r == 0)
			mob_in(m, now);
		else
			atomic_fetch_add(&m->refused, 1);
		struct fl_bulkhead_counters c = counters(m->b);
		assert_true(c.inflight <= (unsigned)m->max);
	}
}

/* With threads: never more than max, every waiter is answered (or the test would not end), and all is given back. */
static void
test_threads(void **state)
{
	(void)state;
	for (unsigned max = 1; max <= 3; max++) {
		struct fl_bulkhead_opts o = opts(max, 4);
		o.interval = o.target = 1000 * S;
		o.lifo_after = max == 2 ? 5 * MS : FL_NEVER;
		struct mob m = { .b = make(&o), .max = (int)max };
		threads_run(RIG_THREADS, mob_work, &m);
		struct fl_bulkhead_counters c = counters(m.b);
		assert_true(c.inflight == 0 && c.waiting == 0 && c.left == m.left && c.refused_full == m.refused);
		assert_in_range(m.worst, 1, max);
		assert_in_range(c.inflight_most, 1, max);
		fl_bulkhead_free(m.b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_release_is_owed),
		cmocka_unit_test(test_bound_to_the_work),
		cmocka_unit_test(test_fifo_and_priorities),
		cmocka_unit_test(test_no_overtaking),
		cmocka_unit_test(test_controlled_delay),
		cmocka_unit_test(test_adaptive_lifo),
		cmocka_unit_test(test_full_queue),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_retune),
		cmocka_unit_test(test_observe),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
