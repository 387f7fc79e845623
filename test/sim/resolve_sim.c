/* SPDX-License-Identifier: MIT */
/*
 * resolve_sim.c - io/resolve.h on virtual time: answers come at once or late, fail, or are refused as too many.
 *
 * Invariant: every question that was taken (0 returned) is answered once, at resolver_free() at the latest.
 */
#include "resolve_sim.h"
#include "base/assert.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct resolver {
	struct net *net;
	struct question *open;
};

struct question {
	struct resolver *resolver;      /* NULL: answered */
	resolve_done_fn *done;
	void *ud;
	uint64_t ticket;
	struct resolve_answer answer;
	struct question *next;
};

void
resolve_sim_name(struct net *n, const struct io_addr *addr, unsigned dead, char *buf, size_t buf_bytes)
{
	struct net_name *name = world_alloc(n->world, sizeof(*name));

	fl_assert(dead < RESOLVE_ADDRS_MAX);
	name->addr = *addr;
	name->dead = dead;
	name->number = n->names == NULL ? 0 : n->names->number + 1;
	name->next = n->names;
	n->names = name;
	snprintf(buf, buf_bytes, "%u.sim", name->number);
}

static void
look_up(const struct net *n, const char *host, struct resolve_answer *ret_answer)
{
	unsigned number = (unsigned)strtoul(host, NULL, 10);
	struct io_addr nobody = { .len = sizeof(nobody.in) };

	nobody.in.sin_family = AF_INET;
	nobody.in.sin_port = htons(1);
	ret_answer->res = -ENOENT;
	for (const struct net_name *name = n->names; name != NULL; name = name->next) {
		if (name->number != number)
			continue;
		for (unsigned i = 0; i < name->dead; i++)
			ret_answer->addrs[i] = nobody;
		ret_answer->addrs[name->dead] = name->addr;
		ret_answer->res = (int)name->dead + 1;
	}
}

int
resolver_new(unsigned threads, struct resolver **ret_resolver)
{
	struct resolver *r = calloc(1, sizeof(*r));

	(void)threads;
	fl_assert(r != NULL);
	r->net = net_current();
	*ret_resolver = r;
	return 0;
}

/* Nobody may wait for an answer here: it takes no real time. */
bool
resolver_is_busy(struct resolver *r)
{
	(void)r;
	return true;
}

static void
answer(struct question *q)
{
	struct question **link = &q->resolver->open;

	while (*link != q)
		link = &(*link)->next;
	*link = q->next;
	world_note(q->resolver->net->world, "resolver: answers %lld", q->answer.res, 0, 0);
	q->resolver = NULL;
	q->done(q->ud, q->ticket, &q->answer);
}

static void
answer_late(void *obj, uint64_t arg)
{
	struct question *q = obj;

	(void)arg;
	if (q->resolver != NULL)
		answer(q);
}

void
resolver_free(struct resolver *r)
{
	if (r == NULL)
		return;
	while (r->open != NULL)
		answer(r->open);
	free(r);
}

int
resolver_ask(struct resolver *r, const char *host, const char *port, resolve_done_fn *done, void *ud, uint64_t ticket,
    struct resolve_answer *ret_answer)
{
	struct net_trouble *t = &r->net->trouble;
	struct resolve_answer a = { .res = -EAGAIN };
	struct question *q;

	(void)port;
	if (rnd_chance(&r->net->rnd, t->names_busy))
		return -EAGAIN;
	look_up(r->net, host, &a);
	if (rnd_chance(&r->net->rnd, t->names_fail))
		a.res = rnd_chance(&r->net->rnd, 500) ? -ENOENT : -ETIMEDOUT;
	if (!rnd_chance(&r->net->rnd, t->names_late)) {
		*ret_answer = a;
		return 1;
	}
	q = world_alloc(r->net->world, sizeof(*q));
	*q = (struct question){ .resolver = r, .done = done, .ud = ud, .ticket = ticket, .answer = a, .next = r->open };
	r->open = q;
	world_at(r->net->world, r->net->world->now + rnd_log(&r->net->rnd, 0, t->names_late_ns_max), answer_late, q, 0);
	return 0;
}

/* For the control side, which the simulator replaces. */
int
resolver_wait(const char *host, const char *port, struct resolve_answer *ret_answer)
{
	(void)host;
	(void)port;
	(void)ret_answer;
	return -ENOTSUP;
}
