/* SPDX-License-Identifier: MIT */
/* api_env.h - what the routes of the API work with, and the forms that their answers take. */
#ifndef CONTROL_API_ENV_H
#define CONTROL_API_ENV_H

#include "control/api.h"
#include "control/lines.h"
#include "proto/doc.h"
#include "proto/jsonw.h"

struct call_tail;
struct event_tail;
struct graph_service;
struct news_tail;
struct span_receiver;
struct trace_tail;

struct api_env {
	struct lines *lines;
	struct proxy *proxy;
	struct io *io;
	struct log *log;
	struct event_tail *events;
	struct call_tail *calls;
	struct news_tail *news;
	struct trace_tail *trace;
	struct graph_service *graph;    /* NULL: no map is kept */
	struct span_receiver *receiver; /* NULL: no spans are taken */
	const char *token;              /* NULL: none is asked for */
	bool proxy_metrics, runtime_metrics;
	bool toxiproxy;                 /* invoked under Toxiproxy's name */
	fl_ns started;                  /* io clock */
	uint64_t requests;
	/* What the daemon does. reload: a text for people in `report`; 0, -errno, or -EINPROGRESS: ask again. drain: < 0 is the usual limit. */
	int (*reload)(void *ud, struct buf *report);
	void (*drain)(void *ud, fl_ns limit);
	void *ud;
};

/* The body so far becomes the answer. */
void api_env_json(struct api_reply *r, unsigned status);
/* An answer without body. */
void api_env_empty(struct api_reply *r, unsigned status);
/* As Go's http.Error(). */
void api_env_text(struct api_reply *r, unsigned status, const char *text);
/* {"error":text,"status":status} as Toxiproxy sends it: JSON that says it is text. */
void api_env_error(struct api_reply *r, unsigned status, const char *text);
/* The same, saying that it is JSON: for /v1. */
void api_env_error_json(struct api_reply *r, unsigned status, const char *text);

bool api_env_is(const struct api_request *q, const char *method);
/*
 * The JSON value of the body. 0: *ret_doc is the caller's; else e is set ("bad request body: ...", 400).
 */
int api_env_body(const struct api_request *q, struct lines_error *e, struct doc **ret_doc);

#endif
