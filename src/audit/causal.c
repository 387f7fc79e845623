/* SPDX-License-Identifier: MIT */
/*
 * causal.c - see causal.h.
 *
 * Invariants
 *  (1) Events stand by process and in its order; an event's index counts from 1 within its process, so what it has seen of each
 *      process is one number, and its past is a row of them.
 *  (2) floor holds what must come before a write for another reason than (1) and what was read. It only grows.
 */
#include "audit/causal.h"

#include "audit/model_register.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct event {
	uint32_t call, process, index;
	uint32_t object;
	int64_t read, written;
	bool reads, writes;
	uint32_t source;                /* the write that was read; NONE: nothing was there */
};

/* All writes, by object and then by process: what a search for the last one known looks through. */
struct write {
	uint32_t object, event;
	int64_t value;
};

struct causal {
	const struct calls *calls;
	struct event *events;
	uint32_t count, processes;
	uint32_t *from;                 /* process -> its first event; processes + 1 */
	struct write *by_value, *by_process;
	uint32_t write_count;
	uint32_t *clock;                /* event x process: what it has seen, itself apart */
	uint32_t *floor;
	uint32_t *limit;                /* process -> how many of its events are looked at */
	uint32_t *done, *wait_next, *wait_head;
	struct frontier_budget *budget;
	const char *say;
	uint32_t shown;                 /* the event at which it shows; NONE */
};

static void
causal_fini(struct causal *c)
{
	free(c->events);
	free(c->from);
	free(c->by_value);
	free(c->by_process);
	free(c->clock);
	free(c->floor);
	free(c->limit);
}

static int
compare_process(const void *pa, const void *pb, void *ud)
{
	const struct calls *calls = ud;
	const uint32_t *a = pa, *b = pb;
	int64_t p = calls->at[*a].process, q = calls->at[*b].process;

	if (p != q)
		return p < q ? -1 : 1;
	return (*a > *b) - (*a < *b);
}

static int
compare_value(const void *pa, const void *pb)
{
	const struct write *a = pa, *b = pb;

	if (a->object != b->object)
		return a->object < b->object ? -1 : 1;
	if (a->value != b->value)
		return a->value < b->value ? -1 : 1;
	return (a->event > b->event) - (a->event < b->event);
}

static int
compare_event(const void *pa, const void *pb)
{
	const struct write *a = pa, *b = pb;

	if (a->object != b->object)
		return a->object < b->object ? -1 : 1;
	return (a->event > b->event) - (a->event < b->event);
}

static struct event
event_of(const struct calls *calls, uint32_t call)
{
	const struct calls_one *o = &calls->at[call];
	struct event e = { .call = call, .object = o->object, .source = NONE };

	e.reads = o->kind == MODEL_REGISTER_READ || o->kind == MODEL_REGISTER_CAS;
	e.writes = o->kind != MODEL_REGISTER_READ;
	e.read = o->a;
	e.written = o->kind == MODEL_REGISTER_CAS ? o->b : o->a;
	return e;
}

/* The place of the first write of a value, or behind those that are less. */
static uint32_t
find_value(const struct causal *c, uint32_t object, int64_t value)
{
	uint32_t lo = 0, hi = c->write_count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		const struct write *w = &c->by_value[mid];

		if (w->object < object || (w->object == object && w->value < value))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool
is_value(const struct causal *c, uint32_t at, uint32_t object, int64_t value)
{
	return at < c->write_count && c->by_value[at].object == object && c->by_value[at].value == value;
}

/* Sort the events out: those of the list, which has n, by process. */
static int
sort_out(struct causal *c, uint32_t *list, uint32_t n)
{
	size_t room = (size_t)n + 2;

	c->events = malloc(room * sizeof(c->events[0]));
	c->from = malloc(room * sizeof(c->from[0]));
	c->by_value = malloc(room * sizeof(c->by_value[0]));
	c->by_process = malloc(room * sizeof(c->by_process[0]));
	if (c->events == NULL || c->from == NULL || c->by_value == NULL || c->by_process == NULL)
		return -ENOMEM;
	qsort_r(list, n, sizeof(list[0]), compare_process, (void *)(uintptr_t)c->calls);
	for (uint32_t i = 0; i < n; i++) {
		struct event e = event_of(c->calls, list[i]);

		if (i == 0 || c->calls->at[list[i]].process != c->calls->at[list[i - 1]].process)
			c->from[c->processes++] = i;
		e.process = c->processes - 1;
		e.index = i - c->from[e.process] + 1;
		c->events[i] = e;
		if (e.writes)
			c->by_value[c->write_count++] = (struct write){ e.object, i, e.written };
	}
	c->count = n;
	c->from[c->processes] = n;
	if (c->write_count > 0) {
		memcpy(c->by_process, c->by_value, c->write_count * sizeof(c->by_value[0]));
		qsort(c->by_process, c->write_count, sizeof(c->by_process[0]), compare_event);
		qsort(c->by_value, c->write_count, sizeof(c->by_value[0]), compare_value);
	}
	return 0;
}

/* Who wrote what each event read. */
static enum causal_answer
find_sources(struct causal *c)
{
	for (uint32_t i = 0; i < c->count; i++) {
		struct event *e = &c->events[i];
		uint32_t at = e->reads ? find_value(c, e->object, e->read) : NONE;

		if (!e->reads || (e->read == 0 && !is_value(c, at, e->object, 0)))
			continue;
		if (!is_value(c, at, e->object, e->read)) {
			c->say = "a value was read that nobody wrote";
			c->shown = i;
			return CAUSAL_ILLEGAL;
		}
		if (e->read == 0 || is_value(c, at + 1, e->object, e->read)) {
			c->say = "a value that was read was written more than once, so nobody knows which write it came from";
			return CAUSAL_UNSURE;
		}
		e->source = c->by_value[at].event;
	}
	return CAUSAL_LEGAL;
}

static int
make_room(struct causal *c)
{
	size_t k = c->processes, bytes = ((size_t)c->count + 1) * k * sizeof(uint32_t);

	if (2 * bytes > c->budget->bytes_max)
		return -ENOBUFS;
	c->clock = calloc(1, bytes + 8);
	c->floor = calloc(1, bytes + 8);
	c->limit = malloc((4 * k + 4) * sizeof(c->limit[0]));
	if (c->clock == NULL || c->floor == NULL || c->limit == NULL)
		return -ENOMEM;
	c->done = c->limit + k;
	c->wait_next = c->done + k;
	c->wait_head = c->wait_next + k;
	for (uint32_t p = 0; p < k; p++)
		c->limit[p] = c->from[p + 1] - c->from[p];
	return 0;
}

/* Event e has seen event s: s itself, and what that has seen. */
static void
see(struct causal *c, uint32_t e, uint32_t s)
{
	uint32_t k = c->processes, *to = c->clock + (size_t)e * k, p = c->events[s].process;
	const uint32_t *from = c->clock + (size_t)s * k;

	for (uint32_t q = 0; q < k; q++)
		to[q] = FL_MAX(to[q], from[q]);
	to[p] = FL_MAX(to[p], c->events[s].index);
}

/* A process whose event e needs to be done first; NONE: e can be done. */
static uint32_t
waits_for(const struct causal *c, uint32_t e)
{
	uint32_t s = c->events[e].source, k = c->processes;
	const uint32_t *floor = c->floor + (size_t)e * k;

	if (s != NONE && c->done[c->events[s].process] < c->events[s].index)
		return c->events[s].process;
	for (uint32_t q = 0; c->events[e].writes && q < k; q++)
		if (c->done[q] < floor[q])
			return q;
	return NONE;
}

static void
look_back(struct causal *c, uint32_t e)
{
	uint32_t k = c->processes;
	const uint32_t *floor = c->floor + (size_t)e * k;

	memset(c->clock + (size_t)e * k, 0, k * sizeof(c->clock[0]));
	if (c->events[e].index > 1)
		see(c, e, e - 1);
	if (c->events[e].source != NONE)
		see(c, e, c->events[e].source);
	for (uint32_t q = 0; c->events[e].writes && q < k; q++)
		if (floor[q] > 0)
			see(c, e, c->from[q] + floor[q] - 1);
}

/* The past of each event within the limits. false: some come before themselves; then shown is one of them. */
static bool
tick(struct causal *c)
{
	uint32_t k = c->processes, stack = 0;

	/* wait_head[q]: the first process that waits for q; chained by wait_next, ends with NONE. The stack is of those that can go on. */
	memset(c->done, 0, k * sizeof(c->done[0]));
	for (uint32_t p = 0; p < k; p++) {
		c->wait_head[p] = NONE;
		c->wait_next[p] = stack;
		stack = p;
	}
	c->wait_next[0] = NONE;
	stack = k > 0 ? k - 1 : NONE;
	while (stack != NONE) {
		uint32_t p = stack, before = c->done[p], q = NONE;

		stack = c->wait_next[p];
		while (c->done[p] < c->limit[p]) {
			uint32_t e = c->from[p] + c->done[p];

			q = waits_for(c, e);
			if (q != NONE)
				break;
			look_back(c, e);
			c->done[p]++;
		}
		c->budget->configs -= FL_MIN(c->budget->configs, (uint64_t)(c->done[p] - before + 1) * k / 4 + 1);
		if (q != NONE) {
			c->wait_next[p] = c->wait_head[q];
			c->wait_head[q] = p;
		}
		/* Whoever waited for p looks again. */
		for (uint32_t w = c->done[p] > before ? c->wait_head[p] : NONE, next; w != NONE; w = next) {
			next = c->wait_next[w];
			c->wait_next[w] = stack;
			stack = w;
		}
		if (c->done[p] > before)
			c->wait_head[p] = NONE;
	}
	for (uint32_t p = 0; p < k; p++)
		if (c->done[p] < c->limit[p]) {
			c->shown = c->from[p] + c->done[p];
			return false;
		}
	return true;
}

/* Of the writes of one process to the object, which begin at `at`: the last that an event knows of. ret_end: behind them. */
static uint32_t
last_known(const struct causal *c, uint32_t at, uint32_t known, uint32_t *ret_end)
{
	const struct write *w = c->by_process;
	uint32_t object = w[at].object, p = c->events[w[at].event].process, lo = at, hi, end_event = c->from[p + 1];

	/* Behind them: by halves from a doubled distance. */
	for (hi = at + 1; hi < c->write_count && w[hi].object == object && w[hi].event < end_event; hi = at + 2 * (hi - at))
		;
	hi = FL_MIN(hi, c->write_count);
	for (uint32_t from = at; from < hi;) {
		uint32_t mid = from + (hi - from) / 2;

		if (w[mid].object == object && w[mid].event < end_event)
			from = mid + 1;
		else
			hi = mid;
	}
	*ret_end = hi;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (c->events[w[mid].event].index <= known)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo == at ? NONE : w[lo - 1].event;
}

/* The first write to an object in by_process. */
static uint32_t
find_object(const struct causal *c, uint32_t object)
{
	uint32_t lo = 0, hi = c->write_count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (c->by_process[mid].object < object)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * Every write to the object that event r knows of came before the one it read. changed: that is new. false: it read that
 * nothing was there, and knows of a write.
 */
static bool
read_last(struct causal *c, uint32_t r, bool *changed)
{
	const struct event *e = &c->events[r];
	const uint32_t *clock = c->clock + (size_t)r * c->processes;
	uint32_t end;

	for (uint32_t at = find_object(c, e->object); at < c->write_count && c->by_process[at].object == e->object; at = end) {
		uint32_t p = c->events[c->by_process[at].event].process, w = last_known(c, at, clock[p], &end);

		if (w == NONE || w == e->source)
			continue;
		if (e->source == NONE) {
			c->say = "a client read that nothing was there, and knew of a write";
			c->shown = r;
			return false;
		}
		uint32_t *floor = &c->floor[(size_t)e->source * c->processes + p], index = c->events[w].index;

		if (*floor >= index || c->clock[(size_t)e->source * c->processes + p] >= index)
			continue;
		*floor = index;
		*changed = true;
	}
	return true;
}

/* One client's own order: what its reads force is forced again by what that forces. */
static enum causal_answer
one_client(struct causal *c, uint32_t p, const uint32_t *past)
{
	bool changed = true;

	memset(c->floor, 0, (size_t)c->count * c->processes * sizeof(c->floor[0]));
	for (uint32_t q = 0; q < c->processes; q++)
		c->limit[q] = q == p ? c->from[p + 1] - c->from[p] : past[q];
	while (changed) {
		changed = false;
		c->say = "what a client read puts the writes it knew of in a circle";
		if (!tick(c))
			return CAUSAL_ILLEGAL;
		for (uint32_t r = c->from[p]; r < c->from[p + 1]; r++)
			if (c->events[r].reads && !read_last(c, r, &changed))
				return CAUSAL_ILLEGAL;
		if (c->budget->configs == 0)
			return CAUSAL_SPENT;
	}
	return CAUSAL_LEGAL;
}

static enum causal_answer
each_client(struct causal *c)
{
	uint32_t k = c->processes, *past = malloc((size_t)k * k * sizeof(past[0]) + 8);
	enum causal_answer answer = past == NULL ? CAUSAL_SPENT : CAUSAL_LEGAL;

	for (uint32_t p = 0; past != NULL && p < k; p++)
		memcpy(past + (size_t)p * k, c->clock + (size_t)(c->from[p + 1] - 1) * k, k * sizeof(past[0]));
	for (uint32_t p = 0; answer == CAUSAL_LEGAL && p < k; p++)
		answer = one_client(c, p, past + (size_t)p * k);
	free(past);
	return answer;
}

static enum causal_answer
all_clients(struct causal *c)
{
	bool changed = false;

	for (uint32_t r = 0; r < c->count; r++)
		if (c->events[r].reads && !read_last(c, r, &changed))
			return CAUSAL_ILLEGAL;
	c->say = "no order of the writes agrees with what all clients knew when they read";
	return !changed || tick(c) ? CAUSAL_LEGAL : CAUSAL_ILLEGAL;
}

/* Judge the calls of the list, which is sorted anew. */
static int
judge(struct causal *c, uint32_t *list, uint32_t n, enum causal_kind kind, enum causal_answer *ret)
{
	int rc = sort_out(c, list, n);

	c->shown = NONE;
	if (rc != 0)
		return rc;
	*ret = find_sources(c);
	if (*ret != CAUSAL_LEGAL)
		return 0;
	rc = make_room(c);
	if (rc != 0) {
		*ret = CAUSAL_SPENT;
		return rc == -ENOBUFS ? 0 : rc;
	}
	c->say = "operations come before themselves: what was read was written later";
	*ret = !tick(c) ? CAUSAL_ILLEGAL : kind == CAUSAL_MEMORY ? each_client(c) : all_clients(c);
	return 0;
}

static int
judge_list(const struct calls *calls, uint32_t *list, uint32_t n, enum causal_kind kind, struct frontier_budget *budget,
	   enum causal_answer *ret, const char **ret_say, uint32_t *ret_call)
{
	struct causal c = { .calls = calls, .budget = budget };
	int rc = judge(&c, list, n, kind, ret);

	if (rc == 0) {
		*ret_say = c.say;
		*ret_call = c.shown == NONE ? NONE : c.events[c.shown].call;
	}
	causal_fini(&c);
	return rc;
}

/* Which calls are there: those that happened, and unknown ones whose value was read. */
struct chosen {
	uint32_t *list;                 /* calls, in order */
	uint32_t count;
	uint32_t *sources;              /* call -> the one it read from, or NONE */
	bool *in;
	struct write *writes;           /* by object and value; event is the call */
	uint32_t write_count;
	const char *unsure;             /* there is something that cannot be judged */
	bool ambiguous;                 /* of a value that was read nobody knows which write it came from */
	uint32_t nowhere;               /* a call that surely happened and read what nobody wrote; NONE */
};

static void
chosen_fini(struct chosen *h)
{
	free(h->list);
	free(h->sources);
	free(h->in);
	free(h->writes);
}

static uint32_t
find_writer(const struct chosen *h, const struct event *e)
{
	struct write key = { e->object, 0, e->read };
	uint32_t lo = 0, hi = h->write_count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (compare_value(&h->writes[mid], &key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < h->write_count && h->writes[lo].object == e->object && h->writes[lo].value == e->read ? lo : NONE;
}

/*
 * The call is there; so is the one it read from, and on. Of several writes of one value (or one of nil, which was there at the start)
 * nobody knows which it was: then nothing follows.
 */
static void
choose(struct chosen *h, const struct calls *calls, uint32_t call)
{
	while (call != NONE && !h->in[call]) {
		struct event e = event_of(calls, call);
		uint32_t w = e.reads ? find_writer(h, &e) : NONE;
		bool again = w != NONE && w + 1 < h->write_count && h->writes[w + 1].object == e.object && h->writes[w + 1].value == e.read;

		h->in[call] = true;
		if (e.reads && w == NONE && e.read != 0 && calls_required(&calls->at[call]) && h->nowhere == NONE)
			h->nowhere = call;
		if (again || (w != NONE && e.read == 0)) {
			h->ambiguous = true;
			return;
		}
		call = w == NONE ? NONE : h->writes[w].event;
		h->sources[e.call] = call;
	}
}

static int
chosen_init(struct chosen *h, const struct calls *calls)
{
	size_t n = (size_t)calls->count + 1;

	*h = (struct chosen){ .nowhere = NONE, .list = malloc(n * sizeof(h->list[0])), .sources = malloc(n * sizeof(h->sources[0])),
		.in = calloc(n, sizeof(h->in[0])), .writes = malloc(n * sizeof(h->writes[0])) };
	if (h->list == NULL || h->sources == NULL || h->in == NULL || h->writes == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < calls->count; i++) {
		const struct calls_one *o = &calls->at[i];
		struct event e = event_of(calls, i);

		h->sources[i] = NONE;
		if (o->kind == MODEL_REGISTER_APPEND)
			h->unsure = "what was appended to cannot be judged for causality";
		else if (o->kind == MODEL_REGISTER_REFUSED)
			h->unsure = "a cas that was refused says what was not there, which is not looked at";
		else if (e.writes)
			h->writes[h->write_count++] = (struct write){ e.object, i, e.written };
	}
	qsort(h->writes, h->write_count, sizeof(h->writes[0]), compare_value);
	for (uint32_t i = 0; i < calls->count; i++)
		if (calls_required(&calls->at[i]) && calls->at[i].kind != MODEL_REGISTER_APPEND && calls->at[i].kind != MODEL_REGISTER_REFUSED)
			choose(h, calls, i);
	for (uint32_t i = 0; i < calls->count; i++)
		if (h->in[i])
			h->list[h->count++] = i;
	return 0;
}

struct shrink {
	const struct calls *calls;
	const struct chosen *h;
	enum causal_kind kind;
	struct frontier_budget *budget;
	uint32_t *try_list;
	bool *kept;
	bool spent;
};

/*
 * Whatever reads from what is gone goes, and so does what happened only because somebody read it who is gone. needed is scratch, all
 * false.
 */
static void
settle(const struct shrink *s, bool *gone, bool *needed)
{
	const struct chosen *h = s->h;

	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t i = 0; i < h->count; i++) {
			uint32_t source = h->sources[h->list[i]];

			if (source == NONE || !gone[source] || gone[h->list[i]])
				continue;
			gone[h->list[i]] = true;
			changed = true;
		}
	}
	for (uint32_t i = 0; i < h->count; i++)
		if (!gone[h->list[i]] && calls_required(&s->calls->at[h->list[i]]))
			for (uint32_t call = h->list[i]; call != NONE && !needed[call]; call = h->sources[call])
				needed[call] = true;
	for (uint32_t i = 0; i < h->count; i++)
		gone[h->list[i]] |= !needed[h->list[i]];
}

/* What is kept, without [from, to) of the calls. true: it is illegal still. */
static bool
still_illegal(struct shrink *s, uint32_t from, uint32_t to, uint32_t *ret_count)
{
	const struct chosen *h = s->h;
	enum causal_answer answer = CAUSAL_LEGAL;
	bool *gone = calloc((size_t)s->calls->count + 1, 2 * sizeof(gone[0]));
	const char *say;
	uint32_t call, n = 0;

	for (uint32_t i = 0; gone != NULL && i < h->count; i++)
		gone[h->list[i]] = !s->kept[h->list[i]] || (i >= from && i < to);
	if (gone != NULL)
		settle(s, gone, gone + s->calls->count);
	for (uint32_t i = 0; gone != NULL && i < h->count; i++)
		if (!gone[h->list[i]])
			s->try_list[n++] = h->list[i];
	s->budget->configs -= FL_MIN(s->budget->configs, (uint64_t)h->count);
	if (gone == NULL || s->budget->configs == 0 ||
	    judge_list(s->calls, s->try_list, n, s->kind, s->budget, &answer, &say, &call) != 0)
		s->spent = true;
	s->spent |= answer == CAUSAL_SPENT;
	if (answer == CAUSAL_ILLEGAL)
		for (uint32_t i = 0; i < h->count; i++)
			s->kept[h->list[i]] = !gone[h->list[i]];
	free(gone);
	*ret_count = n;
	return answer == CAUSAL_ILLEGAL;
}

static void
take_away(struct shrink *s)
{
	uint32_t n = s->h->count, count = n;

	for (uint32_t run = n / 2 + 1; run > 0 && !s->spent; run = run == 1 ? 0 : (run + 1) / 2) {
		bool again = true;

		while (again && !s->spent) {
			again = false;
			for (uint32_t from = 0; from < n && !s->spent; from += run) {
				bool any = false;
				uint32_t left;

				for (uint32_t i = from; i < FL_MIN(from + run, n); i++)
					any |= s->kept[s->h->list[i]];
				if (!any || !still_illegal(s, from, FL_MIN(from + run, n), &left))
					continue;
				again |= run == 1;
				count = left;
			}
		}
		/* Few are left of many: shorter runs at once. */
		run = FL_MIN(run, FL_MAX(2 * count, 1u));
	}
}

static int
explain(const struct calls *calls, const struct chosen *h, enum causal_kind kind, struct frontier_budget *budget, struct causal_result *ret)
{
	struct shrink s = { .calls = calls, .h = h, .kind = kind, .budget = budget, .kept = calloc((size_t)calls->count + 1, sizeof(s.kept[0])),
		.try_list = malloc(((size_t)calls->count + 1) * sizeof(s.try_list[0])) };
	enum causal_answer answer;
	uint32_t shown = NONE, n = 0;
	int rc = s.kept == NULL || s.try_list == NULL ? -ENOMEM : 0;

	for (uint32_t i = 0; rc == 0 && i < h->count; i++)
		s.kept[h->list[i]] = true;
	if (rc == 0) {
		take_away(&s);
		ret->minimal = !s.spent;
		for (uint32_t i = 0; i < h->count; i++)
			if (s.kept[h->list[i]])
				s.try_list[n++] = h->list[i];
		budget->configs = FL_MAX(budget->configs, UINT64_C(100000000));
		rc = judge_list(calls, s.try_list, n, kind, budget, &answer, &ret->say, &shown);
	}
	ret->calls = rc == 0 ? malloc(((size_t)n + 1) * sizeof(ret->calls[0])) : NULL;
	if (rc == 0 && ret->calls == NULL)
		rc = -ENOMEM;
	for (uint32_t i = 0; rc == 0 && i < h->count; i++)
		if (s.kept[h->list[i]]) {
			/* It shows where the last of them was read. */
			if (calls->at[h->list[i]].kind != MODEL_REGISTER_WRITE && calls->at[h->list[i]].kind != MODEL_REGISTER_DELETE)
				ret->culprit = ret->call_count;
			ret->calls[ret->call_count++] = h->list[i];
		}
	free(s.kept);
	free(s.try_list);
	return rc;
}

/* A value from nowhere, whatever else is ambiguous. */
static int
take_nowhere(uint32_t call, struct causal_result *ret)
{
	ret->calls = malloc(sizeof(ret->calls[0]));
	if (ret->calls == NULL)
		return -ENOMEM;
	ret->calls[0] = call;
	ret->call_count = 1;
	ret->minimal = true;
	ret->answer = CAUSAL_ILLEGAL;
	ret->say = "a value was read that nobody wrote";
	return 0;
}

int
causal_check(const struct calls *calls, enum causal_kind kind, struct frontier_budget *budget, struct causal_result *ret)
{
	struct causal_result r = { .answer = CAUSAL_UNSURE };
	struct chosen h;
	uint32_t shown, *list = malloc(((size_t)calls->count + 1) * sizeof(list[0]));
	int rc = chosen_init(&h, calls);

	if (rc == 0 && list == NULL)
		rc = -ENOMEM;
	if (rc == 0 && h.ambiguous) {
		r.say = "a value that was read was written more than once, so nobody knows which write it came from";
		rc = h.nowhere == NONE ? 0 : take_nowhere(h.nowhere, &r);
	} else if (rc == 0) {
		memcpy(list, h.list, h.count * sizeof(list[0]));
		rc = judge_list(calls, list, h.count, kind, budget, &r.answer, &r.say, &shown);
	}
	if (rc == 0 && r.answer == CAUSAL_LEGAL && h.unsure != NULL) {
		r.answer = CAUSAL_UNSURE;
		r.say = h.unsure;
	}
	if (rc == 0 && r.answer == CAUSAL_ILLEGAL && !h.ambiguous)
		rc = explain(calls, &h, kind, budget, &r);
	free(list);
	chosen_fini(&h);
	if (rc == 0)
		*ret = r;
	else
		free(r.calls);
	return rc;
}
