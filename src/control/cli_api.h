/* SPDX-License-Identifier: MIT */
/* cli_api.h - a command's talk with the daemon: questions out, JSON in, what went wrong told once. */
#ifndef CONTROL_CLI_API_H
#define CONTROL_CLI_API_H

#include "control/cli_args.h"
#include "control/http_client.h"
#include "proto/doc.h"

#define CLI_URL_DEFAULT "http://127.0.0.1:8474"

/* One question's outcome. */
struct cli_answer {
	struct http_answer http;
	struct doc *doc;                /* its JSON; NULL: no body */
	char error[HTTP_ERROR_MAX];     /* when ok is false: what the server says is wrong, or why there is no answer */
	bool ok;                        /* status 2xx, and JSON or nothing behind it */
};

/*
 * cli_api_ask - ask and read the answer. Nothing is printed.
 * body      NULL: none
 * returns   answer->ok. cli_answer_fini() it whatever this returns
 */
bool cli_api_ask(const struct http_client *c, const char *method, const char *target, const struct buf *body,
    struct cli_answer *answer);
void cli_answer_fini(struct cli_answer *a);
/* The root of its JSON; a node of nothing when there is none. */
const struct doc_node *cli_answer_root(const struct cli_answer *a);

/* Append "/a/b/c" of NULL-terminated segments, each escaped. */
void cli_api_target(struct buf *out, const char *first, ...) __attribute__((sentinel));

/* The client that --url, --token and the environment ask for. 0, or -EINVAL after a message. */
int cli_api_open(const struct cli_args *a, struct http_client *ret_client);
/* Say on stderr (and with --json as {"error","status"} on stdout) why a question failed. returns the exit code. */
int cli_api_failed(const struct cli_args *a, const struct http_client *c, const struct cli_answer *answer);
/* Ask, and tell when it fails. returns CLI_OK or the exit code. */
int cli_api_must(const struct cli_args *a, const struct http_client *c, const char *method, const char *target,
    const struct buf *body,
    struct cli_answer *answer);
/* Print the answer's JSON as it came, a newline behind it. returns CLI_OK. */
int cli_api_print(const struct cli_answer *answer);

/* A command at work: its client, the question being made, the last answer. */
struct cli_call {
	const struct cli_args *args;
	struct http_client client;
	struct buf target, body;
	struct cli_answer answer;
};

/* returns CLI_OK, or CLI_USAGE after a message. cli_call_fini() it in either case. */
int cli_call_init(struct cli_call *c, const struct cli_args *a);
void cli_call_fini(struct cli_call *c);
/* Ask about c->target, with c->body when it is not empty; both are cleared, the answer before is dropped. As cli_api_must(). */
int cli_call_ask(struct cli_call *c, const char *method);
bool cli_call_json(const struct cli_call *c);           /* is --json given? */

/* What a daemon said is not trusted: absent or of another type is "", 0 or false. */
const char *cli_api_text(const struct doc_node *map, const char *key);
int64_t cli_api_int(const struct doc_node *map, const char *key);
double cli_api_float(const struct doc_node *map, const char *key);
bool cli_api_bool(const struct doc_node *map, const char *key);
/* A list (or map) under a key; one without items when it is absent. */
const struct doc_node *cli_api_items(const struct doc_node *map, const char *key);

#endif
