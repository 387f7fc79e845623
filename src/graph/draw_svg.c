/* SPDX-License-Identifier: MIT */
/*
 * draw_svg.c - a map as SVG: no scripts, no outside fonts, colours that differ in print as well
 *
 * Styles are classes in one style sheet at the top, so a page that embeds the picture can give it other ones. Every node and line has a title, which
 * browsers show when one points at it.
 */
#include "graph/draw_map.h"

#include "base/assert.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MARGIN 24.0
#define TITLE_HEIGHT 34.0
#define LEGEND_HEIGHT 44.0
#define CORNER 7.0
#define CUT 8.0                         /* of the corners of a broker */
#define LID 5.0                         /* of a cylinder */
#define LEGEND_WIDTH 820.0

static const char style[] =
	"<style>\n"
	"text{font-family:Helvetica,Arial,'Liberation Sans','DejaVu Sans',sans-serif;fill:#1d2733;text-anchor:middle}\n"
	".t{font-size:18px;font-weight:bold;text-anchor:start}.n{font-size:13px}.d{font-size:10px;fill:#5b6775}\n"
	".l{font-size:11px;text-anchor:start;fill:#3c4856}\n"
	".b{fill:#fff;stroke:#52606d;stroke-width:1.2}.ext{stroke-dasharray:5 3;fill:#f7f8f9}.store{fill:#eef4fb;stroke:#3b6ea5}\n"
	".brk{fill:#f3effa;stroke:#6b4fa0}.usr{fill:#f0f3f5}\n"
	".degraded{fill:#fdeecb;stroke:#a8690a;stroke-width:1.8;stroke-dasharray:7 2}\n"
	".down{fill:#f9d4cf;stroke:#a61b10;stroke-width:2}.failed{fill:#a61b10;stroke:#6d100a;stroke-width:2.4}.w{fill:#fff}\n"
	".e{fill:none;stroke:#7b8794;stroke-width:1.2}.soft{stroke-dasharray:5 4}.grp{stroke-dasharray:10 3 2 3}\n"
	".assumed{stroke:#aab4be}.back{stroke:#0b7285}\n"
	".why{stroke:#a61b10;stroke-width:2.2}\n"
	"</style>\n";

/* ---- the frame ---- */

/* A marker keeps the colour that it was defined with, so there is one for each colour; open ones are for asynchronous lines. */
static void
put_arrow(struct buf *b, const char *id, const char *colour, bool open)
{
	buf_printf(b, "<marker id=\"%s%s\" viewBox=\"0 0 10 10\" refX=\"9.2\" refY=\"5\" markerWidth=\"8\" markerHeight=\"8\" "
	    "markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0.8L9.4 5L0 9.2%s\" fill=\"%s\" stroke=\"%s\" "
	    "stroke-width=\"%s\"/></marker>\n", id, open ? "o" : "", open ? "" : "z", open ? "none" : colour, colour, open ? "1.4" : "0");
}

static void
put_head(struct buf *b, const struct draw_map *m, double width, double height)
{
	static const char *const colours[][2] = { { "an", "#7b8794" }, { "aa", "#aab4be" }, { "ab", "#0b7285" }, { "aw", "#a61b10" } };

	buf_printf(b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" role=\"img\">\n", width,
	    height, width, height);
	buf_puts(b, "<title>");
	text_html(b, m->title != NULL ? m->title : "map", strlen(m->title != NULL ? m->title : "map"));
	buf_puts(b, "</title>\n");
	buf_puts(b, style);
	buf_puts(b, "<defs>\n");
	for (size_t i = 0; i < FL_ARRAY_LEN(colours); i++) {
		put_arrow(b, colours[i][0], colours[i][1], false);
		put_arrow(b, colours[i][0], colours[i][1], true);
	}
	buf_puts(b, "</defs>\n");
	buf_printf(b, "<rect width=\"%.0f\" height=\"%.0f\" fill=\"#fff\"/>\n", width, height);
	if (m->title == NULL)
		return;
	buf_printf(b, "<text class=\"t\" x=\"%.0f\" y=\"%.0f\">", MARGIN, MARGIN + 14);
	text_html(b, m->title, strlen(m->title));
	buf_puts(b, "</text>\n");
}

/* ---- nodes ---- */

static const char *
kind_class(enum sight_kind k)
{
	switch (k) {
	case SIGHT_DATASTORE:
		return " store";
	case SIGHT_BROKER:
		return " brk";
	case SIGHT_EXTERNAL:
		return " ext";
	case SIGHT_USER:
		return " usr";
	default:
		return "";
	}
}

static const char *
state_class(const struct draw_map *m, uint32_t node)
{
	enum impact_state s = draw_state(m, node);

	if (s == IMPACT_UP)
		return "";
	if (s == IMPACT_DEGRADED)
		return " degraded";
	return impact_hop(m->im, m->nodes[node]) == 0 ? " failed" : " down";
}

static void
put_cylinder(struct buf *b, const char *classes, double x, double y, double w, double h)
{
	buf_printf(b, "<path class=\"b%s\" d=\"M%.1f %.1fa%.1f %.1f 0 0 1 %.1f 0v%.1fa%.1f %.1f 0 0 1 %.1f 0z\"/>"
	    "<path class=\"b%s\" style=\"fill:none\" d=\"M%.1f %.1fa%.1f %.1f 0 0 0 %.1f 0\"/>\n", classes, x, y + LID, w / 2, LID, w, h - 2 * LID,
	    w / 2, LID, -w, classes, x, y + LID, w / 2, LID, w);
}

static void
put_shape(struct buf *b, enum sight_kind kind, const char *classes, double x, double y, double w, double h)
{
	if (kind == SIGHT_DATASTORE)
		put_cylinder(b, classes, x, y, w, h);
	else if (kind == SIGHT_BROKER)
		buf_printf(b, "<path class=\"b%s\" d=\"M%.1f %.1fh%.1fl%.1f %.1fv%.1fl%.1f %.1fh%.1fl%.1f %.1fv%.1fz\"/>\n", classes, x + CUT, y,
		    w - 2 * CUT, CUT, CUT, h - 2 * CUT, -CUT, CUT, -(w - 2 * CUT), -CUT, -CUT, -(h - 2 * CUT));
	else
		buf_printf(b, "<rect class=\"b%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"%.1f\"/>\n", classes, x, y, w, h,
		    kind == SIGHT_USER ? h / 2 : kind == SIGHT_HOST ? 0 : CORNER);
}

static void
put_text(struct buf *b, const char *classes, double x, double y, const char *s)
{
	buf_printf(b, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", classes, x, y);
	text_html(b, s, strlen(s));
	buf_puts(b, "</text>");
}

static void
put_node(struct buf *b, const struct draw_map *m, uint32_t node, double top)
{
	const struct layout_point *p = &m->layout.nodes[node];
	const struct estate_node *n = &m->e->nodes[m->nodes[node]];
	double w = (double)m->width[node], h = (double)m->height[node], x = p->x + MARGIN, y = p->y + top;
	const char *state = state_class(m, node), *white = strcmp(state, " failed") == 0 ? " w" : "";
	char classes[64];
	bool two = *m->details[node] != '\0';
	double lid = n->kind == SIGHT_DATASTORE ? LID / 2 : 0;

	snprintf(classes, sizeof(classes), "%s%s", kind_class(n->kind), state);
	buf_puts(b, "<g><title>");
	text_html(b, m->labels[node], strlen(m->labels[node]));
	if (*n->app != '\0') {
		buf_puts(b, " (application ");
		text_html(b, n->app, strlen(n->app));
		buf_puts(b, ")");
	}
	buf_puts(b, "</title>");
	put_shape(b, n->kind, classes, x - w / 2, y - h / 2, w, h);
	snprintf(classes, sizeof(classes), "n%s", white);
	put_text(b, classes, x, y + (two ? -1 : 4.5) + lid, m->labels[node]);
	snprintf(classes, sizeof(classes), "d%s", white);
	if (two)
		put_text(b, classes, x, y + 13 + lid, m->details[node]);
	buf_puts(b, "</g>\n");
}

/* ---- lines ---- */

/* Between columns a curve that leaves and arrives level; through a column a straight line. */
static void
put_way(struct buf *b, const struct layout_point *p, uint32_t count, double top)
{
	buf_printf(b, "M%.1f %.1f", p[0].x + MARGIN, p[0].y + top);
	for (uint32_t i = 1; i < count; i++) {
		double x = p[i].x + MARGIN, y = p[i].y + top, half = (p[i - 1].x + p[i].x) / 2 + MARGIN;

		if (i % 2 == 1)
			buf_printf(b, "C%.1f %.1f %.1f %.1f %.1f %.1f", half, p[i - 1].y + top, half, y, x, y);
		else
			buf_printf(b, "H%.1f", x);
	}
}

static void
put_line(struct buf *b, const struct draw_map *m, uint32_t line, double top)
{
	const struct estate_line *l = &m->e->lines[m->lines[line]];
	const struct layout *lay = &m->layout;
	bool why = draw_is_reason(m, line), assumed = (l->assumed & ESTATE_ASSUMED_STRENGTH) != 0 && !l->grouped;
	const char *colour = why ? "aw" : lay->turned[line] ? "ab" : assumed ? "aa" : "an";

	buf_printf(b, "<path class=\"e%s%s%s%s\" marker-end=\"url(#%s%s)\" d=\"",
	    l->grouped ? " grp" : l->strength == SIGHT_SOFT ? " soft" : "", assumed ? " assumed" : "",
	    lay->turned[line] ? " back" : "", why ? " why" : "", colour, l->mode == SIGHT_ASYNC ? "o" : "");
	put_way(b, lay->bends + lay->bend_at[line], lay->bend_at[line + 1] - lay->bend_at[line], top);
	buf_puts(b, "\"><title>");
	text_html(b, m->labels[m->from[line]], strlen(m->labels[m->from[line]]));
	buf_puts(b, " needs ");
	text_html(b, m->labels[m->to[line]], strlen(m->labels[m->to[line]]));
	if (l->grouped)
		buf_puts(b, ", as a member of a group");
	else
		buf_printf(b, ", %s%s", estate_strength_word(l->strength), assumed ? " (assumed)" : "");
	if (*l->protocol != '\0') {
		buf_puts(b, ", ");
		text_html(b, l->protocol, strlen(l->protocol));
	}
	buf_puts(b, "</title></path>\n");
}

/* ---- what the signs mean ---- */

static void
put_legend(struct buf *b, const struct draw_map *m, double y)
{
	static const struct { const char *classes, *arrow, *text; double width; } lines[] = { { "e", "an", "needs", 80 },
		{ "e soft", "an", "softly", 80 }, { "e grp", "an", "some of a group", 138 }, { "e", "ano", "later", 74 },
		{ "e assumed", "aa", "assumed", 94 }, { "e back", "ab", "closes a circle", 130 } };
	static const struct { const char *classes, *text; double width; } states[] = { { " failed", "failed", 68 }, { " down", "down", 64 },
		{ " degraded", "degraded", 80 } };
	double x = MARGIN;

	for (size_t i = 0; i < FL_ARRAY_LEN(lines); i++) {
		buf_printf(b, "<path class=\"%s\" marker-end=\"url(#%s)\" d=\"M%.1f %.1fh28\"/>", lines[i].classes, lines[i].arrow, x, y);
		put_text(b, "l", x + 33, y + 4, lines[i].text);
		buf_puts(b, "\n");
		x += lines[i].width;
	}
	for (size_t i = 0; i < FL_ARRAY_LEN(states) && m->im != NULL; i++) {
		buf_printf(b, "<rect class=\"b%s\" x=\"%.1f\" y=\"%.1f\" width=\"16\" height=\"12\" rx=\"3\"/>", states[i].classes, x, y - 6);
		put_text(b, "l", x + 21, y + 4, states[i].text);
		buf_puts(b, "\n");
		x += states[i].width;
	}
}

int
draw_svg(const struct draw_map *m, struct buf *out)
{
	double top = MARGIN + (m->title != NULL ? TITLE_HEIGHT : 0), width = FL_MAX(m->layout.width, LEGEND_WIDTH) + 2 * MARGIN;
	double title = MARGIN * 2 + (m->title != NULL ? draw_text_width(m->title, 18) * 1.1 : 0);
	double height = top + m->layout.height + LEGEND_HEIGHT + MARGIN / 2;

	put_head(out, m, FL_MAX(width, title), height);
	for (unsigned why = 0; why < 2; why++)          /* reasons over the rest */
		for (uint32_t i = 0; i < m->line_count; i++)
			if (draw_is_reason(m, i) == (why == 1))
				put_line(out, m, i, top);
	for (uint32_t v = 0; v < m->node_count; v++)
		put_node(out, m, v, top);
	put_legend(out, m, height - MARGIN);
	buf_puts(out, "</svg>\n");
	return out->overflowed ? -ENOBUFS : 0;
}
