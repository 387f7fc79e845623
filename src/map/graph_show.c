/* SPDX-License-Identifier: MIT */
/* graph_show.c - the map, what changed in it, and who says so. */
#include "map/graph_show.h"
#include "base/assert.h"
#include "map/graph_apps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_DEFAULT (86400 * FL_SEC)

/* ---- nodes and lines ---- */

static void
put_facts(struct jsonw *w, const struct estate_fact *facts, uint32_t count)
{
	bool open = false;

	/* By key, the best answer first: that one alone. */
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0 && strcmp(facts[i].key, facts[i - 1].key) == 0)
			continue;
		if (!open) {
			jsonw_key(w, "facts");
			jsonw_object(w);
			open = true;
		}
		jsonw_str(w, facts[i].key, facts[i].value);
	}
	if (open)
		jsonw_end(w);
}

void
graph_show_node(struct jsonw *w, const struct graph_map *m, uint32_t node)
{
	const struct estate *e = m->e;
	const struct estate_node *n = &e->nodes[node];

	jsonw_object(w);
	jsonw_str(w, "name", m->names[node]);
	jsonw_str(w, "kind", n->kind == SIGHT_KIND_UNKNOWN ? "service" : estate_kind_word(n->kind));
	graph_put_text(w, "namespace", n->space);
	graph_put_text(w, "app", n->app);
	graph_put_when(w, "first", n->first);
	graph_put_when(w, "last", n->last);
	if (n->through)
		jsonw_flag(w, "through", true);
	put_facts(w, e->facts + n->fact_first, n->fact_count);
	if (n->instance_count > 0) {
		jsonw_key(w, "instances");
		jsonw_array(w);
		for (uint32_t i = 0; i < n->instance_count; i++) {
			const struct estate_instance *at = &e->instances[n->instance_first + i];

			if (i == 0 || strcmp(at->address, at[-1].address) != 0)
				jsonw_string(w, at->address);
		}
		jsonw_end(w);
	}
	if (n->group_count > 0) {
		jsonw_key(w, "groups");
		jsonw_array(w);
		for (uint32_t i = 0; i < n->group_count; i++) {
			const struct estate_group *g = &e->groups[n->group_first + i];

			jsonw_object(w);
			jsonw_num(w, "need", g->k);
			jsonw_key(w, "of");
			jsonw_array(w);
			for (uint32_t k = 0; k < g->member_count; k++)
				jsonw_string(w, m->names[e->members[g->member_first + k]]);
			jsonw_end(w);
			jsonw_str(w, "strength", estate_strength_word(g->strength));
			jsonw_str(w, "source", g->source);
			graph_put_text(w, "where", g->where);
			graph_put_when(w, "first", g->first);
			graph_put_when(w, "last", g->last);
			if (!past_declares(g->source))
				jsonw_num(w, "count", (int64_t)g->count);
			jsonw_end(w);
		}
		jsonw_end(w);
	}
	jsonw_end(w);
}

static void
put_sources(struct jsonw *w, const struct estate *e, const struct estate_line *l)
{
	jsonw_key(w, "sources");
	jsonw_array(w);
	for (uint32_t i = 0; i < l->evidence_count; i++) {
		const struct estate_evidence *v = &e->evidence[l->evidence_first + i];

		if (i == 0 || strcmp(v->source, v[-1].source) != 0)
			jsonw_string(w, v->source);
	}
	jsonw_end(w);
}

static void
put_evidence(struct jsonw *w, const struct estate_evidence *v)
{
	jsonw_object(w);
	jsonw_str(w, "source", v->source);
	graph_put_text(w, "where", v->where);
	graph_put_text(w, "protocol", v->protocol);
	graph_put_when(w, "first", v->first);
	graph_put_when(w, "last", v->last);
	jsonw_num(w, "count", (int64_t)v->count);
	jsonw_num(w, "errors", (int64_t)v->errors);
	if (v->latency > 0 && v->count > 0)
		graph_put_seconds(w, "latency_seconds", (fl_ns)(v->latency / v->count));
	graph_put_text(w, "strength", estate_strength_word(v->strength));
	graph_put_text(w, "phase", estate_phase_word(v->phase));
	graph_put_text(w, "mode", estate_mode_word(v->mode));
	jsonw_end(w);
}

static void
put_assumed(struct jsonw *w, uint32_t assumed)
{
	static const struct {
		uint32_t bit;
		const char *word;
	} all[] = { { ESTATE_ASSUMED_STRENGTH, "strength" }, { ESTATE_ASSUMED_PHASE, "phase" }, { ESTATE_ASSUMED_MODE, "mode" } };

	if (assumed == 0)
		return;
	jsonw_key(w, "assumed");
	jsonw_array(w);
	for (size_t i = 0; i < FL_ARRAY_LEN(all); i++)
		if ((assumed & all[i].bit) != 0)
			jsonw_string(w, all[i].word);
	jsonw_end(w);
}

/* When it was seen; of a line that was only declared, since when it is. */
static void
put_seen(struct jsonw *w, const struct estate *e, const struct estate_line *l)
{
	int64_t first = 0, last = 0;

	for (uint32_t i = 0; i < l->evidence_count; i++) {
		const struct estate_evidence *v = &e->evidence[l->evidence_first + i];

		if (past_declares(v->source) || v->first == 0)
			continue;
		first = first == 0 ? v->first : FL_MIN(first, v->first);
		last = FL_MAX(last, v->last);
	}
	graph_put_when(w, "first", first != 0 ? first : l->first);
	graph_put_when(w, "last", last != 0 ? last : l->last);
}

void
graph_show_line(struct jsonw *w, const struct graph_map *m, uint32_t line, bool evidence)
{
	const struct estate *e = m->e;
	const struct estate_line *l = &e->lines[line];
	uint64_t errors = 0, calls = estate_line_calls(e, line, &errors);

	jsonw_object(w);
	jsonw_str(w, "from", m->names[l->from]);
	jsonw_str(w, "to", m->names[l->to]);
	jsonw_str(w, "kind", l->protocol[0] != '\0' ? l->protocol : l->mode == SIGHT_ASYNC ? "async" : "any");
	put_sources(w, e, l);
	put_seen(w, e, l);
	jsonw_num(w, "count", (int64_t)calls);
	jsonw_num(w, "errors", (int64_t)errors);
	jsonw_str(w, "strength", estate_strength_word(l->strength));
	jsonw_str(w, "phase", estate_phase_word(l->phase));
	jsonw_str(w, "mode", estate_mode_word(l->mode));
	put_assumed(w, l->assumed);
	if (l->grouped)
		jsonw_flag(w, "grouped", true);
	put_facts(w, e->facts + l->fact_first, l->fact_count);
	if (evidence) {
		jsonw_key(w, "evidence");
		jsonw_array(w);
		for (uint32_t i = 0; i < l->evidence_count; i++)
			put_evidence(w, &e->evidence[l->evidence_first + i]);
		jsonw_end(w);
	}
	jsonw_end(w);
}

static void
put_aliases(struct jsonw *w, const struct graph_map *m)
{
	if (m->alias_count == 0)
		return;
	jsonw_key(w, "aliases");
	jsonw_array(w);
	for (uint32_t i = 0; i < m->alias_count; i++) {
		jsonw_object(w);
		jsonw_str(w, "name", m->aliases[i].name);
		jsonw_str(w, "is", m->aliases[i].to);
		graph_put_text(w, "why", m->aliases[i].why);
		jsonw_str(w, "source", m->aliases[i].source);
		jsonw_end(w);
	}
	jsonw_end(w);
}

/* Which nodes are asked for: those named, with their neighbours; without names all. */
static int
choose(const struct graph_ask *a, struct graph_reply *r, struct graph_map *m, bool *named)
{
	const struct estate *e = m->e;

	uint32_t *nodes = arena_alloc(&m->scratch, (e->node_count + 1) * sizeof(*nodes)), count;

	if (nodes == NULL)
		return graph_reply_fail(r, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < a->word_count; i++) {
		int rc = graph_map_nodes(m, a->words[i], r, nodes, &count);

		if (rc != 0)
			return rc;
		for (uint32_t k = 0; k < count; k++)
			named[nodes[k]] = true;
	}
	for (uint32_t v = 0; v < e->node_count && a->word_count == 0; v++)
		named[v] = true;
	return 0;
}

/* Services by the application that they are part of: those of app v are ret[at[v]] .. ret[at[v + 1] - 1]. */
static uint32_t *
parts_of(struct graph_map *rolled, const struct graph_map *m, uint32_t *at)
{
	const struct estate *e = m->e;
	uint32_t *app = arena_alloc(&rolled->scratch, (e->node_count + 1) * sizeof(*app));
	uint32_t *ret = arena_alloc(&rolled->scratch, (e->node_count + 1) * sizeof(*ret));

	if (app == NULL || ret == NULL)
		return NULL;
	memset(at, 0, (rolled->e->node_count + 2) * sizeof(*at));
	for (uint32_t v = 0; v < e->node_count; v++) {
		app[v] = estate_find(rolled->e, graph_apps_name(m, v), NULL);
		fl_assert(app[v] != ESTATE_NONE);
		at[app[v] + 2]++;
	}
	for (uint32_t i = 2; i < rolled->e->node_count + 2; i++)
		at[i] += at[i - 1];
	for (uint32_t v = 0; v < e->node_count; v++)
		ret[at[app[v] + 1]++] = v;
	return ret;
}

/* Services rolled up to applications. */
static int
show_apps(struct graph_reply *r, struct graph_map *m)
{
	struct graph_map services = *m;
	uint32_t *at, *parts = NULL;
	int rc = graph_apps_roll(m, r);

	if (rc != 0)
		return rc;
	at = arena_alloc(&m->scratch, (m->e->node_count + 2) * sizeof(*at));
	if (at != NULL)
		parts = parts_of(m, &services, at);
	if (parts == NULL)
		return graph_reply_fail(r, -ENOMEM, "out of memory");
	jsonw_object(&r->w);
	jsonw_key(&r->w, "apps");
	jsonw_array(&r->w);
	for (uint32_t v = 0; v < m->e->node_count; v++) {
		jsonw_object(&r->w);
		jsonw_str(&r->w, "name", m->names[v]);
		jsonw_key(&r->w, "services");
		jsonw_array(&r->w);
		for (uint32_t i = at[v]; i < at[v + 1]; i++)
			jsonw_string(&r->w, services.names[parts[i]]);
		jsonw_end(&r->w);
		jsonw_end(&r->w);
	}
	jsonw_end(&r->w);
	jsonw_key(&r->w, "lines");
	jsonw_array(&r->w);
	for (uint32_t i = 0; i < m->e->line_count; i++) {
		jsonw_object(&r->w);
		jsonw_str(&r->w, "from", m->names[m->e->lines[i].from]);
		jsonw_str(&r->w, "to", m->names[m->e->lines[i].to]);
		jsonw_str(&r->w, "strength", m->e->lines[i].strength == SIGHT_SOFT ? "soft" : "hard");
		jsonw_end(&r->w);
	}
	jsonw_end(&r->w);
	jsonw_end(&r->w);
	return 0;
}

static int
show_all(const struct graph_ask *a, struct graph_reply *r, struct graph_map *m)
{
	const struct estate *e = m->e;
	bool *named = arena_alloc(&m->scratch, e->node_count + 1), *near = arena_alloc(&m->scratch, e->node_count + 1);
	bool evidence = graph_ask_has(a, "evidence") || a->word_count > 0;
	int rc;

	if (named == NULL || near == NULL)
		return graph_reply_fail(r, -ENOMEM, "out of memory");
	rc = choose(a, r, m, named);
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < e->line_count; i++)
		if (named[e->lines[i].from] || named[e->lines[i].to])
			near[e->lines[i].from] = near[e->lines[i].to] = true;
	jsonw_object(&r->w);
	graph_put_when(&r->w, "from", m->view.from);
	graph_put_when(&r->w, "until", m->view.until);
	jsonw_key(&r->w, "services");
	jsonw_array(&r->w);
	for (uint32_t i = 0; i < e->node_count; i++)
		if (named[e->by_name[i]] || near[e->by_name[i]])
			graph_show_node(&r->w, m, e->by_name[i]);
	jsonw_end(&r->w);
	jsonw_key(&r->w, "lines");
	jsonw_array(&r->w);
	for (uint32_t i = 0; i < e->line_count; i++)
		if (named[e->lines[i].from] || named[e->lines[i].to])
			graph_show_line(&r->w, m, i, evidence);
	jsonw_end(&r->w);
	put_aliases(&r->w, m);
	jsonw_end(&r->w);
	return 0;
}

int
graph_show(struct graph_ask *a, struct graph_reply *r)
{
	struct graph_map m;
	int rc = graph_map_init(&m, a, r);

	if (rc == 0)
		rc = graph_ask_has(a, "apps") ? show_apps(r, &m) : show_all(a, r, &m);
	graph_map_fini(&m);
	return rc;
}

/* ---- diff ---- */

enum { NODES, LINES, GROUPS, THINGS };

struct diffing {
	struct buf told[THINGS][3];     /* JSON, by change */
	bool begun[THINGS][3];
};

static void
put_name(struct jsonw *w, const char *key, const char *name, const char *space)
{
	jsonw_str(w, key, name);
	if (space[0] != '\0') {
		char own[64];

		snprintf(own, sizeof(own), "%s_namespace", key);
		jsonw_str(w, own, space);
	}
}

static void
put_words(struct jsonw *w, const char *key, int64_t bits)
{
	jsonw_key(w, key);
	jsonw_object(w);
	graph_put_text(w, "strength", estate_strength_word((enum sight_strength)(bits >> 8 & 3)));
	graph_put_text(w, "phase", estate_phase_word((enum sight_phase)(bits >> 10 & 3)));
	graph_put_text(w, "mode", estate_mode_word((enum sight_mode)(bits >> 12 & 3)));
	jsonw_end(w);
}

static void
put_line_difference(struct jsonw *w, const struct past_difference *d)
{
	jsonw_object(w);
	put_name(w, "from", d->from, d->from_space);
	put_name(w, "to", d->to, d->to_space);
	jsonw_str(w, "kind", d->protocol[0] != '\0' ? d->protocol : "any");
	jsonw_key(w, "sources");
	jsonw_array(w);
	for (const char *at = d->sources; *at != '\0'; at += strcspn(at, ","), at += *at == ',')
		jsonw_stringn(w, at, strcspn(at, ","));
	jsonw_end(w);
	graph_put_when(w, "first", d->first);
	graph_put_when(w, "last", d->last);
	jsonw_num(w, "count", (int64_t)(d->change == PAST_REMOVED ? d->count_before : d->count));
	if (d->change == PAST_CHANGED) {
		put_words(w, "before", d->bits_before);
		put_words(w, "after", d->bits);
	}
	jsonw_end(w);
}

static void
put_members(struct jsonw *w, uint32_t k, const char *const *members, uint32_t n)
{
	jsonw_num(w, "need", k);
	jsonw_key(w, "of");
	jsonw_array(w);
	for (uint32_t i = 0; i < n; i++)
		jsonw_string(w, members[i]);
	jsonw_end(w);
}

static void
put_group_difference(struct jsonw *w, const struct past_difference *d)
{
	jsonw_object(w);
	put_name(w, "service", d->from, d->from_space);
	if (d->k != 0)
		put_members(w, d->k, d->members, d->member_count);
	else
		put_members(w, d->k_before, d->members_before, d->member_count_before);
	if (d->change == PAST_CHANGED) {
		jsonw_key(w, "before");
		jsonw_object(w);
		put_members(w, d->k_before, d->members_before, d->member_count_before);
		jsonw_end(w);
	}
	jsonw_str(w, "source", d->sources);
	graph_put_when(w, "first", d->first);
	graph_put_when(w, "last", d->last);
	jsonw_end(w);
}

static int
put_difference(void *arg, const struct past_difference *d)
{
	struct diffing *t = arg;
	int thing = d->k != 0 || d->k_before != 0 ? GROUPS : d->to[0] != '\0' ? LINES : NODES;
	struct buf *b = &t->told[thing][d->change];
	struct jsonw w;

	if (t->begun[thing][d->change])
		buf_putc(b, ',');
	t->begun[thing][d->change] = true;
	jsonw_init(&w, b);
	if (thing == LINES)
		put_line_difference(&w, d);
	else if (thing == GROUPS)
		put_group_difference(&w, d);
	else
		jsonw_string(&w, d->from);
	return b->overflowed ? -ENOMEM : 0;
}

/* The two views that are compared: seen in the windows before two times, or known at two times. */
static int
diff_views(const struct graph_ask *a, struct graph_reply *r, struct past_view *views)
{
	int64_t when[2] = { 0, a->now };
	fl_ns window = WINDOW_DEFAULT;
	int rc = graph_ask_duration(a, r, "window", &window);

	for (unsigned i = 0; i < 2 && rc == 0; i++) {
		struct graph_ask own = { .now = a->now };

		if (i >= a->word_count)
			continue;
		graph_ask_add(&own, "time", a->words[i]);
		rc = graph_ask_when(&own, r, "time", &when[i]);
	}
	if (rc == 0 && when[0] >= when[1])
		rc = graph_reply_fail(r, -EINVAL, "the first time must be before the second");
	for (unsigned i = 0; i < 2 && rc == 0; i++) {
		if (graph_ask_has(a, "recorded"))
			views[i] = (struct past_view){ .known = when[i] };
		else
			views[i] = (struct past_view){ .from = FL_MAX(when[i] - window, 1), .until = when[i] };
	}
	return rc;
}

static void
put_lists(struct jsonw *w, struct diffing *t)
{
	static const char *const words[] = { "added", "removed", "changed" }, *const things[] = { "services", "lines", "groups" };

	for (unsigned i = 0; i < THINGS; i++) {
		jsonw_key(w, things[i]);
		jsonw_object(w);
		for (unsigned k = 0; k < (i == NODES ? 2 : 3); k++) {
			jsonw_key(w, words[k]);
			buf_putc(w->out, '[');
			buf_append(w->out, buf_data(&t->told[i][k]), buf_len(&t->told[i][k]));
			jsonw_raw(w, "]", 1);
		}
		jsonw_end(w);
	}
}

int
graph_diff(struct graph_ask *a, struct graph_reply *r)
{
	struct past_view views[2];
	struct diffing t = { .begun = { { false } } };
	int rc = diff_views(a, r, views);

	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < 3 * THINGS; i++)
		buf_init(&t.told[i / 3][i % 3], GRAPH_ANSWER_MAX);
	rc = past_diff(a->past, &views[0], &views[1], put_difference, &t);
	if (rc != 0)
		graph_reply_past(r, rc, a->past);
	jsonw_object(&r->w);
	for (unsigned i = 0; i < 2; i++) {
		jsonw_key(&r->w, i == 0 ? "before" : "after");
		jsonw_object(&r->w);
		graph_put_when(&r->w, "from", views[i].from);
		graph_put_when(&r->w, "until", views[i].until);
		graph_put_when(&r->w, "known", views[i].known);
		jsonw_end(&r->w);
	}
	put_lists(&r->w, &t);
	jsonw_end(&r->w);
	for (unsigned i = 0; i < 3 * THINGS; i++)
		buf_fini(&t.told[i / 3][i % 3]);
	return rc;
}

/* ---- blame ---- */

static int
put_episode(void *arg, const struct past_episode *e)
{
	struct jsonw *w = arg;

	jsonw_object(w);
	jsonw_str(w, "source", e->source);
	graph_put_text(w, "where", e->where);
	graph_put_text(w, "protocol", e->protocol);
	if (e->k != 0) {
		jsonw_num(w, "need", e->k);
		jsonw_num(w, "of", e->of);
	}
	graph_put_when(w, "first", e->first);
	if (e->last == PAST_FOREVER)
		jsonw_flag(w, "holds", true);
	else
		graph_put_when(w, "last", e->last);
	jsonw_num(w, "count", (int64_t)e->count);
	jsonw_num(w, "errors", (int64_t)e->errors);
	graph_put_when(w, "known", e->known);
	jsonw_end(w);
	return 0;
}

int
graph_blame(struct graph_ask *a, struct graph_reply *r)
{
	struct graph_map m;
	uint32_t line;
	int rc = graph_map_init(&m, a, r);

	if (rc == 0)
		rc = graph_map_line(&m, a, r, &line);
	if (rc == 0) {
		const char *from = m.names[m.e->lines[line].from], *to = m.names[m.e->lines[line].to];

		jsonw_object(&r->w);
		jsonw_key(&r->w, "line");
		graph_show_line(&r->w, &m, line, true);
		jsonw_key(&r->w, "episodes");
		jsonw_array(&r->w);
		rc = past_blame(a->past, from, to, put_episode, &r->w);
		jsonw_end(&r->w);
		jsonw_end(&r->w);
		if (rc != 0)
			rc = graph_reply_past(r, rc, a->past);
	}
	graph_map_fini(&m);
	return rc;
}
