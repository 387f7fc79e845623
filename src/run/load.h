/* SPDX-License-Identifier: MIT */
/* load.h - the load of a run, whichever kind it is: started, watched, stopped, summed up. */
#ifndef RUN_LOAD_H
#define RUN_LOAD_H

#include "run/experiment.h"
#include "run/load_live.h"
#include "run/oplog.h"
#include "run/result.h"
#include "run/subst.h"
#include "run/system.h"

#define LOAD_ERROR_MAX 384

struct load_opts {
	const struct experiment *x;     /* has_load */
	const struct io_addr *line;     /* it goes through; NULL: it has a target */
	const char *line_text;          /* its address as text */
	const struct subst_values *values;
	struct system *system;          /* of EXPERIMENT_PROGRAM */
	uint64_t seed;
	fl_ns epoch;                    /* times are since then (clock_mono) */
};

struct load;
/*
 * load_start - prepare what it needs (a few seconds at most), and start it.
 * stop_fd   readable: give up preparing
 * returns   0, or -errno with error (LOAD_ERROR_MAX bytes)
 */
int load_start(const struct load_opts *opts, int stop_fd, struct load **ret_load, char *error);
/* Call it off. Any thread. */
void load_stop(struct load *l);
/* Readable when it has ended by itself or by load_stop(). */
int load_fd(const struct load *l);
bool load_done(const struct load *l);
/* How long after its duration it may still be busy with what was begun before. */
fl_ns load_settle(const struct experiment *x);

/* While it runs: the logs of clients (Redis; count 0 otherwise), or tenths of seconds (HTTP; false otherwise, or when there is none). */
struct oplog *const *load_logs(const struct load *l, uint32_t *ret_count);
bool load_next_slot(struct load *l, struct load_live_slot *ret);

/* After its end. Clients that ended early because their log was full. */
uint32_t load_full(const struct load *l);
/* Read every key once more, where that is asked for. 0 or -errno. */
int load_final(struct load *l, int stop_fd);
/* Everything for the report; texts and buckets in mem, the rest lives as long as l. 0 or -ENOMEM. */
int load_result(struct load *l, struct arena *mem, struct result_load *ret);
/* Requests that were drawn to be kept, as JSON lines (HTTP; nothing otherwise). 0 or -ENOBUFS. */
int load_put_samples(struct load *l, struct buf *out);
void load_free(struct load *l);         /* stops it first; NULL is fine */

#endif
