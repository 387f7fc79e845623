/* SPDX-License-Identifier: MIT */
/*
 * jsonw.h - writes JSON into a buffer, as Go's encoding/json does: no spaces, < > & and U+2028/9 escaped, bytes that are not
 * UTF-8 replaced by \ufffd, numbers in their shortest form.
 *
 * Commas and nesting are looked after; what is written is one valid value if the calls were paired. Running out of room shows
 * in buf->overflowed alone.
 */
#ifndef PROTO_JSONW_H
#define PROTO_JSONW_H

#include "base/buf.h"
#include <stdbool.h>

#define JSONW_DEPTH_MAX 32

struct jsonw {
	struct buf *out;
	unsigned depth;
	bool has_items[JSONW_DEPTH_MAX];
	bool in_object[JSONW_DEPTH_MAX];
	bool after_key;
};

void jsonw_init(struct jsonw *w, struct buf *out);

void jsonw_object(struct jsonw *w);
void jsonw_array(struct jsonw *w);
void jsonw_end(struct jsonw *w);                /* of the innermost object or array */

void jsonw_key(struct jsonw *w, const char *key);
void jsonw_string(struct jsonw *w, const char *s);
void jsonw_stringn(struct jsonw *w, const char *s, size_t n);
void jsonw_printf(struct jsonw *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));        /* a string, up to 1023 bytes */
void jsonw_int(struct jsonw *w, int64_t v);
void jsonw_uint(struct jsonw *w, uint64_t v);
void jsonw_float(struct jsonw *w, double v);    /* null when not finite */
void jsonw_float32(struct jsonw *w, float v);
void jsonw_bool(struct jsonw *w, bool v);
void jsonw_null(struct jsonw *w);
/* A value that is JSON already. */
void jsonw_raw(struct jsonw *w, const char *json, size_t n);

/* Pairs, for brevity. */
void jsonw_str(struct jsonw *w, const char *key, const char *s);
void jsonw_num(struct jsonw *w, const char *key, int64_t v);
void jsonw_flag(struct jsonw *w, const char *key, bool v);

/* The shortest text of v that reads back as v, as Go writes it ("0.12345679", "1e-7", "1e+21"). buf: 32 bytes. Returns buf. */
char *jsonw_format_float(char *buf, double v, bool single);
/* As Go prints a float for people: "100000", "1e+06", "1.5e-05". buf: 32 bytes. Returns buf. */
char *jsonw_format_g(char *buf, double v);

#endif
