/* SPDX-License-Identifier: MIT */
/* model_log.c - see model_log.h. */
#include "audit/model_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LOG_SEND, LOG_POLL, LOG_TXN, LOG_ASSIGN, LOG_SUBSCRIBE, LOG_OTHER };
/* Kinds of calls; list: key, offset (OFFSET_NONE: not known), value. */
enum { CALL_SENT, CALL_POLLED, CALL_ASSIGNED, CALL_SUBSCRIBED, CALL_ASTRAY };
#define OFFSET_NONE INT64_MIN

static const struct model_word words[] = {
	{ "send", LOG_SEND }, { "poll", LOG_POLL }, { "txn", LOG_TXN }, { "assign", LOG_ASSIGN }, { "subscribe", LOG_SUBSCRIBE },
	{ "crash", LOG_OTHER }, { "debug-topic-partitions", LOG_OTHER }, { NULL, 0 },
};

static int
add(struct model_input *in, struct calls_one *one, struct tape_value key, int64_t offset, struct tape_value value)
{
	uint32_t k, v;
	int rc = calls_list(in->calls, 3, &one->list_at);

	if (rc != 0 || values_number(in->values, key, &k) != 0 || values_number(in->values, value, &v) != 0)
		return -ENOMEM;
	in->calls->lists[one->list_at] = k;
	in->calls->lists[one->list_at + 1] = offset;
	in->calls->lists[one->list_at + 2] = v;
	one->list_count = 3;
	return calls_add(in->calls, one);
}

static bool
offset_and_value(const struct model_input *in, struct tape_value v, int64_t *ret_offset, struct tape_value *ret_value)
{
	if (!tape_is_list(v) || v.count != 2 || tape_item(in->tape, v, 0).type != TAPE_INT)
		return false;
	*ret_offset = tape_item(in->tape, v, 0).i;
	*ret_value = tape_item(in->tape, v, 1);
	return true;
}

/* ["send", key, value] or, when it was acknowledged, ["send", key, [offset, value]]; an offset nobody knows may be nil. */
static int
add_send(struct model_input *in, struct calls_one *one, struct tape_value micro, bool answered)
{
	struct tape_value value = tape_item(in->tape, micro, 2);
	int64_t offset = OFFSET_NONE;

	if (answered && !offset_and_value(in, value, &offset, &value) && tape_is_list(value) && value.count == 2 &&
	    tape_item(in->tape, value, 0).type == TAPE_NIL)
		value = tape_item(in->tape, value, 1);
	one->kind = CALL_SENT;
	return add(in, one, tape_item(in->tape, micro, 1), offset, value);
}

/* ["poll", {key: [[offset, value], ...]}] */
static int
add_poll(struct model_input *in, struct calls_one *one, struct tape_value polled)
{
	int rc = 0;

	if (polled.type == TAPE_NIL)
		return 0;
	if (polled.type != TAPE_MAP)
		return model_refuse(in, "a poll returns {key: [[offset, value], ...]}");
	one->kind = CALL_POLLED;
	one->looks = true;
	for (uint32_t k = 0; rc == 0 && k < polled.count; k++) {
		struct tape_value list = tape_pair(in->tape, polled, k)[1];

		for (uint32_t i = 0; rc == 0 && tape_is_list(list) && i < list.count; i++) {
			struct tape_value value;
			int64_t offset;

			if (!offset_and_value(in, tape_item(in->tape, list, i), &offset, &value))
				return model_refuse(in, "a poll returns {key: [[offset, value], ...]}");
			rc = add(in, one, tape_pair(in->tape, polled, k)[0], offset, value);
		}
	}
	return rc;
}

static int
translate(struct model_input *in, const struct model_deed *d)
{
	bool known = d->outcome == TAPE_OK;
	/* What was sent may have been acknowledged one by one before the outcome of the whole became unknown. */
	bool answered = d->has_result && (known || (tape_is_list(d->result) && d->result.count == d->call.count));
	struct tape_value v = answered ? d->result : d->call;
	struct calls_one one = model_call(d);
	int rc = 0;

	if (d->kind == LOG_OTHER)
		return 0;
	/* A poll that failed, or of which nothing was heard, leaves the client nobody knows where; a subscription may have begun. */
	if (!known && d->kind != LOG_SEND) {
		one.kind = d->kind == LOG_SUBSCRIBE && d->outcome == TAPE_INFO ? CALL_SUBSCRIBED : CALL_ASTRAY;
		rc = calls_add(in->calls, &one);
	}
	if (d->outcome == TAPE_FAIL || rc != 0)
		return rc;
	if (d->kind == LOG_ASSIGN || d->kind == LOG_SUBSCRIBE) {
		one.kind = d->kind == LOG_ASSIGN ? CALL_ASSIGNED : CALL_SUBSCRIBED;
		return known ? calls_add(in->calls, &one) : 0;
	}
	if (v.type == TAPE_NIL || (d->kind == LOG_POLL && !known))
		return 0;
	if (d->kind == LOG_POLL && v.type == TAPE_MAP)
		return add_poll(in, &one, v);
	if (!tape_is_list(v))
		return model_refuse(in, "a log is sent and polled by lists of [\"send\", key, value] and [\"poll\", {key: [[offset, value], ...]}]");
	for (uint32_t i = 0; rc == 0 && i < v.count; i++) {
		struct tape_value micro = tape_item(in->tape, v, i);
		uint32_t n = tape_is_list(micro) ? micro.count : 0;
		bool named = n > 0 && tape_item(in->tape, micro, 0).type == TAPE_TEXT;
		const char *f = named ? tape_chars(in->tape, (uint32_t)tape_item(in->tape, micro, 0).text) : "";

		if (strcmp(f, "send") == 0 && n == 3)
			rc = add_send(in, &one, micro, answered);
		else if (strcmp(f, "poll") != 0 || n > 2)
			rc = model_refuse(in, "a log knows [\"send\", key, value] and [\"poll\", {key: [[offset, value], ...]}]");
		else if (known && n == 2)
			rc = add_poll(in, &one, tape_item(in->tape, micro, 1));
	}
	return rc;
}

/* One call's key, offset and value, for sorting. */
struct entry {
	int64_t key, offset, value;
	uint32_t call;
	bool polled, required;
};

struct log {
	const struct calls *calls;
	struct entry *by_offset, *by_value;
	uint32_t count;
	struct model_finding *finding;
};

static int
by_offset(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return (a->call > b->call) - (a->call < b->call);
}

static int
by_value(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (a->value != b->value)
		return a->value < b->value ? -1 : 1;
	return (a->call > b->call) - (a->call < b->call);
}

static bool
illegal(struct log *l, const char *say, uint32_t a, uint32_t b)
{
	*l->finding = (struct model_finding){ .answer = MODEL_ILLEGAL, .say = say, .enough = true, .witness = { a, b },
		.witness_count = b == CALLS_NONE ? 1 : 2 };
	return false;
}

/* One offset has one value. */
static bool
offsets(struct log *l)
{
	for (uint32_t i = 1; i < l->count; i++) {
		const struct entry *a = &l->by_offset[i - 1], *b = &l->by_offset[i];

		if (b->offset != OFFSET_NONE && a->key == b->key && a->offset == b->offset && a->value != b->value)
			return illegal(l, "one offset has two values", a->call, b->call);
	}
	return true;
}

/* The last offset of a key that was polled; INT64_MIN. */
static int64_t
last_polled(const struct log *l, int64_t key)
{
	uint32_t lo = 0, hi = l->count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (l->by_offset[mid].key <= key)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo > 0 && l->by_offset[lo - 1].key == key && !l->by_offset[lo - 1].polled)
		lo--;
	return lo > 0 && l->by_offset[lo - 1].key == key ? l->by_offset[lo - 1].offset : INT64_MIN;
}

/* All entries of one value: [from, to). */
static bool
one_value(struct log *l, uint32_t from, uint32_t to, int64_t polled_to)
{
	const struct entry *sent = NULL, *polled = NULL, *at = NULL;

	for (uint32_t i = from; i < to; i++) {
		const struct entry *e = &l->by_value[i];

		if (e->polled)
			polled = polled == NULL ? e : polled;
		else if (sent == NULL || e->required)
			sent = e;
		if (e->offset == OFFSET_NONE)
			continue;
		if (at != NULL && at->offset != e->offset)
			return illegal(l, "one value has two offsets", at->call, e->call);
		at = e;
	}
	if (sent == NULL)
		return illegal(l, "it was polled, but nobody sent it", polled->call, CALLS_NONE);
	if (polled != NULL && l->calls->at[polled->call].ret < l->calls->at[sent->call].inv)
		return illegal(l, "it was polled before it was sent", polled->call, sent->call);
	if (polled == NULL && sent->required && sent->offset != OFFSET_NONE && sent->offset < polled_to)
		return illegal(l, "it was acknowledged and later offsets were polled, but nobody polled it", sent->call, CALLS_NONE);
	return true;
}

static bool
values(struct log *l)
{
	int64_t polled_to = INT64_MIN;

	for (uint32_t from = 0, to; from < l->count; from = to) {
		if (from == 0 || l->by_value[from].key != l->by_value[from - 1].key)
			polled_to = last_polled(l, l->by_value[from].key);
		for (to = from + 1; to < l->count && l->by_value[to].key == l->by_value[from].key; to++)
			if (l->by_value[to].value != l->by_value[from].value)
				break;
		if (!one_value(l, from, to, polled_to))
			return false;
	}
	return true;
}

/* What a process did to a key. */
struct step {
	int64_t process, key, offset;
	uint32_t call;
	uint32_t part;                  /* SENDS; else polls of one assignment have one number */
	uint16_t kind;
};
#define SENDS 0

static int
by_process(const void *pa, const void *pb)
{
	const struct step *a = pa, *b = pb;

	if (a->process != b->process)
		return a->process < b->process ? -1 : 1;
	return (a->call > b->call) - (a->call < b->call);
}

static int
by_process_and_key(const void *pa, const void *pb)
{
	const struct step *a = pa, *b = pb;

	if (a->process != b->process)
		return a->process < b->process ? -1 : 1;
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (a->part != b->part)
		return a->part < b->part ? -1 : 1;
	return (a->call > b->call) - (a->call < b->call);
}

/* Is an offset between these two known to have a value? */
static bool
skipped(const struct log *l, const struct step *a, const struct step *b)
{
	uint32_t lo = 0, hi = l->count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		const struct entry *e = &l->by_offset[mid];

		if (e->key < a->key || (e->key == a->key && e->offset <= a->offset))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->count && l->by_offset[lo].key == a->key && l->by_offset[lo].offset < b->offset;
}

/* Steps by process and time get their part. What is polled by subscription may go back and skip as the group is balanced: it is left out. */
static uint32_t
take_apart(struct step *steps, uint32_t n)
{
	uint32_t kept = 0, assigned = 0;
	bool subscribed = false;

	for (uint32_t i = 0; i < n; i++) {
		if (i == 0 || steps[i].process != steps[i - 1].process)
			subscribed = false;
		assigned += i == 0 || steps[i].process != steps[i - 1].process || steps[i].kind > CALL_POLLED;
		if (steps[i].kind > CALL_POLLED) {
			subscribed = steps[i].kind == CALL_SUBSCRIBED || (subscribed && steps[i].kind == CALL_ASTRAY);
			continue;
		}
		if (steps[i].kind == CALL_POLLED && subscribed)
			continue;
		steps[kept] = steps[i];
		steps[kept++].part = steps[i].kind == CALL_SENT ? SENDS : assigned;
	}
	return kept;
}

/* A process's offsets grow, and it polls all there are: between assignments, of one key. */
static int
growing(struct log *l)
{
	struct step *steps = malloc(((size_t)l->calls->count + 1) * sizeof(steps[0]));
	uint32_t n = 0;

	if (steps == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->calls->count; i++) {
		const struct calls_one *c = &l->calls->at[i];
		bool has = c->kind == CALL_SENT || c->kind == CALL_POLLED;
		int64_t key = has ? l->calls->lists[c->list_at] : 0, offset = has ? l->calls->lists[c->list_at + 1] : 0;

		if (!has || (calls_required(c) && offset != OFFSET_NONE))
			steps[n++] = (struct step){ c->process, key, offset, i, SENDS, c->kind };
	}
	qsort(steps, n, sizeof(steps[0]), by_process);
	n = take_apart(steps, n);
	qsort(steps, n, sizeof(steps[0]), by_process_and_key);
	for (uint32_t i = 1; i < n; i++) {
		const struct step *a = &steps[i - 1], *b = &steps[i];

		if (a->process != b->process || a->key != b->key || a->part != b->part)
			continue;
		if (b->offset <= a->offset)
			(void)illegal(l, a->part == SENDS ? "a client sent, and its offset went back" : "a client polled, and its offset went back",
				      a->call, b->call);
		else if (a->part != SENDS && skipped(l, a, b))
			(void)illegal(l, "a client polled, and an offset between that has a value was skipped", a->call, b->call);
		else
			continue;
		break;
	}
	free(steps);
	return 0;
}

/*
 * An operation of unknown outcome, of which something was polled, took place: what it was told is as good as any acknowledgement.
 * Else its offsets say nothing. The entries are in order of values.
 */
static int
settle(struct log *l)
{
	const struct calls_one *calls = l->calls->at;
	uint32_t ops = 0;

	for (uint32_t i = 0; i < l->count; i++)
		ops = FL_MAX(ops, calls[l->by_value[i].call].id + 1);
	bool *seen = calloc((size_t)ops + 1, sizeof(seen[0]));

	if (seen == NULL)
		return -ENOMEM;
	for (uint32_t from = 0, to; from < l->count; from = to) {
		const struct entry *first = &l->by_value[from];
		bool polled = false;

		for (to = from; to < l->count && l->by_value[to].key == first->key && l->by_value[to].value == first->value; to++)
			polled |= l->by_value[to].polled;
		for (uint32_t i = from; polled && i < to; i++)
			seen[calls[l->by_value[i].call].id] = true;
	}
	for (uint32_t i = 0; i < l->count; i++) {
		struct entry *e = &l->by_value[i];

		if (e->polled || e->required)
			continue;
		e->required = seen[calls[e->call].id];
		if (!e->required)
			e->offset = OFFSET_NONE;
	}
	free(seen);
	return 0;
}

static int
check(const struct calls *calls, struct model_finding *ret)
{
	struct entry *entries = malloc(((size_t)calls->count + 1) * 2 * sizeof(entries[0]));
	struct model_finding finding = { .answer = MODEL_LEGAL };
	struct log l = { .calls = calls, .by_offset = entries, .finding = &finding };
	int rc = 0;

	if (entries == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < calls->count; i++) {
		const struct calls_one *c = &calls->at[i];
		if (c->kind != CALL_SENT && c->kind != CALL_POLLED)
			continue;
		const int64_t *list = calls->lists + c->list_at;

		entries[l.count++] = (struct entry){ list[0], list[1], list[2], i, c->kind == CALL_POLLED, calls_required(c) };
	}
	l.by_value = entries + l.count;
	memcpy(l.by_value, l.by_offset, l.count * sizeof(entries[0]));
	qsort(l.by_value, l.count, sizeof(entries[0]), by_value);
	rc = settle(&l);
	memcpy(l.by_offset, l.by_value, l.count * sizeof(entries[0]));
	qsort(l.by_offset, l.count, sizeof(entries[0]), by_offset);
	if (rc == 0 && offsets(&l) && values(&l))
		rc = growing(&l);
	if (rc == 0)
		*ret = finding;
	free(entries);
	return rc;
}

const struct model model_log_keys = {
	.name = "log", .is = "log", .help = "logs as of Kafka: send [[\"send\", key, value]] gets an offset, poll; txn of both", .words = words,
	.split = MODEL_WHOLE, .failures = true, .translate = translate, .monitor = check,
};
