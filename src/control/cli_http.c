/* SPDX-License-Identifier: MIT */
/* cli_http.c - HTTP lines as tables. */
#include "control/cli_http.h"
#include "control/cli_api.h"
#include "control/cli_table.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct doc_node *
find(const struct doc_node *list, const char *key, const char *value)
{
	for (uint32_t i = 0; list != NULL && list->kind == DOC_LIST && i < list->count; i++) {
		if (strcmp(cli_api_text(list->items[i], key), value) == 0)
			return list->items[i];
	}
	return NULL;
}

/* ---- cells ---- */

static void
put_rate(struct cli_table *t, enum cli_colour colour, double now, double before, double seconds)
{
	double rate = seconds > 0 ? (now - before) / seconds : 0;

	if (seconds <= 0)
		cli_table_cell(t, now > 0 ? colour : CLI_PLAIN, "%.0f", now);
	else
		cli_table_cell(t, rate > 0 ? colour : CLI_PLAIN, rate >= 100 || rate <= 0 ? "%.0f/s" : "%.1f/s", rate < 0 ? 0 : rate);
}

static void
put_ms(struct cli_table *t, double ms)
{
	if (ms < 0)
		cli_table_cell(t, CLI_DIM, "-");
	else
		cli_table_cell(t, CLI_PLAIN, ms < 10 ? "%.2f ms" : ms < 1000 ? "%.0f ms" : "%.4g ms", ms);
}

static enum cli_colour
state_colour(const char *state)
{
	if (strcmp(state, "up") == 0 || strcmp(state, "closed") == 0 || strcmp(state, "ok") == 0 || strcmp(state, "idle") == 0)
		return CLI_GREEN;
	return strcmp(state, "probing") == 0 || strcmp(state, "half-open") == 0 || strcmp(state, "draining") == 0 ||
	    strcmp(state, "learning") == 0 ? CLI_YELLOW : CLI_RED;
}

/* ---- latency of the time between ---- */

/* How many of the step were there before. */
static double
count_before(const struct doc_node *histogram, const char *step)
{
	double v;

	for (uint32_t i = 0; histogram->kind == DOC_LIST && i < histogram->count; i++) {
		const struct doc_node *pair = histogram->items[i];

		if (pair->kind == DOC_LIST && pair->count == 2 && strcmp(pair->items[0]->text, step) == 0 && doc_is_float(pair->items[1], &v))
			return v;
	}
	return 0;
}

/* A quantile of what was added since before, ms; < 0: nothing was. */
static double
quantile(const struct doc_node *http, const struct doc_node *before, double q)
{
	const struct doc_node *now = cli_api_items(http, "histogram_us"), *then = cli_api_items(before, "histogram_us");
	double total = 0, seen = 0, us = 0, v;

	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; now->kind == DOC_LIST && i < now->count; i++) {
			const struct doc_node *pair = now->items[i];

			if (pair->kind != DOC_LIST || pair->count != 2 || !doc_is_float(pair->items[0], &us) || !doc_is_float(pair->items[1], &v))
				continue;
			v = FL_MAX(v - count_before(then, pair->items[0]->text), 0.0);
			if (pass == 0)
				total += v;
			else if ((seen += v) >= q * total && v > 0)
				return us / 1000;
		}
		if (total <= 0)
			return -1;
	}
	return us / 1000;
}

/* ---- lines ---- */

static double
sum_of(const struct doc_node *map)
{
	double sum = 0, v;

	for (uint32_t i = 0; map->kind == DOC_MAP && i < map->count; i++)
		sum += doc_is_float(map->pairs[i].value, &v) ? v : 0;
	return sum;
}

static void
put_attention(struct cli_table *t, const struct doc_node *list)
{
	struct buf text;

	buf_init(&text, 1 << 16);
	for (uint32_t i = 0; list->kind == DOC_LIST && i < list->count && i < 4; i++)
		buf_printf(&text, "%s%.60s", i > 0 ? ", " : "", list->items[i]->text);
	if (list->count > 4)
		buf_printf(&text, ", %u more", list->count - 4);
	cli_table_cell(t, CLI_RED, "%s", buf_str(&text));
	buf_fini(&text);
}

static void
put_line(struct cli_table *t, const struct doc_node *line, const struct doc_node *old, double seconds)
{
	const struct doc_node *http = doc_get(line, "http"), *was = old != NULL ? doc_get(old, "http") : NULL;
	int64_t up = cli_api_int(http, "instances_up"), all = cli_api_int(http, "instances");

	if (was == NULL)
		seconds = 0;
	cli_table_cell(t, CLI_BOLD, "%s", cli_api_text(line, "name"));
	put_rate(t, CLI_PLAIN, cli_api_float(http, "requests"), cli_api_float(was, "requests"), seconds);
	put_ms(t, quantile(http, was, 0.5));
	put_ms(t, quantile(http, was, 0.99));
	put_rate(t, CLI_RED, cli_api_float(doc_get(http, "status"), "5xx"), cli_api_float(doc_get(was, "status"), "5xx"), seconds);
	put_rate(t, CLI_RED, sum_of(cli_api_items(http, "refused")), sum_of(cli_api_items(was, "refused")), seconds);
	put_rate(t, CLI_YELLOW, cli_api_float(http, "retries"), cli_api_float(was, "retries"), seconds);
	put_rate(t, CLI_PLAIN, cli_api_float(http, "hedges"), cli_api_float(was, "hedges"), seconds);
	put_rate(t, CLI_YELLOW, cli_api_float(http, "degraded"), cli_api_float(was, "degraded"), seconds);
	cli_table_cell(t, CLI_PLAIN, "%lld", (long long)cli_api_int(http, "active"));
	cli_table_cell(t, up == all ? CLI_GREEN : up == 0 ? CLI_RED : CLI_YELLOW, "%lld of %lld", (long long)up, (long long)all);
	put_attention(t, cli_api_items(http, "attention"));
}

/* ---- instances ---- */

static void
put_instance(struct cli_table *t, const struct doc_node *i, const struct doc_node *old, double seconds)
{
	const struct doc_node *breaker = doc_get(i, "breaker");
	const char *state = cli_api_text(i, "state");
	double latency = cli_api_float(i, "latency_ms");

	if (old == NULL)
		seconds = 0;
	cli_table_cell(t, CLI_PLAIN, "%s", cli_api_text(i, "cluster"));
	cli_table_cell(t, CLI_BOLD, "%s", cli_api_text(i, "address"));
	cli_table_cell(t, state_colour(state), "%s", state);
	cli_table_cell(t, breaker != NULL ? state_colour(cli_api_text(breaker, "state")) : CLI_DIM, "%s",
	    breaker != NULL ? cli_api_text(breaker, "state") : "-");
	put_rate(t, CLI_PLAIN, cli_api_float(i, "requests"), cli_api_float(old, "requests"), seconds);
	put_rate(t, CLI_RED, cli_api_float(i, "failures"), cli_api_float(old, "failures"), seconds);
	cli_table_cell(t, CLI_PLAIN, "%lld", (long long)cli_api_int(i, "inflight"));
	cli_table_cell(t, CLI_PLAIN, "%lld", (long long)cli_api_int(i, "connections"));
	put_ms(t, latency > 0 ? latency : -1);
}

/* Of the same cluster, at the same address. */
static const struct doc_node *
same_instance(const struct doc_node *list, const struct doc_node *i)
{
	for (uint32_t k = 0; list->kind == DOC_LIST && k < list->count; k++) {
		if (strcmp(cli_api_text(list->items[k], "address"), cli_api_text(i, "address")) == 0 &&
		    strcmp(cli_api_text(list->items[k], "cluster"), cli_api_text(i, "cluster")) == 0)
			return list->items[k];
	}
	return NULL;
}

static void
put_instances(struct cli_table *t, const struct doc_node *line, const struct doc_node *old, double seconds)
{
	const struct doc_node *list = cli_api_items(line, "instances"), *was = cli_api_items(old, "instances");

	for (uint32_t i = 0; list->kind == DOC_LIST && i < list->count; i++)
		put_instance(t, list->items[i], same_instance(was, list->items[i]), seconds);
}

void
cli_http_tables(const struct doc_node *lines, const struct doc_node *before, double seconds, bool terminal, struct buf *out)
{
	static const char *const header[] = { "HTTP LINE", ">CALLS", ">P50", ">P99", ">5XX", ">REFUSED", ">RETRIES", ">HEDGES", ">DEGRADED",
		">ACTIVE", "INSTANCES UP", "POLICIES" };
	static const char *const instance_header[] = { "INSTANCES OF", "ADDRESS", "STATE", "BREAKER", ">CALLS", ">FAILED", ">INFLIGHT",
		">CONNECTIONS", ">LATENCY" };
	struct cli_table t, instances;

	cli_table_init(&t, header, FL_ARRAY_LEN(header));
	cli_table_init(&instances, instance_header, FL_ARRAY_LEN(instance_header));
	for (uint32_t i = 0; lines->kind == DOC_LIST && i < lines->count; i++) {
		const struct doc_node *line = lines->items[i], *old = find(before, "name", cli_api_text(line, "name"));

		if (doc_get(line, "http") == NULL)
			continue;
		put_line(&t, line, old, seconds);
		put_instances(&instances, line, old, seconds);
	}
	if (t.count > 0) {
		buf_putc(out, '\n');
		cli_table_render(&t, terminal, out);
	}
	if (instances.count > 0) {
		buf_putc(out, '\n');
		cli_table_render(&instances, terminal, out);
	}
	cli_table_fini(&t);
	cli_table_fini(&instances);
}

/* ---- policies ---- */

void
cli_http_policies(const struct doc_node *line, bool terminal, struct buf *out)
{
	static const char *const header[] = { "POLICY", "OF", "STATE", ">REFUSED", ">WOULD REFUSE", "NOW" };
	const struct doc_node *list = cli_api_items(line, "policies"), *instances = cli_api_items(line, "instances");
	struct cli_table t;

	cli_table_init(&t, header, FL_ARRAY_LEN(header));
	for (uint32_t i = 0; list->kind == DOC_LIST && i < list->count; i++) {
		const struct doc_node *p = list->items[i];

		cli_table_cell(&t, CLI_BOLD, "%s", cli_api_text(p, "policy"));
		cli_table_cell(&t, CLI_PLAIN, "%s", cli_api_text(p, "name"));
		cli_table_cell(&t, state_colour(cli_api_text(p, "state")), "%s", cli_api_text(p, "state"));
		cli_table_cell(&t, CLI_PLAIN, "%lld", (long long)cli_api_int(p, "refused"));
		cli_table_cell(&t, CLI_PLAIN, "%lld", (long long)cli_api_int(p, "would_refuse"));
		cli_table_cell(&t, CLI_PLAIN, "%s", cli_api_text(p, "say"));
	}
	for (uint32_t i = 0; instances->kind == DOC_LIST && i < instances->count; i++) {
		const struct doc_node *b = doc_get(instances->items[i], "breaker");

		if (b == NULL)
			continue;
		cli_table_cell(&t, CLI_BOLD, "breaker");
		cli_table_cell(&t, CLI_PLAIN, "%s %s", cli_api_text(instances->items[i], "cluster"),
		    cli_api_text(instances->items[i], "address"));
		cli_table_cell(&t, state_colour(cli_api_text(b, "state")), "%s", cli_api_text(b, "state"));
		cli_table_cell(&t, CLI_PLAIN, "%lld", (long long)cli_api_int(b, "refused"));
		cli_table_cell(&t, CLI_PLAIN, "%lld", (long long)cli_api_int(b, "would_refuse"));
		cli_table_cell(&t, CLI_PLAIN, "%.0f calls in the window, %.0f%% failed", cli_api_float(b, "calls"),
		    cli_api_float(b, "failure_rate") * 100);
	}
	cli_table_render(&t, terminal, out);
	cli_table_fini(&t);
}

void
cli_http_changes(const struct doc_node *line)
{
	const struct doc_node *list = cli_api_items(line, "changes");
	char when[40];
	struct tm tm;

	if (list->count > 0)
		putchar('\n');
	for (uint32_t i = 0; list->kind == DOC_LIST && i < list->count; i++) {
		const struct doc_node *n = list->items[i];
		time_t seconds = (time_t)(cli_api_int(n, "at_ms") / 1000);

		localtime_r(&seconds, &tm);
		strftime(when, sizeof(when), "%F %T", &tm);
		cli_table_say("%s  %s %s: %s to %s, %s\n", when, cli_api_text(n, "policy"), cli_api_text(n, "name"), cli_api_text(n, "from"),
		    cli_api_text(n, "to"), cli_api_text(n, "why"));
	}
}
