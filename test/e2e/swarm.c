/* SPDX-License-Identifier: MIT */
/* swarm.c - see swarm.h. */
#include "swarm.h"
#include "fail.h"
#include "sock.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SWARMS_MAX 8
#define EVENTS 128
/* Loopback has 28,000 ports per source address; take another one after so many. */
#define PER_SOURCE 8000

struct swarm {
	char name[32];
	int *fds;
	int count;
};

static struct swarm swarms[SWARMS_MAX];
static size_t swarm_count;

static struct swarm *
swarm_get(const char *name)
{
	for (size_t i = 0; i < swarm_count; i++)
		if (strcmp(swarms[i].name, name) == 0)
			return &swarms[i];
	if (swarm_count == SWARMS_MAX)
		fail_test("more than %d swarms", SWARMS_MAX);
	snprintf(swarms[swarm_count].name, sizeof(swarms[0].name), "%s", name);
	return &swarms[swarm_count++];
}

/* One byte there and back on each; all are sent before the first is waited for. */
static void
check(const struct swarm *s, int from)
{
	char byte;

	for (int i = from; i < s->count; i++)
		if (send(s->fds[i], "x", 1, MSG_NOSIGNAL) != 1)
			fail_test("connection %d: send: %s", i, strerror(errno));
	for (int i = from; i < s->count; i++)
		if (recv(s->fds[i], &byte, 1, 0) != 1 || byte != 'x')
			fail_test("connection %d did not echo", i);
}

/* In groups, so that no queue of a listener overflows. */
static void
open_all(struct swarm *s, const char *addr, int count)
{
	char from[32];

	s->fds = calloc((size_t)count, sizeof(*s->fds));
	if (s->fds == NULL)
		fail_test("no memory");
	for (int group = 0; s->count < count; group = s->count) {
		while (s->count < count && s->count < group + 64) {
			int fd;

			snprintf(from, sizeof(from), "127.0.0.%d", 2 + s->count / PER_SOURCE);
			fd = sock_connect(addr, from);
			if (fd < 0)
				fail_test("connection %d: %s", s->count, strerror(-fd));
			s->fds[s->count++] = fd;
		}
		check(s, group);
	}
}

static void
ended(const struct swarm *s)
{
	char byte;

	for (int i = 0; i < s->count; i++) {
		ssize_t r = recv(s->fds[i], &byte, 1, 0);

		if (r > 0 || (r < 0 && errno != ECONNRESET))
			fail_test("connection %d did not end: %s", i, r > 0 ? "data came" : strerror(errno));
	}
}

void
swarm_command(const struct command *c)
{
	struct swarm *s = swarm_get(words_need(c, 1, "name"));

	if (words_is(c, 2, "-connect") && words_is(c, 4, "-count")) {
		open_all(s, words_need(c, 3, "address"), (int)words_number(c, 5, "count"));
	} else if (words_is(c, 2, "-check")) {
		check(s, 0);
	} else if (words_is(c, 2, "-ended")) {
		ended(s);
	} else if (words_is(c, 2, "-close")) {
		for (int i = 0; i < s->count; i++)
			close(s->fds[i]);
		s->count = 0;
	} else {
		fail_test("swarm NAME -connect ADDR -count N, -check, -ended or -close");
	}
}

/* ---- the echo server: one thread, level-triggered ---- */

static void
echo_accept(int ep, int listener)
{
	struct epoll_event ev = { .events = EPOLLIN };

	ev.data.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (ev.data.fd >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, ev.data.fd, &ev) != 0)
		fail_test("epoll_ctl: %s", strerror(errno));
}

static void
echo_once(int fd)
{
	uint8_t b[16384];
	ssize_t n = recv(fd, b, sizeof(b), 0);

	for (ssize_t sent = 0; n > 0 && sent < n;) {
		ssize_t r = send(fd, b + sent, (size_t)(n - sent), MSG_NOSIGNAL);

		if (r <= 0)
			n = 0;
		sent += r;
	}
	if (n <= 0)
		close(fd);
}

static void *
echo_main(void *arg)
{
	int listener = (int)(intptr_t)arg, ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev[EVENTS] = { { .events = EPOLLIN, .data.fd = listener } };

	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, listener, ev) != 0)
		fail_test("epoll: %s", strerror(errno));
	for (;;) {
		int n = epoll_wait(ep, ev, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			if (ev[i].data.fd == listener)
				echo_accept(ep, listener);
			else
				echo_once(ev[i].data.fd);
		}
	}
	return NULL;
}

void
swarm_echo(int listener)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, echo_main, (void *)(intptr_t)listener) != 0)
		fail_test("no thread");
	pthread_detach(thread);
}
