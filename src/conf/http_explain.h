/* SPDX-License-Identifier: MIT */
/* http_explain.h - what happens to a call on an HTTP line, in words, with its numbers: the steps, the worst case, the doubts. */
#ifndef CONF_HTTP_EXPLAIN_H
#define CONF_HTTP_EXPLAIN_H

#include "proto/jsonw.h"
#include "conf/http_cost.h"

/* Whole lines for people. width: columns to break at; 0: do not break. returns how many doubts there are. */
unsigned http_explain_text(const struct http_cost_set *set, unsigned line, unsigned route, unsigned width, struct buf *out);
/* {"line","route","match","steps":[{"step","say"}],"worst":{...},"warnings":[{"code","line","column","what","fix"}]} */
void http_explain_json(const struct http_cost_set *set, unsigned line, unsigned route, struct jsonw *w);

#endif
