/* SPDX-License-Identifier: MIT */
/*
 * coverage.h - which faults were ever tried on which line, and what came of it
 *
 * A run tells it as facts of a line: key "coverage." and the kind of fault ("coverage.latency"), value "survived", "healed" (it got
 * worse, and recovered) or "broke", source "run", where: the run's directory. Of several runs the latest counts.
 */
#ifndef GRAPH_COVERAGE_H
#define GRAPH_COVERAGE_H

#include "graph/estate.h"

#define COVERAGE_KEY "coverage."

enum coverage_outcome { COVERAGE_NEVER, COVERAGE_SURVIVED, COVERAGE_HEALED, COVERAGE_BROKE, COVERAGE_OUTCOMES };

struct coverage_cell {
	uint32_t line, kind;
	enum coverage_outcome outcome;
	const struct estate_fact *fact; /* who says so: where, when, how often */
};
struct coverage {
	const char *const *kinds;       /* those asked for, in their order, then others that were found, sorted */
	uint32_t kind_count;
	const struct coverage_cell *cells;      /* tried ones, by line, then kind */
	uint32_t cell_count;
	const uint32_t *by_outcome;     /* kind_count * COVERAGE_OUTCOMES: lines of each kind and outcome */
	uint64_t total[COVERAGE_OUTCOMES];      /* over all kinds and lines */
	uint32_t unread;                /* facts with an outcome that is none of these words */
};

/* "never", "survived", "healed", "broke"; and back (NEVER: not such a word). */
const char *coverage_word(enum coverage_outcome o);
enum coverage_outcome coverage_outcome_of(const char *word);

/* kinds: the faults that there are. returns 0 or -ENOMEM. O(facts of lines * log). */
int coverage_of_estate(const struct estate *e, const char *const *kinds, uint32_t kind_count, struct arena *keep, struct arena *scratch,
    struct coverage *ret);
/* The outcome of one cell. O(log cells). */
enum coverage_outcome coverage_at(const struct coverage *c, uint32_t line, uint32_t kind);

#endif
