/* SPDX-License-Identifier: MIT */
/*
 * model_pile.h - objects that things are put on and taken off: queues, stacks, priority queues.
 *
 * A take that returned nothing (null) saw the pile empty. A take with unknown outcome may have taken whatever was next.
 */
#ifndef AUDIT_MODEL_PILE_H
#define AUDIT_MODEL_PILE_H

#include "audit/model.h"

/* a: the value's number. b: its priority, where there are priorities. */
enum { MODEL_PILE_ADD, MODEL_PILE_TAKE, MODEL_PILE_EMPTY, MODEL_PILE_DRAIN };

extern const struct model model_pile_queue, model_pile_stack, model_pile_priority, model_pile_max_priority;
extern const struct model model_pile_bag, model_pile_total, model_pile_exactly, model_pile_at_most;

#endif
