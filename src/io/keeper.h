/* SPDX-License-Identifier: MIT */
/*
 * keeper.h - the supervisor: a small process that starts a run's processes and outlives the runner by a moment.
 *
 * The runner asks over a SOCK_SEQPACKET socket; when that closes (the runner ended, crashed or was killed with SIGKILL) the
 * keeper kills everything it started, however deep the descent, and exits. process.h is the runner's side.
 *
 * Messages, each one packet that begins with struct keeper_message:
 *      SPAWN   id, argc, envc; then NUL-terminated: argv..., env..., cwd ("" = ours), log path
 *      SIGNAL  id, value = signal, to the process group of id
 *      SPAWNED id, pid, or value = -errno with the text of what failed behind it
 *      EXITED  id, pid, value = wait status
 */
#ifndef IO_KEEPER_H
#define IO_KEEPER_H

#include "base/types.h"
#include <sys/types.h>

#define KEEPER_PACKET_MAX 65536
#define KEEPER_ARGS_MAX 1024

enum keeper_what { KEEPER_SPAWN = 1, KEEPER_SIGNAL, KEEPER_SPAWNED, KEEPER_EXITED };

struct keeper_message {
	uint32_t what;
	uint32_t id;
	int32_t value;
	int32_t pid;
	uint32_t argc, envc;
};

/* Be the keeper: serve `sock` until it closes, then kill what is left and exit. In a freshly forked, single-threaded process. */
_Noreturn void keeper_main(int sock);

#endif
