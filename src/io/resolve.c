/* SPDX-License-Identifier: MIT */
/*
 * resolve.c - look-ups on threads of their own, with a small memory of recent answers.
 *
 * Invariants (under the mutex)
 *  (1) A question is in `waiting` or `working` until done() was called for it; questions that ask the same wait together.
 *  (2) The cache is bounded; the oldest entry gives way.
 */
#include "io/resolve.h"
#include "base/assert.h"
#include "base/list.h"
#include "io/thread.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAITING_MAX 16384
#define CACHE_ENTRIES 64
#define KEEP_GOOD (1 * FL_SEC)
#define KEEP_BAD (100 * FL_MS)
#define THREADS_MAX 16

struct question {
	struct list link;
	char name[320];                 /* host, NUL, port, NUL */
	resolve_done_fn *done;
	void *ud;
	uint64_t ticket;
};

struct cached {
	char name[320];
	fl_ns until;
	struct resolve_answer answer;
};

struct resolver {
	pthread_mutex_t mutex;
	pthread_cond_t more;
	struct list waiting;
	unsigned waiting_count;
	unsigned working;               /* threads that look something up */
	bool stopping;
	struct cached cache[CACHE_ENTRIES];
	unsigned cache_next;
	unsigned threads;
	pthread_t thread[THREADS_MAX];
};

static fl_ns
clock_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (fl_ns)ts.tv_sec * FL_SEC + ts.tv_nsec;
}

static int
gai_errno(int r)
{
	switch (r) {
	case EAI_AGAIN: return -EAGAIN;
	case EAI_MEMORY: return -ENOMEM;
	case EAI_SYSTEM: return errno != 0 ? -errno : -EIO;
	case EAI_SERVICE: return -EINVAL;
	default: return -ENOENT;
	}
}

int
resolver_wait(const char *host, const char *port, struct resolve_answer *ret_answer)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = host[0] == '\0' ? AI_PASSIVE : 0 };
	struct addrinfo *list = NULL;
	struct resolve_answer a = { .res = 0 };
	errno = 0;
	int r = getaddrinfo(host[0] == '\0' ? NULL : host, port, &hints, &list);
	if (r != 0)
		return gai_errno(r);
	/* IPv4 first, as Go's dialer and resolver prefer for a name that has both. */
	for (int pass = 0; pass < 2; pass++) {
		for (struct addrinfo *i = list; i != NULL && a.res < RESOLVE_ADDRS_MAX; i = i->ai_next) {
			if ((i->ai_family == AF_INET) != (pass == 0) || i->ai_addrlen > sizeof(a.addrs[0].un))
				continue;
			struct io_addr *to = &a.addrs[a.res++];
			memcpy(&to->sa, i->ai_addr, i->ai_addrlen);
			to->len = i->ai_addrlen;
		}
	}
	freeaddrinfo(list);
	if (a.res == 0)
		return -ENOENT;
	*ret_answer = a;
	return 0;
}

static int
join_name(char *ret_name, size_t max, const char *host, const char *port)
{
	size_t h = strlen(host), p = strlen(port);
	if (h + p + 2 > max)
		return -ENAMETOOLONG;
	memset(ret_name, 0, max);
	memcpy(ret_name, host, h);
	memcpy(ret_name + h + 1, port, p);
	return 0;
}

static const struct cached *
cache_find(const struct resolver *r, const char *name)
{
	fl_ns now = clock_now();
	for (unsigned i = 0; i < CACHE_ENTRIES; i++)
		if (r->cache[i].until > now && memcmp(r->cache[i].name, name, sizeof(r->cache[i].name)) == 0)
			return &r->cache[i];
	return NULL;
}

static void
cache_add(struct resolver *r, const char *name, const struct resolve_answer *a)
{
	struct cached *c = &r->cache[r->cache_next++ % CACHE_ENTRIES];
	memcpy(c->name, name, sizeof(c->name));
	c->answer = *a;
	c->until = clock_now() + (a->res > 0 ? KEEP_GOOD : KEEP_BAD);
}

/* Take all waiting questions for this name out, into `same`. */
static void
take_same(struct resolver *r, const char *name, struct list *same)
{
	list_for_safe(l, &r->waiting) {
		struct question *q = list_entry(l, struct question, link);
		if (memcmp(q->name, name, sizeof(q->name)) != 0)
			continue;
		list_del(l);
		r->waiting_count--;
		list_add_tail(same, l);
	}
}

static void
answer_all(struct list *same, const struct resolve_answer *a)
{
	list_for_safe(l, same) {
		struct question *q = list_entry(l, struct question, link);
		list_del(l);
		q->done(q->ud, q->ticket, a);
		free(q);
	}
}

static void *
resolver_thread(void *ud)
{
	struct resolver *r = ud;
	pthread_mutex_lock(&r->mutex);
	for (;;) {
		while (list_empty(&r->waiting) && !r->stopping)
			pthread_cond_wait(&r->more, &r->mutex);
		if (list_empty(&r->waiting))
			break;
		struct list same;
		list_init(&same);
		struct question *first = list_entry(r->waiting.next, struct question, link);
		char name[sizeof(first->name)];
		memcpy(name, first->name, sizeof(name));
		take_same(r, name, &same);
		const struct cached *known = cache_find(r, name);
		struct resolve_answer a = { .res = -ECANCELED };
		if (known != NULL)
			a = known->answer;
		if (known == NULL && !r->stopping) {
			r->working++;
			pthread_mutex_unlock(&r->mutex);
			int err = resolver_wait(name, name + strlen(name) + 1, &a);
			if (err < 0)
				a.res = err;
			pthread_mutex_lock(&r->mutex);
			r->working--;
			cache_add(r, name, &a);
		}
		pthread_mutex_unlock(&r->mutex);
		answer_all(&same, &a);
		pthread_mutex_lock(&r->mutex);
	}
	pthread_mutex_unlock(&r->mutex);
	return NULL;
}

int
resolver_new(unsigned threads, struct resolver **ret_resolver)
{
	fl_assert(threads >= 1 && threads <= THREADS_MAX);
	struct resolver *r = calloc(1, sizeof(*r));
	if (r == NULL)
		return -ENOMEM;
	pthread_mutex_init(&r->mutex, NULL);
	pthread_cond_init(&r->more, NULL);
	list_init(&r->waiting);
	for (unsigned i = 0; i < threads; i++) {
		int err = thread_start(&r->thread[i], "fl-resolve", resolver_thread, r);
		if (err < 0) {
			resolver_free(r);
			return err;
		}
		r->threads++;
	}
	*ret_resolver = r;
	return 0;
}

void
resolver_stop(struct resolver *r)
{
	if (r == NULL)
		return;
	pthread_mutex_lock(&r->mutex);
	r->stopping = true;
	pthread_cond_broadcast(&r->more);
	pthread_mutex_unlock(&r->mutex);
	for (unsigned i = 0; i < r->threads; i++)
		thread_join(r->thread[i]);
	r->threads = 0;
	fl_assert(list_empty(&r->waiting));
}

void
resolver_free(struct resolver *r)
{
	if (r == NULL)
		return;
	resolver_stop(r);
	pthread_mutex_destroy(&r->mutex);
	pthread_cond_destroy(&r->more);
	free(r);
}

bool
resolver_is_busy(struct resolver *r)
{
	pthread_mutex_lock(&r->mutex);
	bool busy = r->working + r->waiting_count >= r->threads;
	pthread_mutex_unlock(&r->mutex);
	return busy;
}

void
resolver_forget(struct resolver *r)
{
	pthread_mutex_lock(&r->mutex);
	for (unsigned i = 0; i < CACHE_ENTRIES; i++)
		r->cache[i].until = 0;
	pthread_mutex_unlock(&r->mutex);
}

int
resolver_ask(struct resolver *r, const char *host, const char *port, resolve_done_fn *done, void *ud, uint64_t ticket,
    struct resolve_answer *ret_answer)
{
	struct question *q = malloc(sizeof(*q));
	if (q == NULL)
		return -EAGAIN;
	*q = (struct question){ .done = done, .ud = ud, .ticket = ticket };
	if (join_name(q->name, sizeof(q->name), host, port) < 0) {
		free(q);
		ret_answer->res = -ENAMETOOLONG;
		return 1;
	}
	int ret = 0;
	pthread_mutex_lock(&r->mutex);
	const struct cached *known = cache_find(r, q->name);
	if (known != NULL) {
		*ret_answer = known->answer;
		ret = 1;
	} else if (r->waiting_count >= WAITING_MAX || r->stopping) {
		ret = -EAGAIN;
	} else {
		list_add_tail(&r->waiting, &q->link);
		r->waiting_count++;
		pthread_cond_signal(&r->more);
		q = NULL;
	}
	pthread_mutex_unlock(&r->mutex);
	free(q);
	return ret;
}
