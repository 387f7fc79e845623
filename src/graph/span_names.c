/* SPDX-License-Identifier: MIT */
/* span_names.c - names of services, peers and addresses in the engine of spans. */
#include "graph/span_names.h"

#include "base/region.h"
#include "proto/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX 200u                   /* bytes of a name; longer ones are cut */
#define OWN_MAX 16u                     /* addresses that a service may claim by its own word */
#define PARTS_MAX 256u                  /* databases or destinations of one host that are told apart */

int
span_names_init(struct spans *s, uint64_t seed)
{
	uint32_t max = (uint32_t)(s->opts.memory_bytes / 2048);
	size_t bytes = s->opts.memory_bytes / 64;
	struct span_intern *const tables[] = { &s->services, &s->bare, &s->addresses, &s->peers, &s->pods, &s->brokers,
		&s->facts, &s->told };
	int rc = 0;

	for (size_t i = 0; i < FL_ARRAY_LEN(tables) && rc == 0; i++)
		rc = span_intern_init(tables[i], max, bytes, seed + i * 2);
	if (rc != 0)
		return rc;
	s->service = region_reserve(max * sizeof(s->service[0]));
	s->bare_service = region_reserve(max * sizeof(s->bare_service[0]));
	s->pod_service = region_reserve(max * sizeof(s->pod_service[0]));
	s->broker_address = region_reserve(max * sizeof(s->broker_address[0]));
	s->address = region_reserve(max * sizeof(s->address[0]));
	s->peer = region_reserve(max * sizeof(s->peer[0]));
	s->dirty = region_reserve(max * sizeof(s->dirty[0]));
	return s->service != NULL && s->bare_service != NULL && s->pod_service != NULL && s->address != NULL && s->peer != NULL &&
	    s->dirty != NULL && s->broker_address != NULL ? 0 : -ENOMEM;
}

void
span_names_fini(struct spans *s)
{
	struct span_intern *const tables[] = { &s->services, &s->bare, &s->addresses, &s->peers, &s->pods, &s->brokers,
		&s->facts, &s->told };
	size_t max = s->services.max;

	region_release(s->service, max * sizeof(s->service[0]));
	region_release(s->bare_service, max * sizeof(s->bare_service[0]));
	region_release(s->pod_service, max * sizeof(s->pod_service[0]));
	region_release(s->broker_address, max * sizeof(s->broker_address[0]));
	region_release(s->address, max * sizeof(s->address[0]));
	region_release(s->peer, max * sizeof(s->peer[0]));
	region_release(s->dirty, max * sizeof(s->dirty[0]));
	for (size_t i = 0; i < FL_ARRAY_LEN(tables); i++)
		if (tables[i]->max > 0)
			span_intern_fini(tables[i]);
}

void
span_names_clear(struct spans *s)
{
	span_intern_clear(&s->services);
	span_intern_clear(&s->bare);
	span_intern_clear(&s->addresses);
	span_intern_clear(&s->peers);
	span_intern_clear(&s->pods);
	span_intern_clear(&s->brokers);
	span_intern_clear(&s->facts);
	span_intern_clear(&s->told);
	s->dirty_count = s->facts_told = 0;
	s->current = 0;
}

/* ---- text ---- */

/* Append a name to a key, cut and cleaned, with a NUL behind it. Returns the bytes used; the key has room. */
static size_t
put(char *key, const char *p, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < n && used < NAME_MAX; i++) {
		unsigned char c = (unsigned char)p[i];
		size_t len = c < 0x80 ? 1 : utf8_len((const unsigned char *)p + i, n - i);

		if (len > 1 && used + len <= NAME_MAX) {
			memcpy(key + used, p + i, len);
			used += len;
			i += len - 1;
		} else {
			key[used++] = len == 0 || c < 0x20 || c == 0x7f || len > 1 ? '?' : (char)c;
		}
	}
	key[used] = '\0';
	return used + 1;
}

static const struct span_value *
text_of(const struct span_attrs *a, enum span_key k)
{
	const struct span_value *v = &a->value[k];

	return span_has(a, k) && v->p != NULL && v->n > 0 ? v : NULL;
}

static const struct span_value *
first_of(const struct span_attrs *a, const enum span_key *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct span_value *v = text_of(a, keys[i]);

		if (v != NULL)
			return v;
	}
	return NULL;
}

/* Is there room for an id, or are names full? */
static uint32_t
need(struct spans *s, uint32_t id)
{
	if (id == 0) {
		s->full = true;
		s->counts.names_dropped++;
	}
	return id;
}

/* ---- services ---- */

/* SDKs call a service "unknown_service:node" that nobody gave a name. */
static const struct span_value *
name_of(const struct span_attrs *a)
{
	static const enum span_key stand_ins[] = { SPAN_KEY_K8S_DEPLOYMENT, SPAN_KEY_K8S_STATEFULSET, SPAN_KEY_K8S_DAEMONSET,
		SPAN_KEY_K8S_CRONJOB, SPAN_KEY_K8S_JOB, SPAN_KEY_FAAS_NAME, SPAN_KEY_K8S_CONTAINER, SPAN_KEY_CONTAINER_NAME };
	const struct span_value *v = text_of(a, SPAN_KEY_SERVICE_NAME);

	if (v != NULL && (v->n < 7 || strncasecmp(v->p, "unknown", 7) != 0))
		return v;
	return first_of(a, stand_ins, FL_ARRAY_LEN(stand_ins));
}

const char *
span_names_name(const struct spans *s, uint32_t service)
{
	const char *space = span_names_space(s, service);

	return space + strlen(space) + 1;
}

/* Several services of one name, or of one address: it tells none of them. */
static void
claim(uint32_t *what, uint32_t service)
{
	if (*what == 0)
		*what = service;
	else if (*what != service)
		*what = SPAN_AMBIGUOUS;
}

uint32_t
span_names_service(struct spans *s, const struct span_attrs *resource)
{
	static const enum span_key spaces[] = { SPAN_KEY_SERVICE_NAMESPACE, SPAN_KEY_K8S_NAMESPACE };
	const struct span_value *name = name_of(resource), *space = first_of(resource, spaces, FL_ARRAY_LEN(spaces));
	uint32_t before = s->services.count, id, bare;
	size_t n, m;

	if (name == NULL)
		return 0;
	n = put(s->key, space != NULL ? space->p : "", space != NULL ? space->n : 0);
	m = put(s->key + n, name->p, name->n);
	id = need(s, span_intern(&s->services, s->key, n + m - 1));
	if (id == 0 || s->services.count == before)
		return id;
	s->service[id - 1] = (struct span_service){ .spans = 0 };
	before = s->bare.count;
	bare = need(s, span_intern(&s->bare, s->key + n, m - 1));
	if (bare != 0) {
		if (s->bare.count > before)
			s->bare_service[bare - 1] = 0;
		claim(&s->bare_service[bare - 1], id);
	}
	return id;
}

static void
note_fact(struct spans *s, uint32_t service, enum span_key key, const struct span_value *v)
{
	size_t n = sizeof(service);

	memcpy(s->key, &service, n);
	s->key[n++] = (char)key;
	n += put(s->key + n, v->p, v->n);
	if (span_intern(&s->facts, s->key, n - 1) == 0) {
		/* Versions and instances come and go: begin anew, what still holds is told again. */
		span_intern_clear(&s->facts);
		s->facts_told = 0;
		span_intern(&s->facts, s->key, n - 1);
	}
}

void
span_names_note(struct spans *s, uint32_t service, const struct span_attrs *resource)
{
	static const enum span_key keys[] = { SPAN_KEY_SERVICE_CRITICALITY, SPAN_KEY_SERVICE_VERSION };
	static const enum span_key environments[] = { SPAN_KEY_ENVIRONMENT_NAME, SPAN_KEY_ENVIRONMENT };
	static const enum span_key instances[] = { SPAN_KEY_SERVICE_INSTANCE, SPAN_KEY_K8S_POD };
	const struct span_value *v;
	uint32_t ip, before = s->pods.count, pod;

	for (size_t i = 0; i < FL_ARRAY_LEN(keys); i++)
		if ((v = text_of(resource, keys[i])) != NULL)
			note_fact(s, service, keys[i], v);
	if ((v = first_of(resource, environments, FL_ARRAY_LEN(environments))) != NULL)
		note_fact(s, service, SPAN_KEY_ENVIRONMENT_NAME, v);
	if ((v = first_of(resource, instances, FL_ARRAY_LEN(instances))) != NULL)
		note_fact(s, service, SPAN_KEY_SERVICE_INSTANCE, v);
	v = text_of(resource, SPAN_KEY_K8S_POD_IP);
	ip = v != NULL ? span_peer_ipv4((struct span_text){ v->p, v->n }) : 0;
	if (ip == 0 || (pod = span_intern(&s->pods, &ip, sizeof(ip))) == 0)
		return;
	if (s->pods.count > before)
		s->pod_service[pod - 1] = 0;
	claim(&s->pod_service[pod - 1], service);
}

/* ---- addresses ---- */

/* The id of an address; port 0: the host. */
static uint32_t
address_of(struct spans *s, struct span_text host, uint16_t port)
{
	uint32_t before = s->addresses.count, id, host_id = 0;
	size_t n;

	if (port != 0 && (host_id = address_of(s, host, 0)) == 0)
		return 0;
	before = s->addresses.count;
	n = put(s->key, host.p, host.n);
	if (port != 0)
		n += (size_t)snprintf(s->key + n, 8, "%u", port);
	id = need(s, span_intern(&s->addresses, s->key, n));
	if (id != 0 && s->addresses.count > before)
		s->address[id - 1] = (struct span_address){ .host = host_id != 0 ? host_id : id,
			.numeric = span_peer_numeric(host.p, host.n) };
	return id;
}

const char *
span_names_port(const struct spans *s, uint32_t address)
{
	const char *host = span_intern_text(&s->addresses, address);

	return host + strlen(host) + 1;
}

uint32_t
span_names_meaning(const struct spans *s, uint32_t address)
{
	const struct span_address *a = &s->address[address - 1];

	return a->paired != 0 ? a->paired : a->own;
}

static void
set_dirty(struct spans *s, uint32_t address)
{
	struct span_address *a = &s->address[address - 1];

	if (a->dirty)
		return;
	a->dirty = true;
	s->dirty[s->dirty_count++] = address;
}

static void
claim_one(struct spans *s, uint32_t address, uint32_t service, bool paired)
{
	struct span_address *a = &s->address[address - 1];
	uint32_t *what = paired ? &a->paired : &a->own;

	if (*what == service || *what == SPAN_AMBIGUOUS)
		return;
	if (*what == 0)
		a->claimant = service;
	else
		a->rival = service;
	claim(what, service);
	set_dirty(s, address);
}

/* An address, and its host. */
static void
claim_address(struct spans *s, uint32_t address, uint32_t service, bool paired)
{
	struct span_address *a = &s->address[address - 1];

	if (!a->direct) {
		a->direct = true;
		set_dirty(s, address);
	}
	claim_one(s, address, service, paired);
	if (a->host != address)
		claim_one(s, a->host, service, paired);
}

void
span_names_own(struct spans *s, uint32_t service, const struct span_peer *p)
{
	uint32_t id = address_of(s, p->host, p->port);

	if (id == 0 || s->address[id - 1].own == service || s->service[service - 1].own >= OWN_MAX)
		return;
	s->service[service - 1].own++;
	claim_address(s, id, service, false);
}

void
span_names_paired(struct spans *s, uint32_t peer, uint32_t service)
{
	uint32_t address = s->peer[peer - 1].address;

	if (address != 0)
		claim_address(s, address, service, true);
}

/* ---- peers ---- */

/* A database or broker at a port of a host: several on one host are told apart by their ports. */
static void
note_typed(struct spans *s, uint32_t address, uint16_t port)
{
	struct span_address *host = &s->address[s->address[address - 1].host - 1];

	if (port == 0 || host->typed_port == port)
		return;
	if (host->typed_port == 0)
		host->typed_port = port;
	else
		host->crowded = true;
}

/* The key of a peer in s->key, and where its parts begin in it. */
static size_t
peer_key(struct spans *s, const struct span_peer *p, bool with_part, uint32_t at[3])
{
	size_t n = 1;

	s->key[0] = (char)p->type;
	at[0] = (uint32_t)n;
	n += put(s->key + n, p->name.p, p->name.n);
	at[1] = (uint32_t)n;
	n += put(s->key + n, p->system.p, p->system.n);
	at[2] = (uint32_t)n;
	n += put(s->key + n, p->part.p, with_part ? p->part.n : 0);
	n += put(s->key + n, p->host.p, p->host.n);
	memcpy(s->key + n, &p->port, sizeof(p->port));
	return n + sizeof(p->port);
}

/* A destination is at this address, and so is something of this system. */
static void
note_broker(struct spans *s, const struct span_peer *p, uint32_t address, bool with_part)
{
	uint32_t before = s->brokers.count, id;
	size_t n = put(s->key, p->system.p, p->system.n);

	n += put(s->key + n, p->part.p, with_part ? p->part.n : 0);
	id = span_intern(&s->brokers, s->key, n);
	if (id == 0)
		return;
	if (s->brokers.count > before)
		s->broker_address[id - 1] = 0;
	claim(&s->broker_address[id - 1], address);
}

uint32_t
span_names_broker(const struct spans *s, uint32_t peer)
{
	const struct span_peer_info *p = &s->peer[peer - 1];
	const char *system = s->peers.bytes + p->system, *part = s->peers.bytes + p->part;
	size_t n = strlen(system) + 1;
	char key[2 * NAME_MAX + 2];

	memcpy(key, system, n);
	for (int with_part = part[0] != '\0'; with_part >= 0; with_part--) {
		size_t m = with_part ? strlen(part) + 1 : 1;

		memcpy(key + n, with_part ? part : "", m);
		uint32_t id = span_intern_find(&s->brokers, key, n + m);

		if (id != 0 && s->broker_address[id - 1] != SPAN_AMBIGUOUS)
			return s->broker_address[id - 1];
	}
	return 0;
}

uint32_t
span_names_peer(struct spans *s, const struct span_peer *p)
{
	uint32_t at[3], address = 0, id;
	size_t n = peer_key(s, p, true, at);

	id = span_intern_find(&s->peers, s->key, n);
	if (id != 0)
		return id;
	if (p->host.n > 0) {
		address = address_of(s, p->host, p->port);
		if (address == 0)
			return 0;
		struct span_address *host = &s->address[s->address[address - 1].host - 1];

		if (p->type != SPAN_PEER_EXTERNAL)
			note_typed(s, address, p->port);
		if (p->type == SPAN_PEER_BROKER && p->system.n > 0) {
			note_broker(s, p, address, true);
			note_broker(s, p, address, false);
		}
		host->parts = (uint16_t)(host->parts + (host->parts < PARTS_MAX));
		n = peer_key(s, p, host->parts < PARTS_MAX, at);
		if ((id = span_intern_find(&s->peers, s->key, n)) != 0)
			return id;
	}
	id = need(s, span_intern(&s->peers, s->key, n));
	if (id == 0)
		return 0;
	uint32_t base = s->peers.entries[id - 1].at;

	s->peer[id - 1] = (struct span_peer_info){ .type = p->type, .name = base + at[0], .system = base + at[1], .part = base + at[2],
		.address = address };
	return id;
}
