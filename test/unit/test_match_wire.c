/* SPDX-License-Identifier: MIT */
/* test_match_wire.c - messages, frames, answers, lines of text and blocks of logs: what is written is what is read, and nothing else is. */
#include "audit/match_frame.h"
#include "audit/match_log.h"
#include "audit/match_msg.h"
#include "audit/match_text.h"

#include "unit.h"

#include <errno.h>

static struct match_msg
random_msg(struct dice *d)
{
	struct match_msg m = { .flow = (uint32_t)(dice_bits(d) >> (32 + dice_roll(d, 32))) };

	m.key = (uint32_t)(dice_bits(d) >> (32 + dice_roll(d, 32)));
	m.n = 1 + (dice_bits(d) >> 1 >> dice_roll(d, 63));
	m.value = (int64_t)(dice_bits(d) >> 1 >> dice_roll(d, 63)) * (dice_roll(d, 2) == 0 ? -1 : 1);
	return m;
}

static void
assert_msg(const struct match_msg *a, const struct match_msg *b)
{
	assert_true(a->flow == b->flow && a->key == b->key && a->n == b->n && a->value == b->value);
}

static void
test_message(void **state)
{
	char text[512], *own;
	struct dice d = { .seed = 1 };

	(void)state;
	for (int k = 0; k < 3000; k++) {
		struct match_msg m = random_msg(&d), back;
		uint32_t size = dice_roll(&d, 300), hash, again;
		size_t n = match_msg_write(&m, size, 9, text, sizeof(text), &hash);

		assert_true(n >= size || n + 1 >= size);
		own = malloc(n);
		memcpy(own, text, n);
		assert_int_equal(match_msg_read(own, n, &back, &again), 0);
		assert_msg(&m, &back);
		assert_int_equal(hash, again);
		assert_true(memchr(own, '\n', n) == NULL);
		uint32_t at = dice_roll(&d, (uint32_t)n);
		own[at] = (char)(own[at] ^ (1 << dice_roll(&d, 8)));
		assert_true(match_msg_read(own, n, &back, &again) < 0);
		free(own);
		assert_true(match_msg_read(text, dice_roll(&d, (uint32_t)n), &back, &again) < 0);
	}
}

static void
test_message_extremes(void **state)
{
	struct match_msg m = { .flow = UINT32_MAX, .key = UINT32_MAX, .n = UINT64_MAX, .value = INT64_MIN }, back;
	char text[256];
	uint32_t hash;
	size_t n = match_msg_write(&m, 0, 0, text, sizeof(text), &hash);

	(void)state;
	assert_true(n <= MATCH_MSG_BYTES_MIN);
	assert_int_equal(match_msg_read(text, n, &back, &hash), 0);
	assert_msg(&m, &back);
	assert_int_equal(match_msg_read("fl1 4294967296 0 1 1 0000000000000000", 37, &back, &hash), -EINVAL);
	assert_int_equal(match_msg_read("fl1 1 01 1 1 0000000000000000", 29, &back, &hash), -EINVAL);
	assert_int_equal(match_msg_read("fl1 1 1 1 1 0000000000000000", 28, &back, &hash), -EBADMSG);
	assert_int_equal(match_msg_read("fl1 1 1 0 1 0000000000000000", 28, &back, &hash), -EINVAL);
	assert_int_equal(match_msg_read("", 0, &back, &hash), -EINVAL);
}

static struct match_rec
random_rec(struct dice *d, fl_ns *at, uint64_t *n, const char *bytes)
{
	struct match_rec r = { .kind = (enum match_kind)(1 + dice_roll(d, MATCH_KINDS - 1)) };

	*at += (fl_ns)(dice_bits(d) >> (20 + dice_roll(d, 44))) * (dice_roll(d, 9) == 0 ? -1 : 1);
	*n = dice_roll(d, 9) == 0 ? dice_bits(d) : *n + 1;
	r.at = *at;
	if (r.kind <= MATCH_GOT || (r.kind == MATCH_CORRUPT && dice_roll(d, 2) == 0)) {
		r.claimed = r.kind == MATCH_CORRUPT;
		r.flow = dice_roll(d, 9) == 0 ? (uint32_t)dice_bits(d) : 1;
		r.n = *n;
		if (r.kind == MATCH_SENT || r.kind == MATCH_GOT || r.claimed)
			r.key = (uint32_t)(dice_bits(d) >> (32 + dice_roll(d, 32)));
	}
	if (r.kind == MATCH_SENT || r.kind == MATCH_GOT) {
		r.value = dice_roll(d, 2) == 0 ? (int64_t)r.n : (int64_t)dice_bits(d);
		r.hash = (uint32_t)dice_bits(d);
	}
	if (r.kind == MATCH_CORRUPT || r.kind == MATCH_OUTPUT) {
		r.bytes = bytes;
		r.byte_count = dice_roll(d, 50) == 0 ? MATCH_LOG_BYTES_MAX : dice_roll(d, 40);
	}
	return r;
}

static void
assert_rec(const struct match_rec *a, const struct match_rec *b)
{
	assert_true(a->kind == b->kind && a->claimed == b->claimed && a->flow == b->flow && a->key == b->key && a->n == b->n && a->at == b->at);
	assert_true(a->value == b->value && a->hash == b->hash && a->byte_count == b->byte_count);
	if (a->byte_count > 0)
		assert_memory_equal(a->bytes, b->bytes, a->byte_count);
}

/* Damage in a block is noticed, whichever byte it is. */
static void
damage(const uint8_t *mem, uint32_t bytes, struct dice *d)
{
	uint8_t *own = malloc(bytes);
	struct match_block b;
	struct match_cursor c;

	memcpy(own, mem, bytes);
	uint32_t at = dice_roll(d, bytes);
	own[at] = (uint8_t)(own[at] ^ (1u << dice_roll(d, 8)));
	if (match_log_get_block(own, &b) == 0 && b.bytes == bytes - MATCH_LOG_HEAD_BYTES)
		assert_int_equal(match_log_open(&b, own, own + MATCH_LOG_HEAD_BYTES, &c), -EBADMSG);
	free(own);
}

static void
test_blocks(void **state)
{
	struct match_pack *p = malloc(sizeof(*p));
	struct match_rec *recs = malloc(70000 * sizeof(*recs)), back;
	char *bytes = calloc(1, MATCH_LOG_BYTES_MAX);
	struct dice d = { .seed = 2 };

	(void)state;
	for (int k = 0; k < 60; k++) {
		fl_ns at = (fl_ns)dice_bits(&d) / 4;
		uint64_t n = 0, first = dice_bits(&d);
		uint32_t count = 0, most = 1 + dice_roll(&d, 70000), bytes_all;
		struct match_block b;
		struct match_cursor c;

		match_log_begin(p, first);
		assert_int_equal(match_log_seal(p), 0);
		while (count < most) {
			recs[count] = random_rec(&d, &at, &n, bytes);
			if (!match_log_put(p, &recs[count]))
				break;
			count++;
		}
		bytes_all = match_log_seal(p);
		assert_int_equal(match_log_get_block(p->mem, &b), 0);
		assert_true(b.count == count && b.first == first && bytes_all == b.bytes + MATCH_LOG_HEAD_BYTES);
		assert_int_equal(match_log_open(&b, p->mem, p->mem + MATCH_LOG_HEAD_BYTES, &c), 0);
		for (uint32_t i = 0; i < count; i++) {
			assert_int_equal(match_log_next(&c, &back), 1);
			assert_rec(&recs[i], &back);
		}
		assert_int_equal(match_log_next(&c, &back), 0);
		for (int i = 0; i < 10; i++)
			damage(p->mem, bytes_all, &d);
	}
	free(p);
	free(recs);
	free(bytes);
}

static void
test_head(void **state)
{
	struct match_log_head h = { .side = MATCH_SIDE_SENT, .acks = true, .seed = 1, .wall_ns = 2, .mono = 3, .machine = 4 }, back;
	uint8_t bytes[MATCH_LOG_HEAD_BYTES];

	(void)state;
	match_log_put_head(&h, bytes);
	assert_int_equal(match_log_get_head(bytes, &back), 0);
	assert_true(back.side == h.side && back.acks && back.seed == 1 && back.wall_ns == 2 && back.mono == 3 && back.machine == 4);
	for (unsigned i = 0; i < sizeof(bytes); i++) {
		bytes[i] ^= 1;
		assert_true(match_log_get_head(bytes, &back) < 0);
		bytes[i] ^= 1;
	}
}

/* Every framing, cut at every byte: not yet, not yet, ... there it is. */
static void
test_frames(void **state)
{
	static const char message[] = "fl1 1 2 3 4 0123456789abcdef padding [with] \"odd\" things";
	static const enum match_framing framings[] = { MATCH_FRAME_LINES, MATCH_FRAME_LENGTH, MATCH_FRAME_HTTP, MATCH_FRAME_SYSLOG };
	char *chunk = malloc(MATCH_FRAME_MESSAGE_MAX);

	(void)state;
	for (unsigned k = 0; k < FL_ARRAY_LEN(framings); k++) {
		struct match_frame f = { .framing = framings[k], .host = "h:1", .path = "/p" };
		struct match_taken t;
		struct buf b;

		buf_init(&b, 1u << 20);
		match_frame_put(&f, message, sizeof(message) - 1, "2026-01-02T03:04:05.000000Z", &b);
		for (size_t n = 0; n <= buf_len(&b); n++) {
			char *own = malloc(n + 1);
			int rc;

			memcpy(own, buf_data(&b), n);
			rc = match_frame_take(framings[k], own, n, chunk, &t);
			assert_int_equal(rc, n == buf_len(&b));
			if (rc == 1) {
				assert_int_equal(t.used, n);
				assert_int_equal(t.message_bytes, sizeof(message) - 1);
				assert_memory_equal(t.message, message, t.message_bytes);
			}
			free(own);
		}
		buf_fini(&b);
	}
	free(chunk);
}

static int
take(enum match_framing framing, const char *text, struct match_taken *ret)
{
	static char chunk[MATCH_FRAME_MESSAGE_MAX];

	return match_frame_take(framing, text, strlen(text), chunk, ret);
}

static void
test_frames_of_others(void **state)
{
	struct match_taken t;

	(void)state;
	assert_int_equal(take(MATCH_FRAME_SYSLOG, "43 <1>1 - - - - - [a@1 b=\"c] \\\" d\"][e] hello", &t), 0);
	assert_int_equal(take(MATCH_FRAME_SYSLOG, "42 <1>1 - - - - - [a@1 b=\"c] \\\" d\"][e] hello.", &t), 1);
	assert_int_equal(t.message_bytes, 6);
	assert_memory_equal(t.message, "hello.", 6);
	/* As rsyslog sends them on: a newline at the end, or no counting; and with a byte order mark. */
	static const char *const relayed[] = { "34 <134>1 2026-01-02 h f - i - hello\n", "<134>1 2026-01-02 h f - i - hello\n",
		"<134>1 2026-01-02 h f - i - \xef\xbb\xbfhello\r\n", "36 <134>1 2026-01-02 h f - i - \xef\xbb\xbfhello" };

	for (unsigned i = 0; i < FL_ARRAY_LEN(relayed); i++) {
		assert_int_equal(take(MATCH_FRAME_SYSLOG, relayed[i], &t), 1);
		assert_int_equal(t.used, strlen(relayed[i]));
		assert_int_equal(t.message_bytes, 5);
		assert_memory_equal(t.message, "hello", 5);
	}
	assert_int_equal(take(MATCH_FRAME_SYSLOG, "<134>1 2026-01-02 h f - i - hello", &t), 0);
	assert_int_equal(take(MATCH_FRAME_SYSLOG, "x", &t), -EINVAL);
	assert_int_equal(take(MATCH_FRAME_SYSLOG, "999999999 <", &t), -EINVAL);
	assert_int_equal(take(MATCH_FRAME_HTTP, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
	    "A;x=y\r\n0123456789\r\n0\r\n\r\n", &t), 1);
	assert_int_equal(t.message_bytes, 13);
	assert_memory_equal(t.message, "abc0123456789", 13);
	assert_int_equal(take(MATCH_FRAME_HTTP, "POST / HTTP/1.1\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\nab", &t), -EINVAL);
	assert_int_equal(take(MATCH_FRAME_HTTP, "POST / HTTP/1.1\r\nContent-Length: 2x\r\n\r\nab", &t), -EINVAL);
	assert_int_equal(take(MATCH_FRAME_HTTP, "PUT / HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab", &t), 1);
	assert_true(t.close);
	assert_int_equal(take(MATCH_FRAME_HTTP, "GET / HTTP/1.1\r\n\r\n", &t), 1);
	assert_null(t.message);
	assert_int_equal(take(MATCH_FRAME_HTTP, "\r\n\r\n", &t), -EINVAL);
	assert_int_equal(take(MATCH_FRAME_LINES, "a\r\n", &t), 1);
	assert_int_equal(t.message_bytes, 1);
	assert_int_equal(match_frame_take(MATCH_FRAME_LENGTH, "\xff\0\0\0", 4, NULL, &t), -EINVAL);
}

static int
answered(enum match_framing framing, const char *text, struct match_answer *ret)
{
	return match_frame_answer_take(framing, text, strlen(text), ret);
}

static void
test_answers(void **state)
{
	struct match_answer a;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	match_frame_answer(true, 1, UINT64_MAX, 0xab, &b);
	match_frame_answer(false, UINT32_MAX, 2, UINT32_MAX, &b);
	assert_int_equal(match_frame_answer_take(MATCH_FRAME_LINES, buf_data(&b), buf_len(&b), &a), 1);
	assert_true(a.kind == MATCH_ANSWER_KEPT && a.named && a.flow == 1 && a.n == UINT64_MAX && a.hash == 0xab);
	buf_consume(&b, a.used);
	assert_int_equal(match_frame_answer_take(MATCH_FRAME_LENGTH, buf_data(&b), buf_len(&b), &a), 1);
	assert_true(a.kind == MATCH_ANSWER_REFUSED && a.flow == UINT32_MAX && a.n == 2 && a.used == buf_len(&b));
	buf_fini(&b);
	assert_int_equal(answered(MATCH_FRAME_LINES, "ok 1 2 0000000", &a), 0);
	assert_int_equal(answered(MATCH_FRAME_LINES, "ok 1 2 123\n", &a), -EINVAL);
	assert_int_equal(answered(MATCH_FRAME_LINES, "ok -1 2 00000123\n", &a), -EINVAL);
	assert_int_equal(answered(MATCH_FRAME_LINES, "ok 4294967297 2 00000123\n", &a), -EINVAL);
	assert_int_equal(answered(MATCH_FRAME_LINES, "hello\n", &a), -EINVAL);
	assert_int_equal(answered(MATCH_FRAME_HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh", &a), 0);
	assert_int_equal(answered(MATCH_FRAME_HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", &a), 1);
	assert_true(a.kind == MATCH_ANSWER_KEPT && !a.named && !a.close && a.used == 40);
	assert_int_equal(answered(MATCH_FRAME_HTTP, "HTTP/1.1 400 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", &a), 1);
	assert_true(a.kind == MATCH_ANSWER_REFUSED && a.close);
	assert_int_equal(answered(MATCH_FRAME_HTTP, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", &a), 1);
	assert_int_equal(a.kind, MATCH_ANSWER_DOUBT);
	assert_int_equal(answered(MATCH_FRAME_HTTP, "HTTP/1.1 204 None\r\n\r\n", &a), 1);
	assert_false(a.close);
	assert_int_equal(answered(MATCH_FRAME_HTTP, "SMTP/1.1 204 None\r\n\r\n", &a), -EINVAL);
	assert_int_equal(answered(MATCH_FRAME_REDIS, "$3\r\n1-0\r", &a), 0);
	assert_int_equal(answered(MATCH_FRAME_REDIS, "$3\r\n1-0\r\n", &a), 1);
	assert_true(a.kind == MATCH_ANSWER_KEPT && a.used == 9);
	assert_int_equal(answered(MATCH_FRAME_REDIS, "-OOM no\r\n", &a), 1);
	assert_int_equal(a.kind, MATCH_ANSWER_REFUSED);
	assert_int_equal(answered(MATCH_FRAME_REDIS, ":1\r\n", &a), -EINVAL);
}

static int
line(const char *text, enum match_side side, bool outputs, struct match_rec *r)
{
	static char scratch[MATCH_LOG_BYTES_MAX + 1];
	const char *error = NULL;
	uint32_t column = 0;
	int rc = match_text_line(text, strlen(text), side, outputs, scratch, r, &error, &column);

	assert_true((rc < 0) == (error != NULL) && (rc < 0) == (column > 0));
	return rc;
}

static void
test_text(void **state)
{
	struct match_rec r;

	(void)state;
	assert_int_equal(line("", MATCH_SIDE_SENT, false, &r), 0);
	assert_int_equal(line("{\"type\":\"sent\",\"flow\":1,\"key\":7,\"n\":42,\"content\":\"any\",\"time\":9,\"more\":[1]}", MATCH_SIDE_SENT, false,
	    &r), 1);
	assert_true(r.kind == MATCH_SENT && r.flow == 1 && r.key == 7 && r.n == 42 && r.value == 42 && r.at == 9);
	assert_int_equal(r.hash, match_msg_hash("any", 3));
	assert_int_equal(line("{\"type\":\"ack\",\"n\":42}\r", MATCH_SIDE_SENT, false, &r), 1);
	assert_true(r.kind == MATCH_ACK && r.n == 42);
	assert_int_equal(line("{\"type\":\"got\",\"n\":42}", MATCH_SIDE_SENT, false, &r), -EINVAL);
	assert_int_equal(line("{\"type\":\"got\",\"n\":-1}", MATCH_SIDE_RECEIVED, false, &r), -EINVAL);
	assert_int_equal(line("{\"type\":\"got\"}", MATCH_SIDE_RECEIVED, false, &r), -EINVAL);
	assert_int_equal(line("{\"n\":1}", MATCH_SIDE_RECEIVED, false, &r), -EINVAL);
	assert_int_equal(line("{\"type\":\"output\",\"output\":\"1 2\"}", MATCH_SIDE_RECEIVED, false, &r), 1);
	assert_true(r.kind == MATCH_OUTPUT && r.byte_count == 3 && memcmp(r.bytes, "1 2", 3) == 0);
	assert_int_equal(line("nonsense", MATCH_SIDE_SENT, false, &r), -EINVAL);
	assert_int_equal(line("nonsense", MATCH_SIDE_RECEIVED, false, &r), 1);
	assert_true(r.kind == MATCH_CORRUPT && !r.claimed);
	assert_int_equal(line("fl1 1 2 3 4 0123456789abcdef", MATCH_SIDE_RECEIVED, false, &r), 1);
	assert_true(r.kind == MATCH_CORRUPT && r.claimed && r.n == 3 && r.key == 2);
	assert_int_equal(line("nonsense", MATCH_SIDE_RECEIVED, true, &r), 1);
	assert_int_equal(r.kind, MATCH_OUTPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message), cmocka_unit_test(test_message_extremes), cmocka_unit_test(test_blocks), cmocka_unit_test(test_head),
		cmocka_unit_test(test_frames), cmocka_unit_test(test_frames_of_others), cmocka_unit_test(test_answers), cmocka_unit_test(test_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
