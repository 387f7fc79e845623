/* SPDX-License-Identifier: MIT */
/*
 * cli_toxic.c - toxics on a command line.
 *
 * What is typed becomes a small tree of doc nodes, read by the very code that reads faults in files: the same units, the same
 * checks, the same words.
 *
 * Invariants
 *  (1) Only attributes that were given are sent: what the daemon holds is not overwritten with what it was a moment ago.
 */
#include "control/cli_toxic.h"
#include "base/assert.h"
#include "base/text.h"
#include "base/units.h"
#include "control/cli_api.h"
#include "control/cli_table.h"
#include "control/line_json.h"
#include "proto/jsonw.h"
#include "conf/fault_doc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PAIRS_MAX (2 * CLI_TOXIC_ATTRIBUTES_MAX)
#define TEXT_MAX 4096

/* "key=value" taken apart, as nodes. */
struct attribute {
	char key[128], value[TEXT_MAX];
	struct doc_node key_node, value_node;
};

struct ask {
	const struct cli_args *args;
	enum fault_kind kind;           /* FAULT_KIND_COUNT: the daemon has one that is unknown here */
	unsigned count;
	struct attribute *attributes;   /* CLI_TOXIC_ATTRIBUTES_MAX */
	bool has_scope;                 /* something of it was typed */
	struct fault_spec spec;         /* what was typed, over what is there */
};

static struct doc_node
scalar(const char *text)
{
	return (struct doc_node){ .kind = DOC_SCALAR, .plain = true, .text = text, .weight = 1 };
}

/* Tell what the readers of files had to say. returns -EINVAL if it was anything. */
static int
tell(const struct ask *q, const char *option, struct doc_diag *d)
{
	char *text = strdup(buf_str(&d->text)), *next = text, *line;
	int r = d->count > 0 ? -EINVAL : 0;

	while (text != NULL && d->count > 0 && (line = strsep(&next, "\n")) != NULL)
		cli_args_refuse(q->args, "%s%s%s", option, option[0] != '\0' ? ": " : "", line);
	free(text);
	doc_diag_fini(d);
	return r;
}

static int
take_attributes(struct ask *q)
{
	const struct cli_args *a = q->args;

	for (unsigned i = 0; i < a->given_count; i++) {
		const char *text = a->given[i].value, *equals;
		struct attribute *to = &q->attributes[q->count];

		if (strcmp(a->given[i].opt->name, "attribute") != 0)
			continue;
		equals = strchr(text, '=');
		if (equals == NULL || equals == text)
			return cli_args_refuse(a, "--attribute: found \"%.60s\", expected KEY=VALUE such as latency=100ms", text);
		if (q->count == CLI_TOXIC_ATTRIBUTES_MAX || (size_t)(equals - text) >= sizeof(to->key) ||
		    strlen(equals + 1) >= sizeof(to->value))
			return cli_args_refuse(a, "--attribute: too many, or too long");
		snprintf(to->key, sizeof(to->key), "%.*s", (int)(equals - text), text);
		snprintf(to->value, sizeof(to->value), "%s", equals + 1);
		to->key_node = scalar(to->key);
		to->value_node = scalar(to->value);
		q->count++;
	}
	return 0;
}

static bool
is_given(const struct ask *q, const char *key)
{
	for (unsigned i = 0; i < q->count; i++)
		if (strcasecmp(q->attributes[i].key, key) == 0)
			return true;
	return false;
}

static bool
is_file_matter(const struct ask *q, const char *key)
{
	return (q->kind == FAULT_LATENCY || q->kind == FAULT_HTTP_DELAY) && (strcasecmp(key, "samples") == 0 || strcasecmp(key, "distribution") == 0);
}

/*
 * Read type and attributes. A file of samples is read by the daemon, where it is: with one in play, it and the distribution
 * are left for the daemon to check.
 */
static int
check_attributes(struct ask *q, const struct doc_node *current)
{
	const struct doc_node *held = current != NULL ? doc_get(current, "attributes") : NULL;
	struct doc_node type_key = scalar("type"), type = scalar(kind_info(q->kind)->name), attrs_key = scalar("attributes");
	const struct doc_node none = { .kind = DOC_MAP, .text = "" };
	struct doc_pair pairs[PAIRS_MAX], top[2];
	struct doc_node attrs = { .kind = DOC_MAP, .text = "", .pairs = pairs };
	struct doc_node root = { .kind = DOC_MAP, .text = "", .pairs = top, .count = 2 };
	bool samples = is_given(q, "samples") || (held != NULL && doc_get(held, "samples") != NULL);
	struct doc_diag d;

	if (held == NULL || held->kind != DOC_MAP)
		held = &none;
	for (uint32_t i = 0; i < held->count && attrs.count < CLI_TOXIC_ATTRIBUTES_MAX; i++) {
		const char *key = held->pairs[i].key->text;

		if (!is_given(q, key) && spec_attr_index(q->kind, key) >= 0 && !(samples && is_file_matter(q, key)))
			pairs[attrs.count++] = held->pairs[i];
	}
	for (unsigned i = 0; i < q->count; i++)
		if (!(samples && is_file_matter(q, q->attributes[i].key)))
			pairs[attrs.count++] = (struct doc_pair){ &q->attributes[i].key_node, &q->attributes[i].value_node };
	fl_assert(attrs.count <= PAIRS_MAX);
	top[0] = (struct doc_pair){ &type_key, &type };
	top[1] = (struct doc_pair){ &attrs_key, &attrs };
	doc_diag_init(&d, NULL);
	if (fault_doc_read(&root, NULL, &d, &q->spec) == 0)
		fault_doc_fini(&q->spec);
	return tell(q, "", &d);
}

static bool
has_name(const char *const *names, const char *name)
{
	while (*names != NULL && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

/* One option that is a key of the scope: read as in a file. */
static int
check_scope_key(struct ask *q, const char *option, const char *key, const struct doc_node *value)
{
	struct doc_node key_node = scalar(key);
	struct doc_pair pair = { &key_node, value };
	struct doc_node map = { .kind = DOC_MAP, .text = "", .pairs = &pair, .count = 1 };
	struct spec_scope s = { .has_client = false }, *all = &q->spec.scope;
	char name[64];
	struct doc_diag d;
	int r;

	doc_diag_init(&d, NULL);
	fault_doc_scope(&map, false, &d, &s);
	snprintf(name, sizeof(name), "--%s", option);
	r = tell(q, name, &d);
	if (r < 0)
		return r;
	if (has_name(spec_http_keys(), key)) {
		char text[SPEC_HTTP_TEXT_MAX], error[SPEC_ERROR_MAX];
		const char *kept = spec_http_text(&s, key, text);

		r = spec_set_http(all, key, kept != NULL ? kept : "", error);
		fl_assert(r == 0);
	} else if (strcmp(key, "client") == 0) {
		all->has_client = s.has_client;
		memcpy(all->client_ip, s.client_ip, sizeof(s.client_ip));
		all->client_prefix = s.client_prefix;
		memcpy(all->client_text, s.client_text, sizeof(s.client_text));
	} else if (strcmp(key, "every") == 0) {
		all->every = s.every;
	} else if (strcmp(key, "first") == 0) {
		all->first = s.first;
	} else if (strcmp(key, "window") == 0) {
		all->window_from = s.window_from;
		all->window_to = s.window_to;
	} else {
		all->duty_period = s.duty_period;
		all->duty_on = s.duty_on;
	}
	q->has_scope = true;
	return 0;
}

/* "FROM..TO" or "ON/PERIOD": two times with something between; one that is left out is 0. */
static int
check_pair(struct ask *q, const char *option, const char *key, const char *between, const char *first, const char *second)
{
	const char *text = cli_args_value(q->args, option), *mid = text != NULL ? strstr(text, between) : NULL;
	char left[64], right[64];
	struct doc_node keys[2] = { scalar(first), scalar(second) }, values[2] = { scalar(left), scalar(right) };
	struct doc_pair pairs[2] = { { &keys[0], &values[0] }, { &keys[1], &values[1] } };
	struct doc_node map = { .kind = DOC_MAP, .text = "", .pairs = pairs, .count = 2 };

	if (text == NULL)
		return 0;
	if (mid == NULL || strlen(text) >= sizeof(left))
		return cli_args_refuse(q->args, "--%s: found \"%.60s\", expected %s%s%s", option, text, first, between, second);
	snprintf(left, sizeof(left), "%.*s", (int)(mid - text), text);
	snprintf(right, sizeof(right), "%s", mid + strlen(between));
	for (int i = 0; i < 2; i++)
		if (values[i].text[0] == '\0')
			values[i].text = "0";
	return check_scope_key(q, option, key, &map);
}

/* A scope is sent as a whole: what was typed, over what the toxic has. */
static int
check_scope(struct ask *q, const struct doc_node *current)
{
	static const char *const options[][2] = {
		{ "scope-client", "client" }, { "every", "every" }, { "first", "first" }, { "method", "method" }, { "path", "path" },
		{ "scope-host", "host" }, { "header", "header" }, { "experiment", "experiment" }, { "scope-key", "key" },
	};
	const struct doc_node *held = current != NULL ? doc_get(current, "scope") : NULL;
	struct doc_diag ignored;
	int bad = 0;

	doc_diag_init(&ignored, NULL);
	if (held != NULL)
		(void)fault_doc_scope(held, true, &ignored, &q->spec.scope);
	doc_diag_fini(&ignored);
	for (size_t i = 0; i < FL_ARRAY_LEN(options); i++) {
		const char *text = cli_args_value(q->args, options[i][0]);
		struct doc_node value = scalar(text);

		if (text != NULL)
			bad |= check_scope_key(q, options[i][0], options[i][1], &value);
	}
	bad |= check_pair(q, "window", "window", "..", "from", "to");
	bad |= check_pair(q, "duty", "duty", "/", "on", "period");
	return bad != 0 ? -EINVAL : 0;
}

static int
check_share_and_lease(struct ask *q)
{
	const char *toxicity = cli_args_value(q->args, "toxicity"), *ttl = cli_args_value(q->args, "ttl");
	struct doc_node share = scalar(toxicity), lease = scalar(ttl);
	char error[SPEC_ERROR_MAX];
	struct doc_diag d;
	double v;
	int bad = 0;

	doc_diag_init(&d, NULL);
	if (toxicity != NULL && doc_float(&d, &share, 0, 1, &v))
		q->spec.toxicity = (float)v;
	bad |= tell(q, "--toxicity", &d);
	doc_diag_init(&d, NULL);
	if (ttl != NULL)
		fault_doc_time(&lease, false, &d, &q->spec.ttl_ns);
	bad |= tell(q, "--ttl", &d);
	if (bad != 0 || q->kind == FAULT_KIND_COUNT || is_given(q, "samples"))
		return bad != 0 ? -EINVAL : 0;
	/* Scope and lease by themselves; the attributes were seen in full. */
	if (spec_check(&q->spec, error) < 0 && strncmp(error, "samples", 7) != 0)
		return cli_args_refuse(q->args, "%s", error);
	return 0;
}

/* A value as it was typed, for a kind that is unknown here: number, truth or text. */
static void
put_guess(struct jsonw *w, const struct doc_node *n)
{
	int64_t i;
	double f;
	bool b;

	if (doc_is_int(n, &i))
		jsonw_int(w, i);
	else if (doc_is_float(n, &f))
		jsonw_float(w, f);
	else if (doc_is_bool(n, &b))
		jsonw_bool(w, b);
	else
		jsonw_string(w, n->text);
}

static void
put_value(struct jsonw *w, const struct ask *q, const struct attribute *a)
{
	int i = q->kind != FAULT_KIND_COUNT ? spec_attr_index(q->kind, a->key) : -1;
	const struct kind_attr *info = i >= 0 ? &kind_info(q->kind)->attrs[i] : NULL;

	if (info == NULL) {
		put_guess(w, &a->value_node);
	} else if (info->type == ATTR_FILE) {
		char *full = a->value[0] != '/' ? realpath(a->value, NULL) : NULL;

		jsonw_string(w, full != NULL ? full : a->value);
		free(full);
	} else if (info->type == ATTR_ENUM || info->type == ATTR_TEXT) {
		jsonw_string(w, a->value);
	} else if (info->type == ATTR_BOOL) {
		jsonw_bool(w, q->spec.values[i].i != 0);
	} else if (info->type == ATTR_FLOAT) {
		jsonw_float(w, q->spec.values[i].f);
	} else {
		jsonw_int(w, q->spec.values[i].i);
	}
}

static void
put_attributes(struct jsonw *w, const struct ask *q)
{
	jsonw_key(w, "attributes");
	jsonw_object(w);
	for (unsigned i = 0; i < q->count; i++) {
		const struct attribute *a = &q->attributes[i];
		bool later = false;

		for (unsigned k = i + 1; k < q->count; k++)
			later = later || strcasecmp(q->attributes[k].key, a->key) == 0;
		if (later)
			continue;
		jsonw_key(w, a->key);
		put_value(w, q, a);
	}
	jsonw_end(w);
}

static int
put_new(struct jsonw *w, const struct ask *q)
{
	const struct cli_args *a = q->args;
	const char *name = cli_args_value(a, "name");
	bool up = cli_args_has(a, "upstream");

	if (up && cli_args_has(a, "downstream"))
		return cli_args_refuse(a, "expected one of --upstream and --downstream");
	if (name != NULL)
		jsonw_str(w, "name", name);
	jsonw_str(w, "type", kind_info(q->kind)->name);
	jsonw_str(w, "stream", up ? "upstream" : "downstream");
	return 0;
}

/* The kind that is asked for, or that the toxic has. */
static int
find_kind(struct ask *q, const struct doc_node *current)
{
	const char *type = cli_args_value(q->args, "type"), *near;
	const struct doc_node *held = current != NULL ? doc_get(current, "type") : NULL;
	struct buf all;

	if (current != NULL) {
		q->kind = held != NULL ? kind_find(held->text) : FAULT_KIND_COUNT;
		return 0;
	}
	if (type == NULL)
		return cli_args_refuse(q->args, "expected --type, such as --type latency");
	q->kind = kind_find(type);
	if (q->kind != FAULT_KIND_COUNT)
		return 0;
	near = text_nearest(type, kind_names());
	if (near != NULL)
		return cli_args_refuse(q->args, "--type: there is no \"%.60s\"; did you mean %s?", type, near);
	buf_init(&all, 4096);
	for (const char *const *name = kind_names(); *name != NULL; name++)
		buf_printf(&all, "%s%s", buf_len(&all) > 0 ? ", " : "", *name);
	cli_args_refuse(q->args, "--type: there is no \"%.60s\"; expected one of %s", type, buf_str(&all));
	buf_fini(&all);
	return -EINVAL;
}

int
cli_toxic_body(const struct cli_args *a, const struct doc_node *current, struct buf *out)
{
	struct ask q = { .args = a, .kind = FAULT_KIND_COUNT, .spec = { .toxicity = 1 } };
	struct jsonw w;
	int r = -ENOMEM;

	q.attributes = calloc(CLI_TOXIC_ATTRIBUTES_MAX, sizeof(*q.attributes));
	if (q.attributes == NULL)
		goto done;
	r = take_attributes(&q);
	if (r == 0)
		r = find_kind(&q, current);
	if (r == 0 && q.kind != FAULT_KIND_COUNT)
		r = check_attributes(&q, current);
	if (r == 0)
		r = check_scope(&q, current);
	if (r == 0)
		r = check_share_and_lease(&q);
	if (r < 0)
		goto done;
	jsonw_init(&w, out);
	jsonw_object(&w);
	if (current == NULL)
		r = put_new(&w, &q);
	put_attributes(&w, &q);
	if (cli_args_has(a, "toxicity")) {
		jsonw_key(&w, "toxicity");
		jsonw_float32(&w, q.spec.toxicity);
	}
	if (q.has_scope)
		line_json_scope(&w, &q.spec.scope);
	if (cli_args_has(a, "ttl"))
		line_json_ms(&w, "ttl", q.spec.ttl_ns);
	jsonw_end(&w);
done:
	free(q.attributes);
	return r;
}

static int
key_order(const void *a, const void *b)
{
	const struct doc_pair *const *x = a, *const *y = b;

	return strcmp((*x)->key->text, (*y)->key->text);
}

const struct doc_pair **
cli_toxic_sorted(const struct doc_node *map)
{
	const struct doc_pair **sorted;

	if (map->kind != DOC_MAP || map->count == 0)
		return NULL;
	sorted = calloc(map->count, sizeof(struct doc_pair *));
	if (sorted == NULL)
		return NULL;
	for (uint32_t i = 0; i < map->count; i++)
		sorted[i] = &map->pairs[i];
	qsort(sorted, map->count, sizeof(struct doc_pair *), key_order);
	return sorted;
}

static const char *
gap(const struct buf *out)
{
	return buf_len(out) > 0 ? " " : "";
}

/* "key=value key=value" of the scalars of a map. */
static void
describe_scalars(const struct doc_node *map, struct buf *out)
{
	const struct doc_pair **sorted = cli_toxic_sorted(map);

	for (uint32_t i = 0; sorted != NULL && i < map->count; i++) {
		if (sorted[i]->value->kind == DOC_SCALAR)
			buf_printf(out, "%s%s=%s", gap(out), sorted[i]->key->text, sorted[i]->value->text);
	}
	free(sorted);
}

/* A time in milliseconds, as people write it and the options take it. */
static char *
time_text(const struct doc_node *map, const char *key, char *buf, size_t bytes)
{
	double ms = cli_api_float(map, key);
	char spaced[32];
	size_t n = 0;

	units_duration(spaced, sizeof(spaced), (fl_ns)(FL_MIN(FL_MAX(ms, 0.0), 1e12) * (double)FL_MS));
	for (const char *p = spaced; *p != '\0' && n + 1 < bytes; p++)
		if (*p != ' ')
			buf[n++] = *p;
	buf[n] = '\0';
	return buf;
}

void
cli_toxic_describe(const struct doc_node *toxic, struct buf *out)
{
	const struct doc_node *attributes = cli_api_items(toxic, "attributes"), *scope = cli_api_items(toxic, "scope");
	const struct doc_node *window = doc_get(scope, "window"), *duty = doc_get(scope, "duty");
	char a[32], b[32];

	describe_scalars(attributes, out);
	describe_scalars(scope, out);
	if (window != NULL)
		buf_printf(out, "%swindow=%s..%s", gap(out), time_text(window, "from", a, sizeof(a)),
		    cli_api_float(window, "to") > 0 ? time_text(window, "to", b, sizeof(b)) : "");
	if (duty != NULL)
		buf_printf(out, "%sduty=%s/%s", gap(out), time_text(duty, "on", a, sizeof(a)), time_text(duty, "period", b,
		    sizeof(b)));
	if (doc_get(toxic, "ttl") != NULL)
		buf_printf(out, "%sttl=%s", gap(out), time_text(toxic, "ttl", a, sizeof(a)));
}

void
cli_toxic_print(const struct doc_node *toxics)
{
	static const char *const header[] = { "TOXIC", "TYPE", "STREAM", ">TOXICITY", "ATTRIBUTES" };
	struct cli_table t;

	cli_table_init(&t, header, FL_ARRAY_LEN(header));
	for (uint32_t i = 0; toxics->kind == DOC_LIST && i < toxics->count; i++) {
		const struct doc_node *x = toxics->items[i];
		struct buf attributes;

		buf_init(&attributes, 1 << 16);
		cli_toxic_describe(x, &attributes);
		cli_table_cell(&t, CLI_BOLD, "%s", cli_api_text(x, "name"));
		cli_table_cell(&t, CLI_PLAIN, "%s", cli_api_text(x, "type"));
		cli_table_cell(&t, CLI_PLAIN, "%s", cli_api_text(x, "stream"));
		cli_table_cell(&t, CLI_PLAIN, "%g", cli_api_float(x, "toxicity"));
		cli_table_cell(&t, CLI_PLAIN, "%s", buf_str(&attributes));
		buf_fini(&attributes);
	}
	cli_table_print(&t);
	cli_table_fini(&t);
}
