/* SPDX-License-Identifier: MIT */
/*
 * stream_file.h - the logs of senders and receivers as files: written a block at a time, read forwards as often as needed.
 *
 * Invariants
 *  (1) A block reaches the file by one write(); what was flushed survives the end of the process, whatever ends it.
 *  (2) A file that does not end with a whole block and MATCH_END is "cut", and good up to its last whole block.
 */
#ifndef STREAM_STREAM_FILE_H
#define STREAM_STREAM_FILE_H

#include "audit/match_log.h"
#include <stdbool.h>
#include <stdio.h>

struct stream_writer {
	int fd;                         /* -1: not open */
	int err;                        /* the first error, negative; nothing is written after it */
	uint64_t records;
	struct match_log_head head;
	struct match_pack *pack;
};
/*
 * stream_writer_open - create the file, or empty it.
 * path      NULL: a file without a name in the folder for temporary files
 * head      wall_ns, mono and machine are filled in
 * returns   0 or -errno (-EBUSY: somebody else is writing it); in any case the struct is fit for stream_writer_close()
 */
int stream_writer_open(struct stream_writer *w, const char *path, const struct match_log_head *head);
/*
 * stream_writer_append - go on behind the last whole block of a log of this side; a file that is not there, or empty, is made.
 * returns   as stream_writer_open(); -EINVAL it is no such log; -EXDEV it was written before this machine started
 */
int stream_writer_append(struct stream_writer *w, const char *path, const struct match_log_head *head);
/* at of the record is a point in time on the monotonic clock. The error so far. */
int stream_writer_put(struct stream_writer *w, const struct match_rec *r);
/* All records so far into the file. The error so far. */
int stream_writer_flush(struct stream_writer *w);
/* End the log properly, and close it. The first error there was. Fine when not open. */
int stream_writer_close(struct stream_writer *w);
/* The same without closing: the descriptor is the caller's. */
int stream_writer_finish(struct stream_writer *w, int *ret_fd);

struct stream_reader {
	const char *path;               /* for messages */
	int fd;
	bool cut;
	struct match_log_head head;
	uint64_t bytes, at;             /* up to the end of the last whole block; where the next is */
	uint64_t blocks, records;
	uint8_t *mem;                   /* of a piece of the file */
	uint64_t mem_at;
	size_t mem_bytes;
	struct match_block block;
	struct match_cursor cursor;
	bool in_block;
	bool (*wants)(void *ud, const struct match_block *b);
	void *wants_ud;
	char error[160];
};
/*
 * stream_reader_open - open a log and look through the heads of its blocks.
 * returns   0; -EINVAL it is no such log; -errno. error says what is wrong
 */
int stream_reader_open(struct stream_reader *r, const char *path);
/* The same for a descriptor, which belongs to the reader from now on. path stands in messages. */
int stream_reader_take(struct stream_reader *r, int fd, const char *path);
void stream_reader_close(struct stream_reader *r);
void stream_reader_rewind(struct stream_reader *r);
/* 1 a record, ret_place: how many stand before it in the file; 0 the end; -EBADMSG with error set. */
int stream_reader_next(struct stream_reader *r, struct match_rec *ret, uint64_t *ret_place);
/* Which monotonic clock this is: a number of the boot of this machine; 0 when it does not say. */
uint64_t stream_file_machine(void);

#endif
