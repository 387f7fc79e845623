/* SPDX-License-Identifier: MIT */
/*
 * access_log.h - files that lines are appended to by a thread of their own, so that a slow or full disk holds up nobody.
 *
 * What does not fit into a file's buffer because the disk is slow, and what the disk refuses, is dropped and counted, whole lines
 * at a time. A file is opened when its first line comes, and again after access_log_reopen(), so that it can be rotated.
 *
 * One thread calls; the writer is another.
 */
#ifndef CONTROL_ACCESS_LOG_H
#define CONTROL_ACCESS_LOG_H

#include "base/types.h"
#include "control/log.h"

#define ACCESS_LOG_FILES_MAX 64u
#define ACCESS_LOG_BUFFER_BYTES (4u << 20)      /* of one file */

struct access_log;

int access_log_new(struct log *log, struct access_log **ret_log);       /* 0 or -errno */
/* Write what is waiting as far as the disk takes it, then end. NULL is fine. */
void access_log_free(struct access_log *a);
/* Append a whole line, with its newline, to the file at path. false: it was dropped. */
bool access_log_put(struct access_log *a, const char *path, const char *line, size_t n);
/* Let the writer have what was put. Call it once after many. */
void access_log_kick(struct access_log *a);
/* Open all files again before the next line. */
void access_log_reopen(struct access_log *a);
/* Failures since the last call go to the log, once each. */
void access_log_tell(struct access_log *a);

struct access_log_counters {
	uint64_t written, dropped;      /* lines, of all files */
};
void access_log_counters(struct access_log *a, struct access_log_counters *ret);

#endif
