/* SPDX-License-Identifier: MIT */
/* load_http.c - the threads of an HTTP load. */
#include "run/load_http.h"

#include "base/assert.h"
#include "io/clock.h"
#include "io/sysinfo.h"
#include "io/thread.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MEM_BYTES_MAX (8u << 20)

struct http_thread {
	struct load_http *load;
	struct load_user *user;
	pthread_t thread;
};
struct load_http {
	struct experiment_load conf;
	struct arena mem;
	struct load_asks asks;
	uint32_t users, started;
	int done_fd;
	bool merged;
	atomic_uint running;
	struct http_thread threads[];
};

static void *
run_thread(void *ud)
{
	struct http_thread *t = ud;

	load_user_run(t->user);
	if (atomic_fetch_sub(&t->load->running, 1) == 1)
		(void)eventfd_write(t->load->done_fd, 1);
	return NULL;
}

static int
start_threads(struct load_http *l, const struct load_http_opts *opts)
{
	struct load_user_opts uo = { .load = &l->conf, .asks = &l->asks, .server = opts->server, .epoch = opts->epoch, .of = l->conf.http.threads };
	int rc = 0;

	uo.start = clock_mono() - opts->epoch;
	for (; rc == 0 && l->users < uo.of; l->users += rc == 0) {
		uo.number = l->users;
		rc = load_user_new(&uo, &l->threads[l->users].user);
	}
	atomic_store(&l->running, l->users);
	while (rc == 0 && l->started < l->users) {
		struct http_thread *t = &l->threads[l->started];
		t->load = l;
		rc = thread_start(&t->thread, "load", run_thread, t);
		l->started += rc == 0;
	}
	return rc;
}

int
load_http_start(const struct load_http_opts *opts, struct load_http **ret_load)
{
	const uint32_t threads = opts->load->http.threads;
	struct load_http *l = calloc(1, sizeof(*l) + threads * sizeof(l->threads[0]));
	int rc;

	if (l == NULL)
		return -ENOMEM;
	l->conf = *opts->load;
	l->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	arena_init(&l->mem, MEM_BYTES_MAX);
	rc = l->done_fd < 0 ? -errno : load_ask_init(&l->asks, &l->conf.http, opts->seed, opts->host, opts->values, &l->mem);
	(void)sysinfo_raise_fds(2 * (uint64_t)l->conf.http.conns_max + 1024);
	if (rc == 0)
		rc = start_threads(l, opts);
	if (rc < 0) {
		load_http_free(l);
		return rc;
	}
	*ret_load = l;
	return 0;
}

void
load_http_stop(struct load_http *l)
{
	for (uint32_t i = 0; i < l->users; i++)
		load_user_stop(l->threads[i].user);
}

int
load_http_fd(const struct load_http *l)
{
	return l->done_fd;
}

bool
load_http_done(const struct load_http *l)
{
	return atomic_load(&l->running) == 0;
}

bool
load_http_live(struct load_http *l, struct load_live_slot *ret)
{
	for (uint32_t i = 0; i < l->users; i++)
		if (load_live_take(load_user_live(l->threads[i].user), ret))
			return true;
	return false;
}

struct load_stats *
load_http_stats(struct load_http *l)
{
	struct load_stats *all = load_user_stats(l->threads[0].user);

	fl_assert(load_http_done(l));
	for (uint32_t i = 1; i < l->users && !l->merged; i++)
		load_stats_merge(all, load_user_stats(l->threads[i].user));
	l->merged = true;
	return all;
}

const char *const *
load_http_paths(const struct load_http *l)
{
	return l->asks.paths;
}

void
load_http_free(struct load_http *l)
{
	if (l == NULL)
		return;
	load_http_stop(l);
	for (uint32_t i = 0; i < l->started; i++)
		thread_join(l->threads[i].thread);
	for (uint32_t i = 0; i < l->users; i++)
		load_user_free(l->threads[i].user);
	arena_fini(&l->mem);
	if (l->done_fd >= 0)
		close(l->done_fd);
	free(l);
}
