/* SPDX-License-Identifier: MIT */
/*
 * graph_ask.h - a question about the map and its answer, the same for `faultline graph VERB` and for /v1/graph/VERB
 *
 * Options have the names that the command line has; words are its arguments. An answer is one JSON document (or a picture, where one was
 * asked for), written as a whole or not at all.
 */
#ifndef MAP_GRAPH_ASK_H
#define MAP_GRAPH_ASK_H

#include "proto/jsonw.h"
#include "store/past.h"

#include <stdbool.h>

#define GRAPH_WORDS_MAX 256
#define GRAPH_OPTS_MAX 64
#define GRAPH_ERROR_MAX 512
#define GRAPH_ANSWER_MAX ((size_t)1 << 30)

struct graph_ask {
	struct past *past;
	int64_t now;                    /* ns since 1970 */
	const struct buf *body;         /* import: what to import, instead of files; NULL: none */
	bool remote;                    /* asked over the network: nothing of this machine's files is read */
	unsigned word_count, opt_count;
	const char *words[GRAPH_WORDS_MAX];
	struct {
		const char *key, *value;        /* value "": a flag */
	} opts[GRAPH_OPTS_MAX];
};

struct graph_reply {
	struct buf body;
	struct jsonw w;                 /* into body */
	const char *type;               /* "application/json", ... */
	bool finding;                   /* exit code 1 */
	char error[GRAPH_ERROR_MAX];
};

/* 0; -EINVAL, -ENOENT or another -errno with r->error set. */
typedef int graph_fn(struct graph_ask *a, struct graph_reply *r);

void graph_ask_add(struct graph_ask *a, const char *key, const char *value);
/* The last value given; NULL: not given. */
const char *graph_ask_text(const struct graph_ask *a, const char *key);
bool graph_ask_has(const struct graph_ask *a, const char *key);
/* Options of a kind: *ret stays what it is when none was given. 0, or -EINVAL with r->error. */
int graph_ask_when(const struct graph_ask *a, struct graph_reply *r, const char *key, int64_t *ret);
int graph_ask_duration(const struct graph_ask *a, struct graph_reply *r, const char *key, fl_ns *ret);
int graph_ask_number(const struct graph_ask *a, struct graph_reply *r, const char *key, int64_t min, int64_t max, int64_t *ret);

void graph_reply_init(struct graph_reply *r);
void graph_reply_fini(struct graph_reply *r);
/* Note why. returns rc. */
int graph_reply_fail(struct graph_reply *r, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The store failed: its words. returns rc. */
int graph_reply_past(struct graph_reply *r, int rc, const struct past *p);

/* Pairs for answers. A time of 0 and an empty text are left out. */
void graph_put_when(struct jsonw *w, const char *key, int64_t when);
void graph_put_text(struct jsonw *w, const char *key, const char *text);
void graph_put_seconds(struct jsonw *w, const char *key, fl_ns duration);

#endif
