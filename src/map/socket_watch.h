/* SPDX-License-Identifier: MIT */
/*
 * socket_watch.h - the collector of `graph watch`: who talks to whom on this host, sweep by sweep.
 *
 * Read-only: netlink and /proc. Sockets of all network namespaces that may be entered, their processes, units and containers; tracked
 * connections where that is allowed, by which NAT is undone and short connections are seen. Each sweep is bounded in what it reads,
 * and says what it cost.
 */
#ifndef MAP_SOCKET_WATCH_H
#define MAP_SOCKET_WATCH_H

#include "base/buf.h"
#include "graph/sight.h"

struct socket_watch_opts {
	const char *host;               /* what to call this host; NULL or "": its services go by their own names */
	bool namespaces;                /* other network namespaces, too (wants CAP_SYS_ADMIN) */
	bool track;                     /* tracked connections (wants CAP_NET_ADMIN) */
	unsigned links_max;             /* links of /proc a sweep may read; 0: 20,000 */
};

struct socket_watch_cost {
	uint64_t sweeps;
	uint64_t sockets, named;        /* of the last sweep; how many of them have a process */
	uint64_t namespaces, links, tracked, events;
	uint64_t opened;                /* connections that processes were heard to open, in all */
	uint64_t lost;                  /* events that the kernel dropped, in all */
	uint64_t told;                  /* sightings */
	fl_ns cpu, cpu_sum, cpu_max;    /* of the last sweep, of all, of the worst */
	int track_error;                /* 0, or why connections are not tracked: -EPERM, ... */
};

struct socket_watch;
/* 0, -ENOMEM, or -errno when not even our own sockets can be read. */
int socket_watch_new(const struct socket_watch_opts *opts, struct socket_watch **ret);
void socket_watch_free(struct socket_watch *w);         /* NULL is fine */
/*
 * socket_watch_sweep - look once and tell what there is.
 * now      ns since 1970
 * returns  0, -errno, or what take returned
 */
int socket_watch_sweep(struct socket_watch *w, int64_t now, sight_fn *take, void *arg);
const struct socket_watch_cost *socket_watch_cost(const struct socket_watch *w);
/* "sweep 12: 1,204 sockets in 3 namespaces, ...; 2.1 ms of CPU, 1.9 ms on average" */
void socket_watch_say(const struct socket_watch *w, struct buf *out);

#endif
