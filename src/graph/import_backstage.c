/* SPDX-License-Identifier: MIT */
/*
 * import_backstage.c - see import_backstage.h. A reference is [kind:][namespace/]name, in any case; who consumes an API depends on who
 * provides it, and on the API itself when nobody known does.
 */
#include "graph/import_backstage.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SOURCE "backstage"

enum relation { DEPENDS_ON, DEPENDENCY_OF, CONSUMES, PROVIDES, RELATION_COUNT };
static const char *const relation_keys[] = { "dependsOn", "dependencyOf", "consumesApis", "providesApis" };
static const char *const relation_default_kinds[] = { "component", "component", "api", "api" };

struct ref {
	struct ref *next;
	enum relation relation;
	const char *kind, *ns, *name;
	struct import_at at;
};

struct entity {
	struct entity *next;
	const char *kind, *ns, *name, *type, *owner, *system, *lifecycle;
	enum sight_kind is;
	struct ref *refs;
	struct import_at at;
};

/* Who provides an API. */
struct provider {
	struct provider *next;
	const struct entity *e;
};

struct import_backstage {
	struct entity *first, **end;
	struct map entities;            /* "kind:ns/name" in lower case */
	struct map providers;           /* likewise of the API, to struct provider */
};

static const char *
keep_word(struct import *im, const struct doc_node *map, const char *key)
{
	return import_keep(im, import_word(map, key));
}

/* "component:default/cart" into its three parts. */
static bool
ref_parse(struct import *im, const char *text, const char *kind, const char *ns, struct ref *r)
{
	const char *colon = strchr(text, ':'), *slash;

	r->kind = colon != NULL ? import_keepn(im, text, (size_t)(colon - text)) : kind;
	text = colon != NULL ? colon + 1 : text;
	slash = strchr(text, '/');
	r->ns = slash != NULL ? import_keepn(im, text, (size_t)(slash - text)) : ns;
	r->name = import_keep(im, slash != NULL ? slash + 1 : text);
	return r->name != NULL && r->name[0] != '\0' && r->kind != NULL && r->ns != NULL;
}

static void
read_refs(struct import *im, struct entity *e, const struct doc_node *spec, enum relation relation)
{
	const struct doc_node *list = doc_get(spec, relation_keys[relation]);
	struct ref **end = &e->refs;

	while (*end != NULL)
		end = &(*end)->next;
	for (uint32_t i = 0; list != NULL && list->kind == DOC_LIST && i < list->count; i++) {
		struct ref *r = import_alloc(im, sizeof(*r));

		if (r == NULL)
			return;
		r->relation = relation;
		r->at = import_here(im, list->items[i]);
		if (list->items[i]->kind != DOC_SCALAR || !ref_parse(im, list->items[i]->text, relation_default_kinds[relation], e->ns, r)) {
			doc_unexpected(&im->diag, list->items[i], "a reference such as component:default/cart");
			continue;
		}
		*end = r;
		end = &r->next;
	}
}

static bool
has_word(const char *s, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (strcasestr(s, *words) != NULL)
			return true;
	}
	return false;
}

static enum sight_kind
kind_of(const char *kind, const char *type)
{
	static const char *const stores[] = { "database", "db", "bucket", "cache", "redis", "postgres", "mysql", "mongo", "storage",
	    "elasticsearch", NULL };
	static const char *const brokers[] = { "queue", "topic", "broker", "kafka", "rabbit", "stream", "nats", "pubsub", NULL };

	if (strcasecmp(kind, "resource") == 0 && has_word(type, brokers))
		return SIGHT_BROKER;
	if (strcasecmp(kind, "resource") == 0 && has_word(type, stores))
		return SIGHT_DATASTORE;
	return strcasecmp(kind, "component") == 0 ? SIGHT_SERVICE : SIGHT_KIND_UNKNOWN;
}

void
import_backstage_doc(struct import *im, const struct doc_node *root)
{
	const struct doc_node *meta = doc_get(root, "metadata"), *spec = doc_get(root, "spec");
	const char *kind = import_word(root, "kind"), *ns = import_word(meta, "namespace");
	struct import_backstage *b = im->parts->backstage;
	struct entity *e;

	if (strcasecmp(kind, "component") != 0 && strcasecmp(kind, "resource") != 0 && strcasecmp(kind, "api") != 0)
		return;
	if (import_word(meta, "name")[0] == '\0') {
		doc_complain(&im->diag, root, "found an entity without metadata.name, expected one");
		import_drop(im);
		return;
	}
	if (b == NULL)
		b = im->parts->backstage = import_alloc(im, sizeof(*b));
	e = import_alloc(im, sizeof(*e));
	if (b == NULL || e == NULL)
		return;
	if (b->end == NULL)
		b->end = &b->first;
	*e = (struct entity){ .kind = import_keep(im, kind), .name = keep_word(im, meta, "name"),
		.ns = import_keep(im, ns[0] != '\0' ? ns : "default"),
		.type = keep_word(im, spec, "type"), .owner = keep_word(im, spec, "owner"), .system = keep_word(im, spec, "system"),
		.lifecycle = keep_word(im, spec, "lifecycle"), .is = kind_of(kind, import_word(spec, "type")), .at = import_here(im, root) };
	if (im->failed != 0)
		return;
	for (int r = 0; r < RELATION_COUNT; r++)
		read_refs(im, e, spec, (enum relation)r);
	*b->end = e;
	b->end = &e->next;
}

static void
key_of(char *key, size_t n, const char *kind, const char *ns, const char *name)
{
	snprintf(key, n, "%.60s:%.260s/%.260s", kind, ns, name);
	for (; *key != '\0'; key++) {
		if (*key >= 'A' && *key <= 'Z')
			*key = (char)(*key + 32);
	}
}

static void
add_provider(struct import *im, struct import_backstage *b, const struct entity *e, const struct ref *r)
{
	struct provider *p = import_alloc(im, sizeof(*p)), *first;
	char key[600];

	key_of(key, sizeof(key), "api", r->ns, r->name);
	first = map_get(&b->providers, key);
	if (p == NULL)
		return;
	p->e = e;
	if (first != NULL) {
		p->next = first->next;
		first->next = p;
	} else if (map_put(&b->providers, key, p, NULL) != 0) {
		im->failed = -ENOMEM;
	}
}

/* Entities by their names: of two with one name the first. */
static void
index_all(struct import *im, struct import_backstage *b)
{
	char key[600];

	map_init(&b->entities, 8, (uint64_t)im->opts.now);
	map_init(&b->providers, 9, (uint64_t)im->opts.now);
	for (struct entity *e = b->first; e != NULL && im->failed == 0; e = e->next) {
		key_of(key, sizeof(key), e->kind, e->ns, e->name);
		if (map_get(&b->entities, key) == NULL && map_put(&b->entities, key, e, NULL) != 0)
			im->failed = -ENOMEM;
		for (const struct ref *r = e->refs; r != NULL && im->failed == 0; r = r->next) {
			if (r->relation == PROVIDES)
				add_provider(im, b, e, r);
		}
	}
}

static const struct entity *
find(const struct import_backstage *b, const struct ref *r)
{
	char key[600];

	key_of(key, sizeof(key), r->kind, r->ns, r->name);
	return map_get(&b->entities, key);
}

/* One end of a line. */
struct end {
	const char *name, *ns;
	enum sight_kind kind;
};

static const char *
space(const char *ns)
{
	return strcasecmp(ns, "default") == 0 ? NULL : ns;
}

static struct end
end_of(const struct entity *e)
{
	return (struct end){ .name = e->name, .ns = space(e->ns), .kind = e->is };
}

static struct end
end_of_ref(const struct import_backstage *b, const struct ref *r)
{
	const struct entity *e = find(b, r);

	return e != NULL ? end_of(e) : (struct end){ .name = r->name, .ns = space(r->ns), .kind = kind_of(r->kind, "") };
}

static void
tell_line(struct import *im, struct end from, struct end to, const char *protocol, struct import_at at)
{
	struct sight s = import_sight(SIGHT_LINE, SOURCE);

	if (strcmp(from.name, to.name) == 0 && strcmp(from.ns != NULL ? from.ns : "", to.ns != NULL ? to.ns : "") == 0)
		return;
	s.from = from.name;
	s.from_space = from.ns;
	s.from_kind = from.kind;
	s.to = to.name;
	s.to_space = to.ns;
	s.to_kind = to.kind;
	s.protocol = protocol;
	import_tell(im, &s, at);
}

/* By the type of the API. */
static const char *
api_protocol(const struct entity *api)
{
	if (api == NULL)
		return NULL;
	return strcasecmp(api->type, "grpc") == 0 ? "rpc" : strcasecmp(api->type, "asyncapi") == 0 ? "messaging" :
	    strcasecmp(api->type, "openapi") == 0 || strcasecmp(api->type, "graphql") == 0 ? "http" : NULL;
}

static void
tell_consumed(struct import *im, const struct import_backstage *b, const struct entity *e, const struct ref *r)
{
	const struct entity *api = find(b, r);
	const struct provider *p;
	char key[600];

	key_of(key, sizeof(key), "api", r->ns, r->name);
	p = map_get(&b->providers, key);
	if (p == NULL)
		tell_line(im, end_of(e), end_of_ref(b, r), api_protocol(api), r->at);
	for (; p != NULL; p = p->next)
		tell_line(im, end_of(e), end_of(p->e), api_protocol(api), r->at);
}

static void
tell_entity(struct import *im, const struct entity *e)
{
	struct sight s = import_sight(SIGHT_NODE, SOURCE);
	const char *system = strrchr(e->system, '/');

	if (strcasecmp(e->kind, "api") == 0)
		return;
	s.name = e->name;
	s.space = space(e->ns);
	s.app = system != NULL ? system + 1 : e->system;
	s.kind = e->is;
	import_tell(im, &s, e->at);
	import_fact(im, SOURCE, e->name, s.space, "owner", e->owner, e->at);
	import_fact(im, SOURCE, e->name, s.space, "lifecycle", e->lifecycle, e->at);
	import_fact(im, SOURCE, e->name, s.space, "type", e->type, e->at);
	if (e->is == SIGHT_DATASTORE)
		import_fact(im, SOURCE, e->name, s.space, "stateful", "true", e->at);
}

int
import_backstage_finish(struct import *im)
{
	struct import_backstage *b = im->parts->backstage;

	if (b != NULL)
		index_all(im, b);
	for (const struct entity *e = b != NULL ? b->first : NULL; e != NULL && im->failed == 0; e = e->next)
		tell_entity(im, e);
	for (const struct entity *e = b != NULL ? b->first : NULL; e != NULL && im->failed == 0; e = e->next) {
		for (const struct ref *r = e->refs; r != NULL; r = r->next) {
			if (r->relation == DEPENDS_ON)
				tell_line(im, end_of(e), end_of_ref(b, r), NULL, r->at);
			else if (r->relation == DEPENDENCY_OF)
				tell_line(im, end_of_ref(b, r), end_of(e), NULL, r->at);
			else if (r->relation == CONSUMES)
				tell_consumed(im, b, e, r);
		}
	}
	return im->failed;
}

void
import_backstage_fini(struct import *im)
{
	struct import_backstage *b = im->parts != NULL ? im->parts->backstage : NULL;

	if (b == NULL)
		return;
	map_fini(&b->entities);
	map_fini(&b->providers);
}
