/* SPDX-License-Identifier: MIT */
/*
 * addr.h - socket addresses as text and back; no look-ups of names (resolve.h does those).
 *
 * Text forms: "127.0.0.1:80", "[::1]:80", ":80" (all interfaces, dual stack), "unix:/run/x.sock", "unix:@abstract".
 */
#ifndef IO_ADDR_H
#define IO_ADDR_H

#include "base/types.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

struct io_addr {
	socklen_t len;          /* 0: none */
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	};
};

#define ADDR_TEXT_MAX 160

/* An IP literal with a port, or unix:. 0; -EINVAL not such an address (a host name, say). */
int addr_parse(const char *s, struct io_addr *ret_addr);
/*
 * Split "host:port" as Go's net.SplitHostPort does. host_max, port_max: sizes of the outputs.
 * 0; -EINVAL missing port; -E2BIG too many colons or too long.
 */
int addr_split(const char *s, char *ret_host, size_t host_max, char *ret_port, size_t port_max);
/* Text form; IPv6 in brackets, the wildcard dual-stack address as "[::]:N". Returns buf. */
char *addr_format(const struct io_addr *a, char *buf, size_t buf_bytes);
/* The host part alone ("" for unix). Returns buf. */
char *addr_host(const struct io_addr *a, char *buf, size_t buf_bytes);
uint16_t addr_port(const struct io_addr *a);            /* 0 for unix */
bool addr_equal(const struct io_addr *a, const struct io_addr *b);
/* The IP as 16 bytes, IPv4 mapped into ::ffff:0:0/96. False for unix. */
bool addr_ip16(const struct io_addr *a, uint8_t ret_ip[16]);
void addr_from_ip16(const uint8_t ip[16], uint16_t port, struct io_addr *ret_addr);     /* the way back */

#endif
