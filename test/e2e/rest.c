/* SPDX-License-Identifier: MIT */
/* rest.c - see rest.h. One connection per call, closed by the server: the simplest client there is. */
#include "rest.h"
#include "daemon.h"
#include "fail.h"
#include "sock.h"
#include "vars.h"
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLY_MAX (4 << 20)

struct call {
	const char *name, *method;
	char path[512];
	const char *body;
	long long expect;               /* 0: any 2xx */
	const char *match, *nomatch, *until, *set_name, *set_regex;
};

static void
send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t r = send(fd, p, n, MSG_NOSIGNAL);

		if (r < 0 && errno != EINTR)
			fail_test("api: send: %s", strerror(errno));
		p += r > 0 ? r : 0;
		n -= r > 0 ? (size_t)r : 0;
	}
}

/* The reply up to the end of the connection. */
static char *
exchange(const struct call *k)
{
	char *reply = malloc(REPLY_MAX + 1), head[1024];
	int fd = sock_connect(daemon_api(k->name), NULL);
	size_t have = 0;
	ssize_t r;

	if (fd < 0 || reply == NULL)
		fail_test("api: connect: %s", strerror(-fd));
	snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", k->method,
	    k->path, daemon_api(k->name), strlen(k->body));
	send_all(fd, head, strlen(head));
	send_all(fd, k->body, strlen(k->body));
	while ((r = recv(fd, reply + have, REPLY_MAX - have, 0)) > 0)
		have += (size_t)r;
	if (r < 0)
		fail_test("%s %s: %s", k->method, k->path, strerror(errno));
	reply[have] = '\0';
	close(fd);
	return reply;
}

/* The body of a reply, with its status. */
static char *
call_once(const struct call *k, int *ret_status)
{
	char *reply = exchange(k), *body = strstr(reply, "\r\n\r\n");

	if (body == NULL || sscanf(reply, "HTTP/1.%*d %d", ret_status) != 1)
		fail_test("%s %s: not a reply: %.200s", k->method, k->path, reply);
	return body + 4;
}

static void
set_from(const struct call *k, const char *body)
{
	regmatch_t m[2];
	regex_t re;

	if (regcomp(&re, k->set_regex, REG_EXTENDED) != 0 || re.re_nsub < 1)
		fail_test("-set: %s must be an expression with a (group)", k->set_regex);
	if (regexec(&re, body, 2, m, 0) != 0)
		fail_test("%s %s: nothing matches %s:\n%s", k->method, k->path, k->set_regex, body);
	regfree(&re);
	vars_set(k->set_name, strndup(body + m[1].rm_so, (size_t)(m[1].rm_eo - m[1].rm_so)));
}

/* Make the call and check it. returns the body. */
static const char *
perform(const struct call *k)
{
	int status = 0;
	char *body;

	for (;;) {
		body = call_once(k, &status);
		if (k->expect == 0 ? status / 100 != 2 : status != k->expect)
			fail_test("%s %s %s: status %d: %s", k->method, k->path, k->body, status, body);
		if (k->until == NULL || vars_matches(body, k->until))
			break;
		poll(NULL, 0, 2);               /* before the next look; the script's limit bounds it */
	}
	if (k->match != NULL && !vars_matches(body, k->match))
		fail_test("%s %s: the reply does not match %s:\n%s", k->method, k->path, k->match, body);
	if (k->nomatch != NULL && vars_matches(body, k->nomatch))
		fail_test("%s %s: the reply matches %s:\n%s", k->method, k->path, k->nomatch, body);
	if (k->set_name != NULL)
		set_from(k, body);
	return body;
}

/* Is word i one of the options of every call? Then take it and step over it. */
static bool
option(struct call *k, const struct command *c, int *i)
{
	if (words_is(c, *i, "-expect"))
		k->expect = words_number(c, ++*i, "status");
	else if (words_is(c, *i, "-match"))
		k->match = words_need(c, ++*i, "expression");
	else if (words_is(c, *i, "-nomatch"))
		k->nomatch = words_need(c, ++*i, "expression");
	else if (words_is(c, *i, "-until"))
		k->until = words_need(c, ++*i, "expression");
	else if (words_is(c, *i, "-set")) {
		k->set_name = words_need(c, ++*i, "variable");
		k->set_regex = words_need(c, ++*i, "expression");
	} else
		return false;
	return true;
}

/* A word as a body: a block with its braces, other text as it is. */
static const char *
body_of(const struct word *w)
{
	char *expanded = vars_expand(w->text), *text;

	if (!w->block)
		return expanded;
	if (asprintf(&text, "{%s}", expanded) < 0)
		fail_test("no memory");
	return text;
}

void
rest_api(const struct command *c)
{
	struct call k = { .name = words_need(c, 1, "name"), .method = words_need(c, 2, "method"), .body = "" };

	snprintf(k.path, sizeof(k.path), "%s", words_need(c, 3, "path"));
	for (int i = 4; i < c->count; i++)
		if (!option(&k, c, &i))
			k.body = body_of(&c->word[i]);
	perform(&k);
}

/* ---- line ---- */

static json_t *
parse(const char *text)
{
	json_error_t e;
	json_t *j = json_loads(text, 0, &e);

	if (j == NULL)
		fail_test("not JSON: %s: %s", e.text, text);
	return j;
}

/* Remember where a line listens. */
static void
publish(const char *name, const char *line, const char *body)
{
	json_t *reply = parse(body);
	const char *listen = json_string_value(json_object_get(reply, "listen"));
	char var[128];

	if (listen == NULL)
		fail_test("the reply has no listen: %s", body);
	snprintf(var, sizeof(var), "%s_line_%s", name, line);
	vars_set(var, listen);
	json_decref(reply);
}

static void
line_create(struct call *k, const struct command *c, const char *line)
{
	json_t *body = json_pack("{s:s, s:s}", "name", line, "listen", "127.0.0.1:0");
	const char *reply;

	for (int i = 3; i < c->count; i++) {
		if (words_is(c, i, "-upstream"))
			json_object_set_new(body, "upstream", json_string(words_need(c, ++i, "address")));
		else if (words_is(c, i, "-listen"))
			json_object_set_new(body, "listen", json_string(words_need(c, ++i, "address")));
		else if (c->word[i].block)
			json_object_update(body, parse(body_of(&c->word[i])));
		else if (!option(k, c, &i))
			fail_test("unknown option %s", c->word[i].text);
	}
	k->method = "POST";
	k->body = json_dumps(body, 0);
	snprintf(k->path, sizeof(k->path), "/proxies");
	reply = perform(k);
	if (k->expect == 0 || k->expect / 100 == 2)
		publish(k->name, line, reply);
}

static void
line_change(struct call *k, const struct command *c, const char *line)
{
	const char *reply;
	int i = 4;

	k->method = words_is(c, 3, "delete") ? "DELETE" : "PATCH";
	if (words_is(c, 3, "enable") || words_is(c, 3, "disable"))
		k->body = words_is(c, 3, "enable") ? "{\"enabled\":true}" : "{\"enabled\":false}";
	else if (words_is(c, 3, "set") && c->count > 4)
		k->body = body_of(&c->word[i++]);
	else if (!words_is(c, 3, "delete"))
		fail_test("line NAME LINE set {json}, enable, disable or delete");
	for (; i < c->count; i++)
		if (!option(k, c, &i))
			fail_test("unknown option %s", c->word[i].text);
	reply = perform(k);
	if (k->method[0] == 'P' && k->expect == 0)
		publish(k->name, line, reply);
}

void
rest_line(const struct command *c)
{
	const char *line = words_need(c, 2, "line");
	struct call k = { .name = words_need(c, 1, "name"), .body = "" };

	snprintf(k.path, sizeof(k.path), "/proxies/%s", line);
	if (c->count > 3 && c->word[3].text[0] != '-' && !c->word[3].block)
		line_change(&k, c, line);
	else
		line_create(&k, c, line);
}

/* ---- toxic ---- */

void
rest_toxic(const struct command *c)
{
	struct call k = { .name = words_need(c, 1, "name"), .method = "POST", .body = "" };
	const char *line = words_need(c, 2, "line"), *verb = words_need(c, 3, "verb");
	int i = 4;

	snprintf(k.path, sizeof(k.path), "/proxies/%s/toxics", line);
	if (strcmp(verb, "update") == 0 || strcmp(verb, "remove") == 0) {
		k.method = verb[0] == 'u' ? "PATCH" : "DELETE";
		snprintf(k.path, sizeof(k.path), "/proxies/%s/toxics/%s", line, words_need(c, i++, "toxic"));
	} else if (strcmp(verb, "add") != 0) {
		fail_test("toxic NAME LINE add {json}, update TOXIC {json} or remove TOXIC");
	}
	for (; i < c->count; i++) {
		if (c->word[i].block)
			k.body = body_of(&c->word[i]);
		else if (!option(&k, c, &i))
			fail_test("unknown option %s", c->word[i].text);
	}
	perform(&k);
}
