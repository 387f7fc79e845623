/* SPDX-License-Identifier: MIT */
/* drift.c - what was declared against what was seen. */
#include "graph/drift.h"
#include "graph/query_tree.h"

static const char *const words[] = { "ok", "undeclared", "forbidden", "stale", "no_coverage" };

const char *
drift_word(enum drift_state s)
{
	return words[s];
}

uint32_t
drift_denied(const struct drift_rule *rules, uint32_t rule_count, const char *from, const char *to)
{
	uint32_t denied = ESTATE_NONE;

	for (uint32_t i = 0; i < rule_count; i++) {
		if (!query_like(from, rules[i].from) || !query_like(to, rules[i].to))
			continue;
		if (!rules[i].deny)
			return ESTATE_NONE;
		denied = denied == ESTATE_NONE ? i : denied;
	}
	return denied;
}

static void
who_says(const struct estate *e, const struct estate_line *l, drift_declares_fn *declares, bool *ret_declared, bool *ret_seen)
{
	*ret_declared = *ret_seen = false;
	for (uint32_t i = 0; i < l->evidence_count; i++) {
		if (declares(e->evidence[l->evidence_first + i].source))
			*ret_declared = true;
		else
			*ret_seen = true;
	}
}

void
drift_run(const struct estate *e, const char *const *names, drift_declares_fn *declares, const struct drift_rule *rules, uint32_t rule_count,
    const bool *covered, struct drift_line *ret)
{
	for (uint32_t v = 0; v < e->node_count; v++) {
		bool looked = covered[v], declared, seen;

		for (uint32_t i = e->out[v]; i < e->out[v + 1] && !looked; i++) {
			who_says(e, &e->lines[i], declares, &declared, &seen);
			looked = seen;
		}
		for (uint32_t i = e->out[v]; i < e->out[v + 1]; i++) {
			const struct estate_line *l = &e->lines[i];

			who_says(e, l, declares, &declared, &seen);
			ret[i] = (struct drift_line){ DRIFT_OK, ESTATE_NONE };
			if (seen)
				ret[i].rule = drift_denied(rules, rule_count, names[l->from], names[l->to]);
			if (ret[i].rule != ESTATE_NONE)
				ret[i].state = DRIFT_FORBIDDEN;
			else if (seen && !declared && e->nodes[v].kind != SIGHT_USER && e->nodes[v].kind != SIGHT_HOST)
				ret[i].state = DRIFT_UNDECLARED;
			else if (!seen)
				ret[i].state = looked ? DRIFT_STALE : DRIFT_NO_COVERAGE;
		}
	}
}
