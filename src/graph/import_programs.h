/* SPDX-License-Identifier: MIT */
/*
 * import_programs.h - the programs that listen on a host, and what each is called. Inside of import_sockets.c and import_hosts*.c only.
 *
 * 1. A program is what has one label (its unit; else what its interpreter runs; else its process) and shares a process or a port. Two of
 *    one label on one host are told apart by the lowest port that each listens on: "python3:8001".
 * 2. A unit in which several programs listen is no service: they are told apart as if there were no unit. A container is one service.
 * 3. Whoever only calls makes no host one of several services: agents, jobs, tools of a shell.
 */
#ifndef GRAPH_IMPORT_PROGRAMS_H
#define GRAPH_IMPORT_PROGRAMS_H

#include "graph/import_hosts.h"

struct host_program {
	struct host_program *next;
	const char *label, *name;       /* name: the label, or "label:port" */
	uint32_t pid;                   /* the lowest that is known; 0 */
	uint16_t port;                  /* the lowest */
	uint32_t alike;                 /* programs of this label on this host */
};

/* All listeners first; then the names may be asked for. */
void import_programs_unit(struct import *im, const struct host_socket *x);
void import_programs_listener(struct import *im, const struct host_socket *x);
void import_programs_finish(struct import *im, struct import_host *h);
/* What to call the program that holds a socket, "" when nobody says. */
const char *import_programs_label(struct import *im, const struct host_socket *x);
/* Programs of every machine, which are no service of the estate. */
bool import_programs_is_housekeeping(const char *process);
/* Programs that people and scripts call others with. */
bool import_programs_is_tool(const char *process);

#endif
