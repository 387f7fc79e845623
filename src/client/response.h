/* SPDX-License-Identifier: MIT */
/* response.h - building the answers that callers of the HTTP client own. */
#ifndef CLIENT_RESPONSE_H
#define CLIENT_RESPONSE_H

#include "faultline/client.h"

/* What an answer is collected in: the public part first, so that it can be handed over. */
struct response {
	struct fl_response pub;
	const struct fl_alloc *alloc;   /* NULL: malloc() */
	size_t headers_room, body_room;
	char text[256];                 /* pub.text points here */
};

struct response *response_alloc(const struct fl_alloc *a);      /* NULL: no memory */
int response_add_header(struct response *r, const char *name, size_t name_len, const char *value, size_t value_len);   /* 0 or -ENOMEM */
int response_add_body(struct response *r, const void *p, size_t n, size_t max);        /* 0, -ENOMEM, -EMSGSIZE */
/* Forget what was collected: another head follows an interim one. */
void response_reset(struct response *r);
/* Say why there is no answer. */
void response_fail(struct response *r, int error, const char *text);

#endif
