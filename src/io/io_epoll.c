/* SPDX-License-Identifier: MIT */
/*
 * io_epoll.c - io.h on edge-triggered epoll.
 *
 * Each socket is registered once, for reading and writing, edge-triggered. What an edge said is remembered in flags; a
 * socket that may have something to report stands in the ready list. io_next() takes the first of the list, does at most
 * one system call for it, and puts it back at the end if there may be more: a busy connection cannot starve the others.
 * A read that brings less than was asked has drained the socket (the short-read rule), so no second read finds EAGAIN,
 * except after EPOLLRDHUP, when the end of the stream is still to be read.
 *
 * Invariants
 *  (1) A socket with SOCK_QUEUED is in the ready list exactly once.
 *  (2) A closed socket has SOCK_CLOSING, fd -1, and is queued until its IO_CLOSED was taken.
 *  (3) Epoll events carry pool handles, so those of an earlier life of a slot fall away.
 *  (4) SOCK_TLS_MORE and SOCK_TLS_HELD say of a TLS socket what its tls_conn says, whenever this file is left: plaintext may
 *      wait in OpenSSL without an edge to come, and ciphertext may wait for the socket to become writable.
 *
 * TLS is all in tls_conn.c; here is only when it is called. A plain socket is never asked more than whether SOCK_TLS is set.
 */
#include "io/io.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/pool.h"
#include "io/tls_conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define EPOLL_BATCH 256
#define LEAD_SHARE_UP 4         /* the wake-up lead follows later wake-ups quickly ... */
#define LEAD_SHARE_DOWN 64      /* ... and earlier ones slowly */
#define TLS_RECV_MAX (128 * 1024)       /* plaintext of one IO_RECV: what fits into a cache */
#define TLS_SEND_MAX (512 * 1024)       /* plaintext of an io_send() that one io_next() encrypts */

enum {
	SOCK_QUEUED = 1 << 0,
	SOCK_READABLE = 1 << 1,
	SOCK_WRITABLE = 1 << 2,
	SOCK_HUNG_UP = 1 << 3,          /* EPOLLRDHUP was seen: read until the end */
	SOCK_BROKEN = 1 << 4,           /* EPOLLERR or EPOLLHUP was seen and not looked into yet */
	SOCK_RECV_ON = 1 << 5,
	SOCK_EOF_TOLD = 1 << 6,
	SOCK_ERROR_TOLD = 1 << 7,
	SOCK_CONNECTING = 1 << 8,
	SOCK_SENDING = 1 << 9,
	SOCK_LISTENER = 1 << 10,
	SOCK_CLOSING = 1 << 11,
	SOCK_TLS = 1 << 12,
	SOCK_SHAKING = 1 << 13,         /* TLS: the handshake is not over */
	SOCK_TLS_MORE = 1 << 14,        /* (4) */
	SOCK_TLS_HELD = 1 << 15,        /* (4) */
};

/* 32 bytes: there are two per connection. */
struct io_sock {
	void *ud;
	union {
		const uint8_t *send_p;
		struct tls_conn *tls;   /* SOCK_TLS */
	};
	uint32_t send_n;
	uint32_t ready_next;            /* index + 1 in the pool; 0 = end */
	int fd;
	uint16_t flags;
	uint16_t recv_units;            /* receive limit in units of 64 bytes */
};

struct io {
	int epoll_fd, wake_fd;
	struct pool socks;
	uint32_t ready_head, ready_tail;        /* index + 1 */
	fl_ns now;
	fl_ns spin_max, lead;                   /* lead: how much too late the kernel wakes us, followed slowly */
	bool slack_set;
	bool has_pwait2;
	atomic_bool woken;
	struct tls_wire *wire;                  /* NULL until the first TLS socket */
	uint32_t shaking, shaking_max;          /* handshakes of servers in progress, and at most */
	struct list lingering;                  /* closed by the caller, still sending; in order of their time limits */
	struct epoll_event batch[EPOLL_BATCH];
	_Alignas(4096) uint8_t scratch[IO_SCRATCH_BYTES];
};

/* ---- the ready list ---- */

static uint32_t
sock_number(const struct io *io, const struct io_sock *s)
{
	return (uint32_t)((size_t)((const char *)s - io->socks.mem) / io->socks.slot_bytes) + 1;
}

static struct io_sock *
sock_at(const struct io *io, uint32_t number)
{
	return (struct io_sock *)(void *)(io->socks.mem + (size_t)(number - 1) * io->socks.slot_bytes);
}

static void
ready_push(struct io *io, struct io_sock *s)
{
	if (s->flags & SOCK_QUEUED)
		return;
	uint32_t n = sock_number(io, s);
	s->flags |= SOCK_QUEUED;
	s->ready_next = 0;
	if (io->ready_tail != 0)
		sock_at(io, io->ready_tail)->ready_next = n;
	else
		io->ready_head = n;
	io->ready_tail = n;
}

static struct io_sock *
ready_pop(struct io *io)
{
	if (io->ready_head == 0)
		return NULL;
	struct io_sock *s = sock_at(io, io->ready_head);
	fl_assert(s->flags & SOCK_QUEUED);      /* (1) */
	io->ready_head = s->ready_next;
	if (io->ready_head == 0)
		io->ready_tail = 0;
	s->flags &= (uint16_t)~SOCK_QUEUED;
	return s;
}

/* ---- life ---- */

int
io_new(const struct io_opts *opts, struct io **ret_io)
{
	fl_assert(opts->socks_max > 0);
	struct io *io = aligned_alloc(4096, (sizeof(*io) + 4095) & ~(size_t)4095);
	if (io == NULL)
		return -ENOMEM;
	memset(io, 0, offsetof(struct io, scratch));
	list_init(&io->lingering);
	io->epoll_fd = io->wake_fd = -1;
	io->spin_max = opts->spin_ns_max;
	io->shaking_max = opts->tls_handshakes_max > 0 ? opts->tls_handshakes_max : UINT32_MAX;
	io->has_pwait2 = true;
	int r = pool_init(&io->socks, sizeof(struct io_sock), opts->socks_max);
	if (r < 0)
		goto fail;
	io->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	io->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u64 = 0 };
	if (io->epoll_fd < 0 || io->wake_fd < 0 || epoll_ctl(io->epoll_fd, EPOLL_CTL_ADD, io->wake_fd, &ev) < 0) {
		r = -errno;
		goto fail;
	}
	io_clock(io);
	*ret_io = io;
	return 0;
fail:
	io_free(io);
	return r;
}

void
io_free(struct io *io)
{
	if (io == NULL)
		return;
	for (uint32_t i = 0; i < io->socks.touched; i++) {
		struct io_sock *s = pool_at(&io->socks, i);
		if (s != NULL && (s->flags & SOCK_TLS))
			tls_conn_free(s->tls);
		if (s != NULL && s->fd >= 0)
			close(s->fd);
	}
	tls_wire_free(io->wire);
	if (io->epoll_fd >= 0)
		close(io->epoll_fd);
	if (io->wake_fd >= 0)
		close(io->wake_fd);
	pool_fini(&io->socks);
	free(io);
}

/* ---- time and waiting ---- */

fl_ns
io_now(const struct io *io)
{
	return io->now;
}

fl_ns
io_clock(struct io *io)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	io->now = (fl_ns)ts.tv_sec * FL_SEC + ts.tv_nsec;
	return io->now;
}

void
io_wake(struct io *io)
{
	if (!atomic_exchange(&io->woken, true)) {
		uint64_t one = 1;
		ssize_t r = write(io->wake_fd, &one, sizeof(one));
		(void)r;        /* full means that a wake-up is pending already */
	}
}

/* One look at epoll, waiting up to timeout ns (< 0: for ever). returns the number of events in the batch. */
static int
poll_batch(struct io *io, fl_ns timeout)
{
	int n;
	if (timeout == 0) {
		n = epoll_wait(io->epoll_fd, io->batch, EPOLL_BATCH, 0);
	} else if (io->has_pwait2) {
		struct timespec ts = { .tv_sec = timeout / FL_SEC, .tv_nsec = timeout % FL_SEC };
		n = epoll_pwait2(io->epoll_fd, io->batch, EPOLL_BATCH, timeout < 0 ? NULL : &ts, NULL);
		if (n < 0 && (errno == ENOSYS || errno == EPERM)) {
			io->has_pwait2 = false;
			return poll_batch(io, timeout);
		}
	} else {
		fl_ns ms = timeout < 0 ? -1 : FL_MIN((timeout + FL_MS - 1) / FL_MS, INT64_C(1000000));
		n = epoll_wait(io->epoll_fd, io->batch, EPOLL_BATCH, (int)ms);
	}
	fl_assert(n >= 0 || errno == EINTR);
	return n < 0 ? 0 : n;
}

static void
note_events(struct io *io, int n)
{
	for (int i = 0; i < n; i++) {
		const struct epoll_event *e = &io->batch[i];
		if (e->data.u64 == 0) {
			uint64_t drop;
			ssize_t r = read(io->wake_fd, &drop, sizeof(drop));
			(void)r;
			continue;
		}
		struct io_sock *s = pool_get(&io->socks, e->data.u64);
		if (s == NULL || (s->flags & SOCK_CLOSING))
			continue;       /* (3) */
		unsigned f = s->flags;
		if (e->events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
			f |= SOCK_READABLE;
		if (e->events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
			f |= SOCK_WRITABLE;
		if (e->events & EPOLLRDHUP)
			f |= SOCK_HUNG_UP;
		if (e->events & (EPOLLERR | EPOLLHUP))
			f |= SOCK_BROKEN;
		s->flags = (uint16_t)f;
		if ((f & (SOCK_CONNECTING | SOCK_SENDING | SOCK_BROKEN | SOCK_SHAKING | SOCK_TLS_HELD)) ||
		    ((f & SOCK_RECV_ON) && (f & SOCK_READABLE)))
			ready_push(io, s);
	}
}

/*
 * Sleep for most of the time to the deadline and poll for the rest, so that the kernel's late wake-ups (50 to 100 us on a
 * virtual machine) do not become part of a delay. How early to wake is learnt from how late we were woken.
 */
static int
wait_exact(struct io *io, fl_ns deadline)
{
	fl_ns left = deadline - io->now;
	fl_ns lead = FL_MIN(io->lead + 5 * FL_US, io->spin_max);
	if (left > lead) {
		fl_ns ask = left - lead, from = io->now;
		int n = poll_batch(io, ask);
		fl_ns late = io_clock(io) - from - ask;
		if (n > 0)
			return n;
		if (late >= 0)
			io->lead += late > io->lead ? (FL_MIN(late, io->spin_max) - io->lead) / LEAD_SHARE_UP
			                            : -((io->lead - late) / LEAD_SHARE_DOWN);
	}
	while (io->now < deadline && !atomic_load_explicit(&io->woken, memory_order_relaxed)) {
		int n = poll_batch(io, 0);
		io_clock(io);
		if (n > 0)
			return n;
	}
	return 0;
}

static fl_ns linger_expire(struct io *io);

void
io_wait(struct io *io, fl_ns deadline)
{
	if (!io->slack_set) {
		prctl(PR_SET_TIMERSLACK, 1UL);  /* of this thread: the one that waits */
		io->slack_set = true;
	}
	io_clock(io);
	int n;
	if (!list_empty(&io->lingering))
		deadline = FL_MIN(deadline, linger_expire(io));
	if (io->ready_head != 0 || deadline <= io->now || atomic_load(&io->woken))
		n = poll_batch(io, 0);
	else if (deadline == FL_NEVER)
		n = poll_batch(io, -1);
	else if (io->spin_max > 0)
		n = wait_exact(io, deadline);
	else
		n = poll_batch(io, deadline - io->now);
	atomic_store(&io->woken, false);
	note_events(io, n);
	io_clock(io);
}

/* ---- events ---- */

static bool
event(struct io_event *ev, enum io_kind kind, struct io_sock *s, int res)
{
	*ev = (struct io_event){ .kind = kind, .res = res, .ud = s->ud, .sock = s };
	return true;
}

static int
sock_error(const struct io_sock *s)
{
	int err = 0;
	socklen_t len = sizeof(err);
	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		return -errno;
	return -err;
}

static bool
next_accept(struct io *io, struct io_sock *s, struct io_event *ev)
{
	if (!(s->flags & SOCK_RECV_ON) || !(s->flags & SOCK_READABLE))
		return false;
	int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		switch (errno) {
		case EAGAIN:
			s->flags &= (uint16_t)~SOCK_READABLE;
			return false;
		case EINTR: case ECONNABORTED: case EPROTO:
			ready_push(io, s);      /* that one is gone; the next may be there */
			return false;
		default:
			fd = -errno;
		}
	}
	ready_push(io, s);
	return event(ev, IO_ACCEPT, s, fd);
}

/*
 * send() and recv() of glibc are points where a thread can be cancelled, which takes two atomic operations each, a fiftieth of what a request
 * costs. Nobody cancels threads here. The sanitizers watch the functions, so they get them.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WATCHED 1
#else
#define WATCHED 0
#endif

static ssize_t
send_now(int fd, const void *p, size_t n)
{
	return WATCHED ? send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT) : syscall(SYS_sendto, fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
}

static ssize_t
recv_now(int fd, void *p, size_t n)
{
	return WATCHED ? recv(fd, p, n, MSG_DONTWAIT) : syscall(SYS_recvfrom, fd, p, n, MSG_DONTWAIT, NULL, NULL);
}

static bool
next_sent(struct io_sock *s, struct io_event *ev)
{
	while (s->send_n > 0) {
		ssize_t n = send_now(s->fd, s->send_p, s->send_n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			s->flags &= (uint16_t)~SOCK_SENDING;
			return event(ev, IO_SENT, s, -errno);
		}
		if (n < 0 || (uint32_t)n < s->send_n) {
			s->flags &= (uint16_t)~SOCK_WRITABLE;
			if (n > 0) {
				s->send_p += n;
				s->send_n -= (uint32_t)n;
			}
			return false;
		}
		s->send_n = 0;
	}
	s->flags &= (uint16_t)~SOCK_SENDING;
	return event(ev, IO_SENT, s, 0);
}

static bool
next_recv(struct io *io, struct io_sock *s, struct io_event *ev)
{
	size_t max = (size_t)s->recv_units * 64;
	ssize_t n = recv_now(s->fd, io->scratch, max);
	if (n > 0) {
		if ((size_t)n < max && !(s->flags & (SOCK_HUNG_UP | SOCK_BROKEN)))
			s->flags &= (uint16_t)~SOCK_READABLE;
		event(ev, IO_RECV, s, (int)n);
		ev->data = io->scratch;
		return true;
	}
	if (n == 0) {
		s->flags = (uint16_t)((s->flags & ~(SOCK_READABLE | SOCK_RECV_ON)) | SOCK_EOF_TOLD);
		return event(ev, IO_RECV, s, 0);
	}
	if (errno == EAGAIN || errno == EINTR) {
		if (errno == EAGAIN)
			s->flags &= (uint16_t)~(SOCK_READABLE | SOCK_BROKEN);
		return false;
	}
	s->flags |= SOCK_ERROR_TOLD;
	return event(ev, IO_RECV, s, -errno);
}

/* The connection broke; told once, even while receiving is stopped. */
static bool
next_broken(struct io_sock *s, struct io_event *ev)
{
	s->flags &= (uint16_t)~SOCK_BROKEN;
	int err = sock_error(s);
	if (err == 0)
		return false;
	s->flags |= SOCK_ERROR_TOLD;
	return event(ev, IO_RECV, s, err);
}

/* ---- the same of TLS ---- */

static void linger_end(struct io *io, struct io_sock *s, bool reset);

/* What the connection must know of the socket before an operation ... */
static struct tls_conn *
tls_enter(const struct io_sock *s)
{
	fl_assert(s->flags & SOCK_TLS);
	s->tls->drained = !(s->flags & SOCK_READABLE);
	s->tls->hung_up = (s->flags & (SOCK_HUNG_UP | SOCK_BROKEN)) != 0;
	return s->tls;
}

/* ... and what the socket must know of the connection after it (4). */
static void
tls_leave(struct io_sock *s)
{
	const struct tls_conn *c = s->tls;
	unsigned f = s->flags & ~(unsigned)(SOCK_TLS_MORE | SOCK_TLS_HELD);
	if (c->drained)
		f &= ~(unsigned)SOCK_READABLE;
	if (c->more)
		f |= SOCK_TLS_MORE;
	if (c->held_n > 0)              /* the socket took less than it was given */
		f = (f | SOCK_TLS_HELD) & ~(unsigned)SOCK_WRITABLE;
	s->flags = (uint16_t)f;
}

static bool
tls_shaken(struct io *io, struct io_sock *s, struct io_event *ev, int res)
{
	if (tls_ctx_is_server(s->tls->ctx))
		io->shaking--;
	s->flags &= (uint16_t)~SOCK_SHAKING;
	if (res < 0)
		s->flags |= SOCK_ERROR_TOLD;
	return event(ev, IO_CONNECT, s, res);
}

/* Go on with what is held. */
static void
tls_flush(struct io_sock *s)
{
	struct tls_conn *c = tls_enter(s);
	if (tls_conn_flush(c) < 0)
		c->held_n = 0;          /* it breaks: that will be told as such */
	tls_leave(s);
}

static bool
tls_next_sent(struct io *io, struct io_sock *s, struct io_event *ev)
{
	struct tls_conn *c = tls_enter(s);
	int64_t n = c->send_n == 0 ? 0 : tls_conn_write(c, c->send_p, FL_MIN(c->send_n, (uint32_t)TLS_SEND_MAX), io->now);
	if (n > 0) {
		c->send_p += n;
		c->send_n -= (uint32_t)n;
	}
	tls_leave(s);
	if (n >= 0 && (c->send_n > 0 || c->held_n > 0))
		return false;
	s->flags &= (uint16_t)~SOCK_SENDING;
	return event(ev, IO_SENT, s, n < 0 ? (int)n : 0);
}

static bool
tls_next_recv(struct io *io, struct io_sock *s, struct io_event *ev)
{
	struct tls_conn *c = tls_enter(s);
	int64_t n = tls_conn_read(c, io->scratch, FL_MIN((size_t)s->recv_units * 64, (size_t)TLS_RECV_MAX));
	tls_leave(s);
	if (n == -EAGAIN) {
		s->flags &= (uint16_t)~SOCK_BROKEN;
		return false;
	}
	event(ev, IO_RECV, s, (int)n);
	if (n > 0)
		ev->data = io->scratch;
	else if (n == 0)
		s->flags = (uint16_t)((s->flags & ~(SOCK_READABLE | SOCK_TLS_MORE | SOCK_RECV_ON)) | SOCK_EOF_TOLD);
	else
		s->flags |= SOCK_ERROR_TOLD;
	return true;
}

static bool
tls_next(struct io *io, struct io_sock *s, struct io_event *ev)
{
	if ((s->flags & SOCK_TLS_HELD) && (s->flags & SOCK_WRITABLE))
		tls_flush(s);
	if (s->tls->lingering) {
		if (!(s->flags & SOCK_TLS_HELD) || (s->flags & SOCK_BROKEN))
			linger_end(io, s, (s->flags & SOCK_TLS_HELD) != 0);
		return false;
	}
	if (s->flags & SOCK_SHAKING) {
		int r = tls_conn_shake(tls_enter(s));
		tls_leave(s);
		return r != 0 && tls_shaken(io, s, ev, FL_MIN(r, 0));
	}
	if ((s->flags & SOCK_SENDING) && (s->flags & SOCK_WRITABLE) && tls_next_sent(io, s, ev))
		return true;
	if (s->flags & SOCK_ERROR_TOLD)
		return false;
	if ((s->flags & SOCK_RECV_ON) && (s->flags & (SOCK_READABLE | SOCK_TLS_MORE)))
		return tls_next_recv(io, s, ev);
	return (s->flags & SOCK_BROKEN) && next_broken(s, ev);
}

/* ---- the next event ---- */

static bool
next_connect(struct io *io, struct io_sock *s, struct io_event *ev)
{
	if (!(s->flags & SOCK_WRITABLE))
		return false;
	int res = s->flags & SOCK_BROKEN ? sock_error(s) : 0;
	s->flags &= (uint16_t)~(SOCK_CONNECTING | SOCK_BROKEN);
	if (res == 0 && (s->flags & SOCK_TLS))
		return tls_next(io, s, ev);
	if (s->flags & SOCK_TLS)
		return tls_shaken(io, s, ev, res);
	return event(ev, IO_CONNECT, s, res);
}

/* What there is to report of one connection; one system call at most, or one step of TLS. */
static bool
next_of(struct io *io, struct io_sock *s, struct io_event *ev)
{
	if (s->flags & SOCK_CONNECTING)
		return next_connect(io, s, ev);
	if (s->flags & SOCK_TLS)
		return tls_next(io, s, ev);
	if ((s->flags & SOCK_SENDING) && (s->flags & SOCK_WRITABLE) && next_sent(s, ev))
		return true;
	if (s->flags & SOCK_ERROR_TOLD)
		return false;
	if ((s->flags & SOCK_RECV_ON) && (s->flags & SOCK_READABLE))
		return next_recv(io, s, ev);
	return (s->flags & SOCK_BROKEN) && next_broken(s, ev);
}

static bool
has_more(const struct io_sock *s)
{
	unsigned f = s->flags;
	if ((f & (SOCK_SENDING | SOCK_TLS_HELD)) && (f & SOCK_WRITABLE))
		return true;
	if (f & SOCK_ERROR_TOLD)
		return false;
	return ((f & SOCK_RECV_ON) && (f & (SOCK_READABLE | SOCK_TLS_MORE))) || (f & SOCK_BROKEN) ||
	    ((f & SOCK_SHAKING) && (f & SOCK_READABLE));
}

bool
io_next(struct io *io, struct io_event *ret_ev)
{
	struct io_sock *s;
	while ((s = ready_pop(io)) != NULL) {
		if (s->flags & SOCK_CLOSING) {
			event(ret_ev, IO_CLOSED, s, 0);
			pool_give(&io->socks, s);
			return true;
		}
		if (s->flags & SOCK_LISTENER) {
			if (next_accept(io, s, ret_ev))
				return true;
			continue;
		}
		bool shaking = (s->flags & SOCK_SHAKING) != 0, told = next_of(io, s, ret_ev);
		if (has_more(s))
			ready_push(io, s);
		if (told)
			return true;
		if (shaking)
			return false;   /* a step takes a millisecond: let the caller look at its timers */
	}
	return false;
}

/* ---- operations ---- */

/* Take a slot for fd and register it. 0 or -errno; fd stays the caller's on failure. */
static int
sock_new(struct io *io, int fd, void *ud, uint16_t flags, struct io_sock **ret_sock)
{
	uint64_t handle;
	struct io_sock *s = pool_take(&io->socks, &handle);
	if (s == NULL)
		return -ENFILE;
	*s = (struct io_sock){ .fd = fd, .ud = ud, .flags = flags };
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u64 = handle };
	if (epoll_ctl(io->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		int r = -errno;
		pool_give(&io->socks, s);
		return r;
	}
	*ret_sock = s;
	return 0;
}

int
io_listen(struct io *io, int token, void *ud, struct io_sock **ret_sock)
{
	struct io_sock *s;
	int r = sock_new(io, token, ud, SOCK_LISTENER | SOCK_RECV_ON, &s);
	if (r == 0)
		*ret_sock = s;
	return r;
}

void
io_accept_pause(struct io *io, struct io_sock *listener, bool pause)
{
	fl_assert(listener->flags & SOCK_LISTENER);
	if (pause) {
		listener->flags &= (uint16_t)~SOCK_RECV_ON;
	} else {
		listener->flags |= SOCK_RECV_ON | SOCK_READABLE;        /* its edge may be gone: look */
		ready_push(io, listener);
	}
}

int
io_attach(struct io *io, int token, void *ud, struct io_sock **ret_sock)
{
	return sock_new(io, token, ud, SOCK_WRITABLE, ret_sock);
}

int
io_connect(struct io *io, const struct io_addr *addr, void *ud, struct io_sock **ret_sock)
{
	int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (addr->sa.sa_family != AF_UNIX) {
		int one = 1, idle = 15;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	}
	int r = 0;
	if (connect(fd, &addr->sa, addr->len) < 0 && errno != EINPROGRESS)
		r = -errno;
	if (r == 0)
		r = sock_new(io, fd, ud, SOCK_CONNECTING, ret_sock);
	if (r < 0)
		close(fd);
	return r;
}

void
io_recv_start(struct io *io, struct io_sock *s, uint32_t bytes_max)
{
	fl_assert(bytes_max >= 1 && bytes_max <= IO_SCRATCH_BYTES);
	fl_assert(!(s->flags & (SOCK_CLOSING | SOCK_LISTENER)));
	s->recv_units = (uint16_t)((bytes_max + 63) / 64);
	if (s->flags & (SOCK_RECV_ON | SOCK_EOF_TOLD | SOCK_ERROR_TOLD))
		return;
	s->flags |= SOCK_RECV_ON;
	if (s->flags & (SOCK_READABLE | SOCK_TLS_MORE))
		ready_push(io, s);
}

void
io_recv_stop(struct io *io, struct io_sock *s)
{
	(void)io;
	fl_assert(!(s->flags & (SOCK_CLOSING | SOCK_LISTENER)));
	s->flags &= (uint16_t)~SOCK_RECV_ON;
}

static int64_t
tls_push(struct io *io, struct io_sock *s, const void *p, size_t n)
{
	fl_assert(!(s->flags & SOCK_SHAKING) && n > 0);
	if (s->flags & SOCK_TLS_HELD)
		tls_flush(s);
	if (s->flags & SOCK_TLS_HELD)
		return 0;
	int64_t r = tls_conn_write(tls_enter(s), p, n, io->now);
	tls_leave(s);
	return r;
}

int64_t
io_push(struct io *io, struct io_sock *s, const void *p, size_t n)
{
	fl_assert(!(s->flags & (SOCK_SENDING | SOCK_CLOSING | SOCK_CONNECTING)));
	if (!(s->flags & SOCK_WRITABLE))
		return 0;
	if (s->flags & SOCK_TLS)
		return tls_push(io, s, p, n);
	for (;;) {
		ssize_t r = send_now(s->fd, p, n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && errno != EAGAIN)
			return -errno;
		if (r < 0 || (size_t)r < n)
			s->flags &= (uint16_t)~SOCK_WRITABLE;
		return r < 0 ? 0 : r;
	}
}

void
io_send(struct io *io, struct io_sock *s, const void *p, size_t n)
{
	fl_assert(n > 0 && n <= UINT32_MAX);
	fl_assert(!(s->flags & (SOCK_SENDING | SOCK_CLOSING | SOCK_CONNECTING | SOCK_SHAKING)));
	if (s->flags & SOCK_TLS) {
		s->tls->send_p = p;
		s->tls->send_n = (uint32_t)n;
	} else {
		s->send_p = p;
		s->send_n = (uint32_t)n;
	}
	s->flags |= SOCK_SENDING;
	if (s->flags & SOCK_WRITABLE)
		ready_push(io, s);
}

void
io_shutdown(struct io *io, struct io_sock *s)
{
	(void)io;
	fl_assert(!(s->flags & (SOCK_SENDING | SOCK_CLOSING | SOCK_SHAKING)));
	if (s->flags & SOCK_TLS) {
		tls_conn_shut(tls_enter(s), true);
		tls_leave(s);
	} else {
		shutdown(s->fd, SHUT_WR);
	}
}

/* A listener that goes takes its file in the file system along. */
static void
unix_unlink(const struct io_sock *s)
{
	struct io_addr a;
	if (io_local_addr(s, &a) == 0 && a.sa.sa_family == AF_UNIX && a.len > offsetof(struct sockaddr_un, sun_path) &&
	    a.un.sun_path[0] != '\0')
		unlink(a.un.sun_path);
}

/* Say goodbye. true: bytes that were taken from the caller are still to be sent, and IO_CLOSED waits for that. */
static bool
tls_lingers(struct io *io, struct io_sock *s)
{
	struct tls_conn *c = tls_enter(s);
	if ((s->flags & (SOCK_CONNECTING | SOCK_SHAKING | SOCK_SENDING)) || !c->open)
		return false;
	tls_conn_shut(c, false);
	tls_leave(s);
	if (c->held_n == 0 || c->io_err != 0 || (s->flags & SOCK_BROKEN))
		return false;
	c->lingering = true;
	c->linger_sock = s;
	c->linger_until = io->now + TLS_LINGER;
	list_add_tail(&io->lingering, &c->linger);
	s->flags &= SOCK_QUEUED | SOCK_TLS | SOCK_TLS_HELD;
	return true;
}

static void
sock_close(struct io *io, struct io_sock *s, bool reset)
{
	if (s->flags & SOCK_TLS) {
		if ((s->flags & SOCK_SHAKING) && tls_ctx_is_server(s->tls->ctx))
			io->shaking--;
		if (!reset)
			tls_conn_drain(s->tls);
		tls_conn_free(s->tls);
	}
	io_discard(s->fd, reset && !(s->flags & SOCK_LISTENER));
	s->fd = -1;
	s->flags = (uint16_t)((s->flags & SOCK_QUEUED) | SOCK_CLOSING);
	s->send_p = NULL;
	ready_push(io, s);              /* (2) */
}

static void
linger_end(struct io *io, struct io_sock *s, bool reset)
{
	list_del(&s->tls->linger);
	sock_close(io, s, reset);
}

/* End those whose time is up. returns when the next one's is. */
static fl_ns
linger_expire(struct io *io)
{
	list_for_safe(l, &io->lingering) {
		struct tls_conn *c = list_entry(l, struct tls_conn, linger);
		if (c->linger_until > io->now)
			return c->linger_until;
		linger_end(io, c->linger_sock, true);
	}
	return FL_NEVER;
}

void
io_close(struct io *io, struct io_sock *s, bool reset)
{
	fl_assert(!(s->flags & SOCK_CLOSING));
	fl_assert(!(s->flags & SOCK_TLS) || !s->tls->lingering);
	if (s->flags & SOCK_LISTENER)
		unix_unlink(s);
	if ((s->flags & SOCK_TLS) && !reset && tls_lingers(io, s))
		return;
	sock_close(io, s, reset);
}

/* ---- TLS ---- */

/* A connection of TLS over the socket; its handshake begins with the next io_next(). */
static int
tls_start(struct io *io, struct io_sock *s, struct tls_conn_opts *o)
{
	bool server = tls_ctx_is_server(o->ctx);
	struct tls_conn *c;
	int r = 0;
	if (server && io->shaking >= io->shaking_max)
		return -EBUSY;
	if (io->wire == NULL)
		r = tls_wire_new(&io->wire);
	o->wire = io->wire;
	o->fd = s->fd;
	if (r == 0)
		r = tls_conn_new(o, &c);
	if (r < 0)
		return r;
	s->tls = c;
	s->flags |= SOCK_TLS | SOCK_SHAKING;
	io->shaking += server;
	if (!(s->flags & SOCK_CONNECTING))
		ready_push(io, s);
	return 0;
}

int
io_attach_tls(struct io *io, int token, struct tls_ctx *ctx, void *ud, struct io_sock **ret_sock)
{
	struct tls_conn_opts o = { .ctx = ctx };
	struct io_sock *s;
	fl_assert(tls_ctx_is_server(ctx));
	if (io->shaking >= io->shaking_max)
		return -EBUSY;
	int r = sock_new(io, token, ud, SOCK_WRITABLE, &s);
	if (r < 0)
		return r;
	if ((r = tls_start(io, s, &o)) < 0) {
		epoll_ctl(io->epoll_fd, EPOLL_CTL_DEL, token, NULL);
		pool_give(&io->socks, s);
		return r;
	}
	*ret_sock = s;
	return 0;
}

int
io_connect_tls(struct io *io, const struct io_addr *addr, struct tls_ctx *ctx, const char *server_name, void *ud,
    struct io_sock **ret_sock)
{
	struct tls_conn_opts o = { .ctx = ctx, .server_name = server_name, .place = hash_bytes(0, 0, &addr->sa, addr->len) };
	struct io_sock *s;
	fl_assert(!tls_ctx_is_server(ctx));
	int r = io_connect(io, addr, ud, &s);
	if (r < 0)
		return r;
	if ((r = tls_start(io, s, &o)) < 0) {
		close(s->fd);
		pool_give(&io->socks, s);
		return r;
	}
	*ret_sock = s;
	return 0;
}

int
io_start_tls_server(struct io *io, struct io_sock *s, struct tls_ctx *ctx, const void *already, size_t n)
{
	struct tls_conn_opts o = { .ctx = ctx, .already = already, .already_n = n };
	fl_assert(tls_ctx_is_server(ctx));
	fl_assert(!(s->flags & (SOCK_TLS | SOCK_LISTENER | SOCK_CLOSING | SOCK_CONNECTING | SOCK_SENDING | SOCK_RECV_ON)));
	return tls_start(io, s, &o);
}

int
io_start_tls_client(struct io *io, struct io_sock *s, struct tls_ctx *ctx, const char *server_name)
{
	struct tls_conn_opts o = { .ctx = ctx, .server_name = server_name };
	struct io_addr peer;
	fl_assert(!tls_ctx_is_server(ctx));
	fl_assert(!(s->flags & (SOCK_TLS | SOCK_LISTENER | SOCK_CLOSING | SOCK_CONNECTING | SOCK_SENDING | SOCK_RECV_ON)));
	if (io_peer_addr(s, &peer) == 0)
		o.place = hash_bytes(0, 0, &peer.sa, peer.len);
	return tls_start(io, s, &o);
}

const char *
io_tls_error(const struct io_sock *s)
{
	return s->flags & SOCK_TLS ? s->tls->error : "";
}

bool
io_tls_truncated(const struct io_sock *s)
{
	return (s->flags & SOCK_TLS) && s->tls->truncated;
}

int
io_tls_info(const struct io_sock *s, struct tls_info *ret_info)
{
	if (!(s->flags & SOCK_TLS) || !s->tls->open)
		return -ENOTCONN;
	tls_conn_info(s->tls, ret_info);
	return 0;
}

uint32_t
io_tls_handshakes(const struct io *io)
{
	return io->shaking;
}

/* ---- addresses ---- */

int
io_peer_addr(const struct io_sock *s, struct io_addr *ret_addr)
{
	return s->fd < 0 ? -ENOTCONN : io_token_peer(s->fd, ret_addr);
}

int
io_local_addr(const struct io_sock *s, struct io_addr *ret_addr)
{
	struct io_addr a = { .len = sizeof(a.un) };
	if (s->fd < 0 || getsockname(s->fd, &a.sa, &a.len) < 0)
		return s->fd < 0 ? -ENOTCONN : -errno;
	*ret_addr = a;
	return 0;
}
