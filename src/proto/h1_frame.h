/* SPDX-License-Identifier: MIT */
/* h1_frame.h - what the fields of a head say together: framing, host, connection, expectations. */
#ifndef PROTO_H1_FRAME_H
#define PROTO_H1_FRAME_H

#include "proto/h1.h"

/* Fields with a say in it; each is given to h1_frame_field() as it is read. */
#define H1_FRAME_FIELDS \
	(H1_BIT(H1_ID_HOST) | H1_BIT(H1_ID_CONTENT_LENGTH) | H1_BIT(H1_ID_TRANSFER_ENCODING) | H1_BIT(H1_ID_TE) | \
	H1_BIT(H1_ID_UPGRADE) | H1_BIT(H1_ID_CONNECTION) | H1_BIT(H1_ID_KEEP_ALIVE) | H1_BIT(H1_ID_PROXY_CONNECTION) | \
	H1_BIT(H1_ID_HTTP2_SETTINGS))

/* Take one of H1_FRAME_FIELDS, the i-th field. false: refused. */
bool h1_frame_field(const char *p, struct h1_head *h, unsigned i);
/* All fields are there: work out what follows from them. false: refused. */
bool h1_frame_request(const char *p, struct h1_head *h, uint64_t body_max);
bool h1_frame_response(const char *p, struct h1_head *h, uint64_t body_max);

#endif
