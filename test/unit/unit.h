/* SPDX-License-Identifier: MIT */
/*
 * unit.h - what every unit test needs: cmocka, repeatable dice, and a check that something aborts.
 */
#ifndef TEST_UNIT_H
#define TEST_UNIT_H

#include "base/rng.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Repeatable: the same seed rolls the same numbers on every machine. */
struct dice {
	uint64_t seed, rolled;
};

static inline uint64_t
dice_bits(struct dice *d)
{
	return rng_draw(d->seed, d->rolled++, 0);
}

/* In [0, n). */
static inline uint32_t
dice_roll(struct dice *d, uint32_t n)
{
	return (uint32_t)rng_below(dice_bits(d), n);
}

/* Runs body(subject) in a child; true when it died of an assert (SIGABRT), with its complaint kept off the terminal. */
static inline bool
unit_aborts(void (*body)(void *), void *subject)
{
	fflush(NULL);
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		signal(SIGABRT, SIG_DFL);       /* cmocka's handler would longjmp out */
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(2);
		body(subject);
		_exit(0);
	}
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#endif
