/* SPDX-License-Identifier: MIT */
/* run_note.h - `faultline run --graph FILE`: what a run tried on which line, into the map. Complains on standard error. */
#ifndef CMD_RUN_NOTE_H
#define CMD_RUN_NOTE_H

#include "run/variant.h"

/* Can the map at path be written? To be asked before the run: who mistyped it shall not wait for the end. 0 or -errno. */
int cmd_run_note_check(const char *path);
/* Take the report.json in run_dir, or, of a set that has variants, those of its variants. set NULL: one run. 0 or -errno. */
int cmd_run_note(const char *path, const char *run_dir, const struct variant_set *set);

#endif
