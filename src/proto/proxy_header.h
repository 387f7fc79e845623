/* SPDX-License-Identifier: MIT */
/*
 * proxy_header.h - the PROXY protocol, versions 1 and 2: a line or a block at the start of a connection that says whose it is
 * (proxy-protocol.txt of HAProxy, 2020/03/05). Pure.
 */
#ifndef PROTO_PROXY_HEADER_H
#define PROTO_PROXY_HEADER_H

#include "base/types.h"

#define PROXY_HEADER_TLV_MAX 4096
#define PROXY_HEADER_BYTES_MAX (16 + 216 + PROXY_HEADER_TLV_MAX)        /* longer ones are refused */
#define PROXY_HEADER_WRITE_MAX 232                                      /* the longest that is written */

enum proxy_header_got {
	PROXY_HEADER_MORE,              /* all right so far */
	PROXY_HEADER_OK,
	PROXY_HEADER_BAD,
};

enum proxy_header_family {
	PROXY_HEADER_NONE,              /* LOCAL, UNKNOWN or UNSPEC: it says nothing, the connection's own ends count */
	PROXY_HEADER_IP4,
	PROXY_HEADER_IP6,
	PROXY_HEADER_UNIX,
};

struct proxy_header_end {
	uint8_t ip[16];                 /* IP4: the first four */
	uint16_t port;
	uint8_t path[108];              /* UNIX: as in sun_path */
};

struct proxy_header {
	enum proxy_header_family family;
	struct proxy_header_end client, server;
};

/*
 * proxy_header_parse - look at the first n bytes of a connection.
 *
 * *ret, *ret_bytes (how long the header is; what follows is the connection's) are filled in on OK alone.
 * Strict: nothing but what the specification lets a sender write; types of datagrams are refused; TLVs are skipped.
 */
enum proxy_header_got proxy_header_parse(const uint8_t *p, size_t n, struct proxy_header *ret, size_t *ret_bytes);
/*
 * proxy_header_write - the header in version 1 or 2. out has PROXY_HEADER_WRITE_MAX bytes. returns its length.
 * What version 1 cannot say (UNIX) it says as UNKNOWN.
 */
size_t proxy_header_write(const struct proxy_header *h, unsigned version, uint8_t *out);

#endif
