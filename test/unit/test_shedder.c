/* SPDX-License-Identifier: MIT */
/* test_shedder.c - refusing early, the least important first: by the owner's queue, and by what the other side accepts. */
#include "faultline/shedder.h"

#include "service_sim.h"
#include "unit.h"
#include "threads.h"
#include <errno.h>
#include <math.h>
#include <stdatomic.h>

#define SEC FL_SEC
#define MS FL_MS

static struct fl_shedder_opts
defaults(void)
{
	struct fl_shedder_opts o;
	fl_shedder_opts_init(&o);
	return o;
}

static struct fl_shedder *
make(const struct fl_shedder_opts *o)
{
	struct fl_shedder *s;
	assert_int_equal(fl_shedder_new(o, &s, NULL), 0);
	return s;
}

static struct fl_shedder_counters
counters(struct fl_shedder *s, fl_ns now)
{
	struct fl_shedder_counters c;
	fl_shedder_counters(s, now, &c);
	return c;
}

static void
expect_between(double v, double low, double high, const char *what)
{
	if (!(v >= low && v <= high))
		fail_msg("%s is %.3f, not in %.3f .. %.3f", what, v, low, high);
}

static void
expect_refused(struct fl_shedder_opts o, const char *field)
{
	struct fl_shedder *s = NULL;
	const char *got = "";
	assert_int_equal(fl_shedder_new(&o, &s, &got), -EINVAL);
	assert_string_equal(got, field);
	assert_null(s);
}

static void
test_options(void **state)
{
	struct fl_shedder_opts o;
	(void)state;
#define BAD(field, value) do { o = defaults(); o.field = value; expect_refused(o, #field); } while (0)
	BAD(cells, 0);
	BAD(cells, FL_CELLS_MAX + 1);
	BAD(target, -1);
	BAD(window, 0);
	BAD(step_down, 0);
	BAD(step_down, 1.1);
	BAD(step_up, 0);
	BAD(step_up, NAN);
	BAD(k, 0.5);
	BAD(k, NAN);
	BAD(k_window, 11);
	BAD(enforce, -1);
#undef BAD
	fl_shedder_free(NULL);
}

/* ---- by queue ---- */

#define KINDS 4

/* Requests of four priorities come at a rate to a service whose queue is the owner's. */
struct scene {
	struct fl_shedder *sh;
	struct service s;
	struct dice d;
	fl_ns now, next;
	double rate;
	uint64_t calls, asked[KINDS], admitted[KINDS], done;
	fl_ns waited_most;
};

static struct scene *
scene_new(struct fl_shedder *sh, uint64_t seed, unsigned servers, double rate)
{
	struct scene *c = calloc(1, sizeof(*c));
	assert_non_null(c);
	c->sh = sh;
	c->s.servers = servers;
	c->d.seed = seed;
	c->rate = rate;
	return c;
}

static void
arrive(struct scene *c)
{
	unsigned kind = dice_roll(&c->d, KINDS);
	uint64_t id = c->calls++;
	c->asked[kind]++;
	c->next = c->now + (fl_ns)(-log(1 - rng_unit(dice_bits(&c->d))) * 1e9 / c->rate);
	if (fl_shedder_admit(c->sh, 0, kind * 20, id, c->now, NULL) != 0)
		return;
	c->admitted[kind]++;
	if (c->s.busy < c->s.servers)
		fl_shedder_sojourn(c->sh, 0, 0, c->now);
	service_take(&c->s, id, (5 + dice_roll(&c->d, 11)) * MS, c->now);
}

static void
scene_run(struct scene *c, fl_ns t)
{
	memset(c->asked, 0, sizeof(c->asked));
	memset(c->admitted, 0, sizeof(c->admitted));
	c->done = 0;
	c->waited_most = 0;
	c->next = FL_MAX(c->next, c->now);
	while (FL_MIN(c->next, service_next(&c->s)) < t) {
		if (c->next <= service_next(&c->s)) {
			c->now = c->next;
			arrive(c);
			continue;
		}
		struct service_job next = c->s.queue[c->s.head];
		bool one = c->s.waiting > 0;
		c->now = service_done(&c->s).ends;
		c->done++;
		if (one) {
			fl_shedder_sojourn(c->sh, 0, c->now - next.came, c->now);
			c->waited_most = FL_MAX(c->waited_most, c->now - next.came);
		}
	}
	c->now = t;
}

static void
test_surge(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct fl_shedder_opts o = defaults();
		o.seed = seed;
		struct fl_shedder *sh = make(&o);
		struct scene *c = scene_new(sh, seed, 10, 700);         /* 1,000 a second can be done */
		scene_run(c, 20 * SEC);
		assert_int_equal(counters(sh, c->now).refused, 0);
		c->rate = 2000;
		scene_run(c, 60 * SEC);
		scene_run(c, 120 * SEC);
		expect_between((double)c->done / 60, 900, 1010, "done a second");
		expect_between((double)c->waited_most / 1e6, 1, 400, "longest wait");
		/* All of the most important, none of the least: half of all is what can be done. */
		expect_between((double)c->admitted[0] / (double)c->asked[0], 0.99, 1, "admitted of priority 0");
		expect_between((double)c->admitted[1] / (double)c->asked[1], 0.7, 1, "admitted of priority 20");
		expect_between((double)c->admitted[3] / (double)c->asked[3], 0, 0.05, "admitted of priority 60");
		c->rate = 700;
		scene_run(c, 180 * SEC);
		scene_run(c, 200 * SEC);
		assert_int_equal(c->admitted[3], c->asked[3]);
		expect_between(counters(sh, c->now).level, 128, 128, "level");
		fl_shedder_free(sh);
		free(c);
	}
}

/* The level as a walk: whatever waits, it stays in its range, and nobody is refused for whom a less important one is let in. */
static void
test_order(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct fl_shedder_opts o = defaults();
		struct dice d = { .seed = seed };
		fl_ns now = SEC;
		o.seed = seed;
		struct fl_shedder *sh = make(&o);
		for (int n = 0; n < 2000; n++) {
			unsigned p = dice_roll(&d, 128), q = dice_roll(&d, 128);
			bool slow = n / 300 % 2 == 0;
			now += dice_roll(&d, 400) == 0 ? 30 * SEC : (fl_ns)dice_roll(&d, 20) * MS;
			if (fl_shedder_admit(sh, 0, p, (uint64_t)n, now, NULL) == 0)
				fl_shedder_sojourn(sh, 0, slow ? 100 * MS : MS, now);
			struct fl_shedder_counters c = counters(sh, now);
			assert_true(c.level > 0 && c.level <= 128);
			/* The same key at the same moment, more and less important. */
			bool of_p = fl_shedder_admit(sh, 0, p, 77, now, NULL) == 0, of_q = fl_shedder_admit(sh, 0, q, 77, now, NULL) == 0;
			assert_true(p == q ? of_p == of_q : p < q ? of_p || !of_q : of_q || !of_p);
		}
		fl_shedder_free(sh);
	}
}

/* A queue that does not move says nothing; a pause in which nobody came says that there is none. */
static void
test_silence(void **state)
{
	struct fl_shedder_opts o = defaults();
	(void)state;
	struct fl_shedder *sh = make(&o);
	fl_ns now = SEC;
	for (int i = 0; i < 500; i++) {
		if (fl_shedder_admit(sh, 0, (unsigned)i * 37 % 100, (uint64_t)i, now += 10 * MS, NULL) == 0)
			fl_shedder_sojourn(sh, 0, 200 * MS, now);
	}
	double level = counters(sh, now).level;
	expect_between(level, 50, 75, "level after 5 s of waiting");
	for (int i = 0; i < 2000; i++)                          /* now nothing leaves the queue at all */
		fl_shedder_admit(sh, 0, (unsigned)i * 37 % 100, (uint64_t)i, now += 10 * MS, NULL);
	expect_between(counters(sh, now).level, level - 6, level + 0.1, "level while nothing moves");
	assert_int_equal(counters(sh, now).sojourn, 200 * MS);
	fl_shedder_admit(sh, 0, 0, 0, now += 120 * SEC, NULL);
	expect_between(counters(sh, now).level, 128, 128, "level after two minutes' pause");
	/* Without anybody to let in it rises too: else it would be stuck for ever. */
	o.step_down = 1;
	struct fl_shedder *all = make(&o);
	for (now = SEC; now < 3 * SEC; now += 10 * MS) {
		if (fl_shedder_admit(all, 0, 100, 5, now, NULL) == 0)
			fl_shedder_sojourn(all, 0, SEC, now);
	}
	assert_true(counters(all, now).level < 101);
	unsigned admitted = 0;
	for (; now < 120 * SEC; now += 10 * MS)
		admitted += fl_shedder_admit(all, 0, 100, (uint64_t)now, now, NULL) == 0 ? (fl_shedder_sojourn(all, 0, 0, now), 1u) : 0;
	assert_true(admitted > 1000);
	expect_between(counters(all, now).level, 128, 128, "level in the end");
	fl_shedder_free(all);
	fl_shedder_free(sh);
}

/* ---- by accepts ---- */

/* The other side accepts so many a second and no more: K times as many are sent. */
static void
test_throttle(void **state)
{
	static const struct { double accepts, k; } rows[] = { { 250, 2 }, { 130, 2 }, { 100, 2 }, { 50, 2 }, { 10, 2 }, { 50, 1.5 }, { 50, 1.1 } };
	(void)state;
	for (size_t k = 0; k < FL_ARRAY_LEN(rows); k++) {
		struct fl_shedder_opts o = defaults();
		double room = 0, offered = 250;
		unsigned sent = 0, calls = 150000;
		o.target = 0;
		o.k = rows[k].k;
		o.seed = k;
		struct fl_shedder *sh = make(&o);
		for (unsigned i = 0; i < calls; i++) {
			fl_ns now = SEC + (fl_ns)i * 4 * MS;
			room = FL_MIN(room + rows[k].accepts / offered, 5.0);
			if (fl_shedder_admit(sh, 0, 0, i, now, NULL) != 0)
				continue;
			sent += i >= calls / 2;
			if (room >= 1) {
				room--;
				fl_shedder_accepted(sh, 0, now);
			}
		}
		double want = FL_MIN(offered, rows[k].k * rows[k].accepts);
		expect_between(sent / (calls / 2.0) * offered, 0.93 * want, 1.07 * want, "sent a second");
		fl_shedder_free(sh);
	}
}

/* An outage and its end: almost nothing is sent while it lasts, and everything soon after. */
static void
test_throttle_heals(void **state)
{
	struct fl_shedder_opts o = defaults();
	struct fl_refusal why;
	char say[256];
	(void)state;
	o.target = 0;
	o.k = 2;
	o.k_window = 12 * SEC;
	struct fl_shedder *sh = make(&o);
	unsigned sent[6] = { 0 };
	bool told = false;
	for (unsigned i = 0; i < 60000; i++) {
		unsigned phase = i / 10000;
		fl_ns now = SEC + (fl_ns)i * 4 * MS;
		int r = fl_shedder_admit(sh, 0, 0, i, now, &why);
		sent[phase] += r == 0;
		if (r == 0 && phase != 1)
			fl_shedder_accepted(sh, 0, now);
		if (r != 0 && !told && phase == 1) {
			told = true;
			assert_int_equal(why.reason, FL_REASON_SHED_ACCEPTS);
			assert_true(why.n[0] > 2 * why.n[1] && why.n[1] > 0 && why.retry_after > 0);
			assert_non_null(strstr(fl_refusal_say(&why, say, sizeof(say)), "were accepted"));
		}
	}
	assert_int_equal(sent[0], 10000);
	expect_between(sent[1], 1500, 3000, "sent in the outage");      /* half a window until it shows, then ever less */
	assert_true(told);
	assert_int_equal(sent[5], 10000);
	struct fl_shedder_counters c = counters(sh, SEC + 60000 * 4 * MS);
	expect_between(c.requests, 2750, 3001, "requests in the window");
	expect_between(c.accepts, c.requests, c.requests, "accepts in the window");
	c = counters(sh, 600 * SEC);
	expect_between(c.requests, 0, 0, "requests of long ago");
	fl_shedder_free(sh);
}

/* ---- the rest ---- */

struct heard {
	unsigned count;
	char last[256];
};

static void
hear(void *ud, const struct fl_event *e)
{
	struct heard *h = ud;
	h->count++;
	assert_int_equal(e->who, FL_WHO_SHEDDER);
	snprintf(h->last, sizeof(h->last), "%s: %s>%s (%s)", e->name, e->from, e->to, e->why);
}

static void
test_tells(void **state)
{
	struct fl_shedder_opts o = defaults();
	struct heard heard = { 0 };
	struct fl_refusal why;
	char say[256];
	(void)state;
	o.name = "inbox";
	o.listener = (struct fl_listener){ hear, &heard };
	struct fl_shedder *sh = make(&o);
	assert_string_equal(fl_shedder_explain(sh, 0, say, sizeof(say)),
	    "admits every priority; queued for 0.0 ms on average, target 20.0; 0 refused so far");
	fl_ns now = SEC;
	while (fl_shedder_admit(sh, 0, 50, (uint64_t)now, now, &why) == 0) {
		fl_shedder_sojourn(sh, 0, 30 * MS, now);
		now += MS;
		assert_true(now < 10 * SEC);
	}
	assert_int_equal(heard.count, 1);
	assert_string_equal(heard.last, "inbox: admitting>shedding (queued for 30.0 ms on average, target 20.0 ms)");
	assert_string_equal(fl_refusal_say(&why, say, sizeof(say)), "the load shedder \"inbox\" sheds priority 50: only up to 50 is admitted now "
	    "(queued for 30.0 ms, target 20.0); try again in 500ms");
	assert_non_null(strstr(fl_shedder_explain(sh, now, say, sizeof(say)), "sheds priorities from 5"));
	for (; counters(sh, now).level < 128; now += 10 * MS) {
		fl_shedder_admit(sh, 0, 10, 0, now, NULL);
		fl_shedder_sojourn(sh, 0, MS, now);
		assert_true(now < 300 * SEC);
	}
	assert_int_equal(heard.count, 2);
	assert_memory_equal(heard.last, "inbox: shedding>admitting (queued for ", 38);
	fl_shedder_free(sh);
}

/* What is let in although it would be refused is counted, and leaves no reason behind. */
static void
test_modes(void **state)
{
	static const double shares[] = { 0, 0.4, 1 };
	(void)state;
	for (size_t k = 0; k < FL_ARRAY_LEN(shares); k++) {
		struct fl_shedder_opts o = defaults();
		unsigned refused = 0, n = 20000;
		o.target = 0;
		o.k = 2;
		o.enforce = shares[k];
		struct fl_shedder *sh = make(&o);
		for (unsigned i = 0; i < n; i++) {
			struct fl_refusal why = { .by = FL_WHO_NONE };
			int r = fl_shedder_admit(sh, 0, 0, i, SEC, &why);
			refused += r != 0;
			assert_int_equal(why.by, r != 0 ? FL_WHO_SHEDDER : FL_WHO_NONE);
		}
		expect_between(refused / (double)n, shares[k] - 0.02, shares[k] + 0.001, "refused of what nobody accepts");
		struct fl_shedder_counters c = counters(sh, SEC);
		assert_int_equal(c.refused, refused);
		assert_int_equal(c.admitted + c.refused, n);
		if (k == 2)
			assert_int_equal(c.would_refuse, 0);
		else
			assert_in_range(c.would_refuse, c.admitted - 200, c.admitted);
		fl_shedder_free(sh);
	}
}

struct crowd {
	struct fl_shedder *sh;
	_Atomic fl_ns clock;
	_Atomic uint64_t admitted;
};

static void
crowd_body(void *ud, unsigned cell)
{
	struct crowd *c = ud;
	char say[256];
	for (unsigned i = 0; i < 15000; i++) {
		fl_ns now = atomic_fetch_add(&c->clock, MS / 10) + SEC;
		if (fl_shedder_admit(c->sh, cell, i % 128, i, now, NULL) == 0) {
			atomic_fetch_add(&c->admitted, 1);
			fl_shedder_sojourn(c->sh, cell, i / 3000 % 2 ? 50 * MS : 0, now);
			if (i % 3 > 0)
				fl_shedder_accepted(c->sh, cell, now);
		}
		if (i % 1000 == 0)
			fl_shedder_explain(c->sh, now, say, sizeof(say));
	}
}

static void
test_threads(void **state)
{
	struct fl_shedder_opts o = defaults();
	struct heard heard = { 0 };
	(void)state;
	o.cells = 4;
	o.k = 2;
	o.window = 100 * MS;
	o.listener = (struct fl_listener){ hear, &heard };
	struct crowd crowd = { .sh = make(&o) };
	threads_run(4, crowd_body, &crowd);
	struct fl_shedder_counters c = counters(crowd.sh, crowd.clock);
	assert_int_equal(c.admitted, crowd.admitted);
	assert_int_equal(c.admitted + c.refused, 60000);
	assert_true(c.level > 0 && c.level <= 128);
	fl_shedder_free(crowd.sh);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_surge),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_throttle),
		cmocka_unit_test(test_throttle_heals),
		cmocka_unit_test(test_tells),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
