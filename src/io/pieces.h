/* SPDX-License-Identifier: MIT */
/* pieces.h - a file of any size, piece by piece: a regular one at once, mapped; a pipe as it comes. May block. */
#ifndef IO_PIECES_H
#define IO_PIECES_H

#include "base/types.h"
#include <stdbool.h>

/*
 * One piece. last: nothing comes after it. *ret_used: how much of it was taken; the rest comes again, with more behind it.
 * Anything but 0 ends the reading.
 */
typedef int pieces_fn(void *ud, const char *text, size_t bytes, bool last, size_t *ret_used);

/* path "-" is standard input. 0, -errno with *ret_file_error set, or what fn returned. A piece is at most bytes_max long (-EFBIG). */
int pieces_each(const char *path, size_t bytes_max, pieces_fn *fn, void *ud, bool *ret_file_error);

#endif
