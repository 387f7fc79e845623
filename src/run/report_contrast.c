/* SPDX-License-Identifier: MIT */
/* report_contrast.c - see report_contrast.h. */
#include "run/report_contrast.h"

#include "proto/jsonw.h"
#include "run/words.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SCHEMA 1

/* ---- for programs ---- */

static void
put_text(struct jsonw *w, const char *key, const char *s)
{
	jsonw_key(w, key);
	if (s == NULL)
		jsonw_null(w);
	else
		jsonw_string(w, s);
}

static void
put_reason(void *ud, const char *text)
{
	jsonw_string(ud, text);
}

static void
put_side(struct jsonw *w, const struct contrast_side *s)
{
	jsonw_object(w);
	jsonw_str(w, "name", s->name);
	put_text(w, "verdict", s->r == NULL ? "unknown" : words_verdict_id(s->r->verdict));
	put_text(w, "run_dir", s->r == NULL ? NULL : s->r->run_dir);
	if (s->r != NULL) {
		jsonw_num(w, "exit_code", s->r->exit_code);
		metric_write(w, &s->r->metrics);
	} else {
		put_text(w, "error", s->error);
	}
	jsonw_end(w);
}

static void
put_sides(struct jsonw *w, const struct contrast *c)
{
	jsonw_key(w, "variants");
	jsonw_array(w);
	for (uint32_t i = 0; i < c->count; i++)
		put_side(w, &c->sides[i]);
	jsonw_end(w);
	jsonw_key(w, "compare");
	jsonw_array(w);
	for (uint32_t i = 0; i < c->claim_count; i++) {
		jsonw_object(w);
		jsonw_str(w, "text", c->claims[i].text);
		jsonw_str(w, "got", c->claims[i].outcome.got);
		jsonw_flag(w, "held", c->claims[i].outcome.held);
		jsonw_flag(w, "known", c->claims[i].outcome.known);
		jsonw_end(w);
	}
	jsonw_end(w);
}

int
report_contrast_json(const struct contrast *c, struct buf *out)
{
	struct jsonw w;
	struct buf text;

	buf_init(&text, 65536);
	jsonw_init(&w, out);
	jsonw_object(&w);
	jsonw_num(&w, "schema", SCHEMA);
	jsonw_str(&w, "verdict", words_verdict_id(c->verdict));
	jsonw_num(&w, "exit_code", c->exit_code);
	contrast_headline(c, &text);
	jsonw_str(&w, "headline", buf_str(&text));
	jsonw_key(&w, "reasons");
	jsonw_array(&w);
	contrast_reasons(c, put_reason, &w);
	jsonw_end(&w);
	put_text(&w, "name", c->name);
	put_text(&w, "description", c->description);
	jsonw_key(&w, "seed");
	jsonw_uint(&w, c->seed);
	put_text(&w, "experiment", c->experiment_path);
	put_text(&w, "command", c->command);
	put_text(&w, "replay", c->replay);
	put_text(&w, "run_dir", c->run_dir);
	buf_clear(&text);
	words_date(c->start_wall_ns, true, &text);
	jsonw_str(&w, "started", buf_str(&text));
	buf_fini(&text);
	put_sides(&w, c);
	jsonw_end(&w);
	buf_putc(out, '\n');
	return out->overflowed ? -ENOBUFS : 0;
}

/* ---- for test runners ---- */

/* One case; `why` NULL: it passed. */
static void
put_case(const struct contrast *c, const char *kind, const char *name, bool known, const char *why, struct buf *out)
{
	buf_puts(out, "    <testcase classname=\"");
	words_safe(c->name, out);
	buf_printf(out, ".%s\" name=\"", kind);
	words_safe(name, out);
	if (why == NULL) {
		buf_puts(out, "\" time=\"0.000\"/>\n");
		return;
	}
	buf_printf(out, "\" time=\"0.000\">\n      <%s message=\"", known ? "failure" : "skipped");
	words_safe(why, out);
	buf_puts(out, "\"/>\n    </testcase>\n");
}

static const char *
why_not(const struct contrast_side *s)
{
	if (s->r == NULL)
		return s->error != NULL && s->error[0] != '\0' ? s->error : "it did not run";
	if (s->r->verdict == RESULT_HELD)
		return NULL;
	return s->r->reason_count > 0 ? s->r->reasons[0] : words_verdict(s->r->verdict);
}

static bool
is_failure(const struct contrast_side *s)
{
	return s->r != NULL && (s->r->verdict == RESULT_FINDING || s->r->verdict == RESULT_ABORTED);
}

int
report_contrast_junit(const struct contrast *c, struct buf *out)
{
	unsigned failures = 0, skipped = 0;
	char head[160];

	for (uint32_t i = 0; i < c->count; i++) {
		failures += is_failure(&c->sides[i]);
		skipped += !is_failure(&c->sides[i]) && why_not(&c->sides[i]) != NULL;
	}
	for (uint32_t i = 0; i < c->claim_count; i++) {
		failures += c->claims[i].outcome.known && !c->claims[i].outcome.held;
		skipped += !c->claims[i].outcome.known;
	}
	snprintf(head, sizeof(head), "\" tests=\"%" PRIu32 "\" failures=\"%u\" errors=\"0\" skipped=\"%u\" time=\"0.000\"",
	    c->count + c->claim_count, failures, skipped);
	buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"");
	words_safe(c->name, out);
	buf_printf(out, "%s>\n  <testsuite name=\"", head);
	words_safe(c->name, out);
	buf_printf(out, "%s timestamp=\"", head);
	struct buf date;
	buf_init(&date, 64);
	words_date(c->start_wall_ns, true, &date);
	/* The schema knows no time zone here. */
	buf_printf(out, "%.19s\" hostname=\"localhost\">\n", buf_str(&date));
	buf_fini(&date);
	for (uint32_t i = 0; i < c->count; i++)
		put_case(c, "variant", c->sides[i].name, is_failure(&c->sides[i]), why_not(&c->sides[i]), out);
	for (uint32_t i = 0; i < c->claim_count; i++) {
		const struct contrast_claim *k = &c->claims[i];
		put_case(c, "compare", k->text, k->outcome.known, k->outcome.known && k->outcome.held ? NULL : k->outcome.got, out);
	}
	buf_puts(out, "  </testsuite>\n</testsuites>\n");
	return out->overflowed ? -ENOBUFS : 0;
}

/* ---- for terminals ---- */

static void
tell(void *ud, const char *text)
{
	struct buf *out = ud;

	buf_puts(out, "  - ");
	for (; *text != '\0'; text++)
		buf_putc(out, *text == '\n' ? ' ' : *text);
	buf_putc(out, '\n');
}

static void
put_row(const struct contrast *c, enum metric m, struct buf *out)
{
	char text[64];

	buf_printf(out, "  %-16s", metric_info(m)->name);
	for (uint32_t i = 0; i < c->count; i++) {
		const double v = c->sides[i].r == NULL ? NAN : c->sides[i].r->metrics.of[m];
		metric_say(metric_info(m)->unit, v, text, sizeof(text));
		buf_printf(out, " %14.14s", isnan(v) ? "-" : text);
	}
	buf_putc(out, '\n');
}

static void
put_body(const struct contrast *c, struct buf *out)
{
	static const enum metric shown[] = { METRIC_GOODPUT, METRIC_GOODPUT_DURING, METRIC_HEAL, METRIC_ERRORS, METRIC_OK_P50, METRIC_OK_P99,
		METRIC_OK_P999, METRIC_P99, METRIC_AMPLIFICATION, METRIC_WASTED };

	contrast_headline(c, out);
	buf_putc(out, '\n');
	contrast_reasons(c, tell, out);
	buf_printf(out, "\n  %-16s", "");
	for (uint32_t i = 0; i < c->count; i++)
		buf_printf(out, " %14.14s", c->sides[i].name);
	buf_putc(out, '\n');
	for (size_t i = 0; i < FL_ARRAY_LEN(shown); i++)
		if (contrast_known(c, shown[i]))
			put_row(c, shown[i], out);
	for (uint32_t i = 0; i < c->claim_count; i++)
		if (c->claims[i].outcome.held)
			buf_printf(out, "  holds    %s  (%s)\n", c->claims[i].text, c->claims[i].outcome.got);
	if (c->run_dir != NULL)
		buf_printf(out, "  report   %s/report.html\n", c->run_dir);
	if (c->replay != NULL)
		buf_printf(out, "  again    %s   (seed %" PRIu64 ")\n", c->replay, c->seed);
}

int
report_contrast_text(const struct contrast *c, bool colour, struct buf *out)
{
	static const char *const colours[] = { "1;32", "1;31", "1;33", "1;33" };
	struct buf body;

	buf_init(&body, out->max_bytes);
	put_body(c, &body);
	if (colour)
		buf_printf(out, "\033[%sm%s\033[0m ", colours[c->verdict], words_verdict(c->verdict));
	else
		buf_printf(out, "%s  ", words_verdict(c->verdict));
	/* Text from a server or a file must not steer the terminal. */
	for (const char *p = buf_str(&body); *p != '\0'; p++)
		buf_putc(out, (*p != '\n' && (unsigned char)*p < 0x20) || *p == 0x7f ? ' ' : *p);
	buf_fini(&body);
	return out->overflowed ? -ENOBUFS : 0;
}
