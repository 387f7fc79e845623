/* SPDX-License-Identifier: MIT */
/*
 * http_explain.c - what happens to a call, step by step. The order is that of the data path: what is asked first stands first.
 */
#include "conf/http_explain.h"
#include "conf/http_doc_retry.h"
#include "conf/http_doc_routes.h"
#include "conf/http_doubt.h"
#include "conf/http_field.h"
#include <stdio.h>
#include <string.h>

#define STEPS_MAX 24
#define SAY_MAX 640

struct step {
	const char *name;
	char say[SAY_MAX];
};

struct told {
	const struct http_doc *h;
	const struct http_ask_route *route;
	const struct http_ask_policies *p;
	const struct http_ask_upstreams *u;
	struct http_cost cost;
	struct http_doubts doubts;
	unsigned count;
	struct step steps[STEPS_MAX];
	char spans[8][32];
	unsigned next_span;
};

/* ---- words ---- */

static const char *
span(struct told *t, fl_ns ns)
{
	char *text = t->spans[t->next_span++ % FL_ARRAY_LEN(t->spans)];

	return ns == FL_NEVER ? "no end" : http_field_duration(text, ns);
}

static void step(struct told *t, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void more(struct told *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
step(struct told *t, const char *name, const char *fmt, ...)
{
	va_list ap;

	if (t->count == STEPS_MAX)
		return;
	t->steps[t->count].name = name;
	va_start(ap, fmt);
	vsnprintf(t->steps[t->count++].say, SAY_MAX, fmt, ap);
	va_end(ap);
}

/* Go on with the last step. */
static void
more(struct told *t, const char *fmt, ...)
{
	struct step *s = &t->steps[t->count - 1];
	size_t used = strlen(s->say);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->say + used, SAY_MAX - used, fmt, ap);
	va_end(ap);
}

static void
tell_enforce(struct told *t, double enforce)
{
	if (enforce <= 0)
		more(t, " It only observes: nothing is refused, what would have been is counted.");
	else if (enforce < 1)
		more(t, " It is enforced for %g%% of the calls; for the others it only counts.", enforce * 100);
}

/* ---- steps ---- */

static void
tell_arrival(struct told *t)
{
	const struct http_limits *l = &t->h->limits;

	step(t, "arrive", "The request's head is read: at most %u KB and %u fields, within %s.", l->head_bytes_max / 1000, l->fields_max,
	    span(t, l->head_timeout));
	if (l->body_bytes_max > 0)
		more(t, " A body over %llu bytes is refused with 413.", (unsigned long long)l->body_bytes_max);
	if (t->h->trace.context)
		more(t, " Its trace is continued, or a new one begun.");
}

static void
tell_route(struct told *t)
{
	struct buf match;
	struct jsonw w;

	if (http_doc_routes_any(t->route)) {
		step(t, "route", t->h->route_count == 1 ? "There is one route, for every request." :
		    "No other route matched: this one is for all the rest.");
		return;
	}
	buf_init(&match, 4096);
	jsonw_init(&w, &match);
	http_doc_routes_json(&w, t->route);
	step(t, "route", "It matches %.400s, and is on route %s.", buf_str(&match), t->route->name);
	buf_fini(&match);
}

static void
tell_deadline(struct told *t)
{
	const struct http_timeouts *o = &t->p->timeouts;

	if (o->total > 0)
		step(t, "deadline", "From now on it has %s in all, attempts, waits and the answer's last byte included; then it is answered "
		    "with 504.", span(t, o->total));
	else
		step(t, "deadline", "Nothing bounds its time in all.");
	more(t, t->p->pass_deadline ? " A shorter deadline that the client sends counts instead, and what is left is passed on." :
	    " What the client says of its deadline is passed over.");
}

static void
tell_shed(struct told *t)
{
	const struct http_ask_shed *s = &t->p->shed;

	if (!s->on)
		return;
	step(t, "shed", "Load is shed, the least important first:");
	if (s->o.target > 0)
		more(t, " when calls waited for a place longer than %s on average over %s, a share more is refused each time.", span(t, s->o.target),
		    span(t, s->o.window));
	if (s->o.k > 0)
		more(t, " when in the last %s more than %g times as many were sent as were accepted, the rest is refused here.",
		    span(t, s->o.k_window), s->o.k);
	tell_enforce(t, s->o.enforce);
}

static void
tell_rate(struct told *t)
{
	const struct http_ask_rate *r = &t->p->rate;

	if (!r->on)
		return;
	step(t, "rate_limit", "%g a second are let in, %g at once; beyond that 429 with Retry-After.%s", r->o.rate, r->o.burst,
	    r->own || t->h->route_count == 1 ? "" : " All routes without a limit of their own share it.");
	tell_enforce(t, r->o.enforce);
}

static void
tell_concurrency(struct told *t)
{
	const struct http_ask_adaptive *a = &t->p->adaptive;
	const struct http_ask_bulkhead *b = &t->p->bulkhead;

	if (a->on) {
		step(t, "adaptive", "From %u to %u calls at once are let in, %u to begin with: fewer when answers take more than %g times as "
		    "long as usual or say overload, more while all is well.", a->o.min, a->o.max, a->o.initial, a->o.tolerance);
		tell_enforce(t, a->o.enforce);
	}
	if (!b->on)
		return;
	step(t, "bulkhead", "At most %u calls are at work at once, until the work ends, not until somebody stops waiting.", b->o.max);
	if (b->o.queue > 0)
		more(t, " %u more wait in order, for %s at most; when the queue has not been empty for %s the newest go first, and who waited over "
		    "%s is refused.", b->o.queue, span(t, t->p->timeouts.queue > 0 ? FL_MIN(t->p->timeouts.queue, b->o.interval) : b->o.interval),
		    span(t, b->o.lifo_after), span(t, b->o.target));
	else
		more(t, " None waits.");
	more(t, " Who finds no place is answered with %u.", t->p->refuse_status);
	tell_enforce(t, b->o.enforce);
}

static void
tell_breaker(struct told *t, const struct http_ask_breaker *b, const char *name, const char *what)
{
	if (!b->on)
		return;
	if (b->mode != HTTP_ASK_BREAKER_AUTO) {
		step(t, name, b->mode == HTTP_ASK_BREAKER_DISABLED ? "The breaker of %s is disabled: everything passes." :
		    "The breaker of %s is forced open: everything is refused.", what);
		return;
	}
	step(t, name, "The breaker of %s opens when, of at least %u calls in the last ", what, b->o.volume_min);
	if (b->o.count > 0)
		more(t, "%u calls, ", b->o.count);
	else
		more(t, "%s, ", span(t, b->o.window));
	more(t, "more than %g%% failed", b->o.failure_rate * 100);
	if (b->o.confidence > 0)
		more(t, " (with %g%% confidence)", b->o.confidence * 100);
	if (b->o.slow_after > 0)
		more(t, ", or more than %g%% took over %s", b->o.slow_rate * 100, span(t, b->o.slow_after));
	more(t, ". Then calls are refused at once for %s (up to %s when it opens again and again); after that %u at a time "
	    "are let through to probe, and %u that succeed%s close it.", span(t, b->o.open), span(t, b->o.open_max), b->o.probes, b->o.successes,
	    b->o.successes == 1 ? "s" : "");
	tell_enforce(t, b->o.enforce);
}

static void
tell_health(struct told *t)
{
	const struct http_ask_health *h = &t->u->health;
	const struct http_ask_outlier *o = &t->u->outlier;

	if (h->on) {
		more(t, " Each is checked every %s (%s%s): %u failures in a row take it out, %u successes bring it back.", span(t, h->interval),
		    h->tcp ? "TCP connect" : "GET ", h->tcp ? "" : h->path, h->fall, h->rise);
	}
	if (o->on) {
		more(t, " One that fails %u times in a row is ejected for %s, longer each time, but never more than %g%% of them.", o->o.consecutive,
		    span(t, o->o.base), o->o.max_share * 100);
	}
	if ((h->on || o->on || t->u->breaker.on) && t->u->panic > 0)
		more(t, " When fewer than %g%% are fit, all are used: better slow than none.", t->u->panic * 100);
}

static void
tell_instance(struct told *t)
{
	/* In the order of enum fl_balance_kind. */
	static const char *const words[] = { "the less busy of two drawn at random", "in turn",
		"of two drawn, the one with the shorter expected wait",
		"by hash, so that the same caller comes to the same one", "at random" };
	const struct http_ask_upstreams *u = t->u;
	uint32_t backups = 0;

	for (uint32_t i = 0; i < u->count; i++)
		backups += u->instances[i].priority > 0;
	if (u->count == 1) {
		step(t, "instance", "It goes to %.200s.", u->instances[0].address);
	} else {
		step(t, "instance", "An instance of %u is chosen: %s.", u->count, words[u->balance.o.kind]);
		if (backups > 0)
			more(t, " %u of them %s backup%s, used when too few of the others are fit.", backups, backups == 1 ? "is a" : "are",
			    backups == 1 ? "" : "s");
	}
	if (u->zone[0] != '\0')
		more(t, " Those of zone %s come first.", u->zone);
	tell_health(t);
}

static void
tell_attempt(struct told *t)
{
	const struct http_timeouts *o = &t->p->timeouts;

	step(t, "attempt", "An idle connection is taken, or a new one made within %s.", o->connect > 0 ? span(t, o->connect) : "the time there is");
	if (o->first_byte > 0)
		more(t, " The answer must begin within %s.", span(t, o->first_byte));
	if (o->per_try > 0)
		more(t, " The whole attempt may take %s.", span(t, o->per_try));
	if (o->idle > 0)
		more(t, " It ends when nothing moves for %s.", span(t, o->idle));
}

static void
tell_conditions(struct told *t, const struct http_ask_retry *r)
{
	static const char *const words[] = { "it cannot connect", "the connection breaks before an answer", "per_try or first_byte is over",
		"the answer is a 5xx (not 501, 505)", "the answer is 502, 503 or 504", "the answer is 429", NULL,
		"no instance has a connection to spare" };
	bool first = true;

	for (unsigned i = 0; i < FL_ARRAY_LEN(words); i++) {
		if ((r->conditions & 1u << i) == 0 || words[i] == NULL)
			continue;
		more(t, "%s%s", first ? " when " : ", ", words[i]);
		first = false;
	}
	for (uint32_t i = 0; i < r->status_count; i++) {
		more(t, "%s%u", first ? " when the answer is " : i == 0 ? ", the answer is " : ", ", r->status[i]);
		first = false;
	}
}

static void
tell_retry(struct told *t)
{
	const struct http_ask_retry *r = &t->p->retry;

	if (!r->on || r->o.attempts_max <= 1) {
		step(t, "retry", "There is one attempt.");
		return;
	}
	step(t, "retry", "There are up to %u attempts:", r->o.attempts_max);
	tell_conditions(t, r);
	more(t, ". %s Each next one goes to another instance if there is one, at first without a wait, then after a random one of up to %s "
	    "(at most %s); a body over %llu bytes is not kept, so not repeated.",
	    r->o.unsafe ? "Every method is repeated." : "What may have been received is repeated only if it is idempotent.",
	    span(t, r->o.base), span(t, r->o.max), (unsigned long long)r->replay_bytes);
}

static void
tell_hedge(struct told *t)
{
	const struct http_ask_hedge *h = &t->p->hedge;
	char text[32];

	if (!h->on)
		return;
	if (h->o.fixed == 0)
		step(t, "hedge", "When there is no answer after as long as %s%% of the calls take (at least %s), up to %u more go to other "
		    "instances; the first answer counts, the others are ended.", jsonw_format_g(text, h->o.quantile * 100),
		    span(t, h->o.delay_min), h->max);
	else
		step(t, "hedge", "When there is no answer after %s, up to %u more go to other instances; the first answer counts, the others "
		    "are ended.", span(t, h->o.fixed), h->max);
	tell_enforce(t, h->o.enforce);
}

static void
tell_budget(struct told *t)
{
	const struct http_ask_budget *b = &t->p->budget;

	if (t->cost.attempts == 1)
		return;
	if (!b->on)
		step(t, "budget", "Nothing bounds how many calls have further attempts.");
	else
		step(t, "budget", "Further attempts come out of a budget: %g for every call that succeeds, and %g a second beside.", b->o.ratio,
		    b->o.reserve);
}

static void
tell_fallback(struct told *t)
{
	const struct http_ask_fallback *f = &t->p->fallback;
	static const char *const words[] = { "no attempt succeeds", "time is up", "a policy refuses" };
	bool first = true;

	if (!f->on)
		return;
	step(t, "fallback", "When ");
	for (unsigned i = 0; i < FL_ARRAY_LEN(words); i++) {
		if ((f->o.on & 1u << i) == 0)
			continue;
		more(t, "%s%s", first ? "" : " or ", words[i]);
		first = false;
	}
	more(t, ",");
	if (f->is_stale)
		more(t, " an answer kept from before is given, if there is one of the last %s;", span(t, f->stale.age_max));
	if (f->upstreams > 0)
		more(t, " it goes to %.200s%s instead;", t->h->upstreams[f->upstreams].instances[0].address,
		    t->h->upstreams[f->upstreams].count > 1 ? " or its peers" : "");
	if (f->is_static)
		more(t, " it is answered with %u and %zu fixed bytes;", f->status, f->body_bytes);
	more(t, " %u at once at most.", f->o.max);
	if (f->o.rehearse > 0)
		more(t, " %g%% of the calls take this way always, so that it is known to work.", f->o.rehearse * 100);
	tell_enforce(t, f->o.enforce);
}

static void
tell(const struct http_cost_set *set, unsigned line, unsigned route, struct told *t)
{
	t->h = set->lines[line].doc;
	t->route = &t->h->routes[route];
	t->p = &t->route->policies;
	t->u = &t->h->upstreams[t->route->upstreams];
	t->count = t->next_span = 0;
	http_cost_of(set, line, route, &t->cost);
	http_doubt_route(set, line, route, &t->doubts);
	tell_arrival(t);
	tell_route(t);
	tell_deadline(t);
	tell_shed(t);
	tell_rate(t);
	tell_concurrency(t);
	if (t->p->breaker.per == HTTP_ASK_PER_ROUTE)
		tell_breaker(t, &t->p->breaker, "breaker", "the route");
	tell_instance(t);
	tell_breaker(t, &t->u->breaker, "instance_breaker", "the instance");
	tell_attempt(t);
	tell_retry(t);
	tell_hedge(t);
	tell_budget(t);
	tell_fallback(t);
}

/* ---- for people ---- */

/* Append text, broken into lines of that width, each after the first indented. */
static void
wrap(struct buf *out, const char *text, unsigned indent, unsigned width)
{
	unsigned column = indent;

	while (*text != '\0') {
		size_t word = strcspn(text, " ");

		if (width > 0 && column > indent && column + word > width) {
			buf_printf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			buf_putc(out, ' ');
			column++;
		}
		buf_append(out, text, word);
		column += (unsigned)word;
		text += word;
		text += strspn(text, " ");
	}
	buf_putc(out, '\n');
}

/* "3s: 1s waiting for a place, 2 attempts of 900ms, 25ms between them". */
static void
say_time(struct told *t, char *text, size_t bytes)
{
	const struct http_cost *c = &t->cost;
	unsigned rounds = t->p->retry.on ? t->p->retry.o.attempts_max : 1;
	fl_ns total = t->p->timeouts.total;
	size_t used;

	if (c->time == FL_NEVER) {
		snprintf(text, bytes, "no end: neither total nor per_try bounds it");
		return;
	}
	if (c->phases == FL_NEVER || c->phases > c->time) {
		snprintf(text, bytes, "%s: total ends it", span(t, c->time));
		return;
	}
	used = (size_t)snprintf(text, bytes, "%s: %s waiting for a place, %u attempt%s of %s, %s between them", span(t, c->time),
	    span(t, c->phases - c->waits - c->attempt * rounds), rounds, rounds > 1 ? "s" : "", span(t, c->attempt), span(t, c->waits));
	if (total > 0)
		snprintf(text + used, bytes - used, "; total would end it after %s", span(t, total));
}

static void
put_row(struct buf *out, const char *name, const char *text, unsigned width)
{
	buf_printf(out, "  %-15s", name);
	wrap(out, text, 17, width);
}

static void
put_worst(struct told *t, unsigned width, struct buf *out)
{
	const struct http_cost *c = &t->cost;
	char text[SAY_MAX];
	size_t used;

	buf_puts(out, "\nAt worst\n");
	say_time(t, text, sizeof(text));
	put_row(out, "time", text, width);
	snprintf(text, sizeof(text), "%u for one call%s", c->attempts, t->p->hedge.on ? ", hedges included" : "");
	put_row(out, "attempts", text, width);
	used = (size_t)snprintf(text, sizeof(text), "%.2f times the calls while most succeed, %.2f times when none does", c->healthy, c->outage);
	if (c->reserve_per_second > 0)
		snprintf(text + used, sizeof(text) - used, ", and %g a second beside", c->reserve_per_second);
	put_row(out, "amplification", text, width);
	if (c->depth == 0)
		return;
	snprintf(text, sizeof(text), "with the %u line%s behind this one: up to %.0f attempts for one call, %.2f times the calls when none succeeds",
	    c->depth, c->depth == 1 ? "" : "s", c->attempts_nested, c->outage_nested);
	put_row(out, "nested", text, width);
}

unsigned
http_explain_text(const struct http_cost_set *set, unsigned line, unsigned route, unsigned width, struct buf *out)
{
	struct told t;

	tell(set, line, route, &t);
	buf_printf(out, "A call on line %s, route %s\n\n", t.h->name, t.route->name);
	for (unsigned i = 0; i < t.count; i++) {
		buf_printf(out, "%3u. ", i + 1);
		wrap(out, t.steps[i].say, 5, width);
	}
	put_worst(&t, width, out);
	if (t.doubts.count > 0)
		buf_puts(out, "\nDoubts\n");
	for (unsigned i = 0; i < t.doubts.count; i++) {
		const struct http_doubt *x = &t.doubts.items[i];

		buf_printf(out, "  %s", http_doubt_word(x->kind));
		if (x->at.line > 0)
			buf_printf(out, " (line %u, column %u)", x->at.line, x->at.column);
		buf_puts(out, "\n     ");
		wrap(out, x->what, 5, width);
		buf_puts(out, "     mend: ");
		wrap(out, x->fix, 5, width);
	}
	return t.doubts.count;
}

/* ---- for programs ---- */

static void
put_ms(struct jsonw *w, const char *key, fl_ns ns)
{
	jsonw_key(w, key);
	if (ns == FL_NEVER)
		jsonw_null(w);
	else
		jsonw_float(w, (double)ns / (double)FL_MS);
}

static void
put_float(struct jsonw *w, const char *key, double v)
{
	jsonw_key(w, key);
	jsonw_float(w, v);
}

static void
put_cost(struct jsonw *w, const struct http_cost *c)
{
	jsonw_key(w, "worst");
	jsonw_object(w);
	put_ms(w, "time_ms", c->time);
	put_ms(w, "attempt_ms", c->attempt);
	put_ms(w, "waits_ms", c->waits);
	put_ms(w, "phases_ms", c->phases);
	jsonw_num(w, "attempts", c->attempts);
	put_float(w, "amplification_healthy", c->healthy);
	put_float(w, "amplification_outage", c->outage);
	put_float(w, "reserve_per_second", c->reserve_per_second);
	jsonw_num(w, "lines_behind", c->depth);
	put_float(w, "attempts_nested", c->attempts_nested);
	put_float(w, "amplification_outage_nested", c->outage_nested);
	jsonw_end(w);
}

static void
put_doubts(struct jsonw *w, const struct http_doubts *d)
{
	jsonw_key(w, "warnings");
	jsonw_array(w);
	for (unsigned i = 0; i < d->count; i++) {
		jsonw_object(w);
		jsonw_str(w, "code", http_doubt_word(d->items[i].kind));
		if (d->items[i].at.line > 0) {
			jsonw_num(w, "line", d->items[i].at.line);
			jsonw_num(w, "column", d->items[i].at.column);
		}
		jsonw_str(w, "text", http_doubt_text(d->items[i].kind));
		jsonw_str(w, "what", d->items[i].what);
		jsonw_str(w, "fix", d->items[i].fix);
		jsonw_end(w);
	}
	jsonw_end(w);
}

void
http_explain_json(const struct http_cost_set *set, unsigned line, unsigned route, struct jsonw *w)
{
	struct told t;

	tell(set, line, route, &t);
	jsonw_object(w);
	jsonw_str(w, "line", t.h->name);
	jsonw_str(w, "route", t.route->name);
	jsonw_key(w, "match");
	http_doc_routes_json(w, t.route);
	jsonw_key(w, "steps");
	jsonw_array(w);
	for (unsigned i = 0; i < t.count; i++) {
		jsonw_object(w);
		jsonw_str(w, "step", t.steps[i].name);
		jsonw_str(w, "say", t.steps[i].say);
		jsonw_end(w);
	}
	jsonw_end(w);
	put_cost(w, &t.cost);
	put_doubts(w, &t.doubts);
	jsonw_end(w);
}
