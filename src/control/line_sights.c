/* SPDX-License-Identifier: MIT */
/* line_sights.c - see line_sights.h. Counters only grow; one that is smaller than before is of a line made anew. */
#include "control/line_sights.h"
#include "control/http_live.h"
#include "io/addr.h"
#include "io/io.h"
#include "proxy/cluster.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNS_MAX 64
#define NAME_BYTES (LINE_NAME_MAX + HTTP_NAME_MAX + 80)

struct numbers {
	uint64_t count, errors, latency_us;
};

struct telling {
	struct line_sights *s;
	struct lines *t;
	int64_t now;
	sight_fn *take;
	void *arg;
	int failed;
};

void
line_sights_init(struct line_sights *s, int64_t now)
{
	map_init(&s->past, 1, (uint64_t)now);
	s->last = now;
}

void
line_sights_fini(struct line_sights *s)
{
	for (uint32_t i = 0; i < s->past.count; i++)
		free(s->past.entries[i].value);
	map_fini(&s->past);
}

/* What is new of a counter's set since the last time. */
static struct numbers
since(struct telling *x, const char *key, const struct numbers *now)
{
	struct numbers *past = map_get(&x->s->past, key), d = *now;

	if (past == NULL) {
		past = calloc(1, sizeof(*past));
		if (past == NULL || map_put(&x->s->past, key, past, NULL) != 0) {
			free(past);
			x->failed = -ENOMEM;
			return d;
		}
	}
	if (now->count >= past->count && now->errors >= past->errors && now->latency_us >= past->latency_us)
		d = (struct numbers){ now->count - past->count, now->errors - past->errors, now->latency_us - past->latency_us };
	*past = *now;
	return d;
}

static void
tell(struct telling *x, struct sight *s)
{
	s->source = "proxied";
	s->first = FL_MIN(x->s->last, x->now);
	s->last = x->now;
	if (x->failed == 0)
		x->failed = x->take(x->arg, s);
}

static void
tell_node(struct telling *x, const char *name, bool through)
{
	struct sight s = { .what = SIGHT_NODE, .name = name, .kind = SIGHT_SERVICE, .through = through };

	tell(x, &s);
}

static void
tell_instance(struct telling *x, const char *name, const char *address)
{
	struct sight s = { .what = SIGHT_INSTANCE, .name = name, .address = address };

	tell(x, &s);
}

static void
tell_line(struct telling *x, const char *from, const char *to, const char *protocol, bool through, const struct numbers *n, const char *where)
{
	struct sight s = { .what = SIGHT_LINE, .from = from, .to = to, .protocol = protocol, .through = through, .count = n->count,
		.errors = n->errors, .latency = n->latency_us * 1000, .where = where };

	if (n->count > 0)
		tell(x, &s);
}

/* Callers by the addresses of live connections; those of this machine have no address that says anything. */
static bool
tell_callers(struct telling *x, const struct lines_line *l, const char *protocol, bool through)
{
	struct proxy_conn *conns = calloc(CONNS_MAX, sizeof(*conns));
	char host[ADDR_TEXT_MAX];
	bool any = false;
	uint64_t n;

	if (conns == NULL || l->line == NULL) {
		free(conns);
		return false;
	}
	n = FL_MIN(proxy_line_conns(x->t->proxy, l->line, conns, CONNS_MAX), (uint64_t)CONNS_MAX);
	for (uint64_t i = 0; i < n; i++) {
		struct numbers one = { .count = 1 };

		addr_host(&conns[i].client, host, sizeof(host));
		if (host[0] == '\0' || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0)
			continue;
		tell_line(x, host, l->name, protocol, through, &one, l->listen);
		any = true;
	}
	free(conns);
	return any;
}

static void
tell_tcp(struct telling *x, const struct lines_line *l)
{
	struct line_counters c;
	struct numbers now = { .count = 0 }, d;
	char caller[NAME_BYTES], key[NAME_BYTES];

	lines_counters(l, &c);
	now.count = c.accepted;
	for (unsigned i = 0; i < LINE_CLOSE_COUNT; i++)
		now.errors += line_close_is_error((enum line_close)i) ? c.closed[i] : 0;
	snprintf(key, sizeof(key), "t %s", l->name);
	d = since(x, key, &now);
	tell_node(x, l->name, false);
	if (l->upstream[0] != '\0')
		tell_instance(x, l->name, l->upstream);
	if (tell_callers(x, l, "tcp", false) && d.count == 0)
		return;
	snprintf(caller, sizeof(caller), "?%s", l->name);
	tell_line(x, caller, l->name, "tcp", false, &d, l->listen);
}

static void
tell_cluster(struct telling *x, const struct lines_line *l, struct cluster *c, struct cluster_report *room)
{
	unsigned n = FL_MIN(cluster_reports(c, io_now(x->t->io), room, CLUSTER_INSTANCES_MAX), CLUSTER_INSTANCES_MAX);
	const char *name = cluster_conf_of(c)->name;
	struct numbers now = { .count = 0 }, d;
	double latency = 0;             /* ns, weighed by requests */
	char key[NAME_BYTES];

	for (unsigned i = 0; i < n; i++) {
		now.count += room[i].requests;
		now.errors += room[i].failures;
		latency += room[i].latency > 0 ? room[i].latency * (double)room[i].requests : 0;
		tell_instance(x, name, room[i].address);
	}
	snprintf(key, sizeof(key), "c %s %s", l->name, name);
	d = since(x, key, &now);
	if (now.count > 0)
		d.latency_us = (uint64_t)(latency / (double)now.count * (double)d.count / 1000);
	tell_line(x, l->name, name, "http", false, &d, l->listen);
}

static void
tell_http(struct telling *x, const struct lines_line *l, struct cluster_report *room)
{
	struct http_live_clusters all;
	struct numbers now = { .count = 0 }, d;
	char caller[NAME_BYTES], key[NAME_BYTES];

	for (unsigned i = 0; i < l->conf->route_count; i++) {
		struct http_times_sum times;
		struct http_sum sum;

		http_stats_sum(l->conf->routes[i].stats, &sum);
		http_stats_times(l->conf->routes[i].stats, HTTP_PHASE_TOTAL, &times);
		now.count += sum.requests;
		now.errors += sum.status[5] + sum.status[0];
		now.latency_us += times.sum_us;
	}
	snprintf(key, sizeof(key), "h %s", l->name);
	d = since(x, key, &now);
	tell_node(x, l->name, true);
	if (!tell_callers(x, l, "http", true) || d.count > 0) {
		snprintf(caller, sizeof(caller), "?%s", l->name);
		tell_line(x, caller, l->name, "http", true, &d, l->listen);
	}
	if (http_live_clusters(l->conf, &all) != 0) {
		x->failed = -ENOMEM;
		return;
	}
	for (unsigned i = 0; i < all.count; i++)
		tell_cluster(x, l, all.items[i], room);
	http_live_clusters_fini(&all);
}

int
line_sights_tell(struct line_sights *s, struct lines *t, int64_t now, sight_fn *take, void *arg)
{
	struct telling x = { .s = s, .t = t, .now = now, .take = take, .arg = arg };
	struct cluster_report *room = calloc(CLUSTER_INSTANCES_MAX, sizeof(*room));

	if (room == NULL)
		return -ENOMEM;
	list_for(link, &t->order) {
		const struct lines_line *l = list_entry(link, struct lines_line, link);

		if (!l->enabled || x.failed != 0)
			continue;
		if (l->conf != NULL)
			tell_http(&x, l, room);
		else
			tell_tcp(&x, l);
	}
	free(room);
	s->last = now;
	return x.failed;
}
