/* SPDX-License-Identifier: MIT */
/* page_contrast.h - the variants of an experiment side by side, as one self-contained HTML file. Pure. */
#ifndef RUN_PAGE_CONTRAST_H
#define RUN_PAGE_CONTRAST_H

#include "run/contrast.h"

/* 0, or -ENOBUFS when out is full. */
int page_contrast(const struct contrast *c, struct buf *out);

#endif
