/* SPDX-License-Identifier: MIT */
/*
 * exp_line.c - a line of an experiment.
 *
 *      redis: {upstream: "127.0.0.1:{port:redis}", key: client}
 *      cart:
 *        protocol: http
 *        upstreams: ["127.0.0.1:{port:a}", "127.0.0.1:{port:b}"]
 *        policies: {timeout: 1s, retry: 2, breaker: true}
 *
 * What an HTTP line takes is said in http_doc.h, which reads it: once when the file is read, with something standing in for what is
 * not known yet, so that all mistakes are found before anything starts, and once more when everything is known.
 */
#include "run/exp_line.h"

#include "proto/graft.h"
#include <errno.h>
#include <string.h>

#define SCRATCH_BYTES_MAX (16u << 20)

/* Keys of an HTTP line that are read here. */
static const char *const own_keys[] = { "name", "listen", "key", "connections_max", NULL };

struct filler {
	struct arena *mem;
	const struct subst_values *values;
};

static const char *
fill_text(void *ud, const char *text)
{
	const struct filler *f = ud;

	return subst_expand(f->mem, text, f->values);
}

/* Fill the texts of the line's map in, and read it. */
static int
parse(const struct doc_node *map, const char *name, const struct subst_values *values, const char *beside, struct doc_diag *d,
    struct http_doc **ret_doc)
{
	struct arena mem;
	struct filler f = { .mem = &mem, .values = values };
	const struct doc_node *filled;
	int rc = -ENOMEM;

	arena_init(&mem, SCRATCH_BYTES_MAX);
	filled = graft_copy(&mem, map, fill_text, &f);
	if (filled != NULL)
		rc = http_doc_parse(filled, name, own_keys, beside, d, ret_doc);
	arena_fini(&mem);
	return rc;
}

int
exp_line_http(const struct experiment_line *l, const struct subst_values *values, const char *beside, struct doc_diag *d,
    struct http_doc **ret_doc)
{
	return parse(l->http, l->name, values, beside, d, ret_doc);
}

/* Check the places to fill in, in all texts. */
static void
check_texts(struct exp_reader *r, const struct doc_node *n)
{
	if (n->kind == DOC_SCALAR)
		(void)exp_field_template_node(r, n);
	for (uint32_t i = 0; n->kind == DOC_LIST && i < n->count; i++)
		check_texts(r, n->items[i]);
	for (uint32_t i = 0; n->kind == DOC_MAP && i < n->count; i++)
		check_texts(r, n->pairs[i].value);
}

/* Before the lines listen there is no {line:...} to speak of. */
static void
refuse_line_in_line(struct exp_reader *r, const struct doc_node *n)
{
	if (n->kind == DOC_SCALAR && strstr(n->text, "{line:") != NULL)
		doc_complain(r->d, n, "found {line:...} in a line, expected an address or {port:NAME}");
	for (uint32_t i = 0; n->kind == DOC_LIST && i < n->count; i++)
		refuse_line_in_line(r, n->items[i]);
	for (uint32_t i = 0; n->kind == DOC_MAP && i < n->count; i++)
		refuse_line_in_line(r, n->pairs[i].value);
}

/* Where its calls go, for reports: "127.0.0.1:{port:a}, 127.0.0.1:{port:b}". */
static const char *
list_upstreams(struct exp_reader *r, const struct doc_node *map)
{
	const struct doc_node *one = doc_get(map, "upstream"), *many = doc_get(map, "upstreams"), *n;
	const char *text = one == NULL ? "" : one->text;

	for (uint32_t i = 0; many != NULL && many->kind == DOC_LIST && i < many->count && text != NULL; i++) {
		n = many->items[i]->kind == DOC_MAP ? doc_get(many->items[i], "address") : many->items[i];
		if (n != NULL && n->kind == DOC_SCALAR)
			text = arena_printf(&r->x->mem, "%s%s%s", text, text[0] == '\0' ? "" : ", ", n->text);
	}
	return text == NULL ? NULL : exp_field_dup(r, text);
}

static void
read_http(struct exp_reader *r, const struct doc_node *map, struct experiment_line *l)
{
	static const char *const no_lines[] = { NULL };
	uint16_t ports[EXPERIMENT_PORTS_MAX];
	struct subst_values values = { .port_names = r->x->ports, .line_names = no_lines, .ports = ports, .dir = "/", .run = "/",
		.here = "/", .program = "/" };
	struct http_doc *doc = NULL;
	unsigned before = r->d->count;

	l->upstream = list_upstreams(r, map);
	l->http = graft_copy(&r->x->mem, map, NULL, NULL);
	check_texts(r, map);
	if (r->d->count != before)
		return;
	for (uint16_t i = 0; i < EXPERIMENT_PORTS_MAX; i++)
		ports[i] = (uint16_t)(i + 1);           /* they differ, as the real ones will */
	if (parse(map, l->name, &values, r->d->name, r->d, &doc) == -ENOMEM)
		doc_complain(r->d, map, "found an HTTP line too large, expected less text");
	http_doc_free(doc);
}

static void
read_tcp(struct exp_reader *r, const struct doc_node *map, struct experiment_line *l)
{
	static const char *const known[] = { "name", "protocol", "listen", "upstream", "half_close", "key", "connect_timeout", "connections_max",
		"trace", NULL };

	doc_keys(r->d, map, known);
	exp_field_template(r, map, "upstream", "found a line without upstream, expected upstream: HOST:PORT", &l->upstream);
	exp_field_bool(r, map, "half_close", &l->half_close);
	trace_doc_read(doc_get(map, "trace"), false, r->d, &l->trace);
	exp_field_duration(r, map, "connect_timeout", FL_MS, 600 * FL_SEC, &l->connect_timeout);
}

void
exp_line_read(struct exp_reader *r, const struct doc_node *map, struct experiment_line *l)
{
	static const char *const keys[] = { "ordinal", "client", NULL };
	const struct doc_node *key = doc_get(map, "key");
	unsigned before;
	int64_t max;
	int i;

	if (map->kind != DOC_MAP)
		return;
	l->listen = "127.0.0.1:0";
	l->half_close = true;
	l->connect_timeout = 10 * FL_SEC;
	before = r->d->count;
	refuse_line_in_line(r, map);
	if (r->d->count != before)
		return;
	if (http_doc_is(map, r->d))
		read_http(r, map, l);
	else
		read_tcp(r, map, l);
	exp_field_template(r, map, "listen", NULL, &l->listen);
	if (exp_field_int(r, map, "connections_max", 0, 1000000, &max))
		l->conns_max = (uint32_t)max;
	if (key != NULL && (i = doc_choice(r->d, key, keys)) >= 0)
		l->key = i == 0 ? LINE_KEY_ORDINAL : LINE_KEY_CLIENT;
}
