/* SPDX-License-Identifier: MIT */
/* http_doc_upstreams.h - the part of an HTTP line's map that says where calls go. */
#ifndef CONF_HTTP_DOC_UPSTREAMS_H
#define CONF_HTTP_DOC_UPSTREAMS_H

#include "proto/jsonw.h"
#include "conf/http_ask.h"
#include "proto/doc.h"

/* The keys that are read here. */
extern const char *const http_doc_upstreams_keys[];

void http_doc_upstreams_init(struct http_ask_upstreams *u);
/*
 * Lay what the map says over *u: `upstream` or `upstreams`, and what goes with them. need: a complaint when there is neither.
 * returns false when memory ran out; other mistakes are in d.
 */
bool http_doc_upstreams_read(const struct doc_node *map, bool need, struct arena *mem, struct doc_diag *d, struct http_ask_upstreams *u);
/* Does the map say anything of where calls go? */
bool http_doc_upstreams_said(const struct doc_node *map);
/* The pairs, as they are read. */
void http_doc_upstreams_json(struct jsonw *w, const struct http_ask_upstreams *u);

#endif
