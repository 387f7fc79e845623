/* SPDX-License-Identifier: MIT */
/*
 * model.h - a model of your own for `faultline check HISTORY --model ./mine.so`: what the object does, in C.
 *
 * A shared object exports one struct fl_model under the name faultline_model:
 *
 *      const struct fl_model faultline_model = { .version = FL_MODEL_VERSION, .name = "max-register", ... };
 *      cc -shared -fPIC -o mine.so mine.c
 *
 * Each operation of the history becomes a call: a few numbers, made once. A state is a row of numbers, and step() says what a
 * call does to one. Both are pure functions: they keep nothing, and are called by several threads at once. The checker tries orders
 * of the calls; every state that step() makes may be stepped from any number of times.
 *
 * Nothing of the program need be linked. examples/model has two models.
 */
#ifndef FAULTLINE_MODEL_H
#define FAULTLINE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FL_MODEL_VERSION 1
#define FL_MODEL_GROW_MAX 4096

/* One operation of the history. Those that failed are not shown. */
struct fl_model_op {
	const char *f;                  /* "read", as the history has it */
	int64_t process;
	bool known;                     /* it completed; else nobody knows whether it happened, and result is "null" */
	const char *key;                /* as JSON; "null": there is none */
	const char *call, *result;      /* what it was invoked with, and what came back, as JSON: "17", "[1,2]", "null" */
	uint32_t call_id, result_id;    /* the same value has the same number, in all calls of one check; null is 0 */
};

/* What step() gets to know of it. All zero at first. */
struct fl_model_call {
	int64_t kind, a, b, c;          /* yours */
	bool unknown;                   /* set for you: !known */
	/*
	 * Yours: it changes no state, whatever the state is, and only has to fit. Found sooner; step() need not make a state then. One
	 * that is unknown and looks says nothing, and is left out.
	 */
	bool looks;
};

struct fl_model {
	uint32_t version;               /* FL_MODEL_VERSION */
	const char *name;
	bool whole;                     /* one object with all keys in it; else each key is an object of its own */
	/*
	 * An unknown call can do one of several things, of which step() takes one: where no order is found the verdict is then
	 * "unknown" and not "invalid".
	 */
	bool guesses;
	const int64_t *start;           /* the first state: start_count numbers */
	uint32_t start_count;
	uint32_t grow_max;              /* a step makes a state at most so many numbers longer; at most FL_MODEL_GROW_MAX */
	/* Make the call of an operation. 0; else the history does not fit the model, and error (of error_bytes) says why. */
	int (*call)(const struct fl_model_op *op, struct fl_model_call *ret_call, char *error, size_t error_bytes);
	/*
	 * What the call does to a state of count numbers. true: it fits, and ret_state (room for count + grow_max numbers) and *ret_count are the
	 * state after it; false: it does not. One meaning, one row: equal states must be equal rows.
	 */
	bool (*step)(const struct fl_model_call *call, const int64_t *state, uint32_t count, int64_t *ret_state, uint32_t *ret_count);
	/* A state in a few words, for people. NULL: its numbers are shown. */
	void (*describe)(const int64_t *state, uint32_t count, char *text, size_t text_bytes);
};

#endif
