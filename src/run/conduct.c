/* SPDX-License-Identifier: MIT */
/* conduct.c - the phases of a run, in the order of time. */
#include "run/conduct.h"

#include "base/assert.h"
#include "base/units.h"
#include "io/clock.h"
#include "run/audit_job.h"
#include "run/auditor.h"
#include "run/enact.h"
#include "run/publish.h"
#include "run/watch.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEM_BYTES_MAX ((size_t)256 << 20)
#define SAMPLES_BYTES_MAX ((size_t)64 << 20)
#define SETTLE_NS (2 * FL_SEC)          /* beyond its duration and timeouts, before a load is called off */

/* What outlives the run, as long as its result is of interest. */
struct conduct_kept {
	struct arena mem;
	struct load *load;
	struct auditor *auditor;
	struct run_result result;
};
struct conduct {
	const struct conduct_opts *opts;
	const struct experiment *x;
	struct watch w;
	struct conduct_kept *kept;
	int64_t wall;
	bool after_ran;
	const struct verdict_outcome *audit;
	uint32_t full_logs, audits_done;
	struct result_audit audits[EXPERIMENT_AUDITS_MAX];
	struct result_load load;
};

/* ---- system: processes start one after the other, each when the one before it is ready ---- */

static void
start_process(struct watch *w, uint32_t i)
{
	const struct experiment_process *p = &w->x->processes[i];
	const fl_ns limit = clock_mono() + p->ready_timeout;
	char error[SYSTEM_ERROR_MAX], took[32];

	if (system_start(w->rig.system, i, error) < 0) {
		watch_stop(w, JUDGE_BROKEN, "%s", error);
		return;
	}
	watch_turn(w, 0);
	while (watch_going(w) && !w->is_ready[i] && w->crash_count == 0 && clock_mono() < limit)
		watch_turn(w, limit);
	if (w->crash_count > 0)
		watch_stop(w, JUDGE_BROKEN, "%s", w->crashes[0]);
	else if (!w->is_ready[i])
		watch_stop(w, JUDGE_BROKEN, "%s was not ready within %s; see logs/%s.log", p->name,
		    units_duration(took, sizeof(took), p->ready_timeout), p->name);
}

static void
phase_system(struct watch *w)
{
	watch_phase(w, OBSERVE_BEFORE, "system");
	for (uint32_t i = 0; i < w->x->process_count && watch_going(w); i++)
		if (!w->x->processes[i].load)
			start_process(w, i);
}

/* ---- before: the steady state must hold, or nothing can be learnt ---- */

static void
phase_before(struct watch *w)
{
	bool held = true;

	watch_phase(w, OBSERVE_BEFORE, "before");
	watch_probes_start(w, PROBE_BEFORE);
	while (watch_going(w) && !watch_probes_measured(w, PROBE_BEFORE, &held))
		watch_turn(w, FL_NEVER);
	watch_probes_stop(w);
	for (uint32_t i = 0; i < w->x->probe_count && watch_going(w) && !held; i++) {
		const struct observe_probe *p = &w->obs.probes[i];
		if ((w->x->probes[i].when & PROBE_BEFORE) != 0 && !p->last[OBSERVE_BEFORE])
			watch_stop(w, JUDGE_BROKEN, "not in its steady state before any fault: probe \"%s\": %s", w->x->probes[i].name,
			    p->worst == NULL ? "failed" : p->worst);
	}
}

/* ---- load: clients work while the timeline goes by ---- */

static bool
load_running(const struct watch *w)
{
	return w->load != NULL && !load_done(w->load);
}

static void
start_load(struct watch *w, uint64_t seed)
{
	const int line = w->x->load.line;
	struct load_opts opts = { .x = w->x, .values = &w->rig.values, .system = w->rig.system, .seed = seed, .epoch = w->epoch };
	char error[LOAD_ERROR_MAX];

	if (!w->x->has_load)
		return;
	if (line >= 0) {
		opts.line = line_set_listen(w->rig.lines, (uint32_t)line);
		opts.line_text = line_set_address(w->rig.lines, (uint32_t)line);
	}
	if (load_start(&opts, w->rig.signal_fd, &w->load, error) < 0) {
		watch_signals(w);
		watch_stop(w, JUDGE_BROKEN, "%s", error);
	}
}

static void
start_counters(struct watch *w)
{
	int rc = counter_start(w->x, &w->rig.values, w->epoch, w->rig.signal_fd, &w->counters);

	watch_signals(w);
	if (rc < 0)
		watch_stop(w, JUDGE_BROKEN, "the counters cannot be started: %s", strerror(-rc));
}

static void
follow_timeline(struct watch *w, const struct timeline_step *steps, uint32_t count)
{
	const bool program = w->x->has_load && w->x->load.type == EXPERIMENT_PROGRAM;
	const fl_ns end = w->load_start + w->x->duration;
	const fl_ns give_up = program ? end : end + load_settle(w->x) + SETTLE_NS;
	uint32_t next = 0;

	/* A program that has come to its end ends the load, when all faults have begun and ended. */
	while (watch_going(w) && ((clock_mono() < end && !(program && next == count)) || load_running(w))) {
		const fl_ns now = clock_mono(), at = next < count ? w->load_start + steps[next].at : end;
		if (next < count && now >= at)
			enact(w, &steps[next++]);
		else
			watch_turn(w, at > now ? at : FL_NEVER);
		if (now > give_up && load_running(w))
			load_stop(w->load);
	}
}

static void
phase_load(struct watch *w, uint64_t seed)
{
	struct timeline_step *steps = NULL;
	uint32_t count = 0;

	if (timeline_new(w->x, &steps, &count) < 0)
		watch_stop(w, JUDGE_BROKEN, "no memory for the timeline");
	watch_phase(w, OBSERVE_DURING, "load");
	if (watch_going(w))
		start_counters(w);
	if (watch_going(w))
		start_load(w, seed);
	if (watch_going(w))
		watch_probes_start(w, PROBE_DURING);
	w->load_start = clock_mono();
	observe_say(&w->obs, w->load_start, "load", "starts", "");
	follow_timeline(w, steps, count);
	free(steps);
	if (load_running(w))
		load_stop(w->load);
	while (load_running(w))
		watch_turn(w, FL_NEVER);
	watch_probes_stop(w);
}

/* ---- heal: all faults go; when the run goes on, wait until everything is as it should be again ---- */

static void
end_rounds(struct watch *w)
{
	const fl_ns now = clock_mono();

	for (uint32_t i = 0; i < w->x->fault_count; i++)
		for (uint32_t r = 0; r < w->x->faults[i].times; r++) {
			const struct observe_round *o = &w->obs.rounds[w->x->faults[i].first + r];
			if (!o->begun || o->to != FL_NEVER)
				continue;
			if (w->x->faults[i].action == ACTION_CALL)
				enact(w, &(struct timeline_step){ .fault = i, .round = r });
			else
				observe_round(&w->obs, now, i, r, false, 0);
		}
}

/* returns whether the probes had their chance. */
static bool
await_healed(struct watch *w)
{
	const fl_ns start = clock_mono(), limit = start + w->x->heal_within;
	bool held = false;
	char took[32];

	system_heal(w->rig.system);
	watch_probes_start(w, PROBE_AFTER);
	do {
		watch_turn(w, limit);
		(void)watch_probes_measured(w, PROBE_AFTER, &held);
	} while (watch_going(w) && !(held && watch_all_ready(w)) && clock_mono() < limit);
	watch_probes_stop(w);
	if (!watch_going(w))
		return false;
	if (held)
		observe_mark(&w->obs, clock_mono(), false, "healed %s after the faults ended",
		    units_duration(took, sizeof(took), FL_MAX((clock_mono() - start) / FL_MS, 1) * FL_MS));
	return true;
}

/* Processes that end by themselves, such as a receiver that waits until nothing more comes. */
static void
await_ends(struct watch *w)
{
	const fl_ns limit = clock_mono() + w->x->heal_within;
	bool running = true;

	while (running && watch_going(w) && clock_mono() < limit) {
		running = false;
		for (uint32_t i = 0; i < w->x->process_count; i++)
			running |= w->x->processes[i].ends && system_pid(w->rig.system, i) != 0;
		if (running)
			watch_turn(w, limit);
	}
}

static bool
phase_heal(struct watch *w)
{
	bool healed;
	int rc;

	watch_phase(w, OBSERVE_AFTER, "heal");
	observe_proxy(&w->obs, w->rig.proxy, w->rig.lines);
	rc = line_set_heal(w->rig.lines);
	end_rounds(w);
	if (rc < 0)
		watch_stop(w, JUDGE_BROKEN, "a line cannot be healed: %s", strerror(-rc));
	healed = watch_going(w) && await_healed(w);
	await_ends(w);
	return healed;
}

static void
phase_final_reads(struct conduct *c)
{
	struct watch *w = &c->w;
	int rc;

	if (w->load == NULL)
		return;
	c->full_logs = load_full(w->load);
	if (!watch_going(w) || c->x->load.type != EXPERIMENT_REDIS || !c->x->load.final_reads)
		return;
	watch_phase(w, OBSERVE_AFTER, "reads");
	rc = load_final(w->load, w->rig.signal_fd);
	watch_turn(w, 0);
	if (rc < 0 && rc != -ECANCELED)
		watch_stop(w, JUDGE_BROKEN, "the last reads: %s", strerror(-rc));
}

/* ---- stop: processes end in the reverse order of their start; each has its grace ---- */

static void
phase_stop(struct watch *w)
{
	watch_phase(w, OBSERVE_AFTER, "stop");
	for (uint32_t n = w->x->process_count; n > 0; n--) {
		const uint32_t i = n - 1;
		system_stop(w->rig.system, i, clock_mono());
		while (system_pid(w->rig.system, i) != 0) {
			watch_turn(w, FL_NEVER);
			if (w->hurry)
				system_kill(w->rig.system, i, SIGKILL);
		}
	}
	watch_turn(w, 0);
}

/* ---- audit ---- */

/* The clients' history, or the requests that were kept. */
static int
write_history(struct conduct *c)
{
	struct watch *w = &c->w;
	uint32_t count;
	struct oplog *const *logs = load_logs(w->load, &count);
	int write_err = 0, rc;

	if (logs == NULL)
		return 0;
	rc = auditor_new(logs, count, w->x->load.prefix, rundir_file(&w->rig.dir, "history.jsonl"), &write_err, &c->kept->auditor);
	if (write_err != 0)
		watch_write_failed(w, "history.jsonl", write_err);
	return rc;
}

static void
write_samples(struct conduct *c)
{
	struct watch *w = &c->w;
	struct buf b;
	int rc;

	if (c->x->load.type != EXPERIMENT_HTTP)
		return;
	buf_init(&b, SAMPLES_BYTES_MAX);
	rc = load_put_samples(w->load, &b);
	if (rc == 0)
		rc = rundir_write(&w->rig.dir, "requests.jsonl", buf_str(&b), buf_len(&b));
	if (rc < 0)
		watch_write_failed(w, "requests.jsonl", rc);
	buf_fini(&b);
}

/* Those that are commands. 0, -ECANCELED, -errno. */
static int
run_audits(struct conduct *c)
{
	struct watch *w = &c->w;
	const struct audit_tell_clock clock = { .epoch = w->epoch, .wall = c->wall, .length = clock_mono() - w->epoch };
	int rc = 0;

	for (uint32_t i = 0; i < c->x->audit_count && rc == 0; i++) {
		struct result_audit *a = &c->audits[i];

		rc = audit_job_run(&w->rig, i, &clock, &w->mem, a);
		c->audits_done += rc == 0;
		c->load.ok += c->x->load.type == EXPERIMENT_PROGRAM && rc == 0 && i == 0 ? a->ok : 0;
		c->load.fail += c->x->load.type == EXPERIMENT_PROGRAM && rc == 0 && i == 0 ? a->fail : 0;
		c->load.info += c->x->load.type == EXPERIMENT_PROGRAM && rc == 0 && i == 0 ? a->info : 0;
	}
	return rc;
}

static void
phase_audit(struct conduct *c)
{
	struct watch *w = &c->w;
	int rc;

	if (w->load == NULL)
		return;
	watch_phase(w, OBSERVE_AFTER, "audit");
	watch_turn(w, 0);
	rc = load_result(w->load, &w->mem, &c->load);
	if (rc == 0)
		rc = write_history(c);
	if (rc == 0 && w->x->has_audit)
		rc = auditor_check(c->kept->auditor, w->rig.signal_fd, &c->audit);
	write_samples(c);
	if (rc == 0 && watch_going(w))
		rc = run_audits(c);
	watch_signals(w);
	if (rc < 0 && rc != -ECANCELED)
		watch_stop(w, JUDGE_BROKEN, "the audit: %s", strerror(-rc));
}

/* ---- the result ---- */

/* The audits outlive the conductor. */
static int
keep_audits(struct conduct *c, struct run_result *r)
{
	struct result_audit *audits = arena_alloc(&c->w.mem, (r->audit_count + 1) * sizeof(*audits));

	if (audits == NULL)
		return -ENOMEM;
	memcpy(audits, c->audits, r->audit_count * sizeof(*audits));
	r->audits = audits;
	return audit_job_explain(r, audits, &c->w.mem);
}

static int
fill_result(struct conduct *c, struct run_result *r)
{
	struct watch *w = &c->w;
	struct judge_case jc = {
		.x = c->x, .obs = &w->obs, .probes = w->rig.probes, .stop = w->stop, .why = w->why, .after_ran = c->after_ran,
		.crash_count = w->crash_count, .audit = c->audit, .full_logs = c->full_logs, .audits = c->audits, .audit_count = c->audits_done,
	};
	int rc;

	*r = (struct run_result){
		.name = c->x->name, .variant = c->opts->variant, .description = c->x->description, .experiment_path = c->opts->path,
		.run_dir = arena_strdup(&w->mem, w->rig.dir.path),
		.command = c->opts->command, .seed = c->opts->seed, .start_wall_ns = c->wall, .duration_ns = clock_mono() - w->epoch,
		.load = c->load,
	};
	memcpy(jc.crashes, w->crashes, sizeof(jc.crashes));
	rc = w->counters == NULL ? 0 : counter_result(w->counters, &w->mem, r);
	if (rc == 0)
		rc = judge_fill(&jc, &w->mem, r);
	if (rc == 0)
		rc = publish_describe(c->x, &w->rig, &w->mem, r);
	return rc < 0 ? rc : keep_audits(c, r);
}

static void
judge_and_publish(struct conduct *c, struct conduct_outcome *ret)
{
	struct watch *w = &c->w;
	struct run_result *r = &c->kept->result;
	int rc;

	if (append_flush(&w->obs.events) < 0)
		watch_write_failed(w, "events.jsonl", w->obs.events.err);
	rc = fill_result(c, r);
	if (rc < 0) {
		snprintf(ret->error, sizeof(ret->error), "no report: %s", strerror(-rc));
		return;
	}
	rc = publish_write(&w->rig.dir, r, ret->error, sizeof(ret->error));
	if (w->write_failed)
		snprintf(ret->error, sizeof(ret->error), "%s", w->why);
	if (rc < 0 || w->write_failed)
		r->exit_code = 4;
	ret->exit_code = r->exit_code;
	ret->result = r;
	publish_say(r, c->opts->colour, c->opts->columns, &ret->text, &ret->json);
}

static void
run_phases(struct conduct *c)
{
	struct watch *w = &c->w;

	phase_system(w);
	if (watch_going(w))
		phase_before(w);
	if (watch_going(w))
		phase_load(w, c->opts->seed);
	c->after_ran = phase_heal(w);
	if (w->counters != NULL)
		counter_stop(w->counters);
	phase_final_reads(c);
	phase_stop(w);
	phase_audit(c);
}

/* Programs of the run that keep a history have its clock: the processes inherit this. */
static void
tell_epoch(struct watch *w)
{
	char text[32];

	w->epoch = clock_mono();
	snprintf(text, sizeof(text), "%" PRId64, w->epoch);
	(void)setenv("FAULTLINE_EPOCH_NS", text, 1);
}

static int
set_up(struct conduct *c, struct conduct_outcome *ret)
{
	const struct conduct_opts *o = c->opts;
	struct rig_opts ro = { .x = o->x, .runs_dir = o->runs_dir, .dir_name = o->dir_name, .here = o->here, .seed = o->seed, .wall_ns = c->wall };
	struct watch *w = &c->w;
	char error[RIG_ERROR_MAX] = "";
	int rc;

	tell_epoch(w);
	rc = rig_up(&w->rig, &ro, error);
	if (w->rig.dir.path != NULL)
		snprintf(ret->run_dir, sizeof(ret->run_dir), "%s", w->rig.dir.path);
	if (rc < 0) {
		snprintf(ret->error, sizeof(ret->error), "%s", error);
		return rc;
	}
	rc = publish_start(&w->rig.dir, o, o->x->name, o->variant, c->wall);
	if (rc == 0)
		rc = watch_init(w, o->verbose);
	if (rc < 0)
		snprintf(ret->error, sizeof(ret->error), "%.600s cannot be written: %s", w->rig.dir.path, strerror(-rc));
	return rc;
}

static void
kept_free(struct conduct_kept *k)
{
	if (k == NULL)
		return;
	load_free(k->load);
	auditor_free(k->auditor);
	arena_fini(&k->mem);
	free(k);
}

void
conduct(const struct conduct_opts *opts, struct conduct_outcome *ret)
{
	struct conduct *c = calloc(1, sizeof(*c));
	struct conduct_kept *kept = calloc(1, sizeof(*kept));

	fl_assert(c != NULL && kept != NULL);
	*ret = (struct conduct_outcome){ .exit_code = 4, .kept = kept };
	buf_init(&ret->text, 1u << 20);
	buf_init(&ret->json, 64u << 20);
	c->opts = opts;
	c->x = c->w.x = opts->x;
	c->kept = kept;
	c->wall = clock_wall();
	arena_init(&c->w.mem, MEM_BYTES_MAX);
	progress_init(&c->w.progress, opts->quiet || opts->verbose);
	if (set_up(c, ret) == 0) {
		run_phases(c);
		ret->by_signal = c->w.stop == JUDGE_SIGNAL;
		progress_clear(&c->w.progress);
		judge_and_publish(c, ret);
	}
	/* The result goes on living: what it points to changes hands. */
	kept->load = c->w.load;
	c->w.load = NULL;
	watch_fini(&c->w);
	rig_down(&c->w.rig, opts->keep);
	kept->mem = c->w.mem;
	free(c);
}

void
conduct_fini(struct conduct_outcome *o)
{
	buf_fini(&o->text);
	buf_fini(&o->json);
	kept_free(o->kept);
	o->kept = NULL;
	o->result = NULL;
}
