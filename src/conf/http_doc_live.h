/* SPDX-License-Identifier: MIT */
/*
 * http_doc_live.h - the kinds of live policies: how one is made, freed, and told from another. What may be changed in place (the
 * limits of a rate limiter and of a bulkhead) makes no difference.
 */
#ifndef CONF_HTTP_DOC_LIVE_H
#define CONF_HTTP_DOC_LIVE_H

#include "conf/http_ask.h"
#include "conf/http_doc.h"

enum http_doc_live_kind {
	HTTP_DOC_LIVE_RATE, HTTP_DOC_LIVE_SHED, HTTP_DOC_LIVE_ADAPTIVE, HTTP_DOC_LIVE_BULKHEAD, HTTP_DOC_LIVE_BREAKER, HTTP_DOC_LIVE_BUDGET,
	HTTP_DOC_LIVE_HEDGE, HTTP_DOC_LIVE_FALLBACK, HTTP_DOC_LIVE_STALE, HTTP_DOC_LIVE_COUNT
};

struct http_doc_live_ask {
	const struct http_doc_env *env;
	const struct http_ask_policies *p;
	uint64_t seed;
};

struct http_doc_live {
	const char *word;               /* "bulkhead" */
	int (*make)(const struct http_doc_live_ask *ask, const char *name, void **ret_object);
	void (*drop)(void *object);
	uint64_t (*digest)(const struct http_ask_policies *p);
};
extern const struct http_doc_live http_doc_live_kinds[HTTP_DOC_LIVE_COUNT];

#endif
