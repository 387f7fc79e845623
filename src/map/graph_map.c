/* SPDX-License-Identifier: MIT */
/* graph_map.c - the map as a question wants it. */
#include "map/graph_map.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define MEMORY_MAX ((size_t)8 << 30)
#define APP_WORD "app="
#define WINDOW_DEFAULT (86400 * FL_SEC)

int
graph_map_view(const struct graph_ask *a, struct graph_reply *r, struct past_view *ret)
{
	struct past_view v = { .fold = graph_ask_has(a, "fold") };
	fl_ns window = WINDOW_DEFAULT, since = 0;
	int rc = graph_ask_when(a, r, "at", &v.until);

	if (rc == 0)
		rc = graph_ask_duration(a, r, "window", &window);
	if (rc == 0)
		rc = graph_ask_duration(a, r, "since", &since);
	if (rc == 0)
		rc = graph_ask_when(a, r, "known", &v.known);
	if (rc != 0)
		return rc;
	if (since > 0 && v.until == 0)
		v.until = a->now;
	else if (graph_ask_has(a, "window") && v.until == 0)
		v.until = a->now;
	if (v.until != 0)
		v.from = FL_MAX(v.until - (since > 0 ? since : window), 1);
	*ret = v;
	return 0;
}

/* ---- reading ---- */

struct reading {
	struct graph_map *m;
	struct estate_builder *b;
	struct buf rules, aliases, covers;      /* covers of names until nodes have numbers */
};
struct named_cover {
	const char *name, *space, *source;
	int64_t first, last;
};

static const char *
keep(struct graph_map *m, const char *text)
{
	const char *copy = arena_strdup(&m->keep, text != NULL ? text : "");

	return copy != NULL ? copy : "";
}

static int
take(void *arg, const struct sight *s)
{
	struct reading *r = arg;
	struct graph_map *m = r->m;
	int rc = 0;

	if (s->what == SIGHT_RULE) {
		struct graph_rule rule = { keep(m, s->from), keep(m, s->to), keep(m, s->value), keep(m, s->source), keep(m, s->where) };

		rc = buf_append(&r->rules, &rule, sizeof(rule));
	} else if (s->what == SIGHT_ALIAS) {
		struct graph_alias alias = { keep(m, s->name), keep(m, s->space), keep(m, s->to), keep(m, s->to_space), keep(m, s->value),
			keep(m, s->source), keep(m, s->where) };

		rc = buf_append(&r->aliases, &alias, sizeof(alias));
	} else if (s->what == SIGHT_COVER) {
		struct named_cover cover = { keep(m, s->name), keep(m, s->space), keep(m, s->source), s->first, s->last };

		rc = buf_append(&r->covers, &cover, sizeof(cover));
	} else {
		rc = estate_sight(r->b, s);
		return rc == -EINVAL ? 0 : rc;
	}
	return rc != 0 ? -ENOMEM : 0;
}

static void *
kept_array(struct graph_map *m, const struct buf *b)
{
	void *copy = arena_alloc(&m->keep, buf_len(b) + 1);

	if (copy != NULL)
		memcpy(copy, buf_data(b), buf_len(b));
	return copy;
}

static int
by_node(const void *pa, const void *pb)
{
	const struct graph_cover *a = pa, *b = pb;

	return a->node != b->node ? (a->node < b->node ? -1 : 1) : strcmp(a->source, b->source);
}

static int
number_covers(struct graph_map *m, const struct buf *covers)
{
	size_t n = buf_len(covers) / sizeof(struct named_cover);
	const char *at = buf_data(covers);

	m->covers = arena_alloc(&m->keep, (n + 1) * sizeof(*m->covers));
	if (m->covers == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++, at += sizeof(struct named_cover)) {
		struct named_cover c;
		uint32_t node;

		memcpy(&c, at, sizeof(c));
		node = estate_find(m->e, c.name, c.space[0] != '\0' ? c.space : NULL);
		if (node != ESTATE_NONE)
			m->covers[m->cover_count++] = (struct graph_cover){ node, c.source, c.first, c.last };
	}
	qsort(m->covers, m->cover_count, sizeof(*m->covers), by_node);
	return 0;
}

/* "space/name" for those whose name others have as well. */
static int
name_nodes(struct graph_map *m)
{
	const struct estate *e = m->e;

	m->names = arena_alloc(&m->keep, (e->node_count + 1) * sizeof(*m->names));
	if (m->names == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < e->node_count; i++) {
		const struct estate_node *n = &e->nodes[e->by_name[i]];
		bool shared = (i > 0 && strcmp(e->nodes[e->by_name[i - 1]].name, n->name) == 0) ||
		    (i + 1 < e->node_count && strcmp(e->nodes[e->by_name[i + 1]].name, n->name) == 0);

		m->names[e->by_name[i]] = shared && n->space[0] != '\0' ? arena_printf(&m->keep, "%s/%s", n->space, n->name) : n->name;
		if (m->names[e->by_name[i]] == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int
read_all(struct graph_map *m, struct past *p, struct reading *r)
{
	struct estate *e = NULL;
	uint64_t seed = 0;
	int rc;

	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		seed = 1;
	rc = estate_builder_new(&m->scratch, seed, &r->b);
	if (rc == 0)
		rc = past_read(p, &m->view, take, r);
	if (rc == 0)
		rc = estate_finish(r->b, &m->keep, &m->scratch, &e);
	if (rc != 0)
		return rc;
	m->e = e;
	m->rules = kept_array(m, &r->rules);
	m->aliases = kept_array(m, &r->aliases);
	m->rule_count = (uint32_t)(buf_len(&r->rules) / sizeof(*m->rules));
	m->alias_count = (uint32_t)(buf_len(&r->aliases) / sizeof(*m->aliases));
	rc = number_covers(m, &r->covers);
	if (rc == 0)
		rc = name_nodes(m);
	return rc == 0 && m->keep.overflowed ? -ENOMEM : rc;
}

int
graph_map_of(struct graph_map *m, struct past *p, const struct past_view *v, struct graph_reply *r)
{
	struct reading reading = { .m = m };
	int rc;

	*m = (struct graph_map){ .view = *v };
	arena_init(&m->keep, MEMORY_MAX);
	arena_init(&m->scratch, MEMORY_MAX);
	buf_init(&reading.rules, 1u << 30);
	buf_init(&reading.aliases, 1u << 30);
	buf_init(&reading.covers, 1u << 30);
	rc = read_all(m, p, &reading);
	buf_fini(&reading.rules);
	buf_fini(&reading.aliases);
	buf_fini(&reading.covers);
	return rc == 0 ? 0 : rc == -ENOMEM ? graph_reply_fail(r, rc, "the map is larger than the memory it may take") : graph_reply_past(r, rc, p);
}

int
graph_map_init(struct graph_map *m, const struct graph_ask *a, struct graph_reply *r)
{
	struct past_view v;
	int rc;

	*m = (struct graph_map){ .e = NULL };
	arena_init(&m->keep, MEMORY_MAX);
	arena_init(&m->scratch, MEMORY_MAX);
	rc = graph_map_view(a, r, &v);
	return rc == 0 ? graph_map_of(m, a->past, &v, r) : rc;
}

void
graph_map_fini(struct graph_map *m)
{
	arena_fini(&m->keep);
	arena_fini(&m->scratch);
}

/* ---- words ---- */

/* The services of an application. ret may be NULL. */
static uint32_t
app_nodes(const struct graph_map *m, const char *app, uint32_t *ret)
{
	uint32_t n = 0;

	for (uint32_t v = 0; v < m->e->node_count; v++)
		if (app[0] != '\0' && strcmp(m->e->nodes[v].app, app) == 0) {
			if (ret != NULL)
				ret[n] = v;
			n++;
		}
	return n;
}

int
graph_map_node(const struct graph_map *m, const char *word, struct graph_reply *r, uint32_t *ret)
{
	uint32_t node = estate_lookup(m->e, word);
	const char *best = NULL;
	unsigned least = UINT32_MAX;

	if (node != ESTATE_NONE) {
		*ret = node;
		return 0;
	}
	for (uint32_t i = 0; i < m->alias_count; i++)
		if (strcmp(m->aliases[i].name, word) == 0 && (node = estate_find(m->e, m->aliases[i].to, NULL)) != ESTATE_NONE) {
			*ret = node;
			return 0;
		}
	for (uint32_t i = 0; i < m->e->node_count && m->e->node_count < 100000; i++) {
		unsigned d = text_distance(word, m->names[i]);

		if (d < least) {
			least = d;
			best = m->names[i];
		}
	}
	if (best != NULL && least <= 1 + strlen(word) / 3)
		return graph_reply_fail(r, -ENOENT, "there is no service \"%.80s\"; did you mean \"%.80s\"?", word, best);
	for (uint32_t i = 0; i < m->e->node_count; i++)
		if (strcmp(m->e->nodes[i].name, word) == 0)
			return graph_reply_fail(r, -ENOENT, "there are several services \"%.80s\"; say which, such as \"%.80s\"", word, m->names[i]);
	if (app_nodes(m, word, NULL) > 0)
		return graph_reply_fail(r, -ENOENT, "there is no service \"%.80s\", but an application: app=%.80s", word, word);
	return graph_reply_fail(r, -ENOENT, "there is no service \"%.80s\"", word);
}

int
graph_map_nodes(const struct graph_map *m, const char *word, struct graph_reply *r, uint32_t *ret, uint32_t *ret_count)
{
	if (strncmp(word, APP_WORD, sizeof(APP_WORD) - 1) == 0) {
		*ret_count = app_nodes(m, word + sizeof(APP_WORD) - 1, ret);
		return *ret_count > 0 ? 0 : graph_reply_fail(r, -ENOENT, "there is no application \"%.80s\"", word + sizeof(APP_WORD) - 1);
	}
	*ret_count = 1;
	return graph_map_node(m, word, r, ret);
}

int
graph_map_line(const struct graph_map *m, const struct graph_ask *a, struct graph_reply *r, uint32_t *ret)
{
	const char *from = a->words[0], *to = a->word_count > 1 ? a->words[1] : NULL, *arrow;
	char left[4100];
	uint32_t ends[2], line;
	int rc;

	if (to == NULL && (arrow = strstr(from, "->")) != NULL && (size_t)(arrow - from) < sizeof(left)) {
		size_t n = (size_t)(arrow - from);

		while (n > 0 && from[n - 1] == ' ')
			n--;
		memcpy(left, from, n);
		left[n] = '\0';
		from = left;
		to = arrow + 2 + strspn(arrow + 2, " ");
	}
	if (to == NULL)
		return graph_reply_fail(r, -EINVAL, "found \"%.80s\", expected a line such as \"cart -> redis\"", a->words[0]);
	rc = graph_map_node(m, from, r, &ends[0]);
	if (rc == 0)
		rc = graph_map_node(m, to, r, &ends[1]);
	if (rc != 0)
		return rc;
	line = estate_line(m->e, ends[0], ends[1]);
	if (line == ESTATE_NONE)
		return graph_reply_fail(r, -ENOENT, "there is no line from %.80s to %.80s", m->names[ends[0]], m->names[ends[1]]);
	*ret = line;
	return 0;
}
