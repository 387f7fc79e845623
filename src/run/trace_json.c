/* SPDX-License-Identifier: MIT */
/* trace_json.c - see trace_json.h. */
#include "run/trace_json.h"

#include <inttypes.h>
#include <stdio.h>

static void
put_text(struct jsonw *w, const char *key, struct trace_text t)
{
	if (t.n == 0)
		return;
	jsonw_key(w, key);
	jsonw_stringn(w, t.p, t.n);
}

static void
put_uint(struct jsonw *w, const char *key, uint64_t v)
{
	jsonw_key(w, key);
	jsonw_uint(w, v);
}

static void
put_hex(struct jsonw *w, const char *key, uint64_t v)
{
	if (v == 0)
		return;
	jsonw_key(w, key);
	jsonw_printf(w, "%016" PRIx64, v);
}

static void
put_trace(struct jsonw *w, const uint8_t *trace)
{
	char text[33];
	unsigned any = 0;

	for (unsigned i = 0; i < 16; i++) {
		snprintf(text + 2 * i, 3, "%02x", trace[i]);
		any |= trace[i];
	}
	if (any != 0)
		jsonw_str(w, "trace", text);
}

/* As `faultline trace` takes them. */
static void
put_hash(struct jsonw *w, const char *key, uint64_t v)
{
	char text[20];

	snprintf(text, sizeof(text), "#%016" PRIx64, v);
	jsonw_str(w, key, text);
}

static void
put_hit(struct jsonw *w, const struct trace_event *e)
{
	jsonw_object(w);
	put_text(w, "fault", e->place);
	put_text(w, "what", e->what);
	jsonw_num(w, "time", e->at);
	jsonw_str(w, "dir", e->dir == 0 ? "c2s" : "s2c");
	put_uint(w, "offset", e->bytes);
	jsonw_num(w, "value", e->value);
	jsonw_end(w);
}

static void
put_answer(struct jsonw *w, const struct trace_event *a)
{
	jsonw_num(w, "status", a->status);
	jsonw_num(w, "end", a->at);
	put_uint(w, "response_bytes", a->bytes);
	jsonw_num(w, "attempts", a->attempts);
	put_text(w, "instance", a->place);
	put_text(w, "ended", a->what);
	put_text(w, "failure", a->text);
	if (a->hash != 0)
		put_hash(w, "response_hash", a->hash);
	jsonw_flag(w, "hedged", (a->flags & TRACE_HEDGED) != 0);
	jsonw_flag(w, "degraded", (a->flags & TRACE_DEGRADED) != 0);
	if (a->fault != 0)
		put_uint(w, "fault", a->fault);
}

static void
put_framed(struct jsonw *w, const struct lineage_call *c)
{
	static const char *const fates[] = { [LINEAGE_WHOLE] = "whole", [LINEAGE_CHANGED] = "changed", [LINEAGE_CUT] = "cut",
		[LINEAGE_LOST] = "lost", [LINEAGE_PENDING] = "pending" };

	jsonw_str(w, "fate", fates[c->fate]);
	jsonw_num(w, "in", c->request.at);
	put_uint(w, "offset", (uint64_t)c->request.value);
	put_uint(w, "bytes", c->request.bytes);
	put_hash(w, "hash", c->request.hash);
	if (c->answered) {
		jsonw_num(w, "out", c->answer.at);
		put_uint(w, "out_bytes", c->answer.bytes);
		put_hash(w, "out_hash", c->answer.hash);
	}
	put_uint(w, "copies", c->copies);
}

static void
put_joins(const struct lineage *l, const struct lineage_call *c, struct jsonw *w)
{
	char name[LINEAGE_NAME_MAX];

	if (c->joins == 0)
		return;
	jsonw_key(w, "with");
	jsonw_array(w);
	for (uint32_t j = 0; j < c->joins; j++)
		jsonw_string(w, lineage_flow_name(l, l->joins[c->join + j], name, sizeof(name)));
	jsonw_end(w);
}

void
trace_json_call(const struct lineage *l, uint32_t i, struct jsonw *w)
{
	static const char *const links[] = { [LINEAGE_ROOT] = "root", [LINEAGE_CONTEXT] = "context", [LINEAGE_ID] = "id",
		[LINEAGE_NESTED] = "inferred" };
	const struct lineage_call *c = &l->calls[i];
	const struct trace_event *e = lineage_event(c);
	char name[LINEAGE_NAME_MAX];

	jsonw_object(w);
	jsonw_str(w, "message", lineage_flow_name(l, i, name, sizeof(name)));
	jsonw_str(w, "name", lineage_name(l, i, name, sizeof(name)));
	put_text(w, "line", e->line);
	put_text(w, "from", lineage_from(l, i));
	put_text(w, "to", lineage_to(l, i));
	put_text(w, (e->flags & TRACE_KEYED) != 0 ? "key" : "id", e->id);
	put_uint(w, "conn", e->conn);
	put_uint(w, "number", e->number);
	put_trace(w, e->trace);
	put_hex(w, "span", e->span);
	put_hex(w, "parent", e->parent);
	jsonw_str(w, "link", links[c->link]);
	if (c->framed)
		put_framed(w, c);
	if (!c->framed && c->asked) {
		put_text(w, "method", c->request.what);
		put_text(w, "path", c->request.text);
		jsonw_num(w, "start", c->request.at);
		put_uint(w, "request_bytes", c->request.bytes);
		if (c->request.hash != 0)
			put_hash(w, "request_hash", c->request.hash);
	}
	if (!c->framed && c->answered)
		put_answer(w, &c->answer);
	jsonw_flag(w, "bad", lineage_bad(c));
	if (c->doubles > 0)
		put_uint(w, "duplicate_of_earlier", c->doubles);
	jsonw_key(w, "faults");
	jsonw_array(w);
	for (uint32_t h = 0; h < c->hits; h++)
		put_hit(w, &l->hits[c->hit + h]);
	jsonw_end(w);
	put_joins(l, c, w);
	jsonw_end(w);
}

void
trace_json_find(const struct lineage *l, const struct trace_find *f, struct jsonw *w)
{
	char name[LINEAGE_NAME_MAX];
	struct buf say;

	buf_init(&say, 1 << 16);
	trace_find_say(l, f, &say);
	jsonw_object(w);
	jsonw_str(w, "what", trace_find_word((enum trace_find_kind)f->kind));
	jsonw_flag(w, "wrong", trace_find_wrong(f));
	jsonw_str(w, "message", lineage_flow_name(l, f->call, name, sizeof(name)));
	put_text(w, "line", lineage_event(&l->calls[f->call])->line);
	if (f->flow != NULL)
		put_text(w, "missing_on", l->lines[f->flow->below].name);
	jsonw_str(w, "say", buf_str(&say));
	jsonw_end(w);
	buf_fini(&say);
}

void
trace_json_diff(const struct lineage *a, const struct lineage *b, const struct trace_compare_diff *d, struct jsonw *w)
{
	static const char *const words[TRACE_COMPARE_KINDS] = {
		[TRACE_COMPARE_REQUEST] = "request", [TRACE_COMPARE_MISSING] = "missing", [TRACE_COMPARE_EXTRA] = "extra",
		[TRACE_COMPARE_STATUS] = "status", [TRACE_COMPARE_BODY] = "body", [TRACE_COMPARE_ATTEMPTS] = "attempts",
	};

	jsonw_object(w);
	jsonw_str(w, "what", words[d->what]);
	jsonw_str(w, "say", trace_compare_say((enum trace_compare_what)d->what));
	jsonw_key(w, "first");
	if (d->a != LINEAGE_NONE)
		trace_json_call(a, d->a, w);
	else
		jsonw_null(w);
	jsonw_key(w, "second");
	if (d->b != LINEAGE_NONE)
		trace_json_call(b, d->b, w);
	else
		jsonw_null(w);
	jsonw_end(w);
}

void
trace_json_state(const struct trace_store *s, struct jsonw *w)
{
	put_uint(w, "events", s->events);
	put_uint(w, "blocks", s->count);
	put_uint(w, "recordings", s->files);
	jsonw_num(w, "from", s->time_min);
	jsonw_num(w, "to", s->time_max);
	put_uint(w, "lost", s->lost);
	put_uint(w, "torn_bytes", s->torn_bytes);
	put_uint(w, "damaged_bytes", s->damaged_bytes);
	put_uint(w, "missing_blocks", s->missing);
}
