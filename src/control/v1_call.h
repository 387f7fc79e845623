/* SPDX-License-Identifier: MIT */
/* v1_call.h - one request on its way through a route of /v1. */
#ifndef CONTROL_V1_CALL_H
#define CONTROL_V1_CALL_H

#include "control/api_env.h"

struct v1_call {
	struct api_env *env;
	const struct api_request *q;
	struct api_reply *r;
	struct lines_line *line;        /* of the path, where there is one */
	struct jsonw w;                 /* into the body of r */
	int rc;                         /* -EINPROGRESS: not yet */
};

/* The value of a parameter of the query, cut to fit; false: not given. Only plain values: no decoding. */
bool v1_call_text(const struct api_request *q, const char *name, char *ret, size_t ret_bytes);
/* A whole number up to max; def when it is not given or none. */
uint64_t v1_call_number(const struct api_request *q, const char *name, uint64_t def, uint64_t max);
/* The answer to what the table of lines did: a refusal, or not yet. */
void v1_call_refused(struct v1_call *c, int rc, const struct lines_error *e);

#endif
