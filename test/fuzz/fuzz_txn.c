/* SPDX-License-Identifier: MIT */
/*
 * fuzz_txn.c - any text as a history of transactions, also in the formats of other checkers; and, when the first byte is below 3, any
 * bytes as one of that model. Judged: the levels agree with each other, each step of each cycle has its reason.
 */
#include "audit/tape_read.h"
#include "audit/txn_draw.h"
#include "audit/txn_foreign.h"
#include "audit/txn_say.h"
#include "base/assert.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
judge(const struct txn_hist *h)
{
	struct txn_options options = { .memory_bytes_max = 8u << 20, .effort = 200000 };
	struct txn_outcome_of o;
	struct buf out;
	struct jsonw w;

	buf_init(&out, 16u << 20);
	if (txn_check(h, &options, &o) == 0) {
		for (unsigned a = 0; a < TXN_LEVELS; a++)
			for (unsigned b = 0; b < TXN_LEVELS; b++)
				fl_assert(!txn_level_implies(h->model, (enum txn_level)a, (enum txn_level)b) || o.status[a] != TXN_HOLDS ||
				    o.status[b] == TXN_HOLDS);
		for (uint32_t i = 0; i < o.anomaly_count; i++)
			for (uint32_t s = 0; o.anomalies[i].steps != NULL && s < o.anomalies[i].count; s++)
				fl_assert(o.anomalies[i].steps[s].why[0] != '\0');
		fl_assert(o.status[TXN_STRICT] != TXN_BROKEN || o.anomaly_count > 0);
		jsonw_init(&w, &out);
		txn_say_json(&o, TXN_SER, &w);
		txn_say_text(&o, TXN_SER, &out);
		txn_draw_all(&o, &out);
	}
	buf_fini(&out);
	txn_check_fini(&o);
}

/* Each transaction: a byte of process and outcome, a byte of how many micro-operations, two bytes for each; reads of lists end by 0. */
static void
from_bytes(struct txn_hist *h, const uint8_t *p, size_t n)
{
	static const enum txn_f writes[] = { TXN_APPEND, TXN_W, TXN_ADD };
	uint32_t pos = 1, key;

	for (size_t i = 0; i + 2 < n && h->count < 200;) {
		struct txn_head head = { .process = p[i] & 7, .invoke_pos = (p[i] & 64) != 0 ? 0 : pos, .complete_pos = pos + 1, .line = pos,
			.outcome = p[i] >> 3 < 24 ? TXN_OK : p[i] >> 3 < 28 ? TXN_FAIL : TXN_INFO };
		unsigned count = p[i + 1] % 8;

		pos += 2;
		if (txn_hist_add(h, &head) != 0)
			return;
		for (i += 2; count > 0 && i + 1 < n; count--, i += 2) {
			fl_assert(txn_hist_key(h, p[i] % 4, &key) == 0);
			if (p[i] >= 128) {
				(void)txn_hist_mop(h, writes[h->model], key, p[i + 1] % 32);
			} else if (head.outcome != TXN_OK) {
				continue;
			} else if (h->model == TXN_RW_REGISTER) {
				(void)txn_hist_mop(h, TXN_R, key, p[i + 1] % 32 == 0 ? TXN_NIL : p[i + 1] % 32);
			} else if (txn_hist_mop(h, TXN_L, key, 0) == 0) {
				for (; i + 1 < n && p[i + 1] != 0; i++) {
					int32_t *e = txn_hist_elems(h, 1);

					if (e == NULL)
						return;
					*e = p[i + 1] % 32;
				}
			}
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tape_read_info info;
	struct txn_read_info read_info;
	struct txn_hist h;
	struct tape tape;
	enum txn_foreign format = txn_foreign_of((const char *)data, size);

	tape_init(&tape, 1u << 20);
	if (format != TXN_FOREIGN_NONE) {
		txn_hist_init(&h, TXN_RW_REGISTER, 1u << 20);
		int rc = txn_foreign_read(&h, format, 0, (const char *)data, size, &read_info);

		fl_assert(rc == 0 || read_info.error[0] != '\0');
		if (rc == 0)
			judge(&h);
		txn_hist_fini(&h);
	} else if (size > 0 && data[0] < 3) {
		txn_hist_init(&h, (enum txn_model)data[0], 1u << 20);
		from_bytes(&h, data + 1, size - 1);
		judge(&h);
		txn_hist_fini(&h);
	} else if (tape_read_all(&tape, &(struct tape_read_options){ .lone_completions = true }, (const char *)data, size, &info) == 0) {
		txn_hist_init(&h, txn_read_model(&tape), 1u << 20);
		int rc = txn_read_tape(&h, &tape, &read_info);

		fl_assert(rc == 0 || read_info.error[0] != '\0');
		if (rc == 0)
			judge(&h);
		txn_hist_fini(&h);
	}
	tape_fini(&tape);
	return 0;
}
