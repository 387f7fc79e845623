/* SPDX-License-Identifier: MIT */
/*
 * lint.h - what is wrong with an estate before anything fails: backups, objectives, circles, owners
 *
 * A stateful service is one with the fact stateful=true, or a datastore or broker that does not say otherwise. Its recovery point is its last
 * good backup, or the last archived log (backup.archived) where that is later. What no fact tells is found, not guessed.
 */
#ifndef GRAPH_LINT_H
#define GRAPH_LINT_H

#include "graph/functions.h"

/* Rule, its word, is it an error (or else a warning). */
#define LINT_RULES(X) \
	X(NO_BACKUP, "no-backup", true) \
	X(NEVER_RAN, "backup-never-ran", true) \
	X(PAUSED, "backup-paused", false) \
	X(FAILED, "backup-failed", true) \
	X(STALE, "backup-stale", true) \
	X(EMPTY, "backup-empty", true) \
	X(SCHEDULE, "schedule-misses-rpo", true) \
	X(BAD_SCHEDULE, "schedule-unreadable", false) \
	X(UNTESTED, "restore-untested", false) \
	X(FUNCTION_RPO, "function-rpo", true) \
	X(SKEW, "consistency-skew", false) \
	X(RTO, "rto-inversion", true) \
	X(CYCLE, "hard-cycle", false) \
	X(TIER, "tier-leans-down", true) \
	X(NO_OWNER, "no-owner", false)

enum lint_rule {
#define X(id, word, error) LINT_##id,
	LINT_RULES(X)
#undef X
	LINT_RULE_COUNT
};
const char *lint_rule_word(enum lint_rule r);
bool lint_rule_is_error(enum lint_rule r);

struct lint_finding {
	enum lint_rule rule;
	const char *subject;            /* a service or a function */
	uint32_t node, other;           /* ESTATE_NONE: none */
	const char *text;               /* a sentence */
};
/* A business function's exposure. */
struct lint_function {
	const char *name;
	fl_ns rpo;                      /* what is asked of it; FL_NEVER: nothing */
	fl_ns exposure;                 /* the largest of its stores; FL_NEVER: one of them has no recovery point */
	fl_ns skew;                     /* between the earliest and the latest recovery point */
	uint32_t worst;                 /* store; ESTATE_NONE: it has none */
	uint32_t stores;
};
struct lint_options {
	int64_t now;                    /* ns since 1970 */
	fl_ns untested_after;           /* a restore test older than this; 0: 90 days */
	fl_ns skew_max;                 /* 0: 1 h */
	const char *const *names;       /* of nodes, as people know them; NULL: their own */
};
struct lint {
	const struct lint_finding *findings;            /* by rule, then name */
	uint32_t finding_count;
	const struct lint_function *functions;
	uint32_t function_count;
	uint32_t errors;
};
/* returns 0 or -ENOMEM. The answer lies in keep. */
int lint_run(const struct estate *e, const struct lint_options *o, struct arena *keep, struct arena *scratch, struct lint *ret);

#endif
