/* SPDX-License-Identifier: MIT */
/* http_doc_routes.h - the routes of an HTTP line: which calls each is for. */
#ifndef CONF_HTTP_DOC_ROUTES_H
#define CONF_HTTP_DOC_ROUTES_H

#include "proto/doc.h"
#include "proto/jsonw.h"
#include "conf/http_ask.h"

/* The value of `match` (NULL: everything). */
void http_doc_routes_match(const struct doc_node *match, struct doc_diag *d, struct http_ask_route *r);
/* Does it match every call? */
bool http_doc_routes_any(const struct http_ask_route *r);
/* The name of the i-th of the list, which may not be one of those before it; "" after a complaint. */
void http_doc_routes_name(const struct doc_node *route, uint32_t i, struct doc_diag *d, struct http_ask_route *routes);
/* {"method":...}: what was asked for. */
void http_doc_routes_json(struct jsonw *w, const struct http_ask_route *r);

#endif
