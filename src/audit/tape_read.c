/* SPDX-License-Identifier: MIT */
/* tape_read.c - see tape_read.h. */
#include "audit/tape_read.h"

#include "audit/tape_edn.h"
#include "audit/tape_json.h"
#include "audit/tape_log.h"
#include "audit/tape_value.h"
#include "base/assert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define LOG_LOOK_BYTES (64 << 10)       /* a line of Jepsen's log is looked for in so much of the beginning */

/* Where to go back to when an event is not all there yet. */
struct mark {
	const char *p, *line_start;
	size_t lead_bytes, item_count, int_count;
	uint32_t line;
};

static struct mark
mark(const struct tape_lex *l)
{
	return (struct mark){ l->p, l->line_start, l->lead_bytes, l->tape->item_count, l->tape->int_count, l->line };
}

static void
go_back(struct tape_lex *l, const struct mark *m)
{
	l->p = m->p;
	l->line_start = m->line_start;
	l->lead_bytes = m->lead_bytes;
	l->line = m->line;
	l->tape->item_count = m->item_count;
	l->tape->int_count = m->int_count;
	l->stack_count = 0;
	l->depth = 0;
	l->error = NULL;
}

static uint32_t
column(const struct tape_lex *l, const char *at)
{
	size_t n = (size_t)(at - l->line_start) + l->lead_bytes + 1;

	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* An event that makes no sense after those before it. */
static int __attribute__((format(printf, 3, 4)))
refuse(struct tape_read *r, const struct mark *at, const char *format, ...)
{
	va_list ap;

	r->info.line = at->line;
	r->info.column = (uint32_t)((size_t)(at->p - at->line_start) + at->lead_bytes + 1);
	va_start(ap, format);
	vsnprintf(r->info.error, sizeof(r->info.error), format, ap);
	va_end(ap);
	return -EINVAL;
}

/* What the lexer did not like. */
static int
refuse_text(struct tape_read *r)
{
	struct tape_lex *l = &r->lex;

	r->info.line = l->line;
	r->info.column = column(l, l->p);
	snprintf(r->info.error, sizeof(r->info.error), "%s", l->error);
	return l->full ? -ENOBUFS : -EINVAL;
}

static const char *
f_name(const struct tape_read *r, uint32_t f)
{
	return tape_chars(r->lex.tape, f);
}

static int
invoke(struct tape_read *r, const struct tape_event *ev, const struct mark *at)
{
	struct tape_call call = { .process = ev->process, .at = ev->time, .f = (uint32_t)ev->f.text, .line = at->line,
		.has_key = (ev->saw & TAPE_SAW_KEY) != 0, .key = ev->key, .value = ev->value };
	uint32_t open;
	int rc = tape_invoke(r->lex.tape, &call, NULL);

	if (rc == -EBUSY && tape_open(r->lex.tape, ev->process, &open))
		return refuse(r, at, "process %" PRId64 " invokes a %.64s, but its %.64s of line %" PRIu32 " has not completed", ev->process,
			      f_name(r, call.f), f_name(r, r->lex.tape->ops[open].f), r->lex.tape->ops[open].line);
	if (rc != 0) {
		(void)tape_lex_full(&r->lex);
		return refuse_text(r);
	}
	return 0;
}

/* A completion alone, where that is allowed: invoked just before. */
static int
invoke_late(struct tape_read *r, const struct tape_event *ev, const struct mark *at, uint32_t *ret_open)
{
	struct tape_event before = *ev;

	if (!r->options.lone_completions)
		return refuse(r, at, "process %" PRId64 " completes a %.64s, but it has nothing open", ev->process, f_name(r, (uint32_t)ev->f.text));
	int rc = invoke(r, &before, at);

	if (rc == 0)
		fl_assert(tape_open(r->lex.tape, ev->process, ret_open));
	if (rc == 0)
		r->lex.tape->ops[*ret_open].lone = true;
	return rc;
}

static int
complete(struct tape_read *r, const struct tape_event *ev, const struct mark *at)
{
	struct tape *t = r->lex.tape;
	struct tape_answer answer = { .outcome = ev->type == TAPE_TYPE_OK ? TAPE_OK : ev->type == TAPE_TYPE_FAIL ? TAPE_FAIL : TAPE_INFO,
		.has_value = (ev->saw & TAPE_SAW_VALUE) != 0, .value = ev->value, .error = ev->error, .at = ev->time };
	uint32_t open;

	if (!tape_open(t, ev->process, &open)) {
		/* What has a name and only tells things is no client. */
		if (ev->named && ev->type == TAPE_TYPE_INFO) {
			r->info.events--;
			r->info.skipped++;
			return 0;
		}
		int rc = invoke_late(r, ev, at, &open);

		if (rc != 0)
			return rc;
	}
	if (t->ops[open].f != ev->f.text)
		return refuse(r, at, "process %" PRId64 " completes a %.64s, but it invoked a %.64s", ev->process, f_name(r, (uint32_t)ev->f.text),
			      f_name(r, t->ops[open].f));
	if ((ev->saw & TAPE_SAW_KEY) && t->ops[open].has_key && !tape_value_same(t, ev->key, t->ops[open].key))
		return refuse(r, at, "process %" PRId64 " completes its %.64s with another key than it invoked", ev->process,
			      f_name(r, t->ops[open].f));
	tape_complete(t, open, &answer);
	return 0;
}

/* Without processes a completion belongs to the invocation right before it, if that is still open; each has a process of its own. */
static int64_t
nobodys_process(struct tape_read *r, const struct tape_event *ev)
{
	uint32_t open;

	if (ev->type == TAPE_TYPE_INVOKE || !tape_open(r->lex.tape, r->nobody, &open))
		r->nobody = ((int64_t)1 << 40) + r->lex.tape->pos;
	return r->nobody;
}

/* The event that was read, at `at`. */
static int
apply(struct tape_read *r, struct tape_event *ev, const struct mark *at)
{
	static const struct { unsigned saw; const char *name; } needed[] = { { TAPE_SAW_TYPE, "type" }, { TAPE_SAW_F, "f" } };

	if (!(ev->saw & TAPE_SAW_PROCESS)) {
		if (!r->options.lone_completions)
			return refuse(r, at, "the member \"process\" is missing");
		ev->process = nobodys_process(r, ev);
	}
	if (!(ev->saw & TAPE_SAW_F) && r->options.lone_completions) {
		uint32_t text;

		if (tape_intern(r->lex.tape, "txn", 3, &text) != 0)
			return refuse(r, at, "the history needs more memory than it may have");
		ev->f = tape_text(text);
		ev->saw |= TAPE_SAW_F;
	}
	if (ev->nemesis) {
		r->info.skipped++;
		return 0;
	}
	for (size_t i = 0; i < FL_ARRAY_LEN(needed); i++)
		if (!(ev->saw & needed[i].saw))
			return refuse(r, at, "the member \"%s\" is missing", needed[i].name);
	if (ev->f.type != TAPE_TEXT)
		return refuse(r, at, "the function of an event is a text");
	if (!(ev->saw & TAPE_SAW_TIME))
		ev->time = r->last_time;
	r->info.times_back += ev->time < r->last_time;
	r->last_time = ev->time;
	r->info.events++;
	return ev->type == TAPE_TYPE_INVOKE ? invoke(r, ev, at) : complete(r, ev, at);
}

static bool
space(struct tape_read *r)
{
	if (r->info.format == TAPE_READ_EDN)
		return tape_edn_space(&r->lex);
	tape_json_space(&r->lex);
	return true;
}

/* What kind of text begins here? false: more of it is needed. */
static bool
recognise(struct tape_read *r, bool last)
{
	struct tape_lex *l = &r->lex;
	const char *p = l->p;
	unsigned opens = 0;

	if (!last && l->end - p < 3)
		return false;
	if (l->end - p >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p = l->p += 3;
	for (; p < l->end; p++) {
		if (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')
			continue;
		if ((*p == '[' || *p == '{') && opens < 3) {
			opens++;
			continue;
		}
		r->info.format = opens > 0 && (*p == '"' || *p == ']' || *p == '}') ? TAPE_READ_JSON : TAPE_READ_EDN;
		if (opens > 0 || *p == '(' || *p == '#' || *p == ';')
			return true;
		size_t n = FL_MIN((size_t)(l->end - l->p), (size_t)LOG_LOOK_BYTES);

		if (tape_log_found(l->p, n))
			r->info.format = TAPE_READ_LOG;
		else if (!last && n < LOG_LOOK_BYTES)
			r->info.format = TAPE_READ_UNKNOWN;
		return r->info.format != TAPE_READ_UNKNOWN;
	}
	if (last)
		r->info.format = TAPE_READ_JSON;
	return last;
}

/* The bracket around all events, if there is one. */
static void
begin(struct tape_read *r)
{
	struct tape_lex *l = &r->lex;

	r->begun = true;
	if (l->p < l->end && (*l->p == '[' || (*l->p == '(' && r->info.format == TAPE_READ_EDN))) {
		r->close = *l->p == '[' ? ']' : ')';
		l->p++;
	}
}

/* The comma between, and the bracket after the events. true: it was one, go on. */
static bool
between(struct tape_read *r)
{
	struct tape_lex *l = &r->lex;
	bool json = r->info.format == TAPE_READ_JSON;

	if (json && r->close != '\0' && *l->p == ',' && !r->comma && r->info.events + r->info.skipped > 0) {
		r->comma = true;
		l->p++;
		return true;
	}
	if (r->close != '\0' && *l->p == r->close && !r->closed && !r->comma) {
		r->closed = true;
		l->p++;
		return true;
	}
	return false;
}

static bool
event(struct tape_read *r, struct tape_event *ret)
{
	struct tape_lex *l = &r->lex;
	bool json = r->info.format == TAPE_READ_JSON;

	if (r->closed)
		return tape_lex_fail(l, "something stands behind the end of the history");
	if (*l->p != '{' && (json || *l->p != '#'))
		return tape_lex_fail(l, json ? "expected an event: {\"process\": ...}" :
				     "expected an event, JSON as {\"process\": ...} or EDN as {:process ...}");
	if (json && r->close != '\0' && !r->comma && r->info.events + r->info.skipped > 0)
		return tape_lex_fail(l, "expected , or ]");
	r->comma = false;
	return json ? tape_json_event(l, ret) : tape_edn_event(l, ret);
}

static void
conclude(struct tape_read *r, bool cut)
{
	const struct tape *t = r->lex.tape;

	r->info.cut = cut || (r->close != '\0' && !r->closed);
	r->info.lines = r->lex.line - (r->lex.p == r->lex.line_start && r->lex.lead_bytes == 0);
	for (uint32_t i = 0; i < t->count; i++)
		r->info.pending += t->ops[i].complete_pos == TAPE_POS_NEVER;
	if (cut)
		r->lex.p = r->lex.end;
}

/* A line of a log. As step(). */
static int
step_line(struct tape_read *r, bool last)
{
	struct tape_lex *l = &r->lex;
	struct mark at = mark(l);
	struct tape_event ev;
	bool is_event;

	if (l->p == l->end)
		return 1;
	if (tape_log_line(l, last, &ev, &is_event))
		return is_event ? apply(r, &ev, &at) : 0;
	return l->p == l->end && !l->full ? 1 : refuse_text(r);
}

/* Step over space and one thing. 0: done, 1: the text ended before it did; else the failure. */
static int
step(struct tape_read *r)
{
	struct tape_lex *l = &r->lex;
	struct tape_event ev;
	bool ok = space(r);

	if (ok && l->p == l->end)
		return 1;
	if (ok && !r->begun)
		begin(r);
	else if (ok && !between(r)) {
		struct mark at = mark(l);
		bool comma = r->comma;

		ok = event(r, &ev);
		if (ok)
			return apply(r, &ev, &at);
		r->comma = comma;
	}
	if (ok)
		return 0;
	return l->p == l->end && !l->full ? 1 : refuse_text(r);
}

int
tape_read_feed(struct tape_read *r, const char *text, size_t text_bytes, bool last, size_t *ret_used)
{
	struct tape_lex *l = &r->lex;
	int rc = 0;

	l->p = l->line_start = text;
	l->end = text + text_bytes;
	*ret_used = 0;
	if (r->info.format == TAPE_READ_UNKNOWN && !recognise(r, last))
		return 0;
	struct mark before = mark(l);

	while ((rc = r->info.format == TAPE_READ_LOG ? step_line(r, last) : step(r)) == 0)
		before = mark(l);
	if (rc < 0)
		return rc;
	bool cut = l->error != NULL;

	if (last && !cut) {
		conclude(r, false);
		before.p = l->p;
	} else {
		go_back(l, &before);
		if (last)
			conclude(r, cut);
	}
	l->lead_bytes += (size_t)(before.p - l->line_start);
	*ret_used = last ? text_bytes : (size_t)(before.p - text);
	return 0;
}

void
tape_read_init(struct tape_read *r, struct tape *t, const struct tape_read_options *options)
{
	fl_assert(t->count == 0);
	*r = (struct tape_read){ .options = options == NULL ? (struct tape_read_options){ 0 } : *options };
	tape_lex_init(&r->lex, t);
}

void
tape_read_fini(struct tape_read *r)
{
	tape_lex_fini(&r->lex);
}

int
tape_read_all(struct tape *t, const struct tape_read_options *options, const char *text, size_t text_bytes, struct tape_read_info *info)
{
	struct tape_read r;
	size_t used;

	tape_read_init(&r, t, options);
	int rc = tape_read_feed(&r, text, text_bytes, true, &used);

	*info = r.info;
	tape_read_fini(&r);
	return rc;
}
