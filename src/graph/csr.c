/* SPDX-License-Identifier: MIT */
/* csr.c - see csr.h. */
#include "graph/csr.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

int
csr_order(struct arena *scratch, const uint32_t *in, uint32_t n, const uint32_t *key, uint32_t keys, uint32_t *out, uint32_t *starts)
{
	struct arena_mark mark = arena_snapshot(scratch);
	uint32_t *at = csr_numbers(scratch, (size_t)keys + 1);

	if (at == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		at[key[in == NULL ? i : in[i]] + 1]++;
	for (uint32_t k = 0; k < keys; k++)
		at[k + 1] += at[k];
	if (starts != NULL)
		memcpy(starts, at, ((size_t)keys + 1) * sizeof(*at));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t item = in == NULL ? i : in[i];

		out[at[key[item]]++] = item;
	}
	arena_reset(scratch, mark);
	return 0;
}

/* Nodes by falling length of their rows. */
static int
find_hubs(struct arena *scratch, uint32_t n, const uint32_t *start, uint32_t *ret_hubs)
{
	uint32_t most = 0, *key = csr_numbers(scratch, n);

	if (key == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		most = FL_MAX(most, start[i + 1] - start[i]);
	for (uint32_t i = 0; i < n; i++)
		key[i] = most - (start[i + 1] - start[i]);
	return csr_order(scratch, NULL, n, key, most + 1, ret_hubs, NULL);
}

static void
search(uint32_t n, const uint32_t *start, const uint32_t *caller, const uint32_t *hubs, uint32_t *queue, uint32_t *id)
{
	uint32_t done = 0, told = 0;

	memset(id, 0xff, (size_t)n * sizeof(*id));
	for (uint32_t h = 0; h < n; h++) {
		if (id[hubs[h]] != UINT32_MAX)
			continue;
		id[hubs[h]] = told;
		queue[told++] = hubs[h];
		for (; done < told; done++) {
			for (uint32_t i = start[queue[done]]; i < start[queue[done] + 1]; i++) {
				if (id[caller[i]] != UINT32_MAX)
					continue;
				id[caller[i]] = told;
				queue[told++] = caller[i];
			}
		}
	}
	fl_assert(told == n);
}

int
csr_number(struct arena *scratch, uint32_t n, uint32_t m, const uint32_t *from, const uint32_t *to, uint32_t *ret_id)
{
	struct arena_mark mark = arena_snapshot(scratch);
	uint32_t *half = csr_numbers(scratch, m), *caller = csr_numbers(scratch, m), *start = csr_numbers(scratch, (size_t)n + 1);
	uint32_t *hubs = csr_numbers(scratch, n), *queue = csr_numbers(scratch, n);

	if (half == NULL || caller == NULL || start == NULL || hubs == NULL || queue == NULL ||
	    csr_order(scratch, NULL, m, from, n, half, NULL) != 0 || csr_order(scratch, half, m, to, n, caller, start) != 0 ||
	    find_hubs(scratch, n, start, hubs) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < m; i++)
		caller[i] = from[caller[i]];
	search(n, start, caller, hubs, queue, ret_id);
	arena_reset(scratch, mark);
	return 0;
}
