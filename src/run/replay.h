/* SPDX-License-Identifier: MIT */
/* replay.h - run an experiment again from the directory of a run, with its seed and all its variants, and say what recurred. */
#ifndef RUN_REPLAY_H
#define RUN_REPLAY_H

#include "run/compare.h"
#include "run/vary.h"

struct replay_opts {
	const char *run_dir;
	const char *command;            /* as typed */
	const char *runs_dir;
	bool keep, verbose, quiet, colour;
	unsigned columns;
};
struct replay_outcome {
	int exit_code;                  /* of the run now; 2 when run_dir is none */
	char error[4096];               /* "", or why there was no run, or nothing to compare */
	bool ran;
	char verdict_then[16], verdict_now[16];         /* "held", "finding", ...; "" not known */
	bool recurred;                  /* the same verdict, and of the audit too */
	bool compared;
	struct compare_result compare;
	struct vary_outcome now;
};

/* Needs the only thread of the program. replay_fini() what comes out. */
void replay(const struct replay_opts *opts, struct replay_outcome *ret);
void replay_fini(struct replay_outcome *o);
/* What there is to say after the verdict of the run itself. */
int replay_say(const struct replay_outcome *o, const char *run_dir, struct buf *out);
/* One JSON document, with a newline. */
int replay_json(const struct replay_outcome *o, const char *run_dir, struct buf *out);

#endif
