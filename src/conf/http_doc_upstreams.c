/* SPDX-License-Identifier: MIT */
/*
 * http_doc_upstreams.c - where the calls of an HTTP line go.
 *
 *      upstreams:
 *        - 10.0.0.1:8080
 *        - {address: cart.internal:8080, weight: 2, zone: a, backup: true, max_connections: 50}
 *      dns: {refresh: 5s}
 *      balance: {kind: ring_hash, header: x-user}
 *      pool: {idle: 32, idle_timeout: 60s}
 *      health: {http: /healthz, interval: 2s}
 *      outlier: {consecutive: 5}
 */
#include "conf/http_doc_upstreams.h"
#include "io/addr.h"
#include "conf/http_field.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY ((double)(86400 * FL_SEC))

const char *const http_doc_upstreams_keys[] = {
	"upstream", "upstreams", "dns", "balance", "zone", "slow_start", "panic", "pool", "health", "outlier", NULL
};

/* In the order of enum fl_balance_kind. */
static const char *const balance_kinds[] = { "least_request", "round_robin", "peak_ewma", "ring_hash", "random", NULL };

static const struct http_field instance_fields[] = {
	{ "weight", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_ask_instance, weight), 1, 1000, NULL },
	{ "zone", HTTP_FIELD_TEXT, HTTP_FIELD_AT(struct http_ask_instance, zone), 0, 0, NULL },
	{ "priority", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_ask_instance, priority), 0, 7, NULL },
	{ "max_connections", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_ask_instance, connections_max), 0, 1000000, NULL },
	HTTP_FIELD_END
};
static const struct http_field balance_fields[] = {
	{ "kind", HTTP_FIELD_CHOICE, HTTP_FIELD_AT(struct http_ask_balance, o.kind), 0, 0, balance_kinds },
	{ "header", HTTP_FIELD_TEXT, HTTP_FIELD_AT(struct http_ask_balance, header), 0, 0, NULL },
	{ "decay", HTTP_FIELD_NS, HTTP_FIELD_AT(struct http_ask_balance, decay), FL_MS, DAY, NULL },
	{ "overprovision", HTTP_FIELD_FLOAT, HTTP_FIELD_AT(struct http_ask_balance, o.overprovision), 1, 100, NULL },
	{ "zone_share", HTTP_FIELD_SHARE, HTTP_FIELD_AT(struct http_ask_balance, o.zone_share_min), 0, 1, NULL },
	{ "load_bound", HTTP_FIELD_FLOAT, HTTP_FIELD_AT(struct http_ask_balance, o.load_bound), 1.01, 100, NULL },
	{ "points", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_ask_balance, o.points), 1, 1000, NULL },
	HTTP_FIELD_END
};
static const struct http_field pool_fields[] = {
	{ "idle", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_ask_pool, idle_max), 0, 65536, NULL },
	{ "idle_timeout", HTTP_FIELD_NS, HTTP_FIELD_AT(struct http_ask_pool, idle_timeout), FL_MS, DAY, NULL },
	{ "lifetime", HTTP_FIELD_NS, HTTP_FIELD_AT(struct http_ask_pool, lifetime), 0, DAY, NULL },
	{ "requests", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_ask_pool, requests_max), 0, 1e9, NULL },
	{ "max_connections", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_ask_pool, connections_max), 0, 1000000, NULL },
	HTTP_FIELD_END
};
static const struct http_field health_fields[] = {
	{ "http", HTTP_FIELD_TEXT, HTTP_FIELD_AT(struct http_ask_health, path), 0, 0, NULL },
	{ "tcp", HTTP_FIELD_BOOL, HTTP_FIELD_AT(struct http_ask_health, tcp), 0, 0, NULL },
	{ "host", HTTP_FIELD_TEXT, HTTP_FIELD_AT(struct http_ask_health, host), 0, 0, NULL },
	{ "interval", HTTP_FIELD_NS, HTTP_FIELD_AT(struct http_ask_health, interval), 10 * FL_MS, DAY, NULL },
	{ "timeout", HTTP_FIELD_NS, HTTP_FIELD_AT(struct http_ask_health, timeout), FL_MS, DAY, NULL },
	{ "rise", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_ask_health, rise), 1, 1000, NULL },
	{ "fall", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_ask_health, fall), 1, 1000, NULL },
	HTTP_FIELD_END
};
static const struct http_field outlier_fields[] = {
	{ "consecutive", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_ask_outlier, o.consecutive), 0, 100000, NULL },
	{ "failure_rate", HTTP_FIELD_SHARE, HTTP_FIELD_AT(struct http_ask_outlier, o.failure_share), 0.001, 1, NULL },
	{ "deviations", HTTP_FIELD_FLOAT, HTTP_FIELD_AT(struct http_ask_outlier, o.sigmas), 0, 100, NULL },
	{ "min_calls", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_ask_outlier, o.volume_min), 1, 1000000, NULL },
	{ "min_instances", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_ask_outlier, o.hosts_min), 1, 1024, NULL },
	{ "window", HTTP_FIELD_NS, HTTP_FIELD_AT(struct http_ask_outlier, o.window), 100 * FL_MS, DAY, NULL },
	{ "ejection", HTTP_FIELD_NS, HTTP_FIELD_AT(struct http_ask_outlier, o.base), FL_MS, DAY, NULL },
	{ "ejection_max", HTTP_FIELD_NS, HTTP_FIELD_AT(struct http_ask_outlier, o.max), FL_MS, DAY, NULL },
	{ "jitter", HTTP_FIELD_SHARE, HTTP_FIELD_AT(struct http_ask_outlier, o.jitter), 0, 1, NULL },
	{ "max_ejected", HTTP_FIELD_SHARE, HTTP_FIELD_AT(struct http_ask_outlier, o.max_share), 0, 1, NULL },
	{ "enforce", HTTP_FIELD_ENFORCE, HTTP_FIELD_AT(struct http_ask_outlier, o.enforce), 0, 1, NULL },
	HTTP_FIELD_END
};
static const struct http_field upstreams_fields[] = {
	{ "zone", HTTP_FIELD_TEXT, HTTP_FIELD_AT(struct http_ask_upstreams, zone), 0, 0, NULL },
	{ "slow_start", HTTP_FIELD_NS, HTTP_FIELD_AT(struct http_ask_upstreams, balance.o.slow_start), 0, DAY, NULL },
	{ "panic", HTTP_FIELD_SHARE, HTTP_FIELD_AT(struct http_ask_upstreams, panic), 0, 1, NULL },
	HTTP_FIELD_END
};
static const struct http_field dns_fields[] = {
	{ "refresh", HTTP_FIELD_NS, HTTP_FIELD_AT(struct http_ask_upstreams, dns_refresh), FL_SEC / 10, DAY, NULL },
	HTTP_FIELD_END
};

void
http_doc_upstreams_init(struct http_ask_upstreams *u)
{
	*u = (struct http_ask_upstreams){
		.dns_refresh = 5 * FL_SEC,
		.balance = { .decay = 10 * FL_SEC },
		.panic = 0.5,
		.pool = { .idle_max = 64, .idle_timeout = 60 * FL_SEC },
		.health = { .path = "", .interval = 5 * FL_SEC, .timeout = FL_SEC, .rise = 2, .fall = 3, .status_min = 200, .status_max = 399 },
		.connect_timeout = FL_SEC,
	};
	fl_balance_opts_init(&u->balance.o);
	fl_outlier_opts_init(&u->outlier.o);
	fl_breaker_opts_init(&u->breaker.o);
}

/* ---- instances ---- */

static void
read_address(const struct doc_node *n, struct doc_diag *d, struct http_ask_instance *i)
{
	char host[256], port[64];
	const char *text;

	i->at = (struct http_ask_mark){ n->line, n->column };
	if (!doc_text(d, n, "an address such as 10.0.0.1:8080 or unix:/run/x.sock", &text))
		return;
	if (strlen(text) >= sizeof(i->address))
		doc_complain(d, n, "found an address of %zu bytes, expected at most %zu", strlen(text), sizeof(i->address) - 1);
	else if (strncmp(text, "unix:", 5) == 0 ? text[5] == '\0' : addr_split(text, host, sizeof(host), port, sizeof(port)) != 0 || host[0] == '\0')
		doc_unexpected(d, n, "an address such as 10.0.0.1:8080 or unix:/run/x.sock");
	else
		memcpy(i->address, text, strlen(text) + 1);
}

/* An address, or a map with one. */
static void
read_instance(const struct doc_node *n, struct doc_diag *d, struct http_ask_instance *i)
{
	static const char *const extra[] = { "address", "backup", NULL };
	const struct doc_node *address, *backup;
	bool is_backup = false;

	i->weight = 1;
	if (n->kind == DOC_SCALAR) {
		read_address(n, d, i);
		return;
	}
	if (!doc_expect(d, n, DOC_MAP, "an address, or a map such as {address: 10.0.0.1:8080, weight: 2}"))
		return;
	http_field_read(n, instance_fields, extra, d, i);
	address = doc_get(n, "address");
	backup = doc_get(n, "backup");
	if (address == NULL)
		doc_complain(d, n, "found an instance without address, expected one such as address: 10.0.0.1:8080");
	else
		read_address(address, d, i);
	if (backup == NULL || !doc_bool(d, backup, &is_backup))
		return;
	if (doc_get(n, "priority") != NULL)
		doc_complain(d, backup, "found backup beside priority, expected one of them: backup is priority 1");
	else if (is_backup)
		i->priority = 1;
}

static void
check_instances(const struct doc_node *n, struct doc_diag *d, const struct http_ask_upstreams *u)
{
	uint32_t first = 0;

	for (uint32_t i = 0; i < u->count; i++) {
		first += u->instances[i].priority == 0;
		for (uint32_t k = 0; k < i; k++) {
			if (u->instances[k].address[0] != '\0' && strcmp(u->instances[k].address, u->instances[i].address) == 0) {
				doc_complain(d, n->items[i], "found %.200s a second time, expected addresses that differ", u->instances[i].address);
				break;
			}
		}
	}
	if (u->count > 0 && first == 0)
		doc_complain(d, n, "found none but backups, expected at least one instance of priority 0");
}

static bool
read_list(const struct doc_node *n, struct arena *mem, struct doc_diag *d, struct http_ask_upstreams *u)
{
	if (!doc_expect(d, n, DOC_LIST, "a list of addresses"))
		return true;
	if (n->count == 0 || n->count > HTTP_ASK_INSTANCES_MAX) {
		doc_complain(d, n, "found %u instances, expected 1 to %u", n->count, HTTP_ASK_INSTANCES_MAX);
		return true;
	}
	u->instances = arena_alloc(mem, n->count * sizeof(*u->instances));
	if (u->instances == NULL)
		return false;
	u->count = n->count;
	for (uint32_t i = 0; i < n->count; i++)
		read_instance(n->items[i], d, &u->instances[i]);
	check_instances(n, d, u);
	return true;
}

static bool
read_instances(const struct doc_node *map, bool need, struct arena *mem, struct doc_diag *d, struct http_ask_upstreams *u)
{
	const struct doc_node *one = doc_get(map, "upstream"), *many = doc_get(map, "upstreams");

	if (one != NULL && many != NULL)
		doc_complain(d, one, "found upstream beside upstreams, expected one of them");
	if (one == NULL && many == NULL && need)
		doc_complain(d, map, "found no upstream, expected one such as upstream: 127.0.0.1:8080, or a list of upstreams");
	if (many != NULL) {
		u->at = (struct http_ask_mark){ many->line, many->column };
		return read_list(many, mem, d, u);
	}
	if (one == NULL)
		return true;
	u->at = (struct http_ask_mark){ one->line, one->column };
	u->instances = arena_alloc(mem, sizeof(*u->instances));
	if (u->instances == NULL)
		return false;
	u->count = 1;
	read_instance(one, d, &u->instances[0]);
	return true;
}

/* ---- what goes with them ---- */

static void
read_balance(const struct doc_node *n, struct doc_diag *d, struct http_ask_balance *b)
{
	int kind;

	if (n->kind == DOC_SCALAR) {
		kind = doc_choice(d, n, balance_kinds);
		if (kind >= 0)
			b->o.kind = (enum fl_balance_kind)kind;
		return;
	}
	if (!doc_expect(d, n, DOC_MAP, "a word such as least_request, or a map such as {kind: ring_hash, header: x-user}"))
		return;
	http_field_read(n, balance_fields, NULL, d, b);
	if (b->header[0] != '\0' && b->o.kind != FL_RING_HASH)
		doc_complain(d, doc_get(n, "header"), "found a header to hash, expected it with kind: ring_hash only");
}

/* 200, or "200-399". */
static void
read_status(const struct doc_node *n, struct doc_diag *d, struct http_ask_health *h)
{
	unsigned low = 0, high = 0;
	char end;

	if (n->kind == DOC_SCALAR && sscanf(n->text, "%3u-%3u%c", &low, &high, &end) != 2) {
		high = 0;
		if (sscanf(n->text, "%3u%c", &low, &end) == 1)
			high = low;
	}
	if (low < 100 || high > 599 || low > high) {
		doc_unexpected(d, n, "a status such as 200, or a range such as \"200-399\"");
		return;
	}
	h->status_min = (uint16_t)low;
	h->status_max = (uint16_t)high;
}

static void
read_health(const struct doc_node *n, struct doc_diag *d, struct http_ask_health *h)
{
	static const char *const extra[] = { "status", NULL };
	const struct doc_node *status = doc_get(n, "status");
	bool on;

	h->at = (struct http_ask_mark){ n->line, n->column };
	if (doc_is_bool(n, &on) && !on) {
		h->on = false;
		return;
	}
	if (!doc_expect(d, n, DOC_MAP, "a map such as {http: /healthz, interval: 5s}, or {tcp: true}"))
		return;
	if (!http_field_read(n, health_fields, extra, d, h))
		return;
	h->on = true;
	if (status != NULL)
		read_status(status, d, h);
	if (h->tcp == (h->path[0] != '\0'))
		doc_complain(d, n, "found %s, expected either http: /PATH or tcp: true", h->tcp ? "both http and tcp" : "neither http nor tcp");
	if (!h->tcp && h->path[0] != '\0' && h->path[0] != '/')
		doc_unexpected(d, doc_get(n, "http"), "a path that begins with /");
	if (h->path[strcspn(h->path, " \r\n\t")] != '\0' || h->host[strcspn(h->host, " \r\n\t")] != '\0')
		doc_complain(d, n, "found a space in path or host, expected none");
}

static void
read_outlier(const struct doc_node *n, struct doc_diag *d, struct http_ask_outlier *o)
{
	bool on;

	o->at = (struct http_ask_mark){ n->line, n->column };
	if (doc_is_bool(n, &on)) {
		o->on = on;
		return;
	}
	if (!doc_expect(d, n, DOC_MAP, "a map such as {consecutive: 5}, true or false"))
		return;
	o->on = true;
	http_field_read(n, outlier_fields, NULL, d, o);
	if (o->o.base > o->o.max)
		doc_complain(d, n, "found an ejection that is longer than ejection_max, expected the reverse");
}

static const struct doc_node *
map_of(const struct doc_node *map, const char *key, struct doc_diag *d)
{
	const struct doc_node *n = doc_get(map, key);

	return n != NULL && n->kind != DOC_NULL && doc_expect(d, n, DOC_MAP, "a map") ? n : NULL;
}

/* A key that is there with something behind it. */
static const struct doc_node *
said(const struct doc_node *map, const char *key)
{
	const struct doc_node *n = doc_get(map, key);

	return n != NULL && n->kind != DOC_NULL ? n : NULL;
}

bool
http_doc_upstreams_read(const struct doc_node *map, bool need, struct arena *mem, struct doc_diag *d, struct http_ask_upstreams *u)
{
	const struct doc_node *n;

	if (!read_instances(map, need, mem, d, u))
		return false;
	for (const struct http_field *f = upstreams_fields; f->key != NULL; f++) {
		if ((n = said(map, f->key)) != NULL)
			http_field_value(n, f, d, u);
	}
	if ((n = map_of(map, "dns", d)) != NULL)
		http_field_read(n, dns_fields, NULL, d, u);
	if ((n = map_of(map, "pool", d)) != NULL)
		http_field_read(n, pool_fields, NULL, d, &u->pool);
	if ((n = said(map, "balance")) != NULL)
		read_balance(n, d, &u->balance);
	if ((n = said(map, "health")) != NULL)
		read_health(n, d, &u->health);
	if ((n = said(map, "outlier")) != NULL)
		read_outlier(n, d, &u->outlier);
	return true;
}

bool
http_doc_upstreams_said(const struct doc_node *map)
{
	for (size_t i = 0; http_doc_upstreams_keys[i] != NULL; i++) {
		if (doc_get(map, http_doc_upstreams_keys[i]) != NULL)
			return true;
	}
	return false;
}

/* ---- as JSON ---- */

static void
put_map(struct jsonw *w, const char *key, const struct http_field *fields, const void *base)
{
	jsonw_key(w, key);
	jsonw_object(w);
	http_field_json(w, fields, base);
	jsonw_end(w);
}

static void
put_health(struct jsonw *w, const struct http_ask_health *h)
{
	jsonw_key(w, "health");
	if (!h->on) {
		jsonw_bool(w, false);
		return;
	}
	jsonw_object(w);
	for (const struct http_field *f = health_fields; f->key != NULL; f++) {
		struct http_field one[] = { *f, HTTP_FIELD_END };

		if (strcmp(f->key, h->tcp ? "http" : "tcp") != 0 && (strcmp(f->key, "host") != 0 || h->host[0] != '\0'))
			http_field_json(w, one, h);
	}
	if (!h->tcp) {
		jsonw_key(w, "status");
		jsonw_printf(w, "%u-%u", h->status_min, h->status_max);
	}
	jsonw_end(w);
}

void
http_doc_upstreams_json(struct jsonw *w, const struct http_ask_upstreams *u)
{
	jsonw_key(w, "upstreams");
	jsonw_array(w);
	for (uint32_t i = 0; i < u->count; i++) {
		jsonw_object(w);
		jsonw_str(w, "address", u->instances[i].address);
		http_field_json(w, instance_fields, &u->instances[i]);
		jsonw_end(w);
	}
	jsonw_end(w);
	put_map(w, "dns", dns_fields, u);
	put_map(w, "balance", balance_fields, &u->balance);
	http_field_json(w, upstreams_fields, u);
	put_map(w, "pool", pool_fields, &u->pool);
	put_health(w, &u->health);
	if (u->outlier.on) {
		put_map(w, "outlier", outlier_fields, &u->outlier);
	} else {
		jsonw_key(w, "outlier");
		jsonw_bool(w, false);
	}
}
