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

static void
put_requests(const struct experiment_http *h, struct buf *out)
{
	uint64_t weights = 0;

	for (uint32_t i = 0; i < h->request_count; i++)
		weights += h->requests[i].weight;
	for (uint32_t i = 0; i < h->request_count; i++) {
		const struct experiment_request *q = &h->requests[i];
		buf_puts(out, i > 0 ? ", " : "");
		if (h->request_count > 1)
			buf_printf(out, "%.3g%% ", 100.0 * q->weight / (double)weights);
		buf_printf(out, "%s %s", q->method, q->path);
	}
}

static void
put_http(const struct experiment *x, struct buf *out)
{
	const struct experiment_load *l = &x->load;
	const struct experiment_http *h = &l->http;
	char a[32], b[32];

	buf_printf(out, "%g requests a second (%s arrivals) ", h->pace.rate, h->pace.even ? "even" : "Poisson");
	for (uint32_t i = 0; i < h->pace.step_count; i++)
		buf_printf(out, "%s%g from %s on", i > 0 ? ", " : "(", h->pace.steps[i].rate, units_duration(a, sizeof(a), h->pace.steps[i].at));
	buf_puts(out, h->pace.step_count > 0 ? ") " : "");
	for (uint32_t i = 0; i < h->pace.surge_count; i++)
		buf_printf(out, "with %g at %s for %s, ", h->pace.surges[i].rate, units_duration(a, sizeof(a), h->pace.surges[i].at),
		    units_duration(b, sizeof(b), h->pace.surges[i].length));
	if (l->line >= 0)
		buf_printf(out, "through line %s", x->line_names[l->line]);
	else
		buf_printf(out, "to %s", h->target);
	buf_printf(out, ", for %s: ", units_duration(a, sizeof(a), l->duration));
	put_requests(h, out);
	buf_printf(out, "; an attempt is given up after %s", units_duration(a, sizeof(a), l->timeout));
	if (h->attempts > 1)
		buf_printf(out, ", up to %u attempts, %s between them", h->attempts, units_duration(a, sizeof(a), h->backoff));
	if (h->patience != FL_NEVER)
		buf_printf(out, "; an answer after %s is late", units_duration(a, sizeof(a), h->patience));
	buf_printf(out, "; up to %u connections", h->conns_max);
}

static void
put_redis(const struct experiment *x, struct buf *out)
{
	const struct experiment_load *l = &x->load;
	char time[32];

	buf_printf(out, "%" PRIu32 " client%s through line %s, ", l->clients, l->clients == 1 ? "" : "s", x->line_names[l->line]);
	if (l->rate > 0)
		buf_printf(out, "%g operations a second each", l->rate);
	else
		buf_puts(out, "as fast as answers come");
	buf_printf(out, ", for %s: ", units_duration(time, sizeof(time), l->duration));
	put_mix(l, out);
	buf_printf(out, " on %" PRIu32 " key%s, timeout %s", l->keys, l->keys == 1 ? "" : "s", units_duration(time, sizeof(time), l->timeout));
}

static void
put_program(const struct experiment *x, struct buf *out)
{
	const char *const *argv = x->processes[x->load.process].argv;
	char time[32];

	buf_puts(out, "a program, for ");
	buf_printf(out, "%s at most:", units_duration(time, sizeof(time), x->load.duration));
	for (; *argv != NULL; argv++)
		buf_printf(out, " %s", *argv);
}

const char *
load_say(const struct experiment *x, struct arena *mem)
{
	const char *said;
	struct buf out;

	if (!x->has_load)
		return NULL;
	buf_init(&out, 65536);
	if (x->load.type == EXPERIMENT_HTTP)
		put_http(x, &out);
	else if (x->load.type == EXPERIMENT_PROGRAM)
		put_program(x, &out);
	else
		put_redis(x, &out);
	said = arena_strdup(mem, buf_str(&out));
	buf_fini(&out);
	return said;
}
