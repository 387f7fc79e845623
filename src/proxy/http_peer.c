/* SPDX-License-Identifier: MIT */
/* http_peer.c - who a client of an HTTP line is. */
#include "proxy/http_peer.h"

const struct io_addr *
http_peer(struct worker *w, struct http_conn *c)
{
	if (c->peer == NULL && (c->peer = slab_alloc(w->mem, sizeof(*c->peer))) != NULL && io_peer_addr(c->sock, c->peer) < 0)
		c->peer->len = 0;
	return c->peer;
}
