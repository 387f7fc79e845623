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

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct model *const *
model_all(void)
{
	static const struct model *const all[] = {
		&model_register_plain, &model_register_cas, &model_register_keys, &model_many_register, &model_basic_counter,
		&model_set_any, &model_set_grow, &model_pile_queue, &model_pile_stack, &model_pile_priority, &model_pile_max_priority,
		&model_pile_total, &model_pile_exactly, &model_pile_at_most, &model_basic_mutex, &model_basic_owner_mutex,
		&model_basic_fenced, &model_basic_unique, &model_list_append,
		&model_log_keys, &model_bank_accounts, NULL,
	};

	return all;
}

const struct model *
model_find(const char *name)
{
	const struct model *const *all = model_all();

	for (size_t i = 0; all[i] != NULL; i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
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
