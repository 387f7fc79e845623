/* SPDX-License-Identifier: MIT */
/* fuzz_match_wire.c - any bytes as frames, answers, messages and lines of text: taken within their bounds, or refused. The first byte says what. */
#include "audit/match_frame.h"
#include "audit/match_msg.h"
#include "audit/match_text.h"
#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
frames(enum match_framing framing, const char *p, size_t n, char *chunk)
{
	struct match_taken t;

	while (match_frame_take(framing, p, n, chunk, &t) == 1) {
		bool inside = t.message >= p && t.message + t.message_bytes <= p + n;

		fl_assert(t.used > 0 && t.used <= n && t.message_bytes <= MATCH_FRAME_BYTES_MAX);
		fl_assert(t.message == NULL || t.message == chunk || inside);
		p += t.used;
		n -= t.used;
	}
}

static void
answers(enum match_framing framing, const char *p, size_t n)
{
	struct match_answer a;

	while (match_frame_answer_take(framing, p, n, &a) == 1) {
		fl_assert(a.used > 0 && a.used <= n);
		p += a.used;
		n -= a.used;
	}
}

static void
message(const char *p, size_t n)
{
	struct match_msg m, back;
	uint32_t hash, other;
	char text[256];

	if (match_msg_read(p, n, &m, &hash) != 0)
		return;
	size_t bytes = match_msg_write(&m, 0, 0, text, sizeof(text), &other);
	fl_assert(match_msg_read(text, bytes, &back, &other) == 0 && back.n == m.n && back.value == m.value && back.flow == m.flow);
}

static void
text(const char *p, size_t n, uint8_t what, char *scratch)
{
	enum match_side side = (what & 1) != 0 ? MATCH_SIDE_SENT : MATCH_SIDE_RECEIVED;
	const char *error = NULL;
	uint32_t column = 0;
	struct match_rec r;
	int rc = match_text_line(p, n, side, (what & 2) != 0, scratch, &r, &error, &column);

	fl_assert(rc >= 0 || (error != NULL && column > 0));
	fl_assert(rc != 1 || (r.kind > 0 && r.kind < MATCH_END && r.byte_count <= MATCH_LOG_BYTES_MAX));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char chunk[MATCH_FRAME_MESSAGE_MAX], scratch[MATCH_LOG_BYTES_MAX + 1];
	uint8_t what = size > 0 ? data[0] : 0;
	char *own;

	if (size == 0)
		return 0;
	own = malloc(size);
	if (own == NULL)
		return 0;
	memcpy(own, data + 1, size - 1);
	frames((enum match_framing)(what % 5), own, size - 1, chunk);
	answers((enum match_framing)(what % 5), own, size - 1);
	message(own, size - 1);
	text(own, size - 1, (uint8_t)(what / 5), scratch);
	free(own);
	return 0;
}
