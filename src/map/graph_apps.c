/* SPDX-License-Identifier: MIT */
/* graph_apps.c - see graph_apps.h. */
#include "map/graph_apps.h"

#include <errno.h>
#include <string.h>

#define SEED 1

const char *
graph_apps_name(const struct graph_map *m, uint32_t node)
{
	const char *app = m->e->nodes[node].app;

	return app[0] != '\0' ? app : m->names[node];
}

static enum sight_kind
kind_of(const struct estate *e, uint32_t node)
{
	return e->nodes[node].app[0] != '\0' ? SIGHT_SERVICE : e->nodes[node].kind;
}

static int
tell_nodes(const struct graph_map *m, struct estate_builder *b)
{
	int rc = 0;

	for (uint32_t v = 0; v < m->e->node_count && rc == 0; v++) {
		const struct estate_node *n = &m->e->nodes[v];
		struct sight s = { .what = SIGHT_NODE, .source = "map", .name = graph_apps_name(m, v), .kind = kind_of(m->e, v), .first = n->first,
			.last = n->last };

		rc = estate_sight(b, &s);
	}
	return rc;
}

static int
tell_line(const struct graph_map *m, const struct estate_line *l, struct estate_builder *b)
{
	int rc = 0;

	for (uint32_t i = 0; i < l->evidence_count && rc == 0; i++) {
		const struct estate_evidence *e = &m->e->evidence[l->evidence_first + i];
		struct sight s = { .what = SIGHT_LINE, .source = e->source, .where = e->where, .first = e->first, .last = e->last, .count = e->count,
			.errors = e->errors, .latency = e->latency, .from = graph_apps_name(m, l->from), .to = graph_apps_name(m, l->to),
			.from_kind = kind_of(m->e, l->from), .to_kind = kind_of(m->e, l->to), .protocol = e->protocol, .strength = e->strength,
			.phase = e->phase, .mode = e->mode };

		rc = estate_sight(b, &s);
	}
	return rc;
}

/* Members of one application are one. */
static int
tell_group(struct graph_map *m, const struct estate_group *g, struct estate_builder *b)
{
	const char *from = graph_apps_name(m, g->node), **members = arena_alloc(&m->scratch, (g->member_count + 1) * sizeof(*members));
	uint32_t n = 0;

	if (members == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < g->member_count; i++) {
		const char *name = graph_apps_name(m, m->e->members[g->member_first + i]);
		uint32_t at = 0;

		while (at < n && strcmp(members[at], name) != 0)
			at++;
		if (at == n && strcmp(name, from) != 0)
			members[n++] = name;
	}
	if (n <= g->k)
		return 0;                       /* all are needed, as their lines say */
	struct sight s = { .what = SIGHT_GROUP, .source = g->source, .where = g->where, .first = g->first, .last = g->last, .count = g->count,
		.from = from, .from_kind = kind_of(m->e, g->node), .members = members, .member_count = n, .k = g->k,
		.strength = g->strength, .phase = g->phase, .mode = g->mode };

	return estate_sight(b, &s);
}

static int
tell_all(struct graph_map *m, struct estate_builder *b)
{
	const struct estate *e = m->e;
	int rc = tell_nodes(m, b);

	for (uint32_t i = 0; i < e->line_count && rc == 0; i++)
		if (strcmp(graph_apps_name(m, e->lines[i].from), graph_apps_name(m, e->lines[i].to)) != 0)
			rc = tell_line(m, &e->lines[i], b);
	for (uint32_t i = 0; i < e->group_count && rc == 0; i++)
		rc = tell_group(m, &e->groups[i], b);
	return rc;
}

int
graph_apps_roll(struct graph_map *m, struct graph_reply *r)
{
	struct estate_builder *b;
	struct estate *e = NULL;
	int rc = estate_builder_new(&m->scratch, SEED, &b);

	if (rc == 0)
		rc = tell_all(m, b);
	if (rc == 0)
		rc = estate_finish(b, &m->keep, &m->scratch, &e);
	if (rc == 0)
		m->names = arena_alloc(&m->keep, (e->node_count + 1) * sizeof(*m->names));
	if (rc != 0 || m->names == NULL)
		return graph_reply_fail(r, -ENOMEM, "the map is larger than the memory it may take");
	for (uint32_t v = 0; v < e->node_count; v++)
		m->names[v] = e->nodes[v].name;
	m->e = e;
	m->cover_count = 0;
	return 0;
}
