/* SPDX-License-Identifier: MIT */
/*
 * import_recognise.c - which format is it? By content: of JSON the keys of the first object, of YAML those of the first columns, of text
 * the shape of its first lines. The name only tells what is alike: a .env from other settings, a compose file from ours.
 */
#include "graph/import.h"
#include "graph/import_log_json.h"
#include "graph/import_wrap.h"
#include <string.h>
#include <strings.h>

#define LOOK_MAX ((size_t)256 * 1024)
#define LINES_LOOK_MAX 20

struct look {
	const char *name, *base, *p, *end;
};

static bool
has(const struct look *l, const char *s)
{
	return memmem(l->p, (size_t)(l->end - l->p), s, strlen(s)) != NULL;
}

static const char *
skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
		p++;
	return p;
}

/* Keys right below the first object, of the outermost array's first one if it is an array: "|key|key|" in out; levels up to 2 joined by a dot. */
struct keys {
	char text[4096];
	size_t n;
	bool array;
};

static void
keys_add(struct keys *k, const char *outer, size_t outer_n, const char *key, size_t n)
{
	if (k->n + outer_n + n + 3 >= sizeof(k->text) || n > 64)
		return;
	memcpy(k->text + k->n, outer, outer_n);
	k->n += outer_n;
	if (outer_n > 0)
		k->text[k->n++] = '.';
	memcpy(k->text + k->n, key, n);
	k->n += n;
	k->text[k->n++] = '|';
	k->text[k->n] = '\0';
}

/* A string at p: its end behind the quote. */
static const char *
string_end(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		p += *p == '\\';
	return p < end ? p + 1 : end;
}

static void
json_keys(const char *p, const char *end, struct keys *k)
{
	const char *outer = "", *key, *stop;
	size_t outer_n = 0;
	int depth = 0;

	k->text[k->n++] = '|';
	k->text[k->n] = '\0';
	if (p < end && *p == '[') {
		k->array = true;
		p = skip_space(p + 1, end);
	}
	while (p < end && depth >= 0) {
		if (*p == '"') {
			key = p + 1;
			stop = string_end(p, end);
			p = skip_space(stop, end);
			if (p >= end || *p != ':' || depth > 2 || depth < 1)
				continue;
			keys_add(k, depth == 2 ? outer : "", depth == 2 ? outer_n : 0, key, (size_t)(stop - key) - 1);
			if (depth == 1) {
				outer = key;
				outer_n = FL_MIN((size_t)(stop - key) - 1, (size_t)64);
			}
		} else {
			depth += *p == '{' ? 1 : *p == '}' ? -1 : 0;
			if (*p == '}' && depth == 0)
				return;
			p++;
		}
	}
}

static bool
key(const struct keys *k, const char *name)
{
	const char *p = k->text;
	size_t n = strlen(name);

	while ((p = strstr(p, name)) != NULL) {
		if (p[-1] == '|' && p[n] == '|')
			return true;
		p++;
	}
	return false;
}

struct json_sign {
	enum import_format format;
	const char *keys[4];            /* all of them; a leading ! : not */
};

/* In this order. */
static const struct json_sign json_signs[] = {
	{ IMPORT_RUN, { "verdict", "exit_code", "run_dir", "experiment" } },
	{ IMPORT_OTLP_JSON, { "resourceSpans" } }, { IMPORT_OTLP_JSON, { "resource_spans" } }, { IMPORT_OTLP_JSON, { "batches" } },
	{ IMPORT_OTLP_JSON, { "scopeSpans" } }, { IMPORT_JAEGER, { "data.traceID" } }, { IMPORT_JAEGER, { "data.spans" } }, { IMPORT_JAEGER,
	{ "traceID", "spans" } },
	{ IMPORT_JAEGER, { "traceID", "operationName" } }, { IMPORT_ZIPKIN, { "traceId", "id" } }, { IMPORT_KIALI, { "elements.nodes" } },
	{ IMPORT_KIALI, { "elements", "graphType" } }, { IMPORT_HUBBLE, { "flow" } }, { IMPORT_HUBBLE, { "verdict", "source" } },
	{ IMPORT_HUBBLE, { "verdict", "l4" } }, { IMPORT_HUBBLE, { "node_status" } }, { IMPORT_HUBBLE, { "lost_events" } },
	{ IMPORT_KUBERNETES, { "apiVersion", "kind" } }, { IMPORT_KUBERNETES, { "apiVersion", "items" } },
	{ IMPORT_PGBACKREST, { "backup", "archive" } }, { IMPORT_PGBACKREST, { "backup", "db" } }, { IMPORT_PGBACKREST, { "backup", "status" } },
	{ IMPORT_RESTIC, { "time", "paths", "hostname" } }, { IMPORT_RESTIC, { "tree", "time", "paths" } }, { IMPORT_BORG, { "archives",
	"repository" } },
	{ IMPORT_DNS_LOG, { "query_name", "query_type" } }, { IMPORT_JSON_GRAPH, { "services", "lines" } }, { IMPORT_JSON_GRAPH, { "nodes",
	"edges" } },
	{ IMPORT_JSON_GRAPH, { "nodes", "links" } }, { IMPORT_JSON_GRAPH, { "parent", "child" } }, { IMPORT_JSON_GRAPH, { "data.parent",
	"data.child" } },
	{ IMPORT_JSON_GRAPH, { "from", "to" } }, { IMPORT_JSON_GRAPH, { "lines" , "!listen" } }, { IMPORT_JSON_RECORDS, { "node", "finished" } },
	{ IMPORT_JSON_RECORDS, { "service", "finished" } }, { IMPORT_JSON_RECORDS, { "node", "schedule" } }, { IMPORT_JSON_RECORDS, { "node",
	"kind" } },
	{ IMPORT_DECLARED, { "services", "rules" } }, { IMPORT_DECLARED, { "services", "aliases" } }, { IMPORT_COMPOSE, { "services", "version" } },
	{ IMPORT_COMPOSE, { "services", "networks" } }, { IMPORT_COMPOSE, { "services", "volumes" } },
};

static bool yaml_is_compose(const struct look *l);

/* The first line, which is a whole record. */
static bool
json_is_log(const struct look *l, const char *p)
{
	const char *nl = memchr(p, '\n', (size_t)(l->end - p));

	return import_log_json_is(p, (size_t)((nl != NULL ? nl : l->end) - p));
}

static enum import_format
json_format(const struct look *l, const char *p)
{
	struct keys k = { .n = 0 };
	const char *q = skip_space(p + 1, l->end);

	json_keys(p, l->end, &k);
	for (size_t i = 0; i < FL_ARRAY_LEN(json_signs); i++) {
		bool all = true;

		for (size_t j = 0; j < FL_ARRAY_LEN(json_signs[i].keys) && json_signs[i].keys[j] != NULL; j++) {
			const char *name = json_signs[i].keys[j];

			all = all && (name[0] == '!' ? !key(&k, name + 1) : key(&k, name));
		}
		if (all)
			return json_signs[i].format;
	}
	if (json_is_log(l, p))
		return IMPORT_LOG_JSON;
	if (key(&k, "services"))
		return yaml_is_compose(l) ? IMPORT_COMPOSE : IMPORT_DECLARED;
	/* Nothing to read: an empty list of spans, of snapshots. */
	return *p == '[' && q < l->end && *q == ']' ? IMPORT_EMPTY : IMPORT_UNKNOWN;
}

/* Is there a line that begins with s, in the first column or behind `indent` spaces at most? */
static bool
line_begins(const struct look *l, const char *s, unsigned indent)
{
	size_t n = strlen(s);

	for (const char *p = l->p; p < l->end;) {
		const char *nl = memchr(p, '\n', (size_t)(l->end - p)), *q = p;

		while (q < l->end && *q == ' ' && q - p < (ptrdiff_t)indent)
			q++;
		if ((size_t)(l->end - q) >= n && memcmp(q, s, n) == 0)
			return true;
		if (nl == NULL)
			return false;
		p = nl + 1;
	}
	return false;
}

/* {key: ...} or {..., key: ...} */
static bool
has_flow(const struct look *l, const char *s)
{
	size_t n = strlen(s);

	for (const char *p = l->p; (p = memmem(p, (size_t)(l->end - p), s, n)) != NULL; p++) {
		const char *q = p;

		while (q > l->p && q[-1] == ' ')
			q--;
		if (q > l->p && (q[-1] == '{' || q[-1] == ','))
			return true;
	}
	return false;
}

/* Services of a compose file have an image or are built; ours need each other. */
static bool
yaml_is_compose(const struct look *l)
{
	static const char *const theirs[] = { "image:", "build:", "depends_on:", "environment:", "container_name:", "ports:", "command:",
	    "extends:", "env_file:",
		"\"image\"", "\"build\"" };
	static const char *const ours[] = { "needs:", "tier:", "rto:", "rpo:", "owner:", "facts:", "app:", "recover:", "stateful:", "instances:" };
	unsigned score_theirs = 0, score_ours = 0;

	for (size_t i = 0; i < FL_ARRAY_LEN(theirs); i++)
		score_theirs += line_begins(l, theirs[i], 8) || has_flow(l, theirs[i]) || (theirs[i][0] == '"' && has(l, theirs[i]));
	for (size_t i = 0; i < FL_ARRAY_LEN(ours); i++)
		score_ours += line_begins(l, ours[i], 8) || has(l, ours[i]);
	if (line_begins(l, "networks:", 0) || line_begins(l, "volumes:", 0) || line_begins(l, "version:", 0) || line_begins(l, "configs:", 0))
		score_theirs += 2;
	if (line_begins(l, "rules:", 0) || line_begins(l, "aliases:", 0) || line_begins(l, "lines:", 0) || line_begins(l, "api:", 0))
		score_ours += 2;
	if (score_theirs == score_ours)
		return l->base != NULL && strstr(l->base, "compose") != NULL;
	return score_theirs > score_ours;
}

static enum import_format
yaml_format(const struct look *l)
{
	if (line_begins(l, "apiVersion:", 0) || line_begins(l, "- apiVersion:", 2) || (line_begins(l, "kind:", 0) && line_begins(l, "metadata:", 0)))
		return IMPORT_KUBERNETES;
	if (line_begins(l, "services:", 0))
		return yaml_is_compose(l) ? IMPORT_COMPOSE : IMPORT_DECLARED;
	if (line_begins(l, "include:", 0) && l->base != NULL && strstr(l->base, "compose") != NULL)
		return IMPORT_COMPOSE;
	if (line_begins(l, "rules:", 0) || line_begins(l, "aliases:", 0))
		return IMPORT_DECLARED;
	return IMPORT_UNKNOWN;
}

/* One line's shape. */
struct text_line {
	const char *p;
	size_t n;
};

static bool
in(const struct text_line *t, const char *s)
{
	return memmem(t->p, t->n, s, strlen(s)) != NULL;
}

static bool
begins(const struct text_line *t, const char *s)
{
	return t->n >= strlen(s) && memcmp(t->p, s, strlen(s)) == 0;
}

static bool
ss_line(const struct text_line *t)
{
	static const char *const words[] = { "State ", "Netid ", "ESTAB ", "LISTEN ", "TIME-WAIT ", "SYN-SENT ", "CLOSE-WAIT ", "FIN-WAIT-",
	    "UNCONN ", "LAST-ACK ",
		"tcp ", "tcp6 ", "Recv-Q ", "SYN-RECV ", "Active Internet connections", "Active UNIX domain sockets", "Proto Recv-Q " };

	for (size_t i = 0; i < FL_ARRAY_LEN(words); i++) {
		if (begins(t, words[i]))
			return !in(t, "src=");
	}
	return false;
}

/* "[2026-11-20T22:31:06.213Z] "GET" of Envoy; "[20/Nov/2026:22:31:06" of the others. */
static enum import_format
log_line(const struct text_line *t)
{
	const char *end = t->p + t->n;

	for (const char *p = t->p; (p = memchr(p, '[', (size_t)(end - p))) != NULL; p++) {
		size_t left = (size_t)(end - p);

		if (left > 24 && p[5] == '-' && p[8] == '-' && p[11] == 'T' && in(t, "\""))
			return IMPORT_ENVOY;
		/* HAProxy writes milliseconds and no zone. */
		if (left > 22 && p[3] == '/' && p[7] == '/' && p[12] == ':')
			return p[21] == '.' ? IMPORT_HAPROXY : IMPORT_NGINX;
	}
	return IMPORT_UNKNOWN;
}

static bool
dns_line(const struct text_line *t)
{
	return in(t, " query: ") || in(t, "query[A") || in(t, " IN A") || in(t, "\"A IN ") || in(t, "\"AAAA IN ") ||
	    (t->n > 20 && t->p[4] == '-' && t->p[10] == 'T' && (t->p[t->n - 1] == 'A') && t->p[t->n - 2] != '.');
}

static bool
prometheus_line(const struct text_line *t)
{
	return begins(t, "# HELP ") || begins(t, "# TYPE ") || (in(t, "{") && in(t, "=\"") && in(t, "} "));
}

static bool
hosts_line(const struct text_line *t)
{
	size_t n = 0;
	bool dots = false;

	while (n < t->n && t->p[n] != ' ' && t->p[n] != '\t') {
		char c = t->p[n++];

		dots = dots || c == '.' || c == ':';
		if (!((c >= '0' && c <= '9') || c == '.' || c == ':' || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
			return false;
	}
	return dots && n > 2 && n < t->n && memchr(t->p, '=', t->n) == NULL && memchr(t->p, '[', t->n) == NULL;
}

static bool
csv_header(const struct text_line *t)
{
	static const char *const words[] = { "from", "source", "client", "caller", "name", "service", "node", "src", "parent", "consumer",
	    "dependent" };
	size_t n = 0;

	if (memchr(t->p, ',', t->n) == NULL && memchr(t->p, ';', t->n) == NULL && memchr(t->p, '\t', t->n) == NULL && t->n > 40)
		return false;
	for (; n < t->n && t->p[n] != ',' && t->p[n] != ';' && t->p[n] != '\t'; n++)
		;
	for (size_t i = 0; i < FL_ARRAY_LEN(words); i++) {
		const char *p = t->p + (t->p[0] == '"'), *w = words[i];
		size_t len = t->p[0] == '"' && n > 2 ? n - 2 : n;

		if (n < t->n && len == strlen(w) && strncasecmp(p, w, len) == 0)
			return true;
	}
	return false;
}

static enum import_format
line_format(const struct text_line *t, bool first)
{
	if (first && csv_header(t))
		return IMPORT_CSV;
	if (in(t, "{\"") && t->p[t->n - 1] == '}' && import_log_json_is(t->p, t->n))
		return IMPORT_LOG_JSON;
	if (in(t, "src=") && in(t, "dst="))
		return IMPORT_CONNTRACK;
	if (in(t, "local_address") && (in(t, "rem_address") || in(t, "remote_address")))
		return IMPORT_PROC_NET;
	if (begins(t, "COMMAND") && in(t, " FD ") && in(t, " NODE NAME"))
		return IMPORT_LSOF;
	if ((in(t, "archived_count") && in(t, "|")) || in(t, "last_archived_wal"))
		return IMPORT_PG_ARCHIVER;
	if (ss_line(t))
		return IMPORT_SS;
	if (prometheus_line(t))
		return IMPORT_PROMETHEUS;
	if (log_line(t) != IMPORT_UNKNOWN)
		return log_line(t);
	if (dns_line(t))
		return IMPORT_DNS_LOG;
	return hosts_line(t) ? IMPORT_HOSTS : IMPORT_UNKNOWN;
}

static bool
is_env_name(const char *base)
{
	size_t n = base != NULL ? strlen(base) : 0;

	return n >= 4 && (strncmp(base, ".env", 4) == 0 || strcmp(base + n - 4, ".env") == 0);
}

/* Every line that says something is NAME=value. */
static bool
is_env(const struct look *l)
{
	unsigned good = 0, bad = 0;

	for (const char *p = l->p; p < l->end && good + bad < LINES_LOOK_MAX;) {
		const char *nl = memchr(p, '\n', (size_t)(l->end - p)), *stop = nl != NULL ? nl : l->end, *q = p;

		while (q < stop && ((*q >= 'A' && *q <= 'Z') || (*q >= 'a' && *q <= 'z') || *q == '_' || (*q >= '0' && *q <= '9')))
			q++;
		if (p < stop && *p != '#' && *p != '\r') {
			good += q > p && q < stop && *q == '=';
			bad += !(q > p && q < stop && *q == '=');
		}
		p = nl != NULL ? nl + 1 : l->end;
	}
	return good > 0 && bad == 0;
}

static enum import_format
text_format(const struct look *l)
{
	unsigned seen = 0;

	for (const char *p = l->p; p < l->end && seen < LINES_LOOK_MAX;) {
		const char *nl = memchr(p, '\n', (size_t)(l->end - p));
		struct text_line t = { .p = p, .n = (size_t)((nl != NULL ? nl : l->end) - p) };
		enum import_format f;

		while (t.n > 0 && (*t.p == ' ' || *t.p == '\t')) {
			t.p++;
			t.n--;
		}
		if (t.n > 0 && t.p[t.n - 1] == '\r')
			t.n--;
		p = nl != NULL ? nl + 1 : l->end;
		if (t.n == 0 || (*t.p == '#' && !prometheus_line(&t)))
			continue;
		f = line_format(&t, seen++ == 0);
		if (f != IMPORT_UNKNOWN)
			return f;
	}
	return is_env(l) ? IMPORT_DOTENV : IMPORT_UNKNOWN;
}

/* A length at *i; false when it does not fit into n. */
static bool
varint(const unsigned char *p, size_t n, size_t *i, uint64_t *ret)
{
	*ret = 0;
	for (unsigned shift = 0; *i < n && shift < 35; shift += 7) {
		*ret |= (uint64_t)(p[*i] & 0x7f) << shift;
		if ((p[(*i)++] & 0x80) == 0)
			return *ret <= n - *i;
	}
	return false;
}

/* Nothing but resource_spans = 1, to the last byte, and the first of them begins with a field that it has. */
static bool
is_otlp(const unsigned char *p, size_t n)
{
	uint64_t len, inner;
	size_t i = 0, first;

	while (i < n && p[i] == 0x0a) {
		i++;
		if (!varint(p, n, &i, &len))
			return false;
		if (len > 0 && p[i] != 0x0a && p[i] != 0x12 && p[i] != 0x1a)
			return false;
		first = i + 1;
		if (len > 1 && !varint(p, i + (size_t)len, &first, &inner))
			return false;
		i += (size_t)len;
	}
	return n > 0 && i == n;
}

static enum import_format
plain_format(const char *name, const char *text, size_t n)
{
	const char *slash = name != NULL ? strrchr(name, '/') : NULL, *first;
	struct look l = { .name = name, .base = slash != NULL ? slash + 1 : name, .p = text, .end = text + FL_MIN(n, LOOK_MAX) };
	enum import_format f;

	if (n >= 2 && (unsigned char)text[0] == 0x1f && (unsigned char)text[1] == 0x8b)
		return IMPORT_GZIP;
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		l.p += 3;
	first = skip_space(l.p, l.end);
	if (first == l.end)
		return IMPORT_EMPTY;
	if (is_otlp((const unsigned char *)text, n))
		return IMPORT_OTLP_PROTO;
	if (is_env_name(l.base) && is_env(&l))
		return IMPORT_DOTENV;
	/* A template's "{{" begins neither JSON nor YAML: the rest of it tells what it is to become. */
	if ((*first == '{' && !(l.end - first > 1 && first[1] == '{')) || (*first == '[' && (size_t)(l.end - first) > 1 && strchr("{[]\n\r ",
		first[1]) != NULL))
		return json_format(&l, first);
	f = yaml_format(&l);
	if (f == IMPORT_UNKNOWN && memchr(text, '\0', FL_MIN(n, (size_t)4096)) == NULL)
		f = text_format(&l);
	return f;
}

enum import_format
import_recognise(const char *name, const char *text, size_t n)
{
	enum import_format f;
	struct buf b;

	if (!import_is_wrapped(text, n))
		return plain_format(name, text, n);
	n = FL_MIN(n, LOOK_MAX);
	buf_init(&b, 2 * LOOK_MAX);
	f = import_unwrap(text, n, &b) == 0 ? plain_format(name, buf_data(&b), buf_len(&b)) : IMPORT_UNKNOWN;
	/* The reader of spans would not take them out of it. */
	if (f == IMPORT_OTLP_JSON || f == IMPORT_OTLP_PROTO || f == IMPORT_ZIPKIN || f == IMPORT_JAEGER || f == IMPORT_RUN || f == IMPORT_GZIP)
		f = IMPORT_UNKNOWN;
	buf_fini(&b);
	return f;
}
