/* SPDX-License-Identifier: MIT */
/* request_copy.h - a request as plugins may change it: a copy of the caller's, with headers of its own where it has to have them. */
#ifndef CLIENT_REQUEST_COPY_H
#define CLIENT_REQUEST_COPY_H

#include "faultline/client.h"

struct request_copy {
	struct fl_request req;                  /* what plugins see: fl_request_set_header() finds the rest from there */
	const struct fl_alloc *alloc;
	struct fl_header *headers;              /* ours, once there are any: req.headers points here */
	size_t room;
	struct request_text *texts;             /* what they point to */
};

void request_copy_init(struct request_copy *c, const struct fl_request *req, const struct fl_alloc *a);
void request_copy_fini(struct request_copy *c);

#endif
