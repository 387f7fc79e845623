/* SPDX-License-Identifier: MIT */
/* contrast.h - the variants of an experiment side by side: everything that is to be said of their runs together. Plain data. */
#ifndef RUN_CONTRAST_H
#define RUN_CONTRAST_H

#include "run/claim.h"
#include "run/result.h"

#define CONTRAST_SIDES_MAX 8
#define CONTRAST_CLAIMS_MAX 32

struct contrast_side {
	const char *name;
	const struct run_result *r;     /* NULL: it did not run, or left nothing */
	const char *error;              /* why; "" or NULL: it is not known */
};
struct contrast_claim {
	const char *text;
	struct claim_outcome outcome;
};
struct contrast {
	const char *name, *description, *experiment_path, *run_dir, *command, *replay;
	uint64_t seed;
	int64_t start_wall_ns;
	enum result_verdict verdict;    /* of all together */
	int exit_code;
	uint32_t count, claim_count;
	struct contrast_side sides[CONTRAST_SIDES_MAX];
	struct contrast_claim claims[CONTRAST_CLAIMS_MAX];
};

/* Fill verdict and exit_code: aborted before finding before unknown before held. */
void contrast_judge(struct contrast *c);
/* One plain sentence without a full stop. */
void contrast_headline(const struct contrast *c, struct buf *out);
/* Why it is no HELD, one sentence each, with the variant's name before it; calls back for each. */
void contrast_reasons(const struct contrast *c, void (*tell)(void *ud, const char *text), void *ud);
/* Is this number known of any side? */
bool contrast_known(const struct contrast *c, enum metric m);
/* The side that is best in it: -1: they are alike, or only one is known. */
int contrast_best(const struct contrast *c, enum metric m);

#endif
