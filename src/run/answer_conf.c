/* SPDX-License-Identifier: MIT */
/* answer_conf.c - the settings of a test server, by name. */
#include "run/answer_conf.h"

#include "base/text.h"
#include "base/units.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DURATION_MAX (3600 * FL_SEC)

const struct answer_conf answer_conf_default = {
	.work = 5 * FL_MS, .capacity = 8, .queue = 1000, .fail_status = 500, .slow_work = 200 * FL_MS, .body = 1000, .healthy = true, .seed = 1,
};

enum kind { DURATION, SHARE, COUNT, BYTES, FLAG };
static const struct setting {
	const char *name;
	enum kind kind;
	size_t offset;
	int64_t min, max;               /* COUNT, BYTES */
} settings[] = {
	{ "work", DURATION, offsetof(struct answer_conf, work), 0, 0 },
	{ "jitter", DURATION, offsetof(struct answer_conf, jitter), 0, 0 },
	{ "slow_share", SHARE, offsetof(struct answer_conf, slow_share), 0, 0 },
	{ "slow_work", DURATION, offsetof(struct answer_conf, slow_work), 0, 0 },
	{ "capacity", COUNT, offsetof(struct answer_conf, capacity), 1, ANSWER_CAPACITY_MAX },
	{ "queue", COUNT, offsetof(struct answer_conf, queue), 0, ANSWER_QUEUE_MAX },
	{ "fail_rate", SHARE, offsetof(struct answer_conf, fail_rate), 0, 0 },
	{ "fail_status", COUNT, offsetof(struct answer_conf, fail_status), 400, 599 },
	{ "body", BYTES, offsetof(struct answer_conf, body), 0, ANSWER_BODY_MAX },
	{ "notice_cancel", FLAG, offsetof(struct answer_conf, notice_cancel), 0, 0 },
	{ "healthy", FLAG, offsetof(struct answer_conf, healthy), 0, 0 },
};

const char *const *
answer_conf_names(void)
{
	static const char *const names[] = { "work", "jitter", "slow_share", "slow_work", "capacity", "queue", "fail_rate", "fail_status",
		"body", "notice_cancel", "healthy", NULL };

	_Static_assert(FL_ARRAY_LEN(names) == FL_ARRAY_LEN(settings) + 1, "one name for each");
	return names;
}

static bool
parse_share(const char *value, double *ret)
{
	char *end;
	double v = strtod(value, &end);

	if (end == value || value[0] < '0' || value[0] > '9')
		return false;
	if (strcmp(end, "%") == 0)
		v /= 100;
	else if (*end != '\0')
		return false;
	*ret = v;
	return v >= 0 && v <= 1;
}

static bool
parse_count(const struct setting *s, const char *value, int64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoll(value, &end, 10);
	return value[0] >= '0' && value[0] <= '9' && *end == '\0' && errno == 0 && *ret >= s->min && *ret <= s->max;
}

static bool
parse_flag(const char *value, bool *ret)
{
	*ret = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
	return *ret || strcmp(value, "false") == 0 || strcmp(value, "0") == 0;
}

/* true: set. */
static bool
set(const struct setting *s, struct answer_conf *c, const char *value)
{
	void *at = (char *)c + s->offset;
	int64_t n;
	double share;
	bool flag;

	switch (s->kind) {
	case DURATION:
		if (units_parse_duration(value, &n) != 0 || n > DURATION_MAX)
			return false;
		*(fl_ns *)at = n;
		return true;
	case SHARE:
		if (!parse_share(value, &share))
			return false;
		*(double *)at = share;
		return true;
	case COUNT:
		if (!parse_count(s, value, &n))
			return false;
		*(uint32_t *)at = (uint32_t)n;
		return true;
	case BYTES:
		if (units_parse_bytes(value, &n) != 0 || n > s->max)
			return false;
		*(int64_t *)at = n;
		return true;
	case FLAG:
		if (!parse_flag(value, &flag))
			return false;
		*(bool *)at = flag;
		return true;
	}
	return false;
}

int
answer_conf_set(struct answer_conf *c, const char *name, const char *value, char *error)
{
	static const char *const expected[] = { [DURATION] = "a duration such as 5ms, up to 1h", [SHARE] = "a share such as 0.1 or 10%",
		[BYTES] = "a size such as 1KB, up to 64MiB", [FLAG] = "true or false" };
	const char *near;

	for (size_t i = 0; i < FL_ARRAY_LEN(settings); i++) {
		const struct setting *s = &settings[i];
		if (strcmp(s->name, name) != 0)
			continue;
		if (set(s, c, value))
			return 0;
		if (s->kind == COUNT)
			snprintf(error, ANSWER_ERROR_MAX, "%s: found \"%.40s\", expected a whole number from %lld to %lld", name, value,
			    (long long)s->min, (long long)s->max);
		else
			snprintf(error, ANSWER_ERROR_MAX, "%s: found \"%.40s\", expected %s", name, value, expected[s->kind]);
		return -EINVAL;
	}
	near = text_nearest(name, answer_conf_names());
	snprintf(error, ANSWER_ERROR_MAX, "there is no setting \"%.40s\"%s%s%s", name, near != NULL ? "; did you mean \"" : "",
	    near != NULL ? near : "", near != NULL ? "\"?" : "");
	return -ENOENT;
}
