/* SPDX-License-Identifier: MIT */
/* graph_watch.c - `faultline graph watch`: take in what there is to see, and tell what should be looked at, until Ctrl-C. */
#include "base/map.h"
#include "base/units.h"
#include "cmd/graph_verbs.h"
#include "control/graph_service.h"
#include "control/span_receiver.h"
#include "io/clock.h"
#include "io/term.h"
#include "map/graph_alerts.h"
#include "map/socket_watch.h"
#include "store/past.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVERY_DEFAULT (10 * FL_SEC)
#define TARGETS_MAX 16u

struct watching {
	const struct cli_args *args;
	const char *store;
	struct alert_target targets[TARGETS_MAX];
	unsigned target_count;
	struct graph_service *service;
	struct span_receiver *receiver;
	struct socket_watch *sockets;
	struct past *past;              /* for sockets and alerts; the service has its own */
	struct map told;                /* ids that were printed */
	fl_ns every, lasts;
	int otlp_port, zipkin_port;
	bool json;
};

static void
nothing(void *ud)
{
	(void)ud;
}

/* From the map's threads. */
static void
on_said(void *ud, bool alarm, const char *text)
{
	(void)ud;
	fprintf(stderr, "faultline graph watch: %s%s\n", alarm ? "ALARM: " : "", text);
}

static int
read_port(const struct cli_args *a, const char *name, int *ret)
{
	const char *text = cli_args_value(a, name);
	char *end;
	long v;

	if (text == NULL)
		return 0;
	v = strtol(text, &end, 10);
	if (end == text || *end != '\0' || v < -1 || v > 65535)
		return cli_args_refuse(a, "--%s: found \"%.40s\", expected a port, 0 for any, -1 for none", name, text);
	*ret = (int)v;
	return 0;
}

static int
read_options(const struct cli_args *a, struct watching *w)
{
	const char *every = cli_args_value(a, "every"), *lasts = cli_args_value(a, "for");
	char error[ALERT_ERROR_MAX];

	w->every = EVERY_DEFAULT;
	w->otlp_port = w->zipkin_port = -1;
	w->json = cli_args_has(a, "json");
	if (every != NULL && (units_parse_duration(every, &w->every) != 0 || w->every < FL_SEC / 10))
		return cli_args_refuse(a, "--every: found \"%.40s\", expected a duration such as 10s", every);
	if (lasts != NULL && (units_parse_duration(lasts, &w->lasts) != 0 || w->lasts <= 0))
		return cli_args_refuse(a, "--for: found \"%.40s\", expected a duration such as 1h", lasts);
	if (read_port(a, "otlp-port", &w->otlp_port) != 0 || read_port(a, "zipkin-port", &w->zipkin_port) != 0)
		return -EINVAL;
	for (unsigned i = 0; i < a->given_count; i++) {
		if (strcmp(a->given[i].opt->name, "alert") != 0)
			continue;
		if (w->target_count == TARGETS_MAX)
			return cli_args_refuse(a, "more than %u targets", TARGETS_MAX);
		if (alert_send_parse(a->given[i].value, &w->targets[w->target_count], error) != 0)
			return cli_args_refuse(a, "--alert: %s", error);
		w->target_count++;
	}
	return 0;
}

static int
start(struct watching *w)
{
	const struct graph_service_opts so = { .store = w->store, .targets = w->targets, .target_count = w->target_count, .alerts_every = w->every,
		.ready = nothing, .say = on_said };
	const struct span_receiver_opts ro = { .otlp_port = w->otlp_port, .zipkin_port = w->zipkin_port, .store = w->store, .say = on_said };
	const struct past_opts po = { .path = w->store };
	const struct socket_watch_opts sw = { .host = cli_args_value(w->args, "host"), .namespaces = true, .track = true };
	char error[SPAN_RECEIVER_ERROR];
	int rc;

	if (graph_service_start(&so, error, &w->service) != 0 || past_open(&po, error, &w->past) != 0)
		return cli_args_refuse(w->args, "%s", error);
	rc = cli_args_has(w->args, "no-sockets") ? 0 : socket_watch_new(&sw, &w->sockets);
	if (rc != 0)
		return cli_args_refuse(w->args, "the sockets of this host: %s", strerror(-rc));
	if (w->otlp_port < 0 && w->zipkin_port < 0)
		return 0;
	if (span_receiver_start(&ro, error, &w->receiver) != 0)
		return cli_args_refuse(w->args, "%s", error);
	if (w->otlp_port >= 0)
		fprintf(stderr, "OTLP on 127.0.0.1:%d\n", span_receiver_otlp_port(w->receiver));
	if (w->zipkin_port >= 0)
		fprintf(stderr, "Zipkin on 127.0.0.1:%d\n", span_receiver_zipkin_port(w->receiver));
	return 0;
}

/* One look at this host's sockets, which is a batch, and what it cost. What cannot be kept is seen again by the next, if it is still there. */
static void
sweep(struct watching *w)
{
	const struct past_batch batch = { .now = clock_wall(), .stream = true };
	struct buf say;
	int rc;

	if (w->sockets == NULL)
		return;
	rc = past_begin(w->past, &batch);
	if (rc == 0)
		rc = socket_watch_sweep(w->sockets, batch.now, past_sight, w->past);
	if (rc == 0)
		rc = past_commit(w->past, NULL);
	else
		past_rollback(w->past);
	buf_init(&say, 4096);
	socket_watch_say(w->sockets, &say);
	if (rc != 0)
		fprintf(stderr, "faultline graph watch: ALARM: the sockets of this host: %s\n",
		    past_error(w->past)[0] != '\0' ? past_error(w->past) : strerror(-rc));
	else
		fprintf(stderr, "%s\n", buf_str(&say));
	buf_fini(&say);
}

static int
print_alert(void *arg, const struct graph_alert *alert)
{
	struct watching *w = arg;
	struct jsonw j;
	struct buf line;

	if (alert->acknowledged || map_get(&w->told, alert->id) != NULL)
		return 0;
	if (!w->json) {
		printf("%s: %s: %s\n", alert->severity, graph_alert_word(alert->kind), alert->text);
	} else {
		buf_init(&line, 1 << 20);
		jsonw_init(&j, &line);
		jsonw_object(&j);
		jsonw_str(&j, "kind", graph_alert_word(alert->kind));
		jsonw_str(&j, "severity", alert->severity);
		jsonw_str(&j, "from", alert->from);
		jsonw_str(&j, "to", alert->to);
		jsonw_str(&j, "text", alert->text);
		graph_put_when(&j, "first", alert->first);
		jsonw_end(&j);
		puts(buf_str(&line));
		buf_fini(&line);
	}
	fflush(stdout);
	return map_put(&w->told, alert->id, w, NULL);
}

static int
look(struct watching *w)
{
	struct graph_ask *a = calloc(1, sizeof(*a));
	struct graph_reply r;
	int rc;

	if (a == NULL)
		return cli_args_refuse(w->args, "out of memory");
	graph_reply_init(&r);
	a->past = w->past;
	a->now = clock_wall();
	cmd_graph_options(w->args, a);
	a->word_count = 0;
	rc = graph_alerts_each(a, &r, print_alert, w);
	if (rc != 0)
		fprintf(stderr, "faultline graph watch: %s\n", r.error);
	graph_reply_fini(&r);
	free(a);
	return rc == -EBUSY ? 0 : rc;
}

static void
loop(struct watching *w)
{
	fl_ns until = w->lasts > 0 ? clock_mono() + w->lasts : FL_NEVER, now;

	do {
		sweep(w);
		if (look(w) != 0)
			return;
		now = clock_mono();
	} while (now < until && term_wait(FL_MIN(w->every, until - now)) == 0);
}

int
cmd_graph_watch(const struct cli_args *a, const char *store)
{
	struct watching *w = calloc(1, sizeof(*w));
	int code = CMD_USAGE;

	if (w == NULL)
		return cli_args_wrong(a, "out of memory");
	w->args = a;
	w->store = store;
	map_init(&w->told, 0, 0);
	term_hold_signals();
	if (read_options(a, w) == 0 && start(w) == 0) {
		loop(w);
		look(w);
		code = w->told.count > 0 ? CMD_FINDING : CMD_HELD;
	}
	span_receiver_stop(w->receiver);
	socket_watch_free(w->sockets);
	graph_service_stop(w->service);
	past_close(w->past);
	map_fini(&w->told);
	free(w);
	return code;
}
