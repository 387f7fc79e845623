/* SPDX-License-Identifier: MIT */
/* doc_patch.c - trees laid over each other, and written. */
#include "proto/doc_patch.h"
#include <errno.h>
#include <string.h>

#define DEPTH_MAX (JSONW_DEPTH_MAX - 4)         /* the caller may be inside of something */

/* ---- merge ---- */

static uint32_t
find(const struct doc_pair *pairs, uint32_t count, const char *key)
{
	uint32_t i = 0;

	while (i < count && strcmp(pairs[i].key->text, key) != 0)
		i++;
	return i;
}

static const struct doc_node *
merge(struct arena *mem, const struct doc_node *base, const struct doc_node *patch, bool keep_null, unsigned depth)
{
	uint32_t base_count = base != NULL && base->kind == DOC_MAP ? base->count : 0, count = 0;
	struct doc_node *n;

	if (patch->kind != DOC_MAP || depth > DOC_DEPTH_MAX)
		return patch;
	n = arena_alloc(mem, sizeof(*n));
	if (n == NULL)
		return NULL;
	*n = *patch;
	n->pairs = arena_alloc(mem, (base_count + patch->count + 1) * sizeof(*n->pairs));
	if (n->pairs == NULL)
		return NULL;
	for (uint32_t i = 0; i < base_count; i++) {
		if (doc_get(patch, base->pairs[i].key->text) == NULL)
			n->pairs[count++] = base->pairs[i];
	}
	for (uint32_t i = 0; i < patch->count; i++) {
		const struct doc_pair *p = &patch->pairs[i];
		uint32_t at = find(n->pairs, count, p->key->text);

		if (p->value->kind == DOC_NULL && !keep_null)
			continue;
		n->pairs[at].key = p->key;
		n->pairs[at].value = merge(mem, base_count > 0 ? doc_get(base, p->key->text) : NULL, p->value, keep_null, depth + 1);
		if (n->pairs[at].value == NULL)
			return NULL;
		count += at == count;
	}
	n->count = count;
	return n;
}

const struct doc_node *
doc_patch_merge(struct arena *mem, const struct doc_node *base, const struct doc_node *patch)
{
	return merge(mem, base, patch, false, 0);
}

const struct doc_node *
doc_patch_join(struct arena *mem, const struct doc_node *base, const struct doc_node *patch)
{
	return merge(mem, base, patch, true, 0);
}

/* ---- JSON ---- */

static unsigned
depth_of(const struct doc_node *n, unsigned at)
{
	unsigned most = at;

	if (at > DEPTH_MAX || (n->kind != DOC_LIST && n->kind != DOC_MAP))
		return at;
	for (uint32_t i = 0; i < n->count; i++)
		most = FL_MAX(most, depth_of(n->kind == DOC_LIST ? n->items[i] : n->pairs[i].value, at + 1));
	return most;
}

/* Is it a number in JSON's own grammar? */
static bool
is_json_number(const char *s)
{
	s += *s == '-';
	if (*s == '0')
		s++;
	else if (*s >= '1' && *s <= '9')
		s += strspn(s, "0123456789");
	else
		return false;
	if (*s == '.') {
		if (s[1] < '0' || s[1] > '9')
			return false;
		s += 1 + strspn(s + 1, "0123456789");
	}
	if (*s == 'e' || *s == 'E') {
		s += 1 + (s[1] == '+' || s[1] == '-');
		if (*s < '0' || *s > '9')
			return false;
		s += strspn(s, "0123456789");
	}
	return *s == '\0';
}

static void
put_scalar(struct jsonw *w, const struct doc_node *n)
{
	int64_t i;
	double f;
	bool b;

	if (n->plain && is_json_number(n->text))
		jsonw_raw(w, n->text, strlen(n->text));
	else if (doc_is_bool(n, &b))
		jsonw_bool(w, b);
	else if (doc_is_int(n, &i))
		jsonw_int(w, i);
	else if (doc_is_float(n, &f))
		jsonw_float(w, f);
	else
		jsonw_string(w, n->text);
}

static bool
is_listed(const char *key, const char *const *keys)
{
	for (size_t i = 0; keys != NULL && keys[i] != NULL; i++) {
		if (strcmp(keys[i], key) == 0)
			return true;
	}
	return false;
}

static void
put(struct jsonw *w, const struct doc_node *n, const char *const *without)
{
	switch (n->kind) {
	case DOC_NULL:
		jsonw_null(w);
		break;
	case DOC_SCALAR:
		put_scalar(w, n);
		break;
	case DOC_LIST:
		jsonw_array(w);
		for (uint32_t i = 0; i < n->count; i++)
			put(w, n->items[i], NULL);
		jsonw_end(w);
		break;
	case DOC_MAP:
		jsonw_object(w);
		for (uint32_t i = 0; i < n->count; i++) {
			if (is_listed(n->pairs[i].key->text, without))
				continue;
			jsonw_key(w, n->pairs[i].key->text);
			put(w, n->pairs[i].value, NULL);
		}
		jsonw_end(w);
		break;
	}
}

int
doc_patch_json(struct jsonw *w, const struct doc_node *n, const char *const *without)
{
	if (depth_of(n, 0) > DEPTH_MAX)
		return -E2BIG;
	put(w, n, without);
	return 0;
}
