/* SPDX-License-Identifier: MIT */
/*
 * listen.h - where a line listens: text to address as Go's net.Listen reads it, and the errors in Go's words.
 *
 * "127.0.0.1:80", "localhost:80", ":http", "" (any port on all interfaces), "0.0.0.0:80" (dual stack, as "[::]:80"), "unix:/path".
 */
#ifndef CONTROL_LISTEN_H
#define CONTROL_LISTEN_H

#include "io/addr.h"
#include "io/resolve.h"

#define LISTEN_ERROR_MAX 512

/* Who is told when a look-up that was under way is done: any thread may call it. */
struct listen_lookup {
	struct resolver *resolver;
	void (*done)(void *ud);
	void *ud;
};

/*
 * listen_resolve - text to the address meant. Wildcards become the IPv6 wildcard.
 * error     LISTEN_ERROR_MAX bytes; set on -EINVAL: "address nonsense: missing port in address"
 * returns   0; -EINVAL; -EINPROGRESS: a name is being looked up, lookup->done will be called, then ask again
 */
int listen_resolve(const struct listen_lookup *lookup, const char *text, char *error, struct io_addr *ret_addr);

/*
 * listen_bind - bind an address that listen_resolve() gave.
 * text      what was asked for, for the error: "listen tcp 127.0.0.1:80: bind: address already in use"
 * ret_token to be given to io_listen() or proxy_line_open()
 * returns   0 or -errno with error set
 */
int listen_bind(const char *text, const struct io_addr *addr, char *error, int *ret_token, struct io_addr *ret_bound);

/* Do both mean the same place? All wildcards are one; port 0 is never the same as anything. */
bool listen_same(const struct io_addr *a, const struct io_addr *b);

/* Go's words for an errno: "address already in use". buf of 64 bytes. */
const char *listen_errno_text(int err, char *buf);

#endif
