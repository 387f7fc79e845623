/* SPDX-License-Identifier: MIT */
/*
 * fuzz_match_log.c - any bytes as the log of a stream: refused, or records that keep to their block's word and can be packed again. The
 * hashes are made to hold, or nothing would ever get behind them.
 */
#include "audit/match_log.h"
#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
again(const struct match_rec *r)
{
	static struct match_pack pack;
	struct match_block b;
	struct match_cursor c;
	struct match_rec back;

	match_log_begin(&pack, 0);
	fl_assert(match_log_put(&pack, r) && match_log_seal(&pack) > 0);
	fl_assert(match_log_get_block(pack.mem, &b) == 0 && match_log_open(&b, pack.mem, pack.mem + MATCH_LOG_HEAD_BYTES, &c) == 0);
	fl_assert(match_log_next(&c, &back) == 1);
	fl_assert(back.kind == r->kind && back.flow == r->flow && back.n == r->n && back.at == r->at && back.value == r->value);
	fl_assert(back.byte_count == r->byte_count && (r->byte_count == 0 || memcmp(back.bytes, r->bytes, r->byte_count) == 0));
	fl_assert(match_log_next(&c, &back) == 0);
}

static void
read_block(const uint8_t *head, const uint8_t *payload, size_t bytes)
{
	struct match_block b;
	struct match_cursor c;
	struct match_rec r;
	uint32_t n = 0;
	int rc;

	if (match_log_get_block(head, &b) != 0 || b.bytes != bytes)
		return;
	(void)match_log_open(&b, head, payload, &c);
	c = (struct match_cursor){ .at = payload, .end = payload + bytes, .block = &b, .left = b.count, .time = b.at_first };
	while ((rc = match_log_next(&c, &r)) == 1) {
		n++;
		fl_assert(r.kind > 0 && r.kind < MATCH_KINDS && r.byte_count <= MATCH_LOG_BYTES_MAX);
		if (r.kind <= MATCH_GOT)
			fl_assert(r.flow >= b.flow_min && r.flow <= b.flow_max && r.n >= b.n_min && r.n <= b.n_max);
		if (n < 100)
			again(&r);
	}
	fl_assert(rc < 0 || n == b.count);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t head[MATCH_LOG_HEAD_BYTES];
	struct match_log_head h;
	uint8_t *own;

	if (size < sizeof(head))
		return 0;
	memcpy(head, data, sizeof(head));
	(void)match_log_get_head(head, &h);
	if (size > sizeof(head) + MATCH_LOG_BLOCK_BYTES)
		return 0;
	size -= sizeof(head);
	own = malloc(size + 1);
	if (own == NULL)
		return 0;
	memcpy(own, data + sizeof(head), size);
	head[4] = (uint8_t)size;
	head[5] = (uint8_t)(size >> 8);
	head[6] = (uint8_t)(size >> 16);
	head[7] = 0;
	read_block(head, own, size);
	free(own);
	return 0;
}
