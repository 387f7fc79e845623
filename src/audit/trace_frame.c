/* SPDX-License-Identifier: MIT */
/* trace_frame.c - see trace_frame.h. */
#include "audit/trace_frame.h"

#include "base/assert.h"
#include <string.h>

const char *const trace_frame_words[TRACE_FRAMINGS + 1] = { "lines", "u8", "u16", "u32", "u64", "u16le", "u32le", "u64le", "varint", NULL };

void
trace_frame_init(struct trace_frame *f, uint64_t offset)
{
	f->offset = f->start = offset;
	f->number = f->length = f->taken = 0;
	f->head_n = 0;
	f->inside = f->unframed = f->cr = false;
	f->kept = 0;
}

static void
tell(struct trace_frame *f, const struct trace_frame_conf *conf, const char *first, size_t n, bool cut, trace_frame_fn *fn, void *ud)
{
	char id[TRACE_ID_MAX];
	struct trace_message m = { .number = ++f->number, .offset = f->start, .bytes = f->taken, .hash = trace_hash_end(&f->hash), .id = id,
		.cut = cut };

	trace_id_find(&conf->id, first, n, m.hash, id);
	fn(ud, &m);
	f->inside = false;
	f->head_n = 0;
	f->kept = 0;
	f->cr = false;
}

static void
begin(struct trace_frame *f, uint64_t length)
{
	f->inside = true;
	f->length = length;
	f->taken = 0;
	f->kept = 0;
	trace_hash_init(&f->hash);
}

/* Content of the message. */
static void
take(struct trace_frame *f, const char *p, size_t n, bool keep)
{
	const size_t k = FL_MIN(n, (size_t)TRACE_ID_LOOK - f->kept);

	trace_hash_feed(&f->hash, p, n);
	f->taken += n;
	if (!keep || k == 0)
		return;
	memcpy(f->keep + f->kept, p, k);
	f->kept = (uint16_t)(f->kept + k);
}

/* The end of a message is there, n bytes more of which are at p. */
static void
finish(struct trace_frame *f, const struct trace_frame_conf *conf, const char *p, size_t n, trace_frame_fn *fn, void *ud)
{
	const bool whole = f->taken == 0;       /* all of it lies here: nothing need be kept */

	take(f, p, n, !whole);
	tell(f, conf, whole ? p : f->keep, whole ? n : f->kept, false, fn, ud);
}

/* ---- lines ---- */

/* A part of a line without its "\n". The last "\r" waits for what follows. */
static void
line_part(struct trace_frame *f, const char *p, size_t n)
{
	if (n == 0)
		return;
	if (f->cr)
		take(f, "\r", 1, true);
	f->cr = p[n - 1] == '\r';
	take(f, p, n - f->cr, true);
}

static void
feed_lines(struct trace_frame *f, const struct trace_frame_conf *conf, const char *p, size_t n, trace_frame_fn *fn, void *ud)
{
	while (n > 0) {
		const char *end = memchr(p, '\n', n);
		const size_t part = end != NULL ? (size_t)(end - p) : n, used = part + (end != NULL);

		if (!f->inside) {
			begin(f, 0);
			f->start = f->offset;
		}
		if (end == NULL) {
			line_part(f, p, part);
		} else if (f->taken == 0 && !f->cr) {
			const size_t k = part - (part > 0 && p[part - 1] == '\r');

			f->inside = k > 0;
			if (k > 0)
				finish(f, conf, p, k, fn, ud);
		} else {
			line_part(f, p, part);
			f->cr = false;
			f->inside = f->taken > 0;
			if (f->inside)
				tell(f, conf, f->keep, f->kept, false, fn, ud);
		}
		f->offset += used;
		p += used;
		n -= used;
	}
}

/* ---- lengths ---- */

static unsigned
width(enum trace_framing framing)
{
	switch (framing) {
	case TRACE_FRAME_U8: return 1;
	case TRACE_FRAME_U16: case TRACE_FRAME_U16LE: return 2;
	case TRACE_FRAME_U32: case TRACE_FRAME_U32LE: return 4;
	case TRACE_FRAME_U64: case TRACE_FRAME_U64LE: return 8;
	case TRACE_FRAME_LINES: case TRACE_FRAME_VARINT: case TRACE_FRAMINGS: break;
	}
	return 0;
}

/* The length that the bytes of the head say. false: it is not whole yet. */
static bool
read_length(const struct trace_frame *f, enum trace_framing framing, uint64_t *ret)
{
	const unsigned w = width(framing);
	uint64_t v = 0;

	if (framing == TRACE_FRAME_VARINT) {
		for (unsigned i = 0; i < f->head_n; i++)
			v |= i < 9 ? (uint64_t)(f->head[i] & 0x7f) << 7 * i : 0;
		if (f->head_n == sizeof(f->head))
			v = UINT64_MAX;
		else if ((f->head[f->head_n - 1] & 0x80) != 0)
			return false;
	} else {
		if (f->head_n < w)
			return false;
		for (unsigned i = 0; i < w; i++)
			v |= (uint64_t)f->head[i] << 8 * (framing >= TRACE_FRAME_U16LE ? i : w - 1 - i);
	}
	*ret = v;
	return true;
}

static void
give_up(struct trace_frame *f, trace_frame_fn *fn, void *ud)
{
	struct trace_message m = { .number = ++f->number, .offset = f->start, .id = "", .unframed = true };

	f->unframed = true;
	f->inside = false;
	fn(ud, &m);
}

/* returns how many bytes were used. */
static size_t
feed_head(struct trace_frame *f, const struct trace_frame_conf *conf, const char *p, trace_frame_fn *fn, void *ud)
{
	uint64_t length;

	if (f->head_n == 0)
		f->start = f->offset;
	f->head[f->head_n++] = (uint8_t)*p;
	if (!read_length(f, (enum trace_framing)conf->framing, &length))
		return 1;
	if (length > TRACE_FRAME_MESSAGE_MAX) {
		give_up(f, fn, ud);
		return 1;
	}
	begin(f, length);
	if (length == 0)
		tell(f, conf, p, 0, false, fn, ud);
	return 1;
}

static void
feed_lengths(struct trace_frame *f, const struct trace_frame_conf *conf, const char *p, size_t n, trace_frame_fn *fn, void *ud)
{
	while (n > 0 && !f->unframed) {
		size_t used;

		if (!f->inside) {
			used = feed_head(f, conf, p, fn, ud);
		} else {
			used = FL_MIN(n, f->length - f->taken);
			if (used == f->length - f->taken)
				finish(f, conf, p, used, fn, ud);
			else
				take(f, p, used, true);
		}
		f->offset += used;
		p += used;
		n -= used;
	}
	f->offset += n;
}

void
trace_frame_feed(struct trace_frame *f, const struct trace_frame_conf *conf, const void *p, size_t n, trace_frame_fn *fn, void *ud)
{
	fl_assert(conf->framing < TRACE_FRAMINGS);
	if (f->unframed)
		f->offset += n;
	else if (conf->framing == TRACE_FRAME_LINES)
		feed_lines(f, conf, p, n, fn, ud);
	else
		feed_lengths(f, conf, p, n, fn, ud);
}

void
trace_frame_end(struct trace_frame *f, const struct trace_frame_conf *conf, trace_frame_fn *fn, void *ud)
{
	if (f->unframed || (!f->inside && f->head_n == 0))
		return;
	if (!f->inside)
		begin(f, 0);
	if (f->cr)
		take(f, "\r", 1, true);
	tell(f, conf, f->keep, f->kept, true, fn, ud);
}
