/* SPDX-License-Identifier: MIT */
/* client.c - what the commands that talk to the daemon share. */
#include "cmd/client.h"
#include "base/version.h"
#include "cmd/cmd.h"
#include "proto/json.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT (30 * FL_SEC)

static const char *
environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

void
client_init(struct client *c)
{
	if (c->url == NULL)
		c->url = environment("FAULTLINE_URL");
	if (c->url == NULL)
		c->url = environment("TOXIPROXY_URL");
	if (c->url == NULL)
		c->url = "http://localhost:8474";
	if (c->token == NULL)
		c->token = environment("FAULTLINE_TOKEN");
	if (c->agent == NULL)
		c->agent = "faultline/" VERSION_FAULTLINE;
	c->colours = isatty(STDOUT_FILENO) == 1;
}

/* What the daemon says is wrong. */
static int
refused(struct client_answer *a, char *error)
{
	const struct doc_node *text = a->doc != NULL ? doc_get(a->doc->root, "error") : NULL;

	if (text != NULL)
		snprintf(error, CLIENT_ERROR_MAX, "HTTP %u: %.900s", a->http.status, text->text);
	else
		snprintf(error, CLIENT_ERROR_MAX, "HTTP %u: %.*s", a->http.status, (int)FL_MIN(buf_len(&a->http.body), 200),
		    buf_len(&a->http.body) > 0 ? buf_data(&a->http.body) : "");
	error[strcspn(error, "\n")] = '\0';
	client_fini(a);
	return -EPROTO;
}

int
client_call(const struct client *c, const char *method, const char *path, const char *body, struct client_answer *ret, char *error)
{
	struct http_client_request q = { .method = method, .path = path, .agent = c->agent, .token = c->token, .body = body, .timeout = TIMEOUT };
	struct client_answer a = { .doc = NULL };
	char why[HTTP_CLIENT_ERROR_MAX], ignored[JSON_ERROR_MAX];
	struct url_server server;
	const char *bad;
	int rc;

	if (url_server_parse(c->url, &server, &bad) != 0) {
		snprintf(error, CLIENT_ERROR_MAX, "found the server \"%.100s\", %s", c->url, bad);
		return -EINVAL;
	}
	q.server = &server;
	rc = http_client_call(&q, &a.http, why);
	if (rc != 0) {
		snprintf(error, CLIENT_ERROR_MAX, "fail to request: %c%.10s \"%.100s%.200s\": %s", method[0], method + 1, c->url, path, why);
		return rc;
	}
	if (buf_len(&a.http.body) > 0 && json_parse(buf_data(&a.http.body), buf_len(&a.http.body), ignored, &a.doc) != 0)
		a.doc = NULL;
	if (a.http.status / 100 != 2)
		return refused(&a, error);
	*ret = a;
	return 0;
}

void
client_fini(struct client_answer *a)
{
	doc_free(a->doc);
	http1_fini(&a->http);
}

void
client_path(struct buf *out, const char *name, const char *toxic)
{
	buf_puts(out, "/proxies/");
	url_escape(out, name);
	if (toxic == NULL)
		return;
	buf_puts(out, "/toxics");
	if (toxic[0] != '\0') {
		buf_putc(out, '/');
		url_escape(out, toxic);
	}
}

void
client_print_json(const struct client_answer *a)
{
	size_t n = buf_len(&a->http.body);

	if (n == 0)
		return;
	fwrite(buf_data(&a->http.body), 1, n, stdout);
	if (buf_data(&a->http.body)[n - 1] != '\n')
		putchar('\n');
}

const char *
client_text(const struct doc_node *map, const char *key)
{
	const struct doc_node *n = doc_get(map, key);

	return n != NULL ? n->text : "";
}

bool
client_is_true(const struct doc_node *map, const char *key)
{
	const struct doc_node *n = doc_get(map, key);
	bool b = false;

	return n != NULL && doc_is_bool(n, &b) && b;
}

const char *
client_colour(const struct client *c, enum client_colour colour)
{
	static const char *const codes[] = { "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m", "\x1b[35m", "\x1b[0m" };

	return c->colours ? codes[colour] : "";
}

void
client_column(const struct client *c, enum client_colour colour, const char *text, int tabs)
{
	printf("%s%s%s\t", client_colour(c, colour), text, client_colour(c, CLIENT_PLAIN));
	for (int i = (int)(strlen(text) / 8) + 1; c->colours && i < tabs; i++)
		putchar('\t');
}

void
client_hint(const struct client *c, const char *fmt, ...)
{
	va_list ap;

	if (!c->colours)
		return;
	printf("\n%sHint: ", client_colour(c, CLIENT_PLAIN));
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

int
client_fail(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return CMD_FINDING;
}
