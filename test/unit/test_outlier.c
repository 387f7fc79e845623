/* SPDX-License-Identifier: MIT */
/* test_outlier.c - instances that do worse than the others go out, never too many of them, never for the same failures twice. */
#include "faultline/outlier.h"

#include "base/types.h"
#include "unit.h"
#include "threads.h"
#include <errno.h>
#include <math.h>
#include <stdatomic.h>

#define SEC FL_SEC
#define MS FL_MS
#define HOSTS_MAX 16

struct heard {
	unsigned count;
	char text[4096];
};

static void
hear(void *ud, const struct fl_event *e)
{
	struct heard *h = ud;
	size_t n = strlen(h->text);
	h->count++;
	assert_int_equal(e->who, FL_WHO_OUTLIER);
	snprintf(h->text + n, sizeof(h->text) - n, "%s: %s>%s (%s)\n", e->name, e->from, e->to, e->why);
}

static struct fl_outlier_opts
defaults(void)
{
	struct fl_outlier_opts o;
	fl_outlier_opts_init(&o);
	o.jitter = 0;
	return o;
}

/* A set of hosts h0, h1, ... */
struct set {
	struct fl_outlier *o;
	struct fl_outlier_host h[HOSTS_MAX];
	bool in[HOSTS_MAX];
	unsigned group[HOSTS_MAX];
};

static void
set_add(struct set *s, unsigned i, unsigned group)
{
	char name[16];
	snprintf(name, sizeof(name), "h%u", i);
	memset(&s->h[i], 0, sizeof(s->h[i]));
	fl_outlier_add(s->o, &s->h[i], name, group);
	s->in[i] = true;
	s->group[i] = group;
}

static struct set *
set_new(const struct fl_outlier_opts *o, unsigned hosts)
{
	struct set *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	assert_int_equal(fl_outlier_new(o, &s->o, NULL), 0);
	for (unsigned i = 0; i < hosts; i++)
		set_add(s, i, 0);
	return s;
}

static void
set_free(struct set *s)
{
	for (unsigned i = 0; i < HOSTS_MAX; i++)
		if (s->in[i])
			fl_outlier_remove(s->o, &s->h[i]);
	fl_outlier_free(s->o);
	free(s);
}

static void
results(struct set *s, unsigned i, unsigned n, enum fl_outcome outcome, fl_ns now)
{
	while (n-- > 0)
		fl_outlier_record(s->o, &s->h[i], outcome, now, now);
}

static bool
ejected(struct set *s, unsigned i, fl_ns now)
{
	struct fl_outlier_view v;
	fl_outlier_view(s->o, &s->h[i], now, &v);
	return v.ejected;
}

static struct fl_outlier_counters
counters(struct set *s)
{
	struct fl_outlier_counters c;
	fl_outlier_counters(s->o, &c);
	return c;
}

static void
expect_refused(struct fl_outlier_opts o, const char *field)
{
	struct fl_outlier *p = NULL;
	const char *got = "";
	assert_int_equal(fl_outlier_new(&o, &p, &got), -EINVAL);
	assert_string_equal(got, field);
	assert_null(p);
}

static void
test_options(void **state)
{
	struct fl_outlier_opts o;
	(void)state;
#define BAD(field, value) do { o = defaults(); o.field = value; expect_refused(o, #field); } while (0)
	BAD(failure_share, 0);
	BAD(failure_share, NAN);
	BAD(sigmas, -1);
	BAD(window, 4);
	BAD(base, 0);
	BAD(max, SEC);
	BAD(jitter, 1.5);
	BAD(max_share, 1.5);
	BAD(max_share, -0.5);
	BAD(panic_share, NAN);
	BAD(enforce, 1.01);
#undef BAD
	fl_outlier_free(NULL);
}

static void
test_in_a_row(void **state)
{
	struct fl_outlier_opts o = defaults();
	struct heard heard = { 0 };
	char say[256];
	fl_ns now = 100 * SEC;
	(void)state;
	o.listener = (struct fl_listener){ hear, &heard };
	struct set *s = set_new(&o, 4);
	results(s, 1, 4, FL_FAILED, now);
	results(s, 1, 1, FL_OK, now);
	results(s, 1, 4, FL_FAILED, now);
	results(s, 1, 9, FL_OVERLOADED, now);
	results(s, 1, 9, FL_CANCELLED, now);
	assert_true(fl_outlier_usable(s->o, &s->h[1], now));
	assert_string_equal(fl_outlier_explain(s->o, &s->h[1], now, say, sizeof(say)), "in: 8 of 9 calls failed, 4 in a row");
	results(s, 1, 1, FL_FAILED, now);
	assert_false(fl_outlier_usable(s->o, &s->h[1], now));
	assert_true(fl_outlier_usable(s->o, &s->h[0], now));
	assert_string_equal(fl_outlier_explain(s->o, &s->h[1], now + SEC, say, sizeof(say)),
	    "out for 4.0s more, ejection 1 in a row: 5 failures in a row");
	assert_int_equal(heard.count, 1);
	assert_false(fl_outlier_usable(s->o, &s->h[1], now + 5 * SEC - 1));
	assert_true(fl_outlier_usable(s->o, &s->h[1], now + 5 * SEC));
	assert_string_equal(heard.text, "h1: usable>out (5 failures in a row)\nh1: out>usable (its time is over)\n");
	assert_int_equal(fl_outlier_back_at(&s->h[1]), now + 5 * SEC);
	assert_int_equal(fl_outlier_back_at(&s->h[0]), INT64_MIN);
	set_free(s);
}

/*
 * The four moments at which a result of an earlier time can arrive: while it is out, just after it came back, when the rates are
 * judged, and never. None of them may end or begin an ejection.
 */
static void
test_late(void **state)
{
	struct fl_outlier_opts o = defaults();
	fl_ns t = 100 * SEC;
	(void)state;
	struct set *s = set_new(&o, 6);
	results(s, 0, 30, FL_FAILED, t);
	assert_true(ejected(s, 0, t));
	/* A success of before does not bring it back, nor do failures count for its next time. */
	for (int i = 0; i < 50; i++)
		fl_outlier_record(s->o, &s->h[0], i % 5 == 0 ? FL_OK : FL_FAILED, t - SEC, t + SEC);
	assert_true(ejected(s, 0, t + SEC));
	fl_ns back = t + 5 * SEC;
	assert_true(fl_outlier_usable(s->o, &s->h[0], back));
	struct fl_outlier_view v;
	fl_outlier_view(s->o, &s->h[0], back, &v);
	assert_int_equal(v.in_a_row, 0);
	assert_true(v.results == 0 && v.failures == 0);
	for (unsigned i = 1; i < 6; i++)
		results(s, i, 100, FL_OK, back);
	fl_outlier_tick(s->o, back + MS);                       /* the window still covers its failures of before */
	assert_false(ejected(s, 0, back + MS));
	for (int i = 0; i < 50; i++)
		fl_outlier_record(s->o, &s->h[0], FL_FAILED, back - MS, back + MS);
	fl_outlier_tick(s->o, back + 2 * MS);
	assert_false(ejected(s, 0, back + 2 * MS));
	assert_int_equal(counters(s).stale, 100);
	/* Those of now count. */
	results(s, 0, 5, FL_FAILED, back + 3 * MS);
	assert_true(ejected(s, 0, back + 3 * MS));
	/* An instance that answers nothing at all is back in time. */
	assert_true(fl_outlier_usable(s->o, &s->h[0], back + 60 * SEC));
	set_free(s);
}

/* It goes out for longer each time, up to a bound, until it has been good for as long as it was away. */
static void
test_how_long(void **state)
{
	struct fl_outlier_opts o = defaults();
	(void)state;
	o.max = 18 * SEC;
	struct set *s = set_new(&o, 2);
	fl_ns now = 100 * SEC;
	static const fl_ns want[] = { 5 * SEC, 10 * SEC, 15 * SEC, 18 * SEC, 18 * SEC };
	for (size_t k = 0; k < FL_ARRAY_LEN(want); k++) {
		results(s, 0, 5, FL_FAILED, now);
		assert_false(fl_outlier_usable(s->o, &s->h[0], now + want[k] - 1));
		assert_true(fl_outlier_usable(s->o, &s->h[0], now += want[k]));
		now += SEC;
	}
	now += 18 * SEC;
	results(s, 0, 5, FL_FAILED, now);
	assert_true(fl_outlier_usable(s->o, &s->h[0], now + 5 * SEC));
	set_free(s);
	/* Jitter: either way, the same with the same seed, never over the bound. */
	o.jitter = 0.5;
	o.base = 4 * SEC;
	o.max = 5 * SEC;
	unsigned shorter = 0, longer = 0;
	for (o.seed = 1; o.seed <= 50; o.seed++) {
		struct fl_outlier_view v[2];
		for (int twice = 0; twice < 2; twice++) {
			s = set_new(&o, 2);
			results(s, 0, 5, FL_FAILED, SEC);
			fl_outlier_view(s->o, &s->h[0], SEC, &v[twice]);
			set_free(s);
		}
		assert_int_equal(v[0].until, v[1].until);
		assert_in_range(v[0].until - SEC, 2 * SEC, 5 * SEC);
		shorter += v[0].until < 5 * SEC;
		longer += v[0].until > 5 * SEC;
	}
	assert_true(shorter > 10 && longer > 10);
}

static void
test_rates(void **state)
{
	struct fl_outlier_opts o = defaults();
	struct heard heard = { 0 };
	fl_ns now = 100 * SEC;
	(void)state;
	o.consecutive = 0;
	o.listener = (struct fl_listener){ hear, &heard };
	/* By its own share: 17 of 20, and not with less volume. */
	struct set *s = set_new(&o, 3);
	results(s, 0, 17, FL_FAILED, now);
	fl_outlier_tick(s->o, now);
	assert_false(ejected(s, 0, now));
	results(s, 0, 3, FL_OK, now);
	fl_outlier_tick(s->o, now);
	assert_true(ejected(s, 0, now));
	assert_string_equal(heard.text, "h0: usable>out (17 of 20 calls failed)\n");
	fl_outlier_tick(s->o, now + 5 * SEC);                   /* which ends ejections, too */
	assert_int_equal(counters(s).ejected, 0);
	set_free(s);
	/* By its peers: half failed, where others do well. One unlucky call is not enough, however well the others do. */
	s = set_new(&o, 10);
	for (unsigned i = 0; i < 10; i++)
		results(s, i, 100, FL_OK, now);
	results(s, 3, 100, FL_FAILED, now);
	results(s, 4, 1, FL_FAILED, now);
	results(s, 5, 5, FL_FAILED, now);
	fl_outlier_tick(s->o, now);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(ejected(s, i, now), i == 3);
	assert_non_null(strstr(heard.text, "h3: usable>out (50.0 % of its calls succeeded, others make at least "));
	set_free(s);
	/* All do equally badly: then it is not the instances. */
	s = set_new(&o, 10);
	for (unsigned i = 0; i < 10; i++) {
		results(s, i, 40, FL_OK, now);
		results(s, i, 60, FL_FAILED, now);
	}
	fl_outlier_tick(s->o, now);
	assert_int_equal(counters(s).ejections, 0);
	/* What is older than the window counts no more. */
	results(s, 0, 1000, FL_FAILED, now);
	fl_outlier_tick(s->o, now + 11 * SEC);
	assert_int_equal(counters(s).ejections, 0);
	set_free(s);
}

static void
test_panic(void **state)
{
	struct fl_outlier_opts o = defaults();
	struct heard heard = { 0 };
	fl_ns now = SEC;
	char say[256];
	(void)state;
	o.name = "cart";
	o.listener = (struct fl_listener){ hear, &heard };
	/* Five of ten may be ejected and no more; a sixth that fails its checks is too much: all are used. */
	struct set *s = set_new(&o, 10);
	for (unsigned i = 0; i < 10; i++)
		results(s, i, 5, FL_FAILED, now);
	assert_int_equal(counters(s).ejected, 5);
	assert_int_equal(counters(s).spared, 5);
	assert_false(fl_outlier_panics(s->o));
	fl_outlier_health(s->o, &s->h[9], false, now);
	assert_true(fl_outlier_panics(s->o));
	for (unsigned i = 0; i < 10; i++)
		assert_true(fl_outlier_usable(s->o, &s->h[i], now));
	assert_non_null(strstr(heard.text, "cart: choosing>panic (6 of 10 instances are out)"));
	assert_string_equal(fl_outlier_explain(s->o, &s->h[9], now, say, sizeof(say)),
	    "out: health checks fail; used all the same, too many are out");
	fl_outlier_health(s->o, &s->h[9], true, now);
	assert_false(fl_outlier_panics(s->o));
	assert_false(fl_outlier_usable(s->o, &s->h[0], now));
	assert_non_null(strstr(heard.text, "cart: panic>choosing (5 of 10 instances are out)"));
	assert_int_equal(counters(s).panics, 1);
	set_free(s);
	/* One alone is never ejected, and used even if its checks fail: there is no other. */
	s = set_new(&o, 1);
	results(s, 0, 50, FL_FAILED, now);
	fl_outlier_tick(s->o, now);
	assert_int_equal(counters(s).ejected, 0);
	fl_outlier_health(s->o, &s->h[0], false, now);
	assert_true(fl_outlier_usable(s->o, &s->h[0], now));
	set_free(s);
}

/* Three primaries and a backup: calls fail over as long as the backup is well. */
static void
test_failover(void **state)
{
	struct fl_outlier_opts o = defaults();
	fl_ns now = SEC;
	(void)state;
	struct set *s = set_new(&o, 3);
	set_add(s, 3, 1);
	for (unsigned i = 0; i < 3; i++)
		fl_outlier_health(s->o, &s->h[i], false, now);
	assert_false(fl_outlier_panics(s->o));
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(fl_outlier_usable(s->o, &s->h[i], now), i == 3);
	/* With a second backup, of which one is out: the other still is all there is. */
	set_add(s, 4, 1);
	fl_outlier_health(s->o, &s->h[3], false, now);
	assert_false(fl_outlier_usable(s->o, &s->h[0], now));
	assert_true(fl_outlier_usable(s->o, &s->h[4], now));
	fl_outlier_health(s->o, &s->h[4], false, now);
	for (unsigned i = 0; i < 5; i++)
		assert_true(fl_outlier_usable(s->o, &s->h[i], now));
	set_free(s);
}

static void
test_health(void **state)
{
	struct fl_outlier_opts o = defaults();
	struct heard heard = { 0 };
	fl_ns now = SEC;
	(void)state;
	o.listener = (struct fl_listener){ hear, &heard };
	struct set *s = set_new(&o, 5);
	/* Ejected, then found ill: out until the checks say otherwise, and counted once. */
	results(s, 0, 5, FL_FAILED, now);
	fl_outlier_health(s->o, &s->h[0], false, now);
	fl_outlier_health(s->o, &s->h[0], false, now);
	assert_int_equal(counters(s).ejected, 0);
	assert_int_equal(counters(s).unhealthy, 1);
	assert_false(fl_outlier_usable(s->o, &s->h[0], now + 1000 * SEC));
	fl_outlier_health(s->o, &s->h[0], true, now + 1000 * SEC);
	assert_true(fl_outlier_usable(s->o, &s->h[0], now + 1000 * SEC));
	assert_int_equal(fl_outlier_back_at(&s->h[0]), now + 1000 * SEC);
	/* A good check ends an ejection early. */
	results(s, 1, 5, FL_FAILED, now + 1000 * SEC);
	fl_outlier_health(s->o, &s->h[1], true, now + 1001 * SEC);
	assert_true(fl_outlier_usable(s->o, &s->h[1], now + 1001 * SEC));
	assert_non_null(strstr(heard.text, "h1: out>usable (health checks succeed)"));
	assert_int_equal(counters(s).ejected + counters(s).unhealthy, 0);
	set_free(s);
}

static void
test_modes(void **state)
{
	static const double shares[] = { 0, 0.5, 1 };
	(void)state;
	for (size_t k = 0; k < FL_ARRAY_LEN(shares); k++) {
		struct fl_outlier_opts o = defaults();
		o.enforce = shares[k];
		o.max_share = 1;
		struct set *s = set_new(&o, 2);
		fl_ns now = SEC;
		for (int i = 0; i < 400; i++) {
			results(s, 0, 5, FL_FAILED, now);
			now += 1000 * SEC;
			fl_outlier_tick(s->o, now);
			now += 1000 * SEC;
		}
		struct fl_outlier_counters c = counters(s);
		assert_int_equal(c.ejections + c.would_eject, 400);
		assert_true(fabs((double)c.ejections / 400 - shares[k]) < 0.08);
		assert_int_equal(c.returned, c.ejections);
		set_free(s);
	}
}

/* Does what the set says of itself agree with what it says of each host? */
static void
check(struct set *s, const struct fl_outlier_opts *o, uint64_t *ejections, fl_ns now)
{
	struct fl_outlier_counters c = counters(s);
	unsigned all[FL_OUTLIER_GROUPS_MAX] = { 0 }, out[FL_OUTLIER_GROUPS_MAX] = { 0 }, hosts = 0, gone = 0, groups = 0, panics = 0;
	struct fl_outlier_view v;
	double carried = 0;
	for (unsigned i = 0; i < HOSTS_MAX; i++) {
		if (!s->in[i])
			continue;
		fl_outlier_usable(s->o, &s->h[i], now);         /* ends what is over */
		fl_outlier_view(s->o, &s->h[i], now, &v);
		all[s->group[i]]++;
		out[s->group[i]] += v.until != 0 || !v.healthy;
		gone += v.until != 0;
		hosts++;
		assert_false(v.until != 0 && !v.healthy);
	}
	struct fl_outlier_counters after = counters(s);
	unsigned counted, out_now;
	fl_outlier_counts(s->o, &counted, &out_now);
	assert_true(counted == after.hosts && out_now == after.ejected + after.unhealthy);
	assert_int_equal(after.hosts, hosts);
	assert_int_equal(after.ejected, gone);
	/* The cap, whenever somebody was ejected. */
	if (c.ejections > *ejections)
		assert_true(c.ejected <= FL_MAX(o->max_share * hosts + 1e-9, 1.0));
	*ejections = c.ejections;
	for (unsigned g = 0; g < FL_OUTLIER_GROUPS_MAX; g++) {
		groups += all[g] > 0;
		carried += all[g] > 0 ? FL_MIN(1, 1.4 * (all[g] - out[g]) / all[g]) : 0;
	}
	for (unsigned i = 0; i < HOSTS_MAX; i++) {
		if (!s->in[i])
			continue;
		unsigned g = s->group[i];
		bool panic = (out[g] == all[g] || out[g] > o->panic_share * all[g] + 1e-9) && (groups == 1 || carried < 1 - 1e-9) &&
		    (out[g] < all[g] || carried == 0);
		fl_outlier_view(s->o, &s->h[i], now, &v);
		assert_int_equal(fl_outlier_usable(s->o, &s->h[i], now), panic || (v.until == 0 && v.healthy));
		panics += panic;
	}
	assert_int_equal(fl_outlier_panics(s->o), panics > 0);
}

/* One step of a walk: calls, ticks, checks, hosts that come and go, time. */
static void
step(struct set *s, struct dice *d, const double *sick, fl_ns *now)
{
	unsigned i = dice_roll(d, HOSTS_MAX), what = dice_roll(d, 100);
	if (what < 2 && s->in[i]) {
		fl_outlier_remove(s->o, &s->h[i]);
		s->in[i] = false;
	} else if (what < 5 && !s->in[i]) {
		set_add(s, i, dice_roll(d, 4) == 0);
	} else if (what < 8 && s->in[i]) {
		fl_outlier_health(s->o, &s->h[i], dice_roll(d, 2) == 0, *now);
	} else if (what < 12) {
		fl_outlier_tick(s->o, *now);
	} else if (s->in[i]) {
		for (unsigned n = dice_roll(d, 12); n > 0; n--)
			fl_outlier_record(s->o, &s->h[i],
			    rng_unit(dice_bits(d)) < sick[i] ? FL_FAILED : dice_roll(d, 10) == 0 ? FL_OVERLOADED : FL_OK,
			    *now - (fl_ns)dice_roll(d, 3000) * MS, *now);
	}
	*now += dice_roll(d, 50) == 0 ? (fl_ns)dice_roll(d, 30) * SEC : (fl_ns)dice_roll(d, 200) * MS;
}

static void
test_walk(void **state)
{
	uint64_t all = 0;
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct dice d = { .seed = seed };
		struct fl_outlier_opts o = defaults();
		double sick[HOSTS_MAX];
		uint64_t ejections = 0;
		fl_ns now = SEC;
		o.jitter = 0.2;
		o.max_share = dice_roll(&d, 11) / 10.0;
		o.panic_share = dice_roll(&d, 11) / 10.0;
		struct set *s = set_new(&o, dice_roll(&d, HOSTS_MAX));
		for (unsigned i = 0; i < HOSTS_MAX; i++)
			sick[i] = dice_roll(&d, 3) == 0 ? rng_unit(dice_bits(&d)) : 0.01;
		for (int n = 0; n < 1500; n++) {
			step(s, &d, sick, &now);
			check(s, &o, &ejections, now);
		}
		all += ejections;
		/* In the end all are well: then all are in again. */
		for (unsigned i = 0; i < HOSTS_MAX; i++)
			if (s->in[i])
				fl_outlier_health(s->o, &s->h[i], true, now);
		fl_outlier_tick(s->o, now += 400 * SEC);
		assert_int_equal(counters(s).ejected + counters(s).unhealthy, 0);
		assert_false(fl_outlier_panics(s->o));
		set_free(s);
	}
	assert_true(all > 500);
}

struct crowd {
	struct set *s;
	_Atomic int64_t clock;
};

static void
crowd_body(void *ud, unsigned me)
{
	struct crowd *c = ud;
	struct dice d = { .seed = me };
	struct fl_outlier_counters k;
	char say[256];
	for (int n = 0; n < 20000; n++) {
		fl_ns now = atomic_fetch_add(&c->clock, MS) + SEC;
		unsigned i = dice_roll(&d, 8);
		fl_outlier_record(c->s->o, &c->s->h[i], dice_roll(&d, 8) < i ? FL_FAILED : FL_OK, now - 10 * MS, now);
		fl_outlier_usable(c->s->o, &c->s->h[i], now);
		if (me == 0 && n % 100 == 0)
			fl_outlier_tick(c->s->o, now);
		if (me == 1 && n % 50 == 0)
			fl_outlier_health(c->s->o, &c->s->h[i], n % 100 == 0, now);
		if (n % 500 == 0) {
			fl_outlier_counters(c->s->o, &k);
			assert_true(k.ejected <= 4 && k.ejected + k.unhealthy <= 8 && k.hosts == 8);
			fl_outlier_explain(c->s->o, &c->s->h[i], now, say, sizeof(say));
		}
	}
}

static void
test_threads(void **state)
{
	struct fl_outlier_opts o = defaults();
	uint64_t ejections = 0;
	(void)state;
	o.base = 100 * MS;
	struct crowd c = { .s = set_new(&o, 8) };
	threads_run(4, crowd_body, &c);
	assert_true(counters(c.s).ejections > 10);
	check(c.s, &o, &ejections, c.clock + SEC);
	set_free(c.s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_in_a_row),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_how_long),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_panic),
		cmocka_unit_test(test_failover),
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
