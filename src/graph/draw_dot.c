/* SPDX-License-Identifier: MIT */
/* draw_dot.c - a map as a file for Graphviz, with the same meaning of shapes and lines. */
#include "graph/draw_map.h"

#include "base/assert.h"

#include <errno.h>

/* As a quoted string of the DOT language. */
static void
put_quoted(struct buf *b, const char *s)
{
	buf_putc(b, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			buf_putc(b, '\\');
		if ((unsigned char)*s >= 0x20)
			buf_putc(b, *s);
	}
	buf_putc(b, '"');
}

static const char *
shape_of(enum sight_kind k)
{
	switch (k) {
	case SIGHT_DATASTORE:
		return "shape=cylinder";
	case SIGHT_BROKER:
		return "shape=octagon";
	case SIGHT_EXTERNAL:
		return "shape=box, style=\"rounded,dashed\"";
	case SIGHT_USER:
		return "shape=oval";
	case SIGHT_HOST:
		return "shape=box";
	default:
		return "shape=box, style=rounded";
	}
}

static void
put_node(struct buf *b, const struct draw_map *m, uint32_t node)
{
	enum impact_state s = draw_state(m, node);
	bool failed = s == IMPACT_DOWN && impact_hop(m->im, m->nodes[node]) == 0;

	buf_puts(b, "\t");
	put_quoted(b, m->labels[node]);
	buf_printf(b, " [%s", shape_of(m->e->nodes[m->nodes[node]].kind));
	if (failed)
		buf_puts(b, ", color=\"#a61b10\", penwidth=3");
	else if (s == IMPACT_DOWN)
		buf_puts(b, ", color=\"#a61b10\", penwidth=2");
	else if (s == IMPACT_DEGRADED)
		buf_puts(b, ", color=\"#a8690a\", penwidth=2");
	if (*m->details[node] != '\0') {
		buf_puts(b, ", xlabel=");
		put_quoted(b, m->details[node]);
	}
	buf_puts(b, "];\n");
}

static void
put_line(struct buf *b, const struct draw_map *m, uint32_t line)
{
	const struct estate_line *l = &m->e->lines[m->lines[line]];

	buf_puts(b, "\t");
	put_quoted(b, m->labels[m->from[line]]);
	buf_puts(b, " -> ");
	put_quoted(b, m->labels[m->to[line]]);
	buf_printf(b, " [style=%s, arrowhead=%s",
	    l->grouped ? "dotted" : l->strength == SIGHT_SOFT ? "dashed" : "solid", l->mode == SIGHT_ASYNC ? "vee" : "normal");
	if ((l->assumed & ESTATE_ASSUMED_STRENGTH) != 0 && !l->grouped)
		buf_puts(b, ", color=\"#aab4be\"");
	if (draw_is_reason(m, line))
		buf_puts(b, ", color=\"#a61b10\", penwidth=2");
	if (*l->protocol != '\0') {
		buf_puts(b, ", tooltip=");
		put_quoted(b, l->protocol);
	}
	buf_puts(b, "];\n");
}

int
draw_dot(const struct draw_map *m, struct buf *out)
{
	buf_puts(out, "digraph map {\n\trankdir=LR;\n\tnode [fontname=\"Helvetica\", fontsize=12];\n\tedge [arrowsize=0.8];\n");
	if (m->title != NULL) {
		buf_puts(out, "\tlabel=");
		put_quoted(out, m->title);
		buf_puts(out, ";\n\tlabelloc=t;\n");
	}
	for (uint32_t v = 0; v < m->node_count; v++)
		put_node(out, m, v);
	for (uint32_t i = 0; i < m->line_count; i++)
		put_line(out, m, i);
	buf_puts(out, "}\n");
	return out->overflowed ? -ENOBUFS : 0;
}
