/* SPDX-License-Identifier: MIT */
/*
 * json.h - reads JSON into the tree of doc.h, forgiving and refusing exactly where Go's encoding/json does.
 *
 * The first value is read; what stands behind it is ignored. Bytes that are not UTF-8 and lone surrogates become U+FFFD.
 * Numbers keep their text. Unlike YAML's, a map may hold a key several times: doc_get() finds the first, a reader that
 * wants Go's ways walks the pairs. Only the depth is bounded more tightly (DOC_DEPTH_MAX), and U+0000 is refused.
 */
#ifndef PROTO_JSON_H
#define PROTO_JSON_H

#include "proto/doc.h"

#define JSON_ERROR_MAX 128

/*
 * json_parse - the first value in n bytes. Nodes know their line and column.
 * error     JSON_ERROR_MAX bytes; on failure the text that Go has for it: "unexpected EOF",
 *           "invalid character 'x' looking for beginning of value"; "EOF" when there is nothing but space
 * returns   0, -EINVAL, -E2BIG over a bound, -ENOMEM
 */
int json_parse(const char *text, size_t n, char *error, struct doc **ret_doc);

#endif
