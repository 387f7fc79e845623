/* SPDX-License-Identifier: MIT */
/* test_retry.c - what is repeated and what is not, how long it waits, and that a no costs nothing. */
#include "policy_rig.h"

#include <faultline/retry.h>

static struct fl_retry_opts
opts(void)
{
	struct fl_retry_opts o;
	fl_retry_opts_init(&o);
	return o;
}

/* A failure that may be repeated. */
static struct fl_retry_ask
ask(void)
{
	return (struct fl_retry_ask){ .attempts = 1, .sent = FL_ANSWERED, .retryable = true, .idempotent = true, .deadline = FL_NEVER, .key = 1 };
}

static enum fl_retry_verdict
verdict(const struct fl_retry_opts *o, const struct fl_retry_ask *a)
{
	fl_ns wait = -77;
	enum fl_retry_verdict v = fl_retry_next(o, NULL, a, S, &wait, NULL);
	assert_int_equal(wait == -77, v != FL_RETRY_YES);
	return v;
}

static fl_ns
wait_of(const struct fl_retry_opts *o, const struct fl_retry_ask *a)
{
	fl_ns wait = -1;
	assert_int_equal(fl_retry_next(o, NULL, a, S, &wait, NULL), FL_RETRY_YES);
	return wait;
}

/* One row a case: who got how far, may it be sent twice, and what is to be done. */
static void
test_classes(void **state)
{
	static const struct {
		enum fl_sent sent;
		bool retryable, idempotent, unsafe;
		enum fl_retry_verdict v;
	} rows[] = {
		{ FL_NEVER_SENT, true, true, false, FL_RETRY_YES },
		{ FL_NEVER_SENT, true, false, false, FL_RETRY_YES },            /* a POST that nobody has seen */
		{ FL_SENT_UNKNOWN, true, true, false, FL_RETRY_YES },
		{ FL_SENT_UNKNOWN, true, false, false, FL_RETRY_NOT_IDEMPOTENT },
		{ FL_SENT_UNKNOWN, true, false, true, FL_RETRY_YES },
		{ FL_ANSWERED, true, true, false, FL_RETRY_YES },
		{ FL_ANSWERED, true, false, false, FL_RETRY_NOT_IDEMPOTENT },
		{ FL_ANSWERED, true, false, true, FL_RETRY_YES },
		{ FL_NEVER_SENT, false, true, true, FL_RETRY_NOT_RETRYABLE },
		{ FL_ANSWERED, false, true, true, FL_RETRY_NOT_RETRYABLE },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fl_retry_opts o = opts();
		struct fl_retry_ask a = ask();
		o.unsafe = rows[i].unsafe;
		a.sent = rows[i].sent;
		a.retryable = rows[i].retryable;
		a.idempotent = rows[i].idempotent;
		assert_int_equal(verdict(&o, &a), rows[i].v);
	}
}

static void
test_stops(void **state)
{
	struct fl_retry_opts o = opts();
	struct fl_retry_ask a = ask();
	(void)state;
	a.attempts = 3;
	assert_int_equal(verdict(&o, &a), FL_RETRY_ATTEMPTS);
	o.attempts_max = 1;
	a.attempts = 1;
	assert_int_equal(verdict(&o, &a), FL_RETRY_NOT_RETRYABLE);
	o = opts();
	a.no_retry = true;
	assert_int_equal(verdict(&o, &a), FL_RETRY_LOWER_LAYER);
	a = ask();
	a.breaker_open = true;
	assert_int_equal(verdict(&o, &a), FL_RETRY_BREAKER);            /* at once, not after a wait */
	a = ask();
	a.deadline = S;
	assert_int_equal(verdict(&o, &a), FL_RETRY_DEADLINE);
	a.deadline = S + 25 * MS + 100 * MS;
	a.expected = 100 * MS;
	assert_int_equal(verdict(&o, &a), FL_RETRY_YES);                /* whatever is drawn of 25 ms */
	a.deadline = S + 100 * MS;
	a.key = 3;
	assert_int_equal(verdict(&o, &a), FL_RETRY_DEADLINE);           /* an attempt that cannot end in time is not made */
	a = ask();
	a.deadline = 1;                                                 /* passed long ago */
	assert_int_equal(verdict(&o, &a), FL_RETRY_DEADLINE);
	assert_string_equal(fl_retry_text(FL_RETRY_BREAKER), "the circuit breaker is open");
	assert_string_equal(fl_retry_text((enum fl_retry_verdict)77), "");
}

/* Full jitter: anywhere in 0..base x 2^n, up to max; the same call and attempt draw the same. */
static void
test_full_jitter(void **state)
{
	struct fl_retry_opts o = opts();
	struct fl_retry_ask a = ask();
	(void)state;
	o.attempts_max = 40;
	o.base = 10 * MS;
	o.max = 100 * MS;
	for (a.attempts = 1; a.attempts < 40; a.attempts++) {
		fl_ns top = a.attempts < 5 ? 10 * MS << (a.attempts - 1) : 100 * MS, low = FL_NEVER, high = 0;
		double sum = 0;
		for (a.key = 0; a.key < 1000; a.key++) {
			fl_ns w = wait_of(&o, &a);
			assert_true(w == wait_of(&o, &a) && w >= 0 && w <= top);
			low = w < low ? w : low;
			high = w > high ? w : high;
			sum += (double)w;
		}
		assert_true(low < top / 50 && high > top - top / 50);
		assert_in_range(sum / 1000, top * 45 / 100, top * 55 / 100);
	}
	/* Two seeds draw differently. */
	int same = 0;
	a.attempts = 1;
	for (a.key = 0; a.key < 100; a.key++) {
		struct fl_retry_opts other = o;
		other.seed = 1;
		same += wait_of(&o, &a) == wait_of(&other, &a);
	}
	assert_int_equal(same, 0);
}

/* Between base and three times the last wait. */
static void
test_decorrelated(void **state)
{
	struct fl_retry_opts o = opts();
	struct fl_retry_ask a = ask();
	fl_ns highest = 0;
	(void)state;
	o.decorrelated = true;
	o.attempts_max = 100;
	o.base = 10 * MS;
	o.max = 500 * MS;
	for (a.key = 0; a.key < 200; a.key++) {
		a.last_wait = 0;
		for (a.attempts = 1; a.attempts < 20; a.attempts++) {
			fl_ns last = a.last_wait > o.base ? a.last_wait : o.base, top = last * 3 < o.max ? last * 3 : o.max;
			a.last_wait = wait_of(&o, &a);
			assert_in_range(a.last_wait, o.base, top);
			highest = a.last_wait > highest ? a.last_wait : highest;
		}
	}
	assert_true(highest > 450 * MS);
	/* A base over the maximum waits no longer than that; nothing overflows. */
	o.base = S;
	assert_in_range(wait_of(&o, &a), 0, o.max);
	o.base = o.max = FL_NEVER / 2;
	a.last_wait = FL_NEVER / 2;
	assert_true(wait_of(&o, &a) > 0);
	o.decorrelated = false;
	a.attempts = 60;
	assert_true(wait_of(&o, &a) >= 0);
}

/* To another instance: the first at once, later ones with backoff. */
static void
test_other_instance(void **state)
{
	struct fl_retry_opts o = opts();
	struct fl_retry_ask a = ask();
	(void)state;
	a.other_instance = true;
	for (a.key = 0; a.key < 100; a.key++) {
		a.attempts = 1;
		assert_int_equal(wait_of(&o, &a), 0);
		a.attempts = 2;
		assert_true(wait_of(&o, &a) > 0);
	}
}

/* The server's word is a least wait, not an appointment for everybody at one moment. */
static void
test_retry_after(void **state)
{
	struct fl_retry_opts o = opts();
	struct fl_retry_ask a = ask();
	fl_ns low = FL_NEVER, high = 0;
	(void)state;
	a.retry_after = 2 * S;
	for (a.key = 0; a.key < 300; a.key++) {
		fl_ns w = wait_of(&o, &a);
		assert_in_range(w, 2 * S, 2 * S + o.base);
		low = w < low ? w : low;
		high = w > high ? w : high;
	}
	assert_true(high - low > 20 * MS);
	a.retry_after = o.retry_after_max;
	assert_int_equal(verdict(&o, &a), FL_RETRY_YES);
	a.retry_after = o.retry_after_max + 1;
	assert_int_equal(verdict(&o, &a), FL_RETRY_RETRY_AFTER);
	a.retry_after = 2 * S;
	a.deadline = S + 2 * S;
	assert_int_equal(verdict(&o, &a), FL_RETRY_RETRY_AFTER);        /* it asks for more than there is */
	a.other_instance = true;
	a.deadline = FL_NEVER;
	assert_int_equal(wait_of(&o, &a), 2 * S);
}

/* A token is paid with a yes, and with nothing else. */
static void
test_budget(void **state)
{
	struct fl_budget_opts bo;
	struct fl_budget_counters c;
	struct fl_budget *b = NULL;
	struct fl_retry_opts o = opts();
	struct fl_refusal why = { .by = FL_WHO_NONE };
	fl_ns wait = -1;
	(void)state;
	fl_budget_opts_init(&bo);
	bo.max = 2;
	bo.reserve = 0;
	assert_int_equal(fl_budget_new(&bo, &b, NULL), 0);
	struct fl_retry_ask no[6];
	for (int i = 0; i < 6; i++)
		no[i] = ask();
	no[0].attempts = 3;
	no[1].retryable = false;
	no[2].no_retry = true;
	no[3].idempotent = false;
	no[4].breaker_open = true;
	no[5].deadline = S;
	for (int i = 0; i < 6; i++)
		assert_int_not_equal(fl_retry_next(&o, b, &no[i], S, &wait, &why), FL_RETRY_YES);
	fl_budget_counters(b, &c);
	assert_true(c.tokens == 2 && c.withdrawn == 0 && c.refused == 0);
	struct fl_retry_ask a = ask();
	assert_int_equal(fl_retry_next(&o, b, &a, S, &wait, &why), FL_RETRY_YES);
	assert_int_equal(fl_retry_next(&o, b, &a, S, &wait, &why), FL_RETRY_YES);
	assert_int_equal(why.by, FL_WHO_NONE);
	assert_int_equal(fl_retry_next(&o, b, &a, S, &wait, &why), FL_RETRY_BUDGET);
	assert_int_equal(why.by, FL_WHO_BUDGET);
	fl_budget_free(b);
}

static fl_ns
steps(void *ud, unsigned retry, double unit)
{
	assert_true(unit >= 0 && unit < 1);
	return ((const fl_ns *)ud)[retry];
}

/* A wait of one's own, also for the retry that would go elsewhere at once. */
static void
test_own_backoff(void **state)
{
	static fl_ns table[] = { 0, 7 * MS, 70 * MS, -5 };
	struct fl_retry_opts o = opts();
	struct fl_retry_ask a = ask();
	(void)state;
	o.attempts_max = 5;
	o.backoff = steps;
	o.backoff_ud = table;
	a.other_instance = true;
	assert_true(wait_of(&o, &a) == 7 * MS);
	a.attempts = 2;
	assert_true(wait_of(&o, &a) == 70 * MS);
	a.attempts = 3;
	assert_true(wait_of(&o, &a) == 0);
	a.attempts = 2;
	a.deadline = S + 50 * MS;
	assert_int_equal(verdict(&o, &a), FL_RETRY_DEADLINE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_stops),
		cmocka_unit_test(test_full_jitter),
		cmocka_unit_test(test_decorrelated),
		cmocka_unit_test(test_other_instance),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_own_backoff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
