/* SPDX-License-Identifier: MIT */
/* history_read.c - see history_read.h. */
#include "audit/history_read.h"

#include "base/assert.h"
#include "base/text.h"
#include "proto/jsonl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SAW_PROCESS = 1, SAW_TYPE = 2, SAW_F = 4, SAW_KEY = 8, SAW_VALUE = 16, SAW_TIME = 32, SAW_ERROR = 64 };

/* A value as it stands in a line, before it is known what it belongs to. */
struct raw_value {
	enum { RAW_NULL, RAW_INT, RAW_TEXT, RAW_PAIR, RAW_OTHER } type;
	struct history_value one, pair[2];
	size_t at;
};

/* One line, taken apart. */
struct event {
	unsigned saw;
	bool nemesis;
	int64_t process;
	char type[16], f[32];
	char key[HISTORY_TEXT_MAX + 1];
	char error[HISTORY_TEXT_MAX + 1];
	struct raw_value value;
	fl_ns time;
};

struct reader {
	struct history *h;
	struct history_read_info *info;
	struct jsonl j;
	struct event ev;
	fl_ns last_time;
};

static int __attribute__((format(printf, 4, 5)))
refuse(struct reader *r, int rc, size_t at, const char *fmt, ...)
{
	va_list ap;

	r->info->column = (uint32_t)at + 1;
	va_start(ap, fmt);
	vsnprintf(r->info->error, sizeof(r->info->error), fmt, ap);
	va_end(ap);
	return rc;
}

static int
refuse_full(struct reader *r)
{
	return refuse(r, -ENOBUFS, 0, "the history needs more memory than it may have");
}

/* A register's value. false: error is in r->j. */
static bool
read_scalar(struct reader *r, struct history_value *ret, int *ret_rc)
{
	char text[HISTORY_TEXT_MAX + 1];

	*ret_rc = 0;
	switch (jsonl_peek(&r->j)) {
	case JSONL_NULL:
		*ret = history_nil();
		return jsonl_null(&r->j);
	case JSONL_NUMBER:
		ret->type = HISTORY_INT;
		return jsonl_int(&r->j, &ret->i);
	case JSONL_TEXT:
		if (!jsonl_text(&r->j, text, sizeof(text)))
			return false;
		*ret_rc = history_intern(r->h, text, ret);
		return *ret_rc == 0;
	default:
		return jsonl_fail(&r->j, "expected null, a whole number or a text");
	}
}

static bool
read_value(struct reader *r, int *ret_rc)
{
	struct raw_value *v = &r->ev.value;
	unsigned n = 0;

	*ret_rc = 0;
	switch (jsonl_peek(&r->j)) {
	case JSONL_ARRAY:
		if (!jsonl_enter(&r->j, '['))
			return false;
		v->type = RAW_PAIR;
		for (; jsonl_item(&r->j); n++) {
			enum jsonl_kind kind = jsonl_peek(&r->j);
			bool scalar = kind == JSONL_NULL || kind == JSONL_NUMBER || kind == JSONL_TEXT;

			if (n < 2 && scalar ? !read_scalar(r, &v->pair[n], ret_rc) : !jsonl_skip(&r->j))
				return false;
			if (!scalar)
				n = 2;
		}
		if (n != 2)
			v->type = RAW_OTHER;
		return r->j.error == NULL;
	case JSONL_OBJECT: case JSONL_TRUE: case JSONL_FALSE:
		v->type = RAW_OTHER;
		return jsonl_skip(&r->j);
	default:
		if (!read_scalar(r, &v->one, ret_rc))
			return false;
		v->type = v->one.type == HISTORY_NIL ? RAW_NULL : v->one.type == HISTORY_INT ? RAW_INT : RAW_TEXT;
		return true;
	}
}

static bool
read_process(struct reader *r)
{
	char name[64];

	if (jsonl_peek(&r->j) == JSONL_TEXT) {
		if (!jsonl_text(&r->j, name, sizeof(name)))
			return false;
		r->ev.nemesis = true;
		return strcmp(name, "nemesis") == 0 || jsonl_fail(&r->j, "expected a process number, or \"nemesis\"");
	}
	if (!jsonl_int(&r->j, &r->ev.process))
		return false;
	r->ev.nemesis = r->ev.process < 0;
	return true;
}

static bool
read_key(struct reader *r)
{
	int64_t number;

	if (jsonl_peek(&r->j) == JSONL_TEXT)
		return jsonl_text(&r->j, r->ev.key, sizeof(r->ev.key));
	if (jsonl_peek(&r->j) != JSONL_NUMBER)
		return jsonl_fail(&r->j, "expected a text or a whole number as key");
	if (!jsonl_int(&r->j, &number))
		return false;
	snprintf(r->ev.key, sizeof(r->ev.key), "%" PRId64, number);
	return true;
}

static bool
read_time(struct reader *r)
{
	double t;

	if (!jsonl_number(&r->j, &t))
		return false;
	if (!(t > -9e18 && t < 9e18))
		return jsonl_fail(&r->j, "the time is out of range");
	r->ev.time = (fl_ns)t;
	return true;
}

static bool
read_error(struct reader *r)
{
	if (jsonl_peek(&r->j) == JSONL_TEXT)
		return jsonl_text(&r->j, r->ev.error, sizeof(r->ev.error));
	/* Other recorders write lists and objects here: their text does. */
	size_t from = r->j.at;
	bool ok = jsonl_skip(&r->j);

	snprintf(r->ev.error, sizeof(r->ev.error), "%.*s", (int)FL_MIN(r->j.at - from, (size_t)200), r->j.text + from);
	return ok;
}

static bool
read_member(struct reader *r, const char *name, int *ret_rc)
{
	static const char *const names[] = { "process", "type", "f", "key", "value", "time", "error" };
	unsigned which = 0;

	*ret_rc = 0;
	while (which < FL_ARRAY_LEN(names) && strcmp(name, names[which]) != 0)
		which++;
	if (which == FL_ARRAY_LEN(names))
		return jsonl_skip(&r->j);
	if (r->ev.saw & (1u << which))
		return jsonl_fail(&r->j, "a member stands twice");
	r->ev.saw |= 1u << which;
	switch (1u << which) {
	case SAW_PROCESS: return read_process(r);
	case SAW_TYPE: return jsonl_text(&r->j, r->ev.type, sizeof(r->ev.type));
	case SAW_F: return jsonl_text(&r->j, r->ev.f, sizeof(r->ev.f));
	case SAW_KEY: return read_key(r);
	case SAW_VALUE:
		r->ev.value.at = r->j.at;
		return read_value(r, ret_rc);
	case SAW_TIME: return read_time(r);
	default: return read_error(r);
	}
}

static int
find_word(struct reader *r, const char *what, const char *word, const char *const *words, unsigned *ret)
{
	char list[128] = "";
	size_t used = 0;

	for (unsigned i = 0; words[i] != NULL; i++) {
		if (strcmp(word, words[i]) == 0) {
			*ret = i;
			return 0;
		}
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ", words[i]);
	}
	const char *near = text_nearest(word, words);
	return refuse(r, -EINVAL, 0, "%s is \"%s\", expected %s%s%s%s", what, word, list, near != NULL ? "; did you mean \"" : "",
		      near != NULL ? near : "", near != NULL ? "\"?" : "");
}

static const char *const types[] = { "invoke", "ok", "fail", "info", NULL };
static const char *const functions[] = { "read", "write", "cas", NULL };

/* The value (and what a cas compares with) that belongs to function f. */
static int
take_value(struct reader *r, enum history_f f, struct history_value *ret_value, struct history_value *ret_expect)
{
	const struct raw_value *v = &r->ev.value;

	if (f == HISTORY_CAS) {
		if (v->type != RAW_PAIR)
			return refuse(r, -EINVAL, v->at, "a cas needs its value as [expected, new]");
		*ret_expect = v->pair[0];
		*ret_value = v->pair[1];
		return 0;
	}
	if (v->type == RAW_PAIR || v->type == RAW_OTHER)
		return refuse(r, -EINVAL, v->at, "the value of a register is null, a whole number or a text");
	*ret_value = v->one;
	return 0;
}

static int
invoke(struct reader *r, enum history_f f)
{
	struct event *ev = &r->ev;
	struct history_call call = { .process = ev->process, .f = f, .key = ev->saw & SAW_KEY ? ev->key : "register", .at = ev->time };
	uint32_t open;

	if (history_open(r->h, ev->process, &open))
		return refuse(r, -EINVAL, 0, "process %" PRId64 " invokes a %s, but its %s of key \"%.64s\" has not completed", ev->process,
			      history_f_name(f), history_f_name(r->h->ops[open].f), history_key(r->h, r->h->ops[open].key));
	if (f != HISTORY_READ) {
		if (!(ev->saw & SAW_VALUE))
			return refuse(r, -EINVAL, 0, "a %s needs a value", history_f_name(f));
		int rc = take_value(r, f, &call.value, &call.expect);
		if (rc != 0)
			return rc;
	}
	return history_invoke(r->h, &call, NULL) == 0 ? 0 : refuse_full(r);
}

/* Does the completion speak of the operation that is open? */
static int
check_same(struct reader *r, const struct history_op *op, enum history_f f)
{
	struct event *ev = &r->ev;
	struct history_value value = op->value, expect = op->expect;
	int rc = 0;

	if (op->f != f)
		return refuse(r, -EINVAL, 0, "process %" PRId64 " completes a %s, but it invoked a %s", ev->process, history_f_name(f),
			      history_f_name(op->f));
	if ((ev->saw & SAW_KEY) && strcmp(ev->key, history_key(r->h, op->key)) != 0)
		return refuse(r, -EINVAL, 0, "process %" PRId64 " completes key \"%.64s\", but it invoked key \"%.64s\"", ev->process, ev->key,
			      history_key(r->h, op->key));
	if (f != HISTORY_READ && strcmp(ev->type, "ok") == 0 && (ev->saw & SAW_VALUE) && ev->value.type != RAW_NULL)
		rc = take_value(r, f, &value, &expect);
	if (rc == 0 && f != HISTORY_READ && (!history_same(value, op->value) || !history_same(expect, op->expect)))
		rc = refuse(r, -EINVAL, ev->value.at, "process %" PRId64 " completes its %s with another value than it invoked", ev->process,
			    history_f_name(f));
	return rc;
}

static int
complete(struct reader *r, enum history_f f, enum history_outcome outcome)
{
	struct event *ev = &r->ev;
	struct history_answer answer = { .outcome = outcome, .at = ev->time, .error = ev->saw & SAW_ERROR ? ev->error : NULL };
	struct history_value ignored;
	uint32_t open;

	if (!history_open(r->h, ev->process, &open))
		return refuse(r, -EINVAL, 0, "process %" PRId64 " completes a %s, but it has nothing open", ev->process, history_f_name(f));
	int rc = check_same(r, &r->h->ops[open], f);
	if (rc == 0 && f == HISTORY_READ && outcome == HISTORY_OK) {
		if (!(ev->saw & SAW_VALUE))
			return refuse(r, -EINVAL, 0, "an ok read needs the value it returned (null when there was none)");
		rc = take_value(r, f, &answer.value, &ignored);
	}
	if (rc != 0)
		return rc;
	answer.mismatch = f == HISTORY_CAS && outcome == HISTORY_FAIL && (ev->saw & SAW_ERROR) && strcmp(ev->error, "cas-mismatch") == 0;
	return history_complete(r->h, open, &answer) == 0 ? 0 : refuse_full(r);
}

static int
apply(struct reader *r)
{
	static const struct { unsigned saw; const char *name; } needed[] = { { SAW_TYPE, "type" }, { SAW_F, "f" } };
	unsigned type = 0, f = 0;

	for (size_t i = 0; i < FL_ARRAY_LEN(needed); i++)
		if (!(r->ev.saw & needed[i].saw))
			return refuse(r, -EINVAL, 0, "the member \"%s\" is missing", needed[i].name);
	if (!(r->ev.saw & SAW_TIME))
		r->ev.time = r->last_time;
	r->last_time = r->ev.time;
	int rc = find_word(r, "the type", r->ev.type, types, &type);
	if (rc == 0)
		rc = find_word(r, "the function", r->ev.f, functions, &f);
	if (rc != 0)
		return rc;
	return type == 0 ? invoke(r, (enum history_f)f) : complete(r, (enum history_f)f, (enum history_outcome)(type - 1));
}

/* One line. ret_cut: it broke off at its end. */
static int
read_line(struct reader *r, const char *line, size_t n, bool *ret_cut)
{
	char name[64];
	int rc = 0;

	*ret_cut = false;
	r->ev.saw = 0;
	r->ev.nemesis = false;
	jsonl_init(&r->j, line, n);
	if (jsonl_peek(&r->j) == JSONL_NONE && r->j.at == n) {
		r->info->skipped++;
		return 0;
	}
	if (jsonl_enter(&r->j, '{'))
		while (jsonl_member(&r->j, name, sizeof(name)))
			if (!read_member(r, name, &rc))
				break;
	if (rc != 0)
		return refuse_full(r);
	if (!jsonl_end(&r->j)) {
		*ret_cut = r->j.at == n;
		return refuse(r, -EINVAL, r->j.at, "%s", r->j.error);
	}
	if (!(r->ev.saw & SAW_PROCESS))
		return refuse(r, -EINVAL, 0, "the member \"process\" is missing");
	if (r->ev.nemesis) {
		r->info->skipped++;
		return 0;
	}
	return apply(r);
}

int
history_read(struct history *h, const char *text, size_t text_bytes, struct history_read_info *info)
{
	struct reader r = { .h = h, .info = info };
	const char *end = text + text_bytes;
	bool cut;

	fl_assert(h->count == 0);
	*info = (struct history_read_info){ 0 };
	for (const char *p = text; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl != NULL ? nl : end) - p);

		info->line = ++info->lines;
		if (n > HISTORY_READ_LINE_MAX)
			return refuse(&r, -EINVAL, HISTORY_READ_LINE_MAX, "the line is longer than %d bytes", HISTORY_READ_LINE_MAX);
		int rc = read_line(&r, p, n, &cut);
		if (rc != 0 && cut && nl == NULL) {
			info->cut = true;
			break;
		}
		if (rc != 0)
			return rc;
		p = nl != NULL ? nl + 1 : end;
	}
	for (uint32_t i = 0; i < h->count; i++)
		info->pending += h->ops[i].complete_pos == HISTORY_POS_NEVER;
	info->line = info->column = 0;
	info->error[0] = '\0';
	return 0;
}
