/* SPDX-License-Identifier: MIT */
/* http_news.c - changes of state of policies, from any thread to one. */
#include "conf/http_news.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct http_news {
	atomic_flag lock;
	uint64_t told, taken, lost;
	struct http_news_item ring[HTTP_NEWS_RING];
};

int
http_news_new(struct http_news **ret_news)
{
	struct http_news *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return -ENOMEM;
	atomic_flag_clear(&n->lock);
	*ret_news = n;
	return 0;
}

void
http_news_free(struct http_news *n)
{
	free(n);
}

static void
on_event(void *ud, const struct fl_event *e)
{
	http_news_tell(ud, e);
}

struct fl_listener
http_news_listener(struct http_news *n)
{
	return (struct fl_listener){ .event = on_event, .ud = n };
}

static void
lock(struct http_news *n)
{
	while (atomic_flag_test_and_set_explicit(&n->lock, memory_order_acquire))
		continue;
}

static void
unlock(struct http_news *n)
{
	atomic_flag_clear_explicit(&n->lock, memory_order_release);
}

static void
copy(char *to, size_t bytes, const char *from)
{
	snprintf(to, bytes, "%s", from != NULL ? from : "");
}

void
http_news_tell(struct http_news *n, const struct fl_event *e)
{
	struct http_news_item item = { .at = e->at, .who = e->who };

	copy(item.name, sizeof(item.name), e->name);
	copy(item.from, sizeof(item.from), e->from);
	copy(item.to, sizeof(item.to), e->to);
	copy(item.why, sizeof(item.why), e->why);
	lock(n);
	if (n->told - n->taken < HTTP_NEWS_RING) {
		item.n = n->told + n->lost;
		n->ring[n->told++ % HTTP_NEWS_RING] = item;
	} else {
		n->lost++;              /* (1) */
	}
	unlock(n);
}

bool
http_news_take(struct http_news *n, struct http_news_item *ret_item, uint64_t *ret_lost)
{
	bool any;

	lock(n);
	any = n->taken < n->told;
	if (any)
		*ret_item = n->ring[n->taken++ % HTTP_NEWS_RING];
	if (ret_lost != NULL)
		*ret_lost = n->lost;
	unlock(n);
	return any;
}
