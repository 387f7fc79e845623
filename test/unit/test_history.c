/* SPDX-License-Identifier: MIT */
/* test_history.c - histories in memory and as JSON lines: what is read, what is refused and where, what is written comes back. */
#include "audit/history_read.h"
#include "audit/history_write.h"

#include "unit.h"
#include <errno.h>

#define MEMORY ((size_t)16 << 20)

#define INVOKE_W "{\"process\":1,\"type\":\"invoke\",\"f\":\"write\",\"key\":\"k\",\"value\":17,\"time\":5}\n"
#define OK_W "{\"process\":1,\"type\":\"ok\",\"f\":\"write\",\"key\":\"k\",\"value\":17,\"time\":9}\n"
#define INVOKE_R "{\"process\":2,\"type\":\"invoke\",\"f\":\"read\",\"key\":\"k\",\"value\":null,\"time\":10}\n"

static int
read_text(struct history *h, const char *text, struct history_read_info *info)
{
	/* In memory of its own size, so that the sanitizer sees what is read behind the end. */
	size_t n = strlen(text);
	char *copy = malloc(n + 1);

	assert_non_null(copy);
	memcpy(copy, text, n);
	history_init(h, MEMORY);
	int rc = history_read(h, copy, n, info);
	free(copy);
	return rc;
}

static void
test_builds(void **state)
{
	struct history_call w = { .process = 3, .f = HISTORY_WRITE, .key = "a", .value = history_int(1), .expect = history_int(9), .at = 10 };
	struct history_call r = { .process = 4, .f = HISTORY_READ, .key = "b", .value = history_int(5), .at = 11 };
	uint32_t i, j, open;
	struct history h;

	(void)state;
	history_init(&h, MEMORY);
	assert_int_equal(history_invoke(&h, &w, &i), 0);
	assert_int_equal(history_invoke(&h, &w, NULL), -EBUSY);
	assert_int_equal(history_invoke(&h, &r, &j), 0);
	assert_true(history_open(&h, 3, &open) && open == i);
	/* Never heard of: info without an end. A write has no expected value, a read none at all yet. */
	assert_int_equal(h.ops[i].outcome, HISTORY_INFO);
	assert_true(h.ops[i].complete_pos == HISTORY_POS_NEVER && h.ops[i].complete_ns == FL_NEVER);
	assert_true(history_same(h.ops[i].expect, history_nil()) && history_same(h.ops[j].value, history_nil()));
	assert_int_equal(history_complete(&h, j, &(struct history_answer){ .outcome = HISTORY_OK, .value = history_int(7), .at = 20 }), 0);
	assert_int_equal(history_complete(&h, i, &(struct history_answer){ .outcome = HISTORY_FAIL, .mismatch = true, .error = "no" }), 0);
	assert_false(history_open(&h, 3, &open));
	assert_true(history_same(h.ops[j].value, history_int(7)));
	assert_false(h.ops[i].mismatch);                /* only a cas compares */
	assert_string_equal(h.ops[i].error, "no");
	assert_int_equal(h.ops[i].invoke_pos, 0);
	assert_int_equal(h.ops[j].complete_pos, 2);
	assert_int_equal(h.ops[i].complete_pos, 3);
	assert_int_equal(history_key_count(&h), 2);
	assert_string_equal(history_key(&h, h.ops[j].key), "b");
	/* The process may go on after that. */
	assert_int_equal(history_invoke(&h, &w, NULL), 0);
	history_fini(&h);
	history_fini(NULL);
}

static void
complete_twice(void *subject)
{
	(void)history_complete(subject, 0, &(struct history_answer){ .outcome = HISTORY_OK });
}

static void
test_complete_closed(void **state)
{
	struct history h;

	(void)state;
	history_init(&h, MEMORY);
	assert_int_equal(history_invoke(&h, &(struct history_call){ .key = "k", .f = HISTORY_READ }, NULL), 0);
	assert_int_equal(history_complete(&h, 0, &(struct history_answer){ .outcome = HISTORY_OK }), 0);
	assert_true(unit_aborts(complete_twice, &h));
	history_fini(&h);
}

static void
test_memory(void **state)
{
	struct history h;
	char key[32];
	uint32_t n = 0;
	int rc;

	(void)state;
	/* Full: the call fails, what is there stays. */
	history_init(&h, 100000);
	do {
		snprintf(key, sizeof(key), "key-%u", n);
		rc = history_invoke(&h, &(struct history_call){ .process = n++, .key = key, .f = HISTORY_READ }, NULL);
	} while (rc == 0);
	assert_int_equal(rc, -ENOBUFS);
	assert_int_equal(h.count, n - 1);
	assert_in_range(n, 100, 1000);
	assert_int_equal(history_complete(&h, 0, &(struct history_answer){ .outcome = HISTORY_OK }), 0);
	history_fini(&h);
}

static void
test_reads(void **state)
{
	struct history h;
	struct history_read_info info;
	struct buf value;

	(void)state;
	assert_int_equal(read_text(&h, INVOKE_W
		"\n"
		"{\"process\":\"nemesis\",\"type\":\"info\",\"f\":\"kill\"}\n"
		"{\"process\":-1,\"type\":\"info\",\"f\":\"start\",\"value\":{\"a\":[1,2,{}]}}\n"
		OK_W INVOKE_R
		"  { \"time\" : 12.0, \"extra\" : [ {\"x\":[]} , \"\\u00e9\\\"\" , true , 1e9 ] , \"value\":17,"
		    "\"f\":\"read\",\"type\":\"ok\",\"process\":2 }\r\n"
		"{\"process\":3,\"type\":\"invoke\",\"f\":\"cas\",\"key\":5,\"value\":[null,\"\\ud83d\\ude00 \\u00fc\"],\"time\":20}\n"
		"{\"process\":4,\"type\":\"invoke\",\"f\":\"cas\",\"key\":5,\"value\":[1,2],\"time\":21}\n"
		"{\"process\":4,\"type\":\"fail\",\"f\":\"cas\",\"key\":5,\"value\":[1,2],\"time\":22,\"error\":\"cas-mismatch\"}\n"
		"{\"process\":6,\"type\":\"invoke\",\"f\":\"read\"}\n"
		"{\"process\":6,\"type\":\"info\",\"f\":\"read\",\"error\":[\"timeout\",1]}", &info), 0);
	assert_int_equal(info.lines, 12);
	assert_int_equal(info.skipped, 3);
	assert_int_equal(info.pending, 1);
	assert_false(info.cut);
	assert_int_equal(h.count, 5);
	assert_int_equal(h.ops[0].invoke_ns, 5);
	assert_int_equal(h.ops[0].complete_ns, 9);
	assert_true(history_same(h.ops[1].value, history_int(17)));
	assert_int_equal(h.ops[1].complete_ns, 12);
	assert_string_equal(history_key(&h, h.ops[2].key), "5");
	assert_int_equal(h.ops[2].expect.type, HISTORY_NIL);
	buf_init(&value, 1000);
	assert_int_equal(history_put_value(&h, h.ops[2].value, &value), 0);
	assert_string_equal(buf_str(&value), "\"\xf0\x9f\x98\x80 \xc3\xbc\"");
	buf_fini(&value);
	assert_true(h.ops[3].mismatch);
	assert_string_equal(history_key(&h, h.ops[4].key), "register");
	assert_int_equal(h.ops[4].outcome, HISTORY_INFO);
	assert_string_equal(h.ops[4].error, "[\"timeout\",1]");
	/* Without a time an event has that of the one before it. */
	assert_int_equal(h.ops[4].invoke_ns, 22);
	history_fini(&h);
}

static void
refused(const char *text, uint32_t line, const char *words)
{
	struct history h;
	struct history_read_info info;

	assert_int_equal(read_text(&h, text, &info), -EINVAL);
	if (info.line != line || strstr(info.error, words) == NULL)
		fail_msg("line %u: %s; wanted line %u: ...%s...", info.line, info.error, line, words);
	assert_true(info.column >= 1);
	history_fini(&h);
}

static void
test_refuses(void **state)
{
	(void)state;
	refused("[]\n", 1, "expected an object");
	refused(INVOKE_W "nonsense\n", 2, "expected an object");
	refused(INVOKE_W INVOKE_W, 2, "process 1 invokes a write, but its write of key \"k\" has not completed");
	refused(OK_W, 1, "process 1 completes a write, but it has nothing open");
	refused(INVOKE_W "{\"process\":1,\"type\":\"ok\",\"f\":\"read\",\"value\":1}\n", 2, "completes a read, but it invoked a write");
	refused(INVOKE_W "{\"process\":1,\"type\":\"ok\",\"f\":\"write\",\"key\":\"j\"}\n", 2, "completes key \"j\", but it invoked key \"k\"");
	refused(INVOKE_W "{\"process\":1,\"type\":\"ok\",\"f\":\"write\",\"value\":18}\n", 2, "another value than it invoked");
	refused(INVOKE_R "{\"process\":2,\"type\":\"ok\",\"f\":\"read\"}\n", 2, "an ok read needs the value");
	refused("{\"process\":1,\"type\":\"invoke\",\"f\":\"write\"}\n", 1, "a write needs a value");
	refused("{\"process\":1,\"type\":\"invoke\",\"f\":\"cas\",\"value\":3}\n", 1, "[expected, new]");
	refused("{\"process\":1,\"type\":\"invoke\",\"f\":\"cas\",\"value\":[3]}\n", 1, "[expected, new]");
	refused("{\"process\":1,\"type\":\"invoke\",\"f\":\"cas\",\"value\":[3,[4]]}\n", 1, "[expected, new]");
	refused("{\"process\":1,\"type\":\"invoke\",\"f\":\"cas\",\"value\":[3,4,5]}\n", 1, "[expected, new]");
	refused("{\"process\":1,\"type\":\"invoke\",\"f\":\"write\",\"value\":true}\n", 1, "null, a whole number or a text");
	refused("{\"process\":1,\"type\":\"invoke\",\"f\":\"write\",\"value\":1.5}\n", 1, "whole number");
	refused("{\"process\":1,\"type\":\"invoke\",\"f\":\"write\",\"value\":9223372036854775808}\n", 1, "64 bits");
	refused("{\"process\":1,\"type\":\"invokes\",\"f\":\"read\"}\n", 1, "did you mean \"invoke\"?");
	refused("{\"process\":1,\"type\":\"invoke\",\"f\":\"append\",\"value\":1}\n", 1, "expected read, write or cas");
	refused("{\"type\":\"invoke\",\"f\":\"read\"}\n", 1, "\"process\" is missing");
	refused("{\"process\":1,\"f\":\"read\"}\n", 1, "\"type\" is missing");
	refused("{\"process\":1,\"type\":\"invoke\"}\n", 1, "\"f\" is missing");
	refused("{\"process\":1,\"process\":2,\"type\":\"invoke\",\"f\":\"read\"}\n", 1, "stands twice");
	refused("{\"process\":\"bob\",\"type\":\"invoke\",\"f\":\"read\"}\n", 1, "expected a process number");
	refused("{\"process\":1,\"type\":\"invoke\",\"f\":\"read\",\"key\":\"a\\u0000\"}\n", 1, "NUL");
	refused("{\"process\":1,\"type\":\"invoke\",\"f\":\"read\",\"key\":\"\xff\"}\n", 1, "UTF-8");
	refused("{\"process\":1,\"type\":\"invoke\",\"f\":\"read\",\"time\":1e300}\n", 1, "out of range");
	refused("{\"process\":1,\"type\":\"invoke\",\"f\":\"read\"} x\n", 1, "expected the end of the line");
	/* Cut off, but not at the end: that is no killed recorder. */
	refused("{\"process\":1,\"type\":\"inv\n" INVOKE_W, 1, "expected the end of the text");
}

/* Wherever a recorder is killed, what it had written before is read, and the half line is left out and said so. */
static void
test_cut(void **state)
{
	const char *whole = INVOKE_W OK_W "{\"process\":2,\"type\":\"invoke\",\"f\":\"cas\","
	    "\"key\":\"\\ud83d\\ude00\xc3\xbc\",\"value\":[-12,null],\"x\":[true,{\"a\":1.5e-3}],\"time\":10}";
	size_t last = strlen(INVOKE_W OK_W);
	struct history_read_info info;
	struct history h;

	(void)state;
	for (size_t n = last; n <= strlen(whole); n++) {
		char *text = malloc(n + 1);

		assert_non_null(text);
		memcpy(text, whole, n);
		text[n] = '\0';
		int rc = read_text(&h, text, &info);
		if (rc != 0)
			fail_msg("cut after %zu bytes: %s", n - last, info.error);
		assert_int_equal(info.cut, n > last && n < strlen(whole));
		assert_int_equal(h.count, n == strlen(whole) ? 2 : 1);
		free(text);
		history_fini(&h);
	}
}

static void
test_long_lines(void **state)
{
	size_t n = HISTORY_READ_LINE_MAX + 10;
	char *text = malloc(n + 1);
	struct history_read_info info;
	struct history h;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', n);
	text[n] = '\0';
	assert_int_equal(read_text(&h, text, &info), -EINVAL);
	assert_non_null(strstr(info.error, "longer than"));
	history_fini(&h);
	free(text);
	history_init(&h, 200);
	assert_int_equal(history_read(&h, INVOKE_W, strlen(INVOKE_W), &info), -ENOBUFS);
	assert_non_null(strstr(info.error, "memory"));
	history_fini(&h);
}

/* Random histories: written as a whole or event by event they are the same text, and reading it gives the same history. */
static void
random_history(struct history *h, struct dice *d, struct buf *live)
{
	static const char *const keys[] = { "a", "key \"two\"\n", "\xc3\xbc" };

	history_init(h, MEMORY);
	for (int i = 0; i < 60; i++) {
		int64_t process = dice_roll(d, 5);
		uint32_t op;

		if (history_open(h, process, &op)) {
			struct history_answer a = { .outcome = (enum history_outcome)dice_roll(d, 3), .at = i };

			a.mismatch = dice_roll(d, 2) == 0;
			a.error = dice_roll(d, 2) == 0 ? "why </not>" : NULL;
			if (dice_roll(d, 2) == 0)
				assert_int_equal(history_intern(h, dice_roll(d, 2) == 0 ? "text" : "\"", &a.value), 0);
			assert_int_equal(history_complete(h, op, &a), 0);
			assert_int_equal(history_write_complete(h, op, live), 0);
			continue;
		}
		struct history_call c = { .process = process, .f = (enum history_f)dice_roll(d, 3), .key = keys[dice_roll(d, 3)], .at = i };

		c.value = dice_roll(d, 3) == 0 ? history_nil() : history_int((int64_t)dice_bits(d));
		c.expect = history_int(INT64_MIN + dice_roll(d, 2));
		assert_int_equal(history_invoke(h, &c, &op), 0);
		assert_int_equal(history_write_invoke(h, op, live), 0);
	}
}

static void
test_round_trip(void **state)
{
	struct dice d = { 5, 0 };

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct history h, back;
		struct history_read_info info;
		struct buf live, whole, again;

		buf_init(&live, 1u << 20);
		buf_init(&whole, 1u << 20);
		buf_init(&again, 1u << 20);
		random_history(&h, &d, &live);
		assert_int_equal(history_write_all(&h, &whole), 0);
		assert_string_equal(buf_str(&live), buf_str(&whole));
		assert_int_equal(read_text(&back, buf_str(&whole), &info), 0);
		assert_int_equal(back.count, h.count);
		assert_int_equal(history_write_all(&back, &again), 0);
		assert_string_equal(buf_str(&again), buf_str(&whole));
		for (uint32_t i = 0; i < h.count; i++) {
			assert_int_equal(back.ops[i].invoke_pos, h.ops[i].invoke_pos);
			assert_int_equal(back.ops[i].complete_pos, h.ops[i].complete_pos);
			assert_int_equal(back.ops[i].mismatch, h.ops[i].mismatch);
		}
		buf_fini(&live);
		buf_fini(&whole);
		buf_fini(&again);
		history_fini(&h);
		history_fini(&back);
	}
}

static void
test_write_full(void **state)
{
	struct history h;
	struct buf small;

	(void)state;
	history_init(&h, MEMORY);
	assert_int_equal(history_invoke(&h, &(struct history_call){ .key = "k", .f = HISTORY_READ }, NULL), 0);
	buf_init(&small, 20);
	assert_int_equal(history_write_all(&h, &small), -ENOBUFS);
	buf_fini(&small);
	history_fini(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_builds), cmocka_unit_test(test_complete_closed), cmocka_unit_test(test_memory),
		cmocka_unit_test(test_reads), cmocka_unit_test(test_refuses), cmocka_unit_test(test_cut), cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_write_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
