/* SPDX-License-Identifier: MIT */
/* http_reply.c - what goes to the client. */
#include "proxy/http_reply.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/rng.h"
#include "proxy/http_msg.h"
#include "proxy/http_shape.h"
#include "proxy/http_trace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STALE_EXTRA 1024                /* what an entry grows by when it is given */

/* ---- faults ---- */

static void
gate_moved(struct worker *w, void *owner)
{
	struct http_exchange *ex = owner;
	struct http_conn *c = ex->conn;
	if (c->state < AT_CLOSING && !http_side_busy(c) && ex->winner != NULL)
		http_try_flow(w, ex->winner, true);
	http_side_later(w, c);
}

static void
gate_ended(struct worker *w, void *owner, bool reset)
{
	struct http_exchange *ex = owner;
	http_side_close(w, ex->conn, reset ? LINE_CLOSE_FAULT_RESET : LINE_CLOSE_FAULT_CLOSED, reset);
}

static const struct http_gate_ops gate_ops = { gate_moved, gate_ended };

bool
http_reply_shape(struct worker *w, struct http_exchange *ex, const struct h1_head *message, const struct http_frame *frame, const char *head,
    size_t n)
{
	struct http_who who = http_shape_who(ex);
	if (ex->conn->state >= AT_CLOSING)
		return false;                           /* its client went within the same turn */
	ex->gate = http_gate_new(w, ex->plan, ex->faults, &who, head, n, message, frame);
	if (ex->gate == NULL) {
		http_side_close(w, ex->conn, LINE_CLOSE_OVERLOAD, true);
		return false;
	}
	http_gate_open(ex->gate, &ex->conn->out, ex->conn->sock, &gate_ops, ex);
	return true;
}

/* A whole answer of ours that faults shape. */
static void
give_shaped(struct worker *w, struct http_exchange *ex, const char *p, size_t n)
{
	struct h1_head *a = &w->http->answer;
	struct h1_scan scan = { 0 };
	struct h1_limits lim = { .head_bytes_max = HTTP_COMPOSE_BYTES };
	struct h1_edit edits[HTTP_FAULT_EDITS_MAX];
	enum h1_verdict v = h1_response(p, n, &lim, &scan, (enum h1_method)ex->method, a);
	fl_assert(v == H1_OK);
	struct http_frame f = http_gate_frame(ex->plan, a, false);
	ex->close_after |= f.lies;
	struct h1_out o = { .edits = edits, .edit_count = http_fault_edits(ex->plan, edits), .close = ex->close_after,
		.keep_alive = !ex->close_after && ex->version_minor == 0, .reframe = f.reframe, .framing = f.framing, .length = f.length };
	size_t room = h1_write_response(p, a, &o, NULL, 0);
	char *head = room <= SLAB_BLOCK_MAX ? slab_alloc(w->mem, room) : NULL;
	if (head == NULL) {
		http_side_close(w, ex->conn, LINE_CLOSE_OVERLOAD, true);
		return;
	}
	h1_write_response(p, a, &o, head, room);
	if (http_reply_shape(w, ex, a, &f, head, room)) {
		if (n > a->head_bytes && http_gate_put(w, ex->gate, p + a->head_bytes, n - a->head_bytes) < 0)
			http_side_close(w, ex->conn, LINE_CLOSE_OVERLOAD, true);
		http_gate_deafen(ex->gate);
		http_gate_run(w, ex->gate);
	}
	slab_give(w->mem, head, room);
}

/* A whole answer of ours. */
static void
give(struct worker *w, struct http_exchange *ex, const char *p, size_t n)
{
	ex->response_bytes += n;
	if (ex->plan != NULL && ex->gate == NULL)
		give_shaped(w, ex, p, n);
	else
		http_side_put(w, ex->conn, p, n);
}

void
http_reply_abort(struct worker *w, struct http_exchange *ex)
{
	char text[HTTP_SHAPE_ABORT_BYTES];
	size_t n = http_shape_abort(ex->plan, ex->method == H1_HEAD, text);
	ex->close_after = http_side_must_close(ex);
	ex->status = ex->plan->abort_status;
	ex->answering = true;
	ex->answer_at = http_now(w);
	give(w, ex, text, n);
}

/* ---- answers of our own ---- */

void
http_reply_own(struct worker *w, struct http_exchange *ex, unsigned status, const char *text, const struct fl_refusal *why)
{
	struct http_worker *h = w->http;
	ex->close_after = http_side_must_close(ex);
	size_t n = http_msg_own(ex, status, text, why, ex->close_after, ex->method == H1_HEAD, h->compose, sizeof(h->compose));
	ex->status = (uint16_t)status;
	ex->own = true;
	ex->answering = ex->answered = true;
	ex->answer_at = http_now(w);
	give(w, ex, h->compose, n);
}

/* A request that is not even one. */
void
http_reply_bad(struct worker *w, struct http_conn *c, unsigned status, const char *text, bool head_only)
{
	struct http_worker *h = w->http;
	size_t n = http_msg_own(NULL, status, text, NULL, true, head_only, h->compose, sizeof(h->compose));
	const struct http_route *r = &c->wline->http->conf->routes[c->wline->http->conf->route_count - 1];
	struct http_cell *cell = &r->stats->cells[w->index];
	http_side_count(&cell->requests, 1);
	http_side_count(&cell->status[status / 100], 1);
	http_side_put(w, c, h->compose, n);
	c->close_next = true;
	if (c->state < AT_LINGER) {
		c->state = AT_LINGER;
		c->since = http_now(w);
	}
}

void
http_reply_put(struct worker *w, struct http_exchange *ex, const char *p, size_t n)
{
	struct http_worker *h = w->http;
	uint32_t head = ex->composed;
	ex->composed = 0;
	ex->response_bytes += head + n;
	http_trace_body(ex, FL_S2C, p, n);
	if (n <= sizeof(h->compose) - head && (head == 0 || n <= HTTP_REPLY_COPY_MAX)) {
		if (head == 0) {
			http_side_put(w, ex->conn, p, n);
			return;
		}
		if (n > 0)
			memcpy(h->compose + head, p, n);
		http_side_put(w, ex->conn, h->compose, head + n);
		return;
	}
	http_side_put(w, ex->conn, h->compose, head);
	http_side_put(w, ex->conn, p, n);
}

/* ---- answers from before ---- */

/* What answers may differ by, if they say so in Vary: part of the key. */
static const enum h1_id varies[] = { H1_ID_ACCEPT, H1_ID_ACCEPT_ENCODING };

static void
mix(uint64_t key[2], const char *p, size_t n)
{
	key[0] = hash_bytes(key[0], n, p, n);
	key[1] = hash_bytes(~key[1], key[0], p, n);
}

void
http_reply_key(struct http_exchange *ex, const char *p, const struct h1_head *h)
{
	uint64_t *key = ex->stale_key;
	ex->personal = h1_has(h, H1_ID_AUTHORIZATION) || h1_has(h, H1_ID_COOKIE);
	if (ex->route->policies->stale == NULL)
		return;
	mix(key, p + h->host.at, h->host.len);
	mix(key, p + h->path.at, h->path.len);
	mix(key, p + h->query.at, h->query.len);
	for (unsigned k = 0; k < FL_ARRAY_LEN(varies); k++) {
		const struct h1_field *f = NULL;
		const char *name = h1_id_name(varies[k]);
		while ((f = h1_field_named(h, p, name, strlen(name), f)) != NULL)
			mix(key, p + f->value.at, f->value.len);
		mix(key, "", 0);
	}
}

static bool
is_one_of(const char *s, size_t n, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strlen(*words) == n && h1_same_name(s, *words, n))
			return true;
	return false;
}

/* Does each member of the field's list (`in`), or none of it (!in), stand in words? Of "a=b" the "a" counts. */
static bool
all_members(const struct h1_head *a, const char *p, enum h1_id id, const char *const *words, bool in)
{
	for (unsigned i = 0; i < a->field_count; i++) {
		const struct h1_field *f = &a->fields[i];
		struct h1_text word;
		size_t at = 0;
		while (f->id == id && h1_list_next(p + f->value.at, f->value.len, &at, &word)) {
			const char *s = p + f->value.at + word.at, *equals = memchr(s, '=', word.len);
			if (is_one_of(s, equals != NULL ? (size_t)(equals - s) : word.len, words) != in)
				return false;
		}
	}
	return true;
}

/* May the answer be given to others, later (RFC 9111 3 and 4.2.4)? */
static bool
may_keep(const struct http_exchange *ex, const struct h1_head *a, const char *p)
{
	static const char *const forbid[] = { "no-store", "private", "no-cache", "must-revalidate", "proxy-revalidate", NULL };
	static const char *const known[] = { "accept", "accept-encoding", NULL };
	return !ex->personal && !h1_has(a, H1_ID_SET_COOKIE) && all_members(a, p, H1_ID_CACHE_CONTROL, forbid, false) &&
	    all_members(a, p, H1_ID_VARY, known, true);
}

/* An entry of the cache, of n bytes at p, as an answer to this request, into out; returns its length, 0: it is no good. */
static size_t
write_stale(struct worker *w, struct http_exchange *ex, const char *p, size_t n, fl_ns age, char *out, size_t cap)
{
	struct h1_head *a = &w->http->answer;
	struct h1_scan scan = { 0 };
	struct h1_edit edits[2];
	char text[32];
	if (h1_response(p, n, &(struct h1_limits){ 0 }, &scan, H1_GET, a) != H1_OK)
		return 0;
	snprintf(text, sizeof(text), "%lld", (long long)(age / FL_SEC));
	h1_edit_init(&edits[0], H1_EDIT_SET, "age", text);
	h1_edit_init(&edits[1], H1_EDIT_SET, "x-faultline-degraded", "stale");
	size_t body = n - a->head_bytes;
	struct h1_out o = { .edits = edits, .edit_count = 2, .close = ex->close_after, .keep_alive = !ex->close_after && ex->version_minor == 0,
		.reframe = true, .framing = H1_LENGTH, .length = body };
	size_t k = h1_write_response(p, a, &o, out, cap);
	if (ex->method == H1_HEAD)
		body = 0;
	if (k + body > cap)
		return 0;
	memcpy(out + k, p + a->head_bytes, body);
	ex->status = a->status;
	return k + body;
}

/* The last good answer to the same question, from the cache. */
bool
http_reply_stale(struct worker *w, struct http_exchange *ex)
{
	const struct http_policies *p = ex->route->policies;
	const uint64_t *key = ex->stale_key;
	size_t n = 0, k = 0, room = 0;
	fl_ns age, now = http_now(w);
	if (p->stale == NULL || ex->personal || (ex->method != H1_GET && ex->method != H1_HEAD))
		return false;
	if (fl_stale_get(p->stale, key[0], key[1], NULL, 0, now, &n, &age) == -ENOSPC)
		room = n + STALE_EXTRA;
	char *got = room > 0 && room <= SLAB_BLOCK_MAX ? slab_alloc(w->mem, room) : NULL;
	char *out = got != NULL ? slab_alloc(w->mem, room) : NULL;
	if (out != NULL && fl_stale_get(p->stale, key[0], key[1], got, room, now, &n, &age) == 0) {
		ex->close_after = http_side_must_close(ex);
		k = write_stale(w, ex, got, n, age, out, room);
	}
	if (k > 0) {
		ex->answering = ex->answered = ex->degraded = true;
		ex->answer_at = now;
		give(w, ex, out, k);
	}
	if (out != NULL)
		slab_give(w->mem, out, room);
	if (got != NULL)
		slab_give(w->mem, got, room);
	return k > 0;
}

bool
http_reply_canned(struct worker *w, struct http_exchange *ex)
{
	const struct http_canned *k = ex->route->policies->canned;
	struct http_worker *h = w->http;
	if (k == NULL)
		return false;
	ex->close_after = http_side_must_close(ex);
	bool head_only = ex->method == H1_HEAD, old = ex->version_minor == 0;
	size_t n = http_msg_canned(k, ex->close_after, head_only, old, h->compose, sizeof(h->compose));
	bool fits = n <= sizeof(h->compose);
	if (!fits)
		n = http_msg_canned(k, ex->close_after, true, old, h->compose, sizeof(h->compose));
	if (n > sizeof(h->compose))
		return false;
	ex->status = k->status;
	ex->answering = ex->answered = ex->degraded = true;
	ex->answer_at = http_now(w);
	if (fits) {
		give(w, ex, h->compose, n);
	} else {                                        /* larger than faults shape: as it is */
		ex->response_bytes += n + k->body_bytes;
		http_side_put(w, ex->conn, h->compose, n);
		http_side_put(w, ex->conn, k->body, k->body_bytes);
	}
	return true;
}

void
http_reply_copy_drop(struct worker *w, struct http_exchange *ex)
{
	if (ex->copy != NULL)
		slab_give(w->mem, ex->copy, ex->copy_room);
	ex->copy = NULL;
}

/* Gather what may be given again later. */
void
http_reply_copy_begin(struct worker *w, struct http_exchange *ex, const struct http_try *t, const char *p)
{
	const struct http_policies *pol = ex->route->policies;
	const struct h1_head *a = &w->http->answer;
	if (pol->stale == NULL || ex->method != H1_GET || t->fallback || a->status != 200 || a->framing == H1_CLOSE || a->framing == H1_TUNNEL ||
	    !may_keep(ex, a, p))
		return;
	size_t n = a->head_bytes;
	size_t room = FL_MAX(4096, n * 2);
	ex->copy = room <= SLAB_BLOCK_MAX ? slab_alloc(w->mem, room) : NULL;
	if (ex->copy == NULL)
		return;
	ex->copy_room = (uint32_t)room;
	struct h1_out o = { .reframe = true, .framing = H1_LENGTH };
	size_t k = h1_write_response(p, a, &o, ex->copy, room);
	if (k > room) {
		slab_give(w->mem, ex->copy, ex->copy_room);
		ex->copy = NULL;
		return;
	}
	ex->copy_n = (uint32_t)k;
	h1_body_start(&ex->payload, a, 0);
}

void
http_reply_copy_more(struct worker *w, struct http_exchange *ex, const char *p, size_t n)
{
	if (ex->copy_n + n > ex->copy_room) {
		size_t room = ex->copy_room;
		while (room < ex->copy_n + n)
			room *= 2;
		char *more = room <= SLAB_BLOCK_MAX ? slab_alloc(w->mem, room) : NULL;
		if (more == NULL) {
			http_reply_copy_drop(w, ex);
			return;
		}
		memcpy(more, ex->copy, ex->copy_n);
		slab_give(w->mem, ex->copy, ex->copy_room);
		ex->copy = more;
		ex->copy_room = (uint32_t)room;
	}
	memcpy(ex->copy + ex->copy_n, p, n);
	ex->copy_n += (uint32_t)n;
}

void
http_reply_copy_end(struct worker *w, struct http_exchange *ex)
{
	if (ex->copy == NULL)
		return;
	(void)fl_stale_put(ex->route->policies->stale, ex->stale_key[0], ex->stale_key[1], ex->copy, ex->copy_n, http_now(w));
	http_reply_copy_drop(w, ex);
}
