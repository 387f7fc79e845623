/* SPDX-License-Identifier: MIT */
/* h1_name.h - quick looks at names and words, for the readers of heads. */
#ifndef PROTO_H1_NAME_H
#define PROTO_H1_NAME_H

#include "proto/h1.h"

/* Are n bytes those of a word, which is of lower-case letters, digits and "-"? Letters in any case. */
bool h1_name_same(const char *s, const char *lower, size_t n);

static inline bool
h1_name_is(const char *p, struct h1_text t, const char *lower)
{
	return t.len == strlen(lower) && h1_name_same(p + t.at, lower, t.len);
}

/*
 * The id of a name of 1 to 15 bytes, behind whose beginning 16 can be read.
 * ret_plain   set when it has none: is it certainly a token? Of letters, digits and "-" alone.
 */
enum h1_id h1_name_glance(const char *name, unsigned n, bool *ret_plain);

#endif
