/* SPDX-License-Identifier: MIT */
/*
 * probe.h - what this kernel and these rights allow: questions that change nothing and leave nothing behind.
 *
 * Control side only. Each that returns int: 0 it works, or the -errno with which it does not.
 */
#ifndef IO_PROBE_H
#define IO_PROBE_H

#include "base/types.h"
#include <stdbool.h>

#define PROBE_TEXT_MAX 256

/* Soft and hard limit of open descriptors. */
int probe_descriptors(uint64_t *ret_soft, uint64_t *ret_hard);
/* Is the address space of a process unlimited? Else its limit in *ret_bytes. */
bool probe_memory_unlimited(uint64_t *ret_bytes);

int probe_epoll_pwait2(void);
int probe_pidfd(void);
int probe_subreaper(void);
int probe_pdeathsig(void);
int probe_io_uring(void);
int probe_namespaces(void);     /* are user namespaces allowed to this user? */

/*
 * probe_timer - sleep `count` times for `wait` and see how much too late each ends, as the workers wait (epoll_pwait2, else
 * epoll_wait; timer slack 1 ns).
 * ret_late  count values, sorted
 * returns   0 or -errno
 */
int probe_timer(fl_ns wait, unsigned count, fl_ns *ret_late);

/* Can a socket listen there ("127.0.0.2:0", "[::1]:0", "unix:@name")? It is closed at once. */
int probe_listen(const char *address);
/* The addresses of a name; *ret_took: how long the look-up was. */
int probe_resolve(const char *host, fl_ns *ret_took, char ret_first[PROBE_TEXT_MAX]);

/* The path of a program that PATH finds. 0 or -ENOENT. */
int probe_program(const char *name, char ret_path[PROBE_TEXT_MAX]);
/* May files be made in this directory? */
int probe_writable(const char *directory);

/* The first line, or the numbers in it, of a file such as those in /proc/sys. 0 or -errno. */
int probe_text(const char *path, char ret_text[PROBE_TEXT_MAX]);
int probe_numbers(const char *path, unsigned count, int64_t *ret_numbers);

void probe_kernel(char ret_text[PROBE_TEXT_MAX]);       /* "Linux 6.1.0 x86_64" */
unsigned probe_user(void);                              /* the effective user id */

#endif
