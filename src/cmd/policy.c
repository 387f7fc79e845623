/* SPDX-License-Identifier: MIT */
/* policy.c - `faultline policy`: how the calls of HTTP lines are protected. */
#include "base/text.h"
#include "cmd/cmd.h"
#include "control/cli_api.h"
#include "control/cli_http.h"
#include "control/cli_table.h"
#include "control/http_set.h"
#include "io/term.h"
#include "proto/doc_patch.h"
#include "proto/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

/* ---- set ---- */

/* A value as it is typed: a list or map in JSON, null, a number or a boolean, or else a text. */
static void
put_value(struct buf *out, const char *text)
{
	const struct doc_node scalar = { .kind = DOC_SCALAR, .plain = true, .text = text };
	struct jsonw w;

	jsonw_init(&w, out);
	if (text[0] == '[' || text[0] == '{')
		jsonw_raw(&w, text, strlen(text));
	else if (strcmp(text, "null") == 0)
		jsonw_null(&w);
	else
		doc_patch_json(&w, &scalar, NULL);
}

/* "retry.attempts=2" as {"retry":{"attempts":2}}. 0 or -EINVAL after a message. */
static int
put_assignment(const struct cli_args *a, const char *text, struct buf *out)
{
	const char *equals = strchr(text, '=');
	unsigned depth = 0;
	struct jsonw w;

	if (equals == NULL || equals == text)
		return cli_args_refuse(a, "found \"%.80s\", expected KEY=VALUE such as retry.attempts=2", text);
	jsonw_init(&w, out);
	for (const char *p = text; p < equals; depth++) {
		size_t n = FL_MIN(strcspn(p, "."), (size_t)(equals - p));
		char key[64];

		if (n == 0 || n >= sizeof(key) || depth == 8)
			return cli_args_refuse(a, "found \"%.80s\", expected a key such as retry.attempts", text);
		memcpy(key, p, n);
		key[n] = '\0';
		jsonw_object(&w);
		jsonw_key(&w, key);
		p += n + (p[n] == '.');
	}
	put_value(out, equals + 1);
	for (; depth > 0; depth--)
		buf_putc(out, '}');
	return 0;
}

/* All assignments in one. */
static int
put_patch(const struct cli_args *a, struct buf *out)
{
	struct doc *docs[CLI_WORDS_MAX] = { NULL };
	const struct doc_node *all = NULL;
	char error[JSON_ERROR_MAX];
	struct arena mem;
	struct jsonw w;
	int rc = 0;

	arena_init(&mem, 16u << 20);
	for (unsigned i = 1; i < a->word_count && rc == 0; i++) {
		struct buf one;

		buf_init(&one, 1 << 20);
		rc = put_assignment(a, a->words[i], &one);
		if (rc == 0)
			rc = json_parse(buf_data(&one), buf_len(&one), error, &docs[i]) == 0 ? 0 :
			    cli_args_refuse(a, "found \"%.80s\": %s", a->words[i], error);
		/* A null takes a setting back: it must survive until the daemon sees it, so maps are laid over each other by hand. */
		if (rc == 0)
			all = all == NULL ? docs[i]->root : doc_patch_join(&mem, all, docs[i]->root);
		buf_fini(&one);
	}
	jsonw_init(&w, out);
	if (rc == 0 && all != NULL)
		rc = doc_patch_json(&w, all, NULL);
	for (unsigned i = 1; i < a->word_count; i++)
		doc_free(docs[i]);
	arena_fini(&mem);
	return rc;
}

static int
policy_set(const struct cli_args *a)
{
	const char *route = cli_args_value(a, "route");
	struct cli_call c;
	int r = cli_call_init(&c, a);

	if (r == CLI_OK && put_patch(a, &c.body) != 0)
		r = CLI_USAGE;
	if (r == CLI_OK) {
		cli_api_target(&c.target, "v1", "lines", a->words[0], "policies", NULL);
		if (route != NULL) {
			buf_puts(&c.target, "?route=");
			url_escape(&c.target, route);
		}
		r = cli_call_ask(&c, "PATCH");
	}
	if (r == CLI_OK && cli_call_json(&c))
		cli_api_print(&c.answer);
	cli_call_fini(&c);
	return r;
}

/* ---- list, show ---- */

/* Ask what the policies of a line are at, and show it. */
static int
show_line(struct cli_call *c, const char *name, bool more)
{
	const struct doc_node *root;
	struct buf out;
	int r;

	cli_api_target(&c->target, "v1", "lines", name, "policies", NULL);
	r = cli_call_ask(c, "GET");
	if (r != CLI_OK)
		return r;
	root = cli_answer_root(&c->answer);
	buf_init(&out, TEXT_MAX);
	cli_http_policies(root, term_is_output(), &out);
	fwrite(buf_data(&out), 1, buf_len(&out), stdout);
	buf_fini(&out);
	if (more)
		cli_http_changes(root);
	return r;
}

static int
policy_show(const struct cli_args *a)
{
	struct cli_call c;
	int r = cli_call_init(&c, a);

	if (r == CLI_OK && cli_call_json(&c)) {
		cli_api_target(&c.target, "v1", "lines", a->words[0], "policies", NULL);
		r = cli_call_ask(&c, "GET");
		if (r == CLI_OK)
			cli_api_print(&c.answer);
	} else if (r == CLI_OK) {
		r = show_line(&c, a->words[0], true);
	}
	cli_call_fini(&c);
	return r;
}

/* The names of the HTTP lines among them, to be freed with their array. */
static unsigned
http_names(const struct doc_node *lines, char ***ret_names)
{
	char **names = calloc(lines->count + 1, sizeof(char *));
	unsigned count = 0;

	for (uint32_t i = 0; names != NULL && lines->kind == DOC_LIST && i < lines->count; i++) {
		if (doc_get(lines->items[i], "http") != NULL && (names[count] = strdup(cli_api_text(lines->items[i], "name"))) != NULL)
			count++;
	}
	*ret_names = names;
	return count;
}

static int
policy_list(const struct cli_args *a)
{
	char **names = NULL;
	unsigned count = 0;
	struct cli_call c;
	int r = cli_call_init(&c, a);

	if (r == CLI_OK) {
		buf_puts(&c.target, "/v1/lines?instances=1");
		r = cli_call_ask(&c, "GET");
	}
	if (r == CLI_OK && cli_call_json(&c)) {
		cli_api_print(&c.answer);
	} else if (r == CLI_OK) {
		count = http_names(cli_answer_root(&c.answer), &names);
		for (unsigned i = 0; i < count && r == CLI_OK; i++)
			r = show_line(&c, names[i], false);
		if (count == 0 && term_is_output())
			puts("no HTTP lines");
	}
	for (unsigned i = 0; i < count; i++)
		free(names[i]);
	free(names);
	cli_call_fini(&c);
	return r;
}

/* ---- force ---- */

static int
policy_force(const struct cli_args *a)
{
	const char *keys[] = { "instance", "route" };
	struct cli_call c;
	struct jsonw w;
	int r = cli_call_init(&c, a);

	if (r == CLI_OK) {
		jsonw_init(&w, &c.body);
		jsonw_object(&w);
		jsonw_str(&w, "state", a->words[1]);
		for (size_t i = 0; i < FL_ARRAY_LEN(keys); i++) {
			if (cli_args_value(a, keys[i]) != NULL)
				jsonw_str(&w, keys[i], cli_args_value(a, keys[i]));
		}
		jsonw_end(&w);
		cli_api_target(&c.target, "v1", "lines", a->words[0], "breaker", NULL);
		r = cli_call_ask(&c, "POST");
	}
	if (r == CLI_OK && cli_call_json(&c))
		cli_api_print(&c.answer);
	cli_call_fini(&c);
	return r;
}

/* ---- verbs ---- */

static const struct cli_opt explain_opts[] = {
	{ 'r', "route", "NAME", "one route only" },
	{ 'c', "config", "FILE", "a line of that file, instead of the daemon's" },
	{ 0, NULL, NULL, NULL },
};
static const struct cli_opt force_opts[] = {
	{ 'i', "instance", "ADDRESS", "the breaker of that instance only" },
	{ 'r', "route", "NAME", "the breaker of that route only" },
	{ 0, NULL, NULL, NULL },
};
static const char *const list_names[] = { "ls", NULL };
static const struct cli_opt set_opts[] = {
	{ 'r', "route", "NAME", "of that route only" },
	{ 0, NULL, NULL, NULL },
};
static const struct cli_verb verbs[] = {
	{ "explain", NULL, "LINE", 1, 1, "what happens to a call, what it costs at worst, and what is doubtful about it", explain_opts,
	    "  faultline policy explain cart --route checkout\n  faultline policy explain cart -c faultline.yaml\n", policy_explain },
	{ "list", list_names, "", 0, 0, "the policies of all HTTP lines, and their states", NULL, NULL, policy_list },
	{ "show", NULL, "LINE", 1, 1, "those of one line, and how they changed lately", NULL, "  faultline policy show cart\n", policy_show },
	{ "force", NULL, "LINE open|closed|auto", 2, 2, "hold its breakers open (all is refused) or closed (all passes), or let them be", force_opts,
	    "  faultline policy force cart open --instance 10.0.0.1:8080\n  faultline policy force cart auto\n", policy_force },
	{ "set", NULL, "LINE KEY=VALUE...", 2, CLI_WORDS_MAX, "change policies of a line as it runs; null takes a setting back", set_opts,
	    "  faultline policy set cart retry.attempts=2 rate_limit=50/s\n  faultline policy set cart --route checkout retry=false\n", policy_set },
	{ .name = NULL },
};
static const struct cli_group group = {
	.name = "policy", .help = "how the calls of HTTP lines are protected", .verbs = verbs,
	.more = "Exit code of explain: 1 when something about the policies is doubtful.\n",
};

int
cmd_policy(int argc, char **argv)
{
	return cli_args_run(&group, argc, argv);
}
