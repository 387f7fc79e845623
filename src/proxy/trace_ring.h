/* SPDX-License-Identifier: MIT */
/*
 * trace_ring.h - messages of lines with frames as a worker saw them, and the ring in which it leaves them for the control side.
 *
 * One writer (the worker), one reader (the control side). A full ring loses the newest, and counts them.
 */
#ifndef PROXY_TRACE_RING_H
#define PROXY_TRACE_RING_H

#include "audit/trace_id.h"

#define TRACE_RING_LINE 32              /* bytes of a line's name with its NUL: longer ones are cut */

struct trace_mark {
	fl_ns at;                       /* io clock: when the message was whole */
	uint64_t conn, number, offset, bytes, hash;
	uint8_t dir;                    /* enum fl_dir */
	bool out;                       /* it left for its receiver; false: it came from its sender */
	bool cut, unframed, group;
	char line[TRACE_RING_LINE], id[TRACE_ID_MAX];
};

struct trace_ring;
/* Memory is touched as it is used. 0 or -ENOMEM. */
int trace_ring_new(uint32_t marks_max, struct trace_ring **ret_ring);
void trace_ring_free(struct trace_ring *r);                             /* NULL is fine */
/* A place to write the next one to, or NULL (full, counted); trace_ring_put() publishes it. r NULL: NULL, nobody listens. */
struct trace_mark *trace_ring_next(struct trace_ring *r);
void trace_ring_put(struct trace_ring *r);
/* Reader: take up to max, oldest first; *ret_lost: since the last call. */
uint32_t trace_ring_take(struct trace_ring *r, struct trace_mark *ret_marks, uint32_t max, uint64_t *ret_lost);

#endif
