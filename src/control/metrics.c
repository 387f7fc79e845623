/* SPDX-License-Identifier: MIT */
/* metrics.c - /metrics. Counters are read live: bytes count when they pass, not when a connection ends. */
#include "control/metrics.h"
#include "base/version.h"
#include "control/http_metrics.h"
#include "control/map_metrics.h"
#include "control/openmetrics.h"
#include "io/sysinfo.h"
#include <stdlib.h>

/* The lines, sorted by name; *ret_count of them. To be freed. */
static struct map_entry **
sorted_lines(const struct api_env *env, uint32_t *ret_count)
{
	struct map_entry **sorted = map_sorted(&env->lines->by_name);

	*ret_count = sorted != NULL ? env->lines->by_name.count : 0;
	return sorted;
}

static void
put_bytes(const struct api_env *env, struct openmetrics *m, const char *name, bool sent, const char *help)
{
	static const char *const directions[] = { "upstream", "downstream" };
	uint32_t count;
	struct map_entry **sorted = sorted_lines(env, &count);

	openmetrics_family(m, name, OPENMETRICS_COUNTER, "bytes", help);
	for (uint32_t i = 0; i < count; i++) {
		const struct lines_line *l = sorted[i]->value;
		struct line_counters c;

		lines_counters(l, &c);
		for (int d = 0; d < 2; d++) {
			const struct openmetrics_label labels[] = {
				{ "direction", directions[d] }, { "listener", l->listen }, { "proxy", l->name }, { "upstream", l->upstream },
			};

			openmetrics_uint(m, labels, 4, sent ? c.sent_bytes[d] : c.received_bytes[d]);
		}
	}
	free(sorted);
}

static void
put_closed(struct openmetrics *m, const char *line, const struct line_counters *c)
{
	for (int r = 0; r < LINE_CLOSE_COUNT; r++) {
		const struct openmetrics_label labels[] = { { "line", line }, { "reason", line_close_name((enum line_close)r) } };

		if (c->closed[r] > 0)
			openmetrics_uint(m, labels, 2, c->closed[r]);
	}
}

static void
put_connections(const struct api_env *env, struct openmetrics *m)
{
	uint32_t count;
	struct map_entry **sorted = sorted_lines(env, &count);
	struct line_counters c;

	openmetrics_family(m, "faultline_line_accepted", OPENMETRICS_COUNTER, NULL, "Connections accepted on a line.");
	for (uint32_t i = 0; i < count; i++) {
		lines_counters(sorted[i]->value, &c);
		openmetrics_uint(m, &(struct openmetrics_label){ "line", sorted[i]->key }, 1, c.accepted);
	}
	openmetrics_family(m, "faultline_line_connections", OPENMETRICS_GAUGE, NULL, "Connections open on a line.");
	for (uint32_t i = 0; i < count; i++) {
		lines_counters(sorted[i]->value, &c);
		openmetrics_uint(m, &(struct openmetrics_label){ "line", sorted[i]->key }, 1, c.active);
	}
	openmetrics_family(m, "faultline_line_closed", OPENMETRICS_COUNTER, NULL, "Connections of a line that ended, by reason.");
	for (uint32_t i = 0; i < count; i++) {
		lines_counters(sorted[i]->value, &c);
		put_closed(m, sorted[i]->key, &c);
	}
	free(sorted);
}

static void
put_value(struct openmetrics *m, const char *name, enum openmetrics_type type, const char *unit, const char *help, double value)
{
	openmetrics_family(m, name, type, unit, help);
	openmetrics_float(m, NULL, 0, value);
}

static void
put_process(const struct api_env *env, struct openmetrics *m)
{
	static const struct openmetrics_label build[] = { { "version", VERSION_FAULTLINE }, { "api", VERSION_API_TEXT } };
	struct sysinfo_process p;

	sysinfo_process(&p);
	openmetrics_family(m, "faultline_build", OPENMETRICS_INFO, NULL, "What is running.");
	openmetrics_uint(m, build, 2, 1);
	if (env->toxiproxy) {
		/* Scripts that look for Toxiproxy look for these two. */
		put_value(m, "go_goroutines", OPENMETRICS_GAUGE, NULL, "Number of threads: this program is not written in Go.", p.threads);
		openmetrics_family(m, "go", OPENMETRICS_INFO, NULL, "Compatibility with Toxiproxy: this program is not written in Go.");
		openmetrics_uint(m, &(struct openmetrics_label){ "version", "none" }, 1, 1);
	}
	put_value(m, "process_cpu_seconds", OPENMETRICS_COUNTER, "seconds", "Total user and system CPU time spent in seconds.", p.cpu_seconds);
	put_value(m, "process_max_fds", OPENMETRICS_GAUGE, NULL, "Maximum number of open file descriptors.", (double)p.fds_max);
	put_value(m, "process_open_fds", OPENMETRICS_GAUGE, NULL, "Number of open file descriptors.", (double)p.fds);
	put_value(m, "process_resident_memory_bytes", OPENMETRICS_GAUGE, "bytes", "Resident memory size in bytes.", (double)p.resident_bytes);
	put_value(m, "process_start_time_seconds", OPENMETRICS_GAUGE, "seconds", "Start time of the process since unix epoch in seconds.",
	    p.start_wall);
	put_value(m, "process_threads", OPENMETRICS_GAUGE, NULL, "Number of threads.", p.threads);
	put_value(m, "process_virtual_memory_bytes", OPENMETRICS_GAUGE, "bytes", "Virtual memory size in bytes.", (double)p.virtual_bytes);
}

bool
metrics_are_on(const struct api_env *env)
{
	return env->proxy_metrics || env->runtime_metrics || env->graph != NULL || http_metrics_any(env);
}

void
metrics_write(const struct api_env *env, bool open, struct buf *out)
{
	struct openmetrics m;

	openmetrics_init(&m, out, open);
	if (env->runtime_metrics)
		put_process(env, &m);
	if (env->proxy_metrics) {
		put_connections(env, &m);
		put_bytes(env, &m, "toxiproxy_proxy_received_bytes", false, "Bytes received on a line, by direction.");
		put_bytes(env, &m, "toxiproxy_proxy_sent_bytes", true, "Bytes sent on a line, by direction.");
	}
	http_metrics_write(env, &m);
	map_metrics_write(env, &m);
	openmetrics_end(&m);
}
