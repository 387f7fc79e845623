/* SPDX-License-Identifier: MIT */
/*
 * txn_cobra.c - a log of Cobra.
 *
 * Records: S, C, A and a transaction (some logs: and a time stamp); W and the number of the write, a hash of the key, one of the
 * value; R and the transaction and number of the write that was read, and the same hashes. The number of a write is its value.
 */
#include "audit/txn_cobra.h"

#include "audit/txn_session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define INITIAL UINT64_C(0xbebeebee)            /* instead of a write: there was none */
#define ABSENT UINT64_C(0xdeadbeef)
#define COLLECTOR_1 UINT64_C(0x23332333)        /* reads of the verifier's own key */
#define COLLECTOR_2 UINT64_C(0x66666666)

struct log {
	const char *p;
	size_t n, at;
	size_t stamp_bytes;             /* behind the transaction of S, C, A */
};

static uint64_t
number(const char *p)
{
	uint64_t x = 0;

	for (size_t i = 0; i < 8; i++)
		x = x << 8 | (unsigned char)p[i];
	return x;
}

/* Bytes of a record by its first one; 0: there is none such. */
static size_t
record_bytes(const struct log *l, char kind)
{
	switch (kind) {
	case 'S': case 'C': case 'A': return 9 + l->stamp_bytes;
	case 'W': return 25;
	case 'R': return 33;
	default: return 0;
	}
}

/* The next record; NULL: the end. A last one that broke off is left out. */
static const char *
next(struct log *l, bool *ret_bad)
{
	size_t bytes = l->at < l->n ? record_bytes(l, l->p[l->at]) : 0;

	*ret_bad = l->at < l->n && bytes == 0;
	if (bytes == 0 || bytes > l->n - l->at)
		return NULL;
	l->at += bytes;
	return l->p + l->at - bytes;
}

/* Do the records follow each other with stamps of this size? All, or the first `most` of them. */
static bool
reads_with(const char *p, size_t n, size_t stamp_bytes, size_t most)
{
	struct log l = { .p = p, .n = n, .stamp_bytes = stamp_bytes };
	bool bad = false;

	for (size_t i = 0; i < most && next(&l, &bad) != NULL; i++)
		;
	return !bad;
}

bool
txn_cobra_is(const char *p, size_t n)
{
	return n >= 18 && p[0] == 'S' && (reads_with(p, n, 0, 64) || reads_with(p, n, 8, 64));
}

static int
code_of(struct txn_hist *h, uint64_t write, int32_t *ret)
{
	if (write == INITIAL || write == ABSENT) {
		*ret = TXN_NIL;
		return 0;
	}
	return txn_hist_int(h, (int64_t)write, ret);
}

/* How the transaction that begins at l->at ends. */
static enum txn_outcome
outcome_of(const struct log *l)
{
	struct log ahead = *l;
	const char *r;
	bool bad;

	while ((r = next(&ahead, &bad)) != NULL && *r != 'S')
		if (*r == 'C' || *r == 'A')
			return *r == 'C' ? TXN_OK : TXN_FAIL;
	return TXN_INFO;
}

static int
refuse_at(struct txn_read_info *info, size_t at, const char *what)
{
	txn_session_refuse(info, 0, what);
	size_t used = strlen(info->error);

	snprintf(info->error + used, sizeof(info->error) - used, ", at byte %zu", at);
	return -EINVAL;
}

/* W or R of the transaction at hand. */
static int
add_record(struct txn_hist *h, const char *r)
{
	bool write = *r == 'W';
	uint64_t id = number(r + (write ? 1 : 9));
	int32_t value;
	int rc;

	if ((!write && h->txns[h->count - 1].outcome != TXN_OK) || (!write && (id == COLLECTOR_1 || id == COLLECTOR_2)))
		return 0;
	rc = code_of(h, id, &value);
	return rc != 0 ? rc : txn_session_mop(h, write, (int64_t)number(r + (write ? 9 : 17)), value);
}

int
txn_cobra_read(struct txn_hist *h, int64_t session, const char *p, size_t n, struct txn_read_info *info)
{
	struct log l = { .p = p, .n = n, .stamp_bytes = reads_with(p, n, 0, SIZE_MAX) ? 0 : 8 };
	uint64_t open = 0;
	bool is_open = false, bad;
	const char *r;
	int rc = 0;

	while (rc == 0 && (r = next(&l, &bad)) != NULL) {
		size_t at = (size_t)(r - p);

		if (*r == 'S') {
			if (is_open)
				return refuse_at(info, at, "a transaction begins inside another");
			open = number(r + 1);
			is_open = true;
			rc = txn_session_add(h, session, 0, outcome_of(&l));
		} else if (!is_open) {
			return refuse_at(info, at, "this record stands outside of any transaction");
		} else if (*r == 'W' || *r == 'R') {
			rc = add_record(h, r);
		} else if (number(r + 1) != open) {
			return refuse_at(info, at, "another transaction ends here than has begun");
		} else {
			is_open = false;
		}
	}
	return rc == 0 && bad ? refuse_at(info, l.at, "expected one of the records S, C, A, W, R") : rc;
}
