/* SPDX-License-Identifier: MIT */
/*
 * import_sockets.h - who talks to whom by sockets: dumps of ss, /proc/net/tcp and conntrack, of one host or of many, and what the
 * collector of `graph watch` sees live.
 *
 * 1. The end whose port is listened on is the server; conntrack's first tuple is the client's whatever the ports, and its reply tuple
 *    says who it really reached. Where nobody says, the registered port is the server's.
 * 2. A connection that both hosts saw is one line, counted once.
 * 3. An address that no dump, file of hosts or manifest names stays an address: its name may be learned later.
 */
#ifndef GRAPH_IMPORT_SOCKETS_H
#define GRAPH_IMPORT_SOCKETS_H

#include "graph/import_say.h"

/* An end of a connection: 16 bytes, IPv4 as ::ffff:a.b.c.d. */
struct import_addr {
	uint8_t ip[16];
	uint16_t port;
};

/* One socket, as a host's kernel has it. */
struct import_socket {
	struct import_addr local, peer;
	bool listening;
	bool failed;                    /* SYN_SENT: nobody answered */
	bool opened, accepted;          /* it is known that this end opened the connection, SYN_SENT, or took it, SYN_RECV */
	uint32_t count;                 /* of connections of these two ends that differ in the client's port only; 0: this one */
	const char *process;            /* "" not known */
	const char *app;                /* what an interpreter runs; "" or NULL: not known, or it is none */
	uint32_t pid;                   /* of several that share it the lowest; 0 not known */
	const char *unit;               /* unit or container, "" */
};

/* A connection as a tracker has it: from and to by the first packet; reached is who answered, returned whom the answers go to. */
struct import_track {
	struct import_addr from, to, reached, returned;
	bool udp, answered;
	bool hint;                      /* it says who is behind a NAT, and is no line: it is over, and its client's own sockets tell it */
	int64_t when;                   /* 0: not known */
};

/*
 * A host (or a network namespace) whose sockets follow. name: "" not known; perhaps: its name if several dumps differ in it.
 * The same name again is the same host.
 */
struct import_host;
struct import_host *import_sockets_host(struct import *im, const char *source, const char *name, const char *perhaps);
/* The host's name is nobody's word for a service: its programs are told apart, however few they are. */
void import_sockets_apart(struct import_host *h);
/* Are they told apart? Known behind import_finish(). */
bool import_sockets_is_apart(const struct import_host *h);
/* An address that the host has, also when no socket shows it. */
void import_sockets_own(struct import *im, struct import_host *h, const struct import_addr *a);
/* The host of a dump, by the name of im->file. */
struct import_host *import_sockets_file_host(struct import *im, const char *source);
/* Returns what is kept of it, so that its count may grow; NULL: no memory. */
struct import_socket *import_sockets_seen(struct import *im, struct import_host *h, const struct import_socket *s, struct import_at at);
void import_sockets_tracked(struct import *im, struct import_host *h, const struct import_track *t, struct import_at at);
int import_sockets_finish(struct import *im);
void import_sockets_fini(struct import *im);

/* import_ss.c, import_lsof.c, import_conntrack.c */
void import_ss_add(struct import *im);
void import_lsof_add(struct import *im);
void import_proc_net_add(struct import *im);
void import_conntrack_add(struct import *im);

/* import_addr.c: "10.0.0.5", "[::1]", "::ffff:10.0.0.5", "*", perhaps with %interface; n bytes. The port is untouched. */
bool import_addr_parse(const char *s, size_t n, struct import_addr *ret);
/* "10.0.0.5:80", "[::1]:80", ":::80", "*:80", "127.0.0.1%lo:53", also with the name of a port. */
bool import_addr_end(const char *s, size_t n, struct import_addr *ret);
/* "10.0.0.5:80" or "[2001:db8::1]:80"; port 0 is left out. out of 64 bytes; returns out. */
char *import_addr_text(const struct import_addr *a, char *out);
bool import_addr_is_loopback(const struct import_addr *a);
bool import_addr_is_any(const struct import_addr *a);
bool import_addr_is_private(const struct import_addr *a);

#endif
