/* SPDX-License-Identifier: MIT */
/* cli_line.c - the commands on lines. Without a terminal the output is tab-separated, as toxiproxy-cli prints it. */
#include "cmd/cli_line.h"
#include "cmd/args.h"
#include "cmd/cmd.h"
#include "proto/jsonw.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: faultline line COMMAND [flags] [NAME]\n"
    "\n"
    "Lines of a running daemon.\n"
    "\n"
    "  list                 all lines\n"
    "  inspect NAME         the toxics of a line\n"
    "  create NAME          a new line: --listen ADDR --upstream ADDR\n"
    "                       [--half-close] [--key ordinal|client] [--connect-timeout TIME] [--disabled]\n"
    "  toggle NAME          disable it when it is enabled, and the other way round\n"
    "  delete NAME          close it and all its connections\n"
    "  connections NAME     live connections: ends, bytes, what faults did\n"
    "\n"
    "  -h, --host URL       the daemon (FAULTLINE_URL, TOXIPROXY_URL; http://localhost:8474)\n"
    "  --token TOKEN        its token (FAULTLINE_TOKEN)\n"
    "  --json               print what the daemon says\n"
    "\n"
    "examples:\n"
    "  faultline line create --listen localhost:26379 --upstream localhost:6379 redis\n"
    "  faultline line connections redis\n";

static const char *
enabled_text(bool enabled)
{
	return enabled ? "enabled" : "disabled";
}

static enum client_colour
enabled_colour(bool enabled)
{
	return enabled ? CLIENT_GREEN : CLIENT_RED;
}

/* Both spellings name their commands with their own word in front. */
static bool
is_toxiproxy(const struct client *c)
{
	return strcmp(c->program, "toxiproxy-cli") == 0;
}

/* ---- list ---- */

static void
print_list_head(const struct client *c)
{
	printf("%sName\t\t\t%sListen\t\t%sUpstream\t\t%sEnabled\t\t%sToxics\n%s", client_colour(c, CLIENT_GREEN), client_colour(c, CLIENT_BLUE),
	    client_colour(c, CLIENT_YELLOW), client_colour(c, CLIENT_PURPLE), client_colour(c, CLIENT_RED), client_colour(c, CLIENT_PLAIN));
	printf("%s======================================================================================\n", client_colour(c, CLIENT_PLAIN));
}

static void
print_list_line(const struct client *c, const struct doc_node *line)
{
	const struct doc_node *toxics = doc_get(line, "toxics");
	uint32_t count = toxics != NULL && toxics->kind == DOC_LIST ? toxics->count : 0;
	bool enabled = client_is_true(line, "enabled");
	char number[16];

	snprintf(number, sizeof(number), "%" PRIu32, count);
	client_column(c, enabled_colour(enabled), client_text(line, "name"), 3);
	client_column(c, CLIENT_BLUE, client_text(line, "listen"), 2);
	client_column(c, CLIENT_YELLOW, client_text(line, "upstream"), 3);
	client_column(c, CLIENT_PURPLE, enabled_text(enabled), 2);
	printf("%s%s%s\n", client_colour(c, CLIENT_RED), count == 0 && c->colours ? "None" : number, client_colour(c, CLIENT_PLAIN));
}

int
cli_line_list(const struct client *c)
{
	struct client_answer a;
	char error[CLIENT_ERROR_MAX];

	if (client_call(c, "GET", "/proxies", NULL, &a, error) != 0)
		return client_fail("Failed to retrieve proxies: %s", error);
	if (c->json) {
		client_print_json(&a);
		client_fini(&a);
		return CMD_HELD;
	}
	if (c->colours)
		print_list_head(c);
	if (c->colours && a.doc != NULL && a.doc->root->count == 0) {
		printf("%sno proxies\n%s", client_colour(c, CLIENT_RED), client_colour(c, CLIENT_PLAIN));
		client_hint(c, "create a proxy with `%s create`", c->program);
	} else {
		for (uint32_t i = 0; a.doc != NULL && a.doc->root->kind == DOC_MAP && i < a.doc->root->count; i++)
			print_list_line(c, a.doc->root->pairs[i].value);
		client_hint(c, "inspect toxics with `%s inspect <proxyName>`", c->program);
	}
	client_fini(&a);
	return CMD_HELD;
}

/* ---- inspect ---- */

static int
by_key(const void *a, const void *b)
{
	return strcmp(((const struct doc_pair *)a)->key->text, ((const struct doc_pair *)b)->key->text);
}

static void
print_attributes(const struct doc_node *attributes)
{
	struct doc_pair *sorted;
	char number[48];
	double f;

	if (attributes == NULL || attributes->kind != DOC_MAP || attributes->count == 0)
		return;
	sorted = calloc(attributes->count, sizeof(*sorted));
	if (sorted == NULL)
		return;
	memcpy(sorted, attributes->pairs, attributes->count * sizeof(*sorted));
	qsort(sorted, attributes->count, sizeof(*sorted), by_key);
	for (uint32_t i = 0; i < attributes->count; i++) {
		const struct doc_node *v = sorted[i].value;

		printf("\t%s=%s", sorted[i].key->text, doc_is_float(v, &f) ? jsonw_format_g(number, f) : v->text);
	}
	free(sorted);
}

static void
print_toxic(const struct client *c, const struct doc_node *toxic)
{
	const struct doc_node *toxicity = doc_get(toxic, "toxicity");
	double share = 0;

	if (c->colours)
		printf("%s%s:%s\t", client_colour(c, CLIENT_BLUE), client_text(toxic, "name"), client_colour(c, CLIENT_PLAIN));
	else
		printf("%s\t", client_text(toxic, "name"));
	if (toxicity != NULL)
		doc_is_float(toxicity, &share);
	printf("type=%s\tstream=%s\ttoxicity=%.2f\tattributes=[", client_text(toxic, "type"), client_text(toxic, "stream"), share);
	print_attributes(doc_get(toxic, "attributes"));
	printf("\t]\n");
}

/* The toxics of one stream, or of both (NULL). */
static void
print_toxics(const struct client *c, const struct doc_node *toxics, const char *title, bool upstream)
{
	unsigned count = 0;

	if (c->colours)
		printf("%s%s toxics:\n%s", client_colour(c, CLIENT_GREEN), title, client_colour(c, CLIENT_PLAIN));
	for (uint32_t i = 0; i < toxics->count; i++) {
		bool up = strcmp(client_text(toxics->items[i], "stream"), "upstream") == 0;

		if (c->colours && up != upstream)
			continue;
		print_toxic(c, toxics->items[i]);
		count++;
	}
	if (c->colours && count == 0)
		printf("%sProxy has no %s toxics enabled.\n%s", client_colour(c, CLIENT_RED), title, client_colour(c, CLIENT_PLAIN));
}

static void
print_line(const struct client *c, const struct doc_node *line)
{
	static const struct doc_node none = { .kind = DOC_LIST };
	const struct doc_node *toxics = doc_get(line, "toxics");
	const char *plain = client_colour(c, CLIENT_PLAIN);

	if (toxics == NULL || toxics->kind != DOC_LIST)
		toxics = &none;
	if (!c->colours) {
		print_toxics(c, toxics, "", false);
		return;
	}
	printf("%sName: %s%s\t", client_colour(c, CLIENT_PURPLE), plain, client_text(line, "name"));
	printf("%sListen: %s%s\t", client_colour(c, CLIENT_BLUE), plain, client_text(line, "listen"));
	printf("%sUpstream: %s%s\n", client_colour(c, CLIENT_YELLOW), plain, client_text(line, "upstream"));
	printf("%s======================================================================\n", plain);
	if (toxics->count == 0) {
		printf("%sProxy has no toxics enabled.\n%s", client_colour(c, CLIENT_RED), plain);
	} else {
		print_toxics(c, toxics, "Upstream", true);
		putchar('\n');
		print_toxics(c, toxics, "Downstream", false);
	}
	client_hint(c, "add a toxic with `%s toxic add`", is_toxiproxy(c) ? c->program : "faultline");
}

/* GET, PATCH or DELETE /proxies/NAME. */
static int
call_line(const struct client *c, const char *method, const char *name, const char *body, struct client_answer *ret, char *error)
{
	struct buf path;
	int rc;

	buf_init(&path, 4096);
	client_path(&path, name, NULL);
	rc = client_call(c, method, buf_str(&path), body, ret, error);
	buf_fini(&path);
	return rc;
}

int
cli_line_inspect(const struct client *c, const char *name)
{
	struct client_answer a;
	char error[CLIENT_ERROR_MAX];

	if (call_line(c, "GET", name, NULL, &a, error) != 0)
		return client_fail("Failed to retrieve proxy %s: %s", name, error);
	if (c->json)
		client_print_json(&a);
	else if (a.doc != NULL)
		print_line(c, a.doc->root);
	client_fini(&a);
	return CMD_HELD;
}

/* ---- changes ---- */

int
cli_line_create(const struct client *c, const char *name, const struct cli_line_create *what)
{
	struct client_answer a;
	char error[CLIENT_ERROR_MAX];
	struct jsonw w;
	struct buf b;
	int rc;

	buf_init(&b, 65536);
	jsonw_init(&w, &b);
	jsonw_object(&w);
	jsonw_str(&w, "name", name);
	jsonw_str(&w, "listen", what->listen);
	jsonw_str(&w, "upstream", what->upstream);
	jsonw_flag(&w, "enabled", !what->disabled);
	if (what->half_close)
		jsonw_flag(&w, "half_close", true);
	if (what->key != NULL)
		jsonw_str(&w, "key", what->key);
	if (what->connect_timeout != NULL)
		jsonw_str(&w, "connect_timeout", what->connect_timeout);
	jsonw_end(&w);
	rc = client_call(c, "POST", "/proxies", buf_str(&b), &a, error);
	buf_fini(&b);
	if (rc != 0)
		return client_fail("Failed to create proxy: create: %s", error);
	if (c->json)
		client_print_json(&a);
	else
		printf("Created new proxy %s\n", name);
	client_fini(&a);
	return CMD_HELD;
}

int
cli_line_toggle(const struct client *c, const char *name)
{
	struct client_answer a;
	char error[CLIENT_ERROR_MAX];
	bool enabled;

	if (call_line(c, "GET", name, NULL, &a, error) != 0)
		return client_fail("Failed to retrieve proxy %s: %s", name, error);
	enabled = a.doc == NULL || !client_is_true(a.doc->root, "enabled");
	client_fini(&a);
	if (call_line(c, "POST", name, enabled ? "{\"enabled\":true}" : "{\"enabled\":false}", &a, error) != 0)
		return client_fail("Failed to toggle proxy %s: %s", name, error);
	if (c->json)
		client_print_json(&a);
	else
		printf("Proxy %s%s%s is now %s%s%s\n", client_colour(c, enabled_colour(enabled)), name, client_colour(c, CLIENT_PLAIN),
		    client_colour(c, enabled_colour(enabled)), enabled_text(enabled), client_colour(c, CLIENT_PLAIN));
	client_fini(&a);
	return CMD_HELD;
}

int
cli_line_delete(const struct client *c, const char *name)
{
	struct client_answer a;
	char error[CLIENT_ERROR_MAX];

	if (call_line(c, "GET", name, NULL, &a, error) != 0)
		return client_fail("Failed to retrieve proxy %s: %s", name, error);
	client_fini(&a);
	if (call_line(c, "DELETE", name, NULL, &a, error) != 0)
		return client_fail("Failed to delete proxy: Delete: %s", error);
	client_fini(&a);
	if (!c->json)
		printf("Deleted proxy %s\n", name);
	return CMD_HELD;
}

/* ---- connections ---- */

/* "name hits" of each fault that has acted. */
static void
print_hits(const struct doc_node *faults)
{
	bool any = false;

	for (uint32_t i = 0; faults != NULL && faults->kind == DOC_LIST && i < faults->count; i++) {
		const struct doc_node *f = faults->items[i];

		if (!client_is_true(f, "applies"))
			continue;
		printf("%s%s=%s", any ? "," : "", client_text(f, "name"), client_text(f, "hits"));
		any = true;
	}
	printf("%s\n", any ? "" : "-");
}

int
cli_line_connections(const struct client *c, const char *name)
{
	const struct doc_node *list;
	struct client_answer a;
	char error[CLIENT_ERROR_MAX];
	struct buf path;
	int rc;

	buf_init(&path, 4096);
	buf_puts(&path, "/v1/lines/");
	url_escape(&path, name);
	buf_puts(&path, "/connections?max=10000");
	rc = client_call(c, "GET", buf_str(&path), NULL, &a, error);
	buf_fini(&path);
	if (rc != 0)
		return client_fail("Failed to retrieve connections of %s: %s", name, error);
	if (c->json) {
		client_print_json(&a);
		client_fini(&a);
		return CMD_HELD;
	}
	if (c->colours)
		printf("conn\tstate\t\tage ms\tclient -> server\tsent up\tsent down\tfaults\n");
	list = a.doc != NULL ? doc_get(a.doc->root, "connections") : NULL;
	for (uint32_t i = 0; list != NULL && list->kind == DOC_LIST && i < list->count; i++) {
		const struct doc_node *n = list->items[i];

		printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t", client_text(n, "conn"), client_text(n, "state"), client_text(n, "age_ms"),
		    client_text(n, "client"), client_text(n, "server"), client_text(doc_get(n, "upstream"), "sent_bytes"),
		    client_text(doc_get(n, "downstream"), "sent_bytes"));
		print_hits(doc_get(n, "faults"));
	}
	client_fini(&a);
	return CMD_HELD;
}

/* ---- faultline line ---- */

static int
usage(const char *program, const char *text)
{
	fprintf(stderr, "%s: %s\n%s", program, text, help);
	return CMD_USAGE;
}

static int
dispatch(const struct client *c, const struct args *a, const struct cli_line_create *create)
{
	static const char *const names[] = { "list", "inspect", "create", "toggle", "delete", "connections", NULL };
	int command = -1;

	for (int i = 0; names[i] != NULL; i++) {
		if (strcmp(names[i], a->words[0]) == 0)
			command = i;
	}
	if (command < 0)
		return usage(c->program, "expected one of list, inspect, create, toggle, delete, connections");
	if (command == 0)
		return a->count == 1 ? cli_line_list(c) : usage(c->program, "list takes no name");
	if (a->count != 2)
		return usage(c->program, "expected the name of one line");
	switch (command) {
	case 1:
		return cli_line_inspect(c, a->words[1]);
	case 2:
		if (create->listen == NULL || create->upstream == NULL)
			return usage(c->program, "create needs --listen and --upstream");
		return cli_line_create(c, a->words[1], create);
	case 3:
		return cli_line_toggle(c, a->words[1]);
	case 4:
		return cli_line_delete(c, a->words[1]);
	default:
		return cli_line_connections(c, a->words[1]);
	}
}

static int
line_run(int argc, char **argv)
{
	struct client c = { .program = argv[0] };
	struct cli_line_create create = { .listen = NULL };
	bool want_help = false;
	const struct args_flag flags[] = {
		{ "host h", ARGS_TEXT, { .text = &c.url } }, { "token", ARGS_TEXT, { .text = &c.token } },
		{ "json", ARGS_FLAG, { .flag = &c.json } }, { "help", ARGS_FLAG, { .flag = &want_help } },
		{ "listen l", ARGS_TEXT, { .text = &create.listen } }, { "upstream u", ARGS_TEXT, { .text = &create.upstream } },
		{ "key", ARGS_TEXT, { .text = &create.key } }, { "connect-timeout", ARGS_TEXT, { .text = &create.connect_timeout } },
		{ "half-close", ARGS_FLAG, { .flag = &create.half_close } }, { "disabled", ARGS_FLAG, { .flag = &create.disabled } },
		{ NULL, ARGS_FLAG, { .flag = NULL } },
	};
	struct args args;

	if (args_parse(flags, argc, argv, &args) != 0)
		return usage(argv[0], args.error);
	if (want_help) {
		fputs(help, stdout);
		return CMD_HELD;
	}
	if (args.count == 0)
		return usage(argv[0], "expected a command");
	client_init(&c);
	return dispatch(&c, &args, &create);
}

const struct cmd line_cmd = { "line", "list, create, toggle, delete lines; live connections", help, line_run };
