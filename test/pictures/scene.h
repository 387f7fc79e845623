/* SPDX-License-Identifier: MIT */
/*
 * scene.h - calls under a plan, in front of a simulated service, on a simulated clock: what the pictures of the policies show.
 *
 * Callers come at a rate, drawn. Each call is a real struct fl_call; its attempts go to instances, each with so many servers and one
 * queue. Work that was given up goes on until it is done: nobody tells the service. Time goes in steps of a millisecond.
 */
#ifndef SCENE_H
#define SCENE_H

#include "faultline/call.h"
#include "faultline/faultline.h"

#define SCENE_INSTANCES_MAX 10
#define SCENE_BUCKETS_MAX 400

struct scene;

/* What an attempt costs the service, and what comes of it. */
struct scene_work {
	fl_ns work;
	enum fl_outcome outcome;
};

struct scene_conf {
	uint64_t seed;
	fl_ns length, bucket;
	const struct fl_plan *plan;
	bool idempotent, retryable;
	double (*rate)(fl_ns t);                                /* calls a second */
	unsigned instances, servers;
	unsigned queue_max;                                     /* requests that wait at an instance; 0: 20,000 */
	/* ordinal: of the attempt, for draws. Asked for the outcome when it comes, and for the work when a server begins it. */
	void (*serve)(struct scene *s, unsigned instance, uint64_t ordinal, struct scene_work *ret);
	/* When a server takes it: false, it is answered at once and refused; NULL: always true. began: when the call did. */
	bool (*begins)(struct scene *s, fl_ns began);
	int (*pick)(struct scene *s, uint64_t ordinal);         /* an instance, -1: none; NULL: 0 */
	void (*ended)(struct scene *s, unsigned instance, enum fl_outcome outcome, fl_ns began);
	unsigned (*priority)(uint64_t call);                    /* NULL: 0 */
	bool (*fallback)(struct scene *s, uint64_t call);       /* could it? */
	void (*answered)(struct scene *s, uint64_t call);
	void (*sample)(struct scene *s, unsigned bucket);       /* at the end of each */
	void *ud;
};

struct scene_count {
	unsigned asked, ends[FL_END_COUNT], attempts, begun[SCENE_INSTANCES_MAX], failed, asked_of[8], admitted_of[8];    /* by priority / 4 */
	unsigned at_service;            /* requests there, at the end of the bucket */
	unsigned waiting;
	double p50, p99;                /* ms, of the answered ones; NaN: none */
};

/* One that has ended. */
struct scene_end {
	fl_ns at, took;
	enum fl_end end;
	unsigned attempts;
};

struct scene {
	const struct scene_conf *conf;
	fl_ns now;
	unsigned buckets;
	struct scene_count count[SCENE_BUCKETS_MAX];
	struct scene_end *ends;
	size_t end_count;
	unsigned inflight[SCENE_INSTANCES_MAX];         /* attempts the callers wait for */
	struct scene_inner *inner;
};

/* Runs it. The caller frees with scene_free(). */
struct scene *scene_run(const struct scene_conf *conf);
void scene_free(struct scene *s);
/* A draw in [0, 1) for a thing of the scene. */
double scene_draw(const struct scene *s, uint64_t what, uint64_t ordinal);
/* The middle of bucket i in seconds. */
double scene_time(const struct scene *s, unsigned i);
/* n calls in a bucket as a rate a second. */
double scene_rate(const struct scene *s, unsigned n);

#endif
