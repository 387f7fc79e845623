/* SPDX-License-Identifier: MIT */
/* list.h - intrusive doubly linked list. A link is in one list or in none; the head is a link too. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/types.h"
#include <stdbool.h>

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }
static inline void list_add_tail(struct list *head, struct list *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}
static inline void list_add_head(struct list *head, struct list *n) { list_add_tail(head->next, n); }
/* Take out and make it a list of its own, so that taking it out again is harmless. */
static inline void list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

#define list_entry(l, type, member) FL_CONTAINER_OF(l, type, member)
#define list_for(var, head) for (struct list *var = (head)->next; var != (head); var = var->next)
/* As list_for, but the current link may be taken out (and freed) in the body. */
#define list_for_safe(var, head) \
	for (struct list *var = (head)->next, *var##_next = var->next; var != (head); \
	     var = var##_next, var##_next = var->next)

#endif
