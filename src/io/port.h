/* SPDX-License-Identifier: MIT */
/*
 * port.h - TCP ports for servers that must be told a number.
 *
 * Ports are taken from below the system's ephemeral range: no outgoing connection can land on them, so a server that is
 * restarted gets its port back, and a connection to it while it is down cannot meet itself. A reservation keeps other
 * Faultline processes of this network namespace away; it ends with the process.
 */
#ifndef IO_PORT_H
#define IO_PORT_H

#include "base/types.h"

/*
 * port_reserve - a port that nobody listens on, on any address.
 * ret_lock   a descriptor that holds the reservation; close() it when the port is not needed any more
 * returns    the port, or -errno (-EADDRINUSE: none found)
 */
int port_reserve(int *ret_lock);

#endif
