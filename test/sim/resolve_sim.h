/* SPDX-License-Identifier: MIT */
/* resolve_sim.h - names in the simulated world; implements io/resolve.h without threads. */
#ifndef SIM_RESOLVE_SIM_H
#define SIM_RESOLVE_SIM_H

#include "net.h"
#include "io/resolve.h"

/*
 * The name of an address for line_conf: "N.sim", to be given to resolver_ask(). Before it, `dead` addresses are answered where
 * nobody listens. The name is good as long as the network.
 */
void resolve_sim_name(struct net *n, const struct io_addr *addr, unsigned dead, char *buf, size_t buf_bytes);

#endif
