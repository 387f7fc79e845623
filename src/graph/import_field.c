/* SPDX-License-Identifier: MIT */
/* import_field.c - names of columns and keys, and what their values may be. */
#include "graph/import_table.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct field_name {
	const char *name;
	enum import_field field;
};
static const struct field_name field_names[] = {
	{ "from", IMPORT_FIELD_FROM }, { "source", IMPORT_FIELD_FROM }, { "client", IMPORT_FIELD_FROM }, { "caller", IMPORT_FIELD_FROM },
	{ "src", IMPORT_FIELD_FROM }, { "parent", IMPORT_FIELD_FROM }, { "consumer", IMPORT_FIELD_FROM }, { "dependent", IMPORT_FIELD_FROM },
	{ "to", IMPORT_FIELD_TO }, { "target", IMPORT_FIELD_TO }, { "server", IMPORT_FIELD_TO }, { "callee", IMPORT_FIELD_TO }, { "dst",
	IMPORT_FIELD_TO },
	{ "child", IMPORT_FIELD_TO }, { "destination", IMPORT_FIELD_TO }, { "provider", IMPORT_FIELD_TO }, { "dependency", IMPORT_FIELD_TO },
	{ "protocol", IMPORT_FIELD_PROTOCOL }, { "strength", IMPORT_FIELD_STRENGTH }, { "phase", IMPORT_FIELD_PHASE }, { "mode", IMPORT_FIELD_MODE },
	{ "count", IMPORT_FIELD_COUNT }, { "calls", IMPORT_FIELD_COUNT }, { "callcount", IMPORT_FIELD_COUNT }, { "errors", IMPORT_FIELD_ERRORS },
	{ "errorcount", IMPORT_FIELD_ERRORS }, { "first", IMPORT_FIELD_FIRST }, { "last", IMPORT_FIELD_LAST }, { "name", IMPORT_FIELD_NAME },
	{ "service", IMPORT_FIELD_NAME }, { "node", IMPORT_FIELD_NAME }, { "kind", IMPORT_FIELD_KIND }, { "type", IMPORT_FIELD_KIND },
	{ "app", IMPORT_FIELD_APP }, { "application", IMPORT_FIELD_APP }, { "system", IMPORT_FIELD_APP }, { "namespace", IMPORT_FIELD_SPACE },
	{ "space", IMPORT_FIELD_SPACE }, { "address", IMPORT_FIELD_ADDRESS }, { "instance", IMPORT_FIELD_ADDRESS }, { "ip", IMPORT_FIELD_ADDRESS },
	{ "id", IMPORT_FIELD_ID },
};

enum import_field
import_field(const char *name)
{
	for (size_t i = 0; i < FL_ARRAY_LEN(field_names); i++) {
		if (strcasecmp(name, field_names[i].name) == 0)
			return field_names[i].field;
	}
	return IMPORT_FIELD_OTHER;
}

static unsigned
word(const char *value, const char *const *words, size_t n)
{
	for (unsigned i = 1; i < n; i++) {
		if (strcasecmp(value, words[i]) == 0)
			return i;
	}
	return 0;
}

static bool
number(const char *value, uint64_t *ret)
{
	char *end;
	double v;

	errno = 0;
	v = strtod(value, &end);
	if (errno != 0 || end == value || *end != '\0' || !(v >= 0 && v < 1.8e19))
		return false;
	*ret = (uint64_t)v;
	return true;
}

/* RFC 3339, or a number of seconds, ms, us or ns since 1970 by its size. */
static bool
when(const char *value, int64_t *ret)
{
	uint64_t v;

	if (import_time(value, strlen(value), ret))
		return true;
	if (strlen(value) == 10 && value[4] == '-') {
		char day[32] = "";

		memcpy(day, value, 10);
		memcpy(day + 10, "T00:00:00Z", 11);
		return import_time(day, 20, ret);
	}
	if (!number(value, &v) || v > INT64_MAX)
		return false;
	while (v > 0 && v < UINT64_C(100000000000000000) && v > 100000000)
		v *= 1000;
	*ret = strspn(value, "0123456789") == strlen(value) && strlen(value) == 19 ? strtoll(value, NULL, 10) : (int64_t)v;
	return true;
}

bool
import_field_set(struct sight *s, enum import_field f, const char *value)
{
	static const char *const kinds[] = { "", "service", "datastore", "broker", "external", "user", "host", "group", "database", "queue" };
	static const char *const strengths[] = { "", "hard", "soft" };
	static const char *const phases[] = { "", "runtime", "startup", "both" };
	static const char *const modes[] = { "", "sync", "async" };
	unsigned w;

	switch (f) {
	case IMPORT_FIELD_FROM:
		s->from = value;
		return true;
	case IMPORT_FIELD_TO:
		s->to = value;
		return true;
	case IMPORT_FIELD_PROTOCOL:
		s->protocol = value;
		return true;
	case IMPORT_FIELD_STRENGTH:
		s->strength = (enum sight_strength)word(value, strengths, 3);
		return value[0] == '\0' || s->strength != 0;
	case IMPORT_FIELD_PHASE:
		s->phase = (enum sight_phase)word(value, phases, 4);
		return value[0] == '\0' || s->phase != 0;
	case IMPORT_FIELD_MODE:
		s->mode = (enum sight_mode)word(value, modes, 3);
		return value[0] == '\0' || s->mode != 0;
	case IMPORT_FIELD_COUNT:
		return value[0] == '\0' || number(value, &s->count);
	case IMPORT_FIELD_ERRORS:
		return value[0] == '\0' || number(value, &s->errors);
	case IMPORT_FIELD_FIRST:
		return value[0] == '\0' || when(value, &s->first);
	case IMPORT_FIELD_LAST:
		return value[0] == '\0' || when(value, &s->last);
	case IMPORT_FIELD_NAME:
		s->name = value;
		return true;
	case IMPORT_FIELD_KIND:
		w = word(value, kinds, FL_ARRAY_LEN(kinds));
		s->kind = w == 8 ? SIGHT_DATASTORE : w == 9 ? SIGHT_BROKER : (enum sight_kind)w;
		return true;
	case IMPORT_FIELD_APP:
		s->app = value;
		return true;
	case IMPORT_FIELD_SPACE:
		s->space = value;
		return true;
	case IMPORT_FIELD_ADDRESS:
		s->address = value;
		return true;
	default:
		return true;
	}
}
