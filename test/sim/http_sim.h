/* SPDX-License-Identifier: MIT */
/*
 * http_sim.h - a run of one seed with HTTP lines: clients, the real proxy, servers, and what is known of every request.
 *
 *      phase 1  trouble: requests, network and servers that misbehave, operations on the lines
 *      phase 2  calm: no more trouble; every client gets what it waits for, or a lawful end
 *      phase 3  healing: each line must come to serve request after request again
 *      phase 4  the end: lines are closed, nothing is left of memory, sockets and counts
 */
#ifndef SIM_HTTP_SIM_H
#define SIM_HTTP_SIM_H

#include "http_swarm.h"
#include "http_wire.h"
#include "sched.h"

struct web;
struct web_client;
struct web_server;
struct web_line;
struct line;
struct line_conf;
struct http_keep;
struct http_stats;
struct proxy;
struct resolver;

/* What one configuration of a line allows. The most that any of its routes does. */
struct web_facts {
	unsigned attempts;              /* with the first; without hedges */
	unsigned hedges;
	bool unsafe;                    /* requests that are not idempotent may be repeated */
	bool fallback_upstreams, fallback_own, rehearses, stale;
	bool refuses;                   /* some policy refuses */
	bool rate_limit;
	bool budgeted;                  /* every route has a budget that is enforced; these are the most that one gives */
	double budget_max, budget_share, budget_per_second;
	unsigned bulkhead;              /* calls at once, all routes together; 0: no limit */
	bool own_bulkhead;              /* while it is drawn */
	bool endless;                   /* a route without a total time limit */
	fl_ns total;                    /* the longest */
	fl_ns soonest;                  /* the shortest limit of all: nothing times out before */
	fl_ns cut_after;                /* the shortest that may end an answer under way */
	fl_ns idle_timeout, head_timeout, body_timeout;
};

#define WEB_VERSIONS_MAX 64
struct web_version {
	fl_ns since;
	struct web_facts facts;
	struct line_conf *conf;         /* a reference */
};

struct web_line {
	unsigned number;
	char name[32];
	struct io_addr wanted, listen;
	struct line *line;              /* NULL: closed */
	struct { struct listener *listener; fl_ns since; } lives[32];
	unsigned life_count;
	struct web_version versions[WEB_VERSIONS_MAX];
	unsigned version_count;
	char *text;                     /* of the latest, as it was written */
	bool handled;                   /* instances were drained or forced by hand */
	unsigned served_in_a_row;       /* phase 3 */
};

/* One answer that a server began to give. */
struct web_answer {
	uint64_t serial;                /* place + 1 in web.answers */
	struct web_request *request;
	struct wire_out *out;
	unsigned status;
	enum wire_framing framing;
	bool no_body;
	uint64_t key, body_bytes;       /* what a client that gets all of it has got */
	bool spoiled;                   /* the server broke it off, or it was never going to be whole */
	bool ended;                     /* by a close, as if that were all */
	struct wire *wire;
};

struct web_request {
	uint64_t id;                    /* place + 1 in web.requests */
	struct web_client *client;
	struct web_line *line;
	unsigned place;                 /* on its connection, from 1 */
	unsigned version;               /* of the line, when it began */
	const char *method;
	char target[64];
	bool idempotent, head_only, expects, upgrade, keyed, closes, probe;
	enum wire_framing framing;
	uint64_t key, body_bytes;
	uint64_t tunnel_bytes;          /* that it says after an upgrade */
	fl_ns deadline;                 /* that it told; 0: none */
	fl_ns begun, head_sent, sent;   /* 0: not yet */
	/* at the servers */
	unsigned heads;                 /* whole heads that arrived */
	unsigned fell;                  /* on connections used before, that ended without a byte of an answer */
	unsigned served;                /* answers begun */
	/* at the client */
	unsigned status;                /* 0: no head of an answer */
	struct web_answer *answer;      /* a server's */
	bool begun_answer, answered, recorded, lost;
};

struct web {
	struct world *world;
	struct net *net;
	struct sched sched;
	const struct http_swarm *swarm;
	struct proxy *proxy;
	struct resolver *resolver;
	struct http_keep *keep;
	struct rnd traffic, ops, behaviour;
	struct web_line lines[HTTP_SWARM_LINES_MAX];
	struct web_server *servers;     /* swarm->servers of them */
	struct web_client *clients;     /* list */
	unsigned client_count;
	struct web_request **requests;
	uint64_t request_count, request_room;
	struct web_answer **answers;
	uint64_t answer_count, answer_room;
	struct http_stats *stats[512];  /* every one that a configuration had; references */
	unsigned stats_count;
	bool calm, healing;
	unsigned probing;               /* probes under way */
	/* sums over records, and what is known of requests that leave none */
	uint64_t records, record_attempts, record_degraded, record_request_bytes, record_response_bytes, record_status[6];
};

/* ---- the ledger: http_ledger.c ---- */

struct web_request *web_request_new(struct web *x);
struct web_request *web_request_get(const struct web *x, uint64_t id);         /* NULL: nobody made it */
struct web_answer *web_answer_new(struct web *x);
struct web_answer *web_answer_get(const struct web *x, uint64_t serial);
/* The loosest of the configurations that the request may have met. */
struct web_facts web_facts_of(const struct web_request *q);
/* A request's head has arrived at a server: may it? first: the first on its connection. */
void web_check_arrival(struct web *x, struct web_request *q);
/* The head of an answer has arrived at its client. */
void web_check_answer(struct web *x, struct web_request *q, const struct wire_in *m);
void web_check_body(struct web *x, const struct web_request *q, const uint8_t *p, size_t n, uint64_t at);
/* The client takes the answer for whole. */
void web_check_whole(struct web *x, struct web_request *q, const struct wire_in *m);
/* The client's connection ended with this request unanswered. */
void web_check_loss(struct web *x, struct web_request *q, bool reset);

#endif
