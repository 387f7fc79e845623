/* SPDX-License-Identifier: MIT */
/* import_compose_read.c - compose files into import_compose.h's lists. Values stay as written; their variables are put in at the end. */
#include "graph/import_compose.h"
#include "graph/import_vars.h"
#include "proto/yaml.h"
#include <stdio.h>
#include <string.h>

#define SCRIPT_MAX 16384

static struct import_compose *
state(struct import *im)
{
	struct import_compose *c = im->parts->compose;

	if (c != NULL)
		return c;
	c = im->parts->compose = import_alloc(im, sizeof(struct import_compose));
	if (c != NULL)
		c->projects_end = &c->projects;
	return c;
}

static struct compose_project *
new_project(struct import *im, struct import_compose *c)
{
	struct compose_project *p = import_alloc(im, sizeof(*p));
	const char *slash;

	if (p == NULL)
		return NULL;
	p->path = import_compose_path(im, "", im->parts->file);
	if (p->path == NULL)
		return NULL;
	slash = strrchr(p->path, '/');
	p->dir = import_keepn(im, p->path, slash != NULL ? (size_t)(slash - p->path) : 0);
	if (p->dir == NULL)
		return NULL;
	*c->projects_end = p;
	c->projects_end = &p->next;
	return p;
}

static struct compose_service *
find_service(struct import *im, struct compose_project *p, const char *name, const struct doc_node *at)
{
	struct compose_service *s, **end = &p->services;

	for (; *end != NULL; end = &(*end)->next) {
		if (strcmp((*end)->name, name) == 0)
			return *end;
	}
	s = import_alloc(im, sizeof(*s));
	if (s == NULL)
		return NULL;
	*s = (struct compose_service){ .project = p, .name = import_keep(im, name), .image = "", .script = "",
		.replicas = -1, .at = import_here(im, at) };
	*end = s;
	return s->name != NULL ? s : NULL;
}

static void
add_env(struct import *im, struct compose_service *s, const char *key, const char *value, const struct doc_node *at)
{
	struct compose_env *e, **end = &s->env;

	for (; *end != NULL; end = &(*end)->next) {
		if (strcmp((*end)->key, key) == 0)
			break;
	}
	e = *end != NULL ? *end : import_alloc(im, sizeof(*e));
	if (e == NULL)
		return;
	e->key = import_keep(im, key);
	e->value = value != NULL ? import_keep(im, value) : NULL;
	e->at = import_here(im, at);
	*end = e;
}

/* A map, or a list of KEY=VALUE and of bare KEY. */
static void
read_env(struct import *im, struct compose_service *s, const struct doc_node *n)
{
	for (uint32_t i = 0; n != NULL && i < n->count && im->failed == 0; i++) {
		const char *eq;
		char key[256];

		if (n->kind == DOC_MAP) {
			const struct doc_pair *p = &n->pairs[i];

			add_env(im, s, p->key->text, p->value->kind == DOC_SCALAR ? p->value->text : NULL, p->key);
		} else if (n->kind == DOC_LIST && n->items[i]->kind == DOC_SCALAR) {
			eq = strchr(n->items[i]->text, '=');
			snprintf(key, sizeof(key), "%.*s", eq != NULL ? (int)FL_MIN(eq - n->items[i]->text, 255) : 255, n->items[i]->text);
			add_env(im, s, key, eq != NULL ? eq + 1 : NULL, n->items[i]);
		}
	}
}

static void
add_need(struct import *im, struct compose_service *s, const char *name, bool running, bool soft, const struct doc_node *at)
{
	struct compose_need *d = import_alloc(im, sizeof(*d)), **end = &s->needs;

	if (d == NULL)
		return;
	*d = (struct compose_need){ .name = import_keep(im, name), .running = running, .soft = soft, .at = import_here(im, at) };
	while (*end != NULL)
		end = &(*end)->next;
	if (d->name != NULL)
		*end = d;
}

static void
read_depends(struct import *im, struct compose_service *s, const struct doc_node *n)
{
	for (uint32_t i = 0; n != NULL && i < n->count; i++) {
		if (n->kind == DOC_LIST)
			add_need(im, s, n->items[i]->text, false, false, n->items[i]);
		else if (n->kind == DOC_MAP)
			add_need(im, s, n->pairs[i].key->text, false, strcmp(import_word(n->pairs[i].value, "required"), "false") == 0,
			    n->pairs[i].key);
	}
}

/* "data", or "data:ro"; containers of others are none of ours. */
static void
read_volumes_from(struct import *im, struct compose_service *s, const struct doc_node *n)
{
	char name[256];

	for (uint32_t i = 0; n != NULL && n->kind == DOC_LIST && i < n->count; i++) {
		const char *text = n->items[i]->text;

		snprintf(name, sizeof(name), "%.*s", (int)FL_MIN(strcspn(text, ":"), (size_t)255), text);
		if (strncmp(text, "container:", 10) != 0 && name[0] != '\0')
			add_need(im, s, name, false, false, n->items[i]);
	}
}

/* "db", or "db:database" by which the other is called database here. */
static void
read_links(struct import *im, struct compose_service *s, const struct doc_node *n)
{
	for (uint32_t i = 0; n != NULL && n->kind == DOC_LIST && i < n->count; i++) {
		const char *text = n->items[i]->text;
		size_t len = strcspn(text, ":");
		char name[256];

		snprintf(name, sizeof(name), "%.*s", (int)FL_MIN(len, (size_t)255), text);
		add_need(im, s, name, true, false, n->items[i]);
		if (text[len] == ':')
			import_push(im, &s->aliases, text + len + 1, name);
	}
}

static void
join(struct buf *b, const struct doc_node *n)
{
	if (n != NULL && n->kind == DOC_SCALAR)
		buf_printf(b, " %s", n->text);
	for (uint32_t i = 0; n != NULL && n->kind == DOC_LIST && i < n->count; i++)
		buf_printf(b, " %s", n->items[i]->text);
}

static void
read_script(struct import *im, struct compose_service *s, const struct doc_node *n)
{
	struct buf b;

	buf_init(&b, SCRIPT_MAX);
	join(&b, doc_get(n, "entrypoint"));
	join(&b, doc_get(n, "command"));
	if (buf_len(&b) > 0)
		s->script = import_keep(im, buf_str(&b));
	buf_fini(&b);
	if (s->script == NULL)
		s->script = "";
}

static void
push_alias(struct import *im, struct compose_service *s, const char *alias)
{
	if (alias[0] != '\0')
		import_push(im, &s->aliases, alias, s->name);
}

static void
read_names(struct import *im, struct compose_service *s, const struct doc_node *n)
{
	const struct doc_node *nets = doc_get(n, "networks");

	push_alias(im, s, import_word(n, "container_name"));
	push_alias(im, s, import_word(n, "hostname"));
	for (uint32_t i = 0; nets != NULL && nets->kind == DOC_MAP && i < nets->count; i++) {
		const struct doc_node *list = doc_get(nets->pairs[i].value, "aliases");

		for (uint32_t j = 0; list != NULL && list->kind == DOC_LIST && j < list->count; j++)
			push_alias(im, s, list->items[j]->text);
		push_alias(im, s, import_word(nets->pairs[i].value, "ipv4_address"));
	}
}

/* Named volumes outlive their containers; folders of the host are usually settings and sources. */
static bool
has_volume(const struct doc_node *list)
{
	for (uint32_t i = 0; list != NULL && list->kind == DOC_LIST && i < list->count; i++) {
		const char *text = list->items[i]->text, *colon = strchr(text, ':');

		if (list->items[i]->kind == DOC_MAP && strcmp(import_word(list->items[i], "type"), "volume") == 0)
			return true;
		if (colon != NULL && text[0] != '.' && text[0] != '/' && text[0] != '~' && text[0] != '$')
			return true;
	}
	return false;
}

/* "file", or a list of files, each perhaps a map with its path. */
static void
read_paths(struct import *im, struct import_text **list, const char *dir, const struct doc_node *n)
{
	if (n != NULL && n->kind == DOC_SCALAR)
		import_push(im, list, import_compose_path(im, dir, n->text), "");
	for (uint32_t i = 0; n != NULL && n->kind == DOC_LIST && i < n->count && im->failed == 0; i++) {
		const char *path = n->items[i]->kind == DOC_MAP ? import_word(n->items[i], "path") : n->items[i]->text;

		if (path[0] != '\0')
			import_push(im, list, import_compose_path(im, dir, path), "");
	}
}

/* "file", or {path: [file, ...], env_file: ...}: of several paths of one include the later ones override, which the reading of them does. */
static void
read_includes(struct import *im, struct compose_project *p, const struct doc_node *list)
{
	for (uint32_t i = 0; list != NULL && list->kind == DOC_LIST && i < list->count && im->failed == 0; i++) {
		const struct doc_node *n = list->items[i];

		read_paths(im, &p->includes, p->dir, n->kind == DOC_MAP ? doc_get(n, "path") : n);
		read_paths(im, &p->env_files, p->dir, doc_get(n, "env_file"));
	}
}

static void
read_service(struct import *im, struct compose_project *p, const struct doc_node *key, const struct doc_node *n)
{
	struct compose_service *s = find_service(im, p, key->text, key);
	const struct doc_node *extends = doc_get(n, "extends"), *replicas = IMPORT_PATH(n, "deploy", "replicas");
	const char *mode = import_word(n, "network_mode");

	if (s == NULL || n->kind != DOC_MAP)
		return;
	if (import_word(n, "image")[0] != '\0')
		s->image = import_keep(im, import_word(n, "image"));
	if (extends != NULL)
		s->extends = import_keep(im, extends->kind == DOC_SCALAR ? extends->text : import_word(extends, "service"));
	if (import_word(extends, "file")[0] != '\0')
		s->extends_file = import_compose_path(im, p->dir, import_word(extends, "file"));
	if (replicas == NULL)
		replicas = doc_get(n, "scale");
	if (replicas != NULL && !doc_is_int(replicas, &s->replicas))
		s->replicas = -1;
	if (strncmp(mode, "service:", 8) == 0)
		add_need(im, s, mode + 8, false, false, doc_get(n, "network_mode"));
	read_volumes_from(im, s, doc_get(n, "volumes_from"));
	s->stateful = s->stateful || has_volume(doc_get(n, "volumes"));
	read_paths(im, &s->env_files, p->dir, doc_get(n, "env_file"));
	read_env(im, s, doc_get(n, "environment"));
	read_depends(im, s, doc_get(n, "depends_on"));
	read_links(im, s, doc_get(n, "links"));
	read_script(im, s, n);
	read_names(im, s, n);
}

static void
read_file(struct import *im, const struct doc_node *root)
{
	struct import_compose *c = state(im);
	struct compose_project *p = c != NULL ? new_project(im, c) : NULL;
	const struct doc_node *services = doc_get(root, "services");

	if (p != NULL)
		read_includes(im, p, doc_get(root, "include"));
	for (uint32_t i = 0; p != NULL && services != NULL && services->kind == DOC_MAP && i < services->count && im->failed == 0; i++)
		read_service(im, p, services->pairs[i].key, services->pairs[i].value);
}

void
import_compose_add(struct import *im)
{
	import_docs(im, read_file);
}

void
import_dotenv_add(struct import *im)
{
	struct import_compose *c = state(im);
	struct compose_vars *v = c != NULL ? import_alloc(im, sizeof(*v)) : NULL;

	if (v == NULL)
		return;
	v->path = import_compose_path(im, "", im->parts->file);
	if (v->path == NULL)
		return;
	import_dotenv(im, im->file->text, im->file->n, &v->vars);
	v->next = c->files;
	c->files = v;
}

/* Each path that n is, or lists. */
static void
name_paths(const struct doc_node *n, import_named_fn *fn, void *arg)
{
	if (n != NULL && n->kind == DOC_SCALAR)
		fn(arg, n->text);
	for (uint32_t i = 0; n != NULL && n->kind == DOC_LIST && i < n->count; i++)
		name_paths(n->items[i]->kind == DOC_MAP ? doc_get(n->items[i], "path") : n->items[i], fn, arg);
}

void
import_named_files(const char *text, size_t n, import_named_fn *fn, void *arg)
{
	const struct doc_node *services, *includes;
	struct doc_diag diag;
	struct doc *doc;

	doc_diag_init(&diag, NULL);
	if (yaml_parse(text, n, &diag, &doc) == 0) {
		services = doc_get(doc->root, "services");
		includes = doc_get(doc->root, "include");
		fn(arg, ".env");
		for (uint32_t i = 0; includes != NULL && includes->kind == DOC_LIST && i < includes->count; i++) {
			const struct doc_node *item = includes->items[i];

			name_paths(item->kind == DOC_MAP ? doc_get(item, "path") : item, fn, arg);
			name_paths(doc_get(item, "env_file"), fn, arg);
		}
		for (uint32_t i = 0; services != NULL && services->kind == DOC_MAP && i < services->count; i++) {
			const struct doc_node *s = services->pairs[i].value;

			name_paths(doc_get(s, "env_file"), fn, arg);
			name_paths(IMPORT_PATH(s, "extends", "file"), fn, arg);
		}
		doc_free(doc);
	}
	doc_diag_fini(&diag);
}
