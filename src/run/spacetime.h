/* SPDX-License-Identifier: MIT */
/*
 * spacetime.h - the contradicting operations as a picture: a lane for each client, a box from call to answer, the operation that
 * has no place marked, and what happened to the system meanwhile as vertical lines. Pure.
 *
 * Time runs to the right but not to scale: operations of a millisecond stand seconds apart. Order is exact.
 */
#ifndef RUN_SPACETIME_H
#define RUN_SPACETIME_H

#include "run/result.h"

#define SPACETIME_OPS_MAX 60            /* drawn of one contradiction; the table has them all */

/* SVG for a page so wide. Lack of room shows in out's overflowed. */
void spacetime_svg(const struct run_result *r, const struct verdict_evidence *e, double width, struct buf *out);

#endif
