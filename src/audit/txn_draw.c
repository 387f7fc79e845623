/* SPDX-License-Identifier: MIT */
/* txn_draw.c - anomalies of transactions as pictures. */
#include "audit/txn_draw.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define TXNS_DRAWN_MAX 24               /* larger anomalies are left out */
#define MOPS_DRAWN_MAX 12
#define WIDTH_MIN 560.0
#define MARGIN 14.0
#define NAME_WIDTH 90.0                 /* of the lanes' names */
#define LINE 16.0
#define CHAR 6.6                        /* how wide a character is, about */
#define GAP 22.0
#define LANE_GAP 44.0
#define TEXT_MAX ((size_t)1 << 16)

struct box {
	uint32_t txn, lane;
	uint32_t from, to;              /* in time: positions of its ends */
	double x, y, width, height;
};
struct scene {
	const struct txn_outcome_of *o;
	const struct txn_anomaly *a;
	struct box boxes[TXNS_DRAWN_MAX];
	uint32_t lanes;
	uint32_t process[TXNS_DRAWN_MAX];       /* by lane */
	double lane_y[TXNS_DRAWN_MAX + 1];
	double width, bottom;
	struct buf text;
};

/* Micro-operation i of a transaction as its box has it. */
static void
put_line(const struct scene *s, uint32_t txn, uint32_t i, struct buf *out)
{
	const struct txn_hist *h = s->o->history;

	if (i == MOPS_DRAWN_MAX)
		buf_printf(out, "and %" PRIu32 " more", h->txns[txn].count - i);
	else
		txn_hist_put_mop(h, &txn_mops(h, txn)[i], out);
}

static uint32_t
lines_of(const struct scene *s, uint32_t txn)
{
	return FL_MIN(s->o->history->txns[txn].count, (uint32_t)MOPS_DRAWN_MAX + 1);
}

static uint32_t
lane_of(struct scene *s, uint32_t process)
{
	for (uint32_t i = 0; i < s->lanes; i++)
		if (s->process[i] == process)
			return i;
	s->process[s->lanes] = process;
	return s->lanes++;
}

/* How large the box of a transaction is, and when it was. Without times: one after the other. */
static void
measure(struct scene *s, uint32_t i, bool timed)
{
	struct box *b = &s->boxes[i];
	const struct txn *t = &s->o->history->txns[s->a->txns[i]];
	size_t longest = 4;

	b->txn = s->a->txns[i];
	b->from = timed ? t->invoke_pos : 2 * b->txn;
	b->to = timed ? t->complete_pos : 2 * b->txn + 1;
	if (timed && t->invoke_pos == 0)
		b->from = b->to;
	for (uint32_t l = 0; l < lines_of(s, b->txn); l++) {
		buf_clear(&s->text);
		put_line(s, b->txn, l, &s->text);
		longest = FL_MAX(longest, buf_len(&s->text));
	}
	b->width = (double)FL_MIN(longest, (size_t)60) * CHAR + 16;
	b->height = (lines_of(s, b->txn) + 1) * LINE + 10;
}

/* Put the ends of the boxes from left to right in the order of time, each box as wide as its text or wider. */
static void
place(struct scene *s)
{
	uint32_t n = s->a->count, done = 0, at = 0;
	double x = MARGIN + NAME_WIDTH;
	bool started[TXNS_DRAWN_MAX] = { false }, ended[TXNS_DRAWN_MAX] = { false };

	while (done < 2 * n) {
		uint32_t best = TXN_NONE;
		bool end = false;

		for (uint32_t i = 0; i < n; i++) {
			uint32_t pos = started[i] ? s->boxes[i].to : s->boxes[i].from;

			if (ended[i] || (best != TXN_NONE && pos >= at))
				continue;
			best = i;
			at = pos;
			end = started[i];
		}
		struct box *b = &s->boxes[best];

		if (end) {
			x = FL_MAX(x, b->x + b->width);
			b->width = x - b->x;
			ended[best] = true;
		} else {
			b->x = x;
			b->lane = lane_of(s, s->o->history->txns[b->txn].process);
			started[best] = true;
		}
		x += end ? GAP : GAP / 2;
		done++;
	}
	s->width = FL_MAX(WIDTH_MIN, x + MARGIN);
}

/* The lanes below each other. */
static double
stack(struct scene *s, double top)
{
	double height[TXNS_DRAWN_MAX] = { 0 }, y = top + 56;

	for (uint32_t i = 0; i < s->a->count; i++)
		height[s->boxes[i].lane] = FL_MAX(height[s->boxes[i].lane], s->boxes[i].height);
	for (uint32_t i = 0; i < s->lanes; i++) {
		s->lane_y[i] = y;
		y += height[i] + LANE_GAP;
	}
	for (uint32_t i = 0; i < s->a->count; i++)
		s->boxes[i].y = s->lane_y[s->boxes[i].lane];
	s->lane_y[s->lanes] = y;
	return y - LANE_GAP;
}

static void
put_lane(const struct scene *s, uint32_t lane, struct buf *out)
{
	int64_t process = s->o->history->processes[s->process[lane]];

	buf_printf(out, "<path class=\"l\" d=\"M%.1f %.1fH%.1f\"/>", MARGIN, s->lane_y[lane] + 30, s->width - MARGIN);
	if (process < TXN_NOBODY)
		buf_printf(out, "<text class=\"p\" x=\"%.1f\" y=\"%.1f\">process %" PRId64 "</text>", MARGIN, s->lane_y[lane] + 24, process);
	buf_putc(out, '\n');
}

static void
put_box(struct scene *s, uint32_t i, struct buf *out)
{
	const struct box *b = &s->boxes[i];
	const struct txn *t = &s->o->history->txns[b->txn];

	buf_printf(out, "<rect class=\"b%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"5\"/>"
	    "<text class=\"n\" x=\"%.1f\" y=\"%.1f\">T%" PRIu32 "%s%s</text>\n", t->outcome == TXN_FAIL ? " f" : t->outcome == TXN_INFO ? " i" : "",
	    b->x, b->y, b->width, b->height, b->x + 8, b->y + LINE, i + 1, t->outcome == TXN_OK ? "" : ", ",
	    t->outcome == TXN_OK ? "" : txn_outcome_name((enum txn_outcome)t->outcome));
	for (uint32_t l = 0; l < lines_of(s, b->txn); l++) {
		buf_clear(&s->text);
		put_line(s, b->txn, l, &s->text);
		buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\">", b->x + 8, b->y + (l + 2) * LINE);
		text_html(out, buf_data(&s->text), FL_MIN(buf_len(&s->text), (size_t)60));
		buf_puts(out, "</text>\n");
	}
}

/* An arrow that bends a little, its name in the middle. */
static void
put_curve(double x1, double y1, double x2, double y2, double bend, const char *edge, struct buf *out)
{
	double length = FL_MAX(hypot(x2 - x1, y2 - y1), 1.0), cx = (x1 + x2) / 2 - (y2 - y1) / length * bend;
	double cy = (y1 + y2) / 2 + (x2 - x1) / length * bend, mx = (x1 + 2 * cx + x2) / 4, my = (y1 + 2 * cy + y2) / 4;

	if (bend == 0) {        /* not in the middle, where that of the way back would be */
		mx = x1 + (x2 - x1) * 0.36;
		my = y1 + (y2 - y1) * 0.36;
	}
	double half = (double)strlen(edge) * CHAR / 2 + 3;

	buf_printf(out, "<path class=\"e %s\" d=\"M%.1f %.1fQ%.1f %.1f %.1f %.1f\" marker-end=\"url(#a)\"/><rect class=\"k\" x=\"%.1f\" y=\"%.1f\" "
	    "width=\"%.1f\" height=\"15\"/><text class=\"k t%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
	    edge, x1, y1, cx, cy, x2, y2, mx - half, my - 8, 2 * half, edge, mx, my + 4, edge);
}

/* An edge of the cycle, between the sides of the boxes that face each other; in one lane over the boxes or under them. */
static void
put_edge(const struct scene *s, uint32_t i, struct buf *out)
{
	const struct box *a = &s->boxes[i], *b = &s->boxes[(i + 1) % s->a->count];
	bool down = a->lane < b->lane, right = a->x < b->x;
	double side = right ? 14 : -14, ax = a->x + a->width / 2 + side, bx = b->x + b->width / 2 + side;

	if (a->lane != b->lane) {
		put_curve(ax, down ? a->y + a->height : a->y, bx, down ? b->y - 2 : b->y + b->height + 2,
		    (double)(down ? b->lane - a->lane - 1 : a->lane - b->lane - 1) * -70, s->a->steps[i].edge, out);
		return;
	}
	double ya = right ? a->y : a->y + a->height, yb = right ? b->y - 2 : b->y + b->height + 2;

	put_curve(a->x + a->width / 2, ya, b->x + b->width / 2, yb, -44, s->a->steps[i].edge, out);
}

/* A sentence, broken into lines. */
static double
put_sentence(const struct scene *s, const char *text, size_t n, double y, struct buf *out)
{
	size_t max = (size_t)((s->width - 2 * MARGIN) / CHAR), at = 0;

	while (at < n) {
		size_t length = n - at;

		if (length > max) {
			for (length = max; length > max / 2 && text[at + length] != ' '; length--)
				;
			while (length > 0 && ((unsigned char)text[at + length] & 0xc0) == 0x80)
				length--;       /* not within a character */
		}
		buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\">", MARGIN, y);
		text_html(out, text + at, length);
		buf_puts(out, "</text>\n");
		at += length;
		while (at < n && text[at] == ' ')
			at++;
		y += LINE;
	}
	return y;
}

static void
put_sentences(struct scene *s, struct buf *out)
{
	const struct txn_anomaly *a = s->a;

	if (a->steps == NULL) {
		s->bottom = put_sentence(s, a->say, strlen(a->say), s->bottom, out);
		return;
	}
	for (uint32_t i = 0; i < a->count; i++) {
		buf_clear(&s->text);
		buf_printf(&s->text, "T%" PRIu32 " %s T%" PRIu32 ": %s", i + 1, a->steps[i].edge, (i + 1) % a->count + 1, a->steps[i].why);
		s->bottom = put_sentence(s, buf_data(&s->text), buf_len(&s->text), s->bottom, out);
	}
}

/* One anomaly, from top on; where it ends, and how wide it is. */
static double
put_anomaly(const struct txn_outcome_of *o, const struct txn_anomaly *a, double top, double *width, struct buf *out)
{
	struct scene s = { .o = o, .a = a };
	bool timed = true;

	buf_init(&s.text, TEXT_MAX);
	for (uint32_t i = 0; i < a->count; i++)
		timed &= o->history->txns[a->txns[i]].complete_pos != 0;
	for (uint32_t i = 0; i < a->count; i++)
		measure(&s, i, timed);
	place(&s);
	s.bottom = stack(&s, top);
	buf_printf(out, "<text class=\"t\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", MARGIN, top + 24, a->type);
	for (uint32_t i = 0; i < s.lanes; i++)
		put_lane(&s, i, out);
	for (uint32_t i = 0; i < a->count; i++)
		put_box(&s, i, out);
	for (uint32_t i = 0; i < a->count && a->steps != NULL && a->count > 1; i++)
		put_edge(&s, i, out);
	s.bottom += a->steps == NULL ? 28 : 50;
	put_sentences(&s, out);
	buf_fini(&s.text);
	*width = FL_MAX(*width, s.width);
	return s.bottom + 10;
}

void
txn_draw_type(const struct txn_outcome_of *o, const char *type, struct buf *out)
{
	double y = 0, width = WIDTH_MIN;
	struct buf body;

	buf_init(&body, out->max_bytes);
	for (uint32_t i = 0; i < o->anomaly_count; i++)
		if (o->anomalies[i].count <= TXNS_DRAWN_MAX && (type == NULL || strcmp(o->anomalies[i].type, type) == 0))
			y = put_anomaly(o, &o->anomalies[i], y, &width, &body);
	if (y == 0) {
		buf_puts(&body, "<text class=\"t\" x=\"14\" y=\"24\">nothing to draw</text>\n");
		y = 40;
	}
	buf_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n"
	    "<style>svg{background:#fff}text{font:12px sans-serif;fill:#222}.t{font:bold 17px sans-serif}.n{font-weight:bold}.p{fill:#777}"
	    ".l{stroke:#ccc;fill:none}.b{fill:#eef3fb;stroke:#33557f;stroke-width:1.2}.b.f{fill:#fbe9e7;stroke:#b3261e;stroke-dasharray:5 3}"
	    ".b.i{fill:#fff8e1;stroke:#a06000;stroke-dasharray:5 3}.e{fill:none;stroke:#555;stroke-width:1.6}rect.k{fill:#fff}"
	    "text.k{text-anchor:middle;font-weight:bold}path.ww{stroke:#b3261e}.tww{fill:#b3261e}path.wr{stroke:#1e6fb3}.twr{fill:#1e6fb3}"
	    "path.rw{stroke:#a06000}.trw{fill:#a06000}path.process,path.realtime{stroke:#777;stroke-dasharray:5 4}</style>\n"
	    "<defs><marker id=\"a\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">"
	    "<path d=\"M0 0L10 5L0 10z\" fill=\"#444\"/></marker></defs>\n", width, y, width, y);
	buf_append(out, buf_data(&body), buf_len(&body));
	buf_puts(out, "</svg>\n");
	buf_fini(&body);
}

void
txn_draw_all(const struct txn_outcome_of *o, struct buf *out)
{
	txn_draw_type(o, NULL, out);
}
