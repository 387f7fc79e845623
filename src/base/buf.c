/* SPDX-License-Identifier: MIT */
/*
 * buf.c - a bounded byte buffer: append at the end, consume at the front.
 *
 * Room is made by moving the data to the front when at least half the memory is consumed, else by doubling; so the cost per
 * byte stays constant until max_bytes is reached.
 */
#include "base/buf.h"

#include "base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAP_MIN ((size_t)64)

void
buf_init(struct buf *b, size_t max_bytes)
{
	fl_assert(max_bytes < SIZE_MAX / 2);            /* sums of two lengths do not wrap */
	*b = (struct buf){ .max_bytes = max_bytes };
}

void
buf_fini(struct buf *b)
{
	free(b->mem);
	b->mem = NULL;
	b->start = b->end = b->cap = 0;
	b->overflowed = false;
}

static void
move_to_front(struct buf *b)
{
	if (b->start == 0)
		return;
	memmove(b->mem, b->mem + b->start, buf_len(b));
	b->end -= b->start;
	b->start = 0;
}

/* Move the data into memory of at least cap bytes. returns false when there is none. */
static bool
grow(struct buf *b, size_t need)
{
	size_t cap = FL_MIN(FL_MAX(FL_MAX(need, CAP_MIN), b->cap * 2), b->max_bytes);
	char *mem = malloc(cap + 1);                                      /* (3) */

	if (mem == NULL)
		return false;
	if (buf_len(b) > 0)
		memcpy(mem, buf_data(b), buf_len(b));
	free(b->mem);
	b->mem = mem;
	b->end -= b->start;
	b->start = 0;
	b->cap = cap;
	return true;
}

char *
buf_reserve(struct buf *b, size_t n)
{
	fl_assert(b->start <= b->end && b->end <= b->cap && b->cap <= b->max_bytes);     /* (1) */
	size_t len = buf_len(b);

	if (n > b->max_bytes - len) {
		b->overflowed = true;                                     /* (2) */
		return NULL;
	}
	if (b->mem == NULL || n > b->cap - b->end) {
		bool fits = b->mem != NULL && len + n <= b->cap;

		if (fits && (b->start >= b->cap / 2 || b->cap == b->max_bytes)) {
			move_to_front(b);
		} else if (!grow(b, len + n)) {
			b->overflowed = true;
			return NULL;
		}
	}
	return b->mem + b->end;
}

void
buf_claim(struct buf *b, size_t n)
{
	fl_assert(n <= b->cap - b->end);
	b->end += n;
}

int
buf_append(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return 0;
	char *to = buf_reserve(b, n);

	if (to == NULL)
		return -ENOBUFS;
	memcpy(to, p, n);
	buf_claim(b, n);
	return 0;
}

int
buf_puts(struct buf *b, const char *s)
{
	return buf_append(b, s, strlen(s));
}

int
buf_putc(struct buf *b, char c)
{
	return buf_append(b, &c, 1);
}

int
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;

	va_copy(again, ap);
	size_t room = b->mem == NULL ? 0 : b->cap - b->end + 1;
	int n = vsnprintf(room > 0 ? b->mem + b->end : NULL, room, fmt, ap);

	fl_assert(n >= 0);              /* an encoding error: only %ls can, and nobody uses it */
	if ((size_t)n >= room && n > 0) {
		char *to = buf_reserve(b, (size_t)n);

		if (to == NULL) {
			va_end(again);
			return -ENOBUFS;
		}
		vsnprintf(to, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	if (n > 0)
		buf_claim(b, (size_t)n);
	return 0;
}

int
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return r;
}

const char *
buf_str(struct buf *b)
{
	if (b->mem == NULL)
		return "";
	b->mem[b->end] = '\0';
	return b->mem + b->start;
}

void
buf_consume(struct buf *b, size_t n)
{
	fl_assert(n <= buf_len(b));
	b->start += n;
	if (b->start == b->end)
		b->start = b->end = 0;
}

void
buf_clear(struct buf *b)
{
	b->start = b->end = 0;
	b->overflowed = false;
}
