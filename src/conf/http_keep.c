/* SPDX-License-Identifier: MIT */
/* http_keep.c - the live objects of HTTP lines. */
#include "conf/http_keep.h"
#include "base/assert.h"
#include "base/map.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct http_kept {
	atomic_uint refs;
	void *object;
	void (*free)(void *object);
};

/* An object at its place. */
struct item {
	struct http_kept *kept;
	uint64_t digest;
};

struct http_keep {
	struct map lines;               /* name to a map of places to items */
	const char *line;               /* of the session, borrowed; NULL: none */
	struct map fresh;               /* places of the session */
};

/* ---- objects ---- */

int
http_kept_new(void *object, void (*free_object)(void *object), struct http_kept **ret_kept)
{
	struct http_kept *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return -ENOMEM;
	atomic_init(&o->refs, 1);
	o->object = object;
	o->free = free_object;
	*ret_kept = o;
	return 0;
}

struct http_kept *
http_kept_ref(struct http_kept *o)
{
	fl_assert(atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed) > 0);
	return o;
}

void
http_kept_unref(struct http_kept *o)
{
	if (o == NULL || atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) > 1)
		return;
	o->free(o->object);
	free(o);
}

void *
http_kept_object(const struct http_kept *o)
{
	return o->object;
}

/* ---- places ---- */

static void
item_free(struct item *i)
{
	if (i == NULL)
		return;
	http_kept_unref(i->kept);
	free(i);
}

static void
places_free(struct map *places)
{
	for (uint32_t i = 0; i < places->count; i++)
		item_free(places->entries[i].value);
	map_fini(places);
}

int
http_keep_new(struct http_keep **ret_keep)
{
	struct http_keep *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return -ENOMEM;
	map_init(&k->lines, 0, 0);
	*ret_keep = k;
	return 0;
}

void
http_keep_free(struct http_keep *k)
{
	if (k == NULL)
		return;
	fl_assert(k->line == NULL);
	for (uint32_t i = 0; i < k->lines.count; i++) {
		places_free(k->lines.entries[i].value);
		free(k->lines.entries[i].value);
	}
	map_fini(&k->lines);
	free(k);
}

void
http_keep_forget(struct http_keep *k, const char *line)
{
	struct map *places = map_del(&k->lines, line);

	if (places == NULL)
		return;
	places_free(places);
	free(places);
}

/* ---- sessions ---- */

void
http_keep_begin(struct http_keep *k, const char *line)
{
	fl_assert(k->line == NULL);
	k->line = line;
	map_init(&k->fresh, 0, 0);
}

struct http_kept *
http_keep_find(struct http_keep *k, const char *place, uint64_t digest, bool *ret_same)
{
	struct map *places;
	struct item *i;

	fl_assert(k->line != NULL);
	/* Two of one configuration may share a place: then the second finds what the first put there. */
	i = map_get(&k->fresh, place);
	places = map_get(&k->lines, k->line);
	if (i == NULL && places != NULL)
		i = map_get(places, place);
	if (i == NULL)
		return NULL;
	*ret_same = i->digest == digest;
	return i->kept;
}

int
http_keep_use(struct http_keep *k, const char *place, uint64_t digest, struct http_kept *o)
{
	struct item *i = calloc(1, sizeof(*i));
	void *old = NULL;

	fl_assert(k->line != NULL);
	if (i == NULL)
		return -ENOMEM;
	i->kept = http_kept_ref(o);
	i->digest = digest;
	if (map_put(&k->fresh, place, i, &old) != 0) {
		item_free(i);
		return -ENOMEM;
	}
	item_free(old);
	return 0;
}

void
http_keep_end(struct http_keep *k, bool good)
{
	struct map *places;
	void *old = NULL;

	fl_assert(k->line != NULL);
	places = good ? malloc(sizeof(*places)) : NULL;
	if (places != NULL) {
		*places = k->fresh;
		if (map_put(&k->lines, k->line, places, &old) != 0) {
			free(places);
			places = NULL;
		} else if (old != NULL) {
			places_free(old);
			free(old);
		}
	}
	if (places == NULL)
		places_free(&k->fresh);         /* without memory for it, the next change begins afresh */
	k->line = NULL;
}

void
http_keep_each(const struct http_keep *k, const char *line, void (*each)(void *ud, const char *place, void *object), void *ud)
{
	const struct map *places = map_get(&k->lines, line);

	for (uint32_t i = 0; places != NULL && i < places->count; i++) {
		const struct item *item = places->entries[i].value;

		each(ud, places->entries[i].key, item->kept->object);
	}
}

void *
http_keep_object(const struct http_keep *k, const char *line, const char *place)
{
	const struct map *places = map_get(&k->lines, line);
	const struct item *item = places != NULL ? map_get(places, place) : NULL;

	return item != NULL ? item->kept->object : NULL;
}
