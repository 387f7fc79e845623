/* SPDX-License-Identifier: MIT */
/* http_client.h - one HTTP request over one connection, waiting for the answer: for the commands that talk to the daemon. */
#ifndef IO_HTTP_CLIENT_H
#define IO_HTTP_CLIENT_H

#include "proto/http1.h"
#include "proto/url.h"

#define HTTP_CLIENT_ERROR_MAX 256

struct http_client_request {
	const struct url_server *server;
	const char *method, *path;      /* path behind the server's base, escaped */
	const char *agent;              /* User-Agent */
	const char *token;              /* NULL, or sent as Authorization: Bearer */
	const char *body;               /* NULL: none */
	fl_ns timeout;                  /* connecting, sending and answering together */
};

/*
 * http_client_call - ask and wait.
 * ret_answer  to be fini'ed; in state HTTP1_DONE
 * error       HTTP_CLIENT_ERROR_MAX bytes; "dial tcp 127.0.0.1:8474: connect: connection refused"
 * returns     0, or -errno with error set
 */
int http_client_call(const struct http_client_request *q, struct http1 *ret_answer, char *error);

#endif
