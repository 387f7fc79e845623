/* SPDX-License-Identifier: MIT */
/*
 * runbook_print.h - a runbook on paper, for when the machine that would conduct it is down: text, Markdown, or one page of HTML. Pure.
 *
 * Steps stand in the order of their planned starts, under their waves; each with whom it stands after, what to run, how to check it, how long
 * it usually takes and until when it must be done. What is too long for a buffer shows in its overflowed.
 */
#ifndef MAP_RUNBOOK_PRINT_H
#define MAP_RUNBOOK_PRINT_H

#include "base/buf.h"
#include "map/runbook.h"

struct runbook_title {
	const char *name;               /* "Recovery of shop" */
	const char *about;              /* a sentence or two; NULL: none */
	int64_t made;                   /* ns since 1970 */
};

/* What a dry run says. */
void runbook_print_text(const struct runbook *b, const struct runbook_title *t, struct buf *out);
void runbook_print_markdown(const struct runbook *b, const struct runbook_title *t, struct buf *out);
/* One file, nothing is loaded from elsewhere; boxes to tick, and wide margins when printed. */
void runbook_print_html(const struct runbook *b, const struct runbook_title *t, struct buf *out);

#endif
