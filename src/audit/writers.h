/* SPDX-License-Identifier: MIT */
/*
 * writers.h - which writes can have been the last one before an observation?
 *
 * A write is out of the question when it was invoked too late, or when another write that surely happened came after it and
 * returned before the observation was invoked.
 */
#ifndef AUDIT_WRITERS_H
#define AUDIT_WRITERS_H

#include "audit/keyhist.h"

struct writers {
	const struct keyhist *k;
	uint32_t *by_value;             /* numbers of writes, by value and then in order of invocation */
	uint32_t *value_start;          /* value_count + 1 places in by_value */
	uint32_t *reach;                /* reach[i]: the latest return among the writes of the same value up to by_value[i] */
	uint32_t *by_ret;               /* required writes in order of return */
	uint32_t *newest;               /* newest[i]: of by_ret[0..i], the one invoked last */
	uint32_t ret_count;
};

int writers_init(struct writers *w, const struct keyhist *k);           /* 0 or -ENOMEM */
void writers_fini(struct writers *w);
/* The last invoked of the writes that surely happened and returned before pos; KEYHIST_NONE. */
uint32_t writers_newest(const struct writers *w, uint32_t pos);
/*
 * writers_of - the writes that can have been the last before an observation and agree with it; at most ret_max are stored.
 * An optional cas observes only when its own effect still matters (see keyhist.h), so writes after that do not count.
 * returns    how many there are
 * ret_stale  (when none can) the newest write of the value that was overwritten before; KEYHIST_NONE: nobody wrote it
 */
uint32_t writers_of(const struct writers *w, const struct keyhist_op *observer, uint32_t *ret, uint32_t ret_max, uint32_t *ret_stale);

#endif
