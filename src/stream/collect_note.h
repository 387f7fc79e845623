/* SPDX-License-Identifier: MIT */
/* collect_note.h - what a receiver writes down of one message that has arrived. */
#ifndef STREAM_COLLECT_NOTE_H
#define STREAM_COLLECT_NOTE_H

#include "audit/match_msg.h"
#include "stream/collect.h"

struct collect_note {
	const struct collect_conf *conf;
	struct collect_stats *stats;
	struct stream_writer log;
	fl_ns now, started, last;       /* last: when something arrived; 0: nothing has */
};
/* Write it down. true: it was whole, and is *ret_msg with that hash: to be answered. */
bool collect_note(struct collect_note *n, const char *message, size_t bytes, struct match_msg *ret_msg, uint32_t *ret_hash);
/* Bytes that are no frame. */
void collect_note_garbage(struct collect_note *n, const char *p, size_t bytes);
/* Is it time to end, whatever comes? */
bool collect_note_over(struct collect_note *n);

#endif
