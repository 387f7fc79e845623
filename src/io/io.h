/* SPDX-License-Identifier: MIT */
/*
 * io.h - sockets and the clock of one thread, shaped by completions.
 *
 * Two backends implement this header, one of which is linked in: io_epoll.c (edge-triggered epoll) and test/sim's
 * virtual network. A caller starts operations and takes what happened from io_next(), one event at a time; nothing is
 * ever called back, so nothing re-enters.
 *
 * Rules that hold for every backend
 *  (1) An event belongs to a socket; sock->ud is what the caller gave. After IO_CLOSED of a socket neither the socket nor
 *      its ud is seen again.
 *  (2) IO_RECV lends its data until the next io_next() or io_wait().
 *  (3) At most one io_send() is in flight per socket; the bytes are lent to io until its IO_SENT, or IO_CLOSED.
 *      io_push() takes what the system takes now, inline, and keeps nothing; not while a send is in flight.
 *  (4) io_recv_stop() is asynchronous: at most one more IO_RECV may follow it.
 *  (5) IO_RECV with res < 0 (-errno) is the last IO_RECV of a socket; after res 0 (end of stream) only one with res < 0 may
 *      follow. A broken connection (-ECONNRESET, say) is reported even while receiving is stopped, once, if it is noticed then.
 *  (6) io_close() is followed by exactly one IO_CLOSED and by no other event of that socket.
 *
 * One thread uses a struct io; io_wake() alone may be called from any thread.
 */
#ifndef IO_IO_H
#define IO_IO_H

#include "base/types.h"
#include "io/addr.h"
#include <stdbool.h>

/* The most an IO_RECV brings, and the size of the scratch it brings it in. */
#define IO_SCRATCH_BYTES (512 * 1024)

struct io;
struct io_sock;

enum io_kind {
	IO_ACCEPT,      /* listener: res = connection token (>= 0), to be attached or discarded; or -errno */
	IO_CONNECT,     /* res = 0 or -errno; on a TLS socket: the handshake is over */
	IO_RECV,        /* res = bytes at data, 0 end of stream, or -errno */
	IO_SENT,        /* res = 0: all of the io_send was taken by the system; or -errno */
	IO_CLOSED,
};

struct io_event {
	enum io_kind kind;
	int res;
	void *ud;
	struct io_sock *sock;
	uint8_t *data;
};

struct io_opts {
	uint32_t socks_max;     /* listeners and connections together */
	fl_ns spin_ns_max;      /* wake this early at most for a deadline and poll, for exact timers; 0 = never spin */
	uint32_t tls_handshakes_max;    /* in progress at once, as server; 0 = as many as there are sockets */
};

int io_new(const struct io_opts *opts, struct io **ret_io);     /* 0 or -errno */
void io_free(struct io *io);                                    /* NULL is fine; open sockets are closed */

/* The time as of the last io_wait() or io_clock(). */
fl_ns io_now(const struct io *io);
/* Read the clock afresh (about 25 ns). */
fl_ns io_clock(struct io *io);

/*
 * io_wait - block until there is something to report, io_wake() was called, or the deadline passed.
 * Returns at once when events are waiting already. deadline: a point in time, FL_NEVER to wait for ever.
 */
void io_wait(struct io *io, fl_ns deadline);
/* The next event, or false when there is none now. Bounded work per call. */
bool io_next(struct io *io, struct io_event *ret_ev);
/* Make io_wait() return, now or at its next call. Any thread. */
void io_wake(struct io *io);

/*
 * io_bind - open a listening socket, unattached.
 * ret_token  to be given to io_listen() of any struct io, or to io_discard()
 * ret_bound  the address really bound (port 0 filled in); may be NULL
 * returns    0 or -errno (-EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EMFILE, ...)
 * A unix path whose socket no process listens on any more is replaced. IPv6 wildcard listens dual stack.
 */
int io_bind(const struct io_addr *addr, int *ret_token, struct io_addr *ret_bound);
/* Attach a listening token; IO_ACCEPT events follow. 0 or -errno (token still the caller's). */
int io_listen(struct io *io, int token, void *ud, struct io_sock **ret_sock);
/* Stop and resume accepting on a listener; a connection may wait in the backlog meanwhile. */
void io_accept_pause(struct io *io, struct io_sock *listener, bool pause);

/* Attach an accepted connection, on any struct io. Receiving is stopped at first. 0 or -errno (token still the caller's). */
int io_attach(struct io *io, int token, void *ud, struct io_sock **ret_sock);
/* Drop an unattached token; a connection is reset if asked, else closed. */
void io_discard(int token, bool reset);
/* The peer's address of an unattached connection. 0 or -errno. */
int io_token_peer(int token, struct io_addr *ret_addr);

/* Start connecting; IO_CONNECT follows. 0, or -errno when it cannot even start. Receiving is stopped at first. */
int io_connect(struct io *io, const struct io_addr *addr, void *ud, struct io_sock **ret_sock);

/* Receive up to bytes_max per IO_RECV (1 to IO_SCRATCH_BYTES) from now until stopped. Starting again only changes bytes_max. */
void io_recv_start(struct io *io, struct io_sock *s, uint32_t bytes_max);
void io_recv_stop(struct io *io, struct io_sock *s);

/* Take what the system takes now. returns bytes taken, 0..n; or -errno (connection is broken). */
int64_t io_push(struct io *io, struct io_sock *s, const void *p, size_t n);
/* Send all, in the background; IO_SENT follows. The bytes are lent. n > 0. */
void io_send(struct io *io, struct io_sock *s, const void *p, size_t n);
/* Send FIN. Not while a send is in flight. Errors are ignored: a broken connection shows up as IO_RECV. */
void io_shutdown(struct io *io, struct io_sock *s);
/* Close: at once, with a RST if asked (FIN otherwise). IO_CLOSED follows. Sends in flight are cut off. */
void io_close(struct io *io, struct io_sock *s, bool reset);

/*
 * ---- TLS ----
 *
 * The same connection, but its bytes are plaintext to the caller and TLS on the wire. IO_CONNECT tells that the handshake is
 * over: res 0, or -errno after which the socket can only be closed, and io_tls_error() says why. Nothing else is reported
 * before. From then on all rules above hold, and
 *  (7) io_shutdown() sends close_notify, then FIN. The other end's close_notify is IO_RECV 0; so is its FIN without one, which
 *      io_tls_truncated() tells apart.
 *  (8) Bytes that io_push() took are sent even if io_close() follows at once: without a reset, IO_CLOSED waits until they
 *      are, TLS_LINGER at the longest. io_close() without a reset sends close_notify if io_shutdown() did not.
 *  (9) io takes a reference to ctx as long as the socket is open; the caller may drop its own at once.
 * The time a handshake may take is the caller's: io_close() ends it.
 */
struct tls_ctx;
struct tls_info;
#define TLS_LINGER (10 * FL_SEC)

/* The server's end on an accepted connection. 0; -EBUSY: tls_handshakes_max are in progress; -errno. The token is the caller's then. */
int io_attach_tls(struct io *io, int token, struct tls_ctx *ctx, void *ud, struct io_sock **ret_sock);
/*
 * The client's end: connect, then shake hands. server_name is a host name or IP literal that the certificate must be for (and
 * the name that is asked for); NULL or "": none is asked for, and only the chain of the certificate is checked.
 * IO_CONNECT with res < 0 and io_tls_error() "": there was no connection.
 */
int io_connect_tls(struct io *io, const struct io_addr *addr, struct tls_ctx *ctx, const char *server_name, void *ud,
    struct io_sock **ret_sock);
/*
 * Go over to TLS on a connection that is open: receiving stopped, no send in flight, nothing shut down. IO_CONNECT follows.
 * already, n: bytes received from it that belong to the handshake (copied). 0, -EBUSY, -ENOMEM; the connection is as it was then.
 */
int io_start_tls_server(struct io *io, struct io_sock *s, struct tls_ctx *ctx, const void *already, size_t n);
int io_start_tls_client(struct io *io, struct io_sock *s, struct tls_ctx *ctx, const char *server_name);
/* Why the handshake or, later, the connection failed, for people; "": not for a reason of TLS. Lives as long as the socket. */
const char *io_tls_error(const struct io_sock *s);
/* Did the stream end with a FIN that no close_notify announced? Somebody may have cut it. */
bool io_tls_truncated(const struct io_sock *s);
/* What was agreed on. 0; -ENOTCONN: not a TLS socket, or its handshake is not over. */
int io_tls_info(const struct io_sock *s, struct tls_info *ret_info);
/* Handshakes of servers in progress. */
uint32_t io_tls_handshakes(const struct io *io);

/* Ends of an attached connection, for reports. 0 or -errno. */
int io_peer_addr(const struct io_sock *s, struct io_addr *ret_addr);
int io_local_addr(const struct io_sock *s, struct io_addr *ret_addr);

#endif
