/* SPDX-License-Identifier: MIT */
/* estate_index.c - makes the snapshot of a builder: numbers, order, conclusions. */
#include "graph/csr.h"
#include "graph/estate_build.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct index {
	const struct estate_builder *b;
	struct arena *keep, *scratch;
	struct estate *e;
	const char **text;              /* of the snapshot, by number of the builder; NULL: not copied yet */
	uint32_t *by_name;              /* builder's nodes by (name, space) */
	uint32_t *rank;                 /* the inverse */
	uint32_t *node_id;              /* final number by builder's */
	uint32_t *line_id;              /* the same for lines; ESTATE_NONE: nobody saw it */
	uint32_t *line_order;           /* builder's lines by final number */
	bool full;                      /* some text had no room */
	struct estate_node *nodes;
	struct estate_line *lines;
	uint32_t *members;              /* of groups as the builder has them, in final numbers, ascending */
};

static const struct build_node *
node_row(const struct index *x, uint32_t i)
{
	return estate_row(&x->b->nodes, i);
}

static const struct build_line *
line_row(const struct index *x, uint32_t i)
{
	return estate_row(&x->b->lines, i);
}

/* ---- nodes ---- */

static int
compare_names(const void *a, const void *b, void *arg)
{
	const struct index *x = arg;
	const struct build_node *m = node_row(x, *(const uint32_t *)a), *n = node_row(x, *(const uint32_t *)b);
	int r = strcmp(x->b->texts[m->key[0]].s, x->b->texts[n->key[0]].s);

	return r != 0 ? r : strcmp(x->b->texts[m->key[1]].s, x->b->texts[n->key[1]].s);
}

static int
rank_nodes(struct index *x)
{
	uint32_t n = x->b->nodes.count;

	x->by_name = csr_numbers(x->scratch, n);
	x->rank = csr_numbers(x->scratch, n);
	x->node_id = csr_numbers(x->scratch, n);
	if (x->by_name == NULL || x->rank == NULL || x->node_id == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		x->by_name[i] = i;
	qsort_r(x->by_name, n, sizeof(*x->by_name), compare_names, x);
	for (uint32_t i = 0; i < n; i++)
		x->rank[x->by_name[i]] = i;
	return 0;
}

static int
number_nodes(struct index *x)
{
	uint32_t n = x->b->nodes.count, m = x->b->lines.count;
	uint32_t *from = csr_numbers(x->scratch, m), *to = csr_numbers(x->scratch, m), *id = csr_numbers(x->scratch, n);

	if (from == NULL || to == NULL || id == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < m; i++) {
		from[i] = x->rank[line_row(x, i)->key[0]];
		to[i] = x->rank[line_row(x, i)->key[1]];
	}
	if (csr_number(x->scratch, n, m, from, to, id) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		x->node_id[x->by_name[i]] = id[i];
	return 0;
}

static const char *
text(struct index *x, uint32_t number)
{
	if (x->text[number] == NULL)
		x->text[number] = number == 0 ? "" : arena_strndup(x->keep, x->b->texts[number].s, x->b->texts[number].len);
	x->full = x->full || x->text[number] == NULL;
	return x->text[number] == NULL ? "" : x->text[number];
}

static int
make_nodes(struct index *x)
{
	uint32_t n = x->b->nodes.count, *by_name = csr_numbers(x->keep, n);
	struct estate_node *nodes = arena_alloc(x->keep, n * sizeof(*nodes));

	if (by_name == NULL || nodes == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const struct build_node *row = node_row(x, x->by_name[i]);
		struct estate_node *v = &nodes[x->node_id[x->by_name[i]]];

		by_name[i] = x->node_id[x->by_name[i]];
		v->name = text(x, row->key[0]);
		v->space = text(x, row->key[1]);
		v->app = text(x, row->app);
		v->kind = (enum sight_kind)row->kind;
		v->through = row->through;
		v->first = row->first;
		v->last = row->last;
	}
	x->e->nodes = x->nodes = nodes;
	x->e->node_count = n;
	x->e->by_name = by_name;
	return 0;
}

/* ---- lines ---- */

/* Lines that somebody saw, by (from, to). */
static int
number_lines(struct index *x)
{
	uint32_t m = x->b->lines.count, seen = 0, n = x->e->node_count;
	uint32_t *from = csr_numbers(x->scratch, m), *to = csr_numbers(x->scratch, m), *some = csr_numbers(x->scratch, m);
	uint32_t *half = csr_numbers(x->scratch, m), *out = csr_numbers(x->keep, (size_t)n + 1);

	x->line_id = csr_numbers(x->scratch, m);
	x->line_order = csr_numbers(x->scratch, m);
	if (from == NULL || to == NULL || some == NULL || half == NULL || out == NULL || x->line_id == NULL || x->line_order == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < m; i++) {
		from[i] = x->node_id[line_row(x, i)->key[0]];
		to[i] = x->node_id[line_row(x, i)->key[1]];
	}
	for (uint32_t i = 0; i < x->b->evidence.count; i++)
		x->line_id[((const struct build_evidence *)estate_row(&x->b->evidence, i))->key[0]] = 1;
	for (uint32_t i = 0; i < m; i++)
		if (x->line_id[i] != 0)
			some[seen++] = i;
	if (csr_order(x->scratch, some, seen, to, n, half, NULL) != 0 || csr_order(x->scratch, half, seen, from, n, x->line_order, out) != 0)
		return -ENOMEM;
	memset(x->line_id, 0xff, (size_t)m * sizeof(*x->line_id));
	for (uint32_t i = 0; i < seen; i++)
		x->line_id[x->line_order[i]] = i;
	x->e->line_count = seen;
	x->e->out = out;
	return 0;
}

static int
make_lines(struct index *x)
{
	uint32_t m = x->e->line_count, n = x->e->node_count;
	struct estate_line *lines = arena_alloc(x->keep, m * sizeof(*lines));
	uint32_t *in = csr_numbers(x->keep, (size_t)n + 1), *in_lines = csr_numbers(x->keep, m), *to = csr_numbers(x->scratch, m);

	if (lines == NULL || in == NULL || in_lines == NULL || to == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < m; i++) {
		const struct build_line *row = line_row(x, x->line_order[i]);

		lines[i].from = x->node_id[row->key[0]];
		lines[i].to = to[i] = x->node_id[row->key[1]];
		lines[i].protocol = "";
	}
	if (csr_order(x->scratch, NULL, m, to, n, in_lines, in) != 0)
		return -ENOMEM;
	x->e->lines = x->lines = lines;
	x->e->in = in;
	x->e->in_lines = in_lines;
	return 0;
}

/* ---- what belongs to a line or a node, side by side ---- */

struct rows {
	const struct build_set *set;
	const uint32_t *owner;          /* by row */
	uint32_t *order, *start;        /* rows by owner; where each owner's begin */
};

static int
rows_by_owner(struct index *x, struct rows *r, uint32_t owners, int (*compare)(const void *, const void *, void *))
{
	uint32_t n = r->set->count;

	r->order = csr_numbers(x->scratch, n);
	r->start = csr_numbers(x->scratch, (size_t)owners + 1);
	if (r->order == NULL || r->start == NULL || csr_order(x->scratch, NULL, n, r->owner, owners, r->order, r->start) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < owners; i++)
		if (r->start[i + 1] - r->start[i] > 1)
			qsort_r(r->order + r->start[i], r->start[i + 1] - r->start[i], sizeof(*r->order), compare, x);
	return 0;
}

static int
compare_text(const struct index *x, uint32_t a, uint32_t b)
{
	return a == b ? 0 : strcmp(x->b->texts[a].s, x->b->texts[b].s);
}

static int
compare_evidence(const void *a, const void *b, void *arg)
{
	const struct index *x = arg;
	const struct build_evidence *m = estate_row(&x->b->evidence, *(const uint32_t *)a);
	const struct build_evidence *n = estate_row(&x->b->evidence, *(const uint32_t *)b);
	int r = compare_text(x, m->key[1], n->key[1]);

	return r != 0 ? r : compare_text(x, m->key[2], n->key[2]);
}

/* How much the word of a source weighs against others'. */
static unsigned
source_rank(const char *source)
{
	if (strcmp(source, "declared") == 0)
		return 3;
	return strcmp(source, "drill") == 0 || strcmp(source, "experiment") == 0 || strcmp(source, "run") == 0 ? 2 : 1;
}

/* Which of two protocols says more: sockets only know that it is tcp. */
static bool
protocol_better(const char *a, const char *b)
{
	static const char *const vague[] = { "", "tcp", "udp" };
	unsigned va = 9, vb = 9;

	for (unsigned i = 0; i < FL_ARRAY_LEN(vague); i++) {
		va = strcmp(a, vague[i]) == 0 ? i : va;
		vb = strcmp(b, vague[i]) == 0 ? i : vb;
	}
	return va > vb || (va == vb && strcmp(a, b) < 0);
}

struct concluded {
	unsigned strength_rank, phase_rank, mode_rank;
};

/* One row more for a line (2): the higher rank has its way; among equals the safer word. */
static void
conclude(struct estate_line *l, const struct estate_evidence *e, struct concluded *c)
{
	unsigned rank = source_rank(e->source);

	if (protocol_better(e->protocol, l->protocol))
		l->protocol = e->protocol;
	if (e->strength != SIGHT_STRENGTH_UNKNOWN && (rank > c->strength_rank || (rank == c->strength_rank && e->strength == SIGHT_HARD))) {
		l->strength = e->strength;
		c->strength_rank = rank;
	}
	if (e->phase != SIGHT_PHASE_UNKNOWN && rank >= c->phase_rank) {
		l->phase = rank > c->phase_rank || l->phase == e->phase ? e->phase : SIGHT_BOTH;
		c->phase_rank = rank;
	}
	if (e->mode != SIGHT_MODE_UNKNOWN && (rank > c->mode_rank || (rank == c->mode_rank && e->mode == SIGHT_SYNC))) {
		l->mode = e->mode;
		c->mode_rank = rank;
	}
	if (e->first != 0 && (l->first == 0 || e->first < l->first))
		l->first = e->first;
	l->last = FL_MAX(l->last, e->last);
}

/* (3) */
static void
assume(const char *protocol, enum sight_strength *strength, enum sight_phase *phase, enum sight_mode *mode, uint32_t *assumed)
{
	if (*mode == SIGHT_MODE_UNKNOWN) {
		*mode = strcmp(protocol, "async") == 0 ? SIGHT_ASYNC : SIGHT_SYNC;
		*assumed |= ESTATE_ASSUMED_MODE;
	}
	if (*strength == SIGHT_STRENGTH_UNKNOWN) {
		*strength = *mode == SIGHT_ASYNC ? SIGHT_SOFT : SIGHT_HARD;
		*assumed |= ESTATE_ASSUMED_STRENGTH;
	}
	if (*phase == SIGHT_PHASE_UNKNOWN) {
		*phase = SIGHT_BOTH;
		*assumed |= ESTATE_ASSUMED_PHASE;
	}
}

static int
make_evidence(struct index *x)
{
	struct estate_line *lines = x->lines;
	uint32_t n = x->b->evidence.count, *owner = csr_numbers(x->scratch, n);
	struct estate_evidence *all = arena_alloc(x->keep, n * sizeof(*all));
	struct rows r = { .set = &x->b->evidence, .owner = owner };

	if (owner == NULL || all == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		owner[i] = x->line_id[((const struct build_evidence *)estate_row(r.set, i))->key[0]];
	if (rows_by_owner(x, &r, x->e->line_count, compare_evidence) != 0)
		return -ENOMEM;
	for (uint32_t l = 0; l < x->e->line_count; l++) {
		struct concluded c = { 0 };

		lines[l].evidence_first = r.start[l];
		lines[l].evidence_count = r.start[l + 1] - r.start[l];
		fl_assert(lines[l].evidence_count > 0);
		for (uint32_t i = r.start[l]; i < r.start[l + 1]; i++) {
			const struct build_evidence *row = estate_row(r.set, r.order[i]);

			all[i] = (struct estate_evidence){ .source = text(x, row->key[1]), .protocol = text(x, row->key[2]),
				.where = text(x, row->where), .first = row->first, .last = row->last, .count = row->count,
				.errors = row->errors, .latency = row->latency, .strength = (enum sight_strength)row->strength,
				.phase = (enum sight_phase)row->phase, .mode = (enum sight_mode)row->mode };
			conclude(&lines[l], &all[i], &c);
		}
		assume(lines[l].protocol, &lines[l].strength, &lines[l].phase, &lines[l].mode, &lines[l].assumed);
	}
	x->e->evidence = all;
	x->e->evidence_count = n;
	return 0;
}

/* By key; for each key the best answer first. */
static int
compare_facts(const void *a, const void *b, void *arg)
{
	const struct index *x = arg;
	const struct build_fact *m = estate_row(&x->b->facts, *(const uint32_t *)a), *n = estate_row(&x->b->facts, *(const uint32_t *)b);
	int r = compare_text(x, m->key[1], n->key[1]);

	if (r != 0)
		return r;
	bool dm = strcmp(x->b->texts[m->key[2]].s, "declared") == 0, dn = strcmp(x->b->texts[n->key[2]].s, "declared") == 0;

	if (dm != dn)
		return dm ? -1 : 1;
	if (m->last != n->last)
		return m->last > n->last ? -1 : 1;
	return compare_text(x, m->key[2], n->key[2]);
}

/* Nodes' facts, then lines', then those of lines that nobody saw, which are left out. */
static int
make_facts(struct index *x)
{
	struct estate_line *lines = x->lines;
	uint32_t n = x->b->facts.count, nodes = x->e->node_count, owners = nodes + x->e->line_count, *owner = csr_numbers(x->scratch, n);
	struct estate_fact *all = arena_alloc(x->keep, n * sizeof(*all));
	struct estate_node *v = x->nodes;
	struct rows r = { .set = &x->b->facts, .owner = owner };

	if (owner == NULL || all == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t subject = ((const struct build_fact *)estate_row(r.set, i))->key[0];

		owner[i] = subject % 2 == 0 ? x->node_id[subject / 2] :
		    x->line_id[subject / 2] == ESTATE_NONE ? owners : nodes + x->line_id[subject / 2];
	}
	if (rows_by_owner(x, &r, owners + 1, compare_facts) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < r.start[owners]; i++) {
		const struct build_fact *f = estate_row(r.set, r.order[i]);

		all[i] = (struct estate_fact){ .key = text(x, f->key[1]), .value = text(x, f->value), .source = text(x, f->key[2]),
			.where = text(x, f->where), .first = f->first, .last = f->last, .count = f->count };
	}
	for (uint32_t i = 0; i < owners; i++) {
		uint32_t *first = i < nodes ? &v[i].fact_first : &lines[i - nodes].fact_first;
		uint32_t *count = i < nodes ? &v[i].fact_count : &lines[i - nodes].fact_count;

		*first = r.start[i];
		*count = r.start[i + 1] - r.start[i];
	}
	x->e->facts = all;
	x->e->fact_count = r.start[owners];
	return 0;
}

static int
compare_instances(const void *a, const void *b, void *arg)
{
	const struct index *x = arg;
	const struct build_instance *m = estate_row(&x->b->instances, *(const uint32_t *)a);
	const struct build_instance *n = estate_row(&x->b->instances, *(const uint32_t *)b);
	int r = compare_text(x, m->key[1], n->key[1]);

	return r != 0 ? r : compare_text(x, m->key[2], n->key[2]);
}

static int
make_instances(struct index *x)
{
	uint32_t n = x->b->instances.count, nodes = x->e->node_count, *owner = csr_numbers(x->scratch, n);
	struct estate_instance *all = arena_alloc(x->keep, n * sizeof(*all));
	struct estate_node *v = x->nodes;
	struct rows r = { .set = &x->b->instances, .owner = owner };

	if (owner == NULL || all == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		owner[i] = x->node_id[((const struct build_instance *)estate_row(r.set, i))->key[0]];
	if (rows_by_owner(x, &r, nodes, compare_instances) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const struct build_instance *row = estate_row(r.set, r.order[i]);

		all[i] = (struct estate_instance){ .address = text(x, row->key[1]), .source = text(x, row->key[2]),
			.where = text(x, row->where), .first = row->first, .last = row->last, .count = row->count };
	}
	for (uint32_t i = 0; i < nodes; i++) {
		v[i].instance_first = r.start[i];
		v[i].instance_count = r.start[i + 1] - r.start[i];
	}
	x->e->instances = all;
	x->e->instance_count = n;
	return 0;
}

/* ---- groups ---- */

static int
compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* By members, so that the order of telling does not matter. */
static int
compare_groups(const void *a, const void *b, void *arg)
{
	const struct index *x = arg;
	const struct build_group *m = estate_row(&x->b->groups, *(const uint32_t *)a);
	const struct build_group *n = estate_row(&x->b->groups, *(const uint32_t *)b);

	for (uint32_t i = 0; i < FL_MIN(m->member_count, n->member_count); i++) {
		int r = compare_numbers(&x->members[m->member_first + i], &x->members[n->member_first + i]);

		if (r != 0)
			return r;
	}
	if (m->member_count != n->member_count)
		return m->member_count < n->member_count ? -1 : 1;
	if (m->k != n->k)
		return m->k < n->k ? -1 : 1;
	return (m->strength * 16 + m->phase * 4 + m->mode) - (n->strength * 16 + n->phase * 4 + n->mode);
}

static int
number_members(struct index *x)
{
	x->members = csr_numbers(x->scratch, x->b->member_count);
	if (x->members == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->b->member_count; i++)
		x->members[i] = x->node_id[x->b->members[i]];
	for (uint32_t i = 0; i < x->b->groups.count; i++) {
		const struct build_group *g = estate_row(&x->b->groups, i);

		qsort(x->members + g->member_first, g->member_count, sizeof(*x->members), compare_numbers);
	}
	return 0;
}

static int
make_groups(struct index *x)
{
	uint32_t n = x->b->groups.count, nodes = x->e->node_count, at = 0, *owner = csr_numbers(x->scratch, n);
	struct estate_group *all = arena_alloc(x->keep, n * sizeof(*all));
	uint32_t *members = csr_numbers(x->keep, x->b->member_count);
	struct rows r = { .set = &x->b->groups, .owner = owner };

	if (owner == NULL || all == NULL || members == NULL || number_members(x) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		owner[i] = x->node_id[((const struct build_group *)estate_row(r.set, i))->node];
	if (rows_by_owner(x, &r, nodes, compare_groups) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const struct build_group *row = estate_row(r.set, r.order[i]);
		struct estate_group *g = &all[i];

		*g = (struct estate_group){ .node = x->node_id[row->node], .k = row->k, .member_first = at, .member_count = row->member_count,
			.strength = (enum sight_strength)row->strength, .phase = (enum sight_phase)row->phase,
			.mode = (enum sight_mode)row->mode, .source = text(x, row->source), .where = text(x, row->where),
			.first = row->first, .last = row->last, .count = row->count };
		memcpy(members + at, x->members + row->member_first, row->member_count * sizeof(*members));
		at += row->member_count;
		assume("", &g->strength, &g->phase, &g->mode, &g->assumed);
		for (uint32_t k = g->member_first; k < at; k++)
			x->lines[estate_line(x->e, g->node, members[k])].grouped = true;
	}
	for (uint32_t i = 0; i < nodes; i++) {
		x->nodes[i].group_first = r.start[i];
		x->nodes[i].group_count = r.start[i + 1] - r.start[i];
	}
	x->e->groups = all;
	x->e->group_count = n;
	x->e->members = members;
	x->e->member_count = at;
	return 0;
}

int
estate_finish(const struct estate_builder *b, struct arena *keep, struct arena *scratch, struct estate **ret)
{
	struct index x = { .b = b, .keep = keep, .scratch = scratch };

	x.e = arena_alloc(keep, sizeof(*x.e));
	x.text = arena_alloc(scratch, b->text_count * sizeof(*x.text));
	if (x.e == NULL || x.text == NULL || rank_nodes(&x) != 0 || number_nodes(&x) != 0 || make_nodes(&x) != 0 || number_lines(&x) != 0 ||
	    make_lines(&x) != 0 || make_evidence(&x) != 0 || make_facts(&x) != 0 || make_instances(&x) != 0 ||
	    make_groups(&x) != 0)
		return -ENOMEM;
	if (x.full)
		return -ENOMEM;
	*ret = x.e;
	return 0;
}
