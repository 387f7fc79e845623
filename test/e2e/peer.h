/* SPDX-License-Identifier: MIT */
/*
 * peer.h - the servers and clients of a script: threads that go through a block of steps on one connection.
 *
 *   server NAME [-listen ADDR] [-repeat N] {steps} [-start]     sets ${NAME_addr}
 *   server NAME -echo | -closed | -full                          echo to all; refuse all; answer nobody
 *   client NAME -connect ADDR [-from IP] [-repeat N] [-refused] {steps} -start|-run
 *   server|client NAME -wait
 *
 * Steps: see step.h.
 */
#ifndef E2E_PEER_H
#define E2E_PEER_H

#include "words.h"
#include <pthread.h>

struct peer {
	char name[32];
	bool server, started, refused;
	const char *steps;      /* the block; NULL: none */
	int steps_line;
	const char *connect, *from;
	long long repeat;
	int listener, fd;       /* -1: none */
	pthread_t thread;
};

/* The commands `server` and `client`. */
void peer_command(struct command *c);
/* Wait for every peer that was started and not waited for. */
void peer_wait_all(void);

#endif
