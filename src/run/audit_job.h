/* SPDX-License-Identifier: MIT */
/* audit_job.h - the audits of a run that are commands: each is this program once more, whose verdict is read from what it writes. */
#ifndef RUN_AUDIT_JOB_H
#define RUN_AUDIT_JOB_H

#include "run/audit_tell.h"
#include "run/rig.h"

/*
 * audit_job_run - carry out the nth audit; the processes of the run have ended.
 * mem       takes what the result points to
 * returns   0; -ECANCELED a signal came; -errno
 */
int audit_job_run(struct rig *rig, uint32_t n, const struct audit_tell_clock *clock, struct arena *mem, struct result_audit *ret);
/* Say of each piece of evidence which faults were active then, and which lines there were. 0 or -ENOMEM. */
int audit_job_explain(struct run_result *r, struct result_audit *audits, struct arena *mem);

#endif
