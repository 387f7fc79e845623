/* SPDX-License-Identifier: MIT */
/* stream_link.c - a sender's connection. */
#include "stream/stream_link.h"

#include "base/assert.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKOFF_FIRST (10 * FL_MS)
#define BACKOFF_MAX FL_SEC
#define OPEN_WITHIN (5 * FL_SEC)
#define READ_BYTES 16384
#define REAP_POLLS 200

static void
run_command(const char *command, int in, int out, pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(126);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

int
stream_link_spawn(const char *command, pid_t *ret_pid, int *ret_in, int *ret_out)
{
	pid_t parent = getpid(), pid;
	int to[2], from[2], err;

	if (pipe2(to, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(from, O_CLOEXEC) < 0) {
		err = -errno;
		goto no_pipe;
	}
	pid = fork();
	if (pid < 0) {
		err = -errno;
		close(from[0]);
		close(from[1]);
		goto no_pipe;
	}
	if (pid == 0)
		run_command(command, to[0], from[1], parent);
	(void)setpgid(pid, pid);
	close(to[0]);
	close(from[1]);
	(void)fcntl(to[1], F_SETFL, O_NONBLOCK);
	(void)fcntl(from[0], F_SETFL, O_NONBLOCK);
	*ret_pid = pid;
	*ret_in = from[0];
	*ret_out = to[1];
	return 0;
no_pipe:
	close(to[0]);
	close(to[1]);
	return err;
}

int
stream_link_reap(pid_t pid)
{
	int status = 0;

	if (pid <= 0)
		return 0;
	/* Its input has been closed: it may come to its end by itself, for two seconds. */
	for (int i = 0; i < REAP_POLLS; i++) {
		if (waitpid(pid, &status, WNOHANG) != 0)
			return status;
		(void)poll(NULL, 0, 10);
	}
	(void)kill(-pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	return status;
}

void
stream_link_init(struct stream_link *l, const struct stream_target *target)
{
	*l = (struct stream_link){ .target = target, .fd_in = -1, .fd_out = -1 };
	buf_init(&l->out, STREAM_LINK_OUT_MAX);
	buf_init(&l->in, STREAM_LINK_IN_MAX);
}

static void
close_fds(struct stream_link *l)
{
	if (l->fd_out >= 0)
		close(l->fd_out);
	if (l->fd_in >= 0 && l->fd_in != l->fd_out)
		close(l->fd_in);
	l->fd_in = l->fd_out = -1;
	(void)stream_link_reap(l->pid);
	l->pid = 0;
	l->state = STREAM_DOWN;
}

void
stream_link_fini(struct stream_link *l)
{
	close_fds(l);
	buf_fini(&l->out);
	buf_fini(&l->in);
}

void
stream_link_break(struct stream_link *l, fl_ns now, int err)
{
	l->broken += l->state == STREAM_UP;
	l->err = err;
	l->backoff = l->backoff == 0 ? BACKOFF_FIRST : FL_MIN(l->backoff * 2, BACKOFF_MAX);
	l->retry_at = now + l->backoff;
	close_fds(l);
	buf_clear(&l->out);
	buf_clear(&l->in);
	l->written_last = l->written;
	l->queued = l->written = 0;
}

static void
come_up(struct stream_link *l)
{
	l->state = STREAM_UP;
	l->opened++;
	l->queued = l->written = 0;
	fl_assert(buf_len(&l->out) == 0);                                                                       /* (1) */
}

static void
open_socket(struct stream_link *l, fl_ns now)
{
	const struct io_addr *a = &l->target->to.addrs[l->turn++ % (uint32_t)l->target->to.res];
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	if (fd < 0) {
		stream_link_break(l, now, -errno);
		return;
	}
	l->fd_in = l->fd_out = fd;
	if (a->sa.sa_family != AF_UNIX)
		(void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, &a->sa, a->len) == 0) {
		come_up(l);
	} else if (errno == EINPROGRESS) {
		l->state = STREAM_OPENING;
		l->deadline = now + OPEN_WITHIN;
	} else {
		stream_link_break(l, now, -errno);
	}
}

void
stream_link_wake(struct stream_link *l, fl_ns now)
{
	int rc;

	if (l->state == STREAM_OPENING && now >= l->deadline)
		stream_link_break(l, now, -ETIMEDOUT);
	if (l->state != STREAM_DOWN || now < l->retry_at)
		return;
	if (l->target->command == NULL) {
		open_socket(l, now);
		return;
	}
	rc = stream_link_spawn(l->target->command, &l->pid, &l->fd_in, &l->fd_out);
	if (rc != 0)
		stream_link_break(l, now, rc);
	else
		come_up(l);
}

fl_ns
stream_link_due(const struct stream_link *l)
{
	return l->state == STREAM_DOWN ? l->retry_at : l->state == STREAM_OPENING ? l->deadline : FL_NEVER;
}

unsigned
stream_link_polls(const struct stream_link *l, struct pollfd *ret)
{
	short out = l->state == STREAM_OPENING || buf_len(&l->out) > 0 ? POLLOUT : 0;

	if (l->state == STREAM_DOWN)
		return 0;
	if (l->fd_in == l->fd_out) {
		ret[0] = (struct pollfd){ .fd = l->fd_in, .events = (short)(POLLIN | out) };
		return 1;
	}
	ret[0] = (struct pollfd){ .fd = l->fd_in, .events = POLLIN };
	ret[1] = (struct pollfd){ .fd = l->fd_out, .events = out };
	return l->fd_out >= 0 ? 2 : 1;
}

/* 0; -errno: the link is broken. */
static int
read_some(struct stream_link *l)
{
	for (;;) {
		char *room = buf_reserve(&l->in, READ_BYTES);
		ssize_t n;

		if (room == NULL) {
			l->in.overflowed = false;
			return 0;               /* what is there is to be used first */
		}
		n = read(l->fd_in, room, READ_BYTES);
		if (n > 0) {
			buf_claim(&l->in, (size_t)n);
			l->backoff = 0;         /* it does something: the next break is a first one */
			continue;
		}
		if (n == 0)
			return -ECONNRESET;
		if (errno == EINTR)
			continue;
		return errno == EAGAIN ? 0 : -errno;
	}
}

static int
write_some(struct stream_link *l)
{
	while (buf_len(&l->out) > 0) {
		ssize_t n = l->fd_in == l->fd_out ? send(l->fd_out, buf_data(&l->out), buf_len(&l->out), MSG_NOSIGNAL) :
		    write(l->fd_out, buf_data(&l->out), buf_len(&l->out));

		if (n > 0) {
			buf_consume(&l->out, (size_t)n);
			l->written += (uint64_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		return n < 0 && errno == EAGAIN ? 0 : n < 0 ? -errno : -EPIPE;
	}
	return 0;
}

static int
finish_open(struct stream_link *l)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(l->fd_in, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	return -err;
}

bool
stream_link_push(struct stream_link *l, fl_ns now)
{
	int rc = l->state == STREAM_UP ? write_some(l) : 0;

	if (rc != 0)
		stream_link_break(l, now, rc);
	return rc == 0;
}

bool
stream_link_turn(struct stream_link *l, const struct pollfd *polled, unsigned count, fl_ns now)
{
	short events = 0;
	int rc = 0;

	for (unsigned i = 0; i < count; i++)
		events = (short)(events | polled[i].revents);
	if (events == 0 || l->state == STREAM_DOWN)
		return true;
	if (l->state == STREAM_OPENING) {
		rc = finish_open(l);
		if (rc != 0)
			stream_link_break(l, now, rc);
		else
			come_up(l);
		return true;
	}
	if ((events & (POLLIN | POLLHUP | POLLERR)) != 0)
		rc = read_some(l);
	if (rc == 0 && (events & POLLOUT) != 0)
		rc = write_some(l);
	/* What came before the end is still to be read: answers keep their worth. The caller takes them, then breaks. */
	if (rc != 0 && buf_len(&l->in) == 0)
		stream_link_break(l, now, rc);
	l->err = rc;
	return rc == 0;
}

void
stream_link_end(struct stream_link *l)
{
	if (l->state != STREAM_UP || l->fd_out < 0)
		return;
	if (l->fd_in == l->fd_out) {
		(void)shutdown(l->fd_out, SHUT_WR);
	} else {
		close(l->fd_out);
		l->fd_out = -1;
	}
}
