/* SPDX-License-Identifier: MIT */
/* http_doc_fallback.h - what is answered when a call cannot be. */
#ifndef CONF_HTTP_DOC_FALLBACK_H
#define CONF_HTTP_DOC_FALLBACK_H

#include "proto/doc.h"
#include "proto/jsonw.h"
#include "conf/http_ask.h"
#include "conf/http_field.h"

void http_doc_fallback_init(struct http_ask_fallback *f);
/*
 * Lay the value of `fallback` over *f. beside: as http_doc_parse() has it.
 * ret_upstreams   the map that has upstreams, to be read by the caller; untouched when there are none
 * returns         false when memory ran out; other mistakes are in d
 */
bool http_doc_fallback_read(const struct doc_node *n, struct arena *mem, const char *beside, struct doc_diag *d, struct http_ask_fallback *f,
    const struct doc_node **ret_upstreams);
extern const struct http_field http_doc_fallback_fields[], http_doc_fallback_stale[];
void http_doc_fallback_json(struct jsonw *w, const struct http_ask_fallback *f);

#endif
