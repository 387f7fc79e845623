/* SPDX-License-Identifier: MIT */
/*
 * watch.h - the eye on a run: one loop that takes everything that may happen (processes, probes, operations, events of faults,
 * signals, guards), notes it, and says when the run must end early.
 *
 * The phases of conduct.c do what is to be done and call watch_turn() to wait. The control thread alone uses it.
 */
#ifndef RUN_WATCH_H
#define RUN_WATCH_H

#include "run/counter.h"
#include "run/judge.h"
#include "run/load.h"
#include "run/progress.h"
#include "run/rig.h"

struct watch {
	const struct experiment *x;
	struct arena mem;               /* of everything the result speaks of */
	struct rig rig;
	struct observe obs;
	struct progress progress;
	bool verbose;
	fl_ns epoch;
	enum observe_phase phase;
	const char *phase_name;
	struct prober *prober;          /* of the phase; tags are probe numbers */
	struct prober *ready[EXPERIMENT_PROCESSES_MAX]; /* of processes that were started; NULL: none under way */
	fl_ns started_at[EXPERIMENT_PROCESSES_MAX];
	bool is_ready[EXPERIMENT_PROCESSES_MAX];
	struct load *load;              /* NULL: none */
	struct counters *counters;      /* NULL: none */
	uint32_t policy_marks;
	fl_ns load_start;
	fl_ns memory_next;
	enum judge_stop stop;
	char why[768];                  /* of the stop */
	bool hurry;                     /* a second signal: no grace any more */
	bool write_failed;              /* a file of the run directory */
	const char *crashes[JUDGE_CRASHES_MAX];
	uint32_t crash_count;
};

static inline bool
watch_going(const struct watch *w)
{
	return w->stop == JUDGE_RAN;
}

/* Zeroed storage in; the rig is up. 0, -ENOMEM, or why events.jsonl cannot be written. */
int watch_init(struct watch *w, bool verbose);
void watch_fini(struct watch *w);       /* all but the rig and mem; fine when half built */

/* End the run early; the first reason stays. */
void watch_stop(struct watch *w, enum judge_stop how, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A file of the run directory could not be written. */
void watch_write_failed(struct watch *w, const char *file, int err);
/* Wait for the next thing to happen, until `until` or a twentieth of a second, then look at everything. */
void watch_turn(struct watch *w, fl_ns until);
/* Look at signals alone: somebody waited elsewhere, with rig.signal_fd as the way out. */
void watch_signals(struct watch *w);

void watch_phase(struct watch *w, enum observe_phase phase, const char *name);
/* Start the probes of a phase (PROBE_BEFORE, ...); stop them, with what they still had to say. */
void watch_probes_start(struct watch *w, unsigned when);
void watch_probes_stop(struct watch *w);
/* Were all probes of the phase measured at least once? *ret_held: and did all hold the last time? */
bool watch_probes_measured(const struct watch *w, unsigned when, bool *ret_held);
/* Do all processes run that should, and are they ready? */
bool watch_all_ready(const struct watch *w);

#endif
