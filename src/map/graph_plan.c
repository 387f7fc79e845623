/* SPDX-License-Identifier: MIT */
/* graph_plan.c - in which order to start everything again, and when it is back. */
#include "map/graph_plan.h"
#include "graph/deadlock.h"
#include "graph/needs.h"
#include "graph/serving.h"
#include "graph/shutdown.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FALLBACK (30 * FL_SEC)          /* of those of whom nobody says how long they take */
#define GAINS 10u
#define RUNS_MAX 100000
#define INVERSIONS_MAX 10000u

void
graph_planned_free(struct graph_planned *g)
{
	if (g != NULL)
		graph_map_fini(&g->m);
	free(g);
}

/* These are to serve: what they need to run has to be started, too, be it meanwhile. */
static int
choose_targets(struct graph_planned *g, const uint32_t *wanted, uint32_t count, struct graph_reply *r)
{
	uint32_t *targets = arena_alloc(&g->m.keep, (g->m.e->node_count + 1) * sizeof(*targets));
	int64_t n = -ENOMEM;

	plan_times(&g->p, &g->q);
	if (targets != NULL && serving_times(g->runtime, g->p.end, g->serve, &g->m.scratch) == 0)
		n = serving_closure(g->runtime, g->serve, wanted, count, targets, &g->m.scratch);
	if (n < 0)
		return graph_reply_fail(r, (int)n, "out of memory");
	g->q.targets = targets;
	g->q.target_count = (uint32_t)n;
	return 0;
}

/* Options of the question: who is up already, who is wanted. */
static int
choose(struct graph_planned *g, struct graph_ask *a, struct graph_reply *r)
{
	const struct estate *e = g->m.e;
	uint32_t *targets = arena_alloc(&g->m.keep, (a->word_count + 1) * (e->node_count + 1) * sizeof(*targets)), target_count = 0, found = 0;
	bool *up = arena_alloc(&g->m.keep, e->node_count + 1);
	int rc = 0;

	if (targets == NULL || up == NULL)
		return graph_reply_fail(r, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < a->word_count && rc == 0; i++, target_count += found)
		rc = graph_map_nodes(&g->m, a->words[i], r, targets + target_count, &found);
	for (uint32_t v = 0; v < e->node_count; v++)
		up[v] = e->nodes[v].kind == SIGHT_USER || e->nodes[v].kind == SIGHT_EXTERNAL;
	for (unsigned i = 0; i < a->opt_count && rc == 0; i++) {
		uint32_t node;

		if (strcmp(a->opts[i].key, "up") == 0 && (rc = graph_map_node(&g->m, a->opts[i].value, r, &node)) == 0)
			up[node] = true;
	}
	g->q = (struct plan_question){ .recover = g->recover, .up = up };
	return rc != 0 || a->word_count == 0 ? rc : choose_targets(g, targets, target_count, r);
}

static int
prepare(struct graph_planned *g, struct graph_ask *a, struct graph_reply *r)
{
	const struct needs_view run = { .phase = SIGHT_RUNTIME, .hard_only = true };
	const struct needs_view view = { .phase = graph_ask_has(a, "serving") ? SIGHT_RUNTIME : SIGHT_STARTUP, .hard_only = true };
	fl_ns fallback = FALLBACK;
	int64_t crews = 0;
	int rc = graph_map_init(&g->m, a, r);

	if (rc == 0)
		rc = graph_ask_duration(a, r, "assume", &fallback);
	if (rc == 0)
		rc = graph_ask_number(a, r, "crews", 1, 100000, &crews);
	if (rc != 0)
		return rc;
	g->durations = arena_alloc(&g->m.keep, (g->m.e->node_count + 1) * sizeof(*g->durations));
	g->recover = arena_alloc(&g->m.keep, (g->m.e->node_count + 1) * sizeof(*g->recover));
	g->serve = arena_alloc(&g->m.keep, (g->m.e->node_count + 1) * sizeof(*g->serve));
	g->crew_serve = arena_alloc(&g->m.keep, (g->m.e->node_count + 1) * sizeof(*g->crew_serve));
	rc = needs_of_estate(g->m.e, &view, &g->m.keep, &g->m.scratch, &g->n);
	if (rc == 0)
		rc = needs_of_estate(g->m.e, &run, &g->m.keep, &g->m.scratch, &g->runtime);
	if (rc == 0)
		rc = plan_init(&g->p, g->n, &g->m.keep);
	if (rc != 0 || g->durations == NULL || g->recover == NULL || g->serve == NULL || g->crew_serve == NULL)
		return graph_reply_fail(r, rc != 0 ? rc : -ENOMEM, "the map is larger than the memory it may take");
	rto_durations(g->m.e, fallback, g->durations, g->recover);
	rc = choose(g, a, r);
	if (rc != 0)
		return rc;
	plan_run(&g->p, &g->q);
	g->has_schedule = crews > 0;
	rc = serving_times(g->runtime, g->p.end, g->serve, &g->m.scratch);
	if (rc == 0 && g->has_schedule)
		rc = schedule_run(&g->p, (uint32_t)crews, &g->m.keep, &g->m.scratch, &g->s);
	if (rc == 0 && g->has_schedule)
		rc = serving_times(g->runtime, g->s.end, g->crew_serve, &g->m.scratch);
	return rc != 0 ? graph_reply_fail(r, -ENOMEM, "out of memory") : 0;
}

int
graph_planned_new(struct graph_ask *a, struct graph_reply *r, struct graph_planned **ret)
{
	struct graph_planned *g = calloc(1, sizeof(*g));
	int rc = g == NULL ? graph_reply_fail(r, -ENOMEM, "out of memory") : prepare(g, a, r);

	*ret = g;
	return rc;
}

/* ---- recovery ---- */

static void
put_names(struct jsonw *w, const struct graph_planned *g, const char *key, const uint32_t *nodes, uint32_t count)
{
	jsonw_key(w, key);
	jsonw_array(w);
	for (uint32_t i = 0; i < count; i++)
		jsonw_string(w, g->m.names[nodes[i]]);
	jsonw_end(w);
}

static void
put_step(struct jsonw *w, const struct graph_planned *g, uint32_t v)
{
	const struct plan *p = &g->p;
	const struct rto_duration *d = &g->durations[v];

	jsonw_object(w);
	jsonw_str(w, "name", g->m.names[v]);
	graph_put_seconds(w, "start", g->has_schedule ? g->s.start[v] : p->start[v]);
	graph_put_seconds(w, "end", g->has_schedule ? g->s.end[v] : p->end[v]);
	graph_put_seconds(w, "serves", g->has_schedule ? g->crew_serve[v] : g->serve[v]);
	graph_put_seconds(w, "takes", d->recover);
	jsonw_str(w, "takes_from", rto_origin_word(d->origin));
	graph_put_seconds(w, "slack", p->slack[v]);
	if (g->has_schedule && g->s.crew[v] != NEEDS_NONE)
		jsonw_num(w, "crew", g->s.crew[v] + 1);
	put_names(w, g, "after", p->sel + p->sel_at[v], p->sel_at[v + 1] - p->sel_at[v]);
	if (p->gate[v] != NEEDS_NONE)
		jsonw_str(w, "waits_for", g->m.names[p->gate[v]]);
	graph_put_text(w, "command", estate_node_text(g->m.e, v, "recover.command"));
	graph_put_text(w, "manual", estate_node_text(g->m.e, v, "recover.manual"));
	graph_put_text(w, "owner", estate_node_text(g->m.e, v, ESTATE_FACT_OWNER));
	jsonw_end(w);
}

static int
by_crew_start(const void *a, const void *b, void *arg)
{
	const fl_ns *start = arg;
	const uint32_t *x = a, *y = b;

	if (start[*x] != start[*y])
		return start[*x] < start[*y] ? -1 : 1;
	return *x < *y ? -1 : *x > *y;
}

static int
put_waves(struct jsonw *w, struct graph_planned *g)
{
	uint32_t *nodes = arena_alloc(&g->m.scratch, (g->p.chosen_count + 1) * sizeof(*nodes));
	uint32_t *at = arena_alloc(&g->m.scratch, (g->p.chosen_count + 2) * sizeof(*at)), waves, count;

	if (nodes == NULL || at == NULL)
		return -ENOMEM;
	waves = plan_waves(&g->p, nodes, at);
	jsonw_key(w, "waves");
	jsonw_array(w);
	for (uint32_t i = 0; i < waves; i++) {
		jsonw_object(w);
		graph_put_seconds(w, "start", g->p.start[nodes[at[i]]]);
		jsonw_key(w, "services");
		jsonw_array(w);
		for (uint32_t k = at[i]; k < at[i + 1]; k++)
			if (!g->q.up[nodes[k]])
				jsonw_string(w, g->m.names[nodes[k]]);
		jsonw_end(w);
		jsonw_end(w);
	}
	jsonw_end(w);
	if (g->has_schedule)
		qsort_r(nodes, at[waves], sizeof(*nodes), by_crew_start, g->s.start);
	jsonw_key(w, "steps");
	jsonw_array(w);
	for (uint32_t i = 0; i < at[waves]; i++)
		if (!g->q.up[nodes[i]])
			put_step(w, g, nodes[i]);
	jsonw_end(w);
	count = plan_critical(&g->p, nodes);
	put_names(w, g, "critical_path", nodes, count);
	return 0;
}

static int
put_deadlocks(struct jsonw *w, struct graph_planned *g, struct graph_reply *r)
{
	struct deadlock_estate cost = { g->m.e, g->n };
	struct deadlocks d;
	int rc = deadlock_find(&g->p, deadlock_estate_cost, &cost, &g->m.keep, &g->m.scratch, &d);

	if (rc != 0)
		return rc;
	jsonw_key(w, "deadlocks");
	jsonw_array(w);
	for (uint32_t i = 0; i < d.count; i++) {
		const struct deadlock *c = &d.circles[i];

		jsonw_object(w);
		put_names(w, g, "services", d.nodes + c->node_first, c->node_count);
		jsonw_key(w, "break");
		jsonw_array(w);
		for (uint32_t k = 0; k < c->break_count; k++) {
			const struct deadlock_break *b = &d.breaks[c->break_first + k];

			jsonw_object(w);
			jsonw_str(w, "start", g->m.names[b->from]);
			jsonw_str(w, "without", g->m.names[b->to]);
			jsonw_num(w, "cost", b->cost);
			jsonw_end(w);
		}
		jsonw_end(w);
		jsonw_flag(w, "cheapest", c->exact);
		jsonw_end(w);
	}
	jsonw_end(w);
	jsonw_num(w, "behind_deadlocks", d.behind);
	r->finding = r->finding || d.count > 0;
	return 0;
}

static int
put_objectives(struct jsonw *w, struct graph_planned *g, struct graph_reply *r)
{
	uint32_t max = g->m.e->node_count, count;
	struct rto_row *rows = arena_alloc(&g->m.scratch, (max + 1) * sizeof(*rows));
	struct rto_inversion *inversions = arena_alloc(&g->m.scratch, INVERSIONS_MAX * sizeof(*inversions));
	int64_t n;

	if (rows == NULL || inversions == NULL)
		return -ENOMEM;
	count = FL_MIN(rto_verdicts(g->m.e, &g->p, g->serve, g->has_schedule ? g->crew_serve : NULL, rows, max), max);
	jsonw_key(w, "objectives");
	jsonw_array(w);
	for (uint32_t i = 0; i < count; i++) {
		jsonw_object(w);
		jsonw_str(w, "name", g->m.names[rows[i].node]);
		jsonw_str(w, "verdict", rto_verdict_word(rows[i].verdict));
		graph_put_seconds(w, "rto", rows[i].rto);
		graph_put_seconds(w, "end", rows[i].end);
		graph_put_seconds(w, "margin", rows[i].margin);
		jsonw_end(w);
		r->finding = r->finding || rows[i].verdict != RTO_MET;
	}
	jsonw_end(w);
	n = rto_inversions(g->m.e, g->runtime, &g->m.scratch, inversions, INVERSIONS_MAX);
	if (n < 0)
		return (int)n;
	jsonw_key(w, "unmeetable");
	jsonw_array(w);
	for (int64_t i = 0; i < FL_MIN(n, INVERSIONS_MAX); i++) {
		jsonw_object(w);
		jsonw_str(w, "name", g->m.names[inversions[i].node]);
		jsonw_str(w, "needs", g->m.names[inversions[i].need]);
		graph_put_seconds(w, "rto", inversions[i].rto);
		graph_put_seconds(w, "promise", inversions[i].promise);
		jsonw_end(w);
	}
	jsonw_end(w);
	r->finding = r->finding || n > 0;
	return 0;
}

static int
put_gains(struct jsonw *w, struct graph_planned *g)
{
	struct rto_gain gains[GAINS];
	fl_ns *work = arena_alloc(&g->m.scratch, (g->m.e->node_count + 1) * sizeof(*work));
	uint32_t count;

	if (work == NULL)
		return -ENOMEM;
	count = rto_gains(g->m.e, &g->p, &g->q, work, GAINS, gains);
	jsonw_key(w, "speed_up");
	jsonw_array(w);
	for (uint32_t i = 0; i < count; i++) {
		jsonw_object(w);
		jsonw_str(w, "name", g->m.names[gains[i].node]);
		graph_put_seconds(w, "gain", gains[i].gain);
		graph_put_seconds(w, "gain_half", gains[i].gain_half);
		jsonw_num(w, "objectives_met", gains[i].fixed);
		jsonw_end(w);
	}
	jsonw_end(w);
	return 0;
}

static int
put_chances(struct jsonw *w, struct graph_planned *g, const struct graph_ask *a, struct graph_reply *r)
{
	int64_t runs = 0, seed = 1;
	struct rto_chances c;
	int rc = graph_ask_number(a, r, "simulate", 1, RUNS_MAX, &runs);

	if (rc == 0)
		rc = graph_ask_number(a, r, "seed", 0, INT64_MAX, &seed);
	if (rc != 0 || runs == 0)
		return rc;
	if (rto_simulate(g->m.e, &g->p, &g->q, g->durations, (uint64_t)seed, (uint32_t)runs, &g->m.keep, &g->m.scratch, &c) != 0)
		return graph_reply_fail(r, -ENOMEM, "out of memory");
	jsonw_key(w, "chances");
	jsonw_object(w);
	jsonw_num(w, "runs", c.runs);
	jsonw_num(w, "seed", seed);
	graph_put_seconds(w, "p50", c.p50);
	graph_put_seconds(w, "p90", c.p90);
	graph_put_seconds(w, "worst", c.worst);
	jsonw_end(w);
	return 0;
}

static int
answer_recovery(struct graph_planned *g, const struct graph_ask *a, struct graph_reply *r)
{
	struct jsonw *w = &r->w;
	int rc;

	jsonw_object(w);
	graph_put_seconds(w, "makespan", g->has_schedule ? g->s.makespan : g->p.makespan);
	if (g->has_schedule) {
		jsonw_num(w, "crews", g->s.crews);
		graph_put_seconds(w, "bound", g->s.bound);
		graph_put_seconds(w, "work", g->s.work);
	}
	jsonw_num(w, "stuck", g->p.stuck);
	r->finding = g->p.stuck > 0;
	rc = put_waves(w, g);
	if (rc == 0)
		rc = put_deadlocks(w, g, r);
	if (rc == 0)
		rc = put_objectives(w, g, r);
	if (rc == 0)
		rc = put_gains(w, g);
	if (rc == 0)
		rc = put_chances(w, g, a, r);
	jsonw_end(w);
	return rc == -ENOMEM ? graph_reply_fail(r, rc, "out of memory") : rc;
}

/* ---- shutdown ---- */

static int
answer_shutdown(struct graph_planned *g, const struct graph_ask *a, struct graph_reply *r)
{
	const struct estate *e = g->m.e;
	const struct needs_view view = { .phase = SIGHT_RUNTIME };
	uint32_t *kept = arena_alloc(&g->m.keep, (a->opt_count + 1) * sizeof(*kept)), kept_count = 0;
	fl_ns *stop = arena_alloc(&g->m.keep, (e->node_count + 1) * sizeof(*stop));
	struct shutdown s;
	struct needs *n;
	int rc = needs_of_estate(e, &view, &g->m.keep, &g->m.scratch, &n);

	if (rc != 0 || kept == NULL || stop == NULL)
		return graph_reply_fail(r, -ENOMEM, "out of memory");
	for (uint32_t v = 0; v < e->node_count; v++)
		if (estate_node_ns(e, v, ESTATE_FACT_STOP, &stop[v]) != 0)
			stop[v] = 0;
	for (unsigned i = 0; i < a->opt_count && rc == 0; i++)
		if (strcmp(a->opts[i].key, "keep") == 0)
			rc = graph_map_node(&g->m, a->opts[i].value, r, &kept[kept_count++]);
	if (rc != 0)
		return rc;
	if (shutdown_run(n, stop, kept, kept_count, &g->m.keep, &g->m.scratch, &s) != 0)
		return graph_reply_fail(r, -ENOMEM, "out of memory");
	jsonw_object(&r->w);
	graph_put_seconds(&r->w, "makespan", s.makespan);
	jsonw_key(&r->w, "shutdown");
	jsonw_array(&r->w);
	for (uint32_t i = 0; i < s.count; i++) {
		if (e->nodes[s.steps[i].node].kind == SIGHT_USER || e->nodes[s.steps[i].node].kind == SIGHT_EXTERNAL)
			continue;
		jsonw_object(&r->w);
		jsonw_str(&r->w, "name", g->m.names[s.steps[i].node]);
		graph_put_seconds(&r->w, "start", s.steps[i].start);
		graph_put_seconds(&r->w, "end", s.steps[i].end);
		graph_put_text(&r->w, "command", estate_node_text(e, s.steps[i].node, "stop.command"));
		jsonw_end(&r->w);
	}
	jsonw_end(&r->w);
	put_names(&r->w, g, "kept", s.kept, s.kept_count);
	jsonw_end(&r->w);
	return 0;
}

int
graph_plan(struct graph_ask *a, struct graph_reply *r)
{
	struct graph_planned *g;
	int rc = graph_planned_new(a, r, &g);

	if (rc == 0)
		rc = graph_ask_has(a, "shutdown") ? answer_shutdown(g, a, r) : answer_recovery(g, a, r);
	graph_planned_free(g);
	return rc;
}
