/* SPDX-License-Identifier: MIT */
/* cli_api.c - a command's talk with the daemon. */
#include "control/cli_api.h"
#include "base/assert.h"
#include "proto/json.h"
#include "proto/jsonw.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USER_AGENT "faultline"
#define TARGET_MAX 16384u
#define BODY_MAX (1u << 20)

static const struct doc_node nothing = { .kind = DOC_NULL, .text = "" };
static const struct doc_node no_items = { .kind = DOC_LIST, .text = "" };

const char *
cli_api_text(const struct doc_node *map, const char *key)
{
	const struct doc_node *n = doc_get(map, key);

	return n != NULL && n->kind == DOC_SCALAR ? n->text : "";
}

int64_t
cli_api_int(const struct doc_node *map, const char *key)
{
	const struct doc_node *n = doc_get(map, key);
	int64_t v;

	return n != NULL && doc_is_int(n, &v) ? v : 0;
}

double
cli_api_float(const struct doc_node *map, const char *key)
{
	const struct doc_node *n = doc_get(map, key);
	double v;

	return n != NULL && doc_is_float(n, &v) ? v : 0;
}

bool
cli_api_bool(const struct doc_node *map, const char *key)
{
	const struct doc_node *n = doc_get(map, key);
	bool v;

	return n != NULL && doc_is_bool(n, &v) && v;
}

const struct doc_node *
cli_api_items(const struct doc_node *map, const char *key)
{
	const struct doc_node *n = doc_get(map, key);

	return n != NULL && (n->kind == DOC_LIST || n->kind == DOC_MAP) ? n : &no_items;
}

void
cli_api_target(struct buf *out, const char *first, ...)
{
	va_list ap;

	va_start(ap, first);
	for (const char *s = first; s != NULL; s = va_arg(ap, const char *)) {
		buf_putc(out, '/');
		url_escape(out, s);
	}
	va_end(ap);
}

const struct doc_node *
cli_answer_root(const struct cli_answer *a)
{
	return a->doc != NULL ? a->doc->root : &nothing;
}

/* An answer came: read it. */
static void
read_answer(struct cli_answer *a)
{
	bool good = a->http.status / 100 == 2;
	char why[JSON_ERROR_MAX];
	int r = 0;

	if (buf_len(&a->http.body) > 0)
		r = json_parse(buf_data(&a->http.body), buf_len(&a->http.body), why, &a->doc);
	if (good && r < 0) {
		snprintf(a->error, sizeof(a->error), "the answer is not JSON: %s", why);
		return;
	}
	a->ok = good;
	if (good)
		return;
	snprintf(a->error, sizeof(a->error), "%s", cli_api_text(cli_answer_root(a), "error"));
	if (a->error[0] == '\0')
		snprintf(a->error, sizeof(a->error), "Unexpected response code %u", a->http.status);
}

bool
cli_api_ask(const struct http_client *c, const char *method, const char *target, const struct buf *body,
    struct cli_answer *answer)
{
	int r;

	*answer = (struct cli_answer){ .ok = false };
	r = http_client_call(c, method, target, body != NULL ? buf_data(body) : NULL, body != NULL ? buf_len(body) : 0,
	    &answer->http);
	if (r < 0)
		snprintf(answer->error, sizeof(answer->error), "%s", answer->http.error);
	else
		read_answer(answer);
	return answer->ok;
}

void
cli_answer_fini(struct cli_answer *a)
{
	http_answer_fini(&a->http);
	doc_free(a->doc);
	a->doc = NULL;
}

static const char *
option_or_env(const struct cli_args *a, const char *option, const char *variable, const char *otherwise)
{
	const char *v = cli_args_value(a, option);

	if (v == NULL)
		v = getenv(variable);
	return v != NULL && v[0] != '\0' ? v : otherwise;
}

int
cli_api_open(const struct cli_args *a, struct http_client *ret_client)
{
	const char *url = option_or_env(a, "url", "FAULTLINE_URL", CLI_URL_DEFAULT);
	const char *token = option_or_env(a, "token", "FAULTLINE_TOKEN", NULL);
	const char *error;

	if (http_client_init(ret_client, url, token, USER_AGENT, &error) < 0)
		return cli_args_refuse(a, "%s: %s", url, error);
	return 0;
}

static void
print_error_json(const char *error, unsigned status)
{
	struct buf out;
	struct jsonw w;

	buf_init(&out, 1 << 16);
	jsonw_init(&w, &out);
	jsonw_object(&w);
	jsonw_str(&w, "error", error);
	jsonw_num(&w, "status", status);
	jsonw_end(&w);
	printf("%s\n", buf_str(&out));
	buf_fini(&out);
}

int
cli_api_failed(const struct cli_args *a, const struct http_client *c, const struct cli_answer *answer)
{
	bool v6 = strchr(c->server.host, ':') != NULL, answered = answer->http.stage == HTTP_STAGE_DONE;
	char text[HTTP_ERROR_MAX + 1024], clean[sizeof(text)];

	fl_assert(!answer->ok);
	if (answered)
		snprintf(text, sizeof(text), "%s", answer->error);
	else
		snprintf(text, sizeof(text), "no answer from http://%s%s%s:%s%s: %s%s", v6 ? "[" : "", c->server.host, v6 ?
		    "]" : "",
		    c->server.port, c->server.base, answer->error,
		    answer->http.stage == HTTP_STAGE_CONNECT ? "; is `faultline serve` running?" : "");
	/* A daemon's words must not steer the terminal. */
	snprintf(clean, sizeof(clean), "%s", text);
	for (char *p = clean; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	cli_args_wrong(a, "%s", clean);
	if (cli_args_has(a, "json"))
		print_error_json(text, answered ? answer->http.status : 0);
	/* 500 is how Toxiproxy's contract refuses an address that cannot be listened on. */
	return answered && (answer->http.status / 100 == 4 || answer->http.status == 500) ? CLI_USAGE : CLI_UNKNOWN;
}

int
cli_api_must(const struct cli_args *a, const struct http_client *c, const char *method, const char *target,
    const struct buf *body,
    struct cli_answer *answer)
{
	if (cli_api_ask(c, method, target, body, answer))
		return CLI_OK;
	return cli_api_failed(a, c, answer);
}

int
cli_api_print(const struct cli_answer *answer)
{
	size_t n = buf_len(&answer->http.body);
	const char *p = buf_data(&answer->http.body);

	while (n > 0 && p[n - 1] == '\n')
		n--;
	fwrite(p, 1, n, stdout);
	putchar('\n');
	return CLI_OK;
}

int
cli_call_init(struct cli_call *c, const struct cli_args *a)
{
	*c = (struct cli_call){ .args = a };
	buf_init(&c->target, TARGET_MAX);
	buf_init(&c->body, BODY_MAX);
	return cli_api_open(a, &c->client) < 0 ? CLI_USAGE : CLI_OK;
}

void
cli_call_fini(struct cli_call *c)
{
	buf_fini(&c->target);
	buf_fini(&c->body);
	cli_answer_fini(&c->answer);
}

int
cli_call_ask(struct cli_call *c, const char *method)
{
	int r;

	cli_answer_fini(&c->answer);
	if (c->target.overflowed || c->body.overflowed)
		return cli_args_wrong(c->args, "a name or a value is too long");
	r = cli_api_must(c->args, &c->client, method, buf_str(&c->target), buf_len(&c->body) > 0 ? &c->body : NULL, &c->answer);
	buf_clear(&c->target);
	buf_clear(&c->body);
	return r;
}

bool
cli_call_json(const struct cli_call *c)
{
	return cli_args_has(c->args, "json");
}
