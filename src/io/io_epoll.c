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
 */
#include "io/io.h"
#include "base/assert.h"
#include "base/pool.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define EPOLL_BATCH 256
#define LEAD_SHARE_UP 4         /* the wake-up lead follows later wake-ups quickly ... */
#define LEAD_SHARE_DOWN 64      /* ... and earlier ones slowly */

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
};

/* 32 bytes: there are two per connection. */
struct io_sock {
	void *ud;
	const uint8_t *send_p;
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
	io->epoll_fd = io->wake_fd = -1;
	io->spin_max = opts->spin_ns_max;
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
		if (s != NULL && s->fd >= 0)
			close(s->fd);
	}
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
		if ((f & (SOCK_CONNECTING | SOCK_SENDING | SOCK_BROKEN)) || ((f & SOCK_RECV_ON) && (f & SOCK_READABLE)))
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

void
io_wait(struct io *io, fl_ns deadline)
{
	if (!io->slack_set) {
		prctl(PR_SET_TIMERSLACK, 1UL);  /* of this thread: the one that waits */
		io->slack_set = true;
	}
	io_clock(io);
	int n;
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

static bool
next_sent(struct io_sock *s, struct io_event *ev)
{
	while (s->send_n > 0) {
		ssize_t n = send(s->fd, s->send_p, s->send_n, MSG_NOSIGNAL | MSG_DONTWAIT);
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
	ssize_t n = recv(s->fd, io->scratch, max, MSG_DONTWAIT);
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

/* What there is to report of one connection; one system call at most. */
static bool
next_of(struct io *io, struct io_sock *s, struct io_event *ev)
{
	if (s->flags & SOCK_CONNECTING) {
		if (!(s->flags & SOCK_WRITABLE))
			return false;
		int res = s->flags & SOCK_BROKEN ? sock_error(s) : 0;
		s->flags &= (uint16_t)~(SOCK_CONNECTING | SOCK_BROKEN);
		return event(ev, IO_CONNECT, s, res);
	}
	if ((s->flags & SOCK_SENDING) && (s->flags & SOCK_WRITABLE) && next_sent(s, ev))
		return true;
	if (s->flags & SOCK_ERROR_TOLD)
		return false;
	if ((s->flags & SOCK_RECV_ON) && (s->flags & SOCK_READABLE))
		return next_recv(io, s, ev);
	if (s->flags & SOCK_BROKEN) {
		s->flags &= (uint16_t)~SOCK_BROKEN;
		int err = sock_error(s);
		if (err < 0) {
			s->flags |= SOCK_ERROR_TOLD;
			return event(ev, IO_RECV, s, err);
		}
	}
	return false;
}

static bool
has_more(const struct io_sock *s)
{
	unsigned f = s->flags;
	if ((f & SOCK_SENDING) && (f & SOCK_WRITABLE))
		return true;
	if (f & SOCK_ERROR_TOLD)
		return false;
	return ((f & SOCK_RECV_ON) && (f & SOCK_READABLE)) || (f & SOCK_BROKEN);
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
		bool told = next_of(io, s, ret_ev);
		if (has_more(s))
			ready_push(io, s);
		if (told)
			return true;
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
	if (s->flags & SOCK_READABLE)
		ready_push(io, s);
}

void
io_recv_stop(struct io *io, struct io_sock *s)
{
	(void)io;
	fl_assert(!(s->flags & (SOCK_CLOSING | SOCK_LISTENER)));
	s->flags &= (uint16_t)~SOCK_RECV_ON;
}

int64_t
io_push(struct io *io, struct io_sock *s, const void *p, size_t n)
{
	(void)io;
	fl_assert(!(s->flags & (SOCK_SENDING | SOCK_CLOSING | SOCK_CONNECTING)));
	if (!(s->flags & SOCK_WRITABLE))
		return 0;
	for (;;) {
		ssize_t r = send(s->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
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
	fl_assert(!(s->flags & (SOCK_SENDING | SOCK_CLOSING | SOCK_CONNECTING)));
	s->send_p = p;
	s->send_n = (uint32_t)n;
	s->flags |= SOCK_SENDING;
	if (s->flags & SOCK_WRITABLE)
		ready_push(io, s);
}

void
io_shutdown(struct io *io, struct io_sock *s)
{
	(void)io;
	fl_assert(!(s->flags & (SOCK_SENDING | SOCK_CLOSING)));
	shutdown(s->fd, SHUT_WR);
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

void
io_discard(int token, bool reset)
{
	if (reset) {
		struct linger l = { .l_onoff = 1, .l_linger = 0 };
		setsockopt(token, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	}
	close(token);
}

void
io_close(struct io *io, struct io_sock *s, bool reset)
{
	fl_assert(!(s->flags & SOCK_CLOSING));
	if (s->flags & SOCK_LISTENER)
		unix_unlink(s);
	io_discard(s->fd, reset && !(s->flags & SOCK_LISTENER));
	s->fd = -1;
	s->flags = (uint16_t)((s->flags & SOCK_QUEUED) | SOCK_CLOSING);
	s->send_p = NULL;
	ready_push(io, s);              /* (2) */
}

/* ---- addresses and listening sockets ---- */

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

int
io_token_peer(int token, struct io_addr *ret_addr)
{
	struct io_addr a = { .len = sizeof(a.un) };
	if (getpeername(token, &a.sa, &a.len) < 0)
		return -errno;
	*ret_addr = a;
	return 0;
}

/* Remove the file of a unix socket that nobody listens on any more (left by a killed process). */
static void
unix_remove_stale(const struct io_addr *addr)
{
	struct stat st;
	if (addr->un.sun_path[0] == '\0' || stat(addr->un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, &addr->sa, addr->len) < 0 && errno == ECONNREFUSED)
		unlink(addr->un.sun_path);
	close(fd);
}

int
io_bind(const struct io_addr *addr, int *ret_token, struct io_addr *ret_bound)
{
	int one = 1, zero = 0, idle = 15, r;
	int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (addr->sa.sa_family == AF_UNIX) {
		unix_remove_stale(addr);
	} else {
		/* What accepted connections inherit: no system call per connection for these. */
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
		if (addr->sa.sa_family == AF_INET6)
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
			    IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr) ? &zero : &one, sizeof(one));
	}
	struct io_addr bound = { .len = sizeof(bound.un) };
	if (bind(fd, &addr->sa, addr->len) < 0 || listen(fd, SOMAXCONN) < 0 || getsockname(fd, &bound.sa, &bound.len) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_token = fd;
	if (ret_bound != NULL)
		*ret_bound = bound;
	return 0;
}
