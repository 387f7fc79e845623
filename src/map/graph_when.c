/* SPDX-License-Identifier: MIT */
/* graph_when.c - points in time. */
#include "map/graph_when.h"
#include "base/units.h"
#include "graph/moment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DAY (86400 * FL_SEC)

static int
ago(const char *text, size_t n, int64_t now, int64_t *ret)
{
	char amount[64];
	fl_ns back;

	if (n >= sizeof(amount))
		return -EINVAL;
	memcpy(amount, text, n);
	amount[n] = '\0';
	if (units_parse_duration(amount, &back) != 0 || back < 0 || back >= now)
		return -EINVAL;
	*ret = now - back;
	return 0;
}

int
graph_when_parse(const char *text, int64_t now, int64_t *ret)
{
	size_t n = strlen(text);
	char *end;

	if (strcmp(text, "now") == 0) {
		*ret = now;
		return 0;
	}
	if (strcmp(text, "yesterday") == 0) {
		*ret = now - DAY;
		return 0;
	}
	if (text[0] == '@') {
		double v = strtod(text + 1, &end);

		if (end == text + 1 || *end != '\0' || !(v > 0 && v < 7e9))
			return -EINVAL;
		*ret = (int64_t)(v * 1e9);
		return 0;
	}
	if (text[0] == '-')
		return ago(text + 1, n - 1, now, ret);
	if (n > 4 && strcmp(text + n - 4, " ago") == 0)
		return ago(text, n - 4, now, ret);
	return moment_parse(text, ret);
}
