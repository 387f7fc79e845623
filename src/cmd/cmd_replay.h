/* SPDX-License-Identifier: MIT */
/* cmd_replay.h - faultline replay. */
#ifndef CMD_CMD_REPLAY_H
#define CMD_CMD_REPLAY_H

/* argv[0] is the sub-command's name. returns the exit code. */
int cmd_replay(int argc, char **argv);

#endif
