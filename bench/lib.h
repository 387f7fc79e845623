/* SPDX-License-Identifier: MIT */
/*
 * lib.h - what the load programs share: options, clock, sockets, samples, and the CPU and memory of other processes.
 *
 *  (1) A program that cannot measure says why and exits 2; it never prints a number that it did not measure.
 *  (2) Every result is one JSON line on stdout.
 *  (3) Samples are kept one by one in nanoseconds and sorted at the end: no bucket rounds a quantile.
 */
#ifndef BENCH_LIB_H
#define BENCH_LIB_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SEC INT64_C(1000000000)
#define MS INT64_C(1000000)
#define US INT64_C(1000)

__attribute__((format(printf, 1, 2))) _Noreturn static inline void
die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

/* ---- options: --name value ---- */

static inline const char *
opt_text(int argc, char **argv, const char *name, const char *def)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return argv[i + 1];
	return def;
}

static inline double
opt_num(int argc, char **argv, const char *name, double def)
{
	const char *s = opt_text(argc, argv, name, NULL);
	char *end;
	double v;

	if (s == NULL)
		return def;
	v = strtod(s, &end);
	if (end == s || *end != '\0')
		die("%s: %s is not a number", name, s);
	return v;
}

/* ---- clock, placement ---- */

static inline int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SEC + t.tv_nsec;
}

/* Run on one CPU (below 0: anywhere), with timers as sharp as the kernel has them. */
static inline void
place(double cpu)
{
	cpu_set_t set;

	prctl(PR_SET_TIMERSLACK, 1);
	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		die("cannot run on CPU %.0f: %s", cpu, strerror(errno));
}

/* As many descriptors as the system allows; dies when that is fewer than needed. */
static inline void
need_files(unsigned long n)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		die("getrlimit: %s", strerror(errno));
	if (r.rlim_cur < n) {
		r.rlim_cur = n < r.rlim_max ? n : r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
	if (r.rlim_cur < n)
		die("%lu descriptors are needed, %lu allowed", n, (unsigned long)r.rlim_cur);
}

/* ---- sockets ---- */

static inline struct sockaddr_in
addr_of(const char *text)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	const char *colon = strrchr(text, ':');
	char host[64] = "", *end;
	long port;

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		die("%s is not HOST:PORT", text);
	memcpy(host, text, (size_t)(colon - text));
	port = strtol(colon + 1, &end, 10);
	a.sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, host, &a.sin_addr) != 1 || port < 1 || port > 65535 || *end != '\0')
		die("%s is not an IPv4 address with a port", text);
	return a;
}

/*
 * A socket that is connecting or connected. source > 0: from 127.0.0.(1 + source), so that the 28,000 ports of one address
 * do not run out.
 */
static inline int
dial(const struct sockaddr_in *to, unsigned source, bool nonblocking)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), 0);
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + source) };

	if (fd < 0)
		die("socket: %s", strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (source > 0) {
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
		if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0)
			die("bind: %s", strerror(errno));
	}
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0 && errno != EINPROGRESS)
		die("connect: %s", strerror(errno));
	return fd;
}

static inline int
poll_new(void)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (ep < 0)
		die("epoll_create1: %s", strerror(errno));
	return ep;
}

static inline void
poll_add(int ep, int fd, uint32_t events, void *ptr)
{
	struct epoll_event ev = { .events = events, .data.ptr = ptr };

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) != 0)
		die("epoll_ctl: %s", strerror(errno));
}

/* Wait until a point in time (INT64_MAX: for ever). returns the number of events. */
static inline int
poll_until(int ep, struct epoll_event *ev, int max, int64_t until)
{
	int64_t left = until - now_ns();
	struct timespec t;
	int n;

	if (left < 0)
		left = 0;
	t = (struct timespec){ .tv_sec = left / SEC, .tv_nsec = left % SEC };
	n = epoll_pwait2(ep, ev, max, until == INT64_MAX ? NULL : &t, NULL);
	if (n < 0 && errno != EINTR)
		die("epoll_pwait2: %s", strerror(errno));
	return n < 0 ? 0 : n;
}

/* ---- samples ---- */

struct samples {
	int64_t *v;
	size_t n, cap;
};

static inline void
sample_add(struct samples *s, int64_t v)
{
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 1 << 16 : s->cap * 2;
		s->v = realloc(s->v, s->cap * sizeof(s->v[0]));
		if (s->v == NULL)
			die("no memory for samples");
	}
	s->v[s->n++] = v;
}

static inline int
sample_order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Quantile in microseconds; sorts the samples, so take it when all are in. */
static inline double
sample_us(struct samples *s, double q)
{
	size_t i;

	if (s->n == 0)
		return 0;
	qsort(s->v, s->n, sizeof(s->v[0]), sample_order);
	i = (size_t)(q * (double)s->n);
	return (double)s->v[i < s->n ? i : s->n - 1] / 1e3;
}

/* ---- what other processes use ---- */

/* run_ns: exact time on a CPU of all threads, from the scheduler. user, sys: in clock ticks of 10 ms, as nanoseconds. */
struct usage {
	int64_t run_ns, user_ns, sys_ns;
};

static inline int64_t
ticks_ns(long long ticks)
{
	return (int64_t)ticks * (SEC / sysconf(_SC_CLK_TCK));
}

static inline void
usage_add_process(struct usage *u, int pid)
{
	char path[320], line[1024];
	struct dirent *e;
	DIR *d;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	if ((d = opendir(path)) == NULL)
		die("process %d is gone", pid);
	while ((e = readdir(d)) != NULL) {
		long long run;

		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat", pid, e->d_name);
		if (e->d_name[0] == '.' || (f = fopen(path, "r")) == NULL)
			continue;
		if (fscanf(f, "%lld", &run) == 1)
			u->run_ns += run;
		fclose(f);
	}
	closedir(d);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if ((f = fopen(path, "r")) != NULL && fgets(line, sizeof(line), f) != NULL && strrchr(line, ')') != NULL) {
		long long user, sys;

		if (sscanf(strrchr(line, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld", &user, &sys) == 2) {
			u->user_ns += ticks_ns(user);
			u->sys_ns += ticks_ns(sys);
		}
	}
	if (f != NULL)
		fclose(f);
}

/* The first process id of "12,13"; *p moves to the next one, or becomes NULL. */
static inline int
next_pid(const char **p)
{
	char *end;
	long pid = strtol(*p, &end, 10);

	if (pid < 1 || pid > INT32_MAX || (*end != '\0' && *end != ','))
		die("--pids: %s is not a list of process ids", *p);
	*p = *end == ',' ? end + 1 : NULL;
	return (int)pid;
}

/* Usage so far of the processes in "12,13" (NULL: of none). */
static inline struct usage
usage_read(const char *pids)
{
	struct usage u = { 0 };

	for (const char *p = pids; p != NULL;)
		usage_add_process(&u, next_pid(&p));
	return u;
}

static inline struct usage
usage_since(const struct usage *a, const char *pids)
{
	struct usage b = usage_read(pids);

	b.run_ns -= a->run_ns;
	b.user_ns -= a->user_ns;
	b.sys_ns -= a->sys_ns;
	return b;
}

/* The part of a result line that is the same everywhere; no braces. */
static inline void
usage_print(const struct usage *u, double seconds)
{
	printf("\"seconds\":%.6f,\"cpu_s\":%.6f,\"user_s\":%.2f,\"sys_s\":%.2f", seconds, (double)u->run_ns / 1e9,
	    (double)u->user_ns / 1e9, (double)u->sys_ns / 1e9);
}

/* Proportional set size of the processes together, bytes. */
static inline int64_t
memory_bytes(const char *pids)
{
	int64_t sum = 0;

	for (const char *p = pids; p != NULL;) {
		char path[64], line[256];
		long long kb;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", next_pid(&p));
		if ((f = fopen(path, "r")) == NULL)
			die("%s: %s", path, strerror(errno));
		while (fgets(line, sizeof(line), f) != NULL)
			if (sscanf(line, "Pss: %lld kB", &kb) == 1)
				sum += kb * 1024;
		fclose(f);
	}
	return sum;
}

#endif
