/* SPDX-License-Identifier: MIT */
/* graph_plan.h - answers to "in which order, and how long": recovery, objectives, deadlocks, shutdown. */
#ifndef MAP_GRAPH_PLAN_H
#define MAP_GRAPH_PLAN_H

#include "graph/plan.h"
#include "graph/rto.h"
#include "graph/schedule.h"
#include "map/graph_map.h"

graph_fn graph_plan;

/* A plan at hand, for who conducts it. */
struct graph_planned {
	struct graph_map m;
	struct needs *n;                /* to start */
	struct needs *runtime;          /* to run */
	fl_ns *serve, *crew_serve;      /* by node; with crews */
	struct plan p;
	struct plan_question q;
	struct rto_duration *durations;
	fl_ns *recover;
	struct schedule s;              /* crews 0: none */
	bool has_schedule;
};
/* As the words and options ask for it. 0, or -errno with r->error. graph_planned_free() it in any case (NULL is fine). */
int graph_planned_new(struct graph_ask *a, struct graph_reply *r, struct graph_planned **ret);
void graph_planned_free(struct graph_planned *g);

#endif
