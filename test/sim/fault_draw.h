/* SPDX-License-Identifier: MIT */
/* fault_draw.h - random faults that pass spec_check(). */
#ifndef SIM_FAULT_DRAW_H
#define SIM_FAULT_DRAW_H

#include "fault/spec.h"
#include "swarm.h"

/* A fault of a kind in play; id, version, name, key and since are the caller's. */
void fault_draw(const struct swarm *s, struct rnd *r, struct fault_spec *ret_f);
/* New attributes and toxicity for a fault; kind, direction, scope and lease stay. */
void fault_redraw(const struct swarm *s, struct rnd *r, struct fault_spec *f);

/* What it is, on stderr. */
void fault_print(const struct fault_spec *f);

#endif
