/* SPDX-License-Identifier: MIT */
/*
 * collect.h - a receiver of messages that can be audited: it writes down what arrives, and answers. One thread.
 *
 * Invariants
 *  (1) A message stands in the log, on disk, before it is answered.
 *  (2) What cannot be understood as a frame is written down as damaged, and its connection closed.
 */
#ifndef STREAM_COLLECT_H
#define STREAM_COLLECT_H

#include "audit/match_frame.h"
#include "io/addr.h"
#include "stream/stream_file.h"

struct collect_conf {
	enum match_framing framing;
	const char *command;            /* the messages are the lines a program writes; NULL: listen */
	struct io_addr listen;
	const char *redis_host, *redis_stream;  /* read a stream of Redis; NULL: listen */
	int redis_port;
	const char *log;                /* path of the receiver's log */
	bool append;                    /* go on in the log, if it is there */
	bool answers;                   /* answer each message */
	bool outputs;                   /* what arrives are results, not messages of faultline feed */
	uint64_t count;                 /* end after that many; 0: no such end */
	fl_ns duration;                 /* end after that time; FL_NEVER */
	fl_ns quiet;                    /* end when nothing has arrived for so long after the first message; FL_NEVER */
	bool (*stop)(void);
	void (*listening)(void *ud, const struct io_addr *at);  /* called once, when messages can come */
	void (*progress)(void *ud, uint64_t got);
	void *ud;
};

struct collect_stats {
	uint64_t got, corrupt, outputs;
	uint64_t connections, bad_frames;
	bool stopped;
};

#define COLLECT_ERROR_MAX 256
/* Receive until the end. 0; -errno with error (COLLECT_ERROR_MAX bytes). ret_stats is filled in any case. */
int collect_run(const struct collect_conf *conf, struct collect_stats *ret_stats, char *error);

#endif
