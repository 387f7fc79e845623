/* SPDX-License-Identifier: MIT */
/*
 * graph_runbook.h - a plan as a runbook: its steps with what the facts of the services say about how to bring them up
 *
 * Facts of a service: recover.command, recover.check (after), recover.precheck (before), recover.manual, recover.timeout, recover.note.
 * A step without command and without manual work is only checked. Durations of drills are kept as facts of the source "drill".
 */
#ifndef MAP_GRAPH_RUNBOOK_H
#define MAP_GRAPH_RUNBOOK_H

#include "map/graph_plan.h"
#include "map/runbook.h"

struct graph_runbook {
	struct graph_planned *plan;
	struct runbook_step *steps;
	struct runbook_item *items;
	uint32_t *nodes;                /* by step */
	uint32_t count;
	struct runbook book;
};

/* 0, or -errno with r->error: also when something would never start. graph_runbook_fini() it in any case. */
int graph_runbook_init(struct graph_runbook *b, struct graph_ask *a, struct graph_reply *r);
void graph_runbook_fini(struct graph_runbook *b);

/* A drill took so long for a step: median and three quarters of the last ten become facts. Its own batch. 0 or -errno. */
int graph_runbook_drilled(struct graph_runbook *b, struct past *p, int64_t now, uint32_t step, fl_ns took);

#endif
