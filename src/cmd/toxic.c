/* SPDX-License-Identifier: MIT */
/* toxic.c - `faultline toxic`: the toxics on the lines of a running daemon. */
#include "base/text.h"
#include "cmd/cmd.h"
#include "control/cli_api.h"
#include "control/cli_table.h"
#include "control/cli_toxic.h"
#include "fault/kind.h"
#include "proto/jsonw.h"

#include <stdio.h>
#include <string.h>

static int
toxic_add(const struct cli_args *a)
{
	const struct doc_node *toxic;
	struct cli_call c;
	int r = cli_call_init(&c, a);

	if (r == CLI_OK && cli_toxic_body(a, NULL, &c.body) < 0)
		r = CLI_USAGE;
	if (r == CLI_OK) {
		cli_api_target(&c.target, "proxies", a->words[0], "toxics", NULL);
		r = cli_call_ask(&c, "POST");
	}
	toxic = cli_answer_root(&c.answer);
	if (r == CLI_OK && cli_call_json(&c))
		cli_api_print(&c.answer);
	else if (r == CLI_OK)
		cli_table_say("added %s %s toxic %s on line %s\n", cli_api_text(toxic, "stream"), cli_api_text(toxic, "type"),
		    cli_api_text(toxic, "name"), a->words[0]);
	cli_call_fini(&c);
	return r;
}

/* The toxic's name: the second word, or --name. NULL after a message. */
static const char *
toxic_name(const struct cli_args *a)
{
	const char *name = cli_args_value(a, "name");

	if (name != NULL && a->word_count > 1) {
		cli_args_wrong(a, "expected one name of a toxic, found %s and --name %s", a->words[1], name);
		return NULL;
	}
	if (name == NULL && a->word_count > 1)
		name = a->words[1];
	if (name == NULL)
		cli_args_wrong(a, "expected the toxic's name behind the line's; `faultline toxic list %s` shows them",
		    a->words[0]);
	return name;
}

static int
toxic_update(const struct cli_args *a)
{
	const char *name = toxic_name(a);
	struct cli_call c;
	int r;

	if (name == NULL)
		return CLI_USAGE;
	r = cli_call_init(&c, a);
	if (r == CLI_OK) {
		cli_api_target(&c.target, "proxies", a->words[0], "toxics", name, NULL);
		r = cli_call_ask(&c, "GET");
	}
	if (r == CLI_OK && cli_toxic_body(a, cli_answer_root(&c.answer), &c.body) < 0)
		r = CLI_USAGE;
	if (r == CLI_OK) {
		cli_api_target(&c.target, "proxies", a->words[0], "toxics", name, NULL);
		r = cli_call_ask(&c, "PATCH");
	}
	if (r == CLI_OK && cli_call_json(&c))
		cli_api_print(&c.answer);
	else if (r == CLI_OK)
		printf("updated toxic %s on line %s\n", name, a->words[0]);
	cli_call_fini(&c);
	return r;
}

static int
toxic_remove(const struct cli_args *a)
{
	const char *name = toxic_name(a);
	struct cli_call c;
	int r;

	if (name == NULL)
		return CLI_USAGE;
	r = cli_call_init(&c, a);
	if (r == CLI_OK) {
		cli_api_target(&c.target, "proxies", a->words[0], "toxics", name, NULL);
		r = cli_call_ask(&c, "DELETE");
	}
	if (r == CLI_OK && cli_call_json(&c))
		printf("{\"removed\":true}\n");
	else if (r == CLI_OK)
		printf("removed toxic %s from line %s\n", name, a->words[0]);
	cli_call_fini(&c);
	return r;
}

static int
toxic_list(const struct cli_args *a)
{
	struct cli_call c;
	int r = cli_call_init(&c, a);

	if (r == CLI_OK) {
		cli_api_target(&c.target, "proxies", a->words[0], "toxics", NULL);
		r = cli_call_ask(&c, "GET");
	}
	if (r == CLI_OK && cli_call_json(&c))
		cli_api_print(&c.answer);
	else if (r == CLI_OK)
		cli_toxic_print(cli_answer_root(&c.answer));
	cli_call_fini(&c);
	return r;
}

static void
print_kind(const struct kind_info *k)
{
	printf("%s - %s\n", k->name, k->doc);
	for (size_t i = 0; i < k->attr_count; i++)
		printf("    %-16s %s\n", k->attrs[i].name, k->attrs[i].doc);
}

static void
put_kind(struct jsonw *w, const struct kind_info *k)
{
	jsonw_object(w);
	jsonw_str(w, "type", k->name);
	jsonw_str(w, "doc", k->doc);
	jsonw_key(w, "attributes");
	jsonw_array(w);
	for (size_t i = 0; i < k->attr_count; i++) {
		jsonw_object(w);
		jsonw_str(w, "name", k->attrs[i].name);
		jsonw_str(w, "doc", k->attrs[i].doc);
		jsonw_end(w);
	}
	jsonw_end(w);
	jsonw_end(w);
}

/* one: FAULT_KIND_COUNT for all of them. */
static void
print_kinds_json(enum fault_kind one)
{
	struct buf out;
	struct jsonw w;

	buf_init(&out, 1 << 20);
	jsonw_init(&w, &out);
	jsonw_array(&w);
	for (unsigned k = 0; k < FAULT_KIND_COUNT; k++)
		if (one == FAULT_KIND_COUNT || k == (unsigned)one)
			put_kind(&w, kind_info((enum fault_kind)k));
	jsonw_end(&w);
	printf("%s\n", buf_str(&out));
	buf_fini(&out);
}

static int
toxic_types(const struct cli_args *a)
{
	enum fault_kind one = a->word_count > 0 ? kind_find(a->words[0]) : FAULT_KIND_COUNT;
	const char *near = a->word_count > 0 ? text_nearest(a->words[0], kind_names()) : NULL;

	if (a->word_count > 0 && one == FAULT_KIND_COUNT)
		return cli_args_wrong(a, "there is no \"%.60s\"; %s%s%s", a->words[0], near != NULL ? "did you mean " : "",
		    near != NULL ? near : "`faultline toxic types` shows all", near != NULL ? "?" : "");
	if (cli_args_has(a, "json")) {
		print_kinds_json(one);
		return CLI_OK;
	}
	for (unsigned k = 0; k < FAULT_KIND_COUNT; k++)
		if (one == FAULT_KIND_COUNT || k == (unsigned)one)
			print_kind(kind_info((enum fault_kind)k));
	return CLI_OK;
}

#define EFFECT_OPTS                                                                                                              \
	{ 'a', "attribute", "KEY=VALUE", "an attribute; as often as needed. Times take a unit: latency=250ms" },                 \
	{ 0, "toxicity", "SHARE", "share of connections (http_...: requests) it touches, 0 to 1; default 1" },                   \
	{ 0, "scope-client", "ADDRESS", "only clients from there: 10.1.2.3, 10.0.0.0/8" },                                       \
	{ 0, "every", "N", "only every nth connection (request)" },                                                              \
	{ 0, "first", "N", "only the first N connections (requests) of the line" },                                              \
	{ 0, "method", "METHODS", "http_...: only requests with one of these methods: GET,HEAD" },                               \
	{ 0, "path", "PATTERN", "http_...: only requests for such a path; * and ** stand for anything" },                         \
	{ 0, "scope-host", "PATTERN", "http_...: only requests for such a host: '*.example.com'" },                              \
	{ 0, "header", "NAME[: VALUE]", "http_...: only requests with this header" },                                            \
	{ 0, "experiment", "NAME", "http_...: only requests whose x-faultline header lists it" },                                \
	{ 0, "scope-key", "KEY", "http_...: draw by request, or by trace: all requests of a trace share their fate" },           \
	{ 0, "window", "FROM..TO", "only in that time after it was installed: 10s..30s" },                                       \
	{ 0, "duty", "ON/PERIOD", "on and off in turns: 200ms/1s" },                                                             \
	{ 0, "ttl", "TIME", "lease: it goes by itself after that time" }

static const struct cli_opt add_opts[] = {
	{ 't', "type", "TYPE", "what it does; `faultline toxic types` lists them" },
	{ 'n', "name", "NAME", "its name; default TYPE_STREAM" },
	{ 'u', "upstream", NULL, "on what clients send" },
	{ 'd', "downstream", NULL, "on what the server sends; the default" },
	EFFECT_OPTS,
	{ 0, NULL, NULL, NULL },
};
static const struct cli_opt update_opts[] = {
	{ 'n', "name", "NAME", "the toxic, as the second argument" },
	EFFECT_OPTS,
	{ 0, NULL, NULL, NULL },
};
static const struct cli_opt name_opts[] = {
	{ 'n', "name", "NAME", "the toxic, as the second argument" },
	{ 0, NULL, NULL, NULL },
};
static const char *const remove_names[] = { "delete", "rm", NULL }, *const list_names[] = { "ls", NULL };

static const struct cli_verb verbs[] = {
	{ "add", NULL, "LINE", 1, 1, "put a toxic on a line; open connections feel it at once", add_opts,
	    "  faultline toxic add redis --type latency -a latency=250ms -a jitter=50ms\n"
	    "  faultline toxic add redis -t reset_peer -a timeout=1s --every 3 --ttl 1m\n"
	    "  faultline toxic add redis -t corrupt -a rate=0.0001 --upstream --scope-client 10.0.0.0/8\n", toxic_add },
	{ "update", NULL, "LINE NAME", 1, 2, "change what is given, leave the rest", update_opts,
	    "  faultline toxic update redis latency_downstream -a latency=1s\n", toxic_update },
	{ "remove", remove_names, "LINE NAME", 1, 2, "take a toxic off a line", name_opts, NULL, toxic_remove },
	{ "list", list_names, "LINE", 1, 1, "the toxics of a line", NULL, NULL, toxic_list },
	{ "types", NULL, "[TYPE]", 0, 1, "what toxics there are, and their attributes", NULL, NULL, toxic_types },
	{ .name = NULL },
};

static const struct cli_group group = {
	.name = "toxic", .help = "the toxics on the lines of a running daemon", .verbs = verbs,
	.more = "A toxic is a fault on a line: it delays, cuts, damages or holds back what passes.\n",
};

int
cmd_toxic(int argc, char **argv)
{
	return cli_args_run(&group, argc, argv);
}
