/* SPDX-License-Identifier: MIT */
/*
 * audit_tell.c - from the documents of check and match to evidence.
 *
 * Times in a history are of the run's clock, of the monotonic clock or of the wall clock; which of them, their size tells. A line of
 * transactions names no time: it is looked up in the history.
 */
#include "run/audit_tell.h"

#include <inttypes.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX 600
#define VALUE_BYTES_MAX 200
#define WALL_LEAST INT64_C(1000000000000000000)

struct teller {
	const struct audit_tell_clock *clock;
	struct arena *mem;
	const char *history;            /* its text, or NULL */
	struct result_evidence *list;
	uint32_t count;
	const char *ops[AUDIT_TELL_OPS_MAX];
	uint32_t op_count;
	fl_ns from, to;
};

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s == NULL ? "" : s;
}

/* A time as since the start of the run. */
static fl_ns
moment(const struct teller *t, int64_t at)
{
	if (at >= WALL_LEAST)
		return at - t->clock->wall;
	return at > t->clock->length && at >= t->clock->epoch ? at - t->clock->epoch : at;
}

static void
widen(struct teller *t, const json_t *time)
{
	fl_ns at;

	if (!json_is_integer(time))
		return;
	at = moment(t, json_integer_value(time));
	t->from = t->from == FL_NEVER ? at : FL_MIN(t->from, at);
	t->to = t->to == FL_NEVER ? at : FL_MAX(t->to, at);
}

/* The time that stands in a line of the history. */
static void
widen_line(struct teller *t, json_int_t line)
{
	const char *at = t->history, *end, *found;

	for (json_int_t i = 1; at != NULL && i < line; i++) {
		at = strchr(at, '\n');
		at = at == NULL ? NULL : at + 1;
	}
	if (at == NULL || line <= 0)
		return;
	end = strchrnul(at, '\n');
	found = memmem(at, (size_t)(end - at), "\"time\":", 7);
	if (found != NULL) {
		json_t *time = json_integer(strtoll(found + 7, NULL, 10));

		widen(t, time);
		json_decref(time);
	}
}

static const char *
value_text(struct arena *mem, const json_t *v)
{
	char *dump = v == NULL || json_is_null(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	const char *text = dump == NULL ? "" : arena_printf(mem, " %.*s%s", VALUE_BYTES_MAX, dump, strlen(dump) > VALUE_BYTES_MAX ? "..." : "");

	free(dump);
	return text;
}

static void
put_op(struct teller *t, const char *line)
{
	if (t->op_count < AUDIT_TELL_OPS_MAX && line != NULL)
		t->ops[t->op_count++] = line;
}

static void
begin(struct teller *t)
{
	t->op_count = 0;
	t->from = t->to = FL_NEVER;
}

/* What was gathered, as one piece of evidence. */
static void
end(struct teller *t, const char *what, const char *say)
{
	const char **ops = arena_alloc(t->mem, (t->op_count + 1) * sizeof(*ops));

	if (t->count == AUDIT_TELL_EVIDENCE_MAX || ops == NULL)
		return;
	memcpy(ops, t->ops, t->op_count * sizeof(*ops));
	t->list[t->count++] = (struct result_evidence){
		.what = arena_strdup(t->mem, what), .say = arena_strdup(t->mem, say), .ops = ops, .op_count = t->op_count,
		.from = t->from, .to = t->to,
	};
}

/* ---- faultline check ---- */

static const char *
seconds(struct teller *t, const json_t *time)
{
	if (!json_is_integer(time))
		return "no answer";
	return arena_printf(t->mem, "%.3f s", (double)moment(t, json_integer_value(time)) / (double)FL_SEC);
}

static void
tell_operation(struct teller *t, const json_t *op)
{
	const json_t *invoked = json_object_get(op, "invoked"), *completed = json_object_get(op, "completed");

	widen(t, invoked);
	widen(t, completed);
	put_op(t, arena_printf(t->mem, "%s client %" JSON_INTEGER_FORMAT ": %s%s, %s, %s .. %s (line %" JSON_INTEGER_FORMAT ")",
	    json_is_true(json_object_get(op, "culprit")) ? ">" : " ", json_integer_value(json_object_get(op, "process")), text_of(op, "f"),
	    value_text(t->mem, json_object_get(op, "value")), text_of(op, "type"), seconds(t, invoked), seconds(t, completed),
	    json_integer_value(json_object_get(op, "line"))));
}

static void
tell_history(struct teller *t, const json_t *root, struct result_audit *ret)
{
	const json_t *evidence = json_object_get(root, "evidence");

	ret->ok = (uint64_t)json_integer_value(json_object_get(root, "operations"));
	for (size_t i = 0; i < json_array_size(evidence); i++) {
		const json_t *e = json_array_get(evidence, i), *ops = json_object_get(e, "operations");
		const char *key = json_string_value(json_object_get(e, "key"));

		begin(t);
		for (size_t k = 0; k < json_array_size(ops); k++)
			tell_operation(t, json_array_get(ops, k));
		end(t, key == NULL ? "history" : arena_printf(t->mem, "key %s", key), text_of(e, "say"));
	}
}

static void
tell_cycle(struct teller *t, const json_t *cycle)
{
	for (size_t i = 0; i < json_array_size(cycle); i++) {
		const json_t *step = json_array_get(cycle, i);

		put_op(t, arena_printf(t->mem, "%s -%s-> %s: %s", text_of(step, "from"), text_of(step, "edge"), text_of(step, "to"),
		    text_of(step, "why")));
	}
}

static void
tell_txn(struct teller *t, const json_t *root, struct result_audit *ret)
{
	const json_t *anomalies = json_object_get(root, "anomalies"), *all = json_object_get(root, "transactions");
	uint64_t committed = (uint64_t)json_integer_value(json_object_get(root, "committed"));
	uint64_t reads = (uint64_t)json_integer_value(json_object_get(root, "reads"));

	ret->ok = committed > 0 ? committed : reads;
	ret->fail = committed > 0 ? (uint64_t)json_integer_value(all) - committed : 0;
	for (size_t i = 0; i < json_array_size(anomalies); i++) {
		const json_t *a = json_array_get(anomalies, i), *txns = json_object_get(a, "transactions");

		begin(t);
		widen_line(t, json_integer_value(json_object_get(a, "line")));
		for (size_t k = 0; k < json_array_size(txns); k++) {
			const json_t *x = json_array_get(txns, k);
			json_int_t line = json_integer_value(json_object_get(x, "line"));

			widen_line(t, line);
			put_op(t, arena_printf(t->mem, "%s =%s, client %" JSON_INTEGER_FORMAT ", %s (line %" JSON_INTEGER_FORMAT ")",
			    text_of(x, "name"), value_text(t->mem, json_object_get(x, "value")),
			    json_integer_value(json_object_get(x, "process")), text_of(x, "type"), line));
		}
		tell_cycle(t, json_object_get(a, "cycle"));
		end(t, text_of(a, "type"), text_of(a, "say"));
	}
}

/* ---- faultline match ---- */

static void
tell_message(struct teller *t, const json_t *x)
{
	const json_t *at = json_object_get(x, "at_ns"), *record = json_object_get(x, "record"), *behind = json_object_get(x, "behind");
	const char *name = "a message that does not say which it is", *where = "", *other = "", *say = text_of(x, "say");

	widen(t, at);
	if (json_object_get(x, "number") != NULL)
		name = arena_printf(t->mem, "flow %" JSON_INTEGER_FORMAT " key %" JSON_INTEGER_FORMAT " number %" JSON_INTEGER_FORMAT,
		    json_integer_value(json_object_get(x, "flow")), json_integer_value(json_object_get(x, "key")),
		    json_integer_value(json_object_get(x, "number")));
	if (behind != NULL)
		other = arena_printf(t->mem, ", behind number %" JSON_INTEGER_FORMAT, json_integer_value(behind));
	if (record != NULL)
		where = arena_printf(t->mem, ", record %" JSON_INTEGER_FORMAT, json_integer_value(record));
	put_op(t, arena_printf(t->mem, "%s%s%s%.200s%s%s%s", name, other, say[0] != '\0' ? ": " : "", say, at != NULL ? ", at " : "",
	    at != NULL ? seconds(t, at) : "", where));
}

static void
tell_stream(struct teller *t, const json_t *root, struct result_audit *ret)
{
	json_t *defects = json_object_get(root, "defects"), *d;
	const char *name;

	ret->ok = (uint64_t)json_integer_value(json_object_get(root, "promised"));
	ret->fail = (uint64_t)json_integer_value(json_object_get(root, "refused"));
	ret->info = (uint64_t)json_integer_value(json_object_get(root, "in_doubt"));
	ret->info = ret->ok + ret->fail + ret->info > (uint64_t)json_integer_value(json_object_get(root, "sent")) ? 0 : ret->info;
	json_object_foreach(defects, name, d) {
		json_int_t count = json_integer_value(json_object_get(d, "count"));
		const json_t *examples = json_object_get(d, "examples");

		if (count == 0 || !json_is_true(json_object_get(d, "counts")))
			continue;
		begin(t);
		for (size_t k = 0; k < json_array_size(examples); k++)
			tell_message(t, json_array_get(examples, k));
		end(t, name, arena_printf(t->mem, "%" JSON_INTEGER_FORMAT " %s", count, text_of(d, "say")));
	}
}

static const char *
stream_reason(struct teller *t, const json_t *root)
{
	const char *reason = text_of(root, "reason"), *all = NULL;

	if (reason[0] != '\0')
		return reason;
	for (uint32_t i = 0; i < t->count; i++)
		all = all == NULL ? arena_printf(t->mem, "%s: %s", t->list[i].what, t->list[i].say) :
		    arena_printf(t->mem, "%s; %s: %s", all, t->list[i].what, t->list[i].say);
	if (all != NULL && strcmp(text_of(root, "expected"), "match") == 0)
		return all;
	if (all != NULL)
		return arena_printf(t->mem, "a finding was expected, and there is one: %s", all);
	return strcmp(text_of(root, "expected"), "match") == 0 ? "what was promised is what arrived" :
	    "a finding was expected, and there is none: the detector did not fire";
}

int
audit_tell(enum experiment_audit_kind kind, const char *document, const char *history, const struct audit_tell_clock *clock, struct arena *mem,
    struct result_audit *ret)
{
	struct teller t = { .clock = clock, .mem = mem, .history = history };
	json_t *root = json_loads(document, 0, NULL);

	t.list = arena_alloc(mem, AUDIT_TELL_EVIDENCE_MAX * sizeof(*t.list));
	if (!json_is_object(root) || t.list == NULL) {
		json_decref(root);
		return t.list == NULL ? -ENOMEM : -EINVAL;
	}
	if (kind == EXPERIMENT_AUDIT_STREAM)
		tell_stream(&t, root, ret);
	else if (kind == EXPERIMENT_AUDIT_TXN)
		tell_txn(&t, root, ret);
	else
		tell_history(&t, root, ret);
	ret->reason = arena_strdup(mem, kind == EXPERIMENT_AUDIT_STREAM ? stream_reason(&t, root) : text_of(root, "reason"));
	ret->evidence = t.list;
	ret->evidence_count = t.count;
	json_decref(root);
	return mem->overflowed ? -ENOMEM : 0;
}
