/* SPDX-License-Identifier: MIT */
/*
 * estate.h - the map at one moment, in memory: nodes, lines with their evidence, groups, facts; built from sightings, then never changed
 *
 * A builder takes sightings in any order and is turned into a snapshot. Two builders that were told the same, in whatever order, give
 * the same snapshot to the last number, as long as no source contradicts itself with the same time.
 *
 * 1. Ids are dense: nodes are 0 .. node_count - 1, lines 0 .. line_count - 1, groups 0 .. group_count - 1. Nodes are numbered so that
 *    what fails together lies together (a search through dependents from the hubs, see csr.h), not by name: by_name has
 *    that order. Lines are numbered by (from, to), groups by (node, ...).
 * 2. There is one line from one node to another. Each (source, protocol) that saw it has a row of evidence of its own; what the line itself
 *    says (protocol, strength, phase, mode) is concluded from the rows: a declaration outranks a drill, a drill the rest.
 * 3. What no row says is assumed on the safe side (hard, both phases, synchronous; soft where it is asynchronous) and marked in `assumed`.
 * 4. A line that is a member of a group acts through its groups alone; any other line is a dependency of its own.
 * 5. All text of a snapshot lies in the arena that the snapshot lies in; "" stands for not known, never NULL.
 * 6. Addresses, aliases, rules and coverage are the store's business: a builder takes INSTANCE, and ignores ALIAS, RULE and COVER.
 */
#ifndef GRAPH_ESTATE_H
#define GRAPH_ESTATE_H

#include "base/arena.h"
#include "graph/sight.h"

#define ESTATE_NONE UINT32_MAX
#define ESTATE_TEXT_MAX 4096            /* bytes of a name, key, value, ... */
#define ESTATE_MEMBERS_MAX 4096         /* of a group */

/* Facts that the engine itself reads. Keys are free; these have a meaning. Lists are separated by commas. */
#define ESTATE_FACT_TIER "tier"                 /* 1 is the most critical */
#define ESTATE_FACT_OWNER "owner"
#define ESTATE_FACT_FUNCTION "function"         /* business functions that this service is an entry of: a list */
#define ESTATE_FACT_ZONE "zone"                 /* where it runs: a list; down when all of them are */
#define ESTATE_FACT_RTO "rto"                   /* a duration: "15m" */
#define ESTATE_FACT_RPO "rpo"
#define ESTATE_FACT_RECOVER "recover"           /* how long it takes to start again; the source says who says so: declared, drill, history */
#define ESTATE_FACT_RECOVER_P50 "recover.p50"   /* the same measured: half, and three quarters of all times */
#define ESTATE_FACT_RECOVER_P75 "recover.p75"
#define ESTATE_FACT_RECOVER_PROBE "recover.probe" /* an upper bound, from the settings of its probes */
#define ESTATE_FACT_STOP "stop"                 /* how long it takes to stop */

enum estate_assumed { ESTATE_ASSUMED_STRENGTH = 1, ESTATE_ASSUMED_PHASE = 2, ESTATE_ASSUMED_MODE = 4 };

struct estate_fact {
	const char *key, *value;
	const char *source, *where;
	int64_t first, last;
	uint64_t count;
};
struct estate_instance {
	const char *address;
	const char *source, *where;
	int64_t first, last;
	uint64_t count;
};
struct estate_node {
	const char *name, *space, *app;
	enum sight_kind kind;
	bool through;                   /* an intermediary: it can be folded away */
	uint32_t fact_first, fact_count;                /* in facts: by key, best first */
	uint32_t instance_first, instance_count;        /* in instances: by address */
	uint32_t group_first, group_count;              /* in groups: those that it depends on */
	int64_t first, last;            /* of all that mentions it, lines as well; 0: not known */
};
struct estate_evidence {
	const char *source, *where, *protocol;
	int64_t first, last;
	uint64_t count, errors, latency;
	enum sight_strength strength;
	enum sight_phase phase;
	enum sight_mode mode;
};
struct estate_line {
	uint32_t from, to;
	const char *protocol;           /* the most telling of the rows */
	enum sight_strength strength;   /* HARD or SOFT */
	enum sight_phase phase;         /* RUNTIME, STARTUP or BOTH */
	enum sight_mode mode;           /* SYNC or ASYNC */
	uint32_t assumed;               /* enum estate_assumed */
	bool grouped;                   /* a member of some group (4) */
	uint32_t evidence_first, evidence_count;        /* in evidence: by source, protocol; at least one */
	uint32_t fact_first, fact_count;                /* in facts */
	int64_t first, last;            /* over the rows */
};
/* `node` needs k of these. */
struct estate_group {
	uint32_t node, k;
	uint32_t member_first, member_count;            /* in members: nodes, by id */
	enum sight_strength strength;
	enum sight_phase phase;
	enum sight_mode mode;
	uint32_t assumed;
	const char *source, *where;
	int64_t first, last;            /* of all that say so; 0: not known */
	uint64_t count;
};

struct estate {
	const struct estate_node *nodes;
	const struct estate_line *lines;
	const struct estate_group *groups;
	const struct estate_evidence *evidence;
	const struct estate_fact *facts;
	const struct estate_instance *instances;
	const uint32_t *members;
	uint32_t node_count, line_count, group_count, evidence_count, fact_count, instance_count, member_count;
	const uint32_t *by_name;        /* all nodes by (name, space) */
	const uint32_t *out;            /* node_count + 1: lines out[v] .. out[v + 1] - 1 start at v */
	const uint32_t *in;             /* node_count + 1: in_lines[in[v] .. in[v + 1] - 1] end at v, by where they start */
	const uint32_t *in_lines;
};

struct estate_builder;

/*
 * estate_builder_new - an empty builder.
 * scratch      where it keeps what it is told: its cap is the bound of the builder. Must outlive it; freed by the caller.
 * seed         anything unpredictable when names come from outside
 * returns 0 or -ENOMEM
 */
int estate_builder_new(struct arena *scratch, uint64_t seed, struct estate_builder **ret);

/*
 * estate_sight - take one sighting; a sight_fn with the builder as its argument.
 * returns 0; -EINVAL for what makes no sense (no name, no K of so many, too long), of which nothing is kept; -ENOMEM at the cap: the builder
 * must not be used any more. Cost: a few hashes.
 */
int estate_sight(void *builder, const struct sight *s);

/*
 * estate_finish - make the snapshot. The builder takes more sightings afterwards, and can be finished again.
 * keep         where the snapshot lies, all of it
 * scratch      for the work, may be the same as keep; what is taken there is garbage afterwards
 * returns 0 or -ENOMEM. Cost: O(n log n).
 */
int estate_finish(const struct estate_builder *b, struct arena *keep, struct arena *scratch, struct estate **ret);

/* The node of this name: of this namespace, or where space is NULL the only one of this name, in whatever namespace. ESTATE_NONE: there
 * is none, or several and none without a namespace. O(log n). */
uint32_t estate_find(const struct estate *e, const char *name, const char *space);
/* As people write it: "name", or "space/name" where no node has that very name. */
uint32_t estate_lookup(const struct estate *e, const char *text);
/* The line between two nodes; ESTATE_NONE. O(log degree). */
uint32_t estate_line(const struct estate *e, uint32_t from, uint32_t to);

/* The best answer of all sources for a key, of a node or a line: a declaration first, then the latest. NULL: nobody says. O(log facts). */
const struct estate_fact *estate_node_fact(const struct estate *e, uint32_t node, const char *key);
const struct estate_fact *estate_line_fact(const struct estate *e, uint32_t line, const char *key);
/* What one source says; NULL. */
const struct estate_fact *estate_node_fact_of(const struct estate *e, uint32_t node, const char *key, const char *source);
/* The text of the best answer, or NULL. */
const char *estate_node_text(const struct estate *e, uint32_t node, const char *key);
/* The best answer as a duration or as a whole number. 0, -ENOENT nobody says, -EINVAL it is none. */
int estate_node_ns(const struct estate *e, uint32_t node, const char *key, fl_ns *ret);
int estate_node_number(const struct estate *e, uint32_t node, const char *key, int64_t *ret);
/* Is `word` one of the comma-separated words of this list (spaces around them do not count)? NULL lists hold nothing. */
bool estate_list_has(const char *list, const char *word);
/* Next word of such a list: sets *ret_word and *ret_len, advances *list. False: no more. */
bool estate_list_next(const char **list, const char **ret_word, size_t *ret_len);

/* Calls and errors on a line: the largest of any source, since each counts the same calls. */
uint64_t estate_line_calls(const struct estate *e, uint32_t line, uint64_t *ret_errors);

/* Words, as they stand in documents: "service", "hard", "startup", "async"; "" for not known. */
const char *estate_kind_word(enum sight_kind k);
const char *estate_strength_word(enum sight_strength s);
const char *estate_phase_word(enum sight_phase p);
const char *estate_mode_word(enum sight_mode m);
/* And back: the value, or the unknown one. */
enum sight_kind estate_kind_of(const char *word);
enum sight_strength estate_strength_of(const char *word);
enum sight_phase estate_phase_of(const char *word);
enum sight_mode estate_mode_of(const char *word);

#endif
