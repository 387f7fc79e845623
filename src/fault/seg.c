/* SPDX-License-Identifier: MIT */
/* seg.c - runs of bytes in counted slab blocks, and queues of them. See seg.h for the invariants. */
#include "fault/seg.h"
#include "base/assert.h"
#include <errno.h>
#include <string.h>

static struct chain_seg *
alloc(struct slab *mem, enum seg_kind kind)
{
	struct chain_seg *s = slab_alloc(mem, sizeof(*s));

	if (s != NULL) {
		memset(s, 0, sizeof(*s));
		s->kind = (uint8_t)kind;
	}
	return s;
}

static struct seg_block *
block_new(struct slab *mem, uint32_t n)
{
	size_t bytes = slab_size(sizeof(struct seg_block) + n);
	struct seg_block *b = slab_alloc(mem, bytes);

	if (b != NULL) {
		b->refs = 1;
		b->size = (uint32_t)(bytes - sizeof(*b));
		b->used = 0;
	}
	return b;
}

static void
block_unref(struct slab *mem, struct seg_block *b)
{
	fl_assert(b->refs > 0);
	if (--b->refs == 0)
		slab_give(mem, b, sizeof(*b) + b->size);
}

struct chain_seg *
seg_new(struct slab *mem, enum seg_kind kind, uint32_t n)
{
	struct chain_seg *s = alloc(mem, kind);

	fl_assert(n <= SEG_BLOCK_MAX);
	if (s == NULL || n == 0)
		return s;
	s->block = block_new(mem, n);
	if (s->block == NULL) {
		slab_give(mem, s, sizeof(*s));
		return NULL;
	}
	s->p = s->block->data;
	return s;
}

void
seg_free(struct slab *mem, struct chain_seg *s)
{
	if (s->kind == SEG_DATA && s->block != NULL)
		block_unref(mem, s->block);
	slab_give(mem, s, sizeof(*s));
}

struct chain_seg *
seg_refer(struct slab *mem, const struct chain_seg *s, uint8_t *p, uint32_t n)
{
	struct chain_seg *r = alloc(mem, SEG_DATA);

	if (r == NULL)
		return NULL;
	*r = *s;
	r->next = NULL;
	r->p = p;
	r->len = n;
	r->block->refs++;
	return r;
}

/* Put the bytes of s behind those of the copy t, if it is one of ours that goes on there and has room. */
static bool
append_copy(struct chain_seg *t, const struct chain_seg *s)
{
	struct seg_block *b;

	if (t == NULL || t->shared || t->cut || t->offset + t->len != s->offset)
		return false;
	b = t->block;
	if (t->p + t->len != b->data + b->used || s->len > b->size - b->used)
		return false;
	memcpy(b->data + b->used, s->p, s->len);
	b->used += s->len;
	t->len += s->len;
	t->cut = s->cut;
	return true;
}

int
seg_keep_copy(struct slab *mem, struct seg_queue *q, struct chain_seg *s)
{
	struct chain_seg *t = q->tail, *r;

	if (append_copy(t, s))
		return 0;
	if (s->len < SEG_COPY_SMALL) {
		r = seg_new(mem, SEG_DATA, t == NULL ? s->len : 4 * SEG_COPY_SMALL - (uint32_t)sizeof(struct seg_block));
		if (r == NULL)
			return -ENOMEM;
		r->offset = s->offset;
		append_copy(r, s);
	} else {
		r = seg_refer(mem, s, s->p, s->len);
		if (r == NULL)
			return -ENOMEM;
		s->shared = r->shared = true;
	}
	r->copy = true;
	seg_push(q, r);
	return 0;
}

int
seg_unshare(struct slab *mem, struct chain_seg *s)
{
	struct seg_block *b = block_new(mem, s->len);

	if (b == NULL)
		return -ENOMEM;
	memcpy(b->data, s->p, s->len);
	b->used = s->len;
	block_unref(mem, s->block);
	s->block = b;
	s->p = b->data;
	s->shared = false;
	return 0;
}

void
seg_to_close(struct slab *mem, struct chain_seg *s, uint64_t fault_id)
{
	fl_assert(s->kind == SEG_DATA);
	block_unref(mem, s->block);
	s->kind = SEG_CLOSE;
	s->fault_id = fault_id;
	s->p = NULL;
	s->len = 0;
	s->shared = s->copy = s->cut = false;
}

void
seg_push(struct seg_queue *q, struct chain_seg *s)
{
	s->next = NULL;
	if (q->tail != NULL)
		q->tail->next = s;
	else
		q->head = s;
	q->tail = s;
	q->bytes += seg_counted(s);
	q->count++;
}

struct chain_seg *
seg_pop(struct seg_queue *q)
{
	struct chain_seg *s = q->head;

	q->head = s->next;
	if (q->head == NULL)
		q->tail = NULL;
	fl_assert(q->bytes >= seg_counted(s) && q->count > 0);                  /* (2) */
	q->bytes -= seg_counted(s);
	q->count--;
	s->next = NULL;
	return s;
}

void
seg_free_all(struct slab *mem, struct seg_queue *q)
{
	while (q->head != NULL)
		seg_free(mem, seg_pop(q));
}

int
seg_split_head(struct slab *mem, struct seg_queue *q, uint32_t n)
{
	struct chain_seg *s = q->head, *rest;

	fl_assert(s->kind == SEG_DATA && n > 0 && n < s->len);
	rest = seg_refer(mem, s, s->p + n, s->len - n);
	if (rest == NULL)
		return -ENOMEM;
	rest->offset = s->offset + n;
	rest->next = s->next;
	s->next = rest;
	s->len = n;
	s->cut = false;
	if (q->tail == s)
		q->tail = rest;
	q->count++;
	return 0;
}

bool
seg_joins(const struct seg_queue *q, const struct chain_seg *s)
{
	const struct chain_seg *t = q->tail;

	return t != NULL && t->kind == SEG_DATA && s->kind == SEG_DATA && !t->cut && t->block == s->block &&
	    t->p + t->len == s->p && t->offset + t->len == s->offset && t->copy == s->copy;
}

void
seg_join(struct slab *mem, struct seg_queue *q, struct chain_seg *s)
{
	struct chain_seg *t = q->tail;

	t->len += s->len;
	t->cut = s->cut;
	t->shared |= s->shared;
	q->bytes += seg_counted(s);
	seg_free(mem, s);
}
