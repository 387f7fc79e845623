/* SPDX-License-Identifier: MIT */
/*
 * http_news.h - changes of state that policies tell of (a breaker opens, an instance is ejected), brought from the threads they
 * happen in to the one that logs and shows them.
 *
 * Invariants
 *  (1) Telling never waits for whoever listens: a ring that is full drops what is new, and counts it.
 *  (2) Such changes are rare; a short lock orders those who tell at the same time.
 */
#ifndef CONF_HTTP_NEWS_H
#define CONF_HTTP_NEWS_H

#include "faultline/base.h"
#include "base/types.h"

#define HTTP_NEWS_RING 512u

struct http_news_item {
	uint64_t n;                     /* counts all that were told */
	fl_ns at;                       /* io clock */
	enum fl_who who;
	char name[FL_NAME_MAX];         /* of the policy: "cart/checkout" */
	char from[24], to[24];
	char why[256];
};

struct http_news;

int http_news_new(struct http_news **ret_news);         /* 0 or -ENOMEM */
void http_news_free(struct http_news *n);               /* when nobody tells any more; NULL is fine */
/* To be given to policies. */
struct fl_listener http_news_listener(struct http_news *n);
/* Any thread. */
void http_news_tell(struct http_news *n, const struct fl_event *e);
/* Take the oldest. false: there is none. One thread. ret_lost (may be NULL): dropped so far. */
bool http_news_take(struct http_news *n, struct http_news_item *ret_item, uint64_t *ret_lost);

#endif
