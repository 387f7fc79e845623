/* SPDX-License-Identifier: MIT */
/* test_dial.c - a connection that waits: several addresses, deadlines, ends. */
#include "io/dial.h"
#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* A listening socket, or with backlog -1 only a bound one: connections to it are refused. */
static int
listener(int backlog, struct io_addr *ret_addr)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*ret_addr = (struct io_addr){ .len = sizeof(ret_addr->in) };
	ret_addr->in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &ret_addr->sa, ret_addr->len), 0);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, &ret_addr->sa, &ret_addr->len), 0);
	return fd;
}

static void
test_open(void **state)
{
	struct resolve_answer to = { .res = 2 };
	int closed = listener(-1, &to.addrs[0]), open = listener(4, &to.addrs[1]), fd = -1;
	struct io_addr at = { .len = 0 };

	(void)state;
	assert_int_equal(dial_open(&to, FL_NEVER, &at, &fd), 0);
	assert_true(addr_equal(&at, &to.addrs[1]));
	dial_close(fd);
	to.addrs[1] = to.addrs[0];
	fd = -7;
	assert_int_equal(dial_open(&to, dial_clock() + 10 * FL_SEC, &at, &fd), -ECONNREFUSED);
	assert_true(addr_equal(&at, &to.addrs[0]));
	assert_int_equal(fd, -7);
	dial_close(-1);
	close(closed);
	close(open);
}

static void
test_receive(void **state)
{
	struct resolve_answer to = { .res = 1 };
	int server = listener(4, &to.addrs[0]), fd, peer;
	struct io_addr at;
	char text[8];

	(void)state;
	assert_int_equal(dial_open(&to, FL_NEVER, &at, &fd), 0);
	peer = accept(server, NULL, NULL);
	assert_int_equal(dial_receive(fd, text, sizeof(text), dial_clock() + 5 * FL_MS), -ETIMEDOUT);
	assert_int_equal(write(peer, "abc", 3), 3);
	/* The time is over, so what is there does not count any more. */
	assert_int_equal(dial_receive(fd, text, sizeof(text), dial_clock()), -ETIMEDOUT);
	assert_int_equal(dial_receive(fd, text, 2, FL_NEVER), 2);
	assert_int_equal(dial_receive(fd, text, sizeof(text), FL_NEVER), 1);
	close(peer);
	assert_int_equal(dial_receive(fd, text, sizeof(text), FL_NEVER), 0);
	dial_close(fd);
	assert_int_equal(dial_open(&to, FL_NEVER, &at, &fd), 0);
	peer = accept(server, NULL, NULL);
	assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger)), 0);
	close(peer);
	assert_int_equal(dial_receive(fd, text, sizeof(text), FL_NEVER), -ECONNRESET);
	dial_close(fd);
	close(server);
}

static void
test_send(void **state)
{
	static char much[64 << 20];
	struct resolve_answer to = { .res = 1 };
	int server = listener(4, &to.addrs[0]), fd, peer;
	struct io_addr at;

	(void)state;
	assert_int_equal(dial_open(&to, FL_NEVER, &at, &fd), 0);
	peer = accept(server, NULL, NULL);
	assert_int_equal(dial_send(fd, "", 0, dial_clock()), 0);
	/* Nobody reads: more than all buffers together cannot go. */
	assert_int_equal(dial_send(fd, much, sizeof(much), dial_clock() + 20 * FL_MS), -ETIMEDOUT);
	close(peer);
	/* No signal, whatever is left of the connection. */
	int r = dial_send(fd, much, sizeof(much), FL_NEVER);
	assert_true(r == -ECONNRESET || r == -EPIPE);
	assert_int_equal(dial_send(fd, much, 1, FL_NEVER), -EPIPE);
	dial_close(fd);
	close(server);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_receive),
		cmocka_unit_test(test_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
