/* SPDX-License-Identifier: MIT */
/*
 * graph_fact.c - facts set by hand, and the types they have
 *
 * A fact set by hand is a claim of the source "manual" that holds until it is dropped or set anew. A registered key has a type, which what is
 * set must be of; a question may ask about it before anything has it.
 */
#include "base/map.h"
#include "graph/query_tree.h"
#include "map/graph_judge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPES "fact-type"
#define ORIGIN_BYTES 16384

/* ---- types ---- */

struct type {
	const char *key;
	char text[256];                 /* "" when it is not registered */
};

static int
match(void *arg, const char *key, int64_t made, int64_t until, const char *body)
{
	struct type *t = arg;

	(void)made, (void)until;
	if (strcmp(key, t->key) == 0)
		snprintf(t->text, sizeof(t->text), "%.*s", (int)FL_MIN(strcspn(body, "\n"), sizeof(t->text) - 1), body);
	return 0;
}

static bool
is_one_of(const char *list, const char *value)
{
	return estate_list_has(list, value);
}

/* Is the value of the type? */
static bool
is_of(const char *type, const char *value)
{
	struct query_value v = query_value_of(value);

	if (strcmp(type, "text") == 0)
		return true;
	if (strcmp(type, "number") == 0)
		return v.type == QUERY_NUMBER;
	if (strcmp(type, "duration") == 0)
		return v.type == QUERY_DURATION;
	if (strcmp(type, "time") == 0)
		return v.type == QUERY_TIME;
	if (strcmp(type, "boolean") == 0)
		return strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
	return is_one_of(type, value);
}

static int
register_type(struct graph_ask *a, struct graph_reply *r)
{
	static const char *const types[] = { "text", "number", "duration", "time", "boolean", NULL };
	char body[1024];
	bool known = false;
	int rc;

	if (a->word_count < 3)
		return graph_reply_fail(r, -EINVAL, "expected register KEY TYPE [MEANING]");
	for (size_t i = 0; types[i] != NULL; i++)
		known = known || strcmp(types[i], a->words[2]) == 0;
	if (!known && strchr(a->words[2], ',') == NULL)
		return graph_reply_fail(r, -EINVAL, "found \"%.80s\", expected text, number, duration, time, boolean or words with commas between",
		    a->words[2]);
	snprintf(body, sizeof(body), "%.255s\n%.700s", a->words[2], a->word_count > 3 ? a->words[3] : "");
	rc = past_note_set(a->past, TYPES, a->words[1], a->now, PAST_FOREVER, body);
	if (rc != 0)
		return graph_reply_past(r, rc, a->past);
	jsonw_object(&r->w);
	jsonw_str(&r->w, "key", a->words[1]);
	jsonw_str(&r->w, "type", a->words[2]);
	jsonw_end(&r->w);
	return 0;
}

/* ---- set and drop ---- */

/* Who a fact is about: a service, or a line "a -> b". */
struct subject {
	struct graph_map m;
	bool line;
	const char *name, *space, *from, *from_space, *to, *to_space;
	const char *word;
};

static int
find_subject(struct subject *s, struct graph_ask *a, struct graph_reply *r)
{
	struct graph_ask own = *a;
	const struct estate_node *n;
	uint32_t id;
	int rc;

	own.words[0] = a->words[1];
	own.word_count = 1;
	own.opt_count = 0;
	rc = graph_map_init(&s->m, &own, r);
	if (rc != 0)
		return rc;
	s->line = strstr(own.words[0], "->") != NULL;
	rc = s->line ? graph_map_line(&s->m, &own, r, &id) : graph_map_node(&s->m, own.words[0], r, &id);
	if (rc != 0)
		return rc;
	if (s->line) {
		const struct estate_line *l = &s->m.e->lines[id];

		s->from = s->m.e->nodes[l->from].name;
		s->from_space = s->m.e->nodes[l->from].space;
		s->to = s->m.e->nodes[l->to].name;
		s->to_space = s->m.e->nodes[l->to].space;
		s->word = arena_printf(&s->m.keep, "%s -> %s", s->m.names[l->from], s->m.names[l->to]);
		return s->word != NULL ? 0 : graph_reply_fail(r, -ENOMEM, "out of memory");
	}
	n = &s->m.e->nodes[id];
	s->name = n->name;
	s->space = n->space;
	s->word = s->m.names[id];
	return 0;
}

static int
set_one(struct subject *s, struct graph_ask *a, struct graph_reply *r, const char *text)
{
	const char *equals = strchr(text, '=');
	char key[512], where[ORIGIN_BYTES];
	struct type type = { .key = key };
	struct sight fact = { .what = SIGHT_FACT, .source = "manual", .where = where, .key = key, .name = s->name, .space = s->space, .from = s->from,
		.from_space = s->from_space, .to = s->to, .to_space = s->to_space, .first = a->now, .last = a->now };
	bool drop = equals == NULL || equals[1] == '\0';
	size_t n = equals == NULL ? strlen(text) : (size_t)(equals - text);
	int rc;

	if (n == 0 || n >= sizeof(key))
		return graph_reply_fail(r, -EINVAL, "found \"%.80s\", expected KEY=VALUE", text);
	memcpy(key, text, n);
	key[n] = '\0';
	snprintf(where, sizeof(where), "fact of %.8000s, %s", s->word, key);
	if (drop)
		return past_withdraw(a->past, where, a->now);
	fact.value = equals + 1;
	rc = past_notes(a->past, TYPES, match, &type);
	if (rc == 0 && type.text[0] != '\0' && !is_of(type.text, fact.value))
		return graph_reply_fail(r, -EINVAL, "%s: found \"%.80s\", expected %s", key, fact.value, type.text);
	return rc == 0 ? past_sight(a->past, &fact) : rc;
}

static int
set_facts(struct graph_ask *a, struct graph_reply *r)
{
	const struct past_batch batch = { .now = a->now };
	struct subject *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return graph_reply_fail(r, -ENOMEM, "out of memory");
	rc = find_subject(s, a, r);
	if (rc == 0 && (rc = past_begin(a->past, &batch)) != 0)
		graph_reply_past(r, rc, a->past);
	else if (rc == 0) {
		for (unsigned i = 2; i < a->word_count && rc == 0; i++)
			rc = set_one(s, a, r, a->words[i]);
		if (rc == 0)
			rc = past_commit(a->past, NULL);
		else
			past_rollback(a->past);
		if (rc != 0 && r->error[0] == '\0')
			graph_reply_past(r, rc, a->past);
	}
	if (rc == 0) {
		jsonw_object(&r->w);
		jsonw_str(&r->w, "subject", s->word);
		jsonw_num(&r->w, "facts", a->word_count - 2);
		jsonw_end(&r->w);
	}
	graph_map_fini(&s->m);
	free(s);
	return rc;
}

/* ---- list ---- */

struct listing {
	struct map *types;
	struct arena *keep;
};

static int
take_type(void *arg, const char *key, int64_t made, int64_t until, const char *body)
{
	struct listing *l = arg;
	char *copy = arena_strdup(l->keep, body);

	(void)made, (void)until;
	return copy == NULL ? -ENOMEM : map_put(l->types, key, copy, NULL);
}

static void
put_key(struct jsonw *w, const struct map *types, const char *key, uint64_t used)
{
	const char *type = map_get(types, key);

	jsonw_object(w);
	jsonw_str(w, "key", key);
	if (type != NULL) {
		jsonw_key(w, "type");
		jsonw_stringn(w, type, strcspn(type, "\n"));
		if (strchr(type, '\n') != NULL)
			graph_put_text(w, "meaning", strchr(type, '\n') + 1);
	}
	jsonw_num(w, "used", (int64_t)used);
	jsonw_end(w);
}

static int
list_keys(struct graph_ask *a, struct graph_reply *r)
{
	struct map types, used;
	struct map_entry **sorted;
	struct graph_map m;
	struct graph_ask own = *a;
	int rc;

	own.word_count = 0;
	map_init(&types, 0, 0);
	map_init(&used, 0, 0);
	rc = graph_map_init(&m, &own, r);
	if (rc == 0 && (rc = past_notes(a->past, TYPES, take_type, &(struct listing){ &types, &m.keep })) != 0)
		graph_reply_past(r, rc, a->past);
	for (uint32_t i = 0; i < types.count && rc == 0; i++)
		rc = map_put(&used, types.entries[i].key, (void *)(uintptr_t)1, NULL);
	for (uint32_t i = 0; rc == 0 && i < m.e->fact_count; i++)
		rc = map_put(&used, m.e->facts[i].key, (void *)((uintptr_t)FL_MAX((uintptr_t)map_get(&used, m.e->facts[i].key), 1) + 1), NULL);
	jsonw_object(&r->w);
	jsonw_key(&r->w, "facts");
	jsonw_array(&r->w);
	sorted = used.count > 0 ? map_sorted(&used) : NULL;
	for (uint32_t i = 0; sorted != NULL && i < used.count; i++)
		put_key(&r->w, &types, sorted[i]->key, (uint64_t)(uintptr_t)sorted[i]->value - 1);
	free(sorted);
	jsonw_end(&r->w);
	jsonw_end(&r->w);
	map_fini(&types);
	map_fini(&used);
	graph_map_fini(&m);
	return rc;
}

int
graph_fact(struct graph_ask *a, struct graph_reply *r)
{
	const char *verb = a->word_count > 0 ? a->words[0] : "list";

	if (strcmp(verb, "list") == 0)
		return list_keys(a, r);
	if (strcmp(verb, "register") == 0)
		return register_type(a, r);
	if (strcmp(verb, "set") == 0 && a->word_count > 2)
		return set_facts(a, r);
	return graph_reply_fail(r, -EINVAL, "expected set SUBJECT KEY=VALUE..., register KEY TYPE [MEANING] or list");
}
