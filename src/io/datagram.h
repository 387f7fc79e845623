/* SPDX-License-Identifier: MIT */
/* datagram.h - one message to a socket of datagrams, as a log takes them. */
#ifndef IO_DATAGRAM_H
#define IO_DATAGRAM_H

#include "io/addr.h"

/* Send n bytes as one datagram; never blocks. to: an address, or a path as addr_parse() reads "unix:/PATH". 0 or -errno. */
int datagram_send(const struct io_addr *to, const void *p, size_t n);

#endif
