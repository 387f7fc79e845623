/* SPDX-License-Identifier: MIT */
/*
 * load_stats.h - what became of the requests of an HTTP load: counts and latencies by pieces of time, bounded whatever the rate. Pure
 * but for its memory, which is address space taken at the start.
 *
 * Latency is from when a request was due to when its user knew how it ended, retries and waiting included.
 *
 * Invariants
 *  (1) Every request that was asked ends with exactly one outcome, or is still under way.
 *  (2) asked and asked_ok count by when a request was due; everything else by when it happened.
 */
#ifndef RUN_LOAD_STATS_H
#define RUN_LOAD_STATS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/coarse.h"
#include "run/result.h"

/* How a request ended for its user: id, word, may it have been done (its effect is unknown), text. */
#define LOAD_OUTCOMES(ROW)                                                                             \
	ROW(OK,      "ok",      0, "answered in time")                                                 \
	ROW(LATE,    "late",    0, "answered, but only after the user's patience")                     \
	ROW(STATUS,  "status",  0, "answered with an error status")                                    \
	ROW(REFUSED, "refused", 0, "refused")                                                          \
	ROW(CONNECT, "connect", 0, "no connection: refused or not there in time")                      \
	ROW(RESET,   "reset",   1, "the connection broke before the answer was complete")              \
	ROW(TIMEOUT, "timeout", 1, "no complete answer in time")                                       \
	ROW(BAD,     "bad",     0, "the answer was not HTTP")                                          \
	ROW(BLOCKED, "blocked", 0, "never sent: no connection was free in time")                       \
	ROW(STOPPED, "stopped", 1, "the run ended before the answer")

enum load_outcome {
#define LOAD_ROW(id, word, unknown, text) LOAD_##id,
	LOAD_OUTCOMES(LOAD_ROW)
#undef LOAD_ROW
	LOAD_OUTCOME_COUNT
};
const char *load_outcome_word(enum load_outcome o);
const char *load_outcome_text(enum load_outcome o);

struct load_bucket {
	uint32_t asked, asked_ok;       /* due in it; and of those, how many ended well */
	uint32_t attempts;              /* begun in it */
	uint32_t outcomes[LOAD_OUTCOME_COUNT];
	struct coarse latency;
};
/* One request that was drawn to be kept. */
struct load_sample {
	uint64_t n;                     /* its number */
	fl_ns due, done;
	uint16_t status;
	uint8_t outcome, attempts, request;
	char refused_by[32];
};

#define LOAD_REFUSERS_MAX 16
#define LOAD_REFUSER_BYTES 64
#define LOAD_STATUS_MAX 600
#define LOAD_SAMPLES_AIM 10000
struct load_stats {
	fl_ns origin, bucket_ns;
	uint32_t bucket_count;          /* there is room for */
	uint32_t used;                  /* the last that was touched + 1 */
	struct load_bucket *buckets;
	uint64_t asked, attempts, connections;
	uint64_t outcomes[LOAD_OUTCOME_COUNT];
	uint64_t statuses[LOAD_STATUS_MAX];     /* of LOAD_STATUS */
	struct { char name[LOAD_REFUSER_BYTES]; uint64_t count; } refusers[LOAD_REFUSERS_MAX];
	uint32_t refuser_count;
	struct hist latency, latency_ok;        /* of all that ended; of those that ended well */
	double sample_share;
	uint64_t sample_key;
	uint32_t sample_count, sample_max;
	struct load_sample *samples;
};

struct load_stats_conf {
	fl_ns origin;                   /* when the load starts, on the clock of everything given below */
	fl_ns duration;                 /* until the last can have ended */
	uint64_t seed;
	double requests;                /* that are to be expected */
};
int load_stats_init(struct load_stats *s, const struct load_stats_conf *conf);  /* 0 or -ENOMEM */
void load_stats_fini(struct load_stats *s);     /* fine when zeroed */

void load_stats_asked(struct load_stats *s, fl_ns due);
void load_stats_attempt(struct load_stats *s, fl_ns at);
struct load_ended {
	uint64_t n;
	fl_ns due, at;
	enum load_outcome outcome;
	unsigned status;                /* 0: no answer */
	unsigned attempts;
	unsigned request;               /* which of experiment_http.requests */
	const char *refused_by;         /* LOAD_REFUSED: as the answer said it; NULL: it did not */
};
void load_stats_done(struct load_stats *s, const struct load_ended *d);
/* Add the numbers of another thread, made with the same configuration. */
void load_stats_merge(struct load_stats *into, const struct load_stats *from);

/* The load as reports show it; texts and buckets in mem, histograms stay in s. 0 or -ENOMEM. */
int load_stats_result(const struct load_stats *s, struct arena *mem, struct result_load *ret);
/* The samples as JSON lines, in order of their numbers; paths by request. 0 or -ENOBUFS. */
int load_stats_put_samples(struct load_stats *s, const char *const *paths, struct buf *out);

#endif
