/* SPDX-License-Identifier: MIT */
/* trail.c - see trail.h. */
#include "audit/trail.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TIDY_MIN 4096

void
trail_init(struct trail *t, size_t bytes_max)
{
	*t = (struct trail){ .bytes_max = bytes_max, .tidy_at = TIDY_MIN, .count = 1 };
}

void
trail_fini(struct trail *t)
{
	free(t->nodes);
	free(t->order);
	free(t->moved);
	t->nodes = NULL;
	t->order = NULL;
	t->moved = NULL;
}

static void
lose(struct trail *t)
{
	trail_fini(t);
	t->lost = true;
}

/* Room for `need` elements of `size` bytes, doubling. NULL: the trail is lost. */
static void *
room(struct trail *t, void *mem, uint32_t *cap, uint32_t need, size_t size)
{
	if (need <= *cap)
		return mem;
	uint32_t more = FL_MAX(*cap * 2, FL_MAX(need, 256u));
	/* What the other array holds counts too; 5 bytes a node are for tidying. */
	size_t total = (size_t)more * size + (size_t)t->cap * (sizeof(t->nodes[0]) + 5) + (size_t)t->order_cap * sizeof(t->order[0]);
	void *bigger = total <= t->bytes_max && more < UINT32_MAX / 2 ? realloc(mem, (size_t)more * size) : NULL;

	if (bigger == NULL) {
		lose(t);
		return NULL;
	}
	*cap = more;
	return bigger;
}

uint32_t
trail_add(struct trail *t, uint32_t parent, uint32_t step)
{
	if (t->lost)
		return 0;
	fl_assert(parent < t->count);
	struct trail_node *nodes = room(t, t->nodes, &t->cap, t->count + 1, sizeof(nodes[0]));

	if (nodes == NULL)
		return 0;
	t->nodes = nodes;
	nodes[t->count] = (struct trail_node){ parent, step };
	return t->count++;
}

bool
trail_tidy_begin(struct trail *t)
{
	if (t->lost || t->nodes == NULL)
		return false;
	t->moved = calloc(t->count, sizeof(t->moved[0]));
	if (t->moved == NULL)
		t->tidy_at = t->count * 2;
	return t->moved != NULL;
}

void
trail_keep(struct trail *t, uint32_t node)
{
	fl_assert(node < t->count);
	t->moved[node] = 1;
}

/* Put the path from the root (left out) down to node behind order. */
static int
flush(struct trail *t, uint32_t node)
{
	uint32_t n = 0;

	for (uint32_t i = node; i != 0; i = t->nodes[i].parent)
		n++;
	if (n == 0)
		return 0;
	uint32_t *order = room(t, t->order, &t->order_cap, t->order_count + n, sizeof(order[0]));
	if (order == NULL)
		return -ENOBUFS;
	t->order = order;
	t->order_count += n;
	for (uint32_t i = node, k = t->order_count; i != 0; i = t->nodes[i].parent)
		order[--k] = t->nodes[i].step;
	return 0;
}

/*
 * The deepest node that is on the path of every kept one: from the root down as long as there is one child and the node is
 * not itself kept. moved is 1 for what the caller keeps, 2 for what stands on a path. No memory: the root, which is right too.
 */
static uint32_t
common(const struct trail *t)
{
	uint8_t *kids = calloc(t->count, 1);
	uint32_t at = 0;

	if (kids == NULL)
		return 0;
	for (uint32_t i = 1; i < t->count; i++)
		if (t->moved[i] != 0 && kids[t->nodes[i].parent] < 2)
			kids[t->nodes[i].parent]++;
	/* Children stand behind their parents (1), so one walk meets each node of the path in turn. */
	for (uint32_t i = 1; i < t->count && kids[at] == 1 && t->moved[at] != 1; i++)
		if (t->moved[i] != 0 && t->nodes[i].parent == at)
			at = i;
	free(kids);
	return at;
}

void
trail_tidy_end(struct trail *t)
{
	for (uint32_t i = t->count; i-- > 1;)
		if (t->moved[i] != 0 && t->moved[t->nodes[i].parent] == 0)
			t->moved[t->nodes[i].parent] = 2;
	uint32_t root = common(t), n = 1;

	if (flush(t, root) != 0)
		return;
	t->moved[0] = 1;
	for (uint32_t i = 1; i < t->count; i++) {
		if (i <= root || t->moved[i] == 0) {
			t->moved[i] = i == root ? 1 : 0;
			continue;
		}
		t->nodes[n] = (struct trail_node){ t->moved[t->nodes[i].parent] - 1, t->nodes[i].step };
		t->moved[i] = ++n;
	}
	t->count = n;
	t->tidy_at = FL_MAX(n * 2, (uint32_t)TIDY_MIN);
}

uint32_t
trail_moved(const struct trail *t, uint32_t node)
{
	return t->lost ? 0 : t->moved[node] - 1;
}

void
trail_tidy_done(struct trail *t)
{
	free(t->moved);
	t->moved = NULL;
}

static uint32_t
deepest(const struct trail *t)
{
	uint32_t *depth = calloc(t->count, sizeof(depth[0])), best = 0;

	if (depth == NULL)
		return 0;
	for (uint32_t i = 1; i < t->count; i++) {
		depth[i] = depth[t->nodes[i].parent] + 1;
		if (depth[i] > depth[best])
			best = i;
	}
	free(depth);
	return best;
}

int
trail_path(struct trail *t, uint32_t node, uint32_t **ret_steps, uint32_t *ret_count)
{
	if (!t->lost)
		(void)flush(t, node == UINT32_MAX ? deepest(t) : node);
	if (t->lost)
		return -ENOENT;
	*ret_steps = t->order;
	*ret_count = t->order_count;
	t->order = NULL;
	t->order_count = t->order_cap = 0;
	return 0;
}
