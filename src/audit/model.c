/* SPDX-License-Identifier: MIT */
/* model.c - see model.h. */
#include "audit/model.h"

#include "audit/model_bank.h"
#include "audit/model_basic.h"
#include "audit/model_list.h"
#include "audit/model_log.h"
#include "audit/model_many.h"
#include "audit/model_pile.h"
#include "audit/model_register.h"
#include "audit/model_set.h"
#include "audit/tape_value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_SHOWN 16

const struct model *const *
model_all(void)
{
	static const struct model *const all[] = {
		&model_register_plain, &model_register_cas, &model_register_keys, &model_many_register, &model_basic_counter,
		&model_set_any, &model_set_grow, &model_pile_queue, &model_pile_stack, &model_pile_priority, &model_pile_max_priority,
		&model_pile_bag, &model_pile_total, &model_pile_exactly, &model_pile_at_most, &model_basic_mutex, &model_basic_owner_mutex,
		&model_basic_fenced, &model_basic_unique, &model_list_append,
		&model_log_keys, &model_bank_accounts, NULL,
	};

	return all;
}

const struct model *
model_find(const char *name)
{
	static const struct {
		const char *other, *name;
	} others[] = {
		{ "kv", "key-value" }, { "grow-only-set", "g-set" }, { "gset", "g-set" }, { "fifo", "queue" }, { "fifo-queue", "queue" },
		{ "lifo", "stack" }, { "pqueue", "priority-queue" }, { "min-priority-queue", "priority-queue" }, { "bag", "unordered-queue" },
		{ "total-queue-at-least-once", "total-queue" }, { "lock", "mutex" }, { "fenced-lock", "fenced-mutex" },
		{ "list", "append-list" }, { "list-append", "append-list" }, { "kafka", "log" },
		{ "ids", "unique-ids" },
	};
	const struct model *const *all = model_all();

	for (size_t i = 0; i < FL_ARRAY_LEN(others); i++)
		if (strcmp(others[i].other, name) == 0)
			name = others[i].name;
	for (size_t i = 0; all[i] != NULL; i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}

void
model_put_value(const struct values *values, int64_t number, size_t columns_max, struct buf *out)
{
	if (number == 0 && values->zero)
		(void)buf_putc(out, '0');
	else if (number >= 0 && number < values->count)
		tape_value_put(values->tape, values->at[number], columns_max, out);
}

void
model_put_list(const struct values *values, const int64_t *numbers, uint32_t n, struct buf *out)
{
	(void)buf_putc(out, '[');
	for (uint32_t i = 0; i < n && i < LIST_SHOWN; i++) {
		(void)buf_puts(out, i > 0 ? " " : "");
		model_put_value(values, numbers[i], 40, out);
	}
	(void)buf_puts(out, n > LIST_SHOWN ? " ...]" : "]");
}

struct calls_one
model_call(const struct model_deed *deed)
{
	return (struct calls_one){ .id = deed->id, .inv = deed->op->invoke_pos,
		.ret = deed->outcome == TAPE_OK ? deed->op->complete_pos : CALLS_NEVER, .kind = deed->kind, .group = CALLS_NONE,
		.process = deed->op->process };
}

int
model_refuse(struct model_input *in, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(in->error, sizeof(in->error), format, ap);
	va_end(ap);
	return -EINVAL;
}

static int
compare_i64(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int
model_list(struct model_input *in, struct tape_value list, bool set, struct calls_one *ret)
{
	uint32_t n = list.type == TAPE_NIL ? 0 : list.count, kept = 0, number;

	if (calls_list(in->calls, n, &ret->list_at) != 0)
		return -ENOMEM;
	int64_t *out = in->calls->lists + ret->list_at;

	for (uint32_t i = 0; i < n; i++) {
		if (values_number(in->values, tape_item(in->tape, list, i), &number) != 0)
			return -ENOMEM;
		out[i] = number;
	}
	if (set && n > 0)
		qsort(out, n, sizeof(out[0]), compare_i64);
	for (uint32_t i = 0; i < n; i++)
		if (!set || kept == 0 || out[kept - 1] != out[i])
			out[kept++] = out[i];
	in->calls->list_count -= n - kept;
	ret->list_count = kept;
	return 0;
}
