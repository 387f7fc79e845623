/* SPDX-License-Identifier: MIT */
/*
 * h1_write.c - writes heads of HTTP/1.1 messages.
 *
 * Lines that are sent on and follow one another go out in one copy.
 *
 * Invariants
 *  (1) Every put is counted, and done only while all before it and itself have room.
 */
#include "proto/h1_write.h"
#include "base/assert.h"

/* Never sent on as they came: they are the connection's, or are written anew. */
#define NEVER \
	(H1_BIT(H1_ID_CONNECTION) | H1_BIT(H1_ID_CONTENT_LENGTH) | H1_BIT(H1_ID_TRANSFER_ENCODING) | H1_BIT(H1_ID_TE) | \
	H1_BIT(H1_ID_UPGRADE) | H1_BIT(H1_ID_KEEP_ALIVE) | H1_BIT(H1_ID_PROXY_CONNECTION) | H1_BIT(H1_ID_HTTP2_SETTINGS))

struct sink {
	char *out;
	size_t cap, at;
};

static inline void
put(struct sink *s, const char *p, size_t n)
{
	if (n <= s->cap && s->at <= s->cap - n)
		memcpy(s->out + s->at, p, n);
	s->at += n;
}

#define PUT(s, literal) put(s, literal, sizeof(literal) - 1)

static void
put_number(struct sink *s, uint64_t n)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	put(s, digits + i, sizeof(digits) - i);
}

static void
put_field(struct sink *s, const struct h1_edit *e)
{
	put(s, e->name, e->name_len);
	PUT(s, ": ");
	put(s, e->value, e->value_len);
	PUT(s, "\r\n");
}

/* What the edits touch, so that most fields need not be compared with them. */
struct plan {
	const char *p;
	const struct h1_head *h;
	const struct h1_out *o;
	uint64_t drop;                  /* known ids */
	uint64_t append;
	bool drop_others, append_others;        /* some edit names a field without an id */
};

static void
plan_init(struct plan *pl, const char *p, const struct h1_head *h, const struct h1_out *o)
{
	*pl = (struct plan){ .p = p, .h = h, .o = o, .drop = NEVER | o->drop };
	for (unsigned i = 0; i < o->edit_count; i++) {
		const struct h1_edit *e = &o->edits[i];
		bool drops = e->op == H1_EDIT_SET || e->op == H1_EDIT_REMOVE, appends = e->op == H1_EDIT_APPEND;

		fl_assert(h1_edit_allowed((enum h1_id)e->id));
		if (e->id != H1_ID_OTHER) {
			pl->drop |= drops ? H1_BIT(e->id) : 0;
			pl->append |= appends ? H1_BIT(e->id) : 0;
		} else {
			pl->drop_others |= drops;
			pl->append_others |= appends;
		}
	}
}

/* Is this edit of the i-th field? */
static bool
names(const struct plan *pl, const struct h1_edit *e, unsigned i)
{
	const struct h1_field *f = &pl->h->fields[i];

	if (f->id != e->id || e->id != H1_ID_OTHER)
		return f->id == e->id;
	return f->name.len == e->name_len && h1_same_name(pl->p + f->name.at, e->name, e->name_len);
}

static bool
dropped_by_name(const struct plan *pl, unsigned i)
{
	for (unsigned k = 0; k < pl->o->edit_count; k++) {
		const struct h1_edit *e = &pl->o->edits[k];

		if ((e->op == H1_EDIT_SET || e->op == H1_EDIT_REMOVE) && names(pl, e, i))
			return true;
	}
	return false;
}

static inline bool
kept(const struct plan *pl, unsigned i)
{
	unsigned id = pl->h->fields[i].id;

	if (h1_is_hop(pl->h, i) || (id != H1_ID_OTHER && (pl->drop >> id & 1) != 0))
		return false;
	return id != H1_ID_OTHER || !pl->drop_others || !dropped_by_name(pl, i);
}

/* The last field that is kept and that the edit names, or -1. */
static int
last_named(const struct plan *pl, const struct h1_edit *e)
{
	for (int i = pl->h->field_count - 1; i >= 0; i--) {
		if (names(pl, e, (unsigned)i) && kept(pl, (unsigned)i))
			return i;
	}
	return -1;
}

static uint32_t
line_end(const struct h1_head *h, unsigned i)
{
	return i + 1u < h->field_count ? h->fields[i + 1].name.at : h->head_bytes - 2;
}

/* Is something put behind the i-th field's value? Then its line goes out here. */
static bool
put_appended(struct sink *s, const struct plan *pl, unsigned i)
{
	const struct h1_field *f = &pl->h->fields[i];
	uint32_t value_end = f->value.at + f->value.len;
	bool any = false, empty = f->value.len == 0;

	for (unsigned k = 0; k < pl->o->edit_count; k++) {
		const struct h1_edit *e = &pl->o->edits[k];

		if (e->op != H1_EDIT_APPEND || !names(pl, e, i) || last_named(pl, e) != (int)i)
			continue;
		if (!any)
			put(s, pl->p + f->name.at, value_end - f->name.at);
		if (!empty)
			PUT(s, ", ");
		put(s, e->value, e->value_len);
		any = true;
		empty = false;
	}
	if (any)
		PUT(s, "\r\n");
	return any;
}

static void
put_kept(struct sink *s, const struct plan *pl)
{
	const struct h1_head *h = pl->h;
	uint32_t from = 0, to = 0;              /* lines that go out together */

	for (unsigned i = 0; i < h->field_count; i++) {
		unsigned id = h->fields[i].id;
		bool append = id != H1_ID_OTHER ? (pl->append >> id & 1) != 0 : pl->append_others;

		if (!kept(pl, i))
			continue;
		if (h->fields[i].name.at != to || append) {
			put(s, pl->p + from, to - from);
			from = to = h->fields[i].name.at;
		}
		if (append && put_appended(s, pl, i))
			from = to = line_end(h, i);
		else
			to = line_end(h, i);
	}
	put(s, pl->p + from, to - from);
}

/* Edits that add a line of their own. */
static void
put_edits(struct sink *s, const struct plan *pl)
{
	for (unsigned k = 0; k < pl->o->edit_count; k++) {
		const struct h1_edit *e = &pl->o->edits[k];

		if (e->op == H1_EDIT_REMOVE)
			continue;
		if ((e->op == H1_EDIT_DEFAULT || e->op == H1_EDIT_APPEND) && last_named(pl, e) >= 0)
			continue;
		put_field(s, e);
	}
}

static void
put_connection(struct sink *s, const struct plan *pl, bool te)
{
	const struct h1_out *o = pl->o;
	const char *comma = "";

	if (!o->close && !o->keep_alive && !o->upgrade && !te)
		return;
	PUT(s, "Connection: ");
	if (o->close || o->keep_alive) {
		put(s, o->close ? "close" : "keep-alive", o->close ? 5 : 10);
		comma = ", ";
	}
	if (o->upgrade) {
		put(s, comma, strlen(comma));
		PUT(s, "upgrade");
		comma = ", ";
	}
	if (te) {
		put(s, comma, strlen(comma));
		PUT(s, "TE");
	}
	PUT(s, "\r\n");
	if (te)
		PUT(s, "TE: trailers\r\n");
	for (unsigned i = 0; o->upgrade && i < pl->h->field_count; i++) {
		const struct h1_field *f = &pl->h->fields[i];

		if (f->id == H1_ID_UPGRADE)
			put(s, pl->p + f->name.at, line_end(pl->h, i) - f->name.at);
	}
}

static void
put_length(struct sink *s, uint64_t n)
{
	PUT(s, "Content-Length: ");
	put_number(s, n);
	PUT(s, "\r\n");
}

static void
put_framing(struct sink *s, enum h1_framing framing, uint64_t length)
{
	if (framing == H1_LENGTH)
		put_length(s, length);
	else if (framing == H1_CHUNKED)
		PUT(s, "Transfer-Encoding: chunked\r\n");
}

/* As it was read: also the length that a HEAD or 304 answer speaks of, and that of an empty body. */
static void
put_own_framing(struct sink *s, const struct h1_head *h, const struct h1_out *o)
{
	if (o->reframe)
		put_framing(s, o->framing, o->length);
	else
		put_framing(s, h->has_length ? H1_LENGTH : h->chunked ? H1_CHUNKED : H1_NONE, h->length);
}

static void
put_host(struct sink *s, const char *host, size_t n)
{
	PUT(s, "Host: ");
	put(s, host, n);
	PUT(s, "\r\n");
}

static void
put_request_line(struct sink *s, const char *p, const struct h1_head *h, const struct h1_out *o)
{
	if (o->target == NULL && !h->absolute) {
		put(s, p + h->method_text.at, h->target.at + h->target.len - h->method_text.at);
	} else {
		uint32_t end = h->target.at + h->target.len;

		put(s, p + h->method_text.at, h->method_text.len);
		PUT(s, " ");
		if (o->target != NULL)
			put(s, o->target, o->target_len);
		else if (h->path.len > 0)
			put(s, p + h->path.at, end - h->path.at);
		else if (h->method == H1_OPTIONS && h->path.at == end)
			PUT(s, "*");                    /* RFC 9112 3.2.4 */
		else
			PUT(s, "/");
		if (o->target == NULL && h->path.len == 0)
			put(s, p + h->path.at, end - h->path.at);
	}
	PUT(s, " HTTP/1.1\r\n");
}

size_t
h1_write_request(const char *p, const struct h1_head *h, const struct h1_out *o, char *out, size_t cap)
{
	struct sink s = { out, cap, 0 };
	struct plan pl;

	plan_init(&pl, p, h, o);
	put_request_line(&s, p, h, o);
	if (o->host != NULL || h->absolute || (h->host.len > 0 && !h1_has(h, H1_ID_HOST))) {
		pl.drop |= H1_BIT(H1_ID_HOST);
		put_host(&s, o->host != NULL ? o->host : p + h->host.at, o->host != NULL ? o->host_len : h->host.len);
	}
	put_kept(&s, &pl);
	put_own_framing(&s, h, o);
	put_connection(&s, &pl, h->te_trailers && (o->drop & H1_BIT(H1_ID_TE)) == 0);
	put_edits(&s, &pl);
	PUT(&s, "\r\n");
	return s.at;
}

static void
put_status_line(struct sink *s, unsigned status)
{
	const char *reason = h1_reason(status);

	PUT(s, "HTTP/1.1 ");
	put_number(s, status);
	PUT(s, " ");
	put(s, reason, strlen(reason));
	PUT(s, "\r\n");
}

size_t
h1_write_response(const char *p, const struct h1_head *h, const struct h1_out *o, char *out, size_t cap)
{
	struct sink s = { out, cap, 0 };
	struct plan pl;

	plan_init(&pl, p, h, o);
	if (o->status != 0 && o->status != h->status) {
		put_status_line(&s, o->status);
	} else {
		PUT(&s, "HTTP/1.1 ");
		put_number(&s, h->status);
		PUT(&s, " ");
		put(&s, p + h->reason.at, h->reason.len);
		PUT(&s, "\r\n");
	}
	put_kept(&s, &pl);
	put_own_framing(&s, h, o);
	put_connection(&s, &pl, false);
	put_edits(&s, &pl);
	PUT(&s, "\r\n");
	return s.at;
}

/* A message of our own has the edits alone. */
static void
put_own(struct sink *s, const struct h1_out *o)
{
	static const struct h1_head nothing;
	struct plan pl;

	plan_init(&pl, "", &nothing, o);
	put_connection(s, &pl, false);
	put_edits(s, &pl);
	PUT(s, "\r\n");
}

size_t
h1_write_answer(unsigned status, const struct h1_out *o, char *out, size_t cap)
{
	struct sink s = { out, cap, 0 };

	fl_assert(status >= 100 && status <= H1_STATUS_MAX);
	put_status_line(&s, status);
	if (status >= 200 && status != 204) {
		if (o->framing == H1_NONE && status != 304)
			put_length(&s, 0);
		else
			put_framing(&s, o->framing, o->length);
	}
	put_own(&s, o);
	return s.at;
}

size_t
h1_write_ask(const char *method, const struct h1_out *o, char *out, size_t cap)
{
	struct sink s = { out, cap, 0 };

	fl_assert(o->target != NULL && o->host != NULL);
	put(&s, method, strlen(method));
	PUT(&s, " ");
	put(&s, o->target, o->target_len);
	PUT(&s, " HTTP/1.1\r\n");
	put_host(&s, o->host, o->host_len);
	put_framing(&s, o->framing, o->length);
	put_own(&s, o);
	return s.at;
}

bool
h1_edit_allowed(enum h1_id id)
{
	return id == H1_ID_OTHER || (H1_BIT(id) & (NEVER | H1_BIT(H1_ID_HOST))) == 0;
}

bool
h1_edit_init(struct h1_edit *e, enum h1_edit_op op, const char *name, const char *value)
{
	size_t name_len = strlen(name), value_len = value != NULL ? strlen(value) : 0;
	enum h1_id id;

	if (name_len > 256 || value_len > H1_HEAD_BYTES_MAX || !h1_is_token(name, name_len) || !h1_is_value(value, value_len))
		return false;
	id = h1_id_of(name, name_len);
	if (!h1_edit_allowed(id))
		return false;
	*e = (struct h1_edit){ op, (uint8_t)id, (uint16_t)name_len, (uint32_t)value_len, name, value != NULL ? value : "" };
	return true;
}
