/* SPDX-License-Identifier: MIT */
/* doubt.c - experiments that can show nothing. */
#include "run/doubt.h"

#include "audit/history.h"
#include <stdarg.h>
#include <string.h>

struct doubts {
	const char *path;
	struct buf *out;
	unsigned count;
};

static void doubt(struct doubts *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
doubt(struct doubts *d, const char *fmt, ...)
{
	va_list ap;

	d->count++;
	buf_printf(d->out, "%s: ", d->path);
	va_start(ap, fmt);
	buf_vprintf(d->out, fmt, ap);
	va_end(ap);
	buf_putc(d->out, '\n');
}

/* Can nothing that a run gives break this limit? */
static bool
is_idle(const struct metric_limit *l)
{
	return l->least ? l->value <= 0 : metric_info(l->metric)->unit == UNIT_SHARE && l->value >= 1;
}

static bool
expects_something(const struct experiment *x)
{
	for (uint32_t i = 0; i < x->limit_count; i++)
		if (!is_idle(&x->limits[i]))
			return true;
	return false;
}

static void
doubt_judges(struct doubts *d, const struct experiment *x, bool compared)
{
	bool judged = compared || x->has_audit || x->audit_count > 0 || x->same != EXPERIMENT_SAME_NOT || expects_something(x);

	for (uint32_t i = 0; i < x->probe_count; i++) {
		const struct experiment_probe *p = &x->probes[i];
		judged = judged || (p->when & (PROBE_DURING | PROBE_AFTER)) != 0;
		if ((p->when & PROBE_DURING) != 0 && (p->when & PROBE_AFTER) == 0 && p->tolerance <= 0)
			doubt(d, "the probe \"%s\" can never fail: its tolerance is 0%%", p->name);
	}
	if (!judged)
		doubt(d, "it can never find anything: there is no audit, no expectation, and no probe during or after the faults");
	if (x->has_audit && x->load.mix[HISTORY_WRITE] == 0 && x->load.mix[HISTORY_CAS] == 0)
		doubt(d, "the audit can never find anything: the load writes nothing");
	if (x->has_audit && x->load.mix[HISTORY_READ] == 0 && x->load.mix[HISTORY_CAS] == 0 && !x->load.final_reads)
		doubt(d, "the audit can never find anything: the load reads nothing");
	for (uint32_t i = 0; i < x->limit_count; i++) {
		const struct metric_limit *l = &x->limits[i];
		if (is_idle(l))
			doubt(d, "expect %s can never fail: it allows %s", metric_info(l->metric)->name, l->least ? "0" : "100%");
		if (x->load.type == EXPERIMENT_PROGRAM && l->metric != METRIC_OPERATIONS && l->metric != METRIC_ERRORS &&
		    l->metric != METRIC_GOODPUT && l->metric != METRIC_RATE)
			doubt(d, "expect %s can never be told: the load is a program", metric_info(l->metric)->name);
		if ((l->metric == METRIC_AMPLIFICATION || l->metric == METRIC_WASTED) && x->counter_count == 0)
			doubt(d, "expect %s can never be told: there are no counters", metric_info(l->metric)->name);
	}
}

static bool
list_names(const char *const *list, const char *path)
{
	for (; list != NULL && *list != NULL; list++)
		if (strstr(*list, path) != NULL || strcmp(*list, "{run}") == 0 || strcmp(*list, "{dir}") == 0)
			return true;
	return false;
}

static bool
is_written(const struct experiment *x, const char *path)
{
	bool known = strcmp(path, "{run}/history.jsonl") == 0 && x->load.type == EXPERIMENT_REDIS;

	for (uint32_t p = 0; p < x->process_count; p++)
		known = known || list_names(x->processes[p].argv, path) || list_names(x->processes[p].env, path);
	return known;
}

/* Of what a program does the conductor sees nothing until it has ended. */
static void
doubt_guards(struct doubts *d, const struct experiment *x)
{
	for (uint32_t i = 0; i < x->guard_count && x->has_load && x->load.type == EXPERIMENT_PROGRAM; i++)
		if (x->guards[i].kind == GUARD_ERRORS || x->guards[i].kind == GUARD_P99)
			doubt(d, "abort_if %s can never come true: the load is a program", x->guards[i].kind == GUARD_ERRORS ? "errors" : "p99");
}

/* A file of the run that an audit reads must be known to somebody who writes it. */
static void
doubt_audits(struct doubts *d, const struct experiment *x)
{
	for (uint32_t i = 0; i < x->audit_count; i++) {
		const struct experiment_audit *a = &x->audits[i];

		for (const char *const *word = a->argv; word != NULL && *word != NULL; word++)
			if ((strncmp(*word, "{run}/", 6) == 0 || strncmp(*word, "{dir}/", 6) == 0) && !is_written(x, *word))
				doubt(d, "the audit %s can never be carried out: nobody is told to write %s",
				    a->name != NULL ? a->name : a->what, *word);
	}
}

/* Does the text name the line, as {line:NAME}? */
static bool
names_line(const char *text, const char *line)
{
	const char *p = text;
	size_t n = strlen(line);

	while (p != NULL && (p = strstr(p, "{line:")) != NULL) {
		p += 6;
		if (strncmp(p, line, n) == 0 && p[n] == '}')
			return true;
	}
	return false;
}

static bool
list_names_line(const char *const *list, const char *line)
{
	for (; list != NULL && *list != NULL; list++)
		if (names_line(*list, line))
			return true;
	return false;
}

/* Can anything go through the line? A fixed address may be known to anybody. */
static bool
is_used(const struct experiment *x, uint32_t line)
{
	const char *name = x->line_names[line];

	if ((x->has_load && x->load.line == (int)line) || strcmp(x->lines[line].listen, "127.0.0.1:0") != 0)
		return true;
	for (uint32_t i = 0; i < x->process_count; i++)
		if (list_names_line(x->processes[i].argv, name) || list_names_line(x->processes[i].env, name))
			return true;
	for (uint32_t i = 0; i < x->probe_count; i++)
		if (names_line(x->probes[i].target, name) || names_line(x->probes[i].send, name))
			return true;
	if (x->has_load && names_line(x->load.http.target, name))
		return true;
	return false;
}

static void
doubt_faults(struct doubts *d, const struct experiment *x)
{
	/* A run without faults may be the one that others are compared with. */
	if (x->fault_count == 0 && x->same == EXPERIMENT_SAME_NOT &&
	    !(x->has_load && x->load.type == EXPERIMENT_HTTP && x->load.http.pace.surge_count > 0))
		doubt(d, "there are no faults: it only shows that all is well when all is well");
	for (uint32_t i = 0; i < x->fault_count; i++) {
		const struct experiment_fault *f = &x->faults[i];
		if (f->line >= 0 && !is_used(x, (uint32_t)f->line))
			doubt(d, "the fault %s can touch nothing: nothing goes through line %s", f->name, x->line_names[f->line]);
		if (f->action == ACTION_FAULT && f->spec.toxicity <= 0)
			doubt(d, "the fault %s can touch nothing: its toxicity is 0", f->name);
	}
}

unsigned
doubt_experiment(const struct experiment *x, const char *path, bool compared, struct buf *out)
{
	struct doubts d = { .path = path, .out = out };

	doubt_judges(&d, x, compared);
	doubt_guards(&d, x);
	doubt_audits(&d, x);
	doubt_faults(&d, x);
	return d.count;
}
