/* SPDX-License-Identifier: MIT */
/* graft.c - see graft.h. Depth is bounded by that of the trees, DOC_DEPTH_MAX. */
#include "proto/graft.h"

#include "base/assert.h"
#include <string.h>

static struct doc_node *
new_map(struct arena *mem, const struct doc_node *like, uint32_t room)
{
	struct doc_node *n = arena_alloc(mem, sizeof(*n));

	if (n == NULL)
		return NULL;
	*n = (struct doc_node){ .kind = DOC_MAP, .line = like->line, .column = like->column, .weight = 1, .text = "" };
	n->pairs = arena_alloc(mem, (room + 1) * sizeof(*n->pairs));
	return n->pairs == NULL ? NULL : n;
}

static void
add_pair(struct doc_node *map, const struct doc_node *key, const struct doc_node *value)
{
	map->pairs[map->count++] = (struct doc_pair){ key, value };
	map->weight += key->weight + value->weight;
}

static bool
is_null(const struct doc_node *n)
{
	return n->kind == DOC_NULL;
}

const struct doc_node *
graft_merge(struct arena *mem, const struct doc_node *base, const struct doc_node *over)
{
	struct doc_node *n;

	if (base->kind != DOC_MAP || over->kind != DOC_MAP)
		return over;
	n = new_map(mem, base, base->count + over->count);
	for (uint32_t i = 0; n != NULL && i < base->count; i++) {
		const struct doc_node *value = doc_get(over, base->pairs[i].key->text);
		if (value == NULL)
			value = base->pairs[i].value;
		else if (!is_null(value))
			value = graft_merge(mem, base->pairs[i].value, value);
		else
			continue;
		if (value == NULL)
			return NULL;
		add_pair(n, base->pairs[i].key, value);
	}
	for (uint32_t i = 0; n != NULL && i < over->count; i++)
		if (doc_get(base, over->pairs[i].key->text) == NULL && !is_null(over->pairs[i].value))
			add_pair(n, over->pairs[i].key, over->pairs[i].value);
	return n;
}

static bool
is_listed(const char *s, const char *const *keys)
{
	for (; *keys != NULL; keys++)
		if (strcmp(*keys, s) == 0)
			return true;
	return false;
}

const struct doc_node *
graft_without(struct arena *mem, const struct doc_node *map, const char *const *keys)
{
	struct doc_node *n;

	fl_assert(map->kind == DOC_MAP);
	n = new_map(mem, map, map->count);
	for (uint32_t i = 0; n != NULL && i < map->count; i++)
		if (!is_listed(map->pairs[i].key->text, keys))
			add_pair(n, map->pairs[i].key, map->pairs[i].value);
	return n;
}

static bool
copy_inside(struct arena *mem, const struct doc_node *from, graft_text_fn *fn, void *ud, struct doc_node *to)
{
	if (from->kind == DOC_LIST)
		to->items = arena_alloc(mem, (from->count + 1) * sizeof(*to->items));
	else
		to->pairs = arena_alloc(mem, (from->count + 1) * sizeof(*to->pairs));
	if (from->kind == DOC_LIST ? to->items == NULL : to->pairs == NULL)
		return false;
	for (uint32_t i = 0; i < from->count; i++) {
		const struct doc_node *key = NULL;
		const struct doc_node *value = graft_copy(mem, from->kind == DOC_LIST ? from->items[i] : from->pairs[i].value, fn, ud);
		if (from->kind == DOC_MAP)
			key = graft_copy(mem, from->pairs[i].key, NULL, NULL);
		if (value == NULL || (from->kind == DOC_MAP && key == NULL))
			return false;
		if (from->kind == DOC_LIST)
			to->items[i] = value;
		else
			to->pairs[i] = (struct doc_pair){ key, value };
	}
	return true;
}

const struct doc_node *
graft_copy(struct arena *mem, const struct doc_node *n, graft_text_fn *fn, void *ud)
{
	struct doc_node *copy = arena_alloc(mem, sizeof(*copy));

	if (copy == NULL)
		return NULL;
	*copy = *n;
	if (n->kind == DOC_SCALAR)
		copy->text = fn != NULL ? fn(ud, n->text) : arena_strdup(mem, n->text);
	else
		copy->text = "";
	if (copy->text == NULL)
		return NULL;
	if ((n->kind == DOC_LIST || n->kind == DOC_MAP) && !copy_inside(mem, n, fn, ud, copy))
		return NULL;
	return copy;
}
