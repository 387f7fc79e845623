/* SPDX-License-Identifier: MIT */
/*
 * client_hello.h - what a TLS client says first: the server it wants and the protocols it offers (RFC 8446 4.1.2, RFC 6066 3,
 * RFC 7301), read from the bytes of its connection without taking part.
 */
#ifndef PROTO_CLIENT_HELLO_H
#define PROTO_CLIENT_HELLO_H

#include "base/types.h"
#include <stdbool.h>

#define CLIENT_HELLO_BYTES_MAX 16384    /* records with their heads; larger ones are refused */

enum client_hello_got {
	CLIENT_HELLO_MORE,              /* all right so far */
	CLIENT_HELLO_OK,
	CLIENT_HELLO_BAD,               /* not a ClientHello, or too large, or wrong inside */
};

struct client_hello {
	char sni[256];                  /* lower case, without a dot at its end; "" : none was named */
	uint8_t alpn[256];              /* names, each after a byte with its length; those that fit */
	uint32_t alpn_bytes;
};

/*
 * client_hello_parse - look at the first n bytes of a connection. Pure; the whole beginning is given each time.
 *
 * *ret is filled in on OK alone. O(n).
 */
enum client_hello_got client_hello_parse(const uint8_t *p, size_t n, struct client_hello *ret);
bool client_hello_offers(const struct client_hello *h, const char *protocol);
/*
 * Does a name fit a pattern: the same without regard to case, or "*.a.b" for exactly one label before ".a.b", or "*" for every
 * name, none included.
 */
bool client_hello_matches(const char *pattern, const char *name);

#endif
