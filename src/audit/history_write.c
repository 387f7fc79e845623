/* SPDX-License-Identifier: MIT */
/* history_write.c - see history_write.h. */
#include "audit/history_write.h"

#include "base/assert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static void
put_text(struct buf *out, const char *s)
{
	buf_putc(out, '"');
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			buf_putc(out, '\\');
		if (c < 0x20)
			buf_printf(out, "\\u%04x", c);
		else
			buf_putc(out, (char)c);
	}
	buf_putc(out, '"');
}

static void
put_value(const struct history *h, struct history_value v, struct buf *out)
{
	switch (v.type) {
	case HISTORY_NIL:
		buf_puts(out, "null");
		break;
	case HISTORY_INT:
		buf_printf(out, "%" PRId64, v.i);
		break;
	case HISTORY_TEXT:
		put_text(out, history_text(h, v));
		break;
	}
}

/* What both lines of an operation share. A read carries a value only when it returned one. */
static void
put_event(const struct history *h, const struct history_op *op, const char *type, bool read_value, struct buf *out)
{
	buf_printf(out, "{\"process\":%" PRId64 ",\"type\":\"%s\",\"f\":\"%s\",\"key\":", op->process, type, history_f_name(op->f));
	put_text(out, history_key(h, op->key));
	buf_puts(out, ",\"value\":");
	if (op->f == HISTORY_CAS) {
		buf_putc(out, '[');
		put_value(h, op->expect, out);
		buf_putc(out, ',');
		put_value(h, op->value, out);
		buf_putc(out, ']');
	} else if (op->f == HISTORY_READ && !read_value) {
		buf_puts(out, "null");
	} else {
		put_value(h, op->value, out);
	}
}

static int
end(struct buf *out)
{
	buf_puts(out, "}\n");
	return out->overflowed ? -ENOBUFS : 0;
}

int
history_write_invoke(const struct history *h, uint32_t index, struct buf *out)
{
	fl_assert(index < h->count);
	const struct history_op *op = &h->ops[index];

	put_event(h, op, "invoke", false, out);
	buf_printf(out, ",\"time\":%" PRId64, op->invoke_ns);
	return end(out);
}

int
history_write_complete(const struct history *h, uint32_t index, struct buf *out)
{
	fl_assert(index < h->count && h->ops[index].complete_pos != HISTORY_POS_NEVER);
	const struct history_op *op = &h->ops[index];

	put_event(h, op, history_outcome_name(op->outcome), op->outcome == HISTORY_OK, out);
	buf_printf(out, ",\"time\":%" PRId64, op->complete_ns);
	if (op->mismatch || op->error != NULL) {
		buf_puts(out, ",\"error\":");
		put_text(out, op->mismatch ? "cas-mismatch" : op->error);
	}
	return end(out);
}

int
history_write_all(const struct history *h, struct buf *out)
{
	/* Events by position: index * 2 for an invocation, + 1 for a completion. */
	uint32_t *events = calloc(h->pos > 0 ? h->pos : 1, sizeof(events[0]));
	int rc = events == NULL ? -ENOBUFS : 0;

	for (uint32_t i = 0; rc == 0 && i < h->count; i++) {
		events[h->ops[i].invoke_pos] = i * 2;
		if (h->ops[i].complete_pos != HISTORY_POS_NEVER)
			events[h->ops[i].complete_pos] = i * 2 + 1;
	}
	for (uint32_t p = 0; rc == 0 && p < h->pos; p++)
		rc = events[p] & 1 ? history_write_complete(h, events[p] / 2, out) : history_write_invoke(h, events[p] / 2, out);
	free(events);
	return rc;
}
