/* SPDX-License-Identifier: MIT */
/* socket_watch.c - see socket_watch.h. What a socket means is graph/import_sockets.c's matter, the same as for dumps. */
#include "map/socket_watch.h"
#include "base/map.h"
#include "base/units.h"
#include "graph/import_sockets.h"
#include "io/clock.h"
#include "io/connects.h"
#include "io/sockdiag.h"
#include "io/sockproc.h"
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MAX_DEFAULT 20000
#define NAMESPACES_MAX 256
#define SOCKETS_MAX (1u << 20)
#define SWEEP_MEMORY ((size_t)512 << 20)
#define NAMESPACE_EVERY 5       /* sweeps between two looks for namespaces when no socket asks for one */

#define ADDRESSES_MAX 64u

#define TRACK_EVERY 30u         /* sweeps between two looks at a tracker that has nothing */

struct space {
	uint64_t netns;
	struct sockdiag_space ask;
	char host[SOCKPROC_NAME_MAX];
	bool nameless, seen;
	bool several;                   /* several programs were seen to listen: they keep their names while one of them is away */
	unsigned quiet;                 /* sweeps since connections were tracked there */
	struct import_host *im_host, *im_tracker;       /* of the sweep */
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
	struct map owned;               /* addresses of all spaces, of the sweep */
	struct connects *connects;      /* NULL: may not be heard of */
	uint32_t telling;               /* the space whose tracked connections come */
	struct import im;               /* of the sweep */
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
	if (opts->host != NULL)
		memcpy(w->host, opts->host, strnlen(opts->host, sizeof(w->host) - 1));
	if (w->opts.links_max == 0)
		w->opts.links_max = LINKS_MAX_DEFAULT;
	r = sockproc_new(&w->procs);
	if (r == 0)
		r = sockdiag_open(NULL, opts->track, &w->spaces[0].ask);
	if (r < 0) {
		socket_watch_free(w);
		return r;
	}
	w->space_count = 1;
	/* Without it short connections of programs that share a host have no name. */
	(void)connects_new(&w->connects);
	w->cost.track_error = w->spaces[0].ask.track_error;
	w->spaces[0].netns = sockproc_own_netns(w->procs);
	*ret = w;
	return 0;
}

void
socket_watch_free(struct socket_watch *w)
{
	if (w == NULL)
		return;
	for (uint32_t i = 0; i < w->space_count; i++)
		sockdiag_close(&w->spaces[i].ask);
	connects_free(w->connects);
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

static void
add_space(struct socket_watch *w, uint64_t netns, const char *path, const char *host, bool nameless)
{
	struct space *x;
	uint32_t at = 0;

	while (at < w->space_count && w->spaces[at].netns != netns)
		at++;
	if (at == NAMESPACES_MAX)
		return;
	x = &w->spaces[at];
	if (at == w->space_count) {
		*x = (struct space){ .netns = netns, .nameless = nameless };
		if (sockdiag_open(path, w->opts.track, &x->ask) != 0)
			return;
		w->space_count++;
	}
	x->seen = true;
	snprintf(x->host, sizeof(x->host), "%s", at == 0 ? "" : host);
}

/* Namespaces come and go with their processes, or have a name. One that cannot be entered is asked for again the next time. */
static void
find_spaces(struct socket_watch *w)
{
	struct sockproc_netns *named = calloc(NAMESPACES_MAX, sizeof(*named));
	unsigned n = named != NULL ? sockproc_named(named, NAMESPACES_MAX) : 0;
	const struct sockproc_process *p;
	char path[SOCKPROC_NAME_MAX + 32];
	uint32_t kept = 1;

	for (uint32_t i = 1; i < w->space_count; i++)
		w->spaces[i].seen = false;
	for (unsigned i = 0; (p = sockproc_namespace(w->procs, i)) != NULL; i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/net", p->pid);
		add_space(w, p->netns, path, p->host, p->nameless);
	}
	for (unsigned i = 0; i < n; i++) {
		bool known = false;

		for (uint32_t k = 0; k < w->space_count; k++)
			known = known || (w->spaces[k].netns == named[i].netns && (k == 0 || w->spaces[k].seen));
		snprintf(path, sizeof(path), "/run/netns/%s", named[i].name);
		if (!known)
			add_space(w, named[i].netns, path, named[i].name, false);
	}
	free(named);
	for (uint32_t i = 1; i < w->space_count; i++) {
		if (w->spaces[i].seen)
			w->spaces[kept++] = w->spaces[i];
		else
			sockdiag_close(&w->spaces[i].ask);
	}
	w->space_count = kept;
}

static int
read_sockets(struct socket_watch *w)
{
	w->count = 0;
	for (uint32_t i = 0; i < w->space_count; i++) {
		struct sweeping x = { .w = w, .space = i };
		/* What is over has no process, but a place; and what lived between two sweeps was heard of in the end. */
		int r = sockdiag_sweep(w->spaces[i].ask.sockets, true, on_socket, &x);

		if (r == 0 && w->spaces[i].ask.closed >= 0)
			r = sockdiag_closed(w->spaces[i].ask.closed, on_socket, &x, &w->cost.lost);
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

		if (x->s.inode != 0 && x->s.state != TCP_CLOSE && (ports[at / 8] >> at % 8 & 1) == 0 && !sockproc_is_settled(w->procs, x->s.inode))
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

struct own_key {
	uint32_t space;
	uint8_t ip[16];
};

static struct own_key
own_key(uint32_t space, const struct sockdiag_end *e)
{
	struct own_key k = { .space = space };

	memcpy(k.ip, e->ip, 16);
	return k;
}

/* Is the other end of that socket one of the same namespace, so that it is seen as well? */
static bool
is_local(const struct map *own, const struct seen *x)
{
	static const uint8_t loopback[13] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127 };
	struct own_key k = own_key(x->space, &x->s.peer);

	return memcmp(x->s.peer.ip, loopback, 13) == 0 || map_getn(own, &k, sizeof(k)) != NULL;
}

static void
learn_own(struct socket_watch *w, struct map *own, uint8_t *ports)
{
	for (uint32_t i = 0; i < w->count; i++) {
		const struct seen *x = &w->sockets[i];
		size_t at = (size_t)x->space << 16 | x->s.local.port;
		struct own_key k = own_key(x->space, &x->s.local);

		if (x->s.state == TCP_LISTEN)
			ports[at / 8] |= (uint8_t)(1u << at % 8);
		else if (map_getn(own, &k, sizeof(k)) == NULL)
			(void)map_putn(own, &k, sizeof(k), w, NULL);
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
		s.app = p->app;
		s.unit = p->unit;
		s.pid = (uint32_t)p->master;
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
	if (server && is_local(own, x))
		return;
	/* What is over may be of who had the address before; who opened it is seen there. */
	if (server && (x->s.state == TCP_TIME_WAIT || x->s.state == TCP_CLOSE) && map_getn(&w->owned, x->s.peer.ip, 16) != NULL)
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

static void
tell_host(struct socket_watch *w, uint32_t i)
{
	struct space *x = &w->spaces[i];
	const char *name = i == 0 ? w->host : x->host;
	struct sockdiag_end own[ADDRESSES_MAX];
	unsigned n = x->ask.route >= 0 ? sockdiag_addresses(x->ask.route, own, ADDRESSES_MAX) : 0;

	x->im_host = import_sockets_host(&w->im, "sockets", name, "");
	x->im_tracker = w->opts.track ? import_sockets_host(&w->im, "conntrack", name, "") : NULL;
	if (x->im_host != NULL && (x->nameless || x->several))
		import_sockets_apart(x->im_host);
	for (unsigned k = 0; k < n && x->im_host != NULL; k++) {
		struct import_addr a;

		addr_of(&own[k], &a);
		(void)map_putn(&w->owned, own[k].ip, 16, w, NULL);
		import_sockets_own(&w->im, x->im_host, &a);
	}
}

static int
tell_sockets(struct socket_watch *w)
{
	uint8_t *ports = calloc((size_t)w->space_count << 13, 1);
	struct map own, groups;

	if (ports == NULL)
		return -ENOMEM;
	map_init(&own, 1, 2);
	map_init(&groups, 1, 2);
	learn_own(w, &own, ports);
	for (uint32_t i = 0; i < w->space_count; i++)
		tell_host(w, i);
	for (uint32_t i = 0; i < w->count && w->im.failed == 0; i++) {
		const struct seen *x = &w->sockets[i];

		struct import_host *h = w->spaces[x->space].im_host;

		if (h != NULL && x->s.local.port != 0 && (x->s.state == TCP_LISTEN || x->s.peer.port != 0))
			tell_one(w, h, x, &own, &groups, ports);
	}
	map_fini(&own);
	map_fini(&groups);
	free(ports);
	return 0;
}

/* Connections that processes opened since the last sweep, on hosts whose programs are told apart: elsewhere the host's name is enough. */
struct opening {
	struct socket_watch *w;
	struct map groups;
};

static void
on_connect(void *arg, const struct connects_event *e)
{
	struct opening *o = arg;
	struct socket_watch *w = o->w;
	const struct sockproc_process *p = sockproc_by_pid(w->procs, e->pid);
	struct seen x = { .s = { .local = { .port = 0 }, .peer = e->peer, .state = TCP_SYN_SENT } };
	struct import_socket *s;
	struct alike k;

	w->cost.opened++;
	if (p == NULL || w->im.failed != 0 || e->peer.port == 0)
		return;
	while (x.space < w->space_count && w->spaces[x.space].netns != p->netns)
		x.space++;
	if (x.space == w->space_count || w->spaces[x.space].im_host == NULL ||
	    (x.space > 0 && !w->spaces[x.space].nameless && !w->spaces[x.space].several))
		return;
	memcpy(x.s.local.ip, e->local.ip, 16);
	memset(&k, 0, sizeof(k));
	k.process = p;
	memcpy(k.far.ip, e->peer.ip, 16);
	k.far.port = e->peer.port;
	k.space = x.space;
	s = map_getn(&o->groups, &k, sizeof(k));
	if (s != NULL) {
		s->count++;
		return;
	}
	s = add_socket(w, w->spaces[x.space].im_host, &x, p);
	if (s == NULL)
		return;
	s->count = 1;
	s->failed = false;
	(void)map_putn(&o->groups, &k, sizeof(k), s, NULL);
}

static void
tell_connects(struct socket_watch *w)
{
	struct opening o = { .w = w };

	if (w->connects == NULL)
		return;
	map_init(&o.groups, 1, 2);
	connects_read(w->connects, on_connect, &o, &w->cost.lost);
	map_fini(&o.groups);
}

static int
on_track(void *arg, const struct sockdiag_track *t)
{
	struct socket_watch *w = arg;
	struct import_track x = { .udp = t->protocol == IPPROTO_UDP, .answered = t->answered };

	if (t->protocol != IPPROTO_TCP || w->im.failed != 0)
		return 0;
	x.hint = t->over && map_getn(&w->owned, t->from.ip, 16) != NULL;
	addr_of(&t->from, &x.from);
	addr_of(&t->to, &x.to);
	addr_of(&t->reached, &x.reached);
	addr_of(&t->returned, &x.returned);
	import_sockets_tracked(&w->im, w->spaces[w->telling].im_tracker, &x, import_line(&w->im, 0));
	w->cost.tracked++;
	return 0;
}

/* A tracker that is not allowed, or not there, is no failure of the sweep. */
static void
tell_tracked(struct socket_watch *w)
{
	uint64_t before;
	int r;

	w->cost.tracked = w->cost.events = 0;
	for (uint32_t i = 0; i < w->space_count; i++) {
		struct space *x = &w->spaces[i];

		w->telling = i;
		if (x->im_tracker == NULL)
			continue;
		before = w->cost.tracked;
		if (x->ask.born >= 0)
			(void)sockdiag_track_events(x->ask.born, on_track, w, &w->cost.lost);
		w->cost.events += w->cost.tracked - before;
		/* Where no rule asks for it nothing is tracked, which costs as much to find out: only now and then. */
		x->quiet = x->quiet < TRACK_EVERY && w->cost.tracked == before ? x->quiet + 1 : 0;
		if (x->ask.tracked < 0 || (x->quiet > 1 && x->quiet < TRACK_EVERY))
			continue;
		r = sockdiag_track_sweep(x->ask.tracked, on_track, w);
		x->quiet = w->cost.tracked == before ? FL_MAX(x->quiet, 1u) : 0;
		if (r == 0)
			continue;
		if (i == 0)
			w->cost.track_error = r;
		close(x->ask.tracked);
		x->ask.tracked = -1;
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
	map_init(&w->owned, 1, 2);
	import_init(&w->im, &opts);
	if (w->im.parts != NULL) {
		w->im.parts->file = "this host";
		r = tell_sockets(w);
		tell_connects(w);
		if (w->opts.track)
			tell_tracked(w);
	}
	if (r == 0)
		r = w->im.failed != 0 ? w->im.failed : import_finish(&w->im);
	for (uint32_t i = 0; i < w->space_count && r == 0; i++)
		w->spaces[i].several = w->spaces[i].im_host != NULL && import_sockets_is_apart(w->spaces[i].im_host);
	w->cost.told = w->im.told;
	import_fini(&w->im);
	map_fini(&w->owned);
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
