/* SPDX-License-Identifier: MIT */
/* import_tally.c - see import_tally.h. */
#include "graph/import_tally.h"
#include "graph/import_ref.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct row {
	struct row *next;
	struct sight s;
	struct import_at at;
	bool named;                     /* told only if `from` has a name */
};

struct import_tally {
	struct map rows;                /* by the ends */
	struct row *first, **end;
	struct map names;               /* of addresses */
	struct map hints;
};

static struct import_tally *
state(struct import *im)
{
	struct import_tally *t = im->parts->tally;

	if (t != NULL)
		return t;
	t = import_alloc(im, sizeof(*t));
	if (t == NULL)
		return NULL;
	map_init(&t->rows, 3, (uint64_t)im->opts.now);
	map_init(&t->names, 4, (uint64_t)im->opts.now);
	map_init(&t->hints, 5, (uint64_t)im->opts.now);
	t->end = &t->first;
	im->parts->tally = t;
	return t;
}

static const char *
keep(struct import *im, const char *s)
{
	return s == NULL || s[0] == '\0' ? NULL : import_keep(im, s);
}

static struct row *
new_row(struct import *im, struct import_tally *t, const char *key, size_t n, const struct sight *s, struct import_at at)
{
	struct row *r = import_alloc(im, sizeof(*r));

	if (r == NULL)
		return NULL;
	*r = (struct row){ .s = *s, .at = at };
	r->s.from = keep(im, s->from);
	r->s.to = keep(im, s->to);
	r->s.from_space = keep(im, s->from_space);
	r->s.to_space = keep(im, s->to_space);
	r->s.protocol = keep(im, s->protocol);
	r->s.count = r->s.errors = r->s.latency = 0;
	if (im->failed != 0 || map_putn(&t->rows, key, n, r, NULL) != 0)
		return NULL;
	*t->end = r;
	t->end = &r->next;
	return r;
}

static const char *
text(const char *s)
{
	return s != NULL ? s : "";
}

static void
add(struct import *im, const struct sight *s, struct import_at at, bool named)
{
	struct import_tally *t = state(im);
	char key[2048];
	int n = snprintf(key, sizeof(key), "%s\n%s\n%s\n%s\n%s\n%s\n%d", s->source, text(s->from), text(s->to), text(s->from_space),
	    text(s->to_space),
	    text(s->protocol), (int)s->mode);
	struct row *r;

	/* An end without a name is none. */
	if (t == NULL || n < 0 || (size_t)n >= sizeof(key) || text(s->from)[0] == '\0' || text(s->to)[0] == '\0') {
		import_drop(im);
		return;
	}
	r = map_getn(&t->rows, key, (size_t)n);
	if (r == NULL)
		r = new_row(im, t, key, (size_t)n, s, at);
	if (r == NULL) {
		import_drop(im);
		return;
	}
	r->named = named;
	if (s->first == 0 && r->s.first == 0 && im->file != NULL)
		r->s.first = im->file->when;
	r->s.count += s->count;
	r->s.errors += s->errors;
	r->s.latency += s->latency;
	if (s->first != 0 && (r->s.first == 0 || s->first < r->s.first))
		r->s.first = s->first;
	r->s.last = FL_MAX(r->s.last, FL_MAX(s->first, s->last));
}

void
import_tally_add(struct import *im, const struct sight *s, struct import_at at)
{
	add(im, s, at, false);
}

void
import_tally_add_named(struct import *im, const struct sight *s, struct import_at at)
{
	add(im, s, at, true);
}

void
import_tally_hint(struct import *im, const char *address, const char *name)
{
	struct import_tally *t = state(im);
	char *copy;

	if (t == NULL || map_get(&t->hints, address) != NULL)
		return;
	copy = import_keep(im, name);
	if (copy != NULL && map_put(&t->hints, address, copy, NULL) != 0)
		im->failed = -ENOMEM;
}

void
import_tally_name(struct import *im, const char *address, const char *name)
{
	struct import_tally *t = state(im);
	char *copy;

	if (t == NULL || map_get(&t->names, address) != NULL)
		return;
	copy = import_keep(im, name);
	if (copy != NULL && map_put(&t->names, address, copy, NULL) != 0)
		im->failed = -ENOMEM;
}

bool
import_tally_knows(struct import *im, const char *address)
{
	return im->parts->tally != NULL && map_get(&im->parts->tally->names, address) != NULL;
}

const char *
import_tally_name_of(struct import *im, const char *address)
{
	const struct import_tally *t = im->parts->tally;
	const char *name = t != NULL ? map_get(&t->names, address) : NULL, *colon = strrchr(address, ':'), *host = address;
	char copy[IMPORT_HOST_MAX];
	size_t n;

	if (name != NULL || t == NULL || colon == NULL)
		return name != NULL ? name : address;
	n = (size_t)(colon - address);
	if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	}
	snprintf(copy, sizeof(copy), "%.*s", (int)FL_MIN(n, sizeof(copy) - 1), host);
	name = map_get(&t->names, copy);
	return name != NULL ? name : address;
}

int
import_tally_finish(struct import *im)
{
	struct import_tally *t = im->parts->tally;

	for (struct row *r = t != NULL ? t->first : NULL; r != NULL && im->failed == 0; r = r->next) {
		struct sight s = r->s;

		s.from = import_tally_name_of(im, r->s.from);
		s.to = import_tally_name_of(im, r->s.to);
		if (s.to == r->s.to && map_get(&t->hints, s.to) != NULL)
			s.to = map_get(&t->hints, s.to);
		if (r->named && s.from == r->s.from)
			continue;
		if (strcmp(s.from, s.to) != 0)
			import_tell(im, &s, r->at);
	}
	return im->failed;
}

void
import_tally_fini(struct import *im)
{
	struct import_tally *t = im->parts != NULL ? im->parts->tally : NULL;

	if (t == NULL)
		return;
	map_fini(&t->rows);
	map_fini(&t->names);
	map_fini(&t->hints);
}

/* The next word of [*p, end). */
static bool
next_word(const char **p, const char *end, char *out, size_t out_bytes)
{
	size_t n = 0;

	while (*p < end && (**p == ' ' || **p == '\t'))
		++*p;
	while (*p < end && **p != ' ' && **p != '\t' && **p != '#' && n < out_bytes - 1)
		out[n++] = *(*p)++;
	out[n] = '\0';
	return n > 0;
}

static void
tell_alias(struct import *im, const char *name, const char *to, uint32_t line)
{
	struct sight s = import_sight(SIGHT_ALIAS, "hosts");

	s.name = name;
	s.to = to;
	s.value = "named so in a file of hosts";
	if (strcmp(name, to) != 0)
		import_tell(im, &s, import_line(im, line));
}

void
import_hosts_add(struct import *im)
{
	const char *p = im->file->text, *end = p + im->file->n, *line;
	char address[IMPORT_HOST_MAX], name[IMPORT_HOST_MAX], more[IMPORT_HOST_MAX];
	uint32_t number = 0;
	size_t len;

	while (import_next_line(&p, end, &line, &len) && im->failed == 0) {
		const char *at = line;

		number++;
		if (!next_word(&at, line + len, address, sizeof(address)))
			continue;
		if (!import_host_is_address(address) || !next_word(&at, line + len, name, sizeof(name))) {
			import_drop(im);
			continue;
		}
		if (import_host_is_self(address) || strncmp(address, "ff0", 3) == 0)
			continue;
		import_tally_name(im, address, name);
		tell_alias(im, address, name, number);
		while (next_word(&at, line + len, more, sizeof(more)))
			tell_alias(im, more, name, number);
	}
}
