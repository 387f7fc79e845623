/* SPDX-License-Identifier: MIT */
/*
 * graft.h - trees of doc.h made from others: one laid over another, parts left out, texts filled in. Nodes keep the place where they
 * stood, so that complaints still point there; what is unchanged is shared with the trees it comes from, which must live as long.
 *
 * All return NULL when mem is full.
 */
#ifndef PROTO_GRAFT_H
#define PROTO_GRAFT_H

#include "proto/doc.h"

/* over laid on base: maps are joined key by key, nothing (null) takes a key away, anything else takes the place of what was there. */
const struct doc_node *graft_merge(struct arena *mem, const struct doc_node *base, const struct doc_node *over);
/* A map without some of its keys, NULL-terminated. */
const struct doc_node *graft_without(struct arena *mem, const struct doc_node *map, const char *const *keys);

/* What is to stand for a text, in memory that lives as long as the tree; NULL: no memory. */
typedef const char *graft_text_fn(void *ud, const char *text);
/* A copy that shares nothing, each scalar (not the keys of maps) with the text that fn gives for it. fn NULL: as they are. */
const struct doc_node *graft_copy(struct arena *mem, const struct doc_node *n, graft_text_fn *fn, void *ud);

#endif
