/* SPDX-License-Identifier: MIT */
/*
 * past_diff.c - what differs between two views of the map, line by line
 *
 * Both views are folded into one array of rows by (client, server), each of which knows what either view says of it. A service is
 * told as new or gone when no line and no declaration of the other view mentions it. A group is another one when it has other members or another K.
 */
#include "store/past_claim.h"
#include "store/past_db.h"
#include "store/past_groups.h"
#include "store/past_read.h"
#include "store/past_world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOURCES_MAX 512
#define SOURCE_BITS 64u

struct side {
	bool there;
	int64_t first, last, bits, protocol;
	uint64_t count, errors;
	uint64_t sources;               /* a bit each, of comparing.sources */
};
struct row {
	int64_t from, to;               /* roots */
	struct side side[2];
};
struct comparing {
	struct past_world w[2];         /* the second one is the same as the first unless the views know different things */
	struct past_world *of[2];
	const struct past_view *view[2];
	struct past_seen *seen[2];
	struct row *rows;               /* by line number of the store, then folded */
	int64_t row_count;
	bool *node_there[2];
	int64_t sources[SOURCE_BITS];   /* texts; the last bit stands for all further ones */
	unsigned source_count;
};

static uint64_t
source_bit(struct comparing *c, int64_t source)
{
	unsigned i = 0;

	while (i < c->source_count && c->sources[i] != source)
		i++;
	if (i == c->source_count && i < SOURCE_BITS)
		c->sources[c->source_count++] = source;
	return UINT64_C(1) << FL_MIN(i, SOURCE_BITS - 1);
}

/* What view `k` knows of claim `id` of the line. */
static void
add_claim(struct comparing *c, int k, const struct past_claim *claim)
{
	const struct past_view *v = c->view[k];
	struct past_world *w = c->of[k];
	const struct past_line *l = &w->lines[claim->a];
	struct side *s = &c->rows[claim->a].side[k];
	int64_t first = claim->first, last = claim->last;
	uint64_t count = claim->count, errors = claim->errors;

	if (v->until != 0 && past_has_episodes(claim)) {
		const struct past_seen *e = &c->seen[k][claim->id];

		if (e->first == 0)
			return;
		first = e->first;
		last = e->last;
		count = e->count;
		errors = e->errors;
	} else if (v->until != 0 ? claim->first > v->until || claim->until <= v->until : claim->until != PAST_NEVER && !past_has_episodes(claim)) {
		return;
	}
	c->rows[claim->a].from = w->nodes[l->a].root;
	c->rows[claim->a].to = w->nodes[l->b].root;
	s->first = s->there ? FL_MIN(s->first, first) : first;
	s->last = FL_MAX(s->last, last);
	s->bits = s->there ? past_claim_merge(claim->declared ? claim->bits : s->bits, claim->declared ? s->bits : claim->bits) : claim->bits;
	s->protocol = s->protocol != 0 ? s->protocol : claim->key;
	s->count += count;
	s->errors += errors;
	s->sources |= source_bit(c, claim->source);
	s->there = true;
}

static int
fill(struct comparing *c, int k)
{
	struct past_world *w = c->of[k];

	c->node_there[k] = arena_alloc(&w->mem, (size_t)w->node_count);
	if (c->node_there[k] == NULL)
		return -ENOMEM;
	for (int64_t i = 1; i < w->claim_count; i++) {
		const struct past_claim *claim = &w->claims[i];

		if (claim->id == 0)
			continue;
		if (claim->what == SIGHT_LINE)
			add_claim(c, k, claim);
		else if (claim->what == SIGHT_NODE && claim->first <= (c->view[k]->until != 0 ? c->view[k]->until : PAST_NEVER) &&
		    (c->view[k]->until != 0 ? claim->until > c->view[k]->until : claim->until == PAST_NEVER) &&
		    (claim->declared || claim->last >= c->view[k]->from))
			c->node_there[k][w->nodes[claim->a].root] = true;
	}
	return 0;
}

static int
by_ends(const void *pa, const void *pb)
{
	const struct row *a = pa, *b = pb;

	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	return a->to != b->to ? (a->to < b->to ? -1 : 1) : 0;
}

static void
join_side(struct side *a, const struct side *b)
{
	if (!b->there)
		return;
	a->first = a->there ? FL_MIN(a->first, b->first) : b->first;
	a->last = FL_MAX(a->last, b->last);
	a->bits = a->there ? past_claim_merge(a->bits, b->bits) : b->bits;
	a->protocol = a->protocol != 0 ? a->protocol : b->protocol;
	a->count += b->count;
	a->errors += b->errors;
	a->sources |= b->sources;
	a->there = true;
}

/* Rows of one line of the map, told under several names, become one. */
static void
join_rows(struct comparing *c)
{
	int64_t n = 0;

	for (int64_t i = 0; i < c->row_count; i++)
		if (c->rows[i].side[0].there || c->rows[i].side[1].there)
			c->rows[n++] = c->rows[i];
	qsort(c->rows, (size_t)n, sizeof(*c->rows), by_ends);
	c->row_count = 0;
	for (int64_t i = 0; i < n; i++) {
		struct row *r = &c->rows[i], *before = c->row_count > 0 ? &c->rows[c->row_count - 1] : NULL;

		for (int k = 0; k < 2; k++)
			if (r->side[k].there)
				c->node_there[k][r->from] = c->node_there[k][r->to] = true;
		if (before != NULL && by_ends(before, r) == 0) {
			join_side(&before->side[0], &r->side[0]);
			join_side(&before->side[1], &r->side[1]);
		} else {
			c->rows[c->row_count++] = *r;
		}
	}
}

/* Who says so, with commas. */
static void
list_sources(const struct comparing *c, const struct past_world *w, const struct side *side, char *text)
{
	size_t n = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < c->source_count && n < SOURCES_MAX; i++)
		if ((side->sources >> i & 1) != 0)
			n += (size_t)snprintf(text + n, SOURCES_MAX - n, "%s%s", n > 0 ? "," : "", past_text(w, c->sources[i]));
}

static int
tell_row(const struct comparing *c, const struct row *r, past_difference_fn *take, void *arg)
{
	const struct side *a = &r->side[0], *b = &r->side[1], *now = b->there ? b : a;
	const struct past_world *w = c->of[b->there];
	const int64_t words = 0x3f00;   /* strength, phase, mode */
	char sources[SOURCES_MAX];
	struct past_difference d = { .first = now->first, .last = now->last, .count = b->count, .errors = b->errors, .count_before = a->count,
		.errors_before = a->errors, .bits = b->bits, .bits_before = a->bits, .sources = sources };

	if (r->from == r->to)
		return 0;
	if (a->there && b->there && (a->bits & words) == (b->bits & words))
		return 0;
	d.change = !a->there ? PAST_ADDED : !b->there ? PAST_REMOVED : PAST_CHANGED;
	d.protocol = past_text(w, now->protocol);
	d.from = past_text(w, w->nodes[r->from].name);
	d.from_space = past_text(w, w->nodes[r->from].space);
	d.to = past_text(w, w->nodes[r->to].name);
	d.to_space = past_text(w, w->nodes[r->to].space);
	list_sources(c, w, now, sources);
	return take(arg, &d);
}

static int
tell_nodes(const struct comparing *c, past_difference_fn *take, void *arg)
{
	const struct past_world *w = c->of[1];
	int rc = 0;

	for (int64_t i = 1; i < FL_MIN(c->of[0]->node_count, w->node_count) && rc == 0; i++) {
		struct past_difference d = { .change = c->node_there[1][i] ? PAST_ADDED : PAST_REMOVED, .to = "", .to_space = "", .protocol = "",
			.sources = "" };

		if (c->node_there[0][i] == c->node_there[1][i])
			continue;
		d.from = past_text(w, w->nodes[i].name);
		d.from_space = past_text(w, w->nodes[i].space);
		rc = take(arg, &d);
	}
	return rc;
}

/* ---- groups ---- */

static bool
same_group(const struct past_group *a, const struct past_group *b)
{
	if (a->k != b->k || a->member_count != b->member_count)
		return false;
	for (uint32_t i = 0; i < a->member_count; i++)
		if (strcmp(a->members[i], b->members[i]) != 0)
			return false;
	return true;
}

/* How many members they have in common. */
static uint32_t
in_common(const struct past_group *a, const struct past_group *b)
{
	uint32_t n = 0;

	for (uint32_t i = 0, k = 0; i < a->member_count && k < b->member_count;) {
		int d = strcmp(a->members[i], b->members[k]);

		n += d == 0;
		i += d <= 0;
		k += d >= 0;
	}
	return n;
}

static int
tell_group(const struct comparing *c, const struct past_group *a, const struct past_group *b, past_difference_fn *take, void *arg)
{
	const struct past_group *now = b != NULL ? b : a;
	const struct past_world *w = c->of[b != NULL];
	struct past_difference d = { .change = a == NULL ? PAST_ADDED : b == NULL ? PAST_REMOVED : PAST_CHANGED, .to = "", .to_space = "",
		.protocol = "", .first = now->first, .last = now->last, .sources = past_text(w, now->source) };

	d.from = past_text(w, w->nodes[now->node].name);
	d.from_space = past_text(w, w->nodes[now->node].space);
	if (a != NULL) {
		d.members_before = a->members;
		d.member_count_before = a->member_count;
		d.k_before = a->k;
		d.count_before = a->count;
	}
	if (b != NULL) {
		d.members = b->members;
		d.member_count = b->member_count;
		d.k = b->k;
		d.count = b->count;
	}
	return take(arg, &d);
}

/* Groups [0, n) of before and [0, m) of now are of one node. Those that share most members are one that changed. */
static int
tell_groups_of(const struct comparing *c, struct past_group *a, uint32_t n, struct past_group *b, uint32_t m, past_difference_fn *take, void *arg)
{
	int rc = 0;

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < m && a[i].k != 0; k++)
			if (b[k].k != 0 && same_group(&a[i], &b[k]))
				a[i].k = b[k].k = 0;
	for (uint32_t i = 0; i < n && rc == 0; i++) {
		struct past_group *best = NULL;
		uint32_t most = 0, common;

		if (a[i].k == 0)
			continue;
		for (uint32_t k = 0; k < m; k++)
			if (b[k].k != 0 && (common = in_common(&a[i], &b[k])) > most) {
				most = common;
				best = &b[k];
			}
		rc = tell_group(c, &a[i], best, take, arg);
		if (best != NULL)
			best->k = 0;
	}
	for (uint32_t k = 0; k < m && rc == 0; k++)
		if (b[k].k != 0)
			rc = tell_group(c, NULL, &b[k], take, arg);
	return rc;
}

static uint32_t
of_node(const struct past_group *groups, uint32_t from, uint32_t count, int64_t node)
{
	uint32_t n = 0;

	while (from + n < count && groups[from + n].node == node)
		n++;
	return n;
}

/* Both are ordered by their nodes. */
static int
tell_groups(struct comparing *c, past_difference_fn *take, void *arg)
{
	struct past_group *g[2] = { NULL, NULL };
	uint32_t count[2] = { 0, 0 }, i = 0, k = 0;
	int rc = 0;

	for (int at = 0; at < 2 && rc == 0; at++)
		rc = past_groups(c->of[at], c->view[at], c->seen[at], &g[at], &count[at]);
	while (rc == 0 && (i < count[0] || k < count[1])) {
		int64_t node = i < count[0] && (k == count[1] || g[0][i].node <= g[1][k].node) ? g[0][i].node : g[1][k].node;
		uint32_t n = of_node(g[0], i, count[0], node), m = of_node(g[1], k, count[1], node);

		rc = tell_groups_of(c, g[0] + i, n, g[1] + k, m, take, arg);
		i += n;
		k += m;
	}
	return rc;
}

static int
compare(struct comparing *c, struct past *p, past_difference_fn *take, void *arg)
{
	int rc = 0;

	for (int k = 0; k < 2 && rc == 0; k++)
		if (c->view[k]->until != 0)
			rc = past_seen(p, c->of[k], c->view[k]->from, c->view[k]->until, &c->seen[k]);
	c->row_count = FL_MIN(c->of[0]->line_count, c->of[1]->line_count);
	c->rows = arena_alloc(&c->w[0].mem, (size_t)FL_MAX(c->of[0]->line_count, c->of[1]->line_count) * sizeof(*c->rows));
	if (rc == 0 && c->rows == NULL)
		return past_fail(p, -ENOMEM, "out of memory");
	for (int k = 0; k < 2 && rc == 0; k++)
		rc = fill(c, k);
	if (rc != 0)
		return rc;
	join_rows(c);
	for (int64_t i = 0; i < c->row_count && rc == 0; i++)
		rc = tell_row(c, &c->rows[i], take, arg);
	if (rc == 0)
		rc = tell_nodes(c, take, arg);
	return rc == 0 ? tell_groups(c, take, arg) : rc;
}

int
past_diff(struct past *p, const struct past_view *a, const struct past_view *b, past_difference_fn *take, void *arg)
{
	struct comparing c = { .view = { a, b } };
	bool twice = a->known != b->known;
	int rc = past_world_init(&c.w[0], p, a->known);

	c.of[0] = &c.w[0];
	c.of[1] = &c.w[twice];
	if (rc == 0 && twice)
		rc = past_world_init(&c.w[1], p, b->known);
	if (rc == 0)
		rc = compare(&c, p, take, arg);
	past_world_fini(&c.w[0]);
	if (twice)
		past_world_fini(&c.w[1]);
	return rc == -ENOMEM ? past_fail(p, rc, "out of memory") : rc;
}
