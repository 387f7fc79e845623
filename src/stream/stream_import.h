/* SPDX-License-Identifier: MIT */
/* stream_import.h - a log of a stream opened for reading, whether it is one of ours or text; text is packed into a file without a name. */
#ifndef STREAM_STREAM_IMPORT_H
#define STREAM_STREAM_IMPORT_H

#include "stream/stream_file.h"

/*
 * stream_import_open - open path; "-" is standard input.
 * side      what the file should be
 * outputs   of a receiver's text: lines that are no messages are results
 * ret_error STREAM_IMPORT_ERROR bytes: "path:line:column: what", or "path: what"
 * returns   0; -EINVAL bad input; -ECANCELED *stop became nonzero; -errno. In any case the reader is fit to be closed
 */
#define STREAM_IMPORT_ERROR 512
int stream_import_open(struct stream_reader *r, const char *path, enum match_side side, bool outputs, bool (*stop)(void), char *ret_error);

#endif
