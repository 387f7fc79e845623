/* SPDX-License-Identifier: MIT */
/*
 * words.h - a result's verdict, times and counts as people read them, and text made safe for HTML and XML. Pure.
 *
 * What is appended to a buffer shows lack of room in the buffer's overflowed alone.
 */
#ifndef RUN_WORDS_H
#define RUN_WORDS_H

#include "run/result.h"

/* "HELD", "FINDING", "ABORTED", "COULD NOT JUDGE". */
const char *words_verdict(enum result_verdict v);
/* "held", "finding", "aborted", "unknown": for programs. */
const char *words_verdict_id(enum result_verdict v);
/* One plain sentence without a full stop: what the verdict means for this run. */
void words_headline(const struct run_result *r, struct buf *out);
/* A reason as it should stand in lists; those of the audit get the sentence of the evidence. */
void words_reason(const struct run_result *r, uint32_t i, struct buf *out);

/* "12.003 s" since the start; "the end" for FL_NEVER. */
void words_moment(fl_ns t, struct buf *out);
/* "4.50 ms", "12.0 s": three digits and a unit; "16 min 40 s" from two minutes on. */
void words_duration(fl_ns t, struct buf *out);
/* "1,234,567". */
void words_count(uint64_t n, struct buf *out);
/* "2026-01-02 03:04:05 UTC"; iso: "2026-01-02T03:04:05Z". */
void words_date(int64_t wall_ns, bool iso, struct buf *out);

/* Text escaped for HTML, XML and attributes; what is not UTF-8 or not allowed in XML becomes U+FFFD. NULL is "". */
void words_safe(const char *s, struct buf *out);
/* The same as a sentence: with a capital letter and a full stop. */
void words_safe_sentence(const char *s, struct buf *out);
void words_safen(const char *s, size_t n, struct buf *out);

#endif
