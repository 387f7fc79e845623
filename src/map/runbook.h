/* SPDX-License-Identifier: MIT */
/*
 * runbook.h - the steps that bring services back (or down), what is known of each, and which may begin. Pure.
 *
 * A step may begin when all it stands after are done. It is a check before (pre), a command or a person's work (manual), and a check after
 * (post) that is tried again until its time is over. What happens to it is told here by whoever conducts it (runbook_run.h) or reads it in a
 * journal (runbook_journal.h).
 *
 * Invariants
 *  (1) A step leaves RUNBOOK_WAITING only by runbook_begin(), when all it stands after are RUNBOOK_DONE.
 *  (2) done + failed + under way + waiting = count.
 */
#ifndef MAP_RUNBOOK_H
#define MAP_RUNBOOK_H

#include "base/types.h"
#include <stdbool.h>

#define RUNBOOK_TIMEOUT (10 * 60 * FL_SEC)
#define RUNBOOK_STUCK_FACTOR 2          /* longer than so many times its 75th percentile: it is told */

/* Texts are borrowed; NULL: none. */
struct runbook_step {
	const char *name;               /* none like it among the others */
	const char *owner, *note;
	const uint32_t *after;
	uint32_t after_count;
	const char *command, *pre, *post;       /* by /bin/sh */
	const char *manual;             /* what a person has to do */
	fl_ns timeout;                  /* of the whole step; 0: RUNBOOK_TIMEOUT; a person has all the time there is */
	fl_ns p50, p75;                 /* how long it took before; 0: not known */
	fl_ns start;                    /* planned, from the beginning */
	uint32_t wave;
};

enum runbook_state { RUNBOOK_WAITING, RUNBOOK_UNDER_WAY, RUNBOOK_DONE, RUNBOOK_FAILED };

struct runbook_item {
	enum runbook_state state;
	uint32_t waits;                 /* for so many of those it stands after */
	uint32_t attempts;
	bool begun_before;              /* it was under way when the last conductor ended: nobody knows how far it came */
	fl_ns took;                     /* of one that is done; < 0: not known */
};

struct runbook {
	const struct runbook_step *steps;
	struct runbook_item *items;
	uint32_t count, done, failed, under_way;
};

enum runbook_error { RUNBOOK_OK, RUNBOOK_NO_NAME, RUNBOOK_SAME_NAME, RUNBOOK_NO_SUCH_STEP, RUNBOOK_CIRCLE };
/*
 * runbook_init - items: memory for count of them, the caller's.
 * returns   RUNBOOK_OK, or what is wrong with step *ret_step
 */
enum runbook_error runbook_init(struct runbook *b, const struct runbook_step *steps, uint32_t count, struct runbook_item *items,
    uint32_t *ret_step);

/* The first step from `from` on that may begin; count: none. */
uint32_t runbook_ready(const struct runbook *b, uint32_t from);
void runbook_begin(struct runbook *b, uint32_t step);
void runbook_end(struct runbook *b, uint32_t step, bool ok, fl_ns took);
/* Back to where it was before it began: of one that failed or is under way. */
void runbook_again(struct runbook *b, uint32_t step);
uint32_t runbook_find(const struct runbook *b, const char *name);        /* count: none */
/* A number that is the same for the same steps: names, order, commands. */
uint64_t runbook_hash(const struct runbook *b);
/* Longer than this is not as it used to be; FL_NEVER: not known. */
fl_ns runbook_stuck_after(const struct runbook_step *s);

#endif
