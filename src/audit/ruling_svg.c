/* SPDX-License-Identifier: MIT */
/*
 * ruling_svg.c - see ruling_svg.h.
 *
 * Time runs by events, not by seconds: each invocation and completion has a column, so that what overlaps is seen to overlap
 * however short it was. An operation without an answer runs off the right edge.
 */
#include "audit/ruling_svg.h"

#include "audit/tape_value.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LEFT 110
#define COLUMN 46
#define ROW 40
#define HEAD 54
#define OPS_MAX 60
#define LABEL_BYTES 48

struct picture {
	const struct ruling *r;
	const struct ruling_evidence *e;
	uint32_t from, ops;             /* of the evidence's, those drawn */
	uint32_t positions[2 * OPS_MAX];
	int64_t processes[OPS_MAX];
	uint32_t position_count, process_count;
	unsigned top;                   /* of the band */
};

static int
compare_u32(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int
compare_i64(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static const struct tape_op *
op_at(const struct picture *p, uint32_t i)
{
	return &p->r->tape->ops[p->e->ops[p->from + i]];
}

/* The operations that fit: those up to the culprit, the last ones of them. */
static void
lay_out(struct picture *p)
{
	uint32_t unique = 0;

	p->ops = FL_MIN(p->e->op_count, (uint32_t)OPS_MAX);
	p->from = p->e->culprit >= p->ops ? p->e->culprit + 1 - p->ops : 0;
	for (uint32_t i = 0; i < p->ops; i++) {
		const struct tape_op *o = op_at(p, i);

		p->positions[p->position_count++] = o->invoke_pos;
		if (o->complete_pos != TAPE_POS_NEVER)
			p->positions[p->position_count++] = o->complete_pos;
		p->processes[p->process_count++] = o->process;
	}
	qsort(p->positions, p->position_count, sizeof(p->positions[0]), compare_u32);
	qsort(p->processes, p->process_count, sizeof(p->processes[0]), compare_i64);
	for (uint32_t i = 0; i < p->process_count; i++)
		if (unique == 0 || p->processes[unique - 1] != p->processes[i])
			p->processes[unique++] = p->processes[i];
	p->process_count = unique;
}

static unsigned
x_of(const struct picture *p, uint32_t pos)
{
	uint32_t i = 0;

	while (i < p->position_count && p->positions[i] < pos)
		i++;
	return LEFT + i * COLUMN;
}

static unsigned
y_of(const struct picture *p, int64_t process)
{
	unsigned i = 0;

	while (p->processes[i] != process)
		i++;
	return p->top + HEAD + i * ROW;
}

static unsigned
band_height(const struct picture *p)
{
	return HEAD + p->process_count * ROW + 24;
}

static void
put_label(const struct picture *p, const struct tape_op *o, struct buf *out)
{
	struct buf what;

	buf_init(&what, 8192);
	ruling_put_op(p->r->tape, o, &what);
	(void)text_html(out, buf_str(&what), FL_MIN(buf_len(&what), (size_t)LABEL_BYTES));
	buf_fini(&what);
}

static void
put_op(const struct picture *p, uint32_t i, struct buf *out)
{
	const struct tape_op *o = op_at(p, i);
	bool culprit = p->from + i == p->e->culprit, open = o->complete_pos == TAPE_POS_NEVER || o->outcome == TAPE_INFO;
	unsigned x = x_of(p, o->invoke_pos), y = y_of(p, o->process);
	unsigned end = o->complete_pos == TAPE_POS_NEVER ? LEFT + p->position_count * COLUMN + 20 : x_of(p, o->complete_pos);

	(void)buf_printf(out, "<g class=\"%s%s\"><title>", culprit ? "op bad" : "op", open ? " open" : "");
	put_label(p, o, out);
	(void)buf_printf(out, ", %.6f s", (double)o->invoke_ns / (double)FL_SEC);
	if (o->complete_ns != FL_NEVER)
		(void)buf_printf(out, " to %.6f s, %s", (double)o->complete_ns / (double)FL_SEC,
				 tape_outcome_name((enum tape_outcome)o->outcome));
	(void)buf_printf(out, ", line %" PRIu32 "</title><rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"14\" rx=\"3\"/>", o->line, x, y + 14,
			 FL_MAX(end, x + 8) - x);
	(void)buf_printf(out, "<text x=\"%u\" y=\"%u\">%s", x, y + 10, culprit ? "\xe2\x9c\x97 " : "");
	put_label(p, o, out);
	(void)buf_puts(out, "</text></g>\n");
}

static void
put_band(const struct picture *p, struct buf *out)
{
	(void)buf_printf(out, "<text class=\"say\" x=\"10\" y=\"%u\">", p->top + 22);
	if (p->e->key != NULL) {
		(void)buf_puts(out, "key ");
		(void)text_html(out, p->e->key, strlen(p->e->key));
		(void)buf_puts(out, ": ");
	}
	(void)text_html(out, p->e->say, strlen(p->e->say));
	(void)buf_puts(out, "</text>\n");
	for (uint32_t i = 0; i < p->process_count; i++) {
		unsigned y = p->top + HEAD + i * ROW + 21;

		(void)buf_printf(out, "<text class=\"who\" x=\"10\" y=\"%u\">client %" PRId64 "</text>"
				 "<line x1=\"%d\" y1=\"%u\" x2=\"%u\" y2=\"%u\"/>\n",
				 y + 4, p->processes[i], LEFT - 10, y, LEFT + p->position_count * COLUMN + 20, y);
	}
	for (uint32_t i = 0; i < p->ops; i++)
		put_op(p, i, out);
}

void
ruling_svg(const struct ruling *r, struct buf *out)
{
	unsigned height = 60, width = 640;
	struct picture *pictures = calloc(VERDICT_EVIDENCE_MAX, sizeof(pictures[0]));

	for (uint32_t i = 0; pictures != NULL && i < r->evidence_count; i++) {
		pictures[i] = (struct picture){ .r = r, .e = &r->evidence[i], .top = height };
		lay_out(&pictures[i]);
		height += band_height(&pictures[i]);
		width = FL_MAX(width, LEFT + pictures[i].position_count * COLUMN + 260);
	}
	(void)buf_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" viewBox=\"0 0 %u %u\" "
			 "font-family=\"sans-serif\" font-size=\"12\">\n", width, height, width, height);
	(void)buf_puts(out, "<style>rect{fill:#9db8d9}.bad rect{fill:#d9534f}.bad text{fill:#a02622;font-weight:bold}.open rect{fill:#e3e3e3;"
		       "stroke:#999;stroke-dasharray:4 3}.bad.open rect{fill:#f0b8b6}line{stroke:#ddd}.say{font-weight:bold}.who{fill:#666}"
		       "</style>\n<rect width=\"100%\" height=\"100%\" style=\"fill:#fff\"/>\n");
	(void)buf_printf(out, "<text x=\"10\" y=\"28\" font-size=\"16\">%s: ", verdict_name(r->verdict));
	(void)text_html(out, r->reason, FL_MIN(strlen(r->reason), (size_t)300));
	(void)buf_puts(out, "</text>\n");
	for (uint32_t i = 0; pictures != NULL && i < r->evidence_count; i++)
		put_band(&pictures[i], out);
	(void)buf_puts(out, "</svg>\n");
	free(pictures);
}
