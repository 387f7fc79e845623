/* SPDX-License-Identifier: MIT */
/*
 * lineage.h - which message came out of which: the messages of a trace store as trees, with the faults that hit them. Pure.
 *
 * A *call* is a request on an HTTP line and its answer, or a message on a line with frames as it came in and as it went out. What
 * caused it is known from its trace context (the span of its parent); or from its id, that a message carried which went into the
 * service it came out of; or, when the service in between has spans of its own that no line saw, inferred: the shortest call of
 * the same trace within which it lies in time. The three are told apart.
 *
 * A call's name in its tree does not depend on time, nor on which pooled connection it took: that of the root is its flow and
 * number, LINE/CONNECTION/NUMBER; below it the how-manieth call of its parent on its line it is. Two runs are aligned by it.
 *
 * Invariants
 *  (1) Links form a forest: a link that would close a circle is dropped, and counted.
 *  (2) Children are in order of their start; equal starts in order of the store.
 *  (3) What is no link but went into the same result (joins) is never a descendant by its moment: it had arrived before.
 */
#ifndef AUDIT_LINEAGE_H
#define AUDIT_LINEAGE_H

#include "audit/trace_store.h"

#define LINEAGE_NONE UINT32_MAX
#define LINEAGE_JOINS_MAX 64u           /* of one call */
#define LINEAGE_NAME_MAX 512u

enum lineage_link { LINEAGE_ROOT, LINEAGE_CONTEXT, LINEAGE_ID, LINEAGE_NESTED };

enum lineage_fate {                     /* of a message on a line with frames */
	LINEAGE_WHOLE,                  /* it went out as it came in */
	LINEAGE_CHANGED,                /* another content went out in its place */
	LINEAGE_CUT,                    /* its beginning went out, or came in */
	LINEAGE_LOST,                   /* it did not go out, and never will */
	LINEAGE_PENDING                 /* it had not gone out when the recording ended */
};

struct lineage_call {
	struct trace_event request, answer;     /* or IN, OUT; texts are in the bytes of the store */
	bool asked, answered;                   /* which of the two are there */
	bool framed;                            /* a message of a line with frames */
	uint8_t fate;                           /* then: enum lineage_fate */
	uint8_t link;                           /* enum lineage_link */
	uint32_t parent, child, sibling;        /* LINEAGE_NONE */
	uint32_t ordinal;                       /* of its parent's calls on this line it is the how-manieth, from 1; of a root 0 */
	uint32_t hit, hits;                     /* first of its faults in hits, how many */
	uint32_t doubles;                       /* calls before it that say the same on the same line, of the same parent */
	uint32_t copies;                        /* framed: how often it went out beyond the first time */
	uint32_t join, joins;                   /* first in joins of what went into the same result, how many */
};
/* A line that the store speaks of. */
struct lineage_line {
	struct trace_text name, from, to;       /* services at its ends; "": not said */
};
/* How often a call on one line brings about one on another. */
struct lineage_flow {
	uint32_t line, below;                   /* in lines */
	uint32_t calls, with;                   /* on the first; of these with one below on the other */
};
struct lineage {
	struct arena *mem;
	struct lineage_call *calls;
	uint32_t count;
	struct trace_event *hits;               /* faults, those of a call together */
	uint32_t hit_count, stray;              /* stray: faults that hit no call we know */
	struct trace_event *applies;            /* faults in force on a connection, by line, connection, moment */
	uint32_t apply_count;
	struct trace_event *closes;             /* ends of connections, by line, connection */
	uint32_t close_count;
	struct trace_event *rounds;             /* faults of a run as they began and ended, in order of time */
	uint32_t round_count;
	uint32_t *joins, join_count;
	struct lineage_line *lines;             /* by name */
	uint32_t line_count;
	struct lineage_flow *flows;
	uint32_t flow_count;
	uint32_t *roots;                        /* in order of line, id, connection, number */
	uint32_t root_count, circles;
	uint32_t pieces;                        /* messages that went out and are none that came in */
};

/*
 * lineage_build - trees of the calls that q asks for.
 * returns 0, -ENOMEM: they do not fit into mem
 */
int lineage_build(struct lineage *l, struct trace_store *s, const struct trace_query *q, struct arena *mem);

/* Something of either event that both have. */
static inline const struct trace_event *
lineage_event(const struct lineage_call *c)
{
	return c->asked ? &c->request : &c->answer;
}

static inline fl_ns
lineage_start(const struct lineage_call *c)
{
	return lineage_event(c)->at;
}

static inline fl_ns
lineage_end(const struct lineage_call *c)
{
	return c->answered ? FL_MAX(c->answer.at, lineage_start(c)) : lineage_start(c);
}

/* Not what a client wants: no answer, an error of the server, broken or refused; lost, changed or cut. */
bool lineage_bad(const struct lineage_call *c);
/* The call of which root it is part. */
uint32_t lineage_root(const struct lineage *l, uint32_t i);
/* The (latest) call of this flow and number, with this span, with this id, of this trace; LINEAGE_NONE. dir: 1 messages of the server. */
uint32_t lineage_find(const struct lineage *l, struct trace_text line, uint64_t conn, uint64_t number, unsigned dir);
uint32_t lineage_find_span(const struct lineage *l, uint64_t span);
uint32_t lineage_find_trace(const struct lineage *l, const uint8_t trace[16]);
/* The first call with this id that is bad or double, else the first; *ret_count: how many have it. */
uint32_t lineage_find_id(const struct lineage *l, struct trace_text id, uint32_t *ret_count);
/* "front/1/3" or "orders/1/s3": its flow and number, its NUL included in at most n bytes. Returns ret. */
const char *lineage_flow_name(const struct lineage *l, uint32_t i, char *ret, size_t n);
/* "front/1/3 > back.2". Returns ret. */
const char *lineage_name(const struct lineage *l, uint32_t i, char *ret, size_t n);
/* The calls of a tree, parents before children, in causal order: at most max. returns how many there are. */
uint32_t lineage_tree(const struct lineage *l, uint32_t root, uint32_t *ret, uint32_t max);
/* The line of a call; NULL: of none that is known. */
const struct lineage_line *lineage_line_of(const struct lineage *l, const struct lineage_call *c);
/* The services a call goes from and to; "" not known. */
struct trace_text lineage_from(const struct lineage *l, uint32_t i);
struct trace_text lineage_to(const struct lineage *l, uint32_t i);
/* Why the call's connection ended; NULL: it did not, as far as is known. */
const struct trace_event *lineage_close(const struct lineage *l, const struct lineage_call *c);
/*
 * lineage_missing - lines on which nothing came out of a call, though as a rule something does of calls like it.
 * returns how many; the flows, at most max, into ret
 */
uint32_t lineage_missing(const struct lineage *l, uint32_t i, const struct lineage_flow **ret, uint32_t max);

#endif
