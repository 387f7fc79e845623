/* SPDX-License-Identifier: MIT */
/*
 * stale.c - the last good answers, in memory that is taken once: a ring of entries, the oldest overwritten, and an index by key.
 *
 * Invariants
 *  (1) Entries lie one behind the other in the ring from `tail` to `head`, none across its end; an entry is live when the index
 *      leads to it.
 *  (2) Everything is under one lock: entries are copied in and out.
 */
#include "faultline/fallback.h"
#include "policy/common.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct entry {
	uint64_t key_hi, key_lo;
	fl_ns at;
	uint32_t bytes;         /* of the content; the entry takes place_of() it */
	uint32_t pad;           /* 1: nothing, up to the end of the ring */
};

struct fl_stale {
	atomic_flag lock;
	char *ring;
	size_t size, head, tail, used;
	uint32_t *index;        /* place in the ring / 64 + 1; 0: free; open addressing */
	uint32_t slots, entries;
	uint64_t kept, hits, misses, too_old, overwritten;
	struct fl_stale_opts o;
};

#define PLACE 64

static size_t
place_of(size_t bytes)
{
	return (sizeof(struct entry) + bytes + PLACE - 1) & ~(size_t)(PLACE - 1);
}

static struct entry *
at(const struct fl_stale *s, size_t place)
{
	return (struct entry *)(void *)(s->ring + place);
}

void
fl_stale_opts_init_size(struct fl_stale_opts *o, size_t size)
{
	struct fl_stale_opts d = { .size = size, .bytes_max = 16u << 20, .entry_max = 256u << 10, .age_max = 3600 * FL_SEC };
	memcpy(o, &d, size < sizeof(d) ? size : sizeof(d));
}

int
fl_stale_new(const struct fl_stale_opts *opts, struct fl_stale **ret_stale, const char **f)
{
	struct fl_stale_opts o;
	fl_stale_opts_init(&o);
	memcpy(&o, opts, FL_MIN(opts->size, sizeof(o)));
	if (!common_check(o.bytes_max >= 65536 && o.bytes_max <= (size_t)1 << 36, "bytes_max", f) ||
	    !common_check(o.entry_max >= 1 && o.entry_max <= o.bytes_max / 4 && o.entry_max < UINT32_MAX / 2, "entry_max", f) ||
	    !common_check(o.age_max > 0, "age_max", f))
		return -EINVAL;
	struct fl_stale *s = common_take(o.alloc, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	s->o = o;
	s->size = o.bytes_max & ~(size_t)(PLACE - 1);
	s->slots = 64;
	while (s->slots < s->size / PLACE / 2 && s->slots < 1u << 22)
		s->slots *= 2;
	s->ring = common_take(o.alloc, s->size);
	s->index = common_take(o.alloc, s->slots * sizeof(*s->index));
	if (s->ring == NULL || s->index == NULL) {
		fl_stale_free(s);
		return -ENOMEM;
	}
	*ret_stale = s;
	return 0;
}

void
fl_stale_free(struct fl_stale *s)
{
	if (s == NULL)
		return;
	common_give(s->o.alloc, s->ring);
	common_give(s->o.alloc, s->index);
	common_give(s->o.alloc, s);
}

/* The slot of a key, or the free one where it would stand. */
static uint32_t
find(const struct fl_stale *s, uint64_t hi, uint64_t lo)
{
	uint32_t i = (uint32_t)rng_key(hi, lo) & (s->slots - 1);
	while (s->index[i] != 0) {
		const struct entry *e = at(s, (size_t)(s->index[i] - 1) * PLACE);
		if (e->key_hi == hi && e->key_lo == lo)
			break;
		i = (i + 1) & (s->slots - 1);
	}
	return i;
}

/* Empty a slot and close the gap (Knuth, TAOCP 3, 6.4 R). */
static void
unindex(struct fl_stale *s, uint32_t i)
{
	uint32_t mask = s->slots - 1, k = i;
	s->index[i] = 0;
	s->entries--;
	for (;;) {
		k = (k + 1) & mask;
		if (s->index[k] == 0)
			return;
		const struct entry *e = at(s, (size_t)(s->index[k] - 1) * PLACE);
		uint32_t home = (uint32_t)rng_key(e->key_hi, e->key_lo) & mask;
		if (((k - home) & mask) < ((k - i) & mask))
			continue;
		s->index[i] = s->index[k];
		s->index[k] = 0;
		i = k;
	}
}

/* Overwrite the oldest entry. */
static void
drop_oldest(struct fl_stale *s)
{
	struct entry *e = at(s, s->tail);
	size_t place = e->pad ? s->size - s->tail : place_of(e->bytes);
	if (!e->pad) {
		uint32_t i = find(s, e->key_hi, e->key_lo);
		if (s->index[i] != 0 && (size_t)(s->index[i] - 1) * PLACE == s->tail) {
			unindex(s, i);
			s->overwritten++;
		}
	}
	s->tail = s->tail + place == s->size ? 0 : s->tail + place;
	s->used -= place;
}

int
fl_stale_put(struct fl_stale *s, uint64_t hi, uint64_t lo, const void *p, size_t n, fl_ns now)
{
	size_t place = place_of(n);
	if (n > s->o.entry_max)
		return -EMSGSIZE;
	common_lock(&s->lock);
	uint32_t i = find(s, hi, lo);
	if (s->index[i] != 0)
		unindex(s, i);                  /* its old bytes are dead, until the ring comes round */
	while (s->entries >= s->slots / 4 * 3)
		drop_oldest(s);
	if (s->size - s->head < place) {
		size_t rest = s->size - s->head;
		while (s->size - s->used < rest)
			drop_oldest(s);
		if (rest > 0) {
			at(s, s->head)->pad = 1;
			s->used += rest;
		}
		s->head = 0;
	}
	while (s->size - s->used < place)
		drop_oldest(s);
	struct entry *e = at(s, s->head);
	*e = (struct entry){ .key_hi = hi, .key_lo = lo, .at = now, .bytes = (uint32_t)n };
	if (n > 0)
		memcpy(e + 1, p, n);
	s->index[find(s, hi, lo)] = (uint32_t)(s->head / PLACE) + 1;
	s->entries++;
	s->kept++;
	s->used += place;
	s->head = s->head + place == s->size ? 0 : s->head + place;
	common_unlock(&s->lock);
	return 0;
}

int
fl_stale_get(struct fl_stale *s, uint64_t hi, uint64_t lo, void *buf, size_t buf_bytes, fl_ns now, size_t *ret_n, fl_ns *ret_age)
{
	int r = -ENOENT;
	common_lock(&s->lock);
	uint32_t i = find(s, hi, lo);
	if (s->index[i] != 0) {
		const struct entry *e = at(s, (size_t)(s->index[i] - 1) * PLACE);
		if (now - e->at <= s->o.age_max) {
			r = e->bytes <= buf_bytes ? 0 : -ENOSPC;
			*ret_n = e->bytes;
			*ret_age = now - e->at;
			if (r == 0 && e->bytes > 0)
				memcpy(buf, e + 1, e->bytes);
		} else {
			s->too_old++;
		}
	}
	s->hits += r == 0;
	s->misses += r != 0;
	common_unlock(&s->lock);
	return r;
}

void
fl_stale_counters(struct fl_stale *s, struct fl_stale_counters *ret)
{
	common_lock(&s->lock);
	*ret = (struct fl_stale_counters){ .kept = s->kept, .hits = s->hits, .misses = s->misses, .too_old = s->too_old,
		.overwritten = s->overwritten, .entries = s->entries, .bytes = s->used, .bytes_max = s->size };
	common_unlock(&s->lock);
}

char *
fl_stale_explain(struct fl_stale *s, char *buf, size_t buf_bytes)
{
	struct fl_stale_counters c;
	char age[32];
	fl_stale_counters(s, &c);
	snprintf(buf, buf_bytes, "%zu answers of up to %s kept, %zu of %zu KB; asked %llu times, there %llu times, too old %llu times", c.entries,
	    common_time(s->o.age_max, age, sizeof(age)), c.bytes >> 10, c.bytes_max >> 10, (unsigned long long)(c.hits + c.misses),
	    (unsigned long long)c.hits, (unsigned long long)c.too_old);
	return buf;
}

void
fl_stale_drop(struct fl_stale *s, uint64_t hi, uint64_t lo)
{
	common_lock(&s->lock);
	uint32_t i = find(s, hi, lo);
	if (s->index[i] != 0)
		unindex(s, i);
	common_unlock(&s->lock);
}

size_t
fl_stale_entries(struct fl_stale *s)
{
	common_lock(&s->lock);
	size_t n = s->entries;
	common_unlock(&s->lock);
	return n;
}
