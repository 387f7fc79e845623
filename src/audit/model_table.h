/* SPDX-License-Identifier: MIT */
/*
 * model_table.h - a model as a table of transitions: for objects with a few states.
 *
 *      model: door
 *      start: closed
 *      transitions:
 *        - { from: closed, f: open, to: open }
 *        - { from: open, f: close, to: closed }
 *        - { from: open, f: look, result: true }
 *
 * A row says that in a state (any: in every one) an operation f that is invoked with `value` and returns `result` is legal and leads
 * to a state (none: the same). What a row does not name may be anything. Where several rows fit, each may be what happened: the
 * state of a search is the set of states the object can be in, so that neither this nor an unknown result is guessed.
 */
#ifndef AUDIT_MODEL_TABLE_H
#define AUDIT_MODEL_TABLE_H

#include "audit/model.h"
#include "proto/doc.h"

#define MODEL_TABLE_STATES_MAX 1024
#define MODEL_TABLE_ROWS_MAX 20000

struct model_table;

/*
 * model_table_read - the table of a document. Its values become values of the tape, which must be the one that is checked.
 * returns    0; -EINVAL it is no such table, d says why; -ENOMEM
 */
int model_table_read(const struct doc_node *root, struct tape *t, struct doc_diag *d, struct model_table **ret);
void model_table_free(struct model_table *m);                   /* NULL is fine */
const struct model *model_table_model(const struct model_table *m);

#endif
