/* SPDX-License-Identifier: MIT */
/* cmd_lint.h - faultline lint. */
#ifndef CMD_CMD_LINT_H
#define CMD_CMD_LINT_H

/* argv[0] is the sub-command's name. returns the exit code. */
int cmd_lint(int argc, char **argv);

#endif
