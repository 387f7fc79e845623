/* SPDX-License-Identifier: MIT */
/* ruling_ends.h - adds to each contradiction of a ruling the longest orders that fit, and why none goes on (ends.h). */
#ifndef AUDIT_RULING_ENDS_H
#define AUDIT_RULING_ENDS_H

#include "audit/deeds.h"
#include "audit/ruling.h"

/* self is for the model's step. 0 or -ENOMEM. */
int ruling_ends_add(struct ruling *r, struct deeds *d, struct values *values, const void *self);

#endif
