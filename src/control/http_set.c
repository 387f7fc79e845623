/* SPDX-License-Identifier: MIT */
/* http_set.c - HTTP lines looked at together. */
#include "control/http_set.h"
#include "conf/http_doubt.h"
#include "conf/http_explain.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EXPLAIN_BYTES_MAX (8u << 20)

int
http_set_of_config(const struct config *c, struct http_cost_set *ret_set)
{
	struct http_cost_line *lines = calloc(c->line_count + 1, sizeof(*lines));
	unsigned count = 0;

	if (lines == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->line_count; i++) {
		if (c->lines[i].http != NULL)
			lines[count++] = (struct http_cost_line){ c->lines[i].http, c->lines[i].listen };
	}
	*ret_set = (struct http_cost_set){ lines, count };
	return 0;
}

int
http_set_of_lines(const struct lines *t, struct http_cost_set *ret_set)
{
	struct http_cost_line *lines = calloc(t->by_name.count + 1, sizeof(*lines));
	unsigned count = 0;

	if (lines == NULL)
		return -ENOMEM;
	list_for(link, &t->order) {
		const struct lines_line *l = list_entry(link, struct lines_line, link);

		if (l->http != NULL)
			lines[count++] = (struct http_cost_line){ l->http, l->listen };
	}
	*ret_set = (struct http_cost_set){ lines, count };
	return 0;
}

void
http_set_fini(struct http_cost_set *set)
{
	free((void *)(uintptr_t)set->lines);
	*set = (struct http_cost_set){ NULL, 0 };
}

int
http_set_find(const struct http_cost_set *set, const char *name)
{
	for (unsigned i = 0; i < set->count; i++) {
		if (strcmp(set->lines[i].doc->name, name) == 0)
			return (int)i;
	}
	return -1;
}

int
http_set_route(const struct http_cost_set *set, unsigned line, const char *name)
{
	const struct http_doc *h = set->lines[line].doc;

	for (unsigned i = 0; i < h->route_count; i++) {
		if (strcmp(h->routes[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

unsigned
http_set_explain(const struct http_cost_set *set, unsigned line, int route, int width, struct jsonw *w)
{
	const struct http_doc *h = set->lines[line].doc;
	unsigned from = route < 0 ? 0 : (unsigned)route, to = route < 0 ? h->route_count : from + 1, count = 0;
	struct buf text;

	buf_init(&text, EXPLAIN_BYTES_MAX);
	jsonw_object(w);
	jsonw_str(w, "line", h->name);
	jsonw_key(w, "routes");
	jsonw_array(w);
	for (unsigned i = from; i < to; i++) {
		http_explain_json(set, line, i, w);
		buf_puts(&text, i > from ? "\n" : "");
		count += http_explain_text(set, line, i, width > 0 ? (unsigned)width : 0, &text);
	}
	jsonw_end(w);
	jsonw_num(w, "warnings", count);
	if (width >= 0)
		jsonw_str(w, "text", buf_str(&text));
	jsonw_end(w);
	buf_fini(&text);
	return count;
}

unsigned
http_set_doubts(const struct config *c, const char *file, struct buf *out)
{
	struct http_cost_set set;
	unsigned count = 0;

	if (http_set_of_config(c, &set) != 0)
		return 0;
	for (unsigned i = 0; i < set.count; i++)
		count += http_doubt_line(&set, i, file, out);
	http_set_fini(&set);
	return count;
}
