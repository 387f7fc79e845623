/* SPDX-License-Identifier: MIT */
/* model_register.h - registers and stores of keys and values; each key is an object of its own. */
#ifndef AUDIT_MODEL_REGISTER_H
#define AUDIT_MODEL_REGISTER_H

#include "audit/model.h"

/* a: the value, or what a cas expects; b: what a cas sets. REFUSED: a cas that failed because another value was there. */
enum { MODEL_REGISTER_READ, MODEL_REGISTER_WRITE, MODEL_REGISTER_CAS, MODEL_REGISTER_DELETE, MODEL_REGISTER_APPEND, MODEL_REGISTER_REFUSED };

extern const struct model model_register_plain, model_register_cas, model_register_keys;

/* Is this the error of a cas that failed because another value was there? */
bool model_register_mismatch(const struct tape *t, const struct tape_op *op);

/*
 * k-atomic: a read may return any of the last k values. self is the number k (uint32_t); the state is the last k values, oldest
 * first. Only reads and writes (and deletes).
 */
frontier_step_fn model_register_stale_step;

#endif
