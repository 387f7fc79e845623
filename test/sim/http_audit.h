/* SPDX-License-Identifier: MIT */
/* http_audit.h - records and counters of HTTP lines, compared with what the ledger knows and with one another. */
#ifndef SIM_HTTP_AUDIT_H
#define SIM_HTTP_AUDIT_H

#include "http_sim.h"

/* Take the records that are there, and check each against its request. */
void http_audit_records(struct web *x);
/* Counters of a line, at any time. */
void http_audit_line(struct web *x, const struct web_line *l);
/* Everything has ended, lines are closed: nothing is left over, and all sums agree. */
void http_audit_end(struct web *x);

#endif
