/* SPDX-License-Identifier: MIT */
/*
 * sight_queue.h - sightings that wait to be written, whole and in order, within a bound of bytes
 *
 * 1. What waits is a copy: nothing of who told it is needed any more.
 * 2. What was taken still counts as waiting until it is released; what is given back goes before all others.
 * 3. No lock: the owner's holds.
 */
#ifndef CONTROL_SIGHT_QUEUE_H
#define CONTROL_SIGHT_QUEUE_H

#include "graph/sight.h"

#include <stddef.h>

#define SIGHT_QUEUE_BYTES ((size_t)16 << 20)

struct sight_kept {
	struct sight_kept *next;
	size_t bytes;                   /* all of it */
	struct sight s;
	const char *members[];          /* then the texts */
};

struct sight_queue {
	struct sight_kept *first, *last;
	size_t bytes, bytes_max;
	uint64_t count;                 /* now */
	uint64_t released, dropped;     /* ever */
};

void sight_queue_init(struct sight_queue *q, size_t bytes_max);         /* 0: SIGHT_QUEUE_BYTES */
void sight_queue_fini(struct sight_queue *q);
/* A copy at the end. false: there is no room for it, and it is counted. */
bool sight_queue_put(struct sight_queue *q, const struct sight *s);
/* All that waits, in order; NULL: nothing. To be released or given back before the next take. */
struct sight_kept *sight_queue_take(struct sight_queue *q);
void sight_queue_give_back(struct sight_queue *q, struct sight_kept *taken);
void sight_queue_release(struct sight_queue *q, struct sight_kept *taken);

#endif
