/* SPDX-License-Identifier: MIT */
/* client.h - what the commands that talk to the daemon share: how it is reached, asked, and what they print. */
#ifndef CMD_CLIENT_H
#define CMD_CLIENT_H

#include "io/http_client.h"
#include "proto/doc.h"
#include <stdio.h>

struct client {
	const char *program;            /* "faultline line", "toxiproxy-cli": for messages and hints */
	const char *agent;
	const char *url;                /* NULL: FAULTLINE_URL, TOXIPROXY_URL or the default */
	const char *token;              /* NULL: FAULTLINE_TOKEN */
	bool json;                      /* print what the daemon says, as it is */
	bool colours;                   /* stdout is a terminal */
};

/* Fill in what is not set from the environment. */
void client_init(struct client *c);

/* An answer: its JSON, when it has some. */
struct client_answer {
	struct http1 http;
	struct doc *doc;                /* NULL: no JSON */
};
/*
 * client_call - ask the daemon.
 * error     CLIENT_ERROR_MAX bytes; "HTTP 404: proxy not found", "fail to request: ..."
 * returns   0 for a 2xx answer, to be given back by client_fini(); else -errno with error set
 */
#define CLIENT_ERROR_MAX 1024
int client_call(const struct client *c, const char *method, const char *path, const char *body, struct client_answer *ret, char *error);
void client_fini(struct client_answer *a);

/* "/proxies/NAME" with the name escaped, and "/toxics/TOXIC" behind it when toxic is not NULL. */
void client_path(struct buf *out, const char *name, const char *toxic);
/* Print the answer's body and a newline. */
void client_print_json(const struct client_answer *a);

/* The text of a member, "" when there is none. */
const char *client_text(const struct doc_node *map, const char *key);
bool client_is_true(const struct doc_node *map, const char *key);

/* Colours on a terminal, nothing otherwise. */
enum client_colour { CLIENT_RED, CLIENT_GREEN, CLIENT_YELLOW, CLIENT_BLUE, CLIENT_PURPLE, CLIENT_PLAIN };
const char *client_colour(const struct client *c, enum client_colour colour);
/* A column: text and a tab, more of them on a terminal until it is `tabs` wide. */
void client_column(const struct client *c, enum client_colour colour, const char *text, int tabs);
/* A hint for people: on a terminal only. */
void client_hint(const struct client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "Failed to ...: ..." to stderr. returns CMD_FINDING. */
int client_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
