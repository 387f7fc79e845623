/* SPDX-License-Identifier: MIT */
/* import_declared.c - see import_declared.h. The file is walked twice: once for its mistakes, and when there are none, to tell. */
#include "graph/import_declared.h"
#include <stdio.h>
#include <string.h>

#define SOURCE "declared"
#define MEMBERS_MAX 256
#define KEY_MAX 256

struct reader {
	struct import *im;
	struct doc_diag *d;
	bool telling;
	const char *service, *space;    /* being read */
};

static void
tell(struct reader *r, struct sight *s, const struct doc_node *at)
{
	if (r->telling)
		import_tell(r->im, s, import_here(r->im, at));
}

/* A value of a choice, 0 when the key is not there. */
static unsigned
choice(struct reader *r, const struct doc_node *map, const char *key, const char *const *words)
{
	const struct doc_node *n = doc_get(map, key);
	int i = n != NULL ? doc_choice(r->d, n, words) : -1;

	return i < 0 ? 0 : (unsigned)i + 1;
}

static const char *const strength_words[] = { "hard", "soft", NULL };
static const char *const phase_words[] = { "runtime", "startup", "both", NULL };
static const char *const mode_words[] = { "sync", "async", NULL };
static const char *const kind_words[] = { "service", "datastore", "broker", "external", "user", "host", "group", NULL };

_Static_assert(SIGHT_HARD == 1 && SIGHT_SOFT == 2 && SIGHT_RUNTIME == 1 && SIGHT_BOTH == 3 && SIGHT_SYNC == 1 && SIGHT_ASYNC == 2 &&
    SIGHT_SERVICE == 1 && SIGHT_GROUPING == 7, "the lists of words follow sight.h");

/* A name: text that is not empty and has no control characters. NULL after a complaint. */
static const char *
name_of(struct reader *r, const struct doc_node *n)
{
	if (n == NULL || n->kind != DOC_SCALAR || n->text[0] == '\0' || strlen(n->text) > 250) {
		if (n != NULL)
			doc_unexpected(r->d, n, "the name of a service");
		return NULL;
	}
	return n->text;
}

static void
read_how(struct reader *r, const struct doc_node *map, struct sight *s)
{
	unsigned strength = choice(r, map, "strength", strength_words);

	s->strength = strength != 0 ? (enum sight_strength)strength : SIGHT_HARD;
	s->phase = (enum sight_phase)choice(r, map, "phase", phase_words);
	s->mode = (enum sight_mode)choice(r, map, "mode", mode_words);
	if (doc_get(map, "protocol") != NULL)
		(void)doc_text(r->d, doc_get(map, "protocol"), "a word such as http, rpc, db or messaging", &s->protocol);
}

static void
read_group(struct reader *r, const struct doc_node *map, const struct doc_node *list, bool quorum)
{
	const char *members[MEMBERS_MAX];
	struct sight s = import_sight(SIGHT_GROUP, SOURCE);
	const struct doc_node *need = doc_get(map, "need");
	int64_t k = 1;

	if (!doc_expect(r->d, list, DOC_LIST, "a list of services"))
		return;
	if (list->count == 0 || list->count > MEMBERS_MAX) {
		doc_complain(r->d, list, "found %u services, expected 1 to %d", list->count, MEMBERS_MAX);
		return;
	}
	for (uint32_t i = 0; i < list->count; i++) {
		members[i] = name_of(r, list->items[i]);
		if (members[i] == NULL)
			return;
	}
	if (quorum)
		k = list->count / 2 + 1;
	if (need != NULL && !doc_int(r->d, need, 1, list->count, &k))
		return;
	read_how(r, map, &s);
	s.from = r->service;
	s.from_space = s.to_space = r->space;
	s.members = members;
	s.member_count = list->count;
	s.k = (uint32_t)k;
	tell(r, &s, map);
}

/* The facts of a line: whatever stands below its `facts`. */
static void
read_line_facts(struct reader *r, const struct doc_node *facts, const struct sight *line)
{
	for (uint32_t i = 0; facts != NULL && facts->kind == DOC_MAP && i < facts->count; i++) {
		struct sight s = import_sight(SIGHT_FACT, SOURCE);
		const char *value = NULL;

		if (!doc_text(r->d, facts->pairs[i].value, "a value", &value))
			continue;
		s.from = line->from;
		s.from_space = line->from_space;
		s.to = line->to;
		s.to_space = line->to_space;
		s.key = facts->pairs[i].key->text;
		s.value = value;
		tell(r, &s, facts->pairs[i].key);
	}
}

static void
read_need(struct reader *r, const struct doc_node *n)
{
	static const char *const keys[] = { "to", "any", "quorum", "need", "strength", "phase", "mode", "protocol", "through", "namespace",
	    "facts", NULL };
	struct sight s = import_sight(SIGHT_LINE, SOURCE);
	const struct doc_node *to = doc_get(n, "to"), *any = doc_get(n, "any"), *quorum = doc_get(n, "quorum");

	s.from = r->service;
	s.from_space = s.to_space = r->space;
	s.strength = SIGHT_HARD;
	if (n->kind == DOC_SCALAR) {
		s.to = name_of(r, n);
	} else {
		if (!doc_expect(r->d, n, DOC_MAP, "the name of a service, or a map with to, any or quorum"))
			return;
		doc_keys(r->d, n, keys);
		if ((to != NULL) + (any != NULL) + (quorum != NULL) != 1) {
			doc_complain(r->d, n, "found %s of to, any and quorum, expected one", to == NULL && any == NULL &&
			    quorum == NULL ? "none" : "several");
			return;
		}
		if (to == NULL) {
			read_group(r, n, any != NULL ? any : quorum, quorum != NULL);
			return;
		}
		s.to = name_of(r, to);
		read_how(r, n, &s);
		if (doc_get(n, "namespace") != NULL)
			s.to_space = name_of(r, doc_get(n, "namespace"));
		if (doc_get(n, "through") != NULL)
			(void)doc_bool(r->d, doc_get(n, "through"), &s.through);
	}
	if (s.to == NULL)
		return;
	tell(r, &s, n);
	read_line_facts(r, doc_get(n, "facts"), &s);
}

/* A value of facts: text as it is, a list joined by commas, a map by its keys behind a dot. */
static void
read_fact(struct reader *r, const char *key, const struct doc_node *n, unsigned depth)
{
	char name[KEY_MAX], text[4096];
	size_t used = 0;

	if (n->kind == DOC_SCALAR && r->telling) {
		import_fact(r->im, SOURCE, r->service, r->space, key, n->text, import_here(r->im, n));
	} else if (n->kind == DOC_LIST) {
		text[0] = '\0';
		for (uint32_t i = 0; i < n->count; i++) {
			size_t len = strlen(n->items[i]->text);

			if (n->items[i]->kind != DOC_SCALAR || used + len + 2 > sizeof(text)) {
				doc_unexpected(r->d, n->items[i], "a short value");
				return;
			}
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? "," : "", n->items[i]->text);
		}
		if (r->telling)
			import_fact(r->im, SOURCE, r->service, r->space, key, text, import_here(r->im, n));
	} else if (n->kind == DOC_MAP) {
		for (uint32_t i = 0; i < n->count; i++) {
			if (depth > 4 || strlen(key) > 120 || strlen(n->pairs[i].key->text) > 120) {
				doc_complain(r->d, n->pairs[i].key, "found a key that is too long or too deep, expected a short one");
				return;
			}
			snprintf(name, sizeof(name), "%.120s.%.120s", key, n->pairs[i].key->text);
			read_fact(r, name, n->pairs[i].value, depth + 1);
		}
	} else if (n->kind == DOC_NULL) {
		doc_unexpected(r->d, n, "a value");
	}
}

static void
read_facts(struct reader *r, const struct doc_node *n)
{
	static const char *const direct[] = { "tier", "owner", "function", "zone", "rto", "rpo", "recover", "stop", "stateful", "replicas",
	    "backup", NULL };
	static const char *const durations[] = { "rto", "rpo", "recover", "stop", NULL };
	const struct doc_node *facts = doc_get(n, "facts");

	for (const char *const *k = direct; *k != NULL; k++) {
		const struct doc_node *v = doc_get(n, *k);
		fl_ns ns;

		if (v == NULL)
			continue;
		for (const char *const *d = durations; *d != NULL; d++) {
			if (strcmp(*d, *k) == 0 && v->kind == DOC_SCALAR)
				(void)doc_duration(r->d, v, &ns);
		}
		read_fact(r, *k, v, 0);
	}
	if (facts != NULL && doc_expect(r->d, facts, DOC_MAP, "a map of facts")) {
		for (uint32_t i = 0; i < facts->count; i++)
			read_fact(r, facts->pairs[i].key->text, facts->pairs[i].value, 0);
	}
}

static void
read_instances(struct reader *r, const struct doc_node *list)
{
	if (list == NULL || !doc_expect(r->d, list, DOC_LIST, "a list of addresses such as 10.0.0.5:8080"))
		return;
	for (uint32_t i = 0; i < list->count; i++) {
		struct sight s = import_sight(SIGHT_INSTANCE, SOURCE);

		if (!doc_text(r->d, list->items[i], "an address such as 10.0.0.5:8080", &s.address))
			continue;
		s.name = r->service;
		s.space = r->space;
		tell(r, &s, list->items[i]);
	}
}

/* Keys with a dot are facts of whatever name: recover.command. */
static void
read_dotted(struct reader *r, const struct doc_node *n)
{
	for (uint32_t i = 0; n->kind == DOC_MAP && i < n->count; i++) {
		if (strchr(n->pairs[i].key->text, '.') != NULL)
			read_fact(r, n->pairs[i].key->text, n->pairs[i].value, 0);
	}
}

/* Complain about keys that are neither known nor have a dot. */
static void
read_keys(struct reader *r, const struct doc_node *n, const char *const *known)
{
	for (uint32_t i = 0; n->kind == DOC_MAP && i < n->count; i++) {
		struct doc_node one = { .kind = DOC_MAP, .count = 1, .line = n->line, .column = n->column, .text = "", .pairs = &n->pairs[i] };

		if (strchr(n->pairs[i].key->text, '.') == NULL)
			doc_keys(r->d, &one, known);
	}
}

static void
read_service(struct reader *r, const struct doc_node *key, const struct doc_node *n)
{
	static const char *const keys[] = { "app", "kind", "namespace", "instances", "needs", "facts", "tier", "owner", "function", "zone", "rto",
	    "rpo",
		"recover", "stop", "stateful", "replicas", "backup", "through", NULL };
	struct sight s = import_sight(SIGHT_NODE, SOURCE);
	const struct doc_node *needs = doc_get(n, "needs"), *space = doc_get(n, "namespace");

	r->service = name_of(r, key);
	r->space = NULL;
	if (r->service == NULL || (n->kind != DOC_NULL && !doc_expect(r->d, n, DOC_MAP, "a map: what is declared of this service")))
		return;
	read_keys(r, n, keys);
	if (space != NULL)
		(void)doc_text(r->d, space, "a namespace", &r->space);
	s.name = r->service;
	s.space = r->space;
	s.kind = (enum sight_kind)choice(r, n, "kind", kind_words);
	if (s.kind == SIGHT_KIND_UNKNOWN)
		s.kind = SIGHT_SERVICE;
	if (doc_get(n, "app") != NULL)
		(void)doc_text(r->d, doc_get(n, "app"), "the name of an application", &s.app);
	if (doc_get(n, "through") != NULL)
		(void)doc_bool(r->d, doc_get(n, "through"), &s.through);
	tell(r, &s, key);
	read_facts(r, n);
	read_dotted(r, n);
	read_instances(r, doc_get(n, "instances"));
	if (needs != NULL && doc_expect(r->d, needs, DOC_LIST, "a list of what the service depends on")) {
		for (uint32_t i = 0; i < needs->count; i++)
			read_need(r, needs->items[i]);
	}
}

/* "web-* -> *-db" */
static void
read_rule(struct reader *r, const struct doc_node *n)
{
	static const char *const keys[] = { "deny", "allow", "why", NULL };
	const struct doc_node *deny = doc_get(n, "deny"), *allow = doc_get(n, "allow"), *what = deny != NULL ? deny : allow, *why = doc_get(n, "why");
	struct sight s = import_sight(SIGHT_RULE, SOURCE);
	char from[KEY_MAX], to[KEY_MAX];
	const char *arrow;
	size_t from_n;

	if (!doc_expect(r->d, n, DOC_MAP, "a map with deny or allow"))
		return;
	doc_keys(r->d, n, keys);
	if ((deny != NULL) == (allow != NULL)) {
		doc_complain(r->d, n, "found %s, expected one of deny and allow", deny != NULL ? "both" : "neither");
		return;
	}
	arrow = what->kind == DOC_SCALAR ? strstr(what->text, "->") : NULL;
	if (arrow == NULL || arrow == what->text || arrow[2 + strspn(arrow + 2, " ")] == '\0' || strlen(what->text) >= KEY_MAX) {
		doc_unexpected(r->d, what, "a rule such as \"web-* -> *-db\"");
		return;
	}
	for (from_n = (size_t)(arrow - what->text); from_n > 0 && what->text[from_n - 1] == ' '; from_n--)
		;
	snprintf(from, sizeof(from), "%.*s", (int)from_n, what->text);
	snprintf(to, sizeof(to), "%s", arrow + 2 + strspn(arrow + 2, " "));
	s.from = from;
	s.to = to;
	s.value = deny != NULL ? "deny" : "allow";
	s.key = "why";
	if (why != NULL)
		(void)doc_text(r->d, why, "a reason", &s.name);
	tell(r, &s, n);
}

static void
read_alias(struct reader *r, const struct doc_node *key, const struct doc_node *n)
{
	static const char *const keys[] = { "is", "why", NULL };
	struct sight s = import_sight(SIGHT_ALIAS, SOURCE);

	s.name = key->text;
	if (n->kind == DOC_SCALAR) {
		s.to = name_of(r, n);
	} else if (doc_expect(r->d, n, DOC_MAP, "the name of a service, or a map with is and why")) {
		doc_keys(r->d, n, keys);
		if (doc_get(n, "is") == NULL)
			doc_complain(r->d, n, "found no key is, expected the name of the service that this is another word for");
		s.to = name_of(r, doc_get(n, "is"));
		if (doc_get(n, "why") != NULL)
			(void)doc_text(r->d, doc_get(n, "why"), "a reason", &s.value);
	}
	if (s.value == NULL)
		s.value = "declared";
	if (s.to != NULL)
		tell(r, &s, key);
}

static void
read_all(struct reader *r, const struct doc_node *root)
{
	const struct doc_node *services = doc_get(root, "services"), *rules = doc_get(root, "rules"), *aliases = doc_get(root, "aliases");

	if (services != NULL && services->kind != DOC_NULL && doc_expect(r->d, services, DOC_MAP, "a map of services")) {
		for (uint32_t i = 0; i < services->count; i++)
			read_service(r, services->pairs[i].key, services->pairs[i].value);
	}
	if (rules != NULL && rules->kind != DOC_NULL && doc_expect(r->d, rules, DOC_LIST, "a list of rules")) {
		for (uint32_t i = 0; i < rules->count; i++)
			read_rule(r, rules->items[i]);
	}
	if (aliases != NULL && aliases->kind != DOC_NULL && doc_expect(r->d, aliases, DOC_MAP, "a map of aliases")) {
		for (uint32_t i = 0; i < aliases->count; i++)
			read_alias(r, aliases->pairs[i].key, aliases->pairs[i].value);
	}
}

void
import_declared(struct import *im, const struct doc_node *root)
{
	struct reader r = { .im = im, .d = &im->diag };
	unsigned before = im->diag.count;

	read_all(&r, root);
	if (im->diag.count != before)
		return;
	r.telling = true;
	read_all(&r, root);
}
