/* SPDX-License-Identifier: MIT */
/*
 * load_redis.h - N clients that read, write and compare-and-set unique values on K keys of a Redis, one thread each.
 *
 * What client c does as its nth operation is a pure function of (seed, c, n): the kind and the key. A written value is
 * n * clients + c + 1, so it says who wrote it. The value a compare-and-set expects is the one the client saw last.
 *
 * Invariants
 *  (1) An operation is sent at most once. What may have happened is info, what cannot have happened is fail.
 *  (2) Client c comes from an address of its own, 127.1.x.y, if the server is on 127.0.0.0/8.
 */
#ifndef RUN_LOAD_REDIS_H
#define RUN_LOAD_REDIS_H

#include "io/addr.h"
#include "run/experiment.h"
#include "run/oplog.h"

#define LOAD_REDIS_ERROR_MAX 256

struct load_redis_opts {
	const struct experiment_load *load;
	struct io_addr server;          /* the line */
	uint64_t seed;
	fl_ns epoch;                    /* times in the logs are since then (clock_mono) */
};

/* What the nth operation of a client is. */
struct load_redis_choice {
	enum history_f f;
	uint32_t key;
};
struct load_redis_choice load_redis_choose(const struct experiment_load *l, uint64_t seed, uint32_t client, uint64_t n);

/*
 * load_redis_prepare - delete the keys, so that every register starts as nil. Waits a few seconds at most.
 * returns    0; -EIO with error (LOAD_REDIS_ERROR_MAX bytes) saying what went wrong
 */
int load_redis_prepare(const struct load_redis_opts *opts, int stop_fd, char *error);

struct load_redis;
/* Start the clients. They end by themselves after load->duration, or when their logs are full. 0 or -errno. */
int load_redis_start(const struct load_redis_opts *opts, struct load_redis **ret_load);
/* Call the clients off: what is under way becomes info. Any thread. */
void load_redis_stop(struct load_redis *l);
/* Readable when all clients have ended. */
int load_redis_fd(const struct load_redis *l);
bool load_redis_done(const struct load_redis *l);
/* Clients that ended before their time because their log was full. After the end. */
uint32_t load_redis_full(const struct load_redis *l);
/* Read every key once, as one more client with a log of its own. After the end; waits for the answers. 0 or -errno. */
int load_redis_final(struct load_redis *l, int stop_fd);
/* The logs, one per client; after load_redis_final() one more. */
struct oplog *const *load_redis_logs(const struct load_redis *l, uint32_t *ret_count);
void load_redis_free(struct load_redis *l);     /* stops it first; NULL is fine */

#endif
