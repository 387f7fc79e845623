/* SPDX-License-Identifier: MIT */
/*
 * assert.h - checks that stay on in release.
 *
 * A failed fl_assert is a bug of ours: it prints the condition, the place and, when the thread has set
 * a context, the state that the context prints, then aborts. Expected events (resets, limits, bad
 * input) are values, never asserts.
 */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

/* fl_assert(!"why this is never reached") is how we say it; clang takes the string for a slip. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wstring-conversion"
#endif

#define fl_assert(cond) \
	((cond) ? (void)0 : assert_fail(#cond, __FILE__, __LINE__, __func__))

/* Prints what this thread was working on, to stderr. Called at most once, just before abort(). */
typedef void assert_context_fn(const void *subject);

/*
 * assert_context - say what this thread works on from now (NULL, NULL: nothing).
 * threads, cost    per thread; two stores
 */
void assert_context(assert_context_fn *print, const void *subject);

_Noreturn void assert_fail(const char *cond, const char *file, int line, const char *func);

#endif
