/* SPDX-License-Identifier: MIT */
/*
 * model.h - what an object should behave like: the operations it has, what each does, and how it is best checked.
 *
 * A model turns the operations of a tape into calls (calls.h), says what a call does to a state, and may have a monitor that
 * decides faster than a search. Models of registers have none of these: their histories go to register.h.
 */
#ifndef AUDIT_MODEL_H
#define AUDIT_MODEL_H

#include "audit/frontier.h"
#include "audit/tape.h"
#include "audit/values.h"

#define MODEL_ERROR_MAX 256

/* One operation of one object, its key taken away. */
struct model_deed {
	const struct tape_op *op;
	uint32_t id;                    /* of the operation */
	uint16_t kind;
	enum tape_outcome outcome;
	struct tape_value call, result; /* the result is the call's value where the completion carried none */
	bool has_result;
};

/* Where the operations of one object are turned into calls. */
struct model_input {
	const void *self;               /* the model's own */
	const struct tape *tape;
	struct values *values;          /* numbers of values, the same for all objects */
	struct calls *calls;
	char error[MODEL_ERROR_MAX];    /* after -EINVAL: what is wrong with the operation */
};

enum model_answer { MODEL_LEGAL, MODEL_ILLEGAL, MODEL_UNSURE };
#define MODEL_WITNESS_MAX 8
struct model_finding {
	enum model_answer answer;
	/* ILLEGAL: the calls that contradict each other, the last of them being where it shows; what they do, in a sentence */
	uint32_t witness[MODEL_WITNESS_MAX];
	uint32_t witness_count;
	const char *say;
	bool enough;                    /* the witness alone is the contradiction: nothing else need be looked for */
};
/* returns 0 or -ENOMEM. UNSURE: a search has to decide. */
typedef int model_monitor_fn(const struct calls *calls, struct model_finding *ret);

/* What a state is, in a few words: "5", "[1 2]", "held by client 3". values has the numbers of values in it. */
typedef void model_describe_fn(const void *self, const struct values *values, const int64_t *state, uint32_t n, struct buf *out);

struct model_word {
	const char *f;
	uint16_t kind;
};

enum model_split {
	MODEL_BY_KEY,                   /* an operation without a key belongs to the one object there is */
	MODEL_WHOLE,                    /* keys are a part of the value */
};

struct model {
	const char *name;
	const char *is;                 /* "a linearizable FIFO queue" */
	const char *help;               /* for people, one line */
	const struct model_word *words; /* ends with NULL; NULL: the model knows its operations by their names */
	enum model_split split;
	bool registers;                 /* goes to register.h */
	bool texts;                     /* where no read returns nil, the empty text means that there is nothing */
	bool failures;                  /* translate is shown failed operations too */
	bool elements;                  /* without calls that see the whole, each element is an object of its own (calls.a) */
	/* Add the calls of one operation. 0, -ENOMEM, -EINVAL. */
	int (*translate)(struct model_input *in, const struct model_deed *deed);
	frontier_step_fn *step;         /* NULL: the monitor decides alone */
	/*
	 * Of a call with an unknown result the step may take one of several, so that illegal is no proof, where this is true of the calls.
	 * NULL: never.
	 */
	bool (*guesses)(const struct calls *calls);
	const void *self;               /* for translate and step; NULL: a step gets the numbers of the values (struct values) */
	model_describe_fn *describe;    /* NULL: there is no state to be shown */
	const int64_t *start;
	uint32_t start_count;
	model_monitor_fn *monitor;      /* may be NULL */
};

/* All models, ended by NULL. */
const struct model *const *model_all(void);
/* By its name, or another it goes by ("fifo-queue", "grow-only-set", "lock"). NULL: there is none. */
const struct model *model_find(const char *name);

/* For translators. A call of the deed, with its times: required when it is known to have happened. */
struct calls_one model_call(const struct model_deed *deed);
int __attribute__((format(printf, 2, 3))) model_refuse(struct model_input *in, const char *format, ...);        /* -EINVAL */
/* The numbers of a list's items in the lists of the calls, in order; sorted without repetitions when `set`. nil is no item. */
int model_list(struct model_input *in, struct tape_value list, bool set, struct calls_one *ret);
/* For describers. The value of a number; at most columns_max bytes. n of them as a list. */
void model_put_value(const struct values *values, int64_t number, size_t columns_max, struct buf *out);
void model_put_list(const struct values *values, const int64_t *numbers, uint32_t n, struct buf *out);

#endif
