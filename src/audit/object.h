/* SPDX-License-Identifier: MIT */
/* object.h - is one object what its model says? And if not, which few of its calls show it? */
#ifndef AUDIT_OBJECT_H
#define AUDIT_OBJECT_H

#include "audit/model.h"

struct object_ask {
	const struct model *model;
	frontier_step_fn *step;         /* instead of the model's; NULL: the model's, with its monitor */
	const void *self;               /* for the step */
	bool depth_first;               /* only by depth.h */
	bool sequential;                /* the order of processes counts, real time does not */
};

enum object_answer { OBJECT_LEGAL, OBJECT_ILLEGAL, OBJECT_SPENT, OBJECT_NO_MEMORY, OBJECT_GUESSED };

struct object_result {
	enum object_answer answer;
	const char *say;                /* what is wrong, where a monitor said so; else NULL */
	uint32_t *calls;                /* ILLEGAL: those that contradict each other, in order; free() them */
	uint32_t call_count, culprit;   /* culprit: into calls */
	bool minimal;
	uint32_t *order;                /* the longest legal order of some of these before the culprit, as calls; free() it */
	uint32_t order_count;
	uint32_t at, pending;           /* SPENT and NO_MEMORY: the call the search was at, and how many were pending then */
};

/*
 * object_check - decide.
 * budget     for the decision; counts down
 * minimise   for making a contradiction small; counts down
 */
void object_check(const struct object_ask *ask, const struct calls *calls, struct frontier_budget *budget, struct frontier_budget *minimise,
		  struct object_result *ret);
void object_fini(struct object_result *r);

#endif
