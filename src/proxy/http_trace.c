/* SPDX-License-Identifier: MIT */
/* http_trace.c - see http_trace.h. */
#include "proxy/http_trace.h"

#include "proxy/trace_conf.h"
#include <string.h>

void
http_trace_begin(struct http_exchange *ex, const char *p, const struct h1_head *h)
{
	const struct trace_conf *conf = ex->line->conf->record;
	const struct trace_id_conf *id;
	const struct h1_field *f;

	if (conf == NULL)
		return;
	id = &conf->frame[FL_C2S].id;
	ex->traced = true;
	ex->trace_id[0] = '\0';
	trace_hash_init(&ex->said[FL_C2S]);
	trace_hash_init(&ex->said[FL_S2C]);
	if (id->kind == TRACE_ID_PATH)
		trace_id_copy(p + h->path.at, h->path.len, ex->trace_id);
	if (id->kind == TRACE_ID_HEADER && (f = h1_field_named(h, p, id->field, strlen(id->field), NULL)) != NULL)
		trace_id_copy(p + f->value.at, f->value.len, ex->trace_id);
}

void
http_trace_body(struct http_exchange *ex, enum fl_dir dir, const char *p, size_t n)
{
	const struct trace_id_conf *id;

	if (!ex->traced || n == 0)
		return;
	id = &ex->line->conf->record->frame[FL_C2S].id;
	/* Bodies that are not kept are looked at as they begin. */
	if (dir == FL_C2S && ex->said[dir].n == 0 && !ex->keeps && ex->trace_id[0] == '\0' && id->kind != TRACE_ID_CONTENT)
		trace_id_find(id, p, n, 0, ex->trace_id);
	trace_hash_feed(&ex->said[dir], p, n);
}

void
http_trace_record(const struct http_exchange *ex, struct http_record *r)
{
	const struct trace_id_conf *id;

	if (!ex->traced)
		return;
	id = &ex->line->conf->record->frame[FL_C2S].id;
	if (ex->said[FL_C2S].n > 0)
		r->request_hash = trace_hash_end(&ex->said[FL_C2S]);
	if (ex->said[FL_S2C].n > 0)
		r->response_hash = trace_hash_end(&ex->said[FL_S2C]);
	r->grouped = id->group;
	memcpy(r->id, ex->trace_id, sizeof(r->id));
	if (r->id[0] == '\0' && ex->said[FL_C2S].n > 0)
		trace_id_find(id, ex->kept != NULL ? ex->kept : "", ex->kept != NULL ? ex->kept_n : 0, r->request_hash, r->id);
}
