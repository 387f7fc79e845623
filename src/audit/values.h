/* SPDX-License-Identifier: MIT */
/* values.h - numbers for the values of a tape: equal values have one number. nil is 0, and so is what registers begin as. */
#ifndef AUDIT_VALUES_H
#define AUDIT_VALUES_H

#include "audit/tape.h"

struct values {
	const struct tape *tape;
	struct tape_value *at;
	uint32_t *index;                /* hash -> number + 1 */
	uint32_t count;
	size_t cap, index_cap;
	bool zero;                      /* registers begin as 0: it is nil */
};

int values_init(struct values *v, const struct tape *t);        /* 0 or -ENOMEM */
void values_fini(struct values *v);                             /* NULL and all zero are fine */
/* The number of a value; false: it has none yet. */
bool values_find(const struct values *v, struct tape_value value, uint32_t *ret);
/* 0 or -ENOMEM. */
int values_number(struct values *v, struct tape_value value, uint32_t *ret);

#endif
