/* SPDX-License-Identifier: MIT */
/* test_h1_conform.c - the rows of test/conform/http_messages.txt: read whole, byte by byte, cut at each place, written again. */
#include "unit.h"

#include "../fuzz/h1_check.h"
#include "proto/h1_body.h"

#define TABLE "test/conform/http_messages.txt"
#define BYTES_MAX (128 * 1024)
/* Longer rows are cut at every so many bytes. */
#define CUT_ALL_MAX 700u

/* What became of a message. */
struct outcome {
	enum h1_verdict head, body;
	unsigned status;
	const char *error;
	uint32_t head_bytes;
	uint64_t payload;
	size_t taken;
	unsigned body_status;
};

struct row {
	char *clause, *what, *side, *bytes, *want;
	unsigned line;
	char *p;
	size_t n;
	enum h1_method answers;
	bool request;
};

static struct h1_head head;
static unsigned rows_run;

/* ---- reading the table ---- */

static size_t unescape(const char **s, char end, char *out, size_t max);

/* \{N:text}, behind the brace. */
static size_t
repeat(const char **s, char *out, size_t max)
{
	size_t count = strtoul(*s, (char **)(uintptr_t)s, 10), n;

	assert_int_equal(**s, ':');
	(*s)++;
	n = unescape(s, '}', out, max);
	assert_int_equal(**s, '}');
	(*s)++;
	for (size_t i = 1; i < count; i++) {
		assert_true((i + 1) * n <= max);
		memcpy(out + i * n, out, n);
	}
	return n * count;
}

static size_t
escape(const char **s, char *out, size_t max)
{
	char hex[3] = { (*s)[1], '\0', '\0' };

	switch (*(*s)++) {
	case 'r': *out = '\r'; return 1;
	case 'n': *out = '\n'; return 1;
	case 't': *out = '\t'; return 1;
	case '0': *out = '\0'; return 1;
	case '\\': *out = '\\'; return 1;
	case 'x':
		hex[1] = (*s)[1];
		*out = (char)strtoul(hex, NULL, 16);
		*s += 2;
		return 1;
	case '{':
		return repeat(s, out, max);
	default:
		fail_msg("unknown escape before \"%s\"", *s);
		return 0;
	}
}

static size_t
unescape(const char **s, char end, char *out, size_t max)
{
	size_t n = 0;

	while (**s != '\0' && **s != end) {
		assert_true(n + 8 < max);
		if (**s == '\\') {
			(*s)++;
			n += escape(s, out + n, max - n);
		} else if (memcmp(*s, "\xe2\x8f\x8e", strnlen(*s, 3)) == 0) {
			memcpy(out + n, "\r\n", 2);
			n += 2;
			*s += 3;
		} else {
			out[n++] = *(*s)++;
		}
	}
	return n;
}

static char *
column(char **line)
{
	char *start = *line, *sep = strstr(start, " | ");

	if (sep == NULL) {
		*line = NULL;
		return start;
	}
	*sep = '\0';
	*line = sep + 3;
	return start;
}

static void
read_row(char *line, struct row *r)
{
	const char *s;
	char *raw = malloc(BYTES_MAX);

	r->clause = column(&line);
	r->what = line != NULL ? column(&line) : "";
	r->side = line != NULL ? column(&line) : "";
	r->bytes = line != NULL ? column(&line) : "";
	r->want = line;
	if (line == NULL || strstr(line, " | ") != NULL || raw == NULL)
		fail_msg("%s:%u: not five columns", TABLE, r->line);
	r->request = strcmp(r->side, "req") == 0;
	r->answers = strncmp(r->side, "res:", 4) == 0 ? h1_method_of(r->side + 4, strlen(r->side) - 4) : H1_GET;
	assert_true(r->request || strncmp(r->side, "res", 3) == 0);
	s = r->bytes;
	r->n = unescape(&s, '\0', raw, BYTES_MAX);
	r->p = malloc(r->n > 0 ? r->n : 1);
	assert_non_null(r->p);
	memcpy(r->p, raw, r->n);
	free(raw);
}

/* ---- reading messages ---- */

/* A copy of the first n bytes that ends where they end: a sanitizer sees whoever looks further. */
static enum h1_verdict
read_head(const struct row *r, size_t n, bool copy, struct h1_scan *scan)
{
	static const struct h1_limits lim;
	char *p = copy ? malloc(n > 0 ? n : 1) : r->p;
	enum h1_verdict v;

	assert_non_null(p);
	if (copy)
		memcpy(p, r->p, n);
	v = r->request ? h1_request(p, n, &lim, scan, &head) : h1_response(p, n, &lim, scan, r->answers, &head);
	if (copy)
		free(p);
	return v;
}

/* Bytes from `at` on, `piece` at a time; first 0: all the same size. */
static void
read_body(const struct row *r, size_t at, size_t first, size_t piece, struct outcome *o)
{
	struct h1_body b;
	struct h1_span span;
	size_t n = first != 0 ? first : piece;

	h1_body_start(&b, &head, 0);
	o->body = h1_body_next(&b, "", 0, &span);
	while (at < r->n && o->body == H1_MORE) {
		size_t end = FL_MIN(at + n, r->n);

		while (at < end && o->body == H1_MORE) {
			o->body = h1_body_next(&b, r->p + at, end - at, &span);
			o->payload += span.kind == H1_SPAN_PAYLOAD ? span.bytes : 0;
			o->taken += span.bytes;
			at += span.bytes;
		}
		n = piece;
	}
	o->body_status = h1_body_status(&b);
	assert_int_equal(h1_body_bad(&b), o->body == H1_BAD);
	assert_int_equal(h1_body_done(&b), o->body == H1_OK);
	assert_int_equal(h1_body_error(&b)[0] != '\0', o->body == H1_BAD);
}

/* The first `first` bytes, then `piece` more with each call; head is left in `head`. */
static struct outcome
run(const struct row *r, size_t first, size_t piece)
{
	struct outcome o = { .head = H1_MORE };
	struct h1_scan scan = { 0 };
	size_t n = FL_MIN(first, r->n);

	for (;;) {
		o.head = read_head(r, n, r->n <= CUT_ALL_MAX, &scan);
		if (o.head != H1_MORE || n == r->n)
			break;
		n = FL_MIN(n + piece, r->n);
	}
	if (o.head == H1_BAD) {
		o.status = head.status;
		o.error = head.error;
	}
	if (o.head == H1_OK) {
		o.head_bytes = head.head_bytes;
		read_body(r, head.head_bytes, n - head.head_bytes, piece, &o);
	}
	return o;
}

static void
compare(const struct row *r, const struct outcome *a, const struct outcome *b, size_t first, size_t piece)
{
	if (a->head != b->head || a->status != b->status || a->head_bytes != b->head_bytes || a->payload != b->payload ||
	    a->taken != b->taken || a->body != b->body || a->body_status != b->body_status || a->error != b->error)
		fail_msg("%s:%u: another outcome when cut (%zu, then %zu): %d %u %s, payload %llu", TABLE, r->line, first, piece, b->head,
		    b->status, b->error != NULL ? b->error : "", (unsigned long long)b->payload);
}

/* ---- what a row wants ---- */

static bool
is_number(const char *word, const char *key, uint64_t have, bool *ret_good)
{
	size_t n = strlen(key);

	if (strncmp(word, key, n) != 0)
		return false;
	*ret_good = strtoull(word + n, NULL, 10) == have;
	return true;
}

static bool
is_text(const struct row *r, const char *word, const char *key, struct h1_text have, bool *ret_good)
{
	size_t n = strlen(key);

	if (strncmp(word, key, n) != 0)
		return false;
	*ret_good = h1_text_is(r->p, have, word + n);
	return true;
}

static bool
is_flag(const char *word, const char *key, bool have, bool *ret_good)
{
	bool wanted = word[0] != '!';

	if (strcmp(word + !wanted, key) != 0)
		return false;
	*ret_good = have == wanted;
	return true;
}

static uint64_t
count_hops(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < head.field_count; i++)
		n += h1_is_hop(&head, i);
	return n;
}

/* How the body ends when the connection does. */
static bool
ends_well(const struct row *r)
{
	struct h1_body b;
	size_t taken;

	h1_body_start(&b, &head, 0);
	h1_body_feed(&b, r->p + head.head_bytes, r->n - head.head_bytes, &taken);
	return h1_body_eof(&b) == H1_OK;
}

static bool
framing_is(const char *word)
{
	static const char *const names[] = { "none", "length", "chunked", "close", "tunnel" };
	size_t n = strcspn(word, "=");

	if (strlen(names[head.framing]) != n || memcmp(word, names[head.framing], n) != 0)
		return false;
	return word[n] == '\0' || strtoull(word + n + 1, NULL, 10) == head.length;
}

static bool
body_word(const struct row *r, const char *word, const struct outcome *o, bool *ret_good)
{
	size_t rest = r->n - o->head_bytes - o->taken;

	if (is_number(word, "payload=", o->payload, ret_good)) {
		*ret_good = *ret_good && o->body == H1_OK;
		return true;
	}
	if (is_number(word, "body-bad=", o->body_status, ret_good)) {
		*ret_good = *ret_good && o->body == H1_BAD;
		return true;
	}
	return is_number(word, "rest=", rest, ret_good) || is_flag(word, "body-more", o->body == H1_MORE, ret_good) ||
	    is_flag(word, "body-bad", o->body == H1_BAD, ret_good) || is_flag(word, "eof-ok", ends_well(r), ret_good) ||
	    is_flag(word, "eof-bad", !ends_well(r), ret_good);
}

static bool
head_word(const struct row *r, const char *word, bool *ret_good)
{
	return is_flag(word, "ka", head.keep_alive, ret_good) || is_flag(word, "nka", !head.keep_alive, ret_good) ||
	    is_flag(word, "expect", head.expect_continue, ret_good) || is_flag(word, "upgrade", head.upgrade, ret_good) ||
	    is_flag(word, "te", head.te_trailers, ret_good) || is_flag(word, "absolute", head.absolute, ret_good) ||
	    is_number(word, "status=", head.status, ret_good) || is_number(word, "minor=", head.version_minor, ret_good) ||
	    is_number(word, "hop=", count_hops(), ret_good) || is_text(r, word, "host=", head.host, ret_good) ||
	    is_text(r, word, "path=", head.path, ret_good) || is_text(r, word, "query=", head.query, ret_good) ||
	    is_text(r, word, "method=", head.method_text, ret_good);
}

/* The words behind "ok"; the head is that of the outcome. */
static void
expect_ok(const struct row *r, char *words, const struct outcome *o)
{
	bool first = true;

	for (char *word = words; word != NULL && *word != '\0'; first = false) {
		char *next = strchr(word, ' ');
		bool good = false;

		if (next != NULL)
			*next++ = '\0';
		if (first)
			good = framing_is(word);
		else if (!head_word(r, word, &good) && !body_word(r, word, o, &good))
			fail_msg("%s:%u: \"%s\" means nothing here", TABLE, r->line, word);
		if (!good)
			fail_msg("%s:%u: %s: not \"%s\" (framing %u, length %llu, payload %llu, body %d)", TABLE, r->line, r->what, word,
			    head.framing, (unsigned long long)head.length, (unsigned long long)o->payload, o->body);
		word = next;
	}
}

static void
expect_bad(const struct row *r, const char *words, const struct outcome *o)
{
	char *text;
	unsigned long status = strtoul(words, &text, 10);

	text += *text == ' ';
	if (o->head != H1_BAD || o->status != status || strstr(o->error, text) == NULL)
		fail_msg("%s:%u: %s: not refused with %lu \"%s\", but: %d %u \"%s\"", TABLE, r->line, r->what, status, text, o->head,
		    o->status, o->error != NULL ? o->error : "");
}

static void
expect(struct row *r, const struct outcome *o)
{
	if (strcmp(r->want, "more") == 0) {
		if (o->head != H1_MORE)
			fail_msg("%s:%u: %s: not unfinished: %d %s", TABLE, r->line, r->what, o->head, o->error != NULL ? o->error : "");
	} else if (strncmp(r->want, "bad ", 4) == 0) {
		expect_bad(r, r->want + 4, o);
	} else if (strncmp(r->want, "ok ", 3) == 0) {
		if (o->head != H1_OK)
			fail_msg("%s:%u: %s: not accepted: %d %s", TABLE, r->line, r->what, o->head, o->error != NULL ? o->error : "");
		expect_ok(r, r->want + 3, o);
	} else {
		fail_msg("%s:%u: what is \"%s\"?", TABLE, r->line, r->want);
	}
}

static void
run_row(struct row *r)
{
	struct outcome whole = run(r, r->n, 1), cut;
	size_t step = r->n <= CUT_ALL_MAX ? 1 : r->n / 97;

	expect(r, &whole);
	if (whole.head == H1_OK) {
		h1_check_bounds(r->p, &head);
		h1_check_rewrite(r->p, &head, r->request);
	}
	for (size_t first = 0; first < r->n; first += step) {
		cut = run(r, first, r->n);
		compare(r, &whole, &cut, first, r->n);
	}
	cut = run(r, 0, step);
	compare(r, &whole, &cut, 0, step);
	rows_run++;
}

static void
table(void **state)
{
	FILE *f = fopen(TABLE, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	(void)state;
	assert_non_null(f);
	for (unsigned number = 1; (n = getline(&line, &cap, f)) >= 0; number++) {
		struct row r = { .line = number };

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		read_row(line, &r);
		run_row(&r);
		free(r.p);
	}
	free(line);
	fclose(f);
	assert_true(rows_run >= 400);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(table) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
