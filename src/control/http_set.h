/* SPDX-License-Identifier: MIT */
/* http_set.h - the HTTP lines of a configuration, or of the table of lines, as http_cost.h and its like look at them together. */
#ifndef CONTROL_HTTP_SET_H
#define CONTROL_HTTP_SET_H

#include "control/config.h"
#include "proto/jsonw.h"
#include "conf/http_cost.h"

/* Borrowed from what they are of. */
int http_set_of_config(const struct config *c, struct http_cost_set *ret_set);         /* 0 or -ENOMEM */
int http_set_of_lines(const struct lines *t, struct http_cost_set *ret_set);
void http_set_fini(struct http_cost_set *set);
/* The line of that name; -1: none. */
int http_set_find(const struct http_cost_set *set, const char *name);
/* The route of that name; -1: none. */
int http_set_route(const struct http_cost_set *set, unsigned line, const char *name);
/*
 * What happens to the calls of a line: {"line","warnings":N,"routes":[...],"text"}, see http_explain.h.
 * route     < 0: all routes
 * width     of the text; < 0: without it
 * returns   how many doubts there are
 */
unsigned http_set_explain(const struct http_cost_set *set, unsigned line, int route, int width, struct jsonw *w);
/* What is doubtful about the lines of a configuration, in text lines that begin with the file's name. returns how many. */
unsigned http_set_doubts(const struct config *c, const char *file, struct buf *out);

#endif
