/* SPDX-License-Identifier: MIT */
/*
 * daemon.c - `faultline serve`.
 *
 * The control loop is one thread: the API, leases, events and the state file take turns in it. What may block stands on other
 * threads: look-ups of names, writing the state. The data path runs in the proxy's workers.
 */
#include "control/daemon.h"
#include "base/version.h"
#include "control/api_routes.h"
#include "control/api_server.h"
#include "control/call_tail.h"
#include "control/event_tail.h"
#include "control/graph_service.h"
#include "control/line_sights.h"
#include "control/span_receiver.h"
#include "control/news_tail.h"
#include "control/state.h"
#include "control/trace_tail.h"
#include "io/clock.h"
#include "io/io.h"
#include "io/signals.h"
#include "io/thread.h"
#include "io/sysinfo.h"
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define API_CONNS 1024u
#define DESCRIPTORS_KEPT 2500u          /* API connections, listeners, files, threads' own */
#define DESCRIPTORS_LEAST 64u
#define DESCRIPTORS_WANTED (1u << 20)
#define EVENTS_WITH_FILE 32768u
#define EVENTS_WITHOUT 256u
#define EVENTS_EVERY_BUSY (20 * FL_MS)
#define EVENTS_EVERY_IDLE FL_SEC
#define SIGHTS_EVERY (15 * FL_SEC)     /* of our own lines, to the map */
#define RECORDS_MAX 4096u               /* of calls, for each worker, between two looks */
#define TRACES_MAX 65536u               /* messages, likewise */
#define DRAIN_LOOK (20 * FL_MS)

struct daemon {
	const struct daemon_opts *opts;
	struct log log;
	struct io *io;
	struct signals *signals;
	struct resolver *resolver;
	struct proxy *proxy;
	struct lines lines;
	struct event_tail events;
	struct call_tail calls;
	struct news_tail news;
	struct trace_tail trace;
	struct state *state;
	struct graph_service *graph;
	struct span_receiver *receiver;
	struct api_env env;
	struct api_server *server;
	uint32_t api_conns;             /* connections of the API at once */
	int api_token;                  /* a bound socket, not yet the server's; -1 */
	atomic_bool looked_up;          /* a look-up was done since the loop last saw it */
	bool reload_wanted;
	bool draining;
	fl_ns drain_until;
	fl_ns events_at;
	struct line_sights sights;
	fl_ns sights_at;                /* when our own lines are told to the map next */
};

/* ---- start ---- */

static int
complain(const struct daemon *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int
complain(const struct daemon *d, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", d->opts->program);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -EINVAL;
}

/* Any thread. */
static void
on_looked_up(void *ud)
{
	struct daemon *d = ud;

	atomic_store(&d->looked_up, true);
	io_wake(d->io);
}

static uint64_t
random_seed(void)
{
	uint64_t seed = 0;

	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		seed = 1;
	return seed >> 1;       /* so that it is a positive number everywhere it is printed */
}

/* Raise the limit of descriptors, and see what it allows. ret_conns_max: 0 stays 0 only on failure. */
static int
fit_descriptors(struct daemon *d, uint32_t *ret_conns_max)
{
	uint64_t asked = d->opts->conns_max, wanted = asked > 0 ? asked * 2 + DESCRIPTORS_KEPT : DESCRIPTORS_WANTED;
	uint64_t limit = sysinfo_raise_fds(wanted), kept = FL_MIN(DESCRIPTORS_KEPT, FL_MAX(limit / 20, DESCRIPTORS_LEAST));
	uint64_t conns = limit > kept ? (limit - kept) / 2 : 0;

	d->api_conns = limit >= 4 * API_CONNS ? API_CONNS : (uint32_t)kept - DESCRIPTORS_LEAST / 2;
	if (conns == 0)
		return complain(d, "%" PRIu64 " file descriptors are too few", limit);
	if (asked > conns)
		return complain(d, "%" PRIu64 " connections need %" PRIu64 " file descriptors, but no more than %" PRIu64 " are allowed here; "
		    "raise the limit (ulimit -n %" PRIu64 ") or ask for at most %" PRIu64, asked, wanted, limit, wanted, conns);
	*ret_conns_max = asked > 0 ? (uint32_t)asked : (uint32_t)FL_MIN(conns, 1000000);
	return 0;
}

static bool
is_loopback(const struct io_addr *a)
{
	uint8_t ip[16];
	static const uint8_t v4[13] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127 }, v6[16] = { [15] = 1 };

	if (a->sa.sa_family == AF_UNIX)
		return true;
	return addr_ip16(a, ip) && (memcmp(ip, v4, sizeof(v4)) == 0 || memcmp(ip, v6, sizeof(v6)) == 0);
}

/* Look names up and wait for it: only before the API is open. */
static void
wait_for_names(struct daemon *d)
{
	io_wait(d->io, io_clock(d->io) + FL_SEC);
	atomic_store(&d->looked_up, false);
}

static int
bind_api(struct daemon *d)
{
	const struct daemon_opts *o = d->opts;
	char text[600], error[LISTEN_ERROR_MAX], where[ADDR_TEXT_MAX];
	struct io_addr addr, bound;
	int rc;

	if (strncmp(o->host, "unix:", 5) == 0)
		snprintf(text, sizeof(text), "%.500s", o->host);
	else
		snprintf(text, sizeof(text), strchr(o->host, ':') != NULL && o->host[0] != '[' ? "[%.500s]:%.32s" : "%.500s:%.32s", o->host, o->port);
	while ((rc = listen_resolve(&d->lines.lookup, text, error, &addr)) == -EINPROGRESS)
		wait_for_names(d);
	if (rc != 0)
		return complain(d, "the API cannot listen: %s", error);
	if (!is_loopback(&addr) && o->token == NULL && !o->toxiproxy)
		return complain(d, "--host %s lets other hosts change lines; set a token with --token or FAULTLINE_TOKEN, "
		    "or keep to --host localhost", o->host);
	rc = listen_bind(text, &addr, error, &d->api_token, &bound);
	if (rc == -EADDRINUSE)
		return complain(d, "the API cannot listen on %s: the port is in use; stop the other program or choose another --port",
		    addr_format(&addr, where, sizeof(where)));
	if (rc != 0)
		return complain(d, "the API cannot listen: %s", error);
	if (!is_loopback(&addr) && o->token == NULL)
		log_event(&d->log, LOG_WARN, "the API is open to other hosts without a token: whoever reaches it can redirect and break traffic; "
		    "set FAULTLINE_TOKEN or listen on localhost", NULL);
	log_event(&d->log, LOG_INFO, "starting the API", "address", addr_format(&bound, where, sizeof(where)), "version", VERSION_FAULTLINE, NULL);
	return 0;
}

static int
start_proxy(struct daemon *d)
{
	const struct daemon_opts *o = d->opts;
	struct proxy_opts po = { .workers = o->workers, .buffer_bytes = o->buffer_bytes, .pipe_bytes = o->pipe_bytes,
		.handshakes_max = o->handshakes_max, .events_max = o->events_path != NULL ? EVENTS_WITH_FILE : EVENTS_WITHOUT,
		.records_max = RECORDS_MAX, .traces_max = TRACES_MAX };
	int rc = fit_descriptors(d, &po.conns_max);

	if (rc != 0)
		return rc;
	rc = resolver_new(4, &d->resolver);
	po.resolver = d->resolver;
	if (rc == 0)
		rc = proxy_new(&po, &d->proxy);
	return rc == 0 ? 0 : complain(d, "cannot start: %s", strerror(-rc));
}

/* What was recorded of the line's life before is taken before the next one begins. */
static void
on_opening(void *ud, const struct lines_line *l, bool opened)
{
	struct daemon *d = ud;
	const fl_ns now = io_clock(d->io);

	if (opened) {
		while (event_tail_take(&d->events))
			continue;
		while (d->calls.ring != NULL && call_tail_take(&d->calls))
			continue;
		trace_tail_take(&d->trace, now);
	}
	trace_tail_line(&d->trace, l, opened, now);
}

/* Where the lines and their seed come from. state: what the state file says, or NULL. */
static int
start_lines(struct daemon *d, const struct doc *state)
{
	const struct daemon_opts *o = d->opts;
	struct lines_opts lo = { .proxy = d->proxy, .io = d->io, .log = &d->log, .seed = o->seed,
		.lookup = { .resolver = d->resolver, .done = on_looked_up, .ud = d } };
	int rc;

	if (!o->has_seed && o->config != NULL && o->config->has_seed)
		lo.seed = o->config->seed;
	else if (!o->has_seed && (state == NULL || !state_seed(state, &lo.seed)))
		lo.seed = random_seed();
	if (lines_init(&d->lines, &lo) != 0)
		return complain(d, "out of memory");
	rc = event_tail_init(&d->events, d->proxy, &d->log, o->events_path, io_clock(d->io));
	if (rc != 0)
		return complain(d, "%s: %s", o->events_path != NULL ? o->events_path : "events", strerror(-rc));
	rc = trace_tail_init(&d->trace, d->proxy, &d->log, o->trace_path, io_clock(d->io));
	if (rc != 0)
		return complain(d, "%s: %s", o->trace_path != NULL ? o->trace_path : "trace", strerror(-rc));
	d->lines.opening = on_opening;
	d->lines.opening_ud = d;
	rc = call_tail_init(&d->calls, &d->lines, &d->log, io_clock(d->io));
	d->calls.trace = d->events.trace = d->trace.recorder;
	if (rc == 0)
		rc = news_tail_init(&d->news, d->lines.news, &d->log, io_clock(d->io));
	return rc == 0 ? 0 : complain(d, "cannot start: %s", strerror(-rc));
}

/* Log a report line by line. */
static void
log_report(struct daemon *d, enum log_level level, const char *message, const char *report)
{
	while (*report != '\0') {
		size_t n = strcspn(report, "\n");
		char line[1024];

		snprintf(line, sizeof(line), "%.*s", (int)FL_MIN(n, sizeof(line) - 1), report);
		log_event(&d->log, level, message, "what", line, NULL);
		report += n + (report[n] == '\n');
	}
}

/* Put the lines of the file into the table. */
static int
load_config(struct daemon *d)
{
	unsigned failed = 0;
	struct buf report;
	int rc = 0;

	if (d->opts->config == NULL)
		return 0;
	buf_init(&report, 1 << 20);
	while (config_apply(d->opts->config, &d->lines, &report, &failed) == -EINPROGRESS)
		wait_for_names(d);
	log_report(d, failed > 0 ? LOG_ERROR : LOG_INFO, "configuration", buf_str(&report));
	if (failed > 0 && !d->opts->toxiproxy)
		rc = complain(d, "%s: %u of its lines cannot be started\n%s", d->opts->config_path, failed, buf_str(&report));
	buf_fini(&report);
	return rc;
}

static int
load_state(struct daemon *d, const struct doc *state)
{
	struct buf complaint;
	int rc = 0;

	buf_init(&complaint, 65536);
	if (state != NULL) {
		while ((rc = state_apply(state, &d->lines, &complaint)) == -EINPROGRESS)
			wait_for_names(d);
		if (rc != 0)
			complain(d, "%s: %s", d->opts->state_path, buf_str(&complaint));
	}
	buf_fini(&complaint);
	if (rc == 0 && d->opts->state_path != NULL) {
		rc = state_new(d->opts->state_path, &d->log, &d->state);
		if (rc != 0)
			complain(d, "%s: %s", d->opts->state_path, strerror(-rc));
	}
	return rc;
}

/* ---- reload and drain ---- */

static int
reload(void *ud, struct buf *report)
{
	struct daemon *d = ud;
	struct config *c;
	unsigned failed = 0;
	int rc;

	if (d->opts->config_path == NULL) {
		buf_puts(report, "there is no configuration file to reload: start with --config FILE");
		return -ENOENT;
	}
	rc = config_read(d->opts->config_path, report, &c);
	if (rc != 0) {
		log_report(d, LOG_ERROR, "the configuration is wrong, the old one stays", buf_str(report));
		return rc;
	}
	rc = config_apply(c, &d->lines, report, &failed);
	config_free(c);
	if (rc == 0)
		log_report(d, failed > 0 ? LOG_ERROR : LOG_INFO, "reload", buf_str(report));
	return rc;
}

static void
begin_drain(void *ud, fl_ns limit)
{
	struct daemon *d = ud;
	char text[32];

	if (d->draining)
		return;
	d->draining = true;
	d->drain_until = io_clock(d->io) + (limit >= 0 ? limit : d->opts->drain);
	snprintf(text, sizeof(text), "%" PRIu64, proxy_conns(d->proxy));
	log_event(&d->log, LOG_INFO, "draining: no new connections", "open", text, NULL);
	lines_drain(&d->lines);
}

/* ---- the loop ---- */

static void
look_at_signals(struct daemon *d, bool *stop)
{
	unsigned ends = signals_take(d->signals, SIGTERM) + signals_take(d->signals, SIGINT);

	if (ends > 0) {
		*stop = d->draining || ends > 1;
		begin_drain(d, -1);
	}
	if (signals_take(d->signals, SIGHUP) > 0) {
		d->reload_wanted = true;
		access_log_reopen(d->calls.log);        /* they may have been rotated */
	}
	if (d->reload_wanted) {
		struct buf report;

		buf_init(&report, 1 << 20);
		d->reload_wanted = reload(d, &report) == -EINPROGRESS;
		buf_fini(&report);
	}
}

static void
take_events(struct daemon *d, fl_ns now)
{
	uint64_t before = d->events.next, calls = d->calls.next;
	int turns = 0;
	bool busy;

	if (now < d->events_at)
		return;
	while (event_tail_take(&d->events) && ++turns < 32)
		continue;
	for (turns = 0; call_tail_take(&d->calls) && turns < 128; turns++)
		continue;
	news_tail_take(&d->news);
	trace_tail_take(&d->trace, now);
	busy = (d->events.fd >= 0 && d->events.next != before) || d->calls.next != calls || proxy_conns(d->proxy) > 0;
	d->events_at = now + (busy ? EVENTS_EVERY_BUSY : EVENTS_EVERY_IDLE);
}

static int
take_sight(void *ud, const struct sight *s)
{
	graph_service_sight(ud, s, 1);
	return 0;
}

/* What our own lines have carried, to the map. */
static void
tell_sights(struct daemon *d, fl_ns now)
{
	if (d->graph == NULL || now < d->sights_at)
		return;
	(void)line_sights_tell(&d->sights, &d->lines, clock_wall(), take_sight, d->graph);
	d->sights_at = now + SIGHTS_EVERY;
}

static fl_ns
next_deadline(const struct daemon *d, fl_ns now)
{
	fl_ns at = FL_MIN(lines_next(&d->lines), api_server_next(d->server));

	at = FL_MIN(at, d->events_at);
	if (d->state != NULL)
		at = FL_MIN(at, state_next(d->state));
	if (d->draining)
		at = FL_MIN(at, now + DRAIN_LOOK);
	if (d->graph != NULL)
		at = FL_MIN(at, d->sights_at);
	return at;
}

static void
loop(struct daemon *d)
{
	struct io_event ev;
	bool stop = false;

	while (!stop) {
		fl_ns now;

		io_wait(d->io, next_deadline(d, io_now(d->io)));
		now = io_now(d->io);
		while (io_next(d->io, &ev))
			api_server_event(d->server, &ev);
		if (atomic_exchange(&d->looked_up, false))
			api_server_retry(d->server);
		look_at_signals(d, &stop);
		lines_tick(&d->lines, now);
		api_server_tick(d->server, now);
		take_events(d, now);
		tell_sights(d, now);
		if (d->state != NULL)
			state_save(d->state, &d->lines, now);
		if (d->draining && !api_server_busy(d->server) && (proxy_conns(d->proxy) == 0 || now >= d->drain_until))
			stop = true;
	}
}

/* ---- the map ---- */

/* From the map's threads: the log is the control loop's, so what they say goes to standard error. */
static void
on_map_said(void *ud, bool alarm, const char *text)
{
	const struct daemon *d = ud;

	fprintf(stderr, "%s: map: %s%s\n", d->opts->program, alarm ? "ALARM: " : "", text);
}

static int
start_graph(struct daemon *d)
{
	const struct daemon_opts *o = d->opts;
	const struct graph_service_opts so = { .store = o->graph_path, .targets = o->alert_targets, .target_count = o->alert_target_count,
		.waiting_bytes = o->graph_bytes, .ready = on_looked_up, .say = on_map_said, .ud = d };
	const struct span_receiver_opts ro = { .otlp_port = o->otlp_port, .zipkin_port = o->zipkin_port, .store = o->graph_path,
		.say = on_map_said, .arg = d };
	char error[SPAN_RECEIVER_ERROR], port[16];

	if (o->graph_path == NULL)
		return 0;
	line_sights_init(&d->sights, clock_wall());
	if (graph_service_start(&so, error, &d->graph) != 0)
		return complain(d, "the map: %s", error);
	if (o->otlp_port < 0 && o->zipkin_port < 0)
		return 0;
	if (span_receiver_start(&ro, error, &d->receiver) != 0)
		return complain(d, "spans: %s", error);
	snprintf(port, sizeof(port), "%d", span_receiver_otlp_port(d->receiver));
	if (o->otlp_port >= 0)
		log_event(&d->log, LOG_INFO, "receiving spans", "otlp_port", port, NULL);
	snprintf(port, sizeof(port), "%d", span_receiver_zipkin_port(d->receiver));
	if (o->zipkin_port >= 0)
		log_event(&d->log, LOG_INFO, "receiving spans", "zipkin_port", port, NULL);
	return 0;
}

static int
start(struct daemon *d, struct doc **ret_state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, 0 };
	struct io_opts io_opts = { .socks_max = API_CONNS + 256 };
	struct api_server_opts so = { .handler = api_routes_handle, .ud = &d->env };
	struct buf complaint;
	int rc = io_new(&io_opts, &d->io);

	if (rc == 0)
		rc = signals_new(d->io, signals, &d->signals);
	if (rc != 0)
		return complain(d, "cannot start: %s", strerror(-rc));
	buf_init(&complaint, 4096);
	if (d->opts->state_path != NULL && (rc = state_load(d->opts->state_path, &complaint, ret_state)) != 0 && rc != -ENOENT)
		rc = complain(d, "%s", buf_str(&complaint));
	else
		rc = 0;
	buf_fini(&complaint);
	if (rc != 0 || (rc = start_proxy(d)) != 0 || (rc = start_lines(d, *ret_state)) != 0 || (rc = bind_api(d)) != 0 ||
	    (rc = load_state(d, *ret_state)) != 0 || (rc = load_config(d)) != 0 || (rc = start_graph(d)) != 0)
		return rc;
	d->env = (struct api_env){ .lines = &d->lines, .proxy = d->proxy, .io = d->io, .log = &d->log, .events = &d->events,
		.calls = &d->calls, .news = &d->news, .graph = d->graph, .receiver = d->receiver, .trace = &d->trace,
		.token = d->opts->token, .proxy_metrics = d->opts->proxy_metrics, .runtime_metrics = d->opts->runtime_metrics,
		.toxiproxy = d->opts->toxiproxy, .started = io_clock(d->io), .reload = reload, .drain = begin_drain, .ud = d };
	so.io = d->io;
	so.conns_max = d->api_conns;
	rc = api_server_new(&so, &d->server);
	if (rc == 0)
		rc = api_server_listen(d->server, d->api_token);
	if (rc != 0)
		return complain(d, "cannot start: %s", strerror(-rc));
	d->api_token = -1;
	return 0;
}

static void
finish(struct daemon *d)
{
	if (d->events.ring != NULL)
		while (event_tail_take(&d->events))
			continue;
	while (d->calls.ring != NULL && call_tail_take(&d->calls))
		continue;
	trace_tail_fini(&d->trace);
	call_tail_fini(&d->calls);
	if (d->state != NULL)
		state_save(d->state, &d->lines, io_clock(d->io));
	state_free(d->state);
	api_server_free(d->server);
	span_receiver_stop(d->receiver);
	d->sights_at = 0;
	tell_sights(d, 0);
	graph_service_stop(d->graph);
	line_sights_fini(&d->sights);
	if (d->api_token >= 0)
		io_discard(d->api_token, false);
	resolver_stop(d->resolver);
	proxy_free(d->proxy);
	resolver_free(d->resolver);
	event_tail_fini(&d->events);
	news_tail_fini(&d->news);
	lines_fini(&d->lines);
	signals_free(d->signals);
	io_free(d->io);
	log_fini(&d->log);
}

int
daemon_run(const struct daemon_opts *opts)
{
	struct daemon d = { .opts = opts, .api_token = -1, .events = { .fd = -1 } };
	struct doc *state = NULL;
	char seed[32];
	int rc;

	log_init(&d.log, opts->log_fd, opts->log_level);
	rc = start(&d, &state);
	doc_free(state);
	if (rc == 0) {
		snprintf(seed, sizeof(seed), "%" PRIu64, d.lines.seed);
		log_event(&d.log, LOG_INFO, "ready", "seed", seed, NULL);
		thread_short_slices();
		loop(&d);
		log_event(&d.log, LOG_INFO, "stopped", NULL);
	}
	finish(&d);
	return rc == 0 ? 0 : 1;
}
