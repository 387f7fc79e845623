/* SPDX-License-Identifier: MIT */
/* test_deadline.c - which limit ends what, and the three ways of telling the next hop how much time is left. */
#include "policy_rig.h"

#include <faultline/deadline.h>

static const struct fl_timeouts all = { .total = 10 * S, .queue = S, .connect = 2 * S, .first_byte = 3 * S, .per_try = 4 * S, .idle = 5 * S };

static void
test_call(void **state)
{
	struct fl_timeouts none = { 0 };
	struct fl_deadline d = fl_deadline_of(&none, S, 0);
	(void)state;
	assert_true(d.at == FL_NEVER && d.limit == FL_LIMIT_NONE);
	d = fl_deadline_of(&all, S, 0);
	assert_true(d.at == 11 * S && d.limit == FL_LIMIT_TOTAL);
	d = fl_deadline_of(&all, S, 10 * S);
	assert_true(d.at == 10 * S && d.limit == FL_LIMIT_CALLER);
	d = fl_deadline_of(&all, S, 12 * S);                    /* the caller is more patient than we are */
	assert_true(d.at == 11 * S && d.limit == FL_LIMIT_TOTAL);
	d = fl_deadline_of(&none, S, 12 * S);
	assert_true(d.at == 12 * S && d.limit == FL_LIMIT_CALLER);
	none.total = FL_NEVER;
	d = fl_deadline_of(&none, 1000 * S, 0);
	assert_int_equal(d.at, FL_NEVER);
}

/* Each phase has its limits; the first one to come is named. */
static void
test_phases(void **state)
{
	static const struct { enum fl_phase phase; fl_ns try_at, phase_at, moved_at, call_end, at; enum fl_limit limit; } rows[] = {
		{ FL_PHASE_QUEUE, 0, 0, 0, FL_NEVER, S, FL_LIMIT_QUEUE },
		{ FL_PHASE_QUEUE, 0, 0, 0, S / 2, S / 2, FL_LIMIT_TOTAL },
		{ FL_PHASE_CONNECT, 0, 0, 0, FL_NEVER, 2 * S, FL_LIMIT_CONNECT },
		{ FL_PHASE_CONNECT, 0, 3 * S, 3 * S, FL_NEVER, 4 * S, FL_LIMIT_PER_TRY },
		{ FL_PHASE_SEND, 0, 0, 0, FL_NEVER, 4 * S, FL_LIMIT_PER_TRY },
		{ FL_PHASE_FIRST_BYTE, 0, 0, 0, FL_NEVER, 3 * S, FL_LIMIT_FIRST_BYTE },
		{ FL_PHASE_FIRST_BYTE, 0, 2 * S, 2 * S, FL_NEVER, 4 * S, FL_LIMIT_PER_TRY },
		{ FL_PHASE_BODY, 100 * S, 0, 0, FL_NEVER, 5 * S, FL_LIMIT_IDLE },
		{ FL_PHASE_BODY, 0, 0, S, FL_NEVER, 4 * S, FL_LIMIT_PER_TRY },
		{ FL_PHASE_BODY, 0, 0, S, 3 * S, 3 * S, FL_LIMIT_TOTAL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fl_deadline call = { rows[i].call_end, rows[i].call_end == FL_NEVER ? FL_LIMIT_NONE : FL_LIMIT_TOTAL };
		enum fl_limit which = FL_LIMIT_COUNT;
		assert_int_equal(fl_deadline_next(&all, call, rows[i].phase, rows[i].try_at, rows[i].phase_at, rows[i].moved_at, &which), rows[i].at);
		assert_int_equal(which, rows[i].limit);
	}
	struct fl_timeouts none = { 0 };
	struct fl_timeouts endless = { .queue = FL_NEVER, .connect = FL_NEVER, .first_byte = FL_NEVER, .per_try = FL_NEVER, .idle = FL_NEVER };
	for (int p = FL_PHASE_QUEUE; p <= FL_PHASE_BODY; p++) {
		enum fl_limit which = FL_LIMIT_COUNT;
		struct fl_deadline call = { FL_NEVER, FL_LIMIT_NONE };
		assert_int_equal(fl_deadline_next(&none, call, (enum fl_phase)p, S, S, S, &which), FL_NEVER);
		assert_int_equal(which, FL_LIMIT_NONE);
		assert_int_equal(fl_deadline_next(&endless, call, (enum fl_phase)p, S, S, S, &which), FL_NEVER);
	}
	for (int l = 0; l < FL_LIMIT_COUNT; l++)
		assert_true(*fl_limit_name((enum fl_limit)l) != '\0' && *fl_limit_text((enum fl_limit)l) != '\0');
	assert_string_equal(fl_limit_name((enum fl_limit)77), "none");
	assert_string_equal(fl_limit_text((enum fl_limit)77), "");
}

/* Work that cannot be done in time is refused before it costs anything. */
static void
test_check(void **state)
{
	struct fl_deadline d = { 10 * S, FL_LIMIT_CALLER }, never = { FL_NEVER, FL_LIMIT_NONE };
	struct fl_refusal why;
	char say[128];
	(void)state;
	assert_int_equal(fl_deadline_check(never, 1000 * S, S, NULL), 0);
	assert_int_equal(fl_deadline_check(d, S, 9 * S, NULL), 0);
	assert_int_equal(fl_deadline_check(d, S, 9 * S + 1, &why), -ETIMEDOUT);
	assert_string_equal(fl_refusal_say(&why, say, sizeof(say)), "the deadline is too near: 1000.0 ms are left, 1000.0 needed");
	assert_int_equal(fl_deadline_check(d, 0, 10 * S - 1, NULL), 0);
	assert_int_equal(fl_deadline_check(d, 0, 10 * S, &why), -ETIMEDOUT);
	assert_string_equal(fl_refusal_say(&why, say, sizeof(say)), "the deadline has passed");
}

static void
test_parse_grpc(void **state)
{
	static const struct { const char *text; fl_ns left; } good[] = {
		{ "1H", 3600 * S }, { "2M", 120 * S }, { "3S", 3 * S }, { "100m", 100 * MS }, { "7u", 7 * FL_US }, { "9n", 9 }, { "0S", 0 },
		{ "99999999n", 99999999 }, { "00000001S", S }, { "99999999S", 99999999 * S },
	};
	static const char *const bad[] = { "", "1", "S", "1s", "1 S", " 1S", "-1S", "+1S", "1.5S", "123456789S", "1SS", "1h", "0x1S", "1d" };
	fl_ns left = 77;
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(fl_deadline_parse_grpc(good[i].text, strlen(good[i].text), &left), 0);
		assert_int_equal(left, good[i].left);
	}
	assert_int_equal(fl_deadline_parse_grpc("99999999H", 9, &left), 0);     /* more than a time can say: very long */
	assert_true(left > 3600 * 24 * 365 * S);
	left = 77;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(fl_deadline_parse_grpc(bad[i], strlen(bad[i]), &left), -EINVAL);
	assert_int_equal(fl_deadline_parse_grpc("1S\0", 3, &left), -EINVAL);
	assert_int_equal(left, 77);
}

static void
test_parse_ms(void **state)
{
	fl_ns left = 77;
	(void)state;
	assert_int_equal(fl_deadline_parse_ms("250", 3, &left), 0);
	assert_int_equal(left, 250 * MS);
	assert_int_equal(fl_deadline_parse_ms("0", 1, &left), 0);
	assert_int_equal(left, 0);
	assert_int_equal(fl_deadline_parse_ms("999999999999", 12, &left), 0);
	assert_int_equal(left, 999999999999 * MS);
	static const char *const bad[] = { "", "-1", "1.5", "1ms", " 1", "9999999999999", "0x10" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(fl_deadline_parse_ms(bad[i], strlen(bad[i]), &left), -EINVAL);
}

/* What is written is read as the same or a little less, never as more. */
static void
test_write(void **state)
{
	struct dice d = { .seed = 5 };
	char text[32];
	fl_ns read;
	(void)state;
	for (int i = 0; i < 20000; i++) {
		fl_ns left = (fl_ns)(dice_bits(&d) >> (2 + dice_roll(&d, 62)));
		size_t n = fl_deadline_write_grpc(left, text);
		assert_true(n == strlen(text) && n <= 9);
		assert_int_equal(fl_deadline_parse_grpc(text, n, &read), 0);
		assert_true(read <= left && left - read <= left / 16000);
		n = fl_deadline_write_ms(left, text);
		if (n <= 12) {
			assert_int_equal(fl_deadline_parse_ms(text, n, &read), 0);
			assert_true(read <= left && left - read < MS);
		}
	}
	assert_int_equal(fl_deadline_write_grpc(-5 * S, text), 2);
	assert_string_equal(text, "0n");
	assert_int_equal(fl_deadline_write_ms(-5 * S, text), 1);
	assert_string_equal(text, "0");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_phases),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_parse_grpc),
		cmocka_unit_test(test_parse_ms),
		cmocka_unit_test(test_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
