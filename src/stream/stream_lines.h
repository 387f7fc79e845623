/* SPDX-License-Identifier: MIT */
/*
 * stream_lines.h - plain text as logs of a stream: each line is a message, and all there is of it is its text.
 *
 * A sender's nth line is its message number n. A receiver's line is the message with that text; the kth time that a text arrives it is
 * the kth message with it, and once there are no more the last of them again.
 */
#ifndef STREAM_STREAM_LINES_H
#define STREAM_STREAM_LINES_H

#include "stream/stream_file.h"

#define STREAM_LINES_ERROR 512

struct stream_lines;
/* memory_bytes: for what is kept of each line, some 40 bytes. NULL: no memory. */
struct stream_lines *stream_lines_new(size_t memory_bytes);
void stream_lines_free(struct stream_lines *l);         /* NULL is fine */
/*
 * stream_lines_open - read a file; "-" is standard input. All senders' before the first receiver's.
 * flow      of a sender's lines
 * ret_error STREAM_LINES_ERROR bytes
 * returns   0; -errno; -ECANCELED *stop became nonzero. In any case the reader is fit to be closed
 */
int stream_lines_open(struct stream_lines *l, struct stream_reader *r, const char *path, enum match_side side, uint32_t flow, bool (*stop)(void),
    char *ret_error);

#endif
