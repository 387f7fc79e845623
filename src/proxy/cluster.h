/* SPDX-License-Identifier: MIT */
/*
 * cluster.h - the instances of a service as a line sees them: which there are, which may be used, and which is next.
 *
 * Shared by all workers and by configurations that follow one another; instances keep their state (breaker, ejection, health,
 * latency) over reloads and new DNS answers as long as their address stays. What is hot is atomic; the set of instances is an
 * immutable array that is swapped, readers hold a reference for as long as a call lasts.
 */
#ifndef PROXY_CLUSTER_H
#define PROXY_CLUSTER_H

#include "io/addr.h"
#include <stdatomic.h>
#include <stdbool.h>

struct fl_breaker;
struct fl_permit;
struct fl_refusal;
struct tls_ctx;
struct worker;
struct crew;

#define CLUSTER_INSTANCES_MAX 1024
#define CLUSTER_TRIED_MAX 8

struct cluster;
struct instance;                        /* one host:port; counted by reference */

/* What a call wants of the next instance. */
struct cluster_ask {
	fl_ns now;
	uint64_t draw;                  /* random bits for the choice: of (seed, line, request, attempt) */
	uint64_t hash_key;              /* for ring hash */
	struct instance *tried[CLUSTER_TRIED_MAX];      /* not these, if there is another */
	unsigned tried_count;
	unsigned cell;                  /* worker index */
	bool probe_only;
};

#endif
