/* SPDX-License-Identifier: MIT */
/*
 * cluster.h - the instances of a service as a line sees them: which there are, which may be used, and which is next.
 *
 * Shared by all workers and by configurations that follow one another. What is hot is atomic. The set of instances is an immutable
 * array; every worker has its own pointer to the current one and swaps it between turns when a new one is posted to it, so that a
 * pick needs no lock and no reference.
 *
 * Worker 0 is the cluster's home: it looks names up anew, makes health checks, and ticks outlier ejection.
 *
 * Invariants
 *  (1) An instance lives while a set, a connection or a call refers to it.
 *  (2) An instance whose address stays keeps its breaker, its latency and its counters over new answers of the DNS, and over
 *      configurations if what is asked of the breaker is the same; likewise what ejection and checks think of it. Whoever was taken
 *      out by hand stays out.
 */
#ifndef PROXY_CLUSTER_H
#define PROXY_CLUSTER_H

#include "base/list.h"
#include "faultline/balance.h"
#include "faultline/breaker.h"
#include "faultline/outlier.h"
#include "proxy/worker.h"

#define CLUSTER_INSTANCES_MAX 1024
#define CLUSTER_TRIED_MAX 8
#define CLUSTER_NAME_MAX 128

struct tls_ctx;
struct cluster;
struct health;

/* One of the upstreams in the configuration: a literal, unix:path, or a name that stands for as many instances as it has addresses. */
struct cluster_upstream {
	char address[300];
	char host[256];                         /* of it: what its certificate must be for. cluster_new() fills it in */
	double weight;
	bool local;                             /* in our zone */
	unsigned priority;
	uint32_t connections_max;               /* 0: the pool's */
};

struct cluster_health_conf {
	bool on, tcp;
	char path[256], host[256];
	fl_ns interval, timeout;
	uint32_t rise, fall;
	uint16_t status_min, status_max;
};

struct cluster_pool_conf {
	uint32_t idle_max;                      /* kept per instance and worker */
	fl_ns idle_timeout, lifetime;           /* lifetime 0: none */
	uint32_t requests_max;                  /* on one connection; 0: none */
	uint32_t connections_max;               /* per instance, all workers; 0: none */
};

struct cluster_conf {
	char name[CLUSTER_NAME_MAX];
	uint64_t seed;
	unsigned workers;
	unsigned count;
	const struct cluster_upstream *upstreams;       /* copied */
	fl_ns dns_refresh;
	struct fl_balance_opts balance;
	char hash_header[64];                   /* ring hash: "" the client's address */
	fl_ns ewma_half_life;
	double panic;
	struct cluster_pool_conf pool;
	struct cluster_health_conf health;
	bool outlier_on, breaker_on;
	struct fl_outlier_opts outlier;
	struct fl_breaker_opts breaker;
	struct tls_ctx *tls;                    /* a reference is taken; NULL: plain */
	char tls_name[256];
	uint8_t send_proxy;
	struct fl_listener listener;            /* changes of instances' states; any worker's thread */
	struct resolver *resolver;              /* for a first answer before the cluster is used; NULL: the first calls may come too early */
	fl_ns now;                              /* io clock: instances that join a cluster that was there begin slowly */
};
void cluster_conf_init(struct cluster_conf *c, const char *name);      /* the defaults */

/* What ejection and health checks think of an address. It stays with it as long as they are asked for in the same way. */
struct cluster_jury;
struct instance_judge {
	atomic_uint refs;
	struct cluster_jury *jury;              /* a reference */
	struct fl_outlier_host host;
	_Atomic int32_t health_state;           /* 0 not checked yet, 1 good, -1 bad */
	_Atomic int32_t health_status;          /* of the last check: a status, 0 connected, or -errno */
	_Atomic int64_t health_at;
};

/* What stays with an address. */
struct instance_core {
	atomic_uint refs;
	struct fl_breaker *breaker;             /* NULL: none */
	_Atomic double latency;                 /* ns, peak EWMA */
	_Atomic int64_t latency_at;
	atomic_uint_fast64_t requests, failures, connect_failures, timeouts;
};

/* Idle connections of one worker to an instance. */
struct instance_seat {
	_Alignas(64) struct list idle;          /* of struct upconn, the latest used first */
	uint32_t idle_count;
	atomic_uint_fast64_t picked;            /* one writer */
};

struct instance {
	atomic_uint refs;
	struct cluster *cluster;                /* outlives it */
	struct io_addr addr;
	struct io_addr other;                   /* its address of the other family; len 0: none */
	atomic_bool other_first;                /* that is where it was reached last */
	char text[ADDR_TEXT_MAX];
	uint64_t id;
	double weight;
	unsigned priority;
	unsigned upstream;                      /* that it came from */
	bool local;
	uint32_t conns_max;
	struct instance_core *core;
	struct instance_judge *judge;           /* NULL: nobody judges it */
	_Atomic int64_t back_at;                /* when it joined, for slow start; INT64_MIN: with the cluster */
	atomic_bool draining;                   /* by hand */
	atomic_bool gone;                       /* no longer in the set: connections end when they are free */
	_Alignas(64) atomic_int_fast32_t inflight;      /* calls */
	atomic_int_fast32_t conns;              /* connections, idle ones too */
	atomic_int_fast32_t idle;
	struct health *health;                  /* home worker */
	struct instance_seat seats[];           /* by worker */
};

/* before: whose instances to take over; NULL: none. 0 or -errno (-EINVAL: an upstream that cannot be read). */
int cluster_new(const struct cluster_conf *conf, struct cluster *before, struct cluster **ret_cluster);
struct cluster *cluster_ref(struct cluster *c);
void cluster_unref(struct cluster *c);          /* NULL is fine */
const struct cluster_conf *cluster_conf_of(const struct cluster *c);
/* Those who choose now use all instances, fit or not; or they do so no more. returns what was noted before. Any worker. */
bool cluster_note_panic(struct cluster *c, bool panic);
/* What the instance's certificate must be for, and what is asked for; "": nothing is. */
const char *cluster_tls_name(const struct instance *i);

/* Where to connect to: where it was reached last, and (second) its other address. second: NULL if it has none. */
const struct io_addr *cluster_address(const struct instance *i, bool second);
/* It was reached there. */
void cluster_reached(struct instance *i, const struct io_addr *at);

/* A worker begins and ceases to use it, counted: for cluster_use.c. true: it did not use it before. */
bool cluster_attach(struct worker *w, struct cluster *c);
void cluster_detach(struct worker *w, struct cluster *c);
bool cluster_used(const struct worker *w, const struct cluster *c);
struct cluster_watch;
struct cluster_watch **cluster_watch_of(struct cluster *c);     /* home worker */

/* The instances as the worker sees them, until its next turn, and the balance over them. */
unsigned cluster_instances(struct worker *w, struct cluster *c, struct instance ***ret_items);
struct fl_balance *cluster_balance(const struct worker *w, const struct cluster *c);

/* What the attempt came to, for breaker, ejection and latency. */
struct cluster_result {
	enum fl_outcome outcome;
	bool connect_failed, timed_out;
	fl_ns began, latency;
};
void cluster_done(struct worker *w, struct instance *i, const struct fl_permit *permit, const struct cluster_result *r, fl_ns now);
struct instance *cluster_hold(struct instance *i);
void cluster_let_go(struct instance *i);        /* may free it */

/* ---- for the control side; any thread ---- */

/* The instances as they are now, held until cluster_look_away(). */
struct set;
struct cluster_sight {
	struct set *set;
	struct instance *const *items;
	unsigned count;
};
unsigned cluster_look(struct cluster *c, struct cluster_sight *ret_sight);
void cluster_look_away(struct cluster_sight *s);
/* Take an instance out, or put it back. 0 or -ENOENT. */
int cluster_drain(struct cluster *c, const char *address, bool drain);
/* Force its breaker. 0, -ENOENT, -ENOTSUP: it has none. */
int cluster_force(struct cluster *c, const char *address, enum fl_breaker_state s, fl_ns now);

/* ---- for cluster_watch.c ---- */

/* New addresses of upstream u; count 0: none, keep what there is. Home worker. 0 or -ENOMEM. */
int cluster_set_addresses(struct worker *home, struct cluster *c, unsigned u, const struct io_addr *addrs, unsigned count);
unsigned cluster_stands(const struct cluster *c, unsigned u);      /* how many addresses upstream u stands for now. Home worker */
void cluster_tell_again(struct worker *home, struct cluster *c);   /* the set, to workers whose mailbox was full. Home worker */
struct fl_outlier *cluster_outlier(const struct cluster *c);       /* NULL: none */
struct fl_outlier *cluster_outlier_of(const struct instance *i);   /* likewise */

#endif
