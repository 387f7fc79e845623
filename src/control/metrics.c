/* SPDX-License-Identifier: MIT */
/* metrics.c - /metrics. Counters are read live: bytes count when they pass, not when a connection ends. */
#include "control/metrics.h"
#include "base/version.h"
#include "io/sysinfo.h"
#include <inttypes.h>
#include <stdlib.h>

static void
put_label(struct buf *out, const char *name, const char *value, const char *before)
{
	buf_printf(out, "%s%s=\"", before, name);
	for (; *value != '\0'; value++) {
		if (*value == '\n')
			buf_puts(out, "\\n");
		else if (*value == '"' || *value == '\\')
			buf_printf(out, "\\%c", *value);
		else
			buf_putc(out, *value);
	}
	buf_putc(out, '"');
}

static void
put_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* The lines, sorted by name; *ret_count of them. To be freed. */
static struct map_entry **
sorted_lines(const struct api_env *env, uint32_t *ret_count)
{
	struct map_entry **sorted = map_sorted(&env->lines->by_name);

	*ret_count = sorted != NULL ? env->lines->by_name.count : 0;
	return sorted;
}

static void
put_bytes(const struct api_env *env, struct buf *out, const char *name, bool sent, const char *help)
{
	static const char *const directions[] = { "upstream", "downstream" };
	uint32_t count;
	struct map_entry **sorted = sorted_lines(env, &count);

	put_head(out, name, "counter", help);
	for (uint32_t i = 0; i < count; i++) {
		const struct lines_line *l = sorted[i]->value;
		struct line_counters c;

		lines_counters(l, &c);
		for (int d = 0; d < 2; d++) {
			buf_puts(out, name);
			put_label(out, "direction", directions[d], "{");
			put_label(out, "listener", l->listen, ",");
			put_label(out, "proxy", l->name, ",");
			put_label(out, "upstream", l->upstream, ",");
			buf_printf(out, "} %" PRIu64 "\n", sent ? c.sent_bytes[d] : c.received_bytes[d]);
		}
	}
	free(sorted);
}

static void
put_connections(const struct api_env *env, struct buf *out)
{
	uint32_t count;
	struct map_entry **sorted = sorted_lines(env, &count);
	struct line_counters c;

	put_head(out, "faultline_line_accepted_total", "counter", "Connections accepted on a line.");
	for (uint32_t i = 0; i < count; i++) {
		lines_counters(sorted[i]->value, &c);
		buf_puts(out, "faultline_line_accepted_total");
		put_label(out, "line", sorted[i]->key, "{");
		buf_printf(out, "} %" PRIu64 "\n", c.accepted);
	}
	put_head(out, "faultline_line_connections", "gauge", "Connections open on a line.");
	for (uint32_t i = 0; i < count; i++) {
		lines_counters(sorted[i]->value, &c);
		buf_puts(out, "faultline_line_connections");
		put_label(out, "line", sorted[i]->key, "{");
		buf_printf(out, "} %" PRIu64 "\n", c.active);
	}
	put_head(out, "faultline_line_closed_total", "counter", "Connections of a line that ended, by reason.");
	for (uint32_t i = 0; i < count; i++) {
		lines_counters(sorted[i]->value, &c);
		for (int r = 0; r < LINE_CLOSE_COUNT; r++) {
			if (c.closed[r] == 0)
				continue;
			buf_puts(out, "faultline_line_closed_total");
			put_label(out, "line", sorted[i]->key, "{");
			put_label(out, "reason", line_close_name((enum line_close)r), ",");
			buf_printf(out, "} %" PRIu64 "\n", c.closed[r]);
		}
	}
	free(sorted);
}

static void
put_value(struct buf *out, const char *name, const char *type, const char *help, double value)
{
	char text[48];

	put_head(out, name, type, help);
	buf_printf(out, "%s %s\n", name, jsonw_format_float(text, value, false));
}

static void
put_process(const struct api_env *env, struct buf *out)
{
	struct sysinfo_process p;

	sysinfo_process(&p);
	put_head(out, "faultline_build_info", "gauge", "What is running.");
	buf_printf(out, "faultline_build_info{version=\"" VERSION_FAULTLINE "\",api=\"%d\"} 1\n", VERSION_API);
	if (env->toxiproxy) {
		/* Scripts that look for Toxiproxy look for these two. */
		put_head(out, "go_goroutines", "gauge", "Number of threads: this program is not written in Go.");
		buf_printf(out, "go_goroutines %u\n", p.threads);
		put_head(out, "go_info", "gauge", "Compatibility with Toxiproxy: this program is not written in Go.");
		buf_puts(out, "go_info{version=\"none\"} 1\n");
	}
	put_value(out, "process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.", p.cpu_seconds);
	put_value(out, "process_max_fds", "gauge", "Maximum number of open file descriptors.", (double)p.fds_max);
	put_value(out, "process_open_fds", "gauge", "Number of open file descriptors.", (double)p.fds);
	put_value(out, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", (double)p.resident_bytes);
	put_value(out, "process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.", p.start_wall);
	put_value(out, "process_threads", "gauge", "Number of threads.", p.threads);
	put_value(out, "process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", (double)p.virtual_bytes);
}

void
metrics_write(const struct api_env *env, struct buf *out)
{
	if (env->runtime_metrics)
		put_process(env, out);
	if (!env->proxy_metrics)
		return;
	put_connections(env, out);
	put_bytes(env, out, "toxiproxy_proxy_received_bytes_total", false, "Bytes received on a line, by direction.");
	put_bytes(env, out, "toxiproxy_proxy_sent_bytes_total", true, "Bytes sent on a line, by direction.");
}
