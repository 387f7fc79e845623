/* SPDX-License-Identifier: MIT */
/* judge.c - from observations to a verdict with its reasons. */
#include "run/judge.h"

#include "base/assert.h"
#include "base/units.h"
#include "run/fault_say.h"
#include "run/gauge.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REASONS_MAX 48

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

static void
judge_audits(struct judge *j)
{
	j->r->audits = j->c->audits;
	j->r->audit_count = j->c->audit_count;
	for (uint32_t i = 0; i < j->c->audit_count; i++) {
		const struct result_audit *a = &j->c->audits[i];

		if (a->verdict == RESULT_FINDING)
			finding(j, "audit %s: %s", a->name, a->reason);
		if (a->verdict != RESULT_UNKNOWN)
			continue;
		j->unknown = true;
		add_reason(j, arena_printf(j->mem, "audit %s: %s", a->name, a->reason));
	}
	if (j->c->audit_count < j->c->x->audit_count && j->c->stop == JUDGE_RAN) {
		j->unknown = true;
		add_reason(j, "not all audits could be carried out");
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

static const char *
say_got(struct judge *j, enum metric m, double got)
{
	const struct result_load *l = &j->r->load;
	char text[64];

	metric_say(metric_info(m)->unit, got, text, sizeof(text));
	if (m == METRIC_ERRORS)
		return arena_printf(j->mem, "%s (%" PRIu64 " of %" PRIu64 ")", text, l->fail + l->info, l->ok + l->fail + l->info);
	return arena_strdup(j->mem, text);
}

static void
judge_limit(struct judge *j, const struct metric_limit *l, struct result_tolerance *out)
{
	const struct metric_info *info = metric_info(l->metric);
	const double got = j->r->metrics.of[l->metric];
	char want[64];

	metric_say(info->unit, l->value, want, sizeof(want));
	*out = (struct result_tolerance){
		.name = info->name,
		.want = arena_printf(j->mem, "at %s %s%s", l->least ? "least" : "most", want, l->metric == METRIC_OPERATIONS ? " that succeed" : ""),
		.got = say_got(j, l->metric, got),
		.held = metric_holds(l, got),
		.known = !isnan(got),
	};
	if (!out->known) {
		j->unknown = true;
		add_reason(j, arena_printf(j->mem, "the load's %s cannot be told: %s", info->name, info->text));
	} else if (!out->held) {
		finding(j, "the load's %s: wanted %s, got %s", info->name, out->want, out->got);
	}
}

static int
judge_load(struct judge *j)
{
	const struct experiment *x = j->c->x;
	struct result_tolerance *list = arena_alloc(j->mem, (x->limit_count + 1) * sizeof(*list));

	if (list == NULL)
		return -ENOMEM;
	j->r->tolerances = list;
	if (!x->has_load || j->c->stop == JUDGE_BROKEN)
		return 0;
	if (j->r->load.ok == 0 && (x->load.type != EXPERIMENT_PROGRAM || x->limit_count > 0)) {
		j->unknown = true;
		add_reason(j, "not one operation of the load succeeded: nothing was tried");
	}
	for (uint32_t i = 0; i < x->limit_count; i++)
		judge_limit(j, &x->limits[i], &list[j->r->tolerance_count++]);
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

/* Surges of the load disturb a system as faults do: they stand among them. */
static uint32_t
tell_surges(struct judge *j, struct result_fault *list)
{
	const struct pace_conf *p = &j->c->x->load.http.pace;
	const fl_ns start = j->r->load.start;

	if (!j->r->load.open)
		return 0;
	for (uint32_t i = 0; i < p->surge_count; i++) {
		const struct pace_surge *s = &p->surges[i];
		list[i] = (struct result_fault){
			.name = p->surge_count == 1 ? "surge" : arena_printf(j->mem, "surge (%u of %u)", i + 1, p->surge_count),
			.place = "load",
			.kind = "surge",
			.text = arena_printf(j->mem, "%g requests a second", s->rate),
			.from = start + s->at,
			.to = start + FL_MIN(s->at + s->length, p->duration),
			.landed = true,
			.times = 1,
		};
	}
	return p->surge_count;
}

static int
tell_faults(struct judge *j)
{
	const struct experiment *x = j->c->x;
	struct result_fault *list = arena_alloc(j->mem, (x->rounds + PACE_SURGES_MAX + 1) * sizeof(*list));
	uint32_t n = list == NULL ? 0 : tell_surges(j, list);
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
	judge_audits(&j);
	for (uint32_t i = 0; i < c->crash_count; i++)
		finding(&j, "%s", c->crashes[i]);
	rc = judge_probes(&j);
	if (rc == 0)
		rc = tell_faults(&j);
	if (rc < 0)
		return rc;
	gauge_fill(r, &r->metrics);
	rc = judge_load(&j);
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
