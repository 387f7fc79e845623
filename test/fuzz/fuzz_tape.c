/* SPDX-License-Identifier: MIT */
/* fuzz_tape.c - any text as a history of any format: read or refused with a place, and the same when it comes in two pieces. */
#include "audit/tape_read.h"
#include "audit/tape_value.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
same(const struct tape *a, const struct tape *b)
{
	struct buf x, y;

	fl_assert(a->count == b->count && a->pos == b->pos);
	for (uint32_t i = 0; i < a->count; i++) {
		buf_init(&x, 1u << 20);
		buf_init(&y, 1u << 20);
		tape_value_put(a, a->ops[i].call, 100, &x);
		tape_value_put(b, b->ops[i].call, 100, &y);
		fl_assert(buf_len(&x) == buf_len(&y) && memcmp(buf_data(&x), buf_data(&y), buf_len(&x)) == 0);
		fl_assert(tape_value_same(a, a->ops[i].call, a->ops[i].call));
		(void)tape_value_hash(a, a->ops[i].result);
		buf_fini(&x);
		buf_fini(&y);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	size_t half = size == 0 ? 0 : data[size / 2] % (size + 1), used = 0;
	struct tape_read_info info;
	struct tape_read r;
	struct tape a, b;

	tape_init(&a, 4u << 20);
	tape_init(&b, 4u << 20);
	int rc = tape_read_all(&a, NULL, text, size, &info);
	fl_assert(rc == 0 ? info.error[0] == '\0' : info.line >= 1 && info.column >= 1 && info.error[0] != '\0');
	tape_read_init(&r, &b, NULL);
	int again = tape_read_feed(&r, text, half, false, &used);
	fl_assert(used <= half);
	if (again == 0)
		again = tape_read_feed(&r, text + used, size - used, true, &used);
	fl_assert(again == rc && r.info.line == info.line && r.info.column == info.column && r.info.cut == info.cut);
	if (rc == 0)
		same(&a, &b);
	tape_read_fini(&r);
	tape_fini(&a);
	tape_fini(&b);
	return 0;
}
