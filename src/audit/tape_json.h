/* SPDX-License-Identifier: MIT */
/* tape_json.h - one event of a history from JSON. */
#ifndef AUDIT_TAPE_JSON_H
#define AUDIT_TAPE_JSON_H

#include "audit/tape_lex.h"

/* Skip white space, counting lines. */
void tape_json_space(struct tape_lex *l);
/* The object at l->p, which is '{'. false: the failure is in l. */
bool tape_json_event(struct tape_lex *l, struct tape_event *ret);

#endif
