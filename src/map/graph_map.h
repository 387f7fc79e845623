/* SPDX-License-Identifier: MIT */
/*
 * graph_map.h - the map as a question wants it: read from the store into an estate, with what is no part of one beside it
 *
 * Options of every question: `at` (a time) with `window` (24h: what was seen in it, before that time), `since` (the same up to now),
 * `known` (as we knew it then), `fold` (intermediaries left out). Without them: everything that was not withdrawn.
 */
#ifndef MAP_GRAPH_MAP_H
#define MAP_GRAPH_MAP_H

#include "graph/estate.h"
#include "map/graph_ask.h"
#include "store/past_read.h"

struct graph_rule {
	const char *from, *to, *verdict, *source, *where;
};
struct graph_alias {
	const char *name, *space, *to, *to_space, *why, *source, *where;
};
/* A source looked at a node. */
struct graph_cover {
	uint32_t node;
	const char *source;
	int64_t first, last;
};
struct graph_map {
	struct arena keep, scratch;
	struct past_view view;
	const struct estate *e;
	const char **names;             /* by node, as people write them: "cart", or "shop/cart" where there are several */
	struct graph_rule *rules;
	struct graph_alias *aliases;
	struct graph_cover *covers;     /* by node */
	uint32_t rule_count, alias_count, cover_count;
};

/* The view that the options ask for. 0, or -EINVAL with r->error. */
int graph_map_view(const struct graph_ask *a, struct graph_reply *r, struct past_view *ret);
/* Read it. 0, or -errno with r->error. graph_map_fini() it in any case. */
int graph_map_init(struct graph_map *m, const struct graph_ask *a, struct graph_reply *r);
/* The same of a view. */
int graph_map_of(struct graph_map *m, struct past *p, const struct past_view *v, struct graph_reply *r);
void graph_map_fini(struct graph_map *m);

/* The node that a word names: 0, or -ENOENT with the nearest names in r->error. */
int graph_map_node(const struct graph_map *m, const char *word, struct graph_reply *r, uint32_t *ret);
/* The nodes that a word names: one, or with "app=NAME" all of an application. ret: room for node_count. 0, or -ENOENT with r->error. */
int graph_map_nodes(const struct graph_map *m, const char *word, struct graph_reply *r, uint32_t *ret, uint32_t *ret_count);
/* "a -> b" or "a->b" or two words. 0 or -EINVAL, -ENOENT with r->error. */
int graph_map_line(const struct graph_map *m, const struct graph_ask *a, struct graph_reply *r, uint32_t *ret);

#endif
