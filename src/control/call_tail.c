/* SPDX-License-Identifier: MIT */
/* call_tail.c - the calls of HTTP lines. */
#include "control/call_tail.h"
#include "control/http_live.h"
#include "faultline/call.h"
#include "conf/http_ask.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 128u
#define LINE_BYTES_MAX 8192u

int
call_tail_init(struct call_tail *t, struct lines *lines, struct log *log, fl_ns now)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	*t = (struct call_tail){ .lines = lines, .epoch = now - (wall.tv_sec * FL_SEC + wall.tv_nsec) };
	buf_init(&t->text, LINE_BYTES_MAX);
	t->ring = calloc(CALL_TAIL_MAX, sizeof(*t->ring));
	if (t->ring == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < CALL_TAIL_MAX * sizeof(*t->ring); i += 4096)
		((volatile char *)t->ring)[i] = 0;      /* touched now, not as calls come */
	return access_log_new(log, &t->log);
}

void
call_tail_fini(struct call_tail *t)
{
	access_log_free(t->log);
	free(t->ring);
	buf_fini(&t->text);
	*t = (struct call_tail){ .log = NULL };
}

/* ---- as JSON ---- */

static void
put_time(struct jsonw *w, fl_ns wall)
{
	time_t seconds = (time_t)(wall / FL_SEC);
	char text[40];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	jsonw_key(w, "time");
	jsonw_printf(w, "%s.%06dZ", text, (int)(wall % FL_SEC / 1000));
}

static void
put_ms(struct jsonw *w, const char *key, int64_t ns)
{
	if (ns < 0)
		return;
	jsonw_key(w, key);
	jsonw_float(w, (double)(ns / 1000) / 1000);
}

static void
put_hex(struct jsonw *w, const char *key, const uint8_t *p, size_t n)
{
	char text[40] = "";
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++) {
		snprintf(text + 2 * i, sizeof(text) - 2 * i, "%02x", p[i]);
		any |= p[i];
	}
	if (any != 0)
		jsonw_str(w, key, text);
}

static void
put_trace(struct jsonw *w, const struct http_record *r)
{
	put_hex(w, "trace", r->trace, sizeof(r->trace));
	put_hex(w, "span", r->span, sizeof(r->span));
	put_hex(w, "parent", r->parent, sizeof(r->parent));
}

static void
put_refusal(struct jsonw *w, const struct http_record *r)
{
	struct fl_refusal why = { .by = (enum fl_who)r->refused, .reason = (enum fl_reason)r->reason, .retry_after = r->retry_after };
	char say[512];

	for (size_t i = 0; i < FL_ARRAY_LEN(r->numbers); i++)
		why.n[i] = (double)r->numbers[i];
	jsonw_str(w, "refused", http_live_who(why.by));
	jsonw_str(w, "why", fl_refusal_say(&why, say, sizeof(say)));
	if (r->retry_after > 0 && r->retry_after != FL_NEVER)
		put_ms(w, "retry_after_ms", r->retry_after);
}

/* What was decided, as far as it is not the usual. */
static void
put_decisions(struct jsonw *w, const struct http_record *r)
{
	jsonw_num(w, "attempts", r->attempts);
	jsonw_str(w, "end", fl_end_name((enum fl_end)r->end));
	if (r->hedged)
		jsonw_flag(w, "hedged", true);
	if (r->degraded)
		jsonw_flag(w, "degraded", true);
	if (r->refused != FL_WHO_NONE)
		put_refusal(w, r);
	if (r->limit != FL_LIMIT_NONE)
		jsonw_str(w, "limit", http_live_limit((enum fl_limit)r->limit));
	if (r->verdict != FL_RETRY_YES)
		jsonw_str(w, "no_retry", fl_retry_text((enum fl_retry_verdict)r->verdict));
	if (r->broke[0] != '\0')
		jsonw_str(w, "failure", r->broke);
	if (r->fault != 0) {
		jsonw_key(w, "fault");
		jsonw_uint(w, r->fault);
	}
}

static void
put_call(struct jsonw *w, const struct call_tail *t, uint64_t n, const struct http_record *r)
{
	jsonw_object(w);
	jsonw_key(w, "n");
	jsonw_uint(w, n);
	put_time(w, r->start - t->epoch);
	jsonw_str(w, "line", r->line);
	jsonw_str(w, "route", r->route_name);
	jsonw_str(w, "method", r->method);
	jsonw_str(w, "path", r->path);
	jsonw_num(w, "status", r->status);
	if (r->upstream_status != 0)
		jsonw_num(w, "upstream_status", r->upstream_status);
	jsonw_str(w, "client", r->client);
	if (r->instance[0] != '\0')
		jsonw_str(w, "instance", r->instance);
	put_ms(w, "total_ms", r->total);
	put_ms(w, "queue_ms", r->queue);
	put_ms(w, "connect_ms", r->connect);
	put_ms(w, "first_byte_ms", r->first_byte);
	jsonw_key(w, "request_bytes");
	jsonw_uint(w, r->request_bytes);
	jsonw_key(w, "response_bytes");
	jsonw_uint(w, r->response_bytes);
	put_decisions(w, r);
	put_trace(w, r);
	jsonw_key(w, "conn");
	jsonw_uint(w, r->conn);
	jsonw_key(w, "request");
	jsonw_uint(w, r->number);
	jsonw_end(w);
}

void
call_tail_json(const struct call_tail *t, uint64_t n, struct jsonw *w)
{
	put_call(w, t, n, &t->ring[n % CALL_TAIL_MAX]);
}

/* ---- taking ---- */

/* The line of a record, which holds as much of its name as fits. */
static const struct lines_line *
line_of(const struct call_tail *t, const struct http_record *r)
{
	const struct lines_line *l = lines_find(t->lines, r->line);
	size_t n = strlen(r->line);

	if (l != NULL || n + 1 < sizeof(r->line))
		return l;
	list_for(link, &t->lines->order) {
		l = list_entry(link, struct lines_line, link);
		if (strncmp(l->name, r->line, n) == 0)
			return l;
	}
	return NULL;
}

static void
log_call(struct call_tail *t, uint64_t n, const struct http_record *r)
{
	const struct lines_line *l = line_of(t, r);
	struct jsonw w;

	if (l == NULL || l->http == NULL || l->http->log_path[0] == '\0')
		return;
	buf_clear(&t->text);
	jsonw_init(&w, &t->text);
	put_call(&w, t, n, r);
	buf_putc(&t->text, '\n');
	access_log_put(t->log, l->http->log_path, buf_data(&t->text), buf_len(&t->text));
}

bool
call_tail_take(struct call_tail *t)
{
	struct http_record batch[BATCH];
	uint64_t lost = 0;
	size_t n = proxy_http_records(t->lines->proxy, batch, BATCH, &lost);

	for (size_t i = 0; i < n; i++) {
		t->ring[t->next % CALL_TAIL_MAX] = batch[i];
		trace_recorder_call(t->trace, &batch[i]);
		if (batch[i].log)
			log_call(t, t->next, &batch[i]);
		t->next++;
	}
	t->lost += lost;
	if (n == BATCH)
		return true;
	access_log_kick(t->log);
	access_log_tell(t->log);
	return false;
}

/* ---- looking ---- */

uint64_t
call_tail_first(const struct call_tail *t)
{
	return t->next > CALL_TAIL_MAX ? t->next - CALL_TAIL_MAX : 0;
}

bool
call_tail_fits(const struct call_tail *t, uint64_t n, const struct call_tail_filter *f)
{
	const struct http_record *r = &t->ring[n % CALL_TAIL_MAX];
	char trace[33] = "";

	if (n < f->from || (f->line[0] != '\0' && strncmp(f->line, r->line, sizeof(r->line) - 1) != 0))
		return false;
	if (f->route[0] != '\0' && strncmp(f->route, r->route_name, sizeof(r->route_name) - 1) != 0)
		return false;
	if (f->status != 0 && (f->status < 10 ? r->status / 100 != (int)f->status : r->status != f->status))
		return false;
	if (f->refused && r->refused == FL_WHO_NONE)
		return false;
	if (f->trace[0] == '\0')
		return true;
	for (size_t i = 0; i < sizeof(r->trace); i++)
		snprintf(trace + 2 * i, sizeof(trace) - 2 * i, "%02x", r->trace[i]);
	return strcmp(trace, f->trace) == 0;
}
