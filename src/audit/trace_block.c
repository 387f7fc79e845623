/* SPDX-License-Identifier: MIT */
/* trace_block.c - see trace_block.h. */
#include "audit/trace_block.h"

#include "base/assert.h"
#include "base/hash.h"
#include <endian.h>
#include <errno.h>
#include <string.h>

#define KEY0 0x666c747261636531u        /* of the checksum; any constant does */
#define KEY1 0x6c696e6561676521u
#define EVENT_BYTES_MAX 5500u           /* numbers, and five texts of TRACE_TEXT_MAX with their lengths */
#define BODY (TRACE_HEADER_BYTES + 8 * TRACE_FILTER_WORDS)

_Static_assert(EVENT_BYTES_MAX > 5 * (TRACE_TEXT_MAX + 6) + 3 + 16 + 3 * 8 + 7 * 10 + 3, "(2)");
_Static_assert(EVENT_BYTES_MAX < TRACE_PAYLOAD_BYTES, "(2)");

/* Which fields follow. */
enum {
	HAS_TRACE = 1, HAS_SPAN = 2, HAS_PARENT = 4, HAS_CONN = 8, HAS_NUMBER = 16, HAS_BYTES = 32, HAS_HASH = 64, HAS_FAULT = 128,
	HAS_VALUE = 256, HAS_STATUS = 512, HAS_REST = 1024, HAS_LINE = 2048, HAS_PLACE = 4096, HAS_WHAT = 8192, HAS_TEXT = 16384,
	SAME_TRACE = 32768,
};
#define HAS_ID 0x20u                    /* in the byte of kind and direction */

static inline void
put64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, 8);
}

static inline uint64_t
get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return le64toh(v);
}

static inline void
put32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, 4);
}

static inline uint32_t
get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return le32toh(v);
}

static inline uint64_t
zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t
unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* ---- keys ---- */

/* The end of MurmurHash3: every bit of x moves every bit of the result. */
static inline uint64_t
mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdu;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53u;
	return x ^ x >> 33;
}

static inline uint64_t
hash_text(const char *p, uint32_t n)
{
	uint64_t h = n * 0x9e3779b97f4a7c15u, v;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&v, p, 8);
		h = mix(h ^ le64toh(v));
	}
	v = 0;
	for (uint32_t i = 0; i < n; i++)
		v |= (uint64_t)(uint8_t)p[i] << 8 * i;
	return mix(h ^ v);
}

uint64_t
trace_key_trace(const uint8_t trace[16])
{
	return mix(get64(trace) ^ mix(get64(trace + 8)));
}

uint64_t
trace_key_span(uint64_t span)
{
	return mix(span ^ 0x5a5a5a5a5a5a5a5au);
}

static inline uint64_t
key_conn(uint64_t line_hash, uint64_t conn)
{
	return mix(line_hash + conn * 0x9e3779b97f4a7c15u);
}

uint64_t
trace_key_conn(struct trace_text line, uint64_t conn)
{
	return key_conn(hash_text(line.p, FL_MIN(line.n, TRACE_TEXT_MAX)), conn);
}

uint64_t
trace_key_name(struct trace_text name)
{
	return hash_text(name.p, FL_MIN(name.n, TRACE_TEXT_MAX));
}

uint64_t
trace_key_id(struct trace_text id)
{
	return mix(hash_text(id.p, FL_MIN(id.n, TRACE_TEXT_MAX)) ^ 0x6964u);
}

static inline uint64_t
filter_bits(uint64_t key)
{
	return 1ull << (key >> 58) | 1ull << (key >> 52 & 63) | 1ull << (key >> 46 & 63) | 1ull << (key >> 40 & 63);
}

/* ---- writing ---- */

static void
begin(struct trace_block *b)
{
	b->bytes = b->events = b->words = b->keys = 0;
	b->time_min = INT64_MAX;
	b->time_max = INT64_MIN;
	b->last = (struct trace_event){ .at = 0 };
	memset(b->filter, 0, sizeof(b->filter));
	if (++b->stamp == 0) {
		memset(b->slot, 0, sizeof(b->slot));
		b->stamp = 1;
	}
}

void
trace_block_init(struct trace_block *b, uint64_t file)
{
	memset(b, 0, sizeof(*b));
	b->file = file;
	begin(b);
}

static inline void
add_key(struct trace_block *b, uint64_t key)
{
	b->filter[key & (TRACE_FILTER_WORDS - 1)] |= filter_bits(key);
	b->keys++;
}

static inline uint8_t *
put_number(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

/* A text by its number in the dictionary, and the text itself where it is new there. */
static uint8_t *
put_text(struct trace_block *b, uint8_t *p, struct trace_text t, bool key, uint64_t *ret_hash)
{
	const uint32_t n = FL_MIN(t.n, TRACE_TEXT_MAX), mask = 2 * TRACE_WORDS_MAX - 1;
	const uint64_t hash = hash_text(t.p, n);
	const uint8_t *body = b->out + BODY;
	uint32_t i = (uint32_t)hash & mask;

	*ret_hash = hash;
	for (; b->slot[i].stamp == b->stamp; i = (i + 1) & mask) {
		const struct trace_block_word *w = &b->word[b->slot[i].word];

		if (w->hash == hash && w->n == n && memcmp(body + w->at, t.p, n) == 0)
			return put_number(p, b->slot[i].word);
	}
	fl_assert(b->words < TRACE_WORDS_MAX);
	p = put_number(p, b->words);
	p = put_number(p, n);
	b->slot[i].stamp = b->stamp;
	b->slot[i].word = b->words;
	b->word[b->words++] = (struct trace_block_word){ .hash = hash, .at = (uint32_t)(p - body), .n = n };
	memcpy(p, t.p, n);
	if (key)
		add_key(b, hash);
	return p + n;
}

/* Ids differ from message to message: they are written out. */
static uint8_t *
put_id(struct trace_block *b, uint8_t *p, struct trace_text id)
{
	const uint32_t n = FL_MIN(id.n, TRACE_TEXT_MAX);

	p = put_number(p, n);
	memcpy(p, id.p, n);
	add_key(b, trace_key_id((struct trace_text){ .p = id.p, .n = n }));
	return p + n;
}

static inline bool
has_trace(const struct trace_event *e)
{
	return (get64(e->trace) | get64(e->trace + 8)) != 0;
}

static uint8_t *
put_ids(struct trace_block *b, uint8_t *p, const struct trace_event *e, unsigned *has)
{
	if (has_trace(e) && memcmp(e->trace, b->last.trace, 16) == 0) {
		*has |= SAME_TRACE;
	} else if (has_trace(e)) {
		*has |= HAS_TRACE;
		memcpy(p, e->trace, 16);
		p += 16;
		add_key(b, trace_key_trace(e->trace));
	}
	if (e->span != 0) {
		*has |= HAS_SPAN;
		put64(p, e->span);
		p += 8;
		add_key(b, trace_key_span(e->span));
	}
	if (e->parent != 0) {
		*has |= HAS_PARENT;
		put64(p, e->parent);
		p += 8;
	}
	return p;
}

static uint8_t *
put_counts(uint8_t *p, const struct trace_event *e, const struct trace_event *last, unsigned *has)
{
	const uint64_t conn = zigzag((int64_t)(e->conn - last->conn)), value = zigzag(e->value);
	const uint64_t v[] = { conn, e->number, e->bytes, e->fault, value, e->status };
	static const unsigned bits[] = { HAS_CONN, HAS_NUMBER, HAS_BYTES, HAS_FAULT, HAS_VALUE, HAS_STATUS };

	for (unsigned i = 0; i < FL_ARRAY_LEN(v); i++) {
		if (v[i] == 0)
			continue;
		*has |= bits[i];
		p = put_number(p, v[i]);
	}
	if (e->hash != 0) {
		*has |= HAS_HASH;
		put64(p, e->hash);
		p += 8;
	}
	if ((e->flags | e->attempts) != 0) {
		*has |= HAS_REST;
		*p++ = e->flags;
		*p++ = e->attempts;
	}
	return p;
}

bool
trace_block_put(struct trace_block *b, const struct trace_event *e)
{
	uint8_t *start = b->out + BODY + b->bytes, *p = start + 3;
	unsigned has = 0;
	uint64_t hash;

	fl_assert(e->kind < TRACE_KINDS && e->dir < 2);
	if (b->bytes + EVENT_BYTES_MAX > TRACE_PAYLOAD_BYTES || b->words + 4 > TRACE_WORDS_MAX)
		return false;
	p = put_number(p, zigzag((int64_t)((uint64_t)e->at - (uint64_t)b->last.at)));
	p = put_ids(b, p, e, &has);
	p = put_counts(p, e, &b->last, &has);
	if (e->line.n > 0) {
		has |= HAS_LINE;
		p = put_text(b, p, e->line, true, &hash);
		add_key(b, key_conn(hash, e->conn));
	}
	if (e->place.n > 0) {
		has |= HAS_PLACE;
		p = put_text(b, p, e->place, true, &hash);
	}
	if (e->what.n > 0) {
		has |= HAS_WHAT;
		p = put_text(b, p, e->what, false, &hash);
	}
	if (e->text.n > 0) {
		has |= HAS_TEXT;
		p = put_text(b, p, e->text, false, &hash);
	}
	if (e->id.n > 0)
		p = put_id(b, p, e->id);
	start[0] = (uint8_t)((unsigned)e->kind | (unsigned)e->dir << 4 | (e->id.n > 0 ? (unsigned)HAS_ID : 0u));
	start[1] = (uint8_t)has;
	start[2] = (uint8_t)(has >> 8);
	b->bytes = (uint32_t)(p - (b->out + BODY));
	fl_assert(b->bytes <= TRACE_PAYLOAD_BYTES);
	b->events++;
	b->time_min = FL_MIN(b->time_min, e->at);
	b->time_max = FL_MAX(b->time_max, e->at);
	b->last.at = e->at;
	b->last.conn = e->conn;
	memcpy(b->last.trace, e->trace, 16);
	return true;
}

/* Halve the filter as long as it has more room than its keys need: a key's word is a low part of it, so halves may be joined. */
static uint32_t
fold_filter(struct trace_block *b)
{
	uint32_t words = TRACE_FILTER_WORDS;

	while (words > 1 && words / 2 * 8 >= b->keys) {
		words /= 2;
		for (uint32_t i = 0; i < words; i++)
			b->filter[i] |= b->filter[i + words];
	}
	return b->keys == 0 ? 0 : words;
}

size_t
trace_block_seal(struct trace_block *b, uint32_t lost, const uint8_t **ret_p)
{
	const uint32_t words = fold_filter(b);
	uint8_t *h = b->out + BODY - 8 * words - TRACE_HEADER_BYTES;
	const size_t n = TRACE_HEADER_BYTES + 8 * words + b->bytes;

	if (b->events == 0 && lost == 0)
		return 0;
	memcpy(h, TRACE_MAGIC, 8);
	put64(h + 8, b->file);
	put64(h + 16, b->number++);
	put64(h + 24, (uint64_t)(b->events > 0 ? b->time_min : 0));
	put64(h + 32, (uint64_t)(b->events > 0 ? b->time_max : 0));
	put32(h + 40, b->bytes);
	put32(h + 44, b->events);
	put32(h + 48, words);
	put32(h + 52, lost);
	for (uint32_t i = 0; i < words; i++)
		put64(h + TRACE_HEADER_BYTES + 8 * i, b->filter[i]);
	put64(h + 56, hash_bytes(hash_bytes(KEY0, KEY1, h, 56), KEY1, h + TRACE_HEADER_BYTES, n - TRACE_HEADER_BYTES));
	*ret_p = h;
	begin(b);
	return n;
}

/* ---- reading ---- */

int
trace_block_view(const uint8_t *p, size_t n, struct trace_block_view *ret)
{
	struct trace_block_view v;

	if (n < TRACE_HEADER_BYTES)
		return memcmp(p, TRACE_MAGIC, FL_MIN(n, 8u)) == 0 ? -ENODATA : -EBADMSG;
	if (memcmp(p, TRACE_MAGIC, 8) != 0)
		return -EBADMSG;
	v = (struct trace_block_view){ .file = get64(p + 8), .number = get64(p + 16), .time_min = (fl_ns)get64(p + 24),
		.time_max = (fl_ns)get64(p + 32), .payload = get32(p + 40), .events = get32(p + 44), .filter_words = get32(p + 48),
		.lost = get32(p + 52) };
	if (v.payload > TRACE_PAYLOAD_BYTES || v.filter_words > TRACE_FILTER_WORDS || (v.filter_words & (v.filter_words - 1)) != 0 ||
	    v.events > v.payload)
		return -EBADMSG;
	v.bytes = TRACE_HEADER_BYTES + 8 * (size_t)v.filter_words + v.payload;
	if (v.bytes > n)
		return -ENODATA;
	v.filter = p + TRACE_HEADER_BYTES;
	v.p = v.filter + 8 * (size_t)v.filter_words;
	if (get64(p + 56) != hash_bytes(hash_bytes(KEY0, KEY1, p, 56), KEY1, v.filter, v.bytes - TRACE_HEADER_BYTES))
		return -EBADMSG;
	*ret = v;
	return 0;
}

bool
trace_block_may(const struct trace_block_view *v, uint64_t key)
{
	if (v->filter_words == 0)
		return false;
	return (~get64(v->filter + 8 * (key & (v->filter_words - 1))) & filter_bits(key)) == 0;
}

void
trace_cursor_init(struct trace_cursor *c, const struct trace_block_view *v)
{
	c->view = *v;
	c->at = c->read = c->words = 0;
	c->last = (struct trace_event){ .at = 0 };
}

/* The readers below return false past the end. */
static inline bool
get_number(struct trace_cursor *c, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && c->at < c->view.payload; shift += 7) {
		const uint8_t byte = c->view.p[c->at++];

		v |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0) {
			*ret = v;
			return true;
		}
	}
	return false;
}

static inline const uint8_t *
get_bytes(struct trace_cursor *c, uint64_t n)
{
	const uint8_t *p = c->view.p + c->at;

	if (n > c->view.payload - c->at)
		return NULL;
	c->at += (uint32_t)n;
	return p;
}

static bool
get_fixed64(struct trace_cursor *c, uint64_t *ret)
{
	const uint8_t *p = get_bytes(c, 8);

	if (p != NULL)
		*ret = get64(p);
	return p != NULL;
}

static bool
get_text(struct trace_cursor *c, struct trace_text *ret)
{
	uint64_t word, n;
	const uint8_t *p;

	if (!get_number(c, &word) || word > c->words || word >= TRACE_WORDS_MAX)
		return false;
	if (word == c->words) {
		if (!get_number(c, &n) || n > TRACE_TEXT_MAX || (p = get_bytes(c, n)) == NULL)
			return false;
		c->word[c->words++] = (struct trace_text){ .p = (const char *)p, .n = (uint32_t)n };
	}
	*ret = c->word[word];
	return true;
}

static bool
get_id(struct trace_cursor *c, struct trace_text *ret)
{
	uint64_t n;
	const uint8_t *p;

	if (!get_number(c, &n) || n == 0 || n > TRACE_TEXT_MAX || (p = get_bytes(c, n)) == NULL)
		return false;
	*ret = (struct trace_text){ .p = (const char *)p, .n = (uint32_t)n };
	return true;
}

static bool
get_ids(struct trace_cursor *c, unsigned has, struct trace_event *e)
{
	const uint8_t *p;

	if ((has & SAME_TRACE) != 0)
		memcpy(e->trace, c->last.trace, 16);
	if ((has & HAS_TRACE) != 0) {
		if ((p = get_bytes(c, 16)) == NULL)
			return false;
		memcpy(e->trace, p, 16);
	}
	return ((has & HAS_SPAN) == 0 || get_fixed64(c, &e->span)) && ((has & HAS_PARENT) == 0 || get_fixed64(c, &e->parent));
}

static bool
get_counts(struct trace_cursor *c, unsigned has, struct trace_event *e)
{
	uint64_t conn = 0, value = 0, status = 0;
	const uint8_t *p;

	if (((has & HAS_CONN) != 0 && !get_number(c, &conn)) || ((has & HAS_NUMBER) != 0 && !get_number(c, &e->number)) ||
	    ((has & HAS_BYTES) != 0 && !get_number(c, &e->bytes)) || ((has & HAS_FAULT) != 0 && !get_number(c, &e->fault)) ||
	    ((has & HAS_VALUE) != 0 && !get_number(c, &value)) || ((has & HAS_STATUS) != 0 && !get_number(c, &status)) ||
	    ((has & HAS_HASH) != 0 && !get_fixed64(c, &e->hash)))
		return false;
	e->conn = c->last.conn + (uint64_t)unzigzag(conn);
	e->value = unzigzag(value);
	e->status = (uint32_t)FL_MIN(status, UINT32_MAX);
	if ((has & HAS_REST) == 0)
		return true;
	if ((p = get_bytes(c, 2)) == NULL)
		return false;
	e->flags = p[0];
	e->attempts = p[1];
	return true;
}

int
trace_cursor_next(struct trace_cursor *c, struct trace_event *ret)
{
	struct trace_event e = { .at = 0 };
	const uint8_t *p;
	unsigned has;
	uint64_t at;
	bool has_id;

	if (c->read == c->view.events)
		return c->at == c->view.payload ? 0 : -EBADMSG;
	if ((p = get_bytes(c, 3)) == NULL)
		return -EBADMSG;
	e.kind = p[0] & 15;
	e.dir = (p[0] & ~HAS_ID) >> 4;
	has_id = (p[0] & HAS_ID) != 0;
	has = p[1] | (unsigned)p[2] << 8;
	if (e.kind >= TRACE_KINDS || e.dir > 1 || !get_number(c, &at) || !get_ids(c, has, &e) || !get_counts(c, has, &e) ||
	    ((has & HAS_LINE) != 0 && !get_text(c, &e.line)) || ((has & HAS_PLACE) != 0 && !get_text(c, &e.place)) ||
	    ((has & HAS_WHAT) != 0 && !get_text(c, &e.what)) || ((has & HAS_TEXT) != 0 && !get_text(c, &e.text)) ||
	    (has_id && !get_id(c, &e.id)))
		return -EBADMSG;
	e.at = (fl_ns)((uint64_t)c->last.at + (uint64_t)unzigzag(at));
	c->read++;
	c->last.at = e.at;
	c->last.conn = e.conn;
	memcpy(c->last.trace, e.trace, 16);
	*ret = e;
	return 1;
}
