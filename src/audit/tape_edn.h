/* SPDX-License-Identifier: MIT */
/* tape_edn.h - one event of a history from EDN, as Jepsen writes it. */
#ifndef AUDIT_TAPE_EDN_H
#define AUDIT_TAPE_EDN_H

#include "audit/tape_lex.h"

/* Skip what means nothing: white space, commas, ; comments and #_ forms. false: a #_ form is none. */
bool tape_edn_space(struct tape_lex *l);
/* One value at l->p, behind which something must stand. */
bool tape_edn_value(struct tape_lex *l, struct tape_value *ret);
/* The map at l->p, which is '{' or the '#' of a tag before it. false: the failure is in l. */
bool tape_edn_event(struct tape_lex *l, struct tape_event *ret);

#endif
