/* SPDX-License-Identifier: MIT */
/* test_tape.c - histories from JSON and EDN: what is read, what is refused and where, in pieces of any size. */
#include "audit/tape_read.h"
#include "audit/tape_value.h"

#include "unit.h"
#include <errno.h>

#define MEMORY ((size_t)16 << 20)

static int
read_text(struct tape *t, const char *text, struct tape_read_info *info)
{
	/* In memory of its own size, so that the sanitizer sees what is read behind the end. */
	size_t n = strlen(text);
	char *copy = malloc(n == 0 ? 1 : n);

	assert_non_null(copy);
	memcpy(copy, text, n);
	tape_init(t, MEMORY);
	int rc = tape_read_all(t, NULL, copy, n, info);
	free(copy);
	return rc;
}

/* The tape as text, to compare by. */
static char *
render(const struct tape *t)
{
	struct buf b;

	buf_init(&b, MEMORY);
	for (uint32_t i = 0; i < t->count; i++) {
		const struct tape_op *o = &t->ops[i];

		buf_printf(&b, "%lld %s %s", (long long)o->process, tape_chars(t, o->f), tape_outcome_name((enum tape_outcome)o->outcome));
		if (o->has_key) {
			buf_puts(&b, " key ");
			tape_value_put(t, o->key, 200, &b);
		}
		buf_puts(&b, " ");
		tape_value_put(t, o->call, 200, &b);
		if (o->has_result) {
			buf_puts(&b, " -> ");
			tape_value_put(t, o->result, 200, &b);
		}
		if (o->error != TAPE_NONE)
			buf_printf(&b, " (%s)", tape_chars(t, o->error));
		buf_printf(&b, " @%u-%d l%u\n", o->invoke_pos, (int)o->complete_pos, o->line);
	}
	char *s = strdup(buf_str(&b));

	assert_non_null(s);
	buf_fini(&b);
	return s;
}

static void
expect_read(const char *text, const char *want)
{
	struct tape_read_info info;
	struct tape t;
	int rc = read_text(&t, text, &info);

	if (rc != 0)
		print_message("%s\n%u:%u: %s\n", text, info.line, info.column, info.error);
	assert_int_equal(rc, 0);
	char *got = render(&t);

	assert_string_equal(got, want);
	free(got);
	tape_fini(&t);
}

static void
test_json(void **state)
{
	(void)state;
	expect_read("{\"process\":1,\"type\":\"invoke\",\"f\":\"write\",\"key\":\"k\",\"value\":17,\"time\":5}\n"
		    "{\"process\":\"nemesis\",\"type\":\"info\",\"f\":\"kill\",\"value\":{\"a\":[1,2]}}\n"
		    "\n"
		    "{ \"index\" : [1,{}] , \"process\":2, \"type\":\"invoke\", "
		    "\"f\":\"txn\", \"value\":[[\"append\",3,1],[\"r\",3,null]], \"time\":6 }\r\n"
		    "{\"process\":1,\"type\":\"ok\",\"f\":\"write\",\"key\":\"k\",\"value\":17,\"time\":9}\n"
		    "{\"process\":2,\"type\":\"info\",\"f\":\"txn\",\"error\":[\"lost\",7]}\n"
		    "{\"process\":3,\"type\":\"invoke\",\"f\":\"x\",\"value\":{\"a\":-1.5,\"b\":[]}}",
		    "1 write ok key \"k\" 17 -> 17 @0-2 l1\n"
		    "2 txn info [[\"append\" 3 1] [\"r\" 3 nil]] ([\"lost\",7]) @1-3 l4\n"
		    "3 x info {\"a\" -1.5 \"b\" []} @4--1 l7\n");
	expect_read(" [ {\"process\":0,\"type\":\"invoke\",\"f\":\"a\"} ,\n {\"process\":0,\"type\":\"fail\","
		    "\"f\":\"a\",\"error\":\"n\\u006fo \\\"\"} ] \n",
		    "0 a fail nil (noo \") @0-1 l1\n");
	expect_read("[]", "");
	expect_read("", "");
	expect_read(" \n", "");
}

static void
test_edn_read(void **state)
{
	(void)state;
	expect_read("[{:process 0, :type :invoke, :f :txn, :value [[:append 3 1] [:r 3 nil]], :time 1, :index 0}\n"
		    "; a comment\n"
		    "#jepsen.history.Op{:process :nemesis, :type :info, :f :start, :value #{:n1 \"n2\"}}\n"
		    "#jepsen.history.Op {:index 1 :process 0 :type :ok :f :txn :value #_[dropped 1] ([:append 3 1] [:r 3 [1 2 -3]]) :error nil}\n"
		    "{:process 4 :type :invoke :f :cas :value #independent/tuple [k/j [1N 2.5M]]}\n"
		    "{\"process\" 4, :type \"fail\", :f :cas, :value {:x \\a, nil ##NaN, #{3 4} \"two\nlines\\n\"}, :error {:type :lost}}]",
		    "0 txn ok [[\"append\" 3 1] [\"r\" 3 nil]] -> [[\"append\" 3 1] [\"r\" 3 [1 2 -3]]] @0-1 l1\n"
		    "4 cas fail [\"k/j\" [1 \"2.5M\"]] -> {nil \"##NaN\" \"x\" \"a\" [3 4] \"two\\x0alines\\x0a\"} ({:type :lost}) @2-3 l5\n");
	expect_read("({:process 1 :type :invoke :f :r})", "1 r info nil @0--1 l1\n");
	expect_read("{:process 1 :type :invoke :f :r :value 1/2}\n", "1 r info \"1/2\" @0--1 l1\n");
}

#define LOG "INFO  jepsen.util - "

static void
test_log(void **state)
{
	(void)state;
	expect_read(LOG "0\t:invoke\t:read\tnil\n" "something else\n" LOG "1\t:invoke\t:cas\t[3 4]\n" LOG ":nemesis\t:info\t:start\tnil\n"
		    LOG "0\t:fail\t:read\t:timed-out\r\n" LOG "1\t:fail\t:cas\t[3 4]\n" "2\t:invoke\t:write\t5\n" "2\t:info\t:write\t:timed-out\n",
		    "0 read fail nil -> \"timed-out\" (:timed-out) @0-2 l1\n"
		    "1 cas fail [3 4] -> [3 4] (cas-mismatch) @1-3 l3\n"
		    "2 write info 5 -> \"timed-out\" (:timed-out) @4-5 l7\n");
}

static void
expect_refused(const char *text, unsigned line, unsigned column, const char *error)
{
	struct tape_read_info info;
	struct tape t;
	int rc = read_text(&t, text, &info);

	if (rc == 0 || info.line != line || info.column != column || strstr(info.error, error) == NULL)
		print_message("%s\n%d %u:%u: %s\n", text, rc, info.line, info.column, info.error);
	assert_int_equal(rc, -EINVAL);
	assert_int_equal(info.line, line);
	assert_int_equal(info.column, column);
	assert_non_null(strstr(info.error, error));
	tape_fini(&t);
}

#define INV "{\"process\":1,\"type\":\"invoke\",\"f\":\"write\",\"key\":\"k\",\"value\":17}\n"

static void
test_refused(void **state)
{
	(void)state;
	expect_refused("hello", 1, 1, "expected an event");
	expect_refused("{\"process\":1,\"type\":\"invoke\"}\n", 1, 1, "\"f\" is missing");
	expect_refused("{\"type\":\"invoke\",\"f\":\"x\"}\n", 1, 1, "\"process\" is missing");
	expect_refused(INV INV, 2, 1, "has not completed");
	expect_refused(INV "{\"process\":2,\"type\":\"ok\",\"f\":\"write\"}\n", 2, 1, "nothing open");
	expect_refused(INV "{\"process\":1,\"type\":\"ok\",\"f\":\"read\"}\n", 2, 1, "invoked a write");
	expect_refused(INV "{\"process\":1,\"type\":\"ok\",\"f\":\"write\",\"key\":\"j\"}\n", 2, 1, "another key");
	expect_refused(INV "  x\n", 2, 3, "expected an event");
	expect_refused(INV "\n{\"process\":01}\n", 3, 12, "begin with 0");
	expect_refused("{\"process\":1,\"process\":1}\n", 1, 14, "stands twice");
	expect_refused("{\"process\":1,\"type\":\"perhaps\",\"f\":\"x\"}\n", 1, 21, "the type is none");
	expect_refused("{\"process\":\"me\",\"type\":\"ok\",\"f\":\"x\"}\n", 1, 1, "completes a x, but it has nothing open");
	expect_refused("{\"process\":null,\"type\":\"ok\",\"f\":\"x\"}\n", 1, 12, "expected a process number or a name");
	expect_refused("{\"process\":1,\"f\":\"a\\qb\"}\n", 1, 21, "no such escape");
	expect_refused("{\"process\":1,\"f\":\"a\nb\"}\n", 1, 20, "control character");
	expect_refused("{\"process\":1,\"f\":tru3}\n", 1, 21, "expected a value");
	expect_refused("{\"process\":1,\"time\":1e30}\n", 1, 21, "out of range");
	expect_refused("[{\"process\":-1} {\"process\":-1}]", 1, 17, "expected , or ]");
	expect_refused("[{\"process\":-1},]", 1, 17, "expected an event");
	expect_refused("[{\"process\":-1}] x", 1, 18, "behind the end");
	expect_refused("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 1, 2, "expected an event");
	expect_refused("{:process 1 :value [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 1, 45, "too many");
	expect_refused("{:process 1 :value 12x}", 1, 22, "no number");
	expect_refused("{:process 1 :value {1}}", 1, 22, "has no value");
	expect_refused("{:process 1 :type :later}", 1, 19, "the type is none");
	expect_refused("{:process 1\n :type :invoke :f [1]}", 1, 1, "function of an event is a text");
}

static void
test_cut(void **state)
{
	static const char *const texts[] = { INV INV, "[" INV ",{\"process\":3,\"type\":\"invoke\",\"f\":\"x\",\"value\":[tru",
		"{:process 1 :type :invoke :f :w :value [1 {:a #{\"x\\u00", };
	struct tape_read_info info;
	struct tape t;

	(void)state;
	/* Wherever a text breaks off: nothing wrong is said, and all events before are there. */
	const char *whole = INV "{\"process\":1,\"type\":\"ok\",\"f\":\"write\",\"value\":[-1.5e3,{\"a\":\"\\u00e4\\n\"},null]}\n";
	for (size_t n = 0; n <= strlen(whole); n++) {
		tape_init(&t, MEMORY);
		assert_int_equal(tape_read_all(&t, NULL, whole, n, &info), 0);
		assert_int_equal(t.pos, (n >= strlen(INV) - 1) + (n >= strlen(whole) - 1));
		assert_int_equal(info.cut, n != 0 && n < strlen(whole) - 1 && n != strlen(INV) - 1 && n != strlen(INV));
		tape_fini(&t);
	}
	for (size_t i = 1; i < FL_ARRAY_LEN(texts); i++) {
		assert_int_equal(read_text(&t, texts[i], &info), 0);
		assert_true(info.cut);
		tape_fini(&t);
	}
	assert_int_equal(read_text(&t, "[" INV, &info), 0);
	assert_true(info.cut && t.count == 1 && info.pending == 1);
	tape_fini(&t);
}

/* In pieces of every size the same comes out as at once. */
static void
feed_pieces(const char *text, size_t piece)
{
	size_t n = strlen(text), from = 0, to = 0, used;
	struct tape_read_info info;
	struct tape whole, t;
	struct tape_read r;
	int rc = 0;

	tape_init(&whole, MEMORY);
	tape_init(&t, MEMORY);
	int want = tape_read_all(&whole, NULL, text, n, &info);

	tape_read_init(&r, &t, NULL);
	for (bool last = false; rc == 0 && !last;) {
		to = FL_MIN(n, to + piece);
		last = to == n;
		char *copy = malloc(to - from + 1);

		assert_non_null(copy);
		memcpy(copy, text + from, to - from);
		rc = tape_read_feed(&r, copy, to - from, last, &used);
		free(copy);
		from += used;
	}
	assert_int_equal(rc, want);
	assert_int_equal(r.info.line, info.line);
	assert_int_equal(r.info.column, info.column);
	assert_int_equal(r.info.lines, info.lines);
	assert_int_equal(r.info.cut, info.cut);
	if (rc == 0) {
		char *a = render(&whole), *b = render(&t);

		assert_string_equal(a, b);
		free(a);
		free(b);
	}
	tape_read_fini(&r);
	tape_fini(&t);
	tape_fini(&whole);
}

static void
test_pieces(void **state)
{
	static const char *const texts[] = {
		INV "\n" INV,
		INV "{\"process\":1,\"type\":\"ok\",\"f\":\"write\","
		"\"value\":[-1.5e3,{\"a\":\"\\u00e4\\n\"},null]}\n{\"process",
		"[ " INV " , {\"process\":-4 , \"value\" : \"a\"}\n\n] ",
		"; c\n[#a.b {:process 1 :type :invoke, :f :w, "
		":value [1 #{2 3} #_ x \"a\nb\"]}\n;x\n]",
		"{:process 1 :type :invoke :f :w}\n{:process 1 :type :ok :f :w :value tru}\n   {:process 2 :type :ok, :f :w}",
		"\n\n  {\"process\": x",
		LOG "0\t:invoke\t:read\tnil\nx\n"
		LOG "0\t:ok\t:read\t[1 2]\n" LOG "1\t:invo",
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(texts); i++)
		for (size_t piece = 1; piece < 40; piece++)
			feed_pieces(texts[i], piece);
}

static void
test_values(void **state)
{
	struct tape_read_info info;
	struct tape t;

	(void)state;
	assert_int_equal(read_text(&t, "{\"process\":1,\"type\":\"invoke\",\"f\":\"x\",\"value\":[1.0,"
				   "9223372036854775807,-9223372036854775807,9223372036854775808,"
				   "0.5,true,[1,2],[1,2],[1,3],[4294967296],\"a\",\"a\",{\"a\":1},{\"a\":1},1e400,[],-0.0]}", &info), 0);
	struct tape_value v = t.ops[0].call;

	assert_int_equal(v.count, 17);
	assert_true(tape_value_same(&t, tape_item(&t, v, 0), tape_int(1)));
	assert_true(tape_value_same(&t, tape_item(&t, v, 1), tape_int(INT64_MAX)));
	assert_true(tape_value_same(&t, tape_item(&t, v, 2), tape_int(-INT64_MAX)));
	assert_int_equal(tape_item(&t, v, 3).type, TAPE_TEXT);
	assert_int_equal(tape_item(&t, v, 4).type, TAPE_DOUBLE);
	assert_true(tape_value_same(&t, tape_item(&t, v, 5), tape_bool(true)));
	assert_true(tape_value_same(&t, tape_item(&t, v, 6), tape_item(&t, v, 7)));
	assert_true(tape_value_hash(&t, tape_item(&t, v, 6)) == tape_value_hash(&t, tape_item(&t, v, 7)));
	assert_false(tape_value_same(&t, tape_item(&t, v, 6), tape_item(&t, v, 8)));
	assert_int_equal(tape_item(&t, v, 6).type, TAPE_INTS);
	assert_int_equal(tape_item(&t, v, 9).type, TAPE_LIST);
	assert_true(tape_value_same(&t, tape_item(&t, v, 10), tape_item(&t, v, 11)));
	assert_true(tape_value_same(&t, tape_item(&t, v, 12), tape_item(&t, v, 13)));
	assert_int_equal(tape_item(&t, v, 14).type, TAPE_TEXT);
	assert_true(tape_item(&t, v, 15).type == TAPE_INTS && tape_item(&t, v, 15).count == 0);
	assert_true(tape_value_same(&t, tape_item(&t, v, 16), tape_int(0)));
	tape_fini(&t);

	/* Maps and sets have no order. */
	assert_int_equal(read_text(&t,
				   "{:process 1 :type :invoke :f :x :value [{:b {:d 1 :c 2} :a 1} {:a 1 :b {:c 2 :d 1}} #{3 :a [1]} #{[1] :a 3}]}",
				   &info), 0);
	v = t.ops[0].call;
	assert_true(tape_value_same(&t, tape_item(&t, v, 0), tape_item(&t, v, 1)));
	assert_true(tape_value_hash(&t, tape_item(&t, v, 0)) == tape_value_hash(&t, tape_item(&t, v, 1)));
	assert_true(tape_value_same(&t, tape_item(&t, v, 2), tape_item(&t, v, 3)));
	tape_fini(&t);
}

static void
test_memory(void **state)
{
	struct tape_read_info info;
	struct tape t;

	(void)state;
	for (size_t bytes = 0; bytes < 20000; bytes += 997) {
		tape_init(&t, bytes);
		int rc = tape_read_all(&t, NULL, INV INV, strlen(INV), &info);

		assert_true(rc == 0 || rc == -ENOBUFS);
		assert_true(t.bytes <= bytes);
		tape_fini(&t);
	}
	tape_fini(NULL);
}

static void
test_lone(void **state)
{
	struct tape_read_options options = { .lone_completions = true };
	const char *text = "{:type :ok :f :txn :value [[:r 1 nil]]}{:type :ok, :f :txn, :process 7}{:type :fail :f :txn}";
	struct tape_read_info info;
	struct tape t;

	(void)state;
	tape_init(&t, MEMORY);
	assert_int_equal(tape_read_all(&t, &options, text, strlen(text), &info), 0);
	assert_int_equal(t.count, 3);
	assert_int_equal(t.ops[2].outcome, TAPE_FAIL);
	tape_fini(&t);
}

/* Clients with names are clients; who only tells things is none. */
static void
test_names(void **state)
{
	static const char *const texts[] = {
		"{:process :net :type :info :f :cut}\n{:process :a :type :invoke :f :write :value 1}\n{:process \"b\" :type :invoke :f :read}\n"
		"{:process :nemesis-2 :type :invoke :f :kill}\n{:process :a :type :ok :f :write :value 1}\n"
		"{:process :b :type :ok :f :read :value 7}\n"
		"{:process \"12\" :type :invoke :f :read}\n{:process 12 :type :info :f :read}\n",
		"{\"process\":\"net\",\"type\":\"info\",\"f\":\"cut\"}\n{\"process\":\"a\",\"type\":\"invoke\",\"f\":\"write\",\"value\":1}\n"
		"{\"process\":\"b\",\"type\":\"invoke\",\"f\":\"read\"}\n{\"process\":\"nemesis-2\",\"type\":\"invoke\",\"f\":\"kill\"}\n"
		"{\"process\":\"a\",\"type\":\"ok\",\"f\":\"write\",\"value\":1}\n{\"process\":\"b\",\"type\":\"ok\",\"f\":\"read\",\"value\":7}\n"
		"{\"process\":\"12\",\"type\":\"invoke\",\"f\":\"read\"}\n{\"process\":12,\"type\":\"info\",\"f\":\"read\"}\n" };
	struct tape_read_info info;
	struct tape t;

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(texts); i++) {
		assert_int_equal(read_text(&t, texts[i], &info), 0);
		assert_int_equal(t.count, 3);
		assert_int_equal(info.skipped, 2);
		assert_true(t.ops[0].process >= 1000000000 && t.ops[1].process >= 1000000000 && t.ops[0].process != t.ops[1].process);
		assert_true(t.ops[0].outcome == TAPE_OK && t.ops[1].outcome == TAPE_OK);
		assert_int_equal(t.ops[2].process, 12);
		tape_fini(&t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_json), cmocka_unit_test(test_edn_read), cmocka_unit_test(test_log), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_pieces), cmocka_unit_test(test_values), cmocka_unit_test(test_memory), cmocka_unit_test(test_lone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
