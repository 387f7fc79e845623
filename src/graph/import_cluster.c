/* SPDX-License-Identifier: MIT */
/*
 * import_cluster.c - what follows from connections: where services listen, what was looked at, and clusters. Members of a cluster are those
 * that gossip with each other on a port that only a cluster has; who uses several members needs some of them.
 */
#include "graph/import_hosts.h"
#include "graph/import_image.h"
#include <stdio.h>
#include <string.h>

#define MEMBERS_MAX 4096
#define GROUP_MAX 64

/* Ports on which members of a cluster talk to each other, and whether the store needs a majority. */
struct gossip {
	uint16_t port;
	const char *process;            /* "" any */
	const char *cluster;
	bool quorum;
};
static const struct gossip gossips[] = {
	{ 16379, "", "redis", false }, { 4567, "", "mysql", true }, { 33061, "", "mysql", true }, { 9300, "", "elasticsearch", true },
	{ 7000, "", "cassandra", false }, { 7001, "", "cassandra", false }, { 2380, "", "etcd", true }, { 2888, "", "zookeeper", true },
	{ 3888, "", "zookeeper", true }, { 9093, "java", "kafka", false }, { 25672, "", "rabbitmq", true }, { 6222, "", "nats", true },
	{ 8300, "", "consul", true }, { 8301, "", "consul", true }, { 3002, "", "aerospike", false }, { 26257, "", "cockroachdb", true },
	{ 27017, "mongod", "mongodb", true }, { 9092, "java", "kafka", false }, { 5432, "postgres", "postgresql", false },
	{ 6379, "redis-server", "redis", false }, { 8020, "", "hdfs", false }, { 9866, "", "hdfs", false },
};

struct host_member {
	struct host_member *next;
	const char *name;
	const struct gossip *of;
	uint32_t cluster;               /* number of its first member */
	uint32_t number;
	int64_t when;                   /* of the latest dump that shows it */
};

/* Somebody who uses a service. */
struct host_caller {
	struct host_caller *next;
	const char *from, *to;
	const char *source;
	struct import_at at;
	int64_t when;
};

static struct host_member *
find(struct import_sockets *all, const char *name)
{
	for (struct host_member *m = all->members; m != NULL; m = m->next) {
		if (strcmp(m->name, name) == 0)
			return m;
	}
	return NULL;
}

static struct host_member *
member(struct import *im, struct import_sockets *all, const char *name, const struct gossip *g)
{
	struct host_member *m = find(all, name);
	uint32_t n = all->members != NULL ? all->members->number + 1 : 0;

	if (m != NULL || n >= MEMBERS_MAX)
		return m;
	m = import_alloc(im, sizeof(*m));
	if (m == NULL)
		return NULL;
	*m = (struct host_member){ .next = all->members, .name = name, .of = g, .cluster = n, .number = n };
	all->members = m;
	return m;
}

/* a and b belong together, and all that belong to either. */
static void
join(struct import_sockets *all, const struct host_member *a, const struct host_member *b)
{
	uint32_t from = FL_MAX(a->cluster, b->cluster), to = FL_MIN(a->cluster, b->cluster);

	for (struct host_member *m = all->members; m != NULL; m = m->next) {
		if (m->cluster == from)
			m->cluster = to;
	}
}

/* A connection is gossip when both ends run the same program, or the port is one that nothing else uses. */
static const struct gossip *
gossip_of(const struct host_end *from, const struct host_end *to, uint16_t port)
{
	for (size_t i = 0; i < FL_ARRAY_LEN(gossips); i++) {
		const struct gossip *g = &gossips[i];

		if (g->port != port || from->host == NULL || to->host == NULL || from->host == to->host)
			continue;
		if (g->process[0] == '\0' ? strcmp(from->process, to->process) == 0 :
		    strcmp(from->process, g->process) == 0 && strcmp(to->process, g->process) == 0)
			return g;
	}
	return NULL;
}

bool
import_hosts_gossip(const struct host_end *from, const struct host_end *to, const struct import_addr *server)
{
	return gossip_of(from, to, server->port) != NULL;
}

static void
tell_instance(struct import *im, const struct host_end *to, const struct import_addr *server)
{
	struct import_sockets *all = im->parts->sockets;
	struct sight s = import_sight(SIGHT_INSTANCE, to->host->source);
	char text[64], key[400];

	if (import_addr_is_loopback(server))
		return;
	snprintf(key, sizeof(key), "%s %.300s", import_addr_text(server, text), to->name);
	if (map_get(&all->told, key) != NULL || map_put(&all->told, key, all, NULL) != 0)
		return;
	s.name = to->name;
	s.kind = to->kind;
	s.address = text;
	import_tell(im, &s, to->host->at);
}

void
import_hosts_met(struct import *im, const struct host_end *from, const struct host_end *to, const struct import_addr *server)
{
	struct import_sockets *all = im->parts->sockets;
	const struct gossip *g = gossip_of(from, to, server->port);
	struct host_member *a = g != NULL ? member(im, all, from->name, g) : NULL, *b = g != NULL ? member(im, all, to->name, g) : NULL;
	char key[600];

	if (to->host != NULL && strcmp(to->name, from->name) != 0)
		tell_instance(im, to, server);
	if (a != NULL)
		a->when = FL_MAX(a->when, from->host->when);
	if (b != NULL)
		b->when = FL_MAX(b->when, to->host->when);
	if (a != NULL && b != NULL && a != b)
		join(all, a, b);
	snprintf(key, sizeof(key), "c %.250s %.250s", from->name, to->name);
	if (a == NULL && b == NULL && to->host != NULL && map_get(&all->told, key) == NULL) {
		struct host_caller *c = import_alloc(im, sizeof(*c));

		if (c == NULL || map_put(&all->told, key, c, NULL) != 0)
			return;
		*c = (struct host_caller){ .next = all->callers, .from = from->name, .to = to->name, .source = to->host->source, .at = to->host->at,
			.when = from->host != NULL ? FL_MAX(from->host->when, to->host->when) : to->host->when };
		all->callers = c;
	}
}

static uint32_t
size_of(const struct import_sockets *all, uint32_t cluster)
{
	uint32_t n = 0;

	for (const struct host_member *m = all->members; m != NULL; m = m->next)
		n += m->cluster == cluster;
	return n;
}

/* Who of a caller's servers are members of one cluster: it needs one of them, or of a store with a majority, a majority. */
static void
tell_group(struct import *im, const struct host_caller *c, const struct host_member *m)
{
	struct import_sockets *all = im->parts->sockets;
	const char *members[GROUP_MAX];
	struct sight s = import_sight(SIGHT_GROUP, c->source);
	uint32_t size = size_of(all, m->cluster);

	for (const struct host_caller *x = all->callers; x != NULL && s.member_count < GROUP_MAX; x = x->next) {
		const struct host_member *y = strcmp(x->from, c->from) == 0 ? find(all, x->to) : NULL;

		if (y == NULL || y->cluster != m->cluster)
			continue;
		/* Told once: by the first of the list. */
		if (s.member_count == 0 && x != c)
			return;
		members[s.member_count++] = y->name;
		s.first = s.last = FL_MAX(s.last, x->when);
	}
	if (s.member_count < 2)
		return;
	s.from = c->from;
	s.members = members;
	s.k = m->of->quorum && s.member_count == size ? size / 2 + 1 : 1;
	import_tell(im, &s, c->at);
}

/* What a dump did not hold was not there: its host was looked at. */
static void
tell_cover(struct import *im, const struct import_host *h)
{
	struct sight s = import_sight(SIGHT_COVER, h->source);

	s.first = s.last = h->when;
	s.name = h->use_name;
	if (h->use_name[0] != '\0' && h->label_count == 0)
		import_tell(im, &s, h->at);
	for (uint32_t i = 0; i < h->label_count; i++) {
		s.where = NULL;
		s.name = h->labels[i];
		import_tell(im, &s, h->at);
	}
}

static void
tell_fact(struct import *im, const struct host_member *m, const char *text)
{
	struct sight s = import_sight(SIGHT_FACT, "sockets");

	s.name = m->name;
	s.key = "cluster";
	s.value = text;
	s.first = s.last = m->when;
	import_tell(im, &s, (struct import_at){ .file = "" });
}

void
import_hosts_tell(struct import *im)
{
	struct import_sockets *all = im->parts->sockets;
	char text[200];

	for (const struct host_member *m = all->members; m != NULL && im->failed == 0; m = m->next) {
		uint32_t n = size_of(all, m->cluster);

		if (n < 2)
			continue;
		snprintf(text, sizeof(text), "%s of %u", m->of->cluster, n);
		tell_fact(im, m, text);
	}
	for (const struct host_caller *c = all->callers; c != NULL && im->failed == 0; c = c->next) {
		const struct host_member *m = find(all, c->to);

		if (m != NULL && size_of(all, m->cluster) > 1)
			tell_group(im, c, m);
	}
	for (const struct import_host *h = all->hosts; h != NULL && im->failed == 0; h = h->next)
		tell_cover(im, h);
}
