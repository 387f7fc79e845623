/* SPDX-License-Identifier: MIT */
/*
 * answer.h - a small HTTP/1.1 server for experiments: it takes a set time for a request, works on so many at once, lets so many wait,
 * fails as often as it is told, and counts. One thread.
 *
 *      GET  /stats     the counts, as JSON
 *      GET  /health    200, or 503 when it was told to be unhealthy
 *      POST /control?work=50ms&fail_rate=10%&pause=2s    change its behaviour; the settings as JSON
 *      anything else   a request to be worked on
 *
 * Invariants
 *  (1) requests = worked + failed + rejected + cancelled + those queued and worked on.
 *  (2) Work goes on when its client has left, unless notice_cancel is set: it is counted as abandoned when it is done, for nobody.
 *  (3) What is drawn for the nth request is a function of (seed, n).
 */
#ifndef RUN_ANSWER_H
#define RUN_ANSWER_H

#include "io/addr.h"
#include "run/answer_conf.h"

struct answer_counts {
	uint64_t requests;              /* that were to be worked on */
	uint64_t worked;                /* to the end, and answered well if the client was still there */
	uint64_t failed;                /* to the end, and answered with fail_status */
	uint64_t abandoned;             /* of worked and failed: the client had left */
	uint64_t rejected;              /* the queue was full */
	uint64_t cancelled;             /* dropped because the client had left (notice_cancel) */
	uint64_t bad;                   /* no HTTP */
	uint64_t connections;           /* accepted */
	uint32_t queued, busy, open;    /* now: waiting, worked on, connections */
};

struct answer;
struct answer_opts {
	struct io_addr listen;
	const char *name;               /* shown in the field X-Answer and in the stats */
	struct answer_conf conf;
};
/* Listen; *ret_bound is where. 0 or -errno. */
int answer_new(const struct answer_opts *opts, struct io_addr *ret_bound, struct answer **ret_answer);
/* Serve until answer_stop(). */
void answer_run(struct answer *a);
void answer_stop(struct answer *a);     /* any thread */
/* The counts; by the thread that runs it, or after its end. */
void answer_counts(const struct answer *a, struct answer_counts *ret);
void answer_free(struct answer *a);     /* NULL is fine */

#endif
