/* SPDX-License-Identifier: MIT */
/* policy.c - `faultline policy`: how the calls of HTTP lines are protected. */
#include "base/text.h"
#include "cmd/cmd.h"
#include "control/cli_api.h"
#include "control/cli_table.h"
#include "control/http_set.h"
#include "io/term.h"
#include "proto/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX (64u << 20)
#define WIDTH_MOST 120u

/* ---- explain ---- */

static unsigned
width(void)
{
	unsigned rows, columns;

	term_size(&rows, &columns);
	return term_is_output() ? FL_MIN(FL_MAX(columns, 40u), WIDTH_MOST) : 100;
}

/* Print what http_set_explain() wrote. returns the exit code. */
static int
print_explained(const struct cli_args *a, const struct doc_node *root, const char *json, size_t n)
{
	if (cli_args_has(a, "json"))
		printf("%.*s\n", (int)n, json);
	else
		cli_table_say("%s", cli_api_text(root, "text"));
	return cli_api_int(root, "warnings") > 0 ? CLI_FINDING : CLI_OK;
}

/* Names that were not found, and the nearest that there is. */
static int
no_such(const struct cli_args *a, const char *what, const char *name, const char *const *names)
{
	const char *near = text_nearest(name, names);

	return cli_args_wrong(a, "there is no HTTP %s \"%.80s\"%s%s%s", what, name, near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
}

static int
find_in_set(const struct cli_args *a, const struct http_cost_set *set, int *ret_line, int *ret_route)
{
	const char *names[HTTP_ASK_ROUTES_MAX + 1] = { NULL }, *route = cli_args_value(a, "route");
	const struct http_doc *h;

	for (unsigned i = 0; i < FL_MIN(set->count, HTTP_ASK_ROUTES_MAX); i++)
		names[i] = set->lines[i].doc->name;
	*ret_line = http_set_find(set, a->words[0]);
	*ret_route = -1;
	if (*ret_line < 0)
		return no_such(a, "line", a->words[0], names);
	if (route == NULL)
		return CLI_OK;
	*ret_route = http_set_route(set, (unsigned)*ret_line, route);
	if (*ret_route >= 0)
		return CLI_OK;
	h = set->lines[*ret_line].doc;
	memset(names, 0, sizeof(names));
	for (unsigned i = 0; i < FL_MIN(h->route_count, HTTP_ASK_ROUTES_MAX); i++)
		names[i] = h->routes[i].name;
	return no_such(a, "route", route, names);
}

static int
explain_config(const struct cli_args *a, const struct config *c)
{
	char error[JSON_ERROR_MAX];
	struct http_cost_set set;
	struct doc *doc = NULL;
	struct jsonw w;
	struct buf out;
	int line, route, r;

	if (http_set_of_config(c, &set) != 0)
		return cli_args_wrong(a, "out of memory");
	r = find_in_set(a, &set, &line, &route);
	buf_init(&out, TEXT_MAX);
	if (r == CLI_OK) {
		jsonw_init(&w, &out);
		http_set_explain(&set, (unsigned)line, route, (int)width(), &w);
		r = json_parse(buf_data(&out), buf_len(&out), error, &doc) == 0 ? print_explained(a, doc->root, buf_data(&out), buf_len(&out)) :
		    cli_args_wrong(a, "%s", error);
	}
	doc_free(doc);
	buf_fini(&out);
	http_set_fini(&set);
	return r;
}

static int
explain_file(const struct cli_args *a, const char *path)
{
	struct buf complaints;
	struct config *c = NULL;
	int r;

	buf_init(&complaints, 1 << 20);
	if (config_read(path, &complaints, &c) < 0) {
		fprintf(stderr, "%s\n", buf_str(&complaints));
		r = CLI_USAGE;
	} else {
		r = explain_config(a, c);
	}
	config_free(c);
	buf_fini(&complaints);
	return r;
}

static int
policy_explain(const struct cli_args *a)
{
	const char *file = cli_args_value(a, "config"), *route = cli_args_value(a, "route");
	struct cli_call c;
	int r;

	if (file != NULL)
		return explain_file(a, file);
	r = cli_call_init(&c, a);
	if (r == CLI_OK) {
		cli_api_target(&c.target, "v1", "lines", a->words[0], "explain", NULL);
		buf_printf(&c.target, "?width=%u", width());
		if (route != NULL) {
			buf_puts(&c.target, "&route=");
			url_escape(&c.target, route);
		}
		r = cli_call_ask(&c, "GET");
	}
	if (r == CLI_OK)
		r = print_explained(a, cli_answer_root(&c.answer), buf_data(&c.answer.http.body), buf_len(&c.answer.http.body));
	cli_call_fini(&c);
	return r;
}

/* ---- verbs ---- */

static const struct cli_opt explain_opts[] = {
	{ 'r', "route", "NAME", "one route only" },
	{ 'c', "config", "FILE", "a line of that file, instead of the daemon's" },
	{ 0, NULL, NULL, NULL },
};
static const struct cli_verb verbs[] = {
	{ "explain", NULL, "LINE", 1, 1, "what happens to a call, what it costs at worst, and what is doubtful about it", explain_opts,
	    "  faultline policy explain cart --route checkout\n  faultline policy explain cart -c faultline.yaml\n", policy_explain },
	{ .name = NULL },
};
static const struct cli_group group = {
	.name = "policy", .help = "how the calls of HTTP lines are protected", .verbs = verbs,
	.more = "Exit code 1: something about the policies is doubtful.\n",
};

int
cmd_policy(int argc, char **argv)
{
	return cli_args_run(&group, argc, argv);
}
