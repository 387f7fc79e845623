/* SPDX-License-Identifier: MIT */
/*
 * observe.h - everything that is noted while a run goes on: events.jsonl, the moments worth a line in the report, what probes
 * measured, what faults did, and whether a guard calls for the end.
 *
 * Times given are clock_mono(); what is kept is relative to epoch. The control thread alone uses it.
 */
#ifndef RUN_OBSERVE_H
#define RUN_OBSERVE_H

#include "io/append.h"
#include "run/effects.h"
#include "run/guard.h"
#include "run/line_set.h"
#include "run/prober.h"
#include "run/tally.h"
#include "run/trace_recorder.h"

#define OBSERVE_MARKS_MAX 400
#define OBSERVE_SAMPLES_MAX 2000

enum observe_phase { OBSERVE_BEFORE, OBSERVE_DURING, OBSERVE_AFTER, OBSERVE_PHASES };

/* One round of a fault as it went. */
struct observe_round {
	bool begun;
	fl_ns from, to;                 /* to FL_NEVER: not ended */
	uint64_t hits;                  /* of actions: connections cut, signals sent, ... */
};
struct observe_probe {
	uint32_t checks[OBSERVE_PHASES], held[OBSERVE_PHASES];
	bool last[OBSERVE_PHASES];      /* did the last check hold */
	uint32_t count;
	struct result_sample *samples;  /* all failures and changes, and as many others as there is room for */
	const char *worst;              /* what was seen at the last failure, or NULL */
};
struct observe {
	const struct experiment *x;
	struct arena *mem;
	fl_ns epoch;
	bool verbose;                   /* notes also go to standard error */
	struct append events;
	struct trace_recorder *trace;   /* borrowed; NULL: messages are not recorded */
	struct effects effects;
	uint64_t trace_lost;            /* calls of HTTP lines, likewise */
	uint64_t lost;                  /* events the data plane had no room for */
	uint32_t mark_count;
	struct result_mark marks[OBSERVE_MARKS_MAX];
	struct observe_round *rounds;   /* x->rounds */
	struct observe_probe *probes;   /* x->probe_count */
	struct guard guards[EXPERIMENT_GUARDS_MAX];
	struct tally tally;
};

/* mem outlives o and takes texts. 0, -ENOMEM, or why events.jsonl cannot be written. */
int observe_init(struct observe *o, const struct experiment *x, struct arena *mem, const char *events_path, fl_ns epoch);
void observe_fini(struct observe *o);   /* fine when half built */

/* A moment: in the events and, marked good or bad, in the report. */
void observe_mark(struct observe *o, fl_ns at, bool bad, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* A line in the events only. */
void observe_say(struct observe *o, fl_ns at, const char *what, const char *name, const char *text);

/* A round of a fault begins or ends; hits: what it did at once (for actions). */
void observe_round(struct observe *o, fl_ns at, uint32_t fault, uint32_t round, bool on, uint64_t hits);
/* Take what the data plane recorded. */
void observe_proxy(struct observe *o, struct proxy *p, const struct line_set *l);
/* Take what the clients did since the last time. */
void observe_ops(struct observe *o, struct oplog *const *logs, uint32_t count);
void observe_slot(struct observe *o, const struct load_live_slot *s);
void observe_probe(struct observe *o, uint32_t probe, enum observe_phase phase, const struct prober_result *r);
/* Must the run be aborted? why: 160 bytes. */
bool observe_tripped(const struct observe *o, fl_ns now, char *why);
/* Names of the faults that are on now, with commas. Returns buf. */
char *observe_active(const struct observe *o, char *buf, size_t buf_bytes);

#endif
