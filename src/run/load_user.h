/* SPDX-License-Identifier: MIT */
/*
 * load_user.h - one thread of an HTTP load: asks when the schedule says so, whatever became of earlier requests, over keep-alive
 * connections of its own.
 *
 * A request is due at its time. Its attempts take an idle connection, or a new one while there may be more, or wait for one; each
 * has the timeout from its beginning, whatever it spends it on. What failed may be asked again after a pause, as the load says.
 *
 * Invariants
 *  (1) A request has one attempt at a time, and is asked until it ended once.
 *  (2) A connection carries one attempt at a time; one whose answer was not read to its end is closed, with a reset.
 *  (3) An attempt that met a kept-alive connection which the server was closing, before any byte came back, is sent once more on
 *      another connection if its method is idempotent (RFC 9112, 9.3.1): that is no retry.
 *  (4) Memory is taken at the start: requests beyond outstanding_max end as blocked.
 */
#ifndef RUN_LOAD_USER_H
#define RUN_LOAD_USER_H

#include "io/addr.h"
#include "run/load_ask.h"
#include "run/load_live.h"
#include "run/load_stats.h"

struct load_user_opts {
	const struct experiment_load *load;
	const struct load_asks *asks;
	struct io_addr server;
	fl_ns epoch;                    /* clock_mono(); times told are since then */
	fl_ns start;                    /* of the schedule, since epoch */
	uint32_t number, of;            /* this thread takes the requests n with n % of == number */
};

struct load_user;
int load_user_new(const struct load_user_opts *opts, struct load_user **ret_user);      /* 0 or -errno */
/* Until all its requests have ended, or load_user_stop(). In a thread of its own. */
void load_user_run(struct load_user *u);
void load_user_stop(struct load_user *u);       /* any thread */
struct load_live *load_user_live(struct load_user *u);
struct load_stats *load_user_stats(struct load_user *u);       /* when it has ended */
void load_user_free(struct load_user *u);       /* NULL is fine */

#endif
