/* SPDX-License-Identifier: MIT */
/* import_wrap.h - logs that a container's runtime keeps: each line in a record of its own, with the stream and the time. */
#ifndef GRAPH_IMPORT_WRAP_H
#define GRAPH_IMPORT_WRAP_H

#include "base/buf.h"
#include <stdbool.h>

/* Docker's {"log":"...\n","stream":"stdout","time":"..."}, or CRI's "2026-11-20T22:31:06.213Z stdout F ...", by the first line. */
bool import_is_wrapped(const char *text, size_t n);
/* The lines themselves, each where it stood; what is no such record stays as it is. 0 or -ENOMEM. */
int import_unwrap(const char *text, size_t n, struct buf *out);

#endif
