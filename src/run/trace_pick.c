/* SPDX-License-Identifier: MIT */
/* trace_pick.c - see trace_pick.h. */
#include "run/trace_pick.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A number and nothing but. */
static bool
number(const char *s, size_t n, uint64_t *ret)
{
	char text[24], *end;

	if (n == 0 || n >= sizeof(text) || s[0] < '0' || s[0] > '9')
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return *end == '\0' && errno == 0;
}

static bool
hex(const char *s, unsigned digits, uint8_t *ret)
{
	if (strnlen(s, digits) != digits)
		return false;
	for (unsigned i = 0; i < digits; i++) {
		const char c = s[i];
		const int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (v < 0)
			return false;
		ret[i / 2] = (uint8_t)(i % 2 == 0 ? v << 4 : ret[i / 2] | v);
	}
	return true;
}

static uint64_t
big(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

/* CONNECTION or LIFE.CONNECTION, n bytes. */
static bool
connection(const char *s, size_t n, uint64_t *ret)
{
	const char *dot = memchr(s, '.', n);
	const size_t before = dot != NULL ? (size_t)(dot + 1 - s) : 0;
	uint64_t life = 1, conn;

	if ((dot != NULL && !number(s, before - 1, &life)) || !number(s + before, n - before, &conn) || life == 0 ||
	    life > UINT64_MAX >> TRACE_LIFE_SHIFT || conn >> TRACE_LIFE_SHIFT != 0)
		return false;
	*ret = (life - 1) << TRACE_LIFE_SHIFT | conn;
	return true;
}

static uint32_t
by_flow(const struct lineage *l, const char *name)
{
	const char *last = strrchr(name, '/'), *middle;
	uint64_t conn, n;
	bool back;

	if (last == NULL || (middle = memrchr(name, '/', (size_t)(last - name))) == NULL)
		return LINEAGE_NONE;
	back = last[1] == 's';
	if (!number(last + 1 + back, strlen(last + 1 + back), &n) || !connection(middle + 1, (size_t)(last - middle - 1), &conn))
		return LINEAGE_NONE;
	return lineage_find(l, (struct trace_text){ .p = name, .n = (uint32_t)FL_MIN((size_t)(middle - name), UINT32_MAX) }, conn, n, back);
}

static uint32_t
by_content(const struct lineage *l, uint64_t hash, uint32_t *ret_count)
{
	uint32_t best = LINEAGE_NONE, count = 0;

	for (uint32_t i = l->count; i-- > 0; ) {
		const struct lineage_call *c = &l->calls[i];

		if ((c->asked && c->request.hash == hash) || (c->answered && c->answer.hash == hash)) {
			best = i;
			count++;
		}
	}
	*ret_count = count;
	return best;
}

/* The trees of all that has the id, but for keys: those have their group in common, and no more. */
static void
add_trees(const struct lineage *l, struct trace_text id, struct trace_pick *p)
{
	for (uint32_t i = 0; i < l->count; i++) {
		const struct trace_event *e = lineage_event(&l->calls[i]);
		uint32_t root, k;

		if (!trace_text_same(e->id, id) || (e->flags & TRACE_KEYED) != 0)
			continue;
		root = lineage_root(l, i);
		for (k = 0; k < FL_MIN(p->tree_count, TRACE_PICK_TREES_MAX) && p->roots[k] != root; k++)
			continue;
		if (k < FL_MIN(p->tree_count, TRACE_PICK_TREES_MAX))
			continue;
		if (p->tree_count < TRACE_PICK_TREES_MAX)
			p->roots[p->tree_count] = root;
		p->tree_count++;
	}
}

static uint32_t
by_number(const struct lineage *l, const char *name, uint32_t *ret_count)
{
	const size_t n = strlen(name);
	uint8_t bytes[24];

	*ret_count = 1;
	if (name[0] == '#' && n == 17 && hex(name + 1, 16, bytes))
		return by_content(l, big(bytes), ret_count);
	if (n == 32 && hex(name, 32, bytes))
		return lineage_find_trace(l, bytes);
	if (n == 55 && strncmp(name, "00-", 3) == 0 && hex(name + 3, 32, bytes))
		return lineage_find_trace(l, bytes);
	if (n == 16 && hex(name, 16, bytes))
		return lineage_find_span(l, big(bytes));
	return LINEAGE_NONE;
}

void
trace_pick(const struct lineage *l, const char *name, struct trace_pick *ret)
{
	const struct trace_text id = { .p = name, .n = (uint32_t)strnlen(name, TRACE_TEXT_MAX) };
	struct trace_pick p = { .call = by_flow(l, name), .count = 1 };

	if (p.call == LINEAGE_NONE) {
		p.call = lineage_find_id(l, id, &p.count);
		if (p.call != LINEAGE_NONE)
			add_trees(l, id, &p);
	}
	if (p.call == LINEAGE_NONE)
		p.call = by_number(l, name, &p.count);
	if (p.call == LINEAGE_NONE)
		p.count = 0;
	else if (p.tree_count == 0)
		p.roots[p.tree_count++] = lineage_root(l, p.call);
	*ret = p;
}
