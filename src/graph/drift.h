/* SPDX-License-Identifier: MIT */
/*
 * drift.h - what was declared against what was seen, line by line
 *
 * 1. A line that was seen and is denied by a rule (and allowed by none) is forbidden, declared or not.
 * 2. A declared line that was not seen is stale only if somebody looked: a source covered its client for `covered` at least, or saw other
 *    lines of it. Otherwise nobody can say: no coverage.
 * 3. Users and hosts do not declare what they call: a line of theirs is never undeclared, though it may be forbidden.
 */
#ifndef GRAPH_DRIFT_H
#define GRAPH_DRIFT_H

#include "graph/estate.h"

enum drift_state { DRIFT_OK, DRIFT_UNDECLARED, DRIFT_FORBIDDEN, DRIFT_STALE, DRIFT_NO_COVERAGE, DRIFT_STATES };
const char *drift_word(enum drift_state s);     /* "ok", "undeclared", "forbidden", "stale", "no_coverage" */

struct drift_rule {
	const char *from, *to;          /* patterns with * */
	bool deny;                      /* else: allow */
};
struct drift_line {
	enum drift_state state;
	uint32_t rule;                  /* FORBIDDEN: which; ESTATE_NONE otherwise */
};

/* Is it denied, and by which rule? ESTATE_NONE: no. names: of nodes. */
uint32_t drift_denied(const struct drift_rule *rules, uint32_t rule_count, const char *from, const char *to);

/*
 * drift_run
 * declares     which sources declare; the others see
 * covered      by node: was it looked at long enough? Seeing other lines of it counts as well
 * ret          room for all lines
 */
typedef bool drift_declares_fn(const char *source);
void drift_run(const struct estate *e, const char *const *names, drift_declares_fn *declares, const struct drift_rule *rules, uint32_t rule_count,
    const bool *covered, struct drift_line *ret);

#endif
