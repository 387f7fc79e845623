/* SPDX-License-Identifier: MIT */
/* test_openmetrics.c - both text formats of metrics, to the letter, and who gets which. */
#include "control/openmetrics.h"
#include "unit.h"

#include <math.h>

static void
write_all(struct openmetrics *m)
{
	static const struct openmetrics_label labels[] = { { "line", "a\"b\\c\nd" }, { "code", "2xx" } };
	static const struct openmetrics_bucket buckets[] = { { 0.005, 1 }, { 1, 4 } };

	openmetrics_family(m, "x_requests", OPENMETRICS_COUNTER, NULL, "Requests.");
	openmetrics_uint(m, labels, 2, 18446744073709551615u);
	openmetrics_family(m, "x_seconds", OPENMETRICS_GAUGE, "seconds", "Time.");
	openmetrics_float(m, NULL, 0, 0.25);
	openmetrics_float(m, &labels[1], 1, (double)INFINITY);
	openmetrics_family(m, "x", OPENMETRICS_INFO, NULL, "What.");
	openmetrics_uint(m, &labels[1], 1, 1);
	openmetrics_family(m, "x_phase_seconds", OPENMETRICS_HISTOGRAM, "seconds", "Phases.");
	openmetrics_histogram(m, &labels[1], 1, buckets, 2, 5, 7.5);
	openmetrics_end(m);
}

static void
test_text(void **state)
{
	struct openmetrics m;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 16);
	openmetrics_init(&m, &b, false);
	write_all(&m);
	assert_string_equal(buf_str(&b),
	    "# HELP x_requests_total Requests.\n# TYPE x_requests_total counter\n"
	    "x_requests_total{line=\"a\\\"b\\\\c\\nd\",code=\"2xx\"} 18446744073709551615\n"
	    "# HELP x_seconds Time.\n# TYPE x_seconds gauge\nx_seconds 0.25\nx_seconds{code=\"2xx\"} +Inf\n"
	    "# HELP x_info What.\n# TYPE x_info gauge\nx_info{code=\"2xx\"} 1\n"
	    "# HELP x_phase_seconds Phases.\n# TYPE x_phase_seconds histogram\n"
	    "x_phase_seconds_bucket{code=\"2xx\",le=\"0.005\"} 1\nx_phase_seconds_bucket{code=\"2xx\",le=\"1.0\"} 4\n"
	    "x_phase_seconds_bucket{code=\"2xx\",le=\"+Inf\"} 5\nx_phase_seconds_sum{code=\"2xx\"} 7.5\nx_phase_seconds_count{code=\"2xx\"} 5\n");
	buf_fini(&b);
}

static void
test_open(void **state)
{
	struct openmetrics m;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 16);
	openmetrics_init(&m, &b, true);
	write_all(&m);
	assert_non_null(strstr(buf_str(&b), "# TYPE x_requests counter\n# HELP x_requests Requests.\nx_requests_total{"));
	assert_non_null(strstr(buf_str(&b), "# TYPE x_seconds gauge\n# UNIT x_seconds seconds\n# HELP x_seconds Time.\nx_seconds 0.25\n"));
	assert_non_null(strstr(buf_str(&b), "# TYPE x info\n# HELP x What.\nx_info{code=\"2xx\"} 1\n"));
	assert_non_null(strstr(buf_str(&b), "le=\"1.0\"} 4\n"));
	assert_string_equal(buf_str(&b) + buf_len(&b) - 6, "# EOF\n");
	buf_fini(&b);
}

static void
test_wanted(void **state)
{
	(void)state;
	assert_false(openmetrics_wanted(NULL));
	assert_false(openmetrics_wanted(""));
	assert_false(openmetrics_wanted("*/*"));
	assert_false(openmetrics_wanted("text/plain"));
	assert_true(openmetrics_wanted("application/openmetrics-text"));
	assert_true(openmetrics_wanted("application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
	    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"));
	assert_true(openmetrics_wanted("Application/OpenMetrics-Text ; version=1.0.0"));
	assert_false(openmetrics_wanted("text/plain;version=0.0.4;q=0.5, application/openmetrics-text; version=1.0.0; q=0.2"));
	assert_false(openmetrics_wanted("application/openmetrics-text;q=0"));
	assert_false(openmetrics_wanted(",,,;;;q="));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
