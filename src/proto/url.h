/* SPDX-License-Identifier: MIT */
/* url.h - targets of requests and addresses of servers (RFC 3986), as far as an API and its clients need them. */
#ifndef PROTO_URL_H
#define PROTO_URL_H

#include "base/buf.h"
#include <stdbool.h>

#define URL_SEGMENTS_MAX 16
#define URL_TARGET_MAX 8192

/* A path cut at its slashes, each segment percent-decoded afterwards, so that a name may hold a slash. */
struct url_path {
	char mem[URL_TARGET_MAX];
	unsigned count;
	const char *segments[URL_SEGMENTS_MAX];         /* "/a//b/" is "a", "", "b", "" */
	const char *query;                              /* behind '?', undecoded; "" when there is none */
};

/*
 * url_path_parse - a request's target: origin form ("/a?b") or absolute form ("http://host/a").
 * returns   0; -EINVAL no such target; -E2BIG more than URL_SEGMENTS_MAX segments or too long
 */
int url_path_parse(const char *target, struct url_path *ret_path);
/* Does the path have empty or dot segments, so that Go's servers would answer with a redirection? */
bool url_path_dirty(const struct url_path *p);
/* Append the path without them, escaped, and its query. */
void url_path_clean(const struct url_path *p, struct buf *out);

/* Append s with everything escaped that may not stand in one segment of a path. */
void url_escape(struct buf *out, const char *s);

/* "http://host:port/base", "host:port" or "host". https is refused. */
struct url_server {
	char host[256], port[8];
	char base[256];                 /* without a slash at its end */
};
/* 0, or -EINVAL with a constant text in *ret_error. */
int url_server_parse(const char *text, struct url_server *ret_server, const char **ret_error);

#endif
