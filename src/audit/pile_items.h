/* SPDX-License-Identifier: MIT */
/* pile_items.h - the calls of a pile by value: who put it on, who took it off. */
#ifndef AUDIT_PILE_ITEMS_H
#define AUDIT_PILE_ITEMS_H

#include "audit/model.h"

struct pile_items_one {
	uint32_t add, take;             /* calls, or CALLS_NONE */
	uint32_t adds, takes;           /* how many there are; more than one of either and the others say nothing of them */
	uint32_t acknowledged;          /* of the adds, those that surely happened */
};
struct pile_items {
	struct pile_items_one *at;      /* of the values there are, in no order */
	uint32_t count;
	uint32_t wild;                  /* takes of which nobody knows what they took */
	uint32_t empties;
	uint32_t repeated;              /* values put on more than once */
};

int pile_items_init(struct pile_items *p, const struct calls *calls);   /* 0 or -ENOMEM */
void pile_items_fini(struct pile_items *p);

/*
 * What is wrong with one value alone, if it is put on at most once: taken but never put on, taken before, taken twice.
 * true: nothing; else the finding is filled in.
 */
bool pile_items_sound(const struct pile_items *p, const struct calls *calls, struct model_finding *ret);
/* The finding is illegal because of these calls (CALLS_NONE: none); n of them. Returns false. */
bool pile_items_illegal(struct model_finding *ret, const char *say, const uint32_t *witness, uint32_t n);

/* Where an item surely is on the pile: after its add returned and before its take began. */
struct pile_items_span {
	uint32_t from, to;
	uint32_t item;
};
/*
 * Empty takes: is the pile surely not empty during one? spans are sorted here and joined where they overlap.
 * true: no; else the finding is filled in.
 */
bool pile_items_empties(const struct pile_items *p, const struct calls *calls, struct pile_items_span *spans, uint32_t n,
			struct model_finding *ret);

#endif
