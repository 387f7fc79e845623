/* SPDX-License-Identifier: MIT */
/*
 * report.h - a finished run as a page, a document for programs, a JUnit file and a few lines for the terminal.
 *
 * Pure: result in, text out. Nothing is read from anywhere else, and every text of the result is escaped.
 * All return 0, or -ENOBUFS when out is full (its contents are then of no use). The page of a long run with thousands of
 * buckets stays under 4 MB: give the buffer 16 MB.
 */
#ifndef RUN_REPORT_H
#define RUN_REPORT_H

#include "run/result.h"

/* One self-contained HTML file: style, pictures and a few lines of script for tooltips are inside. */
int report_html(const struct run_result *r, struct buf *out);
/* One JSON document; the schema is in doc/report.md. Ends with a newline. */
int report_json(const struct run_result *r, struct buf *out);
/* JUnit XML: one test case per audit, probe and tolerance. */
int report_junit(const struct run_result *r, struct buf *out);

struct report_text_options {
	bool colour;            /* ANSI colours */
	unsigned columns;       /* width to wrap at; 0: 100 */
};
/* The verdict for a person at a terminal, some ten lines. opt may be NULL. */
int report_text(const struct run_result *r, const struct report_text_options *opt, struct buf *out);

#endif
