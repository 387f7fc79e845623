/* SPDX-License-Identifier: MIT */
/* page_audits.h - the part of the page that shows what audits by command have found. */
#ifndef RUN_PAGE_AUDITS_H
#define RUN_PAGE_AUDITS_H

#include "base/buf.h"
#include "run/result.h"

/* Nothing when there are none. */
void page_audits(const struct run_result *r, struct buf *out);

#endif
