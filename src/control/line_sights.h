/* SPDX-License-Identifier: MIT */
/*
 * line_sights.h - what the daemon's own lines say of the map: who called whom, how often, with what outcome. Source "proxied".
 *
 * A TCP line is a line to the service of its name, at its upstream's address. An HTTP line is an intermediary (`through`): its callers call
 * it, and it calls its clusters. Callers are known by address; "?NAME" stands for those of line NAME that nobody named.
 *
 * Numbers are of the time since the last call, so that whoever adds them up counts nothing twice. One thread: the control loop.
 */
#ifndef CONTROL_LINE_SIGHTS_H
#define CONTROL_LINE_SIGHTS_H

#include "control/lines.h"
#include "graph/sight.h"

struct line_sights {
	struct map past;                /* what was told of each line */
	int64_t last;                   /* ns since 1970, of the last call */
};

void line_sights_init(struct line_sights *s, int64_t now);
void line_sights_fini(struct line_sights *s);
/*
 * line_sights_tell - walk the lines. now: ns since 1970
 * returns  0, -ENOMEM, or what take returned
 */
int line_sights_tell(struct line_sights *s, struct lines *t, int64_t now, sight_fn *take, void *arg);

#endif
