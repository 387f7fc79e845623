/* SPDX-License-Identifier: MIT */
/*
 * cmd.h - the sub-commands of the program. Each stands in a file of its own and takes its own name as argv[0].
 *
 * Every command answers --help with its flags and examples, and returns the exit code of the program.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

/* Exit codes, the same for all commands. */
enum {
	CMD_HELD = 0,           /* fine */
	CMD_FINDING = 1,        /* something is wrong; failed */
	CMD_USAGE = 2,          /* usage or bad input */
	CMD_ABORTED = 3,        /* by a guard */
	CMD_UNKNOWN = 4,        /* could not judge */
};

typedef int cmd_fn(int argc, char **argv);

/* argv[0] "toxiproxy-server": its flags, output and exit codes. */
cmd_fn cmd_serve;
cmd_fn cmd_line, cmd_toxic, cmd_policy, cmd_status, cmd_doctor;
cmd_fn cmd_graph;
cmd_fn cmd_run, cmd_replay, cmd_lint, cmd_check, cmd_check_txn, cmd_answer;
cmd_fn cmd_feed, cmd_collect, cmd_match;
cmd_fn cmd_trace;
/* toxiproxy-cli: its command line, output and exit codes. argv[0] is the name it was called by. */
cmd_fn cmd_toxiproxy_cli;

#endif
