/* SPDX-License-Identifier: MIT */
/* ruling_svg.h - the contradictions of a ruling as a drawing: a row for each client, a bar for each operation. */
#ifndef AUDIT_RULING_SVG_H
#define AUDIT_RULING_SVG_H

#include "audit/ruling.h"

/* One SVG document, one band for each contradiction; the operation that cannot be is marked. */
void ruling_svg(const struct ruling *r, struct buf *out);

#endif
