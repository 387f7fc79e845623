/* SPDX-License-Identifier: MIT */
/*
 * buf.h - a bounded byte buffer: append at the end, consume at the front.
 *
 * Invariants
 *  (1) start <= end <= cap <= max_bytes.
 *  (2) Appends that do not fit set overflowed and add nothing; the flag is sticky until buf_clear().
 *  (3) There is always room for a NUL behind the data: buf_str() is a C string.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/types.h"

#include <stdarg.h>
#include <stdbool.h>

struct buf {
	char *mem;
	size_t start, end, cap;
	size_t max_bytes;
	bool overflowed;
};

/* No memory is taken until the first append. */
void buf_init(struct buf *b, size_t max_bytes);
void buf_fini(struct buf *b);

/* 0, or -ENOBUFS when max_bytes (or memory) is spent. What is appended must not lie in the buffer itself. */
int buf_append(struct buf *b, const void *p, size_t n);
int buf_puts(struct buf *b, const char *s);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap);
/* Room for n bytes at the end, to be filled and then claimed with buf_claim(). NULL as overflow. */
char *buf_reserve(struct buf *b, size_t n);
void buf_claim(struct buf *b, size_t n);

/* Never NULL, so that it may be passed on with a length of 0. */
static inline const char *buf_data(const struct buf *b) { return b->mem == NULL ? "" : b->mem + b->start; }
static inline size_t buf_len(const struct buf *b) { return b->end - b->start; }
/* The data as a C string; "" when empty. */
const char *buf_str(struct buf *b);
/* Drop n bytes at the front (n <= buf_len). */
void buf_consume(struct buf *b, size_t n);
/* Drop all, keep the memory, clear the flag. */
void buf_clear(struct buf *b);

#endif
