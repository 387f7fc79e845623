/* SPDX-License-Identifier: MIT */
/* response.c - answers of the HTTP client: collected as they come, owned by the caller in the end. */
#include "client/response.h"
#include "client/client_memory.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct response *
response_alloc(const struct fl_alloc *a)
{
	struct response *r = client_memory_take(a, sizeof(*r));
	if (r == NULL)
		return NULL;
	r->alloc = a;
	r->pub.body = client_memory_take(a, 1);
	r->pub.text = r->text;
	if (r->pub.body == NULL) {
		client_memory_give(a, r);
		return NULL;
	}
	r->body_room = 1;
	return r;
}

static void
drop_headers(struct response *r)
{
	for (size_t i = 0; i < r->pub.header_count; i++)
		client_memory_give(r->alloc, (char *)(uintptr_t)r->pub.headers[i].name);        /* name and value are one block */
	r->pub.header_count = 0;
}

void
fl_response_free(struct fl_response *resp)
{
	struct response *r = (struct response *)(void *)resp;
	if (r == NULL)
		return;
	drop_headers(r);
	client_memory_give(r->alloc, r->pub.headers);
	client_memory_give(r->alloc, r->pub.body);
	client_memory_give(r->alloc, r);
}

void
response_reset(struct response *r)
{
	drop_headers(r);
	r->pub.status = 0;
	r->pub.body_bytes = 0;
	r->pub.body[0] = '\0';
}

void
response_fail(struct response *r, int error, const char *text)
{
	response_reset(r);
	r->pub.error = error;
	snprintf(r->text, sizeof(r->text), "%s", text);
}

int
response_add_header(struct response *r, const char *name, size_t name_len, const char *value, size_t value_len)
{
	if (r->pub.header_count == r->headers_room) {
		size_t room = r->headers_room == 0 ? 16 : r->headers_room * 2;
		struct fl_header *more = client_memory_grow(r->alloc, r->pub.headers, r->pub.header_count * sizeof(*more), room * sizeof(*more));
		if (more == NULL)
			return -ENOMEM;
		r->pub.headers = more;
		r->headers_room = room;
	}
	char *text = client_memory_take(r->alloc, name_len + value_len + 2);
	if (text == NULL)
		return -ENOMEM;
	memcpy(text, name, name_len);
	text[name_len] = '\0';
	memcpy(text + name_len + 1, value, value_len);
	text[name_len + 1 + value_len] = '\0';
	r->pub.headers[r->pub.header_count++] = (struct fl_header){ text, text + name_len + 1 };
	return 0;
}

int
response_add_body(struct response *r, const void *p, size_t n, size_t max)
{
	size_t have = r->pub.body_bytes;
	if (n > max || have > max - n)
		return -EMSGSIZE;
	if (have + n + 1 > r->body_room) {
		size_t room = r->body_room < 1024 ? 1024 : r->body_room;
		while (room < have + n + 1)
			room *= 2;
		char *more = client_memory_grow(r->alloc, r->pub.body, have + 1, room);
		if (more == NULL)
			return -ENOMEM;
		r->pub.body = more;
		r->body_room = room;
	}
	if (n > 0)
		memcpy(r->pub.body + have, p, n);
	r->pub.body_bytes = have + n;
	r->pub.body[have + n] = '\0';
	return 0;
}

int
fl_response_new(unsigned status, const struct fl_header *headers, size_t header_count, const void *body, size_t body_bytes,
    struct fl_response **ret_response)
{
	struct response *r = response_alloc(NULL);
	if (r == NULL)
		return -ENOMEM;
	r->pub.status = status;
	int rc = response_add_body(r, body, body_bytes, SIZE_MAX / 4);
	for (size_t i = 0; rc == 0 && i < header_count; i++)
		rc = response_add_header(r, headers[i].name, strlen(headers[i].name), headers[i].value, strlen(headers[i].value));
	if (rc != 0) {
		fl_response_free(&r->pub);
		return -ENOMEM;
	}
	*ret_response = &r->pub;
	return 0;
}

const char *
fl_response_header(const struct fl_response *r, const char *name)
{
	for (size_t i = 0; i < r->header_count; i++)
		if (strcasecmp(r->headers[i].name, name) == 0)
			return r->headers[i].value;
	return NULL;
}
