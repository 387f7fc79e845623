/* SPDX-License-Identifier: MIT */
/* api.h - a request to the API and its answer, as the server hands them to the routes. */
#ifndef CONTROL_API_H
#define CONTROL_API_H

#include "base/buf.h"
#include "proto/http1.h"
#include "proto/url.h"

#define API_REPLY_MAX (256u << 20)

/* Borrowed for the time of the call. */
struct api_request {
	const struct http1 *http;       /* method, fields and body */
	const struct url_path *path;
};

struct api_reply {
	unsigned status;
	const char *content_type;       /* NULL: no body, no type */
	struct buf headers;             /* further lines "Name: value\r\n" */
	struct buf body;
};

/*
 * Fill the reply (zeroed, buffers ready). returns 0; or -EINPROGRESS: not now, the request will be offered again when
 * api_server_retry() is called.
 */
typedef int api_handler_fn(void *ud, const struct api_request *q, struct api_reply *r);

#endif
