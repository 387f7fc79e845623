/* SPDX-License-Identifier: MIT */
/* world.c - see world.h. A binary heap keyed by (time, random tie, order of scheduling). */
#include "world.h"
#include "base/assert.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct world_slot {
	fl_ns at;
	uint64_t tie, seq;
	world_fn *fn;
	void *obj;
	uint64_t arg;
};

struct world_block {
	struct world_block *next;
	_Alignas(16) char mem[];
};

static const struct world *the_world;

const struct world *
world_current(void)
{
	return the_world;
}

struct world *
world_new(uint64_t seed, bool verbose, const char *repeat)
{
	struct world *w = calloc(1, sizeof(*w));

	fl_assert(w != NULL);
	w->now = 1000 * FL_SEC;
	w->tie = rnd_init(seed, 0x71e);
	w->hash = UINT64_C(0xcbf29ce484222325);
	w->seed = seed;
	w->verbose = verbose;
	w->repeat = repeat;
	the_world = w;
	return w;
}

void
world_free(struct world *w)
{
	the_world = NULL;
	while (w->blocks != NULL) {
		struct world_block *b = w->blocks;

		w->blocks = b->next;
		free(b);
	}
	free(w->heap);
	free(w);
}

void *
world_alloc(struct world *w, size_t n)
{
	struct world_block *b = calloc(1, sizeof(*b) + n);

	fl_assert(b != NULL);
	b->next = w->blocks;
	w->blocks = b;
	return b->mem;
}

static bool
slot_before(const struct world_slot *a, const struct world_slot *b)
{
	if (a->at != b->at)
		return a->at < b->at;
	if (a->tie != b->tie)
		return a->tie < b->tie;
	return a->seq < b->seq;
}

void
world_at(struct world *w, fl_ns at, world_fn *fn, void *obj, uint64_t arg)
{
	struct world_slot s = { FL_MAX(at, w->now), rnd_u64(&w->tie), w->seq++, fn, obj, arg };
	uint32_t i;

	if (w->count == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 256;
		w->heap = realloc(w->heap, w->cap * sizeof(*w->heap));
		fl_assert(w->heap != NULL);
	}
	for (i = w->count++; i > 0 && slot_before(&s, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = s;
}

fl_ns
world_next(const struct world *w)
{
	return w->count ? w->heap[0].at : FL_NEVER;
}

bool
world_step(struct world *w)
{
	struct world_slot top, s;
	uint32_t i = 0, kid;

	if (w->count == 0 || w->heap[0].at > w->now)
		return false;
	top = w->heap[0];
	s = w->heap[--w->count];
	while ((kid = 2 * i + 1) < w->count) {
		if (kid + 1 < w->count && slot_before(&w->heap[kid + 1], &w->heap[kid]))
			kid++;
		if (!slot_before(&w->heap[kid], &s))
			break;
		w->heap[i] = w->heap[kid];
		i = kid;
	}
	w->heap[i] = s;
	top.fn(top.obj, top.arg);
	return true;
}

void
world_advance(struct world *w, fl_ns to)
{
	fl_assert(to >= w->now); /* (1) */
	w->now = to;
}

static void
note_print(const struct world_note *n)
{
	fprintf(stderr, "%14.6f  ", (double)(n->at - 1000 * FL_SEC) / 1e6);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	fprintf(stderr, n->what, n->a, n->b, n->c);
#pragma GCC diagnostic pop
	fputc('\n', stderr);
}

static uint64_t
hash_word(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9fb21c651e98df25);
	return h ^ (h >> 29);
}

void
world_note(struct world *w, const char *what, long long a, long long b, long long c)
{
	struct world_note *n = &w->notes[w->note_count++ % WORLD_NOTES];
	uint64_t h = w->hash;

	*n = (struct world_note){ w->now, what, a, b, c };
	for (const char *p = what; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
	h = hash_word(h, (uint64_t)w->now);
	h = hash_word(h, (uint64_t)a);
	h = hash_word(h, (uint64_t)b);
	w->hash = hash_word(h, (uint64_t)c);
	if (w->verbose)
		note_print(n);
}

void
world_print(const struct world *w)
{
	uint64_t first = w->note_count > WORLD_NOTES ? w->note_count - WORLD_NOTES : 0;

	if (!w->verbose) {
		fprintf(stderr, "last %d events (time in ms):\n", (int)(w->note_count - first));
		for (uint64_t i = first; i < w->note_count; i++)
			note_print(&w->notes[i % WORLD_NOTES]);
	}
	fprintf(stderr, "seed %llu, virtual time %.6f ms\nrepeat: %s\n", (unsigned long long)w->seed,
	    (double)(w->now - 1000 * FL_SEC) / 1e6, w->repeat);
}

void
world_fail(const struct world *w, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	world_print(w);
	fprintf(stderr, "FAILED seed %llu: %s\n", (unsigned long long)w->seed, text);
	fflush(NULL);
	_exit(WORLD_EXIT_FAILED);
}
