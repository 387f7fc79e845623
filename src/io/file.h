/* SPDX-License-Identifier: MIT */
/* file.h - whole files in and out, for configuration and state. These calls may block: control side only. */
#ifndef IO_FILE_H
#define IO_FILE_H

#include "base/buf.h"

/* Append the regular file (or pipe) at path to b. 0; -EFBIG more than b may hold; -errno. b is unchanged on failure. */
int file_read(const char *path, struct buf *b);
/* The same for a regular file only, so that it cannot wait: -EINVAL for anything else. */
int file_read_regular(const char *path, struct buf *b);

/*
 * file_replace - put n bytes at path, so that at every moment path is the whole old or the whole new file.
 *
 * Written to "PATH.tmp", synced, renamed over path, and the directory synced. The new file has mode `mode`. What is there and is no
 * file (/dev/stdout, a pipe) is written to as it is.
 * returns   0 or -errno; the old file is untouched then
 */
int file_replace(const char *path, const void *p, size_t n, unsigned mode);

#endif
