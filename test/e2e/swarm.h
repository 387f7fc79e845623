/* SPDX-License-Identifier: MIT */
/*
 * swarm.h - many connections at once.
 *
 *   swarm NAME -connect ADDR -count N    open N connections and get one byte echoed on each; they stay open
 *   swarm NAME -check                    one more byte there and back on each
 *   swarm NAME -ended                    wait until each has ended, in order or by a reset
 *   swarm NAME -close
 */
#ifndef E2E_SWARM_H
#define E2E_SWARM_H

#include "words.h"

void swarm_command(const struct command *c);
/* Start a thread that echoes to everybody who connects. */
void swarm_echo(int listener);

#endif
