/* SPDX-License-Identifier: MIT */
/*
 * vary.h - an experiment run with all its variants, one after the other under the same seed, and what they come to together.
 *
 *      runs/NAME-DATE-SEED/            experiment.yaml, run.json, report.html, report.json, junit.xml: of all together
 *      runs/NAME-DATE-SEED/VARIANT/    a whole run directory (rundir.h)
 *
 * Without variants, or with one of them chosen, it is a run like any other.
 */
#ifndef RUN_VARY_H
#define RUN_VARY_H

#include "run/conduct.h"
#include "run/variant.h"

struct vary_opts {
	const struct variant_set *set;
	int only;                       /* the variant to run; -1: all */
	struct conduct_opts run;        /* x, dir_name and variant are filled in here */
};
struct vary_outcome {
	int exit_code;
	char run_dir[CONDUCT_PATH_MAX]; /* "" when it could not even be made */
	char error[1024];
	struct buf text, json;          /* the verdict, for a person and for a program */
};

/* Needs the only thread of the program. vary_fini() what comes out. */
void vary_run(const struct vary_opts *opts, struct vary_outcome *ret);
void vary_fini(struct vary_outcome *o);

#endif
