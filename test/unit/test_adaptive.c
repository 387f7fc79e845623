/* SPDX-License-Identifier: MIT */
/* test_adaptive.c - a limit that follows what a service can carry, in front of one with servers and a queue. */
#include "faultline/adaptive.h"

#include "service_sim.h"
#include "unit.h"
#include "threads.h"
#include <errno.h>
#include <math.h>
#include <stdatomic.h>

#define SEC FL_SEC
#define MS FL_MS

static struct fl_adaptive_opts
defaults(void)
{
	struct fl_adaptive_opts o;
	fl_adaptive_opts_init(&o);
	return o;
}

static struct fl_adaptive *
make(const struct fl_adaptive_opts *o)
{
	struct fl_adaptive *a;
	assert_int_equal(fl_adaptive_new(o, &a, NULL), 0);
	return a;
}

static struct fl_adaptive_counters
counters(struct fl_adaptive *a)
{
	struct fl_adaptive_counters c;
	fl_adaptive_counters(a, &c);
	return c;
}

static void
expect_refused(struct fl_adaptive_opts o, const char *field)
{
	struct fl_adaptive *a = NULL;
	const char *got = "";
	assert_int_equal(fl_adaptive_new(&o, &a, &got), -EINVAL);
	assert_string_equal(got, field);
	assert_null(a);
}

static void
test_options(void **state)
{
	struct fl_adaptive_opts o;
	(void)state;
#define BAD(field, value, says) do { o = defaults(); o.field = value; expect_refused(o, says); } while (0)
	BAD(min, 0, "min");
	BAD(max, 3, "max");
	BAD(max, 1000001, "max");
	BAD(initial, 3, "initial");
	BAD(initial, 1001, "initial");
	BAD(tolerance, 0.9, "tolerance");
	BAD(tolerance, NAN, "tolerance");
	BAD(window, 0, "window");
	BAD(samples_min, 0, "samples_min");
	BAD(samples_min, 129, "samples_min");
	BAD(backoff, 1, "backoff");
	BAD(backoff, 0, "backoff");
	BAD(smoothing, 0, "smoothing");
	BAD(smoothing, 1.1, "smoothing");
	BAD(enforce, 2, "enforce");
#undef BAD
	fl_adaptive_free(NULL);
}

/* ---- in front of a service ---- */

#define CALLS_MAX 16384

/* Requests come at a rate, drawn; those that are let in go to the service. */
struct scene {
	struct fl_adaptive *a;
	struct service s;
	struct dice d;
	fl_ns now, next, work;
	double rate;
	uint32_t epochs[CALLS_MAX];
	uint64_t calls, done, refused;
	double latency;                         /* sum of, of what was done */
	unsigned most;
};

static struct scene *
scene_new(struct fl_adaptive *a, uint64_t seed, unsigned servers, fl_ns work, double rate)
{
	struct scene *c = calloc(1, sizeof(*c));
	assert_non_null(c);
	c->a = a;
	c->s.servers = servers;
	c->d.seed = seed;
	c->work = work;
	c->rate = rate;
	return c;
}

static void
arrive(struct scene *c)
{
	uint64_t id = c->calls++;
	struct fl_refusal why;
	/* Work varies by half either way. */
	if (fl_adaptive_admit(c->a, c->now, &c->epochs[id % CALLS_MAX], &why) == 0)
		service_take(&c->s, id, (fl_ns)((double)c->work * (0.5 + rng_unit(dice_bits(&c->d)))), c->now);
	else
		c->refused++;
	c->next = c->now + (fl_ns)(-log(1 - rng_unit(dice_bits(&c->d))) * 1e9 / c->rate);
}

/* Let it run until t; counts start anew. */
static void
scene_run(struct scene *c, fl_ns t)
{
	c->done = c->refused = 0;
	c->latency = 0;
	c->most = 0;
	c->next = FL_MAX(c->next, c->now);
	while (FL_MIN(c->next, service_next(&c->s)) < t) {
		if (c->next <= service_next(&c->s)) {
			c->now = c->next;
			arrive(c);
			c->most = FL_MAX(c->most, c->s.busy + c->s.waiting);
			continue;
		}
		struct service_job j = service_done(&c->s);
		c->now = j.ends;
		fl_adaptive_release(c->a, c->epochs[j.id % CALLS_MAX], FL_OK, false, c->now - j.came, c->now);
		c->done++;
		c->latency += (double)(c->now - j.came);
	}
	c->now = t;
}

static void
expect_between(double v, double low, double high, const char *what)
{
	if (!(v >= low && v <= high))
		fail_msg("%s is %.2f, not in %.2f .. %.2f", what, v, low, high);
}

/* Twice the load that the service can carry: it does all it can, and nobody waits long. Then it has fewer servers, and more. */
static void
test_converges(void **state)
{
	static const unsigned servers[] = { 16, 6, 16, 60 };
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct fl_adaptive_opts o = defaults();
		struct fl_adaptive *a = make(&o);
		struct scene *c = scene_new(a, seed, 16, 10 * MS, 0);
		for (size_t k = 0; k < FL_ARRAY_LEN(servers); k++) {
			double capacity = servers[k] * 100.0;
			c->s.servers = servers[k];
			c->rate = 2 * capacity;
			scene_run(c, c->now + 15 * SEC);
			scene_run(c, c->now + 15 * SEC);
			struct fl_adaptive_counters n = counters(a);
			expect_between(n.limit, 0.9 * servers[k], 2.2 * servers[k], "limit");
			expect_between((double)c->done / 15, 0.9 * capacity, 1.02 * capacity, "done a second");
			expect_between(c->latency / (double)c->done / 1e6, 9, 20, "mean latency");
			assert_true(n.refused > 0 && c->refused > 0);
			assert_in_range(n.baseline, 8 * MS, 12 * MS);
		}
		fl_adaptive_free(a);
		free(c);
	}
}

/* An hour of overload does not teach it that overload is usual; a quiet hour does not teach it that anything goes. */
static void
test_no_drift(void **state)
{
	struct fl_adaptive_opts o = defaults();
	(void)state;
	struct fl_adaptive *a = make(&o);
	struct scene *c = scene_new(a, 4, 8, 10 * MS, 2400);
	scene_run(c, 40 * SEC);
	expect_between((double)counters(a).baseline / 1e6, 8, 13, "baseline, never seen without a queue");
	scene_run(c, 200 * SEC);
	expect_between((double)counters(a).baseline / 1e6, 8, 13, "baseline");
	expect_between(counters(a).limit, 7, 18, "limit");
	fl_adaptive_free(a);
	free(c);

	a = make(&o);
	c = scene_new(a, 5, 50, 10 * MS, 100);          /* about one at once */
	scene_run(c, 600 * SEC);
	expect_between(counters(a).limit, 19, 21, "limit when idle");
	assert_int_equal(c->refused, 0);
	fl_adaptive_free(a);
	free(c);
}

/* The service has become five times as slow for good: that is found out at the minimum, and the limit comes back. */
static void
test_new_baseline(void **state)
{
	struct fl_adaptive_opts o = defaults();
	(void)state;
	struct fl_adaptive *a = make(&o);
	struct scene *c = scene_new(a, 6, 16, 10 * MS, 1000);
	scene_run(c, 20 * SEC);
	assert_int_equal(c->refused > 100, 0);
	c->work = 50 * MS;
	c->s.servers = 80;
	scene_run(c, 80 * SEC);
	scene_run(c, 100 * SEC);
	expect_between((double)c->done / 20, 950, 1050, "done a second");
	expect_between((double)counters(a).baseline / 1e6, 25, 52, "baseline");
	fl_adaptive_free(a);
	free(c);
}

/* It watches and refuses nothing: what queues then is no reason to think that the service has become slower. */
static void
test_observe(void **state)
{
	struct fl_adaptive_opts o = defaults();
	(void)state;
	o.enforce = 0;
	struct fl_adaptive *a = make(&o);
	struct scene *c = scene_new(a, 7, 8, 10 * MS, 600);
	scene_run(c, 10 * SEC);
	c->rate = 900;                                  /* 800 can be done: the queue grows and grows */
	scene_run(c, 40 * SEC);
	struct fl_adaptive_counters n = counters(a);
	assert_int_equal(n.refused, 0);
	assert_int_equal(c->refused, 0);
	assert_true(n.would_refuse > 1000);
	expect_between((double)n.baseline / 1e6, 8, 12, "baseline");
	/* A part is enforced. */
	fl_adaptive_free(a);
	o.enforce = 0.25;
	o.initial = o.min = o.max = 1;
	a = make(&o);
	uint32_t epoch;
	for (int i = 0; i < 10001; i++)
		fl_adaptive_admit(a, 0, &epoch, NULL);
	n = counters(a);
	assert_int_equal(n.refused + n.would_refuse, 10000);
	expect_between((double)n.refused, 2300, 2700, "enforced");
	assert_int_equal(n.inflight, 1 + n.would_refuse);
	fl_adaptive_free(a);
	free(c);
}

/* ---- by hand ---- */

static uint32_t
admit(struct fl_adaptive *a)
{
	uint32_t epoch = 0;
	assert_int_equal(fl_adaptive_admit(a, 0, &epoch, NULL), 0);
	return epoch;
}

/* n calls, one after the other, that take so long; returns when they are over. */
static fl_ns
calls(struct fl_adaptive *a, unsigned n, fl_ns latency, fl_ns now)
{
	for (unsigned i = 0; i < n; i++)
		fl_adaptive_release(a, admit(a), FL_OK, false, latency, now += 10 * MS);
	return now;
}

static void
test_overload(void **state)
{
	struct fl_adaptive_opts o = defaults();
	uint32_t epochs[20], epoch;
	(void)state;
	struct fl_adaptive *a = make(&o);
	for (int i = 0; i < 20; i++)
		epochs[i] = admit(a);
	struct fl_refusal why;
	assert_int_equal(fl_adaptive_admit(a, 0, &epoch, &why), -EAGAIN);
	char say[256];
	assert_string_equal(fl_refusal_say(&why, say, sizeof(say)), "the adaptive limit is reached: 20 in flight, limit 20; try again in 100ms");
	/* A wave of time-outs shrinks the limit once. */
	for (int i = 0; i < 10; i++)
		fl_adaptive_release(a, epochs[i], i % 2 ? FL_OVERLOADED : FL_FAILED, i % 2 == 0, SEC, SEC + i);
	expect_between(counters(a).limit, 17.9, 18.1, "limit");
	assert_int_equal(counters(a).overloads, 1);
	assert_int_equal(counters(a).stale, 9);
	/* What the others say is about the limit of 20; slow as they are, they do not count. */
	for (int i = 10; i < 20; i++)
		fl_adaptive_release(a, epochs[i], FL_OK, false, 100 * SEC, 100 * SEC);
	assert_int_equal(counters(a).stale, 19);
	assert_int_equal(counters(a).windows, 0);
	assert_int_equal(counters(a).inflight, 0);
	/* Once in each window, down to the minimum. */
	fl_ns now = 200 * SEC;
	for (int i = 0; i < 1000; i++)
		fl_adaptive_release(a, admit(a), FL_OVERLOADED, false, MS, now += 10 * MS);
	expect_between(counters(a).limit, 4, 4, "limit");
	assert_true(strstr(fl_adaptive_explain(a, say, sizeof(say)), "0 in flight, limit 4.0;") != NULL);
	fl_adaptive_free(a);

	a = make(&o);
	now = SEC;
	for (int i = 0; i < 9; i++)
		fl_adaptive_release(a, admit(a), FL_OVERLOADED, false, MS, now += 10 * MS);
	expect_between(counters(a).limit, 17.9, 18.1, "limit after 90 ms");
	fl_adaptive_release(a, admit(a), FL_OVERLOADED, false, MS, now += 20 * MS);
	expect_between(counters(a).limit, 16.1, 16.3, "limit after 110 ms");
	fl_adaptive_free(a);
}

/* Failures tell nothing about time; neither does what a coarse clock could not see. */
static void
test_no_sample(void **state)
{
	struct fl_adaptive_opts o = defaults();
	(void)state;
	struct fl_adaptive *a = make(&o);
	fl_ns now = 0;
	for (int i = 0; i < 1000; i++)
		fl_adaptive_release(a, admit(a), i % 2 ? FL_FAILED : FL_CANCELLED, false, i % 3, now += 10 * MS);
	assert_int_equal(counters(a).windows, 0);
	assert_int_equal(counters(a).baseline, 0);
	assert_int_equal(counters(a).inflight, 0);
	for (int k = 0; k < 50; k++) {
		uint32_t epochs[15];
		for (int i = 0; i < 15; i++)
			epochs[i] = admit(a);
		for (int i = 0; i < 15; i++)
			fl_adaptive_release(a, epochs[i], FL_OK, false, 0, now += 10 * MS);
	}
	assert_true(counters(a).windows > 20);
	expect_between(counters(a).limit, 20, 1000, "limit");
	fl_adaptive_free(a);
}

/* What was seen before the limit fell does not stay in the window. */
static void
test_window_anew(void **state)
{
	struct fl_adaptive_opts o = defaults();
	(void)state;
	struct fl_adaptive *a = make(&o);
	fl_ns now = calls(a, 12, 10 * MS, SEC);
	assert_int_equal(counters(a).windows, 1);
	now = calls(a, 9, 500 * MS, now);               /* nine slow ones, of which ten make a window */
	fl_adaptive_release(a, admit(a), FL_OVERLOADED, false, MS, now += MS);
	double limit = counters(a).limit;
	now = calls(a, 11, 10 * MS, now);
	assert_int_equal(counters(a).latency, 10 * MS);
	expect_between(counters(a).limit, limit, limit + 0.1, "limit");
	fl_adaptive_free(a);
}

struct heard {
	unsigned count;
	char text[512];
};

static void
hear(void *ud, const struct fl_event *e)
{
	struct heard *h = ud;
	size_t n = strlen(h->text);
	h->count++;
	assert_int_equal(e->who, FL_WHO_ADAPTIVE);
	snprintf(h->text + n, sizeof(h->text) - n, "%s: %s>%s (%s)\n", e->name, e->from, e->to, e->why);
}

static void
test_events(void **state)
{
	struct fl_adaptive_opts o = defaults();
	struct heard heard = { 0 };
	(void)state;
	o.name = "cart";
	o.listener = (struct fl_listener){ hear, &heard };
	struct fl_adaptive *a = make(&o);
	fl_ns now = calls(a, 50, 10 * MS, SEC);
	assert_int_equal(heard.count, 0);
	for (int i = 0; i < 400; i++)
		fl_adaptive_release(a, admit(a), FL_OVERLOADED, false, MS, now += 10 * MS);
	assert_int_equal(heard.count, 1);
	assert_non_null(strstr(heard.text, "cart: adapting>minimum (limit 4; median latency 10.0 ms, baseline 10.0 ms; "));
	for (int k = 0; k < 30; k++) {
		uint32_t epochs[4];
		for (int i = 0; i < 4; i++)
			epochs[i] = admit(a);
		for (int i = 0; i < 4; i++)
			fl_adaptive_release(a, epochs[i], FL_OK, false, 10 * MS, now += 10 * MS);
	}
	assert_int_equal(heard.count, 2);
	assert_non_null(strstr(heard.text, "cart: minimum>adapting"));
	fl_adaptive_free(a);
}

static void
release_too_many(void *a)
{
	fl_adaptive_release(a, 0, FL_OK, false, 1, 1);
}

static void
test_one_release_each(void **state)
{
	struct fl_adaptive_opts o = defaults();
	(void)state;
	struct fl_adaptive *a = make(&o);
	assert_true(unit_aborts(release_too_many, a));
	fl_adaptive_free(a);
}

/* ---- threads ---- */

struct crowd {
	struct fl_adaptive *a;
	_Atomic int inflight, most;
	_Atomic int64_t clock;
	_Atomic uint64_t refused;
};

static void
crowd_body(void *ud, unsigned i)
{
	struct crowd *c = ud;
	struct dice d = { .seed = i };
	uint32_t epochs[4];
	char say[256];
	for (int n = 0; n < 8000; n++) {
		unsigned have = 0;
		for (int k = 0; k < 4; k++) {
			if (fl_adaptive_admit(c->a, 0, &epochs[have], NULL) != 0) {
				atomic_fetch_add(&c->refused, 1);
				continue;
			}
			have++;
			int is = atomic_fetch_add(&c->inflight, 1) + 1, most = atomic_load(&c->most);
			while (is > most && !atomic_compare_exchange_weak(&c->most, &most, is))
				;
		}
		while (have > 0) {
			enum fl_outcome outcome = dice_roll(&d, 200) == 0 ? FL_OVERLOADED : dice_roll(&d, 10) == 0 ? FL_FAILED : FL_OK;
			atomic_fetch_sub(&c->inflight, 1);
			fl_adaptive_release(c->a, epochs[--have], outcome, false, (5 + dice_roll(&d, 20)) * MS, atomic_fetch_add(&c->clock, MS));
		}
		if (n % 100 == 0)
			fl_adaptive_explain(c->a, say, sizeof(say));
	}
}

static void
test_threads(void **state)
{
	struct fl_adaptive_opts o = defaults();
	struct heard heard = { 0 };
	(void)state;
	for (int moves = 0; moves < 2; moves++) {
		o.initial = 8;
		o.min = moves ? 4 : 8;
		o.max = moves ? 16 : 8;
		o.listener = (struct fl_listener){ moves ? NULL : hear, &heard };
		struct crowd c = { .a = make(&o) };
		threads_run(4, crowd_body, &c);
		struct fl_adaptive_counters n = counters(c.a);
		assert_int_equal(n.inflight, 0);
		assert_in_range(c.most, 4, o.max);
		assert_int_equal(n.refused, c.refused);
		expect_between(n.limit, o.min, o.max, "limit");
		assert_true(n.windows > 10);
		fl_adaptive_free(c.a);
	}
	assert_int_equal(heard.count, 0);               /* a limit that cannot move has nothing to say */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_converges),
		cmocka_unit_test(test_no_drift),
		cmocka_unit_test(test_new_baseline),
		cmocka_unit_test(test_observe),
		cmocka_unit_test(test_overload),
		cmocka_unit_test(test_no_sample),
		cmocka_unit_test(test_window_anew),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_one_release_each),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
