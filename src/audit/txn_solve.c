/* SPDX-License-Identifier: MIT */
/*
 * txn_solve.c - can the versions whose order is not known be put in one that makes a level hold?
 *
 * Invariants
 *  (1) Variable i + 1 is true when of pair i chain a comes before chain b.
 *  (2) Each clause forbids the choices on one cycle of the view: all of them together cannot be, so what the clauses refute is refuted.
 *  (3) The first choice for each pair follows one order of all transactions that respects everything known, and what follows from it.
 *  (4) rank is such an order. So a cycle has an edge against it, which is a choice; and one with a single such edge stands between its ends.
 */
#include "audit/txn_solve.h"

#include "audit/txn_order.h"
#include "audit/txn_prune.h"
#include "base/assert.h"

#include <ccadical.h>
#include <errno.h>
#include <string.h>

#define PAIRS_MAX 20000000u
#define CHOICE_EDGES_MAX 20000000u
#define ROUNDS_MAX 3000u
#define CLAUSES_A_ROUND 400u            /* from cycles of any form */
#define WINDOW_CLAUSES_A_ROUND 20000u   /* from those that (4) bounds */
#define TURN_EFFORT 1000u               /* of the SAT solver, between its questions whether to go on */
#define CYCLE_CHOICES_MAX 4096u

struct solver {
	const struct txn_core *c;
	const struct txn_graph *g;
	const struct txn_view *view;
	struct txn_chains chains;
	struct arena *mem, *keep;       /* of the search; of what is told */
	uint32_t vertices;
	uint32_t *rank;                 /* by vertex: (4) */
	uint32_t *priority;             /* by vertex: what came first, most likely */
	struct txn_pair *pairs;
	struct txn_pruned pruned;       /* what follows without a choice */
	uint32_t pair_count;
	uint8_t *used;                  /* by pair: is it in a clause? */
	CCaDiCaL *sat;
	uint64_t effort;
	/* of the round at hand: the choices' edges, by vertex */
	uint32_t *first, *to;
	int32_t *literal;
	int32_t choice;                 /* of the pair at hand */
	/* of a search */
	uint32_t *component, *queue, *parent, *stamp, *cost;
	int32_t *parent_literal;
	uint32_t round;
};

bool
txn_solve_needed(const struct txn_core *c)
{
	for (uint32_t k = 0; k < c->h->key_count; k++)
		if (c->head_first[k + 1] - c->head_first[k] > 1)
			return true;
	return false;
}

static uint32_t
commit_of(const struct solver *s, uint32_t node)
{
	return s->view->snapshot ? node + s->g->n + s->g->hubs : node;
}

/* All pairs of chains of a key, the one that ranks first as a. false: too many. */
static bool
make_pairs(struct solver *s)
{
	const struct txn_chains *cs = &s->chains;
	uint64_t pairs = 0;
	uint32_t end;

	for (uint32_t i = 0; i < cs->count; i = end) {
		for (end = i; end < cs->count && cs->chains[end].key == cs->chains[i].key; end++)
			;
		pairs += (uint64_t)(end - i) * (end - i - 1) / 2;
	}
	if (pairs > PAIRS_MAX)
		return false;
	s->pairs = txn_core_array(s->mem, pairs, sizeof(s->pairs[0]));
	s->used = txn_core_array(s->mem, pairs, 1);
	if (s->mem->overflowed)
		return false;
	for (uint32_t i = 0; i < cs->count; i++) {
		for (uint32_t j = i + 1; j < cs->count && cs->chains[j].key == cs->chains[i].key; j++) {
			bool ordered = s->rank[commit_of(s, cs->chains[i].head)] < s->rank[commit_of(s, cs->chains[j].head)];

			if (cs->chains[i].head != cs->chains[j].head)
				s->pairs[s->pair_count++] = ordered ? (struct txn_pair){ i, j } : (struct txn_pair){ j, i };
		}
	}
	return true;
}

static bool
chosen(const struct solver *s, uint32_t pair)
{
	return s->used[pair] == 0 || ccadical_val(s->sat, (int)pair + 1) > 0;
}

static bool
count_edge(void *subject, uint32_t from, uint32_t to)
{
	struct solver *s = subject;

	(void)to;
	s->first[from + 2]++;
	return true;
}

static bool
put_edge(void *subject, uint32_t from, uint32_t to)
{
	struct solver *s = subject;
	uint32_t at = s->first[from + 1]++;

	s->to[at] = to;
	s->literal[at] = s->choice;
	return true;
}

/* The edges of the choices as the solver has them now. 0; -E2BIG too many; -ENOBUFS. */
static int
place_choices(struct solver *s)
{
	memset(s->first, 0, ((size_t)s->vertices + 3) * sizeof(uint32_t));
	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < s->pair_count; i++) {
			bool forward = chosen(s, i);

			s->choice = forward ? (int32_t)i + 1 : -(int32_t)i - 1;
			(void)txn_order_edges(s->g, s->view, &s->chains, forward ? s->pairs[i].a : s->pairs[i].b,
			    forward ? s->pairs[i].b : s->pairs[i].a, pass == 0 ? count_edge : put_edge, s);
		}
		if (pass == 1)
			break;
		uint64_t total = 0;

		for (uint32_t x = 0; x < s->vertices; x++) {
			total += s->first[x + 2];
			if (total > CHOICE_EDGES_MAX)
				return -E2BIG;
			s->first[x + 2] = (uint32_t)total;
		}
		s->to = txn_core_array(s->mem, total, sizeof(uint32_t));
		s->literal = txn_core_array(s->mem, total, sizeof(int32_t));
		if (s->mem->overflowed)
			return -ENOBUFS;
	}
	return 0;
}

/* The next successor of x, known or chosen; *ret_literal 0: known. */
static uint32_t
successor(struct solver *s, uint32_t x, uint32_t *known_at, uint32_t *choice_at, int32_t *ret_literal)
{
	if (*known_at != UINT32_MAX) {
		uint32_t y = txn_graph_next(s->g, s->view, x, known_at);

		*ret_literal = 0;
		if (y != TXN_NONE)
			return y;
		*known_at = UINT32_MAX;
	}
	const struct txn_pruned *p = &s->pruned;
	uint32_t forced = p->first[x + 1] - p->first[x], at = (*choice_at)++;

	*ret_literal = 0;
	if (at < forced)
		return p->to[p->first[x] + at];
	at = s->first[x] + at - forced;
	if (at >= s->first[x + 1])
		return TXN_NONE;
	*ret_literal = s->literal[at];
	return s->to[at];
}

/* Components of the chosen graph, by an iterative form of Tarjan's algorithm. The number of those with more than one vertex. */
static int
find_components(struct solver *s, uint32_t *ret_count)
{
	struct arena_mark mark = arena_snapshot(s->mem);
	uint32_t *num = txn_core_array(s->mem, s->vertices, sizeof(uint32_t)), *low = txn_core_array(s->mem, s->vertices, sizeof(uint32_t));
	uint32_t *known = txn_core_array(s->mem, s->vertices, sizeof(uint32_t)), *choice = txn_core_array(s->mem, s->vertices, sizeof(uint32_t));
	uint32_t *stack = txn_core_array(s->mem, s->vertices, sizeof(uint32_t)), *path = txn_core_array(s->mem, s->vertices, sizeof(uint32_t));
	uint32_t seen = 0, depth = 0, length = 0, count = 0;
	int32_t literal;

	if (s->mem->overflowed)
		return -ENOBUFS;
	for (uint32_t root = 0; root < s->vertices; root++) {
		if (num[root] != 0)
			continue;
		num[root] = low[root] = ++seen;
		stack[depth++] = path[length++] = root;
		while (length > 0) {
			uint32_t x = path[length - 1], y = successor(s, x, &known[x], &choice[x], &literal);

			if (y != TXN_NONE && num[y] == 0) {
				num[y] = low[y] = ++seen;
				stack[depth++] = path[length++] = y;
			} else if (y != TXN_NONE) {
				if (num[y] != UINT32_MAX)
					low[x] = FL_MIN(low[x], num[y]);
			} else {
				length--;
				if (length > 0)
					low[path[length - 1]] = FL_MIN(low[path[length - 1]], low[x]);
				if (low[x] != num[x])
					continue;
				bool alone = stack[depth - 1] == x;

				do {
					y = stack[--depth];
					num[y] = UINT32_MAX;
					s->component[y] = alone ? TXN_NONE : count;
				} while (y != x);
				count += !alone;
			}
		}
	}
	arena_reset(s->mem, mark);
	*ret_count = count;
	return 0;
}

/*
 * A way from `from` to `to` within their component with as few choices as can be (0-1 breadth first).
 * upward     only by edges along the rank
 */
static bool
find_way(struct solver *s, uint32_t from, uint32_t to, bool upward)
{
	uint32_t head = s->vertices, tail = s->vertices, known, choice, y;      /* queue[head .. tail) of 2 * vertices, from the middle */
	int32_t literal;

	s->round++;
	s->stamp[from] = s->round;
	s->cost[from] = 0;
	s->queue[tail++] = from;
	while (head < tail) {
		uint32_t x = s->queue[head++];

		if (x == to)
			return true;
		known = choice = 0;
		while ((y = successor(s, x, &known, &choice, &literal)) != TXN_NONE) {
			uint32_t cost = s->cost[x] + (literal != 0);

			if (s->effort > 0)
				s->effort--;
			if (s->component[y] != s->component[x] || (s->stamp[y] == s->round && s->cost[y] <= cost))
				continue;
			if (upward && (s->rank[y] < s->rank[x] || s->rank[y] > s->rank[to]))
				continue;
			if (tail == 2 * s->vertices || head == 0)
				return false;
			s->stamp[y] = s->round;
			s->cost[y] = cost;
			s->parent[y] = x;
			s->parent_literal[y] = literal;
			if (literal == 0)
				s->queue[--head] = y;
			else
				s->queue[tail++] = y;
		}
	}
	return false;
}

/* Forbid the choices of the cycle that `literal` closes from `to` back to `from`: the way from -> to was found. (2) */
static void
forbid(struct solver *s, uint32_t from, uint32_t to, int32_t literal)
{
	ccadical_add(s->sat, -literal);
	s->used[(literal < 0 ? -literal : literal) - 1] = 1;
	for (uint32_t x = to; x != from; x = s->parent[x]) {
		int32_t l = s->parent_literal[x];

		if (l == 0)
			continue;
		ccadical_add(s->sat, -l);
		s->used[(l < 0 ? -l : l) - 1] = 1;
	}
	ccadical_add(s->sat, 0);
}

/* Turn cycles into clauses: those with one edge against the rank, or any. How many. */
static uint32_t
learn_from(struct solver *s, bool window, uint32_t most)
{
	uint32_t clauses = 0;

	for (uint32_t x = 0; x < s->vertices && clauses < most && s->effort > 0; x++) {
		if (s->component[x] == TXN_NONE)
			continue;
		for (uint32_t i = s->first[x]; i < s->first[x + 1] && clauses < most && s->effort > 0; i++) {
			uint32_t y = s->to[i];

			if (s->component[y] != s->component[x] || (window && s->rank[y] > s->rank[x]) || !find_way(s, y, x, window))
				continue;
			forbid(s, y, x, s->literal[i]);
			clauses++;
		}
	}
	return clauses;
}

static uint32_t
learn(struct solver *s)
{
	uint32_t clauses = learn_from(s, true, WINDOW_CLAUSES_A_ROUND);

	return clauses > 0 ? clauses : learn_from(s, false, CLAUSES_A_ROUND);
}

/* The solver asks now and then whether it should stop. */
static int
is_spent(void *state)
{
	struct solver *s = state;

	s->effort -= FL_MIN(s->effort, (uint64_t)TURN_EFFORT);
	return s->effort == 0;
}

static int
search(struct solver *s, struct txn_solved *ret)
{
	ret->holds = TXN_UNKNOWN;
	ret->reason = "the search for an order of versions gave up: its effort was spent";
	for (uint32_t round = 0; round < ROUNDS_MAX && s->effort > 0; round++) {
		struct arena_mark mark = arena_snapshot(s->mem);
		uint32_t components;

		ret->rounds = round;
		if (round > 0) {
			int answer = ccadical_solve(s->sat);

			if (answer == 0)
				return 0;
			if (answer == 20) {
				ret->holds = TXN_BROKEN;
				return 0;
			}
		}
		int rc = place_choices(s);

		if (rc == -E2BIG)
			return 0;
		if (rc != 0 || find_components(s, &components) != 0)
			return -ENOBUFS;
		if (components == 0) {
			ret->holds = TXN_HOLDS;
			return 0;
		}
		uint64_t cost = (uint64_t)s->vertices + s->first[s->vertices];

		s->effort -= FL_MIN(s->effort, cost);
		if (learn(s) == 0)
			return 0;       /* the effort was spent */
		arena_reset(s->mem, mark);
	}
	return 0;
}

static int
set_up(struct solver *s)
{
	uint32_t v = s->vertices;

	s->first = txn_core_array(s->mem, (size_t)v + 3, sizeof(uint32_t));
	s->component = txn_core_array(s->mem, v, sizeof(uint32_t));
	s->queue = txn_core_array(s->mem, 2 * (size_t)v, sizeof(uint32_t));
	s->parent = txn_core_array(s->mem, v, sizeof(uint32_t));
	s->parent_literal = txn_core_array(s->mem, v, sizeof(int32_t));
	s->stamp = txn_core_array(s->mem, v, sizeof(uint32_t));
	s->cost = txn_core_array(s->mem, v, sizeof(uint32_t));
	return s->mem->overflowed ? -ENOBUFS : 0;
}

static void
push(uint32_t *heap, uint32_t *count, const uint32_t *priority, uint32_t x)
{
	uint32_t i = (*count)++;

	for (; i > 0 && priority[heap[(i - 1) / 2]] > priority[x]; i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = x;
}

static uint32_t
pop(uint32_t *heap, uint32_t *count, const uint32_t *priority)
{
	uint32_t top = heap[0], x = heap[--*count], i = 0;

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < *count && priority[heap[child + 1]] < priority[heap[child]])
			child++;
		if (child >= *count || priority[heap[child]] >= priority[x])
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = x;
	return top;
}

/* Take vertices whose predecessors all have a rank, the earliest transaction first: Kahn's order. (4) */
static void
rank_vertices(struct solver *s, uint32_t *left, uint32_t *heap)
{
	const struct txn_pruned *p = &s->pruned;
	const uint32_t *priority = s->priority;
	uint32_t count = 0, rank = 0, y;

	for (uint32_t x = 0; x < s->vertices; x++) {
		for (uint32_t at = 0; (y = txn_graph_next(s->g, s->view, x, &at)) != TXN_NONE;)
			left[y]++;
		for (uint32_t i = p->first[x]; i < p->first[x + 1]; i++)
			left[p->to[i]]++;
	}
	for (uint32_t x = 0; x < s->vertices; x++)
		if (left[x] == 0)
			push(heap, &count, priority, x);
	while (count > 0) {
		uint32_t x = pop(heap, &count, priority);

		s->rank[x] = rank++;
		for (uint32_t at = 0; (y = txn_graph_next(s->g, s->view, x, &at)) != TXN_NONE;)
			if (--left[y] == 0)
				push(heap, &count, priority, y);
		for (uint32_t i = p->first[x]; i < p->first[x + 1]; i++)
			if (--left[p->to[i]] == 0)
				push(heap, &count, priority, p->to[i]);
	}
	fl_assert(rank == s->vertices);         /* what is known has no cycle, nor with what follows */
}

/* The rank, now that more is known, and the first choices by it. (3) */
static int
rank_again(struct solver *s)
{
	struct arena_mark mark = arena_snapshot(s->mem);
	uint32_t *left = txn_core_array(s->mem, s->vertices, sizeof(*left)), *heap = txn_core_array(s->mem, s->vertices, sizeof(*heap));

	if (s->mem->overflowed)
		return -ENOBUFS;
	rank_vertices(s, left, heap);
	arena_reset(s->mem, mark);
	for (uint32_t i = 0; i < s->pair_count; i++) {
		struct txn_pair *p = &s->pairs[i];

		if (s->rank[commit_of(s, s->chains.chains[p->a].head)] > s->rank[commit_of(s, s->chains.chains[p->b].head)])
			*p = (struct txn_pair){ p->b, p->a };
	}
	return 0;
}

static int
solve(struct solver *s, struct txn_solved *ret)
{
	enum txn_order_by by[2];
	bool fits;

	if (txn_order_chains(s->c, s->mem, &s->chains) != 0)
		return -ENOBUFS;
	s->rank = txn_core_array(s->mem, s->vertices, sizeof(uint32_t));
	if (s->rank == NULL)
		return -ENOBUFS;
	txn_order_best(s->c, by);
	for (int i = 1; i >= 0; i--) {          /* the better one last: its priorities are used on */
		if (txn_order_priority(s->c, s->g, s->view, by[i], s->mem, &s->priority) != 0 ||
		    txn_order_try(s->c, s->g, s->view, &s->chains, s->priority, true, s->mem, s->rank, &fits) != 0)
			return -ENOBUFS;
		if (fits) {
			ret->holds = TXN_HOLDS;
			return 0;
		}
	}
	if (txn_order_try(s->c, s->g, s->view, &s->chains, s->priority, false, s->mem, s->rank, &fits) != 0)
		return -ENOBUFS;
	fl_assert(fits);                /* the view has no cycle */
	if (!make_pairs(s)) {
		ret->holds = TXN_UNKNOWN;
		ret->reason = "the order of too many versions is not known";
		return 0;
	}
	ret->pairs = s->pair_count;
	if (txn_prune(s->g, s->view, &s->chains, s->pairs, s->pair_count, &s->effort, s->mem, s->keep, &s->pruned) != 0 || set_up(s) != 0)
		return -ENOBUFS;
	s->pair_count = s->pruned.pair_count;
	if (s->pruned.broken) {
		ret->holds = TXN_BROKEN;
		return 0;
	}
	if (rank_again(s) != 0)
		return -ENOBUFS;
	s->sat = ccadical_init();
	ccadical_set_option(s->sat, "quiet", 1);
	ccadical_set_option(s->sat, "phase", 1);                          /* (3) */
	ccadical_set_terminate(s->sat, s, is_spent);
	int rc = search(s, ret);

	ccadical_release(s->sat);
	return rc;
}

int
txn_solve(const struct txn_core *c, const struct txn_graph *g, const struct txn_view *view, uint64_t effort, struct arena *mem,
    struct txn_solved *ret)
{
	struct arena work;
	struct solver s = { .c = c, .g = g, .view = view, .mem = &work, .keep = mem, .vertices = txn_graph_vertices(g, view), .effort = effort };

	*ret = (struct txn_solved){ .holds = TXN_UNKNOWN };
	arena_init(&work, (mem->cap_bytes - mem->used_bytes) / 16 * 15);
	int rc = solve(&s, ret);

	if (rc == 0 && s.pruned.broken)
		rc = txn_proof_make(c, g, view, &s.chains, &s.pruned, mem, ret->proofs);
	arena_fini(&work);
	return rc;
}
