/* SPDX-License-Identifier: MIT */
/*
 * fallback.h - what a caller gets when the dependency cannot answer, and the proof that it works.
 *
 * A fallback is on the path that is taken when things go wrong, and never otherwise: so it has its own small bulkhead, is not retried,
 * does not vote on any breaker, and is *rehearsed*: a small share of calls takes it though nothing is wrong.
 *
 * The stale cache keeps good answers and gives them, marked with their age, when no fresh one is to be had (RFC 5861, stale-if-error).
 */
#ifndef FAULTLINE_FALLBACK_H
#define FAULTLINE_FALLBACK_H

#include <faultline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fl_fallback;

/* What it is taken for. */
enum {
	FL_FALLBACK_FAILED = 1 << 0,            /* the last attempt failed */
	FL_FALLBACK_TIMED_OUT = 1 << 1,
	FL_FALLBACK_REFUSED = 1 << 2,           /* by a policy */
	FL_FALLBACK_ALL = 7
};

struct fl_fallback_opts {
	size_t size;
	const char *name;
	unsigned on;                    /* default FL_FALLBACK_ALL */
	unsigned max;                   /* at once; default 10 */
	double rehearse;                /* share of calls that take it anyway; default 0 */
	double enforce;
	uint64_t seed;
	struct fl_listener listener;    /* one failed that worked before, or that was never tried; it works again */
	const struct fl_alloc *alloc;
};
FL_API void fl_fallback_opts_init_size(struct fl_fallback_opts *o, size_t size);
static inline void fl_fallback_opts_init(struct fl_fallback_opts *o) { fl_fallback_opts_init_size(o, sizeof(*o)); }

FL_API int fl_fallback_new(const struct fl_fallback_opts *opts, struct fl_fallback **ret_fallback, const char **ret_field);
FL_API void fl_fallback_free(struct fl_fallback *f);
/* Does this call rehearse it? A function of seed and key. */
FL_API bool fl_fallback_rehearses(const struct fl_fallback *f, uint64_t key);
/* Take it for one of `on`. 0: go, and report with fl_fallback_done(); -ENOENT: not for this; -EAGAIN: too many at once. */
FL_API int fl_fallback_admit(struct fl_fallback *f, unsigned on, bool rehearsal, struct fl_refusal *ret_why);
FL_API void fl_fallback_done(struct fl_fallback *f, bool good, fl_ns now);
/* It was not taken after all: nothing is known of it. */
FL_API void fl_fallback_leave(struct fl_fallback *f);

struct fl_fallback_counters {
	uint64_t taken, rehearsed, good, bad, refused;
	uint64_t would_take;            /* but for enforce */
	unsigned inflight;
};
FL_API void fl_fallback_counters(const struct fl_fallback *f, struct fl_fallback_counters *ret);
FL_API char *fl_fallback_explain(const struct fl_fallback *f, char *buf, size_t buf_bytes);

/* ---- the stale cache ---- */

struct fl_stale;

struct fl_stale_opts {
	size_t size;
	size_t bytes_max;               /* of all entries with their keeping; default 16 MB; taken at once */
	size_t entry_max;               /* of one; default 256 KB */
	fl_ns age_max;                  /* older ones are not given; default 1 h */
	const struct fl_alloc *alloc;
};
FL_API void fl_stale_opts_init_size(struct fl_stale_opts *o, size_t size);
static inline void fl_stale_opts_init(struct fl_stale_opts *o) { fl_stale_opts_init_size(o, sizeof(*o)); }

FL_API int fl_stale_new(const struct fl_stale_opts *opts, struct fl_stale **ret_stale, const char **ret_field);
FL_API void fl_stale_free(struct fl_stale *s);
/* Keep p..p+n-1 under a key of 128 bits (a hash of what was asked for). The oldest make room. 0; -EMSGSIZE: larger than entry_max. */
FL_API int fl_stale_put(struct fl_stale *s, uint64_t key_hi, uint64_t key_lo, const void *p, size_t n, fl_ns now);
/* Copy an entry out. 0 with its length and age; -ENOENT; -ENOSPC: longer than buf (ret_n says how long). */
FL_API int fl_stale_get(struct fl_stale *s, uint64_t key_hi, uint64_t key_lo, void *buf, size_t buf_bytes, fl_ns now, size_t *ret_n, fl_ns *ret_age);
FL_API void fl_stale_drop(struct fl_stale *s, uint64_t key_hi, uint64_t key_lo);
FL_API size_t fl_stale_entries(struct fl_stale *s);

struct fl_stale_counters {
	uint64_t kept, overwritten, hits;
	uint64_t misses, too_old;       /* too_old: of the misses */
	size_t entries;
	size_t bytes, bytes_max;        /* taken, those of entries that were replaced included */
};
FL_API void fl_stale_counters(struct fl_stale *s, struct fl_stale_counters *ret);
FL_API char *fl_stale_explain(struct fl_stale *s, char *buf, size_t buf_bytes);

#ifdef __cplusplus
}
#endif

#endif
