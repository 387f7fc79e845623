/* SPDX-License-Identifier: MIT */
/*
 * command.h - a command of a shell that somebody wrote down: started in a process group of its own, with a bounded input and a log.
 *
 * Unlike the processes of an experiment (process.h) it may outlive us: a command that brings a service back is let finish.
 */
#ifndef IO_COMMAND_H
#define IO_COMMAND_H

#include "base/types.h"
#include <stdbool.h>
#include <sys/types.h>

struct command {
	pid_t pid;                      /* 0: none runs */
	fl_ns began;                    /* clock_mono() */
};

/*
 * command_start - run text by /bin/sh.
 * input     what it reads, of n bytes; NULL: nothing
 * log       path its output is appended to; NULL: nowhere
 * returns   0 or -errno
 */
int command_start(struct command *c, const char *text, const void *input, size_t n, const char *log);
/* Has it ended? Then *ret_status is as waitpid() gives it, and nothing runs any more. Never blocks. */
bool command_ended(struct command *c, int *ret_status);
/* Wait for its end. 0, or -ETIMEDOUT: it still runs. */
int command_wait(struct command *c, fl_ns deadline, int *ret_status);
/* End it and all of its group with SIGKILL, if it runs. */
void command_kill(struct command *c);

#endif
