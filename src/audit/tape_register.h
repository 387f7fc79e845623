/* SPDX-License-Identifier: MIT */
/* tape_register.h - the operations of a tape on registers, checked by register.h; what it says, told of the tape. */
#ifndef AUDIT_TAPE_REGISTER_H
#define AUDIT_TAPE_REGISTER_H

#include "audit/checker.h"
#include "audit/deeds.h"

/* All objects at once. 0, -ENOMEM, or -EINVAL (deeds->error, deeds->line). */
int tape_register_check(struct deeds *d, const struct checker_options *opt, struct ruling *ret);

#endif
