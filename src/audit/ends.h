/* SPDX-License-Identifier: MIT */
/*
 * ends.h - how far a few contradicting calls can be put into an order, and why no order goes on from there.
 *
 * All orders are tried, so it is for the handful of calls that evidence is made of.
 */
#ifndef AUDIT_ENDS_H
#define AUDIT_ENDS_H

#include "audit/model.h"

#define ENDS_CALLS_MAX 40
#define ENDS_MAX 3

/* One of the longest legal orders. */
struct ends_one {
	uint32_t order[ENDS_CALLS_MAX]; /* calls */
	uint32_t order_count;
	uint32_t next[ENDS_CALLS_MAX];  /* the calls that would have to come next, none of which the state allows */
	uint32_t next_count;
	int64_t *state;                 /* state_count numbers; free() them with ends_fini() */
	uint32_t state_count;
};
struct ends {
	struct ends_one at[ENDS_MAX];   /* all of the same length */
	uint32_t count;
	bool more;                      /* there are more of that length */
};

/*
 * ends_find - self is for the model's step.
 * returns    0, with no ends when there is an order of all after all, or too many calls or orders; -ENOMEM
 */
int ends_find(const struct calls *calls, const struct model *m, const void *self, struct ends *ret);
void ends_fini(struct ends *e);

#endif
