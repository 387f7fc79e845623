/* SPDX-License-Identifier: MIT */
/* deadline.c - limits of phases under one deadline, and the headers that carry it on. */
#include "faultline/deadline.h"
#include "base/text.h"
#include "policy/common.h"

#include <errno.h>
#include <stdio.h>

#define DIGITS_MAX 8            /* of a grpc-timeout */

const char *
fl_limit_name(enum fl_limit l)
{
	static const char *const names[] = {
#define FL_LIMIT_ROW(id, word, text) word,
		FL_LIMITS(FL_LIMIT_ROW)
#undef FL_LIMIT_ROW
	};
	return (unsigned)l < FL_LIMIT_COUNT ? names[l] : "none";
}

const char *
fl_limit_text(enum fl_limit l)
{
	static const char *const texts[] = {
#define FL_LIMIT_ROW(id, word, text) text,
		FL_LIMITS(FL_LIMIT_ROW)
#undef FL_LIMIT_ROW
	};
	return (unsigned)l < FL_LIMIT_COUNT ? texts[l] : "";
}

/* from + limit, which may be as good as for ever. */
static fl_ns
after(fl_ns from, fl_ns limit)
{
	return from > 0 && limit > FL_NEVER - from ? FL_NEVER : from + limit;
}

struct fl_deadline
fl_deadline_of(const struct fl_timeouts *t, fl_ns start, fl_ns caller)
{
	struct fl_deadline d = { FL_NEVER, FL_LIMIT_NONE };
	if (t->total > 0)
		d = (struct fl_deadline){ after(start, t->total), FL_LIMIT_TOTAL };
	if (caller != 0 && caller < d.at)
		d = (struct fl_deadline){ caller, FL_LIMIT_CALLER };
	return d;
}

static void
sooner(fl_ns *at, enum fl_limit *which, fl_ns from, fl_ns limit, enum fl_limit l)
{
	if (limit <= 0 || after(from, limit) >= *at)
		return;
	*at = after(from, limit);
	*which = l;
}

fl_ns
fl_deadline_next(const struct fl_timeouts *t, struct fl_deadline call, enum fl_phase phase, fl_ns try_at, fl_ns phase_at, fl_ns moved_at,
    enum fl_limit *ret_limit)
{
	fl_ns at = call.at;
	enum fl_limit which = call.limit;
	switch (phase) {
	case FL_PHASE_QUEUE: sooner(&at, &which, phase_at, t->queue, FL_LIMIT_QUEUE); break;
	case FL_PHASE_CONNECT: sooner(&at, &which, phase_at, t->connect, FL_LIMIT_CONNECT); break;
	case FL_PHASE_FIRST_BYTE: sooner(&at, &which, phase_at, t->first_byte, FL_LIMIT_FIRST_BYTE); break;
	case FL_PHASE_SEND: case FL_PHASE_BODY: break;
	}
	if (phase != FL_PHASE_QUEUE) {
		sooner(&at, &which, try_at, t->per_try, FL_LIMIT_PER_TRY);
		if (phase != FL_PHASE_CONNECT)
			sooner(&at, &which, moved_at, t->idle, FL_LIMIT_IDLE);
	}
	*ret_limit = which;
	return at;
}

int
fl_deadline_check(struct fl_deadline call, fl_ns expected, fl_ns now, struct fl_refusal *why)
{
	if (call.at == FL_NEVER)
		return 0;
	fl_ns left = call.at - now;
	if (left <= 0) {
		common_refuse(why, FL_WHO_DEADLINE, FL_REASON_DEADLINE_PASSED, "", 0, 0, 0, 0, 0, 0);
		return -ETIMEDOUT;
	}
	if (left >= expected)
		return 0;
	common_refuse(why, FL_WHO_DEADLINE, FL_REASON_DEADLINE_SHORT, "", 0, (double)left / 1e6, (double)expected / 1e6, 0, 0, 0);
	return -ETIMEDOUT;
}

int
fl_deadline_parse_grpc(const char *text, size_t n, fl_ns *ret_left)
{
	static const struct { char unit; fl_ns ns; } units[] = { { 'H', 3600 * FL_SEC }, { 'M', 60 * FL_SEC }, { 'S', FL_SEC },
		{ 'm', FL_MS }, { 'u', FL_US }, { 'n', 1 } };
	int64_t v = 0;
	if (n < 2 || n > DIGITS_MAX + 1)
		return -EINVAL;
	for (size_t i = 0; i + 1 < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		v = v * 10 + (text[i] - '0');
	}
	for (size_t i = 0; i < FL_ARRAY_LEN(units); i++) {
		if (units[i].unit != text[n - 1])
			continue;
		*ret_left = v > INT64_MAX / 2 / units[i].ns ? INT64_MAX / 2 : v * units[i].ns;
		return 0;
	}
	return -EINVAL;
}

int
fl_deadline_parse_ms(const char *text, size_t n, fl_ns *ret_left)
{
	int64_t v = 0;
	if (n < 1 || n > 12)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		v = v * 10 + (text[i] - '0');
	}
	*ret_left = v * FL_MS;
	return 0;
}

size_t
fl_deadline_write_grpc(fl_ns left, char *buf)
{
	static const struct { char unit; fl_ns ns; } units[] = { { 'n', 1 }, { 'u', FL_US }, { 'm', FL_MS }, { 'S', FL_SEC },
		{ 'M', 60 * FL_SEC }, { 'H', 3600 * FL_SEC } };
	size_t i = 0;
	left = FL_MAX(left, 0);
	while (i + 1 < FL_ARRAY_LEN(units) && left / units[i].ns > 99999999)
		i++;
	return (size_t)snprintf(buf, 32, "%lld%c", (long long)FL_MIN(left / units[i].ns, 99999999), units[i].unit);
}

size_t
fl_deadline_write_ms(fl_ns left, char *buf)
{
	return text_decimal(buf, (uint64_t)(FL_MAX(left, 0) / FL_MS));
}
