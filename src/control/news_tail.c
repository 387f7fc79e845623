/* SPDX-License-Identifier: MIT */
/* news_tail.c - changes of state of policies. */
#include "control/news_tail.h"
#include "control/http_live.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int
news_tail_init(struct news_tail *t, struct http_news *news, struct log *log, fl_ns now)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	*t = (struct news_tail){ .news = news, .log = log, .epoch = now - (wall.tv_sec * FL_SEC + wall.tv_nsec) };
	t->ring = calloc(NEWS_TAIL_MAX, sizeof(*t->ring));
	return t->ring != NULL ? 0 : -ENOMEM;
}

void
news_tail_fini(struct news_tail *t)
{
	free(t->ring);
	*t = (struct news_tail){ .news = NULL };
}

void
news_tail_take(struct news_tail *t)
{
	struct http_news_item *item;
	uint64_t lost;

	for (;;) {
		item = &t->ring[t->next % NEWS_TAIL_MAX];
		if (!http_news_take(t->news, item, &lost))
			break;
		t->next++;
		log_event(t->log, LOG_WARN, "a policy changed its state", "policy", http_live_who(item->who), "name", item->name, "from", item->from,
		    "to", item->to, "why", item->why, NULL);
	}
	if (lost > t->lost)
		log_event(t->log, LOG_WARN, "policies change faster than they are told of; some changes are lost", NULL);
	t->lost = lost;
}

/* "cart", "cart/checkout", "cart 127.0.0.1:80" are all of line cart. */
static bool
is_of(const struct http_news_item *item, const char *line)
{
	size_t n = strlen(line);

	return strncmp(item->name, line, n) == 0 && strchr("/ ", item->name[n]) != NULL;
}

void
news_tail_json(const struct news_tail *t, const char *line, unsigned max, struct jsonw *w)
{
	uint64_t first = t->next > NEWS_TAIL_MAX ? t->next - NEWS_TAIL_MAX : 0;

	jsonw_array(w);
	for (uint64_t n = t->next; n > first && max > 0; n--) {
		const struct http_news_item *item = &t->ring[(n - 1) % NEWS_TAIL_MAX];

		if (!is_of(item, line))
			continue;
		max--;
		jsonw_object(w);
		jsonw_key(w, "at_ms");
		jsonw_int(w, (item->at - t->epoch) / FL_MS);
		jsonw_str(w, "policy", http_live_who(item->who));
		jsonw_str(w, "name", item->name);
		jsonw_str(w, "from", item->from);
		jsonw_str(w, "to", item->to);
		jsonw_str(w, "why", item->why);
		jsonw_end(w);
	}
	jsonw_end(w);
}
