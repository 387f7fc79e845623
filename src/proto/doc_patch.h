/* SPDX-License-Identifier: MIT */
/* doc_patch.h - a tree laid over another (RFC 7396, JSON merge patch), and a tree written as JSON. */
#ifndef PROTO_DOC_PATCH_H
#define PROTO_DOC_PATCH_H

#include "proto/doc.h"
#include "proto/jsonw.h"

/*
 * doc_patch_merge - base with what patch says: maps are laid over each other key by key, null removes a key, all else replaces.
 * base      NULL: nothing
 * mem       new nodes are of it; the others are those of base and patch, with their places
 * returns   NULL when memory ran out
 */
const struct doc_node *doc_patch_merge(struct arena *mem, const struct doc_node *base, const struct doc_node *patch);

/* Two patches as one: as above, but null stays. */
const struct doc_node *doc_patch_join(struct arena *mem, const struct doc_node *base, const struct doc_node *patch);

/*
 * doc_patch_json - write n as a JSON value, so that reading it means the same: numbers keep their text.
 * without   keys of n itself to be left out, NULL-terminated; NULL: none
 * returns   0; -E2BIG: nested too deep (nothing is written)
 */
int doc_patch_json(struct jsonw *w, const struct doc_node *n, const char *const *without);

#endif
