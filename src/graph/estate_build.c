/* SPDX-License-Identifier: MIT */
/* estate_build.c - takes sightings into an estate's builder; see estate_build.h for what it holds. */
#include "graph/estate_build.h"

#include "base/assert.h"
#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 64u
#define ROWS_MAX (UINT32_C(1) << 30)

/* ---- growing tables ---- */

/* Twice the room, in the arena; what was there stays as garbage, at most as much again. */
static int
grow(struct arena *a, void **mem, uint32_t *cap, uint32_t count, size_t row_bytes)
{
	if (count < *cap)
		return 0;
	if (*cap >= ROWS_MAX)
		return -ENOMEM;
	uint32_t more = *cap == 0 ? 16 : *cap * 2;
	void *p = arena_alloc(a, (size_t)more * row_bytes);

	if (p == NULL)
		return -ENOMEM;
	if (count > 0)
		memcpy(p, *mem, (size_t)count * row_bytes);
	*mem = p;
	*cap = more;
	return 0;
}

static uint64_t
mix(uint64_t h)
{
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return h ^ h >> 32;
}

static uint64_t
key_hash(const struct estate_builder *b, const uint32_t key[3])
{
	return mix(mix((uint64_t)key[0] << 32 ^ key[1] ^ b->seed) + key[2]);
}

static int
slots_for(struct arena *a, uint32_t count, uint32_t old_count, uint32_t **ret_slots, uint32_t *ret_count)
{
	if (count < old_count / 2)
		return 0;
	uint32_t more = old_count == 0 ? SLOTS_MIN : old_count * 2;
	uint32_t *p = arena_alloc(a, (size_t)more * sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	*ret_slots = p;
	*ret_count = more;
	return 1;
}

static int
set_grow(struct estate_builder *b, struct build_set *s)
{
	void *rows = s->rows;
	int r = grow(b->arena, &rows, &s->cap, s->count, s->row_bytes);

	s->rows = rows;
	if (r == 0)
		r = slots_for(b->arena, s->count + 1, s->slot_count, &s->slots, &s->slot_count);
	if (r <= 0)
		return r;
	for (uint32_t i = 0; i < s->count; i++) {
		uint64_t at = key_hash(b, estate_row(s, i));

		while (s->slots[at & (s->slot_count - 1)] != 0)
			at++;
		s->slots[at & (s->slot_count - 1)] = i + 1;
	}
	return 0;
}

/* The row of this key, made if there is none. */
static int
set_row(struct estate_builder *b, struct build_set *s, uint32_t k0, uint32_t k1, uint32_t k2, uint32_t *ret_row, bool *ret_new)
{
	uint32_t key[3] = { k0, k1, k2 };
	int r = set_grow(b, s);

	if (r != 0)
		return r;
	uint64_t at = key_hash(b, key);

	for (uint32_t slot; (slot = s->slots[at & (s->slot_count - 1)]) != 0; at++) {
		if (memcmp(estate_row(s, slot - 1), key, sizeof(key)) == 0) {
			*ret_row = slot - 1;
			*ret_new = false;
			return 0;
		}
	}
	memcpy(estate_row(s, s->count), key, sizeof(key));
	*ret_row = s->count++;
	*ret_new = true;
	s->slots[at & (s->slot_count - 1)] = s->count;
	return 0;
}

static int
text_grow(struct estate_builder *b)
{
	void *texts = b->texts;
	int r = grow(b->arena, &texts, &b->text_cap, b->text_count, sizeof(*b->texts));

	b->texts = texts;
	if (r == 0)
		r = slots_for(b->arena, b->text_count + 1, b->text_slot_count, &b->text_slots, &b->text_slot_count);
	if (r <= 0)
		return r;
	for (uint32_t i = 0; i < b->text_count; i++) {
		uint64_t at = b->texts[i].hash;

		while (b->text_slots[at & (b->text_slot_count - 1)] != 0)
			at++;
		b->text_slots[at & (b->text_slot_count - 1)] = i + 1;
	}
	return 0;
}

static int
intern_bytes(struct estate_builder *b, const char *s, size_t n, uint32_t *ret)
{
	int r = text_grow(b);

	if (r != 0)
		return r;
	uint64_t hash = hash_bytes(b->seed, ~b->seed, s, n), at = hash;

	for (uint32_t slot; (slot = b->text_slots[at & (b->text_slot_count - 1)]) != 0; at++) {
		const struct build_text *t = &b->texts[slot - 1];

		if (t->hash == hash && t->len == n && memcmp(t->s, s, n) == 0) {
			*ret = slot - 1;
			return 0;
		}
	}
	const char *copy = arena_strndup(b->arena, s, n);

	if (copy == NULL)
		return -ENOMEM;
	b->texts[b->text_count] = (struct build_text){ copy, (uint32_t)n, hash };
	*ret = b->text_count++;
	b->text_slots[at & (b->text_slot_count - 1)] = b->text_count;
	return 0;
}

static int
intern(struct estate_builder *b, const char *s, uint32_t *ret)
{
	if (s == NULL || *s == '\0') {
		*ret = 0;               /* (1) */
		return 0;
	}
	return intern_bytes(b, s, strlen(s), ret);
}

int
estate_builder_new(struct arena *scratch, uint64_t seed, struct estate_builder **ret)
{
	struct estate_builder *b = arena_alloc(scratch, sizeof(*b));
	uint32_t empty;

	if (b == NULL)
		return -ENOMEM;
	b->arena = scratch;
	b->seed = seed;
	b->nodes.row_bytes = sizeof(struct build_node);
	b->lines.row_bytes = sizeof(struct build_line);
	b->evidence.row_bytes = sizeof(struct build_evidence);
	b->facts.row_bytes = sizeof(struct build_fact);
	b->instances.row_bytes = sizeof(struct build_instance);
	b->groups.row_bytes = sizeof(struct build_group);
	if (intern_bytes(b, "", 0, &empty) != 0)
		return -ENOMEM;
	fl_assert(empty == 0);                                                    /* (1) */
	*ret = b;
	return 0;
}

/* ---- one sighting ---- */

static void
span(int64_t *first, int64_t *last, const struct sight *s)
{
	int64_t from = s->first != 0 ? s->first : s->last, to = s->last != 0 ? s->last : s->first;

	if (from != 0 && (*first == 0 || from < *first))
		*first = from;
	if (to != 0 && (*last == 0 || to > *last))
		*last = to;
}

static uint64_t
add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static bool
declared(const struct sight *s)
{
	return s->source != NULL && strcmp(s->source, "declared") == 0;
}

/* Which of two kinds tells more; so that the order of telling does not matter. */
static unsigned
kind_worth(unsigned kind)
{
	static const uint8_t worth[] = { [SIGHT_KIND_UNKNOWN] = 0, [SIGHT_HOST] = 1, [SIGHT_USER] = 2, [SIGHT_EXTERNAL] = 3,
		[SIGHT_GROUPING] = 4, [SIGHT_SERVICE] = 5, [SIGHT_BROKER] = 6, [SIGHT_DATASTORE] = 7 };

	return kind < FL_ARRAY_LEN(worth) ? worth[kind] : 0;
}

static void
kind_learn(struct build_node *n, enum sight_kind kind, unsigned rank)
{
	unsigned k = (unsigned)kind;

	if (kind_worth(k) == 0)
		return;
	if (rank > n->kind_rank || (rank == n->kind_rank && kind_worth(k) > kind_worth(n->kind))) {
		n->kind = (uint8_t)k;
		n->kind_rank = (uint8_t)rank;
	}
}

static int
node_of(struct estate_builder *b, const struct sight *s, const char *name, const char *space, uint32_t *ret)
{
	uint32_t name_text, space_text;
	bool fresh;
	int r = intern(b, name, &name_text);

	if (r == 0)
		r = intern(b, space, &space_text);
	if (r == 0)
		r = set_row(b, &b->nodes, name_text, space_text, 0, ret, &fresh);
	if (r != 0)
		return r;
	struct build_node *n = estate_row(&b->nodes, *ret);

	span(&n->first, &n->last, s);
	return 0;
}

static int
take_node(struct estate_builder *b, const struct sight *s)
{
	uint32_t node, app;
	int r = node_of(b, s, s->name, s->space, &node);

	if (r == 0)
		r = intern(b, s->app, &app);
	if (r != 0)
		return r;
	struct build_node *n = estate_row(&b->nodes, node);
	uint8_t rank = declared(s) ? 2 : 1;

	kind_learn(n, s->kind, declared(s) ? 4 : 3);
	if (app != 0 && (rank > n->app_rank || (rank == n->app_rank && strcmp(b->texts[app].s, b->texts[n->app].s) < 0))) {
		n->app = app;
		n->app_rank = rank;
	}
	return 0;
}

static int
line_of(struct estate_builder *b, const struct sight *s, uint32_t *ret)
{
	uint32_t from, to;
	bool fresh;
	int r = node_of(b, s, s->from, s->from_space, &from);

	if (r == 0)
		r = node_of(b, s, s->to, s->to_space, &to);
	if (r == 0)
		r = set_row(b, &b->lines, from, to, 0, ret, &fresh);
	if (r != 0)
		return r;
	struct build_node *n = estate_row(&b->nodes, to);

	kind_learn(n, s->to_kind, 2);
	n->through = n->through || s->through;
	kind_learn(estate_row(&b->nodes, from), s->from_kind, 2);
	return 0;
}

/* Of two texts the one to keep, whichever came first: the smaller, but one at all. */
static bool
text_less(const struct estate_builder *b, uint32_t x, uint32_t y)
{
	return x != 0 && (y == 0 || strcmp(b->texts[x].s, b->texts[y].s) < 0);
}

/* A row of evidence for a line (3 of sight.h: what is not said is not made up). */
static int
evidence_add(struct estate_builder *b, const struct sight *s, uint32_t line, bool counts)
{
	uint32_t source, protocol, where, row;
	bool fresh;
	int r = intern(b, s->source, &source);

	if (r == 0)
		r = intern(b, s->protocol, &protocol);
	if (r == 0)
		r = intern(b, s->where, &where);
	if (r == 0)
		r = set_row(b, &b->evidence, line, source, protocol, &row, &fresh);
	if (r != 0)
		return r;
	struct build_evidence *e = estate_row(&b->evidence, row);

	span(&e->first, &e->last, s);
	if (text_less(b, where, e->where))
		e->where = where;
	if (!counts)
		return 0;
	e->count = add(e->count, s->count);
	e->errors = add(e->errors, s->errors);
	e->latency = add(e->latency, s->latency);
	if (s->strength == SIGHT_HARD || e->strength == SIGHT_STRENGTH_UNKNOWN)
		e->strength = (uint8_t)s->strength;
	if (e->phase == SIGHT_PHASE_UNKNOWN)
		e->phase = (uint8_t)s->phase;
	else if (s->phase != SIGHT_PHASE_UNKNOWN && e->phase != (uint8_t)s->phase)
		e->phase = SIGHT_BOTH;
	if (s->mode == SIGHT_SYNC || e->mode == SIGHT_MODE_UNKNOWN)
		e->mode = (uint8_t)s->mode;
	return 0;
}

static int
take_line(struct estate_builder *b, const struct sight *s)
{
	uint32_t line;
	int r = line_of(b, s, &line);

	return r != 0 ? r : evidence_add(b, s, line, true);
}

static int
by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The members of s as sorted nodes behind the builder's list, each with a line. Twice the same counts once. */
static int
group_members(struct estate_builder *b, const struct sight *s, uint32_t *ret_count)
{
	uint32_t first = b->member_count, n = 0;

	for (uint32_t i = 0; i < s->member_count; i++) {
		struct sight line = { .source = s->source, .where = s->where, .first = s->first, .last = s->last, .from = s->from,
			.from_space = s->from_space, .from_kind = s->from_kind, .to = s->members[i], .to_space = s->to_space,
			.to_kind = s->to_kind, .protocol = s->protocol };
		void *members = b->members;
		uint32_t row;
		int r = grow(b->arena, &members, &b->member_cap, first + i, sizeof(*b->members));

		b->members = members;
		if (r == 0)
			r = line_of(b, &line, &row);
		if (r == 0)
			r = evidence_add(b, &line, row, false);
		if (r != 0)
			return r;
		b->members[first + i] = ((struct build_line *)estate_row(&b->lines, row))->key[1];
	}
	qsort(b->members + first, s->member_count, sizeof(*b->members), by_number);
	for (uint32_t i = 0; i < s->member_count; i++)
		if (n == 0 || b->members[first + n - 1] != b->members[first + i])
			b->members[first + n++] = b->members[first + i];
	*ret_count = n;
	return 0;
}

static int
take_group(struct estate_builder *b, const struct sight *s)
{
	uint32_t node, count = 0, source, where, said, row;
	bool fresh;
	int r = node_of(b, s, s->from, s->from_space, &node);

	if (r == 0)
		r = group_members(b, s, &count);
	if (r == 0)
		r = intern(b, s->source, &source);
	if (r == 0)
		r = intern(b, s->where, &where);
	if (r != 0)
		return r;
	/* What makes two of them the same one: all but who says it. */
	uint32_t *all = arena_alloc(b->arena, ((size_t)count + 5) * sizeof(*all));

	if (all == NULL)
		return -ENOMEM;
	uint32_t head[5] = { node, s->k, (uint32_t)s->strength, (uint32_t)s->phase, (uint32_t)s->mode };

	memcpy(all, head, sizeof(head));
	memcpy(all + 5, b->members + b->member_count, (size_t)count * sizeof(*all));
	r = intern_bytes(b, (const char *)all, ((size_t)count + 5) * sizeof(*all), &said);
	if (r == 0)
		r = set_row(b, &b->groups, said, 0, 0, &row, &fresh);
	if (r != 0)
		return r;
	struct build_group *g = estate_row(&b->groups, row);

	if (!fresh) {
		g->source = text_less(b, source, g->source) ? source : g->source;
		g->where = text_less(b, where, g->where) ? where : g->where;
		g->count = add(g->count, s->count);
		span(&g->first, &g->last, s);
		return 0;
	}
	*g = (struct build_group){ .key = { said, 0, 0 }, .node = node, .k = FL_MIN(s->k, count), .source = source, .where = where,
		.member_first = b->member_count, .member_count = count, .strength = (uint8_t)s->strength, .phase = (uint8_t)s->phase,
		.mode = (uint8_t)s->mode, .count = s->count };
	span(&g->first, &g->last, s);
	b->member_count += count;
	return 0;
}

static int
take_fact(struct estate_builder *b, const struct sight *s)
{
	uint32_t subject, key, source, value, where, row;
	bool of_node = s->name != NULL && *s->name != '\0', fresh;
	int r = of_node ? node_of(b, s, s->name, s->space, &subject) : line_of(b, s, &subject);

	if (r == 0)
		r = intern(b, s->key, &key);
	if (r == 0)
		r = intern(b, s->source, &source);
	if (r == 0)
		r = intern(b, s->value, &value);
	if (r == 0)
		r = intern(b, s->where, &where);
	if (r == 0)
		r = set_row(b, &b->facts, 2 * subject + !of_node, key, source, &row, &fresh);
	if (r != 0)
		return r;
	struct build_fact *f = estate_row(&b->facts, row);
	int64_t when = s->last != 0 ? s->last : s->first;

	if (fresh || when >= f->last) {
		f->value = value;
		f->where = where;
	}
	span(&f->first, &f->last, s);
	f->count = add(f->count, s->count == 0 ? 1 : s->count);
	return 0;
}

static int
take_instance(struct estate_builder *b, const struct sight *s)
{
	uint32_t node, address, source, where, row;
	bool fresh;
	int r = node_of(b, s, s->name, s->space, &node);

	if (r == 0)
		r = intern(b, s->address, &address);
	if (r == 0)
		r = intern(b, s->source, &source);
	if (r == 0)
		r = intern(b, s->where, &where);
	if (r == 0)
		r = set_row(b, &b->instances, node, address, source, &row, &fresh);
	if (r != 0)
		return r;
	struct build_instance *i = estate_row(&b->instances, row);

	if (text_less(b, where, i->where))
		i->where = where;
	span(&i->first, &i->last, s);
	i->count = add(i->count, s->count == 0 ? 1 : s->count);
	return 0;
}

/* Is there a text, of a length that we take? */
static bool
said(const char *s)
{
	return s != NULL && *s != '\0' && strnlen(s, ESTATE_TEXT_MAX + 1) <= ESTATE_TEXT_MAX;
}

static bool
short_enough(const char *s)
{
	return s == NULL || strnlen(s, ESTATE_TEXT_MAX + 1) <= ESTATE_TEXT_MAX;
}

static bool
words_fit(const struct sight *s)
{
	const char *const all[] = { s->source, s->where, s->name, s->space, s->app, s->from, s->to, s->from_space, s->to_space, s->protocol,
		s->key, s->value, s->address };

	for (size_t i = 0; i < FL_ARRAY_LEN(all); i++)
		if (!short_enough(all[i]))
			return false;
	return (unsigned)s->strength <= SIGHT_SOFT && (unsigned)s->phase <= SIGHT_BOTH && (unsigned)s->mode <= SIGHT_ASYNC;
}

static bool
group_fits(const struct sight *s)
{
	if (!said(s->from) || s->members == NULL || s->member_count == 0 || s->member_count > ESTATE_MEMBERS_MAX || s->k == 0 ||
	    s->k > s->member_count)
		return false;
	for (uint32_t i = 0; i < s->member_count; i++)
		if (!said(s->members[i]))
			return false;
	return true;
}

static bool
sane(const struct sight *s)
{
	switch (s->what) {
	case SIGHT_NODE:
		return said(s->name);
	case SIGHT_LINE:
		return said(s->from) && said(s->to);
	case SIGHT_GROUP:
		return group_fits(s);
	case SIGHT_FACT:
		return said(s->key) && (said(s->name) || (said(s->from) && said(s->to)));
	case SIGHT_INSTANCE:
		return said(s->name) && said(s->address);
	default:
		return true;
	}
}

int
estate_sight(void *builder, const struct sight *s)
{
	struct estate_builder *b = builder;

	if (!words_fit(s) || !sane(s))
		return -EINVAL;
	switch (s->what) {
	case SIGHT_NODE:
		return take_node(b, s);
	case SIGHT_LINE:
		return take_line(b, s);
	case SIGHT_GROUP:
		return take_group(b, s);
	case SIGHT_FACT:
		return take_fact(b, s);
	case SIGHT_INSTANCE:
		return take_instance(b, s);
	default:
		return 0;               /* (6) of estate.h */
	}
}
