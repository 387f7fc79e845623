/* SPDX-License-Identifier: MIT */
/*
 * h1_check.h - what must hold of every head that was read: its texts lie within it, and it can be written and read again with the
 * same meaning. For the drivers beside it and for unit tests; breaks off where it does not hold.
 */
#ifndef TEST_H1_CHECK_H
#define TEST_H1_CHECK_H

#include "base/assert.h"
#include "proto/h1_write.h"

#include <stdlib.h>

static inline void
h1_check_text(const struct h1_head *h, struct h1_text t)
{
	fl_assert(t.at <= h->head_bytes && t.len <= h->head_bytes - t.at);
}

static inline void
h1_check_bounds(const char *p, const struct h1_head *h)
{
	uint64_t present = 0;
	uint32_t at = h->fields_at;

	fl_assert(h->head_bytes >= 4 && memcmp(p + h->head_bytes - 4, "\r\n\r\n", 4) == 0);
	h1_check_text(h, h->method_text);
	h1_check_text(h, h->target);
	h1_check_text(h, h->path);
	h1_check_text(h, h->query);
	h1_check_text(h, h->host);
	h1_check_text(h, h->reason);
	fl_assert(h->field_count <= H1_FIELDS_MAX && h->framing <= H1_TUNNEL);
	for (unsigned i = 0; i < h->field_count; i++) {
		const struct h1_field *f = &h->fields[i];

		fl_assert(f->name.at == at && p[f->name.at + f->name.len] == ':');
		h1_check_text(h, f->name);
		h1_check_text(h, f->value);
		fl_assert(f->value.at > f->name.at + f->name.len);
		at = f->value.at + f->value.len;
		while (p[at] == ' ' || p[at] == '\t')
			at++;
		fl_assert(p[at] == '\r' && p[at + 1] == '\n');
		at += 2;
		fl_assert(h1_is_token(p + f->name.at, f->name.len) && h1_is_value(p + f->value.at, f->value.len));
		fl_assert(h1_id_of(p + f->name.at, f->name.len) == (enum h1_id)f->id);
		if (f->id == H1_ID_OTHER)
			continue;
		if ((present >> f->id & 1) == 0)
			fl_assert(h->first[f->id] == i);
		present |= H1_BIT(f->id);
	}
	fl_assert(at == h->head_bytes - 2 && present == h->present);
}

static inline bool
h1_check_same_text(const char *p, struct h1_text t, const char *q, struct h1_text u)
{
	return t.len == u.len && memcmp(p + t.at, q + u.at, t.len) == 0;
}

#define H1_CHECK_FRAMING (H1_BIT(H1_ID_CONTENT_LENGTH) | H1_BIT(H1_ID_TRANSFER_ENCODING) | H1_BIT(H1_ID_CONNECTION) | H1_BIT(H1_ID_TE))

/* Is the field of its own meaning, or does it go out in another way? */
static inline bool
h1_check_counts(const struct h1_head *h, unsigned i, bool host_too)
{
	unsigned id = h->fields[i].id;

	return !h1_is_hop(h, i) && (id == 0 || ((H1_CHECK_FRAMING | (host_too ? 0 : H1_BIT(H1_ID_HOST))) >> id & 1) == 0);
}

/* The same fields in the same order, but for those that are the connection's. */
static inline void
h1_check_fields(const char *p, const struct h1_head *h, const char *q, const struct h1_head *g, bool host_too)
{
	unsigned k = 0;

	for (unsigned i = 0; i < h->field_count; i++) {
		if (!h1_check_counts(h, i, host_too))
			continue;
		while (k < g->field_count && !h1_check_counts(g, k, host_too))
			k++;
		fl_assert(k < g->field_count);
		fl_assert(h1_check_same_text(p, h->fields[i].name, q, g->fields[k].name));
		fl_assert(h1_check_same_text(p, h->fields[i].value, q, g->fields[k].value));
		k++;
	}
	while (k < g->field_count && !h1_check_counts(g, k, host_too))
		k++;
	fl_assert(k == g->field_count);
}

/* Write the head for the next hop, read that, compare. */
static inline void
h1_check_rewrite(const char *p, const struct h1_head *h, bool request)
{
	struct h1_out o = { .host = request && h->host.len == 0 ? "x" : NULL, .host_len = 1, .upgrade = h->upgrade };
	struct h1_limits lim = { .head_bytes_max = 4 * H1_HEAD_BYTES_MAX };
	struct h1_head *g = malloc(sizeof(*g));
	struct h1_scan scan = { 0 };
	size_t need = request ? h1_write_request(p, h, &o, NULL, 0) : h1_write_response(p, h, &o, NULL, 0);
	char *out = malloc(need);
	enum h1_verdict v;

	fl_assert(g != NULL && out != NULL);
	fl_assert((request ? h1_write_request(p, h, &o, out, need) : h1_write_response(p, h, &o, out, need)) == need);
	v = request ? h1_request(out, need, &lim, &scan, g) : h1_response(out, need, &lim, &scan, (enum h1_method)h->method, g);
	if (v == H1_BAD && g->status == 431) {          /* a rewritten Host, Connection and length may be the fields too many */
		free(out);
		free(g);
		return;
	}
	fl_assert(v == H1_OK && g->head_bytes == need && g->version_minor == 1);
	h1_check_bounds(out, g);
	fl_assert(g->framing == h->framing && g->has_length == h->has_length && g->length == h->length && g->chunked == h->chunked);
	fl_assert(g->upgrade == h->upgrade && g->te_trailers == h->te_trailers && g->status == h->status && g->method == h->method);
	if (request) {
		fl_assert(h1_check_same_text(p, h->method_text, out, g->method_text) && !g->absolute);
		fl_assert(h->host.len == 0 || h1_check_same_text(p, h->host, out, g->host));
		fl_assert(h->path.len == 0 || h1_check_same_text(p, h->path, out, g->path));
		fl_assert(h1_check_same_text(p, h->query, out, g->query));
	} else {
		fl_assert(h1_check_same_text(p, h->reason, out, g->reason));
	}
	h1_check_fields(p, h, out, g, request && !h->absolute && h1_has(h, H1_ID_HOST));
	free(out);
	free(g);
}

#endif
