/* SPDX-License-Identifier: MIT */
/*
 * import_hosts.h - the hosts that sockets were seen on: their addresses, listeners, processes, and so the name of each end of a
 * connection. Inside of import_sockets.c and import_hosts*.c only.
 *
 * How an end is called: by an explicit name of its address (a file of hosts, a manifest); else, on a host on which several programs listen,
 * by its program; else by its host; else by its address. "program@host" when several hosts run the same.
 */
#ifndef GRAPH_IMPORT_HOSTS_H
#define GRAPH_IMPORT_HOSTS_H

#include "graph/import_sockets.h"

#define HOST_LABELS_MAX 256

struct import_host {
	struct import_host *next;
	const char *source, *name, *perhaps;
	uint32_t number, listeners;
	struct host_program *programs;  /* that listen, import_programs.h */
	uint32_t program_count;
	bool apart;                     /* its programs are told apart in any case */
	bool wide;                      /* its clients use low ports, too */
	/* Found by import_hosts_learn(): */
	const char *use_name;           /* "" */
	const char *labels[HOST_LABELS_MAX];    /* of its services: unit or process */
	uint32_t label_count;
	struct import_addr first;       /* its first address, for want of a name */
	int64_t when;                   /* of its dump */
	struct import_at at;
};

struct host_socket {
	struct host_socket *next;
	struct import_host *host;
	struct import_socket s;
	int64_t when;
	struct import_at at;
};

struct host_own {
	struct host_own *next;
	struct import_host *host;
	struct import_addr a;
};

struct host_track {
	struct host_track *next;
	struct import_host *host;
	struct import_track t;
	int64_t when;
	struct import_at at;
};

struct host_member;

struct import_sockets {
	struct import_host *hosts;
	uint32_t host_count;
	struct host_socket *sockets, **sockets_end;
	struct host_track *tracks, **tracks_end;
	struct host_own *own;           /* addresses */
	struct map by_ip;               /* 16 bytes to host; to `several` when more than one has it */
	struct map listeners;           /* number, address, port to socket */
	struct map by_local, by_peer;   /* number, address, port; address, port to host_socket */
	struct map reached, returned;   /* client and server as this end has them to host_track */
	/* Client's address and server before NAT; client's address behind it and server: to host_track, to several_tracks. */
	struct map vips, masks;
	struct map conns;
	struct map labels;              /* label to host, to `several` */
	struct map told;                /* instances */
	struct map forwards;            /* number, address of a container: Docker's forwarder of that host leads there */
	struct map units;               /* number and unit to the host_socket that listens first, to shared_unit */
	struct map callers_of;          /* number, address and port of a server to a host_socket whose process is known */
	struct map fans;                /* number, address, port of the near end, or of the far end: how many connections have it */
	bool fans_counted;
	struct import_host several;
	struct host_socket shared_unit;
	struct host_track several_tracks;
	struct host_member *members;    /* of clusters, import_cluster.c */
	struct host_caller *callers;
};

/* One end of a connection, named. */
struct host_end {
	const char *name;               /* NULL: leave the connection out */
	enum sight_kind kind;
	struct import_host *host;       /* NULL: of nobody's dump */
	const char *process;            /* "" */
};

struct import_sockets *import_hosts_state(struct import *im);
void import_hosts_learn(struct import *im);
void import_hosts_fini(struct import_sockets *all);
/* Whose address is it, seen from h? NULL: not known. */
struct import_host *import_hosts_of(const struct import_sockets *all, const struct import_host *h, const struct import_addr *a);
const struct host_socket *import_hosts_listener(const struct import_sockets *all, const struct import_host *h, const struct import_addr *a);
const struct host_socket *import_hosts_by_peer(const struct import_sockets *all, const struct import_addr *a);
/*
 * client side: the server that was really reached; else the client that it really was. The address itself when no tracker says; NULL: it is
 * behind a NAT that trackers saw, but not this connection, nor is it always the same one who is behind it.
 */
const struct import_addr *import_hosts_tracked(const struct import_sockets *all, const struct import_addr *client, const struct import_addr *server,
    bool client_side);
/*
 * far: the other end, which tells whose a connection without a process may have been. own: the socket that is this end, NULL: that is looked
 * for.
 */
void import_hosts_end(struct import *im, struct import_host *h, const struct import_addr *a, const struct import_addr *far,
    const struct host_socket *own, bool server, struct host_end *ret);
/* May a connection of that host to a be its forwarder's? */
bool import_hosts_forwards(const struct import_sockets *all, const struct import_host *h, const struct import_addr *a);
/* How many connections are seen with that end; h NULL: as their far end, of anybody. */
uint32_t import_hosts_fan(struct import *im, const struct import_host *h, const struct import_addr *a);
/* What a tracker says of a connection as h has it: 1: local opened it, -1: peer did, 0: nothing. */
int import_hosts_opener(const struct import_sockets *all, const struct import_addr *local, const struct import_addr *peer);
/* import_cluster.c: a connection between two ends was told; and in the end the instances, what was looked at, and the clusters. */
void import_hosts_met(struct import *im, const struct host_end *from, const struct host_end *to, const struct import_addr *server);
void import_hosts_tell(struct import *im);
/* Do two members of a cluster talk to each other there? */
bool import_hosts_gossip(const struct host_end *from, const struct host_end *to, const struct import_addr *server);

#endif
