/* SPDX-License-Identifier: MIT */
/* http_view.h - what an HTTP line is doing, as JSON: its calls, its instances, its policies (doc/api.md). */
#ifndef CONTROL_HTTP_VIEW_H
#define CONTROL_HTTP_VIEW_H

#include "control/lines.h"
#include "proto/jsonw.h"

/* Pairs of any line; nothing of one that is no HTTP line. */
/*
 * "http":{...}: numbers of all routes together; policies that are not in their usual state; histogram: the latency's too, so that
 * whoever asks twice can say what it was in between
 */
void http_view_summary(struct jsonw *w, const struct lines_line *l, fl_ns now, bool histogram);
void http_view_instances(struct jsonw *w, const struct lines_line *l, fl_ns now);       /* "instances":[...] */
void http_view_routes(struct jsonw *w, const struct lines_line *l);                     /* "routes":[...] */
void http_view_policies(struct jsonw *w, const struct lines_line *l, fl_ns now);        /* "policies":[...] */

#endif
