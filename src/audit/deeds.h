/* SPDX-License-Identifier: MIT */
/*
 * deeds.h - the operations of a tape sorted by the object they are of, and told what they are called in a model.
 *
 * An operation's key is its "key"; or, where no operation has one and every value is a pair, the first of that pair, as Jepsen's
 * independent histories have it.
 */
#ifndef AUDIT_DEEDS_H
#define AUDIT_DEEDS_H

#include "audit/model.h"

struct deeds_object {
	struct tape_value key;
	bool has_key;
	uint32_t from, count;           /* in list */
};
struct deeds {
	const struct tape *tape;
	const struct model *model;
	uint32_t *list;                 /* operations, by object and then in order of invocation */
	struct deeds_object *objects;
	uint32_t object_count;
	bool tuples;                    /* values are pairs of key and value */
	bool whole;                     /* keys are not looked at: there is one object */
	bool zero;                      /* registers begin as 0, not as nil (origin.h) */
	bool empty_is_nil;              /* the empty text is how this history says that there is nothing */
	uint32_t f[32];                 /* texts of functions seen */
	uint16_t kind[32];
	uint32_t f_count;
	/* After -EINVAL: */
	uint32_t line;
	char error[MODEL_ERROR_MAX + 256];
};

/* values: numbers of the keys are taken from there. 0, -ENOMEM, -EINVAL. deeds_fini() it in any case. */
int deeds_init(struct deeds *d, const struct tape *t, const struct model *m, struct values *values, bool whole);
void deeds_fini(struct deeds *d);
/* Operation op of the tape as a deed. 0 or -EINVAL. */
int deeds_get(struct deeds *d, uint32_t op, struct model_deed *ret);

#endif
