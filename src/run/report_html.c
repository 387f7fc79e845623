/* SPDX-License-Identifier: MIT */
/* report_html.c - a run's result as one self-contained page. */
#include "run/report.h"

#include "run/overview.h"
#include "run/page_audit.h"
#include "run/page_audits.h"
#include "run/page_style.h"
#include "run/page_tables.h"
#include "run/words.h"
#include <errno.h>
#include <inttypes.h>

#define WIDE_PX 1080
#define NARROW_PX 362

static void
put_head(const struct run_result *r, struct buf *out)
{
	buf_puts(out, "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\">"
		 "<meta name=color-scheme content=\"light dark\"><title>");
	words_safe(words_verdict(r->verdict), out);
	buf_puts(out, ": ");
	words_safe(r->name, out);
	buf_puts(out, "</title><style>\n");
	buf_puts(out, page_style_css);
	buf_puts(out, "</style></head><body><main>\n");
}

static void
put_fact(struct buf *out, const char *name)
{
	buf_printf(out, "<div><dt>%s</dt><dd>", name);
}

static void
put_facts(const struct run_result *r, struct buf *out)
{
	uint64_t total = r->load.ok + r->load.fail + r->load.info;

	buf_puts(out, "<dl class=facts>");
	put_fact(out, "exit code");
	buf_printf(out, "%d</dd></div>", r->exit_code);
	put_fact(out, "seed");
	buf_printf(out, "%" PRIu64 "</dd></div>", r->seed);
	put_fact(out, "started");
	words_date(r->start_wall_ns, false, out);
	buf_puts(out, "</dd></div>");
	put_fact(out, "duration");
	words_duration(r->duration_ns, out);
	buf_puts(out, "</dd></div>");
	if (total > 0) {
		put_fact(out, "operations");
		words_count(total, out);
		buf_puts(out, "</dd></div>");
		put_fact(out, "failed / unknown");
		words_count(r->load.fail, out);
		buf_puts(out, " / ");
		words_count(r->load.info, out);
		buf_puts(out, "</dd></div>");
	}
	buf_puts(out, "</dl>");
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
put_verdict(const struct run_result *r, struct buf *out)
{
	struct buf text;

	buf_init(&text, 1u << 20);
	buf_printf(out, "<header class=\"card top %s\"><div class=kicker><span class=badge>%s</span><span class=name>", words_verdict_id(r->verdict),
		   words_verdict(r->verdict));
	words_safe(r->name, out);
	if (r->variant != NULL) {
		buf_puts(out, "</span><span class=soft>variant ");
		words_safe(r->variant, out);
	}
	buf_puts(out, "</span></div><h1>");
	words_headline(r, &text);
	words_safe(buf_str(&text), out);
	buf_puts(out, "</h1>");
	if (r->description != NULL) {
		buf_puts(out, "<p class=soft>");
		words_safe(r->description, out);
		buf_puts(out, "</p>");
	}
	if (r->reason_count > 0)
		buf_puts(out, "<ul class=reasons>");
	for (uint32_t i = 0; i < r->reason_count; i++) {
		buf_clear(&text);
		words_reason(r, i, &text);
		buf_puts(out, "<li>");
		words_safe(buf_str(&text), out);
		buf_puts(out, "</li>");
	}
	if (r->reason_count > 0)
		buf_puts(out, "</ul>");
	put_facts(r, out);
	put_command(out, "Run it again", r->replay);
	buf_puts(out, "</header>\n");
	buf_fini(&text);
}

static void
put_overview(const struct run_result *r, struct buf *out)
{
	if (r->load.bucket_count + r->fault_count + r->mark_count + r->probe_count == 0)
		return;
	buf_puts(out, "<h2>What happened</h2><div class=card>");
	overview_svg(r, WIDE_PX, out);
	overview_svg(r, NARROW_PX, out);
	buf_puts(out, "</div><script type=\"application/json\" id=columns>");
	overview_columns(r, out);
	buf_puts(out, "</script><div id=tip></div>\n");
}

static void
put_foot(const struct run_result *r, struct buf *out)
{
	buf_puts(out, "<footer>");
	put_command(out, "Made by", r->command);
	buf_puts(out, "</footer></main><script>\n");
	buf_puts(out, page_style_js);
	buf_puts(out, "</script></body></html>\n");
}

int
report_html(const struct run_result *r, struct buf *out)
{
	put_head(r, out);
	put_verdict(r, out);
	page_audit(r, out);
	page_audits(r, out);
	put_overview(r, out);
	page_tables_faults(r, out);
	page_tables_judged(r, out);
	page_tables_tested(r, out);
	page_tables_traffic(r, out);
	page_tables_numbers(r, out);
	page_tables_left(r, out);
	put_foot(r, out);
	return out->overflowed ? -ENOBUFS : 0;
}
