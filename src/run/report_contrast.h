/* SPDX-License-Identifier: MIT */
/* report_contrast.h - the variants of an experiment side by side, for programs, test runners and terminals. Pure. */
#ifndef RUN_REPORT_CONTRAST_H
#define RUN_REPORT_CONTRAST_H

#include "run/contrast.h"

/* All return 0, or -ENOBUFS when out is full. */
int report_contrast_json(const struct contrast *c, struct buf *out);
int report_contrast_junit(const struct contrast *c, struct buf *out);
int report_contrast_text(const struct contrast *c, bool colour, struct buf *out);

#endif
