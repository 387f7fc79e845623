/* SPDX-License-Identifier: MIT */
/* load_say.c - see load_say.h. */
#include "run/load_say.h"

#include "base/units.h"
#include <inttypes.h>

static void
put_mix(const struct experiment_load *l, struct buf *out)
{
	static const char *const names[] = { "read", "write", "compare-and-set" };
	unsigned total = l->mix[0] + l->mix[1] + l->mix[2];
	bool any = false;

	for (size_t i = 0; i < FL_ARRAY_LEN(names); i++) {
		if (l->mix[i] == 0)
			continue;
		buf_printf(out, "%s%.0f%% %s", any ? ", " : "", 100.0 * l->mix[i] / total, names[i]);
		any = true;
	}
}

const char *
load_say(const struct experiment *x, struct arena *mem)
{
	const struct experiment_load *l = &x->load;
	const char *said;
	char time[32];
	struct buf out;

	if (!x->has_load)
		return NULL;
	buf_init(&out, 4096);
	buf_printf(&out, "%" PRIu32 " client%s through line %s, ", l->clients, l->clients == 1 ? "" : "s", x->line_names[l->line]);
	if (l->rate > 0)
		buf_printf(&out, "%g operations a second each", l->rate);
	else
		buf_puts(&out, "as fast as answers come");
	buf_printf(&out, ", for %s: ", units_duration(time, sizeof(time), l->duration));
	put_mix(l, &out);
	buf_printf(&out, " on %" PRIu32 " key%s, timeout %s", l->keys, l->keys == 1 ? "" : "s", units_duration(time, sizeof(time), l->timeout));
	said = arena_strdup(mem, buf_str(&out));
	buf_fini(&out);
	return said;
}
