/* SPDX-License-Identifier: MIT */
/* same.h - did two runs leave the same results? */
#ifndef RUN_SAME_H
#define RUN_SAME_H

#include "run/experiment.h"

#define SAME_GOT_MAX 200
/*
 * same_files - compare two files of text.
 * how       BYTES: byte for byte; LINES: the same lines in any order; LAST: the same last line for each first word
 * ret_got   SAME_GOT_MAX bytes: what differs, or how much is the same
 * returns   1 they are the same; 0 they differ; -errno one cannot be read
 */
int same_files(const char *a, const char *b, enum experiment_same how, char *ret_got);

#endif
