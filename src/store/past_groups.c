/* SPDX-License-Identifier: MIT */
/* past_groups.c - who needs K of which services. */
#include "store/past_groups.h"
#include "base/map.h"
#include "store/past_db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One membership in the view. */
struct row {
	int64_t node, anchor, member;   /* roots */
	uint32_t k, of;
	int64_t first, last;
	uint64_t count;
	const struct past_claim *claim;
	uint32_t group;                 /* the number of a row of its group; its own at first */
};
struct gathering {
	struct past_world *w;
	const struct past_view *view;
	const struct past_seen *seen;
	struct row *rows;
	uint32_t row_count;
	struct past_group *groups;
	uint32_t group_count;
	uint32_t *row_of;               /* by node: a row of the client at hand that has it, + 1 */
	struct map by_name;             /* nodes by their names, made when the first declared group is met */
};

/* ---- as they were told: all in one claim ---- */

static int
map_names(struct gathering *g)
{
	struct past_world *w = g->w;
	int rc = 0;

	for (int64_t i = 1; i < w->node_count && rc == 0; i++)
		if (w->nodes[i].name != 0)
			rc = map_put(&g->by_name, past_text(w, w->nodes[i].name), &w->nodes[i], NULL);
	return rc;
}

static int
by_text(const void *pa, const void *pb)
{
	return strcmp(*(const char *const *)pa, *(const char *const *)pb);
}

/* Order n names, each once. Returns how many. */
static uint32_t
each_once(const char **names, uint32_t n)
{
	uint32_t k = 0;

	qsort(names, n, sizeof(*names), by_text);
	for (uint32_t i = 0; i < n; i++)
		if (k == 0 || strcmp(names[k - 1], names[i]) != 0)
			names[k++] = names[i];
	return k;
}

/* The members in "a\nb\nc", which it takes apart. A member is named without its namespace: what that word stands for. */
static int
read_members(struct gathering *g, char *text, struct past_group *group)
{
	uint32_t n = 1;

	if (g->by_name.count == 0 && map_names(g) != 0)
		return -ENOMEM;
	for (const char *p = text; *p != '\0'; p++)
		n += *p == '\n';
	if (n > PAST_MEMBERS_MAX)
		return 0;
	group->members = arena_alloc(&g->w->mem, n * sizeof(*group->members));
	if (group->members == NULL)
		return -ENOMEM;
	while (text != NULL) {
		char *next = strchr(text, '\n');
		const struct past_node *m;

		if (next != NULL)
			*next++ = '\0';
		m = map_get(&g->by_name, text);
		group->members[group->member_count++] = m == NULL ? text : past_text(g->w, g->w->nodes[m->root].name);
		text = next;
	}
	group->member_count = each_once(group->members, group->member_count);
	return 0;
}

static bool
holds_in(const struct past_view *v, const struct past_claim *c)
{
	return v->until == 0 ? c->until == PAST_NEVER : c->first <= v->until && c->until > v->until;
}

static int
take_whole(struct gathering *g, const struct past_claim *c)
{
	struct past_group own = { .node = g->w->nodes[c->a].root, .first = c->first, .last = c->last, .count = c->count, .bits = c->bits,
		.source = c->source, .place = c->place, .space = "" };
	char *end, *copy;
	unsigned long k = strtoul(past_text(g->w, c->value), &end, 10);
	int rc;

	if (*end != '|' || k == 0 || k > PAST_MEMBERS_MAX || !holds_in(g->view, c))
		return 0;
	copy = arena_strdup(&g->w->mem, end + 1);
	rc = copy != NULL ? read_members(g, copy, &own) : -ENOMEM;
	if (rc != 0 || k > own.member_count)
		return rc;
	own.k = (uint32_t)k;
	g->groups[g->group_count++] = own;
	return 0;
}

/* ---- memberships ---- */

static void
take_membership(struct gathering *g, const struct past_claim *c)
{
	const struct past_world *w = g->w;
	struct row r = { .node = w->nodes[c->a].root, .anchor = w->nodes[c->key].root, .member = w->nodes[c->value].root,
		.k = (uint32_t)(c->b & 0xffff), .of = (uint32_t)(c->b >> 16 & 0xffff), .first = c->first, .last = c->last, .count = c->count,
		.claim = c };

	if (g->view->until != 0) {
		const struct past_seen *s = &g->seen[c->id];

		if (s->first == 0)
			return;
		r.first = s->first;
		r.last = s->last;
		r.count = s->count;
	}
	if (r.k == 0 || r.k > r.of || r.member == r.node)
		return;
	g->rows[g->row_count++] = r;
}

static int
by_client(const void *pa, const void *pb)
{
	const struct row *a = pa, *b = pb;

	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	return a->claim->id < b->claim->id ? -1 : a->claim->id > b->claim->id;
}

static uint32_t
group_of(struct row *rows, uint32_t i)
{
	while (rows[i].group != i)
		i = rows[i].group = rows[rows[i].group].group;
	return i;
}

/* Row i has this node: it is of one group with the rows that have it, too (1). */
static void
join(struct gathering *g, uint32_t i, int64_t node)
{
	uint32_t a, b;

	if (g->row_of[node] == 0) {
		g->row_of[node] = i + 1;
		return;
	}
	a = group_of(g->rows, i);
	b = group_of(g->rows, g->row_of[node] - 1);
	g->rows[FL_MAX(a, b)].group = FL_MIN(a, b);
}

/* Of two rows of a group, is the K of a the one that counts? (2) */
static bool
knows_better(const struct row *a, const struct row *b)
{
	if (a->of != b->of)
		return a->of > b->of;
	return a->last != b->last ? a->last > b->last : a->k > b->k;
}

static int
by_group(const void *pa, const void *pb)
{
	const struct row *a = pa, *b = pb;

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	return (a->member > b->member) - (a->member < b->member);
}

/* Rows [0, n), of one group and ordered by their members, become a group. */
static int
add_group(struct gathering *g, const struct row *rows, uint32_t n)
{
	const struct past_world *w = g->w;
	const struct row *best = rows;
	struct past_group own = { .node = rows->node, .first = rows->first, .observed = true };
	uint64_t count = 0;

	own.members = arena_alloc(&g->w->mem, n * sizeof(*own.members));
	if (own.members == NULL)
		return -ENOMEM;
	own.space = past_text(w, w->nodes[rows->member].space);
	for (uint32_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];

		if (i == 0 || rows[i - 1].member != r->member) {
			own.members[own.member_count++] = past_text(w, w->nodes[r->member].name);
			count = 0;
			if (strcmp(own.space, past_text(w, w->nodes[r->member].space)) != 0)
				own.space = "";
		}
		count += r->count;
		own.count = FL_MAX(own.count, count);
		own.first = FL_MIN(own.first, r->first);
		own.last = FL_MAX(own.last, r->last);
		if (knows_better(r, best))
			best = r;
	}
	own.member_count = each_once(own.members, own.member_count);
	own.k = FL_MIN(best->k, own.member_count);
	own.bits = best->claim->bits;
	own.source = best->claim->source;
	own.place = best->claim->place;
	/* Several names that turn out to be one service are no choice. */
	if (own.member_count > 1 && own.member_count <= PAST_MEMBERS_MAX)
		g->groups[g->group_count++] = own;
	return 0;
}

/* Rows [from, to) are of one client. */
static int
take_client(struct gathering *g, uint32_t from, uint32_t to)
{
	int rc = 0;

	for (uint32_t i = from; i < to; i++) {
		join(g, i, g->rows[i].member);
		join(g, i, g->rows[i].anchor);
	}
	for (uint32_t i = from; i < to; i++)
		g->row_of[g->rows[i].member] = g->row_of[g->rows[i].anchor] = 0;
	for (uint32_t i = from; i < to; i++)
		g->rows[i].group = group_of(g->rows, i);
	qsort(g->rows + from, to - from, sizeof(*g->rows), by_group);
	for (uint32_t i = from, k; i < to && rc == 0; i = k) {
		for (k = i + 1; k < to && g->rows[k].group == g->rows[i].group; k++)
			continue;
		rc = add_group(g, g->rows + i, k - i);
	}
	return rc;
}

static int
take_clients(struct gathering *g)
{
	int rc = 0;

	qsort(g->rows, g->row_count, sizeof(*g->rows), by_client);
	for (uint32_t i = 0; i < g->row_count; i++)
		g->rows[i].group = i;
	for (uint32_t i = 0, k; i < g->row_count && rc == 0; i = k) {
		for (k = i + 1; k < g->row_count && g->rows[k].node == g->rows[i].node; k++)
			continue;
		rc = take_client(g, i, k);
	}
	return rc;
}

/* ---- all ---- */

static int
by_node(const void *pa, const void *pb)
{
	const struct past_group *a = pa, *b = pb;

	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	if (a->observed != b->observed)
		return a->observed ? 1 : -1;
	return strcmp(a->members[0], b->members[0]);
}

static bool
has_all(const struct past_group *of, const struct past_group *a)
{
	for (uint32_t i = 0; i < a->member_count; i++)
		if (bsearch(&a->members[i], of->members, of->member_count, sizeof(*of->members), by_text) == NULL)
			return false;
	return true;
}

/* (3) Declared ones stand before the observed ones of their node. */
static void
drop_declared(struct gathering *g)
{
	uint32_t n = 0, first = 0;

	for (uint32_t i = 0; i < g->group_count; i++) {
		struct past_group own = g->groups[i];
		bool known = false;

		if (n == 0 || g->groups[n - 1].node != own.node)
			first = n;
		for (uint32_t k = first; k < n && own.observed && !known; k++)
			known = !g->groups[k].observed && has_all(&g->groups[k], &own);
		if (!known)
			g->groups[n++] = own;
	}
	g->group_count = n;
}

int
past_groups(struct past_world *w, const struct past_view *v, const struct past_seen *seen, struct past_group **ret, uint32_t *ret_count)
{
	struct gathering g = { .w = w, .view = v, .seen = seen };
	size_t n = 0;
	int rc = 0;

	for (int64_t i = 1; i < w->claim_count; i++)
		n += w->claims[i].id != 0 && w->claims[i].what == SIGHT_GROUP;
	g.rows = arena_alloc(&w->mem, (n + 1) * sizeof(*g.rows));
	g.groups = arena_alloc(&w->mem, (n + 1) * sizeof(*g.groups));
	g.row_of = arena_alloc(&w->mem, (size_t)w->node_count * sizeof(*g.row_of));
	if (w->mem.overflowed)
		return -ENOMEM;
	map_init(&g.by_name, 0, 0);
	for (int64_t i = 1; i < w->claim_count && n > 0 && rc == 0; i++) {
		const struct past_claim *c = &w->claims[i];

		if (c->id == 0 || c->what != SIGHT_GROUP)
			continue;
		if (past_is_membership(c))
			take_membership(&g, c);
		else
			rc = take_whole(&g, c);
	}
	map_fini(&g.by_name);
	if (rc == 0)
		rc = take_clients(&g);
	qsort(g.groups, g.group_count, sizeof(*g.groups), by_node);
	drop_declared(&g);
	*ret = g.groups;
	*ret_count = g.group_count;
	return rc;
}
