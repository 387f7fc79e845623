/* SPDX-License-Identifier: MIT */
/* report_text.c - a run's verdict for a person at a terminal. */
#include "run/report.h"

#include "audit/evidence.h"
#include "run/words.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define COLUMNS_DEFAULT 100
#define OPS_MAX 8
#define REASONS_MAX 5
#define INDENT 2

struct page {
	struct buf *out;
	bool colour;
	unsigned columns;
};

/* Text from a server or a file must not steer the terminal. */
static void
put_plain(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++)
		buf_putc(out, (unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s);
}

static void
paint(const struct page *p, const char *code)
{
	if (p->colour)
		buf_printf(p->out, "\033[%sm", code);
}

/* Columns of the first n bytes: UTF-8 sequences count once. */
static unsigned
width(const char *s, size_t n)
{
	unsigned w = 0;

	for (size_t i = 0; i < n; i++)
		w += ((unsigned char)s[i] & 0xc0) != 0x80;
	return w;
}

/* Words of s, wrapped, each further line indented. at: columns that are used up already. */
static void
wrap(const struct page *p, const char *s, unsigned at, unsigned indent)
{
	while (*s != '\0') {
		size_t n = strcspn(s, " ");
		unsigned w = width(s, n);

		if (at > indent && at + 1 + w > p->columns) {
			buf_printf(p->out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (at > indent) {
			buf_putc(p->out, ' ');
			at++;
		}
		for (size_t i = 0; i < n; i++)
			buf_putc(p->out, (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? '?' : s[i]);
		at += w;
		s += n;
		s += strspn(s, " ");
	}
	buf_putc(p->out, '\n');
}

static void
put_verdict(const struct page *p, const struct run_result *r)
{
	static const char *const colours[] = { "1;32", "1;31", "1;33", "1;33" };
	struct buf text;

	buf_init(&text, 65536);
	words_headline(r, &text);
	paint(p, colours[r->verdict]);
	buf_puts(p->out, words_verdict(r->verdict));
	paint(p, "0");
	buf_putc(p->out, ' ');
	wrap(p, buf_str(&text), (unsigned)strlen(words_verdict(r->verdict)) + 1, INDENT);
	for (uint32_t i = 0; i < r->reason_count && i < REASONS_MAX; i++) {
		buf_clear(&text);
		words_reason(r, i, &text);
		buf_puts(p->out, "  - ");
		wrap(p, buf_str(&text), 4, 4);
	}
	if (r->reason_count > REASONS_MAX)
		buf_printf(p->out, "  and %" PRIu32 " more in the report\n", r->reason_count - REASONS_MAX);
	buf_fini(&text);
}

static void
put_op(const struct page *p, const struct history *h, const struct history_op *op, bool culprit)
{
	struct buf what;

	buf_init(&what, 2 * HISTORY_TEXT_MAX + 64);
	evidence_put_op(h, op, &what);
	if (culprit)
		paint(p, "31");
	buf_printf(p->out, "    %s client %-3" PRId64 " ", culprit ? ">" : " ", op->process);
	put_plain(p->out, buf_str(&what));
	buf_printf(p->out, "%*s", (int)(buf_len(&what) < 22 ? 22 - buf_len(&what) : 1), "");
	words_moment(op->invoke_ns, p->out);
	buf_puts(p->out, " .. ");
	if (op->complete_ns == FL_NEVER)
		buf_puts(p->out, "no answer");
	else
		words_moment(op->complete_ns, p->out);
	buf_printf(p->out, "  %s", op->mismatch ? "refused" : history_outcome_name(op->outcome));
	if (culprit)
		paint(p, "0");
	buf_putc(p->out, '\n');
	buf_fini(&what);
}

static void
put_evidence(const struct page *p, const struct run_result *r)
{
	if (r->audit == NULL || r->audit->evidence_count == 0)
		return;
	const struct verdict_evidence *e = &r->audit->evidence[0];

	buf_puts(p->out, "\n  The operations that contradict each other on ");
	put_plain(p->out, e->key);
	buf_puts(p->out, ":\n");
	for (uint32_t i = 0; i < e->op_count && i < OPS_MAX; i++)
		put_op(p, r->audit->history, &e->ops[i], i == e->culprit);
	if (e->op_count > OPS_MAX)
		buf_printf(p->out, "      and %" PRIu32 " more\n", e->op_count - OPS_MAX);
}

/* The first piece of evidence of each audit that found something. */
static void
put_audit(const struct page *p, const struct result_audit *a)
{
	const struct result_evidence *e;

	if (a->verdict != RESULT_FINDING || a->evidence_count == 0)
		return;
	e = &a->evidence[0];
	buf_printf(p->out, "\n  Audit %s, ", a->name);
	put_plain(p->out, e->what);
	buf_putc(p->out, ':');
	wrap(p, e->say, (unsigned)(strlen(a->name) + strlen(e->what)) + 11, 4);
	for (uint32_t i = 0; i < e->op_count && i < OPS_MAX; i++) {
		buf_puts(p->out, "    ");
		wrap(p, e->ops[i], 4, 6);
	}
	if (e->op_count > OPS_MAX)
		buf_printf(p->out, "      and %" PRIu32 " more\n", e->op_count - OPS_MAX);
	if (e->during != NULL) {
		buf_puts(p->out, "    faults then: ");
		wrap(p, e->during, 17, 17);
	}
}

static void
put_load(const struct page *p, const struct run_result *r)
{
	const struct result_load *l = &r->load;
	uint64_t total = l->ok + l->fail + l->info;

	if (total == 0)
		return;
	buf_puts(p->out, "\n  load     ");
	words_count(total, p->out);
	buf_puts(p->out, " operations: ");
	words_count(l->ok, p->out);
	buf_puts(p->out, " ok, ");
	words_count(l->fail, p->out);
	buf_puts(p->out, " failed, ");
	words_count(l->info, p->out);
	buf_puts(p->out, " unknown");
	if (l->latency != NULL && l->latency->total > 0) {
		buf_puts(p->out, "; p50 ");
		words_duration(hist_quantile(l->latency, 0.5), p->out);
		buf_puts(p->out, ", p99 ");
		words_duration(hist_quantile(l->latency, 0.99), p->out);
	}
	buf_putc(p->out, '\n');
}

static void
put_tail(const struct page *p, const struct run_result *r)
{
	uint32_t landed = 0;

	for (uint32_t i = 0; i < r->fault_count; i++)
		landed += r->faults[i].landed;
	if (r->fault_count > 0)
		buf_printf(p->out, "  faults   %" PRIu32 " of %" PRIu32 " did something\n", landed, r->fault_count);
	if (r->audit != NULL && r->audit->verdict == VERDICT_VALID) {
		buf_puts(p->out, "  audit    ");
		put_plain(p->out, r->audit->reason);
		buf_putc(p->out, '\n');
	}
	for (uint32_t i = 0; i < r->audit_count; i++) {
		if (r->audits[i].verdict != RESULT_HELD)
			continue;
		buf_printf(p->out, "  audit    %s: ", r->audits[i].name);
		put_plain(p->out, r->audits[i].reason);
		buf_putc(p->out, '\n');
	}
	if (r->run_dir != NULL) {
		buf_puts(p->out, "  report   ");
		put_plain(p->out, r->run_dir);
		buf_puts(p->out, "/report.html\n");
	}
	if (r->trace != NULL && r->trace_wrong > 0) {
		buf_printf(p->out, "  trace    %" PRIu32 " messages lost, changed, doubled or broken: ", r->trace_wrong);
		put_plain(p->out, r->trace);
		buf_putc(p->out, '\n');
	}
	if (r->replay != NULL) {
		buf_puts(p->out, "  again    ");
		put_plain(p->out, r->replay);
		buf_printf(p->out, "   (seed %" PRIu64 ")\n", r->seed);
	}
}

int
report_text(const struct run_result *r, const struct report_text_options *opt, struct buf *out)
{
	struct page p = { .out = out, .colour = opt != NULL && opt->colour,
		.columns = opt != NULL && opt->columns != 0 ? FL_MAX(opt->columns, 40u) : COLUMNS_DEFAULT };

	put_verdict(&p, r);
	put_evidence(&p, r);
	for (uint32_t i = 0; i < r->audit_count; i++)
		put_audit(&p, &r->audits[i]);
	put_load(&p, r);
	put_tail(&p, r);
	return out->overflowed ? -ENOBUFS : 0;
}
