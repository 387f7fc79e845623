/* SPDX-License-Identifier: MIT */
/* cmd.h - the sub-commands of the program. Each stands in a file of its own. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

/* Exit codes, the same for all commands. */
enum {
	CMD_HELD = 0,           /* fine */
	CMD_FINDING = 1,        /* something is wrong; failed */
	CMD_USAGE = 2,          /* usage or bad input */
	CMD_ABORTED = 3,
	CMD_UNKNOWN = 4,        /* could not judge */
};

struct cmd {
	const char *name;
	const char *summary;    /* one line for `faultline help` */
	const char *help;       /* usage, flags and examples; ends with a newline. NULL: run() prints it for --help */
	/* argv[0] is the name under which the command was called. returns an exit code. */
	int (*run)(int argc, char **argv);
};

extern const struct cmd serve_cmd, line_cmd, toxic_cmd, status_cmd, doctor_cmd, toxiproxy_cli_cmd;

#endif
