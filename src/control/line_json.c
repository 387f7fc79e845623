/* SPDX-License-Identifier: MIT */
/* line_json.c - lines and toxics as JSON. */
#include "control/line_json.h"

void
line_json_ms(struct jsonw *w, const char *key, fl_ns ns)
{
	jsonw_key(w, key);
	if (ns % FL_MS == 0)
		jsonw_int(w, ns / FL_MS);
	else
		jsonw_float(w, (double)ns / (double)FL_MS);
}

static void
put_attribute(struct jsonw *w, const struct kind_attr *a, const struct fault_spec *f, size_t i)
{
	bool shown = a->always || (a->type == ATTR_FLOAT ? f->values[i].f != a->def : f->values[i].i != (int64_t)a->def);

	if (a->type == ATTR_FILE) {
		if (f->samples != NULL)
			jsonw_str(w, a->name, f->samples->path);
		return;
	}
	if (a->type == ATTR_TEXT) {
		if (spec_text(f, i)[0] != '\0')
			jsonw_str(w, a->name, spec_text(f, i));
		return;
	}
	if (!shown)
		return;
	jsonw_key(w, a->name);
	switch (a->type) {
	case ATTR_FLOAT:
		jsonw_float(w, f->values[i].f);
		break;
	case ATTR_BOOL:
		jsonw_bool(w, f->values[i].i != 0);
		break;
	case ATTR_ENUM:
		jsonw_string(w, a->values[f->values[i].i]);
		break;
	default:
		jsonw_int(w, f->values[i].i);
	}
}

static bool
is_empty(const struct spec_scope *s)
{
	return !s->has_client && s->every == 0 && s->first == 0 && s->window_from == 0 && s->window_to == 0 && s->duty_period == 0 &&
	    !spec_http_any(s);
}

void
line_json_scope(struct jsonw *w, const struct spec_scope *s)
{
	char buf[SPEC_HTTP_TEXT_MAX];

	jsonw_key(w, "scope");
	jsonw_object(w);
	for (const char *const *key = spec_http_keys(); *key != NULL; key++) {
		const char *text = spec_http_text(s, *key, buf);

		if (text != NULL)
			jsonw_str(w, *key, text);
	}
	if (s->has_client)
		jsonw_str(w, "client", s->client_text);
	if (s->every > 0)
		jsonw_num(w, "every", (int64_t)s->every);
	if (s->first > 0)
		jsonw_num(w, "first", (int64_t)s->first);
	if (s->window_from > 0 || s->window_to > 0) {
		jsonw_key(w, "window");
		jsonw_object(w);
		line_json_ms(w, "from", s->window_from);
		if (s->window_to > 0)
			line_json_ms(w, "to", s->window_to);
		jsonw_end(w);
	}
	if (s->duty_period > 0) {
		jsonw_key(w, "duty");
		jsonw_object(w);
		line_json_ms(w, "period", s->duty_period);
		line_json_ms(w, "on", s->duty_on);
		jsonw_end(w);
	}
	jsonw_end(w);
}

void
line_json_toxic_pairs(struct jsonw *w, const struct fault_spec *f)
{
	const struct kind_info *info = kind_info(f->kind);

	jsonw_key(w, "attributes");
	jsonw_object(w);
	for (size_t i = 0; i < info->attr_count; i++)
		put_attribute(w, &info->attrs[i], f, i);
	jsonw_end(w);
	jsonw_str(w, "name", f->name);
	jsonw_str(w, "type", info->name);
	jsonw_str(w, "stream", f->stream_text);
	jsonw_key(w, "toxicity");
	jsonw_float32(w, f->toxicity);
	if (!is_empty(&f->scope))
		line_json_scope(w, &f->scope);
	if (f->ttl_ns > 0)
		line_json_ms(w, "ttl", f->ttl_ns);
}

void
line_json_toxic(struct jsonw *w, const struct fault_spec *f)
{
	jsonw_object(w);
	line_json_toxic_pairs(w, f);
	jsonw_end(w);
}

void
line_json_toxics(struct jsonw *w, const struct lines_line *l)
{
	jsonw_array(w);
	for (uint32_t i = 0; i < l->toxic_count; i++)
		line_json_toxic(w, &l->toxics[i]->spec);
	jsonw_end(w);
}

void
line_json_line_pairs(struct jsonw *w, const struct lines_line *l)
{
	jsonw_str(w, "name", l->name);
	jsonw_str(w, "listen", l->listen);
	jsonw_str(w, "upstream", l->upstream);
	jsonw_flag(w, "enabled", l->enabled);
	if (l->http != NULL)
		jsonw_str(w, "protocol", "http");
	else if (l->half_close)
		jsonw_flag(w, "half_close", true);
	if (l->key == LINE_KEY_CLIENT)
		jsonw_str(w, "key", "client");
	if (l->connect_timeout != LINE_JSON_CONNECT_TIMEOUT)
		line_json_ms(w, "connect_timeout", l->connect_timeout);
}

void
line_json_line(struct jsonw *w, const struct lines_line *l)
{
	jsonw_object(w);
	line_json_line_pairs(w, l);
	jsonw_key(w, "toxics");
	line_json_toxics(w, l);
	jsonw_end(w);
}
