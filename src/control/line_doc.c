/* SPDX-License-Identifier: MIT */
/* line_doc.c - a line in the words of faultline.yaml. */
#include "control/line_doc.h"
#include "control/line_body.h"
#include "control/tls_config.h"
#include "proto/doc_patch.h"
#include "proto/json.h"
#include "conf/fault_doc.h"
#include "conf/http_ask.h"
#include "conf/http_doc.h"
#include "conf/trace_doc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_BYTES_MAX (16u << 20)
#define SOURCE_FILE "source_file"       /* in the source: the file that names files */

static void
read_address(const struct doc_node *line, const char *key, struct doc_diag *d, const char **ret)
{
	const struct doc_node *n = doc_get(line, key);
	char host[256], port[32];

	if (n == NULL || n->kind == DOC_NULL) {
		doc_complain(d, line, "found a line without %s, expected one such as %s: 127.0.0.1:6379", key, key);
		return;
	}
	if (!doc_text(d, n, "an address such as 127.0.0.1:6379 or unix:/run/x.sock", ret))
		return;
	if (strncmp(n->text, "unix:", 5) != 0 && addr_split(n->text, host, sizeof(host), port, sizeof(port)) != 0)
		doc_unexpected(d, n, "an address such as 127.0.0.1:6379 or unix:/run/x.sock");
}

static void
read_faults(const struct doc_node *line, struct doc_diag *d, struct lines_ask *a)
{
	const struct doc_node *n = doc_get(line, "faults");

	a->has_toxics = true;
	if (n == NULL || n->kind == DOC_NULL || !doc_expect(d, n, DOC_LIST, "a list of faults"))
		return;
	if (n->count > LINES_TOXICS_MAX) {
		doc_complain(d, n, "found %u faults, expected at most %d", n->count, LINES_TOXICS_MAX);
		return;
	}
	a->toxics = calloc(n->count + 1, sizeof(*a->toxics));
	for (uint32_t i = 0; a->toxics != NULL && i < n->count; i++) {
		struct fault_spec *f = &a->toxics[a->toxic_count];

		if (fault_doc_read(n->items[i], NULL, d, f) != 0)
			continue;
		for (uint32_t k = 0; k < a->toxic_count; k++) {
			if (strcmp(a->toxics[k].name, f->name) == 0)
				doc_complain(d, n->items[i], "found a second fault named \"%.60s\", expected another name", f->name);
		}
		a->toxic_count++;
	}
}

void
line_doc_place(const struct doc_node *patch, struct doc_diag *d, struct lines_ask *ask)
{
	static const char *const keys[] = { "ordinal", "client", NULL };
	const struct doc_node *n;
	int i;

	if (doc_get(patch, "listen") != NULL)
		read_address(patch, "listen", d, &ask->listen);
	if ((n = doc_get(patch, "enabled")) != NULL)
		doc_bool(d, n, &ask->enabled);
	if ((n = doc_get(patch, "key")) != NULL && (i = doc_choice(d, n, keys)) >= 0)
		ask->key = i == 0 ? LINE_KEY_ORDINAL : LINE_KEY_CLIENT;
}

static void
read_wire(const struct doc_node *map, const char *beside, struct doc_diag *d, struct lines_ask *ask)
{
	struct tls_config tls;

	tls_config_read(map, beside, d, &tls);
	ask->has_wire = true;
	ask->wire = tls.wire;
	ask->wire_digest = tls.digest;
	ask->wire_warning = tls.warning;
}

static void
read_trace(const struct doc_node *map, struct doc_diag *d, struct lines_ask *a)
{
	struct trace_doc t;

	trace_doc_read(doc_get(map, "trace"), false, d, &t);
	a->has_trace = true;
	a->trace = trace_doc_conf(&t);
	if (t.on && a->trace == NULL)
		doc_complain(d, map, "found no memory for a line");
}

static void
read_tcp(const struct doc_node *map, bool named, struct doc_diag *d, struct lines_ask *a)
{
	static const char *const known[] = { "name", "listen", "upstream", "half_close", "key", "connect_timeout", "enabled", "faults", "protocol",
		"trace", 		TLS_CONFIG_KEYS, NULL };
	const struct doc_node *n;

	doc_keys(d, map, known + !named);
	if (doc_get(map, "sni") == NULL || doc_get(map, "upstream") != NULL)
		read_address(map, "upstream", d, &a->upstream);
	read_trace(map, d, a);
	if ((n = doc_get(map, "half_close")) != NULL)
		doc_bool(d, n, &a->half_close);
	if ((n = doc_get(map, "connect_timeout")) != NULL && doc_duration(d, n, &a->connect_timeout) && a->connect_timeout <= 0)
		doc_unexpected(d, n, "more than 0");
}

/* Is there a key that names a file anywhere in it? */
static bool
names_file(const struct doc_node *n)
{
	for (uint32_t i = 0; (n->kind == DOC_LIST || n->kind == DOC_MAP) && i < n->count; i++) {
		if (n->kind == DOC_MAP && (strcmp(n->pairs[i].key->text, "file") == 0 || strcmp(n->pairs[i].key->text, "access_log") == 0))
			return true;
		if (names_file(n->kind == DOC_LIST ? n->items[i] : n->pairs[i].value))
			return true;
	}
	return false;
}

/* What was said, but for what is kept elsewhere; and where files are looked for, if any is named. */
static char *
source_of(const struct doc_node *map, const char *beside, struct doc_diag *d)
{
	static const char *const without[] = { "name", "listen", "enabled", "faults", "key", TLS_CONFIG_KEYS, SOURCE_FILE, NULL };
	char *whole = beside != NULL && names_file(map) ? realpath(beside, NULL) : NULL, *text = NULL;
	struct buf b, head;
	struct jsonw w;

	buf_init(&b, SOURCE_BYTES_MAX);
	buf_init(&head, SOURCE_BYTES_MAX);
	jsonw_init(&w, &b);
	if (doc_patch_json(&w, map, without) != 0) {
		doc_complain(d, map, "found maps nested too deep, expected a line");
	} else if (whole != NULL) {
		jsonw_init(&w, &head);
		jsonw_object(&w);
		jsonw_str(&w, SOURCE_FILE, whole);
		buf_printf(&head, ",%s", buf_str(&b) + 1);
		text = strdup(buf_str(&head));
	} else {
		text = strdup(buf_str(&b));
	}
	free(whole);
	buf_fini(&head);
	buf_fini(&b);
	return text;
}

static void
read_http(const struct doc_node *map, bool named, const char *beside, struct doc_diag *d, struct lines_ask *a)
{
	static const char *const extra[] = { "name", "listen", "enabled", "faults", "key", TLS_CONFIG_KEYS, SOURCE_FILE, NULL };
	int rc = http_doc_parse(map, a->name, extra + !named, beside, d, &a->http);

	if (rc == 0)
		a->source = source_of(map, beside, d);
	if (rc == -ENOMEM || (rc == 0 && a->source == NULL))
		doc_complain(d, map, "found a line that is too large, expected less");
	if (rc == 0)
		a->upstream = a->http->upstreams[0].instances[0].address;
}

void
line_doc_read(const struct doc_node *map, const struct doc_node *name, const char *beside, struct doc_diag *d, struct lines_ask *ask)
{
	bool named = name == doc_get(map, "name");      /* by a key of its own */

	line_body_init(ask);
	ask->name = name->text;
	ask->half_close = true;
	if (!doc_expect(d, map, DOC_MAP, "a map with listen and upstream"))
		return;
	if (ask->name[0] == '\0' || strlen(ask->name) >= LINE_NAME_MAX)
		doc_complain(d, name, "found a name of %zu bytes, expected 1 to %d", strlen(ask->name), LINE_NAME_MAX - 1);
	if (doc_get(map, "listen") == NULL)
		read_address(map, "listen", d, &ask->listen);
	line_doc_place(map, d, ask);
	read_wire(map, beside, d, ask);
	if (http_doc_is(map, d))
		read_http(map, named, beside, d, ask);
	else
		read_tcp(map, named, d, ask);
	read_faults(map, d, ask);
}

int
line_doc_again(const struct doc_node *source, const struct doc_node *patch, struct arena *mem, struct doc_diag *d, struct lines_ask *ask)
{
	const struct doc_node *map = patch != NULL ? doc_patch_merge(mem, source, patch) : source, *file;
	struct lines_ask fresh = { .name = ask->name };
	unsigned before = d->count;

	if (map == NULL)
		return -ENOMEM;
	/* Files were named by the configuration file, if at all; a patch may not name others. */
	file = patch == NULL || !names_file(patch) ? doc_get(source, SOURCE_FILE) : NULL;
	read_http(map, true, file != NULL ? file->text : NULL, d, &fresh);
	if (d->count != before) {
		line_body_free(&fresh);
		return -EINVAL;
	}
	http_doc_free(ask->http);
	free(ask->source);
	ask->http = fresh.http;
	ask->source = fresh.source;
	ask->upstream = fresh.upstream;
	return 0;
}

/* ---- patches ---- */

static struct doc_node *
new_map(struct arena *mem, unsigned room)
{
	struct doc_node *n = arena_alloc(mem, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->kind = DOC_MAP;
	n->text = "";
	n->pairs = arena_alloc(mem, room * sizeof(*n->pairs));
	return n->pairs != NULL ? n : NULL;
}

/* Put a pair into a map with room for it. false: no memory. */
static bool
put(struct arena *mem, struct doc_node *map, const char *key, const struct doc_node *value)
{
	struct doc_node *k = arena_alloc(mem, sizeof(*k));

	if (k == NULL || value == NULL)
		return false;
	*k = (struct doc_node){ .kind = DOC_SCALAR, .text = key };
	map->pairs[map->count++] = (struct doc_pair){ k, value };
	return true;
}

static bool
is_route(const struct doc_node *item, const char *name)
{
	const struct doc_node *n = doc_get(item, "name");

	return n != NULL && strcmp(n->text, name) == 0;
}

/* The list of routes, the one of that name patched; it is added at the end when there is none. */
static const struct doc_node *
patch_routes(struct arena *mem, const struct doc_node *old, const char *route, const struct doc_node *patch)
{
	struct doc_node *list = arena_alloc(mem, sizeof(*list)), *name = arena_alloc(mem, sizeof(*name)), *fresh;
	uint32_t count = old != NULL && old->kind == DOC_LIST ? old->count : 0;
	bool found = false;

	if (list == NULL || name == NULL)
		return NULL;
	list->kind = DOC_LIST;
	list->text = "";
	list->items = arena_alloc(mem, (count + 1) * sizeof(*list->items));
	if (list->items == NULL)
		return NULL;
	for (uint32_t i = 0; i < count; i++) {
		bool here = is_route(old->items[i], route);

		list->items[i] = here ? doc_patch_merge(mem, old->items[i], patch) : old->items[i];
		if (list->items[i] == NULL)
			return NULL;
		found = found || here;
	}
	list->count = count;
	if (found)
		return list;
	*name = (struct doc_node){ .kind = DOC_SCALAR, .text = route };
	fresh = new_map(mem, 1);
	if (fresh == NULL || !put(mem, fresh, "name", name) || (list->items[count] = doc_patch_merge(mem, fresh, patch)) == NULL)
		return NULL;
	list->count = count + 1;
	return list;
}

const struct doc_node *
line_doc_policies_patch(const struct doc_node *source, const char *route, const struct doc_node *policies, struct arena *mem)
{
	struct doc_node *patch = new_map(mem, 1), *whole = new_map(mem, 1);

	if (patch == NULL || whole == NULL || !put(mem, patch, "policies", policies))
		return NULL;
	if (route == NULL)
		return patch;
	return put(mem, whole, "routes", patch_routes(mem, doc_get(source, "routes"), route, patch)) ? whole : NULL;
}

int
line_doc_lead(const char *upstream, struct doc_diag *d, struct lines_ask *ask)
{
	static const struct doc_node nothing = { .kind = DOC_NULL, .text = "" };
	struct doc_node address = { .kind = DOC_SCALAR, .text = upstream };
	char error[JSON_ERROR_MAX];
	struct doc_node *patch;
	struct arena mem;
	struct doc *doc;
	int rc = json_parse(ask->source, strlen(ask->source), error, &doc);

	if (rc != 0)
		return rc;
	arena_init(&mem, DOC_BYTES_MAX);
	patch = new_map(&mem, 2);
	if (patch == NULL || !put(&mem, patch, "upstream", &address) || !put(&mem, patch, "upstreams", &nothing))
		rc = -ENOMEM;
	else
		rc = line_doc_again(doc->root, patch, &mem, d, ask);
	arena_fini(&mem);
	doc_free(doc);
	return rc;
}
