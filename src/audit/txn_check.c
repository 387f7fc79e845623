/* SPDX-License-Identifier: MIT */
/*
 * txn_check.c - which isolation levels a transactional history has.
 *
 * Versions and reads first (by model), then the graph of dependencies; each level is a view of that graph that must have no cycle.
 * Where the order of versions is not known, a cycle still refutes, and the solver decides the rest.
 */
#include "audit/txn_check.h"

#include "audit/txn_cycle.h"
#include "audit/txn_list.h"
#include "audit/txn_psi.h"
#include "audit/txn_reg.h"
#include "audit/txn_set.h"
#include "audit/txn_solve.h"
#include "audit/txn_weak.h"
#include "audit/txn_why.h"
#include "base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MEMORY_DEFAULT ((size_t)2 << 30)
#define EFFORT_DEFAULT UINT64_C(400000000)
#define HUNT_STEPS UINT64_C(10000000)
#define HUNT_STEPS_ALL UINT64_C(40000000)
#define CYCLES_OF_A_KIND 3
#define SENTENCE_MAX ((size_t)1 << 20)
#define SHOWN_MAX 64                            /* transactions of an anomaly */

struct check {
	struct txn_outcome_of *o;
	struct txn_options options;
	struct arena *mem;              /* of the outcome */
	struct arena work;
	struct txn_core core;
	struct txn_graph graph;
	struct txn_scc all;             /* of the whole graph */
	struct txn_scc session, data;   /* of it without time, without time and processes */
	uint64_t steps;
	bool found[5];                  /* by kind of cycle, G0 to G2-item: without time and processes, then with processes */
	bool single;                    /* there is a cycle of dependencies with exactly one rw */
	bool single_open;               /* it could not be seen whether there is one */
};

static const char *
keep_text(struct check *k, struct buf *text)
{
	const char *copy = arena_strndup(k->mem, buf_data(text), buf_len(text));

	buf_clear(text);
	return copy == NULL ? "" : copy;
}

static struct txn_anomaly *
new_anomaly(struct check *k, const char *type)
{
	struct txn_outcome_of *o = k->o;

	if (o->anomaly_count == TXN_ANOMALIES_MAX)
		return NULL;
	o->anomalies[o->anomaly_count] = (struct txn_anomaly){ .type = type, .say = "" };
	return &o->anomalies[o->anomaly_count++];
}

/* One oddity, its transactions called T1 and T2. */
static void
add_odd(struct check *k, enum txn_odd kind, const struct txn_oddity *odd, uint64_t more)
{
	struct txn_anomaly *a = new_anomaly(k, txn_level_odd_name(kind));
	uint32_t *txns = txn_core_array(k->mem, 2, sizeof(*txns));
	struct buf text;

	if (a == NULL || txns == NULL)
		return;
	buf_init(&text, SENTENCE_MAX);
	txns[0] = odd->txn;
	txns[1] = odd->other;
	a->txns = txns;
	a->count = odd->other == TXN_NONE || odd->other == odd->txn ? 1 : 2;
	a->more = more;
	txn_why_odd(&k->core, kind, odd, "T1", a->count == 2 ? "T2" : "T1", &text);
	a->say = keep_text(k, &text);
	buf_fini(&text);
}

static void
add_oddities(struct check *k)
{
	for (unsigned kind = 0; kind < TXN_ODDS; kind++) {
		uint64_t count = k->core.odd_count[kind];
		uint64_t shown = FL_MIN(count, (uint64_t)3);

		if (count == 0)
			continue;
		for (unsigned level = 0; level < TXN_LEVELS; level++)
			if (txn_level_forbids(k->core.h->model, (enum txn_level)level, (enum txn_odd)kind))
				k->o->status[level] = TXN_BROKEN;
		for (uint64_t i = 0; i < shown && txn_level_odd_name((enum txn_odd)kind) != NULL; i++)
			add_odd(k, (enum txn_odd)kind, &k->core.odd[kind][i], i + 1 == shown ? count - shown : 0);
	}
}

/* What stands behind a cycle besides the graph: edges forced at a weak level, or that the search for an order found. */
struct grounds {
	const struct txn_forced *forced;
	const struct txn_proof *proof;
};

static const char *
edge_name(uint8_t type)
{
	return type == TXN_WW ? "ww" : type == TXN_WR ? "wr" : type == TXN_RW ? "rw" : type == TXN_PROCESS ? "process" : "realtime";
}

/* T3, or if the node is not in the cycle: (process 4, line 17). */
static void
put_node(const struct check *k, const struct txn_cycle *cycle, uint32_t node, struct buf *text)
{
	for (uint32_t i = 0; i < cycle->length; i++) {
		if (cycle->nodes[i] != node)
			continue;
		buf_printf(text, "T%u", (unsigned)i + 1);
		return;
	}
	buf_putc(text, '(');
	txn_hist_put_who(k->core.h, k->core.txn_of[node], text);
	buf_putc(text, ')');
}

/* T1 (T1 -wr-> (process 4, line 17) -process-> T2): how one transaction comes to be visible to another. */
static void
put_way(struct check *k, const struct txn_cycle *cycle, uint32_t from, uint32_t to, struct buf *text)
{
	struct arena_mark mark = arena_snapshot(&k->work);
	struct txn_cycle way;

	put_node(k, cycle, from, text);
	if (txn_cycle_way(&k->graph, TXN_WR | TXN_PROCESS, from, to, &k->work, &way) == 0 && way.length > 0) {
		for (uint32_t i = 0; i < way.length; i++) {
			buf_puts(text, i == 0 ? " (" : " ");
			put_node(k, cycle, way.nodes[i], text);
			if (i + 1 < way.length)
				buf_printf(text, " -%s->", edge_name(way.types[i]));
		}
		buf_putc(text, ')');
	}
	arena_reset(&k->work, mark);
}

/* Why an edge of a cycle is there. */
static void
put_why(struct check *k, const struct txn_cycle *cycle, const struct grounds *grounds, uint32_t i, struct buf *text)
{
	char a[16], b[16];
	uint32_t next = (i + 1) % cycle->length;
	const struct txn_core *c = &k->core;
	const struct txn_forced *why = grounds->forced;

	if (grounds->proof != NULL && txn_proof_why(c, grounds->proof, i, text))
		return;
	snprintf(a, sizeof(a), "T%u", (unsigned)i + 1);
	snprintf(b, sizeof(b), "T%u", (unsigned)next + 1);
	if (why == NULL || why[i].reader == TXN_NONE) {
		txn_why_edge(c, cycle->nodes[i], cycle->nodes[next], cycle->types[i], a, b, text);
		return;
	}
	if (cycle->types[i] == TXN_RW) {
		buf_printf(text, "%s read ", a);
		txn_hist_put_key(c->h, c->versions[why[i].version].key, text);
		buf_printf(text, " as it was before any write, but %s wrote it", b);
		return;
	}
	put_node(k, cycle, why[i].reader, text);
	buf_puts(text, " read ");
	txn_hist_put_key(c->h, c->versions[why[i].version].key, text);
	buf_printf(text, " from %s though it saw ", b);
	put_way(k, cycle, why[i].first, why[i].reader, text);
	buf_printf(text, ", and %s wrote it too: so %s must be the earlier one", a, a);
}

static void
add_cycle(struct check *k, const char *type, const struct txn_cycle *cycle, const struct grounds *grounds)
{
	struct txn_anomaly *a = new_anomaly(k, type);
	uint32_t *txns = txn_core_array(k->mem, cycle->length, sizeof(*txns));
	struct txn_step *steps = txn_core_array(k->mem, cycle->length, sizeof(*steps));
	struct buf text;

	if (a == NULL || txns == NULL || steps == NULL)
		return;
	buf_init(&text, SENTENCE_MAX);
	for (uint32_t i = 0; i < cycle->length; i++) {
		txns[i] = k->core.txn_of[cycle->nodes[i]];
		put_why(k, cycle, grounds, i, &text);
		steps[i] = (struct txn_step){ edge_name(cycle->types[i]), keep_text(k, &text) };
	}
	for (uint32_t i = 0; i < cycle->length && i < SHOWN_MAX; i++)
		buf_printf(&text, "T%u -%s-> ", (unsigned)i + 1, steps[i].edge);
	buf_printf(&text, "T1: each must come before the next");
	a->say = keep_text(k, &text);
	a->txns = txns;
	a->steps = steps;
	a->count = cycle->length;
	buf_fini(&text);
}

/* With the names that some forms of it have. */
static void
add_named(struct check *k, const char *type, const struct txn_cycle *cycle, const struct grounds *grounds)
{
	add_cycle(k, type, cycle, grounds);
	if (txn_cycle_is_write_skew(cycle))
		add_cycle(k, "write-skew", cycle, grounds);
	if (txn_cycle_is_long_fork(cycle))
		add_cycle(k, "long-fork", cycle, grounds);
}

/* The narrowest components known in which all cycles of these edges are. */
static const struct txn_scc *
components_of(const struct check *k, unsigned mask)
{
	return (mask & TXN_REALTIME) != 0 ? &k->all : (mask & TXN_PROCESS) != 0 ? &k->session : &k->data;
}

static int
is_cyclic(struct check *k, unsigned mask, bool snapshot, bool *ret)
{
	const struct txn_scc *within = components_of(k, mask);
	struct txn_view view = { .mask = mask, .snapshot = snapshot, .within = within->component };
	struct arena_mark mark = arena_snapshot(&k->work);
	struct txn_scc scc = { .count = 0 };

	if (within->count > 0 && txn_graph_scc(&k->graph, &view, &k->work, &scc) != 0)
		return -ENOBUFS;
	arena_reset(&k->work, mark);
	*ret = scc.count > 0;
	return 0;
}

/*
 * Kinds of cycles, from the worst to the most subtle. Of registers the order of versions is known only as far as no update may be
 * lost, which the levels above read committed demand: below, it counts for nothing.
 */
static const struct hunt_kind {
	unsigned mask, required, rw_min, rw_max;
	bool apart;
	unsigned register_mask;         /* 0: not of registers */
} kinds[] = {
	{ TXN_WW, 0, 0, 0, false, 0 },
	{ TXN_WW | TXN_WR, TXN_WR, 0, 0, false, TXN_WR },
	{ TXN_DEPENDENCIES, 0, 1, 1, false, TXN_DEPENDENCIES },
	{ TXN_DEPENDENCIES, 0, 2, 2, true, TXN_DEPENDENCIES },
	{ TXN_DEPENDENCIES, 0, 2, 2, false, TXN_DEPENDENCIES },
};

/*
 * The name of a cycle. Where ww of registers counts, it is known only if no update is lost, and a lost one is a cycle with one rw: that
 * much is sure.
 */
static const char *
name_of(const struct check *k, const struct txn_cycle *cycle)
{
	unsigned orders = 0, kind = txn_cycle_kind(cycle);

	for (uint32_t i = 0; i < cycle->length; i++)
		orders |= cycle->types[i];
	if (k->core.h->model == TXN_RW_REGISTER && (orders & TXN_WW) != 0)
		kind = FL_MAX(kind, (unsigned)TXN_KIND_SINGLE);
	return txn_cycle_kind_name(kind, orders);
}

/* A cycle of a kind was found, with the orders of processes or time that it needs: the levels that forbid it are broken. */
static void
break_levels(struct check *k, size_t kind, unsigned extra)
{
	static const enum txn_level snapshots[] = { TXN_SI, TXN_SESSION_SI, TXN_STRONG_SI }, serials[] = { TXN_SER, TXN_SESSION_SER, TXN_STRICT };
	unsigned order = extra == 0 ? 0 : (extra & TXN_REALTIME) == 0 ? 1 : 2;
	enum txn_holds *status = k->o->status;

	status[serials[order]] = TXN_BROKEN;
	if (kind < TXN_KIND_G2)
		status[snapshots[order]] = TXN_BROKEN;
	if (order == 0)
		status[TXN_RR] = TXN_BROKEN;
	if (order == 0 && kind <= TXN_KIND_SINGLE)
		status[TXN_PSI] = TXN_BROKEN;
	if (order == 0 && kind <= TXN_KIND_G1C && k->core.h->model != TXN_RW_REGISTER)
		status[kind == TXN_KIND_G0 ? TXN_RU : TXN_RC] = TXN_BROKEN;
}

/* Show some cycles of a kind, from its smallest components. */
static int
hunt_kind(struct check *k, const struct hunt_kind *kind, unsigned mask, unsigned extra, const struct txn_scc *scc, bool *ret_found)
{
	struct txn_hunt hunt = { .mask = mask, .rw_min = kind->rw_min, .rw_max = kind->rw_max, .apart = kind->apart };
	unsigned shown = 0;
	const char *last = NULL;

	if (kind->rw_max == 1 && k->core.h->model == TXN_RW_REGISTER)
		hunt.rw_min = 0;        /* see name_of() */
	hunt.required = extra == 0 ? kind->required : (extra & TXN_REALTIME) != 0 ? TXN_REALTIME : TXN_PROCESS;
	for (uint32_t i = 0; i < scc->count && shown < CYCLES_OF_A_KIND && k->steps > 0; i++) {
		uint64_t steps = FL_MIN(k->steps, HUNT_STEPS), given = steps;
		struct txn_cycle cycle;
		int rc = txn_cycle_find(&k->core, &k->graph, &hunt, scc->component, scc->members + scc->first[i],
		    scc->first[i + 1] - scc->first[i], &steps, &k->work, &cycle);

		k->steps -= given - steps;
		if (rc < 0)
			return rc;
		if (kind->rw_min == 1 && extra == 0 && cycle.length == 0)
			k->single_open |= rc == TXN_HUNT_TIRED;
		if (cycle.length == 0)
			continue;
		k->single |= kind->rw_min == 1 && extra == 0;
		txn_cycle_turn(&cycle);
		last = name_of(k, &cycle);
		if (shown == 0 && kind->rw_min == 2 && !kind->apart && k->found[3] && strncmp(last, "G-nonadjacent", 13) == 0)
			continue;       /* it was shown as one of those */
		add_named(k, last, &cycle, &(struct grounds){ .forced = NULL });
		shown++;
		*ret_found = true;
	}
	if (kind->rw_min == 1 && extra == 0 && k->steps == 0)
		k->single_open = true;
	return 0;
}

/*
 * All kinds, first without processes and time, then with. A kind with them is looked for only when nothing as bad shows without:
 * it would be that again.
 */
static int
hunt_all(struct check *k)
{
	static const unsigned extras[] = { 0, TXN_PROCESS, TXN_PROCESS | TXN_REALTIME };
	bool found_any = false;

	for (size_t e = 0; e < FL_ARRAY_LEN(extras); e++) {
		bool before = found_any, snapshot_cyclic = true;

		for (size_t i = 0; i < FL_ARRAY_LEN(kinds); i++) {
			unsigned data = k->core.h->model == TXN_RW_REGISTER ? kinds[i].register_mask : kinds[i].mask;
			struct txn_view view = { .mask = data | extras[e], .within = components_of(k, data | extras[e])->component };
			struct arena_mark mark = arena_snapshot(&k->work);
			struct txn_scc scc;
			bool found = false;

			before |= e > 0 && k->found[i];
			if (before)
				break;
			/* those two break snapshot isolation */
			if (i == TXN_KIND_SINGLE && is_cyclic(k, view.mask, true, &snapshot_cyclic) != 0)
				return -ENOBUFS;
			if (data == 0 || components_of(k, view.mask)->count == 0)
				continue;
			if ((i == TXN_KIND_SINGLE || i == TXN_KIND_NONADJACENT) && !snapshot_cyclic)
				continue;
			if (txn_graph_scc(&k->graph, &view, &k->work, &scc) != 0)
				return -ENOBUFS;
			int rc = hunt_kind(k, &kinds[i], view.mask, extras[e], &scc, &found);

			arena_reset(&k->work, mark);
			if (rc != 0)
				return rc;
			k->found[i] |= found;
			if (found)
				break_levels(k, i, extras[e]);
			found_any |= e > 0 && found;
			if (e > 0 && found)
				break;
		}
	}
	return 0;
}

/* The view of each level that is one: no cycle in it. */
static const struct level_view {
	enum txn_level level;
	unsigned mask;
	bool snapshot, lists_only;
} level_views[] = {
	{ TXN_RU, TXN_WW, false, true },
	{ TXN_RC, TXN_WW | TXN_WR, false, true },
	{ TXN_RR, TXN_DEPENDENCIES, false, false },
	{ TXN_SI, TXN_DEPENDENCIES, true, false },
	{ TXN_SESSION_SI, TXN_DEPENDENCIES | TXN_PROCESS, true, false },
	{ TXN_STRONG_SI, TXN_EDGES, true, false },
	{ TXN_SER, TXN_DEPENDENCIES, false, false },
	{ TXN_SESSION_SER, TXN_DEPENDENCIES | TXN_PROCESS, false, false },
	{ TXN_STRICT, TXN_EDGES, false, false },
};

static int
judge_views(struct check *k)
{
	enum txn_holds *status = k->o->status;
	bool registers = k->core.h->model == TXN_RW_REGISTER, cyclic;

	for (size_t i = 0; i < FL_ARRAY_LEN(level_views); i++) {
		const struct level_view *v = &level_views[i];

		if (status[v->level] == TXN_BROKEN || (v->lists_only && registers))
			continue;
		if (is_cyclic(k, v->mask, v->snapshot, &cyclic) != 0)
			return -ENOBUFS;
		status[v->level] = cyclic ? TXN_BROKEN : TXN_UNKNOWN;
	}
	if (registers && status[TXN_RU] != TXN_BROKEN)
		status[TXN_RU] = TXN_HOLDS;     /* versions can always be put in the order of some order of transactions */
	cyclic = k->single;
	if (status[TXN_PSI] == TXN_UNKNOWN && !cyclic && is_cyclic(k, TXN_WW | TXN_WR, false, &cyclic) != 0)
		return -ENOBUFS;
	if (cyclic)
		status[TXN_PSI] = TXN_BROKEN;
	return 0;
}

/* Read atomic and causal of all models, and read committed of registers. */
static int
judge_weak(struct check *k)
{
	static const struct {
		enum txn_level level;
		enum txn_weak_level weak;
		const char *name;
	} weaks[] = {
		{ TXN_RC, TXN_WEAK_RC, "non-monotonic-read" }, { TXN_RA, TXN_WEAK_RA, "fractured-read" },
		{ TXN_CC, TXN_WEAK_CC, "causality-violation" },
	};
	bool registers = k->core.h->model == TXN_RW_REGISTER;

	for (size_t i = 0; i < FL_ARRAY_LEN(weaks); i++) {
		enum txn_level level = weaks[i].level;
		unsigned mask = registers ? TXN_WR | TXN_PROCESS : level == TXN_RA ? TXN_WW | TXN_WR : TXN_WW | TXN_WR | TXN_PROCESS;
		struct txn_weak weak;

		txn_level_close(k->core.h->model, k->o->status);
		if (k->o->status[level] != TXN_UNKNOWN || (level == TXN_RC && !registers))
			continue;
		int rc = txn_weak_check(&k->core, &k->graph, weaks[i].weak, mask, &k->work, &weak);

		if (rc != 0)
			return rc;
		k->o->status[level] = weak.broken ? TXN_BROKEN : TXN_HOLDS;
		if (weak.broken && weak.cycle.length > 0)
			add_cycle(k, weaks[i].name, &weak.cycle, &(struct grounds){ .forced = weak.why });
	}
	return 0;
}

/* Is this cycle listed under this type already? */
static bool
is_listed(const struct check *k, const char *type, const struct txn_cycle *cycle)
{
	for (uint32_t i = 0; i < k->o->anomaly_count; i++) {
		const struct txn_anomaly *a = &k->o->anomalies[i];
		bool same = strcmp(a->type, type) == 0 && a->count == cycle->length;

		for (uint32_t j = 0; same && j < a->count; j++)
			same = a->txns[j] == k->core.txn_of[cycle->nodes[j]];
		if (same)
			return true;
	}
	return false;
}

/* The name of "no order of versions does": as cycles are named. */
static const char *
refuted_name(bool snapshot, unsigned orders)
{
	static const char *const names[2][3] = { { "G2", "G2-process", "G2-realtime" }, { "G-SI", "G-SI-process", "G-SI-realtime" } };

	return names[snapshot][(orders & TXN_REALTIME) != 0 ? 2 : (orders & TXN_PROCESS) != 0 ? 1 : 0];
}

/* A cycle of what follows, or what goes wrong when of two writers one comes first. */
static void
add_proof(struct check *k, const struct txn_proof *p, bool snapshot)
{
	const char *type = p->key == TXN_NONE ? txn_proof_name(p) : refuted_name(snapshot, p->orders);
	struct grounds grounds = { .proof = p };
	uint32_t before = k->o->anomaly_count;
	struct buf text;

	if (p->cycle.length == 0 || is_listed(k, type, &p->cycle))
		return;
	if (p->key == TXN_NONE && p->orders == 0 && txn_cycle_kind(&p->cycle) == p->kind)
		add_named(k, type, &p->cycle, &grounds);
	else
		add_cycle(k, type, &p->cycle, &grounds);
	if (k->o->anomaly_count == before || p->key == TXN_NONE)
		return;
	struct txn_anomaly *a = &k->o->anomalies[before];

	buf_init(&text, SENTENCE_MAX);
	buf_puts(&text, "no order of two writes of ");
	txn_hist_put_key(k->core.h, p->key, &text);
	buf_puts(&text, " is free of a cycle: if ");
	txn_hist_put_who(k->core.h, k->core.txn_of[p->first], &text);
	buf_puts(&text, ", wrote it before ");
	txn_hist_put_who(k->core.h, k->core.txn_of[p->second], &text);
	buf_printf(&text, ", then %s", a->say);
	a->say = keep_text(k, &text);
	buf_fini(&text);
}

/* The solver found no order of versions. */
static void
add_refuted(struct check *k, enum txn_level level, unsigned orders, bool snapshot, const struct txn_solved *solved)
{
	const struct txn_proof *p = solved->proofs;

	if (p[0].cycle.length > 0) {
		add_proof(k, &p[0], snapshot);
		add_proof(k, &p[1], snapshot);
		/* whatever the order there is a cycle with at most one rw */
		if (p[0].orders == 0 && FL_MAX(p[0].kind, p[1].kind) <= TXN_KIND_SINGLE)
			k->o->status[TXN_PSI] = TXN_BROKEN;
		return;
	}
	struct txn_anomaly *a = new_anomaly(k, refuted_name(snapshot, orders));

	if (a == NULL)
		return;
	a->say = arena_printf(k->mem, "%s: no order of the versions is free of cycles; %u pairs of writes were open, %u rounds of search "
	    "refuted all their orders", txn_level_name(level), (unsigned)solved->pairs, (unsigned)solved->rounds);
	if (a->say == NULL)
		a->say = "";
}

/*
 * Where the graph has no cycle and the order of all versions is known, the level holds; else the solver decides. Strong ones first;
 * only the `count` strongest.
 */
static int
judge_open(struct check *k, size_t count)
{
	enum txn_holds *status = k->o->status;
	bool registers = k->core.h->model == TXN_RW_REGISTER, open = txn_solve_needed(&k->core);

	for (size_t i = FL_ARRAY_LEN(level_views); i > FL_ARRAY_LEN(level_views) - count; i--) {
		const struct level_view *v = &level_views[i - 1];
		struct txn_view view = { .mask = v->mask, .snapshot = v->snapshot };
		struct txn_solved solved;

		if (status[v->level] != TXN_UNKNOWN)
			continue;
		if (!open || (!registers && !v->snapshot)) {
			status[v->level] = TXN_HOLDS;   /* what nobody read of a list can go in the order of the transactions */
			continue;
		}
		if (txn_solve(&k->core, &k->graph, &view, k->options.effort, &k->work, &solved) != 0)
			return -ENOBUFS;
		status[v->level] = solved.holds;
		if (solved.holds == TXN_UNKNOWN)
			k->o->unknown = solved.reason;
		if (solved.holds == TXN_BROKEN)
			add_refuted(k, v->level, v->mask, v->snapshot, &solved);
		txn_level_close(k->core.h->model, status);
	}
	txn_level_close(k->core.h->model, status);
	return 0;
}

/*
 * Parallel snapshot isolation, if the others do not tell. It implies read atomic, without sessions; where the order of versions is
 * not known, one is tried.
 */
static int
judge_psi(struct check *k)
{
	enum txn_holds *psi = &k->o->status[TXN_PSI];
	struct txn_weak weak;
	bool holds;

	if (*psi != TXN_UNKNOWN)
		return 0;
	if (!txn_solve_needed(&k->core) && !k->single_open) {
		*psi = TXN_HOLDS;
		return 0;
	}
	if (txn_weak_check(&k->core, &k->graph, TXN_WEAK_RA, TXN_WR, &k->work, &weak) != 0)
		return -ENOBUFS;
	if (weak.broken) {
		*psi = TXN_BROKEN;
		return 0;
	}
	if (txn_psi_try(&k->core, &k->graph, &k->steps, &k->work, &holds) != 0)
		return -ENOBUFS;
	if (holds)
		*psi = TXN_HOLDS;
	else if (k->o->unknown == NULL)
		k->o->unknown = "the order of some versions is not known, and the one that was tried does not do";
	return 0;
}

static int
build(struct check *k, const struct txn_hist *h)
{
	struct txn_view view = { .mask = TXN_EDGES }, session = { .mask = TXN_DEPENDENCIES | TXN_PROCESS };
	struct txn_view data = { .mask = TXN_DEPENDENCIES };
	int rc = txn_core_init(&k->core, h, &k->work);

	if (rc == 0)
		rc = h->model == TXN_LIST_APPEND ? txn_list_fill(&k->core) : h->model == TXN_SET_ADD ? txn_set_fill(&k->core) :
		    txn_reg_fill(&k->core);
	if (rc == 0)
		rc = txn_graph_build(&k->core, &k->work, &k->graph);
	if (rc == 0)
		rc = txn_graph_scc(&k->graph, &view, &k->work, &k->all);
	session.within = k->all.component;
	if (rc == 0 && k->all.count > 0)
		rc = txn_graph_scc(&k->graph, &session, &k->work, &k->session);
	data.within = k->session.component;
	if (rc == 0 && k->session.count > 0)
		rc = txn_graph_scc(&k->graph, &data, &k->work, &k->data);
	if (rc == 0)
		k->o->edges = k->graph.first[k->graph.n + k->graph.hubs];
	k->o->committed = k->core.n;
	return rc;
}

static int
judge(struct check *k)
{
	int rc = 0;

	add_oddities(k);
	if (k->all.count > 0)
		rc = hunt_all(k);
	txn_level_close(k->core.h->model, k->o->status);
	if (rc == 0)
		rc = judge_views(k);
	txn_level_close(k->core.h->model, k->o->status);
	if (rc == 0)
		rc = judge_open(k, 1);  /* most often that is all */
	if (rc == 0)
		rc = judge_weak(k);
	txn_level_close(k->core.h->model, k->o->status);
	if (rc == 0)
		rc = judge_open(k, FL_ARRAY_LEN(level_views));
	if (rc == 0)
		rc = judge_psi(k);
	if (rc != 0)
		return rc;
	txn_level_close(k->core.h->model, k->o->status);
	for (unsigned level = 0; level < TXN_LEVELS && k->core.ambiguous; level++) {
		if (k->o->status[level] != TXN_HOLDS)
			continue;
		k->o->status[level] = TXN_UNKNOWN;
		k->o->unknown = "a value was written twice to one key, and nobody can say whose was read";
	}
	return 0;
}

int
txn_check(const struct txn_hist *h, const struct txn_options *options, struct txn_outcome_of *ret)
{
	struct check k = { .o = ret, .options = *options, .mem = &ret->mem, .steps = HUNT_STEPS_ALL };
	size_t bytes = options->memory_bytes_max == 0 ? MEMORY_DEFAULT : options->memory_bytes_max;

	memset(ret, 0, sizeof(*ret));
	ret->history = h;
	if (k.options.effort == 0)
		k.options.effort = EFFORT_DEFAULT;
	for (unsigned level = 0; level < TXN_LEVELS; level++)
		ret->status[level] = TXN_UNKNOWN;
	arena_init(&ret->mem, bytes / 4);
	arena_init(&k.work, bytes);
	int rc = build(&k, h);

	if (rc == 0)
		rc = judge(&k);
	arena_fini(&k.work);
	return rc;
}

void
txn_check_fini(struct txn_outcome_of *o)
{
	if (o != NULL)
		arena_fini(&o->mem);
}

enum txn_level
txn_check_strongest(const struct txn_outcome_of *o)
{
	enum txn_level found = TXN_LEVELS;

	for (const enum txn_level *level = txn_level_main(); *level != TXN_LEVELS; level++)
		if (o->status[*level] == TXN_HOLDS)
			found = *level;
	return found;
}

enum txn_level
txn_check_weakest_broken(const struct txn_outcome_of *o)
{
	const enum txn_level *level = txn_level_main();

	while (*level != TXN_LEVELS && o->status[*level] != TXN_BROKEN)
		level++;
	return *level;
}

enum txn_level
txn_check_variant(const struct txn_outcome_of *o, bool holds)
{
	static const enum txn_level variants[] = { TXN_PSI, TXN_SESSION_SI, TXN_STRONG_SI };
	enum txn_level level = holds ? txn_check_strongest(o) : txn_check_weakest_broken(o), found = TXN_LEVELS;
	enum txn_model model = o->history->model;

	for (size_t i = 0; i < FL_ARRAY_LEN(variants) && (holds || found == TXN_LEVELS); i++) {
		enum txn_level v = variants[i];

		if (o->status[v] == (holds ? TXN_HOLDS : TXN_BROKEN) &&
		    (level == TXN_LEVELS || !(holds ? txn_level_implies(model, level, v) : txn_level_implies(model, v, level))))
			found = v;
	}
	return found;
}
