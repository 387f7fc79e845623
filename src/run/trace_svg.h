/* SPDX-License-Identifier: MIT */
/*
 * trace_svg.h - calls drawn as a space-time diagram (Lamport 1978): a lifeline a service, time going down, messages as arrows; what was
 * lost, changed, copied or broken is red, and the faults that hit it stand at its arrow. Pure.
 *
 * Rows are the events in their order, one step each: how long something took is said at the margin, not drawn to scale.
 */
#ifndef RUN_TRACE_SVG_H
#define RUN_TRACE_SVG_H

#include "audit/lineage.h"
#include "base/buf.h"

#define TRACE_SVG_CALLS_MAX 200u        /* drawn; more are counted only */
#define TRACE_SVG_SERVICES_MAX 16u      /* lifelines; what is beyond shares the last */

/*
 * trace_svg - append an <svg> that stands alone.
 * calls     n of them, of trees; mark: the one that was asked for, or LINEAGE_NONE
 */
void trace_svg(const struct lineage *l, const uint32_t *calls, uint32_t n, uint32_t mark, const char *title, struct buf *out);

#endif
