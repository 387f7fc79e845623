/* SPDX-License-Identifier: MIT */
/*
 * tape_log.h - one event of a history from Jepsen's log (or its history.txt): a line with process, type, function and value
 * between tabs, as "INFO  jepsen.util - 3<tab>:invoke<tab>:cas<tab>[1 2]". Lines without that are no events.
 *
 * There a cas that failed with its values says that another value was there; one that failed otherwise says why instead.
 */
#ifndef AUDIT_TAPE_LOG_H
#define AUDIT_TAPE_LOG_H

#include "audit/tape_lex.h"

/* Does the text hold such a line? */
bool tape_log_found(const char *text, size_t n);
/* The line at l->p, which ends behind it. last: it may lack its end. ret_event: it was an event. */
bool tape_log_line(struct tape_lex *l, bool last, struct tape_event *ret, bool *ret_event);

#endif
