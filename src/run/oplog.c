/* SPDX-License-Identifier: MIT */
/* oplog.c - the logs of a load's clients, and the one history they make. */
#include "run/oplog.h"

#include "audit/history_write.h"
#include "base/assert.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TEXTS_BYTES_MAX (4u << 20)
#define EMIT_BYTES (64u << 10)

const char *
oplog_error_text(enum oplog_error e)
{
	static const char *const texts[] = {
#define OPLOG_ROW(id, text) text,
		OPLOG_ERRORS(OPLOG_ROW)
#undef OPLOG_ROW
	};

	fl_assert(e < OPLOG_ERROR_COUNT);
	return texts[e];
}

/* Pages are touched as they are written, so room for many costs nothing. */
int
oplog_init(struct oplog *l, uint32_t cap)
{
	void *mem = mmap(NULL, cap * sizeof(*l->ops), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	*l = (struct oplog){ .cap = cap };
	if (mem == MAP_FAILED)
		return -ENOMEM;
	l->ops = mem;
	arena_init(&l->texts, TEXTS_BYTES_MAX);
	return 0;
}

void
oplog_fini(struct oplog *l)
{
	if (l->ops != NULL) {
		munmap(l->ops, l->cap * sizeof(*l->ops));
		arena_fini(&l->texts);
	}
	l->ops = NULL;
}

bool
oplog_add(struct oplog *l, const struct oplog_op *op)
{
	uint32_t n = atomic_load_explicit(&l->count, memory_order_relaxed);

	fl_assert(op->invoke > l->last || n == 0);
	fl_assert(op->complete > op->invoke);
	if (n == l->cap)
		return false;
	l->ops[n] = *op;
	l->last = op->complete;
	atomic_store_explicit(&l->count, n + 1, memory_order_release);
	return true;
}

const struct oplog_op *
oplog_next(struct oplog *l)
{
	if (l->seen == atomic_load_explicit(&l->count, memory_order_acquire))
		return NULL;
	return &l->ops[l->seen++];
}

/* One invocation or completion, for sorting. */
struct moment {
	fl_ns at;
	uint32_t client;
	uint32_t op;
	bool complete;
};

/* At the same nanosecond invocations come first: then the operations overlap, which claims no order that was not seen. */
static int
moment_order(const void *pa, const void *pb)
{
	const struct moment *a = pa, *b = pb;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->complete != b->complete)
		return a->complete ? 1 : -1;
	if (a->client != b->client)
		return a->client < b->client ? -1 : 1;
	return 0;
}

static struct moment *
sorted_moments(const struct oplog_merge *m, size_t *ret_count)
{
	struct moment *moments;
	size_t total = 0, n = 0;

	for (uint32_t c = 0; c < m->count; c++)
		total += 2 * (size_t)atomic_load_explicit(&m->logs[c]->count, memory_order_acquire);
	moments = malloc((total + 1) * sizeof(*moments));
	if (moments == NULL)
		return NULL;
	for (uint32_t c = 0; c < m->count; c++) {
		uint32_t count = (uint32_t)atomic_load_explicit(&m->logs[c]->count, memory_order_acquire);
		for (uint32_t i = 0; i < count; i++) {
			const struct oplog_op *op = &m->logs[c]->ops[i];
			moments[n++] = (struct moment){ .at = op->invoke, .client = c, .op = i };
			moments[n++] = (struct moment){ .at = op->complete, .client = c, .op = i, .complete = true };
		}
	}
	qsort(moments, n, sizeof(*moments), moment_order);
	*ret_count = n;
	return moments;
}

/* Per client: which process it is now, and the history's number of its open operation. */
struct writer {
	int64_t process;
	uint32_t open;
};

static int
add_invoke(const struct oplog_merge *m, struct history *h, const struct oplog_op *op, struct writer *w)
{
	char key[160];
	struct history_call call = {
		.process = w->process,
		.f = (enum history_f)op->f,
		.key = key,
		.value = history_int(op->value),
		.expect = op->expect_nil ? history_nil() : history_int(op->expect),
		.at = op->invoke,
	};
	int rc;

	snprintf(key, sizeof(key), "%s%u", m->prefix, op->key);
	rc = history_invoke(h, &call, &w->open);
	if (rc == 0 && m->out != NULL)
		rc = history_write_invoke(h, w->open, m->out);
	return rc;
}

static int
add_complete(const struct oplog_merge *m, struct history *h, const struct oplog_op *op, struct writer *w)
{
	struct history_answer answer = {
		.outcome = (enum history_outcome)op->outcome,
		.value = op->got_nil ? history_nil() : history_int(op->got),
		.mismatch = op->error == OPLOG_MISMATCH,
		.error = op->error == OPLOG_NONE ? NULL : oplog_error_text((enum oplog_error)op->error),
		.at = op->complete,
	};
	int rc = 0;

	if (op->got_text != NULL)
		rc = history_intern(h, op->got_text, &answer.value);
	if (rc == 0)
		rc = history_complete(h, w->open, &answer);
	if (rc == 0 && m->out != NULL)
		rc = history_write_complete(h, w->open, m->out);
	if (op->outcome == HISTORY_INFO)
		w->process += m->count;
	return rc;
}

int
oplog_merge(const struct oplog_merge *m, struct history *h)
{
	size_t count = 0;
	struct moment *moments = sorted_moments(m, &count);
	struct writer *writers = calloc(m->count + 1, sizeof(*writers));
	int rc = moments == NULL || writers == NULL ? -ENOMEM : 0;

	for (uint32_t c = 0; rc == 0 && c < m->count; c++)
		writers[c].process = c;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		const struct moment *t = &moments[i];
		const struct oplog_op *op = &m->logs[t->client]->ops[t->op];
		struct writer *w = &writers[t->client];
		rc = t->complete ? add_complete(m, h, op, w) : add_invoke(m, h, op, w);
		if (rc == 0 && m->emit != NULL && m->out != NULL && (buf_len(m->out) >= EMIT_BYTES || i + 1 == count))
			rc = m->emit(m->ud, m->out);
	}
	free(moments);
	free(writers);
	return rc;
}
