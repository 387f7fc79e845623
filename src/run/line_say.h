/* SPDX-License-Identifier: MIT */
/* line_say.h - what an HTTP line did with the calls on it, for reports. */
#ifndef RUN_LINE_SAY_H
#define RUN_LINE_SAY_H

#include "base/arena.h"
#include "proxy/http_conf.h"
#include "run/result.h"

/* "attempts" -> "1,204" and so on: what happened at all, all routes together. In mem. 0 or -ENOMEM. */
int line_say(const struct http_conf *c, struct arena *mem, const struct result_pair **ret_did, uint32_t *ret_count);

#endif
