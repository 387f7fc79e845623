/* SPDX-License-Identifier: MIT */
/*
 * observe.c - taking notes.
 *
 * Invariants
 *  (1) Memory is bounded: past a limit marks and samples are dropped, never failures before successes.
 *  (2) An error of the events file does not stop anything here: it is kept in events.err, and the conductor looks.
 */
#include "run/observe.h"

#include "io/clock.h"
#include "run/events.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 128
#define CALLS 32

int
observe_init(struct observe *o, const struct experiment *x, struct arena *mem, const char *events_path, fl_ns epoch)
{
	int rc;

	*o = (struct observe){ .x = x, .mem = mem, .epoch = epoch, .events.fd = -1 };
	o->rounds = arena_alloc(mem, (x->rounds + 1) * sizeof(*o->rounds));
	o->probes = arena_alloc(mem, (x->probe_count + 1) * sizeof(*o->probes));
	if (o->rounds == NULL || o->probes == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->probe_count; i++)
		if ((o->probes[i].samples = arena_alloc(mem, OBSERVE_SAMPLES_MAX * sizeof(struct result_sample))) == NULL)
			return -ENOMEM;
	rc = effects_init(&o->effects, x->rounds);
	for (uint32_t i = 0; rc == 0 && i < x->guard_count; i++)
		rc = guard_init(&o->guards[i], &x->guards[i]);
	if (rc == 0)
		rc = tally_init(&o->tally);
	return rc < 0 ? rc : append_open(&o->events, events_path);
}

void
observe_fini(struct observe *o)
{
	if (o->x == NULL)
		return;
	(void)append_close(&o->events);
	effects_fini(&o->effects);
	for (uint32_t i = 0; i < o->x->guard_count; i++)
		guard_fini(&o->guards[i]);
	tally_fini(&o->tally);
	o->x = NULL;
}

void
observe_say(struct observe *o, fl_ns at, const char *what, const char *name, const char *text)
{
	(void)events_note(&o->events.out, at - o->epoch, what, "name", name, "text", text, NULL);
	(void)append_kick(&o->events);
}

void
observe_mark(struct observe *o, fl_ns at, bool bad, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)events_note(&o->events.out, at - o->epoch, "mark", "text", text, NULL);
	(void)append_kick(&o->events);
	if (o->verbose)
		fprintf(stderr, "%8.3f s  %s\n", (double)(at - o->epoch) / (double)FL_SEC, text);
	if (o->mark_count < OBSERVE_MARKS_MAX) {
		const char *copy = arena_strdup(o->mem, text);
		if (copy != NULL)
			o->marks[o->mark_count++] = (struct result_mark){ .at = at - o->epoch, .text = copy, .bad = bad };
	}
}

void
observe_round(struct observe *o, fl_ns at, uint32_t fault, uint32_t round, bool on, uint64_t hits)
{
	const struct experiment_fault *f = &o->x->faults[fault];
	struct observe_round *r = &o->rounds[f->first + round];

	if (on) {
		r->begun = true;
		r->from = at - o->epoch;
		r->to = FL_NEVER;
		r->hits = hits;
	} else {
		r->to = at - o->epoch;
	}
	observe_say(o, at, on ? "fault_on" : "fault_off", f->name, "");
	trace_recorder_fault(o->trace, f->name, on, at);
	if (o->verbose)
		fprintf(stderr, "%8.3f s  fault %s %s\n", (double)(at - o->epoch) / (double)FL_SEC, f->name, on ? "begins" : "ends");
}

static unsigned
life_of(const struct observe *o, const struct line_set *l, const char *line)
{
	for (uint32_t i = 0; i < o->x->line_count; i++)
		if (strcmp(o->x->line_names[i], line) == 0)
			return line_set_lives(l, i);
	return 1;
}

/* Messages: on the line's calls, on lines with frames. A disk that is full is told once, and the run goes on. */
static void
take_trace(struct observe *o, struct proxy *p)
{
	struct http_record calls[CALLS];
	uint64_t lost = 0;
	size_t n;
	int rc;

	do {
		n = proxy_http_records(p, calls, CALLS, &lost);
		o->trace_lost += lost;
		for (size_t i = 0; i < n; i++)
			trace_recorder_call(o->trace, &calls[i]);
	} while (n == CALLS);
	rc = trace_recorder_take(o->trace, p, UINT32_MAX, clock_mono());
	if (rc < 0)
		observe_mark(o, clock_mono(), true, "trace.bin cannot be written: %s; messages are not recorded any more", strerror(-rc));
	else if (rc > 0)
		observe_mark(o, clock_mono(), false, "trace.bin can be written again");
}

void
observe_proxy(struct observe *o, struct proxy *p, const struct line_set *l)
{
	struct proxy_event batch[BATCH];
	uint64_t lost = 0;
	size_t n;

	do {
		n = proxy_events(p, batch, BATCH, &lost);
		o->lost += lost;
		for (size_t i = 0; i < n; i++) {
			unsigned life = life_of(o, l, batch[i].line);
			(void)events_proxy(&o->events.out, o->epoch, &batch[i], life);
			(void)effects_add(&o->effects, &batch[i], life);
			trace_recorder_event(o->trace, &batch[i]);
		}
		(void)append_kick(&o->events);
	} while (n == BATCH);
	if (o->trace != NULL)
		take_trace(o, p);
}

void
observe_ops(struct observe *o, struct oplog *const *logs, uint32_t count)
{
	const struct oplog_op *op;

	for (uint32_t c = 0; c < count; c++) {
		while ((op = oplog_next(logs[c])) != NULL) {
			tally_op(&o->tally, op);
			for (uint32_t g = 0; g < o->x->guard_count; g++)
				guard_op(&o->guards[g], op);
		}
	}
}

void
observe_slot(struct observe *o, const struct load_live_slot *s)
{
	tally_slot(&o->tally, s);
	for (uint32_t g = 0; g < o->x->guard_count; g++)
		guard_slot(&o->guards[g], s);
}

/* Keep what tells something: failures, changes, and the rest while there is plenty of room (1). */
static bool
keep_sample(struct observe *o, struct observe_probe *p, const struct prober_result *r, bool changed)
{
	uint32_t room = OBSERVE_SAMPLES_MAX - p->count;

	if (room == 0 || (room < OBSERVE_SAMPLES_MAX / 2 && r->held && !changed))
		return false;
	p->samples[p->count++] = (struct result_sample){
		.at = r->at - o->epoch,
		.held = r->held,
		.text = arena_strdup(o->mem, r->say),
	};
	return true;
}

void
observe_probe(struct observe *o, uint32_t probe, enum observe_phase phase, const struct prober_result *r)
{
	struct observe_probe *p = &o->probes[probe];
	const char *name = o->x->probes[probe].name;
	bool first = p->checks[phase] == 0;
	bool changed = !first && p->last[phase] != r->held;

	p->checks[phase]++;
	p->held[phase] += r->held;
	p->last[phase] = r->held;
	if (keep_sample(o, p, r, changed || first) && !r->held)
		p->worst = arena_printf(o->mem, "%s at %.1f s", r->say, (double)(r->at - o->epoch) / (double)FL_SEC);
	if (!r->held || changed || first)
		observe_say(o, r->at, r->held ? "probe_held" : "probe_failed", name, r->say);
	if (phase == OBSERVE_DURING && ((first && !r->held) || changed))
		observe_mark(o, r->at, !r->held, r->held ? "%s again: %s" : "%s fails: %s", name, r->say);
	for (uint32_t g = 0; g < o->x->guard_count; g++)
		guard_probe(&o->guards[g], probe, r->held);
}

bool
observe_tripped(const struct observe *o, fl_ns now, char *why)
{
	for (uint32_t g = 0; g < o->x->guard_count; g++)
		if (guard_tripped(&o->guards[g], o->x, now - o->epoch, why))
			return true;
	return false;
}

char *
observe_active(const struct observe *o, char *buf, size_t buf_bytes)
{
	size_t n = 0;

	buf[0] = '\0';
	for (uint32_t i = 0; i < o->x->fault_count; i++) {
		const struct experiment_fault *f = &o->x->faults[i];
		bool on = false;
		for (uint32_t r = 0; r < f->times; r++)
			on = on || (o->rounds[f->first + r].begun && o->rounds[f->first + r].to == FL_NEVER);
		if (on && n + 1 < buf_bytes)
			n += (size_t)snprintf(buf + n, buf_bytes - n, "%s%s", n > 0 ? ", " : "", f->name);
	}
	return buf;
}
