/* SPDX-License-Identifier: MIT */
/* say.c - see say.h. */
#include "audit/say.h"

#include <errno.h>
#include <inttypes.h>

static double
seconds(fl_ns t)
{
	return (double)t / (double)FL_SEC;
}

static bool
wrote(const struct history_op *op, struct history_value v)
{
	return op->f != HISTORY_READ && op->outcome != HISTORY_FAIL && history_same(op->value, v);
}

static bool
acknowledged_before(const struct history_op *op, uint32_t pos)
{
	return op->outcome == HISTORY_OK && op->complete_pos < pos;
}

static struct history_value
saw(const struct history_op *op)
{
	return op->f == HISTORY_READ ? op->value : op->expect;
}

static bool
looks(const struct history_op *op)
{
	return op->f != HISTORY_WRITE && op->outcome == HISTORY_OK;
}

static void
put_value(const struct say_subject *s, struct history_value v, struct buf *out)
{
	(void)history_put_value(s->h, v, out);
}

/* "client 3 wrote 17 to k5 (acknowledged at 12.003 s)" */
static void
put_write(const struct say_subject *s, const struct history_op *w, struct buf *out)
{
	buf_printf(out, "client %" PRId64 " ", w->process);
	if (w->f == HISTORY_CAS) {
		buf_printf(out, "changed %s from ", history_key(s->h, w->key));
		put_value(s, w->expect, out);
		buf_puts(out, " to ");
		put_value(s, w->value, out);
	} else {
		buf_puts(out, "wrote ");
		put_value(s, w->value, out);
		buf_printf(out, " to %s", history_key(s->h, w->key));
	}
	if (w->outcome == HISTORY_OK)
		buf_printf(out, " (acknowledged at %.3f s)", seconds(w->complete_ns));
	else
		buf_printf(out, " (from %.3f s on, outcome unknown)", seconds(w->invoke_ns));
}

/* "client 1 read nil at 12.950 s" */
static void
put_look(const struct say_subject *s, const struct history_op *c, struct buf *out)
{
	if (c->f == HISTORY_READ) {
		buf_printf(out, "client %" PRId64 " read ", c->process);
		put_value(s, c->value, out);
	} else {
		buf_printf(out, "client %" PRId64 " %s change %s from ", c->process, c->mismatch ? "could not" : "could",
			   history_key(s->h, c->key));
		put_value(s, c->expect, out);
		buf_puts(out, " to ");
		put_value(s, c->value, out);
	}
	buf_printf(out, " at %.3f s", seconds(c->complete_ns));
}

/* The last write of another value that was acknowledged before the culprit was invoked. */
static const struct history_op *
newest_other(const struct say_subject *s, const struct history_op *c)
{
	const struct history_op *best = NULL;

	for (uint32_t i = 0; i < s->count; i++) {
		const struct history_op *op = &s->ops[i];

		if (op != c && op->f != HISTORY_READ && !history_same(op->value, saw(c)) && acknowledged_before(op, c->invoke_pos) &&
		    (best == NULL || op->complete_pos > best->complete_pos))
			best = op;
	}
	return best;
}

/* The last operation that saw another value and returned before the culprit was invoked. */
static const struct history_op *
look_before(const struct say_subject *s, const struct history_op *c)
{
	const struct history_op *best = NULL;

	for (uint32_t i = 0; i < s->count; i++) {
		const struct history_op *op = &s->ops[i];

		if (looks(op) && !history_same(saw(op), saw(c)) && op->complete_pos < c->invoke_pos &&
		    (best == NULL || op->complete_pos > best->complete_pos))
			best = op;
	}
	return best;
}

/* The writer of v among the contradicting operations, the last one if there are several. */
static const struct history_op *
writer_of(const struct say_subject *s, struct history_value v, const struct history_op *but)
{
	const struct history_op *best = NULL;

	for (uint32_t i = 0; i < s->count; i++)
		if (&s->ops[i] != but && wrote(&s->ops[i], v))
			best = &s->ops[i];
	return best;
}

/* Did anybody (try to) write something else on the key between w and c? */
static bool
overwritten(const struct say_subject *s, const struct history_op *w, const struct history_op *c)
{
	for (uint32_t i = 0; i < s->key_op_count; i++) {
		const struct history_op *op = &s->h->ops[s->key_ops[i]];
		bool after = op->complete_pos > w->invoke_pos || op->outcome == HISTORY_INFO;

		if (op->index != w->index && op->index != c->index && op->f != HISTORY_READ && op->outcome != HISTORY_FAIL && after &&
		    op->invoke_pos < c->complete_pos)
			return true;
	}
	return false;
}

static int
say_lost(const struct say_subject *s, const struct history_op *w, const struct history_op *c, struct buf *out)
{
	put_write(s, w, out);
	if (overwritten(s, w, c)) {
		buf_puts(out, "; nobody set it back to ");
		put_value(s, history_nil(), out);
		buf_puts(out, "; ");
	} else {
		buf_puts(out, "; nobody overwrote it; ");
	}
	put_look(s, c, out);
	return buf_puts(out, ": the acknowledged write was lost");
}

static int
say_stale(const struct say_subject *s, const struct history_op *old, const struct history_op *w, const struct history_op *c,
	  struct buf *out)
{
	put_write(s, old, out);
	buf_puts(out, "; later ");
	put_write(s, w, out);
	buf_puts(out, "; yet afterwards ");
	put_look(s, c, out);
	return buf_puts(out, ": the old value again, so the newer write was lost or the answer was stale");
}

static int
say_backwards(const struct say_subject *s, const struct history_op *first, const struct history_op *c, struct buf *out)
{
	put_look(s, first, out);
	buf_puts(out, "; afterwards ");
	put_look(s, c, out);
	return buf_puts(out, ", a value that had been replaced by then: the answer was stale, or a write was lost");
}

/* Nobody wrote what the culprit saw: was there a write that failed, or one that came too late? */
static int
say_unwritten(const struct say_subject *s, const struct history_op *c, struct buf *out)
{
	put_look(s, c, out);
	for (uint32_t i = 0; i < s->key_op_count; i++) {
		const struct history_op *op = &s->h->ops[s->key_ops[i]];

		if (op->f == HISTORY_READ || op->index == c->index || !history_same(op->value, saw(c)))
			continue;
		if (op->outcome == HISTORY_FAIL)
			return buf_printf(out, ", but the only attempt to write that, by client %" PRId64 " at %.3f s, had failed", op->process,
					  seconds(op->invoke_ns));
		if (op->invoke_pos > c->complete_pos)
			return buf_printf(out, ", but client %" PRId64 " began to write that only at %.3f s", op->process, seconds(op->invoke_ns));
	}
	return buf_puts(out, ", but nobody ever wrote that value");
}

static int
say_twice(const struct say_subject *s, const struct history_op *a, const struct history_op *b, struct buf *out)
{
	put_write(s, a, out);
	buf_puts(out, " and ");
	put_write(s, b, out);
	return buf_puts(out, ": both found the same value, which was there only once, so one of the two changes was lost");
}

/* Another successful cas that found the same value. */
static const struct history_op *
rival(const struct say_subject *s, const struct history_op *c)
{
	for (uint32_t i = 0; i < s->count; i++) {
		const struct history_op *op = &s->ops[i];

		if (op != c && op->f == HISTORY_CAS && op->outcome == HISTORY_OK && history_same(op->expect, c->expect) &&
		    !history_same(op->value, c->value))
			return op;
	}
	return NULL;
}

static int
say_general(const struct say_subject *s, const struct history_op *c, struct buf *out)
{
	buf_printf(out, "these %" PRIu32 " operations on %s fit no order in which each takes effect between its call and its answer; ", s->count,
		   history_key(s->h, c->key));
	put_look(s, c, out);
	return buf_puts(out, ", and none explains that");
}

int
say_contradiction(const struct say_subject *s, struct buf *out)
{
	const struct history_op *c = &s->ops[s->culprit];
	struct history_value v = saw(c);
	const struct history_op *newest = newest_other(s, c), *writer = writer_of(s, v, c), *seen = look_before(s, c);
	const struct history_op *other = c->f == HISTORY_CAS && !c->mismatch ? rival(s, c) : NULL;

	if (c->mismatch) {
		put_look(s, c, out);
		buf_puts(out, ", as if another value were there, but ");
		put_value(s, v, out);
		return buf_printf(out, " stood in %s all that time", history_key(s->h, c->key));
	}
	if (v.type != HISTORY_NIL && writer == NULL)
		return say_unwritten(s, c, out);
	if (other != NULL && s->count <= 3)
		return say_twice(s, other, c, out);
	if (newest != NULL && writer == NULL)
		return say_lost(s, newest, c, out);
	if (newest != NULL && writer != NULL && acknowledged_before(writer, newest->invoke_pos))
		return say_stale(s, writer, newest, c, out);
	if (seen != NULL && s->count <= 6)
		return say_backwards(s, seen, c, out);
	return say_general(s, c, out);
}
