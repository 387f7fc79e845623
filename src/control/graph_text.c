/* SPDX-License-Identifier: MIT */
/* graph_text.c - answers about the map, for people. */
#include "control/graph_text.h"
#include "base/units.h"
#include "control/cli_api.h"
#include "control/cli_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LIST_BYTES (1u << 20)
#define TITLE_BYTES 32
#define COLUMNS_MAX CLI_COLUMNS_MAX

/* Words of a list with commas between. The text is static memory of the caller's buffer. */
static const char *
joined(const struct doc_node *list, const char *between, struct buf *b)
{
	buf_clear(b);
	for (uint32_t i = 0; list != NULL && list->kind == DOC_LIST && i < list->count; i++)
		buf_printf(b, "%s%s", i > 0 ? between : "", list->items[i]->text);
	return buf_str(b);
}

static uint32_t
length(const struct doc_node *list)
{
	return list != NULL && (list->kind == DOC_LIST || list->kind == DOC_MAP) ? list->count : 0;
}

/* "2026-03-01 12:00:07" of a time with all its digits. */
static const char *
short_time(const char *text, char *buf, size_t bytes)
{
	size_t n = strcspn(text, ".Z");

	snprintf(buf, bytes, "%.*s", (int)FL_MIN(n, bytes - 1), text);
	if (strlen(buf) > 10)
		buf[10] = ' ';
	return buf;
}

/* ---- show ---- */

static void
print_services(const struct doc_node *list)
{
	static const char *const header[] = { "SERVICE", "KIND", "APP", "TIER", "OWNER" };
	struct cli_table t;

	cli_table_init(&t, header, FL_ARRAY_LEN(header));
	for (uint32_t i = 0; i < length(list); i++) {
		const struct doc_node *s = list->items[i], *facts = doc_get(s, "facts");

		cli_table_cell(&t, CLI_BOLD, "%s", cli_api_text(s, "name"));
		cli_table_cell(&t, CLI_PLAIN, "%s", cli_api_text(s, "kind"));
		cli_table_cell(&t, CLI_PLAIN, "%s", cli_api_text(s, "app"));
		cli_table_cell(&t, CLI_PLAIN, "%s", facts != NULL ? cli_api_text(facts, "tier") : "");
		cli_table_cell(&t, CLI_PLAIN, "%s", facts != NULL ? cli_api_text(facts, "owner") : "");
	}
	cli_table_print(&t);
	cli_table_fini(&t);
}

static void
print_lines(const struct doc_node *list)
{
	static const char *const header[] = { "FROM", "TO", "KIND", "STRENGTH", "SOURCES", "LAST SEEN", ">CALLS", ">ERRORS" };
	struct cli_table t;
	struct buf b;
	char when[40];

	buf_init(&b, LIST_BYTES);
	cli_table_init(&t, header, FL_ARRAY_LEN(header));
	for (uint32_t i = 0; i < length(list); i++) {
		const struct doc_node *l = list->items[i];
		const struct doc_node *assumed = doc_get(l, "assumed");
		bool guessed = length(assumed) > 0 && strcmp(assumed->items[0]->text, "strength") == 0;

		cli_table_cell(&t, CLI_BOLD, "%s", cli_api_text(l, "from"));
		cli_table_cell(&t, CLI_BOLD, "%s", cli_api_text(l, "to"));
		cli_table_cell(&t, CLI_PLAIN, "%s", cli_api_text(l, "kind"));
		cli_table_cell(&t, guessed ? CLI_DIM : CLI_PLAIN, "%s%s", cli_api_text(l, "strength"), guessed ? "?" : "");
		cli_table_cell(&t, CLI_PLAIN, "%s", joined(doc_get(l, "sources"), ",", &b));
		cli_table_cell(&t, CLI_PLAIN, "%s", short_time(cli_api_text(l, "last"), when, sizeof(when)));
		cli_table_cell(&t, CLI_PLAIN, "%" PRId64, cli_api_int(l, "count"));
		cli_table_cell(&t, cli_api_int(l, "errors") > 0 ? CLI_RED : CLI_PLAIN, "%" PRId64, cli_api_int(l, "errors"));
	}
	cli_table_print(&t);
	cli_table_fini(&t);
	buf_fini(&b);
}

static void
print_apps(const struct doc_node *root)
{
	const struct doc_node *apps = doc_get(root, "apps"), *lines = doc_get(root, "lines");
	struct buf b;

	buf_init(&b, LIST_BYTES);
	for (uint32_t i = 0; i < length(apps); i++)
		cli_table_say("%s: %s\n", cli_api_text(apps->items[i], "name"), joined(doc_get(apps->items[i], "services"), " ", &b));
	for (uint32_t i = 0; i < length(lines); i++)
		cli_table_say("%s -> %s\n", cli_api_text(lines->items[i], "from"), cli_api_text(lines->items[i], "to"));
	buf_fini(&b);
}

/* Which services need how many of which others. */
static void
print_groups(const struct doc_node *services)
{
	struct buf b;
	bool any = false;

	buf_init(&b, LIST_BYTES);
	for (uint32_t i = 0; i < length(services); i++) {
		const struct doc_node *groups = doc_get(services->items[i], "groups");

		for (uint32_t k = 0; k < length(groups); k++) {
			const struct doc_node *g = groups->items[k];

			if (!any)
				puts("");
			any = true;
			cli_table_say("%s needs %" PRId64 " of %s", cli_api_text(services->items[i], "name"), cli_api_int(g, "need"),
			    joined(doc_get(g, "of"), ", ", &b));
			cli_table_say("  %s, %s\n", cli_api_text(g, "strength"), cli_api_text(g, "source"));
		}
	}
	buf_fini(&b);
}

void
graph_text_show(const struct doc_node *root)
{
	if (doc_get(root, "apps") != NULL) {
		print_apps(root);
		return;
	}
	print_services(doc_get(root, "services"));
	puts("");
	print_lines(doc_get(root, "lines"));
	print_groups(doc_get(root, "services"));
}

void
graph_text_query(const struct doc_node *root)
{
	const struct doc_node *services = doc_get(root, "services"), *lines = doc_get(root, "lines");

	if (length(services) > 0)
		print_services(services);
	if (length(services) > 0 && length(lines) > 0)
		puts("");
	if (length(lines) > 0)
		print_lines(lines);
	if (length(services) + length(lines) == 0)
		puts("nothing is so");
}

/* ---- import ---- */

void
graph_text_import(const struct doc_node *root)
{
	const struct doc_node *files = doc_get(root, "files"), *spans = doc_get(root, "spans");
	const struct doc_node *halves = spans != NULL ? doc_get(spans, "halves") : NULL;

	for (uint32_t i = 0; i < length(files); i++) {
		const struct doc_node *f = files->items[i];

		cli_table_say("%s: %s%s\n", cli_api_text(f, "name"), cli_api_text(f, "format"),
		    cli_api_bool(f, "again") ? ", taken before: left out" : "");
	}
	cli_table_say("%" PRId64 " sightings", cli_api_int(root, "sightings"));
	if (cli_api_int(root, "dropped") > 0)
		cli_table_say(", %" PRId64 " records could not be read", cli_api_int(root, "dropped"));
	if (cli_api_int(root, "skipped") > 0)
		cli_table_say(", %" PRId64 " files of folders are of no format that is known", cli_api_int(root, "skipped"));
	if (cli_api_int(root, "bad") > 0)
		cli_table_say(", %" PRId64 " made no sense", cli_api_int(root, "bad"));
	if (cli_api_int(root, "future") > 0)
		cli_table_say(", %" PRId64 " of the future count as now", cli_api_int(root, "future"));
	cli_table_say("; the map has %" PRId64 " services and %" PRId64 " lines\n", cli_api_int(root, "services"), cli_api_int(root, "lines"));
	if (cli_api_int(halves, "taken") > 0)
		cli_table_say("%" PRId64 " spans of former imports were taken up, and %" PRId64 " calls have both sides now\n",
		    cli_api_int(halves, "taken"), cli_api_int(halves, "paired"));
	if (cli_api_int(halves, "left") > 0)
		cli_table_say("%" PRId64 " of %" PRId64 " spans came without the other side of a call, which may come in a later import; %" PRId64
		    " wait now\n", cli_api_int(halves, "left"), cli_api_int(spans, "taken") + cli_api_int(halves, "taken"),
		    cli_api_int(halves, "waiting"));
	if (cli_api_int(halves, "dropped") > 0)
		cli_table_say("%" PRId64 " that waited were dropped: see --halves and --halves-for\n", cli_api_int(halves, "dropped"));
}

/* ---- diff, blame ---- */

static void
print_change(const struct doc_node *list, char sign, const char *what)
{
	char when[40];
	struct buf b;

	buf_init(&b, LIST_BYTES);
	for (uint32_t i = 0; i < length(list); i++) {
		const struct doc_node *d = list->items[i];

		if (d->kind == DOC_SCALAR)
			cli_table_say("%c %s %s\n", sign, what, d->text);
		else
			cli_table_say("%c %s -> %s  %s, %s, %s %s, %" PRId64 " calls\n", sign, cli_api_text(d, "from"), cli_api_text(d, "to"),
			    cli_api_text(d, "kind"), joined(doc_get(d, "sources"), ",", &b), sign == '-' ? "last" : "first",
			    short_time(cli_api_text(d, sign == '-' ? "last" : "first"), when, sizeof(when)), cli_api_int(d, "count"));
	}
	buf_fini(&b);
}

/* "cart needs 2 of etcd-1, etcd-2, etcd-3" */
static void
print_group_change(const struct doc_node *list, char sign)
{
	const struct doc_node *d, *before;
	char when[40];
	struct buf b;

	buf_init(&b, LIST_BYTES);
	for (uint32_t i = 0; i < length(list); i++) {
		d = list->items[i];
		before = doc_get(d, "before");
		cli_table_say("%c %s needs %" PRId64 " of %s", sign, cli_api_text(d, "service"), cli_api_int(d, "need"),
		    joined(doc_get(d, "of"), ", ", &b));
		if (before != NULL)
			cli_table_say("; it was %" PRId64 " of %s", cli_api_int(before, "need"), joined(doc_get(before, "of"), ", ", &b));
		cli_table_say("  %s, %s %s\n", cli_api_text(d, "source"), sign == '-' ? "last" : "first",
		    short_time(cli_api_text(d, sign == '-' ? "last" : "first"), when, sizeof(when)));
	}
	buf_fini(&b);
}

void
graph_text_diff(const struct doc_node *root)
{
	const struct doc_node *services = doc_get(root, "services"), *lines = doc_get(root, "lines"), *groups = doc_get(root, "groups");
	uint32_t all = 0;

	print_change(doc_get(services, "added"), '+', "service");
	print_change(doc_get(services, "removed"), '-', "service");
	print_change(doc_get(lines, "added"), '+', "");
	print_change(doc_get(lines, "removed"), '-', "");
	print_change(doc_get(lines, "changed"), '~', "");
	print_group_change(doc_get(groups, "added"), '+');
	print_group_change(doc_get(groups, "removed"), '-');
	print_group_change(doc_get(groups, "changed"), '~');
	all = length(doc_get(groups, "added")) + length(doc_get(groups, "removed")) + length(doc_get(groups, "changed"));
	all += length(doc_get(services, "added")) + length(doc_get(services, "removed")) + length(doc_get(lines, "added")) +
	    length(doc_get(lines, "removed")) + length(doc_get(lines, "changed"));
	if (all == 0)
		puts("nothing changed");
}

void
graph_text_blame(const struct doc_node *root)
{
	static const char *const header[] = { "SOURCE", "FIRST", "LAST", ">CALLS", ">ERRORS", "WHERE" };
	const struct doc_node *line = doc_get(root, "line"), *list = doc_get(root, "episodes");
	struct cli_table t;
	char when[40];

	cli_table_say("%s -> %s, %s, %s\n", cli_api_text(line, "from"), cli_api_text(line, "to"), cli_api_text(line, "kind"),
	    cli_api_text(line, "strength"));
	cli_table_init(&t, header, FL_ARRAY_LEN(header));
	for (uint32_t i = 0; i < length(list); i++) {
		const struct doc_node *e = list->items[i];

		cli_table_cell(&t, CLI_BOLD, "%s", cli_api_text(e, "source"));
		cli_table_cell(&t, CLI_PLAIN, "%s", short_time(cli_api_text(e, "first"), when, sizeof(when)));
		cli_table_cell(&t, CLI_PLAIN, "%s", cli_api_bool(e, "holds") ? "holds" : short_time(cli_api_text(e, "last"), when, sizeof(when)));
		cli_table_cell(&t, CLI_PLAIN, "%" PRId64, cli_api_int(e, "count"));
		cli_table_cell(&t, CLI_PLAIN, "%" PRId64, cli_api_int(e, "errors"));
		if (doc_get(e, "need") != NULL)
			cli_table_cell(&t, CLI_DIM, "needs %" PRId64 " of %" PRId64 "; %s", cli_api_int(e, "need"), cli_api_int(e, "of"),
			    cli_api_text(e, "where"));
		else
			cli_table_cell(&t, CLI_DIM, "%s", cli_api_text(e, "where"));
	}
	cli_table_print(&t);
	cli_table_fini(&t);
}

/* ---- impact ---- */

static void
print_reason(const struct doc_node *hit, struct buf *b)
{
	const struct doc_node *why = doc_get(hit, "because"), *of = doc_get(why, "of");

	if (cli_api_bool(why, "failed"))
		cli_table_say("it failed");
	else if (of != NULL)
		cli_table_say("needs %" PRId64 " of %s; %" PRId64 " left (%s)", cli_api_int(why, "need"), joined(of, ", ", b),
		    cli_api_int(why, "alive"), cli_api_text(why, "strength"));
	else
		cli_table_say("needs %s, %s (%s)", cli_api_text(why, "needs"), cli_api_text(why, "state"), cli_api_text(why, "strength"));
}

static void
print_hits(const struct doc_node *list, const char *title)
{
	struct buf b;

	if (length(list) == 0)
		return;
	buf_init(&b, LIST_BYTES);
	cli_table_say("%s (%u)\n", title, length(list));
	for (uint32_t i = 0; i < length(list); i++) {
		const struct doc_node *h = list->items[i];

		cli_table_say("  %" PRId64 "  %s", cli_api_int(h, "hop"), cli_api_text(h, "name"));
		if (cli_api_text(h, "tier")[0] != '\0')
			cli_table_say("  tier %s", cli_api_text(h, "tier"));
		if (cli_api_text(h, "owner")[0] != '\0')
			cli_table_say("  %s", cli_api_text(h, "owner"));
		cli_table_say(": ");
		print_reason(h, &b);
		cli_table_say("\n");
	}
	buf_fini(&b);
}

static void
print_risks(const struct doc_node *list)
{
	struct buf b;

	if (length(list) == 0)
		return;
	buf_init(&b, LIST_BYTES);
	puts("at risk");
	for (uint32_t i = 0; i < length(list); i++)
		cli_table_say("  %s: needs %" PRId64 " of %s; %" PRId64 " left%s\n", cli_api_text(list->items[i], "name"),
		    cli_api_int(list->items[i], "need"), joined(doc_get(list->items[i], "of"), ", ", &b), cli_api_int(list->items[i], "alive"),
		    cli_api_bool(list->items[i], "exhausted") ? ", none to spare" : "");
	buf_fini(&b);
}

static void
print_cuts(const struct doc_node *root, const struct doc_node *list)
{
	struct buf b;

	buf_init(&b, LIST_BYTES);
	for (uint32_t i = 0; i < length(list); i++)
		cli_table_say("%s\n", joined(list->items[i], " + ", &b));
	cli_table_say("%u sets; all there are up to %" PRId64 " at once\n", length(list), cli_api_int(root, "complete_to_size"));
	buf_fini(&b);
}

static void
print_shares(const struct doc_node *map, const char *title)
{
	if (length(map) == 0)
		return;
	cli_table_say("%s:", title);
	for (uint32_t i = 0; i < map->count; i++)
		cli_table_say(" %s %" PRId64 "+%" PRId64, map->pairs[i].key->text, cli_api_int(map->pairs[i].value, "down"),
		    cli_api_int(map->pairs[i].value, "degraded"));
	cli_table_say("  (down+degraded)\n");
}

void
graph_text_impact(const struct doc_node *root)
{
	const struct doc_node *functions = doc_get(root, "functions");

	if (doc_get(root, "cuts") != NULL) {
		print_cuts(root, doc_get(root, "cuts"));
		return;
	}
	if (doc_get(root, "failed") == NULL) {
		graph_text_tables(root);
		return;
	}
	print_hits(doc_get(root, "down"), "down");
	print_hits(doc_get(root, "degraded"), "degraded");
	print_risks(doc_get(root, "at_risk"));
	for (uint32_t i = 0; i < length(functions); i++)
		cli_table_say("function %s: %s\n", cli_api_text(functions->items[i], "name"), cli_api_text(functions->items[i], "state"));
	print_shares(doc_get(root, "tiers"), "tiers");
	print_shares(doc_get(root, "owners"), "owners");
}

/* ---- any list ---- */

/* "2026-03-01T12:00:07.5Z": so are all times written. */
static bool
is_time(const char *s)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd";

	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (shape[i] == 'd' ? s[i] < '0' || s[i] > '9' : s[i] != shape[i])
			return false;
	return s[strlen(s) - 1] == 'Z';
}

static void
put_value(struct cli_table *t, const struct doc_node *n, struct buf *b)
{
	char when[32];

	if (n != NULL && n->kind == DOC_SCALAR && is_time(n->text))
		cli_table_cell(t, CLI_PLAIN, "%s", short_time(n->text, when, sizeof(when)));
	else if (n == NULL)
		cli_table_cell(t, CLI_PLAIN, "%s", "");
	else if (n->kind == DOC_LIST)
		cli_table_cell(t, CLI_PLAIN, "%s", joined(n, ", ", b));
	else
		cli_table_cell(t, CLI_PLAIN, "%s", n->text);
}

/* Columns are the keys of all rows, in the order in which they are met; what is itself a map is left out. */
static unsigned
columns_of(const struct doc_node *list, const char **header)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < list->count; i++) {
		const struct doc_node *row = list->items[i];

		for (uint32_t k = 0; row->kind == DOC_MAP && k < row->count; k++) {
			unsigned at = 0;

			while (at < n && strcmp(header[at], row->pairs[k].key->text) != 0)
				at++;
			if (at == n && n < COLUMNS_MAX && row->pairs[k].value->kind != DOC_MAP)
				header[n++] = row->pairs[k].key->text;
		}
	}
	return n;
}

/* "RULE WHERE" of "rule_where". */
static const char *
title_of(const char *key, char *buf, size_t bytes)
{
	size_t i = 0;

	for (; key[i] != '\0' && i + 1 < bytes; i++)
		buf[i] = key[i] == '_' ? ' ' : key[i] >= 'a' && key[i] <= 'z' ? (char)(key[i] - 'a' + 'A') : key[i];
	buf[i] = '\0';
	return buf;
}

static void
print_list(const char *title, const struct doc_node *list)
{
	const char *header[COLUMNS_MAX], *titles[COLUMNS_MAX];
	unsigned n = columns_of(list, header);
	char room[COLUMNS_MAX][TITLE_BYTES];
	struct cli_table t;
	struct buf b;

	cli_table_say("%s (%u)\n", title, list->count);
	if (n == 0) {
		for (uint32_t i = 0; i < list->count; i++)
			cli_table_say("  %s\n", list->items[i]->text);
		return;
	}
	buf_init(&b, LIST_BYTES);
	for (unsigned k = 0; k < n; k++)
		titles[k] = title_of(header[k], room[k], sizeof(room[k]));
	cli_table_init(&t, titles, n);
	for (uint32_t i = 0; i < list->count; i++)
		for (unsigned k = 0; k < n; k++)
			put_value(&t, doc_get(list->items[i], header[k]), &b);
	cli_table_print(&t);
	cli_table_fini(&t);
	buf_fini(&b);
}

void
graph_text_tables(const struct doc_node *root)
{
	for (uint32_t i = 0; root->kind == DOC_MAP && i < root->count; i++) {
		const struct doc_node *v = root->pairs[i].value;

		if (v->kind == DOC_LIST && v->count > 0)
			print_list(root->pairs[i].key->text, v);
		else if (v->kind == DOC_SCALAR)
			cli_table_say("%s: %s\n", root->pairs[i].key->text, v->text);
		else if (v->kind == DOC_LIST)
			cli_table_say("%s: none\n", root->pairs[i].key->text);
	}
}
