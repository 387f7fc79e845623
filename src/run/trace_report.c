/* SPDX-License-Identifier: MIT */
/* trace_report.c - see trace_report.h. */
#include "run/trace_report.h"

#include "run/trace_file.h"
#include "run/trace_find.h"
#include "run/trace_say.h"
#include "run/trace_svg.h"
#include <errno.h>

#define MEMORY_MAX ((size_t)512 << 20)
#define TEXT_BYTES_MAX ((size_t)1 << 20)
#define DRAWN_MAX 24u                   /* calls: a page is no place for more */
#define FINDS_MAX 16u

static bool
is_wrong(const struct lineage_call *c)
{
	return lineage_bad(c) || c->doubles > 0 || c->copies > 0;
}

static uint32_t
first_wrong(const struct lineage *l, uint32_t *ret_count)
{
	uint32_t best = LINEAGE_NONE, count = 0;

	for (uint32_t i = 0; i < l->count; i++) {
		if (!is_wrong(&l->calls[i]))
			continue;
		count++;
		if (best == LINEAGE_NONE || lineage_start(&l->calls[i]) < lineage_start(&l->calls[best]))
			best = i;
	}
	*ret_count = count;
	return best;
}

static const char *
text_of(struct buf *b, struct arena *mem)
{
	const char *s = b->overflowed ? NULL : arena_strndup(mem, buf_data(b), buf_len(b));

	buf_clear(b);
	return s;
}

static void
tell(const struct lineage *l, uint32_t call, struct arena *mem, struct trace_report *ret)
{
	const uint32_t root = lineage_root(l, call);
	struct trace_find finds[FINDS_MAX];
	uint32_t calls[DRAWN_MAX], n;
	char name[LINEAGE_NAME_MAX];
	struct buf out;

	buf_init(&out, TEXT_BYTES_MAX);
	ret->message = arena_strdup(mem, lineage_flow_name(l, call, name, sizeof(name)));
	n = FL_MIN(lineage_tree(l, root, calls, DRAWN_MAX), DRAWN_MAX);
	trace_svg(l, calls, n, call, name, &out);
	ret->svg = text_of(&out, mem);
	n = FL_MIN(trace_find(l, root, finds, FINDS_MAX), FINDS_MAX);
	for (uint32_t i = 0; i < n; i++) {
		if (!trace_find_wrong(&finds[i]))
			continue;
		trace_find_say(l, &finds[i], &out);
		buf_putc(&out, '\n');
	}
	ret->text = text_of(&out, mem);
	buf_fini(&out);
}

int
trace_report(const char *path, struct arena *mem, struct trace_report *ret)
{
	const struct trace_query all = { .kinds = 0 };
	struct trace_report r = { .wrong = 0 };
	struct trace_map *m = arena_alloc(mem, sizeof(*m));
	struct lineage l;
	struct arena trees;
	uint32_t call;
	int rc;

	if (m == NULL)
		return -ENOMEM;
	rc = trace_map_open(m, path, MEMORY_MAX);
	arena_init(&trees, MEMORY_MAX);
	if (rc == 0)
		rc = lineage_build(&l, &m->store, &all, &trees);
	if (rc == 0) {
		call = first_wrong(&l, &r.wrong);
		if (call != LINEAGE_NONE)
			tell(&l, call, mem, &r);
		*ret = r;
	}
	arena_fini(&trees);
	trace_map_fini(m);
	return rc;
}
