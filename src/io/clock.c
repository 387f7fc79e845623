/* SPDX-License-Identifier: MIT */
/* clock.c - reading clocks and waiting by them. */
#include "io/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

static fl_ns
read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (fl_ns)ts.tv_sec * FL_SEC + ts.tv_nsec;
}

fl_ns
clock_mono(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

fl_ns
clock_cpu(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

int64_t
clock_wall(void)
{
	return read_clock(CLOCK_REALTIME);
}

int
clock_wait(int fd, short events, int stop_fd, fl_ns deadline)
{
	struct pollfd fds[] = { { .fd = stop_fd, .events = POLLIN }, { .fd = fd, .events = events } };

	for (;;) {
		fl_ns left = deadline == FL_NEVER ? FL_NEVER : deadline - clock_mono();
		struct timespec ts;
		int n;

		if (left < 0)
			left = 0;
		ts = (struct timespec){ .tv_sec = left / FL_SEC, .tv_nsec = left % FL_SEC };
		n = ppoll(fds, 2, deadline == FL_NEVER ? NULL : &ts, NULL);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n > 0 && fds[0].revents != 0)
			return -ECANCELED;
		if (n > 0)
			return 1;
		if (n == 0 && (left == 0 || clock_mono() >= deadline))
			return 0;
	}
}
