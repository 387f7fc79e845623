/* SPDX-License-Identifier: MIT */
/* exp_field.c - fields of an experiment's maps. */
#include "run/exp_field.h"

#include "base/text.h"
#include "base/units.h"
#include "io/process.h"
#include "run/subst.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX 16384
#define NAME_BYTES_MAX 60

static const struct doc_node *
find(struct exp_reader *r, const struct doc_node *map, const char *key, const char *need)
{
	const struct doc_node *n = doc_get(map, key);

	if (n == NULL && need != NULL)
		doc_complain(r->d, map, "%s", need);
	return n;
}

const char *
exp_field_dup(struct exp_reader *r, const char *s)
{
	const char *copy = arena_strdup(&r->x->mem, s);

	if (copy == NULL)
		doc_complain(r->d, NULL, "found an experiment too large, expected less text");
	return copy;
}

static const char *
text_of(struct exp_reader *r, const struct doc_node *n)
{
	const char *s;

	if (n->kind == DOC_MAP) {
		doc_complain(r->d, n, "found a map, expected a text (put \"quotes\" around a text that begins with {)");
		return NULL;
	}
	if (!doc_text(r->d, n, "a text", &s))
		return NULL;
	if (strlen(s) > TEXT_BYTES_MAX) {
		doc_complain(r->d, n, "found a text of %zu bytes, expected at most %d", strlen(s), TEXT_BYTES_MAX);
		return NULL;
	}
	return exp_field_dup(r, s);
}

bool
exp_field_text(struct exp_reader *r, const struct doc_node *map, const char *key, const char *need, const char **ret)
{
	const struct doc_node *n = find(r, map, key, need);
	const char *s = n == NULL ? NULL : text_of(r, n);

	if (s == NULL)
		return false;
	*ret = s;
	return true;
}

static bool
is_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n > 0 && n <= NAME_BYTES_MAX && s[n] == '\0' && s[0] != '.';
}

static void
enter_port(struct exp_reader *r, const struct doc_node *n, const char *name)
{
	struct experiment *x = r->x;

	if (!is_name(name)) {
		doc_complain(r->d, n, "found {port:%s}, expected a name of letters, digits, _ . -", name);
		return;
	}
	for (uint32_t i = 0; i < x->port_count; i++)
		if (strcmp(x->ports[i], name) == 0)
			return;
	if (x->port_count == EXPERIMENT_PORTS_MAX)
		doc_complain(r->d, n, "found more than %d ports", EXPERIMENT_PORTS_MAX);
	else if ((x->ports[x->port_count] = exp_field_dup(r, name)) != NULL)
		x->port_count++;
}

static bool
is_listed(const char *s, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(*names, s) == 0)
			return true;
	return false;
}

static void
check_line(struct exp_reader *r, const struct doc_node *n, const char *name)
{
	const char *near = text_nearest(name, r->x->line_names);

	if (is_listed(name, r->x->line_names))
		return;
	doc_complain(r->d, n, "found {line:%s}, but there is no such line%s%s%s", name, near != NULL ? "; did you mean \"" : "",
	    near != NULL ? near : "", near != NULL ? "\"?" : "");
}

static void
check_bad(struct exp_reader *r, const struct doc_node *n, const struct subst_token *t)
{
	char word[64];
	const char *near;

	snprintf(word, sizeof(word), "%.*s", (int)FL_MIN(t->n, 60), t->text);
	word[strcspn(word, ":")] = '\0';
	near = is_listed(word, subst_words()) ? NULL : text_nearest(word, subst_words());
	doc_complain(r->d, n, "found {%.*s%s, expected {port:NAME}, {line:NAME}, {dir}, {run}, {here}, {faultline}, or {{ for a brace%s%s%s",
	    (int)FL_MIN(t->n, 60), t->text, t->text[t->n] == '}' ? "}" : "", near != NULL ? "; did you mean \"" : "",
	    near != NULL ? near : "", near != NULL ? "\"?" : "");
}

const char *
exp_field_template_node(struct exp_reader *r, const struct doc_node *n)
{
	const char *s = text_of(r, n);
	const char *p = s;
	struct subst_token t;
	unsigned before = r->d->count;

	while (p != NULL && subst_next(&p, &t) != SUBST_END) {
		if (t.kind == SUBST_PORT)
			enter_port(r, n, t.name);
		else if (t.kind == SUBST_LINE)
			check_line(r, n, t.name);
		else if (t.kind == SUBST_BAD)
			check_bad(r, n, &t);
	}
	return r->d->count == before ? s : NULL;
}

bool
exp_field_template(struct exp_reader *r, const struct doc_node *map, const char *key, const char *need, const char **ret)
{
	const struct doc_node *n = find(r, map, key, need);
	const char *s = n == NULL ? NULL : exp_field_template_node(r, n);

	if (s == NULL)
		return false;
	*ret = s;
	return true;
}

bool
exp_field_url(struct exp_reader *r, const struct doc_node *map, const char *key, const char *need, const char **ret_target,
    const char **ret_path)
{
	const char *url, *rest, *slash;

	if (!exp_field_template(r, map, key, need, &url))
		return false;
	if (strncmp(url, "http://", 7) != 0 || url[7] == '/' || url[7] == '\0') {
		doc_unexpected(r->d, doc_get(map, key), "a URL such as http://127.0.0.1:8080/health");
		return false;
	}
	rest = url + 7;
	slash = strchr(rest, '/');
	*ret_path = slash == NULL ? "/" : exp_field_dup(r, slash);
	*ret_target = slash == NULL ? rest : arena_strndup(&r->x->mem, rest, (size_t)(slash - rest));
	return *ret_path != NULL && *ret_target != NULL;
}

bool
exp_field_duration(struct exp_reader *r, const struct doc_node *map, const char *key, fl_ns min, fl_ns max, fl_ns *ret)
{
	const struct doc_node *n = find(r, map, key, NULL);
	fl_ns v;

	if (n == NULL || !doc_duration(r->d, n, &v))
		return false;
	if (v < min || v > max) {
		char a[32], b[32];
		units_duration(a, sizeof(a), min);
		units_duration(b, sizeof(b), max);
		doc_complain(r->d, n, "found %s, expected %s to %s", n->text, a, b);
		return false;
	}
	*ret = v;
	return true;
}

bool
exp_field_share(struct exp_reader *r, const struct doc_node *map, const char *key, double *ret)
{
	const struct doc_node *n = find(r, map, key, NULL);
	double v;
	char *end;

	if (n == NULL)
		return false;
	if (doc_is_float(n, &v) && v >= 0 && v <= 1) {
		*ret = v;
		return true;
	}
	if (n->kind == DOC_SCALAR && n->text[0] >= '0' && n->text[0] <= '9') {
		v = strtod(n->text, &end);
		if (strcmp(end, "%") == 0 && v <= 100) {
			*ret = v / 100;
			return true;
		}
	}
	doc_unexpected(r->d, n, "a share such as 30% or 0.3");
	return false;
}

bool
exp_field_int(struct exp_reader *r, const struct doc_node *map, const char *key, int64_t min, int64_t max, int64_t *ret)
{
	const struct doc_node *n = find(r, map, key, NULL);

	return n != NULL && doc_int(r->d, n, min, max, ret);
}

bool
exp_field_bool(struct exp_reader *r, const struct doc_node *map, const char *key, bool *ret)
{
	const struct doc_node *n = find(r, map, key, NULL);

	return n != NULL && doc_bool(r->d, n, ret);
}

bool
exp_field_ref(struct exp_reader *r, const struct doc_node *map, const char *key, const char *what, const char *const *names, int *ret)
{
	const struct doc_node *n = find(r, map, key, NULL);
	int i;

	if (n == NULL)
		return false;
	if (names[0] == NULL) {
		doc_complain(r->d, n, "found the name of a %s, but this experiment has none", what);
		return false;
	}
	i = doc_choice(r->d, n, names);
	if (i >= 0)
		*ret = i;
	return i >= 0;
}

bool
exp_field_signal(struct exp_reader *r, const struct doc_node *map, const char *key, int *ret)
{
	const struct doc_node *n = find(r, map, key, NULL);
	int sig = n == NULL || n->kind != DOC_SCALAR ? -1 : process_signal_number(n->text);

	if (n == NULL)
		return false;
	if (sig < 0) {
		doc_unexpected(r->d, n, "a signal such as TERM, KILL or INT");
		return false;
	}
	*ret = sig;
	return true;
}

const struct doc_node *
exp_field_named(struct exp_reader *r, const struct doc_node *map, const char *key, uint32_t max, const char *what)
{
	const struct doc_node *n = doc_get(map, key);

	if (n == NULL || n->kind == DOC_NULL)
		return NULL;
	if (n->kind != DOC_MAP && n->kind != DOC_LIST) {
		char expected[96];
		snprintf(expected, sizeof(expected), "a map from names to %s", what);
		doc_unexpected(r->d, n, expected);
		return NULL;
	}
	if (n->count > max) {
		doc_complain(r->d, n, "found %u %s, expected at most %u", n->count, what, max);
		return NULL;
	}
	return n;
}

const struct doc_node *
exp_field_named_item(const struct doc_node *named, uint32_t i)
{
	return named->kind == DOC_MAP ? named->pairs[i].value : named->items[i];
}

/* Where the name of the i-th stands; NULL: nowhere. */
static const struct doc_node *
name_node(struct exp_reader *r, const struct doc_node *named, uint32_t i)
{
	const struct doc_node *item = exp_field_named_item(named, i), *inner = doc_get(item, "name");

	if (named->kind != DOC_MAP)
		return inner;
	if (inner != NULL)
		doc_complain(r->d, inner, "found a name in \"%.60s\", expected none: the key is the name", named->pairs[i].key->text);
	return named->pairs[i].key;
}

const char *
exp_field_name(struct exp_reader *r, const struct doc_node *named, uint32_t i, const char *what, const char *const *names)
{
	const struct doc_node *n = name_node(r, named, i);
	const char *s = n == NULL ? NULL : text_of(r, n);

	if (n == NULL)
		doc_complain(r->d, exp_field_named_item(named, i), "found a %s without a name, expected name: ...", what);
	if (s == NULL)
		return NULL;
	if (!is_name(s)) {
		doc_complain(r->d, n, "found the name \"%.60s\", expected 1 to %d letters, digits, _ . -", s, NAME_BYTES_MAX);
		return NULL;
	}
	if (is_listed(s, names)) {
		doc_complain(r->d, n, "found a second %s called \"%s\", expected names that differ", what, s);
		return NULL;
	}
	return s;
}

const struct doc_node *
exp_field_list(struct exp_reader *r, const struct doc_node *map, const char *key, uint32_t max, const char *what)
{
	const struct doc_node *n = doc_get(map, key);
	char expected[96];

	snprintf(expected, sizeof(expected), "a list of %s", what);
	if (n == NULL || n->kind == DOC_NULL || !doc_expect(r->d, n, DOC_LIST, expected))
		return NULL;
	if (n->count > max) {
		doc_complain(r->d, n, "found %u %s, expected at most %u", n->count, what, max);
		return NULL;
	}
	return n;
}
