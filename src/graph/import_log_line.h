/* SPDX-License-Identifier: MIT */
/* import_log_line.h - a line of an access log as words, its time, and whose log it is. */
#ifndef GRAPH_IMPORT_LOG_LINE_H
#define GRAPH_IMPORT_LOG_LINE_H

#include "graph/import_say.h"

#define LOG_WORDS_MAX 64

/* Words of a line; those in quotes or brackets hold them, and spaces. What comes behind LOG_WORDS_MAX is left out. */
struct log_words {
	const char *p[LOG_WORDS_MAX];
	size_t n[LOG_WORDS_MAX];
	unsigned count;
};
void import_log_split(const char *line, size_t len, struct log_words *w);
/* "20/Nov/2026:22:31:06 +0000", "20/Nov/2026:22:31:06.213" (taken for UTC). */
bool import_log_time(const char *s, size_t n, int64_t *ret_ns);
/* The number that n bytes begin with, which need not end with a NUL; 0: none. */
double import_log_number(const char *s, size_t n);
/*
 * The proxy's name: the file's without its ending and without words such as access and log, or the folder's; of a
 * kubelet's file, "cart-7d9f8c6b5-x2x4z_shop_nginx-<id>.log", the pod's owner.
 */
void import_log_name(struct import *im, char *out, size_t out_bytes);
/* Bytes of "cart-7d9f8c6b5-x2x4z" without what a ReplicaSet, a DaemonSet or a StatefulSet put behind its own name. */
size_t import_log_pod_owner(const char *pod);
/* An address of the internet. */
bool import_log_is_outside(const char *address);

#endif
