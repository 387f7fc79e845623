/* SPDX-License-Identifier: MIT */
/* serve.c - `faultline serve`, and what a link named toxiproxy-server does. */
#include "base/units.h"
#include "base/version.h"
#include "cmd/args.h"
#include "cmd/cmd.h"
#include "control/daemon.h"
#include "control/span_receiver.h"
#include "map/alert_send.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: faultline serve [flags]\n"
    "\n"
    "The daemon: relays TCP connections on lines, with faults, and answers the API\n"
    "(Toxiproxy's, and our own under /v1). SIGTERM and SIGINT end it once open connections\n"
    "are done or --drain has passed, a second signal at once; SIGHUP reads --config again.\n"
    "\n"
    "  --host HOST          where the API listens (localhost; others need a token)\n"
    "  --port PORT          its port (8474; 0: any, see the log)\n"
    "  --token TOKEN        what clients must send as Authorization: Bearer (FAULTLINE_TOKEN)\n"
    "  -c, --config FILE    lines to start with: faultline.yaml, or Toxiproxy's JSON list\n"
    "  --state FILE         keep lines and toxics there, and take them up again at start\n"
    "  --events FILE        append what faults did, as JSON lines\n"
    "  --trace FILE         append which messages crossed lines, for faultline trace\n"
    "  --graph FILE         keep the map there, and answer /v1/graph (doc/graph.md)\n"
    "  --graph-buffer SIZE  what waits to be written to the map (16MB)\n"
    "  --otlp-port PORT     take OTLP traces for the map (4318 with --graph; -1: do not)\n"
    "  --zipkin-port PORT   take Zipkin v2 spans for the map (9411 with --graph; -1: do not)\n"
    "  --alert TARGET       tell alerts of the map: webhook=URL, alertmanager=URL, command=TEXT,\n"
    "                       syslog[=HOST:PORT]; may be repeated\n"
    "  --seed N             seed of all random decisions (random; the log tells it)\n"
    "  --workers N          threads that relay (as many as cores, at most 4)\n"
    "  --conns-max N        connections at once (what the limit of descriptors allows)\n"
    "  --buffer SIZE        bytes in flight, all together (256MB)\n"
    "  --pipe-buffer SIZE   bytes in flight, per connection and direction (1MB)\n"
    "  --drain TIME         how long to wait for open connections at the end (10s)\n"
    "  --proxy-metrics      count bytes and connections on /metrics\n"
    "  --runtime-metrics    the process itself on /metrics\n"
    "  --log-level LEVEL    trace debug info warn error fatal panic (LOG_LEVEL; info)\n"
    "  --version            print the version\n"
    "\n"
    "examples:\n"
    "  faultline serve\n"
    "  faultline serve -c faultline.yaml --state state.json --events events.jsonl\n"
    "  faultline serve --host 0.0.0.0 --token \"$(cat token)\" --proxy-metrics\n";

struct flags {
	const char *host, *port, *token, *config, *state, *events, *trace, *seed, *workers, *conns_max, *buffer, *pipe_buffer, *drain, *log_level;
	const char *graph, *graph_buffer, *otlp_port, *zipkin_port;
	struct args_list alerts;
	bool proxy_metrics, runtime_metrics, version, help;
};

static int
complain(const char *program, const char *text)
{
	fprintf(stderr, "%s: %s\n", program, text);
	fprintf(stderr, "%s", help);
	return CMD_USAGE;
}

static bool
read_number(const char *program, const char *name, const char *text, long long min, long long max, long long *ret)
{
	char *end, message[160];
	long long v;

	if (text == NULL)
		return true;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno == 0 && *end == '\0' && text[0] != '\0' && v >= min && v <= max) {
		*ret = v;
		return true;
	}
	snprintf(message, sizeof(message), "--%s: found \"%.40s\", expected a whole number from %lld to %lld", name, text, min, max);
	complain(program, message);
	return false;
}

static bool
read_bytes(const char *program, const char *name, const char *text, int64_t min, int64_t max, int64_t *ret)
{
	char message[160];
	int64_t v;

	if (text == NULL)
		return true;
	if (units_parse_bytes(text, &v) == 0 && v >= min && v <= max) {
		*ret = v;
		return true;
	}
	snprintf(message, sizeof(message), "--%s: found \"%.40s\", expected a size such as 64MB", name, text);
	complain(program, message);
	return false;
}

/* What the file says holds where the command line is silent. */
static bool
merge_limits(const struct flags *f, const struct config *c, struct daemon_opts *o)
{
	long long workers = c != NULL ? c->workers : 0, conns = c != NULL ? c->connections : 0, seed = 0;
	int64_t buffer = c != NULL ? c->buffer_bytes : 0, pipe = c != NULL ? c->pipe_bytes : 0;

	if (!read_number(o->program, "workers", f->workers, 1, LINE_WORKERS_MAX, &workers) ||
	    !read_number(o->program, "conns-max", f->conns_max, 1, 10000000, &conns) ||
	    !read_number(o->program, "seed", f->seed, INT64_MIN, INT64_MAX, &seed) ||
	    !read_bytes(o->program, "buffer", f->buffer, 1 << 20, (int64_t)1 << 40, &buffer) ||
	    !read_bytes(o->program, "pipe-buffer", f->pipe_buffer, 4096, 1 << 30, &pipe))
		return false;
	o->workers = (unsigned)workers;
	o->conns_max = (uint32_t)conns;
	o->has_seed = f->seed != NULL;
	o->seed = (uint64_t)seed;
	o->buffer_bytes = (size_t)buffer;
	o->pipe_bytes = (uint32_t)pipe;
	o->handshakes_max = c != NULL ? (uint32_t)c->handshakes : 0;
	return true;
}

static const char *
first(const char *a, const char *b, const char *c)
{
	return a != NULL ? a : b != NULL ? b : c;
}

/* "" is as good as unset. */
static const char *
environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

/* What belongs to the map; without --graph none is kept, unless ports of receivers ask for it. */
static bool
merge_graph(const struct flags *f, struct alert_target *targets, struct daemon_opts *o)
{
	long long otlp = SPAN_RECEIVER_OTLP_PORT, zipkin = SPAN_RECEIVER_ZIPKIN_PORT;
	int64_t buffer = 0;
	char error[ALERT_ERROR_MAX], message[ALERT_ERROR_MAX + 32];

	if (!read_number(o->program, "otlp-port", f->otlp_port, -1, 65535, &otlp) ||
	    !read_number(o->program, "zipkin-port", f->zipkin_port, -1, 65535, &zipkin) ||
	    !read_bytes(o->program, "graph-buffer", f->graph_buffer, 64 << 10, (int64_t)1 << 32, &buffer))
		return false;
	o->graph_path = f->graph;
	o->graph_bytes = (size_t)buffer;
	o->otlp_port = (int)otlp;
	o->zipkin_port = (int)zipkin;
	o->alert_targets = targets;
	if (f->graph == NULL && (f->graph_buffer != NULL || f->otlp_port != NULL || f->zipkin_port != NULL || f->alerts.count > 0)) {
		complain(o->program, "--graph-buffer, --otlp-port, --zipkin-port and --alert need --graph FILE");
		return false;
	}
	for (unsigned i = 0; i < f->alerts.count; i++) {
		if (alert_send_parse(f->alerts.items[i], &targets[i], error) != 0) {
			snprintf(message, sizeof(message), "--alert: %s", error);
			complain(o->program, message);
			return false;
		}
		o->alert_target_count++;
	}
	return true;
}

static bool
merge(const struct flags *f, const struct config *c, char *port, size_t port_bytes, struct daemon_opts *o)
{
	const char *level = first(f->log_level, environment("LOG_LEVEL"), "info");
	char message[160];

	if (c != NULL && c->port >= 0)
		snprintf(port, port_bytes, "%d", c->port);
	else
		snprintf(port, port_bytes, "8474");
	o->host = first(f->host, c != NULL ? c->host : NULL, "localhost");
	o->port = first(f->port, NULL, port);
	o->token = first(f->token, environment("FAULTLINE_TOKEN"), c != NULL ? c->token : NULL);
	o->state_path = first(f->state, c != NULL ? c->state : NULL, NULL);
	o->events_path = first(f->events, c != NULL ? c->events : NULL, NULL);
	o->trace_path = first(f->trace, c != NULL ? c->trace : NULL, NULL);
	o->proxy_metrics = f->proxy_metrics;
	o->runtime_metrics = f->runtime_metrics;
	o->drain = o->toxiproxy ? 0 : 10 * FL_SEC;
	o->log_fd = STDOUT_FILENO;
	if (f->drain != NULL && (units_parse_duration(f->drain, &o->drain) != 0 || o->drain < 0)) {
		complain(o->program, "--drain: expected a duration such as 10s");
		return false;
	}
	if (log_level_parse(level, &o->log_level) != 0) {
		snprintf(message, sizeof(message), "log level: found \"%.40s\", expected trace, debug, info, warn, error, fatal or panic", level);
		complain(o->program, message);
		return false;
	}
	return merge_limits(f, c, o);
}

/* A wrong file ends us, or, as toxiproxy-server, is told and passed over. */
static int
read_config(struct daemon_opts *o)
{
	struct buf complaints;
	int rc = 0;

	if (o->config_path == NULL)
		return 0;
	buf_init(&complaints, 1 << 20);
	if (config_read(o->config_path, &complaints, &o->config) != 0) {
		fprintf(stderr, "%s\n", buf_str(&complaints));
		if (o->toxiproxy)
			fprintf(stderr, "%s: starting without the configuration file\n", o->program);
		else
			rc = CMD_USAGE;
	}
	buf_fini(&complaints);
	return rc;
}

int
cmd_serve(int argc, char **argv)
{
	struct flags f = { .host = NULL };
	const struct args_flag flags[] = {
		{ "host", ARGS_TEXT, { .text = &f.host } }, { "port", ARGS_TEXT, { .text = &f.port } },
		{ "token", ARGS_TEXT, { .text = &f.token } }, { "config c", ARGS_TEXT, { .text = &f.config } },
		{ "state", ARGS_TEXT, { .text = &f.state } }, { "events", ARGS_TEXT, { .text = &f.events } },
		{ "trace", ARGS_TEXT, { .text = &f.trace } },
		{ "seed", ARGS_TEXT, { .text = &f.seed } }, { "workers", ARGS_TEXT, { .text = &f.workers } },
		{ "conns-max", ARGS_TEXT, { .text = &f.conns_max } }, { "buffer", ARGS_TEXT, { .text = &f.buffer } },
		{ "pipe-buffer", ARGS_TEXT, { .text = &f.pipe_buffer } }, { "drain", ARGS_TEXT, { .text = &f.drain } },
		{ "log-level", ARGS_TEXT, { .text = &f.log_level } }, { "proxy-metrics", ARGS_FLAG, { .flag = &f.proxy_metrics } },
		{ "runtime-metrics", ARGS_FLAG, { .flag = &f.runtime_metrics } }, { "version", ARGS_FLAG, { .flag = &f.version } },
		{ "graph", ARGS_TEXT, { .text = &f.graph } }, { "graph-buffer", ARGS_TEXT, { .text = &f.graph_buffer } },
		{ "otlp-port", ARGS_TEXT, { .text = &f.otlp_port } },
		{ "zipkin-port", ARGS_TEXT, { .text = &f.zipkin_port } }, { "alert", ARGS_LIST, { .list = &f.alerts } },
		{ "help h", ARGS_FLAG, { .flag = &f.help } }, { NULL, ARGS_FLAG, { .flag = NULL } },
	};
	bool toxiproxy = strcmp(argv[0], "toxiproxy-server") == 0;
	struct daemon_opts o = { .program = toxiproxy ? "toxiproxy-server" : "faultline serve", .toxiproxy = toxiproxy };
	struct alert_target targets[ARGS_LIST_MAX];
	struct args args;
	char port[16];
	int rc;

	if (args_parse(flags, argc, argv, &args) != 0)
		return complain(o.program, args.error);
	if (f.help) {
		fputs(help, stdout);
		return CMD_HELD;
	}
	if (f.version) {
		printf("%s version %s\n", o.toxiproxy ? "toxiproxy-server" : "faultline", o.toxiproxy ? VERSION_TOXIPROXY : VERSION_FAULTLINE);
		return CMD_HELD;
	}
	if (args.count > 0 && !o.toxiproxy)
		return complain(o.program, "serve takes flags only");
	o.config_path = f.config;
	rc = read_config(&o);
	if (rc == 0)
		rc = merge(&f, o.config, port, sizeof(port), &o) && merge_graph(&f, targets, &o) ? daemon_run(&o) : CMD_USAGE;
	config_free(o.config);
	return rc;
}
