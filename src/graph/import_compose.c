/* SPDX-License-Identifier: MIT */
/* import_compose.c - projects, all of their files read, made into sightings. */
#include "graph/import_compose.h"
#include "graph/import_image.h"
#include "graph/import_vars.h"
#include <stdio.h>
#include <string.h>

#define VALUE_MAX 16384
#define EXTENDS_MAX 4

struct told {
	struct import *im;
	struct compose_service *s;
	struct import_at at;
};

static const char *
text_get(const struct import_text *t, const char *name, size_t n)
{
	const char *found = NULL;

	for (; t != NULL; t = t->next) {
		size_t len = strlen(t->key);

		/* A quoted key is one of '...': the same name. */
		if ((len == n || (len == n + 1 && t->key[n] == '\'')) && memcmp(t->key, name, n) == 0)
			found = t->value;
	}
	return found;
}

/* Where variables are looked up: those of the project, then of what it is grouped with. */
struct scope {
	const struct import_compose *c;
	const struct compose_project *p;
};

static const char *
project_var(void *arg, const char *name, size_t n)
{
	const struct scope *sc = arg;
	const char *v = text_get(sc->p->vars, name, n);

	for (const struct compose_project *q = sc->c->projects; v == NULL && q != NULL; q = q->next) {
		if (q->group == sc->p->group)
			v = text_get(q->vars, name, n);
	}
	return v;
}

/* Variables of .env may use those above them. */
static void
add_vars(struct import *im, struct compose_project *p, const struct import_text *vars)
{
	struct scope sc = { .c = im->parts->compose, .p = p };

	for (const struct import_text *t = vars; t != NULL && im->failed == 0; t = t->next) {
		size_t n = strlen(t->key);
		bool raw = n > 0 && t->key[n - 1] == '\'';
		struct buf b;

		buf_init(&b, VALUE_MAX);
		if (raw)
			buf_puts(&b, t->value);
		else
			import_interpolate(t->value, project_var, &sc, &b);
		import_push(im, &p->vars, t->key, buf_str(&b));
		buf_fini(&b);
	}
}

static const struct compose_vars *
find_file(const struct import_compose *c, const char *path)
{
	for (const struct compose_vars *v = c->files; v != NULL; v = v->next) {
		if (strcmp(v->path, path) == 0)
			return v;
	}
	return NULL;
}

/* What host means inside of s: a service, a name given to one, or a link of s. */
static struct compose_service *
find_host(const struct import_compose *c, const struct compose_service *s, const char *host)
{
	struct compose_service *to = import_compose_service(c, s->project, host);

	for (const struct import_text *a = s->aliases; to == NULL && a != NULL; a = a->next) {
		if (strcmp(a->key, host) == 0)
			to = import_compose_service(c, s->project, a->value);
	}
	for (const struct compose_project *p = c->projects; to == NULL && p != NULL; p = p->next) {
		for (struct compose_service *o = p->group == s->project->group && !p->base ? p->services : NULL; to == NULL &&
			o != NULL; o = o->next) {
			for (const struct import_text *a = o->aliases; a != NULL; a = a->next) {
				if (strcmp(a->key, host) == 0 && strcmp(a->value, o->name) == 0)
					to = o;
			}
		}
	}
	return to;
}

static void
tell_line(struct told *t, const char *to, enum sight_kind kind, const char *protocol, enum sight_phase phase, enum sight_strength strength)
{
	struct sight s = import_sight(SIGHT_LINE, COMPOSE_SOURCE);

	if (to == NULL || strcmp(to, t->s->name) == 0)
		return;
	s.from = t->s->name;
	s.from_kind = t->s->kind;
	s.to = to;
	s.to_kind = kind;
	s.protocol = protocol != NULL ? protocol : kind == SIGHT_DATASTORE ? "db" : kind == SIGHT_BROKER ? "messaging" : NULL;
	s.phase = phase;
	s.strength = strength;
	import_tell(t->im, &s, t->at);
}

static void
on_ref(void *arg, const struct import_ref *r)
{
	struct told *t = arg;
	struct compose_service *to = find_host(t->im->parts->compose, t->s, r->host);
	const char *protocol = import_protocol(r->scheme, r->port);
	bool domain = strchr(r->host, '.') != NULL, address = import_host_is_address(r->host);

	if (to != NULL) {
		tell_line(t, to->name, to->kind, protocol, SIGHT_RUNTIME, SIGHT_STRENGTH_UNKNOWN);
		return;
	}
	if (strcmp(r->host, "host.docker.internal") == 0 || strchr(r->host, '*') != NULL)
		return;
	if (domain ? r->meant : (r->meant && r->form >= IMPORT_REF_PORT) || r->form == IMPORT_REF_URL)
		tell_line(t, r->host, domain && !address ? SIGHT_EXTERNAL : SIGHT_KIND_UNKNOWN, protocol, SIGHT_RUNTIME, SIGHT_STRENGTH_UNKNOWN);
}

static void
value_refs(struct told *t, const char *key, const char *value, bool script)
{
	struct scope sc = { .c = t->im->parts->compose, .p = t->s->project };
	struct buf b;

	buf_init(&b, VALUE_MAX);
	import_interpolate(value, project_var, &sc, &b);
	import_refs(key, buf_str(&b), script, on_ref, t);
	buf_fini(&b);
}

static bool
has_env(const struct compose_service *s, const char *key)
{
	for (const struct compose_env *e = s->env; e != NULL; e = e->next) {
		if (strcmp(e->key, key) == 0)
			return true;
	}
	return false;
}

static void
env_refs(struct told *t, const struct compose_service *from)
{
	const struct import_compose *c = t->im->parts->compose;
	struct scope sc = { .c = c, .p = t->s->project };

	for (const struct compose_env *e = from->env; e != NULL; e = e->next) {
		const char *v = e->value != NULL ? e->value : project_var(&sc, e->key, strlen(e->key));

		t->at = e->at;
		if (v != NULL && (from == t->s || !has_env(t->s, e->key)))
			value_refs(t, e->key, v, false);
	}
	for (const struct import_text *f = from->env_files; f != NULL; f = f->next) {
		const struct compose_vars *v = find_file(c, f->key);

		for (const struct import_text *x = v != NULL ? v->vars : NULL; x != NULL; x = x->next) {
			t->at = (struct import_at){ .file = v->path };
			if (!has_env(t->s, x->key))
				value_refs(t, x->key, x->value, false);
		}
	}
}

static void
tell_needs(struct told *t, const struct compose_service *from)
{
	for (const struct compose_need *d = from->needs; d != NULL; d = d->next) {
		struct compose_service *to = import_compose_service(t->im->parts->compose, t->s->project, d->name);

		/* What somebody else's service needs is not always here. */
		if (to == NULL && from != t->s)
			continue;
		t->at = d->at;
		tell_line(t, d->name, to != NULL ? to->kind : SIGHT_KIND_UNKNOWN, NULL, d->running ? SIGHT_RUNTIME : SIGHT_STARTUP,
		    d->soft ? SIGHT_SOFT : SIGHT_STRENGTH_UNKNOWN);
	}
}

static void
tell_service(struct import *im, struct compose_service *s)
{
	struct sight n = import_sight(SIGHT_NODE, COMPOSE_SOURCE);
	char text[40];

	n.name = s->name;
	n.kind = s->kind;
	import_tell(im, &n, s->at);
	if (s->stateful)
		import_fact(im, COMPOSE_SOURCE, s->name, NULL, "stateful", "true", s->at);
	if (s->replicas >= 0) {
		snprintf(text, sizeof(text), "%lld", (long long)s->replicas);
		import_fact(im, COMPOSE_SOURCE, s->name, NULL, "replicas", text, s->at);
	}
	for (const struct import_text *a = s->aliases; a != NULL; a = a->next) {
		struct sight alias = import_sight(SIGHT_ALIAS, COMPOSE_SOURCE);

		if (strcmp(a->value, s->name) != 0 || strcmp(a->key, s->name) == 0)
			continue;
		alias.name = a->key;
		alias.to = s->name;
		alias.value = "a name of the container";
		import_tell(im, &alias, s->at);
	}
}

static void
tell_lines(struct import *im, struct compose_service *s)
{
	struct told t = { .im = im, .s = s };
	const struct compose_service *from = s;
	const char *script = "";

	for (unsigned i = 0; i < EXTENDS_MAX && from != NULL; i++) {
		tell_needs(&t, from);
		env_refs(&t, from);
		script = script[0] != '\0' ? script : from->script;
		from = import_compose_base(im->parts->compose, from);
	}
	t.at = s->at;
	value_refs(&t, "", script, true);
}

/* What s is, by its image, by that of what it extends, by its name; does it keep data? */
static void
find_kind(struct import_compose *c, struct compose_service *s)
{
	struct scope sc = { .c = c, .p = s->project };
	const struct compose_service *from = s;
	const char *image = "";
	struct buf b;

	for (unsigned i = 0; i < EXTENDS_MAX && from != NULL; i++) {
		image = image[0] != '\0' ? image : from->image;
		s->stateful = s->stateful || from->stateful;
		from = import_compose_base(c, from);
	}
	buf_init(&b, VALUE_MAX);
	import_interpolate(image, project_var, &sc, &b);
	s->kind = import_image_kind(buf_str(&b));
	if (s->kind == SIGHT_SERVICE)
		s->kind = import_image_kind(s->name);
	buf_fini(&b);
}

/* A container's name may hold variables, too. */
static void
fill_aliases(struct import *im, struct compose_service *s)
{
	struct scope sc = { .c = im->parts->compose, .p = s->project };

	for (struct import_text *a = s->aliases; a != NULL && im->failed == 0; a = a->next) {
		struct buf b;

		buf_init(&b, VALUE_MAX);
		import_interpolate(a->key, project_var, &sc, &b);
		a->key = import_keep(im, buf_str(&b));
		buf_fini(&b);
		if (a->key == NULL)
			a->key = "";
	}
}

static void
find_vars(struct import *im, struct import_compose *c, struct compose_project *p)
{
	const char *path = import_compose_path(im, p->dir, ".env");
	const struct compose_vars *env = path != NULL ? find_file(c, path) : NULL;

	if (env != NULL)
		add_vars(im, p, env->vars);
	for (const struct import_text *f = p->env_files; f != NULL && im->failed == 0; f = f->next) {
		env = find_file(c, f->key);
		if (env != NULL)
			add_vars(im, p, env->vars);
	}
}

int
import_compose_finish(struct import *im)
{
	struct import_compose *c = im->parts->compose;

	if (c == NULL)
		return im->failed;
	import_compose_join(im);
	for (struct compose_project *p = c->projects; p != NULL && im->failed == 0; p = p->next)
		find_vars(im, c, p);
	for (struct compose_project *p = c->projects; p != NULL && im->failed == 0; p = p->next) {
		for (struct compose_service *s = p->base ? NULL : p->services; s != NULL && im->failed == 0; s = s->next) {
			find_kind(c, s);
			fill_aliases(im, s);
		}
	}
	for (struct compose_project *p = c->projects; p != NULL && im->failed == 0; p = p->next) {
		for (struct compose_service *s = p->base ? NULL : p->services; s != NULL && im->failed == 0; s = s->next)
			tell_service(im, s);
		for (struct compose_service *s = p->base ? NULL : p->services; s != NULL && im->failed == 0; s = s->next)
			tell_lines(im, s);
	}
	return im->failed;
}
