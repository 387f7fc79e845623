/* SPDX-License-Identifier: MIT */
/* draw_map.c - what of a map is drawn, how large, and where. */
#include "graph/draw_map.h"

#include "base/assert.h"
#include "graph/csr.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define LABEL_PX 13.0
#define DETAIL_PX 10.0
#define PADDING 12.0
#define HEIGHT_ONE 30.0f
#define HEIGHT_TWO 42.0f
#define WIDTH_MIN 64.0
#define GAP_LAYER 90.0f
#define GAP_NODE 16.0f

double
draw_text_width(const char *s, double size)
{
	double em = 0;

	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c & 0xC0) == 0x80)
			continue;               /* within a character of several bytes */
		if (c >= 0xE0)
			em += 1.0;
		else if (strchr("iljtfr.,:;|!'()[]/ -", c) != NULL)
			em += 0.34;
		else if (strchr("mwMW@%", c) != NULL)
			em += 0.9;
		else
			em += c >= 'A' && c <= 'Z' ? 0.7 : 0.57;
	}
	return em * size;
}

enum impact_state
draw_state(const struct draw_map *m, uint32_t node)
{
	return m->im == NULL ? IMPACT_UP : impact_state(m->im, m->nodes[node]);
}

bool
draw_is_reason(const struct draw_map *m, uint32_t line)
{
	if (m->im == NULL)
		return false;
	uint32_t from = m->nodes[m->from[line]], to = m->nodes[m->to[line]];
	struct impact_reason why = impact_why(m->im, from);

	if (why.because == IMPACT_NEED)
		return why.node == to;
	if (why.because != IMPACT_GROUP || impact_state(m->im, to) == IMPACT_UP || impact_hop(m->im, to) >= impact_hop(m->im, from))
		return false;
	const struct needs_group *g = &m->im->fall.n->groups[why.group];

	for (uint32_t i = g->first; i < g->first + g->count; i++)
		if (m->im->fall.n->members[i] == to)
			return true;
	return false;
}

/* The second row: what kind it is where that is not a service, its tier, its owner, and why it is down. */
static const char *
detail_of(const struct estate *e, const struct draw_options *o, uint32_t v, struct arena *keep)
{
	const char *tier = estate_node_text(e, v, ESTATE_FACT_TIER), *owner = estate_node_text(e, v, ESTATE_FACT_OWNER);
	const char *kind = e->nodes[v].kind == SIGHT_SERVICE ? "" : estate_kind_word(e->nodes[v].kind);
	bool hit = o->im != NULL && impact_state(o->im, v) != IMPACT_UP;

	if (hit)
		return impact_hop(o->im, v) == 0 ? arena_strdup(keep, "failed") :
		    arena_printf(keep, "%s, hop %u", impact_word(impact_state(o->im, v)), impact_hop(o->im, v));
	if (tier == NULL && owner == NULL)
		return arena_strdup(keep, kind);
	return arena_printf(keep, "%s%s%s%s%s%s", kind, *kind != '\0' ? ", " : "", tier != NULL ? "tier " : "", tier != NULL ? tier : "",
	    tier != NULL && owner != NULL ? ", " : "", owner != NULL ? owner : "");
}

struct drawn {
	uint32_t *nodes, *lines, *from, *to, *number;
	const char **labels, **details;
	float *width, *height;
	double *before;
};

static int
make_room(const struct estate *e, struct arena *keep, struct arena *scratch, struct drawn *d)
{
	d->nodes = csr_numbers(keep, e->node_count);
	d->lines = csr_numbers(keep, e->line_count);
	d->from = csr_numbers(keep, e->line_count);
	d->to = csr_numbers(keep, e->line_count);
	d->number = csr_numbers(scratch, e->node_count);
	d->labels = arena_alloc(keep, e->node_count * sizeof(*d->labels));
	d->details = arena_alloc(keep, e->node_count * sizeof(*d->details));
	d->width = arena_alloc(keep, e->node_count * sizeof(*d->width));
	d->height = arena_alloc(keep, e->node_count * sizeof(*d->height));
	d->before = arena_alloc(scratch, e->node_count * sizeof(*d->before));
	return d->nodes == NULL || d->lines == NULL || d->from == NULL || d->to == NULL || d->number == NULL || d->labels == NULL ||
	    d->details == NULL || d->width == NULL || d->height == NULL || d->before == NULL ? -ENOMEM : 0;
}

/* Nodes in the order of their names, so that the picture does not depend on how an estate numbers them. */
static int
choose_nodes(const struct estate *e, const struct draw_options *o, struct arena *keep, struct drawn *d, struct draw_map *m)
{
	for (uint32_t i = 0; i < e->node_count; i++) {
		uint32_t v = e->by_name[i], k = m->node_count;

		d->number[v] = ESTATE_NONE;
		if (o->show != NULL && !o->show[v])
			continue;
		const struct estate_node *n = &e->nodes[v];

		d->number[v] = m->node_count++;
		d->nodes[k] = v;
		d->labels[k] = *n->space == '\0' ? n->name : arena_printf(keep, "%s/%s", n->space, n->name);
		d->details[k] = detail_of(e, o, v, keep);
		if (d->labels[k] == NULL || d->details[k] == NULL)
			return -ENOMEM;
		double label = draw_text_width(d->labels[k], LABEL_PX), detail = draw_text_width(d->details[k], DETAIL_PX);

		label = FL_MAX(label, detail) + 2 * PADDING;
		d->width[k] = (float)FL_MAX(label, WIDTH_MIN);
		d->height[k] = *d->details[k] == '\0' ? HEIGHT_ONE : HEIGHT_TWO;
		d->before[k] = o->before != NULL ? o->before[v] : NAN;
	}
	return 0;
}

static void
choose_lines(const struct estate *e, struct drawn *d, struct draw_map *m)
{
	for (uint32_t k = 0; k < m->node_count; k++) {
		for (uint32_t i = e->out[d->nodes[k]]; i < e->out[d->nodes[k] + 1]; i++) {
			if (d->number[e->lines[i].to] == ESTATE_NONE || e->lines[i].to == e->lines[i].from)
				continue;
			d->lines[m->line_count] = i;
			d->from[m->line_count] = k;
			d->to[m->line_count++] = d->number[e->lines[i].to];
		}
	}
}

int
draw_map(const struct estate *e, const struct draw_options *o, struct arena *keep, struct arena *scratch, struct draw_map *ret)
{
	struct draw_map m = { .e = e, .im = o->im, .title = o->title };
	struct drawn d;
	int r = make_room(e, keep, scratch, &d);

	if (r == 0)
		r = choose_nodes(e, o, keep, &d, &m);
	if (r != 0)
		return r;
	choose_lines(e, &d, &m);
	const struct layout_spec spec = { .node_count = m.node_count, .width = d.width, .height = d.height, .edge_count = m.line_count,
		.from = d.from, .to = d.to, .gap_layer = GAP_LAYER, .gap_node = GAP_NODE, .before = o->before != NULL ? d.before : NULL };

	r = layout_run(&spec, keep, scratch, &m.layout);
	if (r != 0)
		return r;
	m.nodes = d.nodes;
	m.lines = d.lines;
	m.from = d.from;
	m.to = d.to;
	m.labels = d.labels;
	m.details = d.details;
	m.width = d.width;
	m.height = d.height;
	*ret = m;
	return 0;
}
