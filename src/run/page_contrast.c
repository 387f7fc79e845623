/* SPDX-License-Identifier: MIT */
/* page_contrast.c - see page_contrast.h. */
#include "run/page_contrast.h"

#include "run/contrast_plot.h"
#include "run/page_style.h"
#include "run/words.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define WIDE_PX 1080
#define NARROW_PX 362
#define ERRORS_SHOWN 6

static const char own_css[] =
    ".ground{fill:var(--lane)}.area.good{fill:var(--good)}.key.well{stroke:var(--good)}:root{--good:#9cc3ea}\n"
    "@media(prefers-color-scheme:dark){:root{--good:#31567d}}.line.asked,.key.asked{stroke:var(--ink)}.line.asked{stroke-width:1.3}\n"
    ".area.served{fill:var(--p50);opacity:.35}.line.served,.key.served{stroke:var(--p99)}\n"
    "svg .variant{font-size:13px;font-weight:700;fill:var(--ink);stroke-width:4px}\n"
    "table.sides td,table.sides th{padding-right:22px}table.sides td.n b{color:var(--held)}\n"
    "table.sides .times{color:var(--soft);font-size:12px}table.sides td:first-child{white-space:nowrap;font-weight:600}\n"
    "table.sides .what{color:var(--soft);font-weight:400}td code{white-space:nowrap}\n"
    "@media(max-width:700px){table.sides td:first-child{white-space:normal}table.sides .what{display:none}\n"
    "table.sides td,table.sides th{padding-right:10px}td code{white-space:normal}}\n";

static void
put_head(const struct contrast *c, struct buf *out)
{
	buf_puts(out, "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>"
	    "<meta name=viewport content=\"width=device-width,initial-scale=1\"><meta name=color-scheme content=\"light dark\"><title>");
	words_safe(words_verdict(c->verdict), out);
	buf_puts(out, ": ");
	words_safe(c->name, out);
	buf_puts(out, "</title><style>\n");
	buf_puts(out, page_style_css);
	buf_puts(out, own_css);
	buf_puts(out, "</style></head><body><main>\n");
}

static void
put_reason(void *ud, const char *text)
{
	struct buf *out = ud;

	buf_puts(out, "<li>");
	words_safe(text, out);
	buf_puts(out, "</li>");
}

static void
put_command(struct buf *out, const char *label, const char *command)
{
	if (command == NULL)
		return;
	buf_printf(out, "<div class=again><span class=label>%s</span><code>", label);
	words_safe(command, out);
	buf_puts(out, "</code></div>");
}

static void
put_verdict(const struct contrast *c, struct buf *out)
{
	struct buf text;

	buf_init(&text, 65536);
	buf_printf(out, "<header class=\"card top %s\"><div class=kicker><span class=badge>%s</span><span class=name>", words_verdict_id(c->verdict),
	    words_verdict(c->verdict));
	words_safe(c->name, out);
	buf_puts(out, "</span></div><h1>");
	contrast_headline(c, &text);
	words_safe(buf_str(&text), out);
	buf_puts(out, "</h1>");
	buf_fini(&text);
	if (c->description != NULL) {
		buf_puts(out, "<p class=soft>");
		words_safe(c->description, out);
		buf_puts(out, "</p>");
	}
	buf_puts(out, "<ul class=reasons>");
	contrast_reasons(c, put_reason, out);
	buf_printf(out, "</ul><dl class=facts><div><dt>exit code</dt><dd>%d</dd></div><div><dt>seed</dt><dd>%" PRIu64 "</dd></div>", c->exit_code,
	    c->seed);
	buf_puts(out, "<div><dt>started</dt><dd>");
	words_date(c->start_wall_ns, false, out);
	buf_printf(out, "</dd></div><div><dt>variants</dt><dd>%" PRIu32 "</dd></div></dl>", c->count);
	put_command(out, "Run it again", c->replay);
	buf_puts(out, "</header>\n");
}

/* ---- the numbers ---- */

static double
value(const struct contrast *c, uint32_t side, enum metric m)
{
	return c->sides[side].r == NULL ? NAN : c->sides[side].r->metrics.of[m];
}

/* How many times the first variant's number this is. */
static void
put_times(const struct contrast *c, uint32_t side, enum metric m, struct buf *out)
{
	const double first = value(c, 0, m), v = value(c, side, m);

	if (side == 0 || !isfinite(first) || !isfinite(v) || first <= 0 || v <= 0)
		return;
	if (v / first > 0.95 && v / first < 1.05)
		return;
	buf_printf(out, " <span class=times>× %.2g</span>", v / first);
}

static void
put_metric(const struct contrast *c, enum metric m, struct buf *out)
{
	const struct metric_info *info = metric_info(m);
	const int best = contrast_best(c, m);
	char text[64];

	buf_puts(out, "<tr><td>");
	words_safe(info->name, out);
	buf_puts(out, " <span class=\"what small\">");
	words_safe(info->text, out);
	buf_puts(out, "</span></td>");
	for (uint32_t i = 0; i < c->count; i++) {
		metric_say(info->unit, value(c, i, m), text, sizeof(text));
		buf_puts(out, best == (int)i ? "<td class=n><b>" : "<td class=n>");
		words_safe(isnan(value(c, i, m)) ? "\xe2\x80\x93" : text, out);
		buf_puts(out, best == (int)i ? "</b>" : "");
		put_times(c, i, m, out);
		buf_puts(out, "</td>");
	}
	buf_puts(out, "</tr>");
}

static void
put_numbers(const struct contrast *c, struct buf *out)
{
	static const enum metric shown[] = { METRIC_GOODPUT, METRIC_GOODPUT_DURING, METRIC_GOODPUT_AFTER, METRIC_RATE, METRIC_HEAL, METRIC_ERRORS,
		METRIC_LATE, METRIC_REFUSED, METRIC_OK_P50, METRIC_OK_P99, METRIC_OK_P999, METRIC_P99, METRIC_AMPLIFICATION, METRIC_WASTED };

	buf_puts(out, "<h2>The difference in numbers</h2><div class=card><div class=scroll><table class=sides><thead><tr><th></th>");
	for (uint32_t i = 0; i < c->count; i++) {
		buf_puts(out, "<th class=n>");
		words_safe(c->sides[i].name, out);
		buf_puts(out, "</th>");
	}
	buf_puts(out, "</tr></thead><tbody>");
	for (size_t i = 0; i < FL_ARRAY_LEN(shown); i++)
		if (contrast_known(c, shown[i]))
			put_metric(c, shown[i], out);
	buf_puts(out, "</tbody></table></div></div>\n");
}

static void
put_state(struct buf *out, bool held, bool known)
{
	buf_puts(out, !known ? "<td><span class=maybe>? not told</span></td>" : held ? "<td><span class=yes>✓ holds</span></td>" :
	    "<td><span class=no>✗ does not</span></td>");
}

/* What was asked of the variants together, and of each. */
static void
put_asked(const struct contrast *c, struct buf *out)
{
	uint32_t limits = 0;

	for (uint32_t i = 0; i < c->count; i++)
		limits += c->sides[i].r == NULL ? 0 : c->sides[i].r->tolerance_count;
	if (c->claim_count + limits == 0)
		return;
	buf_puts(out, "<h2>What was asked for</h2><div class=card><div class=scroll><table class=stack><thead>"
	    "<tr><th>what</th><th></th><th>got</th></tr></thead><tbody>");
	for (uint32_t i = 0; i < c->claim_count; i++) {
		const struct contrast_claim *k = &c->claims[i];
		buf_puts(out, "<tr><td data-l=what><code>");
		words_safe(k->text, out);
		buf_puts(out, "</code></td>");
		put_state(out, k->outcome.held, k->outcome.known);
		buf_puts(out, "<td data-l=got>");
		words_safe(k->outcome.got, out);
		buf_puts(out, "</td></tr>");
	}
	for (uint32_t i = 0; i < c->count; i++)
		for (uint32_t k = 0; c->sides[i].r != NULL && k < c->sides[i].r->tolerance_count; k++) {
			const struct result_tolerance *t = &c->sides[i].r->tolerances[k];
			buf_puts(out, "<tr><td data-l=what><b>");
			words_safe(c->sides[i].name, out);
			buf_puts(out, "</b>: ");
			words_safe(t->name, out);
			buf_puts(out, " ");
			words_safe(t->want, out);
			buf_puts(out, "</td>");
			put_state(out, t->held, t->known);
			buf_puts(out, "<td data-l=got>");
			words_safe(t->got, out);
			buf_puts(out, "</td></tr>");
		}
	buf_puts(out, "</tbody></table></div></div>\n");
}

static void
put_plot(const struct contrast *c, struct buf *out)
{
	bool any = false;

	for (uint32_t i = 0; i < c->count; i++)
		any = any || (c->sides[i].r != NULL && c->sides[i].r->load.bucket_count > 0);
	if (!any)
		return;
	buf_puts(out, "<h2>The difference over time</h2><div class=card><p class=\"soft small\">Seconds since the load started. "
	    "Shaded: a disturbance is on.</p>");
	contrast_plot_svg(c, WIDE_PX, out);
	contrast_plot_svg(c, NARROW_PX, out);
	buf_puts(out, "</div>\n");
}

/* ---- each variant ---- */

static void
put_errors(const struct result_load *l, struct buf *out)
{
	if (l->error_count == 0) {
		buf_puts(out, "<p class=small>Every request ended well.</p>");
		return;
	}
	buf_puts(out, "<table><tbody>");
	for (uint32_t i = 0; i < l->error_count && i < ERRORS_SHOWN; i++) {
		buf_puts(out, "<tr><td>");
		words_safe(l->errors[i].name, out);
		buf_puts(out, "</td><td class=n>");
		words_safe(l->errors[i].text, out);
		buf_puts(out, "</td></tr>");
	}
	buf_puts(out, "</tbody></table>");
	if (l->error_count > ERRORS_SHOWN)
		buf_printf(out, "<p class=\"small soft\">and %" PRIu32 " kinds more</p>", l->error_count - ERRORS_SHOWN);
}

static void
put_calls(const struct run_result *r, struct buf *out)
{
	for (uint32_t i = 0; i < r->line_count; i++) {
		const struct result_line *l = &r->lines[i];
		if (l->did_count == 0)
			continue;
		buf_puts(out, "<p class=small style=\"margin:10px 0 0\"><b>line ");
		words_safe(l->name, out);
		buf_puts(out, "</b> ");
		for (uint32_t k = 0; k < l->did_count; k++) {
			buf_puts(out, k > 0 ? ", " : "");
			words_safe(l->did[k].text, out);
			buf_putc(out, ' ');
			words_safe(l->did[k].name, out);
		}
		buf_puts(out, "</p>");
	}
}

static void
put_side(const struct contrast_side *s, struct buf *out)
{
	buf_puts(out, "<div class=card><div class=kicker>");
	if (s->r != NULL)
		buf_printf(out, "<span class=\"badge %s\">%s</span>", words_verdict_id(s->r->verdict), words_verdict(s->r->verdict));
	buf_puts(out, "<b>");
	words_safe(s->name, out);
	buf_puts(out, "</b></div>");
	if (s->r == NULL) {
		buf_puts(out, "<p class=small>");
		words_safe(s->error != NULL && s->error[0] != '\0' ? s->error : "It did not run.", out);
		buf_puts(out, "</p></div>");
		return;
	}
	buf_puts(out, "<p class=small>");
	words_count(s->r->load.ok + s->r->load.fail + s->r->load.info, out);
	buf_puts(out, " requests");
	if (s->r->load.attempts > s->r->load.asked) {
		buf_puts(out, " in ");
		words_count(s->r->load.attempts, out);
		buf_puts(out, " attempts");
	}
	buf_puts(out, ", ");
	words_count(s->r->load.ok, out);
	buf_puts(out, " ended well.</p>");
	put_errors(&s->r->load, out);
	put_calls(s->r, out);
	buf_puts(out, "<p style=\"margin:12px 0 0\"><a href=\"./");
	words_safe(s->name, out);
	buf_puts(out, "/report.html\">The whole report of this variant</a></p></div>");
}

static void
put_sides(const struct contrast *c, struct buf *out)
{
	buf_puts(out, "<h2>Each variant</h2><div class=cols>");
	for (uint32_t i = 0; i < c->count; i++)
		put_side(&c->sides[i], out);
	buf_puts(out, "</div>\n");
}

/* Is the load of this variant described in other words than that of the one before it? */
static bool
is_new(const struct contrast *c, uint32_t i)
{
	const char *what = c->sides[i].r == NULL ? NULL : c->sides[i].r->load.what;
	const char *before = i == 0 || c->sides[i - 1].r == NULL ? NULL : c->sides[i - 1].r->load.what;

	return what != NULL && (before == NULL || strcmp(what, before) != 0);
}

static void
put_tested(const struct contrast *c, struct buf *out)
{
	uint32_t different = 0;

	for (uint32_t i = 0; i < c->count; i++)
		different += is_new(c, i);
	buf_puts(out, "<h2>What was tested</h2><div class=card>");
	for (uint32_t i = 0; i < c->count; i++) {
		if (!is_new(c, i))
			continue;
		buf_puts(out, "<p>");
		if (different > 1) {
			buf_puts(out, "<b>");
			words_safe(c->sides[i].name, out);
			buf_puts(out, "</b>: ");
		}
		words_safe_sentence(c->sides[i].r->load.what, out);
		buf_puts(out, "</p>");
	}
	buf_puts(out, "<p class=\"small soft\" style=\"margin:0\">The experiment, with what each variant changes: "
	    "<a href=\"./experiment.yaml\">experiment.yaml</a></p></div>\n");
}

int
page_contrast(const struct contrast *c, struct buf *out)
{
	put_head(c, out);
	put_verdict(c, out);
	put_numbers(c, out);
	put_plot(c, out);
	put_asked(c, out);
	put_sides(c, out);
	put_tested(c, out);
	buf_puts(out, "<footer>");
	put_command(out, "Made by", c->command);
	buf_puts(out, "</footer></main></body></html>\n");
	return out->overflowed ? -ENOBUFS : 0;
}
