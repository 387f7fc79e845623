/* SPDX-License-Identifier: MIT */
/* values.c - see values.h. */
#include "audit/values.h"

#include "audit/tape_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
values_init(struct values *v, const struct tape *t)
{
	uint32_t nil;

	*v = (struct values){ .tape = t };
	return values_number(v, tape_nil(), &nil);
}

void
values_fini(struct values *v)
{
	if (v == NULL)
		return;
	free(v->at);
	free(v->index);
	*v = (struct values){ 0 };
}

static int
grow(struct values *v)
{
	size_t cap = v->index_cap == 0 ? 256 : 2 * v->index_cap;
	uint32_t *index = cap > UINT32_MAX ? NULL : calloc(cap, sizeof(index[0]));
	struct tape_value *at = index == NULL ? NULL : realloc(v->at, cap / 2 * sizeof(at[0]));

	if (at == NULL) {
		free(index);
		return -ENOMEM;
	}
	v->at = at;
	for (uint32_t k = 0; k < v->count; k++) {
		size_t i = tape_value_hash(v->tape, at[k]) & (cap - 1);

		while (index[i] != 0)
			i = (i + 1) & (cap - 1);
		index[i] = k + 1;
	}
	free(v->index);
	v->index = index;
	v->index_cap = cap;
	return 0;
}

bool
values_find(const struct values *v, struct tape_value value, uint32_t *ret)
{
	size_t i = v->index_cap == 0 ? 0 : tape_value_hash(v->tape, value) & (v->index_cap - 1);

	while (v->index_cap > 0 && v->index[i] != 0 && !tape_value_same(v->tape, v->at[v->index[i] - 1], value))
		i = (i + 1) & (v->index_cap - 1);
	if (v->index_cap == 0 || v->index[i] == 0)
		return false;
	*ret = v->index[i] - 1;
	return true;
}

int
values_number(struct values *v, struct tape_value value, uint32_t *ret)
{
	if (v->zero && value.type == TAPE_INT && value.i == 0)
		value = tape_nil();
	if (2 * ((size_t)v->count + 1) > v->index_cap && grow(v) != 0)
		return -ENOMEM;
	size_t i = tape_value_hash(v->tape, value) & (v->index_cap - 1);

	while (v->index[i] != 0 && !tape_value_same(v->tape, v->at[v->index[i] - 1], value))
		i = (i + 1) & (v->index_cap - 1);
	if (v->index[i] == 0) {
		v->at[v->count] = value;
		v->index[i] = ++v->count;
	}
	*ret = v->index[i] - 1;
	return 0;
}
