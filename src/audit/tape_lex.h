/* SPDX-License-Identifier: MIT */
/*
 * tape_lex.h - what the readers of JSON and of EDN share: where they are, what went wrong, and the parts of one event.
 *
 * Invariants
 *  (1) p <= end; nothing at or behind end is read.
 *  (2) After a failure error is set, and p is at what was found there; p == end means that the text ended too early.
 */
#ifndef AUDIT_TAPE_LEX_H
#define AUDIT_TAPE_LEX_H

#include "audit/tape.h"

#include <string.h>

#define TAPE_LEX_NAMED 1000000000       /* number of the first client that has a name */
#define TAPE_LEX_DEPTH_MAX 24           /* lists and maps within each other */

struct tape_lex {
	const char *p, *end;
	const char *line_start;         /* of the line p is in; before the text when lead_bytes is not 0 */
	size_t lead_bytes;              /* of that line, gone before */
	uint32_t line;
	const char *error;              /* what was expected */
	bool full;                      /* the failure is that the tape has no more room */
	struct tape *tape;
	struct tape_value *stack;       /* items of the lists that are open */
	size_t stack_count, stack_cap;
	struct buf scratch;             /* a text with its escapes undone */
	unsigned depth;
};

enum { TAPE_SAW_PROCESS = 1, TAPE_SAW_TYPE = 2, TAPE_SAW_F = 4, TAPE_SAW_KEY = 8, TAPE_SAW_VALUE = 16, TAPE_SAW_TIME = 32,
	TAPE_SAW_ERROR = 64 };
enum tape_lex_member { TAPE_MEMBER_PROCESS, TAPE_MEMBER_TYPE, TAPE_MEMBER_F, TAPE_MEMBER_KEY, TAPE_MEMBER_VALUE, TAPE_MEMBER_TIME,
	TAPE_MEMBER_ERROR, TAPE_MEMBER_OTHER };
enum tape_lex_type { TAPE_TYPE_INVOKE, TAPE_TYPE_OK, TAPE_TYPE_FAIL, TAPE_TYPE_INFO, TAPE_TYPE_OTHER };

/* One event, as it stands there. */
struct tape_event {
	unsigned saw;
	bool nemesis;                   /* not one of a client */
	bool named;                     /* its process has a name, and a number for it from TAPE_LEX_NAMED on */
	enum tape_lex_type type;
	int64_t process;
	struct tape_value f, key, value;
	fl_ns time;
	uint32_t error;                 /* a text */
};

static inline bool
tape_lex_fail(struct tape_lex *l, const char *expected)
{
	if (l->error == NULL)
		l->error = expected;
	return false;
}
static inline bool
tape_lex_full(struct tape_lex *l)
{
	l->full = true;
	return tape_lex_fail(l, "the history needs more memory than it may have");
}
static inline bool
tape_lex_ended(struct tape_lex *l)
{
	l->p = l->end;
	return tape_lex_fail(l, "the text ends in the middle");
}

/* A place in the text, to say that the failure is there. */
struct tape_lex_place {
	const char *p, *line_start;
	size_t lead_bytes;
	uint32_t line;
};
static inline struct tape_lex_place
tape_lex_place(const struct tape_lex *l)
{
	return (struct tape_lex_place){ l->p, l->line_start, l->lead_bytes, l->line };
}
static inline bool
tape_lex_fail_at(struct tape_lex *l, struct tape_lex_place at, const char *expected)
{
	l->p = at.p;
	l->line_start = at.line_start;
	l->lead_bytes = at.lead_bytes;
	l->line = at.line;
	return tape_lex_fail(l, expected);
}

static inline enum tape_lex_member
tape_lex_member(const char *p, size_t n)
{
	switch (n) {
	case 1: return *p == 'f' ? TAPE_MEMBER_F : TAPE_MEMBER_OTHER;
	case 3: return memcmp(p, "key", 3) == 0 ? TAPE_MEMBER_KEY : TAPE_MEMBER_OTHER;
	case 4: return memcmp(p, "type", 4) == 0 ? TAPE_MEMBER_TYPE : memcmp(p, "time", 4) == 0 ? TAPE_MEMBER_TIME : TAPE_MEMBER_OTHER;
	case 5: return memcmp(p, "value", 5) == 0 ? TAPE_MEMBER_VALUE : memcmp(p, "error", 5) == 0 ? TAPE_MEMBER_ERROR : TAPE_MEMBER_OTHER;
	case 7: return memcmp(p, "process", 7) == 0 ? TAPE_MEMBER_PROCESS : TAPE_MEMBER_OTHER;
	default: return TAPE_MEMBER_OTHER;
	}
}

static inline enum tape_lex_type
tape_lex_type(const char *p, size_t n)
{
	if (n == 2 && memcmp(p, "ok", 2) == 0)
		return TAPE_TYPE_OK;
	if (n == 6 && memcmp(p, "invoke", 6) == 0)
		return TAPE_TYPE_INVOKE;
	if (n == 4 && memcmp(p, "fail", 4) == 0)
		return TAPE_TYPE_FAIL;
	return n == 4 && memcmp(p, "info", 4) == 0 ? TAPE_TYPE_INFO : TAPE_TYPE_OTHER;
}

void tape_lex_init(struct tape_lex *l, struct tape *t);
void tape_lex_fini(struct tape_lex *l);
/* Put an item of an open list by. false: no memory. */
bool tape_lex_push_slow(struct tape_lex *l, struct tape_value v);
static inline bool
tape_lex_push(struct tape_lex *l, struct tape_value v)
{
	if (l->stack_count == l->stack_cap)
		return tape_lex_push_slow(l, v);
	l->stack[l->stack_count++] = v;
	return true;
}
/*
 * Make a list, a map or a set (a list) of the items put by since there were `base`; they are taken away. Maps and sets are sorted:
 * in which order one is written says nothing, and two are the same value.
 */
enum tape_lex_form { TAPE_FORM_LIST, TAPE_FORM_MAP, TAPE_FORM_SET };
bool tape_lex_close(struct tape_lex *l, size_t base, enum tape_lex_form form, struct tape_value *ret);
/* A text of the input as a value. */
bool tape_lex_text(struct tape_lex *l, const char *p, size_t n, struct tape_value *ret);
/*
 * tape_lex_number - [p, end of token) is a number in the way of JSON and EDN ([-+]digits[.digits][e[-+]digits]); l->p ends behind it.
 * A number too great for its type stays the text of its digits.
 */
bool tape_lex_number(struct tape_lex *l, struct tape_value *ret);
/* The first four hexadecimal digits at l->p, which ends behind them. -1: there are none, and the failure is set. */
int tape_lex_hex4(struct tape_lex *l);
/* Put a character, given as \u escapes (with a possible second one behind for a surrogate pair), into scratch; p behind "\u". */
bool tape_lex_unicode(struct tape_lex *l);
/* The time of an event: a number, to nanoseconds. What is wrong with it, or NULL. */
const char *tape_lex_time(struct tape_value v, fl_ns *ret);
/* A process that is called by a name: nobody's where that begins with nemesis, a number where it is digits, else a client's. */
bool tape_lex_process(struct tape_lex *l, const char *name, size_t n, struct tape_event *ev);
/* A piece of the input as the text of an error, cut to 200 bytes. */
bool tape_lex_error(struct tape_lex *l, const char *p, size_t n, uint32_t *ret);

#endif
