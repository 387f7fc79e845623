/* SPDX-License-Identifier: MIT */
/* past_pack.c - a day's episodes in few bytes: Rice codes (Golomb 1966, Rice 1979) of lengths and pauses. */
#include "store/past_pack.h"
#include "base/assert.h"

#include <errno.h>
#include <string.h>

#define VERSION 1
#define FIXED_BYTES 11u                 /* version, claims, two parameters, bytes of the heads; and one to spare */
#define MINUTE_BITS 11u                 /* 0 .. 1440 */
#define QUOTIENT_MAX 47u                /* of a Rice code; then the number itself follows */
#define RICE_MAX 10u

/* ---- bits ---- */

struct bits_out {
	struct buf *to;
	uint64_t held;
	unsigned n;
};

static void
put_bits(struct bits_out *b, uint64_t v, unsigned n)
{
	fl_assert(n <= 32 && (n == 64 || v >> n == 0));
	b->held |= v << b->n;
	b->n += n;
	for (; b->n >= 8; b->n -= 8, b->held >>= 8)
		buf_putc(b->to, (char)(b->held & 0xff));
}

static void
flush_bits(struct bits_out *b)
{
	if (b->n > 0)
		buf_putc(b->to, (char)(b->held & 0xff));
	b->held = 0;
	b->n = 0;
}

struct bits_in {
	const uint8_t *p;
	size_t n, at;                   /* bytes, and the bit we are at */
	bool bad;
};

static uint64_t
take_bits(struct bits_in *b, unsigned n)
{
	size_t byte = b->at >> 3;
	uint64_t v = 0;

	if (b->at + n > b->n * 8) {
		b->bad = true;
		return 0;
	}
	if (byte + 8 <= b->n)
		memcpy(&v, b->p + byte, 8);
	else
		memcpy(&v, b->p + byte, b->n - byte);
	v >>= b->at & 7;
	b->at += n;
	return n == 0 ? 0 : v & (~UINT64_C(0) >> (64 - n));
}

/* Elias' gamma code of v + 1: short for small numbers. */
static void
put_gamma(struct bits_out *b, uint64_t v)
{
	unsigned len = 63 - (unsigned)__builtin_clzll(v + 1);

	fl_assert(v < UINT64_MAX && len < 63);
	put_bits(b, 0, len > 32 ? 32 : len);
	if (len > 32)
		put_bits(b, 0, len - 32);
	put_bits(b, 1, 1);
	put_bits(b, (v + 1) & (len >= 32 ? 0xffffffff : (UINT64_C(1) << len) - 1), len > 32 ? 32 : len);
	if (len > 32)
		put_bits(b, ((v + 1) & ((UINT64_C(1) << len) - 1)) >> 32, len - 32);
}

static uint64_t
take_gamma(struct bits_in *b)
{
	unsigned len = 0;
	uint64_t low, high = 0;

	while (!b->bad && len < 62 && take_bits(b, 1) == 0)
		len++;
	low = take_bits(b, len > 32 ? 32 : len);
	if (len > 32)
		high = take_bits(b, len - 32);
	return ((UINT64_C(1) << len) | high << 32 | low) - 1;
}

static void
put_rice(struct bits_out *b, uint32_t v, unsigned k)
{
	uint32_t q = v >> k;

	if (q >= QUOTIENT_MAX) {
		put_bits(b, 0xffffffff, 32);
		put_bits(b, (1u << (QUOTIENT_MAX - 32)) - 1, QUOTIENT_MAX - 32);
		put_bits(b, v, MINUTE_BITS);
		return;
	}
	if (q > 32)
		put_bits(b, 0xffffffff, 32);
	put_bits(b, (UINT64_C(1) << (q > 32 ? q - 32 : q)) - 1, q > 32 ? q - 32 : q);
	put_bits(b, 0, 1);
	put_bits(b, v & ((1u << k) - 1), k);
}

static uint32_t
take_rice(struct bits_in *b, unsigned k)
{
	size_t byte = b->at >> 3;
	uint32_t q = 0;

	if (byte + 8 <= b->n) {
		uint64_t v;

		memcpy(&v, b->p + byte, 8);
		v = ~(v >> (b->at & 7));
		q = v == 0 ? QUOTIENT_MAX : (uint32_t)__builtin_ctzll(v);
		q = FL_MIN(q, QUOTIENT_MAX);
		b->at += q + (q < QUOTIENT_MAX);
	} else {
		while (q < QUOTIENT_MAX && take_bits(b, 1) == 1)
			q++;
	}
	return q == QUOTIENT_MAX ? (uint32_t)take_bits(b, MINUTE_BITS) : q << k | (uint32_t)take_bits(b, k);
}

/* Amounts to an eighth, rounded down: three bits behind the first, and its place. Up to 15 they are exact. */
static unsigned
amount_code(uint64_t v)
{
	unsigned top;

	if (v < 8)
		return (unsigned)v;
	top = 63 - (unsigned)__builtin_clzll(v);
	return (top - 2) << 3 | (unsigned)(v >> (top - 3) & 7);
}

static uint64_t
amount_of(uint64_t code)
{
	return code < 8 ? code : (8 | (code & 7)) << ((code >> 3) - 1 > 60 ? 60 : (code >> 3) - 1);
}

/* ---- in ---- */

/* The pieces [i, *ret_end) are one when joined. */
static uint32_t
joined_end(const struct past_piece *p, size_t i, size_t n, size_t *ret_end)
{
	uint32_t last = p[i].last;
	size_t k = i + 1;

	for (; k < n && p[k].claim == p[i].claim && p[k].first <= last; k++)
		last = FL_MAX(last, p[k].last);
	*ret_end = k;
	return last;
}

static unsigned
rice_for(uint64_t sum, uint64_t n)
{
	unsigned k = 0;

	while (k < RICE_MAX && (UINT64_C(1) << k) * 10 * n < 7 * sum)
		k++;
	return k;
}

struct shape {
	uint64_t claims, gap_sum, gaps, length_sum, lengths;
};

static int
measure(const struct past_piece *p, size_t n, struct shape *ret)
{
	struct shape s = { 0 };
	uint32_t before = 0;

	for (size_t i = 0, end; i < n; i = end) {
		uint32_t last = joined_end(p, i, n, &end);
		bool fresh = i == 0 || p[i].claim != p[i - 1].claim;

		if (p[i].first > p[i].last || last > PAST_DAY_MINUTES || p[i].claim <= 0 ||
		    (i > 0 && (p[i].claim < p[i - 1].claim || (!fresh && p[i].first < p[i - 1].first))))
			return -EINVAL;
		for (size_t j = i + 1; j < end; j++)
			if (p[j].first < p[j - 1].first || p[j].first > p[j].last)
				return -EINVAL;
		s.claims += fresh;
		s.length_sum += last - p[i].first;
		s.lengths++;
		if (!fresh) {
			s.gap_sum += p[i].first - before;
			s.gaps++;
		}
		before = last;
	}
	*ret = s;
	return 0;
}

/* Everything of one claim, pieces [i, end). */
static void
put_claim(struct bits_out *heads, struct bits_out *gaps, const struct past_piece *p, size_t i, size_t end, int64_t before, const unsigned *k)
{
	uint64_t count = 0, errors = 0, pieces = 0;
	uint32_t last = 0;

	for (size_t j = i, next; j < end; j = next) {
		uint32_t first = p[j].first, until = joined_end(p, j, end, &next);

		if (pieces > 0)
			put_rice(gaps, first - last, k[0]);
		if (next < end)
			put_rice(gaps, until - first, k[1]);
		last = until;
		pieces++;
	}
	for (size_t j = i; j < end; j++) {
		count += p[j].count;
		errors += p[j].errors;
	}
	put_gamma(heads, (uint64_t)(p[i].claim - before - 1));
	put_gamma(heads, pieces - 1);
	put_bits(heads, p[i].first, MINUTE_BITS);
	put_bits(heads, last - p[i].first, MINUTE_BITS);
	put_bits(heads, amount_code(count), 9);
	put_bits(heads, errors > 0, 1);
	if (errors > 0)
		put_bits(heads, amount_code(errors), 9);
}

static void
put_u32(struct buf *out, uint64_t v)
{
	for (unsigned i = 0; i < 4; i++, v >>= 8)
		buf_putc(out, (char)(v & 0xff));
}

int
past_pack(const struct past_piece *pieces, size_t n, struct buf *out)
{
	struct bits_out heads = { .held = 0 }, gaps = { .held = 0 };
	struct buf head_bytes, gap_bytes;
	struct shape s;
	unsigned k[2];
	int64_t before = 0;
	int rc = measure(pieces, n, &s);

	if (rc != 0)
		return rc;
	buf_init(&head_bytes, UINT32_MAX);
	buf_init(&gap_bytes, UINT32_MAX);
	heads.to = &head_bytes;
	gaps.to = &gap_bytes;
	k[0] = rice_for(s.gap_sum, s.gaps);
	k[1] = rice_for(s.length_sum, s.lengths);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && pieces[end].claim == pieces[i].claim; end++)
			continue;
		put_claim(&heads, &gaps, pieces, i, end, before, k);
		before = pieces[i].claim;
	}
	flush_bits(&heads);
	flush_bits(&gaps);
	buf_putc(out, VERSION);
	put_u32(out, s.claims);
	buf_putc(out, (char)k[0]);
	buf_putc(out, (char)k[1]);
	put_u32(out, buf_len(&head_bytes));
	buf_append(out, buf_data(&head_bytes), buf_len(&head_bytes));
	buf_append(out, buf_data(&gap_bytes), buf_len(&gap_bytes));
	rc = out->overflowed || head_bytes.overflowed || gap_bytes.overflowed ? -ENOBUFS : 0;
	buf_fini(&head_bytes);
	buf_fini(&gap_bytes);
	return rc;
}

/* ---- out ---- */

static uint32_t
get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool
take_head(struct bits_in *b, struct past_day *d)
{
	uint64_t step = take_gamma(b) + 1, pieces = take_gamma(b) + 1;

	if (b->bad || step > INT64_MAX - (uint64_t)d->claim || pieces > PAST_DAY_MINUTES + 1)
		return false;
	d->claim += (int64_t)step;
	d->pieces = (uint32_t)pieces;
	d->first = (uint32_t)take_bits(b, MINUTE_BITS);
	d->last = d->first + (uint32_t)take_bits(b, MINUTE_BITS);
	d->count = amount_of(take_bits(b, 9));
	d->errors = take_bits(b, 1) != 0 ? amount_of(take_bits(b, 9)) : 0;
	return !b->bad && d->last <= PAST_DAY_MINUTES;
}

/* Pieces of a day: passed over, or told. */
static bool
take_pieces(struct bits_in *b, const struct past_day *d, const unsigned *k, past_piece_fn *piece, void *arg)
{
	uint32_t at = d->first;

	for (uint32_t i = 0; i + 1 < d->pieces; i++) {
		uint32_t end = at + take_rice(b, k[1]), next = end + take_rice(b, k[0]);

		if (b->bad || end > d->last || next > d->last)
			return false;
		if (piece != NULL)
			piece(arg, d->claim, at, end);
		at = next;
	}
	if (piece != NULL)
		piece(arg, d->claim, at, d->last);
	return true;
}

int
past_unpack(const void *p, size_t n, past_head_fn *head, past_piece_fn *piece, void *arg)
{
	const uint8_t *bytes = p;
	struct bits_in heads, gaps, scan;
	struct past_day d = { 0 }, late;
	uint32_t claims, head_bytes, done = 0;
	unsigned k[2];

	if (n < FIXED_BYTES || bytes[0] != VERSION || bytes[5] > RICE_MAX || bytes[6] > RICE_MAX)
		return -EBADMSG;
	claims = get_u32(bytes + 1);
	k[0] = bytes[5];
	k[1] = bytes[6];
	head_bytes = get_u32(bytes + 7);
	if (head_bytes > n - FIXED_BYTES)
		return -EBADMSG;
	heads = (struct bits_in){ .p = bytes + FIXED_BYTES, .n = head_bytes };
	gaps = (struct bits_in){ .p = heads.p + head_bytes, .n = n - FIXED_BYTES - head_bytes };
	/* The second reader of the heads stays behind until pieces are wanted. */
	scan = heads;
	late = d;
	for (uint32_t i = 0; i < claims; i++) {
		if (!take_head(&heads, &d))
			return -EBADMSG;
		if (!head(arg, &d) || piece == NULL)
			continue;
		for (; done <= i; done++)
			if (!take_head(&scan, &late) || !take_pieces(&gaps, &late, k, done == i ? piece : NULL, arg))
				return -EBADMSG;
	}
	return 0;
}
