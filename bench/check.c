/* SPDX-License-Identifier: MIT */
/*
 * check.c - what judging a history costs: CPU time of one core, and the memory at its peak.
 *
 *      check --kind etcd                           222 short histories of a cas-register under time-outs: all together, and the hardest
 *      check --kind cas --ops N                    one key, ten clients, five values
 *      check --kind register|queue|set|stack --ops N [--broken 1]    values that are all different; a violation at the end
 *      check --kind json|edn --ops N               reading only
 *
 * Histories are lived through by clients on a real object, by a seed, so they are the same each time; a wrong verdict ends the program.
 * The memory holds the history. CPU time is measured, not time that passes, as others may be on the machine.
 */
#include "lib.h"

#include "audit/checker.h"
#include "audit/tape_read.h"
#include "base/rng.h"

#define CLIENTS_MAX 20
#define NONE INT64_MIN

enum object { REGISTER, CAS, QUEUE, STACK, SET };

struct client {
	int64_t process, a, b, got;     /* what it asks, and what came back; NONE: nothing */
	uint32_t op;
	enum { IDLE, ASKED, DONE } phase;
	char f;                         /* r, w, c; p put, t take; a, d, h of sets */
	bool refused;
};

struct life {
	struct tape *tape;
	enum object object;
	uint64_t seed, rolled;
	struct client clients[CLIENTS_MAX];
	unsigned client_count;
	uint32_t lost_from, lost_to, lost_in;   /* between these operations one answer in lost_in never comes */
	int64_t *pile;                  /* of a queue and a stack; of a set: is an element in it? */
	size_t first, end;
	int64_t now, fresh, process_next;
	uint32_t f[128], mismatch;
};

static uint64_t
roll(struct life *l, uint64_t n)
{
	return rng_below(rng_draw(l->seed, l->rolled++, 0), n);
}

static double
cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
peak_mib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_maxrss / 1024;
}

static void
need(int rc, const char *what)
{
	if (rc != 0)
		die("%s: %s", what, strerror(-rc));
}

static struct tape_value
value_of(int64_t v)
{
	return v == NONE ? tape_nil() : tape_int(v);
}

static void
live_init(struct life *l, struct tape *t, enum object object, uint64_t seed, unsigned clients, uint32_t ops)
{
	static const char letters[] = "rwcptadh";
	static const char *const names[] = { "read", "write", "cas", "enqueue", "dequeue", "add", "remove", "contains" };

	*l = (struct life){ .tape = t, .object = object, .seed = seed, .client_count = clients, .now = NONE, .fresh = 1 };
	l->pile = calloc((size_t)ops + 64, sizeof(l->pile[0]));
	if (l->pile == NULL)
		die("no memory");
	for (size_t i = 0; letters[i] != '\0'; i++)
		need(tape_intern(t, names[i], strlen(names[i]), &l->f[(unsigned char)letters[i]]), names[i]);
	need(tape_intern(t, "cas-mismatch", 12, &l->mismatch), "cas-mismatch");
	for (unsigned i = 0; i < clients; i++)
		l->clients[i].process = l->process_next++;
}

static struct tape_value
asked(struct life *l, const struct client *c)
{
	struct tape_value pair[2] = { value_of(c->a), value_of(c->b) }, v = value_of(c->a);

	if (c->f == 'c')
		need(tape_list(l->tape, pair, 2, &v), "a cas");
	return v;
}

static void
invoke(struct life *l, struct client *c, char f, int64_t a, int64_t b)
{
	c->f = f;
	c->a = a;
	c->b = b;
	c->phase = ASKED;
	c->refused = false;
	struct tape_call call = { .process = c->process, .at = (fl_ns)l->rolled * 1000, .f = l->f[(unsigned char)f], .value = asked(l, c) };

	need(tape_invoke(l->tape, &call, &c->op), "an invocation");
}

/* The operation takes effect. */
static void
act(struct life *l, struct client *c)
{
	c->got = c->a;
	c->phase = DONE;
	switch (c->f) {
	case 'r': c->got = l->now; break;
	case 'w': l->now = c->a; break;
	case 'c':
		c->refused = l->now != c->a;
		l->now = c->refused ? l->now : c->b;
		break;
	case 'p': l->pile[l->end++] = c->a; break;
	case 't':
		c->got = l->first == l->end ? NONE : l->object == QUEUE ? l->pile[l->first++] : l->pile[--l->end];
		break;
	default:
		c->got = c->f == 'h' ? l->pile[c->a] : l->pile[c->a] != (c->f == 'a');
		l->pile[c->a] = c->f == 'h' ? l->pile[c->a] : c->f == 'a';
		break;
	}
}

static void
answer(struct life *l, struct client *c)
{
	bool cut = l->tape->count >= l->lost_from && l->tape->count < l->lost_to;
	bool lost = cut && roll(l, l->lost_in) == 0, set = l->object == SET;
	struct tape_answer a = { .outcome = lost ? TAPE_INFO : c->refused ? TAPE_FAIL : TAPE_OK, .has_value = !lost, .error = TAPE_NONE,
		.at = (fl_ns)l->rolled * 1000 };

	a.value = set ? tape_bool(c->got == 1) : c->f == 'c' ? asked(l, c) : value_of(c->got);
	if (c->refused)
		a.error = l->mismatch;
	tape_complete(l->tape, c->op, &a);
	c->phase = IDLE;
	if (lost)
		c->process = l->process_next++;
}

static void
ask(struct life *l, struct client *c)
{
	int64_t recent = l->fresh - 1 - (int64_t)roll(l, 40);

	switch (l->object) {
	case REGISTER:
		invoke(l, c, roll(l, 2) ? 'r' : 'w', NONE, NONE);
		break;
	case CAS:
		invoke(l, c, "rwc"[roll(l, 3)], NONE, NONE);
		break;
	case QUEUE: case STACK:
		invoke(l, c, roll(l, 2) ? 'p' : 't', NONE, NONE);
		break;
	default:
		invoke(l, c, "aadh"[roll(l, 4)], recent > 0 ? recent : 1, NONE);
		break;
	}
}

/* What is asked is known only when it is: the tape's value is filled in anew. */
static void
fill_in(struct life *l, struct client *c)
{
	if (l->object == CAS) {
		c->a = c->f == 'r' ? NONE : (int64_t)roll(l, 5);
		c->b = c->f == 'c' ? (int64_t)roll(l, 5) : NONE;
	} else if (c->f == 'w' || c->f == 'p' || c->f == 'a') {
		c->a = l->fresh++;
	}
	l->tape->ops[c->op].call = asked(l, c);
}

static void
live(struct life *l, uint32_t ops)
{
	while (l->tape->count < ops) {
		struct client *c = &l->clients[roll(l, l->client_count)];

		if (c->phase == IDLE && l->lost_in > 0 && roll(l, 4) != 0)
			continue;       /* they think for a while */
		if (c->phase == IDLE) {
			ask(l, c);
			fill_in(l, c);
		} else if (c->phase == ASKED) {
			act(l, c);
		} else {
			answer(l, c);
		}
	}
	for (unsigned i = 0; i < l->client_count; i++) {
		if (l->clients[i].phase == ASKED)
			act(l, &l->clients[i]);
		if (l->clients[i].phase == DONE)
			answer(l, &l->clients[i]);
	}
}

/* One operation alone, with the answer it is given. */
static void
say(struct life *l, char f, int64_t a, int64_t got)
{
	struct client *c = &l->clients[0];

	invoke(l, c, f, a, NONE);
	c->got = got;
	answer(l, c);
}

static void
break_it(struct life *l)
{
	int64_t x = l->fresh++, y = l->fresh++;

	switch (l->object) {
	case REGISTER: case CAS:
		say(l, 'w', x, x);
		say(l, 'r', NONE, l->object == CAS ? x + 1 : x - 1);
		break;
	case QUEUE: case STACK:
		while (l->first != l->end)
			say(l, 't', NONE, l->object == QUEUE ? l->pile[l->first++] : l->pile[--l->end]);
		say(l, 'p', x, x);
		say(l, 'p', y, y);
		say(l, 't', NONE, l->object == QUEUE ? y : x);
		say(l, 't', NONE, l->object == QUEUE ? x : y);
		break;
	default:
		say(l, 'a', x, 1);
		say(l, 'd', x, 1);
		say(l, 'h', x, 1);
		break;
	}
}

/* CPU seconds of one check; the verdict must be that. */
static double
judge(const struct tape *t, const char *model, enum verdict verdict)
{
	struct ruling r;
	double from = cpu_now();
	int rc = checker_run(t, model_find(model), NULL, &r);
	double took = cpu_now() - from;

	if (rc != 0 || (r.verdict != verdict && verdict != VERDICT_UNKNOWN))
		die("%s: %s (%d)", model, rc != 0 ? strerror(-rc) : r.reason, (int)r.verdict);
	ruling_fini(&r);
	return took;
}

static void
one_kind(const char *model, enum object object, uint32_t ops, bool broken)
{
	struct tape t;
	struct life l;

	tape_init(&t, (size_t)16 << 30);
	live_init(&l, &t, object, 11, 10, ops);
	live(&l, ops);
	if (broken)
		break_it(&l);
	double mib = peak_mib(), took = judge(&t, model, broken ? VERDICT_INVALID : VERDICT_VALID);

	printf("{\"cpu_s\":%.4f,\"ops\":%u,\"history_mib\":%.0f,\"peak_mib\":%.0f}\n", took, t.count, mib, peak_mib());
	free(l.pile);
	tape_fini(&t);
}

/* Like those of etcd that Jepsen recorded in 2014: five clients, five values, and for a while a third of the answers do not come; every
 * second one has an answer changed. */
static void
etcd(void)
{
	double all = 0, worst = 0;

	for (uint64_t seed = 0; seed < 222; seed++) {
		struct tape t;
		struct life l;

		tape_init(&t, (size_t)1 << 30);
		live_init(&l, &t, CAS, seed, 5, 200);
		l.lost_from = 25;
		l.lost_to = 55;
		l.lost_in = 3;
		live(&l, 80 + (uint32_t)(seed % 20));
		for (uint32_t i = t.count / 2; i < t.count && seed % 2 == 1; i++)
			if (t.ops[i].f == l.f['r'] && t.ops[i].outcome == TAPE_OK) {
				t.ops[i].result = tape_int((t.ops[i].result.i + 1 + (int64_t)(seed % 4)) % 5);
				break;
			}
		double took = judge(&t, "cas-register", VERDICT_UNKNOWN);

		/* The best of some: the first finds nothing in the processor's memory. */
		for (int again = 0; again < 4; again++) {
			double more = judge(&t, "cas-register", VERDICT_UNKNOWN);

			took = more < took ? more : took;
		}
		all += took;
		worst = took > worst ? took : worst;
		free(l.pile);
		tape_fini(&t);
	}
	printf("{\"all_ms\":%.3f,\"worst_ms\":%.3f}\n", 1e3 * all, 1e3 * worst);
}

static void
write_event(struct buf *out, const struct tape *t, const struct tape_op *o, bool over, bool edn)
{
	const char *f = tape_chars(t, o->f);
	struct tape_value v = over ? o->result : o->call;

	const char *format = edn ? "{:process %lld, :type :%s, :f :%s, :key \"k1\", :time %lld, :value " :
		"{\"process\":%lld,\"type\":\"%s\",\"f\":\"%s\",\"key\":\"k1\",\"time\":%lld,\"value\":";
	long long time = over ? o->complete_ns : o->invoke_ns;
	char head[256];

	snprintf(head, sizeof(head), format, (long long)o->process, over ? "ok" : "invoke", f, time);
	(void)buf_puts(out, head);
	if (v.type == TAPE_INTS)
		(void)buf_printf(out, edn ? "[%d %d]" : "[%d,%d]", tape_ints(t, v)[0], tape_ints(t, v)[1]);
	else if (v.type == TAPE_INT)
		(void)buf_printf(out, "%lld", (long long)v.i);
	else
		(void)buf_puts(out, edn ? "nil" : "null");
	(void)buf_puts(out, "}\n");
}

/* The text of a history, by the order of its events. */
static void
write_all(struct buf *out, const struct tape *t, bool edn)
{
	uint32_t *at = calloc((size_t)t->pos + 1, sizeof(at[0]));

	if (at == NULL)
		die("no memory");
	for (uint32_t i = 0; i < t->count; i++) {
		at[t->ops[i].invoke_pos] = 2 * i + 1;
		at[t->ops[i].complete_pos] = 2 * i + 2;
	}
	for (uint32_t p = 0; p <= t->pos; p++)
		if (at[p] > 0)
			write_event(out, t, &t->ops[(at[p] - 1) / 2], at[p] % 2 == 0, edn);
	free(at);
}

static void
parse(bool edn, uint32_t ops)
{
	struct tape_read_info info;
	struct tape t, again;
	struct life l;
	struct buf text;
	double best = 0;

	tape_init(&t, (size_t)4 << 30);
	live_init(&l, &t, CAS, 5, 10, ops);
	live(&l, ops);
	buf_init(&text, (size_t)2 << 30);
	write_all(&text, &t, edn);
	for (int i = 0; i < 5; i++) {
		tape_init(&again, (size_t)4 << 30);
		double from = cpu_now();

		need(tape_read_all(&again, NULL, buf_data(&text), buf_len(&text), &info), "reading");
		double rate = (double)buf_len(&text) / 1e6 / (cpu_now() - from);

		if (again.count != t.count)
			die("%u operations became %u", t.count, again.count);
		best = rate > best ? rate : best;
		tape_fini(&again);
	}
	printf("{\"mb_per_s\":%.1f,\"mb\":%.1f}\n", best, (double)buf_len(&text) / 1e6);
	buf_fini(&text);
	free(l.pile);
	tape_fini(&t);
}

int
main(int argc, char **argv)
{
	const char *kind = opt_text(argc, argv, "--kind", "etcd");
	uint32_t ops = (uint32_t)opt_num(argc, argv, "--ops", 100000);
	bool broken = opt_num(argc, argv, "--broken", 0) != 0;

	place(opt_num(argc, argv, "--cpu", -1));
	if (strcmp(kind, "etcd") == 0)
		etcd();
	else if (strcmp(kind, "json") == 0 || strcmp(kind, "edn") == 0)
		parse(strcmp(kind, "edn") == 0, ops);
	else if (strcmp(kind, "cas") == 0)
		one_kind("cas-register", CAS, ops, broken);
	else if (strcmp(kind, "register") == 0)
		one_kind("register", REGISTER, ops, broken);
	else if (strcmp(kind, "queue") == 0)
		one_kind("queue", QUEUE, ops, broken);
	else if (strcmp(kind, "stack") == 0)
		one_kind("stack", STACK, ops, broken);
	else if (strcmp(kind, "set") == 0)
		one_kind("set", SET, ops, broken);
	else
		die("--kind is %s, expected etcd, cas, register, queue, set, stack, json or edn", kind);
	return 0;
}
