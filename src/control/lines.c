/* SPDX-License-Identifier: MIT */
/* lines.c - the table of lines. */
#include "control/lines.h"
#include "base/assert.h"
#include "control/lines_http.h"
#include "fault/http_fault.h"
#include "io/io.h"
#include "proxy/trace_conf.h"
#include "conf/http_doc.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

int
lines_refuse(struct lines_error *e, int err, unsigned status, const char *fmt, ...)
{
	va_list ap;

	e->status = status;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -err;
}

static int
no_memory(struct lines_error *e)
{
	return lines_refuse(e, ENOMEM, 503, "out of memory");
}

int
lines_init(struct lines *t, const struct lines_opts *opts)
{
	*t = (struct lines){ .proxy = opts->proxy, .io = opts->io, .log = opts->log, .lookup = opts->lookup, .seed = opts->seed, .next_id = 1 };
	list_init(&t->order);
	map_init(&t->by_name, opts->seed, (uint64_t)(uintptr_t)t);
	if (heap_init(&t->leases, LINES_LEASES_MAX) != 0 || lines_http_init(t) != 0) {
		lines_fini(t);
		return -ENOMEM;
	}
	return 0;
}

static void
toxic_free(struct lines *t, struct lines_toxic *x)
{
	heap_del(&t->leases, &x->lease);
	spec_samples_unref(x->spec.samples);
	spec_shared_unref(x->spec.shared);
	free(x);
}

static void
toxics_free(struct lines *t, struct lines_line *l)
{
	for (uint32_t i = 0; i < l->toxic_count; i++)
		toxic_free(t, l->toxics[i]);
	free(l->toxics);
	l->toxics = NULL;
	l->toxic_count = 0;
}

static void
line_free(struct lines *t, struct lines_line *l)
{
	list_del(&l->link);
	map_del(&t->by_name, l->name);
	lines_http_forget(t, l->name);
	toxics_free(t, l);
	http_doc_free(l->http);
	http_conf_unref(l->conf);
	free(l->source);
	free(l->origin);
	line_wire_unref(l->wire);
	trace_conf_unref(l->trace);
	free(l);
}

void
lines_fini(struct lines *t)
{
	if (t->order.next == NULL)
		return;
	list_for_safe(link, &t->order)
		line_free(t, list_entry(link, struct lines_line, link));
	map_fini(&t->by_name);
	heap_fini(&t->leases);
	lines_http_fini(t);
	*t = (struct lines){ .proxy = NULL };
}

struct lines_line *
lines_find(const struct lines *t, const char *name)
{
	return map_get(&t->by_name, name);
}

struct lines_toxic *
lines_toxic_find(const struct lines_line *l, const char *name)
{
	for (uint32_t i = 0; i < l->toxic_count; i++) {
		if (strcmp(l->toxics[i]->spec.name, name) == 0)
			return l->toxics[i];
	}
	return NULL;
}

static void
add_counters(struct line_counters *sum, const struct line_counters *c)
{
	sum->accepted += c->accepted;
	for (int d = 0; d < 2; d++) {
		sum->received_bytes[d] += c->received_bytes[d];
		sum->sent_bytes[d] += c->sent_bytes[d];
	}
	for (int r = 0; r < LINE_CLOSE_COUNT; r++)
		sum->closed[r] += c->closed[r];
}

void
lines_counters(const struct lines_line *l, struct line_counters *ret)
{
	if (l->line == NULL) {
		*ret = l->past;
		return;
	}
	proxy_line_counters(l->line, ret);
	add_counters(ret, &l->past);
}

/* Invariants (1) and (2). */
static void
check(const struct lines_line *l)
{
	fl_assert((l->line != NULL) == l->enabled);
	fl_assert(l->toxic_count <= LINES_TOXICS_MAX);
	for (uint32_t i = 0; i < l->toxic_count; i++) {
		fl_assert(l->toxics[i]->line == l && l->toxics[i]->spec.id != 0);
		fl_assert(i == 0 || l->toxics[i - 1]->spec.dir <= l->toxics[i]->spec.dir);
	}
}

/* ---- carrying a line over to the proxy ---- */

/* A snapshot of the line with these toxics; NULL: no memory. */
static struct line_conf *
make_conf(const struct lines_line *l, struct lines_toxic *const *toxics, uint32_t count)
{
	struct line_conf *c = line_conf_new(l->name);
	struct fault_spec *specs = calloc(count + 1, sizeof(*specs));

	if (c != NULL && specs != NULL) {
		for (uint32_t i = 0; i < count; i++)
			specs[i] = toxics[i]->spec;
		c->half_close = l->half_close;
		c->key = l->key;
		c->connect_timeout = l->connect_timeout;
		c->wire = line_wire_ref(l->wire);
		c->http = http_conf_ref(l->conf);
		c->trace = trace_conf_ref(l->trace);
		line_conf_upstream(c, l->upstream);     /* text that leads nowhere shows when a client connects */
		(void)line_conf_faults(c, specs, count);
	}
	free(specs);
	if (c != NULL && c->faults != NULL)
		return c;
	line_conf_unref(c);
	return NULL;
}

/* Give the proxy the line as it is, with these toxics. */
static int
carry(struct lines *t, struct lines_line *l, struct lines_toxic *const *toxics, uint32_t count, struct lines_error *e)
{
	struct line_conf *c;
	int rc;

	if (l->line == NULL)
		return 0;
	c = make_conf(l, toxics, count);
	if (c == NULL)
		return no_memory(e);
	if (t->opening != NULL)
		t->opening(t->opening_ud, l, false);
	rc = proxy_line_set(t->proxy, l->line, c);
	line_conf_unref(c);
	return rc == 0 ? 0 : no_memory(e);
}

static void
stop(struct lines *t, struct lines_line *l)
{
	struct line_counters c;

	if (l->line == NULL)
		return;
	proxy_line_close(t->proxy, l->line);
	proxy_line_counters(l->line, &c);
	c.closed[LINE_CLOSE_LINE_STOPPED] += c.active;  /* those are on their way */
	add_counters(&l->past, &c);
	l->line = NULL;
	l->enabled = false;
	t->changes++;
	log_event(t->log, LOG_INFO, "stopped line", "name", l->name, "listen", l->listen, "upstream", l->upstream, NULL);
}

/* Bind and hand over. The line's fields are as wanted; addr is what its listen text means. */
static int
start(struct lines *t, struct lines_line *l, const struct io_addr *addr, struct lines_error *e)
{
	struct io_addr bound;
	struct line_conf *c;
	int token, rc;

	fl_assert(l->line == NULL);
	if (t->draining)
		return lines_refuse(e, ESHUTDOWN, 503, "the daemon is draining");
	if (l->wire_missing)
		return lines_refuse(e, EINVAL, 409, "the line's TLS is said in the configuration file, which does not hold it any more");
	e->status = 500;
	rc = listen_bind(l->listen, addr, e->text, &token, &bound);
	if (rc != 0)
		return rc;
	c = make_conf(l, l->toxics, l->toxic_count);
	if (c != NULL && t->opening != NULL)
		t->opening(t->opening_ud, l, true);
	rc = c != NULL ? proxy_line_open(t->proxy, c, token, &l->line) : -ENOMEM;
	line_conf_unref(c);
	if (rc != 0) {
		io_discard(token, false);
		l->line = NULL;
		return rc == -ENOSPC ? lines_refuse(e, ENOSPC, 503, "as many lines as allowed are enabled") :
		       lines_refuse(e, -rc, 503, "%s", strerror(-rc));
	}
	l->enabled = true;
	addr_format(&bound, l->listen, sizeof(l->listen));
	t->changes++;
	log_event(t->log, LOG_INFO, "started line", "name", l->name, "listen", l->listen, "upstream", l->upstream, NULL);
	return 0;
}

/* The address of a text; a text that means none is Toxiproxy's 500. */
static int
resolve(struct lines *t, const char *text, struct lines_error *e, struct io_addr *ret_addr)
{
	int rc = listen_resolve(&t->lookup, text, e->text, ret_addr);

	e->status = 500;
	return rc;
}

/* As Go's net.Listen says it, while resolve() says it as net.ResolveTCPAddr does. */
static int
resolve_to_listen(struct lines *t, const char *text, struct lines_error *e, struct io_addr *ret_addr)
{
	int rc = resolve(t, text, e, ret_addr);
	char why[LISTEN_ERROR_MAX];

	if (rc != 0 && rc != -EINPROGRESS) {
		memcpy(why, e->text, sizeof(why));
		snprintf(e->text, sizeof(e->text), "listen tcp: %.*s", (int)sizeof(why) - 1, why);
	}
	return rc;
}

/* ---- toxics ---- */

static struct spec_samples *
samples_ref(struct spec_samples *s)
{
	if (s != NULL)
		atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

static struct lines_toxic *
toxic_new(struct lines *t, struct lines_line *l, const struct fault_spec *spec)
{
	struct lines_toxic *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->line = l;
	x->spec = *spec;
	x->spec.samples = samples_ref(spec->samples);
	x->spec.id = t->next_id++;
	x->spec.version = 1;
	x->spec.key = spec_key(t->seed, l->name, spec->name);
	x->spec.since_ns = io_clock(t->io);
	x->expires = spec->ttl_ns > 0 ? x->spec.since_ns + spec->ttl_ns : FL_NEVER;
	x->spec.shared = NULL;
	if (spec->kind == FAULT_BANDWIDTH && spec->values[BANDWIDTH_SHARED].i != 0) {
		x->spec.shared = spec_shared_new();
		if (x->spec.shared == NULL) {
			toxic_free(t, x);
			return NULL;
		}
	}
	return x;
}

static void
arm_lease(struct lines *t, struct lines_toxic *x)
{
	heap_set(&t->leases, &x->lease, x->expires);
}

/* Put x at its place among the toxics: upstream ones come first. `into` has room for one more. */
static void
insert(struct lines_toxic **into, uint32_t count, struct lines_toxic *x)
{
	uint32_t at = count;

	while (x->spec.dir == FL_C2S && at > 0 && into[at - 1]->spec.dir == FL_S2C)
		at--;
	memmove(into + at + 1, into + at, (count - at) * sizeof(struct lines_toxic *));
	into[at] = x;
}

static int
check_room(const struct lines *t, const struct lines_line *l, uint32_t more, struct lines_error *e)
{
	if (l->toxic_count + more > LINES_TOXICS_MAX)
		return lines_refuse(e, ENOSPC, 400, "a line can have %d toxics at most", LINES_TOXICS_MAX);
	if (t->leases.count + more > LINES_LEASES_MAX)
		return lines_refuse(e, ENOSPC, 503, "as many leases as allowed are running");
	return 0;
}

/* Faults on messages need a line that has messages, and a request can only tell so many of them apart. */
static int
check_place(const struct lines_line *l, const struct fault_spec *spec, struct lines_error *e)
{
	unsigned count = 0;

	if (kind_info(spec->kind)->place != KIND_HTTP)
		return 0;
	if (l->http == NULL)
		return lines_refuse(e, EINVAL, 400, "%s acts on HTTP messages, and \"%.100s\" is not an HTTP line (protocol: http)",
		    kind_info(spec->kind)->name, l->name);
	for (uint32_t i = 0; i < l->toxic_count; i++)
		count += kind_info(l->toxics[i]->spec.kind)->place == KIND_HTTP;
	if (count >= HTTP_FAULTS_MAX)
		return lines_refuse(e, ENOSPC, 400, "a line can have %d faults on HTTP messages at most", HTTP_FAULTS_MAX);
	return 0;
}

int
lines_toxic_add(struct lines *t, struct lines_line *l, const struct fault_spec *spec, struct lines_error *e, struct lines_toxic **ret_toxic)
{
	struct lines_toxic **next, *x;
	int rc = check_place(l, spec, e);

	if (rc == 0)
		rc = check_room(t, l, 1, e);

	if (rc != 0)
		return rc;
	if (lines_toxic_find(l, spec->name) != NULL)
		return lines_refuse(e, EEXIST, 409, "toxic already exists");
	next = calloc(l->toxic_count + 1, sizeof(struct lines_toxic *));
	x = toxic_new(t, l, spec);
	if (next == NULL || x == NULL) {
		rc = no_memory(e);
		goto fail;
	}
	if (l->toxic_count > 0)
		memcpy(next, l->toxics, l->toxic_count * sizeof(struct lines_toxic *));
	insert(next, l->toxic_count, x);
	rc = carry(t, l, next, l->toxic_count + 1, e);
	if (rc != 0)
		goto fail;
	free(l->toxics);
	l->toxics = next;
	l->toxic_count++;
	arm_lease(t, x);
	t->changes++;
	check(l);
	*ret_toxic = x;
	return 0;
fail:
	if (x != NULL)
		toxic_free(t, x);
	free(next);
	return rc;
}

/* The line's state that all connections share outlives updates, and goes when it is no longer asked for. */
static int
settle_shared(struct fault_spec *next)
{
	bool wanted = next->kind == FAULT_BANDWIDTH && next->values[BANDWIDTH_SHARED].i != 0;

	if (!wanted)
		next->shared = NULL;
	else if (next->shared == NULL && (next->shared = spec_shared_new()) == NULL)
		return -ENOMEM;
	return 0;
}

int
lines_toxic_set(struct lines *t, struct lines_toxic *x, const struct fault_spec *spec, bool lease, struct lines_error *e)
{
	struct lines_line *l = x->line;
	struct lines_toxic before = *x;
	int rc;

	fl_assert(strcmp(x->spec.name, spec->name) == 0 && x->spec.kind == spec->kind && x->spec.dir == spec->dir);
	x->spec = *spec;
	x->spec.id = before.spec.id;
	x->spec.key = before.spec.key;
	x->spec.since_ns = before.spec.since_ns;
	x->spec.version = before.spec.version + 1;
	x->spec.shared = before.spec.shared;
	rc = settle_shared(&x->spec) == 0 ? carry(t, l, l->toxics, l->toxic_count, e) : no_memory(e);
	if (rc != 0) {
		if (x->spec.shared != before.spec.shared)
			spec_shared_unref(x->spec.shared);
		x->spec = before.spec;
		return rc;
	}
	samples_ref(x->spec.samples);
	spec_samples_unref(before.spec.samples);
	if (before.spec.shared != x->spec.shared)
		spec_shared_unref(before.spec.shared);
	if (lease) {
		x->expires = spec->ttl_ns > 0 ? io_clock(t->io) + spec->ttl_ns : FL_NEVER;
		arm_lease(t, x);
	}
	t->changes++;
	return 0;
}

void
lines_toxic_expire(struct lines *t, struct lines_toxic *x, fl_ns at)
{
	x->expires = at;
	arm_lease(t, x);
}

void
lines_toxic_remove(struct lines *t, struct lines_toxic *x)
{
	struct lines_line *l = x->line;
	struct lines_error e;
	uint32_t at = 0;

	while (l->toxics[at] != x)
		at++;
	fl_assert(at < l->toxic_count);
	memmove(l->toxics + at, l->toxics + at + 1, (l->toxic_count - at - 1) * sizeof(struct lines_toxic *));
	l->toxic_count--;
	if (carry(t, l, l->toxics, l->toxic_count, &e) != 0)
		log_event(t->log, LOG_ERROR, "a toxic could not be removed from the proxy", "name", l->name, "error", e.text, NULL);
	toxic_free(t, x);
	t->changes++;
	check(l);
}

static void
remove_all(struct lines *t, struct lines_line *l)
{
	struct lines_error e;

	if (l->toxic_count == 0)
		return;
	if (carry(t, l, NULL, 0, &e) != 0)
		log_event(t->log, LOG_ERROR, "toxics could not be removed from the proxy", "name", l->name, "error", e.text, NULL);
	toxics_free(t, l);
	t->changes++;
}

/* Does the toxic do already what is asked for? */
static bool
same_toxic(const struct fault_spec *a, const struct fault_spec *b)
{
	bool same_samples = a->samples == b->samples || (a->samples != NULL && b->samples != NULL &&
	    strcmp(a->samples->path, b->samples->path) == 0 && a->samples->count == b->samples->count);

	return a->kind == b->kind && a->dir == b->dir && memcmp(&a->toxicity, &b->toxicity, sizeof(a->toxicity)) == 0 &&
	    a->ttl_ns == b->ttl_ns && memcmp(&a->scope, &b->scope, sizeof(a->scope)) == 0 &&
	    memcmp(a->values, b->values, sizeof(a->values)) == 0 && strcmp(a->text, b->text) == 0 && strcmp(a->label, b->label) == 0 &&
	    same_samples;
}

static bool
asked_for(const struct lines_ask *ask, const char *name)
{
	for (uint32_t i = 0; i < ask->toxic_count; i++) {
		if (strcmp(ask->toxics[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Make the line's toxics those asked for; ones that are there already stay as they are, with what they have counted. */
static int
declare_toxics(struct lines *t, struct lines_line *l, const struct lines_ask *ask, struct lines_error *e)
{
	int rc = check_room(t, l, 0, e);

	for (uint32_t i = l->toxic_count; i-- > 0;) {
		if (!asked_for(ask, l->toxics[i]->spec.name))
			lines_toxic_remove(t, l->toxics[i]);
	}
	for (uint32_t i = 0; rc == 0 && i < ask->toxic_count; i++) {
		const struct fault_spec *spec = &ask->toxics[i];
		struct lines_toxic *x = lines_toxic_find(l, spec->name);

		if (x != NULL && same_toxic(&x->spec, spec))
			continue;
		if (x != NULL && x->spec.kind == spec->kind && x->spec.dir == spec->dir) {
			rc = lines_toxic_set(t, x, spec, true, e);
		} else {
			if (x != NULL)
				lines_toxic_remove(t, x);
			rc = lines_toxic_add(t, l, spec, e, &x);
		}
	}
	return rc;
}

/* ---- lines ---- */

static int
check_ask(const struct lines_ask *ask, struct lines_error *e)
{
	if (strlen(ask->name) >= LINE_NAME_MAX)
		return lines_refuse(e, EINVAL, 400, "the name is longer than %d bytes", LINE_NAME_MAX - 1);
	if (strlen(ask->listen) >= LINES_ADDRESS_MAX || strlen(ask->upstream) >= LINES_ADDRESS_MAX)
		return lines_refuse(e, EINVAL, 400, "an address is longer than %d bytes", LINES_ADDRESS_MAX - 1);
	if (ask->toxic_count > LINES_TOXICS_MAX)
		return lines_refuse(e, ENOSPC, 400, "a line can have %d toxics at most", LINES_TOXICS_MAX);
	return 0;
}

/* The line becomes one of the protocol asked for, with what is asked of it. */
static int
take_http(struct lines *t, struct lines_line *l, const struct lines_ask *ask)
{
	char *source = ask->source != NULL ? strdup(ask->source) : NULL;
	struct http_conf *conf = NULL;
	int rc = ask->source != NULL && source == NULL ? -ENOMEM : 0;

	if (rc == 0 && ask->http != NULL)
		rc = lines_http_build(t, l, ask, &conf);
	if (rc != 0) {
		free(source);
		return rc;
	}
	if (ask->http != NULL)
		http_doc_ref(ask->http);
	else
		lines_http_forget(t, l->name);
	http_conf_unref(l->conf);
	l->conf = conf;
	http_doc_free(l->http);
	free(l->source);
	l->http = ask->http;
	l->source = source;
	return 0;
}

/* Copy what is asked for; the address only as text. */
static void
take_ask(struct lines_line *l, const struct lines_ask *ask)
{
	snprintf(l->listen, sizeof(l->listen), "%s", ask->listen);
	snprintf(l->upstream, sizeof(l->upstream), "%s", ask->upstream);
	l->half_close = ask->half_close;
	l->key = ask->key;
	l->connect_timeout = ask->connect_timeout;
}

/* What is asked of TLS, traces and the like takes effect with the next carry(). */
static void
take_wire(struct lines *t, struct lines_line *l, const struct lines_ask *ask)
{
	if (ask->has_trace) {
		trace_conf_unref(l->trace);
		l->trace = trace_conf_ref(ask->trace);
	}
	if (!ask->has_wire)
		return;
	line_wire_unref(l->wire);
	l->wire = line_wire_ref(ask->wire);
	l->wire_digest = ask->wire_digest;
	l->wire_missing = false;
	if (ask->wire_warning != NULL)
		log_event(t->log, LOG_WARN, "a certificate is no good now", "name", l->name, "warning", ask->wire_warning, NULL);
}

static int
take_origin(struct lines_line *l, const struct lines_ask *ask)
{
	char *copy = ask->origin != NULL ? strdup(ask->origin) : NULL;

	if (ask->origin != NULL && copy == NULL)
		return -ENOMEM;
	free(l->origin);
	l->origin = copy;
	return 0;
}

/* A line in the table, not started. */
static struct lines_line *
line_new(struct lines *t, const struct lines_ask *ask)
{
	struct lines_line *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	list_init(&l->link);
	snprintf(l->name, sizeof(l->name), "%s", ask->name);
	take_ask(l, ask);
	if (take_origin(l, ask) != 0 || take_http(t, l, ask) != 0 || map_put(&t->by_name, l->name, l, NULL) != 0) {
		http_doc_free(l->http);
		http_conf_unref(l->conf);
		lines_http_forget(t, l->name);
		free(l->source);
		free(l->origin);
		free(l);
		return NULL;
	}
	list_add_tail(&t->order, &l->link);
	return l;
}

int
lines_create(struct lines *t, const struct lines_ask *ask, struct lines_error *e, struct lines_line **ret_line)
{
	struct io_addr addr = { .len = 0 };
	struct lines_line *l;
	int rc = check_ask(ask, e);

	if (rc == 0 && lines_find(t, ask->name) != NULL)
		return lines_refuse(e, EEXIST, 409, "proxy already exists");
	if (rc == 0 && ask->enabled)
		rc = resolve_to_listen(t, ask->listen, e, &addr);
	if (rc != 0)
		return rc;
	l = line_new(t, ask);
	if (l == NULL)
		return no_memory(e);
	take_wire(t, l, ask);
	rc = declare_toxics(t, l, ask, e);
	if (rc == 0 && ask->enabled)
		rc = start(t, l, &addr, e);
	if (rc != 0) {
		line_free(t, l);
		return rc;
	}
	t->changes++;
	check(l);
	*ret_line = l;
	return 0;
}

/*
 * Is the line to be somewhere else than it is, or lead somewhere else? ret_addr: where it is to be.
 * An address that cannot be read is an error, as in Toxiproxy.
 */
static int
differs(struct lines *t, const struct lines_line *l, const struct lines_ask *ask, struct lines_error *e, struct io_addr *ret_addr, bool *ret)
{
	struct io_addr now = { .len = 0 };
	struct lines_error ignored;
	int rc = resolve(t, ask->listen, e, ret_addr);

	if (rc != 0)
		return rc;
	if (resolve(t, l->listen, &ignored, &now) == -EINPROGRESS)
		return -EINPROGRESS;
	/* An HTTP line finds its instances by itself, and changes them as it runs. */
	*ret = (l->http != NULL) != (ask->http != NULL) || (l->http == NULL && strcmp(l->upstream, ask->upstream) != 0) || l->key != ask->key;
	if (l->enabled || strcmp(l->listen, ask->listen) != 0)
		*ret = *ret || !listen_same(&now, ret_addr);
	return 0;
}

int
lines_update(struct lines *t, struct lines_line *l, const struct lines_ask *ask, struct lines_error *e)
{
	struct io_addr addr = { .len = 0 };
	bool moved = false;
	int rc = check_ask(ask, e);

	if (rc == 0)
		rc = differs(t, l, ask, e, &addr, &moved);
	if (rc == 0 && (take_origin(l, ask) != 0 || take_http(t, l, ask) != 0))
		rc = no_memory(e);
	if (rc != 0)
		return rc;
	if (moved || !ask->enabled)
		stop(t, l);
	l->half_close = ask->half_close;
	l->connect_timeout = ask->connect_timeout;
	if (l->http != NULL)
		snprintf(l->upstream, sizeof(l->upstream), "%s", ask->upstream);
	take_wire(t, l, ask);
	if (moved)
		take_ask(l, ask);
	if (l->line != NULL)
		rc = carry(t, l, l->toxics, l->toxic_count, e);
	if (rc == 0 && ask->has_toxics)
		rc = declare_toxics(t, l, ask, e);
	if (rc == 0 && ask->enabled && !l->enabled)
		rc = start(t, l, &addr, e);
	t->changes++;
	check(l);
	return rc;
}

void
lines_delete(struct lines *t, struct lines_line *l)
{
	stop(t, l);
	line_free(t, l);
	t->changes++;
}

int
lines_reset(struct lines *t, struct lines_error *e)
{
	struct io_addr addr;
	int rc = 0;

	list_for(link, &t->order) {
		struct lines_line *l = list_entry(link, struct lines_line, link);

		if (!l->enabled && !l->wire_missing && resolve_to_listen(t, l->listen, e, &addr) == -EINPROGRESS)
			rc = -EINPROGRESS;
	}
	if (rc != 0)
		return rc;
	list_for(link, &t->order) {
		struct lines_line *l = list_entry(link, struct lines_line, link);

		if (!l->enabled && !l->wire_missing) {
			rc = resolve_to_listen(t, l->listen, e, &addr);
			if (rc == 0)
				rc = start(t, l, &addr, e);
			if (rc != 0)
				return rc;
		}
		remove_all(t, l);
	}
	return 0;
}

/* ---- populate ---- */

/* Look all names up before anything changes: 0 or -EINPROGRESS. */
static int
look_ahead(struct lines *t, const struct lines_ask *asks, uint32_t count)
{
	struct lines_error ignored;
	struct io_addr addr;
	int rc = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct lines_line *l = lines_find(t, asks[i].name);

		if ((asks[i].enabled || l != NULL) && resolve(t, asks[i].listen, &ignored, &addr) == -EINPROGRESS)
			rc = -EINPROGRESS;
		if (l != NULL && resolve(t, l->listen, &ignored, &addr) == -EINPROGRESS)
			rc = -EINPROGRESS;
	}
	return rc;
}

/* The line is there, at the same place: what is said beyond Toxiproxy's fields is set, nothing else is touched. */
static int
adjust(struct lines *t, struct lines_line *l, const struct lines_ask *ask, struct lines_error *e)
{
	bool half_close = ask->has_half_close ? ask->half_close : l->half_close;
	fl_ns connect_timeout = ask->has_connect_timeout ? ask->connect_timeout : l->connect_timeout;
	int rc = 0;

	if (half_close != l->half_close || connect_timeout != l->connect_timeout) {
		l->half_close = half_close;
		l->connect_timeout = connect_timeout;
		t->changes++;
		rc = carry(t, l, l->toxics, l->toxic_count, e);
	}
	if (rc == 0 && ask->has_toxics && ask->toxic_count > 0)
		rc = declare_toxics(t, l, ask, e);
	return rc;
}

/* A fresh line takes the place of l. */
static int
replace(struct lines *t, struct lines_line *l, const struct lines_ask *ask, const struct io_addr *addr, struct lines_error *e)
{
	int rc;

	stop(t, l);
	remove_all(t, l);
	take_ask(l, ask);
	if (take_origin(l, ask) != 0 || take_http(t, l, ask) != 0)
		return no_memory(e);
	rc = declare_toxics(t, l, ask, e);
	if (rc == 0 && ask->enabled)
		rc = start(t, l, addr, e);
	t->changes++;
	check(l);
	return rc;
}

static int
populate_one(struct lines *t, const struct lines_ask *ask, struct lines_error *e, struct lines_line **ret_line)
{
	struct lines_line *l = lines_find(t, ask->name);
	struct lines_ask wanted = *ask;
	struct io_addr addr;
	bool moved = false;
	int rc = check_ask(ask, e);

	if (rc != 0)
		return rc;
	if (l == NULL)
		return lines_create(t, ask, e, ret_line);
	*ret_line = l;
	if (!ask->has_key)
		wanted.key = l->key;
	if (l->http != NULL && ask->http == NULL) {
		if (strcmp(l->upstream, ask->upstream) != 0)
			return lines_refuse(e, EEXIST, 409, "%.255s is an HTTP line: /v1/lines changes where it leads", l->name);
		wanted.http = l->http;
		wanted.source = l->source;
	}
	rc = differs(t, l, &wanted, e, &addr, &moved);
	if (rc != 0)
		return rc;
	return moved ? replace(t, l, &wanted, &addr, e) : adjust(t, l, &wanted, e);
}

int
lines_populate(struct lines *t, const struct lines_ask *asks, uint32_t count, struct lines_error *e, struct lines_line **ret_lines,
    uint32_t *ret_done)
{
	int rc = look_ahead(t, asks, count);

	if (rc != 0)
		return rc;
	*ret_done = 0;
	for (uint32_t i = 0; i < count; i++) {
		rc = populate_one(t, &asks[i], e, &ret_lines[i]);
		if (rc == -EINPROGRESS)         /* an answer grew old meanwhile: what is done stays, as with any failure */
			rc = lines_refuse(e, EAGAIN, 503, "the look-up of %.255s took too long", asks[i].listen);
		if (rc != 0)
			return rc;
		*ret_done = i + 1;
	}
	return 0;
}

/* ---- time ---- */

void
lines_tick(struct lines *t, fl_ns now)
{
	struct heap_node *n;

	while ((n = heap_pop(&t->leases, now)) != NULL) {
		struct lines_toxic *x = FL_CONTAINER_OF(n, struct lines_toxic, lease);

		log_event(t->log, LOG_INFO, "a toxic's lease is over", "name", x->line->name, "toxic", x->spec.name, NULL);
		lines_toxic_remove(t, x);
	}
}

fl_ns
lines_next(const struct lines *t)
{
	return heap_next(&t->leases);
}

void
lines_drain(struct lines *t)
{
	t->draining = true;
	proxy_drain(t->proxy, 0);
}
