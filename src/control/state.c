/* SPDX-License-Identifier: MIT */
/* state.c - the state file. */
#include "control/state.h"
#include "control/line_body.h"
#include "control/line_doc.h"
#include "control/line_json.h"
#include "io/file.h"
#include "io/io.h"
#include "io/thread.h"
#include "proto/json.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STATE_BYTES_MAX (256u << 20)
#define STATE_VERSION 1
#define RETRY (5 * FL_SEC)

struct state {
	char path[PATH_MAX];
	struct log *log;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t more;
	/* under the mutex */
	char *text;                     /* to be written; NULL: nothing */
	size_t text_bytes;
	int result;                     /* of the last write: 0 or -errno */
	bool stopping;
	/* of the control loop */
	uint64_t saved;                 /* lines->changes that was handed over; UINT64_MAX: never */
	fl_ns retry_at;
	int told;                       /* the failure that was logged last */
};

/* ---- writing ---- */

static fl_ns
wall_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * FL_SEC + t.tv_nsec;
}

static void
put_line(struct jsonw *w, const struct lines_line *l, fl_ns epoch)
{
	jsonw_object(w);
	line_json_line_pairs(w, l);
	if (l->origin != NULL)
		jsonw_str(w, "origin", l->origin);
	if (l->source != NULL) {
		jsonw_key(w, "source");
		jsonw_raw(w, l->source, strlen(l->source));
	}
	if (l->wire != NULL || l->wire_missing)
		jsonw_str(w, "wire", (l->wire_missing ? l->wire_enabled : l->enabled) ? "enabled" : "disabled");      /* its keys stay out */
	jsonw_key(w, "toxics");
	jsonw_array(w);
	for (uint32_t i = 0; i < l->toxic_count; i++) {
		const struct lines_toxic *x = l->toxics[i];

		jsonw_object(w);
		line_json_toxic_pairs(w, &x->spec);
		if (x->expires != FL_NEVER)
			jsonw_num(w, "expires", (x->expires - epoch) / FL_MS);
		jsonw_end(w);
	}
	jsonw_end(w);
	jsonw_end(w);
}

/* epoch: io clock at 1970. */
static void
put_state(struct buf *out, const struct lines *t, fl_ns epoch)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w);
	jsonw_num(&w, "version", STATE_VERSION);
	jsonw_num(&w, "seed", (int64_t)t->seed);
	jsonw_key(&w, "lines");
	jsonw_array(&w);
	list_for(link, &t->order) {
		buf_putc(out, '\n');
		put_line(&w, list_entry(link, struct lines_line, link), epoch);
	}
	jsonw_end(&w);
	jsonw_end(&w);
	buf_putc(out, '\n');
}

static void *
writer(void *ud)
{
	struct state *s = ud;
	char *text;
	size_t n;
	int rc;

	pthread_mutex_lock(&s->mutex);
	for (;;) {
		while (s->text == NULL && !s->stopping)
			pthread_cond_wait(&s->more, &s->mutex);
		if (s->text == NULL)
			break;
		text = s->text;
		n = s->text_bytes;
		s->text = NULL;
		pthread_mutex_unlock(&s->mutex);
		rc = file_replace(s->path, text, n, 0600);
		free(text);
		pthread_mutex_lock(&s->mutex);
		s->result = rc;
	}
	pthread_mutex_unlock(&s->mutex);
	return NULL;
}

int
state_new(const char *path, struct log *log, struct state **ret_state)
{
	struct state *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return -ENOMEM;
	if ((size_t)snprintf(s->path, sizeof(s->path), "%s", path) >= sizeof(s->path) - 8) {
		free(s);
		return -ENAMETOOLONG;
	}
	s->log = log;
	s->saved = UINT64_MAX;
	s->retry_at = FL_NEVER;
	pthread_mutex_init(&s->mutex, NULL);
	pthread_cond_init(&s->more, NULL);
	rc = thread_start(&s->thread, "fl-state", writer, s);
	if (rc != 0) {
		free(s);
		return rc;
	}
	*ret_state = s;
	return 0;
}

/* Log a failure once, and its end. */
static void
tell(struct state *s, int result)
{
	if (result == s->told)
		return;
	s->told = result;
	if (result == 0)
		log_event(s->log, LOG_INFO, "the state file can be written again", "path", s->path, NULL);
	else
		log_event(s->log, LOG_ERROR, "the state file cannot be written, the old one stays", "path", s->path,
		    "error", strerror(-result), NULL);
}

void
state_save(struct state *s, struct lines *t, fl_ns now)
{
	struct buf b;
	int result;

	pthread_mutex_lock(&s->mutex);
	result = s->result;
	pthread_mutex_unlock(&s->mutex);
	tell(s, result);
	if (result != 0 && s->retry_at == FL_NEVER)
		s->retry_at = now + RETRY;
	if (s->saved == t->changes && now < s->retry_at)
		return;
	s->saved = t->changes;
	s->retry_at = FL_NEVER;
	buf_init(&b, STATE_BYTES_MAX);
	put_state(&b, t, io_clock(t->io) - wall_now());
	if (b.overflowed) {
		log_event(s->log, LOG_ERROR, "the state does not fit into memory", NULL);
		buf_fini(&b);
		return;
	}
	pthread_mutex_lock(&s->mutex);
	free(s->text);
	s->text_bytes = buf_len(&b);
	s->text = b.mem;        /* taken over: nothing was consumed at its front */
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->mutex);
}

fl_ns
state_next(const struct state *s)
{
	return s->retry_at;
}

void
state_free(struct state *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->mutex);
	s->stopping = true;
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->mutex);
	thread_join(s->thread);
	tell(s, s->result);
	pthread_mutex_destroy(&s->mutex);
	pthread_cond_destroy(&s->more);
	free(s->text);
	free(s);
}

/* ---- reading ---- */

int
state_load(const char *path, struct buf *complaint, struct doc **ret_doc)
{
	char error[JSON_ERROR_MAX];
	struct buf b;
	int64_t v;
	int rc;

	buf_init(&b, STATE_BYTES_MAX);
	rc = file_read(path, &b);
	if (rc == -ENOENT)
		goto out;
	if (rc != 0) {
		buf_printf(complaint, "%s: %s", path, strerror(-rc));
		goto out;
	}
	rc = json_parse(buf_data(&b), buf_len(&b), error, ret_doc);
	if (rc != 0) {
		buf_printf(complaint, "%s: %s", path, error);
		goto out;
	}
	if (doc_get((*ret_doc)->root, "version") == NULL || !doc_is_int(doc_get((*ret_doc)->root, "version"), &v) || v != STATE_VERSION) {
		buf_printf(complaint, "%s: found no \"version\":%d, expected a state file of this program", path, STATE_VERSION);
		doc_free(*ret_doc);
		rc = -EINVAL;
	}
out:
	buf_fini(&b);
	return rc;
}

bool
state_seed(const struct doc *doc, uint64_t *ret_seed)
{
	const struct doc_node *n = doc_get(doc->root, "seed");
	int64_t v;

	if (n == NULL || !doc_is_int(n, &v))
		return false;
	*ret_seed = (uint64_t)v;
	return true;
}

/* Leases go on where they were; what ran out meanwhile is gone. */
static void
restore_leases(struct lines *t, struct lines_line *l, const struct doc_node *toxics, fl_ns epoch)
{
	for (uint32_t i = 0; toxics != NULL && toxics->kind == DOC_LIST && i < toxics->count; i++) {
		const struct doc_node *name = doc_get(toxics->items[i], "name"), *expires = doc_get(toxics->items[i], "expires");
		struct lines_toxic *x = name != NULL ? lines_toxic_find(l, name->text) : NULL;
		int64_t ms;

		if (x == NULL || expires == NULL || !doc_is_int(expires, &ms) || ms < 0 || ms > INT64_MAX / FL_MS / 2)
			continue;
		lines_toxic_expire(t, x, ms * FL_MS + epoch);
	}
}

/* What was said of an HTTP line. */
static int
restore_http(const struct doc_node *source, struct lines_ask *ask, struct lines_error *e)
{
	struct doc_diag d;
	int rc;

	doc_diag_init(&d, NULL);
	rc = line_doc_again(source, NULL, NULL, &d, ask);
	if (rc != 0)
		lines_refuse(e, -rc, 400, "%.500s", rc == -ENOMEM ? "out of memory" : buf_str(&d.text));
	doc_diag_fini(&d);
	return rc;
}

static int
restore_line(struct lines *t, const struct doc_node *n, fl_ns epoch, struct lines_error *e)
{
	const struct doc_node *origin = doc_get(n, "origin"), *source = doc_get(n, "source"), *wire = doc_get(n, "wire");
	bool missing = wire != NULL;
	struct lines_ask ask;
	struct lines_line *l;
	int rc;

	line_body_init(&ask);
	rc = line_body_line(n, "line", "line", &ask, e);
	if (missing)
		ask.enabled = false;            /* never without its TLS */
	if (rc == 0 && (ask.name[0] == '\0' || (ask.upstream[0] == '\0' && !missing)))
		rc = lines_refuse(e, EINVAL, 400, "a line without name or upstream");
	if (rc == 0 && source != NULL)
		rc = restore_http(source, &ask, e);
	if (rc == 0) {
		ask.origin = origin != NULL && origin->kind == DOC_SCALAR ? origin->text : NULL;
		rc = lines_create(t, &ask, e, &l);
	}
	if (rc != 0 && rc != -EINPROGRESS && e->status == 500) {
		log_event(t->log, LOG_ERROR, "a line of the state file cannot listen and is disabled", "name", ask.name, "error", e->text, NULL);
		ask.enabled = false;
		rc = lines_create(t, &ask, e, &l);
	}
	if (rc == 0 && missing) {
		l->wire_missing = true;
		l->wire_enabled = strcmp(wire->text, "enabled") == 0;
	}
	if (rc == 0)
		restore_leases(t, l, doc_get(n, "toxics"), epoch);
	line_body_free(&ask);
	return rc;
}

int
state_apply(const struct doc *doc, struct lines *t, struct buf *complaint)
{
	const struct doc_node *list = doc_get(doc->root, "lines");
	fl_ns epoch = io_clock(t->io) - wall_now();
	struct lines_error e;
	int rc;

	for (uint32_t i = 0; list != NULL && list->kind == DOC_LIST && i < list->count; i++) {
		const struct doc_node *name = doc_get(list->items[i], "name");

		if (name != NULL && lines_find(t, name->text) != NULL)
			continue;       /* done before a name had to be looked up */
		rc = restore_line(t, list->items[i], epoch, &e);
		if (rc == -EINPROGRESS)
			return rc;
		if (rc != 0) {
			buf_printf(complaint, "line %u of the state file: %s", i + 1, e.text);
			return -EINVAL;
		}
	}
	return 0;
}
