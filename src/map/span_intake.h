/* SPDX-License-Identifier: MIT */
/*
 * span_intake.h - batches of spans into the store, so that what was acknowledged survives a kill
 *
 * Behind a receiver: the engine, the store and the journal, and the order in which they learn of a batch. Everything that changes the
 * engine is written to the journal first, and the store remembers in the same transaction which record it heard of; so after a crash the engine
 * is led to where it was by the same records, and nothing is told twice.
 *
 * One thread.
 */
#ifndef MAP_SPAN_INTAKE_H
#define MAP_SPAN_INTAKE_H

#include "graph/spans.h"
#include "proto/unpack.h"

enum span_intake_format { SPAN_INTAKE_PB, SPAN_INTAKE_JSON, SPAN_INTAKE_ZIPKIN };

struct span_intake_opts {
	const char *store;
	size_t memory_bytes;            /* 0: SPANS_MEMORY */
	fl_ns hold;                     /* 0: SPANS_HOLD */
	size_t unpacked_bytes_max;      /* of one batch */
	const char *where;              /* of sightings */
	sight_fn *also;                 /* may be NULL */
	void *arg;
};

struct span_intake;
/* Open all, and take up what a crash left. now: any clock that goes on. error: 512 bytes. 0 or -errno. */
int span_intake_open(const struct span_intake_opts *opts, fl_ns now, char *error, struct span_intake **ret);
/* Settle and tell what is held, if the store takes it; else it stays in the journal. NULL is fine. */
void span_intake_close(struct span_intake *in, fl_ns now);

struct span_intake_outcome {
	uint64_t rejected;              /* spans */
	bool repeated;                  /* these bytes were there already */
	char error[256];
};
/*
 * span_intake_put - a batch as it was sent.
 * returns   0: it is kept; -EINVAL broken, -EFBIG too much when unpacked; other -errno: the store could not, send it again later
 */
int span_intake_put(struct span_intake *in, enum span_intake_format f, enum unpack_kind packed, const void *p, size_t n, fl_ns now,
    struct span_intake_outcome *ret);
/* Settle what is due. 0, or -errno: it is tried again. error: 256 bytes. */
int span_intake_tick(struct span_intake *in, fl_ns now, char *error);
fl_ns span_intake_next(const struct span_intake *in);
struct spans_counts span_intake_count(const struct span_intake *in);
/* The lines between two times (ns since 1970), as the store tells them. */
int span_intake_read(struct span_intake *in, int64_t from, int64_t until, sight_fn *take, void *arg);

#endif
