/* SPDX-License-Identifier: MIT */
/*
 * client.c - a GET that is protected by everything: time limits, retries with a budget, breaker, bulkhead, rate limit, fallback.
 *
 *     cc -o client client.c $(pkg-config --cflags --libs faultline)
 *     ./client http://127.0.0.1:8080/ 20
 */
#include <faultline/faultline.h>
#include <stdio.h>
#include <stdlib.h>

static void
print_line(void *ud, const char *line)
{
	(void)ud;
	puts(line);
}

static int
nothing_better(void *ud, const struct fl_request *req, const struct fl_response *failed, struct fl_response **ret)
{
	(void)ud;
	(void)req;
	(void)failed;
	return fl_response_new(200, NULL, 0, "the cart is empty", 17, ret);
}

int
main(int argc, char **argv)
{
	struct fl_plan plan;
	struct fl_budget_opts budget;
	struct fl_breaker_opts breaker;
	struct fl_bulkhead_opts bulkhead;
	struct fl_limiter_opts limiter;
	struct fl_fallback_opts fallback;
	struct fl_client_opts opts;
	struct fl_client *client;
	struct fl_request_log log = { print_line, NULL };
	struct fl_plugin plugin = fl_request_log_plugin(&log);

	if (argc < 2) {
		fprintf(stderr, "usage: %s URL [TIMES]\n", argv[0]);
		return 2;
	}
	/* What protects the dependency, declared once. */
	fl_plan_init(&plan);
	plan.name = "cart";
	plan.timeouts.total = 2 * FL_SEC;
	plan.timeouts.per_try = 500 * FL_MS;
	plan.retry.attempts_max = 3;
	fl_budget_opts_init(&budget);
	fl_breaker_opts_init(&breaker);
	breaker.name = "cart";
	fl_bulkhead_opts_init(&bulkhead);
	bulkhead.max = 16;
	fl_limiter_opts_init(&limiter);
	limiter.rate = 100;
	limiter.burst = 20;
	fl_fallback_opts_init(&fallback);
	if (fl_budget_new(&budget, &plan.budget, NULL) < 0 || fl_breaker_new(&breaker, &plan.breaker, NULL) < 0 ||
	    fl_bulkhead_new(&bulkhead, &plan.bulkhead, NULL) < 0 || fl_limiter_new(&limiter, &plan.limiter, NULL) < 0 ||
	    fl_fallback_new(&fallback, &plan.fallback, NULL) < 0)
		return 1;

	fl_client_opts_init(&opts);
	opts.plan = &plan;
	opts.fallback = nothing_better;
	if (fl_client_new(&opts, &client, NULL) < 0)
		return 1;
	fl_client_add_plugin(client, &plugin);
	for (int n = argc > 2 ? atoi(argv[2]) : 1; n > 0; n--) {
		struct fl_response *r;
		fl_client_get(client, argv[1], NULL, 0, &r);
		fl_response_free(r);
	}
	struct fl_breaker_counters c;
	fl_breaker_counters(plan.breaker, &c);
	printf("breaker %s: %llu calls passed, %llu refused\n", fl_breaker_state_name(fl_breaker_state(plan.breaker)), (unsigned long long)c.admitted,
	    (unsigned long long)c.refused);
	fl_client_free(client);
	fl_fallback_free(plan.fallback);
	fl_limiter_free(plan.limiter);
	fl_bulkhead_free(plan.bulkhead);
	fl_breaker_free(plan.breaker);
	fl_budget_free(plan.budget);
	return 0;
}
