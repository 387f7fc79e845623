/* SPDX-License-Identifier: MIT */
/*
 * calls.h - the operations on one object as a model sees them: what each does, in numbers, and when.
 *
 * Left out is what can change no verdict: failed operations, unknown observations. What remains is required (it took effect
 * between inv and ret) or optional (ret CALLS_NEVER: it may have taken effect at any time after inv, or never).
 *
 * Invariants
 *  (1) Calls are in order of inv, and no two positions are equal unless several calls were made of one operation.
 */
#ifndef AUDIT_CALLS_H
#define AUDIT_CALLS_H

#include "base/types.h"
#include <stdbool.h>

#define CALLS_NEVER UINT32_MAX
#define CALLS_NONE UINT32_MAX
/* The group of operation id alone. */
#define CALLS_ALONE(id) (UINT32_C(0x80000000) | (id))

struct calls_one {
	uint32_t id;                    /* operation of the tape */
	uint32_t inv, ret;
	uint16_t kind;                  /* the model's */
	bool looks;                     /* it changes no state, ever */
	bool any_result;                /* its result is not known: it may have been anything */
	int64_t a, b;                   /* the model's */
	uint32_t list_at, list_count;   /* the model's, in the lists */
	/*
	 * Calls of one group may be left out of a legal history together, and it stays legal; CALLS_NONE: this one may not be.
	 * A number of the model's below 2^31, or CALLS_ALONE().
	 */
	uint32_t group;
	uint32_t object;                /* where calls of several objects are together */
	int64_t process;
};

struct calls {
	struct calls_one *at;
	uint32_t count, cap;
	int64_t *lists;
	size_t list_count, list_cap;
	uint32_t group_count;
};

static inline bool calls_required(const struct calls_one *c) { return c->ret != CALLS_NEVER; }
/* Would these two do the same in every state? (Looking at the same thing included.) */
bool calls_same_effect(const struct calls *all, const struct calls_one *x, const struct calls_one *y);

void calls_fini(struct calls *c);                               /* NULL and all zero are fine */
int calls_add(struct calls *c, const struct calls_one *one);    /* 0 or -ENOMEM */
/* Room for n numbers in the lists. 0 or -ENOMEM. */
int calls_list(struct calls *c, uint32_t n, uint32_t *ret_at);

/* Every invocation, and the return of every required call, in order of position: pos << 33 | call << 1 | is it a return. */
struct calls_event {
	uint32_t pos, call;
	bool ret;
};
/* At one position, invocations come before returns. free() the result. 0 or -ENOMEM. */
int calls_events(const struct calls *c, struct calls_event **ret, uint32_t *ret_count);

#endif
