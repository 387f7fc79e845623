/* SPDX-License-Identifier: MIT */
/* page_tables.h - the tables of report.html. Pure. Each appends nothing when it has nothing to show. */
#ifndef RUN_PAGE_TABLES_H
#define RUN_PAGE_TABLES_H

#include "run/result.h"

/* What was tested: description, load, lines, versions. */
void page_tables_tested(const struct run_result *r, struct buf *out);
/* What was asked for: probes and limits, with what was got. */
void page_tables_judged(const struct run_result *r, struct buf *out);
/* The faults and what each of them really did. */
void page_tables_faults(const struct run_result *r, struct buf *out);
/* Latency as a whole, errors by text, and how connections ended. */
void page_tables_traffic(const struct run_result *r, struct buf *out);
/* The run in numbers, and what servers counted. */
void page_tables_numbers(const struct run_result *r, struct buf *out);
/* Processes with the end of their logs, and the files of the run directory. */
void page_tables_left(const struct run_result *r, struct buf *out);

#endif
