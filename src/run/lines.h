/* SPDX-License-Identifier: MIT */
/*
 * lines.h - the lines of an experiment at work: opened in a proxy, their faults switched on and off, cut, taken down.
 *
 * Decisions of a fault are keyed by (seed, line, fault name): a fault that is switched on again decides as before.
 */
#ifndef RUN_LINES_H
#define RUN_LINES_H

#include "proxy/proxy.h"
#include "run/experiment.h"
#include "run/subst.h"

#define LINES_ERROR_MAX 256

struct lines;
/*
 * lines_open - open all lines; their addresses are known then.
 * values     ports and directories; its `lines` are filled in here, from an arena that lives as long as the result
 * returns    0, or -errno with error (LINES_ERROR_MAX bytes)
 */
int lines_open(struct proxy *p, const struct experiment *x, uint64_t seed, struct subst_values *values, struct lines **ret_lines,
    char *error);
void lines_free(struct lines *l);       /* closes what is open; NULL is fine */

const char *lines_address(const struct lines *l, uint32_t line);        /* "127.0.0.1:34567" */
const char *lines_upstream(const struct lines *l, uint32_t line);
const struct io_addr *lines_listen(const struct lines *l, uint32_t line);

/* Switch a fault of the experiment on or off. 0 or -ENOMEM. */
int lines_fault(struct lines *l, uint32_t fault, bool on);
/* Close the listener and all connections, or listen again. 0 or -errno (the port is taken). */
int lines_down(struct lines *l, uint32_t line, bool down);
/* End all connections. returns how many. */
uint64_t lines_cut(struct lines *l, uint32_t line, bool reset);
/* Everything off, everything up. 0 or the first -errno. */
int lines_heal(struct lines *l);
/* How often the line was opened. */
unsigned lines_lives(const struct lines *l, uint32_t line);
/* Sums since the start, over times it was down. */
void lines_counters(const struct lines *l, uint32_t line, struct line_counters *ret);

#endif
