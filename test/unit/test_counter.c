/* SPDX-License-Identifier: MIT */
/* test_counter.c - servers' own numbers: what they increased by over restarts, samples that stay bounded, and readers at work. */
#include "unit.h"

#include "io/clock.h"
#include "run/counter.h"

#include "answerer.h"
#include <math.h>

static void
take(struct counter_series *s, fl_ns at, const char *json, bool fine)
{
	assert_int_equal(counter_take(s, at, json, strlen(json)), fine);
}

static void
test_increase_over_restarts(void **state)
{
	struct counter_series *s = calloc(1, sizeof(*s));

	(void)state;
	assert_non_null(s);
	take(s, 1, "{\"name\":\"x\",\"requests\":100,\"busy\":2}", true);
	take(s, 2, "{\"requests\":150}", true);
	take(s, 3, "[]", false);
	take(s, 4, "{\"requests\":", false);
	take(s, 5, "{\"requests\":7,\"busy\":1,\"new\":5}", true);        /* it was started again */
	take(s, 6, "{\"requests\":\"many\"}", true);
	assert_int_equal(s->member_count, 2);
	assert_int_equal(s->sample_count, 4);
	assert_int_equal(s->failures, 2);
	for (uint32_t i = 0; i < s->member_count; i++)
		if (strcmp(s->members[i], "requests") == 0)
			assert_true((int)s->increase[i] == 57 && !s->level[i] && (int)s->highest[i] == 150);
	take(s, 7, "{\"requests\":8,\"busy\":0}", true);       /* fewer are busy, that is all */
	for (uint32_t i = 0; i < s->member_count; i++)
		assert_int_equal(s->level[i], strcmp(s->members[i], "busy") == 0);
	free(s);
}

static void
test_samples_are_bounded(void **state)
{
	struct counter_series *s = calloc(1, sizeof(*s));
	char json[64];

	(void)state;
	assert_non_null(s);
	for (int i = 0; i < 20000; i++) {
		snprintf(json, sizeof(json), "{\"n\":%d}", i);
		take(s, i, json, true);
	}
	assert_in_range(s->sample_count, COUNTER_SAMPLES_MAX / 2, COUNTER_SAMPLES_MAX);
	assert_int_equal((int)s->increase[0], 19999);
	for (uint32_t i = 1; i < s->sample_count; i++)
		assert_true(s->at[i] > s->at[i - 1] && (int)s->values[i][0] == (int)s->at[i]);
	assert_int_equal(s->at[0], 0);
	free(s);
}

static void
test_readers(void **state)
{
	struct experiment *x = calloc(1, sizeof(*x));
	struct subst_values v = { .dir = "" };
	struct counters *c;
	struct answerer a;
	struct run_result r = { .seed = 0 };
	struct arena mem;

	(void)state;
	assert_non_null(x);
	arena_init(&mem, 1u << 20);
	answerer_start(&a, ANSWER_AND_CLOSE, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 29\r\n\r\n{\"requests\":5,\"abandoned\":0} ");
	x->counter_count = 2;
	x->counters[0] = (struct experiment_counter){ .name = "a", .target = a.text, .path = "/stats", .every = FL_MS, .timeout = 10 * FL_SEC,
		.requests = "requests", .worked = "worked", .wasted = "abandoned" };
	x->counters[1] = x->counters[0];
	x->counters[1].path = "/no such thing";         /* the same server: it takes what it gets */
	x->counters[1].name = "b";
	assert_int_equal(counter_start(x, &v, clock_mono(), -1, &c), 0);
	while (atomic_load(&a.connections) < 6)
		(void)poll(NULL, 0, 1);
	counter_stop(c);
	assert_int_equal(counter_result(c, &mem, &r), 0);
	assert_int_equal(r.counter_count, 2);
	assert_string_equal(r.counters[0].name, "a");
	assert_true(r.counters[0].sample_count >= 2);
	assert_int_equal((int)r.counters[0].requests, 0);
	assert_true(isnan(r.counters[0].worked));
	assert_true(r.counters[0].requests_member >= 0);
	counter_free(c);
	answerer_stop(&a);
	/* Nobody there: that is counted, and nothing else. */
	x->counter_count = 1;
	assert_int_equal(counter_start(x, &v, clock_mono(), -1, &c), 0);
	counter_stop(c);
	assert_int_equal(counter_result(c, &mem, &r), 0);
	assert_true(r.counters[0].failures >= 2 && r.counters[0].sample_count == 0 && isnan(r.counters[0].requests));
	counter_free(c);
	arena_fini(&mem);
	free(x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_increase_over_restarts),
		cmocka_unit_test(test_samples_are_bounded),
		cmocka_unit_test(test_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
