/* SPDX-License-Identifier: MIT */
/* load_http.h - an open loop of HTTP requests: a schedule, a few threads that keep it (load_user.h), and their numbers together. */
#ifndef RUN_LOAD_HTTP_H
#define RUN_LOAD_HTTP_H

#include "run/load_user.h"

struct load_http_opts {
	const struct experiment_load *load;
	struct io_addr server;          /* the line, or the target */
	const char *host;               /* for the field Host */
	const struct subst_values *values;
	uint64_t seed;
	fl_ns epoch;                    /* times are since then (clock_mono) */
};

struct load_http;
/* Start it: the schedule begins now. 0 or -errno; -EINVAL: a text that was filled in is not fit for HTTP. */
int load_http_start(const struct load_http_opts *opts, struct load_http **ret_load);
/* Call it off: what is under way ends as stopped. Any thread. */
void load_http_stop(struct load_http *l);
/* Readable when all threads have ended. */
int load_http_fd(const struct load_http *l);
bool load_http_done(const struct load_http *l);
/* The next tenth of a second of any thread. false: there is none now. */
bool load_http_live(struct load_http *l, struct load_live_slot *ret);
/* The numbers of all threads. After the end; they live as long as l. */
struct load_stats *load_http_stats(struct load_http *l);
/* Its paths by request, for load_stats_put_samples(). */
const char *const *load_http_paths(const struct load_http *l);
void load_http_free(struct load_http *l);       /* stops it first; NULL is fine */

#endif
