/* SPDX-License-Identifier: MIT */
/* txn_dbcop.c - histories of dbcop. */
#include "audit/txn_dbcop.h"

#include "audit/txn_session.h"
#include "proto/jsonl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 256

/* --- text: [x:=1 y==2] [x==?]! --- */

struct text {
	struct txn_hist *h;
	struct txn_read_info *info;
	const char *p, *end;
	uint32_t line;
};

static bool
is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Over spaces and comments. */
static void
skip(struct text *t)
{
	while (t->p < t->end) {
		if (*t->p == '/' && t->end - t->p >= 2 && t->p[1] == '/') {
			while (t->p < t->end && *t->p != '\n')
				t->p++;
		} else if (*t->p == ' ' || *t->p == '\t' || *t->p == '\r' || *t->p == '\n') {
			t->line += *t->p == '\n';
			t->p++;
		} else {
			return;
		}
	}
}

/* x:=1, x==1 or x==?. keep: into the history; else only over it. */
static int
text_event(struct text *t, bool keep, bool committed)
{
	const char *name = t->p;
	int32_t key, value = TXN_NIL;
	uint32_t k;
	int rc;

	while (t->p < t->end && is_name(*t->p))
		t->p++;
	size_t bytes = (size_t)(t->p - name);
	bool write = t->end - t->p >= 3 && *t->p == ':';

	if (bytes == 0 || t->end - t->p < 3 || t->p[1] != '=' || (!write && *t->p != '='))
		return txn_session_refuse(t->info, t->line, "expected key:=value, key==value or key==?");
	t->p += 2;
	const char *digits = t->p;
	int64_t number = 0;

	while (t->p < t->end && *t->p >= '0' && *t->p <= '9' && number < INT64_MAX / 10 - 1)
		number = number * 10 + (*t->p++ - '0');
	if (t->p == digits && (write || *t->p++ != '?'))
		return txn_session_refuse(t->info, t->line, "expected a whole number");
	if (!keep || (!write && !committed))
		return 0;
	if (t->p[-1] != '?' && (rc = txn_hist_int(t->h, number, &value)) != 0)
		return rc;
	rc = txn_hist_text(t->h, name, bytes, &key);
	if (rc == 0)
		rc = txn_hist_key(t->h, key, &k);
	return rc != 0 ? rc : txn_hist_mop(t->h, write ? TXN_W : TXN_R, k, value);
}

/* The events of a transaction, to behind its ]. */
static int
text_events(struct text *t, bool keep, bool committed)
{
	int rc = 0;

	for (skip(t); rc == 0 && t->p < t->end && *t->p != ']'; skip(t))
		rc = text_event(t, keep, committed);
	if (rc == 0 && t->p == t->end)
		return txn_session_refuse(t->info, t->line, "the transaction has no ]");
	t->p += rc == 0;
	return rc;
}

int
txn_dbcop_text(struct txn_hist *h, const char *text, size_t n, struct txn_read_info *info)
{
	struct text t = { .h = h, .info = info, .p = text, .end = text + n, .line = 1 };
	int64_t session = 0;
	int rc = 0;

	for (skip(&t); rc == 0 && t.p < t.end; skip(&t)) {
		if (*t.p == '-') {
			while (t.p < t.end && *t.p == '-')
				t.p++;
			session++;
			continue;
		}
		if (*t.p != '[')
			return txn_session_refuse(info, t.line, "expected a transaction [...] or a line of -");
		t.p++;
		struct text ahead = t;          /* whether it committed is said behind it */

		if (text_events(&ahead, false, false) != 0)
			return -EINVAL;
		bool failed = ahead.p < ahead.end && *ahead.p == '!';

		rc = txn_session_add(h, session, t.line, failed ? TXN_FAIL : TXN_OK);
		if (rc == 0)
			rc = text_events(&t, true, !failed);
		t.p += rc == 0 && failed;
	}
	return rc;
}

/* --- JSON --- */

struct json {
	struct txn_hist *h;
	struct txn_read_info *info;
	struct jsonl j;
	uint32_t line;                  /* of counted */
	size_t counted;
	int rc;                         /* -ENOBUFS: stop */
};

static uint32_t
json_line(struct json *x)
{
	for (; x->counted < x->j.at; x->counted++)
		x->line += x->j.text[x->counted] == '\n';
	return x->line;
}

/* A key or a version: a whole number, a text, or null. */
static bool
json_code(struct json *x, int32_t *ret)
{
	char name[NAME_MAX_BYTES];
	int64_t number;

	switch (jsonl_peek(&x->j)) {
	case JSONL_NULL:
		*ret = TXN_NIL;
		return jsonl_null(&x->j);
	case JSONL_NUMBER:
		if (!jsonl_int(&x->j, &number))
			return false;
		x->rc = txn_hist_int(x->h, number, ret);
		return x->rc == 0;
	case JSONL_TEXT:
		if (!jsonl_text(&x->j, name, sizeof(name)))
			return false;
		x->rc = txn_hist_text(x->h, name, strlen(name), ret);
		return x->rc == 0;
	case JSONL_NONE: case JSONL_OBJECT: case JSONL_ARRAY: case JSONL_TRUE: case JSONL_FALSE:
		break;
	}
	return jsonl_fail(&x->j, "expected a number or a text");
}

static bool
json_mop(struct json *x, bool write, int32_t key, int32_t value, bool committed)
{
	uint32_t k;

	if (!write && !committed)
		return true;
	x->rc = txn_hist_key(x->h, key, &k);
	if (x->rc == 0)
		x->rc = txn_hist_mop(x->h, write ? TXN_W : TXN_R, k, value);
	return x->rc == 0;
}

/* ["r", variable, version] */
static bool
json_tuple(struct json *x, bool committed)
{
	char f[8];
	int32_t key, value;

	if (!jsonl_enter(&x->j, '[') || !jsonl_item(&x->j) || !jsonl_text(&x->j, f, sizeof(f)) || !jsonl_item(&x->j) ||
	    !json_code(x, &key) || !jsonl_item(&x->j) || !json_code(x, &value))
		return jsonl_fail(&x->j, "expected [\"r\" or \"w\", variable, version]");
	if ((*f != 'r' && *f != 'w') || f[1] != '\0')
		return jsonl_fail(&x->j, "expected \"r\" or \"w\"");
	return !jsonl_item(&x->j) && x->j.error == NULL && json_mop(x, *f == 'w', key, value, committed);
}

/* {"Read": {"variable": ..., "version": ...}} */
static bool
json_event(struct json *x, bool committed)
{
	char name[16], member[16];
	int32_t key = TXN_NIL, value = TXN_NIL;

	if (jsonl_peek(&x->j) == JSONL_ARRAY)
		return json_tuple(x, committed);
	if (!jsonl_enter(&x->j, '{') || !jsonl_member(&x->j, name, sizeof(name)))
		return jsonl_fail(&x->j, "expected {\"Read\":...} or {\"Write\":...}");
	bool write = strcmp(name, "Write") == 0;

	if ((!write && strcmp(name, "Read") != 0) || !jsonl_enter(&x->j, '{'))
		return jsonl_fail(&x->j, "expected {\"Read\":{...}} or {\"Write\":{...}}");
	while (jsonl_member(&x->j, member, sizeof(member))) {
		bool is_key = strcmp(member, "variable") == 0, is_value = strcmp(member, "version") == 0;

		if (is_key || is_value ? !json_code(x, is_key ? &key : &value) : !jsonl_skip(&x->j))
			return false;
	}
	return x->j.error == NULL && !jsonl_member(&x->j, name, sizeof(name)) && x->j.error == NULL &&
	    json_mop(x, write, key, value, committed);
}

/* Is the transaction at hand committed? It says so behind its events. */
static bool
json_committed(struct jsonl j)
{
	char name[16];
	bool committed = true;

	if (!jsonl_enter(&j, '{'))
		return true;
	while (jsonl_member(&j, name, sizeof(name))) {
		if (strcmp(name, "committed") == 0)
			committed = jsonl_peek(&j) != JSONL_FALSE;
		if (!jsonl_skip(&j))
			break;
	}
	return committed;
}

static bool
json_txn(struct json *x, int64_t session)
{
	bool committed = json_committed(x->j);
	char name[16];

	if (!jsonl_enter(&x->j, '{'))
		return false;
	x->rc = txn_session_add(x->h, session, json_line(x), committed ? TXN_OK : TXN_FAIL);
	while (x->rc == 0 && jsonl_member(&x->j, name, sizeof(name))) {
		if (strcmp(name, "events") != 0) {
			if (!jsonl_skip(&x->j))
				return false;
			continue;
		}
		if (!jsonl_enter(&x->j, '['))
			return false;
		while (jsonl_item(&x->j))
			if (!json_event(x, committed))
				return false;
	}
	return x->rc == 0 && x->j.error == NULL;
}

static bool
json_sessions(struct json *x)
{
	int64_t session = 0;

	if (!jsonl_enter(&x->j, '['))
		return false;
	for (; jsonl_item(&x->j); session++) {
		if (!jsonl_enter(&x->j, '['))
			return false;
		while (jsonl_item(&x->j))
			if (!json_txn(x, session))
				return false;
	}
	return x->j.error == NULL;
}

int
txn_dbcop_json(struct txn_hist *h, const char *text, size_t n, struct txn_read_info *info)
{
	struct json x = { .h = h, .info = info, .line = 1 };
	bool good = true, found = false;
	char name[32];

	jsonl_init(&x.j, text, n);
	if (jsonl_peek(&x.j) == JSONL_ARRAY) {
		good = json_sessions(&x);
	} else if (jsonl_enter(&x.j, '{')) {
		while (good && jsonl_member(&x.j, name, sizeof(name))) {
			bool data = strcmp(name, "data") == 0;

			good = data ? json_sessions(&x) : jsonl_skip(&x.j);
			found |= data;
		}
		if (good && x.j.error == NULL && !found)
			jsonl_fail(&x.j, "the object has no \"data\"");
	}
	if (x.rc != 0)
		return x.rc;
	if (good && jsonl_end(&x.j))
		return 0;
	return txn_session_refuse(info, json_line(&x), x.j.error == NULL ? "expected a history of dbcop" : x.j.error);
}

/* --- binary --- */

struct bytes {
	const char *p, *end;
	bool bad;
};

static uint64_t
take(struct bytes *b, size_t size)
{
	uint64_t x = 0;

	if (b->bad || (size_t)(b->end - b->p) < size) {
		b->bad = true;
		return 0;
	}
	for (size_t i = size; i > 0; i--)
		x = x << 8 | (unsigned char)b->p[i - 1];
	b->p += size;
	return x;
}

static void
skip_text(struct bytes *b)
{
	uint64_t n = take(b, 8);

	if (n > (uint64_t)(b->end - b->p))
		b->bad = true;
	else
		b->p += n;
}

#define EVENT_BYTES 18                          /* write, variable, value, success */

static int
binary_txn(struct txn_hist *h, int64_t session, struct bytes *b)
{
	uint64_t events = take(b, 8);

	if (b->bad || events > (uint64_t)(b->end - b->p) / EVENT_BYTES)
		return -EINVAL;
	struct bytes last = { .p = b->p + events * EVENT_BYTES, .end = b->end };
	bool success = take(&last, 1) != 0;
	int rc = txn_session_add(h, session, 0, success ? TXN_OK : TXN_FAIL);

	for (uint64_t i = 0; i < events && rc == 0; i++) {
		bool write = take(b, 1) != 0;
		int64_t key = (int64_t)take(b, 8), number = (int64_t)take(b, 8);
		bool done = take(b, 1) != 0;
		int32_t value;

		if (!done || (!write && !success))
			continue;
		rc = txn_hist_int(h, number, &value);
		if (rc == 0)
			rc = txn_session_mop(h, write, key, value);
	}
	take(b, 1);
	return rc != 0 ? rc : b->bad ? -EINVAL : 0;
}

int
txn_dbcop_binary(struct txn_hist *h, const char *p, size_t n, struct txn_read_info *info)
{
	struct bytes b = { .p = p, .end = p + n };
	int rc = 0;

	for (size_t i = 0; i < 5; i++)
		take(&b, 8);
	for (size_t i = 0; i < 3; i++)
		skip_text(&b);
	uint64_t sessions = take(&b, 8);

	for (uint64_t s = 0; s < sessions && rc == 0 && !b.bad; s++) {
		uint64_t txns = take(&b, 8);

		for (uint64_t t = 0; t < txns && rc == 0 && !b.bad; t++)
			rc = binary_txn(h, (int64_t)s, &b);
	}
	if (rc == -ENOBUFS)
		return rc;
	if (rc != 0 || b.bad || b.p != b.end) {
		txn_session_refuse(info, 0, "this is not, or not the whole of, a binary history of dbcop");
		size_t used = strlen(info->error);

		snprintf(info->error + used, sizeof(info->error) - used, " (byte %zu of %zu)", (size_t)(b.p - p), n);
		return -EINVAL;
	}
	return 0;
}
