/* SPDX-License-Identifier: MIT */
/*
 * cluster_names.c - the addresses that an upstream of a cluster stands for.
 *
 * Invariants
 *  (1) What a look-up answers into (struct looking) lives until the answer has come and nobody waits for it.
 */
#include "proxy/cluster_names.h"
#include "base/assert.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void
cluster_names_more(struct cluster_names *n, const struct io_addr *addr, const struct io_addr *other)
{
	for (unsigned i = 0; i < n->count; i++)
		if (addr_equal(&n->addrs[i], addr))
			return;
	if (n->count == RESOLVE_ADDRS_MAX)
		return;
	n->addrs[n->count] = *addr;
	n->others[n->count++] = *other;
}

void
cluster_names_add(struct cluster_names *n, const struct io_addr *addr)
{
	static const struct io_addr none = { .len = 0 };
	cluster_names_more(n, addr, &none);
}

static int
by_address(const void *x, const void *y)
{
	const struct io_addr *a = x, *b = y;
	uint8_t p[16] = { 0 }, q[16] = { 0 };
	addr_ip16(a, p);
	addr_ip16(b, q);
	int c = memcmp(p, q, sizeof(p));
	return c != 0 ? c : (int)addr_port(a) - (int)addr_port(b);
}

void
cluster_names_set(struct cluster_names *n, const struct io_addr *addrs, unsigned count)
{
	struct cluster_names other = { .count = 0 };
	fl_assert(count > 0);
	n->count = 0;
	memset(n->others, 0, sizeof(n->others));
	for (unsigned i = 0; i < count; i++)
		cluster_names_add(addrs[i].sa.sa_family == addrs[0].sa.sa_family ? n : &other, &addrs[i]);
	qsort(n->addrs, n->count, sizeof(n->addrs[0]), by_address);
	qsort(other.addrs, other.count, sizeof(other.addrs[0]), by_address);
	memcpy(n->others, other.addrs, FL_MIN(n->count, other.count) * sizeof(n->others[0]));
}

bool
cluster_names_equal(const struct cluster_names *a, const struct cluster_names *b)
{
	bool same = a->count == b->count;
	for (unsigned i = 0; same && i < a->count; i++)
		same = addr_equal(&a->addrs[i], &b->addrs[i]) && a->others[i].len == b->others[i].len &&
		    (a->others[i].len == 0 || addr_equal(&a->others[i], &b->others[i]));
	return same;
}

/* ---- looking up, and waiting for it ---- */

struct looking {
	pthread_mutex_t lock;
	pthread_cond_t come;
	unsigned left;                          /* answers that have not come */
	unsigned refs;                          /* one for each of them, and the one who waits */
	struct resolve_answer answers[];
};

static void
looking_unref(struct looking *l)
{
	pthread_mutex_lock(&l->lock);
	unsigned left = --l->refs;
	pthread_mutex_unlock(&l->lock);
	if (left > 0)
		return;
	pthread_cond_destroy(&l->come);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* On a thread of the resolver. */
static void
answered(void *ud, uint64_t ticket, const struct resolve_answer *answer)
{
	struct looking *l = ud;
	pthread_mutex_lock(&l->lock);
	l->answers[ticket] = *answer;
	l->left--;
	pthread_cond_signal(&l->come);
	pthread_mutex_unlock(&l->lock);
	looking_unref(l);
}

static struct looking *
looking_new(unsigned count)
{
	struct looking *l = calloc(1, sizeof(*l) + count * sizeof(l->answers[0]));
	pthread_condattr_t attr;
	if (l == NULL)
		return NULL;
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->come, &attr);
	pthread_condattr_destroy(&attr);
	l->refs = 1;
	return l;
}

static void
ask(struct resolver *r, struct looking *l, const char *address, unsigned place)
{
	struct resolve_answer at_once = { .res = 0 };
	char host[256], port[32];
	if (addr_split(address, host, sizeof(host), port, sizeof(port)) < 0)
		return;
	pthread_mutex_lock(&l->lock);
	l->refs++;
	l->left++;
	pthread_mutex_unlock(&l->lock);
	int k = resolver_ask(r, host[0] != '\0' ? host : "localhost", port, answered, l, place, &at_once);
	if (k != 0)
		answered(l, place, &at_once);
}

static void
wait_for(struct looking *l, fl_ns limit)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	fl_ns at = (fl_ns)until.tv_sec * FL_SEC + until.tv_nsec + limit;
	until.tv_sec = at / FL_SEC;
	until.tv_nsec = at % FL_SEC;
	while (l->left > 0 && pthread_cond_timedwait(&l->come, &l->lock, &until) != ETIMEDOUT)
		;
}

void
cluster_names_wait(struct resolver *r, const struct cluster_upstream *upstreams, struct cluster_names *names, unsigned count, fl_ns limit)
{
	unsigned open = 0;
	for (unsigned u = 0; u < count; u++)
		open += names[u].is_name && names[u].count == 0;
	struct looking *l = r != NULL && open > 0 && !resolver_is_busy(r) ? looking_new(count) : NULL;
	if (l == NULL)
		return;                         /* the watch looks them up */
	for (unsigned u = 0; u < count; u++)
		if (names[u].is_name && names[u].count == 0)
			ask(r, l, upstreams[u].address, u);
	pthread_mutex_lock(&l->lock);
	wait_for(l, limit);
	for (unsigned u = 0; u < count; u++)
		if (l->answers[u].res > 0)
			cluster_names_set(&names[u], l->answers[u].addrs, (unsigned)l->answers[u].res);
	pthread_mutex_unlock(&l->lock);
	looking_unref(l);
}
