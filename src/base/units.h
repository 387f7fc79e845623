/* SPDX-License-Identifier: MIT */
/*
 * units.h - amounts as people write them.
 *
 * Sizes: "10", "10B", "10KB", "1.5MB", "2GB" (1 KB = 1000 B), "10KiB" (1024 B). Durations: "250ms", "5s", "1.5m", "2h",
 * "100us", "7ns", "1d"; parts may be joined: "1m30s". A bare number is refused for durations unless it is 0. Letters in
 * any case, spaces between number and unit allowed, nothing else.
 */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include "base/types.h"

/* 0, -EINVAL not a size, -ERANGE over INT64_MAX or negative. ret untouched on failure. */
int units_parse_bytes(const char *s, int64_t *ret_bytes);
int units_parse_duration(const char *s, fl_ns *ret_ns);
/* Shortest exact-enough text: "1.5 MB", "250 ms". buf of at least 32 bytes; returns buf. */
char *units_bytes(char *buf, size_t buf_bytes, double bytes);
char *units_duration(char *buf, size_t buf_bytes, fl_ns ns);

#endif
