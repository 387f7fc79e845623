/* SPDX-License-Identifier: MIT */
/* say.h - a contradiction in one sentence: who did what when, and what cannot be. */
#ifndef AUDIT_SAY_H
#define AUDIT_SAY_H

#include "audit/history.h"

struct say_subject {
	const struct history *h;
	const struct history_op *ops;   /* the contradicting operations, in order of invocation */
	uint32_t count;
	uint32_t culprit;               /* into ops */
	const uint32_t *key_ops;        /* all operations on the key: history indexes */
	uint32_t key_op_count;
};

/* Append the sentence, without a full stop. 0 or -ENOBUFS. */
int say_contradiction(const struct say_subject *s, struct buf *out);

#endif
