/* SPDX-License-Identifier: MIT */
/* past_read.c - what the store knows, told again as sightings. */
#include "store/past_read.h"
#include "base/assert.h"
#include "store/past_claim.h"
#include "store/past_db.h"
#include "store/past_groups.h"
#include "store/past_world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct telling {
	struct past_world *w;
	const struct past_view *view;
	const struct past_seen *seen;   /* NULL: no window */
	sight_fn *take;
	void *arg;
	int64_t *ways;                  /* fold: lines by their client, behind each other */
	int64_t *way_first;             /* by node */
	int64_t way_count;
	int64_t *stack;                 /* nodes */
	uint32_t *visited, turn;
};

static const char *
name_of(const struct telling *t, int64_t node)
{
	return past_text(t->w, t->w->nodes[t->w->nodes[node].root].name);
}

static const char *
space_of(const struct telling *t, int64_t node)
{
	return past_text(t->w, t->w->nodes[t->w->nodes[node].root].space);
}

static bool
folded_away(const struct telling *t, int64_t node)
{
	return t->view->fold && t->w->nodes[t->w->nodes[node].root].through;
}

/* Is it of the view? Sets when and how often. */
static bool
within(const struct telling *t, const struct past_claim *c, struct sight *s)
{
	const struct past_view *v = t->view;

	s->first = c->first;
	s->last = c->last;
	s->count = c->count;
	s->errors = c->errors;
	s->latency = c->latency;
	if (v->until == 0)
		return c->until == PAST_NEVER || past_has_episodes(c);
	if (past_has_episodes(c)) {
		const struct past_seen *e = &t->seen[c->id];

		s->first = e->first;
		s->last = e->last;
		s->latency = c->count > 0 ? (uint64_t)((double)c->latency * (double)e->count / (double)c->count) : 0;
		s->count = e->count;
		s->errors = e->errors;
		return e->first != 0;
	}
	if (c->first > v->until || c->until <= v->until)
		return false;
	return c->declared || c->what != SIGHT_NODE || c->last >= v->from;
}

static int
tell(struct telling *t, const struct sight *s)
{
	return t->take(t->arg, s);
}

/* ---- lines, with intermediaries left out ---- */

static int
order_ways(struct telling *t)
{
	struct past_world *w = t->w;
	int64_t n = w->node_count;

	t->way_first = arena_alloc(&w->mem, (size_t)(n + 1) * sizeof(int64_t));
	t->ways = arena_alloc(&w->mem, (size_t)w->claim_count * sizeof(int64_t));
	t->stack = arena_alloc(&w->mem, (size_t)n * sizeof(int64_t));
	t->visited = arena_alloc(&w->mem, (size_t)n * sizeof(uint32_t));
	if (w->mem.overflowed)
		return -ENOMEM;
	for (int64_t i = 1; i < w->claim_count; i++)
		if (w->claims[i].id != 0 && w->claims[i].what == SIGHT_LINE)
			t->way_first[w->nodes[w->lines[w->claims[i].a].a].root]++;
	for (int64_t i = 0, sum = 0; i <= n; i++) {
		int64_t own = t->way_first[i];

		t->way_first[i] = sum;
		sum += own;
	}
	/* Each start moves to its end while it is filled; so it is moved back by one node afterwards. */
	for (int64_t i = 1; i < w->claim_count; i++)
		if (w->claims[i].id != 0 && w->claims[i].what == SIGHT_LINE)
			t->ways[t->way_first[w->nodes[w->lines[w->claims[i].a].a].root]++] = i;
	memmove(t->way_first + 1, t->way_first, (size_t)n * sizeof(int64_t));
	t->way_first[0] = 0;
	return 0;
}

/* Behind `node`, an intermediary: tell a line of s to everything that is none. */
static int
tell_behind(struct telling *t, struct sight *s, int64_t node)
{
	struct past_world *w = t->w;
	int64_t depth = 0, start = w->nodes[node].root;
	int rc = 0;

	t->turn++;
	t->stack[depth++] = start;
	t->visited[start] = t->turn;
	while (depth > 0 && rc == 0) {
		int64_t at = t->stack[--depth];

		for (int64_t k = t->way_first[at]; k < t->way_first[at + 1] && rc == 0; k++) {
			const struct past_claim *c = &w->claims[t->ways[k]];
			int64_t to = w->nodes[w->lines[c->a].b].root;
			struct sight own = { .what = SIGHT_LINE };

			if (t->visited[to] == t->turn || !within(t, c, &own))
				continue;
			t->visited[to] = t->turn;
			if (w->nodes[to].through) {
				t->stack[depth++] = to;
				continue;
			}
			past_claim_words(c->bits, &own);
			s->to = name_of(t, to);
			s->to_space = space_of(t, to);
			s->to_kind = own.to_kind;
			s->through = false;
			rc = tell(t, s);
		}
	}
	return rc;
}

static int
tell_line(struct telling *t, const struct past_claim *c, struct sight *s)
{
	const struct past_line *l = &t->w->lines[c->a];

	s->from = name_of(t, l->a);
	s->from_space = space_of(t, l->a);
	s->to = name_of(t, l->b);
	s->to_space = space_of(t, l->b);
	s->protocol = past_text(t->w, c->key);
	/* Two words for one service that talk to each other: not a line of the map. */
	if (t->w->nodes[l->a].root == t->w->nodes[l->b].root && l->a != l->b)
		return 0;
	if (folded_away(t, l->a))
		return 0;
	if (folded_away(t, l->b))
		return tell_behind(t, s, l->b);
	return tell(t, s);
}

/* ---- the others ---- */

static int
tell_group(struct telling *t, const struct past_group *g)
{
	struct sight s = { .what = SIGHT_GROUP, .source = past_text(t->w, g->source), .where = past_text(t->w, g->place), .first = g->first,
		.last = g->last, .count = g->count, .from = name_of(t, g->node), .from_space = space_of(t, g->node), .members = g->members,
		.member_count = g->member_count, .k = g->k, .to_space = g->space };

	past_claim_words(g->bits, &s);
	return tell(t, &s);
}

static int
tell_groups(struct telling *t)
{
	struct past_group *groups = NULL;
	uint32_t n = 0;
	int rc = past_groups(t->w, t->view, t->seen, &groups, &n);

	for (uint32_t i = 0; i < n && rc == 0; i++)
		rc = tell_group(t, &groups[i]);
	return rc;
}

static int
tell_fact(struct telling *t, const struct past_claim *c, struct sight *s)
{
	s->key = past_text(t->w, c->key);
	s->value = past_text(t->w, c->value);
	if (c->b == 0) {
		s->name = name_of(t, c->a);
		s->space = space_of(t, c->a);
		return folded_away(t, c->a) ? 0 : tell(t, s);
	}
	s->from = name_of(t, t->w->lines[c->a].a);
	s->from_space = space_of(t, t->w->lines[c->a].a);
	s->to = name_of(t, t->w->lines[c->a].b);
	s->to_space = space_of(t, t->w->lines[c->a].b);
	return folded_away(t, t->w->lines[c->a].a) || folded_away(t, t->w->lines[c->a].b) ? 0 : tell(t, s);
}

static int
tell_claim(struct telling *t, const struct past_claim *c)
{
	struct sight s = { .what = (enum sight_what)c->what, .source = past_text(t->w, c->source), .where = past_text(t->w, c->place) };

	if (!within(t, c, &s))
		return 0;
	past_claim_words(c->bits, &s);
	switch (s.what) {
	case SIGHT_LINE:
		return tell_line(t, c, &s);
	case SIGHT_GROUP:
		return 0;               /* all of one together: tell_groups() */
	case SIGHT_FACT:
		return tell_fact(t, c, &s);
	case SIGHT_RULE:
		s.from = past_text(t->w, c->a);
		s.to = past_text(t->w, c->b);
		s.value = past_text(t->w, c->value);
		return tell(t, &s);
	case SIGHT_ALIAS:
		s.name = past_text(t->w, t->w->nodes[c->a].name);
		s.space = past_text(t->w, t->w->nodes[c->a].space);
		s.to = name_of(t, c->b);
		s.to_space = space_of(t, c->b);
		s.value = past_text(t->w, c->value);
		return tell(t, &s);
	case SIGHT_NODE:
	case SIGHT_INSTANCE:
	case SIGHT_COVER:
		s.name = name_of(t, c->a);
		s.space = space_of(t, c->a);
		s.app = c->what == SIGHT_NODE ? past_text(t->w, c->value) : NULL;
		s.address = c->what == SIGHT_INSTANCE ? past_text(t->w, c->value) : NULL;
		return folded_away(t, c->a) ? 0 : tell(t, &s);
	}
	return 0;
}

int
past_read(struct past *p, const struct past_view *v, sight_fn *take, void *arg)
{
	struct past_world w;
	struct past_seen *seen = NULL;
	struct telling *t = NULL;
	int rc = past_world_init(&w, p, v->known);

	if (rc == 0 && v->until != 0)
		rc = past_seen(p, &w, v->from, v->until, &seen);
	if (rc == 0 && (t = arena_alloc(&w.mem, sizeof(*t))) == NULL)
		rc = past_fail(p, -ENOMEM, "out of memory");
	if (rc == 0) {
		t->w = &w;
		t->view = v;
		t->seen = seen;
		t->take = take;
		t->arg = arg;
		rc = v->fold ? order_ways(t) : 0;
		for (int64_t i = 1; i < w.claim_count && rc == 0; i++)
			if (w.claims[i].id != 0)
				rc = tell_claim(t, &w.claims[i]);
		if (rc == 0)
			rc = tell_groups(t);
	}
	past_world_fini(&w);
	return rc == -ENOMEM ? past_fail(p, rc, "out of memory") : rc;
}
