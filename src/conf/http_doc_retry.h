/* SPDX-License-Identifier: MIT */
/* http_doc_retry.h - what makes more than one attempt of a call: retries, hedges, and the budget that both draw on. */
#ifndef CONF_HTTP_DOC_RETRY_H
#define CONF_HTTP_DOC_RETRY_H

#include "proto/doc.h"
#include "proto/jsonw.h"
#include "conf/http_ask.h"
#include "conf/http_field.h"

void http_doc_retry_init(struct http_ask_policies *p);
/* Lay `retry`, `budget` and `hedge` of the map over *p. */
void http_doc_retry_read(const struct doc_node *map, struct doc_diag *d, struct http_ask_policies *p);
void http_doc_retry_json(struct jsonw *w, const struct http_ask_policies *p);
extern const struct http_field http_doc_retry_budget[], http_doc_retry_hedge[];
/* The words of HTTP_RETRY_..., in the order of the bits; NULL-terminated. */
extern const char *const http_doc_retry_words[];

#endif
