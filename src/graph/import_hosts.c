/* SPDX-License-Identifier: MIT */
/* import_hosts.c - see import_hosts.h. */
#include "graph/import_hosts.h"
#include "base/assert.h"
#include "graph/import_image.h"
#include "graph/import_programs.h"
#include "graph/import_ref.h"
#include "graph/import_tally.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct import_sockets *
import_hosts_state(struct import *im)
{
	struct import_sockets *all = im->parts->sockets;

	if (all != NULL)
		return all;
	all = import_alloc(im, sizeof(*all));
	if (all == NULL)
		return NULL;
	all->sockets_end = &all->sockets;
	all->tracks_end = &all->tracks;
	struct map *const maps[] = { &all->by_ip, &all->listeners, &all->by_local, &all->by_peer, &all->reached, &all->returned, &all->conns,
	    &all->labels, &all->told, &all->units, &all->callers_of, &all->fans, &all->vips,
		&all->masks, &all->forwards };
	for (size_t i = 0; i < FL_ARRAY_LEN(maps); i++)
		map_init(maps[i], i, (uint64_t)im->opts.now);
	im->parts->sockets = all;
	return all;
}

void
import_hosts_fini(struct import_sockets *all)
{
	if (all == NULL)
		return;
	map_fini(&all->by_ip);
	map_fini(&all->listeners);
	map_fini(&all->by_local);
	map_fini(&all->by_peer);
	map_fini(&all->reached);
	map_fini(&all->returned);
	map_fini(&all->conns);
	map_fini(&all->labels);
	map_fini(&all->told);
	map_fini(&all->units);
	map_fini(&all->callers_of);
	map_fini(&all->fans);
	map_fini(&all->vips);
	map_fini(&all->masks);
	map_fini(&all->forwards);
}

struct import_host *
import_sockets_host(struct import *im, const char *source, const char *name, const char *perhaps)
{
	struct import_sockets *all = import_hosts_state(im);
	struct import_host *h;

	for (h = all != NULL ? all->hosts : NULL; h != NULL; h = h->next) {
		if (strcmp(h->name, name) == 0 && (name[0] != '\0' || strcmp(h->perhaps, perhaps) == 0) && strcmp(h->source, source) == 0)
			return h;
	}
	h = all != NULL ? import_alloc(im, sizeof(*h)) : NULL;
	if (h == NULL)
		return NULL;
	h->source = source;
	h->name = import_keep(im, name);
	h->perhaps = import_keep(im, perhaps);
	h->use_name = "";
	h->number = all->host_count++;
	h->next = all->hosts;
	h->at = import_line(im, 0);
	h->when = im->file != NULL && im->file->when != 0 ? im->file->when : im->opts.now;
	all->hosts = h;
	return h->name != NULL && h->perhaps != NULL ? h : NULL;
}

/* Words of a file's name that say what it holds, not whose it is. */
static bool
is_generic(const char *w, size_t n)
{
	static const char *const words[] = { "ss", "tan", "tanp", "tn", "ta", "tlnp", "tinoepm", "netstat", "conntrack", "proc", "net", "tcp",
	    "tcp6", "txt",
		"log", "out", "dump", "sockets", "socket", "list", "established", "estab", "listen", "after", "before", "snapshot", "nf",
		"events", "e",
		"l", "peaonmi", "tanpe", "tap", "an", "antp", "t", "data", "raw", "tanop", "tnp", "all", "output", "oneline", "ct", "text",
		"lsof", "nPi", "npi", "iTCP", "tunap", "tunlp", "tulpn", "tulnp", "tlp", "tup", "tunp", "tuna", "tun", "tanpo", "tnpo", "tienap",
		"tanpie", "tie", "tpn", "tapn", "antup", "tulpan", "tupan", "ntap", "conn", "conns", "connections", "phase1", "phase2" };

	for (size_t i = 0; i < FL_ARRAY_LEN(words); i++) {
		if (strlen(words[i]) == n && memcmp(words[i], w, n) == 0)
			return true;
	}
	return n >= 8 && strspn(w, "0123456789T") >= n;
}

/* "web1" of "web1-ss-tanp.txt" and of "ss_web1.txt"; nothing of "ss.txt". */
static void
host_word(const char *base, size_t n, char *out, size_t out_bytes)
{
	static const char separators[] = "._-";
	size_t from = 0, to = n;

	for (bool more = true; more && from < to;) {
		size_t len = strcspn(base + from, separators);

		len = FL_MIN(len, to - from);
		more = is_generic(base + from, len);
		if (more)
			from += FL_MIN(len + 1, to - from);
	}
	for (bool more = true; more && from < to;) {
		size_t at = to;

		while (at > from && strchr(separators, base[at - 1]) == NULL)
			at--;
		more = is_generic(base + at, to - at);
		if (more)
			to = at > from ? at - 1 : from;
	}
	snprintf(out, out_bytes, "%.*s", (int)FL_MIN(to - from, out_bytes - 1), base + from);
}

struct import_host *
import_sockets_file_host(struct import *im, const char *source)
{
	const char *path = im->parts->file, *end = path + strlen(path), *from;
	char name[256] = "", perhaps[256] = "", *into = name;

	/* The file's own name; when that says nothing, the folders that it lies in. */
	for (;; end = from - 1) {
		for (from = end; from > path && from[-1] != '/'; from--)
			;
		host_word(from, (size_t)(end - from), into, sizeof(name));
		if (into[0] == '.')
			into[0] = '\0';
		into = perhaps;
		if (name[0] != '\0' || perhaps[0] != '\0' || from == path)
			break;
	}
	return import_sockets_host(im, source, name, name[0] != '\0' ? "" : perhaps);
}

void
import_sockets_apart(struct import_host *h)
{
	h->apart = true;
}

bool
import_sockets_is_apart(const struct import_host *h)
{
	return h->apart || h->program_count > 1;
}

void
import_sockets_own(struct import *im, struct import_host *h, const struct import_addr *a)
{
	struct import_sockets *all = im->parts->sockets;
	struct host_own *o = import_alloc(im, sizeof(*o));

	if (o == NULL)
		return;
	*o = (struct host_own){ .next = all->own, .host = h, .a = *a };
	all->own = o;
}

struct import_socket *
import_sockets_seen(struct import *im, struct import_host *h, const struct import_socket *s, struct import_at at)
{
	struct import_sockets *all = im->parts->sockets;
	struct host_socket *x = import_alloc(im, sizeof(*x));

	if (x == NULL)
		return NULL;
	*x = (struct host_socket){ .host = h, .s = *s, .at = at, .when = h->when };
	h->listeners += s->listening;
	*all->sockets_end = x;
	all->sockets_end = &x->next;
	return &x->s;
}

void
import_sockets_tracked(struct import *im, struct import_host *h, const struct import_track *t, struct import_at at)
{
	struct import_sockets *all = im->parts->sockets;
	struct host_track *x = import_alloc(im, sizeof(*x));

	if (x == NULL)
		return;
	*x = (struct host_track){ .host = h, .t = *t, .at = at, .when = h->when };
	*all->tracks_end = x;
	all->tracks_end = &x->next;
}

/* Keys of the maps. */
struct host_key {
	uint32_t number;
	struct import_addr a;
};
struct pair_key {
	struct import_addr client, server;
};

static void
put(struct import *im, struct map *m, const void *key, size_t n, void *value)
{
	if (map_getn(m, key, n) == NULL && map_putn(m, key, n, value, NULL) != 0 && im->failed == 0)
		im->failed = -ENOMEM;
}

static void
put_at_host(struct import *im, struct map *m, const struct import_host *h, const struct import_addr *a, void *value)
{
	struct host_key k;

	memset(&k, 0, sizeof(k));
	k.number = h->number;
	k.a = *a;
	put(im, m, &k, sizeof(k), value);
}

static void *
get_at_host(const struct map *m, const struct import_host *h, const struct import_addr *a)
{
	struct host_key k;

	memset(&k, 0, sizeof(k));
	k.number = h->number;
	k.a = *a;
	return map_getn(m, &k, sizeof(k));
}

/* Of several of one key, the first whose process is known. */
static void
put_known(struct import *im, struct map *m, const struct import_host *h, const struct import_addr *a, struct host_socket *x)
{
	struct host_socket *first = get_at_host(m, h, a);
	struct host_key k;

	if (first == NULL || (first->s.process[0] == '\0' && x->s.process[0] != '\0')) {
		memset(&k, 0, sizeof(k));
		k.number = h->number;
		k.a = *a;
		if (map_putn(m, &k, sizeof(k), x, NULL) != 0)
			im->failed = -ENOMEM;
	}
}

static void
learn_forward(struct import *im, struct import_sockets *all, struct host_socket *x)
{
	struct import_addr a;

	if (x->s.app != NULL && strcmp(x->s.process, "docker-proxy") == 0 && import_addr_end(x->s.app, strlen(x->s.app), &a))
		put_at_host(im, &all->forwards, x->host, &a, x);
}

bool
import_hosts_forwards(const struct import_sockets *all, const struct import_host *h, const struct import_addr *a)
{
	return h != NULL && get_at_host(&all->forwards, h, a) != NULL;
}

/* What a host's services are called, each once. */
static void
learn_label(struct import *im, struct import_sockets *all, struct import_host *h, const char *label)
{
	struct import_host *first;

	for (uint32_t i = 0; i < h->label_count; i++) {
		if (strcmp(h->labels[i], label) == 0)
			return;
	}
	if (h->label_count == HOST_LABELS_MAX)
		return;
	h->labels[h->label_count++] = label;
	first = map_get(&all->labels, label);
	if (map_put(&all->labels, label, first == NULL || first == h ? h : &all->several, NULL) != 0)
		im->failed = -ENOMEM;
}

/* Whose sockets are told apart by program: those of a host that nobody named, and of one on which several programs listen. */
static bool
is_split(const struct import_host *h)
{
	return h->use_name[0] == '\0' || import_sockets_is_apart(h);
}

static void
learn_programs(struct import *im, struct import_sockets *all)
{
	for (struct host_socket *x = all->sockets; x != NULL && im->failed == 0; x = x->next) {
		if (x->s.listening)
			import_programs_unit(im, x);
	}
	for (struct host_socket *x = all->sockets; x != NULL && im->failed == 0; x = x->next) {
		if (x->s.listening)
			import_programs_listener(im, x);
	}
	for (struct import_host *h = all->hosts; h != NULL && im->failed == 0; h = h->next) {
		import_programs_finish(im, h);
		for (const struct host_program *p = h->programs; p != NULL && p->name != NULL && is_split(h); p = p->next)
			learn_label(im, all, h, p->name);
	}
	for (struct host_socket *x = all->sockets; x != NULL && im->failed == 0; x = x->next) {
		const char *label = !x->s.listening && is_split(x->host) ? import_programs_label(im, x) : "";

		if (label[0] != '\0' && !import_programs_is_tool(x->s.process))
			learn_label(im, all, x->host, label);
	}
}

static void
learn_names(struct import_sockets *all)
{
	const char *perhaps = NULL;
	bool differ = false;

	for (const struct import_host *h = all->hosts; h != NULL; h = h->next) {
		if (h->name[0] != '\0')
			continue;
		differ = differ || (perhaps != NULL && strcmp(perhaps, h->perhaps) != 0);
		perhaps = h->perhaps;
	}
	for (struct import_host *h = all->hosts; h != NULL; h = h->next)
		h->use_name = h->name[0] != '\0' ? h->name : differ ? h->perhaps : "";
}

/* An address belongs to the host that has it, unless several have it, such as that of a bridge. The same host's dumps of two kinds are one. */
static void
learn_ip(struct import *im, struct import_sockets *all, struct import_host *h, const struct import_addr *a)
{
	struct import_host *owner;

	if (import_addr_is_loopback(a) || import_addr_is_any(a))
		return;
	if (h->first.port == 0) {
		h->first = *a;
		h->first.port = 1;
	}
	owner = map_getn(&all->by_ip, a->ip, 16);
	if (owner == NULL)
		put(im, &all->by_ip, a->ip, 16, h);
	else if (owner != h && owner != &all->several && strcmp(owner->use_name, h->use_name) != 0)
		(void)map_putn(&all->by_ip, a->ip, 16, &all->several, NULL);
}

static bool
is_same_addr(const struct import_addr *a, const struct import_addr *b)
{
	return memcmp(a->ip, b->ip, 16) == 0 && a->port == b->port;
}

static void
pair_of(const struct import_addr *client, const struct import_addr *server, bool any_port, struct pair_key *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->client = *client;
	ret->server = *server;
	if (any_port)
		ret->client.port = 0;
}

/* Who a NAT leads to, as far as it is always the same. */
static void
learn_nat(struct import *im, struct import_sockets *all, struct host_track *x)
{
	const struct host_track *first;
	struct pair_key k;

	if (!is_same_addr(&x->t.to, &x->t.reached)) {
		pair_of(&x->t.from, &x->t.to, true, &k);
		first = map_getn(&all->vips, &k, sizeof(k));
		if (first != NULL && !is_same_addr(&first->t.reached, &x->t.reached))
			(void)map_putn(&all->vips, &k, sizeof(k), &all->several_tracks, NULL);
		put(im, &all->vips, &k, sizeof(k), x);
	}
	if (memcmp(x->t.from.ip, x->t.returned.ip, 16) != 0) {
		pair_of(&x->t.returned, &x->t.reached, true, &k);
		first = map_getn(&all->masks, &k, sizeof(k));
		if (first != NULL && memcmp(first->t.from.ip, x->t.from.ip, 16) != 0)
			(void)map_putn(&all->masks, &k, sizeof(k), &all->several_tracks, NULL);
		put(im, &all->masks, &k, sizeof(k), x);
	}
}

void
import_hosts_learn(struct import *im)
{
	struct import_sockets *all = im->parts->sockets;

	learn_names(all);
	for (const struct host_own *o = all->own; o != NULL && im->failed == 0; o = o->next)
		learn_ip(im, all, o->host, &o->a);
	for (struct host_socket *x = all->sockets; x != NULL && im->failed == 0; x = x->next) {
		struct import_addr any = x->s.local;

		learn_ip(im, all, x->host, &x->s.local);
		if (x->s.listening) {
			if (import_addr_is_any(&any))
				memset(any.ip, 0, 16);
			put_at_host(im, &all->listeners, x->host, &any, x);
			learn_forward(im, all, x);
		} else {
			if (x->s.local.port != 0)
				put_known(im, &all->by_local, x->host, &x->s.local, x);
			put_known(im, &all->callers_of, x->host, &x->s.peer, x);
		}
	}
	learn_programs(im, all);
	for (struct host_socket *x = all->sockets; x != NULL && im->failed == 0; x = x->next) {
		if (!x->s.listening && !import_addr_is_loopback(&x->s.peer) && import_hosts_listener(all, x->host, &x->s.local) != NULL)
			put(im, &all->by_peer, &x->s.peer, sizeof(x->s.peer), x);
	}
	for (struct host_track *x = all->tracks; x != NULL && im->failed == 0; x = x->next) {
		struct pair_key k;

		pair_of(&x->t.from, &x->t.to, false, &k);
		put(im, &all->reached, &k, sizeof(k), x);
		pair_of(&x->t.returned, &x->t.reached, false, &k);
		put(im, &all->returned, &k, sizeof(k), x);
		learn_nat(im, all, x);
	}
}

struct import_host *
import_hosts_of(const struct import_sockets *all, const struct import_host *h, const struct import_addr *a)
{
	struct import_host *owner;

	if (import_addr_is_loopback(a))
		return (struct import_host *)(uintptr_t)h;
	owner = map_getn(&all->by_ip, a->ip, 16);
	return owner != NULL && owner != &all->several ? owner : NULL;
}

const struct host_socket *
import_hosts_listener(const struct import_sockets *all, const struct import_host *h, const struct import_addr *a)
{
	struct import_addr any = { .port = a->port };
	const struct host_socket *x = get_at_host(&all->listeners, h, a);

	return x != NULL ? x : get_at_host(&all->listeners, h, &any);
}

const struct host_socket *
import_hosts_by_peer(const struct import_sockets *all, const struct import_addr *a)
{
	return map_getn(&all->by_peer, a, sizeof(*a));
}

const struct import_addr *
import_hosts_tracked(const struct import_sockets *all, const struct import_addr *client, const struct import_addr *server, bool client_side)
{
	struct pair_key k;
	const struct host_track *x;

	pair_of(client, server, false, &k);
	x = map_getn(client_side ? &all->reached : &all->returned, &k, sizeof(k));
	if (x == NULL) {
		pair_of(client, server, true, &k);
		x = map_getn(client_side ? &all->vips : &all->masks, &k, sizeof(k));
	}
	if (x == &all->several_tracks)
		return NULL;
	if (x == NULL)
		return client_side ? server : client;
	return client_side ? &x->t.reached : &x->t.from;
}

int
import_hosts_opener(const struct import_sockets *all, const struct import_addr *local, const struct import_addr *peer)
{
	struct pair_key k;

	pair_of(local, peer, false, &k);
	if (map_getn(&all->reached, &k, sizeof(k)) != NULL)
		return 1;
	pair_of(peer, local, false, &k);
	return map_getn(&all->returned, &k, sizeof(k)) != NULL ? -1 : 0;
}

static void
count_end(struct import *im, struct map *m, uint32_t number, const struct import_addr *a, uint32_t count)
{
	struct host_key k;
	uintptr_t before;

	memset(&k, 0, sizeof(k));
	k.number = number;
	k.a = *a;
	before = (uintptr_t)map_getn(m, &k, sizeof(k));
	if (map_putn(m, &k, sizeof(k), (void *)(before + count), NULL) != 0)
		im->failed = -ENOMEM;
}

#define ANYBODY UINT32_MAX

uint32_t
import_hosts_fan(struct import *im, const struct import_host *h, const struct import_addr *a)
{
	struct import_sockets *all = im->parts->sockets;
	struct host_key k;

	for (const struct host_socket *x = all->sockets; x != NULL && !all->fans_counted && im->failed == 0; x = x->next) {
		if (x->s.listening || x->s.local.port == 0)
			continue;
		count_end(im, &all->fans, x->host->number, &x->s.local, FL_MAX(x->s.count, 1u));
		count_end(im, &all->fans, ANYBODY, &x->s.peer, FL_MAX(x->s.count, 1u));
	}
	all->fans_counted = true;
	memset(&k, 0, sizeof(k));
	k.number = h != NULL ? h->number : ANYBODY;
	k.a = *a;
	return (uint32_t)(uintptr_t)map_getn(&all->fans, &k, sizeof(k));
}

/* The name of an address that nobody's dump has. */
static void
end_outside(struct import *im, const struct import_addr *a, bool server, struct host_end *ret)
{
	struct import_addr bare = *a;
	char text[64];
	const char *name;

	if (!server)
		bare.port = 0;
	import_addr_text(&bare, text);
	name = import_tally_name_of(im, text);
	if (!server && name == text && !import_addr_is_private(a)) {
		/* One of many from outside. */
		ret->name = "user";
		ret->kind = SIGHT_USER;
		return;
	}
	ret->name = name == text ? import_keep(im, text) : name;
	ret->kind = name != text ? (server ? import_process_kind("", a->port) : SIGHT_SERVICE) :
	    import_addr_is_private(a) ? (server ? import_process_kind("", a->port) : SIGHT_KIND_UNKNOWN) : SIGHT_EXTERNAL;
	if (name == text && ret->kind == SIGHT_SERVICE)
		ret->kind = SIGHT_KIND_UNKNOWN;
}

/* The name of a service of a host that we saw. ip: its address as text. */
static const char *
service_name(struct import *im, const struct import_host *o, const char *label, const char *ip)
{
	struct import_sockets *all = im->parts->sockets;
	char first[64];
	struct import_addr bare = o->first;

	if (label[0] != '\0' && is_split(o)) {
		if (map_get(&all->labels, label) == &all->several && o->use_name[0] != '\0')
			return import_printf(im, "%s@%s", label, o->use_name);
		return label;
	}
	if (ip != NULL && import_tally_knows(im, ip))
		return import_tally_name_of(im, ip);
	if (o->use_name[0] != '\0')
		return o->use_name;
	bare.port = 0;
	if (ip == NULL && o->first.port != 0)
		ip = import_tally_name_of(im, import_addr_text(&bare, first));
	return import_keep(im, ip != NULL ? ip : "localhost");
}

/* The socket that says most of that end: of a server its listener, else one that it accepted; of a client its own, else one to the same server. */
static const struct host_socket *
speaker(const struct import_sockets *all, const struct import_host *o, const struct import_addr *a, const struct import_addr *far, bool server)
{
	const struct host_socket *x = server ? import_hosts_listener(all, o, a) : NULL, *other;

	if (x == NULL)
		x = get_at_host(&all->by_local, o, a);
	if (x != NULL && x->s.process[0] != '\0')
		return x;
	other = server ? get_at_host(&all->by_local, o, a) : get_at_host(&all->callers_of, o, far);
	return other != NULL && other->s.process[0] != '\0' ? other : x;
}

void
import_hosts_end(struct import *im, struct import_host *h, const struct import_addr *a, const struct import_addr *far,
    const struct host_socket *own, bool server, struct host_end *ret)
{
	struct import_sockets *all = im->parts->sockets;
	struct import_host *o = import_hosts_of(all, h, a);
	const struct host_socket *x;
	const char *label;
	struct import_addr bare = *a;
	char text[64], ip[64];

	*ret = (struct host_end){ .host = o, .process = "" };
	/* Somebody's shell, not a service. */
	if (server && a->port == 22)
		return;
	if (o == NULL) {
		end_outside(im, a, server, ret);
		return;
	}
	x = own != NULL && own->s.process[0] != '\0' && own->host == o ? own : speaker(all, o, a, far, server);
	if (x != NULL)
		ret->process = x->s.process;
	if (import_programs_is_housekeeping(ret->process) && server)
		return;
	import_addr_text(a, text);
	bare.port = 0;
	import_addr_text(&bare, ip);
	label = x != NULL ? import_programs_label(im, x) : "";
	if (label[0] == '\0' && o->apart && o->label_count == 1)
		label = o->labels[0];
	if (server && import_tally_knows(im, text))
		ret->name = import_tally_name_of(im, text);
	else
		ret->name = service_name(im, o, label, import_addr_is_loopback(a) ? NULL : ip);
	ret->kind = server ? import_process_kind(ret->process, a->port) : SIGHT_SERVICE;
	if (server && ret->kind == SIGHT_SERVICE && ret->process[0] == '\0')
		ret->kind = import_process_kind("", a->port);
	/* On a host of several services nobody says whose it was (TIME-WAIT has no process): no line rather than one of the host's. */
	if (is_split(o) && o->label_count > 1 && label[0] == '\0' && !(server && import_tally_knows(im, text)))
		ret->name = server && !import_addr_is_loopback(a) ? import_keep(im, text) : NULL;
}
