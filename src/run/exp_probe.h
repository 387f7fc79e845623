/* SPDX-License-Identifier: MIT */
/* exp_probe.h - reads probes and the processes of a system from an experiment. */
#ifndef RUN_EXP_PROBE_H
#define RUN_EXP_PROBE_H

#include "run/exp_field.h"

/* The list under `probes`. Names of lines and processes are known already; probe_names are filled in here. */
void exp_probe_list(struct exp_reader *r, const struct doc_node *root);
/* One probe that tells when process p is ready; *ret_within: how long that may take. NULL after a complaint. */
const struct experiment_probe *exp_probe_ready(struct exp_reader *r, const struct doc_node *n, const char *process, fl_ns *ret_within);

#endif
