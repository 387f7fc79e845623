/* SPDX-License-Identifier: MIT */
/* http_peer.h - who a client of an HTTP line is. */
#ifndef PROXY_HTTP_PEER_H
#define PROXY_HTTP_PEER_H

#include "proxy/http_side.h"

/* The client's address, looked up once and kept; len 0: it has none. NULL: no memory. */
const struct io_addr *http_peer(struct worker *w, struct http_conn *c);

#endif
