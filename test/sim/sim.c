/* SPDX-License-Identifier: MIT */
/*
 * sim.c - run the real proxy in a simulated world, seed after seed.
 *
 *      sim [--seeds N] [--seed S] [--ops N] [--relay] [--verbose]      seeds S, S+1, ...; S is 1 unless told
 *      sim --http [...]    HTTP lines instead of TCP lines, with seeds of their own
 *      sim --canary        the network loses one byte: must fail
 *      sim --selftest      the relay survives, and the canary is caught
 *
 * Seeds run in a child process, so that one which aborts or hangs costs only itself. Without --seed the seeds of seeds.txt (with --http:
 * http_seeds.txt; those that found something once) run first. Exit: 0 all passed, 1 some failed, 2 usage.
 */
#include "check.h"
#include "http_run.h"
#include "mark.h"
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEED_SECONDS_MAX 300    /* of real time; a seed takes some 20 ms */
#define KNOWN_MAX 1000
#define MARK_SEEDS_MIN 300      /* after as many, no mark may be missing */
#define MARK_HTTP_SEEDS_MIN 3000
#define KNOWN_FILE "test/sim/seeds.txt"
#define KNOWN_HTTP_FILE "test/sim/http_seeds.txt"

struct options {
	uint64_t seed, seeds;
	bool seed_given;
	bool canary, selftest, marks;
	struct check_opts check;
};

struct tally {
	uint64_t passed, failed;
};

/* ---- dying with the story told ---- */

/* Set by the address sanitizer's runtime; absent without it. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void
tell_story(void)
{
	if (world_current() != NULL)
		world_print(world_current());
}

static void
on_signal(int sig)
{
	fprintf(stderr, "FAILED: %s\n", sig == SIGALRM ? "the seed takes too long in real time" : strsignal(sig));
	tell_story();
	fflush(NULL);
	_exit(WORLD_EXIT_FAILED);
}

static void
catch_signals(void)
{
	signal(SIGABRT, on_signal);
	signal(SIGALRM, on_signal);
	if (__sanitizer_set_death_callback != NULL) {
		__sanitizer_set_death_callback(tell_story);
	} else {
		signal(SIGSEGV, on_signal);
		signal(SIGBUS, on_signal);
		signal(SIGFPE, on_signal);
	}
}

/* ---- seeds in a child ---- */

/* In the child: run seeds, say after each that it passed. */
static _Noreturn void
run_child(const struct options *o, const uint64_t *seeds, uint64_t count, int tell)
{
	catch_signals();
	/* Worlds come and go: keep their pages. */
	mallopt(M_MMAP_THRESHOLD, 4 << 20);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	for (uint64_t i = 0; i < count; i++) {
		alarm(SEED_SECONDS_MAX);
		if (o->check.http)
			http_run_check(seeds[i], &o->check);
		else
			check_seed(seeds[i], &o->check);
		if (write(tell, "P", 1) != 1)
			_exit(WORLD_EXIT_FAILED);
	}
	exit(0);        /* not _exit(): the leak checker wants to look */
}

/* Run the seeds in one child. returns how many passed before it ended; *ret_clean: it ended well. */
static uint64_t
run_batch(const struct options *o, const uint64_t *seeds, uint64_t count, bool *ret_clean)
{
	uint64_t passed = 0;
	char news[512];
	int fd[2], status;
	ssize_t n;

	fflush(NULL);
	if (pipe(fd) < 0) {
		perror("pipe");
		exit(2);
	}
	pid_t pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (pid == 0) {
		close(fd[0]);
		run_child(o, seeds, count, fd[1]);
	}
	close(fd[1]);
	while ((n = read(fd[0], news, sizeof(news))) > 0 || (n < 0 && errno == EINTR))
		passed += n > 0 ? (uint64_t)n : 0;
	close(fd[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	*ret_clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return passed;
}

static struct tally
run_seeds(const struct options *o, const uint64_t *seeds, uint64_t count)
{
	struct tally t = { 0, 0 };
	uint64_t at = 0;
	bool clean;

	while (at < count) {
		uint64_t passed = run_batch(o, seeds + at, count - at, &clean);

		t.passed += passed;
		at += passed;
		if (!clean) {
			t.failed++;
			if (at < count)
				printf("not ok: seed %llu\n", (unsigned long long)seeds[at]);
			else
				printf("not ok: memory left over after seeds %llu to %llu\n", (unsigned long long)seeds[at - passed],
				    (unsigned long long)seeds[at - 1]);
			at++;
		}
	}
	return t;
}

/* ---- the command line ---- */

/* Seeds that failed once. One a line, a comment may follow. */
static uint64_t
read_known(const char *file, uint64_t *seeds)
{
	FILE *f = fopen(file, "r");
	char line[256];
	uint64_t n = 0;

	if (f == NULL)
		return 0;
	while (n < KNOWN_MAX && fgets(line, sizeof(line), f) != NULL) {
		char *end;
		unsigned long long seed = strtoull(line, &end, 10);

		if (end != line)
			seeds[n++] = seed;
	}
	fclose(f);
	return n;
}

static struct tally
run_all(const struct options *o)
{
	uint64_t *seeds = calloc(o->seeds + KNOWN_MAX, sizeof(*seeds)), n = 0;
	struct tally t;

	if (seeds == NULL)
		exit(2);
	if (!o->seed_given && !o->canary)
		n = read_known(o->check.http ? KNOWN_HTTP_FILE : KNOWN_FILE, seeds);
	for (uint64_t i = 0; i < o->seeds; i++)
		seeds[n++] = o->seed + i;
	t = run_seeds(o, seeds, n);
	free(seeds);
	return t;
}

static int
finish(struct tally t)
{
	printf("%llu passed, %llu failed, 0 skipped\n", (unsigned long long)t.passed, (unsigned long long)t.failed);
	return t.failed > 0;
}

/* After many seeds everything that the simulator is there for must have happened. */
static void
look_at_marks(const struct options *o, struct tally *t)
{
	char text[128];
	uint64_t enough = o->check.http ? MARK_HTTP_SEEDS_MIN : MARK_SEEDS_MIN;

	for (unsigned m = o->check.http ? MARK_WEB_FIRST : 0; m < (o->check.http ? MARK_COUNT : MARK_WEB_FIRST); m++) {
		mark_text(m, text, sizeof(text));
		if (o->marks)
			printf("# %12llu %s\n", (unsigned long long)mark_count(m), text);
		if (mark_count(m) == 0 && o->seeds >= enough && !mark_optional(m)) {
			printf("not ok: never seen: %s\n", text);
			t->failed++;
		}
	}
}

/* The network is sound, and a network that is not is found out. */
static int
selftest(struct options *o)
{
	struct tally sound, unsound;

	o->check.relay = true;
	sound = run_all(&(struct options){ .seed = o->seed, .seeds = o->seeds, .seed_given = true, .check = o->check });
	o->check.lose_a_byte = true;
	printf("# now with a defect, which must be found\n");
	unsound = run_all(&(struct options){ .seed = o->seed, .seeds = FL_MIN(o->seeds, 30), .seed_given = true, .check = o->check });
	printf("# the lost byte was found by %llu of %llu seeds\n", (unsigned long long)unsound.failed,
	    (unsigned long long)(unsound.passed + unsound.failed));
	sound.passed += unsound.failed > 0;
	sound.failed += unsound.failed == 0;
	return finish(sound);
}

static int
usage(const char *why)
{
	fprintf(stderr, "sim: %s\nusage: sim [--seeds N] [--seed S] [--ops N] [--http] [--relay] [--verbose] [--canary] [--selftest]\n", why);
	return 2;
}

static bool
number(const char *text, uint64_t *ret_n)
{
	char *end;

	if (text == NULL || *text == '\0')
		return false;
	*ret_n = strtoull(text, &end, 10);
	return *end == '\0';
}

int
main(int argc, char **argv)
{
	struct options o = { .seed = 1, .seeds = 0, .check = { .program = argv[0], .ops = SWARM_OPS_AUTO } };
	uint64_t ops;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--verbose") == 0)
			o.check.verbose = true;
		else if (strcmp(argv[i], "--http") == 0)
			o.check.http = true;
		else if (strcmp(argv[i], "--relay") == 0)
			o.check.relay = true;
		else if (strcmp(argv[i], "--canary") == 0)
			o.canary = o.check.lose_a_byte = true;
		else if (strcmp(argv[i], "--selftest") == 0)
			o.selftest = true;
		else if (strcmp(argv[i], "--marks") == 0)
			o.marks = true;
		else if (strcmp(argv[i], "--seeds") == 0 && number(argv[i + 1], &o.seeds) && o.seeds > 0 && o.seeds < 1u << 31)
			i++;
		else if (strcmp(argv[i], "--seed") == 0 && number(argv[i + 1], &o.seed))
			o.seed_given = ++i;
		else if (strcmp(argv[i], "--ops") == 0 && number(argv[i + 1], &ops) && ops < 100000)
			o.check.ops = (uint32_t)ops, i++;
		else
			return usage(argv[i]);
	}
	if (o.seeds == 0)
		o.seeds = o.canary ? 20 : o.selftest ? 100 : o.seed_given ? 1 : 200;
	mark_init();
	if (o.selftest)
		return selftest(&o);
	struct tally t = run_all(&o);
	if (!o.check.relay && !o.canary)
		look_at_marks(&o, &t);
	return finish(t);
}
