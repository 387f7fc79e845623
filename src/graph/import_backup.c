/* SPDX-License-Identifier: MIT */
/* import_backup.c - see import_backup.h. */
#include "graph/import_backup.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Seconds since 1970 as RFC 3339: the civil date of a count of days, Hinnant's algorithm as in import_days(). */
static void
time_text(int64_t ns, char *out, size_t out_bytes)
{
	int64_t sec = ns / FL_SEC, z = sec / 86400 + 719468, era = z / 146097, of_era = z - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365, of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t mp = (5 * of_year + 2) / 153, day = of_year - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;

	year += era * 400 + (month <= 2);
	snprintf(out, out_bytes, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)year, (int)month, (int)day, (int)(sec % 86400 / 3600), (int)(sec % 3600 / 60),
	    (int)(sec % 60));
}

static void
tell_time(struct import *im, const char *source, const struct import_backup *b, const char *key, int64_t ns, struct import_at at)
{
	char text[40];

	if (ns <= 0)
		return;
	time_text(ns, text, sizeof(text));
	import_fact(im, source, b->node, b->space, key, text, at);
}

static void
tell_number(struct import *im, const char *source, const struct import_backup *b, const char *key, uint64_t v, struct import_at at)
{
	char text[40];

	if (v == 0)
		return;
	snprintf(text, sizeof(text), "%" PRIu64, v);
	import_fact(im, source, b->node, b->space, key, text, at);
}

void
import_backup_tell(struct import *im, const char *source, const struct import_backup *b, struct import_at at)
{
	import_fact(im, source, b->node, b->space, "backup.by", b->by, at);
	import_fact(im, source, b->node, b->space, "backup.schedule", b->schedule, at);
	tell_time(im, source, b, "backup.last", b->last, at);
	tell_time(im, source, b, "backup.failed", b->failed, at);
	tell_time(im, source, b, "backup.verified", b->verified, at);
	tell_time(im, source, b, "backup.archived", b->archived, at);
	tell_number(im, source, b, "backup.bytes", b->bytes, at);
	tell_number(im, source, b, "backup.seconds", (uint64_t)FL_MAX(b->seconds, 0), at);
	if (b->has_ok)
		import_fact(im, source, b->node, b->space, "backup.ok", b->ok ? "true" : "false", at);
	if (b->paused)
		import_fact(im, source, b->node, b->space, "backup.paused", "true", at);
	if (b->none)
		import_fact(im, source, b->node, b->space, "backup.ran", "never", at);
}

/* The file's own name, without its folder and ending: "orders-db" of "/backups/orders-db.json". */
static const char *
file_node(struct import *im)
{
	const char *slash = strrchr(im->parts->file, '/'), *base = slash != NULL ? slash + 1 : im->parts->file, *dot = strchr(base, '.');

	return import_keepn(im, base, dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base));
}

static int64_t
int_of(const struct doc_node *map, const char *key)
{
	const struct doc_node *n = doc_get(map, key);
	int64_t v;
	double f;

	if (n != NULL && doc_is_int(n, &v))
		return v;
	return n != NULL && doc_is_float(n, &f) && f >= 0 && f < 9e18 ? (int64_t)f : 0;
}

static int64_t
time_of(const struct doc_node *map, const char *key)
{
	const char *w = import_word(map, key);
	int64_t ns;

	return import_time(w, strlen(w), &ns) ? ns : 0;
}

/* One stanza of pgBackRest: the newest backup without an error; its archive is the way to points between. */
static void
pgbackrest_doc(struct import *im, const struct doc_node *root)
{
	const struct doc_node *list = doc_get(root, "backup"), *status = doc_get(root, "status");
	struct import_backup b = { .node = import_word(root, "name"), .by = "pgbackrest" };

	if (root->kind != DOC_MAP || b.node[0] == '\0' || list == NULL || list->kind != DOC_LIST) {
		doc_unexpected(&im->diag, root, "a stanza with name and backup");
		import_drop(im);
		return;
	}
	for (uint32_t i = 0; i < list->count; i++) {
		const struct doc_node *x = list->items[i], *t = doc_get(x, "timestamp");
		int64_t stop = int_of(t, "stop") * FL_SEC;
		bool error = strcmp(import_word(x, "error"), "true") == 0;

		if (stop <= 0 || stop > INT64_MAX / 2)
			continue;
		if (error) {
			b.failed = FL_MAX(b.failed, stop);
		} else if (stop > b.last) {
			b.last = stop;
			b.seconds = (stop / FL_SEC) - int_of(t, "start");
			b.bytes = (uint64_t)FL_MAX(int_of(doc_get(x, "info"), "size"), 0);
		}
		b.ok = b.last > b.failed;
	}
	b.has_ok = list->count > 0;
	b.none = list->count == 0 || b.last == 0;
	if (int_of(status, "code") != 0) {
		b.has_ok = true;
		b.ok = false;
	}
	import_backup_tell(im, "pgbackrest", &b, import_here(im, root));
}

void
import_pgbackrest_add(struct import *im)
{
	import_docs(im, pgbackrest_doc);
}

/* A tag "service=NAME" or "node=NAME" says whose data it is; else the host. */
static const char *
restic_node(const struct doc_node *snap)
{
	const struct doc_node *tags = doc_get(snap, "tags");

	for (uint32_t i = 0; tags != NULL && tags->kind == DOC_LIST && i < tags->count; i++) {
		const char *t = tags->items[i]->text;

		if (strncmp(t, "service=", 8) == 0 || strncmp(t, "service:", 8) == 0)
			return t + 8;
		if (strncmp(t, "node=", 5) == 0)
			return t + 5;
	}
	return import_word(snap, "hostname");
}

static void
restic_doc(struct import *im, const struct doc_node *root)
{
	const struct doc_node *summary = doc_get(root, "summary");
	struct import_backup b = { .node = restic_node(root), .by = "restic", .last = time_of(root, "time"), .has_ok = true, .ok = true };

	if (b.last == 0 || b.node[0] == '\0') {
		doc_unexpected(&im->diag, root, "a snapshot with time and hostname");
		import_drop(im);
		return;
	}
	b.bytes = (uint64_t)FL_MAX(int_of(summary, "total_bytes_processed"), 0);
	if (time_of(summary, "backup_end") > 0) {
		b.seconds = (time_of(summary, "backup_end") - time_of(summary, "backup_start")) / FL_SEC;
		b.last = time_of(summary, "backup_end");
	}
	import_backup_tell(im, "restic", &b, import_here(im, root));
}

void
import_restic_add(struct import *im)
{
	import_docs(im, restic_doc);
}

/* The service before the date in "orders-db-2026-11-20T02:00:03", else the name of the file. */
static const char *
borg_node(struct import *im, const char *archive)
{
	size_t n = strlen(archive);

	for (size_t i = 1; i + 4 < n; i++) {
		if ((archive[i - 1] == '-' || archive[i - 1] == '_') && strspn(archive + i, "0123456789") == 4)
			return import_keepn(im, archive, i - 1);
	}
	return file_node(im);
}

static void
borg_doc(struct import *im, const struct doc_node *root)
{
	const struct doc_node *list = doc_get(root, "archives");

	if (list == NULL || list->kind != DOC_LIST) {
		doc_unexpected(&im->diag, root, "borg's list, with archives");
		import_drop(im);
		return;
	}
	if (list->count == 0) {
		struct import_backup never = { .node = file_node(im), .by = "borg", .none = true };

		if (never.node != NULL)
			import_backup_tell(im, "borg", &never, import_here(im, root));
	}
	for (uint32_t i = 0; i < list->count; i++) {
		const struct doc_node *a = list->items[i];
		struct import_backup b = { .node = borg_node(im, import_word(a, "name")), .by = "borg", .last = time_of(a, "time"),
		    .has_ok = true, .ok = true };
		char text[48];

		if (b.last == 0) {
			/* borg prints local time without a zone; it is taken for UTC. */
			snprintf(text, sizeof(text), "%.26sZ", import_word(a, "time"));
			(void)import_time(text, strlen(text), &b.last);
		}
		if (b.last == 0 || b.node == NULL)
			import_drop(im);
		else
			import_backup_tell(im, "borg", &b, import_here(im, a));
	}
}

void
import_borg_add(struct import *im)
{
	import_json(im, borg_doc);
}

/* {"node":"orders-db","kind":"backup","finished":"...","ok":true,"bytes":1,"verified":"..."}; kind restore says that one was tried. */
static void
record_doc(struct import *im, const struct doc_node *root)
{
	struct import_backup b = { .node = import_word(root, "node"), .by = import_word(root, "by"), .schedule = import_word(root, "schedule") };
	const char *kind = import_word(root, "kind"), *ok = import_word(root, "ok");
	int64_t finished = time_of(root, "finished");

	if (b.node[0] == '\0')
		b.node = import_word(root, "service");
	if (b.node[0] == '\0' || (finished == 0 && import_word(root, "finished")[0] != '\0') ||
	    (kind[0] != '\0' && strcmp(kind, "backup") != 0 && strcmp(kind, "restore") != 0)) {
		doc_unexpected(&im->diag, root,
		    "a record such as {\"node\":\"orders-db\",\"kind\":\"backup\",\"finished\":\"2026-11-20T02:00:00Z\",\"ok\":true}");
		import_drop(im);
		return;
	}
	b.space = import_word(root, "namespace");
	b.verified = time_of(root, "verified");
	b.has_ok = ok[0] != '\0' || finished != 0;
	b.ok = strcmp(ok, "false") != 0;
	b.paused = strcmp(import_word(root, "paused"), "true") == 0;
	b.bytes = (uint64_t)FL_MAX(int_of(root, "bytes"), 0);
	if (time_of(root, "started") > 0 && finished > 0)
		b.seconds = (finished - time_of(root, "started")) / FL_SEC;
	if (strcmp(kind, "restore") == 0) {
		b.verified = b.ok ? FL_MAX(b.verified, finished) : b.verified;
		b.has_ok = false;
		b.bytes = 0;
		b.seconds = 0;
	} else if (b.ok) {
		b.last = finished;
	} else {
		b.failed = finished;
		b.bytes = 0;
	}
	import_backup_tell(im, "records", &b, import_here(im, root));
}

void
import_records_add(struct import *im)
{
	import_docs(im, record_doc);
}

struct archiver {
	char last[64], failed[64];
};

static void
archiver_field(struct archiver *a, const char *name, size_t name_n, const char *value, size_t value_n)
{
	if (name_n == 18 && memcmp(name, "last_archived_time", 18) == 0)
		snprintf(a->last, sizeof(a->last), "%.*s", (int)FL_MIN(value_n, (size_t)60), value);
	else if (name_n == 16 && memcmp(name, "last_failed_time", 16) == 0)
		snprintf(a->failed, sizeof(a->failed), "%.*s", (int)FL_MIN(value_n, (size_t)60), value);
}

static void
trim(const char **s, size_t *n)
{
	while (*n > 0 && (**s == ' ' || **s == '\t')) {
		++*s;
		--*n;
	}
	while (*n > 0 && ((*s)[*n - 1] == ' ' || (*s)[*n - 1] == '\t'))
		--*n;
}

/* The i-th column of a line of psql or of CSV. */
static bool
column(const char *line, size_t len, char sep, unsigned i, const char **ret, size_t *ret_n)
{
	const char *p = line, *end = line + len, *stop;

	for (;; i--) {
		stop = memchr(p, sep, (size_t)(end - p));
		if (i == 0)
			break;
		if (stop == NULL)
			return false;
		p = stop + 1;
	}
	*ret = p;
	*ret_n = (size_t)((stop != NULL ? stop : end) - p);
	trim(ret, ret_n);
	return true;
}

/* psql's table, its \x form ("name | value" on each line), or CSV with a header. */
void
import_archiver_add(struct import *im)
{
	const char *p = im->file->text, *end = p + im->file->n, *line, *head = NULL, *name, *value;
	size_t len, head_n = 0, name_n, value_n;
	struct archiver a = { .last = "" };
	struct import_backup b = { .node = file_node(im), .by = "pg_stat_archiver" };
	char sep = '|';

	while (import_next_line(&p, end, &line, &len)) {
		if (head == NULL && memmem(line, len, "archived_count", 14) != NULL && memmem(line, len, "last_archived_time", 18) != NULL) {
			head = line;
			head_n = len;
			sep = memchr(line, '|', len) != NULL ? '|' : ',';
		} else if (head != NULL) {
			if (len == 0 || line[0] == '-' || line[0] == '(')
				continue;
			for (unsigned i = 0; column(head, head_n, sep, i, &name, &name_n) && column(line, len, sep, i, &value, &value_n); i++)
				archiver_field(&a, name, name_n, value, value_n);
			break;
		} else if (column(line, len, '|', 0, &name, &name_n) && column(line, len, '|', 1, &value, &value_n)) {
			archiver_field(&a, name, name_n, value, value_n);
		}
	}
	(void)import_time(a.last, strlen(a.last), &b.archived);
	(void)import_time(a.failed, strlen(a.failed), &b.failed);
	b.has_ok = b.archived != 0 || b.failed != 0;
	b.ok = b.archived > b.failed;
	b.none = b.archived == 0;
	if (b.node != NULL)
		import_backup_tell(im, "pg_stat_archiver", &b, import_line(im, 1));
}
