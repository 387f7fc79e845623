/* SPDX-License-Identifier: MIT */
/* verbs.c - the HTTP client for those who wait: one request at a time, by method; and the plugin that writes a line for each. */
#include "faultline/client.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

static void
took(void *ud, const struct fl_request *req, struct fl_response *resp)
{
	struct fl_response **to = ud;
	(void)req;
	*to = resp;
}

int
fl_client_do(struct fl_client *c, const struct fl_request *req, struct fl_response **ret_response)
{
	static struct fl_response *const pending = (struct fl_response *)(uintptr_t)1;
	struct fl_response *resp = pending;
	*ret_response = NULL;
	int r = fl_client_start(c, req, took, &resp);
	if (r < 0)
		return r;
	while (resp == pending)
		if ((r = fl_client_poll(c, FL_SEC)) < 0 && resp == pending)
			return r;
	*ret_response = resp;
	return resp == NULL ? -ENOMEM : resp->error;
}

static int
simple(struct fl_client *c, const char *method, const char *url, const void *body, size_t body_bytes, const struct fl_header *headers,
    size_t header_count, struct fl_response **ret_response)
{
	struct fl_request req = { .method = method, .url = url, .headers = headers, .header_count = header_count, .body = body,
		.body_bytes = body_bytes };
	return fl_client_do(c, &req, ret_response);
}

int
fl_client_get(struct fl_client *c, const char *url, const struct fl_header *headers, size_t header_count, struct fl_response **ret_response)
{
	return simple(c, "GET", url, NULL, 0, headers, header_count, ret_response);
}

int
fl_client_delete(struct fl_client *c, const char *url, const struct fl_header *headers, size_t header_count, struct fl_response **ret_response)
{
	return simple(c, "DELETE", url, NULL, 0, headers, header_count, ret_response);
}

int
fl_client_post(struct fl_client *c, const char *url, const void *body, size_t body_bytes, const struct fl_header *headers, size_t header_count,
    struct fl_response **ret_response)
{
	return simple(c, "POST", url, body, body_bytes, headers, header_count, ret_response);
}

int
fl_client_put(struct fl_client *c, const char *url, const void *body, size_t body_bytes, const struct fl_header *headers, size_t header_count,
    struct fl_response **ret_response)
{
	return simple(c, "PUT", url, body, body_bytes, headers, header_count, ret_response);
}

int
fl_client_patch(struct fl_client *c, const char *url, const void *body, size_t body_bytes, const struct fl_header *headers, size_t header_count,
    struct fl_response **ret_response)
{
	return simple(c, "PATCH", url, body, body_bytes, headers, header_count, ret_response);
}

/* ---- the log ---- */

static void
log_end(void *ud, const struct fl_request *req, const struct fl_response *resp)
{
	struct fl_request_log *log = ud;
	char line[512];
	snprintf(line, sizeof(line), "%s %.200s %u %.1f ms, %u attempt%s%s%s", req->method, req->url, resp->status, (double)resp->took / 1e6,
	    resp->attempts, resp->attempts == 1 ? "" : "s", resp->degraded ? ", fallback" : "", resp->hedged ? ", hedged" : "");
	log->write(log->ud, line);
}

static void
log_error(void *ud, const struct fl_request *req, const struct fl_response *resp)
{
	struct fl_request_log *log = ud;
	char line[768];
	snprintf(line, sizeof(line), "%s %.200s %s: %.256s, %.1f ms, %u attempt%s", req->method, req->url, fl_end_name(resp->end), resp->text,
	    (double)resp->took / 1e6, resp->attempts, resp->attempts == 1 ? "" : "s");
	log->write(log->ud, line);
}

struct fl_plugin
fl_request_log_plugin(struct fl_request_log *log)
{
	return (struct fl_plugin){ .on_request_end = log_end, .on_error = log_error, .ud = log };
}
