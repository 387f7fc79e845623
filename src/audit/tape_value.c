/* SPDX-License-Identifier: MIT */
/* tape_value.c - see tape_value.h. Nesting is bounded by the readers, so recursion is. */
#include "audit/tape_value.h"

#include "base/assert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool
tape_value_same(const struct tape *t, struct tape_value a, struct tape_value b)
{
	if (a.type != b.type)
		return false;
	switch (a.type) {
	case TAPE_NIL:
		return true;
	case TAPE_DOUBLE:
		return memcmp(&a.d, &b.d, sizeof(a.d)) == 0;
	case TAPE_INTS:
		return a.count == b.count && (a.count == 0 || memcmp(t->ints + a.at, t->ints + b.at, a.count * sizeof(t->ints[0])) == 0);
	case TAPE_LIST: case TAPE_MAP:
		if (a.count != b.count)
			return false;
		for (size_t i = 0, n = (size_t)a.count * (a.type == TAPE_MAP ? 2 : 1); i < n && a.at != b.at; i++)
			if (!tape_value_same(t, t->items[a.at + i], t->items[b.at + i]))
				return false;
		return true;
	default:
		return a.i == b.i;
	}
}

static uint64_t
mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

uint64_t
tape_value_hash(const struct tape *t, struct tape_value v)
{
	uint64_t h = mix(v.type, v.count);

	switch (v.type) {
	case TAPE_NIL:
		return h;
	case TAPE_INTS:
		for (uint32_t i = 0; i < v.count; i++)
			h = mix(h, (uint64_t)(int64_t)t->ints[v.at + i]);
		return h;
	case TAPE_LIST: case TAPE_MAP:
		for (size_t i = 0, n = (size_t)v.count * (v.type == TAPE_MAP ? 2 : 1); i < n; i++)
			h = mix(h, tape_value_hash(t, t->items[v.at + i]));
		return h;
	default:
		return mix(h, (uint64_t)v.i);
	}
}

static int
order(const struct tape *t, struct tape_value a, struct tape_value b)
{
	uint64_t x, y;

	if (a.type != b.type)
		return a.type < b.type ? -1 : 1;
	if (a.type == TAPE_INT)
		return a.i < b.i ? -1 : a.i > b.i;
	if (a.type == TAPE_TEXT) {
		size_t n = tape_chars_bytes(t, (uint32_t)a.text), m = tape_chars_bytes(t, (uint32_t)b.text);
		int c = memcmp(tape_chars(t, (uint32_t)a.text), tape_chars(t, (uint32_t)b.text), FL_MIN(n, m));

		return c != 0 ? c : n < m ? -1 : n > m;
	}
	x = tape_value_hash(t, a);
	y = tape_value_hash(t, b);
	return x < y ? -1 : x > y;
}

static int
compare(const void *a, const void *b, void *arg)
{
	return order(arg, *(const struct tape_value *)a, *(const struct tape_value *)b);
}

void
tape_value_sort(const struct tape *t, struct tape_value *items, size_t n, size_t width)
{
	/* Most are in order already. */
	for (size_t i = 1; i < n; i++) {
		if (order(t, items[(i - 1) * width], items[i * width]) > 0) {
			qsort_r(items, n, width * sizeof(items[0]), compare, (void *)(uintptr_t)t);
			return;
		}
	}
}

static void
put_map_json(const struct tape *t, struct tape_value v, struct jsonw *w)
{
	struct buf name;

	jsonw_object(w);
	for (uint32_t i = 0; i < v.count; i++) {
		const struct tape_value *pair = tape_pair(t, v, i);

		buf_init(&name, 4096);
		if (pair[0].type == TAPE_TEXT)
			(void)buf_append(&name, tape_chars(t, (uint32_t)pair[0].text),
					 FL_MIN(tape_chars_bytes(t, (uint32_t)pair[0].text), (size_t)4000));
		else
			tape_value_put(t, pair[0], 4000, &name);
		jsonw_key(w, buf_str(&name));
		buf_fini(&name);
		tape_value_json(t, pair[1], w);
	}
	jsonw_end(w);
}

void
tape_value_json(const struct tape *t, struct tape_value v, struct jsonw *w)
{
	switch ((enum tape_type)v.type) {
	case TAPE_NIL:
		jsonw_null(w);
		break;
	case TAPE_BOOL:
		jsonw_bool(w, v.i != 0);
		break;
	case TAPE_INT:
		jsonw_int(w, v.i);
		break;
	case TAPE_DOUBLE:
		jsonw_float(w, v.d);
		break;
	case TAPE_TEXT:
		jsonw_stringn(w, tape_chars(t, (uint32_t)v.text), tape_chars_bytes(t, (uint32_t)v.text));
		break;
	case TAPE_INTS: case TAPE_LIST:
		jsonw_array(w);
		for (uint32_t i = 0; i < v.count; i++)
			tape_value_json(t, tape_item(t, v, i), w);
		jsonw_end(w);
		break;
	case TAPE_MAP:
		put_map_json(t, v, w);
		break;
	}
}

static void
put_text(const struct tape *t, struct tape_value v, size_t max, struct buf *out)
{
	size_t n = tape_chars_bytes(t, (uint32_t)v.text), room = max > 8 ? max : 8;
	const char *p = tape_chars(t, (uint32_t)v.text);

	(void)buf_putc(out, '"');
	for (size_t i = 0; i < FL_MIN(n, room); i++)
		(void)((unsigned char)p[i] < 0x20 || p[i] == 0x7f ? buf_printf(out, "\\x%02x", (unsigned char)p[i]) : buf_putc(out, p[i]));
	(void)buf_puts(out, n > room ? "...\"" : "\"");
}

/* Items of a list, or pairs of a map, until there are too many columns. */
static void
put_items(const struct tape *t, struct tape_value v, size_t max, struct buf *out)
{
	bool map = v.type == TAPE_MAP;
	size_t from = buf_len(out);

	(void)buf_putc(out, map ? '{' : '[');
	for (uint32_t i = 0; i < v.count && !out->overflowed; i++) {
		size_t used = buf_len(out) - from, left = max > used ? max - used : 0;

		if (i > 0)
			(void)buf_putc(out, ' ');
		if (left == 0) {
			(void)buf_printf(out, "... %" PRIu32 " in all", v.count);
			break;
		}
		tape_value_put(t, map ? tape_pair(t, v, i)[0] : tape_item(t, v, i), left, out);
		if (!map)
			continue;
		(void)buf_putc(out, ' ');
		tape_value_put(t, tape_pair(t, v, i)[1], left, out);
	}
	(void)buf_putc(out, map ? '}' : ']');
}

void
tape_value_put(const struct tape *t, struct tape_value v, size_t columns_max, struct buf *out)
{
	char number[48];

	switch ((enum tape_type)v.type) {
	case TAPE_NIL:
		(void)buf_puts(out, "nil");
		break;
	case TAPE_BOOL:
		(void)buf_puts(out, v.i != 0 ? "true" : "false");
		break;
	case TAPE_INT:
		(void)buf_printf(out, "%" PRId64, v.i);
		break;
	case TAPE_DOUBLE:
		(void)buf_puts(out, jsonw_format_g(number, v.d));
		break;
	case TAPE_TEXT:
		put_text(t, v, columns_max, out);
		break;
	case TAPE_INTS: case TAPE_LIST: case TAPE_MAP:
		put_items(t, v, columns_max, out);
		break;
	}
}

void
tape_value_put_plain(const struct tape *t, struct tape_value v, size_t columns_max, struct buf *out)
{
	if (v.type == TAPE_TEXT)
		(void)buf_append(out, tape_chars(t, (uint32_t)v.text), FL_MIN(tape_chars_bytes(t, (uint32_t)v.text), columns_max));
	else
		tape_value_put(t, v, columns_max, out);
}
