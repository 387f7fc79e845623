/* SPDX-License-Identifier: MIT */
/* product.c - see product.h. */
#include "audit/product.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
product_init(struct product *p, const struct model *m, const void *self, uint32_t objects)
{
	size_t n = (size_t)objects * (m->start_count + 1);

	*p = (struct product){ .model = m, .self = self, .objects = objects };
	p->start = n > UINT32_MAX ? NULL : malloc((n + 1) * sizeof(p->start[0]));
	if (p->start == NULL)
		return -ENOMEM;
	for (uint32_t k = 0; k < objects; k++) {
		p->start[p->start_count++] = m->start_count;
		for (uint32_t i = 0; i < m->start_count; i++)
			p->start[p->start_count++] = m->start[i];
	}
	return 0;
}

void
product_fini(struct product *p)
{
	free(p->start);
	p->start = NULL;
}

int
product_step(const void *self, const struct calls *all, const struct calls_one *c, const int64_t *state, uint32_t n, struct frontier_row *out)
{
	const struct product *p = self;
	struct frontier_row one = { 0 };
	uint32_t at = 0;

	for (uint32_t k = 0; k < c->object; k++)
		at += (uint32_t)state[at] + 1;
	uint32_t count = (uint32_t)state[at], tail = at + 1 + count;
	int rc = p->model->step(p->self, all, c, state + at + 1, count, &one);

	if (rc == 1 && !c->looks) {
		rc = frontier_room(out, n - count + one.count) ? 1 : -ENOMEM;
		if (rc == 1) {
			memcpy(out->at, state, at * sizeof(state[0]));
			out->at[at] = one.count;
			if (one.count > 0)
				memcpy(out->at + at + 1, one.at, one.count * sizeof(state[0]));
			memcpy(out->at + at + 1 + one.count, state + tail, (n - tail) * sizeof(state[0]));
			out->count = n - count + one.count;
		}
	}
	free(one.at);
	return rc;
}
