/* SPDX-License-Identifier: MIT */
/*
 * import_k8s_refs.c - which services the containers of a workload name, in settings, arguments and mounted files.
 *
 * 1. A name without a domain must be a service of the same namespace, or stand in a URL or where a host is meant; likeness alone is no line.
 * 2. What init containers wait for is needed at the start; what settings name, at run time.
 */
#include "graph/import_k8s.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 16384

struct told {
	struct import *im;
	struct k8s_workload *w;
	struct import_at at;
	bool init, file;        /* file: only what is known counts */
};

static struct k8s_service *
by_name(struct import_k8s *k, const char *ns, const char *name, size_t n)
{
	char key[600];

	if (n > 253)
		return NULL;
	snprintf(key, sizeof(key), "%.250s/%.*s", ns, (int)n, name);
	return map_get(&k->by_host, key);
}

/* "kafka-0" of "kafka-0.kafka": a pod of a set behind that service. */
static bool
is_pod_of(const struct k8s_service *s, const char *pod, size_t n)
{
	for (uint32_t i = 0; i < s->to_count; i++) {
		size_t len = strlen(s->to[i]->name);

		if (n > len + 1 && strncmp(pod, s->to[i]->name, len) == 0 && pod[len] == '-' &&
		    strspn(pod + len + 1, "0123456789") == n - len - 1)
			return true;
	}
	return false;
}

/* A service by the namespace that the host says, or by none when manifests do not say theirs. */
static struct k8s_service *
in_namespace(struct import_k8s *k, const char *ns, const char *name, size_t n, bool sure)
{
	struct k8s_service *s = by_name(k, ns, name, n);

	return s == NULL && sure ? by_name(k, "", name, n) : s;
}

struct k8s_service *
import_k8s_lookup(struct import_k8s *k, const char *host, const char *ns)
{
	const char *part[8];
	size_t len[8];
	unsigned n = 0;
	char space[256];
	struct k8s_service *s;

	for (const char *p = host; n < FL_ARRAY_LEN(part); p++) {
		part[n] = p;
		len[n] = strcspn(p, ".");
		p += len[n++];
		if (*p == '\0')
			break;
	}
	if (n == 1)
		return in_namespace(k, ns, part[0], len[0], true);
	for (unsigned at = 0; at < 2 && at + 1 < n; at++) {
		bool sure = at + 2 < n && len[at + 2] == 3 && strncmp(part[at + 2], "svc", 3) == 0;

		snprintf(space, sizeof(space), "%.*s", (int)FL_MIN(len[at + 1], (size_t)250), part[at + 1]);
		if (!sure && n > at + 2)
			continue;
		s = in_namespace(k, space, part[at], len[at], sure);
		if (s != NULL && (at == 0 || is_pod_of(s, part[0], len[0])))
			return s;
	}
	/* A pod by its service, in the same namespace. */
	s = n == 2 ? in_namespace(k, ns, part[1], len[1], true) : NULL;
	return s != NULL && is_pod_of(s, part[0], len[0]) ? s : NULL;
}

/* One line of each kind is told once. */
static bool
is_new(struct import *im, const char *from, const char *from_ns, const char *to, const char *to_ns, bool init)
{
	struct map *told = &im->parts->k8s->told;
	char key[1200];

	snprintf(key, sizeof(key), "%s\n%s\n%s\n%s\n%d", from, from_ns, to, to_ns != NULL ? to_ns : "", init);
	if (map_get(told, key) != NULL)
		return false;
	if (map_put(told, key, im, NULL) != 0)
		im->dropped++;
	return true;
}

static void
tell_line(struct told *t, const char *to, const char *to_ns, enum sight_kind kind, const struct import_ref *r)
{
	struct k8s_workload *w = t->w;
	struct sight s = import_sight(SIGHT_LINE, K8S_SOURCE);
	const char *protocol = import_protocol(r->scheme, r->port);

	if (to == NULL || (strcmp(to, w->node) == 0 && strcmp(to_ns != NULL ? to_ns : "", w->ns) == 0))
		return;
	if (!is_new(t->im, w->node, w->ns, to, to_ns, t->init))
		return;
	s.from = w->node;
	s.from_space = w->ns;
	s.from_kind = w->node_kind;
	s.to = to;
	s.to_space = to_ns;
	s.to_kind = kind;
	s.protocol = protocol != NULL ? protocol : kind == SIGHT_DATASTORE ? "db" : kind == SIGHT_BROKER ? "messaging" : NULL;
	s.phase = t->init ? SIGHT_STARTUP : SIGHT_RUNTIME;
	import_tell(t->im, &s, t->at);
}

/* Does the last label of a host end names of the internet, or of a company's net? Countries have two letters. */
static bool
is_domain_end(const char *label)
{
	static const char *const ends[] = { "com", "net", "org", "edu", "gov", "mil", "int", "info", "biz", "name", "pro", "app", "dev",
		"cloud", "tech", "online", "site", "store", "shop", "xyz", "live", "systems", "services", "software", "solutions", "digital",
		"network", "agency", "bank", "example", "test", "local", "internal", "intranet", "lan", "corp", "home", "localdomain",
		"private", "arpa", "invalid", "consul" };

	for (size_t i = 0; i < FL_ARRAY_LEN(ends); i++) {
		if (strcmp(ends[i], label) == 0)
			return true;
	}
	return strlen(label) == 2;
}

/* "cart.shop.svc", or "cart.shop" where shop is a namespace or can be nothing else, of a cluster whose manifests we were not given all. */
bool
import_k8s_foreign(struct import *im, const char *host, const char **ret_name, const char **ret_ns)
{
	const char *svc = strstr(host, ".svc"), *dot = strchr(host, '.');

	if (dot != NULL && strchr(dot + 1, '.') == NULL && !import_host_is_address(host) &&
	    (map_get(&im->parts->k8s->spaces, dot + 1) != NULL || !is_domain_end(dot + 1))) {
		*ret_name = import_keepn(im, host, (size_t)(dot - host));
		*ret_ns = import_keep(im, dot + 1);
		return *ret_name != NULL && *ret_ns != NULL;
	}
	if (svc == NULL || dot == NULL || dot >= svc || (svc[4] != '\0' && svc[4] != '.'))
		return false;
	for (const char *next; (next = memchr(dot + 1, '.', (size_t)(svc - dot - 1))) != NULL; dot = next)
		host = dot + 1;
	*ret_name = import_keepn(im, host, (size_t)(dot - host));
	*ret_ns = import_keepn(im, dot + 1, (size_t)(svc - dot - 1));
	return *ret_name != NULL && *ret_ns != NULL;
}

/* Nothing of ours: is it a line all the same? */
static void
tell_unknown(struct told *t, const struct import_ref *r)
{
	bool domain = strchr(r->host, '.') != NULL, address = import_host_is_address(r->host);
	bool meant = r->meant || (r->form == IMPORT_REF_URL && (!domain || !is_domain_end(strrchr(r->host, '.') + 1)));
	const char *name, *ns;

	if (strchr(r->host, '*') != NULL || (!meant && strstr(r->host, ".svc") == NULL))
		return;
	if (import_k8s_foreign(t->im, r->host, &name, &ns)) {
		if (!t->file || strstr(r->host, ".svc") != NULL)
			tell_line(t, name, ns, SIGHT_KIND_UNKNOWN, r);
		return;
	}
	if (t->file || !meant)
		return;
	if (address || domain)
		tell_line(t, import_keep(t->im, r->host), NULL, address ? SIGHT_KIND_UNKNOWN : SIGHT_EXTERNAL, r);
	else if (r->form >= IMPORT_REF_PORT)
		tell_line(t, import_keep(t->im, r->host), t->w->ns, SIGHT_KIND_UNKNOWN, r);
}

static void
on_ref(void *arg, const struct import_ref *r)
{
	struct told *t = arg;
	struct import_k8s *k = t->im->parts->k8s;
	struct k8s_service *s = import_k8s_lookup(k, r->host, t->w->ns);
	const struct k8s_host *h = s == NULL ? map_get(&k->by_route, r->host) : NULL;

	if (h != NULL && h->to != NULL)
		s = import_k8s_lookup(k, h->to, h->ns);
	if (s != NULL) {
		/* In a file a bare word is no reference, whatever it stands behind. */
		if (!t->file || r->form >= IMPORT_REF_PORT || strchr(r->host, '.') != NULL || r->meant)
			tell_line(t, s->node, s->node_ns, s->node_kind, r);
	} else if (h != NULL) {
		tell_line(t, h->host, NULL, h->inside ? SIGHT_SERVICE : SIGHT_EXTERNAL, r);
	} else {
		tell_unknown(t, r);
	}
}

static struct k8s_config *
find_config(struct import_k8s *k, const char *ns, const char *name, bool secret)
{
	char key[600];
	struct k8s_config *c;

	snprintf(key, sizeof(key), "%c/%.250s/%.253s", secret ? 's' : 'c', ns, name);
	c = map_get(&k->by_config, key);
	if (c == NULL && ns[0] != '\0') {
		snprintf(key, sizeof(key), "%c//%.253s", secret ? 's' : 'c', name);
		c = map_get(&k->by_config, key);
	}
	return c;
}

static const char *
config_value(struct import_k8s *k, const char *ns, const struct k8s_env *e)
{
	struct k8s_config *c = find_config(k, ns, e->from, e->secret);

	for (struct import_text *t = c != NULL ? c->data : NULL; t != NULL; t = t->next) {
		if (strcmp(t->key, e->from_key) == 0)
			return t->value;
	}
	return NULL;
}

/* The value of a variable of the container, "" when it is not known. */
static const char *
variable(struct told *t, const struct k8s_container *c, const char *name, size_t n, char *room, size_t room_bytes)
{
	static const char host_tail[] = "_SERVICE_HOST";
	size_t tail = sizeof(host_tail) - 1;

	for (const struct k8s_env *e = c->env; e != NULL; e = e->next) {
		const char *v = NULL;

		if (strlen(e->key) == n && memcmp(e->key, name, n) == 0)
			v = e->value != NULL ? e->value : e->from_key != NULL ? config_value(t->im->parts->k8s, t->w->ns, e) : NULL;
		if (v != NULL)
			return v;
	}
	/* What the kubelet sets for each service: REDIS_MASTER_SERVICE_HOST. */
	if (n <= tail || n - tail >= room_bytes || memcmp(name + n - tail, host_tail, tail) != 0)
		return "";
	for (size_t i = 0; i < n - tail; i++)
		room[i] = (char)(name[i] == '_' ? '-' : name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
	room[n - tail] = '\0';
	return room;
}

/* $(NAME), and where a shell will do it ${NAME}, ${NAME:-...} and $NAME, put in once; what is not known stays as it is. */
static void
expand(struct told *t, const struct k8s_container *c, const char *s, struct buf *out)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
	char room[256];

	while (*s != '\0') {
		size_t plain = strcspn(s, "$");
		const char *name, *v;
		size_t n;

		buf_append(out, s, plain);
		s += plain;
		if (*s == '\0')
			break;
		name = s + 1 + (s[1] == '(' || s[1] == '{');
		n = strspn(name, letters);
		v = n > 0 ? variable(t, c, name, n, room, sizeof(room)) : "";
		if (v[0] == '\0') {
			buf_putc(out, *s++);
			continue;
		}
		buf_puts(out, v);
		s = name + n;
		if (name[-1] != '$')
			s += strcspn(s, s[0] == '\0' ? "" : name[-1] == '(' ? ")" : "}") + (*s != '\0');
		if (s[-1] == '\0')
			s--;
	}
}

static void
value_refs(struct told *t, const struct k8s_container *c, const char *key, const char *value, bool script)
{
	struct buf b;

	buf_init(&b, VALUE_MAX);
	expand(t, c, value, &b);
	import_refs(key, buf_str(&b), script, on_ref, t);
	buf_fini(&b);
}

/* Lines of a mounted file: `key: value`, `key = value`, or words. */
static void
file_refs(struct told *t, const struct k8s_container *c, const char *text)
{
	const char *p = text, *end = text + strlen(text), *line;
	char key[128], value[2048];
	size_t len;

	/* JSON says all by its keys. */
	if (text[strspn(text, " \t\r\n")] == '{') {
		value_refs(t, c, "", text, false);
		return;
	}
	while (import_next_line(&p, end, &line, &len)) {
		size_t n = 0, from;

		while (len > 0 && (*line == ' ' || *line == '\t' || *line == '-')) {
			line++;
			len--;
		}
		if (len == 0 || len >= sizeof(value) || *line == '#' || *line == ';' || (len > 1 && line[0] == '/' && line[1] == '/'))
			continue;
		while (n < len && (line[n] == '_' || line[n] == '.' || line[n] == '-' || (line[n] >= '0' && line[n] <= '9') || line[n] == '"' ||
		    (line[n] >= 'A' && line[n] <= 'Z') || (line[n] >= 'a' && line[n] <= 'z')))
			n++;
		from = n;
		while (from < len && line[from] == ' ')
			from++;
		if (n == 0 || n >= sizeof(key) || from + 1 >= len || (line[from] != '=' && (line[from] != ':' || line[from + 1] != ' ')))
			n = from = 0;
		else
			from++;
		memcpy(key, line, n);
		key[n] = '\0';
		memcpy(value, line + from, len - from);
		value[len - from] = '\0';
		value_refs(t, c, key, value, false);
	}
}

static void
env_refs(struct told *t, const struct k8s_container *c, const struct k8s_env *e)
{
	struct import_k8s *k = t->im->parts->k8s;
	struct k8s_config *cfg;
	const char *v;

	t->at = e->at;
	t->file = e->file;
	if (e->value != NULL || (e->from_key != NULL && e->from != NULL)) {
		v = e->value != NULL ? e->value : config_value(k, t->w->ns, e);
		if (v != NULL)
			value_refs(t, c, e->key, v, false);
		return;
	}
	cfg = e->from != NULL ? find_config(k, t->w->ns, e->from, e->secret) : NULL;
	for (struct import_text *d = cfg != NULL ? cfg->data : NULL; d != NULL; d = d->next) {
		if (e->file && !cfg->secret)
			file_refs(t, c, d->value);
		else
			value_refs(t, c, d->key, d->value, false);
	}
}

void
import_k8s_refs(struct import *im, struct k8s_workload *w)
{
	struct told t = { .im = im, .w = w };

	for (const struct k8s_container *c = w->containers; c != NULL; c = c->next) {
		/* A variable that only the script of an init container uses says when: at the start. */
		t.init = c->init;
		for (const struct k8s_env *e = c->env; e != NULL && im->failed == 0; e = e->next)
			env_refs(&t, c, e);
		t.at = c->at;
		t.file = false;
		value_refs(&t, c, "", c->script, true);
	}
}
