/* SPDX-License-Identifier: MIT */
/*
 * txn.c - how fast histories of transactions are audited. --kind append (lists, as Jepsen makes them), tpcc (registers, as a
 * TPC-C client makes them) or blind (registers written without being read, --keys many;
 * up to 10 of them: each replaced by another after 32 writes); --txns how many; --emit 1 writes the history instead.
 *
 * The history is that of a strictly serializable database with --processes clients, each transaction taking effect at its completion;
 * with --isolation snapshot it reads what was there at its invocation and fails when a key it writes has been written since; with
 * --isolation committed every other read does so, and nothing fails.
 */
#include "lib.h"

#include "audit/tape_read.h"
#include "audit/txn_check.h"
#include "audit/txn_list.h"
#include "audit/txn_read.h"
#include "audit/txn_reg.h"
#include "audit/txn_weak.h"
#include "base/buf.h"
#include "base/rng.h"

#define PROCESSES_MAX 1000
#define MOPS_MAX 64
#define APPENDS_A_KEY 32
#define KEYS_AT_ONCE 10

struct mop {
	bool write;
	int64_t key, value;
	int64_t then;                   /* of the key at the invocation: its value, or the length of its list */
};
enum isolation { SERIAL, SNAPSHOT, COMMITTED };
struct gen {
	enum isolation isolation;
	uint64_t seed, draws;
	struct buf out;
	bool lists, blind;
	uint32_t blind_keys, stale;
	struct mop open[PROCESSES_MAX][MOPS_MAX];
	int count[PROCESSES_MAX];       /* -1: idle */
	int64_t next_key, next_value, next_order, time;
	int64_t active[KEYS_AT_ONCE];
	int appended[KEYS_AT_ONCE];
	int64_t *value;                 /* registers, by key */
	int64_t (*list)[APPENDS_A_KEY];
	int *length;
	size_t keys_max;
};

static uint32_t
draw(struct gen *g, uint32_t below)
{
	return (uint32_t)rng_below(rng_draw(g->seed, g->draws++, 0), below);
}

static void
add(struct gen *g, int p, bool write, int64_t key)
{
	if (g->count[p] < MOPS_MAX)
		g->open[p][g->count[p]++] = (struct mop){ write, key, write ? ++g->next_value : 0, 0 };
}

static void
plan_append(struct gen *g, int p)
{
	int n = 1 + (int)draw(g, 4);

	for (int i = 0; i < n; i++) {
		uint32_t k = draw(g, KEYS_AT_ONCE);
		bool write = draw(g, 2) == 0;

		if (write && g->appended[k] == APPENDS_A_KEY) {
			g->active[k] = g->next_key++;
			g->appended[k] = 0;
		}
		g->appended[k] += write;
		add(g, p, write, g->active[k]);
	}
}

static void
plan_blind(struct gen *g, int p)
{
	int n = 1 + (int)draw(g, 4);

	for (int i = 0; i < n; i++) {
		uint32_t k = draw(g, g->blind_keys);
		bool write = draw(g, 2) == 0;

		if (g->blind_keys > KEYS_AT_ONCE) {
			add(g, p, write, (int64_t)k);
			continue;
		}
		if (write && g->appended[k] == APPENDS_A_KEY) {
			g->active[k] = g->next_key++;
			g->appended[k] = 0;
		}
		g->appended[k] += write;
		add(g, p, write, g->active[k]);
	}
}

enum { WAREHOUSES = 10, DISTRICTS = 10, CUSTOMERS = 300, ITEMS = 2000 };

/* Keys by table: each a range. */
static int64_t key_warehouse(uint32_t w) { return w; }
static int64_t key_district(uint32_t w, uint32_t d) { return 100 + w * DISTRICTS + d; }
static int64_t key_customer(uint32_t w, uint32_t d, uint32_t c) { return 1000 + ((int64_t)w * DISTRICTS + d) * CUSTOMERS + c; }
static int64_t key_item(uint32_t i) { return 100000 + i; }
static int64_t key_stock(uint32_t w, uint32_t i) { return 200000 + (int64_t)w * ITEMS + i; }

static void
update(struct gen *g, int p, int64_t key)
{
	add(g, p, false, key);
	add(g, p, true, key);
}

static void
plan_tpcc(struct gen *g, int p)
{
	uint32_t w = draw(g, WAREHOUSES), d = draw(g, DISTRICTS), lines = 5 + draw(g, 11);

	if (draw(g, 100) < 45) {
		add(g, p, false, key_warehouse(w));
		update(g, p, key_district(w, d));
		add(g, p, false, key_customer(w, d, draw(g, CUSTOMERS)));
		add(g, p, true, g->next_order++);
		for (uint32_t i = 0; i < lines; i++) {
			uint32_t item = draw(g, ITEMS);

			add(g, p, false, key_item(item));
			update(g, p, key_stock(w, item));
			add(g, p, true, g->next_order++);
		}
	} else if (draw(g, 100) < 78) {
		update(g, p, key_warehouse(w));
		update(g, p, key_district(w, d));
		update(g, p, key_customer(w, d, draw(g, CUSTOMERS)));
		add(g, p, true, g->next_order++);
	} else {
		add(g, p, false, key_district(w, d));
		for (uint32_t i = 0; i < 3 * lines; i++)
			add(g, p, false, key_stock(w, draw(g, ITEMS)));
	}
}

/* The number of appends to its list, or the value of a key, now. */
static int64_t
state_of(const struct gen *g, int64_t key)
{
	return g->lists ? g->length[key] : g->value[key];
}

/* Does the transaction fail: has another one written what it writes, since it began? */
static bool
conflicts(const struct gen *g, int p)
{
	for (int i = 0; i < g->count[p] && g->isolation == SNAPSHOT; i++)
		if (g->open[p][i].write && state_of(g, g->open[p][i].key) != g->open[p][i].then)
			return true;
	return false;
}

/* What a completed read shows. Writes of the same transaction before it are in the state already; behind an old one they are added. */
static void
put_seen(struct gen *g, int p, int i)
{
	const struct mop *m = &g->open[p][i];
	bool old = g->isolation == SNAPSHOT || (g->isolation == COMMITTED && 2 * i < g->count[p]);
	int64_t state = old ? m->then : state_of(g, m->key);
	bool own = false;

	if (g->stale > 0 && draw(g, g->stale) == 0)
		state = m->then;
	for (int j = 0; j < i; j++)
		own |= g->open[p][j].write && g->open[p][j].key == m->key;
	if (own)
		state = state_of(g, m->key);
	if (!g->lists) {
		buf_printf(&g->out, state == 0 ? "null]" : "%lld]", (long long)state);
		return;
	}
	buf_putc(&g->out, '[');
	for (int j = 0; j < state; j++)
		buf_printf(&g->out, "%s%lld", j > 0 ? "," : "", (long long)g->list[m->key][j]);
	buf_puts(&g->out, "]]");
}

static void
event(struct gen *g, int p, const char *type, bool done)
{
	struct buf *o = &g->out;

	buf_printf(o, "{\"process\":%d,\"type\":\"%s\",\"f\":\"txn\",\"value\":[", p, type);
	for (int i = 0; i < g->count[p]; i++) {
		struct mop *m = &g->open[p][i];

		if (*type == 'i')
			m->then = state_of(g, m->key);
		buf_printf(o, "%s[\"%s\",%lld,", i > 0 ? "," : "", m->write ? (g->lists ? "append" : "w") : "r", (long long)m->key);
		if (m->write)
			buf_printf(o, "%lld]", (long long)m->value);
		else if (done)
			put_seen(g, p, i);
		else
			buf_puts(o, "null]");
		if (done && m->write && g->lists)
			g->list[m->key][g->length[m->key]++] = m->value;
		else if (done && m->write)
			g->value[m->key] = m->value;
	}
	g->time += 1000;
	buf_printf(o, "],\"time\":%lld}\n", (long long)g->time);
}

static void
generate(struct gen *g, bool lists, uint32_t txns, int processes)
{
	uint32_t left = txns;

	g->lists = lists;
	g->keys_max = lists ? (size_t)txns + KEYS_AT_ONCE + 16 : (size_t)txns * 20 + 1000000;
	g->next_order = 1000000;
	g->next_key = KEYS_AT_ONCE;
	g->value = lists ? NULL : calloc(g->keys_max, sizeof(g->value[0]));
	g->list = lists ? calloc(g->keys_max, sizeof(g->list[0])) : NULL;
	g->length = lists ? calloc(g->keys_max, sizeof(g->length[0])) : NULL;
	for (int k = 0; k < KEYS_AT_ONCE; k++)
		g->active[k] = k;
	for (int p = 0; p < processes; p++)
		g->count[p] = -1;
	while (left > 0) {
		int p = (int)draw(g, (uint32_t)processes);

		if (g->count[p] < 0) {
			g->count[p] = 0;
			if (lists)
				plan_append(g, p);
			else if (g->blind)
				plan_blind(g, p);
			else
				plan_tpcc(g, p);
			event(g, p, "invoke", false);
			continue;
		}
		bool failed = conflicts(g, p);

		event(g, p, failed ? "fail" : "ok", !failed);
		g->count[p] = -1;
		left--;
	}
	if (g->out.overflowed)
		die("no memory for the history");
	free(g->value);
	free(g->list);
	free(g->length);
}

/* Time of this thread: others on the machine do not count. */
static int64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * SEC + t.tv_nsec;
}

static double
seconds_since(int64_t start)
{
	return (double)(cpu_ns() - start) / 1e9;
}

/* Each weak level by itself, with all that it needs. */
static void
measure_weak(const struct txn_hist *h)
{
	static const char *const names[] = { "read_committed_s", "read_atomic_s", "causal_s" };

	for (int level = TXN_WEAK_RC; level <= TXN_WEAK_CC; level++) {
		int64_t start = cpu_ns();
		struct arena mem;
		struct txn_core core;
		struct txn_graph graph;
		struct txn_weak weak;

		arena_init(&mem, (size_t)4 << 30);
		if (txn_core_init(&core, h, &mem) != 0 || txn_reg_fill(&core) != 0 || txn_graph_build(&core, &mem, &graph) != 0 ||
		    txn_weak_check(&core, &graph, (enum txn_weak_level)level, TXN_WR | TXN_PROCESS, &mem, &weak) != 0 || weak.broken)
			die("a right history was not judged right");
		arena_fini(&mem);
		printf("\"%s\":%.3f,", names[level], seconds_since(start));
	}
}

int
main(int argc, char **argv)
{
	const char *kind = opt_text(argc, argv, "--kind", "append");
	bool lists = strcmp(kind, "append") == 0;
	uint32_t txns = (uint32_t)opt_num(argc, argv, "--txns", 100000);
	int processes = (int)opt_num(argc, argv, "--processes", 20);
	struct gen *g = calloc(1, sizeof(*g));
	struct tape tape;
	struct tape_read_info info;
	struct txn_hist hist;
	struct txn_read_info read_info;
	struct txn_outcome_of outcome;
	struct rusage usage;

	if (g == NULL || processes < 1 || processes > PROCESSES_MAX)
		die("--processes 1 .. %d", PROCESSES_MAX);
	g->blind = strcmp(kind, "blind") == 0;
	g->stale = (uint32_t)opt_num(argc, argv, "--stale", 0);
	g->blind_keys = (uint32_t)opt_num(argc, argv, "--keys", 100);
	const char *isolation = opt_text(argc, argv, "--isolation", "serial");

	g->isolation = strcmp(isolation, "snapshot") == 0 ? SNAPSHOT : strcmp(isolation, "committed") == 0 ? COMMITTED : SERIAL;
	g->seed = (uint64_t)opt_num(argc, argv, "--seed", 1);
	place(opt_num(argc, argv, "--cpu", -1));
	buf_init(&g->out, (size_t)8 << 30);
	generate(g, lists, txns, processes);
	if (opt_num(argc, argv, "--emit", 0) != 0)
		return fwrite(buf_data(&g->out), 1, buf_len(&g->out), stdout) == buf_len(&g->out) ? 0 : 2;
	tape_init(&tape, (size_t)8 << 30);
	int64_t start = cpu_ns();

	if (tape_read_all(&tape, &(struct tape_read_options){ .lone_completions = true }, buf_data(&g->out), buf_len(&g->out), &info) != 0)
		die("the history cannot be read: line %u: %s", info.line, info.error);
	double parse = seconds_since(start);

	printf("{\"kind\":\"%s\",\"txns\":%u,\"bytes\":%zu,\"parse_s\":%.3f,", kind, txns, buf_len(&g->out), parse);
	buf_fini(&g->out);
	start = cpu_ns();
	txn_hist_init(&hist, txn_read_model(&tape), (size_t)8 << 30);
	if (txn_read_tape(&hist, &tape, &read_info) != 0)
		die("the history cannot be taken: line %u: %s", read_info.line, read_info.error);
	tape_fini(&tape);
	double fill = seconds_since(start);

	printf("\"operations\":%u,\"fill_s\":%.3f,", hist.mop_count, fill);
	if (!lists && g->isolation == SERIAL && g->stale == 0)
		measure_weak(&hist);
	start = cpu_ns();
	enum txn_level right = g->stale > 0 ? TXN_RU : g->isolation == SERIAL ? TXN_STRICT : g->isolation == SNAPSHOT ? TXN_STRONG_SI : TXN_RC;

	if (txn_check(&hist, &(struct txn_options){ .memory_bytes_max = (size_t)8 << 30 }, &outcome) != 0 ||
	    outcome.status[right] == TXN_BROKEN)
		die("a right history was not judged right");
	double check = seconds_since(start);

	getrusage(RUSAGE_SELF, &usage);
	printf("\"strongest\":\"%s\",\"weakest_broken\":\"%s\",", txn_check_strongest(&outcome) == TXN_LEVELS ? "none" :
	    txn_level_name(txn_check_strongest(&outcome)), txn_check_weakest_broken(&outcome) == TXN_LEVELS ? "none" :
	    txn_level_name(txn_check_weakest_broken(&outcome)));
	printf("\"serializable\":%d,\"snapshot_isolation\":%d,", (int)outcome.status[TXN_SER], (int)outcome.status[TXN_SI]);
	printf("\"check_s\":%.3f,\"total_s\":%.3f,\"peak_mib\":%ld}\n", check, parse + fill + check, usage.ru_maxrss / 1024);
	txn_check_fini(&outcome);
	txn_hist_fini(&hist);
	free(g);
	return 0;
}
