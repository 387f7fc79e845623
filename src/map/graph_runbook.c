/* SPDX-License-Identifier: MIT */
/* graph_runbook.c - a plan as a runbook. */
#include "map/graph_runbook.h"
#include "base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRILLS 10u
#define MANUAL "bring it up, and say when it is there"

/* ---- from the plan ---- */

static void
describe(struct runbook_step *s, const struct graph_runbook *b, uint32_t v)
{
	const struct graph_planned *g = b->plan;
	const struct estate *e = g->m.e;
	const char *timeout = estate_node_text(e, v, "recover.timeout");

	s->name = g->m.names[v];
	s->owner = estate_node_text(e, v, ESTATE_FACT_OWNER);
	s->note = estate_node_text(e, v, "recover.note");
	s->command = estate_node_text(e, v, "recover.command");
	s->pre = estate_node_text(e, v, "recover.precheck");
	s->post = estate_node_text(e, v, "recover.check");
	s->manual = estate_node_text(e, v, "recover.manual");
	if (s->command == NULL && s->manual == NULL && s->post == NULL)
		s->manual = MANUAL;
	if (timeout == NULL || units_parse_duration(timeout, &s->timeout) != 0)
		s->timeout = 0;
	if (g->durations[v].origin != RTO_ASSUMED) {
		s->p50 = g->durations[v].p50;
		s->p75 = g->durations[v].p75;
	}
	s->start = g->has_schedule ? g->s.start[v] : g->p.start[v];
}

static int
make_steps(struct graph_runbook *b)
{
	struct graph_planned *g = b->plan;
	const struct plan *p = &g->p;
	struct arena *keep = &g->m.keep;
	uint32_t *step_of = arena_alloc(keep, (g->m.e->node_count + 1) * sizeof(*step_of)), waves;
	uint32_t *nodes = arena_alloc(keep, (p->chosen_count + 1) * sizeof(*nodes)), *at = arena_alloc(keep, (p->chosen_count + 2) * sizeof(*at));

	b->steps = arena_alloc(keep, (p->chosen_count + 1) * sizeof(*b->steps));
	b->items = arena_alloc(keep, (p->chosen_count + 1) * sizeof(*b->items));
	b->nodes = arena_alloc(keep, (p->chosen_count + 1) * sizeof(*b->nodes));
	if (keep->overflowed)
		return -ENOMEM;
	waves = plan_waves(p, nodes, at);
	for (uint32_t w = 0; w < waves; w++)
		for (uint32_t i = at[w]; i < at[w + 1]; i++) {
			uint32_t v = nodes[i];

			step_of[v] = NEEDS_NONE;
			/* What is up already is no step. */
			if (g->q.up[v])
				continue;
			step_of[v] = b->count;
			b->nodes[b->count] = v;
			b->steps[b->count].wave = w;
			describe(&b->steps[b->count++], b, v);
		}
	for (uint32_t i = 0; i < b->count; i++) {
		uint32_t v = b->nodes[i], n = p->sel_at[v + 1] - p->sel_at[v], *after = arena_alloc(keep, (n + 1) * sizeof(*after));

		if (after == NULL)
			return -ENOMEM;
		for (uint32_t k = 0; k < n; k++) {
			uint32_t need = p->sel[p->sel_at[v] + k];

			if (!g->q.up[need])
				after[b->steps[i].after_count++] = step_of[need];
		}
		b->steps[i].after = after;
	}
	return 0;
}

int
graph_runbook_init(struct graph_runbook *b, struct graph_ask *a, struct graph_reply *r)
{
	uint32_t wrong = 0;
	int rc;

	*b = (struct graph_runbook){ .plan = NULL };
	rc = graph_planned_new(a, r, &b->plan);
	if (rc != 0)
		return rc;
	if (b->plan->p.stuck > 0)
		return graph_reply_fail(r, -EDEADLK, "%u services would never start: they wait for each other; `faultline graph plan` says who, "
		    "and how to break it; say --up SERVICE for those that are started by hand", b->plan->p.stuck);
	rc = make_steps(b);
	if (rc != 0)
		return graph_reply_fail(r, rc, "out of memory");
	if (runbook_init(&b->book, b->steps, b->count, b->items, &wrong) != RUNBOOK_OK)
		return graph_reply_fail(r, -EINVAL, "the step of %.80s cannot be conducted", b->steps[wrong].name);
	return 0;
}

void
graph_runbook_fini(struct graph_runbook *b)
{
	graph_planned_free(b->plan);
}

/* ---- what drills took ---- */

static int
by_size(const void *pa, const void *pb)
{
	const fl_ns *a = pa, *b = pb;

	return *a < *b ? -1 : *a > *b;
}

/* "12.5s,13s": the last of them, the present one first. */
static unsigned
past_drills(const struct graph_runbook *b, uint32_t node, fl_ns took, fl_ns *ret)
{
	const struct estate_fact *f = estate_node_fact_of(b->plan->m.e, node, "recover.drills", "drill");
	const char *list = f != NULL ? f->value : NULL, *word;
	unsigned n = 0;
	size_t len;

	ret[n++] = took;
	while (list != NULL && n < DRILLS && estate_list_next(&list, &word, &len)) {
		char text[40];

		snprintf(text, sizeof(text), "%.*s", (int)FL_MIN(len, sizeof(text) - 1), word);
		if (units_parse_duration(text, &ret[n]) == 0)
			n++;
	}
	return n;
}

static int
tell_drill(struct graph_runbook *b, struct past *p, int64_t now, uint32_t node, const char *key, const char *value)
{
	const struct estate_node *n = &b->plan->m.e->nodes[node];
	const struct sight s = { .what = SIGHT_FACT, .source = "drill", .name = n->name, .space = n->space, .key = key, .value = value, .first = now,
		.last = now, .count = 1 };

	return past_sight(p, &s);
}

int
graph_runbook_drilled(struct graph_runbook *b, struct past *p, int64_t now, uint32_t step, fl_ns took)
{
	const struct past_batch batch = { .now = now };
	uint32_t node = b->nodes[step];
	fl_ns all[DRILLS];
	unsigned n = past_drills(b, node, took, all);
	char list[DRILLS * 24] = "", p50[40], p75[40];
	size_t at = 0;
	int rc = past_begin(p, &batch);

	for (unsigned i = 0; i < n; i++)
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%" PRId64 "ms", i > 0 ? "," : "", all[i] / FL_MS);
	qsort(all, n, sizeof(*all), by_size);
	snprintf(p50, sizeof(p50), "%" PRId64 "ms", all[(n - 1) / 2] / FL_MS);
	snprintf(p75, sizeof(p75), "%" PRId64 "ms", all[(3 * n - 1) / 4] / FL_MS);
	if (rc != 0)
		return rc;
	rc = tell_drill(b, p, now, node, "recover.drills", list);
	if (rc == 0)
		rc = tell_drill(b, p, now, node, ESTATE_FACT_RECOVER_P50, p50);
	if (rc == 0)
		rc = tell_drill(b, p, now, node, ESTATE_FACT_RECOVER_P75, p75);
	if (rc == 0)
		return past_commit(p, NULL);
	past_rollback(p);
	return rc;
}
