/* SPDX-License-Identifier: MIT */
/*
 * world.h - virtual time, the queue of what is going to happen, and the record of what did.
 *
 * Invariants
 *  (1) now never goes back; nothing runs before its time.
 *  (2) Objects that are scheduled live until world_free(): what runs too late finds them dead, never gone.
 *  (3) Everything that can differ between two runs of one seed goes through world_note(), so the hash sees it.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "rnd.h"

#define WORLD_NOTES 200
/* Exit status of a process that found something wrong (see world_fail()). */
#define WORLD_EXIT_FAILED 3

typedef void world_fn(void *obj, uint64_t arg);

struct world_note {
	fl_ns at;
	const char *what;       /* a constant; may hold "%lld" up to three times */
	long long a, b, c;
};

struct world_slot;
struct world_block;
struct world {
	fl_ns now;
	struct world_slot *heap;
	uint32_t count, cap;
	uint64_t seq;
	struct rnd tie;                 /* order of what happens at the same time */
	struct world_block *blocks;     /* memory of the run */
	uint64_t hash;
	uint64_t note_count;
	struct world_note notes[WORLD_NOTES];
	bool verbose;
	uint64_t seed;
	const char *repeat;             /* command that shows the run again */
};

struct world *world_new(uint64_t seed, bool verbose, const char *repeat);
void world_free(struct world *w);
/* The one there is now, or NULL: for death by signal. */
const struct world *world_current(void);

/* n zeroed bytes that live as long as the world. Never NULL. */
void *world_alloc(struct world *w, size_t n);

/* Call fn(obj, arg) at `at`, or now when that has passed. */
void world_at(struct world *w, fl_ns at, world_fn *fn, void *obj, uint64_t arg);
/* When the next call is due; FL_NEVER: none is. */
fl_ns world_next(const struct world *w);
/* Make the next call if it is due; false: none is due. */
bool world_step(struct world *w);
/* Let time pass. to >= now. */
void world_advance(struct world *w, fl_ns to);

void world_note(struct world *w, const char *what, long long a, long long b, long long c);
/* Print where and when we are and the last notes. For world_fail() and for death by signal. */
void world_print(const struct world *w);
/* The run found something wrong: print everything that helps and end the process. */
_Noreturn void world_fail(const struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
