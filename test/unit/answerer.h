/* SPDX-License-Identifier: MIT */
/*
 * answerer.h - a server on a thread that serves one connection after the other: it reads a request, and does with the connection
 * what it was told to.
 */
#ifndef TEST_ANSWERER_H
#define TEST_ANSWERER_H

#include "unit.h"

#include "io/addr.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

enum answerer_way { ANSWER, ANSWER_AND_CLOSE, ANSWER_CLOSE, ANSWER_RESET, ANSWER_NEVER, ANSWER_UNASKED };

struct answerer {
	int listener, stop[2];
	struct io_addr addr;
	char text[ADDR_TEXT_MAX];
	_Atomic int way;
	const char *answer;
	atomic_uint connections;
	char request[1024];             /* the last one; of a server that has stopped */
	pthread_t thread;
};

static inline void
answerer_serve(struct answerer *a, int fd)
{
	const struct linger hard = { .l_onoff = 1 };

	if (atomic_load(&a->way) == ANSWER_UNASKED)
		(void)!write(fd, a->answer, strlen(a->answer));
	for (;;) {
		struct pollfd fds[] = { { .fd = fd, .events = POLLIN }, { .fd = a->stop[0], .events = POLLIN } };
		ssize_t n;
		poll(fds, 2, -1);
		if (fds[1].revents != 0)
			return;
		n = read(fd, a->request, sizeof(a->request) - 1);
		if (n <= 0)
			return;
		a->request[n] = '\0';
		switch (atomic_load(&a->way)) {
		case ANSWER:
			(void)!write(fd, a->answer, strlen(a->answer));
			break;
		case ANSWER_AND_CLOSE:
			(void)!write(fd, a->answer, strlen(a->answer));
			return;
		case ANSWER_CLOSE:
			return;
		case ANSWER_RESET:
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
			return;
		default:
			break;
		}
	}
}

static inline void *
answerer_run(void *ud)
{
	struct answerer *a = ud;

	for (;;) {
		struct pollfd fds[] = { { .fd = a->listener, .events = POLLIN }, { .fd = a->stop[0], .events = POLLIN } };
		int fd;
		poll(fds, 2, -1);
		if (fds[1].revents != 0)
			return NULL;
		fd = accept(a->listener, NULL, NULL);
		if (fd < 0)
			continue;
		atomic_fetch_add(&a->connections, 1);
		answerer_serve(a, fd);
		close(fd);
	}
}

static inline void
answerer_start(struct answerer *a, enum answerer_way way, const char *answer)
{
	memset(a, 0, sizeof(*a));
	atomic_store(&a->way, (int)way);
	a->answer = answer;
	assert_int_equal(pipe(a->stop), 0);
	a->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	a->addr.in.sin_family = AF_INET;
	a->addr.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(a->listener, &a->addr.sa, sizeof(a->addr.in)), 0);
	assert_int_equal(listen(a->listener, 16), 0);
	a->addr.len = sizeof(a->addr.in);
	assert_int_equal(getsockname(a->listener, &a->addr.sa, &a->addr.len), 0);
	addr_format(&a->addr, a->text, sizeof(a->text));
	assert_int_equal(pthread_create(&a->thread, NULL, answerer_run, a), 0);
}

static inline void
answerer_stop(struct answerer *a)
{
	assert_int_equal(write(a->stop[1], "x", 1), 1);
	assert_int_equal(pthread_join(a->thread, NULL), 0);
	close(a->stop[0]);
	close(a->stop[1]);
	close(a->listener);
}

#endif
