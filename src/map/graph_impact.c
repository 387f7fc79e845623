/* SPDX-License-Identifier: MIT */
/* graph_impact.c - what a failure does, hop by hop; single points of failure; cut sets. */
#include "map/graph_impact.h"
#include "base/map.h"
#include "graph/cuts.h"
#include "graph/functions.h"
#include "graph/impact.h"
#include "graph/spof.h"
#include "map/graph_draw.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RISKS_MAX 100000u
#define TOP_DEFAULT 20
#define CUT_SETS_MAX 1000u
#define CUT_TRIES_MAX UINT64_C(20000000)
#define ENTRIES_MAX 1024u

struct asking {
	struct graph_map m;
	struct needs *n;
	struct functions f;
	struct impact im;
};

static int
start(struct asking *q, const struct graph_ask *a, struct graph_reply *r)
{
	const struct needs_view view = { .phase = graph_ask_has(a, "startup") ? SIGHT_STARTUP : SIGHT_RUNTIME };
	int rc = graph_map_init(&q->m, a, r);

	if (rc != 0)
		return rc;
	rc = needs_of_estate(q->m.e, &view, &q->m.keep, &q->m.scratch, &q->n);
	if (rc == 0)
		rc = functions_of_estate(q->m.e, &q->m.keep, &q->m.scratch, &q->f);
	if (rc == 0)
		rc = impact_init(&q->im, q->n, &q->m.keep);
	q->im.soft_spreads = rc == 0 && graph_ask_has(a, "soft-spreads");
	return rc == 0 ? 0 : graph_reply_fail(r, rc, "the map is larger than the memory it may take");
}

static void
put_names(struct jsonw *w, const struct graph_map *m, const uint32_t *nodes, uint32_t count)
{
	jsonw_array(w);
	for (uint32_t i = 0; i < count; i++)
		jsonw_string(w, m->names[nodes[i]]);
	jsonw_end(w);
}

static void
put_group(struct jsonw *w, struct asking *q, uint32_t group)
{
	const struct needs_group *g = &q->n->groups[group];

	jsonw_num(w, "need", g->k);
	jsonw_key(w, "of");
	put_names(w, &q->m, q->n->members + g->first, g->count);
}

/* ---- who is hit ---- */

static void
put_reason(struct jsonw *w, struct asking *q, uint32_t v)
{
	struct impact_reason why = impact_why(&q->im, v);

	jsonw_key(w, "because");
	jsonw_object(w);
	switch (why.because) {
	case IMPACT_FAILED:
		jsonw_flag(w, "failed", true);
		break;
	case IMPACT_NEED:
		jsonw_str(w, "needs", q->m.names[why.node]);
		jsonw_str(w, "strength", why.soft ? "soft" : "hard");
		jsonw_str(w, "state", impact_word(impact_state(&q->im, why.node)));
		break;
	case IMPACT_GROUP:
		jsonw_str(w, "needs", q->m.names[why.node]);
		jsonw_str(w, "strength", why.soft ? "soft" : "hard");
		put_group(w, q, why.group);
		jsonw_num(w, "alive", why.alive);
		jsonw_num(w, "up", why.up);
		break;
	case IMPACT_UNHARMED:
		break;
	}
	jsonw_end(w);
}

static void
put_hit(struct jsonw *w, struct asking *q, uint32_t v)
{
	jsonw_object(w);
	jsonw_str(w, "name", q->m.names[v]);
	jsonw_num(w, "hop", impact_hop(&q->im, v));
	graph_put_text(w, "tier", estate_node_text(q->m.e, v, ESTATE_FACT_TIER));
	graph_put_text(w, "owner", estate_node_text(q->m.e, v, ESTATE_FACT_OWNER));
	graph_put_text(w, "app", q->m.e->nodes[v].app);
	put_reason(w, q, v);
	jsonw_end(w);
}

struct hit {
	uint32_t hop, node, rank;       /* rank: of its name */
};

static int
by_hop(const void *pa, const void *pb)
{
	const struct hit *a = pa, *b = pb;

	return a->hop != b->hop ? (a->hop < b->hop ? -1 : 1) : a->rank < b->rank ? -1 : 1;
}

/* All of one state, by hop and name. */
static int
put_state(struct jsonw *w, struct asking *q, enum impact_state state, const char *key)
{
	const struct estate *e = q->m.e;
	struct hit *hits = arena_alloc(&q->m.scratch, (e->node_count + 1) * sizeof(*hits));
	uint32_t count = 0;

	if (hits == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < e->node_count; i++)
		if (impact_state(&q->im, e->by_name[i]) == state)
			hits[count++] = (struct hit){ impact_hop(&q->im, e->by_name[i]), e->by_name[i], i };
	qsort(hits, count, sizeof(*hits), by_hop);
	jsonw_key(w, key);
	jsonw_array(w);
	for (uint32_t i = 0; i < count; i++)
		put_hit(w, q, hits[i].node);
	jsonw_end(w);
	return 0;
}

static int
put_risks(struct jsonw *w, struct asking *q)
{
	uint32_t max = FL_MIN(q->n->group_count, RISKS_MAX);
	struct impact_risk *risks = arena_alloc(&q->m.scratch, (max + 1) * sizeof(*risks));
	uint32_t count;

	if (risks == NULL)
		return -ENOMEM;
	count = FL_MIN(impact_risks(&q->im, risks, max), max);
	jsonw_key(w, "at_risk");
	jsonw_array(w);
	for (uint32_t i = 0; i < count; i++) {
		jsonw_object(w);
		jsonw_str(w, "name", q->m.names[q->n->groups[risks[i].group].node]);
		put_group(w, q, risks[i].group);
		jsonw_num(w, "alive", risks[i].alive);
		jsonw_flag(w, "exhausted", risks[i].exhausted);
		jsonw_end(w);
	}
	jsonw_end(w);
	return 0;
}

/* How many of each value of a fact are hit: {"payments": {"down": 3, "degraded": 1}}. */
static int
put_shares(struct jsonw *w, struct asking *q, const char *fact, const char *key)
{
	const struct estate *e = q->m.e;
	struct map seen;
	int rc = 0;

	map_init(&seen, 0, 0);
	for (uint32_t v = 0; v < e->node_count && rc == 0; v++) {
		enum impact_state state = impact_state(&q->im, v);
		const char *list = estate_node_text(e, v, fact), *word;
		size_t len;

		while (state != IMPACT_UP && list != NULL && estate_list_next(&list, &word, &len)) {
			uintptr_t both = (uintptr_t)map_getn(&seen, word, len);

			both += state == IMPACT_DOWN ? (uintptr_t)1 << 32 : 1;
			rc = map_putn(&seen, word, len, (void *)both, NULL);
		}
	}
	jsonw_key(w, key);
	jsonw_object(w);
	if (seen.count > 0) {
		struct map_entry **sorted = map_sorted(&seen);

		for (uint32_t i = 0; sorted != NULL && i < seen.count; i++) {
			jsonw_key(w, sorted[i]->key);
			jsonw_object(w);
			jsonw_num(w, "down", (int64_t)((uintptr_t)sorted[i]->value >> 32));
			jsonw_num(w, "degraded", (int64_t)((uintptr_t)sorted[i]->value & 0xffffffff));
			jsonw_end(w);
		}
		free(sorted);
	}
	jsonw_end(w);
	map_fini(&seen);
	return rc;
}

static void
put_functions(struct jsonw *w, struct asking *q)
{
	jsonw_key(w, "functions");
	jsonw_array(w);
	for (uint32_t i = 0; i < q->f.count; i++) {
		enum impact_state state = functions_state(&q->f, &q->im, i);

		if (state == IMPACT_UP)
			continue;
		jsonw_object(w);
		jsonw_str(w, "name", q->f.names[i]);
		jsonw_str(w, "state", impact_word(state));
		jsonw_end(w);
	}
	jsonw_end(w);
}

/* "zone=a" into the nodes that go down with it. */
static int
fail_where(struct asking *q, const char *text, struct graph_reply *r, uint32_t *failed, uint32_t *count)
{
	const char *equals = strchr(text, '=');
	char key[128];
	uint32_t found;
	int rc;

	if (strncmp(text, "app=", 4) == 0) {
		rc = graph_map_nodes(&q->m, text, r, failed + *count, &found);
		*count += rc == 0 ? found : 0;
		return rc;
	}
	if (equals == NULL || equals == text || (size_t)(equals - text) >= sizeof(key))
		return graph_reply_fail(r, -EINVAL, "down: found \"%.80s\", expected FACT=VALUE such as zone=a", text);
	memcpy(key, text, (size_t)(equals - text));
	key[equals - text] = '\0';
	found = functions_where(q->m.e, key, equals + 1, failed + *count, NULL, NULL);
	if (found == 0)
		return graph_reply_fail(r, -ENOENT, "down: no service is there with %.80s alone", text);
	*count += found;
	return 0;
}

static int
choose_failed(struct asking *q, const struct graph_ask *a, struct graph_reply *r, uint32_t **ret, uint32_t *ret_count)
{
	size_t rooms = 1;
	uint32_t count = 0, found = 0, *failed;
	int rc = 0;

	for (unsigned i = 0; i < a->opt_count; i++)
		rooms += strcmp(a->opts[i].key, "down") == 0;
	rooms += a->word_count;
	failed = arena_alloc(&q->m.scratch, rooms * (q->m.e->node_count + 1) * sizeof(*failed));
	if (failed == NULL)
		return graph_reply_fail(r, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < a->word_count && rc == 0; i++, count += found)
		rc = graph_map_nodes(&q->m, a->words[i], r, failed + count, &found);
	for (unsigned i = 0; i < a->opt_count && rc == 0; i++)
		if (strcmp(a->opts[i].key, "down") == 0)
			rc = fail_where(q, a->opts[i].value, r, failed, &count);
	if (rc == 0 && count == 0)
		rc = graph_reply_fail(r, -EINVAL, "expected services that fail, --down FACT=VALUE, --spof, --shared or --cuts FUNCTION");
	*ret = failed;
	*ret_count = count;
	return rc;
}

/* A picture of a failure shows who is hit, and whom they need. */
static const bool *
shown(struct asking *q)
{
	const struct estate *e = q->m.e;
	bool *show = arena_alloc(&q->m.scratch, e->node_count + 1);

	for (uint32_t v = 0; show != NULL && v < e->node_count; v++)
		show[v] = impact_state(&q->im, v) != IMPACT_UP;
	return show;
}

static int
answer_failure(struct asking *q, const struct graph_ask *a, struct graph_reply *r)
{
	uint32_t *failed = NULL, count = 0;
	int rc = choose_failed(q, a, r, &failed, &count);

	if (rc != 0)
		return rc;
	impact_run(&q->im, failed, count);
	if (graph_draw_wanted(a))
		return graph_draw(&q->m, a, shown(q), &q->im, r);
	jsonw_object(&r->w);
	jsonw_key(&r->w, "failed");
	put_names(&r->w, &q->m, failed, count);
	rc = put_state(&r->w, q, IMPACT_DOWN, "down");
	if (rc == 0)
		rc = put_state(&r->w, q, IMPACT_DEGRADED, "degraded");
	if (rc == 0)
		rc = put_risks(&r->w, q);
	put_functions(&r->w, q);
	if (rc == 0)
		rc = put_shares(&r->w, q, ESTATE_FACT_TIER, "tiers");
	if (rc == 0)
		rc = put_shares(&r->w, q, ESTATE_FACT_OWNER, "owners");
	jsonw_end(&r->w);
	return rc == 0 ? 0 : graph_reply_fail(r, rc, "out of memory");
}

/* ---- what must not fail ---- */

static int
answer_spof(struct asking *q, const struct graph_ask *a, struct graph_reply *r)
{
	const struct estate *e = q->m.e;
	struct spof *all = arena_alloc(&q->m.keep, (e->node_count + 1) * sizeof(*all));
	int64_t *tier = arena_alloc(&q->m.keep, (e->node_count + 1) * sizeof(*tier)), top = TOP_DEFAULT;
	int rc = graph_ask_number(a, r, "top", 1, INT32_MAX, &top);

	if (rc != 0)
		return rc;
	if (all == NULL || tier == NULL)
		return graph_reply_fail(r, -ENOMEM, "out of memory");
	for (uint32_t v = 0; v < e->node_count; v++)
		if (estate_node_number(e, v, ESTATE_FACT_TIER, &tier[v]) != 0)
			tier[v] = INT64_MAX;
	rc = spof_rank(&q->im, &q->f, tier, &q->m.scratch, all);
	if (rc != 0)
		return graph_reply_fail(r, rc, "out of memory");
	jsonw_object(&r->w);
	jsonw_key(&r->w, "single_points");
	jsonw_array(&r->w);
	for (uint32_t i = 0; i < e->node_count && i < top; i++) {
		if (all[i].down + all[i].degraded == 0)
			break;
		jsonw_object(&r->w);
		jsonw_str(&r->w, "name", q->m.names[all[i].node]);
		jsonw_num(&r->w, "down", all[i].down);
		jsonw_num(&r->w, "degraded", all[i].degraded);
		jsonw_num(&r->w, "functions_down", all[i].functions_down);
		jsonw_num(&r->w, "functions_degraded", all[i].functions_degraded);
		jsonw_num(&r->w, "top_tier_down", all[i].tier_down);
		graph_put_text(&r->w, "owner", estate_node_text(e, all[i].node, ESTATE_FACT_OWNER));
		jsonw_end(&r->w);
	}
	jsonw_end(&r->w);
	jsonw_end(&r->w);
	return 0;
}

static int
answer_shared(struct asking *q, const struct graph_ask *a, struct graph_reply *r)
{
	struct spof_shared *shared = arena_alloc(&q->m.keep, RISKS_MAX * sizeof(*shared));
	struct spof_together *together = arena_alloc(&q->m.keep, RISKS_MAX * sizeof(*together));
	const char *by = graph_ask_text(a, "by") != NULL ? graph_ask_text(a, "by") : "zone,host,rack";
	int64_t count = shared == NULL || together == NULL ? -ENOMEM : spof_shared(&q->im.fall, &q->m.scratch, shared, RISKS_MAX);
	const char *word;
	size_t len;

	if (count < 0)
		return graph_reply_fail(r, -ENOMEM, "out of memory");
	jsonw_object(&r->w);
	jsonw_key(&r->w, "shared");
	jsonw_array(&r->w);
	for (int64_t i = 0; i < FL_MIN(count, RISKS_MAX); i++) {
		jsonw_object(&r->w);
		jsonw_str(&r->w, "name", q->m.names[q->n->groups[shared[i].group].node]);
		put_group(&r->w, q, shared[i].group);
		jsonw_str(&r->w, "component", q->m.names[shared[i].node]);
		jsonw_num(&r->w, "lost", shared[i].lost);
		jsonw_end(&r->w);
	}
	while (estate_list_next(&by, &word, &len)) {
		char *key = arena_strndup(&q->m.scratch, word, len);
		uint32_t n = key == NULL ? 0 : FL_MIN(spof_together(q->m.e, key, together, RISKS_MAX), RISKS_MAX);

		for (uint32_t i = 0; i < n; i++) {
			const struct estate_group *g = &q->m.e->groups[together[i].group];

			jsonw_object(&r->w);
			jsonw_str(&r->w, "name", q->m.names[g->node]);
			jsonw_num(&r->w, "need", g->k);
			jsonw_key(&r->w, "of");
			put_names(&r->w, &q->m, q->m.e->members + g->member_first, g->member_count);
			jsonw_str(&r->w, "fact", key);
			jsonw_key(&r->w, "value");
			jsonw_stringn(&r->w, together[i].value, together[i].value_len);
			jsonw_num(&r->w, "lost", together[i].lost);
			jsonw_end(&r->w);
			count++;
		}
	}
	jsonw_end(&r->w);
	jsonw_end(&r->w);
	r->finding = count > 0;
	return 0;
}

static int
answer_cuts(struct asking *q, const struct graph_ask *a, const char *name, struct graph_reply *r)
{
	uint32_t function = functions_find(&q->f, name), entries[ENTRIES_MAX], count = 0;
	int64_t size = CUTS_SIZE_MAX;
	struct cuts_options o = { .sets_max = CUT_SETS_MAX, .tries_max = CUT_TRIES_MAX };
	struct cuts cuts;
	int rc = graph_ask_number(a, r, "size", 1, CUTS_SIZE_MAX, &size);

	if (rc != 0)
		return rc;
	if (function != ESTATE_NONE) {
		for (uint32_t i = q->f.entry_at[function]; i < q->f.entry_at[function + 1] && count < ENTRIES_MAX; i++)
			entries[count++] = q->f.entries[i];
	} else {
		rc = graph_map_node(&q->m, name, r, &entries[count++]);
		if (rc != 0)
			return graph_reply_fail(r, rc, "there is neither a function nor a service \"%.80s\"", name);
	}
	o.size_max = (uint32_t)size;
	rc = cuts_find(q->n, entries, count, &o, &q->m.keep, &q->m.scratch, &cuts);
	if (rc != 0)
		return graph_reply_fail(r, rc, "out of memory");
	jsonw_object(&r->w);
	jsonw_str(&r->w, function != ESTATE_NONE ? "function" : "service", name);
	jsonw_num(&r->w, "complete_to_size", cuts.size_complete);
	jsonw_key(&r->w, "cuts");
	jsonw_array(&r->w);
	for (uint32_t i = 0; i < cuts.count; i++)
		put_names(&r->w, &q->m, cuts.sets[i].nodes, cuts.sets[i].size);
	jsonw_end(&r->w);
	jsonw_end(&r->w);
	return 0;
}

int
graph_impact(struct graph_ask *a, struct graph_reply *r)
{
	struct asking *q = calloc(1, sizeof(*q));
	const char *cuts = graph_ask_text(a, "cuts");
	int rc;

	if (q == NULL)
		return graph_reply_fail(r, -ENOMEM, "out of memory");
	rc = start(q, a, r);
	if (rc == 0 && cuts != NULL)
		rc = answer_cuts(q, a, cuts, r);
	else if (rc == 0 && graph_ask_has(a, "spof"))
		rc = answer_spof(q, a, r);
	else if (rc == 0 && graph_ask_has(a, "shared"))
		rc = answer_shared(q, a, r);
	else if (rc == 0)
		rc = answer_failure(q, a, r);
	graph_map_fini(&q->m);
	free(q);
	return rc;
}
