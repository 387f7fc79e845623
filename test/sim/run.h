/* SPDX-License-Identifier: MIT */
/*
 * run.h - one run of one seed: a network, servers, clients, and the proxy (or the relay) between them.
 *
 * Phase 1: traffic, trouble on the network, control operations; the safety rules of conn.h are checked as bytes arrive.
 * Phase 2: no more trouble on the network, every peer reads on and ends its connection, and faults that hold bytes for ever
 * are gone: everything must come to an end, slowly perhaps. (Half of the seeds; the others take all faults away first, which
 * is another way to the end.)
 * Phase 3: no faults; every connection is over, and all memory is given back.
 */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "conn.h"
#include "proxy/line.h"
#include "sched.h"
#include "swarm.h"

struct run;
struct proxy_event;

/* What relays: the proxy, or the harness's own relay. */
struct subject {
	const char *name;
	void (*start)(struct run *r);
	/* Open the line; the address is in line->listen afterwards. 0 or -errno. */
	int (*line_open)(struct run *r, struct sim_line *l);
	/* One turn of the worker whose struct io has this number. */
	void (*turn)(struct run *r, unsigned worker);
	/* A control operation, or NULL. */
	void (*operate)(struct run *r);
	/* Faults that hold bytes for ever go; or all of them. Lines are open. */
	void (*unblock)(struct run *r);
	void (*calm)(struct run *r);
	/* Connections that have not ended. */
	uint64_t (*open_conns)(struct run *r);
	/* Everything has ended: check that nothing is left over. */
	void (*audit)(struct run *r);
	/* Stop; connections may be open. */
	void (*finish)(struct run *r);
	uint64_t (*closed)(struct run *r, struct sim_line *l, enum line_close reason);
	bool (*identity)(struct run *r, struct conn *c, struct decide_conn *ret_conn);
	bool (*mate)(void *server_ud, void *client_ud);
};
extern const struct subject subject_relay, subject_proxy;

struct sim_server {
	struct run *run;
	struct io_addr addr;
	struct listener *listener;      /* NULL while it is down */
};

/* A line as the harness wants it. */
struct sim_line {
	unsigned number;
	struct sim_server *server;      /* NULL: the upstream is an address or a name that is nobody's */
	bool named;                     /* the upstream is given as a name */
	struct io_addr wanted;          /* to listen on */
	struct io_addr listen;          /* really */
	bool open;
	bool half_close;
	struct fault_set *faults;       /* NULL: no faults are ever there (the relay) */
	void *subject;
};

struct run {
	struct world *world;
	struct net *net;
	const struct swarm *swarm;
	const struct subject *subject;
	void *state;                    /* of the subject */
	struct rnd traffic, ops;
	struct sim_line lines[SWARM_LINES_MAX];
	struct sim_server servers[SWARM_LINES_MAX];
	struct conn *conns;
	unsigned conn_count;
	void (*on_event)(void *ud, const struct proxy_event *e);        /* takes the proxy's events; may be NULL */
	void *on_event_ud;
	bool calm;                      /* phases 2 and 3 */
	bool over_before_calm;          /* every connection ended in phase 1 */
	struct sched sched;
};

struct run_result {
	uint64_t hash;                  /* of all that happened */
	uint64_t notes;
	fl_ns took;                     /* virtual */
	bool over_before_calm;          /* every connection ended in phase 1 */
};

struct run_opts {
	bool verbose;
	const char *repeat;
	bool lose_a_byte;               /* the canary */
	void (*on_event)(void *ud, const struct proxy_event *e);
	void *on_event_ud;
};
struct run_result run_seed(const struct swarm *s, const struct subject *subject, const struct run_opts *opts);

uint64_t run_closed(struct run *r, struct sim_line *l, enum line_close reason);
bool run_identity(struct run *r, struct conn *c, struct decide_conn *ret_conn);

#endif
