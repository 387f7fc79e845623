/* SPDX-License-Identifier: MIT */
/* test_tried.c - what a run's report says of the lines it disturbed. */
#include "unit.h"

#include "map/tried.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct told {
	char text[1024];                /* "web>cart coverage.latency=survived, ..." */
	char where[512];                /* of the last fact */
	unsigned lines;
	int64_t when;
	int answer;
};

static int
take(void *arg, const struct sight *s)
{
	struct told *t = arg;
	size_t n = strlen(t->text);

	assert_string_equal(s->source, "run");
	t->when = s->last;
	t->lines += s->what == SIGHT_LINE;
	if (s->what == SIGHT_FACT) {
		snprintf(t->text + n, sizeof(t->text) - n, "%s%s>%s %s=%s", n > 0 ? ", " : "", s->from, s->to, s->key, s->value);
		snprintf(t->where, sizeof(t->where), "%s", s->where);
	}
	return t->answer;
}

#define FAULT(name, place, kind, from, to, landed) \
	"{\"name\":\"" name "\",\"place\":\"" place "\",\"kind\":\"" kind "\",\"from\":" #from ",\"to\":" #to ",\"landed\":" #landed "}"
#define BUCKET(at, ok, fail) "{\"at\":" #at ",\"ok\":" #ok ",\"fail\":" #fail ",\"info\":0}"
#define STEADY BUCKET(0, 100, 2) "," BUCKET(100, 100, 2) "," BUCKET(200, 100, 2) "," BUCKET(300, 100, 2) "," BUCKET(400, 100, 2)
#define DIPPED BUCKET(0, 100, 0) "," BUCKET(100, 50, 50) "," BUCKET(200, 100, 0) "," BUCKET(300, 100, 0) "," BUCKET(400, 100, 0)
#define STUCK BUCKET(0, 100, 0) "," BUCKET(100, 50, 50) "," BUCKET(200, 50, 50) "," BUCKET(300, 50, 50) "," BUCKET(400, 50, 50)
#define REPORT(verdict, buckets, faults, more) \
	"{\"schema\":1,\"verdict\":\"" verdict "\",\"exit_code\":0,\"experiment\":\"e.yaml\",\"run_dir\":\"/runs/x\"," \
	"\"started\":\"2026-03-01T12:00:00Z\",\"duration\":500,\"load\":{\"bucket\":100,\"buckets\":[" buckets "]},\"faults\":[" faults "]," \
	"\"lines\":[{\"name\":\"c\",\"from\":null,\"to\":null},{\"name\":\"cart\",\"from\":\"web\",\"to\":\"basket\"}]" more "}"

static const char *
come_to(const char *report, struct told *t)
{
	char error[TRIED_ERROR];
	struct tried_counts c;

	*t = (struct told){ 0 };
	assert_int_equal(tried_text("report.json", report, strlen(report), take, t, error, &c), 0);
	assert_int_equal(t->lines, c.facts);
	return t->text;
}

#define SLOW FAULT("slow", "line cart, s2c", "latency", 100, 200, true)
#define LATE FAULT("late", "line c", "stall", 300, 400, true)

static void
a_run_that_held(void **state)
{
	struct told t;

	(void)state;
	assert_string_equal(come_to(REPORT("held", STEADY, SLOW, ""), &t), "web>basket coverage.latency=survived");
	assert_string_equal(t.where, "/runs/x");
	assert_true(t.when == INT64_C(1772366400) * 1000000000 + 500);
	assert_string_equal(come_to(REPORT("held", DIPPED, SLOW "," LATE, ""), &t),
	    "web>basket coverage.latency=healed, client>c coverage.stall=survived");
	/* It held, but nobody saw it recover. */
	assert_string_equal(come_to(REPORT("held", STUCK, SLOW, ""), &t), "");
	/* Until the end: there is no time after it. */
	assert_string_equal(come_to(REPORT("held", DIPPED, FAULT("x", "line c", "down", 100, null, true), ""), &t), "");
	/* Neither what did nothing nor what was on no line. */
	assert_string_equal(come_to(REPORT("held", STEADY, FAULT("x", "line c", "stall", 1, 2, false) "," FAULT("k", "process c", "kill", 1, 1, true)
	    "," FAULT("y", "line ca", "stall", 1, 2, true), ""), &t), "");
	assert_string_equal(come_to(REPORT("aborted", STEADY, SLOW, ""), &t), "");
	assert_string_equal(come_to(REPORT("unknown", STEADY, SLOW, ""), &t), "");
}

static void
a_finding_goes_to_the_faults_of_its_time(void **state)
{
	struct told t;

	(void)state;
#define EVIDENCE(from, to) ",\"audits\":[{\"verdict\":\"finding\",\"evidence\":[{\"from\":" #from ",\"to\":" #to "}]}]"
	assert_string_equal(come_to(REPORT("finding", STEADY, SLOW "," LATE, EVIDENCE(150, 160)), &t), "web>basket coverage.latency=broke");
	assert_string_equal(come_to(REPORT("finding", STEADY, SLOW "," LATE, EVIDENCE(390, 410)), &t), "client>c coverage.stall=broke");
	/* In between: the last before. */
	assert_string_equal(come_to(REPORT("finding", STEADY, SLOW "," LATE, EVIDENCE(250, 260)), &t), "web>basket coverage.latency=broke");
	assert_string_equal(come_to(REPORT("finding", STEADY, SLOW "," LATE, EVIDENCE(50, 60)), &t), "");
	assert_string_equal(come_to(REPORT("finding", STEADY, SLOW "," LATE,
	    ",\"probes\":[{\"held\":false,\"known\":true,\"failures\":[{\"at\":320}]}]"), &t), "client>c coverage.stall=broke");
	assert_string_equal(come_to(REPORT("finding", STEADY, SLOW "," LATE, ",\"audit\":{\"verdict\":\"invalid\",\"evidence\":[{\"operations\":["
	    "{\"invoked\":120,\"completed\":130},{\"invoked\":190,\"completed\":null}]}]}"), &t), "web>basket coverage.latency=broke");
	/* Without a time: each of them. */
	assert_string_equal(come_to(REPORT("finding", STEADY, SLOW "," LATE, ",\"tolerances\":[{\"held\":false,\"known\":true}]"), &t),
	    "web>basket coverage.latency=broke, client>c coverage.stall=broke");
	assert_string_equal(come_to(REPORT("finding", STEADY, SLOW "," LATE, ""), &t),
	    "web>basket coverage.latency=broke, client>c coverage.stall=broke");
}

static void
several_at_once_and_several_of_a_kind(void **state)
{
	struct told t;

	(void)state;
	come_to(REPORT("held", STEADY, SLOW "," FAULT("k", "process db", "kill", 150, 150, true) "," LATE, ""), &t);
	assert_string_equal(t.where, "/runs/x");
	come_to(REPORT("held", STEADY, SLOW "," FAULT("k", "process db", "kill", 150, 150, true), ""), &t);
	assert_string_equal(t.text, "web>basket coverage.latency=survived");
	assert_string_equal(t.where, "/runs/x; at once with k on process db");
	/* The worst of one kind on one line, once. */
	assert_string_equal(come_to(REPORT("held", DIPPED, FAULT("b", "line cart", "latency", 300, 310, true) "," SLOW, ""), &t),
	    "web>basket coverage.latency=healed");
}

static void
what_is_no_report(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "{\"verdict\":\"held\",\"run_dir\":\"x\",\"variants\":[]}",
		"{\"verdict\":\"held\",\"run_dir\":\"x\",\"lines\":[],\"faults\":[],\"started\":\"soon\"}",
		"{\"verdict\":\"held\",\"run_dir\":\"x\",\"lines\":[]}" };
	struct told t = { .answer = -EIO };
	char error[TRIED_ERROR];
	struct tried_counts c;

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(bad); i++) {
		assert_int_equal(tried_text("f", bad[i], strlen(bad[i]), take, &t, error, &c), -EINVAL);
		assert_memory_equal(error, "f: ", 3);
	}
	assert_int_equal(tried_text("f", REPORT("held", STEADY, SLOW, ""), strlen(REPORT("held", STEADY, SLOW, "")), take, &t, error, &c), -EIO);
	assert_string_equal(error, "");
	/* Shapes that nobody wrote. */
	assert_string_equal(come_to(REPORT("finding", "1,{\"at\":-5}", SLOW ",7,{\"name\":[]}", ",\"audits\":[3,{}],\"probes\":{}"), &t),
	    "web>basket coverage.latency=broke");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_that_held),
		cmocka_unit_test(a_finding_goes_to_the_faults_of_its_time),
		cmocka_unit_test(several_at_once_and_several_of_a_kind),
		cmocka_unit_test(what_is_no_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
