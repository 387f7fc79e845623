/* SPDX-License-Identifier: MIT */
/*
 * graph_notify.c - alerts to those who want them.
 *
 * What a target was told is noted in the store under "TARGET alert ID"; so neither a restart nor another process tells it twice.
 */
#include "map/graph_notify.h"
#include "base/arena.h"
#include "base/map.h"
#include "base/version.h"
#include "map/graph_alerts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLD "told"
#define ALERTS_AT_ONCE 200u
#define KEY_BYTES 10000

struct notifying {
	struct graph_ask *a;
	struct arena mem;
	struct buf now;                 /* of struct alert: those that are */
	struct buf told;                /* of struct mark */
	struct map ids;                 /* of those that are */
	struct graph_notice *notice;
};
struct mark {
	const char *key, *body;
};

static int
take_alert(void *arg, const struct graph_alert *g)
{
	struct notifying *t = arg;
	struct arena *m = &t->mem;
	struct alert a = { .kind = graph_alert_word(g->kind), .first = g->first };

	if (g->acknowledged)
		return 0;
	a.id = arena_strdup(m, g->id);
	a.from = arena_strdup(m, g->from);
	a.to = arena_strdup(m, g->to);
	a.text = arena_strdup(m, g->text);
	a.severity = arena_strdup(m, g->severity);
	a.evidence = arena_printf(m, "seen by %s %llu times", g->source, (unsigned long long)g->count);
	if (m->overflowed || buf_append(&t->now, &a, sizeof(a)) != 0)
		return -ENOMEM;
	return map_put(&t->ids, a.id, t, NULL);
}

static int
take_mark(void *arg, const char *key, int64_t made, int64_t until, const char *body)
{
	struct notifying *t = arg;
	struct mark m = { arena_strdup(&t->mem, key), arena_strdup(&t->mem, body) };

	(void)made, (void)until;
	return m.key == NULL || m.body == NULL ? -ENOMEM : buf_append(&t->told, &m, sizeof(m));
}

static void
key_of(const struct alert_target *target, const char *id, char *ret)
{
	snprintf(ret, KEY_BYTES, "%d %s alert %.8500s", (int)target->kind, target->to, id);
}

static const struct mark *
find_mark(const struct notifying *t, const char *key)
{
	const struct mark *m = (const void *)buf_data(&t->told);

	for (size_t i = 0; i < buf_len(&t->told) / sizeof(*m); i++)
		if (strcmp(m[i].key, key) == 0)
			return &m[i];
	return NULL;
}

static int
send(struct notifying *t, const struct alert_target *target, const struct alert *list, unsigned n, fl_ns limit, unsigned *sum)
{
	struct alert_told told;
	char key[KEY_BYTES];
	int rc = 0;

	if (alert_send(target, list, n, VERSION_FAULTLINE, limit, &told) != 0) {
		t->notice->failed++;
		snprintf(t->notice->error, sizeof(t->notice->error), "%s", told.error);
		return 0;
	}
	*sum += n;
	for (unsigned i = 0; i < n && rc == 0; i++) {
		key_of(target, list[i].id, key);
		rc = list[i].ended != 0 ? past_note_drop(t->a->past, TOLD, key) :
		    past_note_set(t->a->past, TOLD, key, t->a->now, PAST_FOREVER, list[i].kind);
	}
	return rc == -ENOENT ? 0 : rc;
}

/* New ones, and those that have become something worse or else. */
static int
tell_new(struct notifying *t, const struct alert_target *target, fl_ns limit)
{
	const struct alert *all = (const void *)buf_data(&t->now);
	struct alert list[ALERTS_AT_ONCE];
	size_t n = buf_len(&t->now) / sizeof(*all);
	unsigned count = 0;
	int rc = 0;

	for (size_t i = 0; i <= n && rc == 0; i++) {
		char key[KEY_BYTES];

		if (i < n) {
			const struct mark *m;

			key_of(target, all[i].id, key);
			m = find_mark(t, key);
			if (m == NULL || strcmp(m->body, all[i].kind) != 0)
				list[count++] = all[i];
		}
		if (count == ALERTS_AT_ONCE || (i == n && count > 0)) {
			rc = send(t, target, list, count, limit, &t->notice->told);
			count = 0;
		}
	}
	return rc;
}

static int
tell_ended(struct notifying *t, const struct alert_target *target, fl_ns limit)
{
	const struct mark *m = (const void *)buf_data(&t->told);
	char prefix[KEY_BYTES];
	size_t n;
	int rc = 0;

	key_of(target, "", prefix);
	n = strlen(prefix);
	for (size_t i = 0; i < buf_len(&t->told) / sizeof(*m) && rc == 0; i++) {
		struct alert a = { .kind = m[i].body, .severity = "info", .ended = t->a->now };
		const char *arrow;

		if (strncmp(m[i].key, prefix, n) != 0 || map_get(&t->ids, m[i].key + n) != NULL)
			continue;
		a.id = m[i].key + n;
		arrow = strstr(a.id, " -> ");
		a.from = arrow == NULL ? a.id : arena_strndup(&t->mem, a.id, (size_t)(arrow - a.id));
		a.to = arrow == NULL ? "" : arrow + 4;
		a.text = arena_printf(&t->mem, "no alert any more: %s", a.id);
		rc = send(t, target, &a, 1, limit, &t->notice->ended);
	}
	return rc;
}

int
graph_notify(struct graph_ask *a, struct graph_reply *r, const struct alert_target *targets, unsigned count, fl_ns limit, struct graph_notice *ret)
{
	struct notifying t = { .a = a, .notice = ret };
	int rc;

	*ret = (struct graph_notice){ .alerts = 0 };
	arena_init(&t.mem, (size_t)1 << 30);
	buf_init(&t.now, 1u << 30);
	buf_init(&t.told, 1u << 30);
	map_init(&t.ids, 0, 0);
	rc = graph_alerts_each(a, r, take_alert, &t);
	if (rc == 0)
		rc = past_notes(a->past, TOLD, take_mark, &t);
	ret->alerts = (unsigned)(buf_len(&t.now) / sizeof(struct alert));
	for (unsigned i = 0; i < count && rc == 0; i++) {
		rc = tell_new(&t, &targets[i], limit);
		if (rc == 0)
			rc = tell_ended(&t, &targets[i], limit);
	}
	map_fini(&t.ids);
	buf_fini(&t.told);
	buf_fini(&t.now);
	arena_fini(&t.mem);
	return rc == 0 || r->error[0] != '\0' ? rc : graph_reply_past(r, rc, a->past);
}
