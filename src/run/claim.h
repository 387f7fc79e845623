/* SPDX-License-Identifier: MIT */
/*
 * claim.h - what is said of the variants of an experiment together, and whether it is so. Pure.
 *
 *      protected.goodput >= 2 * bare.goodput
 *      protected.heal < 5s
 *      bare.amplification > 1.5
 *
 * On each side a number of a variant (metric.h), with a factor before it if need be, or a value; >= <= > < between.
 */
#ifndef RUN_CLAIM_H
#define RUN_CLAIM_H

#include "run/metric.h"

#define CLAIM_ERROR_MAX 256
#define CLAIM_GOT_MAX 200

enum claim_op { CLAIM_GE, CLAIM_LE, CLAIM_GT, CLAIM_LT };
struct claim_side {
	int variant;                    /* -1: value stands for itself */
	enum metric metric;
	double factor;
	double value;
};
struct claim {
	const char *text;               /* as given; not owned */
	enum claim_op op;
	struct claim_side left, right;  /* one of them at least of a variant */
};

/* Read one. variants: names, NULL-terminated. 0, or -EINVAL with error (CLAIM_ERROR_MAX bytes): "found ..., expected ...". */
int claim_parse(const char *text, const char *const *variants, struct claim *ret, char *error);

struct claim_outcome {
	bool held, known;               /* not known: a number of it cannot be told */
	char got[CLAIM_GOT_MAX];        /* "97% against 82%" */
};
/* sets: by variant; NULL: it did not run. */
void claim_judge(const struct claim *c, const struct metric_set *const *sets, struct claim_outcome *ret);

#endif
