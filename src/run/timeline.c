/* SPDX-License-Identifier: MIT */
/* timeline.c - expand repetitions and sort. */
#include "run/timeline.h"

#include <errno.h>
#include <stdlib.h>

static int
step_order(const void *pa, const void *pb)
{
	const struct timeline_step *a = pa, *b = pb;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->on != b->on)
		return a->on ? 1 : -1;
	if (a->fault != b->fault)
		return a->fault < b->fault ? -1 : 1;
	return a->round < b->round ? -1 : a->round > b->round;
}

int
timeline_new(const struct experiment *x, struct timeline_step **ret_steps, uint32_t *ret_count)
{
	struct timeline_step *steps;
	size_t max = 0, n = 0;

	for (uint32_t i = 0; i < x->fault_count; i++)
		max += 2 * (size_t)x->faults[i].times;
	steps = malloc((max + 1) * sizeof(*steps));
	if (steps == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->fault_count; i++) {
		const struct experiment_fault *f = &x->faults[i];
		for (uint32_t round = 0; round < f->times; round++) {
			fl_ns at = f->at + (fl_ns)round * f->every;
			if (at < x->duration)
				steps[n++] = (struct timeline_step){ .at = at, .fault = i, .round = round, .on = true };
			if (f->length > 0 && at + f->length < x->duration)
				steps[n++] = (struct timeline_step){ .at = at + f->length, .fault = i, .round = round };
		}
	}
	qsort(steps, n, sizeof(*steps), step_order);
	*ret_steps = steps;
	*ret_count = (uint32_t)n;
	return 0;
}
