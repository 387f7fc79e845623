/* SPDX-License-Identifier: MIT */
/* report_json.c - a run's result for programs. doc/report.md has the schema: extend it, never change it. */
#include "run/report.h"

#include "audit/evidence.h"
#include "run/words.h"
#include <errno.h>
#include <math.h>
#include <string.h>

#define SCHEMA 1

static void
put_time(struct jsonw *w, const char *key, fl_ns t)
{
	jsonw_key(w, key);
	if (t == FL_NEVER)
		jsonw_null(w);
	else
		jsonw_int(w, t);
}

static void
put_uint(struct jsonw *w, const char *key, uint64_t v)
{
	jsonw_key(w, key);
	jsonw_uint(w, v);
}

/* A text that may be missing: null then. */
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
put_list(struct jsonw *w, const char *key)
{
	jsonw_key(w, key);
	jsonw_array(w);
}

static void
put_pairs(struct jsonw *w, const char *key, const struct result_pair *pairs, uint32_t n, const char *a, const char *b)
{
	put_list(w, key);
	for (uint32_t i = 0; i < n; i++) {
		jsonw_object(w);
		put_text(w, a, pairs[i].name);
		put_text(w, b, pairs[i].text);
		jsonw_end(w);
	}
	jsonw_end(w);
}

static void
put_head(struct jsonw *w, const struct run_result *r)
{
	struct buf text;

	jsonw_num(w, "schema", SCHEMA);
	buf_init(&text, 4096);
	jsonw_str(w, "verdict", words_verdict_id(r->verdict));
	jsonw_num(w, "exit_code", r->exit_code);
	words_headline(r, &text);
	jsonw_str(w, "headline", buf_str(&text));
	put_list(w, "reasons");
	for (uint32_t i = 0; i < r->reason_count; i++)
		jsonw_string(w, r->reasons[i]);
	jsonw_end(w);
	put_text(w, "name", r->name);
	put_text(w, "variant", r->variant);
	put_text(w, "description", r->description);
	put_uint(w, "seed", r->seed);
	put_text(w, "experiment", r->experiment_path);
	put_text(w, "command", r->command);
	put_text(w, "replay", r->replay);
	if (r->trace != NULL) {
		put_text(w, "trace", r->trace);
		put_uint(w, "trace_wrong", r->trace_wrong);
		put_text(w, "trace_message", r->trace_message);
		put_text(w, "trace_text", r->trace_text);
	}
	put_text(w, "run_dir", r->run_dir);
	buf_clear(&text);
	words_date(r->start_wall_ns, true, &text);
	jsonw_str(w, "started", buf_str(&text));
	jsonw_num(w, "duration", r->duration_ns);
	put_pairs(w, "versions", r->versions, r->version_count, "name", "version");
	buf_fini(&text);
}

static void
put_latency(struct jsonw *w, const char *key, const struct hist *h)
{
	static const struct { const char *name; double q; } quantiles[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p95", 0.95 }, { "p99", 0.99 },
		{ "p999", 0.999 } };

	jsonw_key(w, key);
	if (h == NULL || h->total == 0) {
		jsonw_null(w);
		return;
	}
	jsonw_object(w);
	put_uint(w, "count", h->total);
	jsonw_num(w, "min", h->min);
	jsonw_num(w, "mean", (int64_t)hist_mean(h));
	for (size_t i = 0; i < FL_ARRAY_LEN(quantiles); i++)
		jsonw_num(w, quantiles[i].name, hist_quantile(h, quantiles[i].q));
	jsonw_num(w, "max", h->max);
	jsonw_end(w);
}

/* What an open loop has more, in a bucket and as a whole. */
static void
put_open_bucket(struct jsonw *w, const struct result_bucket *b)
{
	jsonw_num(w, "asked", b->asked);
	jsonw_num(w, "asked_ok", b->asked_ok);
	jsonw_num(w, "attempts", b->attempts);
	jsonw_num(w, "late", b->late);
	jsonw_num(w, "refused", b->refused);
}

static void
put_open(struct jsonw *w, const struct result_load *l)
{
	put_uint(w, "asked", l->asked);
	put_uint(w, "attempts", l->attempts);
	put_uint(w, "late", l->late);
	put_uint(w, "refused", l->refused);
	jsonw_num(w, "start", l->start);
	jsonw_num(w, "length", l->length);
	put_latency(w, "latency_ok", l->latency_ok);
}

static void
put_load(struct jsonw *w, const struct result_load *l)
{
	jsonw_key(w, "load");
	jsonw_object(w);
	put_text(w, "what", l->what);
	put_uint(w, "ok", l->ok);
	put_uint(w, "fail", l->fail);
	put_uint(w, "info", l->info);
	put_latency(w, "latency", l->latency);
	put_pairs(w, "errors", l->errors, l->error_count, "error", "times");
	jsonw_num(w, "bucket", l->bucket_ns);
	put_list(w, "buckets");
	for (uint32_t i = 0; i < l->bucket_count; i++) {
		const struct result_bucket *b = &l->buckets[i];

		jsonw_object(w);
		jsonw_num(w, "at", b->at);
		jsonw_num(w, "ok", b->ok);
		jsonw_num(w, "fail", b->fail);
		jsonw_num(w, "info", b->info);
		jsonw_num(w, "p50", b->p50);
		jsonw_num(w, "p95", b->p95);
		jsonw_num(w, "p99", b->p99);
		jsonw_num(w, "max", b->max);
		if (l->open)
			put_open_bucket(w, b);
		jsonw_end(w);
	}
	jsonw_end(w);
	if (l->open)
		put_open(w, l);
	jsonw_end(w);
}

static void
put_counter(struct jsonw *w, const struct result_counter *c)
{
	jsonw_object(w);
	put_text(w, "name", c->name);
	put_text(w, "url", c->url);
	put_uint(w, "failures", c->failures);
	jsonw_key(w, "increase");
	jsonw_object(w);
	for (uint32_t m = 0; m < c->member_count; m++) {
		jsonw_key(w, c->members[m]);
		jsonw_float(w, c->increase[m]);
	}
	jsonw_end(w);
	put_list(w, "members");
	for (uint32_t m = 0; m < c->member_count; m++)
		jsonw_string(w, c->members[m]);
	jsonw_end(w);
	put_list(w, "samples");
	for (uint32_t i = 0; i < c->sample_count; i++) {
		jsonw_array(w);
		jsonw_int(w, c->at[i]);
		for (uint32_t m = 0; m < c->member_count; m++)
			jsonw_float(w, c->values[(size_t)i * c->member_count + m]);
		jsonw_end(w);
	}
	jsonw_end(w);
	jsonw_end(w);
}

static void
put_counters(struct jsonw *w, const struct run_result *r)
{
	put_list(w, "counters");
	for (uint32_t i = 0; i < r->counter_count; i++)
		put_counter(w, &r->counters[i]);
	jsonw_end(w);
}

static void
put_faults(struct jsonw *w, const struct run_result *r)
{
	put_list(w, "faults");
	for (uint32_t i = 0; i < r->fault_count; i++) {
		const struct result_fault *f = &r->faults[i];

		jsonw_object(w);
		put_text(w, "name", f->name);
		put_text(w, "place", f->place);
		put_text(w, "kind", f->kind);
		put_text(w, "text", f->text);
		put_time(w, "from", f->from);
		put_time(w, "to", f->to);
		jsonw_flag(w, "landed", f->landed);
		put_uint(w, "connections", f->connections);
		put_uint(w, "times", f->times);
		put_pairs(w, "did", f->did, f->did_count, "event", "text");
		jsonw_end(w);
	}
	jsonw_end(w);
	put_list(w, "marks");
	for (uint32_t i = 0; i < r->mark_count; i++) {
		jsonw_object(w);
		put_time(w, "at", r->marks[i].at);
		put_text(w, "text", r->marks[i].text);
		jsonw_flag(w, "bad", r->marks[i].bad);
		jsonw_end(w);
	}
	jsonw_end(w);
}

static void
put_probe(struct jsonw *w, const struct result_probe *p)
{
	jsonw_object(w);
	put_text(w, "name", p->name);
	put_text(w, "want", p->want);
	put_text(w, "when", p->when);
	jsonw_flag(w, "held", p->held);
	jsonw_flag(w, "known", p->known);
	put_text(w, "worst", p->worst);
	jsonw_num(w, "checks", p->sample_count);
	put_list(w, "failures");
	for (uint32_t i = 0; i < p->sample_count; i++) {
		if (p->samples[i].held)
			continue;
		jsonw_object(w);
		put_time(w, "at", p->samples[i].at);
		put_text(w, "text", p->samples[i].text);
		jsonw_end(w);
	}
	jsonw_end(w);
	jsonw_end(w);
}

static void
put_evidence(struct jsonw *w, const struct result_evidence *e)
{
	jsonw_object(w);
	put_text(w, "what", e->what);
	put_text(w, "say", e->say);
	put_time(w, "from", e->from);
	put_time(w, "to", e->to);
	put_text(w, "faults", e->during);
	put_list(w, "operations");
	for (uint32_t i = 0; i < e->op_count; i++)
		jsonw_string(w, e->ops[i]);
	jsonw_end(w);
	jsonw_end(w);
}

static void
put_audits(struct jsonw *w, const struct run_result *r)
{
	put_list(w, "audits");
	for (uint32_t i = 0; i < r->audit_count; i++) {
		const struct result_audit *a = &r->audits[i];

		jsonw_object(w);
		put_text(w, "name", a->name);
		put_text(w, "what", a->what);
		put_text(w, "verdict", words_verdict_id(a->verdict));
		put_text(w, "reason", a->reason);
		put_text(w, "lines", a->lines);
		put_text(w, "command", a->command);
		put_list(w, "evidence");
		for (uint32_t k = 0; k < a->evidence_count; k++)
			put_evidence(w, &a->evidence[k]);
		jsonw_end(w);
		jsonw_key(w, "document");
		if (a->document == NULL)
			jsonw_null(w);
		else
			jsonw_raw(w, a->document, strcspn(a->document, "\n"));
		jsonw_end(w);
	}
	jsonw_end(w);
}

static void
put_judged(struct jsonw *w, const struct run_result *r)
{
	put_list(w, "probes");
	for (uint32_t i = 0; i < r->probe_count; i++)
		put_probe(w, &r->probes[i]);
	jsonw_end(w);
	put_list(w, "tolerances");
	for (uint32_t i = 0; i < r->tolerance_count; i++) {
		jsonw_object(w);
		put_text(w, "name", r->tolerances[i].name);
		put_text(w, "want", r->tolerances[i].want);
		put_text(w, "got", r->tolerances[i].got);
		jsonw_flag(w, "held", r->tolerances[i].held);
		jsonw_flag(w, "known", r->tolerances[i].known);
		jsonw_end(w);
	}
	jsonw_end(w);
	jsonw_key(w, "audit");
	if (r->audit == NULL)
		jsonw_null(w);
	else
		evidence_json(r->audit, w);
	put_audits(w, r);
}

static void
put_system(struct jsonw *w, const struct run_result *r)
{
	put_list(w, "lines");
	for (uint32_t i = 0; i < r->line_count; i++) {
		jsonw_object(w);
		put_text(w, "name", r->lines[i].name);
		put_text(w, "listen", r->lines[i].listen);
		put_text(w, "upstream", r->lines[i].upstream);
		put_text(w, "from", r->lines[i].from);
		put_text(w, "to", r->lines[i].to);
		put_uint(w, "connections", r->lines[i].connections);
		put_uint(w, "c2s_bytes", r->lines[i].c2s_bytes);
		put_uint(w, "s2c_bytes", r->lines[i].s2c_bytes);
		put_pairs(w, "did", r->lines[i].did, r->lines[i].did_count, "what", "times");
		jsonw_end(w);
	}
	jsonw_end(w);
	put_list(w, "closes");
	for (uint32_t i = 0; i < r->close_count; i++) {
		jsonw_object(w);
		put_text(w, "line", r->closes[i].line);
		put_text(w, "reason", r->closes[i].reason);
		put_uint(w, "count", r->closes[i].count);
		jsonw_flag(w, "error", r->closes[i].is_error);
		jsonw_end(w);
	}
	jsonw_end(w);
	put_list(w, "processes");
	for (uint32_t i = 0; i < r->process_count; i++) {
		jsonw_object(w);
		put_text(w, "name", r->processes[i].name);
		put_text(w, "command", r->processes[i].command);
		put_text(w, "fate", r->processes[i].fate);
		put_text(w, "log", r->processes[i].log_path);
		put_uint(w, "log_bytes", r->processes[i].log_bytes);
		jsonw_end(w);
	}
	jsonw_end(w);
	put_pairs(w, "files", r->files, r->file_count, "path", "what");
}

int
report_json(const struct run_result *r, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w);
	put_head(&w, r);
	put_load(&w, &r->load);
	metric_write(&w, &r->metrics);
	put_faults(&w, r);
	put_judged(&w, r);
	put_system(&w, r);
	put_counters(&w, r);
	jsonw_end(&w);
	buf_putc(out, '\n');
	return out->overflowed ? -ENOBUFS : 0;
}
