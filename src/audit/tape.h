/* SPDX-License-Identifier: MIT */
/*
 * tape.h - a history of any kind of operations, as it was recorded, in compact arrays: what every checker starts from.
 *
 * An operation is what a process invoked (f, perhaps a key, a value) and what came back. Values are trees: nil, true, false,
 * whole numbers, doubles, texts, lists and maps; a keyword of EDN is a text, a set is a list. Texts are interned, so two
 * texts are the same exactly when their numbers are.
 *
 * Order in real time is the order of the events: positions. The times are for people.
 *
 * Invariants
 *  (1) ops are in order of invocation: invoke_pos grows. No two events have one position.
 *  (2) complete_pos is TAPE_POS_NEVER exactly when nothing was heard of the operation; its outcome is then TAPE_INFO.
 *  (3) One value has one form: a list of whole numbers that fit 32 bits is TAPE_INTS and nothing else is; a double with a whole
 *      value of at most 53 bits is TAPE_INT; a number that fits neither form is the text of its digits.
 *  (4) Memory never exceeds bytes_max; when it would, the call fails with -ENOBUFS and nothing changes.
 */
#ifndef AUDIT_TAPE_H
#define AUDIT_TAPE_H

#include "base/buf.h"

#define TAPE_POS_NEVER UINT32_MAX
#define TAPE_NONE UINT32_MAX

enum tape_type { TAPE_NIL, TAPE_BOOL, TAPE_INT, TAPE_DOUBLE, TAPE_TEXT, TAPE_INTS, TAPE_LIST, TAPE_MAP };
enum tape_outcome { TAPE_OK, TAPE_FAIL, TAPE_INFO };

/* All zero is nil. */
struct tape_value {
	uint32_t type;                  /* enum tape_type */
	uint32_t count;                 /* items of a list, pairs of a map */
	union {
		int64_t i;              /* TAPE_INT; TAPE_BOOL: 0 or 1 */
		double d;
		uint64_t text;          /* number of the text */
		uint64_t at;            /* where the items are: tape_item(), tape_ints(), tape_pair() */
	};
};

struct tape_op {
	int64_t process;
	fl_ns invoke_ns, complete_ns;   /* complete_ns FL_NEVER: nothing was heard of it */
	uint32_t invoke_pos, complete_pos;
	uint32_t f;                     /* number of its text */
	uint32_t error;                 /* number of its text, or TAPE_NONE */
	uint32_t line;                  /* of the invocation, in the file it was read from; 0: none */
	uint8_t outcome;                /* enum tape_outcome */
	bool has_key;
	bool has_result;                /* the completion carried a value */
	bool lone;                      /* it was not invoked, only completed: its beginning is not known */
	struct tape_value key;
	struct tape_value call;         /* the value of the invocation */
	struct tape_value result;       /* the value of the completion */
};

struct tape_text {
	uint64_t at;
	uint32_t bytes;
	uint32_t hash;
};
struct tape_open {
	int64_t process;
	uint32_t op;                    /* + 1; 0: free place */
};

struct tape {
	struct tape_op *ops;
	struct tape_value *items;       /* of lists and maps */
	int32_t *ints;                  /* of TAPE_INTS */
	char *chars;                    /* of texts, each with a NUL behind */
	struct tape_text *texts;
	uint32_t *text_index;           /* hash -> text + 1 */
	struct tape_open *opens;        /* process -> its last operation */
	size_t op_cap, item_cap, int_cap, char_cap, text_cap, index_cap, open_cap;
	size_t item_count, int_count, char_count;
	uint32_t count, text_count, open_count;
	uint32_t pos;                   /* events so far */
	size_t bytes, bytes_max;
};

/* Nothing is allocated yet. */
void tape_init(struct tape *t, size_t bytes_max);
void tape_fini(struct tape *t);                                 /* NULL and all zero are fine */

/* A text, interned. 0 or -ENOBUFS. */
int tape_intern(struct tape *t, const char *p, size_t n, uint32_t *ret_text);
/* The number of a text that may be there; TAPE_NONE. */
uint32_t tape_find(const struct tape *t, const char *text);
const char *tape_chars(const struct tape *t, uint32_t text);    /* ends with NUL; may hold others */
size_t tape_chars_bytes(const struct tape *t, uint32_t text);

static inline struct tape_value tape_nil(void) { return (struct tape_value){ .type = TAPE_NIL }; }
static inline struct tape_value tape_bool(bool b) { return (struct tape_value){ .type = TAPE_BOOL, .i = b }; }
static inline struct tape_value tape_int(int64_t i) { return (struct tape_value){ .type = TAPE_INT, .i = i }; }
struct tape_value tape_double(double d);                        /* (3) */
static inline struct tape_value tape_text(uint32_t text) { return (struct tape_value){ .type = TAPE_TEXT, .text = text }; }
/* Copies n items, or n pairs as key, value, key, value. 0 or -ENOBUFS. */
int tape_list(struct tape *t, const struct tape_value *items, size_t n, struct tape_value *ret);
int tape_map(struct tape *t, const struct tape_value *pairs, size_t n, struct tape_value *ret);

static inline bool tape_is_list(struct tape_value v) { return v.type == TAPE_LIST || v.type == TAPE_INTS; }
/* Item i of a list of either type. */
static inline struct tape_value
tape_item(const struct tape *t, struct tape_value list, uint32_t i)
{
	return list.type == TAPE_INTS ? tape_int(t->ints[list.at + i]) : t->items[list.at + i];
}
static inline const int32_t *tape_ints(const struct tape *t, struct tape_value ints) { return t->ints + ints.at; }
/* The key of pair i of a map; its value is behind it. */
static inline const struct tape_value *
tape_pair(const struct tape *t, struct tape_value map, uint32_t i)
{
	return t->items + map.at + 2 * (size_t)i;
}

/* What is invoked; values are those of this tape. */
struct tape_call {
	int64_t process;
	fl_ns at;
	uint32_t f, line;
	bool has_key;
	struct tape_value key, value;
};
/*
 * tape_invoke - process starts an operation.
 * returns    0; -EBUSY the process still has one open; -ENOBUFS
 * ret_op     (may be NULL) its number
 */
int tape_invoke(struct tape *t, const struct tape_call *call, uint32_t *ret_op);
struct tape_answer {
	enum tape_outcome outcome;
	bool has_value;
	struct tape_value value;
	uint32_t error;                 /* text, or TAPE_NONE */
	fl_ns at;
};
/* Operation op, which is open (asserted), has ended. */
void tape_complete(struct tape *t, uint32_t op, const struct tape_answer *answer);
/* The open operation of a process; false: none. */
bool tape_open(const struct tape *t, int64_t process, uint32_t *ret_op);

const char *tape_outcome_name(enum tape_outcome o);             /* ok, fail, info */

#endif
