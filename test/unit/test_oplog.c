/* SPDX-License-Identifier: MIT */
/* test_oplog.c - clients' logs: kept in order, merged into one history, counted. */
#include "unit.h"

#include "audit/history_read.h"
#include "audit/register.h"
#include "run/load_redis.h"
#include "run/tally.h"

#include <errno.h>

static struct oplog_op
op(enum history_f f, uint32_t key, fl_ns invoke, fl_ns complete, enum history_outcome outcome, int64_t value)
{
	struct oplog_op o = { .f = (uint8_t)f, .key = key, .invoke = invoke, .due = invoke, .complete = complete, .outcome = (uint8_t)outcome };

	if (f == HISTORY_READ) {
		o.got = value;
		o.got_nil = value == 0;
	} else {
		o.value = value;
	}
	if (outcome != HISTORY_OK)
		o.error = outcome == HISTORY_FAIL ? OPLOG_NOT_SENT : OPLOG_TIMEOUT;
	return o;
}

static void
add(struct oplog *l, struct oplog_op o)
{
	assert_true(oplog_add(l, &o));
}

/* Two clients: 0 writes 1 (unknown), then goes on as another process; 1 reads it meanwhile. */
static void
fill(struct oplog *a, struct oplog *b)
{
	assert_int_equal(oplog_init(a, 10), 0);
	assert_int_equal(oplog_init(b, 10), 0);
	add(a, op(HISTORY_WRITE, 3, 10, 50, HISTORY_INFO, 1));
	add(a, op(HISTORY_WRITE, 3, 60, 70, HISTORY_FAIL, 5));
	add(a, op(HISTORY_READ, 3, 80, 90, HISTORY_OK, 1));
	add(b, op(HISTORY_READ, 3, 20, 30, HISTORY_OK, 0));
	add(b, op(HISTORY_READ, 3, 60, 65, HISTORY_OK, 1));
}

static void
test_reading_while_it_grows(void **state)
{
	struct oplog l;
	(void)state;

	assert_int_equal(oplog_init(&l, 2), 0);
	assert_null(oplog_next(&l));
	add(&l, op(HISTORY_WRITE, 0, 1, 2, HISTORY_OK, 7));
	assert_int_equal(oplog_next(&l)->value, 7);
	assert_null(oplog_next(&l));
	assert_false(oplog_full(&l));
	add(&l, op(HISTORY_WRITE, 0, 3, 4, HISTORY_OK, 8));
	assert_true(oplog_full(&l));
	struct oplog_op third = op(HISTORY_WRITE, 0, 5, 6, HISTORY_OK, 9);
	assert_false(oplog_add(&l, &third));
	assert_int_equal(oplog_next(&l)->value, 8);
	assert_null(oplog_next(&l));
	oplog_fini(&l);
}

static void
add_backwards(void *ud)
{
	struct oplog *l = ud;

	add(l, op(HISTORY_WRITE, 0, 1, 5, HISTORY_OK, 7));
	add(l, op(HISTORY_WRITE, 0, 5, 6, HISTORY_OK, 8));
}

static void
test_time_must_grow(void **state)
{
	struct oplog l;
	(void)state;

	assert_int_equal(oplog_init(&l, 9), 0);
	assert_true(unit_aborts(add_backwards, &l));
	oplog_fini(&l);
}

static void
test_merged_in_order_of_time(void **state)
{
	struct oplog a, b, *const logs[] = { &a, &b };
	struct history h, again;
	struct history_read_info info;
	struct buf out;
	struct oplog_merge m = { .logs = logs, .count = 2, .prefix = "key", .out = &out };
	(void)state;

	fill(&a, &b);
	history_init(&h, 1u << 20);
	buf_init(&out, 1u << 20);
	assert_int_equal(oplog_merge(&m, &h), 0);
	assert_int_equal(h.count, 5);
	assert_int_equal(history_key_count(&h), 1);
	assert_string_equal(history_key(&h, 0), "key3");
	static const int64_t processes[] = { 0, 1, 2, 1, 2 };   /* after its info, client 0 is process 2; invoked at 60 together */
	static const fl_ns invoked[] = { 10, 20, 60, 60, 80 };
	for (uint32_t i = 0; i < h.count; i++) {
		assert_int_equal(h.ops[i].process, processes[i]);
		assert_int_equal(h.ops[i].invoke_ns, invoked[i]);
	}
	assert_int_equal(h.ops[0].outcome, HISTORY_INFO);
	assert_int_equal(h.ops[2].outcome, HISTORY_FAIL);
	assert_string_equal(h.ops[2].error, oplog_error_text(OPLOG_NOT_SENT));
	/* what was written reads back as the same */
	history_init(&again, 1u << 20);
	assert_int_equal(history_read(&again, buf_data(&out), buf_len(&out), &info), 0);
	assert_int_equal(again.count, 5);
	assert_int_equal(info.lines, 10);
	for (uint32_t i = 0; i < h.count; i++)
		assert_int_equal(again.ops[i].outcome, h.ops[i].outcome);
	history_fini(&again);
	history_fini(&h);
	buf_fini(&out);
	oplog_fini(&a);
	oplog_fini(&b);
}

/* The same nanosecond: operations that may have overlapped must not be told as one after the other. */
static void
test_equal_times_overlap(void **state)
{
	struct oplog a, b, *const logs[] = { &a, &b };
	struct history h;
	struct verdict_outcome v;
	struct oplog_merge m = { .logs = logs, .count = 2, .prefix = "k" };
	(void)state;

	assert_int_equal(oplog_init(&a, 10), 0);
	assert_int_equal(oplog_init(&b, 10), 0);
	add(&a, op(HISTORY_WRITE, 0, 10, 20, HISTORY_OK, 1));
	add(&b, op(HISTORY_READ, 0, 20, 30, HISTORY_OK, 0));
	history_init(&h, 1u << 20);
	assert_int_equal(oplog_merge(&m, &h), 0);
	assert_int_equal(register_check(&h, NULL, &v), 0);
	assert_int_equal(v.verdict, VERDICT_VALID);
	verdict_fini(&v);
	history_fini(&h);
	oplog_fini(&a);
	oplog_fini(&b);
}

static int
count_emits(void *ud, struct buf *out)
{
	int *n = ud;

	(*n)++;
	buf_clear(out);
	return *n == 3 ? -ENOSPC : 0;
}

static void
test_what_emit_says_counts(void **state)
{
	struct oplog l, *const logs[] = { &l };
	struct history h;
	struct buf out;
	int emits = 0;
	struct oplog_merge m = { .logs = logs, .count = 1, .prefix = "k", .out = &out, .emit = count_emits, .ud = &emits };
	(void)state;

	assert_int_equal(oplog_init(&l, 5000), 0);
	for (int i = 0; i < 5000; i++)
		add(&l, op(HISTORY_WRITE, 0, 10 * i + 1, 10 * i + 5, HISTORY_OK, i + 1));
	history_init(&h, 8u << 20);
	buf_init(&out, 1u << 20);
	assert_int_equal(oplog_merge(&m, &h), -ENOSPC);
	assert_int_equal(emits, 3);
	history_fini(&h);
	buf_fini(&out);
	oplog_fini(&l);
}

static void
test_numbers_of_the_load(void **state)
{
	struct oplog a, b, *const logs[] = { &a, &b };
	struct arena mem;
	struct hist *hist = malloc(sizeof(*hist));
	struct result_load r;
	struct oplog_op late = op(HISTORY_WRITE, 0, 250 * FL_MS, 260 * FL_MS, HISTORY_OK, 9);
	struct oplog_op met = op(HISTORY_CAS, 0, 300 * FL_MS, 301 * FL_MS, HISTORY_FAIL, 9);
	(void)state;

	arena_init(&mem, 1u << 20);
	assert_int_equal(oplog_init(&a, 10), 0);
	assert_int_equal(oplog_init(&b, 10), 0);
	add(&a, op(HISTORY_WRITE, 0, FL_MS, 3 * FL_MS, HISTORY_OK, 1));
	add(&a, op(HISTORY_WRITE, 0, 10 * FL_MS, 20 * FL_MS, HISTORY_OK, 1));
	late.due = 200 * FL_MS;                 /* it waited for its turn for 50 ms */
	add(&a, late);
	met.error = OPLOG_MISMATCH;             /* answered */
	add(&a, met);
	add(&b, op(HISTORY_WRITE, 0, 10 * FL_MS, 15 * FL_MS, HISTORY_INFO, 1));
	add(&b, op(HISTORY_WRITE, 0, 20 * FL_MS, 25 * FL_MS, HISTORY_INFO, 1));
	add(&b, op(HISTORY_WRITE, 0, 350 * FL_MS, 360 * FL_MS, HISTORY_FAIL, 1));
	assert_int_equal(tally_load(logs, 2, 5 * FL_SEC, &mem, hist, &r), 0);
	assert_int_equal(r.bucket_ns, 100 * FL_MS);
	assert_int_equal(r.bucket_count, 4);
	assert_int_equal(r.ok, 4);
	assert_int_equal(r.fail, 1);
	assert_int_equal(r.info, 2);
	assert_int_equal(r.buckets[0].ok, 2);
	assert_int_equal(r.buckets[0].info, 2);
	assert_int_equal(r.buckets[0].p50, 5 * FL_MS);
	assert_int_equal(r.buckets[0].max, 10 * FL_MS);
	assert_int_equal(r.buckets[1].ok + r.buckets[1].fail + r.buckets[1].info, 0);
	assert_int_equal(r.buckets[2].max, 60 * FL_MS);
	assert_int_equal(r.error_count, 2);
	assert_string_equal(r.errors[0].name, oplog_error_text(OPLOG_TIMEOUT));
	assert_string_equal(r.errors[0].text, "2 times");
	assert_string_equal(r.errors[1].text, "1 time");
	assert_int_equal(hist->total, 7);
	free(hist);
	arena_fini(&mem);
	oplog_fini(&a);
	oplog_fini(&b);
}

static void
test_live_rates(void **state)
{
	struct tally t;
	(void)state;

	assert_int_equal(tally_init(&t), 0);
	for (fl_ns at = 0; at < 4 * FL_SEC; at += 10 * FL_MS) {
		struct oplog_op o = op(HISTORY_WRITE, 0, at, at + FL_MS, at % (100 * FL_MS) == 0 ? HISTORY_FAIL : HISTORY_OK, 1);
		tally_op(&t, &o);
	}
	struct tally_rates r = tally_rates(&t, 4 * FL_SEC - 1);
	assert_true(r.ok > 85 && r.ok < 95);
	assert_true(r.bad > 9 && r.bad < 11);
	assert_true(r.p99 >= FL_MS && r.p99 < 2 * FL_MS);
	/* silence */
	r = tally_rates(&t, 9 * FL_SEC);
	assert_true(r.ok < 0.01 && r.bad < 0.01 && r.p99 == 0);
	tally_fini(&t);
}

static void
test_choices_depend_on_seed_client_and_number_alone(void **state)
{
	struct experiment_load l = { .keys = 7, .mix = { 50, 30, 20 } };
	unsigned f[3] = { 0 }, keys[7] = { 0 }, same = 0;
	(void)state;

	for (uint64_t n = 0; n < 10000; n++) {
		struct load_redis_choice a = load_redis_choose(&l, 42, 3, n), b = load_redis_choose(&l, 42, 3, n);
		struct load_redis_choice c = load_redis_choose(&l, 43, 3, n);
		assert_true(a.f == b.f && a.key == b.key);
		same += a.f == c.f && a.key == c.key;
		f[a.f]++;
		keys[a.key]++;
	}
	assert_true(same < 1000);
	assert_true(f[HISTORY_READ] > 4700 && f[HISTORY_READ] < 5300);
	assert_true(f[HISTORY_WRITE] > 2700 && f[HISTORY_WRITE] < 3300);
	for (int k = 0; k < 7; k++)
		assert_true(keys[k] > 1250 && keys[k] < 1650);
	l.mix[0] = l.mix[2] = 0;
	for (uint64_t n = 0; n < 100; n++)
		assert_int_equal(load_redis_choose(&l, 1, 0, n).f, HISTORY_WRITE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading_while_it_grows),
		cmocka_unit_test(test_time_must_grow),
		cmocka_unit_test(test_merged_in_order_of_time),
		cmocka_unit_test(test_equal_times_overlap),
		cmocka_unit_test(test_what_emit_says_counts),
		cmocka_unit_test(test_numbers_of_the_load),
		cmocka_unit_test(test_live_rates),
		cmocka_unit_test(test_choices_depend_on_seed_client_and_number_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
