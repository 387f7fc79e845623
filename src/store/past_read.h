/* SPDX-License-Identifier: MIT */
/* past_read.h - what the store knows, told again as sightings: of now, as of a time, or of a window. */
#ifndef STORE_PAST_READ_H
#define STORE_PAST_READ_H

#include "store/past.h"

struct past_view {
	int64_t from, until;            /* of when: seen in between; until 0: everything that was not withdrawn */
	int64_t known;                  /* as we knew it then; 0: as we know it now */
	bool fold;                      /* leave intermediaries out: their clients lean on what stands behind them */
};

/*
 * past_read - tell all of it, names folded. What take() returns other than 0 ends it.
 * Lines and coverage that were observed are told with when and how often within the window; without one, of all time.
 */
int past_read(struct past *p, const struct past_view *v, sight_fn *take, void *arg);

/* One episode of a line's evidence, or of all of a source's statement. */
struct past_episode {
	const char *source, *where, *protocol;
	int64_t first, last;            /* PAST_FOREVER: it holds still */
	uint64_t count, errors;         /* 0 for an episode that rests: only its day's are known */
	int64_t known;                  /* since when we know (to the day for what rests) */
};
typedef int past_episode_fn(void *arg, const struct past_episode *e);
/* Every episode of every evidence of a line, in order of claims and time. -ENOENT: no such line. */
int past_blame(struct past *p, const char *from, const char *to, past_episode_fn *take, void *arg);

/* A line that is not the same at two times. */
enum past_change { PAST_ADDED, PAST_REMOVED, PAST_CHANGED };
struct past_difference {
	enum past_change change;
	const char *from, *from_space, *to, *to_space;
	const char *protocol;
	int64_t first, last;            /* within the window that has it (the later one, if both) */
	uint64_t count, errors, count_before, errors_before;
	int64_t bits, bits_before;
	const char *sources;            /* with commas between */
};
typedef int past_difference_fn(void *arg, const struct past_difference *d);
/*
 * past_diff - lines (and nodes: `to` is "") that differ between two views; both windows, or both of all time with different `known`.
 * Cost: the claims once, the days of both windows.
 */
int past_diff(struct past *p, const struct past_view *a, const struct past_view *b, past_difference_fn *take, void *arg);

#endif
