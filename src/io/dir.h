/* SPDX-License-Identifier: MIT */
/* dir.h - directories: make them, take them away, and look at the end of a file in one. These calls may block. */
#ifndef IO_DIR_H
#define IO_DIR_H

#include "base/types.h"
#include <stdbool.h>

/* mkdir -p. 0 or -errno. */
int dir_make(const char *path);
/* One directory that must not exist yet. 0, -EEXIST, -errno. */
int dir_make_new(const char *path);
/* rm -r; symbolic links are taken away, not followed. Missing is fine. 0 or the first -errno. */
int dir_remove(const char *path);
/* What dir_each() calls with a path. Anything but 0 ends it. */
typedef int dir_fn(void *ud, const char *path);
/* The files in a directory whose names end in suffix, sorted by name. 0, -errno with *ret_dir_error set, or what fn returned. */
int dir_each(const char *path, const char *suffix, dir_fn *fn, void *ud, bool *ret_dir_error);
bool dir_is(const char *path);
/* The path made absolute, without . and links. 0 or -errno; ret of max bytes. */
int dir_absolute(const char *path, char *ret, size_t max);
/* The last bytes of a file, at most max - 1, NUL-terminated, beginning at a line's start. Bytes; *ret_size: all of the file. */
size_t dir_file_tail(const char *path, char *ret, size_t max, uint64_t *ret_size);

#endif
