/* SPDX-License-Identifier: MIT */
/*
 * history_write.h - write a history as JSON lines, one event a line, as it happens or as a whole.
 *
 * All return 0, or -ENOBUFS when out is full (a sticky flag of the buffer; a cut line may be left in it).
 */
#ifndef AUDIT_HISTORY_WRITE_H
#define AUDIT_HISTORY_WRITE_H

#include "audit/history.h"

/* The line of the invocation of operation index, right after history_invoke(). */
int history_write_invoke(const struct history *h, uint32_t index, struct buf *out);
/* The line of its completion, right after history_complete(). */
int history_write_complete(const struct history *h, uint32_t index, struct buf *out);
/* All events in order. */
int history_write_all(const struct history *h, struct buf *out);

#endif
