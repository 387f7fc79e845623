/* SPDX-License-Identifier: MIT */
/*
 * feed.h - a sender of messages that can be audited: open loop at a set rate, answers recorded, sent again as a client would. One thread.
 *
 * Messages of one key always take the same connection, one after the other. What a connection that breaks had under way goes first on
 * the next one, in its old order.
 *
 * Invariants
 *  (1) A message stands in the log, on disk, before a byte of it is handed to the transport.
 *  (2) The nth message is a function of the configuration and n alone.
 *  (3) items[0, flown) of a lane are under way, the others wait; both in the order of their numbers.
 */
#ifndef STREAM_FEED_H
#define STREAM_FEED_H

#include "audit/match_frame.h"
#include "stream/stream_file.h"
#include "stream/stream_link.h"

#define FEED_LINKS_MAX 256u
#define FEED_WINDOW_MAX (1u << 20)
#define FEED_KEYS_MAX (1u << 24)

enum feed_values { FEED_VALUES_NUMBER, FEED_VALUES_COUNT, FEED_VALUES_RANDOM };

struct feed_conf {
	struct match_frame frame;
	struct stream_target target;
	const char *log;                /* path of the sender's log */
	double rate;                    /* messages a second; 0: as fast as they go */
	uint64_t count;                 /* messages; 0: no end but the duration's */
	fl_ns duration;                 /* FL_NEVER: none */
	uint64_t first;                 /* number of the first message, >= 1 */
	uint32_t flow, keys, size, links;
	uint32_t window;                /* messages on a connection without an answer, or not yet written */
	bool random_keys;               /* else one after the other */
	enum feed_values values;
	uint64_t seed;
	bool acks;                      /* answers are awaited */
	uint32_t attempts;              /* of a message; 0: no bound */
	fl_ns timeout;                  /* of an answer: then the connection is given up */
	fl_ns drain;                    /* how long to wait for the last answers, and while nothing moves */
	bool (*stop)(void);
	void (*progress)(void *ud, const struct feed_conf *conf, uint64_t sent, fl_ns since_start);
	void *ud;
};

struct feed_stats {
	uint64_t sent, again, acked, refused, given_up, in_doubt;
	uint64_t opened, broken;
	uint64_t odd;                   /* answers to nothing that was under way */
	fl_ns behind_max, took;         /* the schedule; all of it */
	bool stopped;
	bool stalled;                   /* it could not go on: nothing moved for as long as it would wait for last answers */
	int link_err;                   /* why a connection failed last; 0: none did */
};

/*
 * feed_run - send, and wait for the answers.
 * returns   0; -errno the log cannot be written (or no memory): nothing is sent any more then. ret_stats is filled in any case
 */
int feed_run(const struct feed_conf *conf, struct feed_stats *ret_stats);

#endif
