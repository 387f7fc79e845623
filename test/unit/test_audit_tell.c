/* SPDX-License-Identifier: MIT */
/* test_audit_tell.c - what check and match say, told as evidence; and results of two runs compared. */
#include "unit.h"

#include "run/audit_tell.h"
#include "run/same.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static const struct audit_tell_clock clock_of_run = { .epoch = 1000 * FL_SEC, .wall = INT64_C(1700000000000000000), .length = 20 * FL_SEC };

static int
tell(enum experiment_audit_kind kind, const char *document, const char *history, struct arena *mem, struct result_audit *ret)
{
	*ret = (struct result_audit){ .name = "x" };
	arena_init(mem, 1u << 20);
	return audit_tell(kind, document, history, &clock_of_run, mem, ret);
}

static void
test_history(void **state)
{
	struct result_audit a;
	struct arena mem;

	(void)state;
	assert_int_equal(tell(EXPERIMENT_AUDIT_HISTORY, "{\"verdict\":\"invalid\",\"reason\":\"no queue\",\"operations\":7,"
	    "\"evidence\":[{\"key\":\"k\","
	    "\"say\":\"it cannot be\",\"operations\":[{\"process\":3,\"f\":\"dequeue\",\"value\":[1,2],\"type\":\"ok\",\"line\":9,"
	    "\"invoked\":1500000000,"
	    "\"completed\":1002000000000,\"culprit\":true},{\"process\":4,\"f\":\"enqueue\",\"value\":5,\"type\":\"info\",\"line\":2,"
	    "\"invoked\":1700000001000000000,\"completed\":null}]}]}", NULL, &mem, &a), 0);
	assert_string_equal(a.reason, "no queue");
	assert_int_equal(a.ok, 7);
	assert_int_equal(a.evidence_count, 1);
	assert_string_equal(a.evidence[0].what, "key k");
	assert_string_equal(a.evidence[0].ops[0], "> client 3: dequeue [1,2], ok, 1.500 s .. 2.000 s (line 9)");
	assert_string_equal(a.evidence[0].ops[1], "  client 4: enqueue 5, info, 1.000 s .. no answer (line 2)");
	/* Times of the run, of the monotonic clock and of the wall clock. */
	assert_int_equal(a.evidence[0].from, FL_SEC);
	assert_int_equal(a.evidence[0].to, 2 * FL_SEC);
	arena_fini(&mem);
}

static void
test_transactions(void **state)
{
	struct result_audit a;
	struct arena mem;

	(void)state;
	assert_int_equal(tell(EXPERIMENT_AUDIT_TXN, "{\"reason\":\"serializable is broken\",\"transactions\":10,\"committed\":8,"
	    "\"anomalies\":[{\"type\":"
	    "\"G1c\",\"say\":\"a circle\",\"transactions\":[{\"name\":\"T1\",\"process\":1,\"line\":2,\"type\":\"ok\",\"value\":[[\"r\",1,[]]]}],"
	    "\"cycle\":[{\"from\":\"T1\",\"edge\":\"wr\",\"to\":\"T1\",\"why\":\"so\"}]}]}", "{\"time\":1}\n{\"a\":1,\"time\":3000000000}\n",
	    &mem, &a), 0);
	assert_true(a.ok == 8 && a.fail == 2 && a.evidence_count == 1 && a.evidence[0].op_count == 2);
	assert_string_equal(a.evidence[0].ops[0], "T1 = [[\"r\",1,[]]], client 1, ok (line 2)");
	assert_string_equal(a.evidence[0].ops[1], "T1 -wr-> T1: so");
	assert_int_equal(a.evidence[0].from, 3 * FL_SEC);
	arena_fini(&mem);
}

static void
test_stream(void **state)
{
	static const char document[] = "{\"expected\":\"%s\",\"reason\":\"\",\"sent\":5,\"promised\":4,\"refused\":1,\"in_doubt\":0,\"defects\":{"
	    "\"lost\":{\"count\":2,\"counts\":true,\"say\":\"never arrived\",\"examples\":[{\"flow\":1,\"key\":2,\"number\":3,"
	    "\"at_ns\":1005000000000}]},"
	    "\"late\":{\"count\":9,\"counts\":false,\"say\":\"late\",\"examples\":[]}}}";
	struct result_audit a;
	struct arena mem;
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), document, "match");
	assert_int_equal(tell(EXPERIMENT_AUDIT_STREAM, text, NULL, &mem, &a), 0);
	assert_string_equal(a.reason, "lost: 2 never arrived");
	assert_true(a.ok == 4 && a.fail == 1 && a.info == 0 && a.evidence_count == 1);
	assert_string_equal(a.evidence[0].ops[0], "flow 1 key 2 number 3, at 5.000 s");
	assert_int_equal(a.evidence[0].from, 5 * FL_SEC);
	arena_fini(&mem);
	snprintf(text, sizeof(text), document, "nomatch");
	assert_int_equal(tell(EXPERIMENT_AUDIT_STREAM, text, NULL, &mem, &a), 0);
	assert_non_null(strstr(a.reason, "was expected, and there is one"));
	arena_fini(&mem);
}

static void
test_no_document(void **state)
{
	static const char *const bad[] = { "", "[]", "nonsense", "{\"evidence\":", "7" };
	static const char *const odd[] = { "{}", "{\"evidence\":7,\"anomalies\":{},\"defects\":[]}", "{\"evidence\":[1],\"anomalies\":[2],"
	    "\"defects\":{\"a\":3}}",
		"{\"defects\":{\"a\":{\"count\":1,\"counts\":true,\"examples\":[1,{}]}},\"evidence\":[{\"operations\":[{}]}],"
		    "\"anomalies\":[{\"line\":-5}]}" };
	struct result_audit a;
	struct arena mem;

	(void)state;
	for (unsigned kind = 0; kind < 3; kind++) {
		for (size_t i = 0; i < FL_ARRAY_LEN(bad); i++) {
			assert_int_equal(tell((enum experiment_audit_kind)kind, bad[i], NULL, &mem, &a), -EINVAL);
			arena_fini(&mem);
		}
		for (size_t i = 0; i < FL_ARRAY_LEN(odd); i++) {
			assert_int_equal(tell((enum experiment_audit_kind)kind, odd[i], "x", &mem, &a), 0);
			assert_non_null(a.reason);
			arena_fini(&mem);
		}
	}
}

static int
compare(const char *a, const char *b, enum experiment_same how, char *got)
{
	char paths[2][64] = { "/tmp/test-same-XXXXXX", "/tmp/test-same-XXXXXX" };
	const char *texts[2] = { a, b };
	int rc;

	for (int i = 0; i < 2; i++) {
		int fd = mkstemp(paths[i]);

		assert_true(fd >= 0 && write(fd, texts[i], strlen(texts[i])) == (ssize_t)strlen(texts[i]));
		close(fd);
	}
	rc = same_files(paths[0], paths[1], how, got);
	unlink(paths[0]);
	unlink(paths[1]);
	return rc;
}

static void
test_same(void **state)
{
	char got[SAME_GOT_MAX];

	(void)state;
	assert_int_equal(compare("a 1\nb 2\n", "a 1\nb 2\n", EXPERIMENT_SAME_BYTES, got), 1);
	assert_int_equal(compare("a 1\nb 2\n", "b 2\na 1\n", EXPERIMENT_SAME_BYTES, got), 0);
	assert_string_equal(got, "line 1 is \"b 2\" against \"a 1\"");
	assert_int_equal(compare("a 1\n", "a 1", EXPERIMENT_SAME_BYTES, got), 0);
	assert_int_equal(compare("a 1\nb 2\n", "b 2\na 1\n", EXPERIMENT_SAME_LINES, got), 1);
	assert_int_equal(compare("a 1\na 1\nb 2\n", "b 2\na 1\nc 3", EXPERIMENT_SAME_LINES, got), 0);
	assert_string_equal(got, "1 missing (\"a 1\"), 1 that should not be there (\"c 3\")");
	/* The last word on a key is what counts. */
	assert_int_equal(compare("a 1\nb 2\na 3\n", "b 1\na 3\nb 2\n", EXPERIMENT_SAME_LAST, got), 1);
	assert_int_equal(compare("a 1\nb 2\na 3\n", "a 3\nb 2\na 1\n", EXPERIMENT_SAME_LAST, got), 0);
	assert_int_equal(compare("", "", EXPERIMENT_SAME_LINES, got), 1);
	assert_int_equal(compare("", "x", EXPERIMENT_SAME_LAST, got), 0);
	assert_int_equal(same_files("/nonexistent/a", "/nonexistent/b", EXPERIMENT_SAME_LINES, got), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_history), cmocka_unit_test(test_transactions), cmocka_unit_test(test_stream),
		    cmocka_unit_test(test_no_document),
		cmocka_unit_test(test_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
