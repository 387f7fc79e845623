/* SPDX-License-Identifier: MIT */
/* http_conf_draw.c - see http_conf_draw.h. Every limit is short enough that what waits for it is over in a few virtual minutes. */
#include "http_conf_draw.h"
#include "http_origin.h"

struct drawing {
	const struct web *x;
	const struct http_swarm *s;
	struct rnd *r;
	struct buf *y;
	const char *indent;
	bool capped;                    /* an instance takes only so many connections */
	bool own_instances;             /* what is drawn has upstreams of its own */
};

static bool
maybe(struct drawing *d, unsigned permille)
{
	return rnd_chance(d->r, permille);
}

static bool
policy(struct drawing *d)
{
	return rnd_chance(d->r, d->s->policy);
}

static long long
ms(struct drawing *d, int64_t lo, int64_t hi)
{
	return rnd_log(d->r, lo, hi);
}

/* A time limit: `, key: value`, noted in what is the soonest. */
static void
limit(struct drawing *d, const char *key, int64_t lo, int64_t hi, bool cuts, struct web_facts *f)
{
	long long v = ms(d, lo, hi);

	buf_printf(d->y, ", %s: %lldms", key, v);
	f->soonest = FL_MIN(f->soonest, v * FL_MS);
	if (cuts)
		f->cut_after = FL_MIN(f->cut_after, v * FL_MS);
}

static void
timeouts(struct drawing *d, struct web_facts *f)
{
	long long total = ms(d, 20, 20000);
	bool none = maybe(d, 30);

	f->soonest = f->cut_after = FL_NEVER;
	f->total = total * FL_MS;
	f->endless = none;
	if (!none)
		f->soonest = f->cut_after = f->total;
	buf_printf(d->y, "%stimeout: {total: %lldms", d->indent, none ? 0 : total);
	limit(d, "connect", 5, 2000, false, f);
	limit(d, "queue", 1, 2000, false, f);
	limit(d, "idle", none ? 500 : 20, 20000, true, f);
	if (maybe(d, 400))
		limit(d, "first_byte", 5, 5000, false, f);
	if (maybe(d, 400))
		limit(d, "per_try", 5, 5000, true, f);
	buf_puts(d->y, "}\n");
}

/* `, enforce: ...` for some. returns whether it is enforced always. */
static bool
enforce(struct drawing *d)
{
	if (!d->s->observe || maybe(d, 600))
		return true;
	buf_puts(d->y, maybe(d, 500) ? ", enforce: observe" : ", enforce: 50%");
	return false;
}

static void
retry(struct drawing *d, struct web_facts *f)
{
	static const char *const on[] = { "connect", "reset", "timeout", "5xx", "gateway", "\"429\"", "refused" };
	bool first = true, unsafe = maybe(d, 150);
	unsigned attempts = (unsigned)rnd_range(d->r, 1, 4);

	buf_printf(d->y, "%sretry: {attempts: %u, backoff: {base: %lldms, max: %lldms, jitter: %s}", d->indent, attempts, ms(d, 1, 200),
	    ms(d, 200, 2000), maybe(d, 500) ? "full" : "decorrelated");
	if (maybe(d, 700)) {
		buf_puts(d->y, ", on: [");
		for (unsigned i = 0; i < FL_ARRAY_LEN(on); i++)
			if (maybe(d, 600) || (first && i + 1 == FL_ARRAY_LEN(on))) {
				buf_printf(d->y, "%s%s", first ? "" : ", ", on[i]);
				first = false;
			}
		buf_puts(d->y, "]");
	}
	if (unsafe)
		buf_puts(d->y, ", unsafe: true");
	if (maybe(d, 300))
		buf_printf(d->y, ", replay: %lld", (long long)rnd_log(d->r, 0, 100000));
	buf_puts(d->y, "}\n");
	f->attempts = attempts;
	f->unsafe = unsafe;
}

static void
budget(struct drawing *d, struct web_facts *f)
{
	if (maybe(d, 200)) {
		buf_printf(d->y, "%sbudget: false\n", d->indent);
		f->budgeted = false;
		return;
	}
	f->budget_share = (double)rnd_range(d->r, 1, 100) / 100;
	f->budget_max = (double)rnd_range(d->r, 1, 30);
	f->budget_per_second = (double)rnd_range(d->r, 0, 20) / 10;
	buf_printf(d->y, "%sbudget: {share: %.0f%%, max: %.0f, reserve_per_second: %.1f", d->indent, f->budget_share * 100, f->budget_max,
	    f->budget_per_second);
	f->budgeted = enforce(d);
	buf_puts(d->y, "}\n");
}

static void
breaker(struct drawing *d)
{
	buf_printf(d->y, "%sbreaker: {per: %s, window: %lldms, failure_rate: %lld%%, min_calls: %lld, open: %lldms, open_max: %lldms",
	    d->indent, d->own_instances && maybe(d, 500) ? "instance" : "route", ms(d, 100, 10000), (long long)rnd_range(d->r, 5, 100),
	    (long long)rnd_log(d->r, 1, 20), ms(d, 10, 3000), ms(d, 3000, 6000));
	if (maybe(d, 300))
		buf_printf(d->y, ", window_calls: %lld", (long long)rnd_log(d->r, 1, 50));
	if (maybe(d, 500))
		buf_puts(d->y, ", confidence: 0");
	if (maybe(d, 300))
		buf_printf(d->y, ", slow: %lldms", ms(d, 200, 2000));
	if (maybe(d, 500))
		buf_printf(d->y, ", probes: %lld, successes: %lld", (long long)rnd_range(d->r, 1, 3), (long long)rnd_range(d->r, 1, 3));
	if (maybe(d, 300))
		buf_printf(d->y, ", lease: %lldms", ms(d, 10, 5000));
	enforce(d);
	buf_puts(d->y, "}\n");
}

static void
bulkhead(struct drawing *d, struct web_facts *f)
{
	unsigned max = (unsigned)rnd_log(d->r, 1, 8);

	buf_printf(d->y, "%sbulkhead: {max: %u, queue: %lld, interval: %lldms, lifo_after: %lldms", d->indent, max,
	    (long long)rnd_log(d->r, 0, 30), ms(d, 5, 1000), ms(d, 1, 1000));
	f->bulkhead = enforce(d) ? max : 0;
	buf_puts(d->y, "}\n");
}

static void
limits_of_load(struct drawing *d, struct web_facts *f)
{
	const struct http_swarm *s = d->s;

	if (s->limiter && policy(d)) {
		buf_printf(d->y, "%srate_limit: {rate: %lld/s, burst: %lld", d->indent, (long long)rnd_log(d->r, 1, 500),
		    (long long)rnd_log(d->r, 1, 20));
		enforce(d);
		buf_puts(d->y, "}\n");
		f->rate_limit = true;
	}
	if (s->adaptive && policy(d)) {
		buf_printf(d->y, "%sadaptive: {min: %lld, initial: %lld, window: %lldms, min_samples: %lld", d->indent,
		    (long long)rnd_range(d->r, 1, 2), (long long)rnd_range(d->r, 2, 10), ms(d, 10, 500), (long long)rnd_range(d->r, 1, 10));
		enforce(d);
		buf_puts(d->y, "}\n");
		f->refuses = true;
	}
	if (s->shed && policy(d)) {
		buf_printf(d->y, "%sshed: {target: %lldms, window: %lldms, step_up: 10%%", d->indent, ms(d, 1, 100), ms(d, 10, 500));
		if (maybe(d, 400))
			buf_printf(d->y, ", accepts: %lld, accepts_window: %llds", (long long)rnd_range(d->r, 1, 3),
			    (long long)rnd_range(d->r, 1, 10));
		enforce(d);
		buf_puts(d->y, "}\n");
		f->refuses = true;
	}
}

static void
instances(struct drawing *d, bool all)
{
	const char *sep = "";

	buf_puts(d->y, "[");
	for (unsigned i = 0; i < d->s->servers; i++) {
		const struct web_server *s = &d->x->servers[i];
		const char *address = rnd_chance(d->r, d->s->named) ? s->name : s->text;

		if (i > 0 && !all && maybe(d, 400))
			continue;
		buf_printf(d->y, "%s", sep);
		if (i == 0 || maybe(d, 600))
			buf_printf(d->y, "\"%s\"", address);
		else {
			bool capped = maybe(d, 100);

			d->capped |= capped;
			buf_printf(d->y, "{address: \"%s\", weight: %lld, priority: %lld%s}", address, (long long)rnd_log(d->r, 1, 10),
			    (long long)(maybe(d, 300) ? 1 : 0), capped ? ", max_connections: 3" : "");
		}
		sep = ", ";
	}
	buf_puts(d->y, "]");
}

static void
fallback(struct drawing *d, struct web_facts *f)
{
	const char *sep = "";

	buf_printf(d->y, "%sfallback: {", d->indent);
	if (maybe(d, 600)) {
		buf_puts(d->y, "stale: true");
		f->stale = true;
		sep = ", ";
	}
	f->fallback_upstreams = false;
	if (maybe(d, 300)) {
		buf_printf(d->y, "%supstreams: ", sep);
		instances(d, false);
		f->fallback_upstreams = true;
		sep = ", ";
	}
	f->fallback_own = *sep == '\0' || maybe(d, 500);
	if (f->fallback_own) {
		buf_printf(d->y, "%sstatus: 203, body: sorry", sep);
	}
	f->rehearses = maybe(d, 200);
	if (f->rehearses)
		buf_puts(d->y, ", rehearse: 20%");
	if (maybe(d, 300))
		buf_printf(d->y, ", max: %lld", (long long)rnd_range(d->r, 1, 5));
	if (maybe(d, 300))
		buf_puts(d->y, ", on: [failed, timeout]");
	buf_puts(d->y, "}\n");
}

/* Policies of the line, or what a route names of its own: f begins as the line's. */
static void
policies(struct drawing *d, struct web_facts *f, bool line)
{
	const struct http_swarm *s = d->s;

	if (line || maybe(d, 300))
		timeouts(d, f);
	if (s->retry && policy(d))
		retry(d, f);
	else if (!line && maybe(d, 200)) {
		buf_printf(d->y, "%sretry: false\n", d->indent);
		f->attempts = 1;
	}
	if (line)
		budget(d, f);
	if (s->hedged && policy(d)) {
		f->hedges = (unsigned)rnd_range(d->r, 1, 2);
		buf_printf(d->y, "%shedge: {after: %lldms, max: %u, min_delay: 1ms}\n", d->indent, ms(d, 1, 300), f->hedges);
	}
	if (s->breaker && policy(d)) {
		breaker(d);
		f->refuses = true;
	}
	if (s->bulkhead && policy(d)) {
		bulkhead(d, f);
		f->own_bulkhead = true;
		f->refuses = true;
	}
	limits_of_load(d, f);
	if (s->fallback && policy(d))
		fallback(d, f);
	if (maybe(d, 100))
		buf_printf(d->y, "%spass_deadline: false\n", d->indent);
	if (maybe(d, 200))
		buf_printf(d->y, "%spriority: %lld\n", d->indent, (long long)rnd_range(d->r, 0, 127));
}

/* ---- where calls go ---- */

static void
watch(struct drawing *d, struct web_facts *f)
{
	const char *in = d->indent;

	if (rnd_chance(d->r, d->s->health)) {
		buf_printf(d->y, "%shealth: {%s, interval: %lldms, timeout: %lldms, rise: %lld, fall: %lld}\n", in,
		    d->s->conf_seed % 3 > 0 ? "http: /healthz" : "tcp: true", ms(d, 20, 3000), ms(d, 10, 1000), (long long)rnd_range(d->r, 1, 3),
		    (long long)rnd_range(d->r, 1, 3));
		f->refuses = true;
	}
	if (rnd_chance(d->r, d->s->outlier)) {
		buf_printf(d->y, "%soutlier: {consecutive: %lld, ejection: %lldms, ejection_max: 5s, max_ejected: %lld%%, min_calls: %lld}\n", in,
		    (long long)rnd_log(d->r, 0, 5), ms(d, 10, 3000), (long long)rnd_range(d->r, 10, 100), (long long)rnd_log(d->r, 1, 20));
		f->refuses = true;
	}
	if (maybe(d, 300)) {
		buf_printf(d->y, "%spool: {idle: %lld, idle_timeout: %lldms, lifetime: %lldms, requests: %lld, max_connections: %lld}\n", in,
		    (long long)rnd_log(d->r, 0, 8), ms(d, 10, 5000), ms(d, 0, 5000), (long long)rnd_log(d->r, 0, 10),
		    (long long)(maybe(d, 300) ? rnd_log(d->r, 1, 8) : 0));
		f->refuses = true;
	}
}

static void
upstreams(struct drawing *d, struct web_facts *f)
{
	static const char *const kinds[] = { "round_robin", "least_request", "peak_ewma", "ring_hash", "random" };

	buf_printf(d->y, "%supstreams: ", d->indent);
	instances(d, maybe(d, 500));
	buf_printf(d->y, "\n%sbalance: %s\n", d->indent, kinds[rnd_below(d->r, FL_ARRAY_LEN(kinds))]);
	watch(d, f);
	if (maybe(d, 200))
		buf_printf(d->y, "%sslow_start: %lldms\n", d->indent, ms(d, 10, 3000));
	if (maybe(d, 200))
		buf_printf(d->y, "%spanic: %lld%%\n", d->indent, (long long)rnd_range(d->r, 0, 100));
	if (d->s->named > 0) {
		buf_printf(d->y, "%sdns: {refresh: %lldms}\n", d->indent, ms(d, 1000, 3000));
		f->refuses = true;
	}
}

/* ---- the whole ---- */

static void
client_limits(struct drawing *d, struct web_facts *f)
{
	long long idle = ms(d, 100, 20000), head = ms(d, 100, 10000), body = ms(d, 100, 10000);

	f->idle_timeout = idle * FL_MS;
	f->head_timeout = head * FL_MS;
	f->body_timeout = body * FL_MS;
	buf_printf(d->y, "limits: {idle_timeout: %lldms, head_timeout: %lldms, body_timeout: %lldms", idle, head, body);
	if (maybe(d, 200))
		buf_printf(d->y, ", requests: %lld", (long long)rnd_log(d->r, 1, 10));
	buf_puts(d->y, "}\n");
}

/* The most that one of two routes allows. */
static void
join(struct web_facts *f, const struct web_facts *g)
{
	f->attempts = FL_MAX(f->attempts, g->attempts);
	f->hedges = FL_MAX(f->hedges, g->hedges);
	f->unsafe |= g->unsafe;
	f->fallback_upstreams |= g->fallback_upstreams;
	f->fallback_own |= g->fallback_own;
	f->rehearses |= g->rehearses;
	f->stale |= g->stale;
	f->refuses |= g->refuses;
	f->rate_limit |= g->rate_limit;
	if (f->bulkhead == 0 || g->bulkhead == 0)
		f->bulkhead = 0;
	else if (g->own_bulkhead)
		f->bulkhead += g->bulkhead;
	f->endless |= g->endless;
	f->total = FL_MAX(f->total, g->total);
	f->soonest = FL_MIN(f->soonest, g->soonest);
	f->cut_after = FL_MIN(f->cut_after, g->cut_after);
}

static void
routes(struct drawing *d, const struct web_facts *line, struct web_facts *f)
{
	static const char *const matches[] = { "path_prefix: /a", "path_prefix: /b", "method: [POST, PUT]", "path: /p/1" };
	unsigned count = (unsigned)rnd_range(d->r, 0, d->s->routes_max);

	if (count == 0)
		return;
	buf_puts(d->y, "routes:\n");
	for (unsigned i = 0; i < count; i++) {
		struct web_facts mine = *line;

		mine.own_bulkhead = d->own_instances = false;
		buf_printf(d->y, "  - name: route%u\n    match: {%s}\n", i, matches[rnd_below(d->r, FL_ARRAY_LEN(matches))]);
		if (maybe(d, 300)) {
			d->indent = "    ";
			d->own_instances = true;
			upstreams(d, &mine);
		}
		buf_puts(d->y, "    policies:\n");
		d->indent = "      ";
		buf_puts(d->y, "      refuse_status: 503\n");
		policies(d, &mine, false);
		join(f, &mine);
	}
}

void
http_conf_draw(const struct web *x, struct rnd *r, struct buf *y, struct web_facts *ret_facts)
{
	struct drawing d = { x, x->swarm, r, y, "", false, true };
	struct web_facts line = { .attempts = 1, .budgeted = true, .budget_max = 10, .budget_share = 0.1, .budget_per_second = 0.1 };

	buf_puts(y, "protocol: http\n");
	upstreams(&d, &line);
	client_limits(&d, &line);
	if (maybe(&d, 200))
		buf_puts(y, "forwarded: true\n");
	if (maybe(&d, 200))
		buf_puts(y, "trace: false\n");
	if (maybe(&d, 200))
		buf_puts(y, "server_timing: true\nvia: sim\n");
	buf_puts(y, "policies:\n");
	d.indent = "  ";
	policies(&d, &line, true);
	*ret_facts = line;
	routes(&d, &line, ret_facts);
	ret_facts->refuses |= d.capped;
}
