/* SPDX-License-Identifier: MIT */
/* publish.h - what a run leaves in its directory, and what it says at its end. */
#ifndef RUN_PUBLISH_H
#define RUN_PUBLISH_H

#include "run/conduct.h"
#include "run/result.h"
#include "run/rig.h"

/*
 * publish_start - experiment.yaml and run.json, before anything is started.
 * name      of the experiment
 * variant   that is run; NULL: all of them, or there are none
 * returns   0 or -errno
 */
int publish_start(struct rundir *d, const struct conduct_opts *opts, const char *name, const char *variant, int64_t wall_ns);

/* Fill what the rig knows into the result: lines, how connections ended, processes with their logs, files, versions. 0 or -ENOMEM. */
int publish_describe(const struct experiment *x, const struct rig *rig, struct arena *mem, struct run_result *r);

/* report.html, report.json, junit.xml. 0, or the first -errno with error saying which file could not be written. */
int publish_write(struct rundir *d, const struct run_result *r, char *error, size_t error_bytes);

/* The verdict for a person and for a program. */
void publish_say(const struct run_result *r, bool colour, unsigned columns, struct buf *text, struct buf *json);

/* What run.json says. */
struct publish_origin {
	uint64_t seed;
	char path[CONDUCT_PATH_MAX];    /* of the experiment's file when it was run, as given */
	char here[CONDUCT_PATH_MAX];    /* its directory */
	char variant[64];               /* ""; the whole experiment */
};
/* Read run.json of a run directory. 0, or -errno / -EINVAL with error. */
int publish_origin_read(const char *run_dir, struct publish_origin *ret, char *error, size_t error_bytes);

#endif
