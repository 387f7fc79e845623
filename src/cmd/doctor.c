/* SPDX-License-Identifier: MIT */
/* doctor.c - `faultline doctor`: what this kernel and these rights allow, what is missing, and what to do about it. */
#include "base/units.h"
#include "base/version.h"
#include "cmd/cmd.h"
#include "control/cli_args.h"
#include "io/kernel.h"
#include "io/term.h"
#include "io/thread.h"
#include "proto/jsonw.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FINDINGS_MAX 32
#define TIMER_SAMPLES 200
#define TIMER_WAIT FL_MS
#define TIMER_GOOD (100 * FL_US)

enum state {
	GOOD,
	LIMITED,        /* it works, not as well as it could */
	MISSING,        /* something does not work */
	UNUSED,         /* nothing here needs it */
};

struct finding {
	const char *name;
	enum state state;
	char found[256];
	const char *meaning;    /* what it is for */
	const char *fix;        /* what to do; NULL: nothing */
};

struct doctor {
	unsigned count;
	struct finding findings[FINDINGS_MAX];
};

/* What a check is called, what it is for, and what to do when it fails. */
struct check {
	const char *name, *meaning, *fix;
};

static void add(struct doctor *d, const struct check *c, enum state state, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void
add(struct doctor *d, const struct check *c, enum state state, const char *fmt, ...)
{
	struct finding *f = &d->findings[d->count];
	va_list ap;

	if (d->count == FINDINGS_MAX)
		return;
	d->count++;
	*f = (struct finding){ .name = c->name, .state = state, .meaning = c->meaning };
	if (state == LIMITED || state == MISSING)
		f->fix = c->fix;
	va_start(ap, fmt);
	vsnprintf(f->found, sizeof(f->found), fmt, ap);
	va_end(ap);
}

/* A probe that answers yes, or why not. */
static void
add_probe(struct doctor *d, const struct check *c, int r, enum state otherwise)
{
	add(d, c, r == 0 ? GOOD : otherwise, "%s", r == 0 ? "yes" : strerror(-r));
}

/* ---- the checks ---- */

static void
check_system(struct doctor *d)
{
	static const struct check kernel = { "kernel", "anything from Linux 5.11 on is complete", NULL };
	static const struct check who = { "user", "no part of this version needs to be root", NULL };
	char text[KERNEL_TEXT_MAX];
	unsigned user = kernel_user();

	kernel_name(text);
	add(d, &kernel, GOOD, "%s, %u cores for this process", text, thread_cores());
	add(d, &who, GOOD, "%s (uid %u)", user == 0 ? "root" : "ordinary user", user);
}

static void
check_descriptors(struct doctor *d)
{
	static const struct check c = {
		"descriptors", "each connection through a line takes two; serve raises the limit to the hard one",
		"raise the hard limit: `ulimit -Hn 1048576`, LimitNOFILE= in a unit, or /etc/security/limits.conf",
	};
	uint64_t soft = 0, hard = 0;
	int r = kernel_descriptors(&soft, &hard);

	if (r < 0)
		add_probe(d, &c, r, MISSING);
	else
		add(d, &c, hard >= 20000 ? GOOD : LIMITED, "%llu now, %llu allowed: about %llu connections at once",
		    (unsigned long long)soft, (unsigned long long)hard,
		    (unsigned long long)(FL_MIN(hard, UINT64_C(1) << 25) / 2));
}

static void
check_memory(struct doctor *d)
{
	static const struct check c = {
		"address space", "pools reserve addresses at start and take memory only when used",
		"`ulimit -v unlimited`, or lower --buffer and --conns-max of serve",
	};
	uint64_t bytes = 0;
	char text[32];

	if (kernel_memory_unlimited(&bytes))
		add(d, &c, GOOD, "unlimited");
	else
		add(d, &c, bytes >= (UINT64_C(8) << 30) ? GOOD : LIMITED, "%s", units_bytes(text, sizeof(text), (double)bytes));
}

static void
check_ports(struct doctor *d)
{
	static const struct check ports = {
		"ports to servers", "connections from one address to one server's address and port",
		"`sysctl net.ipv4.ip_local_port_range=\"10000 65000\"`",
	};
	static const struct check low_ports = {
		"low ports", "lines that listen on a port below",
		"`sysctl net.ipv4.ip_unprivileged_port_start=0`, or `setcap cap_net_bind_service=+ep` on the program; or listen above",
	};
	static const struct check queue = { "accept queue", "clients that connect at the same moment",
	    "`sysctl net.core.somaxconn=4096`" };
	int64_t range[2], low, longest;

	if (kernel_numbers("/proc/sys/net/ipv4/ip_local_port_range", 2, range) == 0)
		add(d, &ports, range[1] - range[0] >= 20000 ? GOOD : LIMITED, "%lld to %lld: %lld", (long long)range[0],
		    (long long)range[1], (long long)(range[1] - range[0] + 1));
	if (kernel_numbers("/proc/sys/net/ipv4/ip_unprivileged_port_start", 1, &low) == 0) {
		low = kernel_user() == 0 ? 0 : low;
		add(d, &low_ports, low == 0 ? GOOD : LIMITED, "ports from %lld on may be listened on", (long long)FL_MAX(low, 1));
	}
	if (kernel_numbers("/proc/sys/net/core/somaxconn", 1, &longest) == 0)
		add(d, &queue, longest >= 1024 ? GOOD : LIMITED, "%lld", (long long)longest);
}

static void
check_addresses(struct doctor *d)
{
	static const struct check first = { "loopback 127.0.0.1", "lines and the API listen there", "`ip link set lo up`" };
	static const struct check second = {
		"loopback 127.0.0.2", "many servers with the same port on one machine", "`ip addr add 127.0.0.2/8 dev lo`",
	};
	static const struct check v6 = {
		"IPv6", "lines on IPv6 addresses; without it `:PORT` means IPv4 only", "`sysctl net.ipv6.conf.lo.disable_ipv6=0`",
	};
	static const struct check local = {
		"unix sockets", "lines from and to unix:/PATH", "a seccomp or container policy forbids them",
	};
	char unix_name[64];

	snprintf(unix_name, sizeof(unix_name), "unix:@faultline-doctor-%u", kernel_user());
	add_probe(d, &first, kernel_listen("127.0.0.1:0"), MISSING);
	add_probe(d, &second, kernel_listen("127.0.0.2:0"), LIMITED);
	add_probe(d, &v6, kernel_listen("[::1]:0"), LIMITED);
	add_probe(d, &local, kernel_listen(unix_name), LIMITED);
}

static void
check_names(struct doctor *d)
{
	static const struct check c = {
		"names", "servers that are named, not numbered",
		"have `127.0.0.1 localhost` in /etc/hosts; look at /etc/nsswitch.conf and at the servers in /etc/resolv.conf",
	};
	char first[KERNEL_TEXT_MAX] = "", took[32];
	fl_ns time = 0;
	int r = kernel_resolve("localhost", &time, first);

	if (r < 0)
		add(d, &c, LIMITED, "localhost: %s", r == -ENOENT ? "no such name" : strerror(-r));
	else
		add(d, &c, time < FL_SEC ? GOOD : LIMITED, "localhost is %s, looked up in %s", first,
		    units_duration(took, sizeof(took), time));
}

static void
check_time(struct doctor *d)
{
	static const struct check fine = {
		"epoll_pwait2", "timers finer than a millisecond",
		"a kernel from 5.11 on; a container policy may forbid the call",
	};
	static const struct check timers = {
		"timers", "how late this kernel wakes a sleeper; workers wake early by that much and poll for the rest",
		"an idle machine; in a virtual machine the host decides",
	};
	fl_ns late[TIMER_SAMPLES];
	char p50[32], p99[32], clock[KERNEL_TEXT_MAX] = "unknown";
	int r;

	add_probe(d, &fine, kernel_epoll_pwait2(), LIMITED);
	kernel_text("/sys/devices/system/clocksource/clocksource0/current_clocksource", clock);
	r = kernel_timer(TIMER_WAIT, TIMER_SAMPLES, late);
	if (r < 0) {
		add_probe(d, &timers, r, MISSING);
		return;
	}
	units_duration(p50, sizeof(p50), late[TIMER_SAMPLES / 2]);
	units_duration(p99, sizeof(p99), late[TIMER_SAMPLES * 99 / 100]);
	add(d, &timers, late[TIMER_SAMPLES / 2] <= TIMER_GOOD ? GOOD : LIMITED,
	    "%d waits of 1 ms ended %s late at p50, %s at p99 (clock %.40s)", TIMER_SAMPLES, p50, p99, clock);
}

static void
check_processes(struct doctor *d)
{
	static const struct check death = {
		"parent death signal", "processes of an experiment end with it, even when it is killed",
		"a container policy forbids prctl()",
	};
	static const struct check reaper = {
		"child subreaper", "processes that fork away are found and ended", "a container policy forbids prctl()",
	};
	static const struct check directory = {
		"working directory", "`faultline run` leaves its results in ./runs", "change to a directory of your own",
	};

	add_probe(d, &death, kernel_pdeathsig(), MISSING);
	add_probe(d, &reaper, kernel_subreaper(), MISSING);
	add_probe(d, &directory, kernel_writable("."), LIMITED);
}

static void
check_programs(struct doctor *d)
{
	static const struct check c = {
		"redis-server", "the shipped experiments and `make demo`", "`apt-get install redis-server`, or `tools/deps`",
	};
	char path[KERNEL_TEXT_MAX] = "";
	int r = kernel_program("redis-server", path);

	add(d, &c, r == 0 ? GOOD : LIMITED, "%s", r == 0 ? path : "not found in PATH");
}

/* Said openly: what is there or not, and does not matter. */
static void
check_unused(struct doctor *d)
{
	static const struct check uring = { "io_uring", "not used: edge-triggered epoll measured as good", NULL };
	static const struct check pidfd = { "pidfd", "not used: the keeper reaps all of its processes itself", NULL };
	static const struct check spaces = {
		"user namespaces", "not used by this version: no faults on hosts or packets yet", NULL,
	};
	const struct check *const checks[] = { &uring, &pidfd, &spaces };
	int r[] = { kernel_io_uring(), kernel_pidfd(), kernel_namespaces() };

	for (size_t i = 0; i < FL_ARRAY_LEN(checks); i++)
		add(d, checks[i], UNUSED, "%s", r[i] == 0 ? "available" : strerror(-r[i]));
}

static void
examine(struct doctor *d)
{
	check_system(d);
	check_descriptors(d);
	check_memory(d);
	check_ports(d);
	check_addresses(d);
	check_names(d);
	check_time(d);
	check_processes(d);
	check_programs(d);
	check_unused(d);
}

/* ---- output ---- */

static const char *const words[] = { [GOOD] = "good", [LIMITED] = "limited", [MISSING] = "missing", [UNUSED] = "unused" };

static unsigned
count_of(const struct doctor *d, enum state state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < d->count; i++)
		n += d->findings[i].state == state;
	return n;
}

static void
print_json(const struct doctor *d)
{
	struct buf out;
	struct jsonw w;

	buf_init(&out, 1 << 20);
	jsonw_init(&w, &out);
	jsonw_object(&w);
	jsonw_str(&w, "version", VERSION_FAULTLINE);
	jsonw_flag(&w, "good", count_of(d, MISSING) == 0);
	jsonw_key(&w, "checks");
	jsonw_array(&w);
	for (unsigned i = 0; i < d->count; i++) {
		const struct finding *f = &d->findings[i];

		jsonw_object(&w);
		jsonw_str(&w, "name", f->name);
		jsonw_str(&w, "state", words[f->state]);
		jsonw_str(&w, "found", f->found);
		jsonw_str(&w, "meaning", f->meaning);
		if (f->fix != NULL)
			jsonw_str(&w, "fix", f->fix);
		jsonw_end(&w);
	}
	jsonw_end(&w);
	jsonw_end(&w);
	printf("%s\n", buf_str(&out));
	buf_fini(&out);
}

static void
print_text(const struct doctor *d)
{
	static const char *const escapes[] = {
		[GOOD] = "\x1b[32m", [LIMITED] = "\x1b[33m", [MISSING] = "\x1b[31m", [UNUSED] = "\x1b[2m",
	};
	bool terminal = term_is_output();

	for (unsigned i = 0; i < d->count; i++) {
		const struct finding *f = &d->findings[i];

		printf("%s%-8s%s %-20s %s\n", terminal ? escapes[f->state] : "", words[f->state], terminal ? "\x1b[0m" : "",
		    f->name, f->found);
		if (f->state != GOOD)
			printf("%-8s %-20s %s%s\n", "", "", f->state == UNUSED ? "" : "for: ", f->meaning);
		if (f->fix != NULL)
			printf("%-8s %-20s do:  %s\n", "", "", f->fix);
	}
	printf("\n%u good, %u limited, %u missing\n", count_of(d, GOOD), count_of(d, LIMITED), count_of(d, MISSING));
}

static int
doctor(const struct cli_args *a)
{
	struct doctor d = { .count = 0 };

	examine(&d);
	if (cli_args_has(a, "json"))
		print_json(&d);
	else
		print_text(&d);
	return count_of(&d, MISSING) > 0 ? CLI_FINDING : CLI_OK;
}

static const struct cli_verb verbs[] = {
	{ "", NULL, "", 0, 0, "what this kernel and these rights allow, and what to do about the rest", NULL,
	    "  faultline doctor\n  faultline doctor --json | jq '.checks[] | select(.fix)'\n", doctor },
	{ .name = NULL },
};
static const struct cli_group group = {
	.name = "doctor", .help = "what this kernel and these rights allow", .verbs = verbs, .local = true,
	.more = "Nothing is changed. \"limited\" works, not as well as it could; \"unused\" is told for completeness.\n"
	    "Exit code 1 when something is missing.\n",
};

int
cmd_doctor(int argc, char **argv)
{
	return cli_args_run(&group, argc, argv);
}
