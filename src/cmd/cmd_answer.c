/* SPDX-License-Identifier: MIT */
/* cmd_answer.c - faultline answer: a small HTTP server with a set capacity, to experiment with. */
#include "cmd/cmd.h"

#include "io/thread.h"
#include "run/answer.h"
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: faultline answer [options]\n"
    "\n"
    "A small HTTP/1.1 server for experiments and tests: every request takes a set time, so many are worked on at once, others\n"
    "wait. What a client has given up is still worked on, as in most servers. GET /stats has the counts, GET /health its\n"
    "health, POST /control?work=50ms&fail_rate=10%&pause=2s changes how it behaves. Ends by SIGINT or SIGTERM and prints the counts.\n"
    "\n"
    "  --listen ADDR         IP:PORT or unix:PATH (default: 127.0.0.1:0, a free port)\n"
    "  --name NAME           in the field X-Answer of answers, and in the counts (default: answer)\n"
    "  --work TIME           that a request takes (default: 5ms)\n"
    "  --jitter TIME         evenly drawn, more or less than that (default: 0)\n"
    "  --slow-share SHARE    of the requests takes --slow-work instead (default: 0)\n"
    "  --slow-work TIME      (default: 200ms)\n"
    "  --capacity N          requests worked on at once (default: 8)\n"
    "  --queue N             requests that may wait; more are refused with 503 (default: 1000)\n"
    "  --fail-rate SHARE     of the requests is answered with --fail-status after its work (default: 0)\n"
    "  --fail-status N       (default: 500)\n"
    "  --body SIZE           of an answer (default: 1KB)\n"
    "  --notice-cancel       drop the work for clients that have left\n"
    "  --seed N              of all that is drawn (default: 1)\n"
    "  -h, --help            this text\n"
    "\n"
    "exit code: 0 ended by a signal, 2 the command line is wrong, 4 it cannot listen\n"
    "\n"
    "examples:\n"
    "  faultline answer --listen 127.0.0.1:9001 --work 5ms --jitter 2ms --capacity 8\n"
    "  curl -X POST '127.0.0.1:9001/control?work=200ms'\n";

struct answer_flags {
	struct answer_opts opts;
	const char *listen;
};

/* The options that are settings, in the order of their values from SETTING on. */
enum { SETTING = 256 };
static const char *const settings[] = { "work", "jitter", "slow_share", "slow_work", "capacity", "queue", "fail_rate", "fail_status", "body" };

static bool
parse_seed(const char *s, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(s, &end, 10);
	return s[0] >= '0' && s[0] <= '9' && *end == '\0' && errno == 0;
}

/* One option. false: complained. */
static bool
take_option(struct answer_flags *f, int c, const char *value)
{
	char error[ANSWER_ERROR_MAX];

	if (c >= SETTING) {
		if (answer_conf_set(&f->opts.conf, settings[c - SETTING], value, error) == 0)
			return true;
		fprintf(stderr, "faultline answer: %s\n", error);
		return false;
	}
	if (c == 'l')
		f->listen = value;
	else if (c == 'n')
		f->opts.name = value;
	else if (c == 'c')
		f->opts.conf.notice_cancel = true;
	else if (c == 's' && !parse_seed(value, &f->opts.conf.seed)) {
		fprintf(stderr, "faultline answer: --seed: found \"%s\", expected a whole number\n", value);
		return false;
	}
	return true;
}

/* A field of a head: nothing that could end it. */
static bool
is_clean(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

/* -1: go on; else the exit code. */
static int
parse_flags(int argc, char **argv, struct answer_flags *f)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' }, { "name", required_argument, NULL, 'n' },
		{ "notice-cancel", no_argument, NULL, 'c' }, { "seed", required_argument, NULL, 's' }, { "help", no_argument, NULL, 'h' },
		{ "work", required_argument, NULL, SETTING }, { "jitter", required_argument, NULL, SETTING + 1 },
		{ "slow-share", required_argument, NULL, SETTING + 2 }, { "slow-work", required_argument, NULL, SETTING + 3 },
		{ "capacity", required_argument, NULL, SETTING + 4 }, { "queue", required_argument, NULL, SETTING + 5 },
		{ "fail-rate", required_argument, NULL, SETTING + 6 }, { "fail-status", required_argument, NULL, SETTING + 7 },
		{ "body", required_argument, NULL, SETTING + 8 }, { NULL, 0, NULL, 0 },
	};
	int c;

	*f = (struct answer_flags){ .listen = "127.0.0.1:0", .opts = { .name = "answer", .conf = answer_conf_default } };
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return CMD_HELD;
		}
		if (c == '?' || !take_option(f, c, optarg)) {
			fputs("try faultline answer --help\n", stderr);
			return CMD_USAGE;
		}
	}
	if (optind != argc || !is_clean(f->opts.name) || addr_parse(f->listen, &f->opts.listen) < 0) {
		if (optind != argc)
			fprintf(stderr, "faultline answer: found \"%s\", expected options only\n", argv[optind]);
		else if (!is_clean(f->opts.name))
			fputs("faultline answer: --name: found a control character\n", stderr);
		else
			fprintf(stderr, "faultline answer: --listen: found \"%s\", expected IP:PORT or unix:PATH\n", f->listen);
		fputs("try faultline answer --help\n", stderr);
		return CMD_USAGE;
	}
	return -1;
}

static void *
run_thread(void *ud)
{
	answer_run(ud);
	return NULL;
}

static void
print_counts(const struct answer *a)
{
	struct answer_counts n;

	answer_counts(a, &n);
	printf("%" PRIu64 " requests: %" PRIu64 " worked, %" PRIu64 " failed, %" PRIu64 " of those abandoned, %" PRIu64 " rejected, %" PRIu64
	    " cancelled\n", n.requests, n.worked, n.failed, n.abandoned, n.rejected, n.cancelled);
}

int
cmd_answer(int argc, char **argv)
{
	struct answer_flags f;
	struct answer *a = NULL;
	struct io_addr bound;
	pthread_t thread;
	sigset_t set;
	char text[ADDR_TEXT_MAX];
	int code = parse_flags(argc, argv, &f), rc, sig;

	if (code >= 0)
		return code;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	(void)signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	rc = answer_new(&f.opts, &bound, &a);
	if (rc == 0)
		rc = thread_start(&thread, "answer", run_thread, a);
	if (rc < 0) {
		fprintf(stderr, "faultline answer: %s: %s\n", f.listen, strerror(-rc));
		answer_free(a);
		return CMD_UNKNOWN;
	}
	printf("listening on %s\n", addr_format(&bound, text, sizeof(text)));
	fflush(stdout);
	sigwait(&set, &sig);
	answer_stop(a);
	thread_join(thread);
	print_counts(a);
	answer_free(a);
	return fflush(stdout) == 0 ? CMD_HELD : CMD_UNKNOWN;
}
