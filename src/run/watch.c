/* SPDX-License-Identifier: MIT */
/* watch.c - one turn: look at everything that may have happened. */
#include "run/watch.h"

#include "base/units.h"
#include "io/clock.h"
#include "conf/http_news.h"
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TURN_NS (50 * FL_MS)
#define MEMORY_EVERY (500 * FL_MS)
#define POLICY_MARKS_MAX 24             /* in the report; all of them are in the events */

int
watch_init(struct watch *w, bool verbose)
{
	int rc = observe_init(&w->obs, w->x, &w->mem, rundir_file(&w->rig.dir, "events.jsonl"), w->epoch);

	w->obs.trace = w->rig.trace;
	w->verbose = w->obs.verbose = verbose;
	return rc;
}

void
watch_fini(struct watch *w)
{
	prober_free(w->prober);
	for (uint32_t i = 0; i < w->x->process_count; i++)
		prober_free(w->ready[i]);
	load_free(w->load);
	counter_free(w->counters);
	w->prober = NULL;
	w->load = NULL;
	w->counters = NULL;
	observe_fini(&w->obs);
}

void
watch_stop(struct watch *w, enum judge_stop how, const char *fmt, ...)
{
	va_list ap;

	if (!watch_going(w))
		return;
	w->stop = how;
	va_start(ap, fmt);
	vsnprintf(w->why, sizeof(w->why), fmt, ap);
	va_end(ap);
	observe_mark(&w->obs, clock_mono(), true, "%.200s", w->why);
}

void
watch_write_failed(struct watch *w, const char *file, int err)
{
	if (w->write_failed)
		return;
	w->write_failed = true;
	watch_stop(w, JUDGE_BROKEN, "%s/%s cannot be written: %s", w->rig.dir.path, file, strerror(-err));
}

static void
process_started(struct watch *w, const struct system_event *e, fl_ns now)
{
	const struct measure *job = &w->rig.ready[e->process];
	struct prober_item item = { .job = *job, .tag = e->process };

	observe_say(&w->obs, now, "process", w->x->process_names[e->process], e->text);
	w->started_at[e->process] = now;
	w->is_ready[e->process] = job->conf == NULL;
	prober_free(w->ready[e->process]);
	w->ready[e->process] = NULL;
	if (job->conf != NULL && prober_start(&item, 1, &w->ready[e->process]) < 0)
		watch_stop(w, JUDGE_BROKEN, "the probe for %s cannot be started", w->x->process_names[e->process]);
}

static void
process_exited_event(struct watch *w, const struct system_event *e, fl_ns now)
{
	const char *name = w->x->process_names[e->process];

	w->is_ready[e->process] = false;
	prober_free(w->ready[e->process]);
	w->ready[e->process] = NULL;
	if (e->expected) {
		observe_say(&w->obs, now, "process", name, e->text);
		return;
	}
	if (w->x->processes[e->process].load) {
		watch_stop(w, JUDGE_BROKEN, "the load ended early: %s; see logs/%s.log", e->text, name);
		return;
	}
	observe_mark(&w->obs, now, true, "%s ended by itself: %s", name, e->text);
	for (uint32_t g = 0; g < w->x->guard_count; g++)
		guard_exit(&w->obs.guards[g], e->process);
	if (w->crash_count < JUDGE_CRASHES_MAX)
		w->crashes[w->crash_count++] = arena_printf(&w->mem, "%s ended by itself at %.1f s (%s); see logs/%s.log", name,
		    (double)(now - w->epoch) / (double)FL_SEC, e->text, name);
}

static void
look_at_system(struct watch *w, fl_ns now)
{
	struct system_event e;

	(void)system_tick(w->rig.system, now);
	while (system_next(w->rig.system, &e)) {
		if (e.what == SYSTEM_STARTED)
			process_started(w, &e, now);
		else if (e.what == SYSTEM_EXITED)
			process_exited_event(w, &e, now);
		else
			watch_stop(w, JUDGE_BROKEN, "%s", e.text);
	}
}

static void
look_at_ready(struct watch *w)
{
	struct prober_result r;

	for (uint32_t i = 0; i < w->x->process_count; i++) {
		while (w->ready[i] != NULL && !w->is_ready[i] && prober_next(w->ready[i], &r)) {
			if (!r.held)
				continue;
			char took[32];
			units_duration(took, sizeof(took), FL_MAX((r.at - w->started_at[i]) / FL_MS, 1) * FL_MS);
			w->is_ready[i] = true;
			observe_mark(&w->obs, r.at, false, "%s is ready, %s after it was started", w->x->process_names[i], took);
		}
		if (w->ready[i] != NULL && w->is_ready[i]) {
			prober_free(w->ready[i]);
			w->ready[i] = NULL;
		}
	}
}

static void
look_at_memory(struct watch *w, fl_ns now)
{
	if (now < w->memory_next)
		return;
	w->memory_next = now + MEMORY_EVERY;
	for (uint32_t g = 0; g < w->x->guard_count; g++) {
		const struct experiment_guard *conf = &w->x->guards[g];
		if (conf->kind == GUARD_MEMORY && system_pid(w->rig.system, (uint32_t)conf->process) != 0)
			guard_memory(&w->obs.guards[g], (uint32_t)conf->process,
			    process_memory_bytes(system_pid(w->rig.system, (uint32_t)conf->process)));
	}
}

static void
look_at_load(struct watch *w)
{
	struct load_live_slot slot;
	struct oplog *const *logs;
	uint32_t count;

	if (w->load == NULL)
		return;
	logs = load_logs(w->load, &count);
	observe_ops(&w->obs, logs, count);
	while (load_next_slot(w->load, &slot))
		observe_slot(&w->obs, &slot);
}

/* What policies told: a breaker opened, an instance was ejected. */
static void
look_at_policies(struct watch *w)
{
	struct http_news_item n;
	char text[400];

	while (w->rig.news != NULL && http_news_take(w->rig.news, &n, NULL)) {
		snprintf(text, sizeof(text), "%s to %s: %s", n.from, n.to, n.why);
		observe_say(&w->obs, n.at, fl_who_name(n.who), n.name, text);
		if (w->phase == OBSERVE_DURING && w->policy_marks++ < POLICY_MARKS_MAX)
			observe_mark(&w->obs, n.at, strcmp(n.to, "open") == 0 || strcmp(n.to, "ejected") == 0, "%s %s: %s", fl_who_name(n.who),
			    n.name, n.to);
	}
}

void
watch_signals(struct watch *w)
{
	int sig = 0;
	unsigned n = rig_signals(&w->rig, &sig);

	if (n == 0)
		return;
	if (!watch_going(w))
		w->hurry = true;
	watch_stop(w, JUDGE_SIGNAL, "stopped by %s", process_signal_name(sig));
}

static void
draw(struct watch *w, fl_ns now)
{
	struct progress_state s = { .phase = w->phase_name };
	struct tally_rates rates = tally_rates(&w->obs.tally, now - w->epoch);
	char faults[256];

	if (w->phase == OBSERVE_DURING && w->load_start > 0) {
		s.at = FL_MIN(now - w->load_start, w->x->duration);
		s.of = w->x->duration;
	}
	s.ok = rates.ok;
	s.bad = rates.bad;
	s.p99 = rates.p99;
	s.faults = observe_active(&w->obs, faults, sizeof(faults));
	progress_draw(&w->progress, now, &s);
}

void
watch_turn(struct watch *w, fl_ns until)
{
	fl_ns now = clock_mono();
	struct prober_result r;
	char why[160];
	struct pollfd fds[] = {
		{ .fd = w->rig.signal_fd, .events = POLLIN },
		{ .fd = system_fd(w->rig.system), .events = POLLIN },
		{ .fd = w->prober != NULL ? prober_fd(w->prober) : -1, .events = POLLIN },
		{ .fd = w->load != NULL && !load_done(w->load) ? load_fd(w->load) : -1, .events = POLLIN },
	};
	fl_ns wait = FL_MAX(FL_MIN(until - now, TURN_NS), 0);
	struct timespec ts = { .tv_nsec = wait };

	look_at_system(w, now);         /* what was started since the last turn */
	(void)ppoll(fds, FL_ARRAY_LEN(fds), &ts, NULL);
	now = clock_mono();
	observe_proxy(&w->obs, w->rig.proxy, w->rig.lines);
	look_at_system(w, now);
	look_at_ready(w);
	while (w->prober != NULL && prober_next(w->prober, &r))
		observe_probe(&w->obs, r.tag, w->phase, &r);
	look_at_load(w);
	look_at_memory(w, now);
	look_at_policies(w);
	watch_signals(w);
	if (w->phase == OBSERVE_DURING && watch_going(w) && observe_tripped(&w->obs, now, why))
		watch_stop(w, JUDGE_GUARD, "abort_if: %s", why);
	/* What happened is on disk soon, whatever becomes of us. */
	if (append_flush(&w->obs.events) < 0)
		watch_write_failed(w, "events.jsonl", w->obs.events.err);
	draw(w, now);
}

void
watch_phase(struct watch *w, enum observe_phase phase, const char *name)
{
	w->phase = phase;
	w->phase_name = name;
	observe_say(&w->obs, clock_mono(), "phase", name, "");
	if (w->verbose)
		fprintf(stderr, "%8.3f s  --- %s\n", (double)(clock_mono() - w->epoch) / (double)FL_SEC, name);
}

void
watch_probes_start(struct watch *w, unsigned when)
{
	struct prober_item items[EXPERIMENT_PROBES_MAX];
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->x->probe_count; i++)
		if ((w->x->probes[i].when & when) != 0)
			items[n++] = (struct prober_item){ .job = w->rig.probes[i], .tag = i };
	if (n > 0 && prober_start(items, n, &w->prober) < 0)
		watch_stop(w, JUDGE_BROKEN, "the probes cannot be started");
}

void
watch_probes_stop(struct watch *w)
{
	struct prober_result r;

	while (w->prober != NULL && prober_next(w->prober, &r))
		observe_probe(&w->obs, r.tag, w->phase, &r);
	prober_free(w->prober);
	w->prober = NULL;
}

bool
watch_probes_measured(const struct watch *w, unsigned when, bool *ret_held)
{
	bool measured = true;

	*ret_held = true;
	for (uint32_t i = 0; i < w->x->probe_count; i++) {
		if ((w->x->probes[i].when & when) == 0)
			continue;
		measured = measured && w->obs.probes[i].checks[w->phase] > 0;
		*ret_held = *ret_held && w->obs.probes[i].last[w->phase];
	}
	*ret_held = *ret_held && measured;
	return measured;
}

bool
watch_all_ready(const struct watch *w)
{
	for (uint32_t i = 0; i < w->x->process_count; i++)
		if (!w->x->processes[i].ends && !w->is_ready[i] && (w->ready[i] != NULL || system_pid(w->rig.system, i) == 0))
			return false;
	return true;
}
