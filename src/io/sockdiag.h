/* SPDX-License-Identifier: MIT */
/*
 * sockdiag.h - the kernel's TCP sockets and its tracked connections, read by netlink. Read-only; nothing is changed on the host.
 *
 * A socket of netlink stays in the network namespace that it was opened in, so one open socket per namespace is all that later sweeps
 * need. Any user may read sockets; other namespaces want CAP_SYS_ADMIN, tracked connections CAP_NET_ADMIN.
 */
#ifndef IO_SOCKDIAG_H
#define IO_SOCKDIAG_H

#include "base/types.h"
#include <stdbool.h>

/* Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d; ports in host order. */
struct sockdiag_end {
	uint8_t ip[16];
	uint16_t port;
};

struct sockdiag_socket {
	struct sockdiag_end local, peer;
	uint32_t inode, uid;            /* inode 0: it belongs to no process any more (TIME-WAIT) */
	uint8_t state;                  /* TCP_ESTABLISHED ... of netinet/tcp.h */
};
/* Anything but 0 ends the sweep. */
typedef int sockdiag_fn(void *arg, const struct sockdiag_socket *s);

/*
 * What is asked in one network namespace. -1: it may not be asked there, or there is none: trackers (tracked, born) want CAP_NET_ADMIN and
 * a kernel that has one; closed wants CAP_NET_ADMIN.
 */
struct sockdiag_space {
	int sockets;
	int route;                      /* its addresses */
	int closed;                     /* hears of TCP sockets that end */
	int tracked, born;              /* connections; hears of new ones */
	int track_error;                /* why they are -1 */
};
/*
 * Ask in our own namespace (path NULL), or in the one at path: /proc/PID/ns/net, a name of `ip netns`.
 * track: also ask for tracked connections. returns 0, or -errno: nothing can be asked there
 */
int sockdiag_open(const char *path, bool track, struct sockdiag_space *ret);
void sockdiag_close(struct sockdiag_space *s);
/* Every TCP socket of the namespace, IPv4 and IPv6; over: those in TIME-WAIT, too. 0, -errno, or what fn returned. */
int sockdiag_sweep(int fd, bool over, sockdiag_fn *fn, void *arg);
/* What ended since the last time, however short it lived; does not wait. *ret_lost: how often the kernel had to drop some. */
int sockdiag_closed(int fd, sockdiag_fn *fn, void *arg, uint64_t *ret_lost);
/* Addresses of the namespace, at most n. Returns how many. */
unsigned sockdiag_addresses(int fd, struct sockdiag_end *ret, unsigned n);

struct sockdiag_track {
	struct sockdiag_end from, to, reached, returned;        /* original tuple, reply tuple */
	uint8_t protocol;               /* IPPROTO_TCP, IPPROTO_UDP */
	bool answered;
	bool over;                      /* closed, and kept for a while */
};
typedef int sockdiag_track_fn(void *arg, const struct sockdiag_track *t);

/* All that are tracked now. 0, -errno, or what fn returned. */
int sockdiag_track_sweep(int fd, sockdiag_track_fn *fn, void *arg);
/* What was heard since the last time; does not wait. *ret_lost: how often the kernel had to drop some. */
int sockdiag_track_events(int fd, sockdiag_track_fn *fn, void *arg, uint64_t *ret_lost);

#endif
