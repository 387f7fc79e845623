/* SPDX-License-Identifier: MIT */
/*
 * fail.h - how a script ends: one process per script, so any thread may end it at once.
 *
 *  (1) fail_test() and fail_skip() never return; what the script has started is ended by the parent, see e2e.c.
 *  (2) The process of a script never frees memory that lives as long as the script.
 */
#ifndef E2E_FAIL_H
#define E2E_FAIL_H

#define FAIL_EXIT_SKIPPED 77

/* Where the calling thread is, for messages: "c1" and a line of the script. */
void fail_at(const char *who, int line);
void fail_script(const char *path);
/* One line of the script's log. */
__attribute__((format(printf, 1, 2))) void fail_log(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) _Noreturn void fail_test(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) _Noreturn void fail_skip(const char *fmt, ...);

#endif
