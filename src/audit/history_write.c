/* SPDX-License-Identifier: MIT */
/* history_write.c - see history_write.h. */
#include "audit/history_write.h"

#include "base/assert.h"
#include "proto/jsonw.h"

#include <errno.h>
#include <stdlib.h>

static void
put_value(const struct history *h, struct history_value v, struct jsonw *w)
{
	switch (v.type) {
	case HISTORY_NIL:
		jsonw_null(w);
		break;
	case HISTORY_INT:
		jsonw_int(w, v.i);
		break;
	case HISTORY_TEXT:
		jsonw_string(w, history_text(h, v));
		break;
	}
}

/* What both lines of an operation share. A read carries a value only when it returned one. */
static void
start(struct jsonw *w, const struct history *h, const struct history_op *op, const char *type, bool read_value)
{
	jsonw_object(w);
	jsonw_num(w, "process", op->process);
	jsonw_str(w, "type", type);
	jsonw_str(w, "f", history_f_name(op->f));
	jsonw_str(w, "key", history_key(h, op->key));
	jsonw_key(w, "value");
	if (op->f == HISTORY_CAS) {
		jsonw_array(w);
		put_value(h, op->expect, w);
		put_value(h, op->value, w);
		jsonw_end(w);
	} else if (op->f == HISTORY_READ && !read_value) {
		jsonw_null(w);
	} else {
		put_value(h, op->value, w);
	}
}

static int
end(struct jsonw *w)
{
	jsonw_end(w);
	buf_putc(w->out, '\n');
	return w->out->overflowed ? -ENOBUFS : 0;
}

int
history_write_invoke(const struct history *h, uint32_t index, struct buf *out)
{
	fl_assert(index < h->count);
	const struct history_op *op = &h->ops[index];
	struct jsonw w;

	jsonw_init(&w, out);
	start(&w, h, op, "invoke", false);
	jsonw_num(&w, "time", op->invoke_ns);
	return end(&w);
}

int
history_write_complete(const struct history *h, uint32_t index, struct buf *out)
{
	fl_assert(index < h->count && h->ops[index].complete_pos != HISTORY_POS_NEVER);
	const struct history_op *op = &h->ops[index];
	struct jsonw w;

	jsonw_init(&w, out);
	start(&w, h, op, history_outcome_name(op->outcome), op->outcome == HISTORY_OK);
	jsonw_num(&w, "time", op->complete_ns);
	if (op->mismatch || op->error != NULL)
		jsonw_str(&w, "error", op->mismatch ? "cas-mismatch" : op->error);
	return end(&w);
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
