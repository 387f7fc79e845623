/* SPDX-License-Identifier: MIT */
/* past_read.h - what the store knows, told again as sightings: of now, as of a time, or of a window. */
#ifndef STORE_PAST_READ_H
#define STORE_PAST_READ_H

#include "store/past.h"

#include <stdbool.h>

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
	uint32_t k, of;                 /* k 0: of the line; else of its server's membership in a group of which the client needs k of so many */
	int64_t first, last;            /* PAST_FOREVER: it holds still */
	uint64_t count, errors;         /* 0 for an episode that rests: only its day's are known */
	int64_t known;                  /* since when we know (to the day for what rests) */
};
typedef int past_episode_fn(void *arg, const struct past_episode *e);
/* Every episode of every evidence of a line, and of its server being one of a group, in order of claims and time. -ENOENT: no such line. */
int past_blame(struct past *p, const char *from, const char *to, past_episode_fn *take, void *arg);

/* A line, a node or a group that is not the same at two times. */
enum past_change { PAST_ADDED, PAST_REMOVED, PAST_CHANGED };
struct past_difference {
	enum past_change change;
	const char *from, *from_space, *to, *to_space;
	const char *protocol;
	/* Of a group: names, and how many of them FROM needs; before or now there may be none. */
	const char *const *members, *const *members_before;
	uint32_t member_count, member_count_before, k, k_before;
	int64_t first, last;            /* within the window that has it (the later one, if both) */
	uint64_t count, errors, count_before, errors_before;
	int64_t bits, bits_before;
	const char *sources;            /* with commas between */
};
typedef int past_difference_fn(void *arg, const struct past_difference *d);
/*
 * past_diff - lines that differ between two views, nodes (`to` is "") and groups (k or k_before is not 0); both views are windows, or both of all
 * time with different `known`.
 * Cost: the claims once, the days of both windows.
 */
int past_diff(struct past *p, const struct past_view *a, const struct past_view *b, past_difference_fn *take, void *arg);

/* How often a line was seen, in windows of one width; and how complete what was learned is. */
struct past_habit {
	const char *from, *from_space, *to, *to_space, *protocol, *source;
	int64_t first, last;            /* of when, over all that observed it */
	int64_t known;                  /* since when we know */
	uint64_t count;
	uint32_t windows, windows_since;        /* in how many it was seen, and how many there were since it was first */
	bool declared;                  /* somebody declared it, too */
	bool client_seen;               /* its client was seen in the last of the windows */
};
struct past_learning {
	int64_t start;                  /* the first observation; 0: there is none */
	int64_t complete;               /* since when the picture is complete; 0: it is not yet */
	double unseen;                  /* Good-Turing: how probable it is that the next observation is of a line never seen before */
	uint64_t once, observations;    /* lines seen in one window only; line and window pairs */
	uint32_t windows;
	int64_t width;
};
struct past_habits_opts {
	int64_t now;
	fl_ns width;                    /* of a window; 0: an hour */
	fl_ns age_min;                  /* to learn at least */
	double unseen_max;              /* and until the unseen mass is below */
	fl_ns recent;                   /* what counts as "the last" for client_seen */
};
typedef int past_habit_fn(void *arg, const struct past_habit *h);
/* Every observed line. Cost: all episodes of up to 4,096 windows. */
int past_habits(struct past *p, const struct past_habits_opts *o, struct past_learning *ret, past_habit_fn *take, void *arg);

#endif
