/* SPDX-License-Identifier: MIT */
/*
 * upconn.h - connections to instances: made, lent to an attempt, kept idle for the next, closed.
 *
 * Everything is the worker's own, but the counts of connections per instance, which are of all workers.
 *
 * Invariants
 *  (1) A connection is idle (in its instance's list, no user) or lent (a user, no list) or closing (neither).
 *  (2) Bytes, or an end, on an idle connection close it: nobody asked for them.
 *  (3) An instance that has an address of each family is connected to at the one it was reached at last, then at the other: its user
 *      is told of the second failure alone.
 */
#ifndef PROXY_UPCONN_H
#define PROXY_UPCONN_H

#include "proto/proxy_header.h"
#include "proxy/cluster.h"
#include "proxy/http_out.h"

struct upconn;

/*
 * Who a connection is lent to; the first member of its object. Events are those of the socket, but never IO_CLOSED. IO_SENT: there may
 * be room in conn->out again; res -errno: it is broken. IO_RECV with an error may also be a fault's doing.
 */
struct upconn_user {
	void (*event)(struct worker *w, struct upconn_user *u, struct upconn *c, const struct io_event *ev);
};

struct upconn {
	struct sink sink;
	struct io_sock *sock;
	struct upconn_user *user;
	struct instance *instance;              /* a reference */
	const struct io_addr *at;               /* of its addresses */
	struct http_out out;
	struct list link;                       /* of the instance's idle ones */
	struct list age;                        /* of the worker's idle ones, the oldest first */
	struct upconn_greeting *greeting;       /* to be sent before anything else; NULL: none (any more) */
	fl_ns opened, idle_since;
	uint32_t requests;                      /* made on it, this one too */
	bool connecting, closing, reused;
	bool second;                    /* (3): at the address that is tried second */
	bool turning;                   /* the first socket closes, then comes the second */
};

struct upconn_pools;
int upconn_pools_new(uint32_t conns_max, struct upconn_pools **ret_upools);        /* 0 or -ENOMEM */
void upconn_pools_free(struct worker *w);                   /* the worker's; after its io, before its memory */

/*
 * upconn_get - a connection to the instance, lent to user.
 * header     whose connection it is, for instances that are told by the PROXY protocol; NULL: not known, or our own
 * returns    1: it is there (used before: it may turn out to be dead); 0: connecting, IO_CONNECT follows; -EAGAIN: as many as
 *            allowed; -EBUSY: likewise, but another worker was asked to close one that it does not use; -errno
 */
int upconn_get(struct worker *w, struct instance *i, struct upconn_user *user, const struct proxy_header *header,
    struct upconn **ret_conn);
/* Is there an idle one? */
bool upconn_has_idle(const struct worker *w, const struct instance *i);
/* The faults of the line's stream towards the server act on it, from now on. 0 or -errno: a fault ends it. */
int upconn_faults(struct worker *w, struct upconn *c, struct fault_set *set, const struct decide_conn *key, const struct http_who *who);
/* Give it back after a whole answer: kept if it may be reused. Receiving must be stopped or wanted by nobody; no send in flight. */
void upconn_release(struct worker *w, struct upconn *c, bool reusable);
/* Close it. The user sees no more of it. */
void upconn_drop(struct worker *w, struct upconn *c, bool reset);

#endif
