/* SPDX-License-Identifier: MIT */
/* yaml.h - reads YAML 1.2 (JSON included) from memory into the tree of doc.h. */
#ifndef PROTO_YAML_H
#define PROTO_YAML_H

#include "proto/doc.h"

/*
 * yaml_parse - read one document from n bytes. Anchors, aliases and merge keys (<<) are followed; of tags only YAML's own.
 * d         gets the complaint on failure; d->name is the file's name in it
 * returns   0; -EINVAL not such a text; -E2BIG over a bound of doc.h; -ENOMEM
 */
int yaml_parse(const char *text, size_t n, struct doc_diag *d, struct doc **ret_doc);

#endif
