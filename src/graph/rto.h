/* SPDX-License-Identifier: MIT */
/*
 * rto.h - recovery time objectives: how long each start takes, who is back in time, which promises contradict each other, what to speed up
 *
 * 1. A plan without bounds on hands is the fastest there is. So an objective that it misses cannot be met at all with these durations.
 * 2. A promise earlier than that of what it needs cannot be kept whatever the durations, even if everybody else keeps theirs to the minute:
 *    that needs no durations to be known.
 */
#ifndef GRAPH_RTO_H
#define GRAPH_RTO_H

#include "graph/schedule.h"

/* Where a duration comes from, the most trusted last: what was measured outranks what was said. */
enum rto_origin { RTO_ASSUMED, RTO_PROBE, RTO_DECLARED, RTO_HISTORY, RTO_DRILL };
struct rto_duration {
	fl_ns recover;                  /* to plan with: three quarters of all times where that is known */
	fl_ns p50, p75;                 /* equal where only one number is known */
	enum rto_origin origin;
};
/* "assumed", "probe", ... */
const char *rto_origin_word(enum rto_origin o);

/*
 * rto_durations - of every node, from its facts "recover.p75", "recover.p50", "recover" of the sources "drill", then "history", then of any
 * other, then "recover.probe". fallback: of those of which nobody says (users and externals: no time, we do not start them).
 * ret          room for all nodes; ret_recover: the same as plan.h wants it, or NULL
 */
void rto_durations(const struct estate *e, fl_ns fallback, struct rto_duration *ret, fl_ns *ret_recover);

enum rto_verdict {
	RTO_MET,
	RTO_MISSED_CREWS,               /* met with enough hands, not with these */
	RTO_MISSED,                     /* (1) */
	RTO_NEVER,                      /* it does not come up at all */
};
const char *rto_verdict_word(enum rto_verdict v);
struct rto_row {
	uint32_t node;
	enum rto_verdict verdict;
	fl_ns rto, end;                 /* end: with the crews where there is a schedule */
	fl_ns margin;                   /* rto - end; FL_NEVER where there is no end */
};
/*
 * rto_verdicts - of all nodes with an objective that are chosen or never come up; the worst first: by verdict, then margin.
 * serve, crews     by node, when it serves (serving.h), with as many hands as can be used and with those there are; crews NULL: no bound
 * returns          how many there are; at most max are written
 */
uint32_t rto_verdicts(const struct estate *e, const struct plan *p, const fl_ns *serve, const fl_ns *crews, struct rto_row *ret, uint32_t max);

struct rto_inversion {
	uint32_t node, need;            /* NODE promises what it cannot keep because of NEED, which it needs directly or through others */
	uint32_t group;                 /* of the needs, or NEEDS_NONE: the first step of the way is a group */
	fl_ns rto, promise;             /* rto < promise */
};
/* (2); by node. Through nodes that promise nothing the promises behind them count. returns how many there are, at most max are written, or
 * -ENOMEM (of scratch). */
int64_t rto_inversions(const struct estate *e, const struct needs *n, struct arena *scratch, struct rto_inversion *ret, uint32_t max);

struct rto_gain {
	uint32_t node;
	fl_ns gain;                     /* how much earlier the last target is up when this one takes no time */
	fl_ns gain_half;                /* when it takes half of its time */
	uint32_t fixed;                 /* objectives that are met then (no time) and are not now */
};
/*
 * rto_gains - which speed-up helps most: of those without slack that take time, at most `tries` with the longest times. The largest gain first.
 * p            after plan_run() of q; its times are as they were when this returns, its choice is untouched
 * scratch_recover  room for all nodes
 * ret          room for `tries`; returns how many
 */
uint32_t rto_gains(const struct estate *e, struct plan *p, const struct plan_question *q, fl_ns *scratch_recover, uint32_t tries,
    struct rto_gain *ret);

struct rto_chances {
	uint32_t runs;
	fl_ns p50, p90, worst;          /* of the makespan */
	uint32_t *critical;             /* by node: in how many runs it was on the longest chain */
	uint32_t *met;                  /* by node with an objective: in how many runs it was met */
};
/*
 * rto_simulate - the plan with durations drawn: log-normal ones with this p50 and p75. A number is a function of seed, run and node.
 * runs         1 .. 100,000
 * returns 0, -EINVAL, -ENOMEM. p is left with the times of q. O(runs * m log n).
 */
int rto_simulate(const struct estate *e, struct plan *p, const struct plan_question *q, const struct rto_duration *d, uint64_t seed,
    uint32_t runs, struct arena *keep, struct arena *scratch, struct rto_chances *ret);

#endif
