/* SPDX-License-Identifier: MIT */
/*
 * test_models.c - every model against brute force: small random histories, lived through and then perhaps changed, are judged by
 * faultline's checkers and by trying every order there is, with models written anew here.
 *
 * FAULTLINE_LONG=N in the environment sets how many histories a model gets (make test-long).
 */
#include "audit/checker.h"
#include "audit/tape_read.h"

#include "unit.h"
#include <inttypes.h>

#define OPS_MAX 40
#define OPS_TRIED 9             /* as many operations can be put into every order */
#define ROUNDS 1500
#define ROUNDS_LONGER 25
#define STATE_MAX 48
#define NIL (-1)

enum kind { READ, WRITE, CAS, ADD, SUB, ADD_GET, HAS, REMOVE, ALL, PUT, TAKE, LOCK, UNLOCK, APPEND, TXN, KIND_COUNT };
static const char *const names[KIND_COUNT] = { "read", "write", "cas", "add", "decrement", "add-and-get", "contains", "remove", "read",
	"enqueue", "dequeue", "acquire", "release", "append", "txn" };

/* What an operation asks and gets. */
struct op {
	enum kind kind;
	int a, b;                       /* what is asked; NIL: nothing */
	int got[STATE_MAX], got_count;  /* what came back */
	int inv, ret;                   /* ret INT32_MAX: never */
	int process;
	int which;                      /* of what a bag holds it takes this one */
	enum { OK, FAIL, INFO, MISMATCH } outcome;
};
struct world {
	int at[STATE_MAX];
	int n;
	int owner, token;
};

/* A model: which operations there are, and what one does. ask: fill in kind, a, b. */
struct subject {
	const char *model;
	enum kind kinds[5];
	int kind_count;
	enum { REGISTER, COUNTER, SET, QUEUE, STACK, BAG, LEAST, GREATEST, MUTEX, OWNED, FENCED, LIST, MANY, TEXTS } is;
	int values;                     /* how many there are; 0: each is new */
	bool sequential;
	int stale;                      /* judged for the least k, up to this; 0: no */
};

static int
find(const struct world *w, int v)
{
	for (int i = 0; i < w->n; i++)
		if (w->at[i] == v)
			return i;
	return -1;
}

static void
drop(struct world *w, int i)
{
	memmove(&w->at[i], &w->at[i + 1], (size_t)(w->n - i - 1) * sizeof(w->at[0]));
	w->n--;
}

/* Which of the pile is next. Of a bag any is; `which` chooses. */
static int
next(const struct subject *s, const struct world *w, int which)
{
	int i = s->is == STACK ? w->n - 1 : s->is == BAG ? which % w->n : 0;

	for (int k = 1; k < w->n && (s->is == LEAST || s->is == GREATEST); k++)
		if (s->is == LEAST ? w->at[k] < w->at[i] : w->at[k] > w->at[i])
			i = k;
	return i;
}

static int
compare_int(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* What registers, counters and sets do. */
static void
live_simple(const struct subject *s, struct world *w, const struct op *o, struct op *ret)
{
	int i = find(w, o->a), now = w->n > 0 ? w->at[0] : NIL;

	switch (o->kind) {
	case READ:
		ret->got[0] = s->is == COUNTER ? w->at[0] : now;
		break;
	case WRITE:
		w->at[0] = o->a;
		w->n = 1;
		break;
	case CAS:
		ret->got[0] = now == o->a;
		if (!ret->got[0])
			break;
		w->at[0] = o->b;
		w->n = 1;
		break;
	case ADD: case SUB: case ADD_GET:
		if (s->is == COUNTER) {
			w->at[0] += o->kind == SUB ? -o->a : o->a;
			ret->got[0] = w->at[0];
			break;
		}
		ret->got[0] = i < 0;
		if (i < 0)
			w->at[w->n++] = o->a;
		break;
	case HAS:
		ret->got[0] = i >= 0;
		break;
	default:
		ret->got[0] = i >= 0;
		if (i >= 0)
			drop(w, i);
		break;
	}
}

/* Live op through: change the world, and say what comes back. */
static void
live(const struct subject *s, struct world *w, const struct op *o, struct op *ret)
{
	int i;

	ret->got_count = 1;
	switch (o->kind) {
	case PUT: case APPEND:
		w->at[w->n++] = o->a;
		break;
	case TAKE:
		ret->got[0] = NIL;
		if (w->n == 0)
			break;
		i = next(s, w, o->which);
		ret->got[0] = w->at[i];
		drop(w, i);
		break;
	case LOCK:
		ret->got[0] = w->owner == 0 ? ++w->token : NIL;
		w->owner = w->owner == 0 ? o->process + 1 : w->owner;
		break;
	case UNLOCK:
		ret->got[0] = s->is == MUTEX ? w->owner != 0 : w->owner == o->process + 1;
		w->owner = ret->got[0] ? 0 : w->owner;
		break;
	case TXN:       /* read a, write it with b unless that is NIL, then read the other */
		ret->got[0] = w->at[o->a];
		ret->got[1] = w->at[1 - o->a];
		ret->got_count = 2;
		if (o->b != NIL)
			w->at[o->a] = o->b;
		break;
	default:
		if (o->kind != ALL && (o->kind != READ || s->is != TEXTS)) {
			live_simple(s, w, o, ret);
			break;
		}
		memcpy(ret->got, w->at, sizeof(w->at));
		ret->got_count = w->n;
		if (s->is == SET)
			qsort(ret->got, (size_t)w->n, sizeof(ret->got[0]), compare_int);
		break;
	}
}

/* Could what came back have come back? Unknown operations return what they will, but a lock is taken and given or nothing is. */
static bool
fits(const struct subject *s, const struct op *o, const struct op *lived, const struct world *before)
{
	(void)before;
	if (o->kind == LOCK && lived->got[0] == NIL)
		return false;
	if (o->kind == UNLOCK && lived->got[0] == 0)
		return false;
	if (o->outcome == MISMATCH)
		return lived->got[0] == 0;
	if (o->kind == CAS)
		return lived->got[0] == 1;
	if (o->outcome == INFO)
		return true;
	if (o->kind == WRITE || o->kind == PUT || o->kind == APPEND || o->kind == SUB || o->kind == UNLOCK ||
	    (s->is == COUNTER && o->kind == ADD))
		return true;
	if (o->kind == LOCK)
		return s->is != FENCED;
	if ((o->kind == ADD || o->kind == REMOVE) && o->got_count == 0)
		return true;
	return o->got_count == lived->got_count && memcmp(o->got, lived->got, (size_t)o->got_count * sizeof(o->got[0])) == 0;
}

struct life {
	struct op ops[OPS_MAX];
	int count;
};

static bool
may_be_next(const struct subject *s, const struct life *h, unsigned done, int i)
{
	for (int k = 0; k < h->count; k++) {
		const struct op *p = &h->ops[k];
		bool is_done = (done >> k & 1) != 0;

		if (!s->sequential) {
			if (!is_done && p->outcome != INFO && p->outcome != FAIL && p->ret < h->ops[i].inv)
				return false;
			continue;
		}
		if (p->process != h->ops[i].process || k == i)
			continue;
		if (k < i ? !is_done && p->outcome != INFO && p->outcome != FAIL : is_done)
			return false;
	}
	return true;
}

/* The fence: tokens grow; those of unknown acquires are any between. Kept in token as the greatest so far. */
static bool
fence(const struct subject *s, const struct op *o, struct world *w, int token_before)
{
	if (s->is != FENCED || o->kind != LOCK)
		return true;
	w->token = o->outcome == INFO ? token_before + 1 : o->got[0];
	return w->token > token_before;
}

/* The last k values; written anew here for staleness. */
static bool
explain_stale(const struct life *h, unsigned done, const int *last, int n, int k, const struct subject *s)
{
	bool all = true;

	for (int i = 0; i < h->count; i++) {
		const struct op *o = &h->ops[i];
		int more[64];

		if ((done >> i & 1) != 0 || o->outcome == FAIL)
			continue;
		all &= o->outcome == INFO;
		if (!may_be_next(s, h, done, i) || (o->kind == READ && o->outcome == INFO))
			continue;
		memcpy(more, last, (size_t)n * sizeof(last[0]));
		if (o->kind == READ) {
			bool there = false;

			for (int j = n > k ? n - k : 0; j < n; j++)
				there |= last[j] == o->got[0];
			if (there && explain_stale(h, done | 1u << i, last, n, k, s))
				return true;
			continue;
		}
		more[n] = o->a;
		if (explain_stale(h, done | 1u << i, more, n + 1, k, s))
			return true;
	}
	return all;
}

static bool explain(const struct subject *s, const struct life *h, unsigned done, const struct world *w);

/* The same when operation i, which takes out of a bag, is next: any of what is in there. */
static bool
explain_bag(const struct subject *s, const struct life *h, unsigned done, const struct world *w, int i)
{
	struct op o = h->ops[i], lived;

	for (o.which = 0; o.which < FL_MAX(w->n, 1); o.which++) {
		struct world after = *w;

		live(s, &after, &o, &lived);
		if (fits(s, &o, &lived, w) && explain(s, h, done | 1u << i, &after))
			return true;
	}
	return false;
}

static bool
explain(const struct subject *s, const struct life *h, unsigned done, const struct world *w)
{
	bool all = true;

	for (int i = 0; i < h->count; i++) {
		const struct op *o = &h->ops[i];
		struct world after = *w;
		struct op lived;

		if ((done >> i & 1) != 0 || o->outcome == FAIL)
			continue;
		all &= o->outcome == INFO;
		if (!may_be_next(s, h, done, i))
			continue;
		if (s->is == BAG && o->kind == TAKE) {
			if (explain_bag(s, h, done, w, i))
				return true;
			continue;
		}
		live(s, &after, o, &lived);
		if (s->is == FENCED && o->kind == LOCK ? lived.got[0] == NIL || !fence(s, o, &after, w->token) : !fits(s, o, &lived, w))
			continue;
		if (explain(s, h, done | 1u << i, &after))
			return true;
	}
	return all;
}

/* An operation of a random kind. */
static struct op
ask(struct dice *d, const struct subject *s, int *fresh)
{
	struct op o = { .kind = s->kinds[dice_roll(d, (uint32_t)s->kind_count)], .a = NIL, .b = NIL, .which = (int)dice_roll(d, 64) };
	bool has_value = o.kind == WRITE || o.kind == CAS || o.kind == PUT || o.kind == APPEND || o.kind == ADD || o.kind == HAS ||
		o.kind == REMOVE || o.kind == ADD_GET || o.kind == SUB;

	if (s->is == COUNTER && has_value)
		o.a = 1 + (int)dice_roll(d, 2) * (int)dice_roll(d, 2);
	else if (has_value)
		o.a = s->values > 0 ? (int)dice_roll(d, (uint32_t)s->values) : o.kind == HAS || o.kind == REMOVE ?
			(int)dice_roll(d, (uint32_t)*fresh + 1) : (*fresh)++;
	if (o.kind == CAS)
		o.b = s->values > 0 ? (int)dice_roll(d, (uint32_t)s->values) : (*fresh)++;
	if (o.kind == CAS && s->values == 0)
		o.a = (int)dice_roll(d, (uint32_t)*fresh + 1) - 1;
	if (o.kind == TXN) {
		o.a = (int)dice_roll(d, 2);
		o.b = dice_roll(d, 3) == 0 ? NIL : (int)dice_roll(d, 3);
	}
	return o;
}

/* What becomes of an operation that is over. */
static void
settle(struct dice *d, const struct subject *s, struct op *o)
{
	bool none = (o->kind == LOCK && o->got[0] == NIL) || (o->kind == UNLOCK && o->got[0] == 0);

	o->outcome = dice_roll(d, 8) == 0 ? INFO : none ? FAIL : o->kind == CAS && o->got[0] == 0 ? (dice_roll(d, 2) ? MISMATCH : FAIL) : OK;
	if (o->outcome == INFO && dice_roll(d, 2))
		o->ret = INT32_MAX;
	if (s->is == SET && (o->kind == ADD || o->kind == REMOVE) && dice_roll(d, 3) != 0)
		o->got_count = 0;
}

/* A history that really happened, by some processes at once. */
static void
live_through(struct dice *d, const struct subject *s, struct life *h, uint32_t most)
{
	int count = 2 + (int)dice_roll(d, most - 1), clients = 1 + (int)dice_roll(d, 4), at[4] = { -1, -1, -1, -1 }, process[4] = { 0, 1, 2, 3 };
	int time = 0, fresh = 0, open = 0;
	bool applied[4] = { false };
	struct world w = { .at = { s->is == MANY ? NIL : 0, s->is == MANY ? NIL : 0 }, .n = s->is == MANY || s->is == COUNTER ? 2 : 0 };

	h->count = 0;
	while (h->count < count || open > 0) {
		int c = (int)dice_roll(d, (uint32_t)clients);
		struct op *o = at[c] < 0 ? NULL : &h->ops[at[c]];

		if (o == NULL) {
			if (h->count == count)
				continue;
			h->ops[h->count] = ask(d, s, &fresh);
			h->ops[h->count].inv = time++;
			h->ops[h->count].process = process[c];
			at[c] = h->count++;
			applied[c] = false;
			open++;
			continue;
		}
		if (!applied[c] && dice_roll(d, 2)) {
			live(s, &w, o, o);
			applied[c] = true;
			continue;
		}
		bool lost = !applied[c] && dice_roll(d, 12) == 0;

		if (!applied[c] && !lost)
			live(s, &w, o, o);
		o->ret = time++;
		settle(d, s, o);
		if (lost) {
			o->outcome = INFO;
			o->got_count = 0;
		}
		if (o->outcome == INFO)
			process[c] += 4;
		at[c] = -1;
		open--;
	}
}

/* What a read of a set returned: in order, each once. */
static void
make_set(struct op *o)
{
	int n = 0;

	qsort(o->got, (size_t)o->got_count, sizeof(o->got[0]), compare_int);
	for (int i = 0; i < o->got_count; i++)
		if (n == 0 || o->got[n - 1] != o->got[i])
			o->got[n++] = o->got[i];
	o->got_count = n;
}

/* Change one thing, so that it perhaps did not happen like that. */
static void
change(struct dice *d, const struct subject *s, struct life *h)
{
	struct op *o = &h->ops[dice_roll(d, (uint32_t)h->count)], *p = &h->ops[dice_roll(d, (uint32_t)h->count)];

	switch (dice_roll(d, 4)) {
	case 0:
		if (o->outcome == OK && o->got_count > 0 && o->kind != CAS && o->kind != UNLOCK && (o->kind != LOCK || s->is == FENCED)) {
			uint32_t i = dice_roll(d, (uint32_t)o->got_count);

			if ((o->kind == ADD && s->is == SET) || o->kind == REMOVE || o->kind == HAS)
				o->got[0] = !o->got[0];
			else
				o->got[i] = (int)dice_roll(d, 5) - (s->is != TEXTS && s->is != COUNTER && o->kind != ALL && o->kind != LOCK);
		}
		break;
	case 1:
		if (o->outcome == OK && o->got_count > 0 && (o->kind == ALL || (o->kind == READ && s->is == TEXTS)))
			o->got_count--;
		break;
	case 2:
		if (o->kind == p->kind && o->outcome == OK && p->outcome == OK && o->got_count > 0 && p->got_count > 0) {
			struct op swap = *o;

			memcpy(o->got, p->got, sizeof(o->got));
			memcpy(p->got, swap.got, sizeof(o->got));
			o->got_count = p->got_count;
			p->got_count = swap.got_count;
		}
		break;
	default:
		if (o->outcome == FAIL && o->kind != CAS && o->kind != LOCK)
			o->outcome = OK;
		else if (o->outcome == OK && (o->kind == WRITE || o->kind == PUT || o->kind == APPEND || (o->kind == ADD && o->got_count == 0)))
			o->outcome = FAIL;
		break;
	}
	if (s->is == SET && o->kind == ALL)
		make_set(o);
	if (s->is == SET && p->kind == ALL)
		make_set(p);
}

static void
put_value(struct buf *b, int v)
{
	if (v == NIL)
		buf_puts(b, "null");
	else
		buf_printf(b, "%d", v);
}

static void
put_list(struct buf *b, const int *v, int n)
{
	buf_putc(b, '[');
	for (int i = 0; i < n; i++)
		buf_printf(b, "%s%d", i > 0 ? "," : "", v[i]);
	buf_putc(b, ']');
}

/* The value of one event. */
static void
put_event_value(struct buf *b, const struct subject *s, const struct op *o, bool over)
{
	bool ok = over && o->outcome == OK;

	buf_puts(b, ",\"value\":");
	if (o->kind == CAS) {
		buf_putc(b, '[');
		put_value(b, o->a);
		buf_putc(b, ',');
		put_value(b, o->b);
		buf_putc(b, ']');
	} else if (o->kind == TXN) {
		buf_printf(b, "[[\"r\",%d,", o->a);
		put_value(b, ok ? o->got[0] : NIL);
		buf_putc(b, ']');
		if (o->b != NIL)
			buf_printf(b, ",[\"w\",%d,%d]", o->a, o->b);
		buf_printf(b, ",[\"r\",%d,", 1 - o->a);
		put_value(b, ok ? o->got[1] : NIL);
		buf_puts(b, "]]");
	} else if (s->is == TEXTS) {
		buf_putc(b, '"');
		if (o->kind != READ)
			buf_printf(b, "<%d>", o->a);
		for (int i = 0; ok && o->kind == READ && i < o->got_count; i++)
			buf_printf(b, "<%d>", o->got[i]);
		buf_putc(b, '"');
	} else if (o->kind == ALL && ok) {
		put_list(b, o->got, o->got_count);
	} else if (s->is == SET && o->kind != ALL && ok && o->got_count > 0) {
		buf_puts(b, o->got[0] ? "true" : "false");
	} else if (ok && (o->kind == READ || o->kind == TAKE || o->kind == ADD_GET || (s->is == FENCED && o->kind == LOCK))) {
		if (s->is == COUNTER)
			buf_printf(b, "%d", o->got[0]);
		else
			put_value(b, o->got[0]);
	} else {
		put_value(b, o->a);
	}
}

static void
put_event(struct buf *b, const struct subject *s, const struct op *o, bool over)
{
	static const char *const types[] = { "ok", "fail", "info", "fail" };

	buf_printf(b, "{\"process\":%d,\"type\":\"%s\",\"f\":\"%s\"", o->process, over ? types[o->outcome] : "invoke", names[o->kind]);
	put_event_value(b, s, o, over);
	buf_printf(b, "%s}\n", over && o->outcome == MISMATCH ? ",\"error\":\"cas-mismatch\"" : "");
}

static void
write_down(struct buf *b, const struct subject *s, const struct life *h)
{
	buf_clear(b);
	for (int time = 0; time < 4 * OPS_MAX; time++)
		for (int i = 0; i < h->count; i++) {
			if (h->ops[i].inv == time)
				put_event(b, s, &h->ops[i], false);
			else if (h->ops[i].ret == time)
				put_event(b, s, &h->ops[i], true);
		}
}

/* The evidence alone is contradictory: there is no order of the operations shown. And an end is one: a legal order. */
static void
check_evidence(const struct subject *s, const struct life *h, const struct ruling_evidence *e, const struct world *start, struct buf *say)
{
	struct life part = *h;

	for (int i = 0; i < part.count; i++)
		part.ops[i].outcome = FAIL;
	for (uint32_t i = 0; i < e->op_count; i++)
		part.ops[e->ops[i]].outcome = h->ops[e->ops[i]].outcome;
	if (explain(s, &part, 0, start))
		fail_msg("%s: the evidence is no contradiction:\n%s", s->model, buf_str(say));
	for (uint32_t i = 0; i < e->end_count; i++) {
		for (int k = 0; k < part.count; k++)
			part.ops[k].outcome = FAIL;
		for (uint32_t k = 0; k < e->ends[i].order_count; k++)
			part.ops[e->ends[i].order[k]].outcome = h->ops[e->ends[i].order[k]].outcome;
		if (!explain(s, &part, 0, start) || e->ends[i].next_count == 0)
			fail_msg("%s: the order shown is none:\n%s", s->model, buf_str(say));
	}
}

/* What the checkers say of the text: 1 valid, 0 invalid, -1 unknown. */
static int
judge(const struct subject *s, const struct life *h, const struct world *start, struct buf *text, bool depth_first, uint32_t *ret_bound,
      struct buf *say)
{
	struct checker_options options = { .order = s->stale > 0 ? CHECKER_STALE : s->sequential ? CHECKER_SEQUENTIAL : CHECKER_LINEARIZABLE,
		.depth_first = depth_first, .stale_max = (uint32_t)s->stale, .memory_bytes_max = 64u << 20, .configs_max = 1000000 };
	struct tape_read_info info;
	struct ruling r;
	struct tape t;

	tape_init(&t, 16u << 20);
	if (tape_read_all(&t, NULL, buf_data(text), buf_len(text), &info) != 0)
		fail_msg("%s:%u: %s", buf_str(text), info.line, info.error);
	int rc = checker_run(&t, model_find(s->model), &options, &r);

	if (rc != 0)
		fail_msg("%s\n%d %s", buf_str(text), rc, r.reason);
	*ret_bound = r.bound;
	buf_clear(say);
	ruling_text(&r, say);
	assert_true((r.verdict == VERDICT_INVALID) == (r.evidence_count > 0));
	for (uint32_t i = 0; i < r.evidence_count; i++) {
		assert_true(r.evidence[i].op_count > 0 && r.evidence[i].culprit < r.evidence[i].op_count);
		assert_true(r.evidence[i].say[0] != '\0');
		for (uint32_t k = 1; k < r.evidence[i].op_count; k++)
			assert_true(r.evidence[i].ops[k] > r.evidence[i].ops[k - 1]);
		if (s->stale == 0 && h->count <= OPS_TRIED)
			check_evidence(s, h, &r.evidence[i], start, say);
	}
	int said = r.verdict == VERDICT_VALID ? 1 : r.verdict == VERDICT_INVALID ? 0 : -1;

	ruling_fini(&r);
	tape_fini(&t);
	return said;
}

static int
least_stale(const struct subject *s, const struct life *h)
{
	static const int nil[] = { NIL };

	for (int k = 1; k <= s->stale; k++)
		if (explain_stale(h, 0, nil, 1, k, s))
			return k;
	return 0;
}

static struct world
start_of(const struct subject *s)
{
	int nothing = s->is == MANY ? NIL : 0;

	return (struct world){ .at = { nothing, nothing }, .n = s->is == MANY || s->is == COUNTER ? 2 : 0, .token = -1000 };
}

static void
try_one(struct dice *d, const struct subject *s, struct buf *text, struct buf *say, int seen[2])
{
	struct world start = start_of(s);
	struct life h;
	uint32_t bound;
	bool changed;

	live_through(d, s, &h, OPS_TRIED);
	changed = dice_roll(d, 3) != 0;
	for (uint32_t i = dice_roll(d, 2); changed && i < 2; i++)
		change(d, s, &h);
	write_down(text, s, &h);
	/* One of the two ways, in turn: the fast ones that the program takes, and the plain search. */
	bool depth_first = s->stale == 0 && d->rolled % 3 == 0;
	int said = judge(s, &h, &start, text, depth_first, &bound, say), least = s->stale > 0 ? least_stale(s, &h) : 0;
	bool legal = s->stale > 0 ? least > 0 : explain(s, &h, 0, &start);

	if (!changed)
		assert_true(legal);
	if (said != legal || (s->stale > 0 && legal && bound != (uint32_t)least))
		fail_msg("%s is %s (%d), not %s (%u):\n%s%s", s->model, legal ? "legal" : "illegal", least, said == 1 ? "legal" : "illegal", bound,
			 buf_str(text), buf_str(say));
	seen[legal]++;
}

/* Longer ones: the fast ways and the plain search agree. */
static void
compare_one(struct dice *d, const struct subject *s, struct buf *text, struct buf *say)
{
	struct world start = start_of(s);
	uint32_t bound;
	struct life h;

	live_through(d, s, &h, OPS_MAX);
	bool changed = dice_roll(d, 4) != 0;

	for (uint32_t i = dice_roll(d, 2); changed && i < 2; i++)
		change(d, s, &h);
	write_down(text, s, &h);
	int fast = judge(s, &h, &start, text, false, &bound, say), plain = judge(s, &h, &start, text, true, &bound, say);

	if ((fast != plain && fast >= 0 && plain >= 0) || (!changed && fast == 0))
		fail_msg("%s is %d, and %d by search:\n%s%s", s->model, fast, plain, buf_str(text), buf_str(say));
}

static void
try_all(const struct subject *subjects, size_t n)
{
	const char *env = getenv("FAULTLINE_LONG");
	uint32_t rounds_longer = env != NULL ? (uint32_t)strtoul(env, NULL, 10) / 50 : ROUNDS_LONGER;
	uint32_t rounds = env != NULL ? (uint32_t)strtoul(env, NULL, 10) : ROUNDS;
	struct buf text, say;

	buf_init(&text, 1u << 20);
	buf_init(&say, 1u << 20);
	for (size_t i = 0; i < n; i++) {
		struct dice d = { .seed = 1 + i };
		int seen[2] = { 0, 0 };

		for (uint32_t k = 0; k < rounds; k++)
			try_one(&d, &subjects[i], &text, &say, seen);
		/* A test that cannot fail is none: both kinds must occur. */
		assert_true(seen[0] > (int)rounds / 100 && seen[1] > (int)rounds / 100);
		for (uint32_t k = 0; k < rounds_longer && !subjects[i].sequential && subjects[i].stale == 0; k++)
			compare_one(&d, &subjects[i], &text, &say);
	}
	buf_fini(&text);
	buf_fini(&say);
}

static void
test_registers(void **state)
{
	static const struct subject subjects[] = {
		{ "register", { READ, WRITE }, 2, REGISTER, 3, false, 0 }, { "register", { READ, WRITE }, 2, REGISTER, 0, false, 0 },
		{ "cas-register", { READ, WRITE, CAS }, 3, REGISTER, 3, false, 0 },
		{ "cas-register", { READ, WRITE, CAS }, 3, REGISTER, 0, false, 0 },
		{ "key-value", { READ, WRITE, APPEND }, 3, TEXTS, 2, false, 0 },
		{ "multi-register", { TXN }, 1, MANY, 3, false, 0 },
		{ "register", { READ, WRITE }, 2, REGISTER, 0, false, 4 }, { "register", { READ, WRITE }, 2, REGISTER, 2, false, 3 },
	};

	(void)state;
	try_all(subjects, FL_ARRAY_LEN(subjects));
}

static void
test_counters_and_sets(void **state)
{
	static const struct subject subjects[] = {
		{ "counter", { ADD, READ }, 2, COUNTER, 0, false, 0 }, { "counter", { ADD, SUB, READ, ADD_GET }, 4, COUNTER, 0, false, 0 },
		{ "set", { ADD, REMOVE, HAS }, 3, SET, 2, false, 0 }, { "set", { ADD, REMOVE, HAS, ALL }, 4, SET, 3, false, 0 },
		{ "g-set", { ADD, ALL }, 2, SET, 0, false, 0 }, { "g-set", { ADD, ALL, HAS }, 3, SET, 2, false, 0 },
		{ "append-list", { APPEND, ALL }, 2, LIST, 0, false, 0 }, { "append-list", { APPEND, ALL }, 2, LIST, 3, false, 0 },
	};

	(void)state;
	try_all(subjects, FL_ARRAY_LEN(subjects));
}

static void
test_piles(void **state)
{
	static const struct subject subjects[] = {
		{ "queue", { PUT, TAKE }, 2, QUEUE, 0, false, 0 }, { "queue", { PUT, TAKE }, 2, QUEUE, 3, false, 0 },
		{ "stack", { PUT, TAKE }, 2, STACK, 0, false, 0 }, { "stack", { PUT, TAKE }, 2, STACK, 3, false, 0 },
		{ "priority-queue", { PUT, TAKE }, 2, LEAST, 0, false, 0 }, { "priority-queue", { PUT, TAKE }, 2, LEAST, 3, false, 0 },
		{ "max-priority-queue", { PUT, TAKE }, 2, GREATEST, 0, false, 0 },
		{ "unordered-queue", { PUT, TAKE }, 2, BAG, 0, false, 0 }, { "unordered-queue", { PUT, TAKE }, 2, BAG, 3, false, 0 },
	};

	(void)state;
	try_all(subjects, FL_ARRAY_LEN(subjects));
}

static void
test_locks(void **state)
{
	static const struct subject subjects[] = {
		{ "mutex", { LOCK, UNLOCK }, 2, MUTEX, 0, false, 0 }, { "owner-mutex", { LOCK, UNLOCK }, 2, OWNED, 0, false, 0 },
		{ "fenced-mutex", { LOCK, UNLOCK }, 2, FENCED, 0, false, 0 },
	};

	(void)state;
	try_all(subjects, FL_ARRAY_LEN(subjects));
}

static void
test_sequential(void **state)
{
	static const struct subject subjects[] = {
		{ "register", { READ, WRITE }, 2, REGISTER, 3, true, 0 }, { "cas-register", { READ, WRITE, CAS }, 3, REGISTER, 3, true, 0 },
		{ "queue", { PUT, TAKE }, 2, QUEUE, 0, true, 0 }, { "stack", { PUT, TAKE }, 2, STACK, 0, true, 0 },
		{ "counter", { ADD, READ }, 2, COUNTER, 0, true, 0 }, { "set", { ADD, REMOVE, HAS, ALL }, 4, SET, 3, true, 0 },
		{ "multi-register", { TXN }, 1, MANY, 3, true, 0 },
	};

	(void)state;
	try_all(subjects, FL_ARRAY_LEN(subjects));
}

#define EVENT(process, type, f, key, value) \
	"{\"process\":" #process ",\"type\":\"" #type "\",\"f\":\"" #f "\",\"key\":\"" #key "\",\"value\":" #value "}\n"
#define BOTH(process, f, key, value) EVENT(process, invoke, f, key, value) EVENT(process, ok, f, key, value)

static void
expect(const char *model, enum checker_order order, const char *text, enum verdict verdict)
{
	struct checker_options options = { .order = order };
	struct tape_read_info info;
	struct ruling r;
	struct tape t;

	tape_init(&t, 16u << 20);
	assert_int_equal(tape_read_all(&t, NULL, text, strlen(text), &info), 0);
	int rc = checker_run(&t, model_find(model), &options, &r);

	if (rc != 0 || r.verdict != verdict)
		print_message("%s: %d %s\n%s", model, rc, r.reason, text);
	assert_int_equal(rc, 0);
	assert_int_equal(r.verdict, verdict);
	ruling_fini(&r);
	tape_fini(&t);
}

/* Sequential consistency is of all keys together: each key alone is fine here, but they are not. */
static void
test_together(void **state)
{
	const char *crossed = BOTH(0, write, x, 1) BOTH(0, read, y, null) BOTH(1, write, y, 1) BOTH(1, read, x, null);
	const char *late = BOTH(0, write, x, 1) BOTH(0, write, y, 1) BOTH(1, read, y, null) BOTH(1, read, x, null) BOTH(1, read, y, 1);

	(void)state;
	expect("register", CHECKER_SEQUENTIAL, crossed, VERDICT_INVALID);
	expect("register", CHECKER_SEQUENTIAL, late, VERDICT_VALID);
	expect("register", CHECKER_LINEARIZABLE, late, VERDICT_INVALID);
	expect("key-value", CHECKER_SEQUENTIAL, crossed, VERDICT_INVALID);
}

#define TAKE_OF(process, value) EVENT(process, invoke, dequeue, k, null) EVENT(process, ok, dequeue, k, value)

static void
test_totals(void **state)
{
	const char *twice = BOTH(0, enqueue, k, 1) TAKE_OF(1, 1) TAKE_OF(1, 1), *lost = BOTH(0, enqueue, k, 1) TAKE_OF(1, null);
	const char *phantom = TAKE_OF(1, 5), *unknown = EVENT(0, invoke, enqueue, k, 1) EVENT(0, info, enqueue, k, 1) TAKE_OF(1, 1);
	const char *excused = BOTH(0, enqueue, k, 1) EVENT(1, invoke, dequeue, k, null) EVENT(1, info, dequeue, k, null);
	const char *drained = BOTH(0, enqueue, k, 1) BOTH(0, enqueue, k, 2) EVENT(1, invoke, drain, k, null)
		"{\"process\":1,\"type\":\"ok\",\"f\":\"drain\",\"key\":\"k\",\"value\":[2,1]}\n";

	(void)state;
	expect("total-queue", CHECKER_LINEARIZABLE, twice, VERDICT_VALID);
	expect("total-queue-exactly-once", CHECKER_LINEARIZABLE, twice, VERDICT_INVALID);
	expect("total-queue-at-most-once", CHECKER_LINEARIZABLE, twice, VERDICT_INVALID);
	expect("total-queue", CHECKER_LINEARIZABLE, lost, VERDICT_INVALID);
	expect("total-queue-exactly-once", CHECKER_LINEARIZABLE, lost, VERDICT_INVALID);
	expect("total-queue-at-most-once", CHECKER_LINEARIZABLE, lost, VERDICT_VALID);
	expect("total-queue-at-most-once", CHECKER_LINEARIZABLE, phantom, VERDICT_INVALID);
	expect("total-queue", CHECKER_LINEARIZABLE, unknown, VERDICT_VALID);
	expect("total-queue", CHECKER_LINEARIZABLE, excused, VERDICT_VALID);
	expect("total-queue-exactly-once", CHECKER_LINEARIZABLE, drained, VERDICT_VALID);
}

#define RESULT(process, f, value) \
	"{\"process\":" #process ",\"type\":\"invoke\",\"f\":\"" #f "\"}\n{\"process\":" #process ",\"type\":\"ok\",\"f\":\"" #f "\",\"value\":" \
	value "}\n"

static void
test_counted(void **state)
{
	(void)state;
	expect("unique-ids", CHECKER_LINEARIZABLE, RESULT(0, generate, "1") RESULT(1, generate, "\"1\"") RESULT(0, generate, "[1]"), VERDICT_VALID);
	expect("unique-ids", CHECKER_LINEARIZABLE, RESULT(0, generate, "1") RESULT(1, generate, "2") RESULT(0, generate, "1"), VERDICT_INVALID);
	expect("bank", CHECKER_LINEARIZABLE, RESULT(0, read, "{\"a\":5,\"b\":5}") RESULT(0, read, "{\"a\":2,\"b\":8}"), VERDICT_VALID);
	expect("bank", CHECKER_LINEARIZABLE, RESULT(0, read, "{\"a\":5,\"b\":5}") RESULT(0, read, "{\"a\":2,\"b\":7}"), VERDICT_INVALID);
	expect("bank", CHECKER_LINEARIZABLE, RESULT(0, read, "[-1,11]"), VERDICT_INVALID);
	expect("bank", CHECKER_LINEARIZABLE, RESULT(0, read, "[null,11]"), VERDICT_INVALID);
}

#define SEND(process, offset, value) RESULT(process, send, "[[\"send\",\"k\",[" #offset "," #value "]]]")
#define POLL(process, what) RESULT(process, poll, "[[\"poll\",{\"k\":" what "}]]")

static void
test_log(void **state)
{
	const char *failed = "{\"process\":7,\"type\":\"invoke\",\"f\":\"send\",\"value\":[[\"send\",\"k\",9]]}\n"
		"{\"process\":7,\"type\":\"fail\",\"f\":\"send\"}\n" RESULT(1, poll, "[[\"poll\",{\"k\":[[4,9]]}]]");

	(void)state;
	expect("log", CHECKER_LINEARIZABLE, SEND(0, 1, 10) SEND(1, 2, 11) POLL(2, "[[1,10],[2,11]]"), VERDICT_VALID);
	expect("log", CHECKER_LINEARIZABLE, SEND(0, 1, 10) SEND(1, 2, 11) POLL(2, "[[2,11]]"), VERDICT_INVALID);
	expect("log", CHECKER_LINEARIZABLE, SEND(0, 1, 10) SEND(1, 2, 11) POLL(2, "[[1,10]]"), VERDICT_VALID);
	expect("log", CHECKER_LINEARIZABLE, SEND(0, 1, 10) SEND(1, 1, 11), VERDICT_INVALID);
	expect("log", CHECKER_LINEARIZABLE, SEND(0, 2, 10) SEND(0, 1, 11), VERDICT_INVALID);
	expect("log", CHECKER_LINEARIZABLE, SEND(0, 1, 10) POLL(1, "[[1,10],[2,10]]"), VERDICT_INVALID);
	expect("log", CHECKER_LINEARIZABLE, SEND(0, 1, 10) POLL(1, "[[1,10]]") POLL(1, "[[1,10]]"), VERDICT_INVALID);
	expect("log", CHECKER_LINEARIZABLE, SEND(0, 1, 10) POLL(1, "[[1,10]]") RESULT(1, assign, "[\"k\"]") POLL(1, "[[1,10]]"), VERDICT_VALID);
	expect("log", CHECKER_LINEARIZABLE, POLL(1, "[[1,10]]") SEND(0, 1, 10), VERDICT_INVALID);
	expect("log", CHECKER_LINEARIZABLE, failed, VERDICT_INVALID);
}

/* Sent to x and y, and of the outcome only an offset in y is known. */
#define HALF "{\"process\":5,\"type\":\"invoke\",\"f\":\"send\",\"value\":[[\"send\",\"x\",1],[\"send\",\"y\",2]]}\n" \
	"{\"process\":5,\"type\":\"info\",\"f\":\"send\",\"value\":[[\"send\",\"x\",1],[\"send\",\"y\",[0,2]]]}\n"
#define LATER RESULT(6, send, "[[\"send\",\"y\",[1,3]]]") RESULT(7, poll, "[[\"poll\",{\"y\":[[1,3]]}]]")

/* An operation of unknown outcome that was seen in part took place. */
static void
test_log_half_known(void **state)
{
	(void)state;
	expect("log", CHECKER_LINEARIZABLE, HALF LATER, VERDICT_VALID);
	expect("log", CHECKER_LINEARIZABLE, HALF RESULT(8, poll, "[[\"poll\",{\"x\":[[4,1]]}]]") LATER, VERDICT_INVALID);
	expect("log", CHECKER_LINEARIZABLE, HALF RESULT(6, send, "[[\"send\",\"y\",[0,3]]]"), VERDICT_VALID);
	expect("log", CHECKER_LINEARIZABLE, HALF RESULT(6, send, "[[\"send\",\"y\",[0,3]]]") RESULT(8, poll, "[[\"poll\",{\"x\":[[4,1]]}]]"),
	       VERDICT_INVALID);
	expect("log", CHECKER_LINEARIZABLE, RESULT(0, send, "[[\"send\",\"k\",[null,7]]]") POLL(1, "[[3,7]]"), VERDICT_VALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registers), cmocka_unit_test(test_counters_and_sets), cmocka_unit_test(test_piles),
		cmocka_unit_test(test_locks), cmocka_unit_test(test_sequential),
		cmocka_unit_test(test_together), cmocka_unit_test(test_totals), cmocka_unit_test(test_counted), cmocka_unit_test(test_log),
		cmocka_unit_test(test_log_half_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
