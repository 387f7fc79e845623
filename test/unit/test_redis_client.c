/* SPDX-License-Identifier: MIT */
/* test_redis_client.c - whatever becomes of a call, the client knows whether it can have had an effect. */
#include "answerer.h"

#include "io/clock.h"
#include "run/redis_client.h"

#include <sys/eventfd.h>

#define SOON (20 * FL_SEC)

static struct redis_client
client_of(const struct answerer *a)
{
	return (struct redis_client){ .server = a->addr, .connect_timeout = SOON, .timeout = SOON, .stop_fd = -1 };
}

static enum oplog_error
call(struct redis_client *c, redisReply **ret_reply)
{
	static const char *const argv[] = { "SET", "k", "1" };

	return redis_client_call(c, 3, argv, ret_reply);
}

/* The outcome of one call to a server that behaves that way; no connection is left unless a reply came. */
static enum oplog_error
outcome(enum answerer_way way, const char *answer, fl_ns timeout)
{
	struct answerer a;
	struct redis_client c;
	redisReply *reply = NULL;
	enum oplog_error e;

	answerer_start(&a, way, answer);
	c = client_of(&a);
	c.timeout = timeout;
	e = call(&c, &reply);
	assert_int_equal(e == OPLOG_NONE, reply != NULL);
	assert_int_equal(e == OPLOG_NONE, c.ctx != NULL);
	if (reply != NULL)
		freeReplyObject(reply);
	redis_client_close(&c);
	answerer_stop(&a);
	return e;
}

static void
test_outcomes(void **state)
{
	(void)state;
	assert_int_equal(outcome(ANSWER, "+OK\r\n", SOON), OPLOG_NONE);
	assert_int_equal(outcome(ANSWER, "-LOADING wait\r\n", SOON), OPLOG_NONE);
	assert_int_equal(outcome(ANSWER, "?what\r\n", SOON), OPLOG_PROTOCOL);
	assert_int_equal(outcome(ANSWER_AND_CLOSE, "+O", SOON), OPLOG_CLOSED);
	assert_int_equal(outcome(ANSWER_CLOSE, "", SOON), OPLOG_CLOSED);
	assert_int_equal(outcome(ANSWER_RESET, "", SOON), OPLOG_RESET);
	assert_int_equal(outcome(ANSWER_NEVER, "", 30 * FL_MS), OPLOG_TIMEOUT);
}

static void
test_nobody_listens(void **state)
{
	struct answerer a;
	struct redis_client c;
	redisReply *reply;
	(void)state;

	answerer_start(&a, ANSWER, "+OK\r\n");
	answerer_stop(&a);
	c = client_of(&a);
	assert_int_equal(call(&c, &reply), OPLOG_NOT_CONNECTED);
	assert_null(c.ctx);
}

static void
test_one_connection_for_many_calls(void **state)
{
	struct answerer a;
	struct redis_client c;
	redisReply *reply;
	(void)state;

	answerer_start(&a, ANSWER, "$2\r\nhi\r\n");
	c = client_of(&a);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(call(&c, &reply), OPLOG_NONE);
		assert_int_equal(reply->type, REDIS_REPLY_STRING);
		assert_string_equal(reply->str, "hi");
		freeReplyObject(reply);
	}
	assert_int_equal(atomic_load(&a.connections), 1);
	redis_client_close(&c);
	answerer_stop(&a);
	assert_string_equal(a.request, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n1\r\n");
}

/* A reply too many would be taken for the reply to the next command: such a connection is not used again. */
static void
test_answers_nobody_asked_for(void **state)
{
	struct answerer a;
	struct redis_client c;
	redisReply *reply;
	(void)state;

	answerer_start(&a, ANSWER, "+1\r\n+2\r\n");
	c = client_of(&a);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(call(&c, &reply), OPLOG_NONE);
		assert_string_equal(reply->str, "1");
		assert_int_equal(atomic_load(&a.connections), i);
		freeReplyObject(reply);
	}
	redis_client_close(&c);
	answerer_stop(&a);
}

/* The server went away while the client was idle: that is seen before the next command is sent, on a new connection. */
static void
test_gone_while_idle(void **state)
{
	struct answerer a;
	struct redis_client c;
	redisReply *reply;
	(void)state;

	answerer_start(&a, ANSWER_AND_CLOSE, "+OK\r\n");
	c = client_of(&a);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(call(&c, &reply), OPLOG_NONE);
		freeReplyObject(reply);
		assert_int_equal(atomic_load(&a.connections), i);
		assert_int_equal(clock_wait(c.ctx->fd, POLLIN, -1, clock_mono() + SOON), 1);    /* until its end is here */
	}
	redis_client_close(&c);
	answerer_stop(&a);
}

static void
test_called_off(void **state)
{
	struct answerer a;
	struct redis_client c;
	redisReply *reply;
	(void)state;

	answerer_start(&a, ANSWER, "+OK\r\n");
	c = client_of(&a);
	assert_int_equal(call(&c, &reply), OPLOG_NONE);
	freeReplyObject(reply);
	atomic_store(&a.way, ANSWER_NEVER);
	c.stop_fd = eventfd(1, EFD_CLOEXEC);
	assert_int_equal(call(&c, &reply), OPLOG_STOPPED);      /* sent: it may have happened */
	assert_int_equal(call(&c, &reply), OPLOG_NOT_CONNECTED);
	close(c.stop_fd);
	answerer_stop(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_one_connection_for_many_calls),
		cmocka_unit_test(test_answers_nobody_asked_for),
		cmocka_unit_test(test_gone_while_idle),
		cmocka_unit_test(test_called_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
