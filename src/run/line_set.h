/* SPDX-License-Identifier: MIT */
/*
 * line_set.h - the lines of an experiment at work: opened in a proxy, their faults switched on and off, cut, taken down.
 *
 * Decisions of a fault are keyed by (seed, line, fault name): a fault that is switched on again decides as before.
 */
#ifndef RUN_LINE_SET_H
#define RUN_LINE_SET_H

#include "proxy/proxy.h"
#include "run/experiment.h"
#include "run/subst.h"

#define LINE_SET_ERROR_MAX 512

struct http_keep;
struct http_news;
struct trace_recorder;
struct line_set;
struct line_set_opts {
	struct proxy *proxy;
	const struct experiment *x;
	uint64_t seed;
	struct http_keep *keep;         /* live objects of HTTP lines */
	struct http_news *news;         /* what their policies tell */
	struct trace_recorder *trace;   /* told of the lines as they are opened; NULL: nobody is */
	const char *beside;             /* the experiment's file: files that HTTP lines name are looked for there */
};
/*
 * line_set_open - open all lines; their addresses are known then.
 * values     ports and directories; its `lines` are filled in here, from an arena that lives as long as the result
 * returns    0, or -errno with error (LINE_SET_ERROR_MAX bytes)
 */
int line_set_open(const struct line_set_opts *opts, struct subst_values *values, struct line_set **ret_lines, char *error);
void line_set_free(struct line_set *l);       /* closes what is open; NULL is fine */

const char *line_set_address(const struct line_set *l, uint32_t line);        /* "127.0.0.1:34567" */
const char *line_set_upstream(const struct line_set *l, uint32_t line);
const struct io_addr *line_set_listen(const struct line_set *l, uint32_t line);

/* Switch a round of a fault of the experiment on or off; its id is then experiment_fault.first + round + 1. 0 or -ENOMEM. */
int line_set_fault(struct line_set *l, uint32_t fault, uint32_t round, bool on);
/* Close the listener and all connections, or listen again. 0 or -errno (the port is taken). */
int line_set_down(struct line_set *l, uint32_t line, bool down);
/* End all connections. returns how many. */
uint64_t line_set_cut(struct line_set *l, uint32_t line, bool reset);
/* Everything off, everything up. 0 or the first -errno. */
int line_set_heal(struct line_set *l);
/* What an HTTP line is to the data path; NULL: a line of connections. Borrowed. */
const struct http_conf *line_set_http(const struct line_set *l, uint32_t line);
/* How often the line was opened. */
unsigned line_set_lives(const struct line_set *l, uint32_t line);
/* Sums since the start, over times it was down. */
void line_set_counters(const struct line_set *l, uint32_t line, struct line_counters *ret);

#endif
