/* SPDX-License-Identifier: MIT */
/* model_set.h - sets: with removal, and those that only grow. */
#ifndef AUDIT_MODEL_SET_H
#define AUDIT_MODEL_SET_H

#include "audit/model.h"

/* a: the element. b of an add, a remove or a look: MODEL_SET_ANY, or what it returned, 0 or 1. */
enum { MODEL_SET_ADD, MODEL_SET_REMOVE, MODEL_SET_HAS, MODEL_SET_READ };
#define MODEL_SET_ANY 2

extern const struct model model_set_any, model_set_grow;

#endif
