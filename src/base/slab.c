/* SPDX-License-Identifier: MIT */
/*
 * slab.c - bounded memory in size classes, for bytes in flight.
 *
 * The region is an array of spans of SPAN bytes. A span belongs to one class while any of its blocks is out, to nobody
 * otherwise. Its first `cut` blocks have been out before and are on the span's free list or out; the rest was never
 * cut, so giving a span to a class is O(1).
 *
 * Invariants
 *  (3) A span is in its class's list of spans with room exactly while 0 < out < blocks of the class.
 *  (4) A span with out == 0 is warm (pages touched, at most WARM_MAX of them), cold (pages given back) or beyond `fresh`.
 *  (5) Under AddressSanitizer every byte that nobody asked for is poisoned.
 */
#include "base/slab.h"

#include "base/assert.h"
#include "base/poison.h"
#include "base/region.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define SPAN ((size_t)SLAB_BLOCK_MAX)
#define SHIFT_MIN 6
#define CLASSES 13
#define WARM_MAX 16

_Static_assert(SLAB_BLOCK_MIN == 1 << SHIFT_MIN, "smallest class");
_Static_assert(SLAB_BLOCK_MAX == 1 << (SHIFT_MIN + CLASSES - 1), "largest class");

/* Links are span numbers + 1, 0 for none. */
struct span {
	uint32_t next, prev;
	uint32_t free_head;             /* block number + 1 */
	uint32_t cut, out;
	uint32_t class;
};

struct slab {
	char *mem;
	uint32_t span_count;
	uint32_t fresh;                 /* spans from here on were never used */
	uint32_t warm, cold;            /* free spans, singly linked by next */
	uint32_t warm_count;
	uint32_t room[CLASSES];         /* per class: spans with a free block */
	size_t used_bytes;
	struct span spans[];
};

static uint32_t
class_of(size_t n)
{
	fl_assert(n <= SLAB_BLOCK_MAX);
	if (n <= SLAB_BLOCK_MIN)
		return 0;
	return (uint32_t)(64 - __builtin_clzll((unsigned long long)(n - 1))) - SHIFT_MIN;
}

static size_t
class_bytes(uint32_t class)
{
	return (size_t)SLAB_BLOCK_MIN << class;
}

static uint32_t
class_blocks(uint32_t class)
{
	return (uint32_t)(SPAN >> (SHIFT_MIN + class));
}

/* The free list runs through the first bytes of the free blocks. */
static POISON_EXEMPT uint32_t
link_get(const char *block)
{
	return *(const uint32_t *)(const void *)block;
}

static POISON_EXEMPT void
link_put(char *block, uint32_t next)
{
	*(uint32_t *)(void *)block = next;
}

static char *
span_mem(const struct slab *s, uint32_t number)
{
	return s->mem + (size_t)number * SPAN;
}

static void
room_add(struct slab *s, uint32_t number)
{
	struct span *sp = &s->spans[number];
	uint32_t *head = &s->room[sp->class];

	sp->prev = 0;
	sp->next = *head;
	if (*head != 0)
		s->spans[*head - 1].prev = number + 1;
	*head = number + 1;
}

static void
room_del(struct slab *s, uint32_t number)
{
	struct span *sp = &s->spans[number];

	if (sp->prev != 0)
		s->spans[sp->prev - 1].next = sp->next;
	else
		s->room[sp->class] = sp->next;
	if (sp->next != 0)
		s->spans[sp->next - 1].prev = sp->prev;
}

/* A free span: one with touched pages first. returns its number + 1, 0 when all are taken. */
static uint32_t
span_take(struct slab *s)
{
	uint32_t link = s->warm;

	if (link != 0) {
		s->warm = s->spans[link - 1].next;
		s->warm_count--;
	} else if (s->cold != 0) {
		link = s->cold;
		s->cold = s->spans[link - 1].next;
	} else if (s->fresh < s->span_count) {
		link = ++s->fresh;
	}
	return link;
}

static void
span_give(struct slab *s, uint32_t number)
{
	struct span *sp = &s->spans[number];

	fl_assert(sp->out == 0);
	if (s->warm_count < WARM_MAX) {                                   /* (4) */
		sp->next = s->warm;
		s->warm = number + 1;
		s->warm_count++;
		return;
	}
	region_discard(span_mem(s, number), SPAN);
	sp->next = s->cold;
	s->cold = number + 1;
}

/* A span of the class with room, from the class's list or newly its own. returns number + 1 or 0. */
static uint32_t
span_with_room(struct slab *s, uint32_t class)
{
	if (s->room[class] != 0)
		return s->room[class];
	uint32_t link = span_take(s);

	if (link == 0)
		return 0;
	s->spans[link - 1] = (struct span){ .class = class };
	poison_set(span_mem(s, link - 1), SPAN);                          /* (5) */
	room_add(s, link - 1);
	return link;
}

int
slab_new(size_t budget_bytes, struct slab **ret_slab)
{
	size_t spans = budget_bytes / SPAN + (budget_bytes % SPAN != 0 || budget_bytes == 0);

	if (spans >= UINT32_MAX)
		return -ENOMEM;
	struct slab *s = calloc(1, sizeof(*s) + spans * sizeof(s->spans[0]));

	if (s == NULL)
		return -ENOMEM;
	s->span_count = (uint32_t)spans;
	s->mem = region_reserve(spans * SPAN);
	if (s->mem == NULL) {
		free(s);
		return -ENOMEM;
	}
	*ret_slab = s;
	return 0;
}

void
slab_free_all(struct slab *s)
{
	if (s == NULL)
		return;
	poison_clear(s->mem, s->fresh * SPAN);
	region_release(s->mem, s->span_count * SPAN);
	free(s);
}

void *
slab_alloc(struct slab *s, size_t n)
{
	uint32_t class = class_of(n);
	uint32_t link = span_with_room(s, class);

	if (link == 0)
		return NULL;
	struct span *sp = &s->spans[link - 1];
	uint32_t number = sp->free_head != 0 ? sp->free_head - 1 : sp->cut++;

	fl_assert(sp->class == class && number < class_blocks(class));
	char *block = span_mem(s, link - 1) + number * class_bytes(class);

	if (sp->free_head != 0)
		sp->free_head = link_get(block);
	if (++sp->out == class_blocks(class))                             /* (3) */
		room_del(s, link - 1);
	s->used_bytes += class_bytes(class);
	poison_clear(block, n);
	return block;
}

void
slab_give(struct slab *s, void *p, size_t n)
{
	uint32_t class = class_of(n);

	fl_assert((char *)p >= s->mem && (char *)p < span_mem(s, s->fresh));
	size_t offset = (size_t)((char *)p - s->mem);
	uint32_t span = (uint32_t)(offset / SPAN);
	struct span *sp = &s->spans[span];

	fl_assert(sp->class == class && sp->out > 0);   /* n is not what was asked for, or given back twice */
	fl_assert(offset % class_bytes(class) == 0);
	fl_assert(n == 0 || !poison_has(p));
	link_put(p, sp->free_head);
	sp->free_head = (uint32_t)(offset % SPAN / class_bytes(class)) + 1;
	poison_set(p, class_bytes(class));                                /* (5) */
	if (sp->out == class_blocks(class))                               /* (3) */
		room_add(s, span);
	s->used_bytes -= class_bytes(class);
	if (--sp->out == 0) {
		room_del(s, span);
		span_give(s, span);
	}
}

size_t
slab_size(size_t n)
{
	return class_bytes(class_of(n));
}

size_t
slab_used(const struct slab *s)
{
	return s->used_bytes;
}

size_t
slab_budget(const struct slab *s)
{
	return s->span_count * SPAN;
}

void
slab_trim(struct slab *s)
{
	while (s->warm != 0) {
		uint32_t number = s->warm - 1;

		s->warm = s->spans[number].next;
		s->warm_count--;
		region_discard(span_mem(s, number), SPAN);
		s->spans[number].next = s->cold;
		s->cold = number + 1;
	}
}
