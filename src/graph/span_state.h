/* SPDX-License-Identifier: MIT */
/*
 * span_state.h - what the parts of the engine of spans.h share
 *
 * Invariants
 *  (1) service[i], address[i], peer[i] and so on are of id i + 1 of the table of that name.
 *  (2) An address whose claims disagree is SPAN_AMBIGUOUS until names are forgotten: several services stand behind it.
 */
#ifndef GRAPH_SPAN_STATE_H
#define GRAPH_SPAN_STATE_H

#include "graph/span_held.h"
#include "graph/span_intern.h"
#include "graph/span_peer.h"
#include "graph/span_rows.h"
#include "graph/spans.h"

#define SPAN_AMBIGUOUS UINT32_MAX
#define SPAN_LEFT_LINKS 4u      /* of a span that waits for what it links to */

/* A line that was told of one call, and is not so. */
struct span_back {
	uint32_t told;                  /* in told_lines */
	uint8_t source, protocol;
	bool error;
	uint64_t latency;
	int64_t at;
};

/* Key: its namespace, NUL, its name. */
struct span_service {
	uint64_t spans;                 /* since told */
	int64_t first, last;            /* since told */
	uint32_t own;                   /* addresses claimed by its own word */
	uint8_t source;
};

/* Key: host, NUL, port as text; without a port it stands for the host. */
struct span_address {
	uint32_t host;                  /* its own id when it has no port */
	uint32_t paired;                /* the service that answered calls to it, 0, or SPAN_AMBIGUOUS */
	uint32_t own;                   /* the service that says it is called so; counts when nobody answered */
	uint32_t claimant, rival;       /* who came first, and who made it ambiguous */
	uint32_t told, told_rival;      /* of whom it was told */
	uint16_t typed_port;            /* of a host: the port of a database or broker there */
	uint16_t parts;                 /* of a host: databases or destinations named so far */
	bool crowded;                   /* of a host: there are several such ports */
	bool numeric;
	bool direct;                    /* claimed as it is, and not only as the host of an address with a port */
	bool dirty;                     /* in dirty[] */
};

/* Key: type, name, system, part, host, port, each with a NUL behind it. */
struct span_peer_info {
	enum span_peer_type type;
	uint32_t name, system, part;    /* offsets into peers.bytes; "" when there is none */
	uint32_t address;               /* id, 0 none */
};

struct spans {
	struct spans_opts opts;
	char where[256];
	struct spans_counts counts;
	struct span_intern services, bare, addresses, peers, pods;
	struct span_intern brokers;     /* system, NUL, destination: where that is, for those who do not say */
	struct span_service *service;
	uint32_t *bare_service;         /* of a name alone: the one service of it, or SPAN_AMBIGUOUS */
	uint32_t *broker_address;       /* or SPAN_AMBIGUOUS */
	uint32_t *pod_service;          /* of an IPv4 address of a pod, likewise */
	struct span_address *address;
	struct span_peer_info *peer;
	uint32_t *dirty, dirty_count;   /* addresses whose meaning changed since told */
	struct span_intern facts;       /* of resources: service, key, value; told in the order of ids */
	uint32_t facts_told;
	struct span_intern told;        /* what is told once only */
	struct span_held held;
	struct span_rows rows;
	struct span_line *lines;        /* scratch for telling */
	struct span_peer scratch;
	char key[2048];                 /* scratch for keys */
	fl_ns now, changed;             /* changed: when the halves last changed places */
	fl_ns looked;                   /* when those were last counted that had their time of grace */
	uint32_t look_count;            /* how many there were then, in the half that was young */
	uint64_t look_changes;
	bool graces;
	uint32_t mark, mark_links;      /* where the batch began in the young half */
	uint64_t mark_changes;
	const struct span_attrs *resource;
	uint32_t current;               /* service of the resource, 0 none */
	bool current_noted;
	struct span_left *left;         /* settled alone, until told */
	uint32_t left_count;
	struct span_back *backs;        /* until told */
	uint32_t back_count;
	struct span_intern told_lines;  /* of spans taken up again: from, its space, to, its space, each with a NUL behind it */
	bool full;                      /* of names: everything is settled, told and forgotten */
	bool tell_again;                /* the last telling was not followed by spans_told() */
};

#endif
