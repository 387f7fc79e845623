/* SPDX-License-Identifier: MIT */
/* exp_fault.h - reads the timeline of an experiment: faults on lines and on processes. */
#ifndef RUN_EXP_FAULT_H
#define RUN_EXP_FAULT_H

#include "run/exp_field.h"

/* The list under `faults`. Lines, processes and the duration are known already. */
void exp_fault_list(struct exp_reader *r, const struct doc_node *root);

#endif
