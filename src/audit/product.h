/* SPDX-License-Identifier: MIT */
/*
 * product.h - several objects of one model as one object: for what is not local, as sequential consistency is not.
 *
 * The state is that of each object in turn, a count before each.
 */
#ifndef AUDIT_PRODUCT_H
#define AUDIT_PRODUCT_H

#include "audit/model.h"

struct product {
	const struct model *model;
	const void *self;               /* for the model's step */
	uint32_t objects;
	int64_t *start;
	uint32_t start_count;
};

int product_init(struct product *p, const struct model *m, const void *self, uint32_t objects);        /* 0 or -ENOMEM */
void product_fini(struct product *p);
/* self is the product; the object of a call is its `object`. */
frontier_step_fn product_step;

#endif
