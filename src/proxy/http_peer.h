/* SPDX-License-Identifier: MIT */
/* http_peer.h - whose a client's connection is: for records and faults, and for instances that are told by the PROXY protocol. */
#ifndef PROXY_HTTP_PEER_H
#define PROXY_HTTP_PEER_H

#include "proxy/http_side.h"

/* The client's address, looked up once and kept; len 0: it has none. NULL: no memory. */
const struct io_addr *http_peer(struct worker *w, struct http_conn *c);
/* Keep what the client's own PROXY header said, if the line passes it on and it said anything. */
void http_peer_said(struct worker *w, struct http_conn *c, const struct proxy_header *said);
/* That, or the connection's ends. */
void http_peer_header(const struct http_conn *c, struct proxy_header *ret_header);

#endif
