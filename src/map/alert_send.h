/* SPDX-License-Identifier: MIT */
/*
 * alert_send.h - tell somebody: a webhook, Alertmanager, a command, syslog.
 *
 * Each call tries once and blocks for at most the time it is given; what failed says whether it may be tried again, and the caller decides
 * when. Which alerts there are, and that each is told once, is not decided here.
 */
#ifndef MAP_ALERT_SEND_H
#define MAP_ALERT_SEND_H

#include "base/buf.h"
#include <stdbool.h>

struct alert_label {
	const char *key, *value;
};

/* Texts are borrowed. NULL is as "". */
struct alert {
	const char *id;                 /* the same whenever the same is told again */
	const char *kind;               /* "new_line", "vanished_line", "forbidden_line", "tier_crossing" */
	const char *from, *to;
	const char *text;               /* a sentence for people */
	const char *severity;           /* "critical", "warning", "info" */
	const char *evidence;
	int64_t first;                  /* ns since 1970: since when */
	int64_t ended;                  /* 0: it is so */
	const struct alert_label *labels;
	uint32_t label_count;
};

enum alert_kind { ALERT_WEBHOOK, ALERT_MANAGER, ALERT_COMMAND, ALERT_SYSLOG };

#define ALERT_TO_MAX 1024
#define ALERT_ERROR_MAX 256

struct alert_target {
	enum alert_kind kind;
	char to[ALERT_TO_MAX];          /* URL, command, host:port; syslog "": the socket at /dev/log */
};

/*
 * alert_send_parse - "webhook=URL", "alertmanager=URL", "command=TEXT", "syslog", "syslog=HOST:PORT" (UDP) or "syslog=/PATH".
 * returns   0, or -EINVAL with a sentence in error, of ALERT_ERROR_MAX bytes
 */
int alert_send_parse(const char *text, struct alert_target *ret, char *error);

struct alert_told {
	bool again;                     /* it failed in a way that may pass: a server that does not answer, or with 429 or 5xx */
	char error[ALERT_ERROR_MAX];
};

/*
 * alert_send - tell a target of n alerts, in one request where it takes many.
 * version   of this program, for its name to the other side
 * returns   0: it has taken them; -errno, and *ret says why
 */
int alert_send(const struct alert_target *t, const struct alert *alerts, uint32_t n, const char *version, fl_ns limit,
    struct alert_told *ret);

/* What a webhook or a command gets; see doc/graph.md. */
void alert_send_json(const struct alert *alerts, uint32_t n, struct buf *out);
/* What Alertmanager gets: POST /api/v2/alerts. */
void alert_send_manager_json(const struct alert *alerts, uint32_t n, struct buf *out);
/* One message of RFC 5424, or of RFC 3164 as a socket of this machine takes it. */
void alert_send_syslog(const struct alert *a, bool local, int64_t now, const char *host, struct buf *out);

#endif
