/* SPDX-License-Identifier: MIT */
/* http_end.c - the end of an exchange: counted, recorded, freed. */
#include "proxy/http_end.h"
#include "base/rng.h"
#include "proxy/http_reply.h"
#include "proxy/http_shape.h"
#include "proxy/http_trace.h"

#include <string.h>

/* At most n bytes of text, cut to fit. printf() would be the dearest part of a record. */
static void
note(char *to, size_t room, const char *text, size_t n)
{
	size_t k = strnlen(text, FL_MIN(n, room - 1));
	memcpy(to, text, k);
	to[k] = '\0';
}

static void
record(struct worker *w, const struct http_exchange *ex, fl_ns now)
{
	struct http_worker *h = w->http;
	const struct http_conf *conf = ex->line->conf;
	bool bad = ex->status >= 500 || ex->status == 0 || ex->call.refusal.by != FL_WHO_NONE;
	uint64_t draw = h->ring == NULL ? 0 : rng_draw(ex->draws, ex->ordinal, 0x7265636f);
	struct http_record *r;
	if (h->ring == NULL || (!bad && !ex->traced && (draw & 65535) >= conf->record_share) || (r = http_ring_next(h->ring)) == NULL)
		return;
	const struct http_try *t = ex->winner != NULL ? ex->winner : ex->call.attempts > 0 ? ex->tries[ex->call.attempts - 1] : NULL;
	*r = (struct http_record){ .start = ex->start, .conn = ex->conn->ordinal, .number = ex->number, .request_bytes = ex->request_bytes,
		.response_bytes = ex->response_bytes, .total = now - ex->start, .queue = ex->queue, .connect = ex->connect,
		    .first_byte = ex->first_byte,
		.status = ex->status, .upstream_status = t != NULL ? t->status : 0, .attempts = ex->call.attempts, .hedged = ex->call.hedges > 0,
		.degraded = ex->degraded, .log = bad || ((draw >> 16) & 65535) < conf->log_share, .end = ex->call.end,
		.refused = (uint8_t)(ex->call.end == FL_END_ANSWERED ? FL_WHO_NONE : ex->call.refusal.by), .limit = ex->call.limit,
		.verdict = ex->call.verdict, .worker = (uint8_t)w->index, .fault = ex->fault_id,
		.route = (uint64_t)(ex->route - conf->routes) };
	if (r->refused != FL_WHO_NONE) {
		r->reason = (uint8_t)ex->call.refusal.reason;
		r->retry_after = ex->call.refusal.retry_after;
		for (size_t i = 0; i < FL_ARRAY_LEN(r->numbers); i++)
			r->numbers[i] = (float)ex->call.refusal.n[i];
	}
	memcpy(r->trace, ex->trace, sizeof(r->trace));
	memcpy(r->span, ex->span, sizeof(r->span));
	memcpy(r->parent, ex->parent, sizeof(r->parent));
	note(r->line, sizeof(r->line), ex->conn->wline->line->name, SIZE_MAX);
	note(r->route_name, sizeof(r->route_name), ex->route->name, SIZE_MAX);
	if (ex->tried_count > 0)
		note(r->instance, sizeof(r->instance), ex->tried[ex->tried_count - 1]->text, SIZE_MAX);
	memcpy(r->broke, ex->broke, sizeof(r->broke));
	if (ex->client != NULL)
		addr_format(ex->client, r->client, sizeof(r->client));
	const char *sp = memchr(ex->head, ' ', ex->head_bytes), *q = sp != NULL ? memchr(sp + 1, ' ',
	    ex->head_bytes - (size_t)(sp + 1 - ex->head)) : NULL;
	if (q != NULL) {
		note(r->method, sizeof(r->method), ex->head, (size_t)(sp - ex->head));
		note(r->path, sizeof(r->path), sp + 1, (size_t)(q - sp - 1));
	}
	http_trace_record(ex, r);
	http_ring_put(h->ring);
}

static void
count_end(struct http_exchange *ex, fl_ns now)
{
	struct http_cell *k = ex->cell;
	http_side_count(&k->status[ex->status / 100 < 6 ? ex->status / 100 : 0], 1);
	http_side_count(&k->ends[ex->call.end], 1);
	if (ex->call.end == FL_END_REFUSED)
		http_side_count(&k->refused[ex->call.refusal.by], 1);
	if (ex->call.limit != FL_LIMIT_NONE)
		http_side_count(&k->limits[ex->call.limit], 1);
	if (ex->call.verdict != FL_RETRY_YES)
		http_side_count(&k->retry_stops[ex->call.verdict], 1);
	if (ex->degraded)
		http_side_count(&k->degraded, 1);
	http_side_count(&k->request_bytes, ex->request_bytes);
	http_side_count(&k->response_bytes, ex->response_bytes);
	http_stats_time(&k->times[HTTP_PHASE_TOTAL], now - ex->start);
	/* Last: who sees that nothing is under way any more sees what became of it. */
	atomic_store_explicit(&k->active, atomic_load_explicit(&k->active, memory_order_relaxed) - 1, memory_order_release);
}

void
http_end_exchange(struct worker *w, struct http_exchange *ex)
{
	struct http_conn *c = ex->conn;
	fl_ns now = http_now(w);
	for (unsigned i = 0; i < ex->call.attempts; i++) {
		if (ex->tries[i] == NULL)
			continue;
		http_try_drop(w, ex->tries[i]);
	}
	if (ex->fallback != NULL)
		http_try_drop(w, ex->fallback);
	count_end(ex, now);
	record(w, ex, now);
	for (unsigned i = 0; i < ex->call.attempts; i++)
		http_try_free(w, ex->tries[i]);
	http_try_free(w, ex->fallback);
	for (unsigned i = 0; i < ex->tried_count; i++)
		cluster_let_go(ex->tried[i]);
	http_reply_copy_drop(w, ex);
	http_gate_free(w, ex->gate);
	http_shape_drop(w, ex->plan);
	http_fault_set_unref(ex->faults);
	if (ex->kept != NULL)
		slab_give(w->mem, ex->kept, ex->kept_room);
	slab_give(w->mem, ex->head, ex->head_bytes);
	if (w->http->head_of == ex)
		w->http->head_of = NULL;
	http_line_let_go(w, ex->line);
	c->ex = NULL;
	slab_give(w->mem, ex, sizeof(*ex));
}
