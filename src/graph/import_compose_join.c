/* SPDX-License-Identifier: MIT */
/* import_compose_join.c - compose files that belong together: overrides, includes, what is extended. */
#include "graph/import_compose.h"
#include <stdio.h>
#include <string.h>

#define PATH_BYTES 4096

const char *
import_compose_path(struct import *im, const char *dir, const char *rel)
{
	char out[PATH_BYTES], both[2 * PATH_BYTES];
	size_t n = 0;

	snprintf(both, sizeof(both), "%.4000s%s%.4000s", rel[0] == '/' ? "" : dir, rel[0] == '/' || dir[0] == '\0' ? "" : "/", rel);
	for (const char *p = both; *p != '\0';) {
		size_t len = strcspn(p, "/");
		bool up = len == 2 && p[0] == '.' && p[1] == '.', last_up = n >= 2 && out[n - 1] == '.' && out[n - 2] == '.' && (n == 2 ||
			out[n - 3] == '/');

		if (up && n > 0 && !last_up) {
			while (n > 0 && out[n - 1] != '/')
				n--;
			n -= n > 0;
		} else if (len > 0 && !(len == 1 && p[0] == '.') && n + len + 2 < sizeof(out)) {
			if (n > 0 || both[0] == '/')
				out[n++] = '/';
			memcpy(out + n, p, len);
			n += len;
		}
		p += len + (p[len] == '/');
	}
	return import_keepn(im, out, n);
}

static struct compose_project *
find_path(const struct import_compose *c, const char *path)
{
	for (struct compose_project *p = c->projects; p != NULL; p = p->next) {
		if (strcmp(p->path, path) == 0)
			return p;
	}
	return NULL;
}

static struct compose_service *
own_service(const struct compose_project *p, const char *name)
{
	for (struct compose_service *s = p->services; s != NULL; s = s->next) {
		if (strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

struct compose_service *
import_compose_service(const struct import_compose *c, const struct compose_project *p, const char *name)
{
	struct compose_service *s = own_service(p, name);

	for (const struct compose_project *q = c->projects; s == NULL && q != NULL; q = q->next) {
		if (q->head == q && q->group == p->group && !q->base)
			s = own_service(q, name);
	}
	return s;
}

struct compose_service *
import_compose_base(const struct import_compose *c, const struct compose_service *s)
{
	const struct compose_project *p = s->project;

	if (s->extends == NULL)
		return NULL;
	if (s->extends_file != NULL)
		p = find_path(c, s->extends_file);
	return p != NULL ? own_service(p->base ? p : p->head, s->extends) : NULL;
}

static bool
is_included(const struct import_compose *c, const struct compose_project *p)
{
	for (const struct compose_project *q = c->projects; q != NULL; q = q->next) {
		for (const struct import_text *i = q->includes; i != NULL; i = i->next) {
			if (strcmp(i->key, p->path) == 0)
				return true;
		}
	}
	return false;
}

static void
find_bases(struct import_compose *c)
{
	for (struct compose_project *p = c->projects; p != NULL; p = p->next) {
		for (const struct compose_service *s = p->services; s != NULL; s = s->next) {
			struct compose_project *q = s->extends_file != NULL ? find_path(c, s->extends_file) : NULL;

			if (q != NULL && q != p && !is_included(c, q))
				q->base = true;
		}
	}
}

static void
append_text(struct import_text **list, struct import_text *more)
{
	while (*list != NULL)
		list = &(*list)->next;
	*list = more;
}

/* What more says of a service goes before what s says; both are of one name. */
static void
merge(struct compose_service *s, struct compose_service *more)
{
	struct compose_need **needs = &s->needs;
	struct compose_env *next;

	if (more->image[0] != '\0')
		s->image = more->image;
	if (more->script[0] != '\0')
		s->script = more->script;
	if (more->extends != NULL) {
		s->extends = more->extends;
		s->extends_file = more->extends_file;
	}
	if (more->replicas >= 0)
		s->replicas = more->replicas;
	s->stateful = s->stateful || more->stateful;
	while (*needs != NULL)
		needs = &(*needs)->next;
	*needs = more->needs;
	append_text(&s->aliases, more->aliases);
	append_text(&s->env_files, more->env_files);
	for (struct compose_env *e = more->env; e != NULL; e = next) {
		struct compose_env **at = &s->env;

		next = e->next;
		while (*at != NULL && strcmp((*at)->key, e->key) != 0)
			at = &(*at)->next;
		e->next = *at != NULL ? (*at)->next : NULL;
		*at = e;
	}
}

/* An override's services into those of the first file of the folder. */
static void
move(struct compose_project *from, struct compose_project *to)
{
	struct compose_service *next;

	for (struct compose_service *s = from->services; s != NULL; s = next) {
		struct compose_service *old = own_service(to, s->name), **end = &to->services;

		next = s->next;
		if (old != NULL) {
			merge(old, s);
			continue;
		}
		while (*end != NULL)
			end = &(*end)->next;
		s->next = NULL;
		s->project = to;
		*end = s;
	}
	from->services = NULL;
	append_text(&to->includes, from->includes);
	append_text(&to->env_files, from->env_files);
	from->includes = from->env_files = NULL;
}

static void
join_groups(struct import *im, struct import_compose *c, struct compose_project *p)
{
	for (const struct import_text *i = p->includes; i != NULL; i = i->next) {
		const struct compose_project *q = find_path(c, i->key), *old;

		if (q == NULL) {
			import_drop(im);        /* not given */
			continue;
		}
		old = q->head->group;
		for (struct compose_project *x = c->projects; x != NULL; x = x->next) {
			if (x->group == old)
				x->group = p->group;
		}
	}
}

void
import_compose_join(struct import *im)
{
	struct import_compose *c = im->parts->compose;

	find_bases(c);
	for (struct compose_project *p = c->projects; p != NULL; p = p->next) {
		p->head = p;
		for (struct compose_project *q = c->projects; q != p && p->head == p && !p->base; q = q->next) {
			if (q->head == q && !q->base && strcmp(q->dir, p->dir) == 0)
				p->head = q;
		}
		p->group = p->head;
		if (p->head != p)
			move(p, p->head);
	}
	for (struct compose_project *p = c->projects; p != NULL; p = p->next)
		join_groups(im, c, p);
}
