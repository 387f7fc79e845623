/* SPDX-License-Identifier: MIT */
/* exp_load.h - reads the load of an experiment and how it is judged: expect, audit, abort_if. */
#ifndef RUN_EXP_LOAD_H
#define RUN_EXP_LOAD_H

#include "run/exp_field.h"

/* `load` and `duration`. Lines are known already. */
void exp_load_read(struct exp_reader *r, const struct doc_node *root);
/* `audit`, `expect`, `abort_if` and `heal_within`. Probes and processes are known already. */
void exp_load_judges(struct exp_reader *r, const struct doc_node *root);

#endif
