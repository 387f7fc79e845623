/* SPDX-License-Identifier: MIT */
/* test_h1.c - the parts of the HTTP/1 layer that the conformance table does not reach: tables, limits, cursors, spans. */
#include "unit.h"

#include "proto/h1_body.h"
#include "proto/h1_char.h"
#include "proto/h1_name.h"
#include "proto/h1_scan.h"
#include "proto/h1_trailer.h"

#include <ctype.h>

static struct h1_head head;

static enum h1_verdict
request(const char *s, const struct h1_limits *lim)
{
	struct h1_scan scan = { 0 };

	return h1_request(s, strlen(s), lim, &scan, &head);
}

static void
known_ids(void **state)
{
	char name[64];

	(void)state;
	for (unsigned id = 1; id < H1_ID_COUNT; id++) {
		const char *text = h1_id_name((enum h1_id)id);
		size_t n = strlen(text);

		assert_int_equal(h1_id_of(text, n), id);
		for (size_t i = 0; i < n; i++)
			name[i] = (char)toupper((unsigned char)text[i]);
		assert_int_equal(h1_id_of(name, n), id);
		for (size_t i = 0; i < n; i++) {                /* any other byte in any place is another name */
			for (int c = 0; c < 256; c++) {
				memcpy(name, text, n);
				name[i] = (char)c;
				assert_int_equal(h1_id_of(name, n) == id, tolower(c) == text[i]);
			}
		}
		assert_int_equal(h1_id_of(text, n - 1) == id, 0);
	}
	assert_int_equal(h1_id_of("", 0), H1_ID_OTHER);
	assert_string_equal(h1_id_name(H1_ID_OTHER), "");
	assert_string_equal(h1_id_name(H1_ID_COUNT), "");
}

static void
glances(void **state)
{
	char name[16];

	(void)state;
	for (unsigned n = 1; n < 16; n++) {
		for (unsigned i = 0; i < n; i++) {
			for (int c = 0; c < 256; c++) {
				bool plain = true;

				memset(name, 'q', sizeof(name));
				name[n < 15 ? n : 15] = ':';
				name[i] = (char)c;
				assert_int_equal(h1_name_glance(name, n, &plain), H1_ID_OTHER);
				assert_true(!plain || h1_is_token(name, n));
				assert_true(plain || !isalnum(c));
			}
		}
	}
	for (unsigned id = 1; id < H1_ID_COUNT; id++) {
		size_t n = strlen(h1_id_name((enum h1_id)id));
		bool plain;

		if (n > 15)
			continue;
		memset(name, 'x', sizeof(name));
		memcpy(name, h1_id_name((enum h1_id)id), n);
		assert_int_equal(h1_name_glance(name, (unsigned)n, &plain), id);
	}
}

static void
methods(void **state)
{
	(void)state;
	for (unsigned m = 1; m < H1_METHOD_COUNT; m++) {
		const char *name = h1_method_name((enum h1_method)m);

		assert_int_equal(h1_method_of(name, strlen(name)), m);
		assert_true(!h1_method_safe((enum h1_method)m) || h1_method_idempotent((enum h1_method)m));
	}
	assert_int_equal(h1_method_of("get", 3), H1_METHOD_OTHER);
	assert_int_equal(h1_method_of("GETX", 4), H1_METHOD_OTHER);
	assert_int_equal(h1_method_of("", 0), H1_METHOD_OTHER);
	assert_true(h1_method_safe(H1_GET) && h1_method_idempotent(H1_PUT) && !h1_method_safe(H1_PUT));
	assert_false(h1_method_idempotent(H1_POST) || h1_method_idempotent(H1_PATCH) || h1_method_idempotent(H1_METHOD_OTHER));
}

static void
classes(void **state)
{
	(void)state;
	for (int i = 0; i < 256; i++) {
		char c = (char)i;
		bool ascii = i > 0 && i < 128, alnum = ascii && isalnum(i);

		assert_int_equal(h1_char_is(c, H1_CHAR_TOKEN), alnum || (ascii && strchr("!#$%&'*+-.^_`|~", i) != NULL));
		assert_int_equal(h1_char_is(c, H1_CHAR_TARGET), alnum || (ascii && strchr("-._~!$&'()*+,;=:@%/?[]{}|^`", i) != NULL));
		assert_int_equal(h1_char_is(c, H1_CHAR_NAME), alnum || (ascii && strchr("-._~%", i) != NULL));
		assert_int_equal(h1_char_is(c, H1_CHAR_HEX), ascii && isxdigit(i));
		assert_int_equal(h1_char_is(c, H1_CHAR_DIGIT), ascii && isdigit(i));
		assert_int_equal(h1_char_value(c), i == '\t' || (i >= 0x20 && i != 0x7f));
	}
}

/* The vector search finds what the plain one finds, wherever it is and whatever is around. */
static void
scans(void **state)
{
	struct dice d = { 7, 0 };
	char p[200];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint32_t n = dice_roll(&d, sizeof(p)), from = dice_roll(&d, n + 1);

		for (uint32_t i = 0; i < n; i++)
			p[i] = dice_roll(&d, 40) == 0 ? (char)dice_roll(&d, 256) : (char)(0x20 + dice_roll(&d, 0x5f));
		assert_int_equal(h1_scan_control(p, from, n), h1_scan_control_plain(p, from, n));
	}
	for (int c = 0; c < 256; c++) {
		for (uint32_t at = 0; at < 50; at++) {
			memset(p, 'a', 50);
			p[at] = (char)c;
			assert_int_equal(h1_scan_control(p, 0, 50), h1_char_value((char)c) ? 50 : at);
		}
	}
}

static void
limits(void **state)
{
	struct h1_limits lim = { .head_bytes_max = 40, .fields_max = 2, .target_bytes_max = 4, .body_bytes_max = 10 };
	char late[256];
	int n;

	(void)state;
	assert_int_equal(request("GET /abc HTTP/1.1\r\nHost: a\r\n\r\n", &lim), H1_OK);
	assert_int_equal(request("GET /abcd HTTP/1.1\r\nHost: a\r\n\r\n", &lim), H1_BAD);
	assert_int_equal(head.status, 414);
	assert_int_equal(request("GET / HTTP/1.1\r\nHost: a\r\nX: 234567\r\n\r\n", &lim), H1_OK);
	assert_int_equal(request("GET / HTTP/1.1\r\nHost: a\r\nX: 234567890\r\n\r\n", &lim), H1_BAD);
	assert_int_equal(head.status, 431);
	assert_int_equal(request("GET / HTTP/1.1\r\nHost: a\r\nX: 2345678901234", &lim), H1_BAD);
	assert_int_equal(head.status, 431);
	assert_int_equal(request("GET / HTTP/1.1\r\nHost:a\r\nX:\r\nY:\r\n\r\n", &lim), H1_BAD);
	assert_int_equal(head.status, 431);
	lim.head_bytes_max = 0;
	assert_int_equal(request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n", &lim), H1_OK);
	assert_int_equal(request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n", &lim), H1_BAD);
	assert_int_equal(head.status, 413);
	/* What stands behind the place where a request line must have ended is not looked at: the same verdict as when it came slowly. */
	n = snprintf(late, sizeof(late), "GET /%060d\001\r\n", 0);
	assert_int_equal(request(late, &lim), H1_BAD);
	assert_int_equal(head.status, 414);
	assert_true(n > 0);
}

/* The cursor: bytes that were searched are not searched again, and nothing is decided twice. */
static void
cursor(void **state)
{
	static const char s[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	static const struct h1_limits lim;
	struct h1_scan scan = { 0 };

	(void)state;
	assert_int_equal(h1_request(s, 10, &lim, &scan, &head), H1_MORE);
	assert_int_equal(scan.at, 10);
	assert_int_equal(scan.line, 0);
	assert_int_equal(h1_request(s, 20, &lim, &scan, &head), H1_MORE);
	assert_int_equal(scan.at, 20);
	assert_int_equal(scan.line, 16);
	assert_int_equal(h1_request(s, 20, &lim, &scan, &head), H1_MORE);
	assert_int_equal(h1_request(s, sizeof(s) - 1, &lim, &scan, &head), H1_OK);
	assert_int_equal(head.head_bytes, sizeof(s) - 1);
	assert_int_equal(head.fields_at, 16);
}

static void
lookups(void **state)
{
	static const char s[] = "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nCookie: c=1\r\nx-a: 2\r\nCookie: d=2\r\n\r\n";
	static const struct h1_limits lim;
	const struct h1_field *f;

	(void)state;
	assert_int_equal(request(s, &lim), H1_OK);
	assert_true(h1_has(&head, H1_ID_COOKIE) && !h1_has(&head, H1_ID_DATE));
	assert_true(h1_text_is(s, h1_field(&head, H1_ID_COOKIE)->value, "c=1"));
	assert_null(h1_field(&head, H1_ID_DATE));
	f = h1_field_named(&head, s, "X-a", 3, NULL);
	assert_non_null(f);
	assert_true(h1_text_is(s, f->value, "1"));
	f = h1_field_named(&head, s, "X-a", 3, f);
	assert_non_null(f);
	assert_true(h1_text_is(s, f->value, "2"));
	assert_null(h1_field_named(&head, s, "X-a", 3, f));
	assert_null(h1_field_named(&head, s, "X-b", 3, NULL));
	assert_null(h1_field_named(&head, s, "X-", 2, NULL));
}

static void
list_is(const char *value, const char *want)
{
	struct h1_text t;
	size_t at = 0, n = 0;
	char got[128] = "";

	while (h1_list_next(value, strlen(value), &at, &t))
		n += (size_t)snprintf(got + n, sizeof(got) - n, "<%.*s>", (int)t.len, value + t.at);
	assert_string_equal(got, want);
	assert_false(h1_list_next(value, strlen(value), &at, &t));
}

static void
lists(void **state)
{
	(void)state;
	list_is("", "");
	list_is(" , ,\t,", "");
	list_is("a", "<a>");
	list_is(" a , b,c ", "<a><b><c>");
	list_is("a b, c", "<a b><c>");
	list_is("\"a,b\" , c", "<\"a,b\"><c>");
	list_is("x=\"a\\\",b\";y,c", "<x=\"a\\\",b\";y><c>");
	list_is("\"open, c", "<\"open, c>");
	list_is("\"open\\", "<\"open\\>");
}

static void
hosts(void **state)
{
	static const char *const good[] = { "a", "a.b-c_d~", "a:0", "a:65535", "a:", "127.0.0.1:80", "[::]", "[::ffff:1.2.3.4]:1", "%41" };
	static const char *const wrong[] = { "", ":", ":80", "a:65536", "a:1:2", "[]", "[:", "[::1]x", "[::g]", "a/b", "a@b", "a b", "%4", "%4g",
		"a,b", "\xc3\xa9" };

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(good); i++)
		assert_true(h1_is_host(good[i], strlen(good[i])));
	for (size_t i = 0; i < FL_ARRAY_LEN(wrong); i++)
		assert_false(h1_is_host(wrong[i], strlen(wrong[i])));
}

static void
values(void **state)
{
	(void)state;
	assert_true(h1_is_value("", 0) && h1_is_value("a b\tc\xff", 6));
	assert_false(h1_is_value(" a", 2) || h1_is_value("a\t", 2) || h1_is_value("a\r\nb", 4) || h1_is_value("a\0b", 3) || h1_is_value("\x7f", 1));
	assert_true(h1_is_token("a-1", 3));
	assert_false(h1_is_token("", 0) || h1_is_token("a b", 3) || h1_is_token("a:", 2));
}

static void
trailer_names(void **state)
{
	unsigned count = 0;

	(void)state;
	for (const char *name; (name = h1_trailer_name(count)) != NULL; count++) {
		uint32_t lower = H1_TRAILER_HASH_INIT, upper = lower;

		for (const char *c = name; *c != '\0'; c++) {
			lower = h1_trailer_hash(lower, *c);
			upper = h1_trailer_hash(upper, (char)toupper((unsigned char)*c));
		}
		assert_true(h1_trailer_forbidden(lower) && h1_trailer_forbidden(upper));
	}
	assert_true(count > 40);
	assert_false(h1_trailer_forbidden(H1_TRAILER_HASH_INIT));
}

static void
spans(void **state)
{
	static const char s[] = "5;x=y\r\nhello\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\nnext";
	static const struct { enum h1_span_kind kind; size_t bytes; } want[] = {
		{ H1_SPAN_FRAMING, 7 }, { H1_SPAN_PAYLOAD, 5 }, { H1_SPAN_FRAMING, 5 }, { H1_SPAN_PAYLOAD, 3 }, { H1_SPAN_FRAMING, 5 },
		{ H1_SPAN_TRAILER, 8 },
	};
	struct h1_body b;
	struct h1_span span;
	const char *p = s;

	(void)state;
	h1_body_begin(&b, H1_CHUNKED, 0, 0);
	for (size_t i = 0; i < FL_ARRAY_LEN(want); i++) {
		enum h1_verdict v = h1_body_next(&b, p, strlen(p), &span);

		assert_int_equal(v, i + 1 < FL_ARRAY_LEN(want) ? H1_MORE : H1_OK);
		assert_int_equal(span.kind, want[i].kind);
		assert_int_equal(span.bytes, want[i].bytes);
		p += span.bytes;
	}
	assert_string_equal(p, "next");
	assert_int_equal(h1_body_next(&b, p, 4, &span), H1_OK);
	assert_int_equal(span.bytes, 0);
	assert_int_equal(h1_body_eof(&b), H1_OK);
}

static enum h1_verdict
feed(enum h1_framing framing, uint64_t length, uint64_t room, const char *s, size_t *ret_taken, unsigned *ret_status)
{
	struct h1_body b;
	enum h1_verdict v;

	h1_body_begin(&b, framing, length, room);
	v = h1_body_feed(&b, s, strlen(s), ret_taken);
	*ret_status = h1_body_status(&b);
	return v;
}

static void
rooms(void **state)
{
	unsigned status;
	size_t taken;

	(void)state;
	assert_int_equal(feed(H1_CHUNKED, 0, 5, "5\r\nhello\r\n0\r\n\r\n", &taken, &status), H1_OK);
	assert_int_equal(feed(H1_CHUNKED, 0, 5, "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", &taken, &status), H1_BAD);
	assert_int_equal(status, 413);
	assert_int_equal(feed(H1_LENGTH, 6, 5, "hello!", &taken, &status), H1_BAD);
	assert_int_equal(status, 413);
	assert_int_equal(taken, 0);
	assert_int_equal(feed(H1_LENGTH, 5, 5, "hello!", &taken, &status), H1_OK);
	assert_int_equal(taken, 5);
	assert_int_equal(feed(H1_CLOSE, 0, 5, "hello", &taken, &status), H1_MORE);
	assert_int_equal(feed(H1_CLOSE, 0, 5, "hello!", &taken, &status), H1_BAD);
	assert_int_equal(taken, 5);
	assert_int_equal(feed(H1_NONE, 0, 0, "hello", &taken, &status), H1_OK);
	assert_int_equal(taken, 0);
	assert_int_equal(feed(H1_LENGTH, 0, 0, "x", &taken, &status), H1_OK);
	assert_int_equal(taken, 0);
}

static void
ends(void **state)
{
	struct h1_body b;

	(void)state;
	h1_body_begin(&b, H1_CLOSE, 0, 0);
	assert_true(h1_body_until_close(&b) && !h1_body_done(&b));
	assert_int_equal(h1_body_eof(&b), H1_OK);
	assert_true(h1_body_done(&b) && !h1_body_until_close(&b));
	h1_body_begin(&b, H1_LENGTH, 1, 0);
	assert_int_equal(h1_body_eof(&b), H1_BAD);
	assert_true(h1_body_bad(&b));
	assert_int_equal(h1_body_eof(&b), H1_BAD);
	h1_body_begin(&b, H1_CHUNKED, 0, 0);
	assert_int_equal(h1_body_eof(&b), H1_BAD);
	assert_string_equal(h1_body_error(&b), "the message ended early");
}

static void
chunk_heads(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 9, 10, 15, 16, 255, 256, 4095, 65536, UINT64_C(0x0fffffffffffffff), UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(sizes); i++) {
		char out[H1_CHUNK_HEAD_MAX], want[32];
		size_t n = h1_chunk_head(sizes[i], out);

		assert_int_equal(n, snprintf(want, sizeof(want), "%llx\r\n", (unsigned long long)sizes[i]));
		assert_memory_equal(out, want, n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_ids), cmocka_unit_test(glances), cmocka_unit_test(methods), cmocka_unit_test(classes),
		cmocka_unit_test(scans), cmocka_unit_test(limits), cmocka_unit_test(cursor), cmocka_unit_test(lookups), cmocka_unit_test(lists),
		cmocka_unit_test(hosts), cmocka_unit_test(values), cmocka_unit_test(trailer_names), cmocka_unit_test(spans),
		cmocka_unit_test(rooms), cmocka_unit_test(ends), cmocka_unit_test(chunk_heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
