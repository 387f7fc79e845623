/* SPDX-License-Identifier: MIT */
/* exp_audit.h - reads how the results of an experiment's load are audited. */
#ifndef RUN_EXP_AUDIT_H
#define RUN_EXP_AUDIT_H

#include "run/exp_field.h"

/* One audit, or a list of them. The load is known already. */
void exp_audit_read(struct exp_reader *r, const struct doc_node *n);

#endif
