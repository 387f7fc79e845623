/* SPDX-License-Identifier: MIT */
/* http_doubt.c - policies of an HTTP line that contradict each other. */
#include "conf/http_doubt.h"
#include "conf/http_field.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct { const char *word, *text; } kinds[HTTP_DOUBT_COUNT] = {
#define ROW(id, word, text) [HTTP_DOUBT_##id] = { word, text },
	HTTP_DOUBTS(ROW)
#undef ROW
};

const char *
http_doubt_word(enum http_doubt_kind k)
{
	return kinds[k].word;
}

const char *
http_doubt_text(enum http_doubt_kind k)
{
	return kinds[k].text;
}

#define USUAL FL_SEC                    /* connect and queue, when nothing is said of them */

/* A route under the eye. */
struct look {
	const struct http_cost_set *set;
	const struct http_doc *h;
	const struct http_ask_route *route;
	const struct http_ask_policies *p;
	const struct http_ask_upstreams *u;
	struct http_doubts *out;
	char texts[4][32];              /* of durations, for one message at a time */
};

static const char *
span(struct look *l, unsigned slot, fl_ns ns)
{
	return http_field_duration(l->texts[slot], ns);
}

/* The next doubt, its texts still to be filled; the last place is used again when all are taken. */
static struct http_doubt *
doubt(struct look *l, enum http_doubt_kind kind, struct http_ask_mark at)
{
	struct http_doubts *out = l->out;
	struct http_doubt *x = &out->items[out->count < HTTP_DOUBTS_MAX ? out->count++ : HTTP_DOUBTS_MAX - 1];

	*x = (struct http_doubt){ .kind = kind, .at = at };
	return x;
}

static void what(struct http_doubt *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fix(struct http_doubt *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
what(struct http_doubt *x, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x->what, sizeof(x->what), fmt, ap);
	va_end(ap);
}

static void
fix(struct http_doubt *x, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x->fix, sizeof(x->fix), fmt, ap);
	va_end(ap);
}

static bool
is_idempotent(const char *method)
{
	static const char *const words[] = { "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE" };

	for (size_t i = 0; i < FL_ARRAY_LEN(words); i++) {
		if (strcmp(words[i], method) == 0)
			return true;
	}
	return false;
}

/* Does the route take requests that are (safe) or are not (!safe) idempotent? */
static bool
takes(const struct http_ask_route *r, bool safe)
{
	if (r->methods[0][0] == '\0')
		return true;
	for (size_t i = 0; i < FL_ARRAY_LEN(r->methods) && r->methods[i][0] != '\0'; i++) {
		if (is_idempotent(r->methods[i]) == safe)
			return true;
	}
	return false;
}

static bool
retries(const struct http_ask_policies *p)
{
	return p->retry.on && p->retry.o.attempts_max > 1;
}

/* ---- time ---- */

static void
look_at_total(struct look *l)
{
	const struct http_timeouts *t = &l->p->timeouts;
	struct http_doubt *x;

	if (t->total > 0)
		return;
	x = doubt(l, HTTP_DOUBT_NO_TOTAL, l->p->timeout_at);
	what(x, "timeout.total is 0: a call that trickles holds its connections, its permits and its caller for ever");
	fix(x, "set timeout: {total: ...} to what the caller is willing to wait");
}

static void
look_at_limits(struct look *l)
{
	const struct http_timeouts *t = &l->p->timeouts;
	const struct { const char *key; fl_ns value; } parts[] = {
		{ "connect", t->connect != USUAL ? t->connect : 0 }, { "first_byte", t->first_byte },
	};
	fl_ns within = t->per_try > 0 ? t->per_try : t->total;
	struct http_doubt *x;

	if (t->per_try > 0 && t->total > 0 && t->per_try > t->total && !retries(l->p)) {
		x = doubt(l, HTTP_DOUBT_TIMEOUT_UNUSED, l->p->timeout_at);
		what(x, "timeout.per_try is %s, but total ends the call after %s", span(l, 0, t->per_try), span(l, 1, t->total));
		fix(x, "set per_try below total, or leave it out");
	}
	for (size_t i = 0; i < FL_ARRAY_LEN(parts); i++) {
		if (parts[i].value <= 0 || within <= 0 || parts[i].value <= within)
			continue;
		x = doubt(l, HTTP_DOUBT_TIMEOUT_UNUSED, l->p->timeout_at);
		what(x, "timeout.%s is %s, but %s ends the attempt after %s", parts[i].key, span(l, 0, parts[i].value),
		    t->per_try > 0 ? "per_try" : "total", span(l, 1, within));
		fix(x, "set %s below %s", parts[i].key, t->per_try > 0 ? "per_try" : "total");
	}
	if (t->queue != USUAL && t->total > 0 && t->queue > t->total) {
		x = doubt(l, HTTP_DOUBT_QUEUE_OVER_TOTAL, l->p->timeout_at);
		what(x, "timeout.queue is %s, but the whole call may take %s", span(l, 0, t->queue), span(l, 1, t->total));
		fix(x, "set queue to what total leaves after an attempt");
	}
}

static void
look_at_attempts(struct look *l, const struct http_cost *c)
{
	const struct http_timeouts *t = &l->p->timeouts;
	struct http_doubt *x;

	if (!retries(l->p) || t->total <= 0 || t->per_try <= 0)
		return;
	if (t->per_try >= t->total) {
		x = doubt(l, HTTP_DOUBT_TRY_OVER_TOTAL, l->p->retry.at);
		what(x, "an attempt may take per_try %s and the call total %s: after an attempt that timed out there is no time for another",
		    span(l, 0, t->per_try), span(l, 1, t->total));
		fix(x, "set per_try to at most total / attempts, here %s", span(l, 2, t->total / l->p->retry.o.attempts_max / FL_MS * FL_MS));
	} else if (t->per_try * l->p->retry.o.attempts_max + c->waits > t->total) {
		x = doubt(l, HTTP_DOUBT_TRIES_OVER_TOTAL, l->p->retry.at);
		what(x, "%u attempts of %s with %s between them take %s, but total is %s", l->p->retry.o.attempts_max, span(l, 0, t->per_try),
		    span(l, 1, c->waits), span(l, 2, t->per_try * l->p->retry.o.attempts_max + c->waits), span(l, 3, t->total));
		fix(x, "fewer attempts, a shorter per_try, or a longer total");
	}
}

/* ---- more than one attempt ---- */

static void
look_at_budget(struct look *l, const struct http_cost *c)
{
	struct http_doubt *x;

	if (c->attempts == 1 || (l->p->budget.on && l->p->budget.o.enforce > 0))
		return;
	x = doubt(l, HTTP_DOUBT_NO_BUDGET, l->p->budget.at.line > 0 ? l->p->budget.at : l->p->retry.at);
	what(x, "without a budget an outage multiplies the load by %u, just when those behind can bear it least", c->attempts);
	fix(x, "leave budget: false out; its default lets through one more attempt for ten calls that succeed");
}

static void
look_at_unsafe(struct look *l)
{
	const struct http_ask_policies *p = l->p;
	struct http_doubt *x;

	if (retries(p) && p->retry.o.unsafe && takes(l->route, false)) {
		x = doubt(l, HTTP_DOUBT_UNSAFE_RETRY, p->retry.at);
		what(x, "retry.unsafe repeats POST and its like even when the first may have been received: the order may be placed twice");
		fix(x, "leave unsafe out (what was surely not sent is repeated anyway), or match only methods whose requests may be repeated");
	}
	if (p->hedge.on && p->retry.o.unsafe && takes(l->route, false)) {
		x = doubt(l, HTTP_DOUBT_UNSAFE_HEDGE, p->hedge.at);
		what(x, "hedge with retry.unsafe sends POST and its like a second time while the first is still at work");
		fix(x, "leave unsafe out, or match: {method: [GET, HEAD]}");
	} else if (p->hedge.on && !takes(l->route, true)) {
		x = doubt(l, HTTP_DOUBT_HEDGE_UNUSED, p->hedge.at);
		what(x, "the route takes no idempotent method, and nothing else is hedged");
		fix(x, "hedge: false on this route");
	}
}

static void
look_at_hedge(struct look *l)
{
	const struct http_ask_hedge *h = &l->p->hedge;
	fl_ns within = l->p->timeouts.per_try > 0 ? l->p->timeouts.per_try : l->p->timeouts.total;
	fl_ns after = h->o.fixed > 0 ? h->o.fixed : h->o.delay_min;
	struct http_doubt *x;

	if (!h->on)
		return;
	if (within > 0 && after >= within) {
		x = doubt(l, HTTP_DOUBT_HEDGE_LATE, h->at);
		what(x, "the hedge is sent after %s, but the attempt ends after %s", span(l, 0, after), span(l, 1, within));
		fix(x, "after: p95, or a time well below that");
	}
	if (l->u->count == 1) {
		x = doubt(l, HTTP_DOUBT_RETRY_ALONE, h->at);
		what(x, "the hedge goes to the one instance there is, which is slow already");
		fix(x, "name more instances in upstreams, or leave hedge out");
	}
}

/* A name may stand for many instances; a literal address is one. */
static bool
is_literal(const char *address)
{
	return strncmp(address, "unix:", 5) == 0 || address[0] == '[' || address[strspn(address, "0123456789.:")] == '\0';
}

static void
look_at_nesting(struct look *l, const struct http_cost *c)
{
	int behind = http_cost_behind(l->set, l->u);
	struct http_doubt *x;
	fl_ns total = l->p->timeouts.total, theirs = 0;

	if (behind < 0)
		return;
	if (c->attempts > 1 && c->attempts_nested > (double)c->attempts) {
		x = doubt(l, HTTP_DOUBT_NESTED_RETRIES, l->p->retry.on ? l->p->retry.at : l->p->hedge.at);
		what(x, "this line makes up to %u attempts, and line %s behind it repeats each again: up to %.0f for one call", c->attempts,
		    l->set->lines[behind].doc->name, c->attempts_nested);
		fix(x, "retry on one of them only, the one nearest to what fails: retry: false here, or there");
	}
	for (unsigned i = 0; i < l->set->lines[behind].doc->route_count; i++)
		theirs = FL_MAX(theirs, l->set->lines[behind].doc->routes[i].policies.timeouts.total);
	if (total > 0 && theirs > total && !l->p->pass_deadline) {
		x = doubt(l, HTTP_DOUBT_BEHIND_OUTLIVES, l->p->timeout_at);
		what(x, "calls end here after %s, but line %s works on them for up to %s, and pass_deadline is off", span(l, 0, total),
		    l->set->lines[behind].doc->name, span(l, 1, theirs));
		fix(x, "leave pass_deadline on: the line behind then knows how much time is left");
	}
}

static void
look_at_lonely_retry(struct look *l)
{
	const struct http_ask_retry *r = &l->p->retry;
	struct http_doubt *x;

	if (!retries(l->p) || l->u->count > 1 || r->conditions != HTTP_RETRY_REFUSED || !is_literal(l->u->instances[0].address))
		return;
	x = doubt(l, HTTP_DOUBT_RETRY_ALONE, r->at);
	what(x, "retry.on is [refused] alone, which turns to another instance, but there is one only");
	fix(x, "name more instances in upstreams");
}

/* ---- breakers ---- */

static void
look_at_window(struct look *l, const struct http_ask_breaker *b)
{
	const struct http_timeouts *t = &l->p->timeouts;
	fl_ns longest = t->per_try > 0 ? t->per_try : t->total;
	struct http_doubt *x;

	if (b->o.count == 0 && longest > 0 && b->o.window < longest) {
		x = doubt(l, HTTP_DOUBT_BREAKER_WINDOW, b->at);
		what(x, "the breaker looks at the last %s, but a call that hangs fails after %s: there are never enough failures in the window",
		    span(l, 0, b->o.window), span(l, 1, longest));
		fix(x, "a window of several times that, or a shorter per_try");
	}
	if (b->o.slow_after > 0 && longest > 0 && b->o.slow_after >= longest) {
		x = doubt(l, HTTP_DOUBT_BREAKER_SLOW, b->at);
		what(x, "calls over %s count as slow, but they are ended after %s and count as failed", span(l, 0, b->o.slow_after),
		    span(l, 1, longest));
		fix(x, "set slow below that");
	}
	if (b->mode != HTTP_ASK_BREAKER_AUTO) {
		x = doubt(l, HTTP_DOUBT_BREAKER_FORCED, b->at);
		what(x, b->mode == HTTP_ASK_BREAKER_DISABLED ? "mode: disabled lets every call through" : "mode: forced_open refuses every call");
		fix(x, "leave mode out when the occasion is over");
	}
}

/* How many calls the breaker may see in its window at most; < 0: nothing bounds them. */
static double
volume(const struct look *l, const struct http_ask_breaker *b)
{
	const struct http_ask_policies *p = l->p;
	double seconds = (double)b->o.window / (double)FL_SEC, most = -1, each;
	fl_ns longest = p->timeouts.per_try > 0 ? p->timeouts.per_try : p->timeouts.total;

	if (b->o.count > 0)
		most = b->o.count;
	if (p->rate.on && p->rate.o.enforce >= 1 && b->o.count == 0)
		most = p->rate.o.rate * seconds + p->rate.o.burst;
	/* When all hang, each place of the bulkhead makes one call per timeout. */
	if (p->bulkhead.on && p->bulkhead.o.enforce >= 1 && longest > 0 && b->o.count == 0) {
		each = p->bulkhead.o.max * ((double)b->o.window / (double)longest);
		most = most < 0 ? each : FL_MIN(most, each);
	}
	if (most >= 0 && b->per == HTTP_ASK_PER_INSTANCE && b->o.count == 0)
		most /= l->u->count;
	return most;
}

static void
look_at_volume(struct look *l, const struct http_ask_breaker *b)
{
	double most = volume(l, b);
	struct http_doubt *x;

	if (most < 0 || most >= b->o.volume_min)
		return;
	x = doubt(l, HTTP_DOUBT_BREAKER_VOLUME, b->at);
	what(x, "the breaker wants %u calls before it decides, but under the limits of this route at most %.1f reach %s in its window when all hang",
	    b->o.volume_min, most, b->per == HTTP_ASK_PER_INSTANCE ? "an instance" : "it");
	fix(x, "min_calls of at most %.0f, or a longer window", FL_MAX(most, 1.0));
}

static void
look_at_breakers(struct look *l)
{
	const struct http_ask_breaker *b[] = { &l->u->breaker, &l->p->breaker };

	if (l->u->breaker.on && l->route->upstreams == 0 && l->p->breaker.per == HTTP_ASK_PER_INSTANCE && l->p->breaker.on) {
		b[1] = NULL;    /* the same, once */
	}
	for (size_t i = 0; i < FL_ARRAY_LEN(b); i++) {
		if (b[i] == NULL || !b[i]->on || (i == 1 && b[i]->per == HTTP_ASK_PER_INSTANCE))
			continue;
		look_at_window(l, b[i]);
		look_at_volume(l, b[i]);
	}
}

/* ---- the rest ---- */

static void
look_at_bulkhead(struct look *l)
{
	const struct http_ask_bulkhead *b = &l->p->bulkhead;
	uint64_t connections = 0;
	struct http_doubt *x;

	for (uint32_t i = 0; i < l->u->count; i++) {
		uint32_t most = l->u->instances[i].connections_max > 0 ? l->u->instances[i].connections_max : l->u->pool.connections_max;

		if (most == 0)
			return;
		connections += most;
	}
	if (!b->on || b->o.max <= connections)
		return;
	x = doubt(l, HTTP_DOUBT_BULKHEAD_CONNECTIONS, b->at);
	what(x, "the bulkhead lets in %u calls, but all instances together take %llu connections: the others wait unseen", b->o.max,
	    (unsigned long long)connections);
	fix(x, "bulkhead: {max: %llu}, or more max_connections", (unsigned long long)connections);
}

static void
look_at_instances(struct look *l)
{
	const struct http_ask_outlier *o = &l->u->outlier;
	const struct http_ask_health *h = &l->u->health;
	struct http_doubt *x;

	if (o->on && h->on && h->interval * h->rise > o->o.base) {
		x = doubt(l, HTTP_DOUBT_HEALTH_SLOW, h->at);
		what(x, "an instance is ejected for %s, but %u checks %s apart take longer to find that it is well", span(l, 0, o->o.base), h->rise,
		    span(l, 1, h->interval));
		fix(x, "health interval of at most %s, or a longer ejection", span(l, 2, o->o.base / h->rise));
	}
	if (o->on && (double)l->u->count * o->o.max_share < 1 && is_literal(l->u->instances[0].address)) {
		x = doubt(l, HTTP_DOUBT_OUTLIER_ALONE, o->at);
		what(x, "of %u instance%s at most %.0f%% may be ejected: none", l->u->count, l->u->count == 1 ? "" : "s", o->o.max_share * 100);
		fix(x, "more instances, a larger max_ejected, or no outlier");
	}
}

static void
look_at_fallback(struct look *l)
{
	const struct http_ask_fallback *f = &l->p->fallback;
	const struct http_ask_upstreams *u = &l->h->upstreams[f->upstreams];
	struct http_doubt *x;

	if (!f->on || f->upstreams == 0)
		return;
	for (uint32_t i = 0; i < u->count; i++) {
		for (uint32_t k = 0; k < l->u->count; k++) {
			if (!http_cost_same_place(l->u->instances[k].address, u->instances[i].address))
				continue;
			x = doubt(l, HTTP_DOUBT_FALLBACK_SAME, f->at);
			what(x, "the fallback goes to %.200s, which is an instance of the line as well", u->instances[i].address);
			fix(x, "other instances, a stale copy, or a fixed answer");
			return;
		}
	}
	if (f->o.rehearse > 0)
		return;
	x = doubt(l, HTTP_DOUBT_FALLBACK_UNTRIED, f->at);
	what(x, "the fallback's upstreams are asked in an emergency only");
	fix(x, "rehearse: 0.1%% sends that share of the calls there, so that it is known to work");
}

static void
look_at_enforce(struct look *l)
{
	const struct http_ask_policies *p = l->p;
	const struct { const char *key; bool on; double enforce; struct http_ask_mark at; } rows[] = {
		{ "breaker", p->breaker.on, p->breaker.o.enforce, p->breaker.at },
		{ "bulkhead", p->bulkhead.on, p->bulkhead.o.enforce, p->bulkhead.at },
		{ "rate_limit", p->rate.on, p->rate.o.enforce, p->rate.at }, { "adaptive", p->adaptive.on, p->adaptive.o.enforce, p->adaptive.at },
		{ "shed", p->shed.on, p->shed.o.enforce, p->shed.at }, { "outlier", l->u->outlier.on, l->u->outlier.o.enforce, l->u->outlier.at },
	};
	struct http_doubt *x;

	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		if (!rows[i].on || rows[i].enforce > 0)
			continue;
		x = doubt(l, HTTP_DOUBT_OBSERVE_ONLY, rows[i].at);
		what(x, "%s only counts what it would refuse", rows[i].key);
		fix(x, "enforce: 10%%, then enforce, once its counters look right");
	}
}

void
http_doubt_route(const struct http_cost_set *set, unsigned line, unsigned route, struct http_doubts *ret)
{
	const struct http_doc *h = set->lines[line].doc;
	struct look l = { .set = set, .h = h, .route = &h->routes[route], .p = &h->routes[route].policies, .out = ret };
	struct http_cost c;

	ret->count = 0;
	l.u = &h->upstreams[l.route->upstreams];
	http_cost_of(set, line, route, &c);
	look_at_total(&l);
	look_at_limits(&l);
	look_at_attempts(&l, &c);
	look_at_budget(&l, &c);
	look_at_unsafe(&l);
	look_at_hedge(&l);
	look_at_lonely_retry(&l);
	look_at_nesting(&l, &c);
	look_at_breakers(&l);
	look_at_bulkhead(&l);
	look_at_instances(&l);
	look_at_fallback(&l);
	look_at_enforce(&l);
}

/* ---- a whole line ---- */

static bool
said_before(const struct http_doubts *all, const struct http_doubt *x)
{
	for (unsigned i = 0; i < all->count; i++) {
		if (all->items[i].kind == x->kind && strcmp(all->items[i].what, x->what) == 0 && all->items[i].at.line == x->at.line)
			return true;
	}
	return false;
}

unsigned
http_doubt_line(const struct http_cost_set *set, unsigned line, const char *file, struct buf *out)
{
	const struct http_doc *h = set->lines[line].doc;
	struct http_doubts all = { .count = 0 }, one;
	unsigned count = 0;

	for (unsigned r = 0; r < h->route_count; r++) {
		http_doubt_route(set, line, r, &one);
		for (unsigned i = 0; i < one.count; i++) {
			const struct http_doubt *x = &one.items[i];

			if (said_before(&all, x) || all.count == HTTP_DOUBTS_MAX)
				continue;
			all.items[all.count++] = *x;
			buf_printf(out, "%s", file);
			if (x->at.line > 0)
				buf_printf(out, ":%u:%u", x->at.line, x->at.column);
			buf_printf(out, ": line %s%s%s: %s: %s; %s\n", h->name, h->route_count > 1 ? ", route " : "",
			    h->route_count > 1 ? h->routes[r].name : "", http_doubt_word(x->kind), x->what, x->fix);
			count++;
		}
	}
	return count;
}
