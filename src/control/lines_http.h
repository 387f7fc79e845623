/* SPDX-License-Identifier: MIT */
/* lines_http.h - the live side of HTTP lines in the table: what is kept of them over changes, and who is told of their policies. */
#ifndef CONTROL_LINES_HTTP_H
#define CONTROL_LINES_HTTP_H

#include "control/lines.h"
#include "conf/http_news.h"

/* 0 or -ENOMEM. */
int lines_http_init(struct lines *t);
/* When no worker runs any more. Accepts a zeroed table. */
void lines_http_fini(struct lines *t);
/*
 * What an HTTP line becomes: objects are taken over from what it was, as far as the same is asked of them.
 * ask       its http; its wire if it has one, else the line's; l: the line as it is, NULL: there is none
 * returns   0 with a reference in *ret_conf; -errno
 */
int lines_http_build(struct lines *t, const struct lines_line *l, const struct lines_ask *ask, struct http_conf **ret_conf);
/* The line is gone. */
void lines_http_forget(struct lines *t, const char *name);

#endif
