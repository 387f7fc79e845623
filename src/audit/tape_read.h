/* SPDX-License-Identifier: MIT */
/*
 * tape_read.h - read a history from JSON or EDN, in pieces of any size. Which of them it is shows in its first bytes.
 *
 * JSON: one object an event, one after the other or in one array; usually a line each:
 * {"process":3,"type":"invoke","f":"write","key":"k5","value":17,"time":12003000000}. EDN: one map an event, one after the
 * other or in one vector or list, with a tag before it or not: {:process 3, :type :invoke, :f :write, :value 17, :time 12003000000}.
 *
 * Jepsen's log is read too (tape_log.h).
 *
 * Other members are skipped. Events that are not a client's (process "nemesis..." or negative; or with another
 * name, of type info with nothing open) are counted and skipped.
 * What is not a history is refused with line and column. The end may be missing (a killed recorder): the event that broke off
 * is left out, and said so. Operations that are open at the end are info; so is one whose process was given up.
 */
#ifndef AUDIT_TAPE_READ_H
#define AUDIT_TAPE_READ_H

#include "audit/tape_lex.h"

#define TAPE_READ_ERROR_MAX 512

struct tape_read_options {
	bool lone_completions;          /* a completion without an invocation is an operation, not an error; process and f may be missing */
};

enum tape_read_format { TAPE_READ_UNKNOWN, TAPE_READ_JSON, TAPE_READ_EDN, TAPE_READ_LOG };

struct tape_read_info {
	enum tape_read_format format;
	uint32_t lines;                 /* lines seen */
	uint32_t events;                /* of clients */
	uint32_t skipped;               /* of others */
	uint32_t pending;               /* operations without an outcome */
	uint32_t times_back;            /* events with a time before that of the event before */
	bool cut;                       /* the last event broke off and is left out, or the list of events has no end */
	/* On failure: where and what. column counts bytes from 1. */
	uint32_t line, column;
	char error[TAPE_READ_ERROR_MAX];
};

struct tape_read {
	struct tape_lex lex;
	struct tape_read_options options;
	struct tape_read_info info;
	char close;                     /* ] or ) around the events; 0: none */
	bool begun, closed, comma;      /* comma: one stood after the last event of a JSON array */
	fl_ns last_time;
	int64_t nobody;                 /* the process of the last event that named none */
};

/* Start reading into an empty tape. */
void tape_read_init(struct tape_read *r, struct tape *t, const struct tape_read_options *options);
void tape_read_fini(struct tape_read *r);
/*
 * tape_read_feed - the next piece of the text.
 * last       nothing comes after it
 * returns    0; -EINVAL not a history, info says where and what was expected; -ENOBUFS too large for the tape (info too)
 * ret_used   how much of it was taken; the rest is to be given again, with more behind it. Everything when last.
 */
int tape_read_feed(struct tape_read *r, const char *text, size_t text_bytes, bool last, size_t *ret_used);
/* All at once. info is filled in either way; on failure the tape is fit only for tape_fini(). */
int tape_read_all(struct tape *t, const struct tape_read_options *options, const char *text, size_t text_bytes, struct tape_read_info *info);

#endif
