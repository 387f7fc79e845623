/* SPDX-License-Identifier: MIT */
/*
 * fuzz_trace.c - any bytes as a trace store: refused, or read, made into trees, told, drawn and compared; and as a stream of frames.
 *
 * Damage to a block is found by its hash, so that most inputs would end there: the hash of the first blocks is set right first.
 */
#include "base/assert.h"
#include "base/hash.h"
#include "run/trace_json.h"
#include "run/trace_pick.h"
#include "run/trace_say.h"
#include "run/trace_svg.h"
#include "audit/trace_frame.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY ((size_t)64 << 20)
#define FINDS 64u
#define KEY0 0x666c747261636531u        /* as in src/audit/trace_block.c */
#define KEY1 0x6c696e6561676521u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t
get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void
mend(uint8_t *p, size_t n)
{
	for (unsigned i = 0; i < 8 && n >= 64; i++) {
		const uint64_t bytes = 64 + (uint64_t)get32(p + 40) + 8 * (uint64_t)get32(p + 48);
		uint64_t h;

		if (bytes > n)
			return;
		h = hash_bytes(hash_bytes(KEY0, KEY1, p, 56), KEY1, p + 64, (size_t)bytes - 64);
		for (unsigned k = 0; k < 8; k++)
			p[56 + k] = (uint8_t)(h >> 8 * k);
		p += bytes;
		n -= (size_t)bytes;
	}
}

/* The name of every call leads back to a call of that name. */
static void
names(const struct lineage *l)
{
	char name[LINEAGE_NAME_MAX], again[LINEAGE_NAME_MAX];
	struct trace_pick p;

	for (uint32_t i = 0; i < FL_MIN(l->count, 8u); i++) {
		lineage_name(l, i, name, sizeof(name));
		lineage_flow_name(l, i, name, sizeof(name));
		trace_pick(l, name, &p);
		if (p.call != LINEAGE_NONE && strchr(name, '#') == NULL && p.count == 1)
			lineage_flow_name(l, p.call, again, sizeof(again));
	}
}

static void
tell(const struct lineage *l, struct buf *out)
{
	struct trace_find finds[FINDS];
	uint32_t order[64], n;
	struct jsonw w;

	jsonw_init(&w, out);
	for (uint32_t r = 0; r < FL_MIN(l->root_count, 4u); r++) {
		fl_assert(l->calls[l->roots[r]].parent == LINEAGE_NONE);
		trace_say_tree(l, l->roots[r], l->roots[r], out);
		n = FL_MIN(lineage_tree(l, l->roots[r], order, 64), 64u);
		trace_svg(l, order, n, order[0], "fuzz", out);
		n = FL_MIN(trace_find(l, l->roots[r], finds, FINDS), FINDS);
		for (uint32_t i = 0; i < n; i++) {
			trace_find_say(l, &finds[i], out);
			trace_json_find(l, &finds[i], &w);
		}
		trace_json_call(l, l->roots[r], &w);
	}
}

static void
store(uint8_t *p, size_t n)
{
	const struct trace_query all = { .kinds = 0 };
	struct trace_store s;
	struct trace_compare c;
	struct lineage l;
	struct arena mem;
	struct buf out;

	arena_init(&mem, MEMORY);
	buf_init(&out, 32u << 20);
	if (trace_store_open(&s, p, n, &mem) == 0 && lineage_build(&l, &s, &all, &mem) == 0) {
		fl_assert(l.root_count <= l.count && (l.count == 0 || l.root_count > 0));
		trace_say_state(&s, &out);
		tell(&l, &out);
		names(&l);
		fl_assert(trace_compare(&l, &l, &mem, &c) != 0 || c.count == 0);        /* a run is like itself */
	}
	buf_fini(&out);
	arena_fini(&mem);
}

static void
told(void *ud, const struct trace_message *m)
{
	uint64_t *last = ud;

	fl_assert(m->number == ++*last && memchr(m->id, '\0', TRACE_ID_MAX) != NULL);
}

static void
frames(const uint8_t *p, size_t n)
{
	struct trace_frame *f = malloc(sizeof(*f));

	for (uint8_t framing = 0; f != NULL && framing < TRACE_FRAMINGS; framing++) {
		const struct trace_frame_conf conf = { .framing = framing, .id = { .kind = (uint8_t)(framing % TRACE_ID_KINDS), .word = 2,
		    .field = "a.b" } };
		uint64_t last = 0;

		trace_frame_init(f, 0);
		trace_frame_feed(f, &conf, p, n / 3, told, &last);
		trace_frame_feed(f, &conf, p + n / 3, n - n / 3, told, &last);
		trace_frame_end(f, &conf, told, &last);
	}
	free(f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	frames(copy, size);
	store(copy, size);
	mend(copy, size);
	store(copy, size);
	free(copy);
	return 0;
}
