/* SPDX-License-Identifier: MIT */
/*
 * conduct.h - one run of an experiment, from the first process to the last line of the report:
 *
 *      rig -> system -> before -> load and faults -> heal -> after -> stop -> audit -> report
 *
 * Invariants
 *  (1) Whatever happens, faults are taken off and every process that was started is gone when conduct() returns.
 *  (2) A run directory that was made gets its reports, as far as the disk allows.
 */
#ifndef RUN_CONDUCT_H
#define RUN_CONDUCT_H

#include "base/buf.h"
#include "run/experiment.h"

struct conduct_opts {
	const struct experiment *x;
	const char *text;               /* of its file */
	size_t text_bytes;
	const char *path;               /* of its file, as given */
	const char *here;               /* its directory, absolute */
	const char *command;            /* as typed */
	uint64_t seed;
	const char *runs_dir;
	const char *dir_name;           /* of the run directory in it; NULL: NAME-DATE-SEED */
	const char *variant;            /* that x is, of the experiment in text; NULL: the file has none */
	bool keep;                      /* leave the files of the processes in the run directory */
	bool verbose;                   /* tell on standard error what happens */
	bool quiet;                     /* no status line */
	bool colour;                    /* in the text */
	unsigned columns;               /* of the text; 0: usual */
};

#define CONDUCT_PATH_MAX 4096
struct run_result;
struct conduct_kept;
struct conduct_outcome {
	int exit_code;
	bool by_signal;                 /* a signal ended it */
	char run_dir[CONDUCT_PATH_MAX]; /* "" when it could not even be made */
	char error[1024];               /* "", or what the files' reader must know: the disk is full, ... */
	struct buf text, json;          /* the verdict, for a person and for a program */
	const struct run_result *result;        /* NULL: there is none. Until conduct_fini(), while the experiment lives */
	struct conduct_kept *kept;      /* what the result points to */
};

/* Needs the only thread of the program. conduct_fini() what comes out. */
void conduct(const struct conduct_opts *opts, struct conduct_outcome *ret);
void conduct_fini(struct conduct_outcome *o);

#endif
