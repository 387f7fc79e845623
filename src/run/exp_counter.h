/* SPDX-License-Identifier: MIT */
/* exp_counter.h - reads the counters of an experiment. */
#ifndef RUN_EXP_COUNTER_H
#define RUN_EXP_COUNTER_H

#include "run/exp_field.h"

void exp_counter_list(struct exp_reader *r, const struct doc_node *root);

#endif
