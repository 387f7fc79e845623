/* SPDX-License-Identifier: MIT */
/* http_doc_cluster.c - the live instances of an HTTP line or route. */
#include "conf/http_doc_cluster.h"
#include "base/hash.h"
#include "base/rng.h"
#include "proxy/cluster.h"
#include "proxy/line.h"
#include "conf/http_doc_policies.h"
#include "conf/http_doc_upstreams.h"
#include "conf/http_keep.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
free_cluster(void *p)
{
	cluster_unref(p);
}

char *
http_doc_cluster_place(const struct http_ask_upstreams *u, char *buf, size_t bytes)
{
	snprintf(buf, bytes, "cluster %s", u->name);
	return buf;
}

static uint64_t
digest_of(const struct http_doc_env *env, const struct http_ask_upstreams *u)
{
	struct jsonw w;
	struct buf b;
	uint64_t digest;

	buf_init(&b, 16u << 20);
	jsonw_init(&w, &b);
	jsonw_object(&w);
	http_doc_upstreams_json(&w, u);
	if (u->breaker.on)
		jsonw_num(&w, "breaker", (int64_t)http_field_digest(http_doc_policies_breaker, &u->breaker, NULL));
	jsonw_num(&w, "wire", (int64_t)env->wire_digest);
	jsonw_num(&w, "workers", env->workers);
	jsonw_end(&w);
	digest = hash_bytes(0, 0, buf_data(&b), buf_len(&b));
	buf_fini(&b);
	return digest;
}

/* Field by field into zeroed memory: options are compared as bytes, to see whether a breaker may be taken over. */
static struct fl_breaker_opts
breaker_of(const struct fl_breaker_opts *from)
{
	struct fl_breaker_opts o;

	memset(&o, 0, sizeof(o));
	o.size = sizeof(o);
	o.cells = from->cells;
	o.window = from->window;
	o.count = from->count;
	o.failure_rate = from->failure_rate;
	o.slow_rate = from->slow_rate;
	o.slow_after = from->slow_after;
	o.volume_min = from->volume_min;
	o.confidence = from->confidence;
	o.open = from->open;
	o.open_max = from->open_max;
	o.jitter = from->jitter;
	o.stable = from->stable;
	o.probes = from->probes;
	o.successes = from->successes;
	o.lease = from->lease;
	o.overload_fails = from->overload_fails;
	o.enforce = from->enforce;
	return o;
}

static void
fill_health(const struct http_ask_health *h, struct cluster_health_conf *c)
{
	c->on = h->on;
	c->tcp = h->tcp;
	memcpy(c->path, h->path, sizeof(c->path));
	memcpy(c->host, h->host, sizeof(c->host));
	c->interval = h->interval;
	c->timeout = h->timeout;
	c->rise = h->rise;
	c->fall = h->fall;
	c->status_min = h->status_min;
	c->status_max = h->status_max;
}

static void
fill(const struct http_doc_env *env, const struct http_ask_upstreams *u, struct cluster_conf *c)
{
	cluster_conf_init(c, u->name);
	c->seed = rng_key(env->seed, hash_name(u->name));
	c->workers = env->workers;
	c->dns_refresh = u->dns_refresh;
	c->balance = u->balance.o;
	c->balance.prefer_zone = u->zone[0] != '\0';
	c->balance.seed = rng_key(c->seed, hash_name("balance"));
	memcpy(c->hash_header, u->balance.header, sizeof(c->hash_header));
	c->ewma_half_life = u->balance.decay;
	c->panic = 1 - u->panic;        /* theirs: the share that is out */
	c->pool = (struct cluster_pool_conf){ .idle_max = u->pool.idle_max, .idle_timeout = u->pool.idle_timeout, .lifetime = u->pool.lifetime,
		.requests_max = u->pool.requests_max, .connections_max = u->pool.connections_max };
	fill_health(&u->health, &c->health);
	c->outlier_on = u->outlier.on;
	c->outlier = u->outlier.o;
	c->breaker_on = u->breaker.on && u->breaker.mode != HTTP_ASK_BREAKER_DISABLED;
	c->breaker = breaker_of(&u->breaker.o);
	c->listener = env->listener;
	c->resolver = env->resolver;
	c->now = env->now;
	if (env->wire != NULL) {
		c->tls = env->wire->tls_client;
		memcpy(c->tls_name, env->wire->tls_name, FL_MIN(sizeof(c->tls_name), sizeof(env->wire->tls_name)));
		c->tls_name[sizeof(c->tls_name) - 1] = '\0';
		c->send_proxy = (uint8_t)env->wire->send_proxy;
	}
}

static int
make(const struct http_doc_env *env, const struct http_ask_upstreams *u, struct cluster *before, struct cluster **ret_cluster)
{
	struct cluster_upstream *list = calloc(u->count, sizeof(*list));
	struct cluster_conf c;
	int rc;

	if (list == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < u->count; i++) {
		const struct http_ask_instance *from = &u->instances[i];

		memcpy(list[i].address, from->address, sizeof(list[i].address));
		list[i].weight = from->weight;
		list[i].priority = from->priority;
		list[i].connections_max = from->connections_max;
		list[i].local = u->zone[0] != '\0' && strcmp(u->zone, from->zone) == 0;
	}
	fill(env, u, &c);
	c.count = u->count;
	c.upstreams = list;
	rc = cluster_new(&c, before, ret_cluster);
	free(list);
	return rc;
}

int
http_doc_cluster(const struct http_doc_env *env, const struct http_ask_upstreams *u, struct cluster **ret_cluster)
{
	char place[sizeof(u->name) + 16];
	uint64_t digest = digest_of(env, u);
	struct cluster *fresh;
	struct http_kept *o;
	bool same = false;
	int rc;

	http_doc_cluster_place(u, place, sizeof(place));
	o = http_keep_find(env->keep, place, digest, &same);
	if (o != NULL && same) {
		http_kept_ref(o);
	} else {
		rc = make(env, u, o != NULL ? http_kept_object(o) : NULL, &fresh);
		if (rc != 0)
			return rc;
		rc = http_kept_new(fresh, free_cluster, &o);
		if (rc != 0) {
			cluster_unref(fresh);
			return rc;
		}
	}
	rc = http_keep_use(env->keep, place, digest, o);
	if (rc == 0)
		*ret_cluster = cluster_ref(http_kept_object(o));
	http_kept_unref(o);
	return rc;
}
