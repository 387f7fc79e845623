/* SPDX-License-Identifier: MIT */
/*
 * lineage.h - which message came out of which: the calls of a trace store as trees, with the faults that hit them. Pure.
 *
 * A call is a request on a line and its answer. What caused it is known from its trace context (the span of its parent), or, when
 * the service in between has spans of its own that no line saw, inferred: the shortest call of the same trace within which it
 * lies in time. The two are told apart.
 *
 * A call's name in its tree does not depend on time, nor on which pooled connection it took: that of the root is its flow and
 * number, LINE/CONNECTION/NUMBER; below it the how-manieth call of its parent on its line it is. Two runs are aligned by it.
 *
 * Invariants
 *  (1) Links form a forest: a link that would close a circle is dropped, and counted.
 *  (2) Children are in order of their start; equal starts in order of the store.
 */
#ifndef AUDIT_LINEAGE_H
#define AUDIT_LINEAGE_H

#include "audit/trace_store.h"

#define LINEAGE_NONE UINT32_MAX

enum lineage_link { LINEAGE_ROOT, LINEAGE_CONTEXT, LINEAGE_NESTED };

struct lineage_call {
	struct trace_event request, answer;     /* texts are in the bytes of the store */
	bool asked, answered;                   /* which of the two are there */
	uint8_t link;                           /* enum lineage_link */
	uint32_t parent, child, sibling;        /* LINEAGE_NONE */
	uint32_t ordinal;                       /* of its parent's calls on this line it is the how-manieth, from 1; of a root 0 */
	uint32_t hit, hits;                     /* first of its faults in hits, how many */
	uint32_t doubles;                       /* siblings before it that say the same on the same line */
};
struct lineage {
	struct arena *mem;
	struct lineage_call *calls;
	uint32_t count;
	struct trace_event *hits;               /* faults, those of a call together */
	uint32_t hit_count, stray;              /* stray: faults that hit no call we know */
	uint32_t *roots;                        /* in order of line, connection, number */
	uint32_t root_count, circles;
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
fl_ns lineage_start(const struct lineage_call *c);
fl_ns lineage_end(const struct lineage_call *c);
/* Not what a client wants: no answer, an error of the server, broken or refused. */
bool lineage_bad(const struct lineage_call *c);
/* The call of which root it is part. */
uint32_t lineage_root(const struct lineage *l, uint32_t i);
/* The (latest) call of this flow and number, or with this span; LINEAGE_NONE. */
uint32_t lineage_find(const struct lineage *l, struct trace_text line, uint64_t conn, uint64_t number);
uint32_t lineage_find_span(const struct lineage *l, uint64_t span);
/* "front/1/3 > back.2", its NUL included in at most n bytes. Returns ret. */
const char *lineage_name(const struct lineage *l, uint32_t i, char *ret, size_t n);
/* The calls of a tree, parents before children, in causal order: at most max. returns how many there are. */
uint32_t lineage_tree(const struct lineage *l, uint32_t root, uint32_t *ret, uint32_t max);

#endif
