/* SPDX-License-Identifier: MIT */
/*
 * http_doc.h - an HTTP line as it stands in a file: a map with `protocol: http` to what the data path needs. faultline.yaml, the
 * API and experiments share it. doc/http-lines.md has every key with its default.
 *
 * In two steps, so that a file is checked whole before anything of it is used: http_doc_parse() only reads and complains;
 * http_doc_build() makes the live objects, or takes over those of the configuration before (conf/http_keep.h) when what is
 * asked of them is the same, so that a reload forgets nothing.
 */
#ifndef CONF_HTTP_DOC_H
#define CONF_HTTP_DOC_H

#include "proto/doc.h"
#include "proto/jsonw.h"
#include "proxy/http_conf.h"

struct http_doc;                        /* what one line asks for; conf/http_ask.h */
struct http_keep;                       /* conf/http_keep.h */
struct line_wire;                       /* proxy/line.h */
struct resolver;                        /* io/resolve.h */

/* What building needs from its surroundings. */
struct http_doc_env {
	struct http_keep *keep;         /* live objects of all lines; never NULL */
	uint64_t seed;                  /* of random decisions */
	unsigned workers;               /* of the proxy that the configuration is for */
	struct fl_listener listener;    /* told when a policy changes its state; zeroed: nobody */
	const struct line_wire *wire;   /* of the line: TLS and PROXY headers towards instances; NULL: none */
	uint64_t wire_digest;           /* of it */
	struct resolver *resolver;      /* for the first answers of names; NULL: they come a little later */
	fl_ns now;                      /* io clock */
};

/*
 * http_doc_parse - read a line's map.
 * line      has `protocol: http` (the caller looked), upstream or upstreams, ...
 * name      of the line, for the names of its policies
 * extra     NULL-terminated keys that the caller reads itself (listen, enabled, faults, tls, ...); NULL: none
 * beside    the file it stands in: where the paths of files begin that it names (a fallback's body); NULL: it may name none,
 *           because it came from the network
 * d         gets every mistake with its place
 * returns   0; -EINVAL after complaints; -ENOMEM. http_doc_free() the result
 */
int http_doc_parse(const struct doc_node *line, const char *name, const char *const *extra, const char *beside, struct doc_diag *d,
    struct http_doc **ret_doc);
void http_doc_free(struct http_doc *h);         /* drop a reference; NULL is fine */
struct http_doc *http_doc_ref(struct http_doc *h);              /* one thread */
/* The pairs of the line, in the words that are read, every default filled in; routes with all of their policies. */
void http_doc_json(struct jsonw *w, const struct http_doc *h);

/*
 * http_doc_build - make the configuration. Nothing that is in use is changed when this fails.
 * returns   0 with one reference in *ret_conf; -errno
 */
int http_doc_build(const struct http_doc *h, const struct http_doc_env *env, struct http_conf **ret_conf);

/* Both in one, for files and callers that have nothing to check in between. 0, -EINVAL after complaints, -errno. */
int http_doc_read(const struct doc_node *line, const char *name, const char *const *extra, const struct http_doc_env *env,
    struct doc_diag *d, struct http_conf **ret_conf);

/* Does the map say `protocol: http`? (Anything else than http or tcp is complained about; false.) */
bool http_doc_is(const struct doc_node *line, struct doc_diag *d);

#endif
