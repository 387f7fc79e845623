/* SPDX-License-Identifier: MIT */
/* exp_system.h - reads the processes and lines of an experiment. */
#ifndef RUN_EXP_SYSTEM_H
#define RUN_EXP_SYSTEM_H

#include "run/exp_field.h"

/* The names first, so that everything can refer to everything. */
void exp_system_names(struct exp_reader *r, const struct doc_node *root);
/* The lists under `lines` and `system`. */
void exp_system_read(struct exp_reader *r, const struct doc_node *root);
/* The program that is the load, as one more process called "load"; after exp_system_read(). returns its index. */
uint32_t exp_system_load(struct exp_reader *r, const struct doc_node *load);

#endif
