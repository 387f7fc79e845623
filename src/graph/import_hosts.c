/* SPDX-License-Identifier: MIT */
/* import_hosts.c - see import_hosts.h. */
#include "graph/import_hosts.h"
#include "base/assert.h"
#include "graph/import_image.h"
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
	    &all->labels,
		&all->told };
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
		"l", "peaonmi", "tanpe", "tap", "an", "antp", "t", "data", "raw", "tanop", "tnp", "all", "output", "oneline", "ct", "text" };

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

/* Programs of every machine, which are no service of the estate. */
static bool
is_housekeeping(const char *process)
{
	static const char *const names[] = { "sshd", "systemd", "systemd-resolve", "systemd-timesyn", "systemd-network", "chronyd", "ntpd",
	    "dhclient", "rpcbind",
		"avahi-daemon", "cupsd", "master", "init", "ssh", "node_exporter", "containerd", "dockerd", "kubelet", "docker-proxy",
		"sshd-session" };

	for (size_t i = 0; i < FL_ARRAY_LEN(names); i++) {
		if (strcmp(names[i], process) == 0)
			return true;
	}
	return false;
}

/* "redis" of "/system.slice/redis.service"; "" of what is no service: sessions of users, containers that have only a number. */
static void
unit_name(const char *unit, char *out, size_t out_bytes)
{
	const char *slash = strrchr(unit, '/'), *base = slash != NULL ? slash + 1 : unit, *dot = strstr(base, ".service");

	out[0] = '\0';
	if (strncmp(unit, "container:", 10) == 0)
		snprintf(out, out_bytes, "%s", unit + 10);
	else if (dot != NULL && dot[8] == '\0' && strncmp(base, "user@", 5) != 0 && strstr(unit, "user.slice") == NULL)
		snprintf(out, out_bytes, "%.*s", (int)FL_MIN((size_t)(dot - base), out_bytes - 1), base);
}

static const char *
label_of(struct import *im, const struct import_socket *s)
{
	char unit[256];

	unit_name(s->unit, unit, sizeof(unit));
	if (unit[0] == '\0')
		return is_housekeeping(s->process) ? "" : s->process;
	return is_housekeeping(unit) ? "" : import_keep(im, unit);
}

static void
learn_label(struct import *im, struct import_sockets *all, struct host_socket *x)
{
	const char *label = label_of(im, &x->s);
	struct import_host *h = x->host, *first;

	if (label == NULL || label[0] == '\0')
		return;
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

void
import_hosts_learn(struct import *im)
{
	struct import_sockets *all = im->parts->sockets;

	learn_names(all);
	for (struct host_socket *x = all->sockets; x != NULL && im->failed == 0; x = x->next) {
		struct import_addr any = x->s.local;

		learn_ip(im, all, x->host, &x->s.local);
		learn_label(im, all, x);
		if (x->s.listening) {
			if (import_addr_is_any(&any))
				memset(any.ip, 0, 16);
			put_at_host(im, &all->listeners, x->host, &any, x);
		} else {
			put_at_host(im, &all->by_local, x->host, &x->s.local, x);
		}
	}
	for (struct host_socket *x = all->sockets; x != NULL && im->failed == 0; x = x->next) {
		if (!x->s.listening && !import_addr_is_loopback(&x->s.peer) && import_hosts_listener(all, x->host, &x->s.local) != NULL)
			put(im, &all->by_peer, &x->s.peer, sizeof(x->s.peer), x);
	}
	for (struct host_track *x = all->tracks; x != NULL && im->failed == 0; x = x->next) {
		struct pair_key k;

		memset(&k, 0, sizeof(k));
		k = (struct pair_key){ .client = x->t.from, .server = x->t.to };
		put(im, &all->reached, &k, sizeof(k), x);
		k = (struct pair_key){ .client = x->t.returned, .server = x->t.reached };
		put(im, &all->returned, &k, sizeof(k), x);
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

	memset(&k, 0, sizeof(k));
	k.client = *client;
	k.server = *server;
	x = map_getn(client_side ? &all->reached : &all->returned, &k, sizeof(k));
	if (x == NULL)
		return client_side ? server : client;
	return client_side ? &x->t.reached : &x->t.from;
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

	if (label[0] != '\0' && (o->label_count > 1 || o->use_name[0] == '\0')) {
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

void
import_hosts_end(struct import *im, struct import_host *h, const struct import_addr *a, bool server, struct host_end *ret)
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
	x = server ? import_hosts_listener(all, o, a) : get_at_host(&all->by_local, o, a);
	if (x != NULL)
		ret->process = x->s.process;
	if (is_housekeeping(ret->process) && server)
		return;
	import_addr_text(a, text);
	bare.port = 0;
	import_addr_text(&bare, ip);
	label = x != NULL ? label_of(im, &x->s) : "";
	if (server && import_tally_knows(im, text))
		ret->name = import_tally_name_of(im, text);
	else
		ret->name = service_name(im, o, label != NULL ? label : "", import_addr_is_loopback(a) ? NULL : ip);
	ret->kind = server ? import_process_kind(ret->process, a->port) : SIGHT_SERVICE;
	if (server && ret->kind == SIGHT_SERVICE && ret->process[0] == '\0')
		ret->kind = import_process_kind("", a->port);
	/* On a host of several services nobody says whose it was (TIME-WAIT has no process): no line rather than one of the host's. */
	if (o->label_count > 1 && (label == NULL || label[0] == '\0') && !(server && import_tally_knows(im, text)))
		ret->name = server && !import_addr_is_loopback(a) ? import_keep(im, text) : NULL;
}
