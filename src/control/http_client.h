/* SPDX-License-Identifier: MIT */
/*
 * http_client.h - one request, one answer, one connection: for commands that talk to a daemon.
 *
 * Plain http to host:port; IPv4, IPv6 and names. The server is not trusted: head, body and time are bounded.
 */
#ifndef CONTROL_HTTP_CLIENT_H
#define CONTROL_HTTP_CLIENT_H

#include "base/buf.h"
#include "proto/url.h"
#include <stdbool.h>

#define HTTP_ERROR_MAX 512

struct http_client {
	struct url_server server;
	const char *token;              /* sent as "Authorization: Bearer TOKEN"; NULL: none */
	const char *user_agent;         /* borrowed, as token */
	fl_ns connect_timeout;          /* looking up the name excepted */
	fl_ns answer_timeout;           /* from being connected to the last byte of the answer */
	size_t body_max;                /* of an answer */
};

/* How far a call came. */
enum http_stage { HTTP_STAGE_RESOLVE, HTTP_STAGE_CONNECT, HTTP_STAGE_SEND, HTTP_STAGE_ANSWER, HTTP_STAGE_DONE };

struct http_answer {
	enum http_stage stage;          /* HTTP_STAGE_DONE: there is an answer */
	unsigned status;
	struct buf body;
	bool json;                      /* says that its body is JSON */
	char error[HTTP_ERROR_MAX];     /* as Go words it: "dial tcp 127.0.0.1:8474: connect: connection refused" */
};

/*
 * http_client_init - for a server as url_server_parse() reads it; limits of 5 s, 30 s and 64 MB.
 * returns   0, or -EINVAL with *ret_error set to a constant: no such URL, or a token that cannot stand in a header
 */
int http_client_init(struct http_client *c, const char *url, const char *token, const char *user_agent, const char **ret_error);

/*
 * http_client_call - ask and wait.
 * target    behind the server's base: "/proxies/redis", escaped already
 * body      JSON; NULL: none
 * answer    is initialised; http_answer_fini() it whatever this returns
 * returns   0: answer->status says what; -errno: answer->stage and error say why
 */
int http_client_call(const struct http_client *c, const char *method, const char *target, const char *body, size_t body_bytes,
    struct http_answer *answer);
void http_answer_fini(struct http_answer *a);

#endif
