/* SPDX-License-Identifier: MIT */
/*
 * redis_client.c - calls to a Redis through hiredis' non-blocking interface, so that deadlines are ours.
 *
 * Invariants
 *  (1) Before a command is sent nothing unread is left of an earlier reply: a reply is to the command before it.
 *  (2) OPLOG_NOT_SENT means that the system took not one byte of the command.
 */
#include "run/redis_client.h"

#include "base/assert.h"
#include "io/client.h"
#include "io/clock.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

void
redis_client_close(struct redis_client *c)
{
	if (c->ctx != NULL)
		redisFree(c->ctx);
	c->ctx = NULL;
}

static enum oplog_error
connect_now(struct redis_client *c)
{
	struct client_wait w = { .deadline = clock_mono() + c->connect_timeout, .stop_fd = c->stop_fd };
	int fd;

	if (client_connect(&c->server, &c->from, &w, &fd) < 0)
		return OPLOG_NOT_CONNECTED;
	c->ctx = redisConnectFd(fd);
	if (c->ctx == NULL) {
		close(fd);
		return OPLOG_NOT_CONNECTED;
	}
	c->ctx->flags &= ~REDIS_BLOCK;
	return OPLOG_NONE;
}

/* Did the peer end the connection while it was idle, or say something nobody asked for (1)? */
static bool
is_stale(const struct redis_client *c)
{
	char byte;
	ssize_t n = recv(c->ctx->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	void *left = NULL;

	if (redisGetReplyFromReader(c->ctx, &left) != REDIS_OK || left != NULL) {
		if (left != NULL)
			freeReplyObject(left);
		return true;
	}
	return c->ctx->reader->len > c->ctx->reader->pos || n >= 0 || errno != EAGAIN;
}

static enum oplog_error
broken(int err, bool sent)
{
	if (!sent)
		return OPLOG_NOT_SENT;
	if (err == -ECANCELED)
		return OPLOG_STOPPED;
	if (err == -ETIMEDOUT)
		return OPLOG_TIMEOUT;
	return err == 0 ? OPLOG_CLOSED : OPLOG_RESET;
}

static enum oplog_error
send_command(struct redis_client *c, int argc, const char *const *argv, const struct client_wait *w)
{
	char *command;
	size_t sent = 0;
	int n = redisFormatCommandArgv(&command, argc, (const char **)(uintptr_t)argv, NULL);
	int rc;

	if (n < 0)
		return OPLOG_NOT_SENT;
	rc = client_send(c->ctx->fd, command, (size_t)n, w, &sent);
	redisFreeCommand(command);
	return rc == 0 ? OPLOG_NONE : broken(rc, sent > 0);
}

static enum oplog_error
receive_reply(struct redis_client *c, const struct client_wait *w, redisReply **ret_reply)
{
	char bytes[16384];
	void *reply = NULL;

	for (;;) {
		int64_t n = client_recv(c->ctx->fd, bytes, sizeof(bytes), w);
		if (n <= 0)
			return broken((int)n, true);
		if (redisReaderFeed(c->ctx->reader, bytes, (size_t)n) != REDIS_OK ||
		    redisReaderGetReply(c->ctx->reader, &reply) != REDIS_OK)
			return OPLOG_PROTOCOL;
		if (reply != NULL) {
			*ret_reply = reply;
			return OPLOG_NONE;
		}
	}
}

enum oplog_error
redis_client_call(struct redis_client *c, int argc, const char *const *argv, redisReply **ret_reply)
{
	struct client_wait w = { .stop_fd = c->stop_fd };
	enum oplog_error e = OPLOG_NONE;

	fl_assert(argc > 0);
	if (c->ctx != NULL && is_stale(c))
		redis_client_close(c);
	if (c->ctx == NULL)
		e = connect_now(c);
	w.deadline = clock_mono() + c->timeout;
	if (e == OPLOG_NONE)
		e = send_command(c, argc, argv, &w);
	if (e == OPLOG_NONE)
		e = receive_reply(c, &w, ret_reply);
	if (e != OPLOG_NONE)
		redis_client_close(c);
	return e;
}
