/* SPDX-License-Identifier: MIT */
/*
 * daemon.h - the program under test as a script sees it.
 *
 *   faultline NAME [-arg WORD]... -start        faultline serve --port FREE WORD...; sets ${NAME_api}, ${NAME_pid}
 *   faultline NAME [-arg WORD]... -fails REGEX  it ends by itself, not with 0, and says something that matches
 *   faultline NAME -ends N                      wait until it has ended with exit code N
 *   kill NAME -9|-TERM|-INT|-HUP                -9 waits until it is gone
 *   restart NAME                                start again with the same words and port
 *   cli NAME [-as PROGRAM] {words} [-exit N] [-match REGEX] [-nomatch REGEX]   faultline words...; sets ${NAME_out}
 *
 *  (1) Ready means: the API port accepts. Nothing sleeps for a guessed time.
 *  (2) At the end of a script each program gets SIGTERM, must end with 0, and its log must hold no failed assertion and no
 *      report of a sanitizer.
 */
#ifndef E2E_DAEMON_H
#define E2E_DAEMON_H

#include "words.h"

/* The program and the directory for logs. */
void daemon_setup(const char *program, const char *dir);
void daemon_command(const struct command *c);
void daemon_kill(const struct command *c);
void daemon_restart(const struct command *c);
void daemon_cli(struct command *c);
/* host:port of the API of a running program; an unknown one ends the test. */
const char *daemon_api(const char *name);
void daemon_finish_all(void);

#endif
