/* SPDX-License-Identifier: MIT */
/* cmd_run.h - faultline run. */
#ifndef CMD_CMD_RUN_H
#define CMD_CMD_RUN_H

/* argv[0] is the sub-command's name. returns the exit code. */
int cmd_run(int argc, char **argv);

#endif
