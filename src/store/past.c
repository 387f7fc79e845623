/* SPDX-License-Identifier: MIT */
/* past.c - the map's store: opening, batches, notes. */
#include "store/past.h"
#include "base/assert.h"
#include "base/hash.h"
#include "io/dir.h"
#include "store/past_db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUSY_DEFAULT (20 * FL_SEC)
#define BUSY_STEP (10 * FL_MS)
#define STREAM_KEPT (3 * PAST_DAY)      /* a receiver's clients do not repeat a batch after days */
#define HASH_BYTES 16
#define PATH_BYTES 4096

static int
make_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_BYTES];

	if (slash == NULL || slash == path)
		return 0;
	if ((size_t)(slash - path) >= sizeof(folder))
		return -ENAMETOOLONG;
	memcpy(folder, path, (size_t)(slash - path));
	folder[slash - path] = '\0';
	return dir_make(folder);
}

/*
 * Write-ahead log: readers do not wait for the writer. Full syncing: what is committed survives the power. Of two that turn a new file to
 * write-ahead at the same moment SQLite refuses one at once, whatever its patience: so the patience is ours here.
 */
static int
set_up(struct past *p, const struct past_opts *o)
{
	const char *sql = o->read_only ? "PRAGMA query_only = 1; PRAGMA cache_size = -65536" :
	    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA journal_size_limit = 67108864";
	fl_ns patience = o->busy > 0 ? o->busy : BUSY_DEFAULT;
	int rc = sqlite3_exec(p->db, sql, NULL, NULL, NULL);

	for (fl_ns waited = 0; (rc & 0xff) == SQLITE_BUSY && waited < patience; waited += BUSY_STEP) {
		sqlite3_sleep((int)(BUSY_STEP / FL_MS));
		rc = sqlite3_exec(p->db, sql, NULL, NULL, NULL);
	}
	sqlite3_busy_timeout(p->db, (int)(patience / FL_MS));
	sqlite3_extended_result_codes(p->db, 1);
	sqlite3_limit(p->db, SQLITE_LIMIT_LENGTH, 64 << 20);
	sqlite3_db_config(p->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	return past_sqlite(p, rc);
}

static int
read_gap(struct past *p, fl_ns wanted)
{
	sqlite3_stmt *s = NULL;
	int rc = past_ask(p, PAST_META_GET, &s, "t", "gap");

	p->gap = PAST_GAP_DEFAULT;
	if (rc == 0 && (rc = past_row(p, s)) == 1) {
		p->gap = sqlite3_column_int64(s, 0);
		past_done(s);
		rc = 0;
	}
	if (rc == 0 && wanted > 0 && wanted != p->gap && !p->read_only) {
		p->gap = wanted;
		rc = past_do(p, PAST_META_SET, "ti", "gap", wanted);
	}
	if (rc == 0 && (p->gap <= 0 || p->gap > PAST_DAY))
		p->gap = PAST_GAP_DEFAULT;
	return rc;
}

static int
open_at(struct past *p, const struct past_opts *o, const char *path, int more_flags)
{
	int flags = SQLITE_OPEN_NOMUTEX | more_flags | (o->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	int rc = past_sqlite(p, sqlite3_open_v2(path, &p->db, flags, NULL));

	if (rc == 0)
		rc = set_up(p, o);
	if (rc == 0)
		rc = past_schema(p);
	return rc == 0 ? read_gap(p, o->gap) : rc;
}

static void
close_db(struct past *p)
{
	for (size_t i = 0; i < PAST_STATEMENT_COUNT; i++) {
		sqlite3_finalize(p->statements[i]);
		p->statements[i] = NULL;
	}
	sqlite3_close(p->db);
	p->db = NULL;
}

static uint64_t
file_bytes(const char *path)
{
	uint64_t size = 0;
	char tail[64];

	(void)dir_file_tail(path, tail, sizeof(tail), &size);
	return size;
}

/*
 * A map where nothing can be written (a medium, somebody else's folder): SQLite would put files beside it to read it. It is read as it stands, if
 * no log is beside it.
 */
static int
open_still(struct past *p, const struct past_opts *o)
{
	char uri[3 * PATH_BYTES + 32] = "file:", wal[PATH_BYTES + 8];
	size_t n = strlen(uri);

	if (strlen(o->path) >= PATH_BYTES || file_bytes(o->path) == 0)
		return -ENOENT;
	snprintf(wal, sizeof(wal), "%s-wal", o->path);
	if (file_bytes(wal) > 0)
		return -ENOENT;
	/* Two slashes at the beginning would be a machine's name. */
	for (const char *c = o->path + (strncmp(o->path, "//", 2) == 0); *c != '\0'; c++)
		n += (size_t)snprintf(uri + n, sizeof(uri) - n, strchr("%?#", *c) != NULL ? "%%%02x" : "%c", *c);
	snprintf(uri + n, sizeof(uri) - n, "?immutable=1");
	close_db(p);
	return open_at(p, o, uri, SQLITE_OPEN_URI);
}

int
past_open(const struct past_opts *o, char *error, struct past **ret)
{
	struct past *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return -ENOMEM;
	map_init(&p->texts, 0, 0);
	map_init(&p->pairs, 0, 0);
	p->read_only = o->read_only;
	rc = o->read_only ? 0 : make_folder(o->path);
	if (rc != 0)
		past_fail(p, rc, "the folder of the store cannot be made: %s", strerror(-rc));
	if (rc == 0) {
		rc = open_at(p, o, o->path, 0);
		if (rc == -ENOENT && o->read_only && p->db != NULL)
			rc = open_still(p, o);
	}
	if (rc != 0) {
		snprintf(error, PAST_ERROR_MAX, "%.120s: %.130s", o->path, p->error);
		past_close(p);
		return rc;
	}
	*ret = p;
	return 0;
}

void
past_close(struct past *p)
{
	if (p == NULL)
		return;
	past_rollback(p);
	close_db(p);
	map_fini(&p->texts);
	map_fini(&p->pairs);
	free(p);
}

const char *
past_error(const struct past *p)
{
	return p->error;
}

/* ---- batches ---- */

int
past_begin(struct past *p, const struct past_batch *b)
{
	int rc;

	fl_assert(!p->open_batch && b->now > 0);
	if (p->read_only)
		return past_fail(p, -EROFS, "the store was opened for reading");
	rc = past_do(p, PAST_BEGIN, "");
	if (rc != 0)
		return rc;
	p->open_batch = true;
	p->stream = b->stream;
	p->now = b->now;
	p->cwd = b->cwd;
	p->sums = (struct past_taken){ 0 };
	rc = past_do(p, PAST_BATCH_ADD, "bii", NULL, (size_t)0, b->now, (int64_t)b->stream);
	p->batch = sqlite3_last_insert_rowid(p->db);
	if (rc == 0 && b->stream)
		rc = past_do(p, PAST_BATCH_PRUNE, "i", b->now - STREAM_KEPT);
	if (rc != 0)
		past_rollback(p);
	return rc;
}

int
past_once(struct past *p, const void *bytes, size_t n)
{
	uint64_t hash[2];
	sqlite3_stmt *s = NULL;
	int rc;

	fl_assert(p->open_batch && sizeof(hash) == HASH_BYTES);
	hash_twice((const uint64_t[2]){ 0, 2 }, (const uint64_t[2]){ 1, 3 }, bytes, n, hash);
	rc = past_ask(p, PAST_BATCH_FIND, &s, "b", hash, sizeof(hash));
	if (rc == 0)
		rc = past_row(p, s);
	if (rc == 1) {
		int64_t id = sqlite3_column_int64(s, 0);

		past_done(s);
		rc = past_do(p, PAST_BATCH_AGAIN, "i", id);
		return rc != 0 ? rc : -EALREADY;
	}
	return rc != 0 ? rc : past_do(p, PAST_BATCH_ADD, "bii", hash, sizeof(hash), p->now, (int64_t)p->stream);
}

static void
forget(struct past *p)
{
	/* Numbers that were given in this batch are not valid any more. */
	map_fini(&p->texts);
	map_fini(&p->pairs);
	p->open_batch = false;
}

void
past_rollback(struct past *p)
{
	char error[PAST_ERROR_MAX];

	if (!p->open_batch)
		return;
	memcpy(error, p->error, sizeof(error));
	/* SQLite may have rolled back already, after a full disk. */
	if (sqlite3_get_autocommit(p->db) == 0)
		past_do(p, PAST_ROLLBACK, "");
	memcpy(p->error, error, sizeof(error));
	forget(p);
}

int
past_commit(struct past *p, struct past_taken *ret)
{
	int rc;

	fl_assert(p->open_batch);
	if (sqlite3_get_autocommit(p->db) != 0)
		rc = past_fail(p, -EIO, "the batch was given up by the database");
	else
		rc = past_do(p, PAST_COMMIT, "");
	if (rc != 0) {
		past_rollback(p);
		return rc;
	}
	p->open_batch = false;
	if (ret != NULL)
		*ret = p->sums;
	return 0;
}

/* ---- notes ---- */

int
past_note_set(struct past *p, const char *kind, const char *key, int64_t now, int64_t until, const char *body)
{
	return past_do(p, PAST_NOTE_SET, "ttiit", kind, key, now, until, body);
}

int
past_note_drop(struct past *p, const char *kind, const char *key)
{
	int rc = past_do(p, PAST_NOTE_DROP, "tt", kind, key);

	return rc != 0 ? rc : sqlite3_changes(p->db) > 0 ? 0 : -ENOENT;
}

int
past_notes(struct past *p, const char *kind, past_note_fn *fn, void *arg)
{
	sqlite3_stmt *s = NULL;
	int rc = past_ask(p, PAST_NOTE_ALL, &s, "t", kind);

	while (rc == 0 && (rc = past_row(p, s)) == 1) {
		const char *key = (const char *)sqlite3_column_text(s, 0), *body = (const char *)sqlite3_column_text(s, 3);

		rc = fn(arg, key != NULL ? key : "", sqlite3_column_int64(s, 1), sqlite3_column_int64(s, 2), body != NULL ? body : "");
		if (rc != 0) {
			past_done(s);
			return rc;
		}
	}
	return rc;
}
