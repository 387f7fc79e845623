/* SPDX-License-Identifier: MIT */
/* test_balance.c - which instance next: shares, keys that stay, ramps, groups, zones. */
#include "faultline/balance.h"

#include "base/types.h"
#include "unit.h"
#include "threads.h"
#include <errno.h>
#include <math.h>

#define SEC FL_SEC
#define MS FL_MS
#define MAX 64

static const char *const kind_names[] = { "least request", "round robin", "ewma", "ring hash", "random" };

struct set {
	struct fl_balance *b;
	unsigned n;
	struct fl_instance_view v[MAX];
	uint64_t ids[MAX];
	struct dice d;
};

static void
look(void *ud, unsigned i, struct fl_instance_view *ret)
{
	*ret = ((struct set *)ud)->v[i];
}

static struct fl_balance_opts
defaults(enum fl_balance_kind kind)
{
	struct fl_balance_opts o;
	fl_balance_opts_init(&o);
	o.kind = kind;
	o.seed = 5;
	return o;
}

/* n instances, all alike but for their weights (NULL: 1). */
static void
set_init(struct set *s, const struct fl_balance_opts *o, const double *weights, unsigned n)
{
	double w[MAX];
	*s = (struct set){ .n = n, .d = { .seed = 11 } };
	for (unsigned i = 0; i < n; i++) {
		w[i] = weights != NULL ? weights[i] : 1;
		s->v[i] = (struct fl_instance_view){ .weight = w[i], .usable = true, .back_at = INT64_MIN, .latency = 10e6 };
		s->ids[i] = 1000 + i * 77;
	}
	assert_int_equal(fl_balance_new(o, s->ids, w, n, &s->b, NULL), 0);
}

static int
pick_at(struct set *s, fl_ns now)
{
	struct fl_balance_ask ask = { .draw = dice_bits(&s->d), .hash = dice_bits(&s->d), .now = now };
	return fl_balance_pick(s->b, s->n, look, s, &ask);
}

static int
pick_key(struct set *s, uint64_t key)
{
	struct fl_balance_ask ask = { .draw = dice_bits(&s->d), .hash = key };
	return fl_balance_pick(s->b, s->n, look, s, &ask);
}

static void
count(struct set *s, unsigned picks, fl_ns now, unsigned got[MAX])
{
	memset(got, 0, MAX * sizeof(*got));
	for (unsigned k = 0; k < picks; k++) {
		int i = pick_at(s, now);
		assert_in_range(i, 0, s->n - 1);
		got[i]++;
	}
}

static void
expect_share(unsigned got, unsigned of, double want, double within, const char *what)
{
	double is = (double)got / of;
	if (fabs(is - want) > within)
		fail_msg("%s: %.3f where %.3f was expected", what, is, want);
}

static void
expect_refused(struct fl_balance_opts o, const double *weights, const char *field)
{
	static const uint64_t ids[3] = { 1, 2, 3 };
	static const double ones[3] = { 1, 1, 1 };
	struct fl_balance *b = NULL;
	const char *got = "";
	assert_int_equal(fl_balance_new(&o, ids, weights != NULL ? weights : ones, 3, &b, &got), -EINVAL);
	assert_string_equal(got, field);
	assert_null(b);
}

static void
test_options(void **state)
{
	struct fl_balance_opts o;
	const char *got = "";
	struct fl_balance *b = NULL;
	(void)state;
#define BAD(field, value) do { o = defaults(FL_LEAST_REQUEST); o.field = value; expect_refused(o, NULL, #field); } while (0)
	BAD(kind, (enum fl_balance_kind)5);
	BAD(overprovision, 0.9);
	BAD(slow_start, -1);
	BAD(slow_start_min, 0);
	BAD(slow_start_min, NAN);
	BAD(zone_share_min, 1.1);
	BAD(load_bound, 1);
	BAD(load_bound, NAN);
	BAD(points, 0);
	BAD(points, 10001);
#undef BAD
	expect_refused(defaults(FL_ROUND_ROBIN), (double[]){ 1, NAN, 1 }, "weights");
	expect_refused(defaults(FL_ROUND_ROBIN), (double[]){ 1, -1, 1 }, "weights");
	expect_refused(defaults(FL_RING_HASH), (double[]){ 1, INFINITY, 1 }, "weights");
	o = defaults(FL_RING_HASH);
	assert_int_equal(fl_balance_new(&o, NULL, (double[]){ 1 }, 1, &b, &got), -EINVAL);
	assert_string_equal(got, "ids");
	assert_int_equal(fl_balance_new(&o, NULL, NULL, FL_BALANCE_INSTANCES_MAX + 1, &b, &got), -EINVAL);
	assert_string_equal(got, "n");
	fl_balance_free(NULL);
	/* Nobody is a set too, and so are those without weight. */
	for (unsigned kind = 0; kind <= FL_RANDOM; kind++) {
		struct set s;
		o = defaults((enum fl_balance_kind)kind);
		set_init(&s, &o, NULL, 0);
		assert_int_equal(pick_at(&s, 0), -1);
		fl_balance_free(s.b);
		set_init(&s, &o, (double[]){ 0, 0 }, 2);
		assert_int_equal(pick_at(&s, 0), -1);
		fl_balance_free(s.b);
	}
}

/* Calls one after the other: every kind gives each its weight's share. */
static void
test_shares(void **state)
{
	static const double weights[][4] = { { 1, 1, 1, 1 }, { 5, 1, 1, 1 }, { 1, 3, 0, 2 }, { 0.5, 1.5, 2.5, 0.1 } };
	(void)state;
	for (unsigned kind = 0; kind <= FL_RANDOM; kind++) {
		for (size_t k = 0; k < FL_ARRAY_LEN(weights); k++) {
			struct fl_balance_opts o = defaults((enum fl_balance_kind)kind);
			unsigned got[MAX];
			double sum = 0;
			struct set s;
			o.points = 1000;
			set_init(&s, &o, weights[k], 4);
			if (kind == FL_EWMA && k > 0) {
				fl_balance_free(s.b);           /* at equal latency the first drawn wins: tested with the others */
				continue;
			}
			count(&s, 20000, 0, got);
			for (int i = 0; i < 4; i++)
				sum += weights[k][i];
			for (int i = 0; i < 4; i++)
				expect_share(got[i], 20000, weights[k][i] / sum, kind == FL_RING_HASH ? 0.04 : 0.015, kind_names[kind]);
			fl_balance_free(s.b);
		}
	}
}

/* nginx's order, and what becomes of it when one is out: its turns go to all in proportion, not to the next. */
static void
test_round_robin(void **state)
{
	static const int order[] = { 0, 0, 1, 0, 2, 0, 0 };
	struct fl_balance_opts o = defaults(FL_ROUND_ROBIN);
	unsigned got[MAX];
	struct set s;
	(void)state;
	set_init(&s, &o, (double[]){ 5, 1, 1 }, 3);
	for (int round = 0; round < 3; round++)
		for (int k = 0; k < 7; k++)
			assert_int_equal(pick_at(&s, 0), order[k]);
	fl_balance_free(s.b);
	set_init(&s, &o, NULL, 5);
	s.v[1].usable = false;
	count(&s, 4000, 0, got);
	for (int i = 0; i < 5; i++)
		assert_int_equal(got[i], i == 1 ? 0 : 1000);
	s.v[2].usable = false;
	count(&s, 3000, 0, got);
	for (int i = 0; i < 5; i++)
		assert_in_range(got[i], i == 1 || i == 2 ? 0 : 999, i == 1 || i == 2 ? 0 : 1001);
	fl_balance_free(s.b);
}

/* Calls that last: nobody has many more under way than the others. Random choice does worse, which shows that the two draws matter. */
static void
test_least_request(void **state)
{
	(void)state;
	double worst[2];
	for (int random = 0; random < 2; random++) {
		struct fl_balance_opts o = defaults(random ? FL_RANDOM : FL_LEAST_REQUEST);
		unsigned flying[2000], count_flying = 0;
		struct set s;
		set_init(&s, &o, NULL, 10);
		worst[random] = 0;
		for (int n = 0; n < 20000; n++) {
			if (count_flying == 1000) {             /* one ends, whichever */
				unsigned k = dice_roll(&s.d, count_flying);
				s.v[flying[k]].inflight--;
				flying[k] = flying[--count_flying];
			}
			int i = pick_at(&s, 0);
			flying[count_flying++] = (unsigned)i;
			s.v[i].inflight++;
			if (n > 5000)
				worst[random] = FL_MAX(worst[random], s.v[i].inflight / 100.0);
		}
		fl_balance_free(s.b);
	}
	assert_true(worst[0] < 1.1);
	assert_true(worst[1] > 1.2);
	/* By weight: thrice the weight carries thrice the calls. */
	struct fl_balance_opts o = defaults(FL_LEAST_REQUEST);
	struct set s;
	set_init(&s, &o, (double[]){ 3, 1, 1, 1 }, 4);
	for (int n = 0; n < 6000; n++)
		s.v[pick_at(&s, 0)].inflight++;
	expect_share(s.v[0].inflight, 6000, 0.5, 0.01, "weight 3");
	fl_balance_free(s.b);
}

/* Peak EWMA in front of instances of which one is slow: it gets little; when it is well again it gets its share again. */
static void
ewma_run(struct set *s, const fl_ns latency[3], fl_ns from, fl_ns to, unsigned got[3])
{
	static struct { fl_ns ends; unsigned i; } fly[64];
	static fl_ns at[3];
	unsigned flying = 0;
	memset(got, 0, 3 * sizeof(*got));
	for (fl_ns now = from; now < to; now += MS) {
		for (unsigned k = 0; k < flying; k++) {
			if (fly[k].ends > now)
				continue;
			unsigned i = fly[k].i;
			s->v[i].latency = fl_balance_ewma(s->v[i].latency, latency[i], at[i], now, 2 * SEC);
			at[i] = now;
			s->v[i].inflight--;
			fly[k--] = fly[--flying];
		}
		if (now / MS % 5 != 0)
			continue;
		double raw[3];
		for (int i = 0; i < 3; i++) {
			raw[i] = s->v[i].latency;
			s->v[i].latency = fl_balance_faded(raw[i], at[i], now, 2 * SEC);
		}
		int i = pick_at(s, now);
		for (int k = 0; k < 3; k++)
			s->v[k].latency = raw[k];
		got[i]++;
		s->v[i].inflight++;
		fly[flying].ends = now + latency[i];
		fly[flying++].i = (unsigned)i;
		assert_true(flying < 64);
	}
	while (flying > 0)
		s->v[fly[--flying].i].inflight--;
}

static void
test_ewma(void **state)
{
	struct fl_balance_opts o = defaults(FL_EWMA);
	unsigned got[3];
	struct set s;
	(void)state;
	set_init(&s, &o, NULL, 3);
	for (int i = 0; i < 3; i++)
		s.v[i].latency = 0;                     /* not known */
	ewma_run(&s, (fl_ns[]){ 10 * MS, 10 * MS, 10 * MS }, SEC, 61 * SEC, got);
	for (int i = 0; i < 3; i++)
		expect_share(got[i], 12000, 1.0 / 3, 0.05, "all alike");
	ewma_run(&s, (fl_ns[]){ 10 * MS, 10 * MS, 200 * MS }, 61 * SEC, 121 * SEC, got);
	expect_share(got[2], 12000, 0.01, 0.01, "slow");
	assert_true(got[2] > 2);                        /* it is tried now and then */
	ewma_run(&s, (fl_ns[]){ 10 * MS, 10 * MS, 10 * MS }, 121 * SEC, 136 * SEC, got);
	ewma_run(&s, (fl_ns[]){ 10 * MS, 10 * MS, 10 * MS }, 136 * SEC, 196 * SEC, got);
	expect_share(got[2], 12000, 1.0 / 3, 0.08, "well again");
	/* One that answers nothing gets one call, not all of them. */
	s.v[2].latency = 0;
	unsigned of[MAX] = { 0 };
	for (int n = 0; n < 1000; n++) {
		int i = pick_at(&s, 196 * SEC);
		of[i]++;
		if (i == 2)
			s.v[2].inflight++;
	}
	assert_int_equal(of[2], 1);
	fl_balance_free(s.b);
	/* The average rises at once and falls by half each half-life. */
	assert_true(fl_balance_ewma(0, 5, 0, 0, SEC) == 5 && fl_balance_ewma(10, 50, 0, 1, SEC) == 50);
	assert_true(fabs(fl_balance_ewma(100, 0, 0, SEC, SEC) - 50) < 1e-9 && fabs(fl_balance_faded(100, 0, 2 * SEC, SEC) - 25) < 1e-9);
	assert_true(fl_balance_faded(100, 5, 3, SEC) == 100 && fl_balance_faded(0, 0, 1, SEC) == 0);
}

/* ---- the ring ---- */

static void
test_ring_keys_stay(void **state)
{
	struct fl_balance_opts o = defaults(FL_RING_HASH);
	struct set all, less;
	static int was[5000];
	(void)state;
	o.load_bound = 0;
	set_init(&all, &o, NULL, 12);
	for (unsigned gone = 0; gone < 12; gone++) {
		unsigned moved = 0;
		/* It is out for a while: its keys go elsewhere, and come back. */
		for (uint64_t key = 0; key < 5000; key++)
			was[key] = pick_key(&all, key);
		all.v[gone].usable = false;
		for (uint64_t key = 0; key < 5000; key++) {
			int is = pick_key(&all, key);
			assert_true(was[key] == (int)gone ? is != (int)gone : is == was[key]);
			moved += is != was[key];
		}
		expect_share(moved, 5000, 1.0 / 12, 0.03, "moved");
		all.v[gone].usable = true;
		for (uint64_t key = 0; key < 5000; key++)
			assert_int_equal(pick_key(&all, key), was[key]);
		/* It leaves the set, and a new set is made. */
		o = defaults(FL_RING_HASH);
		o.load_bound = 0;
		less = (struct set){ .n = 11, .d = { .seed = 3 } };
		double w[MAX];
		for (unsigned i = 0; i < 11; i++) {
			less.v[i] = all.v[i < gone ? i : i + 1];
			less.ids[i] = all.ids[i < gone ? i : i + 1];
			w[i] = 1;
		}
		assert_int_equal(fl_balance_new(&o, less.ids, w, 11, &less.b, NULL), 0);
		for (uint64_t key = 0; key < 5000; key++) {
			int is = pick_key(&less, key);
			if (was[key] != (int)gone)
				assert_int_equal(less.ids[is], all.ids[was[key]]);
		}
		fl_balance_free(less.b);
	}
	fl_balance_free(all.b);
}

/* All want the same key: its instance takes its bound and no more. */
static void
test_ring_bound(void **state)
{
	struct fl_balance_opts o = defaults(FL_RING_HASH);
	struct set s;
	(void)state;
	for (unsigned seed = 0; seed < 20; seed++) {
		set_init(&s, &o, NULL, 8);
		s.d.seed = seed;
		for (unsigned n = 0; n < 400; n++) {
			uint64_t key = dice_roll(&s.d, 3) == 0 ? dice_bits(&s.d) : 7;
			int i = pick_key(&s, key);
			s.v[i].inflight++;
			assert_true(s.v[i].inflight <= ceil(1.25 * (n + 1) / 8));
			if (dice_roll(&s.d, 3) == 0)
				continue;
			/* Some end: the bound is of what is under way. */
		}
		unsigned most = 0;
		for (unsigned i = 0; i < 8; i++)
			most = FL_MAX(most, s.v[i].inflight);
		assert_in_range(most, 62, 63);          /* 1.25 x 50 */
		fl_balance_free(s.b);
	}
}

/* ---- slow start ---- */

static void
test_slow_start(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind <= FL_RANDOM; kind++) {
		if (kind == FL_RING_HASH)
			continue;                       /* a key's place does not depend on when */
		struct fl_balance_opts o = defaults((enum fl_balance_kind)kind);
		unsigned got[MAX];
		struct set s;
		o.slow_start = 100 * SEC;
		set_init(&s, &o, NULL, 4);
		s.v[3].back_at = 1000 * SEC;
		for (int at = 0; at <= 120; at += 20) {
			double warm = FL_MIN(FL_MAX(at / 100.0, 0.1), 1);
			count(&s, 20000, (1000 + at) * SEC, got);
			expect_share(got[3], 20000, warm / (3 + warm), 0.015, kind_names[kind]);
			expect_share(got[0], 20000, 1 / (3 + warm), 0.015, kind_names[kind]);
		}
		/* All have just begun: they share as always. */
		for (int i = 0; i < 4; i++)
			s.v[i].back_at = 2000 * SEC;
		count(&s, 20000, 2000 * SEC, got);
		for (int i = 0; i < 4; i++)
			expect_share(got[i], 20000, 0.25, 0.015, kind_names[kind]);
		fl_balance_free(s.b);
	}
	struct fl_balance_opts o = defaults(FL_RANDOM);
	o.slow_start = 10;
	assert_true(fl_balance_warmth(&o, 100, 90) == 0.1 && fl_balance_warmth(&o, INT64_MIN, 0) == 1 && fl_balance_warmth(&o, 0, 5) == 0.5);
}

/* ---- groups and zones ---- */

/* Ten of priority 0, ten of priority 1. With so many of each usable, what share goes to priority 0? */
static void
test_priorities(void **state)
{
	static const struct { unsigned first, second; double share; } rows[] = {
		{ 10, 10, 1 }, { 8, 10, 1 }, { 8, 0, 1 }, { 7, 10, 0.98 }, { 5, 10, 0.7 }, { 1, 10, 0.14 }, { 0, 10, 0 },
		{ 2, 3, 0.4 },          /* 28 % and 42 %: together not all, so in proportion */
		{ 1, 1, 0.5 }, { 1, 0, 1 }, { 0, 1, 0 },
	};
	(void)state;
	for (unsigned kind = 0; kind <= FL_RANDOM; kind++) {
		struct fl_balance_opts o = defaults((enum fl_balance_kind)kind);
		struct set s;
		unsigned got[MAX];
		set_init(&s, &o, NULL, 20);
		for (size_t k = 0; k < FL_ARRAY_LEN(rows); k++) {
			unsigned first = 0;
			for (unsigned i = 0; i < 20; i++) {
				s.v[i].priority = i / 10 * 12;          /* beyond the last group counts as the last */
				s.v[i].usable = i % 10 < (i < 10 ? rows[k].first : rows[k].second);
			}
			count(&s, 5000, 0, got);
			for (unsigned i = 0; i < 20; i++) {
				assert_true(got[i] == 0 || s.v[i].usable);
				first += i < 10 ? got[i] : 0;
			}
			expect_share(first, 5000, rows[k].share, 0.025, kind_names[kind]);
		}
		for (unsigned i = 0; i < 20; i++)
			s.v[i].usable = false;
		assert_int_equal(pick_at(&s, 0), -1);
		struct fl_balance_ask ask = { .panic = true };
		assert_in_range(fl_balance_pick(s.b, 20, look, &s, &ask), 0, 9);
		fl_balance_free(s.b);
	}
}

static void
test_zones(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind <= FL_RANDOM; kind++) {
		struct fl_balance_opts o = defaults((enum fl_balance_kind)kind);
		struct set s;
		unsigned got[MAX], local = 0;
		o.prefer_zone = true;
		set_init(&s, &o, NULL, 20);
		for (unsigned i = 0; i < 10; i++)
			s.v[i].local = true;
		for (unsigned out = 0; out < 10; out++) {
			count(&s, 2000, 0, got);
			local = 0;
			for (unsigned i = 0; i < 10; i++)
				local += got[i];
			/* Seven of ten must be left for the zone to come first. */
			expect_share(local, 2000, out <= 3 ? 1 : (10.0 - out) / (20 - out), kind == FL_RING_HASH ? 0.12 : 0.04, kind_names[kind]);
			s.v[out].usable = false;
		}
		fl_balance_free(s.b);
	}
}

/* ---- whatever happens ---- */

/* Random sets in random states: what is given can be used, and was not tried unless all were. */
static void
test_walk(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct dice d = { .seed = seed };
		unsigned kind = dice_roll(&d, 5), n = 1 + dice_roll(&d, 12);
		struct fl_balance_opts o = defaults((enum fl_balance_kind)kind);
		double w[MAX];
		struct set s;
		o.prefer_zone = dice_roll(&d, 2);
		o.slow_start = dice_roll(&d, 2) ? 10 * SEC : 0;
		o.points = 20;
		for (unsigned i = 0; i < n; i++)
			w[i] = dice_roll(&d, 6) == 0 ? 0 : dice_roll(&d, 2) ? 1 : 0.1 + dice_roll(&d, 300);
		set_init(&s, &o, w, n);
		for (int k = 0; k < 400; k++) {
			unsigned tried[4], tries = dice_roll(&d, 5), usable = 0, fresh = 0;
			struct fl_instance_view *v = &s.v[dice_roll(&d, n)];
			v->usable = dice_roll(&d, 2);
			v->local = dice_roll(&d, 2);
			v->inflight = dice_roll(&d, 50);
			v->priority = dice_roll(&d, 3);
			v->latency = dice_roll(&d, 3) == 0 ? 0 : 1e6 * dice_roll(&d, 1000);
			v->back_at = dice_roll(&d, 2) ? INT64_MIN : (fl_ns)dice_roll(&d, 20) * SEC;
			for (unsigned t = 0; t < tries; t++)
				tried[t] = dice_roll(&d, n);
			for (unsigned i = 0; i < n; i++) {
				bool is = s.v[i].usable && s.v[i].weight > 0, was = false;
				for (unsigned t = 0; t < tries; t++)
					was |= tried[t] == i;
				usable += is;
				fresh += is && !was;
			}
			struct fl_balance_ask ask = { .draw = dice_bits(&d), .hash = dice_bits(&d), .now = (fl_ns)dice_roll(&d, 20) * SEC,
				.tried = tried, .tried_count = tries };
			int i = fl_balance_pick(s.b, n, look, &s, &ask);
			assert_true((i >= 0) == (usable > 0));
			if (i < 0)
				continue;
			assert_true((unsigned)i < n && s.v[i].usable && s.v[i].weight > 0);
			for (unsigned t = 0; t < tries && fresh > 0; t++)
				assert_int_not_equal(tried[t], i);
			/* The same question has the same answer, but for the turn of round robin. */
			if (kind != FL_ROUND_ROBIN)
				assert_int_equal(fl_balance_pick(s.b, n, look, &s, &ask), i);
		}
		fl_balance_free(s.b);
	}
}

struct crowd {
	struct set *s;
	unsigned got[4][MAX];
};

static void
crowd_body(void *ud, unsigned me)
{
	struct crowd *c = ud;
	struct dice d = { .seed = me };
	for (int n = 0; n < 12000; n++) {
		struct fl_balance_ask ask = { .draw = dice_bits(&d), .hash = dice_bits(&d) };
		c->got[me][fl_balance_pick(c->s->b, c->s->n, look, c->s, &ask)]++;
	}
}

static void
test_threads(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind <= FL_RANDOM; kind++) {
		struct fl_balance_opts o = defaults((enum fl_balance_kind)kind);
		struct set s;
		struct crowd c = { .s = &s };
		set_init(&s, &o, NULL, 6);
		threads_run(4, crowd_body, &c);
		for (unsigned i = 0; i < 6; i++) {
			unsigned sum = c.got[0][i] + c.got[1][i] + c.got[2][i] + c.got[3][i];
			if (kind == FL_ROUND_ROBIN)
				assert_int_equal(sum, 8000);    /* one order for all */
			else
				expect_share(sum, 48000, 1 / 6.0, kind == FL_RING_HASH ? 0.06 : 0.01, kind_names[kind]);
		}
		fl_balance_free(s.b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_round_robin),
		cmocka_unit_test(test_least_request),
		cmocka_unit_test(test_ewma),
		cmocka_unit_test(test_ring_keys_stay),
		cmocka_unit_test(test_ring_bound),
		cmocka_unit_test(test_slow_start),
		cmocka_unit_test(test_priorities),
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
