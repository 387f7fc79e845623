/* SPDX-License-Identifier: MIT */
/* query_run.c - which nodes or lines a question is true of. */
#include "base/text.h"
#include "graph/query_tree.h"
#include "graph/moment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NEAR_FACTS_MAX 200000u

static const char *const node_keys[] = { "name", "kind", "app", "namespace", "first", "last", "in", "out", "through", "instance", "stateful", NULL };
static const char *const line_keys[] = { "from", "to", "kind", "source", "count", "errors", "error_rate", "strength", "phase", "mode", "first",
	"last", "grouped", "assumed", NULL };

struct running {
	const struct query *q;
	const struct estate *e;
	int64_t now;
};

/* ---- one value ---- */

/* Does the text, or one of the words of a list, compare so? */
static bool
fits(const struct running *r, const struct query_node *n, const char *text)
{
	const char *list = text, *word;
	char one[512];
	size_t len;

	if (text == NULL || text[0] == '\0')
		return false;
	if (n->op == QUERY_THERE)
		return strcmp(text, "false") != 0 && strcmp(text, "no") != 0;
	if (query_compare(n->op, text, n->value, r->now))
		return true;
	if ((n->op != QUERY_EQ && n->op != QUERY_LIKE) || strchr(text, ',') == NULL)
		return false;
	while (estate_list_next(&list, &word, &len)) {
		snprintf(one, sizeof(one), "%.*s", (int)FL_MIN(len, sizeof(one) - 1), word);
		if (query_compare(n->op, one, n->value, r->now))
			return true;
	}
	return false;
}

static bool
fits_number(const struct running *r, const struct query_node *n, double v)
{
	char text[40];

	if (n->op == QUERY_THERE)
		return v != 0;
	snprintf(text, sizeof(text), "%.9g", v);
	return fits(r, n, text);
}

static bool
fits_time(const struct running *r, const struct query_node *n, int64_t when)
{
	char text[40];

	return fits(r, n, moment_text(when, text));
}

static bool
node_fits(const struct running *r, uint32_t v, const struct query_node *n, const char *key)
{
	const struct estate *e = r->e;
	const struct estate_node *node = &e->nodes[v];
	int which = 0;

	while (node_keys[which] != NULL && strcmp(node_keys[which], key) != 0)
		which++;
	switch (which) {
	case 0:
		return fits(r, n, node->name);
	case 1:
		return fits(r, n, node->kind == SIGHT_KIND_UNKNOWN ? "service" : estate_kind_word(node->kind));
	case 2:
		return fits(r, n, node->app);
	case 3:
		return fits(r, n, node->space);
	case 4:
		return fits_time(r, n, node->first);
	case 5:
		return fits_time(r, n, node->last);
	case 6:
		return fits_number(r, n, e->in[v + 1] - e->in[v]);
	case 7:
		return fits_number(r, n, e->out[v + 1] - e->out[v]);
	case 8:
		return fits(r, n, node->through ? "true" : "false");
	case 9:
		for (uint32_t i = 0; i < node->instance_count; i++)
			if (fits(r, n, e->instances[node->instance_first + i].address))
				return true;
		return false;
	case 10:
		/* As lint has it: stores and brokers keep state unless somebody says that they do not. */
		if (estate_node_text(e, v, key) != NULL)
			return fits(r, n, estate_node_text(e, v, key));
		return fits(r, n, node->kind == SIGHT_DATASTORE || node->kind == SIGHT_BROKER ? "true" : "false");
	default:
		return fits(r, n, estate_node_text(e, v, key));
	}
}

static bool
line_fits(const struct running *r, uint32_t line, const struct query_node *n)
{
	const struct estate *e = r->e;
	const struct estate_line *l = &e->lines[line];
	const struct estate_fact *fact;
	uint64_t errors = 0, calls = estate_line_calls(e, line, &errors);
	int which = 0;

	if (strncmp(n->key, "from.", 5) == 0)
		return node_fits(r, l->from, n, n->key + 5);
	if (strncmp(n->key, "to.", 3) == 0)
		return node_fits(r, l->to, n, n->key + 3);
	while (line_keys[which] != NULL && strcmp(line_keys[which], n->key) != 0)
		which++;
	switch (which) {
	case 0:
		return fits(r, n, e->nodes[l->from].name);
	case 1:
		return fits(r, n, e->nodes[l->to].name);
	case 2:
		return fits(r, n, l->protocol);
	case 3:
		for (uint32_t i = 0; i < l->evidence_count; i++)
			if (fits(r, n, e->evidence[l->evidence_first + i].source))
				return true;
		return false;
	case 4:
		return fits_number(r, n, (double)calls);
	case 5:
		return fits_number(r, n, (double)errors);
	case 6:
		return fits_number(r, n, calls > 0 ? (double)errors / (double)calls : 0);
	case 7:
		return fits(r, n, estate_strength_word(l->strength));
	case 8:
		return fits(r, n, estate_phase_word(l->phase));
	case 9:
		return fits(r, n, estate_mode_word(l->mode));
	case 10:
		return fits_time(r, n, l->first);
	case 11:
		return fits_time(r, n, l->last);
	case 12:
		return fits(r, n, l->grouped ? "true" : "false");
	case 13:
		return fits(r, n, l->assumed != 0 ? "true" : "false");
	default:
		fact = estate_line_fact(e, line, n->key);
		return fact != NULL && fits(r, n, fact->value);
	}
}

/* As deep as QUERY_DEPTH_MAX allows, but for chains of and and or, which lean to the left. */
static bool
holds(const struct running *r, uint32_t id, const struct query_node *n)
{
	switch (n->op) {
	case QUERY_AND:
		return holds(r, id, n->left) && holds(r, id, n->right);
	case QUERY_OR:
		return holds(r, id, n->left) || holds(r, id, n->right);
	case QUERY_NOT:
		return !holds(r, id, n->left);
	default:
		return r->q->lines ? line_fits(r, id, n) : node_fits(r, id, n, n->key);
	}
}

/* ---- walks ---- */

struct walk {
	bool *reached, *crossed;        /* nodes, lines */
	uint32_t *queue, *hops, count;
};

static void
step(const struct running *r, struct walk *w, uint32_t line, uint32_t hop)
{
	const struct estate_line *l = &r->e->lines[line];
	uint32_t to = r->q->upstream ? l->from : l->to;

	if ((r->q->hard_only && l->strength != SIGHT_HARD) || (r->q->soft_only && l->strength != SIGHT_SOFT))
		return;
	w->crossed[line] = true;
	if (w->reached[to])
		return;
	w->reached[to] = true;
	w->hops[w->count] = hop + 1;
	w->queue[w->count++] = to;
}

static int
walk(const struct running *r, struct arena *scratch, struct walk *w)
{
	const struct estate *e = r->e;
	uint32_t start = estate_lookup(e, r->q->from);

	w->reached = arena_alloc(scratch, e->node_count + 1);
	w->crossed = arena_alloc(scratch, e->line_count + 1);
	w->queue = arena_alloc(scratch, (e->node_count + 1) * sizeof(uint32_t));
	w->hops = arena_alloc(scratch, (e->node_count + 1) * sizeof(uint32_t));
	if (scratch->overflowed)
		return -ENOMEM;
	if (start == ESTATE_NONE)
		return 0;
	w->queue[w->count++] = start;
	w->reached[start] = true;
	for (uint32_t i = 0; i < w->count; i++) {
		uint32_t v = w->queue[i];

		if (w->hops[i] >= r->q->depth)
			continue;
		if (r->q->upstream)
			for (uint32_t k = e->in[v]; k < e->in[v + 1]; k++)
				step(r, w, e->in_lines[k], w->hops[i]);
		else
			for (uint32_t k = e->out[v]; k < e->out[v + 1]; k++)
				step(r, w, k, w->hops[i]);
	}
	/* The one who asks is not part of the answer. */
	w->reached[start] = false;
	return 0;
}

int64_t
query_run(const struct query *q, const struct estate *e, int64_t now, struct arena *scratch, uint32_t *ret)
{
	struct running r = { q, e, now };
	struct walk w = { .count = 0 };
	uint32_t all = q->lines ? e->line_count : e->node_count, count = 0;
	const bool *on_way;

	if (q->from != NULL && walk(&r, scratch, &w) != 0)
		return -ENOMEM;
	on_way = q->lines ? w.crossed : w.reached;
	for (uint32_t i = 0; i < all; i++)
		if ((q->from == NULL || on_way[i]) && (q->where == NULL || holds(&r, i, q->where)))
			ret[count++] = i;
	return count;
}

/* ---- is all of it there? ---- */

struct checking {
	const struct query *q;
	const struct estate *e;
	query_known_fn *known;
	void *arg;
	struct query_mistake *mistake;
};

static bool
in_list(const char *const *list, const char *key)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, key) == 0)
			return true;
	return false;
}

static void
consider(const char *key, const char *candidate, unsigned *least, const char **best)
{
	unsigned d = text_distance(key, candidate);

	if (d < *least) {
		*least = d;
		*best = candidate;
	}
}

static bool
key_is_there(const struct checking *c, const char *key, const char **ret_near)
{
	const char *const *own = c->q->lines ? line_keys : node_keys;
	unsigned least = 3;

	if (in_list(own, key) || (c->known != NULL && c->known(c->arg, key)))
		return true;
	for (uint32_t i = 0; i < c->e->fact_count; i++)
		if (strcmp(c->e->facts[i].key, key) == 0)
			return true;
	for (; *own != NULL; own++)
		consider(key, *own, &least, ret_near);
	for (uint32_t i = 0; i < FL_MIN(c->e->fact_count, NEAR_FACTS_MAX); i++)
		if (i == 0 || c->e->facts[i].key != c->e->facts[i - 1].key)
			consider(key, c->e->facts[i].key, &least, ret_near);
	return false;
}

static int
check(const struct checking *c, const struct query_node *n)
{
	const char *key = n->key, *near = NULL;
	struct checking own = *c;
	struct query nodes = *c->q;
	int rc = 0;

	if (n->left != NULL)
		rc = check(c, n->left);
	if (rc == 0 && n->right != NULL)
		rc = check(c, n->right);
	if (rc != 0 || key == NULL)
		return rc;
	if (c->q->lines && (strncmp(key, "from.", 5) == 0 || strncmp(key, "to.", 3) == 0)) {
		nodes.lines = false;
		own.q = &nodes;
		key = strchr(key, '.') + 1;
	}
	if (key_is_there(&own, key, &near))
		return 0;
	c->mistake->at = n->key_at;
	snprintf(c->mistake->text, sizeof(c->mistake->text), "nothing has a fact \"%.60s\", and none is registered%s%.60s%s", key,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
	return -ENOENT;
}

int
query_check(const struct query *q, const struct estate *e, query_known_fn *known, void *arg, struct query_mistake *ret_mistake)
{
	struct checking c = { q, e, known, arg, ret_mistake };

	if (q->from != NULL && estate_lookup(e, q->from) == ESTATE_NONE) {
		const char *near = NULL;
		unsigned least = 3;

		for (uint32_t i = 0; i < FL_MIN(e->node_count, NEAR_FACTS_MAX); i++)
			consider(q->from, e->nodes[i].name, &least, &near);
		ret_mistake->at = q->from_at;
		snprintf(ret_mistake->text, sizeof(ret_mistake->text), "there is no service \"%.60s\"%s%.60s%s", q->from,
		    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
		return -ENOENT;
	}
	return q->where != NULL ? check(&c, q->where) : 0;
}
