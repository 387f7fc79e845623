/* SPDX-License-Identifier: MIT */
/* api_env.c - the forms that answers take. */
#include "control/api_env.h"
#include "proto/json.h"
#include <errno.h>
#include <string.h>

void
api_env_json(struct api_reply *r, unsigned status)
{
	r->status = status;
	r->content_type = "application/json";
}

void
api_env_empty(struct api_reply *r, unsigned status)
{
	r->status = status;
	r->content_type = NULL;
	buf_clear(&r->body);
}

void
api_env_text(struct api_reply *r, unsigned status, const char *text)
{
	r->status = status;
	r->content_type = "text/plain; charset=utf-8";
	buf_puts(&r->headers, "X-Content-Type-Options: nosniff\r\n");
	buf_clear(&r->body);
	buf_printf(&r->body, "%s\n", text);
}

static void
put_error(struct buf *b, unsigned status, const char *text)
{
	struct jsonw w;

	buf_clear(b);
	jsonw_init(&w, b);
	jsonw_object(&w);
	jsonw_str(&w, "error", text);
	jsonw_num(&w, "status", status);
	jsonw_end(&w);
	buf_putc(b, '\n');
}

void
api_env_error(struct api_reply *r, unsigned status, const char *text)
{
	r->status = status;
	r->content_type = "text/plain; charset=utf-8";
	buf_puts(&r->headers, "X-Content-Type-Options: nosniff\r\n");
	put_error(&r->body, status, text);
}

void
api_env_error_json(struct api_reply *r, unsigned status, const char *text)
{
	put_error(&r->body, status, text);
	api_env_json(r, status);
}

bool
api_env_is(const struct api_request *q, const char *method)
{
	return strcmp(q->http->method, method) == 0;
}

int
api_env_body(const struct api_request *q, struct lines_error *e, struct doc **ret_doc)
{
	const struct buf *b = &q->http->body;
	char error[JSON_ERROR_MAX];
	int rc = json_parse(buf_len(b) > 0 ? buf_data(b) : "", buf_len(b), error, ret_doc);

	if (rc == -ENOMEM)
		return lines_refuse(e, ENOMEM, 503, "out of memory");
	if (rc != 0)
		return lines_refuse(e, -rc, 400, "bad request body: %s", error);
	return 0;
}
