/* SPDX-License-Identifier: MIT */
/*
 * evidence.h - an audit's outcome for programs and for people.
 *
 * Running out of room shows in the buffer's overflowed alone.
 */
#ifndef AUDIT_EVIDENCE_H
#define AUDIT_EVIDENCE_H

#include "audit/verdict.h"
#include "proto/jsonw.h"

/* One JSON object; doc/report.md has its schema. */
void evidence_json(const struct verdict_outcome *o, struct jsonw *w);
/* Some lines: the verdict, and for each contradiction the sentence and its operations. */
void evidence_text(const struct verdict_outcome *o, struct buf *out);
/* "write 17", "read nil", "cas 5 to 6", without the key. */
void evidence_put_op(const struct history *h, const struct history_op *op, struct buf *out);

#endif
