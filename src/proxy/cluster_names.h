/* SPDX-License-Identifier: MIT */
/* cluster_names.h - the addresses that an upstream of a cluster stands for. */
#ifndef PROXY_CLUSTER_NAMES_H
#define PROXY_CLUSTER_NAMES_H

#include "proxy/cluster.h"

struct cluster_names {
	bool is_name;                           /* not a literal: to be looked up */
	unsigned count;
	struct io_addr addrs[RESOLVE_ADDRS_MAX];
	struct io_addr others[RESOLVE_ADDRS_MAX];       /* of the other family, for the same instance; len 0: none */
};

/* One more, unless it is there or there is no room. */
void cluster_names_add(struct cluster_names *n, const struct io_addr *addr);
void cluster_names_more(struct cluster_names *n, const struct io_addr *addr, const struct io_addr *other);
/*
 * What a look-up has found, in an order of ours: servers of names turn theirs. A name that has addresses of both families has them for the
 * same instances: those of the first family stand for it, and each has one of the other to turn to.
 */
void cluster_names_set(struct cluster_names *n, const struct io_addr *addrs, unsigned count);
bool cluster_names_equal(const struct cluster_names *a, const struct cluster_names *b);

/*
 * Look up the names that stand for nothing yet, all at once, and wait for the answers; not for long, and not at all when the resolver has
 * its hands full: a file of many lines must not wait for each. Control side.
 */
void cluster_names_wait(struct resolver *r, const struct cluster_upstream *upstreams, struct cluster_names *names, unsigned count,
    fl_ns limit);

#endif
