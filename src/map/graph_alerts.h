/* SPDX-License-Identifier: MIT */
/*
 * graph_alerts.h - lines that somebody should look at: new ones, vanished ones, forbidden ones, those that cross tiers
 *
 * Nothing is new until enough was learned: by age, and until the unseen mass is small; or since a moment that was called the baseline. There
 * is one alert for a client and a server, the worst there is. An acknowledgement silences it until it ends.
 */
#ifndef MAP_GRAPH_ALERTS_H
#define MAP_GRAPH_ALERTS_H

#include "map/graph_ask.h"

graph_fn graph_alerts, graph_ack;

#define GRAPH_ALERT_KINDS(X) \
	X(VANISHED, "vanished_line", "warning") \
	X(NEW, "new_line", "info") \
	X(TIER, "tier_crossing", "warning") \
	X(FORBIDDEN, "forbidden_line", "critical")

enum graph_alert_kind {
#define X(id, word, severity) GRAPH_ALERT_##id,
	GRAPH_ALERT_KINDS(X)
#undef X
	GRAPH_ALERT_KIND_COUNT
};

struct graph_alert {
	enum graph_alert_kind kind;
	const char *from, *to;          /* as people write them */
	const char *id;                 /* "cart -> redis" */
	const char *severity, *text, *source;
	int64_t first, last;
	uint64_t count;
	bool acknowledged;
};
/* Every alert there is now, for who sends them. What fn returns other than 0 ends it. */
typedef int graph_alert_fn(void *arg, const struct graph_alert *alert);
int graph_alerts_each(struct graph_ask *a, struct graph_reply *r, graph_alert_fn *fn, void *arg);
const char *graph_alert_word(enum graph_alert_kind k);

#endif
