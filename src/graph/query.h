/* SPDX-License-Identifier: MIT */
/*
 * query.h - questions about nodes and lines of an estate: which of them is this true of?
 *
 *      stateful=true and not backup.last<24h           services (the word "services" may stand before it)
 *      lines where errors > 0 and to.tier = 1          lines
 *      from cart downstream hard depth 3 where tier=1  what cart needs, three lines far, over hard lines only
 *      from redis upstream                             who needs redis, however far
 *
 * A condition is KEY OP VALUE with OP one of = != < <= > >= and ~ (a pattern with * and ?), joined by and, or, not and brackets. A key alone asks
 * whether it is there and not false. Values that look like numbers, durations, times or sizes are compared as such; a time is compared with a
 * duration by its age: backup.last<24h is true of a backup of today. Keys of a service: name kind app namespace first last in out
 * through instance stateful, and every fact; of a line: from to kind source count errors error_rate strength phase mode first last, every fact,
 * and those of its ends as from.KEY and to.KEY. Several values (instance, source, lists in facts) fit when one of them does.
 *
 * 1. A comparison with what is not known is false, and so its `not` is true.
 */
#ifndef GRAPH_QUERY_H
#define GRAPH_QUERY_H

#include "graph/estate.h"

#define QUERY_ERROR_MAX 256
#define QUERY_DEPTH_MAX 64              /* of brackets and nots */

struct query;

struct query_mistake {
	size_t at;                      /* the byte that is wrong */
	char text[QUERY_ERROR_MAX];     /* "found \"x\", expected a condition" */
};
/* returns 0; -EINVAL with *ret_mistake; -ENOMEM. The query lies in keep. */
int query_parse(const char *text, struct arena *keep, struct query **ret, struct query_mistake *ret_mistake);
/*
 * query_check - are all its keys and names there? `known` (may be NULL) says of keys that nobody uses yet whether they are registered.
 * returns 0, or -ENOENT with *ret_mistake, which suggests the nearest
 */
typedef bool query_known_fn(void *arg, const char *key);
int query_check(const struct query *q, const struct estate *e, query_known_fn *known, void *arg, struct query_mistake *ret_mistake);

/* Does it ask about lines? */
bool query_of_lines(const struct query *q);
/*
 * query_run - all that it is true of.
 * now       ns since 1970, for ages
 * ret       room for all nodes (or lines); ascending
 * returns how many, or -ENOMEM (of scratch). O(nodes + lines, for each condition).
 */
int64_t query_run(const struct query *q, const struct estate *e, int64_t now, struct arena *scratch, uint32_t *ret);

#endif
