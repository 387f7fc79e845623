/* SPDX-License-Identifier: MIT */
/* http_peer.c - whose a client's connection is. */
#include "proxy/http_peer.h"
#include "proxy/greet.h"

const struct io_addr *
http_peer(struct worker *w, struct http_conn *c)
{
	if (c->peer == NULL && (c->peer = slab_alloc(w->mem, sizeof(*c->peer))) != NULL && io_peer_addr(c->sock, c->peer) < 0)
		c->peer->len = 0;
	return c->peer;
}

void
http_peer_said(struct worker *w, struct http_conn *c, const struct proxy_header *said)
{
	const struct line_wire *wire = c->wline->conf->wire;
	if (said->family == PROXY_HEADER_NONE || wire == NULL || wire->send_proxy == 0)
		return;
	if (c->said == NULL)
		c->said = slab_alloc(w->mem, sizeof(*c->said));
	if (c->said != NULL)
		*c->said = *said;
}

void
http_peer_header(const struct http_conn *c, struct proxy_header *ret_header)
{
	struct io_addr peer, local;
	*ret_header = (struct proxy_header){ .family = PROXY_HEADER_NONE };
	if (c->said != NULL)
		*ret_header = *c->said;
	else if (c->sock != NULL && io_peer_addr(c->sock, &peer) == 0 && io_local_addr(c->sock, &local) == 0)
		greet_ends(&peer, &local, ret_header);
}
