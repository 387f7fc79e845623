/* SPDX-License-Identifier: MIT */
/*
 * span_peer.h - whom a span calls, from its own attributes: the keys of old and new conventions, in the order in which they are believed
 *
 * doc/graph-spans.md has the table. A name that a person gave comes first, then the address that was called, then the address that was
 * connected to, then what a database or a broker calls itself. What says nothing ("unknown", "localhost" as a name) is no name.
 */
#ifndef GRAPH_SPAN_PEER_H
#define GRAPH_SPAN_PEER_H

#include "graph/span_rows.h"
#include "proto/span.h"

enum span_peer_type { SPAN_PEER_NONE, SPAN_PEER_EXTERNAL, SPAN_PEER_DATASTORE, SPAN_PEER_BROKER };

struct span_peer {
	enum span_peer_type type;
	struct span_text name;          /* given by a person, or the last resort when there is no host */
	struct span_text host;          /* lower case, in host_mem */
	uint16_t port;                  /* 0: not known */
	struct span_text system;        /* "postgresql", "kafka" */
	struct span_text part;          /* the database, or the destination */
	char host_mem[256];
};

/* Which protocol a span is of, as far as it says. */
enum span_protocol span_protocol_of(const struct span *s);
/* false: it calls nobody whom it can name. resource: where the database may be named, too. */
bool span_peer_read(const struct span *s, const struct span_attrs *resource, enum span_protocol protocol, struct span_peer *ret);
/* The address at which a server span was called, into host and port. */
bool span_peer_own(const struct span *s, struct span_peer *ret);
/* Who called a server span, when its sender has a name for it. */
bool span_peer_named_caller(const struct span *s, struct span_peer *ret);
/* IPv4 of who called a server span, 0: not known. */
uint32_t span_peer_caller(const struct span *s);
/* "10.0.0.1" to a number, 0: it is none. */
uint32_t span_peer_ipv4(struct span_text t);
/* Does the host consist of an address and not of a name? */
bool span_peer_numeric(const char *host, size_t n);
/* A look-up, a connect, a file: not a call, whatever its kind says. */
bool span_peer_noise(const struct span *s);
/* A health check, a scrape: not a user. */
bool span_peer_probe(const struct span *s);

#endif
