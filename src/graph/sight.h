/* SPDX-License-Identifier: MIT */
/*
 * sight.h - one thing that a source says of the map
 *
 * Every source (a declaration, our own lines, sockets, spans, logs) speaks in sightings, and whoever keeps them takes them one
 * by one: the store that remembers, or an estate that is built at once. A sighting says who says so and when it was so; it is
 * never merged with what another source says, so that every line of the map can tell its evidence.
 *
 * 1. Text belongs to whoever tells it and is valid during the call only. NULL and "" are the same: not known. Names are what the
 *    source calls a thing; the table of aliases and the addresses of instances make them one (identity belongs to the store).
 * 2. Times are nanoseconds since 1970 of when it was so ("valid time"), not of when we learned it; 0 is not known.
 * 3. A source that has no word for a thing leaves it out; nothing is made up. What is assumed later is shown as assumed.
 */
#ifndef GRAPH_SIGHT_H
#define GRAPH_SIGHT_H

#include <stdbool.h>
#include <stdint.h>

enum sight_what {
	SIGHT_NODE,                     /* there is a service of this name */
	SIGHT_LINE,                     /* FROM depends on TO */
	SIGHT_GROUP,                    /* FROM depends on K of MEMBERS */
	SIGHT_FACT,                     /* KEY is VALUE of a node (NAME), or of a line (FROM, TO) */
	SIGHT_INSTANCE,                 /* NAME has an instance at ADDRESS */
	SIGHT_ALIAS,                    /* NAME is another word for TO, because of VALUE */
	SIGHT_RULE,                     /* a line from FROM to TO (patterns with *) is forbidden (VALUE "deny") or expected ("allow") */
	SIGHT_COVER,                    /* the source looked at NAME from FIRST to LAST: what it did not see was not there */
};

enum sight_kind { SIGHT_KIND_UNKNOWN, SIGHT_SERVICE, SIGHT_DATASTORE, SIGHT_BROKER, SIGHT_EXTERNAL, SIGHT_USER, SIGHT_HOST, SIGHT_GROUPING };
enum sight_strength { SIGHT_STRENGTH_UNKNOWN, SIGHT_HARD, SIGHT_SOFT };
enum sight_phase { SIGHT_PHASE_UNKNOWN, SIGHT_RUNTIME, SIGHT_STARTUP, SIGHT_BOTH };
enum sight_mode { SIGHT_MODE_UNKNOWN, SIGHT_SYNC, SIGHT_ASYNC };

struct sight {
	enum sight_what what;
	const char *source;             /* "declared", "kubernetes", "compose", "backstage", "csv", "proxied", "sockets", "conntrack", "otlp", ... */
	const char *where;              /* of the source: file:line, an address; shown as evidence */
	int64_t first, last;            /* ns since 1970 */
	uint64_t count, errors;         /* how often it was seen, calls where they are known; 0: once, or declared */
	uint64_t latency;               /* ns, the sum of all COUNT; 0: not known */

	const char *name;               /* of the node that NODE, FACT, INSTANCE, ALIAS and COVER are about */
	const char *space;              /* its namespace, where the source has such a word: tells two of one name apart */
	const char *app;                /* the application it is part of */
	enum sight_kind kind;

	const char *from, *to;          /* LINE, FACT of a line, RULE; TO of ALIAS; FROM of GROUP */
	const char *from_space, *to_space;
	enum sight_kind from_kind, to_kind;
	const char *protocol;           /* "http", "rpc", "db", "messaging", "async", "tcp", ... */
	enum sight_strength strength;
	enum sight_phase phase;
	enum sight_mode mode;
	bool through;                   /* TO is an intermediary (a load balancer, a proxy): it can be folded away */

	const char *const *members;     /* GROUP: member_count names; K of them are needed */
	uint32_t member_count, k;

	const char *key, *value;        /* FACT: a key with its namespace ("backup.last", "owner"), and its value as text */
	const char *address;            /* INSTANCE: ip:port, host, unit or container */
};

/* Takes one sighting. Returns 0, or -errno to make the source stop. */
typedef int sight_fn(void *arg, const struct sight *s);

#endif
