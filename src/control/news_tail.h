/* SPDX-License-Identifier: MIT */
/* news_tail.h - changes of state of policies: logged as they come, the latest in memory for /v1/lines/NAME. */
#ifndef CONTROL_NEWS_TAIL_H
#define CONTROL_NEWS_TAIL_H

#include "control/lines.h"
#include "proto/jsonw.h"
#include "conf/http_news.h"

#define NEWS_TAIL_MAX 1024u

struct news_tail {
	struct http_news *news;         /* borrowed */
	struct log *log;
	uint64_t next, lost;
	fl_ns epoch;                    /* io clock at 1970 */
	struct http_news_item *ring;    /* n is at n % NEWS_TAIL_MAX */
};

int news_tail_init(struct news_tail *t, struct http_news *news, struct log *log, fl_ns now);    /* 0 or -ENOMEM */
void news_tail_fini(struct news_tail *t);       /* accepts a zeroed one */
/* Take what there is, and log it. */
void news_tail_take(struct news_tail *t);
/* The latest of a line, newest first, at most max, as an array. */
void news_tail_json(const struct news_tail *t, const char *line, unsigned max, struct jsonw *w);

#endif
