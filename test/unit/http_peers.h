/* SPDX-License-Identifier: MIT */
/*
 * http_peers.h - servers for the rig's listening sockets, all on one thread: each answers its number to whatever it is asked, or
 * does worse, as it was told last.
 */
#ifndef TEST_HTTP_PEERS_H
#define TEST_HTTP_PEERS_H

#include "http_rig.h"
#include "io/thread.h"
#include "proxy/cluster_report.h"

#include <stdatomic.h>

#define PEERS_CONNS 512

enum peer_way {
	PEER_ANSWER,
	PEER_SILENT,            /* takes connections and requests, and says nothing */
	PEER_BAD,               /* 500 to everything */
	PEER_ILL,               /* 500 to /health alone */
	PEER_BREAK,             /* ends the connection instead of an answer */
	PEER_HOLD,              /* keeps requests, and answers them when it is told PEER_ANSWER */
};

struct peer {
	_Atomic int way;
	atomic_uint requests, checks, conns, conns_most, accepted;
};

struct peer_conn {
	int fd, server;
	size_t n;
	unsigned held;          /* requests that are not answered */
	char in[8192];
	bool dead;
};

struct peers {
	struct rig_bed *bed;
	struct peer peer[RIG_SERVERS];
	int listeners[RIG_SERVERS];
	unsigned count;
	int wake[2];
	atomic_bool stop;
	pthread_t thread;
	struct peer_conn *conns[PEERS_CONNS];
};

static inline void
peers_say(struct peer_conn *c, const char *text)
{
	(void)!send(c->fd, text, strlen(text), MSG_NOSIGNAL);
}

static inline void
peers_answer(struct peers *ps, struct peer_conn *c, bool check)
{
	int way = atomic_load(&ps->peer[c->server].way);
	char text[128];
	if (way == PEER_SILENT || (way == PEER_HOLD && !check)) {
		c->held++;
	} else if (way == PEER_BREAK) {
		c->dead = true;
	} else if (way == PEER_BAD || (way == PEER_ILL && check)) {
		peers_say(c, "HTTP/1.1 500 Ill\r\ncontent-length: 3\r\n\r\nill");
	} else {
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d", c->server);
		peers_say(c, text);
	}
}

/* Whole requests without a body. */
static inline void
peers_read(struct peers *ps, struct peer_conn *c)
{
	ssize_t r = recv(c->fd, c->in + c->n, sizeof(c->in) - 1 - c->n, 0);
	if (r <= 0) {
		c->dead = true;
		return;
	}
	c->n += (size_t)r;
	c->in[c->n] = '\0';
	char *end;
	while (!c->dead && (end = strstr(c->in, "\r\n\r\n")) != NULL) {
		bool check = strncmp(c->in, "GET /health ", 12) == 0;
		size_t head = (size_t)(end + 4 - c->in);
		atomic_fetch_add(check ? &ps->peer[c->server].checks : &ps->peer[c->server].requests, 1);
		peers_answer(ps, c, check);
		memmove(c->in, c->in + head, c->n - head + 1);
		c->n -= head;
	}
}

static inline void
peers_accept(struct peers *ps, int server)
{
	int fd = accept4(ps->listeners[server], NULL, NULL, SOCK_CLOEXEC);
	struct peer *p = &ps->peer[server];
	for (unsigned i = 0; fd >= 0 && i < PEERS_CONNS; i++) {
		if (ps->conns[i] != NULL)
			continue;
		ps->conns[i] = calloc(1, sizeof(*ps->conns[i]));
		ps->conns[i]->fd = fd;
		ps->conns[i]->server = server;
		unsigned now = atomic_fetch_add(&p->conns, 1) + 1;
		atomic_fetch_add(&p->accepted, 1);
		if (now > atomic_load(&p->conns_most))
			atomic_store(&p->conns_most, now);
		return;
	}
	if (fd >= 0)
		close(fd);
}

static inline void *
peers_run(void *ud)
{
	struct peers *ps = ud;
	struct pollfd fds[PEERS_CONNS + RIG_SERVERS + 1];
	int what[PEERS_CONNS + RIG_SERVERS + 1];
	while (!atomic_load(&ps->stop)) {
		nfds_t n = 0;
		fds[n++] = (struct pollfd){ .fd = ps->wake[0], .events = POLLIN };
		for (unsigned i = 0; i < ps->count; i++)
			fds[n++] = (struct pollfd){ .fd = ps->listeners[i], .events = POLLIN };
		for (int i = 0; i < PEERS_CONNS; i++) {
			if (ps->conns[i] == NULL)
				continue;
			what[n] = i;
			fds[n++] = (struct pollfd){ .fd = ps->conns[i]->fd, .events = POLLIN };
		}
		poll(fds, n, -1);
		char c[64];
		if (fds[0].revents != 0)
			(void)!read(ps->wake[0], c, sizeof(c));
		for (nfds_t k = 1 + ps->count; k < n; k++)
			if (fds[k].revents != 0)
				peers_read(ps, ps->conns[what[k]]);
		for (unsigned i = 0; i < PEERS_CONNS; i++) {
			struct peer_conn *x = ps->conns[i];
			while (x != NULL && x->held > 0 && atomic_load(&ps->peer[x->server].way) == PEER_ANSWER) {
				x->held--;
				peers_answer(ps, x, false);
			}
			if (x != NULL && x->dead) {
				atomic_fetch_sub(&ps->peer[x->server].conns, 1);
				close(x->fd);
				free(x);
				ps->conns[i] = NULL;
			}
		}
		/* New ones last: those that ended before they began must not seem to be there beside them. */
		for (unsigned i = 0; i < ps->count; i++)
			if (fds[1 + i].revents != 0)
				peers_accept(ps, (int)i);
	}
	return NULL;
}

/* Serve the rig's sockets from 0 up to count. */
static inline struct peers *
peers_start(struct rig_bed *b, unsigned count)
{
	struct peers *ps = calloc(1, sizeof(*ps));
	assert_non_null(ps);
	ps->bed = b;
	ps->count = count;
	for (unsigned i = 0; i < count; i++)
		ps->listeners[i] = b->servers[i];
	assert_int_equal(pipe(ps->wake), 0);
	assert_int_equal(thread_start(&ps->thread, "peers", peers_run, ps), 0);
	return ps;
}

static inline void
peers_tell(struct peers *ps, unsigned server, enum peer_way way)
{
	atomic_store(&ps->peer[server].way, way);
	(void)!write(ps->wake[1], "", 1);
}

static inline void
peers_stop(struct peers *ps)
{
	atomic_store(&ps->stop, true);
	(void)!write(ps->wake[1], "", 1);
	thread_join(ps->thread);
	for (unsigned i = 0; i < PEERS_CONNS; i++)
		if (ps->conns[i] != NULL) {
			close(ps->conns[i]->fd);
			free(ps->conns[i]);
		}
	close(ps->wake[0]);
	close(ps->wake[1]);
	free(ps);
}

/* A GET on this connection: which server answered, or minus the status. */
static inline int
peers_get(int fd, const char *extra)
{
	char ask[256];
	snprintf(ask, sizeof(ask), "GET /x HTTP/1.1\r\nhost: test\r\n%s\r\n", extra);
	rig_say(fd, ask);
	struct rig_msg *m = rig_answer_to(fd, false);
	int who = m->status == 200 && m->body_bytes == 1 ? m->body[0] - '0' : -m->status;
	if (m->status == 200 && who < 0)
		fail_msg("an answer of %zu bytes: %s%s", m->body_bytes, m->head, m->body != NULL ? m->body : "");
	rig_msg_free(m);
	return who;
}

/* The route's instances, as the control side sees them. */
static inline struct cluster_report
peers_report(const struct rig_bed *b, unsigned server)
{
	struct cluster_report r[64];
	unsigned n = cluster_reports(b->conf->http->routes[0].cluster, clock_mono(), r, 64);
	for (unsigned i = 0; i < n && i < 64; i++)
		if (strcmp(r[i].address, b->server[server]) == 0)
			return r[i];
	return (struct cluster_report){ .address = "" };
}

/* Wait until a condition holds. */
#define PEERS_UNTIL(condition) do { \
		fl_ns end_ = clock_mono() + RIG_PATIENCE_S * FL_SEC; \
		while (!(condition)) { \
			if (clock_mono() > end_) \
				fail_msg("never: %s", #condition); \
			poll(NULL, 0, 1); \
		} \
	} while (0)

#endif
