/* SPDX-License-Identifier: MIT */
/* txn_say.c - the outcome of an audit of transactions for programs and for people. */
#include "audit/txn_say.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define TXNS_SHOWN 64
#define MOPS_SHOWN 40
#define CYCLE_DRAWN_MAX 24
#define PI 3.14159265358979323846

const char *
txn_say_verdict(enum txn_holds status)
{
	static const char *const verdicts[] = { [TXN_HOLDS] = "valid", [TXN_BROKEN] = "invalid", [TXN_UNKNOWN] = "unknown" };

	return verdicts[status];
}

static const char *
level_or_none(enum txn_level level)
{
	return level == TXN_LEVELS ? "none" : txn_level_name(level);
}

static void
put_txn(const struct txn_hist *h, uint32_t txn, struct buf *out)
{
	const struct txn *t = &h->txns[txn];

	buf_printf(out, "process %" PRId64, h->processes[t->process]);
	if (t->line != 0)
		buf_printf(out, ", line %" PRIu32, t->line);
	if (t->outcome != TXN_OK)
		buf_printf(out, ", %s", txn_outcome_name((enum txn_outcome)t->outcome));
	buf_putc(out, ':');
	for (uint32_t i = 0; i < t->count && i < MOPS_SHOWN; i++) {
		buf_puts(out, i == 0 ? " " : ", ");
		txn_hist_put_mop(h, &txn_mops(h, txn)[i], out);
	}
	if (t->count > MOPS_SHOWN)
		buf_printf(out, ", and %" PRIu32 " more", t->count - MOPS_SHOWN);
}

static void
anomaly_text(const struct txn_outcome_of *o, const struct txn_anomaly *a, struct buf *out)
{
	buf_printf(out, "\n%s: %s\n", a->type, a->say);
	for (uint32_t i = 0; i < a->count && i < TXNS_SHOWN; i++) {
		buf_printf(out, "  T%" PRIu32 "  ", i + 1);
		put_txn(o->history, a->txns[i], out);
		buf_putc(out, '\n');
	}
	for (uint32_t i = 0; a->steps != NULL && i < a->count && i < TXNS_SHOWN; i++)
		buf_printf(out, "  T%" PRIu32 " -%s-> T%" PRIu32 ": %s\n", i + 1, a->steps[i].edge, (i + 1) % a->count + 1, a->steps[i].why);
	if (a->count > TXNS_SHOWN)
		buf_printf(out, "  and %" PRIu32 " more\n", a->count - TXNS_SHOWN);
	if (a->more > 0)
		buf_printf(out, "  (%" PRIu64 " more of this kind)\n", a->more);
}

void
txn_say_text(const struct txn_outcome_of *o, enum txn_level level, struct buf *out)
{
	static const char *const ends[] = { [TXN_HOLDS] = "holds", [TXN_BROKEN] = "is broken", [TXN_UNKNOWN] = "could not be decided" };

	buf_printf(out, "%s: %s %s\n", txn_say_verdict(o->status[level]), txn_level_name(level), ends[o->status[level]]);
	buf_printf(out, "  strongest level that holds: %s\n", level_or_none(txn_check_strongest(o)));
	buf_printf(out, "  weakest level that is broken: %s\n", level_or_none(txn_check_weakest_broken(o)));
	buf_printf(out, "  %s, %" PRIu32 " transactions, %" PRIu32 " of them committed, %" PRIu32 " keys, %" PRIu64 " dependencies\n",
	    txn_model_name(o->history->model), o->history->count, o->committed, o->history->key_count, o->edges);
	if (o->unknown != NULL) {
		buf_puts(out, "  not decided:");
		for (unsigned i = 0; i < TXN_LEVELS; i++)
			if (o->status[i] == TXN_UNKNOWN)
				buf_printf(out, " %s", txn_level_name((enum txn_level)i));
		buf_printf(out, " (%s)\n", o->unknown);
	}
	for (uint32_t i = 0; i < o->anomaly_count; i++)
		anomaly_text(o, &o->anomalies[i], out);
}

static void
code_json(const struct txn_hist *h, int32_t code, struct buf *scratch, struct jsonw *w)
{
	if (code == TXN_NIL) {
		jsonw_null(w);
	} else if (code >= TXN_CODE_INT_MIN) {
		jsonw_int(w, code);
	} else {
		buf_clear(scratch);
		txn_hist_put_code(h, code, scratch);
		jsonw_stringn(w, buf_data(scratch), buf_len(scratch));
	}
}

static void
txn_json(const struct txn_hist *h, uint32_t txn, uint32_t name, struct buf *scratch, struct jsonw *w)
{
	static const char *const fs[] = { "r", "r", "w", "append", "add" };
	const struct txn *t = &h->txns[txn];

	jsonw_object(w);
	jsonw_key(w, "name");
	jsonw_printf(w, "T%" PRIu32, name);
	jsonw_num(w, "process", h->processes[t->process]);
	jsonw_num(w, "line", t->line);
	jsonw_str(w, "type", txn_outcome_name((enum txn_outcome)t->outcome));
	jsonw_key(w, "value");
	jsonw_array(w);
	for (uint32_t i = 0; i < t->count; i++) {
		const struct txn_mop *m = &txn_mops(h, txn)[i];

		jsonw_array(w);
		jsonw_string(w, fs[m->f]);
		code_json(h, h->keys[m->key], scratch, w);
		if (m->f == TXN_L) {
			jsonw_array(w);
			for (uint32_t e = 0; e < m->count; e++)
				code_json(h, txn_elems(h, m)[e], scratch, w);
			jsonw_end(w);
		} else {
			code_json(h, m->value, scratch, w);
		}
		jsonw_end(w);
	}
	jsonw_end(w);
	jsonw_end(w);
}

static void
anomaly_json(const struct txn_outcome_of *o, const struct txn_anomaly *a, struct buf *scratch, struct jsonw *w)
{
	jsonw_object(w);
	jsonw_str(w, "type", a->type);
	jsonw_str(w, "say", a->say);
	jsonw_key(w, "transactions");
	jsonw_array(w);
	for (uint32_t i = 0; i < a->count; i++)
		txn_json(o->history, a->txns[i], i + 1, scratch, w);
	jsonw_end(w);
	if (a->steps != NULL) {
		jsonw_key(w, "cycle");
		jsonw_array(w);
		for (uint32_t i = 0; i < a->count; i++) {
			jsonw_object(w);
			jsonw_key(w, "from");
			jsonw_printf(w, "T%" PRIu32, i + 1);
			jsonw_str(w, "edge", a->steps[i].edge);
			jsonw_key(w, "to");
			jsonw_printf(w, "T%" PRIu32, (i + 1) % a->count + 1);
			jsonw_str(w, "why", a->steps[i].why);
			jsonw_end(w);
		}
		jsonw_end(w);
	}
	jsonw_num(w, "more", (int64_t)a->more);
	jsonw_end(w);
}

static void
reason_json(const struct txn_outcome_of *o, enum txn_level level, struct jsonw *w)
{
	jsonw_key(w, "reason");
	if (o->status[level] == TXN_UNKNOWN && o->unknown != NULL)
		jsonw_string(w, o->unknown);
	else
		jsonw_printf(w, "%s %s", txn_level_name(level), o->status[level] == TXN_HOLDS ? "holds" : o->status[level] == TXN_BROKEN ?
		    "is broken" : "could not be decided");
}

void
txn_say_json(const struct txn_outcome_of *o, enum txn_level level, struct jsonw *w)
{
	static const char *const words[] = { [TXN_HOLDS] = "holds", [TXN_BROKEN] = "broken", [TXN_UNKNOWN] = "unknown" };
	enum txn_level strongest = txn_check_strongest(o), weakest = txn_check_weakest_broken(o);
	struct buf scratch;

	buf_init(&scratch, (size_t)16 << 20);
	jsonw_object(w);
	jsonw_str(w, "verdict", txn_say_verdict(o->status[level]));
	jsonw_str(w, "model", txn_model_name(o->history->model));
	jsonw_str(w, "level", txn_level_name(level));
	reason_json(o, level, w);
	jsonw_key(w, "strongest");
	if (strongest == TXN_LEVELS)
		jsonw_null(w);
	else
		jsonw_string(w, txn_level_name(strongest));
	jsonw_key(w, "weakest_broken");
	if (weakest == TXN_LEVELS)
		jsonw_null(w);
	else
		jsonw_string(w, txn_level_name(weakest));
	jsonw_key(w, "violated");
	jsonw_array(w);
	for (unsigned i = 0; i < TXN_LEVELS; i++)
		if (o->status[i] == TXN_BROKEN)
			jsonw_string(w, txn_level_name((enum txn_level)i));
	jsonw_end(w);
	jsonw_key(w, "levels");
	jsonw_object(w);
	for (unsigned i = 0; i < TXN_LEVELS; i++)
		jsonw_str(w, txn_level_name((enum txn_level)i), words[o->status[i]]);
	jsonw_end(w);
	jsonw_num(w, "transactions", o->history->count);
	jsonw_num(w, "committed", o->committed);
	jsonw_key(w, "anomalies");
	jsonw_array(w);
	for (uint32_t i = 0; i < o->anomaly_count; i++)
		anomaly_json(o, &o->anomalies[i], &scratch, w);
	jsonw_end(w);
	jsonw_end(w);
	buf_fini(&scratch);
}

#define WIDTH 760
#define RADIUS 150.0
#define LINE_HEIGHT 18

/* One arrow from the rim of circle a to that of b, with its kind beside it. */
static void
arrow_svg(uint32_t a, uint32_t b, uint32_t n, double top, const char *edge, struct buf *out)
{
	double cx = WIDTH / 2.0, cy = top + RADIUS + 50, r = n == 1 ? 0 : RADIUS;
	double u = 2 * PI * a / n - PI / 2, v = 2 * PI * b / n - PI / 2;
	double x1 = cx + r * cos(u), y1 = cy + r * sin(u), x2 = cx + r * cos(v), y2 = cy + r * sin(v);
	double length = hypot(x2 - x1, y2 - y1), bend = n == 2 ? 60 : 18;
	double dx = length > 0 ? (x2 - x1) / length : 0, dy = length > 0 ? (y2 - y1) / length : 0;
	double mx = (x1 + x2) / 2 + dy * bend, my = (y1 + y2) / 2 - dx * bend;

	buf_printf(out, "<path class=\"e %s\" d=\"M%.1f %.1fQ%.1f %.1f %.1f %.1f\" marker-end=\"url(#a)\"/>"
	    "<text class=\"k\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
	    edge, x1 + dx * 24, y1 + dy * 24, mx, my, x2 - dx * 28, y2 - dy * 28, mx + dy * 12, my - dx * 12 + 4, edge);
}

static double
anomaly_svg(const struct txn_outcome_of *o, const struct txn_anomaly *a, double top, struct buf *out)
{
	struct buf text;
	double y = top + 2 * RADIUS + 120;

	buf_init(&text, (size_t)1 << 20);
	buf_printf(out, "<text class=\"t\" x=\"20\" y=\"%.0f\">%s</text>\n", top + 24, a->type);
	for (uint32_t i = 0; i < a->count; i++)
		arrow_svg(i, (i + 1) % a->count, a->count, top, a->steps[i].edge, out);
	for (uint32_t i = 0; i < a->count; i++) {
		double u = 2 * PI * i / a->count - PI / 2, r = a->count == 1 ? 0 : RADIUS;

		buf_printf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"22\"/><text class=\"n\" x=\"%.1f\" y=\"%.1f\">T%u</text>\n",
		    WIDTH / 2.0 + r * cos(u), top + RADIUS + 50 + r * sin(u), WIDTH / 2.0 + r * cos(u),
		    top + RADIUS + 55 + r * sin(u), (unsigned)i + 1);
	}
	for (uint32_t i = 0; i < 2 * a->count; i++, y += LINE_HEIGHT) {
		uint32_t j = i % a->count;

		buf_clear(&text);
		if (i < a->count) {
			buf_printf(&text, "T%u  ", (unsigned)j + 1);
			put_txn(o->history, a->txns[j], &text);
		} else {
			buf_printf(&text, "T%u -%s-> T%u: %s", (unsigned)j + 1, a->steps[j].edge, (unsigned)(j + 1) % a->count + 1,
			    a->steps[j].why);
		}
		buf_printf(out, "<text x=\"20\" y=\"%.0f\">", y);
		text_html(out, buf_data(&text), FL_MIN(buf_len(&text), (size_t)160));
		buf_puts(out, "</text>\n");
	}
	buf_fini(&text);
	return y + 30;
}

void
txn_say_svg(const struct txn_outcome_of *o, struct buf *out)
{
	struct buf body;
	double y = 0;

	buf_init(&body, out->max_bytes);
	for (uint32_t i = 0; i < o->anomaly_count; i++)
		if (o->anomalies[i].steps != NULL && o->anomalies[i].count <= CYCLE_DRAWN_MAX)
			y = anomaly_svg(o, &o->anomalies[i], y, &body);
	if (y == 0) {
		buf_puts(&body, "<text class=\"t\" x=\"20\" y=\"24\">no cycle to draw</text>\n");
		y = 40;
	}
	buf_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d %.0f\">\n"
	    "<style>svg{background:#fff}text{font:13px sans-serif;fill:#222}.t{font:bold 17px sans-serif}.n,.k{text-anchor:middle}"
	    ".k{font-weight:bold}circle{fill:#eef3fb;stroke:#33557f;stroke-width:1.5}.e{fill:none;stroke:#555;stroke-width:1.6}"
	    ".ww{stroke:#b3261e}.wr{stroke:#1e6fb3}.rw{stroke:#a06000}.process,.realtime,.visible{stroke:#777;stroke-dasharray:5 4}</style>\n"
	    "<defs><marker id=\"a\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">"
	    "<path d=\"M0 0L10 5L0 10z\" fill=\"#444\"/></marker></defs>\n", WIDTH, y, WIDTH, y);
	buf_append(out, buf_data(&body), buf_len(&body));
	buf_puts(out, "</svg>\n");
	buf_fini(&body);
}
