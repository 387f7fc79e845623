/* SPDX-License-Identifier: MIT */
/*
 * cmd.h - the sub-commands of the program. argv[0] is the command's own name, the rest its arguments.
 * Each returns the exit code of the program: 0 held, 1 a finding, 2 usage or bad input, 3 aborted by a guard, 4 could not judge.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

typedef int cmd_fn(int argc, char **argv);

int cmd_line(int argc, char **argv);
int cmd_toxic(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
/* toxiproxy-cli: its command line, output and exit codes. argv[0] is the name it was called by. */
int cmd_toxiproxy_cli(int argc, char **argv);

#endif
