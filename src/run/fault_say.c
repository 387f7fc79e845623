/* SPDX-License-Identifier: MIT */
/* fault_say.c - words for faults. */
#include "run/fault_say.h"

#include "base/buf.h"
#include "base/units.h"
#include "io/process.h"
#include <inttypes.h>
#include <stdio.h>

const char *
fault_say_kind(const struct experiment_fault *f)
{
	static const char *const kinds[] = {
		[ACTION_CUT] = "cut", [ACTION_DOWN] = "down", [ACTION_KILL] = "kill", [ACTION_RESTART] = "restart", [ACTION_PAUSE] = "pause",
		[ACTION_CALL] = "call",
	};

	return f->action == ACTION_FAULT ? kind_info(f->spec.kind)->name : kinds[f->action];
}

const char *
fault_say_place(const struct experiment *x, const struct experiment_fault *f, struct arena *mem)
{
	if (f->action == ACTION_CALL)
		return arena_printf(mem, "http://%s", f->call.target);
	if (f->process >= 0)
		return arena_printf(mem, "process %s", x->process_names[f->process]);
	if (f->action == ACTION_FAULT && kind_info(f->spec.kind)->place != KIND_CONNECT)
		return arena_printf(mem, "line %s, %s", x->line_names[f->line], f->spec.dir == FL_C2S ? "c2s" : "s2c");
	return arena_printf(mem, "line %s", x->line_names[f->line]);
}

static void
say_attr(struct buf *b, const struct fault_spec *s, size_t i)
{
	const struct kind_attr *a = &kind_info(s->kind)->attrs[i];
	const char *comma = buf_len(b) > 0 ? ", " : "";

	switch (a->type) {
	case ATTR_INT:
		if (a->always || (double)s->values[i].i < a->def || (double)s->values[i].i > a->def)
			buf_printf(b, "%s%s %" PRId64, comma, a->name, s->values[i].i);
		break;
	case ATTR_FLOAT:
		if (a->always || s->values[i].f < a->def || s->values[i].f > a->def)
			buf_printf(b, "%s%s %g", comma, a->name, s->values[i].f);
		break;
	case ATTR_BOOL:
		if (s->values[i].i != 0)
			buf_printf(b, "%s%s", comma, a->name);
		break;
	case ATTR_ENUM:
		if (s->values[i].i != (int64_t)a->def)
			buf_printf(b, "%s%s %s", comma, a->name, a->values[s->values[i].i]);
		break;
	case ATTR_TEXT:
		if (spec_text(s, i)[0] != '\0')
			buf_printf(b, "%s%s \"%.60s%s\"", comma, a->name, spec_text(s, i), strlen(spec_text(s, i)) > 60 ? "..." : "");
		break;
	case ATTR_FILE:
		if (s->samples != NULL)
			buf_printf(b, "%s%s %s", comma, a->name, s->samples->path);
		break;
	}
}

static void
say_scope(struct buf *b, const struct fault_spec *s)
{
	const struct spec_scope *c = &s->scope;
	const char *what = kind_info(s->kind)->place == KIND_HTTP ? "request" : "connection";
	char x[32], y[32], text[SPEC_HTTP_TEXT_MAX];

	if (s->toxicity < 1)
		buf_printf(b, ", on %g%% of the %ss", (double)s->toxicity * 100, what);
	for (const char *const *key = spec_http_keys(); *key != NULL; key++) {
		if (spec_http_text(c, *key, text) != NULL)
			buf_printf(b, ", %s %s", *key, spec_http_text(c, *key, text));
	}
	if (c->has_client)
		buf_printf(b, ", from %s", c->client_text);
	if (c->every > 0)
		buf_printf(b, ", on every %" PRIu64 "th %s", c->every, what);
	if (c->first > 0)
		buf_printf(b, ", on the first %" PRIu64 " %ss", c->first, what);
	if (c->duty_period > 0)
		buf_printf(b, ", for %s of every %s", units_duration(x, sizeof(x), c->duty_on), units_duration(y, sizeof(y), c->duty_period));
	if (c->window_from > 0 || c->window_to > 0)
		buf_printf(b, ", from %s after it began", units_duration(x, sizeof(x), c->window_from));
	if (c->window_to > 0)
		buf_printf(b, " to %s", units_duration(x, sizeof(x), c->window_to));
}

const char *
fault_say_text(const struct experiment_fault *f, struct arena *mem)
{
	const char *text;
	struct buf b;

	buf_init(&b, 4096);
	if (f->action == ACTION_FAULT) {
		for (size_t i = 0; i < kind_info(f->spec.kind)->attr_count; i++)
			say_attr(&b, &f->spec, i);
		say_scope(&b, &f->spec);
	} else if (f->action == ACTION_KILL) {
		buf_printf(&b, "%s%s", process_signal_name(f->sig), f->length > 0 ? ", then started again" : "");
	} else if (f->action == ACTION_CUT) {
		buf_printf(&b, "all connections %s", f->reset ? "reset" : "closed");
	} else if (f->action == ACTION_CALL) {
		buf_printf(&b, "POST %s", f->call.path);
		if (f->undo.path != NULL)
			buf_printf(&b, ", then POST %s", f->undo.path);
	} else if (f->action == ACTION_DOWN) {
		buf_puts(&b, "refuses connections and has none");
	} else {
		buf_puts(&b, f->action == ACTION_PAUSE ? "stopped in its tracks (SIGSTOP)" : "stopped and started again");
	}
	text = arena_strdup(mem, buf_str(&b));
	buf_fini(&b);
	return text;
}
