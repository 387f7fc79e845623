/* SPDX-License-Identifier: MIT */
/* model_user.c - see model_user.h. A call's numbers stand in the lists of the calls: kind, a, b, c, looks. */
#include "audit/model_user.h"

#include "audit/tape_value.h"
#include "base/assert.h"

#include <errno.h>
#include <inttypes.h>

#define VALUE_BYTES_MAX (16u << 20)
#define NUMBERS 5

static void
json_of(const struct tape *t, struct tape_value v, struct buf *out)
{
	struct jsonw w;

	buf_init(out, VALUE_BYTES_MAX);
	jsonw_init(&w, out);
	tape_value_json(t, v, &w);
}

static int
add(struct model_input *in, const struct model_deed *d, const struct fl_model_call *call)
{
	struct calls_one one = model_call(d);
	int rc = calls_list(in->calls, NUMBERS, &one.list_at);

	if (rc != 0 || (call->looks && d->outcome != TAPE_OK))
		return rc;
	int64_t *n = in->calls->lists + one.list_at;

	n[0] = call->kind;
	n[1] = call->a;
	n[2] = call->b;
	n[3] = call->c;
	n[4] = call->looks;
	one.list_count = NUMBERS;
	one.any_result = d->outcome != TAPE_OK;
	one.looks = call->looks;
	one.group = call->looks ? CALLS_ALONE(d->id) : CALLS_NONE;
	return calls_add(in->calls, &one);
}

static int
translate(struct model_input *in, const struct model_deed *d)
{
	const struct fl_model *plugin = in->self;
	bool known = d->outcome == TAPE_OK;
	struct tape_value result = known ? d->result : tape_nil();
	struct fl_model_call call = { .unknown = !known };
	struct buf key, asked, got;
	uint32_t call_id, result_id;
	int rc;

	if (values_number(in->values, d->call, &call_id) != 0 || values_number(in->values, result, &result_id) != 0)
		return -ENOMEM;
	json_of(in->tape, d->op->has_key ? d->op->key : tape_nil(), &key);
	json_of(in->tape, d->call, &asked);
	json_of(in->tape, result, &got);
	if (key.overflowed || asked.overflowed || got.overflowed) {
		rc = model_refuse(in, "a value is too long");
	} else {
		struct fl_model_op op = { .f = tape_chars(in->tape, d->op->f), .process = d->op->process, .known = known, .key = buf_str(&key),
			.call = buf_str(&asked), .result = buf_str(&got), .call_id = call_id, .result_id = result_id };

		in->error[0] = '\0';
		rc = plugin->call(&op, &call, in->error, sizeof(in->error)) == 0 ? 0 : -EINVAL;
		in->error[sizeof(in->error) - 1] = '\0';
		if (rc != 0 && in->error[0] == '\0')
			rc = model_refuse(in, "the model %s does not take this operation", plugin->name);
		call.unknown = !known;
	}
	buf_fini(&key);
	buf_fini(&asked);
	buf_fini(&got);
	return rc != 0 ? rc : add(in, d, &call);
}

static int
step(const void *self, const struct calls *all, const struct calls_one *c, const int64_t *state, uint32_t n, struct frontier_row *out)
{
	const struct fl_model *plugin = self;
	const int64_t *list = all->lists + c->list_at;
	struct fl_model_call call = { .kind = list[0], .a = list[1], .b = list[2], .c = list[3], .unknown = c->any_result, .looks = list[4] != 0 };
	uint32_t count = n;

	if (!frontier_room(out, n + plugin->grow_max + 1))
		return -ENOMEM;
	if (!plugin->step(&call, state, n, out->at, &count))
		return 0;
	/* Beyond that it has written where nothing is its own. */
	fl_assert(call.looks || count <= n + plugin->grow_max);
	out->count = count;
	return 1;
}

static bool
guesses(const struct calls *calls)
{
	(void)calls;
	return true;
}

static void
describe(const void *self, const struct values *values, const int64_t *state, uint32_t n, struct buf *out)
{
	const struct fl_model *plugin = self;
	char text[256] = "";

	(void)values;
	if (plugin->describe != NULL) {
		plugin->describe(state, n, text, sizeof(text));
		text[sizeof(text) - 1] = '\0';
		(void)buf_puts(out, text);
		return;
	}
	(void)buf_putc(out, '[');
	for (uint32_t i = 0; i < n && i < 16; i++)
		(void)buf_printf(out, "%s%" PRId64, i > 0 ? " " : "", state[i]);
	(void)buf_puts(out, n > 16 ? " ...]" : "]");
}

const char *
model_user_init(struct model_user *m, const struct fl_model *plugin)
{
	if (plugin->version != FL_MODEL_VERSION)
		return "it was made for another version of faultline/model.h";
	if (plugin->name == NULL || plugin->name[0] == '\0' || plugin->call == NULL || plugin->step == NULL)
		return "its name, call or step is missing";
	if ((plugin->start == NULL && plugin->start_count > 0) || plugin->grow_max > FL_MODEL_GROW_MAX)
		return "its start is missing, or its grow_max is too great";
	*m = (struct model_user){ .plugin = plugin, .model = { .name = plugin->name, .is = plugin->name, .help = "of your own",
		.split = plugin->whole ? MODEL_WHOLE : MODEL_BY_KEY, .translate = translate, .step = step, .self = plugin, .start = plugin->start,
		.start_count = plugin->start_count, .guesses = plugin->guesses ? guesses : NULL, .describe = describe } };
	return NULL;
}
