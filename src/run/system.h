/* SPDX-License-Identifier: MIT */
/*
 * system.h - the processes of an experiment: started, killed, paused, restarted and stopped, and what became of them.
 *
 * Nothing here waits, but system_start() for the exec: system_tick() moves things on, system_next() tells what happened.
 */
#ifndef RUN_SYSTEM_H
#define RUN_SYSTEM_H

#include "io/process.h"
#include "run/experiment.h"
#include "run/subst.h"
#include <stdatomic.h>

#define SYSTEM_ERROR_MAX 256

enum system_what {
	SYSTEM_STARTED,
	SYSTEM_EXITED,
	SYSTEM_FAILED,                  /* could not be started again */
	SYSTEM_LOST,                    /* the supervisor was killed, and with it everything; `process` means nothing */
};
struct system_event {
	enum system_what what;
	uint32_t process;
	bool expected;                  /* SYSTEM_EXITED: a fault or we made it */
	char text[SYSTEM_ERROR_MAX];    /* "killed by SIGKILL", or why it failed */
};

struct system;
/* Expand commands; nothing is started. values must outlive it not. 0 or -ENOMEM. */
int system_new(const struct experiment *x, const struct subst_values *values, const char *logs_dir, struct process_set *set,
    struct system **ret_system);
/* Does not stop anything: process_set_free() does. NULL is fine. */
void system_free(struct system *s);

int system_fd(const struct system *s);
/* Start a process. 0 or -errno with error (SYSTEM_ERROR_MAX bytes). */
int system_start(struct system *s, uint32_t process, char *error);
/* Send a signal that is to end it. */
void system_kill(struct system *s, uint32_t process, int sig);
void system_pause(struct system *s, uint32_t process, bool pause);
/* Start it as soon as it is down: now, if it is. */
void system_start_again(struct system *s, uint32_t process);
/* Stop it in its orderly way: its signal, and SIGKILL after its grace. */
void system_stop(struct system *s, uint32_t process, fl_ns now);
/* Resume what is paused, start again what a fault ended. */
void system_heal(struct system *s);
/* Handle what ended and what is overdue. returns when to be called again at the latest (FL_NEVER: when system_fd() is readable). */
fl_ns system_tick(struct system *s, fl_ns now);
bool system_next(struct system *s, struct system_event *ret);

const atomic_bool *system_alive(const struct system *s, uint32_t process);
pid_t system_pid(const struct system *s, uint32_t process);             /* 0: not running */
const char *system_command(const struct system *s, uint32_t process);   /* for people */
const char *system_log(const struct system *s, uint32_t process);       /* path */
/* "ran until the end", "killed by SIGKILL twice, started 3 times", ... buf of 160 bytes. Returns buf. */
char *system_fate(const struct system *s, uint32_t process, char *buf, size_t buf_bytes);

#endif
