/* SPDX-License-Identifier: MIT */
/* judge.c - from observations to a verdict with its reasons. */
#include "run/judge.h"

#include "base/assert.h"
#include "base/units.h"
#include "run/fault_say.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REASONS_MAX 48
#define TOLERANCES_MAX 6

struct judge {
	const struct judge_case *c;
	struct arena *mem;
	struct run_result *r;
	const char *reasons[REASONS_MAX];
	uint32_t reason_count;
	bool finding, unknown;
};

static void
add_reason(struct judge *j, const char *text)
{
	if (j->reason_count < REASONS_MAX && text != NULL)
		j->reasons[j->reason_count++] = text;
}

static void finding(struct judge *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
finding(struct judge *j, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	j->finding = true;
	add_reason(j, arena_strdup(j->mem, text));
}

/* ---- the audit ---- */

static void
judge_audit(struct judge *j)
{
	const struct verdict_outcome *a = j->c->audit;

	j->r->audit = a;
	j->r->audit_name = j->c->x->audit_name;
	if (a == NULL) {
		if (j->c->x->has_audit && j->c->stop == JUDGE_RAN) {
			j->unknown = true;
			add_reason(j, "the history could not be audited");
		}
		return;
	}
	if (a->verdict == VERDICT_INVALID)
		finding(j, "audit: %s", a->reason);
	if (a->verdict == VERDICT_UNKNOWN) {
		j->unknown = true;
		add_reason(j, arena_printf(j->mem, "audit: %s", a->reason));
	}
}

/* ---- probes ---- */

static const char *
when_text(unsigned when)
{
	static const char *const texts[] = { "", "before", "during", "before, during", "after", "before, after", "during, after",
		"before, during, after" };

	return texts[when & 7];
}

static void
judge_during(struct judge *j, const struct experiment_probe *p, const struct observe_probe *o, struct result_probe *out)
{
	uint32_t checks = o->checks[OBSERVE_DURING], held = o->held[OBSERVE_DURING];

	if (checks == 0 || (double)held >= p->tolerance * (double)checks)
		return;
	out->held = false;
	finding(j, "probe \"%s\" held in %u of %u checks during the faults (%.1f%%), wanted %g%%%s%s", p->name, held, checks,
	    100.0 * held / checks, p->tolerance * 100, o->worst != NULL ? "; last seen: " : "", o->worst != NULL ? o->worst : "");
}

static void
judge_probe(struct judge *j, uint32_t i, struct result_probe *out)
{
	const struct experiment_probe *p = &j->c->x->probes[i];
	const struct observe_probe *o = &j->c->obs->probes[i];
	uint32_t checks = o->checks[OBSERVE_BEFORE] + o->checks[OBSERVE_DURING] + o->checks[OBSERVE_AFTER];
	char want[512];

	*out = (struct result_probe){
		.name = p->name,
		.want = arena_strdup(j->mem, measure_want(&j->c->probes[i], want, sizeof(want))),
		.when = when_text(p->when),
		.held = checks > 0,
		.known = checks > 0,
		.worst = o->worst,
		.samples = o->samples,
		.sample_count = o->count,
	};
	if ((p->when & PROBE_BEFORE) != 0 && o->checks[OBSERVE_BEFORE] > 0 && !o->last[OBSERVE_BEFORE])
		out->held = false;
	if ((p->when & PROBE_DURING) != 0)
		judge_during(j, p, o, out);
	if ((p->when & PROBE_AFTER) != 0 && j->c->after_ran && !o->last[OBSERVE_AFTER]) {
		char limit[32];
		out->held = false;
		finding(j, "not healed: probe \"%s\" did not hold again within %s after the faults%s%s", p->name,
		    units_duration(limit, sizeof(limit), j->c->x->heal_within), o->worst != NULL ? "; last seen: " : "",
		    o->worst != NULL ? o->worst : "");
	}
}

static int
judge_probes(struct judge *j)
{
	uint32_t n = j->c->x->probe_count;
	struct result_probe *probes = arena_alloc(j->mem, (n + 1) * sizeof(*probes));

	if (probes == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		judge_probe(j, i, &probes[i]);
	j->r->probes = probes;
	j->r->probe_count = n;
	return 0;
}

/* ---- expectations of the load ---- */

static void
add_tolerance(struct judge *j, struct result_tolerance *list, const char *name, const char *want, const char *got, bool held)
{
	fl_assert(j->r->tolerance_count < TOLERANCES_MAX);
	list[j->r->tolerance_count++] = (struct result_tolerance){ .name = name, .want = want, .got = got, .held = held, .known = true };
	if (!held)
		finding(j, "the load's %s: wanted %s, got %s", name, want, got);
}

static void
judge_latency(struct judge *j, struct result_tolerance *list, const char *name, fl_ns limit, fl_ns got)
{
	char a[32], b[32];

	if (limit < 0)
		return;
	add_tolerance(j, list, name, arena_printf(j->mem, "at most %s", units_duration(a, sizeof(a), limit)),
	    arena_strdup(j->mem, units_duration(b, sizeof(b), got)), got <= limit);
}

static int
judge_load(struct judge *j)
{
	const struct experiment_expect *e = &j->c->x->expect;
	const struct result_load *l = &j->r->load;
	uint64_t total = l->ok + l->fail + l->info;
	struct result_tolerance *list = arena_alloc(j->mem, TOLERANCES_MAX * sizeof(*list));
	double share = total == 0 ? 1 : (double)(l->fail + l->info) / (double)total;

	if (list == NULL)
		return -ENOMEM;
	j->r->tolerances = list;
	if (!j->c->x->has_load || j->c->stop == JUDGE_BROKEN)
		return 0;
	if (l->ok == 0) {
		j->unknown = true;
		add_reason(j, "not one operation of the load succeeded: nothing was tried");
	}
	if (e->errors >= 0)
		add_tolerance(j, list, "errors", arena_printf(j->mem, "at most %g%%", e->errors * 100),
		    arena_printf(j->mem, "%.2f%% (%" PRIu64 " of %" PRIu64 ")", share * 100, l->fail + l->info, total), share <= e->errors);
	if (e->operations >= 0)
		add_tolerance(j, list, "operations", arena_printf(j->mem, "at least %" PRId64 " that succeed", e->operations),
		    arena_printf(j->mem, "%" PRIu64, l->ok), l->ok >= (uint64_t)e->operations);
	if (l->latency != NULL && total > 0) {
		judge_latency(j, list, "p50", e->p50, hist_quantile(l->latency, 0.5));
		judge_latency(j, list, "p95", e->p95, hist_quantile(l->latency, 0.95));
		judge_latency(j, list, "p99", e->p99, hist_quantile(l->latency, 0.99));
		judge_latency(j, list, "max", e->max, l->latency->max);
	}
	return 0;
}

/* ---- faults ---- */

static int
tell_round(struct judge *j, const struct experiment_fault *f, uint32_t round, struct result_fault *out)
{
	const struct observe_round *o = &j->c->obs->rounds[f->first + round];
	int rc = 0;

	*out = (struct result_fault){
		.name = f->times == 1 ? f->name : arena_printf(j->mem, "%s (%u of %u)", f->name, round + 1, f->times),
		.place = fault_say_place(j->c->x, f, j->mem),
		.kind = fault_say_kind(f),
		.text = fault_say_text(f, j->mem),
		.from = o->from,
		.to = o->to,
		.landed = o->hits > 0,
		.times = o->hits,
	};
	if (f->action == ACTION_FAULT)
		rc = effects_report(&j->c->obs->effects, f->first + round, j->mem, out);
	else if (f->action == ACTION_CUT)
		out->connections = o->hits;
	return rc;
}

static int
tell_faults(struct judge *j)
{
	const struct experiment *x = j->c->x;
	struct result_fault *list = arena_alloc(j->mem, (x->rounds + 1) * sizeof(*list));
	uint32_t n = 0;
	int rc = list == NULL ? -ENOMEM : 0;

	for (uint32_t i = 0; rc == 0 && i < x->fault_count; i++)
		for (uint32_t round = 0; rc == 0 && round < x->faults[i].times; round++)
			if (j->c->obs->rounds[x->faults[i].first + round].begun)
				rc = tell_round(j, &x->faults[i], round, &list[n++]);
	j->r->faults = list;
	j->r->fault_count = n;
	return rc;
}

/* A run that held says nothing about faults that did nothing: name them. */
static void
tell_idle_faults(struct judge *j)
{
	for (uint32_t i = 0; i < j->r->fault_count; i++) {
		const struct result_fault *f = &j->r->faults[i];
		if (!f->landed)
			add_reason(j, arena_printf(j->mem, "the fault %s (%s) did nothing, so this says nothing about it", f->name, f->kind));
	}
}

/* ---- the whole ---- */

static void
conclude(struct judge *j)
{
	static const int codes[] = { [RESULT_HELD] = 0, [RESULT_FINDING] = 1, [RESULT_ABORTED] = 3, [RESULT_UNKNOWN] = 4 };
	const struct judge_case *c = j->c;
	struct run_result *r = j->r;

	if (c->stop == JUDGE_BROKEN)
		r->verdict = RESULT_UNKNOWN;
	else if (c->stop != JUDGE_RAN)
		r->verdict = RESULT_ABORTED;
	else if (j->finding)
		r->verdict = RESULT_FINDING;
	else
		r->verdict = j->unknown ? RESULT_UNKNOWN : RESULT_HELD;
	r->exit_code = codes[r->verdict];
	if (r->verdict == RESULT_HELD)
		tell_idle_faults(j);
	if (c->full_logs > 0)
		add_reason(j, arena_printf(j->mem, "%u clients ended early: operations_max was reached", c->full_logs));
	if (c->obs->lost > 0)
		add_reason(j, arena_printf(j->mem, "%" PRIu64 " events of faults are missing: they came faster than they could be written",
		    c->obs->lost));
}

int
judge_fill(const struct judge_case *c, struct arena *mem, struct run_result *r)
{
	struct judge j = { .c = c, .mem = mem, .r = r };
	struct result_mark *marks = arena_alloc(mem, OBSERVE_MARKS_MAX * sizeof(*marks));
	const char **reasons;
	int rc;

	if (c->stop != JUDGE_RAN)
		add_reason(&j, arena_strdup(mem, c->why));
	judge_audit(&j);
	for (uint32_t i = 0; i < c->crash_count; i++)
		finding(&j, "%s", c->crashes[i]);
	rc = judge_probes(&j);
	if (rc == 0)
		rc = judge_load(&j);
	if (rc == 0)
		rc = tell_faults(&j);
	if (rc < 0)
		return rc;
	if (marks == NULL)
		return -ENOMEM;
	memcpy(marks, c->obs->marks, c->obs->mark_count * sizeof(*marks));
	r->marks = marks;
	r->mark_count = c->obs->mark_count;
	conclude(&j);
	reasons = arena_alloc(mem, REASONS_MAX * sizeof(*reasons));
	if (reasons == NULL)
		return -ENOMEM;
	memcpy(reasons, j.reasons, sizeof(j.reasons));
	r->reasons = reasons;
	r->reason_count = j.reason_count;
	return mem->overflowed ? -ENOMEM : 0;
}
