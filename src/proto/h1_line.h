/* SPDX-License-Identifier: MIT */
/* h1_line.h - the first line of a message: request line with its target, status line. */
#ifndef PROTO_H1_LINE_H
#define PROTO_H1_LINE_H

#include "proto/h1.h"

/* Methods that nobody has named yet may be this long. */
#define H1_METHOD_BYTES_MAX 32u
/* What a request line has beside its target. */
#define H1_LINE_EXTRA (H1_METHOD_BYTES_MAX + sizeof("  HTTP/1.1") - 1)

/* Note why the message is refused; false. */
static inline bool
h1_refuse(struct h1_head *h, unsigned status, const char *error)
{
	h->status = (uint16_t)status;
	h->error = error;
	return false;
}

/* Read p[from, end), without its CRLF, into h. false: refused. */
bool h1_line_request(const char *p, uint32_t from, uint32_t end, uint32_t target_max, struct h1_head *h);
bool h1_line_status(const char *p, uint32_t from, uint32_t end, struct h1_head *h);

#endif
