/* SPDX-License-Identifier: MIT */
/* auditor.h - the history of a run: written down, then audited on a thread of its own so that it can be called off. */
#ifndef RUN_AUDITOR_H
#define RUN_AUDITOR_H

#include "audit/verdict.h"
#include "run/oplog.h"

struct auditor;
/*
 * auditor_new - merge the logs into one history and write it to path, one event a line.
 * ret_write_err  0, or why not all of it could be written (the history itself is whole)
 * returns        0, -ENOMEM, or -ENOBUFS when the history does not fit into memory
 */
int auditor_new(struct oplog *const *logs, uint32_t count, const char *prefix, const char *path, int *ret_write_err,
    struct auditor **ret_auditor);
/*
 * auditor_check - is every key a linearizable register?
 * stop_fd    readable: give up, with -ECANCELED
 * returns    0 and *ret_outcome, which belongs to the auditor; -errno
 */
int auditor_check(struct auditor *a, int stop_fd, const struct verdict_outcome **ret_outcome);
/* NULL is fine. After a check that was given up nothing is freed: it may still be under way, and the program is about to end. */
void auditor_free(struct auditor *a);

#endif
