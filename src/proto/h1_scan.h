/* SPDX-License-Identifier: MIT */
/* h1_scan.h - the search for line ends in a head, which is also the search for bytes that no head may hold. */
#ifndef PROTO_H1_SCAN_H
#define PROTO_H1_SCAN_H

#include "proto/h1.h"

/* Lines of one head, which end in CRLF; the first begins at start, each following one 2 behind the end of the one before. */
struct h1_lines {
	uint32_t start;
	uint32_t count;                         /* more than there is room for: too many */
	uint32_t end[H1_FIELDS_MAX + 2];        /* where the CR is: the first line, fields, the empty line */
};

/* The first control byte (below 0x20 but not tab, or 0x7f) in p[from, to), or to. */
uint32_t h1_scan_control(const char *p, uint32_t from, uint32_t to);
/* The same without vector instructions. */
uint32_t h1_scan_control_plain(const char *p, uint32_t from, uint32_t to);

/*
 * h1_scan_line - find the next line end at or after *at.
 * at        H1_OK: behind the line; H1_MORE: where to go on; H1_BAD: the byte that is wrong
 * ret_end   H1_OK: where its CR is
 */
enum h1_verdict h1_scan_line(const char *p, uint32_t *at, uint32_t to, uint32_t *ret_end, const char **ret_error);

#endif
