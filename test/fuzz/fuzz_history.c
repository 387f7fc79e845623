/* SPDX-License-Identifier: MIT */
/* fuzz_history.c - any text as a history: read or refused with a place; what is read comes back from its own text, and is judged. */
#include "audit/evidence.h"
#include "audit/history_read.h"
#include "audit/history_write.h"
#include "audit/register.h"
#include "base/assert.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
judge(const struct history *h)
{
	struct register_options options = { .configs_max = 20000, .memory_bytes_max = 1u << 20, .minimise_configs_max = 20000 };
	struct verdict_outcome o;
	struct buf out;
	struct jsonw w;

	fl_assert(register_check(h, &options, &o) == 0);
	fl_assert((o.verdict == VERDICT_INVALID) == (o.keys_invalid > 0) && o.reason != NULL);
	for (uint32_t i = 0; i < o.evidence_count; i++)
		fl_assert(o.evidence[i].op_count > 0 && o.evidence[i].culprit < o.evidence[i].op_count && o.evidence[i].say[0] != '\0');
	buf_init(&out, 16u << 20);
	jsonw_init(&w, &out);
	evidence_json(&o, &w);
	evidence_text(&o, &out);
	buf_fini(&out);
	verdict_fini(&o);
}

static void
again(const struct history *h)
{
	struct history_read_info info;
	struct buf first, second;
	struct history back;

	buf_init(&first, 16u << 20);
	buf_init(&second, 16u << 20);
	history_init(&back, 16u << 20);
	fl_assert(history_write_all(h, &first) == 0);
	fl_assert(history_read(&back, buf_str(&first), buf_len(&first), &info) == 0 && !info.cut && back.count == h->count);
	fl_assert(history_write_all(&back, &second) == 0);
	fl_assert(buf_len(&first) == buf_len(&second) && strcmp(buf_str(&first), buf_str(&second)) == 0);
	history_fini(&back);
	buf_fini(&first);
	buf_fini(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct history_read_info info;
	struct history h;

	history_init(&h, 1u << 20);
	int rc = history_read(&h, (const char *)data, size, &info);
	fl_assert(rc == 0 ? info.line == 0 && info.error[0] == '\0' : info.line >= 1 && info.column >= 1 && info.error[0] != '\0');
	if (rc == 0) {
		again(&h);
		judge(&h);
	}
	history_fini(&h);
	return 0;
}
