/* SPDX-License-Identifier: MIT */
/*
 * match_result.h - what became of the messages of a stream: counts, the first few of every kind of defect by name, and what
 * follows for the promises of delivery. Pure.
 */
#ifndef AUDIT_MATCH_RESULT_H
#define AUDIT_MATCH_RESULT_H

#include "base/hist.h"
#include "base/types.h"
#include <stdbool.h>

#define MATCH_EXAMPLES_MAX 32

/* What can be wrong: name, one word for flags and JSON; what it is of messages, as a sentence. */
#define MATCH_DEFECTS(X) \
	X(LOST, "lost", "were promised and never arrived") \
	X(DUPLICATE, "duplicate", "arrived again") \
	X(REFUSED, "refused-arrived", "arrived though they were refused") \
	X(CORRUPT, "corrupt", "arrived damaged: their hash does not hold") \
	X(CHANGED, "changed", "arrived with another content than was sent") \
	X(PHANTOM, "phantom", "arrived though nobody sent them") \
	X(REORDERED, "reordered", "arrived behind one of their key that was sent after them") \
	X(OVERTAKEN, "reordered-total", "arrived behind one of their flow that was sent after them") \
	X(LATE, "late", "arrived later than allowed") \
	X(VALUE, "wrong-value", "are results with another value than the oracle's")

#define X(id, name, say) MATCH_DEFECT_##id,
enum match_defect { MATCH_DEFECTS(X) MATCH_DEFECT_COUNT };
#undef X
#define MATCH_BIT(defect) (1u << MATCH_DEFECT_##defect)

struct match_example {
	uint64_t rank;                  /* the lowest ranks are kept */
	uint32_t sink, flow, key;
	bool named;                     /* flow, key and n are known, or at least claimed */
	uint64_t n;
	uint64_t place;                 /* among the records of its file, from 1 on; 0: of none */
	uint64_t other;                 /* REORDERED: that one's number */
	fl_ns took;                     /* LATE */
	fl_ns at;                       /* when it arrived; LOST: when it was sent; 0: not known */
	uint32_t hash_sent, hash_got;   /* CHANGED */
	char say[96];                   /* VALUE: what was found and what was expected */
};

struct match_result {
	/* Of the sender's logs: messages, but for the attempts. */
	uint64_t sent, again, acked, refused, promised;
	/* Of the receivers': records. first: messages that arrived at all. */
	uint64_t got, first, outputs;
	uint64_t defects[MATCH_DEFECT_COUNT];
	uint64_t missing_unpromised;    /* never arrived, and nobody had promised it */
	uint64_t lost_corrupt;          /* of the lost: something damaged arrived that claimed to be it */
	uint64_t repeated, repeated_again;      /* messages that arrived more than once; of them the sender had sent more than once */
	uint64_t beyond;                /* arrived, and may have been sent after the sender's log was cut */
	uint64_t values_checked, values_open;
	uint64_t rewinds;               /* times the results of a key went back, as after a recovery that does again what was done */
	fl_ns base;                     /* to be added to times of examples: then they are of the monotonic clock */
	uint64_t conflicts;             /* two different messages were sent under one name: nothing can be judged */
	uint64_t backwards;             /* arrived before they were sent, by the clocks: no latency */
	bool keys_overflowed;           /* more keys than there was memory for: order per key is not known */
	struct hist latency;
	uint32_t example_counts[MATCH_DEFECT_COUNT];
	struct match_example examples[MATCH_DEFECT_COUNT][MATCH_EXAMPLES_MAX];
};

/* struct match_result is large: keep it off the stack. */
void match_result_init(struct match_result *r);
/* One more of a kind; the example is kept when it is among the first. */
void match_result_add(struct match_result *r, enum match_defect defect, const struct match_example *example);

const char *match_result_name(enum match_defect defect);
const char *match_result_say(enum match_defect defect);
/* "lost,duplicate" as a set of bits; false: ret_word, of 32 bytes, is none of them. */
bool match_result_set(const char *names, uint32_t *ret_bits, char *ret_word);

enum match_delivery { MATCH_AT_MOST_ONCE, MATCH_AT_LEAST_ONCE, MATCH_EXACTLY_ONCE, MATCH_ANY_DELIVERY };
enum match_ordering { MATCH_ORDER_NONE, MATCH_ORDER_KEY, MATCH_ORDER_TOTAL };
/* Which defects break the promise. */
uint32_t match_result_breaks(enum match_delivery delivery, enum match_ordering order);
/* The defects that were found, as bits. */
uint32_t match_result_found(const struct match_result *r);

/* What was expected, and what came of it. */
struct match_expect {
	enum match_delivery delivery;
	enum match_ordering order;
	uint32_t allowed;               /* defects that are none */
	bool nomatch;                   /* there must be a finding: the test is one of the detector */
	uint32_t these;                 /* with nomatch: these must be among what is found; 0: any */
	bool sent_cut, received_cut;    /* the log was cut */
	bool sent_doubt;                /* and what was sent counts as promised: the last of it may never have left */
	bool values;                    /* results were judged, not messages */
	bool late_blind;                /* there is a bound on latency, and no latency is known */
};
enum match_verdict { MATCH_HELD, MATCH_FINDING, MATCH_UNKNOWN };
/*
 * match_result_judge - the verdict.
 * ret_findings  the defects that count, as bits
 * ret_say       a constant sentence: why it cannot be judged, NULL when it can
 */
enum match_verdict match_result_judge(const struct match_result *r, const struct match_expect *e, uint32_t *ret_findings, const char **ret_say);

#endif
