/* SPDX-License-Identifier: MIT */
/* http_doc_policies.h - the policies of an HTTP line or of one of its routes. */
#ifndef CONF_HTTP_DOC_POLICIES_H
#define CONF_HTTP_DOC_POLICIES_H

#include "proto/doc.h"
#include "proto/jsonw.h"
#include "conf/http_ask.h"
#include "conf/http_field.h"

/* What reading policies needs beside the map. */
struct http_doc_policies_env {
	struct arena *mem;
	struct doc_diag *d;
	const char *beside;             /* as http_doc_parse() has it */
};

/* The defaults: time limits, and no policy of any other kind. */
void http_doc_policies_init(struct http_ask_policies *p, const char *name);
/* No live object of these is its own any more: a route's, before its map is laid over. */
void http_doc_policies_inherit(struct http_ask_policies *p, const char *name);
/*
 * Lay what the map says over *p. ret_fallback: the map with the fallback's upstreams, which the caller reads; NULL: none.
 * returns false when memory ran out; other mistakes are in env->d.
 */
bool http_doc_policies_read(const struct doc_node *map, const struct http_doc_policies_env *env, struct http_ask_policies *p,
    const struct doc_node **ret_fallback);
/* The fields of the kinds of policies, each over its struct in struct http_ask_policies. */
extern const struct http_field http_doc_policies_breaker[], http_doc_policies_bulkhead[], http_doc_policies_rate[],
    http_doc_policies_adaptive[], http_doc_policies_shed[];
bool http_doc_policies_same_breaker(const struct http_ask_breaker *a, const struct http_ask_breaker *b);
/* The pairs, as they are read; what is off is false. */
void http_doc_policies_json(struct jsonw *w, const struct http_ask_policies *p);

#endif
