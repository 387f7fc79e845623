/* SPDX-License-Identifier: MIT */
/*
 * test_causal.c - causal consistency against its definitions, tried out on small random histories: for each client every order of
 * all writes and its own reads, and every order of the writes for all.
 *
 * FAULTLINE_LONG=N in the environment sets how many histories are tried (make test-long).
 */
#include "audit/checker.h"
#include "audit/tape_read.h"

#include "unit.h"

#define OPS_MAX 8
#define ROUNDS 6000
#define CLIENTS 3
#define OBJECTS 2
#define NIL 0

struct op {
	int client, object, read, written;      /* read -1: it does not; written -1: it does not */
	bool info, there;
};
struct life {
	struct op ops[OPS_MAX];
	int count, source[OPS_MAX];             /* who wrote what was read; -1: nothing was there */
	int guess[OPS_MAX];                     /* the same, tried out */
	bool before[OPS_MAX][OPS_MAX];
};

/* Sources and the causal order. false: a value from nowhere, or a circle. */
static bool
order(struct life *h)
{
	memset(h->before, 0, sizeof(h->before));
	for (int i = 0; i < h->count; i++) {
		h->source[i] = -1;
		for (int k = 0; k < h->count; k++) {
			if (h->ops[i].there && h->ops[k].there && k < i && h->ops[k].client == h->ops[i].client)
				h->before[k][i] = true;
			if (h->ops[i].there && h->ops[i].read > NIL && h->guess[i] == k && h->ops[k].there) {
				h->source[i] = k;
				h->before[k][i] = true;
			}
		}
		if (h->ops[i].there && h->ops[i].read > NIL && h->source[i] < 0)
			return false;
	}
	for (int m = 0; m < h->count; m++)
		for (int i = 0; i < h->count; i++)
			for (int k = 0; k < h->count; k++)
				h->before[i][k] |= h->before[i][m] && h->before[m][k];
	for (int i = 0; i < h->count; i++)
		if (h->before[i][i])
			return false;
	return true;
}

/* Is there an order of all writes and this client's operations in which its reads are right? */
static bool
client_agrees(const struct life *h, int client, unsigned done, const int *now)
{
	bool all = true;

	for (int i = 0; i < h->count; i++) {
		const struct op *o = &h->ops[i];
		bool own = o->client == client, ready = true;
		int then[OBJECTS];

		if (!o->there || (done >> i & 1) != 0 || (!own && o->written < 0))
			continue;
		all = false;
		for (int k = 0; k < h->count; k++)
			if (h->before[k][i] && (done >> k & 1) == 0 && (h->ops[k].client == client || h->ops[k].written >= 0))
				ready = false;
		if (!ready || (own && o->read >= 0 && now[o->object] != o->read))
			continue;
		memcpy(then, now, sizeof(then));
		if (o->written >= 0)
			then[o->object] = o->written;
		if (client_agrees(h, client, done | 1u << i, then))
			return true;
	}
	return all;
}

/* place[i] is that of write i in one order for all: does each read see the last of the writes it knows of? */
static bool
all_agree(const struct life *h, const int *place)
{
	for (int i = 0; i < h->count; i++) {
		int last = -1;

		if (!h->ops[i].there || h->ops[i].read < 0)
			continue;
		for (int k = 0; k < h->count; k++)
			if (h->before[k][i] && h->ops[k].written >= 0 && h->ops[k].object == h->ops[i].object && (last < 0 || place[k] > place[last]))
				last = k;
		if (last != h->source[i])
			return false;
	}
	return true;
}

static bool
converges(const struct life *h, unsigned done, int n, int *place)
{
	bool all = true;

	for (int i = 0; i < h->count; i++) {
		bool ready = true;

		if (!h->ops[i].there || h->ops[i].written < 0 || (done >> i & 1) != 0)
			continue;
		all = false;
		for (int k = 0; k < h->count; k++)
			ready &= !h->before[k][i] || h->ops[k].written < 0 || (done >> k & 1) != 0;
		if (!ready)
			continue;
		place[i] = n;
		if (converges(h, done | 1u << i, n + 1, place))
			return true;
	}
	return all && all_agree(h, place);
}

static bool explained_by(struct life *h, int from, enum checker_order kind);

/* Each unknown operation may be there or not. */
static bool
explained(struct life *h, int from, enum checker_order kind)
{
	for (int i = from; i < h->count; i++) {
		if (!h->ops[i].info)
			continue;
		for (int there = 0; there < 2; there++) {
			h->ops[i].there = there == 1;
			if (explained(h, i + 1, kind))
				return true;
		}
		return false;
	}
	return explained_by(h, 0, kind);
}

/* Each value that was read may be of any write of it. */
static bool
explained_by(struct life *h, int from, enum checker_order kind)
{
	static const int nothing[OBJECTS] = { NIL, NIL };
	int place[OPS_MAX] = { 0 };

	for (int i = from; i < h->count; i++) {
		if (!h->ops[i].there || h->ops[i].read <= NIL)
			continue;
		for (int k = 0; k < h->count; k++) {
			if (!h->ops[k].there || h->ops[k].object != h->ops[i].object || h->ops[k].written != h->ops[i].read)
				continue;
			h->guess[i] = k;
			if (explained_by(h, i + 1, kind))
				return true;
		}
		return false;
	}
	if (!order(h))
		return false;
	if (kind == CHECKER_CONVERGENT)
		return converges(h, 0, 0, place);
	for (int c = 0; c < CLIENTS; c++)
		if (!client_agrees(h, c, 0, nothing))
			return false;
	return true;
}

/* values: how many different ones are written; 0: each is new. */
static void
make_up(struct dice *d, struct life *h, uint32_t values)
{
	int fresh = 1, clients = 1 + (int)dice_roll(d, CLIENTS), objects = 1 + (int)dice_roll(d, OBJECTS);

	h->count = 2 + (int)dice_roll(d, OPS_MAX - 1);
	for (int i = 0; i < h->count; i++) {
		struct op o = { .client = (int)dice_roll(d, (uint32_t)clients), .object = (int)dice_roll(d, (uint32_t)objects), .read = -1,
			.written = -1, .there = true };
		uint32_t what = dice_roll(d, 9);

		if (what < 5 || what == 8)
			o.read = 0;
		if (what >= 5)
			o.written = values > 0 ? 1 + (int)dice_roll(d, values) : fresh++;
		o.info = o.written >= 0 && dice_roll(d, 6) == 0;
		h->ops[i] = o;
	}
	/* What is read is what somebody wrote, mostly before, and mostly of this object. */
	for (int i = 0; i < h->count; i++) {
		int k = (int)dice_roll(d, (uint32_t)h->count);

		if (h->ops[i].read < 0)
			continue;
		if (k > i && dice_roll(d, 4) != 0)
			k = (int)dice_roll(d, (uint32_t)i + 1);
		if (h->ops[k].written >= 0 && k != i && (h->ops[k].object == h->ops[i].object || dice_roll(d, 30) == 0))
			h->ops[i].read = h->ops[k].written;
	}
}

static void
write_value(struct buf *b, const struct op *o, bool result)
{
	if (o->read >= 0 && o->written >= 0 && o->read > NIL)
		buf_printf(b, "[%d,%d]", o->read, o->written);
	else if (o->read >= 0 && o->written >= 0)
		buf_printf(b, "[null,%d]", o->written);
	else if (o->written >= 0)
		buf_printf(b, "%d", o->written);
	else if (!result || o->read == NIL)
		buf_puts(b, "null");
	else
		buf_printf(b, "%d", o->read);
}

static void
write_down(struct buf *b, const struct life *h)
{
	int process[CLIENTS] = { 0, 1, 2 };

	buf_clear(b);
	for (int i = 0; i < h->count; i++)
		for (int over = 0; over < 2; over++) {
			const struct op *o = &h->ops[i];

			buf_printf(b, "{\"process\":%d,\"type\":\"%s\",\"f\":\"%s\",\"key\":%d,\"value\":", process[o->client],
				   over == 0 ? "invoke" : o->info ? "info" : "ok", o->read < 0 ? "write" : o->written < 0 ? "read" : "cas",
				   o->object);
			write_value(b, o, over == 1);
			buf_puts(b, "}\n");
		}
}

static enum verdict
judge(const struct buf *text, enum checker_order kind)
{
	struct checker_options options = { .order = kind };
	struct tape_read_info info;
	struct ruling r;
	struct tape t;

	tape_init(&t, 16u << 20);
	assert_int_equal(tape_read_all(&t, NULL, buf_data(text), buf_len(text), &info), 0);
	assert_int_equal(checker_run(&t, model_find("cas-register"), &options, &r), 0);
	enum verdict v = r.verdict;

	assert_true((v == VERDICT_INVALID) == (r.evidence_count == 1));
	if (v == VERDICT_INVALID)
		assert_true(r.evidence[0].op_count > 0 && r.evidence[0].culprit < r.evidence[0].op_count && r.evidence[0].minimal);
	ruling_fini(&r);
	tape_fini(&t);
	return v;
}

static void
try_kind(enum checker_order kind, uint32_t values, uint64_t seed)
{
	const char *env = getenv("FAULTLINE_LONG");
	uint32_t rounds = env != NULL ? (uint32_t)strtoul(env, NULL, 10) : ROUNDS;
	uint32_t seen[2] = { 0, 0 };
	struct dice d = { .seed = seed };
	struct buf text;

	buf_init(&text, 1u << 20);
	for (uint32_t i = 0; i < rounds; i++) {
		struct life h;

		make_up(&d, &h, values);
		write_down(&text, &h);
		bool legal = explained(&h, 0, kind);

		seen[legal]++;
		enum verdict said = judge(&text, kind);

		/* Where values repeat it may be unknown, but not wrong. */
		if (said != (legal ? VERDICT_VALID : VERDICT_INVALID) && (values == 0 || said != VERDICT_UNKNOWN))
			fail_msg("it is %s:\n%s", legal ? "legal" : "illegal", buf_str(&text));
	}
	assert_true(seen[0] > rounds / 20 && seen[1] > rounds / 20);
	buf_fini(&text);
}

static void
test_memory(void **state)
{
	(void)state;
	try_kind(CHECKER_CAUSAL, 0, 71);
	try_kind(CHECKER_CAUSAL, 2, 73);
}

static void
test_convergence(void **state)
{
	(void)state;
	try_kind(CHECKER_CONVERGENT, 0, 72);
	try_kind(CHECKER_CONVERGENT, 2, 74);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory), cmocka_unit_test(test_convergence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
