/* SPDX-License-Identifier: MIT */
/*
 * causal.h - causal consistency of registers that no value is written to twice.
 *
 * What a client did comes before what it does next, a write before the reads that returned its value, and so on along such ways.
 * Causal memory (Ahamad et al., Distributed Computing 1995): for each client there is one order of all writes and its own reads
 * that keeps this and in which each read returns the last value written. Causal convergence adds that there is one order for all,
 * so that clients who have seen the same writes agree. Both by the patterns that cannot be (Bouajjani, Enea, Guerraoui, Hamza: "On
 * verifying causal consistency", POPL 2017), with a clock for each operation instead of a closure: O(n k) for each client and round.
 *
 * Not local: all objects are judged together. Of the calls of model_register.h reads, writes and cas are looked at; the object
 * of a call is its `object`.
 */
#ifndef AUDIT_CAUSAL_H
#define AUDIT_CAUSAL_H

#include "audit/frontier.h"

enum causal_kind { CAUSAL_MEMORY, CAUSAL_CONVERGENCE };
enum causal_answer { CAUSAL_LEGAL, CAUSAL_ILLEGAL, CAUSAL_UNSURE, CAUSAL_SPENT };

struct causal_result {
	enum causal_answer answer;
	const char *say;                /* ILLEGAL: what is wrong; UNSURE: why nothing can be said */
	uint32_t *calls;                /* ILLEGAL: those that show it; free() them */
	uint32_t call_count, culprit;   /* culprit: into calls, where it shows */
	bool minimal;
};

/* calls are in order of invocation. budget counts down. 0 or -ENOMEM. */
int causal_check(const struct calls *calls, enum causal_kind kind, struct frontier_budget *budget, struct causal_result *ret);

#endif
