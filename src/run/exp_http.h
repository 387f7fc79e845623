/* SPDX-License-Identifier: MIT */
/* exp_http.h - reads the HTTP load of an experiment. */
#ifndef RUN_EXP_HTTP_H
#define RUN_EXP_HTTP_H

#include "run/exp_field.h"

/* The keys of a load that only an HTTP load has; line, duration and timeouts are read already. n is a map. */
void exp_http_read(struct exp_reader *r, const struct doc_node *n, struct experiment_load *l);
/* All keys of an HTTP load, NULL-terminated. */
const char *const *exp_http_keys(void);

#endif
