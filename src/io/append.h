/* SPDX-License-Identifier: MIT */
/*
 * append.h - a file that is written from front to back, with a buffer, and an error that is kept until somebody asks.
 *
 * A full disk must not stop a run half way through: writers go on, nothing more is written, and the error is reported once.
 */
#ifndef IO_APPEND_H
#define IO_APPEND_H

#include "base/buf.h"
#include <stdbool.h>

#define APPEND_BUFFER_BYTES (1u << 20)

struct append {
	int fd;                         /* -1: not open */
	int err;                        /* the first error, negative; 0: none. Nothing is written after it */
	struct buf out;                 /* fill it, then call append_kick() */
};

/* Create (or truncate) the file. 0 or -errno; the struct is then fit for append_close() and stays in error. */
int append_open(struct append *a, const char *path);
/* Write the buffer away if it holds a good deal. The error so far. */
int append_kick(struct append *a);
/* Write all of it away. The error so far. */
int append_flush(struct append *a);
/* Flush and close. The first error there was. Fine when not open. */
int append_close(struct append *a);

#endif
