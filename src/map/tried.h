/* SPDX-License-Identifier: MIT */
/*
 * tried.h - what the report of a run says of the lines it disturbed, as facts of the map (graph/coverage.h)
 *
 * A fault on a line that landed is one trial. What came of it:
 *      survived        the run held, and no more requests failed while the fault was there, or right after it, than before
 *      healed          the run held; more failed, and in the end no more than before
 *      broke           something was found while it was there, or after it with no other in between, or nobody can say when
 * Nothing is told where none of these is so: a run that was stopped or could not be judged, a fault beside which something else broke, one
 * from which the load was not seen to recover. Of several trials of one kind on one line the worst counts.
 *
 * The line is FROM -> TO as `trace:` of the experiment's line says; else the caller is "client", and what is called has the line's name.
 */
#ifndef MAP_TRIED_H
#define MAP_TRIED_H

#include "graph/sight.h"

#include <stddef.h>

#define TRIED_ERROR 512
#define TRIED_SOURCE "run"

struct tried_counts {
	uint32_t facts;
	uint32_t untold;                /* kinds of faults on lines of which nothing can be told */
};

/*
 * tried_text - tell what the n bytes of a report.json come to. name: of the file, for errors.
 * returns   0; -EINVAL it is no report of one run, -E2BIG, -ENOMEM: error (TRIED_ERROR bytes) says why; or what take() said, error empty
 */
int tried_text(const char *name, const char *text, size_t n, sight_fn *take, void *arg, char *error, struct tried_counts *ret);

#endif
