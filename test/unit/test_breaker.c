/* SPDX-License-Identifier: MIT */
/* test_breaker.c - the circuit breaker: when it trips, and what late and lost results do to it. */
#include "breaker_rig.h"

static void
calls(struct fl_breaker *b, int n, enum fl_outcome o, fl_ns now)
{
	while (n-- > 0)
		assert_int_equal(call(b, o, 0, now), 0);
}

/* Open at `now`, by failures. */
static void
trip(struct fl_breaker *b, fl_ns now)
{
	for (int i = 0; i < 1000 && fl_breaker_state(b) == FL_BREAKER_CLOSED; i++)
		calls(b, 1, FL_FAILED, now);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_OPEN);
}

static struct fl_permit
admitted(struct fl_breaker *b, fl_ns now)
{
	struct fl_permit p;
	assert_int_equal(fl_breaker_admit(b, 0, now, &p, NULL), 0);
	return p;
}

static int
report(struct fl_breaker *b, struct fl_permit p, enum fl_outcome o, fl_ns now)
{
	return fl_breaker_record(b, 0, &p, o, 0, now);
}

/* ---- options ---- */

static void
test_options(void **state)
{
	struct fl_breaker_opts o;
	struct fl_breaker *b = NULL;
	(void)state;
#define BAD(field, value) RIG_BAD(fl_breaker_new, fl_breaker_opts_init, o, b, field, value)
	BAD(cells, 0);
	BAD(cells, FL_CELLS_MAX + 1);
	BAD(window, 9);
	BAD(window, FL_NEVER);
	BAD(count, FL_BREAKER_COUNT_MAX + 1);
	BAD(failure_rate, 0);
	BAD(failure_rate, 0.0 / 0.0);
	BAD(slow_rate, -1);
	BAD(slow_after, -1);
	BAD(volume_min, 0);
	BAD(confidence, 1);
	BAD(confidence, -0.1);
	BAD(open, 0);
	BAD(open, FL_NEVER);
	BAD(open_max, 1);
	BAD(open_max, FL_NEVER);
	BAD(jitter, 1.1);
	BAD(stable, -1);
	BAD(probes, 0);
	BAD(probes, FL_BREAKER_PROBES_MAX + 1);
	BAD(successes, 0);
	BAD(lease, -1);
	BAD(enforce, 2);
#undef BAD
	assert_null(b);
	fl_breaker_opts_init(&o);
	o.count = 10;
	RIG_NO_MEMORY(fl_breaker_new, fl_breaker_free, o, b);
	/* Options of an older header, with less in them: the rest are defaults. */
	o.size = offsetof(struct fl_breaker_opts, window);
	o.window = -1;
	b = make(&o);
	assert_int_equal(call(b, FL_OK, 0, 0), 0);
	/* A cell that is not there. */
	struct fl_permit p = admitted(b, 0);
	assert_int_equal(fl_breaker_admit(b, 1, 0, &p, NULL), -EINVAL);
	assert_int_equal(fl_breaker_record(b, 1, &p, FL_OK, 0, 0), -EINVAL);
	fl_breaker_free(b);
}

/* ---- tripping ---- */

static void
test_plain_rate(void **state)
{
	struct fl_breaker_opts o = plain();
	(void)state;
	o.volume_min = 10;
	struct fl_breaker *b = make(&o);
	calls(b, 9, FL_FAILED, S);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_CLOSED);       /* too few */
	fl_breaker_force(b, FL_BREAKER_CLOSED, S);
	calls(b, 6, FL_OK, S);
	calls(b, 5, FL_FAILED, S);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_CLOSED);       /* 5 of 11 */
	calls(b, 1, FL_FAILED, S);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_OPEN);         /* 6 of 12 */
	fl_breaker_free(b);
}

/* Few calls need a clear case, many a narrow one. */
static void
test_confidence(void **state)
{
	struct fl_breaker_opts o = plain();
	(void)state;
	o.confidence = 0.95;
	o.volume_min = 1;
	struct fl_breaker *b = make(&o);
	static const struct { int good, bad; bool opens; } cases[] = {
		{ 0, 3, false },                /* lower bound 43.8 % */
		{ 0, 4, true },                 /* 51.01 % */
		{ 2, 8, false },                /* 49.02 % */
		{ 470, 530, false },            /* 49.9 % */
		{ 460, 540, true },             /* 50.9 % */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fl_breaker_force(b, FL_BREAKER_CLOSED, S);
		calls(b, cases[i].good, FL_OK, S);
		for (int n = 0; n < cases[i].bad && fl_breaker_state(b) == FL_BREAKER_CLOSED; n++)
			calls(b, 1, FL_FAILED, S);
		assert_int_equal(fl_breaker_state(b) == FL_BREAKER_OPEN, cases[i].opens);
	}
	fl_breaker_free(b);
}

/* 100 %: all must have failed, and a rate over 1 never trips. */
static void
test_all_and_never(void **state)
{
	struct fl_breaker_opts o = plain();
	(void)state;
	o.failure_rate = 1;
	o.confidence = 0.95;
	struct fl_breaker *b = make(&o);
	calls(b, 1, FL_OK, S);
	calls(b, 500, FL_FAILED, S);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_CLOSED);
	calls(b, 10, FL_FAILED, 12 * S);        /* the good one has left the window: 10 of 10 */
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_OPEN);
	fl_breaker_free(b);
	o.failure_rate = 1.5;
	b = make(&o);
	calls(b, 1000, FL_FAILED, S);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_CLOSED);
	fl_breaker_free(b);
}

static void
test_window_slides(void **state)
{
	struct fl_breaker_opts o = plain();
	struct fl_breaker_view v;
	(void)state;
	struct fl_breaker *b = make(&o);
	for (fl_ns t = 0; t < 100 * S; t += S)          /* one failure a second: 10 in the window, but never 10 at once before that */
		if (fl_breaker_state(b) == FL_BREAKER_CLOSED && t < 9 * S)
			calls(b, 1, FL_FAILED, t);
	fl_breaker_view(b, 9 * S, &v);
	assert_true(v.calls == 9 && v.failed == 9 && v.failure_rate == 1);
	fl_breaker_view(b, 10 * S, &v);
	assert_true(v.calls == 8);                      /* the bucket of 0..1 s has gone */
	fl_breaker_view(b, 30 * S, &v);
	assert_true(v.calls == 0 && v.failure_rate == 0);
	calls(b, 9, FL_FAILED, 30 * S);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_CLOSED);
	calls(b, 1, FL_FAILED, 39 * S);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_OPEN);
	fl_breaker_free(b);
}

/* Any clock: one since 1970 with a short window, and one that begins below zero. */
static void
test_any_clock(void **state)
{
	struct fl_breaker_opts o = plain();
	struct fl_breaker_view v;
	static const fl_ns starts[] = { INT64_C(1790000000) * S, -S - 5, 0 };
	(void)state;
	o.window = 10 * MS;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		struct fl_breaker *b = make(&o);
		for (fl_ns t = starts[i]; t < starts[i] + 9 * MS; t += MS)
			calls(b, 1, FL_FAILED, t);
		fl_breaker_view(b, starts[i] + 8 * MS, &v);
		assert_true(v.failed == 9);
		fl_breaker_view(b, starts[i] + 14 * MS, &v);
		assert_in_range((int)v.failed, 3, 5);
		calls(b, 9, FL_FAILED, starts[i] + 40 * MS);
		assert_int_equal(fl_breaker_state(b), FL_BREAKER_CLOSED);
		calls(b, 1, FL_FAILED, starts[i] + 41 * MS);
		assert_int_equal(fl_breaker_state(b), FL_BREAKER_OPEN);
		fl_breaker_free(b);
	}
}

static void
test_count_window(void **state)
{
	struct fl_breaker_opts o = plain();
	struct fl_breaker_view v;
	(void)state;
	o.count = 20;
	struct fl_breaker *b = make(&o);
	calls(b, 15, FL_OK, S);
	calls(b, 9, FL_FAILED, 1000 * S);               /* a count does not forget with time */
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_CLOSED);
	fl_breaker_view(b, 1000 * S, &v);
	assert_true(v.calls == 20 && v.failed == 9);    /* the oldest four were replaced */
	calls(b, 3, FL_OK, 1000 * S);
	fl_breaker_view(b, 1000 * S, &v);
	assert_true(v.calls == 20 && v.failed == 9);
	calls(b, 1, FL_FAILED, 1000 * S);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_OPEN);
	struct fl_permit p = admitted(b, 1005 * S);
	assert_int_equal(report(b, p, FL_OK, 1005 * S), 0);
	fl_breaker_view(b, 1005 * S, &v);
	assert_true(v.state == FL_BREAKER_CLOSED && v.calls == 0);
	fl_breaker_free(b);
}

static void
test_outcomes(void **state)
{
	struct fl_breaker_opts o = plain();
	struct fl_breaker_counters c;
	struct fl_breaker_view v;
	(void)state;
	struct fl_breaker *b = make(&o);
	calls(b, 50, FL_OVERLOADED, S);
	calls(b, 50, FL_CANCELLED, S);
	fl_breaker_view(b, S, &v);
	assert_true(v.calls == 0 && v.state == FL_BREAKER_CLOSED);
	calls(b, 3, FL_OK, S);
	calls(b, 2, FL_FAILED, S);
	fl_breaker_counters(b, &c);
	assert_true(c.admitted == 105 && c.overloaded == 50 && c.cancelled == 50 && c.ok == 3 && c.failed == 2 && c.refused == 0 && c.stale == 0);
	fl_breaker_free(b);
	o.overload_fails = true;
	b = make(&o);
	calls(b, 10, FL_OVERLOADED, S);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_OPEN);
	fl_breaker_free(b);
}

static void
test_slow_rate(void **state)
{
	struct fl_breaker_opts o = plain();
	(void)state;
	o.slow_after = S;
	o.slow_rate = 0.8;
	struct fl_breaker *b = make(&o);
	for (int i = 0; i < 2; i++)
		assert_int_equal(call(b, FL_OK, S - 1, 5 * S), 0);
	for (int i = 0; i < 7; i++)
		assert_int_equal(call(b, FL_OK, S, 5 * S), 0);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_CLOSED);       /* 7 of 9 */
	assert_int_equal(call(b, FL_OK, 2 * S, 5 * S), 0);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_OPEN);         /* 8 of 10 */
	/* A slow probe is not a good one. */
	struct fl_permit p = admitted(b, 10 * S);
	assert_int_equal(fl_breaker_record(b, 0, &p, FL_OK, S, 10 * S), 0);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_OPEN);
	fl_breaker_free(b);
}

/* A dependency that hangs: nothing is ever reported, and it trips all the same; what comes later is stale. */
static void
test_hang(void **state)
{
	struct fl_breaker_opts o = plain();
	struct fl_breaker_view v;
	struct rig_news news = { 0 };
	struct fl_permit held[12], p;
	(void)state;
	o.slow_after = 2 * S;
	o.listener = RIG_LISTENER(&news);
	struct fl_breaker *b = make(&o);
	for (int i = 0; i < 12; i++)
		held[i] = admitted(b, 500 * MS);
	fl_breaker_view(b, 2 * S, &v);
	assert_true(v.overdue == 0);
	fl_breaker_view(b, 3 * S, &v);                  /* all began by 1 s: 2 s ago */
	assert_true(v.overdue == 12 && v.failed == 12 && v.slow == 12 && v.calls == 12);
	assert_int_equal(fl_breaker_admit(b, 0, 3 * S, &p, NULL), -EAGAIN);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_OPEN);
	assert_int_equal(news.n, 1);
	assert_string_equal(news.e[0].why, "12 of 12 calls failed (100 %, limit 50 %), some of them still in flight");
	for (int i = 0; i < 12; i++)
		assert_int_equal(report(b, held[i], FL_OK, 4 * S), -ESTALE);
	fl_breaker_free(b);
}

/* Calls that become overdue between two failures of one bucket count at the second, however far from the limit the first was. */
static void
test_hang_meanwhile(void **state)
{
	struct fl_breaker_opts o = plain();
	(void)state;
	o.slow_after = 1500 * MS;
	struct fl_breaker *b = make(&o);
	for (int i = 0; i < 200; i++)
		admitted(b, 500 * MS);
	calls(b, 100, FL_OK, 2200 * MS);
	calls(b, 1, FL_FAILED, 2200 * MS);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_CLOSED);       /* 1 of 101 */
	calls(b, 1, FL_FAILED, 2600 * MS);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_OPEN);         /* 202 of 302 */
	fl_breaker_free(b);
}

/* An idle thread's cell counts like any other: its good calls, and those that hang. */
static void
test_idle_cell(void **state)
{
	struct fl_breaker_opts o = plain();
	struct fl_breaker_view v;
	struct fl_permit p;
	(void)state;
	o.cells = 2;
	o.slow_after = 2 * S;
	struct fl_breaker *b = make(&o);
	for (int i = 0; i < 30; i++) {
		assert_int_equal(fl_breaker_admit(b, 1, S, &p, NULL), 0);
		if (i < 10)
			assert_int_equal(fl_breaker_record(b, 1, &p, FL_OK, 0, S), 0);
	}
	fl_breaker_view(b, 2 * S, &v);
	assert_true(v.calls == 10 && v.overdue == 0);
	fl_breaker_view(b, 6 * S, &v);                                  /* nobody has touched the cell since */
	assert_true(v.calls == 30 && v.overdue == 20);
	fl_breaker_view(b, 15 * S, &v);
	assert_true(v.calls == 20 && v.overdue == 20);
	assert_int_equal(fl_breaker_admit(b, 1, 16 * S, &p, NULL), -EAGAIN);     /* its thread comes back, and sees */
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_OPEN);
	fl_breaker_free(b);
	/* What is slow only beyond the window is told by results alone, whoever turned last. */
	o.slow_after = 9500 * MS;
	b = make(&o);
	for (int i = 0; i < 30; i++)
		assert_int_equal(fl_breaker_admit(b, 1, S, &p, NULL), 0);
	for (fl_ns t = S; t < 40 * S; t += S / 2) {
		fl_breaker_view(b, t, &v);
		assert_true(v.overdue == 0);
	}
	assert_int_equal(fl_breaker_admit(b, 1, 40 * S, &p, NULL), 0);
	fl_breaker_free(b);
}

/* Calls in flight across buckets, cells and the window's length are counted once, and no longer than they last. */
static void
test_overdue_ends(void **state)
{
	struct fl_breaker_opts o = plain();
	struct fl_breaker_view v;
	struct fl_permit p[30], q;
	(void)state;
	o.slow_after = S;
	o.cells = 3;
	o.failure_rate = o.slow_rate = 2;
	struct fl_breaker *b = make(&o);
	for (int i = 0; i < 30; i++)
		assert_int_equal(fl_breaker_admit(b, (unsigned)i % 3, i * S, &p[i], NULL), 0);
	fl_breaker_view(b, 29 * S, &v);
	assert_true(v.overdue == 28);           /* all but those of the last two buckets */
	for (int i = 0; i < 30; i += 2)         /* each in another cell than it began in */
		assert_int_equal(fl_breaker_record(b, (unsigned)(i + 1) % 3, &p[i], FL_OK, (29 - i) * S, 29 * S), 0);
	fl_breaker_view(b, 29 * S, &v);
	assert_true(v.overdue == 14 && v.calls == 15 + 14);
	for (int i = 1; i < 30; i += 2)
		assert_int_equal(fl_breaker_record(b, (unsigned)(i + 2) % 3, &p[i], FL_CANCELLED, (29 - i) * S, 29 * S), 0);
	fl_breaker_view(b, 29 * S, &v);
	assert_true(v.overdue == 0 && v.calls == 15);
	for (unsigned i = 0; i < 3; i++)        /* and later, whatever turned meanwhile */
		assert_int_equal(fl_breaker_admit(b, i, 60 * S, &q, NULL), 0);
	fl_breaker_view(b, 60 * S, &v);
	assert_true(v.overdue == 0 && v.calls == 0);
	fl_breaker_free(b);
}

/* ---- open and half-open ---- */

static void
test_refusal(void **state)
{
	struct fl_breaker_opts o = plain();
	struct fl_refusal why;
	struct fl_permit p;
	char say[256];
	(void)state;
	o.name = "db";
	o.confidence = 0.95;
	struct fl_breaker *b = make(&o);
	trip(b, S);
	assert_int_equal(fl_breaker_admit(b, 0, 2 * S, &p, &why), -EAGAIN);
	assert_int_equal(why.by, FL_WHO_BREAKER);
	assert_int_equal(why.reason, FL_REASON_BREAKER_OPEN);
	assert_int_equal(why.retry_after, 4 * S);
	assert_string_equal(fl_refusal_say(&why, say, sizeof(say)), "the circuit breaker \"db\" is open: 10 of 10 calls failed or were too slow "
	    "(100 %; surely more than 72 %, limit 50 %); try again in 4.0s");
	assert_false(fl_breaker_ready(b, 6 * S - 1));
	assert_true(fl_breaker_ready(b, 6 * S));
	assert_string_equal(fl_breaker_explain(b, 4 * S, say, sizeof(say)), "open for another 2.0s: 0 of 0 calls in the window failed, 0 were slow, "
	    "0 have been in flight for too long");
	admitted(b, 6 * S);
	assert_false(fl_breaker_ready(b, 6 * S));
	assert_int_equal(fl_breaker_admit(b, 0, 6 * S, &p, &why), -EAGAIN);
	assert_int_equal(why.reason, FL_REASON_BREAKER_PROBING);
	fl_refusal_say(&why, say, sizeof(say));
	assert_non_null(strstr(say, "is half-open: 1 of 1 probes are under way; try again in "));
	fl_breaker_free(b);
}

static void
test_open_time_grows(void **state)
{
	struct fl_breaker_opts o = plain();
	struct fl_refusal why;
	struct fl_permit p;
	char say[256];
	static const int opens[] = { 5, 10, 20, 40, 60, 60 };
	fl_ns now = S;
	(void)state;
	struct fl_breaker *b = make(&o);
	trip(b, now);
	for (size_t i = 0; i < sizeof(opens) / sizeof(opens[0]); i++) {
		now += opens[i] * S;
		assert_int_equal(fl_breaker_admit(b, 0, now - 1, &p, &why), -EAGAIN);
		p = admitted(b, now);
		if (i + 1 == sizeof(opens) / sizeof(opens[0]))
			break;
		assert_int_equal(report(b, p, FL_FAILED, now), 0);
		assert_int_equal(fl_breaker_admit(b, 0, now, &p, &why), -EAGAIN);
		assert_int_equal(why.reason, FL_REASON_BREAKER_PROBE);
		fl_refusal_say(&why, say, sizeof(say));
		assert_non_null(strstr(say, "is open: a probe failed or did not report (opened "));
	}
	assert_int_equal(report(b, p, FL_OK, now), 0);
	trip(b, now + 59 * S);                          /* not stable for long enough: still 60 s */
	assert_int_equal(fl_breaker_admit(b, 0, now + 59 * S, &p, &why), -EAGAIN);
	assert_int_equal(why.retry_after, 60 * S);
	p = admitted(b, now + 119 * S);
	assert_int_equal(report(b, p, FL_OK, now + 119 * S), 0);
	trip(b, now + 180 * S);
	assert_int_equal(fl_breaker_admit(b, 0, now + 180 * S, &p, &why), -EAGAIN);
	assert_int_equal(why.retry_after, 5 * S);
	fl_breaker_free(b);
}

/* Jitter spreads breakers of different seeds, and is the same for the same seed. */
static void
test_jitter(void **state)
{
	struct fl_breaker_opts o = plain();
	struct fl_refusal why;
	struct fl_permit p;
	fl_ns low = FL_NEVER, high = 0, first = 0;
	(void)state;
	o.jitter = 0.2;
	for (o.seed = 0; o.seed < 100; o.seed++) {
		for (int again = 0; again < 2; again++) {
			struct fl_breaker *b = make(&o);
			trip(b, S);
			assert_int_equal(fl_breaker_admit(b, 0, S, &p, &why), -EAGAIN);
			assert_in_range(why.retry_after, 4 * S, 6 * S);
			if (again)
				assert_int_equal(first, why.retry_after);
			first = why.retry_after;
			low = first < low ? first : low;
			high = first > high ? first : high;
			fl_breaker_free(b);
		}
	}
	assert_true(low < 4200 * MS && high > 5800 * MS);
}

/* The four probes of asynchrony. */
static void
test_late_success(void **state)
{
	struct fl_breaker_opts o = plain();
	struct fl_breaker_counters c;
	(void)state;
	struct fl_breaker *b = make(&o);
	struct fl_permit early = admitted(b, S), early_too = admitted(b, S);
	trip(b, S);
	assert_int_equal(report(b, early, FL_OK, 2 * S), -ESTALE);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_OPEN);
	struct fl_permit probe = admitted(b, 6 * S);
	assert_int_equal(report(b, early_too, FL_OK, 6 * S), -ESTALE);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_HALF_OPEN);
	assert_int_equal(report(b, probe, FL_OK, 7 * S), 0);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_CLOSED);
	fl_breaker_counters(b, &c);
	assert_true(c.stale == 2 && c.probes == 1 && c.opened == 1 && c.closed == 1);
	fl_breaker_free(b);
}

static void
test_late_failure(void **state)
{
	struct fl_breaker_opts o = plain();
	struct fl_permit early[20];
	struct fl_breaker_view v;
	(void)state;
	struct fl_breaker *b = make(&o);
	for (int i = 0; i < 20; i++)
		early[i] = admitted(b, S);
	trip(b, S);
	struct fl_permit probe = admitted(b, 6 * S);
	assert_int_equal(report(b, early[0], FL_FAILED, 6 * S), -ESTALE);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_HALF_OPEN);
	assert_int_equal(report(b, probe, FL_OK, 6 * S), 0);
	for (int i = 1; i < 20; i++)            /* nor do they open it again once it is closed */
		assert_int_equal(report(b, early[i], FL_FAILED, 6 * S), -ESTALE);
	assert_int_equal(report(b, probe, FL_FAILED, 6 * S), -ESTALE);          /* nor does a probe that reports twice */
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_CLOSED);
	fl_breaker_view(b, 6 * S, &v);
	assert_true(v.calls == 0);
	fl_breaker_free(b);
}

static void
test_hundred_callers(void **state)
{
	struct fl_breaker_opts o = plain();
	struct fl_permit p, got[3];
	struct fl_refusal why;
	int n = 0;
	(void)state;
	o.probes = 3;
	o.successes = 3;
	struct fl_breaker *b = make(&o);
	trip(b, S);
	for (int i = 0; i < 100; i++) {
		if (fl_breaker_admit(b, 0, 6 * S, &p, &why) == 0) {
			assert_true(n < 3);
			got[n++] = p;
		} else {
			assert_int_equal(why.reason, FL_REASON_BREAKER_PROBING);
			assert_true(why.n[0] == 3 && why.n[1] == 3);
		}
	}
	assert_int_equal(n, 3);
	assert_int_equal(report(b, got[0], FL_OK, 6 * S), 0);
	assert_int_equal(fl_breaker_admit(b, 0, 6 * S, &p, NULL), -EAGAIN);     /* 1 good and 2 under way are all it takes */
	assert_int_equal(report(b, got[1], FL_CANCELLED, 6 * S), 0);            /* frees its slot, votes nothing */
	got[1] = admitted(b, 6 * S);
	assert_int_equal(fl_breaker_admit(b, 0, 6 * S, &p, NULL), -EAGAIN);
	assert_int_equal(report(b, got[1], FL_OVERLOADED, 6 * S), 0);
	got[1] = admitted(b, 6 * S);
	assert_int_equal(report(b, got[1], FL_OK, 6 * S), 0);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_HALF_OPEN);
	assert_int_equal(report(b, got[2], FL_OK, 6 * S), 0);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_CLOSED);
	fl_breaker_free(b);
}

static void
test_lost_probe(void **state)
{
	struct fl_breaker_opts o = plain();
	struct fl_breaker_counters c;
	struct rig_news news = { 0 };
	(void)state;
	o.listener = RIG_LISTENER(&news);
	struct fl_breaker *b = make(&o);
	trip(b, S);
	struct fl_permit lost = admitted(b, 6 * S), p;  /* its lease: 5 s, as long as it was open */
	assert_int_equal(fl_breaker_admit(b, 0, 11 * S - 1, &p, NULL), -EAGAIN);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_HALF_OPEN);
	assert_int_equal(fl_breaker_admit(b, 0, 11 * S, &p, NULL), -EAGAIN);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_OPEN);
	assert_int_equal(report(b, lost, FL_OK, 12 * S), -ESTALE);
	/* Open for 10 s from the end of the lease; and who comes much later finds it half-open, not just found out. */
	lost = admitted(b, 21 * S);
	p = admitted(b, 100 * S);
	assert_int_equal(report(b, lost, FL_OK, 100 * S), -ESTALE);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_HALF_OPEN);
	/* One that reports after its lease is as lost as one that never does. */
	assert_int_equal(report(b, p, FL_OK, 120 * S), -ESTALE);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_OPEN);
	p = admitted(b, 1000 * S);
	assert_int_equal(report(b, p, FL_OK, 1000 * S), 0);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_CLOSED);
	fl_breaker_counters(b, &c);
	assert_true(c.leases_expired == 3 && c.opened == 4 && c.probes == 4 && c.stale == 3);
	static const char *const changes[] = { "closed>open", "open>half-open", "half-open>open", "open>half-open", "half-open>open",
		"open>half-open", "half-open>open", "open>half-open", "half-open>closed" };
	assert_int_equal(news.n, 9);
	for (int i = 0; i < 9; i++)
		assert_string_equal(news.e[i].change, changes[i]);
	assert_string_equal(news.e[2].why, "a probe did not report before its lease ended");
	assert_int_equal(news.e[2].at, 11 * S);
	fl_breaker_free(b);
}

/* ---- from outside ---- */

static void
test_force(void **state)
{
	struct fl_breaker_opts o = plain();
	struct rig_news news = { 0 };
	struct fl_refusal why;
	struct fl_permit p, held;
	char say[128];
	(void)state;
	o.listener = RIG_LISTENER(&news);
	struct fl_breaker *b = make(&o);
	held = admitted(b, S);
	fl_breaker_force(b, FL_BREAKER_FORCED_OPEN, S);
	assert_int_equal(fl_breaker_admit(b, 0, 1000 * S, &p, &why), -EAGAIN);
	assert_string_equal(fl_refusal_say(&why, say, sizeof(say)), "the circuit breaker \"b\" was forced open");
	assert_false(fl_breaker_ready(b, 1000 * S));
	assert_int_equal(report(b, held, FL_FAILED, S), -ESTALE);
	fl_breaker_force(b, FL_BREAKER_DISABLED, S);
	calls(b, 100, FL_FAILED, S);                    /* nothing votes */
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_DISABLED);
	assert_true(fl_breaker_ready(b, S));
	fl_breaker_force(b, FL_BREAKER_OPEN, S);
	assert_int_equal(fl_breaker_admit(b, 0, 2 * S, &p, &why), -EAGAIN);
	assert_string_equal(fl_refusal_say(&why, say, sizeof(say)), "the circuit breaker \"b\" was forced open; try again in 4.0s");
	p = admitted(b, 6 * S);
	assert_int_equal(report(b, p, FL_OK, 6 * S), 0);
	fl_breaker_force(b, FL_BREAKER_HALF_OPEN, 7 * S);
	p = admitted(b, 7 * S);
	assert_true(p.slot > 0);
	fl_breaker_force(b, FL_BREAKER_CLOSED, 8 * S);
	assert_int_equal(report(b, p, FL_FAILED, 8 * S), -ESTALE);
	fl_breaker_force(b, FL_BREAKER_CLOSED, 8 * S);          /* no change, no event */
	fl_breaker_force(b, (enum fl_breaker_state)77, 8 * S);
	static const char *const changes[] = { "closed>forced-open", "forced-open>disabled", "disabled>open", "open>half-open",
		"half-open>closed", "closed>half-open", "half-open>closed" };
	assert_int_equal(news.n, 7);
	for (int i = 0; i < 7; i++) {
		assert_string_equal(news.e[i].change, changes[i]);
		assert_string_equal(news.e[i].name, "b");
		assert_int_equal(news.e[i].who, FL_WHO_BREAKER);
	}
	assert_string_equal(fl_breaker_state_name((enum fl_breaker_state)77), "?");
	fl_breaker_free(b);
}

/* Observed: it opens, probes and closes as ever, and refuses nobody. */
static void
test_observe(void **state)
{
	struct fl_breaker_opts o = plain();
	struct fl_breaker_counters c;
	struct fl_permit p;
	(void)state;
	o.enforce = 0;
	struct fl_breaker *b = make(&o);
	trip(b, S);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(fl_breaker_admit(b, 0, 2 * S, &p, NULL), 0);
		assert_int_equal(report(b, p, FL_OK, 2 * S), 0);
	}
	assert_true(fl_breaker_ready(b, 2 * S));
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_OPEN);
	p = admitted(b, 6 * S);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_HALF_OPEN);
	assert_int_equal(report(b, p, FL_OK, 6 * S), 0);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_CLOSED);
	fl_breaker_counters(b, &c);
	assert_true(c.refused == 0 && c.would_refuse == 50 && c.stale == 0);
	fl_breaker_free(b);
}

static void
test_share(void **state)
{
	struct fl_breaker_opts o = plain();
	struct fl_breaker_counters c;
	struct fl_permit p;
	(void)state;
	o.enforce = 0.3;
	o.seed = 7;
	struct fl_breaker *b = make(&o);
	trip(b, S);
	for (int i = 0; i < 10000; i++)
		fl_breaker_admit(b, 0, 2 * S, &p, NULL);
	fl_breaker_counters(b, &c);
	assert_in_range(c.refused, 2800, 3200);
	assert_int_equal(c.refused + c.would_refuse, 10000);
	fl_breaker_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_plain_rate),
		cmocka_unit_test(test_confidence),
		cmocka_unit_test(test_all_and_never),
		cmocka_unit_test(test_window_slides),
		cmocka_unit_test(test_any_clock),
		cmocka_unit_test(test_count_window),
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_slow_rate),
		cmocka_unit_test(test_hang),
		cmocka_unit_test(test_hang_meanwhile),
		cmocka_unit_test(test_idle_cell),
		cmocka_unit_test(test_overdue_ends),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_open_time_grows),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_late_success),
		cmocka_unit_test(test_late_failure),
		cmocka_unit_test(test_hundred_callers),
		cmocka_unit_test(test_lost_probe),
		cmocka_unit_test(test_force),
		cmocka_unit_test(test_observe),
		cmocka_unit_test(test_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
