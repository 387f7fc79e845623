/* SPDX-License-Identifier: MIT */
/* test_match_value.c - results against oracles: services that are right, that lose their state, and messages nobody is sure of. */
#include "audit/match_value.h"

#include "unit.h"

#include <errno.h>

#define INPUTS 40u
#define OUTPUTS 200u

struct rig {
	struct match_oracle oracle;
	struct match_input in[INPUTS], others[INPUTS];
	struct match_output out[OUTPUTS];
	uint32_t in_count, other_count, out_count;
	struct match_value_state states[2 * MATCH_VALUE_STATES];
	struct match_result result;
};

/* What a service that is right says after the messages of these indices. */
static struct match_output
right(const struct rig *r, const uint32_t *taken, uint32_t count)
{
	struct match_output o = { .count = 1 };

	switch (r->oracle.function) {
	case MATCH_COUNT:
		o.values[0] = count;
		break;
	case MATCH_SUM:
		for (uint32_t i = 0; i < count; i++)
			o.values[0] += r->in[taken[i]].value;
		break;
	case MATCH_LAST:
		o.count = r->oracle.window;
		for (uint32_t i = 0; i < o.count && i < count; i++)
			o.values[o.count - 1 - i] = r->in[taken[count - 1 - i]].value;
		break;
	case MATCH_JOIN:
		o.count = 2;
		o.values[0] = r->in[taken[count - 1]].value;
		o.values[1] = r->others[taken[count - 1]].value;
		break;
	case MATCH_GIVEN:
		break;
	}
	return o;
}

static void
put(struct rig *r, struct match_output o)
{
	assert_true(r->out_count < OUTPUTS);
	o.place = r->out_count;
	r->out[r->out_count++] = o;
}

static void
judge(struct rig *r)
{
	struct match_value_key k = {
		.oracle = &r->oracle, .key = 3, .inputs = r->in, .input_count = r->in_count, .others = r->others, .other_count = r->other_count,
		.outputs = r->out, .output_count = r->out_count, .states = r->states,
	};

	match_result_init(&r->result);
	match_value_judge(&k, &r->result);
}

static void
assert_found(struct rig *r, uint64_t lost, uint64_t again, uint64_t wrong)
{
	judge(r);
	assert_int_equal(r->result.defects[MATCH_DEFECT_LOST], lost);
	assert_int_equal(r->result.defects[MATCH_DEFECT_DUPLICATE], again);
	assert_int_equal(r->result.defects[MATCH_DEFECT_VALUE], wrong);
	assert_int_equal(r->result.values_open, 0);
}

static void
make(struct rig *r, enum match_function f, struct dice *d, bool doubts)
{
	memset(r, 0, sizeof(*r));
	r->oracle = (struct match_oracle){ .function = f, .window = 1 + dice_roll(d, 5), .flow_a = 1, .flow_b = 2 };
	r->in_count = 1 + dice_roll(d, INPUTS);
	r->other_count = f == MATCH_JOIN ? r->in_count : 0;
	for (uint32_t i = 0; i < r->in_count; i++) {
		/* Values that grow, so that no two results are the same. */
		r->in[i] = (struct match_input){
			.n = 10 + i, .flow = 1, .value = 1 + i * 3 + dice_roll(d, 3), .certain = !doubts || dice_roll(d, 4) != 0,
		};
		r->others[i] = (struct match_input){ .n = 10 + i, .flow = 2, .value = 1000 + i, .certain = true };
	}
}

/* The results of a right service that took these; each may be left out or repeated. */
static uint32_t
serve(struct rig *r, struct dice *d, bool doubts)
{
	uint32_t taken[INPUTS], count = 0;

	for (uint32_t i = 0; i < r->in_count; i++) {
		if (!r->in[i].certain && doubts && dice_roll(d, 2) == 0)
			continue;
		taken[count++] = i;
		put(r, right(r, taken, count));
	}
	return count;
}

static const enum match_function functions[] = { MATCH_COUNT, MATCH_SUM, MATCH_LAST, MATCH_JOIN };

static void
test_right(void **state)
{
	struct rig *r = malloc(sizeof(*r));
	struct dice d = { .seed = 1 };

	(void)state;
	for (int k = 0; k < 400; k++) {
		make(r, functions[k % 4], &d, false);
		serve(r, &d, false);
		assert_found(r, 0, 0, 0);
		assert_int_equal(r->result.values_checked, r->in_count);
	}
	free(r);
}

/* The last results are missing; some in the middle; a part comes again. */
static void
test_lost_and_again(void **state)
{
	struct rig *r = malloc(sizeof(*r));
	struct dice d = { .seed = 2 };

	(void)state;
	for (int k = 0; k < 400; k++) {
		uint32_t lost, from, n;

		make(r, functions[k % 4], &d, false);
		serve(r, &d, false);
		lost = dice_roll(&d, r->in_count + 1);
		r->out_count -= lost;
		assert_found(r, lost, 0, 0);
		if (r->out_count < 3)
			continue;
		from = 1 + dice_roll(&d, r->out_count - 2);
		memmove(r->out + from, r->out + from + 1, (r->out_count - from - 1) * sizeof(r->out[0]));
		r->out_count--;
		assert_found(r, lost + 1, 0, 0);
		assert_int_equal(r->result.examples[MATCH_DEFECT_LOST][0].n, 10 + from);
		n = r->out_count - from;                /* it goes back to there, and does all of it once more */
		for (uint32_t i = 0; i < n; i++)
			put(r, r->out[from + i]);
		assert_found(r, lost + 1, n, 0);
		assert_int_equal(r->result.rewinds, n > 0);
	}
	free(r);
}

/* A service forgets its state in a recovery: a window with zeros in it, a count from one on again. */
static void
test_state_lost(void **state)
{
	struct rig *r = malloc(sizeof(*r));
	struct dice d = { .seed = 3 };

	(void)state;
	for (int k = 0; k < 300; k++) {
		uint32_t taken[INPUTS], count = 0, at;

		make(r, functions[1 + k % 2], &d, false);       /* a count that begins anew looks like results that come again */
		r->oracle.window = 4;
		if (r->in_count < 12)
			continue;
		at = 4 + dice_roll(&d, r->in_count - 8);
		for (uint32_t i = 0; i < r->in_count; i++) {
			if (i == at)
				count = 0;
			taken[count++] = i;
			put(r, right(r, taken, count));
		}
		judge(r);
		assert_true(r->result.defects[MATCH_DEFECT_VALUE] >= (r->oracle.function == MATCH_LAST ? 3 : 1));
		/* A sum may by chance be one that was there before: then the first is another. */
		if (r->oracle.function == MATCH_LAST)
			assert_int_equal(r->result.examples[MATCH_DEFECT_VALUE][0].n, 10 + at);
		assert_non_null(strstr(r->result.examples[MATCH_DEFECT_VALUE][0].say, "expected"));
	}
	free(r);
}

/* Whatever became of messages in doubt, a right service is right; and one with a wrong value is not. */
static void
test_doubt(void **state)
{
	struct rig *r = malloc(sizeof(*r));
	struct dice d = { .seed = 4 };
	uint32_t found = 0;

	(void)state;
	for (int k = 0; k < 1500; k++) {
		make(r, functions[k % 3], &d, true);
		serve(r, &d, true);
		assert_found(r, 0, 0, 0);
		if (r->out_count == 0)
			continue;
		put(r, r->out[dice_roll(&d, r->out_count)]);    /* one comes again at the end */
		judge(r);
		assert_int_equal(r->result.defects[MATCH_DEFECT_LOST] + r->result.defects[MATCH_DEFECT_VALUE], 0);
		r->out[dice_roll(&d, r->out_count)].values[0] += 100000;
		judge(r);
		assert_true(r->result.defects[MATCH_DEFECT_VALUE] == 1);
		found++;
	}
	assert_true(found > 1000);
	free(r);
}

static void
test_doubt_bounded(void **state)
{
	struct rig *r = malloc(sizeof(*r));
	struct dice d = { .seed = 5 };

	(void)state;
	/* 2^40 choices: more explanations than are kept. */
	make(r, MATCH_SUM, &d, false);
	r->in_count = INPUTS;
	for (uint32_t i = 0; i < INPUTS; i++)
		r->in[i] = (struct match_input){ .n = i + 1, .value = 0, .certain = false };
	for (uint32_t i = 0; i < INPUTS; i++)
		put(r, (struct match_output){ .count = 1 });
	judge(r);
	assert_int_equal(r->result.defects[MATCH_DEFECT_VALUE], 0);
	make(r, MATCH_JOIN, &d, true);
	r->in[0].certain = false;
	serve(r, &d, false);
	judge(r);
	assert_int_equal(r->result.values_open, r->out_count);
	free(r);
}

static void
test_read(void **state)
{
	static const char *const good[] = {
		"3 1,2,-3", "3 [1,2,-3]", "  3\t1 2 -3 ", "(3, [1, 2, -3])", "{\"key\":3,\"values\":[1,2,-3]}",
		" {\"window\":[1,2,-3],\"x\":{},\"key\":3}",
	};
	static const char *const bad[] = {
		"", "3", "x 1", "3 1x", "-3 1", "3 1.5", "3 --1", "3 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "{\"key\":3}",
		"{\"key\":-1,\"value\":1}",
		"{\"key\":3,\"value\":\"1\"}", "{\"key\":3,\"values\":[]}", "{\"key\":3,\"value\":1", "3 1234567890123456789",
	};
	struct match_output o;
	struct match_oracle f;

	(void)state;
	for (unsigned i = 0; i < FL_ARRAY_LEN(good); i++) {
		assert_int_equal(match_value_read(good[i], strlen(good[i]), &o), 0);
		assert_true(o.key == 3 && o.count == 3 && o.values[0] == 1 && o.values[1] == 2 && o.values[2] == -3);
	}
	for (unsigned i = 0; i < FL_ARRAY_LEN(bad); i++)
		assert_int_equal(match_value_read(bad[i], strlen(bad[i]), &o), -EINVAL);
	assert_true(match_value_function("last:16", &f) && f.function == MATCH_LAST && f.window == 16);
	assert_true(match_value_function("join:1,20", &f) && f.flow_a == 1 && f.flow_b == 20);
	assert_true(match_value_function("count", &f) && match_value_function("sum", &f));
	assert_false(match_value_function("last:0", &f) || match_value_function("last:17", &f) || match_value_function("last:", &f));
	assert_false(match_value_function("join:1,1", &f) || match_value_function("join:1", &f) || match_value_function("mean", &f));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right), cmocka_unit_test(test_lost_and_again), cmocka_unit_test(test_state_lost), cmocka_unit_test(test_doubt),
		cmocka_unit_test(test_doubt_bounded), cmocka_unit_test(test_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
