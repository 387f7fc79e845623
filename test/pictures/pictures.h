/* SPDX-License-Identifier: MIT */
/* pictures.h - which pictures there are. */
#ifndef PICTURES_H
#define PICTURES_H

#include "base/buf.h"

/* The name of picture i, "breaker.svg", good until the next is asked for; NULL: there are no more. */
const char *pictures_name(unsigned i);
/* Runs what it shows, and appends it. The same bytes each time. */
void pictures_draw(unsigned i, struct buf *out);

#endif
