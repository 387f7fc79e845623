/* SPDX-License-Identifier: MIT */
/*
 * past_db.h - the database under the map's store: opening, the tables, statements prepared once. For the files past_*.c alone.
 *
 * Invariants
 *  (1) Every function returns 0 (or 1 for a row) or -errno; p->error then says why in words.
 *  (2) A statement that past_ask() returned is used up before the same one is asked for again.
 */
#ifndef STORE_PAST_DB_H
#define STORE_PAST_DB_H

#include "base/map.h"
#include "store/past.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define PAST_ERROR_MAX 256
#define PAST_NEVER INT64_MAX            /* an end that has not come */
#define PAST_DAY (INT64_C(86400) * 1000000000)
#define PAST_MINUTE (INT64_C(60) * 1000000000)

#define PAST_TIME_MAX (INT64_MAX / 4)

/* Every statement, with a name. */
#define PAST_STATEMENTS(X) \
	X(BEGIN, "BEGIN IMMEDIATE") \
	X(COMMIT, "COMMIT") \
	X(ROLLBACK, "ROLLBACK") \
	X(META_GET, "SELECT value FROM meta WHERE key = ?1") \
	X(META_SET, "INSERT INTO meta(key, value) VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = excluded.value") \
	X(TEXT_GET, "SELECT id FROM text WHERE s = ?1") \
	X(TEXT_ADD, "INSERT INTO text(s) VALUES(?1)") \
	X(TEXT_ALL, "SELECT id, s FROM text") \
	X(NODE_GET, "SELECT id FROM node WHERE name = ?1 AND space = ?2") \
	X(NODE_ADD, "INSERT INTO node(name, space) VALUES(?1, ?2)") \
	X(NODE_ALL, "SELECT id, name, space FROM node") \
	X(LINE_GET, "SELECT id FROM line WHERE a = ?1 AND b = ?2") \
	X(LINE_ADD, "INSERT INTO line(a, b) VALUES(?1, ?2)") \
	X(LINE_ALL, "SELECT id, a, b FROM line") \
	X(BATCH_FIND, "SELECT id FROM batch WHERE hash = ?1") \
	X(BATCH_ADD, "INSERT INTO batch(hash, recorded, stream) VALUES(?1, ?2, ?3)") \
	X(BATCH_AGAIN, "UPDATE batch SET again = again + 1 WHERE id = ?1") \
	X(BATCH_PRUNE, "DELETE FROM batch WHERE recorded < ?1 AND stream = 1 AND id < (SELECT max(id) FROM batch)") \
	X(CLAIM_GET, "SELECT id, value, bits, first, batch, count FROM claim WHERE what = ?1 AND a = ?2 AND b = ?3 AND key = ?4 AND source = ?5" \
	    " AND origin = ?6 AND until = 9223372036854775807 ORDER BY id LIMIT 1") \
	X(CLAIM_GET_VALUE, "SELECT id, value, bits, first, batch, count FROM claim WHERE what = ?1 AND a = ?2 AND b = ?3 AND key = ?4" \
	    " AND source = ?5 AND origin = ?6 AND until = 9223372036854775807 AND value = ?7") \
	X(CLAIM_ADD, "INSERT INTO claim(what, a, b, key, value, bits, source, origin, place, first, last, until, rec_first, rec_last, rec_until," \
	    " count, errors, latency, batch) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13, 9223372036854775807, ?14, ?15," \
	    " ?16, ?17)") \
	X(CLAIM_AGAIN, "UPDATE claim SET first = min(first, ?2), last = max(last, ?3), rec_last = ?4, count = count + ?5, errors = errors + ?6," \
	    " latency = latency + ?7, batch = ?8, place = ?9, bits = ?10, value = ?11 WHERE id = ?1") \
	X(CLAIM_END, "UPDATE claim SET until = ?2, rec_until = ?3 WHERE id = ?1") \
	X(CLAIM_WITHDRAW, "UPDATE claim SET until = max(first, ?3), rec_until = ?4 WHERE origin = ?1 AND batch <> ?2" \
	    " AND until = 9223372036854775807") \
	X(CLAIM_ALL, "SELECT id, what, a, b, key, value, bits, source, place, first, last, until, count, errors, latency, rec_first, rec_last," \
	    " rec_until, origin FROM claim ORDER BY id") \
	X(CLAIM_OF, "SELECT id, what, a, b, key, value, bits, source, place, first, last, until, count, errors, latency, rec_first, rec_last," \
	    " rec_until, origin FROM claim WHERE what = ?1 AND a = ?2 AND b = ?3 ORDER BY id") \
	X(PIECE_ANY, "SELECT 1 FROM piece WHERE last < ?1 AND rec_last < ?1 LIMIT 1") \
	X(PIECE_NEAR, "SELECT first, last, rec_first FROM piece WHERE claim = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1") \
	X(PIECE_NEXT, "SELECT first, last, rec_first FROM piece WHERE claim = ?1 AND first > ?2 ORDER BY first LIMIT 1") \
	X(PIECE_ADD, "INSERT INTO piece(claim, first, rec_first, last, rec_last, count, errors) VALUES(?1, ?2, ?3, ?4, ?3, ?5, ?6)" \
	    " ON CONFLICT(claim, first, rec_first) DO UPDATE SET last = max(last, excluded.last), count = count + excluded.count," \
	    " errors = errors + excluded.errors") \
	X(PIECE_GROW, "UPDATE piece SET last = max(last, ?4), rec_last = ?5, count = count + ?6, errors = errors + ?7" \
	    " WHERE claim = ?1 AND first = ?2 AND rec_first = ?3") \
	X(PIECE_BACK, "UPDATE OR IGNORE piece SET first = ?4, last = max(last, ?5), rec_last = ?6, count = count + ?7, errors = errors + ?8" \
	    " WHERE claim = ?1 AND first = ?2 AND rec_first = ?3") \
	X(PIECE_ALL, "SELECT claim, first, last, rec_first, rec_last, count, errors FROM piece ORDER BY claim, first") \
	X(PIECE_OF, "SELECT claim, first, last, rec_first, rec_last, count, errors FROM piece WHERE claim = ?1 ORDER BY first") \
	X(PIECE_RIPE, "SELECT claim, first, last, rec_first, rec_last, count, errors FROM piece WHERE last < ?1 AND rec_last < ?1" \
	    " AND first / 86400000000000 = last / 86400000000000" \
	    " ORDER BY first / 86400000000000, claim / 1024, rec_last / 86400000000000, claim, first") \
	X(PIECE_DROP, "DELETE FROM piece WHERE last < ?1 AND rec_last < ?1 AND first / 86400000000000 = last / 86400000000000") \
	X(SEALED_ADD, "INSERT INTO sealed(day, part, rec_day, seq, body) VALUES(?1, ?2, ?3," \
	    " (SELECT coalesce(max(seq), 0) + 1 FROM sealed WHERE day = ?1 AND part = ?2 AND rec_day = ?3), ?4)") \
	X(SEALED_IN, "SELECT day, part, rec_day, body FROM sealed WHERE day BETWEEN ?1 AND ?2 AND rec_day <= ?3 ORDER BY day, part") \
	X(SEALED_OF, "SELECT day, part, rec_day, body FROM sealed WHERE part = ?1 AND rec_day <= ?2 ORDER BY day") \
	X(CLAIM_LESS, "UPDATE claim SET count = count - ?2, errors = max(errors - ?3, 0), latency = max(latency - ?4, 0) WHERE id = ?1") \
	X(CLAIM_NONE, "UPDATE claim SET until = -1, rec_until = ?2 WHERE id = ?1") \
	X(FACTS_NONE, "UPDATE claim SET until = -1, rec_until = ?3 WHERE what = ?4 AND a = ?1 AND b = 1 AND source = ?2" \
	    " AND until = 9223372036854775807") \
	X(PIECE_LESS, "UPDATE piece SET count = max(count - ?4, 0), errors = max(errors - ?5, 0)" \
	    " WHERE claim = ?1 AND first = ?2 AND rec_first = ?3") \
	X(HALF_KEEP, "INSERT INTO half(recorded, body) VALUES(?1, ?2)") \
	X(HALF_TRACE, "INSERT OR IGNORE INTO half_trace(trace, half) VALUES(?1, ?2)") \
	X(HALF_EACH, "SELECT half, trace FROM half_trace WHERE half > ?1") \
	X(HALF_FIND, "SELECT half.id, half.body FROM half_trace JOIN half ON half.id = half_trace.half WHERE half_trace.trace = ?1" \
	    " ORDER BY half.id LIMIT 4096") \
	X(HALF_DROP, "DELETE FROM half WHERE id = ?1") \
	X(HALF_COUNT, "SELECT count(*) FROM half") \
	X(HALF_OLD, "DELETE FROM half WHERE recorded < ?1") \
	X(HALF_OVER, "DELETE FROM half WHERE id <= (SELECT id FROM half ORDER BY id DESC LIMIT 1 OFFSET ?1)") \
	X(NOTE_SET, "INSERT INTO note(kind, key, made, until, body) VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(kind, key) DO UPDATE SET" \
	    " made = excluded.made, until = excluded.until, body = excluded.body") \
	X(NOTE_DROP, "DELETE FROM note WHERE kind = ?1 AND key = ?2") \
	X(NOTE_ALL, "SELECT key, made, until, body FROM note WHERE kind = ?1 ORDER BY made, key")

enum past_statement {
#define X(id, sql) PAST_##id,
	PAST_STATEMENTS(X)
#undef X
	PAST_STATEMENT_COUNT
};

struct past {
	sqlite3 *db;
	sqlite3_stmt *statements[PAST_STATEMENT_COUNT];
	bool read_only;
	int64_t gap;                    /* ns without a sighting that end an episode */
	struct map texts;               /* text -> its number; only what is committed or being written */
	struct map pairs;               /* {kind, a, b} -> number of a node or line */
	bool open_batch, stream;
	int64_t batch, now;             /* of the open batch */
	const char *cwd;
	struct past_taken sums;         /* of the open batch */
	char error[PAST_ERROR_MAX];
};

/* Note why in p->error. returns rc. */
int past_fail(struct past *p, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* What SQLite said, as -errno: -ENOSPC, -EBUSY, -EROFS, -EBADMSG (damaged), -EIO, -ENOMEM; p->error is set. */
int past_sqlite(struct past *p, int sqlite_rc);

/*
 * past_ask - a statement with its values: 'i' an int64_t, 't' a text, 'b' bytes and their number (size_t), one letter each.
 * returns 0 or -errno. Step it with past_row() until that returns 0 or an error.
 */
int past_ask(struct past *p, enum past_statement which, sqlite3_stmt **ret, const char *types, ...);
int past_row(struct past *p, sqlite3_stmt *s);  /* 1 a row; 0 no more (the statement is reset); -errno (reset as well) */
/* Ask, and want no rows. */
int past_do(struct past *p, enum past_statement which, const char *types, ...);
/* End a statement before its last row. */
void past_done(sqlite3_stmt *s);

/* A time of a row: whatever stands there, it can be added to and taken from. */
static inline int64_t
past_time_at(sqlite3_stmt *s, int column)
{
	int64_t v = sqlite3_column_int64(s, column);

	return v < 0 ? 0 : FL_MIN(v, PAST_TIME_MAX);
}

/* The same of a day. */
static inline int64_t
past_day_at(sqlite3_stmt *s, int column)
{
	int64_t v = sqlite3_column_int64(s, column);

	return v < 0 ? 0 : FL_MIN(v, PAST_TIME_MAX / PAST_DAY);
}

/* Make the tables, or bring them up to date. 0; -EPROTO: made by a later version; -EINVAL: not ours */
int past_schema(struct past *p);

#endif
