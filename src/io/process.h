/* SPDX-License-Identifier: MIT */
/*
 * process.h - start, signal and watch processes that must not outlive us.
 *
 * They are children of a supervisor (keeper.h) that kills them all, with everything they started, when this process ends in
 * whatever way. Each runs in a process group of its own, with /dev/null as input and its output in a log file.
 *
 * One thread uses a struct process_set.
 */
#ifndef IO_PROCESS_H
#define IO_PROCESS_H

#include "base/types.h"
#include <stdbool.h>
#include <sys/types.h>

struct process_set;

/* Start the supervisor. Call it before any thread is started: it is forked from here. 0 or -errno. */
int process_set_new(struct process_set **ret_set);
/* SIGKILL for everything that still runs, and wait until it is gone (a few seconds at most). NULL is fine. */
void process_set_free(struct process_set *s);

#define PROCESS_ERROR_MAX 128
struct process_start {
	uint32_t id;                    /* the caller's number for it; one at a time runs under an id */
	const char *const *argv;        /* NULL-terminated, found in PATH */
	const char *const *env;         /* NULL-terminated "NAME=value" added to ours; may be NULL */
	const char *cwd;                /* NULL: ours */
	const char *log;                /* path; standard output and error are appended */
};
/*
 * process_start - start a program and wait until it has been executed (not until it is ready).
 * returns    0 or -errno (-EPIPE: the supervisor is gone); then error, of PROCESS_ERROR_MAX bytes, says what failed
 */
int process_start(struct process_set *s, const struct process_start *start, pid_t *ret_pid, char *error);
/* Signal the process group of id. Nothing happens when it has ended. 0 or -EPIPE. */
int process_signal(struct process_set *s, uint32_t id, int sig);

struct process_exit {
	uint32_t id;
	pid_t pid;
	int status;                     /* as waitpid() gives it */
};
/* Readable when process_exited() has something to say. */
int process_set_fd(const struct process_set *s);
/* 1: a process ended, in *ret; 0: none did; -EPIPE: the supervisor is gone, and with it all processes. Never blocks. */
int process_exited(struct process_set *s, struct process_exit *ret);

/* "exited with 1", "killed by SIGKILL". buf of 64 bytes at least; returns buf. */
char *process_status_text(int status, char *buf, size_t buf_bytes);
/* Signal number of "KILL", "SIGTERM", "15"; -EINVAL when there is no such. */
int process_signal_number(const char *name);
const char *process_signal_name(int sig);       /* "SIGKILL"; "signal" when unknown */
/* Bytes of memory the process itself has resident; 0 when it is gone. */
int64_t process_memory_bytes(pid_t pid);

#endif
