/* SPDX-License-Identifier: MIT */
/* doctor.c - `faultline doctor`: what this kernel and these rights allow. */
#include "base/units.h"
#include "cmd/args.h"
#include "cmd/cmd.h"
#include "control/listen.h"
#include "io/io.h"
#include "io/sysinfo.h"
#include "io/thread.h"
#include "proto/jsonw.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define TIMER_ROUNDS 200
#define DESCRIPTORS_GOOD 20000u

static const char help[] =
    "usage: faultline doctor [--json]\n"
    "\n"
    "What this kernel and these rights allow: descriptors, timers, sockets, names, programs.\n"
    "\"warn\" is something that works less well, \"fail\" something that does not work; exit 1 then.\n"
    "\n"
    "example:\n"
    "  faultline doctor\n";

enum verdict { OK, WARN, FAIL };

struct finding {
	enum verdict verdict;
	char text[256];
};

typedef struct finding check_fn(void);

static struct finding say(enum verdict verdict, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static struct finding
say(enum verdict verdict, const char *fmt, ...)
{
	struct finding f = { .verdict = verdict };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f.text, sizeof(f.text), fmt, ap);
	va_end(ap);
	return f;
}

static struct finding
check_kernel(void)
{
	struct utsname u;

	if (uname(&u) != 0)
		return say(WARN, "unknown: %s", strerror(errno));
	return say(OK, "%s %s, %s, %u cores for us", u.sysname, u.release, u.machine, thread_cores());
}

static struct finding
check_descriptors(void)
{
	struct rlimit l;
	uint64_t limit;

	if (getrlimit(RLIMIT_NOFILE, &l) != 0)
		return say(FAIL, "unknown: %s", strerror(errno));
	limit = sysinfo_raise_fds(1u << 20);
	if (limit < 1024)
		return say(FAIL, "%" PRIu64 " file descriptors: too few", limit);
	return say(limit < DESCRIPTORS_GOOD ? WARN : OK, "%" PRIu64 " file descriptors now, %" PRIu64 " at most: about %" PRIu64 " connections%s",
	    (uint64_t)l.rlim_cur, limit, limit / 2, limit < DESCRIPTORS_GOOD ? "; raise the hard limit for more (ulimit -Hn)" : "");
}

static struct finding
check_epoll_pwait2(void)
{
	struct timespec none = { .tv_nsec = 0 };
	struct epoll_event ev;
	int fd = epoll_create1(EPOLL_CLOEXEC);
	int rc;

	if (fd < 0)
		return say(FAIL, "no epoll: %s", strerror(errno));
	rc = (int)syscall(SYS_epoll_pwait2, fd, &ev, 1, &none, NULL, (size_t)0);
	close(fd);
	if (rc == 0)
		return say(OK, "epoll_pwait2: waits to the nanosecond");
	return say(WARN, "no epoll_pwait2 (Linux 5.11): waits are rounded to milliseconds");
}

static int
by_value(const void *a, const void *b)
{
	fl_ns x = *(const fl_ns *)a, y = *(const fl_ns *)b;

	return (x > y) - (x < y);
}

/* How late the system wakes us from 1 ms, and how late the loop with its spinning does. */
static struct finding
check_timers(void)
{
	const struct timespec ms = { .tv_nsec = FL_MS };
	struct io_opts opts = { .socks_max = 4, .spin_ns_max = 100 * FL_US };
	fl_ns raw[TIMER_ROUNDS], spun[TIMER_ROUNDS];
	struct io *io;
	char text[4][32];

	if (io_new(&opts, &io) != 0)
		return say(FAIL, "the io loop cannot start");
	for (int i = 0; i < TIMER_ROUNDS; i++) {
		fl_ns from = io_clock(io);

		clock_nanosleep(CLOCK_MONOTONIC, 0, &ms, NULL);
		raw[i] = io_clock(io) - from - FL_MS;
		from = io_clock(io);
		while (io_clock(io) < from + FL_MS)
			io_wait(io, from + FL_MS);
		spun[i] = io_clock(io) - from - FL_MS;
	}
	io_free(io);
	qsort(raw, TIMER_ROUNDS, sizeof(raw[0]), by_value);
	qsort(spun, TIMER_ROUNDS, sizeof(spun[0]), by_value);
	units_duration(text[0], sizeof(text[0]), raw[TIMER_ROUNDS / 2]);
	units_duration(text[1], sizeof(text[1]), raw[TIMER_ROUNDS * 99 / 100]);
	units_duration(text[2], sizeof(text[2]), spun[TIMER_ROUNDS / 2]);
	units_duration(text[3], sizeof(text[3]), spun[TIMER_ROUNDS * 99 / 100]);
	return say(spun[TIMER_ROUNDS / 2] > FL_MS ? WARN : OK, "late by %s (p50), %s (p99); the kernel's own timers by %s, %s", text[2], text[3],
	    text[0], text[1]);
}

/* Can we listen there? */
static struct finding
check_bind(const char *text, const char *what)
{
	struct io_addr addr, bound;
	char where[ADDR_TEXT_MAX];
	int token, rc = addr_parse(text, &addr);

	if (rc == 0)
		rc = io_bind(&addr, &token, &bound);
	if (rc != 0)
		return say(WARN, "no %s: %s", what, strerror(-rc));
	io_discard(token, false);
	return say(OK, "%s: %s", what, addr_format(&bound, where, sizeof(where)));
}

static struct finding
check_ipv4(void)
{
	struct finding f = check_bind("127.0.0.1:0", "listening on IPv4 loopback");

	if (f.verdict != OK)
		f.verdict = FAIL;
	return f;
}

static struct finding
check_ipv6(void)
{
	return check_bind("[::1]:0", "listening on IPv6 loopback");
}

static struct finding
check_api_port(void)
{
	struct finding f = check_bind("127.0.0.1:8474", "the API's usual port is free");

	if (f.verdict != OK)
		return say(WARN, "the API's usual port, 8474, is in use: a daemon is running, or give --port to faultline serve");
	return f;
}

static struct finding
check_resolver(void)
{
	struct resolve_answer a;
	char where[ADDR_TEXT_MAX];
	int rc = resolver_wait("localhost", "80", &a);

	if (rc != 0 || a.res <= 0)
		return say(FAIL, "localhost cannot be looked up: %s", strerror(rc != 0 ? -rc : -a.res));
	return say(OK, "localhost is %s", addr_host(&a.addrs[0], where, sizeof(where)));
}

/* Is there such a program in PATH? */
static bool
in_path(const char *program, char *ret, size_t ret_bytes)
{
	const char *path = getenv("PATH");

	while (path != NULL && *path != '\0') {
		size_t n = strcspn(path, ":");

		snprintf(ret, ret_bytes, "%.*s/%s", (int)n, path, program);
		if (access(ret, X_OK) == 0)
			return true;
		path += n + (path[n] == ':');
	}
	return false;
}

static struct finding
check_redis(void)
{
	char path[512];

	if (in_path("redis-server", path, sizeof(path)))
		return say(OK, "%.200s", path);
	return say(WARN, "no redis-server: the shipped experiments need one (apt install redis-server)");
}

static const struct check {
	const char *name;
	check_fn *run;
} checks[] = {
	{ "kernel", check_kernel }, { "descriptors", check_descriptors }, { "wait", check_epoll_pwait2 }, { "timers", check_timers },
	{ "ipv4", check_ipv4 }, { "ipv6", check_ipv6 }, { "port", check_api_port }, { "names", check_resolver }, { "redis", check_redis },
};

static int
doctor_run(int argc, char **argv)
{
	static const char *const verdicts[] = { "ok", "warn", "fail" };
	bool json = false, want_help = false;
	const struct args_flag flags[] = {
		{ "json", ARGS_FLAG, { .flag = &json } }, { "help h", ARGS_FLAG, { .flag = &want_help } }, { NULL, ARGS_FLAG, { .flag = NULL } },
	};
	enum verdict worst = OK;
	struct args a;
	struct jsonw w;
	struct buf out;

	if (args_parse(flags, argc, argv, &a) != 0 || a.count > 0) {
		fprintf(stderr, "%s: %s\n%s", argv[0], a.count > 0 ? "doctor takes flags only" : a.error, help);
		return CMD_USAGE;
	}
	if (want_help) {
		fputs(help, stdout);
		return CMD_HELD;
	}
	buf_init(&out, 65536);
	jsonw_init(&w, &out);
	jsonw_array(&w);
	for (size_t i = 0; i < FL_ARRAY_LEN(checks); i++) {
		struct finding f = checks[i].run();

		worst = f.verdict > worst ? f.verdict : worst;
		jsonw_object(&w);
		jsonw_str(&w, "check", checks[i].name);
		jsonw_str(&w, "verdict", verdicts[f.verdict]);
		jsonw_str(&w, "text", f.text);
		jsonw_end(&w);
		if (!json)
			printf("%-5s %-12s %s\n", verdicts[f.verdict], checks[i].name, f.text);
	}
	jsonw_end(&w);
	if (json)
		puts(buf_str(&out));
	buf_fini(&out);
	return worst == FAIL ? CMD_FINDING : CMD_HELD;
}

const struct cmd doctor_cmd = { "doctor", "what this kernel and these rights allow", help, doctor_run };
