/* SPDX-License-Identifier: MIT */
/* audit_tell.h - what a check or a match has said as JSON, as a verdict's reason and evidence for reports. Pure. */
#ifndef RUN_AUDIT_TELL_H
#define RUN_AUDIT_TELL_H

#include "run/experiment.h"
#include "run/result.h"

#define AUDIT_TELL_EVIDENCE_MAX 32u
#define AUDIT_TELL_OPS_MAX 40u

struct audit_tell_clock {
	fl_ns epoch;                    /* of the run, on the monotonic clock */
	int64_t wall;                   /* the same moment on the wall clock */
	fl_ns length;                   /* of the run so far */
};

/*
 * audit_tell - fill reason, evidence and counts of ret.
 * history   text of the file that was judged, to find times of lines in; may be NULL
 * returns   0; -EINVAL it is no such document; -ENOMEM
 */
int audit_tell(enum experiment_audit_kind kind, const char *document, const char *history, const struct audit_tell_clock *clock, struct arena *mem,
    struct result_audit *ret);

#endif
