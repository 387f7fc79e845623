/* SPDX-License-Identifier: MIT */
/* span_tell.h - turns what the engine of spans.h found into sightings, with names. */
#ifndef GRAPH_SPAN_TELL_H
#define GRAPH_SPAN_TELL_H

#include "graph/span_state.h"

int span_tell_init(struct spans *s);    /* 0 or -ENOMEM */
void span_tell_fini(struct spans *s);
/* All that was not told yet, in an order that does not depend on how it came. 0, or what tell() returned. */
int span_tell(struct spans *s);
void span_tell_done(struct spans *s);

#endif
