/* SPDX-License-Identifier: MIT */
/*
 * test_models_own.c - models that users bring: tables of transitions against every way through them, and plugins in C.
 *
 * FAULTLINE_LONG=N in the environment sets how many tables are tried (make test-long).
 */
#include "audit/checker.h"
#include "audit/model_table.h"
#include "audit/model_user.h"
#include "audit/tape_read.h"
#include "proto/yaml.h"

#include <errno.h>

#include "unit.h"

#define OPS_MAX 7
#define ROWS_MAX 8
#define STATES 3
#define ROUNDS 3000

static void
read_tape(struct tape *t, const char *text)
{
	struct tape_read_info info;

	tape_init(t, 16u << 20);
	if (tape_read_all(t, NULL, text, strlen(text), &info) != 0)
		fail_msg("%u: %s\n%s", info.line, info.error, text);
}

/* The verdict of a table; -1: the table or the history is refused, and error says why. */
static int
judge_table(const char *table, const char *history, char *error, size_t error_bytes)
{
	struct model_table *m = NULL;
	struct doc *doc = NULL;
	struct doc_diag d;
	struct tape t;
	int said = -1;

	error[0] = '\0';
	read_tape(&t, history);
	doc_diag_init(&d, "t.yaml");
	int rc = yaml_parse(table, strlen(table), &d, &doc);

	if (rc == 0)
		rc = model_table_read(doc->root, &t, &d, &m);
	assert_int_equal(rc != 0, d.count > 0);
	if (rc != 0)
		snprintf(error, error_bytes, "%s", buf_str(&d.text));
	if (rc == 0) {
		struct ruling r;

		rc = checker_run(&t, model_table_model(m), NULL, &r);
		if (rc == -EINVAL)
			snprintf(error, error_bytes, "%u: %s", r.refused_line, r.reason);
		else
			assert_int_equal(rc, 0);
		said = rc == 0 ? (int)r.verdict : -1;
		ruling_fini(&r);
	}
	model_table_free(m);
	doc_free(doc);
	doc_diag_fini(&d);
	tape_fini(&t);
	return said;
}

#define DOOR "model: door\nstart: closed\ntransitions:\n  - { from: closed, f: open, to: open }\n  - { from: open, f: close, to: closed }\n" \
	"  - { from: open, f: look, result: 1 }\n  - { from: closed, f: look, result: 0 }\n"
#define EVENT(process, type, f, value) "{\"process\":" #process ",\"type\":\"" #type "\",\"f\":\"" #f "\",\"value\":" #value "}\n"
#define BOTH(process, f, value) EVENT(process, invoke, f, null) EVENT(process, ok, f, value)

static void
test_door(void **state)
{
	char error[512];

	(void)state;
	assert_int_equal(judge_table(DOOR, BOTH(0, open, null) BOTH(1, look, 1) BOTH(0, close, null) BOTH(1, look, 0), error, 512),
			 VERDICT_VALID);
	assert_int_equal(judge_table(DOOR, BOTH(0, open, null) BOTH(1, look, 0), error, 512), VERDICT_INVALID);
	assert_int_equal(judge_table(DOOR, BOTH(0, open, null) BOTH(1, open, null), error, 512), VERDICT_INVALID);
	/* Of an unknown opening nobody knows; after two looks everybody does. */
	assert_int_equal(judge_table(DOOR, EVENT(0, invoke, open, null) EVENT(0, info, open, null) BOTH(1, look, 0) BOTH(1, look, 1),
				     error, 512), VERDICT_VALID);
	assert_int_equal(judge_table(DOOR, EVENT(0, invoke, open, null) EVENT(0, info, open, null) BOTH(1, look, 1) BOTH(1, look, 0),
				     error, 512), VERDICT_INVALID);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *table, *history, *error;
	} cases[] = {
		{ "start: a\n", "", "needs start and transitions" },
		{ "start: a\ntransitions: 5\n", "", "a list of transitions" },
		{ "start: a\ntransitions:\n  - { from: a, to: b }\n", "", "needs its operation" },
		{ "start: a\ntransitions:\n  - { from: a, f: x, too: b }\n", "", "did you mean \"to\"" },
		{ "start: [a]\ntransitions: []\n", "", "t.yaml:1:8" },
		{ "[1, 2]\n", "", "a map with" },
		{ DOOR, BOTH(0, kick, null), "1: the model door has no transition for \"kick\"" },
	};
	char error[512];

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		assert_int_equal(judge_table(cases[i].table, cases[i].history, error, sizeof(error)), -1);
		if (strstr(error, cases[i].error) == NULL)
			fail_msg("%s: %s", cases[i].table, error);
	}
}

/* A table and a history by the dice, and whether any way through the table explains it. */

struct row {
	int from, to, f, value, result; /* -1: not named */
};
struct op {
	int f, value, result, inv, ret, process;
	bool info;
};
struct puzzle {
	struct row rows[ROWS_MAX];
	struct op ops[OPS_MAX];
	int row_count, count;
};

static int
maybe(struct dice *d, uint32_t n)
{
	return dice_roll(d, 4) == 0 ? -1 : (int)dice_roll(d, n);
}

static void
make_up(struct dice *d, struct puzzle *z)
{
	int at[3] = { -1, -1, -1 }, process[3] = { 0, 1, 2 }, time = 0, open = 0, count = 1 + (int)dice_roll(d, OPS_MAX);

	z->row_count = 2 + (int)dice_roll(d, ROWS_MAX - 1);
	for (int i = 0; i < z->row_count; i++)
		z->rows[i] = (struct row){ maybe(d, STATES), maybe(d, STATES), i < 2 ? i : (int)dice_roll(d, 2), maybe(d, 2), maybe(d, 2) };
	for (z->count = 0; z->count < count || open > 0;) {
		uint32_t c = dice_roll(d, 3);

		if (at[c] >= 0) {
			z->ops[at[c]].ret = time++;
			process[c] += z->ops[at[c]].info ? 3 : 0;
			at[c] = -1;
			open--;
		} else if (z->count < count) {
			z->ops[z->count] = (struct op){ .f = (int)dice_roll(d, 2), .value = (int)dice_roll(d, 2), .result = (int)dice_roll(d, 2),
				.inv = time++, .process = process[c], .info = dice_roll(d, 5) == 0 };
			at[c] = z->count++;
			open++;
		}
	}
}

static bool
explained(const struct puzzle *z, unsigned done, int now)
{
	bool all = true;

	for (int i = 0; i < z->count; i++) {
		const struct op *o = &z->ops[i];
		bool ready = true;

		if ((done >> i & 1) != 0)
			continue;
		all &= o->info;
		for (int k = 0; k < z->count; k++)
			ready &= (done >> k & 1) != 0 || z->ops[k].info || z->ops[k].ret > o->inv;
		for (int k = 0; ready && k < z->row_count; k++) {
			const struct row *r = &z->rows[k];

			if (r->f != o->f || (r->from >= 0 && r->from != now) || (r->value >= 0 && r->value != o->value) ||
			    (!o->info && r->result >= 0 && r->result != o->result))
				continue;
			if (explained(z, done | 1u << i, r->to >= 0 ? r->to : now))
				return true;
		}
	}
	return all;
}

static void
put_named(struct buf *b, const char *name, const char *prefix, int v)
{
	if (v >= 0)
		buf_printf(b, ", %s: %s%d", name, prefix, v);
}

static void
write_down(const struct puzzle *z, struct buf *table, struct buf *history)
{
	buf_clear(table);
	buf_clear(history);
	buf_puts(table, "start: s0\ntransitions:\n");
	for (int i = 0; i < z->row_count; i++) {
		buf_printf(table, "  - { f: f%d", z->rows[i].f);
		put_named(table, "from", "s", z->rows[i].from);
		put_named(table, "to", "s", z->rows[i].to);
		put_named(table, "value", "", z->rows[i].value);
		put_named(table, "result", "", z->rows[i].result);
		buf_puts(table, " }\n");
	}
	for (int time = 0; time < 2 * OPS_MAX; time++)
		for (int i = 0; i < z->count; i++) {
			const struct op *o = &z->ops[i];

			if (o->inv == time)
				buf_printf(history, "{\"process\":%d,\"type\":\"invoke\",\"f\":\"f%d\",\"value\":%d}\n", o->process, o->f, o->value);
			if (o->ret == time && o->info)
				buf_printf(history, "{\"process\":%d,\"type\":\"info\",\"f\":\"f%d\"}\n", o->process, o->f);
			else if (o->ret == time)
				buf_printf(history, "{\"process\":%d,\"type\":\"ok\",\"f\":\"f%d\",\"value\":%d}\n", o->process, o->f, o->result);
		}
}

static void
test_every_way(void **state)
{
	const char *env = getenv("FAULTLINE_LONG");
	uint32_t rounds = env != NULL ? (uint32_t)strtoul(env, NULL, 10) : ROUNDS, seen[2] = { 0, 0 };
	struct dice d = { .seed = 31 };
	struct buf table, history;
	char error[512];

	(void)state;
	buf_init(&table, 1u << 20);
	buf_init(&history, 1u << 20);
	for (uint32_t i = 0; i < rounds; i++) {
		struct puzzle z;

		make_up(&d, &z);
		write_down(&z, &table, &history);
		bool legal = explained(&z, 0, 0);

		if (judge_table(buf_str(&table), buf_str(&history), error, sizeof(error)) != (legal ? VERDICT_VALID : VERDICT_INVALID))
			fail_msg("it is %s: %s\n%s%s", legal ? "legal" : "illegal", error, buf_str(&table), buf_str(&history));
		seen[legal]++;
	}
	assert_true(seen[0] > rounds / 20 && seen[1] > rounds / 20);
	buf_fini(&table);
	buf_fini(&history);
}

/* A plugin: a register that keeps the greatest number written. */

static int
call_greatest(const struct fl_model_op *op, struct fl_model_call *ret, char *error, size_t error_bytes)
{
	bool write = strcmp(op->f, "write") == 0;

	if (!write && strcmp(op->f, "read") != 0) {
		snprintf(error, error_bytes, "there is no %s", op->f);
		return -1;
	}
	assert_true(op->known || strcmp(op->result, "null") == 0);
	assert_true((op->call_id == 0) == (strcmp(op->call, "null") == 0));
	ret->kind = write;
	ret->looks = !write;
	ret->a = strtoll(write ? op->call : op->result, NULL, 10);
	return 0;
}

static bool
step_greatest(const struct fl_model_call *c, const int64_t *state, uint32_t count, int64_t *ret_state, uint32_t *ret_count)
{
	if (c->kind == 0)
		return state[0] == c->a;
	ret_state[0] = c->a > state[0] ? c->a : state[0];
	*ret_count = count;
	return true;
}

static int
judge_plugin(const char *history, char *error, size_t error_bytes)
{
	static const int64_t start[] = { 0 };
	static const struct fl_model greatest = { .version = FL_MODEL_VERSION, .name = "greatest", .start = start, .start_count = 1,
		.call = call_greatest, .step = step_greatest };
	struct model_user m;
	struct ruling r;
	struct tape t;

	assert_null(model_user_init(&m, &greatest));
	read_tape(&t, history);
	int rc = checker_run(&t, &m.model, NULL, &r), said = rc == 0 ? (int)r.verdict : -1;

	snprintf(error, error_bytes, "%u: %s", r.refused_line, r.reason);
	ruling_fini(&r);
	tape_fini(&t);
	return said;
}

#define WRITE(process, value) EVENT(process, invoke, write, value) EVENT(process, ok, write, value)

static void
test_plugin(void **state)
{
	struct fl_model bad = { .version = FL_MODEL_VERSION + 1 };
	struct model_user m;
	char error[512];

	(void)state;
	assert_int_equal(judge_plugin(WRITE(0, 3) WRITE(1, 9) WRITE(0, 5) BOTH(1, read, 9), error, 512), VERDICT_VALID);
	assert_int_equal(judge_plugin(WRITE(0, 3) WRITE(1, 9) WRITE(0, 5) BOTH(1, read, 5), error, 512), VERDICT_INVALID);
	assert_int_equal(judge_plugin(EVENT(0, invoke, write, 9) EVENT(0, info, write, 9) BOTH(1, read, 0) BOTH(1, read, 9), error, 512),
			 VERDICT_VALID);
	assert_int_equal(judge_plugin(WRITE(0, 3) BOTH(0, kick, 1), error, 512), -1);
	assert_string_equal(error, "3: there is no kick");
	assert_non_null(model_user_init(&m, &bad));
	bad.version = FL_MODEL_VERSION;
	assert_non_null(model_user_init(&m, &bad));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_door), cmocka_unit_test(test_refused), cmocka_unit_test(test_every_way), cmocka_unit_test(test_plugin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
