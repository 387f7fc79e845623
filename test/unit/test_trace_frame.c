/* SPDX-License-Identifier: MIT */
/* test_trace_frame.c - messages of a stream: the same however it is cut, with their ids; streams that make no sense. */
#include "audit/trace_frame.h"

#include "base/buf.h"
#include "unit.h"

#include <inttypes.h>

/* What was told, as text. */
static void
note(void *ud, const struct trace_message *m)
{
	buf_printf(ud, "%" PRIu64 "@%" PRIu64 "+%" PRIu64 " %s%s%s #%" PRIx64 "\n", m->number, m->offset, m->bytes, m->id, m->cut ? " cut" : "",
	    m->unframed ? " unframed" : "", m->unframed ? 0 : m->hash & 0xffff);
}

static void
feed(const struct trace_frame_conf *conf, const char *p, size_t n, size_t first, size_t step, struct buf *out)
{
	struct trace_frame *f = malloc(sizeof(*f));
	size_t at = 0;

	assert_non_null(f);
	buf_clear(out);
	trace_frame_init(f, 0);
	for (size_t k = first; at < n; k = step) {
		char *piece;

		k = FL_MIN(k, n - at);
		piece = malloc(k + 1);                  /* so that a sanitizer sees what is read behind it */
		assert_non_null(piece);
		memcpy(piece, p + at, k);
		trace_frame_feed(f, conf, piece, k, note, out);
		at += k;
		free(piece);
	}
	assert_int_equal(f->offset, n);
	trace_frame_end(f, conf, note, out);
	free(f);
}

/* In one piece, byte by byte, cut in two at every place. */
static void
same_however_cut(const struct trace_frame_conf *conf, const char *p, size_t n, const char *lines)
{
	struct buf whole, cut;

	buf_init(&whole, 1 << 20);
	buf_init(&cut, 1 << 20);
	feed(conf, p, n, n, n, &whole);
	for (size_t at = 1; at <= n; at++) {
		feed(conf, p, n, at, n, &cut);
		assert_string_equal(buf_str(&cut), buf_str(&whole));
	}
	feed(conf, p, n, 1, 1, &cut);
	assert_string_equal(buf_str(&cut), buf_str(&whole));
	if (lines != NULL) {
		const char *at = buf_str(&whole);

		for (const char *line = lines; *line != '\0'; line += strcspn(line, "\n") + 1) {
			const size_t k = strcspn(line, "\n");

			assert_true(strncmp(at, line, k) == 0 && (at[k] == ' ' || at[k] == '\n'));
			at = strchr(at, '\n') + 1;
		}
		assert_string_equal(at, "");
	}
	buf_fini(&whole);
	buf_fini(&cut);
}

static void
test_lines(void **state)
{
	const struct trace_frame_conf conf = { .framing = TRACE_FRAME_LINES, .id = { .kind = TRACE_ID_WORD, .word = 2 } };
	static const char text[] = "SET a 1\nGET b\r\n\r\n\nGET \rc\r\r\nlast";

	(void)state;
	same_however_cut(&conf, text, sizeof(text) - 1, "1@0+7 a\n2@8+5 b\n3@18+7 c\n4@27+4  cut\n");
}

static void
test_lengths(void **state)
{
	static const char u8[] = "\3abc\0\2de", u16[] = "\0\3abc\0\0\0\2de", u32le[] = "\3\0\0\0abc\0\0\0\0\2\0\0\0de",
	    varint[] = "\3abc\0\202\0de\203\0x";
	struct trace_frame_conf conf = { .framing = TRACE_FRAME_U8 };

	(void)state;
	same_however_cut(&conf, u8, sizeof(u8) - 1, "1@0+3\n2@4+0\n3@5+2\n");
	conf.framing = TRACE_FRAME_U16;
	same_however_cut(&conf, u16, sizeof(u16) - 1, "1@0+3\n2@5+0\n3@7+2\n");
	conf.framing = TRACE_FRAME_U32LE;
	same_however_cut(&conf, u32le, sizeof(u32le) - 1, "1@0+3\n2@7+0\n3@11+2\n");
	conf.framing = TRACE_FRAME_VARINT;
	same_however_cut(&conf, varint, sizeof(varint) - 1, "1@0+3\n2@4+0\n3@5+2\n4@9+1  cut\n");
}

static void
test_nonsense(void **state)
{
	static const char bytes[] = "\0\0\0\1x\377\377\377\377abcdefgh\0\0\0\1y";
	const struct trace_frame_conf conf = { .framing = TRACE_FRAME_U32 };
	struct trace_frame_conf other;

	(void)state;
	same_however_cut(&conf, bytes, sizeof(bytes) - 1, "1@0+1\n2@5+0  unframed\n");
	for (unsigned framing = 0; framing < TRACE_FRAMINGS; framing++)
		for (unsigned round = 0; round < 40; round++) {
			struct dice d = { .seed = framing * 1000 + round };
			char random[120];

			for (size_t i = 0; i < sizeof(random); i++)
				random[i] = (char)(dice_roll(&d, 3) == 0 ? '\n' : dice_roll(&d, 4) == 0 ? (char)dice_roll(&d,
				    256) : (char)dice_roll(&d, 5));
			other = (struct trace_frame_conf){ .framing = (uint8_t)framing, .id = { .kind = TRACE_ID_FIELD, .field = "a" } };
			same_however_cut(&other, random, sizeof(random), NULL);
		}
}

static void
assert_id(struct trace_id_conf conf, const char *text, const char *expected)
{
	char id[TRACE_ID_MAX], *copy = malloc(strlen(text) + 1);

	assert_non_null(copy);
	memcpy(copy, text, strlen(text));
	trace_id_find(&conf, copy, strlen(text), 0x123, id);
	assert_string_equal(id, expected);
	free(copy);
}

static void
test_ids(void **state)
{
	const struct trace_id_conf a = { .kind = TRACE_ID_FIELD, .field = "a" }, deep = { .kind = TRACE_ID_FIELD, .field = "order.id" };
	const struct trace_id_conf stream = { .kind = TRACE_ID_STREAM }, second = { .kind = TRACE_ID_WORD, .word = 2 };

	(void)state;
	assert_id(a, "{\"a\":\"x\"}", "x");
	assert_id(a, " { \"b\" : [1,{\"a\":2},\"]\"] , \"a\" : -1.5 } ", "-1.5");
	assert_id(a, "{\"b\":\"\\\"a\\\":\",\"c\":{\"a\":1},\"a\":true}", "true");
	assert_id(a, "{\"a\":{\"x\":1}}", "");
	assert_id(a, "{\"a\":12", "");
	assert_id(a, "{\"a\":\"12", "");
	assert_id(a, "[\"a\"]", "");
	assert_id(a, "{\"b\":1}", "");
	assert_id(a, "", "");
	assert_id(a, "{\"b\":\"\\", "");
	assert_id(a, "{\"a\":\"tab\there\"}", "tab?here");
	assert_id(deep, "{\"order\":{\"lines\":[1,2],\"id\":\"o-1\"}}", "o-1");
	assert_id(deep, "{\"id\":1,\"order\":[]}", "");
	assert_id(stream, "fl1 3 9 17 -5 0123456789abcdef padding", "3:17");
	assert_id(stream, "fl1 x 9 17 5 0123456789abcdef", "");
	assert_id(stream, "fl2 3 9 17 5", "");
	assert_id(second, "SET  key value", "key");
	assert_id(second, "PING", "");
	assert_id((struct trace_id_conf){ .kind = TRACE_ID_CONTENT }, "x", "#0000000000000123");
	assert_id((struct trace_id_conf){ .kind = TRACE_ID_NONE }, "x", "");
}

/* Long ids are cut, and stay different. */
static void
test_long_ids(void **state)
{
	char one[300], other[300], a[TRACE_ID_MAX], b[TRACE_ID_MAX];

	(void)state;
	memset(one, 'x', sizeof(one));
	memcpy(other, one, sizeof(one));
	other[299] = 'y';
	trace_id_copy(one, sizeof(one), a);
	trace_id_copy(other, sizeof(other), b);
	assert_true(strlen(a) == TRACE_ID_MAX - 1 && strlen(b) == TRACE_ID_MAX - 1);
	assert_string_not_equal(a, b);
}

/* A change of one byte changes the hash; how it was fed does not. */
static void
test_hash(void **state)
{
	struct dice d = { .seed = 5 };
	uint8_t p[40];
	struct trace_hash h;

	(void)state;
	for (size_t i = 0; i < sizeof(p); i++)
		p[i] = (uint8_t)dice_bits(&d);
	for (size_t n = 0; n <= sizeof(p); n++) {
		trace_hash_init(&h);
		trace_hash_feed(&h, p, n);
		const uint64_t whole = trace_hash_end(&h);

		for (size_t cut = 0; cut <= n; cut++) {
			trace_hash_init(&h);
			trace_hash_feed(&h, p, cut);
			trace_hash_feed(&h, p + cut, n - cut);
			assert_true(trace_hash_end(&h) == whole);
		}
		for (size_t i = 0; i < n; i++) {
			p[i] ^= 1;
			trace_hash_init(&h);
			trace_hash_feed(&h, p, n);
			assert_true(trace_hash_end(&h) != whole);
			p[i] ^= 1;
		}
		trace_hash_init(&h);
		trace_hash_feed(&h, p, n);
		trace_hash_feed(&h, "", 1);             /* a zero more is another content */
		assert_true(trace_hash_end(&h) != whole);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines), cmocka_unit_test(test_lengths), cmocka_unit_test(test_nonsense), cmocka_unit_test(test_ids),
		cmocka_unit_test(test_long_ids), cmocka_unit_test(test_hash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
