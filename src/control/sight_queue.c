/* SPDX-License-Identifier: MIT */
/*
 * sight_queue.c - sightings that wait to be written.
 *
 * Invariants
 *  (1) A sighting, its list of members and all texts are one block; bytes is the sum of the blocks that wait or were taken.
 *  (2) last is the last block of the list, and NULL exactly when first is.
 */
#include "control/sight_queue.h"
#include "base/types.h"

#include <stdlib.h>
#include <string.h>

/* The texts of a sighting. */
static const size_t texts[] = {
	offsetof(struct sight, source), offsetof(struct sight, where), offsetof(struct sight, name), offsetof(struct sight, space),
	offsetof(struct sight, app), offsetof(struct sight, from), offsetof(struct sight, to), offsetof(struct sight, from_space),
	offsetof(struct sight, to_space), offsetof(struct sight, protocol), offsetof(struct sight, key), offsetof(struct sight, value),
	offsetof(struct sight, address),
};

static const char *
text_of(const struct sight *s, size_t i)
{
	const char *text;

	memcpy(&text, (const char *)s + texts[i], sizeof(text));
	return text;
}

static size_t
size_of(const char *text)
{
	return text == NULL ? 0 : strlen(text) + 1;
}

static const char *
copy_text(char **at, const char *text)
{
	size_t n = size_of(text);
	const char *out = *at;

	if (text == NULL)
		return NULL;
	memcpy(*at, text, n);
	*at += n;
	return out;
}

/* (1) */
static size_t
block_size(const struct sight *s)
{
	size_t n = sizeof(struct sight_kept) + s->member_count * sizeof(s->members[0]);

	for (size_t i = 0; i < FL_ARRAY_LEN(texts); i++)
		n += size_of(text_of(s, i));
	for (uint32_t i = 0; i < s->member_count; i++)
		n += size_of(s->members[i]);
	return n;
}

static void
fill(struct sight_kept *k, const struct sight *s, size_t bytes)
{
	char *at = (char *)(k->members + s->member_count);
	const char *text;

	k->next = NULL;
	k->bytes = bytes;
	k->s = *s;
	k->s.members = s->member_count > 0 ? k->members : NULL;
	for (uint32_t i = 0; i < s->member_count; i++)
		k->members[i] = copy_text(&at, s->members[i]);
	for (size_t i = 0; i < FL_ARRAY_LEN(texts); i++) {
		text = copy_text(&at, text_of(s, i));
		memcpy((char *)&k->s + texts[i], &text, sizeof(text));
	}
}

void
sight_queue_init(struct sight_queue *q, size_t bytes_max)
{
	*q = (struct sight_queue){ .bytes_max = bytes_max > 0 ? bytes_max : SIGHT_QUEUE_BYTES };
}

void
sight_queue_fini(struct sight_queue *q)
{
	sight_queue_release(q, sight_queue_take(q));
}

bool
sight_queue_put(struct sight_queue *q, const struct sight *s)
{
	size_t bytes = block_size(s);
	struct sight_kept *k = bytes <= q->bytes_max - q->bytes ? malloc(bytes) : NULL;

	if (k == NULL) {
		q->dropped++;
		return false;
	}
	fill(k, s, bytes);
	if (q->last != NULL)
		q->last->next = k;
	else
		q->first = k;
	q->last = k;
	q->bytes += bytes;
	q->count++;
	return true;
}

struct sight_kept *
sight_queue_take(struct sight_queue *q)
{
	struct sight_kept *taken = q->first;

	q->first = q->last = NULL;
	return taken;
}

void
sight_queue_give_back(struct sight_queue *q, struct sight_kept *taken)
{
	struct sight_kept *end = taken;

	if (taken == NULL)
		return;
	while (end->next != NULL)
		end = end->next;
	end->next = q->first;
	q->first = taken;
	if (q->last == NULL)
		q->last = end;
}

void
sight_queue_release(struct sight_queue *q, struct sight_kept *taken)
{
	while (taken != NULL) {
		struct sight_kept *next = taken->next;

		q->bytes -= taken->bytes;
		q->count--;
		q->released++;
		free(taken);
		taken = next;
	}
}
