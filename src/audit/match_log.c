/* SPDX-License-Identifier: MIT */
/* match_log.c - packing records of streams into blocks, and reading them back. */
#include "audit/match_log.h"

#include "base/assert.h"
#include "base/hash.h"
#include <errno.h>
#include <string.h>

#define VERSION 1u
#define BLOCK_MAGIC UINT32_C(0x4b424c46)        /* "FLBK" */
#define KEY_0 UINT64_C(0x73747265616d206c)
#define KEY_1 UINT64_C(0x6f672066696c6531)
#define HASHED_BYTES 56u                        /* of a head: all but the hash */
#define RECORD_BYTES_MAX 64u                    /* without bytes of its own */

/* The first byte of a record: its kind, and what is left out because it follows from the record before. */
#define KIND_MASK 0x0fu
#define SAME_FLOW 0x10u
#define NEXT_N 0x20u
#define CLAIMED 0x40u

static void
put32(uint8_t *at, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

static void
put64(uint8_t *at, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t
get32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t
get64(const uint8_t *at)
{
	return get32(at) | (uint64_t)get32(at + 4) << 32;
}

void
match_log_put_head(const struct match_log_head *h, uint8_t ret[MATCH_LOG_HEAD_BYTES])
{
	memcpy(ret, MATCH_LOG_MAGIC, 8);
	put32(ret + 8, VERSION);
	put32(ret + 12, (uint32_t)h->side | (h->acks ? 0x100u : 0));
	put64(ret + 16, h->seed);
	put64(ret + 24, (uint64_t)h->wall_ns);
	put64(ret + 32, (uint64_t)h->mono);
	put64(ret + 40, h->machine);
	put64(ret + 48, 0);
	put64(ret + HASHED_BYTES, hash_bytes(KEY_0, KEY_1, ret, HASHED_BYTES));
}

int
match_log_get_head(const uint8_t bytes[MATCH_LOG_HEAD_BYTES], struct match_log_head *ret)
{
	uint32_t what = get32(bytes + 12), side = what & 0xff;

	if (memcmp(bytes, MATCH_LOG_MAGIC, 8) != 0)
		return -EINVAL;
	if (get32(bytes + 8) != VERSION)
		return -EPROTO;
	if (get64(bytes + HASHED_BYTES) != hash_bytes(KEY_0, KEY_1, bytes, HASHED_BYTES) || side < MATCH_SIDE_SENT || side > MATCH_SIDE_RECEIVED)
		return -EBADMSG;
	*ret = (struct match_log_head){
		.side = (enum match_side)side, .acks = (what & 0x100) != 0, .seed = get64(bytes + 16), .wall_ns = (int64_t)get64(bytes + 24),
		.mono = (fl_ns)get64(bytes + 32), .machine = get64(bytes + 40),
	};
	return 0;
}

static uint8_t *
put_varint(uint8_t *at, uint64_t v)
{
	while (v >= 0x80) {
		*at++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*at++ = (uint8_t)v;
	return at;
}

/* Small numbers of either sign are short. */
static uint64_t
fold(uint64_t difference)
{
	return difference << 1 ^ (0 - (difference >> 63));
}

static uint64_t
unfold(uint64_t v)
{
	return v >> 1 ^ (0 - (v & 1));
}

void
match_log_begin(struct match_pack *p, uint64_t first)
{
	p->used = p->count = p->flow_max = p->flow = 0;
	p->flow_min = UINT32_MAX;
	p->n_min = UINT64_MAX;
	p->n_max = 0;
	p->first = first;
	p->at = p->at_first = 0;
	memset(p->n, 0, sizeof(p->n));
}

static bool
names_message(const struct match_rec *r)
{
	return r->kind <= MATCH_GOT || (r->kind == MATCH_CORRUPT && r->claimed);
}

static uint8_t *
put_name(struct match_pack *p, const struct match_rec *r, uint8_t *first, uint8_t *at)
{
	if (r->flow == p->flow && p->count > 0)
		*first |= SAME_FLOW;
	else
		at = put_varint(at, r->flow);
	if (r->n == p->n[r->kind] + 1)
		*first |= NEXT_N;
	else
		at = put_varint(at, fold(r->n - p->n[r->kind]));
	p->flow = r->flow;
	p->n[r->kind] = r->n;
	p->flow_min = FL_MIN(p->flow_min, r->flow);
	p->flow_max = FL_MAX(p->flow_max, r->flow);
	p->n_min = FL_MIN(p->n_min, r->n);
	p->n_max = FL_MAX(p->n_max, r->n);
	return at;
}

bool
match_log_put(struct match_pack *p, const struct match_rec *r)
{
	uint32_t bytes = r->kind == MATCH_CORRUPT || r->kind == MATCH_OUTPUT ? r->byte_count : 0;
	uint8_t *first = p->mem + MATCH_LOG_HEAD_BYTES + p->used, *at = first + 1;

	fl_assert(bytes <= MATCH_LOG_BYTES_MAX && r->kind > 0 && r->kind < MATCH_KINDS);
	if (p->used + RECORD_BYTES_MAX + bytes > MATCH_LOG_BLOCK_BYTES)
		return false;
	if (p->count == 0)
		p->at = p->at_first = r->at;
	*first = (uint8_t)((unsigned)r->kind | (r->kind == MATCH_CORRUPT && r->claimed ? CLAIMED : 0));
	at = put_varint(at, fold((uint64_t)r->at - (uint64_t)p->at));
	p->at = r->at;
	if (names_message(r))
		at = put_name(p, r, first, at);
	if (r->kind == MATCH_SENT || r->kind == MATCH_GOT || (r->kind == MATCH_CORRUPT && r->claimed))
		at = put_varint(at, r->key);
	if (r->kind == MATCH_SENT || r->kind == MATCH_GOT) {
		at = put_varint(at, fold((uint64_t)r->value - r->n));
		put32(at, r->hash);
		at += 4;
	}
	if (r->kind == MATCH_CORRUPT || r->kind == MATCH_OUTPUT) {
		at = put_varint(at, bytes);
		if (bytes > 0)
			memcpy(at, r->bytes, bytes);
		at += bytes;
	}
	p->used = (uint32_t)(at - p->mem) - MATCH_LOG_HEAD_BYTES;
	p->count++;
	return true;
}

static uint64_t
block_hash(const uint8_t *head, const uint8_t *payload, uint32_t bytes)
{
	return hash_bytes(hash_bytes(KEY_0, KEY_1, payload, bytes), KEY_1, head, HASHED_BYTES);
}

uint32_t
match_log_seal(struct match_pack *p)
{
	uint8_t *head = p->mem;

	if (p->count == 0)
		return 0;
	put32(head, BLOCK_MAGIC);
	put32(head + 4, p->used);
	put32(head + 8, p->count);
	put32(head + 12, p->flow_min);
	put32(head + 16, p->flow_max);
	put32(head + 20, 0);
	put64(head + 24, p->first);
	put64(head + 32, p->n_min);
	put64(head + 40, p->n_max);
	put64(head + 48, (uint64_t)p->at_first);
	put64(head + HASHED_BYTES, block_hash(head, head + MATCH_LOG_HEAD_BYTES, p->used));
	return MATCH_LOG_HEAD_BYTES + p->used;
}

int
match_log_get_block(const uint8_t head[MATCH_LOG_HEAD_BYTES], struct match_block *ret)
{
	struct match_block b = {
		.bytes = get32(head + 4), .count = get32(head + 8), .flow_min = get32(head + 12), .flow_max = get32(head + 16),
		.first = get64(head + 24), .n_min = get64(head + 32), .n_max = get64(head + 40), .at_first = (fl_ns)get64(head + 48),
		.hash = get64(head + HASHED_BYTES),
	};

	if (get32(head) != BLOCK_MAGIC || b.bytes == 0 || b.bytes > MATCH_LOG_BLOCK_BYTES || b.count == 0 || b.count > b.bytes)
		return -EINVAL;
	*ret = b;
	return 0;
}

int
match_log_open(const struct match_block *block, const uint8_t *head, const uint8_t *payload, struct match_cursor *ret)
{
	if (block->hash != block_hash(head, payload, block->bytes))
		return -EBADMSG;
	*ret = (struct match_cursor){ .at = payload, .end = payload + block->bytes, .block = block, .left = block->count, .time = block->at_first };
	return 0;
}

/* false: it does not end within 64 bits, or within the block. */
static inline bool
take_varint(struct match_cursor *c, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; c->at < c->end && shift < 64; shift += 7) {
		uint8_t b = *c->at++;

		v |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80) {
			*ret = v;
			return true;
		}
	}
	return false;
}

static inline bool
take_name(struct match_cursor *c, uint8_t first, struct match_rec *r)
{
	uint64_t v;

	if ((first & SAME_FLOW) == 0) {
		if (!take_varint(c, &v) || v > UINT32_MAX)
			return false;
		c->flow = (uint32_t)v;
	}
	v = 2;
	if ((first & NEXT_N) == 0 && !take_varint(c, &v))
		return false;
	r->flow = c->flow;
	r->n = c->n[r->kind] += unfold(v);
	return r->flow >= c->block->flow_min && r->flow <= c->block->flow_max && r->n >= c->block->n_min && r->n <= c->block->n_max;      /* (2) */
}

static inline bool
take_key(struct match_cursor *c, struct match_rec *r)
{
	uint64_t v;

	if (!take_varint(c, &v) || v > UINT32_MAX)
		return false;
	r->key = (uint32_t)v;
	return true;
}

static bool
take_bytes(struct match_cursor *c, struct match_rec *r)
{
	uint64_t v;

	if (!take_varint(c, &v) || v > MATCH_LOG_BYTES_MAX || v > (uint64_t)(c->end - c->at))
		return false;
	r->bytes = (const char *)c->at;
	r->byte_count = (uint32_t)v;
	c->at += v;
	return true;
}

static inline bool
take_content(struct match_cursor *c, struct match_rec *r)
{
	uint64_t v;

	if (!take_key(c, r) || !take_varint(c, &v) || c->end - c->at < 4)
		return false;
	r->value = (int64_t)(r->n + unfold(v));
	r->hash = get32(c->at);
	c->at += 4;
	return true;
}

int
match_log_next(struct match_cursor *c, struct match_rec *ret)
{
	struct match_rec r = { .kind = 0 };
	uint64_t v;
	uint8_t first;
	bool ok = true;

	if (c->left == 0)
		return c->at == c->end ? 0 : -EBADMSG;
	if (c->at == c->end)
		return -EBADMSG;
	first = *c->at++;
	if ((first & KIND_MASK) == 0 || (first & KIND_MASK) >= MATCH_KINDS || !take_varint(c, &v))
		return -EBADMSG;
	r.kind = (enum match_kind)(first & KIND_MASK);
	r.claimed = r.kind == MATCH_CORRUPT && (first & CLAIMED) != 0;
	c->time = r.at = (fl_ns)((uint64_t)c->time + unfold(v));
	if (names_message(&r))
		ok = take_name(c, first, &r);
	if (r.kind == MATCH_SENT || r.kind == MATCH_GOT)
		ok = ok && take_content(c, &r);
	else if (r.kind == MATCH_CORRUPT || r.kind == MATCH_OUTPUT)
		ok = ok && (!r.claimed || take_key(c, &r)) && take_bytes(c, &r);
	if (!ok)
		return -EBADMSG;
	c->left--;
	*ret = r;
	return 1;
}
