/* SPDX-License-Identifier: MIT */
/*
 * import_k8s_index.c - workloads by their labels, their names and their accounts, so that estates of many thousands are matched without
 * comparing each with each.
 */
#include "graph/import_k8s.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KEY_MAX 1200

/* Longer ones than any cluster takes are cut: whoever picks looks at the whole label again. */
static void
key_of(char *key, char what, const char *ns, const char *name, const char *value)
{
	snprintf(key, KEY_MAX, "%c/%.260s/%.400s=%.400s", what, ns, name, value);
}

static void
put(struct import *im, const char *key, struct k8s_workload *w)
{
	struct map *m = &im->parts->k8s->by_label;
	struct k8s_picked *list = map_get(m, key);
	struct k8s_pick *p = import_alloc(im, sizeof(*p));

	if (list == NULL) {
		list = import_alloc(im, sizeof(*list));
		if (list != NULL && map_put(m, key, list, NULL) != 0)
			im->failed = -ENOMEM;
	}
	if (list == NULL || p == NULL || im->failed != 0)
		return;
	p->w = w;
	if (list->last != NULL)
		list->last->next = p;
	else
		list->first = p;
	list->last = p;
	list->count++;
}

static void
put_space(struct import *im, const char *ns)
{
	struct map *m = &im->parts->k8s->spaces;

	if (ns[0] != '\0' && map_get(m, ns) == NULL && map_put(m, ns, m, NULL) != 0)
		im->failed = -ENOMEM;
}

void
import_k8s_index(struct import *im)
{
	struct import_k8s *k = im->parts->k8s;
	char key[KEY_MAX];

	for (struct k8s_workload *w = k->workloads; w != NULL && im->failed == 0; w = w->next) {
		for (const struct import_text *l = w->labels; l != NULL; l = l->next) {
			key_of(key, 'l', w->ns, l->key, l->value);
			put(im, key, w);
		}
		key_of(key, 'n', w->ns, "", w->name);
		put(im, key, w);
		put_space(im, w->ns);
		if (w->account == NULL)
			continue;
		key_of(key, 'a', w->ns, "", w->account);
		put(im, key, w);
	}
	for (const struct k8s_service *s = k->services; s != NULL && im->failed == 0; s = s->next)
		put_space(im, s->ns);
	for (struct k8s_host *h = k->hosts; h != NULL && im->failed == 0; h = h->next) {
		if (map_get(&k->by_route, h->host) == NULL && map_put(&k->by_route, h->host, h, NULL) != 0)
			im->failed = -ENOMEM;
	}
}

bool
import_k8s_selects(const struct import_text *selector, const struct import_text *labels)
{
	for (const struct import_text *s = selector; s != NULL; s = s->next) {
		const struct import_text *l = labels;

		while (l != NULL && (strcmp(l->key, s->key) != 0 || strcmp(l->value, s->value) != 0))
			l = l->next;
		if (l == NULL)
			return false;
	}
	return selector != NULL;
}

const struct k8s_pick *
import_k8s_pick(const struct import_k8s *k, const char *ns, const struct import_text *selector)
{
	const struct k8s_picked *best = NULL;
	char key[KEY_MAX];

	for (const struct import_text *s = selector; s != NULL; s = s->next) {
		const struct k8s_picked *list;

		key_of(key, 'l', ns, s->key, s->value);
		list = map_get(&k->by_label, key);
		if (list == NULL)
			return NULL;
		if (best == NULL || list->count < best->count)
			best = list;
	}
	return best != NULL ? best->first : NULL;
}

const struct k8s_pick *
import_k8s_pick_named(const struct import_k8s *k, const char *ns, const char *name, size_t n)
{
	char key[KEY_MAX], whole[256];
	const struct k8s_picked *list;

	snprintf(whole, sizeof(whole), "%.*s", (int)FL_MIN(n, sizeof(whole) - 1), name);
	key_of(key, 'n', ns, "", whole);
	list = map_get(&k->by_label, key);
	return list != NULL ? list->first : NULL;
}

const struct k8s_pick *
import_k8s_pick_account(const struct import_k8s *k, const char *ns, const char *account)
{
	char key[KEY_MAX];
	const struct k8s_picked *list;

	key_of(key, 'a', ns, "", account);
	list = map_get(&k->by_label, key);
	return list != NULL ? list->first : NULL;
}
