/* SPDX-License-Identifier: MIT */
/*
 * ruling_svg.c - see ruling_svg.h.
 *
 * Time runs by events, not by seconds: each invocation and completion has a column, so that what overlaps is seen to overlap
 * however short it was. An operation without an answer runs off the right edge. The numbers on the bars are the longest order that
 * fits; below stands what the object is then, and what cannot be next.
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
#define HEAD 36
#define LINE 18
#define SAY_COLUMNS 96
#define OPS_MAX 60
#define LABEL_BYTES 48
#define SAY_BYTES_MAX 32768

struct picture {
	const struct ruling *r;
	const struct ruling_evidence *e;
	uint32_t from, ops;             /* of the evidence's, those drawn */
	uint32_t positions[2 * OPS_MAX];
	int64_t processes[OPS_MAX];
	uint32_t position_count, process_count;
	struct buf say;                 /* the sentence */
	unsigned top, head;             /* of the band, and of what is said above its lines */
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
	return p->top + p->head + i * ROW;
}

static unsigned
band_height(const struct picture *p)
{
	return p->head + p->process_count * ROW + 24 + (p->e->end_count > 0 ? LINE : 0);
}

static void
put_label(const struct picture *p, const struct tape_op *o, struct buf *out)
{
	struct buf what;

	buf_init(&what, 8192);
	ruling_put_op(p->r->tape, o, p->e->key == NULL, &what);
	(void)text_html(out, buf_str(&what), FL_MIN(buf_len(&what), (size_t)LABEL_BYTES));
	buf_fini(&what);
}

/* The place of an operation in the order that is shown, from 1; 0: it has none. */
static uint32_t
place_of(const struct picture *p, uint32_t index)
{
	const struct ruling_end *e = p->e->end_count > 0 ? &p->e->ends[0] : NULL;

	for (uint32_t i = 0; e != NULL && i < e->order_count; i++)
		if (e->order[i] == index)
			return i + 1;
	return 0;
}

/* What the object is where the order ends, and what would have to be next. */
static void
put_end(const struct picture *p, struct buf *out)
{
	const struct ruling_end *e = &p->e->ends[0];

	(void)buf_printf(out, "<text class=\"who\" x=\"%d\" y=\"%u\">", LEFT, p->top + p->head + p->process_count * ROW + 18);
	if (e->order_count == 0)
		(void)buf_puts(out, "At the start");
	else
		(void)buf_printf(out, e->order_count == 1 ? "After 1" : "After 1 to %" PRIu32, e->order_count);
	if (e->state[0] != '\0') {
		(void)buf_puts(out, " it is ");
		(void)text_html(out, e->state, FL_MIN(strlen(e->state), (size_t)80));
	}
	(void)buf_puts(out, e->next_count == 1 ? "; the next would be " : "; none of these can be next: ");
	for (uint32_t i = 0; i < e->next_count && i < 6; i++) {
		(void)buf_puts(out, i > 0 ? ", " : "");
		put_label(p, &p->r->tape->ops[e->next[i]], out);
	}
	(void)buf_puts(out, e->next_count > 6 ? " ...</text>\n" : "</text>\n");
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
	(void)buf_puts(out, "</text>");
	uint32_t place = place_of(p, p->e->ops[p->from + i]);

	if (place > 0)
		(void)buf_printf(out, "<text class=\"no\" x=\"%u\" y=\"%u\">%" PRIu32 "</text>", x + 4, y + 25, place);
	(void)buf_puts(out, "</g>\n");
}

/* The end of the line that begins at `from`: at a space, if there is one. */
static size_t
line_end(const char *text, size_t n, size_t from)
{
	size_t end = from + SAY_COLUMNS;

	if (end >= n)
		return n;
	for (size_t i = end; i > from + SAY_COLUMNS / 2; i--)
		if (text[i] == ' ')
			return i;
	while (end < n && ((unsigned char)text[end] & 0xc0) == 0x80)
		end++;
	return end;
}

static void
put_say(struct picture *p, struct buf *out)
{
	const char *text = buf_str(&p->say);
	size_t n = strlen(text);
	unsigned y = p->top + 22;

	for (size_t from = 0, end; from < n; from = end, y += LINE) {
		end = line_end(text, n, from);
		(void)buf_printf(out, "<text class=\"say\" x=\"10\" y=\"%u\">", y);
		(void)text_html(out, text + from + (text[from] == ' '), end - from - (text[from] == ' '));
		(void)buf_puts(out, "</text>\n");
	}
}

/* What is said, and how high it is. */
static void
lay_say(struct picture *p)
{
	buf_init(&p->say, SAY_BYTES_MAX);
	if (p->e->key != NULL)
		(void)buf_printf(&p->say, "key %.200s: ", p->e->key);
	(void)buf_puts(&p->say, p->e->say);
	p->head = HEAD;
	for (size_t from = 0, n = strlen(buf_str(&p->say)); from < n; from = line_end(buf_str(&p->say), n, from))
		p->head += LINE;
}

static void
put_band(struct picture *p, struct buf *out)
{
	put_say(p, out);
	for (uint32_t i = 0; i < p->process_count; i++) {
		unsigned y = p->top + p->head + i * ROW + 21;

		(void)buf_printf(out, "<text class=\"who\" x=\"10\" y=\"%u\">client %" PRId64 "</text>"
				 "<line x1=\"%d\" y1=\"%u\" x2=\"%u\" y2=\"%u\"/>\n",
				 y + 4, p->processes[i], LEFT - 10, y, LEFT + p->position_count * COLUMN + 20, y);
	}
	for (uint32_t i = 0; i < p->ops; i++)
		put_op(p, i, out);
	if (p->e->end_count > 0)
		put_end(p, out);
}

void
ruling_svg(const struct ruling *r, struct buf *out)
{
	unsigned height = 44, width = 720;
	struct picture *pictures = calloc(VERDICT_EVIDENCE_MAX, sizeof(pictures[0]));

	for (uint32_t i = 0; pictures != NULL && i < r->evidence_count; i++) {
		pictures[i] = (struct picture){ .r = r, .e = &r->evidence[i], .top = height };
		lay_out(&pictures[i]);
		lay_say(&pictures[i]);
		height += band_height(&pictures[i]);
		width = FL_MAX(width, LEFT + pictures[i].position_count * COLUMN + 260);
	}
	(void)buf_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" viewBox=\"0 0 %u %u\" "
			 "font-family=\"sans-serif\" font-size=\"12\">\n", width, height, width, height);
	(void)buf_puts(out, "<style>rect{fill:#9db8d9}.bad rect{fill:#d9534f}.bad text{fill:#a02622;font-weight:bold}.open rect{fill:#e3e3e3;"
		       "stroke:#999;stroke-dasharray:4 3}.bad.open rect{fill:#f0b8b6}line{stroke:#ddd}.say{font-weight:bold}.who{fill:#666}"
		       ".no{font-size:10px}</style>\n<rect width=\"100%\" height=\"100%\" style=\"fill:#fff\"/>\n");
	(void)buf_printf(out, "<text x=\"10\" y=\"28\" font-size=\"16\">%s: ", verdict_name(r->verdict));
	if (r->evidence_count > 0)
		(void)text_html(out, r->is_not, strlen(r->is_not));
	else
		(void)text_html(out, r->reason, FL_MIN(strlen(r->reason), (size_t)120));
	(void)buf_puts(out, "</text>\n");
	for (uint32_t i = 0; pictures != NULL && i < r->evidence_count; i++) {
		put_band(&pictures[i], out);
		buf_fini(&pictures[i].say);
	}
	(void)buf_puts(out, "</svg>\n");
	free(pictures);
}
