/* SPDX-License-Identifier: MIT */
/* line_verbs.c - `faultline line`: the lines of a running daemon. */
#include "cmd/cmd.h"
#include "base/units.h"
#include "control/cli_api.h"
#include "control/cli_table.h"
#include "control/cli_toxic.h"
#include "io/term.h"
#include "proto/jsonw.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static double
traffic(const struct doc_node *line, const char *direction)
{
	return cli_api_float(doc_get(line, direction), "sent_bytes");
}

static void
print_lines(const struct doc_node *lines)
{
	static const char *const header[] = { "NAME", "LISTEN", "UPSTREAM", "STATE", ">CONNECTIONS", ">UP", ">DOWN", "TOXICS" };
	struct cli_table t;

	cli_table_init(&t, header, FL_ARRAY_LEN(header));
	for (uint32_t i = 0; lines->kind == DOC_LIST && i < lines->count; i++) {
		const struct doc_node *line = lines->items[i];
		bool on = cli_api_bool(line, "enabled");
		char text[32];

		cli_table_cell(&t, CLI_BOLD, "%s", cli_api_text(line, "name"));
		cli_table_cell(&t, CLI_PLAIN, "%s", cli_api_text(line, "listen"));
		cli_table_cell(&t, CLI_PLAIN, "%s", cli_api_text(line, "upstream"));
		cli_table_cell(&t, on ? CLI_GREEN : CLI_RED, "%s", on ? "enabled" : "disabled");
		cli_table_cell(&t, CLI_PLAIN, "%lld", (long long)cli_api_int(line, "connections"));
		cli_table_cell(&t, CLI_PLAIN, "%s", units_bytes(text, sizeof(text), traffic(line, "upstream_traffic")));
		cli_table_cell(&t, CLI_PLAIN, "%s", units_bytes(text, sizeof(text), traffic(line, "downstream_traffic")));
		cli_table_cell(&t, CLI_PLAIN, "%u", cli_api_items(line, "toxics")->count);
	}
	if (t.count == 0 && term_is_output())
		printf("no lines; make one with `faultline line create NAME --listen ADDRESS --upstream ADDRESS`\n");
	else
		cli_table_print(&t);
	cli_table_fini(&t);
}

static int
line_list(const struct cli_args *a)
{
	struct cli_call c;
	int r = cli_call_init(&c, a);

	if (r == CLI_OK) {
		buf_puts(&c.target, "/v1/lines");
		r = cli_call_ask(&c, "GET");
	}
	if (r == CLI_OK && cli_call_json(&c))
		cli_api_print(&c.answer);
	else if (r == CLI_OK)
		print_lines(cli_answer_root(&c.answer));
	cli_call_fini(&c);
	return r;
}

static void
print_closed(const struct doc_node *closed)
{
	for (uint32_t i = 0; closed->kind == DOC_MAP && i < closed->count; i++)
		cli_table_say("%-12s %s %s\n", i == 0 ? "closed" : "", closed->pairs[i].value->text, closed->pairs[i].key->text);
}

static void
print_line(const struct doc_node *line)
{
	const struct doc_node *toxics = cli_api_items(line, "toxics");
	char up[32], down[32];

	cli_table_say("%-12s %s\n", "name", cli_api_text(line, "name"));
	cli_table_say("%-12s %s\n", "listen", cli_api_text(line, "listen"));
	cli_table_say("%-12s %s\n", "upstream", cli_api_text(line, "upstream"));
	cli_table_say("%-12s %s\n", "state", cli_api_bool(line, "enabled") ? "enabled" : "disabled");
	cli_table_say("%-12s %s\n", "half-close", cli_api_bool(line, "half_close") ?
	    "passed on" : "ends both directions, as with Toxiproxy");
	cli_table_say("%-12s %lld open, %lld accepted\n", "connections", (long long)cli_api_int(line, "connections"),
	    (long long)cli_api_int(line, "accepted"));
	cli_table_say("%-12s %s up, %s down\n", "traffic", units_bytes(up, sizeof(up), traffic(line, "upstream_traffic")),
	    units_bytes(down, sizeof(down), traffic(line, "downstream_traffic")));
	print_closed(cli_api_items(line, "closed"));
	if (toxics->count > 0) {
		putchar('\n');
		cli_toxic_print(toxics);
	}
}

static int
line_inspect(const struct cli_args *a)
{
	struct cli_call c;
	int r = cli_call_init(&c, a);

	if (r == CLI_OK) {
		cli_api_target(&c.target, "v1", "lines", a->words[0], NULL);
		r = cli_call_ask(&c, "GET");
	}
	if (r == CLI_OK && cli_call_json(&c))
		cli_api_print(&c.answer);
	else if (r == CLI_OK)
		print_line(cli_answer_root(&c.answer));
	cli_call_fini(&c);
	return r;
}

/* "true", "yes", "on" and their opposites. 0 or -EINVAL after a message. */
static int
read_bool(const struct cli_args *a, const char *option, bool *ret)
{
	static const char *const yes[] = { "true", "yes", "on", "1" }, *const no[] = { "false", "no", "off", "0" };
	const char *text = cli_args_value(a, option);

	for (size_t i = 0; i < FL_ARRAY_LEN(yes); i++) {
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*ret = strcmp(text, yes[i]) == 0;
			return 0;
		}
	}
	return cli_args_refuse(a, "--%s: found \"%.60s\", expected true or false", option, text);
}

static int
put_create(struct jsonw *w, const struct cli_args *a)
{
	const char *listen = cli_args_value(a, "listen"), *upstream = cli_args_value(a, "upstream");
	const char *key = cli_args_value(a, "key"), *timeout = cli_args_value(a, "connect-timeout");
	bool half_close = false;
	fl_ns ns;

	if (upstream == NULL)
		return cli_args_refuse(a, "expected --upstream ADDRESS, such as --upstream localhost:6379");
	jsonw_str(w, "name", a->words[0]);
	jsonw_str(w, "listen", listen != NULL ? listen : "127.0.0.1:0");
	jsonw_str(w, "upstream", upstream);
	jsonw_flag(w, "enabled", !cli_args_has(a, "disabled"));
	if (cli_args_has(a, "half-close")) {
		if (read_bool(a, "half-close", &half_close) < 0)
			return -EINVAL;
		jsonw_flag(w, "half_close", half_close);
	}
	if (key != NULL) {
		if (strcmp(key, "ordinal") != 0 && strcmp(key, "client") != 0)
			return cli_args_refuse(a, "--key: found \"%.60s\", expected ordinal or client", key);
		jsonw_str(w, "key", key);
	}
	if (timeout != NULL) {
		if (units_parse_duration(timeout, &ns) < 0)
			return cli_args_refuse(a, "--connect-timeout: found \"%.60s\", expected a duration such as 5s", timeout);
		jsonw_str(w, "connect_timeout", timeout);
	}
	return 0;
}

static int
line_create(const struct cli_args *a)
{
	struct jsonw w;
	struct cli_call c;
	int r = cli_call_init(&c, a);

	if (r == CLI_OK) {
		jsonw_init(&w, &c.body);
		jsonw_object(&w);
		if (put_create(&w, a) < 0)
			r = CLI_USAGE;
		else
			jsonw_end(&w);
	}
	if (r == CLI_OK) {
		buf_puts(&c.target, "/proxies");
		r = cli_call_ask(&c, "POST");
	}
	if (r == CLI_OK && cli_call_json(&c))
		cli_api_print(&c.answer);
	else if (r == CLI_OK)
		cli_table_say("created line %s: %s -> %s\n", a->words[0], cli_api_text(cli_answer_root(&c.answer), "listen"),
		    cli_api_text(cli_answer_root(&c.answer), "upstream"));
	cli_call_fini(&c);
	return r;
}

static int
set_enabled(struct cli_call *c, const char *name, bool on)
{
	int r;

	buf_printf(&c->body, "{\"enabled\":%s}", on ? "true" : "false");
	cli_api_target(&c->target, "proxies", name, NULL);
	r = cli_call_ask(c, "POST");
	if (r == CLI_OK && cli_call_json(c))
		cli_api_print(&c->answer);
	else if (r == CLI_OK)
		printf("line %s is %s\n", name, on ? "enabled" : "disabled");
	return r;
}

/* For each name given: the first that fails ends it. */
static int
for_names(const struct cli_args *a, int (*each)(struct cli_call *c, const char *name))
{
	struct cli_call c;
	int r = cli_call_init(&c, a);
	bool list = cli_call_json(&c) && a->word_count > 1;

	for (unsigned i = 0; i < a->word_count && r == CLI_OK; i++) {
		if (list)
			putchar(i == 0 ? '[' : ',');
		r = each(&c, a->words[i]);
	}
	if (list)
		printf("]\n");
	cli_call_fini(&c);
	return r;
}

static int
toggle_one(struct cli_call *c, const char *name)
{
	int r;

	cli_api_target(&c->target, "proxies", name, NULL);
	r = cli_call_ask(c, "GET");
	return r != CLI_OK ? r : set_enabled(c, name, !cli_api_bool(cli_answer_root(&c->answer), "enabled"));
}

static int
enable_one(struct cli_call *c, const char *name)
{
	return set_enabled(c, name, true);
}

static int
disable_one(struct cli_call *c, const char *name)
{
	return set_enabled(c, name, false);
}

static int
delete_one(struct cli_call *c, const char *name)
{
	int r;

	cli_api_target(&c->target, "proxies", name, NULL);
	r = cli_call_ask(c, "DELETE");
	if (r == CLI_OK)
		printf(cli_call_json(c) ? "{\"deleted\":true}\n" : "deleted line %s\n", name);
	return r;
}

static int
cut_one(struct cli_call *c, const char *name)
{
	int r;

	cli_api_target(&c->target, "v1", "lines", name, "connections", NULL);
	if (cli_args_has(c->args, "reset"))
		buf_puts(&c->target, "?reset=1");
	r = cli_call_ask(c, "DELETE");
	if (r == CLI_OK && cli_call_json(c))
		cli_api_print(&c->answer);
	else if (r == CLI_OK)
		printf("cut %lld connections of line %s\n", (long long)cli_api_int(cli_answer_root(&c->answer), "closed"), name);
	return r;
}

static int
line_toggle(const struct cli_args *a)
{
	return for_names(a, toggle_one);
}

static int
line_enable(const struct cli_args *a)
{
	return for_names(a, enable_one);
}

static int
line_disable(const struct cli_args *a)
{
	return for_names(a, disable_one);
}

static int
line_delete(const struct cli_args *a)
{
	return for_names(a, delete_one);
}

static int
line_cut(const struct cli_args *a)
{
	return for_names(a, cut_one);
}

/* An instance of an HTTP line takes no more calls, or takes them again. */
static int
drain(const struct cli_args *a, const char *verb)
{
	struct cli_call c;
	int r = cli_call_init(&c, a);

	if (r == CLI_OK) {
		cli_api_target(&c.target, "v1", "lines", a->words[0], "instances", a->words[1], verb, NULL);
		r = cli_call_ask(&c, "POST");
	}
	if (r == CLI_OK && cli_call_json(&c))
		cli_api_print(&c.answer);
	cli_call_fini(&c);
	return r;
}

static int
line_drain(const struct cli_args *a)
{
	return drain(a, "drain");
}

static int
line_undrain(const struct cli_args *a)
{
	return drain(a, "undrain");
}

/* "slow(12) cut" : the faults that apply, with what each has done so far. */
static void
describe_faults(const struct doc_node *faults, struct buf *out)
{
	for (uint32_t i = 0; faults->kind == DOC_LIST && i < faults->count; i++) {
		const struct doc_node *f = faults->items[i];

		if (!cli_api_bool(f, "applies"))
			continue;
		buf_printf(out, "%s%s", buf_len(out) > 0 ? " " : "", cli_api_text(f, "name"));
		if (cli_api_int(f, "hits") > 0)
			buf_printf(out, "(%lld)", (long long)cli_api_int(f, "hits"));
	}
}

static void
print_connections(const struct doc_node *connections)
{
	static const char *const header[] = {
		">CONNECTION", "CLIENT", "SERVER", "STATE", ">AGE", ">UP", ">DOWN", ">HELD", "FAULTS (HITS)",
	};
	struct cli_table t;

	cli_table_init(&t, header, FL_ARRAY_LEN(header));
	for (uint32_t i = 0; connections->kind == DOC_LIST && i < connections->count; i++) {
		const struct doc_node *n = connections->items[i], *up = doc_get(n, "upstream"), *down = doc_get(n, "downstream");
		char text[32];
		struct buf faults;

		buf_init(&faults, 1 << 14);
		describe_faults(cli_api_items(n, "faults"), &faults);
		cli_table_cell(&t, CLI_BOLD, "%lld", (long long)cli_api_int(n, "conn"));
		cli_table_cell(&t, CLI_PLAIN, "%s", cli_api_text(n, "client"));
		cli_table_cell(&t, CLI_PLAIN, "%s", cli_api_text(n, "server"));
		cli_table_cell(&t, CLI_PLAIN, "%s", cli_api_text(n, "state"));
		cli_table_cell(&t, CLI_PLAIN, "%s", units_duration(text, sizeof(text), (fl_ns)cli_api_float(n,
		    "age_ms") * FL_MS));
		cli_table_cell(&t, CLI_PLAIN, "%s", units_bytes(text, sizeof(text), cli_api_float(up, "sent_bytes")));
		cli_table_cell(&t, CLI_PLAIN, "%s", units_bytes(text, sizeof(text), cli_api_float(down, "sent_bytes")));
		cli_table_cell(&t, CLI_PLAIN, "%s",
		    units_bytes(text, sizeof(text), cli_api_float(up, "held_bytes") + cli_api_float(down, "held_bytes")));
		cli_table_cell(&t, CLI_YELLOW, "%s", buf_str(&faults));
		buf_fini(&faults);
	}
	cli_table_print(&t);
	cli_table_fini(&t);
}

static int
line_connections(const struct cli_args *a)
{
	struct cli_call c;
	int r = cli_call_init(&c, a);

	if (r == CLI_OK) {
		cli_api_target(&c.target, "v1", "lines", a->words[0], "connections", NULL);
		buf_puts(&c.target, "?max=10000");
		r = cli_call_ask(&c, "GET");
	}
	if (r == CLI_OK && cli_call_json(&c)) {
		cli_api_print(&c.answer);
	} else if (r == CLI_OK) {
		const struct doc_node *root = cli_answer_root(&c.answer), *list = cli_api_items(root, "connections");

		print_connections(list);
		if (cli_api_int(root, "count") > list->count)
			fprintf(stderr, "%lld more\n", (long long)cli_api_int(root, "count") - list->count);
	}
	cli_call_fini(&c);
	return r;
}

static const struct cli_opt create_opts[] = {
	{ 'l', "listen", "ADDRESS", "where clients connect: 127.0.0.1:6380, :6380, unix:/run/x.sock; default a free port" },
	{ 'u', "upstream", "ADDRESS", "where it leads: host:port or unix:/run/x.sock" },
	{ 0, "disabled", NULL, "do not listen yet" },
	{ 0, "half-close", "BOOL", "pass on the end of one direction and keep the other; default false, as Toxiproxy" },
	{ 0, "key", "ordinal|client", "what decisions on a connection are keyed by: its number, or its client's address" },
	{ 0, "connect-timeout", "TIME", "for reaching the server, such as 5s; default 10s" },
	{ 0, NULL, NULL, NULL },
};
static const struct cli_opt cut_opts[] = {
	{ 0, "reset", NULL, "with a reset instead of an ordinary close" },
	{ 0, NULL, NULL, NULL },
};
static const char *const list_names[] = { "ls", NULL }, *const inspect_names[] = { "show", NULL },
    *const create_names[] = { "new", NULL }, *const delete_names[] = { "rm", NULL }, *const connections_names[] = { "conns", NULL };

static const struct cli_verb verbs[] = {
	{ "list", list_names, "", 0, 0, "all lines", NULL, "  faultline line list --json | jq '.[].name'\n", line_list },
	{ "inspect", inspect_names, "NAME", 1, 1, "one line: state, traffic, toxics", NULL, NULL, line_inspect },
	{ "create", create_names, "NAME", 1, 1, "make a line", create_opts,
	    "  faultline line create redis --listen 127.0.0.1:6380 --upstream 127.0.0.1:6379\n"
	    "  faultline line create db -u unix:/run/postgresql/.s.PGSQL.5432 --half-close true\n", line_create },
	{ "toggle", NULL, "NAME...", 1, CLI_WORDS_MAX, "enable what is disabled, disable what is enabled", NULL, NULL,
	  line_toggle },
	{ "enable", NULL, "NAME...", 1, CLI_WORDS_MAX, "listen again", NULL, NULL, line_enable },
	{ "disable", NULL, "NAME...", 1, CLI_WORDS_MAX, "close its connections and its listener; its toxics stay", NULL, NULL,
	    line_disable },
	{ "delete", delete_names, "NAME...", 1, CLI_WORDS_MAX, "close it and forget it", NULL, NULL, line_delete },
	{ "connections", connections_names, "NAME", 1, 1, "its open connections, and what faults did to each", NULL, NULL,
	    line_connections },
	{ "cut", NULL, "NAME...", 1, CLI_WORDS_MAX, "close its open connections; the line goes on", cut_opts,
	    "  faultline line cut redis --reset\n", line_cut },
	{ "drain", NULL, "NAME ADDRESS", 2, 2, "an instance of an HTTP line takes no more calls; those under way go on", NULL,
	    "  faultline line drain cart 10.0.0.1:8080\n", line_drain },
	{ "undrain", NULL, "NAME ADDRESS", 2, 2, "it takes calls again", NULL, NULL, line_undrain },
	{ .name = NULL },
};

static const struct cli_group group = {
	.name = "line", .help = "the lines of a running daemon", .verbs = verbs,
	.more = "A line leads connections from where it listens to a server (Toxiproxy calls it a proxy).\n",
};

int
cmd_line(int argc, char **argv)
{
	return cli_args_run(&group, argc, argv);
}
