/* SPDX-License-Identifier: MIT */
/* txn_foreign.c - transactional histories in the formats of other checkers: which one it is, and those that are lines of text. */
#include "audit/txn_foreign.h"

#include "audit/txn_cobra.h"
#include "audit/txn_dbcop.h"
#include "audit/txn_session.h"
#include "base/arena.h"
#include "base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *
skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

static bool
is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
}

/* Does dbcop's text begin here: a transaction, or a comment? */
static bool
is_dbcop_text(const char *p, const char *end)
{
	if (end - p >= 2 && p[0] == '/' && p[1] == '/')
		return true;
	if (p < end && *p == '[')
		p = skip_space(p + 1, end);
	const char *name = p;

	while (p < end && is_name(*p))
		p++;
	return p > name && end - p >= 2 && p[1] == '=' && (p[0] == ':' || p[0] == '=');
}

/* Does an array of arrays of objects with events begin here, or an object with such "data"? */
static bool
is_dbcop_json(const char *p, const char *end)
{
	static const char *const words[] = { "\"params\"", "\"events\"", "\"data\"" };
	const char *q = skip_space(p + 1, end);

	if (p < end && *p == '[' && q < end && *q == '[') {
		q = skip_space(q + 1, end);
		return q < end && (*q == '{' || *q == ']');
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && p < end && *p == '{'; i++)
		if ((size_t)(end - q) >= strlen(words[i]) && memcmp(q, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

enum txn_foreign
txn_foreign_of(const char *text, size_t n)
{
	const char *p = text, *end = text + n;

	if (txn_cobra_is(text, n))
		return TXN_FOREIGN_COBRA;
	if (n >= 64 && memchr(text, '\0', 8) != NULL)   /* its first number is small */
		return TXN_FOREIGN_DBCOP;
	p = skip_space(p, end);
	if (end - p >= 4 && (*p == 'r' || *p == 'w') && p[1] == '(' && is_digit(p[2]))
		return TXN_FOREIGN_PLUME;
	if (end - p >= 5 && (*p == 'r' || *p == 'w') && p[1] == ' ' && is_digit(p[2]))
		return TXN_FOREIGN_AWDIT;
	if (is_dbcop_text(p, end))
		return TXN_FOREIGN_DBCOP_TEXT;
	return is_dbcop_json(p, end) ? TXN_FOREIGN_DBCOP_JSON : TXN_FOREIGN_NONE;
}

struct lines {
	struct txn_hist *h;
	struct txn_read_info *info;
	const char *p, *end;            /* what is left */
	uint32_t line;                  /* the one that was taken last */
};

/* The next line that is not empty, without spaces around it; false: none. */
static bool
next_line(struct lines *l, const char **ret_p, const char **ret_end)
{
	while (l->p < l->end) {
		const char *p = l->p, *eol = memchr(p, '\n', (size_t)(l->end - p));

		if (eol == NULL)
			eol = l->end;
		l->p = eol < l->end ? eol + 1 : eol;
		l->line++;
		p = skip_space(p, eol);
		while (eol > p && (eol[-1] == ' ' || eol[-1] == '\r' || eol[-1] == '\t'))
			eol--;
		if (p == eol)
			continue;
		*ret_p = p;
		*ret_end = eol;
		return true;
	}
	return false;
}

/* A whole number at *p, which moves behind it. */
static bool
take_number(const char **p, const char *end, int64_t *ret)
{
	const char *q = *p;
	bool negative = q < end && *q == '-';
	uint64_t x = 0;

	q += negative;
	const char *first = q;

	for (; q < end && is_digit(*q); q++) {
		if (x > (UINT64_MAX - 9) / 10)
			return false;
		x = x * 10 + (uint64_t)(*q - '0');
	}
	if (q == first)
		return false;
	*ret = (int64_t)(negative ? 0 - x : x);
	*p = q;
	return true;
}

/* An operation of Plume. txn: which transaction, in the order of their first operations. */
struct row {
	int64_t key, value, session, id;
	uint32_t txn, line;
	bool write;
};

static int
parse_row(const struct lines *l, const char *p, const char *end, struct row *ret)
{
	struct row r = { .write = *p == 'w', .line = l->line };
	int64_t *parts[] = { &r.key, &r.value, &r.session, &r.id };
	bool good = (*p == 'r' || *p == 'w') && end - p > 2 && p[1] == '(';

	p += good ? 2 : 0;
	for (size_t i = 0; i < 4 && good; i++) {
		p = skip_space(p, end);
		good = take_number(&p, end, parts[i]);
		p = skip_space(p, end);
		good = good && p < end && *p == (i < 3 ? ',' : ')');
		p += good;
	}
	if (!good || p != end)
		return txn_session_refuse(l->info, l->line, "expected r(key,value,session,transaction) or w(...)");
	*ret = r;
	return 0;
}

static uint64_t
mix(int64_t a, int64_t b)
{
	uint64_t x = ((uint64_t)a * UINT64_C(0x9e3779b97f4a7c15)) ^ (uint64_t)b;

	x *= UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

/* Number the transactions of rows. An aborted write is one by itself. Returns how many, 0: no memory. */
static uint32_t
number_rows(struct arena *mem, struct row *rows, uint32_t count)
{
	size_t cap = 64;
	uint32_t txns = 0;

	while (cap < 2 * (size_t)count)
		cap *= 2;
	uint32_t *table = arena_alloc(mem, cap * sizeof(*table));         /* row + 1 */

	if (table == NULL)
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		struct row *r = &rows[i];
		size_t at = mix(r->session, r->id) & (cap - 1);

		if (r->id == -1) {
			r->txn = txns++;
			continue;
		}
		while (table[at] != 0 && (rows[table[at] - 1].session != r->session || rows[table[at] - 1].id != r->id))
			at = (at + 1) & (cap - 1);
		r->txn = table[at] == 0 ? txns++ : rows[table[at] - 1].txn;
		if (table[at] == 0)
			table[at] = i + 1;
	}
	return txns;
}

/* Rows transaction by transaction, into the history. */
static int
add_rows(struct txn_hist *h, struct arena *mem, const struct row *rows, uint32_t count, uint32_t txns)
{
	uint32_t *first = arena_alloc(mem, ((size_t)txns + 2) * sizeof(*first)), *order = arena_alloc(mem, count * sizeof(*order));
	uint32_t before = UINT32_MAX;
	int rc = first == NULL || order == NULL ? -ENOBUFS : 0;

	for (uint32_t i = 0; i < count && rc == 0; i++)
		first[rows[i].txn + 2]++;
	for (uint32_t t = 0; t < txns && rc == 0; t++)
		first[t + 2] += first[t + 1];
	for (uint32_t i = 0; i < count && rc == 0; i++)
		order[first[rows[i].txn + 1]++] = i;
	for (uint32_t i = 0; i < count && rc == 0; i++) {
		const struct row *r = &rows[order[i]];
		int32_t value;

		if (r->txn != before)
			rc = txn_session_add(h, r->session, r->line, r->id == -1 ? TXN_FAIL : TXN_OK);
		before = r->txn;
		if (rc == 0 && (r->id != -1 || r->write) && (rc = txn_hist_int(h, r->value, &value)) == 0)
			rc = txn_session_mop(h, r->write, r->key, value);
	}
	return rc;
}

static int
read_plume(struct lines *l)
{
	struct lines again = *l;
	const char *p, *end;
	uint32_t count = 0, at = 0;
	struct arena mem;
	int rc = 0;

	while (next_line(&again, &p, &end))
		count++;
	arena_init(&mem, l->h->bytes_max);
	struct row *rows = arena_alloc(&mem, count * sizeof(*rows));

	if (rows == NULL)
		rc = -ENOBUFS;
	while (rc == 0 && next_line(l, &p, &end))
		rc = parse_row(l, p, end, &rows[at++]);
	if (rc == 0 && count > 0) {
		uint32_t txns = number_rows(&mem, rows, count);

		rc = txns == 0 ? -ENOBUFS : add_rows(l->h, &mem, rows, count, txns);
	}
	arena_fini(&mem);
	return rc;
}

static int
read_awdit(struct lines *l)
{
	const char *p, *end;
	int64_t session = 0, key, number;
	bool open = false;
	int32_t value;
	int rc = 0;

	while (rc == 0 && next_line(l, &p, &end)) {
		if (*p == '=' || *p == '-') {
			session += *p == '=';
			open = false;
			continue;
		}
		bool write = *p == 'w', good = write || *p == 'r';

		p = skip_space(p + 1, end);
		good = good && take_number(&p, end, &key);
		p = skip_space(p, end);
		if (!good || !take_number(&p, end, &number) || p != end)
			return txn_session_refuse(l->info, l->line, "expected \"r key value\", \"w key value\", a line of - or a line of =");
		if (!open)
			rc = txn_session_add(l->h, session, l->line, TXN_OK);
		open = true;
		if (rc == 0 && (rc = txn_hist_int(l->h, number, &value)) == 0)
			rc = txn_session_mop(l->h, write, key, value);
	}
	return rc;
}

int
txn_foreign_read(struct txn_hist *h, enum txn_foreign format, int64_t session, const char *text, size_t n, struct txn_read_info *info)
{
	struct lines l = { .h = h, .info = info, .p = text, .end = text + n };
	int rc = -EINVAL;

	fl_assert(h->model == TXN_RW_REGISTER);
	*info = (struct txn_read_info){ .line = 0 };
	switch (format) {
	case TXN_FOREIGN_PLUME: rc = read_plume(&l); break;
	case TXN_FOREIGN_AWDIT: rc = read_awdit(&l); break;
	case TXN_FOREIGN_DBCOP_TEXT: rc = txn_dbcop_text(h, text, n, info); break;
	case TXN_FOREIGN_DBCOP_JSON: rc = txn_dbcop_json(h, text, n, info); break;
	case TXN_FOREIGN_DBCOP: rc = txn_dbcop_binary(h, text, n, info); break;
	case TXN_FOREIGN_COBRA: rc = txn_cobra_read(h, session, text, n, info); break;
	case TXN_FOREIGN_NONE: txn_session_refuse(info, 1, "this is no history of a known format"); break;
	}
	if (rc == -ENOBUFS)
		snprintf(info->error, sizeof(info->error), "the history needs more memory than it may have");
	return rc;
}
