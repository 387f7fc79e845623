/* SPDX-License-Identifier: MIT */
/*
 * arena.h - memory that is freed all at once, with a cap and snapshots.
 *
 * Invariants
 *  (1) used_bytes <= cap_bytes.
 *  (2) Once overflowed is set it stays set until arena_reset() or arena_fini(): a caller may do many
 *      allocations and look at the flag once, as long as it checks each pointer it writes through.
 *  (3) Under AddressSanitizer each allocation is a malloc of its own, so overruns are seen.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/types.h"
#include <stdbool.h>

struct arena_block;
struct arena {
	struct arena_block *last;
	size_t used_bytes;      /* handed out, with alignment */
	size_t cap_bytes;
	bool overflowed;
};

/* A point to come back to. Valid until an earlier mark is reset to. */
struct arena_mark {
	struct arena_block *block;
	size_t block_used;
	size_t used_bytes;
};

/* Start with no memory; grows up to cap_bytes. Cannot fail. */
void arena_init(struct arena *a, size_t cap_bytes);
/* Free all. The arena may be init'ed again. */
void arena_fini(struct arena *a);

/*
 * arena_alloc - n zeroed bytes, aligned to 16.
 * returns NULL (and sets a->overflowed) when the cap is reached or the system has no memory.
 */
void *arena_alloc(struct arena *a, size_t n);
/* Copy of the first n bytes of s, with a NUL behind. NULL as arena_alloc. */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct arena_mark arena_snapshot(const struct arena *a);
/* Free everything allocated since the snapshot and clear the overflow flag. */
void arena_reset(struct arena *a, struct arena_mark mark);

#endif
