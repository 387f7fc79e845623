/* SPDX-License-Identifier: MIT */
/*
 * procname.h - what to call a process: what its interpreter runs, and the container that it is in. Read-only, bounded reads of /proc and
 * of the files in which container engines keep names.
 */
#ifndef IO_PROCNAME_H
#define IO_PROCNAME_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The program that an interpreter runs ("orders" of "python3 /srv/orders/app.py", "kafka" of a JVM): args as in /proc/PID/cmdline, n
 * bytes, words end with 0. cwd may be "". Of docker-proxy the address that it leads to. false, out "": comm is no interpreter, or it is not said.
 */
bool procname_app(const char *comm, const char *args, size_t n, const char *cwd, char *out, size_t out_bytes);
/* The container of a path of a control group: its number, or the name itself of machines of systemd-nspawn and LXC. false: none. */
bool procname_container(const char *cgroup, char *id, size_t id_bytes);
/*
 * What people call the container. Docker: the service of compose or swarm, else its name; Podman: its name; Kubernetes: what the pod
 * belongs to; else its host name, else the beginning of its number.
 */
void procname_container_name(int pid, const char *cgroup, const char *id, char *out, size_t out_bytes);
/* "web" of "web-7d4b9cf6d-x2x4z" (Deployment), "web-x2x4z" (DaemonSet), "web-0" (StatefulSet). In place. */
void procname_workload(char *pod);

/* Up to n - 1 bytes of a small file, without newlines at its end; returns how many. */
size_t procname_read(const char *path, char *out, size_t n);

#endif
