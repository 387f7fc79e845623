/* SPDX-License-Identifier: MIT */
/* moment.h - points in time as text (RFC 3339 and its shorter forms), without a clock and without a time zone of ours. */
#ifndef GRAPH_MOMENT_H
#define GRAPH_MOMENT_H

#include "base/types.h"

/*
 * moment_parse - "2026-03-01", "2026-03-01T12:00[:00[.5]][Z|+02:00]"; a space may stand for the T; without a zone it is UTC.
 * *ret      ns since 1970, 1970 to 2200
 * returns   0 or -EINVAL
 */
int moment_parse(const char *text, int64_t *ret);

/* Days since 1970-01-01 of a civil date, and back. Month and day from 1. */
int64_t moment_days(int year, int month, int day);
void moment_date(int64_t days, int *ret_year, int *ret_month, int *ret_day);

/* "2026-03-01T12:00:00.5Z"; "" for what is not after 1970. buf of 40 bytes; returns buf. */
char *moment_text(int64_t when, char *buf);

#endif
