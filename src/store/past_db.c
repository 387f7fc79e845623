/* SPDX-License-Identifier: MIT */
/* past_db.c - the database under the map's store. */
#include "store/past_db.h"
#include "base/assert.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* "fltm": in the header of the file, so that no other program's database is taken for ours. */
#define APPLICATION_ID 0x666c746d
#define SCHEMA_VERSION 2

static const char *const statement_sql[] = {
#define X(id, sql) sql,
	PAST_STATEMENTS(X)
#undef X
};

/* The tables of version 1. Later versions append to this list; what stands here is never changed. */
static const char schema_1[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE text(id INTEGER PRIMARY KEY, s TEXT NOT NULL UNIQUE);"
    "CREATE TABLE node(id INTEGER PRIMARY KEY, name INTEGER NOT NULL, space INTEGER NOT NULL, UNIQUE(name, space));"
    "CREATE TABLE line(id INTEGER PRIMARY KEY, a INTEGER NOT NULL, b INTEGER NOT NULL, UNIQUE(a, b));"
    /* What was told at once. hash: of its bytes, so that what is told twice counts once. */
    "CREATE TABLE batch(id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB UNIQUE, recorded INTEGER NOT NULL, stream INTEGER NOT NULL,"
    " again INTEGER NOT NULL DEFAULT 0);"
    /* What a source says: of when (first .. last, until), and known since when (rec_first .. rec_last, rec_until). */
    "CREATE TABLE claim(id INTEGER PRIMARY KEY, what INTEGER NOT NULL, a INTEGER NOT NULL, b INTEGER NOT NULL, key INTEGER NOT NULL,"
    " value INTEGER NOT NULL, bits INTEGER NOT NULL, source INTEGER NOT NULL, origin INTEGER NOT NULL, place INTEGER NOT NULL,"
    " first INTEGER NOT NULL, last INTEGER NOT NULL, until INTEGER NOT NULL, rec_first INTEGER NOT NULL, rec_last INTEGER NOT NULL,"
    " rec_until INTEGER NOT NULL, count INTEGER NOT NULL, errors INTEGER NOT NULL, latency INTEGER NOT NULL, batch INTEGER NOT NULL);"
    "CREATE INDEX claim_key ON claim(what, a, b, key, source, origin, until);"
    "CREATE INDEX claim_origin ON claim(origin) WHERE origin <> 0;"
    /* Pieces of episodes of a claim, none across midnight unless it was told as a whole. */
    "CREATE TABLE piece(claim INTEGER NOT NULL, first INTEGER NOT NULL, rec_first INTEGER NOT NULL, last INTEGER NOT NULL,"
    " rec_last INTEGER NOT NULL, count INTEGER NOT NULL, errors INTEGER NOT NULL, PRIMARY KEY(claim, first, rec_first)) WITHOUT ROWID;"
    /* The same, packed (past_pack.h), once they rest. Never changed, only added to. */
    "CREATE TABLE sealed(day INTEGER NOT NULL, part INTEGER NOT NULL, rec_day INTEGER NOT NULL, seq INTEGER NOT NULL, body BLOB NOT NULL);"
    "CREATE UNIQUE INDEX sealed_day ON sealed(day, part, rec_day, seq);"
    /* What people and alerts leave behind: acknowledgements, types of facts, baselines. */
    "CREATE TABLE note(kind TEXT NOT NULL, key TEXT NOT NULL, made INTEGER NOT NULL, until INTEGER NOT NULL, body TEXT NOT NULL,"
    " PRIMARY KEY(kind, key)) WITHOUT ROWID;";

/* Version 2: spans that wait for the other side of their call (past_half.h), and the traces by which they are found. */
static const char schema_2[] =
    "CREATE TABLE half(id INTEGER PRIMARY KEY AUTOINCREMENT, recorded INTEGER NOT NULL, body BLOB NOT NULL);"
    "CREATE INDEX half_recorded ON half(recorded);"
    "CREATE TABLE half_trace(trace INTEGER NOT NULL, half INTEGER NOT NULL, PRIMARY KEY(trace, half)) WITHOUT ROWID;"
    "CREATE INDEX half_trace_half ON half_trace(half);"
    "CREATE TRIGGER half_gone AFTER DELETE ON half BEGIN DELETE FROM half_trace WHERE half = old.id; END;";

int
past_fail(struct past *p, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->error, sizeof(p->error), fmt, ap);
	va_end(ap);
	return rc;
}

int
past_sqlite(struct past *p, int sqlite_rc)
{
	const char *say = p->db != NULL ? sqlite3_errmsg(p->db) : sqlite3_errstr(sqlite_rc);

	switch (sqlite_rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return past_fail(p, -ENOSPC, "the disk is full: nothing was written");
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return past_fail(p, -EBUSY, "somebody else is writing, and did not end in time");
	case SQLITE_READONLY:
		return past_fail(p, -EROFS, "the store cannot be written: %s", say);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return past_fail(p, -EBADMSG, "the store is damaged, or no database: %s", say);
	case SQLITE_NOMEM:
		return past_fail(p, -ENOMEM, "out of memory");
	case SQLITE_CANTOPEN:
		if (p->read_only && p->db != NULL && sqlite3_system_errno(p->db) == ENOENT)
			return past_fail(p, -ENOENT, "there is no map yet: `faultline graph import` and `faultline graph watch` make one");
		if (p->db != NULL && sqlite3_system_errno(p->db) != 0 && sqlite3_system_errno(p->db) != ENOENT)
			say = strerror(sqlite3_system_errno(p->db));
		return past_fail(p, -ENOENT, "the store cannot be opened%s: %s", p->read_only ? "" : " for writing", say);
	case SQLITE_TOOBIG:
		return past_fail(p, -E2BIG, "%s", say);
	default:
		/* A file system that is full may also fail to extend a mapped file. */
		if (p->db != NULL && sqlite3_system_errno(p->db) == ENOSPC)
			return past_fail(p, -ENOSPC, "the disk is full: nothing was written");
		return past_fail(p, -EIO, "%s", say);
	}
}

static int
bind_all(struct past *p, sqlite3_stmt *s, const char *types, va_list ap)
{
	int rc = SQLITE_OK;

	for (int i = 1; *types != '\0' && rc == SQLITE_OK; types++, i++) {
		if (*types == 'i') {
			rc = sqlite3_bind_int64(s, i, va_arg(ap, int64_t));
		} else if (*types == 't') {
			rc = sqlite3_bind_text(s, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
		} else {
			const void *bytes = va_arg(ap, const void *);
			size_t n = va_arg(ap, size_t);

			fl_assert(*types == 'b');
			rc = bytes == NULL ? sqlite3_bind_null(s, i) : sqlite3_bind_blob64(s, i, bytes, n, SQLITE_TRANSIENT);
		}
	}
	return past_sqlite(p, rc);
}

static int
ask(struct past *p, enum past_statement which, sqlite3_stmt **ret, const char *types, va_list ap)
{
	sqlite3_stmt **s = &p->statements[which];
	int rc;

	fl_assert(which < PAST_STATEMENT_COUNT);
	if (*s == NULL) {
		rc = past_sqlite(p, sqlite3_prepare_v3(p->db, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT, s, NULL));
		if (rc != 0)
			return rc;
	}
	sqlite3_reset(*s);
	*ret = *s;
	return bind_all(p, *s, types, ap);
}

int
past_ask(struct past *p, enum past_statement which, sqlite3_stmt **ret, const char *types, ...)
{
	va_list ap;
	int rc;

	va_start(ap, types);
	rc = ask(p, which, ret, types, ap);
	va_end(ap);
	return rc;
}

int
past_row(struct past *p, sqlite3_stmt *s)
{
	int rc = sqlite3_step(s);

	if (rc == SQLITE_ROW)
		return 1;
	rc = past_sqlite(p, rc);
	sqlite3_reset(s);
	return rc;
}

void
past_done(sqlite3_stmt *s)
{
	sqlite3_reset(s);
}

int
past_do(struct past *p, enum past_statement which, const char *types, ...)
{
	sqlite3_stmt *s = NULL;
	va_list ap;
	int rc;

	va_start(ap, types);
	rc = ask(p, which, &s, types, ap);
	va_end(ap);
	return rc == 0 ? past_row(p, s) : rc;
}

static int
pragma(struct past *p, const char *name, int64_t *ret)
{
	sqlite3_stmt *s = NULL;
	char sql[64];
	int rc;

	snprintf(sql, sizeof(sql), "PRAGMA %s", name);
	rc = past_sqlite(p, sqlite3_prepare_v2(p->db, sql, -1, &s, NULL));
	if (rc == 0 && sqlite3_step(s) == SQLITE_ROW)
		*ret = sqlite3_column_int64(s, 0);
	else if (rc == 0)
		rc = past_sqlite(p, sqlite3_errcode(p->db));
	sqlite3_finalize(s);
	return rc;
}

static int
execute(struct past *p, const char *sql)
{
	return past_sqlite(p, sqlite3_exec(p->db, sql, NULL, NULL, NULL));
}

/* With the lock held, so that two that begin at once do not both make the tables. */
static int
bring_up_to_date(struct past *p)
{
	char mark[96];
	int64_t version = 0;
	int rc = execute(p, "BEGIN IMMEDIATE");

	if (rc != 0)
		return rc;
	rc = pragma(p, "user_version", &version);
	snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID, SCHEMA_VERSION);
	if (rc == 0 && version < 1)
		rc = execute(p, schema_1);
	if (rc == 0 && version < 2)
		rc = execute(p, schema_2);
	if (rc == 0 && version < SCHEMA_VERSION)
		rc = execute(p, mark);
	if (rc == 0)
		rc = execute(p, "COMMIT");
	if (rc != 0)
		sqlite3_exec(p->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

int
past_schema(struct past *p)
{
	int64_t version = 0, id = 0, tables = 0;
	int rc = pragma(p, "user_version", &version);

	if (rc == 0)
		rc = pragma(p, "application_id", &id);
	if (rc == 0)
		rc = pragma(p, "schema_version", &tables);
	if (rc != 0)
		return rc;
	if (version > SCHEMA_VERSION && id == APPLICATION_ID)
		return past_fail(p, -EPROTO, "the store was made by a later version (%lld; this one knows %d)", (long long)version, SCHEMA_VERSION);
	if ((tables != 0 || version != 0) && id != APPLICATION_ID)
		return past_fail(p, -EINVAL, "this is a database, but not a map");
	if (version < 0)
		return past_fail(p, -EBADMSG, "the store is damaged: there is no version %lld", (long long)version);
	/* What reading asks for is there since version 1. */
	if (version == SCHEMA_VERSION || (p->read_only && version > 0))
		return 0;
	if (p->read_only)
		return past_fail(p, -ENOENT, "there is no map in it yet");
	return bring_up_to_date(p);
}
