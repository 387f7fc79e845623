/* SPDX-License-Identifier: MIT */
/* answer_conf.h - how a server of faultline answer behaves: from its flags, and changed while it runs. Pure. */
#ifndef RUN_ANSWER_CONF_H
#define RUN_ANSWER_CONF_H

#include "base/types.h"
#include <stdbool.h>
#include <stddef.h>

#define ANSWER_CAPACITY_MAX 65536
#define ANSWER_QUEUE_MAX 1000000
#define ANSWER_BODY_MAX ((int64_t)64 << 20)
#define ANSWER_ERROR_MAX 160

struct answer_conf {
	fl_ns work, jitter;             /* a request takes work +- up to jitter, evenly drawn */
	double slow_share;              /* of the requests takes slow_work instead of work */
	fl_ns slow_work;
	uint32_t capacity;              /* requests worked on at once */
	uint32_t queue;                 /* more wait; beyond that they are refused with 503 */
	double fail_rate;               /* of the requests is answered with fail_status, after its work */
	uint32_t fail_status;
	int64_t body;                   /* bytes of an answer */
	bool notice_cancel;             /* work for a client that left is dropped */
	bool healthy;                   /* what /health says */
	uint64_t seed;                  /* of all that is drawn */
};

extern const struct answer_conf answer_conf_default;

/* The names of all settings, NULL-terminated: "work", "jitter", ... */
const char *const *answer_conf_names(void);
/* Set one. 0; -ENOENT: no such name; -EINVAL: not its kind of value. error (ANSWER_ERROR_MAX bytes) says what was expected. */
int answer_conf_set(struct answer_conf *c, const char *name, const char *value, char *error);

#endif
