/* SPDX-License-Identifier: MIT */
/* peer.c - see peer.h. */
#include "peer.h"
#include "fail.h"
#include "sock.h"
#include "step.h"
#include "swarm.h"
#include "vars.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEERS_MAX 64

static struct peer peers[PEERS_MAX];
static size_t peer_count;

static struct peer *
peer_get(const char *name, bool server)
{
	struct peer *p;

	for (size_t i = 0; i < peer_count; i++)
		if (strcmp(peers[i].name, name) == 0 && peers[i].server == server)
			return &peers[i];
	if (peer_count == PEERS_MAX)
		fail_test("more than %d servers and clients", PEERS_MAX);
	p = &peers[peer_count++];
	*p = (struct peer){ .server = server, .listener = -1, .fd = -1, .repeat = 1 };
	snprintf(p->name, sizeof(p->name), "%s", name);
	return p;
}

static void
connect_client(struct peer *p)
{
	int fd = sock_connect(vars_expand(p->connect), p->from);

	if (p->refused && fd != -ECONNREFUSED && fd != -ENOENT)
		fail_test("connecting should be refused: %s", fd < 0 ? strerror(-fd) : "connected");
	if (!p->refused && fd < 0)
		fail_test("connect %s: %s", vars_expand(p->connect), strerror(-fd));
	p->fd = fd < 0 ? -1 : fd;
}

static void *
peer_main(void *arg)
{
	struct peer *p = arg;

	fail_at(p->name, p->steps_line);
	for (long long i = 0; i < p->repeat; i++) {
		if (!p->server)
			connect_client(p);
		if (p->steps != NULL)
			step_run(p, p->steps, p->steps_line);
		if (p->fd >= 0)
			close(p->fd);
		p->fd = -1;
	}
	return NULL;
}

static void
peer_start(struct peer *p)
{
	if (p->started)
		fail_test("%s runs already", p->name);
	if (pthread_create(&p->thread, NULL, peer_main, p) != 0)
		fail_test("no thread");
	p->started = true;
}

static void
peer_wait(struct peer *p)
{
	if (!p->started)
		fail_test("%s was not started", p->name);
	pthread_join(p->thread, NULL);
	p->started = false;
}

static void
publish(const struct peer *p)
{
	char name[48], addr[SOCK_TEXT_MAX];

	snprintf(name, sizeof(name), "%s_addr", p->name);
	vars_set(name, sock_name(p->listener, addr));
	snprintf(name, sizeof(name), "%s_port", p->name);
	vars_set(name, strrchr(addr, ':') + 1);
}

/* -listen, -closed, -full, -echo and servers with steps: all need a listener, each its own. */
static void
open_listener(struct peer *p, const char *addr, bool closed, bool full)
{
	if (p->listener >= 0)
		return;
	if (full)
		p->listener = sock_listen_full();
	else
		p->listener = sock_listen(addr, closed ? -1 : 1024);
	publish(p);
}

struct options {
	const char *listen;
	bool closed, full, echo, start, wait;
};

/* Words from 2 on. */
static void
read_options(struct peer *p, struct command *c, struct options *o)
{
	for (int i = 2; i < c->count; i++) {
		if (c->word[i].block) {
			p->steps = c->word[i].text;
			p->steps_line = c->word[i].line;
		} else if (words_is(c, i, "-start") || words_is(c, i, "-run")) {
			o->start = true;
			o->wait = words_is(c, i, "-run");
		} else if (words_is(c, i, "-wait")) {
			o->wait = true;
		} else if (words_is(c, i, "-repeat")) {
			p->repeat = words_number(c, ++i, "number of times");
		} else if (p->server && words_is(c, i, "-listen")) {
			o->listen = words_need(c, ++i, "address");
		} else if (p->server && words_is(c, i, "-closed")) {
			o->closed = true;
		} else if (p->server && words_is(c, i, "-full")) {
			o->full = true;
		} else if (p->server && words_is(c, i, "-echo")) {
			o->echo = true;
		} else if (!p->server && words_is(c, i, "-connect")) {
			p->connect = words_need(c, ++i, "address");
		} else if (!p->server && words_is(c, i, "-from")) {
			p->from = words_need(c, ++i, "address");
		} else if (!p->server && words_is(c, i, "-refused")) {
			p->refused = true;
		} else {
			fail_test("unknown option %s", c->word[i].text);
		}
	}
}

void
peer_command(struct command *c)
{
	struct options o = { .listen = "127.0.0.1:0" };
	bool server = words_is(c, 0, "server");
	struct peer *p = peer_get(words_need(c, 1, "name"), server);
	bool only_wait = c->count == 3 && words_is(c, 2, "-wait");

	if (only_wait) {                /* its thread runs: leave the rest alone */
		peer_wait(p);
		return;
	}
	p->steps_line = c->line;
	read_options(p, c, &o);
	if (!server && p->connect == NULL)
		fail_test("%s: -connect is missing", p->name);
	if (server)
		open_listener(p, o.listen, o.closed, o.full);
	if (o.echo)
		swarm_echo(p->listener);
	else if (o.start)
		peer_start(p);
	if (o.wait)
		peer_wait(p);
}

void
peer_wait_all(void)
{
	for (size_t i = 0; i < peer_count; i++)
		if (peers[i].started)
			peer_wait(&peers[i]);
}
