/* SPDX-License-Identifier: MIT */
/*
 * outlier.h - outlier ejection: instances that do worse than the others get no calls for a while.
 *
 * Judged by failures in a row, by share of failures, and by success rate against the other instances (mean minus so many standard
 * deviations, as Envoy does). An ejection lasts base x (ejections in a row), with a cap and jitter. However sick the set looks, at most
 * max_share of it is ejected, and when more than panic_share could not be used, all are used: a bad network must not take out
 * everything. Groups of priority panic each for itself, and only while all groups together cannot carry the whole (as Envoy does): while
 * the backups are well, calls fail over to them.
 *
 * Results come late. One of a call that began before the instance went out, or before it came back, does not vote; and who comes back
 * begins with a clean slate, so that nobody is ejected twice for the same failures.
 */
#ifndef FAULTLINE_OUTLIER_H
#define FAULTLINE_OUTLIER_H

#include <faultline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FL_OUTLIER_GROUPS_MAX 8

struct fl_outlier;

/* Of one instance; the owner's memory, zeroed, for as long as it is in a set. */
struct fl_outlier_host {
	struct fl_outlier_host *next, *prev;            /* the set's */
	uint64_t opaque[24];                            /* likewise */
};

struct fl_outlier_opts {
	size_t size;
	const char *name;
	unsigned consecutive;           /* failures in a row; default 5; 0: not judged */
	double failure_share;           /* in the window; default 0.85; > 1: not judged */
	unsigned volume_min;            /* results in the window for any share; default 20 */
	double sigmas;                  /* below the mean of all, surely so (95 %); default 1.9; 0: not judged */
	unsigned hosts_min;             /* for that; default 5 */
	fl_ns window;                   /* default 10 s */
	fl_ns base;                     /* default 5 s */
	fl_ns max;                      /* default 300 s */
	double jitter;                  /* default 0.1 */
	double max_share;               /* of the instances that may be out; default 0.5; at least one may if there are two */
	double panic_share;             /* default 0.5 */
	double enforce;
	uint64_t seed;
	struct fl_listener listener;    /* an instance goes out, is back; the set panics, chooses again */
	const struct fl_alloc *alloc;
};
FL_API void fl_outlier_opts_init_size(struct fl_outlier_opts *o, size_t size);
static inline void fl_outlier_opts_init(struct fl_outlier_opts *o) { fl_outlier_opts_init_size(o, sizeof(*o)); }

FL_API int fl_outlier_new(const struct fl_outlier_opts *opts, struct fl_outlier **ret_outlier, const char **ret_field);
FL_API void fl_outlier_free(struct fl_outlier *o);      /* no host may be in it */
/* name is copied. group: of priority, below FL_OUTLIER_GROUPS_MAX. */
FL_API void fl_outlier_add(struct fl_outlier *o, struct fl_outlier_host *h, const char *name, unsigned group);
FL_API void fl_outlier_remove(struct fl_outlier *o, struct fl_outlier_host *h);

/*
 * A result of an instance, of a call that began at `began`. FL_CANCELLED and FL_OVERLOADED do not vote, nor do calls that began before
 * the instance last went out or came back. Any thread; a few atomic operations.
 */
FL_API void fl_outlier_record(struct fl_outlier *o, struct fl_outlier_host *h, enum fl_outcome outcome, fl_ns began, fl_ns now);
/* What active checks say. An unhealthy instance is out until they say otherwise. */
FL_API void fl_outlier_health(struct fl_outlier *o, struct fl_outlier_host *h, bool healthy, fl_ns now);
/* May it be used? True for all of a group that panics. Ends ejections whose time is over. */
FL_API bool fl_outlier_usable(struct fl_outlier *o, struct fl_outlier_host *h, fl_ns now);
/* When it came back last, for slow start; INT64_MIN: it was never away. One load. */
FL_API fl_ns fl_outlier_back_at(const struct fl_outlier_host *h);
FL_API bool fl_outlier_panics(const struct fl_outlier *o);         /* any group */
/* Judge by the shares and end ejections. Call it about once a second. */
FL_API void fl_outlier_tick(struct fl_outlier *o, fl_ns now);

struct fl_outlier_view {
	bool ejected, healthy;
	fl_ns until;                    /* ejected: until then */
	fl_ns back_at;                  /* when it came back last, for slow start; INT64_MIN: never away */
	unsigned ejections, in_a_row;
	double results, failures;       /* in the window */
};
FL_API void fl_outlier_view(const struct fl_outlier *o, const struct fl_outlier_host *h, fl_ns now, struct fl_outlier_view *ret);
/* Two loads. */
FL_API void fl_outlier_counts(const struct fl_outlier *o, unsigned *ret_hosts, unsigned *ret_out);

struct fl_outlier_counters {
	uint64_t ejections, returned, panics;
	uint64_t would_eject;           /* but for enforce */
	uint64_t spared;                /* but for max_share */
	uint64_t stale;                 /* results that came too late to vote */
	unsigned hosts, ejected, unhealthy;
};
FL_API void fl_outlier_counters(const struct fl_outlier *o, struct fl_outlier_counters *ret);
/* Why an instance is out, or how it does. */
FL_API char *fl_outlier_explain(const struct fl_outlier *o, const struct fl_outlier_host *h, fl_ns now, char *buf, size_t buf_bytes);

#ifdef __cplusplus
}
#endif

#endif
