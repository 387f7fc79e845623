/* SPDX-License-Identifier: MIT */
/* collect_redis.c - XREAD in a loop. */
#include "stream/collect_redis.h"

#include "io/clock.h"
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#define ID_MAX 64
#define RETRY_AFTER (200 * FL_MS)
#define CALL_WITHIN_SECONDS 5

/* [id, [field, value, ...]]: the value of the field m. */
static void
take_entry(struct collect_note *n, const redisReply *entry, char *last_id)
{
	const redisReply *fields;
	struct match_msg m;
	uint32_t hash;

	if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 || entry->element[0]->type != REDIS_REPLY_STRING)
		return;
	if (entry->element[0]->len < ID_MAX)
		snprintf(last_id, ID_MAX, "%s", entry->element[0]->str);
	fields = entry->element[1];
	for (size_t i = 0; fields->type == REDIS_REPLY_ARRAY && i + 1 < fields->elements; i += 2)
		if (fields->element[i]->type == REDIS_REPLY_STRING && fields->element[i + 1]->type == REDIS_REPLY_STRING &&
		    strcmp(fields->element[i]->str, "m") == 0)
			(void)collect_note(n, fields->element[i + 1]->str, fields->element[i + 1]->len, &m, &hash);
}

/* [[stream, [entry, ...]]] */
static void
take_reply(struct collect_note *n, const redisReply *r, char *last_id)
{
	const redisReply *entries;

	if (r->type != REDIS_REPLY_ARRAY || r->elements != 1 || r->element[0]->type != REDIS_REPLY_ARRAY || r->element[0]->elements != 2)
		return;
	entries = r->element[0]->element[1];
	for (size_t i = 0; entries->type == REDIS_REPLY_ARRAY && i < entries->elements; i++)
		take_entry(n, entries->element[i], last_id);
}

static redisContext *
connect_redis(const struct collect_conf *c, char *error)
{
	struct timeval within = { .tv_sec = CALL_WITHIN_SECONDS };
	redisContext *r = redisConnectWithTimeout(c->redis_host, c->redis_port, within);

	if (r != NULL && r->err == 0 && redisSetTimeout(r, within) == REDIS_OK)
		return r;
	snprintf(error, COLLECT_ERROR_MAX, "redis at %s:%d: %s", c->redis_host, c->redis_port, r != NULL ? r->errstr : "no memory");
	if (r != NULL)
		redisFree(r);
	return NULL;
}

int
collect_redis(struct collect_note *n, char *error)
{
	const struct collect_conf *c = n->conf;
	redisContext *redis = connect_redis(c, error);
	char last_id[ID_MAX] = "0-0";

	if (redis == NULL)
		return -ECONNREFUSED;
	n->stats->connections++;
	while (n->log.err == 0 && !collect_note_over(n)) {
		redisReply *r = redis == NULL ? NULL : redisCommand(redis, "XREAD COUNT 1000 BLOCK 100 STREAMS %s %s", c->redis_stream, last_id);

		n->now = clock_mono();
		if (r != NULL) {
			take_reply(n, r, last_id);
			freeReplyObject(r);
			(void)stream_writer_flush(&n->log);
			continue;
		}
		if (redis != NULL)
			redisFree(redis);
		(void)clock_wait(-1, 0, -1, n->now + RETRY_AFTER);
		redis = connect_redis(c, error);
		n->stats->connections += redis != NULL;
		n->now = clock_mono();
	}
	if (redis != NULL)
		redisFree(redis);
	return 0;
}
