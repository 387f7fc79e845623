/* SPDX-License-Identifier: MIT */
/* audit_line.h - what the proxy says of itself, held against what the network saw. */
#ifndef SIM_AUDIT_LINE_H
#define SIM_AUDIT_LINE_H

#include "control.h"

/* Counters of a line against the bytes that moved. */
void audit_counters(struct run *r, struct sim_line *l);
/* The list of live connections against ours. */
void audit_conns(struct run *r, struct sim_line *l);
/* Nothing is open any more: counters balance, no memory is held. */
void audit_end(struct run *r);
/* Who the proxy says a connection is. false: it does not list it. */
bool audit_identity(struct run *r, struct conn *c, struct decide_conn *ret_conn);

#endif
