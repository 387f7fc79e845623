/* SPDX-License-Identifier: MIT */
/* txn_session.c - transactions of sessions without times. */
#include "audit/txn_session.h"

#include <errno.h>
#include <stdio.h>

int
txn_session_refuse(struct txn_read_info *info, uint32_t line, const char *what)
{
	info->line = line;
	snprintf(info->error, sizeof(info->error), "%s", what);
	return -EINVAL;
}

int
txn_session_add(struct txn_hist *h, int64_t session, uint32_t line, enum txn_outcome outcome)
{
	struct txn_head head = { .process = session, .line = line, .outcome = outcome,
		.complete_pos = outcome == TXN_INFO ? TXN_POS_NEVER : 0 };

	return txn_hist_add(h, &head);
}

int
txn_session_mop(struct txn_hist *h, bool write, int64_t key, int32_t value)
{
	int32_t code;
	uint32_t k;
	int rc = txn_hist_int(h, key, &code);

	if (rc == 0)
		rc = txn_hist_key(h, code, &k);
	return rc != 0 ? rc : txn_hist_mop(h, write ? TXN_W : TXN_R, k, value);
}
