/* SPDX-License-Identifier: MIT */
/* zones.c - see zones.h. */
#include "audit/zones.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>

/* Positions of a cluster or a block, signed so that the write of nil that precedes everything fits. */
#define BEFORE_ALL (-1)
#define NONE KEYHIST_NONE

struct zone {
	int64_t first_ret, last_inv;
	uint32_t first_op, last_op;     /* whose they are; NONE for the beginning */
};
struct cluster {
	struct zone zone;
	uint32_t writer;                /* NONE: nobody wrote it */
	uint32_t next_cas;              /* the cas that saw this value; NONE */
	bool looked_at;                 /* somebody saw this value */
	bool reached;                   /* from the head of its chain */
};
struct zones {
	const struct keyhist *k;
	struct cluster *clusters;       /* by value */
	struct zone *blocks;            /* forward ones first, then backward ones */
	uint32_t forward_count, backward_count;
	struct zones_result *result;
};

static bool
illegal(struct zones *z, const uint32_t *witness, uint32_t n)
{
	z->result->answer = ZONES_ILLEGAL;
	for (uint32_t i = 0; i < n; i++)
		if (witness[i] != NONE && z->result->witness_count < ZONES_WITNESS_MAX)
			z->result->witness[z->result->witness_count++] = witness[i];
	return false;
}

static void
widen(struct zone *zone, const struct keyhist_op *o, uint32_t number)
{
	int64_t ret = keyhist_required(o) ? (int64_t)o->ret : INT64_MAX;

	if (ret < zone->first_ret) {
		zone->first_ret = ret;
		zone->first_op = number;
	}
	if ((int64_t)o->inv > zone->last_inv) {
		zone->last_inv = o->inv;
		zone->last_op = number;
	}
}

static const struct zone no_zone = { INT64_MAX, INT64_MIN, NONE, NONE };

/* One writer a value, and who saw it. false: a value is written twice (UNSURE). */
static bool
find_writers(struct zones *z)
{
	for (uint32_t v = 0; v < z->k->value_count; v++)
		z->clusters[v] = (struct cluster){ .zone = no_zone, .writer = NONE, .next_cas = NONE };
	z->clusters[0].zone = (struct zone){ BEFORE_ALL, BEFORE_ALL, NONE, NONE };
	for (uint32_t i = 0; i < z->k->op_count; i++) {
		const struct keyhist_op *o = &z->k->ops[i];

		if (!keyhist_writes(o))
			continue;
		if (o->value == 0 || z->clusters[o->value].writer != NONE)
			return false;
		z->clusters[o->value].writer = i;
	}
	return true;
}

/* Unknown operations that matter must have happened, because somebody saw their value and nobody else wrote it. */
static void
find_looks(struct zones *z)
{
	for (uint32_t i = z->k->op_count; i-- > 0;) {
		const struct keyhist_op *o = &z->k->ops[i];

		if (o->kind == KEYHIST_READ || (o->kind == KEYHIST_CAS && keyhist_required(o)))
			z->clusters[o->expect].looked_at = true;
	}
	/* Along chains of unknown cas: what leads to a value that was seen was seen as well. */
	for (uint32_t v = 0; v < z->k->value_count; v++) {
		uint32_t at = v, steps = 0;

		while (z->clusters[at].looked_at && z->clusters[at].writer != NONE && steps++ <= z->k->value_count) {
			const struct keyhist_op *w = &z->k->ops[z->clusters[at].writer];

			if (w->kind != KEYHIST_CAS || keyhist_required(w) || z->clusters[w->expect].looked_at)
				break;
			z->clusters[w->expect].looked_at = true;
			at = w->expect;
		}
	}
}

static bool
happened(const struct zones *z, const struct keyhist_op *o)
{
	return keyhist_required(o) || z->clusters[o->value].looked_at;
}

/* Widen the clusters by their operations. */
static bool
fill_clusters(struct zones *z)
{
	for (uint32_t i = 0; i < z->k->op_count; i++) {
		const struct keyhist_op *o = &z->k->ops[i];

		if (o->kind == KEYHIST_REFUSED || (keyhist_writes(o) && !happened(z, o)))
			continue;
		struct cluster *seen = &z->clusters[o->expect];

		if (o->kind != KEYHIST_WRITE && o->expect != 0 && seen->writer == NONE)
			return illegal(z, (uint32_t[]){ i }, 1);
		if (o->kind == KEYHIST_READ) {
			widen(&seen->zone, o, i);
			if (seen->writer != NONE && o->ret < z->k->ops[seen->writer].inv)
				return illegal(z, (uint32_t[]){ seen->writer, i }, 2);
			continue;
		}
		widen(&z->clusters[o->value].zone, o, i);
		if (o->kind != KEYHIST_CAS)
			continue;
		if (seen->next_cas != NONE)
			return illegal(z, (uint32_t[]){ seen->writer, seen->next_cas, i }, 3);
		seen->next_cas = i;
	}
	return true;
}

/* Walk the chain that starts at value v and add its block. */
static bool
add_block(struct zones *z, uint32_t v)
{
	struct zone block = z->clusters[v].zone;

	z->clusters[v].reached = true;
	for (uint32_t cas; (cas = z->clusters[v].next_cas) != NONE;) {
		v = z->k->ops[cas].value;
		struct cluster *c = &z->clusters[v];

		fl_assert(!c->reached);
		c->reached = true;
		if (c->zone.first_ret < block.last_inv)
			return illegal(z, (uint32_t[]){ cas, c->zone.first_op, block.last_op }, 3);
		if (c->zone.first_ret < block.first_ret) {
			block.first_ret = c->zone.first_ret;
			block.first_op = c->zone.first_op;
		}
		if (c->zone.last_inv > block.last_inv) {
			block.last_inv = c->zone.last_inv;
			block.last_op = c->zone.last_op;
		}
	}
	if (block.first_ret < block.last_inv)
		z->blocks[z->forward_count++] = block;
	else
		z->blocks[z->k->value_count - ++z->backward_count] = block;
	return true;
}

static bool
add_blocks(struct zones *z)
{
	for (uint32_t v = 0; v < z->k->value_count; v++) {
		uint32_t w = z->clusters[v].writer;
		bool is_head = v == 0 || (w != NONE && z->k->ops[w].kind == KEYHIST_WRITE && happened(z, &z->k->ops[w]));

		if (is_head && !add_block(z, v))
			return false;
	}
	/* A chain without a head: cas that wait for each other. */
	for (uint32_t v = 1; v < z->k->value_count; v++) {
		uint32_t w = z->clusters[v].writer;

		if (w != NONE && happened(z, &z->k->ops[w]) && !z->clusters[v].reached)
			return illegal(z, (uint32_t[]){ w }, 1);
	}
	return true;
}

static int
compare_zones(const void *a, const void *b)
{
	const struct zone *x = a, *y = b;

	return (x->first_ret > y->first_ret) - (x->first_ret < y->first_ret);
}

static bool
clash(struct zones *z, const struct zone *a, const struct zone *b)
{
	return illegal(z, (uint32_t[]){ a->first_op, a->last_op, b->first_op, b->last_op }, 4);
}

/* Forward blocks must not overlap, and no backward block may lie inside a forward one. */
static bool
check_blocks(struct zones *z)
{
	struct zone *forward = z->blocks, *backward = z->blocks + (z->k->value_count - z->backward_count);

	qsort(forward, z->forward_count, sizeof(forward[0]), compare_zones);
	for (uint32_t i = 1; i < z->forward_count; i++)
		if (forward[i].first_ret < forward[i - 1].last_inv)
			return clash(z, &forward[i - 1], &forward[i]);
	for (uint32_t i = 0; i < z->backward_count; i++) {
		uint32_t lo = 0, hi = z->forward_count;

		/* The last forward block whose first return is before the backward block's last invocation. */
		while (lo < hi) {
			uint32_t mid = lo + (hi - lo) / 2;

			if (forward[mid].first_ret < backward[i].last_inv)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo > 0 && backward[i].first_ret < forward[lo - 1].last_inv)
			return clash(z, &forward[lo - 1], &backward[i]);
	}
	return true;
}

int
zones_check(const struct keyhist *k, struct zones_result *ret)
{
	struct zones_result result = { .answer = ZONES_UNSURE };
	struct zones z = { .k = k, .result = &result };
	int rc = -ENOMEM;

	z.clusters = malloc(k->value_count * sizeof(z.clusters[0]));
	z.blocks = malloc(k->value_count * sizeof(z.blocks[0]));
	if (z.clusters == NULL || z.blocks == NULL)
		goto end;
	rc = 0;
	if (find_writers(&z)) {
		find_looks(&z);
		if (fill_clusters(&z) && add_blocks(&z) && check_blocks(&z) && !k->has_refused)
			result.answer = ZONES_LEGAL;
	}
	*ret = result;
end:
	free(z.clusters);
	free(z.blocks);
	return rc;
}
