/* SPDX-License-Identifier: MIT */
/* model_many.h - several registers that are read and written together, as one object. */
#ifndef AUDIT_MODEL_MANY_H
#define AUDIT_MODEL_MANY_H

#include "audit/model.h"

/* The list of a call: what it does to each key in turn, as 0 (read) or 1 (write), key, value. */
extern const struct model model_many_register;

struct model_many_micro {
	bool write;
	struct tape_value key, value;
};
/* The i-th thing that an operation does, reads as they were answered. false: there is none, or it is not understood. */
bool model_many_get(const struct tape *t, const struct model_deed *d, uint32_t i, struct model_many_micro *ret);

#endif
