/* SPDX-License-Identifier: MIT */
/*
 * span_tell.c - turns what the engine of spans.h found into sightings, with names.
 *
 * Peers are resolved here and not when their spans come, so that a name does not depend on what was known at the time. Lines are told
 * sorted by their names. What does not change is told once: the table `told` remembers, and may forget at any time.
 */
#include "graph/span_tell.h"

#include "base/region.h"
#include "graph/span_left.h"
#include "graph/span_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 512

/* One end of a line. */
struct end {
	const char *name, *port, *space;        /* port NULL: not part of the name */
	enum sight_kind kind;
	bool through;
};

struct span_line {
	struct end from, to;
	const char *system, *part;
	enum span_peer_type type;               /* of TO */
	struct span_row row;
};

static const char *const sources[] = { [SPAN_OTLP] = "otlp", [SPAN_ZIPKIN] = "zipkin", [SPAN_JAEGER] = "jaeger" };
static const char *const protocols[] = { [SPAN_PROTO_UNKNOWN] = NULL, [SPAN_PROTO_HTTP] = "http", [SPAN_PROTO_RPC] = "rpc",
	[SPAN_PROTO_DB] = "db", [SPAN_PROTO_MESSAGING] = "messaging", [SPAN_PROTO_ASYNC] = "async" };
static const enum sight_kind kinds[] = { [SPAN_PEER_NONE] = SIGHT_KIND_UNKNOWN, [SPAN_PEER_EXTERNAL] = SIGHT_EXTERNAL,
	[SPAN_PEER_DATASTORE] = SIGHT_DATASTORE, [SPAN_PEER_BROKER] = SIGHT_BROKER };

int
span_tell_init(struct spans *s)
{
	s->lines = region_reserve(s->rows.max * sizeof(s->lines[0]));
	return s->lines != NULL ? 0 : -ENOMEM;
}

void
span_tell_fini(struct spans *s)
{
	region_release(s->lines, s->rows.max * sizeof(s->lines[0]));
}

/* ---- names ---- */

static struct end
service_end(const struct spans *s, uint32_t service)
{
	return (struct end){ .name = span_names_name(s, service), .space = span_names_space(s, service), .kind = SIGHT_SERVICE };
}

/* The one service of that name, 0: none or several. */
static uint32_t
service_named(const struct spans *s, const char *name)
{
	uint32_t bare = span_intern_find(&s->bare, name, strlen(name));

	return bare == 0 || s->bare_service[bare - 1] == SPAN_AMBIGUOUS ? 0 : s->bare_service[bare - 1];
}

/* Something called by a name: a service of that name, if there is one, or itself. */
static struct end
named_end(const struct spans *s, const char *name, enum span_peer_type type)
{
	uint32_t service = service_named(s, name);
	struct end e = { .name = name, .kind = kinds[type] };

	if (service != 0) {
		e = service_end(s, service);
		e.kind = type == SPAN_PEER_EXTERNAL ? SIGHT_SERVICE : kinds[type];
	}
	return e;
}

/* Is the port part of the name? An IP address alone, or a host with several things on it, does not tell which is meant. */
static bool
needs_port(const struct spans *s, const struct span_address *a, enum span_peer_type type, const char *port)
{
	const struct span_address *host = &s->address[a->host - 1];
	char typed[8];

	if (port[0] == '\0')
		return false;
	if (host->numeric || type != SPAN_PEER_EXTERNAL)
		return host->numeric || host->crowded || span_names_meaning(s, a->host) != 0;
	snprintf(typed, sizeof(typed), "%u", host->typed_port);
	return host->typed_port != 0 && strcmp(typed, port) != 0;
}

/* A service that an address means, for a peer of that type; 0: none. */
static uint32_t
service_at(const struct spans *s, uint32_t address, enum span_peer_type type, bool *ret_several)
{
	const struct span_address *a = &s->address[address - 1], *host = &s->address[a->host - 1];
	uint32_t meaning = type == SPAN_PEER_EXTERNAL ? span_names_meaning(s, address) : a->paired;

	*ret_several = meaning == SPAN_AMBIGUOUS;
	/* The address with this port told nothing, but the host is one service's alone. */
	if (meaning == 0 && type == SPAN_PEER_EXTERNAL && host->typed_port == 0 && !host->numeric)
		meaning = span_names_meaning(s, a->host);
	return meaning == SPAN_AMBIGUOUS ? 0 : meaning;
}

static struct end
address_end(const struct spans *s, uint32_t address, enum span_peer_type type)
{
	const char *host = span_intern_text(&s->addresses, address), *port = span_names_port(s, address);
	bool several;
	uint32_t service = service_at(s, address, type, &several);
	struct end e;

	if (service != 0) {
		e = service_end(s, service);
		if (type != SPAN_PEER_EXTERNAL)
			e.kind = kinds[type];
		return e;
	}
	e = (struct end){ .name = host, .kind = kinds[type] };
	if (needs_port(s, &s->address[address - 1], type, port))
		e.port = port;
	else
		e = named_end(s, host, type);
	e.through = several;
	return e;
}

static struct end
peer_end(const struct spans *s, uint32_t peer)
{
	const struct span_peer_info *p = &s->peer[peer - 1];
	const char *name = s->peers.bytes + p->name;
	uint32_t address = p->address;

	if (p->type == SPAN_PEER_BROKER && address == 0 && strcmp(name, s->peers.bytes + p->system) == 0)
		address = span_names_broker(s, peer);
	if (address != 0 && (p->address == 0 || name[0] == '\0'))
		return address_end(s, address, p->type);
	return named_end(s, name, p->type);
}

static struct end
end_of(const struct spans *s, uint32_t ref)
{
	if (ref == SPAN_REF_USER)
		return (struct end){ .name = service_named(s, "user") != 0 ? "end user" : "user", .kind = SIGHT_USER };
	return (ref & SPAN_REF_PEER) != 0 ? peer_end(s, ref & ~SPAN_REF_PEER) : service_end(s, ref);
}

/* The name as text, in mem of NAME_BYTES if it is put together. */
static const char *
name_of(const struct end *e, char *mem)
{
	if (e->port == NULL)
		return e->name;
	snprintf(mem, NAME_BYTES, strchr(e->name, ':') != NULL ? "[%s]:%s" : "%s:%s", e->name, e->port);
	return mem;
}

/* ---- lines ---- */

static int
compare_text(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "");
}

static int
compare_end(const struct end *a, const struct end *b)
{
	int c = strcmp(a->name, b->name);

	c = c != 0 ? c : compare_text(a->port, b->port);
	c = c != 0 ? c : compare_text(a->space, b->space);
	return c != 0 ? c : (int)a->kind - (int)b->kind;
}

/* The same line but for what is said of it. */
static int
compare_line(const struct span_line *a, const struct span_line *b)
{
	int c = compare_end(&a->from, &b->from);

	c = c != 0 ? c : compare_end(&a->to, &b->to);
	c = c != 0 ? c : (int)a->row.protocol - (int)b->row.protocol;
	return c != 0 ? c : (int)a->row.source - (int)b->row.source;
}

static int
order(const void *x, const void *y)
{
	const struct span_line *a = x, *b = y;
	int c = compare_line(a, b);

	c = c != 0 ? c : compare_text(a->system, b->system);
	return c != 0 ? c : compare_text(a->part, b->part);
}

static struct span_line
line_of(const struct spans *s, const struct span_row *r)
{
	struct span_line l = { .from = end_of(s, r->from), .to = end_of(s, r->to), .row = *r };

	if ((r->to & SPAN_REF_PEER) != 0) {
		const struct span_peer_info *p = &s->peer[(r->to & ~SPAN_REF_PEER) - 1];

		l.system = s->peers.bytes + p->system;
		l.part = s->peers.bytes + p->part;
		l.type = p->type;
	}
	return l;
}

/* Was this told? If not, it is from now on. */
static bool
was_told(struct spans *s, const char *what, const char *a, const char *b, const char *value)
{
	int n = snprintf(s->key, sizeof(s->key), "%s\n%s\n%s\n%s", what, a, b, value);
	uint32_t before = s->told.count;

	if (n < 0 || (size_t)n >= sizeof(s->key))
		return false;
	if (span_intern(&s->told, s->key, (size_t)n) == 0) {
		span_intern_clear(&s->told);
		return false;
	}
	return s->told.count == before;
}

static int
tell_line_fact(struct spans *s, const struct sight *line, const char *key, const char *value)
{
	struct sight f = *line;

	if (was_told(s, key, line->from, line->to, value))
		return 0;
	f.what = SIGHT_FACT;
	f.key = key;
	f.value = value;
	f.count = f.errors = f.latency = 0;
	return s->opts.tell(s->opts.arg, &f);
}

/* Which side saw it: what only one side tells is weaker evidence. */
static int
tell_seen(struct spans *s, const struct sight *line, uint8_t seen)
{
	static const char *const keys[] = { "spans.client_side", "spans.server_side", "spans.both_sides" };
	int rc = 0;

	for (unsigned i = 0; i < FL_ARRAY_LEN(keys) && rc == 0; i++)
		if ((seen & 1u << i) != 0)
			rc = tell_line_fact(s, line, keys[i], "yes");
	return rc;
}

/* What a database or broker is, and which part of it the line is about. */
static int
tell_typed(struct spans *s, const struct sight *line, const struct span_line *l)
{
	bool store = l->type == SPAN_PEER_DATASTORE;
	struct sight f = { .what = SIGHT_FACT, .source = line->source, .where = line->where, .first = line->first, .last = line->last,
		.name = line->to, .space = line->to_space, .kind = line->to_kind, .key = store ? "db.system" : "messaging.system",
		.value = l->system };
	char key[NAME_BYTES];
	int rc = 0;

	if (l->type != SPAN_PEER_DATASTORE && l->type != SPAN_PEER_BROKER)
		return 0;
	if (l->system[0] != '\0' && !was_told(s, f.key, f.name, "", f.value))
		rc = s->opts.tell(s->opts.arg, &f);
	if (rc != 0 || l->part[0] == '\0')
		return rc;
	snprintf(key, sizeof(key), "%s.%s", store ? "db.namespace" : "messaging.destination", l->part);
	return tell_line_fact(s, line, key, "used");
}

/* Lines [i, j) are one line; their rows are added up in the first. */
static int
tell_line(struct spans *s, const struct span_line *l, uint32_t n)
{
	char from[NAME_BYTES], to[NAME_BYTES];
	struct sight line = { .what = SIGHT_LINE, .source = sources[l->row.source], .where = s->where, .from = name_of(&l->from, from),
		.to = name_of(&l->to, to), .from_space = l->from.space, .to_space = l->to.space, .from_kind = l->from.kind,
		.to_kind = l->to.kind, .protocol = protocols[l->row.protocol], .through = l->to.through };
	uint8_t seen = 0;
	int rc;

	line.mode = l->row.protocol == SPAN_PROTO_ASYNC ? SIGHT_ASYNC : l->row.protocol == SPAN_PROTO_MESSAGING ? SIGHT_MODE_UNKNOWN : SIGHT_SYNC;
	for (uint32_t i = 0; i < n; i++) {
		const struct span_row *r = &l[i].row;

		seen |= r->seen;
		line.count += r->count;
		line.errors += r->errors;
		line.latency += r->latency;
		line.last = FL_MAX(line.last, r->last);
		if (r->first != 0)
			line.first = line.first == 0 ? r->first : FL_MIN(line.first, r->first);
	}
	if (compare_end(&l->from, &l->to) == 0) {
		s->counts.self += line.count;
		return 0;
	}
	rc = s->opts.tell(s->opts.arg, &line);
	if (rc == 0)
		rc = tell_seen(s, &line, seen);
	for (uint32_t i = 0; i < n && rc == 0; i++)
		rc = tell_typed(s, &line, &l[i]);
	return rc;
}

static int
tell_lines(struct spans *s)
{
	uint32_t n = s->rows.count;
	int rc = 0;

	for (uint32_t i = 0; i < n; i++)
		s->lines[i] = line_of(s, &s->rows.rows[i]);
	qsort(s->lines, n, sizeof(s->lines[0]), order);
	for (uint32_t i = 0, j; i < n && rc == 0; i = j) {
		for (j = i + 1; j < n && compare_line(&s->lines[i], &s->lines[j]) == 0; j++)
			continue;
		rc = tell_line(s, &s->lines[i], j - i);
	}
	return rc;
}

/* ---- services and addresses ---- */

static int
tell_service(struct spans *s, uint32_t id)
{
	const struct span_service *v = &s->service[id - 1];
	struct sight n = { .what = SIGHT_NODE, .source = sources[v->source], .where = s->where, .first = v->first, .last = v->last,
		.count = v->spans, .name = span_names_name(s, id), .space = span_names_space(s, id), .kind = SIGHT_SERVICE };
	int rc = s->opts.tell(s->opts.arg, &n);

	if (rc != 0 || v->first == 0)
		return rc;
	n.what = SIGHT_COVER;
	n.count = 0;
	return s->opts.tell(s->opts.arg, &n);
}

static int
tell_services(struct spans *s)
{
	int rc = 0;

	for (uint32_t id = 1; id <= s->services.count && rc == 0; id++)
		if (s->service[id - 1].spans > 0)
			rc = tell_service(s, id);
	return rc;
}

/* A fact of a resource, as span_names_note() packed it. */
static int
tell_fact(struct spans *s, uint32_t id)
{
	const char *p = span_intern_text(&s->facts, id);
	uint32_t service;

	memcpy(&service, p, sizeof(service));
	enum span_key key = (enum span_key)p[sizeof(service)];
	const struct span_service *v = &s->service[service - 1];
	struct sight f = { .what = SIGHT_FACT, .source = sources[v->source], .where = s->where, .first = v->first, .last = v->last,
		.name = span_names_name(s, service), .space = span_names_space(s, service), .kind = SIGHT_SERVICE, .key = span_key_text(key),
		.value = p + sizeof(service) + 1 };

	if (key == SPAN_KEY_SERVICE_INSTANCE) {
		f.what = SIGHT_INSTANCE;
		f.address = f.value;
		f.key = f.value = NULL;
	}
	return s->opts.tell(s->opts.arg, &f);
}

/* The service is to be found at this address. */
static int
tell_instance(struct spans *s, uint32_t address, uint32_t service)
{
	const struct span_service *v = &s->service[service - 1];
	const char *host = span_intern_text(&s->addresses, address), *port = span_names_port(s, address);
	struct end e = { .name = host, .port = port[0] != '\0' ? port : NULL };
	struct sight t = { .what = SIGHT_INSTANCE, .source = sources[v->source], .where = s->where, .first = v->first, .last = v->last,
		.name = span_names_name(s, service), .space = span_names_space(s, service), .kind = SIGHT_SERVICE };
	char name[NAME_BYTES];

	t.address = name_of(&e, name);
	return s->opts.tell(s->opts.arg, &t);
}

/*
 * An address whose meaning changed. The store folds what is called by an address into the service there, and leaves alone what several
 * services share: so of these two are told. A host alone is told only if nobody named a port of it, and no database is there.
 */
static int
tell_address(struct spans *s, uint32_t address)
{
	struct span_address *a = &s->address[address - 1];
	uint32_t meaning = span_names_meaning(s, address), first = meaning == SPAN_AMBIGUOUS ? a->claimant : meaning;
	bool is_host = a->host == address;
	int rc = 0;

	if (!a->direct || (is_host && (a->numeric || a->typed_port != 0)))
		return 0;
	if (first != 0 && first != a->told) {
		rc = tell_instance(s, address, first);
		a->told = first;
	}
	if (rc == 0 && meaning == SPAN_AMBIGUOUS && a->rival != 0 && a->rival != first && a->rival != a->told_rival) {
		rc = tell_instance(s, address, a->rival);
		a->told_rival = a->rival;
	}
	return rc;
}

/* ---- what waits for its other side, and what is not so after all ---- */

static int
tell_left_one(struct spans *s, const struct span_left *l)
{
	char bytes[SPAN_LEFT_MAX], from[NAME_BYTES], to[NAME_BYTES];
	uint64_t traces[1 + SPAN_LEFT_LINKS] = { l->r.trace_lo };
	struct span_left_line line;
	bool told = l->r.told != 0;
	size_t n;

	if (told) {
		line = span_left_line(s, l->r.told);
	} else if (l->to != 0) {
		struct end a = end_of(s, l->from), b = end_of(s, l->to);

		line = (struct span_left_line){ name_of(&a, from), a.space, name_of(&b, to), b.space };
		told = compare_end(&a, &b) != 0;
	}
	n = span_left_write(s, l, told ? &line : NULL, bytes);
	if (n == 0) {
		s->counts.left_dropped++;
		return 0;
	}
	for (uint32_t i = 0; i < l->link_count; i++)
		traces[i + 1] = l->links[i].trace_lo;
	return s->opts.left(s->opts.left_arg, traces, 1 + l->link_count, bytes, n);
}

static int
tell_back(struct spans *s, const struct span_back *b)
{
	struct span_left_line l = span_left_line(s, b->told);
	struct sight line = { .what = SIGHT_LINE, .source = sources[b->source], .where = s->where, .from = l.from, .from_space = l.from_space,
		.to = l.to, .to_space = l.to_space, .protocol = protocols[b->protocol], .first = b->at, .last = b->at, .count = 1,
		.errors = b->error, .latency = b->latency };

	return s->opts.take_back(s->opts.left_arg, &line);
}

static int
tell_left(struct spans *s)
{
	int rc = 0;

	for (uint32_t i = 0; i < s->back_count && rc == 0; i++)
		rc = tell_back(s, &s->backs[i]);
	for (uint32_t i = 0; i < s->left_count && rc == 0; i++)
		rc = tell_left_one(s, &s->left[i]);
	return rc;
}

int
span_tell(struct spans *s)
{
	int rc = 0;

	if (s->tell_again) {
		span_intern_clear(&s->told);
		s->facts_told = 0;
		for (uint32_t i = 0; i < s->dirty_count; i++)
			s->address[s->dirty[i] - 1].told = s->address[s->dirty[i] - 1].told_rival = 0;
	}
	s->tell_again = true;
	rc = tell_services(s);
	for (; rc == 0 && s->facts_told < s->facts.count; s->facts_told++)
		rc = tell_fact(s, s->facts_told + 1);
	for (uint32_t i = 0; rc == 0 && i < s->dirty_count; i++)
		rc = tell_address(s, s->dirty[i]);
	if (rc == 0)
		rc = tell_left(s);
	return rc == 0 ? tell_lines(s) : rc;
}

void
span_tell_done(struct spans *s)
{
	s->tell_again = false;
	for (uint32_t i = 0; i < s->dirty_count; i++)
		s->address[s->dirty[i] - 1].dirty = false;
	s->dirty_count = 0;
	for (uint32_t i = 0; i < s->services.count; i++)
		s->service[i].spans = 0, s->service[i].first = s->service[i].last = 0;
	span_rows_clear(&s->rows);
}
