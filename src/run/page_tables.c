/* SPDX-License-Identifier: MIT */
/* page_tables.c - see page_tables.h. */
#include "run/page_tables.h"

#include "base/units.h"
#include "run/words.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FAILURES_MAX 8          /* of a probe, in the table */

static void
put_start(struct buf *out, const char *head)
{
	buf_printf(out, "<div class=scroll><table class=stack><thead><tr>%s</tr></thead><tbody>", head);
}

static void
put_end(struct buf *out)
{
	buf_puts(out, "</tbody></table></div>");
}

static void
put_cell(struct buf *out, const char *label, const char *s)
{
	buf_printf(out, "<td data-l=\"%s\">", label);
	words_safe(s, out);
	buf_puts(out, "</td>");
}

static void
put_count(struct buf *out, const char *label, uint64_t n)
{
	buf_printf(out, "<td class=n data-l=\"%s\">", label);
	words_count(n, out);
	buf_puts(out, "</td>");
}

static void
put_bytes(struct buf *out, const char *label, uint64_t n)
{
	char text[64];

	buf_printf(out, "<td class=n data-l=\"%s\">%s</td>", label, units_bytes(text, sizeof(text), (double)n));
}

/* ---- what was tested ---- */

static void
put_lines(const struct run_result *r, struct buf *out)
{
	if (r->line_count == 0)
		return;
	put_start(out, "<th>line</th><th>from</th><th>to</th><th class=n>connections</th><th class=n>to server</th><th class=n>to client</th>");
	for (uint32_t i = 0; i < r->line_count; i++) {
		buf_puts(out, "<tr>");
		put_cell(out, "line", r->lines[i].name);
		put_cell(out, "from", r->lines[i].listen);
		put_cell(out, "to", r->lines[i].upstream);
		put_count(out, "connections", r->lines[i].connections);
		put_bytes(out, "to server", r->lines[i].c2s_bytes);
		put_bytes(out, "to client", r->lines[i].s2c_bytes);
		buf_puts(out, "</tr>");
	}
	put_end(out);
}

void
page_tables_tested(const struct run_result *r, struct buf *out)
{
	if (r->load.what == NULL && r->line_count + r->version_count == 0)
		return;
	buf_puts(out, "<h2>What was tested</h2><div class=card>");
	if (r->load.what != NULL) {
		buf_puts(out, "<p>");
		words_safe(r->load.what, out);
		buf_puts(out, "</p>");
	}
	put_lines(r, out);
	if (r->version_count > 0) {
		buf_puts(out, "<p class=\"small soft\" style=\"margin:12px 0 0\">");
		for (uint32_t i = 0; i < r->version_count; i++) {
			buf_puts(out, i > 0 ? " · " : "");
			words_safe(r->versions[i].name, out);
			buf_puts(out, " ");
			words_safe(r->versions[i].text, out);
		}
		buf_puts(out, "</p>");
	}
	buf_puts(out, "</div>");
}

/* ---- what was asked for ---- */

static void
put_state(struct buf *out, bool held, bool known)
{
	buf_puts(out, !known ? "<td><span class=maybe>? not measured</span></td>" : held ? "<td><span class=yes>✓ held</span></td>" :
		 "<td><span class=no>✗ did not hold</span></td>");
}

static void
put_failures(const struct result_probe *p, struct buf *out)
{
	uint32_t failed = 0, shown = 0;

	for (uint32_t i = 0; i < p->sample_count; i++)
		failed += !p->samples[i].held;
	if (failed == 0)
		return;
	buf_printf(out, "<details class=small><summary>%" PRIu32 " of %" PRIu32 " checks failed</summary>", failed, p->sample_count);
	for (uint32_t i = 0; i < p->sample_count && shown < FAILURES_MAX; i++) {
		if (p->samples[i].held)
			continue;
		words_moment(p->samples[i].at, out);
		buf_puts(out, " <span class=soft>");
		words_safe(p->samples[i].text, out);
		buf_puts(out, "</span><br>");
		shown++;
	}
	if (failed > shown)
		buf_printf(out, "and %" PRIu32 " more", failed - shown);
	buf_puts(out, "</details>");
}

void
page_tables_judged(const struct run_result *r, struct buf *out)
{
	if (r->probe_count + r->tolerance_count == 0)
		return;
	buf_puts(out, "<h2>What was asked for</h2><div class=card>");
	put_start(out, "<th>what</th><th></th><th>wanted</th><th>got</th>");
	for (uint32_t i = 0; i < r->probe_count; i++) {
		const struct result_probe *p = &r->probes[i];

		buf_puts(out, "<tr><td data-l=probe><b>");
		words_safe(p->name, out);
		buf_puts(out, "</b> <span class=\"soft small nowrap\">probe</span></td>");
		put_state(out, p->held, p->known);
		buf_puts(out, "<td data-l=wanted>");
		words_safe(p->want, out);
		if (p->when != NULL) {
			buf_puts(out, " <span class=\"soft small\">");
			words_safe(p->when, out);
			buf_puts(out, "</span>");
		}
		buf_puts(out, "</td><td data-l=got>");
		words_safe(p->worst != NULL ? p->worst : p->held ? "always" : NULL, out);
		put_failures(p, out);
		buf_puts(out, "</td></tr>");
	}
	for (uint32_t i = 0; i < r->tolerance_count; i++) {
		const struct result_tolerance *t = &r->tolerances[i];

		buf_puts(out, "<tr><td data-l=limit><b>");
		words_safe(t->name, out);
		buf_puts(out, "</b> <span class=\"soft small nowrap\">of the load</span></td>");
		put_state(out, t->held, t->known);
		put_cell(out, "wanted", t->want);
		put_cell(out, "got", t->got);
		buf_puts(out, "</tr>");
	}
	put_end(out);
	buf_puts(out, "</div>");
}

/* ---- faults ---- */

static void
put_did(const struct result_fault *f, struct buf *out)
{
	buf_puts(out, "<td data-l=did>");
	if (!f->landed) {
		buf_puts(out, "<span class=maybe>nothing</span>: this run says nothing about it</td>");
		return;
	}
	for (uint32_t i = 0; i < f->did_count; i++) {
		buf_puts(out, i > 0 ? "<br><b>" : "<b>");
		words_safe(f->did[i].name, out);
		buf_puts(out, "</b> ");
		words_safe(f->did[i].text, out);
	}
	if (f->did_count == 0 && f->connections > 0) {
		words_count(f->connections, out);
		buf_puts(out, f->connections == 1 ? " connection" : " connections");
	} else if (f->did_count == 0) {
		buf_puts(out, "acted");
	}
	buf_puts(out, "</td>");
}

static void
put_window(const struct result_fault *f, struct buf *out)
{
	buf_puts(out, "<td class=nowrap data-l=when>");
	words_moment(f->from, out);
	if (f->to != f->from) {
		buf_puts(out, " – ");
		words_moment(f->to, out);
	}
	buf_puts(out, "</td>");
}

void
page_tables_faults(const struct run_result *r, struct buf *out)
{
	if (r->fault_count == 0)
		return;
	buf_puts(out, "<h2>Faults, and what each really did</h2><div class=card>");
	put_start(out, "<th>fault</th><th>where</th><th>how</th><th>when</th><th>did</th>");
	for (uint32_t i = 0; i < r->fault_count; i++) {
		const struct result_fault *f = &r->faults[i];

		buf_puts(out, "<tr><td data-l=fault><b>");
		words_safe(f->name, out);
		buf_puts(out, "</b></td>");
		put_cell(out, "where", f->place);
		put_cell(out, "how", f->text != NULL ? f->text : f->kind);
		put_window(f, out);
		put_did(f, out);
		buf_puts(out, "</tr>");
	}
	put_end(out);
	buf_puts(out, "</div>");
}

/* ---- traffic ---- */

static void
put_quantiles(const struct hist *h, struct buf *out)
{
	static const struct { const char *name; double q; } quantiles[] = { { "p50", 0.5 }, { "p75", 0.75 }, { "p90", 0.9 }, { "p95", 0.95 },
		{ "p99", 0.99 }, { "p99.9", 0.999 } };

	buf_puts(out, "<div class=card><h3>Latency of all operations</h3><table><tbody>");
	for (size_t i = 0; i < FL_ARRAY_LEN(quantiles); i++) {
		buf_printf(out, "<tr><td>%s</td><td class=n>", quantiles[i].name);
		words_duration(hist_quantile(h, quantiles[i].q), out);
		buf_puts(out, "</td></tr>");
	}
	buf_puts(out, "<tr><td>longest</td><td class=n>");
	words_duration(h->max, out);
	buf_puts(out, "</td></tr></tbody></table></div>");
}

static void
put_errors(const struct result_load *l, struct buf *out)
{
	buf_puts(out, "<div class=card><h3>Errors that clients saw</h3><table><tbody>");
	for (uint32_t i = 0; i < l->error_count; i++) {
		buf_puts(out, "<tr><td>");
		words_safe(l->errors[i].name, out);
		buf_puts(out, "</td><td class=n>");
		words_safe(l->errors[i].text, out);
		buf_puts(out, "</td></tr>");
	}
	buf_puts(out, "</tbody></table></div>");
}

static void
put_closes(const struct run_result *r, struct buf *out)
{
	buf_puts(out, "<div class=card><h3>How connections ended</h3><table><tbody>");
	for (uint32_t i = 0; i < r->close_count; i++) {
		const struct result_close *c = &r->closes[i];

		buf_printf(out, "<tr><td>%s", c->is_error ? "<span class=maybe>!</span> " : "");
		words_safe(c->reason, out);
		if (r->line_count > 1) {
			buf_puts(out, " <span class=\"soft small\">");
			words_safe(c->line, out);
			buf_puts(out, "</span>");
		}
		buf_puts(out, "</td>");
		put_count(out, "", c->count);
		buf_puts(out, "</tr>");
	}
	buf_puts(out, "</tbody></table></div>");
}

void
page_tables_traffic(const struct run_result *r, struct buf *out)
{
	bool latency = r->load.latency != NULL && r->load.latency->total > 0;

	if (!latency && r->load.error_count == 0 && r->close_count == 0)
		return;
	buf_puts(out, "<h2>Traffic</h2><div class=cols>");
	if (latency)
		put_quantiles(r->load.latency, out);
	if (r->load.error_count > 0)
		put_errors(&r->load, out);
	if (r->close_count > 0)
		put_closes(r, out);
	buf_puts(out, "</div>");
}

/* ---- numbers ---- */

static void
put_metrics(const struct run_result *r, struct buf *out)
{
	char text[64];

	buf_puts(out, "<div class=card><h3>The load in numbers</h3><table><tbody>");
	for (int m = 0; m < METRIC_COUNT; m++) {
		const struct metric_info *info = metric_info((enum metric)m);
		if (isnan(r->metrics.of[m]))
			continue;
		buf_printf(out, "<tr><td><b>%s</b> <span class=\"soft small\">%s</span></td><td class=n>%s</td></tr>", info->name, info->text,
		    metric_say(info->unit, r->metrics.of[m], text, sizeof(text)));
	}
	buf_puts(out, "</tbody></table></div>");
}

static void
put_counter(const struct result_counter *c, struct buf *out)
{
	buf_puts(out, "<div class=card><h3>");
	words_safe(c->name, out);
	buf_puts(out, " <span class=\"soft small\" style=\"font-weight:400\">");
	words_safe(c->url, out);
	buf_puts(out, "</span></h3><table><tbody>");
	for (uint32_t m = 0; m < c->member_count; m++) {
		buf_puts(out, "<tr><td>");
		words_safe(c->members[m], out);
		if (isnan(c->increase[m]))
			buf_printf(out, "</td><td class=n>up to %.15g</td></tr>", c->highest[m]);
		else
			buf_printf(out, "</td><td class=n>+%.15g</td></tr>", c->increase[m]);
	}
	buf_puts(out, "</tbody></table>");
	if (c->failures > 0)
		buf_printf(out, "<p class=\"small soft\">It did not answer %" PRIu32 " time%s.</p>", c->failures, c->failures == 1 ? "" : "s");
	buf_puts(out, "</div>");
}

static void
put_calls(const struct result_line *l, struct buf *out)
{
	buf_puts(out, "<div class=card><h3>Calls on line ");
	words_safe(l->name, out);
	buf_puts(out, "</h3><table><tbody>");
	for (uint32_t i = 0; i < l->did_count; i++) {
		buf_puts(out, "<tr><td>");
		words_safe(l->did[i].name, out);
		buf_puts(out, "</td><td class=n>");
		words_safe(l->did[i].text, out);
		buf_puts(out, "</td></tr>");
	}
	buf_puts(out, "</tbody></table></div>");
}

void
page_tables_numbers(const struct run_result *r, struct buf *out)
{
	bool any = r->load.open || r->counter_count > 0;

	for (uint32_t i = 0; i < r->line_count; i++)
		any = any || r->lines[i].did_count > 0;
	if (!any)
		return;
	buf_puts(out, "<h2>Numbers</h2><div class=cols>");
	if (r->load.open)
		put_metrics(r, out);
	for (uint32_t i = 0; i < r->counter_count; i++)
		put_counter(&r->counters[i], out);
	for (uint32_t i = 0; i < r->line_count; i++)
		if (r->lines[i].did_count > 0)
			put_calls(&r->lines[i], out);
	buf_puts(out, "</div>");
}

/* ---- what is left ---- */

static void
put_process(const struct result_process *p, struct buf *out)
{
	buf_puts(out, "<div class=card><h3>");
	words_safe(p->name, out);
	buf_puts(out, " <span class=\"soft small\" style=\"font-weight:400\">");
	words_safe(p->fate, out);
	buf_puts(out, "</span></h3>");
	if (p->command != NULL) {
		buf_puts(out, "<p class=small><code>");
		words_safe(p->command, out);
		buf_puts(out, "</code></p>");
	}
	if (p->log_tail != NULL && p->log_tail_bytes > 0) {
		buf_puts(out, "<details><summary class=small>The end of its log");
		if (p->log_path != NULL) {
			buf_puts(out, ", <code>");
			words_safe(p->log_path, out);
			buf_puts(out, "</code>");
		}
		buf_puts(out, "</summary><pre>");
		words_safen(p->log_tail, p->log_tail_bytes, out);
		buf_puts(out, "</pre></details>");
	}
	buf_puts(out, "</div>");
}

void
page_tables_left(const struct run_result *r, struct buf *out)
{
	if (r->process_count > 0)
		buf_puts(out, "<h2>Processes</h2>");
	for (uint32_t i = 0; i < r->process_count; i++)
		put_process(&r->processes[i], out);
	if (r->file_count == 0)
		return;
	buf_puts(out, "<h2>Files of this run</h2><div class=card>");
	if (r->run_dir != NULL) {
		buf_puts(out, "<p class=small><code>");
		words_safe(r->run_dir, out);
		buf_puts(out, "</code></p>");
	}
	buf_puts(out, "<table><tbody>");
	for (uint32_t i = 0; i < r->file_count; i++) {
		/* "./" first, so that a name with a colon is no scheme. */
		buf_puts(out, "<tr><td class=nowrap><a href=\"./");
		words_safe(r->files[i].name, out);
		buf_puts(out, "\">");
		words_safe(r->files[i].name, out);
		buf_puts(out, "</a></td><td>");
		words_safe(r->files[i].text, out);
		buf_puts(out, "</td></tr>");
	}
	buf_puts(out, "</tbody></table></div>");
}
