/* SPDX-License-Identifier: MIT */
/*
 * test_models_counted.c - the models that have no state to search in, against rules written anew: small random histories of total
 * queues, identities, banks and logs.
 *
 * FAULTLINE_LONG=N in the environment sets how many histories a model gets (make test-long).
 */
#include "audit/checker.h"
#include "audit/tape_read.h"

#include "unit.h"

#define OPS_MAX 9
#define ROUNDS 4000
#define LIST_MAX 3
#define NEVER 1000
#define NIL (-1)

enum outcome { OK, FAIL, INFO };
struct op {
	char kind;                      /* queues: p put, t take, d drain; identities: g; banks: r; logs: s send, p poll, a assign, u subscribe */
	int process, inv, ret;
	int list[LIST_MAX], n;          /* values; of a log: offsets */
	int values[LIST_MAX];           /* of a log */
	enum outcome outcome;
};
struct life {
	struct op ops[OPS_MAX];
	int count;
};

/* Clients that do one operation after the other, at once with each other. */
static void
begin(struct dice *d, struct life *h)
{
	int clients = 1 + (int)dice_roll(d, 3), at[3] = { -1, -1, -1 }, time = 0, open = 0, count = 1 + (int)dice_roll(d, OPS_MAX);

	h->count = 0;
	while (h->count < count || open > 0) {
		int c = (int)dice_roll(d, (uint32_t)clients);

		if (at[c] >= 0) {
			h->ops[at[c]].ret = time++;
			at[c] = -1;
			open--;
		} else if (h->count < count) {
			uint32_t what = dice_roll(d, 8);

			h->ops[h->count] = (struct op){ .process = c, .inv = time++, .outcome = what == 0 ? INFO : what == 1 ? FAIL : OK };
			at[c] = h->count++;
			open++;
		}
	}
}

static void
put_list(struct buf *b, const int *list, int n)
{
	buf_putc(b, '[');
	for (int i = 0; i < n; i++) {
		buf_puts(b, i > 0 ? "," : "");
		if (list[i] == NIL)
			buf_puts(b, "null");
		else
			buf_printf(b, "%d", list[i]);
	}
	buf_putc(b, ']');
}

typedef void put_fn(struct buf *b, const struct op *o, bool over);

static void
write_down(struct buf *b, const struct life *h, put_fn *put)
{
	static const char *const types[] = { "ok", "fail", "info" };

	buf_clear(b);
	for (int time = 0; time < 4 * OPS_MAX; time++)
		for (int i = 0; i < h->count; i++) {
			const struct op *o = &h->ops[i];

			if (o->inv != time && o->ret != time)
				continue;
			buf_printf(b, "{\"process\":%d,\"type\":\"%s\"", o->process, o->inv == time ? "invoke" : types[o->outcome]);
			put(b, o, o->ret == time);
			buf_puts(b, "}\n");
		}
}

static bool
judge(const char *model, const struct buf *text)
{
	struct tape_read_info info;
	struct ruling r;
	struct tape t;

	tape_init(&t, 16u << 20);
	if (tape_read_all(&t, NULL, buf_data(text), buf_len(text), &info) != 0)
		fail_msg("%s: %s", info.error, buf_data(text));
	int rc = checker_run(&t, model_find(model), NULL, &r);

	if (rc != 0)
		fail_msg("%d %s\n%s", rc, r.reason, buf_data(text));
	assert_true(r.verdict != VERDICT_UNKNOWN);
	assert_true((r.verdict == VERDICT_INVALID) == (r.evidence_count > 0));
	bool valid = r.verdict == VERDICT_VALID;

	ruling_fini(&r);
	tape_fini(&t);
	return valid;
}

/* Queues. */

static void
put_queue(struct buf *b, const struct op *o, bool over)
{
	bool ok = over && o->outcome == OK;

	buf_printf(b, ",\"f\":\"%s\",\"value\":", o->kind == 'p' ? "enqueue" : o->kind == 't' ? "dequeue" : "drain");
	if (o->kind == 'd' && ok)
		put_list(b, o->list, o->n);
	else if (o->kind != 'd' && (ok || o->kind == 'p') && o->list[0] != NIL)
		buf_printf(b, "%d", o->list[0]);
	else
		buf_puts(b, "null");
}

static void
draw_queue(struct dice *d, struct life *h)
{
	begin(d, h);
	for (int i = 0; i < h->count; i++) {
		struct op *o = &h->ops[i];
		uint32_t what = dice_roll(d, 12);

		o->kind = what < 6 ? 'p' : what < 11 ? 't' : 'd';
		o->n = o->kind == 'd' ? (int)dice_roll(d, LIST_MAX + 1) : 1;
		for (int k = 0; k < LIST_MAX; k++)
			o->list[k] = o->kind == 'p' ? i / 2 :
				(int)dice_roll(d, (uint32_t)(h->count + 1) / 2 + 1) - (o->kind == 't' && dice_roll(d, 4) == 0);
		if (o->kind == 'd' && o->outcome == INFO && dice_roll(d, 2))
			o->outcome = OK;
	}
}

/* Everything of one value: when a put began, whether it was acknowledged, when a take was over. */
struct value {
	int puts[OPS_MAX], takes[OPS_MAX * LIST_MAX], put_count, take_count;
	bool acknowledged[OPS_MAX];
};

/* The most acknowledged puts that have a take of their own, by trying; the k-th and those behind it. */
static int
most_served(const struct value *v, int k, unsigned used)
{
	int most;

	if (k == v->put_count)
		return 0;
	most = most_served(v, k + 1, used);
	for (int t = 0; t < v->take_count && v->acknowledged[k]; t++)
		if ((used >> t & 1) == 0 && v->takes[t] > v->puts[k])
			most = FL_MAX(most, 1 + most_served(v, k + 1, used | 1u << t));
	return most;
}

/* Has each take a put of its own? */
static bool
all_backed(const struct value *v, int t, unsigned used)
{
	if (t == v->take_count)
		return true;
	for (int k = 0; k < v->put_count; k++)
		if ((used >> k & 1) == 0 && v->takes[t] > v->puts[k] && all_backed(v, t + 1, used | 1u << k))
			return true;
	return false;
}

static bool
queue_holds(const struct life *h, bool may_lose, bool may_repeat)
{
	struct value all[16] = { 0 };
	int excuses = 0, lost = 0;

	for (int i = 0; i < h->count; i++) {
		const struct op *o = &h->ops[i];
		struct value *v = &all[o->kind == 'p' ? o->list[0] : 0];

		if (o->kind == 'p' && o->outcome != FAIL) {
			v->acknowledged[v->put_count] = o->outcome == OK;
			v->puts[v->put_count++] = o->inv;
		} else if (o->outcome == INFO) {
			excuses += o->kind == 'd' ? NEVER : 1;
		}
		for (int k = 0; k < o->n && o->kind != 'p' && o->outcome == OK; k++)
			if (o->list[k] != NIL) {
				v = &all[o->list[k]];
				v->takes[v->take_count++] = o->ret;
			}
	}
	for (int i = 0; i < 16; i++) {
		const struct value *v = &all[i];

		for (int t = 0; t < v->take_count; t++)
			if (v->put_count == 0 || v->takes[t] < v->puts[0])
				return false;
		if (!may_repeat && !all_backed(v, 0, 0))
			return false;
		for (int k = 0; k < v->put_count; k++)
			lost += v->acknowledged[k];
		lost -= most_served(v, 0, 0);
	}
	return may_lose || lost <= excuses;
}

static void
queue_one(struct dice *d, struct buf *text, uint32_t seen[2])
{
	static const struct {
		const char *model;
		bool may_lose, may_repeat;
	} models[] = { { "total-queue", false, true }, { "total-queue-at-most-once", true, false }, { "total-queue-exactly-once", false, false } };
	struct life h;

	draw_queue(d, &h);
	write_down(text, &h, put_queue);
	for (size_t m = 0; m < FL_ARRAY_LEN(models); m++) {
		bool holds = queue_holds(&h, models[m].may_lose, models[m].may_repeat);

		if (judge(models[m].model, text) != holds)
			fail_msg("%s %s:\n%s", models[m].model, holds ? "holds" : "does not hold", buf_str(text));
		seen[holds]++;
	}
}

/* Identities. */

static void
put_identity(struct buf *b, const struct op *o, bool over)
{
	buf_puts(b, ",\"f\":\"generate\"");
	if (over && o->outcome == OK)
		buf_printf(b, o->list[1] == 0 ? ",\"value\":\"%d\"" : ",\"value\":%d", o->list[0]);
}

static void
identity_one(struct dice *d, struct buf *text, uint32_t seen[2])
{
	bool holds = true;
	struct life h;

	begin(d, &h);
	for (int i = 0; i < h.count; i++) {
		h.ops[i].list[0] = (int)dice_roll(d, 20);
		h.ops[i].list[1] = (int)dice_roll(d, 2);
	}
	for (int i = 0; i < h.count; i++)
		for (int k = 0; k < i; k++)
			holds &= h.ops[i].outcome != OK || h.ops[k].outcome != OK || memcmp(h.ops[i].list, h.ops[k].list, 2 * sizeof(int)) != 0;
	write_down(text, &h, put_identity);
	assert_int_equal(judge("unique-ids", text), holds);
	seen[holds]++;
}

/* Banks: three accounts; a transfer says nothing. */

static void
put_bank(struct buf *b, const struct op *o, bool over)
{
	buf_printf(b, ",\"f\":\"%s\",\"value\":", o->kind == 'r' ? "read" : "transfer");
	if (o->kind != 'r')
		buf_puts(b, "{\"from\":0,\"to\":1,\"amount\":3}");
	else if (over && o->outcome == OK)
		put_list(b, o->list, LIST_MAX);
	else
		buf_puts(b, "null");
}

static void
bank_one(struct dice *d, struct buf *text, uint32_t seen[2])
{
	int total = NEVER;
	bool holds = true;
	struct life h;

	begin(d, &h);
	for (int i = 0; i < h.count; i++) {
		struct op *o = &h.ops[i];

		o->kind = dice_roll(d, 3) == 0 ? 't' : 'r';
		o->list[0] = (int)dice_roll(d, 9);
		o->list[1] = (int)dice_roll(d, (uint32_t)(9 - o->list[0]));
		o->list[2] = 8 - o->list[0] - o->list[1] + (dice_roll(d, 16) == 0);
		if (dice_roll(d, 30) == 0)
			o->list[dice_roll(d, 3)] = NIL;
		if (dice_roll(d, 30) == 0) {
			o->list[0] += o->list[1] + 5;
			o->list[1] = -5;
		}
		if (o->kind != 'r' || o->outcome != OK)
			continue;
		int sum = o->list[0] + o->list[1] + o->list[2];

		for (int k = 0; k < 3; k++)
			holds &= o->list[k] >= 0;
		holds &= total == NEVER || total == sum;
		total = sum;
	}
	write_down(text, &h, put_bank);
	assert_int_equal(judge("bank", text), holds);
	seen[holds]++;
}

/* Logs: one key. A value is what was sent, an offset where it came to be. */

static void
put_log(struct buf *b, const struct op *o, bool over)
{
	bool ok = over && o->outcome == OK;

	buf_printf(b, ",\"f\":\"%s\",\"value\":", o->kind == 's' ? "send" : o->kind == 'p' ? "poll" : o->kind == 'a' ? "assign" : "subscribe");
	if (o->kind == 's' && ok)
		buf_printf(b, "[[\"send\",\"k\",[%d,%d]]]", o->list[0], o->values[0]);
	else if (o->kind == 's')
		buf_printf(b, "[[\"send\",\"k\",%d]]", o->values[0]);
	else if (o->kind == 'p' && ok) {
		buf_puts(b, "[[\"poll\",{\"k\":[");
		for (int i = 0; i < o->n; i++)
			buf_printf(b, "%s[%d,%d]", i > 0 ? "," : "", o->list[i], o->values[i]);
		buf_puts(b, "]}]]");
	} else {
		buf_puts(b, o->kind == 'p' ? "[[\"poll\"]]" : "[\"k\"]");
	}
}

static void
draw_log(struct dice *d, struct life *h)
{
	int sent = 0, place[3] = { 0, 0, 0 };

	begin(d, h);
	for (int i = 0; i < h->count; i++) {
		struct op *o = &h->ops[i];
		uint32_t what = dice_roll(d, 16);
		int *at = &place[o->process];

		o->kind = what < 6 ? 's' : what < 14 ? 'p' : what < 15 ? 'a' : 'u';
		if (o->kind == 's') {
			o->values[0] = 10 + sent;
			o->list[0] = dice_roll(d, 12) == 0 ? (int)dice_roll(d, 5) : sent;
			sent++;
		} else if (o->kind != 'p') {
			*at = (int)dice_roll(d, 2) * *at;
		}
		for (int k = 0; o->kind == 'p' && o->n < LIST_MAX && k < 2 && *at < sent; k++, ++*at) {
			*at = dice_roll(d, 20) == 0 ? (int)dice_roll(d, (uint32_t)sent) : *at;
			o->list[o->n] = *at;
			o->values[o->n++] = 10 + (dice_roll(d, 20) == 0 ? (int)dice_roll(d, 5) : *at);
		}
	}
}

/* One record that somebody saw: a value at an offset. */
struct record {
	const struct op *op;
	int offset, value;
};

static int
records_of(const struct life *h, struct record *ret)
{
	int n = 0;

	for (int i = 0; i < h->count; i++) {
		const struct op *o = &h->ops[i];

		for (int k = 0; o->outcome == OK && k < (o->kind == 's' ? 1 : o->kind == 'p' ? o->n : 0); k++)
			ret[n++] = (struct record){ o, o->list[k], o->values[k] };
	}
	return n;
}

/* Every polled value was sent, and not later. */
static bool
was_sent(const struct life *h, const struct record *r)
{
	for (int i = 0; i < h->count; i++)
		if (h->ops[i].kind == 's' && h->ops[i].outcome != FAIL && h->ops[i].values[0] == r->value && h->ops[i].inv < r->op->ret)
			return true;
	return false;
}

/* One client's records in order, from one assignment to the next. */
static bool
in_order(const struct life *h, const struct record *all, int n, int process)
{
	int sent = NIL, polled = NIL;
	bool subscribed = false;

	for (int i = 0; i < h->count; i++) {
		const struct op *o = &h->ops[i];

		if (o->process != process)
			continue;
		if (o->kind == 'a' && o->outcome == OK)
			subscribed = false;
		if (o->kind == 'u' && o->outcome != FAIL)
			subscribed = true;
		if (o->kind == 's' && o->outcome == OK) {
			if (o->list[0] <= sent)
				return false;
			sent = o->list[0];
		}
		if (o->kind == 'a' || o->kind == 'u' || (o->kind == 'p' && o->outcome != OK))
			polled = NIL;
		for (int k = 0; o->kind == 'p' && o->outcome == OK && k < o->n && !subscribed; k++) {
			if (polled != NIL && o->list[k] <= polled)
				return false;
			for (int m = 0; m < n && polled != NIL; m++)
				if (all[m].offset > polled && all[m].offset < o->list[k])
					return false;
			polled = o->list[k];
		}
	}
	return true;
}

static bool
log_holds(const struct life *h)
{
	struct record all[OPS_MAX * LIST_MAX];
	int n = records_of(h, all), last = NIL;

	for (int i = 0; i < n; i++) {
		for (int k = 0; k < i; k++)
			if ((all[i].offset == all[k].offset) != (all[i].value == all[k].value))
				return false;
		if (all[i].op->kind == 'p') {
			last = FL_MAX(last, all[i].offset);
			if (!was_sent(h, &all[i]))
				return false;
		}
	}
	for (int i = 0; i < n; i++) {
		bool polled = false;

		for (int k = 0; k < n; k++)
			polled |= all[k].op->kind == 'p' && all[k].value == all[i].value;
		if (!polled && all[i].offset < last)
			return false;
	}
	return in_order(h, all, n, 0) && in_order(h, all, n, 1) && in_order(h, all, n, 2);
}

static void
log_one(struct dice *d, struct buf *text, uint32_t seen[2])
{
	struct life h;

	draw_log(d, &h);
	write_down(text, &h, put_log);
	bool holds = log_holds(&h);

	if (judge("log", text) != holds)
		fail_msg("the log %s:\n%s", holds ? "holds" : "does not hold", buf_str(text));
	seen[holds]++;
}

static void
try_all(void (*one)(struct dice *d, struct buf *text, uint32_t seen[2]), uint64_t seed)
{
	const char *env = getenv("FAULTLINE_LONG");
	uint32_t rounds = env != NULL ? (uint32_t)strtoul(env, NULL, 10) : ROUNDS, seen[2] = { 0, 0 };
	struct dice d = { .seed = seed };
	struct buf text;

	buf_init(&text, 1u << 20);
	for (uint32_t i = 0; i < rounds; i++)
		one(&d, &text, seen);
	assert_true(seen[0] > rounds / 20 && seen[1] > rounds / 20);
	buf_fini(&text);
}

static void
test_queues(void **state)
{
	(void)state;
	try_all(queue_one, 1);
}

static void
test_identities(void **state)
{
	(void)state;
	try_all(identity_one, 2);
}

static void
test_banks(void **state)
{
	(void)state;
	try_all(bank_one, 3);
}

static void
test_logs(void **state)
{
	(void)state;
	try_all(log_one, 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queues), cmocka_unit_test(test_identities), cmocka_unit_test(test_banks), cmocka_unit_test(test_logs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
