/* SPDX-License-Identifier: MIT */
/* model_list.h - a list for each key that is appended to and read. */
#ifndef AUDIT_MODEL_LIST_H
#define AUDIT_MODEL_LIST_H

#include "audit/model.h"

/* a: the element. */
enum { MODEL_LIST_APPEND, MODEL_LIST_READ };

extern const struct model model_list_append;

#endif
