/* SPDX-License-Identifier: MIT */
/*
 * redis_client.h - one client of a Redis, with one connection that is opened when it is needed: every call has a deadline, is
 * sent at most once, and says whether it can have had an effect.
 */
#ifndef RUN_REDIS_CLIENT_H
#define RUN_REDIS_CLIENT_H

#include "io/addr.h"
#include "run/oplog.h"
#include <hiredis/hiredis.h>

struct redis_client {
	struct io_addr server, from;    /* from.len 0: any */
	fl_ns connect_timeout, timeout; /* of one call */
	int stop_fd;                    /* readable: give up; -1: none */
	redisContext *ctx;              /* NULL: not connected */
};

/*
 * redis_client_call - one command and its reply.
 * argv       argc texts
 * ret_reply  freeReplyObject() it; only on OPLOG_NONE (also for error replies of the server: look at its type)
 * returns    OPLOG_NONE: a reply came. OPLOG_NOT_CONNECTED, OPLOG_NOT_SENT: the command had no effect. OPLOG_RESET,
 *            OPLOG_CLOSED, OPLOG_TIMEOUT, OPLOG_PROTOCOL, OPLOG_STOPPED: it may have. After all but OPLOG_NONE the connection is closed.
 */
enum oplog_error redis_client_call(struct redis_client *c, int argc, const char *const *argv, redisReply **ret_reply);
void redis_client_close(struct redis_client *c);        /* fine when not connected */

#endif
