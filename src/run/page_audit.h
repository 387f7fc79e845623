/* SPDX-License-Identifier: MIT */
/* page_audit.h - the part of report.html that shows what the audit found. Pure. */
#ifndef RUN_PAGE_AUDIT_H
#define RUN_PAGE_AUDIT_H

#include "run/result.h"

/* Appends nothing when there was no audit. */
void page_audit(const struct run_result *r, struct buf *out);

#endif
