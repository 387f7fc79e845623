/* SPDX-License-Identifier: MIT */
/*
 * swarm.h - everything that differs from seed to seed, drawn from the seed alone.
 *
 * Swarm testing (Groce et al. 2012): each seed leaves most kinds of trouble out altogether, so that those which are in
 * meet in combinations that a mixture of everything would never show.
 */
#ifndef SIM_SWARM_H
#define SIM_SWARM_H

#include "net.h"
#include "peer.h"

#define SWARM_LINES_MAX 6
#define SWARM_OPS_AUTO UINT32_MAX

/* What control operations may be drawn, and with what weight. */
enum swarm_op {
	OP_FAULT_ADD, OP_FAULT_UPDATE, OP_FAULT_REMOVE, OP_CONF, OP_CUT, OP_CLOSE_LINE, OP_OPEN_LINE, OP_COUNTERS, OP_CONNS, OP_EVENTS,
	OP_COUNT
};

struct swarm {
	uint64_t seed;
	/* Three dice: the same traffic can be played again with another network or other workers. */
	uint64_t traffic_seed, net_seed, ops_seed;
	unsigned lines, workers;
	unsigned conns;                 /* opened during the run */
	unsigned client_ips;
	fl_ns spacing_ns;               /* clients start this far apart, in order; 0: at any time */
	fl_ns trouble_ns;               /* length of the first phase */
	struct net_trouble trouble;
	unsigned lag;                   /* share of turns after which a worker is kept from running, /1000 */
	fl_ns lag_ns_max, cpu_ns_max;
	/* Traffic. */
	uint64_t bytes_max;
	uint32_t chunk_bytes_max, read_bytes_max;
	fl_ns gap_ns_max, read_gap_ns_max;
	unsigned stall, reply, reset;   /* shares of peers, /1000 */
	unsigned ending_weight[PEER_ENDINGS];
	unsigned server_down;           /* share of the time in which a server does not listen */
	/* The proxy. */
	uint32_t conns_max, events_max, pipe_bytes, line_conns_max;
	size_t buffer_bytes;
	unsigned half_close, key_client, unix_lines, v6_lines, named_upstream, dead_upstream;   /* shares of lines, /1000 */
	fl_ns connect_timeout;
	/* Faults and control. */
	unsigned stop_at_once;          /* share of runs that end in the middle */
	unsigned ops;
	unsigned op_weight[OP_COUNT];
	uint32_t fault_kinds;           /* mask of the kinds in play */
	unsigned fault_scoped, fault_leased, fault_partial;     /* shares of faults, /1000 */
	unsigned fault_timed;           /* share of the scoped ones that have a window or a duty cycle */
	int64_t fault_ms_max;
	unsigned faults_at_start;
};

/* ops: number of control operations, or SWARM_OPS_AUTO. */
void swarm_draw(struct swarm *s, uint64_t seed, uint32_t ops);
/* A network without trouble, but with the buffers of the seed. */
struct net_trouble swarm_calm(const struct swarm *s);
void swarm_print(const struct swarm *s);
/* A peer's plan. */
struct peer_plan swarm_plan(const struct swarm *s, struct rnd *r, bool server);

#endif
