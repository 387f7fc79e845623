/* SPDX-License-Identifier: MIT */
/* model_basic.h - counters, locks, generators of identities. */
#ifndef AUDIT_MODEL_BASIC_H
#define AUDIT_MODEL_BASIC_H

#include "audit/model.h"

extern const struct model model_basic_counter, model_basic_mutex, model_basic_owner_mutex, model_basic_fenced, model_basic_unique;

#endif
