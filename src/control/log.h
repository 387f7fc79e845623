/* SPDX-License-Identifier: MIT */
/*
 * log.h - the daemon's log: one JSON object a line.
 *
 * Writing never waits: when the reader of a pipe does not keep up, lines are dropped and counted, and the count is told
 * with the next line that fits. One thread.
 */
#ifndef CONTROL_LOG_H
#define CONTROL_LOG_H

#include "base/buf.h"

enum log_level { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_FATAL, LOG_PANIC, LOG_OFF };

struct log {
	int fd;
	enum log_level level;
	uint64_t dropped;
	struct buf line;
};

void log_init(struct log *l, int fd, enum log_level level);
void log_fini(struct log *l);
/* Write unless l's level is above. Then pairs of strings (key, value), ended by NULL. */
void log_event(struct log *l, enum log_level level, const char *message, ...) __attribute__((sentinel));
/* "info", "warning", ... in any case; 0 or -EINVAL. */
int log_level_parse(const char *text, enum log_level *ret_level);

#endif
