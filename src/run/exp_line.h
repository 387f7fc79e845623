/* SPDX-License-Identifier: MIT */
/* exp_line.h - reads a line of an experiment: of connections, or with protocol: http as in faultline.yaml. */
#ifndef RUN_EXP_LINE_H
#define RUN_EXP_LINE_H

#include "run/exp_field.h"
#include "conf/http_doc.h"
#include "run/subst.h"

void exp_line_read(struct exp_reader *r, const struct doc_node *map, struct experiment_line *l);
/*
 * exp_line_http - the HTTP line again, with everything filled in.
 * values     ports, dir, here
 * beside     the experiment's file: files that the line names are looked for there
 * returns    0; -EINVAL with the complaint in d; -ENOMEM. http_doc_free() the result
 */
int exp_line_http(const struct experiment_line *l, const struct subst_values *values, const char *beside, struct doc_diag *d,
    struct http_doc **ret_doc);

#endif
