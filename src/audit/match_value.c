/* SPDX-License-Identifier: MIT */
/* match_value.c - what should have come out. */
#include "audit/match_value.h"

#include "base/assert.h"
#include "base/buf.h"
#include "proto/jsonl.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX ((uint64_t)50000000)  /* of searches in one key, before it is left open */

/* Digits up to `to`, which must stand behind them. */
static bool
read_small(const char **at, char to, uint32_t max, uint32_t *ret)
{
	char *end;
	unsigned long v;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	v = strtoul(*at, &end, 10);
	if (errno != 0 || v > max || *end != to)
		return false;
	*at = end + 1;
	*ret = (uint32_t)v;
	return true;
}

bool
match_value_function(const char *text, struct match_oracle *ret)
{
	struct match_oracle o = { .function = MATCH_COUNT };
	const char *at;

	if (strcmp(text, "sum") == 0) {
		o.function = MATCH_SUM;
	} else if (strncmp(text, "last:", 5) == 0) {
		at = text + 5;
		o.function = MATCH_LAST;
		if (!read_small(&at, '\0', MATCH_WINDOW_MAX, &o.window) || o.window == 0)
			return false;
	} else if (strncmp(text, "join:", 5) == 0) {
		at = text + 5;
		o.function = MATCH_JOIN;
		if (!read_small(&at, ',', UINT32_MAX, &o.flow_a) || !read_small(&at, '\0', UINT32_MAX, &o.flow_b) || o.flow_a == o.flow_b)
			return false;
	} else if (strcmp(text, "count") != 0) {
		return false;
	}
	*ret = o;
	return true;
}

/* ---- reading results ---- */

static int
read_plain(const char *text, size_t n, struct match_output *ret)
{
	int64_t numbers[MATCH_WINDOW_MAX + 1];
	uint32_t count = 0;
	size_t at = 0;

	while (at < n) {
		uint64_t v = 0;
		bool minus = false;
		size_t from;

		if (strchr(" \t,[]()\r", text[at]) != NULL && text[at] != '\0') {
			at++;
			continue;
		}
		if (text[at] == '-') {
			minus = true;
			at++;
		}
		for (from = at; at < n && text[at] >= '0' && text[at] <= '9' && at - from < 18; at++)
			v = v * 10 + (uint64_t)(text[at] - '0');
		if (at == from || count > MATCH_WINDOW_MAX || (at < n && strchr(" \t,[]()\r", text[at]) == NULL))
			return -EINVAL;
		numbers[count++] = minus ? -(int64_t)v : (int64_t)v;
	}
	if (count < 2 || numbers[0] < 0 || numbers[0] > UINT32_MAX)
		return -EINVAL;
	*ret = (struct match_output){ .key = (uint32_t)numbers[0], .count = count - 1 };
	memcpy(ret->values, numbers + 1, (count - 1) * sizeof(numbers[0]));
	return 0;
}

static bool
take_values(struct jsonl *j, struct match_output *o)
{
	if (jsonl_peek(j) != JSONL_ARRAY) {
		o->count = 1;
		return jsonl_int(j, &o->values[0]);
	}
	if (!jsonl_enter(j, '['))
		return false;
	for (o->count = 0; jsonl_item(j); o->count++)
		if (o->count == MATCH_WINDOW_MAX || !jsonl_int(j, &o->values[o->count]))
			return jsonl_fail(j, "too many values");
	return j->error == NULL && o->count > 0;
}

static int
read_object(const char *text, size_t n, struct match_output *ret)
{
	struct match_output o = { .count = 0 };
	struct jsonl j;
	char name[16];
	int64_t key = 0;

	jsonl_init(&j, text, n);
	if (jsonl_enter(&j, '{')) {
		while (jsonl_member(&j, name, sizeof(name))) {
			if (strcmp(name, "key") == 0)
				(void)jsonl_int(&j, &key);
			else if (strcmp(name, "value") == 0 || strcmp(name, "values") == 0 || strcmp(name, "window") == 0)
				(void)take_values(&j, &o);
			else
				(void)jsonl_skip(&j);
		}
	}
	if (!jsonl_end(&j) || o.count == 0 || key < 0 || key > UINT32_MAX)
		return -EINVAL;
	o.key = (uint32_t)key;
	*ret = o;
	return 0;
}

int
match_value_read(const char *text, size_t n, struct match_output *ret)
{
	size_t at = 0;

	while (at < n && (text[at] == ' ' || text[at] == '\t'))
		at++;
	return at < n && text[at] == '{' ? read_object(text, n, ret) : read_plain(text, n, ret);
}

/* ---- saying ---- */

static void
say_values(struct buf *b, const int64_t *values, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		buf_printf(b, "%s%" PRId64, i > 0 ? "," : "", values[i]);
}

static void
add(const struct match_value_key *k, enum match_defect d, const struct match_output *o, uint64_t n, const char *format,
    const struct match_output *expected, struct match_result *result)
{
	struct match_example x = { .key = k->key, .named = true, .n = n };
	struct buf b;

	x.rank = (uint64_t)k->key << 32 | (o != NULL ? (uint32_t)o->place : (uint32_t)n);
	if (k->input_count > 0)
		x.flow = k->inputs[0].flow;
	if (o != NULL) {
		x.sink = o->sink;
		x.place = o->place + 1;
		x.at = o->at;
	}
	buf_init(&b, sizeof(x.say) - 1);
	buf_puts(&b, format);
	if (o != NULL)
		say_values(&b, o->values, o->count);
	if (expected != NULL) {
		buf_puts(&b, ", expected ");
		say_values(&b, expected->values, expected->count);
	}
	snprintf(x.say, sizeof(x.say), "%s", buf_str(&b));
	buf_fini(&b);
	match_result_add(result, d, &x);
}

/* ---- keys without doubt: the jth result is known ---- */

struct exact {
	const struct match_value_key *k;
	uint32_t count;                 /* of results there should be */
	uint64_t steps;
	int64_t sum;                    /* of the inputs before sum_at */
	uint32_t sum_at;
};

static int64_t
sum_to(struct exact *e, uint32_t j)
{
	while (e->sum_at <= j) {
		e->sum = (int64_t)((uint64_t)e->sum + (uint64_t)e->k->inputs[e->sum_at++].value);
		e->steps++;
	}
	while (e->sum_at > j + 1) {
		e->sum = (int64_t)((uint64_t)e->sum - (uint64_t)e->k->inputs[--e->sum_at].value);
		e->steps++;
	}
	return e->sum;
}

/* The jth result, from 0 on. */
static void
result_at(struct exact *e, uint32_t j, struct match_output *ret)
{
	const struct match_value_key *k = e->k;

	fl_assert(j < e->count);
	*ret = (struct match_output){ .key = k->key, .count = 1 };
	switch (k->oracle->function) {
	case MATCH_COUNT:
		ret->values[0] = (int64_t)j + 1;
		break;
	case MATCH_SUM:
		ret->values[0] = sum_to(e, j);
		break;
	case MATCH_LAST:
		ret->count = k->oracle->window;
		for (uint32_t i = 0; i < ret->count && i <= j; i++)
			ret->values[ret->count - 1 - i] = k->inputs[j - i].value;
		break;
	case MATCH_JOIN:
		ret->count = 2;
		ret->values[0] = k->inputs[j].value;
		ret->values[1] = k->others[j].value;
		break;
	case MATCH_GIVEN:
		*ret = k->given[j];
		break;
	}
}

static bool
same(const struct match_output *a, const struct match_output *b)
{
	return a->count == b->count && memcmp(a->values, b->values, a->count * sizeof(a->values[0])) == 0;
}

static bool
is_result(struct exact *e, uint32_t j, const struct match_output *o)
{
	struct match_output r;

	e->steps++;
	result_at(e, j, &r);
	return same(&r, o);
}

/* The place of a result: the next if it fits, else the nearest before, else the nearest behind. false: none. */
static bool
find_result(struct exact *e, uint32_t next, const struct match_output *o, uint32_t *ret)
{
	if (next < e->count && is_result(e, next, o)) {
		*ret = next;
		return true;
	}
	for (uint32_t j = FL_MIN(next, e->count); j > 0 && e->steps < STEPS_MAX; j--) {
		*ret = j - 1;
		if (is_result(e, j - 1, o))
			return true;
	}
	for (uint32_t j = next + 1; j < e->count && e->steps < STEPS_MAX; j++) {
		*ret = j;
		if (is_result(e, j, o))
			return true;
	}
	return false;
}

static uint64_t
number_at(const struct match_value_key *k, uint32_t j)
{
	return j < k->input_count ? k->inputs[j].n : j + 1;
}

static void
missing(const struct match_value_key *k, uint32_t from, uint32_t to, struct match_result *result)
{
	char say[64];

	for (uint32_t j = from; j < to; j++) {
		snprintf(say, sizeof(say), "no result for its message number %" PRIu64, number_at(k, j));
		add(k, MATCH_DEFECT_LOST, NULL, number_at(k, j), say, NULL, result);
	}
}

static void
judge_exact(const struct match_value_key *k, struct match_result *result)
{
	struct exact e = { .k = k, .count = k->input_count };
	uint32_t next = 0, high = 0, at = 0;

	if (k->oracle->function == MATCH_JOIN)
		e.count = FL_MIN(k->input_count, k->other_count);
	if (k->oracle->function == MATCH_GIVEN)
		e.count = k->given_count;
	for (uint32_t i = 0; i < k->output_count; i++) {
		const struct match_output *o = &k->outputs[i];
		bool found = find_result(&e, next, o, &at);

		if (!found && e.steps >= STEPS_MAX) {
			result->values_open += k->output_count - i;
			return;
		}
		result->values_checked++;
		result->rewinds += found && at < next;
		if (!found) {
			struct match_output expected = { .count = 0 };

			if (next < e.count)
				result_at(&e, next, &expected);
			add(k, MATCH_DEFECT_VALUE, o, number_at(k, next), "found ", &expected, result);
			next = FL_MIN(next + 1, e.count);
			high = FL_MAX(high, next);
			continue;
		}
		if (at < high)
			add(k, MATCH_DEFECT_DUPLICATE, o, number_at(k, at), "once more ", NULL, result);
		else
			missing(k, high, at, result);
		next = at + 1;
		high = FL_MAX(high, next);
	}
	missing(k, high, e.count, result);
}

/* ---- keys with messages in doubt: every choice that explains the results so far ---- */

static void
state_value(const struct match_value_key *k, const struct match_value_state *s, struct match_output *ret)
{
	*ret = (struct match_output){ .count = k->oracle->function == MATCH_LAST ? k->oracle->window : 1 };
	if (k->oracle->function == MATCH_LAST)
		memcpy(ret->values, s->last, sizeof(ret->values));
	else
		ret->values[0] = s->sum;
}

static void
include(const struct match_value_key *k, struct match_value_state *s, int64_t value)
{
	uint32_t w = k->oracle->window;

	if (k->oracle->function == MATCH_LAST) {
		memmove(s->last, s->last + 1, (w - 1) * sizeof(s->last[0]));
		s->last[w - 1] = value;
	} else {
		s->sum = (int64_t)((uint64_t)s->sum + (k->oracle->function == MATCH_SUM ? (uint64_t)value : 1));
	}
}

static bool
put_state(struct match_value_state *states, uint32_t *count, const struct match_value_state *s)
{
	for (uint32_t i = 0; i < *count; i++)
		if (memcmp(&states[i], s, sizeof(*s)) == 0)
			return true;
	if (*count == MATCH_VALUE_STATES)
		return false;
	states[(*count)++] = *s;
	return true;
}

/* The states that a result leads to. false: more than there is room for. */
static bool
advance(const struct match_value_key *k, const struct match_value_state *from, uint32_t count, const struct match_output *o,
    struct match_value_state *to, uint32_t *ret_count)
{
	*ret_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t j = from[i].at; j < k->input_count; j++) {
			struct match_value_state s = from[i];
			struct match_output v;

			include(k, &s, k->inputs[j].value);
			s.at = j + 1;
			state_value(k, &s, &v);
			if (same(&v, o) && !put_state(to, ret_count, &s))
				return false;
			if (k->inputs[j].certain)
				break;
		}
	}
	return true;
}

/* What is certain and has no result in the best of the explanations. */
static void
missing_at_end(const struct match_value_key *k, const struct match_value_state *states, uint32_t count, struct match_result *result)
{
	uint32_t best = 0;

	for (uint32_t i = 0; i < count; i++)
		best = FL_MAX(best, states[i].at);
	for (uint32_t j = best; j < k->input_count; j++)
		if (k->inputs[j].certain)
			missing(k, j, j + 1, result);
}

/* Has this very result come before? Then it is one that came again. */
static bool
came_before(const struct match_value_key *k, uint32_t i, uint64_t *steps)
{
	for (uint32_t j = i; j > 0 && *steps < STEPS_MAX; j--, ++*steps)
		if (same(&k->outputs[i], &k->outputs[j - 1]))
			return true;
	return false;
}

/* After a result that no choice explains, nothing is known of the state: what follows is left open. */
static void
judge_doubtful(const struct match_value_key *k, struct match_result *result)
{
	struct match_value_state *now = k->states, *then = k->states + MATCH_VALUE_STATES, *t;
	uint32_t count = 1, next;
	uint64_t steps = 0;

	memset(now, 0, sizeof(*now));
	for (uint32_t i = 0; i < k->output_count; i++) {
		const struct match_output *o = &k->outputs[i];

		if (steps >= STEPS_MAX || !advance(k, now, count, o, then, &next)) {
			result->values_open += k->output_count - i;
			return;
		}
		result->values_checked++;
		if (next == 0 && came_before(k, i, &steps)) {
			add(k, MATCH_DEFECT_DUPLICATE, o, number_at(k, now->at), "once more ", NULL, result);
			continue;
		}
		if (next == 0) {
			add(k, MATCH_DEFECT_VALUE, o, number_at(k, now->at), "no choice of the messages in doubt explains ", NULL, result);
			result->values_open += k->output_count - i - 1;
			return;
		}
		t = now;
		now = then;
		then = t;
		count = next;
	}
	missing_at_end(k, now, count, result);
}

void
match_value_judge(const struct match_value_key *k, struct match_result *result)
{
	bool doubt = false;

	for (uint32_t i = 0; i < k->input_count; i++)
		doubt |= !k->inputs[i].certain;
	for (uint32_t i = 0; i < k->other_count; i++)
		doubt |= !k->others[i].certain;
	if (k->oracle->function == MATCH_GIVEN || !doubt)
		judge_exact(k, result);
	else if (k->oracle->function == MATCH_JOIN)
		result->values_open += k->output_count;
	else
		judge_doubtful(k, result);
}
