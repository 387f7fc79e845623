/* SPDX-License-Identifier: MIT */
/* graph_judge.c - answers that look for something. */
#include "map/graph_judge.h"
#include "graph/coverage.h"
#include "graph/drift.h"
#include "graph/lint.h"
#include "graph/query.h"
#include "fault/kind.h"
#include "map/graph_show.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KINDS_MAX 64u
#define TEXT_MAX 8192u

/* ---- query ---- */

struct registered {
	const char *key;
	bool found;
};

static int
match_type(void *arg, const char *key, int64_t made, int64_t until, const char *body)
{
	struct registered *r = arg;

	(void)made, (void)until, (void)body;
	r->found = r->found || strcmp(key, r->key) == 0;
	return 0;
}

/* Keys that have a meaning here are known before anybody says them, and so are registered ones. */
static bool
is_known(void *arg, const char *key)
{
	static const char *const own[] = { ESTATE_FACT_TIER, ESTATE_FACT_OWNER, ESTATE_FACT_FUNCTION, ESTATE_FACT_ZONE, ESTATE_FACT_RTO,
		ESTATE_FACT_RPO, ESTATE_FACT_RECOVER, "stateful", "backup.last", "backup.ok", "backup.verified", "backup.schedule", "backup.by",
		"backup.paused", "backup.failed", "backup.archived", "backup.bytes", "replicas", NULL };
	struct registered r = { .key = key };

	for (size_t i = 0; own[i] != NULL; i++)
		if (strcmp(own[i], key) == 0)
			return true;
	past_notes(arg, "fact-type", match_type, &r);
	return r.found;
}

/* The question as it was typed, with a caret under the mistake. */
static int
show_mistake(struct graph_reply *r, const char *text, const struct query_mistake *m)
{
	size_t at = FL_MIN(m->at, strlen(text)), from = at > 60 ? at - 60 : 0;

	return graph_reply_fail(r, -EINVAL, "%s\n  %.100s\n  %*s^", m->text, text + from, (int)(at - from), "");
}

static int
put_matches(struct graph_reply *r, struct graph_map *m, const struct query *q, const uint32_t *ids, int64_t count)
{
	jsonw_object(&r->w);
	jsonw_key(&r->w, query_of_lines(q) ? "lines" : "services");
	jsonw_array(&r->w);
	for (int64_t i = 0; i < count; i++) {
		if (query_of_lines(q))
			graph_show_line(&r->w, m, ids[i], false);
		else
			graph_show_node(&r->w, m, ids[i]);
	}
	jsonw_end(&r->w);
	jsonw_end(&r->w);
	return 0;
}

static int
answer_query(struct graph_map *m, const struct graph_ask *a, struct graph_reply *r, const char *text)
{
	uint32_t *ids = arena_alloc(&m->scratch, (FL_MAX(m->e->node_count, m->e->line_count) + 1) * sizeof(*ids));
	struct query_mistake mistake;
	struct query *q;
	int64_t count;
	int rc = query_parse(text, &m->keep, &q, &mistake);

	if (rc == 0)
		rc = query_check(q, m->e, is_known, a->past, &mistake);
	if (rc == -EINVAL || rc == -ENOENT)
		return show_mistake(r, text, &mistake);
	count = rc == 0 && ids != NULL ? query_run(q, m->e, a->now, &m->scratch, ids) : -ENOMEM;
	return count >= 0 ? put_matches(r, m, q, ids, count) : graph_reply_fail(r, -ENOMEM, "out of memory");
}

int
graph_query(struct graph_ask *a, struct graph_reply *r)
{
	struct graph_map m;
	char text[TEXT_MAX] = "";
	size_t n = 0;
	int rc = graph_map_init(&m, a, r);

	for (unsigned i = 0; i < a->word_count && rc == 0; i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i > 0 ? " " : "", a->words[i]);
		if (n >= sizeof(text))
			rc = graph_reply_fail(r, -EINVAL, "the question is too long");
	}
	if (rc == 0)
		rc = answer_query(&m, a, r, text);
	graph_map_fini(&m);
	return rc;
}

/* ---- lint ---- */

static void
put_findings(struct jsonw *w, const struct graph_map *m, const struct lint *l)
{
	jsonw_key(w, "findings");
	jsonw_array(w);
	for (uint32_t i = 0; i < l->finding_count; i++) {
		const struct lint_finding *f = &l->findings[i];

		jsonw_object(w);
		jsonw_str(w, "severity", lint_rule_is_error(f->rule) ? "error" : "warning");
		jsonw_str(w, "rule", lint_rule_word(f->rule));
		jsonw_str(w, f->node == ESTATE_NONE ? "function" : "service", f->subject);
		if (f->other != ESTATE_NONE)
			jsonw_str(w, "other", m->names[f->other]);
		jsonw_str(w, "text", f->text);
		jsonw_end(w);
	}
	jsonw_end(w);
	jsonw_key(w, "functions");
	jsonw_array(w);
	for (uint32_t i = 0; i < l->function_count; i++) {
		const struct lint_function *f = &l->functions[i];

		jsonw_object(w);
		jsonw_str(w, "name", f->name);
		jsonw_num(w, "stores", f->stores);
		if (f->rpo != FL_NEVER)
			graph_put_seconds(w, "rpo", f->rpo);
		if (f->stores > 0) {
			graph_put_seconds(w, "effective_rpo", f->exposure);
			graph_put_seconds(w, "skew", f->skew);
			jsonw_str(w, "worst", m->names[f->worst]);
		}
		jsonw_end(w);
	}
	jsonw_end(w);
}

int
graph_lint(struct graph_ask *a, struct graph_reply *r)
{
	struct lint_options o = { .now = a->now };
	struct graph_map m;
	struct lint l;
	int rc = graph_map_init(&m, a, r);

	if (rc == 0)
		rc = graph_ask_when(a, r, "now", &o.now);
	if (rc == 0)
		rc = graph_ask_duration(a, r, "untested-after", &o.untested_after);
	if (rc == 0)
		rc = graph_ask_duration(a, r, "skew", &o.skew_max);
	if (rc == 0) {
		o.names = m.names;
		rc = lint_run(m.e, &o, &m.keep, &m.scratch, &l);
		if (rc != 0)
			graph_reply_fail(r, rc, "out of memory");
	}
	if (rc == 0) {
		jsonw_object(&r->w);
		put_findings(&r->w, &m, &l);
		jsonw_end(&r->w);
		r->finding = l.finding_count > 0;
	}
	graph_map_fini(&m);
	return rc;
}

/* ---- drift ---- */

static struct drift_rule *
rules_of(struct graph_map *m)
{
	struct drift_rule *rules = arena_alloc(&m->scratch, (m->rule_count + 1) * sizeof(*rules));

	for (uint32_t i = 0; rules != NULL && i < m->rule_count; i++)
		rules[i] = (struct drift_rule){ m->rules[i].from, m->rules[i].to, strcmp(m->rules[i].verdict, "allow") != 0 };
	return rules;
}

static void
put_drift(struct graph_reply *r, const struct graph_map *m, const struct drift_line *lines)
{
	uint32_t count[DRIFT_STATES] = { 0 };

	jsonw_object(&r->w);
	for (enum drift_state s = DRIFT_STATES; s-- > DRIFT_UNDECLARED;) {
		jsonw_key(&r->w, drift_word(s));
		jsonw_array(&r->w);
		for (uint32_t i = 0; i < m->e->line_count; i++) {
			const struct estate_line *l = &m->e->lines[i];

			count[lines[i].state] += s == DRIFT_UNDECLARED;
			if (lines[i].state != s)
				continue;
			jsonw_object(&r->w);
			jsonw_str(&r->w, "from", m->names[l->from]);
			jsonw_str(&r->w, "to", m->names[l->to]);
			jsonw_str(&r->w, "kind", l->protocol[0] != '\0' ? l->protocol : "any");
			graph_put_when(&r->w, "first", l->first);
			graph_put_when(&r->w, "last", l->last);
			if (lines[i].rule != ESTATE_NONE) {
				jsonw_key(&r->w, "rule");
				jsonw_printf(&r->w, "deny %s -> %s", m->rules[lines[i].rule].from, m->rules[lines[i].rule].to);
				graph_put_text(&r->w, "rule_where", m->rules[lines[i].rule].where);
			}
			jsonw_end(&r->w);
		}
		jsonw_end(&r->w);
	}
	jsonw_num(&r->w, "ok", count[DRIFT_OK]);
	jsonw_end(&r->w);
	r->finding = count[DRIFT_UNDECLARED] + count[DRIFT_FORBIDDEN] + count[DRIFT_STALE] > 0;
}

int
graph_drift(struct graph_ask *a, struct graph_reply *r)
{
	struct graph_map m;
	struct drift_line *lines;
	struct drift_rule *rules;
	fl_ns needed = 0;
	bool *covered;
	int rc;

	/* What stands between two services is no drift of theirs. */
	if (!graph_ask_has(a, "no-fold"))
		graph_ask_add(a, "fold", "");
	rc = graph_map_init(&m, a, r);
	if (rc == 0)
		rc = graph_ask_duration(a, r, "covered", &needed);
	if (rc == 0) {
		lines = arena_alloc(&m.scratch, (m.e->line_count + 1) * sizeof(*lines));
		covered = arena_alloc(&m.scratch, m.e->node_count + 1);
		rules = rules_of(&m);
		if (lines == NULL || covered == NULL || rules == NULL) {
			rc = graph_reply_fail(r, -ENOMEM, "out of memory");
		} else {
			for (uint32_t i = 0; i < m.cover_count; i++)
				if (m.covers[i].last - m.covers[i].first >= needed)
					covered[m.covers[i].node] = true;
			drift_run(m.e, m.names, past_declares, rules, m.rule_count, covered, lines);
			put_drift(r, &m, lines);
		}
	}
	graph_map_fini(&m);
	return rc;
}

/* ---- coverage ---- */

static void
put_coverage(struct graph_reply *r, const struct graph_map *m, const struct coverage *c)
{
	struct jsonw *w = &r->w;

	jsonw_object(w);
	jsonw_key(w, "kinds");
	jsonw_array(w);
	for (uint32_t k = 0; k < c->kind_count; k++) {
		jsonw_object(w);
		jsonw_str(w, "kind", c->kinds[k]);
		for (enum coverage_outcome o = COVERAGE_NEVER; o < COVERAGE_OUTCOMES; o++)
			jsonw_num(w, coverage_word(o), c->by_outcome[k * COVERAGE_OUTCOMES + o]);
		jsonw_end(w);
	}
	jsonw_end(w);
	jsonw_key(w, "cells");
	jsonw_array(w);
	for (uint32_t i = 0; i < c->cell_count; i++) {
		const struct estate_line *l = &m->e->lines[c->cells[i].line];

		jsonw_object(w);
		jsonw_str(w, "from", m->names[l->from]);
		jsonw_str(w, "to", m->names[l->to]);
		jsonw_str(w, "kind", c->kinds[c->cells[i].kind]);
		jsonw_str(w, "outcome", coverage_word(c->cells[i].outcome));
		graph_put_text(w, "where", c->cells[i].fact->where);
		graph_put_when(w, "when", c->cells[i].fact->last);
		jsonw_end(w);
		r->finding = r->finding || c->cells[i].outcome == COVERAGE_BROKE;
	}
	jsonw_end(w);
	jsonw_key(w, "never");
	jsonw_array(w);
	for (uint32_t i = 0; i < m->e->line_count; i++) {
		bool tried = false;

		for (uint32_t k = 0; k < c->kind_count && !tried; k++)
			tried = coverage_at(c, i, k) != COVERAGE_NEVER;
		if (!tried)
			jsonw_printf(w, "%s -> %s", m->names[m->e->lines[i].from], m->names[m->e->lines[i].to]);
	}
	jsonw_end(w);
	jsonw_end(w);
}

int
graph_coverage(struct graph_ask *a, struct graph_reply *r)
{
	const char *kinds[KINDS_MAX];
	struct graph_map m;
	struct coverage c;
	uint32_t count = 0;
	int rc = graph_map_init(&m, a, r);

	for (int k = 0; k < FAULT_KIND_COUNT && count < KINDS_MAX; k++)
		kinds[count++] = kind_info((enum fault_kind)k)->name;
	if (rc == 0) {
		rc = coverage_of_estate(m.e, kinds, count, &m.keep, &m.scratch, &c);
		if (rc == 0)
			put_coverage(r, &m, &c);
		else
			graph_reply_fail(r, rc, "out of memory");
	}
	graph_map_fini(&m);
	return rc;
}
