/* SPDX-License-Identifier: MIT */
/* config.c - the daemon's configuration file. */
#include "control/config.h"
#include "base/hash.h"
#include "control/line_body.h"
#include "control/line_doc.h"
#include "control/line_json.h"
#include "proxy/trace_conf.h"
#include "io/file.h"
#include "proto/json.h"
#include "proto/yaml.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (16u << 20)
#define MEM_MAX (64u << 20)

void
config_free(struct config *c)
{
	if (c == NULL)
		return;
	line_body_list_free(c->lines, c->line_count);
	arena_fini(&c->mem);
	doc_free(c->doc);
	buf_fini(&c->path);
	free(c);
}

/* A text that stands for all that an entry says, to see later whether it has changed. */
static const char *
digest(struct config *c, const struct lines_ask *a)
{
	struct jsonw w;
	struct buf b;
	const char *text;

	buf_init(&b, FILE_BYTES_MAX);
	jsonw_init(&w, &b);
	jsonw_array(&w);
	jsonw_string(&w, a->name);
	jsonw_string(&w, a->listen);
	jsonw_string(&w, a->upstream);
	jsonw_bool(&w, a->enabled);
	jsonw_bool(&w, a->half_close);
	jsonw_int(&w, (int64_t)a->key);
	jsonw_int(&w, a->connect_timeout);
	if (a->source != NULL)
		jsonw_string(&w, a->source);
	if (a->wire != NULL)
		jsonw_printf(&w, "%016" PRIx64, a->wire_digest);
	if (a->trace != NULL)
		jsonw_printf(&w, "%016" PRIx64, hash_bytes(0, 0, a->trace->frame, sizeof(*a->trace) - offsetof(struct trace_conf, frame)));
	for (uint32_t i = 0; i < a->toxic_count; i++)
		line_json_toxic(&w, &a->toxics[i]);
	jsonw_end(&w);
	text = arena_printf(&c->mem, "%016" PRIx64, hash_bytes(0, 0, buf_data(&b), buf_len(&b)));
	buf_fini(&b);
	return text;
}

/* ---- faultline.yaml ---- */

static void
read_text(const struct doc_node *map, const char *key, struct doc_diag *d, const char **ret)
{
	const struct doc_node *n = doc_get(map, key);

	if (n != NULL && n->kind != DOC_NULL)
		doc_text(d, n, NULL, ret);
}

static void
read_int(const struct doc_node *map, const char *key, int64_t min, int64_t max, struct doc_diag *d, int64_t *ret)
{
	const struct doc_node *n = doc_get(map, key);

	if (n != NULL && n->kind != DOC_NULL)
		doc_int(d, n, min, max, ret);
}

static void
read_bytes(const struct doc_node *map, const char *key, int64_t min, int64_t max, struct doc_diag *d, int64_t *ret)
{
	const struct doc_node *n = doc_get(map, key);
	int64_t v = 0;

	if (n == NULL || n->kind == DOC_NULL || !doc_bytes(d, n, &v))
		return;
	if (v < min || v > max)
		doc_complain(d, n, "found %lld bytes, expected %lld to %lld", (long long)v, (long long)min, (long long)max);
	else
		*ret = v;
}

/* The map behind a key; NULL when there is none, or after a complaint. */
static const struct doc_node *
read_map(const struct doc_node *map, const char *key, const char *const *known, struct doc_diag *d)
{
	const struct doc_node *n = doc_get(map, key);

	if (n == NULL || n->kind == DOC_NULL || !doc_expect(d, n, DOC_MAP, "a map"))
		return NULL;
	if (known != NULL)
		doc_keys(d, n, known);
	return n;
}

static void
read_lines(struct config *c, const struct doc_node *root, struct doc_diag *d)
{
	const struct doc_node *n = read_map(root, "lines", NULL, d);

	if (n == NULL)
		return;
	c->lines = calloc(n->count + 1, sizeof(*c->lines));
	if (c->lines == NULL)
		return;
	for (uint32_t i = 0; i < n->count; i++) {
		c->line_count = i + 1;
		line_doc_read(n->pairs[i].value, n->pairs[i].key, d->name, d, &c->lines[i]);
	}
}

static void
read_yaml(struct config *c, const struct doc_node *root, struct doc_diag *d)
{
	static const char *const known[] = { "seed", "api", "limits", "workers", "state", "events", "trace", "lines", NULL };
	static const char *const api_known[] = { "host", "port", "token", NULL };
	static const char *const limits_known[] = { "connections", "buffer", "pipe_buffer", "handshakes", NULL };
	const struct doc_node *n, *map;
	int64_t v = -1;

	if (root->kind == DOC_NULL || !doc_expect(d, root, DOC_MAP, "a map with lines"))
		return;
	doc_keys(d, root, known);
	if ((n = doc_get(root, "seed")) != NULL && doc_int(d, n, INT64_MIN, INT64_MAX, &v)) {
		c->has_seed = true;
		c->seed = (uint64_t)v;
	}
	if ((map = read_map(root, "api", api_known, d)) != NULL) {
		v = -1;
		read_text(map, "host", d, &c->host);
		read_text(map, "token", d, &c->token);
		read_int(map, "port", 0, 65535, d, &v);
		c->port = (int)v;
	}
	if ((map = read_map(root, "limits", limits_known, d)) != NULL) {
		read_int(map, "connections", 1, 10000000, d, &c->connections);
		read_bytes(map, "buffer", 1 << 20, (int64_t)1 << 40, d, &c->buffer_bytes);
		read_bytes(map, "pipe_buffer", 4096, 1 << 30, d, &c->pipe_bytes);
		read_int(map, "handshakes", 1, 10000000, d, &c->handshakes);
	}
	read_int(root, "workers", 1, LINE_WORKERS_MAX, d, &c->workers);
	read_text(root, "state", d, &c->state);
	read_text(root, "events", d, &c->events);
	read_text(root, "trace", d, &c->trace);
	read_lines(c, root, d);
}

/* ---- either ---- */

/* Toxiproxy's file: the mistakes in its words. */
static int
read_json(struct config *c, const char *text, size_t n, struct doc_diag *d)
{
	char error[JSON_ERROR_MAX];
	struct lines_error e;

	c->toxiproxy = true;
	if (json_parse(text, n, error, &c->doc) != 0)
		doc_complain(d, NULL, "%s", error);
	else if (line_body_list(c->doc->root, &c->lines, &c->line_count, &e) != 0)
		doc_complain(d, NULL, "%s", e.text);
	return d->count == 0 ? 0 : -EINVAL;
}

static int
parse(struct config *c, const char *p, size_t n, struct doc_diag *d)
{
	size_t space = 0;
	int rc;

	while (space < n && strchr(" \t\r\n", p[space]) != NULL)
		space++;
	if (space < n && p[space] == '[') {
		rc = read_json(c, p, n, d);
	} else {
		rc = yaml_parse(p, n, d, &c->doc);
		if (rc == 0)
			read_yaml(c, c->doc->root, d);
		if (rc == 0 && d->count > 0)
			rc = -EINVAL;
	}
	for (uint32_t i = 0; rc == 0 && i < c->line_count; i++)
		c->lines[i].origin = digest(c, &c->lines[i]);
	return rc;
}

int
config_parse(const char *path, const char *text, size_t n, struct buf *complaints, struct config **ret_config)
{
	struct config *c = calloc(1, sizeof(*c));
	struct doc_diag d;
	int rc;

	if (c == NULL)
		return -ENOMEM;
	c->port = -1;
	arena_init(&c->mem, MEM_MAX);
	buf_init(&c->path, 8192);
	buf_puts(&c->path, path);
	doc_diag_init(&d, buf_str(&c->path));
	rc = parse(c, text, n, &d);
	buf_puts(complaints, buf_str(&d.text));
	if (d.count > 20)
		buf_printf(complaints, "\nand %u more", d.count - 20);
	doc_diag_fini(&d);
	if (rc != 0) {
		config_free(c);
		return rc;
	}
	*ret_config = c;
	return 0;
}

int
config_read(const char *path, struct buf *complaints, struct config **ret_config)
{
	struct buf text;
	int rc;

	buf_init(&text, FILE_BYTES_MAX);
	rc = file_read(path, &text);
	if (rc != 0)
		buf_printf(complaints, "%s: %s", path, rc == -EFBIG ? "larger than 16 MB" : strerror(-rc));
	else
		rc = config_parse(path, buf_str(&text), buf_len(&text), complaints, ret_config);
	buf_fini(&text);
	return rc;
}

/* ---- use ---- */

static const struct lines_ask *
find(const struct config *c, const char *name)
{
	for (uint32_t i = 0; i < c->line_count; i++) {
		if (strcmp(c->lines[i].name, name) == 0)
			return &c->lines[i];
	}
	return NULL;
}

/* The same ask, but with the port that the line has now where any port is asked for and the host is the same. */
static struct lines_ask
settled(const struct lines *t, const struct lines_ask *a, const struct lines_line *l)
{
	struct lines_ask wanted = *a;
	struct io_addr asked, now;
	char error[LISTEN_ERROR_MAX];

	if (addr_parse(l->listen, &now) != 0 || listen_resolve(&t->lookup, a->listen, error, &asked) != 0)
		return wanted;
	if (asked.sa.sa_family == AF_UNIX || asked.sa.sa_family != now.sa.sa_family || addr_port(&asked) != 0)
		return wanted;
	if (asked.sa.sa_family == AF_INET)
		asked.in.sin_port = now.in.sin_port;
	else
		asked.in6.sin6_port = now.in6.sin6_port;
	if (listen_same(&asked, &now))
		wanted.listen = l->listen;
	return wanted;
}

static int
apply_one(struct lines *t, const struct lines_ask *a, struct lines_error *e, const char **ret_done)
{
	struct lines_line *l = lines_find(t, a->name);
	char listen[LINES_ADDRESS_MAX];
	struct lines_ask wanted;
	int rc;

	*ret_done = "new";
	if (l == NULL)
		return lines_create(t, a, e, &l);
	*ret_done = NULL;
	if (l->origin != NULL && strcmp(l->origin, a->origin) == 0 && !l->wire_missing && (a->trace == NULL || l->trace != NULL))
		return 0;
	*ret_done = "changed";
	wanted = settled(t, a, l);
	if (l->origin != NULL && strcmp(l->origin, a->origin) == 0) {
		wanted.has_toxics = false;      /* as the state file has it, and now with what that could not hold */
		wanted.enabled = l->wire_missing ? l->wire_enabled : l->enabled;
		if (l->http != NULL && wanted.http != NULL) {
			wanted.http = l->http;
			wanted.source = l->source;
			wanted.upstream = l->upstream;
		}
	}
	snprintf(listen, sizeof(listen), "%s", wanted.listen);
	wanted.listen = listen;
	rc = lines_update(t, l, &wanted, e);
	if (rc != 0 && l->origin != NULL)
		l->origin[0] = '\0';    /* the next reload tries again */
	return rc;
}

/* Look up all names that will be needed: 0 or -EINPROGRESS. */
static int
look_ahead(const struct config *c, const struct lines *t)
{
	char error[LISTEN_ERROR_MAX];
	struct io_addr addr;
	int rc = 0;

	for (uint32_t i = 0; i < c->line_count; i++) {
		if (listen_resolve(&t->lookup, c->lines[i].listen, error, &addr) == -EINPROGRESS)
			rc = -EINPROGRESS;
	}
	return rc;
}

int
config_apply(struct config *c, struct lines *t, struct buf *report, unsigned *ret_failed)
{
	unsigned failed = 0, done = 0;
	int rc = look_ahead(c, t);

	if (rc != 0)
		return rc;
	list_for_safe(link, &t->order) {
		struct lines_line *l = list_entry(link, struct lines_line, link);

		if (l->origin == NULL || find(c, l->name) != NULL)
			continue;
		buf_printf(report, "deleted %s\n", l->name);
		lines_delete(t, l);
		done++;
	}
	for (uint32_t i = 0; i < c->line_count; i++) {
		struct lines_error e;
		const char *what;

		rc = apply_one(t, &c->lines[i], &e, &what);
		if (rc == -EINPROGRESS)
			lines_refuse(&e, EAGAIN, 503, "the look-up of %.255s took too long", c->lines[i].listen);
		failed += rc != 0;
		done += rc == 0 && what != NULL;
		if (rc != 0)
			buf_printf(report, "failed %s: %s\n", c->lines[i].name, e.text);
		else if (what != NULL)
			buf_printf(report, "%s %s\n", what, c->lines[i].name);
	}
	if (done == 0 && failed == 0)
		buf_puts(report, "nothing has changed\n");
	*ret_failed = failed;
	return 0;
}
