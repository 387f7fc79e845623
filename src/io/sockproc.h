/* SPDX-License-Identifier: MIT */
/*
 * sockproc.h - which process holds a socket, what it is called, where it runs. Read from /proc, a bounded number of links at a time.
 *
 * What was found stays known as long as its socket is asked for; a socket that was seen once costs nothing again.
 */
#ifndef IO_SOCKPROC_H
#define IO_SOCKPROC_H

#include "base/types.h"
#include <stdbool.h>

#define SOCKPROC_NAME_MAX 128

struct sockproc_process {
	int pid;
	int master;                     /* the first of its ancestors that run the same program; itself */
	uint64_t netns;                 /* inode of its network namespace */
	char name[32];                  /* of the program */
	char app[64];                   /* what that runs if it is an interpreter, "" */
	char unit[SOCKPROC_NAME_MAX];   /* path of its control group, or "container:NAME"; "" if it is our own */
	char host[SOCKPROC_NAME_MAX];   /* name of its namespace: a container's, one of /run/netns; "" of our own */
	bool nameless;                  /* the host's name is made up from a number */
};

/* A network namespace that has a name, perhaps without a process. */
struct sockproc_netns {
	uint64_t netns;
	char name[SOCKPROC_NAME_MAX];
};

struct sockproc;
int sockproc_new(struct sockproc **ret);        /* 0 or -ENOMEM */
void sockproc_free(struct sockproc *s);         /* NULL is fine */

/* A sweep begins: what was not asked for in the last two is forgotten. */
void sockproc_turn(struct sockproc *s);
/*
 * sockproc_look - look for holders of sockets. wanted: how many inodes are not known; 0: only processes that are new are looked at for
 * their namespaces. At most `links` links are read; what was not reached is looked at first the next time.
 * returns  how many links were read
 */
unsigned sockproc_look(struct sockproc *s, unsigned wanted, unsigned links);
/* NULL: not known (yet). */
const struct sockproc_process *sockproc_of(struct sockproc *s, uint32_t inode);
/* A process by its number, looked at if it is not known; NULL: it is gone. */
const struct sockproc_process *sockproc_by_pid(struct sockproc *s, int pid);
/* Nobody of those who may be looked at holds it: it is not looked for again. */
void sockproc_give_up(struct sockproc *s, uint32_t inode);
bool sockproc_is_settled(struct sockproc *s, uint32_t inode);   /* known, or given up */
/* A process of each network namespace other than ours, by its index; NULL behind the last. */
const struct sockproc_process *sockproc_namespace(struct sockproc *s, unsigned index);
/* Those of `ip netns`, at most n; returns how many. */
unsigned sockproc_named(struct sockproc_netns *ret, unsigned n);
uint64_t sockproc_own_netns(const struct sockproc *s);

#endif
