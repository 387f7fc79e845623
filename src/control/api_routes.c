/* SPDX-License-Identifier: MIT */
/*
 * api_routes.c - from a request to its route.
 *
 * Browsers are turned away, so that a page cannot reach the API behind its reader's back; and when a token is set, every
 * request must carry it.
 */
#include "control/api_routes.h"
#include "control/toxiproxy_api.h"
#include "control/v1_api.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Takes as long whatever is wrong. */
static bool
same_secret(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned char diff = (unsigned char)(n != m);

	for (size_t i = 0; i < m; i++)
		diff |= (unsigned char)(a[n > 0 ? i % n : 0] ^ b[i]);
	return diff == 0;
}

static bool
authorised(const struct api_env *env, const struct api_request *q)
{
	const char *field = http1_field(q->http, "Authorization");

	if (env->token == NULL)
		return true;
	return field != NULL && strncasecmp(field, "Bearer ", 7) == 0 && same_secret(field + 7 + strspn(field + 7, " "), env->token);
}

static int
handle(struct api_env *env, const struct api_request *q, struct api_reply *r)
{
	const char *agent = http1_field(q->http, "User-Agent");
	int rc;

	if (agent != NULL && strncmp(agent, "Mozilla/", 8) == 0) {
		api_env_text(r, 403, "User agent not allowed");
		return 0;
	}
	if (!authorised(env, q)) {
		buf_puts(&r->headers, "WWW-Authenticate: Bearer\r\n");
		api_env_error_json(r, 401, "a token is needed: Authorization: Bearer TOKEN");
		return 0;
	}
	if (url_path_dirty(q->path)) {
		buf_puts(&r->headers, "Location: ");
		url_path_clean(q->path, &r->headers);
		buf_puts(&r->headers, "\r\n");
		api_env_empty(r, 301);
		return 0;
	}
	rc = v1_api_route(env, q, r);
	if (rc == 1)
		rc = toxiproxy_api_route(env, q, r);
	if (rc == 1) {
		api_env_text(r, 404, "404 page not found");
		rc = 0;
	}
	return rc;
}

int
api_routes_handle(void *ud, const struct api_request *q, struct api_reply *r)
{
	struct api_env *env = ud;
	int rc = handle(env, q, r);
	char status[16];

	if (rc == 0 && env->log->level <= LOG_DEBUG) {
		snprintf(status, sizeof(status), "%u", r->status);
		log_event(env->log, LOG_DEBUG, "API request", "method", q->http->method, "url", q->http->target, "status", status, NULL);
	}
	return rc;
}
