/* SPDX-License-Identifier: MIT */
/*
 * assert.c - checks that stay on in release.
 *
 * Invariants
 *  (1) The context is taken off before it is called: an assert that fails inside it cannot come back here for ever.
 */
#include "base/assert.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local struct {
	assert_context_fn *print;
	const void *subject;
} context;

void
assert_context(assert_context_fn *print, const void *subject)
{
	context.print = print;
	context.subject = subject;
}

_Noreturn void
assert_fail(const char *cond, const char *file, int line, const char *func)
{
	assert_context_fn *print = context.print;

	context.print = NULL;                                             /* (1) */
	fprintf(stderr, "bug: %s:%d: %s: %s does not hold\n", file, line, func, cond);
	if (print != NULL)
		print(context.subject);
	fflush(stderr);
	abort();
}
