/* SPDX-License-Identifier: MIT */
/*
 * origin.h - do the registers of a history begin as nil, or as 0?
 *
 * As 0, when at least two operations see a 0 in one before anybody tried to put it there, and nobody ever sees or puts a nil; a single
 * one is rather damage. That 0 has no other explanation, and where it comes too late for this one, the history is refuted all the same.
 */
#ifndef AUDIT_ORIGIN_H
#define AUDIT_ORIGIN_H

#include "audit/deeds.h"

bool origin_is_of(const struct model *m);
/* Of models that are not of registers: false. 0 or -ENOMEM; operations that do not fit the model are passed over. */
int origin_is_zero(struct deeds *d, bool *ret);

#endif
