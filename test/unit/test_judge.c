/* SPDX-License-Identifier: MIT */
/* test_judge.c - from observations to a verdict: what outweighs what, and that every verdict has its reason. */
#include "unit.h"

#include "run/judge.h"

/* A run as it was: one probe, one fault, a load that went well. Tests change what they are about. */
struct rig_of_judge {
	struct experiment x;
	struct experiment_fault fault;
	struct observe obs;
	struct observe_probe probe;
	struct observe_round round;
	struct effects_fault effect;
	struct measure measure;
	struct verdict_outcome audit;
	struct hist hist;
	struct judge_case c;
	struct run_result r;
	struct arena mem;
};

static int
setup(void **state)
{
	struct rig_of_judge *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return -1;
	arena_init(&j->mem, 1u << 20);
	j->x = (struct experiment){ .has_load = true, .has_audit = true, .heal_within = 10 * FL_SEC, .rounds = 1, .probe_count = 1,
		.fault_count = 1, .faults = &j->fault, .line_names = { "front" }, .process_names = { "redis" } };
	j->x.probes[0] = (struct experiment_probe){ .name = "up", .kind = PROBE_PROCESS, .tolerance = 1, .when = 7 };
	j->fault = (struct experiment_fault){ .action = ACTION_KILL, .name = "kill redis", .times = 1, .line = -1, .sig = SIGKILL };
	j->probe = (struct observe_probe){ .checks = { 1, 10, 2 }, .held = { 1, 10, 2 }, .last = { true, true, true } };
	j->round = (struct observe_round){ .begun = true, .from = FL_SEC, .to = FL_SEC, .hits = 1 };
	j->obs.x = &j->x;
	j->obs.probes = &j->probe;
	j->obs.rounds = &j->round;
	j->obs.effects = (struct effects){ .faults = &j->effect, .count = 1 };
	j->measure.conf = &j->x.probes[0];
	j->audit = (struct verdict_outcome){ .verdict = VERDICT_VALID, .reason = "fine" };
	hist_init(&j->hist);
	for (int i = 1; i <= 100; i++)
		hist_record(&j->hist, i * FL_MS);
	j->r.load = (struct result_load){ .ok = 90, .fail = 6, .info = 4, .latency = &j->hist };
	j->c = (struct judge_case){ .x = &j->x, .obs = &j->obs, .probes = &j->measure, .why = "because", .after_ran = true, .audit = &j->audit };
	*state = j;
	return 0;
}

static int
teardown(void **state)
{
	struct rig_of_judge *j = *state;

	arena_fini(&j->mem);
	free(j);
	return 0;
}

/* The exit code; `reason` (NULL: none at all) must be in the first reason. */
static int
judge(struct rig_of_judge *j, const char *reason)
{
	assert_int_equal(judge_fill(&j->c, &j->mem, &j->r), 0);
	assert_int_equal(j->r.reason_count > 0, reason != NULL);
	if (reason != NULL && strstr(j->r.reasons[0], reason) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", j->r.reasons[0], reason);
	return j->r.exit_code;
}

static void
test_held(void **state)
{
	struct rig_of_judge *j = *state;

	assert_int_equal(judge(j, NULL), 0);
	assert_int_equal(j->r.verdict, RESULT_HELD);
	assert_int_equal(j->r.fault_count, 1);
	assert_string_equal(j->r.faults[0].place, "process redis");
	assert_string_equal(j->r.faults[0].text, "SIGKILL");
	assert_true(j->r.faults[0].landed);
	assert_true(j->r.probes[0].held && j->r.probes[0].known);
	assert_string_equal(j->r.probes[0].when, "before, during, after");
}

static void
test_a_fault_that_did_nothing_is_named(void **state)
{
	struct rig_of_judge *j = *state;

	j->round.hits = 0;
	assert_int_equal(judge(j, "the fault kill redis (kill) did nothing"), 0);
}

static void
test_findings(void **state)
{
	struct rig_of_judge *j = *state;

	j->audit.verdict = VERDICT_INVALID;
	j->audit.reason = "lost";
	assert_int_equal(judge(j, "audit: lost"), 1);
}

static void
test_an_audit_that_gave_up(void **state)
{
	struct rig_of_judge *j = *state;

	j->audit.verdict = VERDICT_UNKNOWN;
	assert_int_equal(judge(j, "audit: fine"), 4);
}

static void
test_no_audit_though_asked_for(void **state)
{
	struct rig_of_judge *j = *state;

	j->c.audit = NULL;
	assert_int_equal(judge(j, "could not be audited"), 4);
}

static void
test_a_finding_outweighs_what_is_unknown(void **state)
{
	struct rig_of_judge *j = *state;

	j->audit.verdict = VERDICT_UNKNOWN;
	j->probe.last[OBSERVE_AFTER] = false;
	assert_int_equal(judge(j, "audit"), 1);
}

static void
test_what_aborted_outweighs_findings(void **state)
{
	struct rig_of_judge *j = *state;

	j->audit.verdict = VERDICT_INVALID;
	j->c.stop = JUDGE_GUARD;
	assert_int_equal(judge(j, "because"), 3);
	assert_int_equal(j->r.reason_count, 2);         /* and the finding is told all the same */
}

static void
test_what_is_broken_outweighs_all(void **state)
{
	struct rig_of_judge *j = *state;

	j->audit.verdict = VERDICT_INVALID;
	j->c.stop = JUDGE_BROKEN;
	assert_int_equal(judge(j, "because"), 4);
}

static void
test_probe_during(void **state)
{
	struct rig_of_judge *j = *state;

	j->probe.held[OBSERVE_DURING] = 9;
	j->probe.worst = "refused at 3 s";
	assert_int_equal(judge(j, "probe \"up\" held in 9 of 10 checks during the faults (90.0%), wanted 100%; last seen: refused at 3 s"), 1);
	assert_false(j->r.probes[0].held);
}

static void
test_probe_during_within_tolerance(void **state)
{
	struct rig_of_judge *j = *state;

	j->probe.held[OBSERVE_DURING] = 9;
	j->x.probes[0].tolerance = 0.9;
	assert_int_equal(judge(j, NULL), 0);
}

static void
test_not_healed(void **state)
{
	struct rig_of_judge *j = *state;

	j->probe.last[OBSERVE_AFTER] = false;
	assert_int_equal(judge(j, "not healed: probe \"up\" did not hold again within 10 s after the faults"), 1);
}

static void
test_a_process_that_ended_by_itself(void **state)
{
	struct rig_of_judge *j = *state;

	j->c.crashes[0] = "redis ended by itself";
	j->c.crash_count = 1;
	assert_int_equal(judge(j, "redis ended by itself"), 1);
}

static void
expect(struct rig_of_judge *j, enum metric m, double value)
{
	j->x.limits[j->x.limit_count++] = (struct metric_limit){ .metric = m, .least = metric_info(m)->more_is_better, .value = value };
}

/* What cannot be told of the run is neither held nor broken. */
static void
test_an_expectation_of_the_unknown(void **state)
{
	struct rig_of_judge *j = *state;

	expect(j, METRIC_AMPLIFICATION, 1.1);
	assert_int_equal(judge(j, "the load's amplification cannot be told"), 4);
	assert_false(j->r.tolerances[0].known);
}

static void
test_surges_stand_among_the_faults(void **state)
{
	struct rig_of_judge *j = *state;

	j->r.load.open = true;
	j->r.load.start = 2 * FL_SEC;
	j->x.load.type = EXPERIMENT_HTTP;
	j->x.load.http.pace = (struct pace_conf){ .duration = 9 * FL_SEC, .surge_count = 1, .surges = { { 8 * FL_SEC, 3 * FL_SEC, 500 } } };
	assert_int_equal(judge(j, NULL), 0);
	assert_int_equal(j->r.fault_count, 2);
	assert_string_equal(j->r.faults[0].kind, "surge");
	assert_int_equal(j->r.faults[0].from, 10 * FL_SEC);
	assert_int_equal(j->r.faults[0].to, 11 * FL_SEC);
}

static void
test_expectations(void **state)
{
	struct rig_of_judge *j = *state;

	/* 10 % errors, p50 50 ms, max 100 ms */
	expect(j, METRIC_ERRORS, 0.1);
	expect(j, METRIC_P50, 51.0 * FL_MS);
	expect(j, METRIC_P99, 100.0 * FL_MS);
	expect(j, METRIC_MAX, 100.0 * FL_MS);
	expect(j, METRIC_OPERATIONS, 90);
	assert_int_equal(judge(j, NULL), 0);
	assert_int_equal(j->r.tolerance_count, 5);
	assert_true(j->r.tolerances[0].held);
	assert_string_equal(j->r.tolerances[0].got, "10% (10 of 100)");
}

static void
test_expectations_not_met(void **state)
{
	struct rig_of_judge *j = *state;

	expect(j, METRIC_ERRORS, 0.09);
	expect(j, METRIC_P50, 20.0 * FL_MS);
	expect(j, METRIC_OPERATIONS, 91);
	assert_int_equal(judge(j, "the load's errors: wanted at most 9%, got 10% (10 of 100)"), 1);
	assert_int_equal(j->r.reason_count, 3);
	assert_false(j->r.tolerances[2].held);
}

static void
test_nothing_was_tried(void **state)
{
	struct rig_of_judge *j = *state;

	j->r.load.ok = 0;
	assert_int_equal(judge(j, "not one operation"), 4);
}

static void
test_events_that_are_missing_are_told(void **state)
{
	struct rig_of_judge *j = *state;

	j->obs.lost = 7;
	j->c.full_logs = 2;
	assert_int_equal(judge(j, "2 clients ended early"), 0);
	assert_non_null(strstr(j->r.reasons[1], "7 events of faults are missing"));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_held), TEST(test_a_fault_that_did_nothing_is_named), TEST(test_findings), TEST(test_an_audit_that_gave_up),
		TEST(test_no_audit_though_asked_for), TEST(test_a_finding_outweighs_what_is_unknown), TEST(test_what_aborted_outweighs_findings),
		TEST(test_what_is_broken_outweighs_all), TEST(test_probe_during), TEST(test_probe_during_within_tolerance),
		TEST(test_not_healed), TEST(test_a_process_that_ended_by_itself), TEST(test_expectations), TEST(test_expectations_not_met),
		TEST(test_an_expectation_of_the_unknown), TEST(test_surges_stand_among_the_faults),
		TEST(test_nothing_was_tried), TEST(test_events_that_are_missing_are_told),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
