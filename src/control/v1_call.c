/* SPDX-License-Identifier: MIT */
/* v1_call.c - what routes of /v1 have in common. */
#include "control/v1_call.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool
v1_call_text(const struct api_request *q, const char *name, char *ret, size_t ret_bytes)
{
	size_t n = strlen(name);

	for (const char *p = q->path->query; *p != '\0'; p += *p == '&') {
		size_t len = strcspn(p, "&");

		if (len > n && strncmp(p, name, n) == 0 && p[n] == '=') {
			size_t value = FL_MIN(len - n - 1, ret_bytes - 1);

			memcpy(ret, p + n + 1, value);
			ret[value] = '\0';
			return true;
		}
		p += len;
	}
	return false;
}

uint64_t
v1_call_number(const struct api_request *q, const char *name, uint64_t def, uint64_t max)
{
	char text[24], *end;
	uint64_t v;

	if (!v1_call_text(q, name, text, sizeof(text)))
		return def;
	v = strtoull(text, &end, 10);
	return *end == '\0' && text[0] != '-' ? FL_MIN(v, max) : def;
}

void
v1_call_refused(struct v1_call *c, int rc, const struct lines_error *e)
{
	if (rc == -EINPROGRESS)
		c->rc = rc;
	else
		api_env_error_json(c->r, e->status, e->text);
}
