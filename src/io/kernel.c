/* SPDX-License-Identifier: MIT */
/* kernel.c - what this kernel and these rights allow. */
#include "io/kernel.h"
#include "base/assert.h"
#include "io/addr.h"
#include "io/dial.h"
#include "io/io.h"
#include "io/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

int
kernel_descriptors(uint64_t *ret_soft, uint64_t *ret_hard)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return -errno;
	*ret_soft = l.rlim_cur;
	*ret_hard = l.rlim_max;
	return 0;
}

bool
kernel_memory_unlimited(uint64_t *ret_bytes)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_AS, &l) < 0 || l.rlim_cur == RLIM_INFINITY)
		return true;
	*ret_bytes = l.rlim_cur;
	return false;
}

/* One wait for an event that cannot come. 0 when the time passed. */
static int
wait_once(int epoll_fd, fl_ns wait)
{
	struct timespec ts = { .tv_sec = wait / FL_SEC, .tv_nsec = wait % FL_SEC };
	struct epoll_event e;
	int n = epoll_pwait2(epoll_fd, &e, 1, &ts, NULL);

	return n < 0 ? -errno : 0;
}

int
kernel_epoll_pwait2(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = wait_once(fd, 1);
	close(fd);
	return r;
}

static int
time_order(const void *a, const void *b)
{
	fl_ns x = *(const fl_ns *)a, y = *(const fl_ns *)b;

	return (x > y) - (x < y);
}

int
kernel_timer(fl_ns wait, unsigned count, fl_ns *ret_late)
{
	int fd = epoll_create1(EPOLL_CLOEXEC), slack = prctl(PR_GET_TIMERSLACK), r = 0;
	bool fine = kernel_epoll_pwait2() == 0;

	fl_assert(wait > 0 && count > 0);
	if (fd < 0)
		return -errno;
	prctl(PR_SET_TIMERSLACK, 1UL);
	for (unsigned i = 0; i < count && r == 0; i++) {
		struct epoll_event e;
		fl_ns start = dial_clock();

		if (fine)
			r = wait_once(fd, wait);
		else if (epoll_wait(fd, &e, 1, (int)((wait + FL_MS - 1) / FL_MS)) < 0)
			r = -errno;
		ret_late[i] = dial_clock() - start - wait;
		if (r == -EINTR)        /* stopped and continued, say: that one is late */
			r = 0;
	}
	if (slack >= 0)
		prctl(PR_SET_TIMERSLACK, (unsigned long)slack);
	close(fd);
	if (r == 0)
		qsort(ret_late, count, sizeof(*ret_late), time_order);
	return r;
}

int
kernel_pidfd(void)
{
	long fd = syscall(SYS_pidfd_open, getpid(), 0);

	if (fd < 0)
		return -errno;
	close((int)fd);
	return 0;
}

int
kernel_subreaper(void)
{
	int is = 0;

	return prctl(PR_GET_CHILD_SUBREAPER, &is) < 0 ? -errno : 0;
}

int
kernel_pdeathsig(void)
{
	int sig = 0;

	return prctl(PR_GET_PDEATHSIG, &sig) < 0 ? -errno : 0;
}

int
kernel_io_uring(void)
{
	char params[120] = { 0 };       /* struct io_uring_params */
	long fd = syscall(SYS_io_uring_setup, 1, params);

	if (fd < 0)
		return -errno;
	close((int)fd);
	return 0;
}

/* In a child, because a process cannot leave a user namespace again. */
int
kernel_namespaces(void)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		return -errno;
	if (child == 0)
		_exit(unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ? 0 : errno & 0x7f);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int
kernel_listen(const char *address)
{
	struct io_addr a;
	int token, r = addr_parse(address, &a);

	if (r == 0)
		r = io_bind(&a, &token, NULL);
	if (r == 0)
		io_discard(token, false);
	return r;
}

int
kernel_resolve(const char *host, fl_ns *ret_took, char ret_first[KERNEL_TEXT_MAX])
{
	struct resolve_answer answer;
	fl_ns start = dial_clock();
	int r = resolver_wait(host, "80", &answer);

	*ret_took = dial_clock() - start;
	if (r < 0)
		return r;
	addr_host(&answer.addrs[0], ret_first, KERNEL_TEXT_MAX);
	return 0;
}

int
kernel_program(const char *name, char ret_path[KERNEL_TEXT_MAX])
{
	const char *path = getenv("PATH");

	while (path != NULL && *path != '\0') {
		size_t n = strcspn(path, ":");
		char full[KERNEL_TEXT_MAX];

		int len = snprintf(full, sizeof(full), "%.*s/%s", (int)FL_MIN(n, sizeof(full)), path, name);

		if (n > 0 && len < (int)sizeof(full) && access(full, X_OK) == 0) {
			memcpy(ret_path, full, sizeof(full));
			return 0;
		}
		path += n + (path[n] == ':');
	}
	return -ENOENT;
}

int
kernel_writable(const char *directory)
{
	return access(directory, W_OK | X_OK) < 0 ? -errno : 0;
}

int
kernel_text(const char *path, char ret_text[KERNEL_TEXT_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, ret_text, KERNEL_TEXT_MAX - 1);
	if (n < 0)
		r = -errno;
	close(fd);
	if (r < 0)
		return r;
	ret_text[n] = '\0';
	ret_text[strcspn(ret_text, "\n")] = '\0';
	return 0;
}

int
kernel_numbers(const char *path, unsigned count, int64_t *ret_numbers)
{
	char text[KERNEL_TEXT_MAX], *at = text;
	int r = kernel_text(path, text);

	for (unsigned i = 0; i < count && r == 0; i++) {
		char *end;
		int64_t v = strtoll(at, &end, 10);

		if (end == at)
			return -EINVAL;
		ret_numbers[i] = v;
		at = end;
	}
	return r;
}

void
kernel_name(char ret_text[KERNEL_TEXT_MAX])
{
	struct utsname u;

	if (uname(&u) < 0)
		snprintf(ret_text, KERNEL_TEXT_MAX, "unknown");
	else
		snprintf(ret_text, KERNEL_TEXT_MAX, "%.60s %.80s %.60s", u.sysname, u.release, u.machine);
}

unsigned
kernel_user(void)
{
	return geteuid();
}
