/* SPDX-License-Identifier: MIT */
/*
 * past_world.h - all claims of the store in memory, as of one moment of what we knew: what reading, comparing and blaming begin with
 *
 * Invariants
 *  (1) Texts, nodes, lines and claims are indexed by their numbers in the store; a number that is not used is an empty entry.
 *  (2) `root` of a node is the node that it is another word for, or itself; a root is its own root.
 */
#ifndef STORE_PAST_WORLD_H
#define STORE_PAST_WORLD_H

#include "base/arena.h"
#include "store/past.h"

#define PAST_MEMORY_MAX ((size_t)4 << 30)

struct past_node {
	int64_t name, space;            /* texts; name 0: no such node */
	int64_t root;                   /* node */
	int64_t claims;                 /* how many NODE claims it has itself */
	bool through;
};
struct past_line {
	int64_t a, b;                   /* nodes; 0: no such line */
};
struct past_claim {
	int64_t id;                     /* 0: no such claim, or not known then */
	int64_t what, a, b, key, value, bits, source, place, origin;
	int64_t first, last, until;     /* as known then */
	int64_t rec_first;              /* since when we know */
	uint64_t count, errors, latency;
	bool declared;
};
struct past_world {
	struct arena mem;
	const char **texts;
	struct past_node *nodes;
	struct past_line *lines;
	struct past_claim *claims;
	int64_t text_count, node_count, line_count, claim_count;        /* highest number + 1 */
	int64_t known;
	int64_t last_source;            /* while reading: what was looked up last */
	bool last_declares;
};

/* When a claim was seen within a window. */
struct past_seen {
	int64_t first, last;            /* first 0: not seen */
	uint64_t count, errors;         /* of the days that the window touches */
};

/* Read all that was known at `known` (0: now), names folded. *w is to be ended by past_world_fini(), whatever this returns. */
int past_world_init(struct past_world *w, struct past *p, int64_t known);
void past_world_fini(struct past_world *w);

/* Fold names: past_names.c. */
int past_names(struct past_world *w);

/*
 * past_seen - when each claim with episodes was seen in [from, until]; *ret is in w->mem, by claim.
 * Cost: the days at both ends of the window and those between.
 */
int past_seen(struct past *p, struct past_world *w, int64_t from, int64_t until, struct past_seen **ret);

/* Does this claim have episodes? */
static inline bool
past_has_episodes(const struct past_claim *c)
{
	return !c->declared && (c->what == SIGHT_LINE || c->what == SIGHT_COVER || (c->what == SIGHT_GROUP && c->b != 0));
}

static inline const char *
past_text(const struct past_world *w, int64_t id)
{
	return id > 0 && id < w->text_count && w->texts[id] != NULL ? w->texts[id] : "";
}

#endif
