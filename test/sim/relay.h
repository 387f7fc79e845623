/* SPDX-License-Identifier: MIT */
/*
 * relay.h - the smallest correct relay on io.h: no faults, no control. It shows that the virtual network itself neither
 * loses nor invents anything, before the proxy is tried on it, and that a defect in the network is found.
 */
#ifndef SIM_RELAY_H
#define SIM_RELAY_H

#include "io/io.h"

struct relay;
struct relay *relay_new(uint32_t socks_max);
/* Relay what is accepted on the token to upstream. 0 or -errno. */
int relay_line(struct relay *r, int token, const struct io_addr *upstream);
/* One turn. */
void relay_turn(struct relay *r);
void relay_free(struct relay *r);
/* Connections it has. */
uint32_t relay_conns(const struct relay *r);
/* For io_sim_set_mate(). */
bool relay_mate(void *server_ud, void *client_ud);

#endif
