/* SPDX-License-Identifier: MIT */
/*
 * span_corpus.h - traces of a made-up estate, as requests of OTLP in protobuf and in JSON
 *
 * A user calls a gateway, that calls services down to a depth, each of which asks a database or a cache. Attributes are those that HTTP and database
 * instrumentation of 2026 sends, most of which no rule reads. As SDKs do, each service sends its own batches of 512 spans, so the two
 * sides of a call come in different requests.
 */
#ifndef BENCH_SPAN_CORPUS_H
#define BENCH_SPAN_CORPUS_H

#include "lib.h"

#include "base/buf.h"
#include "graph/spans.h"

#define BATCH 512
#define SERVICES_MAX 400

struct item {
	unsigned service, callee;       /* callee: of a client; SERVICES_MAX + k: database k */
	unsigned kind;
	uint64_t trace, id, parent;
	int64_t start, end;
	bool error;
};

struct corpus {
	struct item *items;
	size_t count, cap;
	unsigned services, depth;
	uint64_t seed, ids;
};

struct bodies {
	struct buf mem;
	size_t at[4096], n[4096];
	unsigned count;
};

static inline uint64_t
next_random(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* ---- traces ---- */

static inline struct item *
push(struct corpus *c, unsigned service, unsigned kind, uint64_t trace, uint64_t parent, int64_t at)
{
	if (c->count == c->cap)
		return NULL;
	struct item *i = &c->items[c->count++];

	*i = (struct item){ .service = service, .kind = kind, .trace = trace, .id = next_random(&c->ids) | 1, .parent = parent, .start = at,
		.end = at + 1000000 + (int64_t)(next_random(&c->seed) % 5000000) };
	i->error = next_random(&c->seed) % 100 == 0;
	return i;
}

/* A server span and all below it. */
static inline void
grow(struct corpus *c, unsigned service, uint64_t trace, uint64_t parent, unsigned depth, int64_t at)
{
	struct item *server = push(c, service, SPAN_SERVER, trace, parent, at), *client;

	if (server == NULL)
		return;
	uint64_t id = server->id;

	if ((client = push(c, service, SPAN_CLIENT, trace, id, at + 1000)) != NULL)
		client->callee = SERVICES_MAX + service;
	push(c, service, SPAN_INTERNAL, trace, id, at + 2000);
	for (unsigned k = 0; k < 2 && depth > 0; k++) {
		unsigned callee = (service * 3 + 1 + (unsigned)(next_random(&c->seed) % 3)) % c->services;

		if ((client = push(c, service, SPAN_CLIENT, trace, id, at + 3000)) == NULL)
			return;
		client->callee = callee;
		grow(c, callee, trace, client->id, depth - 1, at + 4000);
	}
}

/* Ids are new in every round; everything else is the same. */
static inline void
corpus_fill(struct corpus *c, unsigned round)
{
	int64_t at = INT64_C(1795212777) * SEC;

	c->count = 0;
	c->seed = 1;
	c->ids = (uint64_t)round << 40;
	while (c->count < c->cap)
		grow(c, 0, next_random(&c->ids), 0, c->depth, at += 100000);
}

static inline int
by_service(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return x->service != y->service ? (x->service > y->service) - (x->service < y->service) : (x->start > y->start) - (x->start < y->start);
}

/* Requests of BATCH spans of one service each, in the order in which services would send them. */
typedef void encode_fn(struct buf *out, const struct item *items, size_t n);

static inline void
encode_all(const struct corpus *c, encode_fn *encode, struct bodies *b)
{
	const size_t window = (size_t)BATCH * c->services;

	buf_clear(&b->mem);
	b->count = 0;
	for (size_t w = 0; w < c->count; w += window) {
		size_t end = w + window < c->count ? w + window : c->count;

		qsort(c->items + w, end - w, sizeof(c->items[0]), by_service);
		for (size_t i = w, j; i < end; i = j) {
			for (j = i; j < end && j - i < BATCH && c->items[j].service == c->items[i].service; j++)
				continue;
			if (b->count == 4096)
				die("too many batches");
			b->at[b->count] = buf_len(&b->mem);
			encode(&b->mem, c->items + i, j - i);
			b->n[b->count] = buf_len(&b->mem) - b->at[b->count];
			b->count++;
		}
	}
	if (b->mem.overflowed)
		die("no memory for the requests");
}

/* ---- attributes: one list for both encodings ---- */

struct attr {
	const char *key;
	char text[96];
	int64_t number;
	bool is_number;
};

static inline unsigned
attrs_of(const struct item *i, struct attr *a)
{
	unsigned n = 0;

#define TEXT(k, ...) do { a[n].key = (k); a[n].is_number = false; snprintf(a[n].text, sizeof(a[n].text), __VA_ARGS__); n++; } while (0)
#define NUMBER(k, v) do { a[n].key = (k); a[n].is_number = true; a[n].number = (v); n++; } while (0)
	if (i->kind == SPAN_INTERNAL) {
		TEXT("code.function.name", "handle");
		return n;
	}
	if (i->kind == SPAN_CLIENT && i->callee >= SERVICES_MAX) {
		TEXT("db.system.name", "postgresql");
		TEXT("db.namespace", "store%u", i->callee - SERVICES_MAX);
		TEXT("db.query.text", "SELECT id, name FROM item WHERE id = $1");
		TEXT("db.operation.name", "SELECT");
		TEXT("server.address", "pg-%u.db", i->callee - SERVICES_MAX);
		NUMBER("server.port", 5432);
		return n;
	}
	unsigned called = i->kind == SPAN_CLIENT ? i->callee : i->service;

	TEXT("http.request.method", "GET");
	TEXT("server.address", "service-%u.svc", called);
	NUMBER("server.port", 8080);
	NUMBER("http.response.status_code", 200);
	TEXT("network.peer.address", "10.0.%u.%u", called / 250, called % 250 + 1);
	TEXT("network.protocol.version", "1.1");
	if (i->kind == SPAN_CLIENT) {
		TEXT("url.full", "http://service-%u.svc:8080/item/17", called);
		NUMBER("network.peer.port", 8080);
	} else {
		TEXT("url.path", "/item/17");
		TEXT("url.scheme", "http");
		TEXT("http.route", "/item/{id}");
		TEXT("user_agent.original", "node");
	}
#undef TEXT
#undef NUMBER
	return n;
}

static inline const char *
name_of(const struct item *i)
{
	return i->kind == SPAN_INTERNAL ? "handle" : i->callee >= SERVICES_MAX ? "SELECT store" : "GET";
}

/* ---- protobuf ---- */

static inline void
pb_varint(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_putc(b, (char)(v | 0x80));
	buf_putc(b, (char)v);
}

static inline void
pb_bytes(struct buf *b, unsigned field, const void *p, size_t n)
{
	pb_varint(b, field << 3 | 2);
	pb_varint(b, n);
	buf_append(b, p, n);
}

static inline void
pb_fixed64(struct buf *b, unsigned field, uint64_t v)
{
	pb_varint(b, field << 3 | 1);
	for (unsigned k = 0; k < 8; k++)
		buf_putc(b, (char)(v >> (8 * k)));
}

static inline void
pb_id(struct buf *b, unsigned field, uint64_t hi, uint64_t lo, bool wide)
{
	unsigned char id[16];

	for (unsigned k = 0; k < 8; k++) {
		id[k] = (unsigned char)(hi >> (56 - 8 * k));
		id[8 + k] = (unsigned char)(lo >> (56 - 8 * k));
	}
	pb_bytes(b, field, wide ? id : id + 8, wide ? 16 : 8);
}

static inline void
pb_attr(struct buf *b, unsigned field, const struct attr *a)
{
	char mem[2][256];
	struct buf kv, v;

	buf_init(&kv, sizeof(mem[0]));
	buf_init(&v, sizeof(mem[1]));
	if (a->is_number) {
		pb_varint(&v, 3 << 3);
		pb_varint(&v, (uint64_t)a->number);
	} else {
		pb_bytes(&v, 1, a->text, strlen(a->text));
	}
	pb_bytes(&kv, 1, a->key, strlen(a->key));
	pb_bytes(&kv, 2, buf_data(&v), buf_len(&v));
	pb_bytes(b, field, buf_data(&kv), buf_len(&kv));
	buf_fini(&kv);
	buf_fini(&v);
}

static inline void
pb_span(struct buf *b, const struct item *i)
{
	struct attr attrs[16];
	unsigned n = attrs_of(i, attrs);
	struct buf s;

	buf_init(&s, 65536);
	pb_id(&s, 1, i->trace * 3, i->trace, true);
	pb_id(&s, 2, 0, i->id, false);
	if (i->parent != 0)
		pb_id(&s, 4, 0, i->parent, false);
	pb_bytes(&s, 5, name_of(i), strlen(name_of(i)));
	pb_varint(&s, 6 << 3);
	pb_varint(&s, i->kind);
	pb_fixed64(&s, 7, (uint64_t)i->start);
	pb_fixed64(&s, 8, (uint64_t)i->end);
	for (unsigned k = 0; k < n; k++)
		pb_attr(&s, 9, &attrs[k]);
	pb_bytes(&s, 15, i->error ? "\x18\x02" : "", i->error ? 2 : 0);
	pb_varint(&s, 16 << 3 | 5);
	buf_append(&s, i->kind == SPAN_SERVER ? "\x01\x03\0\0" : "\x01\x01\0\0", 4);
	pb_bytes(b, 2, buf_data(&s), buf_len(&s));
	buf_fini(&s);
}

static inline void
encode_pb(struct buf *out, const struct item *items, size_t n)
{
	struct attr attrs[] = { { "service.name", "", 0, false }, { "telemetry.sdk.language", "nodejs", 0, false },
		{ "service.instance.id", "", 0, false } };
	struct buf rs, r, ss;

	buf_init(&rs, 16u << 20);
	buf_init(&r, 65536);
	buf_init(&ss, 16u << 20);
	snprintf(attrs[0].text, sizeof(attrs[0].text), "service-%u", items[0].service);
	snprintf(attrs[2].text, sizeof(attrs[2].text), "6ba7b810-9dad-11d1-80b4-%012u", items[0].service);
	for (unsigned k = 0; k < 3; k++)
		pb_attr(&r, 1, &attrs[k]);
	pb_bytes(&ss, 1, "\x0a\x04http", 6);
	for (size_t k = 0; k < n; k++)
		pb_span(&ss, &items[k]);
	pb_bytes(&rs, 1, buf_data(&r), buf_len(&r));
	pb_bytes(&rs, 2, buf_data(&ss), buf_len(&ss));
	pb_bytes(out, 1, buf_data(&rs), buf_len(&rs));
	buf_fini(&rs);
	buf_fini(&r);
	buf_fini(&ss);
}

/* ---- JSON ---- */

static inline void
json_attr(struct buf *b, const struct attr *a, const char *before)
{
	if (a->is_number)
		buf_printf(b, "%s{\"key\":\"%s\",\"value\":{\"intValue\":%lld}}", before, a->key, (long long)a->number);
	else
		buf_printf(b, "%s{\"key\":\"%s\",\"value\":{\"stringValue\":\"%s\"}}", before, a->key, a->text);
}

static inline void
encode_json(struct buf *b, const struct item *items, size_t n)
{
	buf_printf(b, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"service-%u\"}},"
	    "{\"key\":\"telemetry.sdk.language\",\"value\":{\"stringValue\":\"nodejs\"}}],\"droppedAttributesCount\":0},"
	    "\"scopeSpans\":[{\"scope\":{\"name\":\"http\"},\"spans\":[", items[0].service);
	for (size_t k = 0; k < n; k++) {
		const struct item *i = &items[k];
		struct attr attrs[16];
		unsigned count = attrs_of(i, attrs);

		buf_printf(b, "%s{\"traceId\":\"%016llx%016llx\",\"spanId\":\"%016llx\",", k > 0 ? "," : "",
		    (unsigned long long)(i->trace * 3), (unsigned long long)i->trace, (unsigned long long)i->id);
		if (i->parent != 0)
			buf_printf(b, "\"parentSpanId\":\"%016llx\",", (unsigned long long)i->parent);
		buf_printf(b, "\"name\":\"%s\",\"kind\":%u,\"startTimeUnixNano\":\"%lld\",\"endTimeUnixNano\":\"%lld\",\"attributes\":[", name_of(i),
		    i->kind, (long long)i->start, (long long)i->end);
		for (unsigned a = 0; a < count; a++)
			json_attr(b, &attrs[a], a > 0 ? "," : "");
		buf_printf(b, "],\"droppedAttributesCount\":0,\"events\":[],\"droppedEventsCount\":0,\"status\":{\"code\":%d},\"links\":[],"
		    "\"droppedLinksCount\":0,\"flags\":%d}", i->error ? 2 : 0, i->kind == SPAN_SERVER ? 769 : 257);
	}
	buf_puts(b, "]}]}]}");
}

#endif
