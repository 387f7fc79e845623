/* SPDX-License-Identifier: MIT */
/* request_copy.c - a request as plugins may change it. */
#include "client/request_copy.h"
#include "base/types.h"
#include "client/client_memory.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

struct request_text {
	struct request_text *next;
	char text[];                            /* name, NUL, value, NUL */
};

void
request_copy_init(struct request_copy *c, const struct fl_request *req, const struct fl_alloc *a)
{
	*c = (struct request_copy){ .req = *req, .alloc = a };
}

void
request_copy_fini(struct request_copy *c)
{
	for (struct request_text *t = c->texts, *next; t != NULL; t = next) {
		next = t->next;
		client_memory_give(c->alloc, t);
	}
	client_memory_give(c->alloc, c->headers);
	*c = (struct request_copy){ .alloc = c->alloc };
}

/* Room for one header more in an array of ours, where the request's are; a plugin may have given it others meanwhile. */
static int
make_room(struct request_copy *c)
{
	size_t n = c->req.header_count, room = n + 8;
	if (c->req.headers == c->headers && c->headers != NULL && n < c->room)
		return 0;
	struct fl_header *more = client_memory_take(c->alloc, room * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	if (n > 0)
		memcpy(more, c->req.headers, n * sizeof(*more));
	client_memory_give(c->alloc, c->headers);
	c->headers = more;
	c->room = room;
	c->req.headers = more;
	return 0;
}

static struct request_text *
keep(struct request_copy *c, const char *name, const char *value)
{
	size_t name_bytes = strlen(name) + 1, value_bytes = strlen(value) + 1;
	struct request_text *t = client_memory_take(c->alloc, sizeof(*t) + name_bytes + value_bytes);
	if (t == NULL)
		return NULL;
	memcpy(t->text, name, name_bytes);
	memcpy(t->text + name_bytes, value, value_bytes);
	t->next = c->texts;
	c->texts = t;
	return t;
}

int
fl_request_set_header(struct fl_request *req, const char *name, const char *value)
{
	struct request_copy *c = FL_CONTAINER_OF(req, struct request_copy, req);
	size_t n = 0;
	if (name[0] == '\0' || strpbrk(name, "\r\n:; ") != NULL || (value != NULL && strpbrk(value, "\r\n") != NULL))
		return -EINVAL;
	int rc = make_room(c);
	if (rc != 0)
		return rc;
	struct request_text *t = value != NULL ? keep(c, name, value) : NULL;
	if (value != NULL && t == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < req->header_count; i++)
		if (strcasecmp(c->headers[i].name, name) != 0)
			c->headers[n++] = c->headers[i];
	if (t != NULL)
		c->headers[n++] = (struct fl_header){ t->text, t->text + strlen(t->text) + 1 };
	req->header_count = n;
	return 0;
}
