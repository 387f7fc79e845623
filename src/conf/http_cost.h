/* SPDX-License-Identifier: MIT */
/*
 * http_cost.h - what a call on an HTTP line may cost at worst: time, attempts, and load on those behind it.
 *
 * Lines are seen together, because one line's server may be another line, and then their retries multiply.
 */
#ifndef CONF_HTTP_COST_H
#define CONF_HTTP_COST_H

#include "conf/http_ask.h"

#define HTTP_COST_DEPTH_MAX 16

/* Lines that know of each other. Borrowed. */
struct http_cost_line {
	const struct http_doc *doc;
	const char *listen;             /* "127.0.0.1:8080"; NULL: not known */
};
struct http_cost_set {
	const struct http_cost_line *lines;
	unsigned count;
};

struct http_cost {
	fl_ns attempt;                  /* one attempt, at most; FL_NEVER: nothing bounds it */
	fl_ns waits;                    /* backoffs between all attempts, at most */
	fl_ns phases;                   /* queue, attempts and backoffs together, were there no total; FL_NEVER */
	fl_ns time;                     /* a call, at most: phases or total, whichever is less; FL_NEVER */
	unsigned attempts;              /* of one call, hedges included, at most */
	double healthy, outage;         /* attempts to calls over many calls: when most succeed, when none does; the reserve left out */
	double reserve_per_second;      /* attempts that the budget allows beside that */
	unsigned depth;                 /* lines behind this one, one after the other */
	double attempts_nested;         /* that one call may become at the end of that chain */
	double outage_nested;
};

/* Of calls on a route of one line of the set. */
void http_cost_of(const struct http_cost_set *set, unsigned line, unsigned route, struct http_cost *ret);
/* The line of the set that listens where one of these instances is; -1: none. */
int http_cost_behind(const struct http_cost_set *set, const struct http_ask_upstreams *u);
/* "127.0.0.1:80", "localhost:80" and ":80" may be one place. */
bool http_cost_same_place(const char *listen, const char *address);

#endif
