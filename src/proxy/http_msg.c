/* SPDX-License-Identifier: MIT */
/* http_msg.c - heads that an HTTP line writes. */
#include "proxy/http_msg.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EDITS_MAX (16 + HTTP_FAULT_EDITS_MAX)

struct edits {
	struct h1_edit list[EDITS_MAX];
	unsigned count;
};

static void
edit(struct edits *e, enum h1_edit_op op, const char *name, const char *value)
{
	if (e->count < EDITS_MAX && h1_edit_init(&e->list[e->count], op, name, value))
		e->count++;
}

/* ---- trace (W3C Trace Context, level 1) ---- */

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* n bytes from 2 n lower-case digits; false: not that, or all zero. */
static bool
unhex(const char *s, uint8_t *to, size_t n)
{
	unsigned any = 0;
	for (size_t i = 0; i < n; i++) {
		int a = hex(s[2 * i]), b = hex(s[2 * i + 1]);
		if (a < 0 || b < 0)
			return false;
		to[i] = (uint8_t)(a * 16 + b);
		any |= to[i];
	}
	return any != 0;
}

static void
put_hex(char *to, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < n; i++) {
		to[2 * i] = digits[p[i] >> 4];
		to[2 * i + 1] = digits[p[i] & 15];
	}
}

static bool
parse_trace(struct http_exchange *ex, const char *s, size_t n)
{
	/* version-traceid-parentid-flags; a later version may be longer. ff is no version. */
	if (n < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' || hex(s[0]) < 0 || hex(s[1]) < 0 || (s[0] == 'f' && s[1] == 'f'))
		return false;
	if ((s[0] == '0' && s[1] == '0' && n != 55) || (n > 55 && s[55] != '-') || hex(s[53]) < 0 || hex(s[54]) < 0)
		return false;
	memcpy(ex->trace_flags, s + 53, 2);
	return unhex(s + 3, ex->trace, 16) && unhex(s + 36, ex->parent, 8);
}

void
http_msg_read_trace(struct http_exchange *ex, const char *p, const struct h1_head *h, uint64_t draws)
{
	const struct h1_field *f = h1_field(h, H1_ID_TRACEPARENT);
	struct rng128 a = rng_block(draws, ex->ordinal, 0x7472616365);
	uint64_t span = rng_draw(draws, ex->ordinal, 0x7370616e);
	memset(ex->parent, 0, sizeof(ex->parent));
	if (f == NULL || !parse_trace(ex, p + f->value.at, f->value.len)) {
		memset(ex->parent, 0, sizeof(ex->parent));
		memcpy(ex->trace, &a, 16);
		memcpy(ex->trace_flags, "01", 2);
		ex->trace_began = true;
	}
	span |= 1;
	memcpy(ex->span, &span, 8);
	ex->has_trace = true;
}

/* ---- deadlines ---- */

fl_ns
http_msg_read_deadline(struct http_exchange *ex, const char *p, const struct h1_head *h, fl_ns now)
{
	const struct h1_field *f;
	fl_ns left, least = FL_NEVER;
	if ((f = h1_field(h, H1_ID_X_DEADLINE)) != NULL && fl_deadline_parse_ms(p + f->value.at, f->value.len, &left) == 0)
		least = FL_MIN(least, left);
	if ((f = h1_field(h, H1_ID_GRPC_TIMEOUT)) != NULL && fl_deadline_parse_grpc(p + f->value.at, f->value.len, &left) == 0) {
		least = FL_MIN(least, left);
		ex->said_grpc = true;
	}
	if ((f = h1_field(h, H1_ID_ENVOY_TIMEOUT)) != NULL && fl_deadline_parse_ms(p + f->value.at, f->value.len, &left) == 0) {
		least = FL_MIN(least, left);
		ex->said_envoy = true;
	}
	return least == FL_NEVER ? 0 : FL_MAX(now + least, 1);
}

int
http_msg_hops(const char *p, const struct h1_head *h)
{
	const struct h1_field *f = h1_field(h, H1_ID_MAX_FORWARDS);
	int v = 0;
	if (f == NULL || (h->method != H1_TRACE && h->method != H1_OPTIONS) || f->value.len == 0 || f->value.len > 6)
		return -1;
	for (uint32_t i = 0; i < f->value.len; i++) {
		char c = p[f->value.at + i];
		if (c < '0' || c > '9')
			return -1;
		v = v * 10 + (c - '0');
	}
	return v;
}

unsigned
http_msg_read_priority(const char *p, const struct h1_head *h, unsigned priority)
{
	const struct h1_field *f = h1_field(h, H1_ID_X_PRIORITY);
	unsigned v = 0;
	if (f == NULL || f->value.len == 0 || f->value.len > 3)
		return priority;
	for (uint32_t i = 0; i < f->value.len; i++) {
		char c = p[f->value.at + i];
		if (c < '0' || c > '9')
			return priority;
		v = v * 10 + (unsigned)(c - '0');
	}
	/* It may lower what the route says, not raise it. */
	return FL_MIN(FL_MAX(v, priority), 127u);
}

/* ---- requests ---- */

static void
add_forwarded(struct edits *e, const struct http_exchange *ex, const char *p, const struct h1_head *h, const struct io_addr *client, bool tls,
    char ip[ADDR_TEXT_MAX], char host[256])
{
	if (client->len > 0 && client->sa.sa_family != AF_UNIX) {
		addr_host(client, ip, ADDR_TEXT_MAX);
		edit(e, H1_EDIT_APPEND, "x-forwarded-for", ip);
	}
	edit(e, H1_EDIT_DEFAULT, "x-forwarded-proto", tls ? "https" : "http");
	if (h->host.len > 0 && h->host.len < 256) {
		memcpy(host, p + h->host.at, h->host.len);
		host[h->host.len] = '\0';
		edit(e, H1_EDIT_DEFAULT, "x-forwarded-host", host);
	}
	(void)ex;
}

static void
add_faults(struct edits *e, const struct http_fault_plan *plan)
{
	if (plan != NULL && e->count + HTTP_FAULT_EDITS_MAX <= EDITS_MAX)
		e->count += http_fault_edits(plan, e->list + e->count);
}

static const struct io_addr nobody = { .len = 0 };

size_t
http_msg_request(const struct http_exchange *ex, const char *p, const struct h1_head *h, const struct instance *i,
    const struct http_fault_plan *plan, const struct http_frame *frame, fl_ns now, char *out, size_t cap)
{
	const struct http_conf *conf = ex->line->conf;
	struct edits e = { .count = 0 };
	char ip[ADDR_TEXT_MAX], host[256], trace[64], ms[32], grpc[32], tries[16], hops[16];
	if (conf->forwarded)
		add_forwarded(&e, ex, p, h, ex->client != NULL ? ex->client : &nobody, ex->tls, ip, host);
	if (ex->has_trace) {
		memcpy(trace, "00-", 3);
		put_hex(trace + 3, ex->trace, 16);
		trace[35] = '-';
		put_hex(trace + 36, ex->span, 8);
		trace[52] = '-';
		memcpy(trace + 53, ex->trace_flags, 2);
		trace[55] = '\0';
		edit(&e, H1_EDIT_SET, "traceparent", trace);
	}
	int hops_left = http_msg_hops(p, h) - 1;
	if (hops_left >= 0) {
		snprintf(hops, sizeof(hops), "%d", hops_left);
		edit(&e, H1_EDIT_SET, "max-forwards", hops);
	}
	if (ex->route->policies->pass_deadline && ex->call.deadline.at != FL_NEVER) {
		fl_ns left = ex->call.deadline.at - now;
		fl_deadline_write_ms(left, ms);
		edit(&e, H1_EDIT_SET, "x-faultline-deadline", ms);
		if (ex->said_grpc) {
			fl_deadline_write_grpc(left, grpc);
			edit(&e, H1_EDIT_SET, "grpc-timeout", grpc);
		}
		if (ex->said_envoy)
			edit(&e, H1_EDIT_SET, "x-envoy-expected-rq-timeout-ms", ms);
	}
	if (ex->call.attempts > 1) {
		snprintf(tries, sizeof(tries), "%u", ex->call.attempts);
		edit(&e, H1_EDIT_SET, "x-faultline-attempt", tries);
	}
	if (conf->via[0] != '\0')
		edit(&e, H1_EDIT_APPEND, "via", conf->via);
	add_faults(&e, plan);
	struct h1_out o = { .edits = e.list, .edit_count = e.count, .upgrade = h->upgrade, .reframe = frame->reframe, .framing = frame->framing,
		.length = frame->length };
	if (h->host.len == 0) {
		o.host = i->addr.sa.sa_family == AF_UNIX ? "localhost" : i->text;
		o.host_len = (uint32_t)strlen(o.host);
	}
	return h1_write_request(p, h, &o, out, cap);
}

/* ---- answers ---- */

static bool
offered(const char *p, const struct h1_head *h, const char *name, size_t n)
{
	for (unsigned i = 0; i < h->field_count; i++) {
		const struct h1_field *f = &h->fields[i];
		const char *s = p + f->value.at;
		struct h1_text word;
		size_t at = 0;
		while (f->id == H1_ID_UPGRADE && h1_list_next(s, f->value.len, &at, &word))
			if (word.len == n && h1_same_name(s + word.at, name, n))
				return true;
	}
	return false;
}

bool
http_msg_switches(const char *p, const struct h1_head *request, const char *q, const struct h1_head *answer)
{
	bool any = false;
	for (unsigned i = 0; i < answer->field_count; i++) {
		const struct h1_field *f = &answer->fields[i];
		const char *s = q + f->value.at;
		struct h1_text word;
		size_t at = 0;
		while (f->id == H1_ID_UPGRADE && h1_list_next(s, f->value.len, &at, &word)) {
			if (!offered(p, request, s + word.at, word.len))
				return false;
			any = true;
		}
	}
	return any;
}

static void
add_timing(struct edits *e, const struct http_exchange *ex, char timing[160])
{
	fl_ns now_ms = FL_MAX(ex->first_byte, 0);
	snprintf(timing, 160, "fl-queue;dur=%.3f, fl-connect;dur=%.3f, fl-first-byte;dur=%.3f, fl-attempts;desc=\"%u\"",
	    (double)FL_MAX(ex->queue, 0) / 1e6, (double)FL_MAX(ex->connect, 0) / 1e6, (double)now_ms / 1e6, ex->call.attempts);
	edit(e, H1_EDIT_ADD, "server-timing", timing);
}

size_t
http_msg_answer(const struct http_exchange *ex, const char *p, const struct h1_head *h, const struct http_frame *frame, bool close, bool degraded,
    char *out, size_t cap)
{
	const struct http_conf *conf = ex->line->conf;
	struct edits e = { .count = 0 };
	char timing[160];
	if (conf->via[0] != '\0')
		edit(&e, H1_EDIT_APPEND, "via", conf->via);
	if (conf->server_timing)
		add_timing(&e, ex, timing);
	if (degraded)
		edit(&e, H1_EDIT_SET, "x-faultline-degraded", "fallback");
	add_faults(&e, ex->plan);
	struct h1_out o = { .edits = e.list, .edit_count = e.count, .upgrade = h->status == 101, .close = close && h->status != 101,
		.keep_alive = !close && ex->version_minor == 0, .reframe = frame->reframe, .framing = frame->framing, .length = frame->length };
	/* Chunks are not for a client of HTTP/1.0, not even to be spoken of (RFC 9112 6.1). */
	if (ex->version_minor == 0 && h->chunked && !o.reframe) {
		o.reframe = true;
		o.framing = H1_CLOSE;
	}
	return h1_write_response(p, h, &o, out, cap);
}

/* Ours: the head, and a line of text. */
static size_t
write_own(struct edits *e, unsigned status, const char *body, size_t n, bool close, bool head_only, bool old_client, char *out, size_t cap)
{
	struct h1_out o = { .edits = e->list, .edit_count = e->count, .close = close, .keep_alive = !close && old_client, .reframe = true,
		.framing = H1_LENGTH, .length = n };
	size_t k = h1_write_answer(status, &o, out, cap);
	if (head_only || status == 204 || status == 304)
		return k;
	if (k + n <= cap && n > 0)
		memcpy(out + k, body, n);
	return k + n;
}

size_t
http_msg_own(const struct http_exchange *ex, unsigned status, const char *text, const struct fl_refusal *why, bool close, bool head_only,
    char *out, size_t cap)
{
	struct edits e = { .count = 0 };
	char body[640], after[32], tries[16];
	edit(&e, H1_EDIT_ADD, "content-type", "text/plain; charset=utf-8");
	edit(&e, H1_EDIT_ADD, "cache-control", "no-store");
	if (why != NULL && why->by != FL_WHO_NONE) {
		edit(&e, H1_EDIT_ADD, "x-faultline-refused", fl_who_name(why->by));
		if (why->retry_after > 0 && why->retry_after != FL_NEVER) {
			snprintf(after, sizeof(after), "%lld", (long long)((why->retry_after + FL_SEC - 1) / FL_SEC));
			edit(&e, H1_EDIT_ADD, "retry-after", after);
		}
	}
	if (ex != NULL && ex->call.attempts > 0) {
		snprintf(tries, sizeof(tries), "%u", ex->call.attempts);
		edit(&e, H1_EDIT_ADD, "x-faultline-attempts", tries);
	}
	int n = snprintf(body, sizeof(body), "%u %s: %s\n", status, h1_reason(status), text);
	size_t k = n < 0 ? 0 : FL_MIN((size_t)n, sizeof(body) - 1);
	return write_own(&e, status, body, k, close, head_only, ex != NULL && ex->version_minor == 0, out, cap);
}

size_t
http_msg_canned(const struct http_canned *c, bool close, bool head_only, bool old_client, char *out, size_t cap)
{
	struct edits e = { .count = 0 };
	for (unsigned i = 0; i < c->header_count && i + 1 < EDITS_MAX; i++)
		edit(&e, H1_EDIT_ADD, c->names[i], c->values[i]);
	edit(&e, H1_EDIT_ADD, "x-faultline-degraded", "fallback");
	return write_own(&e, c->status, c->body, c->body_bytes, close, head_only, old_client, out, cap);
}
