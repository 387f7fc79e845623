/* SPDX-License-Identifier: MIT */
/* load.c - one of three kinds of load. */
#include "run/load.h"

#include "io/clock.h"
#include "io/resolve.h"
#include "run/load_http.h"
#include "run/load_redis.h"
#include "run/tally.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct load {
	const struct experiment_load *conf;
	struct load_redis *redis;
	struct load_http *http;
	struct system *system;          /* whose process it is; NULL: it is none */
	struct hist *latency;           /* of the result */
};

static int
start_redis(struct load *l, const struct load_opts *opts, int stop_fd, char *error)
{
	struct load_redis_opts ro = { .load = l->conf, .server = *opts->line, .seed = opts->seed, .epoch = opts->epoch };
	char why[LOAD_REDIS_ERROR_MAX];
	int rc = load_redis_prepare(&ro, stop_fd, why);

	if (rc < 0) {
		snprintf(error, LOAD_ERROR_MAX, "line %s: %s", opts->x->line_names[l->conf->line], why);
		return rc;
	}
	rc = load_redis_start(&ro, &l->redis);
	if (rc < 0)
		snprintf(error, LOAD_ERROR_MAX, "the load cannot be started: %s", strerror(-rc));
	return rc;
}

/* The address of a target: a literal, or a name that is looked up. */
static int
find_target(const char *target, struct io_addr *ret)
{
	char host[256], port[32];
	struct resolve_answer answer;
	int rc = addr_parse(target, ret);

	if (rc == 0)
		return 0;
	rc = addr_split(target, host, sizeof(host), port, sizeof(port));
	if (rc == 0)
		rc = resolver_wait(host, port, &answer);
	if (rc == 0)
		*ret = answer.addrs[0];
	return rc;
}

static int
start_http(struct load *l, const struct load_opts *opts, char *error)
{
	struct load_http_opts ho = { .load = l->conf, .host = opts->line_text, .values = opts->values, .seed = opts->seed, .epoch = opts->epoch };
	struct arena mem;
	int rc = 0;

	arena_init(&mem, 1u << 20);
	if (l->conf->http.target == NULL) {
		ho.server = *opts->line;
	} else {
		ho.host = subst_expand(&mem, l->conf->http.target, opts->values);
		rc = ho.host == NULL ? -ENOMEM : find_target(ho.host, &ho.server);
		if (rc < 0)
			snprintf(error, LOAD_ERROR_MAX, "the load's target %.200s is not an address that can be found", l->conf->http.target);
	}
	if (rc == 0) {
		if (ho.server.sa.sa_family == AF_UNIX)
			ho.host = "localhost";
		rc = load_http_start(&ho, &l->http);
		if (rc < 0)
			snprintf(error, LOAD_ERROR_MAX, "the load cannot be started: %s", strerror(-rc));
	}
	arena_fini(&mem);
	return rc;
}

static int
start_program(struct load *l, const struct load_opts *opts, char *error)
{
	char why[SYSTEM_ERROR_MAX];
	int rc = system_start(opts->system, l->conf->process, why);

	l->system = opts->system;
	if (rc < 0)
		snprintf(error, LOAD_ERROR_MAX, "%s", why);
	return rc;
}

int
load_start(const struct load_opts *opts, int stop_fd, struct load **ret_load, char *error)
{
	struct load *l = calloc(1, sizeof(*l));
	int rc;

	snprintf(error, LOAD_ERROR_MAX, "no memory for the load");
	if (l == NULL)
		return -ENOMEM;
	l->conf = &opts->x->load;
	l->latency = malloc(sizeof(*l->latency));
	if (l->latency == NULL)
		rc = -ENOMEM;
	else if (l->conf->type == EXPERIMENT_PROGRAM)
		rc = start_program(l, opts, error);
	else
		rc = l->conf->type == EXPERIMENT_REDIS ? start_redis(l, opts, stop_fd, error) : start_http(l, opts, error);
	if (rc < 0) {
		load_free(l);
		return rc;
	}
	*ret_load = l;
	return 0;
}

void
load_stop(struct load *l)
{
	if (l->system != NULL)
		system_stop(l->system, l->conf->process, clock_mono());
	else if (l->redis != NULL)
		load_redis_stop(l->redis);
	else
		load_http_stop(l->http);
}

int
load_fd(const struct load *l)
{
	if (l->system != NULL)
		return system_fd(l->system);
	return l->redis != NULL ? load_redis_fd(l->redis) : load_http_fd(l->http);
}

bool
load_done(const struct load *l)
{
	if (l->system != NULL)
		return system_pid(l->system, l->conf->process) == 0;
	return l->redis != NULL ? load_redis_done(l->redis) : load_http_done(l->http);
}

fl_ns
load_settle(const struct experiment *x)
{
	const struct experiment_load *l = &x->load;

	if (!x->has_load || l->type == EXPERIMENT_PROGRAM)
		return 0;
	return l->timeout + l->connect_timeout + (l->type == EXPERIMENT_HTTP ? l->http.backoff_max + l->timeout : 0);
}

struct oplog *const *
load_logs(const struct load *l, uint32_t *ret_count)
{
	*ret_count = 0;
	return l->redis != NULL ? load_redis_logs(l->redis, ret_count) : NULL;
}

bool
load_next_slot(struct load *l, struct load_live_slot *ret)
{
	return l->http != NULL && load_http_live(l->http, ret);
}

uint32_t
load_full(const struct load *l)
{
	return l->redis != NULL ? load_redis_full(l->redis) : 0;
}

int
load_final(struct load *l, int stop_fd)
{
	return l->redis != NULL && l->conf->final_reads ? load_redis_final(l->redis, stop_fd) : 0;
}

int
load_result(struct load *l, struct arena *mem, struct result_load *ret)
{
	struct oplog *const *logs;
	uint32_t count;
	int rc;

	if (l->system != NULL)
		return 0;               /* it says itself what it did, in what the audits read */
	if (l->http != NULL) {
		rc = load_stats_result(load_http_stats(l->http), mem, ret);
		if (rc == 0)
			ret->length = l->conf->duration;
		return rc;
	}
	logs = load_redis_logs(l->redis, &count);
	return tally_load(logs, count, l->conf->duration, mem, l->latency, ret);
}

int
load_put_samples(struct load *l, struct buf *out)
{
	return l->http == NULL ? 0 : load_stats_put_samples(load_http_stats(l->http), load_http_paths(l->http), out);
}

void
load_free(struct load *l)
{
	if (l == NULL)
		return;
	load_redis_free(l->redis);
	load_http_free(l->http);
	free(l->latency);
	free(l);
}
