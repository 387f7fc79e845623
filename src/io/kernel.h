/* SPDX-License-Identifier: MIT */
/*
 * kernel.h - what this kernel and these rights allow: questions that change nothing and leave nothing behind.
 *
 * Control side only. Each that returns int: 0 it works, or the -errno with which it does not.
 */
#ifndef IO_KERNEL_H
#define IO_KERNEL_H

#include "base/types.h"
#include <stdbool.h>

#define KERNEL_TEXT_MAX 256

/* Soft and hard limit of open descriptors. */
int kernel_descriptors(uint64_t *ret_soft, uint64_t *ret_hard);
/* Is the address space of a process unlimited? Else its limit in *ret_bytes. */
bool kernel_memory_unlimited(uint64_t *ret_bytes);

int kernel_epoll_pwait2(void);
int kernel_pidfd(void);
int kernel_subreaper(void);
int kernel_pdeathsig(void);
int kernel_io_uring(void);
int kernel_namespaces(void);    /* are user namespaces allowed to this user? */

/*
 * kernel_timer - sleep `count` times for `wait` and see how much too late each ends, as the workers wait (epoll_pwait2, else
 * epoll_wait; timer slack 1 ns).
 * ret_late  count values, sorted
 * returns   0 or -errno
 */
int kernel_timer(fl_ns wait, unsigned count, fl_ns *ret_late);

/* Can a socket listen there ("127.0.0.2:0", "[::1]:0", "unix:@name")? It is closed at once. */
int kernel_listen(const char *address);
/* The addresses of a name; *ret_took: how long the look-up was. */
int kernel_resolve(const char *host, fl_ns *ret_took, char ret_first[KERNEL_TEXT_MAX]);

/* The path of a program that PATH finds. 0 or -ENOENT. */
int kernel_program(const char *name, char ret_path[KERNEL_TEXT_MAX]);
/* May files be made in this directory? */
int kernel_writable(const char *directory);

/* The first line, or the numbers in it, of a file such as those in /proc/sys. 0 or -errno. */
int kernel_text(const char *path, char ret_text[KERNEL_TEXT_MAX]);
int kernel_numbers(const char *path, unsigned count, int64_t *ret_numbers);

void kernel_name(char ret_text[KERNEL_TEXT_MAX]);       /* "Linux 6.1.0 x86_64" */
unsigned kernel_user(void);                             /* the effective user id */

#endif
