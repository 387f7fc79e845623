/* SPDX-License-Identifier: MIT */
/*
 * rundir.h - the directory a run leaves behind: RUNS/NAME-DATE-SEED/.
 *
 *      experiment.yaml  as it was run          run.json     seed, where it came from: what replay needs
 *      events.jsonl     what happened          history.jsonl  what the clients did and got
 *      logs/            of the processes       data/        their files while the run lasts
 *      report.html, report.json, junit.xml
 */
#ifndef RUN_RUNDIR_H
#define RUN_RUNDIR_H

#include "base/arena.h"

#define RUNDIR_ERROR_MAX 512

struct rundir {
	struct arena mem;
	const char *path;               /* absolute */
	const char *data, *logs;        /* absolute */
};

/*
 * rundir_new - make the directory and those inside it.
 * runs       where runs are kept; made when missing
 * exact      name of the directory; NULL: NAME-DATE-SEED
 * wall_ns    for the date
 * returns    0, or -errno with error (RUNDIR_ERROR_MAX bytes) saying what could not be made
 */
int rundir_new(const char *runs, const char *exact, const char *name, uint64_t seed, int64_t wall_ns, struct rundir *ret, char *error);
/* The same without data/ and logs/: for a directory of runs that belong together. */
int rundir_group(const char *runs, const char *name, uint64_t seed, int64_t wall_ns, struct rundir *ret, char *error);
void rundir_fini(struct rundir *d);
/* Path of a file in it, in its arena. */
const char *rundir_file(struct rundir *d, const char *name);
/* Write a whole file. 0 or -errno. */
int rundir_write(struct rundir *d, const char *name, const void *p, size_t n);

#endif
