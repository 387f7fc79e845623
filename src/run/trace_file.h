/* SPDX-License-Identifier: MIT */
/*
 * trace_file.h - a trace store as it is written: appended to a file block by block, the latest of it also in memory; and read as
 * a whole.
 *
 * A block goes to the system when it is full, or when its first event has waited for TRACE_FILE_WAIT: what a kill -9 takes is what
 * came after that. A disk that is full loses blocks, which are counted; nobody waits but the caller's thread for write().
 *
 * Invariants
 *  (1) The file ends with a whole block whenever no write() is under way: what could be written of a block only in part is taken back.
 *  (2) Memory is bounded by what was asked for.
 */
#ifndef RUN_TRACE_FILE_H
#define RUN_TRACE_FILE_H

#include "audit/trace_store.h"

#define TRACE_FILE_WAIT (200 * FL_MS)

struct trace_file;
/*
 * trace_file_new - begin to write.
 * path      appended to, made when missing; NULL: nothing goes to disk
 * tail_max  bytes of the latest blocks kept in memory; 0: none
 * returns   0 or -errno
 */
int trace_file_new(const char *path, size_t tail_max, struct trace_file **ret);
/* Writes what is left. returns the first error there was. NULL is fine. */
int trace_file_free(struct trace_file *f);
void trace_file_put(struct trace_file *f, const struct trace_event *e);
/*
 * lost: events that never reached us. now: any clock that only grows. returns what was not told yet: -errno: it cannot
 * be written; 1: it can again; 0: nothing new.
 */
int trace_file_kick(struct trace_file *f, uint64_t lost, fl_ns now);
/* Write what there is. 0 or the first error there was. */
int trace_file_flush(struct trace_file *f);
/* The latest blocks in memory, until the next call; flush first to have all. returns their bytes. */
size_t trace_file_tail(const struct trace_file *f, const uint8_t **ret_p);
/* Events that could not be kept, so far. */
uint64_t trace_file_lost(const struct trace_file *f);

/* A file (or trace.bin of a directory) in memory, and the store in it. */
struct trace_map {
	void *p;
	size_t n;
	bool mapped;
	struct arena mem;
	struct trace_store store;
	char path[4096];
};
/* 0; -EBADMSG: no trace store; -errno. trace_map_fini() in any case. */
int trace_map_open(struct trace_map *m, const char *path, size_t memory_max);
/* The same for bytes that stand at p: they are the caller's, and stay there. name: for messages. */
int trace_map_bytes(struct trace_map *m, const char *name, void *p, size_t n, size_t memory_max);
void trace_map_fini(struct trace_map *m);

#endif
