/* SPDX-License-Identifier: MIT */
/*
 * max_register.c - a model of one's own: a register that keeps the greatest value that was written to it.
 *
 *      cc -shared -fPIC -I include -o max_register.so examples/model/max_register.c
 *      faultline check history.jsonl --model ./max_register.so
 */
#include <faultline/model.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITE, READ };

static int
call(const struct fl_model_op *op, struct fl_model_call *ret, char *error, size_t error_bytes)
{
	const char *number = strcmp(op->f, "write") == 0 ? op->call : op->result;
	char *end;

	ret->kind = strcmp(op->f, "write") == 0 ? WRITE : READ;
	ret->looks = ret->kind == READ;
	if (ret->kind == READ && (strcmp(op->f, "read") != 0 || !op->known)) {
		if (strcmp(op->f, "read") == 0)
			return 0;
		snprintf(error, error_bytes, "a max register has write and read, not %s", op->f);
		return -1;
	}
	ret->a = strtoll(number, &end, 10);
	if (end == number || *end != '\0') {
		snprintf(error, error_bytes, "a max register holds whole numbers, not %.40s", number);
		return -1;
	}
	return 0;
}

static bool
step(const struct fl_model_call *c, const int64_t *state, uint32_t count, int64_t *ret_state, uint32_t *ret_count)
{
	if (c->kind == READ)
		return state[0] == c->a;
	ret_state[0] = c->a > state[0] ? c->a : state[0];
	*ret_count = count;
	return true;
}

static void
describe(const int64_t *state, uint32_t count, char *text, size_t text_bytes)
{
	(void)count;
	snprintf(text, text_bytes, "the greatest is %lld", (long long)state[0]);
}

static const int64_t start[] = { 0 };
extern const struct fl_model faultline_model;
const struct fl_model faultline_model = { .version = FL_MODEL_VERSION, .name = "max-register", .start = start, .start_count = 1, .call = call,
	.step = step, .describe = describe };
