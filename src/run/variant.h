/* SPDX-License-Identifier: MIT */
/*
 * variant.h - an experiment and its variants: the same file with something of it changed, each an experiment of its own.
 *
 *      variants:
 *        bare: {}
 *        protected:
 *          lines: {cart: {policies: {...}}}
 *          expect: {goodput: 90%}
 *      compare:
 *        - protected.goodput >= 2 * bare.goodput
 *
 * A variant is laid over the rest of the file (graft.h). A file without variants is one experiment without a name for it.
 *
 * Invariants
 *  (1) All variants have the name and the seed of the file.
 *  (2) Complaints about what the variants share are told once.
 */
#ifndef RUN_VARIANT_H
#define RUN_VARIANT_H

#include "run/claim.h"
#include "run/experiment.h"

#define VARIANT_MAX 8
#define VARIANT_CLAIMS_MAX 32

struct variant {
	const char *name;               /* NULL: the file has no variants */
	struct experiment *x;
};
struct variant_set {
	struct arena mem;
	uint32_t count, claim_count;    /* count >= 1 */
	struct variant variants[VARIANT_MAX];
	const char *names[VARIANT_MAX + 1];     /* NULL-terminated */
	struct claim claims[VARIANT_CLAIMS_MAX];
};
static inline bool
variant_varied(const struct variant_set *s)
{
	return s->variants[0].name != NULL;
}

/* 0; -EINVAL after complaints in d, all that were found; -ENOMEM. */
int variant_read(const struct doc_node *root, struct doc_diag *d, struct variant_set **ret_set);
int variant_parse(const char *text, size_t text_bytes, struct doc_diag *d, struct variant_set **ret_set);
/* text (given initialised) gets what the file holds. A file that cannot be read is a complaint too. */
int variant_from_file(const char *path, struct doc_diag *d, struct buf *text, struct variant_set **ret_set);
void variant_free(struct variant_set *s);       /* NULL is fine */
/* The index of a variant; -1: there is none of that name. */
int variant_find(const struct variant_set *s, const char *name);

#endif
