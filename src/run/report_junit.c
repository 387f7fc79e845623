/* SPDX-License-Identifier: MIT */
/* report_junit.c - a run's result as a JUnit file (the schema of the Ant task, as CI servers read it). */
#include "run/report.h"

#include "audit/evidence.h"
#include "run/words.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum state { PASSED, FAILED, SKIPPED };

struct suite {
	const struct run_result *r;
	struct buf *out;                /* NULL: only count */
	unsigned tests, failures, skipped;
};

/* One test case. message: why it did not pass. detail (may be NULL) is appended by it. */
static void
put_case(struct suite *s, const char *kind, const char *name, enum state state, const char *message,
	 void (*detail)(const struct run_result *r, struct buf *out))
{
	s->tests++;
	s->failures += state == FAILED;
	s->skipped += state == SKIPPED;
	if (s->out == NULL)
		return;
	buf_puts(s->out, "    <testcase classname=\"");
	words_safe(s->r->name, s->out);
	buf_printf(s->out, ".%s\" name=\"", kind);
	words_safe(name, s->out);
	buf_printf(s->out, "\" time=\"%.3f\"", (double)s->r->duration_ns / (double)FL_SEC);
	if (state == PASSED) {
		buf_puts(s->out, "/>\n");
		return;
	}
	buf_printf(s->out, ">\n      <%s message=\"", state == FAILED ? "failure" : "skipped");
	words_safe(message, s->out);
	if (state == FAILED && detail != NULL) {
		buf_printf(s->out, "\" type=\"%s\">", kind);
		detail(s->r, s->out);
		buf_puts(s->out, "</failure>\n    </testcase>\n");
	} else {
		buf_puts(s->out, "\"/>\n    </testcase>\n");
	}
}

static void
put_evidence(const struct run_result *r, struct buf *out)
{
	struct buf text;

	buf_init(&text, 1u << 20);
	evidence_text(r->audit, &text);
	words_safen(buf_str(&text), buf_len(&text), out);
	buf_fini(&text);
}

static void
put_audit(struct suite *s)
{
	const struct verdict_outcome *a = s->r->audit;

	if (a == NULL)
		return;
	enum state state = a->verdict == VERDICT_VALID ? PASSED : a->verdict == VERDICT_INVALID ? FAILED : SKIPPED;
	put_case(s, "audit", s->r->audit_name != NULL ? s->r->audit_name : a->model, state, a->reason, put_evidence);
}

static void
put_audits(struct suite *s)
{
	for (uint32_t i = 0; i < s->r->audit_count; i++) {
		const struct result_audit *a = &s->r->audits[i];

		put_case(s, "audit", a->name, a->verdict == RESULT_HELD ? PASSED : a->verdict == RESULT_FINDING ? FAILED : SKIPPED, a->reason, NULL);
	}
}

static void
put_judged(struct suite *s, const char *kind, const char *name, bool held, bool known, const char *want, const char *got)
{
	struct buf text;

	buf_init(&text, 65536);
	buf_printf(&text, "wanted %s, ", want != NULL ? want : "it to hold");
	if (known)
		buf_printf(&text, "got %s", got != NULL ? got : "something else");
	else
		buf_puts(&text, "but it could not be measured");
	put_case(s, kind, name, !known ? SKIPPED : held ? PASSED : FAILED, buf_str(&text), NULL);
	buf_fini(&text);
}

static void
put_cases(struct suite *s)
{
	const struct run_result *r = s->r;

	put_audit(s);
	put_audits(s);
	for (uint32_t i = 0; i < r->probe_count; i++)
		put_judged(s, "probe", r->probes[i].name, r->probes[i].held, r->probes[i].known, r->probes[i].want, r->probes[i].worst);
	for (uint32_t i = 0; i < r->tolerance_count; i++)
		put_judged(s, "tolerance", r->tolerances[i].name, r->tolerances[i].held, r->tolerances[i].known, r->tolerances[i].want,
			   r->tolerances[i].got);
	/* What no case above says: that the run was stopped, or found something else. */
	if (r->verdict == RESULT_HELD || s->failures > 0 || (r->verdict == RESULT_UNKNOWN && s->skipped > 0))
		return;
	put_case(s, "run", "verdict", r->verdict == RESULT_UNKNOWN ? SKIPPED : FAILED,
		 r->reason_count > 0 ? r->reasons[0] : words_verdict(r->verdict), NULL);
}

static void
put_attributes(const struct suite *s, struct buf *out)
{
	buf_puts(out, " name=\"");
	words_safe(s->r->name, out);
	buf_printf(out, "\" tests=\"%u\" failures=\"%u\" errors=\"0\" skipped=\"%u\" time=\"%.3f\"", s->tests, s->failures, s->skipped,
		   (double)s->r->duration_ns / (double)FL_SEC);
}

static void
put_property(const char *name, const char *value, struct buf *out)
{
	buf_printf(out, "      <property name=\"%s\" value=\"", name);
	words_safe(value, out);
	buf_puts(out, "\"/>\n");
}

int
report_junit(const struct run_result *r, struct buf *out)
{
	struct suite count = { .r = r }, put = { .r = r, .out = out };
	char seed[24];
	struct buf date;

	put_cases(&count);
	buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
	put_attributes(&count, out);
	buf_puts(out, ">\n  <testsuite");
	put_attributes(&count, out);
	buf_init(&date, 64);
	words_date(r->start_wall_ns, true, &date);
	/* The schema knows no time zone here. */
	buf_printf(out, " timestamp=\"%.19s\" hostname=\"localhost\">\n    <properties>\n", buf_str(&date));
	buf_fini(&date);
	snprintf(seed, sizeof(seed), "%" PRIu64, r->seed);
	put_property("verdict", words_verdict_id(r->verdict), out);
	put_property("seed", seed, out);
	put_property("replay", r->replay, out);
	put_property("run_dir", r->run_dir, out);
	buf_puts(out, "    </properties>\n");
	put_cases(&put);
	buf_puts(out, "  </testsuite>\n</testsuites>\n");
	return out->overflowed ? -ENOBUFS : 0;
}
