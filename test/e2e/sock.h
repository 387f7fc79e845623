/* SPDX-License-Identifier: MIT */
/* sock.h - sockets by text address: "127.0.0.1:80", "[::1]:80", "unix:/path". Failures end the test unless said. */
#ifndef E2E_SOCK_H
#define E2E_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOCK_TEXT_MAX 160

/* Bound; listening unless backlog < 0. reuse: SO_REUSEADDR. */
int sock_listen(const char *addr, int backlog);
/* Connected, or -errno. from: local IPv4 or IPv6 address without port, or NULL. */
int sock_connect(const char *addr, const char *from);
/* Started, non-blocking. */
int sock_connect_start(const char *addr, const char *from);
/* The local address as text. Returns buf (SOCK_TEXT_MAX bytes). */
char *sock_name(int fd, char *buf);
/* A listener nobody can get through to: its queue is full, further SYNs are dropped. The queued ones are kept open. */
int sock_listen_full(void);
/* A free TCP port of 127.0.0.1; another process may take it before the caller does. */
unsigned sock_free_port(void);

/* Bytes off..off+n of the endless pattern of a seed. */
void sock_pattern(uint8_t *to, uint64_t off, size_t n, uint64_t seed);

#endif
