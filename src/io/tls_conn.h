/* SPDX-License-Identifier: MIT */
/*
 * tls_conn.h - one TLS connection over a non-blocking socket, for io_epoll.c alone. It knows nothing of events.
 *
 * Bytes travel between OpenSSL and the socket through a BIO of our own:
 *  - What OpenSSL writes always fits: records gather in a scratch that all connections of a thread share, go out in one system
 *    call when the operation ends, and what the system does not take is held by the connection. So OpenSSL never waits to
 *    write, and a read never depends on a write.
 *  - What is read obeys the short-read rule of io_epoll.c: a read that brings less than was asked has drained the socket, so
 *    no second system call asks for what is not there.
 *
 * Invariants
 *  (1) Between operations the scratch is empty.
 *  (2) A connection holds at most TLS_HELD_MAX bytes; more is an error of the connection.
 *  (3) Nothing is left in the thread's queue of OpenSSL's errors.
 */
#ifndef IO_TLS_CONN_H
#define IO_TLS_CONN_H

#include "base/list.h"
#include "io/tls.h"
#include <openssl/bio.h>
#include <openssl/ssl.h>

#define TLS_BATCH_MAX (64 * 1024)       /* plaintext that goes out in one system call */
#define TLS_SCRATCH_BYTES (TLS_BATCH_MAX + 32 * 1024)
#define TLS_HELD_MAX (512 * 1024)
#define TLS_ERROR_MAX 160

/* Shared by the connections of a thread. */
struct tls_wire {
	BIO_METHOD *method;
	size_t out_n;
	uint8_t out[TLS_SCRATCH_BYTES];
};

struct tls_conn {
	SSL *ssl;
	struct tls_ctx *ctx;            /* a reference */
	struct tls_wire *wire;
	uint8_t *held;                  /* what the system has not taken yet: held_n bytes from held_at; NULL: nothing */
	uint32_t held_at, held_n, held_room;
	uint8_t *first;                 /* bytes read before: first_n from first_at; NULL: none (any more) */
	uint32_t first_at, first_n;
	uint32_t batch;                 /* plaintext to gather before a system call: adapts to what the socket takes */
	uint32_t burst;                 /* bytes written since the connection was idle */
	fl_ns wrote_at;
	const uint8_t *send_p;          /* the io_send() in flight */
	uint32_t send_n;
	int fd;
	int io_err;                     /* -errno of the socket; 0: none */
	int read_end;                   /* what ends the stream, to be told when all before it was: 1 the end, -errno; 0: open */
	fl_ns linger_until;
	struct io_sock *linger_sock;
	struct list linger;
	/* How the caller sees the socket, set before an operation; drained is ours to set. */
	bool drained;                   /* the socket has nothing to read now */
	bool hung_up;                   /* a short read does not tell that it is drained */
	bool more;                      /* OpenSSL may have plaintext without the socket becoming readable */
	bool open;                      /* the handshake is over */
	bool failed;                    /* a fatal error of TLS: nothing can be written any more */
	bool eof;                       /* the socket's stream ended */
	bool truncated;                 /* without close_notify */
	bool shut;                      /* close_notify was sent */
	bool fin_wanted;                /* FIN when nothing is held any more */
	bool lingering;                 /* io_close() was called; it goes when nothing is held any more */
	bool big_reads;
	char error[TLS_ERROR_MAX];
};

int tls_wire_new(struct tls_wire **ret_wire);           /* 0 or -ENOMEM */
void tls_wire_free(struct tls_wire *w);                 /* NULL is fine; after all connections */

struct tls_conn_opts {
	struct tls_wire *wire;
	struct tls_ctx *ctx;            /* a reference is taken */
	int fd;                         /* stays the caller's */
	const char *server_name;        /* of a client: see io_connect_tls() */
	uint64_t place;                 /* of a client: see tls_ctx_ssl() */
	const void *already;            /* bytes read from fd before */
	size_t already_n;
};
int tls_conn_new(const struct tls_conn_opts *o, struct tls_conn **ret_conn);    /* 0 or -ENOMEM */
void tls_conn_free(struct tls_conn *c);                 /* NULL is fine */

/* A step of the handshake. returns 1 over, 0 wait until the socket is readable, -errno it failed. */
int tls_conn_shake(struct tls_conn *c);
/* Plaintext there is now. returns bytes, 0 the end of the stream, -EAGAIN nothing now, -errno. */
int64_t tls_conn_read(struct tls_conn *c, uint8_t *p, size_t max);
/* Encrypt and send. Nothing may be held. returns how much of it was taken (held or sent), 0..n; -errno. */
int64_t tls_conn_write(struct tls_conn *c, const uint8_t *p, size_t n, fl_ns now);
/* Send what is held, and the FIN that waits for that. returns 0 nothing is held any more, 1 some is, -errno. */
int tls_conn_flush(struct tls_conn *c);
/* close_notify, and FIN when nothing is held. */
void tls_conn_shut(struct tls_conn *c, bool fin);
/*
 * Before a close without a reset: drop some bytes that were not read. They may be tickets, which a server sends unasked and a
 * client that only writes does not read; unread bytes would turn the close into a reset, which destroys what is on its way.
 */
void tls_conn_drain(struct tls_conn *c);
void tls_conn_info(const struct tls_conn *c, struct tls_info *ret_info);

#endif
