/* SPDX-License-Identifier: MIT */
/* graph_draw.c - the map as a picture, or a table for other programs. */
#include "map/graph_draw.h"
#include "graph/draw_map.h"
#include "map/graph_apps.h"
#include "map/graph_show.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

bool
graph_draw_wanted(const struct graph_ask *a)
{
	return graph_ask_has(a, "svg") || graph_ask_has(a, "dot");
}

int
graph_draw(struct graph_map *m, const struct graph_ask *a, const bool *show, struct impact *im, struct graph_reply *r)
{
	const struct draw_options o = { .title = graph_ask_text(a, "title"), .show = show, .im = im };
	struct draw_map picture;
	int rc = draw_map(m->e, &o, &m->keep, &m->scratch, &picture);

	if (rc == -E2BIG)
		return graph_reply_fail(r, rc, "the picture would be too large; name services to draw those around them");
	if (rc != 0)
		return graph_reply_fail(r, rc, "out of memory");
	buf_clear(&r->body);
	rc = graph_ask_has(a, "dot") ? draw_dot(&picture, &r->body) : draw_svg(&picture, &r->body);
	r->type = graph_ask_has(a, "dot") ? "text/vnd.graphviz" : "image/svg+xml";
	return rc == 0 ? 0 : graph_reply_fail(r, rc, "the picture is too large");
}

/* The services named, and all that a line joins with them. Without words all (*ret is NULL). */
static int
choose(struct graph_map *m, const struct graph_ask *a, struct graph_reply *r, bool **ret)
{
	const struct estate *e = m->e;
	bool *named = arena_alloc(&m->scratch, e->node_count + 1), *show = arena_alloc(&m->scratch, e->node_count + 1);
	uint32_t *nodes = arena_alloc(&m->scratch, (e->node_count + 1) * sizeof(*nodes)), count;
	int rc = 0;

	*ret = NULL;
	if (named == NULL || show == NULL || nodes == NULL)
		return graph_reply_fail(r, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < a->word_count && rc == 0; i++) {
		rc = graph_map_nodes(m, a->words[i], r, nodes, &count);
		for (uint32_t k = 0; rc == 0 && k < count; k++)
			named[nodes[k]] = show[nodes[k]] = true;
	}
	for (uint32_t i = 0; i < e->line_count; i++)
		if (named[e->lines[i].from] || named[e->lines[i].to])
			show[e->lines[i].from] = show[e->lines[i].to] = true;
	if (a->word_count > 0)
		*ret = show;
	return rc;
}

/* RFC 4180: quoted where it must be. */
static void
put_cell(struct buf *out, const char *text, char end)
{
	if (strpbrk(text, ",\"\n\r") == NULL) {
		buf_puts(out, text);
	} else {
		buf_putc(out, '"');
		for (; *text != '\0'; text++) {
			if (*text == '"')
				buf_putc(out, '"');
			buf_putc(out, *text);
		}
		buf_putc(out, '"');
	}
	buf_putc(out, end);
}

static int
put_csv(struct graph_map *m, struct graph_reply *r)
{
	struct buf *out = &r->body;

	r->type = "text/csv";
	buf_puts(out, "from,to,protocol,strength,phase,mode,calls,errors\n");
	for (uint32_t i = 0; i < m->e->line_count; i++) {
		const struct estate_line *l = &m->e->lines[i];
		uint64_t errors = 0, calls = estate_line_calls(m->e, i, &errors);

		put_cell(out, m->names[l->from], ',');
		put_cell(out, m->names[l->to], ',');
		put_cell(out, l->protocol, ',');
		put_cell(out, estate_strength_word(l->strength), ',');
		put_cell(out, estate_phase_word(l->phase), ',');
		put_cell(out, estate_mode_word(l->mode), ',');
		buf_printf(out, "%" PRIu64 ",%" PRIu64 "\n", calls, errors);
	}
	return 0;
}

int
graph_export(struct graph_ask *a, struct graph_reply *r)
{
	struct graph_map m;
	bool *show = NULL;
	int rc;

	if (!graph_draw_wanted(a) && !graph_ask_has(a, "csv"))
		return graph_show(a, r);
	rc = graph_map_init(&m, a, r);
	if (rc == 0 && graph_ask_has(a, "apps"))
		rc = graph_apps_roll(&m, r);
	if (rc == 0)
		rc = choose(&m, a, r, &show);
	if (rc == 0)
		rc = graph_ask_has(a, "csv") ? put_csv(&m, r) : graph_draw(&m, a, show, NULL, r);
	graph_map_fini(&m);
	return rc;
}
