/* SPDX-License-Identifier: MIT */
/* graph_text_plan.c - plans for people. */
#include "base/units.h"
#include "control/cli_api.h"
#include "control/cli_table.h"
#include "control/graph_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LIST_BYTES (1u << 20)

/* "1m30s" of a number of seconds; "never" of null. */
static const char *
seconds(const struct doc_node *map, const char *key, char *buf)
{
	const struct doc_node *n = doc_get(map, key);

	if (n == NULL || n->kind == DOC_NULL)
		return "never";
	if (cli_api_float(map, key) == 0)
		return "0 s";
	units_duration(buf, 40, (fl_ns)(cli_api_float(map, key) * 1e9));
	return buf;
}

static const char *
joined(const struct doc_node *list, const char *between, struct buf *b)
{
	buf_clear(b);
	for (uint32_t i = 0; list != NULL && list->kind == DOC_LIST && i < list->count; i++)
		buf_printf(b, "%s%s", i > 0 ? between : "", list->items[i]->text);
	return buf_str(b);
}

static void
print_steps(const struct doc_node *steps)
{
	static const char *const header[] = { ">START", ">TAKES", ">SLACK", "SERVICE", "AFTER", "OWNER" };
	struct cli_table t;
	char text[40];
	struct buf b;

	buf_init(&b, LIST_BYTES);
	cli_table_init(&t, header, FL_ARRAY_LEN(header));
	for (uint32_t i = 0; i < steps->count; i++) {
		const struct doc_node *s = steps->items[i];

		cli_table_cell(&t, CLI_PLAIN, "%s", seconds(s, "start", text));
		cli_table_cell(&t, strcmp(cli_api_text(s, "takes_from"), "assumed") == 0 ? CLI_DIM : CLI_PLAIN, "%s%s", seconds(s, "takes", text),
		    strcmp(cli_api_text(s, "takes_from"), "assumed") == 0 ? "?" : "");
		cli_table_cell(&t, CLI_PLAIN, "%s", seconds(s, "slack", text));
		cli_table_cell(&t, CLI_BOLD, "%s", cli_api_text(s, "name"));
		cli_table_cell(&t, CLI_PLAIN, "%s", joined(doc_get(s, "after"), ", ", &b));
		cli_table_cell(&t, CLI_PLAIN, "%s", cli_api_text(s, "owner"));
	}
	cli_table_print(&t);
	cli_table_fini(&t);
	buf_fini(&b);
}

static void
print_deadlocks(const struct doc_node *list, struct buf *b)
{
	for (uint32_t i = 0; i < list->count; i++) {
		const struct doc_node *d = list->items[i], *breaks = cli_api_items(d, "break");

		cli_table_say("deadlock: %s wait for each other\n", joined(doc_get(d, "services"), ", ", b));
		for (uint32_t k = 0; k < breaks->count; k++)
			cli_table_say("  %s: start %s without %s\n", cli_api_bool(d, "cheapest") ? "cheapest break" : "a break",
			    cli_api_text(breaks->items[k], "start"), cli_api_text(breaks->items[k], "without"));
	}
}

static void
print_objectives(const struct doc_node *list)
{
	char a[40], b[40];

	for (uint32_t i = 0; i < list->count; i++) {
		const struct doc_node *o = list->items[i];

		cli_table_say("RTO of %s: %s, back after %s: %s\n", cli_api_text(o, "name"), seconds(o, "rto", a), seconds(o, "end", b),
		    cli_api_text(o, "verdict"));
	}
}

void
graph_text_plan(const struct doc_node *root)
{
	const struct doc_node *list, *chances = doc_get(root, "chances");
	char a[40], c[40];
	struct buf b;

	if (doc_get(root, "shutdown") != NULL) {
		graph_text_shutdown(root);
		return;
	}
	buf_init(&b, LIST_BYTES);
	print_steps(cli_api_items(root, "steps"));
	cli_table_say("all of it is back after %s\n", seconds(root, "makespan", a));
	if (doc_get(root, "crews") != NULL)
		cli_table_say("with %" PRId64 " crews; no order is faster than %s\n", cli_api_int(root, "crews"), seconds(root, "bound", a));
	cli_table_say("the longest way: %s\n", joined(doc_get(root, "critical_path"), " > ", &b));
	print_deadlocks(cli_api_items(root, "deadlocks"), &b);
	print_objectives(cli_api_items(root, "objectives"));
	list = cli_api_items(root, "unmeetable");
	for (uint32_t i = 0; i < list->count; i++)
		cli_table_say("unmeetable: %s promises %s, but needs %s, which promises %s\n", cli_api_text(list->items[i], "name"),
		    seconds(list->items[i], "rto", a), cli_api_text(list->items[i], "needs"), seconds(list->items[i], "promise", c));
	list = cli_api_items(root, "speed_up");
	for (uint32_t i = 0; i < list->count && i < 3; i++)
		cli_table_say("faster: %s at no time would save %s\n", cli_api_text(list->items[i], "name"), seconds(list->items[i], "gain", a));
	if (chances != NULL)
		cli_table_say("drawn %" PRId64 " times: half are back after %s, nine of ten after %s\n", cli_api_int(chances, "runs"),
		    seconds(chances, "p50", a), seconds(chances, "p90", c));
	buf_fini(&b);
}

void
graph_text_shutdown(const struct doc_node *root)
{
	static const char *const header[] = { ">START", "STOP", "COMMAND" };
	const struct doc_node *list = cli_api_items(root, "shutdown");
	struct cli_table t;
	char text[40];
	struct buf b;

	buf_init(&b, LIST_BYTES);
	cli_table_init(&t, header, FL_ARRAY_LEN(header));
	for (uint32_t i = 0; i < list->count; i++) {
		cli_table_cell(&t, CLI_PLAIN, "%s", seconds(list->items[i], "start", text));
		cli_table_cell(&t, CLI_BOLD, "%s", cli_api_text(list->items[i], "name"));
		cli_table_cell(&t, CLI_PLAIN, "%s", cli_api_text(list->items[i], "command"));
	}
	cli_table_print(&t);
	cli_table_fini(&t);
	if (cli_api_items(root, "kept")->count > 0)
		cli_table_say("kept: %s\n", joined(doc_get(root, "kept"), ", ", &b));
	buf_fini(&b);
}
