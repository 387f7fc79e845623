/* SPDX-License-Identifier: MIT */
/*
 * state.h - the state file: the lines and their toxics, so that they come back after the daemon died, however it died.
 *
 * The control loop only makes the text; a thread of its own writes it beside the old file, syncs it and renames it over. What
 * changes while it writes is written next, so the file lags behind by one write at most. When it cannot be written the old
 * file stays, the failure is logged once, and it is tried again with the next change and every few seconds.
 */
#ifndef CONTROL_STATE_H
#define CONTROL_STATE_H

#include "control/lines.h"
#include "proto/doc.h"

struct state;

/* Start the writer. 0 or -errno. */
int state_new(const char *path, struct log *log, struct state **ret_state);
/* Write what is waiting, then end. NULL is fine. */
void state_free(struct state *s);
/* Hand over the lines if they have changed since the last time (or the last write failed a while ago). Cheap otherwise. */
void state_save(struct state *s, struct lines *t, fl_ns now);
/* When to call state_save() next without a change; FL_NEVER: not. */
fl_ns state_next(const struct state *s);

/*
 * state_load - read the file at path.
 * complaint  one line, set on failure
 * returns    0; -ENOENT: there is none; -errno
 */
int state_load(const char *path, struct buf *complaint, struct doc **ret_doc);
/* The seed that the state was made with. */
bool state_seed(const struct doc *doc, uint64_t *ret_seed);
/* Make the lines. What cannot be bound stays in the table, disabled, and is logged. 0; -EINPROGRESS as lines_create(); -EINVAL with complaint. */
int state_apply(const struct doc *doc, struct lines *t, struct buf *complaint);

#endif
