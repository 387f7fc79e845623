/* SPDX-License-Identifier: MIT */
/*
 * txn_weak.c - read committed, read atomic, causal.
 *
 * Invariants
 *  (1) A session is a chain: each of its transactions is ordered behind the one before. One of unknown outcome, behind which
 *      nobody is ordered, is a session of its own.
 *  (2) clock[s] of a transaction is how many of session s happen before it.
 */
#include "audit/txn_weak.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INITIAL UINT32_MAX              /* the writer of initial versions */
#define HUNT_STEPS 20000000u

/* What the reader at hand reads of an object. */
struct seen {
	uint32_t reader;                /* + 1: these are of this reader */
	uint32_t writer, version;       /* the earliest of the reads looked at so far */
	uint32_t writer2, version2;     /* the earliest from another writer; version2 TXN_NONE: none */
};
struct weak {
	const struct txn_core *c;
	const struct txn_graph *g;
	enum txn_weak_level level;
	unsigned mask;
	struct arena *mem;
	struct seen *seen;              /* by object */
	uint32_t *seen_objects;         /* those of the reader at hand */
	uint32_t seen_count;
	uint32_t *met;                  /* by node: the last reader that read from it, + 1 */
	uint32_t *object_first, *objects;       /* by node: what it wrote, sorted */
	struct txn_forced *forced;
	size_t forced_count, forced_cap;
	struct txn_forced direct;       /* reader TXN_NONE: none */
	bool full;
};

static int
by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int
set_up(struct weak *w)
{
	const struct txn_core *c = w->c;
	uint32_t objects = txn_core_objects(c), count = 0, reads_max = 0;

	for (uint32_t x = 0; x < c->n; x++)
		reads_max = FL_MAX(reads_max, c->read_first[x + 1] - c->read_first[x]);
	w->seen = txn_core_array(w->mem, objects, sizeof(w->seen[0]));
	w->seen_objects = txn_core_array(w->mem, reads_max, sizeof(uint32_t));
	w->met = txn_core_array(w->mem, c->n, sizeof(uint32_t));
	w->object_first = txn_core_array(w->mem, (size_t)c->n + 1, sizeof(uint32_t));
	w->objects = txn_core_array(w->mem, c->write_first[c->n], sizeof(uint32_t));
	if (w->mem->overflowed)
		return -ENOBUFS;
	for (uint32_t x = 0; x < c->n; x++) {
		w->object_first[x] = count;
		for (uint32_t i = c->write_first[x]; i < c->write_first[x + 1]; i++)
			if ((c->versions[c->writes[i]].flags & TXN_VER_INTERMEDIATE) == 0)
				w->objects[count++] = txn_core_object(c, c->writes[i]);
		if (count - w->object_first[x] > 1)
			qsort(w->objects + w->object_first[x], count - w->object_first[x], sizeof(uint32_t), by_number);
	}
	w->object_first[c->n] = count;
	w->direct.reader = TXN_NONE;
	return 0;
}

static bool
writes_object(const struct weak *w, uint32_t node, uint32_t object)
{
	uint32_t low = w->object_first[node], high = w->object_first[node + 1];

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (w->objects[middle] == object)
			return true;
		if (w->objects[middle] < object)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* `first`, visible to reader, wrote what the reader read from the writer of `version`: it must be before that one. */
static void
force(struct weak *w, uint32_t first, uint32_t second, uint32_t reader, uint32_t version)
{
	if (first == second || first == reader)
		return;
	if (second == INITIAL) {
		if (w->direct.reader == TXN_NONE)
			w->direct = (struct txn_forced){ first, second, reader, version };
		return;
	}
	if (w->forced_count == w->forced_cap) {
		size_t cap = w->forced_cap == 0 ? 1024 : w->forced_cap * 2;
		struct txn_forced *more = txn_core_array(w->mem, cap, sizeof(*more));

		if (more == NULL) {
			w->full = true;
			return;
		}
		if (w->forced_count > 0)
			memcpy(more, w->forced, w->forced_count * sizeof(*more));
		w->forced = more;
		w->forced_cap = cap;
	}
	w->forced[w->forced_count++] = (struct txn_forced){ first, second, reader, version };
}

/* The writer of what a read shows: a node or INITIAL. false: nobody who may be read. */
static bool
writer_of(const struct txn_core *c, uint32_t version, uint32_t *ret_writer)
{
	const struct txn_version *v = &c->versions[version];

	*ret_writer = v->node;
	if (v->node != TXN_NONE)
		return true;
	*ret_writer = INITIAL;
	return v->txn == TXN_NONE && (v->flags & TXN_VER_AMBIGUOUS) == 0;
}

static void
see(struct weak *w, uint32_t reader, uint32_t object, uint32_t writer, uint32_t version)
{
	struct seen *s = &w->seen[object];

	if (s->reader != reader + 1) {
		*s = (struct seen){ reader + 1, writer, version, INITIAL, TXN_NONE };
		w->seen_objects[w->seen_count++] = object;
		return;
	}
	if (s->writer != writer) {
		s->writer2 = s->writer;
		s->version2 = s->version;
	}
	s->writer = writer;
	s->version = version;
}

static void
force_seen(struct weak *w, uint32_t node, uint32_t reader, uint32_t object)
{
	const struct seen *s = &w->seen[object];

	if (s->reader != reader + 1)
		return;
	if (s->writer != node)
		force(w, node, s->writer, reader, s->version);
	else if (s->version2 != TXN_NONE)
		force(w, node, s->writer2, reader, s->version2);
}

/* The reader saw `node`: what both that wrote and the reader read. The smaller side is walked. */
static void
intersect(struct weak *w, uint32_t node, uint32_t reader)
{
	uint32_t count = w->object_first[node + 1] - w->object_first[node];

	if (count <= w->seen_count) {
		for (uint32_t i = w->object_first[node]; i < w->object_first[node + 1]; i++)
			force_seen(w, node, reader, w->objects[i]);
		return;
	}
	for (uint32_t i = 0; i < w->seen_count; i++)
		if (writes_object(w, node, w->seen_objects[i]))
			force_seen(w, node, reader, w->seen_objects[i]);
}

/* Read committed: what was read before. Backwards, so that what is seen so far is what is read later; at the first read of a writer. */
static void
read_committed(struct weak *w, uint32_t x, uint8_t *is_first)
{
	const struct txn_core *c = w->c;
	uint32_t from = c->read_first[x], writer;

	for (uint32_t i = from; i < c->read_first[x + 1]; i++) {
		is_first[i - from] = 0;
		if (!writer_of(c, c->reads[i].version, &writer) || writer == INITIAL || w->met[writer] == x + 1)
			continue;
		w->met[writer] = x + 1;
		is_first[i - from] = 1;
	}
	w->seen_count = 0;
	for (uint32_t i = c->read_first[x + 1]; i > from; i--) {
		uint32_t v = c->reads[i - 1].version;

		if (!writer_of(c, v, &writer))
			continue;
		if (is_first[i - 1 - from] != 0)
			intersect(w, writer, x);
		see(w, x, txn_core_object(c, v), writer, v);
	}
}

/* last[object]: the last writer of it in the session of x, with its session + 1 in last_session[object]. */
static void
read_atomic(struct weak *w, uint32_t x)
{
	const struct txn_core *c = w->c;
	uint32_t writer;

	w->seen_count = 0;
	for (uint32_t i = c->read_first[x]; i < c->read_first[x + 1]; i++)
		if (writer_of(c, c->reads[i].version, &writer))
			see(w, x, txn_core_object(c, c->reads[i].version), writer, c->reads[i].version);
	for (uint32_t i = c->read_first[x]; i < c->read_first[x + 1]; i++) {
		if (!writer_of(c, c->reads[i].version, &writer) || writer == INITIAL || w->met[writer] == x + 1)
			continue;
		w->met[writer] = x + 1;
		intersect(w, writer, x);
	}
}

/* Read atomic, by sessions: the last one there that wrote what is read. Sessions are walked one after the other. */
static int
read_atomic_sessions(struct weak *w)
{
	const struct txn_core *c = w->c;
	uint32_t processes = c->h->process_count;
	uint32_t *first = txn_core_array(w->mem, (size_t)processes + 2, sizeof(uint32_t));
	uint32_t *nodes = txn_core_array(w->mem, c->n, sizeof(uint32_t));
	uint32_t *last = txn_core_array(w->mem, txn_core_objects(c), sizeof(uint32_t));
	uint32_t *owner = txn_core_array(w->mem, txn_core_objects(c), sizeof(uint32_t)), writer;

	if (w->mem->overflowed)
		return -ENOBUFS;
	uint32_t *at = first + 1;

	for (uint32_t x = 0; x < c->n; x++)
		at[c->h->txns[c->txn_of[x]].process + 1]++;
	for (uint32_t p = 0; p < processes; p++)
		at[p + 1] += at[p];
	for (uint32_t x = 0; x < c->n; x++)
		nodes[at[c->h->txns[c->txn_of[x]].process]++] = x;
	for (uint32_t p = 0; p < processes; p++) {
		for (uint32_t i = first[p]; i < first[p + 1]; i++) {
			uint32_t x = nodes[i];

			for (uint32_t r = c->read_first[x]; r < c->read_first[x + 1]; r++) {
				uint32_t object = txn_core_object(c, c->reads[r].version);

				if (owner[object] == p + 1 && writer_of(c, c->reads[r].version, &writer))
					force(w, last[object], writer, x, c->reads[r].version);
			}
			if (c->h->txns[c->txn_of[x]].outcome != TXN_OK)
				continue;
			for (uint32_t o = w->object_first[x]; o < w->object_first[x + 1]; o++) {
				owner[w->objects[o]] = p + 1;
				last[w->objects[o]] = x;
			}
		}
	}
	return 0;
}

/* Causal: sessions as chains, (1), and who wrote an object, by session and place in it. */
struct causal {
	uint32_t sessions;
	uint32_t *session, *place;      /* by node */
	uint32_t *before;               /* by node: the one before it in its process; TXN_NONE */
	uint32_t *writer_first;         /* by object: writers, sorted by session and place */
	uint32_t *writers;
	uint32_t *left;                 /* by node: successors that still need its clock */
	uint32_t **clock;               /* by node; NULL: not made, or given back */
	uint32_t **free;                /* clocks to use again */
	uint32_t free_count;
	uint8_t *state;                 /* by node: 0 not met, 1 on the path, 2 done */
};

static int
number_sessions(struct weak *w, struct causal *k)
{
	const struct txn_core *c = w->c;
	uint32_t *last = txn_core_array(w->mem, c->h->process_count, sizeof(uint32_t)), writer;

	k->session = txn_core_array(w->mem, c->n, sizeof(uint32_t));
	k->place = txn_core_array(w->mem, c->n, sizeof(uint32_t));
	k->before = txn_core_array(w->mem, c->n, sizeof(uint32_t));
	k->left = txn_core_array(w->mem, c->n, sizeof(uint32_t));
	if (w->mem->overflowed)
		return -ENOBUFS;
	memset(last, 0xff, c->h->process_count * sizeof(uint32_t));
	for (uint32_t x = 0; x < c->n; x++) {
		const struct txn *t = &c->h->txns[c->txn_of[x]];

		k->before[x] = last[t->process];
		if (k->before[x] != TXN_NONE)
			k->left[k->before[x]]++;
		if (t->outcome == TXN_OK && k->before[x] != TXN_NONE) {
			k->session[x] = k->session[k->before[x]];
			k->place[x] = k->place[k->before[x]] + 1;
		} else {
			k->session[x] = k->sessions++;                    /* (1) */
		}
		if (t->outcome == TXN_OK)
			last[t->process] = x;
		for (uint32_t r = c->read_first[x]; r < c->read_first[x + 1]; r++)
			if (writer_of(c, c->reads[r].version, &writer) && writer != INITIAL)
				k->left[writer]++;
	}
	return 0;
}

struct writer_key {
	uint32_t session, place, node;
};

static int
by_place(const void *a, const void *b)
{
	const struct writer_key *x = a, *y = b;

	if (x->session != y->session)
		return x->session < y->session ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* By object, its writers sorted: all nodes are put in that order once, then dealt to their objects. */
static int
index_writers(struct weak *w, struct causal *k)
{
	const struct txn_core *c = w->c;
	uint32_t objects = txn_core_objects(c);
	struct writer_key *order = txn_core_array(w->mem, c->n, sizeof(*order));

	k->writer_first = txn_core_array(w->mem, (size_t)objects + 2, sizeof(uint32_t));
	k->writers = txn_core_array(w->mem, w->object_first[c->n], sizeof(uint32_t));
	if (w->mem->overflowed)
		return -ENOBUFS;
	uint32_t *at = k->writer_first + 1;

	for (uint32_t x = 0; x < c->n; x++)
		order[x] = (struct writer_key){ k->session[x], k->place[x], x };
	if (c->n > 1)
		qsort(order, c->n, sizeof(*order), by_place);
	for (uint32_t i = 0; i < w->object_first[c->n]; i++)
		at[w->objects[i] + 1]++;
	for (uint32_t o = 0; o < objects; o++)
		at[o + 1] += at[o];
	for (uint32_t j = 0; j < c->n; j++)
		for (uint32_t i = w->object_first[order[j].node]; i < w->object_first[order[j].node + 1]; i++)
			k->writers[at[w->objects[i]]++] = order[j].node;
	return 0;
}

static uint32_t *
take_clock(struct weak *w, struct causal *k)
{
	if (k->free_count > 0) {
		uint32_t *clock = k->free[--k->free_count];

		memset(clock, 0, k->sessions * sizeof(uint32_t));
		return clock;
	}
	return txn_core_array(w->mem, k->sessions, sizeof(uint32_t));
}

static void
join(struct causal *k, uint32_t *clock, uint32_t from)
{
	const uint32_t *other = k->clock[from];

	fl_assert(other != NULL);
	for (uint32_t s = 0; s < k->sessions; s++)
		clock[s] = FL_MAX(clock[s], other[s]);
	clock[k->session[from]] = FL_MAX(clock[k->session[from]], k->place[from] + 1);
	if (--k->left[from] == 0) {
		k->free[k->free_count++] = k->clock[from];
		k->clock[from] = NULL;
	}
}

/* For each session that wrote what x reads: the last of those writers that happens before x. */
static void
force_causal(struct weak *w, const struct causal *k, const uint32_t *clock, uint32_t x, uint32_t version, uint32_t writer)
{
	uint32_t object = txn_core_object(w->c, version);
	uint32_t i = k->writer_first[object], end = k->writer_first[object + 1];

	while (i < end) {
		uint32_t session = k->session[k->writers[i]], low = i, high = end, last = TXN_NONE;

		/* the first writer behind those of this session that happen before x */
		while (low < high) {
			uint32_t middle = low + (high - low) / 2, m = k->writers[middle];

			if (k->session[m] < session || (k->session[m] == session && k->place[m] < clock[session])) {
				low = middle + 1;
				last = m;
			} else {
				high = middle;
			}
		}
		if (last != TXN_NONE && last != writer)
			force(w, last, writer, x, version);
		for (i = low, high = end; i < high;) {
			uint32_t middle = i + (high - i) / 2;

			if (k->session[k->writers[middle]] <= session)
				i = middle + 1;
			else
				high = middle;
		}
	}
}

/* All before x are done: its clock, and what it forces. */
static int
finish_causal(struct weak *w, struct causal *k, uint32_t x)
{
	const struct txn_core *c = w->c;
	uint32_t *clock = take_clock(w, k), writer;

	if (clock == NULL)
		return -ENOBUFS;
	if (k->before[x] != TXN_NONE)
		join(k, clock, k->before[x]);
	for (uint32_t r = c->read_first[x]; r < c->read_first[x + 1]; r++)
		if (writer_of(c, c->reads[r].version, &writer) && writer != INITIAL)
			join(k, clock, writer);
	for (uint32_t r = c->read_first[x]; r < c->read_first[x + 1]; r++)
		if (writer_of(c, c->reads[r].version, &writer))
			force_causal(w, k, clock, x, c->reads[r].version, writer);
	k->clock[x] = clock;
	k->state[x] = 2;
	if (k->left[x] == 0) {
		k->free[k->free_count++] = clock;
		k->clock[x] = NULL;
	}
	return 0;
}

/* The next one before x that is not done; TXN_NONE. A circle shows later, in the graph. */
static uint32_t
undone(const struct weak *w, const struct causal *k, uint32_t x, uint32_t *at, bool *circle)
{
	const struct txn_core *c = w->c;
	uint32_t count = c->read_first[x + 1] - c->read_first[x];

	for (; *at <= count; (*at)++) {
		uint32_t y = k->before[x];

		if (*at > 0 && !writer_of(c, c->reads[c->read_first[x] + *at - 1].version, &y))
			continue;
		if (y == TXN_NONE || k->state[y] == 2)          /* INITIAL is TXN_NONE */
			continue;
		if (k->state[y] == 0)
			return y;
		*circle = true;
	}
	return TXN_NONE;
}

static int
causal(struct weak *w, bool *circle)
{
	const struct txn_core *c = w->c;
	struct causal k = { .sessions = 0 };

	if (number_sessions(w, &k) != 0 || index_writers(w, &k) != 0)
		return -ENOBUFS;
	k.clock = txn_core_array(w->mem, c->n, sizeof(k.clock[0]));
	k.free = txn_core_array(w->mem, c->n, sizeof(k.free[0]));
	k.state = txn_core_array(w->mem, c->n, 1);
	uint32_t *path = txn_core_array(w->mem, c->n, sizeof(uint32_t)), *at = txn_core_array(w->mem, c->n, sizeof(uint32_t));

	if (w->mem->overflowed)
		return -ENOBUFS;
	for (uint32_t root = 0; root < c->n; root++) {
		uint32_t length = 0;

		if (k.state[root] == 0) {
			path[length++] = root;
			k.state[root] = 1;
		}
		while (length > 0 && !*circle) {
			uint32_t x = path[length - 1], y = undone(w, &k, x, &at[x], circle);

			if (y != TXN_NONE) {
				k.state[y] = 1;
				path[length++] = y;
			} else if (!*circle) {
				if (finish_causal(w, &k, x) != 0)
					return -ENOBUFS;
				length--;
			}
		}
		if (*circle)
			return 0;
	}
	return 0;
}

/* The order of commits: edges of the graph, and what is forced as ww. */
static int
commit_graph(struct weak *w, struct txn_graph *ret)
{
	const struct txn_graph *g = w->g;
	size_t edges = w->forced_count;

	*ret = (struct txn_graph){ .n = g->n, .rw_hub_end = g->n };
	ret->first = txn_core_array(w->mem, (size_t)g->n + 2, sizeof(uint32_t));
	if (ret->first == NULL)
		return -ENOBUFS;
	uint32_t *at = ret->first + 1;

	for (uint32_t x = 0; x < g->n; x++) {
		for (uint32_t i = g->first[x]; i < g->first[x + 1]; i++)
			if ((g->type[i] & w->mask) != 0 && g->to[i] < g->n)
				at[x]++;
		edges += at[x];
	}
	if (edges >= UINT32_MAX / 2)
		return -ENOBUFS;
	for (size_t i = 0; i < w->forced_count; i++)
		at[w->forced[i].first]++;
	for (uint32_t x = 0, sum = 0; x < g->n; x++) {
		uint32_t count = at[x];

		at[x] = sum;
		sum += count;
	}
	ret->to = txn_core_array(w->mem, edges, sizeof(uint32_t));
	ret->type = txn_core_array(w->mem, edges, 1);
	if (w->mem->overflowed)
		return -ENOBUFS;
	for (uint32_t x = 0; x < g->n; x++) {
		for (uint32_t i = g->first[x]; i < g->first[x + 1]; i++) {
			if ((g->type[i] & w->mask) == 0 || g->to[i] >= g->n)
				continue;
			ret->to[at[x]] = g->to[i];
			ret->type[at[x]++] = g->type[i];
		}
	}
	for (size_t i = 0; i < w->forced_count; i++) {
		uint32_t x = w->forced[i].first;

		ret->to[at[x]] = w->forced[i].second;
		ret->type[at[x]++] = TXN_WW;
	}
	return 0;
}

/* Which of the edges of a cycle are forced, and by whom. */
static int
explain(struct weak *w, const struct txn_cycle *cycle, struct arena *keep, struct txn_forced **ret)
{
	struct txn_forced *why = txn_core_array(keep, cycle->length, sizeof(*why));

	if (why == NULL)
		return -ENOBUFS;
	for (uint32_t i = 0; i < cycle->length; i++) {
		uint32_t a = cycle->nodes[i], b = cycle->nodes[(i + 1) % cycle->length];

		why[i] = (struct txn_forced){ a, b, TXN_NONE, TXN_NONE };
		for (size_t j = 0; j < w->forced_count && cycle->types[i] == TXN_WW; j++)
			if (w->forced[j].first == a && w->forced[j].second == b) {
				why[i] = w->forced[j];
				break;
			}
	}
	*ret = why;
	return 0;
}

/* The evidence of a violation, kept. */
static int
take_evidence(struct weak *w, const struct txn_graph *g, const struct txn_scc *scc, struct arena *keep, struct txn_weak *ret)
{
	struct txn_hunt hunt = { .mask = TXN_WW | TXN_WR | TXN_PROCESS };
	uint64_t steps = HUNT_STEPS;

	ret->broken = true;
	if (w->direct.reader != TXN_NONE) {
		if (txn_cycle_way(w->g, TXN_WR | (w->mask & TXN_PROCESS), w->direct.first, w->direct.reader, keep, &ret->cycle) != 0)
			return -ENOBUFS;
		fl_assert(ret->cycle.length >= 2);
		ret->cycle.types[ret->cycle.length - 1] = TXN_RW;
		ret->why = txn_core_array(keep, ret->cycle.length, sizeof(*ret->why));
		if (ret->why == NULL)
			return -ENOBUFS;
		for (uint32_t i = 0; i < ret->cycle.length; i++)
			ret->why[i].reader = TXN_NONE;
		ret->why[ret->cycle.length - 1] = w->direct;
		return 0;
	}
	for (uint32_t i = 0; i < scc->count && ret->cycle.length == 0; i++) {
		int rc = txn_cycle_find(w->c, g, &hunt, scc->component, scc->members + scc->first[i], scc->first[i + 1] - scc->first[i],
		    &steps, keep, &ret->cycle);

		if (rc < 0)
			return rc;
	}
	txn_cycle_turn(&ret->cycle);
	return ret->cycle.length == 0 ? 0 : explain(w, &ret->cycle, keep, &ret->why);
}

static int
gather(struct weak *w, bool *circle)
{
	const struct txn_core *c = w->c;
	uint8_t *is_first = NULL;

	if (set_up(w) != 0)
		return -ENOBUFS;
	if (w->level == TXN_WEAK_CC)
		return causal(w, circle);
	if (w->level == TXN_WEAK_RC) {
		is_first = txn_core_array(w->mem, c->read_count, 1);
		if (is_first == NULL)
			return -ENOBUFS;
	}
	for (uint32_t x = 0; x < c->n; x++) {
		if (w->level == TXN_WEAK_RC)
			read_committed(w, x, is_first);
		else
			read_atomic(w, x);
	}
	return w->level == TXN_WEAK_RA && (w->mask & TXN_PROCESS) != 0 ? read_atomic_sessions(w) : 0;
}

int
txn_weak_check(const struct txn_core *c, const struct txn_graph *g, enum txn_weak_level level, unsigned mask, struct arena *mem,
    struct txn_weak *ret)
{
	struct arena work;
	struct weak w = { .c = c, .g = g, .level = level, .mask = mask, .mem = &work };
	struct txn_graph commits;
	struct txn_view view = { .mask = TXN_EDGES };
	struct txn_scc scc;
	bool circle = false;

	*ret = (struct txn_weak){ .broken = false };
	arena_init(&work, mem->cap_bytes - mem->used_bytes);
	int rc = gather(&w, &circle);

	if (rc == 0 && w.full)
		rc = -ENOBUFS;
	if (rc == 0)
		rc = commit_graph(&w, &commits);
	if (rc == 0)
		rc = txn_graph_scc(&commits, &view, &work, &scc);
	if (rc == 0 && (scc.count > 0 || w.direct.reader != TXN_NONE))
		rc = take_evidence(&w, &commits, &scc, mem, ret);
	fl_assert(rc != 0 || !circle || ret->broken);
	arena_fini(&work);
	return rc;
}
