/* SPDX-License-Identifier: MIT */
/* collect.c - the receiver: connections, frames, answers. */
#include "stream/collect.h"

#include "base/assert.h"
#include "io/clock.h"
#include "stream/collect_note.h"
#include "stream/collect_redis.h"
#include "stream/stream_link.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEERS_MAX 1024u
#define READ_BYTES ((size_t)64 << 10)
#define READ_PER_TURN ((size_t)1 << 20) /* of a connection */
#define OUT_MAX ((size_t)1 << 20)       /* answers waiting: who does not read them is not read either */
#define WAIT_MS 100
#define FLUSH_EVERY (100 * FL_MS)

struct peer {
	int fd_in, fd_out;              /* the same for a socket; -1: none */
	bool ended, closing;            /* nothing more comes; close when the answers are written */
	struct buf in, out;
};

struct collect {
	struct collect_note note;
	int listener;
	pid_t pid;
	struct peer *peers;
	uint32_t peer_count;
	struct pollfd *fds;
	char *chunk;
	fl_ns flushed;
};

static void
add_peer(struct collect *c, int in, int out)
{
	struct peer *p = &c->peers[c->peer_count++];

	*p = (struct peer){ .fd_in = in, .fd_out = out };
	buf_init(&p->in, MATCH_FRAME_BYTES_MAX + 2 * READ_BYTES);
	buf_init(&p->out, 2 * OUT_MAX);
	c->note.stats->connections++;
}

static void
drop_peer(struct collect *c, uint32_t i)
{
	struct peer *p = &c->peers[i];

	if (p->fd_out >= 0 && p->fd_out != p->fd_in)
		close(p->fd_out);
	if (p->fd_in >= 0)
		close(p->fd_in);
	buf_fini(&p->in);
	buf_fini(&p->out);
	c->peers[i] = c->peers[--c->peer_count];
}

static void
answer(struct collect *c, struct peer *p, const struct match_taken *t, bool whole, const struct match_msg *m, uint32_t hash)
{
	if (c->note.conf->framing == MATCH_FRAME_HTTP) {
		buf_puts(&p->out, whole || t->message == NULL || c->note.conf->outputs ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 400 Bad Request\r\n");
		buf_puts(&p->out, t->close ? "Content-Length: 0\r\nConnection: close\r\n\r\n" : "Content-Length: 0\r\n\r\n");
		p->closing |= t->close;
	} else if (whole && c->note.conf->answers && p->fd_out >= 0) {
		match_frame_answer(true, m->flow, m->n, hash, &p->out);
	}
}

static void
take_frames(struct collect *c, struct peer *p)
{
	const struct collect_conf *conf = c->note.conf;
	struct match_taken t;
	int rc = 0;

	while (!p->closing && buf_len(&p->out) < OUT_MAX &&
	       (rc = match_frame_take(conf->framing, buf_data(&p->in), buf_len(&p->in), c->chunk, &t)) == 1) {
		struct match_msg m = { .flow = 0 };
		uint32_t hash = 0;
		bool whole = t.message != NULL && collect_note(&c->note, t.message, t.message_bytes, &m, &hash);

		answer(c, p, &t, whole, &m, hash);
		buf_consume(&p->in, t.used);
		if (conf->count > 0 && c->note.stats->got + c->note.stats->outputs >= conf->count)
			return;
	}
	if (rc < 0) {
		collect_note_garbage(&c->note, buf_data(&p->in), buf_len(&p->in));                              /* (2) */
		buf_clear(&p->in);
		p->closing = true;
	}
}

/* What has come. false: the connection is broken. */
static bool
read_peer(struct collect *c, struct peer *p)
{
	for (size_t total = 0; total < READ_PER_TURN && !p->ended && !p->closing && buf_len(&p->out) < OUT_MAX;) {
		char *room = buf_reserve(&p->in, READ_BYTES);
		ssize_t n;

		if (room == NULL) {
			/* More than the largest frame, and none in it. */
			collect_note_garbage(&c->note, buf_data(&p->in), buf_len(&p->in));
			return false;
		}
		n = read(p->fd_in, room, READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		p->ended = n == 0;
		buf_claim(&p->in, (size_t)n);
		total += (size_t)n;
		take_frames(c, p);
	}
	return true;
}

static bool
write_peer(struct peer *p)
{
	while (buf_len(&p->out) > 0) {
		ssize_t n = p->fd_out == p->fd_in ? send(p->fd_out, buf_data(&p->out), buf_len(&p->out), MSG_NOSIGNAL) :
		    write(p->fd_out, buf_data(&p->out), buf_len(&p->out));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0)
			return false;
		buf_consume(&p->out, (size_t)n);
	}
	return true;
}

static void
accept_peers(struct collect *c)
{
	while (c->peer_count < PEERS_MAX) {
		int fd = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;

		if (fd < 0)
			return;
		if (c->note.conf->listen.sa.sa_family != AF_UNIX)
			(void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		add_peer(c, fd, fd);
	}
}

static short
events_of(const struct peer *p)
{
	short in = !p->ended && !p->closing && buf_len(&p->out) < OUT_MAX ? POLLIN : 0;
	short out = buf_len(&p->out) > 0 && p->fd_in == p->fd_out ? POLLOUT : 0;

	return (short)(in | out);
}

/* Is there nothing more to be done for it? */
static bool
is_finished(struct collect *c, struct peer *p)
{
	if (p->ended && buf_len(&p->out) == 0 && !p->closing && buf_len(&p->in) > 0) {
		/* Half a frame, and its sender is gone: nothing arrived. */
		c->note.stats->bad_frames++;
		buf_clear(&p->in);
	}
	return (p->ended || p->closing) && buf_len(&p->out) == 0;
}

/* (1): answers leave after what they are for is in the file. */
static int
flush_log(struct collect *c)
{
	bool answers = false;

	for (uint32_t i = 0; i < c->peer_count; i++)
		answers |= buf_len(&c->peers[i].out) > 0;
	if (answers || c->note.now - c->flushed >= FLUSH_EVERY) {
		c->flushed = c->note.now;
		return stream_writer_flush(&c->note.log);
	}
	return c->note.log.err;
}

static int
turn(struct collect *c)
{
	uint32_t n = c->peer_count;
	bool broken;

	for (uint32_t i = 0; i < n; i++)
		c->fds[i] = (struct pollfd){ .fd = c->peers[i].fd_in, .events = events_of(&c->peers[i]) };
	c->fds[n] = (struct pollfd){ .fd = c->listener, .events = n < PEERS_MAX ? POLLIN : 0 };
	(void)poll(c->fds, n + 1, WAIT_MS);
	c->note.now = clock_mono();
	for (uint32_t i = n; i > 0; i--) {
		struct peer *p = &c->peers[i - 1];

		take_frames(c, p);              /* what could not be answered before */
		if ((c->fds[i - 1].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !read_peer(c, p))
			drop_peer(c, i - 1);
	}
	if (c->fds[n].revents != 0)
		accept_peers(c);
	if (flush_log(c) != 0)
		return c->note.log.err;
	for (uint32_t i = c->peer_count; i > 0; i--) {
		broken = !write_peer(&c->peers[i - 1]);
		if (broken || is_finished(c, &c->peers[i - 1]))
			drop_peer(c, i - 1);
	}
	return 0;
}

static int
listen_socket(struct collect *c, char *error)
{
	struct io_addr bound = c->note.conf->listen;
	int fd = socket(bound.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	c->listener = fd;
	if (fd >= 0 && bound.sa.sa_family != AF_UNIX)
		(void)!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, &bound.sa, bound.len) < 0 || listen(fd, 1024) < 0) {
		int err = errno;
		char text[ADDR_TEXT_MAX];

		snprintf(error, COLLECT_ERROR_MAX, "it cannot listen on %s: %s", addr_format(&bound, text, sizeof(text)), strerror(err));
		return -err;
	}
	bound.len = sizeof(bound) - offsetof(struct io_addr, sa);
	(void)getsockname(fd, &bound.sa, &bound.len);
	if (c->note.conf->listening != NULL)
		c->note.conf->listening(c->note.conf->ud, &bound);
	return 0;
}

static int
start_command(struct collect *c, char *error)
{
	int in, out, rc = stream_link_spawn(c->note.conf->command, &c->pid, &in, &out);

	if (rc != 0) {
		snprintf(error, COLLECT_ERROR_MAX, "the program cannot be started: %s", strerror(-rc));
		return rc;
	}
	add_peer(c, in, out);
	if (c->note.conf->listening != NULL)
		c->note.conf->listening(c->note.conf->ud, NULL);
	return 0;
}

static int
serve(struct collect *c, char *error)
{
	int rc = c->note.conf->command != NULL ? start_command(c, error) : listen_socket(c, error);

	while (rc == 0 && !collect_note_over(&c->note)) {
		rc = turn(c);
		if (c->note.conf->command != NULL && c->peer_count == 0)
			break;
	}
	/* The last answers. */
	if (rc == 0)
		(void)stream_writer_flush(&c->note.log);
	while (c->peer_count > 0) {
		if (rc == 0)
			(void)write_peer(&c->peers[c->peer_count - 1]);
		drop_peer(c, c->peer_count - 1);
	}
	(void)stream_link_reap(c->pid);
	if (c->listener >= 0)
		close(c->listener);
	if (rc == 0 || error[0] != '\0')
		return rc;
	snprintf(error, COLLECT_ERROR_MAX, "%s: it cannot be written: %s", c->note.conf->log, strerror(-rc));
	return rc;
}

int
collect_run(const struct collect_conf *conf, struct collect_stats *ret_stats, char *error)
{
	struct match_log_head head = { .side = MATCH_SIDE_RECEIVED };
	struct collect c = { .note = { .conf = conf, .stats = ret_stats }, .listener = -1 };
	int rc, closed;

	*ret_stats = (struct collect_stats){ .got = 0 };
	error[0] = '\0';
	rc = conf->append ? stream_writer_append(&c.note.log, conf->log, &head) : stream_writer_open(&c.note.log, conf->log, &head);
	if (rc != 0)
		snprintf(error, COLLECT_ERROR_MAX, "%s: it cannot be written: %s", conf->log, strerror(-rc));
	c.peers = calloc(PEERS_MAX, sizeof(*c.peers));
	c.fds = calloc(PEERS_MAX + 1, sizeof(*c.fds));
	c.chunk = malloc(MATCH_FRAME_MESSAGE_MAX);
	c.note.started = c.note.now = c.flushed = clock_mono();
	if (rc == 0 && (c.peers == NULL || c.fds == NULL || c.chunk == NULL))
		rc = -ENOMEM;
	if (rc == 0)
		rc = conf->redis_stream != NULL ? collect_redis(&c.note, error) : serve(&c, error);
	free(c.peers);
	free(c.fds);
	free(c.chunk);
	closed = stream_writer_close(&c.note.log);
	if (rc == 0 && closed != 0)
		snprintf(error, COLLECT_ERROR_MAX, "%s: it cannot be written: %s", conf->log, strerror(-closed));
	return rc != 0 ? rc : closed;
}
