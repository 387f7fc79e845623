/* SPDX-License-Identifier: MIT */
/*
 * arena.c - memory that is freed all at once, with a cap and snapshots.
 *
 * Blocks form a stack. Each is twice the one before, up to BLOCK_MAX; the cap counts what was handed out, so the
 * memory really taken is at most one block's rest more.
 */
#include "base/arena.h"

#include "base/assert.h"
#include "base/poison.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 16
#define BLOCK_MIN ((size_t)1024)
#define BLOCK_MAX ((size_t)64 * 1024)

struct arena_block {
	struct arena_block *below;
	size_t bytes, used;
	_Alignas(ALIGN) char mem[];
};

void
arena_init(struct arena *a, size_t cap_bytes)
{
	*a = (struct arena){ .cap_bytes = cap_bytes };
}

static void
pop_blocks(struct arena *a, const struct arena_block *until)
{
	while (a->last != until) {
		struct arena_block *b = a->last;

		fl_assert(b != NULL);           /* the mark is not of this arena, or was already reset past */
		a->last = b->below;
		free(b);
	}
}

void
arena_fini(struct arena *a)
{
	pop_blocks(a, NULL);
	a->used_bytes = 0;
	a->overflowed = false;
}

/* Put a block with room for at least n bytes on top. */
static struct arena_block *
push_block(struct arena *a, size_t n)
{
	size_t bytes = n;
#ifndef POISON_ON
	size_t next = a->last == NULL ? BLOCK_MIN : FL_MIN(a->last->bytes * 2, BLOCK_MAX);

	bytes = FL_MAX(n, FL_MIN(next, (a->cap_bytes - a->used_bytes) & ~(size_t)(ALIGN - 1)));
#endif
	if (bytes > SIZE_MAX - sizeof(struct arena_block))
		return NULL;
	struct arena_block *b = malloc(sizeof(*b) + bytes);

	if (b == NULL)
		return NULL;
	b->below = a->last;
	b->bytes = bytes;
	b->used = 0;
	a->last = b;
	return b;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	fl_assert(a->used_bytes <= a->cap_bytes);                         /* (1) */
	size_t need = n == 0 ? ALIGN : (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	struct arena_block *b = a->last;

	if (need < n || need > a->cap_bytes - a->used_bytes)
		goto overflow;
#ifdef POISON_ON
	b = push_block(a, n);                                             /* (3): as long as asked, not rounded */
	if (b == NULL)
		goto overflow;
	b->used = n;
	a->used_bytes += need;
	return memset(b->mem, 0, n);
#else
	if (b == NULL || need > b->bytes - b->used)
		b = push_block(a, need);
	if (b == NULL)
		goto overflow;
	char *p = b->mem + b->used;

	b->used += need;
	a->used_bytes += need;
	return memset(p, 0, need);
#endif
overflow:
	a->overflowed = true;
	return NULL;
}

char *
arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p = n == SIZE_MAX ? NULL : arena_alloc(a, n + 1);

	if (p == NULL) {
		a->overflowed = true;
		return NULL;
	}
	if (n > 0)
		memcpy(p, s, n);
	return p;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);

	fl_assert(n >= 0);
	char *p = arena_alloc(a, (size_t)n + 1);

	if (p != NULL)
		vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}

struct arena_mark
arena_snapshot(const struct arena *a)
{
	return (struct arena_mark){
		.block = a->last,
		.block_used = a->last == NULL ? 0 : a->last->used,
		.used_bytes = a->used_bytes,
	};
}

void
arena_reset(struct arena *a, struct arena_mark mark)
{
	fl_assert(mark.used_bytes <= a->used_bytes);
	pop_blocks(a, mark.block);
	if (mark.block != NULL) {
		fl_assert(mark.block_used <= mark.block->used);
		mark.block->used = mark.block_used;
	}
	a->used_bytes = mark.used_bytes;
	a->overflowed = false;
}
