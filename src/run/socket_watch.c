/* SPDX-License-Identifier: MIT */
/* socket_watch.c - see socket_watch.h. What a socket means is graph/import_sockets.c's matter, the same as for dumps. */
#include "run/socket_watch.h"
#include "base/map.h"
#include "base/units.h"
#include "graph/import_sockets.h"
#include "io/clock.h"
#include "io/sockdiag.h"
#include "io/sockproc.h"
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MAX_DEFAULT 20000
#define NAMESPACES_MAX 256
#define SOCKETS_MAX (1u << 20)
#define SWEEP_MEMORY ((size_t)512 << 20)
#define NAMESPACE_EVERY 5       /* sweeps between two looks for namespaces when no socket asks for one */

struct space {
	uint64_t netns;
	int fd;
	char host[SOCKPROC_NAME_MAX];
	bool seen;
};

struct seen {
	struct sockdiag_socket s;
	uint32_t space;
};

struct socket_watch {
	struct socket_watch_opts opts;
	char host[SOCKPROC_NAME_MAX];
	struct sockproc *procs;
	struct space spaces[NAMESPACES_MAX];    /* [0] is our own */
	uint32_t space_count;
	struct seen *sockets;
	uint32_t count, room;
	int track_fd, event_fd;         /* -1 */
	struct import im;               /* of the sweep */
	struct import_host *tracker;
	struct socket_watch_cost cost;
};

int
socket_watch_new(const struct socket_watch_opts *opts, struct socket_watch **ret)
{
	struct socket_watch *w = calloc(1, sizeof(*w));
	int r;

	if (w == NULL)
		return -ENOMEM;
	w->opts = *opts;
	w->track_fd = w->event_fd = -1;
	if (opts->host != NULL)
		memcpy(w->host, opts->host, strnlen(opts->host, sizeof(w->host) - 1));
	if (w->opts.links_max == 0)
		w->opts.links_max = LINKS_MAX_DEFAULT;
	r = sockproc_new(&w->procs);
	if (r == 0)
		r = w->spaces[0].fd = sockdiag_open();
	if (r < 0) {
		w->spaces[0].fd = -1;
		socket_watch_free(w);
		return r;
	}
	w->space_count = 1;
	w->spaces[0].netns = sockproc_own_netns(w->procs);
	if (opts->track) {
		w->track_fd = sockdiag_track_open(false);
		w->event_fd = sockdiag_track_open(true);
		w->cost.track_error = FL_MIN(0, FL_MIN(w->track_fd, w->event_fd));
	}
	*ret = w;
	return 0;
}

void
socket_watch_free(struct socket_watch *w)
{
	if (w == NULL)
		return;
	for (uint32_t i = 0; i < w->space_count; i++) {
		if (w->spaces[i].fd >= 0)
			close(w->spaces[i].fd);
	}
	if (w->track_fd >= 0)
		close(w->track_fd);
	if (w->event_fd >= 0)
		close(w->event_fd);
	sockproc_free(w->procs);
	free(w->sockets);
	free(w);
}

struct sweeping {
	struct socket_watch *w;
	uint32_t space;
};

static int
on_socket(void *arg, const struct sockdiag_socket *s)
{
	struct sweeping *x = arg;
	struct socket_watch *w = x->w;

	if (w->count == w->room) {
		uint32_t room = w->room != 0 ? w->room * 2 : 4096;
		struct seen *grown = room <= SOCKETS_MAX ? realloc(w->sockets, room * sizeof(*grown)) : NULL;

		if (grown == NULL)
			return room <= SOCKETS_MAX ? -ENOMEM : -E2BIG;
		w->sockets = grown;
		w->room = room;
	}
	w->sockets[w->count++] = (struct seen){ .s = *s, .space = x->space };
	return 0;
}

/* Namespaces come and go with their processes. One that cannot be entered is asked for again the next time. */
static void
find_spaces(struct socket_watch *w)
{
	const struct sockproc_process *p;
	uint32_t kept = 1;

	for (uint32_t i = 1; i < w->space_count; i++)
		w->spaces[i].seen = false;
	for (unsigned i = 0; (p = sockproc_namespace(w->procs, i)) != NULL; i++) {
		uint32_t at = 1;
		int fd;

		while (at < w->space_count && w->spaces[at].netns != p->netns)
			at++;
		if (at < w->space_count) {
			w->spaces[at].seen = true;
			continue;
		}
		fd = w->space_count < NAMESPACES_MAX ? sockdiag_open_of(p->pid) : -1;
		if (fd < 0)
			continue;
		w->spaces[at] = (struct space){ .netns = p->netns, .fd = fd, .seen = true };
		memcpy(w->spaces[at].host, p->host, sizeof(p->host));
		w->space_count++;
	}
	for (uint32_t i = 1; i < w->space_count; i++) {
		if (w->spaces[i].seen)
			w->spaces[kept++] = w->spaces[i];
		else
			close(w->spaces[i].fd);
	}
	w->space_count = kept;
}

static int
read_sockets(struct socket_watch *w)
{
	w->count = 0;
	for (uint32_t i = 0; i < w->space_count; i++) {
		struct sweeping x = { .w = w, .space = i };
		/* What is over has no process: it says something only where there is one service, in a container. */
		int r = sockdiag_sweep(w->spaces[i].fd, i > 0, on_socket, &x);

		if (r != 0)
			return r;
	}
	return 0;
}

/* Sockets whose process is not known, but for those accepted by a listener that is. ports: of the listeners, per space and port. */
static unsigned
unknown(struct socket_watch *w, uint8_t *ports)
{
	unsigned n = 0;

	/* Listeners first: who accepted need not be looked for. */
	for (uint32_t i = 0; i < w->count; i++) {
		const struct seen *x = &w->sockets[i];
		size_t at = (size_t)x->space << 16 | x->s.local.port;

		if (x->s.state == TCP_LISTEN && sockproc_is_settled(w->procs, x->s.inode))
			ports[at / 8] |= (uint8_t)(1u << at % 8);
	}
	for (uint32_t i = 0; i < w->count; i++) {
		const struct seen *x = &w->sockets[i];
		size_t at = (size_t)x->space << 16 | x->s.local.port;

		if (x->s.inode != 0 && (ports[at / 8] >> at % 8 & 1) == 0 && !sockproc_is_settled(w->procs, x->s.inode))
			n++;
	}
	return n;
}

static int
find_processes(struct socket_watch *w)
{
	uint8_t *ports = calloc((size_t)w->space_count << 13, 1);
	unsigned n;

	if (ports == NULL)
		return -ENOMEM;
	n = unknown(w, ports);
	free(ports);
	w->cost.links = 0;
	if (n > 0)
		w->cost.links = sockproc_look(w->procs, n, w->opts.links_max);
	/* Looked at all of them: what is still not known is not ours to see. */
	for (uint32_t i = 0; i < w->count && n > 0 && w->cost.links < w->opts.links_max; i++) {
		if (w->sockets[i].s.inode != 0)
			sockproc_give_up(w->procs, w->sockets[i].s.inode);
	}
	return 0;
}

static void
addr_of(const struct sockdiag_end *e, struct import_addr *ret)
{
	memcpy(ret->ip, e->ip, 16);
	ret->port = e->port;
}

/* Connections that differ in the client's port only are told as one with a count. */
struct alike {
	const struct sockproc_process *process;
	struct sockdiag_end far;        /* of a client's socket the server; of a server's the client, its port left out */
	uint32_t space;
	uint16_t port;                  /* the server's own; 0: it is the client's socket */
	uint8_t state;
};

static bool
is_local(const struct map *own, const struct sockdiag_end *e)
{
	static const uint8_t loopback[13] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127 };

	return memcmp(e->ip, loopback, 13) == 0 || map_getn(own, e->ip, 16) != NULL;
}

/* Of namespace 0 the own addresses: the other end of a connection to one of them is seen as well. */
static void
learn_own(struct socket_watch *w, struct map *own, uint8_t *ports)
{
	for (uint32_t i = 0; i < w->count; i++) {
		const struct seen *x = &w->sockets[i];
		size_t at = (size_t)x->space << 16 | x->s.local.port;

		if (x->s.state == TCP_LISTEN)
			ports[at / 8] |= (uint8_t)(1u << at % 8);
		else if (x->space == 0 && map_getn(own, x->s.local.ip, 16) == NULL)
			(void)map_putn(own, x->s.local.ip, 16, w, NULL);
	}
}

static struct import_socket *
add_socket(struct socket_watch *w, struct import_host *h, const struct seen *x, const struct sockproc_process *p)
{
	struct import_socket s = { .process = "", .unit = "", .listening = x->s.state == TCP_LISTEN };

	addr_of(&x->s.local, &s.local);
	addr_of(&x->s.peer, &s.peer);
	s.failed = s.opened = x->s.state == TCP_SYN_SENT;
	if (p != NULL) {
		s.process = p->name;
		s.unit = p->unit;
		s.pid = (uint32_t)p->pid;
	}
	return import_sockets_seen(&w->im, h, &s, import_line(&w->im, 0));
}

static void
tell_one(struct socket_watch *w, struct import_host *h, const struct seen *x, const struct map *own, struct map *groups, const uint8_t *ports)
{
	const struct sockproc_process *p = sockproc_of(w->procs, x->s.inode);
	size_t at = (size_t)x->space << 16 | x->s.local.port;
	bool server = (ports[at / 8] >> at % 8 & 1) != 0;
	struct import_socket *s;
	struct alike k;

	w->cost.named += p != NULL;
	if (x->s.state == TCP_LISTEN) {
		(void)add_socket(w, h, x, p);
		return;
	}
	if (server && x->space == 0 && is_local(own, &x->s.peer))
		return;
	memset(&k, 0, sizeof(k));
	/* Member by member: what lies between them must stay zero. */
	k.process = p;
	memcpy(k.far.ip, x->s.peer.ip, 16);
	k.far.port = server ? 0 : x->s.peer.port;
	k.space = x->space;
	k.port = server ? x->s.local.port : 0;
	k.state = x->s.state;
	s = map_getn(groups, &k, sizeof(k));
	if (s != NULL) {
		s->count++;
		return;
	}
	s = add_socket(w, h, x, p);
	if (s == NULL)
		return;
	s->count = 1;
	(void)map_putn(groups, &k, sizeof(k), s, NULL);
}

static int
tell_sockets(struct socket_watch *w)
{
	struct import_host *hosts[NAMESPACES_MAX];
	uint8_t *ports = calloc((size_t)w->space_count << 13, 1);
	struct map own, groups;

	if (ports == NULL)
		return -ENOMEM;
	map_init(&own, 1, 2);
	map_init(&groups, 1, 2);
	learn_own(w, &own, ports);
	for (uint32_t i = 0; i < w->space_count; i++)
		hosts[i] = import_sockets_host(&w->im, "sockets", i == 0 ? w->host : w->spaces[i].host, "");
	for (uint32_t i = 0; i < w->count && w->im.failed == 0; i++) {
		const struct seen *x = &w->sockets[i];

		if (hosts[x->space] != NULL && x->s.state != TCP_CLOSE)
			tell_one(w, hosts[x->space], x, &own, &groups, ports);
	}
	map_fini(&own);
	map_fini(&groups);
	free(ports);
	return 0;
}

static int
on_track(void *arg, const struct sockdiag_track *t)
{
	struct socket_watch *w = arg;
	struct import_track x = { .udp = t->protocol == IPPROTO_UDP, .answered = t->answered };

	if (t->protocol != IPPROTO_TCP || w->im.failed != 0)
		return 0;
	addr_of(&t->from, &x.from);
	addr_of(&t->to, &x.to);
	addr_of(&t->reached, &x.reached);
	addr_of(&t->returned, &x.returned);
	import_sockets_tracked(&w->im, w->tracker, &x, import_line(&w->im, 0));
	w->cost.tracked++;
	return 0;
}

/* A tracker that is not allowed, or not there, is no failure of the sweep. */
static void
tell_tracked(struct socket_watch *w)
{
	uint64_t tracked;
	int r;

	w->cost.tracked = w->cost.events = 0;
	w->tracker = import_sockets_host(&w->im, "conntrack", w->host, "");
	if (w->tracker == NULL)
		return;
	if (w->event_fd >= 0)
		(void)sockdiag_track_events(w->event_fd, on_track, w, &w->cost.lost);
	w->cost.events = w->cost.tracked;
	if (w->track_fd < 0)
		return;
	tracked = w->cost.tracked;
	r = sockdiag_track_sweep(w->track_fd, on_track, w);
	if (r != 0) {
		w->cost.track_error = r;
		w->cost.tracked = tracked;
		close(w->track_fd);
		w->track_fd = -1;
	}
}

int
socket_watch_sweep(struct socket_watch *w, int64_t now, sight_fn *take, void *arg)
{
	struct import_opts opts = { .take = take, .arg = arg, .now = now, .memory_bytes = SWEEP_MEMORY };
	fl_ns start = clock_cpu();
	int r;

	w->cost.named = 0;
	sockproc_turn(w->procs);
	if (w->opts.namespaces && w->cost.sweeps % NAMESPACE_EVERY == 0) {
		(void)sockproc_look(w->procs, 0, 0);
		find_spaces(w);
	}
	r = read_sockets(w);
	if (r == 0)
		r = find_processes(w);
	if (r != 0)
		return r;
	import_init(&w->im, &opts);
	if (w->im.parts != NULL) {
		w->im.parts->file = "this host";
		r = tell_sockets(w);
		if (w->opts.track)
			tell_tracked(w);
	}
	if (r == 0)
		r = w->im.failed != 0 ? w->im.failed : import_finish(&w->im);
	w->cost.told = w->im.told;
	import_fini(&w->im);
	w->cost.sweeps++;
	w->cost.sockets = w->count;
	w->cost.namespaces = w->space_count;
	w->cost.cpu = clock_cpu() - start;
	w->cost.cpu_sum += w->cost.cpu;
	w->cost.cpu_max = FL_MAX(w->cost.cpu_max, w->cost.cpu);
	return r;
}

const struct socket_watch_cost *
socket_watch_cost(const struct socket_watch *w)
{
	return &w->cost;
}

void
socket_watch_say(const struct socket_watch *w, struct buf *out)
{
	const struct socket_watch_cost *c = &w->cost;
	char cpu[32], mean[32];

	buf_printf(out, "sweep %" PRIu64 ": %" PRIu64 " sockets in %" PRIu64 " network namespaces, %" PRIu64 " with a process", c->sweeps, c->sockets,
	    c->namespaces, c->named);
	if (w->opts.track && c->track_error == 0)
		buf_printf(out, ", %" PRIu64 " tracked connections (%" PRIu64 " events lost)", c->tracked, c->lost);
	else if (w->opts.track)
		buf_printf(out, ", connections are not tracked (%s)", strerror(-c->track_error));
	buf_printf(out, "; cost %s of CPU, %s on average, %" PRIu64 " links of /proc read", units_duration(cpu, sizeof(cpu), c->cpu),
	    units_duration(mean, sizeof(mean), c->sweeps > 0 ? c->cpu_sum / (fl_ns)c->sweeps : 0), c->links);
}
